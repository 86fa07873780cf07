"""The two records of lesson 14: whole, made by the scripts that stand beside them, and as the lesson reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import nbformat
import pytest

import lthkit as lth
from lthkit import evidence
from lthkit.runs import experiments
from lthkit.runs.results import read_results
from lthkit.storage.records import Row
from tests.records import DATA, record_script

SCRIPTS = {"moving-masks": "record_moving_masks", "text-tickets": "record_text_tickets"}
NUMBERS_OF = {"moving-masks": "fashion-mnist", "text-tickets": "lesson-text"}


def script(name: str) -> ModuleType:
    return record_script(SCRIPTS[name])


@pytest.fixture
def moving(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr("torch.set_num_threads", lambda n: None)
    return script("moving-masks")


@pytest.fixture
def text(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr("torch.set_num_threads", lambda n: None)
    return script("text-tickets")


def loaded(name: str) -> tuple[dict[str, Any], dict[str, Any], list[Row]]:
    return experiments.load(experiments.recorded(name))


def after_training() -> list[Row]:
    return read_results(experiments.recorded("text-tickets"), "after.csv", loaded("text-tickets")[1])


def column(rows: list[Row], what: str, **where: Any) -> list[float]:
    """The values of a column in the rows that agree with `where`, by seed."""
    found = [row for row in rows if all(row[name] == value for name, value in where.items())]
    return [row[what] for row in sorted(found, key=lambda row: row["seed"])]


def gap(a: list[float], b: list[float]) -> evidence.Interval:
    return evidence.interval([x - y for x, y in zip(a, b, strict=True)])


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_makes_this_run(name: str) -> None:
    """Catches a script, a default of a recipe or data that changed after the run."""
    config = loaded(name)[0]
    own = json.loads(json.dumps(script(name).config(lth.load_data(NUMBERS_OF[name]))))
    assert own == {key: value for key, value in config.items() if key != "sha256"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_summary_is_that_of_configuration_and_data(name: str) -> None:
    """Catches a summary of other data, or beside another configuration. (`load` holds the tables against their sums.)"""
    config, summary, _ = loaded(name)
    assert summary["name"] == config["name"] == name
    assert summary["data"] == lth.load_data(config["data"]).label
    assert summary["device"] == config["device"] == "cpu"
    assert (DATA / "results" / name / "summary.json").exists()


def test_moving_masks_has_each_training(moving: ModuleType) -> None:
    """Catches an arm that is missing, doubled, of another budget, size or kind."""
    config, _, rows = loaded("moving-masks")
    short, long = config["recipe"]["steps"], config["long"]["steps"]
    arms = [(arm, budget) for budget in (short, long) for arm in (*moving.MOVING, "dense")]
    assert sorted((row["arm"], row["budget"], row["seed"]) for row in rows) == sorted(
        (*arm, seed) for arm in (*arms, ("IMP", long)) for seed in config["seeds"]
    )
    assert long == (config["rounds"] + 1) * short
    for row in rows:
        whole = row["arm"] == "dense"
        assert row["density"] == (1.0 if whole else pytest.approx(config["density"], abs=1e-4))
        every = config["recipe" if row["arm"] == "IMP" or row["budget"] == short else "long"]
        assert 0 < row["best_step"] <= every["steps"] and row["best_step"] % every["evaluate_every"] == 0
        if row["arm"] in ("SET", "RigL"):
            assert 0.3 < row["replaced"] < 0.5 and config["density"] < row["visited"] < 0.15
        else:
            assert row["replaced"] in (None, 0.0) and row["visited"] in (None, 0.05)


def test_text_tickets_has_each_training() -> None:
    """Catches a seed or an arm that is missing, of another density, or trained for another time."""
    config, _, rows = loaded("text-tickets")
    left = [config["fraction"] ** r for r in range(config["rounds"] + 1)]
    arms = [("dense", 1.0), *(("ticket", d) for d in left[1:])]
    arms += [("re-initialised", left[-1]), ("shuffled", left[-1])]
    steps, back = config["recipe"]["steps"], config["rewind_step"]
    assert sorted((row["arm"], round(row["density"], 3), row["seed"]) for row in rows) == sorted(
        (*arm, seed) for arm in arms for seed in config["seeds"]
    )
    for row in rows:
        assert row["steps"] == (steps if row["arm"] == "dense" else steps - back)
        assert 1 < row["perplexity"] < 20 and 0 < row["token accuracy"] < 1


def test_what_was_cut_after_training_is_one_whole_grid() -> None:
    """Catches a score, a way to choose or a density that is missing, and a mask of another size than it says."""
    config = loaded("text-tickets")[0]
    rows = after_training()
    asked = {scope: (0.8, 0.65, 0.5, 0.35) for scope in ("global", "layerwise", "row")} | {"2:4": (0.5,)}
    found = []
    for row in rows:
        near = min(asked[row["scope"]], key=lambda d: abs(d - row["density"]))
        assert row["density"] == pytest.approx(near, abs=0.005)
        found.append((row["scope"], near, row["arm"], row["seed"]))
    assert sorted(found) == sorted(
        (scope, density, arm, seed)
        for scope, densities in asked.items()
        for density in densities
        for arm in ("magnitude", "wanda")
        for seed in config["seeds"]
    )


def test_what_the_lesson_says_of_the_moving_masks() -> None:
    """The prose below the table: each sentence is one line here."""
    rows = loaded("moving-masks")[2]
    of: Callable[..., list[float]] = lambda arm, budget, what="test_accuracy": column(  # noqa: E731
        rows, what, arm=arm, budget=budget
    )
    moved, rigl = gap(of("SET", 1000), of("static", 1000)), gap(of("RigL", 1000), of("static", 1000))
    assert 0.004 < moved.mean < 0.006 and moved.low > 0 and 0.004 < rigl.mean < 0.006 and rigl.low < 0
    best = max(max(of(arm, 1000)) for arm in ("static", "SET", "RigL"))
    assert best < min(of("dense", 1000)) - 0.02
    for arm in ("SET", "IMP"):
        assert not gap(of(arm, 5000), of("static", 5000)).excludes_0
    assert -0.005 < gap(of("RigL", 5000), of("static", 5000)).high < 0
    assert all(b < a for a, b in zip(of("dense", 1000), of("dense", 5000), strict=True))
    assert median(of("dense", 5000, "best_step")) == 1000 and max(of("dense", 5000, "best_step")) <= 1500
    assert max(of("IMP", 5000, "best_step")) == 1000
    config = loaded("moving-masks")[0]
    rests = 0.75 * config["long"]["steps"]
    assert rests == 3750 and max(of("SET", 5000, "best_step") + of("RigL", 5000, "best_step")) < rests
    assert median(of("static", 5000, "best_step")) == 5000


def test_what_the_lesson_says_of_the_text() -> None:
    """The prose below both tables of the Transformer."""
    rows = loaded("text-tickets")[2]

    def of(arm: str, density: float) -> list[float]:
        near = [row for row in rows if abs(row["density"] - density) < 0.01]
        return column(near, "perplexity", arm=arm)

    dense = of("dense", 1.0)
    assert all(a < b for a, b in zip(of("ticket", 0.5), dense, strict=True))
    assert 0 < gap(of("ticket", 0.25), dense).low < gap(of("ticket", 0.25), dense).high < 0.2
    eighth = of("ticket", 0.125)
    assert gap(eighth, dense).low > 0.5
    for control in ("re-initialised", "shuffled"):
        assert gap(of(control, 0.125), eighth).low > 1
    assert {row["best_step"] for row in rows} == {1200}
    half = [row for row in after_training() if abs(row["density"] - 0.5) < 0.01]
    cut = {s: [column(half, "perplexity", arm=a, scope=s) for a in ("magnitude", "wanda")]
           for s in ("global", "layerwise", "row", "2:4")}  # fmt: skip
    for arm in (0, 1):
        means = [evidence.interval(cut[scope][arm]).mean for scope in cut]
        assert means == sorted(means) and means[0] > 1.5 * evidence.interval(dense).mean
    assert gap(cut["global"][1], cut["global"][0]).low > 0
    for scope in ("row", "2:4"):
        better = gap(cut[scope][1], cut[scope][0])
        assert better.mean < 0 < better.high


def test_the_moving_masks_still_train_and_go_on(
    moving: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Catches a script that no longer runs, a table of other columns, and work that is done twice."""
    monkeypatch.setattr(moving, "SEEDS", (0,))
    monkeypatch.setattr(moving, "SHORT", replace(moving.SHORT, steps=20, evaluate_every=10))
    monkeypatch.setattr(moving, "LONG", replace(moving.LONG, steps=40, evaluate_every=20))
    monkeypatch.setattr(moving, "TARGET", tmp_path / "record")
    moving.main(tmp_path / "work")
    config, _, rows = experiments.load(tmp_path / "record")
    assert config["recipe"]["steps"] == 20 and config["long"]["steps"] == 40
    recorded = loaded("moving-masks")[2]
    assert rows[0].keys() == recorded[0].keys()
    assert [(row["arm"], row["seed"]) for row in rows] == [
        (row["arm"], row["seed"]) for row in recorded if row["seed"] == 0
    ]
    assert {row["arm"]: row["replaced"] for row in rows}["static"] == 0
    before = (tmp_path / "record" / "table.csv").read_bytes()
    monkeypatch.setattr(lth, "train", None)
    monkeypatch.setattr(lth, "sparse_training", None)
    moving.main(tmp_path / "work")
    assert (tmp_path / "record" / "table.csv").read_bytes() == before


