"""What a terminal shows of a run: its table, what may be concluded from it, and the small print of its figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import mean
from typing import Any

from lthkit import evidence
from lthkit.runs.experiments import CONTROLS
from lthkit.storage.records import Row

MARK = "*"


def table(rows: Sequence[Row]) -> str:
    """One line a density: accuracy of each arm (mean ± half of the 95 % interval) and the mean early-stop steps."""
    arms = ["ticket", *(arm for arm in CONTROLS if evidence.levels(rows, arm))]
    head = ["weights left", *arms, "early stop (" + " / ".join(arms) + ")"]
    lines = [head]
    for level in sorted({row["round"] for row in rows}):
        at = ["dense" if level == 0 and arm == "ticket" else arm for arm in arms]
        cells = [_accuracy(rows, arm, level) for arm in at]
        stops = " / ".join(_stop(rows, arm, level) for arm in at)
        lines.append([f"{100 * evidence.density_of(rows, level):.2f} %", *cells, stops])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = [
        " ".join(
            cell.rjust(w) if i == 0 else "  " + cell.ljust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    if any(row["still_improving"] for row in rows):
        text.append(
            f" {MARK} the best step of some seed lies in the last tenth of its budget: more steps might still help"
        )
    return "\n".join(line.rstrip() for line in text)


def conclusions(rows: Sequence[Row], *, target: float = 0.036) -> Iterator[str]:
    """Paired differences at the density nearest to `target` that has controls, in percentage points with interval."""
    seeds = len({row["seed"] for row in rows})
    controls = [arm for arm in CONTROLS if evidence.levels(rows, arm)]
    at = evidence.levels(rows, controls[0] if controls else "ticket")
    if not at:
        return
    level = min(at, key=lambda r: abs(evidence.density_of(rows, r) - target))
    if not controls:
        level = at[-1]
    parts = [_points(evidence.paired(rows, ("ticket", level), ("dense", 0))) + " against dense"]
    parts += [
        _points(evidence.paired(rows, ("ticket", level), (arm, level))) + f" against {arm}"
        for arm in controls
    ]
    yield (
        f"the ticket with {100 * evidence.density_of(rows, level):.2g} % of the weights, in points of test accuracy: "
        + ", ".join(parts)
    )
    how = (
        "paired differences, 95 % t-interval in brackets"
        if seeds > 1
        else "one seed: no interval, so no claim"
    )
    yield f"({how}; n = {seeds} seeds)"


def stamp(config: dict[str, Any], summary: dict[str, Any]) -> str:
    """Small print of a figure: model, data, seeds, budget of a training, tier, device."""
    seeds, recipe = config["seeds"], config["recipe"]
    noun = "seed" if len(seeds) == 1 else "seeds"
    return (
        f"{config['model']}, {summary['data']}, {len(seeds)} {noun}, at most {recipe['steps']:,} steps, "
        f"tier {config['tier']}, {summary['device']}, lthkit {summary['environment']['lthkit']}"
    )


def _accuracy(rows: Sequence[Row], arm: str, level: int) -> str:
    values = list(evidence.by_seed(rows, arm, level).values())
    if not values:
        return "–"
    band = evidence.interval(values)
    spread = f" ± {100 * band.half:.1f}" if band.n > 1 else ""
    return f"{100 * band.mean:.1f}{spread} %" + (MARK if evidence.unfinished(rows, arm, level) else "")


def _stop(rows: Sequence[Row], arm: str, level: int) -> str:
    values = list(evidence.by_seed(rows, arm, level, "best_step").values())
    return f"{mean(values):,.0f}" if values else "–"


def _points(band: evidence.Interval) -> str:
    edge = f" [{100 * band.low:+.1f}, {100 * band.high:+.1f}]" if band.n > 1 else ""
    return f"{100 * band.mean:+.1f}{edge}"
