"""Judging a function: its calls against those of the reference, and, if they differ, against those of known mistakes.

The function itself runs elsewhere (`process`, or `running` for functions that we trust); here are only its outcomes.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lthkit.classroom import values
from lthkit.classroom.behaviour import calls_of, differs
from lthkit.classroom.compare import a_type, difference, kind_of, show, side_by_side
from lthkit.classroom.diagnoses import Diagnosis, diagnose
from lthkit.classroom.exercises import BLANK, Case, Exercise, Misconception, every
from lthkit.classroom.process import FORGED, in_worker
from lthkit.classroom.running import Call, Raised, Run
from lthkit.classroom.sending import inside
from lthkit.classroom.values import Foreign

Runner = Callable[[Callable[..., Any], tuple[Case, ...]], Run]

# Sentences that name a mistake by themselves; others only set two values side by side.
_NAMING = re.compile(
    r"It (changes its argument|returns its argument|returns a generator|returned None: is)|The result shares memory|"
    r"(\[.*\]: )?([Tt]he dtype should be|[Aa]n? \S+ is expected, and this is (?!None))"
)

# The file name that cloudpickle, from 3.1.3 on, gives to the code of every function that it sends.
_SENT = "<dynamic-code>"

_RANDOM = (
    "Right numbers, but your function changes torch's global random state; draw from a torch.Generator of your own, so "
    "that nothing else that draws is changed."
)


@dataclass(frozen=True)
class Outcome:
    """What a check found: `state` is "passed", "blank" (not attempted yet) or "wrong"; `lines` explain a wrong one.

    `misconception` is the known mistake whose behaviour the function has, if it is one; `named` is the sentence that names the
    mistake, a known one or not, "" if nothing does; `stopped` is that of `Run` if the function did not get through its cases
    and nothing else was found. `call` is the line that has the failing call, and `apart` what was expected of it and what
    it gave, where `lines` has them.
    """

    state: str
    lines: tuple[str, ...] = ()
    misconception: Misconception | None = None
    stopped: str = ""
    named: str = ""
    call: str = ""
    apart: tuple[Any, Any] | None = None


def judge(exercise: Exercise, function: Any, *, runner: Runner = in_worker) -> Outcome:
    """Run `function` on the cases of the exercise with `runner` and say what was found."""
    if not _is_callable(function):
        return _wrong(
            f'Give the function itself, check("{exercise.id}", {exercise.name}), without parentheses after it; '
            f"this is {kind_of(function)}."
        )
    if (count := _wrong_parameters(exercise, function)) is not None:
        return _elsewhere(exercise, function) or _wrong(count)
    run = runner(function, exercise.cases)
    if run.calls and _is_blank(run.calls[0].raised):
        return _elsewhere(exercise, function) or Outcome("blank")
    failing = {
        i: sentences
        for i, (wanted, call) in enumerate(zip(_expected(exercise), run.calls, strict=False))
        if (sentences := _what_differs(exercise, wanted, call, function))
    }
    if not failing and not run.stopped:
        if exercise.leaves_random_state and any(call.random for call in run.calls):
            return Outcome("wrong", (_RANDOM,), named=_RANDOM)
        return Outcome("passed")
    if (other := _elsewhere(exercise, function)) is not None:
        return other
    if not failing:
        return _stopped(exercise, run)
    return _explained(exercise, run, failing, lambda case: _again(runner, function, case))


def _explained(
    exercise: Exercise, run: Run, failing: Mapping[int, list[str]], again: Callable[[Case], Call | None]
) -> Outcome:
    """What is wrong on the case that shows it best, and the mistake's name if one is found."""
    points = [i for i in failing if exercise.cases[i].point]
    shown = (points or list(failing))[0]
    case, sentences = exercise.cases[shown], failing[shown]
    found = None if run.stopped else _diagnosed(exercise, run.calls, list(failing), again)
    said = {_without_place(sentences[0]).partition(", and this is ")[0] for sentences in failing.values()}
    plain = sentences[0] if len(said) == 1 and _NAMING.match(sentences[0]) else ""
    call = _call_text(exercise, case)
    wanted, got = _expected(exercise)[shown].value, run.calls[shown].value
    lines = [found.text if found else case.note, call, *sentences]
    if printed := sum(c.printed for c in run.calls):
        lines.append(
            f"(It printed {printed} line{'s' * (printed > 1)}; what a function prints is not shown by check.)"
        )
    return Outcome(
        "wrong",
        tuple(filter(None, lines)),
        found.known[0] if found and found.known else None,
        named=found.text if found else plain,
        call=call,
        apart=(wanted, got)
        if side_by_side(wanted, got) == sentences[-len(side_by_side(wanted, got)) :]
        else None,
    )


