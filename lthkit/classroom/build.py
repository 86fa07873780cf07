"""Build the lessons and say what is stale. The one file to edit is a lesson's source, `solutions/NN_slug.py`.

The solved edition, `solutions/NN_slug.ipynb`, is executed at tier laptop and keeps its outputs; the student edition,
`notebooks/NN_slug.ipynb`, has stubs and no outputs (`editions` makes both). They carry the hash of their source and of
their own cells, so `check_build` finds stale and hand-edited files without running anything.
"""

from __future__ import annotations

import atexit
import copy
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from lthkit.classroom.cells import MARK, PICTURE, BuildError, at, parse, read_source, regions, squeezed
from lthkit.classroom.editions import (
    EDITIONS,
    KERNEL,
    cells_sha256,
    editions,
    tool,
    without_predictions,
)
from lthkit.classroom.exercises import BLANK
from lthkit.storage import files

CELL_TIMEOUT = 900  # seconds
STARTS = 3  # of a kernel that dies before its first word, as where another process has just taken its port

# An answered quiz, also where the cell is no Python (a magic) and `ast` would see nothing.
_ANSWERED = re.compile(r"""\bquiz\(\s*["']([^"']*)["']\s*,\s*(?:answer\s*=\s*)?["']""")

_NAME = re.compile(r"(\d\d|capstone)_[a-z0-9_]+")


def build(
    root: Path | str,
    *,
    lessons: Iterable[str] | None = None,
    execute: bool = True,
    force: bool = False,
    report: Callable[[str], None] = print,
) -> list[Path]:
    """Make both editions of the lessons and return the files that were written; what is up to date stays untouched.

    A lesson is executed when its code changed since the solved edition was made; new prose alone keeps the outputs, and so
    does a cell that shows a recorded picture, which `lthkit.pictures.stored` draws without a run.

    Args:
        root: the folder of the course, with `solutions/` in it.
        lessons: numbers ("05") or names ("05_winning_tickets"); all lessons if None.
        execute: False writes a solved edition whose code changed without outputs, which `check_build` reports.
        force: execute even if nothing changed (say, because lthkit changed).
        report: called with one line for each lesson.

    Raises:
        BuildError: a source is malformed, a cell failed, or it printed what does not belong into a course.
        ModuleNotFoundError: jupytext, nbformat or nbclient is missing; the text has the line that installs them.
    """
    root = Path(root)
    written: list[Path] = []
    for source in _chosen(root, lessons):
        student, solution = editions(root, source)
        student_file, solution_file = (_file(root, source, edition) for edition in EDITIONS)
        changed: list[Path] = []
        done = "written"
        if force or _problems(root, source, "solution", solution):
            if (force or not _keep_outputs(solution, _read(solution_file))) and execute:
                started = time.perf_counter()
                _execute(root, source, solution)
                done = f"executed in {time.perf_counter() - started:.0f} s"
            changed += _write(solution_file, solution)
        changed += _write(student_file, student)
        written += changed
        report(f"{source.stem}: {done if changed else 'up to date'}")
    return written


def check_build(root: Path | str) -> list[str]:
    """Return what is wrong with the built lessons, one sentence each; empty if all is well. Executes nothing.

    Found are missing, stale, hand-edited and orphaned notebooks, leaked solutions, solved editions with a cell that was not
    executed or failed, and sources that cannot be built.
    """
    root = Path(root)
    sources = _sources(root)
    problems = (
        [] if sources else ["solutions/ holds no lesson, a file such as solutions/05_winning_tickets.py."]
    )
    for source in sources:
        try:
            made = zip(EDITIONS, editions(root, source), strict=True)
        except BuildError as error:
            problems.append(str(error))
            continue
        for edition, expected in made:
            problems += _problems(root, source, edition, expected)
        problems += _leaks(source, _read(_file(root, source, "student")))
    for folder in EDITIONS.values():
        for notebook in sorted((root / folder).glob("*.ipynb")):
            if notebook.stem not in {source.stem for source in sources}:
                problems.append(
                    f"{folder}/{notebook.name} has no source solutions/{notebook.stem}.py; delete it."
                )
    numbers = [source.stem[:2] for source in sources]
    for source in (root / "solutions").glob("*.py"):
        if not _NAME.fullmatch(source.stem):
            problems.append(
                f"solutions/{source.name}: a lesson is called NN_slug.py, such as 05_winning_tickets.py, and a part of the "
                "capstone capstone_slug.py."
            )
        elif source.stem[:2].isdigit() and numbers.count(source.stem[:2]) > 1:
            problems.append(f"solutions/{source.name}: another lesson has the number {source.stem[:2]} too.")
    return problems


