"""Small things that many tests share: a learnable data set of 8×8 images, two small networks, and a class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lthkit.classroom import references
from lthkit.data.datasets import Dataset, Split
from lthkit.machine.work import current

torch.set_num_threads(1)  # networks of this size gain nothing from two, and beside other work lose much


def _split(n: int, seed: int) -> Split:
    """Three classes: a bright band at the top, in the middle or at the bottom, under noise."""
    g = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    images = torch.randint(0, 120, (n, 1, 8, 8), generator=g, dtype=torch.uint8)
    for label, rows in enumerate(((0, 2), (3, 5), (6, 8))):
        images[labels == label, :, rows[0] : rows[1]] += 60
    return Split(images, labels)


@pytest.fixture(autouse=True)
def ungraded() -> Iterator[None]:
    """Catches a test that runs an answer to be graded here and not in the worker: `use` is another function afterwards."""
    yield
    assert references.graded is None


@pytest.fixture(autouse=True)
def no_work_is_left() -> Iterator[None]:
    """Catches work that nobody goes on with, such as a loop with a bar that an error has left: what comes next would be a
    part of it, and be stopped with it."""
    yield
    assert current() is None


@pytest.fixture(scope="session")
def tiny() -> Dataset:
    """300 training, 90 validation and 90 test images of 1×8×8 in three classes."""
    return Dataset.of(
        "tiny",
        train=_split(300, 1),
        validation=_split(90, 2),
        test=_split(90, 3),
        classes=("top", "middle", "bottom"),
    )


def small_net(*, seed: int) -> nn.Module:
    """64-20-10-3 with random biases: three linear layers, 1,510 weights."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(
            seed
        )  # torch.manual_seed notes the stack for each device that is not there
        return nn.Sequential(
            nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10), nn.ReLU(), nn.Linear(10, 3)
        )


def small_conv(*, seed: int) -> nn.Module:
    """A convolution with batch norm and a linear layer: 72 + 24 weights, and buffers that training moves."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(8, 3),
        )


# For the tests of grading; other files have a `root` and a `course` of their own.


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A course of one short lesson."""
    from tests.submissions import course_root

    return course_root(tmp_path / "course")


@pytest.fixture
def course(root: Path) -> Any:
    """A class in it, staged and due, without submissions."""
    from lthkit.classroom.grading.late import parse_time
    from lthkit.classroom.grading.stage import stage

    return stage(root / "class", ["05"], root=root, due=parse_time("2026-10-01"), seed=1, nbgrader=False)
