"""`lthkit sweep`: a grid from a file, and what `lthkit run` shares with it: the plan, the cells as they end, the table."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lthkit.commands import options, showing
from lthkit.commands.console import say

EXAMPLES = """\
examples:
  lthkit sweep criteria.toml --dry-run
      check the whole file; say what it would take
  lthkit sweep criteria.toml
      do what is missing, on all cores, in runs/criteria
  lthkit sweep criteria.toml --minutes 50
      stop after that time with everything saved; the same command goes on
  lthkit sweep criteria.toml --shard 2/8
      the second of eight parts, for eight machines that share the folder
  lthkit sweep criteria.toml --worker
      one of many workers on a shared folder, for an array job of SLURM
  lthkit sweep criteria.toml --on dask=tcp://head-node:8786
      on a Dask cluster that is there

criteria.toml:
  methods = ["imp", {method = "prune-at-init", score = ["snip", "synflow"]}]
  seeds = [0, 1, 2]
  rounds = [7, 13]

A seed, a round or a density more in the file adds only what is missing.
Exit status: 0 done, 1 cells failed, 2 mistakes in the file or the command,
3 the minutes are over, 130 Ctrl-C.
"""


def add(commands: Any) -> None:
    """The parser of `sweep`."""
    sub = commands.add_parser(
        "sweep",
        help="run a grid of methods, densities, seeds, networks from a file",
        description="Run what is missing of a grid: methods, densities, seeds, networks.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sub.add_argument("file", type=Path, help="the grid, such as criteria.toml")
    options.out(
        sub, "folder of the sweep, such as runs/mine (default: runs/<name in the file, or of the file>)"
    )
    options.engine(sub, on=None)
    sub.add_argument("--device", default="auto", metavar="DEVICE",
                     help="auto (cuda, else mps, else cpu), cuda, mps or cpu; default %(default)s")  # fmt: skip
    options.minutes(sub)
    sub.add_argument("--shard", default=None, metavar="PART/PARTS",
                     help="do one part of the cells only, such as 2/8")  # fmt: skip
    sub.add_argument("--only-missing", action="store_true",
                     help="in the table at the end, show only cells of which something was missing")  # fmt: skip
    sub.add_argument("--worker", action="store_true",
                     help="take cell after cell from the shared folder until none is left, without starting processes")  # fmt: skip
    options.dry_run(sub)
    sub.set_defaults(command=_sweep)


def _sweep(arguments: argparse.Namespace) -> int:
    """Workers that will surely be of use begin before this process imports torch; whatever happens, none outlives it."""
    from lthkit.machine.processes import Spare
    from lthkit.sweeps.worker import PROGRAM

    if arguments.worker and (arguments.on is not None or arguments.workers is not None):
        raise ValueError(
            "--worker was given with --on or --workers; expected one of them: a worker does one cell after the other itself."
        )
    spare = Spare(PROGRAM)
    try:
        if not arguments.worker and not arguments.dry_run:
            _begin(spare, arguments)
        return _with(spare, arguments)
    finally:
        spare.end()


def _begin(spare: Any, arguments: argparse.Namespace) -> None:
    from lthkit.sweeps.ahead import workers_for

    given = {name: getattr(arguments, name) for name in ("on", "workers", "device", "out", "shard")}
    with contextlib.suppress(OSError):  # the engine will say that no process can be started
        spare.begin(workers_for(arguments.file, **given))


def _with(spare: Any, arguments: argparse.Namespace) -> int:
    from lthkit.storage.records import runs_folder
    from lthkit.sweeps.grids import read_grid
    from lthkit.sweeps.mistakes import GridMistakes
    from lthkit.sweeps.shards import parsed_shard

    if arguments.shard is not None:
        try:
            arguments.shard = parsed_shard(arguments.shard)
        except ValueError as error:
            arguments.parser.error(f"argument --shard: {error}")
    try:
        grid = read_grid(arguments.file)
        return carry_out(grid, arguments.out or runs_folder() / grid.name, arguments, spare)
    except GridMistakes as error:
        say(f"lthkit: error: {error}", file=sys.stderr)
        return 2


def carry_out(grid: Any, folder: Path, arguments: argparse.Namespace, spare: Any = None) -> int:
    """Do what is missing of a grid, and show its table; with --dry-run say what it would take.

    spare: workers that have begun already, for `sweeps.run`.
    """
    from lthkit.machine.devices import resolve_device
    from lthkit.storage.claims import Patience
    from lthkit.storage.snapshots import TimeUp
    from lthkit.sweeps import running
    from lthkit.sweeps.planning import plan
    from lthkit.sweeps.shards import sharded
    from lthkit.sweeps.units import datasets_of

    device = str(resolve_device(arguments.device))
    shard = getattr(arguments, "shard", None)
    worker = getattr(arguments, "worker", False)

    def begins(planned: Any) -> None:
        cost, left = planned.cost, len(planned.unfinished)
        say(f"{grid.name}: {len(planned.cells):,} cells; to do: {left:,} cells, {cost.trainings:,} trainings")
        say(f"on {device}, in {folder}")

    if arguments.dry_run or worker:
        mine = grid if shard is None else replace(grid, asked=sharded(grid.asked, *shard))
        datasets = datasets_of(mine, device)
        planned = plan(mine, folder, datasets=datasets)
        if arguments.dry_run:
            tell_plan(planned, datasets, arguments, device)
            return 0
        begins(planned)
    how: dict[str, Any] = {
        "device": device,
        "minutes": arguments.minutes,
        "shard": shard,
        "announce": announce,
    }
    how |= {"tell": lambda text: say(text, file=sys.stderr), "patience": Patience()}
    try:
        if worker:
            rows = running.work(grid, folder, **how)
        else:
            how |= {
                "only_missing": getattr(arguments, "only_missing", False),
                "planned": begins,
                "spare": spare,
            }
            rows = running.run(grid, folder, on=arguments.on or "local", workers=arguments.workers, **how)
    except TimeUp as error:
        say(str(error))
        say("Give the same command again to go on.")
        return 3
    except running.SweepFailed as error:
        showing.tell_rows(error.rows)
        say(f"lthkit: {error}", file=sys.stderr)
        return 1
    showing.tell_rows(rows)
    showing.tell_files(folder)
    return 0


def tell_plan(planned: Any, datasets: Mapping[str, Any], arguments: argparse.Namespace, device: str) -> None:
    """What a plan would take here."""
    from lthkit.sweeps.engines import check_engine, devices_of
    from lthkit.sweeps.estimates import estimate, paces_of, text_of
    from lthkit.training.choices import cores

    on, asked = getattr(arguments, "on", None) or "local", getattr(arguments, "workers", None)
    check_engine(on, asked)
    workers = asked or (cores() if device == "cpu" else len(devices_of(device)))
    if getattr(arguments, "worker", False) or on == "serial":
        workers = 1
    seconds = estimate(planned, paces_of(planned, datasets), workers=workers)
    say(text_of(planned, seconds=seconds, workers=workers))


def announce(row: Mapping[str, Any]) -> None:
    """A line for each training as it ends: what it was, and what it came to."""
    from lthkit.evidence import judged

    told = " ".join(str(row[name]) for name in ("method", "score") if row.get(name) is not None)
    arm = "" if row["arm"] in ("ticket", told) else f" {row['arm']}"
    if row["density"] is None:
        came_to = row["outcome"]
    else:
        by = judged([dict(row)])
        came_to = f"{100 * row['density']:6.2f} % left  test {by.quantity.told(row[by.column])}"
    say(f"  {told + arm:30} seed {row['seed']:<3} {came_to}", file=sys.stderr)
