"""Loss and metrics of a split, added up batch by batch; and what they are in the end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lthkit.data.datasets import Dataset
from lthkit.machine.seeds import global_generators
from lthkit.training.metrics import METRICS, Metric, Parts, Quantity
from lthkit.training.shapes import wide
from lthkit.training.tasks import Task


class Metrics(NamedTuple):
    """Mean cross-entropy in nats, and accuracy from 0 to 1: what the default task measures."""

    loss: float
    accuracy: float

    @property
    def metric(self) -> float:
        """The accuracy, by the name that there is for every task."""
        return self.accuracy

    @property
    def metrics(self) -> dict[str, float]:
        """All metrics by name."""
        return {"accuracy": self.accuracy}


class Measured(NamedTuple):
    """The mean loss of another task than the default, and its metrics by name, the first one before the others."""

    loss: float
    metrics: dict[str, float]

    @property
    def metric(self) -> float:
        """The first metric."""
        return next(iter(self.metrics.values()))

    @property
    def accuracy(self) -> float:
        """The accuracy, if it is among the metrics. AttributeError, which says what to use, if not."""
        return accuracy_of(self.metrics, "accuracy", "metric")


def accuracy_of(metrics: Mapping[str, float], asked: str, instead: str) -> float:
    """The accuracy among these metrics. AttributeError, which says what to use, if there is none."""
    if "accuracy" not in metrics:
        raise AttributeError(
            f"There is no .{asked}, because the task measured {', '.join(metrics)}; use .{instead}, which is its "
            f"{next(iter(metrics))}."
        )
    return metrics["accuracy"]


def tally_of(task: Task, data: Dataset) -> UsualTally | Tally:
    """What adds up the loss and the metrics of this task: the short way for the usual one."""
    usual = task.default and data.train.labelled
    return UsualTally(data.device) if usual else Tally(task, data.device)


class UsualTally:
    """Cross-entropy and accuracy of one class a row: two sums that lie on the device."""

    def __init__(self, device: torch.device) -> None:
        self.loss = torch.zeros((), device=device)
        self.correct = torch.zeros((), device=device, dtype=torch.int64)
        self.count = 0

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        """One batch: outputs [n, classes] and labels int64 [n]."""
        logits = wide(outputs)
        self.loss = self.loss + F.cross_entropy(logits, targets, reduction="sum")
        self.correct += (logits.argmax(1) == targets).sum()
        self.count += len(targets)

    def result(self) -> Metrics:
        """What all batches come to; the host waits for the device here."""
        return Metrics(float(self.loss) / self.count, int(self.correct) / self.count)


class Tally:
    """Loss and metrics of any task: sums and counts of those by name, all outputs for functions of one's own."""

    def __init__(self, task: Task, device: torch.device) -> None:
        self.task, self.device = task, device
        self._parts: dict[str, list[Parts]] = {}
        self._all: list[tuple[Tensor, Tensor]] = []

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        """One batch."""
        task, outputs = self.task, wide(outputs)
        if (of_loss := task.summed(outputs, targets)) is not None:
            self._parts.setdefault("loss", []).append(of_loss)
        for name in task.names:
            if name != "loss":
                parts = METRICS[name].parts(outputs, targets, task.ignore_index, task.class_axis)
                self._parts.setdefault(name, []).append(parts)
        if task.own_code:
            self._all.append((outputs, targets))

    def result(self) -> Metrics | Measured:
        """What all batches come to; the host waits for the device here, and functions of one's own are called.

        ValueError if a metric is not finite although the loss is.
        """
        if not self.task.own_code:
            return self._put_together({}, {})
        outputs, targets = (torch.cat(one) for one in zip(*self._all, strict=True))
        with global_generators(self.device, seed=0):
            loss = self.task.whole(outputs, targets) if callable(self.task.loss) else self._quotient("loss")
            own = {
                one.name: one.value(outputs, targets) if math.isfinite(loss) else math.nan
                for one in self.task.all_metrics
                if isinstance(one, Metric)
            }
        return self._put_together({"loss": loss}, own)

    def _put_together(self, loss: Mapping[str, float], own: Mapping[str, float]) -> Metrics | Measured:
        known = dict(loss)
        for name in self._parts:
            known.setdefault(name, self._quotient(name))
        named = {
            name: METRICS[name].finish(known[name]) if math.isfinite(known[name]) else known[name]
            for name in self.task.names
        }
        values = {q.name: own[q.name] if q.name in own else named[q.name] for q in self.task.quantities}
        for quantity in self.task.quantities if math.isfinite(known["loss"]) else ():
            _check_value(quantity, values[quantity.name])
        if self.task.default:
            return Metrics(known["loss"], values["accuracy"])
        return Measured(known["loss"], values)

    def _quotient(self, name: str) -> float:
        """Of the sums over all batches, in float64 on the host: of whole numbers exact, whatever the device has."""
        total, count = (sum(map(float, one)) for one in zip(*self._parts[name], strict=True))
        return total / count


def _check_value(quantity: Quantity, value: float) -> None:
    if not math.isfinite(value):
        raise ValueError(
            f"The metric {quantity.name!r} of the whole split is {value}, and its loss is finite; expected a finite number."
        )
    if quantity.unit == "%" and not -1e-6 <= value <= 1 + 1e-6:
        raise ValueError(
            f"The metric {quantity.name!r} is {value:.6g}, in '%', which is for fractions from 0 to 1, shown times 100; expected "
            "one, or another unit, such as ''."
        )
