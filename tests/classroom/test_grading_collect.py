"""Collecting: every layout of a download, every version of a notebook, and an answer with what it needs."""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lthkit.classroom.exercises import find
from lthkit.classroom.grading import archives, notebooks
from lthkit.classroom.grading.answers import Lesson, find_answers, program, read_lesson, unread
from lthkit.classroom.grading.collect import collect, repaired
from lthkit.classroom.grading.collected import submitted
from lthkit.classroom.grading.course import Course
from lthkit.classroom.grading.judging import FromText
from lthkit.classroom.grading.late import parse_time
from lthkit.classroom.grading.magics import _manager, parses, reading
from lthkit.classroom.grading.notebooks import Code, Unreadable, plain, read
from lthkit.classroom.grading.slices import joined, needed, statements
from lthkit.classroom.grading.stage import stage
from lthkit.classroom.judge import judge
from lthkit.classroom.process import in_worker
from tests.submissions import HELPERS, LESSON, RIGHT, ROOT, course_root, exported, filled

LESSONS = (LESSON, "06_rewinding")


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    root = course_root(tmp_path_factory.mktemp("course"))
    return stage(root / "class", ["05"], root=root, due=parse_time("2026-10-01"), seed=1, nbgrader=False)


@pytest.fixture(scope="module")
def release(course: Course) -> dict[str, Any]:
    return json.loads(course.path("release", LESSON, f"{LESSON}.ipynb").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def lesson(course: Course) -> Lesson:
    return read_lesson(course.path("release", LESSON, f"{LESSON}.ipynb"))


# Layouts


def handed(folder: Path, *names: str) -> list[tuple[str, str, str | None]]:
    """Files with these paths, as (name, number, lesson)."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}", encoding="utf-8")
    found, _ = archives.read([folder], LESSONS)
    return sorted((h.name, h.number, archives.lesson_named(h.file, LESSONS)) for h in found)


LAYOUTS: dict[str, tuple[tuple[str, ...], list[tuple[str, str, str | None]]]] = {
    "Moodle": (
        (
            "Ada Lovelace_123_assignsubmission_file_/Untitled.ipynb",
            "Li Wei_9_assignsubmission_file/05_winning_tickets.ipynb",
        ),
        [("Ada Lovelace", "123", None), ("Li Wei", "9", LESSON)],
    ),
    "Canvas": (
        ("lovelaceada_123_456_05_winning_tickets-1.ipynb", "weili_LATE_7_8_Untitled.ipynb"),
        [("lovelaceada", "123", LESSON), ("weili", "7", None)],
    ),
    "Blackboard": (
        (
            "Week 5_ada1_attempt_2026-10-01-12-00-00_05_winning_tickets.ipynb",
            "Week 5_ada1_attempt_2026-10-01-12-00-00.txt",
        ),
        [("ada1", "", LESSON)],
    ),
    "a folder for each student": (
        (
            "ada/05_winning_tickets.ipynb",
            "li/anything.ipynb",
            "li/.ipynb_checkpoints/anything-checkpoint.ipynb",
        ),
        [("ada", "", LESSON), ("li", "", None)],
    ),
    "nbgrader": (
        ("ada/05_winning_tickets/05_winning_tickets.ipynb", "li/05_winning_tickets/05_winning_tickets.ipynb"),
        [("ada", "", LESSON), ("li", "", LESSON)],
    ),
    "one student of nbgrader's": (
        ("ada/05_winning_tickets/05_winning_tickets.ipynb",),
        [("ada", "", LESSON)],
    ),
    "a folder around folders": (
        ("week 5/ada/a.ipynb", "week 5/li/b.ipynb"),
        [("ada", "", None), ("li", "", None)],
    ),
    "a folder named after the lesson": (
        ("05_winning_tickets/ada/a.ipynb", "05_winning_tickets/li/b.ipynb"),
        [("ada", "", LESSON), ("li", "", LESSON)],
    ),
    "flat": (
        (
            "ada.ipynb",
            "li_05_winning_tickets.ipynb",
            "05_winning_tickets (1)_bo.ipynb",
            "max_06_rewinding.py",
        ),
        [("ada", "", None), ("bo", "", LESSON), ("li", "", LESSON), ("max", "", "06_rewinding")],
    ),
    "two lessons of one student": (
        ("ada/05_winning_tickets.ipynb", "ada/06_rewinding.ipynb"),
        [("ada", "", LESSON), ("ada", "", "06_rewinding")],
    ),
}


@pytest.mark.parametrize("names, expected", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_layout_is_read_from_a_folder_and_from_a_zip(
    tmp_path: Path, names: tuple[str, ...], expected: list[tuple[str, str, str | None]]
) -> None:
    """Catches a student who is taken for a folder of the platform, or the other way round."""
    assert handed(tmp_path / "in", *names) == expected
    archive = tmp_path / "download.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in names:
            file.writestr(name, "{}")
    (tmp_path / "around").mkdir()
    (tmp_path / "around" / "download.zip").write_bytes(archive.read_bytes())
    found, _ = archives.read([archive], LESSONS)
    assert sorted((h.name, h.number, archives.lesson_named(h.file, LESSONS)) for h in found) == expected


def test_zips_of_students_inside_of_a_download(tmp_path: Path) -> None:
    """Catches a zip in a student's folder whose content is taken for somebody else's, and a path that leads outside."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as file:
        file.writestr("work/../../05_winning_tickets.ipynb", "{}")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as file:
        file.writestr("Ada Lovelace_1_assignsubmission_file_/mine.zip", inner.getvalue())
        file.writestr("Li Wei_2_assignsubmission_file_/broken.zip", b"PK nothing")
    found, _ = archives.read([tmp_path / "all.zip"], LESSONS)
    assert [(h.name, bool(h.problem)) for h in found] == [("Ada Lovelace", False), ("Li Wei", True)]
    assert ".." not in found[0].file


def test_what_says_when_it_was_handed_in(tmp_path: Path) -> None:
    """Catches a copy whose date makes a student late, and a LATE of the platform that is not heard."""
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "a.ipynb").write_text("{}", encoding="utf-8")
    (tmp_path / "ada" / "timestamp.txt").write_text("2026-10-02 10:00:00.5 UTC\n", encoding="utf-8")
    (tmp_path / "li.ipynb").write_text("{}", encoding="utf-8")
    (tmp_path / "wei_LATE_7_8_x.ipynb").write_text("{}", encoding="utf-8")
    (tmp_path / "T_bo_attempt_2026-10-01-12-30-00_x.ipynb").write_text("{}", encoding="utf-8")
    found, aside = archives.read([tmp_path], LESSONS)
    by_name = {h.name: h for h in found}
    expected = datetime.fromisoformat("2026-10-02T10:00:00+00:00").astimezone().replace(tzinfo=None)
    assert by_name["ada"].sure and by_name["ada"].time == expected
    assert by_name["bo"].sure and by_name["bo"].time == datetime(2026, 10, 1, 12, 30)
    assert not by_name["li"].sure and by_name["wei"].said_late and not aside


