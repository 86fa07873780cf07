"""What a sweep does with what happens to its cells: failures, full disks, damage, what others do; in one process, without kills."""

from __future__ import annotations

import csv
import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lthkit.cells import Level
from lthkit.cells.cells import Cell
from lthkit.cells.rows import level_of
from lthkit.machine.work import Interrupted
from lthkit.storage.claims import Patience, claimed
from lthkit.storage.files import CannotWrite, DamagedFile
from lthkit.sweeps import jobs, published, records, running, waiting
from lthkit.sweeps.failures import SweepFailed, SweepUnwritable
from lthkit.sweeps.grids import Asked, Grid
from lthkit.sweeps.jobs import Ended, Job
from tests import sweeping
from tests.sweeping import RECIPE, table


def with_bad(grid: Grid) -> Grid:
    """The grid, and before all others a cell whose trainings diverge."""
    first = grid.asked[0]
    wild = replace(RECIPE, lr=1e30, optimizer="sgd")
    return replace(
        grid, asked=(Asked(replace(first.cell, recipe=wild, seed=7), (Level(round=1),)), *grid.asked)
    )


def test_a_cell_that_fails_fails_alone(pictures: str, tmp_path: Path) -> None:
    """Catches: a training that diverges and takes the sweep with it; a failure that is not named."""
    grid, folder = with_bad(sweeping.grid(pictures, seeds=(0,))), tmp_path / "s"
    with pytest.raises(
        SweepFailed, match=r"(?s)1 of 4 cells failed. All others are done.*seed 7\): "
    ) as caught:
        running.run(grid, folder, on="serial")
    (failure,) = caught.value.failures
    assert len(caught.value.rows) == 8 and "no longer finite" in failure.message
    assert records.failures_of(folder) == {failure.cell: failure.message}
    assert len(running.run(replace(grid, asked=grid.asked[1:]), folder, on="serial")) == 8
    assert len(published.rows(folder)) == 9


def test_ctrl_c_in_one_process_tells_of_the_sweep(pictures: str, tmp_path: Path) -> None:
    """Catches: the sentence of the training that was under way, which knows of its own folder alone."""
    grid, folder = sweeping.grid(pictures, seeds=(0,)), tmp_path / "s"

    def interrupts(row: Any) -> None:
        raise Interrupted("Stopped in round 0 of 2, in attempt-0001/chain.")

    with pytest.raises(Interrupted, match=r"Stopped\. \d+ of 8 trainings are finished and saved") as caught:
        running.run(grid, folder, on="serial", announce=interrupts)
    assert "attempt" not in str(caught.value)
    assert len(running.run(grid, folder, on="serial")) == 8


