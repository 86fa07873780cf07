"""Submissions for the tests of grading: a course of one short lesson, and what students make of it."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from lthkit.classroom.exercises import find
from lthkit.classroom.grading.course import Course

ROOT = Path(__file__).resolve().parents[1]
LESSON = "05_winning_tickets"

HELPERS = """\
import math
from itertools import takewhile as leading

TOLERANCE = 0.005

def drawn(w, generator):
    return torch.randn(w.shape, generator=generator) * w.std()
"""
RIGHT = {
    "05.1": """\
def reinitialised_weights(theta_0, mask, seed):
    # a helper, from another cell
    generator = torch.Generator().manual_seed(seed)
    new = {}
    for name, w in theta_0.items():
        new[name] = drawn(w, generator)
        if name in mask:
            new[name][~mask[name]] = 0
    return new
""",
    "05.2": """\
def matching_density(densities, ticket, dense):
    matching = leading(lambda pair: pair[1] >= dense - TOLERANCE, zip(densities, ticket))
    return min((d for d, _ in matching), default=1.0)
""",
    "05.3": """\
def early_stop_step(steps, losses, patience):
    best = 0
    for i, loss in enumerate(losses):
        if loss < losses[best]:
            best = i
        elif steps[i] - steps[best] >= patience and i > 0:
            break
    return steps[best]
""",
    "05.4": """\
def smallest_safe_density(differences, largest):
    found = None
    for density in sorted(differences):
        if density <= largest and found is None and evidence.interval(differences[density]).low >= 0:
            found = density
    return found
""",
}
WRONG = {
    "05.1": RIGHT["05.1"].replace(
        "generator = torch.Generator().manual_seed(seed)", "generator = torch.Generator().manual_seed(0)"
    ),
    "05.2": "def matching_density(densities, ticket, dense):\n    return min((d for d, a in zip(densities, ticket) if a >= dense - 0.005), default=1.0)\n",
    "05.3": "def early_stop_step(steps, losses, patience):\n    return steps[losses.index(min(losses))]\n",
    "05.4": "def smallest_safe_density(differences, largest):\n    return min((d for d, v in differences.items() if sum(v) / len(v) >= 0 and d <= largest), default=None)\n",
}
LOOP = "def early_stop_step(steps, losses, patience):\n    while True:\n        pass\n"
LEAVE = "import os\n\ndef reinitialised_weights(theta_0, mask, seed):\n    os._exit(3)\n"
TALK = (
    "def matching_density(densities, ticket, dense):\n    print('x' * 1_000_000)\n"
    + RIGHT["05.2"].split("\n", 1)[1]
)
WARN = (
    "import sys, warnings\n\ndef matching_density(densities, ticket, dense):\n    warnings.warn('old')\n"
    "    print('careful', file=sys.stderr)\n" + RIGHT["05.2"].split("\n", 1)[1]
)
SNOOP = """\
def matching_density(densities, ticket, dense):
    import json, os, pathlib
    for start in (".", "..", "../..", os.path.expanduser("~"), {course!r}, {course!r} + "/submitted"):
        for path in pathlib.Path(start).rglob("*.ipynb"):
            for cell in json.loads(path.read_text())["cells"]:
                text = "".join(cell["source"])
                if "def matching_density" in text and "raise" not in text and "pathlib" not in text:
                    space = {{}}
                    exec(text, space)
                    return space["matching_density"](densities, ticket, dense)
    raise LookupError("nobody to copy from")
"""
THIEF = """\
def early_stop_step(steps, losses, patience):
    import json
    with open({course!r} + "/course.json") as file:
        seed = json.load(file)["seed"]
    return seed
"""


def course_root(folder: Path) -> Path:
    """A course whose lesson 05 has its exercises, checks and imports, and none of its trainings."""
    for edition in ("notebooks", "solutions"):
        notebook = json.loads((ROOT / edition / f"{LESSON}.ipynb").read_text(encoding="utf-8"))
        kept = []
        for cell in notebook["cells"]:
            text = "".join(cell["source"])
            if "exercise" in cell["metadata"] or text.startswith(
                ("check(", "# ### Exercise", "### Exercise")
            ):
                kept.append(cell)
            elif "_ = use(" in text or "import evidence" in text or "import torch" in text:
                lines = [
                    line
                    for line in text.split("\n")
                    if line.startswith(("import", "from")) or "_ = use(" in line
                ]
                kept.append({**cell, "source": "\n".join(lines).splitlines(keepends=True)})
        for cell in kept:
            if cell["cell_type"] == "code":
                cell.update(outputs=[], execution_count=None)
        (folder / edition).mkdir(parents=True)
        (folder / edition / f"{LESSON}.ipynb").write_text(
            json.dumps({**notebook, "cells": kept}), encoding="utf-8"
        )
    return folder


def code(text: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": text,
        "id": f"x{abs(hash(text))}"[:12],
    }


def filled(release: dict[str, Any], answers: dict[str, str], *, helpers: str = HELPERS) -> dict[str, Any]:
    """The release with answers in the cells of their exercises, and the helpers in a cell of the student's own."""
    made = copy.deepcopy(release)
    for cell in made["cells"]:
        if (e := cell["metadata"].get("exercise")) in answers:
            cell["source"] = answers[e]
    return {**made, "cells": [code(helpers), *made["cells"]]}


