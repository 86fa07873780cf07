"""What the exhibits of lesson 12 share: a network, a few batches, the loop that is in order, and what a trial brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lthkit import models
from lthkit.data.datasets import Dataset, batches
from lthkit.data.named import load_data
from lthkit.machine.devices import operator_threads
from lthkit.machine.tables import Table
from lthkit.machine.tiers import by_tier
from lthkit.pruning.masks import Mask
from lthkit.pruning.scores import magnitude
from lthkit.pruning.selection import prune_to

BATCH = 60
RATE = 1.2e-3

State = dict[str, Tensor]
Batches = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Trial:
    """What came out when an exhibit was tried with one function.

    table: the symptom, as a report would print it. wrong: the symptom is there. given: what an audit of this trial is
    given, by the keywords of `audit_states`. points: what its figure shows, if it has one. also: a sentence on what a right
    mending does and this function does not, beyond what the audit sees; "" if there is nothing.
    """

    table: Table
    wrong: bool
    given: Mapping[str, Any] = field(default_factory=dict)
    points: Mapping[str, Any] = field(default_factory=dict)
    also: str = ""


@dataclass(frozen=True)
class Bench:
    """LeNet-300-100 on the embedded Fashion-MNIST, for so many steps: enough to show a symptom, in under a second."""

    steps: int

    @cached_property
    def data(self) -> Dataset:
        return load_data("fashion-mnist")

    @cached_property
    def batches(self) -> Batches:
        """The same batches for everybody, [60, 1, 28, 28] and [60]."""
        rows = batches(len(self.data.train), seed=0, epoch=0, batch_size=BATCH)[: self.steps]
        return [(self.data.inputs(self.data.train, own), self.data.train.labels[own]) for own in rows]

    @cached_property
    def held_out(self) -> tuple[Tensor, Tensor]:
        """The validation split as the network takes it: 2,000 images, and at tier smoke 500 of them."""
        split = self.data.validation
        first = slice(by_tier(smoke=500, laptop=len(split), gpu=len(split)))
        return self.data.inputs(split)[first], split.labels[first]

    @staticmethod
    def network(seed: int = 0) -> nn.Module:
        return models.lenet_300_100(seed=seed)

    @torch.no_grad()
    def accuracy(self, model: nn.Module) -> float:
        """Validation accuracy in percent, in evaluation mode; the mode is as before afterwards."""
        training = model.training
        model.eval()
        images, labels = self.held_out
        found = 100 * float((model(images).argmax(1) == labels).float().mean())
        model.train(training)
        return found

    @cached_property
    def dense(self) -> State:
        """The weights of seed 0 after a training of the whole network."""
        model = self.network()
        train(model, self.batches)
        return state_of(model)

    @cached_property
    def dense_accuracy(self) -> float:
        return self.accuracy(self.with_state(self.dense))

    @cached_property
    def initial(self) -> State:
        return state_of(self.network())

    def with_state(self, state: Mapping[str, Tensor]) -> nn.Module:
        """A new network with these weights."""
        model = self.network()
        model.load_state_dict(dict(state))
        return model

    def mask(self, density: float) -> Mask:
        """The one-shot mask of the dense weights."""
        model = self.with_state(self.dense)
        return prune_to(Mask.ones(model), magnitude(model), density)

    def ticket(self, mask: Mask) -> nn.Module:
        """The initial network with this mask applied."""
        model = self.network()
        mask.apply_(model)
        return model

    def trained(self, mask: Mask, start: Mapping[str, Tensor] | None = None) -> float:
        """Accuracy of a training under the mask, from the initial weights or others, by the loop that is in order."""
        model = self.with_state(self.initial if start is None else start)
        train(model, self.batches, mask)
        return self.accuracy(model)


def bench() -> Bench:
    """The bench of this tier; the same one each time, so that the dense network is trained once."""
    steps = by_tier(smoke=18, laptop=60, gpu=60)
    return _benches.setdefault(steps, Bench(steps))


_benches: dict[int, Bench] = {}


def train(model: nn.Module, batches: Batches, mask: Mapping[str, Tensor] | None = None) -> None:
    """Adam over the batches, in place; removed weights are set to 0 at the start and after every step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    apply(model, mask)
    for images, labels in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
        apply(model, mask)


@torch.no_grad()
def apply(model: nn.Module, mask: Mapping[str, Tensor] | None) -> None:
    """Set the removed weights of a network to 0, in place."""
    for name, weight in model.named_parameters():
        if mask is not None and name in mask:
            weight.masked_fill_(~mask[name].bool(), 0.0)


def state_of(model: nn.Module) -> State:
    """A copy of weights and buffers."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def lower_kept(scores: Mapping[str, Tensor], mask: Mapping[str, Tensor], among: Any = None) -> bool:
    """True if a place is kept whose score is below that of a removed one; `among`: the places that are ranked, all if None."""
    places = among or {name: torch.ones_like(kept, dtype=torch.bool) for name, kept in mask.items()}
    kept = torch.cat([scores[n][mask[n].bool() & places[n].bool()] for n in mask])
    gone = torch.cat([scores[n][~mask[n].bool() & places[n].bool()] for n in mask])
    return bool(len(kept)) and bool(len(gone)) and bool(kept.min() < gone.max())


class Watch:
    """Looks at the weights of a network in each forward pass that trains it: how many of the removed ones were not 0."""

    def __init__(self, model: nn.Module, mask: Mapping[str, Tensor]) -> None:
        self.passes = self.alive = 0
        layers = dict(model.named_modules())
        self.hooks = [
            layers[name.rpartition(".")[0]].register_forward_hook(self._look(~mask[name])) for name in mask
        ]

    def _look(self, removed: Tensor) -> Callable[[Any, Any, Any], None]:
        def look(layer: Any, _: Any, __: Any) -> None:
            if layer.training:
                self.passes += 1
                self.alive = max(self.alive, int((layer.weight.detach()[removed] != 0).sum()))

        return look

    def found(self) -> str:
        """What was seen, as a sentence; "" if every removed weight was 0 all the time. The watch ends."""
        for hook in self.hooks:
            hook.remove()
        if not self.alive:
            return ""
        return (
            f"While the network was trained, up to {self.alive:,} removed weights of one layer were not 0. They are 0 at the end, "
            "and the kept ones were trained with their help: the mask has to hold in every step."
        )


def on_one_thread(trial: Callable[[], Trial]) -> Trial:
    """One thread for small networks, and torch's global generator as it was before."""
    with operator_threads(1), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(2022)  # the networks of the house draw with seed 0
        return trial()
