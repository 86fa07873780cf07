"""Downloads as platforms and students pack them: each file is its student's, or somebody is told that it could not be said."""

from __future__ import annotations

import io
import json
import os
import sys
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lthkit.classroom.grading import archives
from lthkit.classroom.grading.collect import collect
from lthkit.classroom.grading.collected import read_record, record, students
from lthkit.classroom.grading.course import Course
from lthkit.classroom.grading.roster import Roster, Student, folder_name, plain
from lthkit.storage import files
from tests.submissions import LESSON, RIGHT, filled

LESSONS = (LESSON, "06_rewinding", "11_sparse_training")
MOODLE = "_assignsubmission_file_"

CLASS = Roster(
    [
        Student("1001", "Ada Lovelace", "ada_l@example.org", "111"),
        Student("1002", "김민준", "minjun@example.org", "112"),
        Student("1003", "山田太郎", "yamada@example.org", "113"),
        Student("1004", "Иван Петров", "ivan@example.org", "114"),
        Student("1005", "Jörg Müller", "jm@example.org", "115"),
        Student("1006", "王小明", "wang@example.org", "116"),
        Student("1007", "Nobody Else", "ada.b@example.org", "117"),
    ]
)
NOBODY = Roster()


@dataclass(frozen=True)
class Row:
    """Paths as they lie in a download, and what each becomes: name, number, lesson.

    `raw` are paths in a zip file as bytes that nothing explains. `doubtful`: the instructor is told that a name is a guess.
    """

    kind: str
    paths: tuple[str, ...]
    expected: tuple[tuple[str, str, str | None], ...]
    roster: Roster = NOBODY
    raw: tuple[bytes, ...] = ()
    doubtful: bool = False
    whose: tuple[str, ...] = field(default=())


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


FLAT = (
    Row("Moodle, flat", (f"Ada Lovelace_111{MOODLE}05_winning_tickets.ipynb",), (("Ada Lovelace", "111", LESSON),)),
    Row("Moodle, flat, in a folder", (f"week 5/Ada Lovelace_111{MOODLE}x.ipynb",), (("Ada Lovelace", "111", None),)),
    Row("Moodle, flat, without a number", (f"Ada Lovelace{MOODLE}x.ipynb",), (("Ada Lovelace", "", None),)),
    Row("Moodle, an underscore", (f"Ada_B_7_111{MOODLE}x.ipynb",), (("Ada_B_7", "111", None),)),
    Row("Moodle, a hyphen", (f"Jean-Luc O'Neil, Jr._5{MOODLE}x.ipynb",), (("Jean-Luc O'Neil, Jr.", "5", None),)),
    Row("Moodle, Hangul", (f"김민준_112{MOODLE}과제.ipynb",), (("김민준", "112", None),)),
    Row("Moodle, Cyrillic", (f"Иван Петров_4{MOODLE}x.py",), (("Иван Петров", "4", None),)),
    Row("Moodle, Arabic", (f"محمد علي_4{MOODLE}x.py",), (("محمد علي", "4", None),)),
    Row("Moodle, Chinese", (f"王小明_4{MOODLE}作业.ipynb",), (("王小明", "4", None),)),
    Row("Moodle, a number like a lesson's", (f"Ada Lovelace_11{MOODLE}x.ipynb",), (("Ada Lovelace", "11", None),)),
    Row("Moodle, a file like Canvas's", (f"Ada Lovelace_111{MOODLE}a_1_2_b.ipynb",), (("Ada Lovelace", "111", None),)),
    Row(
        "Moodle, text beside the file",
        ("Ada Lovelace_111_assignsubmission_onlinetext_x.py", f"Li Wei_9{MOODLE}x.py"),
        (("Ada Lovelace", "111", None), ("Li Wei", "9", None)),
    ),
    Row("Moodle, blind", (f"Participant_111{MOODLE}x.ipynb",), (("Participant", "111", None),), CLASS, whose=("1001",)),
    Row("Moodle, folders in Hangul", (f"김민준_112{MOODLE}/과제 5.ipynb",), (("김민준", "112", None),)),
    Row("Canvas, Hangul", ("김민준_123_456_05_winning_tickets.ipynb",), (("김민준", "123", LESSON),)),
    Row("Canvas, a number like a lesson's", ("lovelaceada_11_456_x.ipynb",), (("lovelaceada", "11", None),)),
    Row(
        "a student's own file like Canvas's",
        ("ada/hw_05_2_final.ipynb", "li/x.ipynb"),
        (("ada", "", None), ("li", "", None)),
    ),
    Row("Blackboard, an underscore", ("W_5_ada_l_attempt_2026-10-01-12-00-00_x.py",), (("ada_l", "", None),), CLASS, whose=("1001",)),
    Row("Blackboard, a date that is none", ("W_ada_attempt_2026-13-41-12-00-00_x.py",), (("ada", "", None),)),
    Row("a folder in Hangul, as a Mac writes it", (nfd("김민준/과제.ipynb"),), (("김민준", "", None),), CLASS, whose=("1002",)),
    Row("a name within a name in Hangul", ("5주차 과제_김민준.ipynb",), (("5주차 과제_김민준", "", None),), CLASS, whose=("1002",)),
    Row("backslashes", ("ada\\x.ipynb", "li\\x.ipynb"), (("ada", "", None), ("li", "", None))),
)  # fmt: skip

