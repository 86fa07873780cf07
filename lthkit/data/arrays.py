"""Arrays of one's own, torch's and numpy's, as the inputs and targets of a split: copied, and changed in type only without loss."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lthkit.data.splits import Split, check_finite, check_plain

Array = Tensor | np.ndarray[Any, Any]


@torch.inference_mode(False)
def as_split(inputs: Array, targets: Array) -> Split:
    """A split of its own memory. What is given to `Dataset.of_tensors`, and what is refused, stands there."""
    x, y = _numbers("inputs", inputs), _numbers("targets", targets)
    if x.dtype == torch.uint8 and x.ndim == 4 and x.shape[1] > 4 >= x.shape[3]:
        raise ValueError(
            f"inputs uint8 {list(x.shape)} were given, which look like pictures with the channels last; expected [n, channels, "
            "height, width]. Give inputs.permute(0, 3, 1, 2), of a numpy array inputs.transpose(0, 3, 1, 2)."
        )
    if x.ndim == 2 and x.dtype in _WHOLE:
        x = x.long()
    if y.dtype in (torch.uint8, *_WHOLE):
        y = y.long()
        _check_one_number_a_class(x, y)
    elif y.dtype == torch.bool:
        raise ValueError(
            f"targets are bool {list(y.shape)}; expected classes or numbers. Give targets.long() for two classes, "
            "targets.float() for outputs between 0 and 1."
        )
    return Split(_single("inputs", x), _single("targets", y))


def class_names(classes: Iterable[str] | int | None, splits: Sequence[Split]) -> tuple[str, ...]:
    """The names of the classes: those given, else the numbers that occur as targets; () where targets are numbers.

    ValueError if a target is not one of them, or if names are missing and the numbers that occur are not 0, 1, 2 ...
    """
    if splits[0].targets.is_floating_point():
        if classes is not None and classes != ():
            raise ValueError(
                f"classes={classes!r} were given, and the targets are numbers ({splits[0].targets.dtype}); expected no "
                "classes. If they are classes after all, give targets as whole numbers: targets.long()."
            )
        return ()
    found = torch.cat([split.targets.flatten().cpu() for split in splits]).unique()
    low, high = int(found[0]), int(found[-1])
    if classes is None:
        if low != 0 or high != len(found) - 1:
            raise ValueError(
                f"{len(found)} different whole numbers from {low} to {high} were given as targets; expected classes, numbered "
                "from 0 without a gap. Give classes= their number, or their names, if some do not occur; number others anew: "
                "torch.unique(targets, return_inverse=True)[1]. If they are no classes but numbers, give targets.float()."
            )
        return tuple(str(number) for number in range(len(found)))
    names = _names(classes)
    if low < 0 or high >= len(names):
        raise ValueError(
            f"The targets are classes from {low} to {high}, and {len(names)} classes were given; expected 0 to {len(names) - 1}. "
            "A class that shall not count, as padding, needs a number and a name of its own, which lthkit.Task(ignore_index=) "
            "leaves out."
        )
    return names


def _names(classes: Iterable[str] | int) -> tuple[str, ...]:
    if isinstance(classes, Integral) and not isinstance(classes, bool) and int(classes) >= 1:
        return tuple(str(number) for number in range(int(classes)))
    if isinstance(classes, Iterable) and not isinstance(classes, str):
        names = tuple(classes)
        if names and all(isinstance(each, str) for each in names) and len(set(names)) == len(names):
            return tuple(str(each) for each in names)
    raise ValueError(
        f"classes={classes!r} was given; expected how many there are, or the name of each, such as ('cat', 'dog'), none twice."
    )


_WHOLE = (torch.int8, torch.int16, torch.int32, torch.int64)


def _numbers(name: str, given: Array) -> Tensor:
    """A copy as a plain tensor, in the type given; whole numbers that torch has no arithmetic for as int64."""
    if isinstance(given, np.ndarray):
        return of_numpy(name, given)
    if not isinstance(given, Tensor):
        raise TypeError(
            f"{name} is a {type(given).__name__}; expected a torch tensor or a numpy array. A data frame has .to_numpy(), a list "
            "of rows becomes one by torch.tensor(rows)."
        )
    check_plain(name, given)
    copied = given.detach().clone(memory_format=torch.contiguous_format)
    if copied.dtype in (torch.uint16, torch.uint32, torch.uint64):
        return of_numpy(name, copied.cpu().numpy()).to(given.device)
    return copied


def of_numpy(name: str, given: np.ndarray[Any, Any]) -> Tensor:
    """A copy of a numpy array as a tensor, whatever its order in memory. ValueError for texts, times, objects, gaps."""
    if np.ma.isMaskedArray(given) and np.ma.getmaskarray(given).any():
        raise ValueError(
            f"{name} is a masked array with {int(np.ma.getmaskarray(given).sum()):,} masked numbers, which a tensor would show "
            "again; expected plain numbers. Leave these rows out, or fill the gaps: .filled(0)."
        )
    given = np.asarray(given)
    kind = given.dtype.kind
    if kind not in "fiubc":
        raise ValueError(
            f"{name} is a numpy array of {given.dtype}; expected numbers. Number texts: numpy.unique({name}, "
            "return_inverse=True)[1]; times need .astype(float), and their mean taken off."
        )
    if kind == "u" and given.itemsize > 1:
        if given.size and int(given.max()) > np.iinfo(np.int64).max:
            raise ValueError(f"{name} has whole numbers up to {given.max()}; expected such as int64 holds.")
        given = given.astype(np.int64)
    elif kind == "f" and given.itemsize > 8:
        given = given.astype(np.float64)
    native = given.astype(given.dtype.newbyteorder("="), order="C", copy=True)
    return torch.from_numpy(native)


def _single(name: str, tensor: Tensor) -> Tensor:
    """Floating numbers as float32. ValueError if numbers that differ would come out as one."""
    if not tensor.is_floating_point() or tensor.dtype == torch.float32 or tensor.numel() == 0:
        return tensor
    if tensor.dtype != torch.float64:
        return tensor.float()
    check_finite(name, tensor)
    single = tensor.float()
    rows, largest = tensor.flatten(1) if tensor.ndim > 1 else tensor[:, None], torch.finfo(torch.float32).max
    if bool((rows.abs() > largest).any()):
        raise ValueError(
            f"{name} has numbers above {largest:.3g}, the largest that float32 holds. Scale them."
        )
    spread, error = rows.std(0, correction=0), (single.double().view_as(rows) - rows).abs().amax(0)
    lost = (error > 1e-3 * spread) & (spread > 1e-12 * rows.abs().amax(0))
    if bool(lost.any()):
        column = int(lost.nonzero()[0])
        raise ValueError(
            f"{name} would lose their differences as float32: number {column} of a row varies by {float(spread[column]):.3g} "
            f"(standard deviation) around {float(rows[:, column].mean()):.6g}. Take off its mean, or scale it."
        )
    return single


def _check_one_number_a_class(inputs: Tensor, targets: Tensor) -> None:
    """ValueError for a column of classes, or one-hot rows, where a class for each token is not meant."""
    if targets.ndim != 2 or targets.shape[1:] == inputs.shape[1:2]:
        return
    if targets.shape[1] == 1:
        raise ValueError(
            f"targets {list(targets.shape)} were given, a column of classes; expected [n]. Give targets[:, 0]; if they are no "
            "classes but numbers, targets.float()."
        )
    if bool(((targets == 0) | (targets == 1)).all()) and bool((targets.sum(1) == 1).all()):
        raise ValueError(
            f"targets {list(targets.shape)} are 0 but for a single 1 in each row, so a row's class is where it stands; expected "
            "the number of the class. Give targets.argmax(1)."
        )
