"""Make `results/text-tickets`: tickets of a tiny Transformer on the text of the lessons, and pruning after training.

Run once, by hand:  python data/record_text_tickets.py train FOLDER
            then    python data/record_text_tickets.py collect FOLDER
The first takes about an hour on a busy core. What is finished is saved in FOLDER, and the same command goes on from there.

Each seed has six trainings: dense, three rounds of iterative magnitude pruning that halve the weights and rewind to step
60, and at the last round two controls, the mask with the weights of another initialisation at that step and the mask shuffled. Then the
dense network is pruned after its training, by two scores and four ways to choose, and not trained again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import lthkit as lth
from lthkit.data.datasets import Dataset
from lthkit.runs import results
from lthkit.storage import files, records
from lthkit.storage.records import Row
from lthkit.tickets.rounds import load_round

TARGET = Path(__file__).resolve().parent / "results" / "text-tickets"
SEEDS = (0, 1, 2, 3, 4)
ROUNDS, FRACTION, REWIND = 3, 0.5, 60
RECIPE = lth.Recipe(steps=1200, batch_size=16, lr=2e-3, schedule="cosine", warmup=60, evaluate_every=200)
TASK = lth.Task(metrics=("perplexity", "token accuracy"))
DENSITIES = (0.8, 0.65, 0.5, 0.35)
CALIBRATION = 64  # windows whose inputs Wanda sees


def model_fn(data: Dataset) -> partial[nn.Module]:
    return partial(lth.models.tiny_transformer, tokens=len(data.classes), length=data.shape[0])


def trained(data: Dataset, seed: int, folder: Path) -> Iterator[tuple[str, lth.Mask, lth.TrainResult]]:
    """The trainings of one seed: dense, the tickets, the controls; each is read if it is there."""
    make = model_fn(data)
    shared: dict[str, Any] = {"recipe": RECIPE, "task": TASK, "seed": seed}
    rounds = lth.imp(
        make, data, rounds=ROUNDS, fraction=FRACTION, rewind_step=REWIND, folder=folder / "imp", **shared
    )
    for this in rounds:
        yield ("ticket" if this.round else "dense"), this.mask, this.result
    again = partial(lth.retrain, make, data, **shared)
    other = lth.derived_seed(seed, "re-initialised")
    early = make(seed=other)
    kept = lth.train(
        early,
        data,
        seed=seed,
        recipe=replace(RECIPE, schedule="constant", steps=REWIND),
        task=TASK,
        keep=(REWIND,),
        folder=folder / "other-start",
    ).kept[REWIND]
    yield "re-initialised", this.mask, again(mask=this.mask, weights_from=kept, folder=folder / "other")
    mask = this.mask.shuffled(lth.derived_seed(seed, "shuffled"))
    yield "shuffled", mask, again(mask=mask, weights_from=this.rewind, folder=folder / "shuffled")


def row(arm: str, seed: int, mask: lth.Mask, measured: Mapping[str, float], **more: Any) -> Row:
    values = {name: round(value, 5) for name, value in measured.items()}
    return {"arm": arm, "seed": seed, "density": round(mask.density, 5), **values, **more}


def chosen(model: nn.Module, scores: Mapping[str, Tensor], scope: str, density: float) -> lth.Mask:
    whole = lth.Mask.ones(model)
    if scope == "2:4":
        return lth.n_of_m(whole, scores, n=2, m=4)
    return lth.prune_to(whole, scores, density, scope=scope)


def after_training(data: Dataset, seed: int, folder: Path) -> list[Row]:
    """The trained dense network, cut once and measured as it is then."""
    dense = load_round(folder / "imp", 0)
    assert dense is not None
    model, rows = model_fn(data)(seed=seed), []
    for scope in ("global", "layerwise", "row", "2:4"):
        for density in DENSITIES if scope != "2:4" else (0.5,):
            for name in ("magnitude", "wanda"):
                dense.trained.restore(model)
                batches = data.draw(CALIBRATION, seed=seed)
                scores = lth.magnitude(model) if name == "magnitude" else lth.wanda(model, batches)
                mask = chosen(model, scores, scope, density)
                mask.apply_(model)
                measured = lth.evaluate(model, data, split="test", task=TASK)
                rows.append(row(name, seed, mask, measured.metrics, scope=scope))
    return rows


def config(data: Dataset) -> dict[str, Any]:
    """All that decides the numbers."""
    return {
        "name": "text-tickets",
        "model": "tiny-transformer",
        "tier": "recorded",
        "data": data.name,
        "data_fingerprint": data.fingerprint,
        "device": "cpu",
        "seeds": list(SEEDS),
        "recipe": RECIPE.config(),
        "rounds": ROUNDS,
        "fraction": FRACTION,
        "rewind_step": REWIND,
        "scope": "global",
        "calibration": CALIBRATION,
    }


def collect(data: Dataset, folder: Path) -> None:
    rows, cut = [], []
    for seed in SEEDS:
        for arm, mask, result in trained(data, seed, folder / f"seed-{seed}"):
            more = {"steps": result.steps, "best_step": result.best_step}
            rows.append(row(arm, seed, mask, result.test_metrics, **more))
        cut += after_training(data, seed, folder / f"seed-{seed}")
    TARGET.mkdir(parents=True, exist_ok=True)
    files.write_sealed(TARGET / "config.json", config(data))
    summary = {
        "name": "text-tickets",
        "data": data.label,
        "device": "cpu",
        "seconds": "measured beside other work; no measure of cost",
        "environment": records.environment(),
    }
    results.write_results(TARGET, summary, {"table.csv": rows, "after.csv": cut})


def main(what: str, folder: Path) -> None:
    torch.set_num_threads(1)
    data = lth.load_data("lesson-text")
    if what == "collect":
        collect(data, folder)
        return
    for seed in SEEDS:
        for arm, mask, result in trained(data, seed, folder / f"seed-{seed}"):
            print(seed, arm, f"{mask.density:.3f}", result.test_metrics, flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("train", "collect"):
        raise SystemExit(__doc__)
    main(sys.argv[1], Path(sys.argv[2]))
