"""The named experiments of `lthkit run`: a configuration goes in, a run folder with a table comes out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from lthkit.data.datasets import Dataset
from lthkit.machine.checks import check_whole, did_you_mean
from lthkit.machine.seeds import derived_seed
from lthkit.machine.tiers import by_tier
from lthkit.machine.tiers import tier as tier_by_name
from lthkit.machine.work import Work, skip
from lthkit.models import model_by_name, output_layer
from lthkit.pruning.selection import ladder
from lthkit.runs.results import finished_row, write_results
from lthkit.runs.results import load as load  # lessons read a run where they make it
from lthkit.runs.results import load_mask as load_mask
from lthkit.runs.results import recorded as recorded
from lthkit.runs.results import row_of as row_of
from lthkit.runs.sessions import Sessions, told_when_stopped
from lthkit.storage import files
from lthkit.storage.folders import hold, open_run
from lthkit.storage.records import Row, environment, run_id
from lthkit.storage.snapshots import Snapshots, TimeUp
from lthkit.tickets import fresh_start, imp, one_shot, retrain
from lthkit.tickets.rounds import Round
from lthkit.training.choices import Choice, check_sparse, choose
from lthkit.training.loop import MOMENTUM_POLICIES, check_steps, train
from lthkit.training.meetings import Meeting
from lthkit.training.pool import Pool
from lthkit.training.recipes import Recipe
from lthkit.training.results import TrainResult
from lthkit.training.tasks import Task

log = logging.getLogger("lthkit")

METHODS = ("imp", "one-shot")
SCOPES = ("global", "layerwise")
CONTROLS = ("re-initialised", "shuffled")


@dataclass(frozen=True)
class Experiment:
    """All that decides the numbers of a run, but for the data itself.

    tier: the size that `recipe` was made for; figures say it. controls: which of `CONTROLS` to train, at the rounds in `control_rounds`.
    output_fraction: for scope "layerwise", the fraction of the output layer (half the others' in the paper).
    task: the loss and the metrics; the first metric is what its tables and figures show.
    """

    name: str
    model: str
    recipe: Recipe
    tier: str = "laptop"
    seeds: tuple[int, ...] = (0, 1, 2)
    method: str = "imp"
    rounds: int = 5
    fraction: float = 0.2
    output_fraction: float | None = None
    scope: str = "global"
    rewind_step: int = 0
    momentum: str = "restore"
    controls: tuple[str, ...] = ()
    control_rounds: tuple[int, ...] = ()
    task: Task = Task()  # noqa: RUF009  (frozen)

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("method", self.method, METHODS),
            ("scope", self.scope, SCOPES),
            ("momentum", self.momentum, MOMENTUM_POLICIES),
        ):
            if value not in choices:
                raise ValueError(f"{name}={value!r} was given; expected one of {', '.join(choices)}.")
        tier_by_name(self.tier)
        for name, fraction in (("fraction", self.fraction), ("output_fraction", self.output_fraction)):
            known = isinstance(fraction, int | float) or (fraction is None and name == "output_fraction")
            if not known or not 0 < (0.5 if fraction is None else fraction) < 1:
                raise ValueError(
                    f"{name}={fraction!r} was given; expected a number between 0 and 1, such as 0.2."
                )
        whole = isinstance(self.seeds, tuple) and all(isinstance(seed, int) for seed in self.seeds)
        if not whole or not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"seeds={self.seeds} were given; expected different whole numbers, 0 or more.")
        if not 0 <= self.rewind_step < self.recipe.steps:
            raise ValueError(
                f"rewind_step={self.rewind_step} was given, but a training has {self.recipe.steps} steps; expected 0 to "
                f"{self.recipe.steps - 1}."
            )
        check_whole("rounds", self.rounds, 1)
        if bad := [r for r in self.control_rounds if not 1 <= r <= self.rounds]:
            raise ValueError(f"control_rounds={bad} were given; expected rounds from 1 to {self.rounds}.")
        if unknown := [c for c in self.controls if c not in CONTROLS]:
            raise ValueError(
                f"controls={unknown} were given; expected some of {', '.join(CONTROLS)}.{did_you_mean(unknown[0], CONTROLS)}"
            )
        model_by_name(self.model)

    def config(self, data: Dataset, device: str) -> dict[str, Any]:
        """The canonical configuration, from which the run id is made."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("recipe", "task")}
        own |= {"recipe": self.recipe.config()} | ({} if self.task.default else {"task": self.task.config()})
        return own | {"data": data.name, "data_fingerprint": data.fingerprint, "device": device}

    @property
    def trainings(self) -> int:
        """How many trainings the experiment takes."""
        return len(self.seeds) * (1 + self.rounds + len(self.controls) * len(self.control_rounds))

    @property
    def budget(self) -> int:
        """Updates of all trainings together, if none stops early."""
        late = self.recipe.steps - self.rewind_step
        controls = len(self.controls) * len(self.control_rounds)
        return len(self.seeds) * (self.recipe.steps + late * self.rounds + self.recipe.steps * controls)


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
    and VGG-16 with the learning rates of its section 4 (low rate). SmallCNN is this project's own. The tiers "smoke"
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
    steps = 40 if tier == "smoke" else 2000 if model.startswith("lenet") else 1000
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

    Seeds and controls run side by side (see `sweep`). All that has ended is in the folder at once, and how far the
    trainings are, now and then; a run that was stopped goes on when it is called again with the same configuration.

    Args:
        minutes: stop after this time, with everything saved; None goes on to the end.

    Raises:
        TimeUp: the minutes are over before the run is; the same call goes on. Interrupted: Ctrl-C or a kernel's interrupt.
        RunMismatch, RunBusy: the folder has another run, or another process works there.
    """
    if minutes is not None and not (isinstance(minutes, int | float) and minutes > 0):
        raise ValueError(f"minutes={minutes!r} were given; expected a number above 0, such as 20.")
    check_steps(0, set(), experiment.recipe, experiment.momentum, data)  # before there is a folder
    with Work(total=experiment.budget) as work, hold(folder):
        if (Path(folder) / "execution.json").exists():
            work.saved_in(Path(folder))  # by an earlier call
        place = open_run(folder, experiment.config(data, str(data.device)))
        this = _Run(experiment, data, place, minutes, progress, announce)
        work.stopped = lambda: told_when_stopped(place, len(this.rows), experiment.trainings, work)
        return this.to_the_end()


class _Run:
    """A run under way: the pool in which its trainings wait for each other, and the rows of those that have ended."""

    def __init__(
        self,
        experiment: Experiment,
        data: Dataset,
        folder: Path,
        minutes: float | None,
        progress: Callable[[int], object],
        announce: Callable[[Row], object],
    ) -> None:
        self.experiment, self.data, self.folder = experiment, data, folder
        self.minutes, self.progress, self.announce = minutes, progress, announce
        self.sessions = Sessions(folder)
        self.choice = execution(experiment, data, folder)
        self.pool = Pool(workers=self.choice.workers, threads=self.choice.threads)
        self.meeting = Meeting(self.choice)
        self.rows: list[Row] = []
        self._lock = Lock()

    def to_the_end(self) -> list[Row]:
        """Train what is not in the folder yet; its table and summary are written."""
        try:
            for seed in self.experiment.seeds:
                self.pool.submit(self._chain, seed)
            self.pool.run()
        finally:
            self.sessions.save()
        arms = ("dense", "ticket", *CONTROLS)
        self.rows.sort(key=lambda row: (row["round"], arms.index(row["arm"]), row["seed"]))
        write_results(self.folder, self._summary(), {"table.csv": self.rows})
        return self.rows

    def _chain(self, seed: int) -> None:
        """The rounds of one seed, one after the other; their controls go to the pool."""
        with Work("ticket"), self._trainer() as train_one:
            for this in self._rounds(seed, train_one):
                arm = "dense" if this.round == 0 else "ticket"
                self._add(row_of(arm, seed, this.round, this.density, this.result))
                if this.round in self.experiment.control_rounds:
                    for arm in self.experiment.controls:
                        self.pool.submit(self._control, arm, seed, this)

    def _control(self, arm: str, seed: int, this: Round) -> None:
        """A control of one seed at one round, unless its row is in the folder."""
        path = self.folder / f"seed-{seed}" / f"{arm}-{this.round:02d}.json"
        row = finished_row(path)
        if row is not None:
            skip(self.experiment.recipe.steps)
            self._tick(self.experiment.recipe.steps)
        else:
            saved = Snapshots(path.with_suffix(""))
            with Work(f"{arm}, seed {seed}, round {this.round}"), self._trainer() as train_one:
                result = self._train_control(arm, seed, this, saved, train_one)
            row = row_of(arm, seed, this.round, this.density, result)
            files.write_sealed(path, row)
            saved.remove()
        self._add(row)

    def _trainer(self) -> AbstractContextManager[Callable[..., TrainResult]]:
        """What trains a network: with the others in one stack, or by itself."""
        return (
            self.meeting.joined() if self.choice.stacked else nullcontext(partial(train, choice=self.choice))
        )

    def _rounds(self, seed: int, train_one: Callable[..., TrainResult]) -> Iterator[Round]:
        this, model_fn = self.experiment, _model_fn(self.experiment, self.data)
        common: dict[str, Any] = {
            "rewind_step": this.rewind_step,
            "seed": seed,
            "order_seed": derived_seed(seed, "order"),
            "recipe": this.recipe,
            "scope": this.scope,
            "momentum": this.momentum,
            "folder": self.folder / f"seed-{seed}",
            "progress": self._tick,
            "train": train_one,
            "task": this.task,
        }
        if this.method == "one-shot":
            densities = ladder(this.fraction, this.rounds)[1:]
            return one_shot(model_fn, self.data, densities=densities, **common)
        overrides = {}
        if this.output_fraction is not None:
            overrides = {output_layer(model_fn(seed=0)): this.output_fraction}
        return imp(
            model_fn, self.data, rounds=this.rounds, fraction=this.fraction, overrides=overrides, **common
        )

    def _train_control(
        self, arm: str, seed: int, this: Round, saved: Snapshots, train_one: Callable[..., TrainResult]
    ) -> TrainResult:
        """The ticket's mask with new weights, or a shuffled mask with the ticket's weights; all else as for the ticket."""
        model_fn = _model_fn(self.experiment, self.data)
        mask, start = this.mask, this.rewind
        if arm == "re-initialised":
            start = fresh_start(model_fn, seed=seed, device=self.data.device)
        else:
            mask = mask.shuffled(derived_seed(seed, f"shuffled round {this.round}"))
        return retrain(
            model_fn,
            self.data,
            mask=mask,
            weights_from=start,
            seed=derived_seed(seed, "order"),
            recipe=self.experiment.recipe,
            momentum=self.experiment.momentum,
            folder=saved,
            progress=self._tick,
            train=train_one,
            task=self.experiment.task,
        )

    def _tick(self, steps: int) -> None:
        self.pool.check()
        if self.minutes is not None and self.sessions.seconds > 60 * self.minutes:
            raise TimeUp(f"{self.minutes:g} minutes are over, as asked. The run is saved in {self.folder}.")
        with self._lock:
            self.sessions.save_if_due()
            self.progress(steps)

    def _add(self, row: Row) -> None:
        with self._lock:
            self.rows.append(row)
            self.announce(row)

    def _summary(self) -> dict[str, Any]:
        """Of the call that ended the run first, with the time of all calls up to then; a later one keeps it."""
        if (self.folder / "summary.json").exists():
            return files.read_sealed(self.folder / "summary.json")
        return {
            "name": self.experiment.name,
            "data": self.data.label,
            "device": str(self.data.device),
            "execution": asdict(self.choice),
            **self.sessions.summary(),
            "environment": environment(),
        }


def folder_name(experiment: Experiment, data: Dataset) -> str:
    """Name and six digits of the configuration, such as winning-ticket-3f9c1a."""
    return run_id(experiment.name, experiment.config(data, str(data.device)))


def execution(experiment: Experiment, data: Dataset, folder: Path | str | None = None) -> Choice:
    """How this experiment is executed here: what its folder says that it began with, else what the table has.

    Threads and layouts round differently, so a run that goes on keeps to its own, on a machine with other cores too.
    """
    model = _model_fn(experiment, data)(seed=0)
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


def _model_fn(experiment: Experiment, data: Dataset) -> Callable[..., Any]:
    return partial(model_by_name(experiment.model), input_shape=data.shape, classes=len(data.classes))
