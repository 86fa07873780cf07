"""Layers starve: what each criterion leaves of each layer of an untrained network, down to where no path is left."""

from __future__ import annotations

from typing import Any

from lthkit.pictures.bands import rows_of
from lthkit.pictures.texts import Texts
from lthkit.runs.results import load, recorded

RECORD = "starving"
TEXTS = Texts(
    title="Layers starve",
    lead=(
        "Seven criteria cut the same untrained network, and nothing is trained. Take more and more weights away: which layer "
        "starves first, and whose network is cut? Each bar is a layer, the input on the left."
    ),
    still="This picture answers where scripts run. The figure below says the same standing still.",
    source=(
        "Recorded run starving: VGG-16 of an eighth of its width, untrained, images of the embedded Fashion-MNIST padded to 32×32, "
        "no guard that keeps a weight in each layer. SynFlow cuts in 100 rounds, the others at once. Heights are logarithmic: "
        "pale is what a layer keeps, full what of it lies on a path."
    ),
)


def data(address: bool) -> dict[str, Any]:
    """What the picture is given; the same on a page and in a notebook."""
    config, rows = load(recorded(RECORD))[0], rows_of(RECORD)
    layers = range(1, len(config["weights"]) + 1)
    found: dict[str, dict[int, dict[str, list[list[int]]]]] = {}
    for row in sorted(rows, key=lambda r: r["exponent"]):
        own = found.setdefault(row["arm"], {}).setdefault(row["seed"], {"kept": [], "connected": []})
        for what, masks in own.items():
            masks.append([row[f"{what}_{i}"] for i in layers])
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    return {
        "exponents": config["exponents"],
        "seeds": config["seeds"],
        "weights": config["weights"],
        "arms": [{"name": arm, "seeds": found[arm]} for arm in arms],
    }
