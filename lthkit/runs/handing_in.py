"""A small copy of a planned experiment, to hand in or to keep: all but the weights, with what the audit found while they were there."""

from __future__ import annotations

import shutil
from pathlib import Path

from lthkit.runs.audits import audit_folder
from lthkit.runs.plan_checks import PASSED, checks
from lthkit.runs.plans import BEGUN, RESULTS, now, read_plan, seed_file
from lthkit.runs.remade import Given
from lthkit.storage import files, owners


def hand_in(folder: Path | str, target: Path | str) -> Path:
    """Copy a run that has ended to a new folder `target`, without its weights. Its audit is made now, and written into it.

    Raises:
        ValueError: the run has not ended, or its records are not in order; or there is something at `target`.
    """
    folder, target = Path(folder), Path(target)
    found = checks(folder)
    for item in ("registered", "finished", "seeds"):
        if found[item].state != PASSED:
            raise ValueError(f"{folder} cannot be handed in yet. {item}: {found[item].says}")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"There is something at {target} already; expected a new folder.")
    summary = files.read_sealed(folder / "summary.json")
    if "audit" not in summary:
        audit = audit_folder(folder, Given())
        findings = [{"item": one.item, "verdict": one.verdict, "text": one.text} for one in audit.findings]
        summary |= {"audit": findings, "audited_at": now()}
    target.mkdir(parents=True, exist_ok=True)
    names = [
        owners.CONFIG,
        BEGUN,
        "table.csv",
        RESULTS,
        *(seed_file(folder, s).name for s in read_plan(folder).seeds),
    ]
    for name in names:
        if (folder / name).exists():
            shutil.copyfile(folder / name, target / name)
    files.write_sealed(target / "summary.json", summary)
    return target
