"""What a training has measured so far, how it is saved on the way, and what it returns in the end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lthkit.data.datasets import Dataset
from lthkit.pruning.masks import Mask
from lthkit.storage.folders import working_in
from lthkit.storage.identity import network_name
from lthkit.storage.snapshots import Snapshots
from lthkit.training.checkpoints import Checkpoint, pack, unpack
from lthkit.training.choices import Choice
from lthkit.training.evaluation import evaluate
from lthkit.training.recipes import Recipe
from lthkit.training.results import (
    MetricPoint,
    Point,
    TrainResult,
    measured_again,
    point_again,
    point_of,
    result_of,
)
from lthkit.training.tallies import Measured, Metrics
from lthkit.training.tasks import Task


class TrainingDiverged(FloatingPointError):
    """The loss became NaN or infinite."""


class History:
    """What one training has measured so far: its points, its best step with a copy of the weights, when to stop.

    state: gives a copy of the optimizer's state, which is saved with the weights. begun: when the call began, by
        `time.perf_counter`; the seconds of earlier calls are added.
    sparse: names of the weights that are multiplied in CSR. forward: as of `evaluate`, for the weights of the moment.
    task: by which it is judged.
    """

    def __init__(
        self,
        model: nn.Module,
        first: int,
        recipe: Recipe,
        choice: Choice,
        *,
        state: Callable[[], dict[str, Tensor]],
        begun: float,
        sparse: Sequence[str] = (),
        forward: Callable[[Tensor], Tensor] | None = None,
        task: Task = Task(),  # noqa: B008  (frozen)
    ) -> None:
        self.model, self.first, self.recipe, self.choice, self.task = model, first, recipe, choice, task
        self.sparse, self._forward = tuple(sparse), forward
        self._state, self._begun, self._before = state, begun, 0.0
        self.points: list[Point | MetricPoint] = []
        self.best: Point | MetricPoint = Point(first, math.inf, math.inf, 0.0)
        self.best_state = Checkpoint.of(model, step=first)
        self.kept: dict[int, Checkpoint] = {}
        self.test: Metrics | Measured | None = None  # read once, at the end
        self.seconds = 0.0

    def add(self, done: int, train_loss: float, data: Dataset) -> None:
        """Evaluate after `done` updates. `TrainingDiverged` if a loss is not finite."""
        point = point_of(done, train_loss, self._evaluate(data, "validation", forward=self._forward))
        if not (math.isfinite(train_loss) and math.isfinite(point.validation_loss)):
            raise TrainingDiverged(
                f"The loss is no longer finite after step {done} (training {train_loss}, validation "
                f"{point.validation_loss}). Try a smaller learning rate than {self.recipe.lr:g}, or a warm-up."
            )
        self.points.append(point)
        if point.validation_loss < self.best.validation_loss:
            self.best, self.best_state = point, Checkpoint.of(self.model, step=done)

    def keep(self, step: int) -> None:
        """Copy all that a rewind to this step needs into `kept`."""
        self.kept[step] = replace(Checkpoint.of(self.model, step=step), optimizer=self._state())

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
            self._read_clock()
            last = Checkpoint.of(self.model)
            self.best_state.restore(self.model)
            self.test = self._evaluate(data, "test")
            last.restore(self.model)
        return result_of(
            self.best,
            self.test,
            self.task.quantity,
            history=tuple(self.points),
            steps=self.done - self.first,
            budget=self.recipe.steps,
            seconds=self.seconds,
            choice=self.choice,
            sparse=self.sparse,
            kept=self.kept,
        )

    def save(
        self, saved: Snapshots, *, step: int | None = None, more: Mapping[str, np.ndarray] | None = None
    ) -> None:
        """Save all that a later call needs to go on from here; `step` names the snapshot, by default `done`.

        more: arrays of a driver that go with it; no name of theirs is that of a state here.
        """
        if self.test is None:
            self._read_clock()
        states = {
            "last": Checkpoint(self.done, self.model.state_dict(), self._state()),
            "best": self.best_state,
        }
        arrays, steps = pack(states | {f"kept-{step}": one for step, one in self.kept.items()})
        test = self.test.accuracy if isinstance(self.test, Metrics) else self.test
        meta = {**steps, "points": self.points, "test": test, "seconds": self.seconds}
        meta |= {"choice": asdict(self.choice), "sparse": self.sparse}
        saved.save(self.done if step is None else step, arrays | dict(more or {}), meta)

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
        self.points = [point_again(point) for point in found[1]["points"]]
        self.best = min(self.points, key=lambda point: point.validation_loss)
        self.test, self.seconds = measured_again(found[1]["test"]), found[1]["seconds"]
        self.sparse = tuple(found[1].get("sparse", ()))
        self._before = self.seconds
        return last.optimizer

    def _read_clock(self) -> None:
        """Seconds up to now; they end where the test split is read."""
        self.seconds = self._before + time.perf_counter() - self._begun

    def _evaluate(
        self, data: Dataset, split: str, *, forward: Callable[[Tensor], Tensor] | None = None
    ) -> Metrics | Measured:
        return evaluate(
            self.model,
            data,
            split=split,
            precision=self.recipe.precision,
            channels_last=self.choice.channels_last,
            forward=forward,
            task=self.task,
        )


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
    state: Callable[[], dict[str, Tensor]],
    first: int,
    keep: set[int],
    task: Task = Task(),  # noqa: B008  (frozen)
) -> dict[str, Any]:
    """All that decides the numbers of one training: the state that it begins with stands as a fingerprint.

    A task stands there only where it is not the default one, so that the runs of before have their names.
    """
    config: dict[str, Any] = {
        "network": network_name(model),
        "start": replace(Checkpoint.of(model, step=first), optimizer=state()).fingerprint,
        "mask": mask.fingerprint if mask is not None else None,
        "data": data.fingerprint,
        "device": data.device.type,
        "seed": int(seed),
        "recipe": recipe.config(),
        "keep": sorted(keep),
    }
    return config if task.default else config | {"task": task.config()}
