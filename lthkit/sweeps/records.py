"""What was asked of a sweep's folder, by all calls together: sweep.json, and one small file for each call that asked for more.

Nothing is read, changed and written back, so calls on several machines lose nothing of each other.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lthkit.storage import files
from lthkit.storage.owners import CONFIG, canonical
from lthkit.sweeps.grids import Asked

KIND = "sweep"
FILE, CELLS, FAILED = "sweep.json", "cells", "failed"

Entry = dict[str, Any]


def begin(
    folder: Path, name: str, asked: Iterable[tuple[str, Asked]], *, claims: Mapping[str, str] | None = None
) -> None:
    """Make a sweep's folder, or add to what is asked of it; `asked` are cells by their id.

    claims: digests of registered claims by id (`ledger.digests`), which stand in the folder from its beginning.

    Raises:
        ValueError: the folder is that of a run of another kind, or it was begun before a claim was registered as it is now.
            files.CannotWrite.
    """
    if (folder / CONFIG).exists():
        raise ValueError(
            f"{folder} is a run's folder already, and no sweep's: it has a {CONFIG}. Expected a new folder, or that of a sweep."
        )
    if not is_sweep(folder):
        files.write_sealed(folder / FILE, {"kind": KIND, "name": name, "claims": dict(claims or {})})
    _check_claims(folder, claims or {})
    entries = [entry_of(cell, one) for cell, one in asked]
    digest = hashlib.sha256(canonical({"entries": entries}).encode()).hexdigest()[:12]
    if not (path := folder / f"asked-{digest}.json").exists():
        files.write_sealed(path, {"kind": "asked", "entries": entries})


def claims_of(folder: Path | str) -> dict[str, str]:
    """The digests of the claims that were registered before the sweep was begun, by id."""
    return dict(files.read_sealed(Path(folder) / FILE).get("claims", {}))


def _check_claims(folder: Path, claims: Mapping[str, str]) -> None:
    there = claims_of(folder) if claims else {}
    for name, digest in claims.items():
        if there.get(name) != digest:
            was = f"with the registered text {there[name]}" if name in there else "without this claim"
            raise ValueError(
                f"{folder} was begun {was}, and the ledger has {name} with {digest} now. A claim is registered before its run: "
                "expected a new folder, or the text as it was."
            )


def entry_of(cell: str, asked: Asked) -> Entry:
    """What is kept of a cell and the levels that were asked of it."""
    this = asked.cell
    return {
        "cell": cell,
        "method": this.method,
        "model": this.model,
        "data": this.data,
        "seed": this.seed,
        "recipe": asked.recipe,
        "levels": [level.name for level in this.levels(asked.levels)],
    }


def is_sweep(folder: Path | str) -> bool:
    """True for the folder of a sweep."""
    return (Path(folder) / FILE).is_file()


def name_of(folder: Path | str) -> str:
    """The name that a sweep was given first.

    Raises:
        FileNotFoundError: it is no sweep. files.DamagedFile.
    """
    found = files.read_sealed(Path(folder) / FILE)
    if found.get("kind") != KIND:
        raise FileNotFoundError(f"{folder} is not the folder of a sweep: its {FILE} says nothing of one.")
    return str(found["name"])


def asked_of(folder: Path | str) -> list[Entry]:
    """All that was asked so far, each cell once, with all its levels, in the order of its first call.

    Raises:
        files.DamagedFile: a list is damaged; the text says which.
    """
    found: dict[str, Entry] = {}
    for entry in _entries(Path(folder)):
        if (before := found.get(entry["cell"])) is None:
            found[entry["cell"]] = entry
        else:
            before["levels"] += [name for name in entry["levels"] if name not in before["levels"]]
    return list(found.values())


def _entries(folder: Path) -> Iterator[Entry]:
    paths = [(path.stat().st_mtime_ns, path.name, path) for path in folder.glob("asked-*.json")]
    for *_, path in sorted(paths):
        yield from files.read_sealed(path)["entries"]


def failed(folder: Path, cell: str, message: str, levels: Iterable[str]) -> None:
    """Keep why a cell failed, for those who look at the sweep later."""
    told = {"kind": "failed", "cell": cell, "message": message, "levels": list(levels)}
    files.write_sealed(folder / FAILED / f"{cell}.json", told)


def not_failed(folder: Path, cell: str) -> None:
    """The cell is done now."""
    (folder / FAILED / f"{cell}.json").unlink(missing_ok=True)


def failures_of(folder: Path | str) -> dict[str, str]:
    """Why cells failed, by their id; those that were done later are not in it."""
    found = {}
    for path in sorted((Path(folder) / FAILED).glob("*.json")):
        with contextlib.suppress(files.DamagedFile, FileNotFoundError):
            found[path.stem] = str(files.read_sealed(path)["message"])
    return found
