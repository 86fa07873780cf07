"""A docstring, as this package writes them, as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterator

SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises")

_ITEM = re.compile(r"(?P<names>\*{0,2}\w[\w.]*(?:, \*{0,2}\w[\w.]*)*): ")
_ERROR = re.compile(r"(?:\w+\.)+[A-Z]\w*|(?=\w*[a-z])[A-Z]\w*[A-Z]\w*")
_WITH_QUOTES = re.compile(
    r'\w+="[^"\s]*"|\{"[^{}]*\}|\["[^\[\]]*\]'
)  # code, without marks, that quotes of prose would spoil
_CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_SPECIAL = re.compile(r"([\\*_\[\]<>#|~$^&{}])")
_STRESS = re.compile(r"(?<![\w\\])\\\*(\w(?:[^*\n]*\w)?)\\\*(?!\w)")  # *word*, escaped
_PERCENT = re.compile(r"(?<=\d) %")
_COUNT = re.compile(r"\bn = (?=\d)")


def as_markdown(docstring: str, *, names: Collection[str] = (), linked: Callable[[str], str] = str) -> str:
    """The docstring as Markdown.

    Args:
        docstring: as it stands in the code.
        names: arguments or attributes; a line that begins with one of them, or several, and a colon explains it.
        linked: what stands in place of code between backquotes, such as "`prune`".
    """
    parts: list[str] = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(docstring)):
        lines = paragraph.split("\n")
        section = lines[0].removesuffix(":")
        if section in SECTIONS and lines[0].endswith(":"):
            body = inspect.cleandoc("\n".join(["", *lines[1:]])).split("\n")
            inside = _ERROR.fullmatch if section == "Raises" else names.__contains__
            parts += [f"**{section}**", _items(body, inside, linked, section=True)]
        elif all(line.startswith("    ") for line in lines):
            code = "\n".join(line[4:] for line in lines)
            if parts and parts[-1].endswith("\n```") and parts[-1].startswith("```python"):
                parts[-1] = parts[-1].removesuffix("\n```") + f"\n\n{code}\n```"  # an empty line in the code
            else:
                parts.append(f"```python\n{code}\n```")
        else:
            parts.append(_items(lines, names.__contains__, linked))
    return "\n\n".join(parts)


def _items(
    lines: list[str],
    known: Callable[[str], object],
    linked: Callable[[str], str],
    *,
    section: bool = False,
) -> str:
    """Lines of a paragraph, in which each entry (`name: what it is`) is one item of a list.

    In a section each line that begins so is an entry, elsewhere only if the name is `known`; and a known one is an entry
    inside a line too, after a full stop or a semicolon.
    """
    entries: list[tuple[str, list[str]]] = []
    for line in lines:
        found = _ITEM.match(line)
        if found and (section or _all_of(found["names"], known)):
            entries.append((found["names"], [line[found.end() :]]))
        elif entries:
            entries[-1][1].append(line.strip())
        else:
            entries.append(("", [line.strip()]))
    made = []
    for name, words in entries:
        for own, text in _apart(name, " ".join(words), known):
            made.append(f"- `{own}`: {escaped(text, linked)}" if own else escaped(text, linked))
    return "\n".join(made) if all(name for name, _ in entries) else "\n\n".join(made)


def _all_of(listed: str, known: Callable[[str], object]) -> bool:
    return all(known(name.lstrip("*")) for name in listed.split(", "))


def _apart(name: str, text: str, known: Callable[[str], object]) -> Iterator[tuple[str, str]]:
    """An entry, and those that begin inside its text."""
    begun = 0
    for found in _ITEM.finditer(text) if name else ():
        before = text[begun : found.start()]
        if before.endswith((". ", "; ")) and before.count("`") % 2 == 0 and _all_of(found["names"], known):
            yield name, before[:-2] + "."
            name, begun = found["names"], found.end()
    yield name, text[begun:]


def escaped(text: str, linked: Callable[[str], str] = str) -> str:
    """Plain text as Markdown that shows it as it is; what stands between backquotes stays code, and *between stars* stressed."""
    done, last = [], 0
    for code in _CODE.finditer(text):
        done += [_plain(text[last : code.start()]), linked(code[0])]
        last = code.end()
    return "".join([*done, _plain(text[last:])])


def _plain(text: str) -> str:
    done, last = [], 0
    for code in _WITH_QUOTES.finditer(text):
        done += [_words(text[last : code.start()]), f"`{code[0]}`"]
        last = code.end()
    return "".join([*done, _words(text[last:])])


def _words(text: str) -> str:
    return _STRESS.sub(r"*\1*", _SPECIAL.sub(r"\\\1", joined(text)))


def joined(text: str) -> str:
    """A text in which no line ends between a number and its percent sign, nor inside "n = 10"."""
    text = _PERCENT.sub("\N{NO-BREAK SPACE}%", text)
    return _COUNT.sub("n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}", text)
