"""The ledger: what it refuses, what a digest covers, and that a verdict comes from the registered rule and the recorded rows alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lthkit import ledger
from lthkit.ledger.claims import Erratum
from lthkit.ledger.measuring import NotMeasured, values_of
from lthkit.runs import results
from lthkit.storage import files

SEEDS = (100, 101, 102)
TEXT = """
[claims.ticket-wins]
claim = "A ticket is better than dense."
paper = "Frankle & Carbin 2019, section 2"
published = "0.3 points"
checked = "read in the paper"
registered = 2026-11-30
seeds = [100, 101, 102]
record = "small"
command = "lthkit sweep data/sweeps/small.toml --out FOLDER"
prediction = "reproduced"
why = "A pilot says so."

[[claims.ticket-wins.rule]]
compared = "ticket - dense"
column = "accuracy"
scale = 100
of = {arm = "ticket", density = 0.2}
minus = {arm = "dense"}
claim = "above"
bound = 0.0
"""
RULE = ledger.Rule(
    "ticket - dense", "accuracy", {"arm": "ticket"}, "above", 0.0, minus={"arm": "dense"}, scale=100
)


def ledger_of(folder: Path, text: str = TEXT) -> ledger.Ledger:
    path = folder / "claims.toml"
    path.write_text(text)
    return ledger.load_ledger(path)


def rows(*differences: float, density: float = 0.2) -> list[dict[str, Any]]:
    """A table in which the tickets of the seeds are better by so many points."""
    found: list[dict[str, Any]] = []
    for seed, points in zip(SEEDS, differences, strict=True):
        found.append({"arm": "dense", "seed": seed, "density": 1.0, "accuracy": 0.8})
        found.append({"arm": "ticket", "seed": seed, "density": density, "accuracy": 0.8 + points / 100})
    return found


def record(folder: Path, claims: Mapping[str, str], table: list[dict[str, Any]], **more: Any) -> Path:
    """A record of these rows; more: what its configuration has besides, or in place of what it should have."""
    place, name = folder / "results" / "small", "small"
    place.mkdir(parents=True)
    seeds = sorted({row["seed"] for row in table})
    files.write_sealed(place / "config.json", {"name": name, "claims": dict(claims), "seeds": seeds} | more)
    results.write_results(place, {"name": name}, {"table.csv": table})
    return folder / "results"


@pytest.mark.parametrize(
    "was, now, says",
    [
        ('checked = "read in the paper"', 'checked = "read in paper"', "Did you mean 'read in the paper'?"),
        ("prediction =", "predicted =", "unknown key; expected one of"),
        ('prediction = "reproduced"', 'prediction = "not run"', "expected one of reproduced"),
        ('why = "A pilot says so."\n', "", "claims.ticket-wins: why is missing."),
        ("registered = 2026-11-30", 'registered = "soon"', "expected a date"),
        ("seeds = [100, 101, 102]", "seeds = [100, 101]", "expected 3 different whole numbers"),
        ("seeds = [100, 101, 102]", "seeds = [102, 101, 100]", "in rising order"),
        ('claim = "above"', 'claim = "over"', "expected one of above, below, within"),
        ('of = {arm = "ticket", density = 0.2}', "of = {seed = 100}", "without the seed"),
        ('minus = {arm = "dense"}\n', "", "expected minus with every kind"),
        ("scale = 100", "scale = 0", "expected a number above 0"),
        ("scale = 100\n", "", "expected 100, since tables have shares"),
        ("ticket-wins", "Ticket", "expected words of small letters"),
        ("[claims.ticket-wins]", "[claim.ticket-wins]", "unknown key; expected claims or errata"),
        ("seeds = [100", "seeds = [[100", "it is no TOML"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(was: str, now: str, says: str, tmp_path: Path) -> None:
    assert was in TEXT
    with pytest.raises(ledger.LedgerMistakes, match="mistake") as caught:
        ledger_of(tmp_path, TEXT.replace(was, now))
    assert says in str(caught.value)


def test_an_erratum_names_claims_that_there_are(tmp_path: Path) -> None:
    more = '\n[[errata]]\ndate = 2026-12-01\nwas = "a"\nnow = "b"\nwhy = "c"\nclaims = ["ticket-looses"]\n'
    with pytest.raises(ledger.LedgerMistakes, match="has no claim ticket-looses"):
        ledger_of(tmp_path, TEXT + more)


def test_an_unknown_claim_gets_a_guess(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="Did you mean 'ticket-wins'"):
        ledger_of(tmp_path)["ticket-win"]


@pytest.mark.parametrize(
    "change",
    [
        {"claim": "Another."}, {"published": "0.4"}, {"seeds": (100, 101, 103)}, {"prediction": "partly"}, {"why": "So."},
        {"rule": (replace(RULE, bound=0.1),)}, {"rule": (replace(RULE, of={"arm": "twin"}),)}, {"record": "other"},
        {"registered": date(2026, 12, 1)},
    ],
)  # fmt: skip
def test_the_digest_covers_what_is_registered(change: dict[str, Any], tmp_path: Path) -> None:
    claim = ledger_of(tmp_path)["ticket-wins"]
    assert replace(claim, **change).digest != claim.digest


def test_the_digest_leaves_out_what_comes_later(tmp_path: Path) -> None:
    claim = ledger_of(tmp_path)["ticket-wins"]
    later = replace(claim, deviations=("A JPEG copy.",), cost="An hour.", outcome=ledger.Outcome("partly"))
    assert later.digest == claim.digest


def test_the_digest_is_that_of_the_text_and_not_of_its_form(tmp_path: Path) -> None:
    claim = ledger_of(tmp_path)["ticket-wins"]
    assert ledger_of(tmp_path, TEXT.replace("bound = 0.0", "bound = 0"))["ticket-wins"].digest == claim.digest


@pytest.mark.parametrize(
    "differences, verdict",
    [
        ((0.5, 0.6, 0.7), "reproduced"),
        ((-0.5, -0.6, -0.7), "not reproduced"),
        ((-0.5, 0.6, 0.7), "contested"),
    ],
)
def test_the_verdict_follows_the_rule(differences: tuple[float, ...], verdict: str, tmp_path: Path) -> None:
    claim = ledger_of(tmp_path)["ticket-wins"]
    place = record(tmp_path, {claim.id: claim.digest}, rows(*differences))
    judged = ledger.judge(claim, place)
    assert judged.verdict == verdict
    assert judged.as_predicted is (verdict == "reproduced")


def test_one_part_that_holds_of_two_is_partly(tmp_path: Path) -> None:
    claim = ledger_of(tmp_path)["ticket-wins"]
    more = replace(claim.rule[0], compared="by a point", bound=1.0)
    claim = replace(claim, rule=(claim.rule[0], more))
    place = record(tmp_path, {claim.id: claim.digest}, rows(0.5, 0.6, 0.7))
    judged = ledger.judge(claim, place)
    assert [part.verdict.outcome for part in judged.parts] == ["held", "failed"]
    assert judged.verdict == "partly"


def test_differences_are_paired_by_seed_whatever_the_order_of_rows(tmp_path: Path) -> None:
    table = rows(0.5, 0.6, 0.7)
    for row in table:
        row["accuracy"] += row["seed"] - 100  # seeds differ far more than arms
    got = values_of(ledger_of(tmp_path)["ticket-wins"].rule[0], SEEDS, [*table[1::2], *table[::2][::-1]])
    assert got == pytest.approx({100: 0.5, 101: 0.6, 102: 0.7})


def test_kinds(tmp_path: Path) -> None:
    table = [{"arm": arm, "seed": 1, "n": n} for arm, n in (("dense", 400), ("ticket", 100))]
    rule = ledger.Rule("x", "n", {"arm": "ticket"}, "above", 0.0, minus={"arm": "dense"})
    got = {
        kind: values_of(replace(rule, kind=kind, minus={} if kind == "value" else rule.minus), [1], table)[1]
        for kind in ("difference", "ratio", "saving", "value")
    }
    assert got == {"difference": -300, "ratio": 0.25, "saving": 75, "value": 100}


def test_a_record_begun_with_another_text_is_refused_and_an_erratum_explains_it(tmp_path: Path) -> None:
    claim = ledger_of(tmp_path)["ticket-wins"]
    place = record(tmp_path, {claim.id: claim.digest}, rows(0.5, 0.6, 0.7))
    changed = replace(claim, rule=(replace(claim.rule[0], bound=-1.0),))
    with pytest.raises(ValueError, match="were changed afterwards"):
        ledger.judge(changed, place)
    erratum = explained(claim, changed)
    judged = ledger.judge(changed, place, errata=[erratum])
    assert judged.verdict == "reproduced" and judged.changed
    assert "after the run" in ledger.claim_text(judged)


def explained(was: ledger.Claim, now: ledger.Claim) -> Erratum:
    return Erratum(
        date(2026, 12, 1),
        "above 0",
        "above -1",
        "a slip",
        (was.id,),
        {was.id: was.digest},
        {was.id: now.digest},
    )


def test_an_erratum_explains_one_change_and_no_later_one(tmp_path: Path) -> None:
    """Catches: an entry about a slip of the pen, under which a bound could be moved ever after."""
    claim = ledger_of(tmp_path)["ticket-wins"]
    place = record(tmp_path, {claim.id: claim.digest}, rows(0.5, 0.6, 0.7))
    slip, moved = replace(claim, why="A pilot said so."), replace(claim, rule=(replace(RULE, bound=-1.0),))
    with pytest.raises(ValueError, match="were changed afterwards"):
        ledger.judge(moved, place, errata=[explained(claim, slip)])
    both = [explained(slip, moved), explained(claim, slip)]
    assert ledger.judge(moved, place, errata=both).changed
    with pytest.raises(ValueError, match="expected the same claims in both"):
        Erratum(date(2026, 12, 1), "a", "b", "c", (claim.id,), {claim.id: claim.digest})


def test_a_record_begun_without_the_claim_is_refused(tmp_path: Path) -> None:
    claim = ledger_of(tmp_path)["ticket-wins"]
    with pytest.raises(ValueError, match="was begun without it"):
        ledger.judge(claim, record(tmp_path, {}, rows(0.5, 0.6, 0.7)))


def test_no_verdict_before_the_last_registered_seed(tmp_path: Path) -> None:
    claim = ledger_of(tmp_path)["ticket-wins"]
    table = [row for row in rows(0.5, 0.6, 0.7) if row["seed"] < 102]
    judged = ledger.judge(claim, record(tmp_path, {claim.id: claim.digest}, table))
    assert (judged.verdict, judged.recorded) == ("not run", (100, 101))
    assert "2 of 3 registered seeds are recorded" in ledger.claim_text(judged)


def test_without_a_record_a_claim_is_not_run(tmp_path: Path) -> None:
    judged = ledger.judge(ledger_of(tmp_path)["ticket-wins"], tmp_path)
    assert judged.verdict == "not run" and "registered seeds are recorded" not in ledger.claim_text(judged)


def test_a_record_with_none_of_the_registered_seeds_says_so(tmp_path: Path) -> None:
    """Catches: "not run" without a reason, beside a record that is there."""
    claim = ledger_of(tmp_path)["ticket-wins"]
    place = record(
        tmp_path, {claim.id: claim.digest}, [row | {"seed": row["seed"] + 5} for row in rows(1, 2, 3)]
    )
    judged = ledger.judge(claim, place)
    assert judged.verdict == "not run"
    assert "0 of 3 registered seeds are recorded" in ledger.claim_text(judged)


@pytest.mark.parametrize(
    "seeds", [["100", "101", "102"], "100", None, 3, [True, 101, 102], [100.0, 101.0, 102.0]]
)
def test_seeds_that_are_no_whole_numbers_are_refused(seeds: object, tmp_path: Path) -> None:
    """Catches: a damaged or foreign record that is told as a claim that was not run."""
    claim = ledger_of(tmp_path)["ticket-wins"]
    place = record(tmp_path, {claim.id: claim.digest}, rows(0.5, 0.6, 0.7), seeds=seeds)
    with pytest.raises(
        ValueError, match=r"small/config\.json has seeds = .*expected a list of whole numbers"
    ):
        ledger.judge(claim, place)


def test_a_folder_that_is_not_there_is_no_verdict(tmp_path: Path) -> None:
    """Catches: a slip in a path, told as a claim that was not run."""
    with pytest.raises(FileNotFoundError, match="expected a folder of records"):
        ledger.judge(ledger_of(tmp_path)["ticket-wins"], tmp_path / "resluts")


def test_a_table_that_was_altered_is_refused(tmp_path: Path) -> None:
    claim = ledger_of(tmp_path)["ticket-wins"]
    place = record(tmp_path, {claim.id: claim.digest}, rows(0.5, 0.6, 0.7))
    path = place / "small" / "table.csv"
    path.write_text(path.read_text().replace("0.807", "0.817"))
    with pytest.raises(files.DamagedFile, match="was altered"):
        ledger.judge(claim, place)


@pytest.mark.parametrize(
    "table, says",
    [
        ([*rows(0.5, 0.6, 0.7), rows(0.5, 0.6, 0.7)[1]], "2 rows have seed = 100, arm = ticket"),
        (rows(0.5, 0.6, 0.7, density=0.21), "0 rows have seed = 100, arm = ticket, density = 0.2"),
        ([{**row, "accuracy": None} for row in rows(0.5, 0.6, 0.7)], "has None in accuracy"),
        ([{**row, "accuracy": float("nan")} for row in rows(0.5, 0.6, 0.7)], "has nan in accuracy"),
        ([{"arm": row["arm"], "seed": row["seed"]} for row in rows(0.5, 0.6, 0.7)], "has no column accuracy, density"),
        ([], "has no rows"),
    ],
)  # fmt: skip
def test_rows_that_do_not_say_it_are_refused(table: list[dict[str, Any]], says: str, tmp_path: Path) -> None:
    with pytest.raises(NotMeasured, match=says.replace("(", r"\(")):
        values_of(ledger_of(tmp_path)["ticket-wins"].rule[0], SEEDS, table)


def test_a_density_is_the_same_in_all_its_digits(tmp_path: Path) -> None:
    table = rows(0.5, 0.6, 0.7, density=0.2 + 1e-9)
    assert values_of(ledger_of(tmp_path)["ticket-wins"].rule[0], SEEDS, table)


def test_a_truth_value_is_no_number(tmp_path: Path) -> None:
    table = [{"arm": arm, "seed": 1, "n": 1, "empty": empty} for arm, empty in (("a", True), ("a", 1))]
    rule = ledger.Rule("x", "n", {"empty": True}, "above", 0.0, kind="value")
    assert values_of(rule, [1], table) == {1: 1}


def test_the_text_of_a_claim_has_all_of_it(tmp_path: Path) -> None:
    claim = replace(ledger_of(tmp_path)["ticket-wins"], deviations=("A JPEG copy.",))
    place = record(tmp_path, {claim.id: claim.digest}, rows(0.5, 0.6, 0.7))
    text = ledger.claim_text(ledger.judge(claim, place))
    for part in (
        claim.claim,
        claim.paper,
        claim.digest,
        "A pilot says so.",
        "+0.60 [+0.35, +0.85] points",
        "A JPEG copy.",
    ):
        assert part in text


def test_two_sides_that_are_one_row_are_refused() -> None:
    """Catches: "no difference" between a training and itself."""
    rule = replace(
        RULE, of={"arm": "ticket"}, minus={"arm": "ticket", "density": 0.2}, claim="within", bound=0.5
    )
    with pytest.raises(NotMeasured, match="find the same row"):
        values_of(rule, SEEDS, rows(0.5, 0.6, 0.7))


@pytest.mark.parametrize("points, claim, bound", [(0.0, "within", 0.5), (0.5, "above", 0.0)])
def test_differences_without_spread_decide_nothing(
    points: float, claim: str, bound: float, tmp_path: Path
) -> None:
    """Catches: a control that did nothing, reproduced; and one number that was copied to all seeds."""
    found = ledger_of(tmp_path)["ticket-wins"]
    found = replace(found, rule=(replace(found.rule[0], claim=claim, bound=bound),))
    place = record(tmp_path, {found.id: found.digest}, rows(points, points, points))
    judged = ledger.judge(found, place)
    assert judged.verdict == "contested"
    assert str(judged.parts[0]) == f"open: ticket - dense: {points:+.2f} (no spread) points, n = 3"


def test_a_value_that_is_the_same_for_all_seeds_is_judged() -> None:
    """Catches: a count, the same wherever it is taken, of which it is said that it decides nothing."""
    rule = replace(RULE, kind="value", minus={}, column="layers", scale=1, unit="layers")
    table = [{"arm": "ticket", "seed": seed, "layers": 2} for seed in SEEDS]
    assert str(ledger.Part.of(rule, SEEDS, table)) == "held: ticket - dense: 2.00 [2.00, 2.00] layers, n = 3"


def test_whole_numbers_are_the_same_only_if_they_are(tmp_path: Path) -> None:
    table = [{"arm": "a", "seed": 1, "step": 2_000_001, "n": 1}]
    with pytest.raises(NotMeasured, match="0 rows"):
        values_of(ledger.Rule("x", "n", {"step": 2_000_000}, "above", 0.0, kind="value"), [1], table)


def test_a_truth_value_is_not_measured() -> None:
    table = [{"arm": "a", "seed": 1, "done": True}]
    with pytest.raises(NotMeasured, match="has True in done"):
        values_of(ledger.Rule("x", "done", {"arm": "a"}, "above", 0.0, kind="value"), [1], table)
