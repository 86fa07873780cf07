"""What cells cost besides their trainings: one cell, a list of thousands, a plan of ten thousand, calls to the file system."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lthkit.bench.children import run_child
from lthkit.bench.rows import Row, Settings
from lthkit.bench.timing import Spread, Work, interleaved
from lthkit.cells.carrying import carry_out
from lthkit.cells.cells import DENSE_LEVEL, Cell
from lthkit.cells.folders import open_cell, publish_level
from lthkit.cells.places import Finished
from lthkit.cells.rows import level_row
from lthkit.cells.ways import Dense
from lthkit.data.datasets import Dataset
from lthkit.data.named import load_data
from lthkit.models import lenet_300_100
from lthkit.storage import owners
from lthkit.storage.claims import Patience, claimed
from lthkit.sweeps import records
from lthkit.sweeps.grids import Grid, grid_of
from lthkit.sweeps.listing import listed_in
from lthkit.sweeps.planning import ids_of, plan
from lthkit.sweeps.results import results
from lthkit.tickets import imp
from lthkit.training.choices import on_one_core
from lthkit.training.recipes import Recipe

MODEL, DATA = "lenet-300-100", "fashion-mnist"
METHODS: tuple[Any, ...] = (
    "dense",
    "imp",
    "one-shot",
    {"method": "prune-at-init", "score": ["snip", "synflow"]},
)
CELLS_A_SEED = 5
WORKERS, MINUTES = 1000, 10  # of the projection: workers that share a folder, and minutes that a cell takes
_BEATS = 8  # heartbeats that are counted
_LIMIT = 1800  # seconds for one program
_HEARD = {  # what Python tells of calls to the file system, and what it is here; the rest is counted by `_COUNTED`
    "open": "opened",
    "os.scandir": "listed",
    "os.listdir": "listed",
    "os.mkdir": "made, renamed or removed",
    "os.rename": "made, renamed or removed",
    "os.link": "made, renamed or removed",
    "os.remove": "made, renamed or removed",
    "os.rmdir": "made, renamed or removed",
}
_COUNTED = {"stat": "looked at", "lstat": "looked at", "fstat": "looked at", "fsync": "forced to disk"}


def costs(settings: Settings) -> Iterator[Row]:
    """A cell beside its training alone; finished cells listed; cells planned; calls to the file system, and of 1,000 workers."""
    yield from cell(settings)
    with TemporaryDirectory() as folder:
        yield from _in_fresh_processes(settings, folder)
    yield from operations()


# one cell


def cell(settings: Settings) -> Iterator[Row]:
    """A dense cell of two updates beside the same training with nothing saved: what a cell costs is the difference."""
    data, recipe = _tiny()
    with TemporaryDirectory() as folder, on_one_core():
        works: dict[str, Work] = {
            "its training alone": partial(_trained, data, recipe, count()),
            "a cell": partial(_done, data, recipe, Path(folder), count()),
        }
        for clock, unit in ((time.perf_counter, "ms"), (time.process_time, "ms of a core")):
            alone, whole = interleaved(works, repetitions=settings.pairs, warmups=1, clock=clock)
            differences = [a - b for a, b in zip(whole.seconds, alone.seconds, strict=True)]
            row = Row("sweep", f"what a cell costs besides its training, {unit}", "", unit, threads=1)
            for timing in (alone, whole):
                yield replace(row, name=timing.name, time=timing.time.scaled(1e3))
            told = "claim, configuration, round and rewind point, publishing, end; wanted: 100 or less"
            yield replace(row, name="besides", time=Spread.of(differences).scaled(1e3), notes=(told,))


def _tiny() -> tuple[Dataset, Recipe]:
    """Data and a recipe that take no time, so that what is saved, of a whole LeNet, is what counts."""
    data = load_data(DATA).head(train=300, validation=100, test=100)
    return data, Recipe(steps=2, batch_size=20, evaluate_every=2)


def _trained(data: Dataset, recipe: Recipe, seeds: Iterator[int]) -> None:
    list(imp(lenet_300_100, data, rounds=0, seed=next(seeds), recipe=recipe))


def _done(data: Dataset, recipe: Recipe, folder: Path, seeds: Iterator[int]) -> None:
    this = Cell(Dense(), MODEL, DATA, recipe, next(seeds))
    list(carry_out(this, [DENSE_LEVEL], data, folder / this.id(data)))


# lists and plans


def _in_fresh_processes(settings: Settings, folder: str) -> Iterator[Row]:
    """Each in a fresh process, as on a command line, which has seen none of it before."""
    lists, plans = f"a list of {settings.finished:,} finished cells", f"a plan of {settings.planned:,} cells"
    run, wanted = str(Path(folder) / "bench"), ("wanted: 2 or less of 2,000", "wanted: 5 or less of 10,000")
    try:
        _child(f"tell_made({run!r}, {settings.finished})")
        for case, name, program, wish in (
            (lists, "lth.results", f"tell_rows({run!r})", wanted[0]),
            (lists, "lthkit list", f"tell_listed({folder!r})", wanted[0]),
            (plans, "grid and plan", f"tell_planned({run!r}, {settings.planned})", wanted[1]),
        ):
            told = [_child(program) for _ in range(settings.starts + 1)][1:]  # the first fills the file cache
            wall = Spread.of([each["seconds"] for each in told])
            notes = (
                f"{told[0]['of']}; {wall.median:.2g} s [{wall.low:.2g}, {wall.high:.2g}] by the clock",
                wish,
            )
            row = Row("sweep", case, name, "s of a core", threads=1, notes=notes)
            yield replace(row, time=Spread.of([each["cpu"] for each in told]))
    except RuntimeError as error:
        yield Row("sweep", "lists and plans", "all", "s of a core", notes=(f"not measured: {error}",))


def _child(call: str) -> dict[str, Any]:
    return run_child(f"from lthkit.bench import cell_costs; cell_costs.{call}", limit=_LIMIT)


def wide(cells: int) -> Grid:
    """A grid of so many cells, of five ways."""
    seeds = range(max(1, cells // CELLS_A_SEED))
    return grid_of("bench", methods=METHODS, seeds=seeds, rounds=[3, 7])


def tell_made(folder: str, cells: int) -> None:
    """In a child process: a sweep of so many cells, each with one finished level that is published as ever."""
    _fsync_is_not_needed()
    data, place = load_data(DATA), Path(folder)
    asked = grid_of("bench", methods=["dense"], seeds=range(cells)).asked
    ids = ids_of(asked, {DATA: data})
    records.begin(place, "bench", zip(ids, asked, strict=True))
    few, recipe = _tiny()
    driver = place / "driver"
    (this,) = imp(lenet_300_100, few, rounds=0, seed=0, recipe=recipe, folder=driver)
    level = Finished(DENSE_LEVEL, 0, this.mask, this.result, 0, driver)
    for name, one in zip(ids, asked, strict=True):
        config = json.loads(owners.canonical(one.cell.config(data)))
        row = level_row(DENSE_LEVEL, one.cell.seed, 0, 1.0, this.result, search_steps=0)
        home = place / records.CELLS / name
        open_cell(home, config)
        publish_level(home, home / "attempt", level, row, mark=owners.mark_of(config))
        (home / "attempt" / "stage").rmdir()
        (home / "attempt").rmdir()
    print(json.dumps({"made": len(ids)}))


def tell_rows(folder: str) -> None:
    """In a child process: the rows of all cells of a sweep, as `lth.results` gives them."""
    with _Clock() as clock:
        found = results(folder)
    finished = sum(row["status"] == "finished" for row in found)
    clock.tell(f"{len(found):,} rows, {finished:,} of a run that is finished")


def tell_listed(folder: str) -> None:
    """In a child process: what `lthkit list` shows of a folder with that sweep in it."""
    with _Clock() as clock:
        told = [line for listed in listed_in(Path(folder)) for line in listed.lines(80)]
    clock.tell(told[1].strip())


def tell_planned(folder: str, cells: int) -> None:
    """In a child process: a grid is made, checked and planned, with its data."""
    with _Clock() as clock:
        made = plan(wide(cells), folder)
    of = f"{len(made.cells):,} cells, {made.cost.trainings:,} trainings missing"
    clock.tell(f"{of}, {len(made.finished):,} cells finished; with reading the data")


class _Clock:
    """Seconds, and seconds of a core, that a block took."""

    def __enter__(self) -> _Clock:
        self._begun = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        now = time.perf_counter(), time.process_time()
        self.seconds, self.cpu = (b - a for a, b in zip(self._begun, now, strict=True))

    def tell(self, of: str) -> None:
        """Print it as JSON, with what it was that took so long."""
        print(json.dumps({"seconds": self.seconds, "cpu": self.cpu, "of": of}))


def _fsync_is_not_needed() -> None:
    """For the rest of this process: thousands of files are made that nobody needs after a power cut."""
    os.fsync = lambda fd: None


# calls to the file system


def operations() -> Iterator[Row]:
    """Calls to the file system of a cell, counted in a process that listens to itself; and what a server sees of many."""
    try:
        told = _child("tell_operations()")
    except RuntimeError as error:
        yield Row("sweep", "calls to the file system", "", "calls", notes=(f"not measured: {error}",))
        return
    row = Row("sweep", "calls to the file system, of a cell of one training", "", "calls", threads=1)
    for name, number in told["calls"].items():
        yield replace(row, name=name, time=Spread.of([float(number)]))
    total = sum(told["calls"].values())
    beats = WORKERS / Patience().beat
    yield replace(
        row,
        name="in all",
        time=Spread.of([float(total)]),
        notes=(
            f"{WORKERS:,} workers, each with a cell of one training of {MINUTES} minutes: {WORKERS * total / (60 * MINUTES):,.0f} calls a "
            f"second for cells, and {beats * told['beat']:,.0f} for {beats:g} heartbeats of {told['beat']} calls",
        ),
    )


def tell_operations() -> None:
    """In a child process: the calls of a cell and of a heartbeat, by kind."""
    data, recipe = _tiny()
    seeds = count()
    with TemporaryDirectory() as folder, on_one_core():
        for _ in range(2):  # what is done once a process does not count
            _done(data, recipe, Path(folder), seeds)
        heard = _Heard()
        _done(data, recipe, Path(folder), seeds)
        calls = heard.taken()
        with claimed(Path(folder), patience=Patience(beat=0.05, lost=600.0)):
            heard.taken()
            while heard.calls["forced to disk"] < _BEATS:
                time.sleep(0.05)
            beats = heard.taken()
    print(json.dumps({"calls": calls, "beat": round(sum(beats.values()) / beats["forced to disk"])}))


class _Heard:
    """Counts the calls of this process to the file system, by kind, from now on."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        for name, kind in _COUNTED.items():
            setattr(os, name, self._counting(getattr(os, name), kind))
        sys.addaudithook(self._hears)

    def taken(self) -> dict[str, int]:
        """What was counted, which begins anew."""
        found, self.calls = dict(self.calls), Counter()
        return found

    def _hears(self, event: str, _: object) -> None:
        if event in _HEARD:
            self.calls[_HEARD[event]] += 1

    def _counting(self, call: Callable[..., Any], kind: str) -> Callable[..., Any]:
        def counted(*given: Any, **named: Any) -> Any:
            self.calls[kind] += 1
            return call(*given, **named)

        return counted
