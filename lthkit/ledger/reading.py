"""The ledger, read from `data/claims.toml` and checked whole: all mistakes are named together."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from lthkit.data.sources import data_folder
from lthkit.ledger.claims import Claim, Erratum, Outcome, Rule
from lthkit.machine.checks import did_you_mean

FILE = "claims.toml"
_T = TypeVar("_T")


class LedgerMistakes(ValueError):
    """A ledger that cannot be read as it stands. The text has a line for each mistake."""

    def __init__(self, where: str, mistakes: list[str]) -> None:
        self.mistakes = tuple(mistakes)
        number = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        super().__init__("\n  ".join([f"{where} has {number}.", *mistakes]))


@dataclass(frozen=True)
class Ledger(Mapping[str, Claim]):
    """The claims by id, in the order of the file, and the errata."""

    claims: Mapping[str, Claim]
    errata: tuple[Erratum, ...] = ()

    def __getitem__(self, name: str) -> Claim:
        """The claim with this id. `KeyError` names the nearest."""
        if name not in self.claims:
            raise KeyError(f"the ledger has no claim {name!r}.{did_you_mean(str(name), self.claims)}")
        return self.claims[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.claims)

    def __len__(self) -> int:
        return len(self.claims)


def load_ledger(path: Path | str | None = None) -> Ledger:
    """The ledger that comes with the course, or one in another file.

    Raises:
        LedgerMistakes: names all that is wrong with it, each with its place. FileNotFoundError: there is none.
    """
    path = data_folder() / FILE if path is None else Path(path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LedgerMistakes(str(path), [f"it is no TOML: {error}."]) from None
    mistakes: list[str] = []
    for key in raw:
        if key not in ("claims", "errata"):
            mistakes.append(f"{key}: unknown key; expected claims or errata.")
    claims = {}
    for name, table in raw.get("claims", {}).items():
        if (claim := _claim(name, table, f"claims.{name}", mistakes)) is not None:
            claims[name] = claim
    errata = []
    for i, table in enumerate(raw.get("errata", [])):
        place = f"errata[{i}]"
        one = _made(Erratum, _tuples(table), place, mistakes)
        if one is not None:
            errata.append(one)
            if unknown := sorted(set(one.claims) - set(raw.get("claims", {}))):
                mistakes.append(f"{place}: the ledger has no claim {', '.join(unknown)}.")
    if mistakes:
        raise LedgerMistakes(str(path), mistakes)
    return Ledger(claims, tuple(errata))


def digests(*names: str, path: Path | str | None = None) -> dict[str, str]:
    """The digests of registered claims by id, for the configuration of the run that will judge them.

        config = {..., "claims": digests("hill-mnist", "cliff-mnist")}

    Raises:
        KeyError: there is no such claim. LedgerMistakes: as `load_ledger`.
    """
    ledger = load_ledger(path)
    return {name: ledger[name].digest for name in names}


def _claim(name: str, table: Any, place: str, mistakes: list[str]) -> Claim | None:
    if not isinstance(table, dict):
        mistakes.append(f"{place}: {table!r} was given; expected a table.")
        return None
    before = len(mistakes)
    parts = table.get("rule", [])
    if not isinstance(parts, list):
        mistakes.append(f"{place}.rule: expected a list of parts, each below [[{place}.rule]].")
        return None
    rules = [_made(Rule, part, f"{place}.rule[{i}]", mistakes) for i, part in enumerate(parts)]
    given = _tuples(table) | {"id": name, "rule": tuple(rule for rule in rules if rule is not None)}
    if "outcome" in table:
        given["outcome"] = _made(Outcome, _tuples(table["outcome"]), f"{place}.outcome", mistakes)
    return _made(Claim, given, place, mistakes) if len(mistakes) == before else None


def _tuples(table: Any) -> Any:
    if not isinstance(table, dict):
        return table
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def _made(kind: type[_T], table: Any, place: str, mistakes: list[str]) -> _T | None:
    """An object of a table of the file; None if that is not to be, and the mistakes say why."""
    if not isinstance(table, dict):
        mistakes.append(f"{place}: {table!r} was given; expected a table.")
        return None
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    wrong = [
        f"{place}.{key}: unknown key; expected one of {', '.join(known)}.{did_you_mean(key, known)}"
        for key in table
        if key not in known
    ]
    wrong += [
        f"{place}: {name} is missing."
        for name, field in known.items()
        if name not in table and field.default is MISSING and field.default_factory is MISSING
    ]
    mistakes += wrong
    if wrong:
        return None
    try:
        return kind(**table)
    except (TypeError, ValueError) as error:
        mistakes.append(f"{place}: {error}")
        return None
