"""The work `sweep` of `lthkit bench`, with programs that are told what to answer: what is compared, counted and said."""

from __future__ import annotations

import os
import re
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from lthkit import bench
from lthkit.__main__ import _parser
from lthkit.bench import cell_costs, children, report, rows, sweeping
from lthkit.bench.timing import Timing
from lthkit.storage.records import write_table
from lthkit.sweeps.grids import read_grid

TINY = replace(
    rows.Settings(torch.device("cpu")).quick(),
    grids=2,
    grid_seeds=3,
    pairs=2,
    starts=2,
    finished=5,
    planned=10,
)
KEYS = ["dense 0", "imp 0", "dense 1", "imp 1", "dense 2", "imp 2"]


@pytest.fixture
def programs(monkeypatch):
    """Instead of processes: a plain program answers for its chains, a sweep by a table; `other` gets another number there."""

    def run_child(program: str, **_: object) -> dict[str, list[float]]:
        told.plain.append(program)
        mine = re.findall(r"\('(dense|imp)', (\d), (\d), (-?\d+)\)", program)
        return {f"{way} {seed}": [0.8, 0.81] for way, _, seed, _ in mine}

    def run_python(arguments: list[str], **_: object) -> str:
        told.sweeps.append(arguments)
        rows = []
        for key in reversed(KEYS):
            method, seed = key.split()
            for level in (1, 0):
                value = 0.7 if key == told.other and level else [0.8, 0.81][level]
                rows.append({"method": method, "seed": seed, "round": level, "validation_accuracy": value})
        write_table(Path(arguments[arguments.index("--out") + 1]) / "table.csv", rows)
        return ""

    told = SimpleNamespace(plain=[], sweeps=[], other="")
    monkeypatch.setattr(sweeping, "run_child", run_child)
    monkeypatch.setattr(sweeping, "run_python", run_python)
    return told


def test_the_plain_programs_do_what_the_sweep_does_half_each(programs):
    """Catches: a training left out or done twice, other updates, other orders of the data, halves of unequal length."""
    plain, swept = sweeping.against_plain(TINY)
    halves = programs.plain[:2]
    assert sorted([p.count(f"('{way}', ") for way in ("dense", "imp")] for p in halves) == [[1, 2], [2, 1]]
    chains = [chain for half in halves for chain in re.findall(r"\('(?:dense|imp)', \d, \d, -?\d+\)", half)]
    asked = sweeping.grid_of(**sweeping.grid(TINY)).asked
    assert sorted(chains) == sorted(
        str((one.cell.method, sweeping.LAST[one.cell.method], one.cell.seed, one.cell.order)) for one in asked
    )
    assert all(f"'steps': {TINY.grid_steps}" in program for program in programs.plain)
    assert (plain.ratio, swept.ratio_to, swept.ratio.n) == (None, plain.name, 2) and swept.agrees is True
    assert "6 cells" in swept.case and "9 trainings" in swept.case
    assert "0.93" in " ".join(swept.notes) and "`lthkit sweep FILE`" in " ".join(swept.notes)


def test_a_sweep_with_other_numbers_is_no_comparison(programs):
    """Catches: a sweep that is fast because it trains something else; one cell of many that differs."""
    programs.other = "imp 2"
    plain, swept = sweeping.against_plain(TINY)
    assert swept.agrees is False and any("OTHERS" in note for note in swept.notes)
    assert plain.accuracy == swept.accuracy == 0.81


def test_each_turn_is_the_command_with_a_folder_of_its_own(programs):
    """Catches: a second turn that finds all cells finished, and is a hundred times as fast; a command that is none."""
    list(sweeping.against_plain(TINY))
    assert len(programs.sweeps) == TINY.grids
    assert len({arguments[arguments.index("--out") + 1] for arguments in programs.sweeps}) == TINY.grids
    for module, name, *given in programs.sweeps:
        assert (module, name) == ("-m", "lthkit")
        this = _parser().parse_args(given)
        assert (this.workers, this.device, this.worker) == (sweeping.WORKERS, "cpu", False)


def test_the_file_asks_for_what_the_plain_programs_do(tmp_path):
    """Catches: a key of the grid that gets lost on the way into the file."""
    file = tmp_path / "other.toml"
    file.write_text(sweeping.in_a_file(sweeping.grid(TINY)))
    assert read_grid(file) == sweeping.grid_of(**sweeping.grid(TINY))


def test_a_program_that_fails_is_said(monkeypatch):
    """Catches: a benchmark of ten minutes that ends with a traceback, or with a guess."""

    def fail(program: str, **_: object) -> None:
        raise RuntimeError("a process failed: no room")

    for module in (sweeping, cell_costs):
        monkeypatch.setattr(module, "run_child", fail)
    monkeypatch.setattr(cell_costs, "cell", lambda settings: [])
    told = list(sweeping.sweep(TINY))
    assert len(told) == 3 and all("not measured: a process failed: no room" in r.notes for r in told)
    assert all(r.time is None for r in told)


