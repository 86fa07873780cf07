"""What is said under the figures and tables of a sweep: how many seeds, what is missing, and what has no interval."""

from __future__ import annotations

from collections.abc import Sequence

from lthkit.evidence.grouping import NEAR, TICKET, seeds_told
from lthkit.plots.sweep_panels import Curve, Panel, percent

_LINES = 7  # sentences under a figure; a table has all of them


def remarks(found: Sequence[Panel]) -> list[str]:
    """Sentences on the seeds, on searches without a ticket, and on levels that some lines or seeds do not have."""
    said = []
    for panel in found:
        before = f"{panel.title}: " if len(found) > 1 else ""
        said += [f"{before}{sentence}" for sentence in cautions(panel)]
    return [*_seeds(found), *said]


def cautions(panel: Panel) -> list[str]:
    """Why lines may not be comparable, and what they lack: other settings, searches without a ticket, missing levels."""
    return [*unlike(panel), *_lost(panel), *_lacking(panel), *_absent(panel)]


def shortened(sentences: Sequence[str], table: str = "plots.sweep_tables") -> list[str]:
    """As many sentences as there is room for under a figure; the last one says how many more there are."""
    if len(sentences) <= _LINES:
        return list(sentences)
    more = len(sentences) - _LINES + 1
    return [*sentences[: _LINES - 1], f"And {more} remarks more: see {table}."]


def counts(curve: Curve) -> tuple[int, ...]:
    """How many seeds the means of a curve have, each number once."""
    return tuple(sorted({band.n for _, band in curve.drawn}))


def _seeds(found: Sequence[Panel]) -> list[str]:
    numbers = {n for panel in found for curve in panel.all for n in counts(curve)}
    if not numbers:
        return ["No training has a result yet."]
    if len(numbers) == 1:
        (n,) = numbers
        return ["One seed each: no interval, no claim." if n == 1 else f"Each mean is of n = {n} seeds."]
    said = []
    for panel in found:
        before = f"{panel.title}: " if len(found) > 1 else ""
        groups: dict[tuple[int, ...], list[str]] = {}
        for curve in panel.all:
            if of := counts(curve):
                groups.setdefault(of, []).append(curve.name)
        parts = [
            f"{' to '.join(map(str, (of[0], of[-1])[: len(of)]))} for {', '.join(names)}"
            for of, names in sorted(groups.items(), reverse=True)
        ]
        if len(parts) == 1:
            parts = [parts[0].partition(" for ")[0] + " for all"]
        said.append(f"{before}Seeds of a mean (n): {'; '.join(parts)}.")
    return [*said, "One seed has no interval."] if 1 in numbers else said


def unlike(panel: Panel) -> list[str]:
    """Settings of the training in which the lines differ, so that a difference may come from there."""
    return [
        f"Trained differently, {setting.replace('_', ' ')}: "
        + "; ".join(f"{value} for {', '.join(names)}" for value, names in values.items())
        + "."
        for setting, values in panel.unlike.items()
    ]


def _lost(panel: Panel) -> list[str]:
    """Searches that ended without a ticket, and trainings without a result."""
    said = []
    for curve in panel.all:
        outcomes = dict.fromkeys(outcome for spot in curve.spots for outcome in spot.lost)
        for outcome in outcomes:
            parts = [
                f"{percent(spot.density)} ({seeds_told(spot.lost[outcome])})"
                for spot in curve.spots
                if outcome in spot.lost
            ]
            said.append(f"{curve.name}: {outcome} at {', '.join(parts)}.")
    return said


def _lacking(panel: Panel) -> list[str]:
    """Levels of a line that some of its own seeds do not have."""
    said = []
    for curve in panel.all:
        seeds = {seed for spot in curve.spots for seed in _known(spot.values, spot.lost)}
        groups: dict[tuple[int, ...], list[str]] = {}
        for spot in curve.spots:
            if missing := seeds - _known(spot.values, spot.lost):
                groups.setdefault(tuple(sorted(missing)), []).append(percent(spot.density))
        said += [
            f"{curve.name}: {seeds_told(missing)} missing at {', '.join(at)}."
            for missing, at in groups.items()
        ]
    return said


def _known(values: dict[int, float], lost: dict[str, tuple[int, ...]]) -> set[int]:
    return {*values, *(seed for seeds in lost.values() for seed in seeds)}


def _absent(panel: Panel) -> list[str]:
    """Densities that other lines were asked for, and a line was not: for lines of tickets that are counted by density."""
    asked = {
        curve.name: [spot.asked for spot in curve.spots if spot.asked is not None]
        for curve in panel.curves
        if curve.arm == TICKET and any(spot.asked is not None for spot in curve.spots)
    }
    every = sorted({density for own in asked.values() for density in own}, reverse=True)
    return [
        f"{name}: no training at {', '.join(percent(100 * density) for density in missing)}."
        for name, own in asked.items()
        if (
            missing := [at for at in every if not any(abs(at - near) <= NEAR * max(at, near) for near in own)]
        )
    ]
