"""Landlock, with which Linux (from 5.13 on) refuses paths to a process and to all that it starts."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

from . import system

# Versions and the Linux that they came with: 1 5.13, 2 5.19, 3 6.2, 4 6.7 (TCP), 5 6.10, 6 6.12 (abstract sockets, signals).
KNOWN = 6

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls, the same on every processor
_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE  # the rights that a file can have

# Rights on files that each version knows: 13 in the first, then refer, truncate, ioctl on devices.
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}


class _Rules(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def version() -> int:
    """The version that this system has and we know, 0 if it has none."""
    try:
        return min(max(0, system.syscall(_CREATE, None, 0, 1)), KNOWN) if system.is_linux() else 0
    except OSError:
        return 0


def restrict(readable: Iterable[Path], own: Path, *, version: int) -> None:
    """Leave this thread, and what it starts, the paths below `readable` for reading and those below `own` for all.

    Raises:
        OSError: the system refuses.
    """
    handled = _FILE_RIGHTS[min(version, 5)]
    rules = _Rules(handled, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = system.syscall(_CREATE, ctypes.byref(rules), size, 0)
    try:
        rights = {path: _READ for path in readable} | {own: handled, Path(os.devnull): _ON_FILES}
        for path, allowed in rights.items():
            _allow(ruleset, path, allowed & handled)
        system.prctl(system.NO_NEW_PRIVILEGES, 1)
        system.syscall(_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # what is not there needs no permission
        return
    try:
        beneath = _Beneath(rights if path.is_dir() else rights & _ON_FILES, descriptor)
        system.syscall(_ADD, ruleset, _PATH_BENEATH, ctypes.byref(beneath), 0)
    finally:
        os.close(descriptor)
