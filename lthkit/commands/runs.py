"""`lthkit run`: experiments, each method by its name, and what is printed of them."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from lthkit.commands import methods, options, showing, sweeping
from lthkit.commands.console import say
from lthkit.commands.options import data_name, recipe_of, size_of, slug, tier_of

COMMON = """\
options of every experiment, with an example each:
  --seeds 0,1,2,3,4        which seeds (default 0,1,2)
  --tier smoke             its size: smoke (seconds), laptop (minutes,
                           default), gpu (as in the papers)
  --device cuda            where: auto, cuda, mps, cpu
  --out runs/mine          the run folder (default: runs/<name>-<id>)
  --minutes 20             stop after this time, with everything saved
  --dry-run                say what it would take, and do nothing

further options of all but winning-ticket:
  --model lenet-5          which network; or a function of yours that makes
                           one, such as my.networks:small
  --data cifar10           which data; or a folder of pictures, with one
                           folder in it for each class
  --densities 0.2,0.05     how far to prune: the fractions kept
  --steps 2000 --lr 0.001 --batch-size 60 --patience 400
                           how each network is trained
  --scope layerwise        rank weights over all layers (global) or in each
  --rewind-step 500        where to go back to
  --controls shuffled      what to compare with
  --on dask --workers 4    what does the trainings: local, dask, or
                           dask=tcp://HOST:8786

of one method:
  imp, one-shot            --rounds 8 --fraction 0.2 instead of --densities
  retrain                  --arm rewind,lr-rewind,fine-tune
  prune-at-init            --score synflow --iterations 100 --images 200
  early-bird               --window 5 --threshold 0.1 --rule newest
  hybrid                   --snip-density 0.5 --rounds 3 --images 200

All of them, with their values: lthkit run imp --help

examples:
  lthkit run winning-ticket --tier smoke --seeds 0,1
  lthkit run prune-at-init --score snip --densities 0.2,0.05

