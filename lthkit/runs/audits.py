"""`lth.audit`: of a run folder or of states, the checklist with an answer to each item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from lthkit.data.datasets import Dataset
from lthkit.evidence.audits import NEEDS, audit_states
from lthkit.evidence.findings import Audit, Finding, cannot_tell, complete, fails, holds, together
from lthkit.evidence.record_checks import seeds_said
from lthkit.runs.results import recorded
from lthkit.runs.search_audits import CONTROLS, SEEDS, Searched, audit_search, read_search
from lthkit.runs.table_audits import audit_experiment
from lthkit.runs.training_audits import Trained, audit_training, read_training
from lthkit.storage import files
from lthkit.storage.folders import read_config
from lthkit.storage.owners import RunMismatch, canonical
from lthkit.storage.records import runs_folder

_TRAINING = {"start", "mask", "recipe", "keep"}  # what the configuration of a single training has
OWN = ("seed", "order", "start")  # what differs between the seeds of one search

_OF_A_RUN = {
    "density": "a run that prunes, or what was said: lth.audit(mask=..., density=...)",
    "optimizer": "a checkpoint with optimizer state",
    "measured": "the network and the data of the run (network=, data=)",
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
    network: nn.Module | None = None,
    data: Dataset | None = None,
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
        network, data: of a run, where they are not lthkit's own; for states, `data` with `validation_accuracy`.
        replay: for a run: its first steps are trained again from the rewind point, and compared with the record.

    Raises:
        FileNotFoundError: no such folder. ValueError, TypeError: no run folder, or what does not belong together.
    """
    if not isinstance(what, str | Path):
        if network is not None or replay:
            raise TypeError(
                f"{'network' if network is not None else 'replay'} is for a run folder; for states, give the network first: "
                "lth.audit(model, mask, before, after)."
            )
        return audit_states(what, mask, before, after, data=data, **claims)
    if claims or any(value is not None for value in (mask, before, after)):
        raise TypeError(
            f"{what!r} is taken for a run folder, which has its own masks and states; expected network=, data= and replay= "
            "beside it. States are audited without a folder: lth.audit(model, mask, before, after)."
        )
    return audit_folder(find_run(what), network=network, data=data, replay=replay)


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


def audit_folder(
    folder: Path, *, network: nn.Module | None = None, data: Dataset | None = None, replay: bool = False
) -> Audit:
    """The audit of one run folder, or of a folder with several of them."""
    given: dict[str, Any] = {"network": network, "data": data}
    if (folder / "config.json").exists():
        try:
            config = read_config(folder)
        except (files.DamagedFile, RunMismatch) as error:
            return complete(folder.name, [fails("record", " ".join(str(error).split()))], _OF_A_RUN)
        return complete(
            f"{folder.name}", _findings(folder, config, replay=replay, **given).values(), _OF_A_RUN
        )
    inside = sorted(
        path.parent for path in [*folder.glob("*/config.json"), *folder.glob("kept/*/config.json")]
    )
    if not inside:
        raise ValueError(
            f"{folder} is no run folder of lthkit: it has no config.json, and no folder in it has one. For what another program "
            "left, read its tensors and call lth.audit(model, mask, before, after), or `lthkit audit --after FILE`."
        )
    return _of_several(folder, inside, replay=replay, **given)


def _of_several(folder: Path, inside: Sequence[Path], *, replay: bool, **given: Any) -> Audit:
    """All runs in a folder together. Single trainings count as what they may be controls of, if there is a search."""
    runs = list(dict.fromkeys(inside))
    searches = [path for path in runs if not _is_training(path)]
    chosen = searches or runs
    parts = {path.name: audit_folder(path, replay=replay, **given) for path in chosen}
    merged = [together(item, {name: own[item] for name, own in parts.items()}) for item in NEEDS]
    left = len(runs) - len(chosen)
    notes = [f"{left} single trainings beside them were looked at as controls only."] if left else []
    return complete(f"{folder.name}: {len(parts)} runs", merged, _OF_A_RUN, notes)


def _is_training(folder: Path) -> bool:
    try:
        return _TRAINING <= read_config(folder).keys()
    except (files.DamagedFile, RunMismatch):
        return False


def _findings(
    folder: Path,
    config: Mapping[str, Any],
    *,
    network: nn.Module | None,
    data: Dataset | None,
    replay: bool,
) -> dict[str, Finding]:
    given: dict[str, Any] = {"network": network, "data": data}
    if isinstance(config.get("seeds"), list):
        return audit_experiment(folder, config, replay=replay, **given)
    if "rewind_step" in config and ("fraction" in config or "densities" in config):
        search = read_search(folder, config)
        found = audit_search(search, replay=replay, **given)
        return found | _beside(search)
    if _TRAINING <= config.keys():
        return audit_training(folder, config, **given)
    problems = [p for p in sorted(folder.glob("*.npz")) if _damaged(p)]
    if problems:
        return {"record": fails("record", f"{problems[0].name} is damaged.")}
    return {
        "record": cannot_tell(
            "record",
            "Its files are whole, and of a kind that this audit does not read. Needs masks and states: lth.audit(model, mask, before, after).",
        )
    }


def _damaged(path: Path) -> bool:
    try:
        files.load_arrays(path)
    except (files.DamagedFile, RunMismatch):
        return True
    return False


def _beside(search: Searched) -> dict[str, Finding]:
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
    return {"seeds": seeds, "controls": _controls(search, trainings)}


def _neighbours(search: Searched) -> tuple[list[Mapping[str, Any]], list[Trained]]:
    """Configurations of the same search with other seeds, and trainings of the same network, data and order."""
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
        elif "keep" in config and all(config.get(k) == own.get(k) for k in ("network", "data", "device")):
            found = read_training(path.parent, config)
            if isinstance(found, Trained) and found.ended and config["seed"] == search.config["order"]:
                trainings.append(found)
    return searches, trainings


def _controls(search: Searched, trainings: Sequence[Trained]) -> Finding:
    masks = {this.mask.fingerprint: this for this in search.rounds if this.round > 0}
    counts = {tuple(int(t.sum()) for t in this.mask.values()): this for this in masks.values()}
    re_initialised: set[int] = set()
    shuffled: set[int] = set()
    same: set[int] = set()
    for training in trainings:
        this = masks.get(str(training.config["mask"]))
        if this is not None:
            own = training.config["start"] == this.rewind.fingerprint
            (same if own else re_initialised).add(this.round)
        elif training.mask is not None:
            other = counts.get(tuple(int(t.sum()) for t in training.mask.values()))
            if other is not None and training.config["start"] == other.rewind.fingerprint:
                shuffled.add(other.round)
    said = [
        f"{len(rounds)} with {words} (round {', '.join(map(str, sorted(rounds)))})"
        for words, rounds in (
            ("a ticket's mask and other weights", re_initialised),
            ("the ticket's weights and another mask of its counts", shuffled),
        )
        if rounds
    ]
    if not said:
        again = (
            f" A training of round {min(same)}'s mask from its own weights is the ticket again, and no control."
            if same
            else ""
        )
        return cannot_tell("controls", f"None was found beside this search.{again} Needs {CONTROLS}.")
    return holds("controls", f"Beside this search: {' and '.join(said)}.")
