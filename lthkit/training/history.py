"""What a training has measured so far, how it is saved on the way, and what it returns in the end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

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
from lthkit.training.evaluation import Metrics, evaluate
from lthkit.training.recipes import Recipe


class TrainingDiverged(FloatingPointError):
    """The loss became NaN or infinite."""


class Point(NamedTuple):
    """One evaluation: after `step` updates; the training loss is the mean since the last point."""

    step: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class TrainResult:
    """What a training measured. Accuracies are at `best_step`, the step of least validation loss.

    The test split was read once, with the weights of that step. The model itself keeps the weights of the last step;
    `kept` has the checkpoints asked for, by step. `choice` says how it was executed (None: by a version that did not
    say), and `sparse` names the weights that were multiplied in CSR.
    """

    history: tuple[Point, ...]
    best_step: int
    validation_loss: float
    validation_accuracy: float
    test_accuracy: float
    steps: int
    budget: int
    seconds: float
    choice: Choice | None = None
    sparse: tuple[str, ...] = ()
    kept: Mapping[int, Checkpoint] = field(repr=False, default_factory=dict)

    @property
    def still_improving(self) -> bool:
        """True if the best step lies in the last tenth of the budget, so that more steps might still help."""
        return self.best_step > 0.9 * self.budget


class History:
    """What one training has measured so far: its points, its best step with a copy of the weights, when to stop.

    state: gives a copy of the optimizer's state, which is saved with the weights. begun: when the call began, by
        `time.perf_counter`; the seconds of earlier calls are added.
    sparse: names of the weights that are multiplied in CSR. forward: as of `evaluate`, for the weights of the moment.
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
    ) -> None:
        self.model, self.first, self.recipe, self.choice = model, first, recipe, choice
        self.sparse, self._forward = tuple(sparse), forward
        self._state, self._begun, self._before = state, begun, 0.0
        self.points: list[Point] = []
        self.best = Point(first, math.inf, math.inf, 0.0)
        self.best_state = Checkpoint.of(model, step=first)
        self.kept: dict[int, Checkpoint] = {}
        self.test: float | None = None  # read once, at the end
        self.seconds = 0.0

    def add(self, done: int, train_loss: float, data: Dataset) -> None:
        """Evaluate after `done` updates. `TrainingDiverged` if a loss is not finite."""
        point = Point(done, train_loss, *self._evaluate(data, "validation", forward=self._forward))
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
            choice=self.choice,
            sparse=self.sparse,
            kept=self.kept,
        )

    def save(self, saved: Snapshots, *, step: int | None = None) -> None:
        """Save all that a later call needs to go on from here; `step` names the snapshot, by default `done`."""
        if self.test is None:
            self._read_clock()
        states = {
            "last": Checkpoint(self.done, self.model.state_dict(), self._state()),
            "best": self.best_state,
        }
        arrays, steps = pack(states | {f"kept-{step}": one for step, one in self.kept.items()})
        meta = {**steps, "points": self.points, "test": self.test, "seconds": self.seconds}
        meta |= {"choice": asdict(self.choice), "sparse": self.sparse}
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
        self.sparse = tuple(found[1].get("sparse", ()))
        self._before = self.seconds
        return last.optimizer

    def _read_clock(self) -> None:
        """Seconds up to now; they end where the test split is read."""
        self.seconds = self._before + time.perf_counter() - self._begun

    def _evaluate(
        self, data: Dataset, split: str, *, forward: Callable[[Tensor], Tensor] | None = None
    ) -> Metrics:
        return evaluate(
            self.model,
            data,
            split=split,
            precision=self.recipe.precision,
            channels_last=self.choice.channels_last,
            forward=forward,
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
        "seed": int(seed),
        "recipe": asdict(recipe),
        "keep": sorted(keep),
    }
