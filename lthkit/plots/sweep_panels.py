"""The rows of a sweep as its figures and tables see them: a panel for each network and data, in it a curve for each line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle
from statistics import mean

from lthkit import evidence
from lthkit.evidence.grouping import DENSE, TICKET, Line, Point, lines, names_of
from lthkit.evidence.statistics import Interval, Judged
from lthkit.plots.dashes import LOOKS, SERIES, Look
from lthkit.storage.records import Row

MOST = 8  # curves in one panel
MANY = (*SERIES, Look("#4B3F8F", "<", (0, (3, 1, 1, 1))))
_GREYS = ("-.", (0, (8, 3)), (0, (2, 2)), (0, (10, 2, 2, 2)))
_PLACE = ("model", "data", "data_fingerprint", "task", "metric", "unit", "direction")
_METHODS = (DENSE, "imp", "one-shot", "prune-at-init", "early-bird", "hybrid")
_ARMS = (DENSE, TICKET, "lr-rewind", "fine-tune", "re-initialised", "shuffled")


@dataclass(frozen=True)
class Spot:
    """One level of a curve. Values are in the unit that is shown: an accuracy in percent.

    density: weights remaining, in percent, the median over seeds. improving: how many seeds had their best step in the
    last tenth of the budget. updates: of search and training together, the mean over seeds; None if rows do not say.
    lost: for each outcome without a value, such as "never stable", its seeds.
    """

    name: str
    asked: float | None
    density: float
    values: dict[int, float]
    band: Interval | None
    improving: int
    updates: float | None
    lost: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Curve:
    """A line of a panel: its name, its look, and its levels, the densest first."""

    name: str
    arm: str
    look: Look
    spots: tuple[Spot, ...]

    @property
    def drawn(self) -> list[tuple[Spot, Interval]]:
        """Its levels with a value, each with the interval over its seeds."""
        return [(spot, spot.band) for spot in self.spots if spot.band is not None]


@dataclass(frozen=True)
class Panel:
    """What belongs to one network, data and metric: the curves, and apart from them the dense levels.

    unlike: how the lines were trained, where they differ in it and their names do not say it: setting -> value -> lines.
    """

    title: str
    by: Judged
    curves: tuple[Curve, ...]
    dense: tuple[Curve, ...]
    unlike: dict[str, dict[str, tuple[str, ...]]]

    @property
    def all(self) -> tuple[Curve, ...]:
        """The curves, the dense levels last."""
        return (*self.curves, *self.dense)

    @property
    def form(self) -> str:
        """How means and halves are written: of an accuracy one decimal, else so that the narrowest interval has two digits."""
        if self.by.scale == 100:
            return self.by.form
        digits = decimals([band.half for curve in self.all for _, band in curve.drawn])
        return f".{digits}f" if digits <= 6 else self.by.form


def panels(rows: Sequence[Row], column: str | None = None, *, most: int | None = MOST) -> list[Panel]:
    """The panels of a sweep. Curves of one name have one look in all of them, and the same settings.

    rows: as `cells.rows.joined` gives them. column: None is that by which the rows are judged (see `evidence.judged`). most:
    how many curves there may be; None, for a table, is any number: the looks begin anew after `MOST`.

    Raises:
        ValueError: no rows; more than `most` curves in all; two rows of one line, level and seed.
    """
    if not rows:
        raise ValueError("rows is empty; expected the rows of a sweep, such as those of lth.results(folder).")
    places = _places(rows)
    apart = _of_a_place(list(places.values()))
    names = _names(rows, apart)
    shown = [name for name in dict.fromkeys(names.values()) if not _is_dense(name, names)]
    if most is not None and len(shown) > most:
        raise ValueError(
            f"The rows have {len(shown)} lines ({', '.join(shown)}); expected {most} or fewer in one figure. "
            "Draw each of plots.sweep_parts(rows), or leave some rows out."
        )
    looks = dict(zip(shown, cycle(MANY), strict=False))
    titles = _titles(places, apart)
    return [
        _panel(title, own, column, names, looks, apart)
        for title, own in zip(titles, places.values(), strict=True)
    ]


def sweep_parts(rows: Sequence[Row], most: int = MOST) -> list[list[Row]]:
    """The rows in as few parts as have at most `most` lines each, for a figure each; the dense rows are in all of them.

    The lines of one method stay together where they can.
    """
    dense = [row for row in rows if row["arm"] == DENSE]
    apart = _of_a_place(list(_places(rows).values()))
    names = _names(rows, apart)
    groups: dict[object, dict[str, list[Row]]] = {}
    for row in sorted((row for row in rows if row["arm"] != DENSE), key=_order):
        own = groups.setdefault(row.get("method"), {})
        own.setdefault(names[_key(row, apart)], []).append(row)
    parts: list[list[list[Row]]] = [[]]
    for group in groups.values():
        found = list(group.values())
        if len(parts[-1]) + len(found) > most and parts[-1]:
            parts.append([])
        for one in found:
            if len(parts[-1]) == most:
                parts.append([])
            parts[-1].append(one)
    return [[*dense, *(row for one in part for row in one)] for part in parts]


def decimals(halves: Iterable[float]) -> int:
    """Decimals in which the narrowest of these halves of intervals has two digits; those that are 0 or unknown do not count."""
    least = min((half for half in halves if half > 0), default=1.0)
    return max(0, 1 - math.floor(math.log10(least)))


def percent(density: float) -> str:
    """A density in percent as it is said: "10.7 %"."""
    return f"{density:.3g} %"


def _places(rows: Sequence[Row]) -> dict[tuple[object, ...], list[Row]]:
    found: dict[tuple[object, ...], list[Row]] = {}
    for row in sorted(rows, key=_order):
        found.setdefault(tuple(row.get(key) for key in _PLACE), []).append(row)
    return found


def _order(row: Row) -> tuple[object, ...]:
    """Of rows, whatever order machines left them in."""
    method, arm = str(row.get("method")), str(row["arm"])
    return (
        *(str(row.get(key)) for key in _PLACE),
        _METHODS.index(method) if method in _METHODS else len(_METHODS),
        method,
        str(row.get("score")),
        _ARMS.index(arm) if arm in _ARMS else len(_ARMS),
        arm,
        *(_sortable(row[key]) for key in sorted(row) if key not in ("cell", "run")),
    )


def _sortable(value: object) -> tuple[bool, float, str]:
    number = isinstance(value, int | float)
    return (not number, float(value) if isinstance(value, int | float) else 0.0, "" if number else str(value))


def _of_a_place(places: Sequence[Sequence[Row]]) -> frozenset[str]:
    """The columns that the title of a panel tells: the place itself, and how all that is in a panel was trained, where panels
    differ in that and no panel has two."""
    found = set(_PLACE)
    keys = {
        key for rows in places for row in rows for key in row if key.startswith("recipe_") or key == "device"
    }
    for key in keys:
        values = [{repr(row.get(key)) for row in rows} for rows in places]
        if all(len(one) == 1 for one in values) and len(set().union(*values)) > 1:
            found.add(key)
    return frozenset(found)


def _without(row: Row, apart: frozenset[str]) -> Row:
    return {key: value for key, value in row.items() if key not in apart}


def _key(row: Row, apart: frozenset[str]) -> object:
    (line,) = lines([_without(row, apart)])
    return line.shared


def _names(rows: Sequence[Row], apart: frozenset[str]) -> dict[object, str]:
    """The name of each line, by what its rows share apart from the place; no two have one name."""
    found = dict.fromkeys(line.shared for own in _places(rows).values() for line in _lines(own, apart))
    keys = sorted(found, key=lambda shared: dict(shared).get("arm") != DENSE)
    names: list[str] = []
    for name in names_of(keys):
        number = 1 + sum(known.partition(" #")[0] == name for known in names)
        names.append(name if number == 1 else f"{name} #{number}")
    return dict(zip(keys, names, strict=True))


def _lines(rows: Sequence[Row], apart: frozenset[str]) -> list[Line]:
    return lines([_without(row, apart) for row in rows])


def _is_dense(name: str, names: dict[object, str]) -> bool:
    return any(own == name and dict(shared).get("arm") == DENSE for shared, own in names.items())  # type: ignore[call-overload]


def _titles(places: dict[tuple[object, ...], list[Row]], apart: frozenset[str]) -> list[str]:
    """Of each panel: network, data, and whatever else tells it from the others."""
    more = sorted(apart - set(_PLACE))
    titles = []
    for key, rows in places.items():
        of = dict(zip(_PLACE, key, strict=True))
        told = [str(of[name]) for name in ("model", "data") if of[name] is not None]
        twins = [other for other in places if other != key and other[:2] == key[:2]]
        if twins and of["data_fingerprint"] is not None:
            told.append(f"data {str(of['data_fingerprint'])[:8]}")
        if twins and of["metric"] is not None:
            told.append(str(of["metric"]))
        told += [f"{name.removeprefix('recipe_')} {rows[0].get(name)}" for name in more]
        titles.append(", ".join(told))
    return [
        title if titles.count(title) == 1 else f"{title} #{titles[: i + 1].count(title)}"
        for i, title in enumerate(titles)
    ]


def _panel(
    title: str,
    rows: list[Row],
    column: str | None,
    names: dict[object, str],
    looks: dict[str, Look],
    apart: frozenset[str],
) -> Panel:
    by = evidence.judged(rows, column)
    curves: list[Curve] = []
    dense: list[Curve] = []
    trained: dict[str, dict[str, object]] = {}
    for line in _lines(rows, apart):
        name = names[line.shared]
        trained[name] = {k: v for k, v in line.rows[0].items() if k.startswith("recipe_") or k == "device"}
        if line.arm == DENSE:
            look = LOOKS["dense"]._replace(dash=_GREYS[len(dense) % len(_GREYS)])
            dense.append(_curve(name, line, look, by))
        else:
            curves.append(_curve(name, line, looks[name], by))
    order = {name: i for i, name in enumerate(looks)}
    return Panel(
        title, by, tuple(sorted(curves, key=lambda curve: order[curve.name])), tuple(dense), _unlike(trained)
    )


def _unlike(trained: dict[str, dict[str, object]]) -> dict[str, dict[str, tuple[str, ...]]]:
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for key in dict.fromkeys(key for own in trained.values() for key in own):
        told, values = key.removeprefix("recipe_"), dict[str, tuple[str, ...]]()
        for name, own in trained.items():
            value = str(own.get(key))
            values[value] = (*values.get(value, ()), name)
        if len(values) > 1 and not all(f"{told}=" in name for name in trained):
            found[told] = values
    return found


def _curve(name: str, line: Line, look: Look, by: Judged) -> Curve:
    spots = (_spot(point, line, by) for point in line.points(by.column))
    return Curve(name, line.arm, look, tuple(spots))


def _spot(point: Point, line: Line, by: Judged) -> Spot:
    rows = [
        row
        for row in line.rows
        if row.get("asked") == point.asked and (point.asked is not None or row["round"] == point.round)
    ]
    counted = [row for row in rows if row["seed"] in point.values]
    values = {seed: by.scale * value for seed, value in point.values.items()}
    lost: dict[str, list[int]] = {}
    for row in rows:
        if row["seed"] not in values:
            lost.setdefault(str(row.get("outcome") or "no result"), []).append(row["seed"])
    told = all(row.get("steps") is not None and row.get("search_steps") is not None for row in counted)
    density = point.density if point.density is not None else point.asked
    return Spot(
        name=point.name,
        asked=point.asked,
        density=100 * (density if density is not None else 1.0),
        values=values,
        band=evidence.interval(list(values.values()), within=by.within) if values else None,
        improving=sum(bool(row.get("still_improving")) for row in counted),
        updates=mean(row["steps"] + row["search_steps"] for row in counted) if counted and told else None,
        lost={outcome: tuple(sorted(seeds)) for outcome, seeds in lost.items()},
    )
