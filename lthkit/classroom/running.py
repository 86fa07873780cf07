"""Running a function on the cases of an exercise, and what came out as plain data. Knows nothing of right and wrong.

The worker process runs a student's function with it; this process runs references and known mistakes the same way, so
that what came out can be compared.
"""

from __future__ import annotations

import copy
import functools
import io
import json
import pickle
import random
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lthkit.classroom import values
from lthkit.classroom.exercises import Case
from lthkit.classroom.saying import harmless
from lthkit.machine.work import hidden

# Every call starts from this random state, so that a function that forgets its seed does the same thing each time. No
# exercise has it as a seed of its own.
GLOBAL_SEED = 20_190_506

_TEXT = 300  # characters of an exception's message, of a file's name and of a function's
_FRAMES = 30
_PRINTED = 10**9  # lines; a larger number is nobody's


@dataclass(frozen=True)
class Raised:
    """An exception: the name of its type, its message, whether memory ran out, and the lines that it passed through."""

    kind: str
    message: str
    memory: bool
    frames: tuple[tuple[str, int, str], ...]  # file, line, function; outermost first


@dataclass(frozen=True)
class Call:
    """What one call did.

    Attributes:
        value: what it returned, as plain data (`values`).
        unsendable: why `value` could not be read, else "".
        raised: the exception that it ended with, else None; then `value` means nothing.
        arguments: the arguments after the call.
        same: which argument the result is, the very object; None if it is none of them.
        shares: whether a tensor in the result uses the memory of one in the arguments.
        printed: lines printed.
        random: whether torch's global random state is another one after the call.
        tracked: whether a tensor in the arguments wants or has a gradient that it had not before.
    """

    value: Any
    unsendable: str
    raised: Raised | None
    arguments: tuple[Any, ...]
    same: int | None
    shares: bool
    printed: int
    random: bool = False
    tracked: bool = False


@dataclass(frozen=True)
class Run:
    """What a function did on the cases, in order. `stopped` says why there are fewer calls than cases, else "".

    It is "unsendable", "time", "asleep", "memory", "ended", "start" or "starved"; the last two say nothing of the function.
    `detail` tells more about it.
    """

    calls: tuple[Call, ...]
    stopped: str = ""
    detail: str = ""


def in_process(function: Callable[..., Any], cases: tuple[Case, ...]) -> Run:
    """Run a function that we trust, here; neither its prints nor its random numbers are seen outside."""
    with _random_state_kept():
        return Run(tuple(read(call(function, copy.deepcopy(case.arguments))) for case in cases))


def call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
    """Call the function once and pack all that came out; whatever it raises is caught."""
    head: dict[str, Any] = {
        "raised": None,
        "same": None,
        "shares": False,
        "unsendable": "",
        "random": False,
        "tracked": False,
    }
    sink = _Sink()
    _seed()
    before, gradients = torch.get_rng_state(), _gradients(arguments)
    result: Any = None
    try:
        with redirect_stdout(sink), redirect_stderr(sink), hidden():
            result = function(*arguments)
    except BaseException as error:  # SystemExit and KeyboardInterrupt too
        head["raised"] = _described(error)
    head["printed"] = sink.lines
    body = b""
    try:
        head["random"] = torch.get_rng_state().numpy().tobytes() != before.numpy().tobytes()
        head["tracked"] = _gradients(arguments) != gradients
        head["same"] = next((i for i, a in enumerate(arguments) if a is result and _is_object(a)), None)
        head["shares"] = not _memory(result).isdisjoint(_memory(arguments))
        body = values.pack(result)
        body = len(body).to_bytes(8, "big") + body + values.pack(arguments)
    except BaseException as error:  # a result can do anything when it is looked at
        head["unsendable"] = str(error) if isinstance(error, values.TooLarge) else type(error).__name__
        body = b""
    text = json.dumps(head).encode()
    return len(text).to_bytes(8, "big") + text + body


