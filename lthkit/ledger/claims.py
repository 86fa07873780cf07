"""One claim of the ledger: its words and source, the rule that judges it, the prediction; each checked when it is made."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

from lthkit.evidence.registration import Registered
from lthkit.machine.checks import did_you_mean
from lthkit.storage.owners import canonical

REPRODUCED, PARTLY, NOT_REPRODUCED, CONTESTED, NOT_RUN = (
    "reproduced",
    "partly",
    "not reproduced",
    "contested",
    "not run",
)
VERDICTS = (REPRODUCED, PARTLY, NOT_REPRODUCED, CONTESTED, NOT_RUN)
UNPUBLISHED = "not published"  # a question of this course
CHECKED = (
    "read in the paper",
    "read in the authors' code or data",
    "quoted by others",
    "an independent replication",
    "own pilot",
    UNPUBLISHED,
)
DIFFERENCE, RATIO, SAVING, VALUE = "difference", "ratio", "saving", "value"
KINDS = (DIFFERENCE, RATIO, SAVING, VALUE)
Where = Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """One part of the rule of a claim: a number for each seed, and where its 95 % t-interval is said to lie.

    compared: in words. kind: "difference" (of - minus), "ratio" (of / minus), "saving" (100 (1 - of / minus), in percent)
    or "value" (of). of, minus: columns of a recorded table with their values, which must single out one row for each seed.
    column: what is read there, times `scale`. claim, bound, unit: as in `evidence.Registered`. table: of the record.
    """

    compared: str
    column: str
    of: Where
    claim: str
    bound: float
    kind: str = DIFFERENCE
    minus: Where = field(default_factory=dict)
    scale: float = 1
    unit: str = "points"
    table: str = "table.csv"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(
                f"kind={self.kind!r} was given; expected one of {', '.join(KINDS)}.{did_you_mean(str(self.kind), KINDS)}"
            )
        if (self.kind == VALUE) == bool(self.minus):
            raise ValueError(
                f"kind={self.kind!r} was given with minus={dict(self.minus)!r}; expected minus with every kind but 'value', and only there."
            )
        for name in ("column", "table", "compared", "unit"):
            if not isinstance(value := getattr(self, name), str) or not value.strip():
                raise ValueError(f"{name}={value!r} was given; expected a text.")
        for name in ("of", "minus"):
            if not isinstance(where := getattr(self, name), Mapping) or "seed" in where:
                raise ValueError(
                    f"{name}={where!r} was given; expected columns and their values, without the seed."
                )
        if not isinstance(self.scale, int | float) or isinstance(self.scale, bool) or not self.scale > 0:
            raise ValueError(f"scale={self.scale!r} was given; expected a number above 0, such as 100.")
        if self.column.endswith("accuracy") and self.unit == "points" and self.scale != 100:
            raise ValueError(
                f"scale={self.scale!r} was given for {self.column} in points; expected 100, since tables have shares."
            )

    def registered(self, seeds: tuple[int, ...]) -> Registered:
        """The same as a registered prediction of these seeds, which gives the verdict."""
        return Registered(self.compared, self.claim, self.bound, seeds, self.unit)


@dataclass(frozen=True)
class Outcome:
    """What stands in the ledger of a claim's run: the verdict, and a line for each part of the rule."""

    verdict: str
    parts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"verdict={self.verdict!r} was given; expected one of {', '.join(VERDICTS)}.")


@dataclass(frozen=True)
class Claim:
    """A claim, registered before its run.

    paper: where it was published, with section or figure; "this course" if nowhere. published: the value there.
    checked: how far that was verified, one of `CHECKED`. seeds: all that the run will have. record: its folder in
    data/results. command: what makes it. prediction: the verdict that we expect, and why. deviations: from the paper.
    cost: of the run, in words, if it was not made. outcome: None until the run is judged.

    `digest` is of the registered text: all but deviations, cost and outcome, which may be added to later.
    """

    id: str
    claim: str
    paper: str
    published: str
    checked: str
    registered: date
    seeds: tuple[int, ...]
    record: str
    command: str
    rule: tuple[Rule, ...]
    prediction: str
    why: str
    deviations: tuple[str, ...] = ()
    cost: str = ""
    outcome: Outcome | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", self.id):
            raise ValueError(
                f"the id {self.id!r} was given; expected words of small letters and digits with hyphens, such as hill-mnist."
            )
        for name in ("claim", "paper", "published", "record", "command", "why"):
            if not isinstance(value := getattr(self, name), str) or not value.strip():
                raise ValueError(f"{name}={value!r} was given; expected a text.")
        if self.checked not in CHECKED:
            raise ValueError(
                f"checked={self.checked!r} was given; expected one of {', '.join(CHECKED)}."
                f"{did_you_mean(str(self.checked), CHECKED)}"
            )
        if self.prediction not in VERDICTS[:-1]:
            raise ValueError(
                f"prediction={self.prediction!r} was given; expected one of {', '.join(VERDICTS[:-1])}."
                f"{did_you_mean(str(self.prediction), VERDICTS)}"
            )
        if type(self.registered) is not date:
            raise ValueError(
                f"registered={self.registered!r} was given; expected a date, such as 2026-11-30."
            )
        if not self.rule:
            raise ValueError("there is no rule; expected one part of a rule or more.")
        names = [part.compared for part in self.rule]
        if len(set(names)) < len(names):
            raise ValueError(f"two parts of the rule compare the same: {', '.join(names)}.")
        if list(self.seeds) != sorted(self.seeds):
            raise ValueError(f"seeds={list(self.seeds)} were given; expected them in rising order.")
        for part in self.rule:
            part.registered(self.seeds)  # refuses seeds, bounds and claims that are none

    @property
    def digest(self) -> str:
        """Twelve hex digits of the registered text; the configuration of its run holds them."""
        free = ("deviations", "cost", "outcome")
        said: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in free}
        said["registered"] = self.registered.isoformat()
        said["seeds"] = list(self.seeds)
        said["rule"] = [_plain(part) for part in self.rule]
        return hashlib.sha256(canonical(said).encode()).hexdigest()[:12]


def _plain(rule: Rule) -> dict[str, Any]:
    said = {f.name: getattr(rule, f.name) for f in fields(rule)}
    return {
        name: dict(v) if isinstance(v, Mapping) else float(v) if name in ("bound", "scale") else v
        for name, v in said.items()
    }


@dataclass(frozen=True)
class Erratum:
    """What was wrong and is not any longer: a claim, a number or a sentence.

    claims: ids it is about. was, now: in words. digests: of registered texts that were changed, by id, as runs have them.
    became: the digests of the same ids after the change, so that a later change needs an entry of its own.
    """

    date: date
    was: str
    now: str
    why: str
    claims: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    became: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if type(self.date) is not date:
            raise ValueError(f"date={self.date!r} was given; expected a date, such as 2026-11-30.")
        for name in ("was", "now", "why"):
            if not isinstance(value := getattr(self, name), str) or not value.strip():
                raise ValueError(f"{name}={value!r} was given; expected a text.")
        if extra := sorted(set(self.digests) - set(self.claims)):
            raise ValueError(f"digests are of {', '.join(extra)}, and claims does not name them.")
        if set(self.digests) != set(self.became):
            raise ValueError(
                f"digests are of {', '.join(self.digests) or 'no claim'}, and became of {', '.join(self.became) or 'none'}; "
                "expected the same claims in both: before the change, and after it."
            )
