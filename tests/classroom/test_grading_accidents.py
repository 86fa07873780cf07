"""Accidents and attacks by files: each is told with its owner, nobody else loses anything, and the next file follows."""

from __future__ import annotations

import ast
import io
import json
import os
import stat
import sys
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lthkit.classroom.grading import archives, collected, forms, unpacking
from lthkit.classroom.grading import run as grading
from lthkit.classroom.grading.collect import collect
from lthkit.classroom.grading.collected import Collected, read_record, record
from lthkit.classroom.grading.course import Course
from lthkit.classroom.grading.judging import Verdict
from lthkit.classroom.grading.late import LateRule, days_late, parse_time
from lthkit.classroom.grading.magics import reading
from lthkit.classroom.grading.report import report
from lthkit.classroom.grading.roster import Roster, Student
from lthkit.classroom.grading.run import Result
from lthkit.classroom.grading.slices import statements
from lthkit.classroom.grading.stage import stage
from lthkit.storage import files
from tests.submissions import LESSON, RIGHT, code, course_root, filled

LESSONS = (LESSON, "06_rewinding")
MOODLE = "_assignsubmission_file_"
Contents = dict[str, bytes]


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Course:
    root = course_root(tmp_path_factory.mktemp("course"))
    return stage(root / "class", ["05"], root=root, due=parse_time("2026-10-01"), seed=1, nbgrader=False)


def right(course: Course) -> dict[str, Any]:
    release = json.loads(course.path("release", LESSON, f"{LESSON}.ipynb").read_text(encoding="utf-8"))
    return filled(release, RIGHT)


def zipped(contents: Contents, **settings: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **settings) as file:
        for name, content in contents.items():
            file.writestr(name, content)
    return buffer.getvalue()


# Notebooks and cells


def with_cells(*texts: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda notebook: {**notebook, "cells": [*map(code, texts), *notebook["cells"]]}


def with_cell(**parts: Any) -> Callable[[dict[str, Any]], Any]:
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], **parts}
    return lambda notebook: {**notebook, "cells": [cell, *notebook["cells"]]}


ELIF = "if a == 0:\n    b = 0\n" + "".join(f"elif a == {i}:\n    b = {i}\n" for i in range(1, 261))
PLUS = "b = 1" + " + 1" * 340

# What is done to a right notebook, and the word that its owner's record has then: "" where all is read without a word.
NOTEBOOKS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "260 elif": (with_cells(ELIF), ""),
    "340 plus": (with_cells(PLUS), ""),
    "260 elif and a magic": (with_cells("%matplotlib inline\n" + ELIF), ""),
    "a magic in 90 blocks": (with_cells("".join(" " * i + "if a:\n" for i in range(90)) + " " * 90 + "!ls"), ""),
    "30,000 not": (with_cells("b = " + "not " * 30_000 + "1"), "is left out"),
    "30,000 attributes": (with_cells("b = a" + ".b" * 30_000), "is left out"),
    "an integer of 5,000 digits": (with_cells("b = " + "1" * 5000), "is left out"),
    "an integer of 20,000 hex digits": (with_cells("b = 0x" + "f" * 20_000), ""),
    "such an integer and a magic": (with_cells("!ls\nb = 0x" + "f" * 20_000), ""),
    "an f-string of 20,000 parts": (with_cells("def f(a):\n    return f'" + "{a}" * 20_000 + "'"), "10,000 parts"),
    "1,000,000 signs": (with_cells("+" * 1_000_001), "more than 1,000,000"),
    "1,000,000 lines": (with_cells("\n" * 1_000_001 + "x = 1"), "more than 1,000,000"),
    "a name of 100,000 letters": (with_cells("def f(x) return\n" + "x" * 100_000), "is left out"),
    "20,000 broken cells": (with_cells(*(f"x = = {i}" for i in range(500))), "470 more such notes"),
    "half of a character": (with_cells("def f():\n    return '\ud800'"), "half of a character"),
    "half of a character in a comment": (with_cells("x = = 1  # \udfff"), ""),
    "a zero byte": (with_cells("x = '\0'"), "is left out"),
    "form feeds": (with_cells("\x0cx = 1\x0c\n\x1cy = 2"), "is left out"),
    "a source that is a number": (with_cell(source=5), "its source is no text"),
    "a source that is a list of numbers": (with_cell(source=[1, 2]), "its source is no text"),
    "a source that is a dict": (with_cell(source={"a": 1}), "its source is no text"),
    "no source": (with_cell(), ""),
    "metadata as a list": (with_cell(source="x = 1", metadata=[1]), ""),
    "metadata of other kinds": (with_cell(source="x = 1", metadata={"exercise": [1], "nbgrader": 3, "id": 4}), ""),
    "a mark of its own": (with_cell(source="x = 1", metadata={"exercise": "99\ud800\n<b>"}), ""),
    "cells that are no dicts": (lambda n: {**n, "cells": [None, 3, "x", [], *n["cells"]]}, ""),
    "NaN": (lambda n: {**n, "metadata": {"x": float("nan"), "y": float("inf")}}, ""),
    "worksheets of numbers": (lambda n: {"worksheets": [1, 2, 3]}, "it has no cells"),
    "worksheets of lists": (lambda n: {"worksheets": [[], {"cells": 3}]}, "it has no cells"),
    "one sheet of numbers": (lambda n: {"worksheets": [1, {"cells": n["cells"]}]}, ""),
    "cells as a dict": (lambda n: {**n, "cells": {}}, "it has no cells"),
    "a list": (lambda n: [n], "it has no cells"),
}  # fmt: skip

