"""Selection: a mask and scores give a smaller mask, with an exact count and no luck in it.

Selection does not ask where scores come from; every criterion, the student's own too, goes through `prune`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from math import inf
from numbers import Integral

import numpy as np
import torch
from torch import Tensor, nn

from lthkit.machine.checks import check_whole, is_number
from lthkit.machine.work import waiting
from lthkit.pruning.masks import Mask
from lthkit.pruning.scores import for_mask
from lthkit.pruning.weights import copied


class LayerCollapse(ValueError):
    """The request would leave a layer with fewer weights than the guard allows."""


def prune(
    mask: Mask,
    scores: Mapping[str, Tensor],
    fraction: float,
    *,
    scope: str = "global",
    overrides: Mapping[str, float] | None = None,
    min_kept: int = 1,
) -> Mask:
    """Remove the lowest-scored `fraction` of the weights that *remain* in `mask`.

    Exactly `round(fraction * remaining)` weights go (Python's `round`: halves go to the even number). Among equal
    scores the one with the lowest flat index goes first; across layers, flat index runs in the mask's order.
    Weights that are already out stay out, whatever their score, so masks nest.

    Args:
        mask: the current mask.
        scores: a float tensor for each name in `mask`, same shape, higher = keep. Names outside the mask are ignored.
        fraction: from 0 to 1, of what remains.
        scope: "global" ranks all layers together; "layerwise" removes the fraction from each layer by itself.
        overrides: for "layerwise", another fraction for some layers, such as `{"fc3.weight": 0.1}`.
        min_kept: each layer keeps at least this many of its weights, its best ones; in global scope the next-worst
            weights elsewhere go instead, so that the count stays exact. 0 turns the guard off.

    Raises:
        ValueError: bad fraction, scope, overrides; scores that are missing, misshaped, NaN or infinite.
        LayerCollapse: the guard leaves too few weights to remove.
    """
    check_request(mask, fraction, scope=scope, overrides=overrides)
    fraction = float(fraction)  # numpy's float32 times a count would be rounded to float32
    overrides = {name: float(value) for name, value in (overrides or {}).items()}
    _check_scores(mask, scores)

    if scope == "global":
        return _remove(mask, scores, {tuple(mask): round(fraction * _count(*mask.values()))}, min_kept)
    counts: dict[tuple[str, ...], int] = {
        (name,): round(overrides.get(name, fraction) * _count(mask[name])) for name in mask
    }
    return _remove(mask, scores, counts, min_kept)


def check_request(
    mask: Mask, fraction: float, *, scope: str = "global", overrides: Mapping[str, float] | None = None
) -> None:
    """ValueError if `prune` would refuse these arguments; for who trains first, and wants to hear of it before."""
    _check_fraction(fraction, "fraction")
    _check_scope(scope)
    if overrides and scope == "global":
        raise ValueError(
            "overrides need scope='layerwise'; to leave a layer out, use Mask.ones(model, exclude=[...])."
        )
    for name, value in (overrides or {}).items():
        if name not in mask:
            raise ValueError(f"overrides names {name!r}; expected some of {list(mask)}, which the mask has.")
        _check_fraction(value, f"overrides[{name!r}]")


def prune_to(
    mask: Mask, scores: Mapping[str, Tensor], density: float, *, scope: str = "global", min_kept: int = 1
) -> Mask:
    """One shot to a density: keep `round(density * mask.total)` weights (of each layer, if layerwise)."""
    _check_fraction(density, "density")
    density = float(density)
    _check_scope(scope)
    _check_scores(mask, scores)
    groups: list[tuple[str, ...]] = [tuple(mask)] if scope == "global" else [(name,) for name in mask]
    counts: dict[tuple[str, ...], int] = {}
    for names in groups:
        total, kept = sum(mask[n].numel() for n in names), _count(*(mask[n] for n in names))
        counts[names] = kept - round(density * total)
        if counts[names] < 0:
            raise ValueError(
                f"density={density} was given, but {', '.join(names)} is already down to {kept / total:.4f}; expected "
                "no more than that: removed weights stay out."
            )
    return _remove(mask, scores, counts, min_kept)


def prune_iteratively(
    model: nn.Module,
    score: Callable[[nn.Module], Mapping[str, Tensor]],
    density: float,
    *,
    rounds: int,
    mask: Mask | None = None,
    scope: str = "global",
    min_kept: int = 1,
) -> Mask:
    """Score, prune a little, score what remains, ..., without training: the densities fall as density^(r / rounds).

    For criteria that look ahead at initialisation: SynFlow takes 100 rounds (Tanaka et al. 2020, algorithm 1), SNIP
    gains from a few (Verdenius et al. 2020). `score` sees a copy of the model with the mask so far applied; the model
    itself stays as it is. One round is `prune_to` with the scores of the model as given. After many rounds the masks of
    two correct programs differ, because rounding decides between near ties and each round builds on the one before
    (see `pruning.scores`): do not compare them bit for bit.

    Args:
        score: of this package's own criteria, it scores what the mask speaks about (see `pruning.scores.for_mask`).
        density: of the mask's weights, to be reached exactly at the last round.
        mask: where to begin; None is everything. scope, min_kept: as in `prune`; min_kept=0 lets layers collapse.

    Raises:
        ValueError: density not between 0 and 1, rounds below 1, and what `prune_to` refuses.
    """
    rounds = check_whole("rounds", rounds, 1)
    _check_fraction(density, "density")
    density = float(density)
    if not 0 < density < 1:
        raise ValueError(f"density={density} was given; expected a number between 0 and 1, such as 0.05.")
    mask = mask or Mask.ones(model)
    masked = copied(model)
    begin = mask.density
    if density > begin:
        raise ValueError(
            f"density={density} was given, but the mask to begin with is already down to {begin:.4f}; expected less."
        )
    for r in waiting(range(1, rounds + 1), lambda r: f"scoring, round {r} of {rounds}"):
        mask.apply_(masked)
        level = begin * (density / begin) ** (r / rounds) if r < rounds else density
        mask = prune_to(mask, for_mask(score, mask, round=r)(masked), level, scope=scope, min_kept=min_kept)
    return mask


def ladder(fraction: float, rounds: int) -> list[float]:
    """Densities of iterative pruning when each round removes `fraction` of the rest: 1, 1-f, (1-f)², ...

    Raises:
        ValueError: a fraction that is not from 0 to 1, rounds below 0.
    """
    _check_fraction(fraction, "fraction")
    rounds, fraction = check_whole("rounds", rounds, 0), float(fraction)
    return [(1 - fraction) ** r for r in range(rounds + 1)]


def fraction_for(density: float, rounds: int) -> float:
    """The fraction per round that reaches `density` after `rounds` rounds; the inverse of `ladder`.

    Raises:
        ValueError: not 0 < density <= 1, rounds below 1.
    """
    whole = isinstance(rounds, Integral) and not isinstance(rounds, bool)
    if not is_number(density) or not 0 < density <= 1 or not whole or rounds < 1:
        raise ValueError(
            f"density={density!r}, rounds={rounds!r} were given; expected 0 < density <= 1 and rounds >= 1, whole."
        )
    return 1 - float(float(density) ** (1 / int(rounds)))


def _remove(
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
        alive = {n: _count(kept[n]) for n in names}
        spare = {n: max(0, alive[n] - min_kept) for n in names}
        # A layer that the ranking empties below the guard gives all it can spare; what it owes, the others give, which
        # may bring further layers to the guard. No layer gives less when others are held back, so this is exact.
        while short := [n for n in flat if alive[n] - _count(going[n]) < min_kept]:
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


def _lowest(flat: Mapping[str, Tensor], kept: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
    """Bool tensors, True at the `count` lowest kept values of `flat`, of equal ones at the first.

    Exact, by one threshold: no full sort, and no tensor of positions to fill the memory.
    """
    if count == 0:
        return {n: torch.zeros_like(kept[n]) for n in flat}
    limit = _kth(flat, kept, count)
    lowest = {n: _compared(np.less_equal, v, limit).logical_and_(kept[n]) for n, v in flat.items()}
    surplus = _count(*lowest.values()) - count  # more than one value equals the limit: the last stay
    for n in reversed(list(flat)):
        if surplus == 0:
            break
        ties = _compared(np.equal, flat[n], limit).logical_and_(lowest[n])
        # A million at a time: positions take 8 bytes each, and all values may be equal.
        for chosen, tied in reversed(list(zip(lowest[n].split(2**20), ties.split(2**20), strict=True))):
            if (found := _count(tied)) > surplus:
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
        if _count(kept[n]) < len(v):
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


def _count(*masks: Tensor) -> int:
    return sum(
        int(np.count_nonzero(m.numpy()) if m.device.type == "cpu" else torch.count_nonzero(m)) for m in masks
    )


def _check_fraction(value: float, name: str) -> None:
    if not is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"{name}={value!r} was given; expected a number from 0 to 1, such as 0.2 for 20 %.")


def _check_scope(scope: str) -> None:
    if scope not in ("global", "layerwise"):
        raise ValueError(f"scope={scope!r} was given; expected 'global' or 'layerwise'.")


def _check_scores(mask: Mask, scores: Mapping[str, Tensor]) -> None:
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
        if not isinstance(scores[name], Tensor) or not scores[name].is_floating_point():
            kind = getattr(scores[name], "dtype", type(scores[name]).__name__)
            raise ValueError(
                f"scores[{name!r}] is of {kind}; expected a floating-point tensor, such as `scores.float()`."
            )
        if scores[name].shape != mask[name].shape:
            raise ValueError(
                f"scores[{name!r}] is {tuple(scores[name].shape)}, the mask {tuple(mask[name].shape)}; expected the "
                "same shape, so scores of the same network."
            )
        values = scores[name].detach()
        if bool(_finite(values).all()):
            continue
        bad = _count((~_finite(values) & mask[name].to(values.device)).reshape(-1))
        if bad:
            raise ValueError(
                f"scores[{name!r}] has {bad} NaN or infinite values among the kept weights; expected finite numbers. Look "
                "at the weights: has the training diverged?"
            )


def _finite(values: Tensor) -> Tensor:
    if values.device.type == "cpu" and values.dtype in (torch.float32, torch.float64):
        return torch.from_numpy(np.asarray(np.isfinite(values.numpy())))
    return torch.isfinite(values)
