"""The built site: every link leads somewhere, nothing comes from outside, and each page does what it must in a real browser."""

from __future__ import annotations

import csv
import re
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from lthkit import pictures
from lthkit.site import build_site, server
from tests.browser.lab import chromium
from tests.browser.looks import pale
from tests.site.reading import Page, read

ROOT = Path(__file__).resolve().parents[2]
MOST_BYTES = 25_000_000
PATIENCE = 120_000  # milliseconds, on a busy machine too
WIDTHS = (1280, 375)
# Of each kind of page one, for what is alike on all of them.
KINDS = (
    *("index.html", "course.html", "glossary.html", "search.html", "lessons/05_winning_tickets.html"),
    *("lessons/07_snip.html", "reference/export.html", "source/lthkit/pruning/masks.html"),
)
# The theme scrolls the article by itself where it is too wide, and then the page is not.
SIDEWAYS = """() => [document.documentElement, ...document.querySelectorAll('main, article, .bd-article-container')]
    .filter(e => e.scrollWidth > e.clientWidth).map(e => e.tagName + ' ' + e.className + ' ' + e.scrollWidth).join(', ')"""
# Of code, each kind of word once in each place: what axe-core does takes as long as a page has elements.
SLIM = """() => { const seen = new Set();
    for (const pre of document.querySelectorAll('pre')) {
        let place = '';
        for (let p = pre; p; p = p.parentElement) place += p.getAttribute('class') + ' in ';
        for (const word of pre.querySelectorAll('span[class]:not([id]):not(:has(*))'))
        {   // axe-core does not judge a single letter
            const look = [word.textContent.trim().length > 1, word.className, place].join(' ');
            if (seen.size === seen.add(look).size) word.replaceWith(word.textContent);
        }
        pre.normalize();
    } }"""
# The pictures that answer, by lesson.
PICTURES = (
    *(("01", "painter"), ("02", "painter"), ("04", "rounds"), ("05", "rounds")),
    *(("06", "rewinding"), ("07", "snip"), ("08", "starving"), ("13", "seeds")),
)
# What scrolls sideways and cannot be reached with the keyboard, once the page has settled.
OUT_OF_REACH = """async () => { await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    return [...document.querySelectorAll('pre, .lth-table, .figure-wide, .formula')].filter(e => e.scrollWidth > e.clientWidth + 1
        && getComputedStyle(e).overflowX !== 'visible' && e.tabIndex !== 0).map(e => e.textContent.slice(0, 60)).slice(0, 5); }"""
# contrast: false, true, or "only". Rules whose findings are not serious are left out.
SERIOUS = """async contrast => {
    const bad = ['serious', 'critical'], options = {preload: false, resultTypes: ['violations'], rules: {}};
    for (const rule of axe._audit.rules) if (!bad.includes(rule.impact)) options.rules[rule.id] = {enabled: false};
    options.rules['color-contrast'] = {enabled: !!contrast};
    if (contrast === 'only') options.runOnly = ['color-contrast'];
    return (await axe.run(document, options)).violations.filter(v => bad.includes(v.impact))
        .map(v => v.id + ' ' + v.nodes.length + ': ' + v.nodes[0].target + ' ' + v.nodes[0].failureSummary.slice(0, 200)); }"""


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
    """Pages in a browser that reaches nothing but our server; `wrong` is what went wrong on the way."""

    def __init__(self, browser: Any, address: str, name: str = "", **settings: Any) -> None:
        # What is asked for elsewhere goes to a proxy that is not there. To stop it here, request by request, takes longer.
        nowhere = {"server": "http://127.0.0.1:9", "bypass": "127.0.0.1"}
        self.context = browser.new_context(viewport={"width": 1280, "height": 900}, proxy=nowhere, **settings)
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
        if name:
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


def test_every_formula_is_one(pages: dict[str, Page]) -> None:
    """Catches: a formula that is left as TeX, in a text or in a docstring. A name such as $LTHKIT_RUNS is none."""
    left = re.compile(r".{0,40}(?:\\[A-Za-z([]|\$(?![A-Z]+_)).{0,40}")
    assert {name: found for name, page in pages.items() if (found := left.findall("".join(page.prose)))} == {}
    assert sum(page.formulas for page in pages.values()) > 10


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


