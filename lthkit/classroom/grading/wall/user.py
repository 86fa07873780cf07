"""Who a submission is: a user without any right, where that can be; and how much of the computer it may take."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from pathlib import Path

from . import system

NOBODY = 65534
THREADS = 512
DESCRIPTORS = 512
FILE = 256 * 2**20  # bytes of the largest file

_NEEDED = ("json", "lthkit", "torch", "numpy", "cloudpickle")


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("process", ctypes.c_int)]


def nobody_else() -> int:
    """The number of a user that nobody else is, if we may become another; our own if not."""
    if os.geteuid() != 0:
        return os.geteuid()
    wanted = 2**30 + os.getpid()
    with open("/proc/self/uid_map", encoding="ascii") as file:  # a container may know few numbers
        ranges = [[int(n) for n in line.split()] for line in file]
    return wanted if any(first <= wanted < first + count for first, _, count in ranges) else NOBODY


def become(user: int) -> None:
    """Become the user.

    Raises:
        OSError: we may not, or Python cannot be read by that user.
    """
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    if unreadable := [name for name in _NEEDED if not _can_read(name)]:
        raise OSError(13, f"another user cannot read {', '.join(unreadable)}")


def hand_over(folder: Path, user: int) -> None:
    """Give a folder to the user; a link that was put in its place is given to nobody."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchown(descriptor, user, user)
    finally:
        os.close(descriptor)


def _can_read(module: str) -> bool:
    try:
        spec = importlib.util.find_spec(module)
        return spec is not None and spec.origin is not None and os.access(spec.origin, os.R_OK)
    except (ImportError, OSError, ValueError):
        return False


def give_up_rights() -> None:
    """Give up all capabilities for good, and the way to get any by a program."""
    for capability in range(64):
        try:
            system.prctl(system.DROP_FROM_BOUND, capability)
        except OSError:  # there are no more, or we never had a right to begin with
            break
    nothing = (ctypes.c_uint32 * 6)()
    system.call("capset", ctypes.byref(_Header(0x20080522, 0)), ctypes.byref(nothing))
    system.prctl(system.NO_NEW_PRIVILEGES, 1)
    system.prctl(system.DUMPABLE, 0)  # no other process of the same user looks into this one


def limit(threads: int) -> None:
    """Limit what can be taken of the computer; memory is limited later, when what torch needs is known."""
    import resource

    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, FILE),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
        (resource.RLIMIT_NPROC, threads),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_NICE, 0),
        (resource.RLIMIT_RTPRIO, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))
