"""Pruning at initialisation: score, cut, train once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from lthkit.data.datasets import Dataset
from lthkit.machine.work import Work
from lthkit.pruning.selection import prune_iteratively
from lthkit.tickets.own_loop import check_trained, is_plain_training
from lthkit.tickets.own_score import for_task
from lthkit.tickets.retraining import fresh_start
from lthkit.tickets.rounds import Round
from lthkit.tickets.search import (
    ModelFn,
    ScoreFn,
    Search,
    Shared,
    check_function,
    if_given,
)
from lthkit.training.checkpoints import Checkpoint


def prune_at_init(
    model_fn: ModelFn,
    data: Dataset,
    *,
    score: ScoreFn,
    density: float | Mapping[str, float],
    rounds: int = 1,
    train_from: str = "scored",
    min_kept: int = 1,
    **shared: Unpack[Shared],
) -> Round:
    """Score a network before any training, prune it to `density`, train it once: SNIP, GraSP, SynFlow and the like.

    Args:
        model_fn: makes the network, called as `model_fn(seed=seed)`.
        score: a criterion, `functools.partial(lth.snip, batches=data.draw(100, seed=0))`, say, or
            `functools.partial(lth.synflow, shape=data.shape)`. One of your own may ask
            for the mask so far and the round: `def score(model, *, mask, round)` (see `pruning.scores`).
        density: of all prunable weights; or for each layer its own, {name: density}, such as `lthkit.erk` gives.
        rounds: score and prune so often, a little each time (`pruning.prune_iteratively`).
        train_from: "scored" trains the initialisation that was scored (Lee et al. 2019, algorithm 1). "fresh" trains
            another one under the same mask, as the authors' published code does; it is the re-initialised control.
        min_kept: see `pruning.prune_to`; 0 lets layers collapse.
        shared: seed, order_seed, steps (one number), recipe, scope, exclude, include, folder, progress, train, task (see `Search`).
            The folder is that of the training; the mask is found again at each call.

    Raises:
        ValueError: another `train_from`; and what `prune_iteratively`, the score and `train` refuse.
    """
    search = Search.of(prune_at_init, model_fn, data, shared)
    with Work(f"seed {search.seed}", total=search.one_recipe().steps):
        return _found(search, score, density, rounds, train_from, min_kept)


def _found(
    search: Search,
    score: ScoreFn,
    density: float | Mapping[str, float],
    rounds: int,
    train_from: str,
    min_kept: int,
) -> Round:
    model_fn, data = search.model_fn, search.data
    check_function("score", score, "lthkit.synflow with its shape, by functools.partial")
    score = for_task(score, search.task, data)
    if train_from not in ("scored", "fresh"):
        raise ValueError(f"train_from={train_from!r} was given; expected 'scored' or 'fresh'.")
    recipe = search.one_recipe()
    model = search.network()
    mask = prune_iteratively(
        model, score, density, rounds=rounds, mask=search.mask(model), scope=search.scope, min_kept=min_kept
    )
    start = Checkpoint.of(model)
    if train_from == "fresh":
        start = fresh_start(model_fn, seed=search.seed, device=data.device)
        start.restore(model)
    result = search.train(
        model,
        data,
        mask=mask,
        seed=search.order,
        recipe=recipe,
        progress=search.progress,
        **search.told(),
        **if_given(search.folder),
    )
    if not is_plain_training(search.train):
        check_trained(result, model, mask, search.task, recipe)
    return Round(1, mask, result, start, Checkpoint.of(model, step=result.steps))
