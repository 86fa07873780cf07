"""The chain of one seed of an experiment: its cell, claimed while rounds and controls of it are trained, in several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

from lthkit.cells import chains
from lthkit.cells.carrying import Held, held
from lthkit.cells.cells import Cell, Level
from lthkit.cells.chains import CHAIN
from lthkit.cells.places import Finished, Place
from lthkit.data.datasets import Dataset
from lthkit.machine.work import skip
from lthkit.pruning.selection import ladder
from lthkit.runs.asked import CONTROLS
from lthkit.runs.experiment import Experiment
from lthkit.storage.claims import Lost
from lthkit.storage.snapshots import Snapshots
from lthkit.tickets.one_shot_pruning import one_shot
from lthkit.tickets.own_loop import TrainFn
from lthkit.tickets.rounds import Round, load_round

Levels = Mapping[tuple[int, str], Level]  # by round and arm


@dataclass(frozen=True)
class Stage:
    """A round of a chain that is published: the arm, which controls belong to it, and what these are made from."""

    round: int
    arm: str
    controls: tuple[str, ...]
    this: Round = field(repr=False)
    before: int = 0  # updates of the rounds before it


class Chain:
    """A cell of an experiment. Its claim is held from its first job to the end of its last, whichever thread does that.

    worked: True once this process has claimed it.
    """

    def __init__(self, cell: Cell, data: Dataset, folder: Path) -> None:
        self.cell, self.data, self.folder = cell, data, folder
        self.worked = False
        self._jobs, self._lock = 0, Lock()
        self._wanted: list[Level] = []
        self._held: Held | None = None
        self._claim: AbstractContextManager[Held] | None = None

    @contextmanager
    def job(self, levels: Levels, progress: Callable[[int], object]) -> Iterator[None]:
        """Claim the cell for the rounds of the chain, and for the controls that are expected meanwhile.

        Raises:
            claims.Taken: another process works on it.
        """
        claim = held(self.cell, self.data, self.folder, progress=progress)
        self._held = claim.__enter__()
        self._claim, self._jobs, self._wanted, self.worked = claim, 1, list(levels.values()), True
        with self.expected_job():
            yield

    def expect(self) -> None:
        """One job more will come before the claim is given up."""
        with self._lock:
            self._jobs += 1

    @contextmanager
    def expected_job(self) -> Iterator[None]:
        """Do a job that was expected."""
        try:
            yield
        finally:
            with self._lock:
                self._jobs -= 1
                last = self._jobs == 0
            if last:
                self.give_up()

    def give_up(self) -> None:
        """Give up the claim, if it is held; what was begun is removed if nothing is missing."""
        with self._lock:
            claim, self._claim = self._claim, None
        if claim is None or self._held is None:
            return
        try:
            if all((self.folder / level.name).is_dir() for level in self._wanted):
                self._held.clear()
        except Lost:
            pass  # another process goes on there
        finally:
            claim.__exit__(None, None, None)

    def found(self, level: Level) -> bool:
        """True if a level is published; one that is damaged is put aside."""
        return self._holding.row(level) is not None

    def rounds(self, experiment: Experiment, levels: Levels, train_one: TrainFn) -> Iterator[Stage]:
        """The rounds of the chain, published as they end; what is found is not trained again."""
        place = replace(self._holding.place, train=train_one)
        last = max(r for r, _ in levels)
        stages = self._imp(place, last, levels) if experiment.method == "imp" else None
        for stage in stages or self._one_shot(place, experiment, last, levels):
            controls = tuple(arm for arm in CONTROLS if (stage.round, arm) in levels)
            yield replace(stage, controls=controls)

    def _imp(self, place: Place, last: int, levels: Levels) -> Iterator[Stage]:
        for this, before in chains.rounds(place, last):
            arm = "dense" if this.round == 0 else "ticket"
            level = levels[this.round, arm]
            self._publish(
                Finished(level, this.round, this.mask, this.result, before, place.folder / CHAIN, this)
            )
            yield Stage(this.round, arm, (), this, before)

    def _one_shot(self, place: Place, experiment: Experiment, last: int, levels: Levels) -> Iterator[Stage]:
        """Each density in a folder of its own, so that the ladder may go further down another time."""
        first, dense = chains.dense(place)
        self._publish(first)
        before, late = dense.result.steps, experiment.recipe.steps - experiment.rewind_step
        yield Stage(0, "dense", (), dense)
        for r in range(1, last + 1):
            level = levels[r, "ticket"]
            this = None
            if self.found(level):
                this = load_round(self.folder / level.name, 1, dense.rewind, self.data.device)
            if this is not None:
                skip(late)
                if place.progress is not None:
                    place.progress(late)
            else:
                driver = place.folder / level.name
                this = list(
                    one_shot(
                        place.model_fn,
                        self.data,
                        densities=[ladder(experiment.fraction, r)[r]],
                        rewind_step=experiment.rewind_step,
                        momentum=experiment.momentum,
                        dense=dense,
                        folder=driver,
                        **place.shared,
                    )
                )[1]
                self._publish(Finished(level, 1, this.mask, this.result, before, driver, this))
            yield Stage(r, "ticket", (), replace(this, round=r), before)

    def control(self, stage: Stage, level: Level, arm: str, train_one: TrainFn) -> None:
        """Train a control of a round and publish it. Its shuffle and its new weights are those of the round's number."""
        place = replace(self._holding.place, train=train_one)
        by_round = Level(round=stage.round, arm=arm)
        done = chains.control(place, by_round, stage.this, stage.before)
        self._publish(replace(done, level=level, round=level.round or 1))
        Snapshots(place.folder / by_round.name).remove()

    def _publish(self, this: Finished) -> None:
        if not self.found(this.level):
            self._holding.publish(this)

    @property
    def _holding(self) -> Held:
        assert self._held is not None
        return self._held
