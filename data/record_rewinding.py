"""Record `results/rewinding`: ResNet-20 pruned iteratively, rewound to step 0 or to step k, against the re-initialised control.

Run by hand. CIFAR-10 is looked for in $LTHKIT_DATA, as everywhere in lthkit:

    python data/record_rewinding.py train FOLDER            # all seeds; or --seeds 0 1
    python data/record_rewinding.py collect FOLDER          # seeds that are complete -> data/results/rewinding

`train` saves every training in FOLDER as it ends and goes on from there when it is called again. `collect` trains nothing: it
takes the seeds that are complete, measures the paths between twins, and writes config.json, summary.json,
table.csv (one row a training) and instability.csv (one row a point of a path).

Images are averaged down to 16x16, so that a training takes a minute or two on one core and not ten.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import nn

import lthkit as lth
from lthkit.evidence import mode_connectivity
from lthkit.runs import experiments, results
from lthkit.storage import files, folders, records
from lthkit.tickets.rounds import Round, load_round
from lthkit.training.pool import Pool

WIDTH = 8
STEPS, K = 2500, 125
ROUNDS, FRACTION = 3, 0.6
SEEDS = (0, 1, 2, 3, 4)
REWINDS = {"rewound to 0": 0, "rewound to k": K}
CONTROL_ROUNDS = (2, 3)
ALPHAS = tuple(i / 10 for i in range(11))
RECIPE = lth.Recipe(
    steps=STEPS,
    batch_size=128,
    optimizer="sgd",
    momentum=0.9,
    weight_decay=1e-4,
    lr=0.1,
    schedule="cosine",
    evaluate_every=250,
    precision="bfloat16",
)
TARGET = Path(__file__).resolve().parent / "results" / "rewinding"


def config(data: lth.Dataset, seeds: list[int]) -> dict[str, Any]:
    """All that decides the numbers."""
    return {
        "name": "rewinding",
        "model": "resnet-20",
        "width": WIDTH,
        "tier": "recorded",
        "data": data.name,
        "data_fingerprint": data.fingerprint,
        "device": "cpu",
        "seeds": seeds,
        "recipe": RECIPE.config(),
        "rounds": ROUNDS,
        "fraction": FRACTION,
        "scope": "global",
        "k": K,
        "control_rounds": list(CONTROL_ROUNDS),
    }


def order(seed: int) -> int:
    """Seed of the data order, the same for all arms of a seed."""
    return lth.derived_seed(seed, "order")


def chain_folder(folder: Path, seed: int, arm: str) -> Path:
    """Where the rounds of one chain of iterative pruning are."""
    return folder / f"seed-{seed}" / arm.replace(" ", "-")


def twin_name(arm: str) -> str:
    """Name of the files of an arm's twin."""
    return "twin-" + arm.replace(" ", "-")


def train_all(folder: Path, seeds: list[int], workers: int) -> None:
    """Every training that FOLDER does not have yet, `workers` side by side with one thread each."""
    data = lth.data.halved(lth.load_data("cifar10"))
    model_fn = partial(lth.models.resnet_20, input_shape=data.shape, width=WIDTH)
    folders.open_run(folder, config(data, []))
    begun = perf_counter()

    def say(text: str) -> None:
        print(f"{(perf_counter() - begun) / 60:6.1f} min  {text}", flush=True)

    def chain(seed: int, arm: str) -> None:
        rounds = lth.imp(
            model_fn,
            data,
            rounds=ROUNDS,
            fraction=FRACTION,
            rewind_step=REWINDS[arm],
            seed=seed,
            order_seed=order(seed),
            recipe=RECIPE,
            folder=chain_folder(folder, seed, arm),
        )
        for this in rounds:
            pool.check()
            say(
                f"seed {seed} {arm}: round {this.round}, {100 * this.density:.1f} %, validation {this.validation_accuracy:.4f}"
            )
            if arm == "rewound to k" and this.round in CONTROL_ROUNDS:
                pool.submit(again, seed, "re-initialised", this, f"re-initialised-{this.round}")
        pool.submit(again, seed, arm, this, twin_name(arm))

    def again(seed: int, arm: str, this: Round, name: str) -> None:
        """One more training under a mask: with fresh weights, or (a twin) the same start and another order."""
        path = folder / f"seed-{seed}" / name
        if path.with_suffix(".npz").exists():
            return
        control = arm == "re-initialised"
        result = lth.retrain(
            model_fn,
            data,
            mask=this.mask,
            weights_from=lth.fresh_start(model_fn, seed=seed) if control else this.rewind,
            seed=order(seed) if control else lth.derived_seed(seed, "order of the twin"),
            recipe=RECIPE,
            keep=(STEPS,),
        )
        files.write_sealed(
            path.with_suffix(".json"), row("re-initialised" if control else f"twin {arm}", seed, this, result)
        )
        replace(result.kept[STEPS], optimizer=None).save(path.with_suffix(".npz"))
        say(f"seed {seed} {name}: validation {result.validation_accuracy:.4f}")

    for seed in seeds:  # one seed is complete before the next begins
        pool = Pool(workers=workers, threads=1)
        for arm in REWINDS:
            pool.submit(chain, seed, arm)
        pool.run()


