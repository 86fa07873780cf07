"""The folder of a cell: its configuration, the claim of who works on it, attempts, and the levels that are published.

    imp-3f9c1a0b77d2/
      config.json               the cell; how far it goes is not in it
      .claim-0001.json          who works on it, if anybody does
      attempt-0001-5be2.../     what that one has begun, see `attempts`
      dense/  ticket-round-03/  shuffled-round-03/      finished levels, each whole, each published once

A level has `row.json`, `mask.npz`, and, where a driver keeps them, its round and rewind point: `tickets.load_round(level, r)`.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lthkit.cells.cells import DENSE, Level, id_of
from lthkit.cells.places import Finished
from lthkit.cells.rows import joined
from lthkit.cells.ways import WAYS
from lthkit.pruning.masks import Mask
from lthkit.storage import files, owners
from lthkit.storage.folders import open_run, read_config
from lthkit.storage.publishing import publish, put_aside, same_file
from lthkit.storage.records import Row
from lthkit.training.choices import Choice

log = logging.getLogger("lthkit")

ROW, MASK, STAGE = "row.json", "mask.npz", "stage"
_ARMS = sorted({arm for way in WAYS.values() for arm in way.arms})
_LEVEL = re.compile(rf"{DENSE}|({'|'.join(map(re.escape, _ARMS))})-(round-\d\d+|density-[0-9.e-]+)")
_CELL = re.compile(rf"({'|'.join(map(re.escape, WAYS))})-[0-9a-f]{{12}}")
_NO_LEVEL = "so its numbers are not taken. Move it away and run again."


def is_cell_name(name: str) -> bool:
    """True for what may be the id of a cell, the name of its folder in a sweep."""
    return _CELL.fullmatch(name) is not None


def level_names(folder: Path) -> list[str]:
    """The names of the levels that are published in a cell's folder; nothing is read but names."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if _LEVEL.fullmatch(entry.name))
    except (FileNotFoundError, NotADirectoryError):
        return []


def open_cell(folder: Path, config: Mapping[str, Any]) -> None:
    """Begin a cell in its folder, or go on in it; for who has claimed it.

    A configuration that is lost or damaged is written again if all levels are of this cell.

    Raises:
        RunMismatch, files.DamagedFile, files.CannotWrite: see `storage.open_run`.
    """
    try:
        read_config(folder)
    except (FileNotFoundError, files.DamagedFile) as error:
        levels = level_names(folder)
        for name in levels:
            _check_level_is_of(folder, name, owners.mark_of(config))
        if levels and isinstance(error, files.DamagedFile):
            put_aside(folder / owners.CONFIG)
    open_run(folder, config)


def _check_level_is_of(folder: Path, name: str, mark: str) -> None:
    try:
        other = files.read_sealed(folder / name / ROW, anyones=True).get("of_cell")
    except (FileNotFoundError, NotADirectoryError, files.DamagedFile):
        return  # it is put aside when its turn comes
    if other != mark:
        raise owners.RunMismatch(
            f"{folder / owners.CONFIG} is lost or damaged, and {name} is of another cell ({other}) than this one ({mark}). Choose "
            "another folder, or put the right config.json back; to begin anew, move the whole folder away."
        )


def published_row(folder: Path, level: Level | str, *, mark: str | None = None) -> Row | None:
    """The row of a finished level; None if it has not ended.

    mark: `owners.mark_of` the cell's configuration; None reads that.

    Raises:
        files.DamagedFile, RunMismatch: it is there, and is not what was published.
    """
    found = _published(folder, level if isinstance(level, str) else level.name, mark)
    return None if found is None else found[0]


def finished_row(folder: Path, level: Level | str, *, mark: str | None = None) -> Row | None:
    """As `published_row`, for who can do the level again: one that is damaged is put aside, and the log says so."""
    found = finished_level(folder, level if isinstance(level, str) else level.name, mark=mark)
    return None if found is None else found[0]


def finished_level(
    folder: Path, name: str, *, mark: str | None = None, read: bool = False
) -> tuple[Row, dict[str, Any]] | None:
    """As `finished_row`, with what else `row.json` says: mask (its fingerprint), choice, files (their checksums).

    read: all files of the level are read, and are those that were published; else they are there.
    """
    mark = owners.mark_of(read_config(folder)) if mark is None else mark
    try:
        found = _published(folder, name, mark)
        for file, digest in found[1]["files"].items() if found is not None else ():
            path = folder / name / file
            if not path.exists() or (read and _digest(path) != digest):
                raise files.DamagedFile(f"{path} is not there, or is not what was published.")
        return found
    except (files.DamagedFile, owners.RunMismatch) as error:
        aside = put_aside(folder / name)
        log.warning("%s It is kept as %s, and that level is done again.", error, aside.name)
        return None


