"""Rows of everything that has ended in a folder of runs, for a data frame: of finished runs and of those that are not."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lthkit.cells.rows import joined
from lthkit.runs import results as of_experiments
from lthkit.storage.records import Row, runs_folder
from lthkit.sweeps.published import ordered
from lthkit.sweeps.states import EXPERIMENT, FINISHED, UNREADABLE, State, is_run, runs_in, state_of

log = logging.getLogger("lthkit")

_FIRST = ("run", "status", "method", "model", "data", "seed", "arm", "round", "density", "asked")


def results(folder: Path | str | None = None) -> list[Row]:
    """One row for each training that has ended, of a run or of all runs in a folder; all rows have equal keys.

        pandas.DataFrame(lth.results("runs"))

    Runs that are under way, were stopped or failed give the trainings that they have finished. What was asked for and has not
    ended has no row: `lthkit show RUN` names it. A search that found no ticket is a row with the outcome "never stable" and
    no accuracy. Planned experiments and single searches (`lthkit.imp(folder=)`) have tables of another kind, and give none.

    Args:
        folder: a run (of `lthkit run` or `lthkit sweep`, or one cell), or a folder of runs; None is `runs`, or $LTHKIT_RUNS.

    Returns:
        Rows with at least: run (its folder's name), status of the run (finished, under way, stopped, failed, damaged), method,
        model, data, data_fingerprint, seed, arm, round, density (counted), asked (the density that was asked for), what was
        measured, steps, search_steps, and the settings of the method and of the recipe. What a row does not have is None.
        Accuracies are fractions, from 0 to 1.

    Raises:
        FileNotFoundError: there is no such folder, or no run in it. What is damaged is left out, and the log names it.
    """
    folder = runs_folder() if folder is None else Path(folder)
    found = [folder] if is_run(folder) else runs_in(folder)
    if not found:
        what = "has no run in it" if folder.is_dir() else "is not there"
        raise FileNotFoundError(
            f"{folder} {what}; expected the folder of a run, or one with runs in it, such as runs."
        )
    rows: list[Row] = []
    for run in found:
        state = state_of(run)
        rows += [{"run": state.name, "status": state.status} | row for row in rows_of(state)]
    return with_equal_keys(rows)


def rows_of(state: State) -> list[Row]:
    """The rows of one run. What is damaged is left out, and the log names it."""
    if state.kind == EXPERIMENT and state.status == FINISHED:
        try:
            return _rows_of_experiment(state.folder)
        except UNREADABLE as error:
            log.warning("%s is left out: %s", state.folder, error)
            return []
    return ordered(_rows_of_cells(state))


def with_equal_keys(rows: Sequence[Row]) -> list[Row]:
    """Rows that have all the columns of all of them; None where a row has none."""
    columns = dict.fromkeys([*_FIRST, *(key for row in rows for key in row)])
    return [{key: row.get(key) for key in columns} for row in rows]


def _rows_of_cells(state: State) -> Iterator[Row]:
    for cell in state.cells:
        for level in cell.published:
            try:
                yield cell.row(level)
            except UNREADABLE as error:
                log.warning("%s is left out: %s", cell.folder / level, error)


def _rows_of_experiment(folder: Path) -> list[Row]:
    """The rows of a finished experiment in the columns of a cell's rows, with what was trained."""
    config, _, rows = of_experiments.load(folder)
    before = _Before(rows, str(config["method"]))
    # The rows are of several cells, and how far they go is no setting of these methods.
    known: Row = {"cell": None, "rounds": None, "asked": None, "outcome": ""}
    return [joined(config, row) | known | {"search_steps": before.updates(row)} for row in rows]


class _Before:
    """Updates that an experiment did before a training: those of the rounds from which its mask comes."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], method: str) -> None:
        self.steps = {
            (row["seed"], row["round"]): row["steps"] for row in rows if row["arm"] in ("dense", "ticket")
        }
        self.method = method

    def updates(self, row: Mapping[str, Any]) -> int | None:
        """None where a round is not in the table."""
        last = row["round"] if self.method == "imp" else min(1, row["round"])
        needed = [self.steps.get((row["seed"], earlier)) for earlier in range(last)]
        return None if None in needed else sum(needed)  # type: ignore[arg-type]
