"""Rows: what the training of one level measured, and what was trained, which stands in the configuration of its cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lthkit.cells.cells import DENSE, DENSE_LEVEL, Level, id_of
from lthkit.storage.owners import canonical
from lthkit.storage.records import Row
from lthkit.training.metrics import ACCURACY, Quantity
from lthkit.training.results import TrainResult

# Outcomes of an Early-Bird search that gave no ticket: its rule did not fire, or in the last epoch, with no step left to train.
NEVER_STABLE, STABLE_TOO_LATE = "never stable", "stable too late"
# What a row says of its cell, in this order; settings that a method does not have are None.
SETTINGS = (
    "score",
    "iterations",
    "images",
    "snip_density",
    "fraction",
    "output_fraction",
    "rounds",
    "rewind_step",
    "momentum",
    "scope",
    "window",
    "threshold",
    "rule",
)


def level_of(row: Row) -> Level:
    """The level whose row this is."""
    if row["arm"] == DENSE:
        return DENSE_LEVEL
    if row["asked"] is not None:
        return Level(density=row["asked"], arm=row["arm"])
    return Level(round=row["round"], arm=row["arm"])


def row_of(arm: str, seed: int, level: int, density: float, result: TrainResult) -> Row:
    """One line of a table: what the training of one arm at one level came to, as tables and figures here read it.

    For another task than the default it has test_metric and validation_metric instead of the two accuracies, and in metric,
    unit and direction what they measure; further metrics follow by name.
    """
    return {
        "arm": arm,
        "seed": seed,
        "round": level,
        "density": density,
        **_measured(result),
        "validation_loss": result.validation_loss,
        "best_step": result.best_step,
        "still_improving": result.still_improving,
        "steps": result.steps,
        "seconds": round(result.seconds, 3),
    }


def _measured(result: TrainResult) -> Row:
    if result.quantity == ACCURACY:
        return {"test_accuracy": result.test_metric, "validation_accuracy": result.validation_metric}
    row: Row = {"test_metric": result.test_metric, "validation_metric": result.validation_metric}
    row |= {
        "metric": result.quantity.name,
        "unit": result.quantity.unit,
        "direction": result.quantity.direction,
    }
    others = list(result.test_metrics.items())[1:]
    return row | {f"test_{name.replace(' ', '_')}": value for name, value in others}


def level_row(
    level: Level, seed: int, round_: int, density: float, result: TrainResult, *, search_steps: int
) -> Row:
    """The row of a finished level: `row_of`, the density that was asked for, and the updates that were done before it.

    search_steps: updates of its chain that this level needed, without its own `steps`: a ticket of round 3 needs the
    trainings of rounds 0 to 2. Evaluations and scores are not counted.
    """
    row = row_of(level.arm, seed, round_, density, result)
    return {**row, "asked": level.density, "search_steps": search_steps, "outcome": ""}


def unstable_row(level: Level, seed: int, quantity: Quantity, outcome: str, *, search_steps: int) -> Row:
    """The row of a search that found no ticket, and why: it has no density and no accuracy, and cost its updates."""
    measured = {"test_accuracy": None, "validation_accuracy": None}
    if quantity != ACCURACY:
        measured = {"test_metric": None, "validation_metric": None}
        measured |= {"metric": quantity.name, "unit": quantity.unit, "direction": quantity.direction}  # type: ignore[dict-item]
    return {
        "arm": level.arm,
        "seed": seed,
        "round": 1,
        "density": None,
        **measured,
        "validation_loss": None,
        "best_step": None,
        "still_improving": None,
        "steps": 0,
        "seconds": 0.0,
        "asked": level.density,
        "search_steps": search_steps,
        "outcome": outcome,
    }


def joined(config: Mapping[str, Any], row: Row) -> Row:
    """A level's row with what was trained: cell, method, model, data, and all settings of its way and recipe.

    The cell is told by its id, so a copy of its folder under another name is still the same cell.
    """
    recipe = {f"recipe_{name}": _cell_of_a_table(value) for name, value in config["recipe"].items()}
    return {
        "cell": id_of(config),
        "method": config["method"],
        "model": config["model"],
        "data": config["data"],
        "data_fingerprint": config["data_fingerprint"],
        "task": canonical(config["task"]) if "task" in config else None,
        "device": config["device"],
        **row,
        **{name: config.get(name) for name in SETTINGS},
        **recipe,
    }


def _cell_of_a_table(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else value
