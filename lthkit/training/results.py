"""What a training returns, by whatever metric it was judged, and how that is written to a file and read again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, NamedTuple

from lthkit.training.checkpoints import Checkpoint
from lthkit.training.choices import Choice
from lthkit.training.metrics import ACCURACY, Quantity
from lthkit.training.tallies import Measured, Metrics, accuracy_of


class Point(NamedTuple):
    """One evaluation: after `step` updates; the training loss is the mean since the last point."""

    step: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float

    @property
    def validation_metric(self) -> float:
        """The accuracy, by the name that there is for every task."""
        return self.validation_accuracy

    @property
    def validation_metrics(self) -> dict[str, float]:
        """All metrics by name."""
        return {"accuracy": self.validation_accuracy}


class MetricPoint(NamedTuple):
    """One evaluation of another task than the default: a `Point` with the task's metrics, the first one before the others."""

    step: int
    train_loss: float
    validation_loss: float
    validation_metrics: dict[str, float]

    @property
    def validation_metric(self) -> float:
        """The first metric."""
        return next(iter(self.validation_metrics.values()))

    @property
    def validation_accuracy(self) -> float:
        """The accuracy, if it is among the metrics. AttributeError, which says what to use, if not."""
        return accuracy_of(self.validation_metrics, "validation_accuracy", "validation_metric")


def point_of(step: int, train_loss: float, measured: Metrics | Measured) -> Point | MetricPoint:
    """A point of what `evaluate` gave."""
    if isinstance(measured, Measured):
        return MetricPoint(step, train_loss, measured.loss, measured.metrics)
    return Point(step, train_loss, measured.loss, measured.accuracy)


def point_again(written: Sequence[Any]) -> Point | MetricPoint:
    """A point as it was written to a file."""
    return MetricPoint(*written) if isinstance(written[3], Mapping) else Point(*written)


def measured_again(written: Any) -> Metrics | Measured | None:
    """What was measured of the test split, as it was written to a snapshot: an accuracy, or the two fields of `Measured`."""
    if written is None or isinstance(written, Measured):
        return written
    return Measured(*written) if isinstance(written, list) else Metrics(math.nan, written)


