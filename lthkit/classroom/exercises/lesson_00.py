"""Exercise of lesson 00, start here."""

from __future__ import annotations

import torch
from torch import Tensor

from lthkit.classroom.exercises import Case, Exercise


def density(mask: Tensor) -> float:
    """The fraction of entries of a bool tensor that are True, as a float in [0, 1]."""
    return mask.sum().item() / mask.numel()


EXERCISES = (
    Exercise(
        id="00.1",
        reference=density,
        cases=(
            Case(
                (torch.tensor([True, False, False, False]),),
                "One of four entries is kept: the density is what is kept, not what is removed.",
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
            Case((torch.arange(1000) % 7 == 0,), "A longer mask: is something rounded on the way?"),
        ),
        hints=(
            "A bool tensor can be summed: True counts as 1. How many entries are there in all?",
            "mask.sum() counts the True entries, mask.numel() counts all; .item() makes a Python number of a tensor.",
        ),
    ),
)
