"""Sweeps: a grid of cells from one file, done by one laptop or by a cluster, and what came of it.

This file is the table of contents.
"""

from __future__ import annotations

from lthkit.sweeps.engines import (
    ENGINES,
)
from lthkit.sweeps.failures import (
    Failure,
    SweepFailed,
    SweepUnwritable,
)
from lthkit.sweeps.grids import (
    Asked,
    Grid,
)
from lthkit.sweeps.published import (
    rows,
)
from lthkit.sweeps.running import (
    run,
    work,
)

__all__ = [
    "ENGINES",
    "Asked",
    "Failure",
    "Grid",
    "SweepFailed",
    "SweepUnwritable",
    "rows",
    "run",
    "work",
]
