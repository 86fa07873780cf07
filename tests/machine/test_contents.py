"""Faces that import nothing before it is asked for: `import lthkit` is quick, and everything is there as it always was."""

from __future__ import annotations

import ast
import os
import pickle
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import lthkit as lth
from lthkit import moved
from lthkit.machine import contents

PACKAGE = Path(lth.__file__).parent
FACES = ("lthkit", "lthkit.machine", "lthkit.plots", "lthkit.sweeps")
HEAVY = {"torch", "numpy", "matplotlib"}


def python(*arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import lthkit",
        "import lthkit.machine, lthkit.sweeps, lthkit.sweeps.worker, lthkit.sweeps.ahead, lthkit.machine.processes",
        "import lthkit; lthkit.Table, lthkit.machine.tables, lthkit.tier; dir(lthkit); hasattr(lthkit, 'trian')",
        "from lthkit.__main__ import main\ntry: main(['--help'])\nexcept SystemExit: pass",
        "from lthkit.__main__ import main\ntry: main(['sweep', '--help'])\nexcept SystemExit: pass",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code: str) -> None:
    """Catches: one import of torch or numpy at the top of a module that everybody imports."""
    told = python("-c", f"import sys\n{code}\nprint('loaded:', *({HEAVY} & sys.modules.keys()))")
    assert told.rstrip().endswith("loaded:"), told


def test_tables_of_a_sweep_need_no_matplotlib() -> None:
    """Catches: a command that ends by importing what draws, to print numbers."""
    code = "import sys\nfrom lthkit import plots\nplots.sweep_tables\nprint('matplotlib' in sys.modules)\nplots.save\n"
    assert python("-c", code + "print('matplotlib' in sys.modules)").split() == ["False", "True"]


@pytest.mark.parametrize("face", FACES)
def test_all_names_are_there_and_are_those_of_the_imports(face: str) -> None:
    """Catches: a name in `__all__` that nobody can import, one that is imported and not listed, one from the wrong place."""
    module = import_module(face)
    block = next(n for n in ast.parse(Path(str(module.__file__)).read_text()).body if isinstance(n, ast.If))
    lines = [line for line in block.body if isinstance(line, ast.ImportFrom)]
    wanted = {
        alias.asname or alias.name: (str(line.module), alias.name) for line in lines for alias in line.names
    }
    assert sorted(wanted) == sorted(module.__all__) and len(wanted) == len(set(module.__all__))
    assert {*module.__all__} <= {*dir(module)} and dir(module) == sorted(dir(module))
    for name, (room, there) in wanted.items():
        found = getattr(module, name)
        own = import_module(f"{face}.{there}") if room == face else getattr(import_module(room), there)
        assert found is own and vars(module)[name] is found, name


def test_everything_comes_with_a_star_and_is_kept() -> None:
    """Catches: a star that brings nothing; a name that is looked up anew at each use."""
    told = python(
        "-c",
        "from lthkit import *\nimport lthkit\n"
        "print(all(globals()[n] is getattr(lthkit, n) and n in vars(lthkit) for n in lthkit.__all__), len(lthkit.__all__))",
    )
    assert told.split() == ["True", str(len(lth.__all__))]


def test_files_of_a_room_are_found_by_name_in_a_fresh_process() -> None:
    """Catches: `lth.machine.devices` or `lth.cells`, which an import of everything used to bring along."""
    told = python(
        "-c", "import lthkit as lth; print(lth.machine.devices.DEVICES, lth.cells.Cell, lth.sweeps.jobs.DONE)"
    )
    assert "auto" in told and "cells.cells.Cell" in told


def test_a_wrong_name_is_refused_in_pythons_words() -> None:
    """Catches: another error than that of a module; a module of lthkit 0.1 without the sentence that says where it is now."""
    for name in ("trian", "__wrapped__", "machine.tables", "__nothing__"):
        with pytest.raises(AttributeError, match=f"module 'lthkit' has no attribute '{name}'"):
            getattr(lth, name)
    with pytest.raises(AttributeError, match="module 'lthkit.machine' has no attribute 'Tabel'") as caught:
        lth.machine.Tabel  # type: ignore[attr-defined]  # noqa: B018
    assert (caught.value.name, caught.value.obj) == ("Tabel", lth.machine)
    with pytest.raises(ImportError, match="cannot import name 'trian' from 'lthkit'"):
        from lthkit import trian  # type: ignore[attr-defined]  # noqa: F401
    with pytest.raises(AttributeError) as caught:
        lth.analysis  # type: ignore[attr-defined]  # noqa: B018
    assert str(caught.value) == moved.explained("analysis")
    with pytest.raises(ImportError, match="is lthkit.evidence since"):
        from lthkit import analysis  # type: ignore[attr-defined]  # noqa: F401
    assert not {"trian", "analysis"} & {*dir(lth)}


def test_what_a_file_needs_and_has_not_is_named() -> None:
    """Catches: a missing package that is told as a name that there is not."""
    told = python(
        "-c",
        "import sys, lthkit\nsys.modules['lthkit.plots.style'] = None\n"
        "try: lthkit.plots.save\nexcept ImportError as error: print(error)",
    )
    assert "lthkit.plots.style" in told


def test_a_name_can_be_exchanged_and_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches: a lookup that goes past what a test put in its place."""
    real = lth.train
    with monkeypatch.context() as patch:
        patch.setattr(lth, "train", None)
        assert lth.train is None
    assert lth.train is real is pickle.loads(pickle.dumps(lth.train))


def test_a_process_may_import_all_at_once() -> None:
    """Catches: a warm process whose copies each import a room anew; figures in it, which nobody needs there."""
    told = python(
        "-c",
        "import sys, lthkit\nfrom lthkit.machine.contents import look_up_all\n"
        "look_up_all(but=('lthkit.bench', 'lthkit.classroom', 'lthkit.explore', 'lthkit.pictures', 'lthkit.plots'))\n"
        "before = set(sys.modules)\nfor room in (lthkit, lthkit.machine, lthkit.sweeps):\n"
        "    print(*{*room.__all__} - {*vars(room)})\nprint('matplotlib' in before)",
    )
    first, *others, figures = told.splitlines()
    assert set(first.split()) == {"bench", "classroom", "explore", "pictures", "plots"}
    assert others == ["", ""] and figures == "False"


def test_an_installation_without_its_source_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches: a name that there is, told as one that there is not, because nobody could read where it is."""
    contents._contents.cache_clear()
    monkeypatch.setattr(type(lth.machine.__spec__.loader), "get_source", lambda *_: None)
    monkeypatch.delitem(vars(lth.machine), "Table", raising=False)
    with pytest.raises(ImportError, match="without its source"):
        lth.machine.Table  # noqa: B018
    monkeypatch.undo()
    assert lth.machine.Table is lth.Table
