"""Layers starve: who is cut, how many layers are empty and how thin the thinnest is, are the record's at every density."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import lthkit as lth
from lthkit.evidence import collapse
from lthkit.pictures import starving
from tests.pictures.conftest import Seen, recorded_rows
from tests.records import record_script

LAYERS = range(1, 15)
ARMS = ["random", "magnitude", "SNIP", "SNIP, stored", "GraSP", "SynFlow, once", "SynFlow"]


def counts(row: dict[str, str], what: str) -> list[int]:
    return [int(row[f"{what}_{i}"]) for i in LAYERS]


def told(exponent: float, seed: int) -> tuple[str, str]:
    """The words for the criteria that are cut, and for those that are not."""
    rows = {
        r["arm"]: r
        for r in recorded_rows("starving")
        if (float(r["exponent"]), int(r["seed"])) == (exponent, seed)
    }
    assert list(rows) == ARMS
    cut, alive = [], []
    for arm, row in rows.items():
        n = counts(row, "kept").count(0)
        if sum(counts(row, "connected")):
            alive.append(f"{arm} ({min(counts(row, 'connected')):,} in the thinnest layer)")
        else:
            cut.append(f"{arm} ({'no layer' if n == 0 else '1 layer' if n == 1 else f'{n} layers'} empty)")
    return "; ".join(cut), "; ".join(alive)


def test_a_reader_goes_down_to_collapse_by_keyboard(see: Callable[..., Seen]) -> None:
    seen = see("starving")
    seen.press("Weights kept", "Home")
    assert seen.control("Weights kept").get_attribute("aria-valuetext") == "56 %, one in 1.8"
    given = starving.data(False)
    for i, exponent in enumerate(given["exponents"]):
        said = seen.press("Weights kept", *("ArrowRight",) * bool(i)).split("\n")
        cut, alive = told(exponent, 0)
        assert said[1] == (f"Cut: {cut}." if cut else "No network is cut.")
        assert said[2:] == ([f"A path is left: {alive}."] if alive else [])
    assert said[0].startswith("0.032 % of 2") and said[0].endswith("weights, seed 0.")
    cut, alive = told(given["exponents"][-1], 2)
    assert f"Cut: {cut}." in seen.press("2", "Space")


def test_the_button_goes_on_to_the_next_collapse(see: Callable[..., Seen]) -> None:
    """Each press cuts one criterion more, or is the end."""
    seen = see("starving", "?starving.density=0")
    button = seen.button("On to the next that is cut")
    found = [0]
    for _ in range(7):
        button.press("Enter")
        found.append(seen.said.partition("\n")[2].partition("\n")[0].count("empty)"))
    end = told(starving.data(False)["exponents"][-1], 0)[0].count("empty)")
    assert found == sorted(found) and found[-1] == end >= 3
    assert all(a < b or b == end for a, b in zip(found, found[1:], strict=False))


@pytest.mark.parametrize(
    ("asked", "shown"), [("", "1 %"), ("abc", "1 %"), ("NaN", "1 %"), ("99", "0.032 %"), ("-2", "56 %")]
)
def test_an_address_that_somebody_wrote_is_read_as_far_as_it_goes(
    asked: str, shown: str, see: Callable[..., Seen]
) -> None:
    """What is no number is what stands there else; what is too far is the end."""
    seen = see("starving", f"?starving.density={asked}&starving.seed=9&starving.none=1")
    assert seen.said.startswith(f"{shown} of 230,536 weights, seed 0.")
    assert seen.place.get_by_role("list").count() == 0  # one without entries is none


def test_a_bar_is_what_the_layer_has(see: Callable[..., Seen]) -> None:
    """Catches bars of another layer or criterion: a bar is there for each, and those of empty layers have no height."""
    seen = see("starving", "?starving.density=9")
    exponent = starving.data(False)["exponents"][9]
    rows = [r for r in recorded_rows("starving") if (float(r["exponent"]), r["seed"]) == (exponent, "0")]
    for what in ("kept", "connected"):
        heights = seen.page.locator(f".lp-{what}").evaluate_all(
            "bars => bars.map(b => +b.getAttribute('height'))"
        )
        expected = [n for row in rows for n in counts(row, what)]
        assert len(heights) == len(expected) == 7 * 14
        pairs = sorted(zip(expected, heights, strict=True))
        assert all((n == 0) == (h == 0) for n, h in pairs)
        assert all(a <= b + 1e-9 for (_, a), (_, b) in zip(pairs, pairs[1:], strict=False))


@pytest.mark.parametrize("arm", ["magnitude", "SNIP"])
def test_the_record_is_what_the_criteria_give(arm: str) -> None:
    """Magnitude to the weight; SNIP, whose sums another machine rounds differently, nearly."""
    script, data = record_script("record_pictures"), lth.load_data("fashion-mnist")
    model = lth.models.vgg_16(seed=1, width=8, input_shape=(1, 32, 32))
    score, _ = script.criteria(model, data, 1)[arm]
    mask = lth.prune_to(lth.Mask.ones(model), score(model), 10**-1.0, min_kept=0)
    row = next(
        r for r in recorded_rows("starving") if (r["arm"], r["seed"], float(r["exponent"])) == (arm, "1", 1.0)
    )
    found = collapse(model, mask, (1, 32, 32))
    tolerance = 0 if arm == "magnitude" else 3
    assert list(found.kept.values()) == pytest.approx(counts(row, "kept"), abs=tolerance)
    assert list(found.connected.values()) == pytest.approx(counts(row, "connected"), abs=tolerance)
