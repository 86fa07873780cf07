"""lthkit: small, exact, fast tools for the Lottery Ticket Hypothesis. This file is the table of contents."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lthkit import (
    analysis,
    channels,
    collapse,
    costs,
    data,
    devices,
    early_bird,
    export,
    files,
    folders,
    hybrid,
    masks,
    mode_connectivity,
    models,
    optimizers,
    pruning,
    records,
    scores,
    sweep,
    tickets,
    training,
)
from lthkit.checkpoints import Checkpoint
from lthkit.choices import Choice
from lthkit.data import Dataset, load_data
from lthkit.devices import resolve_device
from lthkit.evaluation import evaluate
from lthkit.folders import keep_no_runs, keep_runs
from lthkit.history import TrainingDiverged, TrainResult
from lthkit.hybrid import snip_then_imp
from lthkit.masks import Mask, prunable
from lthkit.pruning import LayerCollapse, fraction_for, ladder, prune, prune_iteratively, prune_to
from lthkit.recipes import Recipe
from lthkit.rounds import Round
from lthkit.scores import grasp, magnitude, random, snip, synflow
from lthkit.seeds import derived_seed
from lthkit.tickets import fresh_start, imp, one_shot, prune_at_init, retrain
from lthkit.tiers import by_tier, tier
from lthkit.training import train

__version__ = "0.1.0"
__all__ = [
    "Checkpoint",
    "Choice",
    "Dataset",
    "LayerCollapse",
    "Mask",
    "Recipe",
    "Round",
    "TrainResult",
    "TrainingDiverged",
    "analysis",
    "by_tier",
    "channels",
    "classroom",
    "collapse",
    "costs",
    "data",
    "derived_seed",
    "devices",
    "early_bird",
    "evaluate",
    "experiments",
    "explore",
    "export",
    "files",
    "folders",
    "fraction_for",
    "fresh_start",
    "grasp",
    "hybrid",
    "imp",
    "keep_no_runs",
    "keep_runs",
    "ladder",
    "load_data",
    "magnitude",
    "masks",
    "mode_connectivity",
    "models",
    "one_shot",
    "optimizers",
    "plots",
    "prunable",
    "prune",
    "prune_at_init",
    "prune_iteratively",
    "prune_to",
    "pruning",
    "random",
    "records",
    "report",
    "resolve_device",
    "retrain",
    "scores",
    "snip",
    "snip_then_imp",
    "sweep",
    "synflow",
    "tickets",
    "tier",
    "train",
    "training",
]

if TYPE_CHECKING:
    from lthkit import classroom, experiments, explore, plots, report

_LAZY = ("classroom", "experiments", "explore", "plots", "report")  # matplotlib is not needed to train


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(f"lthkit.{name}")
    raise AttributeError(f"module 'lthkit' has no attribute {name!r}")
