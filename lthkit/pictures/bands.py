"""Means over seeds with their intervals as a picture is given them, and the rows of a recorded run."""

from __future__ import annotations

from typing import Any

from lthkit.evidence import Interval
from lthkit.runs.results import load, read_results, recorded
from lthkit.storage.records import Row

DIGITS = 4  # after the point, of values in percent and of points: more than any picture says


def rows_of(name: str, table: str = "table.csv") -> list[Row]:
    """The rows of one table of a recorded run, which its summary vouches for."""
    folder = recorded(name)
    _, summary, rows = load(folder)
    return rows if table == "table.csv" else read_results(folder, table, summary)


def band(of: Interval) -> dict[str, Any]:
    """Mean, seeds, and the 95 % interval if it may be shown (`Interval.shown`)."""
    told: dict[str, Any] = {"mean": round(of.mean, DIGITS), "values": [round(v, DIGITS) for v in of.values]}
    told["shown"] = of.shown
    if of.shown:
        told |= {"low": round(of.low, DIGITS), "high": round(of.high, DIGITS)}
    return told
