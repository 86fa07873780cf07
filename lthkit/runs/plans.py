"""An experiment that is planned first: arms, controls, seeds and predictions are registered, then trained, then looked at.

Its folder is one run. `config.json` is the registration, and whatever the run writes carries its mark, so a registration that
is changed after the run no longer fits the records. `seed-0007.json` has the rows of a seed, `kept/` its trainings with their
weights, `table.csv` and `summary.json` come when all seeds have ended, `results.json` when they are looked at.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from lthkit.evidence.planning import power_of
from lthkit.evidence.registration import Registered
from lthkit.machine.checks import did_you_mean, is_number, plain
from lthkit.machine.tiers import tier
from lthkit.runs.readings import readings_of
from lthkit.runs.results import row_of, write_results
from lthkit.storage import files, owners
from lthkit.storage.folders import hold, keeping_runs_in, open_run, read_config
from lthkit.storage.identity import name_of
from lthkit.storage.owners import canonical
from lthkit.storage.records import Row, environment
from lthkit.tickets.rounds import Round
from lthkit.training.pool import each

KIND = "planned experiment"
KEPT, BEGUN, RESULTS = "kept", "begun.json", "results.json"
POINTS = ("test_accuracy", "validation_accuracy")  # told in points: times 100

OneSeed = Callable[[int], Mapping[str, Any]]


@dataclass(frozen=True)
class Predicted:
    """Where the 95 % interval of the paired differences `arm` - `other` will lie: "above" `bound`, "below" it or "within" it."""

    arm: str
    other: str
    claim: str
    bound: float

    @property
    def name(self) -> str:
        """The difference in words."""
        return f"{self.arm} - {self.other}"


@dataclass(frozen=True)
class Plan:
    """An experiment before it is run.

    question: one sentence that ends with a question mark.
    arms: what is compared, by name, such as ("ticket", "shuffled"); every seed has one training of each that counts.
    controls: those of the arms that take a possible cause away, or show that this cell can see a difference at all.
    predictions: of differences between arms, the first one is the one that is asked about.
    seeds: all that there will be.
    effect: the smallest difference that matters, in `unit`; what a null result is held against.
    sd: the standard deviation of the paired differences that is expected, in `unit`. Say in `note` where it is from.
    measure: the column of the rows that is compared: an accuracy is told in points, anything else as it is.
    unit: "points" for an accuracy; of another measure it must be said.
    minutes: what the run may take, for the reader of the plan.
    note: what else a reader should know: a pilot run, its seeds, where `sd` is from.
    tier: that in force.
    """

    question: str
    arms: tuple[str, ...]
    controls: tuple[str, ...]
    predictions: tuple[Predicted, ...]
    seeds: tuple[int, ...]
    effect: float
    sd: float
    measure: str = "test_accuracy"
    unit: str = ""
    minutes: float = 15.0
    note: str = ""
    tier: str = field(default_factory=tier)

    def __post_init__(self) -> None:
        for name in ("arms", "controls", "predictions", "seeds"):
            value = getattr(self, name)
            if not isinstance(value, tuple | list | range):
                raise ValueError(f"{name}={value!r} was given; expected several in brackets, such as (a, b).")
            object.__setattr__(self, name, tuple(plain(one) for one in value))
        for name in ("question", "measure", "tier"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                raise ValueError(f"{name}={getattr(self, name)!r} was given; expected words.")
        for name in ("effect", "sd", "minutes"):
            value = plain(getattr(self, name))
            if not is_number(value) or not math.isfinite(value) or value <= 0:
                raise ValueError(f"{name}={value!r} was given; expected a number above 0.")
            object.__setattr__(self, name, float(value))
        if not self.unit:
            if self.measure not in POINTS:
                raise ValueError(
                    f"measure={self.measure!r} was given without a unit; expected unit='steps', say."
                )
            object.__setattr__(self, "unit", "points")
        self._check_arms()
        _ = self.registered  # claims, bounds and seeds are refused there

    def _check_arms(self) -> None:
        names = [*self.arms, *self.controls]
        if bad := [name for name in names if not isinstance(name, str) or not name.strip()]:
            raise ValueError(f"An arm is called {bad[0]!r}; expected words, such as 'ticket'.")
        if len(set(self.arms)) < len(self.arms) or len(self.arms) < 2:
            raise ValueError(f"arms={self.arms} were given; expected two different names or more.")
        if not self.controls:
            raise ValueError(
                "No controls were given; expected one of the arms or more: what takes the cause away, or shows that a "
                "difference could be seen."
            )
        if not self.predictions:
            raise ValueError(
                "No predictions were given; expected one Predicted(arm, other, claim, bound) or more."
            )
        for one in self.predictions:
            if not isinstance(one, Predicted):
                raise ValueError(
                    f"{one!r} was given as a prediction; expected Predicted(arm, other, claim, bound)."
                )
        named = [*self.controls, *(name for one in self.predictions for name in (one.arm, one.other))]
        if unknown := [name for name in named if name not in self.arms]:
            raise ValueError(
                f"{unknown[0]!r} is no arm; there are {', '.join(self.arms)}.{did_you_mean(str(unknown[0]), self.arms)}"
            )
        pairs = [{one.arm, one.other} for one in self.predictions]
        if any(len(pair) < 2 for pair in pairs) or any(pair in pairs[:i] for i, pair in enumerate(pairs)):
            raise ValueError(
                "A prediction compares two different arms, and no two predictions the same ones."
            )
        if set(self.arms) <= set(self.controls):
            raise ValueError("All arms are controls; expected one that is asked about.")
        compared = {name for pair in pairs for name in pair}
        if unused := [name for name in self.controls if name not in compared]:
            raise ValueError(f"The control {unused[0]!r} is in no prediction; expected one that compares it.")

    @property
    def registered(self) -> tuple[Registered, ...]:
        """The predictions with their seeds, as `evidence.Registered` judges them."""
        what = self.measure.replace("_", " ")
        return tuple(
            Registered(f"{one.name}, {what}", one.claim, one.bound, self.seeds, self.unit, self.note)
            for one in self.predictions
        )

    @property
    def power(self) -> float:
        """The probability that a true difference of `effect` is seen, if the standard deviation is `sd`."""
        return power_of(self.effect, sd=self.sd, seeds=len(self.seeds))

    @property
    def digest(self) -> str:
        """Twelve hex digits of all of the plan. Give them to somebody before the run: another plan has others."""
        return digest_of(self.record())

    def record(self) -> dict[str, Any]:
        """The plan as plain values."""
        own = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "predictions"}
        own |= {name: list(own[name]) for name in ("arms", "controls", "seeds")}
        pairs = [[one.arm, one.other] for one in self.predictions]
        return (
            {"kind": KIND} | own | {"pairs": pairs, "registered": [one.record() for one in self.registered]}
        )

    def __str__(self) -> str:
        lines = [self.question, *(one.says for one in self.registered)]
        lines.append(
            f"Arms: {', '.join(self.arms)}; controls: {', '.join(self.controls)}. Seeds: {len(self.seeds)}, tier {self.tier}."
        )
        lines.append(
            f"A difference of {self.effect:g} {self.unit} is seen with probability {self.power:.2f} (sd {self.sd:g})."
        )
        return "\n".join(lines)

    def register(self, folder: Path | str) -> str:
        """Write the plan into a new run folder, before the run; returns its digest. Again the same plan changes nothing.

        Raises:
            ValueError: the folder has another plan, another run, or files of one; nothing there is changed.
        """
        folder = Path(folder)
        if (folder / owners.CONFIG).exists():
            there = read_plan(folder)
            if there.digest != self.digest:
                raise ValueError(
                    f"{folder} has another plan already (digest {there.digest}, this one {self.digest}). A registered plan is "
                    "never changed: take another folder for this one, and keep both."
                )
            return self.digest
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ValueError(
                f"{folder} is not empty; expected a new folder, so that it holds this run alone."
            )
        with hold(folder):
            open_run(folder, self.record() | {"digest": self.digest, "registered_at": now()})
        return self.digest


def digest_of(record: Mapping[str, Any]) -> str:
    """The digest of a plan's record, whatever else stands in it."""
    own = {name: value for name, value in record.items() if name not in ("digest", "registered_at")}
    return hashlib.sha256(canonical(own).encode()).hexdigest()[:12]


