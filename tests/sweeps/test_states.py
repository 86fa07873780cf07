"""A run folder seen from outside: its status, its rows, how it is listed, and the table of its rows."""

from __future__ import annotations

import json
import logging
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import lthkit as lth
from lthkit.cells import IMP, Cell, EarlyBird, Level, OneShot, PruneAtInit
from lthkit.cells.cells import DENSE_LEVEL
from lthkit.data.datasets import Dataset
from lthkit.storage import files
from lthkit.storage.claims import Patience, claimed
from lthkit.sweeps import records
from lthkit.sweeps.listing import listed_in, spelt_age
from lthkit.sweeps.results import results
from lthkit.sweeps.states import state_of
from tests.conftest import small_net
from tests.made_sweeps import RECIPE, asked_for, made_cell

LEVELS = (Level(density=0.2), Level(density=0.05))
ENDED = {LEVELS[0]: 0.9, LEVELS[1]: 0.8}


def cell(seed: int = 0, way: Any = None, model: str = "lenet-300-100") -> Cell:
    return Cell(way or PruneAtInit(), model, "tiny", RECIPE, seed=seed)


@pytest.fixture
def sweep(tmp_path: Path, tiny: Dataset) -> Path:
    """Two seeds of SNIP at two densities; seed 1 lacks the lower one."""
    folder = tmp_path / "runs" / "criteria"
    asked_for(folder, {cell(0): LEVELS, cell(1): LEVELS}, tiny)
    made_cell(folder, cell(0), tiny, ENDED)
    made_cell(folder, cell(1), tiny, {LEVELS[0]: 0.7})
    return folder


def test_a_sweep_that_was_stopped_says_what_is_missing(sweep: Path, tiny: Dataset) -> None:
    """Catches: a sweep called finished because everything in it is."""
    state = state_of(sweep)
    assert (state.kind, state.status, state.seeds, state.by) == ("sweep", "stopped", (1, 2), "")
    assert [(c.seed, level) for c, level in state.missing] == [(1, "ticket-density-0.05")]
    asked_for(sweep, {cell(2): LEVELS}, tiny)
    assert state_of(sweep).seeds == (1, 3), "a cell that was asked for and is not begun counts"
    made_cell(sweep, cell(1), tiny, {LEVELS[1]: 0.6})
    made_cell(sweep, cell(2), tiny, ENDED)
    assert state_of(sweep).status == "finished" and state_of(sweep).seeds == (3, 3)


def test_who_works_on_it_is_said_until_the_claim_is_lost(sweep: Path, tiny: Dataset) -> None:
    """Catches: "stopped" for what another machine is doing, and "under way" for what was killed long ago."""
    folder = sweep / "cells" / cell(1).id(tiny)
    with claimed(folder, patience=Patience(0.5, 2)):
        state = state_of(sweep)
        assert state.status == "under way" and state.by.startswith("process ")
        assert "under way (process " in "\n".join(listed_in(sweep.parent)[0].lines(80))
        lost = next(folder.glob(".claim-*"))
        content = lost.read_bytes()
    lost.write_bytes(content)
    os.utime(lost, (1e9, 1e9))
    assert state_of(sweep).status == "stopped"


def test_a_failure_is_named_until_the_cell_is_done(sweep: Path, tiny: Dataset) -> None:
    """Catches: a failure that only the process saw which had it; and one that is still told when the cell is done."""
    records.failed(sweep, cell(1).id(tiny), "the loss was nan", ["ticket-density-0.05"])
    state = state_of(sweep)
    assert state.status == "failed" and state.wrong == ("the loss was nan",)
    assert "the loss was nan" in "\n".join(listed_in(sweep.parent)[0].lines(80))
    made_cell(sweep, cell(1), tiny, {LEVELS[1]: 0.6})
    assert state_of(sweep).status == "finished" and state_of(sweep).wrong == ()


def test_a_copy_of_a_cell_is_not_counted(sweep: Path, tiny: Dataset) -> None:
    """Catches: a seed that counts twice because somebody copied its folder."""
    folder = sweep / "cells" / cell(0).id(tiny)
    shutil.copytree(folder, folder.with_name(f"{folder.name} (copy)"))
    assert len(state_of(sweep).cells) == 2 and len(results(sweep)) == 3


def test_rows_of_finished_and_unfinished_runs_have_equal_keys(sweep: Path, tiny: Dataset) -> None:
    """Catches: a data frame with shifted columns; an unfinished run left out; a level of another run counted for this one."""
    other = sweep.parent / "other"
    asked_for(other, {cell(0, IMP()): [Level(round=1)]}, tiny)
    made_cell(other, cell(0, IMP()), tiny, {DENSE_LEVEL: 0.95, Level(round=1): 0.94})
    made_cell(other, cell(0, EarlyBird()), tiny, {Level(density=0.3): None})
    nesterov = replace(
        RECIPE, optimizer="sgd", momentum=0.9, nesterov=True
    )  # a column that the others do not have
    made_cell(other, replace(cell(0), recipe=nesterov), tiny, {LEVELS[0]: 0.5})
    rows = lth.results(sweep.parent)
    assert len({tuple(row) for row in rows}) == 1 and len(rows) == 7
    assert {(row["run"], row["status"]) for row in rows} == {("criteria", "stopped"), ("other", "finished")}
    early = next(row for row in rows if row["method"] == "early-bird")
    assert early["outcome"] == "never stable" and early["test_accuracy"] is None and early["density"] is None
    assert {row["data_fingerprint"] for row in rows} == {tiny.fingerprint}
    assert [r["test_accuracy"] for r in lth.results(sweep)] == [0.9, 0.8, 0.7]
    assert len(lth.results(sweep / "cells" / cell(0).id(tiny))) == 2, "a single cell is a run too"
    with pytest.raises(FileNotFoundError, match="is not there; expected the folder of a run"):
        lth.results(sweep / "nowhere")
    with pytest.raises(FileNotFoundError, match="has no run in it"):
        lth.results(sweep / "cells" / cell(0).id(tiny) / "ticket-density-0.2")


