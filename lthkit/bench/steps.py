"""Works that time single updates: LeNet-300-100, SmallCNN, ResNet-20, and what the mask costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from lthkit.bench import machine
from lthkit.bench.rows import NO_TORCHVISION, TEXTBOOK, Row, Settings, timed, with_agreement, with_cost
from lthkit.bench.textbook import (
    TurnLoader,
    resident_batches,
    rows_of_updates,
    textbook_loop,
    textbook_optimizer,
)
from lthkit.bench.timing import Timing, Work, interleaved
from lthkit.data.datasets import Dataset, Split
from lthkit.data.named import load_data
from lthkit.machine.devices import operator_threads
from lthkit.machine.seeds import derived_seed
from lthkit.models import lenet_300_100, resnet_20, smallcnn
from lthkit.pruning.masks import Mask
from lthkit.pruning.scores import random
from lthkit.pruning.selection import prune
from lthkit.training.choices import PLAIN, Choice, choose
from lthkit.training.engine import updater
from lthkit.training.evaluation import evaluate
from lthkit.training.loop import execution
from lthkit.training.recipes import Recipe

RESIDENT = "textbook, resident data"
SPARSITY = 0.8
SEED = 0
_PREFETCHED = 4  # batches that the textbook's two workers have ready: the DataLoader's default, two each
_WARM = 2  # updates of each variant before the first turn

Steps = Callable[[int], object]


def lenet(settings: Settings) -> Iterator[Row]:
    """LeNet-300-100 on the embedded Fashion-MNIST, 80 % of the weights removed."""
    data = load_data().to(settings.device)
    for batch_size in (60, 128):
        for optimizer, lr in (("sgd", 0.1), ("adam", 1.2e-3)):
            recipe = Recipe(steps=10**6, batch_size=batch_size, optimizer=optimizer, lr=lr)
            case = f"LeNet-300-100, batch {batch_size}, {'SGD' if optimizer == 'sgd' else 'Adam'}"
            yield from _compare(
                "lenet", case, lenet_300_100, data, recipe, ("float32", "medium"), settings, settings.short
            )


def small(settings: Settings) -> Iterator[Row]:
    """SmallCNN at 32x32 with random crop and flip, Adam, 80 % of the weights removed."""
    recipe = Recipe(steps=10**6, batch_size=128, lr=1e-3, augment=True)
    yield from _convolutional(
        "smallcnn", "SmallCNN, batch 128, Adam, crop and flip", smallcnn, recipe, settings
    )


def resnet(settings: Settings) -> Iterator[Row]:
    """ResNet-20 with random crop and flip, SGD with momentum, 80 % of the weights removed."""
    recipe = Recipe(steps=10**6, batch_size=128, optimizer="sgd", lr=0.02, momentum=0.9, augment=True)
    case = "ResNet-20, batch 128, SGD with momentum, crop and flip"
    yield from _convolutional("resnet20", case, resnet_20, recipe, settings)


def mask_cost(settings: Settings) -> Iterator[Row]:
    """A step with an 80 % mask beside one without, on one thread, in paired blocks."""
    data, device = load_data().to(settings.device), settings.device
    choice, block = replace(choose(lenet_300_100(seed=SEED), device), threads=1), 20
    for optimizer, lr in (("sgd", 0.1), ("adam", 1.2e-3)):
        recipe = Recipe(steps=10**6, batch_size=60, optimizer=optimizer, lr=lr)
        for kind in ("lthkit", RESIDENT):
            with operator_threads(1):
                works: dict[str, Work] = {}
                for name in ("no mask", "mask"):
                    model = _model(lenet_300_100, data)
                    mask = random_mask(model) if name == "mask" else None
                    if kind == "lthkit":
                        do = our_steps(model, data, recipe=recipe, mask=mask, choice=choice)
                    else:
                        images = resident_batches(data, recipe=recipe, seed=SEED)
                        do = textbook_steps(model, images, recipe=recipe, mask=mask, device=device)
                    works[name] = partial(do, block)
                timings = interleaved(
                    works, repetitions=settings.pairs, per=block, synchronise=machine.synchroniser(device)
                )
            case = f"{kind}, LeNet-300-100, batch 60, {'SGD' if optimizer == 'sgd' else 'Adam'}, one thread"
            row = Row("mask", case, "", "ms per step", threads=1, choice=choice if kind == "lthkit" else None)
            for timing in timings:
                this = with_cost(replace(row, name=timing.name), timing, first=timings[0])
                yield timed(this, timing, first=timings[0], scale=1e3)


def cifar_shaped(*, images: int, held_out: int, seed: int = 0) -> Dataset:
    """Random images in CIFAR's shape, made in memory, bright or dark under noise: labels that are learned in few updates.

    Brightness, because crops and flips leave it be. Few updates must do, because a benchmark does few: half-way up a
    learning curve, other crops alone would make accuracies differ.
    """
    g = torch.Generator().manual_seed(seed)

    def split(n: int) -> Split:
        labels = torch.arange(n) % 2
        noise = torch.randint(0, 156, (n, 3, 32, 32), generator=g)
        return Split((noise + 100 * labels.view(n, 1, 1, 1)).to(torch.uint8), labels)

    return Dataset.of(
        "random images in CIFAR's shape",
        train=split(images),
        validation=split(held_out),
        test=split(2),
        classes=("dark", "bright"),
    )


def random_mask(model: nn.Module, *, sparsity: float = SPARSITY) -> Mask:
    """A mask that removes the same random part of each layer."""
    # A seed of its own: from the network's seed, the same stream of numbers would draw the mask and the weights.
    scores = random(model, seed=derived_seed(SEED, "mask"))
    return prune(Mask.ones(model), scores, sparsity, scope="layerwise")


def our_steps(model: nn.Module, data: Dataset, *, recipe: Recipe, mask: Mask | None, choice: Choice) -> Steps:
    """The function that does the next n updates as `lthkit` does them, on as many threads as `choice` says."""
    with execution(model, data, recipe):
        update = updater(model, data, recipe=recipe, masks=[mask], seeds=[SEED], choice=choice)
    numbers = iter(range(recipe.steps))

    def do(n: int) -> None:
        with execution(model, data, recipe), operator_threads(choice.threads):
            for step in islice(numbers, n):
                update(step)

    return do


def textbook_steps(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    recipe: Recipe,
    mask: Mask | None,
    device: torch.device,
) -> Steps:
    """The function that does the next n updates as the textbook does them."""
    optimizer, masks = textbook_optimizer(model, recipe), {} if mask is None else dict(mask.to(device))
    if mask is not None:
        mask.apply_(model)
    source = iter(batches)

    def do(n: int) -> None:
        textbook_loop(model, islice(source, n), masks=masks, optimizer=optimizer, device=device)

    return do


def _convolutional(
    work: str, case: str, model_fn: Callable[..., nn.Module], recipe: Recipe, settings: Settings
) -> Iterator[Row]:
    data = cifar_shaped(images=settings.images, held_out=settings.held_out).to(settings.device)
    precisions = ("float32", "medium", "bfloat16")
    yield from _compare(work, case, model_fn, data, recipe, precisions, settings, settings.long)


def _compare(
    work: str,
    case: str,
    model_fn: Callable[..., nn.Module],
    data: Dataset,
    recipe: Recipe,
    precisions: tuple[str, ...],
    settings: Settings,
    repetitions: int,
) -> list[Row]:
    """Every variant does the same number of updates on the same batches from the same initialisation, taking turns.

    The textbook's worker processes stay from block to block, so starting them is not in its times. They rest in the
    turns of the others (`TurnLoader`), and keep the batches that they had begun. A block begins and ends with about as
    many loaded batches in hand: with none where loading is the bottleneck (updates before the clock starts use them up),
    else with a full store.
    """
    device, model = settings.device, _model(model_fn, data)
    mask, choice = random_mask(model), choose(model, settings.device)
    row = Row(work, case, "", "ms per step", threads=torch.get_num_threads())
    variants = _Variants(row, partial(_model, model_fn, data), data, recipe, mask)
    try:
        variants.add_textbooks(settings)
        variants.add_ours(choice, precisions)
        timings, updates = variants.time(settings, repetitions)
    finally:
        variants.end()
    flops = machine.step_flops(model, *next(resident_batches(data, recipe=recipe, seed=SEED)))
    result = []
    for timing in timings:
        this = variants.rows[timing.name]
        threads = this.threads or torch.get_num_threads()
        peak = machine.matrix_peak(str(device), threads=threads, precision=this.precision)
        this = replace(
            this,
            flops=flops,
            floor=1e3 * flops / peak,
            accuracy=evaluate(variants.models[timing.name], data).accuracy,
            images=len(data.validation),
            updates=updates,
        )
        result.append(timed(this, timing, first=timings[0], scale=1e3))
    return _in_order(with_agreement(result), variants.absent)


class _Variants:
    """What takes turns: by name a network, the function that does its next n updates, and the row to fill in.

    absent: rows of what cannot be measured here, with the reason.
    """

    def __init__(
        self, row: Row, make: Callable[[], nn.Module], data: Dataset, recipe: Recipe, mask: Mask
    ) -> None:
        self.row, self.make, self.data, self.recipe, self.mask = row, make, data, recipe, mask
        self.models: dict[str, nn.Module] = {}
        self.works: dict[str, Steps] = {}
        self.rows: dict[str, Row] = {}
        self.absent: list[Row] = []
        self.loader: TurnLoader | None = None

    def add_textbooks(self, settings: Settings) -> None:
        """The textbook, if it can run here, and the textbook without its loader."""
        steps = partial(textbook_steps, recipe=self.recipe, mask=self.mask, device=settings.device)
        if settings.textbook:
            self.loader, first, note = self._loaded()
            self._add(TEXTBOOK, partial(steps, batches=chain([first], self.loader)), notes=(note,))
        else:
            self.absent.append(replace(self.row, name=TEXTBOOK, notes=(NO_TORCHVISION,)))
        resident = resident_batches(self.data, recipe=self.recipe, seed=SEED)
        self._add(RESIDENT, partial(steps, batches=resident))

    def add_ours(self, choice: Choice, precisions: Iterable[str]) -> None:
        """As `choice` says at each precision that the device has; in float32 also the plain path, and on every core."""
        steps, device = partial(our_steps, data=self.data, mask=self.mask), self.data.device
        threads, all_cores = choice.threads or self.row.threads, torch.get_num_threads()
        plain = replace(PLAIN, threads=choice.threads)
        do = partial(steps, recipe=self.recipe, choice=plain)
        self._add("lthkit, plain path", do, choice=plain, threads=threads)
        if choice.threads and choice.threads < all_cores:
            more = replace(choice, threads=all_cores)
            do = partial(steps, recipe=self.recipe, choice=more)
            self._add(f"lthkit, {all_cores} threads", do, choice=more, threads=all_cores)
        for precision in precisions:
            name = "lthkit" if precision == "float32" else f"lthkit, {precision}"
            if precision == "bfloat16" and not machine.has_bfloat16(device):
                why = (
                    f"not measured: this {'processor' if device.type == 'cpu' else 'device'} has no bfloat16"
                )
                self.absent.append(replace(self.row, name=name, precision=precision, notes=(why,)))
                continue
            this = replace(self.recipe, precision=precision)
            do = partial(steps, recipe=this, choice=choice)
            self._add(name, do, precision=precision, choice=choice, threads=threads)

    def time(self, settings: Settings, repetitions: int) -> tuple[list[Timing], int]:
        """What everyone's blocks took in turns, and how many updates each variant has done then."""
        wait = machine.synchroniser(settings.device)
        slow, fast = self._warm_up(wait)
        block = max(3, min(60, math.ceil(settings.block / slow)))
        before = _PREFETCHED + 1 if slow > 1.5 * fast else 1
        timings = interleaved(
            {name: partial(do, block) for name, do in self.works.items()},
            repetitions=repetitions,
            warmups=0,
            per=block,
            before={name: partial(do, before) for name, do in self.works.items()},
            after={TEXTBOOK: self.loader.rest} if self.loader else None,
            synchronise=wait,
        )
        return timings, 2 * _WARM + repetitions * (before + block)

    def end(self) -> None:
        """No worker process is left, whatever happened."""
        if self.loader:
            self.loader.close()

    def _warm_up(self, wait: Work) -> tuple[float, float]:
        """Seconds of a textbook update once it has run before, the slower of the two, and without the loader."""
        seconds = {}
        for name, do in self.works.items():
            do(_WARM)
            wait()
            begun = perf_counter()
            do(_WARM)
            wait()
            seconds[name] = (perf_counter() - begun) / _WARM
            if name == TEXTBOOK and self.loader:
                self.loader.rest()
        return max(seconds.get(TEXTBOOK, 0.0), seconds[RESIDENT]), seconds[RESIDENT]

    def _add(self, name: str, make: Callable[[nn.Module], Steps], **fields: Any) -> None:
        self.models[name] = self.make()
        self.works[name] = make(self.models[name])
        self.rows[name] = replace(self.row, name=name, **fields)

    def _loaded(self) -> tuple[TurnLoader, tuple[Tensor, Tensor], str]:
        """The textbook's loader, its first batch, and how long its workers took to start."""
        size = self.recipe.batch_size
        order = (t.tolist() for t in rows_of_updates(len(self.data.train), batch_size=size, seed=SEED))
        loader = TurnLoader(self.data, batch_size=size, augment=self.recipe.augment, order=order)
        begun = perf_counter()
        first = next(loader)
        note = f"starting its workers, to the first batch: {perf_counter() - begun:.2g} s, not in the time"
        return loader, first, note


def _in_order(rows: list[Row], absent: list[Row]) -> list[Row]:
    """A textbook row that was not measured still comes first."""
    return [r for r in absent if r.name == TEXTBOOK] + rows + [r for r in absent if r.name != TEXTBOOK]


def _model(model_fn: Callable[..., nn.Module], data: Dataset) -> nn.Module:
    model = model_fn(seed=SEED, input_shape=data.shape, classes=len(data.classes)).to(data.device)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            # Running statistics that keep up with a few updates. Else evaluation is still at chance, or half-way up,
            # where the textbook's own crops alone move the accuracy.
            module.momentum = 0.5
    return model
