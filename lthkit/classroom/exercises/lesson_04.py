"""Exercises of lesson 04, iterative pruning: the schedule, the loop that is not iterative, nested masks, the rewind."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lthkit.classroom.exercises.exercise import Case, Exercise, Option, Question, pick, variants
from lthkit.pruning.masks import Mask
from lthkit.pruning.selection import prune


def density_schedule(target: float, rounds: int) -> list[float]:
    """The densities of iterative pruning that removes the same fraction of the rest in every round.

    Args:
        target: density after the last round, in (0, 1].
        rounds: how many times weights are removed, 1 or more.

    Returns:
        `rounds` + 1 densities: 1.0 for the dense network first, `target` last.
    """
    return [target ** (r / rounds) for r in range(rounds + 1)]


def remove_smallest(weight: Tensor, mask: Tensor, fraction: float) -> Tensor:
    """A new mask without the `fraction` of the kept weights that are smallest in absolute value.

    `round(fraction * kept)` weights go; among equal ones the one with the lowest flat index first. Weights that are out
    stay out.
    """
    return _without(weight.abs(), mask, round(fraction * mask.sum().item()))


def _without(score: Tensor, mask: Tensor, count: int) -> Tensor:
    """A new mask without the `count` kept weights of smallest score."""
    going = score.where(mask, torch.inf).flatten().argsort(stable=True)[: max(count, 0)]
    smaller = mask.flatten().clone()
    smaller[going] = False
    return smaller.view(mask.shape)


def iterative_masks(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    """The masks of iterative magnitude pruning, given the weights that each training ended with.

    Args:
        trained: one float tensor a training, all of one shape; `trained[r]` was trained under mask r. Removed weights
            need not be 0 in it.
        fraction: of what remains, removed in every round.

    Returns:
        len(trained) + 1 bool tensors: mask 0 keeps all; mask r + 1 is mask r pruned by `trained[r]`.
    """
    masks = [torch.ones_like(trained[0], dtype=torch.bool)]
    for weight in trained:
        masks.append(remove_smallest(weight, masks[-1], fraction))
    return masks


def reviving_rounds(masks: Sequence[Mapping[str, Tensor]]) -> list[int]:
    """The rounds whose mask keeps a weight that the mask of the round before had removed; empty if the masks nest.

    `masks[r]` is the mask of round r: parameter name -> bool tensor, the same names and shapes in every round.
    """
    return [
        r
        for r in range(1, len(masks))
        if any((masks[r][name] & ~masks[r - 1][name]).any() for name in masks[r])
    ]


def rewind(initial: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state that a ticket starts from: a copy of the initial state, with 0 where the mask removes.

    Args:
        initial: state at the rewind point by name: weights, biases, buffers. Left as it is.
        mask: bool tensors by name, True = kept; not every name has one.

    Returns:
        A new dict with the names of `initial`. No tensor of it shares memory with `initial`.
    """
    state = {name: value.clone() for name, value in initial.items()}
    for name, keep in mask.items():
        state[name][~keep] = 0
    return state


# Other right answers, and mistakes that people make


def _schedule_by_product(target: float, rounds: int) -> list[float]:
    fraction = 1 - target ** (1 / rounds)
    densities = [1.0]
    while len(densities) <= rounds:
        densities.append(densities[-1] - fraction * densities[-1])
    return densities


def _schedule_by_geomspace(target: float, rounds: int) -> list[float]:
    return list(np.geomspace(1, target, rounds + 1).tolist())


def _schedule_by_recursion(target: float, rounds: int) -> list[float]:
    if rounds == 0:
        return [1.0]
    rest = _schedule_by_recursion(target ** ((rounds - 1) / rounds), rounds - 1)
    return [*rest, target]


DIGITS = {f"{digits} digits": digits for digits in (2, 3, 4, 5)}
FACTOR_DIGITS = {f"factor of {digits} digits": digits for digits in (2, 3, 4, 5)}


