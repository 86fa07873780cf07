"""A `Recipe` says how to train: optimizer, schedule, lengths, precision. It knows no model, no data, no mask, no seed."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from lthkit.machine.checks import check_whole, plain
from lthkit.machine.devices import PRECISIONS
from lthkit.training.optimizers import OPTIMIZERS, SCHEDULES, learning_rate


@dataclass(frozen=True)
class Recipe:
    """How to train, apart from the model, the data, the mask and the seeds.

    The defaults are those of Frankle & Carbin 2019 for LeNet-300-100 (Adam, 1.2e-3, batches of 60, validation loss
    every 100 steps) with a budget for 10,000 images.

    steps: length of the training in updates, counted from initialisation: a training that starts at step k ends here too.
    batch_size: images an update; the last, incomplete batch of an epoch is dropped.
    optimizer: "adam" or "sgd"; momentum is SGD's; weight_decay is the L2 term of either.
    lr, schedule, milestones, decay, warmup: see `optimizers.learning_rate`. (open_lth counts its warm-up one update later.)
    evaluate_every: validation is measured after every this many updates, and at the end.
    patience: stop once the validation loss has not fallen for this many updates; None never stops early.
    augment: random crop and flip of the training images, on the device.
    precision: "float32"; "bfloat16" for autocast; "auto" takes bfloat16 on a CUDA device that has it.
    """

    steps: int = 2000
    batch_size: int = 60
    optimizer: str = "adam"
    lr: float = 1.2e-3
    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: str = "constant"
    milestones: tuple[int, ...] = ()
    decay: float = 0.1
    warmup: int = 0
    evaluate_every: int = 100
    patience: int | None = None
    augment: bool = False
    precision: str = "float32"

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("schedule", self.schedule, SCHEDULES),
            ("precision", self.precision, PRECISIONS),
        ):
            if value not in choices:
                raise ValueError(f"{name}={value!r} was given; expected one of {', '.join(choices)}.")
        self._make_plain()
        for name in ("steps", "batch_size", "evaluate_every"):
            check_whole(name, getattr(self, name), 1)
        check_whole("warmup", self.warmup, 0)
        if not (_is_number(self.lr) and self.lr > 0):
            raise ValueError(f"lr={self.lr!r} was given; expected a learning rate above 0, such as 1.2e-3.")
        if not (_is_number(self.momentum) and 0 <= self.momentum < 1):
            raise ValueError(
                f"momentum={self.momentum!r} was given; expected 0 or more and below 1, such as 0.9."
            )
        if self.momentum and self.optimizer != "sgd":
            raise ValueError(
                f"momentum={self.momentum!r} was given, but momentum is for optimizer='sgd'; Adam has its own two averages."
            )
        if not (_is_number(self.weight_decay) and self.weight_decay >= 0):
            raise ValueError(
                f"weight_decay={self.weight_decay!r} was given; expected a number of 0 or more, such as 1e-4."
            )
        if not (_is_number(self.decay) and self.decay > 0):
            raise ValueError(f"decay={self.decay!r} was given; expected a factor above 0, such as 0.1.")
        if not (
            isinstance(self.milestones, tuple | list)
            and all(isinstance(m, int) and m >= 0 for m in self.milestones)
        ):
            raise ValueError(
                f"milestones={self.milestones!r} was given; expected steps in a tuple, such as (1000, 1500)."
            )
        if not isinstance(self.augment, bool):
            raise ValueError(f"augment={self.augment!r} was given; expected True or False.")
        if self.patience is not None:
            check_whole("patience", self.patience, 1)
            if self.patience < self.evaluate_every:
                raise ValueError(
                    f"patience={self.patience} is shorter than evaluate_every={self.evaluate_every} steps; expected as "
                    "many or more, or None for no early stop."
                )

    def _make_plain(self) -> None:
        """Numbers of numpy become Python's, of the same value: a recipe is part of a run's configuration."""
        for field in fields(self):
            value = plain(getattr(self, field.name))
            if isinstance(value, tuple | list):
                value = type(value)(plain(item) for item in value)
            object.__setattr__(self, field.name, value)

    def lr_at(self, step: int) -> float:
        """Learning rate of update number `step`."""
        return learning_rate(
            step,
            base=self.lr,
            steps=self.steps,
            schedule=self.schedule,
            milestones=self.milestones,
            decay=self.decay,
            warmup=self.warmup,
        )


def _is_number(value: object) -> bool:
    """True for a finite Python number: a tensor, or a text from a form, would fail late, in the middle of a training."""
    return isinstance(value, int | float) and math.isfinite(value)
