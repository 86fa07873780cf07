"""What a run folder only names, made again: its network, its data, and the first steps of one of its trainings."""

from __future__ import annotations

import ast
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
from lthkit.data.named import DATA_NAMES, load_data
from lthkit.storage.identity import Nameless, network_name
from lthkit.storage.snapshots import Snapshots
from lthkit.tickets.rounds import Round
from lthkit.training.checkpoints import Checkpoint
from lthkit.training.evaluation import evaluate
from lthkit.training.loop import train
from lthkit.training.recipes import Recipe
from lthkit.training.tallies import Metrics

Network = nn.Module | Callable[..., nn.Module]  # a network, or the function that makes one from seed=
_MODEL = re.compile(r"(\w+)(\[.*\])?")
_found: dict[str, Dataset | None] = {}  # data sets by fingerprint, as they were looked for


@dataclass(frozen=True)
class Remade:
    """Network and data of a run, each None where it cannot be had; `why` says what to give then.

    model_fn: makes the network, where it is one of the house's own, or its function was given.
    """

    model: nn.Module | None
    data: Dataset | None
    why: str = ""
    model_fn: Callable[..., nn.Module] | None = None

    @property
    def complete(self) -> bool:
        """True if both are there."""
        return self.model is not None and self.data is not None


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


def remake(config: Mapping[str, Any], network: Network | None, data: Dataset | None) -> Remade:
    """Network and data of a search, given or made again from their names.

    Raises:
        ValueError: what was given is not what the run was made with.
    """
    if data is not None and data.fingerprint != config["data"]:
        raise ValueError(
            f"data is {data.name} with the fingerprint {data.fingerprint[:12]}, and the run was made with "
            f"{config['data'][:12]}; expected the same images and splits."
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
    model_fn = None if model is None or isinstance(own, nn.Module) else own
    lacking = [
        word
        for word, there in (("the network (network=)", model), ("the data (data=)", data))
        if there is None
    ]
    return Remade(model, data, f"Needs {' and '.join(lacking)} of the run." if lacking else "", model_fn)


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
    for name in () if fingerprint in _found else DATA_NAMES:
        try:
            data = load_data(name, download=False)
        except (DataError, OSError, ValueError, ImportError):
            continue
        _found[data.fingerprint] = data
        if fingerprint in _found:
            break
    return _found.setdefault(fingerprint, None)


def measured_again(this: Round, remade: Remade, recipe: Mapping[str, Any]) -> Metrics:
    """Validation loss and accuracy of the trained weights of a round, as its last evaluation took them."""
    assert remade.model is not None and remade.data is not None
    this.trained.restore(remade.model)
    return _evaluated(this, remade, recipe)


def begun_again(this: Round, remade: Remade, config: Mapping[str, Any]) -> Metrics:
    """Validation loss and accuracy after the first steps of a round, trained again from the rewind point, up to its first evaluation."""
    assert remade.model is not None and remade.data is not None
    recipe = replace(
        Recipe(**config["recipe"] | {"milestones": tuple(config["recipe"]["milestones"])}),
        steps=this.result.budget,
    )
    alike = config["device"] == remade.data.device.type
    try:
        train(
            remade.model,
            remade.data,
            mask=this.mask,
            seed=config["order"],
            recipe=recipe,
            start=this.rewind,
            momentum=config["momentum"],
            folder=Snapshots(None),
            progress=_enough,
            choice=this.result.choice if alike else None,
        )
    except _Enough:
        pass
    return _evaluated(this, remade, config["recipe"])


def _evaluated(this: Round, remade: Remade, recipe: Mapping[str, Any]) -> Metrics:
    assert remade.model is not None and remade.data is not None
    channels_last = this.result.choice is not None and this.result.choice.channels_last
    return evaluate(remade.model, remade.data, precision=recipe["precision"], channels_last=channels_last)


class _Enough(Exception):
    """The first evaluation is done."""


def _enough(steps: int) -> None:
    raise _Enough


def initial_state(remade: Remade, seed: int) -> Checkpoint | None:
    """The initial state of a seed, if the function that makes the network is known."""
    model = made(remade.model_fn, seed)
    return None if model is None else Checkpoint.of(model)
