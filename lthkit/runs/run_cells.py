"""The cells in a run's folder: which seed each is of, and the rows of their levels as the run's table has them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lthkit.cells import folders
from lthkit.cells.cells import Level
from lthkit.storage import files
from lthkit.storage.folders import read_config
from lthkit.storage.records import Row

CELLS = "cells"
_MORE = ("asked", "search_steps", "outcome")  # what a level's row has beside `cells.row_of`


def cells_of_seeds(run: Path) -> dict[int, Path]:
    """The folders of the cells of a run, by seed.

    Raises:
        files.DamagedFile, RunMismatch: a cell's configuration is not what was written.
    """
    found = sorted((run / CELLS).glob("*/config.json"))
    return dict(sorted((int(read_config(path.parent)["seed"]), path.parent) for path in found))


def row_at(cell: Path, level: Level, r: int) -> Row | None:
    """The row of a published level as the run's table has it, at round r; None if it has not ended."""
    row = folders.published_row(cell, level)
    return row and {name: value for name, value in row.items() if name not in _MORE} | {"round": r}


def is_readable(cell: Path) -> bool:
    """True if the configuration of a cell can be read; without it, who claims the cell writes it again."""
    try:
        read_config(cell)
    except (FileNotFoundError, files.DamagedFile):
        return False
    return True


def put_damaged_aside(cell: Path, levels: Iterable[Level]) -> None:
    """Put the levels aside of which a file is damaged, so that they are done again; the log names each."""
    if is_readable(cell):
        for level in levels:
            folders.finished_level(cell, level.name, read=True)