def test_a_full_disk_stops_all_and_says_what_is_saved(
    pictures: str, serial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches: each cell of a thousand failing for itself; a table that is half written; work that is lost."""
    forced, calls = os.fsync, 0

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += not os.path.isdir(f"/proc/self/fd/{descriptor}")
        if calls > 40:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        forced(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        SweepUnwritable, match=r"No space left.* of 16 trainings are finished and saved"
    ) as caught:
        running.run(sweeping.grid(pictures), tmp_path / "s", on="serial")
    assert isinstance(caught.value, CannotWrite) and caught.value.errno == errno.ENOSPC
    monkeypatch.undo()
    running.run(sweeping.grid(pictures), tmp_path / "s", on="serial")
    assert table(tmp_path / "s") == table(serial)


def test_a_folder_that_cannot_be_made_is_named(pictures: str, tmp_path: Path) -> None:
    """Catches: a traceback, or trainings whose results have no place."""
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="file"):
        running.run(sweeping.grid(pictures), tmp_path / "file" / "s", on="serial")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_is_named(pictures: str, tmp_path: Path) -> None:
    """Catches: as above, where the folder is there."""
    (tmp_path / "s").mkdir(mode=0o500)
    with pytest.raises(CannotWrite, match="Permission denied"):
        running.run(sweeping.grid(pictures), tmp_path / "s", on="serial")


def test_the_folder_of_a_run_is_refused(pictures: str, tmp_path: Path) -> None:
    """Catches: a sweep that is mixed into the folder of something else."""
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="run's folder already"):
        running.run(sweeping.grid(pictures), tmp_path, on="serial")


def test_a_level_that_is_damaged_is_done_again(pictures: str, serial: Path, tmp_path: Path) -> None:
    """Catches: a damaged row that is taken, that stops the sweep, or that is left out of the table in silence."""
    folder, told = tmp_path / "s", []
    running.run(sweeping.grid(pictures), folder, on="serial")
    victim = next(folder.glob("cells/imp-*/ticket-round-02/row.json"))
    victim.write_bytes(victim.read_bytes()[:-30])
    rows, damaged = published.read(folder)
    assert len(rows) == 17 and len(damaged) == 1 and str(victim) in damaged[0]
    running.run(sweeping.grid(pictures), folder, on="serial", announce=told.append)
    assert [row["round"] for row in told] == [2]
    assert table(folder) == table(serial)


def test_a_sweep_grows_and_does_only_what_is_new(pictures: str, tmp_path: Path) -> None:
    """Catches: a level more that is a cell more; finished levels that are trained again; a list of what was asked that
    forgets."""
    folder, told = tmp_path / "s", []
    running.run(sweeping.grid(pictures, seeds=(0,), rounds=1), folder, on="serial")
    rows = running.run(
        sweeping.grid(pictures, seeds=(0, 1)), folder, on="serial", only_missing=True, announce=told.append
    )
    assert len(told) == 1 + 8, "round 2 of seed 0, and seed 1"
    assert {row["cell"] for row in rows} == {row["cell"] for row in told}
    asked = records.asked_of(folder)
    assert len(asked) == 6 and len({entry["cell"] for entry in asked}) == 6
    assert max(len(entry["levels"]) for entry in asked) == 4, "dense, rounds 1 and 2, shuffled"


def test_the_table_does_not_depend_on_the_order_of_the_cells(
    pictures: str, serial: Path, tmp_path: Path
) -> None:
    """Catches: rows in the order in which they ended or were asked for; shards whose parts are not the whole."""
    grid, folder = sweeping.grid(pictures), tmp_path / "s"
    grid = replace(grid, asked=grid.asked[::-1])
    running.run(grid, folder, on="serial", shard=(2, 2))
    assert table(folder) != table(serial)
    running.work(grid, folder, shard=(1, 2), start=1)
    assert table(folder) == table(serial)


def test_what_another_process_has_is_waited_for_and_said(
    pictures: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches: a cell that is trained beside its holder; a wait in silence; one that does not end when the claim is lost."""
    monkeypatch.setattr(waiting, "SILENCE", 0.0)
    grid, folder, told = sweeping.grid(pictures, seeds=(0,)), tmp_path / "s", []
    running.run(replace(grid, asked=grid.asked[1:]), folder, on="serial")
    first = grid.asked[0]
    cell = folder / "cells" / first.cell.id(jobs.dataset(first.cell.data, None, "cpu"))
    with claimed(cell, patience=Patience(100, 300)) as holding:
        os.utime(holding.path, (1, 1))  # it was silent since 1970
        rows = running.run(grid, folder, on="serial")
    assert len(rows) == 8
    running.run(grid, tmp_path / "t", on="serial")
    with claimed(cell):
        more = replace(first, levels=(Level(round=3),))

        def say(text: str) -> None:
            told.append(text)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt, match="trainings are finished"):
            running.run(replace(grid, asked=(more,)), folder, on="serial", tell=say)
    assert "1 cell is being done by another process (process " in told[0]


