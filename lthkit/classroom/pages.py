"""Links that the build makes: from a lesson's first screen to its sections, and from its end to docstrings.

JupyterLab, Notebook 7 and nbconvert give a heading the id that `anchor` names and drop or keep a named anchor; Colab
knows named anchors only. So a heading carries both, under one name.
"""

from __future__ import annotations

import ast
import html
import inspect
import pkgutil
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lthkit.classroom.cells import BuildError

CONTENTS, DOCSTRINGS = "[contents]", "[docstrings]"
_PACKAGE = Path(__file__).resolve().parents[1]
_EVERYWHERE = ("by_tier", "classroom", "tier", "plots")  # in every lesson, and beside the point of each
_SECTION = re.compile(r"## +(?P<text>\S.*?) *")
_FENCE = re.compile(r" {0,3}(```|~~~)")


def anchor(heading: str) -> str:
    """The name under which a heading is found: its text without marks of Markdown, blanks as hyphens."""
    text = re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", lambda m: m[1] or "", heading)
    return quote(text.replace(" ", "-"), safe="?/:@!$&'*+,;=")


def with_contents(cells: Iterable[Any], where: str) -> None:
    """Give the sections (`##`) of a lesson their anchors, in place, and put links to them where `[contents]` stands.

    Raises:
        BuildError: two sections have one name, so that one of the links would lead to the wrong place.
    """
    texts = [cell for cell in cells if cell.cell_type == "markdown"]
    links: dict[str, str] = {}
    for cell in texts:
        lines = cell.source.split("\n")
        for i, found in _sections(lines):
            heading = found["text"]
            name = anchor(heading)
            if name in links:
                raise BuildError(f"{where}: two sections are called {heading!r}; their links would be one.")
            links[name] = f"[{heading}](#{name})"
            lines[i] = f'## <a name="{html.escape(name)}"></a>{heading}'
        cell.source = "\n".join(lines)
    _replace(cells, CONTENTS, "**Contents:** " + " · ".join(links.values()))


def with_docstrings(cells: Iterable[Any]) -> None:
    """Put links to the files of all functions of `lthkit` that the lesson calls where `[docstrings]` stands."""
    names = dict.fromkeys(_called([cell.source for cell in cells if cell.cell_type == "code"]))
    found = [(name, file) for name in names if (file := defined_in(name))]
    # Not as code: code has a colour of its own, and would not be seen to be a link.
    links = ", ".join(f"[lth.{name}](../{file})" for name, file in found)
    _replace(
        cells,
        DOCSTRINGS,
        "**Docstrings** of what this lesson calls from `lthkit`, in its order. In a cell, a name with `?` behind it "
        f"shows the same. {links}",
    )


def defined_in(name: str) -> str:
    """The file, as `lthkit/tickets/search.py`, with the docstring of `lthkit.NAME`; empty if there is none."""
    try:
        found = pkgutil.resolve_name(f"{_PACKAGE.name}:{name}")
    except (AttributeError, ImportError, ValueError):
        return ""
    if not (inspect.isfunction(found) or inspect.isclass(found)) or not inspect.getdoc(found):
        return ""
    file = Path(inspect.getsourcefile(found) or "").resolve()
    return file.relative_to(_PACKAGE.parent).as_posix() if _PACKAGE in file.parents else ""


def _called(codes: Iterable[str]) -> Iterator[str]:
    """Names below `lthkit` that the cells call, in order: `imp` for `lth.imp(...)`, by whatever name it was imported."""
    known: dict[str, str] = {}  # name in the lesson -> name below lthkit, "" for lthkit itself
    for code in codes:
        try:
            nodes = list(ast.walk(ast.parse(code)))
        except SyntaxError:  # a magic
            continue
        for node in nodes:
            if isinstance(node, ast.Import):
                known |= {n.asname or n.name: "" for n in node.names if n.name == _PACKAGE.name}
            elif isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{_PACKAGE.name}."):
                room = f"{node.module}.".partition(".")[2]
                known |= {n.asname or n.name: room + n.name for n in node.names}
        for call in sorted(
            (n for n in nodes if isinstance(n, ast.Call)), key=lambda n: (n.lineno, n.col_offset)
        ):
            first, _, rest = ast.unparse(call.func).partition(".")
            name = ".".join(filter(None, [known.get(first), rest]))
            if (
                first in known
                and re.fullmatch(r"\w+(\.\w+)*", name)
                and name.split(".")[0] not in _EVERYWHERE
            ):
                yield name


def _replace(cells: Iterable[Any], mark: str, text: str) -> None:
    for cell in cells:
        if cell.cell_type == "markdown":
            lines = cell.source.split("\n")
            cell.source = "\n".join(text if line.strip() == mark else line for line in lines)


def _sections(lines: list[str]) -> Iterator[tuple[int, re.Match[str]]]:
    """The headings of level two; in a block of code there are none."""
    fenced = False
    for i, line in enumerate(lines):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and (found := _SECTION.fullmatch(line)):
            yield i, found
