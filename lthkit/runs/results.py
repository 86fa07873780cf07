"""What a run leaves in its folder, written and read: rows, tables that a summary vouches for, masks, recorded runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lthkit.cells.cells import TICKET
from lthkit.cells.folders import load_mask as mask_of_level
from lthkit.cells.rows import row_of as row_of
from lthkit.data.sources import data_folder
from lthkit.machine.checks import did_you_mean
from lthkit.pruning.masks import Mask
from lthkit.runs.asked import KIND, joined, level_at, read_again
from lthkit.runs.run_cells import cells_of_seeds
from lthkit.storage import files
from lthkit.storage.folders import read_config
from lthkit.storage.records import Row, read_table, write_table
from lthkit.tickets.rounds import load_round


def write_results(folder: Path | str, summary: dict[str, Any], tables: dict[str, list[Row]]) -> None:
    """The tables of a finished run by file name, and `summary.json`, which vouches for them by checksum."""
    sums = {}
    for name, rows in tables.items():
        path = write_table(Path(folder) / name, rows)
        sums[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    files.write_sealed(Path(folder) / "summary.json", summary | {"tables": sums})


def load(folder: Path | str) -> tuple[dict[str, Any], dict[str, Any], list[Row]]:
    """A finished run: its configuration, its summary and its rows.

    Of a run that grows the configuration says how far the table goes: seeds, rounds, controls, control_rounds.

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
    summary, config = files.read_sealed(folder / "summary.json"), read_config(folder)
    if config.get("kind") == KIND:
        config = joined(config, read_again(summary["asked"]))
    return config, summary, read_results(folder, "table.csv", summary)


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
    folder = Path(folder)
    alone = folder / f"seed-{seed}" / f"mask-{level:02d}.npz"  # what a recorded run keeps of a round
    if alone.exists():
        return Mask.load(alone)
    if (folder / "cells").is_dir():
        config = read_config(folder)
        own = cells_of_seeds(folder).get(seed)
        at = level_at(config["method"], config["fraction"], TICKET, level)
        if own is not None and (own / at.name).is_dir():
            return mask_of_level(own, at)
    elif (found := load_round(folder / f"seed-{seed}", level)) is not None:
        return found.mask
    raise FileNotFoundError(f"{folder} has no round {level} of seed {seed}.")
