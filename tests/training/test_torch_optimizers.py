"""Any optimizer of torch's kind: it steps as in a loop, removed weights stay 0, and its state comes back to the same bits."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import lthkit as lth
from lthkit.machine.devices import tiny_numbers_flushed
from lthkit.storage import name_of
from lthkit.training import optimizer_for
from lthkit.training.torch_optimizers import TorchOptimizer
from tests.conftest import small_net

RECIPE = lth.Recipe(steps=30, batch_size=20, evaluate_every=10, lr=0.01, schedule="cosine")


class Own(torch.optim.Optimizer):
    """What tests vary: noise on every weight, a product that mixes entries, state of many kinds."""

    def __init__(self, params: Any, lr: float, *, noise: float = 0.0, mixes: bool = False) -> None:
        super().__init__(
            params, {"lr": lr, "noise": noise, "mixes": mixes, "names": ("a", None), "more": [1, 2.5]}
        )
        self.calls = 0  # which its state_dict does not have

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        self.calls += 1
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                own = self.state[p]
                if not own:
                    own |= {
                        "sum": torch.zeros_like(p, dtype=torch.float64),
                        "seen": 0,
                        "last": None,
                        "even": True,
                    }
                own["sum"] += p.grad.double() ** 2
                own |= {"seen": own["seen"] + 1, "last": float(p.grad.abs().max()), "even": not own["even"]}
                update = p.grad / (own["sum"].sqrt() + 1e-8).float() / (1 + 0.01 * self.calls)
                if group["mixes"] and p.ndim == 2:
                    update = torch.full((len(p), len(p)), 0.01) @ update + update
                p.sub_(group["lr"] * (update + group["noise"] * torch.randn_like(p)))


def half(model: nn.Module) -> lth.Mask:
    return lth.prune(lth.Mask.ones(model), lth.magnitude(model), 0.5)


def state_of(model: nn.Module) -> list[Tensor]:
    return [tensor.clone() for tensor in model.state_dict().values()]


def same(a: list[Tensor], b: list[Tensor]) -> bool:
    return all(map(torch.equal, a, b))


MAKERS: dict[str, Any] = {
    "RMSprop": partial(torch.optim.RMSprop, momentum=0.5, weight_decay=0.1),
    "AdamW": partial(torch.optim.AdamW, weight_decay=0.3, amsgrad=True),
    "SGD, Nesterov": partial(torch.optim.SGD, momentum=0.9, nesterov=True, weight_decay=0.1),
    "Adagrad": partial(torch.optim.Adagrad, initial_accumulator_value=0.1),
    "Rprop": torch.optim.Rprop,
    "ASGD": torch.optim.ASGD,
    "noise": partial(Own, noise=0.1),
    "mixed entries": partial(Own, mixes=True),
}  # fmt: skip


@pytest.mark.parametrize("name", MAKERS)
def test_removed_weights_are_exactly_zero_and_a_rewind_has_the_same_bits(
    tiny: lth.Dataset, name: str
) -> None:
    """Catches noise and products that move a removed weight, a state that is lost, and one shared with the checkpoint."""
    recipe, states = replace(RECIPE, optimizer=MAKERS[name]), []
    whole, rest = small_net(seed=0), small_net(seed=0)
    mask = half(whole)
    kept = lth.train(whole, tiny, mask=mask, recipe=recipe, keep=(0, 11)).kept
    for start in kept.values():
        lth.train(rest, tiny, mask=mask, recipe=recipe, start=start)
        states.append(state_of(rest))
    assert same(state_of(whole), states[0]) and same(state_of(whole), states[1])
    assert all(bool((whole.get_parameter(n)[~kept] == 0).all()) for n, kept in mask.items())
    fresh = small_net(seed=0)
    lth.train(fresh, tiny, mask=mask, recipe=recipe, start=kept[11], momentum="fresh")
    assert not same(state_of(fresh), state_of(whole))


@pytest.mark.parametrize("name", ["RMSprop", "AdamW", "Adagrad", "Rprop"])
def test_it_steps_as_in_a_loop_of_torch(tiny: lth.Dataset, name: str) -> None:
    """Catches a rate, a decay or a gradient that is not what torch's own loop would have."""
    ours, theirs = small_net(seed=0), small_net(seed=0)
    recipe = replace(RECIPE, optimizer=MAKERS[name])
    lth.train(ours, tiny, recipe=recipe, choice=lth.training.PLAIN)
    optimizer = MAKERS[name](theirs.parameters(), lr=recipe.lr)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: recipe.lr_at(step) / recipe.lr)
    with tiny_numbers_flushed():  # a gradient of 1e-40 has a sign, by which Rprop steps
        for step in range(recipe.steps):
            epoch, position = divmod(step, len(tiny.train) // 20)
            rows = lth.data.batches(len(tiny.train), seed=0, epoch=epoch, batch_size=20)[position]
            optimizer.zero_grad()
            outputs = theirs(tiny.inputs(tiny.train, rows))
            nn.functional.cross_entropy(outputs, tiny.train.labels[rows]).backward()
            optimizer.step()
            schedule.step()
    for a, b in zip(state_of(ours), state_of(theirs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


def two_rates(parameters: list[Tensor], lr: float) -> torch.optim.Optimizer:
    """Biases have a tenth of the rate and no decay."""
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in parameters if p.ndim < 2], "lr": lr / 10},
    ]
    return torch.optim.SGD(groups, lr=lr, momentum=0.9)


