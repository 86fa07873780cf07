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
    evaluate,
)
from lthkit.training.history import (
    TrainingDiverged,
)
from lthkit.training.loop import (
    train,
)
from lthkit.training.meetings import (
    Meeting,
)
from lthkit.training.metrics import (
    ACCURACY,
    METRICS,
    Metric,
    Quantity,
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
from lthkit.training.results import (
    MetricPoint,
    Point,
    TrainResult,
)
from lthkit.training.stacks import (
    Stack,
)
from lthkit.training.tallies import (
    Measured,
    Metrics,
)
from lthkit.training.tasks import (
    LOSSES,
    Task,
)

__all__ = [
    "ACCURACY",
    "Checkpoint",
    "Choice",
    "LOSSES",
    "METRICS",
    "Measured",
    "Meeting",
    "Metric",
    "MetricPoint",
    "Metrics",
    "OPTIMIZERS",
    "PLAIN",
    "Point",
    "Pool",
    "Quantity",
    "Recipe",
    "SCHEDULES",
    "Stack",
    "Task",
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
