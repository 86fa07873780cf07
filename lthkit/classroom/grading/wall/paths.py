"""What a submission may read: Python and what is installed. A class must lie somewhere else."""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
from pathlib import Path

# Of the system: programs and libraries, and of its settings what says where libraries, fonts, users and time zones are.
_SYSTEM = """
/usr /lib /lib32 /lib64 /libx32 /bin /sbin /nix/store /gnu/store
/etc/alternatives /etc/fonts /etc/group /etc/ld.so.cache /etc/ld.so.conf /etc/ld.so.conf.d /etc/localtime /etc/mime.types
/etc/nsswitch.conf /etc/passwd /etc/ssl /etc/timezone
/dev/null /dev/zero /dev/urandom /dev/random
/proc/cpuinfo /proc/filesystems /proc/meminfo /proc/stat /proc/version /proc/sys /sys/devices/system
""".split()

# Of what may lie anywhere; the first ones are needed to start at all.
_PACKAGES = ("torch", "numpy", "cloudpickle", "torchvision", "matplotlib", "filelock", "tqdm")


def readable() -> list[Path]:
    """All that a submission may read beside its own folder and what the system says of its own process."""
    package = Path(__file__).resolve().parents[3]
    installed = [sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    found = [Path(p) for p in installed if p]
    found += [package, package.parent / "data"]
    found += [Path(p) for p in sys.path if Path(p).name in ("site-packages", "dist-packages")]
    found += [Path(sys.prefix), Path(sys.base_prefix)]
    for name in _PACKAGES:
        if file := getattr(sys.modules.get(name), "__file__", None):
            found.append(Path(file).parent)
    found += [Path(p) for p in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if p]
    found += [Path(p) for p in _SYSTEM]
    if data := os.environ.get("LTHKIT_DATA"):
        found.append(Path(data))
    return sorted({p.absolute() for p in found if p.exists()} - {Path("/")})


def require_outside(folder: Path) -> None:
    """Make sure that no submission can read a class.

    Raises:
        ValueError: its folder, or that for temporary files, lies below a path that Python must read.
    """
    for place, what in (
        (folder, "the class"),
        (Path(tempfile.gettempdir()), "the folder for temporary files"),
    ):
        real = Path(os.path.realpath(place))
        for path in readable():
            if real.is_relative_to(os.path.realpath(path)):
                remedy = (
                    "Move the folder of the class somewhere else, into your home folder, say, and name it with --class."
                    if what == "the class"
                    else "Set TMPDIR to a folder outside of it."
                )
                raise ValueError(
                    f"{what} is in {place}, which is part of {path}. Python must read all of {path}, so every submission "
                    f"could read {what} too. {remedy}"
                )
