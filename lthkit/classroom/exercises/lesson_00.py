"""Exercise of lesson 00, start here."""

from __future__ import annotations

import torch
from torch import Tensor

from lthkit.classroom.exercises.exercise import Case, Exercise, Misconception, Option, Question


def density(mask: Tensor) -> float:
    """The fraction of entries of a bool tensor that are True, as a float in [0, 1]."""
    return mask.sum().item() / mask.numel()


def _by_mean(mask: Tensor) -> float:
    return mask.float().mean().item()


def _in_a_loop(mask: Tensor) -> float:
    kept = 0
    for entry in mask.flatten().tolist():
        if entry:
            kept += 1
    return kept / len(mask.flatten())


EXERCISES = (
    Exercise(
        id="00.1",
        reference=density,
        cases=(
            Case(
                (torch.tensor([True, False, False, False]),),
                "One of four entries is kept.",
            ),
            Case((torch.tensor([True, True]),), "Everything is kept."),
            Case((torch.tensor([False, False, False]),), "Nothing is kept."),
            Case(
                (torch.tensor([[True, False, True], [True, False, False]]),),
                "A mask with two dimensions.",
            ),
            Case(
                (torch.eye(3, dtype=torch.bool).reshape(3, 3, 1, 1),),
                "A mask with four dimensions, as a convolution has.",
            ),
            Case((torch.tensor(True),), "A mask of one weight, without a dimension."),
            Case((torch.arange(10_000) % 3 == 1,), "A long mask."),
        ),
        hints=(
            "A bool tensor can be summed: True counts as 1. How many entries are there in all?",
            "mask.sum() counts the True entries, as a tensor; .item() makes a Python number of it.",
            "mask.numel() counts all entries, whatever the shape. Divide the first number by the second.",
        ),
        misconceptions=(
            Misconception(
                lambda mask: 1 - mask.sum().item() / mask.numel(),
                "This is the sparsity, the fraction that was removed; the density is the fraction that is kept.",
            ),
            Misconception(
                lambda mask: mask.sum().item(),
                "This is the number of kept entries; the density is their fraction of all entries.",
            ),
            Misconception(
                lambda mask: mask.sum().item() / len(mask),
                "You divide by len(mask), which is the size of the first dimension only, not the number of entries.",
            ),
            Misconception(
                lambda mask: mask.sum().item() / mask.shape[0],
                "You divide by mask.shape[0], the size of the first dimension only, and a single entry has none; divide by "
                "mask.numel().",
            ),
            Misconception(
                lambda mask: mask.sum().item() / (mask.shape[0] * mask.shape[1]),
                "You multiply two dimensions. A mask may have fewer or more; mask.numel() counts the entries of any shape.",
            ),
            Misconception(
                lambda mask: mask.sum().item() / (mask.numel() - mask.sum().item()),
                "You divide the kept entries by the removed ones; divide by the number of all entries.",
            ),
            Misconception(
                lambda mask: mask.sum().item() // mask.numel(),
                "// cuts the fraction off; divide with /.",
            ),
            Misconception(
                lambda mask: round(mask.sum().item() / mask.numel(), 2),
                "You round the result to two digits; return it as it is.",
            ),
            Misconception(
                lambda mask: round(mask.sum().item() / mask.numel(), 3),
                "You round the result to three digits; return it as it is.",
            ),
            Misconception(
                lambda mask: round(mask.sum().item() / mask.numel(), 4),
                "You round the result to four digits; return it as it is.",
            ),
            Misconception(
                lambda mask: mask.sum() / mask.numel(),
                "The value is right, but it is a tensor with one entry; .item() makes a Python number of it.",
            ),
            Misconception(
                lambda mask: 100 * mask.sum().item() / mask.numel(),
                "This is the density in percent; here it is a fraction from 0 to 1.",
            ),
        ),
        alternatives=(_by_mean, _in_a_loop),
        difficulty="easy",
        lines=1,
        minutes=3,
        rtol=1e-6,
        python_numbers=True,
        told={"0-D,1-D,2-D,4-D": "no dimension, or one, two or four"},
        absent={
            "empty tensor": "the text says at least one entry",
            "ties": "a fraction ranks nothing",
        },
    ),
)

QUESTIONS = (
    Question(
        "00.Q1",
        "You train twice with two learning rates and keep the network with the better accuracy. On which split do you compare?",
        (
            Option(
                "On the training split.",
                False,
                "There, the network that has learned its pictures by heart wins, and not the one that does well on new ones.",
            ),
            Option(
                "On the validation split.",
                True,
                "It is there for choices. The accuracy of the chosen network is then read on the test split, once.",
            ),
            Option(
                "On the test split.",
                False,
                "Then the test split has made the choice, and the number that you report on it is too good.",
            ),
        ),
    ),
)
