"""A cell grows: what is asked for later is only what is missing, and the numbers are those of asking at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import lthkit as lth
from lthkit.cells import (
    IMP,
    Cell,
    EarlyBird,
    Hybrid,
    Level,
    OneShot,
    PruneAtInit,
    carry_out,
    missing_of,
    rows_of,
)
from lthkit.cells.attempts import attempts_in
from lthkit.machine.work import Interrupted
from lthkit.training import loop

RECIPE = lth.Recipe(steps=20, batch_size=20, lr=0.01, evaluate_every=10)


def cell_of(way: Any, **changed: Any) -> Cell:
    return Cell(
        **{"way": way, "model": "tests.conftest:small_net", "data": "tiny", "recipe": RECIPE} | changed
    )


def without_seconds(rows: Any) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def done(cell: Cell, levels: list[Level], data: Any, folder: Path) -> tuple[list[dict[str, Any]], int]:
    """The rows, and the updates that were done."""
    counted: list[int] = []
    rows = list(carry_out(cell, levels, data, folder, progress=counted.append))
    return without_seconds(rows), sum(counted)


def rounds(*numbers: int, arm: str = "ticket") -> list[Level]:
    return [Level(round=number, arm=arm) for number in numbers]


def densities(*values: float, arm: str = "ticket") -> list[Level]:
    return [Level(density=value, arm=arm) for value in values]


WAYS: dict[str, tuple[Any, list[list[Level]]]] = {
    "imp": (IMP(rewind_step=3), [rounds(2), rounds(4), rounds(1, 4, arm="shuffled"), rounds(3)]),
    "one-shot": (OneShot(), [densities(0.1), densities(0.5, 0.05), densities(0.5, arm="fine-tune")]),
    "prune-at-init": (
        PruneAtInit(score="magnitude"),
        [densities(0.5), densities(0.7, 0.05), densities(0.7, arm="shuffled")],
    ),
    "early-bird": (EarlyBird(window=2, threshold=1.0), [densities(0.5), densities(0.7)]),
    "hybrid": (Hybrid(rounds=2, images=30), [densities(0.1), densities(0.3, 0.05)]),
}


@pytest.mark.parametrize("name", WAYS)
def test_bit_by_bit(tiny, tmp_path, name):
    """Catches: rounds, densities or arms asked for later, in any order, that come to other numbers, or train again what had ended."""
    way, calls = WAYS[name]
    cell = cell_of(way, recipe=lth.Recipe(steps=60, batch_size=20, lr=0.01, evaluate_every=10))
    everything = [level for call in calls for level in call]
    at_once, updates = done(cell, everything, tiny, tmp_path / "at-once")
    grown = 0
    for levels in calls:
        folder = tmp_path / "grown"
        trained = sum(row["steps"] for row in rows_of(folder)) if folder.exists() else 0
        done(cell, levels, tiny, folder)
        assert attempts_in(folder) == [] and missing_of(folder, cell.levels(levels)) == []
        grown += sum(row["steps"] for row in rows_of(folder)) - trained
    rows, more = done(cell, everything, tiny, tmp_path / "grown")
    assert rows == at_once and more == 0
    assert without_seconds(rows_of(tmp_path / "grown")) == without_seconds(rows_of(tmp_path / "at-once"))
    assert [row["cell"] for row in rows] == [cell.id(tiny)] * len(rows)


def test_an_added_round_trains_that_round_only(tiny, tmp_path, monkeypatch):
    """Catches: a chain that is trained again from the start when a round is added, its attempts having been removed."""
    cell = cell_of(IMP())
    done(cell, rounds(2), tiny, tmp_path)
    trained: list[Any] = []
    plain = loop.updater

    def counting(*args: Any, **named: Any) -> Any:
        trained.append(named["seeds"])
        return plain(*args, **named)

    monkeypatch.setattr(loop, "updater", counting)
    done(cell, rounds(3), tiny, tmp_path)
    assert len(trained) == 1
    done(cell, rounds(1, arm="shuffled"), tiny, tmp_path)
    assert len(trained) == 2


def test_stopped_at_any_update(tiny, tmp_path):
    """Catches: an interrupt that loses what was published, or leads to other numbers; a claim that stays after it."""
    cell, levels = cell_of(IMP(rewind_step=3)), [*rounds(2), *rounds(1, 2, arm="shuffled")]
    expected, _ = done(cell, levels, tiny, tmp_path / "at-once")
    folder, rows, stops = tmp_path / "stopped", None, 0
    while rows is None:
        told: list[int] = []

        def stop(steps: int, told: list[int] = told, last: int = stops) -> None:
            told.append(steps)  # what was found is told too
            if len(told) > last:
                raise KeyboardInterrupt

        try:
            rows = list(carry_out(cell, levels, tiny, folder, progress=stop))
        except KeyboardInterrupt as error:
            stops += 1
            assert isinstance(error, Interrupted) and not list(folder.glob(".claim-*"))
    assert sorted(without_seconds(rows), key=str) == sorted(expected, key=str) and stops >= 5
    assert attempts_in(folder) == []


def test_a_generator_that_is_left(tiny, tmp_path):
    """Catches: a claim, or a lock, that stays when the rows are not all taken."""
    cell = cell_of(IMP())
    rows = carry_out(cell, rounds(2), tiny, tmp_path)
    first = next(rows)
    rows.close()
    assert first["arm"] == "dense" and not list(tmp_path.glob(".claim-*"))
    assert len(list(carry_out(cell, rounds(2), tiny, tmp_path))) == 2
