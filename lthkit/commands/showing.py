"""`lthkit show`, `list` and `compare`: what there is, what it came to, and one against another."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lthkit.commands import planned
from lthkit.commands.console import say

EXAMPLES = """\
examples:
  lthkit compare imp-lenet-5-mnist-40265d one-shot-lenet-5-mnist-07bd1c
      every line that both runs have; of two methods, their tickets
  lthkit compare criteria
      the lines that a sweep has
  lthkit compare criteria --lines "imp" "prune-at-init snip"
      two lines of one sweep
  lthkit compare criteria others --lines "imp" "hybrid"
      a line of the first, and one of the second

Differences are paired by seed, at densities that both have. What is not
common to both is named; different data are refused.
"""
SHOWN = 12  # missing or failed cells that are named


def add(commands: Any) -> None:
    """The parsers of `show`, `list` and `compare`."""
    show = commands.add_parser("show", help="print and draw a run or a sweep, or list the runs")
    show.add_argument(
        "run", nargs="?", help="a run folder, or its name inside runs/; without it, all runs are listed"
    )
    show.set_defaults(command=_show)
    listed = commands.add_parser(
        "list",
        help="the runs there are: status, seeds, accuracy, age",
        description="All runs and sweeps of a folder: how far each is, who works on it, and what it came to.",
        epilog="example: lthkit list runs/kept",
    )
    listed.add_argument(
        "folder", nargs="?", type=Path, default=None, help="a folder of runs (default: runs, or $LTHKIT_RUNS)"
    )
    listed.set_defaults(command=lambda arguments: _list(arguments.folder))
    compare = commands.add_parser(
        "compare",
        help="paired differences of two runs, or of two lines of one sweep",
        description="Paired differences over common seeds at common densities, with 95 % t-intervals.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    compare.add_argument("one", metavar="A", help="a run, a sweep or a recorded run")
    compare.add_argument("other", metavar="B", nargs="?", default=None, help="another one")
    compare.add_argument(
        "--lines",
        nargs=2,
        metavar=("LINE", "LINE"),
        default=None,
        help='names as tables have them, such as "imp" "prune-at-init snip"',
    )
    compare.set_defaults(command=_compare)


def _list(folder: Path | None) -> int:
    from lthkit.machine.faces import terminal_width
    from lthkit.storage.records import runs_folder
    from lthkit.sweeps.listing import listed_in

    place = runs_folder() if folder is None else folder
    if folder is not None and not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; expected one with runs in it, such as runs.")
    found = listed_in(place)
    for one in found:
        say("\n".join(one.lines(terminal_width(sys.stdout))))
    if not found:
        say(f"There are no runs in {place}/ yet. Make one: lthkit run winning-ticket")
    return 0


def found_run(name: str) -> Path:
    """The folder of a run by its path, its name in runs/, or as a recorded run. FileNotFoundError lists the recorded ones."""
    from lthkit.runs.results import recorded
    from lthkit.storage.records import runs_folder
    from lthkit.sweeps.states import is_run

    for folder in (Path(name), runs_folder() / name):
        if is_run(folder):
            return folder
    try:
        return recorded(name)
    except ValueError as error:
        raise FileNotFoundError(
            f"{name!r} is not a run folder; `lthkit show` lists the runs there are. As a recorded run: {error}"
        ) from None


def _show(arguments: argparse.Namespace) -> int:
    from lthkit.data.sources import data_folder
    from lthkit.sweeps.states import CELL, EXPERIMENT, FINISHED, SWEEP, state_of

    if arguments.run is None:
        return _list(None)
    folder = found_run(arguments.run)
    comes_with_the_course = folder.parent == data_folder() / "results"
    state = state_of(folder)
    of_cells = state.kind in (SWEEP, CELL) or (
        state.kind == EXPERIMENT and state.status != FINISHED and state.cells
    )
    if of_cells and not comes_with_the_course:
        _show_cells(state)
    elif planned.shown(folder):
        pass
    elif comes_with_the_course:
        _describe(folder)
        say(f"a recorded run, which comes with the course; figure {folder / 'trade_off.png'}")
    else:
        report(folder)
    return 0


def _show_cells(state: Any) -> None:
    """A sweep, or one cell: its table, figures, and in words what is missing or failed."""
    from lthkit.storage.claims import Patience
    from lthkit.sweeps.published import Published
    from lthkit.sweeps.results import rows_of, with_equal_keys
    from lthkit.sweeps.states import SWEEP

    seeds = "" if state.seeds is None else ", {} of {} seeds".format(*state.seeds)
    by = f", {state.by} works on it" if state.by else ""
    say(f"{state.name}: {state.status}{seeds}{by}")
    rows = with_equal_keys(rows_of(state))
    tell_rows(rows)
    for sentence in _not_there(state):
        say(sentence)
    if rows and state.kind == SWEEP:
        Published(state.folder).write(Patience())
        _draw(state.folder, rows)
        say(f"table  {state.folder / 'table.csv'}")


def _not_there(state: Any) -> Iterator[str]:
    failed = [cell for cell in state.cells if cell.wrong]
    for cell in failed[:SHOWN]:
        yield f"failed: {_what(cell)}: {cell.wrong}"
    missing = [cell for cell in state.cells if cell.missing and not cell.wrong]
    for cell in missing[:SHOWN]:
        some = ", ".join(cell.missing[:4]) + (
            f" and {len(cell.missing) - 4} more" if len(cell.missing) > 4 else ""
        )
        yield f"missing: {_what(cell)}: {some}" + (f" ({cell.by} works on it)" if cell.by else "")
    if (more := max(0, len(failed) - SHOWN) + max(0, len(missing) - SHOWN)) > 0:
        yield f"and {more} cells more"


def _what(cell: Any) -> str:
    known = cell.asked or cell.known
    told = [known.get(name) for name in ("method", "model", "data", "recipe")]
    words = " ".join(word for word in told if isinstance(word, str) and word)
    return f"{cell.folder.name} ({words or 'cell'}, seed {cell.seed})"


def tell_rows(rows: Sequence[Any]) -> None:
    """The tables of densities against methods, one for each network and data set."""
    if not rows:
        say("No training has ended yet.")
        return
    from lthkit import plots

    say("")
    for table in plots.sweep_tables(rows):
        say(table)
        say("")


def tell_files(folder: Path) -> None:
    """Which files there are, and how to see them again."""
    if (folder / "table.csv").exists():
        say(f"table  {folder / 'table.csv'}")
    say(f"again, with figures: lthkit show {folder}")


def _draw(folder: Path, rows: Sequence[Any]) -> None:
    """The figures of a sweep into its folder: accuracy against density, cost against accuracy, paired differences."""
    from importlib.metadata import version

    from lthkit import plots
    from lthkit.evidence.grouping import seeds_told

    stamp = f"{folder.resolve().name}, {seeds_told(sorted({row['seed'] for row in rows}))}, lthkit {version('lthkit')}"
    parts = plots.sweep_parts(rows)
    for name, draw, describe in (
        ("densities", plots.sweep, plots.describe_sweep),
        ("costs", plots.sweep_costs, plots.describe_sweep_costs),
        ("differences", plots.sweep_matrix, plots.describe_sweep_matrix),
    ):
        for number, part in enumerate(parts, start=1):
            path = folder / (name if len(parts) == 1 else f"{name}-{number}")
            try:
                figure = draw(part, stamp=stamp)  # type: ignore[operator]
            except ValueError as error:
                say(f"no figure of {name}: {' '.join(str(error).split())}")
                continue
            say(f"figure {plots.save(figure, path, alt=describe(part))[0]}")


def _compare(arguments: argparse.Namespace) -> int:
    from lthkit.evidence.grouping import lines
    from lthkit.sweeps.comparing import compare, pairs
    from lthkit.sweeps.results import rows_of
    from lthkit.sweeps.states import FINISHED, state_of

    states = [state_of(found_run(name)) for name in (arguments.one, arguments.other) if name is not None]
    found = []
    for state in states:
        rows = rows_of(state)
        if not rows:
            raise ValueError(
                f"{state.folder} has no table of trainings to compare ({state.kind}, {state.status}); expected a run of "
                "`lthkit run` or `lthkit sweep` in which something has ended."
            )
        found.append(lines(rows))
    if len(found) == 1 and arguments.lines is None:
        say("\n".join([f"The lines of {states[0].name}:", *(f"  {line.name}" for line in found[0])]))
        say(f'Compare two of them: lthkit compare {arguments.one} --lines "{found[0][0].name}" ...')
        return 0
    chosen, notes = pairs(found[0], found[-1], arguments.lines)
    compared, refused = [], []
    for pair in chosen:
        runs = [state.name for state in (states[0], states[-1])]
        labels = [
            line.name if len(states) == 1 else f"{line.name} of {run}"
            for line, run in zip(pair, runs, strict=True)
        ]
        try:
            compared.append(compare(*pair, labels=(labels[0], labels[1])))
        except ValueError as error:
            refused.append(error)
    if not compared:
        raise refused[0]
    for one in compared:
        say(one.table)
        say("")
    for note in (*notes, *map(str, refused)):
        say(note)
    for state in states:
        if state.status != FINISHED:
            say(f"{state.name} is not finished ({state.status}): what has ended so far is compared.")
    return 0


def report(folder: Path) -> None:
    """The table of a run, and its figures, which are drawn again."""
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
