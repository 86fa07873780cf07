"""The rounds: what is said is the record's, at every round, in both data sets; the reader's line is kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import mean, stdev

import pytest

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
    return minus(f"{middle:{sign}.2f} ({middle - half:{sign}.2f} to {middle + half:{sign}.2f})")


def gap(data: str, arm: str, level: int) -> str:
    """Of the ticket minus an arm, by seed; the dense network has round 0."""
    others = accuracies(data, arm, 0 if arm == "dense" else level)
    return told([a - b for a, b in zip(accuracies(data, "ticket", level), others, strict=True)], "+")


def test_a_thin_line_is_one_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the rows of a record stand in another order at every round."""
    rows, expected = rounds.rows_of("lenet"), rounds.data(False)
    monkeypatch.setattr(
        rounds, "rows_of", lambda name: sorted(rows, key=lambda r: (r["round"] + r["seed"]) % 3)
    )
    assert (
        rounds.data(False)["sets"]["mnist"]["arms"]["ticket"] == expected["sets"]["mnist"]["arms"]["ticket"]
    )


def test_a_line_that_nobody_can_draw_is_not_taken_from_an_address(see: Callable[..., Seen]) -> None:
    """Catches a value that is told and drawn outside of the picture."""
    wild = "?rounds.ticket-15=1e9&rounds.ticket-18=-5&rounds.ticket-20=abc&rounds.ticket-3="
    seen = see("rounds", f"{wild}&rounds.ticket-7=88.5")
    given = seen.place.locator(".lp-below [role=group][aria-label] input")
    told = given.evaluate_all("all => all.map(one => one.getAttribute('aria-valuetext'))")
    assert told == ["nothing drawn", "88.5", *["nothing drawn"] * 4]


ACCURACY, GAP, DREW = "accuracy, %", "ticket minus it, points", "you drew"


def test_the_numbers_are_those_of_the_record() -> None:
    given = rounds.data(False)
    assert len(given["rounds"]) == 21 and given["places"] == [3, 7, 11, 15, 18, 20]
    for name, own in given["sets"].items():
        for arm in rounds.ARMS:
            assert sorted(own["arms"][arm]) == (list(range(1, 21)) if arm == "ticket" else given["places"])
            for level, band in own["arms"][arm].items():
                values = accuracies(name, arm, level)
                assert band["values"] == [round(v, 4) for v in values]
                assert band["mean"] == round(mean(values), 4) and band["shown"]
    kept = {
        int(r["round"]): round(float(r["density"]) * TOTAL)
        for r in recorded_rows("lenet")
        if (r["data"], r["method"]) == ("mnist", "imp")
    }
    assert [r["kept"] for r in given["rounds"]] == [kept[i] for i in range(21)]


def test_a_reader_goes_through_the_rounds_by_keyboard(see: Callable[..., Seen]) -> None:
    """What is revealed comes after the button: with Tab the reader is at the rounds."""
    seen = see("rounds")
    assert (
        "88." not in seen.said and seen.place.locator(".lp-table").count() == 0
    )  # not before the reader asks
    seen.button("Show the measurement").focus()
    seen.page.keyboard.press("Enter")
    seen.page.keyboard.press("Tab")
    assert seen.control("Round").evaluate("e => e === document.activeElement")
    name = "fashion-mnist-full"
    for keys, level, against in (
        ((), 15, "has 0 inside"),
        (("ArrowRight",) * 3, 18, "has 0 inside"),
        (("End",), 20, ""),
    ):
        said = seen.press("Round", *keys)
        assert said.startswith(f"Round {level}: ") and against in said
        assert seen.table == {
            "ticket": {ACCURACY: told(accuracies(name, "ticket", level)), GAP: ""},
            "dense": {ACCURACY: told(accuracies(name, "dense", 0)), GAP: gap(name, "dense", level)},
            **{
                arm: {ACCURACY: told(accuracies(name, arm, level)), GAP: gap(name, arm, level)}
                for arm in ("re-initialised", "shuffled")
            },
        }
    seen.press("Round", "ArrowLeft")
    assert {arm: row[ACCURACY] for arm, row in seen.table.items() if not row[GAP]} == {
        "ticket": told(accuracies(name, "ticket", 19)),
        "re-initialised": "not trained here",
        "shuffled": "not trained here",
    }
    seen.press("MNIST", "Space")
    assert seen.table["ticket"][ACCURACY] == told(accuracies("mnist", "ticket", 19))
    dense = accuracies("mnist", "dense", 0)
    assert f"It reaches {mean(dense):.2f} %." in seen.press("Round", "Home")
    assert seen.table == {"dense": {ACCURACY: told(dense)}}


