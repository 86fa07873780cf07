"""A process that runs a driver and is killed: at a moment, or just before or after a step of writing a file.

Each is forked from a server that has imported everything, so that a kill and its continuation take less than a second.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from lthkit.data.datasets import Dataset
from lthkit.storage import snapshots
from tests.conftest import _split
from tests.drivers import DRIVERS, bits

POINTS = ("before the fsync", "before the rename", "after the rename")


def tiny() -> Dataset:
    """The data set of the fixture of that name."""
    parts = {
        name: _split(n, seed) for name, n, seed in (("train", 300, 1), ("validation", 90, 2), ("test", 90, 3))
    }
    return Dataset.of("tiny", **parts, classes=("top", "middle", "bottom"))


def work(driver: str, folder: Path, kill: tuple[str, float] | None) -> None:
    """Run a driver in `folder`, a snapshot at each evaluation, and write `result.json` beside it. `kill` says when to die:
    ("at", seconds), or one of `POINTS` and the number of the file."""
    torch.set_num_threads(1)
    snapshots.INTERVAL, snapshots.SHARE = 0.0, float("inf")
    if kill is not None and kill[0] == "at":
        threading.Thread(target=lambda: (time.sleep(kill[1]), die()), daemon=True).start()
    elif kill is not None:
        _die_while_writing(kill[0], int(kill[1]))
    begun = time.perf_counter()
    result = bits(DRIVERS[driver](tiny(), folder, lambda steps: None))
    document = {"bits": result, "seconds": time.perf_counter() - begun, "files": _files}
    folder.with_suffix(".json").write_text(json.dumps(document))


_files = 0


def _die_while_writing(point: str, number: int) -> None:
    fsync, rename = os.fsync, os.replace

    def forced(descriptor: int) -> None:
        global _files
        if not os.path.isdir(f"/proc/self/fd/{descriptor}"):
            _files += 1
            if point == "before the fsync" and _files == number:
                die()
        fsync(descriptor)

    def renamed(source: Any, target: Any) -> None:
        if point == "before the rename" and _files == number:
            die()
        rename(source, target)
        if point == "after the rename" and _files == number:
            die()

    os.fsync, os.replace = forced, renamed  # type: ignore[assignment]


def die() -> None:
    """As a power cut or the system's memory killer does it: no `finally`, no flushing."""
    os.kill(os.getpid(), signal.SIGKILL)


def server() -> Any:
    """Where processes are forked from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.killing"])
    return context


def run(context: Any, driver: str, folder: Path, kill: tuple[str, float] | None = None) -> bool:
    """Run once; True if it was killed, False if it ended first."""
    process = context.Process(target=work, args=(driver, folder, kill))
    process.start()
    process.join(120)
    assert process.exitcode in (0, -signal.SIGKILL), f"{driver} ended with {process.exitcode}"
    return bool(process.exitcode)


def uninterrupted(context: Any, driver: str, folder: Path) -> tuple[Any, float, int]:
    """What the driver returns, the seconds that it takes, and how many files it writes."""
    assert not run(context, driver, folder, ("counting", 0))
    document = json.loads(folder.with_suffix(".json").read_text())
    return document["bits"], document["seconds"], document["files"]


def finished(context: Any, driver: str, folder: Path) -> Any:
    """Go on to the end, as a user would with the same call, and return what the driver returned."""
    assert not run(context, driver, folder)
    return json.loads(folder.with_suffix(".json").read_text())["bits"]


Killer = Callable[[], tuple[str, float]]
