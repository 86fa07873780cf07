"""A cell as IPython reads it, and nothing of it run: magics and shell lines become what they leave behind.

IPython itself says what is a magic. It is imported when a cell is no Python without it, so that nothing else needs it.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from textwrap import dedent
from typing import Any

from lthkit.classroom.grading.forms import form, short
from lthkit.classroom.grading.pieces import LEXEME, begins, definitions, ends

_RUN = ("time", "timeit", "capture", "prun", "memit", "mprun", "wandb")  # their cells are Python
_RUN_LINE = ("time", "prun", "memit")  # what follows on their line is Python, and binds names
_OUTPUT = ("getoutput", "sx", "system")  # give the lines of an output
_CELL_MAGIC = re.compile(r"((?:[ \t]*(?:#[^\n]*)?\n)*)%%(?!\w+\?)(\S*)([^\n]*)(?:\n|$)")
_HALF = re.compile("[\ud800-\udfff]")
_PROMPT = re.compile(r"\s*In \[\d+\]: ")
_OPTION = re.compile(r"\s*-(?:[nrpvti]\s*\d+|[tcqop]+)(?=\s|$)")
_AUTOMATIC = re.compile(
    r"(?:pip|conda|mamba|cd|ls|ll|pwd|mkdir|rmdir|rm|cp|mv|cat|less|more|man|clear|time|timeit|prun|run|env|who|whos"
    r"|reset|matplotlib|pylab|load_ext|reload_ext|autoreload|store|config|history)(?:\s+(?!=).*)?"
)
NO_IPYTHON = (
    "it is not plain Python; has it lines such as %matplotlib or !pip? Those are read only where IPython is installed, "
    "so install it (pip install ipython) and collect again."
)
_FIELDS = 10_000  # of one f-string; Python before 3.12 takes the square of their number as long
_PASSES, _SIZE = (
    500,
    5_000_000,
)  # of one cell: how often IPython may look for a magic, and at how many characters in all


@dataclass(frozen=True)
class Reading:
    """What a cell says.

    Attributes:
        text: its Python, with as many lines as the cell has where that can be; with the error if there is one.
        trouble: why the cell, or a part of it, is not read as Python; "" if it is.
        unread: that part.
    """

    text: str
    trouble: str = ""
    unread: str = ""


@short(maxsize=128)
def reading(text: str) -> Reading:
    """Read a cell; a magic below comments counts, and so does one in another one's cell."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _HALF.search(text):
        return Reading(
            "", "it has half of a character in it, which is no text; write it anew.", _HALF.sub("?", text)
        )
    if text.count("{") > _FIELDS and any(f.count("{") > _FIELDS for f in _f_strings(text)):
        return Reading("", f"it has a text in f-quotes with more than {_FIELDS:,} parts.", text)
    try:
        return _silent(text) if parses(text) and not _PROMPT.match(text) else _cell(text)
    except (
        Exception
    ):  # nesting, numbers, signs: what IPython and Python stumble over is told as an error of the cell
        return Reading(text)


def _f_strings(text: str) -> Iterator[str]:
    for found in LEXEME.finditer(text):
        if found[0][0] in "'\"" and "f" in text[max(0, found.start() - 2) : found.start()].lower():
            yield found[0]


def parses(text: str) -> bool:
    """Whether it is Python; `await` needs no function around it in a cell."""
    return _tree(text) is not None


