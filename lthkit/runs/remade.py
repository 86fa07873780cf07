"""What a run folder only names, made again: its network, data, task and recipe, and the first steps of one of its trainings."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import nn

from lthkit import models
from lthkit.data.datasets import Dataset
from lthkit.data.file_formats import DataError
from lthkit.data.named import load_data
from lthkit.data.sources import SPECS
from lthkit.pruning.weights import copied
from lthkit.storage.identity import Nameless, network_name
from lthkit.storage.owners import canonical
from lthkit.storage.snapshots import Snapshots
from lthkit.tickets.rounds import Round
from lthkit.training.checkpoints import Checkpoint
from lthkit.training.choices import Choice
from lthkit.training.evaluation import evaluate
from lthkit.training.history import TrainingDiverged
from lthkit.training.loop import train
from lthkit.training.optimizers import OPTIMIZERS, SCHEDULES
from lthkit.training.recipes import Recipe
from lthkit.training.tallies import Measured, Metrics
from lthkit.training.tasks import Task, check_task

Network = nn.Module | Callable[..., nn.Module]  # a network, or the function that makes one from seed=
_MODEL = re.compile(r"(\w+)(\[.*\])?")
_found: dict[str, Dataset | None] = {}  # data sets by fingerprint, as they were looked for


@dataclass(frozen=True)
class Given:
    """What belongs to a run and is in no folder, as an audit was given it; None where it was not."""

    network: Network | None = None
    data: Dataset | None = None
    task: Task | None = None
    recipe: Recipe | None = None


@dataclass(frozen=True)
class Remade:
    """Network, data, task and recipe of a run, each None where it cannot be had; `why` says what to give then.

    model_fn: makes the network, where it is one of the house's own, or its function was given.
    """

    model: nn.Module | None
    data: Dataset | None
    task: Task | None
    recipe: Recipe | None
    model_fn: Callable[..., nn.Module] | None = None

    @property
    def complete(self) -> bool:
        """True if all is there that a measurement takes."""
        return not self._lacking()

    @property
    def trainable(self) -> bool:
        """True if the recipe is there too, so that it can be trained again."""
        return self.complete and self.recipe is not None

    @property
    def why(self) -> str:
        """What a measurement needs."""
        return _needs(self._lacking())

    @property
    def why_not_trained(self) -> str:
        """What a training needs."""
        recipe = [] if self.recipe is not None else ["the recipe with its functions (recipe=)"]
        return _needs(self._lacking() + recipe)

    def _lacking(self) -> list[str]:
        return [
            word
            for word, there in (
                ("the network (network=)", self.model),
                ("the data (data=)", self.data),
                ("the task with its functions (task=)", self.task),
            )
            if there is None
        ]


def _needs(lacking: list[str]) -> str:
    if not lacking:
        return ""
    *others, last = lacking
    return f"Needs {' and '.join([', '.join(others), last] if others else [last])} of the run."


def made(network: Network | None, seed: int) -> nn.Module | None:
    """The network itself, or the one that the function makes with this seed.

    Raises:
        TypeError: something else, or a function that makes none.
    """
    found = network
    if callable(network) and not isinstance(network, nn.Module):
        with torch.random.fork_rng(devices=[]):
            found = network(seed=seed)
    if found is not None and not isinstance(found, nn.Module):
        raise TypeError(
            f"network is, or makes, a {type(found).__name__}; expected a network (torch.nn.Module), or the function that makes it "
            "from a seed, such as lthkit.models.lenet_300_100."
        )
    return found


def remake(config: Mapping[str, Any], given: Given) -> Remade:
    """Network, data, task and recipe of a search or a training, given or made again from their names.

    Raises:
        ValueError: what was given is not what the run was made with.
    """
    network, data = given.network, given.data
    if data is not None and data.fingerprint != config["data"]:
        raise ValueError(
            f"data is {data.name} with the fingerprint {data.fingerprint[:12]}, and the run was made with "
            f"{config['data'][:12]}; expected the same {data.noun} and splits."
        )
    data = data or _data_of(config["data"])
    own = house_model(str(config.get("model", ""))) if network is None else network
    model = made(own, config.get("seed", 0))
    if model is not None and _name(model) != config["network"]:
        if network is not None:
            raise ValueError(
                f"network is {_name(model)}, and the run was made with {config['network']}; expected a network from the same "
                "function."
            )
        model = None  # the house's function of this name makes another network now
    task, recipe = _task_of(config, given.task), _recipe_of(config, given.recipe)
    if model is None or isinstance(own, nn.Module):
        return Remade(None if model is None else copied(model), data, task, recipe)
    return Remade(model, data, task, recipe, own)


def _task_of(config: Mapping[str, Any], given: Task | None) -> Task | None:
    """The task of a run: given, or made again from the names in its configuration. None if it has functions."""
    said = config.get("task", {})
    if given is None:
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in said.items()
        }
        if isinstance(said.get("loss"), Mapping) or any(
            isinstance(m, Mapping) for m in said.get("metrics", ())
        ):
            return None
        try:
            given = Task(**values)
        except (TypeError, ValueError):
            return None
        return given if _same(given.config(), said) else None
    if not _same(check_task(given).config(), said):
        raise ValueError(
            f"task is {given.config() or 'the default one'}, and the run was made with {said or 'the default one'}; expected the "
            "same loss and metrics, functions with the same code."
        )
    return given


def _recipe_of(config: Mapping[str, Any], given: Recipe | None) -> Recipe | None:
    """The recipe of a run, with its steps: given, or made again from its configuration. None if it has functions."""
    said = dict(config["recipe"])
    if given is None:
        if said["optimizer"] not in OPTIMIZERS or said["schedule"] not in SCHEDULES:
            return None
        return Recipe(**said | {"milestones": tuple(said["milestones"])})
    if not isinstance(given, Recipe):
        raise TypeError(f"recipe is a {type(given).__name__}; expected a lthkit.Recipe, that of the run.")
    given = replace(given, steps=said["steps"])  # those of the search come first
    if not _same(own := given.config(), said):
        name = next(n for n in {**own, **said} if not _same(own.get(n), said.get(n)))
        raise ValueError(
            f"recipe has {name}={own.get(name)!r}, and the run was made with {said.get(name)!r}; expected the same recipe, "
            "functions with the same code."
        )
    return given


def _same(one: Any, other: Any) -> bool:
    """True if two parts of configurations are the same once they are written."""
    return canonical({"": one}) == canonical({"": other})


def _name(network: nn.Module) -> str:
    try:
        return network_name(network)
    except Nameless:
        return type(network).__name__


def house_model(name: str) -> Callable[..., nn.Module] | None:
    """The function of `lthkit.models` that a configuration names, with its arguments; None for anything else."""
    match = _MODEL.fullmatch(name)
    if match is None or match[1] not in {function.__name__ for function in models.MODELS.values()}:
        return None
    try:
        given = dict(ast.literal_eval(match[2] or "[]"))
    except (SyntaxError, ValueError):
        return None
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    return partial(getattr(models, match[1]), **given)


def _data_of(fingerprint: str) -> Dataset | None:
    """The data set with this fingerprint, of those that are on this machine."""
    for name in () if fingerprint in _found else SPECS:
        try:
            data = load_data(name, download=False)
        except (DataError, OSError, ValueError, ImportError):
            continue
        _found[data.fingerprint] = data
        if fingerprint in _found:
            break
    return _found.setdefault(fingerprint, None)


def measured_again(
    state: Checkpoint, remade: Remade, recipe: Mapping[str, Any], choice: Choice | None
) -> Metrics | Measured:
    """Loss and metrics of a state on the validation split, as an evaluation in the training took them."""
    assert remade.model is not None
    state.restore(remade.model)
    return _evaluated(remade, recipe, choice)


def begun_again(
    this: Round, remade: Remade, config: Mapping[str, Any], start: Checkpoint
) -> tuple[int, Metrics | Measured]:
    """The step of the first evaluation and what it measures, of a round that lthkit's training begins again from `start`."""
    assert remade.model is not None and remade.data is not None and remade.task is not None
    assert remade.recipe is not None
    alike = config["device"] == remade.data.device.type
    done: list[int] = []

    def enough(steps: int) -> None:
        done.append(start.step + steps)
        raise _Enough

    try:
        train(
            remade.model,
            remade.data,
            mask=this.mask,
            seed=config["order"],
            recipe=replace(remade.recipe, steps=this.result.budget),
            start=start,
            momentum=config["momentum"],
            folder=Snapshots(None),
            progress=enough,
            choice=this.result.choice if alike else None,
            task=remade.task,
        )
    except _Enough:
        return done[0], _evaluated(remade, config["recipe"], this.result.choice)
    except TrainingDiverged:
        return start.step, Measured(math.nan, {"loss": math.nan})
    raise AssertionError("a training ends with an evaluation")


def _evaluated(remade: Remade, recipe: Mapping[str, Any], choice: Choice | None) -> Metrics | Measured:
    assert remade.model is not None and remade.data is not None and remade.task is not None
    return evaluate(
        remade.model,
        remade.data,
        precision=recipe["precision"],
        channels_last=choice is not None and choice.channels_last,
        task=remade.task,
    )


class _Enough(Exception):
    """The first evaluation is done."""


def initial_state(remade: Remade, seed: int) -> Checkpoint | None:
    """The initial state of a seed, if the function that makes the network is known."""
    model = made(remade.model_fn, seed)
    return None if model is None else Checkpoint.of(model)