class Looks:
    """Looks at pages, one after the other in one context: what they share is fetched and compiled once."""

    def __init__(self, browser: Any, address: str) -> None:
        axe = pytest.importorskip(
            "axe_playwright_python", reason='axe-core comes with: pip install -e ".[dev]"'
        )
        self.visit = Visit(browser, address, reduced_motion="reduce")
        self.visit.context.add_init_script(path=Path(axe.__file__).with_name("axe.min.js"))

    def at(self, name: str, *, contrast: bool) -> list[str]:
        """What is wrong with a page: errors, requests, width in both themes and widths, contrast, what axe-core finds.

        What is folded is opened first. contrast: whether axe-core looks at it too, which takes it longer than all the rest.
        """
        page, found = self.visit.page, []
        self.visit.wrong.clear()
        page.goto("about:blank")  # else the page of before is laid out anew
        page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        page.emulate_media(color_scheme="light")
        page.goto(self.visit.own + name)
        page.add_style_tag(content=".copy { opacity: 1 !important; }")  # seen when it is pointed at
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        for width, theme in ((1280, "light"), (1280, "dark"), (375, "dark"), (375, "light")):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=theme)
            page.wait_for_function("t => document.documentElement.dataset.theme === t", arg=theme)
            if wide := page.evaluate(SIDEWAYS):
                found.append(f"{theme}, {width}: scrolls sideways, {wide}")
            found += [f"{theme}, {width}: no key scrolls {text!r}" for text in page.evaluate(OUT_OF_REACH)]
            if width == WIDTHS[-1]:
                found += [f"{theme}: pale {text}" for text in pale(page.locator("body"))[:5]]
        page.evaluate(SLIM)
        page.evaluate("dispatchEvent(new Event('resize'))")  # code without its words breaks elsewhere
        found += page.evaluate(SERIOUS, contrast)
        if contrast:
            page.emulate_media(color_scheme="dark")
            page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
            found += page.evaluate(SERIOUS, "only")
        return [f"{name}: {text}" for text in found + self.visit.wrong]


@pytest.fixture(scope="module")
def looks(browser: Any, address: str) -> Iterator[Looks]:
    made = Looks(browser, address)
    yield made
    made.visit.context.close()


def test_the_pages_in_a_browser(pages: dict[str, Page], looks: Looks) -> None:
    """Every page but those of code, which are alike. Catches: an error, a request, what is too wide, pale, or not accessible."""
    names = [name for name in pages if not name.startswith("source/") or name in KINDS]
    assert len(names) > 40
    assert [text for name in names for text in looks.at(name, contrast=name in KINDS)] == []


def test_a_broken_page_is_seen(site: Path, looks: Looks) -> None:
    """The look at a page can fail: an error, a request, a width, a picture, a pale text are planted."""
    (site / "planted.html").write_text(
        "<html data-theme=light><head><script>addEventListener('load', () => { new Image().src = 'http://192.0.2.1/x.png'; throw new"
        " Error('planted'); });matchMedia('(prefers-color-scheme: dark)').addEventListener('change', e =>"
        " document.documentElement.dataset.theme = e.matches ? 'dark' : 'light')</script></head><body><img src='favicon.png'>"
        "<p style='width: 2000px; color: #bbb'>pale</p></body></html>",
        encoding="utf-8",
    )
    try:
        found = "\n".join(looks.at("planted.html", contrast=True))
    finally:
        (site / "planted.html").unlink()
    for part in ("planted", "asks for http://192.0.2.1", "scrolls sideways", "404", "image-alt", "pale"):
        assert part in found, found


def test_a_comment_is_not_read_as_code(address: str, browser: Any) -> None:
    """Catches: the end of a comment in the next line at the left, where the code is, without its sign."""
    with Visit(browser, address, "reference/pruning.html") as visit:
        visit.page.set_viewport_size({"width": 375, "height": 900})
        behind = visit.page.locator(".highlight .c1:not(.own-line)", has_text="others stay whole")
        assert behind.evaluate("e => e.getClientRects().length") == 1
        visit.page.goto(address + "lessons/02_masks.html")
        alone = visit.page.locator(".highlight .c1.own-line")
        longest = alone.nth(max(range(alone.count()), key=lambda i: len(alone.nth(i).text_content())))
        high, line, indent = longest.evaluate(
            "e => [e.offsetHeight, parseFloat(getComputedStyle(e).lineHeight), parseFloat(getComputedStyle(e).textIndent)]"
        )
        assert high > 1.5 * line and indent < -5


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


def test_what_the_search_shows_of_a_page_is_read_as_on_the_page(address: str, browser: Any) -> None:
    """Catches cells of a table that stick together, and the contents of a page in place of its text."""
    with Visit(browser, address, "search.html?q=synflow") as visit:
        shown = {}
        for name in ("course.html", "lessons/13_experiment_design.html", "claims.html"):
            found = visit.page.locator("#search-results li", has=visit.page.locator(f"a[href^='{name}']"))
            shown[name] = found.first.locator(".context").inner_text()
        for name, text in shown.items():
            visit.page.goto(address + name)
            there = visit.page.locator("main").inner_text().split()
            assert "On this page" not in text
            assert [word for word in text.split()[1:-1] if word not in there] == [], (name, text)


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
        first.locator("pre", has_text="torch.Generator").locator("visible=true").wait_for()
        assert page.get_by_text("your code goes here").count() == 4  # the stubs, as a student has them
        options = page.locator(".question details")
        for i in range(options.count()):  # each of each question
            assert not options.nth(i).locator("p").is_visible()
            options.nth(i).locator("summary").focus()
            page.keyboard.press("Enter")
            options.nth(i).locator("p").locator("visible=true").wait_for()
        assert options.nth(2).locator("p").inner_text().startswith("Right. Both halves")