def test_the_text_tickets_still_train_and_are_collected(
    text: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Catches a script that no longer runs, controls that are no controls, and tables of other columns."""
    short = replace(text.RECIPE, steps=8, warmup=2, evaluate_every=8)
    target = tmp_path / "record"
    changed = {"SEEDS": (0,), "RECIPE": short, "REWIND": 2, "TARGET": target, "DENSITIES": (0.5,)}
    for name, value in changed.items():
        monkeypatch.setattr(text, name, value)
    text.main("train", tmp_path / "work")
    text.main("collect", tmp_path / "work")
    config, summary, rows = experiments.load(tmp_path / "record")
    recorded = loaded("text-tickets")[2]
    assert rows[0].keys() == recorded[0].keys()
    assert [row["arm"] for row in rows] == [row["arm"] for row in recorded if row["seed"] == 0]
    assert config["rewind_step"] == 2 and config["recipe"] == json.loads(json.dumps(short.config()))
    masks = {
        arm: mask
        for arm, mask, _ in text.trained(lth.load_data("lesson-text"), 0, tmp_path / "work" / "seed-0")
    }
    assert masks["ticket"] == masks["re-initialised"] != masks["shuffled"]
    assert masks["ticket"].kept == masks["shuffled"].kept
    assert len({row["perplexity"] for row in rows[-3:]}) == 3
    cut = read_results(tmp_path / "record", "after.csv", summary)
    assert [(row["arm"], row["scope"]) for row in cut] == [
        (row["arm"], row["scope"])
        for row in after_training()
        if row["seed"] == 0 and abs(row["density"] - 0.5) < 0.01
    ]


def test_what_the_lesson_says_of_signs_is_what_its_solved_edition_shows() -> None:
    """Its prose reads two live tables. Catches a new run, of other seeds or another network, under the old sentences."""
    notebook = nbformat.read(DATA.parent / "solutions" / "14_beyond.ipynb", as_version=4)
    shown = "\n".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )
    number = r"([+-]\d+\.\d+)"
    losses = [
        float(re.search(rf"{arm}: {number} \({number} to -\d", shown)[1])  # type: ignore[index]
        for arm in ("signs, one size a layer", "signs, new sizes", "sizes, signs by coin", "new values")
    ]
    assert losses == sorted(losses, reverse=True) and losses[0] < 0

    def row(title: str, nth: int) -> str:
        lines = shown.split(f"{title}\n")[1].split("\n")
        return [line for line in lines if "excludes 0" in line or "contains 0" in line][nth]

    assert "excludes 0" in row("One mask", 0) and "  +" in row("One mask", 0)
    assert "contains 0" in row("One mask", 1)
    assert "excludes 0" in row("One mask", 2) and "  +" in row("One mask", 2)
    gained = row("Edge-popup, half of the weights", 0)
    assert "excludes 0" in gained and "  +" in gained
    assert all("  5  " in row(title, 0) for title in ("One mask", "Edge-popup, half of the weights"))
