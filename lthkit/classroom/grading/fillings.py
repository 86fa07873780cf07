"""What statements change, as far as their words tell: assignments to parts of a value, and calls that are known to fill."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator

DEFINING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

# Methods that change what they are called on, whatever becomes of their value.
_ALWAYS = re.compile(
    r"append(left)?|extend(left)?|insert|update|setdefault|pop|popitem|popleft|remove|discard|clear|sort|reverse"
    r"|[a-z]\w*[^_\W]_"
)
# Those that do so where their value is not used: `a.add(b)` of two tensors makes a third one.
_ALONE = re.compile(
    r"(add|push|put|set|fill|register|init|load|seed|manual_seed)(_\w+|all)?|rotate|shuffle|move_to_end|subtract"
    r"|setflags|setstate|(intersection|difference|symmetric_difference)_update|write|writelines|cache_clear"
    r"|eval|train|double|float|half|to|apply|__(set|del)(item|attr)__|__i\w+__"
)
# Those that a record of what happened is written with.
WRITING = frozenset(("append", "extend", "insert", "add", "update", "clear", "write", "appendleft"))
# Functions that change their arguments.
_FUNCTION = re.compile(
    r"heappush|heappop|heapify|heapreplace|heappushpop|next|insort(_left|_right)?|shuffle|setattr|delattr|setitem|delitem"
    r"|fill_diagonal|copyto|place|put|putmask|vector_to_parameters"
    r"|(ones|zeros|constant|eye|dirac|orthogonal|sparse|(\w+_)?normal|(\w+_)?uniform)_"
)
# Functions that change how a module behaves from then on.
_SETTING = re.compile(
    r"set_(?!printoptions|num_)\w+|setrecursionlimit|seterr|setcontext|setlocale|seed|seed_all|manual_seed(_all)?"
    r"|use_deterministic_algorithms|filterwarnings|simplefilter|(enable|disable)_\w+"
)
_TYPES = frozenset(("dict", "list", "set", "object", "deque", "Counter", "OrderedDict", "defaultdict"))


def root(node: ast.AST) -> str:
    """The name at the beginning of `x.a["b"].c(d)`, "" if there is none."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call, ast.Starred)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def last(node: ast.AST) -> str:
    """The last name of `x.a.b`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def stored(nodes: Collection[ast.AST]) -> set[str]:
    """Names whose value is changed by an assignment to a part of it, or that are added to or deleted."""
    parts = [n for n in nodes if isinstance(n, (ast.Attribute, ast.Subscript))]
    found = _with_loops(nodes, {root(n) for n in parts if isinstance(n.ctx, (ast.Store, ast.Del))})
    found |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Del)}
    return (found | {root(n.target) for n in nodes if isinstance(n, ast.AugAssign)}) - {""}


def filled(nodes: Collection[ast.AST]) -> set[str]:
    """Names whose value is changed by a call, as far as the name of what is called says so."""
    alone: set[int] = set()
    found: set[str] = set()
    calls: list[ast.Call] = []
    for n in nodes:
        if isinstance(n, ast.Expr):
            alone |= set(map(id, _unused(n.value)))
        elif isinstance(n, ast.Call):
            calls.append(n)
        elif isinstance(n, DEFINING):
            alone |= set(map(id, n.decorator_list))  # `@area.register(int)`, and `@area.register`
            found |= {
                root(d) for d in n.decorator_list if isinstance(d, ast.Attribute) and d.attr == "register"
            }
    for call in calls:
        found |= set(_filled_by(call, id(call) in alone))
    return _with_loops(nodes, found)


def _with_loops(nodes: Collection[ast.AST], found: set[str]) -> set[str]:
    """Also what a loop goes through, if it changes what it gets: `for p in net.parameters(): p.zero_()`."""
    for n in nodes:
        if isinstance(n, (ast.For, ast.AsyncFor, ast.comprehension)):
            if any(isinstance(t, ast.Name) and t.id in found for t in ast.walk(n.target)):
                called = {id(c.func) for c in ast.walk(n.iter) if isinstance(c, ast.Call)}
                named = [x for x in ast.walk(n.iter) if isinstance(x, ast.Name) and id(x) not in called]
                found |= {x.id for x in named}
    return found - {""}


def changed(nodes: Iterable[ast.AST]) -> set[str]:
    listed = list(nodes)
    return stored(listed) | filled(listed)


def _unused(value: ast.expr) -> Iterator[ast.expr]:
    """The expressions in a statement whose values nobody gets: in `[x.add(i) for i in y]` too."""
    if isinstance(value, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
        yield from _unused(value.elt)
    elif isinstance(value, ast.BoolOp):
        yield from _unused(value.values[-1])
    elif isinstance(value, ast.IfExp):
        yield from (*_unused(value.body), *_unused(value.orelse))
    elif isinstance(value, ast.Tuple):
        for part in value.elts:
            yield from _unused(part)
    else:
        yield value


def _filled_by(call: ast.Call, alone: bool) -> Iterator[str]:
    """Names whose value the call changes, by the name of what is called."""
    name = last(call.func)
    if isinstance(call.func, ast.Attribute):
        training = name == "train" and not all(
            isinstance(a, ast.Constant) and isinstance(a.value, bool) for a in call.args
        )
        if _ALWAYS.fullmatch(name) or (alone and not training and _ALONE.fullmatch(name)):
            yield root(call.func)
            if root(call.func) in _TYPES and call.args:  # dict.update(x, a=1)
                yield root(call.args[0])
    if _FUNCTION.fullmatch(name):
        yield from map(root, call.args)


def asked(running: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    for n in running:
        calls: list[ast.expr] = []
        if isinstance(n, ast.Expr):
            calls = [value.func for value in _unused(n.value) if isinstance(value, ast.Call)]
        elif isinstance(n, DEFINING):
            calls = [d.func if isinstance(d, ast.Call) else d for d in n.decorator_list]
        for f in calls:
            yield root(f), f.attr if isinstance(f, ast.Attribute) else "__call__"


def aliases(node: ast.stmt) -> Iterator[tuple[str, str]]:
    """`row = table[0]`: the new name and the one of whose value it is a part."""
    if isinstance(node, ast.Assign) and isinstance(node.value, (ast.Name, ast.Attribute, ast.Subscript)):
        yield from ((t.id, root(node.value)) for t in node.targets if isinstance(t, ast.Name))


def settings(running: Iterable[ast.AST]) -> Iterator[str]:
    for n in running:
        if isinstance(n, ast.Call) and _SETTING.fullmatch(last(n.func)):
            if not any(isinstance(inner, ast.Call) for inner in ast.walk(n.func)):  # a generator of its own
                yield root(n.func)
        elif isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store) and isinstance(n.value, ast.Call):
            yield root(n)  # decimal.getcontext().prec = 50


def patches(running: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    for n in running:
        if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store):
            yield root(n), n.attr
        elif isinstance(n, ast.Call) and last(n.func) == "setattr" and len(n.args) == 3:
            if isinstance(n.args[1], ast.Constant):
                yield root(n.args[0]), str(n.args[1].value)


def mutated(node: ast.stmt, inside: Iterable[ast.AST]) -> frozenset[int | str]:
    arguments = node.args if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else None
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
        arguments = node.value.args
    if arguments is None:
        return frozenset()
    names = changed(inside)
    placed = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    found: set[int | str] = {i for i, name in enumerate(placed) if name in names}
    return frozenset(found | {a for a in (*placed, *(k.arg for k in arguments.kwonlyargs)) if a in names})


def methods(node: ast.stmt) -> frozenset[str]:
    if not isinstance(node, ast.ClassDef):
        return frozenset()
    own = [f for f in node.body if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef)) and f.args.args]
    return frozenset(f.name for f in own if f.args.args[0].arg in changed(ast.walk(f)))
