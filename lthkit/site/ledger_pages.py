"""The ledger of claims and its errata as a page: what was said before each run, and what came of it."""

from __future__ import annotations

import html

from lthkit import ledger
from lthkit.ledger.claims import DIFFERENCE, NOT_REPRODUCED
from lthkit.ledger.judging import FAILED, Judged, Part
from lthkit.site.docstrings import escaped, joined
from lthkit.site.lessons import marked

INTRODUCTION = """\
What the course claims of the field's results was written down before the runs: its source, the rule by which it is judged, the seeds, and
what we expected. The verdicts are computed from the recorded rows when this page is made. Each part of a rule has its own
95 % interval; nothing is corrected for their number, and the claims of one record share their networks. `lthkit claims ID` shows
one of them, `lthkit claims ID --rerun` repeats it."""

WORDS = """\
A part of a rule says where a 95 % interval must lie. It **held** if the whole interval lies there, **failed** if all of it lies
elsewhere, and is **open** if neither. A claim is **reproduced** if all its parts held, **partly** if some did, **not reproduced** if none
held and one failed, **contested** if all are open, and **not run** without a record of all its seeds. What failed is the claim as it
was written down, with its bounds, and not the method"""
CODE = ("record", "command")  # facts that are typed or opened


def page() -> str:
    """The page as Markdown."""
    found = ledger.load_ledger()
    judged = [ledger.judge(claim, errata=found.errata) for claim in found.values()]
    parts = [
        "# Claims, and what came of them",
        INTRODUCTION,
        words(judged),
        escaped(ledger.counts_text(judged)),
        _table(judged),
    ]
    parts.append(
        "A star: not as predicted. Numbers are the first part of the rule, mean and 95 % interval over the registered seeds."
    )
    for verdict in ledger.VERDICTS:
        own = [one for one in judged if one.verdict == verdict]
        if own:
            parts += [f"## {verdict.capitalize()}", *map(section, own)]
    parts += [
        "## Errata",
        "What was wrong in an earlier version, of a text, a number or a rule, the newest first.",
        _errata(found.errata),
    ]
    return joined("\n\n".join(parts)) + "\n"


def words(judged: list[Judged]) -> str:
    """What the words of a verdict mean; with a claim, if the ledger has one, that failed because an arm was better than it says."""
    found = next(
        ((one, part) for one in judged if one.verdict == NOT_REPRODUCED for part in _better(one)), None
    )
    if found is None:
        return f"{WORDS}."
    one, part = found
    said = part.verdict.registered
    return (
        f'{WORDS}: in [{one.claim.id}](#{one.claim.id}) "{escaped(said.compared)}" was to lie within ±{said.bound:g} {said.unit} and '
        f"came out as {escaped(part.number)}, better than the claim."
    )


def _better(one: Judged) -> list[Part]:
    """The parts that failed because the first of two accuracies, said to be equal, is the higher one."""
    return [
        part
        for rule, part in zip(one.claim.rule, one.parts, strict=False)
        if (rule.claim, rule.kind, part.verdict.outcome) == ("within", DIFFERENCE, FAILED)
        and rule.column.endswith("accuracy")
        and part.verdict.interval.mean > 0
    ]


def _table(judged: list[Judged]) -> str:
    rows = []
    for one in judged:
        number = f"{one.parts[0].number} {one.claim.rule[0].unit}" if one.parts else ""
        star = "&nbsp;*" if one.as_predicted is False else ""
        rows.append(
            f'<tr><th scope="row"><a href="#{one.claim.id}">{one.claim.id}</a></th> <td>{html.escape(number)}</td>'
            f"<td>{one.verdict}{star}</td></tr>"
        )
    head = '<tr><th scope="col">claim</th><th scope="col">found</th><th scope="col">verdict</th></tr>'
    return (
        '<div class="pst-scrollable-table-container"><table class="table claims-table"><thead>'
        f"{head}</thead><tbody>{' '.join(rows)}</tbody></table></div>"
    )


def section(one: Judged) -> str:
    """All that the ledger has of a claim, under a heading of its own."""
    claim = one.claim
    entries = [(name, f"`{text}`" if name in CODE else text) for name, text in ledger.claim_facts(one)]
    listed = " ".join(
        f"<div><dt>{name.capitalize()}</dt> <dd>{marked(text)}</dd></div>" for name, text in entries
    )
    return (
        f"### {claim.id}\n\n**{one.verdict.capitalize()}.** {escaped(claim.claim)}\n\n"
        f'<dl class="facts">{listed}</dl>'
    )


def _errata(errata: tuple[ledger.Erratum, ...]) -> str:
    made = []
    for one in sorted(errata, key=lambda erratum: erratum.date, reverse=True):
        about = ", ".join(f'<a href="#{name}">{name}</a>' for name in one.claims)
        entries = [("Was", one.was), ("Now", one.now), ("Why", one.why)]
        listed = " ".join(f"<div><dt>{name}</dt> <dd>{marked(text)}</dd></div>" for name, text in entries)
        made.append(
            f'<h3>{one.date.isoformat()}{": " + about if about else ""}</h3>\n<dl class="facts">{listed}</dl>'
        )
    return "\n\n".join(made)
