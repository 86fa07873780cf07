"""How far apart the masks of one training are, and when they have ceased to change (You et al. 2020, section 3.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lthkit.pruning.masks import Mask

RULES = ("newest", "neighbours")


def distances(masks: Sequence[Mask]) -> Tensor:
    """Mask distance of every pair: float64 [n, n], symmetric, 0 on the diagonal (You et al. 2020, section 3.2).

    The distance is the fraction of entries in which two masks differ: the Hamming distance over the size.

    Raises:
        ValueError: no mask; masks of different models.
    """
    if not masks:
        raise ValueError("No mask was given; expected one for each epoch.")
    matrix = torch.zeros(len(masks), len(masks), dtype=torch.float64)
    for i, one in enumerate(masks):
        for j in range(i):
            matrix[i, j] = matrix[j, i] = one.distance(masks[j])
    return matrix


def null_distance(density: float | Mask) -> float:
    """The distance of two random masks of this density, 2d(1 - d): what chance alone gives.

    An entry differs if one mask keeps it, which has probability d, and the other does not, 1 - d; or the other way round.
    From a `Mask` each tensor's own density is taken, and the mean over all entries: the mean distance between the mask
    and its `shuffled` copies. It is at most 2d(1 - d) with the overall d.

    Raises:
        ValueError: a number that is not a density.
    """
    if isinstance(density, Mask):
        sizes = {name: density[name].numel() for name in density}
        return sum(sizes[n] * 2 * d * (1 - d) for n, d in density.per_layer().items()) / density.total
    if not isinstance(density, int | float) or not 0 <= density <= 1:
        raise ValueError(f"density={density!r} was given; expected a number from 0 to 1, or a Mask.")
    return 2 * density * (1 - density)


def largest_in_window(
    given: Sequence[Mask] | Tensor, *, window: int = 5, rule: str = "newest"
) -> list[float]:
    """What the stopping rule looks at after each epoch: the largest of the distances in the window, NaN until it is full.

    Args:
        given: masks in the order of their epochs, or the matrix [n, n] that `distances` makes of them.
        window: length of the queue (FIFO); 5 in the paper.
        rule: "newest" takes the newest mask against each of the `window` - 1 masks before it, as the authors' code does
            (`EarlyBird.cal_dist` in main.py). "neighbours" takes the last `window` distances between one epoch and the
            next, as their README says; a mask that drifts slowly and for ever passes it.

    Raises:
        ValueError: window below 2, another rule, no masks or no such matrix.
    """
    check_window(window, rule)
    d = _matrix(given)
    worst = []
    for t in range(len(d)):
        if rule == "newest":
            queue = d[t, t - window + 1 : t] if t >= window - 1 else None
        else:
            queue = d.diagonal(-1)[t - window : t] if t >= window else None
        worst.append(math.nan if queue is None else float(queue.max()))
    return worst


def stop_epoch(
    given: Sequence[Mask] | Tensor, *, window: int = 5, threshold: float = 0.1, rule: str = "newest"
) -> int | None:
    """The first epoch at which all distances in the window are *below* the threshold; None if there is none.

    Epochs count from 1: the first mask is that of the end of epoch 1. So the answer is at least `window` under the rule
    "newest" and `window` + 1 under "neighbours"; arguments are those of `largest_in_window`. An equal distance does not
    stop here (the README: "smaller than"; the authors' code lets it pass).

    Raises:
        ValueError: as `largest_in_window`; a threshold that is not from 0 to 1.
    """
    check_threshold(threshold)
    worst = largest_in_window(given, window=window, rule=rule)
    return next((epoch for epoch, value in enumerate(worst, start=1) if value < threshold), None)


def _matrix(given: Sequence[Mask] | Tensor) -> Tensor:
    matrix = given.double() if isinstance(given, Tensor) else distances(given)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) == 0:
        raise ValueError(f"A tensor of shape {tuple(matrix.shape)} was given; expected distances, [n, n].")
    if not bool(((matrix >= 0) & (matrix <= 1)).all()) or not torch.equal(matrix, matrix.T):
        raise ValueError("The matrix is no matrix of distances: expected symmetric, entries from 0 to 1.")
    return matrix


def check_window(window: int, rule: str) -> None:
    if not isinstance(window, int) or window < 2:
        raise ValueError(f"window={window!r} was given; expected a whole number, 2 or more.")
    if rule not in RULES:
        raise ValueError(f"rule={rule!r} was given; expected one of {', '.join(RULES)}.")


def check_threshold(threshold: float) -> None:
    if not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise ValueError(f"threshold={threshold!r} was given; expected a number from 0 to 1, such as 0.1.")
