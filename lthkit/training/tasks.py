"""What a network is trained for, and what it is judged by: a `Task` is a loss and its metrics, a value of a run's configuration."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lthkit.data.datasets import Dataset
from lthkit.machine.checks import did_you_mean, is_number, plain
from lthkit.machine.seeds import global_generators
from lthkit.storage.identity import name_of
from lthkit.training.metrics import METRICS, Metric, Parts, Quantity, squared_errors
from lthkit.training.pairing import each_against_each
from lthkit.training.shapes import by_class, counted, few, matched, shaped, wide

LossFn = Callable[[Tensor, Tensor], Tensor]

LOSSES = {"cross-entropy": "classes", "mse": "numbers"}  # and what its targets are


@dataclass(frozen=True)
class Task:
    """What to train for, and what to judge by. The default, `Task()`, is classification: cross-entropy and accuracy.

        task = lth.Task(loss="mse", metrics=("rmse", "mae"))                      # targets floating [n] or [n, k]
        task = lth.Task(label_smoothing=0.1, ignore_index=0, metrics="perplexity")   # tokens, of which 0 is padding
        task = lth.Task(loss=torch.nn.functional.huber_loss, metrics=lth.Metric("r2", r2_score))
        for r in lth.imp(model_fn, data, rounds=3, task=task):
            print(r.validation_metric, r.test_metrics)

    Every driver, `train` and `evaluate` take it as `task=`.

    loss: "cross-entropy", of one class a row (targets int64 [n], outputs [n, classes]) or of one class a token (targets
        [n, length], outputs [n, length, classes] or, as torch has them, [n, classes, length]); "mse", the mean squared
        error of numbers (targets floating, outputs of the same shape); or a function (outputs, targets) -> the *mean* loss
        of the batch, a scalar tensor: focal_loss, torch.nn.functional.huber_loss, torch.nn.CrossEntropyLoss(weight=w).
    metrics: the first one is *the* metric of results, tables and figures; the others are measured besides. Names: accuracy,
        error, token accuracy, perplexity (of classes), rmse, mae (of numbers), loss; or a `Metric` of your own. None is
        accuracy, for "mse" rmse.
    label_smoothing: of cross-entropy, from 0 to below 1 (Szegedy et al. 2016). The validation loss is the same function,
        smoothing included; perplexity is without it.
    ignore_index: the class of targets that do not count, the padding of tokens say. They are in no loss and no metric that
        is told by name; a function of your own sees them.
    class_axis: where in the outputs of tokens the classes are: -1 (last) or 1. None looks at the shapes, and asks if the
        length and the number of classes are equal.

    The loss and the metrics of a split are those of all its rows together, computed from sums and counts or, for functions
    of your own, from all outputs at once; they do not depend on how the split is cut into batches. The best step is always
    that of least validation loss. Networks are trained by the same fast paths where a loss allows it, else by autograd,
    step by step; the loss is the same.

    Raises:
        ValueError: an unknown loss or metric, two metrics of one name, an option out of range or of another loss. When it is
            used: targets or outputs that do not fit; a loss of your own that is a sum, no scalar, or that holds each
            output against each target ([n, 1] against [n]).
    """

    loss: str | LossFn = "cross-entropy"
    metrics: tuple[str | Metric, ...] | str | Metric | None = None
    label_smoothing: float = 0.0
    ignore_index: int | None = None
    class_axis: int | None = None

    def __post_init__(self) -> None:
        if not callable(self.loss) and not (isinstance(self.loss, str) and self.loss in LOSSES):
            near = did_you_mean(self.loss, LOSSES) if isinstance(self.loss, str) else ""
            raise ValueError(
                f"loss={self.loss!r} was given; expected one of {', '.join(LOSSES)}, or a function (outputs, targets) -> mean "
                f"loss.{near}"
            )
        if isinstance(self.loss, type):
            raise ValueError(
                f"loss={self.loss.__name__} was given, a class; expected a function, or an object of the class: "
                f"{self.loss.__name__}()."
            )
        if isinstance(self.loss, nn.Module) and (
            own := [n for n, p in self.loss.named_parameters() if p.requires_grad]
        ):
            raise ValueError(
                f"The loss {type(self.loss).__name__} has parameters of its own, {', '.join(own)}, which nobody would train; expected "
                "none. Make them parameters of the network, which gives what they compute with its outputs."
            )
        given = self.metrics
        if given is None:
            given = ("rmse",) if self.loss == "mse" else ("accuracy",)
        given = (given,) if isinstance(given, str | Metric) else tuple(given)
        object.__setattr__(self, "metrics", given)
        self._check_metrics(given)
        self._check_options()

    def _check_metrics(self, given: tuple[Any, ...]) -> None:
        if not given:
            raise ValueError("metrics=() was given; expected one or more, such as ('accuracy',).")
        for one in given:
            if isinstance(one, Metric) or (isinstance(one, str) and one in METRICS):
                continue
            near = did_you_mean(one, METRICS) if isinstance(one, str) else ""
            raise ValueError(
                f"metrics has {one!r}; expected some of {', '.join(METRICS)}, or a lthkit.Metric(name, function).{near}"
            )
        names = [one if isinstance(one, str) else one.name for one in given]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"metrics has {', '.join(twice)} twice; expected different names.")

    def _check_options(self) -> None:
        for name in ("label_smoothing", "ignore_index", "class_axis"):
            object.__setattr__(self, name, plain(getattr(self, name)))
        smoothing = self.label_smoothing
        if not is_number(smoothing) or not 0 <= smoothing < 1:
            raise ValueError(f"label_smoothing={smoothing!r} was given; expected a number from 0 to below 1.")
        object.__setattr__(self, "label_smoothing", float(smoothing))
        if smoothing and self.loss != "cross-entropy":
            raise ValueError(
                f"label_smoothing={smoothing!r} was given, which is for loss='cross-entropy'; a loss of your own does it itself."
            )
        if self.ignore_index is not None and (
            type(self.ignore_index) is not int or self.ignore_index < 0 or self.loss == "mse"
        ):
            raise ValueError(
                f"ignore_index={self.ignore_index!r} was given; expected the number of a class, from 0, whose targets do not "
                "count (and no such number for loss='mse')."
            )
        if self.class_axis not in (None, 1, -1):
            raise ValueError(f"class_axis={self.class_axis!r} was given; expected 1, -1 or None.")

    def config(self) -> dict[str, Any]:
        """What stands for the task in a run's configuration: what differs from the default; {} for the default.

        Raises:
            storage.identity.Nameless: a function that cannot be told from another of its name.
        """
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        differing = {name: value for name, value in given.items() if value != getattr(_DEFAULT, name)}
        if "loss" in differing and callable(self.loss):
            differing["loss"] = {"function": name_of(self.loss)}
        if "metrics" in differing:
            differing["metrics"] = [
                one if isinstance(one, str) else {**one.quantity._asdict(), "of": name_of(one.of)}
                for one in self.all_metrics
            ]
        return differing

    @property
    def quantity(self) -> Quantity:
        """What the first metric measures."""
        return self.quantities[0]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """What each metric measures, in order."""
        return tuple(
            METRICS[one].quantity if isinstance(one, str) else one.quantity for one in self.all_metrics
        )

    @property
    def default(self) -> bool:
        """True for classification by cross-entropy, judged by accuracy: what everything is made for if nothing is said."""
        return self == _DEFAULT

    @property
    def usual(self) -> bool:
        """True if the loss is plain cross-entropy, for which there are faster ways; the metrics may be any."""
        return self.loss == "cross-entropy" and not self.label_smoothing and self.ignore_index is None

    @property
    def own_code(self) -> bool:
        """True if something of the user's own is called: at each step, or at each evaluation."""
        return callable(self.loss) or any(isinstance(one, Metric) for one in self.all_metrics)

    def mean_loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of a batch, a scalar with its graph; as `loss` for a score: `lth.snip(..., loss=task.mean_loss)`.

        Raises:
            ValueError: outputs whose shape does not fit the targets; a function that gives no scalar.
        """
        if self.usual and targets.ndim == 1 and not targets.is_floating_point():
            return F.cross_entropy(outputs, targets)
        if self.loss == "cross-entropy":
            return self._cross_entropy(*by_class(outputs, targets, self.class_axis), reduction="mean")
        if self.loss == "mse":
            return F.mse_loss(*matched(outputs, targets))
        return self._own(wide(outputs), targets)

    def summed(self, outputs: Tensor, targets: Tensor) -> Parts | None:
        """The loss of a batch as a sum and a count, that of a split being the quotient of sums; None for one's own."""
        if self.loss == "cross-entropy":
            rows, classes = by_class(outputs, targets, self.class_axis)
            return self._cross_entropy(rows, classes, reduction="sum"), counted(
                classes, self.ignore_index
            ).sum()
        return squared_errors(outputs, targets) if self.loss == "mse" else None

    def whole(self, outputs: Tensor, targets: Tensor) -> float:
        """The loss of a whole split, for a function of one's own."""
        rows = few(targets)
        self._refuse_a_sum(outputs[rows], targets[rows])
        self._refuse_a_broadcast(outputs[rows], targets[rows])
        before = outputs._version, targets._version
        loss = float(self._own(outputs, targets))
        if (outputs._version, targets._version) != before:
            raise ValueError(
                f"{self._named} writes into the outputs or the targets, which metrics still read; expected a function that leaves "
                "them as they are: outputs.clamp(0), say, not outputs.clamp_(0)."
            )
        return loss

    def check_data(self, data: Dataset) -> None:
        """ValueError if the loss or a metric is not for such targets."""
        targets = data.train.targets
        own, what = shaped(targets), "numbers" if targets.is_floating_point() else "classes"
        if self.default and what == "numbers":
            raise ValueError(
                f"The targets of {data.name} are numbers ({own}), and the default task is classification; expected a task for "
                "numbers: task=lthkit.Task(loss='mse'), say."
            )
        if isinstance(self.loss, str) and LOSSES[self.loss] != what:
            advice = (
                "loss='mse'" if what == "numbers" else "loss='cross-entropy', or targets that are floating"
            )
            raise ValueError(
                f"loss={self.loss!r} is for {LOSSES[self.loss]}, and the targets of {data.name} are {what} ({own}); expected {advice}."
            )
        for name in self.names:
            if METRICS[name].of not in ("", what):
                fitting = [known for known, one in METRICS.items() if one.of in ("", what)]
                raise ValueError(
                    f"The metric {name!r} is for {METRICS[name].of}, and the targets of {data.name} are {what} ({own}); "
                    f"expected metrics of {', '.join(fitting)}, or a lthkit.Metric of your own."
                )
        if "token accuracy" in self.names and targets.ndim == 1:
            raise ValueError(
                f"'token accuracy' was given, and the targets of {data.name} are one class a row; expected 'accuracy'."
            )
        if self.ignore_index is not None:
            self._check_ignored(data, self.ignore_index)

    def _check_ignored(self, data: Dataset, ignored: int) -> None:
        if ignored >= len(data.classes):
            raise ValueError(
                f"ignore_index={ignored} was given, and {data.name} has {len(data.classes)} classes, so nothing would be "
                "ignored; expected the number of the class that stands for padding."
            )
        for part in ("train", "validation", "test"):
            targets = getattr(data, part).targets
            there = counted(targets, ignored).view(len(targets), -1).any(1)
            if not bool(there.all()):
                raise ValueError(
                    f"Row {int((~there).nonzero()[0])} of {part} has no target but {ignored}, which does not count, so its loss "
                    "is 0 / 0; expected one that counts in each row. Leave such rows out."
                )

    def check_outputs(self, outputs: Tensor, targets: Tensor, classes: int) -> None:
        """ValueError if a few outputs do not fit their targets, or a loss of one's own is no mean over the batch."""
        if self.loss == "mse" or any(METRICS[name].of == "numbers" for name in self.names):
            matched(outputs, targets)
        if self.loss == "cross-entropy" or any(METRICS[name].of == "classes" for name in self.names):
            width = by_class(outputs, targets, self.class_axis)[0].shape[1]
            if width < classes:
                raise ValueError(
                    f"The outputs {shaped(outputs)} are of {width} classes, and the data has {classes}; expected as many: "
                    "classes=len(data.classes) where the network is made."
                )
        if callable(self.loss):
            self._refuse_a_sum(wide(outputs), targets)
            self._refuse_a_broadcast(wide(outputs), targets)

    def _refuse_a_sum(self, outputs: Tensor, targets: Tensor) -> None:
        """ValueError if a loss of one's own doubles where each row is there twice, as a sum does and a mean does not; or if
        it keeps a state, which nobody would save."""
        once, again = (self._asked(outputs, targets) for _ in range(2))
        if once != again and math.isfinite(once):
            raise ValueError(
                f"{self._named} gives {once:.6g} for some rows, and {again:.6g} when it is asked again; expected a function of outputs "
                "and targets alone: what it keeps would be in no checkpoint. It may draw from torch's generators."
            )
        twice = self._asked(torch.cat([outputs, outputs]), torch.cat([targets, targets]))
        if once and math.isclose(twice, 2 * once, rel_tol=1e-4):
            raise ValueError(
                f"{self._named} gives {once:.6g} for {len(outputs)} rows and twice as much if each is there twice: it is a sum "
                "over the batch; expected the mean (reduction='mean'), so that the learning rate and the validation loss do "
                "not depend on how many rows there are."
            )

    def _refuse_a_broadcast(self, outputs: Tensor, targets: Tensor) -> None:
        """ValueError where all pairs are taken, or [n, 1] has met [n] and the gradient at a row is not that of its own loss.

        The values may agree, those of equal outputs do; the gradients do not, if the targets differ.
        """
        if each_against_each(self._own, outputs, targets):
            raise ValueError(
                f"{self._named} does not change if the outputs {shaped(outputs)} change their places, and takes n times n numbers "
                f"for n rows: inside it each output is held against each target, as where [n] meets [n, 1]. Expected one "
                "shape: leave out a squeeze() or [:, 0] of the one, or do the same to the other."
            )
        if outputs.shape == targets.shape or outputs.numel() != targets.numel():
            return
        with torch.enable_grad():
            outputs = outputs.detach().requires_grad_()
            together = self._own(outputs, targets)
            rows = [
                self._own(one, target) for one, target in zip(outputs.split(1), targets.split(1), strict=True)
            ]
            if not together.requires_grad:
                return
            (alone,) = torch.autograd.grad(torch.stack(rows).mean(), outputs)
            (given,) = torch.autograd.grad(together, outputs)
        if not torch.allclose(given, alone, rtol=1e-3, atol=1e-3 * float(alone.abs().max())):
            raise ValueError(
                f"Outputs {shaped(outputs)} meet targets {shaped(targets)} in {self._named}, and its gradient at a row depends on "
                "the targets of other rows: each output is held against each target. Expected one shape: "
                "outputs.squeeze(-1) in the network, or targets[:, None] in the data."
            )

    def _asked(self, outputs: Tensor, targets: Tensor) -> float:
        """The loss, with the same random numbers at each call."""
        with global_generators(outputs.device, seed=0):
            return float(self._own(outputs, targets))

    def _own(self, outputs: Tensor, targets: Tensor) -> Tensor:
        assert callable(self.loss)
        value = self.loss(outputs, targets)
        if not isinstance(value, Tensor) or value.ndim or not value.is_floating_point():
            given = f"a tensor {shaped(value)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
            raise ValueError(
                f"{self._named} gives {given}; expected the mean over the batch, a floating-point tensor of no dimension: "
                "loss.mean(), say, or reduction='mean'."
            )
        return value

    def _cross_entropy(self, rows: Tensor, classes: Tensor, *, reduction: str) -> Tensor:
        ignored = -100 if self.ignore_index is None else self.ignore_index
        smoothing = self.label_smoothing
        return F.cross_entropy(
            rows, classes, ignore_index=ignored, label_smoothing=smoothing, reduction=reduction
        )

    @property
    def all_metrics(self) -> tuple[str | Metric, ...]:
        """The metrics in order."""
        assert isinstance(self.metrics, tuple)
        return self.metrics

    @property
    def names(self) -> list[str]:
        """The metrics that are told by name."""
        return [one for one in self.all_metrics if isinstance(one, str)]

    @property
    def _named(self) -> str:
        if isinstance(self.loss, str):
            return f"loss={self.loss!r}"
        return f"The loss {getattr(self.loss, '__qualname__', type(self.loss).__qualname__)}"


_DEFAULT = Task()


def check_task(task: Any) -> Task:
    """The task. TypeError for what is none: a loss or its name is given to one."""
    if not isinstance(task, Task):
        what = repr(task) if isinstance(task, str) else f"a {type(task).__name__}"
        raise TypeError(
            f"task is {what}; expected a lthkit.Task, such as lthkit.Task(loss='mse', metrics=('rmse',))."
        )
    return task
