"""The late rule, lists of students, and gradebooks of platforms."""

from __future__ import annotations

import csv
import itertools
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from lthkit.classroom.grading import encodings
from lthkit.classroom.grading import roster as rosters
from lthkit.classroom.grading.collect import collect
from lthkit.classroom.grading.course import Assignment, Course
from lthkit.classroom.grading.gradebook import fill
from lthkit.classroom.grading.late import LateRule, days_late, kept, parse_time
from lthkit.classroom.grading.report import fill_gradebook, report
from lthkit.classroom.grading.roster import Student
from lthkit.classroom.grading.run import run
from tests.submissions import LESSON, hand_in

# Late


def test_the_late_rule() -> None:
    """Catches a minute that costs a day, a day that is counted twice, and work that is worth less than nothing."""
    rule, due = LateRule(10, 3, 15), parse_time("2026-10-01")
    assert due == datetime(2026, 10, 1, 23, 59, 59)

    def days(text: str, extension: int = 0) -> int:
        return days_late(rule, due, datetime.fromisoformat(text), extension=extension)

    assert [days("2026-10-01 12:00"), days("2026-10-02 00:14"), days("2026-10-02 00:16")] == [0, 0, 1]
    assert [days("2026-10-03 12:00"), days("2026-10-03 12:00", 1), days("2026-10-03 12:00", 2)] == [2, 1, 0]
    assert [kept(rule, d) for d in (0, 1, 3, 4)] == [1.0, 0.9, 0.7, 0.0]
    assert kept(LateRule(60, 5), 2) == 0.0
    assert days_late(rule, None, due) == days_late(rule, due, None) == 0
    for wrong in (120, 5), (-1, 5), (10, -1):
        with pytest.raises(ValueError, match="expected 0 to 100 %"):
            LateRule(*wrong)
    with pytest.raises(ValueError, match="is not a time"):
        parse_time("next week")


# Lists


@pytest.mark.parametrize(
    "text, asked, expected",
    [
        (
            "First name,Last name,ID number,Email address\nAda,Lovelace,s1,ada@x.org\n",
            ("Ada Lovelace",),
            "s1",
        ),
        ('Student,ID,SIS User ID\n"Lovelace, Ada",77,s1\n', ("77",), "s1"),
        ("id;first_name;last_name\ns1;Ada;Lovelace\n", ("lovelaceada",), "s1"),
        ("name\temail\nÁda Lovelace\ta.l@x.org\n", ("ada lovelace",), "a.l"),
        ("id,name\ns1,Ada\ns2,Ada\n", ("Ada",), None),
        ("id,name\ns1,Ada\n", ("Bo", "x"), None),
        ("id,username,ID number\n7,ada,s1\n", ("7",), "s1"),
    ],
)
def test_a_roster_of_any_platform(
    tmp_path: Path, text: str, asked: tuple[str, ...], expected: str | None
) -> None:
    """Catches a heading that is not known, and a student who is taken for another of the same name."""
    (tmp_path / "roster.csv").write_text(text, encoding="utf-8-sig")
    found = rosters.read(tmp_path / "roster.csv").find(*asked)
    assert (found.id if found else None) == expected


@pytest.mark.parametrize(
    "name, expected",
    [
        ("Lovelace_Ada_5", "s1"),
        ("hw5 1002", "1002"),
        ("Ada", None),
        ("Ada Lovelace Bo Li", None),
        ("s1 hw", None),
        ("10021", None),
    ],
)
def test_a_student_in_the_name_of_a_file(name: str, expected: str | None) -> None:
    """Catches a student who is taken for another one since a name begins like theirs."""
    found = rosters.Roster([ADA, Student("1002", "Bo Li")]).guess(name)
    assert (found.id if found else None) == expected


def test_a_roster_that_says_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "roster.csv").write_text("colour,size\nred,3\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no column id, name or email"):
        rosters.read(tmp_path / "roster.csv")


