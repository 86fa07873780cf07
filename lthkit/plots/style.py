"""The one style of all figures: looks that differ by marker and dash as well as colour, axes, saving and showing.

The palette is Okabe and Ito's, darkened where a line had less than three times the contrast of its white ground. Every
figure brings that ground with it, so it reads in a dark theme as in a light one. A figure leaves only with a text
alternative: `save` and `show` ask for it.
"""

from __future__ import annotations

import base64
import html
import io
import math
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from lthkit.evidence import Interval
from lthkit.plots.dashes import LOOKS as LOOKS
from lthkit.plots.dashes import SERIES as SERIES
from lthkit.plots.dashes import Look as Look
from lthkit.plots.letters import lettered
from lthkit.storage import files

INK, PAPER, PALE, QUIET = "#222222", "white", "#e4e4e4", "#555555"

STYLE: Any = {
    "font.size": 11,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "savefig.transparent": False,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.formatter.useoffset": False,
    "grid.color": PALE,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.hashsalt": "lthkit",
    "svg.fonttype": "none",
}


# On a telephone, 390 pixels wide, a picture has 344 of them: an inch has 64, and small print of 9.5 points 8.4.
WIDTH, HEIGHT, DPI = 5.4, 3.6, 200
PIXELS = 100  # that an inch takes on a page
TITLE, LEGEND, SMALL = 12, 10.5, 9.5


def save(figure: Figure, path: Path | str, *, alt: str) -> list[Path]:
    """Write `path`.png and `path`.svg, with `alt` stored inside both as their description.

    Raises:
        ValueError: `alt` is empty; a reader who cannot see the figure would get nothing.
    """
    _require(alt)
    written = []
    for kind in ("png", "svg"):
        target = Path(f"{path}.{kind}")
        written.append(files.write_bytes(target, _render(figure, kind, alt)))
    return written


def show(figure: Figure, *, alt: str) -> None:
    """Display the figure, its text alternative as the picture's `alt`, and folded under it the same in words.

    The picture is there twice: as HTML, since neither JupyterLab nor nbconvert takes an `alt` from the metadata of a
    picture, and as a picture with `alt` in its metadata for whoever reads no HTML, such as a printed notebook. Seen in
    JupyterLab and in nbconvert's HTML; untested on GitHub and on Colab.

    Raises:
        ValueError: `alt` is empty; a reader who cannot see the figure would get nothing.
    """
    from IPython.display import display

    _require(alt)
    picture = base64.b64encode(_few_colours(_render(figure, "png", alt), alt)).decode("ascii")
    bundle, about = with_words(picture, round(figure.get_figwidth() * PIXELS), alt)
    display(bundle, metadata=about, raw=True)


