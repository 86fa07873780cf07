"""The capstone as a student meets it: eight questions, a copy that is never overwritten, a template that runs blank and filled in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from lthkit.__main__ import main
from lthkit.classroom import capstone
from lthkit.classroom.cells import parse, read_source
from lthkit.classroom.editions import editions
from lthkit.runs import checks
from lthkit.runs.plan_checks import ITEMS
from lthkit.storage import read_table
from tests.classroom.test_lesson_sources import faults

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [ROOT / "solutions" / f"capstone_{name}.py" for name in ("template", "example")]
SECTIONS = [
    "Question", "What is known", "Prediction", "Design", "Run", "Automatic checks", "Results", "Verdict",
    "What a null result says", "Limits", "Costs",
]  # fmt: skip
NOTEBOOK = '{"cells": [{"cell_type": "markdown", "source": ["[05](../notebooks/05.ipynb)"]}]}'

# The questions


def test_there_are_eight_questions_with_all_that_is_needed_to_begin() -> None:
    assert len(capstone.QUESTIONS) == 8 and sum(one.worked for one in capstone.QUESTIONS) == 1
    for number, one in enumerate(capstone.QUESTIONS, start=1):
        assert (
            one.title.endswith("?")
            and set(one.controls) < set(one.arms)
            and one.pitfalls
            and one.null
            and one.read
        )
        assert re.search(r"published|not known to us", one.known, re.IGNORECASE) and one.seeds >= 12
        assert 0.5 < one.minutes <= 20, "at most twenty minutes on two cores"
        assert all(re.fullmatch(r"https://arxiv\.org/abs/\d{4}\.\d{5}", address) for _, address in one.read)
        text = str(capstone.question(number))
        assert "budget" in text and "pitfall" in text and text.isascii(), text
    shown = capstone.questions()
    assert "the worked example" in str(shown.text()) and len(shown.rows) == 8
    for wrong in (0, 9, "3", 1.5):
        with pytest.raises(ValueError, match="number="):
            capstone.question(wrong)  # type: ignore[arg-type]


def test_the_minutes_are_those_of_the_recorded_run() -> None:
    """Catches a rate of updates that no run had."""
    folder = ROOT / "data" / "results" / "winning-ticket"
    steps = sum(row["steps"] for row in read_table(folder / "table.csv"))
    found = re.search(r'"wall_seconds": ([\d.]+)', (folder / "summary.json").read_text(encoding="utf-8"))
    assert found and steps / float(found[1]) == pytest.approx(capstone.UPDATES_A_SECOND, rel=0.02)


# The copy


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "notebooks").mkdir()
    for stem in ("05_winning_tickets", "capstone_template"):
        (tmp_path / "notebooks" / f"{stem}.ipynb").write_text(NOTEBOOK, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LTHKIT_RUNS", str(tmp_path / "runs"))
    return tmp_path


def test_a_copy_is_made_and_never_overwritten(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own, other = course / "my" / "capstone.ipynb", course / "my" / "thesis" / "capstone.ipynb"
    assert main(["start", "capstone"]) == 0 and own.read_text(encoding="utf-8") == NOTEBOOK
    assert main(["start", "capstone", "my/thesis"]) == 0
    assert "](../../notebooks/05.ipynb)" in other.read_text(encoding="utf-8"), "its links lead to the course"
    own.write_text("my work")
    (course / "notebooks" / "capstone_template.ipynb").write_text("a new version")
    capsys.readouterr()
    assert main(["start", "capstone"]) == 0 and own.read_text() == "my work"
    assert "stays as it is" in capsys.readouterr().out
    assert main(["start", "capstone", "my", "--fresh"]) == 0 and own.read_text() == "my work"
    assert (course / "my" / "capstone-2.ipynb").read_text() == "a new version"
    assert main(["start"]) == 0 and "Capstone: my/capstone.ipynb" in capsys.readouterr().out


@pytest.mark.parametrize(
    "given, says",
    [
        (["capstone", "a", "b"], "alone or with one folder"),
        (["05", "capstone"], "alone or with one folder"),
        (["capstone", "capstone"], "alone or with one folder"),
        (["capstone", ""], "alone or with one folder"),
        (["capstone", "05"], "it is a lesson"),
        (["capstone", "05_winning_tickets"], "it is a lesson"),
        (["capstone", "notes.txt"], "is a file"),
        (["capstone", "notes.txt/deep"], "notes.txt"),
        (["capston"], "there is no lesson"),
    ],
)
def test_a_slip_is_one_plain_sentence(
    course: Path, given: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (course / "notes.txt").write_text("mine")
    before = sorted(course.rglob("*"))
    assert main(["start", *given]) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1 and "Traceback" not in said
    assert sorted(course.rglob("*")) == before and (course / "notes.txt").read_text() == "mine"


def test_a_course_without_it_says_so(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (course / "notebooks" / "capstone_template.ipynb").unlink()
    assert main(["start", "capstone"]) == 2 and "capstone_template.ipynb" in capsys.readouterr().err


# The template


def codes(source: Path, **filled: str) -> list[str]:
    """The code cells of a source, with these lines in place of their own."""
    found = [cell.text for cell in parse(source, read_source(source)) if cell.is_code]
    for line, other in filled.items():
        wanted = re.compile(rf"^{line}(: [^=]+)? = .*$", re.MULTILINE)
        assert sum(len(wanted.findall(code)) for code in found) == 1, line
        found = [wanted.sub(lambda _, other=other, line=line: f"{line} = {other}", code) for code in found]
    return found


def executed(cells: list[str]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for code in cells:
        exec(compile(code, "capstone.py", "exec"), names)  # noqa: S102
    return names


FILLED = {
    "question": '"Does the ticket beat a shuffled mask?"',
    "predictions": '(Predicted("ticket", "shuffled", "above", 0.0),)',
    "arms": '("ticket", "dense", "shuffled")',
    "controls": '("shuffled",)',
    "effect": "5.0",
    "sd": "1.0",
}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LTHKIT_RUNS", str(tmp_path / "runs"))
    return tmp_path


def test_it_runs_blank_to_its_end_and_says_what_is_to_do(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = executed(codes(SOURCES[0]))
    said = capsys.readouterr().out
    assert said.count("To do:") == 9 and not (desk / "runs").exists()
    assert checks(names["folder"]).to_do == tuple(ITEMS)


@pytest.mark.parametrize("count", range(1, len(FILLED)))
def test_it_runs_with_any_part_filled_in(desk: Path, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    executed(codes(SOURCES[0], **dict(list(FILLED.items())[:count])))
    assert "To do: fill in the cells above" in capsys.readouterr().out and not (desk / "runs").exists()


def test_it_runs_registered_and_not_yet_run(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = executed(codes(SOURCES[0], **FILLED))
    assert names["plan"].digest in capsys.readouterr().out
    found = checks(names["folder"])
    assert "registered" in found.passed and found.failed == ()


def test_its_own_example_of_one_seed_runs_to_the_verdict(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a template whose hints do not work: the lines that are commented out are taken as they stand."""
    cells = codes(SOURCES[0], **FILLED)
    for i, code in enumerate(cells):
        if "# def one_seed" in code:
            code = re.sub(r"^# (def one_seed.*|    .*)$", r"\1", code, flags=re.MULTILINE)
            cells[i] = code.replace("one_seed = None\n", "")
        cells[i] = cells[i].replace("# hand_in", "hand_in")
    names = executed(cells)
    said = capsys.readouterr().out
    assert "To do" not in said and "9 trainings have ended" in said and "Traceback" not in said
    assert names["found"].verdicts[0].outcome in ("held", "open", "failed")
    for folder in (names["folder"], desk / "capstone-to-hand-in"):
        assert checks(folder, digest=names["plan"].digest).passed == tuple(ITEMS)


def test_template_and_example_have_the_same_sections() -> None:
    for source in SOURCES:
        text = source.read_text(encoding="utf-8")
        assert re.findall(r"^# ## (.+)$", text, re.MULTILINE) == SECTIONS


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_capstones_code_and_links_are_those_of_a_lesson(source: Path) -> None:
    assert faults(parse(source, read_source(source))) == []
    for notebook in editions(ROOT, source):
        texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
        for target in re.findall(r"\]\((\.\./[^)#]+)\)", "\n".join(texts)):
            assert (ROOT / "notebooks" / target).resolve().is_file(), target
        assert all(part in texts[0] for part in ("**You will**", "**Time:**", "**Contents:** ["))
        assert any(cell.id == "setup" for cell in notebook.cells)
