"""Training a masked network: `train` and `evaluate`. How one update is done is in `engine`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lthkit.checkpoints import Checkpoint, pack, unpack
from lthkit.choices import Choice, choose
from lthkit.data import Dataset
from lthkit.devices import autocast, matrix_products, memory_explained, tiny_numbers_flushed
from lthkit.engine import optimizer_for, updater
from lthkit.folders import working_in
from lthkit.masks import Mask
from lthkit.recipes import Recipe
from lthkit.records import network_name
from lthkit.snapshots import Snapshots

MOMENTUM_POLICIES = ("fresh", "restore")


class TrainingDiverged(FloatingPointError):
    """The loss became NaN or infinite."""


class Point(NamedTuple):
    """One evaluation: after `step` updates; the training loss is the mean since the last point."""

    step: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float


class Metrics(NamedTuple):
    """Mean cross-entropy in nats, and accuracy from 0 to 1."""

    loss: float
    accuracy: float


@dataclass(frozen=True)
class TrainResult:
    """What a training measured. Accuracies are at `best_step`, the step of least validation loss.

    The test split was read once, with the weights of that step. The model itself keeps the weights of the last step;
    `kept` has the checkpoints asked for, by step.
    """

    history: tuple[Point, ...]
    best_step: int
    validation_loss: float
    validation_accuracy: float
    test_accuracy: float
    steps: int
    budget: int
    seconds: float
    kept: Mapping[int, Checkpoint] = field(repr=False, default_factory=dict)

    @property
    def still_improving(self) -> bool:
        """True if the best step lies in the last tenth of the budget, so that more steps might still help."""
        return self.best_step > 0.9 * self.budget


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
) -> TrainResult:
    """Train `model` in place under `mask` and leave it with the weights of the last step.

    Args:
        seed: of the data order and augmentation; the order is a function of (seed, epoch), so of the step.
        steps: shorthand for `recipe.steps`.
        start: begin from this checkpoint and its step instead of from the model as it is at step 0.
        momentum: "restore" takes the optimizer state of `start`, if it has one; "fresh" starts it at 0.
        keep: steps at which to copy a `Checkpoint` into `result.kept`; 0 is before the first update.
        folder: save the state here now and then (see `snapshots`), and at the end. The same call goes on from there; on
            a CPU it ends with the same bits as a training that was never stopped. A finished one is read.
        progress: called with the number of updates done since the last call.
        choice: how to execute; None asks the table in `choices`. `choices.PLAIN` is the plain path.

    Raises:
        TrainingDiverged: the loss is not finite.
        OutOfMemory: the device has too little memory; the message has the sizes.
        ValueError: the mask or the checkpoint belongs to another model; a step out of range; `folder` has another run.
        RunBusy: another process works in `folder`. CannotWrite: it cannot be written.
        Interrupted: Ctrl-C, where there is a folder; what was saved is named.
    """
    recipe = recipe if steps is None else replace(recipe, steps=steps)
    choice = choice or choose(model, data.device)
    first, keep, begun = start.step if start else 0, set(keep), time.perf_counter()
    check_steps(first, keep, recipe, momentum, len(data.train))
    with execution(model, data, recipe):
        if start:
            start.restore(model)
        optimizer = optimizer_for(model, recipe)
        if start and start.optimizer is not None and momentum == "restore":
            optimizer.load_state(start.optimizer)
        with keeping(
            folder,
            lambda: training_config(model, data, mask, seed, recipe, optimizer.state(), first, keep),
        ) as saved:
            update = updater(
                model, data, recipe=recipe, masks=[mask], seeds=[seed], optimizer=optimizer, choice=choice
            )
            history = History(model, first, recipe, choice)
            if (state := history.load(saved.newest(), data.device)) is not None:
                optimizer.load_state(state)
                if progress:
                    progress(history.done - first)
                if history.test is not None:
                    return history.result(data)
            before = history.seconds

            def save() -> None:
                history.seconds = before + time.perf_counter() - begun
                history.save(saved, optimizer.state())

            for step in history.steps_left():
                if step in keep:
                    history.kept[step] = Checkpoint.of(model, step=step, optimizer=optimizer)
                update(step)
                done = step + 1
                if done % recipe.evaluate_every and done < recipe.steps:
                    continue
                history.add(done, update.mean_loss()[0], data)
                if done == recipe.steps and done in keep:
                    history.kept[done] = Checkpoint.of(model, step=done, optimizer=optimizer)
                if saved.due:
                    save()
                if progress:
                    with saved.kept_when(save):
                        progress(history.since_last())
                if history.over:
                    break
            if progress and history.done < recipe.steps:
                with saved.kept_when(save):  # stopped early: the rest of the budget is not needed
                    progress(recipe.steps - history.done)
            history.seconds = before + time.perf_counter() - begun
            result = history.result(data)
            if saved.final:
                history.save(saved, optimizer.state())
            return result


@contextmanager
def keeping(
    folder: Path | str | Snapshots | None, config: Callable[[], Mapping[str, Any]]
) -> Iterator[Snapshots]:
    """The snapshots of one training: a driver's as they are, else in the folder given or the one of `keep_runs`."""
    if isinstance(folder, Snapshots):
        with folder.explained():
            yield folder
        return
    with working_in(folder, config, name="training") as place:
        saved = Snapshots(place, final=True)
        with saved.explained():
            yield saved