def now() -> str:
    """The time, to be compared as text."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def read_plan(folder: Path | str) -> Plan:
    """The plan that a folder was registered for.

    Raises:
        FileNotFoundError: none was. ValueError: the folder has another kind of run. files.DamagedFile: it was altered since.
    """
    path = Path(folder) / owners.CONFIG
    if not path.exists():
        raise FileNotFoundError(
            f"{folder} has no registered plan. Write one and call plan.register({str(folder)!r})."
        )
    config = read_config(folder)
    if config.get("kind") != KIND:
        raise ValueError(
            f"{folder} is a run of another kind ({config.get('name', 'a search or a training')}), not a planned experiment."
        )
    plan = plan_of(config, path)
    if not config.get("digest") == digest_of(config) == plan.digest:
        raise files.DamagedFile(
            f"{path} was altered after it was registered: its digest is not that of its words."
        )
    return plan


def plan_of(config: Mapping[str, Any], where: object) -> Plan:
    """The plan of a configuration."""
    try:
        own = {name: config[name] for name in Plan.__dataclass_fields__ if name != "predictions"}
        pairs = zip(config["pairs"], config["registered"], strict=True)
        predictions = tuple(Predicted(pair[0], pair[1], one["claim"], one["bound"]) for pair, one in pairs)
        return Plan(predictions=predictions, **own)
    except (KeyError, TypeError, ValueError) as error:
        raise files.DamagedFile(f"{where} is no registered plan ({error}).") from error


def seed_file(folder: Path | str, seed: int) -> Path:
    """Where the rows of a seed are."""
    return Path(folder) / f"seed-{seed:04d}.json"


def carry_out(folder: Path | str, one_seed: OneSeed, *, device: torch.device | str = "cpu") -> list[Row]:
    """Train all registered seeds, side by side, or go on with it. Nothing is shown before the last one has ended.

    Args:
        folder: of the registered plan.
        one_seed: called with a seed; returns for each arm of the plan the `Round` that counts, or the pair of mask and
            `TrainResult`. What it trains is kept in the folder, and read there when the run goes on.

    Raises:
        ValueError: an arm is missing or not in the plan; or `one_seed` is not the function that the run began with.
        FileNotFoundError: nothing was registered in the folder.
    """
    folder = Path(folder)
    plan = read_plan(folder)
    if tier() != plan.tier:
        raise ValueError(
            f"The plan is for tier {plan.tier}, and tier {tier()} is in force; register another plan, in another folder."
        )
    with hold(folder):
        open_run(folder, read_config(folder))
        _begin(folder, plan, one_seed)

        def rows_of(seed: int) -> list[Row]:
            path = seed_file(folder, seed)
            if not path.exists():
                begun = now()
                rows = _rows(plan, seed, one_seed(seed))
                kept = len(_kept_in(folder))
                when = {"begun": begun, "ended": now()}
                record = {"seed": seed, "plan": plan.digest, **when, "kept": kept, "rows": rows}
                files.write_sealed(path, record)
            return list(files.read_sealed(path)["rows"])

        with keeping_runs_in(folder / KEPT):
            found = each(rows_of, [(seed,) for seed in plan.seeds], device=device)
        rows = [row for arm in plan.arms for own in found for row in own if row["arm"] == arm]
        if not (folder / "summary.json").exists():
            summary = {"name": KIND, "environment": environment(), "kept": _kept_in(folder)}
            write_results(folder, summary, {"table.csv": rows})
    return rows


def _kept_in(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / KEPT).glob("*") if path.is_dir())


def _begin(folder: Path, plan: Plan, one_seed: OneSeed) -> None:
    """Remember the function that trains; with the first seed that has ended it is fixed."""
    code, path = name_of(one_seed), folder / BEGUN
    if path.exists() and any(seed_file(folder, seed).exists() for seed in plan.seeds):
        if files.read_sealed(path)["code"] != code:
            raise ValueError(
                f"{folder} was begun with another one_seed: its code has changed, or a number that it uses, or a list that it writes to. Seeds that were "
                "trained differently do not go together: register a new plan in a new folder, and keep this one."
            )
        return
    files.write_sealed(path, {"code": code, "at": now(), "test_readings": readings_of(one_seed)})


def _rows(plan: Plan, seed: int, found: Any) -> list[Row]:
    if not isinstance(found, Mapping):
        raise ValueError(
            f"one_seed({seed}) gave a {type(found).__name__}; expected a dict with an entry for each arm."
        )
    wrong = [name for name in plan.arms if name not in found] or [
        name for name in found if name not in plan.arms
    ]
    if wrong:
        raise ValueError(
            f"one_seed({seed}) gave {', '.join(map(str, found)) or 'nothing'}; expected the arms of the plan: {', '.join(plan.arms)}."
        )
    rows = []
    for arm in plan.arms:
        this = found[arm]
        if isinstance(this, Round):
            rows.append(row_of(arm, seed, this.round, this.density, this.result))
        elif isinstance(this, tuple) and len(this) == 2 and hasattr(this[0], "density"):
            rows.append(row_of(arm, seed, 0, this[0].density, this[1]))
        else:
            raise ValueError(
                f"one_seed({seed}) gave a {type(this).__name__} for {arm!r}; expected a Round, or the pair (mask, result of a training)."
            )
        if not is_number(rows[-1].get(plan.measure)):
            raise ValueError(f"The rows have no number {plan.measure!r}; they have {', '.join(rows[-1])}.")
    return rows
