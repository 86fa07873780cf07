"""What levels of a cell take: trainings, updates, and bytes that stay on disk. Early stopping makes updates fewer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from lthkit.cells.cells import DENSE_LEVEL, TICKET, Cell, Level
from lthkit.cells.ways import IMP, Dense, Hybrid, OneShot

_FROM_STEP_0 = ("re-initialised",)  # arms that train new weights; all others begin at the rewind step
_SMALL = 1800  # bytes of a level beside its arrays: its row, and the names and shapes in its mask
_OF_ROUND = 3000  # as many more if its round is kept: names, what was measured at each evaluation
_RECORD = 750  # bytes of a cell's own configuration


@dataclass(frozen=True)
class Weights:
    """Sizes of a network: all numbers in its state, and those that can be pruned."""

    all: int
    prunable: int

    def kept(self, density: float) -> float:
        """Numbers that a state has in which the mask keeps `density`."""
        return self.all - self.prunable * (1 - density)


@dataclass(frozen=True)
class Cost:
    """Trainings, updates at most, and bytes that stay."""

    trainings: int = 0
    updates: int = 0
    bytes: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.trainings + other.trainings, self.updates + other.updates, self.bytes + other.bytes)


def steps_to(cell: Cell, missing: Sequence[Level], there: Collection[str] = ()) -> list[Level]:
    """All levels that have to be trained for those that are missing: with the dense one and the rounds on the way.

    there: names of the levels that are published, from which a chain goes on.
    """
    if not missing:
        return []
    way = cell.way
    on_the_way: list[Level] = []
    if isinstance(way, IMP):
        last = max(level.round or 0 for level in missing)
        on_the_way = [DENSE_LEVEL, *(Level(round=r) for r in range(1, last + 1))]
    elif isinstance(way, OneShot):
        on_the_way = [DENSE_LEVEL]
    also = [level for level in on_the_way if level.name not in there and level not in missing]
    return [*also, *missing]


def cost_of(
    cell: Cell, missing: Sequence[Level], there: Collection[str] = (), weights: Weights | None = None
) -> Cost:
    """What the missing levels of a cell take. Without `weights` no bytes are counted."""
    todo = steps_to(cell, missing, there)
    total = Cost(bytes=_RECORD if todo and weights else 0)
    for level in todo:
        trainings, updates = _training(cell, level)
        total += Cost(trainings, updates, _bytes(cell, level, weights) if weights else 0)
    return total


def _training(cell: Cell, level: Level) -> tuple[int, int]:
    """Trainings and updates of one level by itself."""
    way, steps = cell.way, cell.recipe.steps
    late = steps - getattr(way, "rewind_step", 0)
    if isinstance(way, Hybrid):
        return way.rounds + 1, steps + way.rounds * late
    if level == DENSE_LEVEL or level.arm in _FROM_STEP_0 or not isinstance(way, IMP | OneShot):
        return 1, steps  # of an early-bird: the search, and the ticket from where it stopped
    return 1, late


def _bytes(cell: Cell, level: Level, weights: Weights) -> int:
    """As `cells.folders` keeps a level: its mask; of a round the weights that it keeps; once a chain the rewind point."""
    way, mask = cell.way, weights.prunable / 8
    rewind = 4 * weights.all * (1 + _kept_beside(cell))
    size = mask + _SMALL
    if level == DENSE_LEVEL and isinstance(way, Dense | IMP | OneShot):
        size += rewind + mask + 4 * weights.all + _OF_ROUND
    elif isinstance(way, IMP) and level.arm == TICKET:
        size += _OF_ROUND + mask + 4 * weights.kept((1 - way.fraction) ** (level.round or 0))
    elif isinstance(way, Hybrid):
        size += _OF_ROUND + rewind + mask + 4 * weights.kept(level.density or 1.0)
    return round(size)


def _kept_beside(cell: Cell) -> int:
    """Tensors of the network's size that the optimizer keeps: two averages of Adam, or the momentum of SGD."""
    if cell.recipe.optimizer == "sgd":
        return 1 if cell.recipe.momentum else 0
    return 2
