"""Whose a file is: no run reads the numbers of another one, whatever became of its configuration."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import lthkit as lth
from lthkit.storage import RunMismatch, files, folders, owners
from tests.conftest import small_net


def rounds(tiny: Any, folder: Path, *, seed: int = 0, rounds: int = 2) -> list[float]:
    found = lth.imp(
        small_net, tiny, rounds=rounds, fraction=0.3, rewind_step=0, seed=seed, steps=12, folder=folder
    )
    return [this.result.validation_loss for this in found]


@pytest.fixture
def made(tiny: Any, tmp_path: Path) -> tuple[Path, list[float]]:
    return tmp_path / "run", rounds(tiny, tmp_path / "run")


def test_a_lost_configuration_gives_nobody_the_numbers_of_another_seed(tiny, made, caplog) -> None:
    """Catches a run that returns the first one's numbers because its config.json was deleted."""
    folder, first = made
    (folder / "config.json").unlink()
    with pytest.raises(RunMismatch, match="another run .*move the whole folder away"):
        rounds(tiny, folder, seed=1)
    assert rounds(tiny, folder) == first and "goes on" in caplog.text
    assert rounds(tiny, folder) == first  # the configuration is there again
    with pytest.raises(RunMismatch, match="seed: 0 there, 1 now"):
        rounds(tiny, folder, seed=1)


def test_a_damaged_configuration_is_written_again_by_its_own_run_alone(tiny, made) -> None:
    """Catches the advice to delete a damaged file, after which anybody may go on."""
    folder, first = made
    (folder / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(RunMismatch, match="is damaged, and rewind.npz is of another run"):
        rounds(tiny, folder, seed=1)
    assert rounds(tiny, folder) == first
    assert folders.read_config(folder)["seed"] == 0


def test_a_folder_that_goes_while_a_run_works_leaves_no_mixture(tiny, tmp_path) -> None:
    """Catches rounds of two seeds in one folder, after somebody removed it below a run."""
    folder = tmp_path / "run"
    search = lth.imp(small_net, tiny, rounds=3, fraction=0.3, rewind_step=0, seed=0, steps=12, folder=folder)
    losses = [next(search).result.validation_loss, next(search).result.validation_loss]
    shutil.rmtree(folder)
    losses += [this.result.validation_loss for this in search]
    assert len(losses) == 4 and sorted(p.name for p in folder.glob("*.npz"))
    with pytest.raises(RunMismatch, match="of another run"):
        rounds(tiny, folder, seed=1, rounds=3)


def test_a_file_of_another_run_is_named(tiny, made, tmp_path) -> None:
    """Catches a round that was copied from another run, and is read as if it were this one's."""
    folder, first = made
    other = tmp_path / "other"
    rounds(tiny, other, seed=1)
    shutil.copy(other / "round-01.npz", folder / "round-01.npz")
    with pytest.raises(RunMismatch, match="round-01.npz was written by another run"):
        rounds(tiny, folder)
    (folder / "round-01.npz").unlink()
    assert rounds(tiny, folder) == first


def test_a_run_inside_of_a_run_keeps_its_own_mark(tmp_path) -> None:
    """Catches a file of an inner run that is taken for the outer one's, or the other way round."""
    outer = folders.open_run(tmp_path / "a", {"name": "outer"})
    inner = folders.open_run(outer / "b", {"name": "inner"})
    one, two = files.write_sealed(outer / "x.json", {"v": 1}), files.write_sealed(inner / "x.json", {"v": 2})
    marks = [json.loads(p.read_text(encoding="utf-8"))[owners.MARK] for p in (one, two)]
    assert marks == [owners.mark_of({"name": "outer"}), owners.mark_of({"name": "inner"})]
    assert [files.read_sealed(p) for p in (one, two)] == [{"v": 1}, {"v": 2}]
    shutil.copy(two, one)
    with pytest.raises(RunMismatch):
        files.read_sealed(one)
    assert [p.name for p, _ in owners.marks_in(outer)] == ["x.json"]


def test_files_of_an_older_version_are_read_where_a_configuration_says_whose_they_are(tiny, made) -> None:
    """Catches recorded runs that cannot be read any more, and unmarked files that anybody may take."""
    folder, first = made
    for path in folder.glob("*.npz"):
        arrays, meta = files.load_arrays(path)
        aside = path.with_name("x")  # outside of a run folder nothing is marked
        files.save_arrays(folder.parent / aside.name, arrays, meta)
        shutil.move(folder.parent / aside.name, path)
    assert rounds(tiny, folder) == first
    (folder / "config.json").unlink()
    with pytest.raises(RunMismatch, match="does not say which run"):
        rounds(tiny, folder)


def test_files_that_are_not_ours_do_not_disturb(tmp_path) -> None:
    """Catches a folder that is refused because somebody's settings lie in it."""
    (tmp_path / "settings.json").write_text('{"a": 1}', encoding="utf-8")
    (tmp_path / "broken.npz").write_bytes(b"PK")
    assert folders.open_run(tmp_path, {"lr": 1}) == tmp_path


def test_another_version_is_told_once_and_recorded(made, tiny, caplog, monkeypatch) -> None:
    """Catches a run half of which was made by another torch, of which nothing tells."""
    folder, first = made
    monkeypatch.setattr(torch, "__version__", "9.9.0+cpu")
    assert rounds(tiny, folder) == first
    assert "goes on with" in caplog.text and "torch 9.9.0" in caplog.text
    caplog.clear()
    assert rounds(tiny, folder) == first and "goes on with" not in caplog.text
    assert [v["torch"] for v in folders.made_with(folder)][-1] == "9.9.0"
    assert "made_with" not in folders.read_config(folder)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs the permissions of Unix")
def test_a_finished_run_on_a_read_only_place_is_read(made, tmp_path, tiny) -> None:
    """Catches a finished run that cannot be read because its folder cannot be locked."""
    folder, first = made
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    try:
        if os.geteuid() == 0:  # to whom nothing is forbidden: read as somebody else
            pytest.importorskip("pwd")
            monkey = _denied(folder)
            with monkey:
                assert rounds(tiny, folder) == first
        else:
            assert rounds(tiny, folder) == first
    finally:
        folder.chmod(0o755)


def _denied(folder: Path) -> Any:
    """What a system that forbids writing does, for a test that runs as root."""
    patch = pytest.MonkeyPatch()

    def refused(self: Any, *arguments: Any, **named: Any) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    patch.setattr("filelock.FileLock.acquire", refused)
    real = os.access
    patch.setattr(os, "access", lambda path, mode: False if mode == os.W_OK else real(path, mode))

    class Undo:
        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None:
            patch.undo()

    return Undo()
