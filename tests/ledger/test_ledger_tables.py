"""What a reader sees of the ledger: how many claims have which verdict, and the table of some claims in a lesson."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lthkit import ledger
from lthkit.runs import results
from lthkit.storage import files
from tests.ledger.test_ledger_claims import RULE, TEXT, ledger_of, record, rows

WHERE = {"processor": "Abacus 9", "torch": "2.9.9", "date": "2026-12-01"}
SECOND = """
[[claims.ticket-wins.rule]]
compared = "ticket / dense"
kind = "ratio"
column = "accuracy"
scale = 100
of = {arm = "ticket", density = 0.2}
minus = {arm = "dense"}
claim = "above"
bound = 5.0
unit = "times"
"""


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course with two claims, of which the first was run: its first part held, its second failed."""
    other = TEXT.replace("ticket-wins", "ticket-waits").replace('"small"', '"later"')
    text = TEXT + SECOND + other.replace('prediction = "reproduced"', 'prediction = "contested"')
    claim = ledger_of(tmp_path, text)["ticket-wins"]
    record(tmp_path, {claim.id: claim.digest}, rows(0.5, 0.6, 0.7))
    stamped(tmp_path)
    for module in ("reading", "judging", "tables"):
        monkeypatch.setattr(f"lthkit.ledger.{module}.data_folder", lambda: tmp_path)
    return tmp_path


def stamped(course: Path) -> None:
    """Say in the record where it was made."""
    results.write_results(
        course / "results" / "small", {"environment": WHERE}, {"table.csv": rows(0.5, 0.6, 0.7)}
    )


def test_the_table_of_claims_has_each_part_and_its_source(course: Path) -> None:
    """Catches: a part that is left out, a number beside another part, a claim without a record that looks like one with."""
    table = ledger.claims_table("ticket-waits", "ticket-wins")
    assert table.headings == ["claim", "compared", "found", "unit", "part"]
    assert [tuple(row) for row in table.rows] == [
        ("ticket-waits", "ticket - dense", "–", "points", "–"),
        ("ticket-wins", "ticket - dense", "+0.60 [+0.35, +0.85]", "points", "held"),
        ("ticket-wins", "ticket / dense", "1.01 [1.00, 1.01]", "times", "failed"),
    ]
    source = "Frankle & Carbin 2019, section 2: 0.3 points."
    assert table.notes == [
        f"ticket-waits: not run; predicted: contested. {source}",
        f"ticket-wins: partly; predicted: reproduced. {source}",
        "Recorded: data/results/small · 3 seeds · Abacus 9 · torch 2.9.9 · 2026-12-01",
    ]


def test_a_record_is_named_once_however_many_claims_it_decides(course: Path) -> None:
    text = (course / "claims.toml").read_text().replace('"later"', '"small"')
    both = ledger_of(course, text)
    config = course / "results" / "small" / "config.json"
    said = {claim.id: claim.digest for claim in both.values()}
    files.write_sealed(config, files.read_sealed(config) | {"claims": said})
    stamped(course)
    notes = ledger.claims_table("ticket-waits", "ticket-wins").notes
    assert len(notes) == 3 and [note.startswith("Recorded") for note in notes] == [False, False, True]
    assert "3 seeds" in notes[2] and "waits: reproduced; predicted: contested" in notes[0]


def test_the_table_of_claims_knows_the_errata(course: Path) -> None:
    """Catches: a lesson that ends where the ledger explains a change; and one that does not, where nothing explains it."""
    was = ledger.load_ledger()["ticket-wins"].digest
    text = (course / "claims.toml").read_text().replace("A pilot says so.", "A pilot said so.", 1)
    now = ledger_of(course, text)["ticket-wins"].digest
    with pytest.raises(ValueError, match="were changed afterwards"):
        ledger.claims_table("ticket-wins")
    entry = '\n[[errata]]\ndate = 2026-12-02\nwas = "says"\nnow = "said"\nwhy = "A slip."\nclaims = ["ticket-wins"]\n'
    ledger_of(
        course, f'{text}{entry}digests = {{ticket-wins = "{was}"}}\nbecame = {{ticket-wins = "{now}"}}\n'
    )
    assert ledger.claims_table("ticket-wins").rows[0][4] == "held"


def test_a_claim_that_is_none_has_no_table(course: Path) -> None:
    with pytest.raises(KeyError, match="Did you mean 'ticket-wins'"):
        ledger.claims_table("ticket-win")


def judged(course: Path, *outcomes: tuple[str, str]) -> list[ledger.Judged]:
    """Claims that were predicted so, and came out so."""
    seeds, found = (100, 101, 102), []
    values = {
        "reproduced": [(1, 1.1, 1.2)],
        "not reproduced": [(-1, -1.1, -1.2)],
        "contested": [(-1, 1, 2)],
        "not run": [],
    }
    values["partly"] = values["reproduced"] + values["contested"]
    claim = ledger.load_ledger()["ticket-wins"]
    for predicted, verdict in outcomes:
        parts = tuple(ledger.Part.of(RULE, seeds, rows(*given)) for given in values[verdict])
        found.append(ledger.Judged(replace(claim, prediction=predicted), parts))
        assert found[-1].verdict == verdict
    return found


def test_the_verdicts_are_counted(course: Path) -> None:
    """Catches: claims that were not run counted as judged, or as predicted; a verdict left out; one that nobody had shown as 0."""
    some = [
        ("reproduced", "reproduced"),
        ("reproduced", "reproduced"),
        ("partly", "reproduced"),
        ("not reproduced", "not reproduced"),
        ("reproduced", "partly"),
        ("reproduced", "not run"),
        ("partly", "not run"),
    ]
    assert ledger.counts_text(judged(course, *some)) == (
        "Of 7 claims, 5 have a verdict: 3 reproduced, 1 partly, 1 not reproduced. 3 came out as predicted, and 2 were not run."
    )
    assert ledger.counts_text(judged(course, ("reproduced", "contested"))) == (
        "Of 1 claims, 1 have a verdict: 1 contested. 0 came out as predicted, and 0 were not run."
    )
    assert ledger.counts_text(judged(course, ("reproduced", "not run"))) == (
        "Of 1 claims, 0 have a verdict: none. 0 came out as predicted, and 1 were not run."
    )


def test_the_table_of_all_marks_what_was_not_predicted(course: Path) -> None:
    """Catches: a mark on a claim that was not run, and none on a surprise."""
    some = [("reproduced", "reproduced"), ("partly", "reproduced"), ("partly", "not run")]
    table = ledger.ledger_table(judged(course, *some))
    assert [row[2] for row in table.rows] == ["reproduced", "reproduced *", "not run"]
    assert [row[1] for row in table.rows] == ["+1.10 [+0.85, +1.35]", "+1.10 [+0.85, +1.35]", "–"]
    assert ledger.counts_text(judged(course, *some)) in table.notes