def training_config(
    model: nn.Module,
    data: Dataset,
    mask: Mask | None,
    seed: int,
    recipe: Recipe,
    optimizer: dict[str, Tensor],
    first: int,
    keep: set[int],
) -> dict[str, Any]:
    """All that decides the numbers of one training: the state that it begins with stands as a fingerprint."""
    return {
        "network": network_name(model),
        "start": replace(Checkpoint.of(model, step=first), optimizer=optimizer).fingerprint,
        "mask": mask.fingerprint if mask is not None else None,
        "data": data.fingerprint,
        "device": data.device.type,
        "seed": seed,
        "recipe": asdict(recipe),
        "keep": sorted(keep),
    }


class History:
    """What one training has measured so far: its points, its best step with a copy of the weights, when to stop."""

    def __init__(self, model: nn.Module, first: int, recipe: Recipe, choice: Choice) -> None:
        self.model, self.first, self.recipe, self.choice = model, first, recipe, choice
        self.points: list[Point] = []
        self.best = Point(first, math.inf, math.inf, 0.0)
        self.best_state = Checkpoint.of(model, step=first)
        self.kept: dict[int, Checkpoint] = {}
        self.test: float | None = None  # read once, at the end
        self.seconds = 0.0

    def add(self, done: int, train_loss: float, data: Dataset) -> None:
        """Evaluate after `done` updates. `TrainingDiverged` if a loss is not finite."""
        point = Point(done, train_loss, *self._evaluate(data, "validation"))
        if not (math.isfinite(train_loss) and math.isfinite(point.validation_loss)):
            raise TrainingDiverged(
                f"The loss is no longer finite after step {done} (training {train_loss}, validation "
                f"{point.validation_loss}). Try a smaller learning rate than {self.recipe.lr:g}, or a warm-up."
            )
        self.points.append(point)
        if point.validation_loss < self.best.validation_loss:
            self.best, self.best_state = point, Checkpoint.of(self.model, step=done)

    def since_last(self) -> int:
        """Updates between the last two points."""
        return self.points[-1].step - (self.points[-2].step if len(self.points) > 1 else self.first)

    @property
    def done(self) -> int:
        """Updates so far, counted from initialisation."""
        return self.points[-1].step if self.points else self.first

    @property
    def over(self) -> bool:
        """True if nothing is left to do."""
        return self.done >= self.recipe.steps or (bool(self.points) and self.stalled)

    def steps_left(self) -> range:
        """The steps from here to the end."""
        return range(self.done, self.done if self.over else self.recipe.steps)

    @property
    def stalled(self) -> bool:
        """True once the validation loss has not fallen for `patience` updates."""
        patience = self.recipe.patience
        return patience is not None and self.points[-1].step - self.best.step >= patience

    def result(self, data: Dataset) -> TrainResult:
        """Read the test split, once, with the weights of the best step; the model keeps those that it has."""
        if self.test is None:
            last = Checkpoint.of(self.model)
            self.best_state.restore(self.model)
            self.test = self._evaluate(data, "test").accuracy
            last.restore(self.model)
        return TrainResult(
            history=tuple(self.points),
            best_step=self.best.step,
            validation_loss=self.best.validation_loss,
            validation_accuracy=self.best.validation_accuracy,
            test_accuracy=self.test,
            steps=self.done - self.first,
            budget=self.recipe.steps,
            seconds=self.seconds,
            kept=self.kept,
        )

    def save(self, saved: Snapshots, optimizer: dict[str, Tensor], *, step: int | None = None) -> None:
        """Save all that a later call needs to go on from here; `step` names the snapshot, by default `done`."""
        states = {"last": Checkpoint(self.done, self.model.state_dict(), optimizer), "best": self.best_state}
        arrays, steps = pack(states | {f"kept-{step}": one for step, one in self.kept.items()})
        meta = {**steps, "points": self.points, "test": self.test, "seconds": self.seconds}
        saved.save(self.done if step is None else step, arrays, meta)

    def load(
        self, found: tuple[dict[str, np.ndarray], dict[str, Any]] | None, device: torch.device
    ) -> dict[str, Tensor] | None:
        """Take up what `save` saved, weights included, and return the optimizer's state; None if nothing was found."""
        if found is None:
            return None
        states = unpack(*found, device)
        last, self.best_state = states.pop("last"), states.pop("best")
        last.restore(self.model)
        self.kept = {one.step: one for one in states.values()}
        self.points = [Point(*point) for point in found[1]["points"]]
        self.best = min(self.points, key=lambda point: point.validation_loss)
        self.test, self.seconds = found[1]["test"], found[1]["seconds"]
        return last.optimizer

    def _evaluate(self, data: Dataset, split: str) -> Metrics:
        return evaluate(
            self.model,
            data,
            split=split,
            precision=self.recipe.precision,
            channels_last=self.choice.channels_last,
        )


