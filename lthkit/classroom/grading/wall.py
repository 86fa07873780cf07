"""A wall around a submission: what its functions may read, write and reach.

On Linux from 5.13 on the kernel holds it (Landlock), for all that the process starts too: it reads Python and the system
and nothing else, writes into its own empty folder only, and has no network (from 6.7 on). Elsewhere Python itself refuses
to open what lies in the folder of the class, and to start programs. That is a fence and no wall, as `kind` says.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Any

VARIABLE = "LTHKIT_WALL"

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls, the same on every processor
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_ON_FILES = _EXECUTE | 1 << 1 | _READ_FILE | 1 << 14  # the rights that a file can have: also write, truncate

# Rights on files that each version of Landlock knows: 13 in the first, then refer, truncate, ioctl on devices.
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}


class _Rules(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def order(own: Path, closed: Iterable[Path]) -> str:
    """What the worker's environment says: its own folder, and the folders that it must not see."""
    return json.dumps({"own": str(own), "closed": [str(p) for p in closed]})


def close() -> str:
    """Put up the wall that the environment asks for; returns what holds it: "kernel", "python", or "" if none is asked."""
    asked = os.environ.pop(VARIABLE, "")
    if not asked:
        return ""
    said = json.loads(asked)
    own, closed = Path(said["own"]), [Path(p) for p in said["closed"]]
    if kind() == "kernel" and _by_kernel(own):
        return "kernel"
    _by_python(closed)
    return "python"


def kind() -> str:
    """What would hold the wall here: "kernel" or "python"."""
    return "kernel" if _version() > 0 else "python"


def _version() -> int:
    if sys.platform != "linux":
        return 0
    try:
        return max(0, int(_syscall(_CREATE, None, 0, 1)))
    except (OSError, AttributeError):
        return 0


def _syscall(number: int, *arguments: Any) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return int(library.syscall(ctypes.c_long(number), *arguments))


def _by_kernel(own: Path) -> bool:
    version = min(_version(), 6)
    handled = _FILE_RIGHTS[min(version, 5)]
    rules = _Rules(handled, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _syscall(_CREATE, ctypes.byref(rules), ctypes.c_size_t(size), ctypes.c_uint32(0))
    if ruleset < 0:
        return False
    try:
        for path, rights in [
            *((p, _READ) for p in _readable()),
            (own, handled),
            (Path(os.devnull), _ON_FILES),
        ]:
            _allow(ruleset, path, rights & handled)
        library = ctypes.CDLL(None, use_errno=True)
        if library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
            return False
        return _syscall(_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0)) == 0
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not path.is_dir():
            rights &= _ON_FILES
        beneath = _Beneath(rights, descriptor)
        _syscall(
            _ADD,
            ctypes.c_int(ruleset),
            ctypes.c_int(_PATH_BENEATH),
            ctypes.byref(beneath),
            ctypes.c_uint32(0),
        )
    finally:
        os.close(descriptor)


def _readable() -> set[Path]:
    """Python, what is installed, this package with its data, and of the system what programs need to start."""
    package = Path(__file__).resolve().parents[2]
    paths = {sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    found = {Path(p) for p in paths if p} | {package, package.parent / "data"}
    found |= {Path(p) for p in sys.path if Path(p).name in ("site-packages", "dist-packages")}
    found |= {Path(sys.prefix), Path(sys.base_prefix)} - {Path("/")}
    found |= {Path(p) for p in ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/opt", "/nix/store")}
    found |= {Path(p) for p in ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", "/proc/self")}
    found |= {
        Path(p) for p in ("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys", "/sys/devices/system")
    }
    if data := os.environ.get("LTHKIT_DATA"):
        found.add(Path(data))
    return found


_STARTS = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "ctypes.dlopen",
)


def _by_python(closed: list[Path]) -> None:
    """An audit hook, which cannot be taken away again."""
    folders = tuple(os.path.realpath(p) for p in closed)

    def inside(path: Any) -> bool:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return False
        real = os.path.realpath(os.fsdecode(path))
        return any(
            real == f or real.startswith(f + os.sep) or f.startswith(real.rstrip(os.sep) + os.sep)
            for f in folders
        )

    looking = [False]

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if looking[0]:
            return
        if event in _STARTS:
            raise PermissionError(f"a graded function may not use {event}")
        if event in (
            "open",
            "os.listdir",
            "os.scandir",
            "os.chdir",
            "os.link",
            "os.symlink",
            "os.rename",
            "shutil.copyfile",
        ):
            looking[0] = True
            try:
                hidden = any(inside(a) for a in arguments[:2])
            finally:
                looking[0] = False
            if hidden:
                raise PermissionError(13, "a graded function may not look there", str(arguments[0]))

    sys.addaudithook(refuse)
