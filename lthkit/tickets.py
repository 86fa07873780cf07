"""Finding tickets: iterative and one-shot magnitude pruning with rewinding, retraining, and the controls.

One function loads a past (`Checkpoint`), one trains, one prunes; everything here is an order of those three.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from lthkit.checkpoints import Checkpoint
from lthkit.checks import check_whole, whole_seed
from lthkit.data import Dataset
from lthkit.devices import device_explained
from lthkit.folders import working_in
from lthkit.history import TrainResult
from lthkit.masks import Mask
from lthkit.pruning import check_request, prune, prune_iteratively, prune_to
from lthkit.recipes import Recipe
from lthkit.records import name_of, network_name
from lthkit.rounds import Round, finished_round, save_round, training_of_round
from lthkit.scores import magnitude
from lthkit.seeds import derived_seed
from lthkit.snapshots import Snapshots
from lthkit.training import train

ModelFn = Callable[..., nn.Module]
ScoreFn = Callable[[nn.Module], Mapping[str, Tensor]]
TrainFn = Callable[..., TrainResult]
T = TypeVar("T")

_making = threading.Lock()


def imp(
    model_fn: ModelFn,
    data: Dataset,
    *,
    rounds: int,
    fraction: float | Sequence[float] = 0.2,
    rewind_step: int = 0,
    seed: int = 0,
    order_seed: int | None = None,
    steps: int | Sequence[int] | None = None,
    recipe: Recipe = Recipe(),  # noqa: B008  (frozen)
    score: ScoreFn = magnitude,
    scope: str = "global",
    overrides: Mapping[str, float] | None = None,
    exclude: Sequence[str] = (),
    mask: Mask | None = None,
    momentum: str = "restore",
    folder: Path | str | None = None,
    progress: Callable[[int], object] | None = None,
    train: TrainFn = train,
) -> Iterator[Round]:
    """Iterative magnitude pruning with rewinding (Frankle & Carbin 2019, section 1; 2020, algorithm 1).

    Yields round 0 (dense), then `rounds` more. Every round prunes `fraction` of what remains, by the weights *just
    trained*, and trains again from the state at `rewind_step`.

    Args:
        model_fn: makes the network; called as `model_fn(seed=seed)`.
        fraction: a list gives each of the `rounds` cuts its own.
        rewind_step: 0 rewinds to initialisation, k to the first training's step k; the same code serves both.
        seed: of the initialisation; also of the data order unless `order_seed` is given.
        steps: instead of `recipe.steps`; a list gives each of the `rounds + 1` trainings its own (see `hybrid.plan`).
        scope, overrides: see `pruning.prune`. exclude: parameters that are never pruned.
        mask: where to begin, so that round 0 is no longer dense; None is everything but `exclude`.
        momentum: at a rewind, "restore" takes the optimizer state of the rewind step along with the weights, "fresh"
            starts it at 0. For rewind_step=0 the two are the same.
        folder: rounds are saved here as they end, and how far the training of a round is, now and then (see
            `snapshots`). Called again with the same arguments, `imp` goes on from there; on a CPU to the same bits.
        train: what trains; `training.train`, or that of a `replicates.Meeting`, which trains several seeds as one.
    """
    _check_rounds(rounds, 0, recipe)
    _check_function("score", score, "lthkit.magnitude, or functools.partial(lthkit.snip, batches=...)")
    fractions = _one_each(fraction, rounds, "fraction")
    lengths = _one_each(recipe.steps if steps is None else steps, rounds + 1, "steps")
    recipes = [replace(recipe, steps=length) for length in lengths]
    _check_rounds(rounds, rewind_step, min(recipes, key=lambda each: each.steps))
    model, order = new_network(model_fn, seed, data.device), seed if order_seed is None else order_seed
    settings: dict[str, Any] = {"fraction": fraction, "rewind_step": rewind_step, "momentum": momentum}
    settings |= {"scope": scope, "overrides": dict(overrides or {}), "exclude": list(exclude)}
    settings |= {"seed": seed, "order": order} | ({"steps": lengths} if isinstance(steps, Sequence) else {})
    settings |= {"mask": None if mask is None else mask.fingerprint}
    config = partial(_config, model_fn, model, data, score, recipes[0], settings)
    mask, start = _first_mask(model, mask, exclude, data.device), None
    for each in fractions:  # refused now, not after the dense training
        check_request(mask, each, scope=scope, overrides=overrides)
    with working_in(folder, config, name="imp") as place:
        for r in range(rounds + 1):
            this = finished_round(place, r, start, data.device)
            if this is None:
                if r > 0:
                    mask = prune(mask, score(model), fractions[r - 1], scope=scope, overrides=overrides)
                with _saved_as_it_goes(place, r) as saved:
                    result = train(
                        model,
                        data,
                        mask=mask,
                        seed=order,
                        recipe=recipes[r],
                        start=start,
                        momentum=momentum,
                        keep=(rewind_step,) if r == 0 else (),
                        progress=progress,
                        **saved,
                    )
                    trained = Checkpoint.of(model, step=result.steps)
                    this = Round(r, mask, result, start or result.kept[rewind_step], trained)
                    save_round(place, this)
            else:
                this.trained.restore(model)
                if progress:
                    progress(recipes[r].steps - (start.step if start else 0))
            mask, start = this.mask, this.rewind
            yield this


def one_shot(
    model_fn: ModelFn,
    data: Dataset,
    *,
    densities: Sequence[float],
    rewind_step: int = 0,
    seed: int = 0,
    order_seed: int | None = None,
    steps: int | None = None,
    recipe: Recipe = Recipe(),  # noqa: B008  (frozen)
    score: ScoreFn = magnitude,
    scope: str = "global",
    exclude: Sequence[str] = (),
    momentum: str = "restore",
    folder: Path | str | None = None,
    progress: Callable[[int], object] | None = None,
    train: TrainFn = train,
) -> Iterator[Round]:
    """Train once, prune once, rewind, train: every density is cut from the *dense* trained weights.

    Yields round 0 (dense) and then one round for each density, in the order given. Arguments are those of `imp`.
    """
    recipe = recipe if steps is None else replace(recipe, steps=steps)
    if not isinstance(densities, Sequence) or not densities:
        raise ValueError(
            f"densities={densities!r} was given; expected one or more, such as (0.5, 0.2, 0.05)."
        )
    _check_rounds(len(densities), rewind_step, recipe)
    _check_function("score", score, "lthkit.magnitude, or functools.partial(lthkit.snip, batches=...)")
    model, order = new_network(model_fn, seed, data.device), seed if order_seed is None else order_seed
    for density in densities:  # refused now, not after the dense training
        prune_to(Mask.ones(model, exclude), magnitude(model), density, scope=scope)
    settings = {
        "densities": list(densities),
        "scope": scope,
        "momentum": momentum,
        "rewind_step": rewind_step,
    }
    settings |= {"seed": seed, "order": order, "exclude": list(exclude)}
    config = partial(_config, model_fn, model, data, score, recipe, settings)
    with working_in(folder, config, name="one-shot") as place:
        dense = finished_round(place, 0, None, data.device)
        if dense is None:
            mask = Mask.ones(model, exclude)
            with _saved_as_it_goes(place, 0) as saved:
                result = train(
                    model,
                    data,
                    mask=mask,
                    seed=order,
                    recipe=recipe,
                    keep=(rewind_step,),
                    progress=progress,
                    **saved,
                )
                trained = Checkpoint.of(model, step=result.steps)
                dense = Round(0, mask, result, result.kept[rewind_step], trained)
                save_round(place, dense)
        elif progress:
            progress(recipe.steps)
        yield dense
        dense.trained.restore(model)
        scores = {name: s.clone() for name, s in score(model).items()}
        for r, density in enumerate(densities, start=1):
            this = finished_round(place, r, dense.rewind, data.device)
            if this is None:
                mask = prune_to(dense.mask, scores, density, scope=scope)
                with _saved_as_it_goes(place, r) as saved:
                    result = train(
                        model,
                        data,
                        mask=mask,
                        seed=order,
                        recipe=recipe,
                        start=dense.rewind,
                        momentum=momentum,
                        progress=progress,
                        **saved,
                    )
                    this = Round(r, mask, result, dense.rewind, Checkpoint.of(model, step=result.steps))
                    save_round(place, this)
            elif progress:
                progress(recipe.steps - rewind_step)
            yield this


def prune_at_init(
    model_fn: ModelFn,
    data: Dataset,
    *,
    score: ScoreFn,
    density: float,
    rounds: int = 1,
    seed: int = 0,
    order_seed: int | None = None,
    train_from: str = "scored",
    scope: str = "global",
    min_kept: int = 1,
    exclude: Sequence[str] = (),
    recipe: Recipe = Recipe(),  # noqa: B008  (frozen)
    folder: Path | str | None = None,
    progress: Callable[[int], object] | None = None,
    train: TrainFn = train,
) -> Round:
    """Score a network before any training, prune it to `density`, train it once: SNIP, GraSP, SynFlow and the like.

    Args:
        model_fn, seed, order_seed, exclude: as for `imp`.
        score: a criterion, `functools.partial(lth.snip, batches=data.draw(100, seed=0))`, say.
        rounds: score and prune so often, a little each time (`pruning.prune_iteratively`).
        train_from: "scored" trains the initialisation that was scored (Lee et al. 2019, algorithm 1). "fresh" trains
            another one under the same mask, as the authors' published code does; it is the re-initialised control.
        scope, min_kept: see `pruning.prune_to`; min_kept=0 lets layers collapse.
        folder: of the training, see `train`. The mask is found again at each call.

    Raises:
        ValueError: another `train_from`; and what `prune_iteratively`, the score and `train` refuse.
    """
    _check_function("score", score, "lthkit.synflow with its shape, by functools.partial")
    if train_from not in ("scored", "fresh"):
        raise ValueError(f"train_from={train_from!r} was given; expected 'scored' or 'fresh'.")
    model = new_network(model_fn, seed, data.device)
    mask = prune_iteratively(
        model, score, density, rounds=rounds, mask=Mask.ones(model, exclude), scope=scope, min_kept=min_kept
    )
    start = Checkpoint.of(model)
    if train_from == "fresh":
        start = fresh_start(model_fn, seed=seed, device=data.device)
        start.restore(model)
    order = seed if order_seed is None else order_seed
    result = train(model, data, mask=mask, seed=order, recipe=recipe, progress=progress, **_if_given(folder))
    return Round(1, mask, result, start, Checkpoint.of(model, step=result.steps))


def retrain(
    model_fn: ModelFn,
    data: Dataset,
    *,
    mask: Mask,
    weights_from: Checkpoint,
    lr_from: int | None = None,
    seed: int = 0,
    recipe: Recipe = Recipe(),  # noqa: B008  (frozen)
    momentum: str = "restore",
    keep: Sequence[int] = (),
    folder: Path | str | Snapshots | None = None,
    progress: Callable[[int], object] | None = None,
    train: TrainFn = train,
) -> TrainResult:
    """Train a mask once: which mask, weights from when, learning rate from when (Renda et al. 2020, section 2).

    Weight rewinding: `weights_from` the checkpoint of step k. Learning-rate rewinding: `weights_from` the trained
    weights, `lr_from=k`. Fine-tuning: trained weights and the last part of the schedule. Re-initialised control:
    `weights_from=fresh_start(...)`. The step also fixes the data order; `seed` is that of the order. Optimizer state
    is taken from `weights_from` only if `lr_from` is its own step and `momentum="restore"`. `folder`: see `train`.
    """
    if not isinstance(weights_from, Checkpoint):
        raise TypeError(
            f"weights_from is a {type(weights_from).__name__}; expected a Checkpoint, such as Checkpoint.of(model)."
        )
    if lr_from is not None and not isinstance(lr_from, int):
        raise ValueError(
            f"lr_from={lr_from!r} was given; expected a whole number, the step to take the rate from."
        )
    start = weights_from
    if lr_from is not None and lr_from != weights_from.step:
        start = Checkpoint(lr_from, weights_from.model)
    model = model_fn(seed=0).to(data.device)
    return train(
        model,
        data,
        mask=mask,
        seed=seed,
        recipe=recipe,
        start=start,
        momentum=momentum,
        keep=keep,
        progress=progress,
        **_if_given(folder),
    )


def fresh_start(model_fn: ModelFn, *, seed: int, device: torch.device | str = "cpu") -> Checkpoint:
    """A new random initialisation as a checkpoint at step 0: the re-initialised control takes its weights from here.

    It comes from a seed derived from `seed`, so it differs from `model_fn(seed=seed)` and is as reproducible.
    """
    return Checkpoint.of(new_network(model_fn, derived_seed(seed, "re-initialised"), device))


def new_network(model_fn: ModelFn, seed: int, device: torch.device | str) -> nn.Module:
    """A new network. One at a time: a `model_fn` that seeds torch's global generator shares it with other threads."""
    _check_function("model_fn", model_fn, "lthkit.models.lenet_300_100; it is called with seed=")
    whole_seed(seed)
    with _making, device_explained(device):
        return model_fn(seed=seed).to(device)


