"""Exercises of lesson 03, training loops: the order of an epoch, a fair ratio of times, an accuracy from batches."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, median

import numpy as np
import torch
from torch import Tensor

from lthkit.classroom.exercises import Case, Exercise, Misconception, Option, Question


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


def _rest_kept(n: int, batch_size: int, seed: int, epoch: int) -> list[Tensor]:
    order = torch.randperm(n, generator=torch.Generator().manual_seed(1000 * seed + epoch))
    return list(order.split(batch_size))


def _same_every_epoch(n: int, batch_size: int, seed: int, epoch: int) -> list[Tensor]:
    return _by_split(n, batch_size, seed, 0)


def _seed_plus_epoch(n: int, batch_size: int, seed: int, epoch: int) -> list[Tensor]:
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed + epoch))
    return [part for part in order.split(batch_size) if len(part) == batch_size]


def _not_shuffled(n: int, batch_size: int, seed: int, epoch: int) -> list[Tensor]:
    return [part for part in torch.arange(n).split(batch_size) if len(part) == batch_size]


def _with_replacement(n: int, batch_size: int, seed: int, epoch: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1000 * seed + epoch)
    return [torch.randint(n, (batch_size,), generator=generator) for _ in range(n // batch_size)]


def _overlapping(n: int, batch_size: int, seed: int, epoch: int) -> list[Tensor]:
    order = torch.randperm(n, generator=torch.Generator().manual_seed(1000 * seed + epoch))
    return [order[i : i + batch_size] for i in range(n - batch_size + 1)]


Batches = Sequence[Tensor]


def _accuracy_joined(outputs: Batches, labels: Batches) -> float:
    return (torch.cat(list(outputs)).argmax(1) == torch.cat(list(labels))).float().mean().item()


def _accuracy_numpy(outputs: Batches, labels: Batches) -> float:
    hits = [o.numpy().argmax(1) == y.numpy() for o, y in zip(outputs, labels, strict=True)]
    return float(np.concatenate(hits).mean())


def _mean_of_means(outputs: Batches, labels: Batches) -> float:
    return mean((o.argmax(1) == y).float().mean().item() for o, y in zip(outputs, labels, strict=True))


def _first_size(outputs: Batches, labels: Batches) -> float:
    right = sum(int((o.argmax(1) == y).sum()) for o, y in zip(outputs, labels, strict=True))
    return right / (len(labels) * len(labels[0]))


def _number_right(outputs: Batches, labels: Batches) -> float:
    return float(sum(int((o.argmax(1) == y).sum()) for o, y in zip(outputs, labels, strict=True)))


def _error_rate(outputs: Batches, labels: Batches) -> float:
    return 1 - accuracy_of_batches(outputs, labels)


def _last_batch(outputs: Batches, labels: Batches) -> float:
    return (outputs[-1].argmax(1) == labels[-1]).float().mean().item()


def _in_percent(outputs: Batches, labels: Batches) -> float:
    return 100 * accuracy_of_batches(outputs, labels)


Seconds = Sequence[float]


def _speedup_numpy(before: Seconds, after: Seconds, warmups: int) -> float:
    return float(np.median(np.array(before[warmups:]) / np.array(after[warmups:])))


def _speedup_sorted(before: Seconds, after: Seconds, warmups: int) -> float:
    ratios = sorted(before[i] / after[i] for i in range(warmups, len(before)))
    half = len(ratios) // 2
    return ratios[half] if len(ratios) % 2 else (ratios[half - 1] + ratios[half]) / 2


def _of_medians(before: Seconds, after: Seconds, warmups: int) -> float:
    return median(before[warmups:]) / median(after[warmups:])


def _of_means(before: Seconds, after: Seconds, warmups: int) -> float:
    return mean(before[warmups:]) / mean(after[warmups:])


def _mean_ratio(before: Seconds, after: Seconds, warmups: int) -> float:
    return mean(b / a for b, a in zip(before[warmups:], after[warmups:], strict=True))


def _of_best(before: Seconds, after: Seconds, warmups: int) -> float:
    return min(before[warmups:]) / min(after[warmups:])


def _upside_down(before: Seconds, after: Seconds, warmups: int) -> float:
    return median(a / b for b, a in zip(before[warmups:], after[warmups:], strict=True))


def _warm_kept(before: Seconds, after: Seconds, warmups: int) -> float:
    return median(b / a for b, a in zip(before, after, strict=True))


_OUTPUTS = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 2.0], [5.0, 4.0, 3.0]])
_LABELS = torch.tensor([0, 1, 0, 0])

EXERCISES = (
    Exercise(
        id="03.1",
        reference=epoch_batches,
        cases=(
            Case((4, 2, 0, 0), "Four rows in two batches."),
            Case((5, 2, 0, 0), "One row is left over."),
            Case((6, 2, 0, 1), "The second epoch."),
            Case((6, 2, 1, 0), "Another seed."),
            Case((6, 6, 2, 3), "One batch holds all rows."),
            Case((3, 4, 0, 0), "Fewer rows than a batch takes: no batch."),
            Case((50, 7, 3, 11), "A longer epoch."),
        ),
        hints=(
            "torch.Generator().manual_seed(number) makes a generator; torch.randperm(n, generator=...) shuffles 0 to n - 1.",
            "Cut the shuffled rows into pieces: order[0:b], order[b:2b], and so on.",
            "range(0, n - batch_size + 1, batch_size) gives the starts of all full pieces.",
        ),
        misconceptions=(
            Misconception(
                _rest_kept,
                "You keep the last, smaller batch; what does not fill a batch is left out here.",
            ),
            Misconception(
                _same_every_epoch,
                "The order is the same in every epoch: the epoch has to enter the seed of the generator.",
            ),
            Misconception(
                _seed_plus_epoch,
                "You seed with seed + epoch, so epoch 1 of seed 0 has the order of epoch 0 of seed 1; use 1000 * seed + epoch.",
            ),
            Misconception(
                _not_shuffled,
                "The rows come in the order of the data; shuffle them first.",
            ),
            Misconception(
                _with_replacement,
                "You draw rows at random, so some come twice and some never; an epoch takes every row once.",
            ),
            Misconception(
                _overlapping,
                "Neighbouring batches overlap: each should start where the last one ended, batch_size later.",
            ),
        ),
        alternatives=(_by_split, _by_view),
        difficulty="easy",
        lines=3,
        minutes=8,
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
            Case(([9.0, 2.0, 3.0, 10.0, 4.0], [1.0, 1.0, 2.0, 2.0, 4.0], 1), "Four turns count."),
            Case(([3.0, 1.0, 6.0, 2.0, 2.0], [1.0, 2.0, 2.0, 1.0, 4.0], 0), "Five turns that disagree."),
            Case(([7.0, 5.0, 2.0, 3.0], [1.0, 1.0, 4.0, 2.0], 2), "Two warm-ups."),
        ),
        hints=(
            "Within one turn both programs met the same machine. So compare within a turn first.",
            "before[i] / after[i] is the ratio of turn i. Which of the turns count?",
            "statistics.median(list of ratios) is the answer; leave the first `warmups` turns out.",
        ),
        misconceptions=(
            Misconception(
                _of_medians,
                "You divide two medians, which come from different turns; take the ratio within each turn, then the median.",
            ),
            Misconception(
                _of_means,
                "You divide two means; one slow turn of the machine then decides. Take the ratio within each turn, then the median.",
            ),
            Misconception(
                _mean_ratio,
                "You take the mean of the ratios; one odd turn moves it far. Take the median.",
            ),
            Misconception(
                _of_best,
                "You compare the best time of each; these are two lucky moments. Take the ratio within each turn.",
            ),
            Misconception(
                _upside_down,
                "This is upside down: the speed-up is the time before over the time after, and above 1 is faster.",
            ),
            Misconception(
                _warm_kept,
                "The warm-up turns are still in; leave the first `warmups` turns out.",
            ),
        ),
        alternatives=(_speedup_numpy, _speedup_sorted),
        difficulty="medium",
        lines=2,
        minutes=10,
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
        ),
        hints=(
            "How many images are right in one batch? o.argmax(1) is the class of the largest output of each image.",
            "Count the right ones of all batches, and count all images. The division comes once, at the end.",
            "int((o.argmax(1) == y).sum()) counts one batch; sum it over zip(outputs, labels), and divide by sum(len(y) for y in labels).",
        ),
        misconceptions=(
            Misconception(
                _mean_of_means,
                "You average the accuracies of the batches; an image of a small batch then counts for more than one of a large batch.",
            ),
            Misconception(
                _first_size,
                "You divide by the number of batches times the size of the first; the batches differ in size.",
            ),
            Misconception(
                _number_right,
                "This is how many images are right; the accuracy is their fraction of all.",
            ),
            Misconception(_error_rate, "This is the error rate; the accuracy is 1 minus it."),
            Misconception(
                _last_batch, "This is the accuracy of the last batch only; count over all of them."
            ),
            Misconception(_in_percent, "This is in percent; here an accuracy is a fraction from 0 to 1."),
        ),
        alternatives=(_accuracy_joined, _accuracy_numpy),
        difficulty="easy",
        lines=2,
        minutes=8,
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
    Question(
        "03.Q4",
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
)