CP949, CP932, CP1251 = (
    text.encode(encoding)
    for text, encoding in (
        (f"김민준_112{MOODLE}과제.ipynb", "cp949"),
        (f"山田太郎_113{MOODLE}x.ipynb", "cp932"),
        (f"Иван Петров{MOODLE}x.ipynb", "cp1251"),
    )
)
ZIPS = (
    Row("UTF-8 without the flag", (), (("김민준", "112", None),), raw=(f"김민준_112{MOODLE}x.ipynb".encode(),)),
    Row("UTF-8 of a Mac", (), (("Jörg Müller", "", None),), raw=(nfd("Jörg Müller/x.ipynb").encode(),)),
    Row("cp949 and a roster", (), (("김민준", "112", None),), CLASS, (CP949,), whose=("1002",)),
    Row("cp949, folders", (), (("김민준", "", None),), CLASS, ("김민준/과제.ipynb".encode("cp949"),), whose=("1002",)),
    Row("cp932 and a roster", (), (("山田太郎", "113", None),), CLASS, (CP932,), whose=("1003",)),
    Row("cp1251 and a roster", (), (("Иван Петров", "", None),), CLASS, (CP1251,), whose=("1004",)),
    Row("cp850 and a roster", (), (("Jörg Müller", "", None),), CLASS, ("Jörg Müller/x.py".encode("cp850"),), whose=("1005",)),
    Row("gb18030 and a roster", (), (("王小明", "", None),), CLASS, ("王小明/x.py".encode("gb18030"),), whose=("1006",)),
    Row("big5, a backslash in a letter", (), (("許功蓋", "", None),), Roster([Student("7", "許功蓋")]), ("許功蓋/x.py".encode("big5"),), whose=("7",)),
    Row("cp949 and nobody", (), ((CP949.decode("cp437").split("_")[0], "112", None),), raw=(CP949,), doubtful=True),
    Row("cp949 and a stranger", (), (("┴ñ╝¡┐¼", "", None),), CLASS, ("정서연/x.py".encode("cp949"),), doubtful=True, whose=("",)),
    Row("bytes of two students", (), (("▒Φ╣╬┴╪", "", None),), Roster([Student("1", "김민준"), Student("2", "沿肯層")]), ("김민준/x.py".encode("cp949"),), doubtful=True, whose=("",)),
    Row("only the file's own name is old", (), (("Ada Lovelace", "111", None),), CLASS, (f"Ada Lovelace_111{MOODLE}과제.py".encode("cp949"),), whose=("1001",)),
)  # fmt: skip


def zipped(path: Path, names: tuple[bytes, ...], extra: bytes = b"") -> Path:
    """A zip file with these bytes for names and without the flag of UTF-8; each content is the number of its name."""
    buffer = io.BytesIO()
    stand_ins = [f"{i}".ljust(len(name), "~").encode() for i, name in enumerate(names)]
    with zipfile.ZipFile(buffer, "w") as file:
        for i, stand_in in enumerate(stand_ins):
            entry = zipfile.ZipInfo(stand_in.decode())
            entry.extra = extra
            file.writestr(entry, str(i))
    content = buffer.getvalue()
    for name, stand_in in zip(names, stand_ins, strict=True):
        content = content.replace(stand_in, name)
    path.write_bytes(content)
    return path


