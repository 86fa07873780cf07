"""What stands behind the folded first cell of every lesson.

The cell itself does only what must be done before `lthkit` can be imported: it adds a checkout of the course, if the
lesson lies in one, to the places where Python looks; on Colab it installs the course from its public address; and it
says how to install `lthkit` where it finds none. The rest is `ready`.
"""

from __future__ import annotations

import os
import traceback
from types import TracebackType
from typing import Any

import torch

from lthkit.classroom.drive import keep_on_drive
from lthkit.machine import faces
from lthkit.machine.work import Interrupted


def ready(*, drive: bool = False) -> None:
    """Prepare this notebook for a lesson: one operator thread, short words at an interrupt, on Colab your Google Drive.

    On a busy machine two threads of one operator wait for each other, so an operator gets one; trainings side by side
    still use every core. Where `OMP_NUM_THREADS` is set already, that number stays. A cell that is interrupted says in one
    sentence where, in place of fifty lines.

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
    if faces.in_notebook():
        from IPython import get_ipython

        get_ipython().set_custom_exc((KeyboardInterrupt,), _interrupted)  # type: ignore[no-untyped-call]
    if drive:
        keep_on_drive()


def _interrupted(
    shell: Any,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
    tb_offset: int | None = None,
) -> None:
    """Show an interrupt of a cell: what an `Interrupted` says, else the line of the cell at which it came."""
    said = error
    if not isinstance(said, Interrupted):
        lines = [
            number
            for frame, number in traceback.walk_tb(trace)
            if frame.f_globals is shell.user_ns and frame.f_code.co_name == "<module>"
        ]
        where = f" in line {lines[-1]} of this cell" if lines else ""
        said = Interrupted(f"Stopped{where}. Run this cell again before you go on.")
    shell._showtraceback(kind, error, said._render_traceback_())
