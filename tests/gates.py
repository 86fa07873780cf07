"""A small network that can be held up in the midst of a training, from outside: for tests that end a process there.

In the folder $LTHKIT_TEST_GATE a file `closed` says how many forward passes a process may do; the next one says that it is there,
by a file `inside-PID`, and waits until `closed` is gone.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import torch
from torch import Tensor, nn

COUNT = "LTHKIT_TEST_PASSES"


class Gate(nn.Module):
    """Passes its input on, if the gate is open."""

    def forward(self, x: Tensor) -> Tensor:
        wait()
        return x


def wait() -> None:
    os.environ[COUNT] = str(
        passes := int(os.environ.get(COUNT, 0)) + 1
    )  # no global: it would be a part of the network's identity
    if not (where := os.environ.get("LTHKIT_TEST_GATE")):
        return
    closed = Path(where) / "closed"
    while (limit := _number(closed)) is not None and passes > limit:
        (Path(where) / f"inside-{os.getpid()}").touch()
        time.sleep(0.01)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text() or 0)
    except (FileNotFoundError, ValueError):
        return None


def net(*, seed: int) -> nn.Module:
    """64-12-3 behind a gate."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), Gate(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 3))
