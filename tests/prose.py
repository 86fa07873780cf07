"""Numbers in prose, and what stands around them: the markdown of lessons and of the README without code, headings and exercises.

A block is a paragraph, an item of a list or a row of a table; it has sentences. What counts as a number is in `numbers`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from lthkit.classroom.cells import parse, read_source

NUMBER = r"(?<![\w.,\d-])[-+−]?\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?(?![\w]|[.,]\d)"
UNIT = (
    r"(?:%|percent\b|(?:percentage )?points?\b|times\b|(?:milli|micro)?seconds?\b|minutes?\b|hours?\b|(?:ms|µs|s)\b"
    r"|[KMG]i?B\b|(?:kilo|mega|giga)bytes?\b|[GT]FLOP)"
)
_JOIN = r"(?:,? (?:and|or|to|against|beside|of) |, | ?(?:–|±) ?|-)"
_ABBREVIATED = re.compile(r"(?:\bet al|\bvs|\be\.g|\bi\.e|\bcf|\bfig|\bno|\bn)\.$", re.IGNORECASE)
_END = re.compile(r"(?<=[.?!:])[)*_\"”]*\s+(?=[\"(*_“]*(?:[A-Z\[`]|\d|[-+−]\d))")
_LINK = re.compile(r"\]\((?:[^()\s]|\([^()\s]*\))*\)")
# No measurement: the place in a paper, the name of an exercise or a lesson, a version, a licence, an article's number.
_NAMES = re.compile(
    r"arXiv[: ]*\d{4}\.\d{5}|\b(?:sections?|figures?|tables?|appendix|chapter|equation) \d[\d.]*\w?(?:(?:, | and | to )\d[\d.]*\w?)*"
    r"|\bZen \d\b|\bseeds \d+ to \d+|\b0\d to \d\d\b|\b(?:19|20)\d\d to (?:19|20)\d\d"
    r"|\blessons? \d\d(?:(?:, | and | or | to )\d\d)*|\b(?:exercises?|questions?) \d\d\.\w+(?:(?:, | and | or | to )\d\d\.\w+)*|\b0\d\.Q?\d|\b\d\d\.Q\d"
    r"|\b(?:Python|torch|PyTorch|lthkit|CC BY|PowerShell|numpy|compute capability) v?\d[\d.]*(?:(?: to | and )\d[\d.]*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Number:
    """A number of prose: as it stands ("38", "0.8"), its unit ("%", "" for none), where it begins in its sentence."""

    words: str
    unit: str
    start: int
    kind: str

    @property
    def value(self) -> float:
        return float(self.words.replace(",", "").replace("−", "-"))

    @property
    def decimals(self) -> int:
        return len(self.words.partition(".")[2])


@dataclass(frozen=True)
class Sentence:
    """A sentence: its text without link targets and code, the same as written, its numbers."""

    text: str
    raw: str
    numbers: tuple[Number, ...]


@dataclass
class Block:
    """A paragraph, an item of a list, or a row of a table: where it begins, its sentences, the blocks of its neighbourhood.

    `cell` counts the cells of a lesson, so that what a code cell beside it prints can be found; `table` is the number of
    its table within the page, 0 outside one. `exercise` says that it belongs to the text of an exercise.
    """

    page: str
    line: int
    raw: str
    cell: int = 0
    table: int = 0
    exercise: bool = False
    sentences: list[Sentence] = field(default_factory=list)


def without_code(text: str) -> str:
    """The text, with code in backticks and in formulas of `$` blanked and every link reduced to its words, same length."""

    def blank(found: re.Match[str]) -> str:
        return " " * len(found[0])

    text = re.sub(r"(?<!\[)`[^`\n]+`|\[`[^`\n]+`(?=\])", blank, text)
    text = _LINK.sub(lambda m: "]" + " " * (len(m[0]) - 1), text)
    return re.sub(r"https?://\S+", blank, text)


def sentences(raw: str) -> list[Sentence]:
    """The sentences of one block."""
    plain = without_code(raw)
    cuts = [0]
    for found in _END.finditer(plain):
        if not _ABBREVIATED.search(plain[: found.start()]) and not plain[: found.start()].endswith(":"):
            cuts.append(found.end())
    ends = [*cuts[1:], len(plain)]
    return [
        Sentence(plain[a:b], raw[a:b], tuple(numbers(plain[a:b]))) for a, b in zip(cuts, ends, strict=True)
    ]


def numbers(sentence: str) -> list[Number]:
    """Decimals, numbers with a unit (percent, points, times, time, bytes; of a list the last one says it), intervals, shares.

    An interval is [a, b], a ± b or "a to b", a share "a of b". Other whole numbers count things: steps, seeds, weights, years.
    They are no measurement, and not listed; nor are numbers in words.
    """
    text = _NAMES.sub(lambda m: "x" * len(m[0]), sentence)
    found: dict[int, Number] = {}

    def add(start: int, words: str, unit: str, kind: str) -> None:
        for part in re.finditer(NUMBER, words):
            found.setdefault(start + part.start(), Number(part[0], unit, start + part.start(), kind))

    for m in re.finditer(rf"({NUMBER}(?:{_JOIN}{NUMBER})*) ?({UNIT})", text):
        add(m.start(), m[1], m[2].strip(), "percentage" if m[2] == "%" else "with a unit")
    for m in re.finditer(
        rf"\[{NUMBER}, {NUMBER}\]|{NUMBER} ?± ?{NUMBER}|(?<!×){NUMBER} (?:to|of) {NUMBER}(?! ?×)", text
    ):
        add(m.start(), m[0], "", "interval")
    for m in re.finditer(NUMBER, text):
        if re.search(r"[.e]", m[0]):
            add(m.start(), m[0], "", "decimal")
    return [found[start] for start in sorted(found)]


def blocks(page: str, text: str, *, line: int = 1, cell: int = 0, tables: int = 0) -> list[Block]:
    """The blocks of markdown: without fenced code, headings and comments. `line` is that of its first line."""
    text = re.sub(r"<!--.*?-->", lambda m: re.sub(r"[^\n]", "", m[0]), text, flags=re.DOTALL)
    text = re.sub(r"(?ms)^ *```.*?^ *```", lambda m: re.sub(r"[^\n]", "", m[0]), text)
    made: list[Block] = []
    table, inside, exercise, level = tables, False, False, 0
    for at, row in enumerate(text.split("\n"), line):
        bare = row.strip()
        heading = re.match(r"(#+) (.*)", bare)
        if heading:
            if not exercise or len(heading[1]) <= level:
                exercise, level = heading[2].startswith("Exercise"), len(heading[1])
            inside = False
        elif bare.startswith("|"):
            table += not (made and made[-1].table == table and made[-1].raw.startswith("|") and inside)
            inside = True
            if not re.fullmatch(r"[|:\- ]+", bare):
                made.append(Block(page, at, bare, cell, table, exercise))
        elif not bare:
            inside = False
        elif inside and not re.match(r"([-*]|\d+\.) ", bare) and not made[-1].raw.startswith("|"):
            made[-1].raw += " " + bare
        else:
            made.append(Block(page, at, bare, cell, 0, exercise))
            inside = True
    for block in made:
        block.sentences = sentences(block.raw)
    return made


def read_lesson(source: Path) -> list[Block]:
    """The blocks of a lesson's source. What follows a heading "Exercise ..." in its cell is the exercise's text."""
    made: list[Block] = []
    for number, cell in enumerate(parse(source, read_source(source))):
        if not cell.is_code:
            text = "\n".join(re.sub(r"^# ?", "", row) for row in cell.lines)
            last = max((block.table for block in made), default=0)
            made += blocks(source.stem[:2], text, line=cell.line + 1, cell=number, tables=last)
    return made


def read_page(page: Path) -> list[Block]:
    """The blocks of a markdown file, under its name."""
    return blocks(page.name, page.read_text(encoding="utf-8"))
