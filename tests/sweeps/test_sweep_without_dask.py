"""Without Dask nothing is missing but its engine, and the text says what installs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lthkit.sweeps import running
from tests import sweeping


def test_dask_that_is_missing_is_named(
    pictures: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches: an ImportError in the midst of a sweep, without the line that installs Dask."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ValueError, match=r'not installed.*pip install "lthkit\[scale\]"'):
        running.run(sweeping.grid(pictures), tmp_path / "s", on="dask")


def test_nothing_of_dask_is_imported_unless_asked() -> None:
    """Catches: an import of Dask at the top of a file, which takes a second, and fails where it is not installed."""
    code = "import sys, lthkit.sweeps; sys.exit(any(m.partition('.')[0] in ('dask', 'distributed') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], env=sweeping.environment()).returncode == 0
