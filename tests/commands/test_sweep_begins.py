"""`lthkit sweep` starts its workers before it imports torch: in time, as many as there is work for, and none is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lthkit.machine import processes
from lthkit.storage.records import read_table, runs_folder
from lthkit.sweeps import ahead, records

ROOT = Path(__file__).parents[2]
GRID = 'methods = ["dense"]\nseeds = [0, 1, 2]\ntier = "smoke"\n[recipes.short]\nsteps = 5\n'
LONG = GRID.replace("steps = 5", "steps = 200000")
# The command, which notes each worker as it starts: its number, and whether torch is there. It may interrupt itself.
COMMAND = """
import os, signal, subprocess, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may start what is in the background without it
class Noted(subprocess.Popen):
    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        if "sweeps.worker" in str(given):
            with open("begun", "a") as file:
                print(self.pid, "torch" in sys.modules, file=file)
            workers.append(self)
workers = []
subprocess.Popen = Noted
stop, done = sys.argv.pop(1), []
def watch(event, given):
    if event == "import" and given[0] == stop and not done:
        done.append(stop)
        os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(watch)
from lthkit.__main__ import main
try:
    sys.exit(main())
finally:
    with open("left", "w") as file:
        print(sum(one.returncode is None for one in workers), file=file)
"""
posix = pytest.mark.skipif(os.name == "nt", reason="no SIGINT to a process there")


def command(folder: Path, text: str, *options: str, stop: str = "-", **named: Any) -> subprocess.Popen[str]:
    """`lthkit sweep` of a grid in a fresh process."""
    (folder / "g.toml").write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("LTHKIT_RUNS", None)
    call = [
        sys.executable,
        "-c",
        COMMAND,
        stop,
        "sweep",
        "g.toml",
        "--device",
        "cpu",
        "--workers",
        "2",
        *options,
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(call, cwd=folder, env=environment, **pipes, **named)


def begun(folder: Path) -> list[tuple[int, bool]]:
    """The workers that were started: their numbers, and whether torch was there."""
    if not (folder / "begun").exists():
        return []
    lines = [line.split() for line in (folder / "begun").read_text().splitlines()]
    return [(int(number), torch == "True") for number, torch in lines]


def is_there(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def ended(process: subprocess.Popen[str], folder: Path) -> tuple[int, str, str]:
    """How the command ended, and what it said. None of its workers is there then, whoever they were."""
    try:
        out, err = process.communicate(timeout=180)
    finally:
        process.kill()
    assert (folder / "left").read_text() == "0\n", "some were not waited for"
    assert not [number for number, _ in begun(folder) if is_there(number)]
    return process.returncode, out, err


@posix
def test_workers_begin_before_torch_is_imported_and_do_the_work(tmp_path: Path) -> None:
    """Catches: an import of torch on the way to the workers; workers that are started and not used; some that stay."""
    code, _, err = ended(command(tmp_path, GRID), tmp_path)
    assert code == 0, err
    assert [torch for _, torch in begun(tmp_path)] == [False, False]
    assert len(read_table(tmp_path / "runs" / "g" / "table.csv")) == 3
    (tmp_path / "begun").unlink()
    code, _, err = ended(command(tmp_path, GRID), tmp_path)
    assert (code, err, begun(tmp_path)) == (0, "", []), "nothing is missing"


@posix
@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        (GRID.replace("dense", "densse"), (), "densse"),
        (GRID + "batch_size = 100000\n", (), "100000"),
        (GRID, ("--shard", "3/1"), "Part 3 of 1"),
    ],
)
def test_workers_of_a_grid_with_a_mistake_end_without_a_word(
    tmp_path: Path, text: str, options: tuple[str, ...], says: str
) -> None:
    """Catches: a process that outlives the message; a traceback of a worker that was ended while it imported."""
    code, out, err = ended(command(tmp_path, text, *options), tmp_path)
    assert code == 2 and says in err and "Traceback" not in out + err
    assert len(begun(tmp_path)) == 2 and not (tmp_path / "runs").exists()


@posix
@pytest.mark.parametrize("stop", ["lthkit.sweeps.ahead", "torch", "lthkit.sweeps.driving", "trainings"])
def test_an_interrupt_leaves_nobody(tmp_path: Path, stop: str) -> None:
    """Catches: a worker that stays after Ctrl-C while torch is imported, or that shows a traceback of its own."""
    if stop == "trainings":  # from outside, to all that the terminal has
        process = command(tmp_path, LONG, start_new_session=True)
        until = time.monotonic() + 120
        while not list(tmp_path.glob("runs/g/cells/*/.claim-*")) and time.monotonic() < until:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
    else:
        process = command(tmp_path, LONG, stop=stop)
    code, out, err = ended(process, tmp_path)
    assert code == 130 and "Stopped" in err and "Traceback" not in out + err, err
    assert len(begun(tmp_path)) == (0 if stop == "lthkit.sweeps.ahead" else 2)


@posix
def test_an_interrupt_of_the_terminal_is_not_for_workers_that_import(tmp_path: Path) -> None:
    """Catches: tracebacks of workers that see Ctrl-C before they ignore it."""
    process = command(tmp_path, LONG, start_new_session=True)
    until = time.monotonic() + 120
    while len(begun(tmp_path)) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    code, out, err = ended(process, tmp_path)
    assert code == 130 and err.strip() == "Stopped." and "Traceback" not in out


@posix
def test_a_command_that_is_killed_leaves_nobody_for_long(tmp_path: Path) -> None:
    """Catches: workers that wait for ever for a command that is gone."""
    process = command(tmp_path, LONG)
    until = time.monotonic() + 120
    while len(begun(tmp_path)) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    process.kill()
    process.communicate()  # until the workers, which have its stderr, are gone too
    workers = [number for number, _ in begun(tmp_path)]
    state = [Path(f"/proc/{number}/stat") for number in workers]
    assert not [p for p in state if p.exists() and p.read_text().rpartition(")")[2].split()[0] != "Z"]


FEW = {
    "a command for Dask": {"on": "dask"},
    "a command for this process": {"on": "serial"},
    "one worker": {"workers": 1},
    "a slip": {"workers": -3},
    "a GPU": {"device": "cuda"},
    "a name of nothing": {"device": "cdua"},
    "a shard of one cell": {"shard": "1/3"},
    "no shard": {"shard": "1/0"},
    "half a shard": {"shard": "1/"},
    "another file": {"file": Path("nowhere.toml")},
}


def guess(folder: Path, text: str = GRID, **named: Any) -> int:
    (folder / "g.toml").write_text(text)
    return ahead.workers_for(
        **{"file": folder / "g.toml", "on": None, "workers": 2, "device": "cpu", **named}
    )


@pytest.mark.parametrize("why", FEW)
def test_nothing_begins_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    """Catches: processes that are started and ended for nothing, at each call."""
    monkeypatch.chdir(tmp_path)
    assert guess(tmp_path) == 2 == guess(tmp_path, on="local")
    assert guess(tmp_path, **FEW[why]) == 0


def test_as_many_begin_as_there_seem_to_be_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches: eight processes for two cells; none for a grid that says less than it means; more than the cores."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LTHKIT_RUNS", raising=False)
    assert (
        guess(tmp_path, workers=100) == 3
        and guess(tmp_path, GRID.replace("[0, 1, 2]", "0"), workers=100) == 0
    )
    assert guess(tmp_path, 'methods = ["dense", "imp"]', workers=4) == 4
    assert guess(tmp_path, 'methods = ["dense", "imp"]', workers=100) == 6
    assert guess(tmp_path, "seeds = [" + "1, " * 100 + "]", workers=100) == ahead.MOST
    monkeypatch.setattr(ahead.load, "cores", lambda: 3)
    assert guess(tmp_path, 'methods = ["dense", "imp"]', workers=None) == 3
    assert guess(tmp_path, "methods = [", workers=None) == 0
    assert guess(tmp_path, GRID, shard="2/2", workers=100) == 0
    for seen, count in ((True, 0), (False, 2)):
        monkeypatch.setattr(ahead, "may_have_gpu", lambda seen=seen: seen)
        assert guess(tmp_path, device="auto") == count


def test_cells_that_are_there_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches: workers for a sweep that is finished; a folder of other runs taken for this one's; other names than the truth has."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LTHKIT_RUNS", raising=False)
    assert (ahead._RUNS, ahead._CELLS) == (str(runs_folder()), records.CELLS)
    for place in ("runs/g", "runs/named", "elsewhere/g", "out"):
        for i in range(2):
            (tmp_path / place / "cells" / str(i)).mkdir(parents=True)
    assert (
        guess(tmp_path) == 0 == guess(tmp_path, 'name = "named"\n' + GRID) == guess(tmp_path, out=Path("out"))
    )
    assert guess(tmp_path, 'name = "other"\n' + GRID) == 2 == guess(tmp_path, out=Path("new"))
    monkeypatch.setenv("LTHKIT_RUNS", "elsewhere")
    assert guess(tmp_path, 'name = "named"\n' + GRID) == 2 and guess(tmp_path) == 0


WAITING = "import sys; sys.stdin.read()"


def test_spare_processes_end_when_they_are_told() -> None:
    """Catches: one that is not waited for; one that is taken, and ended with those that are too many."""
    spare = processes.Spare(WAITING)
    try:
        spare.begin(4)
        everybody = list(spare._all)
        first = spare.take()
        assert first is everybody[0] is not None
        spare.keep(1)
        assert [process.returncode is None for process in everybody] == [True, True, False, False]
        assert spare.take() is everybody[1] and spare.take() is None
        spare.keep(-1)
        assert [process.poll() is None for process in everybody[:2]] == [True, True]
    finally:
        spare.end()
    assert all(process.returncode is not None for process in everybody) and spare.take() is None


@posix
def test_a_process_that_is_started_does_not_see_an_interrupt() -> None:
    """Catches: a worker that Ctrl-C breaks, in the terminal of the command, before it comes to ignore it."""
    process = processes.started("print('up', flush=True); print(input())")
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(b"still there\n", timeout=60)[0] == b"still there\n"