@torch.no_grad()
def evaluate(
    model: nn.Module,
    data: Dataset,
    *,
    split: str = "validation",
    batch_size: int = 1000,
    precision: str = "float32",
    channels_last: bool = False,
) -> Metrics:
    """Loss and accuracy on "train", "validation" or "test", in large batches; the model's mode is as before afterwards.

    channels_last: memory layout of the images, see `choices`; it changes rounding only.
    """
    if split not in ("train", "validation", "test"):
        raise ValueError(f"split={split!r} was given; expected 'train', 'validation' or 'test'.")
    part = getattr(data, split)
    if len(part) == 0:
        raise ValueError(f"The {split} split of {data.name} is empty.")
    was_training = model.training
    model.eval()
    loss = torch.zeros((), device=data.device)
    correct = torch.zeros((), device=data.device, dtype=torch.int64)
    with autocast(data.device, precision):
        for images, labels in zip(part.images.split(batch_size), part.labels.split(batch_size), strict=True):
            inputs = data.normalise(images)
            if channels_last:
                inputs = inputs.contiguous(memory_format=torch.channels_last)
            logits = model(inputs).float()
            loss += F.cross_entropy(logits, labels, reduction="sum")
            correct += (logits.argmax(1) == labels).sum()
    model.train(was_training)
    return Metrics(float(loss) / len(part), int(correct) / len(part))


@contextmanager
def execution(model: nn.Module, data: Dataset, recipe: Recipe, *, replicates: int = 1) -> Iterator[None]:
    """Around a training: tiny numbers flushed to 0 (per thread; they are slow), the precision, memory explained."""
    weights = sum(p.numel() for p in model.parameters())
    doing = (
        f"while training {replicates} x {type(model).__name__} ({weights:,} weights) with batches of "
        f"{recipe.batch_size} images of {'x'.join(map(str, data.shape))}, {len(data.train):,} images on {data.device}"
    )
    flushed = tiny_numbers_flushed() if data.device.type == "cpu" else nullcontext()
    with memory_explained(data.device, doing), matrix_products(recipe.precision), flushed:
        yield


def check_steps(first: int, keep: set[int], recipe: Recipe, momentum: str, images: int) -> None:
    """ValueError if a training from step `first` cannot be what was asked for."""
    if momentum not in MOMENTUM_POLICIES:
        raise ValueError(f"momentum={momentum!r} was given; expected one of {', '.join(MOMENTUM_POLICIES)}.")
    if not 0 <= first < recipe.steps:
        raise ValueError(
            f"The training starts at step {first} but ends at step {recipe.steps}: nothing is left to do."
        )
    if late := [step for step in keep if not first <= step <= recipe.steps]:
        raise ValueError(f"keep={sorted(late)} lies outside the training, steps {first} to {recipe.steps}.")
    if images < recipe.batch_size:
        raise ValueError(
            f"batch_size={recipe.batch_size} is larger than the training split ({images} images)."
        )
