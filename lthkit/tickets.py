"""Finding tickets: iterative and one-shot magnitude pruning with rewinding, retraining, and the controls.

One function loads a past (`Checkpoint`), one trains, one prunes; everything here is an order of those three.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lthkit import files
from lthkit.checkpoints import Checkpoint
from lthkit.data import Dataset
from lthkit.masks import Mask
from lthkit.pruning import prune, prune_to
from lthkit.recipes import Recipe
from lthkit.records import open_run
from lthkit.scores import magnitude
from lthkit.training import Point, TrainResult, train

ModelFn = Callable[..., nn.Module]
ScoreFn = Callable[[nn.Module], Mapping[str, Tensor]]
TrainFn = Callable[..., TrainResult]

_making = threading.Lock()


@dataclass(frozen=True)
class Round:
    """One training of a mask: round 0 is dense, round r has been pruned r times.

    `rewind` is the checkpoint that every round starts from, `trained` the weights at the end of this round.
    """

    round: int
    mask: Mask
    result: TrainResult
    rewind: Checkpoint = field(repr=False)
    trained: Checkpoint = field(repr=False)

    @property
    def density(self) -> float:
        """Fraction of the weights that the mask keeps."""
        return self.mask.density

    @property
    def best_step(self) -> int:
        """Step of least validation loss."""
        return self.result.best_step

    @property
    def validation_accuracy(self) -> float:
        """Validation accuracy at the best step, from 0 to 1."""
        return self.result.validation_accuracy

    @property
    def test_accuracy(self) -> float:
        """Test accuracy at the best step, from 0 to 1."""
        return self.result.test_accuracy


def imp(
    model_fn: ModelFn,
    data: Dataset,
    *,
    rounds: int,
    fraction: float = 0.2,
    rewind_step: int = 0,
    seed: int = 0,
    order_seed: int | None = None,
    steps: int | None = None,
    recipe: Recipe = Recipe(),  # noqa: B008  (frozen)
    score: ScoreFn = magnitude,
    scope: str = "global",
    overrides: Mapping[str, float] | None = None,
    exclude: Sequence[str] = (),
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
        rewind_step: 0 rewinds to initialisation, k to the dense training's step k; the same code serves both.
        seed: of the initialisation; also of the data order unless `order_seed` is given.
        scope, overrides: see `pruning.prune`. exclude: parameters that are never pruned.
        momentum: at a rewind, "restore" takes the optimizer state of the rewind step along with the weights, "fresh"
            starts it at 0. For rewind_step=0 the two are the same.
        folder: rounds are saved here as they end; called again with the same arguments, finished rounds are read, not
            repeated.
        train: what trains; `training.train`, or that of a `replicates.Meeting`, which trains several seeds as one.
    """
    recipe = recipe if steps is None else replace(recipe, steps=steps)
    _check_rounds(rounds, rewind_step, recipe)
    model, order = _made(model_fn, seed, data.device), seed if order_seed is None else order_seed
    config = {"fraction": fraction, "scope": scope, "overrides": dict(overrides or {}), "momentum": momentum}
    _open(
        folder,
        model_fn,
        data,
        score,
        config | {"rewind_step": rewind_step, "seed": seed, "order": order},
        recipe,
    )
    mask, start = Mask.ones(model, exclude), None
    for r in range(rounds + 1):
        this = load_round(folder, r, start, data.device)
        if this is None:
            if r > 0:
                mask = prune(mask, score(model), fraction, scope=scope, overrides=overrides)
            result = train(
                model,
                data,
                mask=mask,
                seed=order,
                recipe=recipe,
                start=start,
                momentum=momentum,
                keep=(rewind_step,) if r == 0 else (),
                progress=progress,
            )
            this = Round(
                r, mask, result, start or result.kept[rewind_step], Checkpoint.of(model, step=result.steps)
            )
            _save_round(folder, this)
        else:
            this.trained.restore(model)
            if progress:
                progress(recipe.steps - (start.step if start else 0))
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
    _check_rounds(len(densities), rewind_step, recipe)
    model, order = _made(model_fn, seed, data.device), seed if order_seed is None else order_seed
    config = {"densities": list(densities), "scope": scope, "momentum": momentum, "rewind_step": rewind_step}
    _open(folder, model_fn, data, score, config | {"seed": seed, "order": order}, recipe)
    dense = load_round(folder, 0, None, data.device)
    if dense is None:
        mask = Mask.ones(model, exclude)
        result = train(
            model, data, mask=mask, seed=order, recipe=recipe, keep=(rewind_step,), progress=progress
        )
        dense = Round(0, mask, result, result.kept[rewind_step], Checkpoint.of(model, step=result.steps))
        _save_round(folder, dense)
    elif progress:
        progress(recipe.steps)
    yield dense
    dense.trained.restore(model)
    scores = {name: s.clone() for name, s in score(model).items()}
    for r, density in enumerate(densities, start=1):
        this = load_round(folder, r, dense.rewind, data.device)
        if this is None:
            mask = prune_to(dense.mask, scores, density, scope=scope)
            result = train(
                model,
                data,
                mask=mask,
                seed=order,
                recipe=recipe,
                start=dense.rewind,
                momentum=momentum,
                progress=progress,
            )
            this = Round(r, mask, result, dense.rewind, Checkpoint.of(model, step=result.steps))
            _save_round(folder, this)
        elif progress:
            progress(recipe.steps - rewind_step)
        yield this


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
    progress: Callable[[int], object] | None = None,
    train: TrainFn = train,
) -> TrainResult:
    """Train a mask once: which mask, weights from when, learning rate from when (Renda et al. 2020, section 2).

    Weight rewinding: `weights_from` the checkpoint of step k. Learning-rate rewinding: `weights_from` the trained
    weights, `lr_from=k`. Fine-tuning: trained weights and the last part of the schedule. Re-initialised control:
    `weights_from=fresh_start(...)`. The step also fixes the data order; `seed` is that of the order. Optimizer state
    is taken from `weights_from` only if `lr_from` is its own step and `momentum="restore"`.
    """
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
    )