def test_a_damaged_level_is_left_out_and_named(
    sweep: Path, tiny: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    """Catches: a number that was altered on disk, taken for a result; one that is gone without a word."""
    path = sweep / "cells" / cell(0).id(tiny) / "ticket-density-0.2" / "row.json"
    path.write_text(path.read_text().replace("0.9", "0.99", 1))
    with caplog.at_level(logging.WARNING, logger="lthkit"):
        assert [row["test_accuracy"] for row in results(sweep)] == [0.8, 0.7]
    assert "ticket-density-0.2" in caplog.text and "checksum" in caplog.text


def test_a_damaged_list_of_what_was_asked_is_told(sweep: Path) -> None:
    """Catches: a traceback of `lthkit list` for one bad folder among many, or that folder called finished."""
    next(sweep.glob("asked-*.json")).write_text("{")
    (one,) = listed_in(sweep.parent)
    assert one.state.status == "damaged" and "asked-" in " ".join(one.lines(80))


def test_the_list_says_how_far_each_run_is(sweep: Path, tiny: Dataset) -> None:
    """Catches: the accuracy of a denser ticket, or of a control, told as that of the last one; lines wider than the page."""
    made_cell(
        sweep,
        cell(0),
        tiny,
        {Level(density=0.05, arm="shuffled"): 0.1, Level(density=0.01, arm="shuffled"): 0.1},
    )
    (one,) = listed_in(sweep.parent)
    name, *rest = one.lines(80)
    text = " ".join(" ".join(rest).split())
    assert (
        name == "criteria"
        and "stopped, 1 of 2 seeds, 5 % left: test accuracy 80.0 %, n = 1 (prune-at-init snip)" in text
    )
    assert all(len(line) <= 80 for line in rest) and text.endswith("ago")
    assert [spelt_age(s) for s in (-5, 48, 7200, 5 * 86400)] == ["1 s", "48 s", "2 h 0 min", "5 days"]


def test_of_a_long_list_little_is_read(
    tmp_path: Path, tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches: all levels of all cells read for one line: of each cell it takes the configuration and one row."""
    folder = tmp_path / "runs" / "many"
    asked_for(folder, {cell(seed, IMP()): [Level(round=r) for r in range(1, 9)] for seed in range(5)}, tiny)
    for seed in range(5):
        made_cell(
            folder, cell(seed, IMP()), tiny, {DENSE_LEVEL: 0.9, **{Level(round=r): 0.9 for r in range(1, 9)}}
        )
    read: list[Any] = []
    original = files.read_sealed

    def counted(path: Any, **how: Any) -> dict[str, Any]:
        read.append(path)
        return original(path, **how)

    monkeypatch.setattr(files, "read_sealed", counted)
    (one,) = listed_in(folder.parent)
    assert one.density == "16.8" and one.state.seeds == (5, 5)
    assert len(read) <= 2 * 5 + 3, read


def test_the_rows_of_a_folder_are_a_table(tmp_path: Path, tiny: Dataset) -> None:
    """Catches: rows as they are read that no table takes; seeds of two networks averaged; a search without a ticket not told."""
    folder = tmp_path / "many"
    ways = {PruneAtInit(): (0.81, 0.8, 0.79), OneShot(): (0.95, 0.94, None), EarlyBird(): (0.5, 0.6, None)}
    for way, values in ways.items():
        for seed, value in enumerate(values):
            if value is not None or way.name == "early-bird":
                made_cell(folder, cell(seed, way), tiny, {Level(density=0.2): value})
    for seed in range(3):
        made_cell(folder, cell(seed, model="lenet-5"), tiny, {Level(density=0.2): 0.1})
    records.begin(folder, "many", [])
    three, one = lth.plots.sweep_tables(results(folder))
    assert three.title.startswith("lenet-300-100, tiny") and one.title.startswith("lenet-5, tiny")
    assert dict(zip(three.headings, three.rows[0], strict=True)) == {
        "weights left (%)": "20",
        "one-shot (n=2)": "94.5 (seeds 94.0 to 95.0)",
        "prune-at-init snip (n=3)": "80.0 ± 2.5",
        "early-bird (n=2)": "55.0 (seeds 50.0 to 60.0)",
    }
    assert "early-bird: never stable at 20 % (seed 2)." in three.notes and one.rows == [["20", "10.0 ± 0.0"]]
    assert all(len(line) <= 80 for t in (three, one) for line in t.text(80).splitlines())


def test_runs_of_another_kind_are_listed_by_what_they_are(tmp_path: Path, tiny: Dataset) -> None:
    """Catches: a crash, or "finished", for the folder of a single search, or one whose configuration is damaged."""
    recipe = lth.Recipe(steps=2, batch_size=20, evaluate_every=2)
    list(lth.imp(small_net, tiny, rounds=1, recipe=recipe, seed=0, folder=tmp_path / "search"))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "config.json").write_text(json.dumps({"kind": "cell"}))
    states = {one.state.name: (one.state.kind, one.state.status) for one in listed_in(tmp_path)}
    assert states == {"search": ("search", "idle"), "bad": ("run", "damaged")}
    assert lth.results(tmp_path) == []
