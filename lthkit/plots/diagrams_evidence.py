"""Diagrams of what a measurement may claim. The docstring of each is its text alternative."""

from __future__ import annotations

from lthkit.plots.drawing import BLUE, FAINT, GREEN, INK, ORANGE, PALE, Canvas


def verdicts() -> Canvas:
    """Before the run: a question, then a prediction with its rule, then a plan of seeds and cost. After it: one verdict.
    Below, four intervals of a difference beside 0 and beside a margin to each side of 0. One lies above 0 and crosses the
    margin: different. One lies above 0 and inside the margins: small, a difference that does not matter. One contains 0 and
    lies inside the margins: same, a difference that matters is ruled out. One contains 0 and crosses both margins: open,
    nothing is shown."""
    page = Canvas(35)
    page.text(1, 1.8, "before the run", side="left", bold=True)
    for x, wide, words in ((1, 9, "question"), (12.2, 10.6, "prediction"), (25, 8, "seeds")):
        page.box(x, 3.4, wide, 4.2, words)
    page.box(36, 3.4, 9, 4.2, "verdict", fill=BLUE, edge=BLUE, color="white")
    for x, end in ((10, 12.2), (22.8, 25)):
        page.arrow((x, 5.5), (end, 5.5))
    page.arrow((33, 5.5), (36, 5.5), color=BLUE)
    page.text(34.4, 2.2, "run", color=BLUE, size=9)
    page.arrow((17.5, 7.6), (40.5, 7.6), bend=0.14, color=FAINT)
    page.text(29, 11.6, "judged by the rule that was fixed here", color=FAINT, size=9)
    page.text(1, 14, "after it: what an interval says", side="left", bold=True)
    zero, margin = 16.0, 7.0
    page.ax.fill_between([zero - margin, zero + margin], 17, 31.4, color=PALE, linewidth=0)
    page.arrow((zero, 17), (zero, 31.4), head=False)
    for x in (zero - margin, zero + margin):
        page.arrow((x, 17), (x, 31.4), head=False, dash="--", color=FAINT)
    page.text(zero, 32.8, "0")
    page.text(zero - margin, 32.8, "-margin", size=9, color=FAINT)
    page.text(zero + margin, 32.8, "+margin", size=9, color=FAINT)
    rows = (
        (3.0, 11.0, BLUE, "o", "different"),
        (1.2, 5.0, GREEN, "s", "small: below +margin"),
        (-3.4, 3.0, GREEN, "s", "same: within both"),
        (-10.5, 11.5, ORANGE, "^", "open: no claim"),
    )
    for i, (low, high, color, marker, words) in enumerate(rows):
        y = 18.9 + 3.6 * i
        page.ax.plot([zero + low, zero + high], [y, y], color=color, linewidth=2.6)
        page.ax.plot(zero + (low + high) / 2, y, marker, color=color, markersize=7)
        page.text(29.6, y, words, side="left", color=INK)
    return page
