"""What kind of mistake a wrong function makes, told from what it did on the cases.

First the mistakes that the exercise knows, then what holds for any exercise: the right result altered, or the right one for
altered arguments (`alterations`), two mistakes at once, something that outlives a call, and the features of
the cases that fail. A diagnosis says what is so on all cases, and no more.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from lthkit.classroom import values
from lthkit.classroom.alterations import Alteration, of_arguments, of_results
from lthkit.classroom.behaviour import alike, calls_of, close, same
from lthkit.classroom.exercises import Both, Case, Exercise, Misconception, features
from lthkit.classroom.running import Call, in_process

_LINES = 20_000  # of our own code in one call: with other arguments a reference may not end

_OUTLIVES = (
    "It is right when it is called alone, and wrong after other calls: something outlives a call, such as a generator, a "
    "list or a counter outside of the function, or a default value that is changed. Make it inside of the function."
)


@dataclass(frozen=True)
class Diagnosis:
    """Sentences that name the mistake, one a mistake, and those of the exercise's own mistakes that it is made of."""

    sentences: tuple[str, ...]
    known: tuple[Misconception, ...] = ()

    @property
    def text(self) -> str:
        if len(self.sentences) == 1:
            return self.sentences[0]
        return f"Two things at once. First: {self.sentences[0]} Second: {self.sentences[1]}"


def diagnose(
    exercise: Exercise, calls: Sequence[Call], failing: Sequence[int], again: Callable[[Case], Call | None]
) -> Diagnosis | None:
    """Name the mistake of a function.

    Args:
        calls: what it did, one a case.
        failing: the indices of the cases on which it is wrong; at least one.
        again: calls the function once more, on one case and nothing before it.
    """
    known = next(
        (
            m
            for m in exercise.misconceptions
            if any(alike(exercise, calls_of(exercise, function), calls) for function in m.functions)
        ),
        None,
    )
    if known is not None:
        return Diagnosis((known.sentence,), (known,))
    seen = _Seen(exercise, tuple(calls), tuple(failing))
    if not seen.wrong_values:  # what is wrong is told by the check itself: an argument that was changed, say
        return None
    for look in (_result, _argument, _pair, _result_of_known):
        if found := look(seen):
            return found
    if failing[0] > 0 and (alone := again(exercise.cases[failing[0]])) is not None:
        if same(exercise, calls_of(exercise, exercise.reference)[failing[0]], alone):
            return Diagnosis((_OUTLIVES,))
    return _constant(seen) or _features(seen)


@dataclass(frozen=True)
class _Seen:
    """A function's calls on the cases of an exercise, and the indices of those that are wrong."""

    exercise: Exercise
    calls: tuple[Call, ...]
    failing: tuple[int, ...]

    @property
    def expected(self) -> tuple[Call, ...]:
        return calls_of(self.exercise, self.exercise.reference)

    @property
    def wrong_values(self) -> bool:
        """Whether some result is another one than the right one."""
        return any(not _same_value(self.exercise, self.expected[i], self.calls[i]) for i in self.failing)

    def enough(self, failing: Sequence[int]) -> bool:
        """Whether these failing cases say more than a coincidence: the right results for them are not all one."""
        return len({_packed(self.expected[i].value) for i in failing if not self.expected[i].raised}) > 1


# The right result, changed


def _result(seen: _Seen) -> Diagnosis | None:
    for alteration in of_results():
        if _altered(seen, alteration, seen.expected):
            return Diagnosis((alteration.sentence,))
    return None


def _altered(seen: _Seen, alteration: Alteration, base: Sequence[Call]) -> bool:
    """Whether each result is that of `base`, changed, wherever it can be changed; at least where it is wrong."""
    changed = []
    first = seen.failing[0]
    for i in (first, *(i for i in range(len(base)) if i != first)):
        call, wanted = seen.calls[i], base[i]
        if wanted.raised or call.raised:
            if not same(seen.exercise, wanted, call):
                return False
            continue
        if call.unsendable or wanted.unsendable:
            return False
        other = alteration(wanted.value)
        if other is None:
            if not same(seen.exercise, wanted, call):
                return False
        elif not close(seen.exercise, other, call.value) or _typed(other) != _typed(call.value):
            return False
        elif not close(seen.exercise, wanted.value, call.value):
            changed.append(i)
    return bool(changed) and (alteration.sure or seen.enough(changed))


def _typed(value: Any) -> str:
    return str(getattr(value, "dtype", ""))


# The right result for other arguments


def _argument(seen: _Seen) -> Diagnosis | None:
    for alteration in of_arguments(seen.exercise):
        if _as_if(seen, alteration):
            return Diagnosis((alteration.sentence,))
    return None


def _as_if(seen: _Seen, alteration: Alteration) -> bool:
    """Whether each result is what the reference gives for changed arguments, wherever they can be changed."""
    changed = []
    first = seen.failing[0]
    cases = seen.exercise.cases
    for i in (first, *(i for i in range(len(cases)) if i != first)):
        arguments = alteration(cases[i].arguments)
        call = seen.expected[i] if arguments is None else _bounded(seen.exercise.reference, arguments)
        if call is None or not _same_value(seen.exercise, call, seen.calls[i]):
            return False
        if not _same_value(seen.exercise, call, seen.expected[i]):
            changed.append(i)
    return bool(changed) and seen.enough(changed)