PLAIN = "id,name\n1001,Ada Lovelace\n1002,Jörg Müller\n"
EXCEL = PLAIN.replace(",", ";").replace("\n", "\r\n")
READ: dict[str, bytes] = {
    "UTF-8": PLAIN.encode(),
    "UTF-8 with a mark": PLAIN.encode("utf-8-sig"),
    "UTF-16 with a mark": PLAIN.encode("utf-16"),
    "UTF-16, the other order": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "UTF-16 without a mark": PLAIN.encode("utf-16-le"),
    "UTF-16 without a mark, the other order": PLAIN.encode("utf-16-be"),
    "UTF-16 with tabs, Excel's Unicode text": EXCEL.replace(";", "\t").encode("utf-16"),
    "UTF-32": PLAIN.encode("utf-32"),
    "cp1252": PLAIN.encode("cp1252"),
    "sep=": ("sep=;\r\n" + EXCEL).encode("utf-8-sig"),
    "sep= in quotes, of UTF-16": ('"sep=;"\r\n' + EXCEL).encode("utf-16"),
    "more commas than separators": ('id;name;"x, y, z, or so"\n' + PLAIN.replace(",", ";")[8:]).encode(),
    "one heading twice, once empty": PLAIN.replace("\n", ",\n").replace("name,", "name,id").encode(),
    "lines of an old Mac": PLAIN.replace("\n", "\r").encode(),
    "a line break in a heading": b'"id\nnumber",name,"remarks,\nif any;"\n' + PLAIN.encode()[8:],
    "blanks and quotes in headings": "\u200b ID\u00a0 number ,\u201cName\u201d\n".encode()
    + PLAIN.encode()[8:],
    "capitals and a mark within": "ID,\ufeffNAME\n".encode() + PLAIN.encode()[8:],
    "blank rows and trailing commas": PLAIN.replace("\n", ",,,\n\n,,,\n").encode(),
    "invisible letters in cells": PLAIN.replace("1001", " \u200b1001\u00a0")
    .replace(" Love", "\u00a0\u200fLove")
    .encode(),
    "numbers as texts of a spreadsheet": PLAIN.replace("1001", '"=""1001"""')
    .replace("1002", "'1002")
    .encode(),
    "letters of a Mac": unicodedata.normalize("NFD", PLAIN).encode(),
    "Canvas's rows of its own": (
        'Student,ID,SIS User ID\n    Points Possible,,\n"Lovelace, Ada",7,1001\n"Müller, Jörg",8,1002\n"Student, Test",9,\n'
    ).encode(),
}


