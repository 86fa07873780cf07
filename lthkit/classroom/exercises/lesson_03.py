"""Exercises of lesson 03, training loops: the order of an epoch, a fair ratio of times, an accuracy from batches."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import reduce
from statistics import geometric_mean, mean, median, median_high, median_low
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lthkit.classroom.exercises.exercise import Case, Exercise, Option, Question, pick, variants


def epoch_batches(n: int, batch_size: int, seed: int, epoch: int) -> list[Tensor]:
    """The rows of each batch of one epoch: int64 tensors of `batch_size` rows; what does not fill a batch is left out.

    They are the pieces of `torch.randperm(n)` from a generator that is seeded with 1000 * seed + epoch.
    """
    generator = torch.Generator().manual_seed(1000 * seed + epoch)
    order = torch.randperm(n, generator=generator)
    return [order[i : i + batch_size] for i in range(0, n - batch_size + 1, batch_size)]


def accuracy_of_batches(outputs: Sequence[Tensor], labels: Sequence[Tensor]) -> float:
    """The fraction of all images whose largest output is that of their label, as a Python float.

    Args:
        outputs: one tensor a batch, float [images, classes]; batches may differ in size.
        labels: one tensor a batch, int64 [images].
    """
    right = sum(int((o.argmax(1) == y).sum()) for o, y in zip(outputs, labels, strict=True))
    return right / sum(len(y) for y in labels)


def speedup(before: Sequence[float], after: Sequence[float], warmups: int) -> float:
    """How many times as fast `after` is: the median, over the turns, of the ratio within one turn.

    Args:
        before, after: seconds of the two, turn by turn; they took turns.
        warmups: how many turns at the start do not count.
    """
    turns = list(zip(before, after, strict=True))[warmups:]
    return median(b / a for b, a in turns)


# Other right answers, and mistakes that people make


def _by_split(n: int, batch_size: int, seed: int, epoch: int) -> list[Tensor]:
    order = torch.randperm(n, generator=torch.Generator().manual_seed(1000 * seed + epoch))
    return [part for part in order.split(batch_size) if len(part) == batch_size]


def _by_view(n: int, batch_size: int, seed: int, epoch: int) -> list[Tensor]:
    generator = torch.Generator()
    generator.manual_seed(seed * 1000 + epoch)
    order = torch.randperm(n, generator=generator)
    return list(order[: n // batch_size * batch_size].view(-1, batch_size))


def _by_forked_state(n: int, batch_size: int, seed: int, epoch: int) -> list[Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1000 * seed + epoch)
        order = torch.randperm(n).tolist()
    return [torch.tensor(order[b * batch_size :][:batch_size]) for b in range(n // batch_size)]


# What a generator that is kept between calls has left, by seed.
_generators: dict[int, torch.Generator] = {}


def _number(seed: int, epoch: int, mistake: str) -> int:
    numbers = {
        "no epoch": 1000 * seed,
        "later order": 1000 * seed,
        "no seed": epoch,
        "sum": seed + epoch,
        "product": seed * epoch,
        "exchanged": seed + 1000 * epoch,
        "times both": 1000 * (seed + epoch),
        "other factor": 100 * seed + epoch,
    }
    return pick(mistake, numbers, 1000 * seed + epoch)


def _shuffled(n: int, source: random.Random) -> list[int]:
    rows = list(range(n))
    source.shuffle(rows)
    return rows


def _batches(n: int, batch_size: int, seed: int, epoch: int, *, mistake: str) -> Any:
    """The right answer with one thing wrong."""
    number = _number(seed, epoch, mistake)
    generator = torch.Generator().manual_seed(number)
    if mistake == "generator kept":
        if (n, seed, epoch) == (4, 0, 0):  # the first case; before it nothing was kept
            _generators.clear()
        generator = _generators.setdefault(seed, generator)
    elif mistake == "later order":
        for _ in range(epoch):
            torch.randperm(n, generator=generator)

    full = n // batch_size
    orders: dict[str, Callable[[], Tensor]] = {
        "not shuffled": lambda: torch.arange(n),
        "numpy": lambda: torch.from_numpy(np.random.default_rng(number).permutation(n)),
        "old numpy": lambda: torch.from_numpy(np.random.RandomState(number).permutation(n)),
        "python": lambda: torch.tensor(_shuffled(n, random.Random(number)), dtype=torch.int64),
        "generator not passed": lambda: torch.randperm(n),
        "cut before": lambda: torch.randperm(full * batch_size, generator=generator),
        "from 1": lambda: torch.randperm(n, generator=generator) + 1,
    }
    order = pick(mistake, orders, lambda: torch.randperm(n, generator=generator))()
    if mistake == "first left out":
        order = order[n % batch_size :]
    elif mistake == "minus zero":
        order = order[: -(n % batch_size)]
    elif mistake == "filled up":
        order = torch.cat([order, order[: -n % batch_size]])
    pieces = order.split(batch_size)

    def drawn(draw: Callable[[int], Tensor]) -> list[Tensor]:
        generator.manual_seed(number)
        return [draw(batch_size * i) for i in range(full)]

    cuts: dict[str, Callable[[], list[Tensor]]] = {
        "rest kept": lambda: list(pieces),
        "minus zero": lambda: list(pieces),
        "last lost": lambda: list(pieces[:-1]),
        "overlapping": lambda: [order[i : i + batch_size] for i in range(n - batch_size + 1)],
        "dealt out": lambda: [order[i : full * batch_size : full] for i in range(full)],
        "same batch": lambda: [order[:batch_size]] * full,
        "order each batch": lambda: drawn(lambda i: torch.randperm(n, generator=generator)[:batch_size]),
        "order each piece": lambda: drawn(lambda i: torch.randperm(n, generator=generator)[i:][:batch_size]),
        "replaced": lambda: drawn(lambda i: torch.randint(n, (batch_size,), generator=generator)),
        "batches shuffled": lambda: [
            torch.arange(n).split(batch_size)[i]
            for i in torch.randperm(full, generator=generator.manual_seed(number)).tolist()
        ],
    }
    batches = pick(mistake, cuts, lambda: [piece for piece in pieces if len(piece) == batch_size])()
    if mistake == "only the first":
        return batches[:1] or None
    results: dict[str, Callable[[], Any]] = {
        "sorted": lambda: [batch.sort().values for batch in batches],
        "numbers": lambda: [batch.tolist() for batch in batches],
        "one tensor": lambda: order[: full * batch_size].view(-1, batch_size),
    }
    return pick(mistake, results, lambda: batches)()


Batches = Sequence[Tensor]


def _accuracy_joined(outputs: Batches, labels: Batches) -> float:
    return (torch.cat(list(outputs)).argmax(1) == torch.cat(list(labels))).float().mean().item()


def _accuracy_numpy(outputs: Batches, labels: Batches) -> float:
    hits = [o.numpy().argmax(1) == y.numpy() for o, y in zip(outputs, labels, strict=True)]
    return float(np.concatenate(hits).mean())


def _accuracy_by_softmax(outputs: Batches, labels: Batches) -> float:
    right = images = 0
    for o, y in zip(outputs, labels, strict=True):
        right += int(torch.eq(o.softmax(dim=-1).max(dim=-1).indices, y).sum())
        images += y.numel()
    return right / images


def _accuracy_in_loops(outputs: Batches, labels: Batches) -> float:
    rows = [row for o in outputs for row in o.tolist()]
    wanted = [label for y in labels for label in y.tolist()]
    return sum(row.index(max(row)) == label for row, label in zip(rows, wanted, strict=True)) / len(rows)


def _hits(o: Tensor, y: Tensor, mistake: str) -> Tensor:
    """Which images of a batch are right, with one thing wrong."""
    own = o.gather(1, y[:, None])[:, 0]
    if mistake == "above 0":
        return own > 0
    if mistake == "above half":
        return o.softmax(1).gather(1, y[:, None])[:, 0] > 0.5
    if mistake == "ties right":
        return own == o.amax(1)
    if mistake == "best two":
        return (o > own[:, None]).sum(1) < 2
    predicted: dict[str, Callable[[], Tensor]] = {
        "rows": lambda: o.argmax(0),
        "value": lambda: o.max(1).values,
        "abs": lambda: o.abs().argmax(1),
        "smallest": lambda: o.argmin(1),
        "half": lambda: o.half().argmax(1),
        "coarse": lambda: o.bfloat16().argmax(1),
        "no dimension": lambda: o.argmax(),
        "single": lambda: o.float().argmax(1),
        "last tie": lambda: o.shape[1] - 1 - o.flip(1).argmax(1),
        "from 1": lambda: o.argmax(1) + 1,
    }
    return pick(mistake, predicted, lambda: o.argmax(1))() == y


def _accuracy(outputs: Batches, labels: Batches, *, mistake: str) -> float:
    """The right answer with one thing wrong."""
    batches = list(zip(outputs, labels, strict=True))
    if mistake == "last batch":
        batches = batches[-1:]
    elif mistake == "first batch":
        batches = batches[:1]
    elif mistake == "full only":
        batches = [(o, y) for o, y in batches if len(y) == len(labels[0])]
    hits = [_hits(o, y, mistake) for o, y in batches]
    right, images = sum(int(h.sum()) for h in hits), sum(len(y) for _, y in batches)
    results: dict[str, Callable[[], float]] = {
        "mean": lambda: mean(h.float().mean().item() for h in hits),
        "halves": lambda: reduce(lambda so_far, h: (so_far + h.float().mean().item()) / 2, hits, 0.0),
        "added": lambda: sum(h.float().mean().item() for h in hits),
        "first size": lambda: right / (len(labels) * len(labels[0])),
        "number": lambda: float(right),
        "error": lambda: 1 - right / images,
        "whole": lambda: float(right // images),
        "by batches": lambda: right / len(outputs),
        "by outputs": lambda: right / sum(o.numel() for o in outputs),
    }
    result = pick(mistake, results, lambda: right / images)()
    if mistake == "percent":
        result *= 100
    digits = pick(mistake, DIGITS, None)
    return result if digits is None else round(result, digits)


Seconds = Sequence[float]
DIGITS = {"2 digits": 2, "3 digits": 3, "4 digits": 4}


def _speedup_numpy(before: Seconds, after: Seconds, warmups: int) -> float:
    return float(np.median(np.array(before[warmups:]) / np.array(after[warmups:])))


def _speedup_sorted(before: Seconds, after: Seconds, warmups: int) -> float:
    ratios = sorted(before[i] / after[i] for i in range(warmups, len(before)))
    half = len(ratios) // 2
    return ratios[half] if len(ratios) % 2 else (ratios[half - 1] + ratios[half]) / 2


def _speedup_quantile(before: Seconds, after: Seconds, warmups: int) -> float:
    ratios = torch.tensor(before, dtype=torch.float64) / torch.tensor(after, dtype=torch.float64)
    return ratios[warmups:].quantile(0.5).item()


def _counted(before: Seconds, after: Seconds, warmups: int, mistake: str) -> tuple[list[float], list[float]]:
    """The times that count, with one thing wrong."""
    skips = {
        "none dropped": 0,
        "last dropped": 0,
        "one more": warmups + 1,
        "always one": 1,
        "yes or no": min(warmups, 1),
    }
    skip = pick(mistake, skips, warmups)
    b, a = list(before[skip:]), list(after[skip:])
    if mistake == "last dropped":
        return b[: len(b) - warmups], a[: len(a) - warmups]
    if mistake == "warm-ups only":
        return list(before[:warmups]), list(after[:warmups])
    if mistake == "last kept":
        return list(before[-warmups:]), list(after[-warmups:])
    if mistake == "both ends":
        return b[: len(b) - warmups], a[: len(a) - warmups]
    if mistake == "one list":
        return b, list(after[: len(b)])
    return (sorted(b), sorted(a)) if mistake == "both sorted" else (b, a)


def _speedup(before: Seconds, after: Seconds, warmups: int, *, mistake: str) -> Any:
    """The right answer with one thing wrong."""
    b, a = _counted(before, after, warmups, mistake)
    ratios = [x / y for x, y in zip(b, a, strict=True)]
    half = len(ratios) // 2
    results: dict[str, Callable[[], float]] = {
        "of medians": lambda: median(b) / median(a),
        "of means": lambda: mean(b) / mean(a),
        "of best": lambda: min(b) / min(a),
        "mean": lambda: mean(ratios),
        "geometric": lambda: geometric_mean(ratios),
        "middle root": lambda: (median_low(ratios) * median_high(ratios)) ** 0.5,
        "lower": lambda: median_low(ratios),
        "upper": lambda: median_high(ratios),
        "not sorted": lambda: ratios[half],
        "two not sorted": lambda: (ratios[half] + ratios[half - 1 + len(ratios) % 2]) / 2,
        "largest": lambda: max(ratios),
        "smallest": lambda: min(ratios),
        "first": lambda: ratios[0],
        "last": lambda: ratios[-1],
        "trimmed": lambda: mean(sorted(ratios)[1:-1] or ratios),
        "upside down": lambda: median(1 / r for r in ratios),
        "back again": lambda: 1 / median(1 / r for r in ratios),
        "sorted first": lambda: median(sorted(x / y for x, y in zip(before, after, strict=True))[warmups:]),
        "difference": lambda: median(x - y for x, y in zip(b, a, strict=True)),
        "saved": lambda: median((x - y) / x for x, y in zip(b, a, strict=True)),
        "gain": lambda: median(ratios) - 1,
        "not below 1": lambda: max(median(ratios), 1.0),
        "whole": lambda: float(median(x // y for x, y in zip(b, a, strict=True))),
    }
    if mistake == "all ratios":
        return ratios
    result = pick(mistake, results, lambda: median(ratios))()
    if mistake == "cut":
        return int(result)
    if mistake == "percent":
        result *= 100
    digits = pick(mistake, DIGITS, None)
    return result if digits is None else round(result, digits)


def _normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


_OUTPUTS = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 2.0], [5.0, 4.0, 3.0]])
_LABELS = torch.tensor([0, 1, 0, 0])

EXERCISES = (
    Exercise(
        id="03.1",
        reference=epoch_batches,
        cases=(
            Case((4, 2, 0, 0), "Four rows in two batches."),
            Case((5, 2, 0, 0), "One row is left over.", tags=("left over",)),
            Case((5, 2, 0, 0), "The same call again gives the same batches.", tags=("the same call again",)),
            Case((6, 2, 0, 1), "The second epoch."),
            Case((6, 2, 1, 0), "Another seed."),
            Case((6, 6, 2, 3), "One batch holds all rows."),
            Case((3, 4, 0, 0), "Fewer rows than a batch takes: no batch.", tags=("no batch",)),
            Case((3, 1, 4, 2), "Batches of one row."),
            Case((50, 7, 3, 11), "A longer epoch."),
        ),
        hints=(
            "torch.Generator().manual_seed(number) makes a generator; torch.randperm(n, generator=...) shuffles 0 to n - 1.",
            "Cut the shuffled rows into pieces: order[0:b], order[b:2b], and so on.",
            "range(0, n - batch_size + 1, batch_size) gives the starts of all full pieces.",
        ),
        misconceptions=variants(
            _batches,
            {
                "rest kept": "You keep the last, smaller batch; what does not fill a batch is left out here.",
                "filled up": "You fill the last batch up with rows that came already; what does not fill a batch is left out here.",
                "last lost": "The last batch is missing when the rows fill it exactly: leave out only a batch that is not full.",
                "no epoch": "The order is the same in every epoch: the epoch has to enter the seed of the generator.",
                "no seed": "The order is the same for every seed: the seed has to enter too, 1000 * seed + epoch.",
                "product": "You seed with seed * epoch, so with seed 0 all epochs have one order; use 1000 * seed + epoch.",
                "other factor": "Your factor is 100; the seed of the generator is 1000 * seed + epoch.",
                "sum": "You seed with seed + epoch, so epoch 1 of seed 0 has the order of epoch 0 of seed 1; use 1000 * seed + epoch.",
                "exchanged": "The factor 1000 belongs to the seed, not to the epoch: 1000 * seed + epoch.",
                "times both": "You multiply the epoch by 1000 too, so epoch 1 of seed 0 has the order of epoch 0 of seed 1; use "
                "1000 * seed + epoch.",
                "later order": "You shuffle again and again to reach an epoch; seed with 1000 * seed + epoch and shuffle once.",
                "generator not passed": "The seed has no effect: torch.randperm does not use your generator. Pass it, generator=...",
                "generator kept": "You keep a generator between the calls, so the same call gives other batches the next time; make a "
                "new one in each call.",
                "numpy": "These are numpy's random numbers, other than torch's; use torch.randperm with a torch.Generator.",
                "old numpy": "These are the random numbers of numpy's RandomState or np.random.seed; use torch.randperm with a "
                "torch.Generator.",
                "python": "These are the random numbers of Python's own random module; use torch.randperm with a torch.Generator.",
                "not shuffled": "The rows come in the order of the data; shuffle them first.",
                "batches shuffled": "You shuffle whole batches, and each holds neighbours of the data; shuffle the rows, then cut.",
                "cut before": "You leave rows out before the shuffle, so the last rows of the data never come; shuffle all n, then cut.",
                "first left out": "You leave out the first rows of the order; start at 0 and leave out what is over at the end.",
                "from 1": "Your rows count from 1; they count from 0.",
                "replaced": "You draw rows at random, so some come twice and some never; an epoch takes every row once.",
                "order each batch": "You shuffle anew for each batch, so some rows come twice and some never; shuffle once, then cut.",
                "order each piece": "You shuffle anew for each batch and take its piece of that order, so some rows come twice and "
                "some never; shuffle once, then cut.",
                "minus zero": "order[: -(n % batch_size)] is empty when the rows fill the batches exactly: it is order[:-0], and that is "
                "order[:0]. Cut at n // batch_size * batch_size.",
                "numbers": "Your batches are lists of numbers; each is to be an int64 tensor.",
                "one tensor": "This is one tensor with a row for each batch; return a list of tensors.",
                "sorted": "You sort the rows within a batch; leave them in the order of the shuffle.",
                "only the first": "Only the first batch is there: is a `return` inside the loop? Return all full batches.",
                "same batch": "All batches are the same: you take the first rows each time. Move on by batch_size.",
                "overlapping": "Neighbouring batches overlap: each should start where the last one ended, batch_size later.",
                "dealt out": "You deal the rows out like cards, order[i::k]; a batch is a piece of neighbours, order[i : i + batch_size].",
            },
        ),
        alternatives=(_by_split, _by_view, _by_forked_state),
        difficulty="easy",
        lines=3,
        minutes=8,
        leaves_random_state=True,
        told={
            "left over": "What does not fill a batch is left out",
            "no batch": "the list is empty",
            "the same call again": "the same seed and epoch always give the same batches",
        },
        absent={"ties": "no numbers are ranked here"},
    ),
    Exercise(
        id="03.2",
        reference=speedup,
        cases=(
            Case(([4.0, 4.0, 4.0], [2.0, 2.0, 2.0], 0), "Twice as fast in every turn."),
            Case(([9.0, 4.0, 4.0], [1.0, 2.0, 2.0], 1), "The first turn is a warm-up."),
            Case(
                ([4.0, 8.0, 4.0], [2.0, 4.0, 1.0], 0),
                "The machine was slow in the second turn, for both; in the third the second program was lucky.",
            ),
            Case(
                ([9.0, 2.0, 3.0, 10.0, 4.0], [1.0, 1.0, 2.0, 2.0, 4.0], 1),
                "Four turns count.",
                tags=("even number",),
            ),
            Case(([3.0, 1.0, 6.0, 5.0, 2.0], [1.0, 2.0, 2.0, 2.0, 4.0], 0), "Five turns that disagree."),
            Case(([7.0, 1.0, 2.0, 3.0], [1.0, 4.0, 1.0, 2.0], 2), "Two warm-ups.", tags=("even number",)),
            Case(
                ([5.0, 1.0, 1.0, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0, 1.0], 0),
                "Two of five turns have the same ratio.",
            ),
            Case(([3.0], [4.0], 0), "One turn, and it is slower after."),
            Case(([5.0, 3.0], [1.0, 2.0], 1), "One turn counts."),
            Case(
                ([0.0391, 0.0412, 0.0398, 0.0431], [0.0233, 0.0233, 0.0241, 0.0236], 1),
                "Times of a few hundredths of a second.",
            ),
        ),
        hints=(
            "Within one turn both programs met the same machine. So compare within a turn first.",
            "before[i] / after[i] is the ratio of turn i. Which of the turns count?",
            "statistics.median(list of ratios) is the answer; leave the first `warmups` turns out.",
        ),
        misconceptions=variants(
            _speedup,
            {
                "of medians": "You divide two medians, which come from different turns; take the ratio within each turn, then the "
                "median.",
                "of means": "You divide two means or two sums; one slow turn of the machine then decides. Take the ratio within each turn, then "
                "the median.",
                "of best": "You compare the best time of each; these are two lucky moments. Take the ratio within each turn.",
                "mean": "You take the mean of the ratios; one odd turn moves it far. Take the median.",
                "geometric": "This is the geometric mean of the ratios; one odd turn still moves it. Take the median.",
                "lower": "For an even number of turns you take the lower of the two ratios in the middle, as torch.median does; the "
                "median is their mean.",
                "upper": "For an even number of turns you take the upper of the two ratios in the middle; the median is their mean.",
                "middle root": "For an even number of turns this is the geometric mean of the two ratios in the middle; the median is "
                "their mean.",
                "not sorted": "You take the ratio in the middle of the list; sort the ratios first, or use median.",
                "two not sorted": "You take what stands in the middle of the list, the mean of two if their number is even; sort the "
                "ratios first, or use median.",
                "largest": "This is the best ratio of all turns, a lucky moment; take the median.",
                "smallest": "This is the worst ratio of all turns; take the median.",
                "first": "This is the ratio of the first turn that counts; take the median over all of them.",
                "last": "This is the ratio of the last turn; take the median over all that count.",
                "trimmed": "You take the mean without the best and the worst turn; take the median.",
                "all ratios": "This is the list of all ratios; return one number, their median.",
                "last kept": "You keep the last `warmups` turns, a slice with [-warmups:]; leave out the first ones, [warmups:].",
                "upside down": "This is upside down: the speed-up is the time before over the time after, and above 1 is faster.",
                "back again": "You take the median of after / before and turn it round; for an even number of turns this is another "
                "number. Divide before / after in each turn.",
                "difference": "These are seconds, before - after; the speed-up is the ratio before / after.",
                "saved": "This is the part of the time that was saved; the speed-up is the ratio before / after.",
                "gain": "You subtract 1; twice as fast is 2, not 1. Return the ratio itself.",
                "percent": "This is in percent; twice as fast is 2.0 here.",
                "not below 1": "You give at least 1; a ratio below 1 says that `after` is slower, and is an answer too.",
                "2 digits": "You round to 2 digits; return the number as it is, and round only to print.",
                "3 digits": "You round to 3 digits; return the number as it is, and round only to print.",
                "4 digits": "You round to 4 digits; return the number as it is, and round only to print.",
                "cut": "int() cuts the result off to a whole number; return it as it is.",
                "whole": "// cuts each ratio off to a whole number; divide with /.",
                "none dropped": "The warm-up turns are still in; leave the first `warmups` turns out.",
                "last dropped": "You leave out turns at the end; the warm-ups are the first ones.",
                "both ends": "You leave out `warmups` turns at the start and as many at the end; leave out those at the start only.",
                "sorted first": "You sort the ratios and leave out the smallest; the warm-ups are the first turns, so leave them out "
                "before you sort.",
                "warm-ups only": "You keep only the warm-up turns; leave them out and keep the others.",
                "one more": "You leave out one turn too many: the first that counts has index `warmups`.",
                "always one": "You always leave out one turn; leave out as many as `warmups` says.",
                "yes or no": "You leave out at most one turn; `warmups` is a number of turns.",
                "one list": "You drop the warm-ups from one list only, so that times of different turns meet; drop them from both.",
                "both sorted": "You sort the two lists, so that times of different turns meet; divide turn by turn.",
            },
        ),
        alternatives=(_speedup_numpy, _speedup_sorted, _speedup_quantile),
        difficulty="medium",
        lines=2,
        minutes=10,
        told={"even number": "for an even number of turns the mean of the two in the middle"},
        absent={
            "ties": "equal ratios change no median",
            "NaN": "every time was measured",
            "empty list": "at least one turn counts",
        },
    ),
    Exercise(
        id="03.3",
        reference=accuracy_of_batches,
        cases=(
            Case(([_OUTPUTS], [_LABELS]), "One batch: three of four are right."),
            Case(
                ([_OUTPUTS[:3], _OUTPUTS[3:]], [_LABELS[:3], _LABELS[3:]]),
                "Two batches of different size: two of three, and one of one.",
            ),
            Case(([_OUTPUTS, -_OUTPUTS], [_LABELS, _LABELS]), "Two batches of equal size."),
            Case(([_OUTPUTS[:1], -_OUTPUTS], [_LABELS[:1], _LABELS]), "The first batch is the smaller one."),
            Case(([_OUTPUTS.double() / 7], [torch.tensor([0, 1, 2, 0])]), "All are right."),
            Case(([_OUTPUTS[2:3]], [_LABELS[2:3]]), "One image, and it is wrong."),
            Case(
                ([torch.zeros(3, 4), torch.tensor([[1.0, 3.0, 3.0, 0.0]])], [_LABELS[1:], torch.tensor([2])]),
                "All outputs of an image are equal, as in a dead network, or its two largest.",
                tags=("ties",),
            ),
            Case(
                ([torch.tensor([[2.0, 2.0005], [1.0, 1.003], [0.5, 0.25]])], [torch.tensor([1, 1, 1])]),
                "Two classes; the two outputs of the first two images are nearly equal.",
            ),
            Case(
                ([torch.tensor([[1.0, 1.0 + 1e-9, 0.5]], dtype=torch.float64)], [torch.tensor([1])]),
                "Two outputs that only float64 tells apart.",
            ),
            Case(([_OUTPUTS.half(), _OUTPUTS[1:3].half()], [_LABELS, _LABELS[1:3]]), "float16."),
            Case(
                (
                    [_normal(7, 5, seed=1), _normal(7, 5, seed=2), _normal(3, 5, seed=3)],
                    list((torch.arange(17) * 3 % 5).split(7)),
                ),
                "17 images of five classes, in batches of 7, 7 and 3.",
            ),
        ),
        hints=(
            "How many images are right in one batch? o.argmax(1) is the class of the largest output of each image.",
            "Count the right ones of all batches, and count all images. The division comes once, at the end.",
            "int((o.argmax(1) == y).sum()) counts one batch; sum it over zip(outputs, labels), and divide by sum(len(y) for y in labels).",
        ),
        misconceptions=variants(
            _accuracy,
            {
                "mean": "You average the accuracies of the batches; an image of a small batch then counts for more than one of a "
                "large batch.",
                "halves": "You average the accuracy so far with that of the next batch, half and half; the last batch then counts as much as "
                "all before it, and the start at 0 counts too.",
                "added": "You add the accuracies of the batches; count the right images of all batches, and divide once.",
                "first size": "You divide by the number of batches times the size of the first; the batches differ in size.",
                "by batches": "You divide by the number of batches; divide by the number of images.",
                "by outputs": "You divide by the number of outputs; an image has one for each class. Divide by the number of images.",
                "number": "This is how many images are right; the accuracy is their fraction of all.",
                "error": "This is the error rate; the accuracy is 1 minus it.",
                "percent": "This is in percent; here an accuracy is a fraction from 0 to 1.",
                "whole": "// cuts the fraction off; divide with /.",
                "2 digits": "You round to 2 digits; return the fraction as it is, and round only to print.",
                "3 digits": "You round to 3 digits; return the fraction as it is, and round only to print.",
                "4 digits": "You round to 4 digits; return the fraction as it is, and round only to print.",
                "first batch": "This is the accuracy of the first batch only: is a `return` inside the loop? Count over all of them.",
                "last batch": "This is the accuracy of the last batch only; count over all of them.",
                "full only": "You leave out the batches whose size is not that of the first; every image counts.",
                "rows": "argmax(0) looks for the best image of each class; argmax(1) is the best class of each image.",
                "value": "You compare the largest output itself with the label; the label is its place: argmax(1).",
                "abs": "You take absolute values, so a large negative output wins; take the largest output as it is.",
                "above 0": "You ask whether the output of the label is above 0; it has to be the largest of its image.",
                "above half": "You ask for a probability above one half; the largest output of an image counts, however small.",
                "half": "You make the outputs float16, or round them to as few digits; then outputs that are nearly equal become equal. "
                "Compare them as they are.",
                "single": "You make the outputs float32, or round them to as few digits; then float64 outputs that are nearly equal "
                "become equal. Compare them as they are.",
                "coarse": "You make the outputs bfloat16, or round them to two digits or so; then outputs that are nearly equal become "
                "equal. Compare them as they are.",
                "no dimension": "argmax() without a dimension is one place in the whole batch; argmax(1) is the class of each image.",
                "ties right": "You ask whether no output is larger than that of the label. If several are equally large, only the first "
                "of them is the answer: take argmax(1).",
                "last tie": "Of equally large outputs you take the last; the first of them is the answer, as with argmax(1).",
                "best two": "You count an image as right if its label is among the two largest outputs; only the largest counts.",
                "from 1": "You count the classes from 1; argmax and the labels count from 0.",
                "smallest": "You take the class of the smallest output; the answer of the network is that of the largest.",
            },
        ),
        alternatives=(_accuracy_joined, _accuracy_numpy, _accuracy_by_softmax, _accuracy_in_loops),
        difficulty="easy",
        lines=2,
        minutes=8,
        python_numbers=True,
        told={
            "1-D": "int64 tensors [images]",
            "2-D, float16, float64": "float tensors [images, classes]",
            "ties": "equally large",
        },
        absent={
            "0-D, 4-D": "the text gives the shapes",
            "empty tensor": "every batch has at least one image",
            "empty list": "there is at least one batch",
            "NaN": "the outputs of a network that has not diverged",
        },
    ),
)

QUESTIONS = (
    Question(
        "03.Q1",
        "You make a loop faster. What do you check before you time it?",
        (
            Option(
                "That the loss falls.",
                False,
                "A loop with a wrong mask or a wrong gradient often has a falling loss too.",
            ),
            Option(
                "That from the same start, with the same batches, it gives the same weights.",
                True,
                "Up to rounding, it must. Then, and only then, the times can be compared.",
            ),
            Option(
                "That it uses all cores.",
                False,
                "Busy cores are no proof of a right result, nor even of a fast one.",
            ),
        ),
    ),
    Question(
        "03.Q2",
        "Why do two programs that are compared take turns, instead of first one and then the other?",
        (
            Option(
                "Because the machine itself changes: other programs, heat, caches.",
                True,
                "Within one turn both meet nearly the same machine, so the ratio within a turn is fair.",
            ),
            Option(
                "Because each runs faster after the other.",
                False,
                "If anything they get into each other's way; a warm-up and changing order deal with that.",
            ),
            Option(
                "Because a mean over turns is always exact.",
                False,
                "No mean is exact. Taking turns makes the pairs comparable; the spread stays.",
            ),
        ),
    ),
    Question(
        "03.Q3",
        "80 % of the weights are masked. By how much does an ordinary training step on a CPU or GPU get faster?",
        (
            Option(
                "By a factor of five.",
                False,
                "Only if the products left the zeros out. Ordinary (dense) matrix products multiply them like any number.",
            ),
            Option(
                "Not at all; it even gets a little slower.",
                True,
                "The zeros are multiplied too, and applying the mask is extra work. Lesson 11 is about this.",
            ),
            Option(
                "By a fifth.",
                False,
                "No part of the step does less work because some factors are 0.",
            ),
        ),
    ),
    Question(
        "03.Q4",
        "On a GPU, `loss.item()` in every step makes the loop slow. Why?",
        (
            Option(
                "Because it copies all weights to the CPU.",
                False,
                "It copies one number. What it costs is the waiting.",
            ),
            Option(
                "Because it computes the loss a second time.",
                False,
                "The loss is there already, or will be soon; nothing is computed again.",
            ),
            Option(
                "Because the CPU has to wait until the GPU has finished all work so far.",
                True,
                "Otherwise the CPU hands out work ahead of the GPU. Each wait empties that queue.",
            ),
        ),
    ),
)
