"""Tiers: the same cells under different budgets. A tier changes sizes, never a code path.

`smoke` is for tests (a whole lesson in seconds), `laptop` for two cores without a GPU, `gpu` for the paper's scale.
`recorded` has the sizes of `laptop`, but long experiments are read from the results that come with the course
(`results.recorded`). The environment variable LTHKIT_TIER chooses, or an argument; `laptop` where there is neither.
"""

from __future__ import annotations

import os
from typing import TypeVar

TIERS = ("smoke", "laptop", "gpu", "recorded")

T = TypeVar("T")


def tier(chosen: str | None = None) -> str:
    """Return the tier in force, one of `TIERS`: `chosen`, else what the environment variable LTHKIT_TIER says.

    Raises:
        ValueError: it is something else.
    """
    given = chosen if chosen is not None else os.environ.get("LTHKIT_TIER", "")
    name = str(given).strip().lower() or "laptop"
    if name not in TIERS:
        what = "LTHKIT_TIER is" if chosen is None else "tier is"
        raise ValueError(f"{what} {name!r}; set it to one of {', '.join(TIERS)}, or leave it out for laptop.")
    return name


def by_tier(*, smoke: T, laptop: T, gpu: T, tier: str | None = None) -> T:
    """Return the value that belongs to the tier in force, such as `steps = by_tier(smoke=20, laptop=1000, gpu=50_000)`.

    `tier` is a tier's name, by default that of LTHKIT_TIER. Tier recorded has the sizes of laptop.
    """
    return {"smoke": smoke, "laptop": laptop, "gpu": gpu, "recorded": laptop}[_tier(tier)]


_tier = tier
