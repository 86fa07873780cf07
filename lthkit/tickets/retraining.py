"""Training a mask once more: which mask, weights from when, learning rate from when; and the start of a control."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from lthkit.data.datasets import Dataset
from lthkit.machine.checks import plain
from lthkit.machine.seeds import derived_seed
from lthkit.pruning.masks import Mask
from lthkit.storage.snapshots import Snapshots
from lthkit.tickets.own_loop import TrainFn, check_trained, is_plain_training
from lthkit.tickets.search import ModelFn, if_given, new_network
from lthkit.training.checkpoints import Checkpoint
from lthkit.training.loop import train
from lthkit.training.recipes import Recipe
from lthkit.training.results import TrainResult
from lthkit.training.tasks import Task, check_task


def retrain(
    model_fn: ModelFn,
    data: Dataset,
    *,
    mask: Mask,
    weights_from: Checkpoint,
    lr_from: int | None = None,
    seed: int = 0,
    recipe: Recipe = Recipe(),  # noqa: B008  (frozen)
    momentum: str = "restore",
    keep: Sequence[int] = (),
    folder: Path | str | Snapshots | None = None,
    progress: Callable[[int], object] | None = None,
    train: TrainFn = train,
    task: Task = Task(),  # noqa: B008  (frozen)
) -> TrainResult:
    """Train a mask once: which mask, weights from when, learning rate from when (Renda et al. 2020, section 2).

    Weight rewinding: `weights_from` the checkpoint of step k. Learning-rate rewinding: `weights_from` the trained
    weights, `lr_from=k`. Fine-tuning: trained weights and the last part of the schedule. Re-initialised control:
    `weights_from=fresh_start(...)`. The step also fixes the data order; `seed` is that of the order. Optimizer state
    is taken from `weights_from` only if `lr_from` is its own step and `momentum="restore"`. `folder`, `task`: see `train`.
    """
    if not isinstance(weights_from, Checkpoint):
        raise TypeError(
            f"weights_from is a {type(weights_from).__name__}; expected a Checkpoint, such as Checkpoint.of(model)."
        )
    lr_from = plain(lr_from)
    if lr_from is not None and not isinstance(lr_from, int):
        raise ValueError(
            f"lr_from={lr_from!r} was given; expected a whole number, the step to take the rate from."
        )
    start = weights_from
    if lr_from is not None and lr_from != weights_from.step:
        start = Checkpoint(lr_from, weights_from.model)
    model = new_network(model_fn, 0, data.device)
    result = train(
        model,
        data,
        mask=mask,
        seed=seed,
        recipe=recipe,
        start=start,
        momentum=momentum,
        keep=keep,
        progress=progress,
        **({} if check_task(task).default else {"task": task}),
        **if_given(folder),
    )
    if not is_plain_training(train):
        check_trained(result, model, mask, task, recipe, start=start, keep=keep)
    return result


def fresh_start(model_fn: ModelFn, *, seed: int, device: torch.device | str = "cpu") -> Checkpoint:
    """A new random initialisation as a checkpoint at step 0: the re-initialised control takes its weights from here.

    It comes from a seed derived from `seed`, so it differs from `model_fn(seed=seed)` and is as reproducible.
    """
    return Checkpoint.of(new_network(model_fn, derived_seed(seed, "re-initialised"), device))
