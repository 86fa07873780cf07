"""What a score of one's own may ask for beside the network: it is given what its signature names, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from inspect import Parameter, signature
from typing import Any

ALL = ("mask", "round", "optimizer")


def asked_for(score: Callable[..., Any], offered: Iterable[str] = ALL) -> tuple[str, ...]:
    """Which of the keywords that are `offered` a score takes: those that its signature names, in the order of `ALL`.

    The first argument is the network, whatever it is called. What a `functools.partial` has given already is not given
    again. `**kwargs` names nothing, so a function with it gets nothing by it; one that is wrapped by
    `functools.wraps` is asked itself. A function without a readable signature, one written in C, gets the network only.

    Raises:
        TypeError: a score that takes no network, or that needs an argument which nobody gives it.
    """
    offered = tuple(offered)
    try:
        parameters = list(signature(score).parameters.values())
    except (TypeError, ValueError):
        return ()
    places = [p for p in parameters if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    if not places and not any(p.kind is Parameter.VAR_POSITIONAL for p in parameters):
        raise TypeError(
            f"{_title(score)} takes no network; expected a function whose first argument is one, score(model), and that "
            "gives a tensor for each parameter name, such as lthkit.magnitude."
        )
    given = _given(score)
    rest = [p for p in parameters if p not in places[:1] and p.name not in given]
    named = {p.name for p in rest if p.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)}
    asked = tuple(name for name in ALL if name in named and name in offered)
    variadic = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    lacking = [
        p.name for p in rest if p.default is p.empty and p.kind not in variadic and p.name not in asked
    ]
    if lacking:
        untrained = "optimizer" in lacking and "optimizer" not in offered
        raise TypeError(
            f"{_title(score)} needs {', '.join(lacking)}, which it is not given here; expected a function that is called as "
            f"score(model), and by keyword with what its signature names of {', '.join(offered) or 'nothing'}."
            + (" Nothing has been trained yet, so no optimizer has a state." if untrained else "")
            + f" Give it by functools.partial({_title(score)}, {_examples(lacking)}), or give the argument a default."
        )
    return asked


_EXAMPLES = {"shape": "data.shape", "batches": "data.draw(100, seed=0)", "seed": "0"}


def _examples(lacking: Iterable[str]) -> str:
    return ", ".join(f"{name}={_EXAMPLES.get(name, '...')}" for name in lacking)


def _given(score: Any) -> set[str]:
    """Names of the arguments that partials have given by keyword."""
    names: set[str] = set()
    while isinstance(score, partial):
        names |= score.keywords.keys()
        score = score.func
    return names


def _title(score: Any) -> str:
    while isinstance(score, partial):
        score = score.func
    name = str(getattr(score, "__name__", type(score).__name__))
    return f"lthkit.{name}" if getattr(score, "__module__", "") == "lthkit.pruning.scores" else name
