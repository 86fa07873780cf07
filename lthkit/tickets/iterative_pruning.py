"""Iterative magnitude pruning with rewinding: train, cut, go back, again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from torch import nn

from lthkit.data.datasets import Dataset
from lthkit.machine.checks import check_whole, plain
from lthkit.pruning.masks import Mask
from lthkit.pruning.scores import magnitude
from lthkit.pruning.selection import check_request, prune
from lthkit.tickets.own_score import asked_by, for_task, named, scores_of, state_kept
from lthkit.tickets.rounds import Round
from lthkit.tickets.search import (
    ModelFn,
    Rounds,
    ScoreFn,
    Search,
    Shared,
    check_rewind,
    one_each,
)
from lthkit.training.recipes import Recipe


def imp(
    model_fn: ModelFn,
    data: Dataset,
    *,
    rounds: int,
    fraction: float | Sequence[float] = 0.2,
    rewind_step: int = 0,
    score: ScoreFn = magnitude,
    overrides: Mapping[str, float] | None = None,
    mask: Mask | None = None,
    momentum: str = "restore",
    **shared: Unpack[Shared],
) -> Iterator[Round]:
    """Iterative magnitude pruning with rewinding (Frankle & Carbin 2019, section 1; 2020, algorithm 1).

    Yields round 0 (dense), then `rounds` more, each a `Round` with `density`, `mask`, `validation_metric`, `test_metric`. Every
    round prunes `fraction` of what remains, by the weights *just trained*, and trains again from the state at `rewind_step`.

        for r in lth.imp(lth.models.lenet_300_100, data, rounds=12, recipe=lth.Recipe(steps=2000), seed=0):
            print(r.density, r.test_metric)

    Args:
        model_fn: makes the network, `model_fn(seed=seed)`. fraction: of what remains; a list gives each of the `rounds` cuts its own.
        rewind_step: 0 rewinds to initialisation, k to the first training's step k; the same code serves both.
        score: scores the weights just trained. One of your own may ask for the mask, the round that it makes a mask for,
            and the state of the optimizer: `def score(model, *, mask, round, optimizer)` (see `pruning.scores`).
        overrides: see `prune`. mask: where to begin, so that round 0 is no longer dense; None is everything but `exclude`.
        momentum: at a rewind, "restore" takes the optimizer state of the rewind step along with the weights, "fresh"
            starts it at 0. For rewind_step=0 the two are the same.
        shared: seed, order_seed, steps, recipe, scope, exclude, include, folder, progress, train, task (see `Search`). A list of
            steps gives each of the `rounds + 1` trainings its own (see `tickets.plan`). `train`: see `tickets.TrainFn`.

    Raises:
        TypeError, ValueError: an argument that will not do, before anything is trained; and what `train` and `prune` refuse.
    """
    search = Search.of(imp, model_fn, data, shared)
    rounds = check_whole("rounds", rounds, 0)
    fractions = one_each(fraction, rounds, "fraction")
    fraction = fractions if isinstance(plain(fraction), Sequence) else plain(fraction)
    recipes = search.recipes(rounds + 1)
    asked = asked_by(score, recipes)
    rewind_step = check_rewind(rewind_step, recipes)
    model = search.network()
    first = _first_mask(search, model, mask, fractions, overrides)
    settings = {"fraction": fraction, "rewind_step": rewind_step, "momentum": momentum, **named(score, asked)}
    settings |= {"mask": None if mask is None else first.fingerprint} | _settings(search, recipes, overrides)
    config = partial(search.config, model, recipes[0], settings)
    score = for_task(score, search.task, data)

    def search_on() -> Iterator[Round]:
        with search.working("imp", config) as place:
            training = Rounds(search, model, place, recipes, rewind_step, momentum, "optimizer" in asked)
            this = training.trained(0, lambda: first)
            yield this
            for r, part in enumerate(fractions, start=1):
                cut = partial(_cut, place, model, score, this, r, part, search.scope, overrides)
                this = training.trained(r, cut, start=this.rewind)
                yield this

    return search_on()


def _settings(
    search: Search, recipes: Sequence[Recipe], overrides: Mapping[str, float] | None
) -> dict[str, Any]:
    settings: dict[str, Any] = {"overrides": {n: plain(v) for n, v in (overrides or {}).items()}}
    settings |= {"scope": search.scope, "exclude": list(search.exclude)}
    return settings | (
        {"steps": [each.steps for each in recipes]} if isinstance(search.steps, Sequence) else {}
    )


def _cut(
    place: Path | None,
    trained: nn.Module,
    score: ScoreFn,
    last: Round,
    r: int,
    fraction: float,
    scope: str,
    overrides: Mapping[str, float] | None,
) -> Mask:
    with state_kept(score, place, r):
        scores = scores_of(score, trained, last, cut=r)
    return prune(last.mask, scores, fraction, scope=scope, overrides=overrides)


def _first_mask(
    search: Search,
    model: nn.Module,
    mask: Mask | None,
    fractions: Sequence[float],
    overrides: Mapping[str, float] | None,
) -> Mask:
    """The mask to begin with. What no cut of it could be is refused here, not after the dense training."""
    first = search.mask(model) if mask is None else _given_mask(search, model, mask)
    for part in fractions:
        check_request(first, part, scope=search.scope, overrides=overrides)
    return first


def _given_mask(search: Search, model: nn.Module, mask: Mask) -> Mask:
    if search.exclude or search.include:
        name = "exclude" if search.exclude else "include"
        raise ValueError(
            f"{name}={getattr(search, name)!r} and a mask were given; leave the parameters out of the mask, or put them in: "
            "Mask.ones(model, exclude=..., include=...)."
        )
    mask.check(model)
    return mask.to(search.data.device)
