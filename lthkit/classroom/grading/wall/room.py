"""A room of its own for a submission: namespaces in which nothing else of the computer exists.

Of the files only what Python needs to read is there, and an empty folder in memory; of the network nothing. It needs Linux
5.12, and a system that lets its users make namespaces.
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path

from . import system

SIZE = 256 * 2**20  # bytes that a submission may write

_MOUNTS, _IPC, _USERS, _NETWORK = 0x00020000, 0x08000000, 0x10000000, 0x40000000
_BIND, _RECURSIVE, _PRIVATE, _NO_SUID, _NO_DEVICES = 0x1000, 0x4000, 0x40000, 0x2, 0x4
_DETACH = 2
_SET_ATTRIBUTES = 442  # the system call mount_setattr, the same on every processor
_HERE, _ALL_BELOW = -100, 0x8000
_DEVICES = tuple(Path("/dev", name) for name in ("null", "zero", "urandom", "random"))


class _Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "user")]


def enter(readable: Iterable[Path], own: Path, *, owner: int, group: int) -> None:
    """Move this process, which must have one thread, into a room with `readable` and an empty folder `own`.

    Afterwards it has the right to administer the room; whoever calls takes it away.

    Raises:
        OSError: the system refuses.
    """
    user, users = os.geteuid(), os.getegid()
    own_users = 0 if user == 0 else _USERS
    system.call("unshare", _MOUNTS | _IPC | _NETWORK | own_users)
    if own_users:
        # We stay who we are in there.
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{users} {users} 1", encoding="ascii")
    _mount("none", Path("/"), "", _RECURSIVE | _PRIVATE)
    _mount("tmpfs", own, "tmpfs", _NO_SUID | _NO_DEVICES, "mode=755,size=1m")
    _furnish(own, readable)
    inner = own.joinpath(*own.parts[1:])
    inner.mkdir(parents=True)
    read_only = _Attributes(set=0x1 | _NO_SUID)
    at = os.fsencode(own)
    system.syscall(_SET_ATTRIBUTES, _HERE, at, _ALL_BELOW, ctypes.byref(read_only), ctypes.sizeof(read_only))
    options = f"mode=700,size={SIZE},nr_inodes=10000,uid={owner},gid={group}"
    _mount("tmpfs", inner, "tmpfs", _NO_SUID | _NO_DEVICES, options)
    os.chdir(own)
    system.call("pivot_root", b".", b".")
    system.call("umount2", b".", _DETACH)
    os.chdir(own)


def missing() -> str:
    """Why there can be no room on this kernel, "" if there may be."""
    release = platform.release()
    numbers = [int(n) if n.isdigit() else 0 for n in release.split("-")[0].split(".")[:2]]
    return "" if numbers >= [5, 12] else f"Linux {release} is older than 5.12"


def _mount(source: str, target: Path, kind: str, flags: int, options: str = "") -> None:
    system.call("mount", source.encode(), os.fsencode(target), kind.encode(), flags, options.encode())


def _furnish(room: Path, readable: Iterable[Path]) -> None:
    """Show in the room what may be read, where it is outside."""
    real = set()
    for path in (*readable, *_DEVICES):
        if path.exists():
            real.add(_link_up(room, path))
    for path in sorted(real):
        if any(parent in real for parent in path.parents):
            continue
        place = room.joinpath(*path.parts[1:])
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        system.call("mount", os.fsencode(path), os.fsencode(place), None, _BIND | _RECURSIVE, None)


def _link_up(room: Path, path: Path) -> Path:
    """Repeat in the room the symbolic links on the way to a path; returns where it really is."""
    for link, target in _links(path):
        place = room.joinpath(*link.parts[1:])
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.is_symlink():
            place.symlink_to(target)
    return path.resolve()


def _links(path: Path) -> Iterator[tuple[Path, str]]:
    """The links on the way to a path: each with what it says, in the order of the way."""
    for parent in (*reversed(path.parents), path):
        if parent.is_symlink():
            target = os.readlink(parent)
            yield parent, target
            # "..", if the link has it, is meant from where the link really is.
            further = Path(os.path.realpath(parent.parent), target) / path.relative_to(parent)
            yield from _links(Path(os.path.normpath(further)))
            return
