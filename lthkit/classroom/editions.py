"""From the source of a lesson to its two editions, as notebooks without outputs. Pure: nothing is written or run.

What a source, `solutions/NN_slug.py` (py:percent), says to the build:

    # %% exercise="05.1"           a code cell whose function is an exercise; in its body, between the lines
    # BEGIN SOLUTION               "# BEGIN SOLUTION" and "# END SOLUTION", stands what the student is to write
    # %% question="05.Q1"           a code cell with `quiz("05.Q1", "b")`; students get None in place of the letter
    # %% tags=["solution-only"]    a cell that the student edition leaves out
    # %% tags=["prediction"]       a code cell of lines such as `my_gap = -1.0`; the solved edition has these examples, so
                                   that its figures show a prediction, and students get None in their place
    # %% tags=["setup"]            where the set-up cell goes; without it, below the first text cell
    # %% tags=["nbval-check-output"]   a cell that prints the same in every tier; tests compare its output
    [contents]                     alone on a line of text: links to all sections, `pages` makes them
    [docstrings]                   likewise: links to the functions of lthkit that the lesson calls
    [lesson 05](../notebooks/05_winning_tickets.ipynb)   another lesson; the solved edition links to solved ones
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
from pathlib import Path
from typing import Any

from lthkit.classroom.cells import (
    MARK,
    BuildError,
    Cell,
    at,
    calls,
    indent_of,
    parse,
    predictions,
    read_source,
)
from lthkit.classroom.exercises import BLANK
from lthkit.classroom.pages import with_contents, with_docstrings

EDITIONS = {"student": "notebooks", "solution": "solutions"}
TAGS = ("setup", "solution-only", "prediction", "hide-input", "nbval-check-output", "nbval-ignore-output")

OPTIONS = ("exercise", "question", "tags")

KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}
EXAMPLES = (
    "# Examples. The student edition has None here, and asks for yours before it shows the measurement."
)
# What must come before `import lthkit`; the rest is `lthkit.classroom.ready`. Folded, and four lines at most.
_SETUP = """\
# @title Set-up: run this cell first
import importlib.util, pathlib, sys; sys.path += [FOLDERS]
if not importlib.util.find_spec("lthkit"): raise ModuleNotFoundError("MISSING")
from lthkit.classroom import ready; ready()  # on Colab, ready(drive=True) keeps your work"""
_FOLDERS = 'str(p) for p in pathlib.Path("_").resolve().parents if (p / "lthkit/py.typed").is_file()'
_MISSING = (
    "lthkit is not installed here. Run `%pip install --no-deps WHAT` with the course's own wheel or address, then "
    "`%pip install tqdm cloudpickle filelock ipywidgets` (torch and numpy stay as they are), and this cell again."
)
# --no-deps: Colab's own torch and numpy stay as they are, and it has everything else.
_COLAB = """\
if "google.colab" in sys.modules and not importlib.util.find_spec("lthkit"):
    import subprocess; subprocess.run(PIP, check=True); importlib.invalidate_caches()"""
_PIP = '[sys.executable, "-m", "pip", "install", "--no-deps", "WHAT", "--quiet"]'
_FOLDED = {"tags": ["setup"], "jupyter": {"source_hidden": True}, "cellView": "form"}


def editions(root: Path, source: Path) -> tuple[Any, Any]:
    """Return the student edition and the solved edition, neither of them executed."""
    text = read_source(source)
    parsed = parse(source, text)
    notebook = tool("jupytext").reads(text, fmt="py:percent")
    if len(notebook.cells) != len(parsed):
        raise BuildError(
            f"{at(source)}: jupytext reads {len(notebook.cells)} cells, and there are {len(parsed)} `# %%` lines."
        )
    repository = repository_of(root)
    setup = _setup_cell(repository)
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
        cell.id = _cell_id(cell, raw, taken)
        if "solution-only" not in tags:
            students.append(copy.deepcopy(cell))
            if raw.exercise:
                students[-1].source = _stub(source, raw, cell.source)
            if raw.question:
                students[-1].source = _unanswered(cell.source)
            if raw.is_prediction:
                students[-1].source = without_predictions(cell.source)
        if raw.is_prediction:
            cell.source = f"{EXAMPLES}\n{cell.source}"
        cell.source = "\n".join(line for line in cell.source.split("\n") if not MARK.search(line))
        solutions.append(cell)
    for cell in solutions:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("](../notebooks/", "](../solutions/")
    for cells in (students, solutions):
        with_contents(cells, at(source))
        with_docstrings(cells)
        if not any(cell.id == "setup" for cell in cells):
            below = 1 if cells and cells[0].cell_type == "markdown" else 0
            cells.insert(below, copy.deepcopy(setup))
    if badge := _colab_badge(repository, source.stem):
        students.insert(next(i for i, cell in enumerate(students) if cell.id == "setup"), badge)
    nbformat = tool("nbformat")
    made = []
    for edition, cells in zip(EDITIONS, (students, solutions), strict=True):
        stamp = {"edition": edition, "source_sha256": sha256(text), "cells_sha256": cells_sha256(cells)}
        node = nbformat.v4.new_notebook(cells=cells, metadata={**copy.deepcopy(KERNEL), "lthkit": stamp})
        node.nbformat_minor = 5
        nbformat.validate(node)
        made.append(node)
    return made[0], made[1]


