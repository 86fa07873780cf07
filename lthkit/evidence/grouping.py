"""Lines of a table: rows that differ in seed and level only, each with the name that figures, tables and comparisons give it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from lthkit.evidence.statistics import judged
from lthkit.machine.checks import did_you_mean
from lthkit.storage.records import Row

# What differs from training to training of one line; all other columns say what the line is of.
_OF_A_TRAINING = frozenset(
    (
        *("run", "status", "cell", "seed", "round", "density", "asked", "outcome"),
        *("best_step", "still_improving", "steps", "seconds", "search_steps"),
    )
)
_MEASURED = ("test_", "validation_")
DENSE, TICKET = "dense", "ticket"
NEAR = 0.005  # how far, relatively, two densities may be apart and are taken for one
# What is done after a dense training decides nothing of it: columns of the methods that begin with one.
_AFTER_DENSE = frozenset(
    (
        *("method", "score", "iterations", "images", "snip_density", "fraction", "output_fraction", "rounds"),
        *("rewind_step", "momentum", "scope", "window", "threshold", "rule"),
    )
)
_DENSE_OF = ("dense", "imp", "one-shot")  # of two that are the same training, the first of these is taken
_FOR_ALL = ("model", "data", "task")  # told of every line, if they vary at all
_FIRST = ("method", "arm", "score")  # told by the first words of a name

Shared = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Point:
    """One level of a line: its density, how it was asked for (None for a round), and one value for each seed.

    without: seeds whose search ended without a ticket, and so without a value. still_improving: the best step of some seed
    lies in the last tenth of its budget.
    """

    round: int
    asked: float | None
    density: float | None
    values: dict[int, float]
    without: tuple[int, ...] = ()
    still_improving: bool = False

    @property
    def name(self) -> str:
        """As a reader would ask for it: "round 3" or "density 0.05"."""
        return f"round {self.round}" if self.asked is None else f"density {self.asked:g}"


@dataclass(frozen=True)
class Line:
    """Trainings of one kind at several levels and seeds. `shared` is all that they have in common, by column."""

    name: str
    shared: Shared
    rows: tuple[Row, ...]

    @property
    def method(self) -> str | None:
        """Such as "imp"; None in a table that does not say."""
        return self.rows[0].get("method")

    @property
    def arm(self) -> str:
        """Such as "ticket"."""
        return str(self.rows[0]["arm"])

    @property
    def seeds(self) -> list[int]:
        """The seeds that it has at any level."""
        return sorted({row["seed"] for row in self.rows})

    def points(self, column: str | None = None) -> list[Point]:
        """Its levels, the densest first. column: None is that by which rows are judged (see `judged`).

        Raises:
            ValueError: two rows of one seed and level.
        """
        column = judged(self.rows).column if column is None else column
        found: dict[tuple[bool, float], list[Row]] = {}
        for row in self.rows:
            asked = row.get("asked")
            key = (False, row["round"]) if asked is None else (True, asked)
            found.setdefault(key, []).append(row)
        points = [_point(self.name, rows, column) for rows in found.values()]
        return sorted(points, key=lambda p: (-(p.asked if p.density is None else p.density), p.round))  # type: ignore[operator]


def lines(rows: Iterable[Row]) -> list[Line]:
    """The lines of a table, dense first, then as they come. No two have one name.

    Rows are of one line if they agree in every column that is not measured and is not the seed or the level: other data
    under the same name, another recipe or another device are other lines. The dense trainings of all methods with the
    same model, data and recipe are one line, because they are the same training; where they came to other numbers, as they
    may on a GPU, each method has its own.
    """
    found = _grouped(rows)
    names = names_of(list(found))
    made = [
        Line(name, shared, tuple(_once(own)))
        for name, (shared, own) in zip(names, found.items(), strict=True)
    ]
    return sorted(made, key=lambda line: line.arm != DENSE)


def line_named(found: Sequence[Line], name: str) -> Line:
    """The line of that name. ValueError lists those that there are."""
    for line in found:
        if line.name == name.strip():
            return line
    names = [line.name for line in found]
    raise ValueError(
        f"There is no line {name!r}; expected one of {', '.join(map(repr, names)) or 'none'}.{did_you_mean(name, names)}"
    )


def seeds_told(seeds: Iterable[int]) -> str:
    """Seeds in words: "seed 3", "seeds 0 to 4", "seeds 0, 2, 3"."""
    found = sorted(seeds)
    if len(found) > 2 and found == list(range(found[0], found[-1] + 1)):
        return f"seeds {found[0]} to {found[-1]}"
    return f"seed{'s' * (len(found) != 1)} {', '.join(map(str, found))}"


def differing(one: Line, other: Line) -> list[str]:
    """The columns in which two lines differ, without the method and its own settings being the same thing twice."""
    a, b = dict(one.shared), dict(other.shared)
    return sorted(key for key in a.keys() | b.keys() if a.get(key) != b.get(key))


def _point(line: str, rows: Sequence[Row], column: str) -> Point:
    repeated = [seed for seed, count in Counter(row["seed"] for row in rows).items() if count > 1]
    if repeated:
        raise ValueError(
            f"The line {line!r} has two rows of seed {repeated[0]}, round {rows[0]['round']}; expected one. Were the rows of one "
            "run joined twice, or those of two runs? Leave one out."
        )
    values = {row["seed"]: row[column] for row in rows if row.get(column) is not None}
    densities = [row["density"] for row in rows if row["density"] is not None]
    without = tuple(sorted(row["seed"] for row in rows if row.get(column) is None))
    still = any(row.get("still_improving") for row in rows)
    density = float(median(densities)) if densities else None
    return Point(
        rows[0]["round"], rows[0].get("asked"), density, dict(sorted(values.items())), without, bool(still)
    )


def _shared(row: Row, *, dense: bool = True) -> Shared:
    """dense: leave out of a dense row what is done after it."""
    after = _AFTER_DENSE if dense and row["arm"] == DENSE else frozenset()
    return _told({k: v for k, v in row.items() if not _of_a_training(k) and k not in after})


def _of_a_training(column: str) -> bool:
    return column in _OF_A_TRAINING or column.startswith(_MEASURED)


def _grouped(rows: Iterable[Row]) -> dict[Shared, list[Row]]:
    """Rows by what they share. Dense trainings of several methods that came to other numbers, as on a GPU, are of their
    methods."""
    found: dict[Shared, list[Row]] = {}
    for row in rows:
        found.setdefault(_shared(row), []).append(row)
    apart: dict[Shared, list[Row]] = {}
    for shared, own in found.items():
        if own[0]["arm"] == DENSE and not _alike(own):
            for row in own:
                apart.setdefault(_shared(row, dense=False), []).append(row)
        else:
            apart[shared] = own
    return apart


def _alike(rows: Sequence[Row]) -> bool:
    """Whether rows of one seed have measured the same."""
    by_seed: dict[int, Row] = {}
    for row in rows:
        known = by_seed.setdefault(row["seed"], row)
        if any(row[key] != known.get(key) for key in row if key.startswith(_MEASURED)):
            return False
    return True


def _told(own: Row) -> Shared:
    """By column, without those that say nothing, so that a table that lacks a column agrees with one where it is empty."""
    return tuple(sorted((key, value) for key, value in own.items() if value is not None))


def _once(rows: Sequence[Row]) -> list[Row]:
    """The rows; of dense trainings, which several methods begin with, one for each seed."""
    if rows[0]["arm"] != DENSE:
        return list(rows)
    order = {name: place for place, name in enumerate(_DENSE_OF)}
    chosen: dict[int, Row] = {}
    for row in sorted(rows, key=lambda row: order.get(str(row.get("method")), len(order))):
        known = chosen.get(row["seed"])
        if known is None:
            chosen[row["seed"]] = row
        elif all(known.get(key) == row.get(key) for key in ("method", "cell")):
            return list(rows)  # the same row twice: `points` refuses them
    return list(chosen.values())


def names_of(shared: Sequence[Shared]) -> list[str]:
    """The names of lines, from what the rows of each share: what they all share is not said."""
    kinds: list[Row] = [dict(one) for one in shared]
    bases = [_base(kind) for kind in kinds]
    told_of_all = [key for key in _FOR_ALL if len({str(kind.get(key)) for kind in kinds}) > 1]
    names = []
    for kind, base in zip(kinds, bases, strict=True):
        alike = [other for other, name in zip(kinds, bases, strict=True) if name == base]
        varying = [
            key
            for key in dict.fromkeys(key for other in alike for key in other)
            if key not in (*_FIRST, *_FOR_ALL) and _varies(key, alike)
        ]
        told = [str(kind[key]) for key in told_of_all if kind.get(key) is not None]
        told += [_setting(key, kind.get(key)) for key in varying]
        names.append(f"{base} ({', '.join(told)})" if told else base)
    return names


def _varies(key: str, alike: Sequence[Row]) -> bool:
    """Whether a column tells lines of one base apart; the fingerprint of data does where two have one name."""
    if key == "data_fingerprint":
        pairs = {(str(other.get("data")), str(other.get(key))) for other in alike}
        return len(pairs) > len({name for name, _ in pairs})
    return len({str(other.get(key)) for other in alike}) > 1


def _base(kind: Row) -> str:
    """Method, criterion and arm: "imp", "prune-at-init snip", "one-shot lr-rewind"."""
    arm = str(kind["arm"])
    if "method" not in kind:
        return arm
    told = [kind["method"], kind.get("score"), None if arm == TICKET else arm]
    return " ".join(dict.fromkeys(str(word) for word in told if word is not None))


def _setting(key: str, value: Any) -> str:
    name = key.removeprefix("recipe_")
    if key == "data_fingerprint":
        return f"data {str(value)[:8]}"
    return f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
