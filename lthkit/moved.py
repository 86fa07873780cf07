"""Where the modules of lthkit 0.1 are now. An old name is no second name: importing it says what to write instead.

How a student's own older notebook is rewritten is in `classroom/older_copies.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

# `data`, `pruning`, `training`, `tickets` and `export` are rooms now: `from lthkit.training import train` is as it was.
MOVED = {
    **{name: f"machine.{name}" for name in ("checks", "devices", "seeds", "tiers")},
    **{name: f"storage.{name}" for name in ("files", "folders", "records", "snapshots")},
    **{name: f"pruning.{name}" for name in ("channels", "masks", "scores")},
    **{name: f"training.{name}" for name in ("checkpoints", "choices", "engine", "evaluation", "gradients")},
    **{name: f"training.{name}" for name in ("history", "optimizers", "recipes", "replicates", "stacks")},
    **{name: f"evidence.{name}" for name in ("costs", "mode_connectivity")},
    **{name: f"tickets.{name}" for name in ("hybrid", "rounds")},
    **{name: f"runs.{name}" for name in ("experiments", "report")},
    "analysis": "evidence",
    "collapse": "evidence.layer_collapse",
    "doctor": "commands.doctor",
    "early_bird": "tickets",
    "sources": "data.sources",
    "sweep": "training",
}


def explained(old: str) -> str:
    """What to say of a module name of before, such as "analysis"."""
    return (
        f"lthkit.{old} is lthkit.{MOVED[old]} since lthkit 0.2. Write `{instead(old)}`; in your own copy of a lesson, "
        "`lthkit start NN --update` rewrites such lines."
    )


def instead(old: str, name: str = "") -> str:
    """The import that binds what `from lthkit import old` did, under the same name or under `name`."""
    room, _, module = MOVED[old].rpartition(".")
    name = name or old
    return f"from lthkit{'.' * bool(room)}{room} import {module}" + (f" as {name}" if name != module else "")


class _Finder:
    """Asked last, when no module of that name was found. Its base class, in `importlib.abc`, would cost more than `import lthkit`."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: Any = None) -> None:
        package, _, old = fullname.partition(".")
        if package == "lthkit" and old in MOVED:
            raise ImportError(explained(old), name=fullname)


def explain_imports() -> None:
    """From here on an import of a module's old name says the new one."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