def require(row: Row, path: Path) -> None:
    found, aside = archives.read([path], LESSONS, roster=row.roster)
    found.sort(key=lambda h: h.content)
    assert not aside
    assert tuple((h.name, h.number, archives.lesson_named(h.file, LESSONS)) for h in found) == row.expected
    assert [h.content for h in found] == [str(i).encode() for i in range(len(row.expected))]
    assert [bool(h.note) for h in found] == [row.doubtful] * len(found)
    for handed, id_ in zip(found, row.whose, strict=False):
        student = row.roster.whose(handed.number, handed.name)
        assert (student.id if student else "") == id_


@pytest.mark.parametrize("row", FLAT, ids=lambda row: row.kind.replace(" ", "-"))
def test_a_file_of_a_download_is_its_students(row: Row, tmp_path: Path) -> None:
    """Catches a name with a piece of the platform's in it, and one that is another in a folder than in a zip file."""
    for i, name in enumerate(row.paths):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(str(i), encoding="utf-8")
    require(row, tmp_path / "in")
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as file:
        for i, name in enumerate(row.paths):
            file.writestr(name, str(i))
    require(row, tmp_path / "in.zip")
    require(row, zipped(tmp_path / "plain.zip", tuple(name.encode() for name in row.paths)))


@pytest.mark.parametrize("row", ZIPS, ids=lambda row: row.kind.replace(" ", "-"))
def test_a_name_without_a_word_on_its_encoding(row: Row, tmp_path: Path) -> None:
    """Catches letters of DOS that are taken for a student's name without a word."""
    require(row, zipped(tmp_path / "in.zip", row.raw))
    if any(MOODLE.encode() in name for name in row.raw):
        (tmp_path / "in").mkdir()
        zipped(tmp_path / "in" / "one.zip", row.raw)
        require(row, tmp_path / "in")


def test_a_name_that_stands_beside_the_old_one(tmp_path: Path) -> None:
    """Catches the field of Info-ZIP that is not read, and one that belongs to a name that was changed since."""
    raw, told = "김민준/x.py".encode("cp949"), "김민준/x.py".encode()
    for crc, expected in ((zlib.crc32(raw), "김민준"), (zlib.crc32(raw) ^ 1, "▒Φ╣╬┴╪")):
        field = b"\1" + crc.to_bytes(4, "little") + told
        extra = b"\x55\x54\0\0" + b"\x75\x70" + len(field).to_bytes(2, "little") + field
        (found,), _ = archives.read([zipped(tmp_path / "in.zip", (raw,), extra)], LESSONS)
        assert (found.name, bool(found.note)) == (expected, expected != "김민준")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_on_the_disk_that_were_unpacked_wrongly(tmp_path: Path) -> None:
    """Catches a name of bytes that stops the collection, and one that a program unpacked as the letters of DOS."""
    raw = os.fsencode(tmp_path) + b"/a"
    os.makedirs(raw + b"/" + "김민준".encode("cp949"))
    (tmp_path / "a" / "김민준".encode("cp949").decode("cp437")).mkdir()
    for i, folder in enumerate(sorted(os.listdir(raw))):
        with open(raw + b"/" + folder + b"/%d.py" % i, "w") as file:
            file.write("x = 1\n")
    found, _ = archives.read([tmp_path / "a"], LESSONS, roster=CLASS)
    assert [h.name for h in found] == ["김민준", "김민준"] and not any(h.note for h in found)
    found, _ = archives.read([tmp_path / "a"], LESSONS)
    assert all(h.note for h in found)
    json.dumps([h.file for h in found], ensure_ascii=False).encode()


# Whose it is


