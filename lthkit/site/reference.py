"""The reference: what the rooms of the package offer, from their docstrings, with the code beside it."""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
import re
import textwrap
from collections.abc import Collection, Iterator
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from lthkit.site import sources
from lthkit.site.docstrings import as_markdown, escaped
from lthkit.site.links import Links

PACKAGE = Path(__file__).resolve().parents[1]
# In the order in which somebody meets them.
ROOMS = (
    *("data", "models", "training", "pruning", "tickets", "evidence", "ledger", "runs", "sweeps", "cells"),
    *("export", "plots", "pictures", "classroom", "explore", "storage", "machine", "bench"),
)
_SENTENCE = re.compile(r"(?<=[^.\s])(?<!\bal)\. (?=[^a-z\d])")  # its end, but not that of "et al." or "..."
WIDTH = 88  # characters of a signature in one line


@dataclass(frozen=True)
class Entry:
    """Something that a room offers. name: as one calls it below `lthkit`, such as "pruning.prune"."""

    name: str
    what: Any

    @property
    def room(self) -> str:
        return self.name.partition(".")[0]

    @property
    def own(self) -> str:
        """The name without the room."""
        return self.name.partition(".")[2]

    @property
    def place(self) -> str:
        return f"reference/{self.room}.html#{self.name}"

    @property
    def code(self) -> tuple[str, int]:
        """Its file, as "lthkit/pruning/masks.py", and its line there."""
        plain = inspect.unwrap(self.what)
        path = Path(inspect.getsourcefile(plain) or "").resolve()
        return path.relative_to(PACKAGE.parent).as_posix(), inspect.getsourcelines(plain)[1]


def entries() -> dict[str, Entry]:
    """All functions and classes that a room offers and explains, by their names below `lthkit`."""
    found: dict[str, Entry] = {}
    for room in ROOMS:
        try:
            face = importlib.import_module(f"{PACKAGE.name}.{room}")
        except ModuleNotFoundError as error:
            if error.name != f"{PACKAGE.name}.{room}":
                raise
            continue
        for name in getattr(face, "__all__", None) or _defined(face):
            what = getattr(face, name)
            if (inspect.isroutine(what) or inspect.isclass(what)) and inspect.getdoc(what) and _is_ours(what):
                found[f"{room}.{name}"] = Entry(f"{room}.{name}", what)
    package = importlib.import_module(PACKAGE.name)
    for name in package.__all__:  # what no room's face has, such as `lth.results`
        what = getattr(package, name)
        if (
            inspect.isroutine(what)
            and _is_ours(what)
            and all(entry.what is not what for entry in found.values())
        ):
            room = what.__module__.split(".")[1]
            found[f"{room}.{name}"] = Entry(f"{room}.{name}", what)
    return found


def _defined(module: Any) -> list[str]:
    return [
        name for name, what in vars(module).items()
        if not name.startswith("_") and getattr(what, "__module__", "") == module.__name__
    ]  # fmt: skip


def _is_ours(what: Any) -> bool:
    return str(getattr(what, "__module__", "")).startswith(f"{PACKAGE.name}.")


def named(found: dict[str, Entry]) -> dict[str, str]:
    """Where on the site each is explained, by the names that a lesson uses: "lth.prune", "lth.pruning.prune"."""
    places = {f"lth.{name}": entry.place for name, entry in found.items()}
    return {f"lth.{name}": entry.place for name, entry in _contents(found)} | places


def _contents(found: dict[str, Entry]) -> Iterator[tuple[str, Entry]]:
    """What stands in the table of contents of the package itself, `lth.NAME`, in alphabetical order."""
    package = importlib.import_module(PACKAGE.name)
    for name in sorted(package.__all__, key=str.lower):
        what = getattr(package, name)
        entry = next((entry for entry in found.values() if entry.what is what and entry.own == name), None)
        if entry is not None:
            yield name, entry


