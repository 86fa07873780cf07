"""Which device to compute on, and in which precision."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

DEVICES = ("auto", "cuda", "mps", "cpu")
PRECISIONS = ("float32", "bfloat16", "auto")


def resolve_device(name: str = "auto") -> torch.device:
    """The device called `name`; "auto" takes the first there is of cuda, mps, cpu.

    Raises:
        ValueError: no such kind of device, or none of it on this machine.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, found in there.items() if found))
    kind = name.partition(":")[0]
    if kind not in there:
        raise ValueError(f"device={name!r} was given; expected one of {', '.join(DEVICES)}.")
    if not there[kind]:
        found = ", ".join(kind for kind, is_there in there.items() if is_there)
        raise ValueError(
            f"device={name!r} was given, but torch finds none here (it finds: {found}). Use device='auto'."
        )
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device={name!r} was given; expected a name such as 'cuda' or 'cuda:1'.") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device={name!r} was given, but there are {torch.cuda.device_count()} CUDA devices."
        )
    return device


def resolve_precision(device: torch.device, precision: str) -> str:
    """What "auto" means on this device: bfloat16 on a CUDA device that has it, float32 elsewhere."""
    if precision != "auto":
        return precision
    return "bfloat16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "float32"


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """The context in which a forward pass runs: nothing for float32, `torch.autocast` for bfloat16."""
    if resolve_precision(device, precision) == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
