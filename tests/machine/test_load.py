"""What other programs use, from made-up contents of /proc. No test reads a clock."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lthkit.machine import load

ME = os.getpid()


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "usable", lambda: {0, 1})


def proc(folder: Path, cores: Sequence[str], processes: Sequence[tuple[int, str, int, str]]) -> Path:
    """A /proc with a line of ticks for each core, and (number, name, parent, ticks) of each process."""
    total = [str(sum(column)) for column in zip(*([int(x) for x in c.split()] for c in cores), strict=True)]
    lines = [f"cpu  {' '.join(total)}", *(f"cpu{i} {ticks}" for i, ticks in enumerate(cores)), "intr 5 0 0"]
    folder.mkdir(parents=True)
    (folder / "stat").write_text("\n".join([*lines, "ctxt 9"]) + "\n")
    (folder / "self").mkdir()
    for pid, name, parent, used in processes:
        (folder / str(pid)).mkdir()
        fields = f"R {parent} 1 1 0 -1 4194304 101 0 0 0 {used} 20 0 1 0 1188014"
        (folder / str(pid) / "stat").write_text(f"{pid} ({name}) {fields}\n")
    return folder


def between(
    tmp_path: Path,
    cores: Sequence[str],
    processes: Sequence[tuple[int, str, int, str]],
    *,
    before: str = "0 0 0 0",
) -> float | None:
    """From a start where no core has done anything yet, and this process was said to have used `before`."""
    idle = ["0 0 0 0 0 0 0 0 0 0"] * len(cores)
    first = proc(tmp_path / "first", idle, [(ME, "python", 1, before)])
    then = proc(tmp_path / "then", cores, processes)
    return load.others_between(load.moment(first), load.moment(then))


# user nice system idle iowait irq softirq steal guest guest_nice: 100 ticks of each core
BUSY = ["50 10 10 10 5 5 5 5 40 0", "20 0 0 70 10 0 0 0 0 0"]  # 85 and 20 of 100


def test_what_others_use_is_what_is_busy_less_what_is_ours(tmp_path: Path) -> None:
    """Catches: waiting for a disk or a guest's time counted as work, system time or stolen time left out."""
    assert between(tmp_path, BUSY, [(ME, "python", 1, "20 5 0 0")]) == pytest.approx(0.80)


def test_children_are_ours_and_neighbours_are_not(tmp_path: Path) -> None:
    """Catches: the benchmark's own workers, their children or ended ones taken for other programs; a sister for a child."""
    family = [
        (ME, "python", 1, "10 0 3 2"),  # 5 ticks by children that have ended
        (ME + 1, "worker (1) x", ME, "10 0 0 0"),
        (ME + 2, ") R 1 1", ME + 1, "4 1 0 0"),
        (ME + 3, "browser", 1, "60 0 0 0"),
    ]
    assert between(tmp_path, BUSY, family) == pytest.approx(0.75)


def test_only_the_cores_of_this_process_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches: a server's other sixty cores counted against the two that we may use."""
    cores = [BUSY[0], "100 0 0 0 0 0 0 0 0 0", "0 0 0 100 0 0 0 0 0 0"]
    monkeypatch.setattr(load, "usable", lambda: {0, 2})
    assert between(tmp_path, cores, [(ME, "python", 1, "0 0 0 0")]) == pytest.approx(0.85)
    monkeypatch.setattr(load, "usable", lambda: {8, 9})  # a container that numbers its cores anew
    assert between(tmp_path / "b", cores, [(ME, "python", 1, "0 0 0 0")]) == pytest.approx(1.85)


def test_it_is_never_negative_nor_more_than_there_is(tmp_path: Path) -> None:
    """Catches: ticks that are rounded, and those of a child that nobody waited for, which are gone."""
    assert between(tmp_path, BUSY, [(ME, "python", 1, "107 0 0 0")]) == 0.0
    all_of_it = ["100 0 0 0 0 0 0 0 0 0"] * 2
    assert between(tmp_path / "b", all_of_it, [(ME, "python", 1, "0 0 0 0")], before="9 0 0 0") == 2.0


def test_a_system_that_does_not_say_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches: a guess, a zero or an error where there is no /proc, or one that is made up and stands still."""
    assert load.moment(tmp_path / "nowhere") is None and load.others_between(None, None) is None
    monkeypatch.setattr(load, "moment", lambda: None)
    assert load.others_use(0) is None
    monkeypatch.undo()
    still = load.moment(proc(tmp_path / "a", ["0 0 0 0 0 0 0 0"], [(ME, "python", 1, "0 0 0 0")]))
    assert still is not None and load.others_between(still, still) is None
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "stat").write_text("cpu0 a b c\n")
    assert load.moment(tmp_path / "b") is None
    assert load.moment(proc(tmp_path / "c", BUSY, [])) is None  # it does not even show this process


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the others do not say")
def test_this_machine_says_it() -> None:
    """Catches: made-up contents that look otherwise than the real ones."""
    found = load.others_use(0.05)
    assert found is not None and 0 <= found <= 2
