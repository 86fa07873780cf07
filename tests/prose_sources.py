"""Where a number of prose comes from, as far as the text beside it says so: see `Sources`. CONTRIBUTING.md has the forms for writers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from lthkit.classroom.cells import parse, read_source
from tests.prose import Block, Number, Sentence

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "data" / "results"

_OUTSIDE = re.compile(r"\]\(https://")
_AUTHORS = r"[A-Z][\w'’-]+(?:(?:, | and | & )[A-Z][\w'’-]+)*(?: et al\.)?(?:'s?)?,? \(?((?:19|20)\d\d)\b"
_OWN = re.compile(r"\b(?:we|our|ours|us|here|this (?:course|lesson|machine)|yours?|you)\b", re.IGNORECASE)
_BACK = re.compile(
    r"\b(?:same|papers?|authors?|their|they|abstract|README|appendix|tables?|figures?|sections?|original|published|replication"
    r"|reports?|reported)\b"
)
_RECORD = re.compile(r"data/results/([\w-]+)|\brecords? `([\w-]+)`(?: and `([\w-]+)`)?")
ID = re.compile(r"`([a-z][a-z0-9]*(?:-[a-z0-9]+)+)`")
_LEVEL = re.compile(r"(?<![\w.])\*{0,2}9[05] %\*{0,2} (?:t-)?intervals?\b|\bintervals? of 9[05] %")


@dataclass
class Sources:
    """What a page can point to: the outputs and the code beside its blocks, records, claims, and its own links.

    `printed` has, for the place of each markdown cell, what the two code cells beside it print where every machine prints
    the same; `section` what the solved edition prints before it in its section, or anywhere if its section has no code.
    """

    linked: frozenset[str] = frozenset()
    printed: dict[int, str] = field(default_factory=dict)
    section: dict[int, str] = field(default_factory=dict)
    code: str = ""
    records: frozenset[str] = frozenset()
    claims: dict[str, str] = field(default_factory=dict)


def shows(text: str, number: Number, *, exact: bool = False) -> bool:
    """True if the text holds the number, rounded to the digits that the prose has.

    A text may show more digits than the prose, never fewer, unless its numbers are exact; a percentage may stand in it as
    a fraction.
    """
    for words in _literals(text):
        digits = len(words.partition(".")[2]) if "e" not in words and not exact else 99
        value, places = float(words), number.decimals
        same = [(value, digits)] + ([(100 * value, digits - 2)] if number.unit == "%" else [])
        for other, given in same:
            if given >= places and _same(other, number, places):
                return True
    return False


def values_in(text: str) -> set[float]:
    """The numbers that a text holds."""
    return {float(words) for words in _literals(text)}


def _literals(text: str) -> list[str]:
    found = re.findall(r"[-+−]?\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?", text)
    return [words.replace(",", "").replace("−", "-") for words in found]


def _same(other: float, number: Number, places: int) -> bool:
    signed = number.words[0] in "+-−"
    mine = number.value if signed else abs(number.value)
    other = other if signed else abs(other)
    return abs(other - mine) <= 0.5 * 10.0**-places * (1 + 1e-9)


def cited(sentence: Sentence, linked: frozenset[str]) -> bool:
    """True if the sentence has a link to the outside, or names authors and a year that the page links somewhere."""
    return bool(_OUTSIDE.search(sentence.raw)) or any(name in linked for name in papers(sentence.raw))


def papers(text: str) -> set[str]:
    """Authors and year of the papers that a text names: "Frankle 2019", the first author only."""
    found = re.finditer(_AUTHORS, text)
    return {f"{re.split(r'[ ,&]', m[0])[0].removesuffix(chr(39) + 's')} {m[1]}" for m in found}


def links_of(blocks: list[Block]) -> frozenset[str]:
    """The papers that a page links: those named in, or right before, the words of a link to the outside."""
    text = "\n".join(block.raw for block in blocks)
    found: set[str] = set()
    for m in re.finditer(r"[^\n]{0,90}\]\(https://", text):
        found |= papers(m[0])
    return frozenset(found)


def setting(number: Number, sentence: Sentence, code: str) -> bool:
    """True for a learning rate, and for a share of what remains, that the code of the lesson sets.

    "a learning rate of 0.1" beside `lr=0.1`; "20 % of what remains" beside `fraction=0.2`. No word of a result fits.
    """
    before, after = sentence.text[: number.start], sentence.text[number.start + len(number.words) :]
    if re.search(r"(?:learning rate|SGD at|momentum)(?: of| is|:)? $", before):
        return _sets(code, "lr|learning_rate|rate|momentum", number.value)
    if number.unit == "%" and re.match(r" ?% (?:of what|of the weights that) \*?remains?", after):
        return _sets(code, "fraction", number.value / 100)
    return False


def _sets(code: str, names: str, value: float) -> bool:
    found = re.findall(rf"\b(?:{names})\"?\s*[=:]\s*([\d.e-]+\d|\d)", code)
    return any(abs(float(x) - value) < 1e-12 for x in found)


def source_of(number: Number, sentence: Sentence, block: Block, around: list[Block], sources: Sources) -> str:
    """The kind of source that a number has, or ""."""
    start = number.start
    if any(m.start() <= start < m.end() for m in _LEVEL.finditer(sentence.text)):
        return "level"
    if sentence.text.startswith("**Time:**") or "**Time:** about" in sentence.text[:90]:
        return "time"
    if claims_in(sentence, sources.claims):
        return "claim"
    carried = not _OWN.search(sentence.text) and (block.table or _BACK.search(sentence.raw))
    if any(records_in(each.raw) & sources.records for each in around):
        return "record"
    if cited(sentence, sources.linked) or (carried and _cited_before(sentence, block, around, sources)):
        return "citation"
    if number.kind == "decimal" and number.value in values_in(sources.printed.get(block.cell, "")):
        return "printed"
    if any("solved edition" in each.text for each in block.sentences):
        if shows(sources.section.get(block.cell, ""), number):
            return "solved edition"
    return "setting" if setting(number, sentence, sources.code) else ""


def _cited_before(sentence: Sentence, block: Block, around: list[Block], sources: Sources) -> bool:
    earlier = block.sentences[: block.sentences.index(sentence)]
    if block.table:
        earlier = [each for other in around for each in other.sentences]
    return any(cited(each, sources.linked) for each in earlier)


def neighbourhood(block: Block, page: list[Block]) -> list[Block]:
    """The blocks whose source counts for a block: itself; for a row of a table what heads it, and notes of its marks.

    That is the row above if it says "same", the header, the paragraph right above the table, and the one right below
    that begins with a mark (¹, ², ³) of the row.
    """
    if not block.table:
        return [block]
    rows = [other for other in page if other.table == block.table]
    first, last = page.index(rows[0]), page.index(rows[-1])
    mine = rows[: rows.index(block) + 1] if re.search(r"\bsame\b", block.raw) else [rows[0], block]
    if first and page[first - 1].cell == block.cell and not page[first - 1].table:
        mine.append(page[first - 1])
    below = page[last + 1] if last + 1 < len(page) else None
    marks = set(re.findall("[¹²³]", block.raw))
    if below and below.cell == block.cell and marks & set(re.findall("[¹²³]", below.raw)):
        mine.append(below)
    return mine


def records_in(raw: str) -> set[str]:
    """Names of the recorded runs that a text points to: `data/results/NAME`, or the words: record `NAME`."""
    return {name for m in _RECORD.finditer(raw) for name in m.groups() if name}


def claims_in(sentence: Sentence, claims: dict[str, str]) -> list[str]:
    """The ids of claims in a sentence, in backticks."""
    return [name for name in ID.findall(sentence.raw) if name in claims]


def unsourced(page: list[Block], sources: Sources) -> list[tuple[Block, Sentence, Number]]:
    """The numbers of a page that have no source beside them."""
    return [
        (block, sentence, number)
        for block in page
        if not block.exercise
        for sentence in block.sentences
        for number in sentence.numbers
        if not source_of(number, sentence, block, neighbourhood(block, page), sources)
    ]


def read_sources(page: list[Block], notebook: Path | None, claims: dict[str, str]) -> Sources:
    """What a page can point to; `notebook` is the solved edition of a lesson, None for the README."""
    made = Sources(
        links_of(page),
        records=frozenset(path.name for path in RESULTS.iterdir() if path.is_dir()),
        claims=claims,
    )
    if notebook is None:
        return made
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    outputs = [printed_by(cell) for cell in cells]
    source = notebook.with_suffix(".py")
    made.code = "\n".join(cell.text for cell in parse(source, read_source(source)) if cell.is_code)
    begun = 0
    for place, cell in enumerate(cells):
        if cell["cell_type"] == "markdown":
            heads = re.search(r"(?m)^## ", "".join(cell["source"]))
            begun = place if heads and heads.start() == 0 else begun
            before = "\n".join(outputs[begun:place])
            made.section[place] = before if before.strip() else "\n".join(outputs)
            begun = place if heads else begun
            beside = [i for i in (place - 1, place + 1) if 0 <= i < len(cells)]
            sure = [i for i in beside if "nbval-check-output" in cells[i]["metadata"].get("tags", [])]
            made.printed[place] = "\n".join(outputs[i] for i in sure)
    return made


def printed_by(cell: dict) -> str:  # type: ignore[type-arg]
    """What a code cell of a notebook printed, as plain text."""
    texts = []
    for out in cell.get("outputs", []):
        text = out.get("text") or out.get("data", {}).get("text/plain", "")
        texts.append(text if isinstance(text, str) else "".join(text))
    return "\n".join(texts)
