"""A docstring, as this package writes them, as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection

SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises")

_ITEM = re.compile(r"(?P<names>\*{0,2}\w+(?:, \*{0,2}\w+)*): ")
_CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_SPECIAL = re.compile(r"([\\*_\[\]<>#|~$^&{}])")
_STRESS = re.compile(r"(?<![\w\\])\\\*(\w(?:[^*\n]*\w)?)\\\*(?!\w)")  # *word*, escaped
_PERCENT = re.compile(r"(?<=\d) %")


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
            parts += [f"**{section}**", _items(body, None, linked)]
        elif all(line.startswith("    ") for line in lines):
            code = "\n".join(line[4:] for line in lines)
            if parts and parts[-1].endswith("\n```") and parts[-1].startswith("```python"):
                parts[-1] = parts[-1].removesuffix("\n```") + f"\n\n{code}\n```"  # an empty line in the code
            else:
                parts.append(f"```python\n{code}\n```")
        else:
            parts.append(_items(lines, names, linked))
    return "\n\n".join(parts)


def _items(lines: list[str], names: Collection[str] | None, linked: Callable[[str], str]) -> str:
    """Lines of a paragraph, in which each entry (`name: what it is`) is one item of a list; names=None takes any name."""
    entries: list[tuple[str, list[str]]] = []
    for line in lines:
        found = _ITEM.match(line)
        known = found is not None and (
            names is None or all(name.lstrip("*") in names for name in found["names"].split(", "))
        )
        if found and known:
            entries.append((found["names"], [line[found.end() :]]))
        elif entries:
            entries[-1][1].append(line.strip())
        else:
            entries.append(("", [line.strip()]))
    made = []
    for name, words in entries:
        text = escaped(" ".join(words), linked)
        made.append(f"- `{name}`: {text}" if name else text)
    return "\n".join(made) if all(name for name, _ in entries) else "\n\n".join(made)


def escaped(text: str, linked: Callable[[str], str] = str) -> str:
    """Plain text as Markdown that shows it as it is; what stands between backquotes stays code, and *between stars* stressed."""
    done, last = [], 0
    for code in _CODE.finditer(text):
        done += [_plain(text[last : code.start()]), linked(code[0])]
        last = code.end()
    return "".join([*done, _plain(text[last:])])


def _plain(text: str) -> str:
    return _STRESS.sub(r"*\1*", _SPECIAL.sub(r"\\\1", joined(text)))


def joined(text: str) -> str:
    """A text in which no line ends between a number and its percent sign."""
    return _PERCENT.sub("\N{NO-BREAK SPACE}%", text)
