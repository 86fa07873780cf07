"""An audit of one cell: its chain as a search where it keeps one, and what its levels say where it does not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from lthkit.cells import folders
from lthkit.cells.cells import DENSE, DENSE_LEVEL, TICKET, Level
from lthkit.evidence import checks
from lthkit.evidence.findings import Finding, cannot_tell, fails, holds, together
from lthkit.evidence.record_checks import not_shuffled, seeds_said
from lthkit.pruning.masks import Mask
from lthkit.runs.asked import CONTROLS
from lthkit.runs.remade import Given
from lthkit.runs.search_audits import audit_search
from lthkit.runs.searched import Searched, read_cell
from lthkit.storage import files
from lthkit.storage.folders import read_config
from lthkit.storage.owners import RunMismatch, canonical
from lthkit.storage.records import Row

Levels = Mapping[str, tuple[Row, Mask | None]]  # by name of the level
_MEASURED = ("test_accuracy", "test_metric", "validation_loss", "best_step")


def audit_cell(
    folder: Path, config: Mapping[str, Any], given: Given, *, replay: bool = False
) -> dict[str, Finding]:
    """Findings by item of one cell; of seeds what the cells beside it say."""
    levels, problem = _levels(folder)
    search = read_cell(folder)
    found = audit_search(search, given=given, replay=replay)
    if len(search.rounds) <= 1:
        found = {item: own for item, own in found.items() if item not in ("nested", "empty", "density")}
        found |= _of_masks(levels, config)
    found["record"] = _record(search, levels, problem, found["record"])
    found["test"] = _tested(levels) if not search.rounds else found["test"]
    found["seeds"] = _seeds(folder, config)
    found["controls"] = _controls(levels)
    return found


def _levels(folder: Path) -> tuple[Levels, str]:
    """Rows and masks of the levels that can be read, and what is wrong with the first that cannot."""
    found: dict[str, tuple[Row, Mask | None]] = {}
    problem = ""
    for name in folders.level_names(folder):
        try:
            if (row := folders.published_row(folder, name)) is not None:
                found[name] = row, None if row["outcome"] else folders.load_mask(folder, _level(name))
        except (files.DamagedFile, RunMismatch, FileNotFoundError) as error:
            problem = problem or " ".join(str(error).split())
    return found, problem


def _level(name: str) -> Level:
    """The level of this name."""
    found = re.fullmatch(r"(.+)-(round|density)-(.+)", name)
    if found is None:
        return DENSE_LEVEL
    arm, kind, where = found.groups()
    return Level(round=int(where), arm=arm) if kind == "round" else Level(density=float(where), arm=arm)


def _record(search: Searched, levels: Levels, problem: str, of_search: Finding) -> Finding:
    if problem:
        return fails("record", problem)
    if of_search.verdict == "fails":
        return of_search
    if not levels:
        return cannot_tell("record", f"{search.folder.name} has no finished level yet.")
    for name, (row, mask) in levels.items():
        if mask is not None and mask.density != row["density"]:
            return fails(
                "record",
                f"The mask of {name} keeps {mask.density:.6f} of the weights, and its row says {row['density']:.6f}.",
            )
    for this in search.rounds:
        row = levels[search.names[this.round]][0]
        if (row["validation_loss"], row["steps"]) != (this.result.validation_loss, this.result.steps):
            return fails("record", f"The row of {search.names[this.round]} is not that of its round.")
    kept = ", ".join(search.names[this.round] for this in search.rounds)
    return holds(
        "record",
        f"{len(levels)} levels are whole, each with its checksum and the mark of this cell: {', '.join(levels)}. "
        + (f"Weights are kept of {kept}." if kept else "Weights are not kept here."),
    )


def _of_masks(levels: Levels, config: Mapping[str, Any]) -> dict[str, Finding]:
    """Findings from the masks alone, where no trained weights are kept beside them."""
    masks = {name: (row, mask) for name, (row, mask) in levels.items() if mask is not None and name != DENSE}
    if not masks:
        return {}
    empty = {name: checks.empty(mask) for name, (_, mask) in masks.items() if mask is not None}
    density = {name: _density(row, mask, config) for name, (row, mask) in masks.items() if mask is not None}
    return {"empty": together("empty", empty), "density": together("density", density)}


def _density(row: Row, mask: Mask, config: Mapping[str, Any]) -> Finding:
    """The mask keeps the fraction that was asked for; each cut of each tensor is rounded to whole weights."""
    asked = row["density"] if row.get("asked") is None else row["asked"]
    rounded = len(mask) * (config.get("rounds") or 1)
    words = (
        f"{mask.kept:,} of {mask.total:,} weights stay, and {100 * asked:.4g} % are {asked * mask.total:,.1f}"
    )
    return (holds if abs(mask.kept - asked * mask.total) <= rounded else fails)("density", f"{words}.")


def _tested(levels: Levels) -> Finding:
    trained = [name for name, (row, _) in levels.items() if not row["outcome"]]
    if not trained:
        return cannot_tell("test", "Nothing was trained to its end yet.")
    return holds(
        "test", f"One reading of the test split for each of {len(trained)} trainings, as their rows have it."
    )


def _seeds(folder: Path, config: Mapping[str, Any]) -> Finding:
    """The same cell with other seeds, in the folders beside it."""
    own = canonical({key: value for key, value in config.items() if key != "seed"})
    starts: dict[int, str | None] = {}
    for path in sorted(folder.parent.glob("*/config.json")):
        try:
            beside = read_config(path.parent)
            if canonical({key: value for key, value in beside.items() if key != "seed"}) == own:
                starts[beside["seed"]] = _start(path.parent)
        except (files.DamagedFile, RunMismatch):
            continue
    if len(starts) < 2:
        return cannot_tell(
            "seeds",
            f"This cell is seed {config['seed']} alone. Needs the same cell with other seeds, beside this one.",
        )
    known = None not in starts.values()
    for one, other in pairwise(sorted(starts, key=lambda seed: str(starts[seed]))):
        if known and starts[one] == starts[other]:
            return fails(
                "seeds", f"Seeds {one} and {other} begin with the same weights: the seed does not reach them."
            )
    return seeds_said(len(starts), known=known)


def _start(cell: Path) -> str | None:
    """The fingerprint of the weights that a cell's chain began with, if it keeps a round."""
    for name in folders.level_names(cell):
        if (cell / name / "config.json").exists():
            return str(read_config(cell / name).get("start"))
    return None


def _controls(levels: Levels) -> Finding:
    """Of controls their masks and results are kept; with which weights they began is not."""
    found = []
    for name, (row, mask) in levels.items():
        arm = _level(name).arm
        beside = levels.get(name.replace(arm, TICKET, 1))
        if arm not in CONTROLS or mask is None or beside is None or beside[1] is None:
            continue
        if any(row.get(key) is not None for key in _MEASURED) and all(
            row.get(key) == beside[0].get(key) for key in _MEASURED
        ):
            return fails("controls", f"{name} has the ticket's numbers, digit for digit: it is the ticket.")
        if arm == "re-initialised" and mask != beside[1]:
            return fails("controls", f"{name} has another mask than the ticket.")
        if arm == "shuffled" and (wrong := not_shuffled(beside[1], mask)):
            return fails("controls", f"{name}: {wrong}")
        found.append(name)
    if not found:
        return cannot_tell(
            "controls", "None was trained in this cell. Needs re-initialised or shuffled ones."
        )
    return cannot_tell(
        "controls",
        f"{', '.join(found)}: their masks are what they are called, and their results are not the ticket's. The weights that they "
        "began with are not kept here. Needs the starts of the controls.",
    )
