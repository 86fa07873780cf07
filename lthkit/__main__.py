"""The command line: `lthkit doctor`, `start`, `run`, `show`, `bench`, `build`, `grade`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

EXAMPLES = """\
examples:
  lthkit doctor
      is this machine ready?
  lthkit start 00
      your own copy of a lesson, in my/
  lthkit run winning-ticket
      a winning ticket and its two controls on the embedded data, three seeds; minutes on two cores
  lthkit run winning-ticket --seeds 0,1,2,3,4
  lthkit run imp --model smallcnn --data cifar10 --rounds 5 --fraction 0.2 --rewind-step 500 \\
             --seeds 0,1,2 --device cuda --tier gpu --out runs/c10
  lthkit run one-shot --model lenet-5 --rounds 8
  lthkit show
      the runs there are; lthkit show RUN prints and draws one of them again

A run that was stopped goes on when its command is given again.
"""

GRADE_EXAMPLES = """\
examples:
  lthkit grade stage 05 --due 2027-03-01
      students get class/release/05_winning_tickets/05_winning_tickets.ipynb
  lthkit grade collect submissions.zip
      a zip file or a folder, as Moodle, Canvas, Blackboard or nbgrader have it
  lthkit grade run
  lthkit grade report
      class/reports/05_winning_tickets: grades.csv, overview.md, feedback/