@pytest.mark.parametrize("content", READ.values(), ids=READ.keys())
def test_a_roster_as_a_spreadsheet_writes_it(content: bytes, tmp_path: Path) -> None:
    """Catches letters, headings and cells that are read as others, or not at all."""
    (tmp_path / "roster.csv").write_bytes(content)
    found = rosters.read(tmp_path / "roster.csv").students
    assert [(s.id, s.name) for s in found.values()] == [("1001", "Ada Lovelace"), ("1002", "Jörg Müller")]


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "one id twice": ("id,name\n1,Ada\n2,Bo\n1,Li\n", "lines 2 and 4: the id '1' is there twice"),
    "below a heading of two lines": ('id,"na\nme"\n1,Ada\n\n1,Li\n', "lines 3 and 5: the id '1'"),
    "below a cell of two lines": ('sep=,\nid,name\n1,"A\nda"\n1,Li\n', "lines 3 and 5: the id '1'"),
    "a row twice": ("id,name\n1,Ada\n1,Ada\n", "lines 2 and 3 are the same row, of '1'"),
    "ids of one folder": ("id,name\na b,Ada\na+b,Li\n", "ids 'a b' and 'a\\+b' are the same name of a folder, 'a_b'"),
    "ids that differ in case": ("id,name\nada,Ada\nADA,Li\n", "ids 'ada' and 'ADA' are the same name of a folder"),
    "an address twice": ("name,email\nAda,a@x.org\nLi,a@y.org\n", "lines 2 and 3: the id 'a' is there twice"),
    "two composed in two ways": ("id,name\nJörg,A\nJo\u0308rg,B\n", "lines 2 and 3: the id .* is there twice"),
    "a number cut by a spreadsheet": ("id,name\n1.23E+09,Ada\n", "line 2: the id is '1.23E\\+09', as a spreadsheet shortens"),
    "a number with a comma": ("id;name\n1,23E+09;Ada\n", "line 2: the id is '1,23E\\+09'"),
    "a number made a fraction": ("id,name\n1001.0,Ada\n", "line 2: the id is '1001.0'"),
    "a sum": ("id,name\n1,Ada\nTotal,1\n", "line 3: 'Total' is a sum and no student"),
    "a sum in the second column": ("id,name\n1,Ada\n,Total: 1\n", "line 3: 'Total: 1' is a sum"),
    "a comma without quotes": ("id,name,email\n1,Lovelace, Ada,a@x.org\n", "line 2: it has 4 cells, and there are 3 headings"),
    "a quote that is never closed": ('id,name\n1,"Ada\n2,Li\n3,Bo\n', "line 2: its quotes do not match"),
    "an extension in words": ("id,extension\n1,two\n", "line 2: the extension of 1 is 'two'"),
    "one heading twice": ("id,name,ID\n1,Ada,2\n", "line 2: two columns are headed 'id', with '1' and '2'"),
    "a workbook": (b"PK\x03\x04 and so on", "is a workbook or a zip file and no CSV. Save it as CSV UTF-8"),
    "letters that were lost": ("id,name\n1,Ada\n2,M\ufffdller\n", "line 3: letters were lost before it came here"),
    "letters that were read wrongly": ("id,name\n1,MÃ¼ller\n", "line 2: letters were lost before it came here"),
    "bytes that are no text": (b"id,name\n1,A\0da\n", "holds bytes that are no text. Save it as CSV UTF-8"),
    "half of UTF-16": ("id,name\n1,Ada\n".encode("utf-16")[:-1], "begins like UTF-16-LE and is damaged"),
    "ISO-2022-JP": ("id,name\n1,山田\n".encode("iso2022_jp"), "line 2 holds characters that are no text"),
    "cp949": ("id,name\n1,Ada\n2,김민준\n".encode("cp949"), "line 3: .* cannot be told surely: '2,\\?{6}'. Save it as CSV UTF-8"),
    "cp932": ("id,name\n1,山田\n".encode("cp932"), "line 2: .*Save it as CSV UTF-8"),
    "cp1251": ("id,name\n1,Иван\n".encode("cp1251"), "line 2: .*Save it as CSV UTF-8"),
    "cp1251, beside Latin letters": ("id,name\n1,Ivanцу\n".encode("cp1251"), "line 2: .*Save it as CSV UTF-8"),
    "cp1251, and a heading of two lines": ('id,"na\nme"\n1,Иван\n'.encode("cp1251"), "line 3: .*Save it as CSV UTF-8"),
}  # fmt: skip


@pytest.mark.parametrize("content, why", REFUSED.values(), ids=REFUSED.keys())
def test_a_roster_that_says_two_things_is_refused(content: str | bytes, why: str, tmp_path: Path) -> None:
    """Catches a student who vanishes, or gets another's name or folder, without a word."""
    path = tmp_path / "roster.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=why) as refused:
        rosters.read(path)
    assert str(path) in str(refused.value)


def test_names_that_look_like_a_sum_or_a_number_stay(tmp_path: Path) -> None:
    """Catches a student of whom nothing is heard because of their name."""
    (tmp_path / "roster.csv").write_text(
        "id,name,email\n0012,Sum Ka Wai,\n12,Sum,\n1e5x,'t Hooft,\n,Total,total@x.org\n", encoding="utf-8"
    )
    found = rosters.read(tmp_path / "roster.csv").students
    assert {s.id: s.name for s in found.values()} == {
        "0012": "Sum Ka Wai",
        "12": "Sum",
        "1e5x": "'t Hooft",
        "total": "Total",
    }


