"""Folders for copies of data sets, away from everybody's own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own and no LTHKIT_DATA for every test."""
    monkeypatch.setenv("LTHKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LTHKIT_DATA", raising=False)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that LTHKIT_DATA names."""
    folder = tmp_path / "copies"
    folder.mkdir()
    monkeypatch.setenv("LTHKIT_DATA", str(folder))
    return folder