def _diagnosed(
    exercise: Exercise, calls: tuple[Call, ...], failing: list[int], again: Callable[[Case], Call | None]
) -> Diagnosis | None:
    try:
        return diagnose(exercise, calls, failing, again)
    except Exception:  # what a function may return is without an end, and it is wrong without a name too
        return None


def _without_place(sentence: str) -> str:
    """A sentence without the name of the entry that it is about, so that those of several cases can be compared."""
    return re.sub(r"^\[.*?\]: ", "", sentence)


def _again(runner: Runner, function: Callable[..., Any], case: Case) -> Call | None:
    """What a function does on one case with nothing before it, None if it does not get through."""
    run = runner(function, (case,))
    return run.calls[0] if run.calls and not run.stopped else None


# One call


def _what_differs(exercise: Exercise, wanted: Call, call: Call, function: Any) -> list[str]:
    """Sentences on how a call differs from the reference's; none if it does not."""
    if call.raised is not None:
        if wanted.raised is not None and call.raised.kind == wanted.raised.kind:
            return []
        return _on_exception(call.raised, function)
    try:
        if wanted.raised is not None:
            return [f"It should raise {wanted.raised.kind} here, and it returned {show(call.value)}."]
        if call.unsendable:
            return [f"Its result cannot be read: {call.unsendable.rstrip('.')}."]
        return _on_values(exercise, wanted, call, function)
    except Exception as error:  # numbers beyond every float, say
        return [f"The result, {kind_of(call.value)}, could not be compared ({type(error).__name__})."]


def _on_values(exercise: Exercise, wanted: Call, call: Call, function: Any) -> list[str]:
    names = _parameters(exercise)
    for i, (name, right, after) in enumerate(zip(names, wanted.arguments, call.arguments, strict=False)):
        if change := difference(right, after, rtol=0.0, atol=0.0):
            if _reference_changes(exercise, i):
                return [f"After the call its argument `{name}` is not as it should be: {change}"]
            return [
                f"It changes its argument `{name}` in place; leave the arguments as they are and work on a copy."
            ]
    if call.tracked and not wanted.tracked:
        return [
            "It changes its arguments: they want or have gradients after the call. Work on copies (detach, clone)."
        ]
    shown = side_by_side(wanted.value, call.value)
    if call.value is None and not any(c.value is None and not c.raised for c in _expected(exercise)):
        if _returns_none(function):
            return [f"It returned None here; {a_type(wanted.value)} is expected.", *shown]
        return ["It returned None: is a `return` missing?", *shown]
    wrong = differs(exercise, wanted.value, call.value)
    if wrong:
        if call.same is not None:
            return [f"It returns its argument `{names[call.same]}` itself; a new value is expected.", *shown]
        if isinstance(call.value, Foreign) and call.value.kind == "generator":
            return ["It returns a generator: is there a `yield` where a `return` should be?"]
        if shown and wrong.startswith(("expected ", "entry ", "the value ")):  # the values show it
            return shown
        return [wrong[0].upper() + wrong[1:], *shown]
    if exercise.fresh and call.same is not None:
        return [f"It returns its argument `{names[call.same]}` itself; return a copy, a new object."]
    if exercise.fresh and call.shares:
        return ["The result shares memory with an argument: what changes one changes the other. Copy."]
    return []


def _returns_none(function: Any) -> bool:
    """Whether the text of a function says `return None`, or `return` alone, itself."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inside(function))))
    except (OSError, TypeError, SyntaxError, ValueError):
        return False
    return any(
        isinstance(node, ast.Return) and (node.value is None or ast.unparse(node.value) == "None")
        for node in ast.walk(tree)
    )


def _on_exception(raised: Raised, function: Any) -> list[str]:
    named = f"{raised.kind}: {raised.message}" if raised.message else raised.kind
    if raised.kind == "RecursionError":
        return [f"It calls itself without an end (RecursionError){_line(raised, function)}."]
    return [f"It stopped with {named.rstrip('.')}{_line(raised, function)}."]


def _line(raised: Raised, function: Any) -> str:
    """The last line of the student's own code that the exception passed through."""
    function = inside(function)
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    file = getattr(code, "co_filename", None)
    own = [frame for frame in raised.frames if frame[0] in (file, _SENT)]
    if code is None or not own:
        return ""
    came_from, line, name = own[-1]
    own_frame = name in (code.co_name, "<listcomp>")
    # Of a helper that was sent along only the line number is known, not the cell that it counts in.
    text = linecache.getline(str(file), line).strip() if own_frame or came_from == file else ""
    where = f"line {line - code.co_firstlineno + 1} of the function" if own_frame else f"in {name}"
    return f" ({where}, `{text}`)" if text else f" ({where})"


