"""The checks of an audit that look at how a result was made: optimizer state, accuracy, test split, seeds, controls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn

from lthkit.data.datasets import Dataset
from lthkit.evidence.checks import _same
from lthkit.evidence.findings import Finding, cannot_tell, fails, holds
from lthkit.evidence.states import State, fitted, read_mask, read_state
from lthkit.machine.checks import did_you_mean, is_number
from lthkit.pruning.masks import Mask
from lthkit.pruning.weights import copied
from lthkit.training.evaluation import evaluate
from lthkit.training.metrics import ACCURACY
from lthkit.training.tasks import Task, check_task

CONTROLS = ("re-initialised", "shuffled")
ALIKE = 0.3  # correlation of two draws of initial weights that is no accident, if they are many
MANY = 10  # places that differ by chance, from which on a count of them tells something
RELATIVE = 1e-3  # of a metric that is no fraction: what was said is rounded
FEWEST = 3  # seeds; a claim rests on `CLAIM`
CLAIM = 5


def optimizer(mask: Mask, given: Any, model: nn.Module | None) -> Finding:
    """The optimizer holds nothing for removed weights: a momentum would move them at the next step."""
    state = _moments(given, model)
    if state is None:
        return cannot_tell(
            "optimizer", "Needs the network too: the state of torch's optimizers names parameters by number."
        )
    if not state:
        return cannot_tell("optimizer", "The optimizer has no state yet, or is of a kind that has none.")
    alive: dict[str, int] = {}
    looked: set[str] = set()
    for (kind, name), tensor in state.items():
        if name in mask and tensor.shape == mask[name].shape:
            looked.add(kind)
            count = int((tensor.cpu()[~mask[name].cpu()] != 0).sum())
            alive[name] = max(alive.get(name, 0), count)
    if total := sum(alive.values()):
        return fails(
            "optimizer",
            f"{total:,} removed weights have a moment that is not 0 ({', '.join(n for n, c in alive.items() if c)}): the next "
            "step moves them, whatever their gradient is.",
        )
    if lacking := [name for name in mask if name not in alive]:
        return cannot_tell("optimizer", f"The optimizer has no state of its shape for {', '.join(lacking)}.")
    return holds("optimizer", f"{', '.join(sorted(looked))} of all removed weights are 0.")


def _moments(given: Any, model: nn.Module | None) -> dict[tuple[str, str], Tensor] | None:
    """(kind, parameter name) -> tensor. None where only a network could tell the names."""
    if hasattr(given, "param_groups") and hasattr(given, "state"):
        if model is None:
            return None
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        return _of_torch({names.get(id(p), ""): own for p, own in given.state.items()})
    if not isinstance(given, Mapping):
        raise TypeError(
            f"optimizer is a {type(given).__name__}; expected an optimizer of torch, its state_dict(), or the state that "
            "a Checkpoint has."
        )
    if "state" in given and "param_groups" in given:
        if model is None:
            return None
        numbers = [number for group in given["param_groups"] for number in group["params"]]
        parameters = [name for name, _ in model.named_parameters()]
        if len(numbers) != len(parameters) or len(given["param_groups"]) > 1:
            raise ValueError(
                f"The optimizer's state is of {len(numbers)} parameters in {len(given['param_groups'])} groups, and the network "
                f"has {len(parameters)}; expected one group with all, in order. Give the optimizer itself, not its "
                "state_dict(), so that each is known."
            )
        names_of = dict(zip(numbers, parameters, strict=True))
        return _of_torch({names_of[number]: own for number, own in given["state"].items()})
    moments = {}
    for key, tensor in given.items():
        kind, _, name = str(key).partition("/")
        if name and isinstance(tensor, Tensor):
            moments[kind, name] = tensor
    return moments


def _of_torch(state: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], Tensor]:
    return {
        (kind, name): tensor
        for name, own in state.items()
        for kind, tensor in own.items()
        if isinstance(tensor, Tensor) and tensor.ndim and kind != "step"
    }


def said_metric(task: Task | None, accuracy: float | None, metric: float | None) -> float | None:
    """What was said of the validation split, by whichever name. TypeError if it is not that of the task."""
    if task is not None:
        check_task(task)
    usual = task is None or task.quantity == ACCURACY
    if accuracy is not None and (metric is not None or not usual):
        what = (
            "beside validation_metric"
            if metric is not None
            else f"and the first metric of the task is {task.quantity.name}"
            if task
            else ""
        )
        raise TypeError(
            f"validation_accuracy={accuracy!r} was given, {what}; expected validation_metric alone."
        )
    if metric is not None and task is None:
        raise TypeError(
            f"validation_metric={metric!r} was given without a task; expected task=, that it is of."
        )
    return metric if accuracy is None else accuracy


def measured(
    model: nn.Module,
    after: State,
    data: Dataset,
    said: float,
    task: Task = Task(),  # noqa: B008  (frozen)
) -> Finding:
    """The validation metric that was said is that of the trained state, in evaluation mode; an accuracy to the row."""
    quantity = task.quantity
    if not is_number(said) or (quantity.unit == "%" and not 0 <= said <= 1):
        name = "validation_accuracy" if task.default else "validation_metric"
        raise ValueError(
            f"{name}={said!r} was given; expected "
            + ("a fraction from 0 to 1, such as 0.852 for 85.2 %." if quantity.unit == "%" else "a number.")
        )
    twin = copied(model).to(data.device)
    try:
        twin.load_state_dict(
            {name: tensor.to(data.device) for name, tensor in _loadable(twin, after).items()}
        )
    except RuntimeError as error:
        return fails(
            "measured", f"The network does not take this state ({' '.join(str(error).split())[:200]})."
        )
    found = evaluate(twin, data, task=task).metric
    counted = quantity.unit == "%" and task.names[:1] == [quantity.name]
    n = data.validation.targets.numel() if counted else 0
    whose = f"{len(data.validation):,} validation {data.noun}"
    if abs(found - said) * n < 0.51 if counted else math.isclose(found, said, rel_tol=RELATIVE):
        if task.default:
            return holds("measured", f"{100 * found:.2f} % of {whose}, as was said.")
        return holds("measured", f"{quantity.name} {quantity.told(found)} on {whose}, as was said.")
    hint = _in_training_mode(twin, data, found, said) if task.default and data.train.labelled else ""
    if task.default:
        return fails(
            "measured",
            f"{100 * said:.2f} % were said, and this state gives {100 * found:.2f} % of {whose}.{hint}",
        )
    return fails(
        "measured",
        f"{quantity.name} {quantity.told(said)} was said, and this state gives {quantity.told(found)} on {whose}.",
    )


def _in_training_mode(model: nn.Module, data: Dataset, found: float, said: float) -> str:
    """What is said if the accuracy that was said is about that of the network in training mode, else ""."""
    model.train()
    with torch.no_grad():
        inputs, labels = data.inputs(data.validation), data.validation.labels
        right = [
            int((model(x).argmax(1) == y).sum())
            for x, y in zip(inputs.split(1000), labels.split(1000), strict=True)
        ]
    if abs(sum(right) / len(labels) - said) < abs(found - said) / 10:
        return " In training mode it gives about the number that was said: batch norm then takes the statistics of each batch."
    return ""


def _loadable(model: nn.Module, state: State) -> dict[str, Tensor]:
    """The state under the names of this network: what was given if they fit, else the plain names."""
    names = model.state_dict().keys()
    return (
        dict(state.given)
        if state.given.keys() == names
        else {n: t for n, t in state.tensors.items() if n in names}
    )


def test_reads(given: Any) -> Finding:
    """How often the test split was read: once for each training whose accuracy is reported."""
    counts = dict(given) if isinstance(given, Mapping) else {"the training": given}
    for name, count in counts.items():
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise ValueError(
                f"test_reads[{name!r}]={count!r} was given; expected how often the test split was read, such as 1."
            )
    if often := {name: count for name, count in counts.items() if count > 1}:
        name, count = max(often.items(), key=lambda pair: pair[1])
        return fails(
            "test",
            f"{name} read the test split {count} times. Whoever chooses the best of them reports luck with the test images; "
            "choose on the validation split.",
        )
    if not any(counts.values()):
        return cannot_tell("test", "It was never read, so no test accuracy is reported. Needs one.")
    return holds(
        "test",
        f"Once for {'the training' if len(counts) == 1 else f'each of {sum(counts.values())} trainings'}.",
    )


def seeds(given: Any) -> Finding:
    """There are several seeds, and each begins with weights of its own. `given`: seed -> initial state, or seeds only."""
    numbers = list(given)
    if twice := sorted({s for s in numbers if numbers.count(s) > 1}):
        return fails("seeds", f"Seed {twice[0]} is there twice: that is one run, counted twice.")
    if len(numbers) < 2:
        return fails("seeds", "One seed: no spread is known, so no difference can be told from luck.")
    if isinstance(given, Mapping):
        states = {seed: read_state(state, f"seeds[{seed!r}]") for seed, state in given.items()}
        for one, other in combinations(states, 2):
            if _same(states[one], states[other], None):
                return fails(
                    "seeds",
                    f"Seeds {one} and {other} begin with the same weights: the seed does not reach them.",
                )
            if alike := _same_matrices(states[one], states[other]):
                return cannot_tell(
                    "seeds",
                    f"Seeds {one} and {other} begin with the same {', '.join(alike)}, and differ elsewhere. Needs a reason, such "
                    "as a part that was trained before; else the seed does not reach it.",
                )
    return seeds_said(len(numbers), known=isinstance(given, Mapping))


def _same_matrices(one: State, other: State) -> list[str]:
    """Names of matrices with the same numbers in both states, where these are not all one number."""
    return [
        name
        for name, tensor in one.tensors.items()
        if tensor.ndim >= 2
        and tensor.is_floating_point()
        and bool((tensor != tensor.flatten()[:1]).any())
        and name in other.tensors
        and _same(State({name: tensor}), State({name: other.tensors[name]}), None)
    ]


def seeds_said(n: int, *, known: bool) -> Finding:
    """The finding for so many different seeds; `known`: their initial weights were compared."""
    if n < FEWEST:
        return fails("seeds", f"{n} seeds, fewer than {FEWEST}: their spread is hardly known.")
    if not known:
        return cannot_tell(
            "seeds", f"{n} different numbers. Needs the initial states, seed -> state: do the weights differ?"
        )
    claim = "" if n >= CLAIM else f" They show a result; a claim rests on {CLAIM}."
    return holds("seeds", f"{n} seeds, each with initial weights of its own.{claim}")


@dataclass(frozen=True)
class Control:
    """One control arm: its mask, and the state that its training began from (None: not known)."""

    mask: Mask
    start: State | None


def read_controls(given: Any) -> dict[str, Control]:
    """name -> {"mask": ..., "start": ...} as controls. TypeError or ValueError for anything else."""
    if not isinstance(given, Mapping):
        raise TypeError(
            f"controls is a {type(given).__name__}; expected a dict such as {{'shuffled': {{'mask': ..., 'start': ...}}}}."
        )
    found = {}
    for name, parts in given.items():
        if name not in CONTROLS:
            raise ValueError(
                f"controls has {name!r}; expected some of {', '.join(CONTROLS)}.{did_you_mean(str(name), CONTROLS)}"
            )
        if not isinstance(parts, Mapping) or not {"mask"} <= set(parts) <= {"mask", "start"}:
            raise ValueError(
                f"controls[{name!r}]={parts!r} was given; expected a dict with 'mask' and 'start'."
            )
        start = parts.get("start")
        found[name] = Control(
            read_mask(parts["mask"], f"controls[{name!r}]['mask']"),
            None if start is None else read_state(start, f"controls[{name!r}]['start']"),
        )
    return found


def controls(mask: Mask, before: State | None, given: Mapping[str, Control]) -> Finding:
    """A re-initialised control has the ticket's mask and other weights; a shuffled one has its weights and another mask."""
    if not given:
        return fails(
            "controls", "There is none: what the ticket owes to its mask or to its weights is not known."
        )
    open_: list[str] = []
    said: list[str] = []
    for name, control in given.items():
        if control.mask.shapes() != mask.shapes():
            return fails("controls", f"{name}: its mask has other tensors than the ticket's.")
        check = _re_initialised if name == "re-initialised" else _shuffled
        start = None if control.start is None else fitted(control.start, mask, None, f"the start of {name}")
        if start is not None and (computed := start[1]):
            lacks = f"{', '.join(computed)} is computed from other parameters. Needs its values in before and in the start."
            open_.append(f"{name}: {lacks}")
            continue
        wrong, lacks = check(mask, before, control)
        if wrong:
            return fails("controls", f"{name}: {wrong}")
        (open_ if lacks else said).append(f"{name}: {lacks}" if lacks else name)
    if open_:
        return cannot_tell("controls", " ".join(open_))
    absent = [name for name in CONTROLS if name not in given]
    return holds(
        "controls",
        f"{' and '.join(said)}: as the name says." + (f" There is no {absent[0]} one." if absent else ""),
    )


