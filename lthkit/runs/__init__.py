"""Named experiments and what they report, as `lthkit run` and `lthkit show` make them; the audit of any run.

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
from lthkit.runs.results import (
    row_of,
)

__all__ = [
    "Experiment",
    "audit",
    "experiments",
    "report",
    "results",
    "row_of",
    "winning_ticket",
]
