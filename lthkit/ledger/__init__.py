"""The ledger of claims: what was registered before a run, by which rule it is judged, and what came of it.

This file is the table of contents. The ledger itself is `data/claims.toml`.
"""

from __future__ import annotations

from lthkit.ledger.claims import (
    VERDICTS,
    Claim,
    Erratum,
    Outcome,
    Rule,
)
from lthkit.ledger.judging import (
    Judged,
    Part,
    judge,
)
from lthkit.ledger.reading import (
    Ledger,
    LedgerMistakes,
    digests,
    load_ledger,
)
from lthkit.ledger.tables import (
    claim_facts,
    claim_text,
    claims_table,
    counts_text,
    errata_text,
    ledger_table,
    stamp,
)

__all__ = [
    "VERDICTS",
    "Claim",
    "Erratum",
    "Judged",
    "Ledger",
    "LedgerMistakes",
    "Outcome",
    "Part",
    "Rule",
    "claim_facts",
    "claim_text",
    "claims_table",
    "counts_text",
    "digests",
    "errata_text",
    "judge",
    "ledger_table",
    "load_ledger",
    "stamp",
]
