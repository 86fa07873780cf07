"""What a run leaves in its folder, written and read: rows, tables that a summary vouches for, masks, recorded runs."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lthkit.data.sources import data_folder
from lthkit.machine.checks import did_you_mean
from lthkit.pruning.masks import Mask
from lthkit.storage import files
from lthkit.storage.folders import read_config
from lthkit.storage.records import Row, read_table, write_table
from lthkit.tickets.rounds import load_round
from lthkit.training.metrics import ACCURACY
from lthkit.training.results import TrainResult

log = logging.getLogger("lthkit")


def write_results(folder: Path | str, summary: dict[str, Any], tables: dict[str, list[Row]]) -> None:
    """The tables of a finished run by file name, and `summary.json`, which vouches for them by checksum."""
    sums = {}
    for name, rows in tables.items():
        path = write_table(Path(folder) / name, rows)
        sums[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    files.write_sealed(Path(folder) / "summary.json", summary | {"tables": sums})


def load(folder: Path | str) -> tuple[dict[str, Any], dict[str, Any], list[Row]]:
    """A finished run: its configuration, its summary and its rows.

    Raises:
        FileNotFoundError: no run, or one that is not finished. files.DamagedFile: a file is not what was written.
    """
    folder = Path(folder)
    if not (folder / "config.json").exists():
        raise FileNotFoundError(
            f"{folder} is not a run folder: it has no config.json. `lthkit show` lists the runs."
        )
    if not (folder / "summary.json").exists():
        if any(folder.glob("round-*.npz")):
            raise FileNotFoundError(
                f"{folder} has the rounds of one search, of lthkit.imp(folder=) say, and no table; expected a folder of `lthkit run`. "
                "Read a round with lthkit.tickets.load_round(folder, r), r from 0."
            )
        if any(folder.glob("snapshot-*.npz")):
            raise FileNotFoundError(
                f"{folder} has one training, of lthkit.train(folder=) say, and no table; expected a folder of `lthkit run`. The same "
                "call reads it, or goes on with it."
            )
        raise FileNotFoundError(f"{folder} is not finished. Run its command again to go on with it.")
    summary = files.read_sealed(folder / "summary.json")
    return read_config(folder), summary, read_results(folder, "table.csv", summary)


def read_results(folder: Path | str, name: str, summary: Mapping[str, Any]) -> list[Row]:
    """One table of a finished run. `files.DamagedFile` if it is not the one that `summary` vouches for."""
    path = Path(folder) / name
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != summary.get("tables", {}).get(
        name
    ):
        raise files.DamagedFile(
            f"{path} is missing or damaged: summary.json has another checksum for it. Run the command of this run "
            "again; what is finished is not repeated."
        )
    return read_table(path)


def recorded(name: str) -> Path:
    """The folder of a run that comes with the course: recorded once, with its device and versions in summary.json.

    It holds what `load` reads, and the masks of seed 0.

    Raises:
        ValueError: there is no such run; the text lists those there are.
    """
    results = data_folder() / "results"
    known = sorted(path.parent.name for path in results.glob("*/config.json"))
    if name not in known:
        raise ValueError(
            f"there is no recorded run {name!r}; there are: {', '.join(known) or 'none'}.{did_you_mean(name, known)}"
        )
    return results / name


def load_mask(folder: Path | str, *, seed: int, level: int) -> Mask:
    """The mask that one seed had at a round (0 is dense) of a run in `folder`."""
    alone = Path(folder) / f"seed-{seed}" / f"mask-{level:02d}.npz"  # what a recorded run keeps of a round
    if alone.exists():
        return Mask.load(alone)
    found = load_round(Path(folder) / f"seed-{seed}", level)
    if found is None:
        raise FileNotFoundError(f"{folder} has no round {level} of seed {seed}.")
    return found.mask


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


def finished_row(path: Path) -> Row | None:
    """The row of a control that has ended; None if there is none, or a damaged one, which the log says."""
    try:
        return files.read_sealed(path)
    except FileNotFoundError:
        return None
    except files.DamagedFile as error:
        log.warning("%s That training is done again.", error)
        return None
