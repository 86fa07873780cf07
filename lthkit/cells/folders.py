"""The folder of a cell: its configuration, the claim of who works on it, attempts, and the levels that are published.

    imp-3f9c1a0b77d2/
      config.json               the cell; how far it goes is not in it
      .claim-0001.json          who works on it, if anybody does
      attempt-0001/             what that one has begun: rounds and snapshots of the drivers
      dense/  ticket-round-03/  shuffled-round-03/      finished levels, each whole, each published once

A level has `row.json`, `mask.npz`, and, where a driver keeps them, its round and rewind point: `tickets.load_round(level, r)`.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lthkit.cells.cells import DENSE, Level
from lthkit.cells.chains import CHAIN, Finished
from lthkit.cells.rows import joined
from lthkit.pruning.masks import Mask
from lthkit.storage import files, owners
from lthkit.storage.folders import read_config
from lthkit.storage.publishing import publish, put_aside, same_file
from lthkit.storage.records import Row

log = logging.getLogger("lthkit")

ROW, MASK, STAGE = "row.json", "mask.npz", "stage"


def published_row(folder: Path, level: Level | str) -> Row | None:
    """The row of a finished level; None if it has not ended.

    Raises:
        files.DamagedFile, RunMismatch: it is there, and is not what was published.
    """
    name = level if isinstance(level, str) else level.name
    place = folder / name
    if not place.is_dir():
        return None
    try:
        row = files.read_sealed(place / ROW)
    except FileNotFoundError:
        raise files.DamagedFile(
            f"{place} has no {ROW}, so it is no finished level. Move it away and run again."
        ) from None
    if row.pop("level") != name:
        raise files.DamagedFile(
            f"{place} holds another level, so its numbers are not taken. Move it away and run again."
        )
    if row.pop("of_cell") != owners.mark_of(read_config(folder)):
        raise files.DamagedFile(
            f"{place} is of another cell, so its numbers are not taken. Move it away and run again."
        )
    return row


def finished_row(folder: Path, level: Level) -> Row | None:
    """As `published_row`, for who can do the level again: one that is damaged is put aside, and the log says so."""
    try:
        return published_row(folder, level)
    except (files.DamagedFile, owners.RunMismatch) as error:
        aside = put_aside(folder / level.name)
        log.warning("%s It is kept as %s, and that level is done again.", error, aside.name)
        return None


def level_names(folder: Path) -> list[str]:
    """The names of the levels that are published in a cell's folder."""
    return sorted(entry.name for entry in os.scandir(folder) if _is_level(entry.name))


def _is_level(name: str) -> bool:
    return (
        name == DENSE
        or "-round-" in name
        and not name.startswith("damaged-")
        or ("-density-" in name and not name.startswith("damaged-"))
    )


def rows_of(folder: Path) -> Iterator[Row]:
    """The rows of all levels that are finished in a cell's folder, joined with what was trained.

    Raises:
        FileNotFoundError: it is no cell. files.DamagedFile, RunMismatch: a level is not what was published.
    """
    config = read_config(folder)
    if config.get("kind") != "cell":
        raise FileNotFoundError(f"{folder} is not the folder of a cell: its config.json says nothing of one.")
    for name in level_names(folder):
        if (row := published_row(folder, name)) is not None:
            yield joined(folder.name, config, row)


def publish_level(folder: Path, attempt: Path, this: Finished, row: Row) -> Row:
    """Publish a level as its row, mask and round; the row that is published then, ours or that of who was first.

    Raises:
        files.CannotWrite: the disk is full, or the folder read-only. Nothing is half published.
    """
    stage = attempt / STAGE / this.level.name
    if stage.exists():
        shutil.rmtree(stage)  # of one that was killed here
    stage.mkdir(parents=True)
    try:
        if this.driver is not None:
            kept = this.driver / f"round-{this.round:02d}.npz"
            for source in (this.driver / owners.CONFIG, this.driver / "rewind.npz", kept):
                same_file(source, stage / source.name)
        if this.mask is not None:
            this.mask.save(stage / MASK)
        told: dict[str, Any] = {"level": this.level.name, "of_cell": owners.mark_of(read_config(folder))}
        files.write_sealed(stage / ROW, row | told)
        mine = publish(stage, folder / this.level.name)
    except OSError as error:
        shutil.rmtree(stage, ignore_errors=True)
        if isinstance(error, files.CannotWrite):
            raise
        raise files.CannotWrite(error.errno, error.strerror or str(error), str(stage)) from error
    if mine:
        return row
    return published_row(folder, this.level) or row


def attempt_in(folder: Path, number: int) -> Path:
    """The working folder of claim `number`: what the newest attempt before it has begun becomes its own.

    A holder that was taken over finds its folder gone. Files that another program may hold open are none of ours.
    """
    attempt = folder / f"attempt-{number:04d}"
    earlier = sorted(path for path in folder.glob("attempt-*") if path != attempt)
    if not attempt.exists() and earlier:
        os.rename(earlier[-1], attempt)
        for lock in attempt.rglob(".lock"):  # of one that is stopped, and would keep us out
            lock.unlink()
    attempt.mkdir(exist_ok=True)
    _rounds_again(folder, attempt / CHAIN)
    return attempt


def _rounds_again(folder: Path, chain: Path) -> None:
    """Give a chain the rounds that are published, so that it goes on from there."""
    for name in (DENSE, *(n for n in level_names(folder) if n.startswith("ticket-round-"))):
        for kept in sorted((folder / name).glob("round-*.npz")):
            for source in (folder / name / owners.CONFIG, folder / name / "rewind.npz", kept):
                if not (chain / source.name).exists():
                    same_file(source, chain / source.name)


def remove_attempts(folder: Path) -> None:
    """Remove what is no longer needed once all that was asked for is published."""
    for attempt in folder.glob("attempt-*"):
        shutil.rmtree(attempt, ignore_errors=True)


def load_mask(folder: Path, level: Level) -> Mask:
    """The mask of a finished level. FileNotFoundError if it has none."""
    return Mask.load(folder / level.name / MASK)