def test_groups_keep_their_ratio_under_the_schedule(tiny: lth.Dataset, tmp_path: Any) -> None:
    recipe = replace(RECIPE, optimizer=two_rates)
    optimizer: Any = optimizer_for(small_net(seed=0), recipe)
    gradients = [torch.ones_like(p) for p in optimizer.parameters]
    for step in (0, 10, 29):
        optimizer.step(gradients, recipe.lr_at(step))
        rates = [group["lr"] for group in optimizer.inner.param_groups]
        assert rates[0] == recipe.lr_at(step) and rates[1] == pytest.approx(rates[0] / 10)
    whole = small_net(seed=0)
    kept = lth.train(whole, tiny, recipe=recipe, keep=[11]).kept[11]
    lth.train(rest := small_net(seed=0), tiny, recipe=recipe, start=kept)
    assert same(state_of(whole), state_of(rest))


@pytest.mark.parametrize("name", MAKERS)
def test_a_state_comes_back_from_a_file_bit_for_bit(name: str, tmp_path: Any) -> None:
    """Catches a state that load_state_dict casts to the type of its parameter, a counter outside of it, another order."""
    model = small_net(seed=0)
    recipe = replace(RECIPE, optimizer=MAKERS[name])
    optimizer: Any = optimizer_for(model, recipe)
    for step in range(3):
        optimizer.step([torch.full_like(p, 0.1 + step) for p in optimizer.parameters], 0.01)
    saved = lth.Checkpoint.of(model, optimizer=optimizer)
    read = lth.Checkpoint.load(saved.save(tmp_path / "x.npz"))
    assert read.fingerprint == saved.fingerprint
    again: Any = optimizer_for(small_net(seed=1), recipe)
    again.load_state(read.optimizer or {})
    first, second = optimizer.inner.state_dict(), again.inner.state_dict()
    assert repr(first) == repr(second) and optimizer.updates == again.updates == 3
    now = again.state()
    assert now.keys() == (saved.optimizer or {}).keys()
    assert all(torch.equal(now[k], v) and now[k].dtype == v.dtype for k, v in (saved.optimizer or {}).items())
    assert getattr(again.inner, "calls", 3) == 3
    optimizer.step([torch.ones_like(p) for p in optimizer.parameters], 0.01)
    assert all(torch.equal(now[k], v) for k, v in (saved.optimizer or {}).items()), (
        "a copy, not the state itself"
    )


def test_a_state_has_the_names_of_the_parameters() -> None:
    optimizer = optimizer_for(small_net(seed=0), replace(RECIPE, optimizer=torch.optim.Adam))
    optimizer.step([torch.ones_like(p) for p in optimizer.parameters], 0.01)
    state = optimizer.state()
    assert {"exp_avg/1.weight", "exp_avg_sq/5.bias", "step/3.weight"} <= state.keys()
    assert state["exp_avg/1.weight"].shape == (20, 64)


def test_a_restored_state_does_not_move_removed_weights(tiny: lth.Dataset) -> None:
    """Catches a momentum of dense training that moves a weight in the step before it is looked at."""
    recipe = replace(RECIPE, optimizer=partial(torch.optim.SGD, momentum=0.9))
    model = small_net(seed=0)
    start = lth.train(model, tiny, recipe=recipe, keep=[10]).kept[10]
    mask = half(small_net(seed=3))
    lth.train(model, tiny, mask=mask, recipe=recipe, start=start, steps=11)
    assert all(bool((model.get_parameter(n)[~kept] == 0).all()) for n, kept in mask.items())
    optimizer: Any = TorchOptimizer(recipe.optimizer, dict(model.named_parameters()), lr=0.1)  # type: ignore[arg-type]
    optimizer.load_state(start.optimizer or {})
    optimizer.mask_(mask)
    buffers = {n: optimizer.state()[f"momentum_buffer/{n}"] for n in mask}
    assert all(bool((buffers[n][~kept] == 0).all()) and bool(buffers[n].any()) for n, kept in mask.items())


