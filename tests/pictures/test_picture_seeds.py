"""How many seeds: the experiments that are drawn are those that anybody can draw from the record, and so are the counts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from statistics import mean, stdev

import pytest

from tests.pictures.conftest import Seen, minus, recorded_rows, share

T_OF_5 = 2.776445
MASK = 0xFFFFFFFF


def differences(one: tuple[str, int], other: tuple[str, int]) -> list[float]:
    """In points, from the table itself, by seed."""

    def of(arm: str, level: int) -> dict[int, float]:
        rows = [r for r in recorded_rows("seeds") if r["arm"] == arm and int(r["round"]) == level]
        return {int(r["seed"]): 100 * float(r["test_accuracy"]) for r in rows}

    a, b = of(*one), of(*other)
    assert sorted(a) == sorted(b) == list(range(40))
    return [round(a[seed] - b[seed], 9) for seed in a]


def stream(seed: int) -> Iterator[float]:
    """mulberry32, as it is published."""
    a = seed
    while True:
        a = (a + 0x6D2B79F5) & MASK
        t = ((a ^ (a >> 15)) * (a | 1)) & MASK
        t = ((t + ((t ^ (t >> 7)) * (t | 61) & MASK)) & MASK) ^ t
        yield ((t ^ (t >> 14)) & MASK) / 2**32


def experiments(values: list[float], seeds: int, count: int) -> list[list[float]]:
    random = stream(1)
    return [[values[int(next(random) * len(values))] for _ in range(seeds)] for _ in range(count)]


def test_single_seeds_drawn_by_keyboard_name_the_wrong_winner_as_often_as_recorded(
    see: Callable[..., Seen],
) -> None:
    values = differences(("ticket", 2), ("re-initialised", 2))
    seen = see("seeds")
    assert "wrong" not in seen.said  # nothing before the reader has drawn
    one, many = seen.button("Draw one experiment"), seen.button("Draw 100")
    one.focus()
    seen.page.keyboard.press("Enter")
    first = experiments(values, 1, 1)[0][0]
    assert seen.said.startswith(minus(f"Experiment 1, 1 seed: {first:+.2f} points (no interval)."))
    many.focus()
    seen.page.keyboard.press("Space")
    drawn = [own[0] for own in experiments(values, 1, 101)]
    wrong = sum(v < 0 for v in drawn) + sum(v == 0 for v in drawn) / 2
    assert f"the wrong arm was ahead in {wrong:g} of 101 experiments ({share(wrong, 101)} %)" in seen.said
    of_all = sum(v < 0 for v in values) + sum(v == 0 for v in values) / 2
    assert f"of the single seeds {of_all:g} name the wrong winner, {100 * of_all / 40:.2f} %" in seen.said
    half = 2.0227 * stdev(values) / math.sqrt(40)
    middle = mean(values)
    assert f"All 40 seeds: {middle:+.2f} ({middle - half:+.2f} to {middle + half:+.2f})" in seen.said


@pytest.mark.parametrize("name", ["ticket minus dense", "nothing: dense against itself"])
def test_five_seeds_have_an_interval(name: str, see: Callable[..., Seen]) -> None:
    """What is said of experiment 200, and in how many the interval excluded 0."""
    if name.startswith("nothing"):
        values = differences(("dense, other order", 0), ("dense", 0))
        values = [round(v - mean(values), 4) for v in values]
    else:
        values = differences(("ticket", 2), ("dense", 0))
    seen = see("seeds")
    seen.press(name, "Space")
    seen.press("Seeds of an experiment", *("ArrowRight",) * 4)
    for _ in range(2):
        seen.button("Draw 100").press("Enter")
    drawn = experiments(values, 5, 200)
    bands = [(mean(own), T_OF_5 * stdev(own) / math.sqrt(5)) for own in drawn]
    middle, half = bands[-1]
    said = minus(f"{middle:+.2f} points ({middle - half:+.2f} to {middle + half:+.2f}).")
    assert seen.said.startswith(f"Experiment 200, 5 seeds: {said}")
    claimed = sum(abs(m) > h for m, h in bands)
    assert f"The interval excluded 0 in {claimed} ({share(claimed, 200)} %)." in seen.said
    assert ("false alarm" in seen.said) == name.startswith("nothing")
    seen.page.wait_for_function("location.search.includes('seeds.drawn=200')")
    assert see("seeds", seen.page.evaluate("location.search")).said == seen.said


def test_where_nobody_knows_who_wins_no_winner_is_wrong(see: Callable[..., Seen]) -> None:
    seen = see("seeds", "?seeds.drawn=40&seeds.n=3&seeds.pair=shuffled+-+re-initialised")
    assert (
        "nobody knows who wins" in seen.said and "wrong" not in seen.said and "the right one" not in seen.said
    )


def test_a_tie_of_several_seeds_counts_half(see: Callable[..., Seen]) -> None:
    """Catches a mean of 0 that binary numbers make -2e-17, and that is counted as a wrong winner."""
    drawn = experiments(differences(("ticket", 2), ("dense", 0)), 3, 769)
    means = [round(mean(own), 9) for own in drawn]
    assert means[-1] == 0
    wrong = sum(v < 0 for v in means) + sum(v == 0 for v in means) / 2
    said = see("seeds", "?seeds.drawn=769&seeds.n=3&seeds.pair=ticket+-+dense").said
    assert "Experiment 769, 3 seeds: 0.00 points" in said and "Ahead is neither arm." in said
    assert f"the wrong arm was ahead in {wrong:g} of 769 experiments" in said


def test_nearly_all_is_not_100_percent(see: Callable[..., Seen]) -> None:
    said = see("seeds", "?seeds.drawn=200&seeds.n=12").said
    assert "The interval excluded 0 in 199 (99.5 %)." in said and share(199, 200) == "99.5"


def test_each_mean_is_drawn_in_the_colour_of_its_winner(see: Callable[..., Seen]) -> None:
    """Catches a bar about 0 that has means of both sides and the colour of one."""
    drawn = [mean(own) for own in experiments(differences(("ticket", 2), ("re-initialised", 2)), 2, 400)]
    bars = see("seeds", "?seeds.drawn=400&seeds.n=2").page.locator(".lp-means")
    found = bars.evaluate_all("all => all.map(b => [b.getAttribute('fill'), Number(b.dataset.means)])")
    wrong = sum(n for fill, n in found if fill == "var(--wrong)")
    assert wrong == sum(v < -1e-9 for v in drawn) == 18 and sum(n for _, n in found) == 400


def test_an_interval_that_leaves_the_picture_has_no_end_there(see: Callable[..., Seen]) -> None:
    """Experiment 2 is inside, experiment 3 reaches from -2.10 to 3.24 points."""
    for drawn, bars, arrows in ((2, 2, 0), (3, 0, 2)):
        line = see("seeds", f"?seeds.drawn={drawn}&seeds.n=2").page.locator(".lp-interval").get_attribute("d")
        assert (line.count("v10"), line.count("l6 5") + line.count("l-6 5")) == (bars, arrows), line
