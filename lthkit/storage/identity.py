"""What stands for a function, an object or a network in a configuration: equal text only where equal things are done.

A run folder gives its results to whoever has the same configuration. So a name is not enough: with it goes a digest of
all that decides what is done, as far as Python lets it be read (see `name_of`). What cannot be read is refused.
"""

from __future__ import annotations

import copyreg
import dis
import enum
import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property, partial
from inspect import isfunction
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

_HOUSE = ("lthkit", "torch")  # what comes from here is known by its name
_USUAL = {
    "np": "numpy",
    "F": "torch.nn.functional",
    "lth": "lthkit",
    "plt": "matplotlib.pyplot",
    "nn": "torch.nn",
}
_PLAIN = (dict, list, tuple, set, frozenset, MappingProxyType)
_OF_EVERY_MODULE = frozenset(vars(nn.Module()))
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
# Layers of torch with settings that their `extra_repr` leaves out; other layers with an `extra_repr` tell all.
_UNTOLD = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d, nn.Upsample, nn.RNNBase, nn.EmbeddingBag)
_ABOUT_A_CLASS = frozenset(
    "__module__ __dict__ __weakref__ __doc__ __qualname__ __annotations__ __firstlineno__ __static_attributes__ "
    "__abstractmethods__ _abc_impl __annotate_func__ __annotations_cache__ __parameters__ __orig_bases__".split()
)

_Seen = dict[
    int, tuple[int, object]
]  # what has been described: its number; held, so that no address comes twice


class Nameless(ValueError):
    """Something decides what a function does and cannot be told from another of its kind."""


def name_of(function: object) -> str:
    """What stands for a function, a class or a callable object in a configuration.

    lthkit's and torch's own are known by their names. Anything else has six digits behind its name, made of its code; of
    the values that it holds (closure, defaults, attributes; of a bound method the object, of a partial the arguments, of
    tensors and networks the content); and of what it takes from its own module or notebook by name: numbers, objects,
    and functions and classes, which are followed in the same way.

    Not followed: other installed packages (their functions count by name), text that is run (`exec`, `getattr` by a
    computed name), files and environment variables that a function reads.

    Raises:
        Nameless: part of it cannot be described: a generator, an open file, a lock.
    """
    try:
        return _named(function, {})
    except Nameless as error:
        raise Nameless(
            f"{_title(function)} cannot be told from another function of its name. {error} A run folder gives its results "
            "to whoever has the same configuration; so let the function hold numbers, tensors, networks and functions "
            "only, or work without a folder (folder=None, lthkit.keep_no_runs())."
        ) from None


def network_name(model: nn.Module) -> str:
    """What stands for a network in a configuration: its class, and six digits of all layers in it, settings and code.

    The values of weights and of saved buffers do not count; those of buffers that `state_dict` leaves out do, and so do
    attributes of classes of one's own, hooks, which parameters are frozen, and which names share one parameter.

    Raises:
        Nameless: as `name_of`.
    """
    try:
        return _network(model, {})
    except Nameless as error:
        raise Nameless(
            f"{type(model).__name__} cannot be told from another network. {error} A run folder gives its results to "
            "whoever has the same configuration; so keep it out of the network's attributes, or work without a folder "
            "(folder=None, lthkit.keep_no_runs())."
        ) from None


# Functions and classes


def _named(function: object, seen: _Seen) -> str:
    if isinstance(function, partial):
        given = (
            [_plain(a, seen) for a in function.args],
            sorted((k, _plain(v, seen)) for k, v in function.keywords.items()),
        )
        return f"{_named(function.func, seen)}{given[0] or ''}{given[1]}"
    name = _title(function)
    if _is_houses_own(function):
        return name
    if isinstance(function, type):
        code = _class(function, seen)
    elif isfunction(function):
        code = [("", _code_of(function, seen))]
    elif isinstance(function, BuiltinFunctionType) and not _bound_to(function):
        return name
    else:
        code = [_inside(function, seen, _object)]
    return f"{name}-{_digits(code)}" if code else name


