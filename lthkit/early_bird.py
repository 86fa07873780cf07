"""Early-Bird tickets: draw a mask after every epoch, and prune once the masks have ceased to change (You et al. 2020).

What is left out of the published method, plainly: the L1 penalty on batch-norm gains, and low precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lthkit import files
from lthkit.channels import channel_mask
from lthkit.checkpoints import Checkpoint
from lthkit.choices import choose
from lthkit.data import Dataset
from lthkit.engine import optimizer_for, updater
from lthkit.masks import Mask
from lthkit.pruning import prune_to
from lthkit.recipes import Recipe
from lthkit.records import open_run
from lthkit.scores import magnitude
from lthkit.tickets import ModelFn, name_of, new_network
from lthkit.training import TrainingDiverged, check_steps, execution

KINDS = ("weights", "channels")
RULES = ("newest", "neighbours")


class NeverStable(RuntimeError):
    """The rule did not fire within the epochs that were given, so there is no Early-Bird ticket."""


def distances(masks: Sequence[Mask]) -> Tensor:
    """Mask distance of every pair: float64 [n, n], symmetric, 0 on the diagonal (You et al. 2020, section 3.2).

    The distance is the fraction of entries in which two masks differ: the Hamming distance over the size.

    Raises:
        ValueError: no mask; masks of different models.
    """
    if not masks:
        raise ValueError("No mask was given; expected one for each epoch.")
    matrix = torch.zeros(len(masks), len(masks), dtype=torch.float64)
    for i, one in enumerate(masks):
        for j in range(i):
            matrix[i, j] = matrix[j, i] = one.distance(masks[j])
    return matrix


def null_distance(density: float | Mask) -> float:
    """The distance of two random masks of this density, 2d(1 - d): what chance alone gives.

    An entry differs if one mask keeps it, which has probability d, and the other does not, 1 - d; or the other way round.
    From a `Mask` each tensor's own density is taken, and the mean over all entries: the mean distance between the mask
    and its `shuffled` copies. It is at most 2d(1 - d) with the overall d.

    Raises:
        ValueError: a number that is not a density.
    """
    if isinstance(density, Mask):
        sizes = {name: density[name].numel() for name in density}
        return sum(sizes[n] * 2 * d * (1 - d) for n, d in density.per_layer().items()) / density.total
    if not isinstance(density, int | float) or not 0 <= density <= 1:
        raise ValueError(f"density={density!r} was given; expected a number from 0 to 1, or a Mask.")
    return 2 * density * (1 - density)


def largest_in_window(
    given: Sequence[Mask] | Tensor, *, window: int = 5, rule: str = "newest"
) -> list[float]:
    """What the stopping rule looks at after each epoch: the largest of the distances in the window, NaN until it is full.

    Args:
        given: masks in the order of their epochs, or the matrix [n, n] that `distances` makes of them.
        window: length of the queue (FIFO); 5 in the paper.
        rule: "newest" takes the newest mask against each of the `window` - 1 masks before it, as the authors' code does
            (`EarlyBird.cal_dist` in main.py). "neighbours" takes the last `window` distances between one epoch and the
            next, as their README says; a mask that drifts slowly and for ever passes it.

    Raises:
        ValueError: window below 2, another rule, no masks or no such matrix.
    """
    _check_window(window, rule)
    d = _matrix(given)
    worst = []
    for t in range(len(d)):
        if rule == "newest":
            queue = d[t, t - window + 1 : t] if t >= window - 1 else None
        else:
            queue = d.diagonal(-1)[t - window : t] if t >= window else None
        worst.append(math.nan if queue is None else float(queue.max()))
    return worst


def stop_epoch(
    given: Sequence[Mask] | Tensor, *, window: int = 5, threshold: float = 0.1, rule: str = "newest"
) -> int | None:
    """The first epoch at which all distances in the window are *below* the threshold; None if there is none.

    Epochs count from 1: the first mask is that of the end of epoch 1. So the answer is at least `window` under the rule
    "newest" and `window` + 1 under "neighbours"; arguments are those of `largest_in_window`. An equal distance does not
    stop here (the README: "smaller than"; the authors' code lets it pass).

    Raises:
        ValueError: as `largest_in_window`; a threshold that is not from 0 to 1.
    """
    _check_threshold(threshold)
    worst = largest_in_window(given, window=window, rule=rule)
    return next((epoch for epoch, value in enumerate(worst, start=1) if value < threshold), None)


@dataclass(frozen=True)
class EarlyBird:
    """What a search found. `mask` and `checkpoint` raise `NeverStable` if the rule did not fire.

    Attributes:
        kind: "weights" or "channels", what `masks` are of. threshold, window, rule: of `stop_epoch`.
        masks: one for each epoch that was trained, in order.
        epoch: the epoch at whose end the rule fired, counted from 1; None if it never did.
        steps_per_epoch: updates.
        drawn: the state at the end of that epoch, optimizer included; None if there is none.
        last: the state at the end of the last epoch that was trained.
    """

    kind: str
    window: int
    threshold: float
    rule: str
    masks: tuple[Mask, ...]
    epoch: int | None
    steps_per_epoch: int
    drawn: Checkpoint | None = field(repr=False)
    last: Checkpoint = field(repr=False)

    @property
    def mask(self) -> Mask:
        """The ticket's mask, drawn at `epoch`; for training a mask of channels goes through `channels.channel_weights`."""
        return self.masks[self._found() - 1]

    @property
    def checkpoint(self) -> Checkpoint:
        """Where the ticket's training goes on: `lth.retrain(..., mask=..., weights_from=ticket.checkpoint)`."""
        self._found()
        assert self.drawn is not None
        return self.drawn

    def _found(self) -> int:
        if self.epoch is None:
            worst = largest_in_window(self.masks, window=self.window, rule=self.rule)
            seen = [value for value in worst if not math.isnan(value)]
            lowest = f"the lowest was {min(seen):.4f}" if seen else "the window was never full"
            raise NeverStable(
                f"After {len(self.masks)} epochs the distances in the window were never all below {self.threshold}: "
                f"{lowest}. Train longer, or take a threshold that suits the density (null_distance)."
            )
        return self.epoch


def early_bird(
    model_fn: ModelFn,
    data: Dataset,
    *,
    density: float,
    kind: str = "weights",
    window: int = 5,
    threshold: float = 0.1,
    rule: str = "newest",
    max_epochs: int | None = None,
    watch: bool = False,
    seed: int = 0,
    order_seed: int | None = None,
    recipe: Recipe = Recipe(),  # noqa: B008  (frozen)
    folder: Path | str | None = None,
    progress: Callable[[int], object] | None = None,
) -> EarlyBird:
    """Train the dense network, draw a mask at the end of each epoch, stop once the masks are stable (You et al. 2020, 3.3).

    Masks are drawn from the weights as they are, without touching them: magnitude over all layers together, or channels
    by batch-norm gain. Nothing is evaluated; the test split stays unread. The training is step by step that of `lth.train`
    with the same recipe and seed, and `lth.retrain(model_fn, data, mask=ticket.mask, weights_from=ticket.checkpoint,
    recipe=recipe, seed=seed)` goes on with it up to `recipe.steps`. Left out: the paper's L1 penalty on the gains.

    Args:
        model_fn: makes the network; called as `model_fn(seed=seed)`.
        density: of the masks. kind: "weights", or "channels" (see `channel_mask`).
        window, threshold, rule: of `stop_epoch`.
        max_epochs: None is as many as `recipe.steps` has; an epoch is `len(data.train) // batch_size` updates.
        watch: True trains on to `max_epochs` after the rule has fired, to see the later masks; the ticket stays.
        seed: of the initialisation; also of the data order unless `order_seed` is given.
        folder: the result is saved here, and read by a later call; a search that was broken off begins again.
        progress: called with the number of updates since the last call.

    If the rule never fires, the result has `epoch` None, and its `mask` and `checkpoint` raise `NeverStable`.

    Raises:
        TrainingDiverged: the loss is not finite. ValueError: arguments out of range, or `kind` unknown.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} was given; expected one of {', '.join(KINDS)}.")
    _check_window(window, rule)
    _check_threshold(threshold)
    check_steps(0, set(), recipe, "restore", len(data.train))
    per_epoch = len(data.train) // recipe.batch_size
    epochs = recipe.steps // per_epoch if max_epochs is None else max_epochs
    if not isinstance(epochs, int) or not 1 <= epochs * per_epoch <= recipe.steps:
        raise ValueError(
            f"max_epochs={max_epochs!r} was given; with {per_epoch} steps an epoch and a recipe of {recipe.steps} steps, "
            f"expected 1 to {recipe.steps // per_epoch} epochs."
        )
    order = seed if order_seed is None else order_seed
    rules = {"window": window, "threshold": threshold, "rule": rule}
    config = rules | {"density": density, "kind": kind, "epochs": epochs, "watch": watch, "seed": seed}
    if folder is not None:
        names = {
            "model": name_of(model_fn),
            "data": data.fingerprint,
            "order": order,
            "recipe": asdict(recipe),
        }
        open_run(folder, {"method": "early-bird"} | config | names)
        if (found := _load(Path(folder), data.device)) is not None:
            return found
    model = new_network(model_fn, seed, data.device)
    everything = Mask.ones(model)

    def draw() -> Mask:
        if kind == "channels":
            return channel_mask(model, density)
        return prune_to(everything, magnitude(model), density)

    draw()  # a density or a network that will not do is refused before an epoch has been trained
    masks: list[Mask] = []
    epoch, drawn = None, None
    with execution(model, data, recipe):
        optimizer = optimizer_for(model, recipe)
        choice = choose(model, data.device)
        update = updater(model, data, recipe=recipe, seeds=[order], optimizer=optimizer, choice=choice)
        for this in range(1, epochs + 1):
            for step in range((this - 1) * per_epoch, this * per_epoch):
                update(step)
            loss = update.mean_loss()[0]
            if not math.isfinite(loss):
                raise TrainingDiverged(
                    f"The loss is not finite in epoch {this}. Try less than lr={recipe.lr:g}."
                )
            masks.append(draw())
            if progress:
                progress(per_epoch)
            if epoch is None and stop_epoch(masks[-window - 1 :], **rules) is not None:  # type: ignore[arg-type]
                epoch = this
                drawn = Checkpoint.of(model, step=this * per_epoch, optimizer=optimizer)
                if not watch:
                    break
        last = Checkpoint.of(model, step=len(masks) * per_epoch, optimizer=optimizer)
    found = EarlyBird(kind, window, threshold, rule, tuple(masks), epoch, per_epoch, drawn, last)
    if folder is not None:
        _save(Path(folder), found)
    return found


def _save(folder: Path, found: EarlyBird) -> None:
    """Checkpoints first: where the file of masks is, the search is whole."""
    if found.drawn is not None:
        found.drawn.save(folder / "drawn.npz")
    found.last.save(folder / "last.npz")
    arrays = {f"{i}:{n}": bits for i, mask in enumerate(found.masks) for n, bits in mask.arrays().items()}
    plain = ("kind", "window", "threshold", "rule", "epoch", "steps_per_epoch")
    meta: dict[str, Any] = {"kind": "early-bird", "shapes": found.masks[0].shapes()}
    meta |= {"epochs": len(found.masks), "found": {name: getattr(found, name) for name in plain}}
    files.save_arrays(folder / "masks.npz", arrays, meta)


def _load(folder: Path, device: torch.device) -> EarlyBird | None:
    if not (path := folder / "masks.npz").exists():
        return None
    arrays, meta = files.load_arrays(path)
    if meta.get("kind") != "early-bird":
        raise files.DamagedFile(
            f"{path} holds {meta.get('kind', 'something else')!r}, not masks of a search."
        )
    shapes, found = meta["shapes"], meta["found"]
    masks = tuple(
        Mask.from_arrays({name: arrays[f"{i}:{name}"] for name in shapes}, shapes).to(device)
        for i in range(meta["epochs"])
    )
    drawn = None if found["epoch"] is None else Checkpoint.load(folder / "drawn.npz", device=device)
    last = Checkpoint.load(folder / "last.npz", device=device)
    return EarlyBird(**found, masks=masks, drawn=drawn, last=last)


def _matrix(given: Sequence[Mask] | Tensor) -> Tensor:
    matrix = given.double() if isinstance(given, Tensor) else distances(given)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) == 0:
        raise ValueError(f"A tensor of shape {tuple(matrix.shape)} was given; expected distances, [n, n].")
    if not bool(((matrix >= 0) & (matrix <= 1)).all()) or not torch.equal(matrix, matrix.T):
        raise ValueError("The matrix is no matrix of distances: expected symmetric, entries from 0 to 1.")
    return matrix


def _check_window(window: int, rule: str) -> None:
    if not isinstance(window, int) or window < 2:
        raise ValueError(f"window={window!r} was given; expected a whole number, 2 or more.")
    if rule not in RULES:
        raise ValueError(f"rule={rule!r} was given; expected one of {', '.join(RULES)}.")


def _check_threshold(threshold: float) -> None:
    if not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise ValueError(f"threshold={threshold!r} was given; expected a number from 0 to 1, such as 0.1.")
