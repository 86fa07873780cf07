"""Exercises of lesson 09, Early-Bird tickets: distance of masks, when to stop, what chance gives, channels, the price."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor

from lthkit.classroom.exercises.exercise import Case, Exercise, Option, Question, pick, variants

Masks = Mapping[str, Tensor]
Matrix = Sequence[Sequence[float]]
Phases = Sequence[tuple[float, float]]

_DIGITS = (1, 2, 3, 4)  # to which an answer may be rounded


def mask_distance(one: Masks, other: Masks) -> float:
    """The fraction of all entries of the network in which two masks differ (You et al. 2020, section 3.2).

    Args:
        one, other: parameter name -> bool tensor, with equal names and shapes, in any order.
    """
    differ = sum(int((one[name] != other[name]).sum()) for name in one)
    return differ / sum(mask.numel() for mask in one.values())


def early_bird_epoch(matrix: Matrix, window: int, threshold: float) -> int | None:
    """The first epoch whose mask is closer than `threshold` to each of the `window` - 1 masks before it.

    Args:
        matrix: matrix[i][j] is the distance of the masks of epochs i + 1 and j + 1.
        window: length of the queue of masks, 2 or more.
        threshold: a distance that equals it is too large.

    Returns:
        The epoch, counted from 1, or None if there is none.
    """
    for newest in range(window - 1, len(matrix)):
        if all(matrix[newest][old] < threshold for old in range(newest - window + 1, newest)):
            return newest + 1
    return None


def random_distance(mask: Masks) -> float:
    """The distance that two random masks with the layer densities of `mask` have on average.

    Args:
        mask: parameter name -> bool tensor.
    """
    differ = 0.0
    for layer in mask.values():
        density = int(layer.sum()) / layer.numel()
        differ += layer.numel() * 2 * density * (1 - density)
    return differ / sum(layer.numel() for layer in mask.values())


def channels_to_keep(gains: Masks, density: float) -> dict[str, Tensor]:
    """Keep exactly `round(density * channels)` channels, those of largest absolute gain over all layers.

    Args:
        gains: name -> batch-norm gains [channels].
        density: fraction of all channels that stay.

    Returns:
        name -> bool tensor [channels]. Among equal gains the one with the lowest flat index is removed first, counted
        through the layers in the order of `gains`.
    """
    flat = torch.cat([gain.abs() for gain in gains.values()])
    keep = torch.ones(len(flat), dtype=torch.bool)
    keep[flat.argsort(stable=True)[: len(flat) - round(density * len(flat))]] = False
    return dict(zip(gains, keep.split([len(gain) for gain in gains.values()]), strict=True))


def cost_factor(schedule: Phases, baseline: Phases, zeros_are_free: bool) -> float:
    """How many times the operations of `schedule` the `baseline` needs.

    Args:
        schedule, baseline: phases of training, (epochs, density) each. An epoch of the dense network costs 1.
        zeros_are_free: True if an epoch costs its density; False if removed weights are multiplied all the same.
    """
    ours, theirs = (
        sum(epochs * (density if zeros_are_free else 1) for epochs, density in phases)
        for phases in (schedule, baseline)
    )
    return theirs / ours


def _bits(*rows: str) -> Tensor:
    bits = torch.tensor([[c == "1" for c in row] for row in rows])
    return bits[0] if len(rows) == 1 else bits


def _kernel(bits: str) -> Tensor:
    """Twelve bits as the kernel of a convolution of 2 x 3 filters of 2 x 1."""
    return _bits(bits).view(2, 3, 2, 1)


def _apart(*places: float) -> list[list[float]]:
    """Distances of points on a line."""
    return [[round(abs(a - b), 6) for b in places] for a in places]


# Other right answers, and mistakes that people make


def _distance_joined(one: Masks, other: Masks) -> float:
    a, b = (torch.cat([m[name].flatten() for name in one]) for m in (one, other))
    return (a ^ b).float().mean().item()


def _distance_counted(one: Masks, other: Masks) -> float:
    same = total = 0
    for name in one:
        same += int(one[name].eq(other[name]).sum())
        total += one[name].numel()
    return 1 - same / total


def _distance_by_entry(one: Masks, other: Masks) -> float:
    pairs = [
        pair for n in one for pair in zip(one[n].flatten().tolist(), other[n].flatten().tolist(), strict=True)
    ]
    return len([pair for pair in pairs if len(set(pair)) == 2]) / len(pairs)


def _differing(one: Masks, other: Masks, *, mistake: str) -> float:
    """The distance with one thing wrong."""
    if mistake == "by position":
        return mask_distance(one, dict(zip(one, other.values(), strict=True)))
    layers = [(int((one[n] != other[n]).sum()), one[n].numel()) for n in one]
    differ, total = (sum(column) for column in zip(*layers, strict=True))
    only_one = sum(int((one[n] & ~other[n]).sum()) for n in one)
    shapes = [mask.shape for mask in one.values()]
    whole: dict[str, Callable[[], float]] = {
        "mean of layers": lambda: sum(d / n for d, n in layers) / len(layers),
        "first layer": lambda: layers[0][0] / layers[0][1],
        "last layer alone": lambda: layers[-1][0] / layers[-1][1],
        "largest layer": lambda: max(d / n for d, n in layers),
        "changed layers alone": lambda: sum(d > 0 for d, _ in layers) / len(layers),
    }
    above = pick(
        mistake,
        {
            "one way": only_one,
            "one way twice": 2 * only_one,
            "how many": abs(2 * only_one - differ),
            "how many in each": sum(abs(int(one[n].sum()) - int(other[n].sum())) for n in one),
            "root": math.sqrt(differ),
        },
        differ,
    )
    below: dict[str, Callable[[], int]] = {
        "count": lambda: 1,
        "either": lambda: sum(int((one[n] | other[n]).sum()) for n in one),
        "kept": lambda: sum(int(mask.sum()) for mask in one.values()),
        "last layer": lambda: layers[-1][1],
        "rows": lambda: sum(len(mask) for mask in one.values()),
        "two sizes": lambda: sum(shape[0] * shape[1] for shape in shapes),
        "first sizes": lambda: sum(shape[0] for shape in shapes),
        "changed layers": lambda: max(1, sum(n for d, n in layers if d)),
    }
    found = pick(mistake, whole, lambda: above / pick(mistake, below, lambda: total)())()
    return pick(mistake, {"agreement": 1 - found, "percent": 100 * found} | _rounded(found), found)


def _rounded(value: float) -> dict[str, float]:
    return {f"to {digits} digits": round(value, digits) for digits in _DIGITS}


def _told_to_round(what: str) -> dict[str, str]:
    """The sentences on `_rounded`."""
    return {
        f"to {digits} digits": f"You round {what} to {digits} digits; return it as it is."
        for digits in _DIGITS
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _stop_with_max(matrix: Matrix, window: int, threshold: float) -> int | None:
    table = torch.tensor(matrix, dtype=torch.float64)
    for epoch in range(window, len(matrix) + 1):
        if table[epoch - 1, epoch - window : epoch - 1].max() < threshold:
            return epoch
    return None


def _stop_with_queue(matrix: Matrix, window: int, threshold: float) -> int | None:
    queue: list[int] = []
    for epoch in range(len(matrix)):
        queue = [*queue, epoch][-window:]
        if len(queue) == window and not any(matrix[epoch][old] >= threshold for old in queue[:-1]):
            return epoch + 1
    return None


def _stop(matrix: Matrix, window: int, threshold: float, *, mistake: str) -> int | None:
    """The rule with one thing wrong."""
    window = pick(mistake, {"window of 3": 3, "window of 5": 5}, window)
    threshold = pick(mistake, {"threshold of 0.1": 0.1}, threshold)
    first = pick(mistake, {"before it is full": 1, "longer": window, "distances": window}, window - 1)
    ends = range(first, len(matrix) - (mistake == "one short"))
    ends = pick(mistake, {"first window": ends[:1]}, ends)

    def pairs(t: int) -> Iterable[tuple[int, int]]:
        """The two masks of each distance that is looked at when t is the newest."""
        oldest = max(0, t - window + 1)
        queue = range(oldest, t)
        wrong: dict[str, Iterable[tuple[int, int]]] = {
            "neighbours": [(k + 1, k) for k in queue],
            "distances": [(k + 1, k) for k in range(t - window, t)],
            "all pairs": combinations(range(oldest, t + 1), 2),
            "from the oldest": [(k, oldest) for k in range(oldest + 1, t + 1)],
            "oldest alone": [(t, oldest)],
            "newest pair": [(t, t - 1)],
            "first of the row": [(t, k) for k in range(window)],
            "shorter": [(t, k) for k in queue[1:]],
            "longer": [(t, k) for k in range(t - window, t)],
            "all before": [(t, k) for k in range(t)],
        }
        return pick(mistake, wrong, [(t, k) for k in queue])

    def fires(t: int) -> bool:
        distances = [matrix[i][j] for i, j in pairs(t)]
        if mistake == "mean":
            distances = [_mean(distances)]
        if mistake == "rounded":
            distances = [round(d, 2) for d in distances]
        if mistake == "farther":
            return all(d > threshold for d in distances)
        small = [d <= threshold if mistake == "equal" else d < threshold for d in distances]
        return any(small) if mistake == "any" else all(small)

    fired = [t for t in ends if fires(t)]
    if not fired:
        return pick(mistake, {"last if none": len(matrix), "0 if none": 0, "-1 if none": -1}, None)
    row = fired[-1 if mistake == "last" else 0]
    return row + pick(mistake, {"row": 0, "oldest": 2 - window, "one late": 2}, 1)


def _densities(mask: Masks) -> tuple[list[int], list[float]]:
    return [m.numel() for m in mask.values()], [int(m.sum()) / m.numel() for m in mask.values()]


def _random_by_counts(mask: Masks) -> float:
    kept = [(int(m.sum()), m.numel()) for m in mask.values()]
    return sum(2 * k * (n - k) / n for k, n in kept) / sum(n for _, n in kept)


def _random_with_tensors(mask: Masks) -> float:
    n = torch.tensor([m.numel() for m in mask.values()], dtype=torch.float64)
    d = torch.stack([m.double().mean() for m in mask.values()])
    return float((n * (1 - d**2 - (1 - d) ** 2)).sum() / n.sum())


def _chance(mask: Masks, *, mistake: str) -> float:
    """The average distance with one thing wrong."""
    n, d = _densities(mask)
    d = pick(mistake, {"rounded": [round(b, 2) for b in d]}, d)
    kept = [a * b for a, b in zip(n, d, strict=True)]
    overall, mean_density = sum(kept) / sum(n), sum(d) / len(d)
    each = [2 * b * (1 - b) for b in d]
    right = sum(a * b for a, b in zip(n, each, strict=True))

    def weighted(values: Iterable[float], weights: Sequence[float]) -> float:
        return sum(a * b for a, b in zip(values, weights, strict=True)) / (sum(weights) or 1)

    sizes: dict[str, Callable[[Tensor], int]] = {
        "rows": len,
        "first sizes": lambda m: m.shape[0],
        "two sizes": lambda m: m.shape[0] * m.shape[1],
    }
    found: dict[str, Callable[[], float]] = {
        "overall": lambda: 2 * overall * (1 - overall),
        "mean density": lambda: 2 * mean_density * (1 - mean_density),
        "mean of layers": lambda: _mean(each),
        "first layer": lambda: each[0],
        "last layer": lambda: each[-1],
        "largest layer": lambda: max(each),
        "largest": lambda: weighted([2 * min(b, 1 - b) for b in d], n),
        "by kept": lambda: weighted(each, kept),
        "over kept": lambda: right / sum(kept),
        "both keep": lambda: weighted([2 * b * b for b in d], n),
        "one keeps": lambda: weighted([2 * b for b in d], n),
        "rows alone": lambda: _chance_by_rows(mask),
        "count": lambda: right,
        "less one": lambda: weighted(
            [e * a / (a - 1) if a > 1 else math.nan for e, a in zip(each, n, strict=True)], n
        ),
        "changing layers": lambda: weighted(each, [a * (0 < b < 1) for a, b in zip(n, d, strict=True)]),
    }

    def usual() -> float:
        size = pick(mistake, sizes, lambda m: m.numel())
        return weighted(each, [size(m) for m in mask.values()])

    value = pick(mistake, found, usual)()
    ends = {"half": value / 2, "twice": value * 2, "agreement": 1 - value, "percent": 100 * value}
    return pick(mistake, ends | _rounded(value), value)


def _chance_by_rows(mask: Masks) -> float:
    """The average distance with the number of rows for the size of a layer, in its density too."""
    densities = [(len(m), int(m.sum()) / len(m)) for m in mask.values()]
    return sum(n * 2 * d * (1 - d) for n, d in densities) / sum(n for n, _ in densities)


def _split_like(gains: Masks, keep: Tensor) -> dict[str, Tensor]:
    return dict(zip(gains, keep.split([len(g) for g in gains.values()]), strict=True))


def _channels_sorted(gains: Masks, density: float) -> dict[str, Tensor]:
    order = [(abs(float(v)), i) for i, v in enumerate(torch.cat(list(gains.values())))]
    keep = torch.zeros(len(order), dtype=torch.bool)
    for _, i in sorted(order)[len(order) - round(density * len(order)) :]:
        keep[i] = True
    return _split_like(gains, keep)


def _channels_flipped(gains: Masks, density: float) -> dict[str, Tensor]:
    flat = torch.cat(list(gains.values())).abs().flip(0)
    keep = torch.zeros(len(flat), dtype=torch.bool)
    keep[torch.sort(flat, descending=True, stable=True).indices[: round(density * len(flat))]] = True
    return _split_like(gains, keep.flip(0))


def _channels(gains: Masks, density: float, *, mistake: str) -> dict[str, Tensor]:
    """The channels with one thing wrong."""
    if mistake == "each layer":
        return {name: channels_to_keep({name: gain}, density)[name] for name, gain in gains.items()}
    names = sorted(gains) if mistake == "sorted" else list(gains)
    values = [gains[name] if mistake == "signed" else gains[name].abs() for name in names]
    if mistake == "shares":
        values = [gain / gain.max() for gain in values]
    kind = pick(mistake, {"float16": torch.float16, "float32": torch.float32}, None)
    values = [gain.to(kind or gain.dtype) for gain in values]
    if mistake == "rounded":
        values = [(gain.double() * 1e4).round() for gain in values]
    flat = torch.cat(values)
    exact = density * len(flat)
    counts = {
        "cut off": int(exact),
        "up": math.ceil(exact),
        "half up": int(exact + 0.5),
        "removed rounded": len(flat) - round((1 - density) * len(flat)),
        "density removed": len(flat) - round(exact),
        "minus 0": round(exact) or len(flat),
    }
    number = pick(mistake, counts, round(exact))
    if mistake == "first of equals":
        order = flat.argsort(descending=True, stable=True).flip(0)
    elif mistake == "place in the layer":
        places = torch.cat([torch.arange(len(gain)) for gain in values])
        order = places.argsort(stable=True)
        order = order[flat[order].argsort(stable=True)]
    else:
        order = flat.argsort(stable=True)
    keep = torch.ones(len(flat), dtype=torch.bool)
    keep[order[: len(flat) - number]] = False
    if mistake == "smallest":
        keep = torch.zeros_like(keep)
        keep[order[:number]] = True
    if mistake in ("above", "published", "published, capped", "at least", "equals go"):
        at = int((1 - density) * len(flat))
        at = pick(mistake, {"published, capped": min(len(flat) - 1, at), "published": at}, len(flat) - number)
        limit = flat.sort().values[at - (mistake == "equals go")]
        keep = flat >= limit if mistake == "at least" else flat > limit
    elif mistake == "squares":
        keep[flat.square().argsort(stable=True)] = torch.arange(len(flat)) >= len(flat) - number
    elif mistake == "equals stay":
        keep = flat >= (flat.sort().values[-number] if number else math.inf)
    kept = dict(zip(names, keep.split([len(gain) for gain in values]), strict=True))
    if mistake == "one a layer":
        for name, mask in kept.items():
            mask[gains[name].abs().argmax()] |= not mask.any()
    return {name: ~kept[name] if mistake == "inverted" else kept[name] for name in gains}


def _factor_in_a_loop(schedule: Phases, baseline: Phases, zeros_are_free: bool) -> float:
    costs = []
    for phases in (baseline, schedule):
        cost = 0.0
        for epochs, density in phases:
            cost += epochs * density if zeros_are_free else epochs
        costs.append(cost)
    return costs[0] / costs[1]


def _factor_by_power(schedule: Phases, baseline: Phases, zeros_are_free: bool) -> float:
    def cost(phases: Phases) -> float:
        return sum(epochs * density ** int(zeros_are_free) for epochs, density in phases)

    return cost(baseline) / cost(schedule)


def _priced(schedule: Phases, baseline: Phases, zeros_are_free: bool, *, mistake: str) -> float:
    """The factor with one thing wrong."""
    if mistake == "baseline alone":  # the last phase of the baseline
        baseline = baseline[-1:]
    if mistake == "baseline's first":
        baseline = baseline[:1]
    if mistake in ("first phases", "last phases"):
        part = slice(1) if mistake == "first phases" else slice(-1, None)
        schedule, baseline = schedule[part], baseline[part]
    free = pick(mistake, {"always": True, "never": False, "inverted": not zeros_are_free}, zeros_are_free)

    def cost(phases: Phases, free: bool) -> float:
        if mistake == "set":
            phases = list(set(phases))
        if mistake == "dict":
            phases = list(dict(phases).items())
        epochs, densities = ([phase[i] for phase in phases] for i in (0, 1))
        if mistake == "no epochs":
            epochs = [1] * len(phases)
        elif mistake == "mean density":
            densities = [_mean(densities)] * len(phases)
        elif mistake == "products":
            densities = [math.prod(densities[: i + 1]) for i in range(len(densities))]
        dense = [float(d > 0) if mistake == "empty is free" else 1.0 for d in densities]
        return sum(e * d for e, d in zip(epochs, densities if free else dense, strict=True))

    searched = pick(
        mistake,
        {
            "without the search": schedule[-1:],
            "without the first": schedule[1:],
            "the search alone": schedule[:1],
            "two phases": schedule[:2],
        },
        schedule,
    )
    ours = cost(searched, free)
    theirs = cost(baseline, pick(mistake, {"baseline dense": False, "baseline free": True}, free))
    ends = {
        "upside down": ours / theirs,
        "saved": 1 - ours / theirs,
        "difference": theirs - ours,
        "whole": float(theirs // ours),
        "percent": 100 * theirs / ours,
    }
    return pick(mistake, ends | _rounded(theirs / ours), theirs / ours)


EXERCISES = (
    Exercise(
        id="09.1",
        reference=mask_distance,
        cases=(
            Case(({"w": _bits("1010")}, {"w": _bits("1100")}), "Two of four entries differ."),
            Case(({"w": _bits("1010")}, {"w": _bits("1010")}), "The same mask twice."),
            Case(({"w": _bits("1010")}, {"w": _bits("0101")}), "No entry agrees."),
            Case(
                ({"w": _bits("1110")}, {"w": _bits("1000")}), "One mask keeps three entries, the other one."
            ),
            Case(
                (
                    {"a": _bits("10"), "b": _bits("11001100")},
                    {"a": _bits("01"), "b": _bits("11001100")},
                ),
                "A layer of two entries that all differ, and a layer of eight that all agree.",
            ),
            Case(
                (
                    {"a": _bits("110", "001"), "b": _bits("1000", "0000")},
                    {"a": _bits("011", "001"), "b": _bits("0000", "0001")},
                ),
                "Tensors with rows and columns.",
            ),
            Case(({"w": _bits("0000")}, {"w": _bits("0000")}), "Neither mask keeps anything."),
            Case(({"w": _bits("0000")}, {"w": _bits("0100")}), "One mask keeps nothing."),
            Case(
                ({"a": _bits("10"), "b": _bits("01")}, {"b": _bits("01"), "a": _bits("10")}),
                "Equal masks whose names stand in another order.",
            ),
            Case(
                (
                    {"a": _bits("1000"), "b": _bits("11"), "c": _bits("1010")},
                    {"a": _bits("0000"), "b": _bits("00"), "c": _bits("1010")},
                ),
                "Three layers: a quarter differs, everything differs, nothing differs.",
            ),
            Case(
                (
                    {"a": _bits("1000"), "b": _bits("01")},
                    {"a": _bits("0000"), "b": _bits("11")},
                ),
                "Two layers; in the larger one the smaller share of the entries differs.",
            ),
            Case(
                ({"c": _kernel("110100101101")}, {"c": _kernel("100100111100")}),
                "The kernel of a convolution, with four dimensions.",
            ),
            Case(
                (
                    {"w": _bits("101"), "scale": torch.tensor(True)},
                    {"w": _bits("101"), "scale": torch.tensor(False)},
                ),
                "A tensor without dimensions is one entry; here it is the one that differs.",
            ),
        ),
        hints=(
            "Two masks differ in an entry where one is True and the other is False; != compares entry by entry.",
            "Count the differing entries over all layers, and count all entries over all layers. Divide at the end.",
            "differ = sum((one[n] != other[n]).sum().item() for n in one); divide it by the sum of one[n].numel().",
        ),
        misconceptions=variants(
            _differing,
            {
                "mean of layers": "This is the mean of the layers' distances, so a small layer weighs as much as a large "
                "one; count entries over the whole network.",
                "first layer": "You return after the first layer; count all layers, and divide once after the loop.",
                "last layer alone": "This is the distance of the last layer alone; count all layers, and divide once after "
                "the loop.",
                "largest layer": "This is the largest of the layers' distances; count entries over the whole network.",
                "last layer": "You divide by the size of the last layer; add up the sizes of all layers.",
                "rows": "You divide by the number of rows, which is what len gives for a matrix; count entries.",
                "first sizes": "You take shape[0] for the number of entries; it is one of the sizes only. numel() counts "
                "entries.",
                "two sizes": "You take shape[0] * shape[1] for the number of entries, which is right for matrices only; "
                "numel() counts the entries of any shape.",
                "changed layers": "You leave layers that agree out of the number of entries; their entries count too.",
                "by position": "You pair the layers by their place in the two dicts; pair them by name.",
                "count": "This is the number of entries that differ; divide it by the number of all entries.",
                "agreement": "This is the fraction of entries that agree; the distance is what is left, 0 for equal masks.",
                "either": "You divide by the entries that either mask keeps (the Jaccard distance); here one divides by all "
                "entries.",
                "kept": "You divide by the entries that the first mask keeps; here one divides by all entries.",
                "one way": "You count only what the first mask keeps and the second does not; the other way round is a "
                "difference too.",
                "one way twice": "You count what the first mask keeps and the second does not, and double it. The other way "
                "round can be another number, when the masks keep unequally many.",
                "how many": "You compare how many entries are kept, not which ones; two masks of one density can differ "
                "everywhere.",
                "how many in each": "You compare how many entries each layer keeps, not which ones; two masks of one "
                "density can differ everywhere.",
                "root": "You take the square root of the count, as for a length; here it is the count itself.",
                "changed layers alone": "You ask for each layer only whether anything in it differs; count the entries that "
                "differ.",
                "percent": "This is the distance in percent; here it is a fraction from 0 to 1.",
            }
            | _told_to_round("the distance"),
        ),
        alternatives=(_distance_joined, _distance_counted, _distance_by_entry),
        difficulty="easy",
        lines=2,
        minutes=6,
        told={"0-D, 1-D, 2-D, 4-D": "The tensors may have any shape, but each has at least one entry"},
        absent={
            "empty tensor": "the text says that each tensor has an entry",
            "ties": "nothing is chosen or ranked",
            "empty dict": "a network has at least one tensor",
        },
    ),
    Exercise(
        id="09.2",
        reference=early_bird_epoch,
        cases=(
            Case((_apart(0, 0, 0), 3, 0.1), "Three equal masks and a window of three."),
            Case((_apart(0, 0), 3, 0.1), "The training ends before the window is full."),
            Case((_apart(0, 0.5, 0.5, 0.5), 3, 0.1), "The first mask is far from the others."),
            Case((_apart(0, 0.5, 0, 0.5), 3, 0.1), "The masks never settle."),
            Case(
                (_apart(0, 0.06, 0.12, 0.18, 0.24), 3, 0.1),
                "Each mask is near the one before, and they drift.",
                point=True,
            ),
            Case(
                (_apart(0, 0.16, 0.08), 3, 0.1),
                "The two old masks are far apart; the newest lies between them.",
            ),
            Case((_apart(0, 0.08, -0.08), 3, 0.1), "The oldest mask lies between the two others."),
            Case((_apart(0, 0.25, 0.25), 3, 0.25), "A distance equals the threshold.", tags=("limit",)),
            Case(
                (_apart(0, 0.249999), 2, 0.25),
                "The distance is smaller than the threshold by a millionth.",
            ),
            Case((_apart(0, 0.2, 0.2), 3, 0.3), "A larger threshold."),
            Case((_apart(0, 0.5, 0.5, 0.2), 2, 0.1), "A window of two."),
            Case(
                (_apart(0, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3), 5, 0.1),
                "A window of five; the first mask is far away.",
            ),
            Case(
                (_apart(0, 0, 0, 0.5, 0.5, 0.5), 3, 0.1),
                "The masks settle, move once more, and settle again.",
            ),
            Case((_apart(0, 0, 0.5, 0.5), 3, 0.1), "Two and two are equal."),
            Case((_apart(0, 0.5, 0, 0), 3, 0.1), "The second mask is far from the three others."),
            Case(
                (_apart(0, 0.16, 0.16, 0.08), 3, 0.1),
                "The fourth mask lies between the first and the other two.",
            ),
            Case(
                (_apart(0, 0.16, 0.5, 0.08), 2, 0.1),
                "The fourth mask lies between the first two and is far from the third.",
            ),
            Case(
                ([[0.0, 0.7, 0.1], [0.7, 0.0, 0.1], [0.1, 0.1, 0.0]], 2, 0.7),
                "The first distance equals the threshold of 0.7.",
                tags=("limit",),
            ),
            Case(([], 3, 0.1), "No epoch at all."),
        ),
        hints=(
            "Walk through the epochs. The first one at which a window can be full is number `window`, row window - 1.",
            "For the row of the newest mask look at the window - 1 entries left of the diagonal. All must be < threshold.",
            "all(matrix[t][j] < threshold for j in range(t - window + 1, t)): return t + 1. After the loop: return None.",
        ),
        misconceptions=variants(
            _stop,
            {
                "neighbours": "You compare each mask with the one before it. A slow drift passes that; compare the newest "
                "with every mask in the window.",
                "distances": "You compare each mask with the one before it, and `window` times. A slow drift passes that; "
                "compare the newest with the window - 1 masks before it.",
                "all pairs": "You compare all pairs in the window; here only the newest mask is compared with the others.",
                "from the oldest": "You compare the oldest mask in the window with those after it; compare the newest with "
                "those before it.",
                "oldest alone": "You compare the newest mask with the oldest in the window only; each of those between "
                "counts too.",
                "newest pair": "You compare the newest mask with the one before it only; compare it with every mask in the "
                "window.",
                "shorter": "Your window is shorter by one: you leave out its oldest mask.",
                "longer": "Your queue is longer by one: with a window of 5 the newest mask has 4 others beside it, not 5.",
                "all before": "You compare the newest mask with all masks before it; only those in the window count.",
                "mean": "You compare the mean of the distances with the threshold; each single one must be below it.",
                "any": "You stop when one of the distances is small; all of them must be.",
                "equal": "A distance that equals the threshold passes yours; it must be below.",
                "rounded": "You round the distances before you compare them; compare them as they are.",
                "one late": "This is one epoch too late: epochs count from 1, so it is the row of the newest mask plus 1.",
                "row": "This is the row of the matrix; epochs count from 1, so the epoch is one more.",
                "oldest": "This is the oldest epoch in the window; at that time nobody could know. The ticket is drawn at "
                "the newest.",
                "before it is full": "You do not wait until the window is full; before that, few distances are there to be "
                "large.",
                "one short": "You never look at the last epoch; the rule may fire there too.",
                "last if none": "If the rule never fires you return the last epoch; that hides that there is no ticket. "
                "Return None.",
                "0 if none": "If the rule never fires you return 0; return None.",
                "-1 if none": "If the rule never fires you return -1; return None.",
                "first window": "You look at the first full window only; if the rule does not fire there, go on to the next "
                "epoch.",
                "first of the row": "You compare the newest mask with the first masks of the training; compare it with those "
                "just before it.",
                "farther": "Your comparison is the other way round: the distances must be below the threshold.",
                "window of 3": "You take a window of 3, whatever `window` says.",
                "window of 5": "You take a window of 5, whatever `window` says.",
                "threshold of 0.1": "You compare with 0.1, whatever `threshold` says.",
                "last": "This is the last epoch at which the rule holds; a training that stops ends at the first.",
            },
        ),
        alternatives=(_stop_with_max, _stop_with_queue),
        difficulty="medium",
        lines=4,
        minutes=12,
        told={
            "limit": "A distance that equals the threshold is too large",
            "empty list": "The matrix may have no row at all",
        },
        absent={
            "ties": "the first epoch is the answer, so no two compete",
            "NaN": "distances of masks are numbers",
        },
    ),
    Exercise(
        id="09.3",
        reference=random_distance,
        cases=(
            Case(({"w": _bits("1100")},), "One layer, half of it kept."),
            Case(({"w": _bits("1000")},), "One layer, a quarter of it kept."),
            Case(
                ({"a": _bits("1100"), "b": _bits("1000")},), "Two layers of equal size and unequal density."
            ),
            Case(
                ({"a": _bits("10"), "b": _bits("1000000000")},),
                "A small layer, half kept, and a large one of which a tenth is kept.",
            ),
            Case(({"w": _bits("1111")},), "All is kept, so there is only one such mask."),
            Case(({"w": _bits("0000")},), "Nothing is kept."),
            Case(({"a": _bits("1111"), "b": _bits("0000")},), "One layer whole, the other empty."),
            Case(({"a": _bits("1111"), "b": _bits("10")},), "One layer whole, the other half kept."),
            Case(
                ({"a": _bits("110", "100"), "b": _bits("11111110")},),
                "Rows and columns, and a density above a half.",
            ),
            Case(({"w": _bits("100")},), "A third of it is kept: a density with no end of digits."),
            Case(
                ({"c": _kernel("110100101101"), "w": _bits("1000")},),
                "The kernel of a convolution, with four dimensions, and a smaller layer.",
            ),
            Case(
                ({"w": _bits("10010"), "scale": torch.tensor(True)},),
                "A tensor without dimensions is a layer of one entry; it is kept.",
            ),
        ),
        hints=(
            "In one layer of density d an entry differs with probability 2d(1 - d).",
            "Work out for each layer how many of its entries differ on average: its size times 2d(1 - d).",
            "Add these numbers over the layers, and divide once by the number of all entries.",
        ),
        misconceptions=variants(
            _chance,
            {
                "overall": "You take the density of the whole network. Masks with unequal layers agree more often; take each "
                "layer's own.",
                "mean density": "You average the densities first; 2d(1 - d) belongs to each layer's own density.",
                "mean of layers": "This is the mean over layers, so a small layer weighs as much as a large one; weigh by the "
                "number of entries.",
                "first layer": "You return after the first layer; add up over all layers, and divide once after the loop.",
                "last layer": "Only the last layer counts in your answer; add up over all layers.",
                "largest layer": "This is the largest of the layers' values; add up over all layers, weighed by their sizes.",
                "half": "d(1 - d) is the probability that the first mask keeps the entry and the second does not; there are "
                "two ways.",
                "agreement": "This is how far two random masks agree; the distance is what is left.",
                "largest": "This is the largest distance that two such masks can have; random masks overlap by chance and are "
                "closer.",
                "by kept": "You weigh the layers by the entries that they keep; the distance counts removed entries as well.",
                "over kept": "You divide by the number of kept entries; divide by the number of all entries.",
                "count": "This is how many entries differ on average; divide by the number of all entries.",
                "twice": "This is twice the distance; 2d(1 - d) has both ways in it already.",
                "rows": "You take the number of rows for the size of a layer, which is what len gives; count entries.",
                "first sizes": "You take shape[0] for the size of a layer; it is one of the sizes only. numel() counts "
                "entries.",
                "two sizes": "You take shape[0] * shape[1] for the size of a layer, which is right for matrices only; "
                "numel() counts the entries of any shape.",
                "less one": "Your numbers are too large by the factor n / (n - 1), which the variance of a sample has by "
                "default; 2d(1 - d) has none.",
                "changing layers": "You leave out layers that are full or empty. No entry differs there, and all of them are "
                "entries of the network.",
                "rounded": "You round the density of a layer; keep all its digits.",
                "percent": "This is the distance in percent; here it is a fraction from 0 to 1.",
                "both keep": "2 d * d is twice the probability that both masks keep the entry; an entry differs if one keeps "
                "it and the other does not.",
                "one keeps": "The factor 1 - d is missing: an entry differs if one mask keeps it and the other does not.",
                "rows alone": "You take len(layer) for the number of its entries, which is the number of rows; numel() counts "
                "entries.",
            }
            | _told_to_round("the distance"),
        ),
        alternatives=(_random_by_counts, _random_with_tensors),
        difficulty="medium",
        lines=5,
        minutes=10,
        told={"0-D, 1-D, 2-D, 4-D": "The tensors may have any shape, but each has at least one entry"},
        absent={
            "empty tensor": "the text says that each tensor has an entry",
            "ties": "nothing is chosen or ranked",
            "empty dict": "a network has at least one tensor",
        },
    ),
    Exercise(
        id="09.4",
        reference=channels_to_keep,
        cases=(
            Case(({"bn": torch.tensor([0.9, 0.1, 0.5, 0.3])}, 0.5), "One layer, four gains."),
            Case(({"bn": torch.tensor([-0.9, 0.1, 0.5, -0.3])}, 0.5), "Gains of both signs."),
            Case(
                ({"bn": torch.full((6,), 0.5)}, 0.5),
                "All gains are 0.5, as at the start of a published network.",
                tags=("ties",),
                point=True,
            ),
            Case(
                ({"bn1": torch.tensor([0.1, 0.2]), "bn2": torch.tensor([0.9, 0.8, 0.7, 0.3])}, 0.5),
                "The gains of one layer are all smaller than those of the other.",
            ),
            Case(
                ({"bn1": torch.tensor([0.5, 0.9]), "bn2": torch.tensor([0.5, 0.1, 0.5])}, 0.6),
                "Three gains tie for two places.",
                tags=("ties",),
            ),
            Case(
                ({"bn": torch.tensor([0.5, -0.5, -0.5, 0.5])}, 0.5),
                "Four gains of one size, two of them negative.",
                tags=("ties",),
            ),
            Case(
                ({"bn1": torch.tensor([0.5, 0.5]), "bn2": torch.tensor([0.5, 0.5])}, 0.5),
                "Four equal gains in two layers: the index counts through all layers.",
                tags=("ties",),
            ),
            Case(
                ({"b": torch.tensor([0.5]), "a": torch.tensor([0.5])}, 0.5),
                "Two equal gains; the names do not stand in alphabetical order.",
                tags=("ties",),
            ),
            Case(({"bn": torch.tensor([0.3, 0.2, 0.1])}, 1.0), "All channels stay.", tags=("limit",)),
            Case(({"bn": torch.tensor([0.3, 0.2, 0.1])}, 0.0), "No channel stays.", tags=("limit",)),
            Case(({"bn": torch.tensor([0.3, 0.2, 0.1])}, 0.4), "1.2 channels, which rounds to 1."),
            Case(({"bn": torch.tensor([0.3, 0.2, 0.1])}, 0.5), "1.5 channels, which rounds to 2."),
            Case(
                ({"bn": torch.tensor([0.5, 0.4, 0.3, 0.2, 0.1])}, 0.5),
                "2.5 channels, which Python's round makes 2.",
            ),
            Case(
                ({"bn": torch.arange(1, 12).float()}, 0.7),
                "Seventy percent of eleven channels are 7.7, which rounds to 8.",
            ),
            Case(
                ({"bn": torch.tensor([0.5, -0.25, 0.75, 0.5], dtype=torch.float16)}, 0.25),
                "Gains in float16.",
            ),
            Case(
                ({"bn": torch.tensor([1.00001, 1.0, 0.5, 0.25])}, 0.25),
                "Two gains in float32 that differ in their fifth digit.",
            ),
            Case(
                ({"bn": torch.tensor([0.00002, 0.00001], dtype=torch.float16)}, 0.5),
                "Two gains in float16, so near to 0 that their squares are 0.",
            ),
            Case(
                ({"bn": torch.tensor([1 + 1e-12, 1.0, 0.5, 0.25], dtype=torch.float64)}, 0.25),
                "Two gains in float64 that differ in their twelfth digit.",
            ),
            Case(
                (
                    {
                        "a": torch.tensor([0.1]),
                        "b": torch.tensor([0.9, 0.2]),
                        "c": torch.tensor([0.8, 0.3, 0.05]),
                    },
                    0.5,
                ),
                "Three layers of unequal size.",
            ),
            Case(
                ({"bn1": torch.tensor([0.2, 0.4, 0.6]), "bn2": torch.tensor([0.3, 0.5])}, 0.2),
                "Only one of five channels stays.",
            ),
            Case(
                ({"bn": torch.ones(40)}, 0.75),
                "Forty equal gains, so many that not every sort leaves them in their order.",
                tags=("ties",),
            ),
        ),
        hints=(
            "Put the absolute gains of all layers into one tensor, rank them there, and cut the result up again.",
            "Do not compare with a threshold: equal gains make the count wrong. Sort positions, and remove so many.",
            "flat.argsort(stable=True)[: len(flat) - round(density * len(flat))] are the places that go; split by len(gain).",
        ),
        misconceptions=variants(
            _channels,
            {
                "above": "You keep what is above a threshold that is itself one of the gains: one channel too few, and none "
                "if all gains are equal.",
                "published": "This is the rule of the published code. Its threshold is itself one of the gains, so it keeps "
                "one channel too few, and none if all gains are equal.",
                "published, capped": "This is the rule of the published code, with a limit for its index. The threshold is "
                "itself one of the gains: one channel too few stays, and none if all gains are equal.",
                "at least": "You keep what equals the threshold, too: with equal gains too many channels stay.",
                "equals go": "Your threshold is the largest gain that goes. All that equal it go too, so that with equal gains "
                "too few stay.",
                "smallest": "You keep the channels of the smallest gains; those of the largest stay.",
                "squares": "You rank squares, and the squares of small gains are 0, so that gains that differ become equal; "
                "take absolute values.",
                "equals stay": "Your threshold is the smallest gain that stays. All that equal it stay too, so that with "
                "equal gains there are too many.",
                "minus 0": "Where no channel should stay all do: a slice [-0:] is the whole, because -0 is 0.",
                "first of equals": "The count is right, but among equal gains you keep the first; the one with the lowest "
                "index is removed first.",
                "place in the layer": "Among equal gains you compare places inside the layers; the index counts through all "
                "layers.",
                "sorted": "You sort the names of the layers; among equal gains the order of the dict decides.",
                "signed": "You rank gains with their sign. A gain of -0.9 scales its channel as much as one of 0.9.",
                "float16": "You rank the gains in float16, in which gains that differ can become equal; rank them in their "
                "own type.",
                "float32": "You rank float64 gains in float32, in which gains that differ can become equal; rank them in "
                "their own type.",
                "rounded": "You round the gains before you rank them; rank them as they are.",
                "each layer": "You rank each layer by itself; network slimming ranks the channels of all layers together.",
                "shares": "You divide the gains by the largest of their layer; here they are ranked as they are.",
                "one a layer": "You keep at least one channel in each layer. The library does that too, but here only the "
                "gains decide.",
                "density removed": "You remove the fraction `density`; density is the fraction that stays.",
                "inverted": "Your mask is the other way round: True is a channel that stays.",
                "cut off": "You cut the number of channels off at the point; `round` it.",
                "up": "You round the number of channels up; `round` goes to the nearest whole number.",
                "half up": "You round a half up. Python's `round` takes the even neighbour, so that 2.5 becomes 2.",
                "removed rounded": "You round the number of channels that go; the number that stay is rounded.",
            },
        ),
        alternatives=(_channels_sorted, _channels_flipped),
        difficulty="medium",
        lines=4,
        minutes=12,
        told={
            "1-D": "a tensor of gains, one for each channel",
            "float16, float64": "Gains are float tensors",
            "ties": "Among gains of equal size",
            "limit": "The density may be 0 or 1",
        },
        absent={
            "0-D, 2-D, 4-D": "the text says one gain for each channel",
            "empty tensor": "a layer has at least one channel",
            "NaN": "gains are numbers that can be ranked",
            "empty dict": "a network has at least one layer",
        },
    ),
    Exercise(
        id="09.5",
        reference=cost_factor,
        cases=(
            Case(
                ([(5, 1.0), (15, 0.1)], [(20, 1.0)], True),
                "Five dense epochs, then the ticket; against dense training.",
            ),
            Case(
                ([(5, 1.0), (15, 0.1)], [(20, 1.0)], False),
                "The same where a 0 is multiplied like any number.",
            ),
            Case(
                ([(5, 1.0), (15, 0.1)], [(20, 1.0), (20, 0.1)], True),
                "Against a ticket that is drawn after the whole training and trained again.",
            ),
            Case(([(5, 1.0), (15, 0.1)], [(20, 1.0), (20, 0.1)], False), "The same where zeros cost."),
            Case(
                ([(5, 1.0), (15, 0.1)], [(20, 0.1)], True),
                "Against a mask that is there before any training.",
            ),
            Case(([(20, 0.5)], [(20, 0.5)], True), "A schedule against itself."),
            Case(
                ([(8, 1.0), (12, 0.5)], [(20, 1.0), (20, 0.8), (20, 0.64)], True),
                "Against three rounds of pruning.",
            ),
            Case(
                ([(5, 1.0), (5, 0.5), (5, 0.5), (5, 0.1)], [(20, 1.0)], True),
                "A schedule of four phases, of which two are equal.",
            ),
            Case(([(5, 1.0), (5, 0.0)], [(20, 1.0)], False), "A phase of density 0, where zeros cost."),
            Case(([(7, 1.0), (23, 0.3)], [(13, 0.7), (11, 0.2)], True), "Numbers that are not round."),
        ),
        hints=(
            "The cost of a phase is its epochs times the cost of one epoch; a schedule costs the sum of its phases.",
            "An epoch costs its density if zeros are free, and 1 if they are not; the same holds for the baseline.",
            "sum(epochs * (density if zeros_are_free else 1) for epochs, density in phases), for both; baseline / schedule.",
        ),
        misconceptions=variants(
            _priced,
            {
                "upside down": "This is the inverse: a factor above 1 says that the baseline costs more.",
                "saved": "This is the fraction that is saved; the factor is baseline divided by schedule.",
                "without the search": "You leave out the epochs in which the ticket was searched for; they were trained, "
                "too, and densely.",
                "without the first": "You leave out the first phase of the schedule; it was trained, too.",
                "the search alone": "You count the first phase of the schedule only; add up all of them.",
                "two phases": "You count the first two phases of the schedule only; there may be more.",
                "baseline alone": "You count the last phase of the baseline only; add up all of them.",
                "baseline's first": "You count the first phase of the baseline only; add up all of them.",
                "first phases": "You count the first phase of each list only; is there a `return` inside the loop?",
                "last phases": "You count the last phase of each list only; add up all of them.",
                "difference": "This is how many operations are saved; the factor is baseline divided by schedule.",
                "always": "You always count zeros as free; on hardware that multiplies them an epoch costs 1, whatever its "
                "density.",
                "never": "You never count zeros as free, so density plays no part.",
                "inverted": "Your switch is the other way round: an epoch costs its density if zeros are free.",
                "baseline dense": "You count zeros as free for the schedule and not for the baseline; the same hardware runs "
                "both.",
                "baseline free": "You always count zeros as free for the baseline; the same hardware runs both.",
                "empty is free": "For you an epoch of density 0 costs nothing even where zeros cost; there every epoch costs "
                "1.",
                "set": "You count equal phases once (a set does that); each of them is trained.",
                "dict": "You make a dict of the phases, in which those with equal epochs replace each other; each counts.",
                "no epochs": "You leave out the epochs; a phase costs its epochs times the cost of one.",
                "mean density": "You multiply all epochs by the mean density; a long phase counts more than a short one.",
                "products": "You multiply the densities of the phases; each is a fraction of the dense network.",
                "whole": "You cut the factor off at the point, as // and int() do; return it as it is.",
                "percent": "This is the factor in percent; return the factor itself.",
            }
            | _told_to_round("the factor"),
        ),
        alternatives=(_factor_in_a_loop, _factor_by_power),
        difficulty="easy",
        lines=5,
        minutes=8,
        absent={
            "ties": "nothing is chosen or ranked",
            "NaN": "epochs and densities are numbers",
            "empty list": "a schedule has at least one phase",
        },
    ),
)

QUESTIONS = (
    Question(
        "09.Q1",
        "Every mask differs from the one before it by 0.04, always in other entries. What does a rule say that only compares "
        "neighbours?",
        (
            Option(
                "That the masks are stable, although after ten epochs the mask can be quite another one.",
                True,
                "Small steps add up. That is why the newest mask is compared with all masks in the window.",
            ),
            Option(
                "That the masks are not stable, because they change in every epoch.",
                False,
                "The rule asks whether the change is below the threshold, and 0.04 is below 0.1.",
            ),
            Option(
                "Nothing, because such a sequence cannot exist.",
                False,
                "It can: a training with a constant learning rate does something like it.",
            ),
        ),
    ),
    Question(
        "09.Q2",
        "Masks of density 0.03 have distances of 0.05 in the whole window. What follows?",
        (
            Option(
                "The masks are stable, because 0.05 is below 0.1.",
                False,
                "Two random masks of this density differ by 2 x 0.03 x 0.97, which is 0.058. They would pass as well.",
            ),
            Option(
                "Nearly nothing: random masks of this density are hardly farther apart.",
                True,
                "0.05 is most of 0.058. A distance means something only beside the distance that chance gives.",
            ),
            Option(
                "The masks are wrong: a distance cannot be larger than the density.",
                False,
                "It can be up to twice the density, if two masks keep quite different entries.",
            ),
        ),
    ),
    Question(
        "09.Q3",
        "All arms of the experiment start from the weights of the same epoch and are trained for equally many steps. Why?",
        (
            Option(
                "So that all arms cost the same.",
                False,
                "They do not: to know the late mask one has to train to the end first.",
            ),
            Option(
                "So that only the mask differs between them.",
                True,
                "If the late mask had the late weights as well, one would not know which of the two made the difference.",
            ),
            Option(
                "Because the late mask can only be applied to early weights.",
                False,
                "It can be applied to any weights of this network. The question decides which ones.",
            ),
        ),
    ),
    Question(
        "09.Q4",
        "A paper reports ten times less energy than a lottery ticket that was found by iterative pruning. The answer to which "
        "question changes this factor most?",
        (
            Option(
                "Whether ten times is the mean or the maximum.",
                False,
                "This changes it a little. In the table above, another rival changes a factor of more than ten into one below one.",
            ),
            Option(
                "Which graphics card was used.",
                False,
                "Both sides of the comparison run on it. What they are compared with changes the factor more.",
            ),
            Option(
                "What the factor is against training the dense network once, and against the cheapest rival.",
                True,
                "Iterative pruning is the most expensive baseline of all; against it nearly everything is cheap.",
            ),
        ),
    ),
)
