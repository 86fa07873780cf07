"""What the wall asks of Linux, through its C library; a refusal is an OSError that names what was asked."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from pathlib import Path
from typing import Any

NO_NEW_PRIVILEGES = 38  # prctl
DIE_WITH_PARENT = 1
DUMPABLE = 4
DROP_FROM_BOUND = 24
ADOPT_ORPHANS = 36

_COLLAPSE, _LARGE = 25, 2**21  # madvise


@functools.cache
def library() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: Any) -> int:
    """Call a function of the C library that says -1 when it fails; numbers go as longs, text as bytes.

    Raises:
        OSError: it failed, or the library has no such function.
    """
    try:
        function = getattr(library(), name)
    except AttributeError as error:
        raise OSError(38, f"the C library has no {name}") from error
    function.restype = ctypes.c_long
    given = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    found = int(function(*given))
    # Functions that return an int leave the upper half of the long as it comes.
    if ctypes.c_int(found).value == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return found


def syscall(number: int, *arguments: Any) -> int:
    return call("syscall", number, *arguments)


def prctl(what: int, value: int = 0) -> None:
    call("prctl", what, value, 0, 0, 0)


def keep_in_large_pages() -> None:
    """Put what this process holds into pages of 2 MiB, as far as the system will: a fork copies an entry for each page.

    Later pages are small again. It needs Linux 6.1, and takes a third of a second for a process with torch.
    """
    for line in Path("/proc/self/maps").read_text(encoding="ascii", errors="replace").splitlines():
        place, rights, _, _, _, *name = line.split(maxsplit=5)
        if rights == "rw-p" and (not name or name == ["[heap]"]):
            begin, end = (int(number, 16) for number in place.split("-"))
            begin, end = -(-begin // _LARGE) * _LARGE, end // _LARGE * _LARGE
            if begin < end:
                try:
                    call("madvise", begin, end - begin, _COLLAPSE)
                except OSError:  # the system is older, or has no such page to give
                    continue


def end_with(parent: int) -> None:
    """End this process when its parent ends, whatever it is doing then; a change of its user makes it forget that."""
    prctl(DIE_WITH_PARENT, 9)
    if os.getppid() != parent:
        os._exit(0)


def adopt_orphans() -> None:
    """Make what loses its parent below this process a child of this one."""
    prctl(ADOPT_ORPHANS, 1)


def threads_of(user: int) -> int:
    """How many threads a user has, as far as /proc tells."""
    found = 0
    for entry in os.scandir("/proc"):
        try:
            if entry.name.isdigit() and entry.stat().st_uid == user:
                with open(f"{entry.path}/stat", encoding="ascii", errors="replace") as file:
                    found += int(file.read().rpartition(")")[2].split()[17])
        except OSError:  # it ended meanwhile
            continue
    return found


def is_linux() -> bool:
    return sys.platform == "linux"
