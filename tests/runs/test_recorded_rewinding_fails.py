"""The record of a ticket that fails from step 0: its script on a tiny recipe, and the rows that its claims ask for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

import lthkit as lth
from lthkit import ledger
from lthkit.evidence import mode_connectivity
from lthkit.ledger.measuring import values_of
from lthkit.runs import experiments
from lthkit.storage import files, records
from lthkit.storage.folders import RunMismatch
from lthkit.storage.owners import canonical
from tests.records import record_script

SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The script with trainings of some ten updates, on three seeds that are not registered."""
    module = record_script("record_rewinding_fails")
    whole = lth.load_data("fashion-mnist").head(train=300, validation=100, test=100)
    recipe = replace(module.RECIPE, steps=12, evaluate_every=6)
    module.SEEDS, module.RECIPE = SEEDS, recipe
    warm = replace(recipe, warmup=3)
    module.RECIPES = dict(zip(module.RECIPES, (recipe, replace(recipe, lr=0.03), warm), strict=True))
    short = {"steps": (0, 2, 4), "twins": (0, 2)}
    module.CASES = tuple(
        replace(case, **short, foreign=(2, 4) if case.foreign else ()) for case in module.CASES
    )
    module.all_data = lambda: {14: lth.data.halved(whole), 28: whole}
    module.ledger = type("Ledger", (), {"digests": staticmethod(lambda *names: dict.fromkeys(names, "0"))})
    module.TARGET = tmp_path_factory.mktemp("target") / module.NAME
    return module


