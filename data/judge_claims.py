"""Judge all claims of `data/claims.toml` from the records in `data/results`, and write what came of them at the end of that file.

    python data/judge_claims.py

Only what stands below the line `# Outcomes` is written; registered texts and errata stay as they are. A claim without a whole
record has no outcome: it was not run.
"""

from __future__ import annotations

import json
from pathlib import Path

from lthkit import ledger
from lthkit.ledger.claims import NOT_RUN
from lthkit.storage import files

HERE = Path(__file__).resolve().parent
LINE = "# Outcomes, written by judge_claims.py from the recorded rows. Do not edit below this line."


def outcomes(found: ledger.Ledger, results: Path) -> str:
    """The outcomes of all claims that have a record, as TOML."""
    blocks = []
    for claim in found.values():
        judged = ledger.judge(claim, results, errata=found.errata)
        if judged.verdict == NOT_RUN:
            continue
        parts = "".join(f"    {json.dumps(part, ensure_ascii=False)},\n" for part in judged.outcome.parts)
        blocks.append(f'[claims.{claim.id}.outcome]\nverdict = "{judged.verdict}"\nparts = [\n{parts}]\n')
    return "\n".join([LINE, "", *blocks])


def main(path: Path = HERE / "claims.toml", results: Path = HERE / "results") -> None:
    """Judge, and write."""
    text = path.read_text(encoding="utf-8").partition(LINE)[0].rstrip() + "\n"
    found = ledger.load_ledger(path)
    files.write_text(path, f"{text}\n{outcomes(found, results)}")
    ledger.load_ledger(path)


if __name__ == "__main__":
    main()
