"""A score of one's own that remembers: in one process it may, and a folder does not go on without what it has seen."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

import lthkit as lth
from tests.conftest import small_net

RECIPE = lth.Recipe(steps=12, batch_size=20, evaluate_every=6)


class Drift:
    """How far each weight has come since the last cut: at the first one, since 0."""

    def __init__(self) -> None:
        self.seen: dict[str, torch.Tensor] = {}

    def __call__(self, model: torch.nn.Module, *, mask: lth.Mask) -> dict[str, torch.Tensor]:
        now = {name: model.get_parameter(name).detach().clone() for name in mask}
        moved = {name: (weight - self.seen.get(name, 0 * weight)).abs() for name, weight in now.items()}
        self.seen = now
        return moved


def search(data: lth.Dataset, rounds: int = 2, score: Any = None, **more: Any) -> list[lth.Round]:
    return list(lth.imp(small_net, data, rounds=rounds, recipe=RECIPE, score=score or Drift(), **more))


def test_a_score_that_remembers_works_in_a_folder_while_it_is_there(
    tiny: lth.Dataset, tmp_path: Path
) -> None:
    masks = [r.mask for r in search(tiny, 3)]
    assert [r.mask for r in search(tiny, 3, folder=tmp_path)] == masks
    assert masks[3] != search(tiny, 3, lth.magnitude)[3].mask
    assert [r.mask for r in search(tiny, 3, folder=tmp_path)] == masks  # all of it is read


def test_a_search_does_not_go_on_without_what_its_score_has_seen(tiny: lth.Dataset, tmp_path: Path) -> None:
    """Catches: a third cut by a fresh object, which takes the way from 0 for the way since the second cut."""
    search(tiny, folder=tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(ValueError, match=r"seen in cuts 1 to 2.*take another folder"):
        search(tiny, 3, folder=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_search_that_was_stopped_before_its_second_cut_goes_on(tiny: lth.Dataset, tmp_path: Path) -> None:
    """The first cut is made again, by an object that has seen nothing, as the first one had."""
    done = []

    def stop(steps: int) -> None:
        done.append(steps)
        if sum(done) > RECIPE.steps + 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(tiny, folder=tmp_path, progress=stop)
    assert (tmp_path / "score.json").exists() and not (tmp_path / "round-01.npz").exists()
    assert [r.mask for r in search(tiny, folder=tmp_path)] == [r.mask for r in search(tiny)]


def plain(model: torch.nn.Module, *, mask: lth.Mask, round: int) -> dict[str, torch.Tensor]:
    return {name: model.get_parameter(name).detach().abs() / round for name in mask}


def test_a_score_that_remembers_nothing_leaves_nothing_and_goes_on(tiny: lth.Dataset, tmp_path: Path) -> None:
    search(tiny, 1, plain, folder=tmp_path)
    assert not (tmp_path / "score.json").exists()
    assert search(tiny, 2, plain, folder=tmp_path)[2].mask == search(tiny, 2, plain)[2].mask


def noisy(model: torch.nn.Module, *, mask: lth.Mask) -> dict[str, torch.Tensor]:
    return {name: torch.rand_like(model.get_parameter(name)) for name in mask}


def counting(path: Path, model: torch.nn.Module, *, mask: lth.Mask) -> dict[str, torch.Tensor]:
    """Another score at each call, by a file."""
    path.write_text(text := (path.read_text() if path.exists() else "") + "x")
    draw = torch.Generator().manual_seed(len(text))
    return {name: torch.rand(kept.shape, generator=draw) for name, kept in mask.items()}


def own_train(model: Any, data: Any, *, folder: Any = None, **rest: Any) -> lth.TrainResult:
    """A loop that saves nothing on the way."""
    return lth.train(model, data, **rest)


@pytest.mark.parametrize("updates", [0, 6, 12])
@pytest.mark.parametrize("state", ["drawn", "in a file"])
@pytest.mark.parametrize("train", [lth.train, own_train])
def test_a_training_does_not_go_on_under_another_mask(
    updates: int, state: str, train: Any, tiny: lth.Dataset, tmp_path: Path
) -> None:
    """Catches: a training that was stopped near its end, returned with a mask that it was not trained under."""
    done: list[int] = []
    score = noisy if state == "drawn" else partial(counting, tmp_path / "state.txt")
    given: dict[str, Any] = {"score": score, "train": train, "folder": tmp_path / "run"}

    def stop(steps: int) -> None:
        done.append(steps)
        if sum(done) > 2 * RECIPE.steps + updates:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(tiny, 3, progress=stop, **given)
    under_way = next((tmp_path / "run").glob("training-*"))
    for _ in range(2):
        with pytest.raises(
            ValueError, match=r"score gave another mask for round \d .*load_round\(folder, r\)"
        ):
            search(tiny, 3, **given)
        assert under_way.exists()


def recomputed(
    folder: Path, model: torch.nn.Module, *, mask: lth.Mask, round: int
) -> dict[str, torch.Tensor]:
    """How far each weight has come since the round before, by what the folder has of it."""
    before = lth.tickets.load_round(folder, round - 2)
    old = before.trained.model if before else {}
    return {n: (w := model.get_parameter(n).detach()) - old.get(n, 0 * w) for n in mask}


def test_a_score_may_compute_again_what_it_has_seen(tiny: lth.Dataset, tmp_path: Path) -> None:
    whole = search(tiny, 3, partial(recomputed, tmp_path / "a"), folder=tmp_path / "a")
    search(tiny, 1, partial(recomputed, tmp_path / "b"), folder=tmp_path / "b")
    again = search(tiny, 3, partial(recomputed, tmp_path / "b"), folder=tmp_path / "b")
    assert [r.mask for r in again] == [r.mask for r in whole]
    assert not list(tmp_path.glob("*/training-*"))
