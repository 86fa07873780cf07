"""A sweep on a slow shared folder, simulated (`tests/slow_files.py`): what it says is up to a second old, a call takes 20 ms.

How often the server is asked, counted here; with it a thousand workers can be added up on paper:

    a look at a published cell                                  1 call
    a look at a cell that another worker has                    2 calls
    a claim, from its beginning to its end                      5 calls
    a heartbeat, every 10 s for a cell in hand                  3 calls
    a cell of 2, 3, 4 trainings, all in all                     172, 183, 291 calls, so 60 to 90 a training
    a worker that waits for 1, 10, 100, 1,000 cells of others   0.4, 2.2, 8.5, 8.5 calls a second, never more than that
    the same worker, before it waits                            2 calls for each cell, once
    the table, where others have just written it                1 call

So a thousand workers that train for ten minutes at a time ask 300 times a second for their heartbeats and 150 times for what they
publish. A thousand that wait for the last ten cells ask 2,200 times a second, for the last one 400 times; in the worst case, when
half of a thousand wait for the cells of the other half, 4,300 times.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from lthkit.cells.carrying import carry_out, missing_of
from lthkit.cells.folders import level_names
from lthkit.storage import claims
from lthkit.storage.claims import Lost, Patience, Taken, claim_of, claimed
from lthkit.storage.publishing import publish
from lthkit.storage.snapshots import TimeUp
from lthkit.sweeps import driving, engines, jobs, published, running, waiting
from lthkit.sweeps.published import Published
from lthkit.sweeps.units import units_of
from tests import slow_files, sweeping
from tests.slow_files import Machine, slow
from tests.sweeping import ended
from tests.sweeps.test_local_sweeps import TRAININGS, check

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="it looks up open files in /proc")
LONG = 1e9  # seconds: what is remembered in such a test is never asked again
TIMES = Patience(10.0, 1e7)


class Clock:
    """Goes on by what is slept."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of a sweep in this process: nobody really waits."""
    this = Clock()
    monkeypatch.setattr(driving, "perf_counter", this)
    monkeypatch.setattr(waiting, "perf_counter", this)
    monkeypatch.setattr(published, "perf_counter", this)
    monkeypatch.setattr(engines, "sleep", this.sleep)
    return this


