"""The rounds: what is said is the record's, at every round, in both data sets; the reader's line is kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import mean, stdev

from lthkit.pictures import rounds
from tests.pictures.conftest import Seen, minus, recorded_rows

T = 2.776  # of five seeds
TOTAL = 266_200


def accuracies(data: str, arm: str, level: int, method: str = "imp") -> list[float]:
    """Percent by seed, from the table itself."""
    rows = [r for r in recorded_rows("lenet") if (r["data"], r["arm"], r["method"]) == (data, arm, method)]
    found = [100 * float(r["test_accuracy"]) for r in rows if int(r["round"]) == level]
    assert len(found) == 5
    return found


def told(values: list[float], sign: str = "") -> str:
    """Mean and 95 % interval."""
    half = T * stdev(values) / math.sqrt(len(values))
    middle = mean(values)
    return minus(
        f"{middle:{sign}.2f}{'' if sign else ' %'} ({middle - half:{sign}.2f} to {middle + half:{sign}.2f})"
    )


def test_the_numbers_are_those_of_the_record() -> None:
    given = rounds.data(False)
    assert len(given["rounds"]) == 21 and given["places"] == [3, 7, 11, 15, 18, 20]
    for name, own in given["sets"].items():
        for arm in rounds.ARMS:
            assert sorted(own["arms"][arm]) == (list(range(1, 21)) if arm == "ticket" else given["places"])
            for level, band in own["arms"][arm].items():
                values = accuracies(name, arm, level)
                assert sorted(band["values"]) == sorted(round(v, 4) for v in values)
                assert band["mean"] == round(mean(values), 4) and band["shown"]
    kept = {
        int(r["round"]): round(float(r["density"]) * TOTAL)
        for r in recorded_rows("lenet")
        if (r["data"], r["method"]) == ("mnist", "imp")
    }
    assert [r["kept"] for r in given["rounds"]] == [kept[i] for i in range(21)]


def test_a_reader_goes_through_the_rounds_by_keyboard(see: Callable[..., Seen]) -> None:
    seen = see("rounds")
    assert "88." not in seen.said  # nothing before the reader asks
    seen.button("Show the measurement").focus()
    seen.page.keyboard.press("Enter")
    for keys, level in (((), 15), (("ArrowRight",) * 3, 18), (("End",), 20)):
        said = seen.press("Round", *keys)
        dense, ticket = (
            accuracies("fashion-mnist-full", "dense", 0),
            accuracies("fashion-mnist-full", "ticket", level),
        )
        fresh = accuracies("fashion-mnist-full", "re-initialised", level)
        assert said.startswith(f"Round {level}, ")
        assert f"the ticket has {told(ticket)}; dense {told(dense)}; re-initialised {told(fresh)}" in said
        gaps = [a - b for a, b in zip(ticket, fresh, strict=True)]
        assert f"minus re-initialised {told(gaps, '+')}" in said
    assert "Not trained in this round: re-initialised, shuffled." in seen.press("Round", "ArrowLeft")
    said = seen.press("MNIST", "Space")
    assert f"the ticket has {told(accuracies('mnist', 'ticket', 19))}" in said
    assert f"the dense network has {told(accuracies('mnist', 'dense', 0))}" in seen.press("Round", "Home")


def test_a_one_shot_ticket_stands_at_the_round_of_its_density(see: Callable[..., Seen]) -> None:
    seen = see("rounds", "?rounds.shown=1&rounds.round=18&rounds.one-shot=1")
    once = [
        100 * float(r["test_accuracy"])
        for r in recorded_rows("lenet")
        if (r["data"], r["method"], r["arm"], r["density"][:5])
        == ("fashion-mnist-full", "one-shot", "ticket", "0.018")
    ]
    assert len(once) == 5 and f"one-shot {told(once)}" in seen.said


def test_a_prediction_is_drawn_kept_and_told_beside_the_measurement(see: Callable[..., Seen]) -> None:
    """By keyboard, and by pointer; it stands in the address, and a page that is opened again shows it."""
    seen = see("rounds")
    for _ in range(5):
        seen.press("3.6 %", "ArrowDown")
    shown = float(seen.control("3.6 %").input_value())
    box = seen.page.locator(".lp-stage svg").bounding_box()
    seen.page.mouse.click(box["x"] + box["width"] - 14, box["y"] + 0.5 * box["height"])  # the last place
    drawn = float(seen.control("1.2 %").input_value())
    assert 83 < drawn < 87.5
    seen.button("Show the measurement").click()
    assert f"You drew {shown:.1f} for the ticket." in seen.said
    assert f"You drew {drawn:.1f} for the ticket." in seen.press("Round", "End")
    seen.page.wait_for_function("location.search.includes('rounds.round=20')")
    again = see("rounds", seen.page.evaluate("location.search"))
    assert again.said == seen.said
