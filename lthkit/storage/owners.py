"""Whose a file is: what a run writes into its folder carries the run's mark, and no other run reads it.

The mark is a hash of the run's configuration. A file belongs to the nearest folder above it that is a run's: one that this
process opened, or one with a config.json.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

CONFIG, MARK, MADE_WITH = "config.json", "of_run", "made_with"
SEAL = "sha256"

_opened: dict[Path, str] = {}  # run folders that this process opened, and their marks
_read: dict[
    Path, tuple[int, str | None]
] = {}  # marks of configurations on disk, by the time of the last change


class RunMismatch(ValueError):
    """The run folder, or a file in it, belongs to a run with another configuration."""


def canonical(config: Mapping[str, Any]) -> str:
    """The one way to write a configuration as text: JSON, keys sorted, no spaces."""
    return json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def mark_of(config: Mapping[str, Any]) -> str:
    """Sixteen hex digits that tell a configuration from any other."""
    return hashlib.sha256(canonical(config).encode()).hexdigest()[:16]


def opened(folder: Path, mark: str) -> None:
    """From now on what this process writes below `folder` is of this run."""
    _opened[folder.resolve()] = mark


def given_up(folder: Path) -> None:
    """The folder is nobody's again."""
    _opened.pop(folder.resolve(), None)


def mark_at(path: Path | str) -> str | None:
    """The mark of the run that a file at `path` belongs to; None outside of run folders."""
    for folder in Path(path).absolute().resolve().parents:
        if folder in _opened:
            return _opened[folder]
        if (found := _on_disk(folder)) is not None:
            return found
    return None


def check(path: Path | str, mark: object) -> None:
    """Refuse a file that carries the mark of another run than the one that it lies in.

    Raises:
        RunMismatch: the text names the file and says what is safe to do.
    """
    here = mark_at(path) if mark is not None else None
    if here is not None and here != mark:
        raise RunMismatch(
            f"{path} was written by another run ({mark}) than the one of its folder ({here}), so its numbers are not taken. "
            "Move the file to another place, and run the same call again; what else is in the folder is whole."
        )


def marks_in(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """The whole files that a run wrote into `folder`, with their marks (None for one of an older lthkit).

    Those of runs inside of it, damaged files and files that lthkit did not write are left out.
    """
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir() and not path.is_symlink() and not (path / CONFIG).exists():
            yield from marks_in(path)
        elif path.suffix in (".npz", ".json") and path.name != CONFIG and not path.name.startswith("."):
            if (described := _described(path)) is not None:
                yield path, _text(described.get(MARK))


def _described(path: Path) -> dict[str, Any] | None:
    """What a file of ours says of itself; None if it is not ours, or cannot be read."""
    try:
        if path.suffix == ".json":
            found = json.loads(path.read_text(encoding="utf-8"))
            return found if SEAL in found else None
        import numpy as np

        with np.load(path, allow_pickle=False) as file:
            return dict(json.loads(file["__meta__"].tobytes().decode())["meta"])
    except Exception:  # what readers raise on damaged bytes has no end
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _on_disk(folder: Path) -> str | None:
    """The mark of the configuration in a folder, None if there is none that can be read."""
    path = folder / CONFIG
    try:
        changed = path.stat().st_mtime_ns
        if _read.get(path, (0, None))[0] != changed:
            config = json.loads(path.read_text(encoding="utf-8"))
            whole = isinstance(config, dict) and SEAL in config
            rest = {k: v for k, v in config.items() if k not in (SEAL, MADE_WITH)} if whole else {}
            _read[path] = changed, mark_of(rest) if whole else None
        return _read[path][1]
    except (OSError, ValueError):
        return None