def _check_function(name: str, given: Any, example: str) -> None:
    """TypeError unless it is a function: a network or scores are what a function would make."""
    if isinstance(given, nn.Module) or not callable(given):
        raise TypeError(f"{name} is a {type(given).__name__}; expected a function, such as {example}.")


def _one_each(value: T | Sequence[T], n: int, name: str) -> list[T]:
    """A list of n values: those given, or n times the one given."""
    if not isinstance(value, Sequence):
        return [value] * n
    if len(value) != n:
        raise ValueError(f"{name} has {len(value)} entries: {list(value)}; expected {n}, or a single number.")
    return list(value)


def _first_mask(
    model: nn.Module, mask: Mask | None, exclude: Sequence[str], device: torch.device | str
) -> Mask:
    if mask is None:
        return Mask.ones(model, exclude)
    if exclude:
        raise ValueError(f"exclude={exclude!r} and a mask were given; leave the parameters out of the mask.")
    mask.check(model)
    return mask.to(device)


def _check_rounds(rounds: int, rewind_step: int, recipe: Recipe) -> None:
    check_whole("rounds", rounds, 0)
    if not isinstance(rewind_step, int) or not 0 <= rewind_step < recipe.steps:
        raise ValueError(
            f"rewind_step={rewind_step} was given, but a training has {recipe.steps} steps; expected 0 to "
            f"{recipe.steps - 1}."
        )


def _config(
    model_fn: ModelFn,
    model: nn.Module,
    data: Dataset,
    score: ScoreFn,
    recipe: Recipe,
    settings: dict[str, Any],
) -> dict[str, Any]:
    """All that decides the numbers of a search. A folder that another made is refused: its rounds would pass for ours."""
    names = {"model": name_of(model_fn), "network": network_name(model), "score": name_of(score)}
    where = {"start": Checkpoint.of(model).fingerprint, "data": data.fingerprint, "device": data.device.type}
    return settings | names | where | {"recipe": asdict(recipe)}


def _if_given(folder: Path | str | Snapshots | None) -> dict[str, Any]:
    """The argument `folder`, left out where there is none, so that a `train` of one's own need not know it."""
    return {} if folder is None else {"folder": folder}


@contextmanager
def _saved_as_it_goes(folder: Path | None, r: int) -> Iterator[dict[str, Any]]:
    """Around the training of a round and the saving of its result: what `train` needs to save how far it is."""
    saved = training_of_round(folder, r)
    yield _if_given(saved)
    if saved:
        saved.remove()
