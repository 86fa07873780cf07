"""A registered prediction: its verdict, its digest, and what is refused afterwards."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lthkit import evidence
from lthkit.evidence.registration import of_record
from lthkit.storage.files import DamagedFile, write_sealed

FIVE = (0, 1, 2, 3, 4)
ONE = evidence.Registered("ticket - dense", "above", 0.5, FIVE)


def around(mean: float, half: float) -> dict[int, float]:
    """Differences of five seeds with this mean and half of an interval."""
    steps = [-2.0, -1.0, 0.0, 1.0, 2.0]
    one = half / (2.776 * math.sqrt(2.5) / math.sqrt(5))
    return {seed: mean + one * step for seed, step in zip(FIVE, steps, strict=True)}


@pytest.mark.parametrize(
    "claim, bound, mean, half, outcome",
    [
        ("above", 0.5, 0.8, 0.2, "held"),
        ("above", 0.5, 0.6, 0.2, "open"),
        ("above", 0.5, 0.2, 0.2, "failed"),
        ("above", -0.5, 0.0, 0.2, "held"),
        ("below", 0.0, -0.3, 0.2, "held"),
        ("below", 0.0, -0.1, 0.2, "open"),
        ("below", 0.0, 0.3, 0.2, "failed"),
        ("within", 0.3, 0.0, 0.2, "held"),
        ("within", 0.3, 0.2, 0.2, "open"),
        ("within", 0.3, 0.0, 0.9, "open"),
        ("within", 0.3, 0.6, 0.2, "failed"),
        ("within", 0.3, -0.6, 0.2, "failed"),
    ],
)
def test_the_verdict_is_computed(claim: str, bound: float, mean: float, half: float, outcome: str) -> None:
    """Catches: a wide interval round 0 that counts as "no difference", and one that contains the bound as "failed"."""
    registered = evidence.Registered("a - b", claim, bound, FIVE)
    verdict = registered.verdict(around(mean, half))
    assert verdict.outcome == outcome
    assert verdict.interval.mean == pytest.approx(mean) and verdict.interval.n == 5
    assert str(verdict).startswith(f"{outcome}: ")


@pytest.mark.parametrize(
    "claim, bound, difference",
    [("above", 0.5, 0.8), ("above", 0.5, 0.0), ("below", 0.0, -0.1), ("within", 0.3, 0.0), ("within", 0.3, 0.6)],
)  # fmt: skip
def test_equal_differences_decide_nothing(claim: str, bound: float, difference: float) -> None:
    """Catches: a control that did nothing, or one number copied to all seeds, that "held" or "failed" by an interval of width 0."""
    verdict = evidence.Registered("a - b", claim, bound, FIVE).verdict(dict.fromkeys(FIVE, difference))
    assert (verdict.outcome, verdict.equal) == ("open", True)
    assert f"{difference:+.2f} points for each of 5 seeds; equal differences have no spread" in str(verdict)
    assert "[" not in str(verdict)


def test_equal_up_to_rounding_is_equal() -> None:
    """Catches: a spread that is rounding, since 0.8 - 0.7 is not 0.9 - 0.8; and a small spread that is taken for none."""
    found = {0: 0.8 - 0.7, 1: 0.9 - 0.8, 2: 0.9 - 0.8, 3: 0.8 - 0.7, 4: 0.1}
    registered = evidence.Registered("a - b", "above", 0.05, FIVE)
    assert registered.verdict(found).outcome == "open"
    assert registered.verdict(found | {4: 0.1001}).outcome == "held"


def test_a_count_may_be_the_same_for_all_seeds() -> None:
    count = dict.fromkeys(FIVE, 4.0)
    verdict = evidence.Registered("layers emptied", "above", 3.5, FIVE).verdict(count, paired=False)
    assert (verdict.outcome, verdict.equal) == ("held", False)


def test_other_seeds_have_no_verdict() -> None:
    """Catches: a failed seed left out, and seeds added until the interval is right."""
    found = around(0.8, 0.2)
    with pytest.raises(ValueError, match="missing: 4"):
        ONE.verdict({s: d for s, d in found.items() if s != 4})
    with pytest.raises(ValueError, match="not registered: 5, 6"):
        ONE.verdict(found | {5: 0.8, 6: 0.9})
    with pytest.raises(ValueError, match="finite"):
        ONE.verdict(found | {4: math.nan})
    with pytest.raises(TypeError, match="which seeds"):
        ONE.verdict(list(found.values()))  # type: ignore[arg-type]


def test_any_change_has_another_digest() -> None:
    others = [
        replace(ONE, bound=0.4),
        replace(ONE, claim="below"),
        replace(ONE, seeds=(0, 1, 2, 3)),
        replace(ONE, unit="steps"),
        replace(ONE, compared="dense - ticket"),
        replace(ONE, note="a pilot run"),
    ]
    assert len({one.digest for one in (ONE, *others)}) == 7
    assert ONE.digest == evidence.Registered("ticket - dense", "above", 0.5, (4, 3, 2, 1, 0)).digest
    assert replace(ONE, bound=1).digest == replace(ONE, bound=1.0).digest
    assert len(ONE.digest) == 12


def test_it_is_written_once(tmp_path: Path) -> None:
    """Catches a registration that is rewritten once the result is known."""
    path = ONE.save(tmp_path / "prediction.json")
    assert evidence.load_registered(path) == ONE == evidence.load_registered(ONE.save(path))
    with pytest.raises(ValueError, match="it is not changed"):
        replace(ONE, bound=0.1).save(path)
    assert evidence.load_registered(path) == ONE


def test_a_changed_file_is_seen(tmp_path: Path) -> None:
    path = ONE.save(tmp_path / "prediction.json")
    path.write_text(path.read_text().replace("0.5", "0.1"))
    with pytest.raises(DamagedFile):
        evidence.load_registered(path)
    write_sealed(path, ONE.record() | {"bound": 0.1})  # with a seal of its own
    with pytest.raises(DamagedFile, match="altered after it was registered"):
        evidence.load_registered(path)
    write_sealed(path, {"bound": 0.1})
    with pytest.raises(DamagedFile, match="no registered prediction"):
        evidence.load_registered(path)


def test_a_record_is_plain_json() -> None:
    assert of_record(json.loads(json.dumps(ONE.record()))) == ONE


@pytest.mark.parametrize(
    "change, words",
    [
        ({"claim": "abov"}, "Did you mean 'above'"),
        ({"claim": "equal"}, "expected one of above, below, within"),
        ({"bound": math.nan}, "finite number"),
        ({"bound": "0.5"}, "finite number"),
        ({"claim": "within", "bound": 0.0}, "nothing lies within less"),
        ({"claim": "within", "bound": -0.3}, "nothing lies within less"),
        ({"seeds": (0, 1)}, "3 different whole numbers"),
        ({"seeds": (0, 1, 1)}, "3 different whole numbers"),
        ({"seeds": (0, 1, 2.5)}, "3 different whole numbers"),
        ({"seeds": 5}, "3 different whole numbers"),
        ({"seeds": "012"}, "3 different whole numbers"),
        ({"compared": " "}, "expected words"),
        ({"unit": ""}, "expected words"),
    ],
)
def test_what_is_no_prediction_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(ONE, **change)