def _tree(text: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an escape sequence in a student's text
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _cell(text: str) -> Reading:
    """A cell that is no Python as it stands."""
    above = ""
    for whole in (text, dedent(text), _cleaned(text)):
        if _CELL_MAGIC.match(whole):
            text = whole
            break
    while found := _CELL_MAGIC.match(text):
        comments, name, line = found[1], found[2], found[3].strip()
        text = text[found.end() :]
        if name not in _RUN:
            said = f"its first line is %%{name}, which Jupyter does not run as Python; remove that line."
            return Reading("", said, text)
        above += comments + _left_behind(name, line) + "\n"
    if above:
        inner = reading(text)
        return (
            inner
            if inner.trouble and not inner.text
            else Reading(above + inner.text, inner.trouble, inner.unread)
        )
    if text.strip().count("\n") == 0 and _AUTOMATIC.fullmatch(text.strip()):
        text = text.replace(text.strip(), "%" + text.strip())
    return _lines(text)


def _left_behind(name: str, line: str) -> str:
    """The statement that stands for the line of a cell magic: its set-up, or the name that it binds."""
    if name == "capture":
        words = [word for word in line.split() if not word.startswith("-")]
        return f"{words[0]} = None" if words and words[0].isidentifier() else "pass"
    if name in ("timeit", "memit"):
        while option := _OPTION.match(line):
            line = line[option.end() :]
        if (setup := line.strip()) and parses(setup):
            return setup
    return "pass"


def _lines(text: str) -> Reading:
    """A cell with magics in its lines, with prompts that were pasted, or with an error."""
    manager = _manager()
    if manager is None:
        return Reading("", NO_IPYTHON, text)
    clean = _cleaned(text)
    tried = clean if _PROMPT.match(text) else text
    done = ""
    for candidate in dict.fromkeys((tried, clean)):
        if parses(done := _transformed(candidate, manager)):
            return _silent(done)
    return Reading(done)


@cache
def _manager() -> Any:
    """What IPython reads a cell with, or None where it is not installed."""
    try:
        from IPython.core.inputtransformer2 import TransformerManager
    except ImportError:
        return None
    return TransformerManager()


def _cleaned(text: str) -> str:
    """Without a common indent and prompts; blank lines at the top stay, for the count."""
    manager = _manager()
    if manager is None:
        return dedent(text)
    blank = text[: len(text) - len(text.lstrip())].count("\n")
    lines = text.splitlines(keepends=True)
    for transform in manager.cleanup_transforms:
        lines = transform(lines)
    return "\n" * blank + "".join(lines)


def _transformed(text: str, manager: Any) -> str:
    """Each magic as the call that IPython makes of it, on as many lines; what IPython cannot read stays as it is."""
    places = [*begins(text), len(text)]
    if not parses(text[: places[0]]):  # the cell begins with an indented line
        return _transformed_piece(text, manager)
    near = definitions(text, places)
    done, n = [text[: places[0]]], 0
    while n < len(places) - 1:
        begin, n = places[n], places.index(ends(text, places, n, near[n])[0], n + 1)
        piece = text[begin : places[n]]
        done.append(piece if parses(piece) else _transformed_piece(piece, manager))
    return "".join(done)


def _transformed_piece(text: str, manager: Any) -> str:
    lines = [line + "\n" for line in text.split("\n")]
    for _ in range(min(_PASSES, _SIZE // (len(text) + 1) + 3)):
        try:
            changed, after = manager.do_one_token_transform(lines)
        except Exception:  # what is no Python can fail anywhere in there
            return text
        if not changed:
            return "".join(lines)[:-1]
        first = next(
            (i for i, (a, b) in enumerate(zip(lines, after, strict=False)) if a != b), len(after) - 1
        )
        lines = [*after[: first + 1], *["\n"] * (len(lines) - len(after)), *after[first + 1 :]]
    return text


def _silent(text: str) -> Reading:
    """Python without its calls of `get_ipython()`."""
    if "get_ipython" not in text or (tree := _tree(text)) is None:
        return Reading(text)
    silencer = _Silencer()
    asking = [node for node in tree.body if any(map(_is_shell, ast.walk(node)))]
    silent = {id(node): silencer.visit(node) for node in asking}
    parts = [silent.get(id(node), node) for node in tree.body]
    new = ast.Module([n for part in parts for n in (part if isinstance(part, list) else [part])], [])
    unread = "\n".join(r.unread for r in silencer.refused)
    trouble = silencer.refused[0].trouble if silencer.refused else ""
    edited = _edited(text, silencer.edits)
    after = _tree(edited)
    if after is None or form(after) != form(new):  # places in an f-string, say, are not exact
        edited = ast.unparse(ast.fix_missing_locations(new))
    return Reading(edited, trouble, unread)


class _Silencer(ast.NodeTransformer):
    """Puts what a magic leaves behind in its place, and notes it: `edits` has what was there, and the text for it."""

    def __init__(self) -> None:
        self.edits: list[tuple[ast.expr, str]] = []
        self.refused: list[Reading] = []

    def visit_Expr(self, node: ast.Expr) -> Any:
        method, *given = _asked(node.value)
        if not method:
            return self.generic_visit(node)
        code = ""
        if method == "run_cell_magic" and len(given) == 3 and not node.col_offset:
            inner = reading("%%{} {}\n{}".format(*given))
            self.refused += [inner] if inner.trouble else []
            code = inner.text.rstrip()
        elif method == "run_line_magic" and len(given) == 2 and given[0] in _RUN_LINE:
            code = reading(given[1]).text.strip()
        if not code or not parses(code):
            code = "pass"
        self.edits.append((node.value, code + "\n" * _breaks(node.value)))
        return ast.parse(code).body

    def visit_Call(self, node: ast.Call) -> Any:
        method, *given = _asked(node)
        if not method and not _is_shell(node):
            return self.generic_visit(node)
        code, breaks = "None", _breaks(node)
        if method in _OUTPUT[:1] or (method == "run_line_magic" and given and given[0] in _OUTPUT):
            code = "[]"
        elif method == "run_line_magic" and len(given) == 2 and given[0] == "time" and "\n" not in given[1]:
            code = f"({given[1]})" if parses(f"({given[1]})") else code
        self.edits.append((node, "(" * bool(breaks) + code + "\n" * breaks + ")" * bool(breaks)))
        return ast.parse(code, mode="eval").body


def _breaks(node: ast.expr) -> int:
    return (node.end_lineno or node.lineno) - node.lineno


def _is_shell(node: ast.AST) -> bool:
    """Whether it is `get_ipython()`."""
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    name = (
        called.id
        if isinstance(called, ast.Name)
        else called.attr
        if isinstance(called, ast.Attribute)
        else ""
    )
    return name == "get_ipython"


def _asked(node: ast.expr) -> list[str]:
    """The method of `get_ipython()` that a call is of, and the texts given to it; [""] for another expression."""
    if (
        not isinstance(node, ast.Call)
        or not isinstance(node.func, ast.Attribute)
        or not _is_shell(node.func.value)
    ):
        return [""]
    texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return [node.func.attr, *(texts if len(texts) == len(node.args) else [])]


def _edited(text: str, edits: list[tuple[ast.expr, str]]) -> str:
    lines = text.split("\n")
    for node, code in sorted(edits, key=lambda e: (e[0].lineno, e[0].col_offset), reverse=True):
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        before = lines[first].encode()[: node.col_offset].decode(errors="replace")
        after = lines[last].encode()[node.end_col_offset :].decode(errors="replace")
        lines[first : last + 1] = (before + code + after).split("\n")
    return "\n".join(lines)