def _unanswered(text: str) -> str:
    """The code of a question cell with None in place of the answer."""
    return _with_none(text, [calls(text, "quiz")[0].args[1]])


def without_predictions(text: str) -> str:
    """The code of a prediction cell with None in place of each example; comments stay."""
    return _with_none(text, list(predictions(text).values()))


def _with_none(text: str, values: Iterable[ast.expr]) -> str:
    """The code with None in place of these values, at most one a line."""
    lines = text.split("\n")
    for value in values:
        assert value.end_col_offset is not None and value.end_lineno == value.lineno
        line = lines[value.lineno - 1].encode()  # ast counts bytes
        lines[value.lineno - 1] = (line[: value.col_offset] + b"None" + line[value.end_col_offset :]).decode()
    return "\n".join(lines)


def _stub(source: Path, raw: Cell, text: str) -> str:
    """Replace the solution regions of a cell by one `raise` each."""
    kept: list[str] = []
    inside = False
    for line in text.split("\n"):
        mark = MARK.search(line)
        if mark and mark[1] == "BEGIN":
            inside = True
            kept.append(" " * indent_of(line) + f'raise NotImplementedError("{raw.exercise}: {BLANK}")')
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
        if key not in OPTIONS:
            raise BuildError(
                f"{at(source, raw.line)}: unknown cell option {key!r}; there are {', '.join(OPTIONS)}."
            )
    for tag in cell.metadata.get("tags", []):
        if tag not in TAGS:
            raise BuildError(f"{at(source, raw.line)}: unknown tag {tag!r}; there are {', '.join(TAGS)}.")
    if cell.metadata.get("exercise", "") != raw.exercise or (raw.exercise and cell.cell_type != "code"):
        raise BuildError(
            f'{at(source, raw.line)}: a code cell with an exercise is headed `# %% exercise="NN.n"`.'
        )
    if cell.metadata.get("question", "") != raw.question or (raw.question and cell.cell_type != "code"):
        raise BuildError(
            f'{at(source, raw.line)}: a code cell with a question is headed `# %% question="NN.Qn"`.'
        )


def _cell_id(cell: Any, raw: Cell, taken: set[str]) -> str:
    if "setup" in cell.metadata.get("tags", []):
        base = "setup"
    elif raw.exercise:
        base = "exercise-" + raw.exercise.replace(".", "-")
    elif raw.question:
        base = "question-" + raw.question.replace(".", "-")
    else:
        base = sha256(cell.cell_type + "\n" + cell.source)[:12]
    name, n = base, 1
    while name in taken:
        n += 1
        name = f"{base}-{n}"
    taken.add(name)
    return name


def repository_of(root: Path) -> str:
    """The address of the course's repository, from the one place that has it; empty if there is none."""
    try:
        settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ""
    return str(settings.get("tool", {}).get("lthkit", {}).get("repository", ""))


def _setup_cell(repository: str) -> Any:
    """The folded first cell; only with a public address it has two lines more, which install the course on Colab."""
    title, folders, missing, last = (
        _SETUP.replace("FOLDERS", _FOLDERS).replace("MISSING", _MISSING).split("\n")
    )
    lines = [title, folders, *(_COLAB.replace("PIP", _PIP).split("\n") if repository else ()), missing, last]
    source = "\n".join(lines).replace("WHAT", f"git+{repository}" if repository else "FILE.whl")
    cell = tool("nbformat").v4.new_code_cell(source, metadata=copy.deepcopy(_FOLDED))
    cell.id = "setup"
    return cell


def _colab_badge(repository: str, stem: str) -> Any:
    """A text cell that opens the lesson on Colab, which reads notebooks from GitHub; None for any other address."""
    match = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?", repository)
    if match is None:
        return None
    address = (
        f"https://colab.research.google.com/github/{match[1]}/blob/main/{EDITIONS['student']}/{stem}.ipynb"
    )
    badge = "https://colab.research.google.com/assets/colab-badge.svg"
    cell = tool("nbformat").v4.new_markdown_cell(
        f"[![Open this lesson in Colab]({badge})]({address}) There, write `ready(drive=True)` in the last line of the "
        "set-up cell, and runs and progress are kept on your Drive."
    )
    cell.id = "colab"
    return cell


def cells_sha256(cells: Iterable[Any]) -> str:
    content = [[c.get("id"), c.cell_type, c.source, c.metadata, c.get("attachments", {})] for c in cells]
    return sha256(json.dumps(content, sort_keys=True))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def tool(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'building lessons needs {error.name}, which is not installed here: pip install "lthkit[dev]"'
        ) from error
