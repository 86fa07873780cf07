"""Sweeps: a grid of cells from one file, done by one laptop or by a cluster, and what came of it.

This file is the table of contents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lthkit.machine.contents import on_first_use

if TYPE_CHECKING:
    from lthkit.sweeps.comparing import (
        Comparison,
        Difference,
        compare,
    )
    from lthkit.sweeps.engines import (
        ENGINES,
    )
    from lthkit.sweeps.estimates import (
        Pace,
        estimate,
        paces_of,
        text_of,
    )
    from lthkit.sweeps.failures import (
        Failure,
        SweepFailed,
        SweepUnwritable,
    )
    from lthkit.sweeps.grids import (
        Asked,
        Grid,
        grid_of,
        read_grid,
    )
    from lthkit.sweeps.mistakes import (
        GridMistakes,
        Mistake,
    )
    from lthkit.sweeps.planning import (
        Plan,
        Planned,
        datasets_of,
        plan,
    )
    from lthkit.sweeps.published import (
        rows,
    )
    from lthkit.sweeps.running import (
        run,
        work,
    )
    from lthkit.sweeps.shards import (
        parsed_shard,
        sharded,
    )
    from lthkit.sweeps.states import (
        State,
        state_of,
    )
    from lthkit.sweeps.trainings import (
        Cost,
        cost_of,
    )
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = [
    "Asked",
    "Comparison",
    "Cost",
    "Difference",
    "ENGINES",
    "Failure",
    "Grid",
    "GridMistakes",
    "Mistake",
    "Pace",
    "Plan",
    "Planned",
    "State",
    "SweepFailed",
    "SweepUnwritable",
    "compare",
    "cost_of",
    "datasets_of",
    "estimate",
    "grid_of",
    "paces_of",
    "parsed_shard",
    "plan",
    "read_grid",
    "rows",
    "run",
    "sharded",
    "state_of",
    "text_of",
    "work",
]
