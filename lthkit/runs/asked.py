"""How far a run goes: what was asked of it, call by call, in a file of its own; and the levels of its cells that this means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lthkit.cells.cells import DENSE, DENSE_LEVEL, TICKET, Level
from lthkit.pruning.selection import ladder
from lthkit.storage import files

KIND = "experiment"  # of a run whose configuration does not say how far it goes
FILE = "asked.json"
FAR = ("seeds", "rounds", "controls", "control_rounds")
CONTROLS = ("re-initialised", "shuffled")
ARMS = (DENSE, TICKET, *CONTROLS)

Training = tuple[int, str, int]  # round, arm, seed


@dataclass(frozen=True)
class Asked:
    """What one call asks for: rounds 0 to `rounds` of each seed, and these controls at `control_rounds`."""

    seeds: tuple[int, ...]
    rounds: int
    controls: tuple[str, ...] = ()
    control_rounds: tuple[int, ...] = ()

    def arms_at(self, r: int) -> tuple[str, ...]:
        """The arms that are trained at round r."""
        if r == 0:
            return (DENSE,)
        return (TICKET, *(self.controls if r in self.control_rounds else ()))

    @property
    def trainings(self) -> list[Training]:
        """Each training as (round, arm, seed), in the order of a table."""
        return [
            (r, arm, seed)
            for r in range(self.rounds + 1)
            for arm in sorted(self.arms_at(r), key=ARMS.index)
            for seed in sorted(self.seeds)
        ]


def asked_of(folder: Path | str) -> list[Asked]:
    """What was asked of a run so far, the last call's last; none if nothing was noted.

    Raises:
        files.DamagedFile: the file is not what was written.
    """
    try:
        return read_again(files.read_sealed(Path(folder) / FILE)["asked"])
    except FileNotFoundError:
        return []


def noted(folder: Path, asked: Asked) -> None:
    """Note what is asked now. One process at a time calls this."""
    before = asked_of(folder)
    now = [*(one for one in before if one != asked), asked]
    if now != before:
        files.write_sealed(folder / FILE, {"asked": written(now)})


def written(asked: Iterable[Asked]) -> list[dict[str, Any]]:
    """As plain values, for a file."""
    return [{name: list(v) if isinstance(v, tuple) else v for name, v in asdict(a).items()} for a in asked]


def read_again(values: Iterable[Mapping[str, Any]]) -> list[Asked]:
    """The inverse of `written`."""
    return [
        Asked(tuple(one["seeds"]), one["rounds"], tuple(one["controls"]), tuple(one["control_rounds"]))
        for one in values
    ]


def joined(config: Mapping[str, Any], asked: Iterable[Asked]) -> dict[str, Any]:
    """A run's configuration, with how far all these calls together go, as configurations had it when a run did not grow."""
    asked = list(asked)
    far = {
        "seeds": sorted({seed for one in asked for seed in one.seeds}),
        "rounds": max(one.rounds for one in asked),
        "controls": [c for c in CONTROLS if any(c in one.controls for one in asked)],
        "control_rounds": sorted({r for one in asked for r in one.control_rounds}),
    }
    return {name: value for name, value in config.items() if name != "kind"} | far


def all_trainings(asked: Iterable[Asked]) -> list[Training]:
    """The trainings of all these calls, each once, in the order of a table."""
    found = {training for one in asked for training in one.trainings}
    return sorted(found, key=lambda one: (one[0], ARMS.index(one[1]), one[2]))


def level_at(method: str, fraction: float, arm: str, r: int) -> Level:
    """The level of a cell at round r: of imp the round, of one-shot the density that iterative pruning has there."""
    if r == 0:
        return DENSE_LEVEL
    if method == "imp":
        return Level(round=r, arm=arm)
    return Level(density=ladder(fraction, r)[r], arm=arm)


def levels_of(method: str, fraction: float, asked: Asked) -> dict[tuple[int, str], Level]:
    """The levels that are asked of each seed's cell, by round and arm.

    Raises:
        ValueError: two rounds of one-shot pruning are one level, because their densities differ by less than 1 in a million.
    """
    found = {
        (r, arm): level_at(method, fraction, arm, r)
        for r in range(asked.rounds + 1)
        for arm in asked.arms_at(r)
    }
    if len(set(found.values())) < len(found):
        raise ValueError(
            f"fraction={fraction} was given with rounds={asked.rounds}: two of the densities are equal to six digits. Expected a "
            "larger fraction, or fewer rounds."
        )
    return found
