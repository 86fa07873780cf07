"""A function of the notebook as bytes for the worker: with what it uses of the notebook and of the student's own modules."""

from __future__ import annotations

import functools
import inspect
import io
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from lthkit.classroom import running

CACHE = type(functools.cache(abs))  # what functools.cache and lru_cache make of a function


class Unsendable(ValueError):
    """A function that cannot be pickled; the text names what in it cannot."""


def pickled(function: Callable[..., Any]) -> bytes:
    """The function as bytes, with what it uses of the notebook and of the student's own modules.

    Raises:
        Unsendable: something in it cannot be sent to another process, a lock or an open file, say.
        ModuleNotFoundError: cloudpickle is missing.
    """
    try:
        with _by_value(_own_modules(function)):
            return dumps(function)
    except ModuleNotFoundError as error:
        if error.name == "cloudpickle":
            raise
        raise Unsendable(str(error)) from error
    except BaseException as error:  # a __reduce__ can do anything
        raise Unsendable(_culprit(function) or type(error).__name__) from error


def dumps(value: Any) -> bytes:
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def reducer_override(self, obj: Any) -> Any:
            # Pickle knows a function with a cache by its name alone, and the worker has no such name.
            if isinstance(obj, CACHE) and not _importable(obj):
                function = obj.__wrapped__
                return running.new_cache, (obj.cache_parameters(),), function, None, None, running.fill_cache
            return super().reducer_override(obj)

    with io.BytesIO() as file:
        Pickler(file).dump(value)
        return file.getvalue()


def _importable(function: Any) -> bool:
    """Whether the worker finds this very function under its name."""
    import cloudpickle

    module = str(getattr(function, "__module__", None))
    if module == "__main__" or module in cloudpickle.list_registry_pickle_by_value():
        return False
    try:
        found = functools.reduce(getattr, function.__qualname__.split("."), sys.modules[module])
    except (AttributeError, KeyError):
        return False
    return found is function


def inside(function: Any) -> Any:
    """The function in partials and caches."""
    while isinstance(function, (functools.partial, CACHE)):
        function = function.func if isinstance(function, functools.partial) else function.__wrapped__
    return function


def _culprit(function: Callable[..., Any]) -> str:
    """The name and the type of what a function uses and cannot be pickled; empty if it is not found."""
    try:
        used = inspect.getclosurevars(inside(function))
        for name, value in {**used.globals, **used.nonlocals}.items():
            try:
                dumps(value)
            except BaseException:
                return f"`{name}`, of type {type(value).__name__}"
    except BaseException:
        pass
    return ""


def _own_modules(function: Callable[..., Any]) -> list[ModuleType]:
    """The modules of the student's own beside the notebook that the function comes from.

    They are sent as they are now, since the worker would read the file, which may be older or newer.
    """
    function = inside(function)
    found = []
    for name in {getattr(function, "__module__", None), type(function).__module__}:
        module = sys.modules.get(name) if isinstance(name, str) else None
        file = getattr(module, "__file__", None)
        if module is None or not file or module.__name__.partition(".")[0] in ("__main__", "lthkit"):
            continue
        installed = {sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib")}
        if not any(Path(file).is_relative_to(folder) for folder in installed if folder):
            found.append(module)
    return found


@contextmanager
def _by_value(modules: list[ModuleType]) -> Iterator[None]:
    import cloudpickle

    registered = []
    try:
        for module in modules:
            if module.__name__ not in cloudpickle.list_registry_pickle_by_value():
                cloudpickle.register_pickle_by_value(module)
                registered.append(module)
        yield
    finally:
        for module in registered:
            cloudpickle.unregister_pickle_by_value(module)
