"""`lthkit doctor`, `start`, `build` and `site`: the machine, a student's copies, both editions of the lessons, the pages."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lthkit.commands.console import say

if TYPE_CHECKING:
    from lthkit.classroom.start import Begun


def add_student(commands: Any) -> None:
    """The parsers of `doctor` and `start`."""
    doctor = commands.add_parser("doctor", help="say whether this machine is ready, and what to mend")
    doctor.set_defaults(command=_doctor)

    start = commands.add_parser(
        "start",
        help="put your own copy of a lesson, or of the capstone, into my/",
        description="Copies lessons into my/, where an update of the course leaves them alone. A copy that is there "
        "is never overwritten. `lthkit start capstone FOLDER` puts the notebook of the capstone into FOLDER, or, without "
        "one, into my/.",
    )
    start.add_argument(
        "lessons",
        nargs="*",
        metavar="NN",
        help="lesson numbers, or capstone and a folder; without one, all are listed with how much is passed",
    )
    start.add_argument("--fresh", action="store_true", help="start over, beside the copy that is there")
    start.add_argument(
        "--update",
        action="store_true",
        help="give your copy's import lines the names of today; the old file is kept",
    )
    start.set_defaults(command=_start)


def add_author(commands: Any) -> None:
    """The parsers of `build` and `site`."""
    build = commands.add_parser("build", help="make both editions of the lessons from solutions/NN_slug.py")
    build.add_argument("lessons", nargs="*", metavar="NN", help="lesson numbers; all if none is given")
    build.add_argument(
        "--check", action="store_true", help="only report what is stale, hand-edited or leaked"
    )
    build.add_argument(
        "--site",
        action="store_true",
        help="make the pages of the course in site/, from the lessons as they were executed",
    )
    build.add_argument(
        "--root", type=Path, default=Path(), help="the course folder (default: the current one)"
    )
    build.set_defaults(command=_build)

    site = commands.add_parser(
        "site",
        help="show the built pages of the course in a browser",
        description="Serves what `lthkit build --site` has made, on this machine only, until Ctrl-C.",
    )
    site.add_argument("--no-browser", action="store_true", help="only say the address")
    site.add_argument("--port", type=int, default=0, metavar="N", help="default: a free one")
    site.add_argument(
        "--root", type=Path, default=Path(), help="the course folder (default: the current one)"
    )
    site.set_defaults(command=_site)


def _doctor(arguments: argparse.Namespace) -> int:
    from lthkit.commands.doctor import examine

    fixes = 0
    for finding in examine():
        say(finding.line())
        fixes += finding.kind == "fix"
    say(f"{fixes} to fix" if fixes else "ready: lthkit start 00")
    return 1 if fixes else 0


def _start(arguments: argparse.Namespace) -> int:
    from lthkit.classroom import passport
    from lthkit.classroom.capstone import NAME
    from lthkit.classroom.start import OWN, course_folder, overview, passed, start

    course = course_folder()
    if not arguments.lessons:
        if arguments.update:
            raise ValueError(
                "--update was given without a lesson; say which, such as: lthkit start 05 --update"
            )
        known = passport.read(say)
        say("     copy   passed  lesson")
        for stem, title, begun in overview(course):
            say(f"{stem[:2]}   {'begun' if begun else '-':7}{passed(stem[:2], known):8}{title}")
        if (course / OWN / f"{NAME}.ipynb").exists():
            say(f"     begun  -       Capstone: {OWN}/{NAME}.ipynb")
        return 0
    if NAME in arguments.lessons:
        return _start_capstone(course, arguments)
    for number in arguments.lessons:
        _told(start(course, number, fresh=arguments.fresh), number, update=arguments.update)
    return 0


def _start_capstone(course: Path, arguments: argparse.Namespace) -> int:
    """`lthkit start capstone [FOLDER]`: alone, so that a folder is not taken for a lesson."""
    from lthkit.classroom.capstone import NAME, start_capstone

    first, *others = arguments.lessons
    if first != NAME or len(others) > 1 or NAME in others or "" in others:
        raise ValueError(
            f"{' '.join(arguments.lessons)!r} was given; expected {NAME} alone or with one folder, such as: lthkit start {NAME} "
            "my/capstone"
        )
    folder = Path(others[0]) if others else None
    _told(start_capstone(course, folder, fresh=arguments.fresh), NAME, update=arguments.update)
    return 0


def _told(copy: Begun, number: str, *, update: bool) -> None:
    """Say where a copy is, and whether it is new."""
    path = os.path.relpath(copy.path)
    say(f"{path} {'is ready' if copy.new else 'is there and stays as it is'}: jupyter lab {path}")
    if not copy.new:
        say("  (to start over beside it: --fresh)")
        _older(copy.path, number, update=update)


def _older(path: Path, number: str, *, update: bool) -> None:
    """Offer to rewrite what a copy imports under names of before, or do so."""
    from lthkit.classroom import older_copies

    if not (lines := older_copies.lines_to_rewrite(path)):
        if update:
            say("  nothing to update: no module name of lthkit 0.1 was found")
        return
    many = f"{lines} line{'s' if lines > 1 else ''}"
    if update:
        kept = older_copies.update(path)
        say(f"  {many} updated to the module names of today; the file of before is {os.path.relpath(kept)}")
    else:
        say(f"  {many} use module names of lthkit 0.1; to rewrite them: lthkit start {number} --update")


def _build(arguments: argparse.Namespace) -> int:
    from lthkit.classroom.build import build, check_build
    from lthkit.pictures.stored import outdated, renew

    if arguments.site:
        if arguments.check or arguments.lessons:
            raise ValueError(
                "--site was given with a lesson or --check; expected --site alone: all pages are made together."
            )
        from lthkit.site import build_site

        build_site(arguments.root, report=say)
        return 0
    if arguments.check:
        problems = check_build(arguments.root) + outdated(arguments.root)
        for problem in problems:
            say(problem)
        say(f"{len(problems)} problems" if problems else "both editions agree with their sources")
        return 1 if problems else 0
    build(arguments.root, lessons=arguments.lessons or None)
    renew(arguments.root, report=say)
    return 0


def _site(arguments: argparse.Namespace) -> int:
    from lthkit.site import serve

    serve(arguments.root, port=arguments.port, browser=not arguments.no_browser, report=say)
    return 0
