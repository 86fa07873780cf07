"""Record `results/break-even`: below which density sparse products are faster than dense ones on this machine, registered.

Run by hand on a quiet machine, some five minutes on one core:

    python data/record_break_even.py train FOLDER            # all turns; or --seeds 100 101
    python data/record_break_even.py collect FOLDER          # turns that are complete -> data/results/break-even

`train` measures, saves every turn in FOLDER, and goes on from there when it is called again; a folder that was begun with
other registered claims (`data/claims.toml`) is refused. A turn during which other programs used more than a fifth of a core
is not kept: it is measured again, three times at most. `collect` writes config.json, summary.json, table.csv (one row a
measurement) and even.csv (one row a break-even density).

What is repeated is the turn: the "seed" of a turn draws its masks and its inputs, and in it sparse and dense take turns
among themselves, nine times, of which a ratio is the median. An interval over the turns is one of this machine on one day,
and says nothing about another. All is on one thread: a forward pass with CSR products (`export.to_csr`), of LeNet-300-100 and
of one layer of 512x2048, and a training step of LeNet-300-100 with its kept weights only.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import nn

import lthkit as lth
from lthkit import bench, ledger
from lthkit.bench.steps import our_steps
from lthkit.data.datasets import Dataset
from lthkit.machine import load
from lthkit.runs import recording
from lthkit.storage import files, folders
from lthkit.storage.records import Row
from lthkit.training import Choice, no_sparse

NAME = "break-even"
TARGET = Path(__file__).resolve().parent / "results" / NAME
SEEDS = (100, 101, 102, 103, 104)
CLAIMS = ("sparse-even-at-80-to-90", "sparse-pays-at-batch-1")
DENSITIES = (0.5, 0.3, 0.2, 0.15, 0.1, 0.05, 0.02, 0.01)
TRAINED = (0.134, 0.087, 0.036, 0.012)  # of tickets after 9, 11, 15 and 20 rounds of 20 %
BATCHES = (1, 256)
REPETITIONS = 9
BLOCK = 40  # updates that are timed together
TRIES = 3
RECIPE = lth.Recipe(steps=10**6)
LENET, LAYER, STEP = "LeNet-300-100, forward", "512x2048, forward", "LeNet-300-100, training step"
DENSE, KEPT = "masked dense", "kept weights only"


def config(data: Dataset) -> dict[str, Any]:
    """All that decides the numbers, and the registered texts that they will judge."""
    return {
        "name": NAME,
        "model": "lenet-300-100",
        "tier": "recorded",
        "data": data.name,
        "data_fingerprint": data.fingerprint,
        "device": "cpu",
        "seeds": list(SEEDS),
        "densities": list(DENSITIES),
        "trained_densities": list(TRAINED),
        "batches": list(BATCHES),
        "repetitions": REPETITIONS,
        "block": BLOCK,
        "recipe": RECIPE.config(),
        "threads": 1,
        "claims": ledger.digests(*CLAIMS),
    }


def layer(seed: int) -> nn.Module:
    """One layer with the shape of many in the matrices that sparse products are usually timed on."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(2048, 512))


def mask_of(model: nn.Module, density: float, seed: int) -> lth.Mask:
    """The same random part of each layer."""
    scores = lth.random(model, seed=lth.derived_seed(seed, "mask"))
    return lth.prune_to(lth.Mask.ones(model), scores, density, scope="layerwise")


def forward_rows(case: str, model: nn.Module, shape: tuple[int, ...], seed: int) -> list[Row]:
    masks = [mask_of(model, density, seed) for density in DENSITIES]
    timed = bench.break_even(model, masks, shape=shape, batches=BATCHES, repetitions=REPETITIONS, seed=seed)
    wanted = [density for density in DENSITIES for _ in BATCHES]
    return [
        row_of(case, seed, row["batch"], density, row["seconds"], row["dense_seconds"], row["ratio"])
        for row, density in zip(timed, wanted, strict=True)
    ]


def step_row(data: Dataset, density: float, seed: int) -> Row:
    """A training step with the kept weights only beside one of the masked dense network."""
    dense = Choice(threads=1, written_out=True)
    works = {}
    for name, choice in {DENSE: dense, KEPT: replace(dense, sparse=True)}.items():
        model = lth.models.lenet_300_100(seed=seed)
        mask = mask_of(model, density, seed)
        works[name] = partial(our_steps(model, data, recipe=RECIPE, mask=mask, choice=choice), BLOCK)
    timings = {t.name: t for t in bench.interleaved(works, repetitions=REPETITIONS, per=BLOCK)}
    kept, whole = timings[KEPT].time.median, timings[DENSE].time.median
    return row_of(STEP, seed, RECIPE.batch_size, density, kept, whole, 1 / timings[KEPT].ratio.median)


