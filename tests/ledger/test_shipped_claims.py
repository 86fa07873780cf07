"""The ledger of the course: each verdict is what the recorded rows give, each run was begun with the registered text."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path

import pytest

from lthkit import evidence, ledger
from lthkit.data.sources import data_folder
from lthkit.runs.results import load, recorded
from lthkit.sweeps.grids import grid_of, read_grid
from lthkit.sweeps.repeating import FEW, laptop_grid

LEDGER = ledger.load_ledger()
GRIDS = sorted((data_folder() / "sweeps").glob("*.toml"))


@pytest.mark.parametrize("name", LEDGER)
def test_the_outcome_is_that_of_the_recorded_rows(name: str) -> None:
    """Judged anew: a verdict or a number that was written by hand, or a record that was changed, fails here."""
    claim = LEDGER[name]
    judged = ledger.judge(claim, errata=LEDGER.errata)
    if judged.verdict == "not run":
        assert claim.outcome is None
        assert claim.cost, f"{name} was not run; the ledger has to say what it would cost."
    else:
        assert claim.outcome == judged.outcome, "Run: python data/judge_claims.py"


def test_the_readme_counts_the_verdicts() -> None:
    """Catches: a README that was not brought up to date with the records."""
    judged = [ledger.judge(claim, errata=LEDGER.errata) for claim in LEDGER.values()]
    readme = " ".join((Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8").split())
    assert ledger.counts_text(judged) in readme


def test_failures_are_predicted_and_told() -> None:
    assert sum(claim.prediction == "not reproduced" for claim in LEDGER.values()) >= 3


@pytest.mark.parametrize("path", GRIDS, ids=lambda path: path.stem)
def test_a_recorded_sweep_decides_its_claims_with_their_seeds(path: Path) -> None:
    grid = read_grid(path)
    own = [
        claim for claim in LEDGER.values() if shlex.split(claim.command)[:3][-1] == f"data/sweeps/{path.name}"
    ]
    assert {claim.id for claim in own} == {name for name, _ in grid.claims}
    assert {claim.record for claim in own} == {path.stem} == {grid.name}
    for claim in own:
        assert set(claim.seeds) == {one.cell.seed for one in grid.asked}


@pytest.mark.parametrize("name", LEDGER)
def test_the_command_of_a_claim_is_there(name: str) -> None:
    words = shlex.split(LEDGER[name].command)
    assert words[:2] == ["lthkit", "sweep"] or (words[0], words[2:]) == ("python", ["train", "FOLDER"])
    path = next(word for word in words if word.startswith("data/"))
    assert (data_folder() / Path(path).relative_to("data")).is_file()


@pytest.mark.parametrize("path", GRIDS, ids=lambda path: path.stem)
def test_each_recorded_sweep_has_a_small_form(path: Path) -> None:
    """`lthkit claims ID --rerun --tier laptop`: few seeds, the embedded data, no registered text."""
    grid = grid_of(**laptop_grid(path, range(FEW)))
    assert {one.cell.data for one in grid.asked} == {"fashion-mnist"}
    assert grid.claims == ()
    assert "claims" in tomllib.loads(path.read_text())


def test_where_else_the_interval_excludes_0_is_told_whole() -> None:
    """Catches a list of densities that leaves some out: of the hill on Fashion-MNIST, at which only one was registered."""
    claim = ledger.load_ledger()["hill-fashion"]
    (said,) = [text for text in claim.deviations if text.startswith("Seen afterwards: judged at 13.5 % only")]
    rows = [
        row
        for row in load(recorded("lenet"))[2]
        if (row["model"], row["data"], row["method"]) == ("lenet-300-100", "fashion-mnist-full", "imp")
    ]
    found = []
    for level in evidence.levels(rows, "ticket"):
        gap = evidence.paired(rows, ("ticket", level), ("dense", 0), "test_accuracy")
        if gap.shown and not gap.low <= 0 <= gap.high and level != claim.rule[0].of["round"]:
            share = 100 * evidence.density_of(rows, level)
            found.append(f"{share:.0f}" if share >= 10 else f"{share:.1f}")
    assert f"at {', '.join(found[:-1])} and {found[-1]} % of the weights" in said
