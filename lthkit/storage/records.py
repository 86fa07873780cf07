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
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from inspect import isfunction
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import torch
from torch import nn

from lthkit.storage import files

Row = dict[str, Any]


def canonical(config: Mapping[str, Any]) -> str:
    """The one way to write a configuration as text: JSON, keys sorted, no spaces."""
    return json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def run_id(name: str, config: Mapping[str, Any], *, digits: int = 6) -> str:
    """`name` and six hex digits of the configuration: equal configurations have equal ids."""
    return f"{name}-{hashlib.sha256(canonical(config).encode()).hexdigest()[:digits]}"


def name_of(function: object) -> str:
    """What stands for a function or a class in a configuration: its name, and for one that is neither lthkit's nor torch's
    also six digits of its code, because a run must not go on with a function that was changed.

    Of a partial the arguments count too, of a closure the values that it holds, of a tensor its content. What a function
    calls is not looked into.
    """
    if isinstance(function, partial):
        given = (
            [_plain(a) for a in function.args],
            sorted((k, _plain(v)) for k, v in function.keywords.items()),
        )
        return f"{name_of(function.func)}{given[0] or ''}{given[1]}"
    name = str(getattr(function, "__qualname__", type(function).__qualname__))
    if str(getattr(function, "__module__", "")).partition(".")[0] in ("lthkit", "torch"):
        return name
    if isinstance(function, type):
        code = [(n, _code_of(f)) for n, f in sorted(vars(function).items()) if isfunction(f)]
    else:
        code = [("", _code_of(function))] if isfunction(function) else []
    return f"{name}-{_digits(code)}" if code else name


def network_name(model: nn.Module) -> str:
    """What stands for a network in a configuration: its class, and six digits of all layers in it, settings and code."""
    layers = [(name, name_of(type(m)), m.extra_repr()) for name, m in model.named_modules()]
    return f"{type(model).__name__}-{_digits(layers)}"


def _code_of(function: FunctionType) -> list[Any]:
    """What a function does, as values whose text is the same in the next process."""
    held = [_plain(cell.cell_contents) for cell in function.__closure__ or ()]
    defaults = [_plain(value) for value in function.__defaults__ or ()]
    named = sorted((k, _plain(v)) for k, v in (function.__kwdefaults__ or {}).items())
    return [_instructions(function.__code__), defaults, named, held]


def _instructions(code: CodeType) -> list[Any]:
    constants = [_instructions(c) if isinstance(c, CodeType) else _plain(c) for c in code.co_consts]
    return [code.co_code, code.co_names, code.co_varnames, constants]


def _plain(value: object) -> object:
    if isinstance(value, frozenset):  # its order is another one in each process
        return sorted(map(repr, value))
    if isinstance(value, str | bytes | int | float | complex | bool | None):
        return value
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return [(key, _plain(part)) for key, part in value.items()]
    if isinstance(value, torch.Tensor):
        content = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        return f"{value.dtype}{list(value.shape)} {hashlib.sha256(content).hexdigest()[:12]}"
    if isfunction(value):
        return _instructions(value.__code__)
    return getattr(value, "__qualname__", type(value).__qualname__)


def _digits(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:6]


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
