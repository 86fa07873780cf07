"""A run folder: made by one configuration, worked in by one process at a time, and gone on with by the next."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Lock
from typing import Any

import filelock
import torch

from lthkit.storage import files, owners
from lthkit.storage.owners import RunMismatch as RunMismatch
from lthkit.storage.owners import canonical
from lthkit.storage.records import run_id, runs_folder

log = logging.getLogger("lthkit")

_LOCK, _HOLDER = ".lock", ".holder.json"


class RunBusy(RuntimeError):
    """Another process works in the run folder."""


_kept: Path | None = None  # where `keep_runs` wants all runs, if it was called
_guard = Lock()
_held: dict[
    Path, tuple[filelock.BaseFileLock, int]
] = {}  # locks of this process, and how often each is in use


def keep_runs(folder: Path | str | None = None) -> Path:
    """From now on every training and every search of this process is saved and, when called again, gone on with.

    Run a notebook again from the top in a new process, and it goes on where the last one ended: what is finished is
    read, not repeated. (`classroom.keep_on_drive` calls this with a folder on Google Drive.)

    Args:
        folder: where runs go, the passport and the runs of `lthkit run` too (it becomes $LTHKIT_RUNS); None leaves that
            as it is. Each training or search gets a folder of its own in `folder/kept`, named after its configuration,
            so a changed argument begins a new one. The argument `folder=` of a single call goes before this.

    Raises:
        files.CannotWrite: the folder cannot be written.
    """
    global _kept
    chosen = (Path(folder) if folder is not None else runs_folder()).resolve()
    files.write_text(chosen / "kept" / ".writable", "").unlink()
    os.environ["LTHKIT_RUNS"] = str(chosen)
    _kept = chosen / "kept"
    return chosen


def keep_no_runs() -> None:
    """Undo `keep_runs`: runs without `folder=` leave nothing behind again."""
    global _kept
    _kept = None


@contextlib.contextmanager
def keeping_runs_in(folder: Path | str) -> Iterator[None]:
    """While this lasts, every training and every search of this process is saved in a folder of its own in `folder`."""
    global _kept
    before, _kept = _kept, Path(folder).resolve()
    try:
        yield
    finally:
        _kept = before


@contextlib.contextmanager
def working_in(
    folder: Path | str | None, config: Callable[[], Mapping[str, Any]], *, name: str
) -> Iterator[Path | None]:
    """Work in a run folder; None if there is none to work in.

    Args:
        config: called for the configuration if there is a folder.
        folder: None is a folder below that of `keep_runs`, named after `name` and the configuration; without
            `keep_runs` it is no folder at all.

    Raises:
        RunMismatch, RunBusy, files.CannotWrite, files.DamagedFile: see `open_run` and `hold`.
    """
    if folder is None and _kept is not None:
        folder = _kept / run_id(name, config(), digits=12)
    if folder is None:
        yield None
        return
    with hold(folder):
        place = open_run(folder, config())
        try:
            yield place
        except BaseException:
            _forget_if_empty(place)
            raise


def open_run(folder: Path | str, given: Mapping[str, Any]) -> Path:
    """Make a run folder, or go on in the one that the same configuration made.

    Where config.json is lost or damaged, the marks of the other files say whose they are (`owners`): if all are of this
    configuration, it is written again. Another version of lthkit or torch that goes on with a run is told once, and stands
    in config.json from then on.

    Raises:
        RunMismatch: the folder has a run with another configuration, whose differences are shown, or files of one; or files
                without a mark, and no configuration that says whose they are.
        files.DamagedFile: config.json is damaged, and nothing else says whose the folder is.
        files.CannotWrite: the folder cannot be written.
    """
    folder = Path(folder)
    config: dict[str, Any] = json.loads(canonical(given))
    path = folder / owners.CONFIG
    before, damaged = _configuration(path)
    if before is None:
        _require_own(folder, owners.mark_of(config), damaged=damaged)
        files.write_sealed(path, config | {owners.MADE_WITH: [_versions()]})
    else:
        made_with = before.pop(owners.MADE_WITH, [])
        if before != config:
            raise RunMismatch(_differences(folder, before, config))
        if made_with and _versions() not in made_with:
            log.warning(
                "%s was begun with %s, and goes on with %s; config.json says so from now on.",
                folder, _named(made_with[-1]), _named(_versions()),
            )  # fmt: skip
            files.write_sealed(path, config | {owners.MADE_WITH: [*made_with, _versions()]})
    owners.opened(folder, owners.mark_of(config))
    return folder


def read_config(folder: Path | str) -> dict[str, Any]:
    """The configuration of a run, as it was given. `files.DamagedFile` or FileNotFoundError if it cannot be read."""
    config = files.read_sealed(Path(folder) / owners.CONFIG)
    config.pop(owners.MADE_WITH, None)
    return config


def made_with(folder: Path | str) -> list[dict[str, str]]:
    """The versions of lthkit and torch that worked on a run, the first one first; none for a run of an older lthkit."""
    return list(files.read_sealed(Path(folder) / owners.CONFIG).get(owners.MADE_WITH, []))


def _configuration(path: Path) -> tuple[dict[str, Any] | None, bool]:
    """The configuration on disk, None if there is none that can be read; and whether it is damaged."""
    try:
        return files.read_sealed(path), False
    except FileNotFoundError:
        return None, False
    except files.DamagedFile:
        return None, True


def _require_own(folder: Path, mark: str, *, damaged: bool) -> None:
    """Without a configuration that can be read, go on only where the other files are of this run."""
    found = list(owners.marks_in(folder))
    lost = f"{folder / owners.CONFIG} is {'damaged' if damaged else 'not there'}"
    safe = (
        "Choose another folder, or put the right config.json back; to begin anew, move the whole folder away."
    )
    for path, other in found:
        if other != mark:
            why = f"is of another run ({other})" if other else "does not say which run it is of"
            raise RunMismatch(f"{lost}, and {path.name} {why}; this run is {mark}. {safe}")
    if damaged and not found:
        raise files.DamagedFile(f"{lost}, so it is not known which run {folder} holds. {safe}")
    if found:
        log.warning("%s; all else in %s is of this run, which goes on.", lost, folder)


def _differences(folder: Path, before: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    keys = sorted(k for k in before.keys() | config.keys() if before.get(k) != config.get(k))
    differences = "; ".join(f"{k}: {before.get(k)!r} there, {config.get(k)!r} now" for k in keys)
    text = f"{folder} holds another run ({differences}). Choose another folder; to begin anew there, move the whole folder away."
    if any(_same_function(before.get(k), config.get(k)) for k in keys):
        text += (
            " The function has the same name; its code is another, or what it holds: numbers, objects, also a list that it "
            "writes to."
        )
    return text


def _versions() -> dict[str, str]:
    return {"lthkit": _version("lthkit"), "torch": torch.__version__.partition("+")[0]}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _named(versions: Mapping[str, str]) -> str:
    return " and ".join(f"{name} {number}" for name, number in versions.items())


def _same_function(one: object, other: object) -> bool:
    """True for two names as `name_of` gives them that differ only in the digits."""
    return all(isinstance(n, str) and re.search("-[0-9a-f]{6}$", n) for n in (one, other)) and (
        str(one)[:-7] == str(other)[:-7]
    )


def _forget_if_empty(folder: Path) -> None:
    """Where nothing was saved, a corrected call is welcome: the folder belongs to nobody again.

    One that is gone, or cannot be written, says nothing here: what ended the work is told, and not this.
    """
    with contextlib.suppress(OSError):
        if {path.name for path in folder.iterdir()} <= {owners.CONFIG, _LOCK, _HOLDER}:
            (folder / owners.CONFIG).unlink(missing_ok=True)
            owners.given_up(folder)


@contextlib.contextmanager
def hold(folder: Path | str) -> Iterator[None]:
    """Keep other processes out of a folder. The system lets go when this process ends, however it ends.

    Several threads of one process may hold it together: their runs share the work, or do the same work with the same
    result. Where the file system knows no locks (some network drives) one line in the log says so, and work goes on.

    Raises:
        RunBusy: another process holds it; the text says which.
        files.CannotWrite: the folder cannot be written.
    """
    key = Path(folder).resolve()
    with _guard:
        lock, users = _held.get(key) or (_acquired(Path(folder)), 0)
        _held[key] = (lock, users + 1)
    try:
        yield
    finally:
        with _guard:
            lock, users = _held.pop(key)
            if users > 1:
                _held[key] = (lock, users - 1)
            else:
                lock.release()


def _acquired(folder: Path) -> filelock.BaseFileLock:
    holder = folder / _HOLDER
    me = {
        "process": os.getpid(),
        "machine": socket.gethostname(),
        "since": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
    lock = filelock.FileLock(folder / _LOCK, thread_local=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise RunBusy(
            f"{folder} is in use by {_who(holder)}. Wait until it ends, or choose another folder."
        ) from None
    except NotImplementedError:
        log.warning("%s cannot be locked; see to it that only one process works there.", folder)
        return filelock.SoftFileLock(folder / ".unlocked")  # never acquired: releasing it does nothing
    except OSError as error:
        if (folder / owners.CONFIG).exists() and not os.access(folder, os.W_OK):
            log.warning("%s cannot be written; what is finished there is read.", folder)
            return filelock.SoftFileLock(folder / ".unlocked")
        raise files.CannotWrite(error.errno, error.strerror or str(error), str(folder)) from error
    with contextlib.suppress(OSError):  # only for the message of the next process
        files.write_bytes(holder, json.dumps(me, indent=1).encode(), forced=False)
    return lock


def _who(holder: Path) -> str:
    try:
        who = files.read_json(holder)
        return f"process {who['process']} on {who['machine']}, since {who['since']}"
    except (OSError, ValueError, LookupError, TypeError):
        return "another process"