class Scripted:
    """An engine whose jobs end as they are told to, and are done when nothing is left to tell."""

    def __init__(self, *ends: tuple[str, str]) -> None:
        self.ends, self.todo, self.tried = list(ends), [], 0

    def free(self) -> int:
        return 1 - len(self.todo)

    def submit(self, job: Job) -> None:
        self.todo.append(job)

    def wait(self, seconds: float) -> list[Any]:
        if not self.todo:
            return []
        job = self.todo.pop()
        self.tried += 1
        if self.ends:
            status, message = self.ends.pop(0)
            return [Ended(job.cell, status, message, attempt=job.attempt)]
        return [jobs.do(job, stopped=lambda: False, report=lambda report: None)]

    def give_up(self, cell: str, holder: str) -> bool:
        return False

    def stop(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, pictures: str, tmp_path: Path):
    """Runs a grid of one cell with a `Scripted` engine."""

    def run(*ends: tuple[str, str]) -> Scripted:
        engine = Scripted(*ends)
        monkeypatch.setattr(running, "open_engine", lambda *_, **__: engine)
        grid = sweeping.grid(pictures, seeds=(0,))
        running.run(replace(grid, asked=grid.asked[1:2]), tmp_path / "s")
        return engine

    return run


def test_a_cell_whose_process_dies_is_tried_three_times(scripted) -> None:
    """Catches: a cell that is too large for the memory and is begun again for ever; one that is given up at once."""
    assert scripted((jobs.DIED, "by signal 9"), (jobs.DIED, "by signal 9")).tried == 3


def test_a_cell_whose_process_always_dies_fails(scripted) -> None:
    """Catches: as above."""
    with pytest.raises(SweepFailed, match=r"by signal 9; that happened 3 times."):
        scripted(*[(jobs.DIED, "by signal 9")] * 3)


def test_a_failure_that_is_mended_is_forgotten(scripted, tmp_path: Path) -> None:
    """Catches: a cell that is listed as failed for ever, though a later call has done it."""
    with pytest.raises(SweepFailed, match="no luck"):
        scripted((jobs.FAILED, "no luck"))
    assert list(records.failures_of(tmp_path / "s").values()) == ["no luck"]
    scripted()
    assert records.failures_of(tmp_path / "s") == {}


def test_a_cell_that_is_taken_is_tried_again(scripted) -> None:
    """Catches: a cell that is taken for a failure, or for done, because another process had it for a moment."""
    assert scripted((jobs.TAKEN, "x"), (jobs.TAKEN, "x")).tried == 3


def test_a_worker_that_cannot_do_any_cell_stops_the_sweep(scripted) -> None:
    """Catches: a thousand cells that fail one by one, because a machine has other data."""
    with pytest.raises(ValueError, match="others on this worker"):
        scripted((jobs.REFUSED, "the data are others on this worker"))


def test_a_job_refuses_other_data_and_names_any_error(pictures: str, tmp_path: Path, monkeypatch) -> None:
    """Catches: numbers of other data under the id of a cell; an error that ends the worker instead of the cell."""
    asked = sweeping.grid(pictures, seeds=(0,)).asked[1]
    records.begin(tmp_path, "x", [])
    right = asked.cell.id(jobs.dataset(pictures, None, "cpu"))

    def done(cell: str) -> Ended:
        job = Job(asked, cell, str(tmp_path / "cells" / cell), "cpu", Patience())
        return jobs.do(job, stopped=lambda: False, report=lambda report: None)

    assert done("imp-000000000000").status == jobs.REFUSED
    monkeypatch.setattr(jobs, "carry_out", lambda *_, **__: iter({}[1]))
    ended = done(right)
    assert ended.status == jobs.FAILED and ended.message.startswith("KeyError: 1 (test_running.py, line ")


def test_bad_arguments_are_refused_before_there_is_a_folder(pictures: str, tmp_path: Path) -> None:
    """Catches: a slip that costs a start, or that is found after the first cell."""
    grid = sweeping.grid(pictures)
    for given, text in (
        ({"on": "loacl"}, "Did you mean"),
        ({"on": "local=4"}, "expected local, serial, dask"),
        ({"workers": 0}, "workers"),
        ({"minutes": -1}, "above 0"),
        ({"shard": (3, 2)}, "Part 3 of 2"),
        ({"patience": 3}, "Patience"),
    ):
        with pytest.raises(ValueError, match=text):
            running.run(grid, tmp_path / "s", **given)
    assert not (tmp_path / "s").exists()


