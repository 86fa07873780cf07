"""Each number in the prose of a lesson or of the README has its source beside it, or a reason why it needs none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lthkit.classroom.cells import parse, read_source
from tests.prose import Block, Number, blocks, read_lesson, read_page
from tests.prose_allowing import fault, faults, read
from tests.prose_claims import claim_faults, record_faults, texts_of
from tests.prose_sources import ROOT, Sources, links_of, read_sources, shows, source_of, unsourced

LESSONS = sorted((ROOT / "solutions").glob("[0-9][0-9]_*.py"))
PAGES = [ROOT / "README.md", *LESSONS]
ALLOWED, CLAIMS = read(), texts_of()


def name_of(page: Path) -> str:
    return page.stem[:2] if page.suffix == ".py" else page.name


@pytest.fixture(scope="module", params=PAGES, ids=name_of)
def page(request: pytest.FixtureRequest) -> tuple[str, list[Block], Sources]:
    path: Path = request.param
    if path.suffix == ".py":
        found = read_lesson(path)
        return name_of(path), found, read_sources(found, path.with_suffix(".ipynb"), CLAIMS)
    found = read_page(path)
    return path.name, found, read_sources(found, None, CLAIMS)


def test_every_number_has_a_source(page: tuple[str, list[Block], Sources]) -> None:
    """Catches: a number without citation, record or claim beside it, and an entry of the allow-list that is not needed."""
    name, found, sources = page
    assert faults(found, sources, ALLOWED.get(name, {})) == []


def test_claims_and_records_are_there_and_say_the_same(page: tuple[str, list[Block], Sources]) -> None:
    """Catches: an id or a record that does not exist, and a number beside an id that the ledger does not have."""
    _, found, sources = page
    assert claim_faults(found, CLAIMS) + record_faults(found, sources.records) == []


def test_the_allow_list_is_about_pages_that_there_are() -> None:
    assert set(ALLOWED) <= {name_of(page) for page in PAGES}


def test_cells_of_a_source_are_those_of_its_notebook() -> None:
    """Catches: a build that adds or drops a cell, after which a block would be held against another cell's output."""
    import json

    for source in LESSONS:
        cells = json.loads(source.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
        kinds = [cell.is_code for cell in parse(source, read_source(source))]
        assert kinds == [cell["cell_type"] == "code" for cell in cells], source.name


# --- what is seen, and what counts; each line was planted once ---

SOURCES = Sources(
    printed={0: "-0.120 0.42"},
    section={0: "ticket  84.3 %   -0.71"},
    code="lth.imp(net, data, fraction=0.2, lr=0.05)\nspare = 0.7",
    records=frozenset({"seeds", "rewinding"}),
    claims={"rewind-0-fails-14": "87.7 ± 0.4 against 90.5\nheld: -0.96 [-1.57, -0.36] points, n = 5"},
)


def left(text: str, **change: object) -> list[str]:
    """The numbers of a page of this text that have no source."""
    found = blocks("05", text)
    sources = replace(SOURCES, linked=links_of(found), **change)  # type: ignore[arg-type]
    return [number.words for *_, number in unsourced(found, sources)]


@pytest.mark.parametrize(
    "text, numbers",
    [
        ("The ticket gains 0.8 points.", ["0.8"]),
        ("Gains of 100, 80 and 51.2 %, or 3 points.", ["100", "80", "51.2", "3"]),
        ("From 0.36 to 1.57, or [0.3, 1.5], or 5 ± 2.", ["0.36", "1.57", "0.3", "1.5", "5", "2"]),
        ("It took 69 seconds, 12 times as long, for 3 of 483 weights.", ["69", "12", "3", "483"]),
        ("A rate of 1e-3, and −2.6 %.", ["1e-3", "−2.6"]),
        ("| arm | 98.1 |\n|---|---|\n| ticket | 97.2 |", ["98.1", "97.2"]),
        ("- one item of 0.5\n- another of 0.7", ["0.5", "0.7"]),
        ("Half. A second sentence (with 0.4). And *0.9*.", ["0.4", "0.9"]),
        ("[A link with 0.3](https://x.org/0.7)? No, [lesson 05](../notebooks/05_x.ipynb) with 0.5.", ["0.5"]),
    ],
)
def test_a_number_is_seen(text: str, numbers: list[str]) -> None:
    assert left(text) == numbers


@pytest.mark.parametrize(
    "text",
    [
        "# A heading with 0.8 %",
        "Code `lr=0.8` and\n\n```\n0.8 %\n```\n",
        "<!-- 0.8 % -->",
        "5 seeds of 4,000 steps, in 2019, on 28×28 to 32×32 pixels, seeds 40 to 79, lessons 05 to 11, 2022 to 2025.",
        "Section 5.4, figure 4.2, exercises 01.3 and 05.2, 05.Q1, arXiv 1903.01611, Python 3.11, torch 2.4, CC BY 4.0.",
        "### Exercise 05.1: a mask · easy\n\nIt keeps 20 %.",
        "A 95 % interval, a **90 %** interval.",
        "**Time:** about 45 minutes; the computer works 4 to 8 minutes.",
    ],
)
def test_what_is_no_measurement_is_not_listed(text: str) -> None:
    found = [number for *_, number in unsourced(blocks("05", text), SOURCES)]
    assert [number.words for number in found] == []


@pytest.mark.parametrize(
    "text, numbers",
    [
        # a citation counts for its sentence, and for later ones that point back to it and do not speak of us
        ("[Frankle (2019)](https://arxiv.org/abs/1) has 0.8 points.", []),
        ("It has 0.8 points. [Frankle (2019)](https://arxiv.org/abs/1) has them too.", ["0.8"]),
        ("[Frankle (2019)](https://arxiv.org/abs/1) says so. The ticket gains 0.8 points.", ["0.8"]),
        ("[Frankle (2019)](https://arxiv.org/abs/1) says so. The authors gain 0.8 points.", []),
        ("[Frankle (2019)](https://arxiv.org/abs/1) says so. Our paper gains 0.8 points.", ["0.8"]),
        ("[Frankle (2019)](https://arxiv.org/abs/1) says so.\n\nThe authors gain 0.8 points.", ["0.8"]),
        # authors and a year count where the page links them
        ("Frankle et al. 2019 have 0.8.", ["0.8"]),
        ("Frankle et al. 2019 have 0.8.\n\nSee [Frankle et al. 2019](https://arxiv.org/abs/1).", []),
        # a table: its row, what stands right above, a row above for "same", and the notes of marks
        ("| a | 0.8 |\n|---|---|\n| b | 0.7 ([Lee 2019](https://x.org)) |\n| c | 0.6 |", ["0.8", "0.6"]),
        ("| a | b |\n|---|---|\n| b | 0.7 ([Lee 2019](https://x.org)) |\n| c | 0.6 (same) |", []),
        ("From [Lee 2019](https://x.org):\n\n| a | b |\n|---|---|\n| b | 0.7 |\n| c | ours, 0.6 |", ["0.6"]),
        ("| a | b |\n|---|---|\n| b ¹ | 0.7 |\n| c | 0.6 |\n\n¹ [Lee 2019](https://x.org)", ["0.6"]),
        # a record, by its path or by its name
        ("It gains 0.8 (record `seeds`). Then 0.9.", []),
        ("It gains 0.8 ([record](data/results/rewinding/table.csv)).", []),
        ("It gains 0.8 (record `seedz`).", ["0.8"]),
        # a claim, in the same sentence
        ("It loses 0.96 points (`rewind-0-fails-14`).", []),
        ("It loses 0.96 points. See `rewind-0-fails-14`.", ["0.96"]),
        # printed by the cell beside it where all machines print the same; by the solved edition, if it says so
        ("It differs by 0.42.", []),
        ("It differs by 0.43, or by 0.4.", ["0.43", "0.4"]),
        ("It is -0.12 there, not 0.12.", ["0.12"]),
        ("In the run of the solved edition it has 84.3 %, and 0.7 less.", []),
        ("In the run of the solved edition it has 84.4 %.", ["84.4"]),
        ("It has 84.3 %.", ["84.3"]),
        # settings of the code, in their own words only
        ("A learning rate of 0.05 is used.", []),
        ("A learning rate of 0.2 is used.", ["0.2"]),
        ("It loses 20 % of what remains.", []),
        ("It loses 20 % of its accuracy, or 0.05.", ["20", "0.05"]),
        ("It loses 70 % of what remains.", ["70"]),
    ],
)
def test_what_counts_as_a_source(text: str, numbers: list[str]) -> None:
    assert left(text) == numbers


@pytest.mark.parametrize(
    "text, words",
    [
        ("It loses 0.96 points (`rewind-0-fails-14`), at most 1.6.", ""),
        ("It loses 1 point (`rewind-0-fails-14`).", ""),
        ("It loses 0.97 points (`rewind-0-fails-14`).", "0.97 points is not what"),
        ("It gains +0.96 points (`rewind-0-fails-14`).", "+0.96 points is not what"),
        ("It loses 0.960 points (`rewind-0-fails-14`).", "0.960 points is not what"),
        ("The paper has 87.7 % (`rewind-0-fails-14`), and 90.5.", ""),
        ("The paper has 87.8 % (`rewind-0-fails-14`).", "87.8 % is not what"),
        ("See `rewind-0-fails-41`.", "did you mean 'rewind-0-fails-14'?"),
        ("See the claims `rewind-0-fails-14` and `hill`.", "no claim 'hill'"),
        ("The model `lenet-300-100`.", ""),
    ],
)
def test_a_number_beside_a_claim_is_its_own(text: str, words: str) -> None:
    """Catches: a digit that is not the ledger's, a sign turned round, more digits than it has, an id that is none."""
    told = claim_faults(blocks("05", text), SOURCES.claims)
    assert (words in told[0] and len(told) == 1) if words else told == []


def test_a_record_that_is_not_there_is_named_with_its_neighbour() -> None:
    (told,) = record_faults(blocks("05", "See `data/results/sedes`."), SOURCES.records)
    assert "no record 'sedes'" in told and "did you mean 'seeds'?" in told


@pytest.mark.parametrize(
    "reason, what",
    [
        ("arithmetic: `2 * 0.41 * (1 - 0.41)`", ""),
        ("arithmetic: `2 * 0.42 * (1 - 0.42)`", "does not give 48"),
        ("arithmetic: twice the one by the other", "does not give"),
        ("arithmetic: `__import__('os')`", "no arithmetic"),
        ("setting: `fraction=0.48`", "stands nowhere"),
        ("setting: `share=0.48`", ""),
        ("setting: `lr=0.05`", "does not give 48"),
        ("setting: `_LEAST = 0.48` in lthkit/training/recipes.py", "stands nowhere"),
        ("example: made up to show a sum", ""),
        ("because: it is so", "should begin with one of"),
        ("example: so", "should begin with one of"),
    ],
)
def test_a_reason_is_held_to_what_it_says(reason: str, what: str) -> None:
    """Catches: arithmetic that gives another number, a setting that the code does not have, a reason that says nothing."""
    told = fault(reason, [Number("48", "%", 0, "percentage")], "f(share=0.48, lr=0.05)")
    assert (what in told) if what else told == ""


def test_an_entry_covers_its_own_words_and_must_be_needed() -> None:
    text = blocks("05", "It keeps 48 % here. There it keeps 48 % too.")
    whole, here = "48 %", "48 % here"
    assert faults(text, SOURCES, {whole: "example: a made-up share"}) == []
    (told,) = faults(text, SOURCES, {here: "example: a made-up share"})
    assert "line 1: 48 %: where from?" in told
    stale = faults(text, SOURCES, {whole: "example: a made-up share", "47 %": "example: a made-up share"})
    assert len(stale) == 1 and "take it out" in stale[0]


def test_rounding_is_that_of_the_digits_shown() -> None:
    def said(words: str, unit: str = "", text: str = "0.845, 1,234") -> bool:
        return shows(text, Number(words, unit, 0, "decimal"))

    assert said("0.845") and said("84.5", "%") and said("0.8") and said("1,234") and said("1234")
    assert said("0.84") and said("0.85")  # a half may be rounded either way
    assert not said("0.83") and not said("0.8450") and not said("0.9") and not said("1,235")


def test_the_source_of_a_number_is_named() -> None:
    (block,) = blocks("05", "It loses 0.96 points (`rewind-0-fails-14`).")
    (sentence,) = block.sentences
    assert source_of(sentence.numbers[0], sentence, block, [block], SOURCES) == "claim"
