"""How weights are counted out: the lowest of each group, exactly so many, of equal ones the first."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from math import inf

import numpy as np
import torch
from torch import Tensor

from lthkit.machine.checks import check_whole, is_number
from lthkit.pruning.masks import Mask

SCOPES = ("global", "layerwise", "row")


class LayerCollapse(ValueError):
    """The request would leave a layer with fewer weights than the guard allows."""


def remove(
    mask: Mask, scores: Mapping[str, Tensor], counts: Mapping[tuple[str, ...], int], min_kept: int
) -> Mask:
    """Take the given number of weights out of each group of tensors, ranking each group by itself."""
    check_whole("min_kept", min_kept, 0)
    smaller: dict[str, Tensor] = {}
    for names, count in counts.items():
        # One type for all, so that one threshold is exact for all; of 32 bits or more, because not all devices, nor
        # numpy, rank numbers of 16.
        dtype = reduce(torch.promote_types, [scores[n].dtype for n in names], torch.float32)
        flat = {n: scores[n].detach().reshape(-1).to(mask[n].device, dtype) for n in names}
        kept = {n: mask[n].reshape(-1) for n in names}
        going = _lowest(flat, kept, count)
        alive = {n: count_of(kept[n]) for n in names}
        spare = {n: max(0, alive[n] - min_kept) for n in names}
        # A layer that the ranking empties below the guard gives all it can spare; what it owes, the others give, which
        # may bring further layers to the guard. No layer gives less when others are held back, so this is exact.
        while short := [n for n in flat if alive[n] - count_of(going[n]) < min_kept]:
            if count > sum(spare.values()):
                raise LayerCollapse(
                    f"{count:,} weights should go from {', '.join(names)}, but only {sum(spare.values()):,} may: each "
                    f"layer keeps at least min_kept={min_kept}. Use a smaller fraction, or min_kept=0 to let layers die."
                )
            for n in short:
                going |= _lowest({n: flat.pop(n)}, kept, spare[n])
            rest = count - sum(spare[n] for n in names if n not in flat)
            going |= _lowest(flat, kept, rest)
        # Only what was kept can stay kept, so no removed weight comes back.
        smaller |= {n: going[n].logical_not_().logical_and_(kept[n]).view(mask[n].shape) for n in names}
    return Mask({name: smaller[name] for name in mask})


def remove_in_rows(
    mask: Mask, scores: Mapping[str, Tensor], counts: Mapping[str, Tensor], min_kept: int
) -> Mask:
    """Take the given number of weights, int64 [rows], out of each row by itself."""
    check_whole("min_kept", min_kept, 0)
    smaller: dict[str, Tensor] = {}
    for name, kept in mask.items():
        rows = rows_of(kept)
        spare = (rows.sum(1) - min_kept).clamp(min=0)
        if short := int((counts[name] > spare).sum()):
            raise LayerCollapse(
                f"More weights should go from {short:,} of {len(rows):,} rows of {name} than may: each row keeps at least "
                f"min_kept={min_kept}. Use a smaller fraction, or min_kept=0 to let rows die."
            )
        going = lowest_in_rows(rows_of(scores[name].detach().to(kept.device)), rows, counts[name])
        smaller[name] = (rows & ~going).reshape(kept.shape)
    return Mask(smaller)


def rows_of(tensor: Tensor) -> Tensor:
    """[rows, what comes into each]; a vector is one row."""
    return tensor.flatten(1) if tensor.ndim > 1 else tensor.reshape(1, -1)


def rounded(part: float, counts: Tensor) -> Tensor:
    """`round(part * count)` for each count, halves to the even number as Python's."""
    return (part * counts.double()).round().long()


def lowest_in_rows(values: Tensor, kept: Tensor, counts: Tensor) -> Tensor:
    """True at the lowest kept values of each row, `counts` [rows] of them; of equal ones at the first."""
    values = values.to(torch.promote_types(values.dtype, torch.float32)).masked_fill(~kept, inf)
    order = values.sort(dim=1, stable=True).indices
    places = torch.arange(values.shape[1], device=values.device).expand_as(order)
    return (torch.empty_like(order).scatter_(1, order, places) < counts[:, None]) & kept


