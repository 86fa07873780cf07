"""A score in a driver: what one of one's own asks for is looked at first, and given at each cut; whose loss it looks at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from lthkit.data.datasets import Dataset
from lthkit.pruning.asked import asked_for
from lthkit.pruning.scores import for_mask, grasp, magnitude, random, snip, synflow, wanda
from lthkit.storage import files
from lthkit.storage.identity import Nameless, name_of
from lthkit.tickets.rounds import RECOMPUTE, Round
from lthkit.tickets.search import ScoreFn, check_function
from lthkit.training.recipes import Recipe
from lthkit.training.tasks import Task


def asked_by(score: ScoreFn, recipes: Sequence[Recipe] = ()) -> list[str]:
    """What a score asks for beside the network (see `pruning.scores`). `recipes`: of the trainings that it looks at.

    Raises:
        TypeError: no function, or one that needs what nobody gives it.
        ValueError: it asks for the state of an optimizer whose training may end before its last step.
    """
    check_function("score", score, "lthkit.magnitude, or functools.partial(lthkit.snip, batches=...)")
    asked = list(asked_for(score))
    if "optimizer" in asked and any(recipe.patience is not None for recipe in recipes):
        raise ValueError(
            "The score asks for optimizer=, and the recipe has patience: a training that stops early keeps no state of its "
            "optimizer. Expected a recipe with patience=None, or a score that does without."
        )
    return asked


def named(score: ScoreFn, asked: Sequence[str]) -> dict[str, Any]:
    """What stands for a score in a search's configuration."""
    return {"score": name_of(score)} | ({"asked": list(asked)} if asked else {})


def scores_of(score: ScoreFn, model: nn.Module, this: Round, *, cut: int) -> Mapping[str, Tensor]:
    """The scores of the network that `this` round has trained, for cut number `cut`, with what the score asks for.

    Raises:
        ValueError: it needs the state of the optimizer, and a `train` of one's own has kept none.
    """
    state = this.trained.optimizer
    given = {"round": cut, "optimizer": state and {name: tensor.clone() for name, tensor in state.items()}}
    try:
        asked = for_mask(score, this.mask, **given)
    except TypeError as error:
        raise ValueError(
            f"The score asks for optimizer=, and round {this.round} has no state of its optimizer; expected one in "
            "result.kept[recipe.steps].optimizer of what `train` returns. Let your train keep it, or let the score do without."
        ) from error
    return asked(model)


@contextmanager
def state_kept(score: ScoreFn, place: Path | None, cut: int) -> Iterator[None]:
    """Around cut number `cut` in a run folder, in which a score of one's own may remember what it has seen.

    What it remembers is in no round's file. So the folder notes by name in which state the score was after each cut, where
    a cut has changed it, and a search that goes on with another state is refused: its masks would be others.

    Raises:
        ValueError: the score does not remember what it did when the folder was made.
    """
    own = score.func if isinstance(score, partial) else score
    if place is None or own in (magnitude, random, snip, grasp, synflow, wanda):
        yield
        return
    path = place / "score.json"
    states = files.read_sealed(path) if path.exists() else {}
    states = {r: state for r, state in states.items() if int(r) < cut}
    before = _state(score)
    if states and states[max(states, key=int)] != before:
        raise ValueError(
            f"The score holds something that it has seen in cuts 1 to {cut - 1} of the search in {place}, and it is not held now, "
            "so the next mask would be another one. Expected a score that looks at nothing but model, mask=, round= and "
            "optimizer=. It may "
            + RECOMPUTE
            + " To begin anew, take another folder; or folder=None, and no stop."
        )
    yield
    if (after := _state(score)) != before:
        files.write_sealed(path, states | {str(cut - 1): before, str(cut): after})


def _state(score: ScoreFn) -> str:
    try:
        return name_of(score)
    except Nameless:
        return "without a name"


def for_task(score: ScoreFn, task: Task, data: Dataset) -> ScoreFn:
    """SNIP or GraSP of lthkit, or a `functools.partial` of one, with the loss of the task; anything else as it is.

    One that has a `loss` of its own keeps it. Plain cross-entropy of one class a row is what they have without being told.

    Raises:
        ValueError: GraSP with a loss that has no softmax, and no temperature given: 200 is for a softmax.
    """
    own = score.func if isinstance(score, partial) else score
    named = score.keywords if isinstance(score, partial) else {}
    if own not in (snip, grasp) or "loss" in named or (task.usual and data.train.labelled):
        return score
    if own is grasp and task.loss != "cross-entropy" and "temperature" not in named:
        raise ValueError(
            "GraSP divides the outputs by temperature=200 before the loss, which is meant for a softmax, and the task has "
            "another loss; expected a temperature of your choice: functools.partial(lthkit.grasp, temperature=1.0, ...)."
        )
    return partial(score, loss=task.mean_loss)
