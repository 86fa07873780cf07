"""What may be claimed: intervals over seeds, what a ticket costs, whether a network still connects, paths between networks,
and the audit that asks whether a ticket is one.

This file is the table of contents.
"""

from __future__ import annotations

from lthkit.evidence import (
    costs,
    mode_connectivity,
    museum,
)
from lthkit.evidence.audits import (
    audit_states,
)
from lthkit.evidence.findings import (
    Audit,
    Finding,
)
from lthkit.evidence.layer_collapse import (
    Collapse,
    collapse,
)
from lthkit.evidence.statistics import (
    ANY,
    PERCENT,
    POSITIVE,
    Interval,
    by_seed,
    density_of,
    differences,
    interval,
    levels,
    paired,
    unfinished,
)

__all__ = [
    "ANY",
    "Audit",
    "Collapse",
    "Finding",
    "Interval",
    "PERCENT",
    "POSITIVE",
    "audit_states",
    "by_seed",
    "collapse",
    "costs",
    "density_of",
    "differences",
    "interval",
    "levels",
    "mode_connectivity",
    "museum",
    "paired",
    "unfinished",
]
