"""Trainings that drivers call one at a time, in threads of their own, such as one `imp` a seed, done as one stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

from torch import nn

from lthkit.data.datasets import Dataset
from lthkit.training.choices import Choice
from lthkit.training.loop import train
from lthkit.training.recipes import Recipe
from lthkit.training.replicates import train_together
from lthkit.training.results import TrainResult
from lthkit.training.tasks import Task


class Meeting:
    """Where trainings that are called in several threads wait for each other, and are done as one.

    A thread takes part within `with meeting.joined() as train:`. Once every thread that takes part waits in it,
    the calls that fit together (same architecture, recipe, task, start step) are done by `train_together`. Calls
    with a loss or an optimizer of one's own are done one by one.
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
        recipe, task = shared.get("recipe", Recipe()), shared.get("task", Task())
        own = id(self) if callable(recipe.optimizer) or callable(task.loss) else None
        self.key = (shapes, states, tuple(mask or ()), id(self.data), repr(sorted(shared.items())), own)


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
