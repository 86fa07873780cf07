"""The ledger as a reader sees it: a table of all claims, one claim in full, the errata."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from lthkit.data.sources import data_folder
from lthkit.ledger.claims import NOT_RUN, UNPUBLISHED, VERDICTS, Claim, Erratum, Rule
from lthkit.ledger.judging import Judged, judge
from lthkit.ledger.reading import load_ledger
from lthkit.machine.tables import Table
from lthkit.storage import files

T = TypeVar("T")
NOWHERE = "this course"  # the paper of a claim that nobody published
WORDS = (
    "held: the whole 95 % interval lies where it must; failed: wholly outside; open: neither. All parts held: reproduced. Some: "
    "partly. None, and one failed: not reproduced. All open: contested. In points unless said."
)


def ledger_table(judged: Sequence[Judged]) -> Table:
    """A row for each claim: what its rule found first, and the verdict; below it, how many have which verdict."""
    return Table(
        ["claim", "found", "verdict"],
        [
            (one.claim.id, _first(one), one.verdict + (" *" if one.as_predicted is False else ""))
            for one in judged
        ],
        title="Claims, registered before their runs",
        notes=[
            "Found: the first part of the rule, mean and 95 % interval over the registered seeds; in points unless said.",
            counts_text(judged),
            "* not as predicted",
        ],
    )


def counts_text(judged: Sequence[Judged]) -> str:
    """How many claims have which verdict, how many of these were predicted, and how many are questions that nobody published."""
    ran = [one for one in judged if one.verdict != NOT_RUN]
    counts = {verdict: sum(one.verdict == verdict for one in ran) for verdict in VERDICTS}
    listed = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    right = sum(one.as_predicted is True for one in ran)
    own = sum(one.claim.checked == UNPUBLISHED for one in ran)
    return (
        f"Of {len(judged)} claims, {len(ran)} have a verdict: {listed or 'none'}. {right} came out as predicted, {len(ran) - right} did "
        f"not. {own} verdicts are on questions of our own, which nobody published. {len(judged) - len(ran)} claims were not run."
    )


def _first(one: Judged) -> str | None:
    if not one.parts:
        return None
    unit = one.claim.rule[0].unit
    return one.parts[0].number + ("" if unit == "points" else f" {unit}")


def claims_table(*names: str) -> Table:
    """Some claims of the course, with each part of their rules: what was compared, where its interval must lie, what the record
    says, and on which side it fell.

    Below it, for each claim, its verdict and what was published; what the words mean; and on what the records were made.

    Raises:
        KeyError: there is no such claim; names the nearest.
    """
    found = load_ledger()
    table = Table(
        ["claim", "compared", "must lie", "found", "part"],
        title="Registered claims, and what came of them",
        keys=2,
    )
    judged = [judge(found[name], errata=found.errata) for name in names]
    for one in judged:
        for rule, part in zip(one.claim.rule, one.parts or [None] * len(one.claim.rule), strict=True):
            unit = "" if rule.unit == "points" else f" {rule.unit}"
            number, outcome = (None, None) if part is None else (part.number + unit, part.verdict.outcome)
            table.add(one.claim.id, rule.compared, _where(rule), number, outcome)
    for source, own in grouped(judged, lambda one: (one.claim.paper, one.claim.published)):
        verdicts = "; ".join(f"{o.claim.id}: {o.verdict} (predicted: {o.claim.prediction})" for o in own)
        paper, published = source
        if paper == NOWHERE:
            table.note(f"{verdicts}. A question of this course, published nowhere.")
        else:
            table.note(f"{verdicts}. {paper}: {published}.")
    table.note(WORDS)
    for record in dict.fromkeys(one.claim.record for one in judged if one.parts):
        table.note(stamp(record))
    return table


def grouped(judged: Sequence[Judged], key: Callable[[Judged], T]) -> Iterator[tuple[T, list[Judged]]]:
    """Claims that share something, each group where its first claim stands."""
    groups: dict[T, list[Judged]] = {}
    for one in judged:
        groups.setdefault(key(one), []).append(one)
    yield from groups.items()


def _where(rule: Rule) -> str:
    """Where a rule says that the interval lies, such as "above 0" or "within ±0.3"."""
    return f"within ±{rule.bound:g}" if rule.claim == "within" else f"{rule.claim} {rule.bound:,g}"


def stamp(record: str) -> str:
    """The small print of a recorded run: which, how many seeds, where and when."""
    place = data_folder() / "results" / record
    config, summary = files.read_sealed(place / "config.json"), files.read_sealed(place / "summary.json")
    where = summary["environment"]
    return (
        f"Recorded: data/results/{record} · {len(config['seeds'])} seeds · {where['processor']} · torch {where['torch']} · "
        f"{where['date']}"
    )


def claim_facts(one: Judged) -> list[tuple[str, str]]:
    """All that the ledger has of one claim but its own words, and what its record says: (name, text), in the order of reading."""
    claim: Claim = one.claim
    facts = [
        ("published", f"{claim.published} ({claim.paper}; {claim.checked})"),
        ("registered", f"{claim.registered.isoformat()}, digest {claim.digest}"),
        ("seeds", ", ".join(map(str, claim.seeds))),
        ("predicted", f"{claim.prediction}: {claim.why}"),
        *(
            [("changed", "after the run; the errata (lthkit claims --errata) say what and why")]
            if one.changed
            else []
        ),
        *(("rule", rule.registered(claim.seeds).says) for rule in claim.rule),
        *(("found", str(part)) for part in one.parts),
    ]
    if one.verdict == NOT_RUN and one.begun:
        some = f"{len(one.recorded)} of {len(claim.seeds)} registered seeds are recorded"
        facts.append(("found", f"{some}; there is no verdict before the last"))
    facts += [("deviation", text) for text in claim.deviations]
    facts += [("cost", claim.cost)] if claim.cost else []
    return [*facts, ("record", f"data/results/{claim.record}"), ("command", claim.command)]


def claim_text(one: Judged, *, width: int = 80) -> str:
    """A claim and its `claim_facts`, in lines of at most `width` characters."""
    lines = [f"{one.claim.id}: {one.verdict}"]
    for name, text in [("claim", one.claim.claim), *claim_facts(one)]:
        lines += textwrap.wrap(
            f"{name:12}{text}",
            width,
            subsequent_indent=" " * 12,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines)


def errata_text(errata: Sequence[Erratum]) -> str:
    """What was wrong before, the newest first."""
    if not errata:
        return "No errata."
    blocks = []
    for one in sorted(errata, key=lambda erratum: erratum.date, reverse=True):
        about = f" ({', '.join(one.claims)})" if one.claims else ""
        blocks.append(f"{one.date.isoformat()}{about}\n  was: {one.was}\n  now: {one.now}\n  why: {one.why}")
    return "\n".join(blocks)
