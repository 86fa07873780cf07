"""Reading what was handed in: notebooks of any version 3 to 4.5 and exported .py files, as a list of code cells.

Nothing of a submission is run here, and no notebook library is asked, because those refuse what other editors write.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

_MARK = re.compile(r"exercise-(\d\d)-(\d+)")
_HEADER = re.compile(r"^# (?:In\s?\[.*\]:|%%.*)$", re.MULTILINE)
_MAGIC = re.compile(r"^\s*(?:[%!?]|get_ipython\(\)\.(?:run_|system|getoutput|magic))|^[^#'\"]*\w\?{1,2}\s*$")


class Unreadable(ValueError):
    """A file that is neither a notebook nor Python; the text says what is wrong with it."""


@dataclass(frozen=True)
class Code:
    """A code cell: its text without magics, and the exercise that its metadata or its id names ("" for none)."""

    text: str
    mark: str = ""


def read(name: str, content: bytes) -> list[Code]:
    """The code cells of a notebook, or of a .py file, in their order.

    Raises:
        Unreadable: the file is damaged, empty or of another kind.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("it is not a text file; is it the notebook, and whole?") from None
    if not text.strip():
        raise Unreadable("it is empty.")
    return _python(text) if name.lower().endswith(".py") else _notebook(text)


def _notebook(text: str) -> list[Code]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("it is not a whole notebook: it is damaged, cut off or something else.") from None
    cells = value.get("cells") if isinstance(value, dict) else None
    if cells is None and isinstance(value, dict) and isinstance(value.get("worksheets"), list):
        cells = [cell for sheet in value["worksheets"] for cell in sheet.get("cells", [])]  # version 3
    if not isinstance(cells, list):
        raise Unreadable("it is JSON and no notebook: it has no cells.")
    return [code for cell in cells if (code := _code(cell)) is not None]


def _code(cell: Any) -> Code | None:
    if not isinstance(cell, dict) or cell.get("cell_type") != "code":
        return None
    source = cell.get("source", cell.get("input", ""))
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    return Code(plain(text), _mark(cell))


def _mark(cell: dict[str, Any]) -> str:
    """The exercise that a cell is for: by nbgrader's metadata, ours, or the id, which another editor may move to metadata."""
    metadata = cell.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    nbgrader = metadata.get("nbgrader")
    if isinstance(metadata.get("exercise"), str):
        return str(metadata["exercise"])
    names = (
        nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None,
        cell.get("id"),
        metadata.get("id"),
    )
    for name in names:
        if isinstance(name, str) and (found := _MARK.fullmatch(name)):
            return f"{found[1]}.{found[2]}"
    return ""


def _python(text: str) -> list[Code]:
    """The cells of an exported notebook; a file without marks is one cell."""
    heads = list(_HEADER.finditer(text))
    begins = [0, *(h.end() for h in heads)]
    ends = [*(h.start() for h in heads), len(text)]
    cells = []
    for head, begin, end in zip(["", *(h[0] for h in heads)], begins, ends, strict=True):
        found = re.search(r'\bexercise="(\d\d\.\d+)"', head)
        if not re.match(r"# %% \[(markdown|raw)\]", head):
            cells.append(Code(plain(text[begin:end].strip("\n")), found[1] if found else ""))
    return [cell for cell in cells if cell.text.strip()]


def plain(text: str) -> str:
    """Code without the lines that only a notebook understands; the count of lines stays."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    first = text.lstrip("\n").partition("\n")[0]
    if first.startswith("%%"):
        if not re.match(r"%%(time|timeit|capture|prun)\b", first):
            return ""
        text = text.replace(first, "pass", 1)
    lines = text.split("\n")
    if not any(_MAGIC.search(line) for line in lines):
        return text
    try:
        compile(text, "<cell>", "exec", dont_inherit=True)  # a line in a text that looks like a magic
        return text
    except (SyntaxError, ValueError):
        pass
    return "\n".join(
        line[: len(line) - len(line.lstrip())] + "pass" if _MAGIC.search(line) else line for line in lines
    )
