"""Make `results/moving-masks`: masks that move beside static random ones and iterative magnitude pruning, at equal budgets.

Run once, by hand:  python data/record_moving_masks.py FOLDER
What is finished is saved in FOLDER, and the same command goes on from there.

LeNet-300-100 on the embedded Fashion-MNIST, 5 % of the weights, with ERK densities but for IMP. The budget is counted in
updates of the weights: 1,000, or 5,000, which is what IMP takes for its five trainings of 1,000.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

import lthkit as lth
from lthkit.data.datasets import Dataset
from lthkit.runs import results
from lthkit.storage import files, records
from lthkit.storage.records import Row

TARGET = Path(__file__).resolve().parent / "results" / "moving-masks"
SEEDS = tuple(range(5))
DENSITY, ROUNDS = 0.05, 4
SHORT = lth.Recipe(steps=1000, schedule="cosine", evaluate_every=100)
LONG = replace(SHORT, steps=(ROUNDS + 1) * SHORT.steps, evaluate_every=500)
FRACTION = 1 - DENSITY ** (1 / ROUNDS)
MAKE = lth.models.lenet_300_100
MOVING: dict[str, dict[str, Any]] = {
    "static": {"growth": "random", "drop": 0.0},
    "SET": {"growth": "random"},
    "RigL": {"growth": "gradient"},
}


def moving(data: Dataset, seed: int, recipe: lth.Recipe, arm: str) -> Row:
    every = recipe.steps // 20
    found = lth.sparse_training(
        MAKE, data, density=DENSITY, recipe=recipe, seed=seed, every=every, **MOVING[arm]
    )
    last = max(found.masks)
    moved = {"replaced": round(found.replaced()[last], 5), "visited": round(found.visited, 5)}
    return measured(arm, seed, recipe.steps, found.density, found.result) | moved


def measured(arm: str, seed: int, budget: int, density: float, result: lth.TrainResult) -> Row:
    return {
        "arm": arm,
        "seed": seed,
        "budget": budget,
        "density": round(density, 5),
        "test_accuracy": result.test_accuracy,
        "best_step": result.best_step,
    }


def dense(data: Dataset, seed: int, recipe: lth.Recipe) -> Row:
    result = lth.train(MAKE(seed=seed), data, recipe=recipe, seed=seed)
    return measured("dense", seed, recipe.steps, 1.0, result)


def imp(data: Dataset, seed: int) -> Row:
    found = list(lth.imp(MAKE, data, rounds=ROUNDS, fraction=FRACTION, recipe=SHORT, seed=seed))[-1]
    return measured("IMP", seed, LONG.steps, found.density, found.result)


def jobs(data: Dataset, seed: int) -> dict[str, Callable[[], Row]]:
    found: dict[str, Callable[[], Row]] = {"imp": partial(imp, data, seed)}
    for recipe in (SHORT, LONG):
        found[f"dense-{recipe.steps}"] = partial(dense, data, seed, recipe)
        for arm in MOVING:
            found[f"{arm}-{recipe.steps}"] = partial(moving, data, seed, recipe, arm)
    return found


def config(data: Dataset) -> dict[str, Any]:
    """All that decides the numbers."""
    return {
        "name": "moving-masks",
        "model": "lenet-300-100",
        "tier": "recorded",
        "data": data.name,
        "data_fingerprint": data.fingerprint,
        "device": "cpu",
        "seeds": list(SEEDS),
        "recipe": SHORT.config(),
        "long": LONG.config(),
        "density": DENSITY,
        "rounds": ROUNDS,
        "fraction": FRACTION,
    }


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    data, rows = lth.load_data("fashion-mnist"), []
    for seed in SEEDS:
        for name, job in jobs(data, seed).items():
            path = folder / f"seed-{seed}" / f"{name}.json"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                files.write_sealed(path, job())
                print(path, flush=True)
            rows.append(files.read_sealed(path))
    for row in rows:
        row.setdefault("replaced", None)
        row.setdefault("visited", None)
    rows.sort(key=lambda row: (row["budget"], row["arm"], row["seed"]))
    TARGET.mkdir(parents=True, exist_ok=True)
    files.write_sealed(TARGET / "config.json", config(data))
    summary = {
        "name": "moving-masks",
        "data": data.label,
        "device": "cpu",
        "seconds": "measured beside other work; no measure of cost",
        "environment": records.environment(),
    }
    results.write_results(TARGET, summary, {"table.csv": rows})


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