class Wrong(torch.optim.SGD):
    """Its state cannot be put back."""

    def load_state_dict(self, state_dict: Any) -> None:
        super().load_state_dict(state_dict)
        self.param_groups[0]["momentum"] = 0.1


def holding(thing: Any) -> Any:
    def make(parameters: list[Tensor], lr: float) -> torch.optim.Optimizer:
        made = torch.optim.SGD(parameters, lr=lr)
        made.state[parameters[0]]["thing"] = thing
        return made

    return make


class Stepping(torch.optim.SGD):
    def step(self, loss: Any) -> None:  # type: ignore[override]
        super().step()


REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "LBFGS": (torch.optim.LBFGS, ValueError, r"LBFGS.step\(\) wants 'closure'"),
    "a step that wants something": (Stepping, ValueError, r"Stepping.step\(\) wants 'loss'"),
    "some of the parameters": (
        lambda p, lr: torch.optim.SGD(p[:4], lr=lr), ValueError, "leaves out 5.weight, 5.bias, .* quietly",
    ),
    "others": (
        lambda p, lr: torch.optim.SGD([*p, torch.ones(1, requires_grad=True)], lr=lr), ValueError, "1 parameters that are not",
    ),
    "no rate": (lambda p: torch.optim.SGD(p, lr=0.1), TypeError, r"called as \(parameters, lr=...\)"),
    "no optimizer": (lambda p, lr: None, TypeError, "made a NoneType"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_train_otherwise_is_refused(tiny: lth.Dataset, name: str) -> None:
    make, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        lth.train(small_net(seed=0), tiny, recipe=replace(RECIPE, optimizer=make))


def test_a_state_that_cannot_be_restored_is_refused(tiny: lth.Dataset) -> None:
    recipe = replace(RECIPE, optimizer=partial(Wrong, momentum=0.9))
    start = lth.train(small_net(seed=0), tiny, recipe=recipe, keep=[10]).kept[10]
    with pytest.raises(ValueError, match="does not give back what its state_dict gave"):
        lth.train(small_net(seed=0), tiny, recipe=recipe, start=start)
    with pytest.raises(ValueError, match="holds a Random; expected tensors, numbers"):
        lth.train(
            small_net(seed=0), tiny, recipe=replace(RECIPE, optimizer=holding(random.Random())), keep=[3]
        )
    with pytest.raises(ValueError, match="expected one of RMSprop .* Rewind with momentum='fresh'"):
        lth.train(small_net(seed=0), tiny, recipe=replace(RECIPE, optimizer=torch.optim.RMSprop), start=start)
    with pytest.raises(ValueError, match="comes from another optimizer"):
        lth.train(small_net(seed=0), tiny, recipe=RECIPE, start=start)


def test_a_function_stands_in_the_configuration_by_name_and_code() -> None:
    """Catches two functions of one name that pass for one, and a name that holds an address."""

    def made(momentum: float) -> Any:
        return lambda parameters, lr: torch.optim.SGD(parameters, lr=lr, momentum=momentum)

    def named(make: Any) -> Any:
        return replace(RECIPE, optimizer=make).config()["optimizer"]

    names = [named(m) for m in (made(0.1), made(0.2), two_rates, torch.optim.SGD, partial(torch.optim.SGD, momentum=0.1))]  # fmt: skip
    assert len(set(names)) == 5 and named(made(0.1)) == names[0] and names[2] == name_of(two_rates)
    assert "0x" not in repr(names)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight_decay": 0.1}, "which would not see it"),
        ({"momentum": 0.9}, "momentum is for optimizer='sgd'"),
        ({"nesterov": True}, "expected True or False, and for True"),
    ],
)
def test_what_the_function_would_not_see_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(RECIPE, optimizer=torch.optim.SGD, **changes)
    with pytest.raises(ValueError, match="or a function that makes one"):
        replace(RECIPE, optimizer=torch.optim.SGD([torch.ones(1)], lr=1.0))