The guide for instructors is solutions/README.md in the course's repository.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 if it did its work, 2 for a bad value (one line says which), 130 after Ctrl-C, 3 if time is up."""
    parser = _parser()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.command(arguments) or 0)
    except KeyboardInterrupt:
        _say("\nStopped. How far it was is saved: give the same command again to go on.", file=sys.stderr)
        return 130
    except _NobodyReads:  # `lthkit ... | head`; Python's own last flush shall not complain either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, ArithmeticError, OSError, RuntimeError, ImportError) as error:
        if os.environ.get("LTHKIT_DEBUG"):
            raise
        _say(f"lthkit: error: {_one_line(error)}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lthkit",
        description="Find lottery tickets: small subnetworks that train as well as the whole.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    doctor = commands.add_parser("doctor", help="say whether this machine is ready, and what to mend")
    doctor.set_defaults(command=_doctor)

    start = commands.add_parser(
        "start",
        help="put your own copy of a lesson into my/",
        description="Copies lessons into my/, where an update of the course leaves them alone. A copy that is there "
        "is never overwritten.",
    )
    start.add_argument("lessons", nargs="*", metavar="NN", help="lesson numbers; without one, all are listed")
    start.add_argument("--fresh", action="store_true", help="start over, beside the copy that is there")
    start.set_defaults(command=_start)

    run = commands.add_parser("run", help="run an experiment and save its table and figure", epilog=EXAMPLES,
                              formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
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

    bench = commands.add_parser(
        "bench",
        help="measure how fast this package is here, beside a textbook loop",
        description="Times this package in turns with the loop that most tutorials write, and against what the "
        "machine can do at most. Accuracies are compared: the exit status is 1 if they disagree.",
    )
    bench.add_argument("works", nargs="*", metavar="WORK",
                       help="lenet, smallcnn, resnet20, imp, replicates, selection, imports, mask, saving; all if none is given")  # fmt: skip
    bench.add_argument("--quick", action="store_true", help="under a minute, with few repetitions")
    bench.add_argument("--device", default="auto", help="auto (cuda, else mps, else cpu), cuda, mps or cpu")
    bench.add_argument(
        "--json", type=Path, default=None, metavar="FILE", help="write all numbers to this file"
    )
    bench.add_argument("--out", type=Path, default=None, metavar="FOLDER",
                       help="write bench.json and the chart (bench.png, bench.svg) to this folder")  # fmt: skip
    bench.set_defaults(command=_bench)

    build = commands.add_parser("build", help="make both editions of the lessons from solutions/NN_slug.py")
    build.add_argument("lessons", nargs="*", metavar="NN", help="lesson numbers; all if none is given")
    build.add_argument(
        "--check", action="store_true", help="only report what is stale, hand-edited or leaked"
    )
    build.add_argument(
        "--root", type=Path, default=Path(), help="the course folder (default: the current one)"
    )
    build.set_defaults(command=_build)
    _grade(commands)
    return parser


def _common(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--seeds", type=_whole_numbers, default=(0, 1, 2), help="such as 0,1,2 (default)")
    sub.add_argument("--device", default="cpu" if sub.prog.endswith("winning-ticket") else "auto",
                     help="auto (cuda, else mps, else cpu), cuda, mps or cpu; default %(default)s")  # fmt: skip
    sub.add_argument("--tier", choices=("smoke", "laptop", "gpu", "recorded"), default=None,
                     help="size of the experiment: seconds, minutes, paper scale (default: $LTHKIT_TIER or laptop); "
                     "recorded runs nothing")  # fmt: skip
    sub.add_argument(
        "--out",
        type=_folder,
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
                     help="fashion-mnist (embedded subset, default), fashion-mnist-full, mnist, cifar10")  # fmt: skip
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
        "--controls", type=_words, default=(), help="such as re-initialised,shuffled (default: none)"
    )
    sub.add_argument(
        "--control-rounds",
        type=_whole_numbers,
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


def _run_winning_ticket(arguments: argparse.Namespace) -> int:
    from lthkit.experiments import winning_ticket

    return _run(winning_ticket(_tier(arguments), arguments.seeds), "fashion-mnist", arguments)


def _run_free(arguments: argparse.Namespace) -> int:
    from lthkit.experiments import Experiment, default_recipe
    from lthkit.models import model_by_name

    model_by_name(arguments.model)
    names = ("steps", "lr", "batch_size", "patience", "precision")
    given = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    experiment = Experiment(
        name=f"{arguments.method}-{arguments.model}-{arguments.data}",
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
    return _run(experiment, arguments.data, arguments)


def _run(experiment: Any, data_name: str, arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from lthkit import experiments
    from lthkit.data import load_data
    from lthkit.devices import resolve_device
    from lthkit.models import model_by_name
    from lthkit.records import runs_folder
    from lthkit.snapshots import TimeUp

    begun = perf_counter()
    device = resolve_device(arguments.device)
    data = load_data(data_name).to(device)
    model = model_by_name(experiment.model)(seed=0, input_shape=data.shape, classes=len(data.classes))
    folder = arguments.out or runs_folder() / experiments.folder_name(experiment, data)
    _say(
        f"{experiment.model} on {data.label}, {len(experiment.seeds)} seeds, {device}, tier {experiment.tier}, run {folder}"
    )
    with tqdm(total=experiment.budget, unit="step", smoothing=0.05, disable=None, leave=False) as bar:

        def announce(row: dict[str, Any]) -> None:
            bar.set_postfix_str(
                f"{row['arm']}, seed {row['seed']}, {100 * row['density']:.1f} % left", refresh=False
            )
            bar.write(
                f"  {row['arm']:15} seed {row['seed']}  round {row['round']:2}  {100 * row['density']:6.2f} % left  "
                f"test {100 * row['test_accuracy']:.2f} %  best step {row['best_step']}",
                file=sys.stderr,
            )

        done = 0

        def progress(steps: int) -> None:
            nonlocal done
            done += steps
            bar.update(steps)

        try:
            rows = experiments.run(
                experiment, data, folder, minutes=arguments.minutes, progress=progress, announce=announce
            )
        except TimeUp as error:
            bar.close()
            _say(f"{error} About {100 * done / experiment.budget:.0f} % is done.")
            _say("Give the same command again to go on.")
            return 3
    _report(folder)
    updates, seconds = sum(row["steps"] for row in rows), sum(row["seconds"] for row in rows)
    workers = experiments.execution(experiment, data, folder).workers
    speed = workers * updates / seconds
    epoch = seconds / updates * (len(data.train) // experiment.recipe.batch_size)
    _say(
        f"{updates:,} updates, {speed:,.0f} a second over {workers} {'worker' if workers == 1 else 'workers'} with "
        f"evaluation, {epoch:.2g} s an epoch; {perf_counter() - begun:.0f} s in all"
    )
    if device.type == "cpu":
        _compare_with_textbook(model, data, experiment.recipe.batch_size, speed)
    return 0


def _compare_with_textbook(model: Any, data: Any, batch_size: int, speed: float) -> None:
    from lthkit.bench import textbook_steps_per_second

    try:
        textbook = textbook_steps_per_second(model, data, batch_size=batch_size)
    except ImportError:
        _say("a textbook loop was not measured: torchvision is not installed")
        return
    _say(
        f"a textbook loop (torchvision transforms, DataLoader, masks in Python) makes {textbook:,.0f} a second here: "
        f"the run took {textbook / speed:.0%} of its time"
    )


def _doctor(arguments: argparse.Namespace) -> int:
    from lthkit.doctor import examine

    found = examine()
    for finding in found:
        _say(finding.line())
    fixes = sum(finding.kind == "fix" for finding in found)
    _say(f"{fixes} to fix" if fixes else "ready: lthkit start 00")
    return 1 if fixes else 0


def _start(arguments: argparse.Namespace) -> int:
    from lthkit.classroom.start import course_folder, overview, start

    course = course_folder()
    if not arguments.lessons:
        for stem, title, begun in overview(course):
            _say(f"{stem[:2]}  {'begun' if begun else '-':6}{title}")
        return 0
    for number in arguments.lessons:
        copy = start(course, number, fresh=arguments.fresh)
        path = os.path.relpath(copy.path)
        _say(f"{path} {'is ready' if copy.new else 'is there and stays as it is'}: jupyter lab {path}")
        if not copy.new:
            _say("  (to start over beside it: --fresh)")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from lthkit.experiments import recorded
    from lthkit.records import runs_folder

    if arguments.run is None:
        runs = sorted(path.parent.name for path in runs_folder().glob("*/config.json"))
        _say(
            "\n".join(runs) if runs else "There are no runs in runs/ yet. Make one: lthkit run winning-ticket"
        )
        return 0
    folder = next(
        (p for p in (Path(arguments.run), runs_folder() / arguments.run) if (p / "config.json").exists()),
        None,
    )
    if folder is not None:
        _report(folder)
        return 0
    try:
        folder = recorded(arguments.run)
    except ValueError as error:
        raise FileNotFoundError(
            f"{arguments.run!r} is not a run folder; `lthkit show` lists the runs there are. As a recorded run: {error}"
        ) from None
    _describe(folder)
    _say(f"a recorded run, which comes with the course; figure {folder / 'trade_off.png'}")
    return 0


def _report(folder: Path) -> None:
    from lthkit import plots
    from lthkit.report import stamp

    config, summary, rows = _describe(folder)
    alt = plots.describe(rows)
    figure = plots.save(plots.trade_off(rows, stamp=stamp(config, summary)), folder / "trade_off", alt=alt)[0]
    steps = plots.describe(rows, column="best_step", scale=1.0, unit="")
    plots.save(plots.early_stop(rows, stamp=stamp(config, summary)), folder / "early_stop", alt=steps)
    _say(f"figure {figure}   table {folder / 'table.csv'}   again: lthkit show {folder}")


def _describe(folder: Path) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    from lthkit import experiments
    from lthkit.report import conclusions, table

    config, summary, rows = experiments.load(folder)
    _say(table(rows))
    for line in conclusions(rows):
        _say(line)
    return config, summary, rows


def _bench(arguments: argparse.Namespace) -> int:
    from lthkit import bench, files

    for path in filter(None, (arguments.json and arguments.json.parent, arguments.out)):
        path.mkdir(parents=True, exist_ok=True)  # an unwritable place shows now, not after minutes
    try:
        document = bench.run(arguments.works, device=arguments.device, quick=arguments.quick, say=_say)
    except KeyboardInterrupt:
        _say("\nStopped. Nothing was written.", file=sys.stderr)
        return 130
    targets = [arguments.json, arguments.out and arguments.out / "bench.json"]
    for target in filter(None, targets):
        _say(f"numbers {files.write_json(target, document)}")
    if arguments.out:
        _draw_bench(document, arguments.out)
    return bench.exit_status(document)


def _draw_bench(document: dict[str, Any], folder: Path) -> None:
    from lthkit import bench, plots

    if not bench.has_ratios(document):
        _say("no chart: nothing was compared with the textbook loop")
        return
    figure = plots.speed(document["rows"], stamp=bench.stamp(document))
    _say(f"figure {plots.save(figure, folder / 'bench', alt=bench.describe(document))[0]}")


def _build(arguments: argparse.Namespace) -> int:
    from lthkit.classroom.build import build, check_build

    if arguments.check:
        problems = check_build(arguments.root)
        for problem in problems:
            _say(problem)
        _say(f"{len(problems)} problems" if problems else "both editions agree with their sources")
        return 1 if problems else 0
    build(arguments.root, lessons=arguments.lessons or None)
    return 0


def _grade(commands: Any) -> None:
    """The four commands of `lthkit grade`; what they do is in lthkit/classroom/grading."""
    grade = commands.add_parser(
        "grade",
        help="for instructors: stage an assignment, collect submissions, grade and report",
        description="Assignments for a class. Everything lies in one folder, `class` if --class names no other.",
        epilog=GRADE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps = grade.add_subparsers(required=True, metavar="step")
    stage = steps.add_parser(
        "stage", help="make an assignment of lessons; students get what is in class/release/"
    )
    stage.add_argument("lessons", nargs="+", metavar="NN", help="lesson numbers")
    stage.add_argument(
        "--due", metavar="TIME", help="2026-10-01 (its end) or 2026-10-01T18:00, local time; default: none"
    )
    stage.add_argument(
        "--points",
        type=_words,
        default=(),
        metavar="05.1=2,05.4=3",
        help="points; 1 each by default, and what they were if staged before",
    )
    stage.add_argument(
        "--hidden-tests", type=Path, metavar="FILE", help="cases of your own, see class/hidden_tests.py"
    )
    stage.add_argument("--section", help="name of the section; another section has another folder, --class")
    stage.add_argument(
        "--seed", type=int, help="seed of the hidden cases (default: drawn once for a new folder)"
    )
    stage.add_argument("--late", metavar="PERCENT,DAYS",
                       help="late work loses PERCENT of its points a day, all after DAYS days (default 10,5)")  # fmt: skip
    stage.add_argument(
        "--without-nbgrader", action="store_true", help="do not tell nbgrader of the assignment"
    )
    collect = steps.add_parser("collect", help="take what students handed in, and say what is missing")
    collect.add_argument(
        "paths", nargs="*", type=Path, metavar="FOLDER_OR_ZIP", help="as the platform gave it"
    )
    collect.add_argument("--dates", action="store_true",
                         help="count the dates of files as the time of handing in (only if they are not those of a copy)")  # fmt: skip
    collect.add_argument(
        "--roster-only", action="store_true", help="leave aside what belongs to nobody in roster.csv"
    )
    collect.add_argument("--replace", action="store_true",
                         help="take these files even where older than what was collected, or unreadable")  # fmt: skip
    collect.add_argument("--forget", action="append", default=[], metavar="STUDENT",
                         help="remove what was collected of a student, by the id that the lists show, and its grades")  # fmt: skip
    run = steps.add_parser("run", help="grade what was collected, several submissions side by side")
    run.add_argument(
        "--jobs", type=int, help="how many side by side (default: one for each processor, at most 4)"
    )
    run.add_argument("--again", action="store_true", help="grade again what has not changed")
    report = steps.add_parser(
        "report", help="write grades.csv, feedback pages and an overview to class/reports/"
    )
    report.add_argument(
        "--gradebook", type=Path, metavar="FILE.csv", help="a platform's gradebook, to be filled in"
    )
    report.add_argument(
        "--column", metavar="HEADING", help="the gradebook's column, if the lesson's name is not in it"
    )
    for step, name in ((stage, "stage"), (collect, "collect"), (run, "run"), (report, "report")):
        step.add_argument(
            "--class", dest="folder", type=Path, default=Path("class"), help="folder of the class"
        )
        if step is not stage:
            step.add_argument(
                "--lesson", metavar="NN", help="this lesson only (default: all that were staged)"
            )
        step.set_defaults(command=_grade_step, step=name)


def _grade_step(arguments: argparse.Namespace) -> int:
    from lthkit.classroom.grading import commands

    return commands.STEPS[arguments.step](arguments, _say)


def _tier(arguments: argparse.Namespace) -> str:
    from lthkit.tiers import tier

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


def _whole_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} was given; expected whole numbers such as 0,1,2"
        ) from None


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("an empty name was given; expected a folder, such as runs/mine")
    return Path(text)


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename:
        return (
            f"{error.filename} ({error.strerror}). What was saved is whole. Choose another folder with --out."
        )
    return " ".join(str(error).split()) or type(error).__name__


_ASCII = str.maketrans(dict[str, str | int | None]({"±": "+/-", "–": "-", "×": "x", "→": "->", "θ": "theta"}))


class _NobodyReads(Exception):
    """Whoever read what we print has gone."""


def _say(text: str, file: Any = None) -> None:
    """Print, spelling out in ASCII what the console's encoding cannot show."""
    stream = file or sys.stdout
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = text.translate(_ASCII)
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError as error:
        raise _NobodyReads from error


if __name__ == "__main__":
    sys.exit(main())