@dataclass(frozen=True, init=False)
class TrainResult:
    """What a training measured. Metrics are at `best_step`, the step of least validation loss.

    The test split was read once, with the weights of that step. The model itself keeps the weights of the last step;
    `kept` has the checkpoints asked for, by step. `choice` says how it was executed (None: by a version that did not
    say), and `sparse` names the weights that were multiplied in CSR.

    Attributes:
        validation_metric, test_metric: of the task's first metric. `quantity` says what it measures: name, unit, direction.
        validation_metrics, test_metrics: all metrics of the task, by name.
        validation_accuracy, test_accuracy: the accuracy, from 0 to 1, where it is among the metrics, as for the default
            task; AttributeError, which says what to use, where it is not.

    A training loop of one's own makes one with
    `TrainResult(history=(), best_step=100, validation_loss=0.3, validation_accuracy=0.9, test_accuracy=0.89, steps=100,
    budget=100, seconds=1.0)`; if it measures something else, with `validation_metric=`, `test_metric=` and
    `quantity=Quantity("rmse", "m", "lower")` instead of the two accuracies.
    """

    history: tuple[Point | MetricPoint, ...]
    best_step: int
    validation_loss: float
    validation_metric: float
    test_metric: float
    steps: int
    budget: int
    seconds: float
    choice: Choice | None = None
    sparse: tuple[str, ...] = ()
    kept: Mapping[int, Checkpoint] = field(repr=False, default_factory=dict)
    quantity: Quantity = ACCURACY
    validation_metrics: Mapping[str, float] = field(default_factory=dict)
    test_metrics: Mapping[str, float] = field(default_factory=dict)

    def __init__(
        self,
        history: tuple[Point | MetricPoint, ...],
        best_step: int,
        validation_loss: float,
        validation_metric: float | None = None,
        test_metric: float | None = None,
        steps: int | None = None,
        budget: int | None = None,
        seconds: float = 0.0,
        choice: Choice | None = None,
        sparse: tuple[str, ...] = (),
        kept: Mapping[int, Checkpoint] | None = None,
        *,
        quantity: Quantity = ACCURACY,
        validation_metrics: Mapping[str, float] | None = None,
        test_metrics: Mapping[str, float] | None = None,
        validation_accuracy: float | None = None,
        test_accuracy: float | None = None,
    ) -> None:
        if steps is None or budget is None:
            raise TypeError(
                "A TrainResult takes steps=, the updates that were done, and budget=, the most there were to do."
            )
        quantity = Quantity(*quantity)
        validation = _one("validation", validation_metric, validation_accuracy, quantity)
        test = _one("test", test_metric, test_accuracy, quantity)
        values = {
            "history": history, "best_step": best_step, "validation_loss": validation_loss,
            "validation_metric": validation, "test_metric": test, "steps": steps, "budget": budget,
            "seconds": seconds, "choice": choice, "sparse": sparse, "kept": {} if kept is None else kept,
            "quantity": quantity,
            "validation_metrics": validation_metrics or {quantity.name: validation},
            "test_metrics": test_metrics or {quantity.name: test},
        }  # fmt: skip
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def validation_accuracy(self) -> float:
        """Validation accuracy, from 0 to 1. AttributeError, which says what to use, where the task measures none."""
        return accuracy_of(self.validation_metrics, "validation_accuracy", "validation_metric")

    @property
    def test_accuracy(self) -> float:
        """Test accuracy, from 0 to 1. AttributeError, which says what to use, where the task measures none."""
        return accuracy_of(self.test_metrics, "test_accuracy", "test_metric")

    @property
    def still_improving(self) -> bool:
        """True if the best step lies in the last tenth of the budget, so that more steps might still help."""
        return self.best_step > 0.9 * self.budget


def _one(part: str, metric: float | None, accuracy: float | None, quantity: Quantity) -> float:
    """The metric of a split, by whichever of its two names it was given. TypeError for none, both, or the wrong one."""
    if accuracy is not None and quantity != ACCURACY:
        raise TypeError(
            f"{part}_accuracy={accuracy!r} was given for a training judged by {quantity.name}; give {part}_metric=..."
        )
    value = accuracy if metric is None else metric
    if value is None or (metric is not None and accuracy is not None):
        raise TypeError(
            f"A TrainResult takes {part}_metric=, or for accuracy {part}_accuracy=: one of the two."
        )
    return value


def result_of(
    best: Point | MetricPoint, test: Metrics | Measured, quantity: Quantity, **more: Any
) -> TrainResult:
    """The result of a training whose best point and whose test split these are."""
    return TrainResult(
        best_step=best.step,
        validation_loss=best.validation_loss,
        validation_metric=best.validation_metric,
        test_metric=test.metric,
        quantity=quantity,
        validation_metrics=best.validation_metrics,
        test_metrics=test.metrics,
        **more,
    )


_NAMES = {"validation_metric": "validation_accuracy", "test_metric": "test_accuracy"}
_OF_OTHERS = ("quantity", "validation_metrics", "test_metrics")


def written(result: TrainResult) -> dict[str, Any]:
    """A result, without its checkpoints, as a file has it; that of the default task as it has always been."""
    plain = {f.name: getattr(result, f.name) for f in fields(result) if f.name != "kept"}
    plain["choice"] = asdict(result.choice) if result.choice else None
    if result.quantity != ACCURACY or list(result.test_metrics) != ["accuracy"]:
        return plain
    return {_NAMES.get(name, name): value for name, value in plain.items() if name not in _OF_OTHERS}


def read_again(given: Mapping[str, Any]) -> TrainResult:
    """What `written` wrote."""
    given = {**given, "history": tuple(point_again(point) for point in given["history"])}
    if given.get("choice"):
        given |= {"choice": Choice(**given["choice"]), "sparse": tuple(given["sparse"])}
    return TrainResult(**given)
