"""One diagram a lesson, the picture that carries its idea: `diagram("05")` shows it."""

from __future__ import annotations

import base64
import html
import inspect
from collections.abc import Callable

from lthkit.plots import diagrams_evidence, diagrams_masks, diagrams_training
from lthkit.plots.drawing import SHOWN, Canvas

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
    "12": diagrams_training.rooms,
    "13": diagrams_evidence.verdicts,
}


def describe_diagram(lesson: str) -> str:
    """The diagram of a lesson in words."""
    return " ".join((inspect.getdoc(_drawn(lesson)) or "").split())


def draw_diagram(lesson: str) -> str:
    """The diagram of a lesson as the text of an SVG file, with its description inside."""
    return _drawn(lesson)().svg(describe_diagram(lesson))


def diagram(lesson: str) -> None:
    """Display the diagram of a lesson, and folded under it the same in words.

    The picture is there twice: as HTML, since neither JupyterLab nor nbconvert takes an `alt` from the metadata of a
    picture or lets it shrink on a phone, and as a picture for whoever reads no HTML, such as a printed notebook.

    Args:
        lesson: its number, such as "05".

    Raises:
        ValueError: that lesson has no diagram.
    """
    from IPython.display import display

    alt, svg = describe_diagram(lesson), draw_diagram(lesson)
    words, picture = html.escape(alt), base64.b64encode(svg.encode()).decode("ascii")
    page = (
        f'<img src="data:image/svg+xml;base64,{picture}" width="{SHOWN}" alt="{words}" '
        'style="max-width: 100%; height: auto">'
        f"<details><summary>This diagram in words</summary>{words}</details>"
    )
    about = {"image/svg+xml": {"alt": alt}}
    display({"text/plain": alt, "text/html": page, "image/svg+xml": svg}, metadata=about, raw=True)


def _drawn(lesson: str) -> Callable[[], Canvas]:
    if lesson not in DRAWN:
        raise ValueError(f"lesson {lesson!r} has no diagram; there are {', '.join(DRAWN)}.")
    return DRAWN[lesson]
