"""The verdict on a claim, by its registered rule and from the recorded rows alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lthkit.data.sources import data_folder
from lthkit.evidence.registration import Verdict
from lthkit.ledger.claims import (
    CONTESTED,
    DIFFERENCE,
    NOT_REPRODUCED,
    NOT_RUN,
    PARTLY,
    REPRODUCED,
    SAVING,
    VALUE,
    Claim,
    Erratum,
    Outcome,
    Rule,
)
from lthkit.ledger.measuring import tables_of, values_of
from lthkit.storage import files
from lthkit.storage.records import Row

HELD, FAILED = "held", "failed"
DIGITS = {"percent": ".1f", "updates": ",.0f"}  # else ".2f"


@dataclass(frozen=True)
class Part:
    """What came of one part of a rule. values: by seed, in the unit of the rule. signed: they are differences, shown with signs."""

    verdict: Verdict
    values: Mapping[int, float]
    signed: bool = True

    @classmethod
    def of(cls, rule: Rule, seeds: tuple[int, ...], rows: Sequence[Row]) -> Part:
        """Measured in these rows. A comparison that is equal for all seeds has no spread, so no interval: it stays open."""
        values = values_of(rule, seeds, rows)
        verdict = rule.registered(seeds).verdict(values, paired=rule.kind != VALUE)
        return cls(verdict, values, rule.kind in (DIFFERENCE, SAVING))

    @property
    def number(self) -> str:
        """The mean and its 95 % interval, as in "+0.96 [+0.36, +1.57]"; with a digit more where an end would look like the bound.

        "+0.50 (no spread)" where a comparison is the same for all seeds.
        """
        band, said = self.verdict.interval, self.verdict.registered
        three = band.mean, band.low, band.high
        sign = "+" if self.signed else ""
        form = DIGITS.get(said.unit, ".2f")
        ends = [float(format(abs(v), form).replace(",", "")) for v in three[1:]]
        if form == ".2f" and round(abs(said.bound), 2) in ends:
            form = ".3f"
        mean, low, high = (format(0.0 if abs(v) < 1e-9 else v, sign + form) for v in three)
        if self.verdict.equal:
            return f"{mean} (no spread)"
        return f"{mean} [{low}, {high}]".replace("-0.00 ", "0.00 ")

    def __str__(self) -> str:
        said = self.verdict.registered
        return f"{self.verdict.outcome}: {said.compared}: {self.number} {said.unit}, n = {self.verdict.interval.n}"


@dataclass(frozen=True)
class Judged:
    """A claim and what its record says. parts: empty if there is no record, or seeds are missing of it.

    recorded: the registered seeds that the record has. changed: the registered text is not that of the run; an erratum says why.
    begun: there is a record, though seeds may be missing of it.
    """

    claim: Claim
    parts: tuple[Part, ...]
    recorded: tuple[int, ...] = ()
    changed: bool = False
    begun: bool = False

    @property
    def verdict(self) -> str:
        """All parts held: reproduced. Some: partly. None, and one failed: not reproduced. None decided: contested."""
        outcomes = [part.verdict.outcome for part in self.parts]
        if not outcomes:
            return NOT_RUN
        if set(outcomes) == {HELD}:
            return REPRODUCED
        if HELD in outcomes:
            return PARTLY
        return NOT_REPRODUCED if FAILED in outcomes else CONTESTED

    @property
    def as_predicted(self) -> bool | None:
        """Whether the verdict is the one that was predicted; None if the claim was not run."""
        return None if self.verdict == NOT_RUN else self.verdict == self.claim.prediction

    @property
    def outcome(self) -> Outcome:
        """As it stands in the ledger."""
        return Outcome(self.verdict, tuple(map(str, self.parts)))


def judge(
    claim: Claim,
    results: Path | str | None = None,
    *,
    errata: Sequence[Erratum] = (),
    registered: Claim | None = None,
) -> Judged:
    """Judge a claim from its record in `results`, a folder of records (without it the one that comes with the course).

    registered: the claim as the ledger has it, if `claim` is it with fewer seeds, for a repetition. errata: of the ledger. A registered text that was changed after its run needs entries
    that lead from the digest of the run to the one that it has now.

    Raises:
        FileNotFoundError: `results` is no folder.
        ValueError: the record was begun with another registered text, or has not what the rule asks for.
        files.DamagedFile: a file of the record was altered.
    """
    place = data_folder() / "results" if results is None else Path(results)
    if not place.is_dir():
        raise FileNotFoundError(f"{place} was given; expected a folder of records, such as data/results.")
    folder = place / claim.record
    if not (folder / "summary.json").exists():
        return Judged(claim, ())
    config = files.read_sealed(folder / "config.json")
    changed = _changed(registered or claim, config, errata)
    tables = tables_of(folder, [rule.table for rule in claim.rule])
    there = _seeds_of(config, folder)
    recorded = tuple(seed for seed in claim.seeds if seed in there)
    if recorded != claim.seeds:
        return Judged(claim, (), recorded, changed, begun=True)
    parts = tuple(Part.of(rule, claim.seeds, tables[rule.table]) for rule in claim.rule)
    return Judged(claim, parts, recorded, changed, begun=True)


def _seeds_of(config: Mapping[str, Any], folder: Path) -> set[int]:
    """The seeds of a record, which are whole numbers: "100" is none, and no seed of a claim would be found among such."""
    seeds = config.get("seeds")
    if not isinstance(seeds, list) or any(type(seed) is not int for seed in seeds):
        raise ValueError(
            f"{folder / 'config.json'} has seeds = {seeds!r}; expected a list of whole numbers, such as [100, 101]. It is damaged, or "
            "was written by something else: collect the record anew from its run."
        )
    return set(seeds)


def _changed(claim: Claim, config: Mapping[str, Any], errata: Sequence[Erratum]) -> bool:
    """Whether the registered text was changed after the run, as errata say; refused if they do not."""
    claims = config.get("claims")
    found = claims.get(claim.id) if isinstance(claims, Mapping) else None
    if found is None:
        raise ValueError(
            f"{claim.id}: the record {claim.record} was begun without it: its config.json does not name this claim. A claim that "
            "is made after the run is judged by new seeds."
        )
    explained, before = {found}, set[str]()
    while explained != before:
        before = set(explained)
        explained |= {one.became[claim.id] for one in errata if one.digests.get(claim.id) in before}
    if claim.digest not in explained:
        raise ValueError(
            f"{claim.id}: the record {claim.record} was begun with the registered text {found}, and the ledger now has "
            f"{claim.digest}: rule, prediction or seeds were changed afterwards. Put the text back, or say in an erratum what was "
            f'changed and why, with digests = {{{claim.id} = "{found}"}} and became = {{{claim.id} = "{claim.digest}"}}.'
        )
    return bool(found != claim.digest)
