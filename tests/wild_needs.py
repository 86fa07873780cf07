"""Rows on what comes along with an answer: imports, helpers, statements that fill a name."""

from __future__ import annotations

from tests.wild import Row, answered

ROWS: tuple[Row, ...] = (Row("comment below", answered(after=("# the end",))),)