def row_of(
    case: str, seed: int, batch: int, density: float, seconds: float, dense: float, ratio: float
) -> Row:
    """ratio: time of the sparse form over that of the dense one; below 1 the sparse form is faster."""
    place = {"arm": case, "seed": seed, "batch": batch, "density": density}
    return place | {"microseconds": 1e6 * seconds, "dense_microseconds": 1e6 * dense, "ratio": ratio}


def one_turn(data: Dataset, seed: int) -> list[Row]:
    rows = forward_rows(LENET, lth.models.lenet_300_100(seed=seed), data.shape, seed)
    rows += forward_rows(LAYER, layer(seed), (2048,), seed)
    return rows + [step_row(data, density, seed) for density in TRAINED]


def quiet_turn(data: Dataset, seed: int) -> Row:
    """A turn, and how many cores others used in it. SystemExit if the machine does not become quiet."""
    for _ in range(TRIES):
        before, begun = load.moment(), perf_counter()
        rows = one_turn(data, seed)
        others = load.others_between(before, load.moment())
        if others is None or others <= load.NOTICED:
            return {"rows": rows, "others": others, "seconds": round(perf_counter() - begun, 1)}
        print(f"turn {seed}: others used {others:.2f} cores; not kept", flush=True)
    raise SystemExit(f"Other programs used more than {load.NOTICED} cores in each of {TRIES} tries.")


def even(rows: list[Row]) -> list[Row]:
    """The break-even densities of the forward passes. From the lowest density up, the first one at which sparse is not faster
    lies above it; the line between the two is taken for straight. 0: never faster. The highest density: always faster."""
    found = []
    for arm, batch, seed in dict.fromkeys(
        (r["arm"], r["batch"], r["seed"]) for r in rows if r["arm"] != STEP
    ):
        own = [r for r in rows if (r["arm"], r["batch"], r["seed"]) == (arm, batch, seed)]
        points = sorted((row["density"], row["ratio"]) for row in own)
        found.append({"arm": arm, "batch": batch, "seed": seed, "density": crossing(points)})
    return found


def crossing(points: list[tuple[float, float]]) -> float:
    """Where a rising line of (density, ratio), first to last, comes to 1."""
    low, at_low = points[0]
    if at_low >= 1:
        return 0.0
    for density, ratio in points[1:]:
        if ratio >= 1:
            return low + (density - low) * (1 - at_low) / (ratio - at_low)
        low, at_low = density, ratio
    return low


def train_all(folder: Path, seeds: list[int], workers: int = 1) -> None:
    """Every turn that FOLDER does not have yet, one after another; `workers` is not used, since turns are timed."""
    recording.check_seeds(seeds, SEEDS)
    if why := no_sparse():
        raise SystemExit(f"Training steps with the kept weights only cannot be timed here: {why}.")
    data = lth.load_data("fashion-mnist")
    with folders.hold(folder):
        folders.open_run(folder, config(data))
        for seed in seeds:
            path = folder / f"turn-{seed}.json"
            if not path.exists():
                files.write_sealed(path, quiet_turn(data, seed))
                print(path.stem, flush=True)


def collect(folder: Path, target: Path) -> None:
    """Write what the ledger reads, from the turns that are complete in FOLDER."""
    data = lth.load_data("fashion-mnist")
    found = {s: files.read_sealed(path) for s in SEEDS if (path := folder / f"turn-{s}.json").exists()}
    if not found:
        raise SystemExit(f"{folder} has no complete turn yet.")
    rows = [row for one in found.values() for row in one["rows"]]
    recording.write_record(
        target,
        folder,
        list(found),
        {"table.csv": rows, "even.csv": even(rows)},
        name=NAME,
        data=data.label,
        others=[one["others"] for one in found.values()],
        seconds=[one["seconds"] for one in found.values()],
    )
    print(f"{NAME}: turns {list(found)}, {len(rows)} measurements")


if __name__ == "__main__":
    recording.command(__doc__, SEEDS, TARGET, train_all, collect)
