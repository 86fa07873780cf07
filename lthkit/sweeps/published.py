"""What a sweep has published: the rows of all levels that are finished, in one order, and the table that is made of them.

The truth is in the cells. `table.csv` and `costs.csv` are written from it now and then, by one process at a time, and
`summary.json` vouches for them by checksum. What engine did the cells, and in which order they ended, changes no byte of
`table.csv`: how many seconds a training took is in `costs.csv`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from lthkit.cells.cells import DENSE
from lthkit.cells.folders import config_of, is_cell_name, level_names, published_row
from lthkit.cells.rows import joined
from lthkit.runs.results import write_results
from lthkit.storage import files
from lthkit.storage.claims import Patience, Taken, claimed
from lthkit.storage.owners import RunMismatch, mark_of
from lthkit.storage.records import Row, environment
from lthkit.sweeps.records import CELLS, KIND, name_of

log = logging.getLogger("lthkit")

TABLE, COSTS, SUMMARY = "table.csv", "costs.csv", "summary.json"
KEYS = ("cell", "arm", "seed", "round", "asked")  # what tells the rows of a sweep apart
ARMS = (DENSE, "ticket", "lr-rewind", "fine-tune", "re-initialised", "shuffled")
EVERY, SHARE = (
    5.0,
    0.05,
)  # seconds from one table to the next, at least; of the time, at most, that it may take


def rows(folder: Path | str) -> list[Row]:
    """The rows of all levels that a sweep has published, in order. The log names those that are damaged."""
    found, damaged = read(folder)
    for text in damaged:
        log.warning("%s", text)
    return found


def read(folder: Path | str) -> tuple[list[Row], list[str]]:
    """The rows of all levels that a sweep has published, in order, and a sentence for each that is damaged.

    Raises:
        FileNotFoundError: it is not the folder of a sweep.
    """
    name_of(folder)
    this = Published(Path(folder))
    this.look()
    return ordered(this.rows.values()), list(this.damaged.values())


def ordered(found: Iterable[Row]) -> list[Row]:
    """Rows by model, data, method, seed and cell, those of a cell from dense to sparse, the ticket first."""
    return sorted(found, key=_place)


def _place(row: Row) -> tuple[Any, ...]:
    asked = row["asked"]
    arm = ARMS.index(row["arm"]) if row["arm"] in ARMS else len(ARMS)
    what = tuple(str(row[name]) for name in ("model", "data", "method"))
    return (*what, row["seed"], row["cell"], row["round"], 1 - (asked or 1.0), arm, row["arm"])


def padded(found: Sequence[Row], without: Sequence[str] = ()) -> list[Row]:
    """The rows with equal columns; what a row does not have is None. Tasks with other metrics have other columns."""
    names = [name for name in dict.fromkeys(name for row in found for name in row) if name not in without]
    return [{name: row.get(name) for name in names} for row in found]


class Published:
    """The rows of a sweep's cells, each read once; and its table, which is written from them.

    rows: by cell and name of level. damaged: the same, a sentence for each.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: dict[tuple[str, str], Row] = {}
        self.damaged: dict[tuple[str, str], str] = {}
        self._configs: dict[str, tuple[dict[str, Any], str]] = {}
        self._next, self._pause = 0.0, EVERY  # when the table may be written again
        self._seen = self._changed()
        self._written: set[tuple[str, str]] | None = None

    def add(self, cell: str, names: Iterable[str]) -> list[Row]:
        """Read these levels of a cell; the rows of those that were not known before, and are whole."""
        new = []
        for name in names:
            key = (cell, name)
            if key in self.rows:
                continue
            try:
                config, mark = self._config(cell)
                row = published_row(self.folder / CELLS / cell, name, mark=mark)
            except (files.DamagedFile, RunMismatch, FileNotFoundError) as error:
                self.damaged[key] = str(error)
                continue
            self.damaged.pop(key, None)
            if row is not None:
                self.rows[key] = joined(config, row)
                new.append(self.rows[key])
        return new

    def _config(self, cell: str) -> tuple[dict[str, Any], str]:
        """The configuration of a cell, and its mark."""
        if cell not in self._configs:
            config = config_of(self.folder / CELLS / cell)
            self._configs[cell] = config, mark_of(config)
        return self._configs[cell]

    def look(self) -> set[tuple[str, str]]:
        """Read what is new in all cells; what there is, by cell and level."""
        there = set()
        for cell in cells_in(self.folder):
            names = level_names(self.folder / CELLS / cell)
            there |= {(cell, name) for name in names}
            self.add(cell, names)
        return there

    def write_if_due(self, patience: Patience) -> None:
        """Write the table if it lacks a row that is known here, and that was long ago, unless another process does it.

        Of a thousand workers on one folder each would look at all cells otherwise.
        """
        begun = perf_counter()
        if begun < self._next or self.rows.keys() <= (self._written or set()):
            return
        before, self._seen = self._seen, self._changed()
        if before == self._seen:
            self.write(patience)
            self._seen = self._changed()
            self._pause = max(EVERY, (perf_counter() - begun) / SHARE)
        self._next = perf_counter() + self._pause

    def _changed(self) -> int:
        """When the table was written last, 0 if never."""
        try:
            return os.stat(self.folder / SUMMARY).st_mtime_ns
        except OSError:
            return 0

    def write(self, patience: Patience) -> bool:
        """Write the table of all that is published; False if another process is writing it now.

        That one has then not ended, and looks once more after it has: so what is published before somebody tries to write
        is in the table after all.
        """
        while (there := self.look()) != self._written:
            try:
                with claimed(self.folder, patience=patience):
                    there = self.look()
                    self._write()
            except Taken:
                return False
            self._written = there
        return True

    def _write(self) -> None:
        table = ordered(self.rows.values())
        costs = [{name: row[name] for name in (*KEYS, "seconds")} for row in table]
        summary = {
            "kind": KIND,
            "name": name_of(self.folder),
            "cells": len({row["cell"] for row in table}),
            "trainings": len(table),
            "environment": environment(),
        }
        write_results(
            self.folder, summary, {TABLE: padded(table, without=("seconds",)), COSTS: padded(costs)}
        )


def cells_in(folder: Path) -> list[str]:
    """The ids of the cells that a sweep's folder has; copies under other names are left out."""
    place = folder / CELLS
    if not place.is_dir():
        return []
    with os.scandir(place) as entries:
        return sorted(entry.name for entry in entries if is_cell_name(entry.name) and entry.is_dir())
