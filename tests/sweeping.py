"""Small sweeps for tests: the data, the grid, and a process that runs one and may be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import lthkit as lth
from lthkit.cells import IMP, Cell, Level, OneShot, PruneAtInit
from lthkit.storage.claims import Patience
from lthkit.sweeps import running
from lthkit.sweeps.grids import Asked, Grid
from tests.conftest import _split

ROOT = Path(__file__).resolve().parents[1]
RECIPE = lth.Recipe(steps=12, batch_size=20, evaluate_every=4)
QUICK = Patience(beat=1.0, lost=5.0)  # of tests in which a claim is to be lost
MODEL = "tests.gates:net"


def pictures(folder: Path) -> str:
    """The data set `tiny` as a folder of pictures; its name for a cell."""
    from PIL import Image

    for part, n, seed in (("train", 120, 1), ("test", 45, 3)):
        split = _split(n, seed)
        for i, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
            place = folder / part / f"class-{int(label)}"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[0].numpy().astype("uint8")).save(place / f"{i:03d}.png")
    return f"folder:{folder}"


def grid(data: str, *, seeds: tuple[int, ...] = (0, 1), rounds: int = 2) -> Grid:
    """Three cells of each seed; eight trainings are asked of them, and one lies between."""
    asked = []
    for seed in seeds:
        ways: list[tuple[Any, tuple[Level, ...]]] = [
            (IMP(), (Level(round=rounds), Level(round=1, arm="shuffled"))),
            (PruneAtInit(score="magnitude"), (Level(density=0.3), Level(density=0.1))),
            (OneShot(rewind_step=4), (Level(density=0.2), Level(density=0.2, arm="fine-tune"))),
        ]
        asked += [Asked(Cell(way, MODEL, data, RECIPE, seed), levels) for way, levels in ways]
    return Grid("small", tuple(asked))


def table(folder: Path) -> bytes:
    return (folder / "table.csv").read_bytes()


def main(call: str, data: str, folder: str, on: str, quick: bool) -> None:
    """What a process of `started` does; "run" or "work"."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us to ignore it
    patience = QUICK if quick else Patience()
    given: dict[str, Any] = {"patience": patience, "tell": lambda text: print(text, flush=True)}
    if call == "run":
        given |= {"on": on, "workers": 2}
    getattr(running, call)(
        grid(data), folder, announce=lambda row: print(row["cell"], row["arm"], flush=True), **given
    )


def started(
    data: str,
    folder: Path,
    *,
    on: str = "local",
    gate: Path | None = None,
    quick: bool = True,
    call: str = "run",
) -> subprocess.Popen[str]:
    """A process that runs the small grid in `folder`."""
    arguments = (call, data, str(folder), on, quick)
    code = f"from tests.sweeping import main\nif __name__ == '__main__':\n    main(*{arguments!r})\n"
    script = folder.parent / f"{folder.name}-{call}.py"
    script.write_text(code)
    return subprocess.Popen(
        [sys.executable, str(script)],
        env=environment(gate),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def environment(gate: Path | None = None) -> dict[str, str]:
    more = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    given = {name: value for name, value in os.environ.items() if not name.startswith("LTHKIT_TEST_")}
    return given | more | ({} if gate is None else {"LTHKIT_TEST_GATE": str(gate)})


def ended(process: subprocess.Popen[str], seconds: float = 60) -> tuple[int, str]:
    """Wait for a process; its exit status and what it printed."""
    try:
        out, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        out, _ = process.communicate()
        raise AssertionError(f"it did not end in {seconds} s. It printed:\n{out}") from None
    return process.returncode, out


def until(true: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait for a state; what `true` gives then."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "that state never came"
        time.sleep(0.01)
    return found


def inside(gate: Path) -> list[int]:
    """The processes that wait at a gate."""
    return [int(path.name.partition("-")[2]) for path in sorted(gate.glob("inside-*"))]


def close(gate: Path, passes: int = 0) -> None:
    """From now on every process may do so many forward passes."""
    gate.mkdir(exist_ok=True)
    (gate / ".closed").write_text(str(passes))
    (gate / ".closed").rename(gate / "closed")


def open_(gate: Path) -> None:
    (gate / "closed").unlink()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
