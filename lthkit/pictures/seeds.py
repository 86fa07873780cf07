"""How many seeds: experiments drawn from forty recorded seeds, and how often their winner is the wrong one."""

from __future__ import annotations

from typing import Any

from lthkit import evidence
from lthkit.evidence.student import quantile
from lthkit.pictures.bands import band, rows_of
from lthkit.pictures.texts import Texts

TEXTS = Texts(
    title="How many seeds",
    lead=(
        "Forty seeds were recorded. Draw an experiment of a few of them, as somebody would have run it: who wins? Draw again, and "
        "count how often the wrong arm is ahead. Then give the experiment more seeds."
    ),
    still="This picture answers where scripts run. The figure below says the same standing still.",
    source=(
        "Recorded run seeds: LeNet-300-100 on the embedded Fashion-MNIST, seeds 0 to 39, at 12 % of the weights. A seed may come "
        "twice in an experiment, as if there were very many like these. The numbers drawn are the same for every reader."
    ),
)
PAIRS = {  # what is compared: (arm, round), (arm, round)
    "ticket - re-initialised": (("ticket", 2), ("re-initialised", 2)),
    "ticket - dense": (("ticket", 2), ("dense", 0)),
    "shuffled - re-initialised": (("shuffled", 2), ("re-initialised", 2)),
    "nothing": (("dense, other order", 0), ("dense", 0)),  # one network, twice: its mean is taken away
}
MOST = 20  # seeds of a drawn experiment


def data(address: bool) -> dict[str, Any]:
    """What the picture is given; the same on a page and in a notebook."""
    rows, pairs = rows_of("seeds"), {}
    for name, (one, other) in PAIRS.items():
        found = evidence.paired(rows, one, other).times(100)
        if name == "nothing":
            found = evidence.interval([v - found.mean for v in found.values])
        pairs[name] = {"one": one[0], "other": other[0]} | band(found)
    return {
        "t": [None, *(round(quantile(0.975, n - 1), 6) for n in range(2, MOST + 1))],  # of 1, 2, ... seeds
        "pairs": pairs,
    }