def _published(folder: Path, name: str, mark: str | None) -> tuple[Row, dict[str, Any]] | None:
    place = folder / name
    try:
        row = files.read_sealed(place / ROW, anyones=True)  # it says of which cell it is
    except (FileNotFoundError, NotADirectoryError):
        if not os.path.lexists(place):
            return None
        raise files.DamagedFile(f"{place} has no {ROW}, {_NO_LEVEL}") from None
    told = {key: row.pop(key, None) for key in ("level", "of_cell", "mask", "choice", "files")}
    if told["level"] != name:
        raise files.DamagedFile(f"{place} holds another level ({told['level']}), {_NO_LEVEL}")
    if not isinstance(told["files"], dict):
        raise files.DamagedFile(f"{place} was written by another version of lthkit, {_NO_LEVEL}")
    if told["of_cell"] != (owners.mark_of(read_config(folder)) if mark is None else mark):
        raise files.DamagedFile(f"{place} is of another cell, {_NO_LEVEL}")
    return row, told


def rows_of(folder: Path) -> Iterator[Row]:
    """The rows of all levels that are finished in a cell's folder, joined with what was trained.

    Raises:
        FileNotFoundError: it is no cell. files.DamagedFile, RunMismatch: a level is not what was published, or the folder has
            the name of another cell.
    """
    config = config_of(folder)
    mark = owners.mark_of(config)
    for name in level_names(folder):
        if (row := published_row(folder, name, mark=mark)) is not None:
            yield joined(config, row)


def config_of(folder: Path) -> dict[str, Any]:
    """The configuration of a cell. Raises as `rows_of` does."""
    config = read_config(folder)
    if config.get("kind") != "cell":
        raise FileNotFoundError(f"{folder} is not the folder of a cell: its config.json says nothing of one.")
    if is_cell_name(folder.name) and folder.name != (right := id_of(config)):
        raise owners.RunMismatch(
            f"{folder} has the name of another cell: its config.json is that of {right}, so its numbers would be counted for "
            "another one. Give it its name back, or move it away."
        )
    return config


def publish_level(folder: Path, attempt: Path, this: Finished, row: Row, *, mark: str) -> Row:
    """Publish a level as its row, mask and round; the row that is published then, ours or that of who was first.

    Raises:
        files.CannotWrite: the disk is full, or the folder read-only. Nothing is half published.
        ValueError: a number that is NaN or infinite.
    """
    if odd := [key for key, value in row.items() if isinstance(value, float) and not math.isfinite(value)]:
        raise ValueError(
            f"{this.level.name} of {folder} measured {', '.join(f'{key}={row[key]}' for key in odd)}; expected finite numbers. "
            "Does a metric of your own divide by a count that may be 0?"
        )
    stage = attempt / STAGE / this.level.name
    try:
        if stage.exists():
            shutil.rmtree(stage)  # of one that was killed here
        stage.mkdir(parents=True)
        if this.driver is not None:
            for source in round_files(this.driver, this.round):
                same_file(source, stage / source.name)
        if this.mask is not None:
            this.mask.save(stage / MASK)
        choice = this.result.choice if this.result is not None else None
        told = {
            "level": this.level.name,
            "of_cell": mark,
            "mask": None if this.mask is None else this.mask.fingerprint,
            "choice": None if choice is None else asdict(choice),
            "files": {path.name: _digest(path) for path in sorted(stage.iterdir())},
        }
        files.write_sealed(stage / ROW, row | told)
        mine = publish(stage, folder / this.level.name)
    except OSError as error:
        shutil.rmtree(stage, ignore_errors=True)
        if isinstance(error, files.CannotWrite):
            raise
        raise files.CannotWrite(error.errno, error.strerror or str(error), str(stage)) from error
    return row if mine else published_row(folder, this.level, mark=mark) or row


def round_files(driver: Path, round_: int) -> list[Path]:
    """What is needed to read a round of a driver's folder again."""
    return [driver / owners.CONFIG, driver / "rewind.npz", driver / f"round-{round_:02d}.npz"]


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def choice_of(told: Mapping[str, Any]) -> Choice | None:
    """How a finished level was executed, if this version knows such a choice."""
    try:
        return Choice(**told["choice"]) if told["choice"] else None
    except TypeError:
        return None


def load_mask(folder: Path, level: Level) -> Mask:
    """The mask of a finished level.

    Raises:
        FileNotFoundError: it has none, or has not ended. files.DamagedFile: it is another one than was trained.
    """
    found = _published(folder, level.name, None)
    mask = Mask.load(folder / level.name / MASK)
    if found is None or found[1]["mask"] != mask.fingerprint:
        raise files.DamagedFile(
            f"{folder / level.name / MASK} is another mask than the one that was trained."
        )
    return mask
