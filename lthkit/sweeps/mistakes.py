"""The mistakes of a grid: all of them are collected, each with its place, before anything is begun."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from lthkit.machine.checks import did_you_mean


@dataclass(frozen=True)
class Mistake:
    """One mistake. place: where in the grid, as `methods[1].score`, counted from 0."""

    place: str
    text: str


class GridMistakes(ValueError):
    """A grid that cannot be done as it stands; nothing was begun.

    where: the file, or the name of the grid. mistakes: all that were found. The text has one line for each.
    """

    def __init__(self, where: str, mistakes: Iterable[Mistake]) -> None:
        self.where, self.mistakes = where, tuple(mistakes)
        number = "1 mistake" if len(self.mistakes) == 1 else f"{len(self.mistakes)} mistakes"
        lines = [f"{one.place}: {' '.join(one.text.split())}" for one in self.mistakes]
        super().__init__("\n  ".join([f"{where} has {number}, so nothing is begun.", *lines]))

    def __reduce__(self) -> tuple[Any, ...]:
        return GridMistakes, (self.where, self.mistakes)


@dataclass
class Found:
    """Mistakes so far, each once."""

    mistakes: list[Mistake] = field(default_factory=list)

    def add(self, place: str, text: str) -> None:
        """One more mistake."""
        if (this := Mistake(place, text)) not in self.mistakes:
            self.mistakes.append(this)

    @contextmanager
    def at(self, place: str, more: str = "") -> Iterator[None]:
        """What is refused within it is a mistake at this place; `more` is said after it."""
        try:
            yield
        except (TypeError, ValueError) as error:
            self.add(place, f"{error}{more}")

    def unknown(self, place: str, key: str, known: Iterable[str], hint: str = "") -> None:
        """A key that is not known; `hint` says more than what it may have been meant for."""
        known = list(known)
        guess = hint or did_you_mean(key, known)
        self.add(place, f"unknown key; expected one of {', '.join(known)}.{guess}")

    def check(self, where: str) -> None:
        """`GridMistakes` if there are any."""
        if self.mistakes:
            raise GridMistakes(where, self.mistakes)


def listed(given: Any, place: str, found: Found, *, example: str, one: bool = False) -> list[Any]:
    """A list with at least one value; `one`: a single value is taken for a list of it. What it is not is a mistake.

    example: of what is expected, for the refusal.
    """
    if one and not isinstance(given, list):
        return [given]
    if not isinstance(given, list):
        found.add(place, f"{given!r} was given; expected a list, such as {example}.")
        return []
    if not given:
        found.add(
            place, f"an empty list was given, so there would be nothing to do; expected such as {example}."
        )
    return given


def repeated(values: Sequence[Any], place: str, found: Found) -> None:
    """A mistake for each value that stands in a list twice."""
    for i, value in enumerate(values):
        if value in values[:i]:
            found.add(
                f"{place}[{i}]",
                f"{value!r} stands at [{values.index(value)}] too; expected each value once.",
            )
