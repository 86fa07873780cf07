"""The network behind a name: one of lthkit's, or `package.module:function`, one of your own."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import cache, partial
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lthkit.data.datasets import Dataset
from lthkit.machine.checks import check_network, did_you_mean
from lthkit.machine.seeds import global_generators
from lthkit.models import model_by_name
from lthkit.storage.identity import name_of
from lthkit.tickets.search import new_network
from lthkit.training.choices import Choice, choose, on_one_core

ModelFn = Callable[..., nn.Module]


def model_function(name: str, data: Dataset) -> ModelFn:
    """What makes the network for these data, called as `model_fn(seed=seed)`.

    A function of your own is called with `seed=`, and with `input_shape=` and `classes=` if it takes them. It is looked
    for in the installed packages and in the current folder.

    Raises:
        ValueError: no such name, module or function; a function that takes no seed, or whose seed changes no weight, so
            that several seeds would be one network.
    """
    function = named_function(name)
    told: dict[str, Any] = {"input_shape": data.shape, "classes": len(data.classes)}
    if ":" in name:
        taken = _parameters(function)
        told = {key: value for key, value in told.items() if key in taken}
        _check_seeded(name, function, tuple(sorted(told.items())))
    return partial(function, **told)


@cache
def named_function(name: str) -> ModelFn:
    """The function of a name, without arguments. ValueError says what is wrong with it."""
    if ":" not in name:
        return model_by_name(name)
    path, _, function = name.partition(":")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)  # last: a file of one's own shall not stand for an installed module
    try:
        module = importlib.import_module(path)
    except (Exception, SystemExit) as error:  # a module of one's own may fail in any way
        raise ValueError(
            f"model {name!r} was given, and the module {path!r} cannot be imported ({type(error).__name__}: {error}); expected a "
            f"module that Python finds, from {here} say."
        ) from error
    found = getattr(module, function, None)
    if not callable(found) or isinstance(found, nn.Module):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ValueError(
            f"model {name!r} was given, and {path} ({getattr(module, '__file__', 'built in')}) has no function {function!r}; expected one "
            "that makes a network, such as "
            f"{path}:make_network.{did_you_mean(function, known)}"
        )
    if "seed" not in _parameters(found):
        raise ValueError(
            f"model {name!r} takes no seed; expected a function that is called with seed=0, say."
        )
    return found  # type: ignore[no-any-return]


def _parameters(function: ModelFn) -> frozenset[str]:
    """The names that a function is called with; none if that cannot be seen."""
    try:
        return frozenset(signature(function).parameters)
    except (TypeError, ValueError):
        return frozenset()


def choice_for(name: str, data: Dataset) -> Choice:
    """How a cell of this network is trained: as the table of choices has it, on a CPU with one thread."""
    return _choice(name, model_function(name, data), data.shape, len(data.classes), data.device.type)


_choices: dict[tuple[Any, ...], Choice] = {}  # made once: a network is made for each


def _choice(name: str, function: ModelFn, *key: Any) -> Choice:
    if (name, *key) not in _choices:
        with on_one_core():
            _choices[name, *key] = choose(new_network(function, 0, "cpu"), key[-1])
    return _choices[name, *key]


@cache
def model_identity(name: str) -> str:
    """What stands for the network in a configuration: the name of one of lthkit's; of your own its name and code."""
    function = named_function(name)  # a wrong name is refused in its words
    return name if ":" not in name else name_of(function)


@cache
def _check_seeded(name: str, function: ModelFn, told: tuple[tuple[str, Any], ...]) -> None:
    with global_generators("cpu"):
        first, again, other = (function(seed=seed, **dict(told)) for seed in (0, 0, 1))
    check_network(first)
    one, same, another = (list(network.parameters()) for network in (first, again, other))
    if all(map(torch.equal, one, another)):
        raise ValueError(
            f"model {name!r} makes the same weights for seed 0 and seed 1, so several seeds would be one network. Draw the weights "
            "under torch.manual_seed(seed), or from a generator of that seed."
        )
    if not all(map(torch.equal, one, same)):
        raise ValueError(
            f"model {name!r} makes other weights each time for the same seed, so nothing could be repeated. Draw the weights "
            "under torch.manual_seed(seed), or from a generator of that seed."
        )