@pytest.mark.parametrize(
    "number, name, expected, told",
    [
        ("111", "Ada Lovelace", "1001", ""),
        ("111", "lovelaceada", "1001", ""),
        ("111", "Ada King", "1001", ""),
        ("112", "Minjun Kim", "1002", "is it the same person"),
        ("112", "Ada Lovelace", None, "and the name that of Ada Lovelace"),
        ("1002", "Иван Петров", None, "and the name that of"),
        ("999", "Ада", None, ""),
        ("", nfd("Jörg Müller"), "1005", ""),
        ("", "Muller Jorg", "1005", ""),
    ],
)
def test_a_number_and_a_name(number: str, name: str, expected: str | None, told: str) -> None:
    """Catches a platform's number that happens to be another student's id."""
    found = CLASS.whose(number, name)
    assert (found.id if found else None) == expected
    assert told in CLASS.doubt(number, name) and bool(told) == bool(CLASS.doubt(number, name))


def test_a_doubt_is_told_to_the_instructor(course: Course, tmp_path: Path) -> None:
    """Catches a student with another's grade, and one whose name is a guess, without a note."""
    release = json.loads(course.path("release", LESSON, f"{LESSON}.ipynb").read_text(encoding="utf-8"))
    content: Any = json.dumps(filled(release, RIGHT))
    course.path("roster.csv").write_text("id,name\n111,Li Wei\n112,Ada Lovelace\n", encoding="utf-8")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / f"Ada Lovelace_111{MOODLE}x.ipynb").write_text(content, encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "in" / "more.zip", "w") as file:
        file.writestr("NAMEX/a.ipynb", content)
        file.writestr("Li Wei/a.ipynb", content)
    path = tmp_path / "in" / "more.zip"
    path.write_bytes(path.read_bytes().replace(b"NAMEX", "김민X".encode("cp949")))
    collect(course, [tmp_path / "in"])
    there = students(course, LESSON)
    assert there[:2] == ["111", "Ada_Lovelace_111"] and len(there) == 3 and "112" not in there
    notes = [" ".join(one.notes) for s in there if (one := read_record(record(course, LESSON, s)))]
    assert notes[0] == "" and "the number 111 is that of Li Wei" in notes[1] and "is a guess" in notes[2]


# Names of folders


def test_names_stay_apart() -> None:
    """Catches two students in one folder because their letters are not those of Europe."""
    names = [
        "김민준",
        "이서연",
        "王伟",
        "李娜",
        "محمد",
        "أحمد علي",
        "राम",
        "रीमा",
        "रामा",
        "สมชาย",
        "さくら",
        "ざくら",
    ]
    assert len({folder_name(n) for n in names}) == len(names) == len({plain(n) for n in names})
    for name in names:
        assert folder_name(nfd(name)) == folder_name(name) == folder_name(folder_name(name))
        assert plain(nfd(name)) == plain(name) != ""
    assert folder_name("김민준") == "김민준" and folder_name("Jo\u0308rg") == "Jörg"
    assert plain("أحمد") == plain("احمد") and plain("IŞIK") == plain("ışık")
    assert folder_name("\u200bada\ufeff") == "ada" and folder_name("😀") != folder_name("😎")


@pytest.mark.parametrize("name", ["김" * 200, "김" * 80, "𠀀" * 90, "a" * 300, "ab " * 60, "é" * 81])
def test_a_long_name_is_a_folder(name: str, tmp_path: Path) -> None:
    """Catches a name that the disk refuses, or that is cut to another one's."""
    id_ = folder_name(name)
    assert id_ != folder_name(name + "b") and folder_name(id_) == id_ and len(id_) <= 80
    files.write_text(tmp_path / f"{id_}-12.ipynb", "x")


@pytest.mark.parametrize(
    "name, expected",
    [("CON", "CON_"), ("nul", "nul_"), ("Com1.x", "Com1_.x"), ("Connor", "Connor"), ("ada.", "ada"), ("a/b:c", "a_b_c"), ("..", "unnamed")],
)  # fmt: skip
def test_a_name_can_be_a_folder_on_windows(name: str, expected: str) -> None:
    assert folder_name(name) == expected == folder_name(expected)


def test_ids_that_differ_in_case_are_two_folders(course: Course, tmp_path: Path) -> None:
    """Catches work that takes the place of another's where a system does not tell capitals apart."""
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as file:
        for name in ("ada", "Ada"):
            file.writestr(f"{name}/{LESSON}.ipynb", "{}")
    collect(course, [tmp_path / "in.zip"])
    assert len({s.casefold() for s in students(course, LESSON)}) == 2
