"""The diagrams of the lessons: every word is readable and alone in its place, and the file looks the same everywhere."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from lthkit import plots
from lthkit.plots.diagrams import DRAWN
from lthkit.plots.drawing import SHOWN, WIDE, Canvas

ROOT = Path(__file__).resolve().parents[2]
PHONE = 358  # pixels that a window of 390 leaves for a picture


@pytest.fixture(params=DRAWN)
def lesson(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def faults(page: Canvas) -> list[str]:
    """Words that are cut off at the edge, lie on other words, or stick out of a box; letters too small for a phone."""
    page.figure.draw_without_rendering()
    paper = page.figure.bbox
    words = [(text.get_text(), text.get_window_extent()) for text in page.texts]
    found = []
    for i, (said, box) in enumerate(words):
        if box.x0 < paper.x0 or box.x1 > paper.x1 or box.y0 < paper.y0 or box.y1 > paper.y1:
            found.append(f"cut off: {said}")
        found += [f"overlap: {said} and {other}" for other, place in words[i + 1 :] if box.overlaps(place)]
    for patch in page.ax.patches:
        frame = patch.get_window_extent()
        for said, box in words:
            inside = frame.contains((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)
            closed = patch.get_facecolor()[3] > 0 and type(patch).__name__ != "FancyArrowPatch"
            if closed and inside and (box.x0 < frame.x0 or box.x1 > frame.x1):
                found.append(f"wider than its box: {said}")
    pixels = [text.get_fontsize() / 72 * 10 * PHONE / WIDE for text in page.texts]
    return found + [f"letters of {size:.1f} pixels" for size in pixels if size < 9]


def test_every_word_is_readable(lesson: str) -> None:
    assert faults(DRAWN[lesson]()) == []


@pytest.mark.parametrize(
    "draw, fault",
    [
        (lambda page: page.text(1, 5, "begins beyond the edge"), "cut off"),
        (lambda page: (page.text(20, 5, "one word"), page.text(22, 5.5, "another")), "overlap"),
        (lambda page: page.box(10, 2, 4, 4, "a long inscription"), "wider than its box"),
        (lambda page: page.text(20, 5, "tiny", size=7), "letters of 7.6 pixels"),
    ],
)
def test_a_word_that_is_not_readable_is_seen(draw: Any, fault: str) -> None:
    page = Canvas(10)
    draw(page)
    assert fault in "; ".join(faults(page))


def test_a_diagram_brings_its_letters_its_ground_and_its_words(lesson: str) -> None:
    """Catches: a font of the reader's machine, a transparent ground in a dark notebook, a picture without words."""
    svg = plots.draw_diagram(lesson)
    tree = ElementTree.fromstring(svg)
    space = {"": "http://www.w3.org/2000/svg"}
    assert not tree.findall(".//text", space) and "font" not in svg.replace("DejaVu", "")
    assert tree.attrib["width"] == str(SHOWN) and "max-width:100%" in tree.attrib["style"]
    ground = tree.find(".//g[@id='patch_1']/path", space)
    assert ground is not None and "fill: #ffffff" in ground.attrib["style"]
    words = plots.describe_diagram(lesson)
    assert tree.attrib["aria-label"] == tree.findtext("title", None, space) == words
    assert 100 < len(words) < 700 and "\n" not in words


def test_a_diagram_is_the_same_at_every_build(lesson: str) -> None:
    assert plots.draw_diagram(lesson) == plots.draw_diagram(lesson)


def test_shown_is_the_picture_with_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[dict[str, str], Any]] = []
    monkeypatch.setattr(
        "IPython.display.display", lambda data, metadata=None, raw=False: shown.append((data, metadata))
    )
    plots.diagram("05")
    ((data, about),) = shown
    words = plots.describe_diagram("05")
    assert data["image/svg+xml"].startswith("<svg") and data["text/plain"] == words
    assert about == {"image/svg+xml": {"alt": words}}
    closed = data["text/html"].replace('auto">', 'auto"/>')
    page = ElementTree.fromstring(f"<p>{closed}</p>")
    picture = page.find("img")
    assert picture is not None and picture.attrib["alt"] == words == "".join(page.itertext()).removeprefix(
        "This diagram in words"
    )
    assert "max-width: 100%" in picture.attrib["style"]
    kind, _, content = picture.attrib["src"].partition(",")
    assert kind == "data:image/svg+xml;base64" and base64.b64decode(content).decode() == data["image/svg+xml"]
    with pytest.raises(ValueError, match="'99' has no diagram; there are 01, 02"):
        plots.diagram("99")


def test_every_lesson_from_01_on_shows_its_own() -> None:
    for source in sorted((ROOT / "solutions").glob("[0-9][0-9]_*.py")):
        number = source.stem[:2]
        asked = re.findall(r'^lth\.plots\.diagram\("(\d\d)"\)$', source.read_text(encoding="utf-8"), re.M)
        assert asked == ([number] if number in DRAWN else []), source.name


def test_what_the_pictures_say_is_so() -> None:
    """The numbers in diagrams 01, 02, 04 and 11, computed."""
    a, b = [0.9, 0.8, 0.5, 0.6, 0.7, 1.0], [0.4, 0.1, 0.3, 0.2]
    least = sorted(a + b)[5]
    assert [sum(w >= least for w in layer) for layer in (a, b)] == [5, 0]
    assert {i for i in range(6) if a[i] >= sorted(a)[3]} == {0, 1, 5}
    assert {i for i in range(4) if b[i] >= sorted(b)[2]} == {0, 2}
    velocity = 0.9 * 0.5 + 0.3 * 0
    assert velocity == 0.45 and 0 - 0.1 * velocity == pytest.approx(-0.045)
    assert [round(100 * 0.8**r) for r in range(5)] == [100, 80, 64, 51, 41]
    rows = [[0.7, 0, 0], [0, -0.4, 0], [0, 0, 0], [0.2, 0.5, -0.9]]
    kept = [(j, w) for row in rows for j, w in enumerate(row) if w]
    assert [j for j, _ in kept] == [0, 1, 0, 1, 2] and [w for _, w in kept] == [0.7, -0.4, 0.2, 0.5, -0.9]
    assert [sum(w != 0 for row in rows[:r] for w in row) for r in range(5)] == [0, 1, 2, 2, 5]
