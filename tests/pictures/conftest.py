"""Pictures as a reader has them: in a headless Chromium, from a file, with nothing else to be had."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lthkit import pictures
from tests.browser.lab import ROOT, chromium

HEAD = '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'


def recorded_rows(name: str, table: str = "table.csv") -> list[dict[str, str]]:
    """The rows of a recorded run, read as text and not by lthkit."""
    with open(ROOT / "data" / "results" / name / table, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def minus(text: str) -> str:
    """Numbers as the pictures write them: a true minus, and no sign before a 0."""
    return re.sub(r"[+-](0(\.0*)?)(?![\d.])", r"\1", text).replace("-", "−")


def share(part: float, whole: float) -> str:
    """In percent, as the pictures write it: two digits, and whole numbers from 10 on; 100 is all."""
    if 0.99 * whole < part < whole:
        return f"{min(99.9, 100 * part / whole):.1f}"
    return f"{100 * part / whole:.0f}" if part >= whole / 10 else f"{100 * part / whole:.2g}"


class Seen:
    """An open picture. `problems` is what the page asked for outside, and what its console said."""

    def __init__(self, page: Any, place: Any) -> None:
        self.page, self.place = page, place
        self.problems: list[str] = []
        page.on("console", lambda message: self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._asked)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "about:")):
            self.problems.append(request.url)

    @property
    def said(self) -> str:
        return str(self.place.locator(".lp-said").inner_text()).replace("\u00a0", " ")

    @property
    def table(self) -> dict[str, dict[str, str]]:
        """What the small table says: the first cell of a row, then the head of a column."""
        head, *rows = self.place.locator(".lp-table tr").evaluate_all(
            "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
        )
        return {name: dict(zip(head[1:], cells, strict=True)) for name, *cells in rows}

    def control(self, label: str) -> Any:
        return self.place.get_by_label(label, exact=True)

    def press(self, label: str, *keys: str) -> str:
        """Focus a control and press keys; what the picture says afterwards."""
        control = self.control(label)
        control.focus()
        for key in keys:
            self.page.keyboard.press(key)
        return self.said

    def button(self, name: str) -> Any:
        return self.place.get_by_role("button", name=name)


@pytest.fixture(scope="module")  # not longer: the next file of the same process may start one of its own
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def see(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Seen]]:
    """Open a picture as a fragment of a page (`site`), or in a frame whose sandbox allows nothing but scripts."""
    opened: list[Seen] = []

    def open_(name: str, query: str = "", *, frame: bool = False, width: int = 800) -> Seen:
        inside = (
            pictures.frame(name).replace("<iframe ", '<iframe sandbox="allow-scripts" ')
            if frame
            else pictures.site(name)
        )
        path = tmp_path / f"{name}-{frame}.html"
        path.write_text(f"{HEAD}</head><body>{inside}</body></html>", encoding="utf-8")
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="light")
        page.set_default_timeout(20_000)
        seen = Seen(page, page.frame_locator("iframe") if frame else page)
        page.goto(f"{path.as_uri()}{query}")
        # A picture draws when it has a width, and a frame may get its own later than it runs its script.
        seen.place.locator(".lp-said:not(:empty)").wait_for()
        opened.append(seen)
        return seen

    yield open_
    for seen in opened:
        seen.page.close()
    assert [seen.problems for seen in opened if seen.problems] == []