# Which files


def _sources(root: Path) -> list[Path]:
    return sorted(p for p in (root / "solutions").glob("*.py") if _NAME.fullmatch(p.stem))


def _chosen(root: Path, lessons: Iterable[str] | None) -> list[Path]:
    sources = _sources(root)
    if not sources:
        raise BuildError(
            f"{root / 'solutions'} holds no lesson; give the folder of the course, the one with solutions/."
        )
    if lessons is None:
        return sources
    wanted = [lessons] if isinstance(lessons, str) else list(lessons)
    for lesson in wanted:
        if not any(lesson in (s.stem, s.stem[:2]) for s in sources):
            raise BuildError(
                f"there is no lesson {lesson!r}; there are {', '.join(s.stem for s in sources)}."
            )
    return [s for s in sources if s.stem in wanted or s.stem[:2] in wanted]


def _file(root: Path, source: Path, edition: str) -> Path:
    return root / EDITIONS[edition] / f"{source.stem}.ipynb"


# Executing


def _execute(root: Path, source: Path, notebook: Any) -> None:
    """Run the notebook in place, at tier laptop, in an empty folder and a kernel of this very Python."""
    nbclient = tool("nbclient")
    kernelspec = tool("ipykernel.kernelspec")
    specs = tool("jupyter_client.kernelspec")
    manager = tool("jupyter_client.manager")

    class ThisPython(specs.KernelSpecManager):  # type: ignore[misc, name-defined]
        def get_kernel_spec(self, kernel_name: str) -> Any:
            return specs.KernelSpec(resource_dir=kernelspec.RESOURCES, **kernelspec.get_kernel_dict())

    class Manager(manager.AsyncKernelManager):  # type: ignore[misc, name-defined]
        def _kernel_spec_manager_default(self) -> Any:
            return ThisPython()

    lines = _lines_by_id(source, notebook)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        scratch = Path(folder).resolve()
        (scratch / "lesson").mkdir()

        def executed() -> Any:
            client = nbclient.NotebookClient(
                notebook,
                kernel_manager_class=Manager,  # a class, so that the client owns the kernel and ends it
                timeout=CELL_TIMEOUT,
                record_timing=False,
                extra_arguments=["--log-level=ERROR"],
                resources={"metadata": {"path": str(scratch / "lesson")}},
            )
            try:
                client.execute(env=_kernel_environment(scratch))
            finally:  # nbclient leaves it there where a kernel died at its start
                atexit.unregister(client._cleanup_kernel)
            return client

        try:
            client = _started_again(executed, at(source))
        except nbclient.exceptions.CellExecutionError as error:
            failed = next(
                (c for c in notebook.cells if any(o.output_type == "error" for o in c.get("outputs", []))),
                None,
            )
            where = at(source, lines[failed.id] if failed is not None else None)
            raise BuildError(f"{where}: {error.ename}: {error.evalue}") from error
        except (nbclient.exceptions.CellTimeoutError, nbclient.exceptions.DeadKernelError) as error:
            raise BuildError(f"{at(source)}: {error}") from error
        for state in client.widget_state.values():
            if any(output.get("output_type") == "error" for output in state.get("outputs", ())):
                raise BuildError(f"{at(source)}: the callback of a widget failed.")
        notebook.metadata = {**copy.deepcopy(KERNEL), "lthkit": notebook.metadata["lthkit"]}
        paths = {
            str(p)
            for p in (root.resolve(), Path.home(), Path(sys.prefix), Path(tempfile.gettempdir()), scratch)
        }
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.metadata.pop("execution", None)
                cell.outputs = _clean_outputs(
                    at(source, lines[cell.id]), cell.outputs, paths - {"/", "/usr", "/usr/local"}
                )


