"""What a run folder is, how far it is and who works on it: seen from outside, without loading data and without a lock."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from lthkit.cells import folders as cell_folders
from lthkit.cells.rows import joined
from lthkit.runs import asked
from lthkit.runs.plans import KIND as PLANNED
from lthkit.storage import files, owners
from lthkit.storage.claims import Patience, claim_of
from lthkit.storage.folders import read_config
from lthkit.storage.records import Row
from lthkit.sweeps.records import CELLS, asked_of, failures_of, is_sweep

SWEEP, CELL, EXPERIMENT, SEARCH, OTHER = "sweep", "cell", "experiment", "search", "run"
FINISHED, UNDER_WAY, STOPPED, FAILED, DAMAGED = "finished", "under way", "stopped", "failed", "damaged"
IDLE = "idle"  # nobody works on it, and whether it has come to its end is not written there
_RECENT = 600.0  # seconds: a run on another machine that was changed later may still be under way

UNREADABLE = (files.DamagedFile, owners.RunMismatch, OSError, KeyError, TypeError, ValueError)


@dataclass(frozen=True)
class CellState:
    """One cell of a run: what is published, what was asked for and is missing, who works on it, and why it failed.

    asked: what the sweep said of it (method, model, data, seed); empty where nobody did. begun: a training in it waits to be
    gone on with.
    """

    folder: Path
    asked: Mapping[str, Any]
    published: tuple[str, ...]
    missing: tuple[str, ...] = ()
    by: str = ""
    wrong: str = ""
    changed: float = 0.0
    begun: bool = False

    @cached_property
    def config(self) -> dict[str, Any]:
        """Its configuration. DamagedFile, RunMismatch, FileNotFoundError if it is not that of this cell."""
        return cell_folders.config_of(self.folder)

    @cached_property
    def mark(self) -> str:
        """By which its levels know it."""
        return owners.mark_of(self.config)

    @property
    def known(self) -> Mapping[str, Any]:
        """Its configuration, empty where that cannot be read."""
        try:
            return self.config
        except UNREADABLE:
            return {}

    @property
    def seed(self) -> int | None:
        """Its seed, None where nothing says which."""
        found = self.asked if "seed" in self.asked else self.known
        return int(found["seed"]) if "seed" in found else None

    def row(self, level: str) -> Row:
        """The row of a published level, with what was trained. DamagedFile, RunMismatch if it is not what was published."""
        row = cell_folders.published_row(self.folder, level, mark=self.mark)
        if row is None:
            raise FileNotFoundError(f"{self.folder} has no finished level {level}.")
        return joined(self.config, row)


@dataclass(frozen=True)
class State:
    """A run at a glance. seeds: done and asked; None where that is not known. changed: when, in seconds since 1970."""

    folder: Path
    kind: str
    status: str
    by: str = ""
    seeds: tuple[int, int] | None = None
    changed: float = 0.0
    wrong: tuple[str, ...] = ()
    cells: tuple[CellState, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.folder.resolve().name

    @property
    def missing(self) -> list[tuple[CellState, str]]:
        """What was asked for and is not published, as (cell, level)."""
        return [(cell, level) for cell in self.cells for level in cell.missing]


def is_run(folder: Path) -> bool:
    """Whether a folder is a run: it has a configuration, or it is a sweep's."""
    return (folder / owners.CONFIG).exists() or is_sweep(folder)


def runs_in(folder: Path) -> list[Path]:
    """The runs directly in a folder, by name."""
    if not folder.is_dir():
        return []
    return sorted(
        Path(entry.path) for entry in os.scandir(folder) if entry.is_dir() and is_run(Path(entry.path))
    )


def state_of(folder: Path, *, patience: Patience = Patience()) -> State:  # noqa: B008  (frozen)
    """What a run folder is, how far it is, who works on it; "damaged" if that cannot be read.

    Raises:
        FileNotFoundError: it is no run folder.
    """
    if not is_run(folder):
        raise FileNotFoundError(
            f"{folder} is not a run folder: it has neither a config.json nor a sweep.json."
        )
    try:
        return _state(folder, patience)
    except UNREADABLE as error:
        return State(folder, OTHER, DAMAGED, changed=_changed(folder), wrong=(str(error),))


def _state(folder: Path, patience: Patience) -> State:
    if not (folder / owners.CONFIG).exists():
        return _of_cells(folder, SWEEP, list(_cells_of(folder, patience)))
    config = read_config(folder)
    if config.get("kind") == "cell":
        return _of_cells(folder, CELL, [_cell(folder, None, patience)])
    if config.get("kind") == asked.KIND or ("method" in config and "seeds" in config):
        return _of_experiment(folder, config, patience)
    by = _working_in(folder)
    if config.get("kind") == PLANNED:
        return State(
            folder, PLANNED, _status((folder / "summary.json").exists(), by, ()), by, None, _changed(folder)
        )
    kind = SEARCH if any(folder.glob("round-*.npz")) else OTHER
    return State(folder, kind, UNDER_WAY if by else IDLE, by, changed=_changed(folder))


