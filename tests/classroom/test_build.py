"""The build of the lessons: two editions that cannot drift apart, leak a solution or carry noise."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest

from lthkit.classroom import build as build_module
from lthkit.classroom.build import build, check_build
from lthkit.classroom.cells import BuildError
from lthkit.classroom.editions import EXAMPLES, editions

ROOT = Path(__file__).resolve().parents[2]

LESSON = '''\
# ---
# jupyter:
#   kernelspec: {display_name: Somewhere else, language: python, name: elsewhere}
# ---

# %% [markdown]
# # 07 A lesson
# With $\\theta_0 \\in \\mathbb{R}^n$ and a mask.

# %%
import os

print(os.environ["LTHKIT_TIER"])

# %% [markdown]
# Now you.

# %% exercise="07.1"
def total(numbers: list[float]) -> float:
    """Add them up."""
    # BEGIN SOLUTION
    result = 0.0
    for number in numbers:
        result += number
    return result
    # END SOLUTION


# %%
print("after")

# %%
print("after")

# %% tags=["solution-only"]
print("what the teacher says")
'''


@pytest.fixture(autouse=True, scope="module")
def _short_patience() -> Iterator[None]:
    """A kernel that hangs fails a test within a minute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lthkit.classroom.build.CELL_TIMEOUT", 60)
        yield


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course of one small lesson, 07_sums, that is not built yet."""
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions/07_sums.py").write_text(LESSON, encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def _built_once(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    root = tmp_path_factory.mktemp("course")
    (root / "solutions").mkdir()
    (root / "solutions/07_sums.py").write_text(LESSON, encoding="utf-8")
    build(root, report=lambda line: None)
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*.ipynb")}


@pytest.fixture
def built(course: Path, _built_once: dict[str, bytes]) -> Path:
    """The same course, built; executed once for all tests."""
    for name, content in _built_once.items():
        (course / name).parent.mkdir(exist_ok=True)
        (course / name).write_bytes(content)
    return course


def quiet(root: Path, **options: object) -> list[Path]:
    return build(root, report=lambda line: None, **options)  # type: ignore[arg-type]


def read(root: Path, name: str) -> nbformat.NotebookNode:
    return nbformat.read(root / name, as_version=4)


def edit(root: Path, name: str, change: Callable[[dict], object]) -> None:
    """Change a notebook the way an editor does, hashes untouched."""
    notebook = json.loads((root / name).read_text(encoding="utf-8"))
    change(notebook)
    (root / name).write_text(json.dumps(notebook), encoding="utf-8")


def rewrite(root: Path, old: str, new: str) -> None:
    source = root / "solutions/07_sums.py"
    text = source.read_text(encoding="utf-8")
    assert old in text
    source.write_text(text.replace(old, new), encoding="utf-8")


STUDENT, SOLVED = "notebooks/07_sums.ipynb", "solutions/07_sums.ipynb"


def test_student_edition_has_a_stub_and_nothing_of_the_solution(built: Path) -> None:
    notebook = read(built, STUDENT)
    stub = next(c for c in notebook.cells if c.metadata.get("exercise") == "07.1")
    assert stub.source == (
        "def total(numbers: list[float]) -> float:\n"
        '    """Add them up."""\n'
        '    raise NotImplementedError("07.1: your code goes here")'
    )
    text = (built / STUDENT).read_text(encoding="utf-8")
    assert "result" not in text and "SOLUTION" not in text and "teacher" not in text
    assert all(not c.outputs and c.execution_count is None for c in notebook.cells if c.cell_type == "code")


def test_solved_edition_is_executed_at_tier_laptop(built: Path) -> None:
    cells = [c for c in read(built, SOLVED).cells if c.cell_type == "code"]
    assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))
    assert [c.outputs[0].text for c in cells if c.outputs] == [
        "laptop\n",
        "after\n",
        "after\n",
        "what the teacher says\n",
    ]
    assert "SOLUTION" not in "".join(c.source for c in cells)


def test_metadata_is_normalised(built: Path) -> None:
    for name in (STUDENT, SOLVED):
        notebook = read(built, name)
        nbformat.validate(notebook)
        assert notebook.metadata.kernelspec.name == "python3"
        assert set(notebook.metadata) == {"kernelspec", "language_info", "lthkit"}
        assert "version" not in notebook.metadata.language_info  # else two machines build different bytes
        assert all(set(c.metadata) <= {"tags", "exercise"} for c in notebook.cells if c.id != "setup")


def test_cell_ids_are_unique_stable_and_the_same_in_both_editions(course: Path) -> None:
    source = course / "solutions/07_sums.py"
    student, solved = editions(course, source)
    ids = [c.id for c in solved.cells]
    assert len(set(ids)) == len(ids)  # two cells are equal: print("after")
    assert [c.id for c in student.cells] == ids[:-1]
    assert "exercise-07-1" in ids and "setup" in ids
    rewrite(course, "# Now you.", "# Now it is your turn.")
    changed = [c.id for c in editions(course, source)[1].cells]
    assert sum(a != b for a, b in zip(ids, changed, strict=True)) == 1


def test_building_again_changes_no_byte_and_executes_nothing(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lthkit.classroom.build._execute", lambda *a: pytest.fail("executed"))
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in built.rglob("*.ipynb")}
    assert quiet(built) == []
    assert before == {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in built.rglob("*.ipynb")}
    assert check_build(built) == []


def test_executing_again_gives_the_same_bytes_and_ends_its_kernel(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jupyter_client.manager import AsyncKernelManager

    managers: list[AsyncKernelManager] = []
    start = AsyncKernelManager.start_kernel

    def spy(self: AsyncKernelManager, **options: object) -> object:
        managers.append(self)
        return start(self, **options)

    monkeypatch.setattr(AsyncKernelManager, "start_kernel", spy)
    assert quiet(built, force=True) == []
    assert len(managers) == 1 and not managers[0].has_kernel


@pytest.mark.parametrize("deaths", [1, 9])
def test_a_kernel_that_dies_before_its_first_word_is_started_again(
    course: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, deaths: int
) -> None:
    """Catches a build that a taken port ends, one that starts kernels for ever, and a traceback in place of a sentence."""
    dies = tmp_path_factory.mktemp("dies")
    (dies / "ipykernel_launcher.py").write_text("raise SystemExit(1)\n")
    environment, starts = build_module._kernel_environment, []

    def planted(scratch: Path) -> dict[str, str]:
        starts.append(scratch)
        made = environment(scratch)
        return made | ({"PYTHONPATH": str(dies)} if len(starts) <= deaths else {})

    monkeypatch.setattr(build_module, "_kernel_environment", planted)
    if deaths == 1:
        assert len(quiet(course)) == 2 and len(starts) == 2 and check_build(course) == []
    else:
        with pytest.raises(BuildError, match="07_sums.*: no cell was executed: Kernel died before replying"):
            quiet(course)
        assert len(starts) == 3 and not (course / "solutions/07_sums.ipynb").exists()


def test_new_prose_keeps_the_outputs_and_new_code_does_not(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed: list[str] = []
    monkeypatch.setattr(
        "lthkit.classroom.build._execute", lambda root, source, nb: executed.append(source.stem)
    )
    rewrite(built, "# Now you.", "# Now it is your turn.")
    assert len(check_build(built)) == 2  # both are stale
    assert len(quiet(built)) == 2 and not executed
    assert check_build(built) == []
    rewrite(built, "result = 0.0", "result = 0")
    quiet(built)
    assert executed == ["07_sums"]


def test_windows_newlines_make_the_same_notebooks(built: Path) -> None:
    source = built / "solutions/07_sums.py"
    source.write_bytes(source.read_bytes().replace(b"\n", b"\r\n"))
    assert check_build(built) == []


def test_lessons_are_chosen_by_number_or_name(course: Path) -> None:
    (course / "solutions/08_more.py").write_text("# %%\nprint(1)\n", encoding="utf-8")
    assert [p.stem for p in quiet(course, lessons=["08"], execute=False)] == ["08_more"] * 2
    assert [p.stem for p in quiet(course, lessons="07_sums", execute=False)] == ["07_sums"] * 2
    with pytest.raises(BuildError, match="no lesson '09'; there are 07_sums, 08_more"):
        quiet(course, lessons=["09"])


# What check_build finds, by the sentence


def problems_after(root: Path, name: str, change: Callable[[dict], object]) -> str:
    edit(root, name, change)
    found = check_build(root)
    assert found
    return "\n".join(found)


def test_check_finds_hand_edits_in_either_edition(built: Path) -> None:
    for name in (STUDENT, SOLVED):
        assert f"{name} was edited by hand" in problems_after(
            built, name, lambda nb: nb["cells"][0].update(source="# Mine")
        )


def test_check_finds_a_stale_source_and_a_changed_repository_address(built: Path) -> None:
    (built / "pyproject.toml").write_text(
        '[tool.lthkit]\nrepository = "https://example.org/lthkit"\n', encoding="utf-8"
    )
    assert "is stale: the build or the repository address" in "\n".join(check_build(built))
    rewrite(built, 'print("after")', 'print("later")')
    assert f"{STUDENT} is stale: solutions/07_sums.py has changed" in "\n".join(check_build(built))


def test_check_finds_missing_orphaned_and_misnamed_files(built: Path) -> None:
    (built / STUDENT).rename(built / "notebooks/06_gone.ipynb")
    (built / "solutions/helper.py").write_text("", encoding="utf-8")
    (built / "solutions/07_again.py").write_text("# %%\nprint(1)\n", encoding="utf-8")
    found = "\n".join(check_build(built))
    assert f"{STUDENT} is missing" in found
    assert "notebooks/06_gone.ipynb has no source" in found
    assert "solutions/helper.py: a lesson is called NN_slug.py" in found
    assert "07_again.py: another lesson has the number 07" in found


def test_check_finds_a_leaked_solution(built: Path) -> None:
    leak = {"cell_type": "code", "execution_count": None, "id": "x", "metadata": {}, "outputs": []}
    body = "r = 1\nresult = 0.0\nfor number in numbers: # so\n  result += number\nreturn result"
    found = problems_after(built, STUDENT, lambda nb: nb["cells"].append({**leak, "source": body}))
    assert "cell x holds the solution of exercise 07.1" in found
    found = problems_after(built, STUDENT, lambda nb: nb["cells"][-1].update(source="# BEGIN SOLUTION"))
    assert "cell x belongs to the solved edition only" in found


def test_a_solution_repeated_in_the_source_is_a_leak_that_the_build_itself_would_make(course: Path) -> None:
    rewrite(
        course,
        'print("what the teacher says")',
        "pass\n\n# %%\ndef again(numbers):\n    result = 0.0\n    for number in numbers:\n        result += number\n    return result",
    )
    quiet(course, execute=False)
    assert "holds the solution of exercise 07.1" in "\n".join(check_build(course))


def test_check_finds_an_incomplete_execution_and_an_error(built: Path) -> None:
    error = {"output_type": "error", "ename": "E", "evalue": "", "traceback": []}

    def code(nb: dict) -> list[dict]:
        return [c for c in nb["cells"] if c["cell_type"] == "code"]

    assert "was not executed" in problems_after(
        built, SOLVED, lambda nb: code(nb)[1].update(execution_count=None)
    )
    assert "ended in an error" in problems_after(
        built, SOLVED, lambda nb: code(nb)[1].update(outputs=[error])
    )
    stored = {"output_type": "stream", "name": "stdout", "text": "1"}
    assert f"{STUDENT} holds outputs" in problems_after(
        built, STUDENT, lambda nb: code(nb)[1].update(outputs=[stored])
    )
    assert "foreign metadata (widgets)" in problems_after(
        built, SOLVED, lambda nb: nb["metadata"].update(widgets={})
    )


def test_check_finds_a_damaged_file_and_an_empty_course(built: Path, tmp_path: Path) -> None:
    (built / STUDENT).write_text("{", encoding="utf-8")
    assert f"{STUDENT} was not made by the build" in "\n".join(check_build(built))
    assert "holds no lesson" in check_build(tmp_path / "elsewhere")[0]


# Malformed sources, by file and line (the line in the lesson above)

MALFORMED = {
    "typo in a tag": (
        'tags=["solution-only"]',
        'tags=["solutions-only"]',
        r"07_sums.py:35: unknown tag 'solutions-only'",
    ),
    "tag that hides breakage": (
        'tags=["solution-only"]',
        'tags=["raises-exception"]',
        r":35: unknown tag 'raises-exception'",
    ),
    "unknown option": ('tags=["solution-only"]', "trusted=true", r":35: unknown cell option 'trusted'"),
    "END missing": ("    # END SOLUTION\n", "", r":21: BEGIN SOLUTION without an END"),
    "BEGIN missing": ("    # BEGIN SOLUTION\n", "", r":25: END SOLUTION without a BEGIN"),
    "BEGIN twice": (
        "    return result\n",
        "    # BEGIN SOLUTION\n    return result\n",
        r":25: BEGIN SOLUTION inside",
    ),
    "loose spelling": ("# BEGIN SOLUTION", "# begin solution", r":21: write exactly"),
    "no exercise": (' exercise="07.1"', "", r":18: a cell with a solution needs its exercise"),
    "no region": (
        "# BEGIN SOLUTION",
        "#",
        r":26: END SOLUTION without",
    ),
    "foreign exercise": ('exercise="07.1"', 'exercise="08.1"', r":18: exercise '08.1' should be 07."),
    "empty solution": (
        "    result = 0.0\n    for number in numbers:\n        result += number\n    return result\n",
        "",
        r":21: the solution is empty",
    ),
    "syntax error": ("return result", "return return", r":25: invalid syntax"),
    "outside a function": (
        'print("after")\n\n# %% tags',
        '# BEGIN SOLUTION\nprint("after")\n# END SOLUTION\n\n# %% tags',
        r":33: a solution stands inside the body of a function",
    ),
    "top level in an exercise": (
        "    # BEGIN SOLUTION\n",
        "    pass\n\n# BEGIN SOLUTION\nanswer_of_all = 42\n# END SOLUTION\n\ndef more(numbers):\n    # BEGIN SOLUTION\n",
        r":23: a solution stands inside the body of a function",
    ),
    "code in the set-up cell": (
        "# %%\nimport os",
        '# %% tags=["setup"]\nimport os',
        r":10: a set-up cell stays empty",
    ),
    "text before the first cell": (
        "# %% [markdown]\n# # 07",
        "x = 1\n# %% [markdown]\n# # 07",
        r":6: a lesson starts with a cell",
    ),
    "exercise twice": (
        '# %%\nprint("after")\n\n# %% tags',
        '# %% exercise="07.1"\nprint("after")\n\n# %% tags',
        r":32: exercise '07.1' is there twice",
    ),
}


@pytest.mark.parametrize("old, new, message", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_source_is_refused_with_its_line(course: Path, old: str, new: str, message: str) -> None:
    rewrite(course, old, new)
    with pytest.raises(BuildError, match=message):
        quiet(course, execute=False)
    assert not list(course.rglob("*.ipynb"))
    assert any("solutions/07_sums.py" in problem for problem in check_build(course))


# Questions, and the order of check and use

QUESTION = """
# %% question="07.Q1"
from lthkit.classroom import quiz

