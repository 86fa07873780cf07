"""Which device to compute on, and in which precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock

import torch

from lthkit.machine.checks import did_you_mean

DEVICES = ("auto", "cuda", "mps", "cpu")
PRECISIONS = ("float32", "medium", "bfloat16", "auto")


def resolve_device(name: torch.device | str = "auto") -> torch.device:
    """The device called `name`; "auto" takes the first there is of cuda, mps, cpu.

    Raises:
        ValueError: no such kind of device, or none of it on this machine.
    """
    name = str(name)
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, found in there.items() if found))
    kind = name.partition(":")[0]
    if kind not in there:
        raise ValueError(
            f"device={name!r} was given; expected one of {', '.join(DEVICES)}.{did_you_mean(kind, DEVICES)}"
        )
    if not there[kind]:
        found = ", ".join(kind for kind, is_there in there.items() if is_there)
        raise ValueError(
            f"device={name!r} was given, but torch finds none here (it finds: {found}). Use device='auto'."
        )
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device={name!r} was given; expected a name such as 'cuda' or 'cuda:1'.") from error
    count = {"cuda": torch.cuda.device_count()}.get(device.type, 1)
    if (device.index or 0) >= count:
        raise ValueError(
            f"device={name!r} was given, but torch finds {count} of this kind; expected {device.type!r} or "
            f"'{device.type}:0' to '{device.type}:{count - 1}'."
        )
    return device


@contextmanager
def device_explained(device: torch.device | str) -> Iterator[None]:
    """Around a move to `device`: of one that is not there, the error is that of `resolve_device` instead of torch's."""
    try:
        yield
    except (RuntimeError, AssertionError):  # AssertionError: torch was built without CUDA
        resolve_device(device)
        raise


def resolve_precision(device: torch.device, precision: str) -> str:
    """What "auto" means on this device: bfloat16 on a CUDA device that has it, float32 elsewhere."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision!r} was given; expected one of {', '.join(PRECISIONS)}.")
    if precision != "auto":
        return precision
    return "bfloat16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "float32"


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """The context in which a forward pass runs: `torch.autocast` for bfloat16, nothing for the others.

    Weights stay float32. Their bfloat16 copies are not kept from one use to the next: a recorded step may not do so.
    """
    if resolve_precision(device, precision) != "bfloat16":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=False)


_medium_users = 0
_medium_before = "highest"
_medium_lock = Lock()


@contextmanager
def matrix_products(precision: str) -> Iterator[None]:
    """Within it, for precision "medium", float32 matrix products may use fewer bits inside; else nothing changes.

    That is `torch.set_float32_matmul_precision("medium")`: TF32 on CUDA; on a CPU another library (oneDNN), which
    rounds to bfloat16 only where the CPU has matrix instructions for it. It is a setting of the whole process:
    it ends when the last of several trainings side by side has left.
    """
    global _medium_users, _medium_before
    if precision != "medium":
        yield
        return
    with _medium_lock:
        if _medium_users == 0:
            _medium_before = torch.get_float32_matmul_precision()
            torch.set_float32_matmul_precision("medium")
        _medium_users += 1
    try:
        yield
    finally:
        with _medium_lock:
            _medium_users -= 1
            if _medium_users == 0:
                torch.set_float32_matmul_precision(_medium_before)


@contextmanager
def operator_threads(count: int | None) -> Iterator[None]:
    """Within it, torch's operators use `count` threads when this thread calls them; None changes nothing.

    Threads that share an operator wait for each other, and spin while they wait. If the system has put one of them aside
    for another program, the others burn their time: on a busy machine two threads are many times slower than one.
    """
    before = torch.get_num_threads()
    if count is None or count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def tiny_numbers_flushed() -> Iterator[None]:
    """Within it, results below 1.2e-38 become 0 in this thread: on a CPU such numbers are many times slower.

    Adam's averages of weights that have stopped get there. The setting is as before afterwards.
    """
    before = float(torch.tensor(1e-40) * 1.0) == 0.0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


class OutOfMemory(RuntimeError):
    """The device has too little memory for what was asked."""


@contextmanager
def memory_explained(device: torch.device, doing: str) -> Iterator[None]:
    """Turn torch's out-of-memory errors into an `OutOfMemory` that gives the sizes and says what to do."""
    try:
        yield
    except RuntimeError as error:
        text = str(error).lower()
        if not isinstance(error, torch.cuda.OutOfMemoryError) and not (
            "out of memory" in text or "not enough memory" in text or "can't allocate memory" in text
        ):
            raise
        room = ""
        if device.type == "cuda":
            free, total = torch.cuda.mem_get_info(device)
            room = f" {device} has {total / 2**30:.1f} GiB, of which {free / 2**30:.1f} GiB are free."
        first = str(error).strip().splitlines()[0]
        raise OutOfMemory(
            f"Out of memory {doing}.{room} Take a smaller batch_size, fewer trainings at a time or a smaller network. "
            f"torch says: {first}"
        ) from error
