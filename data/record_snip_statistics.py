"""Make `results/snip-statistics`: where SNIP cuts VGG-16, with batch norm's statistics of the batch and with the stored ones.

Run once, by hand:  python data/record_snip_statistics.py
Widths 8 (the network of lesson 08) and 64 (the whole one), three seeds. Nothing is trained. Images are those of the
lesson: 100 of Fashion-MNIST, ten of each class, padded to 32×32. It takes some minutes on two cores.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from time import perf_counter

import torch.nn.functional as F
from torch import Tensor

import lthkit as lth
from lthkit.data.datasets import Dataset
from lthkit.evidence import collapse
from lthkit.runs import results
from lthkit.storage import files, records
from lthkit.storage.records import Row
from lthkit.training import choices

TARGET = Path(__file__).resolve().parent / "results" / "snip-statistics"
SEEDS = (0, 1, 2)
WIDTHS = (8, 64)
DENSITIES = (0.5, 0.1, 0.05, 0.02, 0.01, 0.005, 0.001)
IMAGES = 100
SHAPE = (1, 32, 32)


def rows_of(data: Dataset, width: int, seed: int) -> list[Row]:
    """For each density the connected weights of the smallest layer, by statistics, and what the two masks share."""
    model = lth.models.vgg_16(seed=seed, width=width, input_shape=SHAPE)
    batches: list[tuple[Tensor, Tensor]] = [
        (F.pad(x, (2, 2, 2, 2), value=float(x.min())), y)
        for x, y in data.draw(IMAGES, seed=seed, stratified=True)
    ]
    scores = {how: lth.snip(model, batches, statistics=how) for how in ("batch", "stored")}
    rows = []
    for density in DENSITIES:
        cut = partial(lth.prune_to, lth.Mask.ones(model), density=density, min_kept=0)
        masks = {how: cut(score) for how, score in scores.items()}
        found = {how: collapse(model, mask, SHAPE) for how, mask in masks.items()}
        one, other = masks.values()
        both = sum(int((one[name] & other[name]).sum()) for name in one)
        either = sum(int((one[name] | other[name]).sum()) for name in one)
        smallest = {how: min(f.connected.values()) for how, f in found.items()}
        rows.append({"width": width, "seed": seed, "density": density, "shared": both / either, **smallest})
    return rows


def main() -> None:
    data, begun = lth.load_data("fashion-mnist"), perf_counter()
    config = {
        "name": "snip-statistics",
        "model": "vgg-16",
        "tier": "recorded",
        "seeds": list(SEEDS),
        "widths": list(WIDTHS),
        "densities": list(DENSITIES),
        "images": IMAGES,
        "data": data.name,
        "data_fingerprint": data.fingerprint,
        "device": str(data.device),
    }
    jobs = [(data, width, seed) for width in WIDTHS for seed in SEEDS]
    rows = [row for rows in lth.training.each(rows_of, jobs, device=data.device) for row in rows]
    files.write_sealed(TARGET / "config.json", config)
    summary = {
        "name": "snip-statistics",
        "data": data.label,
        "device": str(data.device),
        "workers": min(choices.cores(), len(jobs)),
        "wall_seconds": round(perf_counter() - begun, 1),
        "environment": records.environment(),
    }
    results.write_results(TARGET, summary, {"table.csv": rows})


if __name__ == "__main__":
    main()
