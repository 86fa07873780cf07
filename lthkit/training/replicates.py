"""Several trainings of one architecture as one stacked training: seeds, masks or arms, each with its own data order.

`train_together` does it for lists; a `Meeting` does it for drivers that call `train` one at a time in threads of their
own, such as one `imp` a seed. The results are those of separate trainings to float tolerance.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Condition
from typing import Any

import torch
from torch import nn

from lthkit.data.datasets import Dataset
from lthkit.pruning.masks import Mask
from lthkit.storage.snapshots import Snapshots
from lthkit.training.checkpoints import Checkpoint
from lthkit.training.choices import PLAIN, Choice, choose
from lthkit.training.engine import optimizer_for, updater
from lthkit.training.history import History, TrainingDiverged, TrainResult, keeping, training_config
from lthkit.training.loop import check_arguments, check_steps, execution, steps_to_keep, train
from lthkit.training.optimizers import Optimizer
from lthkit.training.recipes import Recipe
from lthkit.training.stacks import Stack


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
) -> list[TrainResult]:
    """Train R networks of one architecture in place, at once; what `train` would give for each, to float tolerance.

    A replicate that stops early (`recipe.patience`) keeps the weights it stopped with; the others go on.

    Args:
        seeds, masks, starts: one for each network, as for `train`. All starts are at the same step.
        steps, recipe, momentum, keep: as for `train`, for all networks.
        folders: one for each network, as `folder` for `train`. They go on from the newest step that all of them have.
        progress: called with the number of updates done since the last call, all networks together.
        choice: only `capture` matters here; None asks the table.

    Raises:
        ValueError: lists of other lengths, networks of other architectures, starts at other steps; and as `train`.
    """
    recipe, count = recipe if steps is None else replace(recipe, steps=steps), len(models)
    if not isinstance(seeds, Sequence):
        raise ValueError(f"seeds={seeds!r} was given; expected one for each network, such as (0, 1, 2).")
    if len({id(model) for model in models}) < count:
        raise ValueError("A network was given twice; expected different ones, which are trained apart.")
    masks, starts = list(masks or [None] * count), list(starts or [None] * count)
    folders = list(folders or [None] * count)
    _check_lists(count, seeds, masks, starts, folders)
    for model, mask, start in zip(models, masks, starts, strict=True):
        check_arguments(model, data, recipe, mask=mask, start=start, choice=choice)
    first, keep, begun = starts[0].step if starts[0] else 0, steps_to_keep(keep), time.perf_counter()
    check_steps(first, keep, recipe, momentum, len(data.train))
    choice = replace(choice or choose(models[0], data.device), channels_last=False, written_out=False)
    with execution(models[0], data, recipe, replicates=count), ExitStack() as held:
        for model, start in zip(models, starts, strict=True):
            if start:
                start.restore(model)
        stack = Stack(models, precision=recipe.precision)
        optimizer = optimizer_for(stack, recipe)
        if momentum == "restore" and all(start and start.optimizer is not None for start in starts):
            optimizer.load_state(
                _stacked_state([s.optimizer for s in starts if s and s.optimizer is not None])
            )
        configs = [
            partial(_config, models, r, data, masks, seeds, recipe, optimizer, first, keep)
            for r in range(count)
        ]
        saved = [held.enter_context(keeping(f, c)) for f, c in zip(folders, configs, strict=True)]
        histories = [History(model, first, recipe, PLAIN) for model in models]
        update = updater(
            stack, data, recipe=recipe, masks=masks, seeds=seeds, optimizer=optimizer, choice=choice
        )
        reached = _newest_common(saved)
        if reached is not None:
            states = [
                h.load(s.newest(at=reached), data.device) for h, s in zip(histories, saved, strict=True)
            ]
            stack.read()
            optimizer.load_state(_stacked_state([state for state in states if state is not None]))
            if progress:
                progress(sum(h.done - first for h in histories))
            if all(h.test is not None for h in histories):
                return [h.result(data) for h in histories]
        before = histories[0].seconds
        running = [r for r in range(count) if not histories[r].over]

        def copy_out(done: int, *, kept: bool = False) -> None:
            stack.write_back(running)
            for r in running if kept else ():
                state = _state_of(optimizer, r)
                histories[r].kept[done] = replace(Checkpoint.of(models[r], step=done), optimizer=state)

        def save(done: int) -> None:
            for r in range(count):
                histories[r].seconds = before + time.perf_counter() - begun
                histories[r].save(saved[r], _state_of(optimizer, r), step=done)

        for step in range(reached or first, recipe.steps if running else 0):
            if step in keep:
                copy_out(step, kept=True)
            update(step)
            done = step + 1
            if done % recipe.evaluate_every and done < recipe.steps:
                continue
            losses = update.mean_loss()
            copy_out(done, kept=done == recipe.steps and done in keep)
            for r in running:
                try:
                    histories[r].add(done, losses[r], data)
                except TrainingDiverged as error:
                    raise TrainingDiverged(f"Replicate {r} (seed {seeds[r]}): {error}") from None
            if saved[0].due:
                save(done)
            if progress:
                with saved[0].kept_when(partial(save, done)):
                    progress(sum(histories[r].since_last() for r in running))
            running = [r for r in running if not histories[r].over]
            if not running:
                break
        if progress and (left := sum(recipe.steps - h.done for h in histories)):
            with saved[0].kept_when(partial(save, max(h.done for h in histories))):
                progress(left)  # stopped early: the rest of the budget is not needed
        for history in histories:
            history.seconds = before + time.perf_counter() - begun
        results = [history.result(data) for history in histories]
        for r in range(count):
            if saved[r].final:
                histories[r].save(saved[r], _state_of(optimizer, r), step=recipe.steps)
        return results


class Meeting:
    """Where trainings that are called in several threads wait for each other, and are done as one.

    A thread takes part within `with meeting.joined() as train:`. Once every thread that takes part waits in its
    `train`, the calls that fit together (same architecture, recipe, start step) are done by `train_together`.
    """

    def __init__(self, choice: Choice | None = None) -> None:
        self.choice = choice
        self._changed = Condition()
        self._members = 0
        self._waiting: list[_Call] = []

    @contextmanager
    def joined(self) -> Iterator[Callable[..., TrainResult]]:
        """Take part; gives the function to call in place of `train`."""
        with self._changed:
            self._members += 1
        try:
            yield self._train
        finally:
            with self._changed:
                self._members -= 1
                self._changed.notify_all()  # the others may have waited for this one only

    def _train(self, model: nn.Module, data: Dataset, **arguments: Any) -> TrainResult:
        call = _Call(model, data, arguments)
        with self._changed:
            self._waiting.append(call)
            while call.result is None and call.error is None:
                if len(self._waiting) < self._members:
                    self._changed.wait()
                    continue
                calls, self._waiting = self._waiting, []
                for fitting in _fitting(calls):
                    _train_calls(fitting, self.choice)
                self._changed.notify_all()
        if call.error is not None:
            raise call.error
        assert call.result is not None
        return call.result


_OWN = ("mask", "seed", "start", "folder", "progress")  # what each training in a stack may have for itself


@dataclass
class _Call:
    model: nn.Module
    data: Dataset
    arguments: dict[str, Any]
    result: TrainResult | None = None
    error: BaseException | None = None
    key: tuple[Any, ...] = field(init=False)

    def __post_init__(self) -> None:
        start, mask = self.arguments.get("start"), self.arguments.get("mask")
        shared = {k: v for k, v in self.arguments.items() if k not in _OWN}
        shapes = tuple((name, tuple(tensor.shape)) for name, tensor in self.model.state_dict().items())
        states = (start is not None, start.step if start else 0, bool(start and start.optimizer))
        self.key = (shapes, states, tuple(mask or ()), id(self.data), repr(sorted(shared.items())))


def _fitting(calls: Sequence[_Call]) -> list[list[_Call]]:
    groups: dict[tuple[Any, ...], list[_Call]] = {}
    for call in calls:
        groups.setdefault(call.key, []).append(call)
    return list(groups.values())


def _train_calls(calls: list[_Call], choice: Choice | None) -> None:
    """Train calls that fit together; each gets its result, or all of them the error."""
    one = calls[0]
    try:
        if len(calls) == 1:
            one.result = train(one.model, one.data, choice=choice, **one.arguments)
            return
        several = {name: [c.arguments.get(name) for c in calls] for name in _OWN}
        shared = {k: v for k, v in one.arguments.items() if k not in _OWN}

        def progress(updates: int) -> None:
            share, rest = divmod(updates, len(calls))
            for i, report in enumerate(several["progress"]):
                if report:
                    report(share + (i < rest))

        results = train_together(
            [c.model for c in calls],
            one.data,
            seeds=[c.arguments.get("seed", 0) for c in calls],
            masks=several["mask"],
            starts=several["start"],
            folders=several["folder"],
            progress=progress,
            choice=choice,
            **shared,
        )
        for call, result in zip(calls, results, strict=True):
            call.result = result
    except BaseException as error:
        for call in calls:
            call.error = error


def _config(
    models: Sequence[nn.Module],
    r: int,
    data: Dataset,
    masks: Sequence[Mask | None],
    seeds: Sequence[int],
    recipe: Recipe,
    optimizer: Optimizer,
    first: int,
    keep: set[int],
) -> dict[str, Any]:
    """As for a training by itself, and with whom it is stacked, because that decides how it is rounded."""
    own = training_config(models[r], data, masks[r], seeds[r], recipe, _state_of(optimizer, r), first, keep)
    return own | {"stacked": len(models)}


def _newest_common(saved: Sequence[Snapshots]) -> int | None:
    """The newest step at which every one of them has a whole snapshot."""
    return max(set[int].intersection(*(set(one.steps()) for one in saved)), default=None)


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
