"""The methods of a grid: each entry, a name or a table with settings, becomes ways that cells can go, and how far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import product
from typing import Any

from lthkit.cells.criteria import LOOKS_AT_IMAGES
from lthkit.cells.ways import WAYS, OneShot, PruneAtInit, Way
from lthkit.machine.checks import did_you_mean
from lthkit.sweeps.mistakes import Found, listed, repeated

RETRAIN = "retrain"  # one-shot, by the names of the arms of Renda et al. 2020
METHODS: dict[str, type[Way]] = {**WAYS, RETRAIN: OneShot}
SETTINGS: dict[str, str] = {
    field.name: str(field.type) for way in WAYS.values() for field in fields(way)
}  # each with its type
TOP_SETTINGS = tuple(name for name in SETTINGS if name != "rounds")  # at the top, rounds are levels
OWN_KEYS = ("method", "arm", "densities", "rounds")


@dataclass(frozen=True)
class Entry:
    """One entry of `methods`. settings: of its own, each a list of values. densities, rounds: its own levels, if it has any."""

    place: str
    method: str
    way: type[Way]
    arms: tuple[str, ...]
    settings: Mapping[str, Sequence[Any]]
    densities: Sequence[Any] | None = None
    rounds: Sequence[Any] | None = None

    @property
    def takes(self) -> tuple[str, ...]:
        """The settings of its way."""
        return tuple(field.name for field in fields(self.way))


def entries_of(given: Any, found: Found, *, grid_keys: Sequence[str]) -> list[Entry]:
    """The entries of `methods`."""
    entries = []
    for i, one in enumerate(listed(given, "methods", found, example='["imp", "dense"]', one=True)):
        place = f"methods[{i}]"
        table = {"method": one} if isinstance(one, str) else one
        if not isinstance(table, Mapping):
            found.add(place, f'{one!r} was given; expected a name, or a table such as {{method = "imp"}}.')
        elif (entry := _entry(table, place, found, grid_keys)) is not None:
            entries.append(entry)
    return entries


def _entry(table: Mapping[str, Any], place: str, found: Found, grid_keys: Sequence[str]) -> Entry | None:
    if "method" not in table:
        found.add(
            place,
            f'a table without method was given; expected such as method = "imp".{_meant(table, ("method",))}',
        )
        return None
    method = table["method"]
    if not isinstance(method, str) or method not in METHODS:
        found.add(
            place,
            f"unknown method {method!r}; expected one of {', '.join(METHODS)}.{did_you_mean(str(method), METHODS)}",
        )
        return None
    way = METHODS[method]
    own = {field.name for field in fields(way)}
    known = ["method", *(["arm", "densities", "rounds"] if way.by else []), *sorted(own - {"rounds"})]
    for key in table:
        if key in known:
            continue
        hint = ""
        if key in grid_keys and key not in SETTINGS:
            hint = (
                f" {key!r} is a key of the grid, and in TOML all that follows [[methods]] belongs to that method: move it above the "
                "first line in brackets."
            )
        elif key in SETTINGS:
            hint = f" {method} has no such setting."
        found.unknown(f"{place}.{key}", key, known, hint)
    settings = {
        key: _values(key, table[key], f"{place}.{key}", found) for key in table if key in own and key in known
    }
    levels = {key: table.get(key) for key in ("densities", "rounds") if key not in own and way.by}
    return Entry(
        place,
        method,
        way,
        _arms(method, way, table.get("arm"), place, found),
        {key: values for key, values in settings.items() if values},
        **levels,
    )


def _arms(method: str, way: type[Way], given: Any, place: str, found: Found) -> tuple[str, ...]:
    """The arms that are asked for, as `ways` names them."""
    if not way.arms or given is None:
        return way.arms[:1]
    known = {("rewind" if arm == "ticket" and method == RETRAIN else arm): arm for arm in way.arms}
    arms = listed(given, f"{place}.arm", found, example=f'["{next(iter(known))}"]', one=True)
    repeated(arms, f"{place}.arm", found)
    for arm in arms:
        if not isinstance(arm, str) or arm not in known:
            found.add(
                f"{place}.arm",
                f"{method} has no arm {arm!r}; expected one of {', '.join(known)}.{did_you_mean(str(arm), known)}",
            )
    return tuple(known[arm] for arm in arms if isinstance(arm, str) and arm in known)


def setting_values(name: str, given: Any, found: Found) -> list[Any]:
    """The values of a setting that stands at the top of the grid."""
    return _values(name, given, name, found)


def _values(key: str, given: Any, place: str, found: Found) -> list[Any]:
    """The values of a setting: a list is an axis. Whole numbers for fractions become such, so that 1 and 1.0 are one cell."""
    values = listed(given, place, found, example="[...] with one value or more", one=True)
    good = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            found.add(place, f"{value!r} was given; expected a number or a text, or a list of such.")
        else:
            good.append(
                float(value) if SETTINGS[key].startswith("float") and isinstance(value, int) else value
            )
    repeated(good, place, found)
    return good


def ways_of(entry: Entry, top: Mapping[str, Any], found: Found) -> tuple[list[Way], set[str]]:
    """The ways of an entry with these settings from the top of the grid, each once; and which settings they use.

    A setting that cannot change a number is left out: it would make two names for one training.
    """
    ways: dict[Way, None] = {}
    used: set[str] = set()
    top = {name: value for name, value in top.items() if name in entry.takes and name not in entry.settings}
    names = list(entry.settings)
    for values in product(*entry.settings.values()):
        given = {**top, **dict(zip(names, values, strict=True))}
        seen = {name: value for name, value in given.items() if not unseen(entry.way, name, given)}
        used |= seen.keys()
        with found.at(_place(entry, seen)):
            ways[entry.way(**seen)] = None
    return list(ways), used


def _place(entry: Entry, given: Mapping[str, Any]) -> str:
    """Where settings stand: with the method, or at the top, if it has none of its own."""
    if not entry.settings and len(given) == 1:
        return f"{next(iter(given))}, for {entry.place} ({entry.method})"
    return f"{entry.place} ({entry.method})"


def unseen(way: type[Way], name: str, given: Mapping[str, Any]) -> str:
    """Why a setting changes nothing beside the others that are given; "" if it may."""
    if (
        name == "images"
        and way is PruneAtInit
        and given.get("score", PruneAtInit.score) not in LOOKS_AT_IMAGES
    ):
        return f"score {given['score']!r} looks at no images"
    if name == "momentum" and given.get("rewind_step", 0) == 0:
        return "at rewind_step 0 no momentum has been gathered that could be restored"
    return ""


def unused_settings(
    entry: Entry, used: set[str], top: Mapping[str, Sequence[Any]]
) -> Iterator[tuple[str, str]]:
    """Settings of an entry's own that none of its ways uses, and why."""
    given = {name: values[0] for name, values in {**top, **entry.settings}.items() if values}
    for name in entry.settings:
        if name not in used and (why := unseen(entry.way, name, given)):
            yield f"{entry.place}.{name}", f"it would change nothing, because {why}; leave it out."


def _meant(table: Mapping[str, Any], known: Sequence[str]) -> str:
    return next((text for key in table if (text := did_you_mean(key, known))), "")
