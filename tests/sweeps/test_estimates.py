"""The estimate of a plan, and what `--dry-run` prints of it."""

from __future__ import annotations

import pytest

from lthkit.cells.carrying import carry_out
from lthkit.sweeps.estimates import Pace, estimate, kind_of, paces_of, spelt_bytes, text_of
from lthkit.sweeps.grids import grid_of
from lthkit.sweeps.planning import CELLS, plan


@pytest.fixture
def planned(tiny, tmp_path):
    grid = grid_of(
        "a-grid",
        methods=[
            "dense",
            "imp",
            {"method": "prune-at-init", "score": ["snip", "synflow", "random"], "images": 10},
        ],
        seeds=[0, 1, 2, 7],
        rounds=[1, 2],
        recipes={
            "short": {"steps": 10, "evaluate_every": 10},
            "other": {"steps": 20, "evaluate_every": 10, "lr": 1e-2},
        },
    )
    return plan(grid, tmp_path / "runs" / "a-grid", datasets={"fashion-mnist": tiny})


def test_time_is_that_of_all_updates_on_the_workers_and_never_below_the_longest_cell(planned):
    """Catches: a time for one worker where there are two, and a sweep that is to end before its longest chain can."""
    paces = {kind_of(one.asked.cell): Pace(0.01, 0.5) for one in planned.cells}
    assert len(paces) == 1, "a learning rate changes no time"
    evaluations = planned.cost.updates / 10
    whole = planned.cost.updates * 0.01 + evaluations * 0.5
    assert estimate(planned, paces) == pytest.approx(whole)
    assert estimate(planned, paces, workers=2) == pytest.approx(whole / 2)
    assert estimate(planned, paces, workers=1000) == pytest.approx(60 * 0.01 + 6 * 0.5)
    assert estimate(planned, None) is None and estimate(planned, {}) is None


def test_paces_are_measured_once_a_kind(planned, tiny):
    """Catches: a dry run that measures for a second for each of ten thousand cells."""
    paces = paces_of(planned, {"fashion-mnist": tiny}, seconds=0)
    assert list(paces) == [kind_of(planned.cells[0].asked.cell)]
    assert all(pace.update > 0 and pace.evaluation > 0 for pace in paces.values())


def test_the_text_says_what_there_is_and_what_is_to_do(planned, tiny):
    """Catches: lines that a terminal of 80 columns breaks; an estimate that is not called one; a number that is missing."""
    text = text_of(planned, seconds=7300.0, workers=4)
    assert max(map(len, text.splitlines())) <= 80
    words = " ".join(text.split())
    for part in (
        "40 cells with 80 levels",
        "prune-at-init snip, prune-at-init synflow",
        "seeds 0 to 2, 7",
        "recipes short, other",
        "finished 0 cells",
        f"to do 40 cells, {planned.cost.trainings} trainings, at most {planned.cost.updates:,} updates",
        "about 2 h 2 min on 4 workers side by side: an estimate",
        "that stay, an estimate",
    ):
        assert part in words, f"{part}: {words}"
    assert "time not measured" in " ".join(text_of(planned).split())


def test_what_is_finished_is_said(planned, tiny, tmp_path):
    """Catches: a plan of what is left that reads as if it were all."""
    one, begun = planned.cells[0], planned.cells[1]
    list(carry_out(one.asked.cell, one.asked.levels, tiny, planned.folder / CELLS / one.id))
    list(carry_out(begun.asked.cell, begun.asked.levels[:2], tiny, planned.folder / CELLS / begun.id))
    again = plan(planned.grid, planned.folder, datasets={"fashion-mnist": tiny})
    assert "finished 1 cell, and part of 1 other\n" in text_of(again).replace("   ", " ").replace("  ", " ")
    done = plan(type(planned.grid)("x", (one.asked,)), planned.folder, datasets={"fashion-mnist": tiny})
    assert "nothing: all that was asked for is there" in text_of(done) and estimate(done, {}) == 0


def test_bytes_are_spelt():
    """Catches: 1000 kB, and sizes with digits that nobody reads."""
    assert [spelt_bytes(n) for n in (0, 999, 1000, 999_600, 40_000_000, 1.26e9)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.0 MB",
        "40 MB",
        "1.3 GB",
    ]
