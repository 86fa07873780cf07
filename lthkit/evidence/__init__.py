"""What may be claimed: intervals over seeds, how many seeds it takes, what a ticket costs, whether a network still connects,
paths between networks, and the audit that asks whether a ticket is one.

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
from lthkit.evidence.grouping import (
    Line,
    Point,
    line_named,
    lines,
)
from lthkit.evidence.layer_collapse import (
    Collapse,
    collapse,
)
from lthkit.evidence.planning import (
    Design,
    Spread,
    design,
    false_alarms,
    power_of,
    seeds_needed,
    smallest_effect,
    spread,
)
from lthkit.evidence.registration import (
    Registered,
    Verdict,
    load_registered,
    registered_in,
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
from lthkit.evidence.student import (
    p_said,
    p_value,
)
from lthkit.evidence.verdicts import (
    Margin,
    Sampled,
    against_margin,
    holm,
    sample_seeds,
)

__all__ = [
    "ANY",
    "Audit",
    "Collapse",
    "Design",
    "FINITE",
    "Finding",
    "Interval",
    "Judged",
    "Line",
    "Margin",
    "PERCENT",
    "POSITIVE",
    "Point",
    "Registered",
    "Sampled",
    "Spread",
    "Verdict",
    "against_margin",
    "audit_states",
    "by_seed",
    "collapse",
    "costs",
    "density_of",
    "design",
    "differences",
    "false_alarms",
    "holm",
    "interval",
    "judged",
    "levels",
    "line_named",
    "lines",
    "load_registered",
    "mode_connectivity",
    "museum",
    "p_said",
    "p_value",
    "paired",
    "power_of",
    "registered_in",
    "sample_seeds",
    "seeds_needed",
    "smallest_effect",
    "spread",
    "unfinished",
]
