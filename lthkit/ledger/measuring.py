"""What a recorded run says of one part of a rule: a number for each seed, read from the rows of its tables and from nothing else."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lthkit.ledger.claims import DIFFERENCE, RATIO, VALUE, Rule
from lthkit.storage import files
from lthkit.storage.records import Row, read_table

CLOSE = 1e-6  # relative: a density in the ledger is written with some digits, that of a row with all


class NotMeasured(ValueError):
    """The tables of a record do not say what a rule asks for: a row too few or too many, a cell without a number."""


def tables_of(folder: Path, names: Sequence[str]) -> dict[str, list[Row]]:
    """The tables of these names. `files.DamagedFile` if one is not what the record's summary vouches for."""
    sums = files.read_sealed(folder / "summary.json").get("tables", {})
    found = {}
    for name in dict.fromkeys(names):
        path = folder / name
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != sums.get(name):
            raise files.DamagedFile(
                f"{path} is missing or was altered: summary.json has another checksum for it."
            )
        found[name] = read_table(path)
    return found


def values_of(rule: Rule, seeds: Sequence[int], rows: Sequence[Row]) -> dict[int, float]:
    """The number of each seed, in the unit of the rule.

    Raises:
        NotMeasured: names the part, the seed and the columns.
    """
    _check_columns(rule, rows)
    return {seed: _number(rule, seed, rows) for seed in seeds}


def _number(rule: Rule, seed: int, rows: Sequence[Row]) -> float:
    row = _row(rule, rule.of, seed, rows)
    value = _cell(rule, rule.of, seed, row)
    if rule.kind == VALUE:
        return value
    against = _row(rule, rule.minus, seed, rows)
    if against is row:
        raise NotMeasured(
            f"{rule.compared}, seed {seed}: of and minus find the same row; expected two trainings to compare."
        )
    other = _cell(rule, rule.minus, seed, against)
    if rule.kind == DIFFERENCE:
        return value - other
    if other == 0:
        raise NotMeasured(f"{rule.compared}, seed {seed}: there is a 0 to divide by.")
    return value / other if rule.kind == RATIO else 100 * (1 - value / other)


def _row(rule: Rule, where: Mapping[str, Any], seed: int, rows: Sequence[Row]) -> Row:
    found = [row for row in rows if row.get("seed") == seed and _fits(row, where)]
    if len(found) != 1:
        raise NotMeasured(f"{rule.compared}: {len(found)} rows have {_said(where, seed)}; expected one.")
    return found[0]


def _cell(rule: Rule, where: Mapping[str, Any], seed: int, row: Row) -> float:
    value = row[rule.column]
    if isinstance(value, str | bool) or value is None or not math.isfinite(value):
        raise NotMeasured(
            f"{rule.compared}: the row with {_said(where, seed)} has {value!r} in {rule.column}; expected a number."
        )
    return float(value) * rule.scale


def _said(where: Mapping[str, Any], seed: int) -> str:
    return ", ".join(f"{name} = {value}" for name, value in {"seed": seed, **where}.items())


def _fits(row: Row, where: Mapping[str, Any]) -> bool:
    return all(_equal(row[name], value) for name, value in where.items())


def _equal(cell: Any, value: Any) -> bool:
    if isinstance(value, bool) or isinstance(cell, bool) or value == "":
        return cell is value if value != "" else cell is None
    if isinstance(value, int) and isinstance(cell, int):
        return cell == value
    if isinstance(value, int | float) and isinstance(cell, int | float):
        return math.isclose(cell, value, rel_tol=CLOSE, abs_tol=0)
    return bool(cell == value)


def _check_columns(rule: Rule, rows: Sequence[Row]) -> None:
    if not rows:
        raise NotMeasured(f"{rule.compared}: {rule.table} has no rows.")
    asked = {"seed", rule.column, *rule.of, *rule.minus}
    if missing := sorted(asked - rows[0].keys()):
        raise NotMeasured(
            f"{rule.compared}: {rule.table} has no column {', '.join(missing)}; it has {', '.join(rows[0])}."
        )