def _started_again(executed: Callable[[], Any], where: str) -> Any:
    """What `executed` gives; it is called anew, `STARTS` times in all, where the kernel died before any cell was executed."""
    for left in reversed(range(STARTS)):
        try:
            return executed()
        except RuntimeError as error:
            died = "died before replying" in str(error)  # jupyter_client has no class for it
            if not died and "didn't respond in" not in str(error):
                raise
            if not (died and left):
                raise BuildError(f"{where}: no cell was executed: {error}") from error


def _kernel_environment(scratch: Path) -> dict[str, str]:
    """The environment of the kernel: ours, without the user's settings that would show in the outputs."""
    private = {"MPLBACKEND", "PYTHONWARNINGS", "LTHKIT_DATA"}
    environment = {key: value for key, value in os.environ.items() if key not in private}
    package = Path(__file__).resolve().parents[2]
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(package), os.environ.get("PYTHONPATH", "")])
    )
    return environment | {
        "LTHKIT_TIER": "laptop",
        "TQDM_DISABLE": "1",
        "IPYTHONDIR": str(scratch / "ipython"),
    }


def _clean_outputs(where: str, outputs: Sequence[Any], paths: Iterable[str]) -> list[Any]:
    """Join printed pieces, drop live widgets, and refuse what would read badly or tell about this machine."""
    kept: list[Any] = []
    for output in outputs:
        if output.output_type == "stream" and output.name == "stderr":
            raise BuildError(
                f"{where}: the cell writes to stderr, which is not kept: {output.text.strip()[:300]}"
            )
        data = output.get("data", {})
        if data.pop("application/vnd.jupyter.widget-view+json", None) is not None:
            if not any(kind.startswith("image/") for kind in data):
                continue  # an explorer (lthkit.explore) leaves its picture; another widget leaves nothing
        if output.output_type == "stream" and kept and kept[-1].output_type == "stream":
            kept[-1].text += output.text
        else:
            kept.append(output)
    for output in kept:
        if output.output_type == "execute_result":
            output.pop("transient", None)
        text = json.dumps(output.get("text", "")) + json.dumps(
            {kind: value for kind, value in output.get("data", {}).items() if not kind.startswith("image/")}
        )
        text = text.replace("\\\\", "\\")
        for path in paths:
            if re.search(re.escape(path) + r"(?![\w.-])", text):
                raise BuildError(f"{where}: the output shows a path of this machine, {path}.")
        if address := re.search(r"<[^<>]* at 0x[0-9a-fA-F]+>", text):
            raise BuildError(
                f"{where}: the output shows {address[0]}; print something readable, or end the line with a semicolon."
            )
    return kept


def _lines_by_id(source: Path, notebook: Any) -> dict[str, int | None]:
    """The line of each cell's header in the source; the set-up cell that the build added has none."""
    parsed = parse(source, read_source(source))
    cells = list(notebook.cells)
    if len(cells) > len(parsed):
        cells = [cell for cell in cells if cell.id != "setup"]
    return {"setup": None} | {cell.id: raw.line for raw, cell in zip(parsed, cells, strict=True)}


def _keep_outputs(notebook: Any, old: Any) -> bool:
    """Give the notebook the outputs of `old` if that was executed and has the same code cells; say whether it was."""
    if old is None or old.metadata.get("lthkit", {}).get("cells_sha256") != cells_sha256(old.cells):
        return False
    new_code, old_code = ([c for c in n.cells if c.cell_type == "code"] for n in (notebook, old))
    new_run, old_run = (
        [c for c in cells if not PICTURE.fullmatch(c.source)] for cells in (new_code, old_code)
    )
    own = [[c.source for c in cells if c.id != "setup"] for cells in (new_run, old_run)]  # it prints nothing
    if own[0] != own[1] or [c.id for c in new_run] != [c.id for c in old_run] or _unexecuted(old):
        return False
    before = {cell.id: cell for cell in old_code}
    same = [cell.id for cell in new_code] == [cell.id for cell in old_code]
    for i, cell in enumerate(new_code, start=1):
        cell.outputs = before[cell.id].outputs if cell.id in before else []
        # Where a picture came or went, the cells are counted anew.
        cell.execution_count = before[cell.id].execution_count if same else i
    return True


# Comparing


