"""The ledger as a reader sees it: a table of all claims, one claim in full, the errata."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from lthkit.data.sources import data_folder
from lthkit.ledger.claims import NOT_RUN, VERDICTS, Claim, Erratum
from lthkit.ledger.judging import Judged, judge
from lthkit.ledger.reading import load_ledger
from lthkit.machine.tables import Table
from lthkit.storage import files


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
    """How many claims have which verdict, and how many of these were predicted."""
    ran = [one for one in judged if one.verdict != NOT_RUN]
    counts = {verdict: sum(one.verdict == verdict for one in ran) for verdict in VERDICTS}
    listed = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    right = sum(one.as_predicted is True for one in ran)
    return (
        f"Of {len(judged)} claims, {len(ran)} have a verdict: {listed or 'none'}. {right} came out as predicted, and {len(judged) - len(ran)} "
        "were not run."
    )


def _first(one: Judged) -> str | None:
    if not one.parts:
        return None
    unit = one.claim.rule[0].unit
    return one.parts[0].number + ("" if unit == "points" else f" {unit}")


def claims_table(*names: str) -> Table:
    """Some claims of the course, with each part of their rules: what was compared, what the record says, which side it fell.

    Below it, for each claim, its verdict and what was published; and on what the records were made.

    Raises:
        KeyError: there is no such claim; names the nearest.
    """
    found = load_ledger()
    table = Table(
        ["claim", "compared", "found", "unit", "part"],
        title="Registered claims, and what came of them",
        keys=2,
    )
    judged = [judge(found[name], errata=found.errata) for name in names]
    for one in judged:
        for rule, part in zip(one.claim.rule, one.parts or [None] * len(one.claim.rule), strict=True):
            outcome = None if part is None else part.verdict.outcome
            table.add(one.claim.id, rule.compared, None if part is None else part.number, rule.unit, outcome)
    for one in judged:
        claim = one.claim
        table.note(
            f"{claim.id}: {one.verdict}; predicted: {claim.prediction}. {claim.paper}: {claim.published}."
        )
    for record in dict.fromkeys(one.claim.record for one in judged if one.parts):
        table.note(stamp(record))
    return table


def stamp(record: str) -> str:
    """The small print of a recorded run: which, how many seeds, where and when."""
    place = data_folder() / "results" / record
    config, summary = files.read_sealed(place / "config.json"), files.read_sealed(place / "summary.json")
    where = summary["environment"]
    return (
        f"Recorded: data/results/{record} · {len(config['seeds'])} seeds · {where['processor']} · torch {where['torch']} · "
        f"{where['date']}"
    )


def claim_text(one: Judged, *, width: int = 80) -> str:
    """All that the ledger has of one claim, and what its record says, in lines of at most `width` characters."""
    claim: Claim = one.claim
    entries = [
        ("claim", claim.claim),
        ("published", f"{claim.published} ({claim.paper}; {claim.checked})"),
        ("registered", f"{claim.registered.isoformat()}, digest {claim.digest}"),
        ("seeds", ", ".join(map(str, claim.seeds))),
        ("predicted", f"{claim.prediction}: {claim.why}"),
        *([("changed", "after the run: lthkit claims --errata says what and why")] if one.changed else []),
        *(("rule", rule.registered(claim.seeds).says) for rule in claim.rule),
        *(("found", str(part)) for part in one.parts),
    ]
    if one.verdict == NOT_RUN and one.begun:
        some = f"{len(one.recorded)} of {len(claim.seeds)} registered seeds are recorded"
        entries.append(("found", f"{some}; there is no verdict before the last"))
    entries += [("deviation", text) for text in claim.deviations]
    entries += [("cost", claim.cost)] if claim.cost else []
    entries += [("record", f"data/results/{claim.record}"), ("command", claim.command)]
    lines = [f"{claim.id}: {one.verdict}"]
    for name, text in entries:
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
