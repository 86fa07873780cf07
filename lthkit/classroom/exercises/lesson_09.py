"""Exercises of lesson 09, Early-Bird tickets: distance of masks, when to stop, what chance gives, channels, the price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor

from lthkit.classroom.exercises import Case, Exercise, Misconception, Option, Question

Masks = Mapping[str, Tensor]
Matrix = Sequence[Sequence[float]]
Phases = Sequence[tuple[float, float]]


def mask_distance(one: Masks, other: Masks) -> float:
    """The fraction of all entries of the network in which two masks differ (You et al. 2020, section 3.2).

    Args:
        one, other: parameter name -> bool tensor, with equal names and shapes.
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
        name -> bool tensor [channels]. Among equal gains the one with the lowest flat index goes first.
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


def _counts(one: Masks, other: Masks) -> tuple[int, int, int, int, int]:
    """Entries, different, only in one, kept in one, kept in either."""
    a, b = (torch.cat([m[name].flatten() for name in one]) for m in (one, other))
    return len(a), int((a ^ b).sum()), int((a & ~b).sum()), int(a.sum()), int((a | b).sum())


def _layer_mean(one: Masks, other: Masks) -> float:
    return sum((one[n] != other[n]).float().mean().item() for n in one) / len(one)


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


def _stop_neighbours(matrix: Matrix, window: int, threshold: float) -> int | None:
    for t in range(window - 1, len(matrix)):
        if all(matrix[k][k - 1] < threshold for k in range(t - window + 2, t + 1)):
            return t + 1
    return None


def _stop_pairs(matrix: Matrix, window: int, threshold: float) -> int | None:
    for t in range(window - 1, len(matrix)):
        if all(matrix[i][j] < threshold for i, j in combinations(range(t - window + 1, t + 1), 2)):
            return t + 1
    return None


def _stop_equal(matrix: Matrix, window: int, threshold: float) -> int | None:
    for t in range(window - 1, len(matrix)):
        if all(matrix[t][old] <= threshold for old in range(t - window + 1, t)):
            return t + 1
    return None


def _stop_early(matrix: Matrix, window: int, threshold: float) -> int | None:
    for t in range(1, len(matrix)):
        if all(matrix[t][old] < threshold for old in range(max(0, t - window + 1), t)):
            return t + 1
    return None


def _stop_any(matrix: Matrix, window: int, threshold: float) -> int | None:
    for t in range(window - 1, len(matrix)):
        if any(matrix[t][old] < threshold for old in range(t - window + 1, t)):
            return t + 1
    return None


def _shifted(matrix: Matrix, window: int, threshold: float, by: int) -> int | None:
    epoch = early_bird_epoch(matrix, window, threshold)
    return None if epoch is None else epoch + by


def _stop_last(matrix: Matrix, window: int, threshold: float) -> int | None:
    fired = [
        t + 1
        for t in range(window - 1, len(matrix))
        if all(matrix[t][old] < threshold for old in range(t - window + 1, t))
    ]
    return max(fired, default=None)


def _densities(mask: Masks) -> tuple[list[int], list[float]]:
    return [m.numel() for m in mask.values()], [int(m.sum()) / m.numel() for m in mask.values()]


def _random_by_counts(mask: Masks) -> float:
    kept = [(int(m.sum()), m.numel()) for m in mask.values()]
    return sum(2 * k * (n - k) / n for k, n in kept) / sum(n for _, n in kept)


def _random_with_tensors(mask: Masks) -> float:
    n = torch.tensor([m.numel() for m in mask.values()], dtype=torch.float64)
    d = torch.stack([m.double().mean() for m in mask.values()])
    return float((n * (1 - d**2 - (1 - d) ** 2)).sum() / n.sum())


def _random_overall(mask: Masks) -> float:
    n, d = _densities(mask)
    overall = sum(a * b for a, b in zip(n, d, strict=True)) / sum(n)
    return 2 * overall * (1 - overall)


def _random_largest(mask: Masks) -> float:
    n, d = _densities(mask)
    return sum(a * 2 * min(b, 1 - b) for a, b in zip(n, d, strict=True)) / sum(n)


def _random_layer_mean(mask: Masks) -> float:
    _, d = _densities(mask)
    return sum(2 * b * (1 - b) for b in d) / len(d)


