"""The named experiments of `lthkit run`: a configuration goes in, a run folder with a table comes out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from lthkit.cells.networks import model_function
from lthkit.data.datasets import Dataset
from lthkit.machine.tiers import by_tier
from lthkit.machine.tiers import tier as tier_by_name
from lthkit.machine.work import Work
from lthkit.models import model_by_name
from lthkit.runs.asked import CONTROLS as CONTROLS
from lthkit.runs.asked import noted
from lthkit.runs.experiment import Experiment as Experiment
from lthkit.runs.older import rows_of_before
from lthkit.runs.results import load as load  # lessons read a run where they make it
from lthkit.runs.results import load_mask as load_mask
from lthkit.runs.results import recorded as recorded
from lthkit.runs.results import row_of as row_of
from lthkit.runs.sessions import Sessions, told_when_stopped
from lthkit.runs.under_way import UnderWay, alone_in
from lthkit.storage import files
from lthkit.storage.folders import open_run
from lthkit.storage.records import Row, run_id
from lthkit.training.choices import Choice, check_sparse, choose
from lthkit.training.loop import check_steps
from lthkit.training.recipes import Recipe

log = logging.getLogger("lthkit")


def winning_ticket(tier: str, seeds: tuple[int, ...] = (0, 1, 2)) -> Experiment:
    """LeNet-300-100 on the embedded data: IMP to about 1 % of the weights with both controls at four densities.

    Layerwise 20 % a round, the output layer at half that rate, rewinding to initialisation: the recipe of Frankle &
    Carbin 2019, section 2, with a budget for 10,000 images and early stopping by patience in every arm.
    """
    recipe = by_tier(
        smoke=Recipe(steps=60, evaluate_every=20),
        laptop=Recipe(steps=2500, patience=400),
        gpu=Recipe(steps=10_000, patience=2000),
        tier=tier,
    )
    rounds, controls = {"smoke": (3, (1, 3))}.get(tier, (20, (3, 7, 15, 20)))
    return Experiment(
        "winning-ticket",
        "lenet-300-100",
        recipe,
        tier,
        seeds,
        rounds=rounds,
        output_fraction=0.1,
        scope="layerwise",
        controls=CONTROLS,
        control_rounds=controls,
    )


def default_recipe(model: str, tier: str) -> Recipe:
    """How each network is trained unless said otherwise.

    Tier "gpu" has the length of the papers: LeNet and Conv-2/4/6 as in Frankle & Carbin 2019 (figure 2), ResNet-20
    and VGG-16 with the learning rates of its section 4 (low rate). SmallCNN and the MLP with batch norm are this
    project's own; the MLP's rate is the large one at which its tickets of step 0 fail (lesson 06). The tiers "smoke"
    and "laptop" are shorter; nothing else changes.
    """
    sgd = partial(
        Recipe,
        optimizer="sgd",
        momentum=0.9,
        weight_decay=1e-4,
        lr=0.01,
        schedule="step",
        augment=True,
    )
    recipes = {
        "lenet-300-100": Recipe(steps=10_000),
        "mlp-bn": Recipe(
            steps=2500,
            batch_size=32,
            optimizer="sgd",
            momentum=0.9,
            lr=0.3,
            weight_decay=1e-3,
            schedule="cosine",
        ),
        "lenet-5": Recipe(steps=10_000),
        "smallcnn": Recipe(steps=7000, batch_size=128, lr=1e-3, schedule="cosine", augment=True),
        "conv-2": Recipe(steps=20_000, lr=2e-4),
        "conv-4": Recipe(steps=25_000, lr=3e-4),
        "conv-6": Recipe(steps=30_000, lr=3e-4),
        "resnet-20": sgd(steps=30_000, batch_size=128, milestones=(20_000, 25_000)),
        "vgg-16": sgd(steps=112_480, batch_size=64, milestones=(56_240, 84_360)),
    }
    model_by_name(model), tier_by_name(tier)  # a wrong name is refused in their words
    full = recipes[model]
    if tier == "gpu":
        return replace(full, precision="auto")
    steps = 40 if tier == "smoke" else 2000 if model.startswith(("lenet", "mlp")) else 1000
    milestones = tuple(m * steps // full.steps for m in full.milestones)
    return replace(full, steps=steps, milestones=milestones, evaluate_every=20 if tier == "smoke" else 100)


def run(
    experiment: Experiment,
    data: Dataset,
    folder: Path | str,
    *,
    minutes: float | None = None,
    progress: Callable[[int], object] = lambda steps: None,
    announce: Callable[[Row], object] = lambda row: None,
) -> list[Row]:
    """Run the experiment, or go on with it, and return its rows; they are in `folder/table.csv` too.

    Seeds and controls run side by side. All that has ended is in the folder at once, and how far the trainings are, now
    and then; a run that was stopped goes on when it is called again with the same configuration.

    Runs grow: the same folder asked for more seeds, rounds or controls does what is missing, and its table then has all
    that it was ever asked for, as far as that is finished. Each seed is a cell in `folder/cells` (see `lthkit.cells`): two
    processes, on one machine or on two that share the folder, share the seeds, and each returns all the rows it was asked for.

    Args:
        minutes: stop after this time, with everything saved; None goes on to the end.

    Raises:
        TimeUp: the minutes are over before the run is; the same call goes on. Interrupted: Ctrl-C or a kernel's interrupt.
        RunMismatch: the folder has another run, or one of an earlier lthkit that cannot go on.
    """
    if minutes is not None and not (isinstance(minutes, int | float) and minutes > 0):
        raise ValueError(f"minutes={minutes!r} were given; expected a number above 0, such as 20.")
    check_steps(0, set(), experiment.recipe, experiment.momentum, data)  # before there is a folder
    place = Path(folder)
    if (rows := rows_of_before(experiment, data, place)) is not None:
        for row in rows:
            announce(row)
        return rows
    with Work(total=experiment.budget) as work:
        if (place / "execution.json").exists():
            work.saved_in(place)  # by an earlier call
        with alone_in(place):
            open_run(place, experiment.config(data, str(data.device)))
            noted(place, experiment.asked)
            sessions, choice = Sessions(place), execution(experiment, data, place)
        this = UnderWay(experiment, data, place, choice, sessions, minutes, progress, announce)
        work.stopped = lambda: told_when_stopped(place, len(this.rows), experiment.trainings, work)
        return this.to_the_end()


def folder_name(experiment: Experiment, data: Dataset) -> str:
    """Name and six digits of the configuration, such as winning-ticket-3f9c1a; the same for more seeds or rounds."""
    return run_id(experiment.name, experiment.config(data, str(data.device)))


def execution(experiment: Experiment, data: Dataset, folder: Path | str | None = None) -> Choice:
    """How this experiment is executed here: what its folder says that it began with, else what the table has.

    Threads and layouts round differently, so a run that goes on keeps to its own, on a machine with other cores too.
    """
    model = model_function(experiment.model, data)(seed=0)
    trainings = len(experiment.seeds) * (1 + len(experiment.controls))
    here = choose(model, data.device, trainings=trainings)
    if folder is None:
        return here
    path = Path(folder) / "execution.json"
    if path.exists():
        try:
            begun = Choice(**files.read_sealed(path))
        except files.DamagedFile as error:
            log.warning("%s The run goes on as it would begin on this machine.", error)
        else:
            check_sparse(begun, data.device, f"the run in {folder}")
            return replace(begun, workers=here.workers)
    files.write_sealed(path, asdict(here))
    return here