def test_the_words_say_where_the_interval_lies(see: Callable[..., Seen]) -> None:
    """At each round of both data sets: above, below, or 0 inside."""
    seen, found = see("rounds", "?rounds.shown=1"), set()
    for name, own in rounds.data(False)["sets"].items():
        seen.press(rounds.SETS[name], "Space")
        seen.press("Round", "Home")
        for level in range(1, 21):
            said = seen.press("Round", "ArrowRight")
            values = [
                a - b
                for a, b in zip(accuracies(name, "ticket", level), accuracies(name, "dense", 0), strict=True)
            ]
            half = T * stdev(values) / math.sqrt(5)
            low, high = mean(values) - half, mean(values) + half
            expected = "above" if low > 0 else "below" if high < 0 else "0 inside"
            found.add(expected)
            assert [part for part in ("above", "below", "0 inside") if part in said] == [expected], (
                name,
                level,
            )
        assert len(own["gaps"]) == 20
    assert len(found) > 1


def test_a_one_shot_ticket_stands_at_the_round_of_its_density(see: Callable[..., Seen]) -> None:
    """It leaves the picture, whose axis stays, and an arrow tells where it is."""
    seen = see("rounds", "?rounds.shown=1&rounds.round=18")
    marks = seen.place.locator(".lp-axes text").all_text_contents()
    assert "90" in marks
    seen.press("one-shot", "Space")
    assert seen.place.locator(".lp-axes text").all_text_contents() == marks
    once = {
        density: [
            100 * float(r["test_accuracy"])
            for r in recorded_rows("lenet")
            if (r["data"], r["method"], r["arm"], r["density"][:5])
            == ("fashion-mnist-full", "one-shot", "ticket", density)
        ]
        for density in ("0.018", "0.011")
    }
    assert {len(values) for values in once.values()} == {5}
    assert seen.table["one-shot"][ACCURACY] == told(once["0.018"])
    arrows = seen.place.locator("svg text.lp-small").all_text_contents()
    assert {f"↓ {mean(values):.0f}" for values in once.values()} <= set(arrows)


def test_a_prediction_is_drawn_kept_and_told_beside_the_measurement(see: Callable[..., Seen]) -> None:
    """By keyboard, and by pointer; it stands in the address, and a page that is opened again shows it."""
    seen = see("rounds")
    empty = seen.page.locator(".lp-stage svg circle[stroke-dasharray]")
    assert empty.count() == 6
    for _ in range(5):
        seen.press("3.6\u00a0%", "ArrowDown")
    shown = float(seen.control("3.6\u00a0%").input_value())
    box = seen.page.locator(".lp-stage svg").bounding_box()
    seen.page.mouse.click(box["x"] + box["width"] - 14, box["y"] + 0.5 * box["height"])  # the last place
    drawn = float(seen.control("1.2\u00a0%").input_value())
    assert 83 < drawn < 87.5 and empty.count() == 4
    # The other line is another one: nothing of the first stands in its sliders or comes with the address.
    seen.press("re-initialised control", "Space")
    assert (
        seen.control("3.6\u00a0%").get_attribute("aria-valuetext") == "nothing drawn" and empty.count() == 6
    )
    seen.button("Show the measurement").click()
    assert "your line for the ticket" in seen.place.locator(".lp-legend").inner_text()
    assert "re-initialised control" not in seen.place.locator(".lp-legend").inner_text()

    def drew(now: Seen) -> list[str]:
        return [now.table[arm][DREW] for arm in ("ticket", "re-initialised", "dense")]

    assert drew(seen) == [f"{shown:.1f}", "nothing", ""]
    seen.press("Round", "End")
    assert drew(seen) == [f"{drawn:.1f}", "nothing", ""]
    seen.press("Round", "Home", *["ArrowRight"] * 3)
    assert drew(seen) == ["nothing", "nothing", ""]
    seen.press("Round", "End")
    seen.page.wait_for_function("location.search.includes('rounds.round=20')")
    again = see("rounds", seen.page.evaluate("location.search"))
    assert again.said == seen.said and again.table == seen.table
    # Another data set is another question.
    again.press("MNIST", "Space")
    assert DREW not in again.table["ticket"]
    again.page.wait_for_function("!location.search.includes('rounds.ticket-15')")
