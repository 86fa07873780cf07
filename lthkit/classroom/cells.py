"""Reading a lesson's source: its cells, and what is refused because it would leak a solution or come out broken.

`editions` says what a source looks like.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_HEADER = re.compile(r"# %%(.*)")
MARK = re.compile(r"#\s*(BEGIN|END)[ _-]*SOLUTION", re.IGNORECASE)
# A cell that does nothing but show a picture of a recorded run.
PICTURE = re.compile(r'lth\.pictures\.show\("([^"]+)"\)')


class BuildError(ValueError):
    """A lesson's source is malformed, or did not run cleanly; the text names the file and the line."""


@dataclass(frozen=True)
class Cell:
    """A cell of a source: line of its header, its lines as they stand in the file, its exercise or question ("" for none).

    A cell of predictions is tagged so; the solved edition has examples there, and the students' None.
    """

    line: int
    lines: list[str]
    exercise: str
    question: str = ""
    is_code: bool = True
    is_prediction: bool = False

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def read_source(source: Path) -> str:
    """The text of a source with plain newlines, as `read_text` gives it, so that its hash is the same on every system."""
    return source.read_text(encoding="utf-8")


def parse(source: Path, text: str) -> list[Cell]:
    """Split a source into its cells and refuse what would leak a solution or come out broken."""
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise BuildError(f"{at(source, error.lineno or 1)}: {error.msg}.") from error
    lines = text.split("\n")
    heads = [i for i, line in enumerate(lines) if _HEADER.fullmatch(line)]
    for i, line in enumerate(lines[: heads[0] if heads else None]):
        if line.strip() and not line.startswith("#"):
            raise BuildError(f"{at(source, i + 1)}: a lesson starts with a cell, `# %% [markdown]`.")
    cells: list[Cell] = []
    seen: set[str] = set()
    for head, end in zip(heads, [*heads[1:], len(lines)], strict=True):
        found = re.search(r'\bexercise="([^"]*)"', lines[head])
        asked = re.search(r'\bquestion="([^"]*)"', lines[head])
        cell = Cell(
            head + 1,
            lines[head + 1 : end],
            found[1] if found else "",
            asked[1] if asked else "",
            not re.match(r"# %% \[(markdown|raw)\]", lines[head]),
            bool(re.search(r'\btags=\[[^]]*"prediction"', lines[head])),
        )
        if cell.exercise:
            if not re.fullmatch(rf"{source.stem[:2]}\.\d+", cell.exercise):
                raise BuildError(
                    f"{at(source, cell.line)}: exercise {cell.exercise!r} should be {source.stem[:2]}. and a number."
                )
            if cell.exercise in seen:
                raise BuildError(f"{at(source, cell.line)}: exercise {cell.exercise!r} is there twice.")
            seen.add(cell.exercise)
        marked = regions(source, cell)
        if marked and not cell.exercise:
            raise BuildError(
                f'{at(source, cell.line)}: a cell with a solution needs its exercise, `# %% exercise="NN.n"`.'
            )
        if cell.exercise and not marked:
            raise BuildError(
                f"{at(source, cell.line)}: exercise {cell.exercise} has no `# BEGIN SOLUTION`; its answer would be given away."
            )
        _require_question(source, cell, seen)
        _require_predictions(source, cell)
        cells.append(cell)
    _require_order(source, cells)
    return cells


