"""Every picture: of a size that a notebook and a page can bear, in both themes, narrow, by keyboard, in a sandbox, alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from lthkit import pictures
from lthkit.pictures.colours import DARK, DARK_GROUND, looks
from lthkit.pictures.showing import DRAWN, script
from lthkit.plots import LOOKS
from tests.pictures.conftest import Seen

SCRIPT_BYTES = 60_000
See = Callable[..., Seen]
# What has the longest words in the drawing, and the words that a drawing cuts.
WIDE = {
    "seeds": ("?seeds.pair=nothing", "?seeds.pair=shuffled+-+re-initialised"),
    "rewinding": ("", "?rewinding.from=foreign&rewinding.k=3", "?rewinding.k=6"),
}
CUT = """[...document.querySelectorAll('.lth-picture svg text')].filter(text => {
  const own = text.getBoundingClientRect(), all = text.ownerSVGElement.getBoundingClientRect();
  return text.textContent && (own.left < all.left - 1 || own.right > all.right + 1);
}).map(text => text.textContent)"""
every = pytest.mark.parametrize("name", pictures.NAMES)


@every
def test_a_picture_has_the_size_that_it_may_have(name: str) -> None:
    assert len(pictures.frame(name).encode()) <= pictures.MOST_BYTES
    assert len(script(name).encode()) <= SCRIPT_BYTES


@every
def test_a_picture_needs_nothing_from_outside(name: str) -> None:
    """Catches an address that is fetched, a module, and data that end the script they stand in."""
    for text in (pictures.site(name), pictures.page(name)):
        outside = re.findall(r"https?://[^\"'\s)]+", text)
        assert set(outside) <= {"http://www.w3.org/2000/svg"}
        assert 'type="module"' not in text and "import(" not in text and "fetch(" not in text
        assert text.count("</script>") == text.count("<script")
    assert "replaceState" in pictures.site(name)
    stored = re.search(r'<script type="application/json">(.*?)</script>', pictures.page(name))
    assert stored and json.loads(stored[1])["address"] is False


def test_a_name_that_is_not_there_is_refused() -> None:
    for ask in (pictures.site, pictures.page, pictures.frame, pictures.show):
        with pytest.raises(ValueError, match="there is no picture 'round'; there are: rounds.*Did you mean"):
            ask("round")


def test_a_notebook_is_given_the_frame_and_words_for_who_has_no_pages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[tuple[dict[str, str], bool]] = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: given.append((data, raw)))
    pictures.show("seeds")
    words = f"How many seeds: {DRAWN['seeds'].texts.still}"
    assert given == [({"text/plain": words, "text/html": pictures.frame("seeds")}, True)]


def test_a_notebook_that_is_not_trusted_is_left_with_words() -> None:
    """Catches an output whose HTML says something beside the frame, which would stay where the frame is taken out."""

    class Tags(HTMLParser):
        found: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found.append(tag)

        def handle_data(self, data: str) -> None:
            assert not data.strip()

    for name in pictures.NAMES:
        parser = Tags()
        parser.found = []
        parser.feed(pictures.frame(name))
        assert parser.found == ["iframe"]
        assert "figure below" in DRAWN[name].texts.still and "figure below" in pictures.page(name)
        # On a page of the course a picture may stand where no figure follows.
        assert "figure below" not in pictures.site(name) and "<noscript>" in pictures.site(name)


def contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    a, b = sorted((light(one), light(other)), reverse=True)
    return (a + 0.05) / (b + 0.05)


def test_the_colours_of_the_dark_theme_can_be_seen() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    for colour in DARK.values():
        assert contrast(colour, DARK_GROUND["paper"]) >= 4.5
    for name in ("ink", "quiet", "wrong"):
        assert contrast(DARK_GROUND[name], DARK_GROUND["paper"]) >= 4.5
        assert contrast(DARK_GROUND[name], DARK_GROUND["field"]) >= 4.5
    assert len({(look["marker"], look["dash"]) for arm, look in looks().items() if arm in LOOKS}) == len(
        LOOKS
    )


@every
def test_a_page_says_light_or_dark_and_else_the_system(name: str, see: See) -> None:
    """The theme of the page goes before that of the system, also when it changes while the picture is open."""
    page = see(name).page
    white, black = "rgb(255, 255, 255)", "rgb(28, 30, 34)"
    for system, own, expected in (
        ("light", "", white),
        ("dark", "", black),
        ("dark", "light", white),
        ("light", "dark", black),
    ):
        page.emulate_media(color_scheme=system)
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", own)
        ground = page.locator(".lth-picture").evaluate("e => getComputedStyle(e).backgroundColor")
        assert ground == expected, (system, own)


@every
def test_a_picture_fits_a_narrow_page_and_each_input_has_a_name(name: str, see: See) -> None:
    """Catches a row that is wider than a telephone, a control that a screen reader calls nothing, a mouse-only control."""
    seen = see(name, width=375)
    assert seen.page.evaluate("document.documentElement.scrollWidth") == 375
    unnamed = seen.page.evaluate(
        "[...document.querySelectorAll('.lth-picture input')].filter(i => !i.labels.length || !i.labels[0].textContent.trim()).length"
    )
    assert unnamed == 0 and seen.page.locator(".lp-said[aria-live=polite]").count() == 1
    drawn = seen.page.locator(".lp-stage svg, .lp-stage canvas")
    assert drawn.count() and all(drawn.nth(i).get_attribute("aria-label") for i in range(drawn.count()))
    assert (
        seen.page.evaluate(
            "document.querySelectorAll('.lth-picture [onclick], .lth-picture [tabindex]').length"
        )
        == 0
    )
    for query in WIDE.get(name, ("",)):
        own = see(name, query, width=375).page
        assert own.evaluate(CUT) == [], query
    small = seen.page.evaluate(
        "Math.min(...[...document.querySelectorAll('.lth-picture svg text')].filter(t => t.textContent).map(t => t.getBoundingClientRect().height))"
    )
    assert small >= 11


# Text of a drawing that is cut at its edge, or lies on another text, more than a letter's rim.
_CUT = """() => [...document.querySelectorAll('.lp-stage svg')].flatMap(svg => {
    const edge = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll('text')].filter(t => t.textContent.trim()).map(t => [t.textContent, t.getBoundingClientRect()]);
    const cut = texts.filter(([, r]) => r.left < edge.left - 1 || r.right > edge.right + 1 || r.top < edge.top - 2 || r.bottom > edge.bottom + 2);
    const over = texts.filter(([, a], i) => texts.some(([, b], k) => k > i && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4));
    return [...cut.map(([t]) => 'cut: ' + t), ...over.map(([t]) => 'under another: ' + t)];
})"""


@every
def test_no_text_of_a_drawing_is_cut_or_lies_on_another(name: str, see: See) -> None:
    """Wherever the sliders stand: at their ends, in the middle, and with each of the radio buttons."""
    seen = see(name, width=345)
    if name == "rounds":
        seen.button("Show the measurement").click()
        seen.press("one-shot", "Space")
    found = set(seen.page.evaluate(_CUT))
    radios = seen.page.locator(".lth-picture input[type=radio]:visible")
    for i in range(radios.count()):
        radios.nth(i).check()
        found |= set(seen.page.evaluate(_CUT))
    for slider in seen.page.locator(".lth-picture input[type=range]:visible:enabled").all():
        for key in ("Home", *["ArrowRight"] * 5, "End"):
            slider.press(key)
            found |= set(seen.page.evaluate(_CUT))
    assert found == set()


@every
def test_a_frame_that_may_do_nothing_but_run_scripts_says_what_a_page_says(name: str, see: See) -> None:
    """Catches history and address, which raise inside `srcdoc`. What a page computes itself it says last."""
    on_page = see(name).said.partition("\nComputed here")[0]
    in_frame = see(name, frame=True).said
    assert on_page == in_frame
