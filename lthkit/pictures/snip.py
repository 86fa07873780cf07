"""What SNIP looks at: the mask of the first layer by the images that it saw, and how much two draws of images share."""

from __future__ import annotations

from statistics import mean
from typing import Any

import numpy as np

from lthkit.data import load_data
from lthkit.pictures.bands import rows_of
from lthkit.pictures.packing import packed_runs
from lthkit.pictures.texts import Texts
from lthkit.runs.results import load, recorded
from lthkit.storage import files

RECORD = "snip-draws"
TEXTS = Texts(
    title="What SNIP looks at",
    lead=(
        "SNIP ranks the weights of an untrained network by a few images. Choose of which class they are and how many. Two draws "
        "of other images: do they leave the same mask?"
    ),
    still="This picture answers where scripts run. The figure below says the same standing still.",
    source=(
        "Recorded run snip-draws: one untrained LeNet-300-100, 2 % of its weights, images of the embedded Fashion-MNIST. Shown "
        "are the first two of five draws; dots are the ten pairs among the five. Draws of one class come from 1,000 images and "
        "draws of all from 10,000, so that large draws of one class have images in common."
    ),
)


def data(address: bool) -> dict[str, Any]:
    """What the picture is given; the same on a page and in a notebook."""
    config, rows = load(recorded(RECORD))[0], rows_of(RECORD)
    maps, _ = files.load_arrays(recorded(RECORD) / "maps.npz")
    pairs: dict[str, list[float]] = {}
    for row in rows:
        name = f"{row['inputs']}-{row['classes']}-{row['images']}"
        pairs.setdefault(name, []).append(round(100 * row["shared"], 2))
    return {
        "density": config["density"],
        "images": config["images"],
        "classes": list(load_data("fashion-mnist").classes),
        "pairs": {name: {"mean": round(mean(values), 4), "values": values} for name, values in pairs.items()},
        "names": list(maps),
        "maps": packed_runs(np.stack(list(maps.values()))),
    }
