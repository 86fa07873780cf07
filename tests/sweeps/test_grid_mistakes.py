"""Mistakes of a grid: each kind is refused with its place and in words that say what to do; all of them at once."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lthkit.sweeps.entries import METHODS, SETTINGS
from lthkit.sweeps.grids import Grid, grid_of, read_grid
from lthkit.sweeps.mistakes import GridMistakes
from lthkit.sweeps.top import KEYS
from lthkit.training.recipes import Recipe

GOOD = {
    "methods": '["imp", "dense"]',
    "models": '["lenet-300-100"]',
    "data": '["fashion-mnist"]',
    "seeds": "[0, 1]",
    "rounds": "[1, 3]",
}


def grid_file(folder: Path, changes: dict[str, str | None], tail: str = "") -> Path:
    """A good grid with some lines changed, or left out where None is given."""
    lines = {**GOOD, **changes}
    path = folder / "mine.toml"
    text = "\n".join(f"{key} = {value}" for key, value in lines.items() if value is not None)
    path.write_text(f"{text}\n{tail}", encoding="utf-8")
    return path


PRUNED = '[{method = "prune-at-init", score = "snip"}]'
MISTAKES = [
    # keys
    ({"densites": "[0.1]"}, "", "densites: unknown key", "Did you mean 'densities'?"),
    ({"steps": "500"}, "", "steps: unknown key", "a field of a recipe: write it below [recipes.NAME]"),
    ({"sparsity": "[0.9]"}, "", "sparsity: unknown key", "1 minus the sparsity"),
    ({"arm": '"fine-tune"'}, "", "arm: unknown key", "in a method's table"),
    ({"workers": "2"}, "", "workers: unknown key", "by an option of the command"),
    (
        {},
        "[recipes.short]\nseed = [0]",
        "recipes.short.seed: unknown key",
        "expected one of steps, batch_size",
    ),
    (
        {},
        "[recipes.short]\nsize = 3",
        "recipes.short.size: unknown key",
        "move it above the first line in brackets",
    ),
    (
        {"methods": '[{method = "imp", widow = 3}]'},
        "",
        "methods[0].widow: unknown key",
        "expected one of method, arm",
    ),
    (
        {"methods": '[{method = "imp", window = 3}]'},
        "",
        "methods[0].window: unknown key",
        "imp has no such setting",
    ),
    (
        {"methods": None},
        '[[methods]]\nmethod = "imp"\ntier = "smoke"',
        "methods[0].tier: unknown key",
        "move it above",
    ),
    # what is missing, empty or of another type
    ({"methods": None}, "", "methods: it is missing", 'methods = ["imp", "dense"]'),
    ({"methods": "[]"}, "", "methods: an empty list", "nothing to do"),
    ({"methods": "[3]"}, "", "methods[0]: 3 was given", "a name, or a table"),
    ({"methods": '[{name = "imp"}]'}, "", "methods[0]: a table without method", "method ="),
    ({"models": "[1]"}, "", "models[0]: 1 was given", "expected a name"),
    (
        {"seeds": "5"},
        "",
        "seeds: 5 was given, which is one seed or a number",
        "For 5 seeds: [0, 1, 2, 3, 4]; for the",
    ),
    ({"seeds": "[]"}, "", "seeds: an empty list", "such as [0, 1, 2]"),
    ({"seeds": "[0, -1]"}, "", "seeds[1]: -1 was given", "0 or more"),
    ({"seeds": "[0, true]"}, "", "seeds[1]: True was given", "whole number"),
    ({"seeds": "[0.5]"}, "", "seeds[0]: 0.5 was given", "whole number"),
    (
        {"rounds": "3"},
        "",
        "rounds: 3 was given",
        "For all rounds up to there: [1, 2, 3]; for that one alone: [3]",
    ),
    ({"rounds": "[0, 2]"}, "", "rounds[0]: round 0 is the dense training", "from 1"),
    ({"rounds": '["two"]'}, "", "rounds[0]: 'two' was given", "whole number"),
    ({"tier": '"laptp"'}, "", "tier: 'laptp' was given", "Did you mean 'laptop'?"),
    ({"name": '"../elsewhere"'}, "", "name: '../elsewhere' was given", "name of a folder"),
    ({"size": '"big"', "data": '["folder:."]'}, "", "size: 'big' was given", "such as 32"),
    ({"momentum": "0.9"}, "", "momentum: 0.9 was given", "a field of a recipe"),
    ({"scope": "true"}, "", "scope: True was given", "a number or a text"),
    ({"scope": "[]"}, "", "scope: an empty list", "one value or more"),
    # names
    (
        {"methods": '["imp", "prune-at-int"]'},
        "",
        "methods[1]: unknown method 'prune-at-int'",
        "mean 'prune-at-init'?",
    ),
    (
        {"models": '["lenet-300"]'},
        "",
        "models[0]: Unknown model 'lenet-300'",
        "Did you mean 'lenet-300-100'?",
    ),
    ({"models": '["nowhere.at_all:net"]'}, "", "models[0]: model 'nowhere.at_all:net'", "cannot be imported"),
    ({"models": '["math:sqrt"]'}, "", "models[0]: model 'math:sqrt' takes no seed", "seed=0"),
    (
        {"data": '["fashion-mnst"]'},
        "",
        "data[0]: unknown data set 'fashion-mnst'",
        "Did you mean 'fashion-mnist'?",
    ),
    (
        {"data": '["folder:no/such"]'},
        "",
        "data[0]: 'folder:no/such' was given, and there is no folder",
        "pictures",
    ),
    (
        {"methods": '[{method = "prune-at-init", score = "snipp"}]'},
        "",
        "methods[0] (prune-at-init): score='snipp'",
        "'snip'?",
    ),
    (
        {"methods": '[{method = "imp", arm = "shufled"}]'},
        "",
        "methods[0].arm: imp has no arm 'shufled'",
        "'shuffled'?",
    ),
    (
        {"methods": '[{method = "early-bird", arm = "shuffled"}]'},
        "",
        "methods[0].arm: early-bird has no arm",
        "ticket",
    ),
    (
        {"methods": '[{method = "retrain", arm = "finetune"}]'},
        "",
        "methods[0].arm: retrain has no arm",
        "'fine-tune'?",
    ),
    ({"controls": '["shufled"]'}, "", "controls: unknown control 'shufled'", "Did you mean 'shuffled'?"),
    (
        {"recipe": '["shrot"]'},
        "[recipes.short]\nsteps = 9",
        "recipe[0]: unknown recipe 'shrot'",
        "mean 'short'?",
    ),
    # values out of range, and what cannot go together
    ({"rounds": None}, "", "densities: neither densities nor rounds were given", "how far to go"),
    ({"densities": "[0.8]"}, "", "densities: it was given together with rounds", "one of them"),
    ({"rounds": None, "densities": "[50]"}, "", "densities[0]: 50 was given", "50 % are 0.5."),
    (
        {"rounds": None, "densities": "[1]"},
        "",
        "densities[0]: 1 was given",
        'Density 1 is the method "dense"',
    ),
    ({"rounds": None, "densities": "[nan]"}, "", "densities[0]: nan was given", "between 0 and 1"),
    ({"rounds": None, "densities": "0.1"}, "", "densities: 0.1 was given", "expected a list"),
    (
        {"rounds": None, "densities": "[0.5]"},
        "",
        "densities[0]: density 0.5 is no round of imp",
        "0.512 (round 3) and 0.4096 (round 4). Expected such as rounds = [3, 4]",
    ),
    (
        {"rounds": None, "densities": "[0.9]"},
        "",
        "densities[0]: density 0.9 is no round",
        "0.8 (round 1). Expected",
    ),
    (
        {"rounds": None, "densities": "[0.512, 0.513]"},
        "",
        "densities[1]: density 0.513 is round 3",
        "and so is 0.512",
    ),
    ({"fraction": "1.5"}, "", "methods[0] (imp): fraction=1.5 was given", "between 0 and 1"),
    (
        {"fraction": "[0.2, 0.5]", "methods": '["imp", "one-shot"]'},
        "",
        "fraction: several fractions",
        "on one ladder",
    ),
    (
        {"output_fraction": "0.1"},
        "",
        "methods[0] (imp): output_fraction=0.1 was given with scope='global'",
        "with 'layerwise' only",
    ),
    (
        {"rounds": None, "densities": "[0.512]", "scope": '"layerwise"', "output_fraction": "0.1"},
        "",
        "densities: densities were asked of imp with output_fraction=0.1",
        "rounds = [...] in its table",
    ),
    (
        {"rewind_step": "2000"},
        "",
        "methods[0] (imp): rewind_step=2000 was given, but a training has 2000",
        "0 to 1999",
    ),
    ({"methods": '["hybrid"]', "rounds": "[1]"}, "", "rounds: density 0.8 was asked of hybrid", "below that"),
    ({}, "[recipes.short]\nsteps = 0", "recipes.short: steps=0 was given", "1 or more"),
    (
        {},
        "[recipes.short]\nmomentum = 0.9",
        "recipes.short: momentum=0.9 was given, but momentum is for",
        "'sgd'",
    ),
    ({}, '[recipes.short]\nlr = "1e-3"', "recipes.short: lr='1e-3' was given", "learning rate above 0"),
    ({}, "[recipes.short]\nlr = nan", "recipes.short: lr=nan was given", "learning rate above 0"),
    (
        {},
        '[recipes.short]\nschedule = "step"\nmilestones = [100, 3000]',
        "recipes.short: milestones=[3000] lie behind the last of 2000 steps",
        "0 to 1999",
    ),
    (
        {"recipe": '["default"]'},
        "[recipes.short]\nsteps = 9",
        "recipes.short: it is defined and not used",
        "leave it out",
    ),
    ({}, "[recipes]\nshort = 5", "recipes.short: 5 was given", "expected a table"),
    # what stands there twice
    ({"seeds": "[0, 1, 0]"}, "", "seeds[2]: 0 stands at [0] too", "each value once"),
    ({"models": '["lenet-5", "lenet-5"]'}, "", "models[1]: 'lenet-5' stands at [0] too", "each value once"),
    ({"rounds": "[2, 2]"}, "", "rounds[1]: 2 stands at [0] too", "each value once"),
    (
        {"methods": PRUNED, "rounds": None, "densities": "[0.1, 0.10000001]"},
        "",
        "densities[1]: 0.10000001 is the density of densities[0] too",
        "six digits",
    ),
    ({"scope": '["global", "global"]'}, "", "scope[1]: 'global' stands at [0] too", "each value once"),
    (
        {"methods": '["imp", {method = "imp", fraction = 0.2}]'},
        "",
        "methods[1] (imp): methods[1] (imp) with",
        "3 more",
    ),
    ({"methods": '["one-shot", "retrain"]'}, "", "methods[1] (retrain)", "ticket-density-0.8 and 3 more"),
    (
        {"methods": '["imp"]'},
        "[recipes.a]\nsteps = 9\n[recipes.b]\nsteps = 9",
        "recipe b for lenet-300-100 asks for what",
        "with recipe a",
    ),
    (
        {"zip": '[["models", "data"]]', "models": '["lenet-5", "lenet-5"]', "data": '["mnist", "mnist"]'},
        "",
        "models with",
        "once",
    ),
    # zip
    ({"zip": '[["models", "seeds"]]'}, "", "zip[0]: axes that go side by side", "models 1, seeds 2"),
    (
        {"zip": '[["models", "scope"]]'},
        "",
        "zip[0]: 'scope' is no axis of this grid",
        "if a list is given for it",
    ),
    ({"zip": '[["seeds"]]'}, "", "zip[0]: ['seeds'] was given", "two axes or more"),
    (
        {"zip": '[["seeds", "models"], ["seeds", "data"]]', "seeds": "[0]"},
        "",
        "zip[1]: 'seeds' stands in zip",
        "once",
    ),
    ({"zip": "3"}, "", "zip: 3 was given", "lists of axes"),
    ({"zip": '[[["seeds"]]]'}, "", "zip: [[['seeds']]] was given", "lists of axes"),
    (
        {"rounds": "[99999]", "methods": '["early-bird"]'},
        "",
        "rounds: round 99999 of a ladder",
        "between 0 and 1",
    ),
    (
        {"rounds": None, "densities": "[0.99999999]", "methods": PRUNED},
        "",
        "densities[0]: 0.99999999 was given",
        '"dense"',
    ),
    ({"fraction": '"half"', "methods": '["one-shot"]'}, "", "fraction: 'half' was given", "between 0 and 1"),
    (
        {"methods": '["imp", "one-shot"]', "scope": '"layerwise"'},
        "output_fraction = 0.1",
        "rounds: imp with output_fraction=0.1 has other densities",
        "rounds in its own table",
    ),
    # what would change nothing
    ({"methods": '["dense"]'}, "", "rounds: no method of this grid uses it", "leave it out"),
    (
        {"methods": '["dense"]', "rounds": None, "scope": '"global"'},
        "",
        "scope: no method of this grid uses it",
        "nothing",
    ),
    (
        {"methods": PRUNED, "rounds": None, "densities": "[0.1]", "fraction": "0.3"},
        "",
        "fraction: no method",
        "nothing",
    ),
    (
        {"methods": '["early-bird"]', "controls": '["shuffled"]'},
        "",
        "controls: no method of this grid",
        "leave it out",
    ),
    ({"size": "32"}, "", "size: no data set of this grid is a folder", "leave it out"),
    ({"momentum": '"fresh"'}, "", "momentum: no method of this grid uses it", "nothing"),
    (
        {"methods": '[{method = "prune-at-init", score = "synflow", images = 9}]'},
        "",
        "methods[0].images: it would change nothing, because score 'synflow' looks at no images",
        "leave it out",
    ),
    (
        {"methods": '[{method = "imp", momentum = "fresh"}]'},
        "",
        "methods[0].momentum: it would change nothing, because at rewind_step 0",
        "leave it out",
    ),
    (
        {"images": "[100]", "methods": '[{method = "prune-at-init", score = "random"}]'},
        "",
        "images: no method",
        "nothing",
    ),
    # the file
    ({"seeds": "[0, 1"}, "", "file: it is no TOML", "line 5"),
    ({}, "seeds = [2]", "file: it is no TOML", "Cannot overwrite a value"),
]


@pytest.mark.parametrize(("changes", "tail", "place", "remedy"), MISTAKES)
def test_each_mistake_is_named_with_its_place_and_what_to_do(changes, tail, place, remedy, tmp_path):
    """Catches: a mistake that passes, so that a grid quietly does something else; one without its place or its remedy; and a
    good line that is taken for a mistake beside it."""
    with pytest.raises(GridMistakes) as caught:
        read_grid(grid_file(tmp_path, changes, tail))
    said = str(caught.value)
    assert place in said and remedy in said, said
    assert len(caught.value.mistakes) == 1, said


def test_the_grid_that_the_mistakes_are_made_in_is_good(tmp_path):
    """Catches: cases above that are refused for a mistake of their frame."""
    grid = read_grid(grid_file(tmp_path, {}))
    assert (grid.name, len(grid.asked)) == ("mine", 4)


def test_all_mistakes_are_named_together(tmp_path):
    """Catches: a reader who mends one mistake, begins again, and is told of the next one."""
    changes = {"models": '["lenet-6"]', "seeds": "3", "rounds": "[0]", "tipe": "1", "scope": '"locally"'}
    with pytest.raises(GridMistakes) as caught:
        read_grid(grid_file(tmp_path, changes, "[recipes.x]\nlr = 0"))
    places = [one.place for one in caught.value.mistakes]
    assert {"models[0]", "seeds", "tipe"} <= set(places)
    assert f"mine.toml has {len(places)} mistakes, so nothing is begun." in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1 + len(places)


def test_mistakes_of_different_parts_do_not_hide_each_other(tmp_path):
    """Catches: a check that is left out as soon as another one has failed, where it could have been done."""
    changes = {
        "methods": '["imp", {method = "early-bird", window = 1}]',
        "rounds": None,
        "densities": "[0.5, 0.8]",
    }
    with pytest.raises(GridMistakes) as caught:
        read_grid(grid_file(tmp_path, changes, "[recipes.x]\nlr = 0\n[recipes.y]\nsteps = 9"))
    said = str(caught.value)
    assert all(text in said for text in ("density 0.5 is no round", "window=1", "recipes.x: lr=0")), said


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    """Catches: a traceback for a wrong path, a folder, or a file in another encoding."""
    with pytest.raises(GridMistakes, match="it cannot be read"):
        read_grid(tmp_path / "none.toml")
    with pytest.raises(GridMistakes, match="it cannot be read"):
        read_grid(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'name = "caf\xe9"')
    with pytest.raises(GridMistakes, match="no text in UTF-8"):
        read_grid(tmp_path / "latin.toml")


def test_python_and_a_file_refuse_in_the_same_words(tmp_path):
    """Catches: a second set of checks for Python that lets through what a file may not say."""
    with pytest.raises(GridMistakes) as of_file:
        read_grid(grid_file(tmp_path, {"seeds": "5", "rounds": "[0]", "scope": '"lokal"'}))
    with pytest.raises(GridMistakes) as of_python:
        grid_of("mine", methods=["imp", "dense"], seeds=5, rounds=[0], scope="lokal")
    assert of_file.value.mistakes == of_python.value.mistakes


def test_mistakes_come_through_to_another_process():
    """Catches: an error that a process pool cannot hand over, so that nobody learns what was wrong."""
    with pytest.raises(GridMistakes) as caught:
        grid_of("x", methods=[])
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_too_many_combinations_are_a_slip():
    """Catches: a grid of a billion cells that fills the memory before anybody can look at its plan."""
    with pytest.raises(GridMistakes, match="combinations were asked for"):
        grid_of("x", methods=["dense"], seeds=range(2000), rewind_step=list(range(2000)))


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 5)
    | st.integers()
    | st.floats()
    | st.sampled_from(
        [
            "imp",
            "dense",
            "hybrid",
            "snip",
            "global",
            "seeds",
            "models",
            "scope",
            "",
            "lenet-5",
            "a:b",
            "folder:",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["method", "arm", "rounds", "densities", *SETTINGS, "steps", "lr"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
_FIELDS = st.dictionaries(st.sampled_from(list(Recipe.__dataclass_fields__)), _VALUES, max_size=3)
_TABLE = st.fixed_dictionaries(
    {"method": st.sampled_from(list(METHODS))}, optional=dict.fromkeys(SETTINGS, _VALUES) | {"arm": _VALUES}
)


@settings(max_examples=400, deadline=None)
@given(
    given=st.dictionaries(
        st.sampled_from([key for key in KEYS if key not in ("name", "methods", "recipes")]),
        _VALUES,
        max_size=4,
    ),
    methods=st.lists(_TABLE, min_size=1, max_size=2) | _VALUES,
    recipes=st.dictionaries(st.text(max_size=3), _FIELDS, max_size=2) | _VALUES,
)
@example(given={}, methods=[{"method": "imp", "fraction": 1e-311}], recipes={})  # 1 - fraction is 1
def test_whatever_stands_in_a_grid_is_read_or_refused(given, methods, recipes):
    """Catches: a traceback for a value that nobody thought of, such as a list in a list, nan, or a table for a number."""
    try:
        assert isinstance(
            grid_of("x", **{"rounds": [1], "methods": methods, "recipes": recipes, **given}), Grid
        )
    except GridMistakes as refused:
        assert refused.mistakes
