"""Record `results/supermasks`: masks put onto networks that nobody trained, and what a ticket's signs are worth, registered.

Run by hand, some ten minutes on two cores, with the complete MNIST in $LTHKIT_DATA:

    python data/record_supermasks.py train FOLDER            # all seeds; or --seeds 100 101
    python data/record_supermasks.py collect FOLDER          # seeds that are complete -> data/results/supermasks

`train` saves what is finished in FOLDER and goes on from there when it is called again; a folder that was begun with other
registered claims (`data/claims.toml`) is refused. `collect` writes config.json, summary.json and three tables.

LeNet-300-100, one dense training a seed. Its first and last weights give the masks of Zhou et al. 2019 (1905.01067): *large
final* keeps the weights that end large, *large final, same sign* those that end large with the sign they began with. Each
mask, at sixteen densities, is put onto the untrained weights and onto their signs times one size a layer. The density is
chosen on the validation split, and the test split read once, at that density: table.csv. ladder.csv has all validation
accuracies. signs.csv: under the mask of large final, trainings from the initial weights, from their signs alone, and
from new weights, whose sizes are the same and whose signs are their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import lthkit as lth
from lthkit import ledger
from lthkit.data.datasets import Dataset
from lthkit.runs import experiments, recording
from lthkit.storage import files, folders
from lthkit.storage.records import Row
from lthkit.tickets import signed_constant, signs_of
from lthkit.training.pool import Pool

NAME = "supermasks"
TARGET = Path(__file__).resolve().parent / "results" / NAME
SEEDS = (100, 101, 102, 103, 104)
CLAIMS = (
    "supermask-86",
    "supermask-large-final-below-40",
    "signs-beat-other-signs",
    "signs-are-enough",
)
RECIPE = lth.Recipe(steps=10_000, patience=2000, evaluate_every=100)
FRACTION, OUTPUT_FRACTION = 0.2, 0.1
LEVELS = tuple(range(1, 17))
TRAINED_LEVELS = (10, 15)
MAKE = lth.models.lenet_300_100
FINAL, SAME, RANDOM = "large final", "large final, same sign", "random"
ARMS = ("ticket", "its signs, new sizes", "new weights", "its signs, one size a layer")
INITIAL, CONSTANT = "initial weights", "one size a layer"


def load() -> Dataset:
    """The complete MNIST, if it is on this machine."""
    return lth.load_data("mnist", download=False)


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
        "recipe": RECIPE.config(),
        "fraction": FRACTION,
        "output_fraction": OUTPUT_FRACTION,
        "scope": "layerwise",
        "levels": list(LEVELS),
        "trained_levels": list(TRAINED_LEVELS),
        "claims": ledger.digests(*CLAIMS),
    }


class Seed:
    """What is measured of one seed. Its first and last weights lie in `folder` once it was trained."""

    def __init__(self, data: Dataset, seed: int, folder: Path) -> None:
        self.data, self.seed, self.folder = data, seed, folder
        self.order = lth.derived_seed(seed, "order")  # of the data, the same in all arms
        self.model = MAKE(seed=seed)
        self.start = lth.Checkpoint.of(self.model)
        self.everything = lth.Mask.ones(self.model)

    def dense(self) -> Row:
        result = lth.train(self.model, self.data, seed=self.order, recipe=RECIPE)
        lth.Checkpoint.of(self.model, step=result.steps).save(self.folder / "trained.npz")
        trained = self.trained()
        kept = sum(int((w * self.start.model[name] > 0).sum()) for name, w in trained.items())
        row = experiments.row_of("dense", self.seed, 0, 1.0, result)
        return {"dense": row, "same_sign": kept / self.everything.total}

    def trained(self) -> dict[str, Tensor]:
        """The weights of the last step, by name."""
        last = lth.Checkpoint.load(self.folder / "trained.npz")
        return {name: last.model[name] for name in self.everything}

    def scores(self) -> dict[str, dict[str, Tensor]]:
        trained = self.trained()
        drawn = MAKE(seed=self.seed)
        return {
            FINAL: {name: w.abs() for name, w in trained.items()},
            SAME: {name: w * self.start.model[name].sign() for name, w in trained.items()},
            RANDOM: lth.random(drawn, seed=self.seed),
        }

    def mask(self, score: Mapping[str, Tensor], level: int) -> lth.Mask:
        densities = dict.fromkeys(self.everything, (1 - FRACTION) ** level)
        densities[lth.models.output_layer(MAKE(seed=0))] = (1 - OUTPUT_FRACTION) ** level
        return lth.prune_to(self.everything, score, densities)

    def untrained(self) -> dict[str, list[Row]]:
        """All validation accuracies, and of each arm that of the test split at its best density."""
        starts = {INITIAL: self.start, CONSTANT: signed_constant(self.start, self.everything)}
        ladder, best = [], []
        for arm, score in self.scores().items():
            for name, weights in starts.items():
                rows = [self.evaluated(arm, name, weights, self.mask(score, k), k) for k in LEVELS]
                chosen = max(rows, key=lambda row: (row["validation_accuracy"], -row["round"]))
                network = self.network(weights, self.mask(score, chosen["round"]))
                test = lth.evaluate(network, self.data, split="test").accuracy
                ladder += rows
                best.append(chosen | {"test_accuracy": test})
        return {"ladder": ladder, "best": best}

    def network(self, weights: lth.Checkpoint, mask: lth.Mask) -> torch.nn.Module:
        model = MAKE(seed=0)
        weights.restore(model)
        mask.apply_(model)
        return model

    def evaluated(self, arm: str, start: str, weights: lth.Checkpoint, mask: lth.Mask, level: int) -> Row:
        found = lth.evaluate(self.network(weights, mask), self.data, split="validation")
        row = {"arm": arm, "start": start, "seed": self.seed, "round": level, "density": mask.density}
        return row | {"validation_accuracy": found.accuracy}

    def starts(self, mask: lth.Mask) -> dict[str, lth.Checkpoint]:
        """Where the trainings under one mask begin. `signs_of` keeps the sizes of the new weights."""
        new = lth.fresh_start(MAKE, seed=self.seed)
        starts = (self.start, signs_of(self.start, new, mask), new, signed_constant(self.start, mask))
        return dict(zip(ARMS, starts, strict=True))

    def signs(self, level: int, arm: str) -> Row:
        mask = self.mask(self.scores()[FINAL], level)
        result = lth.retrain(
            MAKE,
            self.data,
            mask=mask,
            weights_from=self.starts(mask)[arm],
            seed=self.order,
            recipe=RECIPE,
        )
        return experiments.row_of(arm, self.seed, level, mask.density, result)


def one_seed(data: Dataset, seed: int, folder: Path, check: Callable[[], None]) -> None:
    """What FOLDER does not have of a seed. `check` is asked between two trainings whether to go on."""
    folder = folder / f"seed-{seed}"
    folder.mkdir(exist_ok=True)
    this = Seed(data, seed, folder)
    saved(folder / "dense.json", this.dense)
    saved(folder / "untrained.json", this.untrained)
    for level in TRAINED_LEVELS:
        for arm in ARMS:
            check()
            saved(sign_file(folder, level, arm), partial(this.signs, level, arm))


def sign_file(folder: Path, level: int, arm: str) -> Path:
    return folder / f"{level}-{arm.replace(', ', '-').replace(' ', '-')}.json"


def files_of(folder: Path, seed: int) -> list[Path]:
    """All that a seed comes to: the dense training, the untrained networks, and each training of signs."""
    folder = folder / f"seed-{seed}"
    arms = [(level, arm) for level in TRAINED_LEVELS for arm in ARMS]
    return [folder / "dense.json", folder / "untrained.json", *(sign_file(folder, *each) for each in arms)]


def saved(path: Path, make: Callable[[], Any]) -> None:
    if not path.exists():
        files.write_sealed(path, make())
        print(path.parent.name, path.stem, flush=True)


def train_all(folder: Path, seeds: list[int], workers: int) -> None:
    """Every training that FOLDER does not have yet, `workers` seeds side by side with one thread each."""
    recording.check_seeds(seeds, SEEDS)
    data = load()
    with folders.hold(folder):
        folders.open_run(folder, config(data))
        pool = Pool(workers=workers, threads=1)
        for seed in seeds:
            pool.submit(one_seed, data, seed, folder, pool.check)
        pool.run()


def collect(folder: Path, target: Path) -> None:
    """Write what the ledger reads, from the seeds that are complete in FOLDER."""
    data = load()
    whole = {seed: files_of(folder, seed) for seed in SEEDS}
    found = {seed: paths for seed, paths in whole.items() if all(path.exists() for path in paths)}
    if not found:
        raise SystemExit(f"{folder} has no complete seed yet.")
    tables: dict[str, list[Row]] = {"table.csv": [], "ladder.csv": [], "signs.csv": []}
    for paths in found.values():
        dense, untrained, *signs = map(files.read_sealed, paths)
        tables["table.csv"] += untrained["best"]
        tables["ladder.csv"] += untrained["ladder"]
        tables["signs.csv"] += [dense["dense"] | {"same_sign": dense["same_sign"]}]
        tables["signs.csv"] += [row | {"same_sign": None} for row in signs]
    recording.write_record(
        target,
        folder,
        list(found),
        tables,
        name=NAME,
        data=data.label,
        minutes=round(sum(row["seconds"] for row in tables["signs.csv"]) / 60, 1),
    )
    print(f"{NAME}: seeds {list(found)}, {len(tables['signs.csv'])} trainings")


if __name__ == "__main__":
    recording.command(__doc__, SEEDS, TARGET, train_all, collect)
