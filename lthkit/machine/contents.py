"""Faces that import nothing before it is asked for: `import lthkit` takes milliseconds, and torch comes with what needs it.

Such a face has its imports under `if TYPE_CHECKING:`, so that mypy and editors see all names, and one line beside them:

    if TYPE_CHECKING:
        from lthkit.machine.tables import Table
    else:
        __getattr__, __dir__ = on_first_use(__name__)

The same lines say what is looked up (PEP 562), and where: they are read when the first name is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

Gone = Callable[[str], str]

_faces: list[str] = []


def on_first_use(
    face: str, *, gone: Mapping[str, object] | None = None, explained: Gone = str
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a face: a name is imported when it is first asked for, and kept.

    A file of the room is found by its name too, as after an import of it.

    Args:
        gone: names that there were once; `explained` has the text of the AttributeError for one of them.
    """

    _faces.append(face)

    def look_up(name: str) -> Any:
        module, there = _contents(face).get(name, (face, name))
        if module == face and name in (gone or ()):
            raise AttributeError(explained(name))
        value = _file_of(face, there) if module == face else getattr(import_module(module), there)
        vars(sys.modules[face])[name] = value
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[face]), *_contents(face)})

    return look_up, names


def look_up_all(*, but: tuple[str, ...] = ()) -> None:
    """Import now what all faces have, except the names `but`, such as "lthkit.plots": for a process that is to be forked warm."""
    for face in _faces:  # it grows: a room that is imported may have such a face
        for name in _contents(face):
            if f"{face}.{name}" not in but:
                getattr(sys.modules[face], name)


def _file_of(face: str, name: str) -> Any:
    """A module beside the face. AttributeError, in Python's words, if there is none of this name."""
    whole = f"{face}.{name}"
    try:
        if name.isidentifier() and not name.startswith("_"):
            return import_module(whole)
    except ModuleNotFoundError as error:
        if error.name != whole:  # it is there, and something that it needs is not
            raise
    raise AttributeError(f"module {face!r} has no attribute {name!r}", name=name, obj=sys.modules[face])


@cache
def _contents(face: str) -> Mapping[str, tuple[str, str]]:
    """For each name of a face the module that it comes from, and its name there."""
    import ast

    loader: Any = getattr(sys.modules[face].__spec__, "loader", None)
    source = loader.get_source(face)
    if source is None:
        raise ImportError(
            f"{face} was installed without its source, which says where its names are; install lthkit again."
        )
    blocks = [node for node in ast.parse(source).body if isinstance(node, ast.If)]
    lines = [line for block in blocks for line in block.body if isinstance(line, ast.ImportFrom)]
    return {one.asname or one.name: (line.module or face, one.name) for line in lines for one in line.names}
