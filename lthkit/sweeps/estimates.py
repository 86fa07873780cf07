"""What a sweep will take here: time, from updates that are done for a moment to measure them, and the text of `--dry-run`."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from time import perf_counter

import torch

from lthkit.cells.cells import Cell
from lthkit.cells.networks import model_function
from lthkit.data.datasets import Dataset
from lthkit.machine.devices import operator_threads
from lthkit.machine.work import near, spelt
from lthkit.sweeps.planning import Plan
from lthkit.training.choices import choose
from lthkit.training.engine import Update
from lthkit.training.evaluation import evaluate
from lthkit.training.loop import execution
from lthkit.training.recipes import Recipe

WIDTH = 80
_LEAST = 3  # updates that are measured, after one that is not
_ROWS = 500  # of the validation split, that are evaluated
Kind = tuple[str, str, Recipe]


@dataclass(frozen=True)
class Pace:
    """Seconds of one update, and of one evaluation of the validation split; without a mask, alone on one thread of a CPU."""

    update: float
    evaluation: float

    def seconds(self, updates: int, every: int) -> float:
        """Of so many updates with their evaluations."""
        return updates * self.update + ceil(updates / every) * self.evaluation


def kind_of(cell: Cell) -> Kind:
    """What decides how long an update takes: two cells of one kind are measured once."""
    recipe = cell.recipe
    usual = Recipe(steps=1)
    same = {
        "batch_size": recipe.batch_size,
        "optimizer": recipe.optimizer,
        "momentum": recipe.momentum,
        "weight_decay": recipe.weight_decay,
        "nesterov": recipe.nesterov,
        "augment": recipe.augment,
        "precision": recipe.precision,
    }
    return cell.model, cell.data, replace(usual, **same)  # type: ignore[arg-type]


def paces_of(plan: Plan, datasets: Mapping[str, Dataset], *, seconds: float = 1.0) -> dict[Kind, Pace]:
    """The pace of each kind of training that is missing, measured here for `seconds` each."""
    kinds = dict.fromkeys(kind_of(one.asked.cell) for one in plan.unfinished)
    return {kind: _pace(kind, datasets[kind[1]], seconds) for kind in kinds}


def _pace(kind: Kind, data: Dataset, seconds: float) -> Pace:
    model, _, recipe = kind
    network = model_function(model, data)(seed=0).to(data.device)
    choice = choose(network, data.device)
    if data.device.type == "cpu":
        choice = replace(choice, threads=1, workers=1)
    with operator_threads(choice.threads), execution(network, data, recipe):
        update = Update(network, data, recipe=recipe, choice=choice)
        update(0)
        _wait(data)
        begun, done = perf_counter(), 0
        while done < _LEAST or perf_counter() - begun < seconds:
            update(done + 1)
            done += 1
            if data.device.type != "cpu":
                _wait(data)
        each = (perf_counter() - begun) / done
        rows = min(_ROWS, len(data.validation))
        part = data.validation.at(torch.arange(rows))
        few, begun = replace(data, validation=part), perf_counter()
        evaluate(network, few, precision=recipe.precision, channels_last=choice.channels_last)
        _wait(data)
        return Pace(each, (perf_counter() - begun) * len(data.validation) / rows)


def _wait(data: Dataset) -> None:
    if data.device.type == "cuda":
        torch.cuda.synchronize(data.device)


def estimate(plan: Plan, paces: Mapping[Kind, Pace] | None, *, workers: int = 1) -> float | None:
    """Seconds for all that is missing, on so many workers side by side, each as fast as one alone; None if it was not measured.

    It is no less than the longest cell takes, because a cell is one chain.
    """
    if paces is None or any(kind_of(one.asked.cell) not in paces for one in plan.unfinished):
        return None
    each = [
        paces[kind_of(one.asked.cell)].seconds(one.cost.updates, one.asked.cell.recipe.evaluate_every)
        for one in plan.unfinished
    ]
    return max(sum(each) / workers, max(each)) if each else 0.0


def text_of(plan: Plan, *, seconds: float | None = None, workers: int = 1) -> str:
    """What `--dry-run` prints, in lines of at most 80 columns.

    seconds: as `estimate` gives them; None says that no time was measured.
    """
    cost, left = plan.cost, len(plan.unfinished)
    lines = [
        plan.grid.name,
        _line("folder", near(plan.folder)),
        _line("asked for", _asked(plan)),
        *(_line(what, names) for what, names in _axes(plan)),
        _line("finished", _counted(len(plan.finished), "cell") + _partly(plan)),
    ]
    if not left:
        return "\n".join([*lines, _line("to do", "nothing: all that was asked for is there")])
    lines.append(
        _line(
            "to do",
            f"{_counted(left, 'cell')}, {_counted(cost.trainings, 'training')}, at most {_counted(cost.updates, 'update')}",
        )
    )
    lines.append(_line("time", _time(seconds, min(workers, left))))
    lines.append(
        _line("disk", f"about {spelt_bytes(cost.bytes)} that stay, an estimate from the networks' weights")
    )
    return "\n".join(lines)


def _time(seconds: float | None, workers: int) -> str:
    if seconds is None:
        return "not measured"
    side = f"on {workers} workers side by side" if workers > 1 else "on one worker"
    return (
        f"about {spelt(seconds)} {side}: an estimate from dense updates that were measured here for a moment; trainings that stop "
        "early, sparse layers and busy machines change it; scores (SynFlow takes 100) come on top"
    )


def _asked(plan: Plan) -> str:
    levels = sum(len(one.asked.levels) for one in plan.cells)
    return f"{_counted(len(plan.cells), 'cell')} with {_counted(levels, 'level')}"


def _partly(plan: Plan) -> str:
    begun = sum(len(one.missing) < len(one.asked.levels) for one in plan.unfinished)
    return f", and part of {_counted(begun, 'other')}" if begun else ""


def _axes(plan: Plan) -> list[tuple[str, str]]:
    """Methods, models, data, recipes and seeds of a plan, in words."""
    cells = [one.asked.cell for one in plan.cells]
    recipes = list(dict.fromkeys(one.asked.recipe for one in plan.cells if one.asked.recipe))
    arms = dict.fromkeys((c.method, getattr(c.way, "score", "")) for c in cells)
    named = {
        "methods": [f"{method} {score}".strip() for method, score in arms],
        "models": list(dict.fromkeys(c.model for c in cells)),
        "data": list(dict.fromkeys(c.data for c in cells)),
        "recipes": recipes,
        "seeds": _ranges(sorted({c.seed for c in cells})),
    }
    return [(what, ", ".join(names)) for what, names in named.items() if names]


def _ranges(numbers: Sequence[int]) -> list[str]:
    """0 to 9 for ten numbers in a row."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][-1] + 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    return [
        text
        for run in runs
        for text in ([f"{run[0]} to {run[-1]}"] if len(run) > 2 else [str(n) for n in run])
    ]


def _line(what: str, text: str) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=f"  {what:<11}", subsequent_indent=" " * 13, break_on_hyphens=False
    )


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def spelt_bytes(n: int) -> str:
    """Bytes in words: 40 MB, 1.2 GB, by powers of 1000."""
    size, unit = float(n), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 999.5:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if size >= 10 or unit == "B" else f"{size:.1f} {unit}"