@pytest.mark.parametrize(("number", "name"), PICTURES)
def test_each_picture_answers_the_keyboard_on_its_page(
    number: str, name: str, pages: dict[str, Page], address: str, browser: Any
) -> None:
    """Catches: a picture that is on no page, and one whose script another one's, or the page's own, has stopped."""
    (place,) = [place for place in pages if place.startswith(f"lessons/{number}_")]
    with Visit(browser, address, place) as visit:
        figure = visit.page.locator(f'figure.lth-picture[data-picture="{name}"]')
        said = figure.locator(".lp-said")
        if (
            hidden := figure.get_by_role("button", name="Show the measurement")
        ).count():  # a prediction first
            hidden.focus()
            visit.page.keyboard.press("Enter")
        before = said.inner_text()
        figure.locator("input[type=range]").first.focus()
        visit.page.keyboard.press("ArrowRight")
        visit.page.wait_for_function(
            "([e, text]) => e.innerText !== text", arg=[said.element_handle(), before]
        )
        assert said.is_visible() and re.search(r"\d", said.inner_text())
        assert visit.wrong == []


def test_no_other_page_has_a_picture(pages: dict[str, Page]) -> None:
    """Catches: a picture that nobody tries, and one that no page shows."""
    found = {
        (place.removeprefix("lessons/")[:2], name) for place, page in pages.items() for name in page.pictures
    }
    assert found == set(PICTURES) and {name for _, name in found} == set(pictures.NAMES)


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

    def accuracies(arm: str, level: int) -> list[float]:
        values = {
            r["seed"]: 100 * float(r["test_accuracy"])
            for r in rows
            if r["arm"] == arm and int(r["round"]) == level
        }
        assert len(values) == 3
        return [values[seed] for seed in sorted(values)]

    def minus(arm: str, level: int) -> str:
        """The ticket minus an arm, seed by seed, with the interval of Student's t for 3 of them."""
        pairs = zip(accuracies("ticket", 15), accuracies(arm, level), strict=True)
        differences = [a - b for a, b in pairs]
        mean, half = statistics.mean(differences), 4.3027 * statistics.stdev(differences) / 3**0.5
        three = [f"{value:+.1f}".replace("-", "\u2212") for value in (mean, mean - half, mean + half)]
        return f"{three[0]}\u00a0[{three[1]},\u00a0{three[2]}]"

    arms = {"large network": ("dense", 0), "ticket": ("ticket", 15)}
    arms |= {"new values": ("re-initialised", 15), "other places": ("shuffled", 15)}
    means = {name: f"{statistics.mean(accuracies(*arm)):.1f}" for name, arm in arms.items()}
    with Visit(browser, address, "index.html", reduced_motion="reduce") as visit:
        text = visit.page.locator("article").inner_text()
        told = [f"{mean}\u00a0%" for mean in means.values()] + ["3.6\u00a0%", "trained from 3 random"]
        told += [f"new values: {minus('re-initialised', 15)}", f"network: {minus('dense', 0)}"]
        assert [number for number in told if number not in text] == []
        words = visit.page.locator(".story-chart").get_attribute("aria-label")
        assert "; ".join(f"{name}: {mean} %" for name, mean in means.items()) in words
        assert len(text.split()) < 200
        assert visit.page.locator("math").count() == 0
        assert visit.page.evaluate("document.getAnimations().length") == 0
        still = drawn(visit.page)
        assert (
            visit.page.locator("a", has_text="lesson 00").get_attribute("href")
            == "lessons/00_start_here.html"
        )
    with Visit(browser, address, "index.html", reduced_motion="no-preference") as visit:
        assert visit.page.evaluate("document.getAnimations().length") > 20
        visit.page.evaluate("document.getAnimations().forEach(a => a.finish())")
        assert drawn(visit.page) == still
        visit.page.locator(".story-again").click()
        assert visit.page.evaluate("document.getAnimations().some(a => a.playState === 'running')")


def drawn(page: Any) -> list[Any]:
    """How each line and group of the figure looks now."""
    return list(
        page.evaluate(
            "[...document.querySelectorAll('.story line, .story .row')].map(e => { const s = getComputedStyle(e);"
            " return [s.opacity, s.stroke, s.strokeWidth, s.transform.replace('matrix(1, 0, 0, 1, 0, 0)', 'none')]; })"
        )
    )
