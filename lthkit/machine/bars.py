"""Where a bar is drawn: a widget in a notebook, a line in a terminal, nowhere in all other places.

In a notebook it is seen only if a person runs the cell: what executes a notebook without one (`nbclient`, and so nbval,
nbconvert and nbgrader) cannot answer questions, and says so. The bar goes when its cell ends, and leaves no output, no
widget and nothing on stderr. In a terminal it is the last line of stderr, and lines printed meanwhile go above it.
"""

from __future__ import annotations

import contextlib
import html
import logging
import os
import shutil
import sys
import threading
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol
from uuid import uuid4

log = logging.getLogger("lthkit")

ROOM = 14  # columns that the bar itself keeps, whatever is said beside it


@dataclass(frozen=True)
class Place:
    """Where somebody looks: "kernel" or "terminal"; `cell` is the request that a kernel answers, None in a terminal."""

    kind: str
    cell: str | None = None


class Bar(Protocol):
    """A bar that is on the screen."""

    def show(self, fraction: float, text: str) -> None: ...

    def close(self) -> None: ...


_bar: Bar | None = None
_broken = False  # drawing failed once, so nothing is drawn again
_cell: tuple[str | None, float] = (None, 0.0)  # the cell in which work began last, and when


def place() -> Place | None:
    """Where a bar can be seen that this thread draws; None if nowhere."""
    if _broken or threading.current_thread() is not threading.main_thread():
        return None
    if (kernel := _kernel()) is not None:
        return Place("kernel", cell()) if _person_looks(kernel) else None
    with contextlib.suppress(AttributeError, ValueError):  # no stream, or a closed one
        return Place("terminal") if sys.stderr.isatty() else None
    return None


def cell() -> str | None:
    """Which request this kernel answers; None outside of kernels."""
    if (kernel := _kernel()) is None:
        return None
    return str(_request(kernel).get("header", {}).get("msg_id"))


def waited(where: Place, seconds: float) -> float:
    """For how long nothing was to be seen: in a kernel since the first work of the cell, else the seconds of the work."""
    global _cell
    if where.cell is None:
        return seconds
    if _cell[0] != where.cell:
        _cell = (where.cell, perf_counter() - seconds)
    return perf_counter() - _cell[1]


def again() -> str:
    """How to do a work again, for the end of a sentence."""
    return "run this cell again" if _kernel() is not None else "give the same command again"


def shown() -> bool:
    """True if a bar is on the screen."""
    return _bar is not None


def draw(where: Place, fraction: float, text: str) -> None:
    """Show or move the bar. An error in drawing stops no work: the bar goes, and none comes again."""
    global _bar, _broken
    if _broken:
        return
    try:
        if _bar is None:
            _bar = _made(where)
        _bar.show(fraction, text)
    except Exception as error:
        _broken = True
        log.debug("no bar: %s: %s", type(error).__name__, error)
        with contextlib.suppress(Exception):
            hide()


def leave(*, at_once: bool) -> None:
    """A work has ended: in a terminal its bar goes; in a notebook it stays for the next one, until the cell ends."""
    if _bar is not None and (at_once or isinstance(_bar, TerminalBar)):
        hide()


def hide(*_: object) -> None:
    """Take the bar away. An interrupt meanwhile is raised after that."""
    global _bar
    late: KeyboardInterrupt | None = None
    while (bar := _bar) is not None:
        try:
            with contextlib.suppress(Exception):
                bar.close()
            _bar = None
        except KeyboardInterrupt as error:
            late = error
    if late is not None:
        raise late


def _kernel() -> Any:
    """The kernel that this process is; None if it is none."""
    if "ipykernel" not in sys.modules or (ipython := sys.modules.get("IPython")) is None:
        return None
    return getattr(ipython.get_ipython(), "kernel", None)


def _request(kernel: Any) -> Any:
    try:
        return kernel.get_parent()
    except Exception:
        return {}


def _person_looks(kernel: Any) -> bool:
    asked = _request(kernel).get("content", {}).get("allow_stdin")
    return bool(getattr(kernel, "_allow_stdin", False) if asked is None else asked)


def _made(where: Place) -> Bar:
    if where.kind == "terminal":
        return TerminalBar()
    try:
        return WidgetBar()
    except ImportError:  # ipywidgets is not installed
        return TextBar()


