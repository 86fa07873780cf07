"""How each way is gone: from a cell to its finished levels, by the drivers of `tickets`, in a working folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from pathlib import Path
from typing import Any

from lthkit.cells.cells import DENSE_LEVEL, TICKET, Cell, Level
from lthkit.cells.criteria import criterion
from lthkit.cells.networks import model_function
from lthkit.cells.rows import NEVER_STABLE, STABLE_TOO_LATE
from lthkit.cells.ways import IMP, Dense, EarlyBird, Hybrid, OneShot, PruneAtInit
from lthkit.data.datasets import Dataset
from lthkit.machine.seeds import derived_seed
from lthkit.models import output_layer
from lthkit.pruning.masks import Mask
from lthkit.pruning.scores import for_mask, magnitude
from lthkit.pruning.selection import prune_iteratively, prune_to
from lthkit.storage.snapshots import Snapshots
from lthkit.tickets.early_bird_search import early_bird
from lthkit.tickets.hybrid import snip_then_imp
from lthkit.tickets.iterative_pruning import imp
from lthkit.tickets.own_loop import TrainFn
from lthkit.tickets.own_score import for_task
from lthkit.tickets.pruning_at_init import prune_at_init
from lthkit.tickets.retraining import fresh_start, retrain
from lthkit.tickets.rounds import Round
from lthkit.tickets.search import new_network
from lthkit.training.checkpoints import Checkpoint
from lthkit.training.loop import train
from lthkit.training.recipes import Recipe
from lthkit.training.results import TrainResult


@dataclass(frozen=True)
class Place:
    """Where a chain is gone, and with what.

    folder: of this attempt; drivers keep their rounds and snapshots below it. train: what trains a network.
    progress: called with the number of updates done since the last call.
    """

    cell: Cell
    data: Dataset
    folder: Path
    train: TrainFn = train
    progress: Callable[[int], object] | None = None

    @property
    def model_fn(self) -> Callable[..., Any]:
        """Makes the network for these data."""
        return model_function(self.cell.model, self.data)

    @property
    def shared(self) -> dict[str, Any]:
        """The keywords that all drivers take."""
        cell = self.cell
        return {
            "seed": cell.seed,
            "order_seed": cell.order,
            "recipe": cell.recipe,
            "scope": cell.way.scope if not isinstance(cell.way, Dense) else "global",
            "progress": self.progress,
            "train": self.train,
            "task": self.cell.task,
        }


@dataclass(frozen=True)
class Finished:
    """A level that has ended. `kept` is the round with its weights, and `driver` the folder from which it can be read
    again, where a driver saved one; `result` is None where a search found no ticket, and `outcome` says why."""

    level: Level
    round: int
    mask: Mask | None
    result: TrainResult | None
    search_steps: int = 0
    driver: Path | None = None
    kept: Round | None = None
    outcome: str = ""


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
            result, mask = _trained(place, where, shuffled(mask, place, level), Checkpoint.of(model))
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
            folder=place.folder / f"search-{level.name}",
            **shared,
        )
        searched = len(found.masks) * found.steps_per_epoch
        if found.epoch is None or found.checkpoint.step >= place.cell.recipe.steps:
            outcome = NEVER_STABLE if found.epoch is None else STABLE_TOO_LATE
            yield Finished(level, 1, None, None, searched, outcome=outcome)
            continue
        result, mask = _trained(place, place.folder / level.name, found.mask, found.checkpoint)
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


def control(place: Place, level: Level, this: Round, before: int) -> Finished:
    """A control of IMP at one round: the ticket's mask with new weights, or a shuffled one with the ticket's weights."""
    return retrained(place, level, this.mask, this, search_steps=before)


def retrained(place: Place, level: Level, mask: Mask, this: Round, *, search_steps: int) -> Finished:
    """One training of a mask in one of the arms of `ways.OneShot`; `this` has the weights to rewind to, and the trained ones."""
    cell, recipe, lr_from = place.cell, place.cell.recipe, None
    step = this.rewind.step
    start = this.rewind
    if level.arm == "re-initialised":
        start = fresh_start(place.model_fn, seed=cell.seed, device=place.data.device)
    elif level.arm == "shuffled":
        mask = shuffled(mask, place, level)
    elif level.arm in ("lr-rewind", "fine-tune"):
        start, lr_from = this.trained, step
        recipe = at_last_rate(recipe) if level.arm == "fine-tune" else recipe
    result, mask = _trained(place, place.folder / level.name, mask, start, recipe=recipe, lr_from=lr_from)
    return Finished(level, level.round or 1, mask, result, search_steps)


def shuffled(mask: Mask, place: Place, level: Level) -> Mask:
    """The mask shuffled in each layer, by a seed of its own for this seed and level."""
    where = f"round {level.round}" if level.density is None else f"density {level.density:.6g}"
    return mask.shuffled(derived_seed(place.cell.seed, f"shuffled {where}"))


def at_last_rate(recipe: Recipe) -> Recipe:
    """The recipe with the learning rate that its last step has, at all steps (fine-tuning of Renda et al. 2020, section 2)."""
    return replace(
        recipe,
        schedule="constant",
        milestones=(),
        decay=Recipe.decay,
        warmup=0,
        lr=recipe.lr_at(recipe.steps - 1),
    )


def _trained(
    place: Place,
    folder: Path,
    mask: Mask,
    start: Checkpoint,
    *,
    recipe: Recipe | None = None,
    lr_from: int | None = None,
) -> tuple[TrainResult, Mask]:
    result = retrain(
        place.model_fn,
        place.data,
        mask=mask,
        weights_from=start,
        lr_from=lr_from,
        seed=place.cell.order,
        recipe=recipe or place.cell.recipe,
        momentum=getattr(place.cell.way, "momentum", "restore"),
        folder=Snapshots(folder),
        progress=place.progress,
        train=place.train,
        task=place.cell.task,
    )
    return result, mask
