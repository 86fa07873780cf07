"""The built site: every link leads somewhere, nothing comes from outside, and each page does what it must in a real browser."""

from __future__ import annotations

import csv
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from lthkit.site import build_site, server
from tests.browser.lab import chromium
from tests.browser.looks import pale
from tests.site.reading import Page, read

ROOT = Path(__file__).resolve().parents[2]
MOST_BYTES = 25_000_000
PATIENCE = 120_000  # milliseconds, on a busy machine too
WIDTHS = (1280, 375)
THEMES = ("light", "dark")
# Of each kind of page one, for what is alike on all of them.
KINDS = (
    *("index.html", "course.html", "glossary.html", "search.html", "lessons/05_winning_tickets.html"),
    *("lessons/07_snip.html", "reference/export.html", "source/lthkit/pruning/masks.html"),
)
SERIOUS = """async ([options, bad]) => (await axe.run(document, options)).violations.filter(v => bad.includes(v.impact))
    .map(v => v.id + ' ' + v.nodes.length + ': ' + v.nodes[0].target + ' ' + v.nodes[0].failureSummary.slice(0, 200))"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, float]]:
    """The site of this course, and how many seconds it took to build it."""
    for name in ("sphinx", "myst_nb", "pydata_sphinx_theme", "jupytext"):
        pytest.importorskip(name, reason='the site is built with: pip install -e ".[dev]"')
    course = tmp_path_factory.mktemp("built")
    started = time.perf_counter()
    build_site(ROOT, target=course / "site", report=lambda line: None)
    yield course / "site", time.perf_counter() - started


@pytest.fixture(scope="module")
def site(built: tuple[Path, float]) -> Path:
    return built[0]


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    return {path.relative_to(site).as_posix(): read(path) for path in sorted(site.rglob("*.html"))}


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with server(site.parent) as serving:
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_address[1]}/"
        serving.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


class Visit:
    """A page in a browser that reaches nothing but our server; `wrong` is what went wrong on the way."""

    def __init__(self, browser: Any, address: str, name: str, **settings: Any) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 900}, **settings)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.wrong: list[str] = []
        self.page.on(
            "console", lambda m: self.wrong.append(m.text) if m.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", self._seen)
        self.page.on(
            "response", lambda r: self.wrong.append(f"{r.status} {r.url}") if r.status >= 400 else None
        )
        self.own = address
        self.page.route(
            lambda url: not url.startswith((address, "data:", "blob:")), lambda route: route.abort()
        )
        self.page.goto(address + name)

    def _seen(self, request: Any) -> None:
        if not request.url.startswith((self.own, "data:", "blob:")):
            self.wrong.append(f"asks for {request.url}")

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *error: object) -> None:
        self.context.close()


def test_every_link_leads_to_a_page_and_to_a_place_on_it(pages: dict[str, Page], site: Path) -> None:
    """Catches: a page that was renamed, a section that was, a record that is linked and not copied."""
    broken = []
    for name, page in pages.items():
        for link in [*page.links, *page.loaded]:
            split = urlsplit(link)
            if split.scheme or split.netloc:
                continue
            path = (site / name).parent / unquote(split.path) if split.path else site / name
            other = path.resolve().relative_to(site.resolve()).as_posix()
            anchors = pages[other].names if other in pages else set()
            if not path.is_file() or (
                split.fragment and unquote(split.fragment) not in anchors | {split.fragment} & anchors
            ):
                broken.append(f"{name}: {link}")
    assert broken == []
    assert sum(len(page.links) for page in pages.values()) > 3000


def test_nothing_is_loaded_from_outside(pages: dict[str, Page], site: Path) -> None:
    """Catches: a script of MathJax or of widgets, a font, a badge."""
    found = [
        f"{n}: {at}" for n, page in pages.items() for at in page.loaded if re.match(r"(?:https?:)?//", at)
    ]
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        found += re.findall(r"(?:url\(|@import)[\s\"']*(?:https?:)?//[^)\s]*", text)
    assert found == []


def test_every_picture_has_words_and_no_name_is_given_twice(pages: dict[str, Page]) -> None:
    """Catches: MyST-NB's loss of the alt texts."""
    assert {name: page.wordless for name, page in pages.items() if page.wordless} == {}
    assert {name: page.doubled for name, page in pages.items() if page.doubled} == {}
    assert sum(link.endswith((".png", ".svg")) for page in pages.values() for link in page.loaded) > 70


