"""Colab forgets everything when its runtime ends; Google Drive does not."""

from __future__ import annotations

import importlib
from pathlib import Path

from lthkit.storage.folders import keep_runs

MOUNTED = Path("/content/drive")


def keep_on_drive(folder: str = "winning-tickets") -> Path:
    """Keep runs and progress in a folder of the user's Google Drive, and go on with what is there (see `keep_runs`).

    Colab asks for permission. Returns the folder, which is made if it is not there.

    Raises:
        ModuleNotFoundError: this is not Colab; the text says what does the same elsewhere.
        files.CannotWrite: the Drive is full, or permission was refused.
    """
    try:
        drive = importlib.import_module("google.colab").drive
    except ImportError:
        raise ModuleNotFoundError(
            "Google Drive can be mounted on Colab only. Here, lthkit.keep_runs(FOLDER) keeps runs and progress."
        ) from None
    drive.mount(str(MOUNTED))
    chosen = keep_runs(MOUNTED / "MyDrive" / folder)
    print(f"Runs and progress are kept in {chosen}. What is finished there is read, not repeated.")
    return chosen
