"""Linear mode connectivity: what lies on the straight line between two trained networks.

Two networks that were trained from one checkpoint with different data orders are two points in the space of weights.
If the error does not rise between them, both lie in one valley, and the training was *stable* from that checkpoint on
(Frankle et al. 2020, "Linear Mode Connectivity and the Lottery Ticket Hypothesis", sections 2 and 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lthkit.data.datasets import Dataset
from lthkit.machine.checks import check_whole
from lthkit.machine.devices import autocast
from lthkit.machine.work import waiting
from lthkit.pruning.masks import Mask
from lthkit.training.checkpoints import Checkpoint
from lthkit.training.choices import choose
from lthkit.training.evaluation import evaluate, takes_channels_last
from lthkit.training.loop import train
from lthkit.training.recipes import Recipe
from lthkit.training.results import TrainResult
from lthkit.training.tasks import Task

ModelFn = Callable[..., nn.Module]
ALPHAS = tuple(i / 10 for i in range(11))


class PathPoint(NamedTuple):
    """One place on the line: `alpha` is 0 at the first network and 1 at the second; error = 1 - accuracy, 0 to 1.

    By another metric than accuracy, error is what is lower the better the network is (`Quantity.error`): the metric itself
    where lower is better; 1 - metric where it is a fraction, in "%"; else its negative.
    """

    alpha: float
    loss: float
    error: float


@dataclass(frozen=True)
class Instability:
    """What became of the children of one checkpoint.

    Attributes:
        step: of the checkpoint, k.
        paths: the line between each pair of children, in the order (0, 1), (0, 2), ..., (1, 2), ...
        children: what each child's training measured.
    """

    step: int
    paths: tuple[tuple[PathPoint, ...], ...]
    children: tuple[TrainResult, ...]

    @property
    def barriers(self) -> tuple[float, ...]:
        """Error barrier of each pair."""
        return tuple(barrier(path) for path in self.paths)

    @property
    def barrier(self) -> float:
        """Mean error barrier of the pairs. Of an accuracy Frankle et al. 2020 call a checkpoint stable if it is below 0.02."""
        return sum(self.barriers) / len(self.paths)


def between(a: Checkpoint, b: Checkpoint, alpha: float) -> Checkpoint:
    """The network at `alpha` on the line from a to b: (1 - alpha) a + alpha b, for every weight and float buffer.

    At 0 and at 1 it is a and b, bit for bit. Whole numbers (batch norm counts its batches) are taken from the nearer
    end, because there is no such thing as 3.7 batches. Weights that are 0 in both stay exactly 0. The result has no
    optimizer state; its step is the nearer end's.

    Raises:
        ValueError: alpha outside 0 to 1, or checkpoints of different networks.
    """
    _check_alpha(alpha)
    _check_pair(a, b)
    near = a if alpha <= 0.5 else b
    if alpha in (0, 1):
        return Checkpoint(near.step, {name: tensor.clone() for name, tensor in near.model.items()})
    state = {}
    for name, first in a.model.items():
        second = b.model[name].to(first.device)
        floating = first.is_floating_point()
        state[name] = torch.lerp(first, second, alpha) if floating else near.model[name].clone()
    return Checkpoint(near.step, state)


def interpolate(
    model_fn: ModelFn,
    data: Dataset,
    *,
    a: Checkpoint,
    b: Checkpoint,
    alphas: Sequence[float] = ALPHAS,
    split: str = "validation",
    statistics: int = 2000,
    precision: str = "float32",
    task: Task = Task(),  # noqa: B008  (frozen)
) -> tuple[PathPoint, ...]:
    """Loss and error of the networks on the straight line from a to b (Frankle et al. 2020, section 2).

    Batch norm: the running statistics at both ends say nothing about the networks between them. So at every alpha
    strictly between 0 and 1 they are estimated anew, as the plain mean over batches of `statistics` training images,
    without augmentation. At 0 and at 1 the two networks are taken as they are, with their own statistics, so that the
    ends are exactly what `evaluate` says of them. A network without batch norm is only evaluated.

    Args:
        model_fn: makes the network; called as `model_fn(seed=0)`, its weights are replaced.
        a, b: end points. alphas: places on the line, each from 0 to 1.
        split: "validation", or "train". The test split is for a training's one result, not for exploring a path.
        statistics: training images for the batch-norm statistics, the same at each alpha; all if there are fewer.
        precision: see `Recipe`. task: whose loss and first metric the points have.

    Raises:
        ValueError: alphas, split or statistics out of range; checkpoints of another network.
    """
    _check_path(alphas, split, statistics)
    model = model_fn(seed=0).to(data.device)
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]
    images = data.draw(min(statistics, len(data.train)), seed=0, batch_size=200) if layers else []
    channels_last = choose(model, data.device).channels_last and takes_channels_last(model, data)
    points = []
    for alpha in alphas:
        between(a, b, alpha).restore(model)
        if 0 < alpha < 1 and layers:
            _estimate_statistics(model, layers, [x for x, _ in images], data, precision, channels_last)
        given: dict[str, Any] = {"precision": precision, "channels_last": channels_last, "task": task}
        found = evaluate(model, data, split=split, **given)
        points.append(PathPoint(float(alpha), found.loss, task.quantity.error(found.metric)))
    return tuple(points)


def barrier(points: Sequence[PathPoint]) -> float:
    """Error barrier of a path: its highest error minus the mean error of its two ends (Frankle et al. 2020, section 2).

    The ends belong to the path, so a barrier is never negative.

    Raises:
        ValueError: the path does not go from alpha 0 to alpha 1, rising.
    """
    alphas = [p.alpha for p in points]
    rising = all(x < y for x, y in zip(alphas, alphas[1:], strict=False))
    if len(alphas) < 2 or alphas[0] != 0 or alphas[-1] != 1 or not rising:
        raise ValueError(
            f"A path with alphas {alphas} was given; expected them to rise from 0 to 1, both included."
        )
    return max(p.error for p in points) - (points[0].error + points[-1].error) / 2


def instability(
    model_fn: ModelFn,
    data: Dataset,
    *,
    start: Checkpoint,
    orders: Sequence[int] = (0, 1),
    mask: Mask | None = None,
    recipe: Recipe = Recipe(),  # noqa: B008  (frozen)
    momentum: str = "restore",
    alphas: Sequence[float] = ALPHAS,
    split: str = "validation",
    statistics: int = 2000,
    progress: Callable[[int], object] | None = None,
    task: Task = Task(),  # noqa: B008  (frozen)
) -> Instability:
    """Train a child of `start` for each data order, and measure the path between each two (Frankle et al. 2020).

    All children have the same weights, the same mask, the same optimizer state and the same place in the schedule;
    only the order of the data (and the augmentation) after step k = `start.step` differs. For several k, call it for
    the checkpoints that one dense training kept: `lth.train(..., keep=(0, 100, 500)).kept`.

    Args:
        orders: seeds of the data order, two or more, all different.
        mask: what the children keep; None trains the whole network.
        recipe, momentum, progress, task: as for `lth.train`. alphas, split, statistics: as for `interpolate`.

    Raises:
        ValueError: fewer than two orders, or equal ones; and what `train` and `interpolate` refuse.
    """
    _check_path(alphas, split, statistics)
    if not isinstance(orders, Sequence) or len(orders) < 2 or len(set(orders)) < len(orders):
        raise ValueError(
            f"orders={orders} was given; expected two or more different seeds: equal ones make equal children."
        )
    ends, results = [], []
    with closing(waiting(orders, lambda order: f"child with data order {order}")) as children:
        for order in children:
            model = model_fn(seed=0).to(data.device)
            result = train(
                model,
                data,
                mask=mask,
                seed=order,
                recipe=recipe,
                start=start,
                momentum=momentum,
                progress=progress,
                task=task,
            )
            ends.append(Checkpoint.of(model, step=start.step + result.steps))
            results.append(replace(result, kept={}))
    between_two = partial(
        interpolate, alphas=alphas, split=split, statistics=statistics, precision=recipe.precision, task=task
    )
    paths = tuple(between_two(model_fn, data, a=a, b=b) for a, b in combinations(ends, 2))
    return Instability(start.step, paths, tuple(results))


def _check_path(alphas: Sequence[float], split: str, statistics: int) -> None:
    if split not in ("train", "validation"):
        raise ValueError(
            f"split={split!r} was given; expected 'validation' or 'train'. The test split is read once a training."
        )
    if not isinstance(alphas, Sequence) or not alphas:
        what = f"={alphas!r} was given" if alphas else " is empty"
        raise ValueError(f"alphas{what}; expected places on the line, such as (0, 0.5, 1).")
    for alpha in alphas:
        _check_alpha(alpha)
    check_whole("statistics", statistics, 1)


def _check_alpha(alpha: float) -> None:
    if not isinstance(alpha, int | float) or not 0 <= alpha <= 1:
        raise ValueError(
            f"alpha={alpha!r} was given; expected a number from 0 (the first) to 1 (the second)."
        )


def _check_pair(a: Checkpoint, b: Checkpoint) -> None:
    wrong = [
        name
        for name in [*a.model, *(n for n in b.model if n not in a.model)]
        if name not in a.model or name not in b.model or a.model[name].shape != b.model[name].shape
    ]
    if wrong:
        raise ValueError(
            f"The two checkpoints are of different networks: {wrong} are in one only or differ in shape; expected two "
            "trainings of one architecture."
        )


@torch.no_grad()
def _estimate_statistics(
    model: nn.Module,
    layers: Sequence[_BatchNorm],
    images: Sequence[Tensor],
    data: Dataset,
    precision: str,
    channels_last: bool,
) -> None:
    """Running statistics := plain mean over `images`; only batch norm is in training mode, dropout is not."""
    with _averaging(model, layers), autocast(data.device, precision):
        for inputs in images:
            layout = torch.channels_last if channels_last else torch.contiguous_format
            model(inputs.contiguous(memory_format=layout))


@contextmanager
def _averaging(model: nn.Module, layers: Sequence[_BatchNorm]) -> Iterator[None]:
    before = [layer.momentum for layer in layers]
    model.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # torch's word for the plain mean over all batches
        layer.train()
    try:
        yield
    finally:
        for layer, momentum in zip(layers, before, strict=True):
            layer.momentum = momentum
        model.eval()
