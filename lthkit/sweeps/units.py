"""The cells of a grid in one folder: what is wanted of each, and what of that is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lthkit.cells.cells import Level
from lthkit.sweeps.grids import Asked, Grid, merged
from lthkit.sweeps.jobs import dataset
from lthkit.sweeps.records import CELLS


@dataclass
class Unit:
    """A cell, its folder, the levels that are asked of it in order, and those that are not published."""

    asked: Asked
    cell: str
    folder: Path
    wanted: list[Level]
    missing: list[Level] = field(default_factory=list)
    attempts: int = 0
    deaths: int = 0

    @property
    def described(self) -> str:
        """For a reader."""
        this = self.asked.cell
        return f"{self.cell} ({this.model}, {this.data}, seed {this.seed})"


Units = dict[str, Unit]  # by the id of the cell


def units_of(grid: Grid, folder: Path, device: str) -> Units:
    """The cells of a grid in the order in which they are begun. Each data set is loaded, once."""
    units = {}
    for asked in merged(grid.asked):
        cell = asked.cell
        name = cell.id(dataset(cell.data, cell.size, device))
        units[name] = Unit(asked, name, folder / CELLS / name, cell.levels(asked.levels))
    return units


def sharded(grid: Grid, shard: tuple[int, int]) -> Grid:
    """The cells of part `shard[0]` of `shard[1]`: each of the parts takes one cell after the other in turn.

    ValueError if that is no part, such as (2, 8).
    """
    whole = isinstance(shard, tuple) and len(shard) == 2 and all(type(number) is int for number in shard)
    if not whole or not 1 <= shard[0] <= shard[1]:
        raise ValueError(
            f"shard={shard!r} was given; expected which part of how many, such as (2, 8) for the second of eight."
        )
    return Grid(grid.name, grid.asked[shard[0] - 1 :: shard[1]])
