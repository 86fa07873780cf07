"""Several trainings of one architecture as one stacked training: seeds, masks or arms, each with its own data order.

The results are those of separate trainings to float tolerance. `meetings` brings together trainings that drivers call
one at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lthkit.data.datasets import Dataset
from lthkit.machine.devices import operator_threads
from lthkit.machine.work import TRAINING, Work
from lthkit.pruning.masks import Mask
from lthkit.storage.snapshots import Snapshots
from lthkit.training.checkpoints import Checkpoint
from lthkit.training.choices import Choice, choose, fitting
from lthkit.training.engine import Update, optimizer_for, updater
from lthkit.training.history import History, TrainingDiverged, keeping, training_config
from lthkit.training.loop import (
    check_arguments,
    check_steps,
    counted,
    execution,
    steps_to_keep,
    unless_stopped,
)
from lthkit.training.optimizers import Optimizer
from lthkit.training.recipes import Recipe
from lthkit.training.results import TrainResult
from lthkit.training.stacks import Stack
from lthkit.training.tasks import Task


def train_together(
    models: Sequence[nn.Module],
    data: Dataset,
    *,
    seeds: Sequence[int],
    masks: Sequence[Mask | None] | None = None,
    starts: Sequence[Checkpoint | None] | None = None,
    steps: int | None = None,
    recipe: Recipe = Recipe(),  # noqa: B008  (frozen)
    momentum: str = "restore",
    keep: Iterable[int] = (),
    folders: Sequence[Path | str | Snapshots | None] | None = None,
    progress: Callable[[int], object] | None = None,
    choice: Choice | None = None,
    task: Task = Task(),  # noqa: B008  (frozen)
) -> list[TrainResult]:
    """Train R networks of one architecture in place, at once; what `train` would give for each, to float tolerance.

    A replicate that stops early (`recipe.patience`) keeps the weights it stopped with; the others go on.

    Args:
        seeds, masks, starts: one for each network, as for `train`. All starts are at the same step.
        steps, recipe, momentum, keep: as for `train`, for all networks.
        folders: one for each network, as `folder` for `train`. They go on from the newest step that all of them have.
        progress: called with the number of updates done since the last call, all networks together.
        choice: only `capture` matters here; None asks the table.
        task: as for `train`, for all networks.

    Raises:
        ValueError: lists of other lengths, networks of other architectures, starts at other steps; an optimizer of one's own,
            which would see the networks as one; a loss of one's own that torch.func.vmap cannot do; and as `train`.
    """
    recipe, count = recipe if steps is None else replace(recipe, steps=steps), len(models)
    _check_seeds(models, seeds)
    masks, starts = list(masks or [None] * count), list(starts or [None] * count)
    folders = list(folders or [None] * count)
    _check_lists(count, seeds, masks, starts, folders)
    for model, mask, start in zip(models, masks, starts, strict=True):
        check_arguments(model, data, recipe, mask=mask, start=start, choice=choice, task=task)
    first, keep, begun = starts[0].step if starts[0] else 0, steps_to_keep(keep), time.perf_counter()
    check_steps(first, keep, recipe, momentum, data)
    choice = fitting(choice or choose(models[0], data.device), recipe, task, data.train.targets)
    choice = replace(choice, stacked=True, channels_last=False, written_out=False, sparse=False)
    work = Work(TRAINING, total=count * (recipe.steps - first))
    with work, execution(models[0], data, recipe, replicates=count), ExitStack() as held:
        held.enter_context(operator_threads(choice.threads))
        held.enter_context(unless_stopped(*models))
        stack, optimizer = _stacked(models, starts, recipe, momentum, task)
        states = [partial(_state_of, optimizer, r) for r in range(count)]
        saved, histories = [], []
        for model, mask, seed, folder, state in zip(models, masks, seeds, folders, states, strict=True):
            config = partial(_config, count, model, data, mask, seed, recipe, state, first, keep, task)
            saved.append(held.enter_context(keeping(folder, config)))
            histories.append(History(model, first, recipe, choice, state=state, begun=begun, task=task))
        told: dict[str, Any] = {"optimizer": optimizer, "choice": choice, "task": task}
        update = updater(stack, data, recipe=recipe, masks=masks, seeds=seeds, **told)
        return _loop(update, _Several(stack, histories, saved, seeds), keep=keep, progress=progress)


def _loop(
    update: Update, several: _Several, *, keep: set[int], progress: Callable[[int], object] | None
) -> list[TrainResult]:
    """The training itself, line by line as in `loop`; a replicate that has stopped is updated on, and nobody looks."""
    data, recipe = update.data, update.recipe
    work = counted(saves=several.saved[0].folder is not None)
    if several.load(update):
        work.skip(sum(history.done - history.first for history in several.histories))
        if progress:
            progress(sum(history.done - history.first for history in several.histories))
        if all(history.test is not None for history in several.histories):
            return several.results(data)
    with work.interrupts_wait(lambda: several.save(step=several.done)):
        _to_the_end(update, several, work, keep=keep, progress=progress)
        results = several.results(data)
        several.save(step=recipe.steps, final=True)
    return results


def _to_the_end(
    update: Update,
    several: _Several,
    work: Work,
    *,
    keep: set[int],
    progress: Callable[[int], object] | None,
) -> None:
    data, recipe = update.data, update.recipe
    for step in several.steps_left(recipe):
        if step in keep:
            several.keep(step)
        update(step)
        work.count(several.running)
        done = step + 1
        if done % recipe.evaluate_every and done < recipe.steps:
            continue
        several.add(done, update.mean_loss(), data)
        update.check_removed()
        if done == recipe.steps and done in keep:
            several.keep(done)
        several.report(progress, several.since_last(), step=done)
        if several.over():
            break
    if left := sum(recipe.steps - history.done for history in several.histories):
        work.count(left)
        several.report(progress, left, step=several.done)  # the rest of the budget is not needed


class _Several:
    """What the replicates of a stack have measured, and which of them still run: to several what `History` is to one."""

    def __init__(
        self,
        stack: Stack,
        histories: Sequence[History],
        saved: Sequence[Snapshots],
        seeds: Sequence[int],
    ) -> None:
        self.stack, self.histories, self.saved, self.seeds = stack, histories, saved, seeds
        self._running = list(range(len(histories)))

    def load(self, update: Update) -> bool:
        """Take up what `save` saved, at the newest step at which every replicate has a whole snapshot; False without one."""
        reached = max(set[int].intersection(*(set(one.steps()) for one in self.saved)), default=None)
        if reached is None:
            return False
        found = [
            history.load(saved.newest(at=reached), update.data.device)
            for history, saved in zip(self.histories, self.saved, strict=True)
        ]
        self.stack.read()
        update.optimizer.load_state(_stacked_state([state for state in found if state is not None]))
        self.over()
        return True

    @property
    def running(self) -> int:
        """How many have not stopped."""
        return len(self._running)

    @property
    def done(self) -> int:
        """Updates so far of those that went furthest."""
        return max(history.done for history in self.histories)

    def steps_left(self, recipe: Recipe) -> range:
        """The steps from here to the end."""
        return range(self.done, recipe.steps if self._running else 0)

    def keep(self, step: int) -> None:
        """Copy all that a rewind to this step needs, of each that runs."""
        self.stack.write_back(self._running)
        for r in self._running:
            self.histories[r].keep(step)

    def add(self, done: int, losses: Sequence[float], data: Dataset) -> None:
        """Evaluate those that run after `done` updates. `TrainingDiverged` names the replicate."""
        self.stack.write_back(self._running)
        for r in self._running:
            try:
                self.histories[r].add(done, losses[r], data)
            except TrainingDiverged as error:
                raise TrainingDiverged(f"Replicate {r} (seed {self.seeds[r]}): {error}") from None

    def since_last(self) -> int:
        """Updates between the last two points, of all that run."""
        return sum(self.histories[r].since_last() for r in self._running)

    def over(self) -> bool:
        """From here on only those run that have not stopped; True if none is left."""
        self._running = [r for r in self._running if not self.histories[r].over]
        return not self._running

    def save(self, *, step: int, final: bool = False) -> None:
        """Save each under the same step; `final`: where the end is saved too."""
        for history, saved in zip(self.histories, self.saved, strict=True):
            if saved.final or not final:
                history.save(saved, step=step)

    def report(self, progress: Callable[[int], object] | None, updates: int, *, step: int) -> None:
        """As `Snapshots.report`: they are saved together, so the clock of the first stands for all."""
        self.saved[0].report(progress, updates, save=partial(self.save, step=step))

    def results(self, data: Dataset) -> list[TrainResult]:
        """What each training measured; the test split is read."""
        return [history.result(data) for history in self.histories]


def _stacked(
    models: Sequence[nn.Module],
    starts: Sequence[Checkpoint | None],
    recipe: Recipe,
    momentum: str,
    task: Task,
) -> tuple[Stack, Optimizer]:
    """The networks at their starts as one, and its optimizer, with their states if all have one to be restored."""
    for model, start in zip(models, starts, strict=True):
        if start:
            start.restore(model)
    stack = Stack(models, precision=recipe.precision, task=task)
    optimizer = optimizer_for(stack, recipe)
    states = [start.optimizer for start in starts if start and start.optimizer is not None]
    if momentum == "restore" and len(states) == len(models):
        optimizer.load_state(_stacked_state(states))
    return stack, optimizer


def _config(
    stacked: int,
    model: nn.Module,
    data: Dataset,
    mask: Mask | None,
    seed: int,
    recipe: Recipe,
    state: Callable[[], dict[str, torch.Tensor]],
    first: int,
    keep: set[int],
    task: Task,
) -> dict[str, Any]:
    """As for a training by itself, and with how many it is stacked, because that decides how it is rounded."""
    own = training_config(model, data, mask, seed, recipe, state, first, keep, task)
    return own | {"stacked": stacked}


def _stacked_state(states: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    counts = [{n: int(t) for n, t in state.items() if n.startswith("updates")} for state in states]
    if any(count != counts[0] for count in counts):
        raise ValueError(
            "The starts have done different numbers of updates; only equal ones can go on together."
        )
    return {
        name: tensor if name in counts[0] else torch.stack([state[name] for state in states])
        for name, tensor in states[0].items()
    }


def _state_of(optimizer: Optimizer, r: int) -> dict[str, torch.Tensor]:
    """The optimizer state of one replicate."""
    state = optimizer.state()
    return {n: tensor if n.startswith("updates") else tensor[r].clone() for n, tensor in state.items()}


def _check_seeds(models: Sequence[nn.Module], seeds: Any) -> None:
    if not isinstance(seeds, Sequence):
        raise ValueError(f"seeds={seeds!r} was given; expected one for each network, such as (0, 1, 2).")
    if len({id(model) for model in models}) < len(models):
        raise ValueError("A network was given twice; expected different ones, which are trained apart.")


def _check_lists(count: int, *lists: Sequence[Any]) -> None:
    seeds, masks, starts, folders = lists
    if count == 0 or any(len(items) != count for items in lists):
        raise ValueError(
            f"{count} networks, {len(seeds)} seeds, {len(masks)} masks, {len(starts)} starts and {len(folders)} folders "
            "were given; expected as many of each, at least one."
        )
    if len({mask is None for mask in masks}) > 1 or len({tuple(mask) for mask in masks if mask}) > 1:
        raise ValueError(
            "The masks speak about different parameters; expected masks of one kind, or none at all."
        )
    if len({start.step if start else 0 for start in starts}) > 1:
        raise ValueError(
            f"The starts are at steps {[s.step if s else 0 for s in starts]}; expected one step for all."
        )
