"""`lthkit run` of a single method: its options become a grid of one method, and its folder grows with what is asked."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from lthkit.commands import sweeping
from lthkit.commands.console import say
from lthkit.commands.options import data_name, recipe_of, size_of, slug, tier_of

# Options that are settings of a method; what was not given is left to the method.
SETTINGS = (
    *("score", "iterations", "images", "window", "threshold", "rule", "snip_density", "fraction"),
    *("scope", "rewind_step"),
)


def run(arguments: argparse.Namespace) -> int:
    """Do a method at the densities and seeds that were asked for, as far as they are missing."""
    from lthkit.machine.devices import resolve_device
    from lthkit.storage.records import run_id, runs_folder
    from lthkit.sweeps.jobs import dataset
    from lthkit.sweeps.mistakes import GridMistakes

    data, device = data_name(arguments.data), str(resolve_device(arguments.device))
    method = {"method": arguments.method, **_settings(arguments)}
    recipe = recipe_of(arguments)
    loaded = dataset(data, size_of(arguments), device)
    fit_batches(recipe, arguments.model, tier_of(arguments), loaded)
    try:
        grid = _grid(arguments, method, data, recipe)
    except GridMistakes as error:
        raise ValueError(" ".join(map(_told, error.mistakes))) from error
    first = grid.asked[0].cell
    config = {key: value for key, value in first.config(loaded).items() if key != "seed"}
    name = f"{first.method}-{slug(arguments.model)}-{slug(data)}"
    folder: Path = arguments.out or runs_folder() / run_id(name, config)
    return sweeping.carry_out(grid, folder, arguments)


def _told(mistake: Any) -> str:
    """A mistake with the option that it is of, where that is not said in it."""
    name = str(mistake.place).partition("[")[0].partition(",")[0]
    text = mistake.text if mistake.text.endswith((".", "?")) else f"{mistake.text}."
    return text if name in ("methods", "recipes.own", "axes") else f"--{name}: {text}"


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings of the method that were given. ValueError, in its own words, for one that it does not take."""
    from lthkit.cells.ways import WAYS

    given = {name: value for name in SETTINGS if (value := getattr(arguments, name, None)) is not None}
    if arguments.method == "hybrid" and arguments.rounds is not None:
        given["rounds"] = arguments.rounds
    if arguments.method != "imp":
        given.pop(
            "fraction", None
        )  # of the ladder that one-shot pruning goes down; the grid has it at the top
    WAYS.get(arguments.method, WAYS["one-shot"])(**given)
    if arguments.method == "retrain":
        given["arm"] = list(arguments.arm)
    return given


def _grid(arguments: argparse.Namespace, method: dict[str, Any], data: str, recipe: dict[str, Any]) -> Any:
    from lthkit.sweeps.grids import grid_of

    how_far: dict[str, Any] = {"densities": getattr(arguments, "densities", None)}
    by_rounds = arguments.method in ("imp", "one-shot")
    if by_rounds and how_far["densities"] is not None:
        if given := [name for name in ("rounds", "control_rounds") if getattr(arguments, name) is not None]:
            raise ValueError(
                f"--{given[0].replace('_', '-')} and --densities were given; expected one of them, because both say how far to go."
            )
    elif by_rounds:
        if arguments.control_rounds is not None:
            raise ValueError(
                "--control-rounds was given with --on, --workers or a model of your own; there controls are trained at every round. "
                "Leave it out, or give --densities."
            )
        how_far = {"rounds": list(range(1, 1 + (5 if arguments.rounds is None else arguments.rounds)))}
        if arguments.method == "one-shot" and arguments.fraction is not None:
            how_far["fraction"] = arguments.fraction
    if arguments.method == "one-shot" and "rounds" not in how_far and arguments.fraction is not None:
        raise ValueError(
            "--fraction and --densities were given; expected one of them: it is the fraction of the rounds' ladder."
        )
    if controls := getattr(arguments, "controls", ()):
        how_far["controls"] = list(controls)
    return grid_of(
        f"{arguments.method}-{slug(arguments.model)}-{slug(data)}",
        methods=[method],
        models=[arguments.model],
        data=[data],
        seeds=list(arguments.seeds),
        recipes={"own": recipe} if recipe else None,
        tier=tier_of(arguments),
        size=size_of(arguments),
        **how_far,
    )


def fit_batches(recipe: dict[str, Any], model: str, tier: str, data: Any) -> None:
    """Batches that the pictures of a small folder can fill, if no size of a batch was asked for."""
    from lthkit.cells.networks import named_function
    from lthkit.sweeps.grid_recipes import base_recipe

    named_function(model)  # a wrong name is refused in its words
    usual = base_recipe(model, tier).batch_size
    if "batch_size" in recipe or usual <= len(data.train):
        return
    say(f"batches of {len(data.train)} images, not {usual}: there are no more to train on")
    recipe["batch_size"] = len(data.train)
