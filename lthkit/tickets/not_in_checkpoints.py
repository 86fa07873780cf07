"""What a network holds that is in no checkpoint: buffers that are not saved, and numbers as attributes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

log = logging.getLogger("lthkit")

_told: set[str] = set()  # networks with numbers that a training changes

Unsaved = tuple[
    nn.Module, str, Tensor | None, Tensor | None
]  # who has it, its name, the buffer itself, a copy


def unsaved_buffers(model: nn.Module) -> list[Unsaved]:
    """The buffers that are in no checkpoint, with copies."""
    held = [(m, name, m._buffers[name]) for m in model.modules() for name in m._non_persistent_buffers_set]
    return [(m, name, own, own if own is None else own.detach().clone()) for m, name, own in held]


@torch.no_grad()
def put_back(held: list[Unsaved]) -> None:
    """Give these buffers the values of their copies, in the tensors that they were: others may refer to them."""
    for module, name, own, copied in held:
        if own is not None and copied is not None:
            if own.shape != copied.shape:
                own.resize_(copied.shape)
            own.copy_(copied)
        module._buffers[name] = own


def plain_numbers(model: nn.Module) -> dict[str, Any]:
    """Numbers that modules hold as attributes, by name; a module's mode is none of them."""
    return {
        f"{path}.{key}".removeprefix("."): value
        for path, module in model.named_modules()
        for key, value in vars(module).items()
        if isinstance(value, int | float) and key != "training"
    }


def tell_of_numbers_that_changed(model: nn.Module, before: Mapping[str, Any]) -> None:
    """Say in the log, once a network class, which attributes a training has changed: no rewind takes that back.

    They are not set back: a number may say that something was made which is still there.
    """
    now = plain_numbers(model)
    changed = [name for name in now if name not in before or repr(now[name]) != repr(before[name])]
    kind = f"{type(model).__module__}.{type(model).__qualname__} {changed}"
    if not changed or kind in _told:
        return
    _told.add(kind)
    log.warning(
        "%s of %s changed during a training, and a rewind does not take that back: later rounds begin with the changed "
        "value. If the outputs depend on it, hold it as a buffer: self.register_buffer(name, torch.zeros(())).",
        ", ".join(changed),
        type(model).__name__,
    )