def _is_blank(raised: Raised | None) -> bool:
    return (
        raised is not None
        and raised.kind == "NotImplementedError"
        and (BLANK in raised.message or not raised.message)
    )


# The whole run


def _stopped(exercise: Exercise, run: Run) -> Outcome:
    """The function did not get through the cases."""
    sentence = {
        "unsendable": f"It cannot be sent to the process that checks it: {run.detail}. Make what it needs inside the "
        "function, or pass it as an argument.",
        "start": f"The process that checks functions could not be started: {run.detail}. This is not your mistake.",
        "time": f"It did not finish within {run.detail}: is there a loop that does not end?",
        "asleep": f"It waited for {run.detail} and did nothing: does it sleep, or wait for input or for another thread?",
        "starved": f"The machine was too busy: it gave the function only {run.detail}. Close other programs, and try "
        "again. This is not your mistake.",
        "memory": "It ran out of memory: does something grow without an end, or is a shape far too large?",
        "ended": _ended(run.detail),
    }[run.stopped]
    if run.stopped in ("unsendable", "start", "starved") or len(run.calls) >= len(exercise.cases):
        return Outcome("wrong", (sentence,), stopped=run.stopped)
    where = _call_text(exercise, exercise.cases[len(run.calls)])
    return Outcome("wrong", (sentence, where), stopped=run.stopped, call=where)


def _ended(code: str) -> str:
    if code == FORGED:
        return (
            "It wrote into a pipe that is not its own, in the place of its results: let it write to files alone that it "
            "opened."
        )
    if code in ("-9", "-15"):
        return f"It ended its own process (signal {code[1:]}): take os.kill and the like out of it."
    if code.startswith("-") or code in (
        "",
        "3221225477",
        "3221225725",
    ):  # access violation, stack overflow on Windows
        return "It crashed Python itself; a recursion that does not end can do that."
    return f"It ended Python itself (exit code {code}): take os._exit and the like out of it."


def _elsewhere(exercise: Exercise, function: Any) -> Outcome | None:
    """The function has the name of another exercise's: it was probably given to the wrong check."""
    name = getattr(function, "__name__", None)
    if not isinstance(name, str) or name == exercise.name:
        return None
    for other in every():
        if other.name == name:
            return _wrong(
                f'This looks like the function of {other.id}; give it to check("{other.id}", {name}).'
            )
    return None


def _wrong_parameters(exercise: Exercise, function: Any) -> str | None:
    """A sentence if the function cannot take the arguments of the cases."""
    try:
        signature = inspect.signature(function)
    except BaseException:  # a built-in function has none
        return None
    try:
        signature.bind(*exercise.cases[0].arguments)
    except TypeError:
        wanted = ", ".join(_parameters(exercise))
        has = ", ".join(str(p) for p in signature.parameters.values())
        return f"It should take the parameters ({wanted}), and it takes ({has})."
    return None


def _is_callable(function: Any) -> bool:
    try:
        return callable(function)
    except BaseException:
        return False


def _expected(exercise: Exercise) -> tuple[Call, ...]:
    return calls_of(exercise, exercise.reference)


def _reference_changes(exercise: Exercise, index: int) -> bool:
    return any(
        difference(
            values.unpack(values.pack(case.arguments[index])), call.arguments[index], rtol=0.0, atol=0.0
        )
        for case, call in zip(exercise.cases, _expected(exercise), strict=True)
        if call.raised is None
    )


def _call_text(exercise: Exercise, case: Case) -> str:
    shown = ", ".join(f"{n}={show(a)}" for n, a in zip(_parameters(exercise), case.arguments, strict=False))
    return f"{exercise.name}({shown})"


def _parameters(exercise: Exercise) -> list[str]:
    return list(inspect.signature(exercise.reference).parameters)


def _wrong(*lines: str) -> Outcome:
    return Outcome("wrong", lines)
