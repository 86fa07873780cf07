"""What students really hand in: one row a kind, each a whole file as it came, with the grades that it should get.

Rows stand in `wild_cells.py` (how cells are read) and `wild_needs.py` (what comes along with an answer).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.submissions import RIGHT, code, filled

EXERCISES = tuple(RIGHT)
PASSED = dict.fromkeys(EXERCISES, "passed")

Release = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One file of one student.

    `name` says what is special about it and is the student's name too; `content` makes the file from the released lesson;
    `states` are the exercises that do not pass, by state; `noted` are pieces of what the instructor is told; `told` are
    pieces of what the student reads, by exercise.
    """

    name: str
    content: Callable[[Release], bytes]
    file: str = "notebook.ipynb"
    states: Mapping[str, str] = field(default_factory=dict)
    noted: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)


def answered(*before: str, after: tuple[str, ...] = (), **answers: str) -> Callable[[Release], bytes]:
    """A notebook with right answers and the helpers that they need; `e05_2=` replaces one, or leaves it out if "".

    Args:
        before, after: cells of the student's own, before and after the lesson's.
        answers: the text of an exercise's cell, such as `e05_2="def matching_density(...): ..."`.
    """

    def made(release: Release) -> bytes:
        given = RIGHT | {name[1:].replace("_", "."): text for name, text in answers.items()}
        notebook = filled(release, {e: text for e, text in given.items() if text})
        cells = [*map(code, before), *notebook["cells"], *map(code, after)]
        return json.dumps({**notebook, "cells": cells}, ensure_ascii=False).encode()

    return made


def text(content: str) -> Callable[[Release], bytes]:
    """A file of this text."""
    return lambda release: content.encode()
