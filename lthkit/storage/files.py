"""Files that are either whole or absent: atomic writes, and arrays and records with a checksum, read without running code."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from lthkit.storage import owners

_META, _SEAL = "__meta__", owners.SEAL
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")


class DamagedFile(ValueError):
    """A file is truncated, altered, or was not written by lthkit."""


class CannotWrite(OSError):
    """A file could not be written: the disk is full, the folder read-only, a quota used up. What was there is whole."""

    def __str__(self) -> str:
        return (
            f"{self.filename} could not be written ({self.strerror}). What was saved before is whole. Make room, or "
            "choose a folder that can be written; then the same call goes on."
        )


def write_bytes(path: Path | str, content: bytes, *, forced: bool = True) -> Path:
    """Write `content` to `path` so that a reader sees the old file or the new one, never a part.

    The bytes go to a temporary file in the same folder, are forced to disk and then renamed. With `forced=False` they may
    be lost in a power cut, and the file be empty.

    Raises:
        CannotWrite: no room, no permission, or a file where a folder should be.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:8]}.tmp")
    try:
        try:
            _write(temporary, content, forced)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(temporary, content, forced)
        try:
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if forced:
            force_folder(path.parent)
    except OSError as error:
        raise CannotWrite(error.errno, error.strerror or str(error), str(path)) from error
    return path


def is_temporary(name: str) -> bool:
    """True for the name of a file that `write_bytes` gives another name when it is whole; a process that was killed leaves it."""
    return _TEMPORARY.fullmatch(name) is not None


def _write(path: Path, content: bytes, forced: bool) -> None:
    """All of it, or no file."""
    try:
        with open(path, "wb") as file:
            file.write(content)
            file.flush()
            if forced:
                os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def explained(path: Path | str) -> Iterator[None]:
    """Around what is done in a folder: what the system has against it becomes a `CannotWrite` with its name.

    A file that is not there is none of this: it is `FileNotFoundError` as before.
    """
    try:
        yield
    except (CannotWrite, FileNotFoundError):
        raise
    except OSError as error:
        raise CannotWrite(error.errno, error.strerror or str(error), str(path)) from error


def write_text(path: Path | str, text: str) -> Path:
    """Write `text` atomically, as UTF-8 with newlines as they are."""
    return write_bytes(path, text.encode("utf-8"))


def write_json(path: Path | str, value: Any) -> Path:
    """Write `value` atomically as indented JSON; NaN and infinity are refused, because JSON has no word for them."""
    return write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read a JSON file; `DamagedFile` names the file when it is not JSON."""
    try:
        return json.loads(read_bytes(path).decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DamagedFile(f"{path} is not a whole JSON file ({error}). Delete it and run again.") from error


def write_sealed(path: Path | str, record: Mapping[str, Any]) -> Path:
    """Write a JSON object atomically, with the mark of its run (`owners`) and a checksum over its content as last entries."""
    record = dict(record) | _marked(path)
    return write_json(path, record | {_SEAL: _seal(record)})


def read_sealed(path: Path | str, *, anyones: bool = False) -> dict[str, Any]:
    """Read what `write_sealed` wrote, without mark and checksum.

    anyones: True does not look whose it is, for who finds that out by what it says.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedFile: it is truncated, altered or foreign.
        owners.RunMismatch: it is whole, and of another run than its folder.
    """
    record = read_json(path)
    if not isinstance(record, dict) or _SEAL not in record:
        raise DamagedFile(f"{path} has no checksum: it is damaged, or was not written by lthkit.")
    if record.pop(_SEAL) != _seal(record):
        raise DamagedFile(f"{path} is damaged: its content does not match its checksum.")
    mark = record.pop(owners.MARK, None)
    if not anyones:
        owners.check(path, mark)
    return record


def save_arrays(path: Path | str, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Path:
    """Write named arrays and a JSON description to one `.npz` file, atomically, with the mark of its run and a checksum."""
    body = {f"a{i}": np.asarray(a) for i, a in enumerate(arrays.values())}
    header = {"names": list(arrays), "meta": dict(meta) | _marked(path)}
    header["sha256"] = _digest(header, list(body.values()))
    buffer = io.BytesIO()
    np.savez(buffer, **{_META: np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)}, **body)  # type: ignore[arg-type]
    return write_bytes(path, buffer.getvalue())


def load_arrays(path: Path | str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `save_arrays` wrote: the arrays and the description. Nothing in the file is ever executed.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedFile: it is truncated, altered or foreign.
        owners.RunMismatch: it is whole, and of another run than its folder.
    """
    content = read_bytes(path)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            header = json.loads(file[_META].tobytes().decode())
            body = [file[f"a{i}"] for i in range(len(header["names"]))]
        whole = header.pop("sha256") == _digest(header, body)
        names, meta = header["names"], header["meta"]
    except Exception as error:  # what readers of archives raise on damaged bytes has no end
        raise DamagedFile(
            f"{path} is damaged or was not written by lthkit ({type(error).__name__}: {error})."
        ) from error
    if not whole:
        raise DamagedFile(f"{path} is damaged: its content does not match its checksum.")
    owners.check(path, meta.pop(owners.MARK, None))
    return dict(zip(names, body, strict=True)), meta


def _marked(path: Path | str) -> dict[str, str]:
    mark = owners.mark_at(path) if Path(path).name != owners.CONFIG else None
    return {} if mark is None else {owners.MARK: mark}


def read_bytes(path: Path | str) -> bytes:
    """All of a file. FileNotFoundError, with the folder from which its name counts, if there is none."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"There is no file {path}; expected one that lthkit wrote. Look at the name, and from which folder it counts: "
            f"{Path.cwd()}."
        ) from error


def _seal(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def force_folder(folder: Path) -> None:
    """Force a rename in `folder` to disk too, where the system knows how (a power cut could undo it otherwise)."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    with contextlib.suppress(OSError):  # a file system that cannot do this has renamed all the same
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _digest(header: Mapping[str, Any], arrays: list[np.ndarray]) -> str:
    digest = hashlib.sha256(json.dumps({k: header[k] for k in ("names", "meta")}, sort_keys=True).encode())
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
