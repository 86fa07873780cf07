"""A grid: which cells, and how far each of them is to go. What a file, a command line or Python asks for becomes one.

    name = "criteria"                         # of its folder; else the file's
    methods = ["dense", {method = "prune-at-init", score = ["snip", "synflow"]}, {method = "retrain", arm = ["rewind", "fine-tune"]}]
    models = ["lenet-300-100"]                # or "package.module:function"
    data = ["fashion-mnist"]                  # or "folder:PATH"
    seeds = [0, 1, 2]
    densities = [0.2, 0.05]                   # or rounds = [7, 13], on the ladder of IMP
    zip = [["models", "recipe"]]              # side by side; all other axes are combined with each other
    recipe = ["default", "long"]              # of those below; without it, all of them
    claims = ["hill-mnist"]                   # of data/claims.toml, which this sweep decides: its folder keeps their registered text

    [recipes.long]                            # what changes in the recipe that a network has unless said otherwise
    steps = 8000

Settings of ways (`cells.ways`) stand in a method's table, or at the top for every method that has them; a list is an axis.
All is checked before anything is begun, and all mistakes are named together.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lthkit.cells.cells import DENSE_LEVEL, Cell, Level
from lthkit.cells.networks import model_identity
from lthkit.cells.ways import IMP, Dense, Way
from lthkit.data.named import FOLDER
from lthkit.machine.checks import plain
from lthkit.sweeps.asked import Asked as Asked
from lthkit.sweeps.asked import Grid as Grid
from lthkit.sweeps.asked import merged as merged
from lthkit.sweeps.axes import combined, groups_of, number_of
from lthkit.sweeps.entries import Entry, unused_settings, ways_of
from lthkit.sweeps.mistakes import Found
from lthkit.sweeps.mistakes import GridMistakes as GridMistakes
from lthkit.sweeps.steps import levels_of
from lthkit.sweeps.top import Top
from lthkit.training.recipes import Recipe

MOST = 1_000_000  # combinations: more are a slip


def read_grid(path: Path | str) -> Grid:
    """The grid in a file, checked whole. `GridMistakes` names all mistakes with their places, and the line of broken TOML."""
    path, found = Path(path), Found()
    raw: dict[str, Any] = {}
    try:
        raw = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        found.add("file", f"it cannot be read ({error.strerror or error}); expected a file of TOML.")
    except UnicodeDecodeError as error:
        found.add("file", f"it is no text in UTF-8 (byte {error.start}); expected a file of TOML.")
    except tomllib.TOMLDecodeError as error:
        found.add("file", f"it is no TOML: {error}.")
    found.check(str(path))
    return _Reader({"name": path.stem, **raw}, found).grid(str(path))


def grid_of(
    name: str,
    *,
    methods: Sequence[str | Mapping[str, Any]],
    models: Sequence[str] = ("lenet-300-100",),
    data: Sequence[str] = ("fashion-mnist",),
    seeds: Sequence[int] = (0, 1, 2),
    densities: Sequence[float] | None = None,
    rounds: Sequence[int] | None = None,
    recipes: Mapping[str, Mapping[str, Any] | Recipe] | None = None,
    tier: str = "laptop",
    size: int | tuple[int, int] | None = None,
    **settings: Any,
) -> Grid:
    """The grid of a file, from Python: the same keys, the same checks, the same words.

        grid_of("criteria", methods=["imp", {"method": "prune-at-init", "score": ["snip", "synflow"]}], rounds=[7, 13])

    Args:
        recipes: what changes in the default recipe, by name, or whole recipes. settings: further keys of the file: fraction, scope,
            rewind_step, momentum and other settings of ways, controls, recipe, zip.

    Raises:
        GridMistakes: names all mistakes.
    """
    given: dict[str, Any] = {
        "name": name,
        "methods": methods,
        "models": models,
        "data": data,
        "seeds": seeds,
        "tier": tier,
    }
    given |= {"densities": densities, "rounds": rounds, "recipes": recipes, "size": size, **settings}
    raw = {key: _as_in_a_file(value) for key, value in given.items() if value is not None}
    return _Reader(raw, Found()).grid(f"The grid {name!r}")


def _as_in_a_file(value: Any) -> Any:
    """Tuples, ranges and arrays as lists, numpy's numbers as Python's."""
    value = plain(value)
    if isinstance(value, Mapping):
        return {key: _as_in_a_file(one) for key, one in value.items() if one is not None}
    return [_as_in_a_file(one) for one in value] if isinstance(value, list | tuple | range) else value


class _Reader:
    """A grid while it is read: what was given, the mistakes so far, and which settings were of use."""

    def __init__(self, raw: Mapping[str, Any], found: Found) -> None:
        self.top, self.found, self.used = Top(raw, found), found, set[str]()
        self.asked: dict[Cell, Asked] = {}
        self._by: dict[tuple[Any, ...], str] = {}  # a training, and who asks for it
        self._twice: dict[tuple[str, str], list[str]] = {}
        self._whole = True  # nothing had to be left out because of a mistake
        self._ways: dict[tuple[Any, ...], list[tuple[Way, tuple[Level, ...]]]] = {}
        self._used_of_entry: dict[str, set[str]] = {}

    def grid(self, where: str) -> Grid:
        self.top.check_keys()
        name, axes, claims = self.top.name, self.top.axes, self.top.claims
        groups = groups_of(self.top.raw.get("zip", []), axes, self.found)
        whole = not any(one.place.startswith("zip") for one in self.found.mistakes)
        self.top.check_repeated(groups)
        some = {axis: values or [None] for axis, values in axes.items()}  # what else is wrong is told too
        if (number := number_of(some, groups)) > MOST:
            self.found.add("axes", f"{number:,} combinations were asked for; expected at most {MOST:,}.")
        elif whole:
            for chosen in combined(some, groups):
                self._add(chosen)
            self._tell_of_twice()
            if self._whole:
                self._check_used()
        self.found.check(where)
        return Grid(name, tuple(self.asked.values()), claims)

    def _add(self, chosen: Mapping[str, Any]) -> None:
        """The cells of one combination."""
        entry: Entry | None = chosen["methods"]
        model, data, name = chosen["models"], chosen["data"], chosen["recipe"]
        recipe = self.top.recipes.get((name, model))
        ways = [] if entry is None else self._ways_of(entry, chosen)
        if entry is None or recipe is None or data is None or chosen["seeds"] is None:
            self._whole = False
            return
        size = self.top.size if data.startswith(FOLDER) else None
        if size is not None:
            self.used.add("size")
        several = len(self.top.axes["recipe"]) > 1
        for way, levels in ways:
            place = f"{entry.place} ({entry.method})"
            with self.found.at(place, f" (Recipe {name} for {model}.)"):
                cell = Cell(way, model, data, recipe, chosen["seeds"], size)
                self._note(cell, levels, place, name)
                before = self.asked.get(cell)
                if before is not None:
                    levels = tuple(cell.levels((*before.levels, *levels)))
                self.asked[cell] = Asked(cell, levels, name if several else "")

    def _ways_of(self, entry: Entry, chosen: Mapping[str, Any]) -> list[tuple[Way, tuple[Level, ...]]]:
        """The ways of an entry with the settings at the top that are chosen, each with its levels; once for all seeds."""
        top = {name: chosen.get(name, values[0]) for name, values in self.top.settings.items() if values}
        key = (entry.place, *top.values())
        if key not in self._ways:
            ways, used = ways_of(entry, top, self.found)
            if not ways:  # a mistake, which says enough
                used, self._whole = {*top, *entry.settings}, False
            self.used |= used
            self._used_of_entry.setdefault(entry.place, set()).update(used)
            self._ways[key] = [(way, self._levels(entry, way)) for way in ways]
        return self._ways[key]

    def _levels(self, entry: Entry, way: Way) -> tuple[Level, ...]:
        levels = levels_of(entry, way, self.top.far, self.top.controls, self.found)
        if entry.densities is None and entry.rounds is None and way.by:
            self.used |= {"densities", "rounds"}
        if way.by and "rounds" in self.top.raw and not isinstance(way, IMP):
            self.used.add("fraction")
        self.used |= {"controls"} if set(self.top.controls) & set(way.arms) else set()
        first = Cell(way, "lenet-300-100", "fashion-mnist", Recipe(steps=getattr(way, "rewind_step", 0) + 1))
        return tuple(first.levels(levels))

    def _note(self, cell: Cell, levels: Sequence[Level], place: str, recipe: str) -> None:
        """Remember who asks for each training, and that one is asked for twice."""
        who = f"{place} with recipe {recipe} for {cell.model}"
        same = (cell.way, _identity(cell.model), cell.data, cell.recipe, cell.seed, cell.size)
        for level in levels:
            if level == DENSE_LEVEL and not isinstance(cell.way, Dense):
                continue
            if (first := self._by.setdefault((same, level), who)) != who:
                what = f"{cell.method}, {cell.data}, seed {cell.seed}, {level.name}"
                self._twice.setdefault((place, f"{who} asks for what {first} asks for"), []).append(what)

    def _tell_of_twice(self) -> None:
        for (place, text), what in self._twice.items():
            more = f" and {len(what) - 1:,} more" if len(what) > 1 else ""
            self.found.add(place, f"{text} too: {what[0]}{more}. Leave one of them out.")

    def _check_used(self) -> None:
        """What changes nothing is a mistake: who wrote it believes that it does something."""
        for entry in self.top.entries:
            for place, text in unused_settings(
                entry, self._used_of_entry.get(entry.place, set()), self.top.settings
            ):
                self.found.add(place, text)
        for name in self.top.unused(self.used):
            why = "no method of this grid uses it"
            if name == "size":
                why = "no data set of this grid is a folder of pictures, which alone has a size to choose"
            self.found.add(name, f"{why}, so it would change nothing; leave it out.")


def _identity(model: str) -> str:
    return model if ":" not in model else model_identity(model)
