"""Plans: what is missing of a grid, and what that takes, held against what cells then do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch

from lthkit.cells import carrying
from lthkit.cells.cells import Level
from lthkit.data.datasets import Dataset, Split
from lthkit.sweeps.asked import Grid
from lthkit.sweeps.grids import GridMistakes, grid_of
from lthkit.sweeps.planning import CELLS, datasets_of, ids_of, plan
from lthkit.sweeps.trainings import cost_of

METHODS = [
    "dense",
    {"method": "imp", "arm": ["ticket", "re-initialised", "shuffled"]},
    {"method": "imp", "rewind_step": 3},
    {"method": "retrain", "arm": ["rewind", "lr-rewind", "fine-tune", "re-initialised"], "rewind_step": 3},
    {"method": "prune-at-init", "score": "random", "arm": ["ticket", "shuffled"]},
    {"method": "hybrid", "rounds": 2, "snip_density": 0.9, "images": 20},
    {"method": "hybrid", "rounds": 2, "snip_density": 0.9, "images": 20, "rewind_step": 3},
    {"method": "early-bird", "window": 2, "threshold": 1},
]
RECIPE = {"short": {"steps": 20, "batch_size": 60, "evaluate_every": 10}}


def grid(methods, rounds=(1, 3)):
    return grid_of(
        "x", methods=methods, seeds=[0], rounds=None if methods == ["dense"] else rounds, recipes=RECIPE
    )


def carried_out(planned, data, folder, levels=None):
    """Do it, and count its updates and the bytes that stay; a file with several names is one."""
    counted = Counter()
    cell = planned.asked.cell
    place = folder / CELLS / planned.id
    rows = list(
        carrying.carry_out(
            cell, levels or planned.asked.levels, data, place, progress=lambda n: counted.update(n=n)
        )
    )
    files = {(stat := path.stat()).st_ino: stat.st_size for path in place.rglob("*") if path.is_file()}
    return rows, counted["n"], sum(files.values())


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_a_plan_is_what_the_cell_takes(method, tiny, tmp_path):
    """Catches: a training that is not counted (a round on the way, a control, the dense one of a chain); updates from step 0
    where they begin at the rewind step; a wrong size on disk."""
    data = {"fashion-mnist": tiny}
    before = plan(grid([method]), tmp_path, datasets=data)
    (planned,) = before.cells
    assert planned.missing == planned.asked.levels and not before.finished
    _, updates, size = carried_out(planned, tiny, tmp_path)
    exact = planned.asked.cell.method != "early-bird"
    assert updates == planned.cost.updates if exact else 0 < updates <= planned.cost.updates
    assert planned.cost.bytes == pytest.approx(size, rel=0.1)
    after = plan(grid([method]), tmp_path, datasets=data)
    assert after.unfinished == () and after.cost == cost_of(planned.asked.cell, [])


def test_trainings_are_counted():
    """Catches: a hybrid ticket counted as one training, or the rounds before a control of imp not at all."""
    numbers = [cost_of(one.cell, one.levels).trainings for one in grid(METHODS).asked]
    assert numbers == [1, 4 + 2 * 2, 4, 1 + 2 * 4, 2 * 2, 2 * 3, 2 * 3, 2]


def test_only_what_is_missing_is_planned(tiny, tmp_path):
    """Catches: a run that has grown by a round and is planned, and estimated, as if nothing of it were there."""
    data = {"fashion-mnist": tiny}
    first = plan(grid(METHODS[1:3], [1]), tmp_path, datasets=data)
    for planned in first.cells:
        carried_out(planned, tiny, tmp_path)
    grown = plan(grid(METHODS[1:3], [1, 3]), tmp_path, datasets=data)
    with_controls, alone = grown.cells
    assert [level.name for level in alone.missing] == ["ticket-round-03"]
    assert (alone.cost.trainings, alone.cost.updates) == (2, 2 * 17)
    assert (with_controls.cost.trainings, with_controls.cost.updates) == (4, 4 * 20)
    for planned in grown.cells:
        _, updates, _ = carried_out(planned, tiny, tmp_path)
        saved = 20 + planned.asked.cell.recipe.steps - getattr(planned.asked.cell.way, "rewind_step", 0)
        assert updates in (planned.cost.updates, planned.cost.updates + saved), (
            "rounds that are read may be told as progress"
        )


def test_ids_are_those_of_the_cells(tiny):
    """Catches: a shortcut of the plan that names a folder otherwise than the cell does, so that nothing is found again."""
    asked = grid_of("x", methods=METHODS, seeds=[0, 7], rounds=[1], recipes=RECIPE).asked
    data = {"fashion-mnist": tiny}
    assert ids_of(asked, data) == [one.cell.id(tiny) for one in asked]


def test_a_plan_writes_nothing(tiny, tmp_path):
    """Catches: a dry run that leaves folders, or that needs a folder which may be written."""
    plan(grid(["dense", "imp"]), tmp_path / "none", datasets={"fashion-mnist": tiny})
    assert list(tmp_path.iterdir()) == []


def test_data_sets_are_loaded_once():
    """Catches: each cell with a copy of its own of the same tensors."""
    found = datasets_of(grid_of("x", methods=["dense"], data=["fashion-mnist", "lesson-text"]))
    assert list(found) == ["fashion-mnist", "lesson-text"]


OWN = """
import torch
from torch import nn

