"""The criteria of pruning at initialisation by name, as a grid or the command line names them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from lthkit.data.datasets import Dataset
from lthkit.pruning.scores import grasp, magnitude, random, snip, synflow
from lthkit.tickets.search import ScoreFn

CRITERIA = ("snip", "grasp", "synflow", "magnitude", "random")
LOOKS_AT_IMAGES = ("snip", "grasp")


def criterion(name: str, data: Dataset, *, seed: int, images: int | None) -> ScoreFn:
    """The score function of a name in `CRITERIA` for one seed: its images, or its random numbers, are that seed's."""
    by_name: Mapping[str, ScoreFn] = {
        "magnitude": magnitude,
        "random": partial(random, seed=seed),
        "synflow": partial(synflow, shape=data.shape),
    }
    if name in LOOKS_AT_IMAGES:
        assert images is not None
        return partial(snip if name == "snip" else grasp, batches=data.draw(images, seed=seed))
    return by_name[name]
