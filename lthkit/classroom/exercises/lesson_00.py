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
                "A mask has any number of dimensions.",
            ),
            Case(
                (torch.eye(3, dtype=torch.bool).reshape(3, 3, 1, 1),),
                "A mask of a convolution has four dimensions.",
            ),
            Case((torch.arange(1000) % 7 == 0,), "A longer mask."),
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
        python_numbers=True,
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
