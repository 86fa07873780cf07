"""Exercises of lesson 11, sparse is not fast: bytes of a ticket, CSR, break-even, dead units, a constant moved on, and the
gradient of the kept weights alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lthkit.classroom.exercises.exercise import Case, Exercise, Option, Question, pick, variants


def packed_bytes(mask: Mapping[str, Tensor], value_bytes: int) -> int:
    """Bytes of a ticket as packed bits and kept values.

    Args:
        mask: bool tensors by parameter name, True = kept.
        value_bytes: of one value: 4 for float32, 2 for float16.

    Returns:
        For each tensor, one bit for each entry, kept or not, eight to a byte (each tensor begins with a byte of its
        own), and `value_bytes` for each kept entry; summed.
    """
    bits = sum(math.ceil(m.numel() / 8) for m in mask.values())
    return bits + value_bytes * sum(int(m.sum()) for m in mask.values())


def csr_arrays(weight: Tensor) -> tuple[list[int], list[int], list[float]]:
    """Compressed sparse rows of a matrix.

    Args:
        weight: [rows, columns]; entries other than 0 are stored.

    Returns:
        (begins, columns, values): row r has the entries begins[r] to begins[r + 1] - 1 of the other two lists. So
        `begins` has one number more than there are rows, and starts with 0.
    """
    begins, columns, values = [0], [], []
    for row in weight.tolist():
        columns += [c for c, value in enumerate(row) if value != 0]
        values += [value for value in row if value != 0]
        begins.append(len(values))
    return begins, columns, values


def break_even_density(densities: Sequence[float], ratios: Sequence[float]) -> float:
    """The density below which a sparse form is faster, by a straight line between the two measurements round it.

    Args:
        densities: fractions of weights kept, in falling order.
        ratios: time of the sparse form over time of the dense one, at each of them.

    Returns:
        Going up from the smallest density, the place where the ratio first reaches 1. 0.0 if it is 1 or more at the
        smallest density already; the largest density if it never reaches 1.
    """
    points = list(zip(densities, ratios, strict=True))[::-1]
    if points[0][1] >= 1:
        return 0.0
    for (d, r), (d_next, r_next) in zip(points, points[1:], strict=False):
        if r_next >= 1:
            return d + (1 - r) / (r_next - r) * (d_next - d)
    return densities[0]


def dead_units(incoming: Tensor, outgoing: Tensor) -> list[int]:
    """The hidden units between two layers that cannot matter.

    Args:
        incoming: bool [units, inputs], the mask of the layer before the units. outgoing: bool [outputs, units].

    Returns:
        Rising list of the units without any incoming weight or without any outgoing weight.
    """
    dead = ~incoming.any(dim=1) | ~outgoing.any(dim=0)
    return dead.nonzero().flatten().tolist()  # type: ignore[no-any-return]


def folded_bias(bias: Tensor, incoming: Tensor, next_weight: Tensor, next_bias: Tensor) -> Tensor:
    """The next layer's bias once the units without input are taken out.

    Args:
        bias: [units]. incoming: bool [units, inputs], the mask of the layer that makes them; ReLU follows it.
        next_weight: [outputs, units], 0 where it is pruned. next_bias: [outputs], left as it is.

    Returns:
        A new tensor [outputs].
    """
    empty = ~incoming.any(dim=1)
    return next_bias + next_weight[:, empty] @ torch.relu(bias[empty])


def kept_gradient(delta: Tensor, inputs: Tensor, kept: Tensor) -> Tensor:
    """The gradient of a layer's weights at the kept places, without the product of all of delta with all inputs.

    Args:
        delta: [units, images], the gradient of the loss by the layer's outputs. inputs: [inputs, images].
        kept: bool [units, inputs].

    Returns:
        [number of kept weights], row by row: the entries of delta @ inputs.T where `kept` is True.
    """
    units, columns = kept.nonzero(as_tuple=True)
    return (delta[units] * inputs[columns]).sum(dim=1)


# Other right answers, and mistakes that people make

Masks = Mapping[str, Tensor]


def _bytes_by_numpy(mask: Masks, value_bytes: int) -> int:
    return sum(np.packbits(m.numpy().ravel()).nbytes + int(m.sum()) * value_bytes for m in mask.values())


def _bytes_in_a_loop(mask: Masks, value_bytes: int) -> int:
    total = 0
    for m in mask.values():
        total += (m.numel() + 7) // 8
        total += value_bytes * len(m.nonzero())
    return total


# Mistakes about the bits of one tensor: how many bytes they take then.
_BITS: dict[str, Callable[[Tensor], float]] = {
    "down": lambda m: m.numel() // 8,
    "down, at least 1": lambda m: max(1, m.numel() // 8),
    "one more": lambda m: m.numel() // 8 + 1,
    "at least 1": lambda m: max(1, math.ceil(m.numel() / 8)),
    "nearest": lambda m: round(m.numel() / 8),
    "nearest, at least 1": lambda m: max(1, round(m.numel() / 8)),
    "not rounded": lambda m: m.numel() / 8,
    "bools": lambda m: m.numel(),
    "none": lambda m: 0,
    "of kept": lambda m: math.ceil(int(m.sum()) / 8),
    "by row": lambda m: np.packbits(m.numpy(), axis=-1).size,
    "by column": lambda m: np.packbits(m.numpy(), axis=0).size,
    "of rows": lambda m: math.ceil(len(m) / 8),
    "of the first size": lambda m: math.ceil(m.shape[0] / 8),
    "of two sizes": lambda m: math.ceil(m.shape[0] * m.shape[1] / 8),
    "not of empty": lambda m: math.ceil(m.numel() / 8) if m.any() else 0,
    "not of full": lambda m: 0 if m.all() else math.ceil(m.numel() / 8),
}


def _bytes(mask: Masks, value_bytes: int, *, mistake: str) -> float:
    """The bytes with one thing wrong: in the bits (`_BITS`), in the values, or in the tensors that count."""
    names = pick(mistake, {"first": list(mask)[:1], "last": list(mask)[-1:]}, list(mask))
    masks = [mask[name] for name in names]
    numel, kept = sum(m.numel() for m in masks), sum(int(m.sum()) for m in masks)
    bits = sum(pick(mistake, _BITS, lambda m: math.ceil(m.numel() / 8))(m) for m in masks)
    bits = pick(mistake, {"together": math.ceil(numel / 8), "bits": numel}, bits)
    size = pick(mistake, {"always 4": 4, "always 1": 1, "bits": 8 * value_bytes}, value_bytes)
    return bits + size * pick(mistake, {"all": numel, "removed": numel - kept, "no values": 0}, kept)


Arrays = tuple[list[int], list[int], list[float]]


def _csr_by_torch(weight: Tensor) -> Arrays:
    rows, columns = weight.nonzero(as_tuple=True)
    begins = [int((rows < r).sum()) for r in range(len(weight) + 1)]
    return begins, columns.tolist(), weight[rows, columns].tolist()


def _csr_by_numpy(weight: Tensor) -> Arrays:
    w = weight.numpy()
    begins = np.concatenate([[0], np.cumsum(np.count_nonzero(w, axis=1))])
    return begins.tolist(), np.nonzero(w)[1].tolist(), w[w != 0].tolist()


def _csr(weight: Tensor, *, mistake: str) -> tuple[Sequence[float], ...]:
    """The three lists with one thing wrong."""
    begins, columns, values = csr_arrays(weight)
    rows, counts = weight.nonzero()[:, 0].tolist(), (weight != 0).sum(1).tolist()
    from_above = weight.T[weight.T != 0].tolist()  # the values column by column
    wrong: dict[str, tuple[Sequence[float], ...]] = {
        "row of each": (rows, columns, values),
        "counts": (counts, columns, values),
        "0 and counts": ([0, *counts], columns, values),
        "no first 0": (begins[1:], columns, values),
        "no last": (begins[:-1], columns, values),
        "last rows": (begins[: max(rows, default=-1) + 2], columns, values),
        "empty rows": (sorted(set(begins)), columns, values),
        "flat": (begins, weight.flatten().nonzero().flatten().tolist(), values),
        "rows": (begins, rows, values),
        "from 1": (begins, [c + 1 for c in columns], values),
        "index()": (begins, [weight[r].tolist().index(v) for r, v in zip(rows, values, strict=True)], values),
        "other way": csr_arrays(weight.T),
        "columns and values": (begins, weight.T.nonzero()[:, 0].tolist(), from_above),
        "values only": (begins, columns, from_above),
        "exchanged": (begins, values, columns),
        "int": (begins, columns, [int(v) for v in values]),
        "rounded": (begins, columns, [round(v, 4) for v in values]),
        "no sign": (begins, columns, [abs(v) for v in values]),
        "positive": csr_arrays(weight.clamp(min=0)),
        "tolerance": csr_arrays(weight * (weight.abs() > 1e-8)),
        "float32": csr_arrays(weight.float()),
        "float16": csr_arrays(weight.half()),
        "0 twice": ([0, *begins[:-1]], columns, values),
        "first row": csr_arrays(weight[:1]),
        "last for begins": ([*begins[:-1], begins[-1] - 1], columns, values),
        "begins from 1": ([b + 1 for b in begins], columns, values),
    }
    return wrong[mistake]


def _even_by_loop(densities: Sequence[float], ratios: Sequence[float]) -> float:
    i = len(densities) - 1
    if not ratios[i] < 1:
        return 0.0
    while i > 0 and ratios[i - 1] < 1:
        i -= 1
    if i == 0:
        return densities[0]
    slope = (ratios[i - 1] - ratios[i]) / (densities[i - 1] - densities[i])
    return densities[i] + (1 - ratios[i]) / slope


def _even_by_numpy(densities: Sequence[float], ratios: Sequence[float]) -> float:
    d, r = np.array(densities)[::-1], np.array(ratios)[::-1]
    slow = np.flatnonzero(r >= 1)
    if len(slow) == 0:
        return float(d[-1])
    i = int(slow[0])
    return 0.0 if i == 0 else float(np.interp(1.0, r[i - 1 : i + 1], d[i - 1 : i + 1]))


Point = tuple[float, float]  # density and ratio


def _on_line(low: Point, high: Point) -> float:
    (d, r), (d_next, r_next) = low, high
    return d + (1 - r) / (r_next - r) * (d_next - d)


_DIGITS = (1, 2, 3, 4)  # to which an answer may be rounded

# Mistakes about the place between the measurements before and after the crossing.
_PLACES: dict[str, Callable[[Point, Point], float]] = {
    "before": lambda low, high: low[0],
    "after": lambda low, high: high[0],
    "middle": lambda low, high: (low[0] + high[0]) / 2,
    "wrong sign": lambda low, high: 2 * low[0] - _on_line(low, high),
    "wrong sign above": lambda low, high: 2 * high[0] - _on_line(low, high),
    "nearer": lambda low, high: min(low, high, key=lambda point: abs(point[1] - 1))[0],
    "exchanged": lambda low, high: low[0] + high[0] - _on_line(low, high),
    "logarithm": lambda low, high: math.exp(
        _on_line((math.log(low[0]), low[1]), (math.log(high[0]), high[1]))
    ),
}


def _even(densities: Sequence[float], ratios: Sequence[float], *, mistake: str) -> float:
    """Upwards from the smallest density, with one thing wrong: what counts as reached, an end, or the place (`_PLACES`)."""
    points = list(zip(densities, ratios, strict=True))[::-1]
    slow = [r > 1 if mistake == "above 1" else r >= 1 for _, r in points]
    if mistake == "about 1":
        slow = [r > 1 - 1e-4 for _, r in points]
    if mistake == "above 1 later":
        slow = [i == 0 and r >= 1 or r > 1 for i, (_, r) in enumerate(points)]
    if slow[0]:
        steep = len(points) > 1 and points[0][1] < points[1][1]
        if len(points) > 1 and mistake == "line below" or steep and mistake == "rising line below":
            return max(0.0, _on_line(*points[:2]))
        return pick(mistake, {"smallest": points[0][0], "never is 1": 1.0, "never is NaN": math.nan}, 0.0)
    if not any(slow):
        if mistake == "line above" and len(points) > 1:
            return _on_line(*points[-2:])
        return pick(
            mistake, {"always 1": 1.0, "always 0": 0.0, "always smallest": points[0][0]}, densities[0]
        )
    i = slow.index(True)
    low = points[0 if mistake == "from smallest" else i - 1]
    high = points[-1 if mistake == "to largest" else i]
    place = pick(mistake, _PLACES, _on_line)(low, high)
    return pick(mistake, {f"to {n} digits": round(place, n) for n in _DIGITS}, place)


def _even_otherwise(densities: Sequence[float], ratios: Sequence[float], *, mistake: str) -> float:
    """Ways to read the table that are wrong as a whole."""
    points = list(zip(densities, ratios, strict=True))
    turned = densities[::-1], ratios[::-1]
    if mistake == "upside down":
        return break_even_density(densities, [1 / r for r in ratios])
    if mistake == "sparsity":
        return 1 - break_even_density(densities, ratios)
    if mistake == "not turned":
        return break_even_density(*turned)
    if mistake == "ends of interp":
        return float(np.interp(1, turned[1], turned[0]))
    crossings = [_on_line(low, high) for high, low in pairwise(points) if low[1] < 1 <= high[1]]
    if mistake == "largest below 1":
        return max((d for d, r in points if r < 1), default=0.0)
    if mistake == "crossing from above":
        return crossings[0] if crossings else 0.0 if ratios[-1] >= 1 else densities[0]
    if mistake == "from above":
        return densities[0] if ratios[0] < 1 else (crossings or [0.0])[0]
    if mistake == "smallest forgotten":
        return crossings[-1] if crossings else 0.0 if ratios[0] >= 1 else densities[0]
    # With both ends looked at, as they should be
    if ratios[-1] >= 1:
        return 0.0
    if max(ratios) < 1:
        return densities[0]
    if mistake == "from above, ends first":
        return densities[0] if ratios[0] < 1 else crossings[0]
    if mistake == "largest only":
        return densities[0] if ratios[0] < 1 else crossings[-1]
    if mistake == "sorted by ratio":
        by_ratio = sorted(points, key=lambda point: point[1])
        return float(np.interp(1, [r for _, r in by_ratio], [d for d, _ in by_ratio]))
    assert mistake == "one line"
    slope, start = np.polyfit(densities, ratios, 1)
    return float((1 - start) / slope)


def _dead_by_sets(incoming: Tensor, outgoing: Tensor) -> list[int]:
    fed = {u for u, _ in incoming.nonzero().tolist()}
    read = {u for _, u in outgoing.nonzero().tolist()}
    return [u for u in range(len(incoming)) if u not in fed & read]


def _dead_by_sums(incoming: Tensor, outgoing: Tensor) -> list[int]:
    paths = incoming.sum(1) * outgoing.sum(0)
    return [u for u, count in enumerate(paths.tolist()) if count == 0]


def _where(condition: Tensor) -> list[int]:
    return condition.nonzero().flatten().tolist()  # type: ignore[no-any-return]


def _dead(incoming: Tensor, outgoing: Tensor, *, mistake: str) -> list[int]:
    """The dead units with one thing wrong: in the units, or in the list of them."""
    unfed, unread = ~incoming.any(1), ~outgoing.any(0)
    if mistake == "exchanged":
        return _where(~incoming.any(0) | ~outgoing.any(1))
    if mistake == "8 bits":
        return _where((incoming.sum(1, dtype=torch.uint8) == 0) | (outgoing.sum(0, dtype=torch.uint8) == 0))
    units = {
        "no input": unfed,
        "no output": unread,
        "both": unfed & unread,
        "only one": unfed ^ unread,
        "living": ~(unfed | unread),
        "some": ~incoming.all(1) | ~outgoing.all(0),
        "some outputs": unfed | ~outgoing.all(0),
        "some inputs": ~incoming.all(1) | unread,
        "first output": unfed | ~outgoing[0],
        "first input": ~incoming[:, 0] | unread,
        "last output": unfed | ~outgoing[-1],
        "at most one": (incoming.sum(1) <= 1) | (outgoing.sum(0) <= 1),
    }
    lists = {
        "twice": sorted(_where(unfed) + _where(unread)),
        "unsorted": list(dict.fromkeys(_where(unfed) + _where(unread))),
        "unsorted, twice": _where(unfed) + _where(unread),
        "set": list(set(_where(unfed) + _where(unread))),
        "outputs": sorted({*_where(unfed), *_where(~outgoing.any(1))}),
        "bools": (unfed | unread).tolist(),
    }
    if mistake == "as many as outputs":
        return [u for u in range(len(outgoing)) if bool(unfed[u]) or bool(unread[u])]
    if mistake == "nested":
        return (unfed | unread).nonzero().tolist()  # type: ignore[no-any-return]
    found = pick(mistake, lists, _where(pick(mistake, units, unfed | unread)))
    ends = {"from 1": [u + 1 for u in found], "falling": found[::-1], "first alone": found[:1]}
    return pick(mistake, ends, found)


def _bias_by_loop(bias: Tensor, incoming: Tensor, next_weight: Tensor, next_bias: Tensor) -> Tensor:
    new = next_bias.clone()
    for unit in range(len(bias)):
        if not incoming[unit].any():
            new += next_weight[:, unit] * max(0.0, float(bias[unit]))
    return new


def _bias_in_double(bias: Tensor, incoming: Tensor, next_weight: Tensor, next_bias: Tensor) -> Tensor:
    found = folded_bias(bias.double(), incoming, next_weight.double(), next_bias.double())
    return found.to(next_bias.dtype)


def _bias_by_masking(bias: Tensor, incoming: Tensor, next_weight: Tensor, next_bias: Tensor) -> Tensor:
    constants = bias.clamp(min=0) * (incoming.sum(1) == 0)
    return next_bias + (next_weight * constants).sum(1)


def _unfed(incoming: Tensor) -> Tensor:
    return ~incoming.any(dim=1)


# Mistakes about the units, about what they hand on, and about how it is added up.
_UNITS: dict[str, Callable[[Tensor], Tensor]] = {
    "all": lambda incoming: torch.ones(len(incoming)).bool(),
    "fed": lambda incoming: incoming.any(dim=1),
    "partly": lambda incoming: ~incoming.all(dim=1),
    "columns": lambda incoming: ~incoming.any(dim=0),
    "first": lambda incoming: _unfed(incoming) & (_unfed(incoming).cumsum(0) == 1),
    "first if none": lambda incoming: (
        _unfed(incoming) | (torch.arange(len(incoming)) == 0) & incoming.any(1).all()
    ),
}
_HANDED_ON: dict[str, Callable[[Tensor], Tensor]] = {
    "no relu": lambda b: b,
    "abs": torch.abs,
    "leaky": functional.leaky_relu,
    "relu6": functional.relu6,
    "relu later": lambda b: b,
    "relu of the sum": lambda b: b,
}
_ADDED: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "unweighted": lambda w, h: h.sum(),
    "subtracted": lambda w, h: -(w @ h),
    "relu later": lambda w, h: (w * h).relu().sum(1),
    "relu of the sum": lambda w, h: (w @ h).relu(),
    "absolute weights": lambda w, h: w.abs() @ h,
    "one number": lambda w, h: (w @ h).sum(),
    "mean": lambda w, h: w @ h / max(1, len(h)),
}


def _bias(bias: Tensor, incoming: Tensor, next_weight: Tensor, next_bias: Tensor, *, mistake: str) -> Tensor:
    """The right answer with one thing wrong: in `_UNITS`, `_HANDED_ON`, `_ADDED`, or in the end."""
    kind, old = pick(mistake, _KINDS, bias.dtype), bias.dtype
    bias, next_weight, next_bias = bias.to(kind), next_weight.to(kind), next_bias.to(kind)
    units = pick(mistake, _UNITS, _unfed)(incoming)
    handed_on = pick(mistake, _HANDED_ON, torch.relu)(bias[units])
    added = pick(mistake, _ADDED, torch.matmul)(next_weight[:, units], handed_on)
    ends = {
        "unchanged": next_bias.clone(),
        "constant only": added,
        "relu at the end": (next_bias + added).relu(),
        "always float32": (next_bias + added).float(),
    }
    new = (next_bias + added).to(old)
    return pick(mistake, ends | _rounded(new), new)


_KINDS = {"float32": torch.float32, "float16": torch.float16}  # types to compute in


def _rounded(found: Tensor) -> dict[str, Tensor]:
    return {f"to {n} digits": found.round(decimals=n) for n in _DIGITS}


def _told_to_round(what: str) -> dict[str, str]:
    return {f"to {n} digits": f"You round {what} to {n} digits; return it as it is." for n in _DIGITS}


def _bias_in_place(
    bias: Tensor, incoming: Tensor, next_weight: Tensor, next_bias: Tensor, *, mistake: str
) -> Tensor:
    """The right numbers, but an argument is another one after the call."""
    new = folded_bias(bias, incoming, next_weight, next_bias)
    if mistake == "next bias":
        return next_bias.copy_(new)
    if mistake == "relu_":
        bias.relu_()
    elif mistake == "bias":
        bias[incoming.any(1)] = 0
    else:
        next_weight[:, incoming.any(1)] = 0
    return new


def _gradient_unit_by_unit(delta: Tensor, inputs: Tensor, kept: Tensor) -> Tensor:
    return torch.cat([inputs[kept[unit]] @ delta[unit] for unit in range(len(kept))])


def _gradient_place_by_place(delta: Tensor, inputs: Tensor, kept: Tensor) -> Tensor:
    places = kept.nonzero().tolist()
    return torch.tensor([float(delta[unit] @ inputs[column]) for unit, column in places], dtype=delta.dtype)


def _gradient_in_double(delta: Tensor, inputs: Tensor, kept: Tensor) -> Tensor:
    return (delta.double() @ inputs.double().T)[kept].to(delta.dtype)


def _gradient(delta: Tensor, inputs: Tensor, kept: Tensor, *, mistake: str) -> Tensor:
    """The gradient with one thing wrong: in the places, in the product, in the sum over the images, or in the end."""
    places = {
        "removed": ~kept,
        "all": torch.ones_like(kept),
        "first of unit": kept & (kept.cumsum(1) == 1),
    }
    units, columns = pick(mistake, places, kept).nonzero(as_tuple=True)
    kind, old = pick(mistake, _KINDS, delta.dtype), delta.dtype
    delta, inputs = delta.to(kind), inputs.to(kind)
    if mistake == "exchanged":
        units, columns = columns, units
    if mistake == "by column":
        columns, units = kept.T.nonzero(as_tuple=True)
    left, right = delta[units], inputs[columns]
    right = (right > 0).to(right) if mistake == "inputs on or off" else right
    product, n = left * right, delta.shape[1]
    whole = delta @ inputs.T
    wrong = {
        "matrix": lambda: whole * kept,
        "not zero": lambda: (whole * kept)[(whole * kept) != 0],
        "no sum": lambda: product,
        "over the weights": lambda: product.sum(0),
        "one number": lambda: product.sum(),
        "every pair": lambda: left @ right.T,
        "stack": lambda: torch.stack([a @ b for a, b in zip(left, right, strict=True)]),
        "sums apart": lambda: left.sum(1) * right.sum(1),
        "mean": lambda: product.sum(1) / n,
        "first image": lambda: product[:, 0],
        "last image": lambda: product[:, -1],
        "absolute": lambda: product.sum(1).abs(),
        "step": lambda: -product.sum(1),
        "delta only": lambda: left.sum(1),
        "inputs only": lambda: right.sum(1),
        "always float32": lambda: product.sum(1).float(),
        "sum of both": lambda: (left + right).sum(1),
        "signs": lambda: (left * right.sign()).sum(1),
    }
    found = pick(mistake, wrong, lambda: product.sum(1).to(old))()
    return pick(mistake, _rounded(found), found)


def _normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _bits(*rows: Sequence[int]) -> Tensor:
    return torch.tensor(rows).bool()


_NINE_UNITS = torch.tensor([[u not in (1, 8)] for u in range(9)])  # of which 1 and 8 have no input


EXERCISES = (
    Exercise(
        id="11.1",
        reference=packed_bytes,
        cases=(
            Case(({"w": torch.tensor([1, 0, 0, 0, 0, 0, 0, 1]).bool()}, 4), "Eight entries, two kept."),
            Case(({"w": torch.tensor([1, 0, 1]).bool()}, 4), "Three bits take a whole byte."),
            Case(({"w": torch.tensor([True, True])}, 4), "Everything is kept."),
            Case(({"w": torch.tensor([1, 0, 1, 1]).bool()}, 2), "Values of two bytes, as in float16."),
            Case(
                ({"w": _bits([1, 0, 1, 0, 0], [0, 1, 0, 0, 0])}, 4), "A matrix whose ten bits take two bytes."
            ),
            Case(
                (
                    {"c": _bits([1, 0, 1, 0, 0, 1], [0, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 1]).view(3, 2, 1, 3)},
                    4,
                ),
                "The kernel of a convolution, with four dimensions.",
            ),
            Case(
                ({"scale": torch.tensor(True), "w": torch.tensor([False, True])}, 4),
                "A tensor without dimensions is one entry.",
            ),
            Case(
                ({"none": torch.zeros(0, 5).bool(), "w": torch.tensor([False, True])}, 4),
                "One of the tensors has no entry, and so no bits.",
            ),
            Case(
                ({"a": torch.zeros(3, 3).bool(), "b": torch.tensor([True, False])}, 4),
                "Two tensors: each begins with a byte of its own. The first keeps nothing.",
            ),
            Case(
                ({"a": torch.arange(8) == 3, "b": torch.arange(17) == 3}, 4),
                "Two tensors; the seventeen bits of the second need a third byte.",
            ),
            Case(({"w": _normal(20, 31, seed=1) > 1.5}, 4), "A larger matrix, about one in fifteen kept."),
        ),
        hints=(
            "The file holds two things for each tensor: a bit for every entry, and a value for every kept entry.",
            "n bits take n / 8 bytes, rounded up. m.numel() counts the entries, m.sum() those that are True.",
            "Sum math.ceil(m.numel() / 8) over the tensors, and add value_bytes * int(m.sum()) for each.",
        ),
        misconceptions=variants(
            _bytes,
            {
                "down": "The bytes of the mask are rounded down, so that the last bits have no place; round up.",
                "down, at least 1": "Beyond the first byte, the bytes of the mask are rounded down, so that the last bits "
                "have no place; round up.",
                "one more": "Bits that fill their bytes exactly need no further byte: eight bits take one byte, not two.",
                "at least 1": "You count a byte for a tensor that has no entry; it takes none.",
                "nearest": "You round to the nearest byte; a byte that is begun counts whole, so round up.",
                "nearest, at least 1": "Beyond the first byte, you round to the nearest one; a byte that is begun counts "
                "whole, so round up.",
                "not rounded": "The bits are divided by 8 and not rounded; a byte that is begun counts whole.",
                "together": "You pack the bits of all tensors together. Each tensor starts in a new byte, so round up for "
                "each tensor.",
                "bools": "This is a byte for each entry of the mask, as torch holds bools in memory; packed, eight entries "
                "share one.",
                "none": "Only the values are counted. Without the mask nobody knows where they belong.",
                "of kept": "You count a bit for each kept entry; removed entries need one too, because the bits say which "
                "is which.",
                "by row": "You begin a new byte for each row; only each tensor begins with one.",
                "by column": "You begin a new byte for each column; only each tensor begins with one.",
                "of rows": "len() of a tensor is the number of its rows; each of its entries has a bit.",
                "of the first size": "shape[0] is the number of rows; each entry has a bit, and numel() counts them.",
                "of two sizes": "shape[0] * shape[1] is the number of entries of a matrix only; numel() counts those of any "
                "shape.",
                "bits": "You count bits; eight of them make a byte.",
                "not of empty": "A tensor that keeps nothing gets no bits. They have to be written too: they say that "
                "nothing is kept.",
                "not of full": "A tensor that keeps everything gets no bits. They have to be written too: they say that "
                "everything is kept.",
                "all": "A value is counted for every entry; only kept entries have one in the file.",
                "removed": "The values of the removed entries are counted; True means kept.",
                "always 4": "You count 4 bytes for a value whatever value_bytes says.",
                "always 1": "You count the kept values themselves; each of them takes value_bytes bytes.",
                "first": "Only the first tensor is counted; is there a `return` inside the loop?",
                "last": "Only the last tensor is counted; add up over all of them.",
                "no values": "Only the bits of the mask are counted; the kept values are missing.",
            },
        ),
        alternatives=(_bytes_by_numpy, _bytes_in_a_loop),
        difficulty="easy",
        lines=2,
        minutes=5,
        told={
            "0-D, 1-D, 2-D, 4-D, empty tensor": "The tensors may have any shape; one without entries takes no byte"
        },
        absent={"ties": "nothing is chosen or ranked", "empty dict": "a ticket has at least one tensor"},
    ),
    Exercise(
        id="11.2",
        reference=csr_arrays,
        cases=(
            Case((torch.tensor([[5.0, 0.0], [0.0, 7.0]]),), "Two rows with one entry each."),
            Case(
                (torch.tensor([[0.0, 2.0, 3.0], [1.0, 0.0, 0.0]]),),
                "The rows have different numbers of entries.",
            ),
            Case((torch.tensor([[1e-30]]),), "A tiny weight, which is not 0."),
            Case((torch.tensor([[-1.0, 0.0], [0.0, 0.5]]),), "A negative weight."),
            Case((torch.tensor([[2.0, 2.0]]),), "Two equal weights in a row."),
            Case(
                (torch.tensor([[1.0, 2.0], [0.0, 0.0], [0.0, 3.0], [0.0, 0.0]]),),
                "Rows without any entry, in the middle and at the end.",
            ),
            Case((torch.zeros(2, 3),), "Nothing is kept."),
            Case((torch.tensor([[0.0, 1.5]], dtype=torch.float16),), "A matrix in float16."),
            Case(
                (torch.tensor([[1e-60, 0.0, -2.0]], dtype=torch.float64),),
                "A matrix in float64, with a weight that would be 0 in float32.",
            ),
            Case(
                (_normal(4, 6, seed=2).relu().round(decimals=1) - 0.5 * _bits([1, 0, 0, 0, 1, 0]),),
                "A larger matrix.",
            ),
        ),
        hints=(
            "Go through the rows from top to bottom. Columns and values of all rows follow one another in two lists.",
            "begins starts as [0]. After each row, append how many values there are so far: there the next row begins.",
            "for row in weight.tolist(): add the c with row[c] != 0 to columns and the values to values; then "
            "begins.append(len(values)).",
        ),
        misconceptions=variants(
            _csr,
            {
                "row of each": "Your first list has the row of each value. That is the COO format; CSR says only where each "
                "row begins.",
                "counts": "Your first list counts the entries of each row. In CSR the counts are added up: where does each "
                "row begin?",
                "0 and counts": "After its 0, your first list counts the entries of each row. In CSR the counts are added "
                "up: where does each row begin?",
                "no first 0": "The first row begins at 0, and that 0 belongs into the list.",
                "no last": "The end of the last row is missing: the first list has one number more than there are rows.",
                "last rows": "Your first list ends with the last row that has an entry; empty rows at the end need their "
                "numbers too.",
                "empty rows": "Rows without entries are left out; they need their place in the first list, or all later "
                "rows shift.",
                "flat": "Your second list has places in the flattened matrix; in CSR it has columns, which start at 0 in "
                "each row.",
                "rows": "Your second list has the row of each value. The first list tells the rows already; the second has "
                "the columns.",
                "from 1": "Your columns count from 1; they start at 0.",
                "index()": "index() gives the first place of a value in its row. Where two weights of a row are equal, "
                "both get the column of the first.",
                "other way": "You go through the matrix column by column. That is CSC, the same idea the other way round.",
                "columns and values": "Your first list goes row by row, and the other two go column by column; all three "
                "go row by row.",
                "values only": "Your values come column by column, and their columns row by row; they no longer belong "
                "together.",
                "exchanged": "Your second and third list are exchanged: first the columns, then the values.",
                "int": "Your values are cut off to whole numbers; store them as they are.",
                "rounded": "Your values are rounded; store them as they are.",
                "no sign": "Your values have lost their signs; store them as they are.",
                "positive": "Negative weights are lost; what counts is that an entry is not 0.",
                "float32": "You make a float32 matrix of a float64 one; a weight can become 0 there. Take the values as they "
                "are.",
                "float16": "You make a float16 matrix of it; a weight can become 0 there. Take the values as they are.",
                "0 twice": "Your first list has its first 0 twice, and the end of the last row is missing: append after each "
                "row, not before it.",
                "first row": "Only the first row is there; is there a `return` inside the loop?",
                "last for begins": "Your first list ends with the place of the last entry; its last number is how many "
                "entries there are.",
                "begins from 1": "Your first list counts from 1; the first row begins at 0.",
                "tolerance": "You leave out weights that are small. They were kept, and only exact zeros are left out.",
            },
        ),
        alternatives=(_csr_by_torch, _csr_by_numpy),
        difficulty="medium",
        lines=6,
        minutes=12,
        atol=0.0,
        told={"2-D": "Write a matrix as CSR", "float16, float64": "The matrix is a float tensor"},
        absent={
            "0-D, 1-D, 4-D": "the text says a matrix",
            "empty tensor": "a matrix has at least one row and one column",
            "ties": "nothing is chosen or ranked",
            "NaN": "weights that are kept are numbers",
        },
    ),
    Exercise(
        id="11.3",
        reference=break_even_density,
        cases=(
            Case(([0.4, 0.2], [1.5, 0.5]), "The ratio is 1 halfway between the two measurements."),
            Case(([0.4, 0.2], [3.0, 1.2]), "Never faster."),
            Case(
                ([0.4, 0.2], [2.0, 1.0]), "The ratio is exactly 1 at the smallest density.", tags=("limit",)
            ),
            Case(
                ([0.4, 0.2], [2.0, 0.99999]), "At the smallest density the ratio is below 1 by very little."
            ),
            Case(([0.5, 0.2], [1.4, 0.7]), "A crossing with no end of digits."),
            Case(([0.5], [0.7]), "A single measurement."),
            Case(([0.5], [1.3]), "A single measurement, at which the sparse form is slower."),
            Case(
                ([0.5, 0.3, 0.1], [2.2, 1.2, 0.7]), "Three measurements; the ratio is 1 between the last two."
            ),
            Case(
                ([0.5, 0.25, 0.1], [2.0, 1.0, 0.4]),
                "The ratio is exactly 1 at a measurement.",
                tags=("limit",),
            ),
            Case(
                ([0.5, 0.25, 0.1], [0.8, 1.0, 0.4]),
                "The ratio is exactly 1 in the middle, and below 1 again at the largest density.",
                tags=("limit",),
            ),
            Case(([0.5, 0.1, 0.02], [0.8, 0.4, 0.2]), "Always faster."),
            Case(
                ([0.4, 0.2, 0.1], [1.6, 0.8, 1.1]),
                "Slower again at the smallest density: then nothing is shown.",
            ),
            Case(
                ([0.5, 0.2, 0.1, 0.05], [0.9, 1.1, 0.7, 0.4]),
                "The largest density happens to be below 1 again.",
                point=True,
            ),
            Case(([0.5, 0.3, 0.2, 0.1], [1.5, 0.9, 1.2, 0.7]), "The ratio crosses 1 three times."),
        ),
        hints=(
            "Turn the lists round, and go from the smallest density upwards until a ratio is 1 or more.",
            "Two ends first: at the smallest density 1 or more gives 0.0; if none is, the largest density is the answer.",
            "Between (d, r) with r < 1 and (d_next, r_next) with r_next >= 1: d + (1 - r) / (r_next - r) * (d_next - d).",
        ),
        misconceptions=(
            *variants(
                _even,
                {
                    "above 1": "A ratio of exactly 1 is not faster: the way up ends where the ratio is 1 or more.",
                    "smallest": "The ratio is 1 or more at the smallest density already, so the sparse form is nowhere shown "
                    "to be faster; say 0.0.",
                    "above 1 later": "A ratio of exactly 1 on the way up ends it, as one above 1 does: 1 or more.",
                    "wrong sign": "You go down from the smaller of the two densities; the crossing lies above it. Look at the "
                    "signs in your line.",
                    "wrong sign above": "You go up from the larger of the two densities; the crossing lies below it. Look at "
                    "the signs in your line.",
                    "never is NaN": "You return NaN if the sparse form is never faster; say 0.0.",
                    "about 1": "You take a ratio that is almost 1 for 1; below 1 is below 1.",
                    "never is 1": "You return 1.0 if the ratio is 1 or more at the smallest density; that would mean always "
                    "faster. Say 0.0.",
                    "to largest": "Your line ends at the largest density; it should join the measurement at which the ratio "
                    "reaches 1 with the one just before.",
                    "line below": "You go on with the line below the smallest density. Nothing was measured there; say 0.0.",
                    "rising line below": "Where the line falls towards 0, you follow it below the smallest density. Nothing "
                    "was measured there; say 0.0.",
                    "always 1": "You return 1.0 if the ratio never reaches 1. Nothing is known beyond the largest measured "
                    "density, so return that.",
                    "always 0": "You return 0.0 if the ratio never reaches 1. That would mean never faster; here the sparse "
                    "form is faster everywhere.",
                    "always smallest": "You return the smallest density if the ratio never reaches 1; the sparse form is "
                    "faster up to the largest.",
                    "line above": "You go on with the line above the largest density. Nothing was measured there; return the "
                    "largest density itself.",
                    "from smallest": "Your line begins at the smallest density; it should join the measurement at which the "
                    "ratio reaches 1 with the one just before.",
                    "before": "This is the largest measured density at which it is still faster; the line between the two "
                    "measurements tells more exactly where it crosses 1.",
                    "after": "This is the first measured density at which it is slower; look for the place between the two "
                    "measurements.",
                    "middle": "You take the middle between the two measurements, whatever their ratios are.",
                    "nearer": "You return the measurement whose ratio is nearer to 1; look for the place between the two.",
                    "exchanged": "The two measurements have changed places in your line: the crossing lies nearer to the one "
                    "whose ratio is nearer to 1.",
                    "logarithm": "Your line is straight in the logarithm of the density. Take the density itself: the sparse "
                    "time grows with the number of weights.",
                }
                | _told_to_round("the density"),
            ),
            *variants(
                _even_otherwise,
                {
                    "from above": "You come from the largest density, and stop at the first place that is faster; one odd "
                    "measurement there decides. Start at the smallest density.",
                    "from above, ends first": "After looking at the smallest density you come from the largest one, and stop "
                    "at the first place that is faster. Go up from the smallest.",
                    "largest below 1": "This is the largest measured density with a ratio below 1. Go up from the smallest "
                    "one, and draw the line at the first crossing.",
                    "crossing from above": "You look for a crossing from the largest density downwards; go up from the "
                    "smallest, and stop at the first.",
                    "largest only": "At the largest density the ratio is below 1, but it was 1 or more before. Stop where it "
                    "first reaches 1. (np.interp, too, wants ratios that only rise.)",
                    "smallest forgotten": "You take a crossing further up, although the ratio is 1 or more at the smallest "
                    "density already; then say 0.0.",
                    "ends of interp": "np.interp returns one of its ends where there is no crossing, and it wants ratios that "
                    "only rise. Look at the ends yourself, and go up step by step.",
                    "sorted by ratio": "You sort the measurements by their ratios, and neighbours are then no neighbours in "
                    "density. Go up by density.",
                    "one line": "You draw one line through all measurements; join only the two on either side of the crossing.",
                    "not turned": "You start at the front of the lists, which is the largest density; the smallest is at "
                    "their end.",
                    "upside down": "You take a ratio above 1 for faster; here it is sparse time over dense time, so below 1 is "
                    "faster.",
                    "sparsity": "This is the sparsity, the fraction that is removed; the density is asked for.",
                },
            ),
        ),
        alternatives=(_even_by_loop, _even_by_numpy),
        difficulty="hard",
        lines=7,
        minutes=15,
        told={"limit": "until the ratio is 1 or more for the first time"},
        absent={
            "ties": "the densities fall, so no two are equal",
            "NaN": "densities and ratios are numbers",
            "empty list": "at least one density is measured",
        },
    ),
    Exercise(
        id="11.4",
        reference=dead_units,
        cases=(
            Case(
                (_bits([1, 0], [0, 0], [0, 1]), _bits([1, 1, 1])), "Three units; the middle one has no input."
            ),
            Case(
                (_bits([1, 1], [1, 0], [1, 1]), _bits([1, 0, 0], [0, 0, 1])), "The middle unit has no output."
            ),
            Case((_bits([1], [0]), _bits([0, 1])), "Unit 0 has no output, unit 1 has no input."),
            Case(
                (_bits([0], [0]), _bits([0, 1])),
                "Neither unit has input, and unit 0 has no output either; it appears once.",
            ),
            Case(
                (_bits([0, 0], [1, 1], [1, 0], [1, 0]), _bits([1, 1, 0, 1], [0, 1, 0, 0])),
                "One unit without input, another without output.",
            ),
            Case(
                (_bits([1, 0, 0], [1, 0, 0], [1, 0, 0]), _bits([1, 1, 0], [0, 0, 1], [0, 0, 0])),
                "Nobody is dead: one weight each way is enough.",
            ),
            Case(
                (torch.zeros(3, 2).bool(), torch.ones(2, 3).bool()), "Everything before the units is removed."
            ),
            Case((_NINE_UNITS, torch.ones(1, 9).bool()), "Of nine units, 1 and 8 have no input."),
            Case((torch.ones(1, 256).bool(), _bits([1])), "One unit with 256 incoming weights."),
            Case(
                (torch.arange(300)[None] == 7, torch.arange(300)[:, None] == 7),
                "One unit that keeps one of its 300 incoming and one of its 300 outgoing weights.",
            ),
        ),
        hints=(
            "A unit is a row of the first mask and a column of the second.",
            "incoming.any(dim=1) says for each row whether anything in it is kept. Which dim do you need for outgoing?",
            "dead = ~incoming.any(dim=1) | ~outgoing.any(dim=0), then dead.nonzero().flatten().tolist().",
        ),
        misconceptions=variants(
            _dead,
            {
                "no input": "Units without output are missing: nobody reads them, so they cannot matter either.",
                "no output": "Units without input are missing: what they hand on is a constant.",
                "both": "These units have neither input nor output; one of the two is enough to be dead.",
                "only one": "A unit that has neither input nor output is missing: it is dead too.",
                "living": "This is the list of the units that live; the dead ones are asked for.",
                "some": "These units have lost some weight. A unit is dead when it has lost all of one side.",
                "some outputs": "A unit that has lost some of its outputs is counted as dead; it has to lose all of them.",
                "some inputs": "A unit that has lost some of its inputs is counted as dead; it has to lose all of them.",
                "first output": "You look at the first output only; a unit that any output reads is not dead.",
                "nested": "Each number stands in a list of its own, because nonzero() gives a row of places for each entry; "
                "flatten() it.",
                "as many as outputs": "You go through as many units as there are outputs, which is len(outgoing); units are "
                "the columns of outgoing.",
                "first input": "You look at the first input only; a unit that any input feeds is not dead.",
                "last output": "You look at the last output only; a unit that any output reads is not dead.",
                "from 1": "Your units count from 1; they count from 0.",
                "falling": "Your list falls; it should rise.",
                "first alone": "You return only the first dead unit; is there a `return` inside the loop?",
                "at most one": "You count a unit with a single weight as dead; one weight each way is enough to live.",
                "exchanged": "You look at the columns of incoming and at the rows of outgoing. A unit is a row of the first "
                "and a column of the second.",
                "outputs": "You look at the rows of outgoing, which are the outputs; a unit is a column of it.",
                "twice": "A unit without input and without output is listed twice.",
                "unsorted": "Your list has first the units without input and then those without output; it should rise.",
                "unsorted, twice": "You put two lists one behind the other: a unit can be in both, and the numbers do not "
                "rise.",
                "set": "A set has no order of its own, so a list made of it does not always rise; sort it.",
                "bools": "This is a True or False for each unit; the numbers of the dead units are asked for.",
                "8 bits": "You count in numbers of 8 bits, in which 256 weights count as 0.",
            },
        ),
        alternatives=(_dead_by_sets, _dead_by_sums),
        difficulty="medium",
        lines=2,
        minutes=8,
        told={"2-D": "In the mask before them a unit is a row"},
        absent={
            "0-D, 1-D, 4-D": "the text says rows and columns",
            "empty tensor": "there is at least one unit, one input and one output",
            "ties": "nothing is chosen or ranked",
        },
    ),
    Exercise(
        id="11.5",
        reference=folded_bias,
        cases=(
            Case(
                (torch.tensor([2.0, 1.0]), _bits([0], [1]), torch.tensor([[3.0, 5.0]]), torch.tensor([10.0])),
                "The first of two units has no input.",
            ),
            Case(
                (
                    torch.tensor([-2.0, 1.0]),
                    _bits([0], [1]),
                    torch.tensor([[3.0, 5.0]]),
                    torch.tensor([10.0]),
                ),
                "The same with a negative bias.",
            ),
            Case(
                (torch.tensor([7.0]), _bits([0]), torch.tensor([[1.0]]), torch.tensor([0.0])),
                "A single unit, with a larger bias.",
            ),
            Case(
                (
                    torch.tensor([1.0, 2.0]),
                    _bits([1, 0], [1, 0]),
                    torch.ones(2, 2),
                    torch.tensor([0.5, -0.5]),
                ),
                "Every unit has input, so that nothing is to be moved.",
            ),
            Case(
                (
                    torch.tensor([0.5, 1.0, 2.0, 4.0]),
                    _bits([0, 0], [1, 0], [0, 0], [1, 1]),
                    torch.tensor([[2.0, 1.0, 0.0, 1.0], [-1.0, 3.0, 4.0, 1.0]]),
                    torch.tensor([0.0, 1.0]),
                ),
                "Two of four units have no input; another has lost a part of its input.",
            ),
            Case(
                (
                    torch.tensor([0.5, 0.5, 1.0]),
                    _bits([0], [0], [1]),
                    torch.tensor([[2.0, 3.0, 1.0]]),
                    torch.tensor([1.0]),
                ),
                "Two units without input have the same bias.",
            ),
            Case(
                (
                    _normal(6, seed=4),
                    _normal(6, 5, seed=5) > 1,
                    _normal(3, 6, seed=6),
                    _normal(3, seed=7),
                ),
                "Six units, random masks and weights.",
            ),
            Case(
                (
                    torch.tensor([2.0, 1.0], dtype=torch.float16),
                    _bits([0], [1]),
                    torch.tensor([[3.0, 5.0]], dtype=torch.float16),
                    torch.tensor([10.0], dtype=torch.float16),
                ),
                "The first case in float16.",
            ),
            Case(
                (
                    torch.tensor([2e30, 1.0], dtype=torch.float64),
                    _bits([0], [1]),
                    torch.tensor([[3e30, 5.0]], dtype=torch.float64),
                    torch.tensor([1e60], dtype=torch.float64),
                ),
                "In float64, with numbers that are too large for float32.",
            ),
        ),
        hints=(
            "A unit without input hands on the same number for every image. Which number?",
            "It is relu(bias). The next layer multiplies it by its weight for that unit and adds it up: a constant for "
            "each output.",
            "empty = ~incoming.any(dim=1); return next_bias + next_weight[:, empty] @ torch.relu(bias[empty]).",
        ),
        misconceptions=(
            *variants(
                _bias,
                {
                    "no relu": "The activation is missing: a unit hands on relu(bias), which is 0 for a negative bias.",
                    "abs": "You take the absolute value of the bias; ReLU makes 0 of a negative one.",
                    "leaky": "You let a small part of a negative bias through, as a leaky ReLU does; ReLU makes 0 of it.",
                    "relu6": "You cut the constant off at 6; ReLU has no upper limit.",
                    "relu later": "You apply ReLU after the weight of the next layer. It comes before: the unit hands on "
                    "relu(bias), and then the weight may make it negative.",
                    "relu of the sum": "You apply ReLU to the sum over the units. It comes before: each unit hands on "
                    "relu(bias), and the weights may make the sum negative.",
                    "relu at the end": "You apply ReLU to the new biases; a bias may be negative.",
                    "unchanged": "The bias is unchanged. A unit without input is not silent: it hands on relu of its bias.",
                    "constant only": "This is only what is to be added; the old biases of the next layer belong to the result.",
                    "all": "The biases of all units are moved; those that have input hand on no constant.",
                    "fed": "You move the biases of the units that have input; it is the others whose output is a constant.",
                    "partly": "A unit that has lost only a part of its input is counted as empty: the whole row has to be "
                    "removed.",
                    "columns": "You look at the columns of incoming, which are the inputs; a unit is a row of it.",
                    "first": "You move only the first unit without input; there may be several.",
                    "first if none": "If every unit has input, you move unit 0; then nothing is to be moved.",
                    "unweighted": "The constants are added without the weights of the next layer, which multiplies them first.",
                    "absolute weights": "The weights of the next layer have lost their signs; a negative one makes the bias "
                    "smaller.",
                    "one number": "You add up over the outputs too; each output has a constant of its own.",
                    "mean": "You take the mean over the units; the next layer adds them up.",
                    "float32": "You compute in float32, in which large numbers become infinite; keep the type of the "
                    "arguments.",
                    "always float32": "Your result is float32 whatever the arguments are; it has their type.",
                    "float16": "You compute in float16, which has three digits; keep the type of the arguments.",
                    "subtracted": "The constants are subtracted. The units added them before; without the units, the bias has "
                    "to add them.",
                }
                | _told_to_round("the result"),
            ),
            *variants(
                _bias_in_place,
                {
                    "next bias": "You add to next_bias itself, so that the old network is changed too; make a new tensor.",
                    "relu_": "relu_ with its underscore changes the given biases themselves, and so the old network.",
                    "bias": "You set biases of the old network itself to 0; leave the arguments as they are.",
                    "next weight": "You set weights of the old network itself to 0; leave the arguments as they are.",
                },
            ),
        ),
        alternatives=(_bias_by_loop, _bias_by_masking, _bias_in_double),
        difficulty="medium",
        lines=2,
        minutes=10,
        fresh=True,
        told={
            "1-D, 2-D": "Biases are vectors, next_weight and incoming are matrices",
            "float16, float64": "Biases and weights are float tensors of one type",
        },
        absent={
            "0-D, 4-D": "the text says vectors and matrices",
            "empty tensor": "there is at least one unit and one output",
            "ties": "nothing is chosen or ranked",
            "NaN": "biases and weights are numbers",
        },
    ),
    Exercise(
        id="11.6",
        reference=kept_gradient,
        cases=(
            Case(
                (torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [5.0]]), _bits([1, 0], [1, 1])),
                "Two units, two inputs, one image; three weights are kept.",
            ),
            Case(
                (torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]), _bits([1])),
                "One weight and two images.",
            ),
            Case(
                (
                    torch.tensor([[1.0, -1.0], [0.0, 0.0], [2.0, 0.5]]),
                    torch.tensor([[1.0, 0.0], [-2.0, 3.0]]),
                    _bits([0, 1], [1, 1], [1, 0]),
                ),
                "A unit whose delta is 0 for every image; its weights are kept all the same.",
            ),
            Case(
                (_normal(2, 3, seed=8), _normal(4, 3, seed=9), torch.zeros(2, 4).bool()),
                "Nothing is kept.",
            ),
            Case(
                (_normal(2, 3, seed=8).double(), _normal(4, 3, seed=9).double(), torch.zeros(2, 4).bool()),
                "Nothing is kept, in float64.",
            ),
            Case(
                (
                    _normal(4, 5, seed=10),
                    _normal(3, 5, seed=11),
                    _bits([0, 1, 0], [1, 0, 1], [0, 0, 0], [1, 0, 1]),
                ),
                "The mask of the layer at the beginning of the lesson, and five images.",
            ),
            Case(
                (_normal(20, 6, seed=12), _normal(30, 6, seed=13), _normal(20, 30, seed=14) > 1.5),
                "A larger layer, about one weight in fifteen kept.",
            ),
            Case(
                (
                    torch.tensor([[1.0, -2.0]], dtype=torch.float16),
                    torch.tensor([[3.0, 1.0], [0.5, 4.0]], dtype=torch.float16),
                    _bits([1, 1]),
                ),
                "One unit, two inputs and two images, in float16.",
            ),
            Case(
                (
                    torch.tensor([[1e30, 2e30]], dtype=torch.float64),
                    torch.tensor([[3e30, 1e30]], dtype=torch.float64),
                    _bits([1]),
                ),
                "One weight and two images, in float64, with numbers that are too large for float32.",
            ),
        ),
        hints=(
            "A kept weight joins one input with one unit. Its gradient needs one row of delta and one row of inputs.",
            "Multiply the two rows image by image, and add up over the images. kept.nonzero(as_tuple=True) gives the unit "
            "and the input of every kept weight, row by row.",
            "units, columns = kept.nonzero(as_tuple=True), then return (delta[units] * inputs[columns]).sum(dim=1).",
        ),
        misconceptions=variants(
            _gradient,
            {
                "removed": "These are the gradients of the removed weights; True means kept.",
                "all": "These are the gradients of all weights; only those of the kept ones are asked for.",
                "first of unit": "Each unit has only its first kept weight here; it may have several.",
                "exchanged": "Units and inputs have changed places: the first index of a kept weight belongs to delta, the "
                "second to inputs.",
                "by column": "Your values come column by column; they go row by row, as the kept weights do in CSR.",
                "inputs on or off": "Your inputs have become 0 or 1. The gradient needs the inputs themselves.",
                "matrix": "This is a whole matrix with zeros in it. Only the values at the kept places are asked for, one "
                "after another.",
                "not zero": "A kept weight is missing where its gradient happens to be 0. What counts is the mask.",
                "no sum": "There is a number for each image here. The gradient of a weight adds them up over the images.",
                "over the weights": "You add up over the weights, and a number for each image is left. Add up over the "
                "images: dim=1.",
                "one number": "Everything is added up to one number; each kept weight has a gradient of its own.",
                "every pair": "Here every chosen row of delta meets every chosen row of inputs. Each kept weight needs one "
                "pair of rows, so multiply them entry by entry.",
                "stack": "If nothing is kept, torch.stack has nothing to stack and stops. Then the answer is an empty tensor.",
                "sums apart": "You add up over the images first and multiply then. Multiply image by image, then add up.",
                "mean": "You take the mean over the images. The loss is a mean already and delta has its 1/n, so add up.",
                "first image": "Only the first image is used; add up over all of them.",
                "last image": "Only the last image is used; add up over all of them.",
                "absolute": "Your gradients have lost their signs; they say whether a weight should fall or rise.",
                "step": "The sign is turned round, as for the step down. The gradient itself is asked for.",
                "float32": "You compute in float32, in which large numbers become infinite; keep the type of the arguments.",
                "always float32": "Your result is float32 whatever the arguments are; it has their type.",
                "float16": "You compute in float16, which has three digits; keep the type of the arguments.",
                "signs": "Your inputs have become their signs. The gradient needs the inputs themselves.",
                "delta only": "The inputs are missing: the gradient of a weight is delta times the input that it multiplies.",
                "inputs only": "delta is missing: it says how the loss changes with the output of the unit.",
                "sum of both": "You add delta and the inputs; the gradient of a weight is their product.",
            }
            | _told_to_round("the result"),
        ),
        alternatives=(_gradient_unit_by_unit, _gradient_place_by_place, _gradient_in_double),
        difficulty="medium",
        lines=2,
        minutes=10,
        told={
            "2-D": "All three are matrices",
            "float16, float64": "delta and inputs are float tensors of one type",
        },
        absent={
            "0-D, 1-D, 4-D": "the text says matrices",
            "empty tensor": "there is at least one unit, one input and one image",
            "ties": "nothing is chosen or ranked",
            "NaN": "gradients and inputs are numbers",
        },
    ),
)

QUESTIONS = (
    Question(
        "11.Q1",
        "A mask sets 98 % of the weights of a dense tensor to 0. How long does the matrix product take now?",
        (
            Option(
                "About 2 % of the time before, because 98 % of the products are 0.",
                False,
                "The processor is not told where the zeros are. It multiplies them like all other numbers.",
            ),
            Option(
                "Less, since multiplying by 0 is quicker.",
                False,
                "A multiplication takes the same time for all ordinary numbers, 0 among them.",
            ),
            Option(
                "As long as before.",
                True,
                "The same number of multiplications, the same bytes from memory. Only another way of storing changes that.",
            ),
        ),
    ),
    Question(
        "11.Q2",
        "One bit for each weight, or a column of 32 bits for each kept weight: at which density do the bits of the mask "
        "take less room than the columns?",
        (
            Option(
                "Above 1/32, which is 3.1 %.",
                True,
                "Per weight, the mask costs 1 bit and the columns cost 32 times the density. They are equal at 1/32.",
            ),
            Option(
                "Above 1/2.",
                False,
                "At one half a column for each kept weight costs 16 bits a weight, and the mask only one.",
            ),
            Option(
                "At every density.",
                False,
                "The bits cost the same at every density. If only one weight in a thousand is kept, one column is cheaper "
                "than a thousand bits.",
            ),
        ),
    ),
    Question(
        "11.Q3",
        "A paper reports 50 times fewer operations for its sparse network. What do you know about its time?",
        (
            Option(
                "It is 50 times as fast.",
                False,
                "That would need code that skips the zeros at no cost, and a network whose time is all arithmetic.",
            ),
            Option(
                "Nothing, until somebody says with which code, on which machine, at which batch size, and beside which "
                "dense code.",
                True,
                "Operations are counted, time is measured. The dense code that one compares with matters as much as the "
                "sparse one.",
            ),
            Option(
                "It is about half as fast as that, since indices double the memory.",
                False,
                "There is no such rule. At batch 1 the sparse form may even be the slower one.",
            ),
        ),
    ),
    Question(
        "11.Q4",
        "A ticket keeps 2 % of a layer of 300 units with 784 inputs each, at random places. How many units have no "
        "input?",
        (
            Option(
                "Practically none.",
                True,
                "All 784 of a unit would have to be removed by chance: 0.98 to the power of 784 is about one in ten "
                "million.",
            ),
            Option(
                "About half of them.",
                False,
                "A unit is empty only if every one of its 784 weights is gone, and each is kept with probability 0.02.",
            ),
            Option(
                "About 98 % of them.",
                False,
                "That would be so if whole units were removed. Here each unit keeps about 16 of its 784 weights.",
            ),
        ),
    ),
    Question(
        "11.Q5",
        "The products of a training step take 60 % of its time. A sparse form makes them 12 times as fast and changes "
        "nothing else. How many times as fast is the step?",
        (
            Option(
                "12 times.",
                False,
                "That would be so if the step were nothing but products. The other 40 % take as long as before.",
            ),
            Option(
                "About 7 times, which is 60 % of 12.",
                False,
                "Add times, not factors. The 40 % that stay are 8 times as long as what the products take now.",
            ),
            Option(
                "About 2.2 times.",
                True,
                "0.60 / 12 + 0.40 = 0.45 of the time before, and 1 / 0.45 is about 2.2. Even products that took no time at "
                "all would give 1 / 0.40 = 2.5.",
            ),
        ),
    ),
)
