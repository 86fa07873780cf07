"""How far a sweep is: updates over all cells, and the sentences of one that ends before it is done."""

from __future__ import annotations

from pathlib import Path

from lthkit.machine.bars import again
from lthkit.machine.work import Work, near


class Progress:
    """Counts the updates of each cell for a `Work` over all of them.

    A cell that has ended counts whole, whoever did it; one that is done by another process is only skipped.
    total: of all cells. inside: what is trained in this process has counted for the work already.
    """

    def __init__(self, work: Work) -> None:
        self.work, self.total, self.inside = work, 0, False
        self._expected: dict[str, int] = {}
        self._counted: dict[str, int] = {}

    def expect(self, cell: str, updates: int) -> None:
        """A cell that has to be done, and what it costs."""
        self._expected[cell], self._counted[cell] = updates, 0
        self.total += updates

    def expected(self, cell: str) -> int:
        """What a cell costs."""
        return self._expected[cell]

    def count(self, cell: str, updates: int) -> None:
        """So many updates more of a cell are done."""
        more = min(updates, self._expected[cell] - self._counted[cell])
        self._counted[cell] += more
        if more > 0 and not self.inside:
            self.work.count(more)

    def ended(self, cell: str, *, here: bool) -> None:
        """A cell has ended; what it did not need is counted too."""
        rest = self._expected[cell] - self._counted[cell]
        self._counted[cell] = self._expected[cell]
        if rest > 0:
            (self.work.count if here else self.work.skip)(rest)


def told(folder: Path, done: int, trainings: int, *, saved: str = ", and how far the others had come") -> str:
    """What of a sweep is saved, as one or two sentences."""
    return f"{done} of {trainings} trainings are finished and saved{saved}, in {near(folder)}."


def told_when_stopped(folder: Path, done: int, trainings: int, *, all_stopped: bool) -> str:
    """What Ctrl-C says."""
    rest = ", and how far those under way had come"
    if not all_stopped:
        rest = "; those under way were not waited for, and keep what they had saved"
    return f"Stopped. {told(folder, done, trainings, saved=rest)} {again().capitalize()} to go on from there."
