"""Named experiments and what they report, as `lthkit run` and `lthkit show` make them; the audit of any run;
experiments that are planned and registered first, and their checks.

This file is the table of contents.
"""

from __future__ import annotations

from lthkit.runs import (
    experiments,
    report,
    results,
)
from lthkit.runs.audits import (
    audit,
)
from lthkit.runs.experiments import (
    Experiment,
    winning_ticket,
)
from lthkit.runs.handing_in import (
    hand_in,
)
from lthkit.runs.outcomes import (
    Outcome,
    outcome,
)
from lthkit.runs.plan_checks import (
    Checks,
    checks,
)
from lthkit.runs.plans import (
    Plan,
    Predicted,
    carry_out,
    read_plan,
)
from lthkit.runs.results import (
    row_of,
)

__all__ = [
    "Checks",
    "Experiment",
    "Outcome",
    "Plan",
    "Predicted",
    "audit",
    "carry_out",
    "checks",
    "experiments",
    "hand_in",
    "outcome",
    "read_plan",
    "report",
    "results",
    "row_of",
    "winning_ticket",
]
