"""The runs there are: how far each is, who works on it, and what its last tickets came to."""

from __future__ import annotations

import re
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

from lthkit import evidence
from lthkit.evidence.grouping import DENSE, TICKET, Line, lines
from lthkit.machine.work import spelt
from lthkit.storage.records import Row
from lthkit.sweeps.results import rows_of
from lthkit.sweeps.states import CELL, EXPERIMENT, SWEEP, UNREADABLE, State, runs_in, state_of

_DAYS = 86_400.0
_TOGETHER = "\xa0"  # a blank at which no line is broken


@dataclass(frozen=True)
class Listed:
    """A run as it is listed. density, accuracy and line: of the tickets that have come furthest, None if there are none."""

    state: State
    density: str | None
    accuracy: str | None
    line: str | None
    age: str | None

    def lines(self, width: int) -> list[str]:
        """Its name, and below it what there is to say, in at most so many columns (a long name excepted)."""
        state = self.state
        told = [state.status + (f" ({state.by})" if state.by else "")]
        told += [] if state.seeds is None else ["{} of {} seeds".format(*state.seeds)]
        told += [] if self.density is None else [f"{self.density} % left: {self.accuracy} ({self.line})"]
        told += [] if self.age is None else [f"{self.age} ago".replace(" ", _TOGETHER)]
        sentences = [", ".join(told), *state.wrong[:1]]
        if len(state.wrong) > 1:
            sentences.append(f"and {len(state.wrong) - 1} cells more: lthkit show {state.name}")
        return [state.name, *(line for each in sentences for line in _wrapped(each, width))]


def listed_in(folder: Path) -> list[Listed]:
    """The runs in a folder, the newest first: status, seeds done of those asked, the last density, accuracy there, age.

    The accuracy is the mean ± half of the 95 % interval over seeds of one line, which is named: the tickets that have come to
    the lowest density.
    """
    now = time.time()
    states = sorted(map(state_of, runs_in(folder)), key=lambda state: -state.changed)
    ages = [spelt_age(now - state.changed) if state.changed else None for state in states]
    return [Listed(state, *_last(state), age) for state, age in zip(states, ages, strict=True)]


def _wrapped(sentence: str, width: int) -> list[str]:
    text = " ".join(sentence.split())
    indent = "    "
    lines = textwrap.wrap(
        re.sub(r" (?=[%±=]|\d)|(?<=[±=]) ", _TOGETHER, text),
        max(width, 20),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_TOGETHER, " ") for line in lines]


def spelt_age(seconds: float) -> str:
    """How long ago: 48 s, 3 min, 1 h 20 min, 5 days."""
    return spelt(max(0.0, seconds)) if seconds < 2 * _DAYS else f"{seconds / _DAYS:.0f} days"


def _last(state: State) -> tuple[str | None, str | None, str | None]:
    """Density, accuracy and name of the line that has come furthest."""
    try:
        found = lines(_last_rows(state))
        tickets = [line for line in found if line.arm == TICKET] or found
        if not tickets:
            return None, None, None
        line = min(tickets, key=lambda line: (_lowest(line), -len(line.seeds)))
        point = next(p for p in reversed(line.points()) if p.values)
    except (*UNREADABLE, StopIteration):
        return None, None, None
    by = evidence.judged(line.rows)
    band = evidence.interval([by.scale * value for value in point.values.values()], within=by.within)
    told = f"{by.name} {band:{by.form}}" + (f" {by.quantity.unit}" if by.quantity.unit else "")
    told += f", n = {band.n}"
    return f"{100 * (point.density or 0):.3g}", told, line.name


def _last_rows(state: State) -> list[Row]:
    """Of each cell the row of its sparsest ticket, or of its dense training: not more is read than is told."""
    if state.kind == EXPERIMENT and not state.cells:
        return rows_of(state) if state.status == "finished" else []
    if state.kind not in (SWEEP, CELL, EXPERIMENT):
        return []
    rows = []
    for cell in state.cells:
        if cell.published:
            try:
                rows.append(cell.row(max(cell.published, key=_sparsity)))
            except UNREADABLE:
                continue  # `lthkit show` names it
    return rows


def _sparsity(level: str) -> tuple[int, float]:
    """By which the levels of a cell are ordered, from their names: dense, then controls, then the sparsest ticket."""
    if level == DENSE:
        return 0, 0.0
    arm, _, where = level.rpartition("-density-") if "-density-" in level else level.rpartition("-round-")
    sparse = -float(where) if "-density-" in level else float(where)
    return (2 if arm == TICKET else 1), sparse


def _lowest(line: Line) -> float:
    return min((row["density"] for row in line.rows if row["density"] is not None), default=1.0)