def _random_by_kept(mask: Masks) -> float:
    n, d = _densities(mask)
    kept = [a * b for a, b in zip(n, d, strict=True)]
    return sum(k * 2 * b * (1 - b) for k, b in zip(kept, d, strict=True)) / max(1.0, sum(kept))


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


def _channels_over_threshold(gains: Masks, density: float, *, equal: bool) -> dict[str, Tensor]:
    flat = torch.cat([g.abs() for g in gains.values()])
    at = min(len(flat) - 1, len(flat) - round(density * len(flat)))
    limit = flat.sort().values[at]
    return _split_like(gains, flat >= limit if equal else flat > limit)


def _channels_first_of_ties(gains: Masks, density: float) -> dict[str, Tensor]:
    flat = torch.cat([g.abs() for g in gains.values()])
    keep = torch.zeros(len(flat), dtype=torch.bool)
    keep[flat.argsort(descending=True, stable=True)[: round(density * len(flat))]] = True
    return _split_like(gains, keep)


def _channels_signed(gains: Masks, density: float) -> dict[str, Tensor]:
    flat = torch.cat(list(gains.values()))
    keep = torch.ones(len(flat), dtype=torch.bool)
    keep[flat.argsort(stable=True)[: len(flat) - round(density * len(flat))]] = False
    return _split_like(gains, keep)


def _channels_by_layer(gains: Masks, density: float) -> dict[str, Tensor]:
    return {name: channels_to_keep({name: gain}, density)[name] for name, gain in gains.items()}


def _channels_truncated(gains: Masks, density: float) -> dict[str, Tensor]:
    total = sum(len(g) for g in gains.values())
    return channels_to_keep(gains, int(density * total) / total)


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


