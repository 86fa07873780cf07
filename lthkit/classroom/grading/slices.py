"""What a function needs: statements, the names that they bind and use, and the smallest set of them that defines a name.

Only these are run to grade an exercise, and only these of a student's other cells come along with an answer. So a
training, an endless loop or a megabyte of output elsewhere in the notebook costs nothing.
"""

from __future__ import annotations

import ast
import builtins
import symtable
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lthkit.classroom.exercises import BLANK

_BUILTIN = frozenset(dir(builtins))


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a cell.

    Attributes:
        text: as it stands in the cell, with its comments.
        binds, needs: names that it gives a value, and names of the notebook that it or a function in it uses.
        form: equal for statements that differ only in layout.
        function: the name of the function that it defines, else "".
        blank: it defines a function that is still the stub.
        imports, star: it is an import; an import of all names of a module.
    """

    text: str
    binds: frozenset[str]
    needs: frozenset[str]
    form: str
    function: str = ""
    blank: bool = False
    imports: bool = False
    star: bool = False


def statements(code: str) -> list[Statement]:
    """The statements of a cell.

    Raises:
        SyntaxError: it is not Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an escape sequence in a student's text
        try:
            tree = ast.parse(code)
        except (ValueError, RecursionError, MemoryError) as error:
            raise SyntaxError(str(error) or "it is nested too deeply") from None
        lines = code.split("\n")
        shared = [line for node in tree.body for line in {_begin(node), node.end_lineno or 0}]
        return [_statement(node, lines, shared) for node in tree.body]


def needed(wanted: Iterable[str], pool: Sequence[Statement]) -> list[Statement]:
    """The statements of `pool` that together give the `wanted` names their values, in their order."""
    chosen: set[int] = {i for i, s in enumerate(pool) if s.star}
    open_names, known = list(wanted), set(wanted)
    while open_names:
        name = open_names.pop()
        for i in _binding(name, pool):
            if i not in chosen:
                chosen.add(i)
                new = pool[i].needs - known
                known |= new
                open_names += sorted(new)
    return [pool[i] for i in sorted(chosen)]


def _binding(name: str, pool: Sequence[Statement]) -> list[int]:
    """Where a name gets its value. A later definition of a function makes what stands before it void."""
    found = [i for i, s in enumerate(pool) if name in s.binds]
    done = [i for i in found if not pool[i].blank]
    found = done or found[-1:]
    whole = [i for i in found if pool[i].function == name]
    return [i for i in found if not whole or i >= whole[-1]]


def _begin(node: ast.stmt) -> int:
    return min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])


def _statement(node: ast.stmt, lines: list[str], shared: list[int]) -> Statement:
    begin, end = _begin(node), node.end_lineno or node.lineno
    text = "\n".join(lines[begin - 1 : end])
    if shared.count(begin) > 1 or shared.count(end) > 1:  # several on one line
        text = ast.unparse(node)
    is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    is_import = isinstance(node, (ast.Import, ast.ImportFrom))
    return Statement(
        text,
        frozenset(_bound(node)),
        frozenset(_used(ast.unparse(node))) - _BUILTIN,
        ast.dump(node),
        node.name if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else "",
        is_function and _is_blank(node),
        is_import,
        isinstance(node, ast.ImportFrom) and any(a.name == "*" for a in node.names),
    )


def _bound(node: ast.AST) -> Iterator[str]:
    """Names that a statement binds or changes, outside of functions: also `x` in `x.a = 1` and `x["a"] = 1`."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
        return
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
        root: ast.expr = node
        while isinstance(root, (ast.Attribute, ast.Subscript)):
            root = root.value
        if isinstance(root, ast.Name):
            yield root.id
    elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
        yield node.name
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name
    for child in ast.iter_child_nodes(node):
        yield from _bound(child)


def _used(text: str) -> set[str]:
    """Names of the notebook that a statement uses, in the functions in it too."""
    found: set[str] = set()

    def look(table: symtable.SymbolTable) -> None:
        at_top = table.get_type() == "module"
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (at_top or symbol.is_global()):
                found.add(symbol.get_name())
        for child in table.get_children():
            look(child)

    try:
        look(symtable.symtable(text, "<cell>", "exec"))
    except (
        SyntaxError,
        ValueError,
        RecursionError,
    ):  # `return` outside of a function, say: it will not run either
        pass
    return found


def _is_blank(node: ast.stmt) -> bool:
    """Whether a function's body is still what the stub had, with its docstring or without."""
    body = [
        s
        for s in getattr(node, "body", [])
        if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)) and not isinstance(s, ast.Pass)
    ]
    if not body:
        return True
    if len(body) > 1 or not isinstance(body[0], ast.Raise) or body[0].exc is None:
        return False
    said = ast.unparse(body[0].exc)
    return said in ("NotImplementedError", "NotImplementedError()") or BLANK in said
