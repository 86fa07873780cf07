"""Tiers: the same cells under different budgets. A tier changes sizes, never a code path.

`smoke` is for tests (a whole lesson in seconds), `laptop` for two cores without a GPU, `gpu` for the paper's scale.
The environment variable LTHKIT_TIER chooses; `laptop` where it is not set.
"""

from __future__ import annotations

import os
from typing import TypeVar

TIERS = ("smoke", "laptop", "gpu")

T = TypeVar("T")


def tier() -> str:
    """Return the tier in force, one of `TIERS`, from the environment variable LTHKIT_TIER.

    Raises:
        ValueError: LTHKIT_TIER holds something else.
    """
    chosen = os.environ.get("LTHKIT_TIER", "").strip().lower() or "laptop"
    if chosen not in TIERS:
        raise ValueError(
            f"LTHKIT_TIER is {chosen!r}; set it to one of {', '.join(TIERS)}, or unset it for laptop."
        )
    return chosen


def by_tier(*, smoke: T, laptop: T, gpu: T) -> T:
    """Return the value that belongs to the tier in force, such as `steps = by_tier(smoke=20, laptop=1000, gpu=50_000)`."""
    return {"smoke": smoke, "laptop": laptop, "gpu": gpu}[tier()]