A run that was stopped goes on when its command is given again. A seed or a
density more adds to the folder only what is missing.
"""

EXAMPLE_OF = {
    "winning-ticket": "lthkit run winning-ticket --seeds 0,1,2,3,4",
    "imp": "lthkit run imp --model lenet-5 --rounds 8 --rewind-step 100 --controls shuffled",
    "one-shot": "lthkit run one-shot --model lenet-5 --rounds 8",
    "dense": "lthkit run dense --model lenet-5 --seeds 0,1,2,3,4",
    "retrain": "lthkit run retrain --arm rewind,fine-tune --densities 0.2,0.05 --rewind-step 100",
    "prune-at-init": "lthkit run prune-at-init --score synflow --densities 0.2,0.05",
    "early-bird": "lthkit run early-bird --densities 0.5,0.3 --threshold 0.05",
    "hybrid": "lthkit run hybrid --snip-density 0.5 --densities 0.05",
}


def add(commands: Any) -> None:
    """The parser of `run`."""
    run = commands.add_parser(
        "run",
        help="run an experiment and save its table and figure",
        epilog=COMMON,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    experiments = run.add_subparsers(required=True, metavar="experiment")
    ticket = experiments.add_parser(
        "winning-ticket",
        help="IMP with re-initialised and shuffled controls, LeNet-300-100 on the embedded Fashion-MNIST",
        description="Iterative magnitude pruning of LeNet-300-100 on the embedded Fashion-MNIST to about 1 % of the "
        "weights, beside a re-initialised and a shuffled control at four densities.",
    )
    options.common(ticket, device="cpu")
    ticket.set_defaults(command=_run_winning_ticket)
    imp = experiments.add_parser("imp", help="iterative magnitude pruning of any model on any data set",
                                 description="Iterative magnitude pruning with rewinding.")  # fmt: skip
    shot = experiments.add_parser("one-shot", help="one-shot pruning to the densities of the same ladder",
                                  description="One-shot magnitude pruning with rewinding, to every density of the "
                                  "ladder that iterative pruning would visit, or to densities of your own.")  # fmt: skip
    for sub, told in ((imp, "of the ladder; default: --rounds"), (shot, "default: those of --rounds")):
        options.common(sub)
        options.network(sub)
        options.densities(sub, default=None, told=told)
        options.rounds(sub)
        options.scope(sub)
        options.rewinding(sub)
        options.controls(sub)
        options.engine(sub, on=None)
        sub.set_defaults(command=_run_free)
    _add_methods(experiments)
    for name, sub in experiments.choices.items():
        sub.epilog = f"example: {EXAMPLE_OF[name]}"
        sub.set_defaults(method=name)


def _add_methods(experiments: Any) -> None:
    """The parsers of the methods that are grids of one method only."""
    dense = experiments.add_parser("dense", help="the whole network, trained once a seed",
                                   description="The whole network, trained once for each seed.")  # fmt: skip
    retrain = experiments.add_parser("retrain", help="after one cut: rewind, lr-rewind, fine-tune or re-initialised",
                                     description="Train once, cut by magnitude, and retrain in the ways of Renda, Frankle & "
                                     "Carbin 2020.")  # fmt: skip
    scored = experiments.add_parser("prune-at-init", help="SNIP, GraSP, SynFlow, magnitude or random, before any training",
                                    description="Score before any training, cut, train once.")  # fmt: skip
    early = experiments.add_parser("early-bird", help="train until the mask is stable, go on with the ticket",
                                   description="Early-Bird tickets (You et al. 2020), of single weights.")  # fmt: skip
    hybrid = experiments.add_parser("hybrid", help="SNIP first, then iterative magnitude pruning",
                                    description="SNIP to a density before any training, then IMP in rounds.")  # fmt: skip
    for sub in (dense, retrain, scored, early, hybrid):
        options.common(sub)
        options.network(sub)
        options.engine(sub)
        sub.set_defaults(command=methods.run)
    for sub in (retrain, scored, early, hybrid):
        options.densities(sub, default=(0.2, 0.05), told="default")
        options.scope(sub)
    options.arm(retrain)
    options.rewinding(retrain)
    options.score(scored)
    options.controls(scored)
    options.stability(early)
    options.hybrid(hybrid)
    options.rewinding(hybrid)


def _control_rounds(arguments: argparse.Namespace, rounds: int) -> tuple[int, ...]:
    if not arguments.controls:
        if arguments.control_rounds:
            raise ValueError(
                "--control-rounds were given without --controls; expected such as --controls shuffled."
            )
        return ()
    chosen = arguments.control_rounds or tuple(range(1, rounds + 1))
    if bad := [r for r in chosen if not 1 <= r <= rounds]:
        raise ValueError(f"--control-rounds {bad} were given; expected rounds from 1 to {rounds}.")
    return tuple(chosen)


def _run_winning_ticket(arguments: argparse.Namespace) -> int:
    from lthkit.runs.experiments import winning_ticket

    return _run(winning_ticket(tier_of(arguments), arguments.seeds), "fashion-mnist", arguments)


def _run_free(arguments: argparse.Namespace) -> int:
    """IMP or one-shot pruning: by rounds an experiment, by densities or on an engine a grid of one method."""
    from lthkit.models import model_by_name
    from lthkit.runs.experiments import Experiment, default_recipe

    of_a_grid = (arguments.densities, arguments.on, arguments.workers)
    if ":" in arguments.model or any(given is not None for given in of_a_grid):
        return methods.run(arguments)
    model_by_name(arguments.model)
    data, rounds = data_name(arguments.data), 5 if arguments.rounds is None else arguments.rounds
    experiment = Experiment(
        name=f"{arguments.method}-{arguments.model}-{slug(data)}",
        model=arguments.model,
        recipe=replace(default_recipe(arguments.model, tier_of(arguments)), **recipe_of(arguments)),
        tier=tier_of(arguments),
        seeds=arguments.seeds,
        method=arguments.method,
        rounds=rounds,
        fraction=0.2 if arguments.fraction is None else arguments.fraction,
        scope=arguments.scope or "global",
        rewind_step=arguments.rewind_step or 0,
        controls=arguments.controls,
        control_rounds=_control_rounds(arguments, rounds),
    )
    return _run(experiment, data, arguments)


def _fitted(experiment: Any, data: Any, arguments: argparse.Namespace) -> Any:
    """The experiment with batches that the pictures of a small folder can fill, if no size of a batch was asked for."""
    recipe = experiment.recipe
    if arguments.batch_size is not None or recipe.batch_size <= len(data.train):
        return experiment
    say(f"batches of {len(data.train)} images, not {recipe.batch_size}: there are no more to train on")
    return replace(experiment, recipe=replace(recipe, batch_size=len(data.train)))


def _tell_of_folder(data: Any) -> None:
    counts = data.train.labels.bincount(minlength=len(data.classes)).tolist()
    named = [f"{name} {count:,}" for name, count in zip(data.classes, counts, strict=True)]
    some = ", ".join(named[:8]) + (f" and {len(named) - 8} more" if len(named) > 8 else "")
    channels, height, width = data.shape
    say(
        f"{len(data.train):,} images to train on ({some}), {len(data.validation):,} to validate, {len(data.test):,} to test; "
        f"{height}x{width} pixels, {'grey' if channels == 1 else 'colour'}"
    )


def _run(experiment: Any, name: str, arguments: argparse.Namespace) -> int:
    from lthkit.data.named import FOLDER, load_data
    from lthkit.evidence import judged
    from lthkit.machine.devices import resolve_device
    from lthkit.models import model_by_name
    from lthkit.runs import experiments
    from lthkit.storage.records import runs_folder
    from lthkit.storage.snapshots import TimeUp

    device = resolve_device(arguments.device)
    data = load_data(name, size=size_of(arguments)).to(device)
    if name.startswith(FOLDER):
        _tell_of_folder(data)
        experiment = _fitted(experiment, data, arguments)
    model = model_by_name(experiment.model)(seed=0, input_shape=data.shape, classes=len(data.classes))
    folder = arguments.out or runs_folder() / experiments.folder_name(experiment, data)
    if arguments.dry_run:
        return _tell_plan(experiment, name, data, folder, arguments)
    say(
        f"{experiment.model} on {data.label}, {len(experiment.seeds)} seeds, {device}, tier {experiment.tier}, run {folder}"
    )
    done = 0

    def announce(row: dict[str, Any]) -> None:
        by = judged([row])
        say(
            f"  {row['arm']:15} seed {row['seed']}  round {row['round']:2}  {100 * row['density']:6.2f} % left  "
            f"test {by.quantity.told(row[by.column])}  best step {row['best_step']}",
            file=sys.stderr,
        )

    def progress(steps: int) -> None:
        nonlocal done
        done += steps

    try:
        rows = experiments.run(
            experiment, data, folder, minutes=arguments.minutes, progress=progress, announce=announce
        )
    except TimeUp as error:
        say(f"{error} About {100 * done / experiment.budget:.0f} % is done.")
        say("Give the same command again to go on.")
        return 3
    showing.report(folder)
    workers = experiments.execution(experiment, data, folder).workers
    speed = _closing_figures(rows, workers, len(data.train) // experiment.recipe.batch_size, folder)
    if device.type == "cpu":
        _compare_with_textbook(model, data, experiment.recipe.batch_size, speed)
    return 0


def _tell_plan(experiment: Any, name: str, data: Any, folder: Path, arguments: argparse.Namespace) -> int:
    """What an experiment would take: its trainings as the cells of a grid."""
    from lthkit.cells import IMP, Cell, Level, OneShot
    from lthkit.pruning.selection import ladder
    from lthkit.sweeps.grids import Asked, Grid
    from lthkit.sweeps.planning import plan

    shared = {key: getattr(experiment, key) for key in ("scope", "rewind_step", "momentum")}
    by_round = experiment.method == "imp"
    imp = {"fraction": experiment.fraction, "output_fraction": experiment.output_fraction}
    way = IMP(**imp, **shared) if by_round else OneShot(**shared)
    densities = ladder(experiment.fraction, experiment.rounds)
    levels = [
        Level(round=r, arm=arm) if by_round else Level(density=densities[r], arm=arm)
        for r in range(1, experiment.rounds + 1)
        for arm in ("ticket", *(experiment.controls if r in experiment.control_rounds else ()))
    ]
    asked = [
        Asked(cell, tuple(cell.levels(levels)))
        for seed in experiment.seeds
        for cell in [Cell(way, experiment.model, name, experiment.recipe, seed, size_of(arguments))]
    ]
    planned = plan(Grid(experiment.name, tuple(asked)), folder, datasets={name: data})
    sweeping.tell_plan(planned, {name: data}, arguments, data.device.type)
    return 0


def _closing_figures(rows: list[Any], workers: int, steps_an_epoch: int, folder: Path) -> float:
    """Print how much was done in how long, over all calls that the run took; its updates a second are returned."""
    from lthkit.runs.results import load

    summary = load(folder)[1]
    updates, seconds = sum(row["steps"] for row in rows), sum(row["seconds"] for row in rows)
    speed, sessions = workers * updates / seconds, summary.get("sessions", 1)
    wall = summary.get("wall_seconds")
    took = "time in all is not known" if wall is None else f"{wall:.0f} s in all"
    say(
        f"{updates:,} updates, {speed:,.0f} a second over {workers} {'worker' if workers == 1 else 'workers'} with "
        f"evaluation, {seconds / updates * steps_an_epoch:.2g} s an epoch; {took}"
        + (f", over {sessions} calls" if sessions > 1 else "")
    )
    return speed


def _compare_with_textbook(model: Any, data: Any, batch_size: int, speed: float) -> None:
    from lthkit.bench import textbook_steps_per_second

    try:
        textbook = textbook_steps_per_second(model, data, batch_size=batch_size)
    except ImportError:
        say("a textbook loop was not measured: torchvision is not installed")
        return
    say(
        f"a textbook loop (torchvision transforms, DataLoader, masks in Python) makes {textbook:,.0f} a second here: "
        f"the run took {100 * textbook / speed:.2g} % of its time"
    )
