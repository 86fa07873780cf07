"""Rows on how cells are read: magics, shell lines, exported files."""

from __future__ import annotations

from tests.wild import Row, answered

ROWS: tuple[Row, ...] = (Row("plain", answered()),)
