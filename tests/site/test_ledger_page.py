"""The ledger as a page: it says of each claim what the command line says, and what the words of a verdict mean."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

import pytest

from lthkit import ledger
from lthkit.site import ledger_pages
from tests.ledger.test_ledger_claims import RULE, ledger_of, record, rows

COMMON = {"prediction": "contested", "deviations": ("A JPEG copy.", "Fewer steps."), "cost": "An hour."}


@pytest.fixture
def claim(tmp_path: Path) -> ledger.Claim:
    return replace(ledger_of(tmp_path)["ticket-wins"], **COMMON)


def judged(claim: ledger.Claim, folder: Path, *differences: float, later: int = 0) -> ledger.Judged:
    """Of a record of these differences, begun with another text, which an erratum explains."""
    before = replace(claim, why="A slip.")
    table = [row | {"seed": row["seed"] + later} for row in rows(*differences)]
    place = record(folder, {claim.id: before.digest}, table)
    erratum = ledger.Erratum(
        claim.registered, "a", "b", "c", (claim.id,), {claim.id: before.digest}, {claim.id: claim.digest}
    )
    return ledger.judge(claim, place, errata=[erratum])


def on_the_page(one: ledger.Judged) -> list[tuple[str, str]]:
    """What a page says of a claim, as the facts of the ledger: (name, text)."""
    found = re.findall(r"<dt>(.*?)</dt> <dd>(.*?)</dd>", ledger_pages.section(one))
    return [
        (name.lower(), html.unescape(re.sub(r"<[^>]*>", "", text)).replace("\N{NO-BREAK SPACE}", " "))
        for name, text in found
    ]


def in_the_terminal(one: ledger.Judged) -> list[tuple[str, str]]:
    _, _, *lines = ledger.claim_text(one, width=1000).split("\n")
    return [(line[:12].strip(), line[12:]) for line in lines]


@pytest.mark.parametrize("later", [0, 1, 7])
def test_page_and_terminal_say_the_same_of_a_claim(claim: ledger.Claim, tmp_path: Path, later: int) -> None:
    """Catches: a fact of a claim that one of the two leaves out, or tells under another condition, such as a record with none of its
    seeds."""
    one = judged(claim, tmp_path, 0.5, 0.6, 0.7, later=later)
    facts = ledger.claim_facts(one)
    assert on_the_page(one) == in_the_terminal(one) == facts
    names = [
        "published",
        "registered",
        "seeds",
        "predicted",
        "changed",
        "rule",
        "found",
        "deviation",
        "deviation",
    ]
    assert [name for name, _ in facts] == [*names, "cost", "record", "command"]
    assert facts[6][1].startswith(
        f"{3 - min(later, 3)} of 3 registered" if later else "held: ticket - dense: +0.60"
    )


@pytest.mark.parametrize("sign, named", [(1, True), (-1, False)])
def test_what_failed_is_told_by_a_claim_that_was_too_modest(
    sign: int, named: bool, claim: ledger.Claim, tmp_path: Path
) -> None:
    """Catches: an example in which the ticket is worse than was claimed, which says the opposite; a number that is not the record's."""
    claim = replace(claim, rule=(replace(RULE, claim="within", bound=0.3),))
    one = judged(claim, tmp_path, *(sign * points for points in (0.5, 0.6, 0.7)))
    said = ledger_pages.words([one])
    assert one.verdict == "not reproduced"
    assert (f'in [{claim.id}](#{claim.id}) "ticket - dense" was to lie within ±0.3 points' in said) == named
    assert (r"came out as +0.60 \[+0.35, +0.85\], better" in said) == named


def test_the_page_explains_its_words_before_it_uses_them() -> None:
    text = ledger_pages.page()
    table = text.index("<table")
    words = {*ledger.VERDICTS, "held", "failed", "open"}
    assert all(0 < text.find(f"**{word}**") < table for word in words), words
    example = re.search(r"in \[(.+?)\]\(#\1\) .* came out as (\S+)", text[:table])
    assert example and f'<a href="#{example[1]}">{example[1]}</a></th> <td>{example[2]} ' in text