def _same_value(exercise: Exercise, one: Call, other: Call) -> bool:
    if one.raised or other.raised:
        return bool(one.raised and other.raised and one.raised.kind == other.raised.kind)
    return not other.unsendable and close(exercise, one.value, other.value)


class _TooLong(BaseException):
    """A function of ours does not seem to end."""


def _bounded(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Call | None:
    """What a function of ours does with arguments that nobody thought of; None if it takes too many lines."""
    left = _LINES

    def count(frame: Any, event: str, _: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise _TooLong
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        call = in_process(function, (Case(arguments),)).calls[0]
    except _TooLong:
        return None
    finally:
        sys.settrace(before)
    return None if call.raised and call.raised.kind == _TooLong.__name__ else call


# Two mistakes at once


def _pair(seen: _Seen) -> Diagnosis | None:
    """Two mistakes that the exercise knows, made by one function at once (`variants`)."""
    exercise = seen.exercise
    own = [
        m
        for m in exercise.misconceptions
        if isinstance(m.function, partial) and set(m.function.keywords) == {"mistake"} and not m.function.args
    ]
    first = seen.failing[0]
    alone = [calls_of(exercise, m.function)[first] for m in own]
    shows = [not _same_value(exercise, call, seen.expected[first]) for call in alone]
    fits = [same(exercise, call, seen.calls[first]) for call in alone]
    for (i, one), (j, other) in itertools.permutations(enumerate(own), 2):
        # On the first failing case both mistakes show, or one of them is all that shows.
        if one.function.func is not other.function.func or not (  # type: ignore[attr-defined]
            shows[i] and shows[j] or fits[i] or fits[j]
        ):
            continue
        both = Both(one.function.keywords["mistake"], other.function.keywords["mistake"])  # type: ignore[attr-defined]
        function = partial(one.function.func, mistake=both)  # type: ignore[attr-defined]
        if _behaves(seen, function):
            return Diagnosis((one.sentence, other.sentence), (one, other))
    return None


def _behaves(seen: _Seen, function: Callable[..., Any]) -> bool:
    """Whether a function of ours does on all cases what was seen; the first failing case decides nearly always."""
    first, cases = seen.failing[0], seen.exercise.cases
    if not seen.enough(seen.failing):
        return False
    for i in (first, *(i for i in range(len(cases)) if i != first)):
        call = _bounded(function, cases[i].arguments)
        if call is None or not same(seen.exercise, call, seen.calls[i]):
            return False
    return True


def _result_of_known(seen: _Seen) -> Diagnosis | None:
    """A known mistake, and its result changed."""
    for known in seen.exercise.misconceptions:
        base = calls_of(seen.exercise, known.function)
        for alteration in of_results():
            if _altered(seen, alteration, base) and _altered_twice(seen, base):
                return Diagnosis((known.sentence, alteration.sentence), (known,))
    return None


def _altered_twice(seen: _Seen, base: Sequence[Call]) -> bool:
    """Whether the known mistake itself shows, on cases that differ."""
    wrong = [i for i, call in enumerate(base) if not _same_value(seen.exercise, call, seen.expected[i])]
    return seen.enough([i for i in wrong if i in seen.failing])


# What the failing cases have in common


def _constant(seen: _Seen) -> Diagnosis | None:
    if len(seen.calls) < 3 or any(call.raised or call.unsendable for call in seen.calls):
        return None
    first = seen.calls[0].value
    if first is None or isinstance(
        first, values.Foreign
    ):  # told by the check itself, or only its type is known
        return None
    if all(close(seen.exercise, first, call.value) for call in seen.calls):
        return Diagnosis(("It returns the same for every case: does the result depend on the arguments?",))
    return None


def _features(seen: _Seen) -> Diagnosis | None:
    """What all failing cases have and no other; or what all right ones have and no other."""
    number = len(seen.exercise.cases)
    wrong = frozenset(seen.failing)
    right = frozenset(range(number)) - wrong
    have = [features.features(case) | features.sizes(case) for case in seen.exercise.cases]
    with_it = {
        name: frozenset(i for i in range(number) if name in have[i])
        for name in sorted(frozenset().union(*have), key=features.rank)
    }
    only_wrong = [features.in_words(name) for name, having in with_it.items() if having == wrong]
    only_right = [
        features.in_words(name)
        for name, having in with_it.items()
        if having == right and name not in features.EMPTY and name != "empty tensor"
    ]
    if len(right) > 1 and 0 < len(only_wrong) < 4:
        return Diagnosis((f"It is right on all cases but those with {_listed(only_wrong)}.",))
    if len(wrong) > 1 and 0 < len(only_right) < 4:
        return Diagnosis((f"It is right only on the cases with {_listed(only_right)}.",))
    return None


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _packed(value: Any) -> bytes:
    try:
        return values.pack(value)
    except values.TooLarge:
        return b""
