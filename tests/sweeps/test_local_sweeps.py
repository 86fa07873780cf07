"""Sweeps by processes of this machine: whatever is killed, stopped or begun twice, the table is that of one quiet process."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lthkit.machine.work import Interrupted
from lthkit.storage.snapshots import TimeUp
from lthkit.sweeps import running
from tests import sweeping
from tests.sweeping import close, ended, inside, open_, started, table, until

TRAININGS, ASKED = 18, 16  # of the small grid: a round of IMP that lies between is trained too


def check(folder: Path, serial: Path) -> None:
    """The table is the serial one, byte for byte; each training is in it once; nothing is left that only work needs."""
    assert table(folder) == table(serial)
    with open(folder / "table.csv", newline="") as file:
        keys = [(row["cell"], row["arm"], row["round"], row["asked"]) for row in csv.DictReader(file)]
    assert len(keys) == len(set(keys)) == TRAININGS
    assert not list(folder.rglob("attempt-*")), "an attempt is left"
    assert not list(folder.rglob(".claim-*")), "a claim is left"


def test_two_processes_make_the_table_of_one(pictures: str, serial: Path, tmp_path: Path) -> None:
    """Catches: numbers that depend on the process or on how many threads it has, rows in the order in which they end,
    seconds in the table, a row announced twice."""
    seen = []
    rows = running.run(sweeping.grid(pictures), tmp_path / "s", on="local", workers=2, announce=seen.append)
    check(tmp_path / "s", serial)
    names = [(row["cell"], row["arm"], row["round"], row["asked"]) for row in seen]
    assert len(names) == len(set(names)) == len(rows) == ASKED
    again = running.run(sweeping.grid(pictures), tmp_path / "s", on="local", announce=seen.append)
    assert again == rows and len(seen) == ASKED, "what is finished is read, and not announced"


def kill_a_worker(pictures: str, serial: Path, place: Path, passes: int = 8) -> None:
    gate = place / "gate"
    close(gate, passes)
    process = started(pictures, place / "s", gate=gate, quick=False)
    victim = until(lambda: inside(gate))[0]
    os.kill(victim, signal.SIGKILL)
    open_(gate)
    status, out = ended(process)
    assert status == 0, out
    check(place / "s", serial)


def test_a_worker_that_is_killed_is_replaced_at_once(pictures: str, serial: Path, tmp_path: Path) -> None:
    """Catches: a sweep that waits for ever for a dead worker, or for the 120 s until its claim is lost; a cell that is
    left out or counted twice."""
    kill_a_worker(pictures, serial, tmp_path)


def kill_the_parent(pictures: str, serial: Path, place: Path, passes: int = 8) -> None:
    gate = place / "gate"
    close(gate, passes)
    process = started(pictures, place / "s", gate=gate)
    workers = until(lambda: len(found := inside(gate)) == 2 and found)
    process.kill()
    process.wait()
    open_(gate)
    until(lambda: not any(map(sweeping.alive, workers)))
    process.communicate()
    status, out = ended(started(pictures, place / "s"))
    assert status == 0, out
    check(place / "s", serial)


def test_a_sweep_that_is_killed_leaves_no_orphans_and_goes_on(
    pictures: str, serial: Path, tmp_path: Path
) -> None:
    """Catches: workers that train on for hours when their sweep is gone; a call that does finished work again."""
    kill_the_parent(pictures, serial, tmp_path)


def test_two_sweeps_on_one_folder_share_the_work(pictures: str, serial: Path, tmp_path: Path) -> None:
    """Catches: cells that are done twice, two writers of one table, a sweep that fails because another has a cell."""
    gate = tmp_path / "gate"
    close(gate, 8)  # fewer would hold up the check of the grid
    both = [started(pictures, tmp_path / "s", gate=gate, call=call) for call in ("run", "work")]
    until(lambda: len(inside(gate)) == 3)
    open_(gate)
    announced = []
    for process in both:
        status, out = ended(process)
        assert status == 0, out
        announced.append(out)
    check(tmp_path / "s", serial)


def test_a_worker_that_hangs_is_replaced(pictures: str, serial: Path, tmp_path: Path) -> None:
    """Catches: a sweep that waits for ever for a worker that is stopped, or begins one more every few seconds."""
    gate, folder = tmp_path / "gate", tmp_path / "s"
    close(gate, 8)
    process = started(pictures, folder, gate=gate)
    victim = until(lambda: inside(gate))[0]
    os.kill(victim, signal.SIGSTOP)
    open_(gate)
    status, out = ended(process)
    assert status == 0 and not sweeping.alive(victim), out
    check(folder, serial)


def test_a_process_that_hangs_loses_its_cell_and_overwrites_nothing(
    pictures: str, serial: Path, tmp_path: Path
) -> None:
    """Catches: a cell that is never free again; a process that wakes up late and writes over what another has published
    meanwhile, leaves what it wrote after that, or ends with an error instead of going on."""
    gate, folder = tmp_path / "gate", tmp_path / "s"
    close(gate, 8)
    hung = started(pictures, folder, gate=gate, call="work")
    victim = until(lambda: inside(gate))[0]
    os.kill(victim, signal.SIGSTOP)
    open_(gate)
    status, out = ended(started(pictures, folder))
    assert status == 0, out
    check(folder, serial)
    os.kill(victim, signal.SIGCONT)
    status, out = ended(hung)
    assert status == 0, out
    check(folder, serial)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_the_workers_where_they_are_saved(
    pictures: str, serial: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """Catches: tracebacks of the workers, claims that the next call has to wait for, a text that does not say what is saved."""
    gate, folder = tmp_path / "gate", tmp_path / "s"
    close(gate, 8)
    process = started(pictures, folder, gate=gate, quick=False)
    workers = until(lambda: len(found := inside(gate)) == 2 and found)
    process.send_signal(number)
    open_(gate)
    status, out = ended(process)
    assert status != 0 and not any(map(sweeping.alive, workers))
    assert out.count("Traceback") == 1 and Interrupted.__name__ in out, out  # of the script itself
    assert " of 16 trainings are finished and saved, and how far those under way had come, in " in out
    assert not list(folder.rglob(".claim-*"))
    status, out = ended(started(pictures, folder, quick=False))
    assert status == 0, out
    check(folder, serial)


def test_minutes_end_a_sweep_with_everything_saved(pictures: str, serial: Path, tmp_path: Path) -> None:
    """Catches: a limit that is looked at between cells only, and one that a serial sweep does not know."""
    for on in ("serial", "local"):
        folder = tmp_path / on
        with pytest.raises(TimeUp, match=r"minutes are over, as asked. \d+ of 16 trainings are finished"):
            running.run(sweeping.grid(pictures), folder, on=on, workers=2, minutes=1e-6)
        running.run(sweeping.grid(pictures), folder, on="serial")
        check(folder, serial)


def test_a_script_without_a_guard_runs_once(pictures: str, tmp_path: Path) -> None:
    """Catches: workers that import the script that started them, which starts a sweep in each of them."""
    script = tmp_path / "script.py"
    script.write_text(
        "from tests import sweeping\nfrom lthkit.sweeps import running\nprint('once')\n"
        f"print(len(running.run(sweeping.grid({pictures!r}, seeds=(0,)), {str(tmp_path / 's')!r}, workers=2)))\n"
    )
    done = subprocess.run(
        [sys.executable, script], env=sweeping.environment(), capture_output=True, text=True, timeout=120
    )
    assert (done.stdout.split(), done.returncode) == (["once", "8"], 0), done.stderr


def test_a_network_that_prints_disturbs_no_worker(pictures: str, tmp_path: Path) -> None:
    """Catches: a print of the user's code that goes where the answers of a worker go."""
    (tmp_path / "loud.py").write_text(
        "from tests.gates import net as quiet\ndef net(*, seed):\n    print('hello ' * 1000, flush=True)\n    return quiet(seed=seed)\n"
    )
    code = (
        "from dataclasses import replace\nfrom tests import sweeping\nfrom lthkit.sweeps import running\n"
        f"g = sweeping.grid({pictures!r}, seeds=(0,))\n"
        "g = replace(g, asked=tuple(replace(a, cell=replace(a.cell, model='loud:net')) for a in g.asked))\n"
        f"print(len(running.run(g, {str(tmp_path / 's')!r}, workers=2)), 'rows')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=sweeping.environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0 and "8 rows" in done.stdout, done.stderr[-2000:]


@pytest.mark.soak
@pytest.mark.parametrize("number", range(20))
def test_soak_of_killed_workers(pictures: str, serial: Path, tmp_path: Path, number: int) -> None:
    """Catches: a place in a cell at which a kill of its worker costs a row; twenty of them."""
    kill_a_worker(pictures, serial, tmp_path, passes=8 + 3 * number)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(20))
def test_soak_of_killed_sweeps(pictures: str, serial: Path, tmp_path: Path, number: int) -> None:
    """Catches: a place in a cell at which a kill of the sweep costs a row; twenty of them."""
    kill_the_parent(pictures, serial, tmp_path, passes=8 + 3 * number)
