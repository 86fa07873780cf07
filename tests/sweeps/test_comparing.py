"""Paired differences of two lines: the numbers, and what may not be compared or left out in silence."""

from __future__ import annotations

from typing import Any

import pytest

from lthkit import evidence
from lthkit.evidence.grouping import Line, lines
from lthkit.sweeps.comparing import compare, pairs

SHARED: dict[str, Any] = {"model": "lenet-5", "data": "mnist", "data_fingerprint": "aa", "recipe_lr": 0.1}


def line(method: str, values: dict[tuple[float, int], float | None], **changes: Any) -> Line:
    """A line by its accuracies at (density asked for, seed)."""
    rows = [
        {
            "method": method,
            "arm": "ticket",
            "seed": seed,
            "round": 1,
            "asked": asked,
            "density": None if value is None else asked,
            "test_accuracy": value,
            "still_improving": False,
            "outcome": "never stable" if value is None else "",
            **SHARED,
            **changes,
        }
        for (asked, seed), value in values.items()
    ]
    return lines(rows)[0]


THREE = {(0.1, 0): 0.90, (0.1, 1): 0.92, (0.1, 2): 0.94}
LESS = {(0.1, 0): 0.85, (0.1, 1): 0.89, (0.1, 2): 0.90}


def test_differences_are_paired_by_seed() -> None:
    """Catches: the difference of two means with the interval of independent samples, or seeds paired by their order."""
    other = line("snip", dict(reversed(list(LESS.items()))))
    found = compare(line("imp", THREE), other)
    (one,) = found.differences
    by_hand = evidence.interval([5.0, 3.0, 4.0])
    assert (
        one.band.mean == pytest.approx(4) and one.band.low == pytest.approx(by_hand.low) and one.band.n == 3
    )
    assert one.means == (pytest.approx(92), pytest.approx(88)) and one.seeds == (0, 1, 2)
    assert "[+1.52, +6.48]" in str(found.table) and found.notes == ()


def test_what_one_alone_has_is_named() -> None:
    """Catches: seeds or densities that one run lacks, left out without a word."""
    one = line("imp", {**THREE, (0.1, 7): 0.9, (0.05, 0): 0.8, (0.2, 0): 0.95})
    found = compare(one, line("snip", {**LESS, (0.5, 0): 0.9, (0.2, 0): 0.9, (0.2, 4): 0.9}))
    assert [(d.seeds, d.band.n) for d in found.differences] == [((0,), 1), ((0, 1, 2), 3)]
    told = " ".join(found.notes)
    for sentence in (
        "Of imp alone: seed 7, at 10 %.",
        "Of snip alone: seed 4, at 20 %.",
        "Of imp alone: weights left 5 %.",
        "Of snip alone: weights left 50 %.",
    ):
        assert sentence in told


def test_one_common_seed_has_no_interval() -> None:
    """Catches: a claim from one seed."""
    found = compare(line("imp", THREE), line("snip", {(0.1, 2): 0.9}))
    assert found.differences[0].band.n == 1 and "one seed: no claim" in str(found.table)
    assert "[" not in str(found.table)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"data_fingerprint": "bb"}, "data fingerprint is aa of the one, bb of the other"),
        ({"data": "cifar10"}, "data is mnist of the one, cifar10 of the other"),
        ({"data_fingerprint": None}, "data fingerprint is aa of the one, None of the other"),
        ({"task": "{}"}, "task is None of the one"),
        (
            {"metric": "rmse", "unit": "m", "direction": "lower"},
            "metric is None of the one, rmse of the other",
        ),
    ],
)
def test_other_data_or_another_quantity_are_refused(change: dict[str, Any], says: str) -> None:
    """Catches: numbers of two data sets subtracted, because both are called alike."""
    values = {"test_metric": 0.9} if "metric" in change else {}
    with pytest.raises(ValueError, match=says):
        compare(line("imp", THREE), line("snip", LESS, **change, **values))


def test_another_recipe_network_or_device_is_said() -> None:
    """Catches: a difference of learning rates sold as one of methods."""
    found = compare(line("imp", THREE), line("imp", LESS, recipe_lr=0.2, model="conv-2", device="cuda"))
    (note,) = found.notes
    assert note == "They also differ in device (None and cuda), model (lenet-5 and conv-2), lr (0.1 and 0.2)."


@pytest.mark.parametrize(
    ("other", "common"), [(0.1004, True), (0.1006, False), (0.0996, True), (0.0994, False)]
)
def test_densities_are_common_within_half_a_percent(other: float, common: bool) -> None:
    """Catches: 10 % compared with 9 %, and a round of the ladder that is never found because of one weight."""
    one, that = line("imp", THREE), line("snip", {(other, seed): v for (_, seed), v in LESS.items()})
    if common:
        assert compare(one, that).differences[0].densities == (0.1, other)
    else:
        with pytest.raises(
            ValueError, match=f"has the densities 0.1, 'snip' has {other}; expected one that both"
        ):
            compare(one, that)


def test_each_density_is_in_one_pair() -> None:
    """Catches: one level of the one line compared with two of the other."""
    near = {(d, 0): 0.9 for d in (0.1, 0.1003, 0.1005)}
    found = compare(line("imp", {(0.1003, 0): 0.8, (0.1, 0): 0.7}), line("snip", near))
    assert sorted(d.densities for d in found.differences) == [(0.1, 0.1), (0.1003, 0.1003)]
    assert "Of snip alone: weights left 10.1 %." in found.notes
    found = compare(line("imp", {(0.1003, 0): 0.8, (0.1, 0): 0.7}), line("snip", {(0.1, 0): 0.9}))
    assert [d.densities for d in found.differences] == [
        (0.1, 0.1)
    ] and "Of imp alone: weights left 10 %." in found.notes


def test_no_common_seed_is_refused_and_a_search_without_a_ticket_is_named() -> None:
    """Catches: an empty table, and a mean over the seeds that happened to find a ticket, without saying so."""
    with pytest.raises(ValueError, match="no seed in common .* seeds 0 to 2 and seed 5"):
        compare(line("imp", THREE), line("snip", {(0.1, 5): 0.9}))
    found = compare(line("imp", THREE), line("early-bird", {**LESS, (0.1, 1): None}))
    assert found.differences[0].seeds == (0, 2)
    assert any("no ticket for seed 1 (never stable)" in note for note in found.notes)


def test_the_same_line_twice_is_refused() -> None:
    """Catches: a difference of exactly 0 that says nothing."""
    one = line("imp", THREE)
    with pytest.raises(ValueError, match="given twice"):
        compare(one, line("imp", THREE))


def test_lines_of_two_runs_are_paired_by_name_else_by_being_the_only_ticket() -> None:
    """Catches: the tickets of one run compared with the controls of the other."""
    imp, snip, control = line("imp", THREE), line("snip", LESS), line("imp", LESS, arm="shuffled")
    assert pairs([imp, control], [line("imp", LESS)])[0][0][0] is imp
    chosen, notes = pairs([imp, control], [snip])
    assert chosen == [(imp, snip)] and notes == ["Not compared, because only the first has it: imp shuffled."]
    with pytest.raises(ValueError, match="none has the same name in both"):
        pairs([imp, snip], [line("grasp", LESS), line("synflow", LESS)])
    assert pairs([imp, snip], [imp, snip], ["imp", "snip"])[0] == [(imp, snip)]
