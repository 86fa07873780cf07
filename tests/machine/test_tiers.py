"""Tiers: one variable chooses, and a slip of the pen is named instead of running for hours."""

from __future__ import annotations

import pytest

from lthkit.machine.tiers import TIERS, by_tier, tier


@pytest.mark.parametrize("name", TIERS)
def test_the_variable_chooses(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("LTHKIT_TIER", name)
    assert tier() == name
    assert by_tier(smoke="smoke", laptop="laptop", gpu="gpu") == name.replace("recorded", "laptop")


def test_laptop_is_the_default_also_for_an_empty_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LTHKIT_TIER")  # conftest.py has set it
    assert tier() == "laptop"
    monkeypatch.setenv("LTHKIT_TIER", " ")
    assert tier() == "laptop"


def test_the_tier_is_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LTHKIT_TIER", "smoke")
    assert by_tier(smoke=1, laptop=2, gpu=3) == 1
    monkeypatch.setenv("LTHKIT_TIER", "GPU")
    assert by_tier(smoke=1, laptop=2, gpu=3) == 3


def test_a_value_of_none_or_false_is_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LTHKIT_TIER", "smoke")
    assert by_tier(smoke=None, laptop=1, gpu=2) is None
    assert by_tier(smoke=0, laptop=1, gpu=2) == 0


def test_another_value_is_refused_and_the_choices_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LTHKIT_TIER", "smok")
    with pytest.raises(ValueError, match="'smok'; set it to one of smoke, laptop, gpu"):
        by_tier(smoke=1, laptop=2, gpu=3)


def test_all_three_must_be_given_by_name() -> None:
    with pytest.raises(TypeError):
        by_tier(smoke=1, laptop=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        by_tier(1, 2, 3)  # type: ignore[misc]


def test_recorded_has_the_sizes_of_laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LTHKIT_TIER", "recorded")
    assert by_tier(smoke=1, laptop=2, gpu=3) == 2


def test_an_argument_wins_over_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LTHKIT_TIER", "smoke")
    assert tier("gpu") == "gpu" and by_tier(smoke=1, laptop=2, gpu=3, tier="gpu") == 3
    with pytest.raises(ValueError, match="tier is 'lapto'"):
        tier("lapto")
