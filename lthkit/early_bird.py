"""Early-Bird tickets: draw a mask after every epoch, and prune once the masks have ceased to change (You et al. 2020).

What is left out of the published method, plainly: the L1 penalty on batch-norm gains, and low precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lthkit.channels import channel_mask
from lthkit.checkpoints import Checkpoint, pack, unpack
from lthkit.choices import choose
from lthkit.data import Dataset
from lthkit.engine import optimizer_for, updater
from lthkit.folders import working_in
from lthkit.history import TrainingDiverged
from lthkit.masks import Mask
from lthkit.pruning import prune_to
from lthkit.recipes import Recipe
from lthkit.records import name_of, network_name
from lthkit.scores import magnitude
from lthkit.snapshots import Snapshots
from lthkit.tickets import ModelFn, new_network
from lthkit.training import check_steps, execution

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
        folder: how far the search is is saved here now and then (see `snapshots`), and its end. The same call goes on
            from there; on a CPU to the same bits. A finished search is read.
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
    if not isinstance(density, int | float) or not 0 < density < 1:
        raise ValueError(f"density={density!r} was given; expected a number between 0 and 1, such as 0.3.")
    per_epoch = len(data.train) // recipe.batch_size
    if recipe.steps < per_epoch:
        raise ValueError(
            f"The recipe has {recipe.steps} steps, with {per_epoch} steps an epoch; expected one epoch at least."
        )
    epochs = recipe.steps // per_epoch if max_epochs is None else max_epochs
    if not isinstance(epochs, int) or not 1 <= epochs * per_epoch <= recipe.steps:
        raise ValueError(
            f"max_epochs={max_epochs!r} was given; with {per_epoch} steps an epoch and a recipe of {recipe.steps} steps, "
            f"expected 1 to {recipe.steps // per_epoch} epochs."
        )
    order = seed if order_seed is None else order_seed
    rules = {"window": window, "threshold": threshold, "rule": rule}
    config = rules | {"density": density, "kind": kind, "epochs": epochs, "watch": watch, "seed": seed}
    model = new_network(model_fn, seed, data.device)
    names = {"method": "early-bird", "model": name_of(model_fn), "network": network_name(model)}
    where = {
        "start": Checkpoint.of(model).fingerprint,
        "data": data.fingerprint,
        "device": data.device.type,
        "order": order,
        "recipe": asdict(recipe),
    }
    everything = Mask.ones(model)

    def draw() -> Mask:
        if kind == "channels":
            return channel_mask(model, density)
        return prune_to(everything, magnitude(model), density)

    draw()  # a density or a network that will not do is refused before an epoch has been trained
    masks: list[Mask] = []
    epoch, drawn = None, None
    with working_in(folder, lambda: config | names | where, name="early-bird") as place:
        saved = Snapshots(place, final=True)
        with saved.explained(), execution(model, data, recipe):
            optimizer = optimizer_for(model, recipe)
            choice = choose(model, data.device)
            update = updater(model, data, recipe=recipe, seeds=[order], optimizer=optimizer, choice=choice)
            if (found := saved.newest()) is not None:
                masks, epoch, states = _unpacked(found, data.device)
                states["last"].restore(model)
                optimizer.load_state(states["last"].optimizer or {})
                drawn = states.get("drawn")
                if progress:
                    progress(len(masks) * per_epoch)

            def save() -> None:
                last = Checkpoint.of(model, step=len(masks) * per_epoch, optimizer=optimizer)
                saved.save(
                    len(masks), *_packed(masks, epoch, {"last": last} | ({"drawn": drawn} if drawn else {}))
                )

            for this in range(len(masks) + 1, epochs + 1):
                if epoch is not None and not watch:
                    break
                for step in range((this - 1) * per_epoch, this * per_epoch):
                    update(step)
                loss = update.mean_loss()[0]
                if not math.isfinite(loss):
                    raise TrainingDiverged(
                        f"The loss is no longer finite in epoch {this}, up to step {this * per_epoch}. Try a smaller "
                        f"learning rate than {recipe.lr:g}, or a warm-up."
                    )
                masks.append(draw())
                if epoch is None and stop_epoch(masks[-window - 1 :], **rules) is not None:  # type: ignore[arg-type]
                    epoch = this
                    drawn = Checkpoint.of(model, step=this * per_epoch, optimizer=optimizer)
                if saved.due:
                    save()
                if progress:
                    with saved.kept_when(save):
                        progress(per_epoch)
            if saved.final and (found is None or found[1]["step"] < len(masks)):
                save()
            last = Checkpoint.of(model, step=len(masks) * per_epoch, optimizer=optimizer)
    return EarlyBird(kind, window, threshold, rule, tuple(masks), epoch, per_epoch, drawn, last)


def _packed(
    masks: Sequence[Mask], epoch: int | None, states: Mapping[str, Checkpoint]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """A search as arrays and a description for one file."""
    arrays, steps = pack(states)
    bits = {f"mask-{i}|{n}": array for i, mask in enumerate(masks) for n, array in mask.arrays().items()}
    return arrays | bits, {**steps, "shapes": masks[0].shapes(), "epochs": len(masks), "epoch": epoch}


def _unpacked(
    found: tuple[dict[str, np.ndarray], dict[str, Any]], device: torch.device
) -> tuple[list[Mask], int | None, dict[str, Checkpoint]]:
    arrays, meta = found
    shapes = meta["shapes"]
    masks = [
        Mask.from_arrays({name: arrays[f"mask-{i}|{name}"] for name in shapes}, shapes).to(device)
        for i in range(meta["epochs"])
    ]
    return masks, meta["epoch"], unpack(arrays, meta, device)


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
