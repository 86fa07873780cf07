"""Early-Bird tickets: draw a mask after every epoch, and prune once the masks have ceased to change (You et al. 2020).

What is left out of the published method, plainly: the L1 penalty on batch-norm gains, and low precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Unpack

import numpy as np
import torch
from torch import nn

from lthkit.data.datasets import Dataset
from lthkit.machine.checks import plain
from lthkit.machine.devices import operator_threads
from lthkit.machine.work import Work
from lthkit.pruning.channels import channel_mask
from lthkit.pruning.masks import Mask
from lthkit.pruning.scores import for_mask, magnitude
from lthkit.pruning.selection import prune_to
from lthkit.storage.snapshots import Snapshots
from lthkit.tickets.mask_distances import check_threshold, check_window, largest_in_window, stop_epoch
from lthkit.tickets.search import ModelFn, Search, Shared
from lthkit.training.checkpoints import Checkpoint, pack, unpack
from lthkit.training.choices import choose
from lthkit.training.engine import optimizer_for, updater
from lthkit.training.evaluation import check_fit
from lthkit.training.history import TrainingDiverged
from lthkit.training.loop import check_augment, check_steps, counted, execution
from lthkit.training.recipes import Recipe

KINDS = ("weights", "channels")


class NeverStable(RuntimeError):
    """The rule did not fire within the epochs that were given, so there is no Early-Bird ticket."""


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
    **shared: Unpack[Shared],
) -> EarlyBird:
    """Train the dense network, draw a mask at the end of each epoch, stop once the masks are stable (You et al. 2020, 3.3).

    Masks are drawn from the weights as they are, without touching them: magnitude, or channels by batch-norm gain.
    Nothing is evaluated; the test split stays unread. The training is step by step that of `lth.train` with the same
    recipe and seed, and `lth.retrain(model_fn, data, mask=ticket.mask, weights_from=ticket.checkpoint, recipe=recipe,
    seed=seed)` goes on with it up to `recipe.steps`. Left out: the paper's L1 penalty on the gains.

    Args:
        density: of the masks. kind: "weights", or "channels" (see `channel_mask`; over all layers together).
        window, threshold, rule: of `stop_epoch`.
        max_epochs: None is as many as `recipe.steps` has; an epoch is `len(data.train) // batch_size` updates.
        watch: True trains on to `max_epochs` after the rule has fired, to see the later masks; the ticket stays.
        shared: seed, order_seed, steps (one number), recipe, scope, exclude, include, folder, progress, task (see `Search`).

    If the rule never fires, the result has `epoch` None, and its `mask` and `checkpoint` raise `NeverStable`.

    Raises:
        TrainingDiverged: the loss is not finite. ValueError: arguments out of range, or `kind` unknown.
    """
    search = Search.of(early_bird, model_fn, data, shared)
    density, window, threshold, max_epochs = map(plain, (density, window, threshold, max_epochs))
    if "train" in shared:
        raise TypeError("early_bird() trains epoch by epoch itself; it takes no train.")
    rules: dict[str, Any] = {"window": window, "threshold": threshold, "rule": rule}
    _check(search, density, kind, rules)
    per_epoch = len(data.train) // (recipe := search.one_recipe()).batch_size
    epochs = _epochs(recipe, per_epoch, max_epochs)
    model = _network(search)
    draw = _drawing(search, model, kind, density)
    draw()  # a density or a network that will not do is refused before an epoch has been trained
    settings = rules | _settings(search, kind=kind, density=density, epochs=epochs, watch=watch)
    with search.working("early-bird", partial(search.config, model, recipe, settings)) as place:
        saved = Snapshots(place, unit="epochs", final=True)
        threads = operator_threads(choose(model, data.device).threads)
        work = Work(f"seed {search.seed}, early-bird search", total=epochs * per_epoch)
        with work, saved.explained(), execution(model, data, recipe), threads:
            found = _Epochs(search, model, recipe, per_epoch, saved)
            with work.interrupts_wait(found.save):
                while len(found.masks) < epochs and (watch or found.epoch is None):
                    found.train_one()
                    found.masks.append(draw())
                    if found.epoch is None and stop_epoch(found.masks[-window - 1 :], **rules) is not None:
                        found.stop_here()
                    found.report()
                last = found.end()
    masks = tuple(found.masks)
    return EarlyBird(kind, window, threshold, rule, masks, found.epoch, per_epoch, found.drawn, last)


def _settings(search: Search, *, kind: str, **given: Any) -> dict[str, Any]:
    """What decides a search beside the rule; scope and exclusions stand there only where they are not the usual ones."""
    settings = {"method": "early-bird", "kind": kind} | given
    if kind == "weights" and (search.scope, tuple(search.exclude)) != ("global", ()):
        settings |= {"scope": search.scope, "exclude": list(search.exclude)}
    return settings


class _Epochs:
    """A training epoch by epoch, with the masks drawn so far; it goes on from where `saved` was left."""

    def __init__(
        self, search: Search, model: nn.Module, recipe: Recipe, per_epoch: int, saved: Snapshots
    ) -> None:
        data = search.data
        self.model, self.recipe, self.per_epoch, self.saved = model, recipe, per_epoch, saved
        self.progress = search.progress
        self._work = counted(saves=saved.folder is not None)
        self.masks: list[Mask] = []
        self.epoch: int | None = None
        self.drawn: Checkpoint | None = None
        self.optimizer = optimizer_for(model, recipe)
        self._update = updater(
            model,
            data,
            recipe=recipe,
            seeds=[search.order],
            optimizer=self.optimizer,
            choice=choose(model, data.device),
            task=search.task,
        )
        found = saved.newest()
        self._on_disk = -1 if found is None else len(self._load(found, data.device))

    def _load(self, found: tuple[dict[str, np.ndarray], dict[str, Any]], device: torch.device) -> list[Mask]:
        self.masks, self.epoch, states = _unpacked(found, device)
        states["last"].restore(self.model)
        self.optimizer.load_state(states["last"].optimizer or {})
        self.drawn = states.get("drawn")
        self._work.skip(len(self.masks) * self.per_epoch)
        if self.progress:
            self.progress(len(self.masks) * self.per_epoch)
        return self.masks

    def train_one(self) -> None:
        """One more epoch. `TrainingDiverged` if its loss is not finite."""
        this = len(self.masks) + 1
        for step in range((this - 1) * self.per_epoch, this * self.per_epoch):
            self._update(step)
            self._work.count()
        if not math.isfinite(self._update.mean_loss()[0]):
            raise TrainingDiverged(
                f"The loss is no longer finite in epoch {this}, up to step {this * self.per_epoch}. Try a smaller "
                f"learning rate than {self.recipe.lr:g}, or a warm-up."
            )

    def stop_here(self) -> None:
        """The rule fired on the newest mask: the ticket is drawn."""
        self.epoch, self.drawn = len(self.masks), self._state()

    def report(self) -> None:
        """Save if it is time, and tell of the progress, which may stop the work."""
        self.saved.report(self.progress, self.per_epoch, save=self.save)

    def end(self) -> Checkpoint:
        """The state in the end, saved unless it was found there."""
        if self.saved.final and self._on_disk < len(self.masks):
            self.save()
        return self._state()

    def _state(self) -> Checkpoint:
        return Checkpoint.of(self.model, step=len(self.masks) * self.per_epoch, optimizer=self.optimizer)

    def save(self) -> None:
        """Save all that a later call needs to go on from here."""
        states = {"last": self._state()} | ({"drawn": self.drawn} if self.drawn else {})
        self.saved.save(len(self.masks), *_packed(self.masks, self.epoch, states))


def _network(search: Search) -> nn.Module:
    model = search.network()
    check_fit(model, search.data, search.task)
    return model


def _drawing(search: Search, model: nn.Module, kind: str, density: float) -> Callable[[], Mask]:
    """What draws a mask from the weights as they are now."""
    if kind == "channels":
        return lambda: channel_mask(model, density)
    everything = search.mask(model)
    return lambda: prune_to(everything, for_mask(magnitude, everything)(model), density, scope=search.scope)


def _check(search: Search, density: float, kind: str, rules: Mapping[str, Any]) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} was given; expected one of {', '.join(KINDS)}.")
    if kind == "channels" and (search.scope != "global" or search.exclude or search.include):
        raise ValueError(
            "kind='channels' ranks the channels of all layers together; it takes no scope, exclude or include."
        )
    check_window(rules["window"], rules["rule"])
    check_threshold(rules["threshold"])
    check_steps(0, set(), search.one_recipe(), "restore", search.data)
    check_augment(search.data, search.recipe)
    if not isinstance(density, int | float) or not 0 < density < 1:
        raise ValueError(f"density={density!r} was given; expected a number between 0 and 1, such as 0.3.")


def _epochs(recipe: Recipe, per_epoch: int, max_epochs: int | None) -> int:
    """How many epochs to train at most."""
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
    return epochs


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
