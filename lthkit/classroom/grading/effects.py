"""What one statement does when it runs: the names that it gives a value, changes, uses and calls.

Statements are read, never run. What happens inside of a function is told apart from what happens when the statement
runs, since a function that is never called fills nothing.
"""

from __future__ import annotations

import ast
import symtable
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lthkit.classroom.grading.fillings import (
    DEFINING,
    WRITING,
    aliases,
    asked,
    changed,
    filled,
    last,
    methods,
    mutated,
    patches,
    root,
    settings,
    stored,
)

_FOR_EACH = frozenset(("map", "filter", "starmap", "reduce"))
_WRAPPING = frozenset(
    ("partial", "vectorize", "lru_cache", "cache", "wraps", "getattr", "itemgetter", "attrgetter", "compile")
)
# The names of Python's tables for functions without a name, which mostly run where they stand.
_AT_ONCE = frozenset(("lambda", "listcomp", "setcomp", "dictcomp", "genexpr"))


@dataclass(frozen=True)
class Effect:
    """What a statement does.

    Attributes:
        binds: names that it gives a value.
        changes: names whose value it changes: `x.a = 1`, `x["a"] = 1`, `x += 1`, `del x`.
        fills: names whose value it changes by a call: `x.append(1)`, `heappush(x, 1)`, `[x.add(i) for i in y]`.
        asks: names and the methods that it calls on them, the value unused; `__call__` for the names themselves.
        aliases: names that it gives to a part of what another name has: `row = table[0]`.
        sets: names of what it changes the settings of: `torch.set_default_dtype(torch.float64)`.
        patches: names and attributes of theirs that it gives a value: `torch.Tensor.foo = foo`.
        needs: names of the notebook that it or a function in it uses; `now` those that it uses as it runs.
        merely: those of `needs` that it only writes into.
        calls: names that it calls as it runs; `decorators` those of them that it calls on what it defines.
        passes: names that it gives to a call: what is called, the place or the keyword, the name.
        gives: names of the notebook that the functions in it change when they are called.
        mutates: places and names of parameters that the function which it defines changes.
        methods: methods of the class which it defines that change their object.
        attributes: names of attributes that it uses.
        holds: a function stands in it, or another name for one.
        packages: names that it imports, each with its package.
        checks: exercises that it checks, each with the name of the function that it gives to the check.
    """

    binds: frozenset[str]
    changes: frozenset[str]
    fills: frozenset[str]
    asks: frozenset[tuple[str, str]]
    aliases: frozenset[tuple[str, str]]
    sets: frozenset[str]
    patches: frozenset[tuple[str, str]]
    needs: frozenset[str]
    now: frozenset[str]
    merely: frozenset[str]
    calls: frozenset[str]
    decorators: frozenset[str]
    passes: frozenset[tuple[str, int | str, str]]
    gives: frozenset[str]
    mutates: frozenset[int | str]
    methods: frozenset[str]
    attributes: frozenset[str]
    holds: bool
    packages: frozenset[tuple[str, str]]
    checks: frozenset[tuple[str, str]]


def effect(node: ast.stmt, text: str) -> Effect:
    """What a statement at the top of a cell does; `text` is that statement alone.

    Raises:
        RecursionError: it is nested too deeply.
    """
    running = list(_running(node))
    at_once = set(map(id, running))
    every = list(ast.walk(node))
    inside = [n for n in every if id(n) not in at_once]
    needs, now, declared = _used(text)
    texts = [n for n in every if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Load) and _by_text(n)]
    needs |= set(map(_by_text, texts))
    now |= {_by_text(n) for n in texts if id(n) in at_once}
    binds = frozenset(_bound(running))
    calls, decorators = _called(running)
    changes = stored(running)
    removed = {n.id for n in running if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Del)}
    return Effect(
        binds=binds,
        changes=frozenset(changes),
        fills=frozenset(() if isinstance(node, ast.Assert) else filled(running)),
        asks=frozenset(asked(running)),
        aliases=frozenset(aliases(node)),
        sets=frozenset(settings(running)),
        patches=frozenset(patches(running)),
        needs=frozenset(needs | changes | removed),
        now=frozenset(now | changes | removed),
        merely=_merely(every, needs),
        calls=calls | decorators,
        decorators=decorators,
        passes=frozenset(_passed(running)),
        gives=frozenset(changed(inside) & needs | declared),
        mutates=mutated(node, inside),
        methods=methods(node),
        attributes=frozenset(n.attr for n in every if isinstance(n, ast.Attribute)),
        holds=_holds(node, every),
        packages=frozenset(_packages(running)),
        checks=frozenset(_checks(running)),
    )


def endless(node: ast.stmt) -> bool:
    """Whether it is a loop that nothing in it ends."""
    if not isinstance(node, ast.While) or not isinstance(node.test, ast.Constant) or not node.test.value:
        return False
    return not any(isinstance(n, (ast.Break, ast.Raise, ast.Assert)) for n in ast.walk(node))


def makes_function(node: ast.stmt) -> bool:
    """Whether what it binds can surely be called: a definition, an import, a lambda, a partial, another name for one."""
    if isinstance(node, (*DEFINING, ast.Import, ast.ImportFrom)):
        return True
    value = getattr(node, "value", None) if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
    if isinstance(value, ast.Call):
        return last(value.func) in _WRAPPING
    return isinstance(value, (ast.Lambda, ast.Name, ast.Attribute))


