"""Folders of sweeps that are written and not trained: cells with rows whose numbers a test knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lthkit.cells import Cell, Level
from lthkit.cells.cells import DENSE_LEVEL
from lthkit.cells.rows import NEVER_STABLE
from lthkit.data.datasets import Dataset
from lthkit.storage import files, owners
from lthkit.storage.folders import open_run, read_config
from lthkit.sweeps import records
from lthkit.sweeps.grids import Asked
from lthkit.training.recipes import Recipe

RECIPE = Recipe(steps=40, evaluate_every=20)
Ended = Mapping[Level, float | None]  # levels and test accuracies; None for a search without a ticket


def made_cell(sweep: Path, cell: Cell, data: Dataset, ended: Ended, *, density: float | None = None) -> Path:
    """A cell whose levels came to these accuracies. density: what is counted, if it is not what was asked for."""
    folder = open_run(sweep / "cells" / cell.id(data), cell.config(data))
    for level, accuracy in ended.items():
        round_ = level.round if level.round is not None else 1
        counted = density or (level.density if level.density is not None else 0.8**round_)
        row: dict[str, Any] = {
            "arm": level.arm,
            "seed": cell.seed,
            "round": round_,
            "density": None if accuracy is None else counted,
            "test_accuracy": accuracy,
            "validation_accuracy": accuracy,
            "validation_loss": None if accuracy is None else 1 - accuracy,
            "best_step": 20,
            "still_improving": False,
            "steps": 40,
            "seconds": 0.1,
            "asked": level.density,
            "search_steps": 0 if level == DENSE_LEVEL else 40,
            "outcome": NEVER_STABLE if accuracy is None else "",
        }
        mark = owners.mark_of(read_config(folder))
        files.write_sealed(
            folder / level.name / "row.json", row | {"level": level.name, "of_cell": mark, "files": {}}
        )
    return folder


def asked_for(sweep: Path, cells: Mapping[Cell, Sequence[Level]], data: Dataset) -> None:
    """What a call asked of a sweep, as `lthkit sweep` writes it down."""
    asked = [(cell.id(data), Asked(cell, tuple(levels))) for cell, levels in cells.items()]
    records.begin(sweep, sweep.name, asked)