def hand_in(course: Course, folder: Path, students: dict[str, str]) -> Path:
    """Right submissions, each with a time as nbgrader writes it ("" for none)."""
    release = json.loads(course.path("release", LESSON, f"{LESSON}.ipynb").read_text(encoding="utf-8"))
    for student, at in students.items():
        (folder / student).mkdir(parents=True)
        (folder / student / f"{LESSON}.ipynb").write_text(
            json.dumps(filled(release, RIGHT)), encoding="utf-8"
        )
        if at:
            local = datetime.fromisoformat(at).astimezone()
            (folder / student / "timestamp.txt").write_text(
                local.strftime("%Y-%m-%d %H:%M:%S %z"), encoding="utf-8"
            )
    return folder


def hard_coded() -> str:
    """05.2 answered with a table of the visible cases."""
    exercise = find("05.2")
    table = {repr(case.arguments): exercise.reference(*case.arguments) for case in exercise.cases}
    return (
        f"TABLE = {table!r}\n\ndef matching_density(densities, ticket, dense):\n"
        "    return TABLE.get(repr((densities, ticket, dense)), 1.0)\n"
    )


def sixteen(release: dict[str, Any], course: Path) -> dict[str, bytes]:
    """Submissions by student, as the bytes of their notebooks."""
    right = filled(release, RIGHT)

    def but(**other: str) -> dict[str, Any]:
        return filled(release, RIGHT | {k.replace("_", "."): v for k, v in other.items()})

    def cells(keep: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        return {**right, "cells": [c for c in right["cells"] if keep(c)]}

    stripped = copy.deepcopy(right)
    stripped["metadata"] = {"colab": {"provenance": []}}
    stripped["nbformat_minor"] = 0
    for cell in stripped["cells"]:
        cell.pop("id", None)
        cell["metadata"] = {"collapsed": False}
        if cell["cell_type"] == "code":
            cell["execution_count"] = 7
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["passed\n"]}]
    top = 'import time\nprint("x" * 1_000_000)\nmatching_density([0.5], [0.9], 0.9)\n'
    notebooks = {
        "right": right,
        "wrong": filled(release, WRONG),
        "blank": release,
        "half": filled(release, {"05.1": RIGHT["05.1"], "05.2": RIGHT["05.2"], "05.3": WRONG["05.3"]}),
        "stripped": stripped,
        "reordered": {**right, "cells": right["cells"][::-1]},
        "deleted": cells(
            lambda c: "check(" not in "".join(c["source"]) and "grade_cell" not in "".join(c["source"])
        ),
        "renamed": but(**{"05_2": RIGHT["05.2"].replace("def matching_density", "def matching_densities")}),
        "loop": {
            **(looping := but(**{"05_3": LOOP})),
            "cells": [*looping["cells"], code("while True:\n    pass")],
        },
        "leave": but(**{"05_1": LEAVE}),
        "megabyte": {**(talking := but(**{"05_2": TALK})), "cells": [*talking["cells"], code(top)]},
        "warns": but(**{"05_2": WARN}),
        "snoop": but(**{"05_2": SNOOP.format(course=str(course)), "05_3": THIEF.format(course=str(course))}),
        "table": but(**{"05_2": hard_coded()}),
        "syntax": but(**{"05_4": RIGHT["05.4"].replace("found = None", "found = (")}),
    }
    found = {name: json.dumps(notebook).encode() for name, notebook in notebooks.items()}
    found["broken"] = found["right"][: len(found["right"]) // 2]
    return found


def exported(notebook: bytes) -> bytes:
    """A notebook as the .py file that Jupyter exports."""
    parts = ["#!/usr/bin/env python\n# coding: utf-8\n"]
    for cell in json.loads(notebook)["cells"]:
        text = "".join(cell["source"])
        parts.append(
            "# In[ ]:\n\n\n" + text
            if cell["cell_type"] == "code"
            else "".join(f"# {x}\n" for x in text.split("\n"))
        )
    return "\n\n".join(parts).encode()


def mixed(release: dict[str, Any], number: int, *, seed: int = 0) -> dict[str, bytes]:
    """Any number of submissions, each a draw of right, wrong, blank and troublesome answers, some of them damaged."""
    rng = random.Random(seed)
    made = {}
    for i in range(number):
        answers = {}
        for e in RIGHT:
            kind = rng.choices(("right", "wrong", "blank", "trouble"), (60, 25, 10, 5))[0]
            if kind in ("right", "wrong"):
                answers[e] = (RIGHT if kind == "right" else WRONG)[e]
            elif kind == "trouble":
                answers[e] = {"05.1": LEAVE, "05.2": TALK, "05.3": LOOP, "05.4": "def broken(:\n"}[e]
        notebook = filled(release, answers)
        if rng.random() < 0.2:
            rng.shuffle(notebook["cells"])
        content = json.dumps(notebook).encode()
        made[f"student{i:03}"] = content[: len(content) // 3] if rng.random() < 0.02 else content
    return made
