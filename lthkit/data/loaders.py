"""All that a loader gives, read twice: a loader that gives something else the second time would leave one draw of many."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lthkit.data.arrays import of_numpy
from lthkit.data.splits import check_plain
from lthkit.machine.seeds import global_generators
from lthkit.machine.work import waiting

Loader = Iterable[Any]  # a torch DataLoader, or a list of (inputs, targets) batches


def read_twice(part: str, loader: Loader) -> tuple[Tensor, Tensor]:
    """Inputs and targets of all batches of a loader, one after the other. The global random state stays as it was.

    Raises:
        TypeError: what can be read only once, or gives other than pairs of tensors or arrays.
        ValueError: the second time it gives something else; rows of different shapes; nothing; a loader that leaves out
            its last rows.
    """
    if isinstance(loader, torch.Tensor | np.ndarray | dict | str | bytes) or not isinstance(loader, Iterable):
        raise TypeError(
            f"the {part} loader is a {type(loader).__name__}; expected a torch DataLoader, or a list of (inputs, targets) "
            "batches. Tensors as they are go to lthkit.Dataset.of_tensors."
        )
    if isinstance(loader, Iterator):
        raise TypeError(
            f"the {part} loader is a {type(loader).__name__}, which can be read only once, so it cannot be known whether it "
            "draws at random. Give what it is made from, such as the DataLoader, or a list of its batches."
        )
    _check_nothing_is_dropped(part, loader)
    with global_generators("cpu"):
        with closing(_told(loader, f"reading the {part} loader")) as read:
            batches = [_pair(part, n, batch) for n, batch in enumerate(read)]
        if not batches:
            raise ValueError(f"the {part} loader gave no batch; expected one or more.")
        again = 0
        with closing(_told(loader, f"reading the {part} loader again")) as read:
            for number, batch in enumerate(read):
                known = batches[number] if number < len(batches) else None
                if known is None or not all(map(_same, known, _pair(part, number, batch))):
                    raise _changed(part, number)
                again += 1
    if again < len(batches):
        raise _changed(part, again)
    columns = zip(*batches, strict=True)
    inputs, targets = (
        _joined(part, what, list(each)) for what, each in zip(("inputs", "targets"), columns, strict=True)
    )
    return inputs, targets


def _told(loader: Loader, doing: str) -> Generator[Any]:
    """The batches, with a bar over as many as the loader says it has."""
    try:
        expected = len(loader)  # type: ignore[arg-type]
    except TypeError:
        expected = 0
    batches, none = iter(loader), object()
    with closing(waiting(range(expected), doing)) as counted:
        for _ in counted:
            if (batch := next(batches, none)) is none:
                return
            yield batch
    yield from batches


def _check_nothing_is_dropped(part: str, loader: Loader) -> None:
    for place in (loader, getattr(loader, "batch_sampler", None)):
        if getattr(place, "drop_last", False):
            raise ValueError(
                f"the {part} loader leaves out the rows that do not fill its last batch (drop_last=True); expected all rows. "
                "Make it with drop_last=False: a training cuts batches of its own."
            )


def _pair(part: str, number: int, batch: Any) -> tuple[Tensor, Tensor]:
    """A batch as two tensors of its own memory."""
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        count = f" of {len(batch)}" if isinstance(batch, tuple | list | dict) else ""
        raise TypeError(
            f"batch {number} of the {part} loader is a {type(batch).__name__}{count}; expected a pair (inputs, targets). Make "
            "one of it with the loader's collate_fn."
        )
    pair = []
    for what, value in zip(("inputs", "targets"), batch, strict=True):
        if isinstance(value, np.ndarray):
            value = of_numpy(f"the {what} in batch {number} of the {part} loader", value)
        if not isinstance(value, Tensor):
            raise TypeError(
                f"the {what} in batch {number} of the {part} loader are a {type(value).__name__}; expected a tensor or a numpy "
                "array."
            )
        check_plain(f"the {what} in batch {number} of the {part} loader", value)
        if value.ndim == 0:
            raise ValueError(
                f"the {what} in batch {number} of the {part} loader are a single number; expected a batch, [n, ...]. Does the "
                "loader have batch_size=None?"
            )
        pair.append(value.detach().clone())
    if len(pair[0]) != len(pair[1]):
        raise ValueError(
            f"batch {number} of the {part} loader has {len(pair[0])} inputs and {len(pair[1])} targets; expected equally many."
        )
    return pair[0], pair[1]


def _same(one: Tensor, other: Tensor) -> bool:
    """True for the same type, shape and numbers, NaN being one of them."""
    if one.shape != other.shape or one.dtype != other.dtype or one.layout != other.layout:
        return False
    return bool(
        torch.equal(one, other)
        or (one.is_floating_point() and torch.equal(one.nan_to_num(), other.nan_to_num()))
    )


def _changed(part: str, number: int) -> ValueError:
    return ValueError(
        f"the {part} loader, read twice, gave something else the second time, in batch {number} first: it shuffles or draws at "
        "random, and one draw would stand for all. Make it with shuffle=False and without random augmentation; a training "
        "shuffles by its seed, and Recipe(augment=True) crops and flips images at each step."
    )


def _joined(part: str, what: str, batches: list[Tensor]) -> Tensor:
    kinds = {(tuple(each.shape[1:]), each.dtype) for each in batches}
    if len(kinds) > 1:
        found = ", ".join(sorted(f"{dtype} {list(shape)}" for shape, dtype in kinds)[:3])
        raise ValueError(
            f"the {what} of the {part} loader differ from batch to batch: {found}; expected one type and shape. Pad or cut "
            "rows to one length, in its collate_fn say."
        )
    return torch.cat(batches)
