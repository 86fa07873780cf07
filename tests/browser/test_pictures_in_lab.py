"""A picture that answers in JupyterLab: left out of a lesson that is not trusted, and alive in one that is."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.lab import ROOT, Lab, Notebook, until

SHOW = 'lth.pictures.show("rounds")'
FIGURE = "lth.plots.show(lth.plots.trade_off(rows"  # the figure that stands still, below it
LOOKS = "e => [getComputedStyle(e).backgroundColor, e.querySelector('.lp-stage svg').getBoundingClientRect().width, e.getBoundingClientRect().width]"
HEIGHTS = "e => [document.documentElement.scrollHeight, window.frameElement.clientHeight]"  # of what a frame holds, and its own
Shoot = Callable[[Any, str], None]


@pytest.fixture(scope="module")
def solved(new_page: Callable[..., Any], lab: Lab) -> Iterator[Notebook]:
    """The solved lesson 05 as it came with the course, open in a JupyterLab that has never seen it."""
    (lab.folder / "solved").mkdir()
    shutil.copy(ROOT / "solutions" / "05_winning_tickets.ipynb", lab.folder / "solved")
    page = new_page()
    notebook = Notebook(page, lab.address, "05_winning_tickets", folder="solved")
    yield notebook
    page.close()


def test_a_lesson_that_is_not_trusted_shows_the_figure_alone(solved: Notebook, shoot: Shoot) -> None:
    """Catches a picture that is needed to understand a lesson, and one whose place stays empty without a word."""
    assert not solved.script("return n.widgets[a].model.trusted", solved.find(SHOW))
    cell = solved.show(SHOW)
    assert cell.locator("iframe").count() == 0
    assert cell.bounding_box()["height"] < 150  # its source, and no hole
    figure = solved.show(FIGURE).locator("img").first
    figure.wait_for()
    assert figure.evaluate("e => e.complete && e.naturalWidth") > 500
    assert "ticket" in (figure.get_attribute("alt") or "")
    solved.show(SHOW)
    shoot(solved.page, "picture_not_trusted")


def test_a_lesson_that_is_trusted_shows_a_picture_that_answers(solved: Notebook, shoot: Shoot) -> None:
    """As high as it needs to be, in the colours of JupyterLab, and by keyboard."""
    page = solved.page
    solved.script("window.jupyterapp.commands.execute('notebook:trust')")
    page.locator(".jp-Dialog button", has_text="Trust").last.click()
    frame = solved.show(SHOW).locator("iframe")
    frame.wait_for()
    inside = frame.content_frame
    inside.get_by_role("button", name="Show the measurement").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    inside.locator(".lp-said", has_text="Round 16: ").wait_for()
    for theme, ground in (
        ("JupyterLab Dark", "rgb(28, 30, 34)"),
        ("JupyterLab Light", "rgb(255, 255, 255)"),
    ):
        solved.theme(theme)
        picture = solved.show(SHOW).locator("iframe").content_frame.locator(".lth-picture")
        picture.locator(".lp-stage svg").wait_for()
        given, drawn, wide = until(
            page, lambda picture=picture: picture.evaluate(LOOKS), lambda now: now[2] - 40 < now[1] < now[2]
        )
        assert given == ground
        assert wide - 40 < drawn < wide  # anew, although the theme changed while it was out of view
        assert picture.evaluate("e => e.getBoundingClientRect().width === innerWidth")  # no strip beside it
        shoot(page, f"picture_trusted_{theme.split()[1].lower()}")
    high, given = until(page, lambda: picture.evaluate(HEIGHTS), lambda now: abs(now[0] - now[1]) <= 2)
    assert abs(high - given) <= 2


@pytest.mark.parametrize("name", ["starving", "seeds", "rewinding", "painter"])
def test_a_picture_that_was_run_is_there(solved: Notebook, shoot: Shoot, name: str) -> None:
    """What a student sees who runs the cell: the whole picture, without a bar to scroll."""
    cell = solved.run(solved.append(f'import lthkit as lth\n\nlth.pictures.show("{name}")'))
    frame = cell.locator("iframe")
    frame.wait_for()
    inside = frame.content_frame
    inside.locator(".lp-said:not(:empty)").wait_for()
    picture = inside.locator(".lth-picture")
    high, given = until(solved.page, lambda: picture.evaluate(HEIGHTS), lambda now: abs(now[0] - now[1]) <= 2)
    assert abs(high - given) <= 2
    assert picture.evaluate("e => document.documentElement.scrollWidth <= innerWidth")
    shoot(solved.page, f"picture_run_{name}")
