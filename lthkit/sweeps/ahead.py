"""Workers of `lthkit sweep` that begin before this process has torch: how many, by a guess from the command and a look at the file.

A wrong guess costs a second of a core and nothing else: `running.run` counts exactly, starts what is missing, and ends what
it has no work for. Nothing here imports torch, or complains: what is wrong in a file is said by `grids.read_grid`.
"""

from __future__ import annotations

import os
import platform
import tomllib
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from lthkit.machine import load

AXES = {
    "methods": 1,
    "models": 1,
    "data": 1,
    "seeds": 3,
}  # each with the number of values that a file without it has
_RUNS, _CELLS = (
    "runs",
    "cells",
)  # as `storage.records.runs_folder` and `sweeps.records.CELLS`, whose modules import torch
MOST = 8  # that begin ahead; an engine starts the rest
_GPUS = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd", r"C:\Windows\System32\nvcuda.dll")


def workers_for(
    file: Path,
    *,
    on: str | None,
    workers: int | None,
    device: str,
    out: Path | None = None,
    shard: str | None = None,
) -> int:
    """How many workers will have something to do, as far as can be told at once; 0 if fewer than two, or if in doubt.

    Args:
        out, shard: as on the command line; None is the folder of the file's name, and all cells.
    """
    if on not in (None, "local") or device not in ("cpu", "auto") or (device == "auto" and may_have_gpu()):
        return 0
    try:
        raw = tomllib.loads(file.read_bytes().decode())
        cells = cells_of(raw)
        if shard is not None:
            cells //= int(shard.rpartition("/")[2])
        place = out or Path(os.environ.get("LTHKIT_RUNS") or _RUNS) / str(raw.get("name", file.stem))
        if (place / _CELLS).is_dir():
            cells -= len(os.listdir(place / _CELLS))  # begun or finished
    except (OSError, ValueError, ArithmeticError):
        return 0
    count = min(load.cores() if workers is None else min(workers, MOST), cells)
    return count if count > 1 else 0


def cells_of(raw: Mapping[str, Any]) -> int:
    """About how many cells a file asks for; settings that are lists would make more of them, and `zip` fewer."""
    values = {axis: raw.get(axis, [None] * default) for axis, default in AXES.items()}
    return prod(len(value) if isinstance(value, list) else 1 for value in values.values())


def may_have_gpu() -> bool:
    """Whether torch may find a GPU here, which decides how many workers there are; it is not asked."""
    mac = (platform.system(), platform.machine()) == ("Darwin", "arm64")
    return mac or any(Path(path).exists() for path in _GPUS)