def _schedule(target: float, rounds: int, *, mistake: str) -> list[float]:
    """The right answer with one thing wrong."""
    if mistake == "sparsity":
        target = 1 - target
    factors = {
        "divided": 1 - (1 - target) / rounds,
        "target each round": target,
        "complement": 1 - target,
        "goes": 1 - target ** (1 / rounds),
        "one more cut": target ** (1 / (rounds + 1)),
        "fifth": 0.8,
        "half": 0.5,
    }
    factor = pick(mistake, factors, target ** (1 / rounds))
    digits = pick(mistake, FACTOR_DIGITS, None)
    if digits is not None:
        factor = round(factor, digits)
    count = rounds + 2 if mistake == "too many" else rounds + 1
    rules: dict[str, Callable[[int], float]] = {
        "equal steps": lambda r: 1 - (1 - target) * r / rounds,
        "cubic": lambda r: target + (1 - target) * (1 - r / rounds) ** 3,
        "fifth to target": lambda r: max(0.8**r, target) if r < rounds else target,
        "whole": lambda r: target ** (r * (1 // rounds)),
        "whole r": lambda r: target ** (r // rounds),
    }
    densities = [pick(mistake, rules, lambda r: factor**r)(r) for r in range(count)]
    results = {
        "no dense": densities[1:],
        "no target": densities[:-1],
        "gone": [1 - d for d in densities],
        "percent": [100 * d for d in densities],
        "backwards": densities[::-1],
        "target only": [target],
    }
    densities = pick(mistake, results, densities)
    digits = pick(mistake, DIGITS, None)
    return densities if digits is None else [round(density, digits) for density in densities]


def _masks_by_numpy(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    mask = np.ones(tuple(trained[0].shape), dtype=bool)
    masks = [mask]
    for weight in trained:
        alive = np.flatnonzero(masks[-1])
        order = np.argsort(np.abs(weight.numpy().ravel()[alive]), kind="stable")
        new = masks[-1].copy()
        new.ravel()[alive[order[: round(fraction * len(alive))]]] = False
        masks.append(new)
    return [torch.from_numpy(m) for m in masks]


def _masks_by_loops(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    shape, alive = trained[0].shape, list(range(trained[0].numel()))
    masks = [torch.ones(shape).bool()]
    for weight in trained:
        values = [abs(v) for v in weight.flatten().tolist()]
        ranked = sorted(alive, key=lambda i: values[i])
        alive = sorted(ranked[round(fraction * len(alive)) :])
        masks.append(torch.tensor([i in alive for i in range(len(values))], dtype=torch.bool).view(shape))
    return masks


def _masks_by_prune(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    mask = Mask({"w": _full(trained[0])})
    masks = [mask["w"]]
    for weight in trained:
        mask = prune(mask, {"w": weight.abs()}, fraction)
        masks.append(mask["w"])
    return masks


def _full(weight: Tensor) -> Tensor:
    return torch.ones_like(weight, dtype=torch.bool)


def _ranked(trained: Sequence[Tensor], fraction: float, mistake: str) -> list[Tensor]:
    """The right loop with another score of a round, or another count of those that go in it."""
    masks = [_full(trained[0])]
    for r, weight in enumerate(trained):
        kept, total = int(masks[-1].sum()), weight.numel()
        counts = {
            "of all": min(kept, round(fraction * total)),
            "cut off": int(fraction * kept),
            "rounded up": math.ceil(fraction * kept),
            "half up": int(fraction * kept + 0.5),
            "stays": kept - round((1 - fraction) * kept),
            "power": kept - round((1 - fraction) ** (r + 1) * total),
            "keeps the fraction": kept - round(fraction * kept),
            "one at least": max(round(fraction * kept), min(kept, 1)),
        }
        scores: dict[str, Callable[[Tensor], Tensor]] = {
            "dense": lambda w: trained[0].abs(),
            "last": lambda w: trained[-1].abs(),
            "late": lambda w, r=r: trained[max(r - 1, 0)].abs(),  # type: ignore[misc]
            "early": lambda w, r=r: trained[min(r + 1, len(trained) - 1)].abs(),  # type: ignore[misc]
            "moved": lambda w, r=r: (w - trained[0] if r else w).abs(),  # type: ignore[misc]
            "mean": lambda w, r=r: torch.stack([*trained[: r + 1]]).abs().mean(0),  # type: ignore[misc]
            "signed": lambda w: w,
            "largest": lambda w: -w.abs(),
            "half": lambda w: w.half().abs(),
            "coarse": lambda w: w.bfloat16().abs(),
            "single": lambda w: w.float().abs(),
        }
        score = pick(mistake, scores, torch.abs)(weight)
        masks.append(_without(score, masks[-1], pick(mistake, counts, round(fraction * kept))))
    return masks


def _from_full(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    full = _full(trained[0])
    return [full, *(remove_smallest(w, full, fraction) for w in trained)]


def _reviving(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    kept = [int(m.sum()) for m in iterative_masks(trained, fraction)[1:]]
    full = _full(trained[0])
    return [full, *(_without(w.abs(), full, w.numel() - n) for w, n in zip(trained, kept, strict=True))]


def _zeros_back(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    masks = [_full(trained[0])]
    for weight in trained:
        kept = int(masks[-1].sum())
        count = weight.numel() - kept + round(fraction * kept)
        masks.append(_without(weight.abs() * masks[-1], masks[0], count))
    return masks


def _removed_again(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    masks = [_full(trained[0])]
    for weight in trained:
        count = round(fraction * int(masks[-1].sum()))
        masks.append(masks[-1] & _without(weight.abs() * masks[-1], masks[0], count))
    return masks


def _all_ties(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    masks = [_full(trained[0])]
    for weight in trained:
        kept = weight.abs()[masks[-1]]
        count = round(fraction * len(kept))
        above = weight.abs() > kept.kthvalue(count).values if count else masks[0]
        masks.append(masks[-1] & above)
    return masks


def _last_first(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    def turned(tensors: Sequence[Tensor]) -> list[Tensor]:
        return [w.flatten().flip(0).view(w.shape) for w in tensors]

    return turned(iterative_masks(turned(trained), fraction))


def _by_rows(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    masks = [_full(trained[0])]
    for weight in trained:
        score = weight.abs().where(masks[-1], torch.inf)
        smaller = masks[-1].clone()
        smaller[score.argsort(stable=True)[: round(fraction * int(masks[-1].sum()))]] = False
        masks.append(smaller)
    return masks


def _kept_ties(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    masks = [_full(trained[0])]
    for weight in trained:
        kept = weight.abs()[masks[-1]].sort().values
        count = round(fraction * len(kept))
        masks.append(masks[-1] & (weight.abs() >= kept[count]) if count < len(kept) else masks[-1])
    return masks


def _quantile(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    masks = [_full(trained[0])]
    for weight in trained:
        kept = weight.abs()[masks[-1]]
        if not len(kept):
            return [*masks, *(masks[-1] for _ in range(len(trained) + 1 - len(masks)))]
        masks.append(masks[-1] & (weight.abs() >= torch.quantile(kept.double(), fraction)))
    return masks


STRUCTURES: dict[str, Callable[[Sequence[Tensor], float], list[Tensor]]] = {
    "from full": _from_full,
    "reviving": _reviving,
    "removed again": _removed_again,
    "all ties": _all_ties,
    "ties kept": _kept_ties,
    "last ties": _last_first,
    "zeros back": _zeros_back,
    "by rows": _by_rows,
    "quantile": _quantile,
}


def _masks(trained: Sequence[Tensor], fraction: float, *, mistake: str) -> list[Tensor]:
    """The right answer with one thing wrong."""
    structure = pick(mistake, STRUCTURES, None)
    masks = structure(trained, fraction) if structure else _ranked(trained, fraction, mistake)
    results = {
        "no mask 0": masks[1:],
        "no last": masks[:-1],
        "first cut": masks[:2],
        "one mask": [masks[-1]] * len(masks),
        "numbers": [mask.float() for mask in masks],
        "weights": [mask * w for mask, w in zip(masks, [trained[0], *trained], strict=False)],
        "inverted": [~mask for mask in masks],
    }
    return pick(mistake, results, masks)


def _rounds_by_sets(masks: Sequence[Mapping[str, Tensor]]) -> list[int]:
    kept = [
        {(n, i) for n, m in mask.items() for i in m.flatten().nonzero().flatten().tolist()} for mask in masks
    ]
    return [r + 1 for r, (old, new) in enumerate(zip(kept, kept[1:], strict=False)) if not new <= old]


def _rounds_by_loop(masks: Sequence[Mapping[str, Tensor]]) -> list[int]:
    found: list[int] = []
    for r, mask in enumerate(masks[1:], start=1):
        back = 0
        for name, keep in mask.items():
            back += int(np.sum(keep.numpy() > masks[r - 1][name].numpy()))
        if back > 0:
            found.append(r)
    return found


def _kept(mask: Mapping[str, Tensor]) -> int:
    return sum(int(m.sum()) for m in mask.values())


def _back(masks: Sequence[Mapping[str, Tensor]], r: int, s: int) -> list[int]:
    """How many weights mask r keeps and mask s does not, layer by layer."""
    return [int((masks[r][n] & ~masks[s][n]).sum()) for n in masks[r]]


def _rounds_by_words(masks: Sequence[Mapping[str, Tensor]]) -> list[int]:
    def rises(r: int) -> bool:
        return sum(torch.gt(masks[r][n], masks[r - 1][n]).sum().item() for n in masks[r]) != 0

    return list(filter(rises, range(1, len(masks))))


def _rounds(masks: Sequence[Mapping[str, Tensor]], *, mistake: str) -> Any:
    """The right answer with one thing wrong."""
    if mistake == "by place":
        masks = [dict(zip(masks[0], mask.values(), strict=True)) for mask in masks]

    def pairs(r: int, s: int | None = None) -> list[tuple[Tensor, Tensor]]:
        return [(masks[r][n], masks[r - 1 if s is None else s][n]) for n in masks[r]]

    def back(r: int, s: int | None = None) -> list[int]:
        return [int((new & ~old).sum()) for new, old in pairs(r, s)]

    front = next(iter(masks[0]))

    def just_cut(r: int) -> bool:
        return any((masks[r][n] & ~masks[r - 1][n] & masks[r - 2][n]).any() for n in masks[r])

    found: dict[str, Callable[[int], bool]] = {
        "totals": lambda r: _kept(masks[r]) > _kept(masks[r - 1]),
        "totals by layer": lambda r: any(new.sum() > old.sum() for new, old in pairs(r)),
        "removing": lambda r: any(back(r - 1, r)),
        "changing": lambda r: any(back(r - 1, r)) or any(back(r)),
        "all before": lambda r: any(any(back(r, s)) for s in range(r)),
        "round 0": lambda r: any(back(r, 0)),
        "round after": lambda r: any(back(r, r + 1)),
        "just cut": just_cut,
        "first layer": lambda r: bool((masks[r][front] & ~masks[r - 1][front]).any()),
        "last layer": lambda r: bool(back(r)[-1]),
        "every layer": lambda r: all(back(r)),
        "whole layer": lambda r: any((new & ~old).all() for new, old in pairs(r)),
        "layer gone": lambda r: any(bool(new.any()) and not old.any() for new, old in pairs(r)),
        "two": lambda r: sum(back(r)) > 1,
    }
    first = pick(mistake, {"round after": 0, "just cut": 2, "from 0": 0, "from 2": 2}, 1)
    left_out = 1 if mistake == "round after" or mistake == "no last" else 0
    rounds = [
        r for r in range(first, len(masks) - left_out) if pick(mistake, found, lambda r: any(back(r)))(r)
    ]
    results: dict[str, Callable[[], Any]] = {
        "each layer": lambda: [r for r in rounds for count in back(r) if count],
        "each weight": lambda: [r for r in rounds for _ in range(sum(back(r)))],
        "one too small": lambda: [r - 1 for r in rounds],
        "one too large": lambda: [r + 1 for r in rounds],
        "flags": lambda: [r in rounds for r in range(first, len(masks) - left_out)],
        "number": lambda: len(rounds),
        "first only": lambda: rounds[:1],
        "others": lambda: [r for r in range(1, len(masks)) if r not in rounds],
    }
    return pick(mistake, results, lambda: rounds)()


def _rewind_by_where(initial: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: t.masked_fill(~mask[n], 0) if n in mask else t.detach().clone() for n, t in initial.items()}


def _rewind_by_numpy(initial: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    state = {}
    for name, tensor in initial.items():
        values = tensor.numpy().copy()
        if name in mask:
            values[~mask[name].numpy()] = 0
        state[name] = torch.from_numpy(values)
    return state


def _rewind_by_deepcopy(initial: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    state = dict(copy.deepcopy(initial))
    for name in mask:
        state[name] *= mask[name]
    return state


def _state(initial: Mapping[str, Tensor], mask: Mapping[str, Tensor], *, mistake: str) -> Any:
    """The right answer with one thing wrong."""
    if mistake == "itself" or (mistake == "itself if no mask" and not mask):
        return initial
    if mistake == "inverted":
        mask = {name: ~keep for name, keep in mask.items()}
    elif mistake == "first only":
        if not mask:
            return None
        mask = dict(list(mask.items())[:1])
    elif mistake == "in place":
        for name, keep in mask.items():
            initial[name][~keep] = 0
        return dict(initial)
    elif mistake == "in place itself":
        for name, keep in mask.items():
            initial[name][~keep] = 0
        return initial
    masked: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "squeezed": lambda tensor, keep: tensor[keep],
        "copied": lambda tensor, keep: tensor.clone(),
        "emptied": lambda tensor, keep: torch.zeros_like(tensor) if not keep.all() else tensor.clone(),
        "float mask": lambda tensor, keep: tensor * keep.float(),
        "ones": lambda tensor, keep: tensor.masked_fill(~keep, 1),
        "aliased if whole": lambda tensor, keep: tensor if keep.all() else tensor * keep,
    }
    whole: dict[str, Callable[[Tensor], Tensor]] = {
        "aliased": lambda tensor: tensor,
        "zero biases": torch.zeros_like,
    }
    state = {
        name: pick(mistake, masked, lambda tensor, keep: tensor.masked_fill(~keep, 0))(tensor, mask[name])
        if name in mask
        else pick(mistake, whole, torch.clone)(tensor)
        for name, tensor in initial.items()
        if name in mask or mistake != "only masked"
    }
    if mistake == "single floats":
        return {n: tensor.float() if tensor.is_floating_point() else tensor for n, tensor in state.items()}
    return {name: tensor.float() for name, tensor in state.items()} if mistake == "single" else state


def _normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _bits(*values: int) -> Tensor:
    return torch.tensor(values).bool()


EXERCISES = (
    Exercise(
        id="04.1",
        reference=density_schedule,
        cases=(
            Case((0.5, 1), "One round: dense, then the target.", tags=("one round",)),
            Case((0.25, 2), "Two rounds: half of what remains goes each time."),
            Case((0.512, 3), "Three rounds of 20 % of what remains."),
            Case((1.0, 2), "The target is the dense network: nothing goes.", tags=("limit",)),
            Case((0.01, 2), "Nine of ten weights go in each round."),
            Case((0.01, 20), "A small target in many rounds."),
        ),
        hints=(
            "In every round the density is multiplied by the same number, and after all rounds the product is the target.",
            "That number is target ** (1 / rounds). What is the density after r rounds?",
            "After r rounds it is target ** (r / rounds). Let r run from 0 to rounds, both ends included.",
        ),
        misconceptions=variants(
            _schedule,
            {
                "equal steps": "These are equal steps: every round removes the same number of weights. Here every round removes the same fraction of what remains.",
                "divided": "You divide what has to go by the number of rounds and take that as the fraction; since it is a fraction of what remains, the last density stays above the target.",
                "no dense": "The dense network is missing: the list starts with 1.0 and has rounds + 1 entries.",
                "sparsity": "You read the target as the fraction that is removed (the sparsity); it is the fraction that is kept.",
                "gone": "These are sparsities, what is gone; densities are asked for, what stays.",
                "complement": "You take 1 - target for the factor of a round; the factor of all rounds together is the target itself.",
                "target each round": "Here every single round prunes to the target fraction; only all rounds together should.",
                "goes": "target ** (1 / rounds) is the fraction that stays in a round; you take it for the fraction that goes.",
                "one more cut": "You divide by rounds + 1: there are rounds + 1 densities, but only `rounds` cuts between them.",
                "no target": "The target is missing: range(rounds) ends one too early.",
                "too many": "There is one density too many: range(rounds + 1) already ends at `rounds`.",
                "whole": "// gives a whole number, so 1 // rounds is 0 from two rounds on; write 1 / rounds.",
                "whole r": "// gives a whole number, so r // rounds is 0 until the last round; write r / rounds.",
                "2 digits": "You round the densities to 2 digits; return the densities as they are and round only to print.",
                "3 digits": "You round the densities to 3 digits; return the densities as they are and round only to print.",
                "4 digits": "You round the densities to 4 digits; return the densities as they are and round only to print.",
                "5 digits": "You round the densities to 5 digits; return the densities as they are and round only to print.",
                "factor of 2 digits": "You round the factor of a round to 2 digits; return the densities as they are and round only to print.",
                "factor of 3 digits": "You round the factor of a round to 3 digits; return the densities as they are and round only to print.",
                "factor of 4 digits": "You round the factor of a round to 4 digits; return the densities as they are and round only to print.",
                "factor of 5 digits": "You round the factor of a round to 5 digits; return the densities as they are and round only to print.",
                "backwards": "The list is the wrong way round: 1.0, the dense network, comes first and the target last.",
                "percent": "These are in percent; the dense network has density 1.0 here, not 100.",
                "target only": "This is the last density alone; return the list of all densities, from 1.0 on.",
                "cubic": "These steps follow a cubic curve, as in gradual pruning: large ones first. Here every round removes the same fraction of what remains.",
                "half": "You remove half in every round whatever the target is; the fraction follows from target and rounds.",
                "fifth": "You remove 20 % in every round whatever the target is; the fraction follows from target and rounds.",
                "fifth to target": "You remove 20 % in every round and end at the target; the fraction is to be the same in all rounds.",
            },
        ),
        alternatives=(_schedule_by_product, _schedule_by_geomspace, _schedule_by_recursion),
        difficulty="easy",
        lines=2,
        minutes=5,
        told={"one round": "rounds may be 1", "limit": "a target of 1.0"},
        absent={"ties": "no numbers are ranked here", "NaN": "a density is a number"},
    ),
    Exercise(
        id="04.2",
        reference=iterative_masks,
        cases=(
            Case(
                ([torch.tensor([0.1, 0.2, 0.3, 0.4])], 0.5),
                "One training: mask 0 keeps all, mask 1 is cut by its weights.",
            ),
            Case(
                ([torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([0.0, 0.0, 5.0, 2.0])], 0.5),
                "The third weight is the smaller of the two that remain after the first training, the larger after the second.",
            ),
            Case(
                ([torch.tensor([-4.0, 3.0, -2.0, 1.0]), torch.tensor([-1.0, 2.0, 0.0, 0.0])], 0.5),
                "Negative weights count by their absolute value.",
            ),
            Case(
                (
                    [
                        torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
                        torch.tensor([9.0, 9.0, 1.0, 4.0, 3.0, 2.0]),
                        torch.tensor([9.0, 9.0, 9.0, 1.0, 2.0, 3.0]),
                    ],
                    1 / 3,
                ),
                "Removed weights are not 0 in the later trainings; they stay out all the same.",
            ),
            Case(
                ([torch.ones(2, 3), torch.ones(2, 3)], 0.5),
                "All equal: the lowest flat index goes first.",
                tags=("ties",),
            ),
            Case(
                ([torch.tensor([2.0, 1.0, 3.0]), torch.tensor([2.0, 1.0, 3.0])], 0.2),
                "The second round removes nothing: 0.2 * 2 is nearer to 0 than to 1.",
                tags=("nothing goes",),
            ),
            Case(
                ([torch.tensor([4.0, 3.0, 1.0, 2.0]), torch.tensor([0.0, 0.0, 9.0, 6.0])], 0.25),
                "After the second training two weights are exactly 0: one of them goes, and the third stays out.",
                tags=("kept zero", "ties"),
            ),
            Case(
                ([_normal(10, seed=i) for i in range(3)], 0.3),
                "Ten weights: 3, then 2, then round(1.5) = 2 go.",
            ),
            Case(([_normal(5, 4, seed=i) for i in range(4)], 0.2), "Four trainings of a 5 by 4 layer."),
            Case(
                ([_normal(10, seed=i) for i in (3, 4)], 0.25),
                "Ten weights and a quarter: round(2.5) is 2, the even number.",
                tags=("half",),
            ),
            Case(([_normal(3, 2, 2, 2, seed=i) for i in (5, 6)], 0.4), "A convolution has four dimensions."),
            Case(([torch.tensor(0.5), torch.tensor(-0.1)], 0.3), "A single number, without a dimension."),
            Case(([torch.zeros(0, 3), torch.zeros(0, 3)], 0.5), "A layer without weights."),
            Case(
                ([torch.tensor([1.0004, 1.0, 3.003, -3.0]), torch.tensor([9.0, 9.0, 3.003, -3.0])], 0.25),
                "float32 weights that are nearly equal.",
            ),
            Case(
                ([torch.tensor([1.0 + 1e-9, -1.0, 0.5], dtype=torch.float64)] * 2, 0.5),
                "Weights that only float64 tells apart.",
            ),
            Case(
                ([torch.tensor([3e-30, -2e-30, 4e-30, 1e-30])] * 2, 0.5),
                "Weights so small that their squares are 0.",
            ),
            Case(([torch.tensor([0.5, -0.25, 2.0, 1.0]).half()] * 3, 0.5), "float16."),
        ),
        hints=(
            "The loop needs two things from the round before: its mask, and the weights that were trained under it.",
            "Walk over `trained` with a for loop. In each round prune the mask of the round before by the weights of this round.",
            'mask = lth.prune(mask, {"w": weight.abs()}, fraction), where `weight` is the one of this round; append mask["w"].',
        ),
        misconceptions=variants(
            _masks,
            {
                "dense": "This loop is not iterative: in every round you rank the weights of the first, dense training. Its masks are the one-shot masks; use the weights trained last.",
                "last": "You rank the weights of the last training in every round; mask r + 1 is cut by trained[r].",
                "from full": "Every round starts again from all weights, so that the density never falls below that of the first round; start from the mask of the round before.",
                "of all": "You remove the fraction of all weights in every round; it is a fraction of those that remain.",
                "reviving": "The number that stays is right, but you rank removed weights too and some come back; weights that are out stay out.",
                "signed": "You rank signed weights, and large negative ones go first; rank absolute values.",
                "no mask 0": "Mask 0, which keeps all, is missing at the front of the list.",
                "cut off": "int() and // cut the count off: of 1.5 weights they make 1. Use round().",
                "rounded up": "You round the count up, so that of 0.4 weights one goes; use round().",
                "half up": "You round halves up, 2.5 to 3; Python's round() takes the even number, 2.",
                "one at least": "You remove at least one weight in every round; a round may remove nothing, where round() gives 0.",
                "late": "You are one training late: mask r + 1 is cut by trained[r], the training that has just ended.",
                "removed again": "You rank the removed weights too, as zeros; so they are removed once more, and too few others go.",
                "one mask": "All masks in your list are one and the same tensor, which later rounds changed; make a new mask in each round.",
                "early": "You are one training early: mask 1 is cut by trained[0], mask r + 1 by trained[r].",
                "no last": "The last mask is missing: the last entry of `trained` cuts a mask too.",
                "first cut": "You stop after the first cut: is a `return` inside the loop? Every entry of `trained` cuts a mask.",
                "moved": "You rank how far the weights have moved since trained[0]; rank their absolute values.",
                "mean": "You rank the mean over the trainings so far; mask r + 1 is cut by trained[r] alone.",
                "largest": "You remove the largest weights; the smallest in absolute value go.",
                "half": "You rank the weights as float16, or round them to as few digits; then weights that are nearly equal "
                "become equal. Rank them as they are.",
                "single": "You rank the weights as float32, or round them to as few digits; then float64 weights that are "
                "nearly equal become equal. Rank them as they are.",
                "coarse": "You rank the weights as bfloat16, or round them to two digits or so; then weights that are nearly "
                "equal become equal. Rank them as they are.",
                "all ties": "A threshold removes all weights that are equal to it, too many here; remove exactly round(fraction * remaining), among equal ones the first.",
                "ties kept": "A threshold keeps all weights that are equal to it, too many here; remove exactly "
                "round(fraction * remaining), among equal ones the first.",
                "quantile": "A quantile as threshold does not remove an exact number, with ties or few weights; remove exactly round(fraction * remaining).",
                "last ties": "Among equal weights you remove the last; the one with the lowest flat index goes first.",
                "zeros back": "You rank removed weights as zeros, and where a kept weight is 0 too one of them comes back; weights that are out stay out.",
                "by rows": "With a matrix, argsort and an index work row by row; flatten scores and mask first, and bring the new mask back to shape.",
                "stays": "You round how many stay; round how many go, round(fraction * remaining).",
                "power": "You take the count from a power of 1 - fraction; take round(fraction * remaining) in each round.",
                "keeps the fraction": "You keep the fraction; it is the part that goes.",
                "inverted": "Your masks are the wrong way round: True means that a weight is kept.",
                "numbers": "Your masks are numbers, 0 and 1; a mask is a bool tensor.",
                "weights": "You return weights with zeros in them; return the masks, bool tensors.",
            },
        ),
        alternatives=(_masks_by_numpy, _masks_by_loops, _masks_by_prune),
        difficulty="easy",
        lines=6,
        minutes=8,
        told={
            "0-D, 1-D, 2-D, 4-D, empty tensor": "of any shape",
            "float16, float64": "list of float tensors",
            "ties": "among equal ones the first",
            "nothing goes": "a round may remove nothing",
            "kept zero": "A kept weight may be exactly 0",
            "half": "2.5 gives 2",
        },
        absent={
            "NaN": "a training that ends in NaN has no ranking",
            "empty list": "the dense training is always there",
        },
    ),
    Exercise(
        id="04.3",
        reference=reviving_rounds,
        cases=(
            Case(
                ([{"w": _bits(1, 1, 1)}, {"w": _bits(1, 1, 0)}, {"w": _bits(1, 0, 0)}],), "Nested: no round."
            ),
            Case(
                ([{"w": _bits(1, 1, 1)}, {"w": _bits(1, 0, 0)}, {"w": _bits(1, 1, 0)}],),
                "Round 2 keeps a weight that round 1 had removed.",
            ),
            Case(
                ([{"w": _bits(1, 1, 1)}, {"w": _bits(1, 1, 0)}, {"w": _bits(0, 1, 1)}],),
                "Round 2 keeps as many weights as round 1, but others.",
            ),
            Case(
                (
                    [
                        {"w": _bits(1, 1, 1, 1)},
                        {"w": _bits(1, 1, 0, 0)},
                        {"w": _bits(1, 1, 1, 0)},
                        {"w": _bits(0, 0, 1, 0)},
                    ],
                ),
                "The weight that came back in round 2 is still there in round 3; only round 2 revived it.",
            ),
            Case(
                (
                    [
                        {"a": _bits(1, 1), "b": _bits(1, 1, 1)},
                        {"a": _bits(1, 0), "b": _bits(1, 0, 1)},
                        {"a": _bits(1, 0), "b": _bits(0, 1, 0)},
                        {"a": _bits(0, 1), "b": _bits(0, 0, 1)},
                        {"a": _bits(1, 0), "b": _bits(0, 0, 1)},
                    ],
                ),
                "Two layers: one revived weight in any layer is enough.",
            ),
            Case(
                ([{"w": _bits(1, 1)}, {"w": _bits(1, 0)}, {"w": _bits(1, 0)}, {"w": _bits(1, 1)}],),
                "A weight is out for two rounds and comes back in round 3.",
            ),
            Case(
                (
                    [
                        {"a": _bits(1, 1, 1, 1).view(2, 2), "b": _bits(1, 1, 1)},
                        {"a": _bits(0, 0, 1, 0).view(2, 2), "b": _bits(0, 0, 0)},
                        {"a": _bits(1, 1, 0, 0).view(2, 2), "b": _bits(0, 0, 0)},
                        {"a": _bits(1, 0, 0, 0).view(2, 2), "b": _bits(0, 1, 0)},
                        {"a": _bits(0, 0, 0, 0).view(2, 2), "b": _bits(0, 1, 0)},
                        {"a": _bits(1, 1, 1, 1).view(2, 2), "b": _bits(0, 0, 0)},
                    ],
                ),
                "A matrix; a layer loses all its weights, and some of them come back.",
            ),
            Case(
                (
                    [
                        {"conv": _bits(1, 1, 0, 1).view(2, 1, 2, 1), "scale": torch.tensor(True)},
                        {"conv": _bits(1, 0, 0, 1).view(2, 1, 2, 1), "scale": torch.tensor(False)},
                        {"conv": _bits(1, 0, 1, 0).view(2, 1, 2, 1), "scale": torch.tensor(False)},
                        {"conv": _bits(1, 0, 0, 0).view(2, 1, 2, 1), "scale": torch.tensor(True)},
                    ],
                ),
                "A convolution has four dimensions, a single number none.",
            ),
            Case(
                (
                    [
                        {"none": torch.zeros(0, 2).bool(), "w": _bits(1, 1)},
                        {"none": torch.zeros(0, 2).bool(), "w": _bits(0, 1)},
                        {"none": torch.zeros(0, 2).bool(), "w": _bits(1, 0)},
                    ],
                ),
                "A layer without weights.",
            ),
            Case(([{"w": _bits(1, 1)}],), "One mask only: nothing can be revived."),
            Case(
                ([{"w": _bits(1, 0)}, {"w": _bits(1, 1)}],),
                "Mask 0 need not keep everything: here round 1 brings a weight back.",
                tags=("sparse start",),
            ),
            Case(
                (
                    [
                        {"a": _bits(1, 0), "b": _bits(1, 1)},
                        {"b": _bits(1, 1), "a": _bits(1, 0)},
                    ],
                ),
                "The second dict has the names in another order; a layer is known by its name.",
                tags=("order of names",),
            ),
        ),
        hints=(
            "A weight is revived in round r if masks[r] has True and masks[r - 1] has False at its place.",
            "For one layer: (masks[r][name] & ~masks[r - 1][name]).any(). One such layer makes the round count.",
            "Let r run from 1 to len(masks) - 1 and collect r if any(... for name in masks[r]).",
        ),
        misconceptions=variants(
            _rounds,
            {
                "totals": "You compare how many weights are kept; a mask can keep fewer or as many and yet revive some. Compare place by place.",
                "totals by layer": "You compare how many weights each layer keeps; a layer can keep fewer or as many and yet revive some. Compare place by place.",
                "removing": "These are the rounds that remove a weight; asked for are those that bring one back.",
                "changing": "You list every round that changes the mask; removing is no reviving. Look for True now and False before.",
                "others": "These are the rounds that revive nothing; list those that do.",
                "all before": "You compare with all earlier masks, so a round counts that only keeps what another round revived; compare with the round before.",
                "round 0": "You compare with round 0, which keeps everything or nearly so; compare with the round before.",
                "round after": "You compare with the round after; compare with the round before, masks[r - 1].",
                "just cut": "You look only for weights that were cut in the round just before; a weight may have been out for longer.",
                "each layer": "You list a round once for each layer that revives a weight; list it once.",
                "each weight": "You list a round once for each weight that it revives; list it once.",
                "first layer": "You look at the first layer only; look at all of them.",
                "last layer": "Only the last layer decides here, because it overwrites what the others gave; one layer is enough.",
                "every layer": "A round counts here only if every layer revives a weight; one layer is enough.",
                "whole layer": ".all() asks whether every weight of a layer comes back; one is enough, .any().",
                "layer gone": "You look only for layers that had lost all their weights; a weight can come back in any layer.",
                "two": "You ask for more than one revived weight; one is enough.",
                "by place": "You pair the layers by their place in the two dicts; take them by name.",
                "from 0": "Round 0 has no round before it: masks[0 - 1] is the last mask. Start at round 1.",
                "from 2": "You start at round 2; round 1 has a round before it, round 0.",
                "no last": "You leave out the last round: range(1, len(masks)) already ends at len(masks) - 1.",
                "one too small": "Your numbers are one too small: name the round that brings the weight back, not the one before it.",
                "one too large": "Your numbers are one too large: masks[0] is round 0.",
                "flags": "This is True or False for each round; list the numbers of the rounds that revive a weight.",
                "number": "This is how many rounds revive a weight; list their numbers.",
                "first only": "You stop at the first round that revives a weight; list all of them.",
            },
        ),
        alternatives=(_rounds_by_sets, _rounds_by_loop, _rounds_by_words),
        difficulty="medium",
        lines=5,
        minutes=8,
        told={
            "0-D, 1-D, 2-D, 4-D, empty tensor": "of any shape",
            "sparse start": "Mask 0 need not keep everything",
            "order of names": "the dicts may list the layers in another order",
        },
        absent={
            "ties": "no numbers are ranked here",
            "empty list": "mask 0 is always there",
            "empty dict": "a network has at least one layer",
        },
    ),
    Exercise(
        id="04.4",
        reference=rewind,
        cases=(
            Case(
                ({"w": torch.tensor([0.5, -0.3, 0.2])}, {"w": _bits(1, 0, 1)}),
                "One tensor, one weight removed.",
            ),
            Case(
                (
                    {"w": torch.tensor([[0.5, -0.3], [0.2, 0.1]]), "b": torch.tensor([0.1, 0.2])},
                    {"w": _bits(1, 0, 1, 1).view(2, 2)},
                ),
                "A bias has no mask: it is copied whole.",
            ),
            Case(
                (
                    {
                        "fc.weight": torch.tensor([[0.5, -0.3], [0.2, 0.1]]),
                        "fc.bias": torch.tensor([0.1, 0.2]),
                    },
                    {"fc.weight": _bits(0, 0, 1, 1).view(2, 2)},
                ),
                "The first unit loses all its weights; its bias stays.",
            ),
            Case(
                ({"w": torch.tensor([0.5, -0.3]), "b": torch.tensor([0.1])}, {"w": _bits(1, 1)}),
                "Nothing is removed, and it is still a copy.",
            ),
            Case(
                (
                    {
                        "conv.weight": _normal(2, 3, seed=1),
                        "bn.weight": torch.tensor([1.0, 1.0]),
                        "bn.running_mean": torch.tensor([0.0, 0.5]),
                        "bn.num_batches_tracked": torch.tensor(7),
                    },
                    {"conv.weight": _bits(0, 1, 1, 0, 1, 0).view(2, 3)},
                ),
                "A state with buffers; one of them is a whole number.",
            ),
            Case(
                (
                    {
                        "fc1": torch.tensor([[0.5, -0.3], [0.2, 0.1]]),
                        "fc2": torch.tensor([0.4, 0.6]),
                        "b": torch.tensor([1.0]),
                    },
                    {"fc1": _bits(1, 0, 0, 1).view(2, 2), "fc2": _bits(0, 1)},
                ),
                "Two layers with a mask each.",
            ),
            Case(
                ({"w": torch.tensor([0.5, -0.3]), "b": torch.tensor([0.1])}, {}),
                "No layer has a mask: all of it is copied.",
            ),
            Case(
                (
                    {
                        "half": torch.tensor([0.5, -0.25]).half(),
                        "half.bias": torch.tensor([0.5]).half(),
                        "double": torch.tensor([0.1, 0.2], dtype=torch.float64),
                        "double.bias": torch.tensor([0.3], dtype=torch.float64),
                    },
                    {"half": _bits(0, 1), "double": _bits(1, 0)},
                ),
                "Tensors of float16 and float64.",
            ),
            Case(
                (
                    {
                        "conv": _normal(2, 2, 1, 3, seed=2),
                        "scale": torch.tensor(0.7),
                        "gain": torch.tensor(0.9),
                        "none": torch.zeros(0, 2),
                    },
                    {
                        "conv": (_normal(2, 2, 1, 3, seed=3) > 0),
                        "scale": torch.tensor(False),
                        "none": torch.zeros(0, 2).bool(),
                    },
                ),
                "A convolution, single numbers, and a tensor without entries.",
            ),
        ),
        hints=(
            "Two things must hold: the values are those of `initial`, and no tensor of the result is a tensor of `initial`.",
            "Copy every tensor with .clone(), those without a mask too. A dict(...) around `initial` copies no tensor.",
            "On the copies, set state[name][~mask[name]] = 0 for each name in mask.",
        ),
        misconceptions=variants(
            _state,
            {
                "aliased": "Tensors without a mask, such as the biases, are not copied: the next training would change them in `initial` too.",
                "aliased if whole": "A tensor of which nothing is removed is not copied: the next training would change it in `initial` too.",
                "in place": "You write the zeros into `initial` itself: dict(...) copies the names, not the tensors. Clone first.",
                "in place itself": "You write the zeros into `initial` and return it; make a new dict of copies.",
                "only masked": "Tensors without a mask are missing: a rewind of half of the state leaves biases and buffers as trained.",
                "itself": "This is `initial` itself, no copy and no mask: the next training would change it.",
                "itself if no mask": "With an empty mask you return `initial` itself; it is to be a copy then too.",
                "copied": "It is a good copy, but removed weights must be 0 in it.",
                "inverted": "The mask is the wrong way round: True means that the weight is kept.",
                "first only": "Only the first mask is applied: is a `return` inside the loop? Apply every mask.",
                "zero biases": "Tensors without a mask, such as the biases, are 0; nothing of them is removed.",
                "emptied": "A tensor of which something is removed is 0 everywhere; only the removed weights are to be 0.",
                "ones": "Removed weights are 1 here; they must be 0.",
                "squeezed": "Indexing with the mask takes the kept weights out into a shorter tensor; the shape must stay.",
                "single": "Your tensors are float32, whatever they were; each keeps the type that it has in `initial`.",
                "single floats": "Your tensors with a fraction are all float32; each keeps the type that it has in `initial`.",
                "float mask": "You multiply with a float32 mask, which turns float16 into float32; each tensor keeps its type. Multiply with the bool mask itself.",
            },
        ),
        alternatives=(_rewind_by_where, _rewind_by_numpy, _rewind_by_deepcopy),
        difficulty="medium",
        lines=4,
        minutes=8,
        fresh=True,
        told={
            "0-D, 1-D, 2-D, 4-D, empty tensor": "of any shape",
            "float16, float64": "keeps its type",
            "empty dict": "the mask may be empty",
        },
        absent={"ties": "no numbers are ranked here", "NaN": "a state to start from holds numbers"},
    ),
)

QUESTIONS = (
    Question(
        id="04.Q1",
        text="Every round removes 20 % of the weights that remain. How many of the weights are left after three rounds?",
        options=(
            Option(
                "40 %",
                False,
                "That is 20 % of all weights, three times. Each round takes 20 % of a smaller rest.",
            ),
            Option("51.2 %", True, "0.8 x 0.8 x 0.8 = 0.512: each round keeps 80 % of what it finds."),
            Option(
                "0.8 %",
                False,
                "0.2 x 0.2 x 0.2 is what is left if each round keeps 20 %; here each round removes 20 %.",
            ),
            Option("48.8 %", False, "48.8 % is what is gone, the sparsity. The density is 51.2 %."),
        ),
    ),
    Question(
        id="04.Q2",
        text="Which test finds a loop that ranks the dense network's weights in every round?",
        options=(
            Option(
                "The density falls by 20 % in each round.",
                False,
                "It does so in the broken loop too: the counting is right, the ranking is not.",
            ),
            Option(
                "Each mask lies inside the one before.",
                False,
                "The masks of the broken loop nest as well: it cuts one fixed ranking deeper and deeper.",
            ),
            Option(
                "The mask differs from the one-shot mask of the same density.",
                True,
                "The broken loop gives exactly the one-shot mask. If training has changed the ranking, a real "
                "loop gives another one.",
            ),
            Option(
                "The accuracy is well above chance.",
                False,
                "One-shot pruning reaches useful accuracies too, so the result looks plausible.",
            ),
        ),
    ),
    Question(
        id="04.Q3",
        text="A loop keeps `initial = model.state_dict()`, trains, and then calls `model.load_state_dict(initial)`. What "
        "does the model hold now?",
        options=(
            Option(
                "The initial weights.",
                False,
                "state_dict() hands out the model's own tensors, and training wrote into them.",
            ),
            Option(
                "The trained weights.",
                True,
                "`initial` names the same memory as the model. Training changed it, and loading copies it onto itself.",
            ),
            Option(
                "New random weights.",
                False,
                "Nothing draws random numbers here. The tensors in `initial` are the model's own.",
            ),
        ),
    ),
    Question(
        id="04.Q4",
        text="You want one trained ticket with about 10.7 % of the weights, at 20 % a round (ten rounds). How many "
        "trainings do the two ways take, that of the ticket itself included?",
        options=(
            Option("Both take two.", False, "One-shot does; the iterative way trains again after every cut."),
            Option(
                "One-shot two, iterative eleven.",
                True,
                "One-shot: dense, then the ticket. Iterative: dense, then one after each of ten cuts.",
            ),
            Option(
                "One-shot one, iterative ten.",
                False,
                "The dense network has to be trained first, because its weights are what is ranked. Count it too.",
            ),
        ),
    ),
)
