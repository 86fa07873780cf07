"""The ledger as a reader sees it: a table of all claims, one claim in full, the errata."""

from __future__ import annotations

from collections.abc import Sequence

from lthkit.data.sources import data_folder
from lthkit.ledger.claims import NOT_RUN, VERDICTS, Claim, Erratum
from lthkit.ledger.judging import Judged, judge
from lthkit.ledger.reading import load_ledger
from lthkit.machine.tables import Table
from lthkit.storage import files


def ledger_table(judged: Sequence[Judged]) -> Table:
    """A row for each claim: what its rule found first, what was predicted, what came of it; below it, how many have which verdict."""
    counts = {verdict: sum(one.verdict == verdict for one in judged) for verdict in VERDICTS}
    ran = [one for one in judged if one.verdict != NOT_RUN]
    right = sum(one.as_predicted is True for one in ran)
    return Table(
        ["claim", "found", "verdict"],
        [
            (one.claim.id, _first(one), one.verdict + (" *" if one.as_predicted is False else ""))
            for one in judged
        ],
        title="Claims, registered before their runs",
        notes=[
            "Found: the first part of the rule, mean and 95 % interval over the registered seeds; in points unless said.",
            ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
            + f"; {right} of {len(ran)} as predicted (* otherwise).",
        ],
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


def claim_text(one: Judged) -> str:
    """All that the ledger has of one claim, and what its record says."""
    claim: Claim = one.claim
    lines = [
        f"{claim.id}: {one.verdict}",
        f"claim       {claim.claim}",
        f"published   {claim.published}",
        f"            {claim.paper} ({claim.checked})",
        f"registered  {claim.registered.isoformat()}, digest {claim.digest}, seeds {', '.join(map(str, claim.seeds))}",
        f"predicted   {claim.prediction}: {claim.why}",
    ]
    lines += [f"rule        {rule.registered(claim.seeds).says}" for rule in claim.rule]
    lines += [f"found       {part}" for part in one.parts]
    if one.verdict == NOT_RUN and one.recorded:
        lines.append(
            f"found       {len(one.recorded)} of {len(claim.seeds)} registered seeds are recorded; there is no verdict before the last"
        )
    lines += [f"deviation   {text}" for text in claim.deviations]
    lines += [f"cost        {claim.cost}"] if claim.cost else []
    lines += [f"record      data/results/{claim.record}", f"command     {claim.command}"]
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
