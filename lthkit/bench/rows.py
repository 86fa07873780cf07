"""What a benchmark yields: one `Row` a variant, and whether accuracies agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import torch

from lthkit.bench.timing import Spread, Timing
from lthkit.training.choices import Choice

TEXTBOOK = "textbook"
NO_TORCHVISION = "not measured: torchvision is not installed"
STANDARD_ERRORS = 3.0


def _full(value: Any, *, quick: Any) -> Any:
    """A setting of the whole benchmark, and what it is in the quick one."""
    return field(default=value, metadata={"quick": quick})


@dataclass(frozen=True)
class Settings:
    """How long to measure.

    textbook: False leaves the textbook loops out, as where torchvision is missing.
    short, long: repetitions of blocks that take tenths of a second, and seconds. block: seconds of a textbook block.
    images, held_out: size of the data made in CIFAR's shape. epoch: LeNet's training images in `imp` and `replicates`.
    trainings: of `imp`. seeds: of `replicates`. pairs: of blocks in `mask`. starts: processes started in `imports`.
    scores: sizes in `selection`. saved_steps: length of a training in `saving`; ticket_steps: in `sparse`.
    beside: seconds of a block in `busy`.
    grids: turns of a whole grid in `sweep`; grid_seeds: of each of its two methods; grid_steps: length of a training in it.
    finished, planned: cells that are listed, and planned.
    """

    device: torch.device
    textbook: bool = True
    short: int = _full(7, quick=3)
    long: int = _full(4, quick=2)
    block: float = _full(0.7, quick=0.15)
    images: int = _full(2048, quick=512)
    held_out: int = _full(1000, quick=300)
    epoch: int = _full(10_000, quick=1500)
    trainings: int = 4
    whole: int = _full(2, quick=1)
    seeds: int = _full(5, quick=3)
    pairs: int = _full(40, quick=10)
    starts: int = _full(3, quick=1)
    scores: tuple[int, ...] = _full((10**6, 10**7, 10**8), quick=(10**6, 10**7))
    saved_steps: int = _full(2000, quick=300)
    ticket_steps: int = _full(400, quick=50)
    beside: float = _full(0.25, quick=0.12)
    grids: int = _full(4, quick=1)
    grid_seeds: int = _full(12, quick=2)
    grid_steps: int = _full(1500, quick=100)
    finished: int = _full(2000, quick=200)
    planned: int = _full(10_000, quick=1000)

    def quick(self) -> Settings:
        """Enough to see that everything works, and roughly how fast."""
        return replace(self, **{f.name: f.metadata["quick"] for f in fields(self) if "quick" in f.metadata})


@dataclass(frozen=True)
class Row:
    """One variant of one case of one work.

    time: in `unit`, lower is better; None was not measured, and a note says why.
    ratio: how many times as fast as the variant called `ratio_to`, turn by turn.
    cost: where the question is what something costs, the other way round: how many times the time of `ratio_to`.
    floor: the least time that the arithmetic (or `floor_is`) takes here, in `unit`; floor_multiple: median time over it.
    flops: operations in one unit of work.
    accuracy: on `images` validation images after `updates` updates, 0 to 1; agrees: with the first row that has one.
    threads: operator threads; workers: trainings side by side. choice: what `training.choices` chose.
    memory_copies: most extra memory, in copies of the scores.
    """

    work: str
    case: str
    name: str
    unit: str
    time: Spread | None = None
    ratio: Spread | None = None
    ratio_to: str | None = None
    cost: Spread | None = None
    floor: float | None = None
    floor_is: str = "arithmetic"
    floor_multiple: float | None = None
    flops: int | None = None
    precision: str = "float32"
    accuracy: float | None = None
    images: int | None = None
    updates: int | None = None
    agrees: bool | None = None
    threads: int | None = None
    workers: int | None = None
    choice: Choice | None = None
    memory_copies: float | None = None
    notes: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """The row as JSON takes it."""
        return asdict(self)


def timed(row: Row, timing: Timing, *, first: Timing, scale: float) -> Row:
    """The row with what was timed: `scale` turns seconds into its unit; `first` is what the ratio is to."""
    time = timing.time.scaled(scale)
    ratio = None if timing.name == first.name else timing.ratio
    multiple = time.median / row.floor if row.floor else None
    return replace(
        row, time=time, ratio=ratio, ratio_to=first.name if ratio else None, floor_multiple=multiple
    )


def with_cost(row: Row, timing: Timing, *, first: Timing) -> Row:
    """The row with its cost: how many times the time of `first`, turn by turn; none for `first` itself."""
    cost = None if timing is first else Spread.of([1 / ratio for ratio in timing.ratios])
    return replace(row, cost=cost)


def agree(a: float, b: float, *, images: int) -> bool:
    """True if two accuracies, each on `images` images, differ by at most 3 binomial standard errors.

    One right and one wrong answer are added to either, so that accuracies of 0 and 1 have an error too
    (Agresti & Caffo 2000).
    """
    p, q = ((accuracy * images + 1) / (images + 2) for accuracy in (a, b))
    error = math.sqrt((p * (1 - p) + q * (1 - q)) / (images + 2))
    return abs(p - q) <= STANDARD_ERRORS * error


def with_agreement(rows: Sequence[Row]) -> list[Row]:
    """The rows of one case, each but the first with an accuracy compared to that first one."""
    having = [row for row in rows if row.accuracy is not None]
    if len(having) < 2:
        return list(rows)
    reference, result = having[0], []
    for row in rows:
        if row.accuracy is None or row is reference:
            result.append(row)
            continue
        same = agree(reference.accuracy or 0.0, row.accuracy, images=row.images or 0)
        notes = (
            row.notes if same else (*row.notes, f"accuracy DISAGREES with {reference.name}: more than noise")
        )
        result.append(replace(row, agrees=same, notes=notes))
    return result
