"""Waiting: what long work says of itself while somebody looks on, and what it says when it is stopped.

Whoever does long work opens a `Work` and counts what is done. Works nest: the outermost has the bar, the inner ones move
it on, from other threads too. Nothing is drawn before a second has passed, and nothing where nobody looks (`bars`).
A count is an addition and a look at the clock; the device is never waited for.
"""

from __future__ import annotations

import os
import signal
import textwrap
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar
from pathlib import Path
from statistics import mean
from time import perf_counter
from types import FrameType
from typing import Self, TypeVar

from lthkit.machine import bars
from lthkit.machine.interrupts import held

T = TypeVar("T")

EVERY = 0.2  # seconds from one look to the next
COLUMNS = 64  # of a narrow notebook; the page would break a longer line inside a word
PATIENCE = 2.0  # seconds that an interrupt waits for a place where the work can be saved
SOON, LATER, LONG = (
    1.0,
    2.0,
    3.0,
)  # a bar appears: after SOON if the work takes LONG, after LATER if that is not known


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or a kernel interrupt; the text says what is saved and how to go on. A notebook shows that alone."""

    def _render_traceback_(self) -> list[str]:
        return [textwrap.fill(str(self), COLUMNS, break_long_words=False, break_on_hyphens=False)]


class Stopped(RuntimeError):
    """Work in another thread ends, because its neighbour failed or the user interrupted."""


class Work:
    """Something that takes a while, as a context; it may be entered again, for work that comes in pieces.

    `total` is the number of updates, if known, or `parts` that of inner works, which are about as long as each other.

    Attributes:
        doing: what a reader is told, such as "seed 0, round 2 of 4".
        typical: updates of a part, if that is known before one has ended.
        saves: it is stopped only where it can save how far it is (`check`), not at any count.
        stopped: gives the text of an interrupt, instead of the general one.
    """

    def __init__(
        self,
        doing: str = "",
        *,
        total: int | None = None,
        parts: int | None = None,
        typical: int | None = None,
    ) -> None:
        self.doing, self.total, self.parts, self.typical = doing, total, parts, typical
        self.saves = False
        self.stopped: Callable[[], str] | None = None
        self.places: list[Path] = []  # of the outermost work: where something was saved
        self.not_waited_for = False  # of the outermost work: other threads had not ended when it was left
        self._own = self._given = self._announced = (
            0  # updates: counted here, told to the work above, totals of inner ones
        )
        self._sizes: list[int] = []  # updates of the parts that have ended
        self._unwinds = True  # an error passes through `__exit__`; not so of a generator's
        self._inside = False  # entered, and not left
        self._open: list[Work] = []
        self._parent: Work | None = None
        self._halted = False
        self._asked: float | None = None  # when an interrupt came that waits for a place to save
        self._next = self._entered = self._active = 0.0
        self._base: tuple[float, float, int] | None = (
            0.0,
            0.0,
            0,
        )  # seconds, fraction, updates; time left is from here
        self._place: bars.Place | None = None
        self._thread = 0

    def __enter__(self) -> Self:
        above = current()
        self._parent = above if above is not None and above.root.is_of_now else None
        self._entered, self._thread = perf_counter(), threading.get_ident()
        self._next = self._next or self._entered + EVERY
        if self._parent is None:
            self._place = bars.place() if not _hidden else None
        else:
            with _lock:
                self._parent._open.append(self)
                self._parent._announced += self.total or 0
        self._inside = True
        _current.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._inside = False
        if _current.get() is self:  # not so if a forgotten generator is closed in the midst of other work
            _current.set(self._parent)
        self._active += perf_counter() - self._entered
        root = self.root
        if self._parent is not None:
            with _lock:
                self._parent._absorb(self)
            if error is None or any(work._unwinds for work in self._parent._and_above()):
                return
        if root._thread != threading.get_ident():
            return
        if not isinstance(error, KeyboardInterrupt) or isinstance(error, Interrupted):
            bars.leave(at_once=error is not None)
            return
        with held():  # a second one says nothing that the first has not said
            try:
                bars.leave(at_once=True)
            finally:
                raise Interrupted((self.stopped or root.told_when_stopped)()) from None

    @property
    def root(self) -> Work:
        """The outermost work, which has the bar."""
        return self if self._parent is None else self._parent.root

    @property
    def is_of_now(self) -> bool:
        """False for one that an interrupt left open in an earlier cell."""
        return self._place is None or self._place.cell == bars.cell()

    @property
    def updates(self) -> int:
        """Updates counted so far, here and in inner works."""
        return self._own + sum(self._sizes) + sum(work.updates - work._given for work in tuple(self._open))

    @property
    def fraction(self) -> float | None:
        """The part that is done, from 0 to 1; None if that cannot be said."""
        if self.parts:
            typical = self.typical or mean([size for size in self._sizes if size] or [0])
            under_way = [inner._fraction_of(typical) for inner in tuple(self._open)]
            if not self._sizes and None in under_way:
                return None
            return min(1.0, (len(self._sizes) + sum(part or 0.0 for part in under_way)) / self.parts)
        return min(1.0, self.updates / self.total) if self.total else None

    def count(self, updates: int = 1) -> None:
        """So many updates more are done. `Stopped` if the work shall end and nothing of it is saved."""
        self._own += updates
        if (now := perf_counter()) >= self._next:
            self._next = now + EVERY
            if not self.saves or (self._asked is not None and now > self._asked + PATIENCE):
                self.check()
            self.look()

    def skip(self, updates: int) -> None:
        """So many updates are done because they were found; they say nothing about the time that is left."""
        self._own += updates
        self.root._base = None

    @contextmanager
    def interrupts_wait(self, save: Callable[[], object]) -> Iterator[None]:
        """Within it an interrupt waits for the next `check`, where how far the work is can be saved.

        It does not wait if it comes a second time, nor for longer than `PATIENCE` if anything is counted meanwhile, nor
        where there is nothing to save. One that came after the last check calls `save` at the end, and is raised then.
        """
        main = threading.current_thread() is threading.main_thread()
        if not self.saves or not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return

        def ask(number: int, frame: FrameType | None) -> None:
            if self._asked is not None:
                raise KeyboardInterrupt
            self._asked, self._next = perf_counter(), 0.0

        signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self._asked is not None:
            save()
            raise KeyboardInterrupt

    def halt(self) -> None:
        """Works in other threads below this one end at their next chance."""
        self._halted = True

    def check(self) -> None:
        """`Stopped` if this work, or one that it is part of, was halted; `KeyboardInterrupt` if one waits for this place."""
        if self._asked is not None:
            raise KeyboardInterrupt
        if self._halted or (self._parent is not None and self._parent._halted):
            raise Stopped
        if self._parent is not None:
            self._parent.check()

    def saved_in(self, folder: Path) -> None:
        """Something of this work was saved there, so an interrupt may say so."""
        if folder not in (places := self.root.places):
            places.append(folder)

    def look(self) -> None:
        """Bring the bar up to date, if this is the thread that has it and it is time for one."""
        root = self.root
        if _hidden or root._place is None or root._thread != threading.get_ident():
            return
        seconds, fraction = root._active + perf_counter() - root._entered, root.fraction
        if root._base is None:
            root._base = (seconds, fraction or 0.0, root.updates)
        left = root._left(seconds, fraction)
        waited = bars.waited(root._place, seconds)
        if bars.shown() or waited >= (LATER if left is None or fraction is None else SOON):
            if bars.shown() or left is None or waited + left >= LONG:
                bars.draw(
                    root._place,
                    fraction or 0.0,
                    ", ".join(filter(None, (root._time(left, fraction, seconds), root.label))),
                )

    @property
    def label(self) -> str:
        """What is being done, such as "1 of 6 done, seed 0, round 2 of 4 (and 1 beside it)"."""
        paths = self._paths()
        words = list(dict.fromkeys(word for doing in paths[0] for word in doing.split(", ") if word))
        if len(words) > 1 and TRAINING in words:
            words.remove(TRAINING)
        if words == [TRAINING] and self.total:
            words.append(f"step {self.updates:,} of {self.total:,}")
        if self.parts:
            words.insert(0, f"{len(self._sizes)} of {self.parts} done")
        return ", ".join(words) + (f" (and {len(paths) - 1} beside it)" if len(paths) > 1 else "")

    def told_when_stopped(self) -> str:
        """The text of an interrupt. It says that work goes on only if something was saved."""
        if not self.places:
            return f"Stopped. This call has saved nothing: {bars.again()} to start anew."
        where = near(Path(os.path.commonpath([place.resolve() for place in self.places])))
        rest = (
            " What was under way was not waited for, and keeps what it had saved."
            if self.not_waited_for
            else ""
        )
        return f"Stopped. What was saved so far is in {where}.{rest} {bars.again().capitalize()} to go on from there."

    def _fraction_of(self, typical: float) -> float | None:
        if self.total or self.parts:
            return self.fraction
        return min(0.99, self.updates / typical) if typical else None

    def _left(self, seconds: float, fraction: float | None) -> float | None:
        """Seconds that are left at the speed since `_base`; where the whole is not known, what has been announced of it."""
        begun, before, updates = self._base or (0.0, 0.0, 0)
        if fraction is not None:
            return (seconds - begun) * (1 - fraction) / (fraction - before) if fraction > before else None
        inner = tuple(self._open)
        ahead = max((one._announced - one.updates for one in inner), default=0)
        speed = (self.updates - updates) / max(seconds - begun, 1e-9) / max(1, len(inner))
        return ahead / speed if ahead > 0 and speed > 0 else None

    def _time(self, left: float | None, fraction: float | None, seconds: float) -> str:
        if self._halted or any(work._asked is not None for work in self._open):
            return "stopping"
        if left is None:
            return f"{spelt(seconds)} so far"
        return f"{'about' if fraction is not None else 'at least'} {spelt(left)} left"

    def _paths(self) -> list[list[str]]:
        below = [path for inner in tuple(self._open) for path in inner._paths()]
        return [[self.doing, *path] for path in below] or [[self.doing]]

    def _absorb(self, inner: Work) -> None:
        """An inner work has ended, or pauses: what is new of its updates is this one's, and it counts as a part."""
        self._open.remove(inner)
        updates = inner.updates
        if self.parts is None:
            self._own += updates - inner._given
        else:
            self._sizes.append(updates - inner._given)
        inner._given = updates

    def _and_above(self) -> Iterator[Work]:
        yield self
        if self._parent is not None:
            yield from self._parent._and_above()