def _of_cells(folder: Path, kind: str, cells: Sequence[CellState]) -> State:
    wrong = tuple(cell.wrong for cell in cells if cell.wrong)
    seeds: dict[Any, bool] = {}
    for cell in cells:
        if cell.seed is not None:
            seeds[cell.seed] = seeds.get(cell.seed, True) and not (cell.missing or cell.wrong or cell.begun)
    done = bool(cells) and not any(cell.missing or cell.begun for cell in cells)
    names = list(dict.fromkeys(cell.by for cell in cells if cell.by))
    by = names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "") if names else ""
    changed = max((cell.changed for cell in cells), default=_changed(folder))
    return State(
        folder,
        kind,
        _status(done, by, wrong),
        by,
        (sum(seeds.values()), len(seeds)),
        changed,
        wrong,
        tuple(cells),
    )


def _of_experiment(folder: Path, config: Mapping[str, Any], patience: Patience) -> State:
    """A run of `runs.experiments`: its cells, what was asked of it, and whether its table has all of that."""
    calls = asked.asked_of(folder) if config.get("kind") == asked.KIND else []
    seeds = {seed for call in calls for seed in call.seeds} or set(config.get("seeds", ()))
    wanted: dict[int, dict[str, None]] = {seed: {} for seed in seeds}
    for call in calls:
        names = [level.name for level in asked.levels_of(config["method"], config["fraction"], call).values()]
        for seed in call.seeds:
            wanted[seed] |= dict.fromkeys(names)
    cells = []
    for cell in _cells_of(folder, patience):
        missing = [
            name
            for name in wanted.get(-1 if cell.seed is None else cell.seed, ())
            if name not in cell.published
        ]
        cells.append(replace(cell, missing=tuple(missing)))
    if (folder / "summary.json").exists() and _is_in_table(folder, calls):
        return State(folder, EXPERIMENT, FINISHED, "", (len(seeds),) * 2, _changed(folder), (), tuple(cells))
    by = next((cell.by for cell in cells if cell.by), "") or _working_in(folder)
    done = len({cell.seed for cell in cells if not cell.missing} & seeds)
    changed = max([_changed(folder), *(cell.changed for cell in cells)])
    return State(
        folder, EXPERIMENT, _status(False, by, ()), by, (done, len(seeds)), changed, (), tuple(cells)
    )


def _is_in_table(folder: Path, calls: Sequence[asked.Asked]) -> bool:
    """Whether the summary of an experiment is of all that was asked; one that grows has an older one until it ends."""
    try:
        told = files.read_sealed(folder / "summary.json").get("asked")
    except UNREADABLE:
        return False
    return told is None or set(calls) <= set(asked.read_again(told))


def _status(done: bool, by: str, wrong: Sequence[str]) -> str:
    if wrong:
        return FAILED
    return FINISHED if done else UNDER_WAY if by else STOPPED


def _cells_of(folder: Path, patience: Patience) -> Iterator[CellState]:
    """The cells of a sweep: those that lie there, and those that were asked for and are not begun."""
    place = folder / CELLS
    entries, failures = {one["cell"]: one for one in asked_of(folder)}, failures_of(folder)
    there = [entry.name for entry in os.scandir(place) if entry.is_dir()] if place.is_dir() else []
    known = sorted(name for name in there if cell_folders.is_cell_name(name))  # and not somebody's copy
    for name in dict.fromkeys([*entries, *known]):
        if name in known:
            yield _cell(place / name, entries.get(name), patience, failures.get(name, ""))
        else:
            levels = tuple(entries[name]["levels"])
            yield CellState(place / name, entries[name], (), levels, wrong=failures.get(name, ""))


def _cell(folder: Path, entry: Mapping[str, Any] | None, patience: Patience, failure: str = "") -> CellState:
    """entry: what the sweep asked of it; None if nobody said. failure: why it failed when it was tried last."""
    try:
        published = tuple(cell_folders.level_names(folder))
        changed = folder.stat().st_mtime  # each level that is published changes it
    except OSError as error:
        return CellState(folder, entry or {}, (), wrong=str(error))
    missing = tuple(level for level in entry["levels"] if level not in published) if entry else ()
    claim = claim_of(folder) if missing or not entry else None
    by = claim.who if claim is not None and not claim.is_lost(patience) else ""
    wrong = failure if missing and not by else ""
    begun = not entry and any(folder.glob("attempt-*"))
    return CellState(folder, entry or {}, published, missing, by, wrong, changed, begun)


def _working_in(folder: Path) -> str:
    """Who holds the lock of a run folder, or nothing."""
    try:
        holder = files.read_json(folder / ".holder.json")
        who = f"process {holder['process']} on {holder['machine']}"
        here, number = holder["machine"] == socket.gethostname(), int(holder["process"])
    except UNREADABLE:
        return ""
    if here:
        return who if _lives(number) and _locked(folder) else ""
    return f"{who}, perhaps" if time.time() - _changed(folder) < _RECENT else ""


def _lives(process: int) -> bool:
    if os.name == "nt":
        return True  # os.kill would end it there
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _locked(folder: Path) -> bool:
    import filelock

    lock = filelock.FileLock(folder / ".lock", thread_local=False)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return True
    except (OSError, NotImplementedError):
        return False
    lock.release()
    return False


def _changed(folder: Path) -> float:
    """When something was last changed in a folder or in one of those in it."""
    times = [0.0]
    with contextlib.suppress(OSError):
        times.append(folder.stat().st_mtime)
        times += [entry.stat().st_mtime for entry in os.scandir(folder)]
    return max(times)
