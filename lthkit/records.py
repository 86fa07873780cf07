"""A run is a value: its configuration, an id made from it, the environment it ran in, and a table of results."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from lthkit import files

Row = dict[str, Any]


class RunMismatch(ValueError):
    """The run folder belongs to a run with another configuration."""


def canonical(config: Mapping[str, Any]) -> str:
    """The one way to write a configuration as text: JSON, keys sorted, no spaces."""
    return json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def run_id(name: str, config: Mapping[str, Any]) -> str:
    """`name` and six hex digits of the configuration: equal configurations have equal ids."""
    return f"{name}-{hashlib.sha256(canonical(config).encode()).hexdigest()[:6]}"


def environment() -> dict[str, Any]:
    """What the numbers may depend on and a reader may ask: versions, system, processor, threads, date."""
    packages = {}
    for package in ("lthkit", "torch", "torchvision", "numpy"):
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            packages[package] = "not installed"
    return {
        "python": platform.python_version(),
        **packages,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "date": datetime.now(UTC).date().isoformat(),
    }


def processor() -> str:
    """The processor's name as the system gives it, for a stamp."""
    if sys.platform == "linux":
        try:
            for line in Path("/proc/cpuinfo").read_text().splitlines():
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
        except OSError:
            pass
    return platform.processor() or platform.machine()


def open_run(folder: Path | str, config: Mapping[str, Any]) -> Path:
    """Make a run folder, or go on in the one that the same configuration made.

    Raises:
        RunMismatch: the folder has a run with another configuration; the differences are shown.
        OSError: the folder cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config = json.loads(canonical(config))
    path = folder / "config.json"
    if path.exists():
        before = files.read_json(path)
        if before != config:
            keys = sorted(k for k in before.keys() | config.keys() if before.get(k) != config.get(k))
            differences = "; ".join(f"{k}: {before.get(k)!r} there, {config.get(k)!r} now" for k in keys)
            raise RunMismatch(
                f"{folder} holds another run ({differences}). Choose another folder, or delete it."
            )
    else:
        files.write_json(path, config)
    return folder


def runs_folder() -> Path:
    """Where runs go unless told otherwise: $LTHKIT_RUNS, else `runs` in the current folder."""
    return Path(os.environ.get("LTHKIT_RUNS") or "runs")


def write_table(path: Path | str, rows: Sequence[Row]) -> Path:
    """Write rows with equal keys as CSV, atomically. None becomes an empty cell; floats keep all their digits."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return files.write_text(path, out.getvalue())


def read_table(path: Path | str) -> list[Row]:
    """Read what `write_table` wrote; numbers, True, False and empty cells come back as such.

    Raises:
        FileNotFoundError: no such table.
        files.DamagedFile: a line has too few or too many cells.
    """
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if any(None in row or None in row.values() for row in rows):
        raise files.DamagedFile(f"{path} is damaged: not every line has as many cells as the first.")
    return [{key: _value(cell) for key, cell in row.items()} for row in rows]


def _value(cell: str) -> Any:
    if cell in ("", "True", "False"):
        return {"": None, "True": True, "False": False}[cell]
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell
