"""What decides a result is in its identity: two functions or networks that do different things have different names."""

from __future__ import annotations

import collections
import enum
import functools
import importlib
import logging
import math
import operator
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import lthkit as lth
from lthkit.storage import RunMismatch, identity
from lthkit.storage.records import run_id
from lthkit.training import PLAIN, Meeting
from tests.conftest import small_net

RECIPE = lth.Recipe(steps=4, batch_size=20, evaluate_every=4)


def holding(value: Any) -> Callable[..., Any]:
    """A function of which all that can differ is what it holds."""

    def score(model: nn.Module) -> Any:
        return value

    return score


def with_default(value: Any) -> Callable[..., Any]:
    def score(model: nn.Module, x: Any = value) -> Any:
        return x

    return score


def from_module(source: str, **names: Any) -> Callable[..., Any]:
    """The function `score` of a module that says `source`, with these names in it."""
    module: dict[str, Any] = {"__name__": "my_module", "lth": lth, "torch": torch, "F": F, **names}
    exec(compile(source, "my_module.py", "exec"), module)
    function: Callable[..., Any] = module["score"]
    return function


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return inner


def squared(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def inner(model: nn.Module) -> Any:
        return {n: s**2 for n, s in function(model).items()}

    return inner


class Criterion:
    def __init__(self, power: Any) -> None:
        self.power = power

    def __call__(self, model: nn.Module) -> Any:
        return {n: w.abs() ** self.power for n, w in lth.prunable(model).items()}

    def score(self, model: nn.Module) -> Any:
        return self(model)


class Slotted:
    __slots__ = ("power",)

    def __init__(self, power: float) -> None:
        self.power = power


@dataclass
class Settings:
    power: float


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Point(collections.namedtuple("Point", "x y")):
    """Of one's own, and a tuple."""


def linear(seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Linear(2, 2)


def classes(make: Callable[[Any], type], one: Any, other: Any) -> tuple[type, type]:
    return make(one), make(other)


def _with_value(value: Any) -> type:
    class Mine:
        power = value

    return Mine


def _with_static(sign: int) -> type:
    if sign > 0:

        class Mine:
            @staticmethod
            def f(x: int) -> int:
                return +x
    else:

        class Mine:  # type: ignore[no-redef]
            @staticmethod
            def f(x: int) -> int:
                return -x

    return Mine


def _with_base(value: Any) -> type:
    class Mine(_with_value(value)):  # type: ignore[misc]
        pass

    return Mine


POWER = "def score(model):\n    return {n: w.abs() ** POWER for n, w in lth.prunable(model).items()}"
HELPED = "def helper(w):\n    return w.abs() ** {p}\ndef score(model):\n    return helper(model.weight)"
DEEP = "P = {p}\ndef deep(w):\n    return w ** P\nhelper = lambda w: deep(w)\ndef score(model):\n    return [helper(w) for w in model]"
KLASS = "class Helper:\n    def f(self, w):\n        return w ** {p}\ndef score(model):\n    return Helper().f(model)"

# What differs, and two functions (or classes) that differ in nothing else.
DIFFERENT: dict[str, tuple[Any, Any]] = {
    "a number in a closure": (holding(1), holding(2)),
    "1 and True": (holding(1), holding(True)),
    "float32 fractions": (holding(np.float32(0.1)), holding(np.float32(0.2))),
    "float64 fractions": (holding(np.float64(0.1)), holding(np.float64(0.2))),
    "arrays": (holding(np.arange(3)), holding(np.arange(3)[::-1])),
    "arrays of other types": (holding(np.zeros(2, np.int32)), holding(np.zeros(2, np.float32))),
    "arrays of objects": (holding(np.array([1, None])), holding(np.array([2, None]))),
    "an array as a default": (with_default(np.arange(2)), with_default(np.arange(2) + 1)),
    "tensors": (holding(torch.zeros(2)), holding(torch.ones(2))),
    "bfloat16 tensors": (holding(torch.zeros(2).bfloat16()), holding(torch.ones(2).bfloat16())),
    "complex tensors": (holding(torch.tensor([1j])), holding(torch.tensor([1j]).conj())),
    "sparse tensors": (holding(torch.eye(2).to_sparse()), holding((2 * torch.eye(2)).to_sparse())),
    "scalars": (holding(torch.tensor(1.0)), holding(torch.tensor(2.0))),
    "sets": (holding({1, 2}), holding({1, 3})),
    "dicts": (holding({"a": 1}), holding({"a": 2})),
    "dicts in lists": (holding([{"a": [1]}]), holding([{"a": [2]}])),
    "keys": (holding({"a": 1}), holding({"b": 1})),
    "ranges": (holding(range(3)), holding(range(4))),
    "slices": (holding(slice(3)), holding(slice(4))),
    "enums": (holding(Colour.RED), holding(Colour.BLUE)),
    "types of numbers": (holding(torch.float32), holding(torch.float64)),
    "devices": (holding(torch.device("cpu")), holding(torch.device("meta"))),
    "paths": (holding(Path("a")), holding(Path("b"))),
    "weights of a network": (holding(linear(0)), holding(linear(1))),
    "mode of a network": (holding(linear(0)), holding(linear(0).eval())),
    "generators of random numbers": (
        holding(torch.Generator().manual_seed(0)),
        holding(torch.Generator().manual_seed(1)),
    ),
    "generators of numpy": (holding(np.random.default_rng(0)), holding(np.random.default_rng(1))),
    "masks": (
        holding(lth.Mask({"a": torch.ones(2).bool()})),
        holding(lth.Mask({"a": torch.zeros(2).bool()})),
    ),
    "recipes": (holding(lth.Recipe()), holding(lth.Recipe(lr=0.5))),
    "dataclasses": (holding(Settings(1)), holding(Settings(2))),
    "slots": (holding(Slotted(1)), holding(Slotted(2))),
    "tuples with names": (holding(Point(1, 2)), holding(Point(1, 3))),
    "callable objects": (Criterion(1), Criterion(2)),
    "callable objects in a closure": (holding(Criterion(1)), holding(Criterion(2))),
    "bound methods": (Criterion(1).score, Criterion(2).score),
    "bound methods written in C": ({1: 2}.get, {1: 3}.get),
    "objects in objects": (Criterion(Criterion(1)), Criterion(Criterion(2))),
    "getters": (operator.itemgetter(1), operator.itemgetter(2)),
    "functions in a closure": (holding(lambda: 1), holding(lambda: 2)),
    "closures in a closure": (holding(holding(1)), holding(holding(2))),
    "functions of torch": (holding(torch.relu), holding(torch.tanh)),
    "functions of torch in Python": (holding(F.relu), holding(F.gelu)),
    "criteria of lthkit": (holding(lth.magnitude), holding(lth.models.lenet_5)),
    "functions of libraries": (holding(math.sqrt), holding(math.exp)),
    "functions of numpy": (holding(np.sqrt), holding(np.exp)),
    "classes of torch": (holding(nn.ReLU), holding(nn.Tanh)),
    "classes of one's own": (holding(_with_value(1)), holding(_with_value(2))),
    "partials in a closure": (
        holding(functools.partial(F.gelu, approximate="none")),
        holding(functools.partial(F.gelu, approximate="tanh")),
    ),
    "partials of partials": (
        functools.partial(logged(functools.partial(holding(1), 1)), 2),
        functools.partial(logged(functools.partial(holding(1), 2)), 2),
    ),
    "the function in a partial's argument": (
        functools.partial(lth.snip, loss=holding(1)),
        functools.partial(lth.snip, loss=holding(2)),
    ),
    "decorated functions": (logged(holding(1)), logged(holding(2))),
    "a decorated criterion of lthkit": (lth.magnitude, squared(lth.magnitude)),
    "under no_grad": (torch.no_grad()(holding(1)), torch.no_grad()(holding(2))),
    "under no_grad, with lthkit's name": (lth.magnitude, torch.no_grad()(squared(lth.magnitude))),
    "with gradients or without": (
        torch.set_grad_enabled(True)(holding(1)),
        torch.set_grad_enabled(False)(holding(1)),
    ),
    "functions that remember": (functools.lru_cache(holding(1)), functools.lru_cache(holding(2))),
    "attributes of a function": tuple(
        (lambda f, p: (setattr(f, "power", p), f)[1])(holding(0), p) for p in (1, 2)
    ),
    "a number in the module": (from_module(POWER, POWER=1), from_module(POWER, POWER=2)),
    "an array in the module": (from_module(POWER, POWER=np.ones(1)), from_module(POWER, POWER=np.zeros(1))),
    "a function of the module": (from_module(HELPED.format(p=1)), from_module(HELPED.format(p=2))),
    "a number that a function of a function takes": (
        from_module(DEEP.format(p=1)),
        from_module(DEEP.format(p=2)),
    ),
    "a class of the module": (from_module(KLASS.format(p=1)), from_module(KLASS.format(p=2))),
    "a name of the module for two things of torch": (
        from_module("def score(m):\n    return act(m)", act=torch.relu),
        from_module("def score(m):\n    return act(m)", act=torch.tanh),
    ),
    "a name for two modules": (
        from_module("def score(m):\n    return lib.sqrt(m)", lib=np),
        from_module("def score(m):\n    return lib.sqrt(m)", lib=torch),
    ),
    "one name of two libraries": (
        from_module("def score(m):\n    return sqrt(m)", sqrt=math.sqrt),
        from_module("def score(m):\n    return sqrt(m)", sqrt=torch.sqrt),
    ),
    "in a lambda in a function": (
        from_module("def score(m):\n    return (lambda: K)()", K=1),
        from_module("def score(m):\n    return (lambda: K)()", K=2),
    ),
    "a class's values": classes(_with_value, 1, 2),
    "a class's static methods": classes(_with_static, 1, -1),
    "a class's base": classes(_with_base, 1, 2),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_what_differs_has_another_name(what: str) -> None:
    """Catches: two functions that get one another's results from a run folder."""
    one, other = map(identity.name_of, DIFFERENT[what])
    assert one != other
    assert identity.name_of(DIFFERENT[what][0]) == one, "the same again"
    assert " at 0x" not in one


def test_what_is_equal_has_one_name() -> None:
    """Catches: a digest of an address, of the order of a set, or of whether two equal things are one."""
    pair = np.arange(3)
    for make in (
        lambda: holding(np.arange(3)),
        lambda: holding([np.arange(3), {"b", "a", "c"}]),
        lambda: holding(linear(0)),
        lambda: holding(Settings(2)),
        lambda: Criterion(torch.ones(3)),
        lambda: Criterion(2).score,
        lambda: from_module(DEEP.format(p=3)),
        lambda: holding(logging.getLogger("x")),
    ):
        assert identity.name_of(make()) == identity.name_of(make())
    assert identity.name_of(holding([pair, pair])) == identity.name_of(holding([pair, pair.copy()]))
    same = Criterion(1)
    assert identity.name_of(holding([same, same])) == identity.name_of(holding([same, Criterion(1)]))


def test_circles_end() -> None:
    """Catches: a recursion without end, where a function or an object leads to itself."""
    ring: list[Any] = [1]
    ring.append(ring)
    me = Criterion(1)
    me.power = me
    for thing in (
        holding(ring),
        me,
        me.score,
        from_module("def score(n):\n    return other(n)\ndef other(n):\n    return score(n)"),
        from_module("class K:\n    def f(self):\n        return K()\ndef score(n):\n    return K"),
    ):
        assert identity.name_of(thing)
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    net[0].register_forward_hook(functools.partial(lambda owner, *_: None, net))
    assert identity.network_name(net)


def names(source: str, folder: Path, hash_seed: int) -> str:
    (folder / "helpers.py").write_text("K = 2\ndef g(x):\n    return x ** K\n")
    run = subprocess.run(
        [sys.executable, "-c", source],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ
        | {"PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])},
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_names_are_the_same_in_another_process(tmp_path: Path) -> None:
    """Catches: hash seeds and addresses in a name, so that nothing is found again."""
    source = (
        "from lthkit.storage import name_of, network_name\nimport numpy as np, torch, helpers\nfrom torch import nn\n"
        "k = {'b', 'a'}; a = {1: np.arange(3)}\n"
        "class C:\n  def __init__(self): self.x = {'u', 'v'}\n  def __call__(self, m): return helpers.g(m), k, a\n"
        "def f(x, y=(1, 2.5)):\n  from helpers import g\n  return [torch.relu(z) for z in x], k, C\n"
        "net = nn.TransformerEncoderLayer(8, 2)\n"
        "print(name_of(f), name_of(C()), name_of(C), network_name(net))"
    )
    found = {names(source, tmp_path, seed) for seed in (1, 2)}
    assert len(found) == 1 and found.pop().count("-") == 4


def test_a_module_of_ones_own_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches: a helper in another file that was changed; and all of that file counting where one function is used."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def name(source: str, score: str) -> str:
        (tmp_path / "my_helpers.py").write_text(source)
        sys.modules.pop("my_helpers", None)
        importlib.invalidate_caches()
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        module = importlib.import_module("my_helpers")
        return identity.name_of(from_module(score, my_helpers=module, g=module.g))

    before, after = "def g(x):\n    return x\nK = 1\n", "def g(x):\n    return 2 * x\nK = 1\n"
    beside = "def g(x):\n    return x\nK = 2\n"
    for score in (
        "def score(m):\n    return my_helpers.g(m)",
        "def score(m):\n    return g(m)",
        "def score(m):\n    from my_helpers import g\n    return g(m)",
        "def score(m):\n    return getattr(my_helpers, 'g')(m)",
    ):
        assert name(before, score) != name(after, score), score
    assert name(before, "def score(m):\n    return my_helpers.g(m)") == name(
        beside, "def score(m):\n    return my_helpers.g(m)"
    )


def numbers() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("value", "kind"),
    [(numbers(), "generator"), (threading.Lock(), "lock"), (lambda: open(os.devnull), "TextIOWrapper")],
    ids=["generator", "lock", "file"],
)
def test_what_cannot_be_described_is_refused(
    value: Any, kind: str, tmp_path: Path, tiny: lth.Dataset
) -> None:
    """Catches: two loops that hold different streams of numbers, and one name for both."""
    value = value() if callable(value) else value
    score = holding(value)
    with pytest.raises(
        identity.Nameless, match=rf"holding.<locals>.score cannot.*It holds a {kind}.*folder=None"
    ):
        identity.name_of(score)
    with pytest.raises(ValueError, match="folder=None"):
        list(lth.imp(small_net, tiny, rounds=1, score=score, recipe=RECIPE, folder=tmp_path))
    assert not list(tmp_path.glob("*.npz"))
    net = small_net(seed=0)
    net.stream = value
    net.__class__ = type("Mine", (nn.Sequential,), {})
    with pytest.raises(identity.Nameless, match=rf"Mine cannot.*It holds a {kind}.*attributes"):
        identity.network_name(net)


# Networks


class Own(nn.Module):
    def __init__(
        self, scale: Any = 1.0, act: Any = torch.relu, saved: bool = True, positions: float = 0.0
    ) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.scale, self.act = scale, act
        self.register_buffer("positions", torch.full((2,), positions), persistent=False)

    def forward(self, x: torch.Tensor) -> Any:
        return self.act(self.fc(x)) * self.scale + self.positions


def frozen() -> nn.Module:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[0].requires_grad_(False)
    return net


def tied() -> nn.Module:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[0].weight = net[1].weight
    return net


def hooked(hook: Callable[..., Any]) -> nn.Module:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[0].register_forward_hook(hook)
    return net


def rebound(forward: Callable[..., Any]) -> nn.Module:
    net = nn.Linear(2, 2)
    net.forward = forward  # type: ignore[method-assign]
    return net


ENCODER = functools.partial(nn.TransformerEncoderLayer, 8, dim_feedforward=8)
NETWORKS: dict[str, tuple[nn.Module, nn.Module]] = {
    "a number of one's own": (Own(1.0), Own(2.0)),
    "a function of one's own": (Own(), Own(act=torch.tanh)),
    "a function in Python": (Own(act=F.relu), Own(act=F.gelu)),
    "a lambda": (Own(act=lambda x: x), Own(act=lambda x: 2 * x)),
    "an array": (Own(np.zeros(2)), Own(np.ones(2))),
    "a buffer that is not saved": (Own(), Own(positions=1.0)),
    "frozen or not": (frozen(), nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))),
    "tied or not": (tied(), nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))),
    "a hook": (hooked(lambda m, x, y: y), hooked(lambda m, x, y: 2 * y)),
    "a forward of its own": (rebound(lambda x: x), rebound(lambda x: 2 * x)),
    "heads of attention": (nn.MultiheadAttention(8, 2), nn.MultiheadAttention(8, 4)),
    "batch first": (nn.MultiheadAttention(8, 2), nn.MultiheadAttention(8, 2, batch_first=True)),
    "norm first": (ENCODER(2), ENCODER(2, norm_first=True)),
    "activation of an encoder": (ENCODER(2), ENCODER(2, activation="gelu")),
    "a lambda of an encoder": (ENCODER(2, activation=lambda x: x), ENCODER(2, activation=lambda x: 2 * x)),
    "nonlinearity of an RNN": (nn.RNN(2, 2), nn.RNN(2, 2, nonlinearity="relu")),
    "how a pool counts": (nn.AvgPool2d(2), nn.AvgPool2d(2, divisor_override=1)),
}