quiz("07.Q1", "b")  # \u03b8 stays
"""


def with_more(root: Path, text: str) -> Path:
    source = root / "solutions/07_sums.py"
    source.write_text(LESSON + text, encoding="utf-8")
    return source


def test_students_get_a_question_without_its_answer(course: Path) -> None:
    """Catches an answer in the student edition, and a question cell whose id changes with its answer."""
    student, solved = editions(course, with_more(course, QUESTION))
    given, kept = (next(c for c in nb.cells if "question" in c.metadata) for nb in (student, solved))
    assert given.source == 'from lthkit.classroom import quiz\n\nquiz("07.Q1", None)  # \u03b8 stays'
    assert kept.source == given.source.replace("None", '"b"')
    assert given.id == kept.id == "question-07-Q1" and given.metadata.question == "07.Q1"
    quiet(course, execute=False)
    assert not any("answers" in problem for problem in check_build(course))


def test_check_finds_a_leaked_answer(built: Path) -> None:
    """Catches a letter in the student edition, in a cell of any kind and in any spelling."""
    for code in ('quiz("07.Q1", "b")', "%time quiz('07.Q1',\n'b')", 'quiz("07.Q1", answer="b")'):
        cell = {"cell_type": "code", "execution_count": None, "id": "x", "metadata": {}, "outputs": []}
        edit(built, STUDENT, lambda nb, c=cell, s=code: nb["cells"].append({**c, "source": s}))  # type: ignore[misc]
        assert f"{STUDENT}: cell x answers question 07.Q1." in check_build(built)
        edit(built, STUDENT, lambda nb: nb["cells"].pop())


UNASKED = {
    "no question cell": (
        QUESTION.replace(' question="07.Q1"', ""),
        "an answered quiz needs a cell of its own",
    ),
    "in a function": ('\n# %%\ndef f():\n    return [quiz("07.Q1", "a")]\n', "needs a cell of its own"),
    "by name": ('\n# %%\nquiz("07.Q1", answer="a")\n', "needs a cell of its own"),
    "other id": (QUESTION.replace('quiz("07.Q1"', 'quiz("07.Q2"'), "holds one call, `quiz"),
    "no letter": (QUESTION.replace('"b"', "None"), "holds one call"),
    "a word": (QUESTION.replace('"b"', '"the second"'), "holds one call"),
    "two": (QUESTION + 'quiz("07.Q1", "c")\n', "holds one call"),
    "none": (QUESTION.replace("quiz(", "print("), "holds one call"),
    "foreign": (QUESTION.replace("07.Q1", "08.Q1"), "question '08.Q1' should be 07.Q and a number"),
    "bad id": (QUESTION.replace("07.Q1", "07.1"), "question '07.1' should be 07.Q and a number"),
    "twice": (QUESTION + QUESTION, "question '07.Q1' is there twice"),
    "text cell": (
        '\n# %% [markdown] question="07.Q1"\n# quiz("07.Q1", "b")\n',
        "holds one call",
    ),
    "use first": (
        '\n# %%\ntotal_ = use("07.1", total)\n\n# %%\ncheck("07.1", total)\n',
        r'07_sums.py:39: use\("07.1", ...\) stands before check',
    ),
    "use first in a cell": (
        '\n# %%\ntotal_ = use("07.1", total); check("07.1", total)\n',
        "stands before check",
    ),
    "use without check": ('\n# %%\ntotal_ = lth.classroom.use("07.1", total)\n', "stands before check"),
}


@pytest.mark.parametrize("text, message", UNASKED.values(), ids=UNASKED.keys())
def test_a_question_or_an_order_that_gives_something_away_is_refused(
    course: Path, text: str, message: str
) -> None:
    """Catches an answer that students would get, and a reference handed out before the check of the exercise."""
    with pytest.raises(BuildError, match=message):
        editions(course, with_more(course, text))


def test_check_before_use_and_an_open_quiz_are_fine(course: Path) -> None:
    """Catches a build that refuses the form that lessons have."""
    text = '\n# %%\ncheck("07.1", total)\n\n# %%\ntotal_ = use("07.1", total)\n\n# %%\nquiz("07.Q1", None)\n'
    editions(course, with_more(course, text))


# What a lesson must not do when it is executed

NOISE = {
    "error": ("raise KeyError('k')", r"07_sums.py:29: KeyError"),
    "warning": ("import warnings; warnings.warn('old')", r":29: the cell writes to stderr"),
    "path": ("print(os.path.expanduser('~') + '/data')", r":29: the output shows a path of this machine"),
    "folder": ("print(os.getcwd())", r":29: the output shows a path"),
    "address": ("print(object())", r":29: the output shows <object object at"),
}


@pytest.mark.parametrize("code, message", NOISE.values(), ids=NOISE.keys())
def test_noise_in_an_output_stops_the_build(course: Path, code: str, message: str) -> None:
    source = course / "solutions/07_sums.py"
    source.write_text(LESSON.replace('print("after")', code, 1), encoding="utf-8")
    with pytest.raises(BuildError, match=message):
        quiet(course)
    assert not (course / SOLVED).exists()


def test_widgets_leave_no_state_and_a_failing_callback_stops_the_build(course: Path) -> None:
    widget = "import ipywidgets\nprint('before')\nipywidgets.interact(lambda x: print(x), x=(0, 3));"
    source = course / "solutions/07_sums.py"
    source.write_text(LESSON.replace('print("after")', widget, 1), encoding="utf-8")
    quiet(course)
    assert "widget" not in json.dumps([c.get("outputs") for c in read(course, SOLVED).cells])
    assert "widgets" not in read(course, SOLVED).metadata
    source.write_text(
        LESSON.replace('print("after")', widget.replace("print(x)", "1 / 0"), 1), encoding="utf-8"
    )
    with pytest.raises(BuildError, match="the callback of a widget failed"):
        quiet(course)


# The set-up cell


def setup_cell(root: Path) -> str:
    student, solved = editions(root, root / "solutions/07_sums.py")
    found = [[c.source for c in nb.cells if c.id == "setup"] for nb in (student, solved)]
    assert found[0] == found[1] and len(found[0]) == 1
    return str(found[0][0])


def run_alone(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a Python that has no lthkit: -S leaves out site-packages and the checkout."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"},
    )


def test_setup_cell_is_the_same_in_all_lessons_and_below_the_title(course: Path) -> None:
    first = setup_cell(course)
    ast.parse(first)
    (course / "solutions/07_sums.py").write_text(LESSON.replace("Now you.", "x"), encoding="utf-8")
    assert setup_cell(course) == first
    cells = editions(course, course / "solutions/07_sums.py")[0].cells
    assert [c.id == "setup" for c in cells[:3]] == [False, True, False]
    rewrite(course, "# %% [markdown]\n# x", '# %% tags=["setup"]\n\n# %% [markdown]\n# x')
    cells = editions(course, course / "solutions/07_sums.py")[0].cells
    assert [c.id == "setup" for c in cells[:3]] == [False, False, True]


def test_the_colab_badge_comes_from_the_repository_address(course: Path) -> None:
    """Catches: a badge that leads nowhere, in the solved edition, or without a public address."""
    source = next((course / "solutions").glob("*.py"))

    def badges(address: str) -> list[list[str]]:
        (course / "pyproject.toml").write_text(f'[tool.lthkit]\nrepository = "{address}"\n')
        return [[c.source for c in node.cells if c.id == "colab"] for node in editions(course, source)]

    assert badges("") == badges("https://example.org/a/b") == [[], []]
    for address in ("https://github.com/someone/lthkit", "https://github.com/someone/lthkit.git"):
        (student,), solved = badges(address)
        target = f"github/someone/lthkit/blob/main/notebooks/{source.stem}.ipynb"
        assert target in student and "![Open this lesson in Colab]" in student and solved == []


# Stands in for the installed package: `ready` is tested where torch is.
FAKE = {
    "__init__.py": "",
    "py.typed": "",
    "classroom/__init__.py": "def ready(): print('ready of', __file__)",
}


def fake_package(folder: Path) -> Path:
    for name, text in FAKE.items():
        (folder / "lthkit" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "lthkit" / name).write_text(text, encoding="utf-8")
    return folder / "lthkit"


def test_setup_cell_is_short_and_folded(course: Path) -> None:
    """Catches: a first screen of installation code; a cell that one notebook program folds and the others do not."""
    for cell in editions(course, next((course / "solutions").glob("*.py")))[0].cells:
        if cell.id == "setup":
            assert len(cell.source.splitlines()) <= 4 and cell.source.startswith("# @title Set-up")
            assert cell.metadata["jupyter"] == {"source_hidden": True}  # JupyterLab and Notebook 7
            assert cell.metadata["cellView"] == "form"  # Colab


def test_setup_cell_finds_a_checkout_and_says_what_to_do_without_one(course: Path, tmp_path: Path) -> None:
    code = setup_cell(course)
    deep = course / "my" / "copies"
    deep.mkdir(parents=True)
    package = fake_package(course)
    done = run_alone(code + "\nimport lthkit; print(lthkit.__file__)", deep)
    assert done.returncode == 0 and Path(done.stdout.split("\n")[1]).parent == package, done.stderr
    assert done.stdout.startswith(f"ready of {package}")
    elsewhere = course.parent / "installed"
    installed = f"import sys; sys.path.append({str(elsewhere)!r})\n"
    done = run_alone(installed + code, (fake_package(elsewhere), deep)[1])
    assert done.stdout.startswith(f"ready of {elsewhere}"), "an installed lthkit goes before a checkout"
    (package / "py.typed").unlink()
    done = run_alone(code, deep)
    assert "lthkit is not installed here" in done.stderr and "--no-deps FILE.whl" in done.stderr


def test_ready_gives_an_operator_one_thread_unless_told_otherwise(course: Path) -> None:
    """Catches: a lesson whose own loops wait for a thread that a busy machine has put aside, here or in a child."""
    code = (
        setup_cell(course)
        + "\nimport os, torch; print(os.environ['OMP_NUM_THREADS'], torch.get_num_threads())"
    )
    for before, after in (("", "1 1"), ("import os; os.environ['OMP_NUM_THREADS'] = '2'", "2 2")):
        environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
        told = subprocess.run(
            [sys.executable, "-c", f"{before}\n{code}"],
            cwd=ROOT / "notebooks",
            capture_output=True,
            text=True,
            env=environment,
        )
        assert told.stdout.strip() == after, told.stderr


def test_setup_cell_installs_on_colab_without_touching_torch_or_numpy(course: Path) -> None:
    address = "https://example.org/course/lthkit"
    (course / "pyproject.toml").write_text(f'[tool.lthkit]\nrepository = "{address}"\n', encoding="utf-8")
    code = setup_cell(course)
    place = course.parent / "site"
    fake = f"""import os, subprocess, sys
