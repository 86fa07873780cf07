"""A cell is one chain of trainings of one seed; a level is one training in it. A cell is finished *up to* some levels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lthkit.cells.networks import model_identity
from lthkit.cells.ways import Way, at_last_rate, settings_of
from lthkit.data.datasets import Dataset
from lthkit.machine.checks import check_whole, did_you_mean, is_number
from lthkit.machine.seeds import derived_seed
from lthkit.storage.records import run_id
from lthkit.training.recipes import Recipe
from lthkit.training.tasks import Task

DENSE, TICKET = "dense", "ticket"


@dataclass(frozen=True)
class Level:
    """One training that is asked of a cell: the arm, and the round (of IMP) or the density (of all others) at which.

    A density is taken to six significant digits, so that one that was computed and one that was typed are the same level.
    """

    round: int | None = None
    density: float | None = None
    arm: str = TICKET

    def __post_init__(self) -> None:
        if (self.round is None) == (self.density is None):
            raise ValueError(
                f"round={self.round!r}, density={self.density!r} were given; expected one of the two."
            )
        if self.round is not None:
            object.__setattr__(self, "round", check_whole("round", self.round, 0))
            return
        rounded = float(f"{float(self.density):.6g}") if is_number(self.density) else 0.0  # type: ignore[arg-type]
        if not 0 < rounded < 1:
            raise ValueError(
                f"density={self.density!r} was given; expected a number between 0 and 1 (to six digits), such as 0.05."
            )
        object.__setattr__(self, "density", rounded)

    @property
    def name(self) -> str:
        """Of the folder that the finished level gets: dense, ticket-round-03, shuffled-density-0.05."""
        if self == DENSE_LEVEL:
            return DENSE
        return (
            f"{self.arm}-round-{self.round:02d}"
            if self.density is None
            else f"{self.arm}-density-{self.density:.6g}"
        )


DENSE_LEVEL = Level(round=0, arm=DENSE)


@dataclass(frozen=True)
class Cell:
    """All that decides the numbers of a chain, but for how far it goes and the data themselves.

    way: see `ways`. model: a name in `models.MODELS`, or "package.module:function". data: what `load_data` takes. size: of
    the pictures in a folder. task: the loss and the metrics. The order of the data comes from `derived_seed(seed, "order")`.
    """

    way: Way
    model: str
    data: str
    recipe: Recipe
    seed: int = 0
    size: int | tuple[int, int] | None = None
    task: Task = Task()  # noqa: RUF009  (frozen)

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", check_whole("seed", self.seed, 0))
        step = getattr(self.way, "rewind_step", 0)
        if step >= self.recipe.steps:
            raise ValueError(
                f"rewind_step={step} was given, but a training has {self.recipe.steps} steps; expected 0 to {self.recipe.steps - 1}."
            )

    @property
    def method(self) -> str:
        """The name of its way: dense, imp, one-shot, prune-at-init, early-bird or hybrid."""
        return self.way.name

    @property
    def order(self) -> int:
        """Seed of the data order."""
        return derived_seed(self.seed, "order")

    def config(self, data: Dataset) -> dict[str, Any]:
        """The canonical configuration, from which the id is made. Where the data lie is not in it; what they are is."""
        return {
            "kind": "cell",
            "method": self.method,
            **settings_of(self.way),
            "model": model_identity(self.model),
            "data": data.name,
            "data_fingerprint": data.fingerprint,
            "device": data.device.type,
            "recipe": self.recipe.config(),
            "seed": self.seed,
        } | ({} if self.task.default else {"task": self.task.config()})

    def id(self, data: Dataset) -> str:
        """Method, and twelve hex digits of the configuration: its folder's name."""
        return id_of(self.config(data))

    def levels(self, asked: Iterable[Level]) -> list[Level]:
        """These levels, dense first, in the order in which the chain comes to them, each once.

        ValueError for one that this way does not have.
        """
        chosen = sorted({DENSE_LEVEL, *asked} if self.has_dense else set(asked), key=_order)
        for level in chosen:
            if level != DENSE_LEVEL or not self.has_dense:
                self._check(level)
        return chosen

    @property
    def has_dense(self) -> bool:
        """True if the chain begins with a dense training."""
        return self.method in ("dense", "imp", "one-shot")

    def _check(self, level: Level) -> None:
        by, arms = self.way.by, self.way.arms
        if not arms:
            raise ValueError(f"{level} was asked of {self.method}, which has the dense training alone.")
        if level.arm not in arms:
            raise ValueError(
                f"arm={level.arm!r} was asked of {self.method}; expected one of {', '.join(arms)}.{did_you_mean(level.arm, arms)}"
            )
        if (level.density is None) == (by == "density") or (level.round is None) == (by == "round"):
            raise ValueError(f"{level} was asked of {self.method}, whose levels are counted by {by}.")
        if by == "round" and level.round == 0:
            raise ValueError("Round 0 is the dense training; expected a round from 1 for an arm.")
        if level.arm == "fine-tune":
            at_last_rate(self.recipe)  # a rate of 0, say, is refused now and not after the dense training


def id_of(config: Mapping[str, Any]) -> str:
    """The id of the cell that has this configuration."""
    return run_id(config["method"], config, digits=12)


def _order(level: Level) -> tuple[float, str]:
    """Rounds upwards, densities downwards; of one mask the ticket first."""
    where = float(level.round) if level.round is not None else 1 - (level.density or 0.0)
    return where, "" if level.arm in (DENSE, TICKET) else level.arm
