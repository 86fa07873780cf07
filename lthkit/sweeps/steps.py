"""How far each way of a grid goes: its densities, or its rounds on the ladder of IMP, become levels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lthkit.cells.cells import Level
from lthkit.cells.ways import IMP, Hybrid, Way
from lthkit.machine.checks import is_number
from lthkit.sweeps.entries import Entry
from lthkit.sweeps.mistakes import Found, listed, repeated

NEAR = 0.005  # how far, relatively, a density may be from a round of the ladder to be that round


@dataclass(frozen=True)
class Far:
    """How far the grid asks every method to go. fraction: of the ladder; None if there are several."""

    densities: Sequence[Any] | None
    rounds: Sequence[Any] | None
    fraction: float | None
    shared: bool = False  # methods that are counted by density go to these rounds too


def levels_of(entry: Entry, way: Way, far: Far, controls: Sequence[str], found: Found) -> tuple[Level, ...]:
    """The levels that an entry asks of one of its ways."""
    if not way.by:
        return ()
    own = entry.densities is not None or entry.rounds is not None
    place = f"{entry.place}." if own else ""
    densities, rounds = (entry.densities, entry.rounds) if own else (far.densities, far.rounds)
    if densities is not None and rounds is not None:
        found.add(
            f"{place}densities",
            "it was given together with rounds, and both say how far; expected one of them.",
        )
        return ()
    arms = tuple(dict.fromkeys((*entry.arms, *(arm for arm in controls if arm in way.arms))))
    if densities is not None:
        given = densities_of(densities, f"{place}densities", found)
        where = (
            _on_ladder(way, given, f"{place}densities", found)
            if isinstance(way, IMP)
            else _below(way, given, found)
        )
    elif rounds is not None:
        where = _of_rounds(way, rounds_of(rounds, f"{place}rounds", found), place, own, far, found)
    else:
        found.add(
            "densities",
            f"neither densities nor rounds were given, and {entry.method} has to know how far to go; expected such as densities = "
            "[0.2, 0.05], or rounds = [7, 13].",
        )
        return ()
    return tuple(Level(**one, arm=arm) for one in where for arm in arms)


def densities_of(given: Any, place: str, found: Found) -> list[tuple[str, float]]:
    """The densities, each with its place; what is none is a mistake."""
    good: list[tuple[str, float]] = []
    for i, value in enumerate(listed(given, place, found, example="[0.2, 0.05]")):
        here = f"{place}[{i}]"
        rounded = float(f"{value:.6g}") if is_number(value) else 0.0  # as a level takes it
        if not 0 < rounded < 1:
            more = ""
            if is_number(value) and 1 < value <= 100:
                more = f" {value} % are {value / 100:g}."
            if rounded == 1:
                more = ' Density 1 is the method "dense".'
            found.add(
                here, f"{value!r} was given; expected a density, the fraction kept, between 0 and 1.{more}"
            )
            continue
        density = rounded
        if twin := next((where for where, other in good if other == density), None):
            found.add(here, f"{value!r} is the density of {twin} too, to six digits; expected each once.")
            continue
        good.append((here, density))
    return good


def rounds_of(given: Any, place: str, found: Found) -> list[int]:
    """The rounds; what is none is a mistake."""
    good: list[int] = []
    more = (
        f" For all rounds up to there: {list(range(1, given + 1))}; for that one alone: [{given}]."
        if isinstance(given, int) and 0 < given < 30 and not isinstance(given, bool)
        else ""
    )
    if not isinstance(given, list):
        found.add(place, f"{given!r} was given; expected a list of rounds, such as [7, 13].{more}")
        return []
    for i, value in enumerate(listed(given, place, found, example="[7, 13]")):
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            found.add(f"{place}[{i}]", f"{value!r} was given; expected a round, a whole number from 1.")
        elif value == 0:
            found.add(
                f"{place}[{i}]",
                "round 0 is the dense training, which every chain of imp begins with; expected rounds from 1.",
            )
        else:
            good.append(value)
    repeated(good, place, found)
    return good


def _of_rounds(
    way: Way, rounds: Sequence[int], place: str, own: bool, far: Far, found: Found
) -> list[dict[str, Any]]:
    """Rounds are those of the way itself if it is IMP with that ladder; for all others they are the densities there."""
    if isinstance(way, IMP) and way.output_fraction is not None and far.shared and not own:
        found.add(
            f"{place}rounds",
            f"imp with output_fraction={way.output_fraction:g} has other densities at these rounds than the methods beside it, which "
            "go to those of the ladder; expected rounds in its own table, if that is meant.",
        )
        return []
    if isinstance(way, IMP) and (own or way.fraction == far.fraction):
        return [{"round": r} for r in rounds]
    if far.fraction is None:
        found.add(
            "fraction",
            "several fractions were given, and rounds are counted on one ladder; expected one, or rounds in the table of each imp: "
            '{method = "imp", fraction = [0.2, 0.5], rounds = [3]}.',
        )
        return []
    if not is_number(far.fraction) or not 0 < far.fraction < 1:
        found.add("fraction", f"{far.fraction!r} was given; expected a number between 0 and 1, such as 0.2.")
        return []
    given = []
    for r in rounds:
        density = float(f"{(1 - far.fraction) ** r:.6g}")
        if 0 < density < 1:
            given.append((f"{place}rounds", density))
        else:
            found.add(
                f"{place}rounds",
                f"round {r} of a ladder of {far.fraction:g} is density {density:g}; expected one between 0 and 1.",
            )
    if isinstance(way, IMP):
        return _on_ladder(way, given, f"{place}rounds", found)
    return _below(way, given, found)


def _below(way: Way, given: Sequence[tuple[str, float]], found: Found) -> list[dict[str, Any]]:
    for place, density in given:
        if isinstance(way, Hybrid) and density >= way.snip_density:
            found.add(
                place,
                f"density {density:g} was asked of hybrid, which is cut to snip_density={way.snip_density:g} before its rounds; "
                "expected a density below that.",
            )
    return [{"density": density} for _, density in given]


def _on_ladder(
    way: IMP, given: Sequence[tuple[str, float]], whole: str, found: Found
) -> list[dict[str, Any]]:
    """The rounds of IMP at which these densities are reached. One that is not on its ladder is a mistake."""
    if way.output_fraction is not None:
        found.add(
            whole,
            f"densities were asked of imp with output_fraction={way.output_fraction:g}, whose ladder depends on the network; "
            "expected rounds = [...] in its table.",
        )
        return []
    if 1 - way.fraction == 1:
        found.add(
            whole, f"fraction = {way.fraction:g} removes nothing in any round; expected more, such as 0.2."
        )
        return []
    rounds: dict[int, float] = {}
    for place, density in given:
        near = math.log(density) / math.log(1 - way.fraction)
        r = max(1, round(near))
        if abs((1 - way.fraction) ** r / density - 1) > NEAR:
            found.add(place, _off_ladder(way, density, near))
        elif r in rounds:
            found.add(
                place,
                f"density {density:g} is round {r} of imp, and so is {rounds[r]:g}; expected each round once.",
            )
        else:
            rounds[r] = density
    return [{"round": r} for r in rounds]


def _off_ladder(way: IMP, density: float, near: float) -> str:
    beside = [r for r in (math.floor(near), math.ceil(near)) if r >= 1]
    said = " and ".join(f"{(1 - way.fraction) ** r:.6g} (round {r})" for r in beside)
    return (
        f"density {density:g} is no round of imp, which keeps {1 - way.fraction:g} of what remains in each; its nearest densities are "
        f"{said}. Expected such as rounds = {beside} instead of densities, which gives every method the densities of imp."
    )
