"""Works that time a ticket trained with its kept weights only beside the same ticket trained dense under its mask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from torch import nn

from lthkit.bench import machine
from lthkit.bench.rows import Row, Settings, timed, with_agreement
from lthkit.bench.steps import SEED, our_steps
from lthkit.bench.timing import Timing, Work, interleaved
from lthkit.data.datasets import Dataset
from lthkit.data.named import load_data
from lthkit.machine.devices import operator_threads
from lthkit.machine.seeds import derived_seed
from lthkit.models import lenet_300_100
from lthkit.pruning.masks import Mask
from lthkit.pruning.scores import random
from lthkit.pruning.selection import prune_to
from lthkit.tickets import Round, imp
from lthkit.training import Choice, Recipe, no_sparse, train
from lthkit.training.engine import Update

DENSE, KEPT = "masked dense", "kept weights only"
CHOICES = {DENSE: Choice(threads=1, written_out=True), KEPT: Choice(threads=1, written_out=True, sparse=True)}
_DENSITIES = (0.134, 0.087, 0.036, 0.012)  # of LeNet's tickets after 9, 11, 15 and 20 rounds of 20 %
_ROUNDS = 20
_BLOCK = 40  # updates


def sparse(settings: Settings) -> Iterator[Row]:
    """LeNet-300-100 on one thread: a step at falling densities, and iterative magnitude pruning to 1.2 %."""
    row = Row("sparse", "LeNet-300-100, one thread", "", "ms per step", threads=1)
    if why := no_sparse(settings.device):
        yield replace(row, name=KEPT, notes=(f"not measured: {why}",))
        return
    data = load_data().to(settings.device)
    with operator_threads(1):
        for batch_size in (60, 128):
            for density in _DENSITIES:
                yield from _step(row, data, batch_size, density, settings)
        yield from _whole(row, data, settings)


def _step(row: Row, data: Dataset, batch_size: int, density: float, settings: Settings) -> list[Row]:
    """A step by both ways; notes have which layers are sparse, and the memory that is held."""
    recipe = Recipe(steps=10**6, batch_size=batch_size)
    case = f"LeNet-300-100, batch {batch_size}, Adam, {100 * density:.1f} % kept, one thread"
    works: dict[str, Work] = {}
    rows: dict[str, Row] = {}
    for name, choice in CHOICES.items():
        model = lenet_300_100(seed=SEED)
        mask = _ticket(model, density)
        update = Update(lenet_300_100(seed=SEED), data, recipe=recipe, masks=[mask], choice=choice)
        note = (
            f"{update.held_bytes() / 2**20:.1f} MiB of weights, gradients, optimizer state, masks and places"
        )
        layers = f"sparse: {', '.join(update.sparse)}" if update.sparse else "no layer is sparse"
        rows[name] = replace(row, case=case, name=name, choice=choice, notes=(layers, note))
        works[name] = partial(our_steps(model, data, recipe=recipe, mask=mask, choice=choice), _BLOCK)
    timings = interleaved(works, repetitions=settings.pairs // 2, per=_BLOCK)
    return [timed(rows[t.name], t, first=timings[0], scale=1e3) for t in timings]


def _whole(row: Row, data: Dataset, settings: Settings) -> Iterator[Row]:
    """IMP by both ways, from the dense network to 1.2 %, and of that the trainings below 15 %."""
    recipe = Recipe(steps=settings.ticket_steps, evaluate_every=min(100, settings.ticket_steps))
    found: dict[str, list[list[Round]]] = {name: [] for name in CHOICES}

    def search(name: str) -> None:
        rounds = imp(
            lenet_300_100,
            data,
            rounds=_ROUNDS,
            scope="layerwise",
            overrides={"fc3.weight": 0.1},
            seed=SEED,
            recipe=recipe,
            train=partial(train, choice=CHOICES[name]),
        )
        found[name].append(list(rounds))

    works: dict[str, Work] = {name: partial(search, name) for name in CHOICES}
    timings = interleaved(
        works,
        repetitions=settings.whole,
        warmups=0,
        synchronise=machine.synchroniser(settings.device),
    )
    case = f"IMP, LeNet-300-100, {_ROUNDS + 1} trainings of {recipe.steps} updates, one thread"
    yield from _rows(row, case, timings, found, recipe)
    below = {
        name: tuple(sum(r.result.seconds for r in rounds if r.density < 0.15) for rounds in runs)
        for name, runs in found.items()
    }
    ratios = {name: tuple(a / b for a, b in zip(below[DENSE], below[name], strict=True)) for name in below}
    yield from _rows(
        row,
        f"of these the trainings below 15 % of the weights, {recipe.steps} updates each",
        [Timing(name, below[name], ratios[name]) for name in below],
        found,
        recipe,
    )


def _rows(
    row: Row, case: str, timings: list[Timing], found: dict[str, list[list[Round]]], recipe: Recipe
) -> list[Row]:
    rows = []
    for timing in timings:
        last = found[timing.name][0][-1]
        this = replace(row, case=case, name=timing.name, unit="s in all", choice=CHOICES[timing.name])
        this = replace(this, accuracy=last.result.history[-1].validation_accuracy, updates=recipe.steps)
        this = replace(this, images=len(load_data().validation))
        rows.append(timed(this, timing, first=timings[0], scale=1.0))
    return with_agreement(rows)


def _ticket(model: nn.Module, density: float) -> Mask:
    whole = Mask.ones(model)
    return prune_to(whole, random(model, seed=derived_seed(SEED, "mask")), density, scope="layerwise")
