"""The house is in order: a function fits on a screen, and a module holds one idea."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.test_floors import PACKAGE, dotted, modules, room_of

SCREEN = 60  # lines of a function, from `def` to its end
PAGES = 400  # lines of a module
FIGURES = ("explore", "plots")  # a figure is drawn line by line, top to bottom
PARSER_CALLS = {
    "add_argument",
    "add_argument_group",
    "add_mutually_exclusive_group",
    "add_parser",
    "add_subparsers",
    "set_defaults",
}
REASON = "Long because "

# Modules above PAGES, each with the answer to "does it hold two ideas?".
LONG_MODULES = {
    "models": "one network after the other, each a list of layers with its paper, and the rule that draws them all",
    "pruning.flow_rules": "one idea many times: a rule of a few lines for each operation of torch, and their table",
    "pruning.scores": "one criterion after the other, each with its paper, and what they share",
    "pruning.traces": "one forward pass seen operation by operation, and what a pass may not do to be seen",
    "storage.identity": "one walk through functions, objects and networks, whose steps call one another in a ring",
    "explore": "two figures that answer to the reader; both are drawn, redrawn and put into words by the same helpers",
}


def long_functions(tree: ast.AST) -> list[str]:
    """Names and lines of functions above a screen that build no parser and give no reason in their docstring."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            if lines > SCREEN and not builds_a_parser(node.body) and not gives_a_reason(node):
                found.append(f"{node.name}: {lines} lines")
    return found


def builds_a_parser(body: list[ast.stmt]) -> bool:
    """True if nothing is done but to say which arguments there are."""
    for statement in body:
        if isinstance(statement, ast.For | ast.If):
            if not builds_a_parser([*statement.body, *statement.orelse]):
                return False
        elif isinstance(statement, ast.Expr | ast.Assign):
            value = statement.value
            text = isinstance(statement, ast.Expr) and isinstance(value, ast.Constant)
            call = isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute)
            if not text and not (call and value.func.attr in PARSER_CALLS):  # type: ignore[attr-defined]
                return False
        elif not isinstance(statement, ast.Import | ast.ImportFrom):
            return False
    return True


def gives_a_reason(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """True if a sentence of the docstring begins with REASON and goes on."""
    text = " ".join((ast.get_docstring(node) or "").split())
    return any(
        s.startswith(REASON) and len(s) > len(REASON) + 10 for s in text.replace(". ", ".\n").split("\n")
    )


def read(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", modules(), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_a_function_fits_on_a_screen(path: Path) -> None:
    """Catches a function that grew: split it, or say in its docstring why it is better in one piece."""
    if room_of(dotted(path)) not in FIGURES:
        assert long_functions(read(path)) == [], (
            f"above {SCREEN} lines; split it, or write 'Long because ...'"
        )


def test_a_long_module_has_a_reason() -> None:
    """Catches a module that came to hold two ideas, and a reason that outlived its module's length."""
    lessons = PACKAGE / "classroom" / "exercises"
    long = [
        dotted(path)
        for path in modules()
        if len(path.read_text(encoding="utf-8").splitlines()) > PAGES and lessons not in path.parents
    ]
    assert sorted(long) == sorted(LONG_MODULES), f"above {PAGES} lines: does it hold two ideas?"


def planted(lines: int, *, doc: str = "Adds.", line: str = "x += 1", head: str = "def f(x, p):") -> list[str]:
    body = "\n".join(f"    {line}" for _ in range(lines - 2))
    return long_functions(ast.parse(f'{head}\n    """{doc}"""\n{body}\n'))


def test_a_long_function_is_seen() -> None:
    assert planted(60) == [] and planted(61) == ["f: 61 lines"]
    assert planted(61, head="async def f(x):") == ["f: 61 lines"]
    method = ast.parse("class A:\n  def f(self):\n" + "    g()\n" * 60)
    nested = ast.parse("def a():\n  def f():\n" + "    g()\n" * 60)
    assert long_functions(method) == ["f: 61 lines"]
    assert long_functions(nested) == ["a: 62 lines", "f: 61 lines"]


def test_a_reason_counts_and_an_empty_one_does_not() -> None:
    assert planted(61, doc="Adds. Long because each line is a case of its table.") == []
    assert planted(61, doc="Long because each line is a case of its table.") == []
    assert planted(61, doc="Long because.") and planted(61, doc="Not Long because each line is a case of it.")


def test_a_parser_may_be_long_and_nothing_else_hides_in_it() -> None:
    assert planted(90, line='p.add_argument("--x", type=int)') == []
    assert planted(90, line='step = p.add_parser("x")') == []
    assert planted(90, line='x = p.parse_args("x")')
    assert planted(90, line='p.add_argument("--x"); run(p)')