def row(arm: str, seed: int, this: Round, result: lth.TrainResult) -> records.Row:
    """One line of the table."""
    return experiments.row_of(arm, seed, this.round, this.density, result)


def read_seed(folder: Path, seed: int) -> list[records.Row] | None:
    """All rows of a seed, or None as long as a training is missing."""
    rows = []
    for arm in REWINDS:
        for r in range(ROUNDS + 1):
            this = load_round(chain_folder(folder, seed, arm), r)
            if this is None:
                return None
            if r > 0 or arm == "rewound to 0":  # the dense training is the same in both chains
                rows.append(row("dense" if r == 0 else arm, seed, this, this.result))
    names = [f"re-initialised-{r}" for r in CONTROL_ROUNDS]
    names += [twin_name(arm) for arm in REWINDS]
    for name in names:
        path = folder / f"seed-{seed}" / f"{name}.json"
        if not (path.exists() and path.with_suffix(".npz").exists()):
            return None
        rows.append(files.read_sealed(path))
    return rows


def paths(
    folder: Path, seeds: list[int], data: lth.Dataset, model_fn: Callable[..., nn.Module]
) -> list[records.Row]:
    """Loss and error between each ticket of the last round and its twin: the same start and mask, another order."""
    rows = []
    for seed in seeds:
        for arm in REWINDS:
            ticket = load_round(chain_folder(folder, seed, arm), ROUNDS)
            twin = lth.Checkpoint.load(folder / f"seed-{seed}" / f"{twin_name(arm)}.npz")
            assert ticket is not None
            line = mode_connectivity.interpolate(
                model_fn, data, a=ticket.trained, b=twin, alphas=ALPHAS, precision=RECIPE.precision
            )
            rows += [
                {"arm": arm, "seed": seed, "alpha": p.alpha, "loss": p.loss, "error": p.error} for p in line
            ]
    return rows


def collect(folder: Path) -> None:
    """Write what the lesson reads, from the seeds that are complete in FOLDER."""
    found = {seed: rows for seed in SEEDS if (rows := read_seed(folder, seed)) is not None}
    if not found:
        raise SystemExit(f"{folder} has no complete seed yet.")
    data = lth.data.halved(lth.load_data("cifar10"))
    torch.set_num_threads(1)
    model_fn = partial(lth.models.resnet_20, input_shape=data.shape, width=WIDTH)
    lines = paths(folder, list(found), data, model_fn)
    table = [one for rows in found.values() for one in rows]
    arms = ["dense", *REWINDS, "re-initialised", *(f"twin {arm}" for arm in REWINDS)]
    table.sort(key=lambda one: (one["round"], arms.index(one["arm"]), one["seed"]))
    TARGET.mkdir(parents=True, exist_ok=True)
    files.write_sealed(TARGET / "config.json", config(data, list(found)))
    summary = {
        "name": "rewinding",
        "data": data.label,
        "device": "cpu",
        "execution": {"threads": 1, "channels_last": True},
        "minutes": round(sum(one["seconds"] for one in table) / 60, 1),
        "environment": records.environment(),
    }
    results.write_results(TARGET, summary, {"table.csv": table, "instability.csv": lines})
    print(f"{TARGET.name}: seeds {list(found)}, {len(table)} trainings")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["train", "collect"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    if args.what == "train":
        train_all(args.folder, args.seeds, args.workers)
    else:
        collect(args.folder)
