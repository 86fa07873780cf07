"""How a training is executed on which device: one table, by measurement. Nothing here changes what is computed but for
rounding; a run stores the choice that it was made with, and keeps to it when it goes on."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import torch
from torch import nn

from lthkit.machine.checks import check_network


@dataclass(frozen=True)
class Choice:
    """One way to execute trainings.

    threads: operator threads of a training; None leaves torch's setting. Another number rounds otherwise on a CPU.
    workers: trainings side by side. It changes no number.
    stacked: trainings of one architecture are done by one stacked step (`stacks`).
    written_out: the backward pass of a plain stack of linear layers is written out (`gradients`). Same bits.
    channels_last: images lie in memory with the channel last, as fast convolutions want them.
    capture: the whole update is recorded once and replayed (CUDA graph).
    """

    threads: int | None = None
    workers: int = 1
    stacked: bool = False
    written_out: bool = False
    channels_last: bool = False
    capture: bool = False


PLAIN = Choice()  # the reference: autograd, operator by operator

# Device and family of networks -> what pays. Measured on two cores (AMD Zen 3) with `lthkit bench`; the rows for cuda
# and mps follow from how those devices work and were not measured.
TABLE: dict[tuple[str, str], Choice] = {
    # Two trainings on a thread each end sooner than one on two threads or two stacked; 10 % for the written-out gradients.
    ("cpu", "linear"): Choice(written_out=True),
    # Channels last: 1.3 to 1.4 times as many steps. Stacked convolutions are grouped ones, which are slow on a CPU.
    ("cpu", "convolutional"): Choice(channels_last=True),
    # Small operators: the time goes into launching them. So launch once for all steps, and once for all replicates.
    ("cuda", "linear"): Choice(stacked=True, capture=True),
    # Grouped convolutions are known to be slow there too.
    ("cuda", "convolutional"): Choice(channels_last=True, capture=True),
}


def choose(model: nn.Module, device: torch.device | str, *, trainings: int = 1) -> Choice:
    """What the table has for this network on this device, with threads and workers for so many trainings at a time.

    On a CPU the cores are shared out: one thread for each of many trainings, more for few, all for one.
    """
    kind = torch.device(device).type
    choice = TABLE.get((kind, family(model)), PLAIN)
    if kind != "cpu":
        return replace(choice, workers=trainings if choice.stacked else 1)
    workers = max(1, min(cores(), trainings))
    return replace(choice, workers=workers, threads=max(1, cores() // workers))


def family(model: nn.Module) -> str:
    """ "convolutional" if the network has a convolution, else "linear"."""
    check_network(model)
    conv = any(isinstance(m, nn.Conv1d | nn.Conv2d | nn.Conv3d) for m in model.modules())
    return "convolutional" if conv else "linear"


def cores() -> int:
    """Cores that this process may use, at most 8: more do not help networks of this size."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(8, usable or 1)
