"""Training that is sparse throughout, under a mask that moves: SET (Mocanu et al. 2018) and RigL (Evci et al. 2020)."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from lthkit.data.datasets import Dataset
from lthkit.machine.checks import check_whole, is_number, plain
from lthkit.machine.devices import operator_threads
from lthkit.machine.seeds import derived_seed, global_generators
from lthkit.machine.work import Work
from lthkit.pruning.counting import check_density
from lthkit.pruning.densities import erk
from lthkit.pruning.growing import grow
from lthkit.pruning.masks import Mask
from lthkit.pruning.scores import for_mask, magnitude, random
from lthkit.pruning.selection import prune_to
from lthkit.storage.snapshots import Found, Snapshots
from lthkit.tickets.search import ModelFn, Search, Shared
from lthkit.training.checkpoints import Checkpoint
from lthkit.training.choices import Choice, choose
from lthkit.training.engine import Update, optimizer_for, updater
from lthkit.training.history import History
from lthkit.training.loop import check_arguments, check_steps, counted, execution
from lthkit.training.recipes import Recipe
from lthkit.training.results import TrainResult

GROWTHS = ("gradient", "random")


@dataclass(frozen=True)
class Moved:
    """A training under a mask that moved.

    Attributes:
        masks: step -> mask; the first one at step 0, then one for each update of the mask, before that update of the weights.
        result: metrics at the step of least validation loss; in its history the training loss is the mean since the last
            evaluation or update of the mask. mask: that of the best step.
        trained: the weights of this step. last: those of the last one.
    """

    masks: Mapping[int, Mask] = field(repr=False)
    result: TrainResult
    mask: Mask
    trained: Checkpoint = field(repr=False)
    last: Checkpoint = field(repr=False)

    @property
    def density(self) -> float:
        """Fraction of the weights that are kept, the same at each step."""
        return self.mask.density

    @property
    def test_accuracy(self) -> float:
        """Test accuracy at the best step, from 0 to 1, where the task measures it."""
        return self.result.test_accuracy

    @property
    def visited(self) -> float:
        """Fraction of the weights that were kept at some time: what was explored."""
        seen = list(self.masks.values())
        union = seen[0]
        for one in seen[1:]:
            union = union | one
        return union.density

    def replaced(self) -> dict[int, float]:
        """Step -> the share of the kept weights that were not kept in the first mask."""
        first = self.masks[0]
        return {step: 1 - (first & mask).kept / mask.kept for step, mask in self.masks.items()}


def sparse_training(
    model_fn: ModelFn,
    data: Dataset,
    *,
    density: float,
    layers: str | Mapping[str, float] = "erk",
    growth: str = "gradient",
    drop: float = 0.3,
    every: int = 100,
    until: float = 0.75,
    **shared: Unpack[Shared],
) -> Moved:
    """Train a network that is sparse from the first step to the last, and let its mask move: RigL, or SET.

        found = lth.sparse_training(model_fn, data, density=0.1, growth="gradient", recipe=lth.Recipe(steps=3000))

    The first mask is random. Then, after every so many updates, in each layer the kept weights of least magnitude go,
    a share f of them, and just as many of those that are out come back: those of largest gradient (RigL, Evci et al. 2020,
    section 3), or random ones (SET, Mocanu et al. 2018). f falls from `drop` to 0 along a cosine (Evci et al. 2020,
    equation 1). What comes back begins at 0, and so does its optimizer state. So each layer has the same number of weights
    at each step. One that has just gone may come back at once; then it begins at 0.

    Two differences to the authors' code: there a weight that goes and comes back at once keeps its value, and an update of
    the mask takes the place of one of the weights. Here all updates of the weights are done, and RigL's dense gradient, of a
    batch of its own, costs one pass more for each update of the mask.

    Args:
        density: of all weights in the mask, from first to last.
        layers: "erk", "uniform", or a density for each layer, {name: density}, instead of `density` then.
        growth: "gradient" or "random".
        drop: share of the kept weights that go at the first update of the mask; 0 is a static random mask.
        every: updates of the weights from one update of the mask to the next.
        until: share of the training after which the mask stays.
        shared: seed, order_seed, steps (one number), recipe, exclude, include, folder, progress, task (see `Search`). `patience` of the
            recipe is not for a mask that still moves.

    Raises:
        TypeError: a `train` of one's own. ValueError: arguments out of range, a scope, a recipe with `patience`.
        TrainingDiverged: the loss is not finite.
    """
    search = Search.of(sparse_training, model_fn, data, shared)
    if "train" in shared:
        raise TypeError("sparse_training() trains step by step itself; it takes no train.")
    density, drop, until = map(plain, (density, drop, until))
    every = check_whole("every", every, 1)
    recipe, model = search.one_recipe(), search.network()
    _check(search, recipe, growth, drop, until)
    first = _first_mask(search, model, density, layers)
    check_arguments(model, data, recipe, mask=first, task=search.task)
    check_steps(0, set(), recipe, "restore", data)
    rule = {"growth": growth, "drop": drop, "every": every, "until": until}
    settings = {"method": "sparse-training", "first": first.fingerprint, **rule}
    with search.working("sparse-training", partial(search.config, model, recipe, settings)) as place:
        return _moved(search, model, recipe, first, rule, Snapshots(place, final=True))


def _moved(
    search: Search, model: nn.Module, recipe: Recipe, first: Mask, rule: dict[str, Any], saved: Snapshots
) -> Moved:
    data, found = search.data, saved.newest()
    choice = Choice(**found[1]["choice"]) if found else replace(choose(model, data.device), sparse=False)
    work = Work(f"seed {search.seed}, sparse training", total=recipe.steps)
    threads = operator_threads(choice.threads)
    with work, saved.explained(), execution(model, data, recipe), threads:
        moving = _Moving(search, model, recipe, first, choice, rule)
        moving.load(found)
        counted(saves=saved.folder is not None).skip(moving.history.done)
        with work.interrupts_wait(partial(moving.save, saved)):
            moving.to_the_end(saved)
            return moving.found(saved)


class _Moving:
    """A training whose mask moves: its history, and the masks so far."""

    def __init__(
        self,
        search: Search,
        model: nn.Module,
        recipe: Recipe,
        first: Mask,
        choice: Choice,
        rule: dict[str, Any],
    ) -> None:
        self.search, self.model, self.recipe, self.choice, self.rule = search, model, recipe, choice, rule
        self.masks: dict[int, Mask] = {0: first}
        first.apply_(model)
        self.optimizer = optimizer_for(model, recipe)
        self.history = History(
            model,
            0,
            recipe,
            choice,
            state=self.optimizer.state,
            begun=time.perf_counter(),
            task=search.task,
        )
        self.update: Update | None = None

    @property
    def mask(self) -> Mask:
        """The mask of the moment."""
        return self.masks[max(self.masks)]

    def load(self, found: Found | None) -> None:
        """Take up a training that was saved."""
        data = self.search.data
        if (state := self.history.load(found, data.device)) is None:
            return
        assert found is not None
        self.optimizer.load_state(state)
        shapes = self.mask.shapes()
        steps = {int(label.split("|")[1]) for label in found[0] if label.startswith("moved|")}
        for step in sorted(steps):
            bits = {name: found[0][f"moved|{step}|{name}"] for name in shapes}
            self.masks[step] = Mask.from_arrays(bits, shapes).to(data.device)
        if self.search.progress:
            self.search.progress(self.history.done)

    def save(self, saved: Snapshots) -> None:
        """Save all that a later call needs to go on from here."""
        moved = {
            f"moved|{step}|{name}": bits
            for step, mask in self.masks.items()
            for name, bits in mask.arrays().items()
        }
        self.history.save(saved, more=moved)

    def to_the_end(self, saved: Snapshots) -> None:
        """The updates that are left, of the weights and of the mask."""
        data, work = self.search.data, counted(saves=saved.folder is not None)
        for step in self.history.steps_left():
            if step > 0 and step % self.rule["every"] == 0 and step < self.rule["until"] * self.recipe.steps:
                self.move(step)
            if self.update is None:
                self.update = updater(
                    self.model,
                    data,
                    recipe=self.recipe,
                    masks=[self.mask],
                    seeds=[self.search.order],
                    optimizer=self.optimizer,
                    choice=self.choice,
                    task=self.search.task,
                )
            self.update(step)
            work.count()
            done = step + 1
            if done % self.recipe.evaluate_every and done < self.recipe.steps:
                continue
            self.history.add(done, self.update.mean_loss()[0], data)
            self.update.check_removed()
            saved.report(self.search.progress, self.history.since_last(), save=partial(self.save, saved))

    def move(self, step: int) -> None:
        """Drop the least, grow as many; what comes back begins at 0, and its optimizer state too."""
        share = (
            self.rule["drop"] / 2 * (1 + math.cos(math.pi * step / (self.rule["until"] * self.recipe.steps)))
        )
        mask = self.mask
        out = {name: round(share * int(kept.sum())) for name, kept in mask.items()}
        out = {name: min(n, int((~mask[name]).sum())) for name, n in out.items()}
        scores = self._growing(step, mask)
        sizes = for_mask(magnitude, mask)(self.model)
        fewer = {name: int(kept.sum()) - out[name] for name, kept in mask.items()}
        smaller = _keep(mask, sizes, fewer)
        smaller.apply_(self.model)
        self.optimizer.mask_(dict(smaller))
        self.masks[step] = grow(smaller, scores, n=out)
        self.update = None  # the next one is made for the new mask, with the optimizer that there is

    def _growing(self, step: int, mask: Mask) -> Mapping[str, Tensor]:
        search, seed = self.search, derived_seed(self.search.seed, f"mask of step {step}")
        if self.rule["growth"] == "random":
            return for_mask(partial(random, seed=seed), mask)(self.model)
        data, size = search.data, self.recipe.batch_size
        inputs, targets = data.draw(size, seed=seed, batch_size=size)[0]
        weights = {name: self.model.get_parameter(name) for name in mask}
        self.model.train()
        with global_generators(data.device, seed=seed):
            loss = search.task.mean_loss(self.model(inputs), targets)
        found = torch.autograd.grad(loss, list(weights.values()), materialize_grads=True)
        return {name: g.abs() for name, g in zip(weights, found, strict=True)}

    def found(self, saved: Snapshots) -> Moved:
        """The result; the test split is read here, once, with the weights of the best step."""
        finished = self.history.test is not None
        result = self.history.result(self.search.data)
        if saved.final and not finished:
            self.save(saved)
        best = result.best_step
        at_best = max(step for step in self.masks if step == 0 or step < best)
        last = Checkpoint.of(self.model, step=result.steps, optimizer=self.optimizer)
        return Moved(dict(self.masks), result, self.masks[at_best], self.history.best_state, last)


def _keep(mask: Mask, scores: Mapping[str, Tensor], counts: Mapping[str, int]) -> Mask:
    """Of each layer just so many, the highest-scored of those that are kept."""
    return prune_to(mask, scores, {name: n / mask[name].numel() for name, n in counts.items()}, min_kept=0)


def _first_mask(search: Search, model: nn.Module, density: float, layers: str | Mapping[str, float]) -> Mask:
    """A random mask with the density of each layer."""
    whole = search.mask(model)
    check_density(density)
    if isinstance(layers, str) and layers not in ("erk", "uniform"):
        raise ValueError(
            f"layers={layers!r} was given; expected 'erk', 'uniform', or a density for each layer."
        )
    given = erk(whole, density) if layers == "erk" else layers
    parts = dict.fromkeys(whole, density) if given == "uniform" else dict(given)  # type: ignore[arg-type]
    scores = for_mask(partial(random, seed=derived_seed(search.seed, "first mask")), whole)(model)
    return prune_to(whole, scores, parts)


def _check(search: Search, recipe: Recipe, growth: str, drop: float, until: float) -> None:
    if search.scope != "global":
        raise ValueError(
            f"scope={search.scope!r} was given; expected none: each layer keeps its number of weights, which `layers` says."
        )
    if recipe.patience is not None:
        raise ValueError(
            f"patience={recipe.patience} was given; expected None: a mask that still moves is not to be stopped early."
        )
    if growth not in GROWTHS:
        raise ValueError(f"growth={growth!r} was given; expected one of {', '.join(GROWTHS)}.")
    for name, value in (("drop", drop), ("until", until)):
        if not is_number(value) or not 0 <= value <= 1:
            raise ValueError(f"{name}={value!r} was given; expected a number from 0 to 1.")