def test_every_page_is_there(pages: dict[str, Page], site: Path) -> None:
    for solved in sorted((ROOT / "solutions").glob("*.ipynb")):
        page = pages[f"lessons/{solved.stem}.html"]
        for folder in ("notebooks", "solutions"):
            assert f"../files/{folder}/{solved.name}" in page.links, solved.name
            assert (site / "files" / folder / solved.name).stat().st_size > 2000
        assert not any("colab" in link for link in page.links)  # there is no address yet
    assert set(KINDS) <= set(pages)


def test_the_site_is_small_and_says_what_it_took(
    built: tuple[Path, float], address: str, browser: Any, record_property: Any
) -> None:
    """The table is shown at the end of the tests; of it, only the size is a rule."""
    site, seconds = built
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    script = sum(
        path.stat().st_size for path in site.glob("_static/*.js") if path.name in ("site.js", "colours.js")
    )
    lines = [
        f"site: {size / 1e6:.1f} MB (25 allowed), built in {seconds:.0f} s (180 wanted), own scripts {script / 1e3:.1f} KB"
    ]
    for name in ("index.html", "lessons/05_winning_tickets.html", "claims.html"):
        with Visit(browser, address, name) as visit:
            loaded = visit.page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
            scripts = visit.page.evaluate(
                "performance.getEntriesByType('resource').filter(r => r.initiatorType === 'script')"
                ".reduce((sum, r) => sum + r.decodedBodySize, 0)"
            )
            lines.append(
                f"  {name}: loaded in {loaded / 1000:.2f} s (1 wanted), scripts {scripts / 1e3:.1f} KB (60 wanted)"
            )
    record_property("reported", "\n".join(lines))
    assert size <= MOST_BYTES


