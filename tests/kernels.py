"""How pytest's processes start their kernels: over Unix sockets, and once more if one dies before its first word.

jupyter_client looks for five free TCP ports, lets go of them, and the kernel takes them a second later. Where several kernels
start side by side, another process may be quicker, and the kernel dies. A socket that is a file in a folder of this process
is nobody else's. Imports nothing of ours: `.ci/run` lays this file as conftest.py beside the lessons that it runs alone.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import wraps
from itertools import count
from pathlib import Path
from typing import Any

import pytest

TRIES = 3
LONGEST = 90  # bytes in the name of a Unix socket; macOS allows 103, Linux 107

_sockets: tempfile.TemporaryDirectory[str] | None = None


def pytest_configure() -> None:
    try:
        from jupyter_client.manager import KernelManager
    except ImportError:
        return  # nor does any test start a kernel then
    if "nbval.kernel" in sys.modules:
        import nbval.kernel

        nbval.kernel.start_new_kernel = patient(nbval.kernel.start_new_kernel)
    if (folder := _folder()) is not None:
        KernelManager.__init__ = _over_sockets(KernelManager.__init__, folder)  # type: ignore[method-assign]


def pytest_unconfigure() -> None:
    """Not left to the end of the process, which in one of pytest-xdist may be a hard one."""
    if _sockets is not None:
        _sockets.cleanup()


def patient(start: Callable[..., Any]) -> Callable[..., Any]:
    """`start_new_kernel` that starts another kernel, `TRIES` in all, if one dies before its first word; a warning says so.

    What a kernel says on stderr is lost under nbval; here it is told if the kernel has died.
    """

    @wraps(start)
    def started(*args: Any, **options: Any) -> Any:
        for left in reversed(range(TRIES)):
            with tempfile.TemporaryFile() as said:  # a kernel that lives keeps it open
                try:
                    return start(*args, **options | ({"stderr": said} if "stderr" in options else {}))
                except RuntimeError as error:
                    said.seek(0)
                    why = said.read().decode(errors="replace").strip() or "The kernel said nothing on stderr."
                    if "died before" not in str(error) or not left:
                        error.add_note(why)
                        raise
                    told = f"A kernel died at its start, and another one is started. It said: {why.splitlines()[-1]}"
            warnings.warn(told, pytest.PytestWarning, stacklevel=1)

    return started


def _folder() -> str | None:
    """A new folder for sockets; None where there are none, or where their names would be too long."""
    global _sockets
    import zmq

    if os.name != "posix" or not zmq.has("ipc"):
        return None
    _sockets = tempfile.TemporaryDirectory(prefix="kernels-", ignore_cleanup_errors=True)
    return _sockets.name if len(os.fsencode(_sockets.name)) + len("/1000-65535") <= LONGEST else None


def _over_sockets(init: Callable[..., None], folder: str) -> Callable[..., None]:
    numbers = count()

    @wraps(init)
    def made(self: Any, *args: Any, **options: Any) -> None:
        if not {"transport", "ip"} & set(options):
            options |= {"transport": "ipc", "ip": str(Path(folder, str(next(numbers))))}
        init(self, *args, **options)

    return made
