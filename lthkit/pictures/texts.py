"""The words round a picture."""

from __future__ import annotations

from typing import NamedTuple


class Texts(NamedTuple):
    """title; lead: what to do and to look for; still: what is said where no script runs; source: the record it is drawn from."""

    title: str
    lead: str
    still: str
    source: str
