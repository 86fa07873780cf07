"""The rounds: what is said is the record's, at every round, in both data sets; the reader's line is kept."""

from __future__ import annotations

import math
import re
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
    low, middle, high = mean(values) - half, mean(values), mean(values) + half
    digits = 3 if 0 < min(abs(low), abs(high)) < 0.005 else 2  # else it would say that it ends at 0
    return minus(f"{middle:{sign}.{digits}f} ({low:{sign}.{digits}f} to {high:{sign}.{digits}f})")


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
    key = "rounds.fashion-mnist-full-ticket"
    wild = f"?{key}-15=1e9&{key}-18=-5&{key}-20=abc&{key}-3="
    seen = see("rounds", f"{wild}&{key}-7=88.5")
    given = seen.place.locator(".lp-below [role=group][aria-label] input")
    told = given.evaluate_all("all => all.map(one => one.getAttribute('aria-valuetext'))")
    assert told == ["nothing drawn", "88.5", *["nothing drawn"] * 4]


ACCURACY, GAP, DREW = "accuracy, %", "ticket minus this, points", "you drew"


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
    assert not seen.place.locator(".lp-lead").is_visible()  # "before you look"
    for keys, level in (((), 15), (("ArrowRight",) * 3, 18), (("End",), 20), (("ArrowLeft",) * 13, 7)):
        assert seen.press("Round", *keys).startswith(f"Round {level}: ")
        assert seen.table == {
            "ticket": {ACCURACY: told(accuracies(name, "ticket", level)), GAP: ""},
            "dense": {ACCURACY: told(accuracies(name, "dense", 0)), GAP: gap(name, "dense", level)},
            **{
                arm: {ACCURACY: told(accuracies(name, arm, level)), GAP: gap(name, arm, level)}
                for arm in ("re-initialised", "shuffled")
            },
        }
    assert seen.table["shuffled"][GAP].endswith("(+0.001 to +0.519)")  # with two digits it would be 0
    seen.press("Round", "End", "ArrowLeft")
    assert {arm: row[ACCURACY] for arm, row in seen.table.items() if not row[GAP]} == {
        "ticket": told(accuracies(name, "ticket", 19)),
        "re-initialised": "not trained here",
        "shuffled": "not trained here",
    }
    seen.press("MNIST", "Space")  # another question: nothing is shown of it yet
    assert "97." not in seen.said and seen.place.locator(".lp-table").count() == 0
    seen.button("Show the measurement").click()
    assert seen.table["ticket"][ACCURACY] == told(accuracies("mnist", "ticket", 19))
    dense = accuracies("mnist", "dense", 0)
    assert f"It reaches {mean(dense):.2f} %." in seen.press("Round", "Home")
    assert seen.table == {"dense": {ACCURACY: told(dense)}}


def test_the_words_say_where_the_intervals_lie(see: Callable[..., Seen]) -> None:
    """At each round of both data sets and for each arm: above, below, or 0 inside."""
    seen, found = see("rounds"), set()
    parts = {
        "above": r"is above (.*?), with",
        "below": r"is below (.*?), with",
        "inside": r"Against (.*?) the",
    }
    for name in rounds.SETS:
        seen.press(rounds.SETS[name], "Space")
        seen.button("Show the measurement").click()
        seen.press("Round", "Home")
        for level in range(1, 21):
            said = seen.press("Round", "ArrowRight")
            for arm in ("dense", "re-initialised", "shuffled"):
                if arm != "dense" and level not in (3, 7, 11, 15, 18, 20):
                    assert arm not in said
                    continue
                pairs = zip(
                    accuracies(name, "ticket", level),
                    accuracies(name, arm, 0 if arm == "dense" else level),
                    strict=True,
                )
                values = [a - b for a, b in pairs]
                half = T * stdev(values) / math.sqrt(5)
                low, high = mean(values) - half, mean(values) + half
                expected = "above" if low > 0 else "below" if high < 0 else "inside"
                found.add(expected)
                where = [
                    side for side, part in parts.items() if (of := re.search(part, said)) and arm in of[1]
                ]
                assert where == [expected], (name, level, arm, said)
    assert found >= {"above", "inside"}


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

    def missed(drew: float, level: int) -> str:
        off = drew - mean(accuracies("fashion-mnist-full", "ticket", level))
        return f"{drew:.1f}, {abs(off):.1f} too {'high' if off > 0 else 'low'}"

    assert drew(seen) == [missed(shown, 15), "nothing", ""]
    seen.press("Round", "End")
    assert drew(seen) == [missed(drawn, 20), "nothing", ""]
    seen.press("Round", "Home", *["ArrowRight"] * 3)
    assert drew(seen) == ["nothing", "nothing", ""]
    seen.press("Round", "End")
    seen.page.wait_for_function("location.search.includes('rounds.round=20')")
    again = see("rounds", seen.page.evaluate("location.search"))
    assert again.said == seen.said and again.table == seen.table
    # Another data set is another question, and what was drawn for this one stays.
    again.press("MNIST", "Space")
    assert empty_places(again) == 6
    again.press("Fashion-MNIST", "Space")
    assert again.table == seen.table


def empty_places(seen: Seen) -> int:
    return int(seen.page.locator(".lp-stage svg circle[stroke-dasharray]").count())


def test_a_finger_sets_a_place_with_a_tap_and_scrolls_with_a_swipe(see: Callable[..., Seen]) -> None:
    """Catches a drawing that holds the finger fast, and a swipe that draws."""
    seen = see("rounds", width=375)
    drawing = seen.page.locator(".lp-stage svg")
    assert drawing.evaluate("e => getComputedStyle(e).touchAction") == "auto"
    for kind in ("pointerdown", "pointermove"):
        drawing.dispatch_event(kind, {"pointerType": "touch", "buttons": 1, "clientX": 200, "clientY": 300})
    assert empty_places(seen) == 6
    box = drawing.bounding_box()
    at = {"clientX": box["x"] + 0.5 * box["width"], "clientY": box["y"] + 0.5 * box["height"]}
    drawing.evaluate(
        "(e, at) => e.dispatchEvent(new PointerEvent('click', {pointerType: 'touch', bubbles: true, ...at}))",
        at,
    )
    assert empty_places(seen) == 5
