"""What stands behind the folded first cell of every lesson.

The cell itself does only what must be done before `lthkit` can be imported: it adds a checkout of the course, if the
lesson lies in one, to the places where Python looks; on Colab it installs the course from its public address; and it
says how to install `lthkit` where it finds none. The rest is `ready`.
"""

from __future__ import annotations

import os

import torch

from lthkit.classroom.drive import keep_on_drive


def ready(*, drive: bool = False) -> None:
    """Prepare this notebook for a lesson: one operator thread, and on Colab, where you ask for it, your Google Drive.

    On a busy machine two threads of one operator wait for each other, so an operator gets one; trainings side by side
    still use every core. Where `OMP_NUM_THREADS` is set already, that number stays.

    Args:
        drive: keep runs and progress in the folder `winning-tickets` of your Google Drive. In a new runtime *Run all*
            then goes on where the last one ended. Elsewhere, `lthkit.keep_runs(FOLDER)` does the same.

    Raises:
        ModuleNotFoundError: `drive` is set, and this is not Colab; the text says what does the same here.
        files.CannotWrite: the Drive is full, or permission was refused.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that the lesson starts
        torch.set_num_threads(1)
    if drive:
        keep_on_drive()
