"""Seeds that have nothing to do with one another: initialisation, data order and masks must not share their numbers."""

from __future__ import annotations

import hashlib

from lthkit.machine.checks import whole_seed


def derived_seed(seed: int, purpose: str) -> int:
    """A seed for one purpose, unrelated to the same seed's other purposes and to its neighbours.

    Raises:
        ValueError: a seed that is no whole number.
    """
    return int.from_bytes(hashlib.sha256(f"{purpose}:{whole_seed(seed)}".encode()).digest()[:6], "big")
