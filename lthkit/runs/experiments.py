"""The named experiments of `lthkit run`: a configuration goes in, a run folder with a table comes out."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Any

from lthkit.data.datasets import Dataset
from lthkit.data.sources import data_folder
from lthkit.machine.checks import check_whole
from lthkit.machine.seeds import derived_seed
from lthkit.machine.tiers import by_tier
from lthkit.machine.tiers import tier as tier_by_name
from lthkit.models import model_by_name, output_layer
from lthkit.pruning.masks import Mask
from lthkit.pruning.selection import ladder
from lthkit.storage import files
from lthkit.storage.folders import hold, open_run
from lthkit.storage.records import Row, environment, read_table, run_id, write_table
from lthkit.storage.snapshots import Snapshots, TimeUp
from lthkit.tickets import fresh_start, imp, one_shot, retrain
from lthkit.tickets.rounds import Round, load_round
from lthkit.training.choices import Choice, choose
from lthkit.training.history import TrainResult
from lthkit.training.loop import MOMENTUM_POLICIES, check_steps, train
from lthkit.training.pool import Pool
from lthkit.training.recipes import Recipe
from lthkit.training.replicates import Meeting

log = logging.getLogger("lthkit")

METHODS = ("imp", "one-shot")
SCOPES = ("global", "layerwise")
CONTROLS = ("re-initialised", "shuffled")


@dataclass(frozen=True)
class Experiment:
    """All that decides the numbers of a run, but for the data itself.

    tier: the size that `recipe` was made for; figures say it. controls: which of `CONTROLS` to train, at the rounds in `control_rounds`.
    output_fraction: for scope "layerwise", the fraction of the output layer (half the others' in the paper).
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
            raise ValueError(f"controls={unknown} were given; expected some of {', '.join(CONTROLS)}.")
        model_by_name(self.model)

    def config(self, data: Dataset, device: str) -> dict[str, Any]:
        """The canonical configuration, from which the run id is made."""
        return asdict(self) | {"data": data.name, "data_fingerprint": data.fingerprint, "device": device}

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
    sgd = Recipe(
        optimizer="sgd",
        momentum=0.9,
        weight_decay=1e-4,
        lr=0.01,
        batch_size=128,
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
        "resnet-20": replace(sgd, steps=30_000, milestones=(20_000, 25_000)),
        "vgg-16": replace(sgd, steps=112_480, batch_size=64, milestones=(56_240, 84_360)),
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
        TimeUp: the minutes are over before the run is; the same call goes on.
        RunMismatch, RunBusy: the folder has another run, or another process works there.
    """
    if minutes is not None and not (isinstance(minutes, int | float) and minutes > 0):
        raise ValueError(f"minutes={minutes!r} were given; expected a number above 0, such as 20.")
    check_steps(0, set(), experiment.recipe, experiment.momentum, len(data.train))  # before there is a folder
    with hold(folder):
        return _run(experiment, data, open_run(folder, experiment.config(data, str(data.device))),
                    minutes, progress, announce)  # fmt: skip


def _run(
    experiment: Experiment,
    data: Dataset,
    folder: Path,
    minutes: float | None,
    progress: Callable[[int], object],
    announce: Callable[[Row], object],
) -> list[Row]:
    choice = execution(experiment, data, folder)
    pool, meeting = Pool(workers=choice.workers, threads=choice.threads), Meeting(choice)
    lock, rows, begun = Lock(), list[Row](), perf_counter()

    def tick(steps: int) -> None:
        pool.check()
        if minutes is not None and perf_counter() - begun > 60 * minutes:
            raise TimeUp(f"{minutes:g} minutes are over, as asked. The run is saved in {folder}.")
        with lock:
            progress(steps)

    def add(row: Row) -> None:
        with lock:
            rows.append(row)
            announce(row)

    def trainer() -> AbstractContextManager[Callable[..., TrainResult]]:
        return meeting.joined() if choice.stacked else nullcontext(partial(train, choice=choice))

    def chain(seed: int) -> None:
        with trainer() as train_one:
            for this in _rounds(experiment, data, folder, seed, tick, train_one):
                arm = "dense" if this.round == 0 else "ticket"
                add(row_of(arm, seed, this.round, this.density, this.result))
                if this.round in experiment.control_rounds:
                    for arm in experiment.controls:
                        pool.submit(control, arm, seed, this)

    def control(arm: str, seed: int, this: Round) -> None:
        path = folder / f"seed-{seed}" / f"{arm}-{this.round:02d}.json"
        row = _finished_row(path)
        if row is not None:
            tick(experiment.recipe.steps)
        else:
            saved = Snapshots(path.with_suffix(""))
            with trainer() as train_one:
                result = _control(experiment, data, arm, seed, this, tick, saved, train_one)
            row = row_of(arm, seed, this.round, this.density, result)
            files.write_sealed(path, row)
            saved.remove()
        add(row)

    for seed in experiment.seeds:
        pool.submit(chain, seed)
    pool.run()
    rows.sort(key=lambda row: (row["round"], ("dense", "ticket", *CONTROLS).index(row["arm"]), row["seed"]))
    if not (folder / "summary.json").exists():
        wall = perf_counter() - begun
        summary = {
            "name": experiment.name,
            "data": data.label,
            "device": str(data.device),
            "execution": asdict(choice),
            "wall_seconds": round(wall, 1),
            "environment": environment(),
        }
    else:
        summary = files.read_sealed(folder / "summary.json")
    write_results(folder, summary, {"table.csv": rows})
    return rows


def _finished_row(path: Path) -> Row | None:
    """The row of a control that has ended; None if there is none, or a damaged one, which the log says."""
    try:
        return files.read_sealed(path)
    except FileNotFoundError:
        return None
    except files.DamagedFile as error:
        log.warning("%s That training is done again.", error)
        return None


def write_results(folder: Path | str, summary: dict[str, Any], tables: dict[str, list[Row]]) -> None:
    """The tables of a finished run by file name, and `summary.json`, which vouches for them by checksum."""
    sums = {}
    for name, rows in tables.items():
        path = write_table(Path(folder) / name, rows)
        sums[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    files.write_sealed(Path(folder) / "summary.json", summary | {"tables": sums})


def load(folder: Path | str) -> tuple[dict[str, Any], dict[str, Any], list[Row]]:
    """A finished run: its configuration, its summary and its rows.

    Raises:
        FileNotFoundError: no run, or one that is not finished. files.DamagedFile: a file is not what was written.
    """
    folder = Path(folder)
    if not (folder / "config.json").exists():
        raise FileNotFoundError(
            f"{folder} is not a run folder: it has no config.json. `lthkit show` lists the runs."
        )
    if not (folder / "summary.json").exists():
        raise FileNotFoundError(f"{folder} is not finished. Run its command again to go on with it.")
    summary = files.read_sealed(folder / "summary.json")
    return files.read_sealed(folder / "config.json"), summary, read_results(folder, "table.csv", summary)


def read_results(folder: Path | str, name: str, summary: Mapping[str, Any]) -> list[Row]:
    """One table of a finished run. `files.DamagedFile` if it is not the one that `summary` vouches for."""
    path = Path(folder) / name
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != summary.get("tables", {}).get(
        name
    ):
        raise files.DamagedFile(
            f"{path} is missing or damaged: summary.json has another checksum for it. Run the command of this run "
            "again; what is finished is not repeated."
        )
    return read_table(path)


def recorded(name: str) -> Path:
    """The folder of a run that comes with the course: recorded once, with its device and versions in summary.json.

    It holds what `load` reads, and the masks of seed 0.

    Raises:
        ValueError: there is no such run; the text lists those there are.
    """
    results = data_folder() / "results"
    known = sorted(path.parent.name for path in results.glob("*/config.json"))
    if name not in known:
        raise ValueError(f"there is no recorded run {name!r}; there are: {', '.join(known) or 'none'}.")
    return results / name


def load_mask(folder: Path | str, *, seed: int, level: int) -> Mask:
    """The mask that one seed had at a round (0 is dense) of a run in `folder`."""
    alone = Path(folder) / f"seed-{seed}" / f"mask-{level:02d}.npz"  # what a recorded run keeps of a round
    if alone.exists():
        return Mask.load(alone)
    found = load_round(Path(folder) / f"seed-{seed}", level)
    if found is None:
        raise FileNotFoundError(f"{folder} has no round {level} of seed {seed}.")
    return found.mask


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
            return replace(Choice(**files.read_sealed(path)), workers=here.workers)
        except files.DamagedFile as error:
            log.warning("%s The run goes on as it would begin on this machine.", error)
    files.write_sealed(path, asdict(here))
    return here


def _rounds(
    experiment: Experiment,
    data: Dataset,
    folder: Path,
    seed: int,
    progress: Callable[[int], object],
    train: Callable[..., TrainResult],
) -> Iterator[Round]:
    model_fn = _model_fn(experiment, data)
    common: dict[str, Any] = {
        "rewind_step": experiment.rewind_step,
        "seed": seed,
        "order_seed": derived_seed(seed, "order"),
        "recipe": experiment.recipe,
        "scope": experiment.scope,
        "momentum": experiment.momentum,
        "folder": folder / f"seed-{seed}",
        "progress": progress,
        "train": train,
    }
    if experiment.method == "one-shot":
        return one_shot(
            model_fn, data, densities=ladder(experiment.fraction, experiment.rounds)[1:], **common
        )
    overrides = {}
    if experiment.output_fraction is not None:
        overrides = {output_layer(model_fn(seed=0)): experiment.output_fraction}
    return imp(
        model_fn, data, rounds=experiment.rounds, fraction=experiment.fraction, overrides=overrides, **common
    )


def _control(
    experiment: Experiment,
    data: Dataset,
    arm: str,
    seed: int,
    this: Round,
    progress: Callable[[int], object],
    saved: Snapshots,
    train: Callable[..., TrainResult],
) -> TrainResult:
    """The ticket's mask with new weights, or a shuffled mask with the ticket's weights; all else as for the ticket."""
    model_fn = _model_fn(experiment, data)
    mask, start = this.mask, this.rewind
    if arm == "re-initialised":
        start = fresh_start(model_fn, seed=seed, device=data.device)
    else:
        mask = mask.shuffled(derived_seed(seed, f"shuffled round {this.round}"))
    return retrain(
        model_fn,
        data,
        mask=mask,
        weights_from=start,
        seed=derived_seed(seed, "order"),
        recipe=experiment.recipe,
        momentum=experiment.momentum,
        folder=saved,
        progress=progress,
        train=train,
    )


def _model_fn(experiment: Experiment, data: Dataset) -> Callable[..., Any]:
    return partial(model_by_name(experiment.model), input_shape=data.shape, classes=len(data.classes))


def row_of(arm: str, seed: int, level: int, density: float, result: TrainResult) -> Row:
    """One line of a run's table: what the training of one arm at one level came to."""
    return {
        "arm": arm,
        "seed": seed,
        "round": level,
        "density": density,
        "test_accuracy": result.test_accuracy,
        "validation_accuracy": result.validation_accuracy,
        "validation_loss": result.validation_loss,
        "best_step": result.best_step,
        "still_improving": result.still_improving,
        "steps": result.steps,
        "seconds": round(result.seconds, 3),
    }
