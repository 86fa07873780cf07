"""Record `results/layer-collapse`: how far an untrained VGG-16 can be pruned before no path is left, registered.

Run by hand, some twenty minutes on two cores, with CIFAR-10 in $LTHKIT_DATA (ours is a JPEG copy, and labelled so):

    python data/record_layer_collapse.py train FOLDER            # all seeds; or --seeds 100 101
    python data/record_layer_collapse.py collect FOLDER          # seeds that are complete -> data/results/layer-collapse

Nothing is trained. `train` counts, saves what is finished in FOLDER and goes on from there when it is called again; a folder
that was begun with other registered claims (`data/claims.toml`) is refused. `collect` writes config.json, summary.json,
table.csv (one row a mask) and reach.csv (one row a criterion and seed: how far it goes).

VGG-16 with batch norm at full width and compressions to 10^3.5, after Tanaka et al. 2020 (2006.05467). Masks are cut
with `min_kept=0`: by default lthkit keeps one weight of each layer, a guard that the published programs do not have.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

import lthkit as lth
from lthkit import ledger
from lthkit.data.datasets import Dataset
from lthkit.evidence import collapse
from lthkit.runs import recording
from lthkit.storage import files, folders
from lthkit.storage.records import Row
from lthkit.training.pool import Pool

NAME = "layer-collapse"
TARGET = Path(__file__).resolve().parent / "results" / NAME
SEEDS = (100, 101, 102, 103, 104)
CLAIMS = ("synflow-outlasts", "snip-grasp-conduct-at-1000")
WIDTH = 64
IMAGES = 100
EXPONENTS = tuple(k / 4 for k in range(2, 15))  # compressions 10^0.5 to 10^3.5
ROUNDS = 100  # of SynFlow
ROUNDED = tuple(k / 2 for k in range(1, 8))  # each of these costs SynFlow all its rounds
ONE_SHOT = ("random", "magnitude", "SNIP", "SNIP, stored", "GraSP", "SynFlow, once")
SYNFLOW = "SynFlow"
Score = Callable[[nn.Module], dict[str, torch.Tensor]]


def load() -> Dataset:
    """CIFAR-10, if it is on this machine."""
    return lth.load_data("cifar10", download=False)


def config(data: Dataset) -> dict[str, Any]:
    """All that decides the numbers, and the registered texts that they will judge."""
    return {
        "name": NAME,
        "model": "vgg-16",
        "width": WIDTH,
        "tier": "recorded",
        "data": data.name,
        "data_fingerprint": data.fingerprint,
        "device": "cpu",
        "seeds": list(SEEDS),
        "images": IMAGES,
        "exponents": list(EXPONENTS),
        "rounds": ROUNDS,
        "exponents_of_rounds": list(ROUNDED),
        "scope": "global",
        "min_kept": 0,
        "claims": ledger.digests(*CLAIMS),
    }


def network(data: Dataset, seed: int) -> nn.Module:
    return lth.models.vgg_16(seed=seed, width=WIDTH, input_shape=data.shape)


def score_of(arm: str, data: Dataset, seed: int) -> Score:
    """SNIP and GraSP see the same images, ten of each class. "SNIP, stored": batch norm takes its stored statistics."""
    images = data.draw(IMAGES, seed=seed, stratified=True) if arm.startswith(("SNIP", "GraSP")) else []
    found: dict[str, Score] = {
        "random": partial(lth.random, seed=seed),
        "magnitude": lth.magnitude,
        "SNIP": partial(lth.snip, batches=images),
        "SNIP, stored": partial(lth.snip, batches=images, statistics="stored"),
        "GraSP": partial(lth.grasp, batches=images),
        "SynFlow, once": partial(lth.synflow, shape=data.shape),
        SYNFLOW: partial(lth.synflow, shape=data.shape),
    }
    return found[arm]


def counted(arm: str, data: Dataset, seed: int, exponent: float, model: nn.Module, mask: lth.Mask) -> Row:
    found = collapse(model, mask, data.shape)
    return {
        "arm": arm,
        "seed": seed,
        "exponent": exponent,
        "density": mask.density,
        "kept": sum(found.kept.values()),
        "connected": sum(found.connected.values()),
        "smallest_kept": min(found.kept.values()),
        "smallest": min(found.connected.values()),
        "emptied": len(found.emptied),
    }


def one_shot(data: Dataset, seed: int, arm: str) -> list[Row]:
    """One score, cut at each compression."""
    model = network(data, seed)
    scores, everything = score_of(arm, data, seed)(model), lth.Mask.ones(model)
    cut = partial(lth.prune_to, everything, scores, min_kept=0)
    return [counted(arm, data, seed, x, model, cut(10**-x)) for x in EXPONENTS]


def in_rounds(data: Dataset, seed: int, exponent: float) -> list[Row]:
    """SynFlow, scored anew in each of its rounds, to one compression."""
    model = network(data, seed)
    score = score_of(SYNFLOW, data, seed)
    mask = lth.prune_iteratively(model, score, 10**-exponent, rounds=ROUNDS, min_kept=0)
    return [counted(SYNFLOW, data, seed, exponent, model, mask)]


def jobs(data: Dataset, seed: int) -> dict[str, Callable[[], list[Row]]]:
    """What is counted of a seed, by the name of its file."""
    found: dict[str, Callable[[], list[Row]]] = {
        arm.replace(", ", "-").replace(" ", "-"): partial(one_shot, data, seed, arm) for arm in ONE_SHOT
    }
    for x in ROUNDED:
        found[f"SynFlow-{x:.2f}"] = partial(in_rounds, data, seed, x)
    return found


def reach(rows: list[Row]) -> list[Row]:
    """How far each criterion goes, for each seed: the strongest compression up to which, without a gap, every layer keeps a
    weight (`full_to`) and a path is left (`path_to`), as powers of ten; 0 if it fails at the mildest."""
    found = []
    for arm, seed in dict.fromkeys((row["arm"], row["seed"]) for row in rows):
        own = sorted((r for r in rows if (r["arm"], r["seed"]) == (arm, seed)), key=lambda r: r["exponent"])
        found.append(
            {
                "arm": arm,
                "seed": seed,
                "full_to": _last(own, "smallest_kept"),
                "path_to": _last(own, "connected"),
                "of": own[-1]["exponent"],
            }
        )
    return found


def _last(rows: list[Row], column: str) -> float:
    last = 0.0
    for row in rows:
        if not row[column]:
            break
        last = row["exponent"]
    return last


def train_all(folder: Path, seeds: list[int], workers: int) -> None:
    """Every mask that FOLDER does not have yet, `workers` side by side with one thread each."""
    recording.check_seeds(seeds, SEEDS)
    data = load()

    def one(check: Callable[[], None], path: Path, job: Callable[[], list[Row]]) -> None:
        check()
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            files.write_sealed(path, {"rows": job()})
            print(path.parent.name, path.stem, flush=True)

    with folders.hold(folder):
        folders.open_run(folder, config(data))
        for seed in seeds:  # one seed is complete before the next begins
            cases = [(folder / f"seed-{seed}" / f"{n}.json", job) for n, job in jobs(data, seed).items()]
            pool = Pool(workers=workers, threads=1)
            for path, job in cases:
                pool.submit(one, pool.check, path, job)
            pool.run()


def collect(folder: Path, target: Path) -> None:
    """Write what the ledger reads, from the seeds that are complete in FOLDER."""
    data, found = load(), {}
    for seed in SEEDS:
        paths = [folder / f"seed-{seed}" / f"{name}.json" for name in jobs(data, seed)]
        if all(path.exists() for path in paths):
            found[seed] = paths
    if not found:
        raise SystemExit(f"{folder} has no complete seed yet.")
    rows = [row for paths in found.values() for path in paths for row in files.read_sealed(path)["rows"]]
    arms = [*ONE_SHOT, SYNFLOW]
    rows.sort(key=lambda row: (arms.index(row["arm"]), row["seed"], row["exponent"]))
    recording.write_record(
        target,
        folder,
        list(found),
        {"table.csv": rows, "reach.csv": reach(rows)},
        name=NAME,
        data=data.label,
    )
    print(f"{NAME}: seeds {list(found)}, {len(rows)} masks")


if __name__ == "__main__":
    recording.command(__doc__, SEEDS, TARGET, train_all, collect)