def test_two_workers_on_a_slow_folder_make_the_table_of_one_on_a_fast_disk(
    pictures: str, serial: Path, tmp_path: Path
) -> None:
    """Catches: a cell that is done twice, left out, or taken from a worker that lives, because what a machine is told of a
    shared folder is late; an error where two do the same at once."""
    folder = tmp_path / "s"
    code = "from tests.sweeping import main\nif __name__ == '__main__':\n"
    (tmp_path / "work.py").write_text(f"{code}    main('work', {pictures!r}, {str(folder)!r}, '', False)\n")
    environment = slow_files.environment(sweeping.environment(), folder, tmp_path)
    workers = [
        subprocess.Popen(
            [sys.executable, str(tmp_path / "work.py")],
            env=environment,
            cwd=sweeping.ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    for status, out in [ended(worker, 120) for worker in workers]:
        assert status == 0, out
    check(folder, serial)
    calls = slow_files.noted(tmp_path)
    claimed_ = Counter(path for name, path in calls if name == "create" and "/.claim-" in path)
    assert {path.rpartition("/")[2] for path in claimed_} == {".claim-0001.json"}, "one was taken for lost"
    levels = Counter(path for name, path in calls if name == "rename" and path.count("/") == 2)
    made = {path: count for path, count in levels.items() if "/attempt-" not in path and "/." not in path}
    assert len(made) == TRAININGS and set(made.values()) == {1}, "each was published, and each by one"


def test_a_cell_asks_the_server_so_often(pictures: str, tmp_path: Path, clock: Clock) -> None:
    """Catches: a look at a folder in a loop, which costs nothing on a disk, and on a shared folder stops everybody."""
    grid, folder = sweeping.grid(pictures, seeds=(0,)), tmp_path / "s"
    with slow(folder, sleep=clock.sleep, clock=clock) as files:
        running.work(grid, folder, start=0, patience=TIMES)
        calls = Counter(path.split("/")[1] for _, path in files.machine.calls if path.startswith("cells/"))
        for cell, unit in units_of(grid, folder, "cpu", check=False).items():
            trainings = len(level_names(unit.folder))
            assert calls[cell] <= 40 + 70 * trainings, (cell, calls[cell], trainings)
            files.machine = Machine()
            assert not missing_of(unit.folder, unit.wanted)
            assert files.machine.count() == {"scandir": 1}
        holder, other = Machine(), Machine()
        files.machine = holder
        with claimed(unit.folder, patience=TIMES) as holding:
            files.machine = other
            assert not missing_of(unit.folder, unit.wanted) and claim_of(unit.folder, now=0.0) is not None
            assert other.count() == {"scandir": 1, "open": 1}, "a look at a cell that somebody has"
            files.machine = holder
            clock.sleep(10)
            before = holder.count()
            assert not holding.is_lost
            holding._write()
            beat = holder.count() - before
            assert beat == {"scandir": 1, "stat": 1, "fsync": 1}, "a heartbeat"
            clock.sleep(10)
        assert (holder.count() - beat).total() == 5, "a claim"


@pytest.mark.parametrize(("cells", "most"), [(1, 0.5), (10, 2.5), (100, 9.0), (1000, 9.0)])
def test_a_worker_that_waits_asks_the_server_seldom(
    cells: int, most: float, pictures: str, tmp_path: Path, clock: Clock
) -> None:
    """Catches: a thousand workers that wait for the last cells, and together leave the server no time for those cells."""
    grid, folder = sweeping.grid(pictures, seeds=tuple(range((cells + 2) // 3))), tmp_path / "s"
    grid = replace(grid, asked=grid.asked[:cells])
    for unit in units_of(grid, folder, "cpu", check=False).values():
        unit.folder.mkdir(parents=True)
        claims._path(unit.folder, 1).write_text("{}")
    times: list[float] = []
    with slow(folder, sleep=clock.sleep, clock=clock) as files, pytest.raises(TimeUp):
        files.note = lambda name, path: times.append(clock.now)
        running.work(grid, folder, start=0, minutes=20, patience=TIMES, tell=lambda text: None)
    begun = [time for time in times if time < 600]
    later = [time for time in times if 600 <= time < 1200]  # and then it writes the table
    assert len(later) / 600 <= most
    assert len(begun) <= 600 * most + 3 * cells + 100, "each cell was looked at once more in the beginning"


def test_one_of_many_writes_the_table(pictures: str, serial: Path, clock: Clock) -> None:
    """Catches: a thousand workers each of which looks at all cells every few seconds, for a table that another has just
    written; or that none writes."""
    one, other = Published(serial), Published(serial)
    with slow(serial, sleep=lambda seconds: None, clock=clock) as files:
        for this in (one, other):
            this.look()
            this._written = set()  # what it knows is not in the table yet
        clock.sleep(60)
        one.write_if_due(TIMES)
        assert files.machine.count()["replace"] == 3, "the table, the costs and the summary"
        files.machine = Machine()
        other.write_if_due(TIMES)
        assert files.machine.count() == {"stat": 1}
        clock.sleep(60)
        other.write_if_due(TIMES)
        assert files.machine.count()["replace"] == 3, "nobody has written it since"
        files.machine = Machine()
        clock.sleep(60)
        other.write_if_due(TIMES)
        assert not files.machine.count(), "nothing is known that it lacks"


@pytest.fixture
def two(tmp_path: Path):
    """Two machines that ask once, and then never again unless they have to."""
    with slow(tmp_path, sleep=lambda seconds: None, stale=LONG) as files:
        yield files, Machine(), Machine()


def test_who_remembers_that_a_level_is_not_there_does_not_fail_over_it(two, tmp_path: Path) -> None:
    """Catches: a sweep that ends with "cannot be written", because another machine has published a level just before."""
    files, one, other = two
    target = tmp_path / "level"
    for machine in (one, other):
        files.machine = machine
        assert not target.is_dir()
        (tmp_path / f"stage-{id(machine)}").mkdir()
        (tmp_path / f"stage-{id(machine)}" / "row").write_text(str(id(machine)))
    assert publish(tmp_path / f"stage-{id(other)}", target)
    files.machine = one
    assert not target.is_dir(), "that is what it remembers"
    assert not publish(tmp_path / f"stage-{id(one)}", target)
    files.machine = other
    assert (target / "row").read_text() == str(id(other))


def test_a_holder_that_beats_is_never_lost_to_a_machine_with_a_memory(two, tmp_path: Path) -> None:
    """Catches: the age of a claim by a time that is remembered (NFS does so for up to a minute), which takes a cell from a
    worker that lives."""
    files, holder, other = two
    files.machine = holder
    with claimed(tmp_path, patience=Patience(1000.0, 3000.0)) as holding:
        long_ago = os.fstat(holding._file).st_mtime - 100
        os.utime(holding._file, (long_ago, long_ago))
        files.machine = other
        os.stat(holding.path)
        claim = claim_of(tmp_path)
        assert claim is not None and claim.age >= 99
        files.machine = holder
        holding._write()
        files.machine = other
        assert os.stat(holding.path).st_mtime == long_ago, "that is what it remembers"
        claim = claim_of(tmp_path)
        assert claim is not None and claim.age < 90
        with pytest.raises(Taken), claimed(tmp_path, patience=Patience(10.0, 90.0)):
            pass
        files.machine = holder


def test_who_was_taken_over_learns_it_from_a_file_that_is_gone(
    two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches: "stale file handle" as an error that stops a sweep, where a cell was only taken over."""
    files, holder, other = two
    files.machine = holder
    with claimed(tmp_path, patience=Patience(1000.0, 3000.0)) as holding:
        os.utime(holding._file, (1, 1))
        assert not holding.is_lost
        files.machine = other
        with claimed(tmp_path, patience=Patience(10.0, 30.0)):
            pass
        files.machine = holder
        real = os.fstat

        def gone(file: int):
            if file == holding._file:
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
            return real(file)

        monkeypatch.setattr(os, "fstat", gone)
        with pytest.raises(Lost):
            holding.check()


def test_an_old_list_of_levels_costs_no_training(pictures: str, tmp_path: Path) -> None:
    """Catches: a level that is trained again, because the list of a cell's folder is from before it was published."""
    asked, done = sweeping.grid(pictures, seeds=(0,)).asked[1], []
    data = jobs.dataset(asked.cell.data, None, "cpu")
    folder = tmp_path / asked.cell.id(data)
    with slow(tmp_path, sleep=lambda seconds: None, stale=LONG) as files:
        other, one = files.machine, Machine()
        list(carry_out(asked.cell, asked.levels[:1], data, folder))
        files.machine = one
        assert missing_of(folder, asked.levels) == list(asked.levels[1:])
        files.machine = other
        rows = list(carry_out(asked.cell, asked.levels, data, folder))
        files.machine = one
        assert missing_of(folder, asked.levels) == list(asked.levels[1:]), "that is what it remembers"
        assert list(carry_out(asked.cell, asked.levels, data, folder, progress=done.append)) == rows
    assert not done
