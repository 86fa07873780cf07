"""Where the statements at the left of a text begin and end, though the text may be broken or have magics in it.

Only brackets, texts and the first word of a line are looked at, so that one broken statement does not hide the others.
"""

from __future__ import annotations

import re

# A comment, a text or a bracket. A text in three quotes without an end goes on to the end of the file.
LEXEME = re.compile(
    r"#[^\n]*|(?P<q>'''|\"\"\")(?:\\.|[^\\])*?(?:(?P=q)|\Z)|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|[()\[\]{}]",
    re.DOTALL,
)
_BEGIN = re.compile(r"^(?![#\s)\]}]|(?:else|elif|except|finally)\b)", re.MULTILINE)
DEFINES = re.compile(r"(?:def|class|import|from|async def)\b|@\w")


def begins(text: str) -> list[int]:
    """Where a statement may begin: at the left, and not what goes on from above."""
    found, before = [], ""
    for place in _BEGIN.finditer(text):
        begin = place.start()
        line = text[begin:].partition("\n")[0]
        if line and not text.endswith("\\\n", 0, begin) and not before.startswith("@"):
            found.append(begin)
        before = line
    return found


def ends(text: str, begin: int, rest: list[int]) -> list[int]:
    """Where a statement may end: where its brackets and texts do, at the latest at the next definition.

    If one of its texts in three quotes goes on over a definition, that definition comes second; if such a text has no end,
    it comes alone.
    """
    if text[begin] in "%!?":
        return rest[:1]
    near = next((end for end in rest if DEFINES.match(text, end)), len(text))
    depth, over, left = 0, False, iter(rest)
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
