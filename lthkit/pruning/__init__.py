"""Score, select, mask: a criterion only scores, a selection only counts, a mask says what is left.

This file is the table of contents.
"""

from __future__ import annotations

from lthkit.pruning.channels import (
    channel_mask,
    channel_weights,
    gains,
)
from lthkit.pruning.densities import (
    erk,
)
from lthkit.pruning.growing import (
    grow,
)
from lthkit.pruning.masks import (
    Mask,
    prunable,
)
from lthkit.pruning.paths import (
    connected,
)
from lthkit.pruning.patterns import (
    input_axes,
    n_of_m,
)
from lthkit.pruning.scores import (
    grasp,
    magnitude,
    random,
    snip,
    synflow,
    wanda,
)
from lthkit.pruning.selection import (
    LayerCollapse,
    check_request,
    fraction_for,
    ladder,
    prune,
    prune_iteratively,
    prune_to,
)

__all__ = [
    "LayerCollapse",
    "Mask",
    "channel_mask",
    "channel_weights",
    "check_request",
    "connected",
    "erk",
    "fraction_for",
    "gains",
    "grasp",
    "grow",
    "input_axes",
    "ladder",
    "magnitude",
    "n_of_m",
    "prunable",
    "prune",
    "prune_iteratively",
    "prune_to",
    "random",
    "snip",
    "synflow",
    "wanda",
]
