"""Names in any script in a figure: letters that its font lacks come from another that is installed, or are spelled out."""

from __future__ import annotations

from functools import cache

from matplotlib.font_manager import FontEntry, findfont, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text


def lettered(text: Text) -> Text:
    """The same text of a figure, so that it can be drawn: a Korean name is no row of empty boxes.

    A letter that no installed font has is spelled as Python does, \\uac00 say. Dollar signs are letters, too.
    """
    text.set_parse_math(False)
    words = text.get_text()
    if words.isascii():
        return text
    missing = frozenset(
        c for c in words if c.isprintable() and ord(c) not in _letters_of(findfont(text.get_fontproperties()))
    )
    if not missing:
        return text
    lent, left = _lenders(missing)
    if lent:
        text.set_fontfamily([*text.get_fontfamily(), *lent])
    text.set_text("".join(c.encode("ascii", "backslashreplace").decode() if c in left else c for c in words))
    return text


@cache
def _letters_of(path: str) -> frozenset[int]:
    return frozenset(FT2Font(path).get_charmap())


@cache
def _lenders(missing: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Names of fonts that together have as many of the letters as can be, and the letters that none has."""
    lent, left = list[str](), missing
    for entry in sorted(fontManager.ttflist, key=_preference):
        if not left:
            break
        try:
            found = {c for c in left if ord(c) in _letters_of(entry.fname)}
        except (OSError, RuntimeError):  # a font that is gone, or damaged
            continue
        if found and not entry.name.startswith("Last Resort"):  # which has a box for every letter
            lent.append(entry.name)
            left -= found
    return tuple(lent), left


def _preference(entry: FontEntry) -> tuple[bool, bool, bool, str]:
    """Plain ones first: upright, of normal weight, without serifs."""
    plain = any(word in entry.name for word in ("Sans", "Gothic"))
    return (
        entry.style != "normal",
        str(entry.weight) not in ("400", "normal", "regular"),
        not plain,
        entry.name,
    )
