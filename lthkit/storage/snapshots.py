"""Snapshots of a work in progress, the last two of them: a work that was stopped goes on from the newest whole one."""

from __future__ import annotations

import contextlib
import logging
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lthkit.machine import bars, work
from lthkit.machine.work import Interrupted as Interrupted
from lthkit.storage import files

log = logging.getLogger("lthkit")

Found = tuple[dict[str, np.ndarray], dict[str, Any]]  # arrays and description of a snapshot

INTERVAL = 30.0  # seconds from one snapshot to the next, at least
SHARE = 0.01  # of the time, at most, that writing them may take


class TimeUp(RuntimeError):
    """The time that was given for a run is over; the run can go on."""


class Snapshots:
    """Where one work saves how far it has come; nowhere if `folder` is None.

    A snapshot is arrays and a description, saved under a step number. The random states of torch, numpy and Python go
    with it. One is due once `INTERVAL` seconds have passed and writing has taken less than `SHARE` of the time.

    unit: what the numbers of the snapshots count.
    final: the end of the work is saved too. A driver that saves results in a file of its own has no need of it, and
        calls `remove` after that.
    """

    def __init__(self, folder: Path | None, *, unit: str = "steps", final: bool = False) -> None:
        self.unit, self.folder, self.final = unit, folder, final and folder is not None
        self._begun = self._last = time.perf_counter()
        self._writing = 0.0
        self._step: int | None = None  # of the newest on disk

    @property
    def due(self) -> bool:
        """True if it is time for one."""
        now = time.perf_counter()
        return (
            self.folder is not None
            and now - self._last >= INTERVAL
            and self._writing <= SHARE * (now - self._begun)
        )

    def save(self, step: int, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        """Write one, atomically; of the older ones only the newest stays."""
        if self.folder is None:
            return
        begun = time.perf_counter()
        states, described = _random_states()
        files.save_arrays(
            self._path(step),
            {**arrays, **states},
            {**meta, "kind": "snapshot", "step": step, "random": described},
        )
        for old in self._paths()[2:]:
            old.unlink(missing_ok=True)
        work.saved_in(self.folder)
        self._step, self._last = step, time.perf_counter()
        self._writing += self._last - begun

    def newest(self, at: int | None = None) -> Found | None:
        """Arrays and description of the newest that is whole, or of the one `at` a step; None if there is none.

        The random states become those of the snapshot, but in a thread beside the main one, where all threads draw from
        the same generators and no state would be anybody's own. Of each damaged one the log says that it was passed over.
        """
        for path in self._paths():
            if at is not None and path != self._path(at):
                continue
            try:
                arrays, meta = files.load_arrays(path)
                if meta.get("kind") != "snapshot":
                    raise files.DamagedFile(f"{path} holds {meta.get('kind', 'something else')!r}.")
            except FileNotFoundError:
                continue
            except files.DamagedFile as error:
                log.warning(
                    "%s It is passed over; the work goes on from the one before, if there is one.", error
                )
                continue
            if threading.current_thread() is threading.main_thread():
                _set_random_states(arrays, meta["random"])
            self._step = meta["step"]
            work.saved_in(self.folder)
            return arrays, meta
        return None

    def steps(self) -> list[int]:
        """The steps at which there are whole ones, newest first."""
        whole = []
        for path in self._paths():
            with contextlib.suppress(files.DamagedFile, FileNotFoundError):
                whole.append(int(files.load_arrays(path)[1]["step"]))
        return whole

    def report(
        self, progress: Callable[[int], object] | None, updates: int, *, save: Callable[[], object]
    ) -> None:
        """Between two updates: `save` if one is due, then tell how many were done. Telling may stop the work; that saves too.

        `Stopped`, after saving, if the work in this thread shall end.
        """
        if self.due:
            save()
        try:
            work.check()
            if progress:
                progress(updates)
        except BaseException:
            save()
            raise

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Around the work: an interrupt says how to go on."""
        try:
            yield
        except KeyboardInterrupt as error:
            if self.folder is None or isinstance(error, Interrupted):
                raise
            raise Interrupted(self.told_when_stopped()) from None

    def told_when_stopped(self) -> str:
        """What an interrupt of this training says."""
        reached = self._step if self._step is not None else next(iter(self.steps()), None)
        if reached is None:
            return f"Stopped. Nothing of this training is saved yet: {bars.again()} to begin it anew."
        return (
            f"Stopped. The first {reached} {self.unit} of this training are saved, in {work.near(self.folder or Path())}. "
            f"{bars.again().capitalize()} to go on from there."
        )

    def remove(self) -> None:
        """Delete them, with the folder: the work is done and saved elsewhere."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, step: int) -> Path:
        assert self.folder is not None
        return self.folder / f"snapshot-{step:08d}.npz"

    def _paths(self) -> list[Path]:
        """Newest first."""
        return sorted(self.folder.glob("snapshot-*.npz"), reverse=True) if self.folder else []


def _random_states() -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Of the global generators of torch (every CUDA device too), numpy and Python; a network may draw from them."""
    name, keys, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002  (the global one is meant)
    version, words, gauss_next = random.getstate()
    arrays = {
        "random|torch": torch.get_rng_state().numpy(),
        "random|numpy": np.asarray(keys),
        "random|python": np.array(words, dtype=np.uint32),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        arrays |= {f"random|cuda-{i}": s.numpy() for i, s in enumerate(torch.cuda.get_rng_state_all())}
    return arrays, {
        "numpy": [str(name), int(position), int(has_gauss), float(gauss)],
        "python": [version, gauss_next],
    }


def _set_random_states(arrays: Mapping[str, np.ndarray], described: Mapping[str, Any]) -> None:
    torch.set_rng_state(torch.from_numpy(arrays["random|torch"]))
    name, position, has_gauss, gauss = described["numpy"]
    np.random.set_state((name, arrays["random|numpy"], position, has_gauss, gauss))  # noqa: NPY002
    version, gauss_next = described["python"]
    random.setstate((version, tuple(arrays["random|python"].tolist()), gauss_next))
    for label, state in arrays.items():
        if label.startswith("random|cuda-") and torch.cuda.is_available():
            torch.cuda.set_rng_state(torch.from_numpy(state), int(label.rpartition("-")[2]))
