"""Exercises of lesson 02, masks: apply one, keep it under momentum, count what it keeps, and find where it leaks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lthkit.classroom.exercises.exercise import (
    Case,
    Exercise,
    Misconception,
    Option,
    Question,
    pick,
    variants,
)


def apply_mask(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A new dict of all weights, in which removed entries are exactly 0, whatever stood there.

    Args:
        weights: parameter name -> float tensor, left as it is.
        mask: parameter name -> bool tensor of the same shape, True = kept; a name without a mask is kept whole.
    """
    return {name: w.where(mask[name], 0) if name in mask else w for name, w in weights.items()}


def masked_sgd_step(
    weight: Tensor, gradient: Tensor, velocity: Tensor, keep: Tensor, lr: float, momentum: float
) -> tuple[Tensor, Tensor]:
    """One step of SGD with momentum after which removed weights and their velocity are exactly 0.

    Args:
        weight, gradient, velocity: float tensors of one shape, left as they are.
        keep: bool tensor of that shape, True = kept.

    Returns:
        The new weight and the new velocity: v <- momentum v + g, then w <- w - lr v (as torch.optim.SGD), both masked.
    """
    velocity = (momentum * velocity + gradient).where(keep, 0)
    weight = (weight - lr * velocity).where(keep, 0)
    return weight, velocity


def densities(mask: Mapping[str, Tensor]) -> dict[str, float]:
    """The density of each layer by name, and of all weights together under "all", as Python floats from 0 to 1."""
    result = {name: int(keep.sum()) / keep.numel() for name, keep in mask.items()}
    kept, total = sum(int(k.sum()) for k in mask.values()), sum(k.numel() for k in mask.values())
    result["all"] = kept / total
    return result


def came_back(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, list[int]]:
    """The flat indices, rising, of removed weights that are not exactly 0, by name; only names that have any."""
    leaks = {name: ((weights[name] != 0) & ~keep).flatten() for name, keep in mask.items()}
    return {name: leak.nonzero().flatten().tolist() for name, leak in leaks.items() if leak.any()}


# Other right answers, and mistakes that people make


