"""What a function can change of the process that it runs in, and whether it did.

Needed where functions share a process, that is where none can be forked, and for the notebook itself.
"""

from __future__ import annotations

import _thread
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

import torch

# What answers use. All that is loaded of these packages is watched, with their classes.
_WATCHED = frozenset(
    "builtins math cmath random statistics json os copy functools itertools operator collections heapq bisect re "
    "decimal fractions numbers dataclasses contextlib time numpy torch lthkit".split()
)
_ABSENT = object()


class Snapshot:
    """Remembers what a function can change for those after it, and says whether all is still the same.

    Names in modules and classes, the code of functions, and the settings of torch and of the process. It does not see into
    lists and dictionaries.
    """

    def __init__(self) -> None:
        self._spaces = dict(_spaces())
        self._names = {where: dict(space) for where, space in self._spaces.items()}
        self._codes = {
            id(f): (f, f.__code__, f.__defaults__)
            for names in self._names.values()
            for f in names.values()
            if type(f) is FunctionType
        }
        self._settings = _settings()
        self._exchanged = False  # at some time, and perhaps put back

    def unchanged(self) -> bool:
        return not (self._exchanged or self.differing()) and _settings() == self._settings

    def differing(self) -> list[str]:
        """The names that stand for another object, as "torch.nn.Linear.forward"."""
        found = [f"{where}.{name}" for where, name in self._differing()]
        changed = (f for f, code, defaults in self._codes.values() if _parts(f) != (code, defaults))
        return found + [f"{f.__module__}.{f.__qualname__}" for f in changed]

    def _differing(self) -> list[tuple[str, str]]:
        """A name more in a module is one that was imported; in a class it hides what the class inherited."""
        found = []
        for where, names in self._names.items():
            space = self._spaces[where]
            found += [(where, n) for n, value in names.items() if space.get(n, _ABSENT) is not value]
            if len(space) != len(names) and not isinstance(space, dict):
                found += [(where, n) for n in space if n not in names and not _is_made_by_python(n)]
        return found

    @contextmanager
    def accepting(self) -> Iterator[None]:
        """What changes in here belongs to a module that is being imported, as `torch._dynamo` wraps `torch.manual_seed`."""
        self._exchanged = self._exchanged or bool(self.differing())  # it may import what was exchanged
        before = _settings()
        try:
            yield
        finally:
            if not self._exchanged:
                for where, name in self._differing():
                    self._names[where][name] = self._spaces[where].get(name, _ABSENT)
                self._codes = {key: (f, *_parts(f)) for key, (f, _, _) in self._codes.items()}
            after, then = _settings(), self._settings
            self._settings = tuple(t if b == a else a for t, b, a in zip(then, before, after, strict=True))


def _spaces() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The names of what is watched: of modules as dictionaries, of classes as proxies of theirs."""
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] not in _WATCHED or type(module) is not ModuleType:
            continue
        yield name, vars(module)
        for value in list(vars(module).values()):
            if issubclass(type(value), type) and value.__module__.partition(".")[0] in _WATCHED:
                yield f"{value.__module__}.{value.__qualname__}", vars(value)


def _parts(function: FunctionType) -> tuple[Any, Any]:
    return function.__code__, function.__defaults__


def _is_made_by_python(name: str) -> bool:
    """Whether Python adds the name to a class when it is looked at."""
    return name in ("__annotations__", "__annotations_cache__", "__abstractmethods__", "__doc__")


def _settings() -> tuple[Any, ...]:
    return (
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_num_threads(),
        sys.getrecursionlimit(),
        _folder(),
        _thread._count(),  # threads, those too that `threading` does not know
    )


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""
