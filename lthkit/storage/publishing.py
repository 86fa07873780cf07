"""Folders that appear whole, once: the first that is published under a name stays, and every later one is thrown away."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from lthkit.storage import files


def publish(stage: Path, target: Path) -> bool:
    """Give a finished folder its name. True if it has it now; False if there was one before, and `stage` is gone.

    It is one rename, which the system refuses where a folder with files lies: nothing is looked at first, so of two
    processes that publish the same, on one machine or on two, exactly one does. `stage` has files, which are on disk.

    Raises:
        files.CannotWrite: the folder cannot be written; `stage` is left as it is.
    """
    try:
        os.rename(stage, target)
    except OSError as error:
        if not target.is_dir():
            raise files.CannotWrite(error.errno, error.strerror or str(error), str(target)) from error
        shutil.rmtree(stage, ignore_errors=True)
        return False
    files.force_folder(target.parent)
    return True


def put_aside(folder: Path) -> Path:
    """Rename a folder that is damaged, so that it can be made again and nothing of it is lost; its new place."""
    for number in range(1, 1000):
        aside = folder.with_name(f"damaged-{number}-{folder.name}")
        with contextlib.suppress(OSError):
            if not aside.exists():
                os.rename(folder, aside)
                return aside
    raise files.CannotWrite(0, "a damaged folder could not be renamed", str(folder))


def same_file(source: Path, target: Path) -> None:
    """Let `target` be the same file as `source`: a hard link, or a copy where the file system has none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        try:
            os.link(source, target)
        except FileExistsError:
            raise
        except OSError:
            files.write_bytes(target, source.read_bytes())
