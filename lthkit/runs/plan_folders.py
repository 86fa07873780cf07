"""What lies in the folder of a planned experiment: the records that can be read, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lthkit.runs.plans import KEPT, Plan, read_plan, seed_file
from lthkit.storage import files, owners
from lthkit.storage.records import Row


@dataclass(frozen=True)
class PlanFolder:
    """A folder with a plan: the records that are whole, and what is wrong with the others."""

    folder: Path
    plan: Plan
    records: Mapping[int, Mapping[str, Any]]
    damaged: tuple[str, ...]
    strangers: tuple[str, ...]
    summary: Mapping[str, Any] | None

    @classmethod
    def read(cls, folder: Path) -> PlanFolder:
        plan = read_plan(folder)
        records, damaged = {}, []
        for seed in plan.seeds:
            path = seed_file(folder, seed)
            if path.exists():
                try:
                    records[seed] = files.read_sealed(path)
                except (files.DamagedFile, owners.RunMismatch, OSError):
                    damaged.append(path.name)
        known = {seed_file(folder, seed).name for seed in plan.seeds}
        strangers = [path.name for path in sorted(folder.glob("seed-*")) if path.name not in known]
        summary: Mapping[str, Any] | None = None
        if (folder / "summary.json").exists():
            try:
                summary = files.read_sealed(folder / "summary.json")
            except (files.DamagedFile, owners.RunMismatch):
                damaged.append("summary.json")
        return cls(folder, plan, records, tuple(damaged), tuple(strangers), summary)

    @property
    def missing(self) -> list[int]:
        return [seed for seed in self.plan.seeds if seed not in self.records]

    @property
    def rows(self) -> list[Row]:
        return [
            row
            for arm in self.plan.arms
            for seed in self.records
            for row in self.of(seed)
            if row.get("arm") == arm
        ]

    def of(self, seed: int) -> list[Row]:
        """The rows of a seed's record, whatever is in it."""
        rows = self.records[seed].get("rows")
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    @property
    def wrong_rows(self) -> str:
        """What is wrong with the arms of a seed that has ended, or nothing."""
        for seed in self.records:
            own = [row.get("arm") for row in self.of(seed)]
            lacking = [arm for arm in self.plan.arms if own.count(arm) != 1]
            if (
                lacking
                or len(own) != len(self.plan.arms)
                or any(row.get("seed") != seed for row in self.of(seed))
            ):
                arm = (
                    lacking[0]
                    if lacking
                    else next((name for name in own if name not in self.plan.arms), own[0])
                )
                count = own.count(arm) if lacking else "another"
                return f"Seed {seed} has {count} training of {arm!r}; expected one of each arm of the plan."
        return ""

    @property
    def whole(self) -> bool:
        return not (self.missing or self.damaged or self.wrong_rows) and self.summary is not None

    @property
    def lost(self) -> int:
        """How many of the trainings that were kept are no longer there; none for a copy that was audited before."""
        summary = self.summary or {}
        if "audit" in summary:
            return 0
        there = {path.name for path in (self.folder / KEPT).glob("*") if path.is_dir()}
        named = summary.get("kept")
        gone = len(set(map(str, named)) - there) if isinstance(named, list) else 0
        counts = [one.get("kept") for one in self.records.values()]
        return max([gone, *(n - len(there) for n in counts if isinstance(n, int))])