def fresh_start(model_fn: ModelFn, *, seed: int, device: torch.device | str = "cpu") -> Checkpoint:
    """A new random initialisation as a checkpoint at step 0: the re-initialised control takes its weights from here.

    It comes from a seed derived from `seed`, so it differs from `model_fn(seed=seed)` and is as reproducible.
    """
    return Checkpoint.of(_made(model_fn, derived_seed(seed, "re-initialised"), device))


def _made(model_fn: ModelFn, seed: int, device: torch.device | str) -> nn.Module:
    """A new network. One at a time: a `model_fn` that seeds torch's global generator shares it with other threads."""
    with _making:
        return model_fn(seed=seed).to(device)


def derived_seed(seed: int, purpose: str) -> int:
    """A seed for one purpose, unrelated to the same seed's other purposes and to its neighbours."""
    return int.from_bytes(hashlib.sha256(f"{purpose}:{seed}".encode()).digest()[:6], "big")


def _check_rounds(rounds: int, rewind_step: int, recipe: Recipe) -> None:
    if not isinstance(rounds, int) or rounds < 0:
        raise ValueError(f"rounds={rounds!r} was given; expected a whole number, 0 or more.")
    if not 0 <= rewind_step < recipe.steps:
        raise ValueError(
            f"rewind_step={rewind_step} was given, but a training has {recipe.steps} steps; expected 0 to "
            f"{recipe.steps - 1}."
        )


def _open(
    folder: Path | str | None,
    model_fn: ModelFn,
    data: Dataset,
    score: ScoreFn,
    config: dict[str, Any],
    recipe: Recipe,
) -> None:
    """Refuse to go on in a folder that other arguments made: its rounds would pass for ours."""
    if folder is not None:
        names = {"model": _name(model_fn), "score": _name(score), "data": data.fingerprint}
        open_run(folder, config | names | {"recipe": asdict(recipe)})


def _name(function: object) -> str:
    if isinstance(function, partial):
        return f"{_name(function.func)}{sorted(function.keywords.items())}"
    return getattr(function, "__qualname__", type(function).__qualname__)


def _save_round(folder: Path | str | None, this: Round) -> None:
    """Rewind point once, then one file a round: mask, result, and the trained weights that the mask keeps."""
    if folder is None:
        return
    if this.round == 0:
        this.rewind.save(Path(folder) / "rewind.npz")
    arrays = {f"mask:{name}": bits for name, bits in this.mask.arrays().items()}
    for name, tensor in this.trained.model.items():
        values = tensor[this.mask[name]] if name in this.mask else tensor
        arrays[f"state:{name}"] = values.cpu().numpy()
    result = {key: value for key, value in asdict(replace(this.result, kept={})).items() if key != "kept"}
    meta = {
        "kind": "round",
        "round": this.round,
        "step": this.trained.step,
        "shapes": this.mask.shapes(),
        "result": result,
    }
    files.save_arrays(Path(folder) / f"round-{this.round:02d}.npz", arrays, meta)


def load_round(
    folder: Path | str | None, r: int, start: Checkpoint | None = None, device: torch.device | str = "cpu"
) -> Round | None:
    """Round r as `imp` or `one_shot` saved it in `folder`, or None if it has not been saved.

    `start` is the rewind point, if it is at hand already. `files.DamagedFile` if the file is not whole.
    """
    if folder is None or not (path := Path(folder) / f"round-{r:02d}.npz").exists():
        return None
    arrays, meta = files.load_arrays(path)
    if meta.get("kind") != "round" or meta.get("round") != r:
        raise files.DamagedFile(f"{path} is not round {r} of a run.")
    mask = Mask.from_arrays({n: arrays[f"mask:{n}"] for n in meta["shapes"]}, meta["shapes"]).to(device)
    state = {}
    for key in (k for k in arrays if k.startswith("state:")):
        name, values = key.removeprefix("state:"), torch.from_numpy(arrays[key]).to(device)
        if name in mask:
            values = torch.zeros(mask[name].shape, dtype=values.dtype, device=device).masked_scatter(
                mask[name], values
            )
        state[name] = values
    result = meta["result"] | {"history": tuple(Point(*p) for p in meta["result"]["history"])}
    rewind = start or Checkpoint.load(Path(folder) / "rewind.npz", device=device)
    return Round(r, mask, TrainResult(**result), rewind, Checkpoint(meta["step"], state))
