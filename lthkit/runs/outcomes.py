"""What came of a planned experiment: intervals and verdicts of a run that has ended, computed from its table alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lthkit.evidence.registration import Registered, Verdict
from lthkit.evidence.statistics import interval
from lthkit.evidence.verdicts import against_margin
from lthkit.machine.tables import Table
from lthkit.runs.plans import POINTS, RESULTS, Plan, Predicted, now, read_plan, seed_file
from lthkit.runs.results import load
from lthkit.storage import files
from lthkit.storage.folders import hold
from lthkit.storage.records import Row


@dataclass(frozen=True)
class Outcome:
    """The run of a plan, judged by its registered rule. Shown as a table.

    rows: those of the run's table. verdicts: one for each prediction, in the plan's order.
    kept: how many searches and trainings the run kept. days: the times at which the first seed began and the last one ended.
    """

    plan: Plan
    rows: tuple[Row, ...]
    verdicts: tuple[Verdict, ...]
    kept: int = 0
    days: tuple[str, str] = ("", "")

    @property
    def differences(self) -> dict[str, tuple[float, ...]]:
        """The paired differences of each prediction, in the order of the seeds."""
        pairs = zip(self.plan.predictions, self.verdicts, strict=True)
        return {one.name: verdict.interval.values for one, verdict in pairs}

    def costs(self) -> Table:
        """What the run took: of the trainings in the table, and of the whole, searches among it."""
        seconds = sum(row["seconds"] or 0.0 for row in self.rows)
        rows = [
            ("trainings in the table", f"{len(self.rows):,}"),
            ("their updates", f"{sum(row['steps'] for row in self.rows):,}"),
            ("their time, one after the other (minutes)", f"{seconds / 60:.1f}"),
            ("searches and trainings that were kept", f"{self.kept:,}"),
            ("the first seed began", self.days[0]),
            ("the last seed ended", self.days[1]),
            ("planned (minutes)", f"{self.plan.minutes:g}"),
        ]
        return Table(["", " "], [row for row in rows if row[1]], title="What it cost")

    def means(self) -> Table:
        """Each arm by itself, with its 95 % interval over the seeds."""
        plan, scale = self.plan, _scale(self.plan)
        table = Table(
            {"arm": "", "weights left (%)": ".1f", f"{plan.measure.replace('_', ' ')} ({plan.unit})": ".2f[]"}
        )
        for arm in plan.arms:
            own = [row for row in self.rows if row["arm"] == arm]
            density = sum(row["density"] for row in own) / len(own)
            table.add(arm, 100 * density, interval([scale * row[plan.measure] for row in own]))
        table.note(f"mean and 95 % interval of {len(plan.seeds)} seeds, tier {plan.tier}")
        return table

    @property
    def table(self) -> Table:
        """Difference, interval, verdict by the rule, and what it says against the margin `effect`."""
        plan = self.plan
        table = Table(
            {
                "difference": "",
                plan.unit: "+.2f[]",
                "predicted": "",
                "verdict": "",
                f"margin {plan.effect:g}": "",
            },
            title=plan.question,
        )
        for one, verdict in zip(plan.predictions, self.verdicts, strict=True):
            predicted = f"{one.claim} {one.bound:g}"
            table.add(one.name, verdict.interval, predicted, verdict.outcome, null_of(verdict, plan.effect))
        table.note(f"paired differences, mean and 95 % interval of {len(plan.seeds)} seeds, tier {plan.tier}")
        return table

    def __str__(self) -> str:
        return self.table.text()

    def _repr_html_(self) -> str:
        return self.table._repr_html_()

    def record(self) -> dict[str, Any]:
        """All that is claimed, as plain values."""
        return {
            one.name: {
                "mean": verdict.interval.mean,
                "low": verdict.interval.low,
                "high": verdict.interval.high,
                "n": verdict.interval.n,
                "outcome": verdict.outcome,
                "margin": null_of(verdict, self.plan.effect),
            }
            for one, verdict in zip(self.plan.predictions, self.verdicts, strict=True)
        }


def null_of(verdict: Verdict, margin: float) -> str:
    """What the differences say against a margin, see `evidence.against_margin`."""
    if verdict.equal:
        return "all differences are equal: no interval"
    return against_margin(verdict.interval.values, margin).says


def judged_rows(plan: Plan, rows: Sequence[Row]) -> Outcome:
    """The verdicts on rows that have every arm and seed of the plan, each once."""
    pairs = zip(plan.predictions, plan.registered, strict=True)
    return Outcome(plan, tuple(rows), tuple(_verdict(plan, rows, one, rule) for one, rule in pairs))


def _verdict(plan: Plan, rows: Sequence[Row], one: Predicted, rule: Registered) -> Verdict:
    scale = _scale(plan)
    arms: list[dict[int, float]] = []
    for arm in (one.arm, one.other):
        own = [row for row in rows if row["arm"] == arm]
        by_seed = {row["seed"]: scale * row[plan.measure] for row in own}
        if len(by_seed) < len(own):
            raise ValueError(
                f"The table has a seed of {arm!r} twice; expected one row for each arm and seed."
            )
        arms.append(by_seed)
    ours, other = arms
    if ours.keys() != other.keys():
        raise ValueError(f"{one.arm} and {one.other} do not have the same seeds, so they are not paired.")
    return rule.verdict({seed: ours[seed] - other[seed] for seed in ours})


def same_results(there: Any, found: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the results are those of the records; another version of lthkit may round the ends of an interval otherwise."""
    if not isinstance(there, Mapping) or there.keys() != found.keys():
        return False
    for name, new in found.items():
        old, near = there[name], 1e-3 * (new["high"] - new["low"]) + 1e-9
        if not isinstance(old, Mapping) or old.keys() != new.keys():
            return False
        for key, value in new.items():
            if not (abs(old[key] - value) <= near if isinstance(value, float) else old[key] == value):
                return False
    return True


def _scale(plan: Plan) -> float:
    return 100.0 if plan.measure in POINTS else 1.0


def outcome(folder: Path | str) -> Outcome:
    """Look at a run that has ended: all registered seeds, by the registered rule. What is claimed is written beside it.

    Raises:
        FileNotFoundError: nothing is registered, or the run has not ended; it is not looked at before. A record is gone.
        files.DamagedFile: the table is not the one that the run wrote.
    """
    folder = Path(folder)
    plan = read_plan(folder)
    if not (folder / "summary.json").exists():
        raise FileNotFoundError(
            f"{folder} has not ended: it is looked at once, when all {len(plan.seeds)} seeds are there. Run carry_out again."
        )
    _, summary, rows = load(folder)
    records = [files.read_sealed(seed_file(folder, seed)) for seed in plan.seeds]
    days = min(one["begun"] for one in records), max(one["ended"] for one in records)
    found = replace(judged_rows(plan, rows), kept=len(summary.get("kept", ())), days=days)
    if not (folder / RESULTS).exists():
        with hold(folder):
            files.write_sealed(folder / RESULTS, {"looked_at": now(), "differences": found.record()})
    return found