class TextBar:
    """A line of text in a notebook, which is replaced by the next, and by nothing in the end."""

    def __init__(self) -> None:
        self._id = f"lthkit-{uuid4().hex}"
        self._there = False
        _events().register("post_run_cell", hide)

    def show(self, fraction: float, text: str) -> None:
        line = f"{100 * fraction:3.0f} % [{'#' * round(20 * fraction):20}] {text}"
        self._publish({"text/plain": line}, update=self._there)

    def close(self) -> None:
        with contextlib.suppress(ValueError):
            _events().unregister("post_run_cell", hide)
        if self._there:
            self._publish({}, update=True)

    def _publish(self, bundle: dict[str, Any], *, update: bool) -> None:
        from IPython.display import publish_display_data

        self._there = True
        publish_display_data(bundle, transient={"display_id": self._id}, update=update)


class WidgetBar(TextBar):
    """tqdm's notebook bar. tqdm closes its outer box only; here each part is, so that no state of it is saved."""

    def __init__(self) -> None:
        from tqdm.notebook import tqdm

        class Notebook(tqdm):  # type: ignore[misc]
            monitor_interval = 0  # no thread of its own

        self._tqdm = Notebook(
            total=1.0,
            display=False,
            leave=False,
            file=sys.stdout,
        )
        super().__init__()

    def show(self, fraction: float, text: str) -> None:
        # Not by tqdm's own `refresh`: it would put a blank as wide as a digit between all words.
        left, bar, right = self._tqdm.container.children
        left.value, bar.value, right.value = f"{100 * fraction:.0f}&nbsp;%", fraction, html.escape(text)
        if not self._there:
            view = {"version_major": 2, "version_minor": 0, "model_id": self._tqdm.container.model_id}
            bundle = {"text/plain": text, "application/vnd.jupyter.widget-view+json": view}
            self._publish(bundle, update=False)

    def close(self) -> None:
        super().close()
        box = self._tqdm.container
        self._tqdm.disable = True
        for widget in (*box.children, box):
            for part in (getattr(widget, "style", None), widget.layout, widget):
                if part is not None:
                    part.close()


class TerminalBar:
    """tqdm's text bar on stderr. While it is there, what is written to a terminal goes above it."""

    def __init__(self) -> None:
        from tqdm import tqdm

        class Line(tqdm):  # type: ignore[misc]
            monitor_interval = 0

        Line.set_lock(threading.RLock())
        self._lock, self._file, self._in_line = threading.RLock(), sys.stderr, False
        self._tqdm = Line(
            total=1.0, leave=False, file=self._file, ascii=" #", ncols=self._columns(), delay=1e9,
            bar_format="{percentage:3.0f}%|{bar}| {desc}",
        )  # fmt: skip
        self._streams = {}
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is not None and stream.isatty():
                self._streams[name] = (stream, _Above(stream, self))
                setattr(sys, name, self._streams[name][1])

    def show(self, fraction: float, text: str) -> None:
        with self._lock:
            self._tqdm.ncols = columns = self._columns()
            room = max(10, columns - len("100%|| ") - ROOM)
            self._tqdm.n = fraction
            self._tqdm.set_description_str(
                text if len(text) <= room else text[: room - 2] + "..", refresh=False
            )
            if not self._in_line:
                self._tqdm.refresh()

    def write(self, stream: Any, text: str) -> int:
        """Write to a stream of this terminal, above the bar."""
        with self._lock:
            if not self._in_line:
                self._tqdm.clear()
            count = stream.write(text)
            stream.flush()
            if text:
                self._in_line = not text.endswith("\n")
            if not self._in_line:
                self._tqdm.refresh()
            return int(count)

    def close(self) -> None:
        with self._lock:
            for name, (stream, above) in self._streams.items():
                if getattr(sys, name) is above:
                    setattr(sys, name, stream)
            if not self._in_line:
                self._tqdm.clear()
            self._tqdm.close()  # draws nothing: its delay is not over

    def _columns(self) -> int:
        """One less than the terminal has: in the last one some terminals begin a new line."""
        try:
            columns = os.get_terminal_size(self._file.fileno()).columns
        except (OSError, ValueError, AttributeError):
            columns = shutil.get_terminal_size().columns
        return (columns or 80) - 1


class _Above:
    """A stream of the terminal that has the bar."""

    def __init__(self, stream: Any, bar: TerminalBar) -> None:
        self._stream, self._bar = stream, bar

    def write(self, text: str) -> int:
        return self._bar.write(self._stream, text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _events() -> Any:
    from IPython import get_ipython

    return get_ipython().events
