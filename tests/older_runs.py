"""Run folders as `lthkit run` made them before runs were made of cells: seeds in folders of their own, no growth."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import lthkit as lth
from lthkit.cells.networks import model_function
from lthkit.models import output_layer
from lthkit.runs.asked import ARMS, joined
from lthkit.runs.experiment import Experiment
from lthkit.runs.results import row_of, write_results
from lthkit.storage import files
from lthkit.storage.folders import open_run
from lthkit.storage.records import Row, environment
from lthkit.training.choices import choose


def older_run(experiment: Experiment, data: lth.Dataset, folder: Path, *, finished: bool = True) -> list[Row]:
    """Make such a folder for an experiment with imp: the files that version 0.2 left, its snapshots and locks excepted."""
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


def _seed(experiment: Experiment, data: lth.Dataset, place: Path, seed: int) -> list[Row]:
    model_fn = model_function(experiment.model, data)
    order, rows = lth.derived_seed(seed, "order"), []
    search = lth.imp(
        model_fn,
        data,
        rounds=experiment.rounds,
        fraction=experiment.fraction,
        overrides={output_layer(model_fn(seed=0)): experiment.output_fraction},
        seed=seed,
        order_seed=order,
        recipe=experiment.recipe,
        scope=experiment.scope,
        folder=place,
    )
    for this in search:
        arm = "ticket" if this.round else "dense"
        rows.append(row_of(arm, seed, this.round, this.density, this.result))
        for arm in experiment.controls if this.round in experiment.control_rounds else ():
            start, mask = this.rewind, this.mask
            if arm == "re-initialised":
                start = lth.fresh_start(model_fn, seed=seed)
            else:
                mask = mask.shuffled(lth.derived_seed(seed, f"shuffled round {this.round}"))
            told = {"seed": order, "recipe": experiment.recipe}
            result = lth.retrain(model_fn, data, mask=mask, weights_from=start, **told)
            rows.append(row_of(arm, seed, this.round, this.density, result))
            files.write_sealed(place / f"{arm}-{this.round:02d}.json", rows[-1])
    return rows
