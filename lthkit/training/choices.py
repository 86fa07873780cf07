"""How a training is executed on which device: one table, by measurement. Nothing here changes what is computed but for
rounding; a run stores the choice that it was made with, and keeps to it when it goes on."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

import torch
from torch import nn

from lthkit.machine import load
from lthkit.machine.checks import check_network
from lthkit.machine.devices import operator_threads
from lthkit.training.recipes import Recipe
from lthkit.training.tasks import Task


@dataclass(frozen=True)
class Choice:
    """One way to execute trainings.

    threads: operator threads of a training; None leaves torch's setting. Another number rounds otherwise on a CPU.
    workers: trainings side by side. It changes no number.
    stacked: trainings of one architecture are done by one stacked step (`stacks`).
    written_out: the backward pass of a plain stack of linear layers is written out (`gradients`). Same bits.
    channels_last: images lie in memory with the channel last, as fast convolutions want them.
    capture: the whole update is recorded once and replayed (CUDA graph).
    sparse: the layers of a masked stack of linear layers that are sparse enough (`SPARSE_BELOW`) are multiplied, and
        updated, with their kept weights only (`sparse`).
    """

    threads: int | None = None
    workers: int = 1
    stacked: bool = False
    written_out: bool = False
    channels_last: bool = False
    capture: bool = False
    sparse: bool = False


PLAIN = Choice()  # the reference: autograd, operator by operator

# Device and family of networks -> what is never bad. Measured on two cores (AMD Zen 5) with `lthkit bench`, on a quiet
# machine and beside one and two busy processes (`lthkit bench busy`); the rows for cuda and mps follow from how those
# devices work and were not measured.
TABLE: dict[tuple[str, str], Choice] = {
    # One thread: two gain a fifth on a quiet machine and lose a factor of 2 to 50 beside two to four busy processes. Two
    # trainings on a thread each end sooner than one on two threads or two stacked; 10 % for the written-out gradients.
    ("cpu", "linear"): Choice(threads=1, written_out=True, sparse=True),
    # Channels last: 1.3 to 1.4 times as many steps. Stacked convolutions are grouped ones, which are slow on a CPU.
    # Threads are shared out in `choose`: two on two cores gain 1.8 when it is quiet and lose 1.5 to 11 beside one busy
    # process or more.
    ("cpu", "convolutional"): Choice(channels_last=True),
    # Small operators: the time goes into launching them. So launch once for all steps, and once for all replicates.
    ("cuda", "linear"): Choice(stacked=True, capture=True),
    # Grouped convolutions are known to be slow there too.
    ("cuda", "convolutional"): Choice(channels_last=True, capture=True),
}

# System and processor -> (a layer of at least so many weights, is multiplied in CSR below this density), largest first.
# Measured on one thread of one processor (AMD Zen 5, `lthkit bench sparse`): whole steps are then faster. The products of
# a layer, timed alone on a second and slower one, agree. Where a platform is missing, nothing was measured and all is dense.
SPARSE_BELOW: dict[tuple[str, str], tuple[tuple[int, float], ...]] = {
    ("Linux", "x86_64"): ((100_000, 0.15), (20_000, 0.08)),
}


def choose(model: nn.Module, device: torch.device | str, *, trainings: int = 1) -> Choice:
    """What the table has for this network on this device, with threads and workers for so many trainings at a time.

    On a CPU idle cores are used by trainings side by side. A fully connected network trains on one thread, so its numbers
    are the same on any number of cores. A training of a convolutional one takes up to half of the cores, so that half
    are there for other programs; on two cores that is one thread. More than two cores were not measured.
    """
    kind = torch.device(device).type
    choice = TABLE.get((kind, family(model)), PLAIN)
    if kind != "cpu":
        return replace(choice, workers=trainings if choice.stacked else 1)
    workers = max(1, min(cores(), trainings))
    threads = choice.threads or max(1, cores() // max(2, workers))
    return replace(choice, workers=workers, threads=threads, sparse=choice.sparse and not no_sparse())


def no_sparse(device: torch.device | str = "cpu") -> str:
    """Why linear layers cannot be trained with their kept weights only here; "" if they can."""
    if torch.device(device).type != "cpu":
        return f"on {device} it was never measured, so the table has no density from which it pays"
    if not torch.backends.mkl.is_available():
        return "this build of torch has no MKL, whose products of sparse matrices are used"
    if here() not in SPARSE_BELOW:
        return f"nothing was measured on {' '.join(here())}, so the table has no density from which it pays"
    return ""


def check_sparse(choice: Choice, device: torch.device | str, of: str = "this call") -> None:
    """ValueError if a choice has `sparse` where that cannot be done; `of` says whose choice it is."""
    if choice.sparse and (why := no_sparse(device)):
        raise ValueError(
            f"The choice of {of} is Choice(sparse=True), products of sparse matrices, and {why}. Expected a machine where "
            "they can be done, because dense ones round otherwise: go on where it was begun, or begin a new run, in "
            "another folder and without sparse=True."
        )


def fitting(choice: Choice, recipe: Recipe, task: Task, targets: torch.Tensor) -> Choice:
    """The choice without the ways that this recipe and this task cannot go: what is computed is the same on the plain one.

    The gradients that are written out, and sparse products, are those of plain cross-entropy of one class a row. A replay
    calls no function of one's own, so a recorded update has none; nor has it, or a step of kept weights only, an optimizer
    that somebody else wrote.
    """
    by_hand = task.usual and targets.ndim == 1 and not callable(recipe.optimizer)
    recorded = not callable(task.loss) and not callable(recipe.optimizer)
    return replace(
        choice,
        written_out=choice.written_out and by_hand,
        sparse=choice.sparse and by_hand,
        capture=choice.capture and recorded,
    )


def family(model: nn.Module) -> str:
    """ "convolutional" if the network has a convolution, else "linear"."""
    check_network(model)
    conv = any(isinstance(m, nn.Conv1d | nn.Conv2d | nn.Conv3d) for m in model.modules())
    return "convolutional" if conv else "linear"


_one_core: ContextVar[bool] = ContextVar("lthkit_one_core", default=False)


@contextmanager
def on_one_core() -> Iterator[None]:
    """Within it torch's operators have one thread, and `choose` gives one: the same bits beside anything, on any number of cores."""
    token = _one_core.set(True)
    try:
        with operator_threads(1):
            yield
    finally:
        _one_core.reset(token)


def cores() -> int:
    """Cores that this process may use, at most 8: more do not help networks of this size. One within `on_one_core`."""
    return 1 if _one_core.get() else load.cores()


def as_before(choice: Choice) -> Choice:
    """How a work goes on that was begun when nobody wrote down how: on torch's own threads, and dense."""
    return replace(choice, threads=None, sparse=False)


def here() -> tuple[str, str]:
    """System and processor, as `SPARSE_BELOW` has them: ("Linux", "x86_64"), say."""
    return platform.system(), platform.machine()
