"""One diagram a lesson, the picture that carries its idea: `diagram("05")` shows it."""

from __future__ import annotations

import html
import inspect
from collections.abc import Callable

from lthkit.plots import diagrams_masks, diagrams_training
from lthkit.plots.drawing import Canvas

DRAWN: dict[str, Callable[[], Canvas]] = {
    "01": diagrams_masks.ranking,
    "02": diagrams_masks.one_step,
    "03": diagrams_training.waiting,
    "04": diagrams_training.loop,
    "05": diagrams_masks.controls,
    "06": diagrams_training.rewinds,
    "07": diagrams_training.slope,
    "08": diagrams_masks.starving,
    "09": diagrams_masks.settling,
    "10": diagrams_training.budgets,
    "11": diagrams_masks.storing,
}


def describe_diagram(lesson: str) -> str:
    """The diagram of a lesson in words."""
    return " ".join((inspect.getdoc(_drawn(lesson)) or "").split())


def draw_diagram(lesson: str) -> str:
    """The diagram of a lesson as the text of an SVG file, with its description inside."""
    return _drawn(lesson)().svg(describe_diagram(lesson))


def diagram(lesson: str) -> None:
    """Display the diagram of a lesson, and folded under it the same in words.

    Args:
        lesson: its number, such as "05".

    Raises:
        ValueError: that lesson has no diagram.
    """
    from IPython.display import display

    alt = describe_diagram(lesson)
    words = f"<details><summary>This diagram in words</summary>{html.escape(alt)}</details>"
    about = {"image/svg+xml": {"alt": alt}}
    display({"text/plain": alt, "image/svg+xml": draw_diagram(lesson)}, metadata=about, raw=True)
    display({"text/html": words}, raw=True)


def _drawn(lesson: str) -> Callable[[], Canvas]:
    if lesson not in DRAWN:
        raise ValueError(f"lesson {lesson!r} has no diagram; there are {', '.join(DRAWN)}.")
    return DRAWN[lesson]
