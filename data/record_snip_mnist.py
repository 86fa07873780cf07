"""Make `results/snip-mnist`: SNIP's table for LeNet-300-100 on the complete MNIST, with five seeds.

Run once, by hand:  LTHKIT_DATA=FOLDER python data/record_snip_mnist.py
FOLDER/MNIST/raw holds the four original files. It takes a few minutes on two cores. The recipe is that of Lee et al.
2019, section 5 (SGD with momentum 0.9, weight decay 5e-4, batches of 100, learning rate 0.1 divided by 10 on the way),
shortened; SNIP scores one batch of 100 images, and the scored initialisation is the one that is trained.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from time import perf_counter

import lthkit as lth
from lthkit.data.datasets import Dataset
from lthkit.runs import experiments, results
from lthkit.storage import files, records
from lthkit.storage.records import Row
from lthkit.training import choices

HERE = Path(__file__).resolve().parent
TARGET = HERE / "results" / "snip-mnist"
SEEDS = (0, 1, 2, 3, 4)
DENSITIES = (1.0, 0.05, 0.02)  # by round
RECIPE = lth.Recipe(
    steps=6000,
    batch_size=100,
    optimizer="sgd",
    lr=0.1,
    momentum=0.9,
    weight_decay=5e-4,
    schedule="step",
    milestones=(3000, 4500),
    evaluate_every=200,
)


def row(data: Dataset, level: int, seed: int) -> Row:
    """Train one network: dense at level 0, else pruned by SNIP to the level's density."""
    lenet = lth.models.lenet_300_100
    density = DENSITIES[level]
    if level == 0:
        result = lth.train(lenet(seed=seed), data, seed=seed, recipe=RECIPE)
    else:
        score = partial(lth.snip, batches=data.draw(100, seed=seed))
        this = lth.prune_at_init(lenet, data, score=score, density=density, seed=seed, recipe=RECIPE)
        result, density = this.result, this.density
    return experiments.row_of("SNIP" if level else "dense", seed, level, density, result)


def main() -> None:
    data, begun = lth.load_data("mnist", download=False), perf_counter()
    config = {
        "name": "snip-mnist",
        "model": "lenet-300-100",
        "tier": "recorded",
        "seeds": list(SEEDS),
        "method": "snip",
        "densities": list(DENSITIES),
        "images": 100,
        "train_from": "scored",
        "recipe": RECIPE.config(),
        "data": data.name,
        "data_fingerprint": data.fingerprint,
        "device": str(data.device),
    }
    jobs = [(data, level, seed) for level in range(len(DENSITIES)) for seed in SEEDS]
    rows = lth.training.each(row, jobs, device=data.device)
    files.write_sealed(TARGET / "config.json", config)
    summary = {
        "name": "snip-mnist",
        "data": data.label,
        "device": str(data.device),
        "workers": min(choices.cores(), len(jobs)),
        "wall_seconds": round(perf_counter() - begun, 1),
        "environment": records.environment(),
    }
    results.write_results(TARGET, summary, {"table.csv": rows})


if __name__ == "__main__":
    main()
