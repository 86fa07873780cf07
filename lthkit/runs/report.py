"""What a terminal shows of a run: its table, what may be concluded from it, and the small print of its figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import mean
from typing import Any

from lthkit import evidence
from lthkit.machine.tables import Table
from lthkit.runs.experiments import CONTROLS
from lthkit.storage.records import Row

MARK = "*"


def table(rows: Sequence[Row]) -> Table:
    """One row a density: accuracy, or what the rows are judged by, of each arm (mean ± half of the 95 % interval) and its
    mean early-stop step."""
    by = evidence.judged(rows)
    unit = f" ({by.quantity.unit})" if by.quantity.unit else ""
    arms = ["ticket", *(arm for arm in CONTROLS if evidence.levels(rows, arm))]
    found = Table(
        {
            "weights left (%)": ".2f",
            **{f"{arm}{unit}": "" for arm in arms},
            **{f"early stop, {arm} (step)": ",.0f" for arm in arms},
        },
        title=f"{by.title} of each arm, and its mean early-stop step",
    )
    for level in sorted({row["round"] for row in rows}):
        at = ["dense" if level == 0 and arm == "ticket" else arm for arm in arms]
        found.add(
            100 * evidence.density_of(rows, level),
            *(_accuracy(rows, arm, level) for arm in at),
            *(_stop(rows, arm, level) for arm in at),
        )
    seeds = len({row["seed"] for row in rows})
    spread = "mean ± half of the 95 % interval" if seeds > 1 else "one seed, so no interval"
    found.note(f"{spread}; n = {seeds}. In the first row the ticket is the dense network.")
    if by.quantity.better:
        found.note(f"{by.name}: {by.quantity.better}")
    if any(row["still_improving"] for row in rows):
        found.note(
            f"{MARK} the best step of some seed lies in the last tenth of its budget: more steps might still help"
        )
    return found


def conclusions(rows: Sequence[Row], *, target: float = 0.036) -> Iterator[str]:
    """Paired differences at the density nearest to `target` that has controls, in percentage points with interval, as sentences."""
    seeds = len({row["seed"] for row in rows})
    controls = [arm for arm in CONTROLS if evidence.levels(rows, arm)]
    if (level := _compared(rows, target)) is None:
        return
    by = evidence.judged(rows)
    parts = [_points(evidence.paired(rows, ("ticket", level), ("dense", 0)), by) + " against dense"]
    parts += [
        _points(evidence.paired(rows, ("ticket", level), (arm, level)), by) + f" against {arm}"
        for arm in controls
    ]
    yield (
        f"the ticket with {100 * evidence.density_of(rows, level):.2g} % of the weights, in {by.points}: "
        + ", ".join(parts)
    )
    how = (
        "paired differences, 95 % t-interval in brackets"
        if seeds > 1
        else "one seed: no interval, so no claim"
    )
    yield f"({how}; n = {seeds} seeds)"


def differences(rows: Sequence[Row], *, target: float = 0.036) -> Table | None:
    """What `conclusions` says, as a table; None where nothing can be compared."""
    if (level := _compared(rows, target)) is None:
        return None
    controls, by = [arm for arm in CONTROLS if evidence.levels(rows, arm)], evidence.judged(rows)
    others = [("dense", 0), *((arm, level) for arm in controls)]
    return evidence.differences(
        {
            f"ticket - {other[0]}": evidence.paired(rows, ("ticket", level), other).times(by.scale)
            for other in others
        },
        unit=by.points,
        title=f"The ticket with {100 * evidence.density_of(rows, level):.2g} % of the weights",
        digits=1 if by.scale == 100 else 4,
        notes=["paired differences over seeds"],
    )


def stamp(config: dict[str, Any], summary: dict[str, Any]) -> str:
    """Small print of a figure: model, data, seeds, budget of a training, tier, device."""
    seeds, recipe = config["seeds"], config["recipe"]
    noun = "seed" if len(seeds) == 1 else "seeds"
    return (
        f"{config['model']}, {summary['data']}, {len(seeds)} {noun}, at most {recipe['steps']:,} steps, "
        f"tier {config['tier']}, {summary['device']}, lthkit {summary['environment']['lthkit']}"
    )


def _accuracy(rows: Sequence[Row], arm: str, level: int) -> str | None:
    values = list(evidence.by_seed(rows, arm, level).values())
    if not values:
        return None
    by = evidence.judged(rows)
    band = evidence.interval([by.scale * v for v in values], within=by.within)
    return format(band, by.form) + (MARK if evidence.unfinished(rows, arm, level) else "")


def _stop(rows: Sequence[Row], arm: str, level: int) -> float | None:
    values = list(evidence.by_seed(rows, arm, level, "best_step").values())
    return mean(values) if values else None


def _compared(rows: Sequence[Row], target: float) -> int | None:
    """The round whose tickets are compared: that nearest to `target` which has controls, else the last one."""
    controls = [arm for arm in CONTROLS if evidence.levels(rows, arm)]
    at = evidence.levels(rows, controls[0] if controls else "ticket")
    if not at:
        return None
    return min(at, key=lambda r: abs(evidence.density_of(rows, r) - target)) if controls else at[-1]


def _points(band: evidence.Interval, by: evidence.Judged) -> str:
    form, band = f"+{by.form}", band.times(by.scale)
    if band.unspread:
        return f"{band.mean:{form}} ({band.says})"
    edge = f" [{band.low:{form}}, {band.high:{form}}]" if band.n > 1 else ""
    return f"{band.mean:{form}}{edge}"
