"""What an audit answers: each item holds, fails, or cannot be told; never a silent pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lthkit.machine.tables import Table

HOLDS, FAILS, OPEN = "holds", "fails", "cannot be told"
WEIGHTS, RECORD, FIGURES = "weights", "run record", "figures"


@dataclass(frozen=True)
class Item:
    """One question of the checklist: what holds if it does, and of what kind the evidence is."""

    name: str
    statement: str
    evidence: str


ITEMS: dict[str, Item] = {
    item.name: item
    for item in (
        Item("zeros", "removed weights are exactly 0", WEIGHTS),
        Item("nested", "no removed weight comes back", WEIGHTS),
        Item("ranking", "the mask keeps the highest scores", WEIGHTS),
        Item("density", "as many weights stay as was said", WEIGHTS),
        Item("empty", "no layer is empty", WEIGHTS),
        Item("whole", "the mask covers the network's weights", WEIGHTS),
        Item("shared", "a shared weight has one mask and one value", WEIGHTS),
        Item("rewound", "training began from the state that was meant", WEIGHTS),
        Item("moved", "every kept weight was trained", WEIGHTS),
        Item("optimizer", "no momentum for removed weights", WEIGHTS),
        Item("measured", "the accuracy is that of these weights", FIGURES),
        Item("test", "the test split was read once a training", RECORD),
        Item("seeds", "several seeds, each with weights of its own", RECORD),
        Item("controls", "the controls are what their names say", RECORD),
        Item("record", "the record is whole", RECORD),
    )
}


@dataclass(frozen=True)
class Finding:
    """The answer to one item: a verdict, and a sentence that says what, where and how many, or what it would need."""

    item: str
    verdict: str
    text: str

    def __post_init__(self) -> None:
        if self.item not in ITEMS or self.verdict not in (HOLDS, FAILS, OPEN) or not self.text:
            raise ValueError(f"{self!r} is no finding.")


def holds(item: str, text: str) -> Finding:
    """The item was looked at and holds."""
    return Finding(item, HOLDS, text)


def fails(item: str, text: str) -> Finding:
    """The item was looked at and does not hold."""
    return Finding(item, FAILS, text)


def cannot_tell(item: str, text: str) -> Finding:
    """The evidence does not decide; `text` says what would."""
    return Finding(item, OPEN, text)


@dataclass(frozen=True)
class Audit:
    """The findings of an audit, one for each item, in the order of `ITEMS`. Shown as a table in both faces.

    subject: what was audited, in a few words. notes: sentences below the table.
    """

    subject: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if [finding.item for finding in self.findings] != list(ITEMS):
            raise ValueError(f"An audit answers every item once: {', '.join(ITEMS)}.")

    def __getitem__(self, item: str) -> Finding:
        for finding in self.findings:
            if finding.item == item:
                return finding
        raise KeyError(f"An audit has no item {item!r}; it has {', '.join(ITEMS)}.")

    def _with(self, verdict: str) -> tuple[str, ...]:
        return tuple(finding.item for finding in self.findings if finding.verdict == verdict)

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the items that fail."""
        return self._with(FAILS)

    @property
    def held(self) -> tuple[str, ...]:
        """Names of the items that hold."""
        return self._with(HOLDS)

    @property
    def open(self) -> tuple[str, ...]:
        """Names of the items that cannot be told."""
        return self._with(OPEN)

    @property
    def summary(self) -> str:
        """How many items hold, fail and cannot be told, in one sentence."""
        held, failed = len(self.held), len(self.failed)
        return (
            f"{held} {'holds' if held == 1 else 'hold'}, {failed} {'fails' if failed == 1 else 'fail'}, {len(self.open)} "
            f"cannot be told (of {len(self.findings)} items)"
        )

    @property
    def table(self) -> Table:
        """A row for each item: the statement, the verdict, and what was found; what fails comes first."""
        order = {FAILS: 0, OPEN: 2, HOLDS: 1}
        rows = sorted(self.findings, key=lambda finding: order[finding.verdict])
        return Table(
            ["item", "verdict", "what was found, or what it would need"],
            [
                (f"{finding.item}: {ITEMS[finding.item].statement}", finding.verdict, finding.text)
                for finding in rows
            ],
            title=f"Audit of {self.subject}",
            notes=[self.summary, *self.notes],
        )

    def show(self) -> None:
        """Show the table."""
        self.table.show()

    def __str__(self) -> str:
        return self.table.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def complete(
    subject: str, findings: Iterable[Finding], needs: Mapping[str, str], notes: Sequence[str] = ()
) -> Audit:
    """An audit of these findings, in order; an item without a finding cannot be told, and `needs` says what it needs."""
    found = {finding.item: finding for finding in findings}
    return Audit(
        subject,
        tuple(found.get(name) or cannot_tell(name, f"Needs {needs[name]}.") for name in ITEMS),
        tuple(notes),
    )


def together(item: str, parts: Mapping[str, Finding]) -> Finding:
    """One finding for several parts, by label: the worst verdict, with the words of the parts that have it.

    A part that cannot be told is worse than one that holds: what was not seen for some does not hold for all.
    """
    for verdict in (FAILS, OPEN, HOLDS):
        own = {label: finding.text for label, finding in parts.items() if finding.verdict == verdict}
        if own:
            return Finding(item, verdict, _together(own, parts, verdict))
    raise ValueError("No parts were given.")


def _together(own: Mapping[str, str], parts: Mapping[str, Finding], verdict: str) -> str:
    """The words of the parts that have one verdict: of the last where it holds, of the first where it does not."""
    if len(parts) == 1:
        return next(iter(own.values()))
    one_text = len(set(own.values())) == 1
    if verdict == HOLDS:
        label, text = list(own.items())[-1]
        nouns = {label.partition(" ")[0] for label in own}
        noun = f" {nouns.pop()}s" if len(nouns) == 1 else ""
        return f"{text if one_text else f'{label}: {text}'} (So in each of {len(own)}{noun}.)"
    label, text = next(iter(own.items()))
    where = f"{len(own)} of {len(parts)}: {', '.join(_few(list(own)))}"
    return f"{text} ({where}.)" if one_text else f"{label}: {text} (So, or alike, in {where}.)"


def _few(names: Sequence[str], most: int = 4) -> list[str]:
    return [*names[:most], f"{len(names) - most} more"] if len(names) > most + 1 else list(names)
