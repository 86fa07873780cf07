"""What every driver shares, gathered and checked once at its door; and one round of it, read if it is there, else trained.

A driver takes the keywords of `Shared` as they are and makes one `Search` of them, which its parts then pass on. So an
argument for all drivers is added here: a line in `Shared`, a field and its check in `Search`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from inspect import signature
from numbers import Integral
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import torch
from torch import Tensor, nn

from lthkit.data.datasets import Dataset
from lthkit.machine.checks import check_network, plain, whole_seed
from lthkit.machine.devices import device_explained
from lthkit.machine.seeds import drawing_alone, global_generators
from lthkit.machine.work import Interrupted, Work, saved_in
from lthkit.pruning.masks import Mask, tell_of_the_rest
from lthkit.storage.folders import working_in
from lthkit.storage.identity import Nameless, name_of, network_name
from lthkit.storage.snapshots import Snapshots
from lthkit.tickets.not_in_checkpoints import (
    Unsaved,
    plain_numbers,
    put_back,
    tell_of_numbers_that_changed,
    unsaved_buffers,
)
from lthkit.tickets.own_loop import TrainFn, check_trained, is_plain_training
from lthkit.tickets.rounds import Round, finished_round, save_round, told_when_stopped, training_of_round
from lthkit.training.checkpoints import Checkpoint
from lthkit.training.choices import as_before, choose
from lthkit.training.loop import check_kinds, train
from lthkit.training.recipes import Recipe
from lthkit.training.tasks import Task, check_task

ModelFn = Callable[..., nn.Module]
ScoreFn = Callable[..., Mapping[str, Tensor]]  # score(model), and what it asks for (see `pruning.scores`)
T = TypeVar("T")

log = logging.getLogger("lthkit")

_asked: set[str] = set()  # functions whose use of their seed has been looked at


class Shared(TypedDict, total=False):
    """The keywords that every driver takes. What they mean, and what holds without them, is said at `Search`."""

    seed: int
    order_seed: int | None
    steps: int | Sequence[int] | None
    recipe: Recipe
    scope: str
    exclude: str | Sequence[str]
    include: str | Sequence[str]
    folder: Path | str | None
    progress: Callable[[int], object] | None
    train: TrainFn
    task: Task


@dataclass(frozen=True)
class Search:
    """What a driver was given.

    Attributes:
        model_fn: makes the network; called as `model_fn(seed=seed)`.
        data: the data set; its device is where everything happens.
        seed: of the initialisation; also of the data order unless `order_seed` is given.
        steps: instead of `recipe.steps`; where a driver says so, a list gives each training its own.
        recipe: how each training is done.
        scope: "global", "layerwise" or "row", see `pruning.prune`.
        exclude: names or patterns of parameters that are never pruned. include: of those that are pruned though they
            are not by default, embeddings say (see `pruning.prunable`). The criteria of lthkit then score just these;
            a `score` of your own gives at least a score for them.
        folder: results are saved here as they come, and how far a training is, now and then (see `snapshots`). The same
            call goes on from there; on a CPU to the same bits. None is the folder of `keep_runs`, if there is one.
        progress: called with the number of updates done since the last call.
        train: what trains; `training.train`, or that of a `meetings.Meeting`, which trains several seeds as one. One of
            your own is a `tickets.TrainFn`, which has an example; it stands in the run's configuration by its name and
            code (see `storage.name_of`).
        task: loss and metrics of every training, `lth.Task(loss="mse")` say. SNIP and GraSP take its loss if given none.
    """

    model_fn: ModelFn
    data: Dataset
    seed: int = 0
    order_seed: int | None = None
    steps: int | Sequence[int] | None = None
    recipe: Recipe = Recipe()  # noqa: RUF009  (frozen)
    scope: str = "global"
    exclude: str | Sequence[str] = ()
    include: str | Sequence[str] = ()
    folder: Path | str | None = None
    progress: Callable[[int], object] | None = None
    train: TrainFn = train
    task: Task = Task()  # noqa: RUF009  (frozen)

    @classmethod
    def of(cls, driver: Callable[..., object], model_fn: ModelFn, data: Dataset, shared: Shared) -> Search:
        """Check the keywords that a driver was called with, and gather them.

        Raises:
            TypeError: a keyword that the driver does not take; a recipe or data that are none.
        """
        known = [field.name for field in fields(cls)][2:]
        if unknown := [name for name in shared if name not in known]:
            own = [p.name for p in signature(driver).parameters.values() if p.kind is p.KEYWORD_ONLY]
            close = get_close_matches(unknown[0], own + known, n=1)
            advice = f"did you mean {close[0]!r}?" if close else f"expected some of {', '.join(own + known)}."
            raise TypeError(f"{driver.__name__}() got an unexpected keyword {unknown[0]!r}; {advice}")
        search = cls(model_fn, data, **{name: plain(value) for name, value in shared.items()})
        check_kinds(data=search.data, recipe=search.recipe)
        check_task(search.task).check_data(search.data)
        check_function("train", search.train, "lthkit.train, or one of your own (see lthkit.tickets.TrainFn)")
        return search

    @property
    def order(self) -> int:
        """Seed of the data order."""
        return self.seed if self.order_seed is None else self.order_seed

    def recipes(self, trainings: int) -> list[Recipe]:
        """The recipe of each training; ValueError if `steps` is a list of another length."""
        steps = self.recipe.steps if self.steps is None else self.steps
        return [replace(self.recipe, steps=each) for each in one_each(steps, trainings, "steps")]

    def one_recipe(self) -> Recipe:
        """The recipe, for a driver whose trainings are all as long; ValueError if `steps` is a list of several."""
        return self.recipes(1)[0]

    def network(self) -> nn.Module:
        """The network with its initial weights, on the device of the data."""
        return new_network(self.model_fn, self.seed, self.data.device)

    def mask(self, model: nn.Module) -> Mask:
        """Everything is kept, what `include` names too; nothing is said of `exclude`."""
        mask = Mask.ones(model, self.exclude, include=self.include)
        tell_of_the_rest(mask, model)
        return mask

    def config(self, model: nn.Module, recipe: Recipe, settings: Mapping[str, Any]) -> dict[str, Any]:
        """All that decides the numbers of a search, `settings` being the driver's own. `model` has its initial weights.

        A folder that another configuration made is refused: its rounds would pass for ours.
        """
        train = {} if is_plain_training(self.train) else {"train": name_of(self.train)}
        return {
            **settings,
            **train,
            "seed": self.seed,
            "order": self.order,
            "model": name_of(self.model_fn),
            "network": network_name(model),
            "start": Checkpoint.of(model).fingerprint,
            "data": self.data.fingerprint,
            "device": self.data.device.type,
            "recipe": recipe.config(),
            **({} if self.task.default else {"task": self.task.config()}),
            **(
                {"include": [self.include] if isinstance(self.include, str) else list(self.include)}
                if self.include
                else {}
            ),
        }

    def told(self) -> dict[str, Any]:
        """The argument `task`, left out where it is the default one, so that a `train` of one's own need not know it."""
        return {} if self.task.default else {"task": self.task}

    def working(
        self, name: str, config: Callable[[], Mapping[str, Any]]
    ) -> AbstractContextManager[Path | None]:
        """The run folder of this search, held; None if there is none (see `storage.working_in`)."""
        return working_in(self.folder, config, name=name)