@pytest.mark.parametrize("what", NETWORKS)
def test_networks_that_compute_different_things_have_different_names(what: str) -> None:
    """Catches: settings that torch does not print, and those that only a class of one's own knows."""
    one, other = map(identity.network_name, NETWORKS[what])
    assert one != other


def test_weights_do_not_name_a_network() -> None:
    """Catches: a name that changes as the network is trained, so that a finished run is not found."""
    for make in (Own, lambda: nn.LSTM(2, 2), lambda: nn.TransformerEncoderLayer(8, 2), lambda: linear(0)):
        net = make()
        before = identity.network_name(net)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.add_(1)
        assert identity.network_name(net) == before == identity.network_name(make())


# Recorded: whoever has a folder of an earlier version goes on in it.


def test_names_of_before_hold() -> None:
    """Catches: a new digest for what is lthkit's own, so that every kept run is lost."""
    cut = functools.partial(lth.models.lenet_300_100, input_shape=(1, 8, 8), classes=3)
    assert identity.name_of(cut) == "lenet_300_100[('classes', 3), ('input_shape', [1, 8, 8])]"
    assert identity.name_of(lth.magnitude) == "magnitude"
    batches = [(torch.zeros(4, 1, 8, 8), torch.zeros(4).long())]
    assert identity.name_of(functools.partial(lth.snip, batches=batches)) == (
        "snip[('batches', [['torch.float32[4, 1, 8, 8] 5f70bf18a086', 'torch.int64[4] 66687aadf862']])]"
    )
    for name in ("lenet_300_100", "lenet_5", "smallcnn", "resnet_20", "vgg_16"):
        model = getattr(lth.models, name)(seed=0)
        # the rule of 0.1; what torch prints of a layer is another text from version to version
        layers = [(n, type(m).__qualname__, m.extra_repr()) for n, m in model.named_modules()]
        assert identity.network_name(model) == f"Network-{sha256(repr(layers).encode()).hexdigest()[:6]}"


