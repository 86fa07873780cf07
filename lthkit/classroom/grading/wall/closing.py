"""Putting up the wall: which parts this system has, what is asked of a new process, and doing it there.

A process puts it up while it has one thread: Landlock and the filter hold only for threads that start afterwards.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import calls, fence, landlock, paths, room, system, user

FOUND = "LTHKIT_WALL_HERE"  # what was found out about this system, for the processes that grade


# It imports nothing of the package, whose first line imports torch.
_TRY = """
import importlib.util, json, sys
s = importlib.util.spec_from_file_location(
    "wall", {face!r} + "/__init__.py", submodule_search_locations=[{face!r}]
)
wall = sys.modules["wall"] = importlib.util.module_from_spec(s)
s.loader.exec_module(wall)
print(json.dumps(wall.try_parts(json.load(sys.stdin))))
"""


@dataclass(frozen=True)
class Parts:
    """What holds the wall: the version of Landlock, the filter on system calls, a room of its own, and another user."""

    landlock: int = 0
    seccomp: bool = False
    namespaces: bool = False
    user: bool = False

    @property
    def files(self) -> bool:
        """Whether the system keeps files closed."""
        return self.landlock > 0 or self.namespaces

    @property
    def reaches_no_process(self) -> bool:
        """Whether a function can neither signal another process nor look into it."""
        return self.landlock >= 6 or self.seccomp or self.user


def order(own: Path, closed: Iterable[Path], parts: Parts) -> dict[str, Any]:
    """What a new process is told: its own folder, the parts to put up, and the folders for the fence where no part has them."""
    said: dict[str, Any] = {"parts": asdict(parts), "closed": [] if parts.files else [str(p) for p in closed]}
    if system.is_linux():
        said |= {"own": str(own), "readable": [str(p) for p in paths.readable()]}
    return said


def put_up(said: dict[str, Any]) -> None:
    """Put up the parts that are asked for; the fence if none of them keeps files closed.

    Raises:
        OSError: a part that was asked for does not hold.
    """
    parts, parent = Parts(**said["parts"]), os.getppid()
    if system.is_linux():
        threads = user.THREADS + system.threads_of(os.geteuid())
        _move(said, parts)
        user.give_up_rights()
        user.limit(threads)
        system.end_with(parent)
        if parts.landlock:
            process = Path("/proc", str(os.getpid()))
            readable = [*map(Path, said["readable"]), process]
            landlock.restrict(readable, Path(said["own"]), version=parts.landlock)
        if parts.seccomp:
            calls.restrict()
    if not parts.files:
        fence.put_up([Path(p) for p in said["closed"]])


def _move(said: dict[str, Any], parts: Parts) -> None:
    """Go into the room and become another user, as far as that is asked for."""
    number, own = user.nobody_else() if parts.user else os.geteuid(), Path(said["own"])
    if parts.namespaces:
        process = [Path("/proc", str(os.getpid())), Path("/proc/self")]
        readable = [*map(Path, said["readable"]), *process]
        room.enter(readable, own, owner=number, group=number if parts.user else os.getegid())
    elif parts.user:
        user.hand_over(own, number)
    if parts.user:
        user.become(number)


def try_parts(said: dict[str, Any]) -> dict[str, Any]:
    """Which parts hold, tried one after the other in this process, which is of no other use; and why the others do not."""
    found: dict[str, Any] = {"landlock": landlock.version(), "why": {}}

    def holds(name: str, why_not: str, put_up: Any) -> None:
        try:
            if why_not:
                raise OSError(0, why_not)
            put_up()
            found[name] = True
        except OSError as error:
            found["why"][name] = error.strerror or str(error)

    holds("namespaces", room.missing(), lambda: _move(said, Parts(namespaces=True)))
    if os.geteuid() == 0:
        number = user.nobody_else()
        holds("user", "", lambda: user.become(number))
    user.give_up_rights()
    holds("seccomp", calls.missing(), calls.restrict)
    return found


def here() -> Parts:
    """The parts that hold on this system for this user. One process tries it, and those that it starts believe it."""
    if FOUND not in os.environ:
        os.environ[FOUND] = json.dumps(_found())
    return Parts(**json.loads(os.environ[FOUND])["parts"])


def _found() -> dict[str, Any]:
    """The parts, and why the others do not hold."""
    if not system.is_linux():
        return {"parts": {}, "why": {}}
    with tempfile.TemporaryDirectory(prefix="lthkit-wall-") as own:
        said = order(Path(own).resolve(), [], Parts())
        environment = {"PATH": os.environ.get("PATH", "")}
        environment |= {n: os.environ[n] for n in ("LD_LIBRARY_PATH",) if n in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
        done = subprocess.run(
            [sys.executable, "-c", _TRY.format(face=str(Path(__file__).parent))],
            input=json.dumps(said),
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
    try:
        found = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {"parts": {}, "why": dict.fromkeys(("landlock", "seccomp", "namespaces", "user"), last)}
    return {"why": found.pop("why"), "parts": found}


def kind() -> str:
    """What keeps files closed here: "kernel" or "python"."""
    return "kernel" if here().files else "python"


def line() -> str:
    """One line for the terminal: which parts of the wall hold here and which do not."""
    if not system.is_linux():
        return (
            f"the wall: none on this system ({sys.platform}). Python keeps honest code out of your files, and not a "
            "determined attacker; see the table in solutions/README.md"
        )
    parts, why = here(), json.loads(os.environ[FOUND])["why"]
    names = {
        "landlock": f"Landlock {parts.landlock}",
        "seccomp": "seccomp",
        "namespaces": "namespaces",
        "user": "another user",
    }
    asked = [n for n in names if n != "user" or os.geteuid() == 0]
    holds = [names[n] for n in asked if getattr(parts, n)]
    missing = [n if n not in why else f"{n} ({why[n]})" for n in asked if not getattr(parts, n)]
    text = f"the wall on Linux {os.uname().release}: {', '.join(holds) or 'nothing'}"
    if missing:
        text += f"; not here: {', '.join(missing)}"
        text += "; see the table in solutions/README.md"
    return text.encode("ascii", "replace").decode()
