"""What a score may ask for: only what its signature names, in every form that a function may have."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import lthkit as lth
from lthkit.pruning.asked import asked_for
from lthkit.pruning.scores import for_mask
from tests.conftest import small_net

SEEN: list[dict[str, Any]] = []


def scored(model: nn.Module, **seen: Any) -> dict[str, torch.Tensor]:
    SEEN.append(seen)
    return lth.magnitude(model)


def plain(model):
    return scored(model)


def named(model, *, mask, round, optimizer=None):
    return scored(model, mask=mask, round=round, optimizer=optimizer)


def second(model, mask, round=7):
    return scored(model, mask=mask, round=round)


def everything(*args, **kwargs):
    return scored(*args, **kwargs)


def own_keywords(model, *, strength=2, round=0, **kwargs):
    assert not kwargs
    return scored(model, strength=strength, round=round)


def network_called_mask(mask, *, round):
    return scored(mask, round=round)


@functools.wraps(named)
def wrapped(*args, **kwargs):
    return named(*args, **kwargs)


class Stateful:
    """A score with state."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, model, *, mask):
        self.calls += 1
        return scored(model, mask=mask, calls=self.calls)

    def method(self, model, round):
        return scored(model, round=round)


FORMS: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "plain": (plain, ()),
    "by keyword": (named, ("mask", "round", "optimizer")),
    "by place": (second, ("mask", "round")),
    "kwargs": (everything, ()),
    "its own keywords": (own_keywords, ("round",)),
    "a network called mask": (network_called_mask, ("round",)),
    "wrapped": (wrapped, ("mask", "round", "optimizer")),
    "an object": (Stateful(), ("mask",)),
    "a method": (Stateful().method, ("round",)),
    "a partial that gives the mask": (functools.partial(second, mask=None), ("round",)),
    "a partial of a partial": (functools.partial(functools.partial(named, round=3), mask=4), ("optimizer",)),
    "a lambda": (lambda net, round: scored(net, round=round), ("round",)),
    "magnitude": (lth.magnitude, ()),
    "SNIP": (functools.partial(lth.snip, batches=[]), ()),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_score_gets_what_its_signature_names(name):
    score, expected = FORMS[name]
    assert asked_for(score) == expected
    if name in ("magnitude", "SNIP"):
        return
    mask, state = lth.Mask.ones(small_net(seed=0)), {"mean/1.weight": torch.ones(1)}
    SEEN.clear()
    for_mask(score, mask, round=5, optimizer=state)(small_net(seed=0))
    (seen,) = SEEN
    given = {"mask": mask, "round": 5, "optimizer": state}
    assert {name: seen[name] for name in expected} == {name: given[name] for name in expected}


def needs_batches(model, *, batches):
    return scored(model)


def needs_a_second(model, other, /):
    return scored(model)


REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "SNIP without its batches": (
        lth.snip,
        r"snip needs batches.*functools\.partial\(lthkit\.snip, batches=data\.draw\(100, seed=0\)\)",
    ),
    "SynFlow without a shape": (
        lth.synflow,
        r"needs shape.*functools\.partial\(lthkit\.synflow, shape=data\.shape\)",
    ),
    "its own": (needs_batches, r"needs_batches needs batches.*as score\(model\)"),
    "two places": (needs_a_second, "needs_a_second needs other"),
    "mask by place only": (eval("lambda model, mask, /: None"), "needs mask"),
    "no network": (lambda: None, "takes no network; expected a function whose first argument is one"),
    "no network, keywords": (eval("lambda *, mask: None"), "takes no network"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_score_that_cannot_be_called_is_refused_at_the_door(name, tiny):
    """Before the dense training, and in the same words in every driver."""
    score, text = REFUSED[name]
    calls: list[Callable[[], Any]] = [
        lambda: asked_for(score),
        lambda: lth.imp(small_net, tiny, rounds=1, score=score),
        lambda: lth.one_shot(small_net, tiny, densities=[0.5], score=score),
        lambda: lth.prune_iteratively(small_net(seed=0), score, 0.5, rounds=2),
        lambda: lth.prune_at_init(small_net, tiny, score=score, density=0.5),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=text):
            call()


def test_an_optimizer_is_not_there_before_a_training(tiny):
    def score(model, *, optimizer):
        return scored(model)

    for call in (
        lambda: lth.prune_iteratively(small_net(seed=0), score, 0.5, rounds=1),
        lambda: lth.prune_at_init(small_net, tiny, score=score, density=0.5),
    ):
        with pytest.raises(TypeError, match="needs optimizer.*Nothing has been trained yet"):
            call()
    SEEN.clear()
    lth.prune_iteratively(small_net(seed=0), functools.partial(named, optimizer="mine"), 0.25, rounds=2)
    assert [(s["round"], s["mask"].kept, s["optimizer"]) for s in SEEN] == [
        (1, 1510, "mine"),
        (2, 755, "mine"),
    ]


RECIPE = lth.Recipe(steps=12, batch_size=20, evaluate_every=6)


def by_second_moment(model, *, mask, round, optimizer):
    """Weight times the root of its mean squared gradient, with a look at what was given."""
    SEEN.append({"mask": mask, "round": round, "optimizer": optimizer})
    return {n: w.detach().abs() * optimizer[f"square/{n}"].sqrt() for n, w in lth.prunable(model).items()}


def test_imp_gives_mask_round_and_the_optimizer_of_the_last_step(tiny):
    """Catches: the mask of the wrong round, a round counted from 0, the state of the rewind step."""
    SEEN.clear()
    rounds = list(lth.imp(small_net, tiny, rounds=2, rewind_step=3, score=by_second_moment, recipe=RECIPE))
    assert [s["round"] for s in SEEN] == [1, 2] and [s["mask"] for s in SEEN] == [r.mask for r in rounds[:2]]
    for i, start in enumerate((None, rounds[0].rewind)):
        model = small_net(seed=0)
        kept = lth.train(model, tiny, mask=rounds[i].mask, recipe=RECIPE, start=start, keep=(12,)).kept[12]
        assert kept.optimizer is not None and kept.optimizer.keys() == SEEN[i]["optimizer"].keys()
        assert all(torch.equal(kept.optimizer[k], t) for k, t in SEEN[i]["optimizer"].items())
        scores = {
            n: w.detach().abs() * kept.optimizer[f"square/{n}"].sqrt() for n, w in lth.prunable(model).items()
        }
        assert rounds[i + 1].mask == lth.prune(rounds[i].mask, scores, 0.2)
    plain_ = list(lth.imp(small_net, tiny, rounds=1, rewind_step=3, recipe=RECIPE))
    assert plain_[0].result.history == rounds[0].result.history and plain_[0].trained.optimizer is None


@pytest.mark.parametrize("driver", ["imp", "one_shot"])
def test_a_search_that_goes_on_has_the_same_state_to_ask_for(driver, tiny, tmp_path):
    """Catches: a round read from its folder without the state that its training ended with."""
    own = {"imp": {"rounds": 2}, "one_shot": {"densities": [0.5, 0.2]}}[driver]
    search = functools.partial(
        getattr(lth, driver), small_net, tiny, score=by_second_moment, recipe=RECIPE, **own
    )
    whole = list(search())
    first = search(folder=tmp_path)
    next(first)
    first.close()
    again = list(search(folder=tmp_path))
    assert [r.mask.fingerprint for r in again] == [r.mask.fingerprint for r in whole]
    assert [r.trained.fingerprint for r in again] == [r.trained.fingerprint for r in whole]
    assert all(r.trained.optimizer is not None for r in again)


def test_what_a_score_asks_for_stands_in_the_configuration(tiny, tmp_path):
    """Catches: an old folder of a score with a default that went on with what it is given now."""
    list(lth.imp(small_net, tiny, rounds=1, score=second, recipe=RECIPE, folder=tmp_path / "a"))
    config = lth.storage.files.read_sealed(tmp_path / "a" / "config.json")
    assert config["asked"] == ["mask", "round"]
    list(lth.imp(small_net, tiny, rounds=1, score=plain, recipe=RECIPE, folder=tmp_path / "b"))
    assert "asked" not in lth.storage.files.read_sealed(tmp_path / "b" / "config.json")


def test_early_stopping_and_the_state_of_the_last_step_do_not_go_together(tiny):
    recipe = lth.Recipe(steps=12, batch_size=20, evaluate_every=6, patience=6)
    for call in (
        lambda: lth.imp(small_net, tiny, rounds=1, score=by_second_moment, recipe=recipe),
        lambda: lth.one_shot(small_net, tiny, densities=[0.5], score=by_second_moment, recipe=recipe),
    ):
        with pytest.raises(ValueError, match="asks for optimizer=.*patience=None"):
            call()


def test_what_a_score_does_to_its_copies_does_not_matter(tiny):
    """Catches: a search whose mask, or whose saved state, a score has written into."""

    def rude(model, *, mask, optimizer):
        for tensor in [*mask.values(), *optimizer.values()]:
            tensor.zero_()
        return lth.magnitude(model)

    given = list(lth.imp(small_net, tiny, rounds=2, score=rude, recipe=RECIPE))
    usual = list(lth.imp(small_net, tiny, rounds=2, recipe=RECIPE))
    assert [r.mask for r in given] == [r.mask for r in usual]
    assert any(bool(t.any()) for t in given[0].trained.optimizer.values())


def test_a_training_of_ones_own_may_have_no_state(tiny):
    def train(model, data, **rest):
        result = lth.train(model, data, **rest)
        result.kept.pop(12, None)
        return result

    with pytest.raises(ValueError, match=r"round 0 has no state of its optimizer.*result\.kept"):
        list(lth.imp(small_net, tiny, rounds=1, score=by_second_moment, recipe=RECIPE, train=train))
    SEEN.clear()
    list(lth.imp(small_net, tiny, rounds=1, score=named, recipe=RECIPE, train=train))
    assert SEEN[0]["optimizer"] is None and SEEN[0]["round"] == 1