def _priced(schedule: Phases, baseline: Phases, ours: bool, theirs: bool) -> float:
    """Each side with zeros free or not; one epoch of the dense network is the measure between them."""
    return cost_factor([(1, 1)], baseline, theirs) * cost_factor(schedule, [(1, 1)], ours)


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
        ),
        hints=(
            "Two masks differ in an entry where one is True and the other is False; != compares entry by entry.",
            "Count the differing entries over all layers, and count all entries over all layers. Divide at the end.",
            "differ = sum((one[n] != other[n]).sum().item() for n in one); divide it by the sum of one[n].numel().",
        ),
        misconceptions=(
            Misconception(
                _layer_mean,
                "This is the mean of the layers' distances, so a small layer weighs as much as a large one; count entries "
                "over the whole network.",
            ),
            Misconception(
                lambda one, other: float(_counts(one, other)[1]),
                "This is the number of entries that differ; divide it by the number of all entries.",
            ),
            Misconception(
                lambda one, other: 1 - mask_distance(one, other),
                "This is the fraction of entries that agree; the distance is what is left, 0 for equal masks.",
            ),
            Misconception(
                lambda one, other: _counts(one, other)[1] / max(1, _counts(one, other)[4]),
                "You divide by the entries that either mask keeps (the Jaccard distance); here one divides by all entries.",
            ),
            Misconception(
                lambda one, other: _counts(one, other)[1] / max(1, _counts(one, other)[3]),
                "You divide by the entries that the first mask keeps; here one divides by all entries.",
            ),
            Misconception(
                lambda one, other: _counts(one, other)[2] / _counts(one, other)[0],
                "You count only what the first mask keeps and the second does not; the other way round is a difference too.",
            ),
            Misconception(
                lambda one, other: (
                    abs(2 * _counts(one, other)[2] - _counts(one, other)[1]) / _counts(one, other)[0]
                ),
                "You compare how many entries are kept, not which ones; two masks of one density can differ everywhere.",
            ),
        ),
        alternatives=(_distance_joined, _distance_counted),
        difficulty="easy",
        lines=2,
        minutes=6,
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
            ),
            Case(
                (_apart(0, 0.16, 0.08), 3, 0.1),
                "The two old masks are far apart; the newest lies between them.",
            ),
            Case((_apart(0, 0.25, 0.25), 3, 0.25), "A distance equals the threshold."),
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
            Case(([], 3, 0.1), "No epoch at all."),
        ),
        hints=(
            "Walk through the epochs. The first one at which a window can be full is number `window`, row window - 1.",
            "For the row of the newest mask look at the window - 1 entries left of the diagonal. All must be < threshold.",
            "all(matrix[t][j] < threshold for j in range(t - window + 1, t)): return t + 1. After the loop: return None.",
        ),
        misconceptions=(
            Misconception(
                _stop_neighbours,
                "You compare each mask with the one before it. A slow drift passes that; compare the newest with every mask "
                "in the window.",
            ),
            Misconception(
                _stop_pairs,
                "You compare all pairs in the window; here only the newest mask is compared with the others.",
            ),
            Misconception(
                _stop_equal, "A distance that equals the threshold passes yours; it must be below."
            ),
            Misconception(
                lambda matrix, window, threshold: _shifted(matrix, window, threshold, -1),
                "This is the row of the matrix; epochs count from 1, so the epoch is one more.",
            ),
            Misconception(
                lambda matrix, window, threshold: early_bird_epoch(matrix, window + 1, threshold),
                "Your queue is longer by one: with a window of 5 the newest mask has 4 others beside it, not 5.",
            ),
            Misconception(
                _stop_early,
                "You do not wait until the window is full; before that, few distances are there to be large.",
            ),
            Misconception(_stop_any, "You stop when one of the distances is small; all of them must be."),
            Misconception(
                lambda matrix, window, threshold: _shifted(matrix, window, threshold, 1 - window),
                "This is the oldest epoch in the window; at that time nobody could know. The ticket is drawn at the newest.",
            ),
            Misconception(
                lambda matrix, window, threshold: early_bird_epoch(matrix, window, threshold) or len(matrix),
                "If the rule never fires you return the last epoch; that hides that there is no ticket. Return None.",
            ),
            Misconception(
                _stop_last,
                "This is the last epoch at which the rule holds; a training that stops ends at the first.",
            ),
        ),
        alternatives=(_stop_with_max, _stop_with_queue),
        difficulty="medium",
        lines=4,
        minutes=12,
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
            Case(
                ({"a": _bits("110", "100"), "b": _bits("11111110")},),
                "Rows and columns, and a density above a half.",
            ),
        ),
        hints=(
            "In one layer of density d an entry differs with probability 2d(1 - d).",
            "Work out for each layer how many of its entries differ on average: its size times 2d(1 - d).",
            "Add these numbers over the layers, and divide once by the number of all entries.",
        ),
        misconceptions=(
            Misconception(
                _random_overall,
                "You take the density of the whole network. Masks with unequal layers agree more often; take each layer's own.",
            ),
            Misconception(
                _random_layer_mean,
                "This is the mean over layers, so a small layer weighs as much as a large one; weigh by the number of entries.",
            ),
            Misconception(
                lambda mask: random_distance(mask) / 2,
                "d(1 - d) is the probability that the first mask keeps the entry and the second does not; there are two ways.",
            ),
            Misconception(
                lambda mask: 1 - random_distance(mask),
                "This is how far two random masks agree; the distance is what is left.",
            ),
            Misconception(
                _random_largest,
                "This is the largest distance that two such masks can have; random masks overlap by chance and are closer.",
            ),
            Misconception(
                _random_by_kept,
                "You weigh the layers by the entries that they keep; the distance counts removed entries as well.",
            ),
        ),
        alternatives=(_random_by_counts, _random_with_tensors),
        difficulty="medium",
        lines=5,
        minutes=10,
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
            ),
            Case(
                ({"bn1": torch.tensor([0.1, 0.2]), "bn2": torch.tensor([0.9, 0.8, 0.7, 0.3])}, 0.5),
                "The gains of one layer are all smaller than those of the other.",
            ),
            Case(
                ({"bn1": torch.tensor([0.5, 0.9]), "bn2": torch.tensor([0.5, 0.1, 0.5])}, 0.6),
                "Three gains tie for two places.",
            ),
            Case(({"bn": torch.tensor([0.3, 0.2, 0.1])}, 1.0), "All channels stay."),
            Case(({"bn": torch.tensor([0.3, 0.2, 0.1])}, 0.0), "No channel stays."),
            Case(
                ({"bn": torch.arange(1, 12).float()}, 0.7),
                "Seventy percent of eleven channels are 7.7, which rounds to 8.",
            ),
            Case(
                ({"bn": torch.tensor([0.5, -0.25, 0.75, 0.5], dtype=torch.float16)}, 0.25),
                "Gains in float16.",
            ),
            Case(
                ({"bn1": torch.tensor([0.2, 0.4, 0.6]), "bn2": torch.tensor([0.3, 0.5])}, 0.2),
                "Only one of five channels stays.",
            ),
        ),
        hints=(
            "Put the absolute gains of all layers into one tensor, rank them there, and cut the result up again.",
            "Do not compare with a threshold: equal gains make the count wrong. Sort positions, and remove so many.",
            "flat.argsort(stable=True)[: len(flat) - round(density * len(flat))] are the places that go; split by len(gain).",
        ),
        misconceptions=(
            Misconception(
                lambda gains, density: _channels_over_threshold(gains, density, equal=False),
                "You keep what is above a threshold that is itself one of the gains: one channel too few, and none if all "
                "gains are equal.",
            ),
            Misconception(
                lambda gains, density: _channels_over_threshold(gains, density, equal=True),
                "You keep what equals the threshold, too: with equal gains too many channels stay.",
            ),
            Misconception(
                _channels_first_of_ties,
                "The count is right, but among equal gains you keep the first; the one with the lowest index goes first.",
            ),
            Misconception(
                _channels_signed,
                "You rank gains with their sign. A gain of -0.9 scales its channel as much as one of 0.9.",
            ),
            Misconception(
                _channels_by_layer,
                "You rank each layer by itself; network slimming ranks the channels of all layers together.",
            ),
            Misconception(
                lambda gains, density: channels_to_keep(gains, 1 - density),
                "You remove the fraction `density`; density is the fraction that stays.",
            ),
            Misconception(
                _channels_truncated,
                "You cut the number of channels off at the point; `round` it.",
            ),
        ),
        alternatives=(_channels_sorted, _channels_flipped),
        difficulty="medium",
        lines=4,
        minutes=12,
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
        ),
        hints=(
            "The cost of a phase is its epochs times the cost of one epoch; a schedule costs the sum of its phases.",
            "An epoch costs its density if zeros are free, and 1 if they are not; the same holds for the baseline.",
            "sum(epochs * (density if zeros_are_free else 1) for epochs, density in phases), for both; baseline / schedule.",
        ),
        misconceptions=(
            Misconception(
                lambda schedule, baseline, zeros_are_free: cost_factor(baseline, schedule, zeros_are_free),
                "This is the inverse: a factor above 1 says that the baseline costs more.",
            ),
            Misconception(
                lambda schedule, baseline, zeros_are_free: cost_factor(
                    schedule[-1:], baseline, zeros_are_free
                ),
                "You leave out the epochs in which the ticket was searched for; they were trained, too, and densely.",
            ),
            Misconception(
                lambda schedule, baseline, zeros_are_free: _priced(schedule, baseline, True, True),
                "You always count zeros as free; on hardware that multiplies them an epoch costs 1, whatever its density.",
            ),
            Misconception(
                lambda schedule, baseline, zeros_are_free: _priced(schedule, baseline, False, False),
                "You never count zeros as free, so density plays no part.",
            ),
            Misconception(
                lambda schedule, baseline, zeros_are_free: _priced(schedule, baseline, zeros_are_free, False),
                "You count zeros as free for the schedule and not for the baseline; the same hardware runs both.",
            ),
            Misconception(
                lambda schedule, baseline, zeros_are_free: (
                    1 - 1 / cost_factor(schedule, baseline, zeros_are_free)
                ),
                "This is the fraction that is saved; the factor is baseline divided by schedule.",
            ),
        ),
        alternatives=(_factor_in_a_loop, _factor_by_power),
        difficulty="easy",
        lines=5,
        minutes=8,
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
                "So that only the mask differs between them.",
                True,
                "If the late mask had the late weights as well, one would not know which of the two made the difference.",
            ),
            Option(
                "Because the late mask can only be applied to early weights.",
                False,
                "It can be applied to any weights of this network. The question decides which ones.",
            ),
            Option(
                "So that all arms cost the same.",
                False,
                "They do not: to know the late mask one has to train to the end first.",
            ),
        ),
    ),
    Question(
        "09.Q4",
        "A paper reports ten times less energy than a lottery ticket that was found by iterative pruning. What do you ask first?",
        (
            Option(
                "Whether ten times is the mean or the maximum.",
                False,
                "A good question, but not the first: the factor depends most on what it is compared with.",
            ),
            Option(
                "Which graphics card was used.",
                False,
                "It matters for energy. But first: is iterative pruning what one would otherwise do?",
            ),
            Option(
                "What the factor is against training the dense network once, and against the cheapest rival.",
                True,
                "Iterative pruning is the most expensive baseline of all; against it nearly everything is cheap.",
            ),
        ),
    ),
)
