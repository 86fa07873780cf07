"""A claim of the ledger repeated on this machine: as it was registered, or smaller, and judged by the same rule."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lthkit.data.sources import EMBEDDED, data_folder
from lthkit.ledger import Claim, Judged, Part, Rule, judge
from lthkit.storage.records import Row
from lthkit.sweeps.grids import grid_of
from lthkit.sweeps.running import run

TIERS = ("recorded", "laptop")
FEW = 3  # seeds of a repetition at tier laptop


@dataclass(frozen=True)
class Again:
    """What came of a repetition. judged: by the rule of the claim, over the seeds that were run. smaller: not as registered."""

    judged: Judged
    smaller: str

    @property
    def says(self) -> str:
        """The verdict of the repetition, and that of what it is."""
        seeds = len(self.judged.recorded)
        return f"{self.judged.verdict}, over {seeds} seeds{self.smaller}."


def repeat(
    claim: Claim,
    folder: Path | str,
    *,
    tier: str = "recorded",
    workers: int = 2,
    announce: Callable[[Row], object] | None = None,
) -> Again:
    """Run what decides a claim, in `folder`, and judge it. The same call goes on with one that was stopped.

    tier: "recorded" repeats it as it was registered; "laptop" takes the first three of its seeds, and of a sweep the embedded
        data with the recipe that its networks usually have. announce: called with each row of a sweep that is new.

    Raises:
        ValueError: no such tier, or a command that cannot be repeated. RuntimeError: the record's script failed.
    """
    if tier not in TIERS:
        raise ValueError(f"tier={tier!r} was given; expected one of {', '.join(TIERS)}.")
    seeds = claim.seeds if tier == "recorded" else claim.seeds[:FEW]
    words = shlex.split(claim.command)
    if words[:2] == ["lthkit", "sweep"]:
        rows = _swept(
            data_folder() / Path(words[2]).relative_to("data"), folder, tier, seeds, workers, announce
        )
        rules = [rule if tier == "recorded" else _on_embedded(rule) for rule in claim.rule]
        parts = [Part.of(rule, seeds, rows) for rule in rules]
        smaller = "" if tier == "recorded" else f" of {EMBEDDED}, with the usual recipe"
        return Again(Judged(claim, tuple(parts), seeds), smaller)
    if words[:1] == ["python"]:
        script = data_folder() / Path(words[1]).relative_to("data")
        results = Path(folder) / "recorded"  # a folder of records, as `judge` takes it
        _scripted(script, Path(folder), results / claim.record, seeds, workers)
        some = replace(claim, seeds=seeds)
        return Again(judge(some, results, registered=claim), "")
    raise ValueError(
        f"{claim.id} has the command {claim.command!r}, which is not repeated from here; give it by hand."
    )


def laptop_grid(path: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """The keys of a recorded sweep's grid for tier laptop: few seeds, the embedded data, the usual recipe."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    kept = {key: value for key, value in raw.items() if key not in ("claims", "recipes", "recipe", "tier")}
    return kept | {"seeds": list(seeds), "data": [EMBEDDED]}


def _swept(
    path: Path,
    folder: Path | str,
    tier: str,
    seeds: Sequence[int],
    workers: int,
    announce: Callable[[Row], object] | None,
) -> list[Row]:
    raw = tomllib.loads(path.read_text(encoding="utf-8")) if tier == "recorded" else laptop_grid(path, seeds)
    return run(grid_of(**raw), folder, on="local", workers=workers, announce=announce)


def _scripted(script: Path, folder: Path, target: Path, seeds: Sequence[int], workers: int) -> None:
    train = ["train", str(folder), "--workers", str(workers), "--seeds", *map(str, seeds)]
    for words in (train, ["collect", str(folder), "--to", str(target)]):
        done = subprocess.run([sys.executable, str(script), *words], check=False)
        if done.returncode:
            raise RuntimeError(
                f"{script.name} {words[0]} ended with {done.returncode}; what is finished is kept, and the same command goes on."
            )


def _on_embedded(rule: Rule) -> Rule:
    def there(where: Any) -> dict[str, Any]:
        return {name: EMBEDDED if name == "data" else value for name, value in where.items()}

    return replace(rule, of=there(rule.of), minus=there(rule.minus))
