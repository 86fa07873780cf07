"""The worked example of the capstone: registered before it was run, whole, and in order by its own audit and checks."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

import lthkit as lth
from lthkit import evidence
from lthkit.classroom.capstone import QUESTIONS
from lthkit.runs import carry_out, checks, experiments, outcome, read_plan
from lthkit.runs.plan_checks import ITEMS
from lthkit.storage import files
from tests.records import record_script

ROOT = Path(__file__).resolve().parents[2]
FOLDER = experiments.recorded("capstone")
DIGEST = "c2a7f4b1ed0f"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return record_script("record_capstone")


def test_it_passes_its_own_audit_and_checks() -> None:
    found = checks(FOLDER, digest=DIGEST)
    assert found.passed == tuple(ITEMS), found
    audit = lth.audit("capstone")
    assert audit.failed == () and len(audit.held) >= 13, audit


def test_the_plan_is_that_of_the_commit_before_the_run(script: ModuleType) -> None:
    """Catches a prediction, a margin or seeds that were changed after the run, in the record or in the script."""
    assert script.PLAN.digest == read_plan(FOLDER).digest == DIGEST
    assert read_plan(FOLDER) == script.PLAN


def test_it_ends_in_a_negative_result_that_says_something() -> None:
    """Catches a record of another outcome than the text of the worked example has."""
    found = outcome(FOLDER)
    asked, control = found.verdicts
    assert asked.outcome == "open" and asked.interval.low < 0 < asked.interval.high
    assert evidence.against_margin(asked.interval.values, found.plan.effect).says == "no difference of 0.5"
    assert control.outcome == "held" and all(value > 0 for value in control.interval.values)
    assert len(found.rows) == 72 and asked.interval.n == 24


def test_the_text_has_no_figure_that_the_record_does_not_compute() -> None:
    """Catches a result that was typed into the prose: a decimal number in a text cell."""
    source = (ROOT / "solutions" / "capstone_example.py").read_text(encoding="utf-8")
    text = "\n".join(line for line in source.split("\n") if line.startswith("# "))
    assert not [
        word
        for word in text.split()
        if "." in word.strip(".,") and any(c.isdigit() for c in word) and "/" not in word
    ]
    assert f'announced = "{DIGEST}"' in source


def test_it_is_one_of_the_eight_questions() -> None:
    worked = [one for one in QUESTIONS if one.worked]
    plan = read_plan(FOLDER)
    assert [one.title for one in worked] == [plan.question]
    assert worked[0].arms == plan.arms and worked[0].controls == plan.controls
    assert worked[0].seeds == len(plan.seeds)


def test_the_script_still_trains(script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Catches a script that no longer runs, an arm with another mask, and an order that is not another one."""
    monkeypatch.setattr(script, "RECIPE", lth.Recipe(steps=10, evaluate_every=5))
    found = script.one_seed(1)
    masks = [found["same order"].mask, found["other order"][0], found["new weights"][0]]
    assert masks[0] == masks[1] == masks[2] and 0.12 < masks[0].density < 0.125
    losses = {
        found["same order"].result.validation_loss,
        *(found[a][1].validation_loss for a in script.PLAN.controls),
    }
    assert len(losses | {found["other order"][1].validation_loss}) == 3
    assert [script.PLAN.arms] == [tuple(found)]
    script.main("register", tmp_path / "run")
    with pytest.raises(SystemExit, match="results/capstone"):
        script.main("collekt", tmp_path)
    with pytest.raises(ValueError, match="tier laptop, and tier smoke"):
        carry_out(tmp_path / "run", script.one_seed)


def test_the_record_is_small() -> None:
    """It ships in the wheel."""
    sizes = [path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(sizes) < 150_000 and not (FOLDER / "kept").exists()
    assert "audit" in files.read_sealed(FOLDER / "summary.json")