def calls(code: str, *names: str) -> list[ast.Call]:
    """The calls of functions with these names and a text as first argument, in the order in which they stand."""
    found = [
        node
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call)
        and (node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")) in names
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def regions(source: Path, cell: Cell) -> list[tuple[int, int]]:
    """Find the solution regions of a cell as indices of their BEGIN and END lines, each inside the body of a function."""
    found: list[tuple[int, int]] = []
    begin: int | None = None
    for i, line in enumerate(cell.lines):
        mark = MARK.search(line)
        if not mark:
            continue
        where = at(source, cell.line + 1 + i)
        if line.strip() not in ("# BEGIN SOLUTION", "# END SOLUTION"):
            raise BuildError(
                f"{where}: write exactly `# BEGIN SOLUTION` or `# END SOLUTION`, alone on the line."
            )
        if "BEGIN" in line:
            if begin is not None:
                raise BuildError(
                    f"{where}: BEGIN SOLUTION inside a solution that began in line {cell.line + 1 + begin}."
                )
            begin = i
        elif begin is None:
            raise BuildError(f"{where}: END SOLUTION without a BEGIN SOLUTION before it in the same cell.")
        else:
            found.append((begin, i))
            begin = None
    if begin is not None:
        raise BuildError(
            f"{at(source, cell.line + 1 + begin)}: BEGIN SOLUTION without an END SOLUTION in the same cell."
        )
    for begin, end in found:
        _require_in_function(source, cell, begin, end)
    return found


def _require_in_function(source: Path, cell: Cell, begin: int, end: int) -> None:
    where = at(source, cell.line + 1 + begin)
    indent = indent_of(cell.lines[begin])
    code = [
        i
        for i in range(begin + 1, end)
        if cell.lines[i].strip() and not cell.lines[i].lstrip().startswith("#")
    ]
    if not code:
        raise BuildError(f"{where}: the solution is empty.")
    if any(indent_of(cell.lines[i]) < indent for i in [*code, end]):
        raise BuildError(
            f"{where}: the solution must be indented like its BEGIN SOLUTION line, END SOLUTION included."
        )
    functions = [
        n for n in ast.walk(ast.parse(cell.text)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    if not any(
        f.body[0].lineno <= code[0] + 1 <= (f.end_lineno or 0) and f.lineno <= begin for f in functions
    ):
        raise BuildError(
            f"{where}: a solution stands inside the body of a function, so that the student's copy runs."
        )


def _require_question(source: Path, cell: Cell, seen: set[str]) -> None:
    """Refuse an answer that students would get, and a question cell whose answer the build would not find."""
    asked = calls(_code(cell), "quiz")
    answered = [c for c in asked if len(c.args) != 2 or c.keywords or not _is_none(c.args[1])]
    if not cell.question:
        if answered:
            raise BuildError(
                f"{at(source, cell.line + answered[0].lineno)}: an answered quiz needs a cell of its own, "
                '`# %% question="NN.Qn"`; students would get the answer.'
            )
        return
    where = at(source, cell.line)
    if not re.fullmatch(rf"{source.stem[:2]}\.Q\d+", cell.question):
        raise BuildError(f"{where}: question {cell.question!r} should be {source.stem[:2]}.Q and a number.")
    if cell.question in seen:
        raise BuildError(f"{where}: question {cell.question!r} is there twice.")
    seen.add(cell.question)
    right_form = len(asked) == len(answered) == 1 and len(asked[0].args) == 2 and not asked[0].keywords
    letter = asked[0].args[1] if right_form else None
    if (
        not isinstance(letter, ast.Constant)
        or not re.fullmatch(r"[a-h]", str(letter.value))
        or _first(asked[0]) != cell.question
        or cell.exercise
    ):
        raise BuildError(
            f'{where}: a question cell holds one call, `quiz("{cell.question}", "b")`, with the right letter.'
        )


def predictions(code: str) -> dict[str, ast.expr]:
    """The lines `my_name = value` of a cell: name -> value."""
    return {
        target.id: node.value
        for node in ast.parse(code).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.startswith("my_")
    }


def _require_predictions(source: Path, cell: Cell) -> None:
    """Refuse an example that students would get as their own prediction, and a prediction cell with anything else in it."""
    where, found = at(source, cell.line), predictions(_code(cell))
    simple = {name for name, value in found.items() if _is_example(value)}
    if not cell.is_prediction:
        if simple or any(_is_none(value) for value in found.values()):
            raise BuildError(
                f'{where}: a prediction ({", ".join(found)}) needs a cell headed `# %% tags=["prediction"]`; '
                "students would get the example."
            )
        return
    if cell.exercise or cell.question or not found or simple != set(found):
        raise BuildError(
            f"{where}: a prediction cell holds lines such as `my_gap = -1.0`, each with an example."
        )
    if len(ast.parse(cell.text).body) != len(found):
        raise BuildError(f"{where}: a prediction cell holds nothing but lines such as `my_gap = -1.0`.")


def _is_example(value: ast.expr) -> bool:
    """Whether it is a number or a text, on one line."""
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
        return isinstance(value.operand, ast.Constant) and _is_example(value.operand)
    return (
        isinstance(value, ast.Constant)
        and type(value.value) in (int, float, str)
        and value.lineno == value.end_lineno
    )


def _require_order(source: Path, cells: Iterable[Cell]) -> None:
    """Refuse a `use` before the `check` of its exercise: a student would hold the reference before the graded cell."""
    checked: set[str] = set()
    for cell in cells:
        for call in calls(_code(cell), "check", "use"):
            name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
            if name == "check":
                checked.add(_first(call))
            elif _first(call) not in checked:
                raise BuildError(
                    f'{at(source, cell.line + call.lineno)}: use("{_first(call)}", ...) stands before '
                    f'check("{_first(call)}", ...); the check comes first.'
                )


def _first(call: ast.Call) -> str:
    return str(ast.literal_eval(call.args[0]))


def _code(cell: Cell) -> str:
    """The code of a cell that `ast` can read; magics and text cells have none."""
    try:
        ast.parse(cell.text)
    except SyntaxError:
        return ""
    return cell.text if cell.is_code else ""


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def indent_of(line: str) -> int:
    return len(line) - len(line.lstrip())


def at(source: Path, line: int | None = None) -> str:
    return f"solutions/{source.name}" + (f":{line}" if line else "")


def squeezed(code: str) -> str:
    """Code without comments, blanks and line ends, so that layout cannot hide a copy."""
    return "".join("".join(line.split("#")[0].split()) for line in code.split("\n"))
