"""How a sweep ends before it is done: cells that failed, and a folder that cannot be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lthkit.machine.work import near
from lthkit.storage.files import CannotWrite
from lthkit.storage.records import Row

SHOWN = 20  # failures that the text of an error names


@dataclass(frozen=True)
class Failure:
    """A cell that failed, and why."""

    cell: str
    described: str
    message: str


class SweepFailed(RuntimeError):
    """Cells of a sweep failed; all others were done. `rows` are those that it has."""

    def __init__(self, folder: Path, cells: int, failures: Sequence[Failure], rows: Sequence[Row]) -> None:
        self.folder, self.failures, self.rows = folder, tuple(failures), list(rows)
        lines = [f"  {this.described}: {this.message}" for this in self.failures[:SHOWN]]
        if len(self.failures) > SHOWN:
            lines.append(f"  and {len(self.failures) - SHOWN} more, in {near(folder / 'failed')}")
        rest = "Nothing else was asked for." if len(self.failures) == cells else "All others are done."
        super().__init__(
            "\n".join(
                [
                    f"{len(self.failures)} of {cells} cells failed. {rest} What is finished is saved, in {near(folder)}.",
                    *lines,
                ]
            )
        )


class SweepUnwritable(CannotWrite):
    """The folder of a sweep cannot be written, so it was stopped; `told` says what of it is saved."""

    told = ""

    def __str__(self) -> str:
        return f"{super().__str__()} {self.told}".strip()


class EngineGone(RuntimeError):
    """What hands out the cells is gone: a Dask scheduler that was ended."""
