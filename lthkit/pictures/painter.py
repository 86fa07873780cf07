"""The mask painter: weights by magnitude, what a density leaves of each layer, and what the pruned network still gets right."""

from __future__ import annotations

from typing import Any

import numpy as np

from lthkit.data import load_data
from lthkit.pictures.bands import rows_of
from lthkit.pictures.packing import packed, packed_runs
from lthkit.pictures.texts import Texts
from lthkit.runs.results import recorded
from lthkit.storage import files

TEXTS = Texts(
    title="The mask painter",
    lead=(
        "A trained LeNet-300-100. Choose how many weights stay: the smallest go first, over all layers or in each. The threshold "
        "moves through the weights, and the mask gets its form. From where on does the network no longer know?"
    ),
    still="This picture answers where scripts run. The figure below says the same standing still.",
    source=(
        "Recorded run painter: one seed, trained on the embedded Fashion-MNIST, weights rounded to 8 bits, pruned once and not "
        "trained again. Weights of one size stay or go together, so that some more may stay than were asked for."
    ),
)
LEVELS = 128  # of a magnitude in 8 bits
IMAGES = 30  # of each class, on a page of the course: the first ones of the test split


def data(address: bool) -> dict[str, Any]:
    """What the picture is given; on a page of the course the weights and some images, too."""
    rows = rows_of("painter")
    arrays, meta = files.load_arrays(recorded("painter") / "weights.npz")
    weights = {name: level for name, level in arrays.items() if level.dtype == np.int8}
    found = {
        "densities": list(dict.fromkeys(row["density"] for row in rows)),
        "scopes": {
            scope: [_place(r) for r in rows if r["scope"] == scope] for scope in ("global", "layerwise")
        },
        "layers": [_layer(name, level, meta["steps"][name]) for name, level in weights.items()],
        "pixels": packed_runs(_pixels(next(iter(weights.values())))),
    }
    return found | (_live(arrays) if address else {})


def _place(row: dict[str, Any]) -> dict[str, Any]:
    """What is kept at a density: weights in all, and from which magnitude on in each layer."""
    return {
        "kept": row["kept"],
        "accuracy": round(100 * row["test_accuracy"], 4),
        "least": [row[f"least_fc{i}"] for i in (1, 2, 3)],
    }


def _layer(name: str, level: np.ndarray, step: float) -> dict[str, Any]:
    counts = np.bincount(np.abs(level.astype(int)).ravel(), minlength=LEVELS)
    return {"name": name.removesuffix(".weight"), "step": step, "counts": counts.tolist()}


def _pixels(level: np.ndarray) -> np.ndarray:
    """[magnitude, pixel]: how many of the pixel's connections have it."""
    sizes = np.abs(level.astype(int))
    counts = np.stack([(sizes == value).sum(0) for value in range(LEVELS)])
    if counts.max() > 255:
        raise ValueError(f"{counts.max()} connections of a pixel have one magnitude; expected 255 at most.")
    return counts.astype(np.uint8)


def _live(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Weights and images. A network takes `scale` times a pixel (0 to 255) plus `shift`."""
    given = load_data("fashion-mnist")
    labels = given.test.labels.numpy()
    chosen = np.sort(np.concatenate([np.flatnonzero(labels == c)[:IMAGES] for c in range(10)]))
    (mean,), (std,) = given.mean, given.std
    return {
        "weights": [packed(level) for level in arrays.values() if level.dtype == np.int8],
        "biases": [b.astype(float).tolist() for b in arrays.values() if b.dtype != np.int8],
        "images": packed(given.test.images.numpy()[chosen]),
        "labels": labels[chosen].tolist(),
        "classes": list(given.classes),
        "scale": 1 / (255 * std),
        "shift": -mean / std,
    }