def deaf(*, seed):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))

def small(*, seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))

def broken(*, seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(7, 3))

def failing(*, seed):
    raise KeyError("weights")

again = small
"""

PRUNED = {"method": "prune-at-init", "score": "snip"}
ONLY_DATA_TELL = [
    (
        {"models": ["own_nets_24:deaf"]},
        "models, own_nets_24:deaf with data fashion-mnist",
        "makes the same weights",
    ),
    ({"models": ["own_nets_24:broken"]}, "models, own_nets_24:broken with data", "7"),
    ({"models": ["own_nets_24:failing"]}, "models, own_nets_24:failing with data", "KeyError: 'weights'"),
    ({"models": ["lenet-5"]}, "models, lenet-5 with data fashion-mnist", "16"),
    (
        {"recipes": {"a": {"batch_size": 301}, "b": {}}},
        "recipe a of lenet-300-100 on fashion-mnist",
        "batch_size=301 is larger than the training split (300 images)",
    ),
    ({"methods": [{**PRUNED, "images": 301}]}, "prune-at-init of lenet-300-100", "images=301 were asked for"),
    ({"methods": [PRUNED], "densities": [1e-6]}, "prune-at-init", "density 1e-06 keeps none of"),
    ({"methods": ["imp"], "densities": None, "rounds": [60]}, "imp of", "keeps none of"),
    ({"methods": [{"method": "hybrid", "rounds": 20_000}]}, "hybrid of", "some round would remove nothing"),
    (
        {"methods": ["early-bird"], "recipes": {"a": {"steps": 25, "batch_size": 60}}},
        "early-bird of",
        "has 5 epochs of 5 steps, and the window of 5 is full after 5 at the earliest, so no ticket could be found and trained; "
        "expected steps above 25",
    ),
]


@pytest.mark.parametrize(("changes", "place", "text"), ONLY_DATA_TELL)
def test_mistakes_that_only_data_reveal(changes, place, text, tiny, tmp_path, monkeypatch):
    """Catches: a sweep of hours whose cells all fail, or whose seeds are one network, although it could be seen before."""
    (tmp_path / "own_nets_24.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    given = {
        "methods": ["dense", PRUNED],
        "densities": [0.1],
        "seeds": [0, 1],
        "recipes": {"b": {"steps": 900}},
    }
    asked = grid_of("x", **{**given, **changes})
    with pytest.raises(GridMistakes) as caught:
        plan(asked, tmp_path / "runs", datasets={"fashion-mnist": tiny})
    said = str(caught.value)
    assert text in said and place in said, said
    assert len(caught.value.mistakes) == 1, said


def test_the_same_network_or_data_under_two_names_is_one_cell(tiny, tmp_path, monkeypatch):
    """Catches: two lines of a figure that are one network, or one folder of pictures by two paths, counted twice."""
    (tmp_path / "own_nets_24.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(GridMistakes, match="asks for what"):
        grid_of("x", methods=["dense"], models=["own_nets_24:small", "own_nets_24:again"])
    one = grid_of("x", methods=["dense"], seeds=[0])
    twice = Grid("x", (*one.asked, *(replace(a, cell=replace(a.cell, data="mnist")) for a in one.asked)))
    with pytest.raises(GridMistakes, match="stands in the grid twice"):
        plan(twice, tmp_path / "runs", datasets={"fashion-mnist": tiny, "mnist": tiny})


def test_data_of_another_kind_are_refused_before_anything_begins(tiny, tmp_path):
    """Catches: crop and flip for what are no images, found out in the first cell."""
    g = torch.Generator().manual_seed(0)
    split = Split(torch.rand(60, 64, generator=g), torch.arange(60) % 3)
    values = Dataset.of("values", train=split, validation=split, test=split, classes=("a", "b", "c"))
    with pytest.raises(GridMistakes, match="lenet-300-100 with data fashion-mnist"):
        plan(grid_of("x", methods=["dense"]), tmp_path, datasets={"fashion-mnist": values})


def test_published_levels_are_known_by_name_alone(tiny, tmp_path):
    """Catches: a plan that reads every row of thousands of cells before it says what is missing."""
    (planned,) = plan(grid([METHODS[4]]), tmp_path, datasets={"fashion-mnist": tiny}).cells
    for level in planned.asked.levels[:3]:
        (tmp_path / CELLS / planned.id / level.name).mkdir(parents=True)
    (tmp_path / CELLS / "somebody-else").mkdir()
    (again,) = plan(grid([METHODS[4]]), tmp_path, datasets={"fashion-mnist": tiny}).cells
    assert again.missing == planned.asked.levels[3:] == (Level(density=0.512, arm="shuffled"),)
