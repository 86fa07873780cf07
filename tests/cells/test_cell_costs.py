"""What a cell costs beside its training, in calls of the file system: on a network drive each takes a millisecond or more."""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import Any

import pytest

import lthkit as lth
from lthkit import models
from lthkit.cells import Cell, Dense, carry_out, missing_of, rows_of

_CALLS = ("open", "os.scandir", "os.listdir", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link")
_calls: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def watched() -> None:
    """A hook cannot be taken away again; it counts for the tests of this file."""
    sys.addaudithook(lambda event, _: _calls.update([event]) if event in _CALLS else None)


def cell(seed: int = 0) -> Cell:
    recipe = lth.Recipe(steps=4, batch_size=20, evaluate_every=4)
    return Cell(Dense(), "tests.conftest:small_net", "tiny", recipe, seed=seed)


def test_a_cell(tiny, tmp_path, monkeypatch):
    """Catches: a cell that opens, makes, looks through or forces to disk more than it did (81 calls and 13 forced writes)."""
    list(carry_out(cell(1), [], tiny, tmp_path / "warm"))
    forced, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: (forced.append(number), fsync(number))[1])
    _calls.clear()
    list(carry_out(cell(), [], tiny, tmp_path / "cell"))
    assert 20 < sum(_calls.values()) <= 90 and len(forced) <= 14, _calls


def test_reading(tiny, tmp_path):
    """Catches: a listing that reads more than configuration and row, or a plan that reads anything at all."""
    list(carry_out(cell(), [], tiny, tmp_path))
    _calls.clear()
    assert len(list(rows_of(tmp_path))) == 1
    assert _calls == {"open": 2, "os.scandir": 1}
    _calls.clear()
    assert missing_of(tmp_path, cell().levels([])) == []
    assert _calls == {"os.scandir": 1}


def test_networks_are_not_made_again(tiny, tmp_path, monkeypatch):
    """Catches: a network made for each question about it: a large one takes a second."""
    made: list[Any] = []
    make = models._network

    def counted(*args: Any, **named: Any) -> Any:
        made.append(args)
        return make(*args, **named)

    monkeypatch.setattr(models, "_network", counted)
    recipe = lth.Recipe(steps=4, batch_size=20, evaluate_every=4)
    for seed in (0, 1):
        made.clear()
        one = Cell(Dense(), "lenet-300-100", "tiny", recipe, seed=seed)
        list(carry_out(one, [], tiny, tmp_path / str(seed)))
    assert len(made) == 1
