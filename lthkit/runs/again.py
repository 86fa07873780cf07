"""Is a measurement the recorded one? By the loss, and by every metric of the task, whatever its unit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lthkit.evidence.findings import FAILS, HOLDS, OPEN, Finding, cannot_tell, fails, holds
from lthkit.training.metrics import ACCURACY, METRICS, Quantity
from lthkit.training.results import MetricPoint, Point, TrainResult
from lthkit.training.tallies import Measured, Metrics

EXACT, NEAR = 1e-6, 1e-3  # relative differences of a loss: the same bits and sums, another machine's rounding
FRACTION = 0.005  # of a metric in %, the difference that rounding on another machine may make


def same(
    found: Metrics | Measured, point: Point | MetricPoint, units: Mapping[str, str], *, own_loop: bool = False
) -> tuple[str, str]:
    """A verdict, and in which sense the measurement is the recorded one: "again", "but for rounding", or why it is not.

    Args:
        units: of the metrics, by name, as `units_of` has them.
        own_loop: a loop of one's own wrote the record, which may take another function for its loss, or other metrics.
    """
    recorded = point.validation_metrics
    if odd := sorted(recorded.keys() - found.metrics.keys()):
        return OPEN, f"the record has {', '.join(odd)}, which the task of the configuration does not measure"
    apart = abs(found.loss - point.validation_loss) / max(abs(point.validation_loss), 1e-12)
    equal = all(found.metrics[name] == value for name, value in recorded.items())
    if not apart <= NEAR:
        if own_loop and equal and math.isfinite(found.loss):
            return (
                OPEN,
                "the metric is the recorded one and the loss is not: the loop may take another function for it",
            )
        return FAILS, ""
    if apart <= EXACT and equal:
        return HOLDS, "again"
    odd = [name for name, value in recorded.items() if not _near(found.metrics[name], value, units.get(name))]
    if not odd:
        return HOLDS, "but for rounding"
    if apart <= EXACT or any(units.get(name) == "%" for name in odd):
        return FAILS, ""
    return OPEN, f"the loss differs by rounding, and how much that moves {', '.join(odd)} is not known"


def _near(found: float, recorded: float, unit: str | None) -> bool:
    if unit == "%":
        return abs(found - recorded) < FRACTION
    return math.isclose(found, recorded, rel_tol=5 * NEAR)


def units_of(config: Mapping[str, Any]) -> dict[str, str]:
    """The unit of each metric of a run, by its configuration."""
    return {quantity.name: quantity.unit for quantity in quantities_of(config)}


def quantities_of(config: Mapping[str, Any]) -> list[Quantity]:
    """What each metric of a run measures, by its configuration, the first one before the others."""
    task = config.get("task", {})
    usual = ["rmse"] if task.get("loss") == "mse" else ["accuracy"]
    found = []
    for one in task.get("metrics", usual):
        if isinstance(one, Mapping):
            found.append(Quantity(one["name"], one["unit"], one["direction"]))
        else:
            found.append(METRICS[one].quantity if one in METRICS else Quantity(one, "", "higher"))
    return found or [ACCURACY]


def told(config: Mapping[str, Any], metrics: Mapping[str, float]) -> str:
    """Metrics in words: "85.20 %" for the accuracy of the default task, else "rmse 0.2 m, mae 0.1 m"."""
    known = {quantity.name: quantity for quantity in quantities_of(config)}
    if "task" not in config and list(metrics) == [ACCURACY.name]:
        return ACCURACY.told(metrics[ACCURACY.name])
    return ", ".join(f"{n} {known[n].told(v) if n in known else f'{v:.4g}'}" for n, v in metrics.items())


def compared(
    config: Mapping[str, Any],
    found: Metrics | Measured,
    point: Point | MetricPoint,
    *,
    own_loop: bool = False,
) -> Finding:
    """What was measured of trained weights, beside what the record has of the last step."""
    verdict, words = same(found, point, units_of(config), own_loop=own_loop)
    recorded = point.validation_metrics
    if verdict == HOLDS:
        return holds(
            "measured",
            f"The trained weights give the recorded validation {next(iter(recorded))} of the last step {words}.",
        )
    if verdict == FAILS:
        return fails(
            "measured",
            f"The trained weights give {told(config, found.metrics)} on the validation split (loss {found.loss:.4f}), and the record has "
            f"{told(config, recorded)} (loss {point.validation_loss:.4f}).",
        )
    return cannot_tell("measured", f"Not judged, because {words}.")


def last_point(result: TrainResult, last: int) -> Point | MetricPoint | None:
    """What was measured of the weights after step `last`; None if nothing was, as a loop of one's own may leave it."""
    if result.history and result.history[-1].step == last:
        return result.history[-1]
    if result.best_step == last:
        return MetricPoint(last, math.nan, result.validation_loss, dict(result.validation_metrics))
    return None
