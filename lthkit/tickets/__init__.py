"""How tickets are found: iterative and one-shot pruning with rewinding, pruning at initialisation, Early-Bird, hybrids.

This file is the table of contents.
"""

from __future__ import annotations

from lthkit.tickets.early_bird_search import (
    EarlyBird,
    NeverStable,
    early_bird,
)
from lthkit.tickets.hybrid import (
    plan,
    price,
    snip_then_imp,
)
from lthkit.tickets.iterative_pruning import (
    imp,
)
from lthkit.tickets.mask_distances import (
    distances,
    largest_in_window,
    null_distance,
    stop_epoch,
)
from lthkit.tickets.moving_masks import (
    Moved,
    sparse_training,
)
from lthkit.tickets.one_shot_pruning import (
    one_shot,
)
from lthkit.tickets.own_loop import (
    TrainFn,
)
from lthkit.tickets.pruning_at_init import (
    prune_at_init,
)
from lthkit.tickets.retraining import (
    fresh_start,
    retrain,
)
from lthkit.tickets.rounds import (
    Round,
    load_round,
    save_round,
)
from lthkit.tickets.search import (
    Search,
    Shared,
    new_network,
)
from lthkit.tickets.signs import (
    random_signs,
    signed_constant,
    signs_of,
)
from lthkit.tickets.supermasks import (
    Scored,
    supermask,
)
from lthkit.tickets.ticket_files import (
    Ticket,
)

__all__ = [
    "EarlyBird",
    "Moved",
    "NeverStable",
    "Round",
    "Scored",
    "Search",
    "Shared",
    "Ticket",
    "TrainFn",
    "distances",
    "early_bird",
    "fresh_start",
    "imp",
    "largest_in_window",
    "load_round",
    "new_network",
    "null_distance",
    "one_shot",
    "plan",
    "price",
    "prune_at_init",
    "random_signs",
    "retrain",
    "save_round",
    "signed_constant",
    "signs_of",
    "snip_then_imp",
    "sparse_training",
    "stop_epoch",
    "supermask",
]
