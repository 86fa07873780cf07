"""The frames that the solved lessons keep: those of today, above a figure that stands still, and drawn anew without a run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lthkit import pictures
from lthkit.__main__ import main
from lthkit.classroom.build import check_build
from lthkit.pictures.stored import outdated, renew
from tests.browser.lab import ROOT

# The lessons that keep a picture. On the site lesson 02 has one too; it has no figure that would stand still below it.
KEPT = {
    "01": "painter",
    "04": "rounds",
    "05": "rounds",
    "06": "rewinding",
    "07": "snip",
    "08": "starving",
    "13": "seeds",
}


def solved(number: str, root: Path = ROOT) -> Path:
    (path,) = (root / "solutions").glob(f"{number}_*.ipynb")
    return path


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def html(output: dict[str, Any]) -> str:
    return "".join(output.get("data", {}).get("text/html", ""))


def test_the_lessons_keep_the_pictures_of_today() -> None:
    """Catches a script or a record that changed after the lessons were built."""
    assert outdated(ROOT) == []
    for path in sorted((ROOT / "solutions").glob("*.ipynb")):
        outputs = [html(o) for cell in read(path)["cells"] for o in cell.get("outputs", [])]
        frames = [text for text in outputs if "<iframe" in text]
        expected = [pictures.frame(KEPT[path.stem[:2]])] if path.stem[:2] in KEPT else []
        assert frames == expected, path.name


@pytest.mark.parametrize("number", KEPT)
def test_a_picture_stands_alone_above_a_figure_that_stands_still(number: str) -> None:
    """All that a notebook shows which is not trusted is the figure: it comes next, in the same part of the lesson."""
    cells = read(solved(number))["cells"]
    (at,) = [i for i, cell in enumerate(cells) if any("<iframe" in html(o) for o in cell.get("outputs", []))]
    assert cells[at]["source"] == [f'lth.pictures.show("{KEPT[number]}")'] and len(cells[at]["outputs"]) == 1
    for cell in cells[at + 1 :]:
        assert not "".join(cell["source"]).startswith("## "), "the part of the lesson ends without a figure"
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}) or "<img " in html(output):
                return
    pytest.fail("no figure below the picture")


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course of one lesson, whose stored picture was drawn before."""
    (tmp_path / "data").mkdir()
    for folder in ("solutions", "notebooks"):
        (tmp_path / folder).mkdir()
        for path in (ROOT / folder).glob("13_*"):
            shutil.copy(path, tmp_path / folder)
    path = solved("13", tmp_path)
    text = path.read_text(encoding="utf-8")
    assert text.count("How many seeds&lt;/title") == 1
    path.write_text(text.replace("How many seeds&lt;/title", "Seeds&lt;/title"), encoding="utf-8")
    return tmp_path


def test_a_picture_of_before_is_found_and_drawn_anew(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing else of the lesson changes, and the build finds it as it made it."""
    name = solved("13").name
    assert outdated(course) == [f"solutions/{name} has not the picture 'seeds' of today; run `lthkit build`."]
    assert main(["build", "--check", "--root", str(course)]) == 1
    assert "has not the picture 'seeds' of today" in capsys.readouterr().out
    assert main(["build", "--root", str(course)]) == 0
    assert f"{solved('13').stem}: drawn anew: seeds" in capsys.readouterr().out
    assert solved("13", course).read_bytes() == solved("13").read_bytes()
    assert outdated(course) == check_build(course) == [] and renew(course) == []


def test_a_picture_that_comes_to_a_lesson_needs_no_run(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a lesson whose networks are trained again because of it, and one that loses an output."""
    source = course / "solutions" / f"{solved('13').stem}.py"
    text = source.read_text(encoding="utf-8")
    own = 'lth.pictures.show("seeds")'
    source.write_text(text.replace(own, f'{own}\n\n# %%\nlth.pictures.show("rounds")'), encoding="utf-8")
    assert main(["build", "--root", str(course)]) == 0
    assert "executed" not in capsys.readouterr().out
    assert outdated(course) == check_build(course) == []
    before, now = read(solved("13"))["cells"], read(solved("13", course))["cells"]
    (new,) = [cell for cell in now if "".join(cell["source"]) == 'lth.pictures.show("rounds")']
    assert html(new["outputs"][0]) == pictures.frame("rounds")
    counts = [cell["execution_count"] for cell in now if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))
    now.remove(new)
    assert [cell.get("outputs") for cell in now] == [cell.get("outputs") for cell in before]
    source.write_text(text, encoding="utf-8")  # and it may go again
    assert main(["build", "--root", str(course)]) == 0
    assert solved("13", course).read_bytes() == solved("13").read_bytes()


def test_a_picture_that_there_is_not_is_told(course: Path) -> None:
    source = course / "solutions" / f"{solved('13').stem}.py"
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace('pictures.show("seeds")', 'pictures.show("dice")'), encoding="utf-8")
    assert main(["build", "--root", str(course)]) == 0
    (found,) = outdated(course)
    assert found.startswith(f"solutions/{source.name} shows the picture 'dice'; expected one of rounds, ")