def read(content: bytes) -> Call:
    """Read what `call` packed.

    Raises:
        ValueError, KeyError, TypeError, struct.error: it is something else.
    """
    begin = 8 + int.from_bytes(content[:8], "big")
    head = json.loads(content[8:begin])
    value, arguments = None, ()
    if not head["unsendable"]:
        middle = begin + 8 + int.from_bytes(content[begin : begin + 8], "big")
        value, arguments = values.unpack(content[begin + 8 : middle]), values.unpack(content[middle:])
    raised = head["raised"]
    if raised is not None:
        raised = Raised(
            _line(raised["kind"], values.NAME),
            _line(raised["message"], _TEXT),
            bool(raised["memory"]),
            tuple((str(f)[:_TEXT], int(n), _line(w, _TEXT)) for f, n, w in raised["frames"][-_FRAMES:]),
        )
    same = head["same"] if isinstance(head["same"], int) else None
    return Call(
        value,
        _line(head["unsendable"], _TEXT),
        raised,
        arguments,
        same,
        shares=bool(head["shares"]),
        printed=min(int(head["printed"]), _PRINTED),
        random=bool(head["random"]),
        tracked=bool(head["tracked"]),
    )


def _line(text: Any, length: int) -> str:
    """What somebody else wrote as a piece of one line, which can be printed and written to a file."""
    return harmless(str(text)[:length]).replace("\n", "\\n")[:length]


def load(content: bytes) -> Any:
    """Unpickle what the notebook's process sent; the worker alone does this, never the notebook."""
    return pickle.loads(content)


class _Later:
    """Calls a function that is told later."""

    function: Callable[..., Any]

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.function(*arguments, **named)


def new_cache(parameters: dict[str, Any]) -> Any:
    """A cache wrapper (`functools.lru_cache`) without its function; two steps, because the function may use the wrapper."""
    return functools.lru_cache(**parameters)(_Later())


def fill_cache(cache: Any, function: Callable[..., Any]) -> None:
    """Give the wrapper of `new_cache` its function."""
    cache.__wrapped__.function = function


class _Sink(io.TextIOBase):
    """Takes what is printed and keeps nothing of it but the number of lines."""

    def __init__(self) -> None:
        self._ended = 0
        self._open = False

    @property
    def lines(self) -> int:
        return self._ended + self._open

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._ended += text.count("\n")
        if text:
            self._open = not text.endswith("\n")
        return len(text)


def _described(error: BaseException) -> dict[str, Any]:
    try:
        lines = str(error).strip().splitlines()
    except BaseException:  # a message can do anything too
        lines = []
    message = lines[0][:_TEXT] if lines else ""
    out_of_memory = isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and "allocate memory" in message
    )
    try:
        # The last frames are enough: a recursion without end has a thousand.
        frames = [(f.filename[:_TEXT], f.lineno or 0, f.name[:_TEXT]) for f in _frames(error)]
    except BaseException:
        frames = []
    return {
        "kind": type(error).__name__[: values.NAME],
        "message": message,
        "memory": out_of_memory,
        "frames": frames,
    }


def _frames(error: BaseException) -> traceback.StackSummary:
    return traceback.StackSummary.extract(
        traceback.walk_tb(error.__traceback__), limit=-_FRAMES, lookup_lines=False, capture_locals=False
    )


def _is_object(value: Any) -> bool:
    """Whether it matters that two values are one object; None and numbers are shared by everybody."""
    return isinstance(value, (Tensor, np.ndarray, list, dict, Mapping, torch.nn.Module))


def _memory(value: Any) -> set[int]:
    return {t.untyped_storage().data_ptr() for t in _tensors(value, 0) if t.layout is torch.strided} - {0}


def _tensors(value: Any, depth: int) -> Iterator[Tensor]:
    if depth > values.DEPTH:
        return
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, torch.nn.Module):
        yield from value.state_dict().values()
    elif isinstance(value, Mapping):
        for key in list(value):
            yield from _tensors(value[key], depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item, depth + 1)


def _gradients(arguments: tuple[Any, ...]) -> list[tuple[bool, bool]]:
    return [(t.requires_grad, t.is_leaf and t.grad is not None) for t in _tensors(arguments, 0)]


def _seed() -> None:
    # The processor's generator alone: the cases know no other device, and `_random_state_kept` gives no other one back.
    # torch.manual_seed also leaves a note of its caller's stack for each device that is not there, which takes longer
    # than most cases.
    torch.default_generator.manual_seed(GLOBAL_SEED)
    random.seed(GLOBAL_SEED)
    np.random.seed(GLOBAL_SEED)


@contextmanager
def _random_state_kept() -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
