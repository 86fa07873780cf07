"""The one style of all figures: looks that differ by marker and dash as well as colour, axes, saving and showing.

The palette is Okabe and Ito's. A figure leaves only with a text alternative: `save` and `show` ask for it.
"""

from __future__ import annotations

import base64
import html
import io
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from lthkit.evidence import Interval
from lthkit.storage import files

STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.hashsalt": "lthkit",
    "svg.fonttype": "none",
}


WIDTH, HEIGHT, DPI = 7.2, 4.4, 150


class Look(NamedTuple):
    color: str
    marker: str
    dash: str


LOOKS = {
    "ticket": Look("#0072B2", "o", "-"),
    "re-initialised": Look("#D55E00", "^", "--"),
    "shuffled": Look("#009E73", "s", ":"),
    "dense": Look("#555555", "", "-."),
}


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
    """Display the figure, and folded under it the same in words: JupyterLab does not pass `alt` on to its readers.

    Raises:
        ValueError: `alt` is empty; a reader who cannot see the figure would get nothing.
    """
    from IPython.display import display

    _require(alt)
    picture = base64.b64encode(_render(figure, "png", alt)).decode("ascii")
    about = {"image/png": {"width": int(figure.get_figwidth() * 100), "alt": alt}}
    words = f"<details><summary>This figure in words</summary>{html.escape(alt)}</details>"
    display({"text/plain": alt, "image/png": picture}, metadata=about, raw=True)
    display({"text/html": words}, raw=True)


def bar(band: Interval) -> float:
    """Half the interval as it is drawn; one value has none, and no bar is drawn for it."""
    return band.half if band.n > 1 else 0.0


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


def finish(figure: Figure, ax: Axes, title: str, stamp: str, *, columns: int = 3) -> None:
    ax.set_title(title, loc="left", fontsize=11)
    if ax.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower center", ncols=columns, fontsize=9, handlelength=3.2)
    if stamp:
        small = ax.text(0, 1.02, stamp, transform=ax.transAxes, fontsize=7.5, color="#555555", va="bottom")
        small.set_in_layout(False)  # it may be wider than the axes, and must not narrow them
        figure.set_dpi(DPI)  # measured as it will be saved: text does not scale exactly
        figure.draw_without_rendering()  # now the axes have their place, so the room to their right is known
        width = len(stamp)
        while small.get_window_extent().x1 > 0.98 * figure.bbox.x1 and width > 20:
            width -= 2
            small.set_text("\n".join(textwrap.wrap(stamp, width)))
        lines = small.get_text().split("\n")
        ax.set_title(title, loc="left", fontsize=11, pad=8 + 10 * len(lines))


def _render(figure: Figure, kind: str, alt: str) -> bytes:
    out = io.BytesIO()
    metadata = {"Description": alt} | ({"Date": None} if kind == "svg" else {"Software": None})
    with matplotlib.rc_context(STYLE):
        figure.savefig(out, format=kind, dpi=DPI, metadata=metadata)
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
