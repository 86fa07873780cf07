"""One-shot magnitude pruning: train once, cut once, go back, train."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Unpack

from torch import nn

from lthkit.data.datasets import Dataset
from lthkit.machine.checks import plain
from lthkit.pruning.masks import Mask
from lthkit.pruning.scores import for_mask, magnitude
from lthkit.pruning.selection import prune_to
from lthkit.tickets.own_score import asked_by, for_task, named, scores_of
from lthkit.tickets.rounds import Round
from lthkit.tickets.search import ModelFn, Rounds, ScoreFn, Search, Shared, check_rewind
from lthkit.training.checkpoints import Checkpoint


def one_shot(
    model_fn: ModelFn,
    data: Dataset,
    *,
    densities: Sequence[float | Mapping[str, float]],
    rewind_step: int = 0,
    score: ScoreFn = magnitude,
    momentum: str = "restore",
    dense: Round | None = None,
    **shared: Unpack[Shared],
) -> Iterator[Round]:
    """Train once, prune once, rewind, train: every density is cut from the *dense* trained weights.

    Yields round 0 (dense) and then one round for each density, in the order given (Frankle & Carbin 2019, section 1).

    Args:
        model_fn: makes the network, `model_fn(seed=seed)`. densities: each a number, or for each layer its own, {name: density}, such as `lthkit.erk` gives.
        rewind_step, score, momentum: as for `imp`. The dense network is scored once, as cut number 1.
        dense: round 0 of a search that had the same arguments, other densities excepted; it is not trained again then.
        shared: seed, order_seed, steps (one number), recipe, scope, exclude, include, folder, progress, train, task (see `Search`).
    """
    search = Search.of(one_shot, model_fn, data, shared)
    densities = plain(densities)
    if not isinstance(densities, Sequence) or not densities:
        raise ValueError(
            f"densities={densities!r} was given; expected one or more, such as (0.5, 0.2, 0.05)."
        )
    recipe = search.one_recipe()
    asked = asked_by(score, [recipe])
    densities = [_plain(density) for density in densities]
    rewind_step = check_rewind(rewind_step, [recipe])
    model = search.network()
    everything = search.mask(model)
    for density in densities:  # refused now, not after the dense training
        prune_to(everything, for_mask(magnitude, everything)(model), density, scope=search.scope)
    settings: dict[str, Any] = {
        "densities": list(densities),
        "rewind_step": rewind_step,
        "momentum": momentum,
    }
    settings |= {"scope": search.scope, "exclude": list(search.exclude)} | named(score, asked)
    config = partial(search.config, model, recipe, settings)
    if dense is not None:
        _check_dense(dense, model, everything, rewind_step)
    score = for_task(score, search.task, data)

    def search_on() -> Iterator[Round]:
        with search.working("one-shot", config) as place:
            recipes = [recipe] * (1 + len(densities))
            training = Rounds(search, model, place, recipes, rewind_step, momentum, "optimizer" in asked)
            first = training.trained(0, lambda: everything) if dense is None else training.taken(dense)
            yield first
            first.trained.restore(model)
            scores = {name: s.clone() for name, s in scores_of(score, model, first, cut=1).items()}
            for r, density in enumerate(densities, start=1):
                cut = partial(prune_to, first.mask, scores, density, scope=search.scope)
                yield training.trained(r, cut, start=first.rewind)

    return search_on()


def _plain(density: float | Mapping[str, float]) -> Any:
    if isinstance(density, Mapping):
        return {name: plain(part) for name, part in density.items()}
    return plain(density)


def _check_dense(dense: Round, model: nn.Module, mask: Mask, rewind_step: int) -> None:
    """ValueError if a round that is taken for the dense one of a search is that of another network, seed or rewind step.

    `model` has its initial weights, `mask` is that of round 0.
    """
    if dense.round != 0 or dense.mask != mask:
        raise ValueError(
            f"dense is round {dense.round}, with {dense.mask.kept:,} weights kept; expected round 0, in which all {mask.total:,} stay."
        )
    if dense.rewind.step != rewind_step:
        raise ValueError(
            f"dense has the state of step {dense.rewind.step} to rewind to; expected that of rewind_step={rewind_step}."
        )
    if rewind_step == 0 and Checkpoint(0, dense.rewind.model).fingerprint != Checkpoint.of(model).fingerprint:
        raise ValueError(
            "dense began with other weights than this network and seed give; expected that of the same search."
        )