NAMES = {
    "German": "Jürgen Müller|Käthe Groß|Jörg Strauß|Björn Weiß|Günther Schäfer|Änne Böhm|Özlem Öztürk|Sören Meißner|MÜLLER|Voß",
    "French": "François Hollande|Hélène Lefèvre|Noël Gaëtan|Jérôme Benoît|Anaïs|Éloïse Châtelet|Zoé|Zoë|Renée|Loïc|Ève|MARIE-THÉRÈSE|Cœur",
    "Spanish": "José García|Núñez Peña|Ángel Ibáñez|Raúl Martínez|Íñigo López|MARTÍNEZ|Óscar Muñoz|Úrsula Güell|Saúl Ruíz",
    "Portuguese": "João Gonçalves|Conceição|Simões|Guimarães|Ângela Magalhães|António|Inês|Lourenço",
    "Nordic": "Søren Kjær|Bjørn Ødegård|Åsa Öberg|Håkan Malmström|Pål|Jääskeläinen|Määttä|Þórður|Sigríður|Ævar",
    "Polish": "Wałęsa Lech|Zieliński|Kamiński|Wójcik|Jędrzej|Łukasz|Żółć|Ściegienny|Bieńkowski|Ćwik|Źrebak|Józef|Toruń",
    "Czech": "Dvořák|Kučera|Novák|Jiří|Řezníček|Šimek|Tomáš|Ondřej|Příhoda|Žižka|Černý|Růžička|Lukeš|Dušan|Ďuriš|Stĺpik|Ševčík",
    "Hungarian": "Erdős Pál|Szűcs István|Kovács Éva|Tóth Győző|Szabó|Őry|Űrhajós",
    "Romanian": "Brătianu|Ţuţea|Brâncuși|Mureşan|Băsescu",
    "Turkish": "Yılmaz|Şahin|Doğan|Çelik Gökçe|Özgür|İbrahim|Ağaoğlu|Yalçın|IŞIK|Güneş|Koç|Ünal",
    "Baltic": "Jānis Bērziņš|Līga|Pēteris|Kārlis|Ķikuts|Ēriks|Vaitkienė|Šarūnas|Eglė|Miķelis|Kaķis|Ģirts|Ēvalds",
    "Russian": "Иван Петров|Ёлкин Фёдор|Щукина|Ли|Юлия|ИВАНОВ|Лі|Вій|Її",
    "Greek": "Γιώργος Παπαδόπουλος|Άννα|Ελένη",
    "Korean": "김민준|이서연|채|천채|최창|추천|박지훈|뷁|남궁민수|주차|Kim민준",
    "Japanese": "山田太郎|佐藤花子|ﾀﾅｶ ｹﾝ|ﾐｷ|アイコ|さくら|山川|関|表示|ソニー",
    "Chinese": "王伟|李娜|袁伟|伟强|茅盾|茅|路|禄|通|肖笑|朱镕基|喆|袁,强|于海",
    "Taiwanese": "王小明|顧|羅|陳怡君|丁一|龔|許功蓋",
    "Vietnamese": "Nguyễn|Trần|Phạm|Đặng|Hồ|Bùi Hoàng|Dương",
    "others": "דוד לוי|שרה|محمد علي|أحمد|สมชาย",
}
SAYS_IT = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")
OLD = (
    *("cp949", "johab", "cp932", "euc_jp", "gb18030", "big5", "cp1251", "koi8_r", "cp866", "iso8859_5"),
    *("cp1250", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp874", "iso8859_2"),
    *("mac_roman", "cp850", "cp852"),
)


@pytest.mark.parametrize("language", NAMES)
def test_each_name_is_read_right_or_refused(language: str) -> None:
    """Catches letters that are read as others: each name alone in a list, in every encoding that has its letters."""
    read = set()
    for name, encoding in itertools.product(NAMES[language].split("|"), (*SAYS_IT, *OLD)):
        if (language, encoding) == ("Polish", "cp1257"):  # it has the letters, and nobody writes Polish in it
            continue
        text = f"id,name\n1001,{name}\n"
        try:
            content = text.encode(encoding)
            found, how = encodings.decode(content, "roster.csv")
        except UnicodeEncodeError:
            continue
        except ValueError as refused:
            assert encoding in OLD and "line 2" in str(refused) and "Save it as CSV UTF-8" in str(refused)
        else:
            assert found == text and how.encode(text) == content, (name, encoding)
            read.add((name, encoding))
    if language in ("German", "Spanish", "French"):
        names = NAMES[language].split("|")
        assert sum((name, "cp1252") in read for name in names) >= 0.8 * len(names)


def test_late_work_and_a_gradebook(course: Course, tmp_path: Path) -> None:
    """Catches points that a late rule takes twice, an extension that does not count, and a row that is filled wrongly."""
    course.path("roster.csv").write_text(
        "id,name,extension\nada,Ada Lovelace,\nbo,Bo,2\nli,=Li Wei,\nmax,Max,\n", encoding="utf-8"
    )
    times = {"ada": "2026-10-03 12:00", "bo": "2026-10-03 12:00", "li": ""}
    collect(course, [hand_in(course, tmp_path / "in", times)])
    assert [r.note() for r in _rows(course) if r.student.id == "ada"] == [
        "not graded since it was collected: lthkit grade run"
    ]
    run(course, jobs=1)
    written = report(course)[0]
    content = written.grades.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")  # else Excel shows other letters
    with open(written.grades, encoding="utf-8-sig") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert [
        (rows[s]["total"], rows[s]["days late"], rows[s]["after late rule"]) for s in ("ada", "bo", "li")
    ] == [
        ("4", "2", "3.2"),
        ("4", "0", "4"),
        ("4", "0", "4"),
    ]
    assert rows["li"]["name"] == "'=Li Wei" and rows["max"]["total"] == ""
    assert "2 days late: 4 points become 3.2" in written.feedback[0].read_text(encoding="utf-8")
    assert "Late work loses 10 % of its points for each day begun" in written.text
    canvas = "Student,ID,05_winning_tickets (991),Other\nPoints Possible,,10,\nAda Lovelace,1,,3\nBo,2,,=4\nStranger,3,,\n"
    (tmp_path / "canvas.csv").write_text(canvas, encoding="utf-8")
    where, (filled,) = fill_gradebook(course, [written], tmp_path / "canvas.csv")
    assert where == course.path("reports", LESSON, "gradebook-canvas.csv") and filled.unplaced == ("li",)
    assert where.read_text(encoding="utf-8") == canvas.replace("lace,1,,", "lace,1,3.2,").replace(
        "2,,", "2,4,"
    )
    assert (tmp_path / "canvas.csv").read_text(encoding="utf-8") == canvas


def _rows(course: Course) -> Any:
    from lthkit.classroom.grading.report import rows

    return rows(course, course.assignments[LESSON], rosters.read(course.path("roster.csv")))


# Gradebooks

ADA, BO = Student("s1", "Ada Lovelace", "ada@x.org", "123"), Student("s2", "Bo Li")
FIVE, SIX = Assignment("05_winning_tickets", {"05.1": 4.0}), Assignment("06_rewinding", {"06.1": 10.0})
GRADES = [(FIVE, {"s1": 3.5, "s2": 2.0})]
WORKSHEET = "Identifier,Full name,Status,Grade,Maximum Grade,Feedback comments"
GRADEBOOKS = {
    "Moodle's list": (
        "First name,Last name,ID number,Assignment: 05_winning_tickets (Real),Course total (Real)\n"
        "Ada,Lovelace,s1,-,-\nBo,Li,,1.00,-\n",
        "Assignment: 05_winning_tickets (Real)",
        ["Ada,Lovelace,s1,3.5,-", "Bo,Li,,2,-"],
        1,
        None,
    ),
    "Moodle's percentages too": (
        "Full name,Winning (Letter),05 Winning Tickets (Percentage),05 Winning Tickets (Real)\nAda Lovelace,-,-,-\n",
        "05 Winning Tickets (Real)",
        ["Ada Lovelace,-,-,3.5"],
        0,
        None,
    ),
    "Moodle's worksheet": (
        f"{WORKSHEET}\nParticipant 123,A. L.,Submitted,,100.00,\nParticipant 9,Bo Li,No,,100.00,\n",
        "Grade",
        ["Participant 123,A. L.,Submitted,3.5,100.00,", "Participant 9,Bo Li,No,2,100.00,"],
        0,
        100.0,
    ),
    "Canvas": (
        'Student,ID,05_winning_tickets (991),Note\n    Points Possible,,4,\n"Lovelace, Ada",1,2.5,"a, b"\n',
        "05_winning_tickets (991)",
        ["    Points Possible,,4,", '"Lovelace, Ada",1,3.5,"a, b"'],
        1,
        4.0,
    ),
    "semicolons, short rows": (
        "id;name\ns1;Ada\ns2\n",
        "05_winning_tickets",
        ["s1;Ada;3.5", "s2;;2"],
        0,
        None,
    ),
}


@pytest.mark.parametrize("text, column, rows, replaced, most", GRADEBOOKS.values(), ids=GRADEBOOKS.keys())
def test_a_gradebook_of_any_platform(
    tmp_path: Path, text: str, column: str, rows: list[str], replaced: int, most: float | None
) -> None:
    """Catches a grade in another column, a cell of somebody's that is changed, and a scale that does not fit."""
    (tmp_path / "in.csv").write_text(text, encoding="utf-8")
    (filled,) = fill(tmp_path / "in.csv", tmp_path / "out.csv", GRADES, [ADA, BO])
    assert (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()[1:] == rows
    assert (filled.column, filled.replaced, filled.most) == (column, replaced, most)
    assert filled.added == (column not in text)
    assert any("at most" in line for line in filled.lines(4.0)) == (most == 100.0)


def test_several_lessons_fill_one_gradebook(tmp_path: Path) -> None:
    """Catches a second lesson that overwrites the first, and a `Grade` that would be both."""
    (tmp_path / "in.csv").write_bytes(b"\xef\xbb\xbfid,06_rewinding,Other\ns1,,7\n")
    both = [*GRADES, (SIX, {"s1": 9.0})]
    fill(tmp_path / "in.csv", tmp_path / "out.csv", both, [ADA, BO])
    assert (
        tmp_path / "out.csv"
    ).read_bytes() == b"\xef\xbb\xbfid,06_rewinding,Other,05_winning_tickets\ns1,9,7,3.5\n"
    (tmp_path / "in.csv").write_text("id,06_rewinding,Grade\ns1,,7\n", encoding="utf-8")
    with pytest.raises(ValueError, match="one column Grade, .* choose one with --lesson"):
        fill(tmp_path / "in.csv", tmp_path / "out.csv", both, [ADA, BO])


def test_a_file_that_is_not_the_gradebook_is_refused(tmp_path: Path) -> None:
    """Catches a copy of something else with an empty new column, and a guess between two columns."""
    for text, column, why in (
        (
            "colour,size\nred,3\n",
            None,
            "no row of a student who has a grade here; its columns are colour, size",
        ),
        ("", None, "its columns are none"),
        (
            "id,05_winning_tickets a,05_winning_tickets b\ns1,,\n",
            None,
            "which column .* Name it with --column",
        ),
        ("id,Quiz\ns1,\n", "Quizz", "has no column 'Quizz'; it has id, Quiz"),
        ("id,E-mail\ns1,\ns2,a@b.c\n", "E-mail", "holds text, such as 'a@b.c', and no grades"),
    ):
        (tmp_path / "in.csv").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=why):
            fill(tmp_path / "in.csv", tmp_path / "out.csv", GRADES, [ADA, BO], column=column)
        assert not (tmp_path / "out.csv").exists()
    (tmp_path / "in.csv").write_text("id,Quiz\ns1,\n", encoding="utf-8")
    (filled,) = fill(tmp_path / "in.csv", tmp_path / "out.csv", GRADES, [ADA, BO], column="quiz ")
    assert filled.column == "Quiz" and filled.unplaced == ("s2",)
    with pytest.raises(ValueError, match="is for one lesson"):
        fill(tmp_path / "in.csv", tmp_path / "out.csv", [*GRADES, (SIX, {"s1": 1.0})], [ADA], column="Quiz")


WRITTEN = {
    "UTF-16 with tabs": (b"\xff\xfe", "utf-16-le", "", "\t", "\r\n"),
    "UTF-16, the other order": (b"\xfe\xff", "utf-16-be", "", ",", "\n"),
    "sep= and Excel's line ends": (b"\xef\xbb\xbf", "utf-8", "sep=;\r\n", ";", "\r\n"),
    "sep= of Unix": (b"", "utf-8", '"SEP=,"\n', ",", "\n"),
    "cp1252": (b"", "cp1252", "", ";", "\r\n"),
    "bars": (b"", "utf-8", "", "|", "\n"),
}


@pytest.mark.parametrize("mark, encoding, said, separator, newline", WRITTEN.values(), ids=WRITTEN.keys())
def test_a_gradebook_is_written_as_it_came(
    tmp_path: Path, mark: bytes, encoding: str, said: str, separator: str, newline: str
) -> None:
    """Catches a copy that the platform or the spreadsheet cannot read any more."""

    def content(grade: str) -> bytes:
        rows = (
            'id|"05_winning_tickets\n(Real)"|Größe',
            f"s1|{grade}|7",
            f's2||"a{separator} ""b"""',
        )
        return mark + (said + "".join(row.replace("|", separator) + newline for row in rows)).encode(encoding)

    (tmp_path / "in.csv").write_bytes(content(""))
    fill(tmp_path / "in.csv", tmp_path / "out.csv", [(FIVE, {"s1": 3.5})], [ADA, BO])
    assert (tmp_path / "out.csv").read_bytes() == content("3.5")


def test_a_row_of_somebody_else_with_the_same_name_stays(tmp_path: Path) -> None:
    """Catches a grade in the row of a namesake of another section, and in one of two rows that nobody can choose from."""
    rows = ["s9,Ada Lovelace,", "s1,Ada Lovelace,", "s2,Bo Li,"]
    for order in (rows, rows[::-1]):
        text = "\n".join(["id,name,05_winning_tickets", *order, ""])
        (tmp_path / "in.csv").write_text(text, encoding="utf-8")
        (filled,) = fill(tmp_path / "in.csv", tmp_path / "out.csv", GRADES, [ADA, BO])
        assert filled.filled == 2
        assert (tmp_path / "out.csv").read_text(encoding="utf-8") == text.replace(
            "s1,Ada Lovelace,", "s1,Ada Lovelace,3.5"
        ).replace("Bo Li,", "Bo Li,2")
    (tmp_path / "in.csv").write_text("id,name\nx,Ada Lovelace\n\ny,Ada Lovelace\n", encoding="utf-8")
    with pytest.raises(ValueError, match="lines 2 and 4 are both of Ada Lovelace"):
        fill(tmp_path / "in.csv", tmp_path / "out2.csv", GRADES, [ADA, BO])
    (tmp_path / "in.csv").write_bytes("id,name,Note\ns1,Ada,\nx,김,\n".encode("cp949"))
    with pytest.raises(ValueError, match="line 3: .*Save it as CSV UTF-8"):
        fill(tmp_path / "in.csv", tmp_path / "out2.csv", GRADES, [ADA, BO])
    assert not (tmp_path / "out2.csv").exists()
