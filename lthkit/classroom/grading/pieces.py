"""Where the statements at the left of a text begin and end, though the text may be broken or have magics in it.

Only brackets, texts and the first word of a line are looked at, so that one broken statement does not hide the others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# A comment, a text or a bracket. A text in three quotes without an end goes on to the end of the file.
LEXEME = re.compile(
    r"#[^\n]*|(?P<q>'''|\"\"\")(?:\\.|[^\\])*?(?:(?P=q)|\Z)|'(?:\\.|[^'\\\n])*'?|\"(?:\\.|[^\"\\\n])*\"?|[()\[\]{}]",
    re.DOTALL,
)
_LEXEME_BEGINS = re.compile(r"[#'\"()\[\]{}]")
_BEGIN = re.compile(r"^(?![#\s)\]}]|(?:else|elif|except|finally)\b)", re.MULTILINE)
DEFINES = re.compile(r"(?:def|class|import|from|async def)\b|@\w")


def begins(text: str) -> list[int]:
    """Where a statement may begin: at the left, and not what goes on from above."""
    found, before = [], ""
    for place in _BEGIN.finditer(text):
        begin = place.start()
        end = text.find("\n", begin)
        line = text[begin : end if end >= 0 else len(text)]
        if line and not text.endswith("\\\n", 0, begin) and not before.startswith("@"):
            found.append(begin)
        before = line
    return found


def definitions(text: str, places: Sequence[int]) -> list[int]:
    """For each of the places the next one behind it where a definition begins; the end of the text if there is none."""
    found, near = [len(text)] * len(places), len(text)
    for n in range(len(places) - 1, -1, -1):
        found[n] = near
        near = places[n] if DEFINES.match(text, places[n]) else near
    return found


def ends(text: str, places: Sequence[int], n: int, near: int) -> list[int]:
    """Where a statement may end: where its brackets and texts do, at the latest at the next definition.

    If one of its texts in three quotes goes on over a definition, that definition comes second; if such a text has no end,
    it comes alone.

    Args:
        places: where statements may begin, and the end of the text.
        n: which of them it is that begins; `near` is where the next definition does.
    """
    begin = places[n]
    if text[begin] in "%!?":
        return [places[n + 1]]
    if not _LEXEME_BEGINS.search(text, begin, places[n + 1]) and not DEFINES.match(text, begin):
        return [places[n + 1]]
    depth, over, left = 0, False, (places[i] for i in range(n + 1, len(places)))
    end = next(left)
    for found in LEXEME.finditer(text, begin):
        while end <= found.start():
            if depth <= 0 or DEFINES.match(text, end):
                return [end, near] if over else [end]
            end = next(left)
        if found["q"] and not (len(found[0]) >= 6 and found[0].endswith(found["q"])):
            return [near]
        while end < found.end():
            over, end = over or end == near, next(left)
        depth += (found[0] in "([{") - (found[0] in ")]}")
    if depth > 0:
        end = next((e for e in [end, *left] if DEFINES.match(text, e)), len(text))
    return [end, near] if over else [end]
