"""From the source of a lesson to its two editions, as notebooks without outputs. Pure: nothing is written or run.

What a source, `solutions/NN_slug.py` (py:percent), says to the build:

    # %% exercise="05.1"           a code cell whose function is an exercise; in its body, between the lines
    # BEGIN SOLUTION               "# BEGIN SOLUTION" and "# END SOLUTION", stands what the student is to write
    # %% tags=["solution-only"]    a cell that the student edition leaves out
    # %% tags=["setup"]            where the set-up cell goes; without it, below the first text cell
"""

from __future__ import annotations

import ast
import copy
import hashlib
import importlib
import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lthkit.classroom.check import BLANK

EDITIONS = {"student": "notebooks", "solution": "solutions"}
TAGS = ("setup", "solution-only", "hide-input", "nbval-check-output", "nbval-ignore-output")

_HEADER = re.compile(r"# %%(.*)")
MARK = re.compile(r"#\s*(BEGIN|END)[ _-]*SOLUTION", re.IGNORECASE)
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}
_SETUP = """\
# Set-up, the same in every lesson: finds lthkit, or says how to install it. Run it first.
import importlib.util
import subprocess
import sys
from pathlib import Path

if importlib.util.find_spec("lthkit") is None:
    repository = "REPOSITORY"
    folders = [Path.cwd(), *Path.cwd().parents]
    checkout = next((p for p in folders if (p / "lthkit" / "tiers.py").is_file()), None)
    pip = ["pip", "install", "--no-deps", f"git+{repository}" if repository else "FILE.whl"]
    if checkout:
        sys.path.insert(0, str(checkout))
    elif repository and "google.colab" in sys.modules:
        # --no-deps: Colab's own torch and numpy stay as they are, and it has everything else.
        subprocess.run([sys.executable, "-m", *pip, "--quiet"], check=True)
        importlib.invalidate_caches()
    else:
        raise ModuleNotFoundError(
            f"lthkit is not installed here. Run `%{' '.join(pip)}` with the course's own wheel or address, "
            "then `%pip install tqdm ipywidgets` (torch and numpy stay as they are), and this cell again."
        )"""


class BuildError(ValueError):
    """A lesson's source is malformed, or did not run cleanly; the text names the file and the line."""


@dataclass(frozen=True)
class Cell:
    """A cell of a source: line of its header, its lines as they stand in the file, its exercise ("" for none)."""

    line: int
    lines: list[str]
    exercise: str

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def editions(root: Path, source: Path) -> tuple[Any, Any]:
    """Return the student edition and the solved edition, neither of them executed."""
    text = read_source(source)
    parsed = parse(source, text)
    notebook = tool("jupytext").reads(text, fmt="py:percent")
    if len(notebook.cells) != len(parsed):
        raise BuildError(
            f"{at(source)}: jupytext reads {len(notebook.cells)} cells, and there are {len(parsed)} `# %%` lines."
        )
    setup = _setup_cell(root)
    students: list[Any] = []
    solutions: list[Any] = []
    taken: set[str] = set()
    for raw, cell in zip(parsed, notebook.cells, strict=True):
        _clean_metadata(source, raw, cell)
        tags = cell.metadata.get("tags", [])
        if "setup" in tags:
            if any(line.strip() and not line.lstrip().startswith("#") for line in raw.lines):
                raise BuildError(
                    f"{at(source, raw.line)}: a set-up cell stays empty in the source; the build fills it."
                )
            cell = copy.deepcopy(setup)
        cell.id = _cell_id(cell, raw.exercise, taken)
        if "solution-only" not in tags:
            students.append(copy.deepcopy(cell))
            if raw.exercise:
                students[-1].source = _stub(source, raw, cell.source)
        cell.source = "\n".join(line for line in cell.source.split("\n") if not MARK.search(line))
        solutions.append(cell)
    for cells in (students, solutions):
        if not any(cell.id == "setup" for cell in cells):
            below = 1 if cells and cells[0].cell_type == "markdown" else 0
            cells.insert(below, copy.deepcopy(setup))
    nbformat = tool("nbformat")
    made = []
    for edition, cells in zip(EDITIONS, (students, solutions), strict=True):
        stamp = {"edition": edition, "source_sha256": sha256(text), "cells_sha256": cells_sha256(cells)}
        node = nbformat.v4.new_notebook(cells=cells, metadata={**copy.deepcopy(KERNEL), "lthkit": stamp})
        node.nbformat_minor = 5
        nbformat.validate(node)
        made.append(node)
    return made[0], made[1]


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
        cell = Cell(head + 1, lines[head + 1 : end], found[1] if found else "")
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
        cells.append(cell)
    return cells


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
    indent = _indent(cell.lines[begin])
    code = [
        i
        for i in range(begin + 1, end)
        if cell.lines[i].strip() and not cell.lines[i].lstrip().startswith("#")
    ]
    if not code:
        raise BuildError(f"{where}: the solution is empty.")
    if any(_indent(cell.lines[i]) < indent for i in [*code, end]):
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