def _code_of(function: FunctionType, seen: _Seen) -> list[Any]:
    """What a function does, as values whose text is the same in the next process."""
    _note(function, seen)
    held = [_plain(value, seen) for value in _cells(function)]
    defaults = [_plain(value, seen) for value in function.__defaults__ or ()]
    named = sorted((k, _plain(v, seen)) for k, v in (function.__kwdefaults__ or {}).items())
    own = {k: v for k, v in vars(function).items() if k not in ("__wrapped__", "__signature__")}
    more = [] if _installed(function.__globals__.get("__name__")) else list(_taken(function, seen))
    more += [("attributes", _plain(own, seen))] if own else []
    return [_instructions(function.__code__, seen), defaults, named, held, *([more] if more else [])]


def _cells(function: FunctionType) -> Iterator[object]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a name that has no value yet
            yield "nothing yet"


def _instructions(code: CodeType, seen: _Seen) -> list[Any]:
    constants = [
        _instructions(c, seen) if isinstance(c, CodeType) else _plain(c, seen) for c in code.co_consts
    ]
    return [code.co_code, code.co_names, code.co_varnames, constants]


def _taken(function: FunctionType, seen: _Seen) -> Iterator[tuple[str, object]]:
    """What a function takes from its module by name; usual names of the house's things go without saying."""
    for path in dict.fromkeys(_global_paths(function.__code__)):
        if path[0] not in function.__globals__:
            continue
        value, name = function.__globals__[path[0]], path[0]
        for part in path[1:]:
            if not isinstance(value, ModuleType) or _installed(value.__name__) or not hasattr(value, part):
                break
            value, name = getattr(value, part), f"{name}.{part}"
        if value is not function and not _goes_without_saying(name, value):
            yield name, _plain(value, seen)
    for name in dict.fromkeys(_imports(function.__code__)):
        with suppress(ImportError):  # the function will say so itself
            if not _installed(name):
                yield name, _plain(importlib.import_module(name), seen)


def _goes_without_saying(name: str, value: object) -> bool:
    """True for the house's own and for installed modules, under the names that they always have."""
    if isinstance(value, ModuleType):
        usual = _USUAL.get(name, name) in (value.__name__, value.__name__.rpartition(".")[2])
        return usual and _installed(value.__name__)
    return _is_houses_own(value) and getattr(value, "__name__", "") == name