def pages(found: dict[str, Entry]) -> dict[str, str]:
    """The pages of the reference as Markdown, by their names without an ending: "reference/index", "reference/pruning"."""
    rooms: dict[str, list[Entry]] = {}
    for entry in found.values():
        rooms.setdefault(entry.room, []).append(entry)
    made = {f"reference/{room}": _room(room, own, found) for room, own in rooms.items()}
    parts = [
        "# Reference",
        "What `import lthkit as lth` gives, in alphabetical order; below it, the rooms of the package. A docstring says "
        "shapes, units, what is refused and from which paper a method is. `help(lth.prune)` shows the same.",
        "## By name",
        "\n".join(f"- [`lth.{name}`]({entry.room}.html#{entry.name}): {_first(entry)}" for name, entry in _contents(found)),
        "## By room",
        "\n".join(f"- [`lth.{room}`]({room}.html): {_title(room)}" for room in rooms),
        "```{toctree}\n:hidden:\n\n" + "\n".join(rooms) + "\n```",
    ]  # fmt: skip
    return {"reference/index": "\n\n".join(parts) + "\n"} | made


def source_files(found: dict[str, Entry]) -> dict[str, Path]:
    """The files of code that the reference links to, and where they lie."""
    return {file: PACKAGE.parent / file for file in sorted({entry.code[0] for entry in found.values()})}


def _title(room: str) -> str:
    return escaped(" ".join(_said(room).split("\n\n")[0].split()))


def _said(room: str) -> str:
    """What a room says of itself, without what is true of its file alone."""
    text = inspect.getdoc(importlib.import_module(f"{PACKAGE.name}.{room}")) or ""
    return re.sub(r"\s*This file\s+is the table of contents\.", "", text).strip()


def _first(entry: Entry) -> str:
    """The first sentence of a docstring."""
    text = " ".join((inspect.getdoc(entry.what) or "").split("\n\n")[0].split())
    return escaped(_SENTENCE.split(text, maxsplit=1)[0].rstrip(":").removesuffix(".") + ".")


def _room(room: str, own: list[Entry], found: dict[str, Entry]) -> str:
    parts = [f"# lthkit.{room}", as_markdown(_said(room))]
    for entry in sorted(own, key=lambda entry: entry.own):
        parts += _entry(entry, found)
    return "\n\n".join(parts) + "\n"


def _entry(entry: Entry, found: dict[str, Entry]) -> Iterator[str]:
    def link(code: str, own: Collection[str]) -> str:
        word = code.strip("`").removesuffix("()")
        for name in () if word in own else (word.removeprefix("lth."), f"{entry.room}.{word}"):
            if name in found and found[name] is not entry and "." in name:
                other = found[name]
                return f"[{code}]({'' if other.room == entry.room else other.room + '.html'}#{other.name})"
        return code

    file, line = entry.code
    place = Links.from_page(entry.place.partition("#")[0], sources.place(file, line))
    node = _node(entry.what)
    yield f'<a id="{entry.name}"></a>\n\n## {entry.own}'
    yield f"```python\n{_head(entry.own, _with_defaults(node, entry.what))}\n```"
    yield f'<p class="code-place"><a href="{place}">{file}, line {line}</a></p>'
    own = _names(entry.what, node)
    yield as_markdown(inspect.getdoc(entry.what) or "", names=own, linked=partial(link, own=own))
    if isinstance(node, ast.ClassDef):
        for method in node.body:
            if (
                isinstance(method, ast.FunctionDef)
                and not method.name.startswith("_")
                and ast.get_docstring(method)
            ):
                yield f'<a id="{entry.name}.{method.name}"></a>\n\n### {entry.own}.{method.name}'
                yield f"```python\n{_head(method.name, method)}\n```"
                given, text = _arguments(method), ast.get_docstring(method) or ""
                yield as_markdown(text, names=given, linked=partial(link, own=own | given))


@cache
def _tree(file: str) -> ast.Module:
    return ast.parse(Path(file).read_text(encoding="utf-8"))


def _node(what: Any) -> ast.FunctionDef | ast.ClassDef:
    """The definition of a function or a class in its file, which has the types as they were written."""
    plain = inspect.unwrap(what)
    for node in ast.walk(_tree(inspect.getsourcefile(plain) or "")):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == plain.__name__:
            return node
    source = ast.parse(textwrap.dedent(inspect.getsource(plain))).body[0]
    assert isinstance(source, ast.FunctionDef | ast.ClassDef)
    return source