def with_words(picture: str, width: int, alt: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a notebook shows and keeps of a PNG in base64: the picture with its `alt`, and the same words folded under it.

    width: on the screen, in pixels. Returned are the forms by type, and what is said about them: IPython's MIME bundle.
    """
    words = html.escape(alt)
    page = (
        f'<img src="data:image/png;base64,{picture}" width="{width}" alt="{words}" style="max-width: 100%; height: auto">'
        f"<details><summary>This figure in words</summary>{words}</details>"
    )
    about = {"image/png": {"width": width, "alt": alt}}
    return {"text/plain": alt, "text/html": page, "image/png": picture}, about


def measured(
    ax: Axes,
    places: Sequence[float],
    bands: Sequence[Interval],
    look: Look,
    *,
    across: bool = False,
    seeds: bool = True,
    **more: Any,
) -> None:
    """Draw means, each with its interval, or with its seeds as small dots where no interval is to be shown.

    `Interval.shown` decides. `across` has values on the x axis; `seeds=False` is for figures that draw all seeds anyway.
    """
    lacking = [(p, b) for p, b in zip(places, bands, strict=True) if not b.shown]
    for place, band in lacking if seeds else []:
        dots = [list(band.values), [place] * len(band.values)]
        ends = [[min(band.values), max(band.values)], [place] * 2] if band.values else [[], []]
        ax.plot(*(ends if across else ends[::-1]), color=look.color, linewidth=0.8)
        ax.plot(*(dots if across else dots[::-1]), ".", color=look.color, markersize=5)
    means = [b.mean for b in bands]
    halves = [bar(b) for b in bands] if any(b.shown for b in bands) else None
    marks: dict[str, Any] = {"linestyle": "none", "markersize": 6, "capsize": 3} | more
    if across:
        ax.errorbar(means, places, xerr=halves, color=look.color, marker=look.marker, **marks)
    else:
        ax.errorbar(places, means, yerr=halves, color=look.color, marker=look.marker, **marks)


def bands_in_words(bands: Iterable[Interval], *, seeds: str = "small dots: its seeds") -> str:
    """What stands round the means of a figure, for its legend or caption; says why where no interval is shown."""
    bands = list(bands)
    lacking = [band for band in bands if not band.shown]
    if not lacking:
        return "mean, 95 % interval"
    reasons = ["too few for an interval"] * any(not b.enough for b in lacking)
    reasons += ["an interval would reach beyond what can be"] * any(
        b.enough and not b.possible for b in lacking
    )
    reasons += ["no spread, so no interval"] * any(b.enough and b.unspread for b in lacking)
    what = "mean" if len(lacking) == len(bands) else "mean, 95 % interval"
    return f"{what}; {seeds} ({' or '.join(reasons)})"


def bar(band: Interval) -> float:
    """Half the interval as it is drawn; where it is not to be shown it has none, and no bar is drawn for it."""
    return band.half if band.shown else 0.0


def density_axis(ax: Axes, densities: Sequence[float]) -> None:
    """Make x the axis of every curve here: weights remaining in percent, logarithmic, falling from left to right."""
    ax.set_xscale("log")
    ax.set_xlim(max(densities) * 1.08, min(densities) / 1.25)
    candidates = [100, 50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05]
    ticks = [t for t in candidates if min(densities) / 1.25 <= t <= max(densities) * 1.08]
    if len(ticks) < 3:
        ticks = list(densities)
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    ax.set_xlabel("weights remaining (%), logarithmic")


def new_figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    return figure, figure.subplots()


def finish(figure: Figure, ax: Axes, title: str, stamp: str, *, lines: bool = True) -> None:
    """Title, small print and legend. The legend has the order of the lines at their right end; `lines` is False for
    figures whose marks stand below one another."""
    legend(figure, ax, lines=lines)
    head = wrapped(title, 44)
    words = [ax.set_title(head, loc="left", fontsize=TITLE), ax.xaxis.label]
    figure.set_dpi(DPI)  # measured as it will be saved: text does not scale exactly
    figure.draw_without_rendering()
    for text in words:
        _inside(figure, text)
    head = words[0].get_text()
    if stamp:
        small = ax.text(0, 1.02, stamp, transform=ax.transAxes, fontsize=SMALL, color=QUIET, va="bottom")
        stamp = lettered(small).get_text()
        small.set_in_layout(False)  # it may be wider than the axes, and must not narrow them
        figure.draw_without_rendering()  # now the axes have their place, so the room to their right is known
        width = len(stamp)
        while small.get_window_extent().x1 > 0.98 * figure.bbox.x1 and width > 20:
            width -= 2
            small.set_text("\n".join(textwrap.wrap(stamp, width, break_on_hyphens=False)))
        rows = small.get_text().count("\n") + 1
        ax.set_title(head, loc="left", fontsize=TITLE, pad=8 + 1.25 * SMALL * rows)
        figure.set_figheight(figure.get_figheight() + 1.25 * SMALL * rows / 72)


def _inside(figure: Figure, text: Text) -> None:
    """Break a title or a label of a drawn figure until no line is cut at an edge; the figure grows by what is broken.

    A mark in the middle of a narrow axes has its ends nearer to the edges than its words are long.
    """
    words, before = text.get_text(), text.get_text().count("\n")
    width = max(map(len, words.split("\n")), default=0)
    while width > 12 and not (
        figure.bbox.x0 <= (box := text.get_window_extent()).x0 and box.x1 <= figure.bbox.x1
    ):
        width -= 2
        text.set_text(wrapped(words, width))
    more = text.get_text().count("\n") - before
    figure.set_figheight(figure.get_figheight() + 1.25 * float(text.get_fontsize()) * more / 72)


def legend(figure: Figure, ax: Axes, *more: Axes, lines: bool = True) -> None:
    """A legend below, one entry a row, for which the figure grows; the order is that of the lines at their right end."""
    handles, labels = ax.get_legend_handles_labels()
    for other in more:
        found = other.get_legend_handles_labels()
        handles, labels = handles + found[0], labels + found[1]
    if not handles:
        return
    height = [_right_end(handle) for handle in handles]
    if not lines:
        height = [
            min(h, 0.0) for h in height
        ]  # only what has no points of its own, an explanation, goes last
    order = sorted(range(len(handles)), key=lambda i: -height[i])
    handles, labels = [handles[i] for i in order], [labels[i] for i in order]
    labels = [wrapped(label, 52) for label in labels]
    figure.legend(handles, labels, loc="outside lower left", ncols=1, fontsize=LEGEND, handlelength=3.4)
    figure.set_figheight(figure.get_figheight() + 0.2 * sum(label.count("\n") + 1 for label in labels))


def headed(figure: Figure, title: str, stamp: str) -> None:
    """Title and small print above all panels of a figure, for which it grows."""
    small = wrapped(stamp, 70)
    rows = small.count("\n") + 1 if stamp else 0
    if not title and not rows:
        return
    words = wrapped(title, 44) + "\n" * (rows if title else max(0, rows - 1))
    head = figure.suptitle(words or " ", fontsize=TITLE if title else SMALL, x=0.01, ha="left")
    figure.draw_without_rendering()  # now the title has its place
    at = head.get_window_extent().y0 / figure.bbox.height
    lettered(figure.text(0.01, at, small, fontsize=SMALL, color=QUIET, va="bottom"))


def below(figure: Figure, *words: str) -> None:
    """Small print below all panels, wrapped to the figure's width."""
    wide = round(13 * figure.get_figwidth())
    if text := "\n".join(wrapped(line, wide) for line in words if line):
        lettered(figure.supxlabel(text, fontsize=SMALL, color=QUIET))


def wrapped(text: str, width: int) -> str:
    """The text in lines of at most `width` letters, broken between words only."""
    return textwrap.fill(text, width, break_on_hyphens=False, break_long_words=False)


def _right_end(handle: Any) -> float:
    """How high a line of the legend stands at its right end, in pixels; below all of them if it has no points."""
    line: Any = handle if isinstance(handle, Line2D) else next(iter(getattr(handle, "lines", ())), None)
    if line is None:  # a group of bars
        return 0.0
    if not len(line.get_xdata()):
        return -math.inf
    line.axes.viewLim  # noqa: B018  # matplotlib sets limits that are still open when it is asked for them
    places = line.get_transform().transform(line.get_xydata())
    seen = [(x, y) for x, y in places if math.isfinite(x) and math.isfinite(y)]
    return max(seen)[1] if seen else -math.inf


def _render(figure: Figure, kind: str, alt: str) -> bytes:
    out = io.BytesIO()
    metadata = {"Description": alt} | ({"Date": None} if kind == "svg" else {"Software": None})
    with matplotlib.rc_context(STYLE):
        figure.savefig(out, format=kind, dpi=DPI, metadata=metadata)
    return out.getvalue()


def _few_colours(png: bytes, alt: str) -> bytes:
    """The picture with a table of 256 colours: in a notebook it stands twice, and so takes a third of the room."""
    from PIL import Image, PngImagePlugin

    about, out = PngImagePlugin.PngInfo(), io.BytesIO()
    about.add_itxt("Description", alt)
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    picture.save(out, format="png", optimize=True, pnginfo=about)
    return out.getvalue()


def few(items: Sequence[int], most: int = 5) -> list[int]:
    """At most `most` items, evenly spread, first and last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def _require(alt: str) -> None:
    if not alt.strip():
        raise ValueError(
            "alt is empty; say in a sentence what the figure shows, for readers who cannot see it."
        )
