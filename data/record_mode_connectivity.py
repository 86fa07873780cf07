"""Record `results/mode-connectivity`: from which step on two trainings of one dense network end in one valley, registered.

Run by hand, some fifteen minutes on two cores, with MNIST and CIFAR-10 in $LTHKIT_DATA (ours is a JPEG copy of CIFAR-10):

    python data/record_mode_connectivity.py train FOLDER            # all seeds; or --seeds 100 101
    python data/record_mode_connectivity.py collect FOLDER          # seeds that are complete -> data/results/mode-connectivity

`train` saves what is finished in FOLDER and goes on from there when it is called again; a folder that was begun with other
registered claims (`data/claims.toml`) is refused. `collect` writes config.json, summary.json, table.csv (one row a pair of
twins) and paths.csv (the points between them).

Frankle et al. 2020 (1912.05671): a network is trained to step k; from there two twins go on with different data orders. Their
barrier is the highest validation error on the straight line between them, over the mean of the ends. Below two points of error
the network is called stable at k. Here: LeNet-300-100 on MNIST, and Conv-2 with 16 channels on CIFAR-10 at 16x16.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from torch import nn

import lthkit as lth
from lthkit import ledger
from lthkit.data.datasets import Dataset
from lthkit.evidence import mode_connectivity
from lthkit.runs import recording
from lthkit.storage import files, folders
from lthkit.storage.records import Row
from lthkit.training.pool import Pool

NAME = "mode-connectivity"
TARGET = Path(__file__).resolve().parent / "results" / NAME
SEEDS = (100, 101, 102, 103, 104)
CLAIMS = ("lenet-stable-at-init", "conv-unstable-then-stable")
ALPHAS = tuple(i / 10 for i in range(11))


@dataclass(frozen=True)
class Case:
    """One network, its recipe, and the steps at which the data orders part. The schedule is constant, so that the way to
    step k is a training of its own."""

    model: str
    data: str
    steps: tuple[int, ...]
    recipe: lth.Recipe

    def load(self) -> Dataset:
        data = lth.load_data(self.data, download=False)
        return lth.data.halved(data) if self.data == "cifar10" else data

    def network(self, data: Dataset) -> Callable[..., nn.Module]:
        if self.model == "conv-2":
            return partial(lth.models.conv_2, input_shape=data.shape, width=16)
        return lth.models.lenet_300_100


CASES = (
    Case("lenet-300-100", "mnist", (0, 100), lth.Recipe(steps=10_000, evaluate_every=500)),
    Case("conv-2", "cifar10", (0, 30, 90), lth.Recipe(steps=3000, evaluate_every=500)),
)


def config(data: list[Dataset]) -> dict[str, Any]:
    """All that decides the numbers, and the registered texts that they will judge."""
    return {
        "name": NAME,
        "model": ", ".join(case.model for case in CASES),
        "tier": "recorded",
        "data": ", ".join(one.name for one in data),
        "data_fingerprint": {one.name: one.fingerprint for one in data},
        "device": "cpu",
        "seeds": list(SEEDS),
        "cases": [
            {"model": case.model, "data": one.name, "steps": list(case.steps), "recipe": case.recipe.config()}
            for case, one in zip(CASES, data, strict=True)
        ],
        "width": 16,
        "alphas": list(ALPHAS),
        "claims": ledger.digests(*CLAIMS),
    }


def pair(case: Case, data: Dataset, seed: int, k: int) -> Row:
    """Train to step k, then two twins to the end, and walk from one to the other."""
    model_fn, begun = case.network(data), perf_counter()
    model = model_fn(seed=seed)
    start = lth.Checkpoint.of(model)
    if k:
        short = replace(case.recipe, steps=k, evaluate_every=k)
        order = lth.derived_seed(seed, "order")
        start = lth.train(model, data, seed=order, recipe=short, keep=(k,)).kept[k]
    found = mode_connectivity.instability(
        model_fn,
        data,
        start=start,
        orders=[lth.derived_seed(seed, f"twin {i}") for i in (1, 2)],
        recipe=case.recipe,
        alphas=ALPHAS,
    )
    [points] = found.paths
    place = {"model": case.model, "seed": seed, "k": k}
    row = place | {
        "barrier": found.barrier,
        "loss_barrier": max(p.loss for p in points) - (points[0].loss + points[-1].loss) / 2,
        "error": (points[0].error + points[-1].error) / 2,
        "test_accuracy": sum(child.test_accuracy for child in found.children) / 2,
        "seconds": round(perf_counter() - begun, 1),
    }
    return {
        "row": row,
        "points": [place | {"alpha": p.alpha, "loss": p.loss, "error": p.error} for p in points],
    }


def path_of(folder: Path, case: Case, seed: int, k: int) -> Path:
    return folder / f"seed-{seed}" / f"{case.model}-{k}.json"


def train_all(folder: Path, seeds: list[int], workers: int) -> None:
    """Every pair that FOLDER does not have yet, `workers` side by side with one thread each."""
    recording.check_seeds(seeds, SEEDS)
    data = [case.load() for case in CASES]

    def one(check: Callable[[], None], case: Case, given: Dataset, seed: int, k: int) -> None:
        check()
        path = path_of(folder, case, seed, k)
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            files.write_sealed(path, pair(case, given, seed, k))
            print(path.parent.name, path.stem, flush=True)

    with folders.hold(folder):
        folders.open_run(folder, config(data))
        for seed in seeds:  # one seed is complete before the next begins
            jobs = [(case, d, seed, k) for case, d in zip(CASES, data, strict=True) for k in case.steps]
            pool = Pool(workers=workers, threads=1)
            for job in jobs[::-1]:  # the long ones first
                pool.submit(one, pool.check, *job)
            pool.run()


def collect(folder: Path, target: Path) -> None:
    """Write what the ledger reads, from the seeds that are complete in FOLDER."""
    data = [case.load() for case in CASES]
    places = [(case, k) for case in CASES for k in case.steps]
    found = [s for s in SEEDS if all(path_of(folder, case, s, k).exists() for case, k in places)]
    if not found:
        raise SystemExit(f"{folder} has no complete seed yet.")
    pairs = [files.read_sealed(path_of(folder, case, seed, k)) for case, k in places for seed in found]
    table = [one["row"] for one in pairs]
    points = [point for one in pairs for point in one["points"]]
    recording.write_record(
        target,
        folder,
        list(found),
        {"table.csv": table, "paths.csv": points},
        name=NAME,
        data="; ".join(one.label for one in data),
        minutes=round(sum(row["seconds"] for row in table) / 60, 1),
    )
    print(f"{NAME}: seeds {list(found)}, {len(table)} pairs of twins")


if __name__ == "__main__":
    recording.command(__doc__, SEEDS, TARGET, train_all, collect)
