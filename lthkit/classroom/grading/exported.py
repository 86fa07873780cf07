"""The cells of a .py file: those of an exported notebook in every form, and the definitions of a file that has an error.

A cell comes as it stood in the notebook, with its magics; `magics.reading` says what it means.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from lthkit.classroom.grading.magics import parses, reading
from lthkit.classroom.grading.pieces import DEFINES, LEXEME, begins, definitions, ends

# The first line of a cell: of Jupyter's export, the percent format (VS Code, Spyder, Jupytext), Jupytext's light format.
_HEAD = re.compile(
    r"^(?:#[ \t]*(?:In ?\[[ \d*]*\]:?|%%+(?=[ \t\[]|$)[^\n]*|<(?:code|markdown|raw|html)cell>)"
    r"|(?P<light># (?:\+(?: [^\n]*)?|-)))[ \t]*$",
    re.MULTILINE,
)
_TEXT = re.compile(r"\[(?:markdown|md|raw|html)\]|<(?:markdown|raw|html)cell>|active=\"\"")
_MARK = re.compile(r"\bexercise[\"']?[=:] ?[\"'](\d\d)\.(\d+)[\"']|[\"']exercise-(\d\d)-(\d+)[\"']")
_COLAB = "# Commented out IPython magic to ensure Python compatibility."
_BLOCK = re.compile(
    rf"^{re.escape(_COLAB)}[ \t]*\n((?:#(?! Commented out IPython magic)[^\n]*(?:\n|$))+)", re.MULTILINE
)
_CELL_MAGIC = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*%%\w")
_JUPYTEXT = re.compile(r"^# +jupytext:$", re.MULTILINE)
_COMMENTED = re.compile(r"([ \t]*)# ?([ \t]*(?:%{1,2}[A-Za-z_]|! ?\w|\w+ *= *(?:![\w/.~]|%[A-Za-z_])))")
_LONG = 3000  # lines; no longer cell is looked through for its broken statements
_PARSED = 5_000_000  # characters; as many are read of one cell for that, some of them more than once


def cells(text: str) -> list[tuple[str, str]]:
    """The code cells of a .py file, each with the exercise that its first line names ("" for none).

    A cell that is no Python falls into its statements, so that one of them that is broken costs only itself.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    commented = bool(_JUPYTEXT.search(text)) or _COLAB in text
    found = []
    for head, body in _by_heads(text):
        named = _MARK.search(head)
        mark = "{}.{}".format(*filter(None, named.groups())) if named else ""
        if _TEXT.search(head) and not _defines(body):
            continue
        for cell in _by_blocks(body):
            found += [(_uncommented(part, surely=commented), mark) for part in _parts(cell)]
    return [(cell, mark) for cell, mark in found if cell.strip()]


def _by_heads(text: str) -> Iterator[tuple[str, str]]:
    """The first line of each cell, and what follows it. A line in a statement of a valid file begins no cell."""
    inside = set[int]()
    whole = reading(text).text
    if parses(whole) and whole.count("\n") == text.count("\n"):
        for node in ast.parse(whole).body:
            inside.update(range(node.lineno + 1, (node.end_lineno or 0) + 1))
    heads, line, at = [], 1, 0
    for h in _HEAD.finditer(text):
        line, at = line + text.count("\n", at, h.start()), h.start()
        heads += [h] if line not in inside else []
    if not any(h["light"] and "+" in h["light"] for h in heads):
        heads = [h for h in heads if not h["light"]]
    begins, ends = [0, *(h.end() for h in heads)], [*(h.start() for h in heads), len(text)]
    for head, begin, end in zip(["", *(h[0] for h in heads)], begins, ends, strict=True):
        yield head, text[begin:end].strip("\n")


def _defines(text: str) -> bool:
    """Whether what should be prose is code that defines a function: the first line of its cell is missing."""
    if parses(text):
        return any(isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in ast.parse(text).body)
    return bool(re.search(r"^def \w+ *\(", text, re.MULTILINE))


