"""The axes of a grid: combined with each other, all values with all, or side by side where the grid says `zip`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from lthkit.machine.checks import did_you_mean
from lthkit.sweeps.mistakes import Found

Groups = list[list[str]]


def groups_of(zipped: Any, axes: Mapping[str, Sequence[Any]], found: Found) -> Groups:
    """The axes in groups that go side by side; an axis that is zipped with none is a group of its own.

    zipped: as in the file, a list of lists of names. A group stands where its first axis does.
    """
    if zipped and isinstance(zipped, list) and all(isinstance(name, str) for name in zipped):
        zipped = [zipped]
    lists = isinstance(zipped, list) and all(isinstance(group, list) for group in zipped)
    if not lists or not all(isinstance(name, str) for group in zipped for name in group):
        found.add("zip", f'{zipped!r} was given; expected lists of axes, such as [["models", "data"]].')
        zipped = []
    partners: dict[str, list[str]] = {}
    for i, group in enumerate(zipped):
        for name in group:
            if name not in axes:
                found.add(
                    f"zip[{i}]",
                    f"{name!r} is no axis of this grid, which has {', '.join(axes)}: a setting is one if a list is given for it at "
                    f"the top.{did_you_mean(name, axes)}",
                )
            elif name in partners:
                found.add(f"zip[{i}]", f"{name!r} stands in zip twice; expected each axis once.")
        known = [name for name in dict.fromkeys(group) if name in axes and name not in partners]
        if len(group) < 2:
            found.add(f"zip[{i}]", f"{group!r} was given; expected two axes or more that go side by side.")
        lengths = {name: len(axes[name]) for name in known}
        if len(set(lengths.values())) > 1:
            said = ", ".join(f"{name} {length}" for name, length in lengths.items())
            found.add(
                f"zip[{i}]", f"axes that go side by side have equally many values, and these have {said}."
            )
            continue
        partners |= dict.fromkeys(known, known)
    groups: Groups = []
    for name in axes:
        group = [other for other in axes if other in partners.get(name, [name])]
        if group not in groups:
            groups.append(group)
    return groups


def number_of(axes: Mapping[str, Sequence[Any]], groups: Groups) -> int:
    """How many combinations there are."""
    return prod(len(axes[group[0]]) for group in groups)


def combined(axes: Mapping[str, Sequence[Any]], groups: Groups) -> Iterator[dict[str, Any]]:
    """Every combination of the values of all groups; the last axis changes fastest."""
    for values in product(*(zip(*(axes[name] for name in group), strict=True) for group in groups)):
        yield {
            name: value
            for group, row in zip(groups, values, strict=True)
            for name, value in zip(group, row, strict=True)
        }
