"""Sweeps: a grid of cells from one file, done by one laptop or by a cluster, and what came of it.

This file is the table of contents.
"""

from __future__ import annotations

from lthkit.sweeps.grids import (
    Asked,
    Grid,
)

__all__ = [
    "Asked",
    "Grid",
]
