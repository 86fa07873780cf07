"""The paper on which diagrams are drawn: one width, one set of colours, letters as paths, so that it looks the same everywhere.

A diagram is vector graphics on its own white ground, readable in a light and in a dark notebook. Positions are in tenths
of an inch from the upper left corner.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.text import Text

from lthkit.plots.style import LOOKS, STYLE

WIDE = 46.0  # tenths of an inch: narrow, so that letters stay readable on a phone
SHOWN = 560  # pixels, where there is room for them
INK, FAINT, PALE = "#222222", "#6a6a6a", "#e9eef2"
BLUE, ORANGE, GREEN = (LOOKS[arm].color for arm in ("ticket", "re-initialised", "shuffled"))


class Canvas:
    """A white page of fixed width. Nothing on it depends on data or on the machine."""

    def __init__(self, height: float) -> None:
        self.figure = Figure(figsize=(WIDE / 10, height / 10), facecolor="white")
        self.ax = self.figure.add_axes((0, 0, 1, 1))
        self.ax.set(xlim=(0, WIDE), ylim=(height, 0))
        self.ax.set_axis_off()
        self.texts: list[Text] = []

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        color: str = INK,
        size: float = 10,
        side: str = "center",
        bold: bool = False,
    ) -> None:
        """Words whose middle height is at y; `side` says which end of them is at x."""
        weight = "bold" if bold else "normal"
        self.texts.append(
            self.ax.text(x, y, words, color=color, fontsize=size, ha=side, va="center", weight=weight)
        )

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        words: str = "",
        *,
        fill: str = "white",
        edge: str = INK,
        color: str = INK,
        dash: str = "-",
    ) -> None:
        shape = FancyBboxPatch(
            (x + 0.3, y + 0.3),
            width - 0.6,
            height - 0.6,
            boxstyle="round,pad=0.3",
            facecolor=fill,
            edgecolor=edge,
            linestyle=dash,
            linewidth=1.2,
        )
        self.ax.add_patch(shape)
        if words:
            self.text(x + width / 2, y + height / 2, words, color=color)

    def arrow(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        *,
        color: str = INK,
        bend: float = 0.0,
        dash: str = "-",
        head: bool = True,
    ) -> None:
        """A line from start to end; `bend` above 0 lets it swing to the left of its way."""
        self.ax.add_patch(
            FancyArrowPatch(
                start,
                end,
                arrowstyle="-|>" if head else "-",
                mutation_scale=11,
                connectionstyle=f"arc3,rad={bend}",
                color=color,
                linestyle=dash,
                linewidth=1.5,
                shrinkA=0,
                shrinkB=0,
            )
        )

    def cells(
        self,
        x: float,
        y: float,
        rows: Sequence[Sequence[str]],
        *,
        size: float = 2.6,
        words: Sequence[Sequence[str]] = (),
        letters: float = 9,
    ) -> None:
        """A grid of squares, each in its colour; "" is an empty place, a removed weight."""
        for i, row in enumerate(rows):
            for j, fill in enumerate(row):
                corner = (x + j * size, y + i * size)
                self.ax.add_patch(
                    Rectangle(
                        corner,
                        size,
                        size,
                        facecolor=fill or "white",
                        edgecolor="#9a9a9a",
                        linewidth=0.8,
                        linestyle="-" if fill else ":",
                    )
                )
                if words and words[i][j]:
                    ink = "white" if fill in (BLUE, ORANGE, GREEN) else INK if fill else FAINT
                    self.text(
                        corner[0] + size / 2, corner[1] + size / 2, words[i][j], color=ink, size=letters
                    )

    def svg(self, alt: str) -> str:
        """The page as SVG, described by `alt`; it shrinks with the window that it is shown in."""
        out = io.StringIO()
        with matplotlib.rc_context({**STYLE, "svg.fonttype": "path"}):
            self.figure.savefig(out, format="svg", metadata={"Date": None, "Description": alt})
        text = out.getvalue()
        text = text[text.index("<svg") :]
        height = round(SHOWN * self.figure.get_figheight() / self.figure.get_figwidth())
        text = re.sub(
            r'width="[\d.]+pt" height="[\d.]+pt"', f'width="{SHOWN}" height="{height}"', text, count=1
        )
        words = html.escape(alt, quote=True)
        opening = f'<svg role="img" aria-label="{words}" style="max-width:100%;height:auto"'
        return text.replace("<svg", opening, 1).replace(">", f"><title>{words}</title>", 1)
