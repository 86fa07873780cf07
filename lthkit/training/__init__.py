"""One training under a mask, and several side by side: the loop, one update of it, and what a rewind goes back to.

This file is the table of contents.
"""

from __future__ import annotations

from lthkit.training.checkpoints import (
    Checkpoint,
)
from lthkit.training.choices import (
    PLAIN,
    Choice,
    choose,
    cores,
    no_sparse,
)
from lthkit.training.engine import (
    optimizer_for,
    updater,
)
from lthkit.training.evaluation import (
    Metrics,
    evaluate,
)
from lthkit.training.history import (
    Point,
    TrainingDiverged,
    TrainResult,
)
from lthkit.training.loop import (
    train,
)
from lthkit.training.meetings import (
    Meeting,
)
from lthkit.training.optimizers import (
    OPTIMIZERS,
    SCHEDULES,
    learning_rate,
)
from lthkit.training.pool import (
    Pool,
    each,
)
from lthkit.training.recipes import (
    Recipe,
)
from lthkit.training.replicates import (
    train_together,
)
from lthkit.training.stacks import (
    Stack,
)

__all__ = [
    "Checkpoint",
    "Choice",
    "Meeting",
    "Metrics",
    "OPTIMIZERS",
    "PLAIN",
    "Point",
    "Pool",
    "Recipe",
    "SCHEDULES",
    "Stack",
    "TrainResult",
    "TrainingDiverged",
    "choose",
    "cores",
    "each",
    "evaluate",
    "learning_rate",
    "no_sparse",
    "optimizer_for",
    "train",
    "train_together",
    "updater",
]
