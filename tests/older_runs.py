"""Run folders as `lthkit run` made them before runs were made of cells: seeds in folders of their own, no growth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lthkit as lth
from lthkit.cells.networks import model_function
from lthkit.models import output_layer
from lthkit.pruning.selection import ladder
from lthkit.runs.asked import ARMS, joined
from lthkit.runs.experiment import Experiment
from lthkit.runs.results import row_of, write_results
from lthkit.storage import files
from lthkit.storage.folders import open_run
from lthkit.storage.records import Row, environment
from lthkit.tickets.rounds import Round
from lthkit.training.choices import choose


def older_run(experiment: Experiment, data: lth.Dataset, folder: Path, *, finished: bool = True) -> list[Row]:
    """Make such a folder for an experiment: the files that version 0.2 left, its snapshots and locks excepted."""
    config = joined(experiment.config(data, str(data.device)), [experiment.asked])
    open_run(folder, config)
    model_fn = model_function(experiment.model, data)
    files.write_sealed(folder / "execution.json", asdict(choose(model_fn(seed=0), data.device)))
    files.write_sealed(folder / "sessions.json", {"seconds": [1.0], "known": True})
    rows = []
    for seed in experiment.seeds if finished else experiment.seeds[:1]:
        rows += _seed(experiment, data, folder / f"seed-{seed}", seed)
    rows.sort(key=lambda row: (row["round"], ARMS.index(row["arm"]), row["seed"]))
    if finished:
        summary = {"name": experiment.name, "data": data.label, "device": str(data.device)}
        summary |= {"environment": environment(), "wall_seconds": 1.0, "sessions": 1}
        write_results(folder, summary, {"table.csv": rows})
    return rows


def _search(experiment: Experiment, data: lth.Dataset, place: Path, seed: int) -> Iterator[Round]:
    model_fn = model_function(experiment.model, data)
    told: dict[str, Any] = {
        "seed": seed,
        "order_seed": lth.derived_seed(seed, "order"),
        "recipe": experiment.recipe,
    }
    told |= {
        "task": experiment.task,
        "scope": experiment.scope,
        "rewind_step": experiment.rewind_step,
        "folder": place,
    }
    if experiment.method == "one-shot":
        densities = ladder(experiment.fraction, experiment.rounds)[1:]
        return lth.one_shot(model_fn, data, densities=densities, **told)
    told |= {"rounds": experiment.rounds, "fraction": experiment.fraction}
    if experiment.output_fraction is not None:
        told["overrides"] = {output_layer(model_fn(seed=0)): experiment.output_fraction}
    return lth.imp(model_fn, data, **told)


def _seed(experiment: Experiment, data: lth.Dataset, place: Path, seed: int) -> list[Row]:
    model_fn = model_function(experiment.model, data)
    order, rows = lth.derived_seed(seed, "order"), []
    for this in _search(experiment, data, place, seed):
        arm = "ticket" if this.round else "dense"
        rows.append(row_of(arm, seed, this.round, this.density, this.result))
        for arm in experiment.controls if this.round in experiment.control_rounds else ():
            start, mask = this.rewind, this.mask
            if arm == "re-initialised":
                start = lth.fresh_start(model_fn, seed=seed)
            else:
                mask = mask.shuffled(lth.derived_seed(seed, f"shuffled round {this.round}"))
            told: dict[str, Any] = {"seed": order, "recipe": experiment.recipe, "task": experiment.task}
            result = lth.retrain(model_fn, data, mask=mask, weights_from=start, **told)
            rows.append(row_of(arm, seed, this.round, this.density, result))
            files.write_sealed(place / f"{arm}-{this.round:02d}.json", rows[-1])
    return rows
