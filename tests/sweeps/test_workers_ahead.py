"""Local workers that begin while a sweep is planned: in time where there is work, gone where there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lthkit.__main__ import main
from lthkit.sweeps import engines, jobs, local_engine, running
from lthkit.sweeps.mistakes import GridMistakes
from tests import sweeping
from tests.sweeping import table

Seen = list[Any]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """The workers of this process, as they begin."""
    found: Seen = []

    class Watched(local_engine._Worker):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            found.append(self)

    monkeypatch.setattr(local_engine, "_Worker", Watched)
    return found


def no_plan(_: object) -> None:
    """For a call that shall not get so far."""
    raise AssertionError("it was planned")


def test_they_begin_before_the_plan(pictures: str, serial: Path, tmp_path: Path, seen: Seen) -> None:
    """Catches: workers that begin to import when all is planned; others that do the work in their place."""
    ahead = []
    running.run(
        sweeping.grid(pictures), tmp_path / "s", workers=2, planned=lambda plan: ahead.append((plan, *seen))
    )
    ((plan, *workers),) = ahead
    assert len(plan.unfinished) == 6 and workers == seen and len(seen) == 2
    assert table(tmp_path / "s") == table(serial)
    assert all(worker.process.returncode is not None for worker in seen)


@pytest.mark.parametrize("stop", [GridMistakes, KeyboardInterrupt])
def test_they_end_with_a_plan_that_comes_to_nothing(
    pictures: str, tmp_path: Path, seen: Seen, stop: type[BaseException]
) -> None:
    """Catches: a process that is left, or is not waited for, after a mistake or Ctrl-C; a folder of such a sweep."""
    grid = sweeping.grid(pictures)
    if stop is GridMistakes:
        first = grid.asked[0]
        wrong = replace(first, cell=replace(first.cell, recipe=replace(sweeping.RECIPE, batch_size=500)))
        grid = replace(grid, asked=(wrong, *grid.asked))

    def planned(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(stop) as caught:
        running.run(grid, tmp_path / "s", workers=2, planned=planned)
    if stop is GridMistakes:
        assert "500" in str(caught.value)
    assert len(seen) == 2 and all(worker.process.returncode is not None for worker in seen)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"minutes": 0}, "minutes=0"),
        ({"shard": (3, 2)}, "expected"),
        ({"device": "cdua"}, "cdua"),
        ({"on": "clod"}, "clod"),
    ],
)
def test_bad_arguments_start_none(
    pictures: str, tmp_path: Path, seen: Seen, bad: dict[str, Any], says: str
) -> None:
    """Catches: processes that are started for a call which is refused."""
    with pytest.raises(ValueError, match=says):
        running.run(sweeping.grid(pictures), tmp_path / "s", planned=no_plan, **bad)
    assert seen == []


def test_none_begin_where_nothing_or_one_cell_is_missing(
    pictures: str, serial: Path, tmp_path: Path, seen: Seen
) -> None:
    """Catches: processes that are started to read a finished table; workers for a single cell, which this process does."""
    grid = sweeping.grid(pictures)
    running.run(grid, serial, workers=2)
    running.run(replace(grid, asked=grid.asked[:1]), tmp_path / "s", workers=2)
    running.run(replace(grid, asked=grid.asked[:2]), tmp_path / "s", workers=2)
    assert seen == []
    running.run(grid, tmp_path / "s", workers=2, planned=lambda _: seen.append("planned"))
    assert len(seen) == 3 and seen[-1] == "planned", "four cells are missing for sure"
    assert table(tmp_path / "s") == table(serial)


class Still(local_engine.LocalEngine):
    """An engine whose workers are only counted."""

    begun = closed = 0

    def begin(self) -> None:
        self.begun = self.workers

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("on", "cells", "workers", "begun"),
    [("local", 4, 3, 3), ("local", 2, 5, 2), ("local", 1, 5, 0), ("local", 0, 5, 0), ("serial", 4, 3, 0), ("dask", 4, 3, 0)],
)  # fmt: skip
def test_so_many_begin(
    monkeypatch: pytest.MonkeyPatch, on: str, cells: int, workers: int, begun: int
) -> None:
    """Catches: more workers than cells; workers here for what is done elsewhere; an engine that is left open."""
    monkeypatch.setattr(engines, "LocalEngine", Still)
    with engines.workers_ahead(on, cells=cells, device="cpu", workers=workers) as ahead:
        assert (ahead.begun if isinstance(ahead, Still) else 0) == begun
        assert not isinstance(ahead, Still) or ahead.closed == 0
    assert not isinstance(ahead, Still) or ahead.closed == 1


def test_those_that_began_are_the_ones_that_work_and_more_join_them() -> None:
    """Catches: an engine that is opened beside the one whose workers have begun; one that stays too small where more is missing."""
    given: dict[str, Any] = {"device": "cpu", "tell": no_plan, "folder": "."}
    ahead = Still(3)
    engine = engines.open_engine("local", cells=5, workers=6, ahead=ahead, **given)
    assert engine is ahead and engine.free() == 5
    assert engines.open_engine("local", cells=3, workers=6, **given).free() == 3


GRID = 'methods = ["dense"]\nseeds = [0, 1]\ntier = "smoke"\n[recipes.short]\nsteps = 2\n'


@pytest.mark.parametrize(
    ("command", "workers"),
    [
        ("sweep g.toml --workers 2", 2),
        ("sweep g.toml --workers 2 --dry-run", 0),
        ("sweep g.toml --worker", 0),
        ("run dense --tier smoke --seeds 0 --workers 1", 0),
    ],
)
def test_the_command_loads_data_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: Seen, command: str, workers: int
) -> None:
    """Catches: data that are read for the plan and again for the sweep, seconds for a large set; workers of a dry run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LTHKIT_RUNS", raising=False)
    Path("g.toml").write_text(GRID)
    loaded = counted(monkeypatch)
    assert main([*command.split(), "--device", "cpu"]) == 0
    assert loaded == ["fashion-mnist"] and len(seen) == workers


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the data sets that are loaded from now on, wherever a sweep does that."""
    loaded: list[str] = []
    load: Callable[..., Any] = jobs.load_data

    def loads(name: str, **named: Any) -> Any:
        loaded.append(name)
        return load(name, **named)

    for module in ("lthkit.sweeps.jobs", "lthkit.sweeps.planning", "lthkit.data.named"):
        monkeypatch.setattr(f"{module}.load_data", loads)
    jobs.dataset.cache_clear()
    return loaded
