"""Training a masked network. How one update is done is in `engine`, what a training keeps of itself in `history`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lthkit.data.datasets import Dataset
from lthkit.machine.checks import check_network, whole_seed
from lthkit.machine.devices import (
    matrix_products,
    memory_explained,
    operator_threads,
    tiny_numbers_flushed,
)
from lthkit.machine.work import TRAINING, Stopped, Work, current
from lthkit.pruning.masks import Mask, tell_of_the_rest
from lthkit.storage.snapshots import Found, Snapshots
from lthkit.training.checkpoints import Checkpoint
from lthkit.training.choices import Choice, as_before, check_sparse, choose, fitting
from lthkit.training.engine import Update, optimizer_for, updater
from lthkit.training.evaluation import check_fit
from lthkit.training.history import History, keeping, training_config
from lthkit.training.recipes import Recipe
from lthkit.training.results import TrainResult
from lthkit.training.tasks import Task, check_task

MOMENTUM_POLICIES = ("fresh", "restore")


def train(
    model: nn.Module,
    data: Dataset,
    *,
    mask: Mask | None = None,
    seed: int = 0,
    steps: int | None = None,
    recipe: Recipe = Recipe(),  # noqa: B008  (frozen)
    start: Checkpoint | None = None,
    momentum: str = "restore",
    keep: Iterable[int] = (),
    folder: Path | str | Snapshots | None = None,
    progress: Callable[[int], object] | None = None,
    choice: Choice | None = None,
    task: Task = Task(),  # noqa: B008  (frozen)
) -> TrainResult:
    """Train `model` in place under `mask` and leave it with the weights of the last step.

    Args:
        seed: of the data order, augmentation and what the network draws itself (see `draws`), all functions of seed and step.
        steps: shorthand for `recipe.steps`.
        start: begin from this checkpoint and its step instead of from the model as it is at step 0.
        momentum: "restore" takes the optimizer state of `start`, if it has one; "fresh" starts it at 0.
        keep: steps at which to copy a `Checkpoint` into `result.kept`; 0 is before the first update.
        folder: save the state here now and then (see `snapshots`), and at the end. The same call goes on from there; on
            a CPU it ends with the same bits as a training that was never stopped. A finished one is read.
        progress: called with the number of updates done since the last call.
        choice: how to execute; None asks the table in `choices`. `choices.PLAIN` is the plain path. A training that goes
            on keeps to the one that it began with.
        task: the loss and the metrics, `lth.Task(loss="mse")` say. The best step is always that of least validation loss.

    Raises:
        TrainingDiverged: the loss is not finite.
        OutOfMemory: the device has too little memory; the message has the sizes.
        ValueError: the mask or the checkpoint belongs to another model; a step out of range; `folder` has another run;
            something else has written to a removed weight; sparse products that cannot be done here; outputs, targets and
            task that do not go together; a loss that is no mean; a schedule that is no function of the step alone.
        RunBusy, CannotWrite: of `folder`. Interrupted: Ctrl-C; the text says what was saved, and `model` is as it came.
    """
    check_arguments(model, data, recipe, mask=mask, start=start, choice=choice, task=task)
    seed = whole_seed(seed)
    recipe = recipe if steps is None else replace(recipe, steps=steps)
    choice = fitting(choice or choose(model, data.device), recipe, task, data.train.targets)
    first, keep, begun = start.step if start else 0, steps_to_keep(keep), time.perf_counter()
    check_steps(first, keep, recipe, momentum, data)
    with Work(TRAINING, total=recipe.steps - first), execution(model, data, recipe), unless_stopped(model):
        if start:
            start.restore(model)
        optimizer = optimizer_for(model, recipe)
        if start and start.optimizer is not None and momentum == "restore":
            optimizer.load_state(start.optimizer)
        of_run = (model, data, mask, seed, recipe, optimizer.state, first, keep, task)
        with keeping(folder, partial(training_config, *of_run)) as saved:
            found = saved.newest()
            choice, sparse = _begun(found, saved, choice, data.device)
            told: dict[str, Any] = {"optimizer": optimizer, "choice": choice, "sparse": sparse, "task": task}
            with operator_threads(choice.threads):
                update = updater(model, data, recipe=recipe, masks=[mask], seeds=[seed], **told)
                history = _history(model, update, first, choice, begun)
                return _loop(update, history, found, keep=keep, saved=saved, progress=progress)


def _history(model: nn.Module, update: Update, first: int, choice: Choice, begun: float) -> History:
    return History(
        model,
        first,
        update.recipe,
        choice,
        state=update.optimizer.state,
        begun=begun,
        sparse=update.sparse,
        forward=update.forward,
        task=update.task,
    )


def _begun(
    found: Found | None, saved: Snapshots, choice: Choice, device: torch.device
) -> tuple[Choice, Sequence[str] | None]:
    """How a training goes on: as it began, if a snapshot says how, else as `choice` says, with the table's sparse weights.

    ValueError if it began with sparse products and they cannot be done here. One that is only read needs none.
    """
    if found is None:
        return choice, None
    if "choice" not in found[1]:
        return as_before(choice), ()
    choice, sparse = Choice(**found[1]["choice"]), found[1]["sparse"]
    if found[1]["test"] is not None:
        return choice, ()
    if sparse:
        check_sparse(choice, device, f"the training in {saved.folder} (of {', '.join(sparse)})")
    return choice, sparse


def _loop(
    update: Update,
    history: History,
    found: Found | None,
    *,
    keep: set[int],
    saved: Snapshots,
    progress: Callable[[int], object] | None,
) -> TrainResult:
    """The training itself, from the first step or from what was `found` to the last; `train` has set the stage."""
    data, save = update.data, partial(history.save, saved)
    work = counted(saves=saved.folder is not None)
    if (state := history.load(found, data.device)) is not None:
        update.optimizer.load_state(state)
        update.read()
        work.skip(history.done - history.first)
        if progress:
            progress(history.done - history.first)
        if history.test is not None:
            return history.result(data)
    with work.interrupts_wait(save):
        _to_the_end(update, history, work, keep=keep, saved=saved, progress=progress)
        result = history.result(data)
        if saved.final:
            save()
    return result


def _to_the_end(
    update: Update,
    history: History,
    work: Work,
    *,
    keep: set[int],
    saved: Snapshots,
    progress: Callable[[int], object] | None,
) -> None:
    """The steps that are left, and what stopping early spares of the budget."""
    data, recipe, save = update.data, history.recipe, partial(history.save, saved)
    for step in history.steps_left():
        if step in keep:
            update.write_back()
            history.keep(step)
        update(step)
        work.count()
        done = step + 1
        if done % recipe.evaluate_every and done < recipe.steps:
            continue
        update.write_back()
        history.add(done, update.mean_loss()[0], data)
        update.check_removed()
        if done == recipe.steps and done in keep:
            history.keep(done)
        saved.report(progress, history.since_last(), save=save)
        if history.over:
            break
    if left := recipe.steps - history.done:
        work.count(left)
        saved.report(progress, left, save=save)  # stopped early: the rest of the budget is not needed


@contextmanager
def unless_stopped(*models: nn.Module) -> Iterator[None]:
    """Within it networks change; one that is stopped halfway is put back.

    Who is interrupted runs the same lines again, and a network trained halfway would go on as if it were a fresh one.
    """
    before = [Checkpoint.of(model) for model in models]
    try:
        yield
    except (KeyboardInterrupt, Stopped):
        for model, state in zip(models, before, strict=True):
            state.restore(model)
        raise


def counted(*, saves: bool) -> Work:
    """The work of this training, which counts its updates; `saves`: it is stopped only where it is saved."""
    work = current()
    assert work is not None
    work.saves = saves
    return work


@contextmanager
def execution(model: nn.Module, data: Dataset, recipe: Recipe, *, replicates: int = 1) -> Iterator[None]:
    """Around a training: tiny numbers flushed to 0 (per thread; they are slow), the precision, memory explained."""
    weights = sum(p.numel() for p in model.parameters())
    doing = (
        f"while training {replicates} x {type(model).__name__} ({weights:,} weights) with batches of "
        f"{recipe.batch_size} {data.noun} of {'x'.join(map(str, data.shape))}, {len(data.train):,} {data.noun} on {data.device}"
    )
    flushed = tiny_numbers_flushed() if data.device.type == "cpu" else nullcontext()
    with memory_explained(data.device, doing), matrix_products(recipe.precision), flushed:
        yield


def check_arguments(
    model: nn.Module,
    data: Dataset,
    recipe: Recipe,
    *,
    mask: Mask | None = None,
    start: Checkpoint | None = None,
    choice: Choice | None = None,
    task: Task = Task(),  # noqa: B008  (frozen)
) -> None:
    """TypeError for what is no network, no data set and so on; ValueError for a mask of another model, or another task."""
    check_network(model)
    check_kinds(data=data, recipe=recipe)
    check_task(task)
    if odd := [f"{n} ({p.dtype})" for n, p in model.named_parameters() if p.is_complex()]:
        raise ValueError(
            f"{type(model).__name__} has complex weights: {', '.join(odd)}; expected real ones, which the optimizers and "
            "criteria here are written for. Hold the real and the imaginary part as two parameters and join them with "
            "torch.complex(real, imaginary) in the forward pass."
        )
    check_kinds(**{n: v for n, v in (("mask", mask), ("start", start), ("choice", choice)) if v is not None})
    if choice is not None:
        check_sparse(choice, data.device)
    if mask is not None:
        mask.check(model)
        tell_of_the_rest(mask, model)
    check_augment(data, recipe)
    check_fit(model, data, task)


def check_augment(data: Dataset, recipe: Recipe) -> None:
    """ValueError if the recipe crops and flips what are no images."""
    if recipe.augment and data.kind != "images":
        raise ValueError(
            f"augment=True was given, which crops and flips images, and {data.name} has {data.kind}; expected augment=False."
        )


_KINDS: dict[str, tuple[type, str]] = {
    "data": (Dataset, "load_data()"),
    "recipe": (Recipe, "Recipe(steps=1000)"),
    "mask": (Mask, "Mask.ones(model)"),
    "start": (Checkpoint, "Checkpoint.load(path)"),
    "choice": (Choice, "training.PLAIN"),
}


def check_kinds(**given: Any) -> None:
    """TypeError for an argument that is not of its kind; the text has an example."""
    for name, value in given.items():
        kind, example = _KINDS[name]
        if not isinstance(value, kind):
            raise TypeError(
                f"{name} is a {type(value).__name__}; expected a {kind.__name__}, such as lthkit.{example}."
            )


def steps_to_keep(keep: Iterable[int]) -> set[int]:
    """The steps as a set; ValueError if one is no whole number."""
    keep = set(keep) if isinstance(keep, Iterable) else keep
    if not isinstance(keep, set) or not all(isinstance(step, Integral) for step in keep):
        raise ValueError(f"keep={keep!r} was given; expected whole numbers in a tuple, such as (0, 500).")
    return {int(step) for step in keep}


def check_steps(first: int, keep: set[int], recipe: Recipe, momentum: str, data: Dataset) -> None:
    """ValueError if a training from step `first` cannot be what was asked for, its schedule included."""
    if momentum not in MOMENTUM_POLICIES:
        raise ValueError(f"momentum={momentum!r} was given; expected one of {', '.join(MOMENTUM_POLICIES)}.")
    if not 0 <= first < recipe.steps:
        raise ValueError(
            f"The training starts at step {first} but ends at step {recipe.steps}: nothing is left to do. A recipe's steps "
            "count from initialisation; give more, or an earlier start."
        )
    if late := [step for step in keep if not first <= step <= recipe.steps]:
        raise ValueError(f"keep={sorted(late)} lies outside the training, steps {first} to {recipe.steps}.")
    if (rows := len(data.train)) < recipe.batch_size:
        raise ValueError(
            f"batch_size={recipe.batch_size} is larger than the training split ({rows} {data.noun}); expected as many or fewer."
        )
    recipe.check_schedule()
