"""Where the system holds nothing Python itself refuses, by an audit hook. That is a fence and no wall."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

_STARTS = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
)


def put_up(closed: list[Path]) -> None:
    """Refuse to open what lies in the closed folders, and to start programs; it cannot be taken away again."""
    folders = tuple(os.path.realpath(p) for p in closed)

    def inside(path: Any) -> bool:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return False
        real = os.path.realpath(os.fsdecode(path))
        return any(
            real == f or real.startswith(f + os.sep) or f.startswith(real.rstrip(os.sep) + os.sep)
            for f in folders
        )

    installed = tuple(os.path.realpath(sysconfig.get_path(key)) + os.sep for key in ("purelib", "platlib"))

    def is_installed(library: Any) -> bool:
        return isinstance(library, str) and os.path.realpath(library).startswith(installed)

    looking = [False]

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if looking[0]:
            return
        if event in _STARTS or (event == "ctypes.dlopen" and not is_installed(arguments[0])):
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
