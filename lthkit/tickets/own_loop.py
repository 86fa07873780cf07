"""A training loop of one's own in a driver: what it is called with, what it returns, and what is looked at afterwards."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol

from torch import nn

from lthkit.data.datasets import Dataset
from lthkit.pruning.masks import Mask
from lthkit.training.checkpoints import Checkpoint
from lthkit.training.loop import train
from lthkit.training.meetings import Meeting
from lthkit.training.recipes import Recipe
from lthkit.training.results import TrainResult
from lthkit.training.tasks import Task


class TrainFn(Protocol):
    """What `imp(train=...)` and the other drivers take: a function that trains `model` in place under `mask`.

    This one has AdamW, decoupled decay, and clipped gradients:

        import torch
        import torch.nn.functional as F
        import lthkit as lth

        def my_train(model, data, *, mask, seed, recipe, start=None, keep=(), **rest):
            if start:
                start.restore(model)
            first, kept, size = start.step if start else 0, {}, recipe.batch_size
            optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.lr, weight_decay=0.1)
            with mask.held(model.train(), optimizer):
                for step in range(first, recipe.steps):
                    if step in keep:
                        kept[step] = lth.Checkpoint.of(model, step=step)
                    draw = lth.derived_seed(seed, f"step {step}")
                    inputs, targets = data.draw(size, seed=draw, batch_size=size)[0]
                    optimizer.zero_grad()
                    F.cross_entropy(model(inputs), targets).backward()
                    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                    optimizer.step()
            valid, test = (lth.evaluate(model, data, split=split) for split in ("validation", "test"))
            done = recipe.steps - first
            return lth.TrainResult((), recipe.steps, *valid, test.accuracy, done, recipe.steps, 0.0, kept=kept)

        rounds = list(lth.imp(model_fn, data, rounds=3, recipe=lth.Recipe(steps=500), train=my_train))

    It is called with the keywords below; those with a default may be absent. Take the rest as `**rest`: drivers may give
    more, where there is more to say.

    Args:
        model: the network, to be trained in place. It is left with the weights of the last step.
        mask: what is kept. Removed weights are 0 in the end, or the round is refused; `mask.held` sees to that.
        seed: of the data order.
        recipe: as the driver was given it; a loop of your own may read `steps` only.
        start: None begins with the network as it is, at step 0; else `start.restore(model)`, and begin at `start.step`.
        momentum: "restore" or "fresh", what to do with `start.optimizer`.
        keep: steps before which a copy of the network belongs into `result.kept`, such as the one to rewind to;
            `recipe.steps` is after the last one. Its `optimizer` goes to a score that asks for it.
        folder: where to save how far the training is (see `storage.snapshots`); only where there is a run folder.
        task: of the driver, only where it is not the default one; `task.mean_loss(outputs, targets)` is the loss to minimise,
            and `lth.evaluate(..., task=task)` measures. The result then has `quantity=task.quantity`.
        progress: to be called with the number of updates done since the last call; it may stop the work by an exception.

    Returns:
        What was measured. `steps` counts the updates of this call.
    """

    def __call__(
        self,
        model: nn.Module,
        data: Dataset,
        *,
        mask: Mask,
        seed: int,
        recipe: Recipe,
        start: Checkpoint | None = ...,
        momentum: str = ...,
        keep: Iterable[int] = ...,
        folder: Any = ...,
        progress: Callable[[int], object] | None = ...,
        task: Task = ...,
    ) -> TrainResult: ...


def check_trained(
    result: Any,
    model: nn.Module,
    mask: Mask,
    task: Task,
    recipe: Recipe,
    *,
    start: Checkpoint | None = None,
    keep: Iterable[int] = (),
) -> None:
    """Look at what a training of one's own has left behind.

    Raises:
        TypeError: it returned no `TrainResult`.
        ValueError: removed weights are not 0, a checkpoint that it was to keep is not there, it measured something else
            than the task that it was given or what no measurement gives, or it did more updates than were left to do.
    """
    if not isinstance(result, TrainResult):
        raise TypeError(
            f"train returned a {type(result).__name__}; expected a lthkit.TrainResult (see lthkit.tickets.TrainFn)."
        )
    if not task.default and result.quantity != task.quantity:
        raise ValueError(
            f"train was called with a task that is judged by {task.quantity.name}, and its result is judged by "
            f"{result.quantity.name}; expected quantity=task.quantity. Does it take task=, and minimise task.mean_loss?"
        )
    _check_measured(result)
    first = start.step if start else 0
    if not 0 <= result.steps <= recipe.steps - first:
        raise ValueError(
            f"train was called with start at step {first} and recipe.steps={recipe.steps}, and its result says steps={result.steps}; "
            f"expected {recipe.steps - first}, or fewer where it stops early. Does it begin with start.restore(model), at start.step?"
        )
    for name, kept in mask.items():
        weight = model.get_parameter(name).detach()
        removed = ~kept.to(weight.device)
        if count := int(((weight.abs() > 0) & removed).sum()):
            raise ValueError(
                f"train left {count:,} of {int(removed.sum()):,} removed weights of {name} at other values than 0, so this is "
                "no training of the mask; expected 0 in all of them. Train within `with mask.held(model, optimizer):`."
            )
    if lost := [step for step in keep if step not in result.kept]:
        raise ValueError(
            f"train was called with keep={tuple(keep)}, and result.kept has {sorted(result.kept)}; expected a "
            f"Checkpoint.of(model, step={lost[0]}) there, taken before update {lost[0]}."
        )


def _check_measured(result: TrainResult) -> None:
    """ValueError for a loss that is not finite, and for a fraction that is none."""
    if not math.isfinite(result.validation_loss):
        raise ValueError(
            f"train returned validation_loss={result.validation_loss}; expected a finite number. Has the training diverged? Then "
            "raise lthkit.training.TrainingDiverged, or try a smaller learning rate."
        )
    for split in (
        ("validation", "test") if result.quantity.scale == 100 and "accuracy" in result.quantity.name else ()
    ):
        value = getattr(result, f"{split}_metric")
        if not 0 <= value <= 1:
            raise ValueError(
                f"train returned {split} {result.quantity.name} {value}; expected a fraction from 0 to 1, such as 0.9 for 90 %."
            )


def is_plain_training(function: Any) -> bool:
    """True for `train` and what changes no number but for rounding: another `choice`, a meeting of several seeds."""
    if isinstance(function, partial):
        return (
            is_plain_training(function.func) and not function.args and function.keywords.keys() <= {"choice"}
        )
    return function is train or getattr(function, "__func__", None) is Meeting._train
