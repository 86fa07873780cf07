"""Works that time whole experiments: iterative magnitude pruning from end to end, and several seeds of a training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import torch

from lthkit.bench import machine
from lthkit.bench.rows import NO_TORCHVISION, TEXTBOOK, Row, Settings, timed, with_agreement, with_cost
from lthkit.bench.textbook import (
    textbook_accuracy,
    textbook_imp,
    textbook_loader,
    textbook_loop,
    textbook_optimizer,
)
from lthkit.bench.timing import Work, interleaved
from lthkit.data.datasets import Dataset
from lthkit.data.named import load_data
from lthkit.machine.devices import operator_threads
from lthkit.models import lenet_300_100
from lthkit.tickets import imp
from lthkit.training.choices import choose
from lthkit.training.loop import train
from lthkit.training.pool import Pool
from lthkit.training.recipes import Recipe
from lthkit.training.replicates import train_together
from lthkit.training.results import TrainResult

SEED = 0
BATCH_SIZE = 60


def imp_whole(settings: Settings) -> Iterator[Row]:
    """IMP of LeNet-300-100: four trainings of one epoch (three prunings of 20 %), evaluated after each epoch."""
    data, recipe = _epoch(settings)
    model, trainings = lenet_300_100(seed=SEED), settings.trainings
    accuracies: dict[str, float] = {}

    def by_textbook() -> None:
        net = lenet_300_100(seed=SEED).to(data.device)
        accuracies[TEXTBOOK] = textbook_imp(net, data, trainings=trainings, recipe=recipe)[1]

    def by_lthkit(precision: str) -> None:
        this = replace(recipe, precision=precision)
        rounds = list(imp(lenet_300_100, data, rounds=trainings - 1, fraction=0.2, seed=SEED, recipe=this))
        accuracies[_named(precision)] = rounds[-1].result.history[-1].validation_accuracy

    row = Row("imp", f"IMP, LeNet-300-100, {trainings} trainings of {recipe.steps} updates", "", "s in all")
    row = replace(row, threads=torch.get_num_threads(), images=len(data.validation), updates=recipe.steps)
    works: dict[str, Work] = {TEXTBOOK: by_textbook} if settings.textbook else {}
    works |= {_named(p): partial(by_lthkit, p) for p in ("float32", "medium")}
    extra: dict[str, dict[str, Any]] = {
        TEXTBOOK: {"notes": ("it starts its workers in every epoch, as it is written",)},
        _named("float32"): {"choice": choose(model, data.device), "notes": ("it reads the test split too",)},
        _named("medium"): {"choice": choose(model, data.device), "precision": "medium"},
    }
    yield from _finish(
        row,
        works,
        settings,
        accuracies,
        extra,
        flops=trainings * _epoch_flops(data, recipe),
        per=1,
    )


def saving(settings: Settings) -> Iterator[Row]:
    """What it costs to be able to go on: the same IMP with a run folder and without, in pairs, on one thread."""
    data, _ = _epoch(settings)
    recipe = Recipe(steps=settings.saved_steps, batch_size=BATCH_SIZE)
    accuracies: dict[str, float] = {}

    def search(name: str) -> None:
        with TemporaryDirectory() as folder:
            rounds = list(
                imp(
                    lenet_300_100,
                    data,
                    rounds=2,
                    seed=SEED,
                    recipe=recipe,
                    folder=folder if name == "saved" else None,
                )
            )
        accuracies[name] = rounds[-1].result.history[-1].validation_accuracy

    works: dict[str, Work] = {name: partial(search, name) for name in ("not saved", "saved")}
    with operator_threads(1):
        _warm_up(replace(settings, textbook=False))
        timings = interleaved(
            works,
            repetitions=settings.long,
            warmups=0,
            per=1,
            synchronise=machine.synchroniser(settings.device),
        )
    row = Row(
        "saving", f"IMP, LeNet-300-100, 3 trainings of {recipe.steps} updates, one thread", "", "s in all"
    )
    row = replace(row, threads=1, images=len(data.validation), updates=recipe.steps)
    result = []
    for timing in timings:
        this = replace(row, name=timing.name, accuracy=accuracies[timing.name])
        this = with_cost(this, timing, first=timings[0])
        result.append(timed(this, timing, first=timings[0], scale=1.0))
    yield from with_agreement(result)


def replicates(settings: Settings) -> Iterator[Row]:
    """Five seeds of an epoch of LeNet-300-100: in turn, side by side, and stacked, per seed."""
    data, recipe = _epoch(settings)
    seeds = range(settings.seeds)
    accuracies: dict[str, float] = {}
    device = data.device

    def by_textbook() -> None:
        net = lenet_300_100(seed=SEED).to(device)
        loader = textbook_loader(data, batch_size=recipe.batch_size)
        optimizer = textbook_optimizer(net, recipe)
        textbook_loop(net, loader, masks={}, optimizer=optimizer, device=device)
        held_out = textbook_loader(data, batch_size=1000, split="validation")
        accuracies[TEXTBOOK] = textbook_accuracy(net, held_out, device=device)

    def one(name: str, seed: int) -> None:
        result = train(lenet_300_100(seed=seed).to(device), data, seed=seed, recipe=recipe)
        _keep(name, [result] if seed == SEED else [])

    def _keep(name: str, results: list[TrainResult]) -> None:
        for result in results[:1]:
            accuracies[name] = result.history[-1].validation_accuracy

    def in_turn() -> None:
        for seed in seeds:
            one("lthkit, in turn", seed)

    def side_by_side() -> None:
        pool = Pool(workers=many.workers, threads=many.threads)
        for seed in seeds:
            pool.submit(one, "lthkit, side by side", seed)
        pool.run()

    def stacked() -> None:
        models = [lenet_300_100(seed=seed).to(device) for seed in seeds]
        _keep("lthkit, stacked", train_together(models, data, seeds=list(seeds), recipe=recipe))

    net = lenet_300_100(seed=SEED)
    many = choose(net, device, trainings=len(seeds))
    works: dict[str, Work] = {TEXTBOOK: by_textbook} if settings.textbook else {}
    works["lthkit, in turn"] = in_turn
    if device.type == "cpu":
        works["lthkit, side by side"] = side_by_side
    works["lthkit, stacked"] = stacked

    row = Row("replicates", f"LeNet-300-100, {len(seeds)} seeds of {recipe.steps} updates", "", "s per seed")
    row = replace(row, threads=torch.get_num_threads(), images=len(data.validation), updates=recipe.steps)
    in_one = replace(many, stacked=True, written_out=False, workers=len(seeds))
    extra: dict[str, dict[str, Any]] = {
        TEXTBOOK: {"notes": ("one seed, with starting its workers",)},
        "lthkit, in turn": {"choice": choose(net, device)},
        "lthkit, side by side": {"choice": many},
        "lthkit, stacked": {"choice": in_one},
    }
    per = {name: 1 if name == TEXTBOOK else len(seeds) for name in works}
    yield from _finish(row, works, settings, accuracies, extra, flops=_epoch_flops(data, recipe), per=per)
    if device.type != "cpu":
        why = "not measured: several trainings launch their work through one thread on this device"
        yield replace(row, name="lthkit, side by side", notes=(why,))


def _finish(
    row: Row,
    works: dict[str, Work],
    settings: Settings,
    accuracies: dict[str, float],
    extra: dict[str, dict[str, Any]],
    *,
    flops: int,
    per: int | dict[str, int],
) -> list[Row]:
    """Time the works in turns; rows with floor, accuracy and agreement."""
    # What is loaded once a process would count here as if it were the loop's: everything has run before.
    _warm_up(settings)
    timings = interleaved(
        works,
        repetitions=settings.whole,
        warmups=0,
        per=per,
        synchronise=machine.synchroniser(settings.device),
    )
    result = []
    for timing in timings:
        this = replace(row, name=timing.name, **extra.get(timing.name, {}))
        if this.choice:
            this = replace(this, threads=this.choice.threads or row.threads)
        # what a CPU can do at most with all the threads that are at work
        at_work = (this.threads or 1) * (this.choice.workers if this.choice else 1)
        threads = min(at_work, torch.get_num_threads())
        peak = machine.matrix_peak(str(settings.device), threads=threads, precision=this.precision)
        this = replace(this, flops=flops, floor=flops / peak, accuracy=accuracies.get(timing.name))
        result.append(timed(this, timing, first=timings[0], scale=1.0))
    result = with_agreement(result)
    if not settings.textbook:
        result.insert(0, replace(row, name=TEXTBOOK, notes=(NO_TORCHVISION,)))
    return result


def _warm_up(settings: Settings) -> None:
    data = load_data().head(train=120, validation=60, test=60).to(settings.device)
    recipe = Recipe(steps=2, batch_size=BATCH_SIZE)
    train(lenet_300_100(seed=SEED).to(settings.device), data, recipe=recipe)
    if settings.textbook:
        net = lenet_300_100(seed=SEED).to(settings.device)
        textbook_imp(net, data, trainings=2, recipe=recipe, workers=0)


def _epoch(settings: Settings) -> tuple[Dataset, Recipe]:
    """The data, and a recipe of one epoch on it that evaluates at its end."""
    data = load_data()
    if settings.epoch < len(data.train):
        data = data.head(train=settings.epoch, validation=min(settings.epoch, len(data.validation)))
    steps = len(data.train) // BATCH_SIZE
    return data.to(settings.device), Recipe(steps=steps, batch_size=BATCH_SIZE, evaluate_every=steps)


def _epoch_flops(data: Dataset, recipe: Recipe) -> int:
    """Operations of one epoch of updates and one evaluation on the validation split."""
    model = lenet_300_100(seed=SEED).to(data.device)
    batch = data.normalise(data.train.images[: recipe.batch_size]), data.train.labels[: recipe.batch_size]
    held_out = data.normalise(data.validation.images)
    return recipe.steps * machine.step_flops(model, *batch) + machine.forward_flops(model, held_out)


def _named(precision: str) -> str:
    return "lthkit" if precision == "float32" else f"lthkit, {precision}"
