"""Exercises of lesson 12, broken tickets: weights that are alive, a step that keeps zeros, a rewind, a control, a reading."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lthkit.classroom.exercises.exercise import Case, Exercise, Option, Question, pick, variants

Tensors = Mapping[str, Tensor]


def alive_weights(state: Tensors, mask: Tensors) -> dict[str, int]:
    """How many removed weights are not exactly 0, by name; only names that have some.

    Args:
        state: trained tensors by name; it may have names that the mask does not have.
        mask: bool tensors by name, True = kept.

    Returns:
        name -> count. NaN is not 0.
    """
    counts = {name: int((state[name][~keep] != 0).sum()) for name, keep in mask.items()}
    return {name: count for name, count in counts.items() if count}


def masked_step(
    weight: Tensor, gradient: Tensor, velocity: Tensor, mask: Tensor, lr: float, momentum: float
) -> tuple[Tensor, Tensor]:
    """One step of SGD with momentum, after which weight and velocity of removed weights are exactly 0.

    velocity = momentum * velocity + gradient; weight = weight - lr * velocity. At removed places the arguments may hold
    anything, NaN too.

    Args:
        weight, gradient, velocity: float tensors of one shape. mask: bool, True = kept.

    Returns:
        The new weight and the new velocity.
    """
    velocity = (momentum * velocity + gradient).where(mask, 0)
    return (weight - lr * velocity).where(mask, 0), velocity


def not_rewound(before: Tensors, start: Tensors, mask: Tensors) -> list[str]:
    """The names of tensors in which a training did not begin from `before`, in the order of `before`.

    A tensor with a mask counts at its kept places only, one without a mask everywhere. Both states have the same names
    and shapes.
    """
    found = []
    for name, was in before.items():
        differs = was != start[name]
        if name in mask:
            differs = differs[mask[name]]
        if differs.any():
            found.append(name)
    return found


def arm_of(ticket_mask: Tensors, ticket_start: Tensors, mask: Tensors, start: Tensors) -> str:
    """Which arm another training is of: "ticket", "re-initialised", "shuffled" or "neither".

    Args:
        ticket_mask, ticket_start: mask and initial weights of the ticket, by name.
        mask, start: those of the other training; the same names and shapes.
    """
    same = all(torch.equal(mask[n], ticket_mask[n]) for n in mask)
    counts = all(mask[n].sum() == ticket_mask[n].sum() for n in mask)
    own = [torch.equal(start[n][mask[n]], ticket_start[n][mask[n]]) for n in mask]
    if same and all(own):
        return "ticket"
    if same and not any(own):
        return "re-initialised"
    return "shuffled" if counts and not same and all(own) else "neither"


def flattery(validation_losses: Sequence[float], test_accuracies: Sequence[float]) -> float:
    """By how much the best of all test accuracies is above the one at the least validation loss.

    Args:
        validation_losses, test_accuracies: one a measurement, in order. A loss of NaN is no measurement to choose; at least
            one is a number. Of equal losses the first counts.
    """
    usable = [i for i, loss in enumerate(validation_losses) if not math.isnan(loss)]
    chosen = min(usable, key=lambda i: validation_losses[i])
    return max(test_accuracies) - test_accuracies[chosen]


def _bits(*rows: Any) -> Tensor:
    return torch.tensor(rows, dtype=torch.bool)


def _normal(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def _half(*shape: int, seed: int) -> Tensor:
    """A mask of about half of the places."""
    return _normal(*shape, seed=seed) > 0


# Other right answers, and mistakes that people make


def _alive_by_loop(state: Tensors, mask: Tensors) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, keep in mask.items():
        pairs = zip(state[name].flatten().tolist(), keep.flatten().tolist(), strict=True)
        count = sum(1 for value, kept in pairs if not kept and value != 0)
        if count:
            found[name] = count
    return found


def _alive_by_numpy(state: Tensors, mask: Tensors) -> dict[str, int]:
    found = {}
    for name in mask:
        count = int(np.count_nonzero(np.logical_and(state[name].numpy() != 0, ~mask[name].numpy())))
        if count > 0:
            found[name] = count
    return found


def _alive_by_subtraction(state: Tensors, mask: Tensors) -> dict[str, int]:
    found = {}
    for name, keep in mask.items():
        working = int((state[name] != 0).sum())
        kept = int(((state[name] != 0) & keep).sum())
        if working > kept:
            found[name] = working - kept
    return found


def _alive(state: Tensors, mask: Tensors, *, mistake: str) -> Any:
    """The right answer with something wrong: which weights are looked at, what counts as 0, or what is returned."""
    names = {
        "first": list(mask)[:1],
        "weights": [n for n in mask if "weight" in n],
    }
    found = {}
    for name in pick(mistake, names, list(mask)):
        keep, w = mask[name], state[name]
        places = {"kept": keep, "everything": torch.ones_like(keep)}
        values = w[pick(mistake, places, ~keep)]
        rules: dict[str, Callable[[Tensor], Tensor]] = {
            "zeros": lambda v: v == 0,
            "positive": lambda v: v > 0,
            "tolerance": lambda v: v.abs() > 1e-6,
            "small tolerance": lambda v: ~(v.abs() <= 1e-8),
            "no NaN": lambda v: v.abs() > 0,
            "half": lambda v: v.half() != 0,
            "single": lambda v: v.float() != 0,
            "whole": lambda v: v.nan_to_num(1.0).int() != 0,
        }
        alive = pick(mistake, rules, lambda v: v != 0)(values)
        found[name] = int(alive.sum())
        if mistake == "sum":
            found[name] = int(round(float(values.nan_to_num(1.0).abs().sum())))
        if mistake == "one a layer":
            found[name] = int(alive.any())
        if mistake == "columns":
            found[name] = int(((w != 0) & ~keep).any(0).sum())
        if mistake == "product":
            found[name] = int((w * ~keep != 0).sum())
    if mistake == "unmasked too":
        found |= {n: int((w != 0).sum()) for n, w in state.items() if n not in mask}
    some = {name: count for name, count in found.items() if count}
    results = {
        "zeros listed": found,
        "total": sum(some.values()),
        "names": list(some),
        "flag": bool(some),
        "share": {n: c / mask[n].numel() for n, c in some.items() if mask[n].numel()},
    }
    return pick(mistake, results, some)


def _step_by_numpy(
    weight: Tensor, gradient: Tensor, velocity: Tensor, mask: Tensor, lr: float, momentum: float
) -> tuple[Tensor, Tensor]:
    w, g, v, m = (t.numpy() for t in (weight, gradient, velocity, mask))
    v = np.where(m, momentum * v + g, 0).astype(w.dtype)
    w = np.where(m, w - lr * v, 0).astype(w.dtype)
    return torch.from_numpy(np.asarray(w)), torch.from_numpy(np.asarray(v))


def _step_on_kept(
    weight: Tensor, gradient: Tensor, velocity: Tensor, mask: Tensor, lr: float, momentum: float
) -> tuple[Tensor, Tensor]:
    new_weight, new_velocity = torch.zeros_like(weight), torch.zeros_like(velocity)
    moving = momentum * velocity[mask] + gradient[mask]
    new_velocity[mask] = moving
    new_weight[mask] = weight[mask] - lr * moving
    return new_weight, new_velocity


def _step_by_fill(
    weight: Tensor, gradient: Tensor, velocity: Tensor, mask: Tensor, lr: float, momentum: float
) -> tuple[Tensor, Tensor]:
    velocity = torch.add(gradient, velocity, alpha=momentum).masked_fill(~mask, 0.0)
    return torch.sub(weight, velocity, alpha=lr).masked_fill(~mask, 0.0), velocity


def _step(
    weight: Tensor,
    gradient: Tensor,
    velocity: Tensor,
    mask: Tensor,
    lr: float,
    momentum: float,
    *,
    mistake: str,
) -> Any:
    """The right answer with something wrong: what is masked, the rule of the step, or what is returned."""
    if mistake == "inverted":
        mask = ~mask
    if mistake in ("gradient only", "gradient and weight"):
        gradient = gradient.where(mask, 0)
    if mistake in ("gradient multiplied", "both multiplied"):
        gradient = gradient * mask
    if mistake == "no NaN":
        weight, gradient, velocity = (t.nan_to_num() for t in (weight, gradient, velocity))
    if mistake == "old velocity only":
        velocity = velocity.where(mask, 0)
    v = momentum * velocity + gradient
    rules: dict[str, Callable[[], Tensor]] = {
        "dampened": lambda: momentum * velocity + (1 - momentum) * gradient,
        "momentum of the gradient": lambda: velocity + momentum * gradient,
        "no momentum": lambda: gradient.clone(),
        "rate inside": lambda: momentum * velocity + lr * gradient,
        "minus": lambda: momentum * velocity - gradient,
    }
    v = pick(mistake, rules, lambda: v)()
    free = (
        *("gradient only", "gradient and weight", "gradient multiplied", "both multiplied"),
        *("weight only", "old velocity only", "nothing"),
    )
    if mistake == "multiplied":
        v = v * mask
    elif mistake not in free:
        v = v.where(mask, 0)
    moves: dict[str, Callable[[], Tensor]] = {
        "plus": lambda: weight + lr * v,
        "minus": lambda: weight + lr * v,
        "old step": lambda: weight - lr * velocity,
        "nesterov": lambda: weight - lr * (momentum * v + gradient),
        "no rate": lambda: weight - v,
        "rate inside": lambda: weight - v,
        "gradient step": lambda: weight - lr * gradient,
    }
    w = pick(mistake, moves, lambda: weight - lr * v)()
    unmasked = ("gradient only", "gradient multiplied", "velocity only", "old velocity only", "nothing")
    if mistake in ("multiplied", "both multiplied"):
        w = w * mask
    elif mistake not in unmasked:
        w = w.where(mask, 0)
    results = {
        "turned": (v, w),
        "weight alone": w,
        "single": (w.float(), v.float()),
        "one tensor": torch.stack([w, v]),
    }
    return pick(mistake, results, (w, v))


def _step_in_place(
    weight: Tensor,
    gradient: Tensor,
    velocity: Tensor,
    mask: Tensor,
    lr: float,
    momentum: float,
    *,
    mistake: str,
) -> tuple[Tensor, Tensor]:
    new_weight, new_velocity = masked_step(weight, gradient, velocity, mask, lr, momentum)
    if mistake in ("both", "velocity"):
        velocity.copy_(new_velocity)
    if mistake in ("both", "weight"):
        weight.copy_(new_weight)
    return weight if mistake in (
        "both",
        "weight",
    ) else new_weight, velocity if mistake != "weight" else new_velocity


def _rewound_by_where(before: Tensors, start: Tensors, mask: Tensors) -> list[str]:
    def equal(name: str) -> bool:
        keep = mask.get(name, torch.ones_like(before[name], dtype=torch.bool))
        return bool(((before[name] == start[name]) | ~keep).all())

    return [name for name in before if not equal(name)]


def _rewound_by_equal(before: Tensors, start: Tensors, mask: Tensors) -> list[str]:
    found = []
    for name in before:
        one, other = before[name], start[name]
        if name in mask:
            one, other = one[mask[name]], other[mask[name]]
        if not torch.equal(one, other):
            found.append(name)
    return found


def _rewound_by_numpy(before: Tensors, start: Tensors, mask: Tensors) -> list[str]:
    found = []
    for name, was in before.items():
        apart = was.numpy() != start[name].numpy()
        if name in mask:
            apart = np.logical_and(apart, mask[name].numpy())
        if np.any(apart):
            found.append(name)
    return found


def _differs(one: Tensor, other: Tensor, *, mistake: str) -> bool:
    """Whether two rows of numbers differ, as the mistake sees it."""
    rules: dict[str, Callable[[], bool]] = {
        "close": lambda: not torch.allclose(one.double(), other.double()),
        "closer": lambda: bool(((one.double() - other.double()).abs() > 1e-8).any()),
        "single": lambda: bool((one.float() != other.float()).any()),
        "sum": lambda: bool(one.double().sum() != other.double().sum()),
        "all": lambda: bool(one.numel()) and bool((one != other).all()),
        "same": lambda: not bool((one != other).any()),
        "larger": lambda: bool((other > one).any()),
        "double": lambda: bool((one.double() != other.double()).any()),
        "all of nothing": lambda: bool((one != other).all()),
        "difference": lambda: bool(((one - other).abs() > 0).any()),
        "NaN is NaN": lambda: bool(((one != other) & ~((one != one) & (other != other))).any()),
        "magnitude": lambda: bool((one.abs() != other.abs()).any()),
        "most": lambda: bool(one.numel()) and float((one != other).double().mean()) > 0.5,
    }
    return pick(mistake, rules, lambda: bool((one != other).any()))()


def _differing(before: Tensors, start: Tensors, mask: Tensors, *, mistake: str) -> Any:
    """The right answer with something wrong: which places count, what a difference is, or what is returned."""
    if mistake == "by place":
        start = dict(zip(before, start.values(), strict=True))
    found = []
    for name, was in before.items():
        now = start[name]
        skipped = {
            "masked only": name not in mask,
            "unmasked only": name in mask,
            "weights": "weight" not in name,
            "no buffers": not was.is_floating_point(),
            "parameters": "running" in name or "num_" in name,
        }
        if pick(mistake, skipped, False):
            continue
        keep = mask.get(name, torch.ones_like(was, dtype=torch.bool))
        places = {
            "everywhere": torch.ones_like(keep),
            "removed": ~keep if name in mask else keep,
            "removed too": keep | ~keep,
        }
        keep = pick(mistake, places, keep)
        if mistake == "product" and name in mask:
            was, now = was * keep, now * keep
            keep = torch.ones_like(keep)
        if mistake == "ticket":
            was = was.where(keep, 0) if name in mask else was
            keep = torch.ones_like(keep)
        if was.shape != now.shape:
            found.append(name)
            continue
        if _differs(was[keep], now[keep], mistake=mistake):
            found.append(name)
    results = {
        "number": len(found),
        "flag": bool(found),
        "sorted": sorted(found),
        "order of start": [n for n in start if n in found],
        "masked first": [n for n in found if n in mask] + [n for n in found if n not in mask],
        "first only": found[:1],
        "backwards": found[::-1],
    }
    return pick(mistake, results, found)


def _arm_by_numpy(ticket_mask: Tensors, ticket_start: Tensors, mask: Tensors, start: Tensors) -> str:
    names = list(mask)
    same_places = all(np.array_equal(mask[n].numpy(), ticket_mask[n].numpy()) for n in names)
    same_counts = all(mask[n].numpy().sum() == ticket_mask[n].numpy().sum() for n in names)
    apart = [bool(np.any((start[n] != ticket_start[n]).numpy() & mask[n].numpy())) for n in names]
    if same_places:
        return "re-initialised" if all(apart) else "neither" if any(apart) else "ticket"
    return "shuffled" if same_counts and not any(apart) else "neither"


def _arm_by_sets(ticket_mask: Tensors, ticket_start: Tensors, mask: Tensors, start: Tensors) -> str:
    own, fresh, places, counts = True, True, True, True
    for name, keep in mask.items():
        equal = bool((start[name] == ticket_start[name])[keep].all())
        own, fresh = own and equal, fresh and not equal
        places = places and bool((keep == ticket_mask[name]).all())
        counts = counts and int(keep.sum()) == int(ticket_mask[name].sum())
    table = {(True, True, False): "ticket", (True, False, True): "re-initialised"}
    if places:
        return table.get((places, own, fresh), "neither")
    if own and counts:
        return "shuffled"
    return "neither"


def _arm(ticket_mask: Tensors, ticket_start: Tensors, mask: Tensors, start: Tensors, *, mistake: str) -> Any:
    """The right answer with something wrong: how masks, counts or weights are compared, or which name is given."""
    if mistake == "by place":
        mask, start = (dict(zip(ticket_mask, own.values(), strict=True)) for own in (mask, start))
    names = list(mask)
    if mistake == "first layer":
        names = names[:1]
    kept = sum(int(mask[n].sum()) for n in names)
    was = sum(int(ticket_mask[n].sum()) for n in names)
    same = all(torch.equal(mask[n], ticket_mask[n]) for n in names)
    counts = all(mask[n].sum() == ticket_mask[n].sum() for n in names)
    columns = all(torch.equal(mask[n].sum(0), ticket_mask[n].sum(0)) for n in names)
    counts = pick(mistake, {"total count": kept == was, "no count": True, "column counts": columns}, counts)
    if mistake == "same by count":
        same = counts
    if mistake == "any same mask":
        same = any(torch.equal(mask[n], ticket_mask[n]) for n in names)

    def equal(name: str) -> bool:
        here = {
            "everywhere": torch.ones_like(mask[name]),
            "ticket's places": ticket_mask[name],
            "both places": mask[name] & ticket_mask[name],
        }
        keep = pick(mistake, here, mask[name])
        one, other = start[name][keep], ticket_start[name][keep]
        if mistake == "own mask each":
            other = ticket_start[name][ticket_mask[name]]
        if mistake == "product":
            one, other = start[name] * keep, ticket_start[name] * keep
        if mistake == "close":
            return torch.allclose(one, other, rtol=1e-3, atol=1e-3)
        if mistake == "allclose":
            return torch.allclose(one.double(), other.double())
        if mistake in ("single", "double"):
            one, other = (t.to(torch.float32 if mistake == "single" else torch.float64) for t in (one, other))
        if mistake == "single numbers":
            return bool((one == other).any())
        return torch.equal(one, other)

    def shares(name: str) -> bool:
        return bool((start[name] == ticket_start[name])[mask[name]].any())

    own = [equal(n) for n in names]
    rules = {"one is enough": lambda: not all(own), "every weight": lambda: not any(map(shares, names))}
    fresh = pick(mistake, rules, lambda: not any(own))()
    all_own = pick(mistake, {"one is own": any(own), "weights unseen": True}, all(own))
    if mistake == "weights unseen" and same:
        return "ticket" if all(own) else "re-initialised"
    if mistake == "mask unseen" and not all(own):
        return "re-initialised" if not any(own) else "neither"
    if same and (all_own or mistake == "some is ticket" and any(own)):
        return pick(mistake, {"no ticket": "neither"}, "ticket")
    if same and fresh:
        return pick(mistake, {"turned": "shuffled", "spelling": "reinitialised"}, "re-initialised")
    if mistake == "every mask" and any(torch.equal(mask[n], ticket_mask[n]) for n in names):
        return "neither"
    if counts and not same and all_own:
        return pick(mistake, {"turned": "re-initialised"}, "shuffled")
    return "neither"


def _drawn_arm(rng: random.Random) -> tuple[Any, ...]:
    """Arguments of one call: a ticket, and another training of one of the arms, or of none."""
    seed = rng.randrange(10**6)
    shapes = {"a": (3, 4), "b": (2, 5)}
    ticket_mask = {n: _normal(*shape, seed=seed + i) > 0.2 for i, (n, shape) in enumerate(shapes.items())}
    for keep in ticket_mask.values():
        keep.view(-1)[0] = True
        keep.view(-1)[1] = False
    ticket_start = {n: _normal(*shape, seed=seed + 10 + i) for i, (n, shape) in enumerate(shapes.items())}
    other = {n: _normal(*shape, seed=seed + 20 + i) for i, (n, shape) in enumerate(shapes.items())}
    turned = {n: keep.flatten().roll(1).view(keep.shape) for n, keep in ticket_mask.items()}
    kind = rng.choice(("ticket", "re-initialised", "shuffled", "half", "both", "count"))
    mask = turned if kind in ("shuffled", "both") else dict(ticket_mask)
    if kind == "count":
        mask = {n: keep.clone() for n, keep in mask.items()}
        mask["a"].view(-1)[1] = True
    start = {n: t.clone() for n, t in (other if kind in ("re-initialised", "both") else ticket_start).items()}
    if kind == "half":
        start["b"] = other["b"]
    return ticket_mask, ticket_start, mask, start


def _flattery_by_loop(validation_losses: Sequence[float], test_accuracies: Sequence[float]) -> float:
    best, honest, lowest = -math.inf, math.nan, math.inf
    for loss, accuracy in zip(validation_losses, test_accuracies, strict=True):
        best = max(best, accuracy)
        if loss < lowest or (math.isnan(honest) and loss == lowest):
            lowest, honest = loss, accuracy
    return best - honest


def _flattery_by_numpy(validation_losses: Sequence[float], test_accuracies: Sequence[float]) -> float:
    losses, accuracies = np.asarray(validation_losses), np.asarray(test_accuracies)
    numbers = ~np.isnan(losses)
    return float(accuracies.max() - accuracies[numbers][losses[numbers].argmin()])


def _filled(losses: Sequence[float], number: float) -> int:
    """The place of the least loss, where NaN has been exchanged for a number."""
    filled = [number if math.isnan(loss) else loss for loss in losses]
    return filled.index(min(filled))


def _flattery(validation_losses: Sequence[float], test_accuracies: Sequence[float], *, mistake: str) -> float:
    """The right answer with something wrong: what is chosen, how, or what is returned."""
    losses, found = list(validation_losses), list(test_accuracies)
    usable = [i for i, loss in enumerate(losses) if not math.isnan(loss)]
    first = min(usable, key=lambda i: losses[i])
    last = min(reversed(usable), key=lambda i: losses[i])
    as_least = [i for i, loss in enumerate(losses) if math.isnan(loss)]
    chosen = pick(
        mistake,
        {
            "last": len(found) - 1,
            "last of equals": last,
            "largest loss": max(usable, key=lambda i: losses[i]),
            "first measurement": 0,
            "NaN is least": as_least[0] if as_least else first,
            "min of all": min(range(len(losses)), key=lambda i: losses[i]),
            "first number": usable[0],
            "shifted": usable.index(first),
            "lower of equals": min(usable, key=lambda i: (losses[i], found[i])),
            "NaN is infinite": _filled(losses, math.inf),
            "NaN is 999": _filled(losses, 999.0),
        },
        first,
    )
    highest = pick(
        mistake,
        {
            "last as best": found[-1],
            "usable only": max(found[i] for i in usable),
            "up to the chosen": max(found[: first + 1]),
            "from the chosen on": max(found[first:]),
        },
        max(found),
    )
    results = {
        "turned": found[chosen] - highest,
        "best": highest,
        "honest": found[chosen],
        "lowest": highest - min(found),
        "mean": highest - sum(found) / len(found),
        "points": 100 * (highest - found[chosen]),
        "relative to the best": (highest - found[chosen]) / highest,
        "begins at 10": highest - (found[chosen] if losses[chosen] < 10 else 0.0),
        "four digits": round(highest - found[chosen], 4),
        "two digits": round(highest - found[chosen], 2),
        "three digits": round(highest - found[chosen], 3),
        "places": float(found.index(highest) - chosen),
    }
    if mistake == "relative":
        return (highest - found[chosen]) / found[chosen]
    return pick(mistake, results, highest - found[chosen])


EXERCISES = (
    Exercise(
        id="12.1",
        reference=alive_weights,
        cases=(
            Case(
                ({"w": torch.tensor([0.5, 0.2, 0.0])}, {"w": _bits(1, 0, 0)}),
                "One tensor; of two removed weights one is 0.",
            ),
            Case(
                ({"w": torch.tensor([[0.0, -0.3], [0.4, 0.0]])}, {"w": _bits([1, 0], [1, 0])}),
                "A kept weight is 0, and a removed one is negative.",
            ),
            Case(
                (
                    {"w": torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.0]])},
                    {"w": _bits([1, 0, 0], [1, 0, 0])},
                ),
                "Two removed weights of one column, and one of another, are not 0.",
            ),
            Case(
                (
                    {"u": torch.tensor([0.7, 2.0]), "w": torch.tensor([1.0, 2.0, 0.0])},
                    {"u": _bits(0, 1), "w": _bits(0, 0, 0)},
                ),
                "Both of two tensors have removed weights that are not 0.",
            ),
            Case(
                ({"w": torch.tensor([float("inf"), 0.0])}, {"w": _bits(1, 0)}),
                "A kept weight is infinite, and the removed one is 0.",
            ),
            Case(
                (
                    {
                        "b": torch.tensor([0.1]),
                        "u": torch.tensor([0.0, 0.7, 2.0]),
                        "w": torch.tensor([1.0, 2.0]),
                    },
                    {"w": _bits(0, 0), "u": _bits(0, 1, 1)},
                ),
                "The mask has no entry for b; all that u has removed is 0.",
                tags=("no mask",),
            ),
            Case(
                ({"w": torch.tensor([1e-30, 2e-8, 1e-7, 0.0, 3.0])}, {"w": _bits(0, 0, 0, 0, 1)}),
                "Three removed weights are tiny, and not 0.",
                tags=("tiny",),
            ),
            Case(
                ({"w": torch.tensor([float("nan"), 0.0, 1.0])}, {"w": _bits(0, 0, 1)}),
                "A removed weight is NaN.",
            ),
            Case(({"w": torch.tensor([0.5, 0.0])}, {"w": _bits(1, 0)}), "A ticket in order."),
            Case(({"w": torch.tensor([0.5, 0.3])}, {}), "There is no mask at all."),
            Case(
                (
                    {
                        "c": torch.tensor([0.3, -0.2, 0.0, 0.9]).view(2, 1, 1, 2),
                        "d": torch.tensor([0.5, 0.25, 0.0], dtype=torch.float64),
                        "h": torch.tensor([0.5, -0.25, 2.0, 1.0], dtype=torch.float16),
                        "scale": torch.tensor(0.7),
                        "none": torch.zeros(0, 2),
                    },
                    {
                        "c": _bits(1, 0, 0, 0).view(2, 1, 1, 2),
                        "d": _bits(1, 0, 0),
                        "h": _bits(0, 0, 0, 1),
                        "scale": torch.tensor(False),
                        "none": torch.zeros(0, 2).bool(),
                    },
                ),
                "A convolution, other types, a single number, and a tensor without entries.",
            ),
            Case(
                (
                    {
                        "u": torch.tensor([1e-300, 5.0], dtype=torch.float64),
                        "w": torch.tensor([-2.0, 0.0, 3.0, 4.0]),
                    },
                    {"u": _bits(0, 1), "w": _bits(0, 1, 0, 0)},
                ),
                "A removed weight that is too small for float32, and a layer of which three are alive.",
                tags=("tiny",),
            ),
        ),
        hints=(
            "For one tensor: which places are removed, and at how many of them is the state something else than 0?",
            "state[name][~keep] has the removed weights of one tensor. (... != 0).sum() counts, and NaN != 0 is True.",
            "Make a dict of counts over mask.items(), then keep the entries whose count is not 0.",
        ),
        misconceptions=variants(
            _alive,
            {
                "kept": "These are the kept weights that are not 0; the removed ones are asked for. True means kept.",
                "everything": "You count all weights that are not 0, kept ones too; only removed ones are to be 0.",
                "zeros": "You count the removed weights that are 0; those that are not are asked for.",
                "positive": "You count positive weights only; a negative one is not 0 either. Compare with !=.",
                "tolerance": "A weight of 1e-7 or NaN passes for 0 here. Exactly 0 is asked for: compare with != 0.",
                "small tolerance": "A weight of 1e-30 passes for 0 here. Exactly 0 is asked for: compare with != 0.",
                "no NaN": "NaN passes for 0 here: abs() > 0 is False for NaN. Compare with != 0.",
                "half": "You compare in float16, in which tiny numbers become 0. Compare in the type of the tensor.",
                "single": "You compare in float32, in which 1e-300 becomes 0. Compare in the type of the tensor.",
                "whole": "You cut the weights to whole numbers first, and 0.3 becomes 0. Compare them as they are.",
                "sum": "You add up how large the weights are; count how many are not 0.",
                "one a layer": "You say 1 for each layer that has some; count its weights.",
                "columns": "any(0) looks down the columns: you count the columns that have such a weight. Count the weights.",
                "product": "You multiply with the mask, and infinity times 0 is NaN. Take the removed weights alone: [~mask].",
                "unmasked too": "You count tensors without a mask too; nothing of them is removed.",
                "zeros listed": "Layers of which every removed weight is 0 are listed with 0; leave them out.",
                "total": "This is the number over all layers; give one number for each layer that has some.",
                "names": "These are the names only; give the counts as well, name -> count.",
                "flag": "This says whether there are any; give the counts by name.",
                "share": "These are fractions of all weights of a layer; give counts.",
                "first": "Only the first layer is looked at; look at all of the mask. Is a return inside the loop?",
                "weights": "You look at names with 'weight' in them only; look at every name of the mask.",
            },
        ),
        alternatives=(_alive_by_loop, _alive_by_numpy, _alive_by_subtraction),
        difficulty="easy",
        lines=4,
        minutes=6,
        told={
            "0-D, 1-D, 2-D, 4-D, empty tensor": "of any shape",
            "float16, float64": "any type",
            "NaN": "NaN is not 0",
            "infinity": "infinity too",
            "tiny": "however small",
            "empty dict": "The mask may be empty",
            "no mask": "more names than the mask",
        },
        absent={"ties": "nothing is ranked"},
    ),
    Exercise(
        id="12.2",
        reference=masked_step,
        cases=(
            Case(
                (
                    torch.tensor([1.0, 0.0]),
                    torch.tensor([0.5, 0.5]),
                    torch.tensor([0.2, 0.4]),
                    _bits(1, 0),
                    0.1,
                    0.9,
                ),
                "Two weights; the removed one has a gradient and a velocity.",
                point=True,
            ),
            Case(
                (
                    torch.tensor([1.0, 2.0, -3.0]),
                    torch.tensor([0.5, 0.0, 0.1]),
                    torch.tensor([0.2, 0.0, 0.3]),
                    _bits(1, 0, 1),
                    0.1,
                    0.9,
                ),
                "The removed weight is not 0 yet, and has neither gradient nor velocity.",
                tags=("not 0 yet",),
            ),
            Case(
                (
                    torch.tensor([1.0, 0.0]),
                    torch.tensor([0.5, 0.0]),
                    torch.tensor([0.2, 0.4]),
                    _bits(1, 0),
                    0.1,
                    0.9,
                ),
                "The removed weight has a velocity only.",
            ),
            Case(
                (
                    torch.tensor([1.0, 0.0]),
                    torch.tensor([0.5, 0.7]),
                    torch.tensor([0.2, 0.0]),
                    _bits(1, 0),
                    0.1,
                    0.9,
                ),
                "The removed weight has a gradient only.",
            ),
            Case(
                (
                    torch.tensor([1.0, 0.0, 0.0]),
                    torch.tensor([0.5, float("nan"), 0.1]),
                    torch.tensor([0.2, 0.1, float("inf")]),
                    _bits(1, 0, 0),
                    0.1,
                    0.9,
                ),
                "At removed places the gradient is NaN, or the velocity infinite.",
            ),
            Case(
                (
                    torch.tensor([1.0, 2.0, 0.0]),
                    torch.tensor([float("nan"), 0.5, 0.1]),
                    torch.tensor([0.0, 0.2, 0.3]),
                    _bits(1, 1, 0),
                    0.1,
                    0.9,
                ),
                "At a kept place the gradient is NaN.",
            ),
            Case(
                (
                    _normal(3, 2, seed=5),
                    _normal(3, 2, seed=6),
                    _normal(3, 2, seed=7),
                    torch.ones(3, 2).bool(),
                    0.05,
                    0.0,
                ),
                "Nothing is removed, and there is no momentum.",
            ),
            Case(
                (
                    _normal(2, 2, 1, 3, seed=8, dtype=torch.float64),
                    _normal(2, 2, 1, 3, seed=9, dtype=torch.float64),
                    _normal(2, 2, 1, 3, seed=10, dtype=torch.float64),
                    _half(2, 2, 1, 3, seed=11),
                    0.3,
                    0.5,
                ),
                "A convolution in float64.",
            ),
            Case(
                (
                    torch.tensor(0.5),
                    torch.tensor(0.2),
                    torch.tensor(0.1),
                    torch.tensor(False),
                    0.1,
                    0.9,
                ),
                "A single number, and it is removed.",
            ),
            Case(
                (torch.zeros(0, 2), torch.zeros(0, 2), torch.zeros(0, 2), torch.zeros(0, 2).bool(), 0.1, 0.9),
                "A tensor without entries.",
            ),
        ),
        hints=(
            "Two tensors are remembered from step to step, the weight and the velocity. What is 0 in one of them only comes back.",
            "First the new velocity from the formula, then its removed places to 0; then the weight in the same way.",
            "tensor.where(mask, 0) gives 0 at removed places, whatever was there. Multiplying would keep a NaN.",
        ),
        misconceptions=(
            *variants(
                _step,
                {
                    "gradient only": "You mask the gradient only. The velocity of before moves the removed weights all the same: "
                    "this is exhibit 2.",
                    "gradient multiplied": "You multiply the gradient with the mask, and that is all. The velocity of before moves "
                    "the removed weights all the same: this is exhibit 2.",
                    "both multiplied": "You multiply gradient and weight with the mask. The velocity of a removed weight lives on, "
                    "and NaN times 0 is NaN: use where(mask, 0), for the velocity too.",
                    "no NaN": "You turn NaN into 0 at kept places too. There it is to stay NaN, so that somebody sees it.",
                    "gradient and weight": "The weight is 0, but its velocity is not: at the next step it moves. Mask the velocity too.",
                    "weight only": "The weight is 0, but its velocity grows with every gradient; mask the velocity too.",
                    "velocity only": "The velocity is masked and the weight is not: what was not 0 at a removed place stays.",
                    "old velocity only": "You mask the velocity of before, and the gradient then fills it again; mask the new one, and "
                    "the weight.",
                    "nothing": "Nothing is masked; after the step removed weights and their velocities are to be 0.",
                    "multiplied": "NaN times 0 is NaN. Use where(mask, 0), which does not look at what it replaces.",
                    "inverted": "The mask is the wrong way round: True means that the weight is kept.",
                    "dampened": "The gradient is multiplied with 1 - momentum; here velocity = momentum * velocity + gradient.",
                    "momentum of the gradient": "You multiply the gradient with the momentum; it belongs to the velocity of before.",
                    "no momentum": "The velocity of before is left out: momentum * velocity + gradient.",
                    "rate inside": "The learning rate is in the velocity; it belongs to the step of the weight: lr * velocity.",
                    "minus": "The gradient is taken off the velocity and the step added; the weight is right and the velocity has the "
                    "wrong sign.",
                    "plus": "The weight goes up the gradient; take lr * velocity off.",
                    "old step": "The weight moves by the velocity of before; use the new one.",
                    "nesterov": "This is Nesterov's momentum, which looks one step ahead; the plain step is asked for.",
                    "no rate": "The learning rate is missing: weight - lr * velocity.",
                    "gradient step": "The weight moves by the gradient alone; it moves by the velocity.",
                    "turned": "You return the velocity first; the weight comes first.",
                    "weight alone": "The velocity is missing from the result; the next step needs it.",
                    "single": "Your tensors are float32 whatever they were; keep the type.",
                    "one tensor": "You return one tensor; return two, (weight, velocity).",
                },
            ),
            *variants(
                _step_in_place,
                {
                    "both": "You write into weight and velocity themselves; make new tensors, and leave the arguments.",
                    "velocity": "You write into velocity itself; make a new tensor.",
                    "weight": "You write into weight itself; make a new tensor.",
                },
            ),
        ),
        alternatives=(_step_by_numpy, _step_on_kept, _step_by_fill),
        difficulty="medium",
        lines=2,
        minutes=8,
        atol=0.0,
        fresh=True,
        told={
            "0-D, 1-D, 2-D, 4-D, empty tensor": "of any shape",
            "float64": "float32 or float64",
            "NaN, infinity": "NaN or infinity",
            "not 0 yet": "may not be 0 yet",
        },
        absent={"float16": "the text says float32 or float64", "ties": "nothing is ranked"},
    ),
    Exercise(
        id="12.3",
        reference=not_rewound,
        cases=(
            Case(
                (
                    {"w": torch.tensor([0.5, -0.3])},
                    {"w": torch.tensor([0.5, 0.9])},
                    {"w": _bits(1, 0)},
                ),
                "Only the removed weight differs, and it does not count.",
            ),
            Case(
                (
                    {"w": torch.tensor([0.5, -0.3]), "b": torch.tensor([0.0, 0.1])},
                    {"w": torch.tensor([0.5, 0.0]), "b": torch.tensor([0.2, 0.1])},
                    {"w": _bits(1, 0)},
                ),
                "The weights are right, and a bias, which has no mask, is not.",
                tags=("no mask",),
                point=True,
            ),
            Case(
                (
                    {"w": torch.tensor([0.5, -0.3, 0.2])},
                    {"w": torch.tensor([0.5, -0.300001, 0.0])},
                    {"w": _bits(1, 1, 0)},
                ),
                "A kept weight differs in its sixth digit.",
                tags=("last digit",),
            ),
            Case(
                (
                    {"w": torch.tensor([0.5, 1e-10])},
                    {"w": torch.tensor([0.5, 2e-10])},
                    {"w": _bits(1, 1)},
                ),
                "Two tiny weights differ.",
                tags=("last digit",),
            ),
            Case(
                (
                    {"w": torch.tensor([0.5, 0.1, 0.2])},
                    {"w": torch.tensor([0.5, float("nan"), float("inf")])},
                    {"w": _bits(1, 0, 0)},
                ),
                "At removed places the start is NaN, or infinite.",
            ),
            Case(
                (
                    {"u": torch.tensor([float("nan"), 1.0]), "w": torch.tensor([0.5, 1.0])},
                    {"u": torch.tensor([float("nan"), 1.0]), "w": torch.tensor([float("nan"), 1.0])},
                    {"u": _bits(1, 0), "w": _bits(1, 0)},
                ),
                "A kept weight is NaN in both states, and in another tensor in one of them.",
            ),
            Case(
                ({"n": torch.tensor(2**53)}, {"n": torch.tensor(2**53 + 1)}, {}),
                "A whole number so large that no float64 tells it from the next one.",
                tags=("whole numbers",),
            ),
            Case(
                (
                    {"u": torch.tensor([1.0, 2.0]), "n": torch.tensor(7), "v": torch.tensor([3.0])},
                    {"u": torch.tensor([1.0, 2.0]), "n": torch.tensor(9), "v": torch.tensor([3.0])},
                    {"u": _bits(1, 1), "v": _bits(1)},
                ),
                "A buffer that counts batches, a whole number, has gone on.",
                tags=("whole numbers",),
            ),
            Case(
                (
                    {
                        "z": torch.tensor([1.0, 2.0]),
                        "a": torch.tensor([5.0, 6.0]),
                        "m": torch.tensor([3.0, 7.0]),
                        "k": torch.tensor([4.0, 8.0]),
                    },
                    {
                        "m": torch.tensor([3.5, 7.0]),
                        "z": torch.tensor([2.0, 1.0]),
                        "k": torch.tensor([4.0, 8.0]),
                        "a": torch.tensor([5.5, 6.0]),
                    },
                    {"m": _bits(1, 0), "z": _bits(1, 1)},
                ),
                "The two states have their names in another order; three tensors differ, one of them by an exchange.",
                tags=("order of names",),
            ),
            Case(
                (
                    {"w": torch.tensor([0.5, 0.1]), "b": torch.tensor([0.0])},
                    {"w": torch.tensor([0.5, 0.1]), "b": torch.tensor([0.0])},
                    {"w": _bits(1, 0)},
                ),
                "All is as it was, and the removed weight is not 0 at the start.",
            ),
            Case(
                (
                    {"w": torch.tensor([1.0, 2.0, 3.0, 4.0])},
                    {"w": torch.tensor([1.0, 9.0, 8.0, 0.0])},
                    {"w": _bits(1, 1, 1, 0)},
                ),
                "Two of three kept weights differ.",
            ),
            Case(
                (
                    {"w": torch.tensor([1e-300, 2.0], dtype=torch.float64)},
                    {"w": torch.tensor([2e-300, 2.0], dtype=torch.float64)},
                    {"w": _bits(1, 0)},
                ),
                "A difference that float32 does not see.",
                tags=("last digit",),
            ),
            Case(
                ({"w": torch.tensor([0.5, 0.1])}, {"w": torch.tensor([0.5, 0.0])}, {}),
                "There is no mask, so every place counts.",
            ),
            Case(
                (
                    {"w": torch.tensor([0.5, 0.1]), "v": torch.tensor([-0.2, 0.3])},
                    {"w": torch.tensor([9.0, 8.0]), "v": torch.tensor([0.2, 0.3])},
                    {"w": _bits(0, 0), "v": _bits(1, 0)},
                ),
                "Nothing is kept of the first tensor; in the second a sign is another one.",
            ),
            Case(
                (
                    {
                        "c": torch.tensor([0.3, -0.2]).view(2, 1, 1, 1),
                        "d": torch.tensor([0.1, 1e-300], dtype=torch.float64),
                        "h": torch.tensor([[0.5, 0.25]], dtype=torch.float16),
                        "none": torch.zeros(0, 2),
                        "running_mean": torch.tensor([0.5, 0.5]),
                    },
                    {
                        "c": torch.tensor([0.6, -0.2]).view(2, 1, 1, 1),
                        "d": torch.tensor([0.1, 2e-300], dtype=torch.float64),
                        "h": torch.tensor([[0.5, 0.5]], dtype=torch.float16),
                        "none": torch.zeros(0, 2),
                        "running_mean": torch.tensor([0.25, 0.5]),
                    },
                    {
                        "c": _bits(1, 0).view(2, 1, 1, 1),
                        "d": _bits(1, 1),
                        "h": _bits([1, 0]),
                        "none": torch.zeros(0, 2).bool(),
                    },
                ),
                "A convolution, other types, a tensor without entries, and a statistic of batch norm.",
                tags=("last digit",),
            ),
        ),
        hints=(
            "For each name there are two tensors and perhaps a mask. Where do the two differ, and do these places count?",
            "differs = before[name] != start[name]; with a mask look only at differs[mask[name]], without one at all of it.",
            "Go through before.items() in its order, and collect the names for which .any() is True.",
        ),
        misconceptions=variants(
            _differing,
            {
                "everywhere": "You compare removed places too, where the start has 0 by right. Only kept places count.",
                "removed": "You compare the removed places; the kept ones count.",
                "ticket": "You expect 0 at removed places of the start; they do not count, whatever is there.",
                "masked only": "Tensors without a mask are left out: biases and buffers are a part of the state too.",
                "unmasked only": "Tensors with a mask are left out; they count at their kept places.",
                "weights": "You look at names with 'weight' in them only; look at every name.",
                "no buffers": "You leave out whole numbers, such as the count of batches; they are a part of the state too.",
                "close": "You ask whether the numbers are close. A rewind gives the same bits: compare with !=.",
                "closer": "A difference below 1e-8 passes here. A rewind gives the same bits: compare with !=.",
                "single": "You compare in float32, in which the last digits of float64 are lost; compare as they are.",
                "sum": "You compare sums; two weights that have changed places have the same sum. Compare place by place.",
                "all": "You ask whether every place differs; one is enough: any().",
                "most": "You ask whether most places differ; one is enough: any().",
                "all of nothing": "You ask whether every place differs, and of no places at all that is true; one that differs is "
                "enough: any().",
                "double": "You compare in float64, in which whole numbers above 2**53 are not told apart; compare as they are.",
                "difference": "A difference with NaN is NaN, and NaN > 0 is False. Compare with !=.",
                "NaN is NaN": "You take NaN for equal to NaN. NaN is equal to nothing: a kept NaN is listed.",
                "product": "You multiply with the mask, and NaN times 0 is NaN, which differs from itself. Take the kept places "
                "alone: [mask].",
                "same": "These are the tensors that are right; those that are not are asked for.",
                "larger": "You find only numbers that became larger; smaller ones differ too.",
                "magnitude": "You compare absolute values; a sign that is another one is a difference.",
                "by place": "You pair the tensors by their place in the two dicts; take them by name.",
                "number": "This is how many tensors differ; give their names.",
                "flag": "This says whether any tensor differs; give the names.",
                "sorted": "Your names are in the order of the alphabet; keep the order of `before`.",
                "order of start": "Your names are in the order of `start`; keep that of `before`.",
                "masked first": "Your names are those with a mask first, then the others; keep the order of `before`.",
                "first only": "You stop at the first tensor that differs; list all. Is a return inside the loop?",
                "backwards": "Your names are in the opposite order; keep that of `before`.",
            },
        ),
        alternatives=(_rewound_by_where, _rewound_by_equal, _rewound_by_numpy),
        difficulty="medium",
        lines=8,
        minutes=10,
        told={
            "0-D, 1-D, 2-D, 4-D, empty tensor": "of any shape",
            "float16, float64": "any type",
            "whole numbers": "whole numbers too",
            "empty dict": "The mask may be empty",
            "no mask": "a tensor without a mask counts everywhere",
            "order of names": "go by name",
            "last digit": "not nearly equal",
            "NaN": "NaN is equal to nothing",
            "infinity": "NaN and infinity too",
        },
        absent={"ties": "nothing is ranked"},
    ),
    Exercise(
        id="12.4",
        reference=arm_of,
        cases=(
            Case(
                (
                    {"w": _bits(1, 1, 0)},
                    {"w": torch.tensor([0.5, -0.3, 0.2])},
                    {"w": _bits(1, 1, 0)},
                    {"w": torch.tensor([0.5, -0.3, 0.0])},
                ),
                "The same mask; the kept weights are the ticket's.",
            ),
            Case(
                (
                    {"w": _bits(1, 1, 0)},
                    {"w": torch.tensor([0.5, -0.3, 0.2])},
                    {"w": _bits(1, 1, 0)},
                    {"w": torch.tensor([0.1, 0.7, 0.2])},
                ),
                "The same mask and other kept weights.",
            ),
            Case(
                (
                    {"w": _bits(1, 1, 0)},
                    {"w": torch.tensor([0.5, -0.3, 0.2])},
                    {"w": _bits(0, 1, 1)},
                    {"w": torch.tensor([9.0, -0.3, 0.2])},
                ),
                "Another mask that keeps as many, and at its kept places the ticket's weights.",
            ),
            Case(
                (
                    {"w": _bits(1, 1, 0)},
                    {"w": torch.tensor([0.5, -0.3, 0.2])},
                    {"w": _bits(0, 1, 1)},
                    {"w": torch.tensor([0.1, 0.7, 0.9])},
                ),
                "Another mask and other weights: a search of its own.",
                point=True,
            ),
            Case(
                (
                    {"w": _bits(1, 1, 0)},
                    {"w": torch.tensor([0.5, -0.3, 0.2])},
                    {"w": _bits(0, 1, 0)},
                    {"w": torch.tensor([0.5, -0.3, 0.2])},
                ),
                "Another mask, which keeps fewer.",
            ),
            Case(
                (
                    {"u": _bits(1, 0), "w": _bits(1, 1, 0)},
                    {"u": torch.tensor([0.4, 0.6]), "w": torch.tensor([0.5, -0.3, 0.2])},
                    {"u": _bits(1, 1), "w": _bits(1, 0, 0)},
                    {"u": torch.tensor([0.4, 0.6]), "w": torch.tensor([0.5, -0.3, 0.2])},
                ),
                "As many weights in all, but not in each tensor.",
            ),
            Case(
                (
                    {"u": _bits(1, 0), "w": _bits(1, 1, 0)},
                    {"u": torch.tensor([0.4, 0.6]), "w": torch.tensor([0.5, -0.3, 0.2])},
                    {"u": _bits(1, 0), "w": _bits(1, 1, 0)},
                    {"u": torch.tensor([0.4, 0.6]), "w": torch.tensor([0.1, 0.7, 0.2])},
                ),
                "One of two tensors has new weights.",
            ),
            Case(
                (
                    {"u": _bits(1, 0), "w": _bits(1, 1, 0)},
                    {"u": torch.tensor([0.4, 0.6]), "w": torch.tensor([0.5, -0.3, 0.2])},
                    {"u": _bits(0, 1), "w": _bits(1, 1, 0)},
                    {"u": torch.tensor([0.4, 0.6]), "w": torch.tensor([0.5, -0.3, 0.2])},
                ),
                "Only one of the two masks is another one; the weights are the ticket's.",
            ),
            Case(
                (
                    {"w": _bits(1, 1, 0)},
                    {"w": torch.tensor([0.5, -0.3, 0.2])},
                    {"w": _bits(1, 1, 0)},
                    {"w": torch.tensor([0.5, -0.3001, 0.2])},
                ),
                "One kept weight differs in its fourth digit, and so does the tensor.",
                tags=("last digit",),
            ),
            Case(
                (
                    {"w": _bits(1, 1, 0)},
                    {"w": torch.tensor([0.5, -0.3, 0.2])},
                    {"w": _bits(1, 1, 0)},
                    {"w": torch.tensor([0.5, -0.300001, 0.2])},
                ),
                "One kept weight differs in its sixth digit.",
                tags=("last digit",),
            ),
            Case(
                (
                    {"w": _bits(1, 1)},
                    {"w": torch.tensor([0.5, 1e-300], dtype=torch.float64)},
                    {"w": _bits(1, 1)},
                    {"w": torch.tensor([0.5, 2e-300], dtype=torch.float64)},
                ),
                "A kept weight differs by less than float32 can tell.",
                tags=("last digit",),
            ),
            Case(
                (
                    {"n": _bits(1, 0)},
                    {"n": torch.tensor([2**53, 5])},
                    {"n": _bits(1, 0)},
                    {"n": torch.tensor([2**53 + 1, 5])},
                ),
                "Whole numbers so large that float64 does not tell them apart.",
                tags=("whole numbers",),
            ),
            Case(
                (
                    {"w": _bits([1, 0], [1, 0])},
                    {"w": torch.tensor([[0.5, 0.2], [0.3, 0.4]])},
                    {"w": _bits([0, 1], [1, 0])},
                    {"w": torch.tensor([[0.5, 0.2], [0.3, 0.4]])},
                ),
                "A mask of as many weights, and of other numbers in the columns.",
            ),
            Case(
                (
                    {"w": _bits(1, 1, 0, 0)},
                    {"w": torch.tensor([0.5, -0.3, 0.2, float("inf")])},
                    {"w": _bits(1, 1, 0, 0)},
                    {"w": torch.tensor([0.5, -0.3, float("nan"), 0.1])},
                ),
                "At removed places the weights are NaN, or infinite.",
            ),
            Case(
                (
                    {"u": _bits(1, 0), "w": _bits(0, 1)},
                    {"u": torch.tensor([0.4, 0.6]), "w": torch.tensor([0.5, -0.3])},
                    {"w": _bits(0, 1), "u": _bits(1, 0)},
                    {"w": torch.tensor([0.5, -0.3]), "u": torch.tensor([0.4, 0.6])},
                ),
                "The names are in another order.",
                tags=("order of names",),
            ),
            Case(
                (
                    {"u": _bits(1, 0), "w": _bits(1, 1, 0)},
                    {"u": torch.tensor([0.4, 0.6]), "w": torch.tensor([0.5, -0.3, 0.2])},
                    {"u": _bits(0, 1), "w": _bits(0, 1, 1)},
                    {"u": torch.tensor([0.4, 0.6]), "w": torch.tensor([0.5, 0.1, 0.2])},
                ),
                "Other masks of the same counts; one of the two tensors has a weight that is not the ticket's.",
            ),
            Case(
                (
                    {"w": _bits(1, 1, 0)},
                    {"w": torch.tensor([0.5, -0.3, 0.2])},
                    {"w": _bits(0, 1, 1)},
                    {"w": torch.tensor([0.5, -0.3, 7.0])},
                ),
                "Another mask, and a weight that only it keeps is not the ticket's.",
            ),
            Case(
                (
                    {"u": _bits(1, 0), "w": _bits(1, 1, 0)},
                    {"u": torch.tensor([0.4, 0.6]), "w": torch.tensor([0.5, -0.3, 0.2])},
                    {"u": _bits(1, 0), "w": _bits(1, 1, 0)},
                    {"u": torch.tensor([0.9, 0.6]), "w": torch.tensor([0.5, -0.3, 0.2])},
                ),
                "The first of two tensors has new weights.",
            ),
            Case(
                (
                    {"c": _bits(1, 0).view(2, 1, 1, 1), "d": _bits([1, 0])},
                    {
                        "c": torch.tensor([0.7, 0.8]).view(2, 1, 1, 1),
                        "d": torch.tensor([[0.1, 0.2]], dtype=torch.float64),
                    },
                    {"c": _bits(1, 0).view(2, 1, 1, 1), "d": _bits([1, 0])},
                    {
                        "c": torch.tensor([0.6, 0.8]).view(2, 1, 1, 1),
                        "d": torch.tensor([[0.3, 0.2]], dtype=torch.float64),
                    },
                ),
                "A convolution and a matrix in float64.",
            ),
            Case(
                (
                    {"h": _bits(0, 1, 1, 0)},
                    {"h": torch.tensor([0.5, 0.25, 1.0, 2.0], dtype=torch.float16)},
                    {"h": _bits(1, 0, 1, 0)},
                    {"h": torch.tensor([0.5, 7.0, 1.0, 8.0], dtype=torch.float16)},
                ),
                "Weights in float16.",
            ),
        ),
        hints=(
            "Three questions: is it the same mask? If not, has each tensor as many True? And whose weights are at the places that it keeps?",
            "For each name compare start[name][mask[name]] with ticket_start[name][mask[name]]. Keep the answers in a list: all of "
            "them equal, none, or some.",
            "Same mask and all equal: ticket. Same mask and none: re-initialised. Another mask with the same counts and all equal: "
            "shuffled. Anything else: neither.",
        ),
        misconceptions=variants(
            _arm,
            {
                "no count": "Any other mask passes for a shuffled one; each tensor has to keep as many weights as the ticket's.",
                "total count": "You compare the number of weights in all; each tensor has to keep as many as the ticket's.",
                "same by count": "You take two masks for the same that only keep as many; compare them place by place.",
                "any same mask": "You take the masks for the same if one of their tensors is; all of them have to be.",
                "everywhere": "You compare weights at removed places too; only those that `mask` keeps count.",
                "ticket's places": "You compare weights where the ticket's mask keeps them; take the places that `mask` keeps.",
                "both places": "You compare only where both masks keep a weight; take all places that `mask` keeps.",
                "close": "You ask whether the weights are close; the ticket's own are exactly equal.",
                "allclose": "allclose lets differences in the sixth digit pass; the ticket's own weights are exactly equal: torch.equal.",
                "single": "You compare in float32, in which the last digits of other types are lost; compare as they are.",
                "double": "You compare in float64, in which whole numbers above 2**53 are not told apart; compare as they are.",
                "product": "You multiply with the mask, and NaN times 0 is NaN. Take the kept places alone: [mask].",
                "own mask each": "You take the ticket's weights where the ticket's mask keeps them, and the others where `mask` does. "
                "Take both where `mask` keeps them.",
                "by place": "You pair the tensors by their place in the dicts; take them by name.",
                "column counts": "sum(0) counts column by column; a tensor has to keep as many in all: sum().",
                "every mask": "You ask that every tensor has another mask; masks are another one if they differ anywhere.",
                "every weight": "You ask that every kept weight is another one; a tensor has other weights if one of them is.",
                "some is ticket": "With the same mask you say ticket if one tensor has its weights; all of them have to.",
                "spelling": "The name is spelled with a hyphen: re-initialised.",
                "single numbers": "You take a tensor for the ticket's if one of its kept weights is; all of them have to be.",
                "one is enough": "One tensor with new weights passes for a re-initialised network; every tensor has to have them.",
                "one is own": "One tensor with the ticket's weights passes for all; every tensor has to have them.",
                "weights unseen": "You do not look at the weights of a shuffled mask; they have to be the ticket's.",
                "mask unseen": "You do not look at the mask where the weights are new. With another mask it is a search of its own, and no "
                "control: exhibit 14.",
                "no ticket": "The ticket itself is 'ticket': the same mask and the same weights.",
                "turned": "The two controls have changed names: re-initialised has new weights, shuffled has another mask.",
                "first layer": "You look at the first tensor only; look at all.",
            },
        ),
        alternatives=(_arm_by_numpy, _arm_by_sets),
        difficulty="hard",
        lines=8,
        minutes=15,
        vary=_drawn_arm,
        told={
            "1-D, 2-D, 4-D": "of any shape",
            "float16, float64": "any type",
            "last digit": "exactly equal",
            "whole numbers": "whole numbers too",
            "order of names": "go by name",
            "NaN, infinity": "NaN and infinity too",
        },
        absent={
            "0-D": "a mask of one number shuffles nothing",
            "empty tensor, empty dict": "every tensor keeps at least one weight, and there is at least one",
            "ties": "nothing is ranked",
        },
    ),
    Exercise(
        id="12.5",
        reference=flattery,
        cases=(
            Case(([0.9, 0.5, 0.7], [0.60, 0.70, 0.74]), "The best test accuracy comes after the least loss."),
            Case(([0.4, 0.5, 0.9], [0.71, 0.72, 0.69]), "The least loss is at the first measurement."),
            Case(([0.9, 0.6, 0.5], [0.73, 0.66, 0.70]), "The least loss is at the last measurement."),
            Case(([0.8, 0.4, 0.6], [0.61, 0.75, 0.70]), "The chosen measurement is the best one, too."),
            Case(
                ([0.8, 0.5, 0.5, 0.7], [0.60, 0.70, 0.73, 0.75]),
                "Two measurements have the least loss.",
                tags=("ties",),
            ),
            Case(
                ([0.5, 0.5], [0.80, 0.70]),
                "Two losses are equal, and the first has the higher test accuracy.",
                tags=("ties",),
            ),
            Case(
                ([float("nan"), 0.6, 0.5], [0.78, 0.70, 0.66]),
                "The first loss is NaN, and the test accuracy there is the highest.",
                point=True,
            ),
            Case(([0.6, float("nan"), 0.7], [0.704, 0.655, 0.7215]), "A loss between two others is NaN."),
            Case(([0.5], [0.8]), "One measurement only."),
            Case(([float("nan"), 2000.0, 1500.0], [0.12, 0.10, 0.11]), "The losses are very large."),
            Case(([float("nan"), float("inf")], [0.7, 0.6]), "One loss is NaN, and the other infinite."),
            Case(([0.6, 0.7], [0.801234, 0.812357]), "A difference that has six digits."),
            Case(
                ([0.7, 0.65, 0.72, 0.69], [0.8012, 0.8034, 0.8071, 0.8049]), "Differences in the third digit."
            ),
            Case(([1.2, 0.9, 1.1], [0.0, 0.0, 0.3]), "The chosen accuracy is 0."),
        ),
        hints=(
            "Two places: where is the validation loss least, and where is the test accuracy highest? The answer is a difference of "
            "test accuracies.",
            "Python's min takes the first of equal ones, but NaN confuses it: leave such places out before you choose.",
            "chosen = min(usable, key=lambda i: validation_losses[i]), with usable the places whose loss is no NaN.",
        ),
        misconceptions=variants(
            _flattery,
            {
                "last": "You compare with the last measurement; compare with the one of least validation loss.",
                "first measurement": "You compare with the first measurement; compare with the one of least validation loss.",
                "last of equals": "Of equal losses you take the last; the first counts.",
                "largest loss": "You take the largest validation loss; the least one chooses.",
                "NaN is least": "You choose a measurement whose loss is NaN; NaN is no measurement to choose.",
                "min of all": "min over a list with NaN in it gives what comes first: NaN < x is never True. Leave NaN out before.",
                "first number": "You take the first loss that is a number; the least of them chooses.",
                "last as best": "You take the last test accuracy for the best; the best of all is asked for.",
                "usable only": "For the best you leave out measurements whose loss is NaN; whoever takes the best of all does not.",
                "up to the chosen": "For the best you stop at the chosen measurement; whoever takes the best of all looks at all.",
                "from the chosen on": "For the best you begin at the chosen measurement; whoever takes the best of all looks at all.",
                "turned": "The sign is turned round: the best minus the chosen one, which is never below 0.",
                "best": "This is the best test accuracy itself; take off the one at the least validation loss.",
                "honest": "This is the test accuracy at the least validation loss; take it off the best one.",
                "lowest": "You take off the lowest test accuracy; take off the one at the least validation loss.",
                "mean": "You take off the mean of the test accuracies; take off the one at the least validation loss.",
                "points": "This is in points, 100 times too large: accuracies are fractions, and so is the result.",
                "relative": "You divide by the chosen accuracy; the difference itself is asked for.",
                "relative to the best": "You divide by the best accuracy; the difference itself is asked for.",
                "shifted": "You leave NaN out, and then the places no longer fit the list of accuracies: the index is shifted.",
                "lower of equals": "min over pairs takes, of equal losses, the one with the lower accuracy; the first counts.",
                "NaN is infinite": "You turn NaN into infinity, and a loss can be infinite itself: then the NaN is chosen. Leave NaN out.",
                "NaN is 999": "You turn NaN into a large number, and a loss can be larger. Leave NaN out.",
                "begins at 10": "Your search begins at a loss of 10, and all losses can be larger. Begin at infinity, or with the first.",
                "four digits": "You round to four digits; give the difference as it is.",
                "two digits": "You round to two digits; give the difference as it is.",
                "three digits": "You round to three digits; give the difference as it is.",
                "places": "This says how many measurements lie between the two; the difference of their accuracies is asked for.",
            },
        ),
        alternatives=(_flattery_by_loop, _flattery_by_numpy),
        difficulty="easy",
        lines=3,
        minutes=6,
        told={
            "ties": "Of equal losses the first counts",
            "NaN": "A loss can be NaN",
            "infinity": "A loss can be large, and infinite too",
        },
        absent={"empty list": "there is at least one measurement"},
    ),
)

QUESTIONS = (
    Question(
        "12.Q1",
        "A ticket with 1 % of the weights loses nothing against the dense network, after a short training. Which number do you "
        "print first?",
        (
            Option(
                "The number of weights that are not 0 after the training.",
                True,
                "It tells whether the ticket has 1 % of the weights at all. If the mask was forgotten, it has nearly all.",
            ),
            Option(
                "The accuracy with another seed.",
                False,
                "A mask that is forgotten is forgotten with every seed; the number would agree with itself.",
            ),
            Option(
                "The accuracy on the test split.",
                False,
                "It would be as good: what was trained is a dense network, and it generalises like one.",
            ),
            Option(
                "The number of True in the mask.",
                False,
                "The mask is right. It is not used: look at the weights, not at the mask.",
            ),
        ),
    ),
    Question(
        "12.Q2",
        "Weights have been removed, and their gradients are set to 0 from now on. Which of these can still move a removed "
        "weight?",
        (
            Option(
                "Nothing: without a gradient a weight stands still.",
                False,
                "The optimizer remembers gradients of before, and moves by its memory.",
            ),
            Option(
                "The momentum of before, in SGD and in Adam.",
                True,
                "The buffer of a weight that was trained is not 0 when it is removed. It fades from step to step, and moves the "
                "weight meanwhile.",
            ),
            Option(
                "Weight decay, even if the weight is exactly 0.",
                False,
                "Decay pulls towards 0 in proportion to the weight: at 0 it does nothing. It keeps a weight alive that is not 0.",
            ),
        ),
    ),
    Question(
        "12.Q3",
        "A ticket is rewound, and before its first training step it is right on 69 % of the images, where chance is 10 %. "
        "What follows?",
        (
            Option(
                "The rewind did nothing: initial weights know nothing.",
                False,
                "It may be so, and the accuracy does not show it. Which weights were removed is knowledge too.",
            ),
            Option(
                "Nothing yet. Compare the kept weights with the saved ones, number by number.",
                True,
                "A mask that training has made lifts initial weights above chance by itself. Only the comparison of the numbers "
                "tells.",
            ),
            Option(
                "The images of the validation split were trained on.",
                False,
                "Nothing in this number says so; a leak would show in the dense network as well.",
            ),
        ),
    ),
    Question(
        "12.Q4",
        "A shuffled control has exactly the ticket's accuracy, to two digits after the point, in three seeds of three. "
        "What do you think first?",
        (
            Option(
                "The places of the weights do not matter.",
                False,
                "Then the two would be close, and not equal: another mask trains to another network.",
            ),
            Option(
                "The control is the ticket: the same mask, the same weights, the same batches.",
                True,
                "Two different computations do not give the same digits three times. Compare the two masks.",
            ),
            Option(
                "Three seeds are too few.",
                False,
                "For a difference they may be. Here there is none at all, and that needs another explanation.",
            ),
        ),
    ),
    Question(
        "12.Q5",
        "Why does a training that reads the test split after every epoch, and reports the best, report too much even if nothing "
        "was tuned?",
        (
            Option(
                "Because the network learns from the test images.",
                False,
                "It never trains on them. It is the report that was chosen by them.",
            ),
            Option(
                "Because the largest of many noisy numbers is above their common mean.",
                True,
                "Every reading errs by chance, and the maximum picks an error upwards. On labels drawn at random it is above "
                "chance too.",
            ),
            Option(
                "Because later epochs are better.",
                False,
                "They may be; then the last one would do. The maximum is taken over ups and downs.",
            ),
        ),
    ),
    Question(
        "12.Q6",
        "The audit of somebody's masks and weights says: 9 hold, 0 fail, 6 cannot be told. Is the result right?",
        (
            Option(
                "Yes: nothing fails.",
                False,
                "Six questions are open, and it does not ask whether the baseline was tuned, or the data easy.",
            ),
            Option(
                "No: an item that cannot be told counts as failed.",
                False,
                "It was not looked at. It may be in order, and you do not know; ask for what it needs.",
            ),
            Option(
                "It is not known. Nine mistakes are excluded, and you know what to ask for next.",
                True,
                "An audit excludes mistakes one by one. It never shows that a result is right.",
            ),
        ),
    ),
)