def _apply_filled(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    new = {}
    for name, weight in weights.items():
        new[name] = weight.clone()
        if name in mask:
            new[name][~mask[name]] = 0
    return new


def _apply_masked_fill(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        n: w.masked_fill(~mask.get(n, torch.ones(w.shape, dtype=torch.bool)), 0.0) for n, w in weights.items()
    }


def _apply_in_loops(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    new = {}
    for name, w in weights.items():
        keep = mask[name].flatten().tolist() if name in mask else [True] * w.numel()
        entries = [x if k else 0.0 for x, k in zip(w.flatten().tolist(), keep, strict=True)]
        new[name] = torch.tensor(entries, dtype=w.dtype).reshape(w.shape)
    return new


def _apply_zeros_by_factor(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: w - w * ~mask[n] if n in mask else w for n, w in weights.items()}


def _apply_finite_only(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: w.where(w.isfinite(), 0) * mask[n] if n in mask else w for n, w in weights.items()}


def _apply_in_float32(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: w.float() for n, w in apply_mask(weights, mask).items()}


def _apply_through_float32(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: w.float().where(mask[n], 0).to(w.dtype) if n in mask else w for n, w in weights.items()}


def _apply_times_float(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: w * mask[n].float() if n in mask else w for n, w in weights.items()}


def _apply_in_place(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    for name, keep in mask.items():
        weights[name][~keep] = 0
    return dict(weights)


def _apply_times(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: w * mask[n] if n in mask else w for n, w in weights.items()}


def _apply_without_nan(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    new = _apply_times(weights, mask)
    return {n: w.masked_fill(w.isnan(), 0) if n in mask else w for n, w in new.items()}


def _apply_inverted(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: w.where(~mask[n], 0) if n in mask else w for n, w in weights.items()}


def _apply_selecting(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: w[mask[n]] if n in mask else w for n, w in weights.items()}


def _apply_dropping(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: weights[n].where(mask[n], 0) for n in mask}


def _apply_every(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: w.where(mask[n], 0) for n, w in weights.items()}


def _apply_to_all(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: w.where(mask[n], 0) if n in mask else torch.zeros_like(w) for n, w in weights.items()}


Pair = tuple[Tensor, Tensor]


def _step_filled(w: Tensor, g: Tensor, v: Tensor, keep: Tensor, lr: float, momentum: float) -> Pair:
    v = v.clone().mul_(momentum).add_(g)
    w = w.clone().sub_(v, alpha=lr)
    return w.masked_fill(~keep, 0.0), v.masked_fill(~keep, 0.0)


def _step_kept_only(w: Tensor, g: Tensor, v: Tensor, keep: Tensor, lr: float, momentum: float) -> Pair:
    new_w, new_v = torch.zeros_like(w), torch.zeros_like(v)
    new_v[keep] = momentum * v[keep] + g[keep]
    new_w[keep] = w[keep] - lr * new_v[keep]
    return new_w, new_v


def _step_in_double(w: Tensor, g: Tensor, v: Tensor, keep: Tensor, lr: float, momentum: float) -> Pair:
    new_v = torch.where(keep, v.double() * momentum + g.double(), 0.0)
    new_w = torch.where(keep, w.double() - new_v * lr, 0.0)
    return new_w.to(w.dtype), new_v.to(v.dtype)


def _step_in_float32(w: Tensor, g: Tensor, v: Tensor, keep: Tensor, lr: float, momentum: float) -> Pair:
    new_w, new_v = masked_sgd_step(w.float(), g.float(), v.float(), keep, lr, momentum)
    return new_w.to(w.dtype), new_v.to(v.dtype)


def _step_to_float32(w: Tensor, g: Tensor, v: Tensor, keep: Tensor, lr: float, momentum: float) -> Pair:
    return masked_sgd_step(w.float(), g.float(), v.float(), keep, lr, momentum)


def _step_in_place(w: Tensor, g: Tensor, v: Tensor, keep: Tensor, lr: float, momentum: float) -> Pair:
    v.mul_(momentum).add_(g)[~keep] = 0
    w.sub_(lr * v)[~keep] = 0
    return w, v


def _step_repaired(w: Tensor, g: Tensor, v: Tensor, keep: Tensor, lr: float, momentum: float) -> Pair:
    v = (momentum * v + g).nan_to_num() * keep
    return (w - lr * v).nan_to_num() * keep, v


def _step_finite_only(w: Tensor, g: Tensor, v: Tensor, keep: Tensor, lr: float, momentum: float) -> Pair:
    v = momentum * v + g
    v = v.where(keep & v.isfinite(), 0)
    w = w - lr * v
    return w.where(keep & w.isfinite(), 0), v


def _step_gradient_and_weight(
    w: Tensor, g: Tensor, v: Tensor, keep: Tensor, lr: float, momentum: float
) -> Pair:
    v = momentum * v + g.where(keep, 0)
    return (w - lr * v).where(keep, 0), v


def _step_factor_float(w: Tensor, g: Tensor, v: Tensor, keep: Tensor, lr: float, momentum: float) -> Pair:
    v = (momentum * v + g) * keep.float()
    return (w - lr * v) * keep.float(), v


def _step_factor(w: Tensor, g: Tensor, v: Tensor, keep: Tensor, lr: float, momentum: float) -> Pair:
    factor = keep.to(w.dtype)
    w, g, v = w * factor, g * factor, v * factor
    new = momentum * v + g
    return w - lr * new, new


def _step(w: Tensor, g: Tensor, v: Tensor, keep: Tensor, lr: float, momentum: float, *, mistake: str) -> Pair:
    """The right answer with one thing wrong."""
    old = v
    if mistake == "inverted":
        keep = ~keep
    rules: dict[str, Callable[[], Tensor]] = {
        "gradient only": lambda: momentum * v + g.where(keep, 0),
        "gradient times mask": lambda: momentum * v + g * keep,
        "old velocity masked": lambda: momentum * v.where(keep, 0) + g,
        "dampened": lambda: momentum * v + (1 - momentum) * g,
        "lr in velocity": lambda: momentum * v + lr * g,
        "momentum of gradient": lambda: v + momentum * g,
        "lr and momentum swapped": lambda: lr * v + g,
        "no velocity": lambda: g,
        "no momentum": lambda: v + g,
        "minus gradient": lambda: momentum * v - g,
        "lr in velocity, downhill": lambda: momentum * v - lr * g,
    }
    v = pick(mistake, rules, lambda: momentum * v + g)()
    if mistake not in (
        "gradient only",
        "gradient times mask",
        "old velocity masked",
        "weight only",
        "nothing",
    ):
        v = v.where(keep, 0)
    moves: dict[str, Callable[[], Tensor]] = {
        "old velocity": lambda: lr * old,
        "lr in velocity": lambda: v,
        "nesterov": lambda: lr * (g + momentum * v),
        "lr and momentum swapped": lambda: momentum * v,
        "uphill": lambda: -lr * v,
        "no lr": lambda: v,
        "lr in velocity, downhill": lambda: -v,
        "gradient moves": lambda: lr * g,
    }
    move = pick(mistake, moves, lambda: lr * v)()
    if mistake == "weight times mask":
        return w * keep - move, v
    w = w - move
    if mistake not in ("gradient only", "gradient times mask", "velocity only", "nothing"):
        w = w.where(keep, 0)
    return (v, w) if mistake == "results swapped" else (w, v)


def _densities_counted(mask: Mapping[str, Tensor]) -> dict[str, float]:
    kept = total = 0
    result = {}
    for name, keep in mask.items():
        ones = keep.flatten().tolist().count(True)
        result[name] = ones / keep.numel()
        kept, total = kept + ones, total + keep.numel()
    return {**result, "all": kept / total}


def _densities_numpy(mask: Mapping[str, Tensor]) -> dict[str, float]:
    arrays = {n: k.numpy().ravel() for n, k in mask.items()} | {
        "all": np.concatenate([k.numpy().ravel() for k in mask.values()])
    }
    return {n: float(a.mean()) for n, a in arrays.items()}


def _densities_by_mean(mask: Mapping[str, Tensor]) -> dict[str, float]:
    every = torch.cat([keep.reshape(-1) for keep in mask.values()])
    return {name: keep.float().mean().item() for name, keep in (*mask.items(), ("all", every))}


OWN = ("own rows", "own first dimension", "own matrix")  # wrong sizes of layers, and the right one of all


def _densities(mask: Mapping[str, Tensor], *, mistake: str) -> dict[str, Any]:
    """The right answer with one thing wrong."""
    sizes: dict[str, Callable[[Tensor], int]] = {
        "rows": len,
        "first dimension": lambda keep: keep.shape[0],
        "matrix": lambda keep: keep.shape[0] * keep.shape[1],
        "own rows": len,
        "own first dimension": lambda keep: keep.shape[0],
        "own matrix": lambda keep: keep.shape[0] * keep.shape[1],
    }
    result: dict[str, Any] = {}
    kept, total = 0, 0
    for name, keep in mask.items():
        if mistake == "last layer":
            kept = total = 0
        ones, size = int(keep.sum()), pick(mistake, sizes, Tensor.numel)(keep)
        kept, total = kept + ones, total + (keep.numel() if mistake in OWN else size)
        everything = sum(k.numel() for k in mask.values())
        counted = pick(mistake, {"running": (kept, total), "share": (ones, everything)}, (ones, size))
        result[name] = _ratio(*counted, mistake)
    if mistake == "without all":
        return result
    means = {"mean": sum(result.values()) / len(result), "product": math.prod(result.values())}
    overall = pick(mistake, means, _ratio(kept, total, "" if mistake == "tensors of layers" else mistake))
    return {"all": overall} if mistake == "all only" else {**result, "all": overall}


def _ratio(kept: int, size: int, mistake: str) -> Any:
    rules: dict[str, Callable[[], Any]] = {
        "removed": lambda: 1 - kept / size,
        "counts": lambda: float(kept),
        "percent": lambda: 100 * kept / size,
        "floor": lambda: float(kept // size),
        "two digits": lambda: round(kept / size, 2),
        "three digits": lambda: round(kept / size, 3),
        "four digits": lambda: round(kept / size, 4),
        "tensor": lambda: torch.tensor(kept) / size,
        "tensors of layers": lambda: torch.tensor(kept) / size,
    }
    return pick(mistake, rules, lambda: kept / size)()


Leaks = dict[str, list[int]]


def _back_loops(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> Leaks:
    found: Leaks = {}
    for name, keep in mask.items():
        pairs = zip(weights[name].flatten().tolist(), keep.flatten().tolist(), strict=True)
        for i, (w, kept) in enumerate(pairs):
            if w != 0 and not kept:
                found.setdefault(name, []).append(i)
    return found


def _back_by_counting(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> Leaks:
    found: Leaks = {}
    for name in mask:
        place = torch.arange(mask[name].numel()).reshape(mask[name].shape)
        removed = ~mask[name]
        leaking = weights[name][removed].ne(0)
        if int(leaking.sum()) > 0:
            found[name] = sorted(int(i) for i in place[removed][leaking])
    return found


def _back_numpy(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> Leaks:
    found = {n: np.flatnonzero((weights[n].numpy() != 0) & ~k.numpy()).tolist() for n, k in mask.items()}
    return {n: places for n, places in found.items() if places}


def _back(
    weights: Mapping[str, Tensor], mask: Mapping[str, Tensor], *, mistake: str
) -> dict[str, Any] | None:
    """The right answer with one thing wrong."""
    found: dict[str, Any] = {}
    start = 0
    if mistake == "needs a mask":
        mask = {name: mask[name] for name in weights}
    elif mistake == "no mask":
        mask = {name: mask.get(name, torch.zeros(w.shape, dtype=torch.bool)) for name, w in weights.items()}
    for name, keep in mask.items():
        w = weights[name].nan_to_num(0.0) if mistake == "no nan" else weights[name]
        finds = pick(
            mistake,
            {
                "positive": (w > 0) & ~keep,
                "isclose": ~torch.isclose(w, torch.zeros_like(w)) & ~keep,
                "tolerance": (w.abs() > 1e-6) & ~keep,
                "kept": (w != 0) & keep,
                "differs": (w != 0) != keep,
                "all": ~keep,
                "times mask": w * ~keep != 0,
                "float32": (w.float() != 0) & ~keep,
                "finite": (w != 0) & w.isfinite() & ~keep,
            },
            (w != 0) & ~keep,
        )
        if mistake == "among removed":
            finds = w[~keep] != 0
        elif mistake == "column by column":
            finds = finds.permute(tuple(reversed(range(finds.dim()))))
        flat = finds.flatten().nonzero().flatten()
        if mistake == "by size":
            flat = flat[w.flatten()[flat].abs().argsort(descending=True)]
        rules: dict[str, Callable[..., Tensor]] = {
            "coordinates": lambda finds, flat: finds.nonzero(),
            "columns": lambda finds, flat: finds.nonzero()[:, -1],
            "first coordinate": lambda finds, flat: finds.nonzero()[:, 0],
            "matrix": lambda finds, flat: torch.tensor([i * finds.shape[1] + j for i, j in finds.nonzero()]),
            "not flattened": lambda finds, flat: finds.nonzero().flatten(),
            "squeeze": lambda finds, flat: flat.squeeze(),
            "values": lambda finds, flat, w=w: w.flatten()[flat],
            "from 1": lambda finds, flat: flat + 1,
            "running": lambda finds, flat, start=start: flat + start,
        }
        places: list[Any] = pick(mistake, rules, lambda finds, flat: flat)(finds, flat).tolist()
        if mistake == "stops" and not places:
            break
        there = len(places) if isinstance(places, list) else len(flat)
        if there and not (mistake == "index 0" and places == [0]) or mistake == "empty":
            found[name] = {"tensor": flat, "counts": len(flat)}.get(mistake, places)
        start += keep.numel()
        if mistake == "first only" or mistake == "first leaking only" and found:
            break
    return None if mistake == "first only" and not mask else found


T, F = True, False
_W = torch.tensor([0.5, -0.4, 0.3, -0.2])
_G = torch.tensor([1.0, 2.0, -1.0, -2.0])
_K = torch.tensor([T, F, T, F])

EXERCISES = (
    Exercise(
        id="02.1",
        reference=apply_mask,
        cases=(
            Case(({"w": _W}, {"w": _K}), "One tensor, half of it kept."),
            Case(
                (
                    {"fc.weight": _W.view(2, 2), "fc.bias": torch.tensor([0.1, -0.1])},
                    {"fc.weight": _K.view(2, 2)},
                ),
                "The bias has no mask; it is in the result, whole.",
            ),
            Case(
                (
                    {"w": torch.tensor([1.0, float("nan"), float("inf"), -2.0])},
                    {"w": torch.tensor([T, F, F, T])},
                ),
                "NaN and infinity stand where weights are removed.",
            ),
            Case(
                ({"w": _W.half()}, {"w": torch.tensor([F, F, F, F])}), "Half precision, and nothing is kept."
            ),
            Case(
                ({"w": torch.tensor([float("nan"), 1.0, float("inf")])}, {"w": torch.tensor([T, F, T])}),
                "A kept weight is NaN, one is infinite, and both stay so: a mask repairs nothing.",
            ),
            Case(({"w": _W, "b": torch.tensor([1.0])}, {}), "There is no mask: all tensors stay whole."),
            Case(
                (
                    {"a": torch.tensor(0.5), "b": torch.tensor(0.25), "c": torch.tensor(-1.0)},
                    {"a": torch.tensor(F), "b": torch.tensor(T)},
                ),
                "Three single weights without a dimension: one removed, one kept, one without a mask.",
            ),
            Case(
                ({"w": torch.zeros(0, 2), "v": _W}, {"w": torch.zeros(0, 2).bool(), "v": _K}),
                "A tensor without entries; it is in the result, empty.",
            ),
            Case(
                (
                    {"w": torch.tensor([0.1 + 1e-12, -0.1, 1e-300], dtype=torch.float64)},
                    {"w": torch.tensor([T, F, T])},
                ),
                "Weights in float64, with more digits than float32 can hold.",
            ),
            Case(
                (
                    {"conv.weight": torch.arange(1.0, 25.0).view(2, 3, 2, 2) / 7, "conv.bias": _W[:2]},
                    {"conv.weight": (torch.arange(24) % 3 == 0).view(2, 3, 2, 2)},
                ),
                "A weight with four dimensions, as a convolution has, and a bias.",
            ),
        ),
        hints=(
            "Go through all names in weights; some of them have no mask.",
            "w.where(keep, 0) takes w where keep is True and 0 elsewhere; it makes a new tensor.",
            "A dict comprehension over weights.items(), with `if name in mask else w` for the tensors without a mask.",
        ),
        misconceptions=(
            Misconception(
                lambda weights, mask: {
                    n: (w * mask[n]).nan_to_num(0.0) if n in mask else w for n, w in weights.items()
                },
                "nan_to_num repairs the kept weights too, where NaN should be seen; choose with where instead.",
            ),
            Misconception(
                _apply_without_nan,
                "You set every NaN to 0, in kept weights too, where it should be seen; choose by the mask alone, with where.",
            ),
            Misconception(
                _apply_times,
                "You multiply by the mask. NaN times 0 is NaN, and so is infinity times 0; choose with where instead.",
            ),
            Misconception(
                _apply_zeros_by_factor,
                "You subtract what is removed. NaN minus NaN is NaN, and so is infinity minus infinity; choose with where "
                "instead.",
            ),
            Misconception(
                _apply_finite_only,
                "You set NaN and infinity to 0, in kept weights too, where they should be seen; choose by the mask alone, with "
                "where.",
            ),
            Misconception(
                _apply_in_float32,
                "You change the type to float32; each tensor keeps its own.",
            ),
            Misconception(
                _apply_in_place,
                "You change what came in. Clone first, or use where, which makes new tensors, and a new dict.",
            ),
            Misconception(
                _apply_times_float,
                "You multiply by mask.float(): float16 becomes float32, and NaN times 0 is NaN. Choose with where instead.",
            ),
            Misconception(
                _apply_through_float32,
                "You go through float32, in which a float64 weight loses digits; choose with where, in the type of the weight.",
            ),
            Misconception(_apply_inverted, "This keeps the removed weights: True in the mask means kept."),
            Misconception(
                _apply_selecting,
                "Indexing with the mask picks the kept entries out and loses the shape; put 0 in place of the others.",
            ),
            Misconception(
                _apply_dropping, "Parameters without a mask, such as biases, are missing from the result."
            ),
            Misconception(_apply_to_all, "A tensor without a mask stays whole; you set it to 0."),
            Misconception(
                _apply_every, "You look up a mask for every parameter; some, such as biases, have none."
            ),
        ),
        alternatives=(_apply_filled, _apply_masked_fill, _apply_in_loops),
        difficulty="easy",
        lines=1,
        minutes=5,
        rtol=0.0,
        atol=0.0,
        told={
            "0-D,1-D,2-D,4-D,empty tensor": "of any shape",
            "float16,float64": "float tensor",
            "NaN,infinity": "NaN and infinity",
            "empty dict": "no tensor has a mask",
        },
        absent={"ties": "a mask ranks nothing"},
    ),
    Exercise(
        id="02.2",
        reference=densities,
        cases=(
            Case(({"a": torch.tensor([T, F, F, F])},), "One layer of four weights."),
            Case(
                ({"fc1": torch.tensor([[T, F, F], [F, F, F]]), "fc2": torch.tensor([T, T, T])},),
                "Two layers of different sizes.",
            ),
            Case(
                ({"a": torch.zeros(3, 2).bool(), "b": torch.ones(2, 5).bool(), "c": torch.eye(4).bool()},),
                "A layer that keeps nothing, a whole one, and a diagonal.",
            ),
            Case(
                ({"a": torch.tensor(F), "b": torch.tensor(T), "c": torch.tensor([T, F, F])},),
                "Two layers are a single weight without a dimension.",
            ),
            Case(
                ({"conv": torch.arange(24).view(2, 3, 2, 2) > 4, "fc": torch.tensor([[T, F]])},),
                "A layer with four dimensions, as a convolution has.",
            ),
            Case(({"w": torch.arange(2500) > 0},), "A long layer that has lost one weight."),
            Case(
                ({"w": torch.tensor([F, F, F]), "v": torch.tensor([T, F])},),
                "Two layers; the first keeps nothing.",
            ),
        ),
        hints=(
            "The density of a layer is the number of True entries divided by the number of all entries.",
            "int(keep.sum()) counts the True entries, keep.numel() counts all of them, in any shape.",
            'For "all", add up the kept entries of all layers, add up all entries, and divide once.',
        ),
        misconceptions=(
            *variants(
                _densities,
                {
                    "mean": 'Your "all" is the mean of the layer densities. Large layers must count for more: divide all kept by '
                    "all.",
                    "product": 'Your "all" is the product of the layer densities; divide all kept by all.',
                    "last layer": 'Your "all" counts the last layer only; add up the kept weights, and all weights, over the layers.',
                    "running": "You add up from layer to layer; the density of a layer counts only its own weights.",
                    "share": "You divide each layer by the number of all weights; divide it by its own number.",
                    "removed": "This is the sparsity, the fraction removed; density is the fraction kept.",
                    "rows": "len(keep) is the number of rows; keep.numel() is the number of weights.",
                    "counts": "These are counts; divide by the number of weights.",
                    "percent": "These are percentages; a density runs from 0 to 1.",
                    "floor": "// cuts the fraction off; divide with /.",
                    "first dimension": "You divide by the first dimension of the shape, which is the number of rows, and a single "
                    "weight has none; keep.numel() is the number of weights.",
                    "matrix": "You multiply two dimensions of the shape. A layer may have fewer or more; keep.numel() counts the "
                    "weights of any shape.",
                    "own rows": "You divide a layer by len(keep), its number of rows; keep.numel() is its number of weights.",
                    "own first dimension": "You divide a layer by the first dimension of its shape, and a single weight has none; "
                    "keep.numel() is its number of weights.",
                    "own matrix": "You divide a layer by the product of two dimensions, and it may have fewer or more; keep.numel() "
                    "is its number of weights.",
                    "tensors of layers": "The densities of the layers are tensors; .item() makes a Python number of each.",
                    "without all": 'The density of all weights together is missing; put it under "all".',
                    "all only": 'You return the density of all weights only; put each layer under its name, and this under "all".',
                    "two digits": "You round to two digits; return the densities as they are.",
                    "three digits": "You round to three digits; return the densities as they are.",
                    "four digits": "You round to four digits; return the densities as they are.",
                    "tensor": "The values are right, but they are tensors; .item() makes a Python number of each.",
                },
            ),
        ),
        alternatives=(_densities_counted, _densities_numpy, _densities_by_mean),
        difficulty="easy",
        lines=4,
        minutes=5,
        rtol=1e-6,
        told={"0-D,1-D,2-D,4-D": "no dimension, or one, two or four"},
        absent={
            "empty tensor": "the text says at least one weight",
            "empty dict": "the text says at least one layer",
            "ties": "a density ranks nothing",
        },
    ),
    Exercise(
        id="02.3",
        reference=masked_sgd_step,
        cases=(
            Case((_W.where(_K, 0), _G, torch.zeros(4), _K, 0.5, 0.5), "The velocity starts at 0."),
            Case(
                (_W.where(_K, 0), torch.zeros(4), torch.tensor([1.0, 1.0, -1.0, -1.0]), _K, 0.5, 0.5),
                "The gradient is 0, and an old velocity is there.",
            ),
            Case(
                (_W, _G, torch.tensor([0.5, 3.0, 0.0, -3.0]), _K, 0.1, 0.9),
                "The removed weights come in as non-zero.",
            ),
            Case(
                (_W.view(2, 2), _G.view(2, 2), _G.view(2, 2), torch.ones(2, 2).bool(), 0.1, 0.0),
                "Nothing is removed.",
            ),
            Case((_W, _G, _G, torch.zeros(4).bool(), 0.1, 0.9), "Everything is removed."),
            Case(
                (torch.tensor([0.5, float("nan"), 0.3, float("inf")]), _G, torch.zeros(4), _K, 0.1, 0.9),
                "A removed weight comes in as NaN, another as infinite.",
            ),
            Case(
                (
                    _W,
                    torch.tensor([1.0, float("nan"), -1.0, 0.0]),
                    torch.tensor([0.5, 0.0, 0.0, float("inf")]),
                    _K,
                    0.1,
                    0.9,
                ),
                "A removed gradient is NaN, a removed velocity infinite: whatever came in, 0 comes out.",
            ),
            Case(
                (
                    torch.tensor([float("nan"), -0.4, float("inf"), -0.2]),
                    torch.tensor([1.0, 2.0, -1.0, -2.0]),
                    torch.zeros(4),
                    _K,
                    0.5,
                    0.5,
                ),
                "A kept weight is NaN, another infinite, and both stay so: a mask repairs nothing.",
            ),
            Case(
                (*(torch.tensor(x) for x in (0.5, 1.0, 2.0, True)), 0.5, 0.25),
                "A single kept weight, without a dimension.",
            ),
            Case(
                (*(torch.zeros(0, 3) for _ in range(3)), torch.zeros(0, 3).bool(), 0.5, 0.5),
                "Tensors without entries.",
            ),
            Case(
                (
                    torch.tensor([1e9 + 0.25, 3.0, -2.0], dtype=torch.float64),
                    torch.tensor([2e9, 1.0, 1.0 + 2**-20], dtype=torch.float64),
                    torch.tensor([0.0, 1.0, -2.0], dtype=torch.float64),
                    torch.tensor([T, F, T]),
                    0.5,
                    0.5,
                ),
                "Numbers in float64, of which float32 would lose digits.",
            ),
            Case(
                (
                    torch.tensor([0.5, -0.25, 2.0], dtype=torch.float16),
                    torch.tensor([1.0, 1.0, -0.5], dtype=torch.float16),
                    torch.tensor([2.0, 1.0, 1.0], dtype=torch.float16),
                    torch.tensor([T, F, T]),
                    0.5,
                    0.5,
                ),
                "Numbers in float16.",
            ),
            Case(
                (
                    torch.arange(-12.0, 12.0).view(2, 3, 2, 2) / 8,
                    torch.arange(24.0).view(2, 3, 2, 2) / 4,
                    torch.arange(24.0, 0.0, -1.0).view(2, 3, 2, 2) / 2,
                    (torch.arange(24) % 3 == 0).view(2, 3, 2, 2),
                    0.25,
                    0.5,
                ),
                "Tensors with four dimensions, as a convolution has.",
            ),
        ),
        hints=(
            "Two things can move a removed weight, its gradient and its old velocity; and it may not be 0 when it comes in.",
            "First the plain step: velocity = momentum * velocity + gradient, then weight = weight - lr * velocity.",
            "Then .where(keep, 0) on the new velocity and on the new weight; return both.",
        ),
        misconceptions=(
            *variants(
                _step,
                {
                    "gradient only": "You mask the gradient only. An old velocity still moves the removed weights, and a removed "
                    "weight that is not 0 stays. Mask the new velocity and the new weight.",
                    "gradient times mask": "You multiply the gradient by the mask, and mask nothing else. An old velocity still "
                    "moves the removed weights, and a removed weight that is not 0 stays. Mask the new velocity and the new weight.",
                    "weight only": "The weights are right, but the velocity of the removed ones is not 0; mask it too.",
                    "velocity only": "The velocity is right, but a removed weight that comes in as non-zero stays; mask the weight "
                    "too.",
                    "old velocity masked": "You mask the old velocity, and then the gradient enters the velocity of removed weights; "
                    "mask the new one.",
                    "old velocity": "You move with the old velocity; compute the new velocity first.",
                    "dampened": "You weight the gradient with 1 - momentum; here, as in torch.optim.SGD, it is added whole.",
                    "lr in velocity": "You put lr into the velocity; here v is momentum v + g, and lr comes in only when the weight "
                    "moves.",
                    "momentum of gradient": "You multiply the gradient by momentum; multiply the old velocity by it, and add the "
                    "gradient whole.",
                    "nesterov": "This is Nesterov's step, which looks ahead; here the weight moves by lr times the new velocity.",
                    "lr and momentum swapped": "lr and momentum are exchanged: momentum goes with the old velocity, lr with the step.",
                    "uphill": "You step up the slope: subtract lr times the velocity.",
                    "no velocity": "You leave the old velocity out; the new one is momentum times the old one, plus the gradient.",
                    "no momentum": "You add the old velocity whole; multiply it by momentum first.",
                    "minus gradient": "You subtract the gradient from the velocity; add it there, and subtract where the weight "
                    "moves.",
                    "nothing": "You mask nothing; mask the new velocity and the new weight.",
                    "lr in velocity, downhill": "You put -lr into the velocity and add it; here v is momentum v + g, and lr comes in "
                    "only when the weight moves.",
                    "gradient moves": "The weight moves by lr times the gradient alone; it moves by lr times the new velocity.",
                    "no lr": "You move the weight by the whole velocity; multiply it by lr.",
                    "inverted": "You mask the kept weights: True in keep means kept.",
                    "results swapped": "Your two results are exchanged: the weight comes first, then the velocity.",
                    "weight times mask": "You multiply the weight by the mask, and NaN times 0 is NaN, as is infinity times 0; choose "
                    "with where at the end.",
                },
            ),
            Misconception(
                _step_factor_float,
                "You multiply by keep.float(): float16 becomes float32, and NaN times 0 is NaN. Choose with where instead.",
            ),
            Misconception(
                _step_finite_only,
                "You set NaN and infinity to 0, in kept weights too, where they should be seen; choose by the mask alone, with "
                "where.",
            ),
            Misconception(
                _step_gradient_and_weight,
                "You mask the gradient and the weight. An old velocity of a removed weight stays; mask the new velocity too.",
            ),
            Misconception(
                _step_repaired,
                "nan_to_num repairs the kept weights too, where NaN should be seen; choose with where instead.",
            ),
            Misconception(
                _step_in_float32,
                "You compute in float32, in which float64 numbers lose digits; compute in the type that comes in.",
            ),
            Misconception(
                _step_to_float32,
                "You change the type to float32; the results have the type of what comes in.",
            ),
            Misconception(
                _step_in_place,
                "The numbers are right, but you change the weight and the velocity that came in; work on new tensors.",
            ),
            Misconception(
                _step_factor,
                "You multiply by the mask. NaN times 0 is NaN, and so is infinity times 0; choose with where instead.",
            ),
        ),
        alternatives=(_step_filled, _step_kept_only, _step_in_double),
        difficulty="medium",
        lines=3,
        minutes=10,
        atol=1e-7,
        told={
            "0-D,1-D,2-D,4-D,empty tensor": "of any shape",
            "float16,float64": "float tensor",
            "NaN,infinity": "NaN and infinity included",
        },
        absent={"ties": "a step ranks nothing"},
    ),
    Exercise(
        id="02.4",
        reference=came_back,
        cases=(
            Case(({"w": torch.tensor([0.5, 0.1, 0.3, 0.0])}, {"w": _K}), "One removed weight is not 0."),
            Case(
                ({"w": torch.tensor([0.5, -0.1, 0.0, 0.0])}, {"w": _K}),
                "A negative one, and a kept weight that is 0.",
            ),
            Case(
                ({"w": torch.tensor([0.5, 1e-30, 0.3, -1e-12])}, {"w": _K}), "Very small numbers are not 0."
            ),
            Case(({"w": torch.tensor([0.1, 0.5])}, {"w": torch.tensor([F, T])}), "The leak is at index 0."),
            Case(
                (
                    {"a": torch.tensor([0.5, 0.0, 0.3]), "b": torch.tensor([0.1, 0.2])},
                    {"a": torch.tensor([T, F, T]), "b": torch.tensor([F, F])},
                ),
                "The first layer does not leak, the second does; its index starts at 0 again.",
            ),
            Case(
                (
                    {"a": _W.view(2, 2), "b": torch.tensor([0.0, 2.0]), "bias": torch.ones(2)},
                    {"a": _K.view(2, 2), "b": torch.tensor([F, T])},
                ),
                "A layer that leaks, a layer that does not, and a bias without a mask.",
            ),
            Case(
                ({"w": torch.tensor([0.5, float("nan"), 0.3, -0.0])}, {"w": _K}),
                "NaN is not 0; minus zero is.",
            ),
            Case(
                ({"w": torch.tensor([float("inf"), 0.0, float("nan"), 0.5])}, {"w": _K}),
                "Kept weights may be infinite or NaN; they are no leak.",
            ),
            Case(
                (
                    {"w": torch.tensor([float("-inf"), 0.0, float("inf"), 0.0])},
                    {"w": torch.tensor([F, T, F, F])},
                ),
                "Two removed weights are infinite.",
            ),
            Case(
                (
                    {"a": _W, "b": torch.tensor([0.1, 0.2, 0.3]), "c": torch.tensor([0.5])},
                    {"a": _K, "b": torch.tensor([F, T, F]), "c": torch.tensor([F])},
                ),
                "All three layers leak.",
            ),
            Case(
                ({"w": torch.tensor([0.5, 0.25, 0.3, -0.25])}, {"w": _K}),
                "Two weights came back whose sum is 0.",
            ),
            Case(({"w": _W, "b": torch.tensor([1.0])}, {}), "No tensor has a mask."),
            Case(
                (
                    {"a": torch.tensor(0.5), "b": torch.tensor(0.5), "c": torch.tensor(0.0)},
                    {"a": torch.tensor(F), "b": torch.tensor(T), "c": torch.tensor(F)},
                ),
                "Three single weights without a dimension; the first came back.",
            ),
            Case(
                (
                    {"w": torch.zeros(0, 2), "v": torch.tensor([0.5, 0.1])},
                    {"w": torch.zeros(0, 2).bool(), "v": torch.tensor([T, F])},
                ),
                "A tensor without entries comes before one that leaks.",
            ),
            Case(
                (
                    {"w": torch.tensor([0.0, 1e-300, 0.1], dtype=torch.float64)},
                    {"w": torch.tensor([F, F, T])},
                ),
                "A number in float64 that is 0 in float32.",
            ),
            Case(
                ({"w": torch.tensor([0.0, -0.25, 0.1], dtype=torch.float16)}, {"w": torch.tensor([F, F, T])}),
                "Weights in float16.",
            ),
            Case(
                (
                    {"w": (torch.arange(24) % 5 - 2.0).view(2, 3, 2, 2)},
                    {"w": (torch.arange(24) % 3 > 0).view(2, 3, 2, 2)},
                ),
                "A tensor with four dimensions, as a convolution has.",
            ),
        ),
        hints=(
            "A leak is a place that is removed and whose weight is not exactly 0: two conditions.",
            "leak = (weights[name] != 0) & ~keep is True at the leaks; .flatten().nonzero() finds the places.",
            "Go through mask.items(); .nonzero().flatten().tolist() gives the indices; leave out names where leak.any() is False.",
        ),
        misconceptions=(
            *variants(
                _back,
                {
                    "times mask": "You multiply by ~mask: a kept weight that is infinite or NaN becomes NaN and looks like a leak.",
                    "no nan": "You miss NaN: it is not above 0 and not below, but it is not 0 either. Ask for != 0.",
                    "positive": "You look for weights above 0; weights that came back may be negative.",
                    "isclose": "Very small numbers count as 0 in yours, as with a tolerance, by rounding or in a smaller type. A removed "
                    "weight is exactly 0, or it has come back, however small.",
                    "tolerance": "You allow a tolerance, and NaN is not above it. A removed weight is exactly 0, or it has come "
                    "back: ask for != 0.",
                    "kept": "These are kept weights: look where the mask is False.",
                    "differs": "You compare `weight != 0` with the mask. A kept weight may be 0 by itself; that is no leak.",
                    "empty": "Leave out the layers in which nothing came back.",
                    "all": "These are all removed places, also those that are 0 as they should be.",
                    "no mask": "A tensor without a mask has no removed places; go through mask.items().",
                    "needs a mask": "You look up a mask for every tensor, and some, such as biases, have none; go through "
                    "mask.items().",
                    "coordinates": "These are coordinates, one list for each place; flatten first, then nonzero gives flat indices.",
                    "columns": "This is only the last coordinate, the column; flatten first, then nonzero gives flat indices.",
                    "first coordinate": "This is only the first coordinate, the row; flatten first, then nonzero gives flat indices.",
                    "matrix": "You count with the two coordinates of a matrix; a tensor may have fewer or more. Flatten first, then "
                    "nonzero gives flat indices.",
                    "float32": "You change the type to float32, in which a very small float64 number is 0; leave the type.",
                    "finite": "You leave out NaN and infinity. Neither is 0, so a removed weight that is either has come back.",
                    "column by column": "You number a matrix column by column; the flat index runs row by row.",
                    "among removed": "You count among the removed entries only; the flat index counts all entries.",
                    "from 1": "You count from 1; indices start at 0.",
                    "running": "Your index runs on from layer to layer; in each layer it starts again at 0.",
                    "by size": "You list the places by the size of the weight; list them by rising index.",
                    "index 0": "A leak at index 0 alone is lost: `if index` takes 0 for False. Ask for the number of leaks.",
                    "not flattened": "You flatten the coordinates; flatten the tensor first, then nonzero gives flat indices.",
                    "squeeze": "squeeze() makes a single number where there is one place; a list of one index is expected. "
                    "flatten() keeps the list.",
                    "values": "These are the weights; list the indices of their places.",
                    "tensor": "The indices are tensors; .tolist() makes a list of each.",
                    "counts": "This is how many came back; list their indices.",
                    "first only": "You return after the first layer; the return belongs after the loop over the layers.",
                    "first leaking only": "You return at the first layer that leaks; the return belongs after the loop over the "
                    "layers.",
                    "stops": "You stop at the first layer in which nothing came back; go on to the next.",
                },
            ),
        ),
        alternatives=(_back_loops, _back_numpy, _back_by_counting),
        difficulty="medium",
        lines=2,
        minutes=10,
        told={
            "0-D,1-D,2-D,4-D,empty tensor": "of any shape",
            "float16,float64": "float tensor",
            "NaN,infinity": "NaN and infinity are not 0",
            "empty dict": "no tensor has a mask",
        },
        absent={"ties": "no two places are equal"},
    ),
)

QUESTIONS = (
    Question(
        "02.Q1",
        "One layer keeps 100 of 1,000 weights, another keeps 10 of 10. What is the density of the network?",
        (
            Option(
                "55 %",
                False,
                "This is the mean of 10 % and 100 %. The small layer has few weights and counts for little.",
            ),
            Option("about 11 %", True, "110 of 1,010 weights are kept, which is 10.9 %."),
            Option("about 89 %", False, "This is the sparsity: the fraction that is removed."),
        ),
    ),
    Question(
        "02.Q2",
        "A removed weight is exactly 0. Its gradient is masked and its velocity is 0. Can L2 weight decay alone move it?",
        (
            Option(
                "Yes, decay moves every weight.",
                False,
                "Decay adds a multiple of the weight itself, and that is 0 here.",
            ),
            Option("Yes, but only away from 0.", False, "Decay pulls towards 0; it never pushes away."),
            Option(
                "No.",
                True,
                "Decay adds wd times the weight to the gradient. Of a weight that is 0, this is 0.",
            ),
        ),
    ),
    Question(
        "02.Q3",
        "You masked the gradients, and an optimizer with old momentum goes on. When do the removed weights stop moving?",
        (
            Option("At once.", False, "The velocity is not 0, and the step uses the velocity."),
            Option(
                "Slowly: the velocity shrinks by the factor momentum each step.",
                True,
                "The moves form a geometric series; the weights come to rest, but not at 0.",
            ),
            Option(
                "Never: they move as fast as the kept ones.",
                False,
                "Nothing feeds their velocity, so it dies out.",
            ),
        ),
    ),
    Question(
        "02.Q4",
        "With torch.nn.utils.prune, you call optimizer.step() and then read layer.weight. What do you read?",
        (
            Option(
                "The new weights, masked.",
                False,
                "The product with the mask is formed in the next forward pass.",
            ),
            Option("The new weights, not masked.", False, "Those are in layer.weight_orig."),
            Option(
                "The weights of before the step.",
                True,
                "layer.weight is an ordinary tensor that the next forward pass replaces. Until then it is stale.",
            ),
        ),
    ),
)
