"""The arms of a mask that was found: what is trained beside the ticket, with which weights and at which rate."""

from __future__ import annotations

from pathlib import Path

from lthkit.cells.cells import Level
from lthkit.cells.places import Finished, Place
from lthkit.cells.ways import at_last_rate
from lthkit.machine.seeds import derived_seed
from lthkit.pruning.masks import Mask
from lthkit.storage.snapshots import Snapshots
from lthkit.tickets.retraining import fresh_start, retrain
from lthkit.tickets.rounds import Round
from lthkit.training.checkpoints import Checkpoint
from lthkit.training.recipes import Recipe
from lthkit.training.results import TrainResult


def control(place: Place, level: Level, this: Round, before: int) -> Finished:
    """A control of IMP at one round: the ticket's mask with new weights, or a shuffled one with the ticket's weights."""
    return retrained(place, level, this.mask, this, search_steps=before)


def retrained(place: Place, level: Level, mask: Mask, this: Round, *, search_steps: int) -> Finished:
    """One training of a mask in one of the arms of `ways.OneShot`; `this` has the weights to rewind to, and the trained ones."""
    cell, recipe, lr_from = place.cell, place.cell.recipe, None
    step = this.rewind.step
    start = this.rewind
    if level.arm == "re-initialised":
        start = fresh_start(place.model_fn, seed=cell.seed, device=place.data.device)
    elif level.arm == "shuffled":
        mask = shuffled(mask, place, level)
    elif level.arm in ("lr-rewind", "fine-tune"):
        start, lr_from = this.trained, step
        recipe = at_last_rate(recipe) if level.arm == "fine-tune" else recipe
    result, mask = trained(place, place.folder / level.name, mask, start, recipe=recipe, lr_from=lr_from)
    return Finished(level, level.round or 1, mask, result, search_steps)


def shuffled(mask: Mask, place: Place, level: Level) -> Mask:
    """The mask shuffled in each layer, by a seed of its own for this seed and level."""
    where = f"round {level.round}" if level.density is None else f"density {level.density:.6g}"
    return mask.shuffled(derived_seed(place.cell.seed, f"shuffled {where}"))


def trained(
    place: Place,
    folder: Path,
    mask: Mask,
    start: Checkpoint,
    *,
    recipe: Recipe | None = None,
    lr_from: int | None = None,
) -> tuple[TrainResult, Mask]:
    """Train a mask from `start`, as the cell says but for what is given; how far it is, is saved in `folder`."""
    result = retrain(
        place.model_fn,
        place.data,
        mask=mask,
        weights_from=start,
        lr_from=lr_from,
        seed=place.cell.order,
        recipe=recipe or place.cell.recipe,
        momentum=getattr(place.cell.way, "momentum", "restore"),
        folder=Snapshots(folder),
        progress=place.progress,
        train=place.train,
        task=place.cell.task,
    )
    return result, mask
