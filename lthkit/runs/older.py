"""Run folders of before runs were made of cells: `seed-0`, `seed-1`, ... in them, and how far they go in config.json.

Finished ones are read as ever; nothing is added to them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lthkit.data.datasets import Dataset
from lthkit.runs.asked import FAR, joined
from lthkit.runs.experiment import Experiment
from lthkit.runs.results import load
from lthkit.storage import files
from lthkit.storage.folders import RunMismatch, made_with, read_config
from lthkit.storage.owners import canonical
from lthkit.storage.records import Row


def is_older(config: Mapping[str, Any]) -> bool:
    """True for the configuration of a run that says how far it goes, and so cannot grow."""
    return isinstance(config.get("seeds"), list) and "kind" not in config


def rows_of_before(experiment: Experiment, data: Dataset, folder: Path) -> list[Row] | None:
    """The rows of this experiment in a folder of before, if it is finished there; None if the folder is none of these.

    Raises:
        RunMismatch: it is one, and has another run, or is not finished.
    """
    try:
        config = read_config(folder)
    except (FileNotFoundError, files.DamagedFile):
        return None  # new, or whoever opens it says what is wrong
    if not is_older(config):
        return None
    asked = joined(experiment.config(data, str(data.device)), [experiment.asked])
    wanted: dict[str, Any] = json.loads(canonical(asked))
    if odd := [k for k in sorted(config.keys() | wanted.keys()) if _plain(config, k) != _plain(wanted, k)]:
        told = "; ".join(f"{key}: {config.get(key)!r} there, {wanted.get(key)!r} now" for key in odd)
        raise RunMismatch(
            f"{folder} holds another run ({told}). It was made by an earlier lthkit{_which(folder)}, whose runs do not grow. "
            "Choose another folder; to begin anew there, move the whole folder away."
        )
    rest = (
        f"It was begun by an earlier lthkit{_which(folder)}, which kept its seeds in seed-{config['seeds'][0]} and so on, and this one "
        "does not go on with it. Finish it with the lthkit that began it, or move the folder away: the same call then begins anew."
    )
    if not (folder / "summary.json").exists():
        raise RunMismatch(f"{folder} is not finished. {rest}")
    try:
        return load(folder)[2]
    except files.DamagedFile as error:
        raise RunMismatch(f"{error} {rest}") from None


def _plain(config: Mapping[str, Any], key: str) -> Any:
    """What is there under a key; of how far a run goes the order does not matter."""
    return sorted(config[key]) if key in FAR and isinstance(config.get(key), list) else config.get(key)


def _which(folder: Path) -> str:
    versions = made_with(folder)
    return f" ({versions[-1]['lthkit']})" if versions else ""
