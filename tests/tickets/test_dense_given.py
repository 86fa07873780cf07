"""`one_shot(dense=...)`: a dense round that was trained before is taken, and one of another search is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import lthkit as lth
from tests.conftest import small_net

RECIPE = lth.Recipe(steps=8, batch_size=30, evaluate_every=4)


def test_a_dense_round_is_taken_and_changes_no_number(tiny: lth.Dataset, tmp_path: Path) -> None:
    """Catches: a dense network that is trained again, and a ticket of other weights than those of one search."""
    whole = list(lth.one_shot(small_net, tiny, densities=[0.5, 0.2], rewind_step=2, recipe=RECIPE))
    told: list[int] = []
    given = {"rewind_step": 2, "recipe": RECIPE, "dense": whole[0], "progress": told.append}
    for folder in (None, tmp_path / "a", tmp_path / "a"):
        told.clear()
        first, this = lth.one_shot(small_net, tiny, densities=[0.2], folder=folder, **given)
        assert first.result == whole[0].result and sum(told) == RECIPE.steps - 2
        assert this.mask == whole[2].mask and this.result.validation_loss == whole[2].result.validation_loss
    again = lth.tickets.load_round(tmp_path / "a", 0)
    assert again is not None and again.trained.fingerprint == whole[0].trained.fingerprint


def test_another_dense_round_is_refused(tiny: lth.Dataset) -> None:
    """Catches: a ticket cut from the dense network of another seed, round or rewind step."""
    first, second = lth.one_shot(small_net, tiny, densities=[0.5], recipe=RECIPE)
    for seed, step, dense, words in (
        (1, 0, first, "began with other weights"),
        (0, 2, first, "state of step 0 to rewind to"),
        (0, 0, second, "is round 1"),
    ):
        with pytest.raises(ValueError, match=words):
            lth.one_shot(
                small_net, tiny, densities=[0.2], recipe=RECIPE, seed=seed, rewind_step=step, dense=dense
            )
