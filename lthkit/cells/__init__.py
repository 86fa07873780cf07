"""Cells: the unit of every grid. One chain of trainings of one seed, in a folder of its own that several machines may share.

This file is the table of contents.
"""

from __future__ import annotations

from lthkit.cells.carrying import (
    carry_out,
    held,
    missing_of,
)
from lthkit.cells.cells import (
    DENSE_LEVEL,
    Cell,
    Level,
    id_of,
)
from lthkit.cells.criteria import (
    CRITERIA,
    criterion,
)
from lthkit.cells.folders import (
    config_of,
    is_cell_name,
    load_mask,
    published_row,
    rows_of,
)
from lthkit.cells.networks import (
    model_function,
    model_identity,
)
from lthkit.cells.rows import (
    NEVER_STABLE,
    STABLE_TOO_LATE,
    row_of,
)
from lthkit.cells.ways import (
    IMP,
    WAYS,
    Dense,
    EarlyBird,
    Hybrid,
    OneShot,
    PruneAtInit,
    Way,
    settings_of,
)

__all__ = [
    "CRITERIA",
    "DENSE_LEVEL",
    "IMP",
    "NEVER_STABLE",
    "STABLE_TOO_LATE",
    "WAYS",
    "Cell",
    "Dense",
    "EarlyBird",
    "Hybrid",
    "Level",
    "OneShot",
    "PruneAtInit",
    "Way",
    "carry_out",
    "config_of",
    "criterion",
    "held",
    "id_of",
    "is_cell_name",
    "load_mask",
    "missing_of",
    "model_function",
    "model_identity",
    "published_row",
    "row_of",
    "rows_of",
    "settings_of",
]
