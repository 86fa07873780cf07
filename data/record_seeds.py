"""Make `results/seeds`: one cheap cell with forty paired seeds, for the noise of a single seed and for planning.

Run once, by hand:  python data/record_seeds.py FOLDER
It takes about half an hour on two cores. What is finished is saved in FOLDER, and the same command goes on from there.

LeNet-300-100 on the embedded Fashion-MNIST. Each seed has eight trainings: the dense network, the same network with
another data order (two arms between which there is no difference but luck), and at two densities the ticket of iterative
magnitude pruning, its mask with new weights, and its weights with a shuffled mask. All of them share budget and
patience. `REGISTERED` was written before the run, after a look at five pilot seeds, which are not among the forty.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

import lthkit as lth
from lthkit.data.datasets import Dataset
from lthkit.evidence.registration import Registered
from lthkit.runs import experiments, results
from lthkit.storage import files, folders, records
from lthkit.storage.records import Row

TARGET = Path(__file__).resolve().parent / "results" / "seeds"
SEEDS = tuple(range(40))
ROUNDS, FRACTION, OUTPUT_FRACTION = 2, 0.65, 0.325
RECIPE = lth.Recipe(steps=4000, patience=1500, evaluate_every=100)
CURVES = ("dense", "ticket")  # arms of which every evaluation is kept, the ticket of the last round

PILOT = "A look at pilot seeds 1000 to 1004 came before."
REGISTERED = (
    Registered("ticket (12 %) - re-initialised (12 %), test accuracy", "above", 0.0, SEEDS, note=PILOT),
    Registered("ticket (12 %) - dense, test accuracy", "above", 0.5, SEEDS, note=PILOT),
    Registered("dense, other order - dense, test accuracy", "within", 0.3, SEEDS, note=PILOT),
    Registered("shuffled (12 %) - re-initialised (12 %), test accuracy", "within", 0.3, SEEDS, note=PILOT),
    Registered("ticket (35 %) - dense, early-stop step", "below", 0.0, SEEDS, "steps", PILOT),
    Registered(
        "ticket (12 %) stops earlier than dense, share of the dense steps",
        "above",
        38.0,
        SEEDS,
        "% of the dense steps",
        PILOT + " 38 % is what Frankle & Carbin 2019 report at 21 % of the weights, on MNIST.",
    ),
)


def model_of(seed: int) -> torch.nn.Module:
    return lth.models.lenet_300_100(seed=seed)


def config(data: Dataset) -> dict[str, Any]:
    """All that decides the numbers, and what was predicted of them."""
    return {
        "name": "seeds",
        "model": "lenet-300-100",
        "tier": "recorded",
        "data": data.name,
        "data_fingerprint": data.fingerprint,
        "device": "cpu",
        "seeds": list(SEEDS),
        "recipe": RECIPE.config(),
        "rounds": ROUNDS,
        "fraction": FRACTION,
        "output_fraction": OUTPUT_FRACTION,
        "scope": "layerwise",
        "registered": [one.record() for one in REGISTERED],
    }


class Seed:
    """The trainings of one seed: the rows of the table, and the curves."""

    def __init__(self, data: Dataset, seed: int) -> None:
        self.data, self.seed = data, seed
        self.start = lth.Checkpoint.of(model_of(seed))
        self.rows: list[Row] = []
        self.curves: list[Row] = []

    def train(
        self, arm: str, level: int, mask: lth.Mask, start: lth.Checkpoint, *, order: str = "order"
    ) -> torch.nn.Module:
        """Train once and measure the test split at every evaluation, after the training has ended."""
        model = model_of(self.seed)
        steps = range(RECIPE.evaluate_every, RECIPE.steps + 1, RECIPE.evaluate_every)
        result = lth.train(
            model,
            self.data,
            mask=mask,
            start=start,
            seed=lth.derived_seed(self.seed, order),
            recipe=RECIPE,
            keep=steps,
        )
        points = self.points(arm, level, result, last=lth.Checkpoint.of(model))
        best = max(points, key=lambda point: (point["test_accuracy"], -point["step"]))
        row = experiments.row_of(arm, self.seed, level, mask.density, result)
        self.rows.append(row | {"best_test_accuracy": best["test_accuracy"], "best_test_step": best["step"]})
        if arm in CURVES and (arm == "dense" or level == ROUNDS):
            self.curves += points
        return model

    def points(self, arm: str, level: int, result: lth.TrainResult, *, last: lth.Checkpoint) -> list[Row]:
        """One row an evaluation; a training that stops early keeps no checkpoint of its `last` step."""
        probe, rows = model_of(self.seed), []
        for point in result.history:
            result.kept.get(point.step, last).restore(probe)
            rows.append(
                {
                    "arm": arm,
                    "seed": self.seed,
                    "round": level,
                    "step": point.step,
                    "validation_loss": round(point.validation_loss, 5),
                    "validation_accuracy": point.validation_accuracy,
                    "test_accuracy": lth.evaluate(probe, self.data, split="test").accuracy,
                }
            )
        return rows

    def all(self) -> dict[str, list[Row]]:
        mask = lth.Mask.ones(model_of(self.seed))
        trained = self.train("dense", 0, mask, self.start)
        self.train("dense, other order", 0, mask, self.start, order="other order")
        fresh = lth.fresh_start(lth.models.lenet_300_100, seed=self.seed)
        for level in range(1, ROUNDS + 1):
            mask = lth.prune(
                mask,
                lth.magnitude(trained),
                FRACTION,
                scope="layerwise",
                overrides={"fc3.weight": OUTPUT_FRACTION},
            )
            trained = self.train("ticket", level, mask, self.start)
            self.train("re-initialised", level, mask, fresh)
            shuffled = mask.shuffled(lth.derived_seed(self.seed, f"shuffled round {level}"))
            self.train("shuffled", level, shuffled, self.start)
        return {"rows": self.rows, "curves": self.curves}


def one_seed(data: Dataset, seed: int, folder: Path) -> dict[str, list[Row]]:
    """The trainings of a seed, or what the folder has of them."""
    path = folder / f"seed-{seed:02d}.json"
    if not path.exists():
        files.write_sealed(path, Seed(data, seed).all())
        print(path.name, flush=True)
    return files.read_sealed(path)


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    data = lth.load_data("fashion-mnist")
    folders.open_run(folder, config(data))
    jobs = [(data, seed, folder) for seed in SEEDS]
    found = lth.training.each(one_seed, jobs, device=data.device)
    rows = [row for one in found for row in one["rows"]]
    arms = ["dense", "dense, other order", "ticket", "re-initialised", "shuffled"]
    rows.sort(key=lambda row: (row["round"], arms.index(row["arm"]), row["seed"]))
    curves = [row for arm in CURVES for one in found for row in one["curves"] if row["arm"] == arm]
    TARGET.mkdir(parents=True, exist_ok=True)
    files.write_sealed(TARGET / "config.json", config(data))
    summary = {
        "name": "seeds",
        "data": data.label,
        "device": "cpu",
        "seconds": "measured beside other work, and now and then interrupted; no measure of cost",
        "environment": records.environment(),
    }
    results.write_results(TARGET, summary, {"table.csv": rows, "curves.csv": curves})


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