@pytest.fixture(scope="module")
def run(script: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    script.train_all(folder, [1], 2)
    return folder


def rows(script: ModuleType, name: str = "table.csv") -> list[records.Row]:
    return records.read_table(script.TARGET / name)


def test_a_seed_is_complete_and_the_same_call_trains_nothing_more(
    script: ModuleType, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a training that is made again, and a seed that counts before all of it is there."""
    data = script.all_data()
    assert script.read_seed(run, data, 1) is not None and script.read_seed(run, data, 2) is None
    capsys.readouterr()
    script.train_all(run, [1], 1)
    assert capsys.readouterr().out == ""
    gone = run / "seed-1" / "14-lr-003" / "path-2.json"
    before = gone.read_bytes()
    gone.unlink()
    assert script.read_seed(run, data, 1) is None
    script.train_all(run, [1], 1)
    assert capsys.readouterr().out.count("\n") == 1 and gone.read_bytes() == before


def test_a_folder_that_was_begun_with_other_claims_is_refused(
    script: ModuleType, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a rule that is changed between the first training and the last."""
    monkeypatch.setattr(script.ledger, "digests", lambda *names: dict.fromkeys(names, "1"))
    with pytest.raises(RunMismatch, match="claims"):
        script.train_all(run, [1], 1)


def test_seeds_that_are_not_registered_are_refused(script: ModuleType, run: Path) -> None:
    with pytest.raises(SystemExit, match=r"\[0\] were given; registered are \[1, 2, 3\]"):
        script.train_all(run, [0], 1)


def test_the_start_of_each_arm(script: ModuleType, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a wrong step, a mask of another seed, one's own state for another seed's, and a twin in the same order."""
    case, data = script.CASES[0], script.all_data()[14]
    these = script.Trainings(run, data, case, 1)
    calls: dict[str, dict[str, object]] = {}

    def seen(*_: object, **given: object) -> None:
        calls[len(calls)] = given  # type: ignore[index]
        raise InterruptedError

    monkeypatch.setattr(script.lth, "retrain", seen)
    monkeypatch.setattr(these, "has", lambda name: name == "from-step-2")
    for job in (lambda: script.one_ticket(these, 4), lambda: script.pair(these, 2), lambda: script.one_foreign(these, 4),
                lambda: script.control(these)):  # fmt: skip
        with pytest.raises(InterruptedError):
            job()
    own, twin, other, control = (calls[i] for i in range(4))  # type: ignore[index]
    dense = lth.train(
        these.model_fn(seed=1),
        data,
        seed=lth.derived_seed(1, "order"),
        recipe=script.RECIPE,
        keep=(2, 4, script.RECIPE.steps),
    )
    model = these.model_fn(seed=1)
    dense.kept[script.RECIPE.steps].restore(model)
    mask = lth.prune_to(lth.Mask.ones(model), lth.magnitude(model), 0.08)
    assert all(each["mask"] == mask and each["momentum"] == "restore" for each in (own, twin, other, control))
    assert own["weights_from"].fingerprint == dense.kept[4].fingerprint
    assert twin["weights_from"].fingerprint == dense.kept[2].fingerprint
    lender = lth.train(
        these.model_fn(seed=2), data, seed=lth.derived_seed(2, "order"), recipe=script.RECIPE, keep=(4,)
    )
    assert other["weights_from"].fingerprint == lender.kept[4].fingerprint
    assert control["weights_from"].fingerprint == script.lth.fresh_start(these.model_fn, seed=1).fingerprint
    orders = [lth.derived_seed(1, purpose) for purpose in ("order", "twin", "order", "order")]
    assert [each["seed"] for each in (own, twin, other, control)] == orders
    assert [script.other_of(seed) for seed in SEEDS] == [2, 3, 1]


def test_what_is_collected(script: ModuleType, run: Path) -> None:
    """Catches a row too few or twice, a barrier that is not that of its path, and a record that forgets its claims."""
    script.collect(run, script.TARGET)
    config, summary, table = experiments.load(script.TARGET)
    assert config["claims"] == dict.fromkeys(script.CLAIMS, "0") and config["seeds"] == [1]
    keys = [(row["arm"], row["seed"], row["size"], row["recipe"]) for row in table]
    arms = 1 + 3 + 1 + 2
    assert len(set(keys)) == len(keys) == 4 * arms + 2 * 2
    assert {row["round"] for row in table if row["arm"] == "dense"} == {0}
    assert all(abs(row["density"] - 0.08) < 1e-3 for row in table if row["round"] == 1)
    assert all((row["k"] is None) == (row["arm"] in ("dense", "re-initialised")) for row in table)
    points = rows(script, "paths.csv")
    barriers = rows(script, "barriers.csv")
    assert len(barriers) == 8 and len(points) == 8 * len(script.ALPHAS)
    for one in barriers:
        own = [p for p in points if all(p[n] == one[n] for n in ("seed", "size", "recipe", "k"))]
        path = [mode_connectivity.PathPoint(p["alpha"], p["loss"], p["error"]) for p in own]
        assert one["barrier"] == pytest.approx(100 * mode_connectivity.barrier(path))
    assert set(summary["tables"]) == {"table.csv", "barriers.csv", "paths.csv"}
    sealed = files.read_sealed(run / "seed-1" / "28-lr-03" / "dense.json")
    assert sealed["test_accuracy"] in [row["test_accuracy"] for row in table if row["size"] == 28]


def test_the_record_is_what_this_script_makes_of_these_data() -> None:
    """Catches a recipe, a plan or images that changed after the record was made, and a record that a test has written."""
    module = record_script("record_rewinding_fails")
    folder = experiments.recorded(module.NAME)
    config, _, table = experiments.load(folder)
    here = json.loads(canonical(module.config(module.all_data())))
    assert {n: v for n, v in config.items() if n != "claims"} == {
        n: v for n, v in here.items() if n != "claims"
    }
    keys = [(row["arm"], row["seed"], row["size"], row["recipe"]) for row in table]
    seed = sum(2 + len(c.steps) + len(c.twins) + len(c.foreign) for c in module.CASES)
    assert len(set(keys)) == len(keys) == seed * len(module.SEEDS)
    assert len(records.read_table(folder / "barriers.csv")) == 14 * len(module.SEEDS)


def test_the_claims_are_those_of_the_ledger() -> None:
    """Catches a claim that the run does not know of, other seeds, and a rule that singles out no row or two."""
    module = record_script("record_rewinding_fails")
    claims = {name: c for name, c in ledger.load_ledger().items() if c.record == module.NAME}
    assert tuple(claims) == module.CLAIMS
    table = [
        {"seed": 100, "size": c.size, "recipe": c.recipe, "arm": arm, "test_accuracy": 0.5}
        for c in module.CASES
        for arm in ("dense", *map(module.ticket, c.steps), *map(module.foreign, c.foreign), "re-initialised")
    ]
    barriers = [
        {"seed": 100, "size": c.size, "recipe": c.recipe, "k": k, "barrier": 3.0}
        for c in module.CASES
        for k in c.twins
    ]
    for claim in claims.values():
        assert claim.seeds == module.SEEDS and "record_rewinding_fails.py train" in claim.command
        for rule in claim.rule:
            found = values_of(rule, [100], table if rule.table == "table.csv" else barriers)
            assert found == {100: 3.0 if rule.kind == "value" else 0.0}
