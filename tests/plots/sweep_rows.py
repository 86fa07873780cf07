"""Rows of made-up sweeps, with the columns that `cells.rows.joined` gives: what tests of their figures are drawn from."""

from __future__ import annotations

import math
from collections.abc import Sequence

METHODS = {
    "imp": {"fraction": 0.2, "rewind_step": 0, "momentum": "restore", "scope": "global"},
    "one-shot": {"rewind_step": 0, "momentum": "restore", "scope": "global"},
    "prune-at-init snip": {"score": "snip", "iterations": 1, "images": 100, "scope": "global"},
    "prune-at-init synflow": {"score": "synflow", "iterations": 100, "images": 100, "scope": "global"},
    "early-bird": {"window": 5, "threshold": 0.1, "rule": "newest", "scope": "global"},
    "hybrid": {
        "snip_density": 0.5,
        "rounds": 3,
        "images": 100,
        "rewind_step": 0,
        "momentum": "restore",
        "scope": "global",
    },
}
SETTINGS = (
    *("score", "iterations", "images", "snip_density", "fraction", "output_fraction", "rounds"),
    *("rewind_step", "momentum", "scope", "window", "threshold", "rule"),
)
RECIPE = {
    "recipe_steps": 2000,
    "recipe_batch_size": 60,
    "recipe_optimizer": "adam",
    "recipe_lr": 0.0012,
    "recipe_milestones": "",
    "recipe_patience": None,
}
DENSITIES = (0.512, 0.21, 0.107, 0.055, 0.018)  # those of IMP's rounds 3, 7, 10, 13 and 18


def sweep_row(kind: str, seed: int, density: float, value: float, **more) -> dict:
    """One row. `kind` is a key of METHODS, or "dense"; more: other columns."""
    method = kind.partition(" ")[0]
    by_round = method == "imp"
    round_ = round(math.log(density) / math.log(0.8)) if by_round else 0 if method == "dense" else 1
    search = {"imp": 2000 * round_, "one-shot": 2000, "early-bird": 700, "hybrid": 6000}.get(method, 0)
    row = {
        "cell": f"{kind.replace(' ', '-')}-{seed}",
        "method": method,
        "model": "lenet-300-100",
        "data": "fashion-mnist",
        "device": "cpu",
        "arm": "dense" if method == "dense" else "ticket",
        "seed": seed,
        "round": round_,
        "density": 0.8**round_ if by_round else density,
        "test_accuracy": value,
        "validation_accuracy": value,
        "validation_loss": 0.4,
        "best_step": 1200,
        "still_improving": False,
        "steps": 2000,
        "seconds": 3.0,
        "asked": None if by_round or method == "dense" else density,
        "search_steps": search,
        "outcome": "",
        **dict.fromkeys(SETTINGS),
        **METHODS.get(kind, {}),
        **RECIPE,
    }
    return {**row, **more}


def sweep_rows(
    kinds: Sequence[str] = tuple(METHODS),
    densities: Sequence[float] = DENSITIES,
    seeds: int = 5,
    models: Sequence[str] = ("lenet-300-100", "conv-2"),
    *,
    dense: bool = True,
) -> list[dict]:
    """A sweep of several methods, with a dense training for each seed: a hill and a cliff, as measured ones have."""
    rows = []
    for m, model in enumerate(models):
        for seed in range(seeds):
            luck = 0.004 * math.sin(2.7 * seed + m)
            top = 0.872 + 0.03 * m + luck
            if dense:
                for kind in ("imp", "one-shot"):
                    rows.append(
                        sweep_row(
                            "dense", seed, 1.0, top, model=model, method=kind, cell=f"{kind}-{model}-{seed}"
                        )
                    )
            for i, kind in enumerate(kinds):
                for density in densities:
                    gain = 0.012 * math.exp(-((math.log10(density) + 0.9) ** 2)) / (1 + 0.6 * i)
                    fall = 0.0006 * (i + 1) / density
                    value = top + gain - fall + 0.003 * math.sin(5.1 * seed + 2 * i + 40 * density)
                    rows.append(
                        sweep_row(
                            kind,
                            seed,
                            density,
                            value,
                            model=model,
                            cell=f"{kind}-{model}-{seed}".replace(" ", "-"),
                        )
                    )
    return rows


def error_rows() -> list[dict]:
    """A sweep of a regression, whose rmse is the better the lower it is."""
    rows = []
    for row in sweep_rows(("imp", "one-shot", "prune-at-init snip"), models=("mlp",)):
        value = 0.03 * (1 - row.pop("test_accuracy"))
        row.pop("validation_accuracy")
        measured = {"test_metric": value, "validation_metric": value, "metric": "rmse", "unit": "m"}
        rows.append(row | measured | {"direction": "lower", "data": "diabetes"})
    return rows


def holey_rows() -> list[dict]:
    """As a real sweep is half way: seeds and levels missing, searches without a ticket, trainings that still improve."""
    rows = []
    for row in sweep_rows(models=("lenet-300-100",)):
        if row["method"] == "early-bird" and row["asked"] == 0.018 and row["seed"] in (1, 4):
            nothing = dict.fromkeys(("density", "test_accuracy", "validation_accuracy", "still_improving"))
            row |= nothing | {"steps": 0, "search_steps": 1900, "outcome": "never stable"}
        if row["method"] == "hybrid" and row["seed"] > 1:
            continue
        if row["method"] == "imp" and row["arm"] == "ticket" and row["seed"] == 3 and row["density"] < 0.1:
            continue
        if row["score"] == "snip" and row["asked"] == 0.018:
            continue
        if row["method"] == "one-shot" and row["asked"] == 0.055 and row["seed"] == 2:
            row["still_improving"] = True
        rows.append(row)
    return rows


def arm_rows(seeds: int = 5) -> list[dict]:
    """Many lines with long names: every arm of one-shot at two rewind steps."""
    rows = []
    for step in (0, 500):
        for i, arm in enumerate(("ticket", "lr-rewind", "fine-tune", "re-initialised")):
            for row in sweep_rows(
                ("one-shot",), seeds=seeds, models=("lenet-300-100",), dense=step == 0 and i == 0
            ):
                if row["arm"] != "dense":
                    row |= {"arm": arm, "rewind_step": step, "cell": f"one-shot-{step}-{row['seed']}"}
                    row["test_accuracy"] -= 0.003 * i + step / 1e5 + 0.0004 * i / row["density"]
                rows.append(row)
    return rows