sys.modules['google.colab'] = sys
def run(line, check):
    os.rename({str(place)!r} + '-later', {str(place)!r})
    print(line[1:])
subprocess.run = run
sys.path.append({str(place)!r})
"""
    fake_package(place.with_name("site-later"))
    done = run_alone(fake + code, course)
    assert done.returncode == 0, done.stderr
    said, ready = done.stdout.strip().split("\n")
    assert ast.literal_eval(said) == ["-m", "pip", "install", "--no-deps", f"git+{address}", "--quiet"]
    assert ready.startswith(f"ready of {place}")
    again = run_alone(fake + code, course)  # what is installed is not installed again
    assert again.stdout.strip() == ready, again.stderr
    assert f"--no-deps git+{address}" in run_alone(code, course).stderr  # elsewhere nothing is installed
    assert len(code.splitlines()) == 6  # two lines for Colab


def test_on_colab_ready_keeps_runs_on_drive(monkeypatch: pytest.MonkeyPatch) -> None:
    from lthkit.classroom import ready, set_up

    asked: list[str] = []
    monkeypatch.setattr(set_up, "keep_on_drive", lambda: asked.append("drive"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    ready()
    assert asked == []
    ready(drive=True)
    assert asked == ["drive"]


def test_missing_tools_are_named_with_the_line_that_installs_them(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jupytext", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "lthkit\[dev\]"'):
        quiet(course)


# The course itself


def test_the_lessons_of_this_course_are_built() -> None:
    assert check_build(ROOT) == []


def test_setup_cell_finds_this_checkout(course: Path) -> None:
    """Catches: a cell that looks for a file of the package that has moved."""
    code = setup_cell(course).rpartition("\n")[0] + '\nprint(importlib.util.find_spec("lthkit").origin)'
    done = run_alone(code, ROOT / "notebooks")
    assert Path(done.stdout.strip()).parent == ROOT / "lthkit", done.stderr


# Predictions: examples in the solved edition, None in the student's

PREDICTION = '\n# %% tags=["prediction"]\nmy_gap = -1.5  # θ, such as 2\nmy_net = "LeNet"\n'


def test_predictions_are_examples_in_the_solved_edition_and_none_in_the_students(course: Path) -> None:
    source = course / "solutions/07_sums.py"
    source.write_text(LESSON + PREDICTION, encoding="utf-8")
    student, solved = ([c.source for c in nb.cells] for nb in editions(course, source))
    assert student[-1] == "my_gap = None  # θ, such as 2\nmy_net = None"
    assert solved[-1] == f'{EXAMPLES}\nmy_gap = -1.5  # θ, such as 2\nmy_net = "LeNet"'


@pytest.mark.parametrize(
    "cell",
    [
        PREDICTION.replace(' tags=["prediction"]', ""),
        "\n# %%\nmy_gap = None\n",
        PREDICTION.replace("-1.5", "None"),
        PREDICTION + "print(my_gap)\n",
        PREDICTION + "other = 2\n",
        PREDICTION.replace("-1.5", "1 + 2"),
        '\n# %% tags=["prediction"]\ngap = 1\n',
    ],
)
def test_a_prediction_that_students_would_get_is_refused(course: Path, cell: str) -> None:
    """Catches: an example in a cell without the tag, and more in a tagged cell than the build looks at."""
    source = course / "solutions/07_sums.py"
    source.write_text(LESSON + cell, encoding="utf-8")
    with pytest.raises(BuildError, match="prediction"):
        editions(course, source)


def test_check_finds_an_example_in_the_students_edition(course: Path) -> None:
    source = course / "solutions/07_sums.py"
    source.write_text(LESSON + PREDICTION, encoding="utf-8")
    quiet(course, execute=False)
    change = lambda nb: nb["cells"][-1].update(source="my_gap = -1.5")  # noqa: E731
    assert "holds an example" in problems_after(course, STUDENT, change)
