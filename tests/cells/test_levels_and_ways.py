"""What names a cell and its levels: equal things have one name, different ones have two, and what is none is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lthkit as lth
from lthkit.cells import (
    DENSE_LEVEL,
    IMP,
    WAYS,
    Cell,
    Dense,
    EarlyBird,
    Hybrid,
    Level,
    OneShot,
    PruneAtInit,
    id_of,
    is_cell_name,
    model_function,
)
from lthkit.cells.folders import _LEVEL
from lthkit.storage.owners import canonical

RECIPE = lth.Recipe(steps=20)
ROOT = Path(__file__).parents[2]


def cell_of(way: Any = IMP(), **changed: Any) -> Cell:  # noqa: B008  (frozen)
    return Cell(**{"way": way, "model": "lenet-300-100", "data": "tiny", "recipe": RECIPE} | changed)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Level(density=0.1 + 0.2), Level(density=0.3)),
        (Level(density=np.float64(0.05)), Level(density=0.05)),
        (Level(density=np.float32(0.1)), Level(density=0.1)),
        (Level(density=0.8**7), Level(density=0.209715)),
        (Level(round=np.int64(3)), Level(round=3)),
        (IMP(fraction=np.float64(0.3), rewind_step=np.int32(4)), IMP(fraction=0.3, rewind_step=4)),
        (PruneAtInit(images=np.int64(50)), PruneAtInit(images=50)),
        (PruneAtInit("synflow"), PruneAtInit("synflow", iterations=100)),
        (EarlyBird(threshold=np.float32(0.5), window=np.int64(3)), EarlyBird(threshold=0.5, window=3)),
        (EarlyBird(threshold=1), EarlyBird(threshold=1.0)),
        (Hybrid(rounds=np.int64(2)), Hybrid(rounds=2)),
        (cell_of(seed=np.int64(2)), cell_of(seed=2)),
        (cell_of(recipe=replace(RECIPE, milestones=())), cell_of()),
    ],
)
def test_equal(tiny, one, other):
    """Catches: the same level or cell asked for twice under two names, because a number came from numpy or was computed."""
    assert one == other and hash(one) == hash(other) and repr(one) == repr(other)
    if isinstance(one, Level):
        assert one.name == other.name
    if isinstance(one, Cell):
        assert canonical(one.config(tiny)) == canonical(other.config(tiny))
    elif not isinstance(one, Level):
        assert cell_of(one).id(tiny) == cell_of(other).id(tiny)


def test_names_of_levels():
    """Catches: two levels with one folder, or a name that is no name of a level, so that what has ended is never found."""
    levels = [Level(round=r, arm=arm) for r in (1, 2, 10, 100) for arm in IMP.arms]
    densities = (0.999999, 0.5, 0.05, 0.015625, 0.209715, 1e-4, 1e-5, 1.5e-7, 1e-12, 0.123456)
    levels += [Level(density=d, arm=arm) for d in densities for arm in OneShot.arms]
    names = [level.name for level in levels] + [DENSE_LEVEL.name]
    assert len(set(names)) == len(names) and all(_LEVEL.fullmatch(name) for name in names)
    assert Level(density=1e-7).name == "ticket-density-1e-07" and Level(round=3).name == "ticket-round-03"
    assert not any(is_cell_name(name) for name in names)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"round": 1, "density": 0.5},
        {"density": 0},
        {"density": 1},
        {"density": 0.9999999},
        {"density": True},
        {"density": "0.5"},
        {"density": float("nan")},
        {"density": -0.1},
        {"density": [0.1]},
        {"round": -1},
        {"round": 1.0},
        {"round": True},
        {"round": "2"},
    ],
)
def test_no_levels(given):
    """Catches: a level that is refused after hours, or becomes another one in silence."""
    with pytest.raises(ValueError, match="expected"):
        Level(**given)


@pytest.mark.parametrize(
    ("way", "level", "match"),
    [
        (Dense(), Level(round=1), "dense training alone"),
        (IMP(), Level(density=0.5), "counted by round"),
        (IMP(), Level(round=0), "Round 0 is the dense training"),
        (IMP(), Level(round=1, arm="lr-rewind"), "expected one of ticket, re-initialised, shuffled"),
        (IMP(), Level(round=1, arm="shufled"), "Did you mean 'shuffled'"),
        (OneShot(), Level(round=1), "counted by density"),
        (Hybrid(), DENSE_LEVEL, "expected one of ticket"),
        (PruneAtInit(), Level(round=2), "counted by density"),
        (EarlyBird(), Level(density=0.1, arm="shuffled"), "expected one of ticket"),
    ],
)
def test_levels_of_another_way(way, level, match):
    """Catches: a level that a way does not have, which nobody would ever train."""
    with pytest.raises(ValueError, match=match):
        cell_of(way).levels([level])


def test_order_of_levels():
    """Catches: levels twice, or in an order in which the chain does not come to them."""
    asked = [Level(density=0.1, arm="shuffled"), Level(density=0.1), Level(density=0.5), Level(density=0.1)]
    assert [level.name for level in cell_of(OneShot()).levels(asked)] == [
        "dense", "ticket-density-0.5", "ticket-density-0.1", "shuffled-density-0.1",
    ]  # fmt: skip
    assert cell_of(IMP()).levels([]) == [DENSE_LEVEL] and cell_of(Hybrid()).levels([]) == []


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: IMP(fraction=0), "fraction=0"),
        (lambda: IMP(fraction=True), "fraction=True"),
        (lambda: IMP(output_fraction=0.1), "layerwise"),
        (lambda: IMP(rewind_step=-1), "rewind_step=-1"),
        (lambda: IMP(scope="globl"), "Did you mean 'global'"),
        (lambda: OneShot(momentum="x"), "momentum='x'"),
        (lambda: PruneAtInit("snipp"), "Did you mean 'snip'"),
        (lambda: PruneAtInit(images=0), "images=0"),
        (lambda: PruneAtInit("magnitude", images=100), "sees none"),
        (lambda: PruneAtInit(iterations=0), "iterations=0"),
        (lambda: EarlyBird(window=1), "window=1"),
        (lambda: EarlyBird(threshold=2), "threshold=2"),
        (lambda: Hybrid(snip_density=1.5), "snip_density=1.5"),
        (lambda: cell_of(IMP(rewind_step=20)), "expected 0 to 19"),
        (lambda: cell_of(seed=-1), "seed=-1"),
        (lambda: cell_of(seed=1.5), "seed=1.5"),
    ],
)
def test_settings_that_will_not_do(make, match):
    """Catches: a setting that is refused only when its cell begins, in the middle of a sweep."""
    with pytest.raises(ValueError, match=match):
        make()


def test_what_decides_an_id(tiny):
    """Catches: two cells with other numbers under one id; one cell under two because of where, or how far, it goes."""
    cells = [
        cell_of(),
        cell_of(seed=1),
        cell_of(model="lenet-5"),
        cell_of(recipe=replace(RECIPE, lr=0.1)),
        cell_of(task=lth.Task(label_smoothing=0.1)),
        cell_of(IMP(fraction=0.3)),
        *(cell_of(way()) for name, way in WAYS.items() if name != "imp"),
    ]
    ids = [cell.id(tiny) for cell in cells]
    assert len(set(ids)) == len(ids) and all(map(is_cell_name, ids))
    assert cell_of(data="folder:/elsewhere", size=8).id(tiny) == ids[0] == id_of(cell_of().config(tiny))
    assert json.loads(canonical(cells[4].config(tiny)))["task"] == {"label_smoothing": 0.1}
    assert cell_of().id(tiny.head(train=100)) != ids[0]


def test_the_id_of_another_process(tiny):
    """Catches: an id that another process, or the next run, does not find again."""
    code = (
        "from tests.cells.test_levels_and_ways import *; from tests.killing import tiny; "
        "print(cell_of(model='tests.conftest:small_net').id(tiny()), cell_of().id(tiny()))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == [
        cell_of(model="tests.conftest:small_net").id(tiny),
        cell_of().id(tiny),
    ]


# Networks of one's own

MODULES = {
    "good": "import torch\ndef make(*, seed, input_shape, classes):\n"
    "    torch.manual_seed(seed)\n    n = torch.nn\n"
    "    return n.Sequential(n.Flatten(), n.Linear(input_shape[1] * input_shape[2], 8), n.ReLU(), n.Linear(8, classes))\n",
    "unseeded": "import torch\ndef make(*, seed):\n    return torch.nn.Linear(4, 2)\n",
    "constant": "import torch\ndef make(*, seed):\n    torch.manual_seed(0)\n    return torch.nn.Linear(4, 2)\n",
    "no_seed": "import torch\ndef make():\n    return torch.nn.Linear(4, 2)\n",
    "no_network": "def make(*, seed):\n    return 7\n",
    "fails": "raise RuntimeError('boom')\n",
    "ends": "import sys\nsys.exit(3)\n",
    "broken": "def make(:\n",
    "a_network": "import torch\nmake = torch.nn.Linear(4, 2)\n",
}


@pytest.fixture
def modules(tmp_path, monkeypatch) -> None:
    for name, text in MODULES.items():
        (tmp_path / f"own_{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("own_unseeded:make", "other weights each time|same weights"),
        ("own_constant:make", "the same weights for seed 0 and seed 1"),
        ("own_no_seed:make", "takes no seed"),
        ("own_no_network:make", "expected a network"),
        ("own_fails:make", "RuntimeError: boom"),
        ("own_ends:make", "SystemExit"),
        ("own_broken:make", "SyntaxError"),
        ("own_a_network:make", "no function 'make'"),
        ("own_good:mak", "Did you mean 'make'"),
        ("own_missing:make", "cannot be imported"),
        (":make", "cannot be imported"),
        (".own_good:make", "cannot be imported"),
        ("own_good:", "no function ''"),
        ("builtins:len", "takes no seed"),
        ("lenet-300", "Unknown model"),
    ],
)
def test_models_that_will_not_do(tiny, modules, name, match):
    """Catches: a network whose seeds are one and the same, and a slip in a name, before anything is trained and without a traceback."""
    with pytest.raises((ValueError, TypeError), match=match):
        model_function(name, tiny)


def test_a_model_of_ones_own(tiny, modules, tmp_path):
    """Catches: a network that does not fit the data though its function asks for their shape; other code under the same id; a module
    in the current folder that stands for an installed one."""
    network = model_function("own_good:make", tiny)(seed=0)
    assert network[1].in_features == 64 and network[3].out_features == 3
    first = cell_of(model="own_good:make").id(tiny)
    (tmp_path / "own_other.py").write_text(
        MODULES["good"].replace("8)", "9)").replace("Linear(8", "Linear(9")
    )
    assert cell_of(model="own_other:make").id(tiny) != first
    assert sys.path[0] != str(tmp_path) and sys.path[-1] == str(tmp_path)
