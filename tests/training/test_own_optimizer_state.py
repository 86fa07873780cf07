"""What an optimizer of one's own holds outside of `.state`: it comes back to the same bits, or the training is refused."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import lthkit as lth
from lthkit.training.torch_optimizers import TorchOptimizer
from tests.conftest import small_net

RECIPE = lth.Recipe(steps=12, batch_size=20, evaluate_every=4, lr=0.05)


class Held(torch.optim.Optimizer):
    """Momentum that lies in `held`, in a way that each test chooses. `way`: (optimizer, place, parameter) -> key."""

    def __init__(self, params: Any, lr: float, *, held: Any, key: Any) -> None:
        super().__init__(params, {"lr": lr})
        self.held, self.key = held, key

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for i, p in enumerate(group["params"]):
                assert p.grad is not None
                key = self.key(i, p)
                self.held[key] = 0.9 * self.held.get(key, 0) + p.grad
                p.sub_(group["lr"] * self.held[key])


class Counts(torch.optim.Optimizer):
    """Steps that shrink by what `change` does to `thing`."""

    def __init__(self, params: Any, lr: float, *, make: Any, change: Any) -> None:
        super().__init__(params, {"lr": lr})
        self.thing, self.change = make(self), change

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        factor = self.change(self)
        for group in self.param_groups:
            for p in group["params"]:
                assert p.grad is not None
                p.sub_(group["lr"] * factor * p.grad)


def by_place(i: int, p: Any) -> Any:
    return i


def by_name(i: int, p: Any) -> Any:
    return f"p{i}"


def by_parameter(i: int, p: Any) -> Any:
    return p


def by_id(i: int, p: Any) -> Any:
    return id(p)


def holding(kind: Any, key: Any) -> Any:
    def momentum(params: Any, lr: float) -> Held:
        return Held(params, lr, held=kind(), key=key)

    return momentum


def counting(make: Any, change: Any) -> Any:
    def counts(params: Any, lr: float) -> Counts:
        return Counts(params, lr, make=make, change=change)

    return counts


def appended(this: Any) -> float:
    this.thing.append(1)
    return 1 / len(this.thing)


def nested(this: Any) -> float:
    this.thing["past"].append(torch.ones(2) * len(this.thing["past"]))
    return 1 / (1 + float(torch.stack(this.thing["past"]).mean()))


def drawn(this: Any) -> float:
    return float(torch.rand(1, generator=this.thing))


def counted(this: Any) -> float:
    this.thing.add_(1)
    return 1 / float(this.thing.flatten()[0].abs() + 1)


def _flat(this: Any) -> Any:
    return this.param_groups[0]["params"][0].data.view(-1)


KEPT = {
    "a dict by place": holding(dict, by_place),
    "a dict by name": holding(dict, by_name),
    "a dict by parameter": holding(dict, by_parameter),
    "a dict with a default": holding(lambda: defaultdict(int), by_place),
    "a list": counting(lambda _: [], appended),
    "tensors in a list in a dict": counting(lambda _: {"past": []}, nested),
    "a tensor": counting(lambda _: torch.zeros(1), counted),
}
REFUSED = {
    "a dict by id": (holding(dict, by_id), "an id.. is another one"),
    "a deque": (counting(lambda _: deque(maxlen=3), appended), "changes from step to step"),
    "a generator": (counting(lambda _: torch.Generator().manual_seed(0), drawn), "changes from step to step"),
    "weights by a second name": (counting(_flat, counted), "second name"),
    "its groups by a second name": (
        counting(lambda this: this.param_groups, lambda this: 1.0),
        "second name",
    ),
}


def run(make: Any, tiny: lth.Dataset, **changes: Any) -> list[lth.tickets.Round]:
    return list(
        lth.imp(
            small_net,
            tiny,
            rounds=1,
            rewind_step=5,
            recipe=replace(RECIPE, optimizer=make),
            seed=1,
            **changes,
        )
    )


@pytest.mark.parametrize("name", KEPT)
def test_what_it_holds_comes_back_to_the_same_bits(name: str, tiny: lth.Dataset, tmp_path: Path) -> None:
    """Catches state in a dict of the optimizer's own that a checkpoint does not have: momentum that begins at 0 again."""
    before = small_net(seed=0)
    result = lth.train(
        before, tiny, recipe=replace(RECIPE, optimizer=KEPT[name]), seed=2, folder=tmp_path / "a", keep=[6]
    )
    saved = result.kept[6]
    saved.save(tmp_path / "six.npz")
    after = small_net(seed=3)
    lth.train(
        after,
        tiny,
        recipe=replace(RECIPE, optimizer=KEPT[name]),
        seed=2,
        start=lth.Checkpoint.load(tmp_path / "six.npz"),
        momentum="restore",
    )
    for a, b in zip(before.state_dict().values(), after.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_come_back_is_refused(name: str, tiny: lth.Dataset) -> None:
    make, words = REFUSED[name]
    with pytest.raises(ValueError, match=words):
        run(make, tiny)


def test_what_does_not_change_may_be_anything(tiny: lth.Dataset) -> None:
    """Catches a refusal of settings, which are made again with the optimizer."""
    found = run(counting(lambda _: deque([1, 2]), lambda this: 1 / len(this.thing)), tiny)
    assert len(found) == 2


def test_a_state_dict_of_its_own_is_trusted() -> None:
    class Own(Counts):
        def state_dict(self) -> dict[str, Any]:
            return {**super().state_dict(), "past": list(self.thing)}

        def load_state_dict(self, state_dict: Any) -> None:
            self.thing = deque(state_dict.pop("past"))
            super().load_state_dict(state_dict)

    def make(params: Any, lr: float) -> Own:
        return Own(params, lr, make=lambda _: deque(), change=appended)

    def made() -> TorchOptimizer:
        return TorchOptimizer(make, {"w": torch.nn.Parameter(torch.ones(2))}, lr=0.1)

    one, other = made(), made()
    one.step([torch.ones(2)], 0.1)
    other.load_state(one.state())
    assert list(other.inner.thing) == [1]  # type: ignore[attr-defined]
