"""Rewinding: what is said of each start is the record's, and so is the path between its two children."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from statistics import mean, stdev

import pytest

from lthkit.pictures import rewinding
from tests.browser.lab import ROOT
from tests.pictures.conftest import Seen, minus, recorded_rows

T = 2.262  # of ten seeds
STEPS = [0, 10, 25, 50, 100, 250, 500]


def accuracies(size: int, recipe: str, arm: str) -> list[float]:
    rows = [
        r
        for r in recorded_rows("rewinding-fails")
        if (r["size"], r["recipe"], r["arm"]) == (str(size), recipe, arm)
    ]
    assert [int(r["seed"]) for r in rows] == list(range(100, 110))
    return [100 * float(r["test_accuracy"]) for r in rows]


def told(values: list[float], form: str, unit: str = "") -> str:
    half = T * stdev(values) / math.sqrt(len(values))
    low, middle, high = (
        format(round(v, 4), form) for v in (mean(values) - half, mean(values), mean(values) + half)
    )
    return minus(f"{middle}{unit} ({low} to {high})")


def test_the_numbers_are_those_of_the_record() -> None:
    """Every arm, every path, the rate of every step."""
    given = rewinding.data(False)
    config = json.loads((ROOT / "data/results/rewinding-fails/config.json").read_text(encoding="utf-8"))
    assert given["steps"] == STEPS and given["alphas"] == config["alphas"]
    for key, (size, recipe, _) in rewinding.CASES.items():
        own = given["cases"][key]
        arms = {f"from step {k}": arm for k, arm in own["own"].items()}
        arms |= {f"from step {k} of another seed": arm for k, arm in own["foreign"].items()}
        arms |= {"re-initialised": own["fresh"], "dense": own["dense"]}
        for name, arm in arms.items():
            assert sorted(arm["accuracy"]["values"]) == sorted(
                round(v, 4) for v in accuracies(size, recipe, name)
            )
        rows = [
            r
            for r in recorded_rows("rewinding-fails", "paths.csv")
            if (r["size"], r["recipe"]) == (str(size), recipe)
        ]
        assert sum(len(line) for path in own["paths"].values() for line in path["errors"]) == len(rows)
        for row in rows:
            place = given["alphas"].index(float(row["alpha"])), int(row["seed"]) - 100
            assert own["paths"][int(row["k"])]["errors"][place[1]][place[0]] == pytest.approx(
                100 * float(row["error"])
            )
        lr, warm = config["recipes"][recipe]["lr"], config["recipes"][recipe]["warmup"]
        for k, rate in own["rates"].items():
            cosine = 0.5 * lr * (1 + math.cos(math.pi * (k - warm) / (2500 - warm)))
            assert rate == pytest.approx(lr * (k + 1) / warm if k < warm else cosine, abs=1e-4)


def test_a_reader_moves_the_step_by_keyboard(see: Callable[..., Seen]) -> None:
    seen = see("rewinding")
    dense = accuracies(14, "lr 0.3", "dense")
    heights = recorded_rows("rewinding-fails", "barriers.csv")
    for i, k in enumerate(STEPS):
        said = seen.press("Step", *("ArrowRight",) * bool(i))
        own = accuracies(14, "lr 0.3", f"from step {k}")
        rate = 0.15 * (1 + math.cos(math.pi * k / 2500))
        assert said.startswith(f"Weights of step {k}, the learning rate from {rate:.4f} on: ")
        assert f" on: {told(own, '.2f', ' %')}, dense {told(dense, '.2f', ' %')}." in said
        gaps = [a - b for a, b in zip(own, dense, strict=True)]
        assert f"Minus dense: {told(gaps, '+.2f')} points." in said
        rises = [
            float(r["barrier"])
            for r in heights
            if (r["size"], r["recipe"], r["k"]) == ("14", "lr 0.3", str(k))
        ]
        assert f"the error rises by {mean(rises):.1f} (" in said


def test_the_other_starts_and_networks(see: Callable[..., Seen]) -> None:
    seen = see("rewinding", "?rewinding.k=3")
    said = seen.press("another seed's network", "Space")
    assert (
        told(accuracies(14, "lr 0.3", "from step 50 of another seed"), ".2f", " %") in said
        and "children" not in said
    )
    assert (
        seen.press("Step", "ArrowRight") == "Step 100 was not recorded here. Recorded are the steps 50, 250."
    )
    said = seen.press("new random numbers", "Space")
    assert said.startswith(
        f"New random numbers, all of the learning rate's schedule: {told(accuracies(14, 'lr 0.3', 're-initialised'), '.2f', ' %')}"
    )
    assert not seen.control("Step").is_visible()
    drawn = seen.place.locator(".lp-stage svg").evaluate_all(
        "all => all.map(e => e.getAttribute('aria-label'))"
    )
    assert drawn[0].startswith(
        "Time line of 2,500 steps: the dense network above, the ticket below, from step 0 on"
    )
    assert drawn[2] == "No path was recorded here."  # which stands in it
    said = seen.press("14×14, low learning rate", "Space")
    assert told(accuracies(14, "lr 0.03", "re-initialised"), ".2f", " %") in said
    seen.page.wait_for_function("location.search.includes('rewinding.net=low')")
    assert see("rewinding", seen.page.evaluate("location.search")).said == seen.said
