"""Record `results/painter`, `results/snip-draws` and `results/starving`, which three of the pictures that answer are drawn from.

Run by hand, some minutes on one core; the data are the embedded ones:

    python data/record_pictures.py                       # all of them; or the names of some

`painter`: LeNet-300-100, trained once with the recipe of `results/winning-ticket`, its weights rounded to 8 bits a layer
(`weights.npz`), and how many of the 5,000 test images it gets right at each density (`table.csv`): pruned once by the
magnitude of the rounded weights, over all layers or layer by layer, and not trained again. Equal magnitudes stay or go
together, so `kept` is the least number that is not below the density.

`snip-draws`: the masks that SNIP leaves of one untrained LeNet-300-100 at 2 % of the weights, by the images it saw: of all
classes or of one, 1 to 300 of them, pixels from 0 to 1 or normalised, five draws of each. `table.csv` has for each two draws
the share of the kept weights that both keep; `maps.npz` how many of the 300 connections of each pixel the first two keep.

`starving`: the network of lesson 08, an untrained VGG-16 of an eighth of its width, cut by the lesson's seven criteria at
compressions up to 10^3.5, without the guard that keeps a weight in each layer. A row a mask: what it keeps of each layer, and how
many of these weights lie on a path.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import lthkit as lth
from lthkit.data.datasets import Dataset
from lthkit.data.splits import generator_for
from lthkit.evidence import collapse
from lthkit.runs import experiments, results
from lthkit.storage import files, records
from lthkit.storage.records import Row
from lthkit.training.evaluation import evaluate

RESULTS = Path(__file__).resolve().parent / "results"
SEED = 0
DENSITIES = tuple(
    round(p / 100, 4)
    for p in (
        *(100, 90, 80, 70, 60, 50, 45, 40, 35, 30, 25, 20, 18, 16, 14, 12, 10),
        *(9, 8, 7, 6, 5, 4.5, 4, 3.5, 3, 2.5, 2, 1.8, 1.6, 1.4, 1.2, 1),
    )
)
SCOPES = ("global", "layerwise")
LEVELS = 128  # of a magnitude in 8 bits: 0 to 127

IMAGES = (1, 10, 100, 300)
CLASSES = ("all", *range(10))
INPUTS = ("raw", "normalised")
DRAWS = 5
DENSITY = 0.02

STARVED = (0, 1, 2)  # seeds
WIDTH = 8
SHAPE = (1, 32, 32)
EXPONENTS = tuple(k / 4 for k in range(1, 15))  # compressions 10^0.25 to 10^3.5
ROUNDS = 100  # of SynFlow


def rounded(weight: Tensor) -> tuple[np.ndarray, float]:
    """A tensor in 8 bits, and what one step of it is worth."""
    step = float(weight.abs().max()) / (LEVELS - 1)
    return (weight / step).round().to(torch.int8).cpu().numpy(), step


def cuts(
    levels: dict[str, np.ndarray], steps: dict[str, float], density: float, scope: str
) -> dict[str, int]:
    """For each layer the least magnitude in 8 bits that stays: the largest ones do, until `density` is reached."""
    found: dict[str, int] = {}
    for names in [tuple(levels)] if scope == "global" else [(name,) for name in levels]:
        sizes = np.concatenate([np.abs(levels[n].astype(int)).ravel() * steps[n] for n in names])
        keep = round(density * len(sizes))
        least = float(np.partition(sizes, len(sizes) - keep)[len(sizes) - keep])
        for name in names:
            found[name] = next(v for v in range(LEVELS + 1) if v * steps[name] >= least or v == LEVELS)
    return found


def painter(data: Dataset) -> None:
    recipe = experiments.winning_ticket("laptop", (SEED,)).recipe
    model = lth.models.lenet_300_100(seed=SEED)
    lth.train(model, data, recipe=recipe, seed=SEED)
    parameters = dict(model.named_parameters())
    levels, steps = {}, {}
    for name in lth.prunable(model):
        levels[name], steps[name] = rounded(parameters[name].detach())
    biases = {name: p.detach().numpy() for name, p in parameters.items() if name not in levels}
    rows: list[Row] = []
    for scope in SCOPES:
        for density in DENSITIES:
            least = cuts(levels, steps, density, scope)
            kept = 0
            with torch.no_grad():
                for name, level in levels.items():
                    stays = np.abs(level.astype(int)) >= least[name]
                    kept += int(stays.sum())
                    parameters[name].copy_(
                        torch.from_numpy(np.where(stays, level * np.float32(steps[name]), 0))
                    )
            right = evaluate(model, data, split="test").accuracy
            rows.append(
                {"scope": scope, "density": density, "kept": kept, "test_accuracy": right}
                | {f"least_{name.split('.')[0]}": v for name, v in least.items()}
            )
    config = {
        "recipe": recipe.config(),
        "seeds": [SEED],
        "scopes": list(SCOPES),
        "densities": list(DENSITIES),
    }
    write("painter", data, config, rows)
    files.save_arrays(RESULTS / "painter" / "weights.npz", levels | biases, {"steps": steps})


def images_of(data: Dataset, which: Any, n: int, seed: int) -> Tensor:
    """Rows of the training split: `n` of one class, or of all."""
    there = torch.arange(len(data.train)) if which == "all" else (data.train.labels == which).nonzero()[:, 0]
    return there[torch.randperm(len(there), generator=generator_for("draw", seed, 0))[:n]]


def mask_of(model: nn.Module, data: Dataset, which: Any, n: int, inputs: str, seed: int) -> lth.Mask:
    rows = images_of(data, which, n, seed)
    images = data.train.images[rows]
    seen = images / 255 if inputs == "raw" else data.normalise(images)
    return lth.prune_to(lth.Mask.ones(model), lth.snip(model, [(seen, data.train.labels[rows])]), DENSITY)


def snip_draws(data: Dataset) -> None:
    model = lth.models.lenet_300_100(seed=SEED)
    first = next(iter(lth.prunable(model)))
    rows: list[Row] = []
    maps = {}
    for inputs in INPUTS:
        for which in CLASSES:
            for n in IMAGES:
                masks = [mask_of(model, data, which, n, inputs, seed) for seed in range(DRAWS)]
                for one, other in combinations(range(DRAWS), 2):
                    both = sum(int((masks[one][name] & masks[other][name]).sum()) for name in masks[one])
                    place = {"inputs": inputs, "classes": which, "images": n, "one": one, "other": other}
                    rows.append(place | {"shared": both / masks[one].kept})
                two = np.stack([mask[first].sum(0).numpy() for mask in masks[:2]])
                maps[f"{inputs}-{which}-{n}"] = np.clip(two, 0, 255).astype(np.uint8)
                if two.max() > 255:
                    raise SystemExit(
                        f"A pixel keeps {two.max()} of its 300 connections; expected 255 at most."
                    )
    config = {
        "density": DENSITY,
        "draws": DRAWS,
        "images": list(IMAGES),
        "inputs": list(INPUTS),
        "seeds": [SEED],
    }
    write("snip-draws", data, config, rows)
    files.save_arrays(RESULTS / "snip-draws" / "maps.npz", maps, {})


def criteria(model: nn.Module, data: Dataset, seed: int) -> dict[str, tuple[Callable[..., Any], int]]:
    """Those of lesson 08: the score, and in how many rounds it cuts."""
    seen = [
        (F.pad(x, (2, 2, 2, 2), value=float(x.min())), y)
        for x, y in data.draw(100, seed=seed, stratified=True)
    ]
    flow = partial(lth.synflow, shape=SHAPE)
    return {
        "random": (partial(lth.random, seed=seed), 1),
        "magnitude": (lth.magnitude, 1),
        "SNIP": (partial(lth.snip, batches=seen), 1),
        "SNIP, stored": (partial(lth.snip, batches=seen, statistics="stored"), 1),
        "GraSP": (partial(lth.grasp, batches=seen), 1),
        "SynFlow, once": (flow, 1),
        "SynFlow": (flow, ROUNDS),
    }


def starving(data: Dataset) -> None:
    rows: list[Row] = []
    for seed in STARVED:
        model = lth.models.vgg_16(seed=seed, width=WIDTH, input_shape=SHAPE)
        everything = lth.Mask.ones(model)
        for arm, (score, rounds) in criteria(model, data, seed).items():
            scores = score(model)
            for x in EXPONENTS:
                if rounds > 1:
                    mask = lth.prune_iteratively(model, score, 10**-x, rounds=rounds, min_kept=0)
                else:
                    mask = lth.prune_to(everything, scores, 10**-x, min_kept=0)
                found = collapse(model, mask, SHAPE)
                row: Row = {"arm": arm, "seed": seed, "exponent": x, "density": mask.density}
                row |= {f"kept_{i}": n for i, n in enumerate(found.kept.values(), start=1)}
                row |= {f"connected_{i}": n for i, n in enumerate(found.connected.values(), start=1)}
                rows.append(row)
            print(f"starving: seed {seed}, {arm}", flush=True)
    config = {
        "model": "vgg-16",
        "width": WIDTH,
        "seeds": list(STARVED),
        "exponents": list(EXPONENTS),
        "rounds": ROUNDS,
        "layers": list(found.total),
        "weights": list(found.total.values()),
        "min_kept": 0,
    }
    write("starving", data, config, rows)


def write(name: str, data: Dataset, config: dict[str, Any], rows: list[Row]) -> None:
    shared = {"name": name, "model": "lenet-300-100", "tier": "recorded", "device": str(data.device)}
    target = RESULTS / name
    target.mkdir(parents=True, exist_ok=True)
    of_data = {"data": data.name, "data_fingerprint": data.fingerprint}
    files.write_sealed(target / "config.json", shared | of_data | config)
    summary = {
        "name": name,
        "data": data.label,
        "device": str(data.device),
        "environment": records.environment(),
    }
    results.write_results(target, summary, {"table.csv": rows})
    print(f"{name}: {len(rows)} rows")


RECORDS = {"painter": painter, "snip-draws": snip_draws, "starving": starving}


def main(names: list[str]) -> None:
    if unknown := sorted(set(names) - set(RECORDS)):
        raise SystemExit(
            f"{', '.join(unknown)} was given; expected some of {', '.join(RECORDS)}, or nothing for all."
        )
    torch.set_num_threads(1)
    data = lth.load_data("fashion-mnist")
    for name in names or RECORDS:
        RECORDS[name](data)


if __name__ == "__main__":
    main(sys.argv[1:])
