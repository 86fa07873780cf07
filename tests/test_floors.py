"""The house stands: a module imports only from floors below its own, and `import lthkit` needs no notebook."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "lthkit"

# Ground first. Who adds a module adds it here, to the lowest floor that it can stand on.
FLOORS: dict[str, int] = {
    # under the cellar: what is refused in the same words everywhere
    "checks": -3,
    # the cellar: about files and the machine, knows nothing of networks
    "files": -2,
    "devices": -2,
    "tiers": -2,
    "seeds": -2,
    # about files too, but of one kind: those that hold data sets
    "sources": -1,
    "records": 0,
    "masks": 0,
    "models": 0,
    "data": 0,
    "choices": 0,
    "folders": 1,
    "snapshots": 1,
    "scores": 1,
    "pruning": 1,
    "optimizers": 1,
    "gradients": 1,
    "stacks": 1,
    "costs": 1,
    "evaluation": 1,
    "export": 1,
    "recipes": 2,
    "channels": 2,
    "checkpoints": 2,
    "collapse": 2,
    # one update, one training, several at once, whole methods
    "engine": 3,
    "history": 3,
    "training": 4,
    "mode_connectivity": 5,
    "replicates": 5,
    "rounds": 5,
    "tickets": 6,
    "hybrid": 7,
    "analysis": 6,
    "sweep": 6,
    "early_bird": 7,
    "experiments": 7,
    "plots": 7,
    "bench": 7,
    "report": 8,
    "explore": 8,
    # beside the house
    "classroom": 8,
    "doctor": 9,
    "commands": 10,
    "__main__": 11,
}
# Within a floor or a folder an order may be needed; it is named here, pair by pair, and goes one way.
WITHIN = {
    ("bench", "bench"),
    ("export", "export"),
    ("plots", "plots"),
    ("classroom", "classroom"),
    ("commands", "commands"),
}
EXEMPT = {"__init__"}  # lthkit/__init__.py is the table of contents


def modules() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py") if "_data" not in p.parts)


def top_name(path: Path) -> str:
    """masks.py is `masks`; all of classroom/ is `classroom`."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path, tree: ast.AST | None = None) -> Iterator[tuple[int, str]]:
    """Line and name, below lthkit, of all that a file imports: in functions and under TYPE_CHECKING too."""
    package = ["lthkit", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(tree or ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *filter(None, [node.module])])
            # `from lthkit import masks` imports a module, `from lthkit.masks import Mask` a name in it
            names = [f"{stem}.{alias.name}" for alias in node.names] if stem == "lthkit" else [stem]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            names = [str(a.value) for a in node.args[:1] if isinstance(a, ast.Constant)]
        for name in names:
            if name == "lthkit" or name.startswith("lthkit."):
                yield getattr(node, "lineno", 0), name.partition(".")[2].partition(".")[0]


def violations(path: Path, tree: ast.AST | None = None) -> list[str]:
    own = top_name(path)
    found = []
    for line, other in imports(path, tree):
        allowed = own in EXEMPT or (own, other) in WITHIN or (other in FLOORS and FLOORS[other] < FLOORS[own])
        if not allowed and not (own == "__main__" and other in ("", "__version__")):
            what = f"lthkit.{other}" if other else "lthkit itself, which imports every floor"
            found.append(f"lthkit/{path.relative_to(PACKAGE).as_posix()}:{line} imports {what}")
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_a_module_imports_only_from_lower_floors(path: Path) -> None:
    assert top_name(path) in FLOORS or top_name(path) in EXEMPT, "add the module to FLOORS"
    assert violations(path) == []


def test_the_table_names_no_module_that_is_gone() -> None:
    assert sorted(set(FLOORS) - {top_name(p) for p in modules()}) == []


@pytest.mark.parametrize(
    "code",
    [
        "from lthkit.training import train",
        "from lthkit import training",
        "import lthkit.training",
        "import lthkit.training as t",
        "from .training import train",
        "from . import training",
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
    assert violations(PACKAGE / "masks.py", ast.parse(code))
    assert not violations(PACKAGE / "masks.py", ast.parse("import os, torch\nfrom lthkit import files"))


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
    loaded = "import sys, torch; before = set(sys.modules)\nimport lthkit; print(*set(sys.modules) - before)"
    ours = {name.split(".")[0] for name in python(loaded).split()}  # torch may load what it likes (tqdm, say)
    assert "lthkit" in ours and not ours & heavy


def test_checking_and_building_load_without_their_tools() -> None:
    hide = "import sys; sys.modules.update(dict.fromkeys(['jupytext', 'nbformat', 'nbclient', 'IPython']))\n"
    assert python(hide + "import lthkit.classroom, lthkit.classroom.build as b; print(b.check_build)")
