"""The plan of a sweep: what is finished, what is missing, and what that takes. Only names of folders are read for it."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from lthkit.cells.cells import Cell, Level
from lthkit.cells.folders import level_names
from lthkit.data.datasets import Dataset
from lthkit.data.named import load_data
from lthkit.storage.records import run_id
from lthkit.sweeps.fitting import check_against, check_names, weights_of
from lthkit.sweeps.grids import Asked, Grid
from lthkit.sweeps.mistakes import Found
from lthkit.sweeps.trainings import Cost, cost_of

CELLS = "cells"  # the folder of the cells in that of a sweep


@dataclass(frozen=True)
class Planned:
    """One cell of a plan. id: the name of its folder. missing: the levels that are not published. cost: of these."""

    asked: Asked
    id: str
    missing: tuple[Level, ...]
    cost: Cost

    @property
    def finished(self) -> bool:
        """True if all that is asked of it is published."""
        return not self.missing


@dataclass(frozen=True)
class Plan:
    """What a sweep has to do in a folder. Updates are at most so many: a training may stop early, a search succeed early."""

    grid: Grid
    folder: Path
    cells: tuple[Planned, ...]

    @cached_property
    def finished(self) -> tuple[Planned, ...]:
        """Cells of which nothing is missing."""
        return tuple(one for one in self.cells if one.finished)

    @cached_property
    def unfinished(self) -> tuple[Planned, ...]:
        """Cells of which something is missing, in the order in which they are begun."""
        return tuple(one for one in self.cells if not one.finished)

    @cached_property
    def cost(self) -> Cost:
        """Of all that is missing."""
        costs = [one.cost for one in self.cells]
        return Cost(
            *(sum(getattr(cost, name) for cost in costs) for name in ("trainings", "updates", "bytes"))
        )


def datasets_of(grid: Grid, device: str = "cpu") -> dict[str, Dataset]:
    """The data sets of a grid by the names that it has for them, each loaded once.

    Raises:
        ValueError, DataError: as `load_data`.
    """
    sizes = {one.cell.data: one.cell.size for one in grid.asked}
    return {name: load_data(name, size=size, device=device) for name, size in sizes.items()}


def plan(
    grid: Grid, folder: Path | str, *, datasets: Mapping[str, Dataset] | None = None, device: str = "cpu"
) -> Plan:
    """What is missing of a grid in the folder of its sweep, and what that takes. Nothing is written.

    datasets: as `datasets_of` gives them; None loads them, for `device`.

    Raises:
        GridMistakes: what only the data reveal, all of it: a network that does not take them, a batch that is larger than the
            training split, a search that cannot end, the same cell twice.
    """
    folder = Path(folder)
    datasets = datasets_of(grid, device) if datasets is None else datasets
    found = Found()
    sizes = weights_of(grid.asked, datasets, found)
    check_against(grid.asked, datasets, sizes, found)
    found.check(f"The grid {grid.name!r}")
    ids = ids_of(grid.asked, datasets)
    names: dict[str, list[Asked]] = {}
    for one, name in zip(grid.asked, ids, strict=True):
        names.setdefault(name, []).append(one)
    check_names(names, found)
    found.check(f"The grid {grid.name!r}")
    there = published_levels(folder / CELLS, names)
    costs: dict[Any, Cost] = {}
    cells = []
    for one, name in zip(grid.asked, ids, strict=True):
        done = there.get(name, frozenset())
        missing = tuple(level for level in one.levels if level.name not in done)
        key = (one.cell.way, one.cell.recipe, one.cell.model, one.cell.data, missing, done)
        if key not in costs:
            costs[key] = cost_of(one.cell, missing, done, sizes[one.cell.model, one.cell.data])
        cells.append(Planned(one, name, missing, costs[key]))
    return Plan(grid, folder, tuple(cells))


def ids_of(asked: Collection[Asked], datasets: Mapping[str, Dataset]) -> list[str]:
    """The ids of cells, as `Cell.id` makes them; of those that differ in the seed alone, the configuration is made once."""
    configs: dict[Cell, dict[str, Any]] = {}
    ids = []
    for one in asked:
        cell: Cell = one.cell
        key = replace(cell, seed=0)
        if key not in configs:
            configs[key] = cell.config(datasets[cell.data])
        ids.append(run_id(cell.method, configs[key] | {"seed": cell.seed}, digits=12))
    return ids


def published_levels(cells: Path, names: Collection[str]) -> dict[str, frozenset[str]]:
    """Names of the levels that are published in each cell's folder; folders that are not there are not looked for."""
    try:
        with os.scandir(cells) as entries:
            there = [entry.name for entry in entries if entry.name in names and entry.is_dir()]
    except FileNotFoundError:
        return {}
    return {name: frozenset(level_names(cells / name)) for name in there}
