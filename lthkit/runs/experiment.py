"""An experiment as a value: what `lthkit run` is asked for, one cell for each seed, and how far these go."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from lthkit.cells.cells import Cell
from lthkit.cells.ways import IMP, SCOPES, OneShot
from lthkit.data.datasets import Dataset
from lthkit.machine.checks import check_whole, did_you_mean
from lthkit.machine.tiers import tier as tier_by_name
from lthkit.models import model_by_name
from lthkit.runs.asked import CONTROLS, FAR, KIND, Asked, levels_of
from lthkit.training.loop import MOMENTUM_POLICIES
from lthkit.training.recipes import Recipe
from lthkit.training.tasks import Task

METHODS = ("imp", "one-shot")


@dataclass(frozen=True)
class Experiment:
    """All that decides the numbers of a run, but for the data itself; and how far the run goes.

    How far it goes (seeds, rounds, controls, control_rounds) is no part of its configuration: a run grows.

    tier: the size that `recipe` was made for; figures say it. controls: which of `CONTROLS` to train, at the rounds in `control_rounds`.
    output_fraction: for scope "layerwise", the fraction of the output layer (half the others' in the paper).
    task: the loss and the metrics; the first metric is what its tables and figures show.
    """

    name: str
    model: str
    recipe: Recipe
    tier: str = "laptop"
    seeds: tuple[int, ...] = (0, 1, 2)
    method: str = "imp"
    rounds: int = 5
    fraction: float = 0.2
    output_fraction: float | None = None
    scope: str = "global"
    rewind_step: int = 0
    momentum: str = "restore"
    controls: tuple[str, ...] = ()
    control_rounds: tuple[int, ...] = ()
    task: Task = Task()  # noqa: RUF009  (frozen)

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("method", self.method, METHODS),
            ("scope", self.scope, SCOPES),
            ("momentum", self.momentum, MOMENTUM_POLICIES),
        ):
            if value not in choices:
                raise ValueError(f"{name}={value!r} was given; expected one of {', '.join(choices)}.")
        tier_by_name(self.tier)
        for name, fraction in (("fraction", self.fraction), ("output_fraction", self.output_fraction)):
            known = isinstance(fraction, int | float) or (fraction is None and name == "output_fraction")
            if not known or not 0 < (0.5 if fraction is None else fraction) < 1:
                raise ValueError(
                    f"{name}={fraction!r} was given; expected a number between 0 and 1, such as 0.2."
                )
        whole = isinstance(self.seeds, tuple) and all(isinstance(seed, int) for seed in self.seeds)
        if not whole or not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"seeds={self.seeds} were given; expected different whole numbers, 0 or more.")
        if not 0 <= self.rewind_step < self.recipe.steps:
            raise ValueError(
                f"rewind_step={self.rewind_step} was given, but a training has {self.recipe.steps} steps; expected 0 to "
                f"{self.recipe.steps - 1}."
            )
        check_whole("rounds", self.rounds, 1)
        if bad := [r for r in self.control_rounds if not 1 <= r <= self.rounds]:
            raise ValueError(f"control_rounds={bad} were given; expected rounds from 1 to {self.rounds}.")
        if unknown := [c for c in self.controls if c not in CONTROLS]:
            raise ValueError(
                f"controls={unknown} were given; expected some of {', '.join(CONTROLS)}.{did_you_mean(unknown[0], CONTROLS)}"
            )
        model_by_name(self.model)
        levels_of(self.method, self.fraction, self.asked)
        self.cell("", 0)

    def cell(self, data: str, seed: int) -> Cell:
        """The chain of one seed, on the data of this name."""
        way: IMP | OneShot = OneShot(self.scope, self.rewind_step, self.momentum)
        if self.method == "imp":
            way = IMP(self.fraction, self.output_fraction, self.scope, self.rewind_step, self.momentum)
        return Cell(way, self.model, data, self.recipe, seed, task=self.task)

    def config(self, data: Dataset, device: str) -> dict[str, Any]:
        """The canonical configuration, from which the name of the run's folder is made; how far it goes is not in it."""
        left_out = ("recipe", "task", *FAR)
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in left_out}
        own |= {"recipe": self.recipe.config()} | ({} if self.task.default else {"task": self.task.config()})
        return (
            {"kind": KIND} | own | {"data": data.name, "data_fingerprint": data.fingerprint, "device": device}
        )

    @property
    def asked(self) -> Asked:
        """How far it goes."""
        return Asked(**{name: getattr(self, name) for name in FAR})

    @property
    def trainings(self) -> int:
        """How many trainings the experiment takes."""
        return len(self.asked.trainings)

    @property
    def budget(self) -> int:
        """Updates of all trainings together, if none stops early."""
        late = self.recipe.steps - self.rewind_step
        controls = len(self.controls) * len(self.control_rounds)
        return len(self.seeds) * (self.recipe.steps + late * self.rounds + self.recipe.steps * controls)
