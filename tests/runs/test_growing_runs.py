"""A run grows, and processes share it: what is there is read, what others do is waited for, and all of it is in one table."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import lthkit as lth
from lthkit.cells.carrying import Held
from lthkit.runs import experiments, results, under_way
from lthkit.runs.run_cells import cells_of_seeds
from lthkit.storage.claims import Lost, claimed
from lthkit.storage.folders import RunMismatch
from lthkit.storage.snapshots import TimeUp

SMALL = experiments.Experiment(
    "grown",
    "lenet-300-100",
    lth.Recipe(steps=6, batch_size=20, evaluate_every=3),
    "smoke",
    seeds=(0, 1),
    rounds=1,
    controls=("shuffled",),
    control_rounds=(1,),
)
LARGE = replace(SMALL, seeds=(0, 1, 2), rounds=2, controls=experiments.CONTROLS, control_rounds=(1, 2))


def numbers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def levels(folder: Path) -> dict[str, int]:
    """Every published level, with the time at which it was written."""
    return {str(path.parent): path.stat().st_mtime_ns for path in folder.glob("cells/*/*/row.json")}


@pytest.fixture(scope="module")
def data() -> lth.Dataset:
    return lth.load_data("fashion-mnist").head(train=60, validation=30, test=100)


@pytest.fixture(scope="module")
def whole(data: lth.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The large one, run at once."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    experiments.run(LARGE, data, folder)
    return folder


@pytest.mark.parametrize("method", ["imp", "one-shot"])
def test_more_of_a_run_is_only_what_is_missing(data: lth.Dataset, tmp_path: Path, method: str) -> None:
    """Catches: a seed, a round or a control that is trained twice, one that is left out, and numbers of another run."""
    small, large = replace(SMALL, method=method), replace(LARGE, method=method)
    whole = experiments.run(large, data, tmp_path / "whole")
    folder = tmp_path / "run"
    assert experiments.folder_name(small, data) == experiments.folder_name(large, data)
    experiments.run(small, data, folder)
    before = levels(folder)
    assert len(before) == small.trainings
    assert numbers(experiments.run(large, data, folder)) == numbers(whole)
    after = levels(folder)
    assert len(after) == large.trainings and before.items() <= after.items()
    config, summary, rows = results.load(folder)
    assert numbers(rows) == numbers(whole) and summary["sessions"] == 2
    assert (config["seeds"], config["rounds"]) == ([0, 1, 2], 2)
    assert (config["controls"], config["control_rounds"]) == (list(experiments.CONTROLS), [1, 2])
    assert not list(folder.rglob("attempt-*"))
    found = lth.audit(folder)
    assert found.failed == () and "22 rows" not in found["record"].text


def test_less_is_read_and_nothing_is_lost(data: lth.Dataset, whole: Path, tmp_path: Path) -> None:
    """Catches: a call for less that shrinks the table, or returns more than it was asked for."""
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    before = levels(folder)
    assert len(experiments.run(SMALL, data, folder)) == SMALL.trainings
    _, summary, rows = results.load(folder)
    assert len(rows) == LARGE.trainings and levels(folder) == before and summary["sessions"] == 1


def test_calls_that_differ_leave_a_table_with_holes_that_is_told_as_such(
    data: lth.Dataset, tmp_path: Path
) -> None:
    """Catches: trainings that nobody asked for, and an audit that misses what nobody asked for."""
    deep, wide = replace(SMALL, seeds=(0, 1, 2), rounds=2), replace(SMALL, seeds=(3,), rounds=1)
    experiments.run(deep, data, tmp_path / "run")
    assert len(experiments.run(wide, data, tmp_path / "run")) == wide.trainings
    config, _, rows = results.load(tmp_path / "run")
    assert config["seeds"] == [0, 1, 2, 3] and len(rows) == deep.trainings + wide.trainings
    assert lth.audit(tmp_path / "run").failed == ()
    with pytest.raises(RunMismatch, match=r"fraction: 0.2 there, 0.3 now"):
        experiments.run(replace(wide, fraction=0.3), data, tmp_path / "run")


def test_what_is_unfinished_is_not_in_the_table(data: lth.Dataset, tmp_path: Path) -> None:
    """Catches: a table of half a call, and a configuration that names seeds of which there are no rows."""
    with pytest.raises(TimeUp):
        experiments.run(LARGE, data, tmp_path / "run", minutes=1e-6)
    with pytest.raises(FileNotFoundError, match="not finished"):
        results.load(tmp_path / "run")
    experiments.run(SMALL, data, tmp_path / "run")
    config, _, rows = results.load(tmp_path / "run")
    assert config["seeds"] == [0, 1] and config["rounds"] == 1 and len(rows) == SMALL.trainings
    assert len(experiments.run(LARGE, data, tmp_path / "run")) == LARGE.trainings


def until(happened: Callable[[], object]) -> None:
    """Wait for something; a minute is far more than it takes."""
    for _ in range(6000):
        if happened():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def test_a_seed_of_another_process_is_waited_for_and_read(
    data: lth.Dataset,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Catches: RunBusy, a seed that is trained twice, and rows of the other process that are left out."""
    monkeypatch.setattr(under_way, "POLL", 0.02)
    caplog.set_level(logging.WARNING, "lthkit")
    theirs = cells_of_seeds(whole)[1]
    mine, rows = tmp_path / "run" / "cells" / theirs.name, []
    with claimed(mine):
        thread = threading.Thread(target=lambda: rows.extend(experiments.run(LARGE, data, tmp_path / "run")))
        thread.start()
        until(lambda: "Seed 1 is waited for" in caplog.text)
        assert "is being worked on by process" in caplog.text and thread.is_alive()
        shutil.copy(theirs / "config.json", mine)
        for path in theirs.iterdir():
            if path.is_dir():  # as a level is published: whole, by a rename
                shutil.copytree(path, tmp_path / path.name).rename(mine / path.name)
        thread.join()
    published = {str(path.relative_to(theirs)): path.read_bytes() for path in theirs.glob("*/row.json")}
    assert published == {str(path.relative_to(mine)): path.read_bytes() for path in mine.glob("*/row.json")}
    assert numbers(rows) == numbers(results.load(whole)[2])
    assert results.load(tmp_path / "run")[1]["wall_seconds"] is None, "the other's time is not known"


