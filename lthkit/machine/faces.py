"""The two faces of what is shown: HTML where a notebook reads it, plain text where a terminal does."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from typing import Any

TERMINAL = 80  # columns of a terminal whose width is not known
COLUMNS = (
    72  # of what a lesson prints; a page that is narrower than a line breaks it inside of words and numbers
)

_WORD = re.compile(r"(?:\[[^\[\]]{1,60}\]|(?<=\d) (?=%)|\S)+")  # [-0.1, 0.2] is one word, and so is 95 %

_ASCII = str.maketrans(
    dict[str, str | int | None](
        {"±": "+/-", "–": "-", "—": "-", "−": "-", "×": "x", "·": "-", "→": "->", "θ": "theta", "…": "..."}
    )
)


def in_notebook() -> bool:
    """True in the kernel of a notebook, which shows HTML; False in a script, a terminal and a terminal's IPython."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = get_ipython() if get_ipython else None
    return getattr(shell, "kernel", None) is not None


def show(*, html: str, text: str) -> None:
    """Show one thing once: in a notebook as one display with both faces, elsewhere its text on stdout."""
    if in_notebook():
        from IPython.display import display

        display({"text/plain": text, "text/html": html}, raw=True)  # type: ignore[no-untyped-call]
    else:
        print(spelled(text, getattr(sys.stdout, "encoding", None)))


def spelled(text: str, encoding: str | None) -> str:
    """The text, in ASCII if it has a letter that `encoding` does not have."""
    try:
        text.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
    return text


def filled(text: object) -> str:
    """A text to be printed, in lines of at most `COLUMNS`, broken between words: not inside of [brackets], nor before a %.

    Lines that are short enough stay as they are. Those that go on begin where the line began. A longer word is not broken.
    """
    return "\n".join(map(_filled, str(text).split("\n")))


def _filled(line: str) -> str:
    if len(line) <= COLUMNS:
        return line
    margin = line[: len(line) - len(line.lstrip())]
    lines: list[str] = []
    for word in _WORD.findall(line):
        if lines and len(lines[-1]) + 1 + len(word) <= COLUMNS:
            lines[-1] += f" {word}"
        else:
            lines.append(margin + word)
    return "\n".join(lines)


def terminal_width(stream: Any = None) -> int:
    """Columns of the terminal that `stream`, stdout by default, writes to; `TERMINAL` if it writes to none."""
    try:
        columns = os.get_terminal_size((stream or sys.stdout).fileno()).columns
    except (AttributeError, OSError, ValueError):
        return TERMINAL
    return columns or TERMINAL


def harmless(text: str) -> str:
    """A text whose control characters, and those that turn the direction of writing, are shown and not acted on.

    A new line and a tab stay, and what joins or parts letters in a word, as Persian names have it.
    """
    if text.isprintable():
        return text
    return "".join(
        c
        if c in "\n\t\u200c\u200d" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else ascii(c)[1:-1]
        for c in text
    )
