"""Publishing: a folder appears whole, under one name once, whoever else publishes the same."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from lthkit.storage.files import CannotWrite
from lthkit.storage.publishing import publish, put_aside, remove, same_file


def staged(folder: Path, content: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "row.json").write_text(content)
    return folder


def test_the_first_stays(tmp_path):
    """Catches: a level that is overwritten by a later one, or a stage that is left behind."""
    target = tmp_path / "level"
    assert publish(staged(tmp_path / "a", "first"), target)
    assert not publish(staged(tmp_path / "b", "second"), target)
    assert (target / "row.json").read_text() == "first" and sorted(os.listdir(tmp_path)) == ["level"]


def race(folder: Path, rounds: int, gate: Any, won: Any, me: int) -> None:
    for number in range(rounds):
        stage = staged(folder / f"stage-{me}-{number}", str(me))
        gate.wait()
        if publish(stage, folder / f"level-{number}"):
            won.put((number, me))


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork")
def test_of_many_processes_one(tmp_path):
    """Catches: two processes that both believe to have published a level, or a level of parts of both."""
    context, processes, rounds = multiprocessing.get_context("fork"), 4, 60
    gate, won = context.Barrier(processes, timeout=30), context.SimpleQueue()
    children = [
        context.Process(target=race, args=(tmp_path, rounds, gate, won, me)) for me in range(processes)
    ]
    for child in children:
        child.start()
    found = [won.get() for _ in range(rounds)]
    for child in children:
        child.join()
        assert child.exitcode == 0
    assert won.empty() and sorted(number for number, _ in found) == list(range(rounds))
    for number, me in found:
        assert (tmp_path / f"level-{number}" / "row.json").read_text() == str(me)
    assert len(os.listdir(tmp_path)) == rounds


def test_what_cannot_be_published(tmp_path, monkeypatch):
    """Catches: a full disk that passes for somebody else's level, or that costs the stage; a file in the way overwritten."""
    stage = staged(tmp_path / "stage", "mine")
    with pytest.raises(CannotWrite):
        publish(stage, tmp_path / "none" / "level")
    (tmp_path / "file").write_text("yours")
    with pytest.raises(CannotWrite):
        publish(stage, tmp_path / "file")
    with pytest.raises(CannotWrite):
        publish(tmp_path / "taken away", tmp_path / "level")
    assert (stage / "row.json").read_text() == "mine" and (tmp_path / "file").read_text() == "yours"


def test_put_aside(tmp_path):
    """Catches: one damaged folder that takes the place of another, or a rename that fails in silence."""
    for number in (1, 2, 3):
        aside = put_aside(staged(tmp_path / "level", str(number)))
        assert aside.name == f"damaged-{number}-level"
    assert [(tmp_path / f"damaged-{n}-level" / "row.json").read_text() for n in (1, 2, 3)] == ["1", "2", "3"]
    with pytest.raises(CannotWrite):
        put_aside(tmp_path / "level")


def test_remove_spares_what_another_has_renamed(tmp_path, monkeypatch):
    """Catches: a process that sleeps while it removes a folder, and wakes when another one works there under a new name."""
    attempt = staged(tmp_path / "attempt-1", "work")
    real = shutil.rmtree

    def late(path: Any, **named: Any) -> None:
        with pytest.raises(FileNotFoundError):
            os.rename(attempt, tmp_path / "attempt-2")  # nobody can take it over any more
        real(path, **named)

    monkeypatch.setattr(shutil, "rmtree", late)
    remove(attempt)
    assert os.listdir(tmp_path) == []
    attempt = staged(tmp_path / "attempt-1", "work")
    attempt.rename(tmp_path / "attempt-2")  # it was taken over first
    remove(attempt)
    assert (tmp_path / "attempt-2" / "row.json").read_text() == "work"


@pytest.mark.parametrize("code", [errno.EPERM, errno.EXDEV, errno.EMLINK])
def test_without_hard_links(tmp_path, monkeypatch, code):
    """Catches: a file system without hard links, on which nothing could be published."""

    def refused(source: Any, target: Any) -> None:
        raise OSError(code, os.strerror(code))

    (tmp_path / "source").write_text("content")
    same_file(tmp_path / "source", tmp_path / "a" / "linked")
    assert (tmp_path / "a" / "linked").samefile(tmp_path / "source")
    monkeypatch.setattr(os, "link", refused)
    same_file(tmp_path / "source", tmp_path / "a" / "copied")
    assert (tmp_path / "a" / "copied").read_text() == "content"
    monkeypatch.undo()
    (tmp_path / "source").unlink()
    same_file(tmp_path / "a" / "copied", tmp_path / "a" / "linked")  # which is there already
    with pytest.raises(FileNotFoundError):
        same_file(tmp_path / "source", tmp_path / "b")
