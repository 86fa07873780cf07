"""What an exercise is: a reference, cases to compare on, mistakes that people make; and what a question is."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")

BLANK = "your code goes here"  # what a stub raises, in both editions' build and in the check


@dataclass(frozen=True)
class Case:
    """One call that a student's function must get right.

    `arguments` are copied before each call, so a function that changes them spoils nothing. `note` says in one neutral
    sentence what is special about the case; it is shown when the case fails and no misconception fits, so it must be true
    of this case alone. `tags` name what `features` cannot see in the arguments, such as "ties". A case with the lesson's
    `point` is shown before smaller ones.
    """

    arguments: tuple[Any, ...]
    note: str = ""
    tags: tuple[str, ...] = ()
    point: bool = False


@dataclass(frozen=True)
class Misconception:
    """A mistake that people make: a small wrong `function`, and the `sentence` that names the mistake to the student.

    The sentence is shown when the student's function does on all cases what `function` does: the same values, or an
    exception of the same type. So it is for each of `spellings`: other functions with the same mistake, which differ on
    some case, such as in what they give where nothing is left to choose from.
    """

    function: Callable[..., Any]
    sentence: str
    spellings: tuple[Callable[..., Any], ...] = ()

    @property
    def functions(self) -> tuple[Callable[..., Any], ...]:
        """The mistake in all its spellings."""
        return self.function, *self.spellings


class Both(str):
    """The keys of two mistakes at once: equal to each of them."""

    def __new__(cls, one: str, other: str) -> Both:
        both = super().__new__(cls, one)
        both.other = other
        return both

    other: str

    def __eq__(self, key: object) -> bool:
        return str(self) == key or self.other == key

    def __ne__(self, key: object) -> bool:
        return not self == key

    __hash__ = str.__hash__


def pick(mistake: str, rules: Mapping[str, T], usual: T) -> T:
    """What `rules` has for a mistake, else `usual`; of two mistakes at once, the one that has a rule here."""
    return next((rule for key, rule in rules.items() if mistake == key), usual)


def variants(
    function: Callable[..., Any],
    sentences: Mapping[str, str],
    spellings: Mapping[str, Sequence[Callable[..., Any]]] | None = None,
) -> tuple[Misconception, ...]:
    """One misconception for each sentence: `function` with its keyword `mistake` set to the sentence's key.

    `spellings` has other functions with the mistake of a key. A function that asks `mistake == "key"`, `mistake in ("key", ...)` or `pick` can make two mistakes at once.
    """
    others = spellings or {}
    if unknown := set(others) - set(sentences):
        raise ValueError(f"Spellings of mistakes without a sentence: {', '.join(sorted(unknown))}.")
    return tuple(
        Misconception(partial(function, mistake=m), sentence, tuple(others.get(m, ())))
        for m, sentence in sentences.items()
    )


@dataclass(frozen=True)
class Exercise:
    """One exercise: a reference to compare with and the cases to compare on, the smallest case first.

    Attributes:
        id: lesson and number, such as "05.1".
        reference: a right answer; its name and its parameters are those of the stub in the lesson.
        cases: the calls, smallest first, because the first that fails is shown.
        hints: three sentences, each one step further than the last; `hint` adds the way to the solution itself.
        misconceptions: each is refused by the cases and behaves unlike every other one.
        alternatives: right answers in other styles, which must pass.
        difficulty: "easy", "medium" or "hard".
        lines: the line budget: how many lines of code the solution takes, a statement counted as one.
        minutes: how long a student may need.
        rtol, atol: how far a float may be from the reference. With `atol=0` an expected 0 must be exactly 0.
        python_numbers: where the result is one number, it must be a Python number, as the text says; otherwise a tensor
            without dimensions stands for a number, and a whole float for an int.
        fresh: the result must not share memory with an argument.
        leaves_random_state: torch's global random state must be after each call what it was before, as lesson 00 says.
        points: what `grade_cell` returns for a right answer.
        vary: makes the arguments of a hidden case, where other values in the visible cases (`variants`) do not do.
        told: features of the cases (`features`, several with commas between) -> the words of the lesson's text that name
            them.
        absent: features that such arguments could have and no case has -> why not.
    """

    id: str
    reference: Callable[..., Any]
    cases: tuple[Case, ...]
    hints: tuple[str, ...] = ()
    misconceptions: tuple[Misconception, ...] = ()
    alternatives: tuple[Callable[..., Any], ...] = ()
    difficulty: str = "easy"
    lines: int = 1
    minutes: int = 5
    rtol: float = 1e-5
    atol: float = 1e-7
    python_numbers: bool = False
    fresh: bool = False
    leaves_random_state: bool = True
    points: int = 1
    vary: Callable[[random.Random], tuple[Any, ...]] | None = None
    told: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.reference.__name__


@dataclass(frozen=True)
class Option:
    """One answer to choose: its text, whether it is right, and one or two sentences `because` of which it is or is not."""

    text: str
    right: bool
    because: str


@dataclass(frozen=True)
class Question:
    """A question with three or four options, of which exactly one is right. The id is such as "05.Q1"."""

    id: str
    text: str
    options: tuple[Option, ...]
