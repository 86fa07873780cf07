"""The house stands: a room imports only from floors below its own, and what `lthkit` has needs no notebook."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "lthkit"

# One number a room, ground is 1. What has no room of its own is one file on a floor. CONTRIBUTING.md has it in words.
FLOORS: dict[str, int] = {
    "machine": 1,
    "storage": 2,
    "moved": 1,
    "attention": 1,
    "models": 3,
    "data": 3,
    "pruning": 3,
    "training": 4,
    "export": 4,
    "evidence": 5,
    "ledger": 6,
    "tickets": 6,
    "plots": 6,
    "classroom": 6,
    "cells": 7,
    "runs": 8,
    "sweeps": 9,
    "pictures": 9,
    "bench": 10,
    "explore": 10,
    "site": 10,
    "commands": 11,
    "__main__": 12,
}
CONTENTS = PACKAGE / "__init__.py"  # the table of contents, the one file that may name every floor


def modules() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py") if "_data" not in p.parts)


def dotted(path: Path) -> str:
    """pruning/masks.py is `pruning.masks`, the face of a room, pruning/__init__.py, is `pruning`."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


FILES = {dotted(path): path for path in modules() if path != CONTENTS}


def room_of(name: str) -> str:
    return name.partition(".")[0]


def imports(path: Path, tree: ast.AST | None = None) -> Iterator[tuple[int, str]]:
    """Line and file, as `dotted`, of all that a file imports: in functions and under TYPE_CHECKING too."""
    package = ["lthkit", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(tree or ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *filter(None, [node.module])])
            names = [f"{stem}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            names = [str(a.value) for a in node.args[:1] if isinstance(a, ast.Constant)]
        for name in names:
            if name == "lthkit" or name.startswith("lthkit."):
                yield getattr(node, "lineno", 0), _file(name.partition(".")[2])


def _file(name: str) -> str:
    """The file in which a dotted name lies: `pruning.masks.Mask` in `pruning.masks`, `train` in the table of contents, ""."""
    while name and name not in FILES:
        name = name.rpartition(".")[0]
    return name


def violations(path: Path, tree: ast.AST | None = None) -> list[str]:
    """Imports of the same floor or a higher one; inside a room every file may be asked, one way (see below)."""
    if path == CONTENTS:
        return []
    own = room_of(dotted(path))
    found = []
    for line, other in imports(path, tree):
        below = room_of(other) == own or (other and FLOORS[room_of(other)] < FLOORS[own])
        if not below and not (own == "__main__" and not other):
            what = f"lthkit.{other}" if other else "lthkit itself, which imports every floor"
            found.append(f"lthkit/{path.relative_to(PACKAGE).as_posix()}:{line} imports {what}")
    return found


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Files that import one another in a ring, or none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("path", modules(), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_a_module_imports_only_from_lower_floors(path: Path) -> None:
    assert path == CONTENTS or room_of(dotted(path)) in FLOORS, "add the room to FLOORS"
    assert violations(path) == []


def test_no_file_imports_itself_through_others() -> None:
    """Inside a room files use each other one way; a room's face is imported by nobody in it."""
    graph = {name: {other for _, other in imports(path)} - {""} for name, path in FILES.items()}
    assert circle(graph) == []
    assert circle(graph | {"pruning.masks": {"pruning.selection"}}), "a planted circle is not seen"
    assert circle(graph | {"pruning.scores": {"pruning"}}), (
        "a file that imports its own room's face is not seen"
    )


def test_the_table_names_no_room_that_is_gone() -> None:
    assert sorted(set(FLOORS) - {room_of(name) for name in FILES}) == []
    assert min(FLOORS.values()) == 1


LAZY = "__getattr__, __dir__ = on_first_use(__name__)"  # beside the imports of a face that imports when asked


def lines_of(face: ast.Module) -> Iterator[ast.stmt]:
    """The statements of a face; those under `if TYPE_CHECKING:` too, if what is beside them looks them up."""
    for node in face.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            if [ast.unparse(line) for line in node.orelse] == [LAZY]:
                yield from node.body
                continue
        yield node


def test_a_face_is_a_table_of_contents() -> None:
    """A room's `__init__.py` holds imports and `__all__`, and no name that is that of another file in the room."""
    faces = {name: path for name, path in FILES.items() if path.name == "__init__.py"}
    assert {"machine", "training", "classroom.exercises"} <= set(faces)
    for name, path in faces.items():
        lines = list(lines_of(ast.parse(path.read_text(encoding="utf-8"))))
        for node in lines:
            said = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            listed = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
            assert said or listed or isinstance(node, ast.ImportFrom), (
                f"{path}:{node.lineno} defines something"
            )
        for node in lines:
            for alias in node.names if isinstance(node, ast.ImportFrom) else ():
                brought = alias.asname or alias.name
                assert f"{name}.{brought}" not in FILES or node.module == f"lthkit.{name}", (
                    f"{path.relative_to(PACKAGE)} brings {brought}, which hides the file {name}.{brought}"
                )


@pytest.mark.parametrize(
    "beside", ["pass", "__getattr__ = print", f"{LAZY}\n    x = 1", LAZY.replace("__name__", "'lthkit'")]
)
def test_a_face_that_imports_when_asked_holds_nothing_else(beside: str) -> None:
    """Catches: logic in a face, or names that mypy sees and nobody can import."""
    face = "if TYPE_CHECKING:\n    from lthkit.machine.tables import Table\nelse:\n    "
    assert any(isinstance(node, ast.If) for node in lines_of(ast.parse(face + beside)))
    assert all(isinstance(node, ast.ImportFrom) for node in lines_of(ast.parse(face + LAZY)))


@pytest.mark.parametrize(
    "code",
    [
        "from lthkit.training import train",
        "from lthkit import training",
        "import lthkit.training",
        "import lthkit.training as t",
        "from ..training import train",
        "from .. import training",
        "from lthkit.training.loop import train",
        "import lthkit as lth",
        "from lthkit import *",
        "from lthkit import train",
        "def f():\n    from lthkit.training import train",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from lthkit.training import train",
        "import importlib\nimportlib.import_module('lthkit.training')",
        "from lthkit.models import lenet_300_100",  # the same floor
    ],
)
def test_every_way_up_is_seen(code: str) -> None:
    assert violations(PACKAGE / "pruning" / "masks.py", ast.parse(code))
    fine = "import os, torch\nfrom lthkit.storage import files\nfrom lthkit.pruning import selection"
    assert not violations(PACKAGE / "pruning" / "masks.py", ast.parse(fine))


def python(code: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONWARNINGS"}
    environment["PYTHONPATH"] = str(PACKAGE.parent)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_lthkit_loads_no_notebook_and_no_torchvision() -> None:
    heavy = {
        "IPython",
        "ipykernel",
        "ipywidgets",
        "jupyter_client",
        "jupyterlab",
        "jupytext",
        "nbclient",
        "nbformat",
    }
    heavy |= {"matplotlib", "torchvision", "tqdm", "PIL", "notebook", "nbgrader"}
    loaded = (
        "import sys, torch; before = set(sys.modules)\nimport lthkit\n"
        "for name in {*lthkit.__all__} - {'bench', 'classroom', 'explore', 'pictures', 'plots'}: getattr(lthkit, name)\n"
        "print(*set(sys.modules) - before)"
    )
    ours = {name.split(".")[0] for name in python(loaded).split()}  # torch may load what it likes (tqdm, say)
    assert "lthkit" in ours and not ours & heavy


def test_checking_and_building_load_without_their_tools() -> None:
    hide = "import sys; sys.modules.update(dict.fromkeys(['jupytext', 'nbformat', 'nbclient', 'IPython']))\n"
    assert python(hide + "import lthkit.classroom, lthkit.classroom.build as b; print(b.check_build)")