@pytest.mark.parametrize("level", ["ticket-round-01", "shuffled-round-01"])
def test_a_claim_that_was_lost_is_no_end_of_the_run(
    data: lth.Dataset, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    """Catches: a run that ends with an error because it was paused, and another process has taken a seed over."""
    monkeypatch.setattr(under_way, "POLL", 0.02)
    publish, calls = Held.publish, []

    def lost_once(self: Held, this: Any) -> Any:
        calls.append(this.level.name)
        if calls.count(level) == 1 and calls[-1] == level:
            raise Lost("taken over")
        return publish(self, this)

    monkeypatch.setattr(Held, "publish", lost_once)
    rows = experiments.run(LARGE, data, tmp_path / "run")
    assert numbers(rows) == numbers(results.load(whole)[2]) and len(calls) > 5
    assert not list((tmp_path / "run").rglob(".claim-*")) and not list((tmp_path / "run").rglob("attempt-*"))


SHARED = """
import sys
import lthkit as lth
from lthkit.runs import experiments
small = experiments.Experiment("shared", "lenet-300-100", lth.Recipe(steps=60, batch_size=20, evaluate_every=20), "smoke",
    seeds=(0, 1, 2, 3), rounds=2, controls=("shuffled",), control_rounds=(1, 2))
print(len(experiments.run(small, lth.load_data("fashion-mnist").head(train=60, validation=30, test=100), sys.argv[1])))
"""


def test_two_processes_share_one_folder(tmp_path: Path) -> None:
    """Catches: two machines that train the same seeds, or of which one fails, or whose tables differ from the serial one."""
    command = [sys.executable, "-c", SHARED]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([*command, str(tmp_path / "shared")], **pipes) for _ in range(2)]
    told = [process.communicate() for process in both]
    assert [out for out, _ in told] == ["20\n", "20\n"], told
    subprocess.run([*command, str(tmp_path / "alone")], check=True, capture_output=True)
    tables = [results.load(tmp_path / name)[2] for name in ("shared", "alone")]
    assert numbers(tables[0]) == numbers(tables[1])
    assert len(levels(tmp_path / "shared")) == 4 * 5
