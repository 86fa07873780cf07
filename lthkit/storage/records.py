"""A run is a value: its configuration, an id made from it, the environment it ran in, and a table of results."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from lthkit.storage import files
from lthkit.storage.owners import canonical

Row = dict[str, Any]


def run_id(name: str, config: Mapping[str, Any], *, digits: int = 6) -> str:
    """`name` and six hex digits of the configuration: equal configurations have equal ids."""
    return f"{name}-{hashlib.sha256(canonical(config).encode()).hexdigest()[:digits]}"


def environment() -> dict[str, Any]:
    """What the numbers may depend on and a reader may ask: versions, system, processor, cores, GPU, date."""
    return {
        **_installed(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "date": datetime.now(UTC).date().isoformat(),
    }


@cache
def _installed() -> dict[str, str]:
    """Versions, looked up once in a process: that takes longer than writing a table."""
    packages = {"python": platform.python_version()}
    for package in ("lthkit", "torch", "torchvision", "numpy"):
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            packages[package] = "not installed"
    return packages


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


def runs_folder() -> Path:
    """Where runs go unless told otherwise: $LTHKIT_RUNS, else `runs` in the current folder."""
    return Path(os.environ.get("LTHKIT_RUNS") or "runs")


def write_table(path: Path | str, rows: Sequence[Row]) -> Path:
    """Write rows with equal keys as CSV, atomically. None becomes an empty cell; floats keep all their digits.

    Raises:
        ValueError: rows with other keys than the first; nothing is written then.
    """
    for i, row in enumerate(rows):
        if row.keys() != rows[0].keys():
            raise ValueError(
                f"Row {i} has the columns {list(row)}, row 0 {list(rows[0])}; expected the same in all rows."
            )
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return files.write_text(path, out.getvalue())


def read_table(path: Path | str) -> list[Row]:
    """Read what `write_table` wrote; numbers, True, False and empty cells come back as such.

    Raises:
        FileNotFoundError: no such table.
        files.DamagedFile: it is no table, or a line has too few or too many cells.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            names, rows = reader.fieldnames, list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise files.DamagedFile(f"{path} is not a table ({error}). Run what made it again.") from error
    if names is None:
        raise files.DamagedFile(f"{path} is empty, without even a first line. Run what made it again.")
    if any(None in row or None in row.values() for row in rows):
        raise files.DamagedFile(
            f"{path} is damaged: not every line has as many cells as the first. Run what made it again."
        )
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
