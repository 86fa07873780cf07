"""The rounds: accuracy of the ticket and of what it is held against, round by round, from the record `lenet`."""

from __future__ import annotations

from typing import Any

from lthkit import evidence
from lthkit.pictures.bands import band, rows_of
from lthkit.pictures.texts import Texts
from lthkit.storage.records import Row

TEXTS = Texts(
    title="The rounds",
    lead=(
        "Each round removes 20 % of the weights that remain, of the last layer 10 %. Before you look: how high will the line of the ticket be? "
        "Draw it, then choose the re-initialised control and draw that too. Each data set is a question of its own."
    ),
    still="This picture answers where scripts run. The figure below says the same standing still.",
    source=(
        "Recorded run lenet: LeNet-300-100, five seeds (100 to 104), at most 10,000 steps, all training images of each "
        "data set. Thin lines are seeds; bands and bars are 95 % intervals of accuracies. Whether two bands overlap decides nothing: "
        "read the differences, which are paired by seed and rounded after subtracting. Of many intervals about one in twenty excludes 0 by chance. "
        "one-shot: as many weights were removed in one step; where its line leaves the picture, an arrow tells its mean."
    ),
)
SETS = {"fashion-mnist-full": "Fashion-MNIST", "mnist": "MNIST"}
ARMS = ("ticket", "re-initialised", "shuffled")
TOTAL = 266_200  # weights of LeNet-300-100


def data(address: bool) -> dict[str, Any]:
    """What the picture is given; the same on a page and in a notebook."""
    rows = [row for row in rows_of("lenet") if row["model"] == "lenet-300-100"]
    levels = evidence.levels(_of(rows, "mnist", "imp"), "ticket")
    density = {r: evidence.density_of(_of(rows, "mnist", "imp"), r) for r in [0, *levels]}
    return {
        "total": TOTAL,
        "rounds": [{"density": d, "kept": round(d * TOTAL)} for d in density.values()],
        "places": evidence.levels(
            rows, "shuffled"
        ),  # where the controls were trained, and predictions are asked
        "sets": {name: {"label": label} | _set(rows, name, density) for name, label in SETS.items()},
    }


def _of(rows: list[Row], data: str, method: str) -> list[Row]:
    return [row for row in rows if row["data"] == data and row["method"] == method]


def _set(rows: list[Row], name: str, density: dict[int, float]) -> dict[str, Any]:
    own = _of(rows, name, "imp")
    # A one-shot ticket was cut to nearly the density of a round; here it has that round's number.
    once = [
        row | {"arm": "one-shot", "round": _nearest(row["density"], density)}
        for row in _of(rows, name, "one-shot")
        if row["arm"] == "ticket"
    ]
    arms = {
        arm: {r: _accuracy(own, arm, r) for r in evidence.levels(own, arm) if density[r] < 1} for arm in ARMS
    }
    arms["one-shot"] = {r: _accuracy(once, "one-shot", r) for r in evidence.levels(once, "one-shot")}
    both = [*own, *once]
    gaps = {
        r: {
            arm: band(evidence.paired(both, ("ticket", r), (arm, 0 if arm == "dense" else r)).times(100))
            for arm in ("dense", *ARMS[1:], "one-shot")
            if arm == "dense" or r in arms[arm]
        }
        for r in arms["ticket"]
    }
    return {"dense": _accuracy(own, "dense", 0), "arms": arms, "gaps": gaps}


def _accuracy(rows: list[Row], arm: str, level: int) -> dict[str, Any]:
    by_seed = evidence.by_seed(rows, arm, level, "test_accuracy")
    values = [100 * by_seed[seed] for seed in sorted(by_seed)]  # a thin line joins what has one place
    return band(evidence.interval(values, within=evidence.PERCENT))


def _nearest(density: float, of: dict[int, float]) -> int:
    found = min(of, key=lambda r: abs(of[r] - density))
    if abs(of[found] - density) > 0.01 * density:
        raise ValueError(f"A one-shot ticket has the density {density}; expected that of a round: {of}.")
    return found
