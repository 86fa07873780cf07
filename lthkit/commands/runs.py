"""`lthkit run` and `lthkit show`: experiments, and what is left of them."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from lthkit.commands import planned
from lthkit.commands.console import folder, say, whole_numbers, words

COMMON = """\
options of every experiment, with an example each:
  --seeds 0,1,2,3,4        which seeds (default 0,1,2)
  --tier smoke             its size: smoke (seconds), laptop (minutes,
                           default), gpu (as in the papers)
  --device cuda            where: auto, cuda, mps, cpu
  --out runs/mine          the run folder (default: runs/<name>-<id>)
  --minutes 20             stop after this time, with everything saved

further options of imp and one-shot:
  --model lenet-5          which network
  --data cifar10           which data; or a folder of pictures, with one
                           folder in it for each class
  --rounds 8               rounds of pruning
  --fraction 0.2           what each round removes of the rest
  --rewind-step 500        where to go back to
  --controls shuffled      what to compare with

All of them, with their values: lthkit run imp --help

example:
  lthkit run winning-ticket --tier smoke --seeds 0,1

A run that was stopped goes on when its command is given again.
"""


EXAMPLE_OF = {
    "winning-ticket": "lthkit run winning-ticket --seeds 0,1,2,3,4",
    "imp": "lthkit run imp --model lenet-5 --rounds 8 --rewind-step 100 --controls shuffled",
    "one-shot": "lthkit run one-shot --model lenet-5 --rounds 8",
}


def add(commands: Any) -> None:
    """The parsers of `run` and `show`."""
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
    imp = experiments.add_parser("imp", help="iterative magnitude pruning of any model on any data set",
                                 description="Iterative magnitude pruning with rewinding.")  # fmt: skip
    shot = experiments.add_parser("one-shot", help="one-shot pruning to the densities of the same ladder",
                                  description="One-shot magnitude pruning with rewinding, to every density of the "
                                  "ladder that iterative pruning would visit.")  # fmt: skip
    for sub in (ticket, imp, shot):
        _common(sub)
        sub.epilog = f"example: {EXAMPLE_OF[sub.prog.split()[-1]]}"
    for sub in (imp, shot):
        _free(sub)
    ticket.set_defaults(command=_run_winning_ticket)
    imp.set_defaults(command=_run_free, method="imp")
    shot.set_defaults(command=_run_free, method="one-shot")

    show = commands.add_parser("show", help="print and draw a finished run, or list the runs")
    show.add_argument(
        "run", nargs="?", help="a run folder, or its name inside runs/; without it, all runs are listed"
    )
    show.set_defaults(command=_show)


def _common(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--seeds", type=whole_numbers, default=(0, 1, 2), help="such as 0,1,2 (default)")
    sub.add_argument("--device", default="cpu" if sub.prog.endswith("winning-ticket") else "auto",
                     help="auto (cuda, else mps, else cpu), cuda, mps or cpu; default %(default)s")  # fmt: skip
    sub.add_argument("--tier", choices=("smoke", "laptop", "gpu", "recorded"), default=None,
                     help="size of the experiment: seconds, minutes, paper scale (default: $LTHKIT_TIER or laptop); "
                     "recorded runs nothing")  # fmt: skip
    sub.add_argument(
        "--out",
        type=folder,
        default=None,
        help="run folder (default: runs/<name>-<id of the configuration>)",
    )
    sub.add_argument(
        "--minutes",
        type=float,
        default=None,
        help="stop after this time with everything saved (exit status 3); the same command goes on",
    )


def _free(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--model", default="lenet-300-100",
                     help="lenet-300-100 (default), lenet-5, smallcnn, conv-2, conv-4, conv-6, resnet-20, vgg-16")  # fmt: skip
    sub.add_argument("--data", default="fashion-mnist",
                     help="fashion-mnist (embedded subset, default), fashion-mnist-full, mnist, cifar10; or the path of a "
                     "folder of pictures, with one folder in it for each class (./mnist, if it is called as a set)")  # fmt: skip
    sub.add_argument("--size", type=whole_numbers, default=None,
                     help="of the pictures in a folder: pixels a side, or height,width (default: their own, where all have "
                     "one up to 64, else 32)")  # fmt: skip
    sub.add_argument(
        "--rounds", type=int, default=5, help="rounds of pruning after the dense training (default 5)"
    )
    sub.add_argument(
        "--fraction", type=float, default=0.2, help="part of the remaining weights to remove a round (0.2)"
    )
    sub.add_argument(
        "--scope",
        default="global",
        choices=("global", "layerwise"),
        help="rank weights over all layers or in each",
    )
    sub.add_argument(
        "--rewind-step", type=int, default=0, help="step to rewind to; 0 is initialisation (default)"
    )
    sub.add_argument(
        "--controls", type=words, default=(), help="such as re-initialised,shuffled (default: none)"
    )
    sub.add_argument(
        "--control-rounds",
        type=whole_numbers,
        default=None,
        help="rounds at which controls are trained (all)",
    )
    sub.add_argument("--precision", default=None, choices=("float32", "medium", "bfloat16", "auto"),
                     help="float32 (equal seeds give equal bits on a CPU); medium: faster matrix products, which may "
                     "round inside; bfloat16; auto: bfloat16 on a GPU that has it (default of tier gpu, else float32)")  # fmt: skip
    for name, kind, text in (
        ("steps", int, "updates a training"),
        ("lr", float, "learning rate"),
        ("batch-size", int, "images an update"),
        ("patience", int, "stop when the validation loss has not fallen for this many updates"),
    ):
        sub.add_argument(
            f"--{name}", type=kind, default=None, help=f"{text} (default: as the model and tier have it)"
        )


def _tier(arguments: argparse.Namespace) -> str:
    from lthkit.machine.tiers import tier

    if (chosen := tier(arguments.tier)) == "recorded":
        raise ValueError(
            "tier recorded reads results and runs nothing; choose smoke, laptop or gpu with --tier, or look at a "
            "recorded run: lthkit show winning-ticket."
        )
    return chosen


def _control_rounds(arguments: argparse.Namespace) -> tuple[int, ...]:
    if not arguments.controls:
        if arguments.control_rounds:
            raise ValueError(
                "--control-rounds were given without --controls; expected such as --controls shuffled."
            )
        return ()
    chosen = arguments.control_rounds or tuple(range(1, arguments.rounds + 1))
    if bad := [r for r in chosen if not 1 <= r <= arguments.rounds]:
        raise ValueError(f"--control-rounds {bad} were given; expected rounds from 1 to {arguments.rounds}.")
    return tuple(chosen)


def _run_winning_ticket(arguments: argparse.Namespace) -> int:
    from lthkit.runs.experiments import winning_ticket

    return _run(winning_ticket(_tier(arguments), arguments.seeds), "fashion-mnist", arguments)


def _run_free(arguments: argparse.Namespace) -> int:
    from lthkit.models import model_by_name
    from lthkit.runs.experiments import Experiment, default_recipe

    model_by_name(arguments.model)
    names = ("steps", "lr", "batch_size", "patience", "precision")
    given = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    data = data_name(arguments.data)
    experiment = Experiment(
        name=f"{arguments.method}-{arguments.model}-{_slug(data)}",
        model=arguments.model,
        recipe=replace(default_recipe(arguments.model, _tier(arguments)), **given),
        tier=_tier(arguments),
        seeds=arguments.seeds,
        method=arguments.method,
        rounds=arguments.rounds,
        fraction=arguments.fraction,
        scope=arguments.scope,
        rewind_step=arguments.rewind_step,
        controls=arguments.controls,
        control_rounds=_control_rounds(arguments),
    )
    return _run(experiment, data, arguments)


def data_name(text: str) -> str:
    """What `load_data` takes for what was given: a name, or "folder:" and a path."""
    from lthkit.data.named import DATA_NAMES, FOLDER

    if text in DATA_NAMES or text.startswith(FOLDER):
        return text
    path = set("/\\") & set(text) or text.startswith((".", "~")) or Path(text).is_dir()
    return FOLDER + text if path else text


def _slug(data_name: str) -> str:
    """The name of a data set as a part of a folder's name."""
    from lthkit.data.folders import name_of_folder
    from lthkit.data.named import FOLDER

    if not data_name.startswith(FOLDER):
        return data_name
    name = name_of_folder(data_name.removeprefix(FOLDER))
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:40]


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
    size = getattr(arguments, "size", None)
    data = load_data(name, size=size[0] if size and len(size) == 1 else size).to(device)
    if name.startswith(FOLDER):
        _tell_of_folder(data)
        experiment = _fitted(experiment, data, arguments)
    model = model_by_name(experiment.model)(seed=0, input_shape=data.shape, classes=len(data.classes))
    folder = arguments.out or runs_folder() / experiments.folder_name(experiment, data)
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
    _report(folder)
    workers = experiments.execution(experiment, data, folder).workers
    speed = _closing_figures(rows, workers, len(data.train) // experiment.recipe.batch_size, folder)
    if device.type == "cpu":
        _compare_with_textbook(model, data, experiment.recipe.batch_size, speed)
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


def _show(arguments: argparse.Namespace) -> int:
    from lthkit.runs.results import recorded
    from lthkit.storage.records import runs_folder

    if arguments.run is None:
        runs = sorted(path.parent.name for path in runs_folder().glob("*/config.json"))
        say(
            "\n".join(runs) if runs else "There are no runs in runs/ yet. Make one: lthkit run winning-ticket"
        )
        return 0
    folder = next(
        (p for p in (Path(arguments.run), runs_folder() / arguments.run) if (p / "config.json").exists()),
        None,
    )
    if folder is not None:
        if not planned.shown(folder):
            _report(folder)
        return 0
    try:
        folder = recorded(arguments.run)
    except ValueError as error:
        raise FileNotFoundError(
            f"{arguments.run!r} is not a run folder; `lthkit show` lists the runs there are. As a recorded run: {error}"
        ) from None
    if planned.shown(folder):
        return 0
    _describe(folder)
    say(f"a recorded run, which comes with the course; figure {folder / 'trade_off.png'}")
    return 0


def _report(folder: Path) -> None:
    from lthkit import plots
    from lthkit.runs.report import stamp

    config, summary, rows = _describe(folder)
    alt = plots.describe(rows)
    figure = plots.save(plots.trade_off(rows, stamp=stamp(config, summary)), folder / "trade_off", alt=alt)[0]
    steps = plots.describe(rows, column="best_step", scale=1.0, unit="")
    plots.save(
        plots.early_stop(rows, stamp=stamp(config, summary), budget=config["recipe"]["steps"]),
        folder / "early_stop",
        alt=steps,
    )
    say(f"figure {figure}\ntable  {folder / 'table.csv'}\nagain: lthkit show {folder}")


def _describe(folder: Path) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    from lthkit.runs.report import differences, table
    from lthkit.runs.results import load

    config, summary, rows = load(folder)
    say(table(rows))
    if (found := differences(rows)) is not None:
        say("")
        say(found)
    return config, summary, rows