def _by_blocks(text: str) -> Iterator[str]:
    """Cells that Colab commented out, because their first line is a cell magic, and what stands between them."""
    at = 0
    for block in _BLOCK.finditer(text):
        cell = re.sub(r"^# ?", "", block[1], flags=re.MULTILINE)
        if _CELL_MAGIC.match(cell):
            yield text[at : block.start()].strip("\n")
            yield cell.strip("\n")
            at = block.end()
    yield text[at:].strip("\n")


def _uncommented(text: str, *, surely: bool) -> str:
    """With the magics that Colab and Jupytext comment out, if the cell is Python with them.

    Args:
        surely: the file is one of theirs; else this is tried only on a cell that is no Python.
    """
    if not surely and parses(text):
        return text
    places, depth = [], 0
    for found in LEXEME.finditer(text):
        depth += (found[0] in "([{") - (found[0] in ")]}")
        begin = text.rfind("\n", 0, found.start()) + 1
        if found[0][0] == "#" and depth <= 0 and not text[begin : found.start()].strip():
            places += [begin] if not text.endswith("\\\n", 0, begin) else []
    pieces, at = [], 0
    for begin in places:
        if magic := _COMMENTED.match(text, begin):
            pieces += [text[at:begin], magic[1], magic[2]]
            at = magic.end()
    changed = "".join([*pieces, text[at:]])
    return changed if changed != text and _readable(changed) else text


def _parts(text: str) -> list[str]:
    """A cell that can be read, whole; else its statements, those that can be read together.

    A broken statement may end in several places: where its brackets and texts do, at the next definition, and, as the rest
    of a definition is indented, at the next line that is not. That counts which leaves the fewest broken pieces.
    """
    if _readable(text) or text.count("\n") > _LONG:
        return [text]
    places, left = [*begins(text), len(text)], _PARSED
    near = definitions(text, places)
    ways: dict[int, tuple[int, bool, int]] = {
        len(text): (0, True, len(text))
    }  # broken ones, whether it is good, its end
    for n in range(len(places) - 2, -1, -1):
        begin = places[n]
        at = ends(text, places, n, near[n])
        left -= at[0] - begin
        good = left > 0 and _readable(text[begin : at[0]])
        if not good and DEFINES.match(text, begin):
            at = [places[n + 1], *at]
        end = at[0] if good else min(at, key=lambda end: ways[end][0])
        ways[begin] = ways[end][0] + (not good), good, end
    if left <= 0:
        return [text]
    above, begin = text[: places[0]], places[0]
    pieces = [(parses(above), above)]
    while begin < len(text):
        _, good, end = ways[begin]
        pieces.append((good, text[begin:end]))
        begin = end
    return _joined(pieces)


def _readable(text: str) -> bool:
    """Whether it is Python with magics, or one whole cell that is no Python at all."""
    if parses(text):
        return True
    if not re.search(r"^\s*[%!?,;/]|=\s*[%!]|\?\s*$|^\s*(?:>>>|In \[)", text, re.MULTILINE):
        return False
    read = reading(text)
    return bool(read.trouble) or parses(read.text)


def _joined(pieces: list[tuple[bool, str]]) -> list[str]:
    """Neighbours that can be read together, as one cell; a broken one is alone."""
    found: list[tuple[bool, str]] = []
    for good, piece in pieces:
        if found and good and found[-1][0]:
            found[-1] = True, found[-1][1] + piece
        else:
            found.append((good, piece))
    return [piece.strip("\n") for good, piece in found if good or not _is_prose(piece)]


def _is_prose(piece: str) -> bool:
    """Whether it is a text in three quotes and nothing else: prose of a notebook, in which a backslash makes no Python."""
    found = LEXEME.fullmatch(piece.strip())
    return bool(found and found["q"] and len(found[0]) >= 6 and found[0].endswith(found["q"]))
