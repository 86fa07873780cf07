"""What a sweep costs: a grid on two processes beside two plain programs, in turns; then a cell, a list, a plan (`cell_costs`).

A sweep is the command `lthkit sweep FILE`, as people run it, and what it found is read from its table.
A plain program is what one writes who does not want a sweep: the same trainings by the same drivers, one after the other in
one process, with nothing saved and nothing to go on from. Two of them share the trainings, half each.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lthkit.bench import cell_costs
from lthkit.bench.children import run_child, run_python
from lthkit.bench.rows import Row, Settings, timed, with_agreement
from lthkit.bench.timing import Spread, Work, interleaved
from lthkit.data.named import load_data
from lthkit.storage.records import read_table
from lthkit.sweeps.grids import grid_of
from lthkit.training.choices import cores

WORKERS = 2
LAST = {"dense": 0, "imp": 1}  # the last round of each way's chain
_LIMIT = 1800  # seconds for one program
_INCLUDED = (
    "as people run it, `lthkit sweep FILE`: from the start of the command to its end, with imports, data, checks and tables; "
    "wanted: 0.93 times as fast, or more"
)
_FEW = "there are fewer cores than processes here, so both share one"
_OTHER = "its numbers are OTHERS than those of the plain programs, which do the same trainings"

Numbers = dict[str, list[float]]  # validation accuracies of a chain's rounds, by "imp 3": way and seed

# Of lthkit as anybody imports it: what is imported, and the data, count here and in a sweep.
_PLAIN = """
import json
import torch
torch.set_num_threads(1)
import lthkit as lth
from lthkit.training.choices import on_one_core
found, data = {}, lth.load_data()
recipe = lth.Recipe(**RECIPE)
with on_one_core():
    for way, last, seed, order in MINE:
        rounds = lth.imp(lth.models.lenet_300_100, data, rounds=last, seed=seed, order_seed=order, recipe=recipe)
        found[f"{way} {seed}"] = [this.validation_accuracy for this in rounds]
print(json.dumps(found))
"""


def sweep(settings: Settings) -> Iterator[Row]:
    """A grid on two processes beside two plain programs; the cost of a cell; a list, a plan, and what a file system has to do."""
    yield from against_plain(settings)
    yield from cell_costs.costs(settings)


def grid(settings: Settings) -> dict[str, Any]:
    """What is asked, as `sweeps.grid_of` takes it and as it stands in a file: LeNet-300-100, dense and IMP to round 1."""
    return {
        "name": "bench",
        "tier": "laptop",
        "methods": list(LAST),
        "seeds": list(range(settings.grid_seeds)),
        "rounds": [LAST["imp"]],
        "recipes": {"bench": {"steps": settings.grid_steps}},
    }


def in_a_file(asked: Mapping[str, Any]) -> str:
    """What is asked as TOML, whose lists, texts and whole numbers are those of JSON."""
    recipes = [
        f"[recipes.{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in changes.items())
        for name, changes in asked["recipes"].items()
    ]
    top = [f"{key} = {json.dumps(value)}\n" for key, value in asked.items() if key != "recipes"]
    return "".join(top + recipes)


def swept(file: Path, place: Path) -> Numbers:
    """Run the command, and read from its table what it found."""
    given = ["--out", str(place), "--device", "cpu", "--workers", str(WORKERS)]
    run_python(["-m", "lthkit", "sweep", str(file), *given], limit=_LIMIT)
    found: Numbers = {}
    for row in sorted(read_table(place / "table.csv"), key=lambda row: int(row["round"])):
        found.setdefault(f"{row['method']} {row['seed']}", []).append(row["validation_accuracy"])
    return found


def against_plain(settings: Settings) -> Iterator[Row]:
    """A sweep on two processes, beside two plain programs, from the start of the first process to the end of the last."""
    asked = grid_of(**grid(settings)).asked
    recipe = asked[0].cell.recipe
    chains = [(one.cell.method, LAST[one.cell.method], one.cell.seed, one.cell.order) for one in asked]
    chains.sort(key=lambda chain: -chain[1])  # so that each has as many long ones as the other
    plain = [
        f"RECIPE, MINE = {asdict(recipe)!r}, {chains[part::WORKERS]!r}\n{_PLAIN}" for part in range(WORKERS)
    ]
    by_plain, by_sweep = _Programs(f"{WORKERS} plain programs"), _Programs(f"a sweep on {WORKERS} processes")
    trainings = sum(last + 1 for _, last, *_ in chains)
    case = f"{len(chains)} cells of LeNet-300-100 (dense; IMP to round 1), {trainings} trainings of {recipe.steps} updates"
    row = Row("sweep", case, by_sweep.name, "s in all", threads=1, workers=WORKERS, updates=recipe.steps)
    row = replace(row, images=len(load_data().validation))

    with TemporaryDirectory() as folder:
        places = (Path(folder) / str(turn) for turn in count())
        file = Path(folder) / "bench.toml"
        file.write_text(in_a_file(grid(settings)), encoding="utf-8")
        works: dict[str, Work] = {
            by_plain.name: lambda: by_plain.run([partial(run_child, one, limit=_LIMIT) for one in plain]),
            by_sweep.name: lambda: by_sweep.run([partial(swept, file, next(places))]),
        }
        try:
            timings = interleaved(works, repetitions=settings.grids, warmups=0)
        except RuntimeError as error:
            yield replace(row, notes=(f"not measured: {error}",))
            return
    result = []
    for this, timing in zip((by_plain, by_sweep), timings, strict=True):
        measured = replace(row, name=this.name, accuracy=this.found["dense 0"][-1], notes=this.notes)
        result.append(timed(measured, timing, first=timings[0], scale=1.0))
    first, second = with_agreement(result)
    yield first
    if by_plain.found != by_sweep.found:
        second = replace(second, agrees=False, notes=(*second.notes, _OTHER))
    yield replace(second, notes=(_INCLUDED, *second.notes, *([_FEW] if cores() < WORKERS else [])))


class _Programs:
    """Programs run side by side, again and again: what they found, and the processor's seconds that they used."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.found: Numbers = {}
        self.used: list[float] = []

    def run(self, programs: Sequence[Callable[[], Numbers]]) -> None:
        """Call these at the same time, each of which runs fresh processes, and wait for all of them."""
        before = _used()
        with ThreadPoolExecutor(len(programs)) as pool:
            told = list(pool.map(lambda program: program(), programs))
        self.used.append(_used() - before)
        self.found = {key: value for each in told for key, value in each.items()}

    @property
    def notes(self) -> tuple[str, ...]:
        """What they used; nothing where nobody counts."""
        if not any(self.used):
            return ()
        spread = Spread.of(self.used)
        return (f"{spread.median:.1f} s of a core [{spread.low:.1f}, {spread.high:.1f}] by all processes",)


def _used() -> float:
    """Seconds of a core that processes have used that this one started, and those that they started; 0 where nobody counts."""
    times = os.times()
    return times.children_user + times.children_system
