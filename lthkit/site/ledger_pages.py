"""The ledger of claims and its errata as a page: what was said before each run, and what came of it."""

from __future__ import annotations

import html

from lthkit import ledger
from lthkit.ledger.claims import NOT_RUN
from lthkit.ledger.judging import Judged
from lthkit.site.docstrings import escaped
from lthkit.site.lessons import marked

INTRODUCTION = """\
What the course claims of the field's results was written down before the runs: its source, the rule by which it is judged, the seeds, and
what we expected. The verdicts are computed from the recorded rows when this page is made. Each part of a rule has its own
95 % interval; nothing is corrected for their number, and the claims of one record share their networks. `lthkit claims ID` shows
one of them, `lthkit claims ID --rerun` repeats it."""


def page() -> str:
    """The page as Markdown."""
    found = ledger.load_ledger()
    judged = [ledger.judge(claim, errata=found.errata) for claim in found.values()]
    parts = [
        "# Claims, and what came of them",
        INTRODUCTION,
        escaped(ledger.counts_text(judged)),
        _table(judged),
    ]
    parts.append(
        "A star: not as predicted. Numbers are the first part of the rule, mean and 95 % interval over the registered seeds."
    )
    for verdict in ledger.VERDICTS:
        own = [one for one in judged if one.verdict == verdict]
        if own:
            parts += [f"## {verdict.capitalize()}", *map(_claim, own)]
    parts += [
        "## Errata",
        "What was wrong in an earlier version, of a text, a number or a rule, the newest first.",
        _errata(found.errata),
    ]
    return "\n\n".join(parts) + "\n"


def _table(judged: list[Judged]) -> str:
    rows = []
    for one in judged:
        number = f"{one.parts[0].number} {one.claim.rule[0].unit}" if one.parts else ""
        star = " *" if one.as_predicted is False else ""
        rows.append(
            f'<tr><th scope="row"><a href="#{one.claim.id}">{one.claim.id}</a></th><td>{html.escape(number)}</td>'
            f"<td>{one.verdict}{star}</td></tr>"
        )
    head = '<tr><th scope="col">claim</th><th scope="col">found</th><th scope="col">verdict</th></tr>'
    return (
        '<div class="pst-scrollable-table-container"><table class="table claims-table"><thead>'
        f"{head}</thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _claim(one: Judged) -> str:
    """All that the ledger has of a claim, under a heading of its own."""
    claim = one.claim
    entries = [
        ("Published", f"{claim.published} ({claim.paper}; {claim.checked})"),
        ("Registered", f"{claim.registered.isoformat()}, digest {claim.digest}"),
        ("Seeds", ", ".join(map(str, claim.seeds))),
        ("Predicted", f"{claim.prediction}: {claim.why}"),
        *([("Changed", "after the run; the errata below say what and why")] if one.changed else []),
        *(("Rule", rule.registered(claim.seeds).says) for rule in claim.rule),
        *(("Found", str(part)) for part in one.parts),
    ]
    if one.verdict == NOT_RUN and one.recorded:
        some = f"{len(one.recorded)} of {len(claim.seeds)} registered seeds are recorded"
        entries.append(("Found", f"{some}; there is no verdict before the last"))
    entries += [("Deviation", text) for text in claim.deviations]
    entries += [("Cost", claim.cost)] if claim.cost else []
    entries += [("Record", f"`data/results/{claim.record}`"), ("Command", f"`{claim.command}`")]
    listed = "".join(f"<div><dt>{name}</dt><dd>{marked(text)}</dd></div>" for name, text in entries)
    return (
        f"### {claim.id}\n\n**{one.verdict.capitalize()}.** {escaped(claim.claim)}\n\n"
        f'<dl class="facts">{listed}</dl>'
    )


def _errata(errata: tuple[ledger.Erratum, ...]) -> str:
    made = []
    for one in sorted(errata, key=lambda erratum: erratum.date, reverse=True):
        about = ", ".join(f'<a href="#{name}">{name}</a>' for name in one.claims)
        entries = [("Was", one.was), ("Now", one.now), ("Why", one.why)]
        listed = "".join(f"<div><dt>{name}</dt><dd>{marked(text)}</dd></div>" for name, text in entries)
        made.append(
            f'<h3>{one.date.isoformat()}{": " + about if about else ""}</h3>\n<dl class="facts">{listed}</dl>'
        )
    return "\n\n".join(made)
