"""The cells of a grid in one folder: what is wanted of each, and what of that is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from lthkit.cells.cells import Level
from lthkit.data.datasets import Dataset
from lthkit.sweeps.grids import Asked, Grid, merged
from lthkit.sweeps.jobs import dataset
from lthkit.sweeps.planning import Plan, ids_of, plan
from lthkit.sweeps.records import CELLS


@dataclass
class Unit:
    """A cell, its folder, the levels that are asked of it in order, and those that cannot be read as published.

    damaged: one of them is there, and damaged, so that its name says nothing. unseen: how often it was done, and not seen here.
    """

    asked: Asked
    cell: str
    folder: Path
    wanted: list[Level]
    missing: list[Level] = field(default_factory=list)
    damaged: str = ""
    unseen: int = 0
    attempts: int = 0
    deaths: int = 0

    @property
    def described(self) -> str:
        """For a reader."""
        this = self.asked.cell
        return f"{self.cell} ({this.model}, {this.data}, seed {this.seed})"


Units = dict[str, Unit]  # by the id of the cell


def units_of(
    grid: Grid, folder: Path, device: str, *, check: bool, planned: Callable[[Plan], object] | None = None
) -> Units:
    """The cells of a grid in the order in which they are begun. Each data set is loaded, once.

    check: see first that the networks go with the data, and so on; see `planning.plan`. planned: is called with that plan.
    """
    grid = replace(grid, asked=merged(grid.asked))
    data = datasets_of(grid, device)
    if check:
        this = plan(grid, folder, datasets=data, device=device)
        if planned is not None:
            planned(this)
    units = {}
    for asked, name in zip(grid.asked, ids_of(grid.asked, data), strict=True):
        units[name] = Unit(asked, name, folder / CELLS / name, asked.cell.levels(asked.levels))
    return units


def datasets_of(grid: Grid, device: str) -> dict[str, Dataset]:
    """As `planning.datasets_of`, from the data sets that this process keeps. ValueError for one folder in two sizes."""
    sizes: dict[str, int | tuple[int, int] | None] = {}
    for one in grid.asked:
        if sizes.setdefault(one.cell.data, one.cell.size) != one.cell.size:
            raise ValueError(
                f"{one.cell.data} was given in two sizes, {sizes[one.cell.data]} and {one.cell.size}; expected one in a sweep."
            )
    return {name: dataset(name, size, device) for name, size in sizes.items()}