@dataclass(frozen=True)
class Rounds:
    """The trainings of one search, one after the other, in one `model` and one run folder, or in none.

    recipes: of all trainings. rewind_step: of the first one, whose state there is every later round's `start`.
    momentum: of `train`, at a rewind. with_state: a round's `trained` has the state of its optimizer too.

    Buffers that are no state (`persistent=False`) are in no checkpoint, so no rewind restores them: every round begins
    and ends with those that the model had when this was made, so a search that is resumed has the same ones.

    Rounds that were found were executed in some way (`choices.Choice`); those that follow are executed alike, or refused.
    """

    search: Search
    model: nn.Module
    place: Path | None
    recipes: Sequence[Recipe]
    rewind_step: int
    momentum: str
    with_state: bool = False
    _work: Work = field(init=False, repr=False)
    _unsaved: list[Unsaved] = field(init=False, repr=False)
    _numbers: dict[str, Any] = field(init=False, repr=False)
    _alike: dict[str, Any] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        late = sum(recipe.steps - self.rewind_step for recipe in self.recipes[1:])
        object.__setattr__(self, "_work", Work(total=self.recipes[0].steps + late))
        object.__setattr__(self, "_unsaved", unsaved_buffers(self.model))
        object.__setattr__(self, "_numbers", plain_numbers(self.model))

    def trained(self, r: int, cut: Callable[[], Mask], *, start: Checkpoint | None = None) -> Round:
        """Round r: read if it is finished, else `cut` makes its mask, and it is trained and saved.

        The model has its trained weights then, either way. An interrupt says which rounds are saved.
        """
        self._work.doing = f"seed {self.search.seed}, round {r} of {len(self.recipes) - 1}"
        try:
            with self._work:
                return self._trained(r, cut, self.recipes[r], start=start)
        except KeyboardInterrupt:
            if self.place is None:
                raise
            raise Interrupted(told_when_stopped(self.place, r, len(self.recipes) - 1)) from None

    def taken(self, dense: Round) -> Round:
        """Round 0 as another search with the same arguments has trained it; it is saved as this one's."""
        if finished_round(self.place, 0, dense.rewind) is None:
            save_round(self.place, dense)
        self._go_on_from(dense)
        self._work.total = (self._work.total or 0) - self.recipes[0].steps
        return dense

    def _go_on_from(self, this: Round) -> None:
        """After a round that was found: its weights in the model; what follows is executed as it was."""
        this.trained.restore(self.model)
        saved_in(self.place)
        if self.search.train is train:
            table = choose(self.model, self.search.data.device)
            self._alike["choice"] = this.result.choice or as_before(table)

    def _trained(
        self, r: int, cut: Callable[[], Mask], recipe: Recipe, *, start: Checkpoint | None = None
    ) -> Round:
        this = finished_round(self.place, r, start, self.search.data.device)
        if this is not None:
            self._go_on_from(this)
            self._work.skip(recipe.steps - (start.step if start else 0))
            if self.search.progress:
                self.search.progress(recipe.steps - (start.step if start else 0))
            return this
        mask = cut()
        put_back(self._unsaved)
        keep = (() if start else (self.rewind_step,)) + ((recipe.steps,) if self.with_state else ())
        with _saved_as_it_goes(self.place, r, mask) as saved:
            result = self.search.train(
                self.model,
                self.search.data,
                mask=mask,
                seed=self.search.order,
                recipe=recipe,
                start=start,
                momentum=self.momentum,
                keep=keep,
                progress=self.search.progress,
                **self.search.told(),
                **self._alike,
                **saved,
            )
            if not is_plain_training(self.search.train):
                told = (result, self.model, mask, self.search.task, recipe)
                check_trained(*told, start=start, keep=() if start else keep[:1])
            trained = Checkpoint.of(self.model, step=result.steps)
            if self.with_state and (last := result.kept.get(recipe.steps)):
                trained = replace(trained, optimizer=last.optimizer)
            this = Round(r, mask, result, start or result.kept[self.rewind_step], trained)
            save_round(self.place, this)
        saved_in(self.place)
        put_back(self._unsaved)
        tell_of_numbers_that_changed(self.model, self._numbers)
        return this


