"""What stands at the top of a grid: its keys, each checked, and its axes."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from lthkit.cells.networks import named_function
from lthkit.cells.ways import IMP, WAYS
from lthkit.data.named import DATA_NAMES, FOLDER
from lthkit.ledger import digests
from lthkit.machine.checks import did_you_mean
from lthkit.machine.tiers import TIERS
from lthkit.machine.tiers import tier as tier_by_name
from lthkit.sweeps.axes import Groups
from lthkit.sweeps.entries import TOP_SETTINGS, Entry, entries_of, setting_values
from lthkit.sweeps.grid_recipes import DEFAULT, FIELDS, recipes_of
from lthkit.sweeps.mistakes import Found, listed, repeated
from lthkit.sweeps.steps import Far
from lthkit.training.recipes import Recipe

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
    "claims",
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


class Top:
    """The keys of a grid, each read once; what is wrong with one is noted then, and the rest of it is gone on with."""

    def __init__(self, raw: Mapping[str, Any], found: Found) -> None:
        self.raw, self.found = raw, found

    def check_keys(self) -> None:
        """Note the keys that are not known."""
        for key in self.raw:
            if key not in KEYS:
                self.found.unknown(key, key, KEYS, _HINTS.get(key, ""))

    def unused(self, used: Collection[str]) -> Iterator[str]:
        """The keys that change nothing in this grid, if `used` are those that change something."""
        for name in self.raw:
            if name in self.settings:
                good = bool(self.settings[name])
            elif name == "controls":
                good = bool(self.controls)
            else:
                good = name in ("densities", "rounds") or (name == "size" and self.size is not None)
            if good and name not in used:
                yield name

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
        return [one for one in controls if one in _CONTROLS]

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
    def claims(self) -> tuple[tuple[str, str], ...]:
        """The claims of the ledger that the grid will decide, with the digests of their registered texts."""
        given = self.raw.get("claims")
        if given is None:
            return ()
        good = []
        for i, name in enumerate(listed(given, "claims", self.found, example='["hill-mnist"]', one=True)):
            if not isinstance(name, str):
                self.found.add(f"claims[{i}]", f"{name!r} was given; expected the id of a claim.")
                continue
            try:
                good.append((name, digests(name)[name]))
            except (KeyError, ValueError) as error:
                self.found.add(f"claims[{i}]", str(error.args[0]))
        repeated(given if isinstance(given, list) else [given], "claims", self.found)
        return tuple(good)

    @cached_property
    def far(self) -> Far:
        fractions = self.settings.get("fraction", [IMP.fraction])
        return Far(
            self.raw.get("densities"),
            self.raw.get("rounds"),
            fractions[0] if len(fractions) == 1 else None,
            any(e.way.by == "density" and e.densities is None and e.rounds is None for e in self.entries),
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

    @cached_property
    def name(self) -> str:
        name = self.raw.get("name")
        if not isinstance(name, str) or not re.fullmatch(r"\w([\w.+ -]*[\w+-])?", name):
            self.found.add(
                "name",
                f"{name!r} was given; expected the name of a folder, of letters, digits, spaces and - _ + ., such as criteria-2.",
            )
            return ""
        return name

    def _names(self, key: str, usual: str, check: Callable[[str], object]) -> list[str]:
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
            if name not in names and all(one in known for one in names):
                self.found.add(
                    f"recipes.{name}", "it is defined and not used; name it in recipe, or leave it out."
                )
        return [name for name in names if name in known]

    def check_repeated(self, groups: Groups) -> None:
        for group in groups:
            if len(group) > 1:
                repeated(
                    list(zip(*(self.axes[axis] for axis in group), strict=True)),
                    " with ".join(group),
                    self.found,
                )
            elif group[0] not in self.settings and group != ["methods"]:
                repeated(self.axes[group[0]], group[0], self.found)


def is_of_optimizer(momentum: Any) -> bool:
    """True if a number was given for what a rewind does with the optimizer's memory."""
    return isinstance(momentum, int | float) and not isinstance(momentum, bool)


def _check_data(name: str) -> None:
    """ValueError unless there is such a data set; a folder has to be there, and its pictures are looked at later."""
    if name.startswith(FOLDER):
        path = name.removeprefix(FOLDER)
        if not path or not Path(path).is_dir():
            raise ValueError(
                f"{name!r} was given, and there is no folder {path!r}; expected one of pictures."
            )
    elif name not in DATA_NAMES:
        raise ValueError(
            f"unknown data set {name!r}; expected one of {', '.join(DATA_NAMES)}.{did_you_mean(name, DATA_NAMES)} A folder of pictures "
            f"is {FOLDER}PATH."
        )
