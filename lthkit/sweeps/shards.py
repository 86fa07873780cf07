"""Shards: the cells of a grid shared out among machines that see nothing of each other."""

from __future__ import annotations

import heapq
import re
from collections.abc import Sequence

from lthkit.machine.checks import check_whole
from lthkit.sweeps.grids import Asked
from lthkit.sweeps.trainings import cost_of


def sharded(asked: Sequence[Asked], part: int, of: int) -> tuple[Asked, ...]:
    """Part `part` of `of`, counted from 1, in the order of the grid; all parts together are all cells, each once.

    Cells go one after another, those with most updates first, to the part that has the fewest updates so far. It depends
    on what is asked alone, not on what is finished, so that machines agree whenever they begin.

    Raises:
        ValueError: not 1 <= part <= of.
    """
    check_part(part, of)
    updates = [cost_of(one.cell, one.levels).updates for one in asked]
    parts = [(0, number) for number in range(1, of + 1)]
    mine = []
    for i in sorted(range(len(asked)), key=lambda i: (-updates[i], i)):
        load, number = heapq.heappop(parts)
        heapq.heappush(parts, (load + updates[i], number))
        if number == part:
            mine.append(i)
    return tuple(asked[i] for i in sorted(mine))


def parsed_shard(text: str) -> tuple[int, int]:
    """(2, 8) of "2/8". ValueError for what is no part of a whole."""
    found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text, re.ASCII)
    if not found:
        raise ValueError(f"{text!r} was given; expected part/parts, such as 2/8 for the second of eight.")
    part, of = map(int, found.groups())
    check_part(part, of)
    return part, of


def check_part(part: int, of: int) -> None:
    """ValueError unless 1 <= part <= of."""
    check_whole("parts", of, 1)
    check_whole("part", part, 1)
    if part > of:
        raise ValueError(f"Part {part} of {of} was given; expected a part from 1 to {of}.")
