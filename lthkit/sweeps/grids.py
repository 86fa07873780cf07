"""A grid: which cells, and how far each of them is to go. What a file, a command line or Python asks for becomes one.

    name = "criteria"                         # of its folder; else the file's
    methods = ["dense", {method = "prune-at-init", score = ["snip", "synflow"]}, {method = "retrain", arm = ["rewind", "fine-tune"]}]
    models = ["lenet-300-100"]                # or "package.module:function"
    data = ["fashion-mnist"]                  # or "folder:PATH"
    seeds = [0, 1, 2]
    densities = [0.2, 0.05]                   # or rounds = [7, 13], on the ladder of IMP
    zip = [["models", "recipe"]]              # side by side; all other axes are combined with each other
    recipe = ["default", "long"]              # of those below; without it, all of them

    [recipes.long]                            # what changes in the recipe that a network has unless said otherwise
    steps = 8000

Settings of ways (`cells.ways`) stand in a method's table, or at the top for every method that has them; a list is an axis.
All is checked before anything is begun, and all mistakes are named together.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lthkit.cells.cells import DENSE_LEVEL, Cell, Level
from lthkit.cells.networks import model_identity, named_function
from lthkit.cells.ways import IMP, WAYS, Dense, Way
from lthkit.data.named import DATA_NAMES, FOLDER
from lthkit.machine.checks import did_you_mean, plain
from lthkit.machine.tiers import TIERS
from lthkit.machine.tiers import tier as tier_by_name
from lthkit.sweeps.axes import Groups, combined, groups_of, number_of
from lthkit.sweeps.entries import (
    TOP_SETTINGS,
    Entry,
    entries_of,
    setting_values,
    unused_settings,
    ways_of,
)
from lthkit.sweeps.grid_recipes import DEFAULT, FIELDS, recipes_of
from lthkit.sweeps.mistakes import Found, GridMistakes, listed, repeated
from lthkit.sweeps.steps import Far, levels_of
from lthkit.training.recipes import Recipe

MOST = 1_000_000  # combinations: more are a slip
_KEYS = (
    "name",
    "methods",
    "models",
    "data",
    "size",
    "seeds",
    "densities",
    "rounds",
    "controls",
    "tier",
    "recipe",
)
KEYS = (*_KEYS, "recipes", "zip", *TOP_SETTINGS)
_CONTROLS = tuple(
    dict.fromkeys(arm for way in WAYS.values() for arm in way.arms if arm in ("re-initialised", "shuffled"))
)
_SPARSITY = " A density is the fraction kept: 1 minus the sparsity."
_HINTS = {
    **dict.fromkeys(FIELDS, " It is a field of a recipe: write it below [recipes.NAME]."),
    **dict.fromkeys(("sparsity", "sparsities"), f"{_SPARSITY} Expected densities = [...]."),
    **dict.fromkeys(
        ("arm", "arms"), ' Expected it in a method\'s table: {method = "retrain", arm = "fine-tune"}.'
    ),
    **dict.fromkeys(
        ("device", "workers", "on", "minutes", "shard", "folder", "out"),
        " It changes no number, so it is said where the sweep is begun: by an option of the command.",
    ),
}


@dataclass(frozen=True)
class Asked:
    """A cell and the levels that are asked of it; `recipe` is the name of its recipe in the grid, "" where there is one only."""

    cell: Cell
    levels: tuple[Level, ...]
    recipe: str = ""


@dataclass(frozen=True)
class Grid:
    """What a sweep is to do: its name, and the cells in the order in which they are begun, each once."""

    name: str
    asked: tuple[Asked, ...]

    @property
    def data_names(self) -> list[str]:
        """The data sets, each once."""
        return list(dict.fromkeys(one.cell.data for one in self.asked))


def merged(asked: Iterable[Asked]) -> tuple[Asked, ...]:
    """Each cell once, with all the levels that are asked of it."""
    found: dict[Cell, Asked] = {}
    for one in asked:
        levels = one.levels if one.cell not in found else (*found[one.cell].levels, *one.levels)
        found[one.cell] = Asked(one.cell, tuple(one.cell.levels(levels)), one.recipe)
    return tuple(found.values())


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
        self.raw, self.found, self.used = raw, found, set[str]()
        self.asked: dict[Cell, Asked] = {}
        self._by: dict[tuple[Any, ...], str] = {}  # a training, and who asks for it
        self._twice: dict[tuple[str, str], list[str]] = {}
        self._done = set[tuple[str, str, Cell]]()
        self._ways: dict[tuple[Any, ...], list[tuple[Way, tuple[Level, ...]]]] = {}
        self._used_of_entry: dict[str, set[str]] = {}

    def grid(self, where: str) -> Grid:
        for key in self.raw:
            if key not in KEYS:
                self.found.unknown(key, key, KEYS, _HINTS.get(key, ""))
        name = self._name()
        groups = groups_of(self.raw.get("zip", []), self.axes, self.found)
        self._check_repeated(groups)
        if (number := number_of(self.axes, groups)) > MOST:
            self.found.add("axes", f"{number:,} combinations were asked for; expected at most {MOST:,}.")
        elif self.entries:
            for chosen in combined(self.axes, groups):
                self._add(chosen)
            self._tell_of_twice()
            if len(self.entries) == len(
                listed(self.raw["methods"], "methods", self.found, example="", one=True)
            ):
                self._check_used()
        self.found.check(where)
        return Grid(name, tuple(self.asked.values()))

    # What stands at the top

    @cached_property
    def tier(self) -> str:
        given = self.raw.get("tier", "laptop")
        if not isinstance(given, str) or given not in TIERS:
            self.found.add(
                "tier",
                f"{given!r} was given; expected one of {', '.join(TIERS)}.{did_you_mean(str(given), TIERS)}",
            )
            return "laptop"
        return tier_by_name(given)

    @cached_property
    def entries(self) -> list[Entry]:
        if "methods" not in self.raw:
            self.found.add("methods", 'it is missing; expected such as methods = ["imp", "dense"].')
            return []
        return entries_of(self.raw["methods"], self.found, grid_keys=KEYS)

    @cached_property
    def models(self) -> list[str]:
        return self._names("models", "lenet-300-100", lambda name: named_function(name))

    @cached_property
    def data(self) -> list[str]:
        return self._names("data", "fashion-mnist", _check_data)

    @cached_property
    def recipes(self) -> dict[tuple[str, str], Recipe]:
        return recipes_of(self.raw.get("recipes", {}), self.models, self.tier, self.found, grid_keys=KEYS)

    @cached_property
    def controls(self) -> list[str]:
        given = self.raw.get("controls")
        controls = (
            [] if given is None else listed(given, "controls", self.found, example='["shuffled"]', one=True)
        )
        repeated(controls, "controls", self.found)
        for one in controls:
            if one not in _CONTROLS:
                self.found.add(
                    "controls",
                    f"unknown control {one!r}; expected some of {', '.join(_CONTROLS)}.{did_you_mean(str(one), _CONTROLS)}",
                )
        return controls

    @cached_property
    def settings(self) -> dict[str, list[Any]]:
        """Settings of ways that stand at the top, each with its values."""
        given = {name: self.raw[name] for name in TOP_SETTINGS if name in self.raw}
        if is_of_optimizer(given.get("momentum")):
            self.found.add(
                "momentum",
                f"{given.pop('momentum')!r} was given; here it is what a rewind does with the optimizer's memory: restore or fresh. SGD's "
                "momentum is a field of a recipe: write it below [recipes.NAME].",
            )
        return {name: setting_values(name, value, self.found) for name, value in given.items()}

    @cached_property
    def far(self) -> Far:
        fractions = self.settings.get("fraction", [IMP.fraction])
        return Far(
            self.raw.get("densities"), self.raw.get("rounds"), fractions[0] if len(fractions) == 1 else None
        )

    @cached_property
    def size(self) -> Any:
        size = self.raw.get("size")
        if isinstance(size, list):
            size = tuple(size)
        whole = [
            isinstance(n, int) and not isinstance(n, bool) and n >= 1
            for n in (size if isinstance(size, tuple) else (size,))
        ]
        if size is not None and (not all(whole) or (isinstance(size, tuple) and len(size) != 2)):
            self.found.add(
                "size", f"{self.raw['size']!r} was given; expected pixels, such as 32 or [32, 48]."
            )
            return None
        return size

    @cached_property
    def axes(self) -> dict[str, list[Any]]:
        """All axes, the slowest first: seed by seed, so that a sweep that is stopped has whole comparisons."""
        several = {name: values for name, values in self.settings.items() if isinstance(self.raw[name], list)}
        return {
            "seeds": self._seeds(),
            "models": self.models,
            "data": self.data,
            "recipe": self._recipe_names(),
            **several,
            "methods": self.entries,
        }

    def _name(self) -> str:
        name = self.raw.get("name")
        if not isinstance(name, str) or not re.fullmatch(r"\w([\w.+ -]*[\w+-])?", name):
            self.found.add(
                "name",
                f"{name!r} was given; expected the name of a folder, of letters, digits, spaces and - _ + ., such as criteria-2.",
            )
            return ""
        return name

    def _names(self, key: str, usual: str, check: Any) -> list[str]:
        good = []
        for i, name in enumerate(
            listed(self.raw.get(key, [usual]), key, self.found, example=f'["{usual}"]', one=True)
        ):
            if not isinstance(name, str):
                self.found.add(f"{key}[{i}]", f'{name!r} was given; expected a name, such as "{usual}".')
                continue
            before = len(self.found.mistakes)
            with self.found.at(f"{key}[{i}]"):
                check(name)
            if len(self.found.mistakes) == before:
                good.append(name)
        return good

    def _seeds(self) -> list[int]:
        given = self.raw.get("seeds", [0, 1, 2])
        if isinstance(given, int) and not isinstance(given, bool):
            several = f" For {given} seeds: {list(range(given))};" if 0 < given < 30 else ""
            self.found.add(
                "seeds",
                f"{given} was given, which is one seed or a number of seeds; expected a list.{several} for the seed alone: [{given}].",
            )
            return []
        seeds = listed(given, "seeds", self.found, example="[0, 1, 2]")
        good = [s for s in seeds if isinstance(s, int) and not isinstance(s, bool) and 0 <= s < 2**63]
        for i, seed in enumerate(seeds):
            if not any(seed is one for one in good):
                self.found.add(
                    f"seeds[{i}]", f"{seed!r} was given; expected a whole number, 0 or more, below 2**63."
                )
        return good

    def _recipe_names(self) -> list[str]:
        given = self.raw.get("recipes", {})
        known = [DEFAULT, *(given if isinstance(given, Mapping) else ())]
        _ = self.recipes  # whose mistakes belong before those of the names
        if "recipe" not in self.raw:
            return known[1:] or known
        names = listed(self.raw["recipe"], "recipe", self.found, example='["default", "long"]', one=True)
        for i, name in enumerate(names):
            if name not in known:
                self.found.add(
                    f"recipe[{i}]",
                    f"unknown recipe {name!r}; expected one of {', '.join(known)}, as [recipes.NAME] define them."
                    f"{did_you_mean(str(name), known)}",
                )
        for name in known[1:]:
            if name not in names:
                self.found.add(
                    f"recipes.{name}", "it is defined and not used; name it in recipe, or leave it out."
                )
        return [name for name in names if name in known]

    def _check_repeated(self, groups: Groups) -> None:
        for group in groups:
            if len(group) > 1:
                repeated(
                    list(zip(*(self.axes[axis] for axis in group), strict=True)),
                    " with ".join(group),
                    self.found,
                )
            elif group[0] not in self.settings and group != ["methods"]:
                repeated(self.axes[group[0]], group[0], self.found)

    # Its cells

    def _add(self, chosen: Mapping[str, Any]) -> None:
        """The cells of one combination."""
        entry: Entry = chosen["methods"]
        model, data, name = chosen["models"], chosen["data"], chosen["recipe"]
        recipe = self.recipes.get((name, model))
        if recipe is None:
            return
        size = self.size if data.startswith(FOLDER) else None
        if size is not None:
            self.used.add("size")
        several = len(self.axes["recipe"]) > 1
        for way, levels in self._ways_of(entry, chosen):
            place = f"{entry.place} ({entry.method})"
            with self.found.at(place, f" (Recipe {name} for {model}.)"):
                cell = Cell(way, model, data, recipe, chosen["seeds"], size)
                if (entry.place, name, cell) in self._done:
                    continue  # combinations that differ in a setting at the top which this way does not have
                self._done.add((entry.place, name, cell))
                self._note(cell, levels, place, name)
                before = self.asked.get(cell)
                if before is not None:
                    levels = tuple(cell.levels((*before.levels, *levels)))
                self.asked[cell] = Asked(cell, levels, name if several else "")

    def _ways_of(self, entry: Entry, chosen: Mapping[str, Any]) -> list[tuple[Way, tuple[Level, ...]]]:
        """The ways of an entry with the settings at the top that are chosen, each with its levels; once for all seeds."""
        top = {
            name: chosen[name] if name in chosen else self.settings[name][0]
            for name in self.settings
            if self.settings[name]
        }
        key = (entry.place, *top.values())
        if key not in self._ways:
            ways, used = ways_of(entry, top, self.found)
            if not ways:  # a mistake, which says enough
                used = {*top, *entry.settings}
            self.used |= used
            self._used_of_entry.setdefault(entry.place, set()).update(used)
            self._ways[key] = [(way, self._levels(entry, way)) for way in ways]
        return self._ways[key]

    def _levels(self, entry: Entry, way: Way) -> tuple[Level, ...]:
        levels = levels_of(entry, way, self.far, self.controls, self.found)
        if entry.densities is None and entry.rounds is None and way.by:
            self.used |= {"densities", "rounds"}
        if way.by and "rounds" in self.raw and not isinstance(way, IMP):
            self.used.add("fraction")
        self.used |= {"controls"} if set(self.controls) & set(way.arms) else set()
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
        for entry in self.entries:
            for place, text in unused_settings(
                entry, self._used_of_entry.get(entry.place, set()), self.settings
            ):
                self.found.add(place, text)
        for name in self.raw:
            if name in (*self.settings, "densities", "rounds", "controls", "size") and name not in self.used:
                what = {
                    "size": "no data set of this grid is a folder of pictures, which alone has a size to choose"
                }
                self.found.add(
                    name,
                    f"{what.get(name, 'no method of this grid uses it')}, so it would change nothing; leave it out.",
                )


def _identity(model: str) -> str:
    return model if ":" not in model else model_identity(model)


def is_of_optimizer(momentum: Any) -> bool:
    """True if a number was given for what a rewind does with the optimizer's memory."""
    return isinstance(momentum, int | float) and not isinstance(momentum, bool)


def _check_data(name: str) -> None:
    """ValueError unless there is such a data set; a folder has to be there, and its pictures are looked at later."""
    if name.startswith(FOLDER):
        if not (path := Path(name.removeprefix(FOLDER))).is_dir() or path == Path():
            raise ValueError(
                f"{name!r} was given, and there is no folder {str(path)!r}; expected one of pictures."
            )
    elif name not in DATA_NAMES:
        raise ValueError(
            f"unknown data set {name!r}; expected one of {', '.join(DATA_NAMES)}.{did_you_mean(name, DATA_NAMES)} A folder of pictures "
            f"is {FOLDER}PATH."
        )


__all__ = ["Asked", "Grid", "GridMistakes", "grid_of", "merged", "read_grid"]