RAW: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "an output of 5,000 digits": ("x.ipynb", lambda b: b.replace(b'"outputs": []', b'"outputs": [' + b"1" * 5000 + b"]", 1), ""),
    "cut off": ("x.ipynb", lambda b: b[: len(b) // 2], "damaged, cut off"),
    "nested 100,000 deep": ("x.ipynb", lambda b: b'{"cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "damaged, cut off"),
    "empty": ("x.ipynb", lambda b: b"", "it is empty"),
    "only a mark": ("x.ipynb", lambda b: b"\xef\xbb\xbf", "it is empty"),
    "zero bytes": ("x.ipynb", lambda b: b"\0" * 1000, "it is"),
    "a picture": ("x.ipynb", lambda b: b"\x89PNG\r\n\x1a\n\xff\xfe", "not a text file"),
    "latin-1": ("x.ipynb", lambda b: b.replace(b"import", b"# \xe9 import", 1), "UTF-8"),
    "a web page": ("x.ipynb", lambda b: b"<!doctype html><title>Sign in</title>", "damaged, cut off"),
}  # fmt: skip


def bytes_of(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_no_notebook_ends_the_collection(staged: Course, tmp_path: Path) -> None:
    """Catches one file that ends it for all, one that is dropped, and one that is named without a reason."""
    notebook, owner = right(staged), {}
    for i, (name, (change, _)) in enumerate(NOTEBOOKS.items()):
        owner[name] = f"n{i}"
        files.write_bytes(tmp_path / "in" / owner[name] / "x.ipynb", bytes_of(change(notebook)))
    for i, (name, (file, damage, _)) in enumerate(RAW.items()):
        owner[name] = f"r{i}"
        files.write_bytes(tmp_path / "in" / owner[name] / file, damage(bytes_of(notebook)))
    files.write_bytes(tmp_path / "in" / "zoe" / "x.ipynb", bytes_of(notebook))
    found, aside = collect(staged, [tmp_path / "in"])
    assert not aside
    by_owner = {c.student: c for c in found}
    assert sorted(by_owner) == sorted([*owner.values(), "zoe"])
    assert len(by_owner["zoe"].found) == 4 and not by_owner["zoe"].notes
    for name, why in [
        *((n, w) for n, (_, w) in NOTEBOOKS.items()),
        *((n, w) for n, (_, _, w) in RAW.items()),
    ]:
        one = by_owner[owner[name]]
        told = " ".join([one.problem, *one.notes])
        assert why in told, (name, told)
        assert bool(one.problem) != bool(one.found), (name, told)
        assert one.problem or len(one.found) == 4, name
        assert len(told) < 40_000 and one.student in one.line()
        if not why and name != "half of a character in a comment":
            assert not told, (name, told)
        assert read_record(record(staged, LESSON, one.student)) == one
    report_of(staged)


def report_of(course: Course) -> str:
    """The overview, where somebody has a grade."""
    one = grading.where(course, LESSON, "zoe")
    files.write_json(one, vars(Result("zoe", LESSON, fault="stopped")))
    return report(course)[0].text


@pytest.mark.parametrize("text", [ELIF, PLUS, "b = 0x" + "f" * 20_000], ids=["elif", "plus", "hex"])
def test_what_python_reads_is_read(text: str) -> None:
    """Catches an answer that is refused for a limit that is ours and not Python's."""
    compile(text, "x", "exec")
    (one,) = statements(text)
    (other,) = statements("\n" + text.replace(" = ", "  =  "))
    assert one.binds == {"b"} and one.form == other.form
    assert reading("!ls\n" + text).text == "pass\n" + text


def test_a_future_that_python_does_not_know_fails_in_its_own_cell(course: Course, tmp_path: Path) -> None:
    """Catches a joke in one cell, `from __future__ import braces`, that costs all exercises."""
    assert not forms.is_of_the_future(ast.parse("from __future__ import braces").body[0])
    assert forms.is_of_the_future(ast.parse("from __future__ import annotations").body[0])
    notebook = right(course)
    joke = {"cell_type": "code", "id": "joke", "metadata": {}, "outputs": [], "execution_count": None}
    notebook["cells"].insert(0, joke | {"source": "from __future__ import braces"})
    files.write_bytes(tmp_path / "in" / "ada" / "x.ipynb", bytes_of(notebook))
    collect(course, [tmp_path / "in"])
    assert [r.points for r in grading.run(course)] == [4.0]


def test_a_form_tells_statements_apart() -> None:
    """Catches two statements for one: a changed default that the lesson is taken for, or True for 1."""
    texts = ["a = 1", "a = True", "a = '1'", "a = 1.0", "a = b'1'", "a = None", "a = u'1'", "a = (1, [2])", "a = [1, (2)]",
             "a = [[1], 2]", "a = [[1, 2]]", "f(a, b)", "f(a=b)", "f(*a)", "f(**a)", "a += 1", "a: int = 1", "a = -0.0", "a = 0.0"]  # fmt: skip
    assert len({statements(t)[0].form for t in texts}) == len(texts)
    assert statements("x = 1; y = f(  2 )")[1].text == "y = f(  2 )"
    assert statements("x = '\xe9'; y = 2")[1].text == "y = 2"


# Archives of students


def damaged(content: bytes, what: str) -> bytes:
    """A zip file in which something is not as it says."""
    made = bytearray(content)
    at = content.find(b"PK\1\2")
    if what == "crc":
        made[at + 16 : at + 20] = b"\1\2\3\4"
    elif what == "data":
        begin = 30 + int.from_bytes(content[26:28], "little")
        made[begin : begin + 20] = b"\xff" * 20
    elif what == "locked":
        made[6], made[at + 8] = made[6] | 1, made[at + 8] | 1
    elif what == "method":
        made[8:10] = made[at + 10 : at + 12] = b"\x63\0"
    elif what == "date":
        made[at + 14 : at + 16] = b"\xff\xff"
    elif what == "version":
        made[at + 6] = 255
    elif what == "header":
        made[0:4] = b"NOPE"
    elif what == "utf8":
        made = bytearray(content.replace(b"x.ipynb", b"\xe9.ipynb"))
        at = made.find(b"PK\1\2")
        made[at + 9] |= 8
    return bytes(made)


def link(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(entry, "/etc/passwd")
    return buffer.getvalue()


def extra(content: bytes) -> bytes:
    """A zip file with a field that is longer than all of them together."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        entry = zipfile.ZipInfo("x.ipynb")
        entry.extra = b"\x99\x99\2\0ab"
        file.writestr(entry, content)
    return buffer.getvalue().replace(b"\x99\x99\2\0", b"\x99\x99\xff\xff")


def liar(content: bytes) -> bytes:
    """A zip file that unpacks to more than it says."""
    at = content.find(b"PK\1\2")
    return content[: at + 24] + (100).to_bytes(4, "little") + content[at + 28 :]


DEFLATED: dict[str, Any] = {"compression": zipfile.ZIP_DEFLATED}
BIG = b"\0" * (unpacking.LARGEST + 1)

# What Mallory hands in, from a right notebook, and what is told of her: "" where her work is read.
ARCHIVES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a damaged entry": (lambda n: damaged(zipped({"x.ipynb": n}, **DEFLATED), "data"), "cannot be unpacked"),
    "a wrong sum": (lambda n: damaged(zipped({"x.ipynb": n}), "crc"), "cannot be unpacked"),
    "a lock": (lambda n: damaged(zipped({"x.ipynb": n}), "locked"), "locked with a password"),
    "an unknown method": (lambda n: damaged(zipped({"x.ipynb": n}), "method"), "cannot be unpacked"),
    "an impossible date": (lambda n: damaged(zipped({"x.ipynb": n}), "date"), ""),
    "a version of the future": (lambda n: damaged(zipped({"x.ipynb": n}), "version"), "damaged zip file"),
    "no header": (lambda n: damaged(zipped({"x.ipynb": n}), "header"), "cannot be unpacked"),
    "a wrong extra field": (lambda n: extra(n), "damaged zip file"),
    "a name that is not the UTF-8 it says": (lambda n: damaged(zipped({"x.ipynb": n}), "utf8"), ""),
    "cut off": (lambda n: zipped({"x.ipynb": n})[:500], "damaged zip file"),
    "nothing": (lambda n: b"", "damaged zip file"),
    "an empty one": (lambda n: zipped({}), "empty zip file"),
    "a link": (lambda n: link("x.ipynb"), "is a link"),
    "a bomb": (lambda n: zipped({"x.ipynb": BIG}, **DEFLATED), "more than 64 MiB"),
    "a bomb that says it is small": (lambda n: liar(zipped({"x.ipynb": BIG}, **DEFLATED)), "cannot be unpacked"),
    "a bomb of lzma": (lambda n: zipped({"x.ipynb": BIG}, compression=zipfile.ZIP_LZMA), "more than 64 MiB"),
    "a nest": (lambda n: zipped({"a.zip": zipped({"b.zip": zipped({"c.zip": zipped({"x.ipynb": n})})})}), "too many others"),
    "one in another": (lambda n: zipped({"a.zip": zipped({"x.ipynb": n})}), ""),
    "paths that lead outside": (lambda n: zipped({"../../../ada/x.ipynb": n}), ""),
    "an absolute path": (lambda n: zipped({"/ada/x.ipynb": n}), ""),
    "a path of Windows": (lambda n: zipped({"C:\\ada\\x.ipynb": n}), ""),
    "a name of 60,000 letters": (lambda n: zipped({"x" * 60_000 + ".ipynb": n}), ""),
    "control characters in a name": (lambda n: zipped({"a\x1b[31m\n\x07/x.ipynb": n}), ""),
    "names that differ in case": (lambda n: zipped({"X.ipynb": n, "x.IPYNB": n}), "more than once"),
    "a file for another student": (lambda n: zipped({"lovelaceada_1_2_x.ipynb": n}), ""),
    "a folder for another student": (lambda n: zipped({"ada/x.ipynb": n}), ""),
    "a folder of Moodle's": (lambda n: zipped({f"Ada Lovelace_111{MOODLE}/x.ipynb": n}), ""),
    "folders for two others": (lambda n: zipped({"ada/x.ipynb": n, "zoe/x.ipynb": n}), "more than once"),
    "a file of Blackboard's": (lambda n: zipped({"W_ada_attempt_2026-09-01-10-00-00_x.ipynb": n}), ""),
    "a time of her own": (lambda n: zipped({"x.ipynb": n, "timestamp.txt": b"2026-09-01 10:00"}), ""),
}  # fmt: skip


@pytest.mark.parametrize("listed", [True, False], ids=["roster", "no roster"])
def test_an_archive_is_its_uploaders_and_ends_nothing(staged: Course, tmp_path: Path, listed: bool) -> None:
    """Catches a zip file that ends the collection, another student who gets its work, and LATE that is lost with it."""
    notebook = bytes_of(right(staged))
    members: Contents = {"lovelaceada_1_2_x.ipynb": notebook, "zimmerzoe_3_4_x.ipynb": notebook}
    for i, (make, _) in enumerate(ARCHIVES.values()):
        members[f"mallory{i}_LATE_{100 + i}_{500 + i}_hw.zip"] = make(notebook)
    (tmp_path / "canvas.zip").write_bytes(zipped(members))
    people = [Student("ada", "Ada Lovelace", platform="1"), Student("zoe", "Zoe Zimmer", platform="3")]
    roster = Roster(people if listed else [])
    found, aside = archives.read([tmp_path / "canvas.zip"], LESSONS, roster=roster)
    owners: dict[str, list[archives.Handed]] = {}
    for handed in found:
        owners.setdefault(handed.name, []).append(handed)
    assert len(owners["lovelaceada"]) == len(owners["zimmerzoe"]) == 1
    assert owners["lovelaceada"][0].content == notebook
    assert sorted(owners) == sorted(
        ["lovelaceada", "zimmerzoe", *(f"mallory{i}" for i in range(len(ARCHIVES)))]
    )
    for i, (name, (_, why)) in enumerate(ARCHIVES.items()):
        mine = owners[f"mallory{i}"]
        assert all(h.said_late and h.number == str(100 + i) and not h.sure for h in mine), name
        assert all(len(h.file) < 1000 and h.file.startswith(f"mallory{i}_LATE_") for h in mine), name
        if why and why != "more than once":
            assert all(why in h.problem for h in mine), (name, mine[0].problem)
        else:
            assert all(h.content == notebook and not h.problem for h in mine), (name, mine)
        assert len(mine) == 1 + (why == "more than once"), name
    assert [line.partition("/")[2] for line in aside] == [
        "timestamp.txt: it is in the student's own zip file, and does not say when that was handed in"
    ]


def test_a_class_of_such_archives_is_collected(course: Course, tmp_path: Path) -> None:
    """Catches a record that cannot be written or read, and an owner who is not told with the reason."""
    notebook = bytes_of(right(course))
    members = {f"mallory{i}_7_8_hw.zip": make(notebook) for i, (make, _) in enumerate(ARCHIVES.values())}
    (tmp_path / "canvas.zip").write_bytes(zipped({"zimmerzoe_3_4_x.ipynb": notebook, **members}))
    course.path("roster.csv").write_text("id,name\nada,Ada Lovelace\nzoe,Zoe Zimmer\n", encoding="utf-8")
    found, _ = collect(course, [tmp_path / "canvas.zip"])
    by_name = {c.name.lower(): c for c in found}
    assert by_name.pop("zimmerzoe" if "zimmerzoe" in by_name else "zoe zimmer").found
    assert len(by_name) == len(ARCHIVES) and "ada" not in {c.student for c in found}
    for i, (name, (_, why)) in enumerate(ARCHIVES.items()):
        one = by_name[f"mallory{i}"]
        assert why in " ".join([one.problem, *one.notes]), name
        assert bool(one.found) == (why in ("", "more than once")), name
        assert read_record(record(course, LESSON, one.student)) == one
    assert "\x1b" not in report_of(course)


def test_the_files_of_one_archive_are_bounded_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches many small files, here or in archives of the archive, that fill the memory together."""
    bounds = unpacking._Bounds
    monkeypatch.setattr(unpacking, "_Bounds", lambda: bounds(size=2500, files=4))
    part = {f"{i}.ipynb": b"x" * 1000 for i in range(3)}
    members = {
        "ada_1_2_hw.zip": zipped(part),
        "bo_3_4_hw.zip": zipped({"a.zip": zipped({"0.py": b"x" * 2000}), "b.ipynb": b"x" * 900}),
        "cy_5_6_hw.zip": zipped({f"{i}.py": b"" for i in range(5)}),
        "di_7_8_hw.zip": zipped({f"{i}.py": b"x" * 600 for i in range(4)}),
    }
    (tmp_path / "canvas.zip").write_bytes(zipped(members))
    found, _ = archives.read([tmp_path / "canvas.zip"], LESSONS)
    told = {name: [h.problem for h in found if h.name == name] for name in ("ada", "bo", "cy", "di")}
    assert [bool(why) for why in told["ada"]] == [False, False, True] and "256 MiB" in told["ada"][2]
    assert any("256 MiB" in why for why in told["bo"])
    assert len(told["cy"]) == 1 and "more than 20,000 files" in told["cy"][0]
    assert told["di"] == [""] * 4


# Whose it is


OWNERS: dict[str, tuple[dict[str, dict[str, str] | str], Roster, list[tuple[str, str]]]] = {
    # A folder: files by path, a zip file as its own files by path; who is in the roster; the owner of each content.
    "a flat zip with a student's folder": (
        {"mallory.zip": {"ada/x.ipynb": "m"}, "ada.ipynb": "a"}, Roster(), [("ada", "a"), ("mallory", "m")],
    ),
    "a flat zip with folders for two": (
        {"mallory.zip": {"ada/x.ipynb": "m", "bo/x.ipynb": "n"}, "ada.ipynb": "a"}, Roster(),
        [("ada", "a"), ("mallory", "m"), ("mallory", "n")],
    ),
    "beside other zips": (
        {"mallory.zip": {"ada/x.ipynb": "m", "bo/x.ipynb": "n"}, "ada.zip": {"x.ipynb": "a"}}, Roster(),
        [("ada", "a"), ("mallory", "m"), ("mallory", "n")],
    ),
    "with a platform's names, beside other zips": (
        {"mallory.zip": {f"Ada L_1{MOODLE}/x.ipynb": "m"}, "ada.zip": {"x/x.ipynb": "a", "y/y.py": "b"}}, Roster(),
        [("ada", "a"), ("ada", "b"), ("mallory", "m")],
    ),
    "alone, of somebody in the roster": (
        {"mallory.zip": {"ada/x.ipynb": "m", "bo/x.ipynb": "n"}}, Roster([Student("ada"), Student("mallory")]),
        [("mallory", "m"), ("mallory", "n")],
    ),
    "the instructor's, alone": (
        {"week 5.zip": {"ada/x.ipynb": "m", "bo/x.ipynb": "n"}}, Roster(), [("ada", "m"), ("bo", "n")],
    ),
    "the instructor's, two of a platform": (
        {"w5.zip": {f"Ada L_1{MOODLE}/x.ipynb": "a"}, "w6.zip": {f"Ada L_1{MOODLE}/y.ipynb": "b"}}, Roster(),
        [("Ada L", "a"), ("Ada L", "b")],
    ),
    "a file of Canvas in a student's folder": (
        {"mallory/lovelaceada_123_456_x.ipynb": "m", "ada/x.ipynb": "a"}, Roster(), [("ada", "a"), ("mallory", "m")],
    ),
    "such a file of a known number": (
        {"mallory/lovelaceada_123_456_x.ipynb": "m", "ada/x.ipynb": "a"},
        Roster([Student("ada", platform="123"), Student("mallory")]), [("ada", "a"), ("mallory", "m")],
    ),
    "a folder of Moodle in a student's folder": (
        {f"mallory/Ada L_1{MOODLE}/x.ipynb": "m", "ada/x.ipynb": "a"}, Roster(), [("ada", "a"), ("mallory", "m")],
    ),
    "a file of Blackboard in a student's folder": (
        {"mallory/W_ada_attempt_2026-09-01-10-00-00_x.ipynb": "m", "ada/x.ipynb": "a"}, Roster(),
        [("ada", "a"), ("mallory", "m")],
    ),
    "a file of Blackboard that is named like another's": (
        {"W_mal_attempt_2026-10-05-10-00-00_W_ada_attempt_2026-09-01-10-00-00_x.ipynb": "m", "W_ada_attempt_2026-09-01-10-00-00_x.ipynb": "a"},
        Roster(), [("ada", "a"), ("mal", "m")],
    ),
    "a file of Moodle that is named like another's": (
        {f"Mal_2{MOODLE}Ada L_1{MOODLE}x.ipynb": "m", f"Ada L_1{MOODLE}x.ipynb": "a"}, Roster(), [("Ada L", "a"), ("Mal", "m")],
    ),
    "a file of Canvas that is named like another's": (
        {"mal_2_9_lovelaceada_1_2_x.ipynb": "m", "lovelaceada_1_2_x.ipynb": "a"}, Roster(), [("lovelaceada", "a"), ("mal", "m")],
    ),
    "one student with two folders": (
        {"ada/one/x.ipynb": "a", "ada/two/y.ipynb": "b"}, Roster([Student("ada")]), [("ada", "a"), ("ada", "b")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OWNERS.values(), ids=[name.replace(" ", "-") for name in OWNERS])
def test_only_the_instructors_files_name_students(
    case: tuple[dict[str, dict[str, str] | str], Roster, list[tuple[str, str]]], tmp_path: Path
) -> None:
    """Catches one student's work under another one's name, from a folder and from a zip file."""
    contents, roster, expected = case
    members = {
        name: zipped({n: t.encode() for n, t in inner.items()}) if isinstance(inner, dict) else inner.encode()
        for name, inner in contents.items()
    }
    for name, content in members.items():
        files.write_bytes(tmp_path / "in" / name, content)
    (tmp_path / "in.zip").write_bytes(zipped(members))
    for path in ("in", "in.zip"):
        found, aside = archives.read([tmp_path / path], LESSONS, roster=roster)
        assert not aside and sorted((h.name, h.content.decode()) for h in found) == expected
    assert not any(h.sure and h.name == "mallory" for h in found)


def test_two_sources_are_told(course: Course, tmp_path: Path) -> None:
    """Catches a file of two that is graded without a word on where the other one is."""
    notebook = bytes_of(right(course))
    for name in ("one.zip", "two.zip"):
        (tmp_path / name).write_bytes(zipped({"ada/x.ipynb": notebook, "bo/x.ipynb": notebook}))
    found, _ = collect(course, [tmp_path / "one.zip", tmp_path / "two.zip"])
    assert [c.student for c in found] == ["ada", "bo"]
    assert all("(in one.zip)" in " ".join(c.notes) and "(in two.zip)" in " ".join(c.notes) for c in found)


# On the disk


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names and files")
def test_what_lies_on_the_disk_ends_nothing(course: Course, tmp_path: Path) -> None:
    """Catches a link that is followed or dropped, a pipe that is waited for, and a name or a date that no program has."""
    notebook, folder = bytes_of(right(course)), tmp_path / "in"
    for name in ("zoe", "linked", "pipe", "dated"):
        files.write_bytes(folder / name / "y.ipynb", notebook)
    raw = os.fsencode(folder) + b"/Andr\xe9"
    os.mkdir(raw)
    with open(raw + b"/x.ipynb", "wb") as file:
        file.write(notebook)
    (folder / "linked" / "y.ipynb").unlink()
    (folder / "linked" / "y.ipynb").symlink_to(folder / "zoe" / "y.ipynb")
    (folder / "linked" / "all").symlink_to(folder)
    (folder / "pipe" / "y.ipynb").unlink()
    os.mkfifo(folder / "pipe" / "y.ipynb")
    os.utime(folder / "dated" / "y.ipynb", (2**40, 2**40))
    found, aside = collect(course, [folder])
    by_student = {c.student: c for c in found}
    assert len(by_student) == 5 and {"zoe", "linked", "pipe", "dated"} < set(by_student)
    assert "is a link" in by_student["linked"].problem and "a pipe" in by_student["pipe"].problem
    assert sum(len(c.found) == 4 for c in found) == 3 and "linked/all: it is a link" in aside[0]
    assert all(json.dumps(vars(c), ensure_ascii=False).encode() for c in found)


# Time


def test_only_the_platforms_time_counts(tmp_path: Path) -> None:
    """Catches a student's own timestamp.txt, or date in a zip file, that makes late work timely."""
    early, own = b"2026-09-01 10:00", zipped({"x.ipynb": b"{}", "timestamp.txt": b"2026-09-01 10:00"})
    members = {
        f"Ada L_1{MOODLE}/x.ipynb": b"{}",
        f"Ada L_1{MOODLE}/timestamp.txt": early,
        f"Bo B_2{MOODLE}/hw.zip": own,
        f"Cy C_3{MOODLE}/05_winning_tickets/x.ipynb": b"{}",
        f"Cy C_3{MOODLE}/05_winning_tickets/timestamp.txt": early,
        "late/timestamp.txt": b"2026-10-03 18:30",
        f"late/Di D_4{MOODLE}/x.ipynb": b"{}",
        f"late/Di D_4{MOODLE}/timestamp.txt": early,
    }
    for name, content in members.items():
        files.write_bytes(tmp_path / "in" / name, content)
    (tmp_path / "in.zip").write_bytes(zipped(members))
    for path in ("in", "in.zip"):
        found, aside = archives.read([tmp_path / path], LESSONS)
        times = {h.name: h.time if h.sure else None for h in found}
        assert times == {"Ada L": None, "Bo B": None, "Cy C": None, "Di D": datetime(2026, 10, 3, 18, 30)}
        assert len(aside) == 4 and all("timestamp.txt: it " in line for line in aside)


def test_nbgraders_time_counts(tmp_path: Path) -> None:
    """Catches a time of the platform's that is ignored, and one of a folder deep in the student's own."""
    for name, content in {
        f"ada/{LESSON}/x.ipynb": "{}",
        f"ada/{LESSON}/timestamp.txt": "2026-10-03 18:30",
        f"ada/{LESSON}/old/work/timestamp.txt": "2026-09-01 10:00",
        f"ada/{LESSON}/old/work/y.ipynb": "{}",
        "bo/x.ipynb": "{}",
        "bo/timestamp.txt": "2026-10-03 18:30",
    }.items():
        files.write_text(tmp_path / name, content)
    found, aside = archives.read([tmp_path], LESSONS)
    assert {h.time for h in found if h.sure} == {datetime(2026, 10, 3, 18, 30)} and all(h.sure for h in found)
    assert len(aside) == 1 and "deep in a student's folder" in aside[0]


def test_dates_in_a_students_archive_say_nothing(course: Course, tmp_path: Path) -> None:
    """Catches `collect --dates` that takes the date which a student packed for the time of handing in."""
    notebook, inner = bytes_of(right(course)), io.BytesIO()
    with zipfile.ZipFile(inner, "w") as file:
        file.writestr(zipfile.ZipInfo("x.ipynb", (2026, 9, 1, 10, 0, 0)), notebook)
        file.writestr(zipfile.ZipInfo("newer.ipynb", (2026, 9, 2, 10, 0, 0)), notebook)
    with zipfile.ZipFile(tmp_path / "moodle.zip", "w") as file:
        file.writestr(zipfile.ZipInfo(f"Ada L_1{MOODLE}/hw.zip", (2026, 10, 3, 18, 30, 0)), inner.getvalue())
        file.writestr(zipfile.ZipInfo(f"Bo B_2{MOODLE}/x.ipynb", (2026, 9, 3, 18, 30, 0)), notebook)
    found, _ = collect(course, [tmp_path / "moodle.zip"], dates=True)
    assert [c.time for c in found] == ["2026-10-03 18:30:00", "2026-09-03 18:30:00"]
    assert found[0].file.endswith("hw.zip/newer.ipynb")


IMPOSSIBLE = ("0001-01-01 00:00 +14:00", "9999-12-31 23:59 -12:00", "1066-10-14", "2026-02-30 10:00", "2026-10-01 10:00 +99:00", "2026-10-01 25:00", "")  # fmt: skip


@pytest.mark.parametrize("text", IMPOSSIBLE)
def test_an_impossible_time_ends_nothing(text: str, course: Course, tmp_path: Path) -> None:
    files.write_bytes(tmp_path / "with" / "ada" / "x.ipynb", bytes_of(right(course)))
    files.write_text(tmp_path / "with" / "ada" / "timestamp.txt", text)
    stamp = "0001-01-01-00-00-00" if text[:1] == "0" else "9999-12-31-23-59-59"
    files.write_bytes(tmp_path / "in" / f"W_bo_attempt_{stamp}_x.ipynb", bytes_of(right(course)))
    found, aside = collect(course, [tmp_path / "with", tmp_path / "in"])
    assert not any(c.time for c in found) and len(found) == 2
    assert any("is not a time" in line for line in aside)


def test_an_extension_may_be_longer_than_any_date() -> None:
    """Catches days that are off by one at a border, and an extension that ends the report."""
    rule, due = LateRule(), datetime(2026, 10, 1, 23, 59, 59)
    for days in (0, 2, 10**12):
        for extension in (0, 2, 10**12):
            over = timedelta(days=min(days, 1000)) if days < 10**12 else timedelta(days=1000)
            expected = max(0, over.days - extension)
            assert days_late(rule, due, due + over, extension=extension) == expected
            tick = timedelta(minutes=15) if expected == 0 and over.days == extension else timedelta(0)
            assert days_late(rule, due, due + over + tick, extension=extension) == expected
            after = due + over + tick + timedelta(microseconds=1)
            assert days_late(rule, due, after, extension=extension) == (
                0 if over.days < extension else expected + 1
            )


# The report


DAMAGE: dict[str, tuple[str, str, str]] = {
    # Where, what stands there instead, and what is told.
    "a record cut off": ("collected", '{"student": "a', "collect the file of ada again"),
    "a record of another kind": ("collected", "[1, 2]", "collect the file of ada again"),
    "a record with an impossible time": ("collected", '{"student": "ada", "name": "", "lesson": "x", "file": "y", "time": "2026-02-30"}', "collect the file of ada again"),
    "a record with numbers for words": ("collected", '{"student": "ada", "name": 7, "lesson": "x", "file": "y"}', "collect the file of ada again"),
    "a record in latin-1": ("collected", "\xe9", "collect the file of ada again"),
    "a result cut off": ("results", '{"student": "a', "remove that file"),
    "a result of another kind": ("results", "[1, 2]", "remove that file"),
    "a result with a state of its own": ("results", '{"student": "ada", "lesson": "x", "fault": "x", "verdicts": [{"exercise": "05.1", "state": "gold", "points": 1, "of": 1, "lines": []}]}', "remove that file"),
    "a result with too many points": ("results", '{"student": "ada", "lesson": "x", "fault": "x", "verdicts": [{"exercise": "05.1", "state": "passed", "points": 99, "of": 1, "lines": []}]}', "remove that file"),
    "a result of no exercise": ("results", '{"student": "ada", "lesson": "x", "fault": "x", "verdicts": [{"exercise": "99.1", "state": "passed", "points": 1, "of": 1, "lines": []}]}', "remove that file"),
    "a result with NaN": ("results", '{"student": "ada", "lesson": "x", "fault": "x", "verdicts": [{"exercise": "05.1", "state": "passed", "points": NaN, "of": 1, "lines": []}]}', "remove that file"),
}  # fmt: skip


def graded(course: Course, student: str) -> None:
    """A result as `run` writes it, with all points and a line that is not for a console."""
    assignment = course.assignments[LESSON]
    verdicts = [vars(Verdict(e, "passed", p, p, ("\ud800\x1b[31m",))) for e, p in assignment.points.items()]
    mark = grading._fingerprint(course, assignment, student)
    files.write_bytes(
        grading.where(course, LESSON, student),
        json.dumps({**vars(Result(student, LESSON, fingerprint=mark)), "verdicts": verdicts}).encode(),
    )


@pytest.mark.parametrize("where, content, told", DAMAGE.values(), ids=[n.replace(" ", "-") for n in DAMAGE])
def test_no_file_of_the_class_ends_the_report(
    where: str, content: str, told: str, course: Course, tmp_path: Path
) -> None:
    """Catches a damaged file that costs the class its grades, or gives its student some in silence."""
    for student in ("ada", "zoe"):
        files.write_bytes(tmp_path / "in" / student / "x.ipynb", bytes_of(right(course)))
    collect(course, [tmp_path / "in"])
    graded(course, "ada")
    graded(course, "zoe")
    (written,) = report(course)
    assert [row.graded for row in written.rows] == [True, True]
    course.path(where, LESSON, "ada.json").write_bytes(content.encode("latin-1"))
    (written,) = report(course)
    assert [(row.student.id, row.total) for row in written.rows if row.graded] == [
        ("zoe", written.rows[1].assignment.total)
    ]
    assert told in written.text and "ada" in written.text and "\x1b" not in written.text
    assert [page.stem for page in written.feedback] == ["zoe"]
    found, aside = collect(course, [tmp_path / "in"])
    assert not aside and [len(c.found) for c in found] == [4, 4]
    assert not any(
        known.damaged for c in found if (known := collected.read_record(record(course, LESSON, c.student)))
    )


def test_what_cannot_be_written_down_is_told(course: Course, tmp_path: Path) -> None:
    """Catches a place on the disk that costs those their work who come after it."""
    for student in ("ada", "zoe"):
        files.write_bytes(tmp_path / "in" / student / "x.ipynb", bytes_of(right(course)))
    files.write_text(course.path("submitted", "ada"), "a file where a folder should be")
    found, aside = collect(course, [tmp_path / "in"])
    assert [c.student for c in found] == ["zoe"] and len(aside) == 1
    assert "of ada: it could not be written down" in aside[0]


def test_a_damaged_result_is_graded_again(course: Course, tmp_path: Path) -> None:
    """Catches a result that ends the next run for everybody."""
    damages = [content for where, content, _ in DAMAGE.values() if where == "results"]
    for i in range(len(damages)):
        files.write_bytes(tmp_path / "in" / f"s{i}" / "x.ipynb", bytes_of(right(course)))
    collect(course, [tmp_path / "in"])
    for i, content in enumerate(damages):
        graded(course, f"s{i}")
        course.path("results", LESSON, f"s{i}.json").write_bytes(content.encode("latin-1"))
    found = grading.run(course)
    assert [r.points for r in found] == [4.0] * len(damages), [r.line() for r in found]


# Long


def test_what_is_kept_of_long_texts_is_bounded() -> None:
    """Catches a memory that keeps each large cell of a class."""
    cell = "x = '" + "a" * 100_000 + "'\n"
    from lthkit.classroom.grading import answers, magics

    for keeping in (answers._parsed, magics.reading):
        first = keeping(cell + "1")
        assert keeping(cell + "1") is first and keeping("x = 1") is keeping("x = 1")
        keeping(cell + "2")
        assert keeping(cell + "1") is not first


def test_many_statements_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a search to the end of the cell for each of its statements."""
    from lthkit.classroom.grading import pieces

    looked = 0

    class Counting:
        """A pattern that counts the characters which it may look at."""

        def __init__(self, pattern: Any) -> None:
            self.pattern = pattern

        def finditer(self, text: str, begin: int = 0) -> Any:
            nonlocal looked
            at = begin
            for found in self.pattern.finditer(text, begin):
                looked, at = looked + found.end() - at, found.end()
                yield found
            looked += len(text) - at

    monkeypatch.setattr(pieces, "LEXEME", Counting(pieces.LEXEME))
    text = "".join(f"a{i} = {i}\nf({i})\n" for i in range(1000)) + "z = 1\n" * 1000
    places = [*pieces.begins(text), len(text)]
    near = pieces.definitions(text, places)
    assert [pieces.ends(text, places, n, near[n]) for n in range(len(places) - 1)] == [
        [p] for p in places[1:]
    ]
    assert looked < 3 * len(text)


def test_records_are_whole() -> None:
    """Catches a kind of value in the record that reading it does not know."""
    assert {str(f.type).partition("[")[0] for f in Collected.__dataclass_fields__.values()} == set(
        collected._KINDS
    )
