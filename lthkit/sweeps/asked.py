"""What is asked of a sweep: cells, and how far each of them is to go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lthkit.cells.cells import Cell, Level


@dataclass(frozen=True)
class Asked:
    """A cell and the levels that are asked of it; `recipe` is the name of its recipe in the grid, "" where there is one only."""

    cell: Cell
    levels: tuple[Level, ...]
    recipe: str = ""


@dataclass(frozen=True)
class Grid:
    """What a sweep is to do: its name, and the cells in the order in which they are begun, each once.

    claims: of the ledger, that it will decide, as pairs of an id and the digest of the registered text.
    """

    name: str
    asked: tuple[Asked, ...]
    claims: tuple[tuple[str, str], ...] = ()

    @property
    def data_names(self) -> list[str]:
        """The data sets, each once."""
        return list(dict.fromkeys(one.cell.data for one in self.asked))


def merged(asked: Iterable[Asked]) -> tuple[Asked, ...]:
    """Each cell once, with all the levels that are asked of it."""
    found: dict[Cell, Asked] = {}
    for one in asked:
        levels = one.levels if one.cell not in found else (*found[one.cell].levels, *one.levels)
        found[one.cell] = Asked(one.cell, tuple(one.cell.levels(levels)), one.recipe)
    return tuple(found.values())
