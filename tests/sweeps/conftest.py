"""What the tests of sweeps share: a small data set on disk, and the table that one process makes of the small grid."""

from __future__ import annotations

from pathlib import Path

import pytest

from lthkit.sweeps import running
from tests import sweeping


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of 120 and 45 pictures, as a cell names it."""
    return sweeping.pictures(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(scope="session")
def serial(pictures: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small grid, done by one process without any disturbance."""
    folder = tmp_path_factory.mktemp("serial") / "sweep"
    running.run(sweeping.grid(pictures), folder, on="serial")
    return folder
