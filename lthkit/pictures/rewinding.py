"""Rewinding: where an arm's weights and learning rate come from, what it reaches, and the path between two children of it."""

from __future__ import annotations

from typing import Any

from lthkit import evidence
from lthkit.pictures.bands import band, rows_of
from lthkit.pictures.texts import Texts
from lthkit.runs.results import load, recorded
from lthkit.storage.records import Row
from lthkit.training.optimizers import learning_rate

RECORD = "rewinding-fails"
TEXTS = Texts(
    title="Rewinding",
    lead=(
        "One mask, trained again from the state of some step. Move the step: where do the weights come from, and the learning "
        "rate? Watch what the ticket reaches, and how high the error is between two networks that had the same start."
    ),
    still="This picture answers where scripts run. The figure below says the same standing still.",
    source=(
        "Recorded run rewinding-fails: a small network with batch norm on the embedded Fashion-MNIST, 8 % of the weights, ten "
        "seeds (100 to 109), 2,500 steps of SGD, accuracy on the test split, paths on the validation split. Bars are 95 % "
        "intervals, of differences paired by seed; dots and thin lines are seeds."
    ),
)
CASES = {  # key: (size, recipe, words)
    "14": (14, "lr 0.3", "14×14 pixels"),
    "28": (28, "lr 0.3", "28×28 pixels"),
    "low": (14, "lr 0.03", "14×14, low learning rate"),
    "warm": (14, "lr 0.3 with warm-up", "14×14, warm-up"),
}
PLACES = 50  # of the drawn learning rate


def data(address: bool) -> dict[str, Any]:
    """What the picture is given; the same on a page and in a notebook."""
    config = load(recorded(RECORD))[0]
    tables = {name: rows_of(RECORD, f"{name}.csv") for name in ("table", "barriers", "paths")}
    steps = sorted({row["k"] for row in tables["barriers"]})
    return {
        "steps": steps,
        "all": config["recipe"]["steps"],
        "alphas": config["alphas"],
        "cases": {key: {"label": case[2]} | _case(config, tables, *case[:2]) for key, case in CASES.items()},
    }


def _case(config: dict[str, Any], tables: dict[str, list[Row]], size: int, recipe: str) -> dict[str, Any]:
    own = {
        name: [r for r in rows if (r["size"], r["recipe"]) == (size, recipe)] for name, rows in tables.items()
    }
    of_recipe = config["recipes"][recipe]
    last = of_recipe["steps"] - 1

    def rate(step: int) -> float:
        shape = {name: of_recipe[name] for name in ("steps", "schedule", "warmup")}
        return learning_rate(step, base=of_recipe["lr"], **shape)

    steps = {row["k"] for row in own["table"] if row["arm"] == f"from step {row['k']}"}
    lent = {row["k"] for row in own["table"] if row["arm"] == f"from step {row['k']} of another seed"}
    return {
        "lr": [round(rate(i * last // PLACES), 6) for i in range(PLACES + 1)],
        "rates": {k: round(rate(k), 4) for k in sorted(steps)},
        "dense": _arm(own["table"], "dense"),
        "own": {k: _arm(own["table"], f"from step {k}") for k in sorted(steps)},
        "foreign": {k: _arm(own["table"], f"from step {k} of another seed") for k in sorted(lent)},
        "fresh": _arm(own["table"], "re-initialised"),
        "paths": {k: _path(own, k) for k in sorted({row["k"] for row in own["barriers"]})},
    }


def _arm(rows: list[Row], arm: str) -> dict[str, Any]:
    level = 0 if arm == "dense" else 1
    values = [100 * v for v in evidence.by_seed(rows, arm, level, "test_accuracy").values()]
    found = {"accuracy": band(evidence.interval(values, within=evidence.PERCENT))}
    if arm != "dense":
        gap = evidence.paired(rows, (arm, level), ("dense", 0), "test_accuracy")
        found["gap"] = band(gap.times(100))
    return found


def _path(tables: dict[str, list[Row]], k: int) -> dict[str, Any]:
    """The rise of the error between a ticket and its twin, and the error along the way: a line a seed, in percent."""
    heights = [row["barrier"] for row in tables["barriers"] if row["k"] == k]
    lines: dict[int, list[float]] = {}
    for row in sorted((r for r in tables["paths"] if r["k"] == k), key=lambda r: r["alpha"]):
        lines.setdefault(row["seed"], []).append(round(100 * row["error"], 2))
    return {
        "barrier": band(evidence.interval(heights, within=evidence.POSITIVE)),
        "errors": list(lines.values()),
    }
