"""How the classroom speaks: plain text that any console can show, and that does nothing to it."""

from __future__ import annotations

import unicodedata


def say(*lines: str) -> None:
    """Print lines for a student, in ASCII."""
    print(
        "\n".join(line.encode("ascii", "backslashreplace").decode("ascii") for line in map(harmless, lines))
    )


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


def in_markdown(text: str) -> str:
    """A text of somebody else's as one paragraph of Markdown: no mark-up of HTML, no link, no picture, no cell of a table."""
    flat = " ".join(harmless(text).split())
    return "".join("\\" + c if c in "<>&[]|#" else c for c in flat)