def _names(what: Any, node: ast.FunctionDef | ast.ClassDef) -> set[str]:
    if isinstance(node, ast.FunctionDef):
        return _arguments(node)
    found = {field.name for field in fields(what)} if is_dataclass(what) else set()
    for part in node.body:
        if isinstance(part, ast.FunctionDef):
            found |= _arguments(part) if part.name == "__init__" else {part.name}
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            found.add(part.target.id)
    return found


def _arguments(node: ast.FunctionDef) -> set[str]:
    given = node.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return {one.arg for one in every if one is not None}


def _head(name: str, node: ast.FunctionDef | ast.ClassDef) -> str:
    """A definition without its body, in lines that are not too long."""
    marks = [
        f"@{ast.unparse(d)}"
        for d in node.decorator_list
        if ast.unparse(d) in ("property", "classmethod", "staticmethod")
    ]
    if isinstance(node, ast.ClassDef):
        bases = f"({', '.join(ast.unparse(base) for base in node.bases)})" if node.bases else ""
        own = [
            ast.unparse(part) for part in node.body if isinstance(part, ast.AnnAssign) and not _private(part)
        ]
        made = next((p for p in node.body if isinstance(p, ast.FunctionDef) and p.name == "__init__"), None)
        if made is not None and not own:
            return f"class {name}{bases}:\n" + textwrap.indent(_head("__init__", made), "    ")
        return f"class {name}{bases}" + (":\n" + "\n".join(f"    {line}" for line in own) if own else "")
    returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    line = f"def {name}({ast.unparse(node.args)}){returned}"
    if len(line) > WIDTH:
        line = f"def {name}(\n" + "".join(f"    {part},\n" for part in _parts(node.args)) + f"){returned}"
    return "\n".join([*marks, line])


def _with_defaults(node: ast.FunctionDef | ast.ClassDef, what: Any) -> ast.FunctionDef | ast.ClassDef:
    """The definition with the value of each default that is made by `field`, or has a private name or function."""
    shown = copy.deepcopy(node)
    if isinstance(shown, ast.FunctionDef):
        values = {name: one.default for name, one in inspect.signature(what).parameters.items()}
        for given, defaults in (
            (shown.args.args[len(shown.args.args) - len(shown.args.defaults) :], shown.args.defaults),
            (shown.args.kwonlyargs, shown.args.kw_defaults),
        ):
            for i, (one, default) in enumerate(zip(given, defaults, strict=True)):
                if default is not None and ast.unparse(default).startswith("_"):
                    defaults[i] = ast.Constant(values[one.arg])
    elif is_dataclass(what):
        own = {field.name: field for field in fields(what)}
        for part in shown.body:
            if isinstance(part, ast.AnnAssign) and part.value and ast.unparse(part.target) in own:
                if ast.unparse(part.value).startswith(("_", "field(")):
                    part.value = _default(own[ast.unparse(part.target)])
    return shown


def _default(field: Field[Any]) -> ast.expr | None:
    if field.default is not MISSING:
        return ast.Constant(field.default)
    if field.default_factory is not MISSING:
        return ast.Name(f"{getattr(field.default_factory, '__name__', '...')}()")
    return None


def _private(part: ast.AnnAssign) -> bool:
    return ast.unparse(part.target).startswith("_")


def _parts(given: ast.arguments) -> list[str]:
    """The arguments one by one, as they are written."""
    plain = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [*[None] * (len(plain) - len(given.defaults)), *given.defaults]
    made = [_argument(one, value) for one, value in zip(plain, defaults, strict=True)]
    if given.posonlyargs:
        made.insert(len(given.posonlyargs), "/")
    if given.vararg:
        made.append("*" + _argument(given.vararg, None))
    elif given.kwonlyargs:
        made.append("*")
    made += [_argument(one, value) for one, value in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    return [*made, *(["**" + _argument(given.kwarg, None)] if given.kwarg else [])]


def _argument(one: ast.arg, value: ast.expr | None) -> str:
    text = one.arg + (f": {ast.unparse(one.annotation)}" if one.annotation else "")
    if value is None:
        return text
    return f"{text} = {ast.unparse(value)}" if one.annotation else f"{text}={ast.unparse(value)}"
