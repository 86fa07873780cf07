"""A planned experiment on the command line: `lthkit show FOLDER`, and `lthkit audit FOLDER --checks`."""

from __future__ import annotations

from pathlib import Path

from lthkit.commands.console import say


def shown(folder: Path) -> bool:
    """Show a planned experiment, if it is one: its outcome, or how far it is."""
    from lthkit.runs.outcomes import outcome
    from lthkit.runs.plan_checks import checks
    from lthkit.runs.plans import KIND
    from lthkit.storage.folders import read_config

    if read_config(folder).get("kind") != KIND:
        return False
    found = checks(folder)
    if found["finished"].state == "passed":
        this = outcome(folder)
        for table in (this.means(), this.table):
            say(table)
            say("")
        say(f"checks: lthkit audit {folder} --checks")
    else:
        say(found.table)
    return True


def checked(run: str, digest: str | None) -> int:
    """Print the list of checks; 1 if one failed."""
    from lthkit.runs.audits import find_run
    from lthkit.runs.plan_checks import checks

    found = checks(find_run(run), digest=digest)
    say(found.table)
    return 1 if found.failed else 0
