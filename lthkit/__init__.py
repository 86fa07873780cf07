"""lthkit: small, exact, fast tools for the Lottery Ticket Hypothesis. This file is the table of contents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lthkit import moved
from lthkit.machine.contents import on_first_use

if TYPE_CHECKING:
    from lthkit import (
        bench,
        classroom,
        data,
        evidence,
        explore,
        export,
        ledger,
        machine,
        models,
        pictures,
        plots,
        pruning,
        runs,
        storage,
        sweeps,
        tickets,
        training,
    )
    from lthkit.data import Dataset, load_data
    from lthkit.evidence import costs
    from lthkit.machine import Table, by_tier, derived_seed, filled, resolve_device, tier, waiting
    from lthkit.pruning import (
        LayerCollapse,
        Mask,
        erk,
        fraction_for,
        grasp,
        grow,
        ladder,
        magnitude,
        n_of_m,
        prunable,
        prune,
        prune_iteratively,
        prune_to,
        random,
        snip,
        synflow,
        wanda,
    )
    from lthkit.runs import audit
    from lthkit.storage import keep_no_runs, keep_runs
    from lthkit.sweeps.results import results
    from lthkit.tickets import (
        Round,
        fresh_start,
        imp,
        one_shot,
        prune_at_init,
        retrain,
        snip_then_imp,
        sparse_training,
        supermask,
    )
    from lthkit.training import (
        Checkpoint,
        Choice,
        Metric,
        Recipe,
        Task,
        TrainingDiverged,
        TrainResult,
        evaluate,
        train,
    )
else:
    __getattr__, __dir__ = on_first_use(__name__, gone=moved.MOVED, explained=moved.explained)

moved.explain_imports()

__version__ = "0.2.0"
__all__ = [
    "Checkpoint",
    "Choice",
    "Dataset",
    "LayerCollapse",
    "Mask",
    "Metric",
    "Recipe",
    "Round",
    "Table",
    "Task",
    "TrainResult",
    "TrainingDiverged",
    "audit",
    "bench",
    "by_tier",
    "classroom",
    "costs",
    "data",
    "derived_seed",
    "erk",
    "evaluate",
    "evidence",
    "explore",
    "export",
    "filled",
    "fraction_for",
    "fresh_start",
    "grasp",
    "grow",
    "imp",
    "keep_no_runs",
    "keep_runs",
    "ledger",
    "ladder",
    "load_data",
    "machine",
    "magnitude",
    "models",
    "n_of_m",
    "one_shot",
    "pictures",
    "plots",
    "prunable",
    "prune",
    "prune_at_init",
    "prune_iteratively",
    "prune_to",
    "pruning",
    "random",
    "resolve_device",
    "results",
    "retrain",
    "runs",
    "snip",
    "snip_then_imp",
    "sparse_training",
    "storage",
    "supermask",
    "sweeps",
    "synflow",
    "tickets",
    "tier",
    "train",
    "training",
    "waiting",
    "wanda",
]
