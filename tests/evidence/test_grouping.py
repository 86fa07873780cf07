"""Lines of a table: which rows belong together, and what they are called."""

from __future__ import annotations

from typing import Any

import pytest

from lthkit.evidence.grouping import line_named, lines

ROW: dict[str, Any] = {
    "method": "imp",
    "model": "lenet-5",
    "data": "mnist",
    "data_fingerprint": "aa",
    "arm": "ticket",
    "seed": 0,
    "round": 1,
    "density": 0.8,
    "asked": None,
    "test_accuracy": 0.9,
    "still_improving": False,
    "rewind_step": 0,
    "recipe_lr": 0.1,
}


def row(**changes: Any) -> dict[str, Any]:
    return {**ROW, **changes}


def names(*rows: dict[str, Any]) -> list[str]:
    return [line.name for line in lines(rows)]


def test_rows_that_differ_in_seed_and_level_only_are_one_line() -> None:
    """Catches: a line for each seed, or for each round."""
    (line,) = lines([row(), row(seed=1), row(round=2, density=0.64), row(seconds=3.0, steps=7)][:3])
    assert line.name == "imp" and line.seeds == [0, 1] and line.method == "imp"
    assert [(p.name, p.density, p.values) for p in line.points()] == [
        ("round 1", 0.8, {0: 0.9, 1: 0.9}),
        ("round 2", 0.64, {0: 0.9}),
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"recipe_lr": 0.2}, ["imp (lr=0.1)", "imp (lr=0.2)"]),
        ({"rewind_step": 5}, ["imp (rewind_step=0)", "imp (rewind_step=5)"]),
        ({"model": "conv-2"}, ["imp (lenet-5)", "imp (conv-2)"]),
        ({"data_fingerprint": "bb"}, ["imp (data aa)", "imp (data bb)"]),
        ({"data": "cifar10", "data_fingerprint": "bb"}, ["imp (mnist)", "imp (cifar10)"]),
        ({"device": "cuda"}, ["imp (device=None)", "imp (device=cuda)"]),
        ({"a_column_of_mine": 1}, ["imp (a_column_of_mine=None)", "imp (a_column_of_mine=1)"]),
        ({"arm": "shuffled"}, ["imp", "imp shuffled"]),
        ({"method": "prune-at-init", "score": "snip", "asked": 0.8}, ["imp", "prune-at-init snip"]),
    ],
)
def test_what_differs_otherwise_is_another_line_and_its_name_says_in_what(
    change: dict[str, Any], told: list[str]
) -> None:
    """Catches: other data, another recipe, or a column nobody knows, averaged into one mean."""
    assert names(row(), row(**change)) == told
    whole = row(arm="dense", density=1.0, round=0, cell="a")
    after = change.keys() <= {"rewind_step", "method", "score", "asked"}
    assert len(names(whole, {**whole, **change, "cell": "b"})) == (1 if after else 2)


def test_the_dense_training_of_all_methods_is_one_line() -> None:
    """Catches: the same training counted once for each method that begins with it."""
    dense = {"arm": "dense", "round": 0, "density": 1.0}
    rows = [row(**dense, method="one-shot", cell="b"), row(**dense, cell="a"), row()]
    first, ticket = lines(rows)
    assert (first.name, ticket.name) == ("dense", "imp") and first.points()[0].values == {0: 0.9}
    other = [row(**dense, method="one-shot", cell="b", test_accuracy=0.8), row(**dense, cell="a")]
    assert names(*other) == ["one-shot dense", "imp dense"], (
        "other numbers, as on a GPU: nothing is taken in silence"
    )


def test_two_rows_of_one_training_are_refused() -> None:
    """Catches: a table joined with itself, which halves the intervals."""
    with pytest.raises(ValueError, match=r"two rows of seed 0, round 1; expected one"):
        lines([row(), row()])[0].points()
    dense = row(arm="dense", round=0, density=1.0)
    with pytest.raises(ValueError, match="two rows of seed 0, round 0"):
        lines([dense, dense])[0].points()


def test_a_search_without_a_ticket_has_no_value() -> None:
    """Catches: None taken for an accuracy, or a seed that vanishes without a word."""
    early = {"method": "early-bird", "asked": 0.3}
    line = lines([row(**early), row(**early, seed=1, density=None, test_accuracy=None)])[0]
    (point,) = line.points()
    assert point.values == {0: 0.9} and point.without == (1,) and point.name == "density 0.3"


def test_a_line_is_found_by_its_name() -> None:
    """Catches: a slip in a name that takes another line."""
    found = lines([row(), row(arm="shuffled")])
    assert line_named(found, " imp shuffled ").arm == "shuffled"
    with pytest.raises(
        ValueError, match="expected one of 'imp', 'imp shuffled'. Did you mean 'imp shuffled'?"
    ):
        line_named(found, "imp shufled")


def test_tables_without_methods_have_lines_too() -> None:
    """Catches: rows of one's own, or of an older run, refused."""
    own = [{"arm": arm, "seed": 0, "round": 1, "density": 0.5, "test_accuracy": 0.9} for arm in ("a", "b")]
    assert names(*own) == ["a", "b"]