def _stub(source: Path, raw: Cell, text: str) -> str:
    """Replace the solution regions of a cell by one `raise` each."""
    kept: list[str] = []
    inside = False
    for line in text.split("\n"):
        mark = MARK.search(line)
        if mark and mark[1] == "BEGIN":
            inside = True
            kept.append(" " * _indent(line) + f'raise NotImplementedError("{raw.exercise}: {BLANK}")')
        elif mark:
            inside = False
        elif not inside:
            kept.append(line)
    stub = "\n".join(kept)
    try:
        ast.parse(stub)
    except SyntaxError as error:
        raise BuildError(
            f"{at(source, raw.line)}: without its solution this cell is no longer Python ({error.msg})."
        ) from error
    return stub


def _clean_metadata(source: Path, raw: Cell, cell: Any) -> None:
    """Keep the cell's own options, drop what jupytext adds, refuse the rest: a misspelt tag would leak a solution."""
    for key in ("lines_to_next_cell", "lines_to_end_of_cell_marker"):
        cell.metadata.pop(key, None)
    for key in cell.metadata:
        if key not in ("exercise", "tags"):
            raise BuildError(
                f"{at(source, raw.line)}: unknown cell option {key!r}; there are exercise and tags."
            )
    for tag in cell.metadata.get("tags", []):
        if tag not in TAGS:
            raise BuildError(f"{at(source, raw.line)}: unknown tag {tag!r}; there are {', '.join(TAGS)}.")
    if cell.metadata.get("exercise", "") != raw.exercise or (raw.exercise and cell.cell_type != "code"):
        raise BuildError(
            f'{at(source, raw.line)}: a code cell with an exercise is headed `# %% exercise="NN.n"`.'
        )


def _cell_id(cell: Any, exercise: str, taken: set[str]) -> str:
    if "setup" in cell.metadata.get("tags", []):
        base = "setup"
    elif exercise:
        base = "exercise-" + exercise.replace(".", "-")
    else:
        base = sha256(cell.cell_type + "\n" + cell.source)[:12]
    name, n = base, 1
    while name in taken:
        n += 1
        name = f"{base}-{n}"
    taken.add(name)
    return name


def _setup_cell(root: Path) -> Any:
    try:
        settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        repository = settings.get("tool", {}).get("lthkit", {}).get("repository", "")
    except FileNotFoundError:
        repository = ""
    cell = tool("nbformat").v4.new_code_cell(
        _SETUP.replace("REPOSITORY", repository), metadata={"tags": ["setup"]}
    )
    cell.id = "setup"
    return cell


def cells_sha256(cells: Iterable[Any]) -> str:
    content = [[c.get("id"), c.cell_type, c.source, c.metadata, c.get("attachments", {})] for c in cells]
    return sha256(json.dumps(content, sort_keys=True))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def at(source: Path, line: int | None = None) -> str:
    return f"solutions/{source.name}" + (f":{line}" if line else "")


def tool(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'building lessons needs {error.name}, which is not installed here: pip install "lthkit[dev]"'
        ) from error
