"""The recipes of a grid: what `[recipes.NAME]` changes in the recipe that a network has unless said otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from lthkit.machine.tiers import by_tier
from lthkit.runs.experiments import default_recipe
from lthkit.sweeps.mistakes import Found
from lthkit.training.recipes import Recipe

DEFAULT = "default"  # the name of the recipe that changes nothing
FIELDS = {field.name: str(field.type) for field in fields(Recipe)}


def base_recipe(model: str, tier: str) -> Recipe:
    """The recipe of a network unless said otherwise: lthkit's own, and for a function of your own `Recipe()`, shortened by tier."""
    if ":" not in model:
        return default_recipe(model, tier)
    return by_tier(
        smoke=Recipe(steps=40, evaluate_every=20),
        laptop=Recipe(),
        gpu=Recipe(steps=10_000, precision="auto"),
        tier=tier,
    )


def recipes_of(
    given: Any, models: Sequence[str], tier: str, found: Found, *, grid_keys: Sequence[str]
) -> dict[tuple[str, str], Recipe]:
    """The recipe of each name for each model; `DEFAULT` is there too. A recipe given whole is the same for all models."""
    if not isinstance(given, Mapping):
        found.add(
            "recipes", f"{given!r} was given; expected tables, such as [recipes.short] with steps = 500."
        )
        given = {}
    made: dict[tuple[str, str], Recipe] = {}
    for name, changes in {DEFAULT: {}, **given}.items():
        place = f"recipes.{name}"
        if isinstance(changes, Recipe):
            made |= {(name, model): changes for model in models}
            continue
        if not isinstance(changes, Mapping):
            found.add(
                place,
                f"{changes!r} was given; expected a table: [recipes.{name}] with such as steps = 500 below it.",
            )
            continue
        if name == DEFAULT and DEFAULT in given:
            found.add(place, "this name is that of the recipe without changes; expected another one.")
        for key in [key for key in changes if key not in FIELDS]:
            hint = (
                f" {key!r} is a key of the grid, and in TOML all that follows [{place}] belongs to it: move it above the first line "
                "in brackets."
                if key in grid_keys
                else ""
            )
            found.unknown(f"{place}.{key}", key, FIELDS, hint)
        changes = {key: _value(key, value) for key, value in changes.items() if key in FIELDS}
        for model in models:
            with found.at(place, "" if len(models) == 1 else f" (For {model}.)"):
                made[name, model] = _changed(base_recipe(model, tier), changes)
    return made


def _value(key: str, value: Any) -> Any:
    """A number of a field for fractions as one: 1 and 1.0 are one recipe, and have one name."""
    if isinstance(value, list):
        return tuple(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if whole and FIELDS[key] == "float" else value


def _changed(base: Recipe, changes: dict[str, Any]) -> Recipe:
    """The recipe with these changes; its milestones move with its length, and go with its schedule, unless they are given."""
    if base.milestones and "milestones" not in changes:
        steps = changes.get("steps", base.steps)
        if changes.get("schedule", base.schedule) != "step":
            changes = {"milestones": (), **changes}
        elif isinstance(steps, int) and steps > 0:
            changes = {"milestones": tuple(m * steps // base.steps for m in base.milestones), **changes}
    made = replace(base, **changes)
    if late := [m for m in made.milestones if m >= made.steps]:
        raise ValueError(
            f"milestones={late} lie behind the last of {made.steps} steps, so the rate would never change there; expected steps "
            f"from 0 to {made.steps - 1}."
        )
    return made