def _holds(node: ast.stmt, every: Iterable[ast.AST]) -> bool:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return False
    return makes_function(node) or any(isinstance(n, (*DEFINING, ast.Lambda)) for n in every)


# Which nodes run


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run with the statement; of a function its decorators and the defaults of its parameters."""
    left: list[ast.AST] = [node]
    while left:
        at = left.pop()
        yield at
        if isinstance(at, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            left += [*at.args.defaults, *(d for d in at.args.kw_defaults if d is not None)]
            left += getattr(at, "decorator_list", [])
        else:
            left += ast.iter_child_nodes(at)


def _bound(running: Iterable[ast.AST]) -> Iterator[str]:
    """Names that get a value: not those of a class's body or of a comprehension, nor those that are added to."""
    nodes = list(running)
    local: set[int] = set()
    for n in nodes:
        if isinstance(n, ast.comprehension):
            local |= set(map(id, ast.walk(n.target)))
        elif isinstance(n, ast.ClassDef):
            local |= {id(inner) for part in n.body for inner in ast.walk(part)}
        elif isinstance(n, ast.AugAssign):
            local.add(id(n.target))
    for n in nodes:
        if id(n) in local:
            continue
        if isinstance(n, DEFINING):
            yield n.name
        elif isinstance(n, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in n.names)
        elif isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
            yield n.id
        elif isinstance(n, (ast.MatchAs, ast.MatchStar, ast.ExceptHandler)) and n.name:
            yield n.name
        elif isinstance(n, ast.MatchMapping) and n.rest:
            yield n.rest
        elif (name := _by_text(n)) and isinstance(getattr(n, "ctx", None), ast.Store):
            yield name


def _by_text(node: ast.AST) -> str:
    """`globals()["x"]`: the name, if it stands there."""
    if (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "globals"
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    ):
        return node.slice.value
    return ""


# What they use


def _used(text: str) -> tuple[set[str], set[str], set[str]]:
    """Names of the notebook that a statement uses, in the functions in it too; those at its top; declared global and bound."""
    found: set[str] = set()
    top: set[str] = set()
    declared: set[str] = set()

    def look(table: symtable.SymbolTable, running: bool) -> None:
        at_top = table.get_type() == "module"
        running = running and (at_top or table.get_type() == "class" or table.get_name() in _AT_ONCE)
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (at_top or symbol.is_global()):
                found.add(symbol.get_name())
                if running:
                    top.add(symbol.get_name())
            if not at_top and symbol.is_declared_global() and symbol.is_assigned():
                declared.add(symbol.get_name())
        for child in table.get_children():
            look(child, running)

    try:
        look(symtable.symtable(text, "<cell>", "exec"), True)
    except (SyntaxError, ValueError):  # `return` outside of a function, say: it will not run either
        pass
    return found, top, declared


def _merely(every: Iterable[ast.AST], needs: Iterable[str]) -> frozenset[str]:
    """Names that are only written into: `log.append(1)` and `log["a"] = 1`, and nothing else."""
    uses, writes = Counter[str](), Counter[str]()
    for n in every:
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load):
            uses[n.id] += 1
        written: ast.AST | None = None
        if isinstance(n, ast.Assign):
            written = n.targets[0] if len(n.targets) == 1 else None
            written = written.value if isinstance(written, ast.Subscript) else None
        elif isinstance(n, ast.Expr) and isinstance(n.value, ast.Call):
            f = n.value.func
            written = f.value if isinstance(f, ast.Attribute) and f.attr in WRITING else None
        if isinstance(written, ast.Name):
            writes[written.id] += 1
    return frozenset(name for name in needs if writes[name] and writes[name] == uses[name])


def _called(running: Iterable[ast.AST]) -> tuple[frozenset[str], frozenset[str]]:
    calls: set[str] = set()
    decorators: set[str] = set()
    for n in running:
        if isinstance(n, ast.Call):
            calls |= {n.func.id} if isinstance(n.func, ast.Name) else set()
            if last(n.func) in _FOR_EACH:
                calls |= {a.id for a in n.args if isinstance(a, ast.Name)}
        elif isinstance(n, DEFINING):
            decorators |= {root(d) for d in n.decorator_list}
            if isinstance(n, ast.ClassDef):  # `__init_subclass__`, a metaclass
                decorators |= {root(b) for b in (*n.bases, *(k.value for k in n.keywords))}
    return frozenset(calls), frozenset(decorators - {""})


def _passed(running: Iterable[ast.AST]) -> Iterator[tuple[str, int | str, str]]:
    for n in running:
        if isinstance(n, ast.Call):
            arguments = [n.func, *n.args][last(n.func) == "partial" :]
            if arguments and isinstance(arguments[0], ast.Name):
                called = arguments[0].id
                yield from ((called, i, root(a)) for i, a in enumerate(arguments[1:]))
                yield from ((called, k.arg or "", root(k.value)) for k in n.keywords)


def _packages(running: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    for n in running:
        if isinstance(n, ast.Import):
            yield from ((a.asname or a.name.partition(".")[0], a.name.partition(".")[0]) for a in n.names)
        elif isinstance(n, ast.ImportFrom) and n.module:
            yield from ((a.asname or a.name, n.module.partition(".")[0]) for a in n.names)


def _checks(running: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    for n in running:
        if isinstance(n, ast.Call) and last(n.func) == "check" and n.args:
            if isinstance(n.args[0], ast.Constant) and isinstance(n.args[0].value, str):
                given = n.args[1] if len(n.args) > 1 else None
                yield n.args[0].value, given.id if isinstance(given, ast.Name) else ""