def test_what_a_cell_costs_is_the_difference_within_a_turn(monkeypatch):
    """Catches: a difference of medians, in which seconds of different moments meet; seconds called milliseconds."""
    timings = [Timing("alone", (1.0, 5.0, 2.0), (1.0,) * 3), Timing("cell", (1.1, 5.3, 2.2), (1.0,) * 3)]
    monkeypatch.setattr(cell_costs, "interleaved", lambda *_, **__: timings)
    monkeypatch.setattr(cell_costs, "on_one_core", nullcontext)
    told = list(cell_costs.cell(TINY))
    assert [r.unit for r in told] == ["ms"] * 3 + ["ms of a core"] * 3
    assert told[2].time.median == pytest.approx(200) and told[2].time.low == pytest.approx(150)
    assert "100 or less" in told[2].notes[0]


def test_a_cell_is_done_beside_the_same_training():
    """Catches: a cell that is found finished at its second turn, or a training that is none."""
    told = list(cell_costs.cell(TINY))
    assert [r.name for r in told[:3]] == ["its training alone", "a cell", "besides"]
    assert all(r.time.n == TINY.pairs and r.time.low > 0 for r in told if r.name != "besides")


def test_lists_and_plans_are_of_fresh_processes_and_the_first_does_not_count(monkeypatch):
    """Catches: the start that fills the file cache counted, seconds of the clock passed off as those of a core."""
    calls: list[str] = []

    def run_child(program: str, **_: object) -> dict[str, object]:
        calls.append(program.rpartition("cell_costs.")[2].partition("(")[0])
        return {"seconds": 9.0, "cpu": 100.0 if calls.count(calls[-1]) == 1 else 0.5, "of": "so many"}

    monkeypatch.setattr(cell_costs, "run_child", run_child)
    told = list(cell_costs._in_fresh_processes(TINY, "somewhere"))
    assert calls == ["tell_made"] + ["tell_rows"] * 3 + ["tell_listed"] * 3 + ["tell_planned"] * 3
    assert all(r.time == bench.Spread(0.5, 0.5, 0.5, 2) and "9 s" in r.notes[0] for r in told)
    assert "a list of 5 finished cells" in told[0].case and "a plan of 10 cells" in told[2].case


def test_calls_to_the_file_system_are_those_that_happen(tmp_path, monkeypatch):
    """Catches: a kind of call that is not counted, one that is counted twice, a count that is not begun anew."""
    for name in cell_costs._COUNTED:
        monkeypatch.setattr(os, name, getattr(os, name))  # given back after this test
    heard = cell_costs._Heard()
    monkeypatch.setattr(
        heard, "_hears", lambda *_: None, raising=False
    )  # the hook stays: it is bound already
    (tmp_path / "a").mkdir()
    with open(tmp_path / "b", "wb") as file:
        os.fsync(file.fileno())
    os.rename(tmp_path / "b", tmp_path / "c")
    list(os.scandir(tmp_path))
    os.stat(tmp_path / "c")
    found = heard.taken()
    assert found == {
        "made, renamed or removed": 2,
        "opened": 1,
        "forced to disk": 1,
        "listed": 1,
        "looked at": 1,
    }
    assert heard.taken() == {}


def test_the_projection_of_a_thousand_workers(monkeypatch):
    """Catches: calls of one worker for those of all, of a cell for those of a second."""
    told = {"calls": {"opened": 50, "looked at": 100}, "beat": 4}
    monkeypatch.setattr(cell_costs, "run_child", lambda program, **_: told)
    *kinds, last = cell_costs.operations()
    assert [(r.name, r.time.median) for r in kinds] == [("opened", 50.0), ("looked at", 100.0)]
    assert last.time.median == 150.0
    assert "250 calls a second for cells, and 400 for 100 heartbeats of 4 calls" in last.notes[0]


def test_planned_grids_have_as_many_cells_as_are_said():
    """Catches: a plan of ten thousand that is one of two thousand."""
    assert len(cell_costs.wide(50).asked) == 50
    assert len({one.cell for one in cell_costs.wide(50).asked}) == 50


def test_the_time_that_a_program_may_take_is_said():
    """Catches: a limit that is not kept, or that the text gives wrongly."""
    with pytest.raises(RuntimeError, match=r"more than 0\.5 s"):
        children.run_child("import time; time.sleep(60)", limit=0.5)


def test_the_report_of_it_is_narrow(programs):
    """Catches: a case or a note that breaks the table of 80 columns."""
    text = bench.table([r.plain() for r in sweeping.against_plain(TINY)])
    assert max(map(len, text.splitlines()[1:])) <= 80 and "as fast" in text.replace("\n", " ")
    assert report.WORKS["sweep"][1] is sweeping.sweep