def _imports(code: CodeType) -> Iterator[str]:
    """Modules that a function imports itself, by their whole names."""
    for step in dis.get_instructions(code):
        if step.opname == "IMPORT_NAME":
            yield str(step.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _imports(constant)


def _global_paths(code: CodeType) -> Iterator[tuple[str, ...]]:
    """(name, attribute, ...) wherever a global name is read, in `code` and within."""
    path: tuple[str, ...] = ()
    for step in dis.get_instructions(code):
        if path and step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            path += (str(step.argval),)
            continue
        if path:
            yield path
        path = (str(step.argval),) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME") else ()
    if path:
        yield path
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_paths(constant)


def _class(kind: type, seen: _Seen) -> list[Any]:
    """The code and the values of a class, and of those of its bases that are nobody's installed package."""
    _note(kind, seen)
    functions = [(n, _code_of(f, seen)) for n, f in sorted(vars(kind).items()) if isfunction(f)]
    values = {n: v for n, v in vars(kind).items() if n not in _ABOUT_A_CLASS and not isfunction(v)}
    slots = values.get("__slots__", ())
    values = {n: v for n, v in values.items() if n not in ((slots,) if isinstance(slots, str) else slots)}
    more = [(n, _plain(v, seen)) for n, v in sorted(values.items())]
    more += [("base", _plain(b, seen)) for b in kind.__bases__ if not _installed(b.__module__)]
    return functions + ([("values", more)] if more else [])


# Values


def _plain(value: object, seen: _Seen) -> object:
    if isinstance(value, enum.Enum):
        return [_plain(type(value), seen), value.name]
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.hasobject:
            return _plain(array.tolist(), seen)
        if not isinstance(value, float | complex):  # numpy's float64 is a float
            return f"{array.dtype}{list(array.shape)} {hashlib.sha256(array.tobytes()).hexdigest()[:12]}"
    if isinstance(value, str | bytes | int | float | complex | bool | None):
        return value
    if isinstance(value, _PLAIN) and _installed(type(value).__module__) or _is_mapping_of_house(value):
        return _inside(value, seen, _parts)
    if value is ...:
        return "ellipsis"
    if isinstance(value, torch.Tensor):
        return _tensor(value)
    if id(value) in seen:
        return value.__qualname__ if isinstance(value, type) else ["again", seen[id(value)][0]]
    if isfunction(value):
        if _is_houses_own(value):
            known = value.__code__.co_name == value.__name__  # else it is a decorator's, the same for all
            code = _instructions(value.__code__, seen)
            return code if known else [value.__qualname__]
        if _installed(value.__module__) and _is_found(value):
            return f"{value.__module__}.{value.__qualname__}"
        instructions, *more = _code_of(value, seen)
        return [instructions, *more] if any(more) else instructions
    if isinstance(value, type):
        return (
            value.__qualname__ if _installed(value.__module__) and _is_found(value) else _named(value, seen)
        )
    return _inside(value, seen, _object)


def _inside(value: Any, seen: _Seen, read: Callable[[Any, _Seen], object]) -> object:
    """`read(value)`, once on the way down: equal things are equal, be they one or two, but a circle ends."""
    if id(value) in seen:
        return ["again", seen[id(value)][0]]
    _note(value, seen)
    try:
        return read(value, seen)
    finally:
        del seen[id(value)]


def _parts(value: Any, seen: _Seen) -> object:
    """The parts of a container, in its own order if it has one."""
    if isinstance(value, set | frozenset):  # its order is another one in each process
        return sorted(repr(_plain(part, seen)) for part in value)
    if isinstance(value, Mapping):
        return [(_plain(key, seen), _plain(part, seen)) for key, part in value.items()]
    return [_plain(part, seen) for part in value]


def _object(value: Any, seen: _Seen) -> object:
    """An object: what it is of, and what it holds. As `pickle` would take it apart, if nothing better is known."""
    kind = type(value)
    if isinstance(value, ModuleType):
        return _module(value)
    if isinstance(value, nn.Module):
        return [_network(value, seen), value.training, _plain(dict(value.state_dict()), seen)]
    if isinstance(value, MethodType):
        if _is_houses_own(type(value.__self__)) and vars(value.__self__).keys() <= {"prev"}:
            return value.__qualname__  # of torch.no_grad() and its like, which decorate functions
        return [_plain(value.__func__, seen), _plain(value.__self__, seen)]
    if isinstance(value, BuiltinFunctionType):
        return [value.__qualname__, _plain(value.__self__, seen)] if _bound_to(value) else value.__qualname__
    if isinstance(value, partial):
        return _named(value, seen)
    if isinstance(value, staticmethod | classmethod):
        return [kind.__name__, _plain(value.__func__, seen)]
    if isinstance(value, property):
        return [_plain(part, seen) for part in (value.fget, value.fset, value.fdel)]
    if isinstance(value, cached_property):
        return _plain(value.func, seen)
    if isinstance(value, torch.Generator):
        return _tensor(value.get_state())
    if _top(kind.__module__) == "lthkit" and isinstance(getattr(value, "fingerprint", None), str):
        return f"{kind.__qualname__} {value.fingerprint}"
    if callable(inner := getattr(value, "__dict__", {}).get("__wrapped__")):  # of lru_cache and its like
        return [kind.__qualname__, _plain(inner, seen)]
    try:
        reduce = copyreg.dispatch_table.get(kind)
        parts: Any = reduce(value) if reduce else value.__reduce_ex__(4)
    except Exception as error:  # pickle's refusals have many types
        raise Nameless(f"It holds a {kind.__qualname__}, which cannot be described ({error}).") from error
    if isinstance(parts, str):
        return parts
    made_by, arguments, *rest = parts
    rest = [list(part) if isinstance(part, Iterator) else part for part in rest]
    return [kind.__qualname__, _plain(made_by, seen), _plain(arguments, seen), _plain(rest, seen)]


def _module(module: ModuleType) -> str:
    """A module by name; one that is not installed also by its source, because anything in it may be used."""
    name = module.__name__
    if _installed(name):
        return name
    try:
        source = inspect.getsource(module)
    except (OSError, TypeError) as error:
        raise Nameless(f"It uses the module {name}, of which the source cannot be read.") from error
    return f"{name} {hashlib.sha256(source.encode()).hexdigest()[:12]}"


def _tensor(value: torch.Tensor) -> str:
    if value.is_meta:
        return f"{value.dtype}{list(value.shape)} meta"
    dense = value.detach().cpu() if value.layout == torch.strided else value.detach().cpu().to_dense()
    content = dense.resolve_conj().resolve_neg().contiguous().flatten().view(torch.uint8).numpy().tobytes()
    return f"{value.dtype}{list(value.shape)} {hashlib.sha256(content).hexdigest()[:12]}"


# Networks


def _network(model: nn.Module, seen: _Seen) -> str:
    for m in model.modules():
        _note(m, seen)  # a hook may be a method of the network
    kinds: dict[type, str] = {}
    layers: list[Any] = []
    for name, m in model.named_modules():
        kind, more = kinds.setdefault(type(m), _named(type(m), {})), _more_of_layer(m, seen)
        layers.append((name, kind, m.extra_repr(), *([more] if more else [])))
    shared, frozen = _shared_and_frozen(model)
    layers += [("shared", shared)] * bool(shared) + [("frozen", frozen)] * bool(frozen)
    return f"{type(model).__name__}-{_digits(layers)}"


def _more_of_layer(m: nn.Module, seen: _Seen) -> list[Any]:
    """What decides a layer's outputs and is neither its class, nor in its `extra_repr`, nor saved with it."""
    attributes = {n: v for n, v in vars(m).items() if n not in _OF_EVERY_MODULE}
    if _is_houses_own(type(m)) and _top(type(m).__module__) == "lthkit":
        attributes = {}  # `init` only, and that has done its work
    elif hasattr(m, "_orig_mod"):
        attributes = {}  # torch.compile's wrapper: how it is executed
    elif _is_houses_own(type(m)):
        told = type(m).extra_repr is not nn.Module.extra_repr and not isinstance(m, _UNTOLD)
        attributes = {n: v for n, v in attributes.items() if _counts(n, v, told=told)}
    more: list[Any] = [(n, _plain(v, seen)) for n, v in sorted(attributes.items())]
    more += [(n, [_plain(h, seen) for h in getattr(m, n).values()]) for n in _HOOKS if getattr(m, n)]
    unsaved = sorted(m._non_persistent_buffers_set)
    return more + [(n, _plain(m._buffers[n], seen)) for n in unsaved]


def _counts(name: str, value: object, *, told: bool) -> bool:
    """True for a setting of one of torch's layers that its text does not tell, and for anything that it was given."""
    if isfunction(value):
        return not _installed(value.__module__) or _is_found(value)
    simple = isinstance(value, str | int | float | tuple | None) and not isinstance(value, enum.Enum)
    return simple and not told and not name.startswith("_flat")


def _shared_and_frozen(model: nn.Module) -> tuple[list[list[str]], list[str]]:
    """Names of one parameter that has several; and the parameters that need no gradient."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    return [same for same in names.values() if len(same) > 1], frozen


# Whose something is


def _top(module: object) -> str:
    return str(module or "").partition(".")[0]


def _is_houses_own(value: object) -> bool:
    """True if it is lthkit's or torch's, found under its own name: a wrapper that only took over the name is not."""
    module = getattr(value, "__module__", None)
    if module is None and isinstance(value, BuiltinFunctionType):
        return not _bound_to(value) and hasattr(torch, value.__name__)
    return _top(module) in _HOUSE and (isinstance(value, type) or isfunction(value)) and _is_found(value)


def _is_found(value: Any) -> bool:
    found: Any = sys.modules.get(value.__module__)
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is value


def _is_mapping_of_house(value: object) -> bool:
    return isinstance(value, Mapping) and _top(type(value).__module__) in _HOUSE


def _bound_to(function: Any) -> bool:
    """True for a method of an object, such as `scores.get`, written in C."""
    of = getattr(function, "__self__", None)
    return of is not None and not isinstance(of, ModuleType | type)


def _installed(module: object) -> bool:
    """True for the standard library, lthkit, torch and whatever lies among the installed packages."""
    top = _top(module)
    if top == "__main__":  # a notebook's, whoever started it
        return False
    if top in _HOUSE or top in sys.stdlib_module_names:
        return True
    origin = getattr(sys.modules.get(top), "__file__", None)
    return origin is not None and not {"site-packages", "dist-packages"}.isdisjoint(Path(origin).parts)


def _title(function: object) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def _note(value: object, seen: _Seen) -> int:
    return seen.setdefault(id(value), (len(seen), value))[0]


def _digits(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:6]