def test_nothing_is_dropped_without_a_word(course: Course, release: dict[str, Any], tmp_path: Path) -> None:
    """Catches a file that vanishes: of another kind, of no lesson, without a name, handed in twice, of a stranger."""
    content = json.dumps(filled(release, RIGHT))
    for name in (
        "ada/first.ipynb",
        "ada/second.ipynb",
        f"{LESSON}.ipynb",
        "ada/essay.docx",
        "li/05_winning_tickets.ipynb",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "bo").mkdir()
    (tmp_path / "bo" / "notes.py").write_text("x = 1\n", encoding="utf-8")
    course.path("roster.csv").write_text("id,name\nada,Ada Lovelace\n", encoding="utf-8")
    try:
        found, aside = collect(course, [tmp_path])
    finally:
        course.path("roster.csv").unlink()
    by_student = {c.student: c for c in found}
    assert sorted(by_student) == ["ada", "li"]
    assert any("more than once" in note for note in by_student["ada"].notes)
    told = " ".join(aside)
    assert "essay.docx" in told and "whose is it" in told and "notes.py: it names no staged lesson" in told
    assert by_student["li"].dated_late and not by_student["li"].time


def test_two_names_that_make_one_folder_stay_two_students(
    course: Course, release: dict[str, Any], tmp_path: Path
) -> None:
    """Catches a student whose work takes the place of another's."""
    for name in ("A B", "A+B"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{LESSON}.ipynb").write_text(json.dumps(release), encoding="utf-8")
    found, _ = collect(course, [tmp_path])
    assert sorted(c.student for c in found) == ["A_B", "A_B_2"]


# Notebooks as they come


def test_versions_of_the_format(release: dict[str, Any]) -> None:
    """Catches a reader that wants ids, metadata or lists of lines, or that refuses what another editor adds."""
    cells = [c for c in release["cells"] if c["cell_type"] == "code"]
    expected = [plain("".join(c["source"])) for c in cells]
    joined = [{**c, "source": "".join(c["source"]), "metadata": {"vscode": {"x": [1]}}} for c in cells]
    three = [{"cell_type": "code", "input": c["source"], "language": "python", "outputs": []} for c in cells]
    for value in (
        {"cells": joined, "nbformat": 4, "nbformat_minor": 0},
        {
            "cells": [*joined, {"cell_type": "markdown", "source": ["é"]}, None, {"cell_type": "raw"}],
            "metadata": 3,
        },
        {"worksheets": [{"cells": three}], "nbformat": 3},
    ):
        for content in (
            json.dumps(value).encode(),
            b"\xef\xbb\xbf" + json.dumps(value, ensure_ascii=False).encode(),
        ):
            assert [c.text for c in read("x.ipynb", content)] == expected


HANGUL = "x = '\ud55c'  # \u4e2d"
IN_HANGUL = json.dumps({"cells": [{"cell_type": "code", "source": HANGUL}]}, ensure_ascii=False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_notebook_is_read_in_every_encoding_of_unicode(encoding: str) -> None:
    """Catches a notebook that PowerShell wrote again, and that is refused as something else."""
    assert read("x.ipynb", IN_HANGUL.encode(encoding)) == [Code(HANGUL)]


@pytest.mark.parametrize(
    "content",
    [
        HANGUL.encode(),
        HANGUL.encode("utf-8-sig"),
        HANGUL.encode("utf-16"),
        f"# coding: latin-1\n{HANGUL}".encode("utf-8-sig"),
        f"#!/usr/bin/env python\n# -*- coding: gb18030 -*-\n{HANGUL}".encode("gb18030"),
        f"y = 1\n# coding: latin-1\n{HANGUL}".encode(),
    ],
)
def test_a_file_of_python_is_read_in_its_encoding(content: bytes) -> None:
    """Catches letters that become others: an encoding that is not asked for, or that counts where Python does not look."""
    assert read("x.py", content)[0].text.split("\n")[-1] == HANGUL


@pytest.mark.parametrize(
    "name, content, why",
    [
        ("x.ipynb", b"", "empty"),
        ("x.ipynb", b'{"cells": [', "not a whole notebook"),
        ("x.ipynb", b'{"a": 1}', "no cells"),
        ("x.ipynb", b"[1]", "no cells"),
        ("x.ipynb", b"\x89PNG\x00\xff", "not a text file"),
        ("x.ipynb", b'{"cells": ' + b"[" * 100_000, "not a whole notebook"),
        ("x.ipynb", IN_HANGUL.encode("gb18030"), "not UTF-8 text. Save it as UTF-8"),
        ("x.py", HANGUL.encode("gb18030"), "save it as UTF-8"),
        ("x.py", b"#\n#\n#\n" + HANGUL.encode("gb18030"), "not utf-8 text. Save it as UTF-8"),
        ("x.py", b"# coding: klingon\nx = 1", "name no encoding that exists"),
        ("x.py", b"# coding: rot13\nx = 1", "rot13, which is no encoding of text"),
        ("x.py", HANGUL.encode("utf-16-le"), "ave it as UTF-8"),
        ("x.py", b"x = 1\0", "zero bytes"),
    ],
)
def test_a_damaged_file_is_named(name: str, content: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read(name, content)


def test_marks_of_a_cell_in_every_place() -> None:
    """Catches an exercise whose cell is known by one editor's metadata only."""
    for cell in (
        {"metadata": {"nbgrader": {"grade_id": "exercise-05-2"}}},
        {"metadata": {"exercise": "05.2"}},
        {"id": "exercise-05-2"},
        {"metadata": {"id": "exercise-05-2"}},
    ):
        notebook = {"cells": [{"cell_type": "code", "source": "x = 1", **cell}]}
        assert read("x.ipynb", json.dumps(notebook).encode()) == [Code("x = 1", "05.2")]
    assert read("x.py", b'# %% exercise="05.2"\nx = 1\n\n# %% [markdown]\n# text\n') == [
        Code("x = 1", "05.2")
    ]


MAGICS = {  # a cell, and what it leaves behind, on as many lines
    "%matplotlib inline\nx = 1": "pass\nx = 1",
    "%matplotlib inline\nx = (7\n% 3)": "pass\nx = (7\n% 3)",
    "if x:\n    !pip install y\nz = 1": "if x:\n    pass\nz = 1",
    "def f():\n\t!ls\n\treturn 1": "def f():\n\tpass\n\treturn 1",
    "!pip install y \\\n    z\nx = 1": "pass\n\nx = 1",
    "!echo it's (\nx = (1\n% 2)": "pass\nx = (1\n% 2)",
    "!pip install y \\\nz\nx = 1": "pass\n\nx = 1",
    "gpu = !nvidia-smi": "gpu = []",
    "x = %timeit -o f()\ny = %time 1 + 2\n": "x = None\ny = (1 + 2)\n",
    "%time x = f(); y = 2\n%prun -l 5 f()\n%timeit x = 3": "x = f(); y = 2\npass\npass",
    "%%time\nx = 1": "pass\nx = 1",
    "# Mine\n\n%%time\n%%capture out --no-stderr\n!ls\nx = 1": "# Mine\n\npass\nout = None\npass\nx = 1",
    "%%timeit -n 10 import math\nmath.pi": "import math\nmath.pi",
    "%%memit -r 3\nx = 1": "pass\nx = 1",
    "    %%capture out\n    x = 1": "out = None\nx = 1",
    "x = 1\n%%time\ny = 2": "x = 1\npass\ny = 2",
    "%%time?": "pass",
    "x.sort?\n??y\n*.z?": "pass\npass\npass",
    ",f a b\n;f a b\n/f a b": 'f("a", "b")\nf("a b")\nf(a, b)',
    ">>> def f(x):\n...     return x\n>>> !ls": "def f(x):\n    return x\npass",
    "\nIn [3]: x = 1\n   ...: y = 2": "\nx = 1\ny = 2",
    "In [3]: x = 1": "x = 1",
    "    x = 1\n    !ls": "x = 1\npass",
    "pip install torch": "pass",
    "await f()\n!ls\nasync with a as b:\n    pass": "await f()\npass\nasync with a as b:\n    pass",
    "get_ipython().system('ls')\nx = get_ipython()": "pass\nx = None",
    "y = f(get_ipython().getoutput(\n    'ls')); IPython.get_ipython().magic('x')": "y = f(([]\n)); pass",
    "get_ipython().system(\n    'ls'); y = 1": "pass\ny = 1",
    "x = '\xe9' + f'{get_ipython()}'; z = 1": "x = '\xe9' + f'{None}'; z = 1",
    "get_ipython().run_cell_magic('time', '', 'x = 1\\n')": "pass\nx = 1",
    "x = '''\n% of it\n!ls\n>>> y\n'''": "x = '''\n% of it\n!ls\n>>> y\n'''",
    "x = '''\n% of it\n!ls\n>>> y\n'''\n!ls": "x = '''\n% of it\n!ls\n>>> y\n'''\npass",
    "x = 7 %\\\n3": "x = 7 %\\\n3",
    "x = (1 +\n%time y = 2": None,
    "for f in !ls:\n    pass": None,
    "def f(:\n    pass": None,
}


@pytest.mark.parametrize("cell, expected", MAGICS.items(), ids=range(len(MAGICS)))
def test_a_magic_leaves_behind_what_it_binds(cell: str, expected: str | None) -> None:
    """Catches a line that is lost, or run, or read as another one than IPython reads; and an error that is healed (None)."""
    notebook = {"cells": [{"cell_type": "code", "source": cell}]}
    assert read("x.ipynb", json.dumps(notebook).encode()) == [Code(plain(cell))]
    if expected is None:
        with pytest.raises(SyntaxError):
            ast.parse(plain(cell))
    else:
        assert plain(cell) == expected and plain(cell.replace("\n", "\r\n")) == expected
        assert "run_cell_magic" in cell or expected.count("\n") == cell.count("\n")


def test_many_magics_in_one_cell_are_all_read() -> None:
    """Catches the limit of IPython, 500 magics a cell, as ours: it is 500 a statement."""
    assert plain("!ls\nx = 1\n" * 600) == "pass\nx = 1\n" * 600


@pytest.mark.parametrize("name", ["bash", "writefile answer.py", "html", "course.answer", "python", ""])
def test_a_cell_of_another_magic_is_not_read_and_that_is_told(name: str) -> None:
    """Catches an answer that is dropped without a word, or a text in another language that is taken for one."""

    def found(body: str, mark: str = "") -> list[Code]:
        cell = {"cell_type": "code", "source": f"# c\n%%{name}\n{body}", "metadata": {"exercise": mark}}
        return read("x.ipynb", json.dumps({"cells": [cell]}).encode())

    said = f"its first line is %%{name.partition(' ')[0]}, which Jupyter does not run as Python; remove that line."
    both = "def matching_density():\n    pass\ndef early_stop_step():\n    pass"
    assert found("x = 1") == [Code("")]
    assert found("x = 1", "05.4") == [Code("", "05.4", said)]
    assert found(both) == [Code("", "05.2", said), Code("", "05.3", said)]
    assert found("def helper():\n    pass") == [Code("", "", said)]


def test_without_ipython_a_cell_is_read_or_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a cell that vanishes, or whose magic is run, where IPython is not installed."""
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.setitem(sys.modules, "IPython.core.inputtransformer2", None)
    for cached in (reading, _manager):
        cached.cache_clear()
    try:
        assert read("x.py", b"%%time\nx = '''\n!ls'''") == [Code("pass\nx = '''\n!ls'''")]
        cells = [
            {"cell_type": "code", "source": s} for s in ("!ls", "x = 1", "%%time\ndef matching_density(:")
        ]
        found = read("x.ipynb", json.dumps({"cells": cells}).encode())
    finally:
        for cached in (reading, _manager):
            cached.cache_clear()
    assert [(c.text, c.mark, "pip install ipython" in c.trouble) for c in found] == [
        ("", "", True),
        ("x = 1", "", False),
        ("", "05.2", True),
    ]


def test_python_is_read_without_ipython() -> None:
    """Catches a grading, or a check, that needs a notebook for what has no magic."""
    asked = (
        "import sys; from lthkit.classroom.grading.notebooks import plain; plain('x = 1')\n"
        "assert 'IPython.core.inputtransformer2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", asked], check=True)


# Exported files


def exports(text: str) -> list[tuple[str, str]]:
    return [(c.text, c.mark) for c in read("x.py", text.encode()) if not c.trouble]


COLAB = "# Commented out IPython magic to ensure Python compatibility.\n"
FORMS = {
    "percent": ("# %% a\nx = 1\n#%%\ny = 2\n# %%%% b\nz = 3\n#%%[markdown]\n# t", ["x = 1", "y = 2", "z = 3"]),
    "old": ("# <codecell>\nx = 1\n# <markdowncell>\n# t\n# In[ ]:\ny = 2\n# In [3]\nz = 3", ["x = 1", "y = 2", "z = 3"]),
    "light": ("x = 1\n\n# + [markdown]\n# t\n# -\n# +\ny = 2\n# -", ["x = 1", "y = 2"]),
    "magics of an editor": ("# %%\n%%time\nx = 1\n# %%\ny = !ls", ["pass\nx = 1", "y = []"]),
    "no marks": ("x = (1\n# + 2\n)\n# -\n# %%time\ny = 2", ["x = (1\n# + 2\n)\n# -\n# %%time\ny = 2"]),
    "a mark in a text": ('!ls\nx = """\n# %%\ndef f(): pass\n"""', ['pass\nx = """\n# %%\ndef f(): pass\n"""']),
    "code in prose": ("# %% [markdown]\n# t\ndef f(): pass", ["# t\ndef f(): pass"]),
    "a definition in prose": ("# %% [markdown]\n'''\ndef f(): pass\n'''\n# %%\nx = 1", ["x = 1"]),
    "Jupyter": ("# In[1]:\n\n\nget_ipython().run_cell_magic('time', '', 'x = 1\\n')\n", ["pass\nx = 1"]),
    "Colab": (f"{COLAB}# %%time\n# def f():\n# \n#   return 1\n\ny = 2", ["pass\ndef f():\n\n  return 1", "y = 2"]),
    "Colab, magics in line": (f"{COLAB}try:\n#   %cd x\nexcept Exception:\n  pass", [COLAB[:-1], "try:\n  pass\nexcept Exception:\n  pass"]),
    "Colab, comments": (f"{COLAB}# x = 3\n# %cd\nx = (7\n# %y\n)", [f"{COLAB}# x = 3\npass\nx = (7\n# %y\n)"]),
    "a comment of one's own": ("# %time x = 3\ny = 2", ["# %time x = 3\ny = 2"]),
    "backslashes in prose": ('"""$\\xi$"""\nx = 1', ["x = 1"]),
}  # fmt: skip


@pytest.mark.parametrize("text, expected", FORMS.values(), ids=FORMS.keys())
def test_cells_of_an_exported_file(text: str, expected: list[str]) -> None:
    """Catches a cell that is lost, prose that is read as code, and a comment or a text that becomes code."""
    assert [text for text, _ in exports(text)] == expected


def test_marks_of_an_exported_file() -> None:
    for head in (
        '# %% exercise="05.2"',
        '# + {"exercise": "05.2"}',
        '# + nbgrader={"grade_id": "exercise-05-2"}',
        '# + id="exercise-05-2"',
    ):
        assert exports(f"{head}\nx = 1") == [("x = 1", "05.2")]


GOOD = 'def {}(x):\n    """Doc.\n\nMore."""\n    return (x\n)\n'
ONE, TWO = GOOD.format("one"), "SIZE = 2\n" + GOOD.format("two")
BROKEN = {
    "no colon": "def f(x)\n    return 1\n",
    "a bracket that stays open": "def f(x):\n    return (x\n",
    "a text that stays open": 'def f(x):\n    """Doc.\n    return x\n',
    "below a decorator": "@a\n@b(\n    1)\ndef f(x):\nreturn x\n",
    "a definition in a text": 'x = g("""\ndef f():\n    return 1\n"""\n',
    "a text at the left": "def f(x)\n    '''Doc.\n\nMore.\n'''\n    return 1\n",
    "a value that stays open": 'x = """a\n',
    "a shell line": "!echo '(\ndef f(:\n    pass\n",
    "an error at the left": "x = = 3\n",
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("mark", ["", '# %% exercise="05.1"\n'])
def test_a_broken_statement_costs_only_itself(broken: str, mark: str) -> None:
    """Catches an error that takes the rest of a file along, or that is no longer told; and code that is made of a text."""
    for above, below in ((ONE, TWO), ("", ONE + TWO), (ONE + TWO, "")):
        found = exports(f"{mark}{above}{broken}{below}")
        good = [text for text, _ in found if parses(text)]
        named = {n.name for text in good for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)}
        assert named == {"one", "two"}
        assert any("SIZE = 2" in text for text in good) or broken.startswith(("x = g(", 'x = """'))  # open
        assert len(found) - len(good) == 1
        assert {m for _, m in found} == {"05.1" if mark else ""}


def test_what_is_broken_ends_where_the_next_statement_is_read() -> None:
    """Catches a bracket of a shell line that opens something, and a text without an end that takes a function along."""
    good = 'def f():\n    """Doc."""'
    assert [text for text, _ in exports(f'x = """a\n{good}')] == ['x = """a', good]
    assert [text for text, _ in exports("!echo (\nx = 1\ny = = 2\n")] == ["pass\nx = 1", "y = = 2"]


# What an answer needs


def names(text: str, wanted: str) -> str:
    return "\n".join(s.text for s in needed([wanted], statements(text)))


def test_only_what_a_function_needs_comes_along() -> None:
    """Catches a training that comes along because a local variable has its name, and a helper that stays behind."""
    text = (
        "import math, os\nfrom numpy import *\nmodel = train()\nSCALE = 2\nSCALE *= 3\nmemo = {}\nmemo['a'] = 1\n"
        "def helper(x):\n    return math.sqrt(x) * SCALE\n"
        "def f(x):\n    model = memo\n    return [helper(y) for y in x]\nprint(f([1]))\nwhile True: pass"
    )
    found = names(text, "f")
    for part in (
        "import math",
        "SCALE = 2",
        "SCALE *= 3",
        "memo['a'] = 1",
        "def helper",
        "from numpy import *",
    ):
        assert part in found
    assert "train" not in found and "while" not in found and "print" not in found


def test_the_last_definition_counts_and_a_stub_below_it_does_not() -> None:
    """Catches a first attempt that is graded, and an answer that the untouched stub makes void."""
    stub = 'def f(x):\n    """Text."""\n    raise NotImplementedError("00.1: your code goes here")'
    assert (
        names(f"def f(x):\n    return 1\ndef f(x):\n    return 2\n{stub}", "f") == "def f(x):\n    return 2"
    )
    assert [s.blank for s in statements(stub)] == [True]
    assert "return 1" in names("def f(x):\n    return 1\nf = cached(f)", "f")
    assert names("if True:\n    def f(x):\n        return 1", "f").startswith("if True")


def run(text: str, *, cut: int | None = None) -> Any:
    """What `f()` gives with no more than it needs."""
    space: dict[str, Any] = {"__name__": "__main__"}
    code = joined(needed(["f"], statements(text), cut=cut))
    exec(compile(code, "<answer>", "exec", dont_inherit=True), space)
    return space["f"]()


RETURNS_2 = {
    "a lambda that registers": "C = {}\nreg = lambda k, v: C.update({k: v})\nreg('a', 2)\ndef f(): return C['a']",
    "a partial that registers": "from functools import partial\nC = {}\ndef reg(c, k, v): c[k] = v\nput = partial(reg, C)\n"
    "put('a', 2)\ndef f(): return C['a']",
    "an argument by its name": "C = {}\ndef reg(*, c): c['a'] = 2\nreg(c=C)\ndef f(): return C['a']",
    "a map": "C = []\ndef reg(k): C.append(k)\nlist(map(reg, [1, 2]))\ndef f(): return C[1]",
    "a main part": "C = []\ndef main(): C.append(2)\nif __name__ == '__main__':\n    main()\ndef f(): return C[0]",
    "an object that registers": "C = []\nclass A:\n    def __init__(self): C.append(2)\nA()\ndef f(): return C[0]",
    "a subclass that registers": "R = {}\nclass Base:\n    def __init_subclass__(cls): R[cls.__name__] = cls\n"
    "class A(Base):\n    x = 2\ndef f(): return R['A'].x",
    "a decorator that is an object": "class Reg:\n    def __init__(self): self.all = {}\n    def __call__(self, g):\n"
    "        self.all[g.__name__] = g\n        return g\nreg = Reg()\n@reg\ndef half(): return 2\ndef f(): return reg.all['half']()",
    "a decorator that is a method": "class Reg:\n    all = {}\n    @classmethod\n    def keep(cls, g):\n"
    "        cls.all[g.__name__] = g\n        return g\n@Reg.keep\ndef half(): return 2\ndef f(): return Reg.all['half']()",
    "a call of an object": "class Sum:\n    n = 0\n    def __call__(self, k): self.n += k\ns = Sum()\ns(2)\ndef f(): return s.n",
    "a part with a name": "t = [[0], [0]]\nrow = t[0]\nrow[0] = 2\ndef f(): return t[0][0]",
    "a loop over what is needed": "rows = [[], []]\nfor r in rows:\n    r.append(2)\ndef f(): return rows[1][0]",
    "a chain": "C = {}\nC.setdefault('a', []).append(2)\ndef f(): return C['a'][0]",
    "a value that nobody wants": "C = set()\nnot C and C.add(2)\ndef f(): return max(C)",
    "an attribute of a function": "def g(): return g.n[0]\ng.n = []\ng.n.append(2)\ndef f(): return g()",
    "a value that is used": "C = [1]\nx = C.pop()\nC.append(x + 1)\ndef f(): return C[0]",
    "torch in place": "import torch\nw = torch.zeros(2)\nw[0].add_(5)\ntorch.nn.init.ones_(w)\ndef f(): return w.sum().item()",
    "a network that evaluates": "import torch\nnet = torch.nn.Dropout(0.9)\nnet.eval()\ndef f(): return net(torch.full((), 2.0)).item()",
    "a default of that time": "K = 2\ndef g(x=K): return x\nK = 3\ndef f(): return g() if K == 3 else 0",
    "an older helper of a default": "def h(): return 2\ndef g(x=h()): return x\ndef h(): return 5\ndef f(): return g()",
    "a decorator below": "@twice\ndef f(): return 1\ndef twice(g): return lambda: 2 * g()",
    "a base class below": "class B(A): pass\nclass A:\n    x = K\nK = 2\ndef f(): return B.x",
    "a deleted helper": "def sum(x): return 0\ndel sum\ndef f(): return sum([2])",
    "two names deleted": "a = 1; b = 2\ndel a, b\na = 2\ndef f(): return a",
    "a patch": "from torch import Tensor\nimport torch\nTensor.two = lambda self: 2\ndef f(): return torch.ones(1).two()",
    "a number named like a function": "round = 3\ndef f(): return round(2.4)",
    "the future after a helper": "def g(x: No) -> No: return 2\nfrom __future__ import annotations\ndef f(): return g(1)",
}


@pytest.mark.parametrize("text", RETURNS_2.values(), ids=RETURNS_2.keys())
def test_what_fills_a_name_comes_along(text: str) -> None:
    """Catches a value that is not what it was in the notebook, because a statement that made it so stayed behind."""
    assert run(text) == 2


STAYS = {
    "a training": "def train(m): m.fit()\nnet = object()\ntrain(net)\ndef f(): return net",
    "steps of an optimizer": "net = [1]\nopt = list(net)\nfor i in range(9):\n    opt.step(1 / 0)\ndef f(): return net",
    "a method that changes nothing": "class N:\n    def fit(self): 1 / 0\nn = N()\nn.fit()\ndef f(): return n",
    "a print of a memo": "m = {}\ndef g(n):\n    m[n] = m.get(n, n)\n    return m[n]\nprint(g(1 / 0))\ndef f(): return g(3)",
    "a training that uses a memo": "m = {}\ndef g(n):\n    m[n] = m.get(n, n)\n    return m[n]\n"
    "def train(): print(g(1), 1 / 0)\ntrain()\ndef f(): return g(3)",
    "a log of what is done": "log = []\nlog.append(1 / 0)\ndef f(): log.append(1)",
    "a plot": "def plot(h): print(h.x)\nh = [1]\nplot(h)\ndef f(): return h",
    "a check": "def check(*a): 1 / 0\ndef f(): return 1\ncheck('05.2', f)",
    "an assertion": "c = [1]\nassert c.pop() == 2\ndef f(): return c",
    "a local name of another function": "x = 3\ndef g():\n    x = []\n    x.append(1 / 0)\ng()\ndef f(): return x",
    "a setting of the looks": "import torch\ntorch.set_printoptions(no=1)\ndef f(): return torch",
}


@pytest.mark.parametrize("text", STAYS.values(), ids=STAYS.keys())
def test_what_fills_nothing_stays_behind(text: str) -> None:
    """Catches a training or a plot that comes along because it has to do with a name that is needed."""
    run(text)


def test_what_stood_before_the_check_counts() -> None:
    """Catches a helper, a setting or an entry that was tried later and changes the answer, and a later one that is lost."""
    text = "h = {'a': 1}\ndef f(): return h['a'] + k + len(['x'])\nk = 5\nh['a'] = 9\ndef len(x): return 7\ndef f(): return 0"
    assert run(text, cut=2) == 1 + 5 + 1
    assert run(text) == 0


def test_what_two_answers_change_is_changed_once(lesson: Lesson) -> None:
    """Catches a name of the lesson that two answers add to, and that is added to twice in the graded program."""
    at = min(lesson.places.values())
    cells = ("COUNT = [1]", *lesson.cells)
    longer = Lesson(LESSON, cells, {e: i + 1 for e, i in lesson.places.items()})
    assert at < lesson.places["05.3"]
    fill = "COUNT.append(1)\n"
    second = fill + "def matching_density(d, t, dense):\n    return len(COUNT)\n"
    third = "def early_stop_step(s, l, p):\n    return matching_density(s, l, p) + 10 * len(COUNT)\n"
    found = answers([second, third], longer)
    again = find_answers([Code(found[e].code, e) for e in ("05.2", "05.3")], longer)
    for each in (found, again):
        space: dict[str, Any] = {}
        exec(program(longer, each, "05.3"), space)
        assert space["early_stop_step"](1, 1, 1) == 22


def test_a_cell_that_was_not_read_is_told(lesson: Lesson) -> None:
    """Catches a cell that is dropped silently: an answer's below a magic, and one that is no answer's."""
    cells: list[Any] = [
        SimpleNamespace(text=text, mark=mark, trouble=trouble)
        for text, mark, trouble in (
            ("", "05.2", "its first line is %%writefile."),
            ("x = (", "", ""),
            ("", "", "it is a table."),
        )
    ]
    found = find_answers(cells, lesson)
    assert found["05.2"].missing == "its cell was not read as code: its first line is %%writefile."
    assert unread(cells, found) == (
        "the cell that begins with `x = (` is left out, since it is not Python: '(' was never closed (line 1, `x = (`).",
        "a cell is left out, since it was not read as code: it is a table.",
    )


def answers(cells: list[str], lesson: Lesson) -> dict[str, Any]:
    return find_answers([Code(text) for text in cells], lesson)


def test_an_answer_runs_from_nothing(lesson: Lesson) -> None:
    """Catches a program without the lesson's imports, without an earlier answer, or with a whole training in it."""
    uses = RIGHT["05.2"] + "\n\ndef twice(x):\n    return 2 * x\n"
    third = "def early_stop_step(steps, losses, patience):\n    matching_density([1.0], [1.0], 1.0)\n    return twice(steps[0]) // 2\n"
    found = answers([third, uses, HELPERS, RIGHT["05.1"], RIGHT["05.4"]], lesson)
    code = program(lesson, found, "05.3")
    space: dict[str, Any] = {}
    exec(code, space)
    assert space["early_stop_step"]([4, 5], [1.0, 2.0], 1) == 4
    space = {}
    exec(program(lesson, found, "05.4"), space)
    assert "evidence" in space and "torch" not in program(lesson, found, "05.4")


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")), ids=lambda p: p.stem[:2])
def test_the_solved_lesson_passes(path: Path) -> None:
    """Catches an answer that is right in the notebook and has lost an import, a helper or an earlier answer on the way."""
    each = read_lesson(path)
    solved = read(path.name, (ROOT / "solutions" / path.name).read_bytes())
    for answers_of in (
        solved,
        [c for c in solved if c.mark != f"{path.stem[:2]}.1"],
    ):  # the second with 1 left out
        found = find_answers(answers_of, each)
        for exercise_id, answer in found.items():
            if answer.code:
                text, name = program(each, found, exercise_id), find(exercise_id).name
                function = FromText(text, name, "<answer>", exercise=exercise_id)
                outcome = judge(find(exercise_id), find(exercise_id).reference, runner=lambda _, cases: in_worker(function, cases))  # fmt: skip  # noqa: B023
                assert outcome.state == "passed", (exercise_id, outcome.lines)


def test_a_repaired_notebook_is_repaired_once(
    course: Course, lesson: Lesson, release: dict[str, Any]
) -> None:
    """Catches a repair that changes what it repaired before, or a release whose graded cells are lost."""
    path = course.path("release", LESSON, f"{LESSON}.ipynb")
    handed_in = read("a.ipynb", json.dumps(filled(release, RIGHT)).encode())
    first = repaired(path, find_answers(handed_in, lesson))
    second = repaired(path, find_answers(read("a.ipynb", first.encode()), lesson))
    assert len(json.loads(first)["cells"]) == len(release["cells"]) and first.count("grade_cell") == 8
    one, two = (find_answers(read("a.ipynb", text.encode()), lesson) for text in (first, second))
    assert [(a.exercise, set(a.code.split("\n"))) for a in one.values()] == [
        (a.exercise, set(a.code.split("\n"))) for a in two.values()
    ]


def test_what_is_missing_is_said_exactly(lesson: Lesson) -> None:
    """Catches a renamed function, a deleted cell and a syntax error that are all called blank."""
    renamed = RIGHT["05.2"].replace("matching_density", "matchingDensity")
    found = answers([renamed, RIGHT["05.3"], "def smallest_safe_density(d, l):\n    return (\n"], lesson)
    assert "the nearest name is `matchingDensity`" in found["05.2"].missing
    assert "was it deleted" in found["05.1"].missing
    assert found["05.3"].code and "line 2" in found["05.4"].missing
    assert not any(a.blank for a in found.values())


def test_a_plain_py_file_of_functions_is_enough(lesson: Lesson) -> None:
    text = "import torch\nfrom lthkit import evidence\n\n" + HELPERS + "".join(RIGHT.values())
    found = find_answers(read("ada.py", text.encode()), lesson)
    assert all(a.code for a in found.values())
    notebook = json.dumps({"cells": [{"cell_type": "code", "source": text}]}).encode()
    assert find_answers(read("ada.py", exported(notebook)), lesson) == found


def test_collecting_runs_nothing(course: Course, tmp_path: Path) -> None:
    """Catches a collection that executes what was handed in."""
    trace = tmp_path / "ran"
    text = f"open({str(trace)!r}, 'w')\nwhile True: pass\n" + RIGHT["05.2"]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "eve.py").write_text(text, encoding="utf-8")
    found, _ = collect(course, [tmp_path / "in"])
    assert [c.found for c in found] == [("05.2",)] and not trace.exists()
    assert "while True" not in submitted(course, LESSON, "eve").read_text(encoding="utf-8")
    assert find("05.2").name in submitted(course, LESSON, "eve").read_text(encoding="utf-8")


def test_notebooks_reads_no_more_than_code() -> None:
    assert notebooks.read("x.py", b"# In[3]:\n\n\nx = 1\n\n\n# Text that explains\n") == [
        Code("x = 1\n\n\n# Text that explains")
    ]
