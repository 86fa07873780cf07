"""A picture as it leaves: a fragment for a page of the course, a page of its own, a frame in a notebook.

The script of a picture is `scripts/kit.js` and `scripts/NAME.js`, put into one classic inline script, since a browser runs no
module and fetches no file from a disk. Its data are the numbers of recorded runs, as JSON beside it.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from lthkit.machine.checks import did_you_mean
from lthkit.pictures import painter, rewinding, rounds, seeds, snip, starving
from lthkit.pictures.colours import looks, variables
from lthkit.pictures.texts import Texts

NO_SCRIPT = "This picture answers where scripts run."
MOST_BYTES = 200_000  # of a picture in a notebook, which is stored in both editions of a lesson


class Drawn(NamedTuple):
    """What makes a picture: its words, and its numbers. `address` is True for a page of the course, which may be given more."""

    texts: Texts
    data: Callable[[bool], dict[str, Any]]
    height: int  # of the frame, in pixels, until the picture says how high it is


DRAWN: dict[str, Drawn] = {
    "rounds": Drawn(rounds.TEXTS, rounds.data, 640),
    "seeds": Drawn(seeds.TEXTS, seeds.data, 720),
    "starving": Drawn(starving.TEXTS, starving.data, 760),
    "rewinding": Drawn(rewinding.TEXTS, rewinding.data, 880),
    "painter": Drawn(painter.TEXTS, painter.data, 620),
    "snip": Drawn(snip.TEXTS, snip.data, 560),
}
NAMES = tuple(DRAWN)


def site(name: str) -> str:
    """A picture as a fragment of HTML: a figure with its style, its data and its script. Its state stands in the address.

    The fragment needs nothing from outside and goes with the page's theme (`data-theme` of `html`, else the reader's system).

    Raises:
        ValueError: there is no such picture; the text lists those there are.
    """
    return _figure(name, address=True)


def page(name: str) -> str:
    """A picture as a page of its own, for the `srcdoc` of a frame: it touches neither history nor address.

    Raises:
        ValueError: there is no such picture.
    """
    title = html.escape(_drawn(name).texts.title)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><style>body{margin:0}body .lth-picture{margin:0;border-radius:0;max-width:none}</style>'
        f"<script>{_script('frame')}</script></head><body>{_figure(name, address=False)}</body></html>"
    )


def show(name: str) -> None:
    """Display a picture in a notebook, in a frame; put it above the figure that says the same standing still.

    A notebook that is not trusted leaves the frame out, and so do GitHub and a printout: they show the figure alone. What
    is stored are at most `MOST_BYTES` bytes.

    Args:
        name: one of `NAMES`, such as "rounds".

    Raises:
        ValueError: there is no such picture.
    """
    from IPython.display import display

    display(output(name), raw=True)


def output(name: str) -> dict[str, str]:
    """What `show` displays, by MIME type: the frame, and words for who has no pages."""
    texts = _drawn(name).texts
    return {"text/plain": f"{texts.title}: {texts.still}", "text/html": frame(name)}


def frame(name: str) -> str:
    """The frame that `show` puts into a notebook."""
    title = html.escape(_drawn(name).texts.title)
    return (
        f'<iframe data-picture="{name}" title="{title}" width="100%" height="{_drawn(name).height}" '
        f'style="border: 0; max-width: 780px" srcdoc="{html.escape(page(name))}"></iframe>'
    )


def _figure(name: str, *, address: bool) -> str:
    texts = _drawn(name).texts
    still = NO_SCRIPT if address else texts.still  # on a page of the course there need not be a figure below
    stored = {"address": address, "looks": looks(), "data": _drawn(name).data(address)}
    numbers = json.dumps(stored, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return (
        f'<figure class="lth-picture" data-picture="{name}" aria-label="{html.escape(texts.title)}">'
        f"<style>{variables()}{_script('style')}</style>"
        f'<p class="lp-title">{html.escape(texts.title)}</p><p class="lp-lead">{html.escape(texts.lead)}</p>'
        f'<div class="lp-body"><noscript>{html.escape(still)}</noscript></div>'
        f'<p class="lp-source">{html.escape(texts.source)}</p>'
        f'<script type="application/json">{numbers}</script><script>{script(name)}</script></figure>'
    )


def script(name: str) -> str:
    """The whole script of a picture, without its data."""
    return f'(function(){{"use strict";\n{_script("kit")}\n{_script(name)}\nstart(picture);}})();'


@cache
def _script(name: str) -> str:
    file = "picture.css" if name == "style" else f"{name}.js"
    return (files("lthkit.pictures") / "scripts" / file).read_text(encoding="utf-8")


def _drawn(name: str) -> Drawn:
    if name not in DRAWN:
        known = ", ".join(NAMES)
        raise ValueError(
            f"there is no picture {name!r}; there are: {known}.{did_you_mean(str(name), list(NAMES))}"
        )
    return DRAWN[name]
