"""How lines look: by marker and dash as well as colour. It needs no matplotlib, so that tables of a sweep need none."""

from __future__ import annotations

from typing import Any, NamedTuple


class Look(NamedTuple):
    """How a line looks: its colour, the marker at its points, and how it is dashed."""

    color: str
    marker: str
    dash: Any  # a name, or matplotlib's (offset, lengths)


LOOKS = {
    "ticket": Look("#0072B2", "o", "-"),
    "re-initialised": Look("#D55E00", "^", "--"),
    "shuffled": Look("#007A59", "s", ":"),
    "dense": Look("#555555", "", "-."),
}

# For any number of lines up to seven, in this order.
SERIES = (
    *list(LOOKS.values())[:3],
    Look("#A8467F", "D", (0, (6, 1, 1, 1, 1, 1))),
    Look("#9A6700", "v", (0, (5, 1, 1, 1))),
    Look("#333333", "X", (0, (1, 2.5))),
    Look("#7A4A21", "P", (0, (8, 2))),
)
