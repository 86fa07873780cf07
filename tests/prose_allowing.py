"""The allow-list of numbers in prose: what a reason must say, and what is computed or looked up of it."""

from __future__ import annotations

import ast
import operator
import re
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.prose import Block, Number, Sentence
from tests.prose_sources import ROOT, Sources, shows, unsourced

ALLOWED = Path(__file__).with_name("prose_allowed.toml")
KINDS = {
    "arithmetic": "the reader can compute it: expressions in backticks have the numbers as result, or in them",
    "setting": "code of the lesson, or of a named file of lthkit, sets it: that code in backticks has the numbers",
    "definition": "a convention or a definition, of which the reason says which",
    "example": "made up, to explain something, or quoted as somebody's words; nobody measured it",
    "scale": "the end of a scale, such as all of the weights, or a mark on an axis",
    "time": "how long something takes, as an estimate for the reader",
}
Found = tuple[Block, Sentence, Number]
_WORKS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def read(path: Path = ALLOWED) -> dict[str, dict[str, str]]:
    """Page -> words -> reason."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def covered(words: str, found: Iterable[Found]) -> list[Found]:
    """Of the numbers without a source, those that stand inside these words of their sentence."""
    return [each for each in found if _inside(words, each[1], each[2])]


def _inside(words: str, sentence: Sentence, number: Number) -> bool:
    begin = sentence.raw.find(words)
    while begin >= 0:
        if begin <= number.start and number.start + len(number.words) <= begin + len(words):
            return True
        begin = sentence.raw.find(words, begin + 1)
    return False


def computed(expression: str) -> float:
    """The value of + - * / ** on numbers, and of nothing else."""

    def value(node: ast.AST) -> float:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return node.value
        if isinstance(node, ast.BinOp) and type(node.op) in _WORKS:
            return _WORKS[type(node.op)](value(node.left), value(node.right))
        raise ValueError(f"{expression!r} is no arithmetic of + - * / ** on numbers.")

    return float(value(ast.parse(expression.strip(), mode="eval").body))


def fault(reason: str, numbers: Iterable[Number], code: str) -> str:
    """What is wrong with a reason for these numbers, or "". `code` is that of the lesson."""
    kind, colon, why = reason.partition(": ")
    if kind not in KINDS or not colon or len(why) < 10 and "`" not in why:
        return f"the reason {reason!r} should begin with one of {', '.join(KINDS)}, a colon, and say which"
    if kind not in ("arithmetic", "setting"):
        return ""
    quoted = re.findall(r"`([^`]+)`", why)
    if kind == "arithmetic":
        try:
            held = "; ".join(f"{x} {computed(x):.9g} {100 * computed(x):.9g}" for x in quoted)
        except (ValueError, SyntaxError) as error:
            return f"the arithmetic of {reason!r}: {error}"
    else:
        named = re.search(r"\bin (lthkit/[\w/]+\.py)", why)
        code = (ROOT / named[1]).read_text(encoding="utf-8") if named else code
        sums = [x for x in quoted if re.fullmatch(r"[\d.]+ - [\d.]+", x)]
        missing = [x for x in quoted if x not in sums and x not in code]
        if missing:
            return f"`{missing[0]}` stands nowhere in the code that {reason!r} points to"
        held = "; ".join([*quoted, *(f"{computed(x):.9g}" for x in sums)])
    wrong = [n.words for n in numbers if not shows(held, n, exact=True)]
    return f"{reason!r} does not give {', '.join(wrong)}" if wrong or not quoted else ""


def faults(page: list[Block], sources: Sources, entries: dict[str, str]) -> list[str]:
    """What is wrong on a page: numbers that nothing accounts for, reasons that do not hold, entries of which there is no need."""
    found = unsourced(page, sources)
    used: set[tuple[int, int, str]] = set()
    told = []
    for words, reason in entries.items():
        mine = covered(words, found)
        used |= {(id(block), id(sentence), f"{number.start}") for block, sentence, number in mine}
        if not mine:
            told.append(f"allow-list: no number without a source stands in {words!r} any more; take it out")
        elif wrong := fault(reason, [number for *_, number in mine], sources.code):
            told.append(f"allow-list: {words!r}: {wrong}")
    for block, sentence, number in found:
        if (id(block), id(sentence), f"{number.start}") not in used:
            told.append(
                f"{block.page}, line {block.line}: {number.words} {number.unit}: where from? {_around(sentence, number)!r}"
            )
    return told


def _around(sentence: Sentence, number: Number) -> str:
    return sentence.raw[max(0, number.start - 50) : number.start + 50].strip()
