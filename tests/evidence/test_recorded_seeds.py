"""The recorded run of forty seeds: whole, made by the script that stands beside it, and predicted before it was made."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

import lthkit as lth
from lthkit import evidence
from lthkit.runs import experiments, results
from lthkit.storage.files import DamagedFile
from tests.records import record_script


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return record_script("record_seeds")


@pytest.fixture(scope="module")
def run() -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    folder = experiments.recorded("seeds")
    config, summary, rows = experiments.load(folder)
    return config, summary, rows, results.read_results(folder, "curves.csv", summary)


def test_each_seed_has_its_eight_trainings(run: Any) -> None:
    """Catches a seed whose trainings are missing, doubled, or of another budget."""
    config, _, rows, _ = run
    seeds = config["seeds"]
    assert len(seeds) == 40 >= 30
    count = Counter((row["arm"], row["round"]) for row in rows)
    arms = [("dense", 0), ("dense, other order", 0)]
    arms += [(arm, r) for r in (1, 2) for arm in ("ticket", "re-initialised", "shuffled")]
    assert count == dict.fromkeys(arms, 40)
    for arm, level in arms:
        assert sorted(evidence.by_seed(rows, arm, level)) == seeds
    for row in rows:
        assert row["density"] == pytest.approx({0: 1, 1: 0.3512, 2: 0.1238}[row["round"]], abs=1e-4)
        assert row["steps"] <= config["recipe"]["steps"]
        assert 0.8 < row["test_accuracy"] <= row["best_test_accuracy"] < 0.9
        stopped = row["steps"] - row["best_step"] >= config["recipe"]["patience"]
        assert stopped or row["steps"] == config["recipe"]["steps"]


def test_the_test_accuracy_is_that_of_the_least_validation_loss(run: Any) -> None:
    """Catches curves of another training than the row, and a test accuracy that was chosen on the test split."""
    _, _, rows, curves = run
    for arm, level in (("dense", 0), ("ticket", 2)):
        for row in (r for r in rows if (r["arm"], r["round"]) == (arm, level)):
            own = [p for p in curves if (p["arm"], p["seed"]) == (arm, row["seed"])]
            assert [p["step"] for p in own] == list(range(100, row["steps"] + 1, 100))
            at = {p["step"]: p for p in own}
            assert at[row["best_step"]]["validation_loss"] == min(p["validation_loss"] for p in own)
            assert at[row["best_step"]]["test_accuracy"] == row["test_accuracy"]
            assert at[row["best_step"]]["validation_accuracy"] == row["validation_accuracy"]
            assert max(p["test_accuracy"] for p in own) == row["best_test_accuracy"]


def test_the_arms_of_a_seed_are_not_one_training(run: Any) -> None:
    """Catches an arm that was given another one's mask, weights or order."""
    _, _, rows, _ = run
    for seed in range(40):
        losses = [row["validation_loss"] for row in rows if row["seed"] == seed]
        assert len(set(losses)) == 8


def test_the_script_makes_this_run(run: Any, script: ModuleType) -> None:
    """Catches a script that was changed after the run, predictions among it."""
    config = {key: value for key, value in run[0].items() if key not in ("sha256", "made_with")}
    assert json.loads(json.dumps(script.config(lth.load_data("fashion-mnist")))) == config


def test_the_predictions_are_those_that_were_registered(run: Any, script: ModuleType) -> None:
    """Their digests were published with the script, in a commit before the run. Catches a prediction that fits better."""
    found = evidence.registered_in(run[0])
    assert tuple(found) == script.REGISTERED
    assert [one.digest for one in found] == [
        "903f346d131c", "4e60ed88e0b4", "d55171f5302c", "0d20bf47072d", "af9980af211e", "58c1e5b5c21b",
    ]  # fmt: skip
    assert all(one.seeds == tuple(range(40)) for one in found)
    changed = dict(run[0]) | {"registered": [dict(run[0]["registered"][0]) | {"bound": 0.4}]}
    with pytest.raises(DamagedFile, match="prediction 1 of the run"):
        evidence.registered_in(changed)
    with pytest.raises(ValueError, match="nothing was predicted"):
        evidence.registered_in({"name": "seeds"})


def test_the_script_still_trains(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a script that no longer runs: a seed in short, with the columns of the table."""
    monkeypatch.setattr(script, "RECIPE", replace(script.RECIPE, steps=40, patience=20, evaluate_every=20))
    made = script.Seed(lth.load_data("fashion-mnist"), 0).all()
    assert len(made["rows"]) == 8 and made["rows"][0].keys() == made["rows"][-1].keys()
    dense = made["rows"][0]
    own = {p["step"]: p["test_accuracy"] for p in made["curves"] if p["arm"] == "dense"}
    assert own[dense["best_step"]] == dense["test_accuracy"]
