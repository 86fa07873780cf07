"""Putting up the wall: which parts this system has, what is asked of a new process, and doing it there.

A process puts it up before it imports anything: Landlock and the filter hold only for threads that start afterwards.
"""

from __future__ import annotations

import ctypes
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

VARIABLE = "LTHKIT_WALL"
FOUND = "LTHKIT_WALL_HERE"  # what was found out about this system, for the processes that grade


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


def order(own: Path, closed: Iterable[Path], parts: Parts) -> str:
    """What a new process is told: its own folder, the folders that it must not see, and the parts to put up."""
    said: dict[str, Any] = {"parts": asdict(parts), "closed": [str(p) for p in closed]}
    if system.is_linux():
        readable = [str(p) for p in paths.readable()]
        said |= {"own": str(own), "readable": readable, "parent": os.getpid()}
    return json.dumps(said)


def program(end: str) -> str:
    """A program for `python -c` that puts up the parts of the system and goes on with `end`.

    It imports nothing of the package, whose first line imports torch.
    """
    face = Path(__file__).parent
    return (
        "import importlib.util, sys\n"
        f"s = importlib.util.spec_from_file_location('lthkit_wall', {str(face / '__init__.py')!r}, "
        f"submodule_search_locations=[{str(face)!r}])\n"
        "m = sys.modules['lthkit_wall'] = importlib.util.module_from_spec(s)\n"
        "s.loader.exec_module(m)\n"
        "m.begin()\n"
        "del m, s\n"
        f"{end}"
    )


def begin() -> None:
    """Put up the parts that are asked for. What remains to be told to `close` stays in the environment.

    Raises:
        OSError: a part that was asked for does not hold.
    """
    said = _asked()
    if said is None:
        return
    parts = Parts(**said["parts"])
    if said.get("try"):
        print(json.dumps(_tried(said)))
    elif system.is_linux():
        _put_up(said, parts)
    if not parts.files:
        os.environ[VARIABLE] = json.dumps({"closed": said["closed"]})


def close() -> None:
    """Put up the fence, if one is asked for. Modules that need libraries must be imported by now."""
    said = _asked()
    if said is not None:
        fence.put_up([Path(p) for p in said["closed"]])


def _asked() -> dict[str, Any] | None:
    """What the environment says, which then does not say it any more, nor does /proc/self/environ."""
    text = os.environ.get(VARIABLE)
    if not text:
        return None
    address = None
    if system.is_linux():
        getenv = system.library().getenv
        getenv.restype = ctypes.c_void_p
        address = getenv(VARIABLE.encode())
    del os.environ[VARIABLE]
    if address:
        name = len(VARIABLE) + 1
        ctypes.memset(address - name, 0, name + len(os.fsencode(text)))
    return dict(json.loads(text))


def _put_up(said: dict[str, Any], parts: Parts) -> None:
    threads = user.THREADS + system.threads_of(os.geteuid())
    _move(said, parts)
    user.give_up_rights()
    user.limit(threads)
    user.end_with(said["parent"])
    if parts.landlock:
        process = Path("/proc", str(os.getpid()))
        readable = [*map(Path, said["readable"]), process]
        landlock.restrict(readable, Path(said["own"]), version=parts.landlock)
    if parts.seccomp:
        calls.restrict()


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


def _tried(said: dict[str, Any]) -> dict[str, Any]:
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
        said = json.loads(order(Path(own).resolve(), [], Parts())) | {"try": True}
        environment = {"PATH": os.environ.get("PATH", ""), VARIABLE: json.dumps(said)}
        environment |= {n: os.environ[n] for n in ("LD_LIBRARY_PATH",) if n in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
        done = subprocess.run(
            [sys.executable, "-c", program("")], env=environment, capture_output=True, text=True, timeout=120
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
