"""Mistakes of a grid that only its data reveal: networks that do not take them, batches larger than the training split."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import torch

from lthkit.cells.cells import Cell, Level
from lthkit.cells.criteria import LOOKS_AT_IMAGES
from lthkit.cells.networks import model_function
from lthkit.cells.ways import IMP, EarlyBird, Hybrid, PruneAtInit, Way
from lthkit.data.datasets import Dataset
from lthkit.machine.checks import check_network, first_line
from lthkit.models import output_layer
from lthkit.pruning.masks import Mask
from lthkit.pruning.selection import fraction_for, ladder
from lthkit.sweeps.grids import Asked
from lthkit.sweeps.mistakes import Found
from lthkit.sweeps.trainings import Weights
from lthkit.training.evaluation import evaluate
from lthkit.training.loop import check_augment, check_steps

Sizes = dict[tuple[str, str], Weights]


def weights_of(asked: Iterable[Asked], datasets: Mapping[str, Dataset], found: Found) -> Sizes:
    """The sizes of each network for each data set. One that cannot be made, or does not take the data, is a mistake."""
    sizes: Sizes = {}
    for model, data in dict.fromkeys((one.cell.model, one.cell.data) for one in asked):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                sizes[model, data] = _weights(model, datasets[data])
        except Exception as error:  # a network of one's own may fail in any way
            text = str(error) if isinstance(error, ValueError | TypeError) else first_line(error)
            kind = "" if isinstance(error, ValueError | TypeError) else f"{type(error).__name__}: "
            found.add(f"models, {model} with data {data}", f"{kind}{text}")
    return sizes


def _weights(model: str, data: Dataset) -> Weights:
    network = model_function(model, data)(seed=0)
    check_network(network)
    network = network.to(data.device)
    mask = Mask.ones(network)
    part = data.train.at(torch.arange(min(2, len(data.train)), device=data.train.targets.device))
    few = replace(data, train=part, validation=part, test=part)
    evaluate(network, few)  # it takes the data, and gives what the loss needs
    return Weights(sum(tensor.numel() for tensor in network.state_dict().values()), mask.total)


def check_against(
    asked: Iterable[Asked], datasets: Mapping[str, Dataset], sizes: Sizes, found: Found
) -> None:
    """Note the mistakes of these cells for these data; each kind once."""
    seen, looked_at = set(), set()
    for one in asked:
        cell = one.cell
        key = (cell.way, cell.model, cell.data, cell.recipe, one.levels)
        if key in seen or (weights := sizes.get((cell.model, cell.data))) is None:
            continue
        seen.add(key)
        data = datasets[cell.data]
        place = f"{cell.method} of {cell.model} on {cell.data}" + (
            f", recipe {one.recipe}" if one.recipe else ""
        )
        if (cell.data, cell.recipe) not in looked_at:
            looked_at.add((cell.data, cell.recipe))
            with found.at(f"recipe {one.recipe} of {cell.model} on {cell.data}".replace("  ", " ")):
                check_augment(data, cell.recipe)
                check_steps(0, set(), cell.recipe, "restore", data)
        with found.at(place):
            for text in _of_way(cell, data):
                found.add(place, text)
            for level in one.levels:
                for text in _of_level(cell.way, level, weights):
                    found.add(place, text)


def _of_way(cell: Cell, data: Dataset) -> Iterator[str]:
    way, rows = cell.way, len(data.train)
    images = getattr(way, "images", None) or 0
    if isinstance(way, PruneAtInit) and way.score not in LOOKS_AT_IMAGES:
        images = 0
    if images > rows:
        yield f"images={images} were asked for, and the training split has {rows:,} {data.noun}; expected as many or fewer."
    if isinstance(way, IMP) and way.output_fraction is not None:
        output_layer(model_function(cell.model, data)(seed=0))
    if isinstance(way, EarlyBird) and (an_epoch := rows // cell.recipe.batch_size):
        epochs, needed = cell.recipe.steps // an_epoch, way.window + (way.rule == "neighbours")
        if epochs < needed or (epochs == needed and cell.recipe.steps == epochs * an_epoch):
            yield (
                f"a training of {cell.recipe.steps:,} steps has {epochs} epochs of {an_epoch:,} steps, and the window of {way.window} "
                f"is full after {needed} at the earliest, so no ticket could be found and trained; expected steps above "
                f"{needed * an_epoch:,}, or a shorter window."
            )


def _of_level(way: Way, level: Level, weights: Weights) -> Iterator[str]:
    density = level.density
    if isinstance(way, IMP) and level.round:
        density = (1 - way.fraction) ** level.round
    if density is None:
        return
    if round(density * weights.prunable) < 1:
        yield f"density {density:g} keeps none of {weights.prunable:,} weights; expected a larger one."
    elif isinstance(way, Hybrid):
        first, last = round(way.snip_density * weights.prunable), round(density * weights.prunable)
        if first <= last:
            yield f"density {density:g} is {last:,} weights, and so is snip_density={way.snip_density:g}; expected a smaller one."
            return
        steady = ladder(fraction_for(last / first, way.rounds), way.rounds)
        kept = [round(first * part) for part in steady]
        if any(after >= before for before, after in zip(kept, kept[1:], strict=False)):
            yield (
                f"from {first:,} weights to {last:,} in {way.rounds} rounds, some round would remove nothing; expected fewer rounds, or "
                "a smaller density."
            )


def check_names(names: Mapping[str, list[Asked]], found: Found) -> None:
    """Two cells of one id are one: two paths to the same pictures, say."""
    for cells in names.values():
        if len(cells) > 1:
            said = " and ".join(f"{one.cell.model} on {one.cell.data}" for one in cells[:2])
            found.add(
                f"{cells[0].cell.method}, seed {cells[0].cell.seed}",
                f"{said} are the same network and the same data, so this cell stands in the grid twice; leave one of them out.",
            )
