"""What may be claimed: intervals over seeds, what a ticket costs, whether a network still connects, paths between networks.

This file is the table of contents.
"""

from __future__ import annotations

from lthkit.evidence import (
    costs,
    mode_connectivity,
)
from lthkit.evidence.layer_collapse import (
    Collapse,
    collapse,
)
from lthkit.evidence.statistics import (
    ANY,
    FINITE,
    PERCENT,
    POSITIVE,
    Interval,
    Judged,
    by_seed,
    density_of,
    differences,
    interval,
    judged,
    levels,
    paired,
    unfinished,
)

__all__ = [
    "ANY",
    "Collapse",
    "FINITE",
    "Interval",
    "Judged",
    "PERCENT",
    "POSITIVE",
    "by_seed",
    "collapse",
    "costs",
    "density_of",
    "differences",
    "interval",
    "judged",
    "levels",
    "mode_connectivity",
    "paired",
    "unfinished",
]
