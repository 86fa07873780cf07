"""What the drivers share: one list of keywords, checked at the door, and meant by each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_type_hints

import pytest

import lthkit as lth
from lthkit.data import Dataset
from lthkit.tickets import Search, Shared, early_bird
from lthkit.training import Recipe
from tests.conftest import small_conv, small_net

RECIPE = Recipe(steps=30, batch_size=20, lr=0.05, evaluate_every=15)
DRIVERS: dict[str, Callable[..., Any]] = {
    "imp": lambda *a, **k: lth.imp(*a, rounds=1, **k),
    "one_shot": lambda *a, **k: lth.one_shot(*a, densities=[0.5], **k),
    "prune_at_init": lambda *a, **k: lth.prune_at_init(*a, score=lth.magnitude, density=0.5, **k),
    "snip_then_imp": lambda *a, **k: lth.snip_then_imp(*a, snip_density=0.5, density=0.2, rounds=1, **k),
    "early_bird": lambda *a, **k: early_bird(*a, density=0.5, max_epochs=2, window=2, **k),
}


def masks(name: str, found: Any) -> list[lth.Mask]:
    if name == "early_bird":
        return list(found.masks)
    return [found.mask] if name == "prune_at_init" else [r.mask for r in found]


def test_a_keyword_for_all_stands_in_both_lists() -> None:
    """Catches an argument that a driver would accept and nobody reads, and the other way round."""
    assert list(get_type_hints(Shared)) == [field.name for field in fields(Search)][2:]


@pytest.mark.parametrize("name", DRIVERS)
def test_a_slip_is_refused_at_the_call(name: str, tiny: Dataset) -> None:
    """Catches a typing error that a `**shared` swallows, or that is found only when the generator begins."""
    with pytest.raises(
        TypeError, match=rf"{name}\(\) got an unexpected keyword 'folde'; did you mean 'folder'"
    ):
        DRIVERS[name](small_net, tiny, folde="x")
    with pytest.raises(TypeError, match="unexpected keyword 'qqq'; expected some of .*seed, order_seed"):
        DRIVERS[name](small_net, tiny, qqq=1)
    with pytest.raises(TypeError, match="recipe is a int; expected a Recipe"):
        DRIVERS[name](small_net, tiny, recipe=3)
    with pytest.raises(TypeError, match="data is a str; expected a Dataset"):
        DRIVERS[name](small_net, "fashion-mnist", recipe=RECIPE)


@pytest.mark.parametrize("name", ["one_shot", "prune_at_init", "early_bird"])
def test_a_list_of_steps_is_for_ladders(name: str, tiny: Dataset) -> None:
    with pytest.raises(ValueError, match="steps has 2 entries"):
        DRIVERS[name](small_net, tiny, recipe=RECIPE, steps=[30, 30])


def test_early_bird_trains_itself(tiny: Dataset) -> None:
    with pytest.raises(TypeError, match="takes no train"):
        DRIVERS["early_bird"](small_net, tiny, recipe=RECIPE, train=lth.train)


@pytest.mark.parametrize("name", DRIVERS)
def test_what_is_excluded_is_never_pruned(name: str, tiny: Dataset) -> None:
    """Catches a driver that takes `exclude` and leaves it lying."""
    found = masks(name, DRIVERS[name](small_net, tiny, recipe=RECIPE, exclude=["5.weight"]))
    assert all(list(mask) == ["1.weight", "3.weight"] for mask in found)
    assert found[-1].density < 1


@pytest.mark.parametrize("name", DRIVERS)
def test_layerwise_is_layerwise(name: str, tiny: Dataset) -> None:
    """Catches a driver that ranks all weights together whatever `scope` says: every layer then keeps another part."""
    for scope, equal in (("global", False), ("layerwise", True)):
        mask = masks(name, DRIVERS[name](small_net, tiny, recipe=RECIPE, scope=scope))[-1]
        parts = mask.per_layer().values()
        assert (max(parts) - min(parts) < 0.04) is equal, (scope, parts)


@pytest.mark.parametrize("name", DRIVERS)
def test_the_order_of_the_data_is_a_seed_of_its_own(name: str, tiny: Dataset) -> None:
    """Catches a driver that draws its order from `seed` although `order_seed` was given."""

    def end(**seeds: int) -> list[Any]:
        found = DRIVERS[name](small_net, tiny, recipe=RECIPE, **seeds)
        if name == "early_bird":
            return [found.last.fingerprint]
        return (
            [found.trained.fingerprint] if name == "prune_at_init" else [r.trained.fingerprint for r in found]
        )

    assert end(seed=3) == end(seed=3, order_seed=3) != end(seed=3, order_seed=4)


def test_channels_are_ranked_over_all_layers(tiny: Dataset) -> None:
    for given in ({"scope": "layerwise"}, {"exclude": ["0.weight"]}):
        with pytest.raises(ValueError, match="takes no scope, exclude or include"):
            early_bird(small_conv, tiny, density=0.5, kind="channels", recipe=RECIPE, **given)
