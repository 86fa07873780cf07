"""What stands on a built page, read without a browser: names, links, what is loaded, pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

LOADED = dict.fromkeys(
    ("img", "script", "iframe", "source", "video", "audio", "embed", "input", "track"), "src"
)
LOADED["object"] = "data"
SILENT = ("script", "style", "pre", "code")  # what stands in them is no prose


@dataclass
class Page(HTMLParser):
    """A page of the site. names: what a link may lead to; links: of `<a>`; loaded: what the browser fetches by itself.

    prose: its text without code; pictures: names of those that answer; wordless: images without words.
    """

    names: set[str] = field(default_factory=set)
    doubled: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    wordless: list[str] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    formulas: int = 0
    _silent: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if name := given.get("id"):
            if name in self.names:
                self.doubled.append(name)
            self.names.add(name)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and "href" in given:
            self.loaded.append(given["href"])
        self.loaded += [one.split()[0] for one in given.get("srcset", "").split(",") if one.strip()]
        if tag in LOADED and given.get(LOADED[tag]):
            self.loaded.append(given[LOADED[tag]])
        if tag == "img" and not given.get("alt", "").strip():
            self.wordless.append(given.get("src", "")[:80])
        if tag == "svg" and given.get("role") == "img" and not given.get("aria-label", "").strip():
            self.wordless.append(str(given)[:80])
        if tag == "figure" and "data-picture" in given:
            self.pictures.append(given["data-picture"])
        self.formulas += tag == "math"
        self._silent += tag in SILENT

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in SILENT

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.prose.append(data)


def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page