def test_rows_with_other_columns_are_padded(tmp_path: Path) -> None:
    """Catches: a sweep over two tasks whose table cannot be written, or whose columns shift."""
    rows = published.padded([{"a": 1, "seconds": 2}, {"b": 3}], without=("seconds",))
    assert rows == [{"a": 1, "b": None}, {"a": None, "b": 3}]


def test_the_levels_of_rows_are_those_of_their_folders(serial: Path) -> None:
    """Catches: a row that is announced for another level than the one that was published."""
    for row in published.rows(serial):
        assert (serial / "cells" / row["cell"] / level_of(row).name / "row.json").exists()


def test_costs_name_the_rows_of_the_table(serial: Path) -> None:
    """Catches: seconds that cannot be joined with the rows that they belong to."""
    with open(serial / "table.csv", newline="") as one, open(serial / "costs.csv", newline="") as other:
        first, second = (
            [tuple(row[name] for name in published.KEYS) for row in csv.DictReader(file)]
            for file in (one, other)
        )
    assert first == second and len(set(first)) == 18


def test_what_was_asked_is_read_or_its_damage_named(pictures: str, tmp_path: Path) -> None:
    """Catches: a list of what was asked that is cut off, and read as a shorter one."""
    records.begin(tmp_path, "x", [("imp-000000000000", sweeping.grid(pictures).asked[0])])
    (path,) = tmp_path.glob("asked-*.json")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DamagedFile, match=path.name):
        records.asked_of(tmp_path)
    assert isinstance(sweeping.grid(pictures).asked[0].cell, Cell)


def test_several_workers_begin_seed_by_seed_with_the_longest_cell(
    scripted, pictures: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches: a sweep that is stopped with cells of many seeds and no whole comparison; a long cell that is begun last."""
    engine, order = Scripted(), []
    monkeypatch.setattr(engine, "submit", lambda job: (order.append(job.asked.cell), engine.todo.append(job)))
    monkeypatch.setattr(running, "open_engine", lambda *_, **__: engine)
    running.run(sweeping.grid(pictures, seeds=(5, 2)), tmp_path / "s")
    assert [(cell.seed, cell.method) for cell in order] == [
        (seed, method) for seed in (5, 2) for method in ("imp", "one-shot", "prune-at-init")
    ]


def test_ctrl_c_in_a_serial_sweep_waits_for_nobody(
    pictures: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches: a wait for the job of this process, which has been unwound by the interrupt itself, until `GRACE` is over."""

    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "carry_out", interrupted)
    monkeypatch.setattr("lthkit.sweeps.engines.sleep", lambda seconds: pytest.fail("it waits"))
    with pytest.raises(KeyboardInterrupt, match="0 of 16 trainings are finished and saved, and how far"):
        running.run(sweeping.grid(pictures), tmp_path / "s", on="serial")


@pytest.mark.parametrize("call", [running.run, running.work])
def test_what_the_killed_left_in_finished_cells_is_cleared(
    pictures: str, tmp_path: Path, call: Callable[..., Any]
) -> None:
    """Catches: litter of a sweep that was killed, in cells that the next call has no need to begin."""
    grid = sweeping.grid(pictures, seeds=(0,))
    grid = replace(grid, asked=grid.asked[:1])
    running.run(grid, tmp_path, on="serial")
    (cell,) = (tmp_path / "cells").iterdir()
    before = {path.name for path in cell.iterdir()}
    (cell / "attempt-0001-0123456789ab" / "chain").mkdir(parents=True)
    (cell / ".claim-0001.json").write_text("{}")
    os.utime(cell / ".claim-0001.json", (0, 0))
    call(grid, tmp_path)
    assert {path.name for path in cell.iterdir()} == before
