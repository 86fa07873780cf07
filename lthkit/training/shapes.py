"""Outputs and targets brought together: of classes one below the other, of numbers in one shape, or refused.

What would be quietly wrong is refused here: [n, 1] and [n] would be broadcast to [n, n], and the classes of tokens may lie
in either of two places.
"""

from __future__ import annotations

import torch
from torch import Tensor


def by_class(outputs: Tensor, targets: Tensor, class_axis: int | None = None) -> tuple[Tensor, Tensor]:
    """Outputs and classes one below the other: [m, classes] and int64 [m]; of tokens m is rows times length.

    Args:
        outputs: [n, classes] for targets [n]; [n, length, classes] or [n, classes, length] for targets [n, length].
        class_axis: -1 or 1 says which; None looks at the shapes.

    Raises:
        ValueError: targets that are numbers; outputs of another shape; length and classes equal and no `class_axis`.
    """
    if targets.is_floating_point():
        raise ValueError(
            f"Targets {shaped(targets)} were given, which are numbers, and cross-entropy is for classes, int64. For numbers take "
            "lthkit.Task(loss='mse'), for probabilities of classes a loss of your own."
        )
    if targets.ndim == 1:
        if outputs.ndim != 2 or len(outputs) != len(targets):
            raise ValueError(
                f"Outputs {shaped(outputs)} were given for targets {shaped(targets)}, one class a row; expected "
                f"[{len(targets)}, classes]."
            )
        return outputs, targets
    last = outputs.shape[:-1] == targets.shape
    second = outputs.ndim == targets.ndim + 1 and outputs.shape[:1] + outputs.shape[2:] == targets.shape
    if class_axis is not None:
        last, second = last and class_axis == -1, second and class_axis == 1
    if last and second:
        raise ValueError(
            f"Outputs {shaped(outputs)} for targets {shaped(targets)}: the length and the number of classes are equal, so the "
            "shape does not say where the classes are. Say it: lthkit.Task(class_axis=-1) if they are last, class_axis=1 if "
            "they come before the length, as in torch."
        )
    if not last and not second:
        rows, length = targets.shape[0], list(targets.shape[1:])
        said = f" class_axis={class_axis} was given." if class_axis is not None else ""
        raise ValueError(
            f"Outputs {shaped(outputs)} were given for targets {shaped(targets)}, one class a token; expected "
            f"{[rows, *length, 'classes']}, the classes last, or {[rows, 'classes', *length]}.{said}".replace(
                "'", ""
            )
        )
    return (outputs if last else outputs.movedim(1, -1)).flatten(0, -2), targets.flatten()


def counted(classes: Tensor, ignore_index: int | None) -> Tensor:
    """Which targets count: bool, of their shape."""
    return classes != (-1 if ignore_index is None else ignore_index)


def matched(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs and numbers of one shape and one type, float32 at least. ValueError for two shapes: they would be broadcast."""
    if outputs.shape != targets.shape or not targets.is_floating_point():
        raise ValueError(
            f"Outputs {shaped(outputs)} were given for targets {shaped(targets)}; expected floating numbers of one shape, because "
            "[n, 1] and [n] together make [n, n]. Take outputs.squeeze(-1) in the network, or give the data targets[:, None]."
        )
    outputs = wide(outputs)
    return outputs, targets.to(outputs.dtype)


def few(targets: Tensor, most: int = 4) -> Tensor:
    """Up to so many rows by which a loss is looked at, int64: the first one, and others with other targets if there are any."""
    other = (targets != targets[:1]).view(len(targets), -1).any(1)
    rows = torch.cat([(~other).nonzero()[:1], other.nonzero()[: most - 1], (~other).nonzero()[1:most]])
    return rows.flatten()[:most]


def wide(outputs: Tensor) -> Tensor:
    """In float32 at least: a loss in bfloat16 has two digits."""
    return outputs.to(torch.promote_types(outputs.dtype, torch.float32))


def shaped(tensor: Tensor) -> str:
    """Type and shape in words: "float32 [60, 1]"."""
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
