"""Where a chain is gone and with what, and what comes of it: the values that chains, arms and folders hand to each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lthkit.cells.cells import Cell, Level
from lthkit.cells.networks import model_function
from lthkit.cells.ways import Dense
from lthkit.data.datasets import Dataset
from lthkit.pruning.masks import Mask
from lthkit.tickets.own_loop import TrainFn
from lthkit.tickets.rounds import Round
from lthkit.training.loop import train
from lthkit.training.results import TrainResult


@dataclass(frozen=True)
class Place:
    """Where a chain is gone, and with what.

    folder: of this attempt; drivers keep their rounds and snapshots below it. train: what trains a network.
    progress: called with the number of updates done since the last call.
    """

    cell: Cell
    data: Dataset
    folder: Path
    train: TrainFn = train
    progress: Callable[[int], object] | None = None

    @property
    def model_fn(self) -> Callable[..., Any]:
        """Makes the network for these data."""
        return model_function(self.cell.model, self.data)

    @property
    def shared(self) -> dict[str, Any]:
        """The keywords that all drivers take."""
        cell = self.cell
        return {
            "seed": cell.seed,
            "order_seed": cell.order,
            "recipe": cell.recipe,
            "scope": cell.way.scope if not isinstance(cell.way, Dense) else "global",
            "progress": self.progress,
            "train": self.train,
            "task": self.cell.task,
        }


@dataclass(frozen=True)
class Finished:
    """A level that has ended. `kept` is the round with its weights, and `driver` the folder from which it can be read
    again, where a driver saved one; `result` is None where a search found no ticket, and `outcome` says why."""

    level: Level
    round: int
    mask: Mask | None
    result: TrainResult | None
    search_steps: int = 0
    driver: Path | None = None
    kept: Round | None = None
    outcome: str = ""
