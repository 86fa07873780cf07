"""A search as its folder has it: rounds, rewind point, configuration, and what is wrong with the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lthkit.cells.cells import DENSE, TICKET
from lthkit.cells.folders import ROW, level_names
from lthkit.storage import files
from lthkit.storage.folders import read_config
from lthkit.storage.owners import RunMismatch
from lthkit.tickets.rounds import Round, load_round
from lthkit.training.checkpoints import Checkpoint


@dataclass(frozen=True)
class Searched:
    """A search as its folder has it: the rounds that can be read, in order, and what is wrong with the files.

    names: of a cell, the level that each round is published as. under_way: what is trained there now, "" if nothing is.
    """

    folder: Path
    config: Mapping[str, Any]
    rounds: tuple[Round, ...]
    problems: tuple[str, ...]
    names: Mapping[int, str] = field(default_factory=dict)
    under_way: str = ""

    @property
    def one_shot(self) -> bool:
        """True if every mask was cut from the dense network, False if each from the one before."""
        return "densities" in self.config

    @property
    def own_loop(self) -> str:
        """The name of the training loop, if it is none of lthkit's; else ""."""
        return str(self.config.get("train", ""))


def read_search(folder: Path, config: Mapping[str, Any]) -> Searched:
    """Read all rounds; a file that is damaged, or of another run, is a problem and no round."""
    rounds, problems = [], []
    numbers = sorted(
        int(path.stem.removeprefix("round-"))
        for path in folder.glob("round-*.npz")
        if path.stem.removeprefix("round-").isdigit()
    )
    start: Checkpoint | None = None
    for r in numbers:
        try:
            this = load_round(folder, r, start)
        except (files.DamagedFile, RunMismatch, OSError) as error:
            problems.append(" ".join(str(error).split()))
            continue
        if this is not None:
            rounds.append(this)
            start = this.rewind
    if numbers != list(range(len(numbers))):
        problems.append(f"Its rounds are {', '.join(map(str, numbers))}: some are missing.")
    training = next((path.name for path in folder.glob("training-*") if path.is_dir()), "")
    return Searched(folder, config, tuple(rounds), tuple(problems), under_way=training)


def read_cell(folder: Path) -> Searched:
    """The search that a cell keeps: its dense level, and its tickets as far as their weights are kept, numbered as rounds.

    Each is a level with a round in it, published by itself; together they are what the driver would have in one folder.
    """
    levels = _levels_with_rounds(folder)
    configs: list[dict[str, Any]] = []
    rounds: list[Round] = []
    problems: list[str] = []
    start: Checkpoint | None = None
    for r, name in levels.items():
        try:
            place = folder / name
            files.read_sealed(place / ROW)
            own = read_config(place)
            number = r if "densities" not in own else 1
            this = load_round(place, number, start)
            if this is None:
                problems.append(f"{name} has no round-{number:02d}.npz.")
                continue
        except (files.DamagedFile, RunMismatch, OSError) as error:
            problems.append(" ".join(str(error).split()))
            continue
        configs.append(own)
        rounds.append(replace(this, round=r))
        start = this.rewind
    if list(levels) != list(range(len(levels))):
        problems.append(f"Its rounds are {', '.join(map(str, levels))}: some are missing.")
    config, odd = _together(configs)
    if odd:
        problems.append(f"{folder.name} has levels of different searches: {odd}.")
    begun = next((path.name for path in folder.glob("attempt-*") if path.is_dir()), "")
    return Searched(folder, config, tuple(rounds), tuple(problems), levels, begun)


def _levels_with_rounds(folder: Path) -> dict[int, str]:
    """The levels of a cell that keep a round of its chain, by round; densities count downwards from the dense level."""
    names = level_names(folder)
    found = {0: DENSE} if DENSE in names else {}
    for name in names:
        if name.startswith(f"{TICKET}-round-"):
            found[int(name.rpartition("-")[2])] = name
    lower = [name for name in names if name.startswith(f"{TICKET}-density-")]
    lower = [name for name in lower if "densities" in _config(folder / name)]
    lower.sort(key=lambda name: -float(name.removeprefix(f"{TICKET}-density-")))
    return dict(sorted((found | dict(enumerate(lower, start=1))).items()))


def _config(folder: Path) -> dict[str, Any]:
    try:
        return read_config(folder)
    except (files.DamagedFile, RunMismatch, OSError):
        return {}


def _together(configs: list[dict[str, Any]]) -> tuple[dict[str, Any], str]:
    """One configuration for levels of one chain, and what differs where it should not."""
    shot = [one for one in configs if "densities" in one]
    chosen = shot or configs
    if not chosen:
        return {}, ""
    config = dict(chosen[-1])
    if shot:
        config["densities"] = [density for one in shot for density in one["densities"]]
    keys = (key for key in config if key != "densities")
    odd = [key for key in keys if any(one.get(key) != config[key] for one in chosen)]
    return config, ", ".join(odd)