def _lowest(flat: Mapping[str, Tensor], kept: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
    """Bool tensors, True at the `count` lowest kept values of `flat`, of equal ones at the first.

    Exact, by one threshold: no full sort, and no tensor of positions to fill the memory.
    """
    if count == 0:
        return {n: torch.zeros_like(kept[n]) for n in flat}
    limit = _kth(flat, kept, count)
    lowest = {n: _compared(np.less_equal, v, limit).logical_and_(kept[n]) for n, v in flat.items()}
    surplus = count_of(*lowest.values()) - count  # more than one value equals the limit: the last stay
    for n in reversed(list(flat)):
        if surplus == 0:
            break
        ties = _compared(np.equal, flat[n], limit).logical_and_(lowest[n])
        # A million at a time: positions take 8 bytes each, and all values may be equal.
        for chosen, tied in reversed(list(zip(lowest[n].split(2**20), ties.split(2**20), strict=True))):
            if (found := count_of(tied)) > surplus:
                tied[: int(tied.nonzero()[-surplus]) if surplus else len(tied)] = False
            chosen ^= tied
            surplus -= min(found, surplus)
    return lowest


def _kth(flat: Mapping[str, Tensor], kept: Mapping[str, Tensor], k: int) -> float:
    """The k-th lowest kept value, k from 1. On a CPU by numpy's partition, several times as fast as torch's kthvalue."""
    sizes = [len(v) for v in flat.values()]
    values = next(iter(flat.values())).new_empty(sum(sizes))
    for part, (n, v) in zip(values.split(sizes), flat.items(), strict=True):
        part.copy_(v)
        if count_of(kept[n]) < len(v):
            part.masked_fill_(~kept[n], inf)  # last in any order, and there are k others
    if values.device.type != "cpu":
        return float(values.kthvalue(k).values)
    array = values.numpy()
    array.partition(k - 1)
    return float(array[k - 1])


def _compared(comparison: np.ufunc, values: Tensor, limit: float) -> Tensor:
    """A comparison with a number, entry by entry. On a CPU numpy's are vectorised, torch's ten times as slow."""
    if values.device.type == "cpu":
        return torch.from_numpy(comparison(values.numpy(), values.numpy().dtype.type(limit)))
    return values <= limit if comparison is np.less_equal else values == limit


def count_of(*masks: Tensor) -> int:
    """How many entries are True."""
    return sum(
        int(np.count_nonzero(m.numpy()) if m.device.type == "cpu" else torch.count_nonzero(m)) for m in masks
    )


def check_fraction(value: float, name: str) -> None:
    """ValueError unless it is a number from 0 to 1."""
    if not is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"{name}={value!r} was given; expected a number from 0 to 1, such as 0.2 for 20 %.")


def check_density(value: float, name: str = "density") -> None:
    """ValueError unless it is a number above 0 and up to 1."""
    if not is_number(value) or not 0 < value <= 1:
        raise ValueError(f"{name}={value!r} was given; expected a number above 0 and up to 1, such as 0.1.")


def check_scope(scope: str) -> None:
    """ValueError for another scope than those that there are."""
    if scope not in SCOPES:
        raise ValueError(f"scope={scope!r} was given; expected 'global', 'layerwise' or 'row'.")


def check_scores(mask: Mask, scores: Mapping[str, Tensor], *, among: str = "kept") -> None:
    """TypeError or ValueError unless there is a finite number for each weight that the mask keeps."""
    for what, given, example in (
        ("mask", mask, "lthkit.Mask.ones(model)"),
        ("scores", scores, "lthkit.magnitude(model)"),
    ):
        if not isinstance(given, Mapping):
            raise TypeError(
                f"{what} is a {type(given).__name__}; expected a tensor for each parameter name, such as {example}."
            )
    for name in mask:
        if name not in scores:
            raise ValueError(
                f"scores has no entry for {name!r}; it has {list(scores)}. Expected one for each tensor of the mask, "
                "so scores of the same network."
            )
        if not isinstance(scores[name], Tensor):
            raise ValueError(
                f"scores[{name!r}] is a {_kind(scores[name])}; expected a floating-point torch tensor, such as "
                "torch.as_tensor(scores)."
            )
        if not scores[name].is_floating_point():
            raise ValueError(
                f"scores[{name!r}] is of {scores[name].dtype}; expected a floating-point tensor, such as `scores.float()`."
            )
        if scores[name].shape != mask[name].shape:
            raise ValueError(
                f"scores[{name!r}] is {tuple(scores[name].shape)}, the mask {tuple(mask[name].shape)}; expected the "
                "same shape, so scores of the same network."
            )
        values = scores[name].detach()
        if bool(_finite(values).all()):
            continue
        bad = count_of((~_finite(values) & mask[name].to(values.device)).reshape(-1))
        if bad:
            raise ValueError(
                f"scores[{name!r}] has {bad} NaN or infinite values among the {among} weights; expected finite numbers. Look "
                "at the weights: has the training diverged?"
            )


def _kind(value: object) -> str:
    return f"numpy array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__


def _finite(values: Tensor) -> Tensor:
    if values.device.type == "cpu" and values.dtype in (torch.float32, torch.float64):
        return torch.from_numpy(np.asarray(np.isfinite(values.numpy())))
    return torch.isfinite(values)
