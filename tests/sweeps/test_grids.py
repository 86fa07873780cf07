"""What a grid becomes: which cells, with which levels, in which order."""

from __future__ import annotations

import numpy as np
import pytest

from lthkit.cells.cells import DENSE_LEVEL, Level
from lthkit.cells.ways import IMP, Dense, Hybrid, OneShot, PruneAtInit
from lthkit.runs.experiments import default_recipe
from lthkit.sweeps.grids import GridMistakes, grid_of, read_grid
from lthkit.training.recipes import Recipe

FILE = """
name = "criteria"
methods = [
    "dense",
    {method = "prune-at-init", score = ["snip", "synflow"], images = 50},
    {method = "retrain", arm = ["rewind", "fine-tune"]},
    "imp",
]
models = ["lenet-300-100", "resnet-20"]
data = ["fashion-mnist"]
seeds = [3, 1]
rounds = [2, 5]
recipe = ["default", "long"]
zip = [["models", "recipe"]]
controls = ["shuffled"]
tier = "smoke"

[recipes.long]
steps = 80
"""


def names(asked):
    return [level.name for level in asked.levels]


def test_a_file_becomes_the_cells_that_it_says(tmp_path):
    """Catches: a key of the file that is read and not used, or used for another cell."""
    path = tmp_path / "x.toml"
    path.write_text(FILE, encoding="utf-8")
    grid = read_grid(path)
    assert grid.name == "criteria" and grid.data_names == ["fashion-mnist"]
    ways = [Dense(), PruneAtInit(images=50), PruneAtInit("synflow"), OneShot(), IMP()]
    expected = [
        (seed, model, way) for seed in (3, 1) for model in ("lenet-300-100", "resnet-20") for way in ways
    ]
    assert [(one.cell.seed, one.cell.model, one.cell.way) for one in grid.asked] == expected
    assert [one.recipe for one in grid.asked[:10]] == ["default"] * 5 + ["long"] * 5
    assert grid.asked[0].cell.recipe == default_recipe("lenet-300-100", "smoke")
    assert grid.asked[5].cell.recipe.steps == 80
    dense, snip, _, one_shot, imp = map(names, grid.asked[:5])
    where = [f"{arm}-density-{density}" for density in (0.64, 0.32768) for arm in ("ticket", "shuffled")]
    assert (dense, snip) == (["dense"], where)
    assert one_shot == ["dense"] + [
        f"{arm}-density-{density}"
        for density in (0.64, 0.32768)
        for arm in ("ticket", "fine-tune", "shuffled")
    ]
    assert imp == ["dense", "ticket-round-02", "shuffled-round-02", "ticket-round-05", "shuffled-round-05"]


def test_python_makes_the_grid_of_the_file(tmp_path):
    """Catches: two doors that lead to different cells, so that a sweep from Python trains again what the file's has."""
    path = tmp_path / "x.toml"
    path.write_text(FILE, encoding="utf-8")
    assert read_grid(path) == grid_of(
        "criteria",
        methods=[
            "dense",
            {"method": "prune-at-init", "score": ("snip", "synflow"), "images": np.int64(50)},
            {"method": "retrain", "arm": ["rewind", "fine-tune"]},
            "imp",
        ],
        models=("lenet-300-100", "resnet-20"),
        seeds=np.array([3, 1]),
        rounds=range(2, 6, 3),
        recipes={"long": {"steps": 80}},
        recipe=["default", "long"],
        zip=[["models", "recipe"]],
        controls="shuffled",
        tier="smoke",
    )


def test_the_name_is_that_of_the_file_unless_given(tmp_path):
    """Catches: a sweep in a folder that nobody named."""
    path = tmp_path / "two words.toml"
    path.write_text('methods = "dense"', encoding="utf-8")
    grid = read_grid(path)
    assert grid.name == "two words" and [one.cell.seed for one in grid.asked] == [0, 1, 2]


def test_a_whole_number_for_a_fraction_is_the_same_cell(tiny):
    """Catches: lr = 1 and lr = 1.0, which Python holds for equal, trained twice under two names."""
    one, other = (
        grid_of("x", methods=["dense"], seeds=[0], recipes={"a": {"lr": lr, "weight_decay": decay}})
        .asked[0]
        .cell
        for lr, decay in ((1, 0), (1.0, 0.0))
    )
    assert one.id(tiny) == other.id(tiny)
    (threshold, same) = (
        grid_of("x", methods=[{"method": "early-bird", "threshold": t}], seeds=[0], densities=[0.1])
        .asked[0]
        .cell
        for t in (1, 1.0)
    )
    assert threshold.id(tiny) == same.id(tiny)


def test_a_density_on_the_ladder_is_a_round_of_imp():
    """Catches: the round beside the one that was asked for, or a density that is only near being taken for one."""
    grid = grid_of("x", methods=["imp", "one-shot"], seeds=[0], densities=[0.512, 0.0115, 0.134])
    imp, one_shot = grid.asked
    assert imp.levels == (DENSE_LEVEL, Level(round=3), Level(round=9), Level(round=20))
    assert names(one_shot) == ["dense", *(f"ticket-density-{d}" for d in (0.512, 0.134, 0.0115))]
    grid_of("x", methods=["imp"], seeds=[0], densities=[0.8 * 1.0049])
    with pytest.raises(GridMistakes, match=r"0\.8 \(round 1\)"):
        grid_of("x", methods=["imp"], seeds=[0], densities=[0.8 * 1.0051])