def looked_at(browser: Any, address: str, name: str) -> list[str]:
    """What is wrong with a page: errors, requests, width in both themes and widths, contrast, what axe-core finds."""
    axe = pytest.importorskip("axe_playwright_python", reason='axe-core comes with: pip install -e ".[dev]"')
    script = Path(axe.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    found = []
    with Visit(browser, address, name, reduced_motion="reduce") as visit:
        page = visit.page
        page.add_style_tag(content=".copy { opacity: 1 !important; }")  # seen when it is pointed at
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            page.wait_for_function("t => document.documentElement.dataset.theme === t", arg=theme)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
                    found.append(f"{theme}, {width}: scrolls sideways, {wide} wide")
            if name not in KINDS:  # of the others axe-core looks at the contrast itself
                found += [f"{theme}: pale {text}" for text in pale(page.locator("body"))[:5]]
        page.evaluate(script)
        options: dict[str, Any] = {"preload": False, "resultTypes": ["violations"]}
        options["rules"] = {"color-contrast": {"enabled": name in KINDS}}
        found += page.evaluate(SERIOUS, [options, ["serious", "critical"]])
        if name in KINDS:
            page.emulate_media(color_scheme="light")
            options["runOnly"] = ["color-contrast"]
            found += page.evaluate(SERIOUS, [options, ["serious", "critical"]])
        found += visit.wrong
    return [f"{name}: {text}" for text in found]


def test_the_pages_in_a_browser(pages: dict[str, Page], address: str, browser: Any) -> None:
    """Every page but those of code, which are alike. Catches: an error, a request, what is too wide, pale, or not accessible."""
    names = [name for name in pages if not name.startswith("source/") or name in KINDS]
    assert len(names) > 40
    assert [text for name in names for text in looked_at(browser, address, name)] == []


def test_a_broken_page_is_seen(site: Path, address: str, browser: Any) -> None:
    """The look at a page can fail: an error, a request, a width, a picture, a pale text are planted."""
    (site / "planted.html").write_text(
        "<html data-theme=light><head><script>addEventListener('load', () => { new Image().src = 'http://192.0.2.1/x.png'; throw new"
        " Error('planted'); });matchMedia('(prefers-color-scheme: dark)').addEventListener('change', e =>"
        " document.documentElement.dataset.theme = e.matches ? 'dark' : 'light')</script></head><body><img src='favicon.png'>"
        "<p style='width: 2000px; color: #bbb'>pale</p></body></html>",
        encoding="utf-8",
    )
    try:
        found = "\n".join(looked_at(browser, address, "planted.html"))
    finally:
        (site / "planted.html").unlink()
    for part in ("planted", "asks for http://192.0.2.1", "scrolls sideways", "404", "image-alt", "pale"):
        assert part in found, found


def test_the_search_finds_words_and_exercises(pages: dict[str, Page], address: str, browser: Any) -> None:
    asked = {
        "05.3": ("Exercise 05.3", ".search-known"),
        "exercise 05.3": ("Exercise 05.3", ".search-known"),
        "05.q1": ("Question 05.Q1", ".search-known"),
        "perplexity": ("Glossary: perplexity", ".search-known"),
        "rewinding": ("06 · Rewinding", "#search-results"),
    }
    for words, (expected, where) in asked.items():
        with Visit(browser, address, f"search.html?q={words}") as visit:
            link = visit.page.locator(f"{where} li a", has_text=expected).first
            link.wait_for()
            path, _, anchor = (link.get_attribute("href") or "").partition("#")
            assert not anchor or anchor in pages[path].names
            assert visit.wrong == []


def test_what_is_folded_opens_by_keyboard(address: str, browser: Any) -> None:
    with Visit(browser, address, "lessons/05_winning_tickets.html") as visit:
        page = visit.page
        assert (
            page.locator("details.solution[open], details.hint[open], .question details[open]").count() == 0
        )
        assert page.locator("details.solution").count() == 4 and page.locator("details.hint").count() == 12
        first = page.locator("details.solution").first
        assert not first.locator("pre").is_visible()
        first.locator("summary").focus()
        page.keyboard.press("Enter")
        assert "torch.Generator" in first.locator("pre").inner_text()
        assert page.get_by_text("your code goes here").count() == 4  # the stubs, as a student has them
        option = page.locator(".question details").nth(2)
        option.locator("summary").focus()
        page.keyboard.press("Enter")
        assert option.locator("p").inner_text().startswith("Right. Both halves")


def test_colours_drawers_and_copying(address: str, browser: Any) -> None:
    with Visit(
        browser, address, "lessons/05_winning_tickets.html", permissions=["clipboard-read", "clipboard-write"]
    ) as visit:
        page = visit.page
        page.locator(".copy").nth(1).focus()  # the first is in the folded set-up
        page.keyboard.press("Enter")
        page.wait_for_function("document.querySelectorAll('.copy')[1].textContent === 'Copied'")
        assert "lthkit" in page.evaluate("navigator.clipboard.readText()")
        page.locator(".site-colours").select_option("dark")
        page.reload()
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        page.set_viewport_size({"width": 375, "height": 800})
        page.locator(".site-drawer").click()
        assert page.locator("dialog[open] .site-pages a", has_text="06 · Rewinding").is_visible()
        page.keyboard.press("Escape")
        assert page.locator("dialog[open]").count() == 0
        page.emulate_media(media="print")
        assert not page.locator(".site-header").is_visible()
        assert visit.wrong == []


def test_the_start_page_tells_it_shortly_and_by_the_record(address: str, browser: Any) -> None:
    """Catches: a number that was written by hand, and a figure that is only complete while it moves."""
    with (ROOT / "data/results/winning-ticket/table.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    def mean(arm: str, level: int) -> str:
        values = [
            100 * float(r["test_accuracy"]) for r in rows if r["arm"] == arm and int(r["round"]) == level
        ]
        assert len(values) == 3
        return f"{sum(values) / len(values):.1f}\u00a0%"

    with Visit(browser, address, "index.html", reduced_motion="reduce") as visit:
        text = visit.page.locator("article").inner_text()
        for number in (
            mean("dense", 0),
            mean("ticket", 15),
            mean("re-initialised", 15),
            mean("shuffled", 15),
            "3.6\u00a0%",
        ):
            assert number in text
        assert len(text.split()) < 200
        assert visit.page.locator("math").count() == 0
        assert visit.page.evaluate("document.getAnimations().length") == 0
        still = looks(visit.page)
        assert (
            visit.page.locator("a", has_text="lesson 00").get_attribute("href")
            == "lessons/00_start_here.html"
        )
    with Visit(browser, address, "index.html", reduced_motion="no-preference") as visit:
        assert visit.page.evaluate("document.getAnimations().length") > 20
        visit.page.evaluate("document.getAnimations().forEach(a => a.finish())")
        assert looks(visit.page) == still
        visit.page.locator(".story-again").click()
        assert visit.page.evaluate("document.getAnimations().some(a => a.playState === 'running')")


def looks(page: Any) -> list[Any]:
    """How each line and group of the figure looks now."""
    return list(
        page.evaluate(
            "[...document.querySelectorAll('.story line, .story .row')].map(e => { const s = getComputedStyle(e);"
            " return [s.opacity, s.stroke, s.strokeWidth, s.transform.replace('matrix(1, 0, 0, 1, 0, 0)', 'none')]; })"
        )
    )