TRAINING = "training"  # what a training is doing; said where nothing else is

_current: ContextVar[Work | None] = ContextVar("lthkit_work", default=None)
_lock = threading.Lock()
_hidden = 0


def current() -> Work | None:
    """The innermost work of this thread that goes on; a thread of a `training.Pool` has that of who filled the pool."""
    work = _current.get()
    while work is not None and not work._inside:
        work = work._parent
    return work


def check() -> None:
    """`Stopped` if the work of this thread shall end; called where how far it is can be saved."""
    if (work := current()) is not None:
        work.check()


def skip(updates: int) -> None:
    """So many updates of the work of this thread are done because they were found."""
    if (work := current()) is not None:
        work.skip(updates)


def saved_in(folder: Path | None) -> None:
    """Something of the work of this thread was saved in `folder`."""
    if folder is not None and (work := current()) is not None:
        work.saved_in(folder)


def waiting(items: Iterable[T], doing: str | Callable[[T], str] = "") -> Generator[T]:
    """The items one after the other, with a bar over all of them: `for seed in waiting(seeds, "training"): ...`.

    Where the body may raise, and in a library, close it: `with contextlib.closing(waiting(...)) as items:`. What a traceback
    still holds is open, and would be taken for work that goes on.

    Args:
        doing: what is said meanwhile; a function is asked for each item.
    """
    items = list(items)
    work = Work(doing if isinstance(doing, str) else "", parts=len(items))
    work._unwinds = False
    with work:
        for item in items:
            with Work("" if isinstance(doing, str) else doing(item)) as one:
                one._unwinds = False
                yield item
            work.count(0)


class hidden(ContextDecorator):
    """Within it no bar appears or moves: where code is judged, or timed. What is raised there is not touched."""

    def __enter__(self) -> None:
        global _hidden
        _hidden += 1

    def __exit__(self, *_: object) -> None:
        global _hidden
        _hidden -= 1


def near(path: Path) -> str:
    """The path as a reader here would write it: from the current folder, if it lies in there."""
    here, path = Path.cwd(), path.resolve()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def spelt(seconds: float) -> str:
    """Seconds in the words of a bar: 48 s, 3 min, 1 h 20 min."""
    if seconds < 99.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
