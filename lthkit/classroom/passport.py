"""The passport: which exercises a student passed, which hints were given, which questions were answered.

One local JSON file, $LTHKIT_PASSPORT or `passport.json` among the runs. It is sent nowhere. A file that is damaged or
cannot be written is said and stops nothing: the notebook then remembers until it ends.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lthkit.storage import files
from lthkit.storage.records import runs_folder

FORMAT = 1


@dataclass
class Passport:
    """What is remembered. Exercises by id: "passed" or "assisted"; hints given by id; questions by
    id, and whether they were answered right once."""

    passed: dict[str, str] = field(default_factory=dict)
    hints: dict[str, int] = field(default_factory=dict)
    answers: dict[str, bool] = field(default_factory=dict)


_memory: dict[Path, Passport] = {}  # what could not be written
_told: set[str] = set()  # a trouble with the file is told once


def path() -> Path:
    """Where the passport lies: $LTHKIT_PASSPORT, else `passport.json` in the folder of runs."""
    chosen = os.environ.get("LTHKIT_PASSPORT")
    return Path(chosen) if chosen else runs_folder() / "passport.json"


def read(say: Callable[[str], None]) -> Passport:
    """Return the passport, an empty one if there is none. `say` is told when the file is damaged; nothing is raised."""
    where = path()
    try:
        return _memory.get(where) or _parsed(files.read_json(where))
    except (FileNotFoundError, NotADirectoryError):
        return Passport()
    except OSError as error:
        _tell(say, f"The passport {where} cannot be read ({error.strerror}); progress is counted anew.")
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        _tell(say, f"The passport {where} is damaged; progress is counted anew. {_put_aside(where)}")
    return Passport()


def write(passport: Passport, say: Callable[[str], None]) -> None:
    """Write the passport if it changed. `say` is told when that fails; nothing is raised."""
    where = path()
    try:
        files.write_json(where, {"format": FORMAT, **asdict(passport)})
        _memory.pop(where, None)
    except OSError as error:
        _memory[where] = passport
        _tell(
            say,
            f"The passport {where} cannot be written ({error.strerror}); progress is kept until the notebook ends. "
            "Set LTHKIT_PASSPORT to a file that can be written.",
        )


def note_passed(exercise_id: str, assisted: bool, say: Callable[[str], None]) -> None:
    """Remember that an exercise was passed; what was passed before stays as it was."""
    passport = read(say)
    if exercise_id not in passport.passed:
        passport.passed[exercise_id] = "assisted" if assisted else "passed"
        write(passport, say)


def note_hint(exercise_id: str, given: int, say: Callable[[str], None]) -> None:
    """Remember how many hints were given."""
    passport = read(say)
    if passport.hints.get(exercise_id) != given:
        passport.hints[exercise_id] = given
        write(passport, say)


def note_answer(question_id: str, right: bool, say: Callable[[str], None]) -> None:
    """Remember whether a question was answered right; what was right before stays so."""
    passport = read(say)
    if passport.answers.get(question_id) not in (right, True):
        passport.answers[question_id] = right
        write(passport, say)


def _parsed(content: Any) -> Passport:
    """The passport in a JSON value; some error if it is something else."""
    if content.get("format") != FORMAT:
        raise ValueError(f"format {content.get('format')!r}")
    passed = {str(k): v for k, v in content["passed"].items() if v in ("passed", "assisted")}
    hints = {str(k): int(v) for k, v in content["hints"].items()}
    answers = {str(k): bool(v) for k, v in content["answers"].items()}
    return Passport(passed, hints, answers)


def _put_aside(where: Path) -> str:
    """Keep a damaged file beside the new one."""
    aside = where.with_name(where.name + ".damaged")
    try:
        os.replace(where, aside)
    except OSError:
        return ""
    return f"The old file is kept as {aside.name}."


def _tell(say: Callable[[str], None], sentence: str) -> None:
    if sentence not in _told:
        _told.add(sentence)
        say(sentence)