def test_rounds_at_the_top_are_densities_for_all_and_in_a_table_those_of_the_method():
    """Catches: imp with a fraction of its own that is compared, round by round, with methods at other densities."""
    grid = grid_of(
        "x",
        methods=[{"method": "imp", "fraction": [0.2, 0.5], "rounds": [2]}, "early-bird"],
        seeds=[0],
        rounds=[1],
    )
    assert [names(one)[-1] for one in grid.asked] == [
        "ticket-round-02",
        "ticket-round-02",
        "ticket-density-0.8",
    ]
    with pytest.raises(GridMistakes, match="density 0.8 is no round of imp, which keeps 0.5"):
        grid_of("x", methods=[{"method": "imp", "fraction": 0.5}, "early-bird"], seeds=[0], rounds=[1])
    grid = grid_of("x", methods=[{"method": "imp", "fraction": 0.36}, "one-shot"], seeds=[0], rounds=[2])
    assert names(grid.asked[0]) == ["dense", "ticket-round-01"], "0.64 is its round 1"


def test_the_rounds_of_hybrid_are_a_setting_of_it():
    """Catches: the rounds between SNIP and the ticket taken for densities."""
    grid = grid_of("x", methods=[{"method": "hybrid", "rounds": [2, 4]}], seeds=[0], rounds=[5])
    assert [one.cell.way for one in grid.asked] == [Hybrid(rounds=2), Hybrid(rounds=4)]
    assert all(names(one) == ["ticket-density-0.32768"] for one in grid.asked)


def test_settings_at_the_top_go_to_the_methods_that_have_them_and_lists_are_axes():
    """Catches: a method without the setting that is trained once for each value of it."""
    grid = grid_of(
        "x", methods=["imp", "prune-at-init", "dense"], seeds=[0], densities=[0.8], rewind_step=[0, 9]
    )
    assert [one.cell.way for one in grid.asked] == [IMP(), PruneAtInit(), Dense(), IMP(rewind_step=9)]


def test_settings_that_change_no_number_make_no_second_cell():
    """Catches: synflow trained twice because snip beside it was asked for with two numbers of images; momentum without a past."""
    grid = grid_of(
        "x",
        methods=[{"method": "prune-at-init", "score": ["snip", "synflow"], "images": [9, 10]}],
        seeds=[0],
        densities=[0.1],
    )
    assert [one.cell.way for one in grid.asked] == [
        PruneAtInit(images=9),
        PruneAtInit(images=10),
        PruneAtInit("synflow"),
    ]
    grid = grid_of(
        "x", methods=["imp"], seeds=[0], rounds=[1], rewind_step=[0, 5], momentum=["restore", "fresh"]
    )
    assert [one.cell.way for one in grid.asked] == [
        IMP(),
        IMP(rewind_step=5),
        IMP(rewind_step=5, momentum="fresh"),
    ]


def test_a_cell_that_two_methods_ask_for_with_other_levels_is_one():
    """Catches: one chain that is claimed and trained twice, because it was asked for in two lines."""
    grid = grid_of(
        "x",
        methods=[{"method": "imp", "rounds": [1]}, {"method": "imp", "rounds": [4], "arm": "shuffled"}],
        seeds=[0],
    )
    assert [names(one) for one in grid.asked] == [["dense", "ticket-round-01", "shuffled-round-04"]]


def test_a_shorter_recipe_moves_its_milestones():
    """Catches: a rate that never falls, because the training ends before the milestones of the longer one."""
    whole = default_recipe("resnet-20", "gpu")
    grid = grid_of(
        "x", methods=["dense"], models=["resnet-20"], seeds=[0], tier="gpu", recipes={"a": {"steps": 3000}}
    )
    assert grid.asked[0].cell.recipe.milestones == tuple(m // 10 for m in whole.milestones) == (2000, 2500)
    grid = grid_of(
        "x", methods=["dense"], models=["resnet-20"], seeds=[0], recipes={"a": {"schedule": "cosine"}}
    )
    assert grid.asked[0].cell.recipe.milestones == ()
    mine = Recipe(steps=7)
    assert grid_of("x", methods=["dense"], seeds=[0], recipes={"a": mine}).asked[0].cell.recipe == mine


def test_the_tier_of_this_machine_changes_no_grid(monkeypatch, tmp_path):
    """Catches: two machines on one folder that train other cells for one file, because of a variable of their shells."""
    path = tmp_path / "x.toml"
    path.write_text('methods = "dense"', encoding="utf-8")
    here = read_grid(path)
    monkeypatch.setenv("LTHKIT_TIER", "smoke")
    assert (
        read_grid(path)
        == here
        == grid_of("x", methods=["dense"])
        != grid_of("x", methods=["dense"], tier="smoke")
    )


def test_sizes_go_to_folders_alone(tmp_path):
    """Catches: a published data set that is refused for the size of a folder beside it."""
    name = f"folder:{tmp_path}"
    grid = grid_of("x", methods=["dense"], data=["fashion-mnist", name], seeds=[0], size=(8, 9))
    assert [one.cell.size for one in grid.asked] == [None, (8, 9)]
