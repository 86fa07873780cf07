"""A student's own notebook from lthkit 0.1: its import lines get the names of today, everything else stays as it is."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from lthkit.moved import MOVED, instead
from lthkit.storage import files

_IMPORT = re.compile(
    r"^(?P<indent>[ \t]*)from[ \t]+lthkit(?:\.(?P<old>\w+))?[ \t]+import[ \t]+(?P<names>\([^)]*\)|[^\n#(]+)",
    re.MULTILINE,
)
_MODULE = re.compile(
    r"(?P<before>^[ \t]*import[ \t]+)lthkit\.(?P<old>\w+)(?P<after>[ \t]+as\b)", re.MULTILINE
)
_MARK = (
    '(p / "lthkit" / "tiers.py")',
    '(p / "lthkit" / "py.typed")',
)  # by which the set-up cell knows a checkout
_ATTRIBUTE = re.compile(r"\blth\.(?P<old>\w+)\.(?P<name>\w+)")


def rewritten(code: str) -> str:
    """Python code with the module names of before replaced; what it does not know it leaves to the letter.

    Imports keep the name that the rest of the code uses: `from lthkit import analysis` becomes
    `from lthkit import evidence as analysis`. `lth.sweep.each` becomes `lth.training.each`.
    """
    code = code.replace(*_MARK)
    code = _IMPORT.sub(_import, code)
    code = _MODULE.sub(lambda m: f"{m['before']}lthkit.{MOVED.get(m['old'], m['old'])}{m['after']}", code)
    return _ATTRIBUTE.sub(_attribute, code)


def lines_to_rewrite(notebook: Path) -> int:
    """How many lines of code `update` would change; 0 also for a file that is no notebook."""
    try:
        cells = _code(json.loads(notebook.read_text(encoding="utf-8")))
        codes = ["".join(cell["source"]) for cell in cells]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return 0
    pairs = [(old, rewritten(old)) for old in codes]
    return sum(len(set(old.splitlines()) - set(new.splitlines())) for old, new in pairs)


def update(notebook: Path) -> Path:
    """Rewrite a notebook; return where the one of before is kept, beside it.

    Raises:
        files.DamagedFile: it is no notebook. Nothing was changed.
        files.CannotWrite: the folder cannot be written.
    """
    before = notebook.read_bytes()
    try:
        content = json.loads(before)
        for cell in _code(content):
            text = rewritten("".join(cell["source"]))
            cell["source"] = text.splitlines(keepends=True)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise files.DamagedFile(f"{notebook} is no notebook ({error}); it stays as it is.") from None
    kept, n = notebook.with_name(f"{notebook.stem}-before.ipynb"), 1
    while kept.exists():
        n += 1
        kept = notebook.with_name(f"{notebook.stem}-before-{n}.ipynb")
    files.write_bytes(kept, before)
    files.write_text(notebook, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return kept


def _code(notebook: dict[str, list[dict[str, str]]]) -> Iterator[dict[str, str | list[str]]]:
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            yield cell  # type: ignore[misc]


def _import(found: re.Match[str]) -> str:
    """One import statement; a name may bring a line of its own."""
    old, written = found["old"], found["names"]
    names = [part.strip() for part in written.strip("() \t\n").split(",") if part.strip()]
    groups: dict[str, list[str]] = {}
    lines = []
    for each in names:
        name, _, alias = (part.strip() for part in each.partition(" as "))
        if old is None and name in MOVED:
            lines.append(instead(name, alias))
        else:
            module = "" if old is None else f".{_place(old, name)}"
            groups.setdefault(module, []).append(each)
    if list(groups) == [f".{old}" if old else ""] and not lines:
        return found[0]
    ending = found[0][len(found[0].rstrip(" \t")) :]  # what stands before a comment
    lines = [f"from lthkit{module} import {', '.join(part)}" for module, part in groups.items()] + lines
    return "\n".join(found["indent"] + line for line in lines) + ending


def _attribute(found: re.Match[str]) -> str:
    old, name = found["old"], found["name"]
    return found[0] if old == "costs" else f"lth.{_place(old, name)}.{name}"  # `lth.costs` is as before


def _place(old: str, name: str) -> str:
    """The module, below lthkit, in which `name` of the old module is now: the room's face if that has it."""
    if old not in MOVED:
        return old
    room = MOVED[old].partition(".")[0]
    return room if name in getattr(importlib.import_module(f"lthkit.{room}"), "__all__", ()) else MOVED[old]
