"""`lth.audit`: of a run folder or of states, the checklist with an answer to each item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from lthkit.data.datasets import Dataset
from lthkit.evidence.audits import NEEDS, audit_states
from lthkit.evidence.findings import (
    FAILS,
    HOLDS,
    OPEN,
    Audit,
    Finding,
    cannot_tell,
    complete,
    fails,
    holds,
    together,
)
from lthkit.evidence.record_checks import not_shuffled, seeds_said
from lthkit.machine.seeds import derived_seed
from lthkit.runs.asked import KIND as EXPERIMENT
from lthkit.runs.cell_audits import audit_cell
from lthkit.runs.plans import KEPT, KIND
from lthkit.runs.remade import Given, Network, initial_state, remake
from lthkit.runs.results import recorded
from lthkit.runs.search_audits import CONTROLS, SEEDS, audit_search
from lthkit.runs.searched import Searched, read_search
from lthkit.runs.table_audits import audit_experiment
from lthkit.runs.training_audits import Trained, audit_training, read_training
from lthkit.storage import files
from lthkit.storage.folders import read_config
from lthkit.storage.owners import RunMismatch, canonical
from lthkit.storage.records import runs_folder
from lthkit.training.checkpoints import Checkpoint
from lthkit.training.recipes import Recipe
from lthkit.training.tasks import Task

_TRAINING = {"start", "mask", "recipe", "keep"}  # what the configuration of a single training has
CELL = "cell"
MANY = 10  # seeds from 0 that are tried when a start is looked for
ALIKE = ("network", "data", "device", "task", "recipe")  # what a control shares with its ticket
OWN = ("seed", "order", "start")  # what differs between the seeds of one search

_OF_A_RUN = {
    "density": "a run that prunes, or what was said: lth.audit(mask=..., density=...)",
    "optimizer": "a checkpoint with optimizer state",
    "measured": "a trained state with what was measured of it, which are not kept here",
    "moved": "the states before and after the training: lth.audit(model, mask, before, after)",
    "rewound": "the state that training began from: lth.audit(model, mask, before, after, start=...)",
    "zeros": "the trained weights, which are not kept here",
    "nested": "the masks of several rounds, which are not kept here",
    "ranking": "the weights that were ranked, which are not kept here",
    "empty": "a mask",
    "whole": "a mask and weights, which are not kept here",
    "shared": "a mask and the network",
    "test": "a training that has ended",
    "seeds": SEEDS,
    "controls": CONTROLS,
    "record": "a run folder",
}


def audit(
    what: Any = None,
    mask: Any = None,
    before: Any = None,
    after: Any = None,
    *,
    network: Network | None = None,
    data: Dataset | None = None,
    task: Task | None = None,
    recipe: Recipe | None = None,
    replay: bool = False,
    **claims: Any,
) -> Audit:
    """The checklist of lesson 12 on a run folder, or on masks and weights of any program.

    Each item holds, fails (with what, where and how many), or cannot be told (with what it would need).

    Args:
        what: a run folder of `keep_runs`, of a `folder=` or of `lthkit run`, or the name of a recorded run, as text or
            Path. Or the network, for states: `audit(model, mask, before, after)`, see `evidence.audit_states`, which
            takes everything else by keyword (start, trained, scores, scope, density, kept, optimizer, controls, seeds,
            test_reads, validation_accuracy).
        network, data: of a run, where they are not lthkit's own; the function that makes the network (it is called with
            seed=) tells more than a network. For states, `data` with `validation_accuracy`, or with `task` and
            `validation_metric`.
        task, recipe: of a run, where they have functions of your own: a loss, a metric, an optimizer, a schedule. All else is
            made again from their names.
        replay: for a run: its first steps are trained again from the rewind point, and compared with the record.

    Raises:
        FileNotFoundError: no such folder. ValueError, TypeError: no run folder, or what does not belong together.
    """
    if not isinstance(what, str | Path):
        if network is not None or recipe is not None or replay:
            name = "network" if network is not None else "replay" if replay else "recipe"
            raise TypeError(
                f"{name} is for a run folder; for states, give the network first: lth.audit(model, mask, before, after)."
            )
        return audit_states(what, mask, before, after, data=data, task=task, **claims)
    if claims or any(value is not None for value in (mask, before, after)):
        raise TypeError(
            f"{what!r} is taken for a run folder, which has its own masks and states; expected network=, data=, task=, "
            "recipe= and replay= beside it. States are audited without a folder: lth.audit(model, mask, before, after)."
        )
    return audit_folder(find_run(what), Given(network, data, task, recipe), replay=replay)


def find_run(name: str | Path) -> Path:
    """The folder of a run: a path, a name in the runs folder, or a recorded run.

    Raises:
        FileNotFoundError: none of these.
    """
    for path in (Path(name), runs_folder() / name, runs_folder() / "kept" / name):
        if path.is_dir():
            return path
    if Path(name).exists():
        raise ValueError(
            f"{name} is a file; expected a run folder. States in files are audited with `lthkit audit --after FILE`, or, once "
            "they are read, with lth.audit(model, mask, before, after)."
        )
    try:
        return recorded(str(name))
    except ValueError as error:
        raise FileNotFoundError(
            f"There is no folder {str(name)!r}, here or in {runs_folder()}; `lthkit show` lists the runs. As a recorded run: {error}"
        ) from None


def audit_folder(folder: Path, given: Given, *, replay: bool = False) -> Audit:
    """The audit of one run folder, or of a folder with several of them; a level counts as the cell that it is in."""
    if _is_cell(folder.resolve().parent):
        folder = folder.resolve().parent
    if (folder / "config.json").exists():
        try:
            config = read_config(folder)
        except (files.DamagedFile, RunMismatch) as error:
            return complete(folder.name, [fails("record", " ".join(str(error).split()))], _OF_A_RUN)
        return complete(f"{folder.name}", _findings(folder, config, given, replay=replay).values(), _OF_A_RUN)
    inside = sorted(
        path.parent
        for below in ("*", "kept/*", "cells/*")
        for path in folder.glob(f"{below}/config.json")
        if path.parent.parent.name != "cells" or _is_cell(path.parent)
    )
    if not inside:
        raise ValueError(
            f"{folder} is no run folder of lthkit: it has no config.json, and no folder in it has one. For what another program "
            "left, read its tensors and call lth.audit(model, mask, before, after), or `lthkit audit --after FILE`."
        )
    return _of_several(folder, inside, given, replay=replay)


def _of_several(folder: Path, inside: Sequence[Path], given: Given, *, replay: bool) -> Audit:
    """All runs in a folder together. Single trainings count as what they may be controls of, if there is a search."""
    runs = list(dict.fromkeys(inside))
    searches = [path for path in runs if not _is_training(path)]
    chosen = searches or runs
    parts = {path.name: audit_folder(path, given, replay=replay) for path in chosen}
    merged = [together(item, {name: own[item] for name, own in parts.items()}) for item in NEEDS]
    left = len(runs) - len(chosen)
    notes = [f"{left} single trainings beside them were looked at as controls only."] if left else []
    return complete(f"{folder.name}: {len(parts)} runs", merged, _OF_A_RUN, notes)


def _is_cell(folder: Path) -> bool:
    try:
        return read_config(folder).get("kind") == CELL
    except (files.DamagedFile, RunMismatch, OSError):
        return False


def _is_training(folder: Path) -> bool:
    try:
        return _TRAINING <= read_config(folder).keys()
    except (files.DamagedFile, RunMismatch):
        return False


def _findings(folder: Path, config: Mapping[str, Any], given: Given, *, replay: bool) -> dict[str, Finding]:
    if config.get("kind") == KIND:
        return _of_plan(folder, config, given, replay=replay)
    if config.get("kind") == CELL:
        return audit_cell(folder, config, given, replay=replay)
    if isinstance(config.get("seeds"), list) or config.get("kind") == EXPERIMENT:
        return audit_experiment(folder, config, given, replay=replay)
    if "rewind_step" in config and ("fraction" in config or "densities" in config):
        search = read_search(folder, config)
        found = audit_search(search, given=given, replay=replay)
        return found | _beside(search, given)
    if _TRAINING <= config.keys():
        return audit_training(folder, config, given)
    problems = [p for p in sorted(folder.glob("*.npz")) if _damaged(p)]
    if problems:
        return {"record": fails("record", f"{problems[0].name} is damaged.")}
    return {
        "record": cannot_tell(
            "record",
            "Its files are whole, and of a kind that this audit does not read. Needs masks and states: lth.audit(model, mask, before, after).",
        )
    }


def _of_plan(folder: Path, config: Mapping[str, Any], given: Given, *, replay: bool) -> dict[str, Finding]:
    """A planned experiment: its table, and the trainings that it kept, or what was found of them before they were left out."""
    table = audit_experiment(folder, config, given)
    arms = ", ".join(map(str, config["controls"]))
    table["controls"] = cannot_tell(
        "controls", f"Planned: {arms}. Needs the trainings, or their starts, which are not kept here."
    )
    kept = _found_in(folder / KEPT, given, replay=replay) or _found_before(folder)
    both = {item: [one[item] for one in (table, kept) if item in one] for item in NEEDS}
    found = {
        item: min(own, key=lambda one: (FAILS, HOLDS, OPEN).index(one.verdict))
        for item, own in both.items()
        if own
    }
    if "record" in kept:
        worst = max(both["record"], key=lambda one: (HOLDS, OPEN, FAILS).index(one.verdict))
        found["record"] = (
            worst
            if worst.verdict != HOLDS
            else holds("record", f"{table['record'].text} {kept['record'].text}")
        )
    return found


def _found_in(kept: Path, given: Given, *, replay: bool) -> dict[str, Finding]:
    """The findings of all that a planned experiment trained: of its searches together, and of each training what fails."""
    if not any(kept.glob("*/config.json")):
        return {}
    found = {one.item: one for one in audit_folder(kept, given, replay=replay).findings}
    for path in sorted(path.parent for path in kept.glob("*/config.json")):
        if _is_training(path):
            own = audit_folder(path, given)
            found |= {item: fails(item, f"{path.name}: {own[item].text}") for item in own.failed}
    return found


def _found_before(folder: Path) -> dict[str, Finding]:
    """The findings that a copy without weights has of the time when they were there."""
    try:
        summary = files.read_sealed(folder / "summary.json")
        findings = [Finding(one["item"], one["verdict"], one["text"]) for one in summary.get("audit", ())]
    except (OSError, files.DamagedFile, RunMismatch):
        return {}
    except (KeyError, TypeError, ValueError):
        return {"record": fails("record", "The findings that summary.json has of an earlier audit are none.")}
    when = f"When the weights were there ({summary.get('audited_at', 'time unknown')}): "
    return {one.item: Finding(one.item, one.verdict, when + one.text) for one in findings}


def _damaged(path: Path) -> bool:
    try:
        files.load_arrays(path)
    except (files.DamagedFile, RunMismatch):
        return True
    return False


def _beside(search: Searched, given: Given) -> dict[str, Finding]:
    """Seeds and controls of a search, from the runs in the folders beside it."""
    searches, trainings = _neighbours(search)
    starts: dict[str, list[int]] = {}
    for other in (search.config, *searches):
        starts.setdefault(other["start"], []).append(other["seed"])
    numbers = sorted({seed for seeds in starts.values() for seed in seeds})
    if len(numbers) < 2:
        seeds = cannot_tell("seeds", f"This folder has seed {numbers[0]} alone. Needs {SEEDS}.")
    elif twice := [sorted(set(own)) for own in starts.values() if len(set(own)) > 1]:
        seeds = fails(
            "seeds",
            f"Seeds {twice[0][0]} and {twice[0][1]} begin with the same weights: the seed does not reach them.",
        )
    else:
        seeds = seeds_said(len(numbers), known=True)
    return {"seeds": seeds, "controls": _controls(search, trainings, given)}


def _neighbours(search: Searched) -> tuple[list[Mapping[str, Any]], list[Trained]]:
    """Configurations of the same search with other seeds, and trainings of the same network, data, task, recipe and order."""
    searches: list[Mapping[str, Any]] = []
    trainings: list[Trained] = []
    own = {key: value for key, value in search.config.items() if key not in OWN}
    for path in sorted(search.folder.parent.glob("*/config.json")):
        if path.parent == search.folder or search.folder.name.startswith("seed-"):
            continue
        try:
            config = read_config(path.parent)
        except (files.DamagedFile, RunMismatch):
            continue
        if canonical({k: v for k, v in config.items() if k not in OWN}) == canonical(own):
            searches.append(config)
        elif (
            "keep" in config
            and config["seed"] == search.config["order"]
            and all(config.get(k) == own.get(k) for k in ALIKE)
        ):
            found = read_training(path.parent, config)
            if isinstance(found, Trained) and found.ended:
                trainings.append(found)
    return searches, trainings


def _controls(search: Searched, trainings: Sequence[Trained], given: Given) -> Finding:
    """Which of the trainings beside a search are its controls, as far as their starts can be told.

    Other weights than the ticket's are new ones only if a seed makes them; the weights of a training that has ended, from
    which fine-tuning starts, are others too.
    """
    masks = {this.mask.fingerprint: this for this in search.rounds if this.round > 0}
    re_initialised: set[int] = set()
    shuffled: set[int] = set()
    same: set[int] = set()
    other_start: set[int] = set()
    fresh = _fresh(search, trainings, given)
    for training in trainings:
        this = masks.get(str(training.config["mask"]))
        if this is not None:
            start = training.config["start"]
            own = start == this.rewind.fingerprint
            (same if own else re_initialised if start in fresh else other_start).add(this.round)
        elif training.mask is not None:
            shuffled |= {
                other.round
                for other in masks.values()
                if training.config["start"] == other.rewind.fingerprint
                and training.mask.shapes() == other.mask.shapes()
                and not not_shuffled(other.mask, training.mask)
            }
    said = [
        f"{len(rounds)} with {words} (round {', '.join(map(str, sorted(rounds)))})"
        for words, rounds in (
            ("a ticket's mask and new weights", re_initialised),
            ("the ticket's weights and another mask of its counts", shuffled),
        )
        if rounds
    ]
    if other_start and not re_initialised:
        unknown = (
            f"A training of round {min(other_start)}'s mask began from another state than the ticket's; whether its weights are "
            "new ones or trained ones, the folder does not say."
        )
        if not said:
            return cannot_tell(
                "controls",
                f"{unknown} Needs its start: lth.audit(mask=..., before=..., controls={{'re-initialised': ...}}).",
            )
        said = [f"{said[0]}. {unknown.removesuffix('.')}"]
    if not said:
        again = (
            f" A training of round {min(same)}'s mask from its own weights is the ticket again, and no control."
            if same
            else ""
        )
        return cannot_tell("controls", f"None was found beside this search.{again} Needs {CONTROLS}.")
    return holds("controls", f"Beside this search: {' and '.join(said)}.")


def _fresh(search: Searched, trainings: Sequence[Trained], given: Given) -> set[str]:
    """Fingerprints of the starts that the network has with other seeds than the search's, at step 0 or at the rewind step."""
    known = [remake(search.config, one) for one in (given, replace(given, network=None))] if trainings else []
    able = next((remade for remade in known if remade.model_fn is not None), None)
    if able is None or not search.rounds:
        return set()
    own, rewind = search.config["seed"], search.rounds[0].rewind
    seeds = {*range(MANY), own, *(training.config["seed"] for training in trainings)}
    states = [initial_state(able, seed) for seed in seeds - {own}]
    states += [initial_state(able, derived_seed(seed, "re-initialised")) for seed in seeds]
    new = {name: torch.zeros_like(tensor) for name, tensor in (rewind.optimizer or {}).items()}
    return {
        Checkpoint(step, state.model, new).fingerprint
        for state in states
        if state is not None
        for step in (0, rewind.step)
    }
