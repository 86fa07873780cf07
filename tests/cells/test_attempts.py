"""Attempts: who takes a cell over takes what was begun with it; who was taken over can neither find nor remove it."""

from __future__ import annotations

import pytest

from lthkit.cells.attempts import attempt_of, attempts_in
from lthkit.storage.claims import Lost, claimed
from lthkit.storage.publishing import remove


def test_one_name_for_each_holder(tmp_path):
    """Catches: a late holder whose claim had the number of the present one, and who removes or writes into its attempt."""
    with claimed(tmp_path) as first:
        old = attempt_of(first)
        (old / "begun").write_text("work")
        (old / ".lock").write_text("")
    with claimed(tmp_path) as second:
        assert second.number == first.number
        attempt = attempt_of(second)
        assert attempt != old and attempts_in(tmp_path) == [attempt]
        assert [path.name for path in attempt.iterdir()] == ["begun"]
        remove(old)  # as the late one would
        assert (attempt / "begun").read_text() == "work"


def test_none_is_taken_from_who_took_over(tmp_path):
    """Catches: a holder that sleeps before it has an attempt, and robs the next one of its own when it wakes."""
    with claimed(tmp_path) as first, claimed(tmp_path, dead={"", _holder()}) as second:
        attempt = attempt_of(second)
        with pytest.raises(Lost):
            attempt_of(first)
        assert attempts_in(tmp_path) == [attempt]


def _holder() -> str:
    from lthkit.storage import claims

    return claims.HOLDER
