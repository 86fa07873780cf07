"""The ledger as a reader sees it: a table of all claims, one claim in full, the errata."""

from __future__ import annotations

from collections.abc import Sequence

from lthkit.ledger.claims import NOT_RUN, VERDICTS, Claim, Erratum
from lthkit.ledger.judging import Judged
from lthkit.machine.tables import Table


def ledger_table(judged: Sequence[Judged]) -> Table:
    """A row for each claim: what it says, what was predicted, what came of it. Below it how many have which verdict."""
    counts = {verdict: sum(one.verdict == verdict for one in judged) for verdict in VERDICTS}
    ran = [one for one in judged if one.verdict != NOT_RUN]
    right = sum(one.as_predicted is True for one in ran)
    return Table(
        ["id", "claim", "seeds", "predicted", "verdict"],
        [
            (one.claim.id, one.claim.claim, len(one.claim.seeds), one.claim.prediction, one.verdict)
            for one in judged
        ],
        title="Claims, registered before their runs",
        notes=[
            ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count) + ".",
            f"{right} of {len(ran)} verdicts are as predicted.",
        ],
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
