"""By what a network is judged: metrics by name, which add up sums and counts over a split, and metrics of one's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lthkit.machine.checks import first_line
from lthkit.training.pairing import each_against_each
from lthkit.training.shapes import by_class, counted, few, matched, shaped

MetricFn = Callable[[Tensor, Tensor], Any]
Parts = tuple[Tensor, Tensor | int]  # what a batch adds to a sum and to a count

DIRECTIONS = ("higher", "lower")


class Quantity(NamedTuple):
    """What a metric measures.

    unit: "%" is for a fraction from 0 to 1, which tables and figures show times 100; else what stands behind the number.
    direction: "higher" or "lower", whichever is better.
    """

    name: str
    unit: str
    direction: str

    @property
    def scale(self) -> float:
        """By what a value is multiplied where it is shown."""
        return 100.0 if self.unit == "%" else 1.0

    def heading(self, before: str = "") -> str:
        """Name and unit for an axis or a column: "test accuracy (%)"."""
        return f"{before} {self.name}".strip() + (f" ({self.unit})" if self.unit else "")

    def told(self, value: float) -> str:
        """A value with its unit: "87.30 %", "0.1234 m"."""
        number = f"{100 * value:.2f}" if self.unit == "%" else f"{value:.4g}"
        return f"{number} {self.unit}".strip()

    def error(self, value: float) -> float:
        """What is lower the better a network is: of a fraction 1 - value, of an accuracy its error; else the value or -value."""
        if self.direction == "lower":
            return value
        return 1 - value if self.unit == "%" else -value

    @property
    def better(self) -> str:
        """ "lower is better", for a reader who would expect the opposite; "" where higher is."""
        return "lower is better" if self.direction == "lower" else ""


ACCURACY = Quantity("accuracy", "%", "higher")


@dataclass(frozen=True)
class Metric:
    """A metric of one's own, for `Task(metrics=...)`:

        def r2_score(outputs, targets):
            return 1 - (outputs - targets).square().sum() / (targets - targets.mean()).square().sum()

        metric = lth.Metric("r2", r2_score)

    name: what results, tables and figures call it; not the name of a metric that there is already.
    of: a function (outputs, targets) -> one number. It is called once for a whole split, with all of its outputs [n, ...],
        floating, and all of its targets as the data set has them, on one device. So it may be anything, a rank correlation
        too; nothing is averaged over batches.
    unit: "%" is for a fraction from 0 to 1, which tables and figures show times 100; else what stands behind the number.
    direction: "higher" or "lower", whichever is better. The best step is that of least validation loss all the same.

    Raises:
        TypeError, ValueError: a name that is taken, no function, another direction. When it is used: a value that is not
            one finite number; a function that writes into outputs or targets, or holds each output against each target.
    """

    name: str
    of: MetricFn
    unit: str = ""
    direction: str = "higher"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip() or self.name in METRICS:
            raise ValueError(
                f"name={self.name!r} was given for a metric of your own; expected a text that is none of "
                f"{', '.join(METRICS)}, because those mean something else."
            )
        if not callable(self.of):
            raise TypeError(
                f"The metric {self.name!r} is computed by a {type(self.of).__name__}; expected a function of (outputs, targets) "
                "that gives one number."
            )
        if self.direction not in DIRECTIONS:
            raise ValueError(
                f"direction={self.direction!r} was given; expected 'higher' or 'lower', whichever is better."
            )
        if not isinstance(self.unit, str):
            raise ValueError(f"unit={self.unit!r} was given; expected a text, such as '%', 'm' or ''.")

    @property
    def quantity(self) -> Quantity:
        """What it measures."""
        return Quantity(self.name, self.unit, self.direction)

    def value(self, outputs: Tensor, targets: Tensor) -> float:
        """The metric of a whole split. ValueError unless it is one number, or where [n, 1] has met [n]."""
        if each_against_each(self.of, outputs, targets):
            self._refuse_pairs(outputs, targets)
        if outputs.shape != targets.shape and outputs.numel() == targets.numel():
            self._refuse_a_broadcast(outputs, targets)
        return self._number(outputs, targets)

    def _refuse_a_broadcast(self, outputs: Tensor, targets: Tensor) -> None:
        """ValueError if it does not matter which output goes with which target: each is then held against each.

        Asked with outputs that are drawn, because those of a network may all be equal.
        """
        rows, g = few(targets, 64), torch.Generator().manual_seed(0)
        drawn = torch.randn(outputs[rows].shape, generator=g).to(outputs)
        orders = [torch.randperm(len(rows), generator=g).to(rows.device) for _ in range(4)]
        try:
            values = [self._number(drawn[order], targets[rows]) for order in orders]
        except ValueError:  # it is not for any outputs, but for probabilities, say
            return
        if bool((targets[rows] != targets[rows[:1]]).any()) and all(
            math.isclose(value, values[0], rel_tol=1e-5, abs_tol=1e-9) for value in values
        ):
            self._refuse_pairs(outputs, targets)

    def _refuse_pairs(self, outputs: Tensor, targets: Tensor) -> None:
        raise ValueError(
            f"Outputs {shaped(outputs)} meet targets {shaped(targets)} in the metric {self.name!r}, which does not change if the "
            "outputs change their places: each output is held against each target, as where [n] meets [n, 1]. Expected one "
            "shape: outputs.squeeze(-1) in the network, or targets[:, None] in the data; in the metric, no squeeze() of one "
            "of them alone."
        )

    def _number(self, outputs: Tensor, targets: Tensor) -> float:
        before = outputs._version, targets._version
        try:
            value = float(self.of(outputs, targets))
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(
                f"The metric {self.name!r} did not give one number for outputs {shaped(outputs)} and targets "
                f"{shaped(targets)} ({first_line(error)}); expected a float, or a tensor of one element."
            ) from error
        if (outputs._version, targets._version) != before:
            raise ValueError(
                f"The metric {self.name!r} writes into the outputs or the targets, which others still read; expected a function that "
                "leaves them as they are: outputs.clamp(0), say, not outputs.clamp_(0)."
            )
        return value


class Known(NamedTuple):
    """A metric of lthkit's own.

    of: what its targets are, "classes" or "numbers"; "" for both.
    parts: (outputs, targets, ignore_index, class_axis) of a batch -> what it adds to a sum and to a count; finish: what
        becomes of the quotient.
    """

    quantity: Quantity
    of: str
    parts: Callable[[Tensor, Tensor, int | None, int | None], Parts]
    finish: Callable[[float], float] = float


def _right(outputs: Tensor, targets: Tensor, ignored: int | None, axis: int | None) -> Parts:
    rows, classes = by_class(outputs, targets, axis)
    there = counted(classes, ignored)
    return ((rows.argmax(1) == classes) & there).sum(), there.sum()


def _wrong(outputs: Tensor, targets: Tensor, ignored: int | None, axis: int | None) -> Parts:
    right, count = _right(outputs, targets, ignored, axis)
    return count - right, count


def _surprise(outputs: Tensor, targets: Tensor, ignored: int | None, axis: int | None) -> Parts:
    rows, classes = by_class(outputs, targets, axis)
    there = counted(classes, ignored)
    return F.cross_entropy(rows[there], classes[there], reduction="sum"), there.sum()


def squared_errors(outputs: Tensor, targets: Tensor, *_: object) -> Parts:
    """The sum of the squared errors of numbers, and how many there are."""
    outputs, targets = matched(outputs, targets)
    return (outputs - targets).square().sum(), targets.numel()


def _distances(outputs: Tensor, targets: Tensor, *_: object) -> Parts:
    outputs, targets = matched(outputs, targets)
    return (outputs - targets).abs().sum(), targets.numel()


def _measured_anyway(*_: object) -> Parts:
    raise AssertionError("the loss of a split is measured without being asked for")


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


METRICS: Mapping[str, Known] = {
    "accuracy": Known(ACCURACY, "classes", _right),
    "error": Known(Quantity("error", "%", "lower"), "classes", _wrong),
    "token accuracy": Known(Quantity("token accuracy", "%", "higher"), "classes", _right),
    "perplexity": Known(Quantity("perplexity", "", "lower"), "classes", _surprise, _exp),
    "rmse": Known(Quantity("rmse", "", "lower"), "numbers", squared_errors, math.sqrt),
    "mae": Known(Quantity("mae", "", "lower"), "numbers", _distances),
    "loss": Known(Quantity("loss", "", "lower"), "", _measured_anyway),
}


def quantities_of(written: Iterable[Iterable[str]]) -> tuple[Quantity, ...]:
    """Quantities as they were written to a file."""
    return tuple(Quantity(*one) for one in written)
