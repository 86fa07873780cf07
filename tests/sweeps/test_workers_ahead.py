"""Local workers that begin while a sweep is planned: in time where there is work, gone where there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lthkit.__main__ import main
from lthkit.sweeps import jobs, local_engine, running
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
