"""How each way is gone: from a cell to its finished levels, by the drivers of `tickets`, in a working folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import singledispatch
from typing import Any

from lthkit.cells.arms import control as control
from lthkit.cells.arms import retrained, shuffled, trained
from lthkit.cells.cells import DENSE_LEVEL, TICKET, Level
from lthkit.cells.criteria import criterion
from lthkit.cells.places import Finished as Finished
from lthkit.cells.places import Place as Place
from lthkit.cells.rows import NEVER_STABLE, STABLE_TOO_LATE
from lthkit.cells.ways import IMP, Dense, EarlyBird, Hybrid, OneShot, PruneAtInit
from lthkit.models import output_layer
from lthkit.pruning.masks import Mask
from lthkit.pruning.scores import for_mask, magnitude
from lthkit.pruning.selection import prune_iteratively, prune_to
from lthkit.tickets.early_bird_search import early_bird
from lthkit.tickets.hybrid import snip_then_imp
from lthkit.tickets.iterative_pruning import imp
from lthkit.tickets.own_score import for_task
from lthkit.tickets.pruning_at_init import prune_at_init
from lthkit.tickets.rounds import Round
from lthkit.tickets.search import new_network
from lthkit.training.checkpoints import Checkpoint

Missing = Callable[[Level], bool]


@singledispatch
def finished(way: Any, place: Place, levels: Sequence[Level], missing: Missing) -> Iterator[Finished]:
    """Go the way up to these levels, which are in order; those for which `missing` is False are not trained for their own
    sake. What the chain passes on the way (rounds of IMP before the last one asked) comes too.
    """
    raise TypeError(f"{way!r} is no way of a cell.")


@finished.register
def _dense(way: Dense, place: Place, levels: Sequence[Level], missing: Missing) -> Iterator[Finished]:
    yield dense(place)[0]


@finished.register
def _imp(way: IMP, place: Place, levels: Sequence[Level], missing: Missing) -> Iterator[Finished]:
    last = max(level.round or 0 for level in levels)
    for this, before in rounds(place, last):
        yield _of_round(place, this, before)
        for level in levels:
            if level.round == this.round and level.arm not in (TICKET, DENSE_LEVEL.arm) and missing(level):
                yield control(place, level, this, before)


@finished.register
def _one_shot(way: OneShot, place: Place, levels: Sequence[Level], missing: Missing) -> Iterator[Finished]:
    if any(map(missing, levels)):
        _check_densities(way, place, levels)  # refused now, not after the dense training
    first, this = dense(place)
    yield first
    scores = None
    for level in levels:
        if level == DENSE_LEVEL or not missing(level):
            continue
        if scores is None:
            model = new_network(place.model_fn, place.cell.seed, place.data.device)
            this.trained.restore(model)
            scores = for_mask(magnitude, this.mask)(model)
        mask = prune_to(this.mask, scores, level.density or 0.0, scope=way.scope)
        yield retrained(place, level, mask, this, search_steps=this.result.steps)


def _check_densities(way: OneShot, place: Place, levels: Sequence[Level]) -> None:
    """ValueError for a density to which this network cannot be cut."""
    model = new_network(place.model_fn, place.cell.seed, place.data.device)
    everything = Mask.ones(model)
    scores = for_mask(magnitude, everything)(model)
    for level in levels:
        if level.density is not None:
            prune_to(everything, scores, level.density, scope=way.scope)


@finished.register
def _prune_at_init(
    way: PruneAtInit, place: Place, levels: Sequence[Level], missing: Missing
) -> Iterator[Finished]:
    score = criterion(way.score, place.data, seed=place.cell.seed, images=way.images)
    for level in levels:
        if not missing(level):
            continue
        where = place.folder / level.name
        if level.arm == "shuffled":
            model = new_network(place.model_fn, place.cell.seed, place.data.device)
            mask = prune_iteratively(
                model,
                for_task(score, place.cell.task, place.data),
                level.density or 0.0,
                rounds=way.iterations or 1,
                scope=way.scope,
            )
            result, mask = trained(place, where, shuffled(mask, place, level), Checkpoint.of(model))
            yield Finished(level, 1, mask, result)
            continue
        this = prune_at_init(
            place.model_fn,
            place.data,
            score=score,
            density=level.density or 0.0,
            rounds=way.iterations or 1,
            train_from="fresh" if level.arm == "re-initialised" else "scored",
            folder=where,
            **place.shared,
        )
        yield Finished(level, 1, this.mask, this.result, kept=this)


@finished.register
def _early_bird(
    way: EarlyBird, place: Place, levels: Sequence[Level], missing: Missing
) -> Iterator[Finished]:
    shared = {key: value for key, value in place.shared.items() if key != "train"}
    for level in levels:
        if not missing(level):
            continue
        found = early_bird(
            place.model_fn,
            place.data,
            density=level.density or 0.0,
            window=way.window,
            threshold=way.threshold,
            rule=way.rule,
            folder=place.folder / f"{SEARCH}{level.name}",
            **shared,
        )
        searched = len(found.masks) * found.steps_per_epoch
        if found.epoch is None or found.checkpoint.step >= place.cell.recipe.steps:
            outcome = NEVER_STABLE if found.epoch is None else STABLE_TOO_LATE
            yield Finished(level, 1, None, None, searched, outcome=outcome)
            continue
        result, mask = trained(place, place.folder / level.name, found.mask, found.checkpoint)
        yield Finished(level, 1, mask, result, searched)


@finished.register
def _hybrid(way: Hybrid, place: Place, levels: Sequence[Level], missing: Missing) -> Iterator[Finished]:
    for level in levels:
        if not missing(level):
            continue
        folder, steps = place.folder / level.name, 0
        search = snip_then_imp(
            place.model_fn,
            place.data,
            snip_density=way.snip_density,
            density=level.density or 0.0,
            rounds=way.rounds,
            images=way.images,
            rewind_step=way.rewind_step,
            momentum=way.momentum,
            folder=folder,
            **place.shared,
        )
        for this in search:
            if this.round == way.rounds:
                yield Finished(level, this.round, this.mask, this.result, steps, folder, this)
            steps += this.result.steps


def rounds(place: Place, last: int) -> Iterator[tuple[Round, int]]:
    """Rounds 0 to `last` of IMP, each with the updates of those before it."""
    way, steps = place.cell.way, 0
    assert isinstance(way, IMP)
    overrides = {}
    if way.output_fraction is not None:
        overrides = {output_layer(new_network(place.model_fn, 0, "cpu")): way.output_fraction}
    search = imp(
        place.model_fn,
        place.data,
        rounds=last,
        fraction=way.fraction,
        rewind_step=way.rewind_step,
        momentum=way.momentum,
        overrides=overrides,
        folder=place.folder / CHAIN,
        **place.shared,
    )
    for this in search:
        yield this, steps
        steps += this.result.steps


CHAIN = "chain"  # the folder of the rounds below an attempt's
SEARCH = "search-"  # begins the name of that of a search, beside that of its level


def _of_round(place: Place, this: Round, before: int) -> Finished:
    level = Level(round=this.round) if this.round else DENSE_LEVEL
    return Finished(level, this.round, this.mask, this.result, before, place.folder / CHAIN, this)


def dense(place: Place) -> tuple[Finished, Round]:
    """The dense training of a chain, with its state at the rewind step."""
    way = place.cell.way
    step = way.rewind_step if isinstance(way, IMP | OneShot) else 0
    folder = place.folder / CHAIN
    shared = place.shared | {"folder": folder, "scope": "global"}
    (this,) = imp(place.model_fn, place.data, rounds=0, rewind_step=step, **shared)
    return Finished(DENSE_LEVEL, 0, this.mask, this.result, 0, folder, this), this
