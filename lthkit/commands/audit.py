"""`lthkit audit`: the checklist on a run folder, or on masks and weights in files."""

from __future__ import annotations

import argparse
from typing import Any

from lthkit.commands import planned
from lthkit.commands.console import say, whole_numbers

EXAMPLES = """\
examples:
  lthkit audit runs/kept/imp-ca08b4b182ef
      a search that a lesson left; other seeds and controls beside it count
  lthkit audit runs/winning-ticket-40265d --replay
      a run of `lthkit run`; a part of it is trained again and compared
  lthkit audit runs/imp-lenet-5-birds-40265d --data birds --size 28
      a run on your own pictures, from their folder
  lthkit audit winning-ticket
      a recorded run, which comes with the course
  lthkit audit my/runs/capstone --checks --digest 0123456789ab
      a planned experiment: registered before the run, seeds, controls,
      intervals; the digest is the one that was given away before
  lthkit audit --mask mask.pt --before initial.pt --start start.pt \\
               --after trained.pt --density 0.2
      what another program saved; files are read without running them

Each item holds, fails, or cannot be told. The command ends with 0 if no item
fails, with 1 if one does, and with 2 if nothing could be audited.
"""

FILES = (
    ("mask", "parameter name -> 1 or True where a weight stays; once for each round, in order"),
    ("before", "the state that the training should begin from"),
    ("start", "the state that it really began from"),
    ("after", "the trained state"),
    ("trained", "for each cut, the trained state whose magnitudes were ranked"),
    ("optimizer", "the optimizer's state, by parameter names"),
)
SEVERAL = ("mask", "trained")


def add(commands: Any) -> None:
    """The parser of `audit`."""
    parser = commands.add_parser(
        "audit",
        help="check a run, or masks and weights, against the checklist of lesson 12",
        description="Check a run folder, or masks and weights in files, against the checklist of lesson 12.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", nargs="?", help="a run folder, its name in runs/, or a recorded run")
    parser.add_argument(
        "--checks",
        action="store_true",
        help="of a planned experiment, such as a capstone: the list of its checks",
    )
    parser.add_argument(
        "--digest", metavar="DIGITS", default=None, help="with --checks: twelve digits, given away before"
    )
    parser.add_argument("--replay", action="store_true", help="train the first steps again, and compare")
    parser.add_argument(
        "--data", default=None, metavar="FOLDER", help="for a run: its data, if they are a folder of yours"
    )
    parser.add_argument(
        "--size", type=whole_numbers, default=None, metavar="N", help="the --size that the run was made with"
    )
    for name, text in FILES:
        action = "append" if name in SEVERAL else "store"
        parser.add_argument(f"--{name}", metavar="FILE", action=action, default=None, help=text)
    parser.add_argument("--density", type=float, default=None, help="the fraction kept, as it was said")
    parser.add_argument("--kept", type=int, default=None, help="the number of weights kept, as it was said")
    parser.add_argument("--scope", default=None, help="what was ranked together: global or layerwise")
    parser.add_argument("--test-reads", type=int, default=None, help="how often the test split was read")
    parser.set_defaults(command=_audit)


def _audit(arguments: argparse.Namespace) -> int:
    from lthkit.runs.audits import audit

    claims = {
        name: getattr(arguments, name)
        for name in ("density", "kept", "scope", "test_reads")
        if getattr(arguments, name) is not None
    }
    states = {name: getattr(arguments, name) for name, _ in FILES if getattr(arguments, name) is not None}
    if arguments.checks or arguments.digest is not None:
        if arguments.run is None or states or claims or arguments.replay or not arguments.checks:
            raise ValueError(
                "--checks looks at one run folder, and --digest belongs to it: lthkit audit FOLDER --checks --digest 0123456789ab"
            )
        return planned.checked(arguments.run, arguments.digest)
    if arguments.run is not None:
        if states or claims:
            given = next(iter([*states, *claims])).replace("_", "-")
            raise ValueError(
                f"--{given} was given beside the run {arguments.run!r}; expected one or the other: a run has its own masks, "
                "states and claims."
            )
        found = audit(arguments.run, data=_data(arguments), replay=arguments.replay)
    elif arguments.data is not None or arguments.size is not None:
        name = "data" if arguments.data is not None else "size"
        raise ValueError(
            f"--{name} was given without a run; expected it beside a run folder: lthkit audit RUN --{name} ..."
        )
    elif not states:
        raise ValueError(
            "nothing to audit was given; expected a run folder, such as lthkit audit runs/kept/imp-ca08b4b182ef, or files: "
            "lthkit audit --help has examples."
        )
    else:
        found = audit(**_read(states), **claims)
    say(found.table)
    return 1 if found.failed else 0


def _data(arguments: argparse.Namespace) -> Any:
    """The data that were given for a run, or None."""
    from lthkit.commands.options import data_name
    from lthkit.data.named import load_data

    size = arguments.size
    if arguments.data is None:
        if size is not None:
            raise ValueError("--size was given without --data; expected both, as the run was made.")
        return None
    return load_data(data_name(arguments.data), size=size[0] if size and len(size) == 1 else size)


def _read(states: dict[str, Any]) -> dict[str, Any]:
    from lthkit.evidence.state_files import read_file

    read: dict[str, Any] = {}
    for name, given in states.items():
        read[name] = [read_file(path) for path in given] if name in SEVERAL else read_file(given)
    return read