def test_the_configuration_of_a_search_is_as_it_was(
    tiny: lth.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches: an entry for lthkit's own training, which would give every old run another id."""
    from lthkit.tickets import search

    configs: list[Any] = []
    monkeypatch.setattr(
        search, "working_in", lambda folder, config, name: configs.append((name, config())) or _Stop()
    )
    model_fn = functools.partial(lth.models.lenet_300_100, input_shape=(1, 8, 8), classes=3)
    meeting = Meeting()
    with meeting.joined() as together:
        for train in (lth.train, functools.partial(lth.train, choice=PLAIN), together):
            with pytest.raises(_Stop):
                next(lth.imp(model_fn, tiny, rounds=2, recipe=RECIPE, train=train))
    assert all(config == configs[0] for config in configs) and len(configs) == 3
    assert run_id(*configs[0]) == "imp-b4277f"


class _Stop(Exception):
    def __enter__(self) -> None:
        raise self

    def __exit__(self, *_: object) -> None: ...


# Drivers


def loop(factor: float) -> Callable[..., lth.TrainResult]:
    """A training of one's own: lthkit's with another learning rate."""

    def my_loop(model: nn.Module, data: lth.Dataset, *, recipe: lth.Recipe, **rest: Any) -> lth.TrainResult:
        return lth.train(model, data, recipe=replace(recipe, lr=recipe.lr * factor), **rest)

    return my_loop


def test_two_loops_do_not_share_a_folder(tmp_path: Path, tiny: lth.Dataset) -> None:
    """Catches: the first loop's results passed off as the second's, found by the same call in the same folder."""

    def search(train: Callable[..., Any], folder: Path | None = None) -> list[str]:
        found = lth.imp(small_net, tiny, rounds=1, recipe=RECIPE, train=train, folder=folder)
        return [r.trained.fingerprint for r in found]

    mine = search(loop(2.0), tmp_path / "a")
    assert mine == search(loop(2.0), tmp_path / "a") == search(loop(2.0))
    for other in (loop(3.0), lth.train, functools.partial(lth.train, steps=3)):
        with pytest.raises(RunMismatch, match="train: 'loop.<locals>.my_loop-"):
            search(other, tmp_path / "a")
    with pytest.raises(RunMismatch, match="same name; its code is another, or what it holds"):
        search(loop(3.0), tmp_path / "a")
    assert mine != search(loop(3.0))
    lth.keep_runs(tmp_path / "kept")
    try:
        assert [search(loop(f)) == mine for f in (2.0, 3.0, 2.0)] == [True, False, True]
    finally:
        lth.keep_no_runs()


def test_one_shot_and_hybrid_know_the_loop_too(tmp_path: Path, tiny: lth.Dataset) -> None:
    """Catches: the loop in the configuration of one driver only."""
    for i, search in enumerate(
        (
            functools.partial(lth.one_shot, small_net, tiny, densities=[0.5], recipe=RECIPE),
            functools.partial(
                lth.snip_then_imp, small_net, tiny, snip_density=0.8, density=0.5, rounds=1, recipe=RECIPE
            ),
        )
    ):
        list(search(folder=tmp_path / str(i), train=loop(2.0)))
        with pytest.raises(RunMismatch, match="train"):
            list(search(folder=tmp_path / str(i), train=loop(3.0)))


@pytest.mark.parametrize("kind", ["unseeded", "constant", "seeded"])
def test_a_seed_that_is_ignored_is_told(
    kind: str, tiny: lth.Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    """Catches: five seeds that are one, and a re-initialised control with the ticket's own weights."""

    def my_net(*, seed: int) -> nn.Module:
        if kind == "unseeded":
            return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
        with torch.random.fork_rng():
            torch.manual_seed(seed if kind == "seeded" else 0)
            return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))

    torch.manual_seed(5)
    with caplog.at_level(logging.WARNING, logger="lthkit"):
        before = torch.random.get_rng_state()
        for seed in (0, 1):
            lth.fresh_start(my_net, seed=seed)
        assert kind == "unseeded" or torch.equal(torch.random.get_rng_state(), before)
        list(lth.imp(my_net, tiny, rounds=0, recipe=RECIPE))
    told = [r.getMessage() for r in caplog.records if "seed" in r.getMessage()]
    assert len(told) == (kind != "seeded"), "once, and only of who ignores it"
    assert all("my_net" in text and "ignore its seed" in text for text in told)
