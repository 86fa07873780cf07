"""Where the modules of lthkit 0.1 are now. An old name is no second name: importing it says what to write instead."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from typing import Any

# `data`, `pruning`, `training`, `tickets` and `export` are rooms now: `from lthkit.training import train` is as it was.
MOVED = {
    **dict.fromkeys(("analysis",), "evidence"),
    **{name: f"machine.{name}" for name in ("checks", "devices", "seeds", "tiers")},
    **{name: f"storage.{name}" for name in ("files", "folders", "records", "snapshots")},
    **{name: f"pruning.{name}" for name in ("channels", "masks", "scores")},
    **{name: f"training.{name}" for name in ("checkpoints", "choices", "engine", "evaluation", "gradients")},
    **{name: f"training.{name}" for name in ("history", "optimizers", "recipes", "replicates", "stacks")},
    **{name: f"evidence.{name}" for name in ("costs", "mode_connectivity")},
    **{name: f"runs.{name}" for name in ("experiments", "report")},
    **{name: f"tickets.{name}" for name in ("hybrid", "rounds")},
    "collapse": "evidence.layer_collapse",
    "doctor": "commands.doctor",
    "early_bird": "tickets.early_bird_search",
    "sources": "data.sources",
    "sweep": "training",
}


def explained(old: str) -> str:
    """What to say of a module name of before, such as "analysis"."""
    new = MOVED[old]
    room, _, name = new.rpartition(".")
    how = f"from lthkit.{room} import {name}" if room else f"from lthkit import {new}"
    again = "" if name == old else f" as {old}"
    return (
        f"lthkit.{old} is lthkit.{new} since lthkit 0.2. Write `{how}{again}`; in a notebook of your own, "
        "`lthkit start NN --update` rewrites such lines."
    )


def rewritten(code: str) -> str:
    """Python code with the module names of before replaced: import lines, and `lth.analysis.` where lthkit is `lth`.

    Imports keep the name that the rest of the code uses: `from lthkit import analysis` becomes
    `from lthkit import evidence as analysis`. Everything else stays to the letter.
    """
    return "".join(_rewritten_line(line) for line in code.splitlines(keepends=True))


def _rewritten_line(line: str) -> str:
    code, ending = line.rstrip("\r\n"), line[len(line.rstrip("\r\n")) :]
    if found := re.fullmatch(r"(\s*)from lthkit import ([\w\s,]+?)(\s*(?:#.*)?)", code):
        return "\n".join(_imports(*found.groups())) + ending
    code = re.sub(r"(?<=\bfrom lthkit\.)(\w+)(?= +import\b)", lambda m: MOVED.get(m[0], m[0]), code)
    code = re.sub(r"(?<=\bimport lthkit\.)(\w+)(?= +as\b)", lambda m: MOVED.get(m[0], m[0]), code)
    code = re.sub(r"(?<=\blth\.)(\w+)(?=\.)", lambda m: _ATTRIBUTES.get(m[0], m[0]), code)
    return code + ending


# Which of them the table of contents still has (`lth.costs`), or has in the room's own face.
_ATTRIBUTES = {
    old: new.partition(".")[0] if new.partition(".")[0] in ("storage",) else new for old, new in MOVED.items()
}
_ATTRIBUTES.pop("costs")


def _imports(indent: str, names: str, comment: str) -> list[str]:
    kept, lines = [], []
    for each in filter(None, (part.strip() for part in names.split(","))):
        name, _, alias = (part.strip() for part in each.partition(" as "))
        room, _, module = MOVED.get(name, name).rpartition(".")
        if not room and module == name:
            kept.append(each)
            continue
        again = alias or ("" if module == name else name)
        lines.append(
            f"{indent}from lthkit{'.' * bool(room)}{room} import {module}{f' as {again}' if again else ''}"
        )
    if kept:
        lines.insert(0, f"{indent}from lthkit import {', '.join(kept)}")
    lines[-1] += comment
    return lines


class _Finder(MetaPathFinder):
    """Asked last, when no module of that name was found."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: Any = None) -> None:
        package, _, old = fullname.partition(".")
        if package == "lthkit" and old in MOVED:
            raise ImportError(explained(old), name=fullname)


def explain_imports() -> None:
    """From here on an import of a module's old name says the new one."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
