"""Reading what was handed in: notebooks of any version 3 to 4.5 and exported .py files, as a list of code cells.

Nothing of a submission is run here, and no notebook library is asked, because those refuse what other editors write.
"""

from __future__ import annotations

import codecs
import io
import itertools
import json
import re
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lthkit.classroom.exercises import every
from lthkit.classroom.grading import exported
from lthkit.classroom.grading.magics import NO_IPYTHON, reading

MOST = 1_000_000  # words, signs and lines of the code in one file
_MARK = re.compile(r"exercise-(\d\d)-(\d{1,3})", re.ASCII)
_EXERCISE = re.compile(r"\d\d\.\d{1,3}", re.ASCII)
_DEFINED = re.compile(r"^[ \t]*def (\w+)", re.MULTILINE)
_WORD = re.compile(r"\w+|[^\w\s]|\n")
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class Unreadable(ValueError):
    """A file that is neither a notebook nor Python; the text says what is wrong with it."""


@dataclass(frozen=True)
class Code:
    """A code cell.

    Attributes:
        text: its Python, without magics; "" if nothing of it can be read.
        mark: the exercise that its metadata or its id names, "" for none; for a cell that is not read also the exercise
            that it defines.
        trouble: a sentence on why it is not read as Python; "" if it is, though there may be an error in it.
    """

    text: str
    mark: str = ""
    trouble: str = ""


def read(name: str, content: bytes) -> list[Code]:
    """The code cells of a notebook, or of a .py file, in their order.

    Raises:
        Unreadable: the file is damaged, empty or of another kind.
    """
    is_python = name.lower().endswith(".py")
    text = _decoded(content, is_python=is_python)
    if not text.strip():
        raise Unreadable("it is empty.")
    cells: list[tuple[str | None, str]] = [*exported.cells(text)] if is_python else _notebook(text)
    _require_readable(text for text, _ in cells if text)
    return [
        code
        for text, mark in cells
        for code in _codes(text, mark)
        if code.text.strip() or code.trouble or not is_python
    ]


def _decoded(content: bytes, *, is_python: bool) -> str:
    """The text of a file, in the encoding that it names by its first bytes or, if it is Python, in a line at the top."""
    encoding = next((e for mark, e in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "")
    try:
        if not encoding and is_python:
            encoding = tokenize.detect_encoding(io.BytesIO(content).readline)[0]
        text = content.decode(encoding or json.detect_encoding(content))
    except SyntaxError:
        raise Unreadable(
            "its first lines are not UTF-8 text and name no encoding that exists; save it as UTF-8."
        ) from None
    except LookupError:
        raise Unreadable(
            f"its first lines name {encoding}, which is no encoding of text; save it as UTF-8."
        ) from None
    except ValueError:
        damaged = not is_python and content[:1] != b"{"
        said = (
            "it is not a text file; is it the notebook, and whole?"
            if damaged
            else f"it is not {encoding or 'UTF-8'} text."
        )
        raise Unreadable(f"{said} Save it as UTF-8.") from None
    if "\0" in text:
        raise Unreadable("it is not a text file: it has zero bytes; save it as UTF-8.")
    return text


def _require_readable(texts: Iterable[str]) -> None:
    """Refuse more code than anybody writes, which would take the memory of this machine."""
    words = (word for text in texts for word in _WORD.finditer(text))
    if any(True for _ in itertools.islice(words, MOST, None)):
        raise Unreadable(
            f"its code has more than {MOST:,} words, signs and lines; is it data? Put that into a file."
        )


def _notebook(text: str) -> list[tuple[str | None, str]]:
    """The code cells, each with its mark."""
    try:
        value = _parsed(text)
    except (ValueError, RecursionError, MemoryError):
        raise Unreadable("it is not a whole notebook: it is damaged, cut off or something else.") from None
    cells = value.get("cells") if isinstance(value, dict) else None
    if cells is None and isinstance(value, dict) and isinstance(value.get("worksheets"), list):
        sheets = [s.get("cells") for s in value["worksheets"] if isinstance(s, dict)]  # version 3
        cells = [cell for sheet in sheets if isinstance(sheet, list) for cell in sheet]
        cells = cells if any(isinstance(sheet, list) for sheet in sheets) else None
    if not isinstance(cells, list):
        raise Unreadable("it is JSON and no notebook: it has no cells.")
    code = [c for c in cells if isinstance(c, dict) and c.get("cell_type") == "code"]
    return [(_source(c), _mark(c)) for c in code]


def _parsed(text: str) -> Any:
    """JSON; of integers only the length is bounded, and an output may hold a longer one."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return json.loads(text, parse_int=str)


def _source(cell: dict[str, Any]) -> str | None:
    """The text of a cell; None if it is something else."""
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        return "".join(source)
    return source if isinstance(source, str) else None


def _codes(text: str | None, mark: str) -> list[Code]:
    """A cell as it is read; one that is not read once for each exercise that it is for, or else if it defines functions."""
    if text is None:
        return [Code("", mark, "its source is no text; open the notebook in Jupyter, and save it.")]
    read = reading(text)
    if not read.trouble:
        return [Code(read.text, mark)]
    defined = set(_DEFINED.findall(read.unread))
    marks = [e.id for e in every() if e.name in defined]
    if mark and not read.text.strip():
        marks = [mark]
    elif not marks and (
        read.trouble == NO_IPYTHON or re.search(r"^[ \t]*def +\w+ *\(", read.unread, re.MULTILINE)
    ):
        marks = [""]
    troubles = [Code("", m, read.trouble) for m in marks]
    return [Code(read.text, mark), *troubles] if read.text.strip() or not troubles else troubles


def _mark(cell: dict[str, Any]) -> str:
    """The exercise that a cell is for: by nbgrader's metadata, ours, or the id, which another editor may move to metadata."""
    metadata = cell.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    nbgrader = metadata.get("nbgrader")
    ours = metadata.get("exercise")
    if isinstance(ours, str) and _EXERCISE.fullmatch(ours):
        return ours
    names = (
        nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None,
        cell.get("id"),
        metadata.get("id"),
    )
    for name in names:
        if isinstance(name, str) and (found := _MARK.fullmatch(name)):
            return f"{found[1]}.{found[2]}"
    return ""


def plain(text: str) -> str:
    """A cell as Python that runs no magic; see `magics.reading`."""
    return reading(text).text
