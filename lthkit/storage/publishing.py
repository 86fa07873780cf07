"""Folders that appear whole, once: the first that is published under a name stays, and every later one is thrown away."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path
from uuid import uuid4

from lthkit.storage import files

REMOVED = ".removed-"  # begins the names of folders that are being removed


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
        there = error.errno in (errno.ENOTEMPTY, errno.EEXIST)  # what NFS remembers of `target` may be old
        if not there and not target.is_dir():
            raise files.CannotWrite(error.errno, error.strerror or str(error), str(target)) from error
        shutil.rmtree(stage, ignore_errors=True)
        return False
    files.force_folder(target.parent)
    return True


def put_aside(folder: Path) -> Path:
    """Rename a folder or a file that is damaged, so that it can be made again and nothing of it is lost; its new place.

    Raises:
        files.CannotWrite: it cannot be renamed; it is where it was.
    """
    number = 1
    while (aside := folder.with_name(f"damaged-{number}-{folder.name}")).exists():
        number += 1
    try:
        os.rename(folder, aside)
    except OSError as error:
        raise files.CannotWrite(error.errno, error.strerror or str(error), str(aside)) from error
    return aside


def remove(folder: Path) -> None:
    """Remove a folder that another process may take over by renaming it: what it has renamed is left alone.

    The folder gets a name first that nobody looks for. What cannot be removed is left, under that name.
    """
    doomed = folder.with_name(f"{REMOVED}{uuid4().hex}")
    with contextlib.suppress(OSError):
        os.rename(folder, doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def same_file(source: Path, target: Path) -> None:
    """Let `target` be the same file as `source`: a hard link, or a copy where the file system has none.

    A target that is there stays. Neither is ever changed in place (`files.write_bytes` makes a new file).
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except FileNotFoundError:
        raise
    except OSError:
        files.write_bytes(target, source.read_bytes())
