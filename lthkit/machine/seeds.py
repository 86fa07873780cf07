"""Seeds that have nothing to do with one another: initialisation, data order and masks must not share their numbers.

And torch's global generators, for what a network draws by itself: one thread at a time, and as they were afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock

import torch

from lthkit.machine.checks import whole_seed

# Whoever seeds torch's global generators and draws from them holds this: they are the whole process's.
drawing_alone = RLock()


def derived_seed(seed: int, purpose: str) -> int:
    """A seed for one purpose, unrelated to the same seed's other purposes and to its neighbours.

    Raises:
        ValueError: a seed that is no whole number.
    """
    return int.from_bytes(hashlib.sha256(f"{purpose}:{whole_seed(seed)}".encode()).digest()[:6], "big")


@contextmanager
def global_generators(device: torch.device | str, *, seed: int | None = None) -> Iterator[Callable[[], bool]]:
    """Within it torch's global generators, the CPU's and the device's, are this thread's; afterwards they are as before.

    Gives a function that says whether anything has been drawn. Threads wait for one another here; one that draws
    without asking is not held up, and disturbs the others.

    Args:
        seed: they begin with it; None leaves them where they are.
    """
    with drawing_alone:
        generators = _generators(torch.device(device))
        before = [generator.get_state() for generator in generators]
        if seed is not None:
            for generator in generators:
                generator.manual_seed(seed)
        begun = [generator.get_state() for generator in generators]
        try:
            yield lambda: any(
                not torch.equal(generator.get_state(), state)
                for generator, state in zip(generators, begun, strict=True)
            )
        finally:
            for generator, state in zip(generators, before, strict=True):
                generator.set_state(state)


def _generators(device: torch.device) -> list[torch.Generator]:
    found = [torch.default_generator]
    if device.type == "cuda":
        torch.cuda.init()
        index = torch.cuda.current_device() if device.index is None else device.index
        found.append(torch.cuda.default_generators[index])
    elif device.type == "mps":
        found.append(torch.mps._get_default_mps_generator())
    return found
