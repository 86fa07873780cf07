"""How near a step is to its matrix products: each of them timed alone and the step itself, on one thread, in turns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from lthkit.bench import machine
from lthkit.bench.rows import Row, Settings, timed, with_cost
from lthkit.bench.steps import SEED, our_steps, random_mask
from lthkit.bench.timing import Timing, Work, calls_for, interleaved, repeat
from lthkit.data.datasets import Dataset
from lthkit.data.named import load_data
from lthkit.machine.devices import operator_threads
from lthkit.models import lenet_300_100
from lthkit.pruning.masks import Mask
from lthkit.training.choices import choose
from lthkit.training.engine import optimizer_for
from lthkit.training.evaluation import evaluate
from lthkit.training.recipes import Recipe

ALONE = "matrix products alone"
_BLOCK = 20  # updates in a turn
_BATCH = 1000  # images at a time in an evaluation


def products(settings: Settings) -> Iterator[Row]:
    """R, the cost of a step: its time over the sum of what its matrix products take alone, on one thread.

    Of each layer three are counted: forward, the gradient of the weights, the gradient of the input. A step does not need
    that last one of the first layer, so R may fall below 1. An evaluation has the forward ones only. The other rows
    are parts of the step, timed alone too; what then remains is activations, losses, biases, and Python.
    """
    data = load_data().to(settings.device)
    with operator_threads(1):
        for batch_size in (60, 128):
            for optimizer, lr in (("sgd", 0.1), ("adam", 1.2e-3)):
                yield from _step(data, Recipe(10**6, batch_size, optimizer=optimizer, lr=lr), settings)
        yield from _evaluation(data, settings)


def _step(data: Dataset, recipe: Recipe, settings: Settings) -> Iterator[Row]:
    model = lenet_300_100(seed=SEED).to(data.device)
    mask, choice = random_mask(model), replace(choose(model, data.device), threads=1)
    do = our_steps(model, data, recipe=recipe, mask=mask, choice=choice)
    alone = _products(model, recipe.batch_size, backward=True)
    parts = _parts(data, recipe, mask)
    timings = _in_turns({"step": partial(do, _BLOCK)}, alone | parts, settings, per=_BLOCK)
    case = f"LeNet-300-100, batch {recipe.batch_size}, {'SGD' if recipe.optimizer == 'sgd' else 'Adam'}, one thread"
    row = Row("products", case, "", "ms per step", threads=1)
    yield from _beside(replace(row, choice=choice), timings["step"], [timings[name] for name in alone])
    for name in parts:
        yield timed(replace(row, name=name), timings[name], first=timings[name], scale=1e3)


def _evaluation(data: Dataset, settings: Settings) -> Iterator[Row]:
    model, images = lenet_300_100(seed=SEED).to(data.device), len(data.validation)
    size = min(_BATCH, images)
    alone = _products(model, size, backward=False)
    work: dict[str, Work] = {"evaluation": partial(evaluate, model, data, batch_size=size)}
    timings = _in_turns(work, alone, settings, per=1)
    forward = [
        replace(timings[name], seconds=tuple(s * images / size for s in timings[name].seconds))
        for name in alone
    ]
    row = Row("products", f"LeNet-300-100, evaluation on {images:,} images, one thread", "", "ms", threads=1)
    yield from _beside(row, timings["evaluation"], forward)


def _beside(row: Row, timing: Timing, alone: list[Timing]) -> Iterator[Row]:
    """A row for the sum of the products, turn by turn, and one for what needs them, with its cost."""
    sums = tuple(map(sum, zip(*(t.seconds for t in alone), strict=True)))
    whole = Timing(ALONE, sums, (1.0,) * len(sums))
    other = replace(timing, ratios=tuple(a / b for a, b in zip(sums, timing.seconds, strict=True)))
    yield timed(replace(row, name=ALONE, choice=None), whole, first=whole, scale=1e3)
    yield timed(with_cost(replace(row, name=timing.name), other, first=whole), other, first=whole, scale=1e3)


def _in_turns(
    blocks: dict[str, Work], small: dict[str, Work], settings: Settings, *, per: int
) -> dict[str, Timing]:
    """Time blocks of `per` units, and works so short that they are repeated within a turn; by name."""
    wait = machine.synchroniser(settings.device)
    calls = {name: calls_for(work, synchronise=wait) for name, work in small.items()}
    timings = interleaved(
        blocks | {name: partial(repeat, work, calls[name]) for name, work in small.items()},
        repetitions=settings.pairs,
        per=dict.fromkeys(blocks, per) | calls,
        synchronise=wait,
    )
    return {timing.name: timing for timing in timings}


@torch.no_grad()
def _products(model: nn.Module, batch: int, *, backward: bool) -> dict[str, Work]:
    """The matrix products of one batch, each by itself on random numbers and into memory that is there."""
    works: dict[str, Work] = {}
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    for k, weight in enumerate(layer.weight.detach() for layer in layers):
        delta, entering = (torch.randn(batch, n, device=weight.device) for n in weight.shape)
        works[f"forward, layer {k}"] = partial(torch.mm, entering, weight.t(), out=torch.empty_like(delta))
        if backward:
            out, back = torch.empty_like(weight), torch.empty_like(entering)
            works[f"gradient of the weights, layer {k}"] = partial(torch.mm, delta.t(), entering, out=out)
            works[f"gradient of the input, layer {k}"] = partial(torch.mm, delta, weight, out=back)
    return works


def _parts(data: Dataset, recipe: Recipe, mask: Mask) -> dict[str, Work]:
    """What else a step does and can be timed alone, on a network of its own."""
    model = lenet_300_100(seed=SEED).to(data.device)
    optimizer = optimizer_for(model, recipe)
    gradients: list[Tensor | None] = [torch.randn_like(p) * 1e-3 for p in optimizer.parameters]
    factors = [mask[n].to(p) for n, p in model.named_parameters() if n in mask]  # as the engine has them
    masked = [torch.randn_like(p).detach() for n, p in model.named_parameters() if n in mask]
    rows = torch.randperm(len(data.train))[: recipe.batch_size].to(data.device)
    return {
        "gather and normalise": lambda: data.inputs(data.train, rows),
        "mask the gradients": lambda: torch._foreach_mul_(masked, factors),
        "optimizer": lambda: optimizer.step(gradients, recipe.lr),
    }
