"""The command line: `lthkit doctor`, `start`, `run`, `sweep`, `show`, `list`, `compare`, `audit`, `claims`, `bench`, `build`, `site`, `grade`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from lthkit.commands import audit, bench, claims, course, grade, runs, showing, sweeping
from lthkit.commands.console import NobodyReads, Parser, one_line, say

EXAMPLES = """\
examples:
  lthkit doctor
      is this machine ready?
  lthkit start 00
      your own copy of a lesson, in my/
  lthkit run winning-ticket
      a winning ticket and its two controls on the embedded data, three seeds;
      minutes on two cores
  lthkit run winning-ticket --seeds 0,1,2,3,4
  lthkit run imp --model smallcnn --data cifar10 --rounds 5 --fraction 0.2 \\
             --rewind-step 500 --seeds 0,1,2 --device cuda \\
             --tier gpu --out runs/c10
  lthkit run one-shot --model lenet-5 --rounds 8
  lthkit run prune-at-init --score synflow --densities 0.2,0.05
  lthkit sweep grid.toml
      methods x densities x seeds x networks from one file, on all cores, or
      shared by many machines; --dry-run says what it would take
  lthkit list
      the runs there are; lthkit show RUN prints and draws one of them again
  lthkit compare RUN OTHER
      paired differences of two runs over the seeds that both have
  lthkit audit RUN
      is the ticket one? a checklist with an answer to each item
  lthkit claims
      what the course claims, registered before the run, and what came of it

A run that was stopped goes on when its command is given again.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 if it did its work, 2 for a bad value (one line says which), 130 after Ctrl-C, 3 if time is up, 1 if
    cells of a sweep failed."""
    parser = _parser()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.command(arguments) or 0)
    except KeyboardInterrupt as stop:  # an `Interrupted` says what is saved
        say(f"\n{stop}" if str(stop) else "\nStopped.", file=sys.stderr)
        return 130
    except NobodyReads:  # `lthkit ... | head`; Python's own last flush shall not complain either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, ArithmeticError, OSError, RuntimeError, ImportError) as error:
        if os.environ.get("LTHKIT_DEBUG"):
            raise
        say(f"lthkit: error: {one_line(error, arguments)}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="lthkit",
        description="Find lottery tickets: small subnetworks that train as well as the whole.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    course.add_student(commands)
    runs.add(commands)
    sweeping.add(commands)
    showing.add(commands)
    audit.add(commands)
    claims.add(commands)
    bench.add(commands)
    course.add_author(commands)
    grade.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