def _problems(root: Path, source: Path, edition: str, expected: Any) -> list[str]:
    """What is wrong with one built notebook."""
    path = _file(root, source, edition)
    name = f"{EDITIONS[edition]}/{path.name}"
    again = f"run `lthkit build {source.stem[:2] if source.stem[:2].isdigit() else source.stem}`"
    if not path.is_file():
        return [f"{name} is missing; {again}."]
    notebook = _read(path)
    stamp = notebook.metadata.get("lthkit", {}) if notebook is not None else {}
    if notebook is None or stamp.get("edition") != edition:
        return [f"{name} was not made by the build; move it away and {again}."]
    wanted = expected.metadata["lthkit"]
    problems = []
    if cells_sha256(notebook.cells) != stamp.get("cells_sha256"):
        problems.append(f"{name} was edited by hand; move the edit to solutions/{source.name} and {again}.")
    elif stamp.get("source_sha256") != wanted["source_sha256"]:
        problems.append(f"{name} is stale: solutions/{source.name} has changed; {again}.")
    elif stamp != wanted:
        problems.append(f"{name} is stale: the build or the repository address has changed; {again}.")
    if set(notebook.metadata) - {*KERNEL, "lthkit"}:
        problems.append(
            f"{name} carries foreign metadata ({', '.join(set(notebook.metadata) - {*KERNEL, 'lthkit'})}); {again}."
        )
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if edition == "student" and any(cell.outputs or cell.execution_count is not None for cell in code):
        problems.append(f"{name} holds outputs; {again}.")
    if edition == "solution":
        problems += [f"{name}: {what}; {again}." for what in _unexecuted(notebook)]
    return problems


def _unexecuted(notebook: Any) -> list[str]:
    """What is missing from a complete execution: an unexecuted cell, an error, a warning."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        if cell.execution_count is None:
            found.append(f"cell {cell.id} was not executed")
        if any(o.output_type == "error" or o.get("name") == "stderr" for o in cell.outputs):
            found.append(f"cell {cell.id} ended in an error or a warning")
    return found


def _leaks(source: Path, student: Any) -> list[str]:
    """Solutions that the student edition gives away: marks, solution-only cells, solution code in any cell."""
    if student is None:
        return []
    name = f"notebooks/{source.stem}.ipynb"
    found = []
    for cell in student.cells:
        if MARK.search(cell.source) or "solution-only" in cell.metadata.get("tags", []):
            found.append(f"{name}: cell {cell.id} belongs to the solved edition only.")
        if "exercise" in cell.metadata and BLANK not in cell.source:
            found.append(f"{name}: exercise {cell.metadata['exercise']} is not a stub.")
        if cell.cell_type == "code":
            found += [f"{name}: cell {cell.id} answers question {q}." for q in _ANSWERED.findall(cell.source)]
        if "prediction" in cell.metadata.get("tags", []) and cell.source != without_predictions(cell.source):
            found.append(f"{name}: cell {cell.id} holds an example in place of the student's prediction.")
    for raw in parse(source, read_source(source)):
        for begin, end in regions(source, raw):
            solution = squeezed("\n".join(raw.lines[begin + 1 : end]))
            # A line such as `return total` stands in many places; it gives nothing away.
            leaking = [c.id for c in student.cells if len(solution) >= 25 and solution in squeezed(c.source)]
            found += [f"{name}: cell {i} holds the solution of exercise {raw.exercise}." for i in leaking]
    return found


# Reading, writing, naming


def _read(path: Path) -> Any:
    """The notebook, or None if there is none or it is damaged."""
    if not path.is_file():
        return None
    nbformat = tool("nbformat")
    try:
        node = nbformat.reads(path.read_text(encoding="utf-8"), as_version=nbformat.NO_CONVERT)
        nbformat.validate(node)
    except (ValueError, AttributeError, KeyError, nbformat.ValidationError):
        return None
    return node if (node.nbformat, node.nbformat_minor) == (4, 5) else None


def _write(path: Path, notebook: Any) -> list[Path]:
    """Write the notebook if its bytes changed; return the path then, in a list."""
    content = tool("nbformat").writes(notebook) + "\n"
    if path.is_file() and path.read_bytes() == content.encode():
        return []
    files.write_text(path, content)
    return [path]
