"""A `Recipe` says how to train: optimizer, schedule, lengths, precision. It knows no model, no data, no mask, no seed."""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass, fields
from functools import partial
from inspect import signature
from typing import Any

from lthkit.machine.checks import check_whole, plain
from lthkit.machine.devices import PRECISIONS
from lthkit.storage.identity import name_of
from lthkit.training.optimizers import OPTIMIZERS, SCHEDULES, Schedule, learning_rate
from lthkit.training.torch_optimizers import OptimizerFn

_SINCE = ("nesterov",)  # fields that older configurations do not have: in none where they say the default
_DECAY = 0.1  # at each milestone
_ASKED = 100  # steps at which a schedule of one's own is looked at before the training
_LEAST = 0.01  # factors that are never above it, or never above lr, are taken for rates


@dataclass(frozen=True)
class Recipe:
    """How to train, apart from the model, the data, the mask and the seeds.

    The defaults are those of Frankle & Carbin 2019 for LeNet-300-100 (Adam, 1.2e-3, batches of 60, validation loss
    every 100 steps) with a budget for 10,000 images.

        lth.Recipe(steps=5000, optimizer="adamw", weight_decay=0.1, lr=1e-3, schedule="cosine", warmup=200)
        lth.Recipe(optimizer="sgd", lr=0.1, momentum=0.9, nesterov=True, schedule="step", milestones=(1000, 1500))
        lth.Recipe(optimizer=torch.optim.RMSprop, lr=1e-3, schedule=lambda step: 1 / (1 + step / 500))

    Drivers and `train` take it as `recipe=`; `dataclasses.replace(recipe, lr=1e-2)` changes one.

    steps: length of the training in updates, counted from initialisation: a training that starts at step k ends here too.
    batch_size: rows an update; the last, incomplete batch of an epoch is dropped.
    optimizer: "adam", "adamw" or "sgd"; momentum and nesterov are SGD's. weight_decay is the L2 term of Adam and SGD; AdamW
        shrinks the weights by it (Loshchilov & Hutter 2019, algorithm 2). Or a function (parameters, lr=...) that makes any torch optimizer of these parameters:
        torch.optim.RMSprop; functools.partial(torch.optim.Adam, betas=(0.9, 0.98)); or one that makes groups. It is called
        with `lr`; a group with another rate keeps its ratio to `lr` under the schedule. Slower than the three by name.
    lr, schedule, milestones, decay, warmup: see `training.learning_rate`. (open_lth counts its warm-up one update later.)
        The schedule is "constant", "step" or "cosine", or a function of the step that gives the factor by which lr is
        multiplied, as for torch's LambdaLR: lambda step: 1 - step / 2000. It looks at nothing but the step.
    evaluate_every: validation is measured after every this many updates, and at the end.
    patience: stop once the validation loss has not fallen for this many updates; None never stops early.
    augment: random crop and flip of the training images, on the device.
    precision: "float32"; "bfloat16" for autocast; "auto" takes bfloat16 on a CUDA device that has it.

    Raises:
        ValueError: a value out of range, or that the optimizer or the schedule would not see; schedule "step" without milestones. When a training begins: a schedule
            that is no function of the step alone, or gives rates for factors; TypeError for a function that makes no
            optimizer of these parameters.
        TypeError: a schedule that cannot be called with a step.
    """

    steps: int = 2000
    batch_size: int = 60
    optimizer: str | OptimizerFn = "adam"
    lr: float = 1.2e-3
    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: str | Schedule = "constant"
    milestones: tuple[int, ...] = ()
    decay: float = _DECAY
    warmup: int = 0
    evaluate_every: int = 100
    patience: int | None = None
    augment: bool = False
    precision: str = "float32"
    nesterov: bool = False

    def __post_init__(self) -> None:
        self._check_choices()
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
        self._check_what_is_of_the_optimizer()
        if not (_is_number(self.decay) and self.decay > 0):
            raise ValueError(f"decay={self.decay!r} was given; expected a factor above 0, such as 0.1.")
        if not (
            isinstance(self.milestones, tuple | list)
            and all(isinstance(m, int) and m >= 0 for m in self.milestones)
        ):
            raise ValueError(
                f"milestones={self.milestones!r} was given; expected steps in a tuple, such as (1000, 1500)."
            )
        self._check_what_is_of_the_schedule()
        if not isinstance(self.augment, bool):
            raise ValueError(f"augment={self.augment!r} was given; expected True or False.")
        if self.patience is not None:
            check_whole("patience", self.patience, 1)
            if self.patience < self.evaluate_every:
                raise ValueError(
                    f"patience={self.patience} is shorter than evaluate_every={self.evaluate_every} steps; expected as "
                    "many or more, or None for no early stop."
                )

    def config(self) -> dict[str, Any]:
        """What stands for the recipe in a run's configuration: all fields, functions by name and code.

        Raises:
            storage.identity.Nameless: a function that cannot be told from another of its name.
        """
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        usual = {field.name: field.default for field in fields(self) if field.default is not MISSING}
        given = {name: v for name, v in given.items() if name not in _SINCE or v != usual[name]}
        return {name: name_of(v) if callable(v) else v for name, v in given.items()}

    def check_schedule(self) -> None:
        """ValueError if a schedule of one's own is no function of the step alone, gives no rate, or gives rates for factors."""
        if not callable(self.schedule):
            return
        steps = sorted({round(i * (self.steps - 1) / _ASKED) for i in range(_ASKED + 1)})
        rates = [self.lr_at(step) for step in steps]
        for step, rate in reversed(list(zip(steps, rates, strict=True))):
            if (again := self.lr_at(step)) != rate:
                raise ValueError(
                    f"The schedule gave {rate / self.lr:g} for step {step}, and {again / self.lr:g} when it was asked again; "
                    "expected a function of the step alone, because a training that goes on begins at any step. Let it "
                    "count nothing and draw nothing."
                )
        greatest, least = max(rates) / self.lr, max(self.lr * (1 + 1e-6), _LEAST)
        if greatest == 0 or (self.lr < 1 and greatest <= least):
            raise ValueError(
                f"The schedule gives factors of at most {greatest:g}, and lr={self.lr:g} is multiplied by them, so the rate would "
                f"never be above {max(rates):g}; expected a factor above {max(self.lr, _LEAST):g} at some step. Does the schedule "
                "give the rate itself? Divide it by lr, or take lr=1."
            )

    def _check_choices(self) -> None:
        for name, value, choices in (
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("schedule", self.schedule, SCHEDULES),
            ("precision", self.precision, PRECISIONS),
        ):
            if (isinstance(value, str) and value in choices) or (callable(value) and name != "precision"):
                continue
            more = {
                "optimizer": ", or a function that makes one, such as torch.optim.RMSprop: each training makes its own",
                "schedule": ", or a function of the step that gives the factor of lr",
            }.get(name, "")
            given = repr(value) if isinstance(value, str) else f"<{type(value).__name__}>"
            raise ValueError(f"{name}={given} was given; expected one of {', '.join(choices)}{more}.")

    def _check_what_is_of_the_optimizer(self) -> None:
        if self.momentum and self.optimizer != "sgd":
            raise ValueError(
                f"momentum={self.momentum!r} was given, but momentum is for optimizer='sgd'; Adam has its own two averages, "
                "and a function that makes an optimizer gives it its own."
            )
        if not isinstance(self.nesterov, bool) or (self.nesterov and not self.momentum):
            raise ValueError(
                f"nesterov={self.nesterov!r} and momentum={self.momentum!r} were given; expected True or False, and for True "
                "optimizer='sgd' with a momentum above 0, such as 0.9."
            )
        if not (_is_number(self.weight_decay) and self.weight_decay >= 0):
            raise ValueError(
                f"weight_decay={self.weight_decay!r} was given; expected a number of 0 or more, such as 1e-4."
            )
        if self.weight_decay and callable(self.optimizer):
            raise ValueError(
                f"weight_decay={self.weight_decay!r} was given with a function that makes the optimizer, which would not see it; "
                "give it there: functools.partial(torch.optim.RMSprop, weight_decay=1e-4), say."
            )

    def _check_what_is_of_the_schedule(self) -> None:
        if self.schedule == "step":
            if not self.milestones:
                raise ValueError(
                    "schedule='step' was given without milestones, so the rate would never change; expected the steps at which it "
                    "is multiplied by decay, such as milestones=(1000, 1500), or schedule='constant'."
                )
            return
        schedule = "a schedule of your own" if callable(self.schedule) else f"schedule={self.schedule!r}"
        if self.milestones:
            raise ValueError(
                f"milestones={self.milestones!r} were given with {schedule}, which would not see them; expected one or the "
                "other: schedule='step' sees them."
            )
        if self.decay != _DECAY:
            raise ValueError(
                f"decay={self.decay!r} was given with {schedule}, which would not see it; expected schedule='step' with milestones."
            )
        if callable(self.schedule):
            _check_called_with_a_step(self.schedule)

    def _make_plain(self) -> None:
        """Numbers of numpy become Python's, of the same value: a recipe is part of a run's configuration."""
        for field in fields(self):
            value = plain(getattr(self, field.name))
            if isinstance(value, tuple | list):
                value = type(value)(plain(item) for item in value)
            object.__setattr__(self, field.name, value)

    def lr_at(self, step: int) -> float:
        """Learning rate of update number `step`. A schedule of one's own is not asked for steps behind the last."""
        step = min(step, self.steps - 1) if callable(self.schedule) else step
        return learning_rate(
            step,
            base=self.lr,
            steps=self.steps,
            schedule=self.schedule,
            milestones=self.milestones,
            decay=self.decay,
            warmup=self.warmup,
        )


def _check_called_with_a_step(schedule: Schedule) -> None:
    """TypeError for a scheduler of torch's, which takes an optimizer, and for a function that takes something else than a step."""
    own: Any = schedule
    while isinstance(own, partial):
        own = own.func
    name = getattr(own, "__qualname__", type(own).__qualname__)
    expected = (
        "expected a function of the step alone that gives the factor by which lr is multiplied, such as lambda step: 1 / (1 + "
        "step / 500), or one of " + ", ".join(SCHEDULES)
    )
    if isinstance(own, type) and any(c.__module__ == "torch.optim.lr_scheduler" for c in own.__mro__):
        raise TypeError(f"schedule={name} is a scheduler of torch, which takes an optimizer; {expected}.")
    try:
        signature(schedule).bind(0)
    except TypeError as error:
        raise TypeError(f"The schedule {name} cannot be called as (step) ({error}); {expected}.") from None
    except ValueError:  # a function in C, which does not say what it takes
        pass


def _is_number(value: object) -> bool:
    """True for a finite Python number: a tensor, or a text from a form, would fail late, in the middle of a training."""
    return isinstance(value, int | float) and math.isfinite(value)
