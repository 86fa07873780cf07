"""`lthkit claims`: the ledger of claims, one claim in full, and a claim repeated here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from lthkit.commands import options
from lthkit.commands.console import say
from lthkit.commands.sweeping import announce

EXAMPLES = """\
examples:
  lthkit claims
      all claims: what was predicted before the run, and what came of it
  lthkit claims rewind-0-fails-14
      one of them in full: source, rule, prediction, numbers, deviations
  lthkit claims --errata
      what was wrong before
  lthkit claims hill-mnist --rerun --tier laptop
      the same comparison on the embedded data, with the first three seeds
  lthkit claims hill-mnist --rerun
      as it was registered, all seeds; the complete MNIST in $LTHKIT_DATA

A repetition goes to runs/claims and goes on when its command is given again.
It is judged by the same rule. The verdict of the ledger stays.
"""


def add(commands: Any) -> None:
    """The parser of `claims`."""
    sub = commands.add_parser(
        "claims",
        help="what was claimed, what held, on how many seeds, and what did not",
        description="The ledger of claims, each registered before its run.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sub.add_argument("claims", nargs="*", metavar="ID", help="claims to show in full")
    sub.add_argument("--errata", action="store_true", help="what was wrong before, and what is said now")
    sub.add_argument("--rerun", action="store_true", help="repeat the run of one claim here, and judge it")
    sub.add_argument("--tier", choices=("recorded", "laptop"), default=None,
                     help="of --rerun: as it was registered, or small, on the embedded data; default recorded")  # fmt: skip
    sub.add_argument("--workers", type=int, default=2, metavar="N", help="of --rerun: trainings side by side; default %(default)s")  # fmt: skip
    options.out(sub, "of --rerun: the folder, default runs/claims/<record>-<tier>")
    sub.set_defaults(command=_claims)


def _claims(arguments: argparse.Namespace) -> int:
    from lthkit import ledger

    found = ledger.load_ledger()
    try:
        chosen = [found[name] for name in arguments.claims]
    except KeyError as error:
        raise ValueError(f"{error.args[0]} `lthkit claims` lists them.") from None
    if arguments.rerun:
        if len(chosen) != 1:
            raise ValueError(
                f"--rerun was given with {len(chosen)} claims; expected one, such as {next(iter(found))}."
            )
        return _rerun(chosen[0], found, arguments)
    if arguments.tier is not None or arguments.out is not None:
        raise ValueError("--tier or --out was given without --rerun; they say how a claim is repeated.")
    if arguments.errata:
        say(ledger.errata_text(found.errata))
        return 0
    judged = [ledger.judge(claim, errata=found.errata) for claim in chosen or found.values()]
    if chosen:
        say("\n\n".join(ledger.claim_text(one) for one in judged))
        return 0
    say(ledger.ledger_table(judged))
    say(f"{len(found.errata)} errata: lthkit claims --errata" if found.errata else "No errata.")
    return 0


def _rerun(claim: Any, found: Any, arguments: argparse.Namespace) -> int:
    from lthkit import ledger
    from lthkit.storage.records import runs_folder
    from lthkit.sweeps.repeating import repeat

    tier = arguments.tier or "recorded"
    folder: Path = arguments.out or runs_folder() / "claims" / f"{claim.record}-{tier}"
    say(f"{claim.id}, in {folder}. What is done is kept; the same command goes on.")
    again = repeat(claim, folder, tier=tier, workers=arguments.workers, announce=announce)
    for part in again.judged.parts:
        say(f"  {part}")
    say(f"Repeated here: {again.says}")
    say(f"The ledger: {ledger.judge(claim, errata=found.errata).verdict}, over {len(claim.seeds)} seeds.")
    return 0
