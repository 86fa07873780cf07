"""A search as its folder has it: rounds, rewind point, configuration, and what is wrong with the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lthkit.storage import files
from lthkit.storage.owners import RunMismatch
from lthkit.tickets.rounds import Round, load_round
from lthkit.training.checkpoints import Checkpoint


@dataclass(frozen=True)
class Searched:
    """A search as its folder has it: the rounds that can be read, in order, and what is wrong with the files."""

    folder: Path
    config: Mapping[str, Any]
    rounds: tuple[Round, ...]
    problems: tuple[str, ...]

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
    return Searched(folder, config, tuple(rounds), tuple(problems))