def _re_initialised(mask: Mask, before: State | None, control: Control) -> tuple[str, str]:
    if (distance := control.mask.distance(mask)) > 0:
        return (
            f"its mask differs from the ticket's in {round(distance * mask.total):,} places. A search of its own finds a ticket "
            "of its own; this control keeps the ticket's mask.",
            "",
        )
    if before is None or control.start is None:
        return (
            "",
            "the mask is the ticket's. Needs before and the control's start: are the weights other ones?",
        )
    for name, kept in mask.items():
        own, other = (state.tensors[name].cpu()[kept.cpu()].double() for state in (before, control.start))
        if len(own) and torch.equal(own, other):
            return f"{name} has the ticket's own weights.", ""
        if abs(r := _correlation(own, other)) > max(ALIKE, 5 / max(1, len(own)) ** 0.5):
            return (
                f"the weights of {name} go with the ticket's (correlation {r:.2f}): they are not new ones.",
                "",
            )
    return "", ""


def _correlation(one: Tensor, other: Tensor) -> float:
    """Of two samples; 0 if one of them is constant, or not finite."""
    one, other = one - one.mean(), other - other.mean()
    r = float((one * other).sum() / (one.norm() * other.norm()))
    return r if r == r else 0.0


def not_shuffled(mask: Mask, other: Mask) -> str:
    """What tells that `other` is no shuffle of `mask` inside each tensor, in words; "" if nothing does."""
    if other == mask and mask.kept < mask.total:
        return "its mask is the ticket's, place for place: nothing was shuffled."
    counts = {name: int(kept.sum()) for name, kept in mask.items()}
    if uneven := [name for name, count in counts.items() if int(other[name].sum()) != count]:
        return f"{', '.join(uneven)} keeps another number of weights than in the ticket."
    for name, count in counts.items():
        n = mask[name].numel()
        differs = int((mask[name].cpu() != other[name].cpu()).sum())
        chance = 2 * count * (n - count) / max(1, n)
        if chance >= MANY and differs < chance / 2:
            return (
                f"its mask of {name} differs from the ticket's in {differs:,} places, and by chance it would be about "
                f"{chance:,.0f}."
            )
    return ""


def _shuffled(mask: Mask, before: State | None, control: Control) -> tuple[str, str]:
    if wrong := not_shuffled(mask, control.mask):
        return wrong, ""
    if before is None or control.start is None:
        return (
            "",
            "the mask is another one. Needs before and the control's start: are the weights the ticket's?",
        )
    if lacking := [name for name in before.tensors if name not in control.start.tensors]:
        return "", f"its start has no {', '.join(lacking[:3])}, which before has. Needs the whole start."
    if not _same(before, control.start, control.mask):
        return "its weights are not those that the ticket began from.", ""
    return "", ""


def known_numbers(values: Sequence[Any]) -> list[int]:
    """Seeds as ints. ValueError for one that is no whole number."""
    for value in values:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"seeds has {value!r}; expected whole numbers, such as (0, 1, 2).")
    return list(values)