@contextmanager
def _saved_as_it_goes(folder: Path | None, r: int, mask: Mask) -> Iterator[dict[str, Any]]:
    """Around the training of a round and the saving of its result: what `train` needs to save how far it is."""
    saved = training_of_round(folder, r, mask)
    yield if_given(saved)
    if saved:
        saved.remove()


def new_network(model_fn: ModelFn, seed: int, device: torch.device | str) -> nn.Module:
    """A new network. One at a time: a `model_fn` that seeds torch's global generator shares it with other threads."""
    check_function("model_fn", model_fn, "lthkit.models.lenet_300_100; it is called with seed=")
    seed = whole_seed(seed)
    with Work(), drawing_alone, device_explained(device):
        model = model_fn(seed=seed)
        check_network(model)
        _tell_of_a_seed_that_does_nothing(model_fn, seed, torch.device(device))
        return model.to(device)


def _tell_of_a_seed_that_does_nothing(model_fn: ModelFn, seed: int, device: torch.device) -> None:
    """Say in the log, once for a function, if `model_fn` makes the same weights whatever its seed.

    It is asked twice, with two seeds, each time from one state of torch's global generators: a function that only draws
    from these makes another network at each call, though not by its seed.
    """
    try:
        name = name_of(model_fn)
    except Nameless:
        name = str(getattr(model_fn, "__qualname__", type(model_fn).__qualname__))
    if name in _asked:
        return
    _asked.add(name)
    states = []
    try:
        for other in (seed, seed + 1):
            with global_generators(device):
                states.append([p.detach() for p in model_fn(seed=other).parameters()])
    except Exception:  # a function of some seeds only makes no statement about the others
        return
    first, second = states
    if first and len(first) == len(second) and all(map(torch.equal, first, second)):
        log.warning(
            "%s makes the same weights for seed %d and seed %d, so it seems to ignore its seed: seeds then differ in data "
            "order only. Draw the weights under torch.manual_seed(seed), or from a generator of that seed.",
            name,
            seed,
            seed + 1,
        )


def check_function(name: str, given: Any, example: str) -> None:
    """TypeError unless it is a function: a network or scores are what a function would make."""
    if isinstance(given, nn.Module) or not callable(given):
        raise TypeError(f"{name} is a {type(given).__name__}; expected a function, such as {example}.")


def check_rewind(rewind_step: int, recipes: Sequence[Recipe]) -> int:
    """The step as an int. ValueError unless every training has a step `rewind_step` and something left to do after it."""
    shortest = min(recipe.steps for recipe in recipes)
    if not isinstance(rewind_step, Integral) or not 0 <= rewind_step < shortest:
        raise ValueError(
            f"rewind_step={rewind_step} was given, but a training has {shortest} steps; expected 0 to {shortest - 1}."
        )
    return int(rewind_step)


def one_each(value: T | Sequence[T], n: int, name: str) -> list[T]:
    """A list of n values: those given, or n times the one given; numbers of numpy's as Python's."""
    value = plain(value)
    if not isinstance(value, Sequence):
        return [value] * n
    if len(value) != n:
        raise ValueError(f"{name} has {len(value)} entries: {list(value)}; expected {n}, or a single number.")
    return [plain(each) for each in value]


def if_given(folder: Path | str | Snapshots | None) -> dict[str, Any]:
    """The argument `folder`, left out where there is none, so that a `train` of one's own need not know it."""
    return {} if folder is None else {"folder": folder}
