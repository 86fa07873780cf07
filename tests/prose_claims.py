"""Ids of claims in prose: they exist in the ledger, and a number in the sentence of one stands in what it says or what came of it."""

from __future__ import annotations

import difflib
import re

from lthkit.ledger import Ledger, load_ledger
from tests.prose import Block, Sentence
from tests.prose_sources import ID, records_in, shows

_SAID = re.compile(r"\bclaims? ((?:`[^`]+`(?:, | and | or )?)+)")


def texts_of(ledger: Ledger | None = None) -> dict[str, str]:
    """Id -> what a sentence beside it may quote: the claim, the published value, the rule's bounds, the outcome, deviations."""
    ledger = load_ledger() if ledger is None else ledger
    return {
        name: "\n".join(
            [
                claim.claim,
                claim.published,
                *claim.deviations,
                *(f"{part.compared} {part.bound:g}" for part in claim.rule),
                *(claim.outcome.parts if claim.outcome else ()),
            ]
        )
        for name, claim in ledger.items()
    }


def unknown_ids(sentence: Sentence, claims: dict[str, str]) -> list[str]:
    """What is wrong with ids in a sentence: called a claim and in no ledger, or nearly the id of a claim."""
    called = {name for m in _SAID.finditer(sentence.raw) for name in re.findall(r"`([^`]+)`", m[1])}
    shaped = set(ID.findall(sentence.raw)) - called
    near = {name for name in shaped if difflib.get_close_matches(name, claims, n=1, cutoff=0.85)}
    return [
        f"no claim {name!r} in data/claims.toml: {nearest(name, claims)}"
        for name in sorted(called | near)
        if name not in claims
    ]


def claim_faults(page: list[Block], claims: dict[str, str]) -> list[str]:
    """What is wrong with claims on a page, exercises included: ids that are none, numbers that their ledger does not have."""
    told = []
    for block in page:
        for sentence in block.sentences:
            place = f"{block.page}, line {block.line}"
            told += [f"{place}: {what}" for what in unknown_ids(sentence, claims)]
            ids = [name for name in ID.findall(sentence.raw) if name in claims]
            held = "\n".join(claims[name] for name in ids)
            for number in sentence.numbers if ids else ():
                if not shows(held, number):
                    told.append(f"{place}: {number.words} {number.unit} is not what {', '.join(ids)} says")
    return told


def record_faults(page: list[Block], records: frozenset[str]) -> list[str]:
    """Records that a page points to and that are not there."""
    return [
        f"{block.page}, line {block.line}: no record {name!r} in data/results: {nearest(name, records)}"
        for block in page
        for name in sorted(records_in(block.raw))
        if name not in records
    ]


def nearest(name: str, names: dict[str, str] | frozenset[str]) -> str:
    """What was meant, as far as one can tell."""
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(sorted(names)) or 'none yet'}"
