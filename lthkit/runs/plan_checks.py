"""Is a planned experiment in order? Each item of the list is passed, to do or failed, with one sentence that says what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lthkit.machine.checks import plain
from lthkit.machine.tables import Table
from lthkit.runs.audits import audit_folder
from lthkit.runs.outcomes import judged_rows, same_results
from lthkit.runs.plan_folders import PlanFolder
from lthkit.runs.plans import BEGUN, KEPT, RESULTS, digest_of, read_plan
from lthkit.runs.remade import Given
from lthkit.runs.results import read_results
from lthkit.storage import files, owners
from lthkit.storage.folders import read_config
from lthkit.storage.records import Row

PASSED, TO_DO, FAILED = "passed", "to do", "failed"
ITEMS = {
    "registered": "the prediction is older than the run, and unchanged",
    "announced": "its digest was given away before the run",
    "power": "enough seeds for the effect that matters",
    "finished": "all trainings have ended, and no record is missing",
    "seeds": "the planned seeds, the same in every arm",
    "controls": "the planned controls, each a training of its own",
    "intervals": "every prediction has its interval and its verdict",
    "test": "the test split was read once a training, and chose nothing",
    "audit": "the audit finds nothing that fails",
}
_NUMBERS = ("test_accuracy", "test_metric", "validation_loss", "best_step")
ENOUGH = 0.8


@dataclass(frozen=True)
class Check:
    """One item: its state, and a sentence."""

    item: str
    state: str
    says: str


@dataclass(frozen=True)
class Checks:
    """All items, in the order of `ITEMS`. Shown as a table."""

    folder: str
    items: tuple[Check, ...]

    def __getitem__(self, item: str) -> Check:
        found = {one.item: one for one in self.items}
        if item not in found:
            raise KeyError(f"There is no item {item!r}; there are {', '.join(found)}.")
        return found[item]

    def _with(self, state: str) -> tuple[str, ...]:
        return tuple(one.item for one in self.items if one.state == state)

    @property
    def passed(self) -> tuple[str, ...]:
        """Items that are in order."""
        return self._with(PASSED)

    @property
    def to_do(self) -> tuple[str, ...]:
        """Items for which something is still missing."""
        return self._with(TO_DO)

    @property
    def failed(self) -> tuple[str, ...]:
        """Items that are wrong."""
        return self._with(FAILED)

    @property
    def table(self) -> Table:
        """A row for each item."""
        return Table(
            ["item", "state", "what was found, or what to do"],
            [(f"{one.item}: {ITEMS[one.item]}", one.state, one.says) for one in self.items],
            title=f"Checks of {self.folder}",
            notes=[f"{len(self.passed)} passed, {len(self.to_do)} to do, {len(self.failed)} failed"],
        )

    def __str__(self) -> str:
        return self.table.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def checks(folder: Path | str, *, digest: str | None = None) -> Checks:
    """Look at the folder of a planned experiment, whatever state it is in; nothing is trained, and nothing raised.

    Args:
        folder: that of `Plan.register`, or a copy that `hand_in` made.
        digest: the twelve digits that were given to somebody before the run. Only they show that the folder was not begun
            anew after a look at its results.
    """
    path = Path(folder)
    registered = _registered(path)
    if registered.state != PASSED:
        later = (
            f"Comes after the first item: {'register a plan' if registered.state == TO_DO else 'mend that'}."
        )
        rest = [Check(item, TO_DO, later) for item in list(ITEMS)[1:]]
        return Checks(path.name, (registered, *rest))
    this = PlanFolder.read(path)
    found: dict[str, Callable[[PlanFolder], Check]] = {
        "power": _power,
        "finished": _finished,
        "seeds": _seeds,
        "controls": _controls,
        "intervals": _intervals,
        "test": _test,
        "audit": _audit,
    }
    return Checks(path.name, (registered, _announced(this, digest), *(look(this) for look in found.values())))


# The first item: without it there is nothing to look at


def _registered(folder: Path) -> Check:
    """Is there a plan, is it the one under which all that lies here was written, and is it older?"""
    item = "registered"
    try:
        inside = (
            [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.exists() else []
        )
    except NotADirectoryError:
        return Check(item, FAILED, f"{folder.name} is a file; expected the folder of a run.")
    if not inside:
        return Check(item, TO_DO, "There is nothing here yet: write the plan and call plan.register(folder).")
    if not (folder / owners.CONFIG).exists():
        return Check(
            item,
            FAILED,
            "There are files here and no config.json: this is no planned experiment, or its registration is gone.",
        )
    try:
        plan, config = read_plan(folder), read_config(folder)
        own, registered_at = owners.mark_of(config), str(config["registered_at"])
    except (ValueError, KeyError) as error:  # a DamagedFile is one
        return Check(item, FAILED, " ".join(str(error).split()))
    begun = []
    for path in sorted(path for path in inside if path.suffix == ".json" and path.name != owners.CONFIG):
        try:
            record = files.read_json(path)
        except (files.DamagedFile, OSError):
            continue  # told by "finished"
        mark = record.get(owners.MARK) if isinstance(record, dict) else None
        if mark != own or record.get("plan", plan.digest) != plan.digest:
            return Check(
                item,
                FAILED,
                f"{path.name} was written under another registration than the one that lies here: the plan was changed after the "
                "run, or the file is of another run.",
            )
        begun += [str(record[key]) for key in ("begun", "at") if key in record]
    if begun and min(begun) < registered_at:
        return Check(
            item, FAILED, f"The run began at {min(begun)}, before the plan was registered ({registered_at})."
        )
    after = f", the run began at {min(begun)}" if begun else "; nothing is trained yet"
    return Check(
        item, PASSED, f"Registered at {registered_at}{after}. Digest {digest_of(config)}, tier {plan.tier}."
    )


# The items


def _announced(this: PlanFolder, digest: str | None) -> Check:
    own = this.plan.digest
    if digest is None or not str(digest).strip():
        return Check(
            "announced",
            TO_DO,
            f"Give somebody the digest {own} before you train, and give it here: checks(folder, digest=...).",
        )
    if str(digest).strip().lower() != own:
        return Check(
            "announced",
            FAILED,
            f"The digest that was given away is {digest}, and this plan has {own}: it is another plan. Both belong into the report.",
        )
    return Check("announced", PASSED, f"{own}, as given away.")


def _power(this: PlanFolder) -> Check:
    plan = this.plan
    says = f"{plan.effect:g} {plan.unit} at sd {plan.sd:g} are seen by {len(plan.seeds)} seeds with probability {plan.power:.2f}"
    if plan.power < ENOUGH:
        return Check(
            "power",
            TO_DO,
            f"{says}, below {ENOUGH}: a null result will say little. Say so in the limits, or plan more seeds.",
        )
    return Check("power", PASSED, f"{says}.")


def _finished(this: PlanFolder) -> Check:
    item, count = "finished", len(this.plan.seeds)
    if this.damaged:
        return Check(
            item,
            FAILED,
            f"{this.damaged[0]} was altered, or is of another run. Put the right file back, and tell what happened.",
        )
    if this.missing and this.summary is not None:
        return Check(
            item,
            FAILED,
            f"The run had ended, and the record of seed {this.missing[0]} is gone. Put it back, or say why it is missing.",
        )
    if this.missing:
        return Check(
            item,
            TO_DO,
            f"{count - len(this.missing)} of {count} seeds have ended. Run carry_out again; it goes on from there.",
        )
    if this.summary is None:
        return Check(item, TO_DO, "All seeds have ended, and the table is not written. Run carry_out again.")
    try:
        table = read_results(this.folder, "table.csv", this.summary)
    except files.DamagedFile:
        return Check(
            item,
            FAILED,
            "table.csv is missing, or was altered. Put the right file back, and tell what happened.",
        )
    if _plain_rows(table) != _plain_rows(this.rows):
        return Check(item, FAILED, "table.csv and the records of the seeds do not have the same rows.")
    return Check(
        item,
        PASSED,
        f"{count} seeds with {len(this.plan.arms)} arms: {len(table)} rows, in the records and in the table.",
    )


def _plain_rows(rows: Sequence[Row]) -> list[str]:
    return sorted(
        repr(sorted((key, plain(value)) for key, value in row.items() if value is not None)) for row in rows
    )


def _seeds(this: PlanFolder) -> Check:
    item = "seeds"
    if this.wrong_rows:
        return Check(item, FAILED, this.wrong_rows)
    if this.strangers:
        return Check(
            item,
            FAILED,
            f"{this.strangers[0]} is not of a planned seed. A seed that was added later is another experiment.",
        )
    seen: dict[tuple[tuple[str, ...], ...], int] = {}
    for seed in this.records:
        own = tuple(_numbers(row) for row in this.of(seed))
        if own in seen:
            return Check(
                item,
                FAILED,
                f"Seeds {seen[own]} and {seed} have the same numbers: the seed does not reach the training.",
            )
        seen[own] = seed
    if this.missing:
        return Check(item, TO_DO, f"{len(this.records)} of {len(this.plan.seeds)} planned seeds are there.")
    return Check(
        item, PASSED, f"{len(this.plan.seeds)} seeds, as planned, each in {len(this.plan.arms)} arms."
    )


def _numbers(row: Row) -> tuple[str, ...]:
    return tuple(repr(row[key]) for key in _NUMBERS if key in row)


def _controls(this: PlanFolder) -> Check:
    item, names = "controls", ", ".join(this.plan.controls)
    if not this.records:
        return Check(item, TO_DO, f"Planned: {names}. No seed has ended yet.")
    for seed in this.records:
        by_arm = {row.get("arm"): row for row in this.of(seed)}
        for control in this.plan.controls:
            if control not in by_arm:
                return Check(item, FAILED, f"Seed {seed} has no training of the control {control!r}.")
            for arm, row in by_arm.items():
                if arm != control and _numbers(row) == _numbers(by_arm[control]):
                    return Check(
                        item,
                        FAILED,
                        f"{control} and {arm} have the same numbers in seed {seed}: they are one training.",
                    )
    state = TO_DO if this.missing else PASSED
    return Check(
        item,
        state,
        f"{names}: in {len(this.records)} of {len(this.plan.seeds)} seeds, with numbers of its own.",
    )


def _intervals(this: PlanFolder) -> Check:
    item, path = "intervals", this.folder / RESULTS
    if not this.whole:
        return Check(item, TO_DO, "Comes when the run has ended.")
    if not path.exists():
        return Check(
            item,
            TO_DO,
            "Call outcome(folder): it computes them by the registered rule, and keeps them beside the run.",
        )
    try:
        there = files.read_sealed(path)["differences"]
        found = judged_rows(this.plan, this.rows).record()
    except (ValueError, KeyError, TypeError) as error:
        return Check(item, FAILED, " ".join(str(error).split()))
    if not same_results(there, found):
        return Check(item, FAILED, f"{RESULTS} does not have the numbers that the records give.")
    said = "; ".join(f"{name}: {one['outcome']}" for name, one in found.items())
    return Check(item, PASSED, f"{said}. Recomputed from the records.")


def _test(this: PlanFolder) -> Check:
    item = "test"
    if not this.records:
        return Check(item, TO_DO, "Nothing is trained yet.")
    try:
        readings = files.read_sealed(this.folder / BEGUN)["test_readings"]
    except (OSError, ValueError, KeyError):
        return Check(
            item,
            FAILED,
            f"{BEGUN} is missing or was altered: what one_seed does with the test split is not known.",
        )
    if readings:
        return Check(
            item,
            FAILED,
            f"one_seed reads the test split itself ({readings[0]}). Choose on the validation split; each training reads the test "
            "split once, at its end.",
        )
    if own := sorted(_own_loops(this.folder / KEPT)):
        return Check(
            item,
            TO_DO,
            f"{own[0]} was trained by a loop of your own: say in the report how often it reads the test split.",
        )
    many = sum(len(this.of(seed)) for seed in this.records)
    if this.missing:
        return Check(
            item,
            TO_DO,
            f"{many} trainings have read it once each. The results are looked at when all have ended.",
        )
    return Check(
        item, PASSED, f"{many} rows, one test result each; one_seed does not mention the test split."
    )


def _own_loops(kept: Path) -> list[str]:
    found = []
    for path in kept.glob("*/config.json"):
        try:
            if "train" in read_config(path.parent):
                found.append(path.parent.name)
        except (files.DamagedFile, owners.RunMismatch):
            continue  # told by the audit
    return found


def _audit(this: PlanFolder) -> Check:
    item = "audit"
    if not this.whole:
        return Check(item, TO_DO, "Comes when the run has ended.")
    if this.lost:
        return Check(
            item,
            FAILED,
            f"{this.lost} of the trainings are gone from {KEPT}/. Put them back; a copy without weights is made by "
            "hand_in(folder, target), which audits them first.",
        )
    audit = audit_folder(this.folder, Given())
    if audit.failed:
        found = audit[audit.failed[0]]
        return Check(item, FAILED, f"{found.item}: {found.text}")
    return Check(item, PASSED, f"{audit.summary}. lthkit audit shows all.")
