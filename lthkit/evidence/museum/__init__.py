"""The museum of lesson 12: sixteen bugs of public code and one of our own, each rebuilt small and mended, with a trial that shows its symptom.

This file is the table of contents.
"""

from __future__ import annotations

from lthkit.evidence.museum.catalogue import (
    EXHIBITS,
    Exhibit,
    Visit,
    caught,
    exhibit,
    grid,
    table,
    visit,
)
from lthkit.evidence.museum.trials import (
    Bench,
    Trial,
    bench,
    train,
)

__all__ = [
    "EXHIBITS",
    "Bench",
    "Exhibit",
    "Trial",
    "Visit",
    "bench",
    "caught",
    "exhibit",
    "grid",
    "table",
    "train",
    "visit",
]
