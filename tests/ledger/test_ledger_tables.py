"""What a reader sees of the ledger: how many claims have which verdict, and the table of some claims in a lesson."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from lthkit import ledger
from lthkit.ledger.tables import NOWHERE, WORDS
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
    assert table.headings == ["claim", "compared", "must lie", "found", "part"]
    assert [tuple(row) for row in table.rows] == [
        ("ticket-waits", "ticket - dense", "above 0", "–", "–"),
        ("ticket-wins", "ticket - dense", "above 0", "+0.60 [+0.35, +0.85]", "held"),
        ("ticket-wins", "ticket / dense", "above 5", "1.01 [1.00, 1.01] times", "failed"),
    ]
    source = "Frankle & Carbin 2019, section 2: 0.3 points."
    assert table.notes == [
        f"ticket-waits: not run (predicted: contested); ticket-wins: partly (predicted: reproduced). {source}",
        WORDS,
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
    assert "3 seeds" in notes[2] and "waits: reproduced (predicted: contested)" in notes[0]


def test_claims_of_different_sources_have_notes_of_their_own(course: Path) -> None:
    """Catches: a published value beside a claim of another paper; a question of the course that looks published."""
    text = (course / "claims.toml").read_text()
    at = text.index("[claims.ticket-waits]")
    ledger_of(course, text[:at] + re.sub(r'paper = ".*"', f'paper = "{NOWHERE}"', text[at:]))
    first, second, *_ = ledger.claims_table("ticket-waits", "ticket-wins").notes
    assert (
        first == "ticket-waits: not run (predicted: contested). A question of this course, published nowhere."
    )
    assert second.startswith("ticket-wins: partly") and second.endswith("section 2: 0.3 points.")


@pytest.mark.parametrize(
    ("claim", "bound", "says"),
    [("within", 0.3, "within ±0.3"), ("below", -1.2, "below -1.2"), ("above", 1992.0, "above 1,992")],
)
def test_the_table_says_where_an_interval_must_lie(course: Path, claim: str, bound: float, says: str) -> None:
    """Catches: a verdict that cannot be checked, because the bound or its side is another one than the rule's."""
    text = (course / "claims.toml").read_text()
    ledger_of(course, text.replace('claim = "above"\nbound = 0.0', f'claim = "{claim}"\nbound = {bound}'))
    assert ledger.claims_table("ticket-waits").rows[0][2] == says


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
        "Of 7 claims, 5 have a verdict: 3 reproduced, 1 partly, 1 not reproduced. 3 came out as predicted, 2 did not. 0 verdicts are on questions of our own, which nobody published. 2 claims were not run."
    )
    assert ledger.counts_text(judged(course, ("reproduced", "contested"))) == (
        "Of 1 claims, 1 have a verdict: 1 contested. 0 came out as predicted, 1 did not. 0 verdicts are on questions of our own, which nobody published. 0 claims were not run."
    )
    assert ledger.counts_text(judged(course, ("reproduced", "not run"))) == (
        "Of 1 claims, 0 have a verdict: none. 0 came out as predicted, 0 did not. 0 verdicts are on questions of our own, which nobody published. 1 claims were not run."
    )


def test_the_table_of_all_marks_what_was_not_predicted(course: Path) -> None:
    """Catches: a mark on a claim that was not run, and none on a surprise."""
    some = [("reproduced", "reproduced"), ("partly", "reproduced"), ("partly", "not run")]
    table = ledger.ledger_table(judged(course, *some))
    assert [row[2] for row in table.rows] == ["reproduced", "reproduced *", "not run"]
    assert [row[1] for row in table.rows] == ["+1.10 [+0.85, +1.35]", "+1.10 [+0.85, +1.35]", "–"]
    assert ledger.counts_text(judged(course, *some)) in table.notes
