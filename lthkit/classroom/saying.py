"""How the classroom speaks: in a notebook one display with an HTML and a text face, elsewhere plain text for any console.

What is said may come from a student's function. It is shown, and does nothing: no control character acts, no mark-up is
one, and no text is broken inside a word.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

from lthkit.classroom.layout import in_columns, laid_out
from lthkit.machine import faces

harmless = faces.harmless
COLUMNS = 76  # of the text face
_BROAD = 44  # of a value in the HTML face


class State(NamedTuple):
    """How a state is shown: by a sign, by a colour that stands out on white and on black, and by words in the text."""

    sign: str
    color: str


GOOD, BAD, OPEN, TOLD = "#2b8a3e", "#d64545", "#b26a00", "#3b78c4"
STATES = {
    "passed": State("✓", GOOD),
    "right": State("✓", GOOD),
    "not yet": State("✗", BAD),
    "not right": State("✗", BAD),
    "open": State("○", OPEN),
    "reference": State("○", OPEN),
    "told": State("→", TOLD),
    "note": State("!", OPEN),
}

# What is spoken about, and how a question or a sentence on it goes on.
_ABOUT = re.compile(r"(\d\d\.Q?\d+(?: \w+)*)(: |  )(.*)", re.DOTALL)

_STYLE = """\
div.lth-says{border-left:.3em solid;padding:.1em .8em;margin:.3em 0;max-width:60em;overflow-wrap:break-word}
div.lth-says p{margin:.25em 0;white-space:pre-wrap}
div.lth-says .lth-sign{font-weight:bold;margin-right:.4em}
div.lth-says .lth-apart{display:flex;flex-wrap:wrap;gap:.3em 1.5em;margin:.25em 0}
div.lth-says.lth-says pre,div.lth-says.lth-says code{background:var(--jp-layout-color2,rgba(128,128,128,.15));color:inherit;\
font-family:var(--jp-code-font-family,monospace)}
div.lth-says.lth-says code{padding:0 .2em}
div.lth-says.lth-says pre{padding:.3em .6em;margin:.1em 0;white-space:pre-wrap!important;\
overflow-wrap:break-word;word-break:normal!important}
div.lth-says ul{list-style:none;margin:.25em 0;padding:0}
div.lth-says li{margin:.1em 0;padding-left:1.4em;text-indent:-1.4em}
div.lth-says summary{cursor:pointer}"""


@dataclass(frozen=True)
class Call:
    """A call as text, or other code of one line."""

    code: str

    def text(self) -> list[str]:
        return _wrapped("  " + self.code, hang="    ")

    def html(self) -> str:
        return f"<pre>{_e(self.code)}</pre>"


@dataclass(frozen=True)
class Apart:
    """What was expected beside what came."""

    expected: Any
    got: Any

    def text(self) -> list[str]:
        return ["  " + line for line in in_columns(self.expected, self.got, width=COLUMNS - 2)]

    def html(self) -> str:
        sides = laid_out(self.expected, _BROAD), laid_out(self.got, _BROAD)
        alike = len(sides[0]) == len(sides[1]) > 1
        parts = []
        for name, own, other in zip(("expected", "got"), sides, sides[::-1], strict=True):
            lines = [
                f"<b>{_e(line)}</b>" if alike and line != other[i] else _e(line) for i, line in enumerate(own)
            ]
            parts.append(f"<div>{name}<pre>{chr(10).join(lines)}</pre></div>")
        return f'<div class="lth-apart">{"".join(parts)}</div>'


@dataclass(frozen=True)
class Options:
    """The options of a question by their letters, with the chosen one marked, as right or not right if that is said."""

    options: Sequence[tuple[str, str]]
    chosen: str | None
    right: bool | None = None

    def text(self) -> list[str]:
        return [
            line
            for letter, option in self.options
            for line in _wrapped(
                f"  {'>' if letter == self.chosen else ' '} {letter}) {option}", hang=" " * 7
            )
        ]

    def html(self) -> str:
        items = []
        for letter, option in self.options:
            sign, text = "\u2003", f"{_e(letter)}) {_marked(option)}"
            if letter == self.chosen:
                state = STATES["told" if self.right is None else "right" if self.right else "not right"]
                sign, text = f'<span style="color:{state.color}">{state.sign}</span>', f"<b>{text}</b>"
            items.append(f"<li>{sign} {text}</li>")
        return f"<ul>{''.join(items)}</ul>"


@dataclass(frozen=True)
class Folded:
    """Code that is folded in HTML; its text is there only if `open_in_text`."""

    summary: str
    code: str
    open_in_text: bool

    def text(self) -> list[str]:
        return (
            ["", *("    " + line if line else "" for line in self.code.splitlines())]
            if self.open_in_text
            else []
        )

    def html(self) -> str:
        return f"<details><summary>{_e(self.summary)}</summary><pre>{_e(self.code)}</pre></details>"


@dataclass(frozen=True)
class InText:
    """A line that only the text face needs."""

    line: str

    def text(self) -> list[str]:
        return _wrapped(self.line)

    def html(self) -> str:
        return ""


Block = str | Call | Apart | Options | Folded | InText


def say(first: str, *more: Block, state: str = "note") -> None:
    """Say one thing to a student: a first line, which begins with what it is about and a colon, and what goes on below."""
    faces.show(html=as_html(first, *more, state=state), text=as_text(first, *more))


def write(*lines: str) -> None:
    """Print lines on stdout in a notebook too, in ASCII."""
    print("\n".join(_ascii(line) for line in lines))


def as_text(first: str, *more: Block) -> str:
    """The text face: ASCII, wrapped at words."""
    lines = []
    for block in (first, *more):
        lines += _wrapped(block) if isinstance(block, str) else block.text()
    return "\n".join(map(_ascii, lines))


def as_html(first: str, *more: Block, state: str = "note") -> str:
    """The HTML face."""
    sign, color = STATES[state]
    head = _marked(first)
    if found := _ABOUT.fullmatch(first):
        about, colon, said = found.groups()
        if colon == ": " and state in ("passed", "not yet", "open", "reference"):
            word, point, rest = said.partition(".")
            head = f"<b>{_marked(word + point)}</b> {_e(about)}{'.' * bool(rest)}{_marked(rest)}"
        else:
            head = f"<b>{_e(about)}</b> {_marked(said)}"
    body = "".join(f"<p>{_marked(b.strip())}</p>" if isinstance(b, str) else b.html() for b in more)
    return (
        f'<div class="lth-says tex2jax_ignore mathjax_ignore" style="border-left-color:{color}"><style>\n{_STYLE}\n'
        f'</style><p><span class="lth-sign" style="color:{color}">{sign}</span>{head}</p>{body}</div>'
    )


def in_markdown(text: str) -> str:
    """A text of somebody else's as one paragraph of Markdown: no mark-up of HTML, no link, no picture, no cell of a table."""
    flat = " ".join(harmless(text).split())
    return "".join("\\" + c if c in "<>&[]|#" else c for c in flat)


def _ascii(line: str) -> str:
    return harmless(line).encode("ascii", "backslashreplace").decode("ascii")


def _wrapped(text: str, hang: str | None = None) -> list[str]:
    """Lines of at most `COLUMNS`, broken between words; those that go on begin under the first, or with `hang`."""
    lines = []
    for line in _ascii(text).split("\n"):
        if len(line) <= COLUMNS:
            lines.append(line)
            continue
        margin = line[: len(line) - len(line.lstrip(" "))]
        lines += textwrap.wrap(
            line,
            COLUMNS,
            subsequent_indent=margin if hang is None else hang,
            break_long_words=False,
            break_on_hyphens=False,
            expand_tabs=False,
            replace_whitespace=False,
        )
    return lines


def _e(text: str) -> str:
    return escape(harmless(text))


def _marked(text: str) -> str:
    """Escaped text, in which names between backquotes and calls of hint and check stand as code."""
    return re.sub(
        r"`([^`\n]+)`|\b((?:hint|check|use)\(&quot;[\w.]+&quot;(?:, \w+)?\))",
        lambda found: f"<code>{found[1] or found[2]}</code>",
        _e(text),
    )
