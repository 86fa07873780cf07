"""Selection: a mask and scores give a smaller mask, with an exact count and no luck in it.

Selection does not ask where scores come from; every criterion, the student's own too, goes through `prune`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from lthkit.masks import Mask


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
    _check_fraction(fraction, "fraction")
    if scope not in ("global", "layerwise"):
        raise ValueError(f"scope={scope!r} was given; expected 'global' or 'layerwise'.")
    overrides = dict(overrides or {})
    if overrides and scope == "global":
        raise ValueError(
            "overrides need scope='layerwise'; to leave a layer out, use Mask.ones(model, exclude=[...])."
        )
    if unknown := [name for name in overrides if name not in mask]:
        raise ValueError(f"overrides names {unknown}; the mask has {list(mask)}.")
    for name, value in overrides.items():
        _check_fraction(value, f"overrides[{name!r}]")
    _check_scores(mask, scores)

    if scope == "global":
        return _remove(mask, scores, {tuple(mask): round(fraction * mask.kept)}, min_kept)
    counts: dict[tuple[str, ...], int] = {
        (name,): round(overrides.get(name, fraction) * int(mask[name].sum())) for name in mask
    }
    return _remove(mask, scores, counts, min_kept)


def prune_to(
    mask: Mask, scores: Mapping[str, Tensor], density: float, *, scope: str = "global", min_kept: int = 1
) -> Mask:
    """One shot to a density: keep `round(density * mask.total)` weights (of each layer, if layerwise)."""
    _check_fraction(density, "density")
    if scope not in ("global", "layerwise"):
        raise ValueError(f"scope={scope!r} was given; expected 'global' or 'layerwise'.")
    _check_scores(mask, scores)
    groups: list[tuple[str, ...]] = [tuple(mask)] if scope == "global" else [(name,) for name in mask]
    counts: dict[tuple[str, ...], int] = {}
    for names in groups:
        total, kept = sum(mask[n].numel() for n in names), sum(int(mask[n].sum()) for n in names)
        counts[names] = kept - round(density * total)
        if counts[names] < 0:
            raise ValueError(
                f"density={density} was given, but {', '.join(names)} is already down to {kept / total:.4f}."
            )
    return _remove(mask, scores, counts, min_kept)


def ladder(fraction: float, rounds: int) -> list[float]:
    """Densities of iterative pruning when each round removes `fraction` of the rest: 1, 1-f, (1-f)², ..."""
    _check_fraction(fraction, "fraction")
    return [(1 - fraction) ** r for r in range(rounds + 1)]


def fraction_for(density: float, rounds: int) -> float:
    """The fraction per round that reaches `density` after `rounds` rounds; the inverse of `ladder`."""
    if not 0 < density <= 1 or rounds < 1:
        raise ValueError(
            f"density={density}, rounds={rounds} were given; expected 0 < density <= 1 and rounds >= 1."
        )
    return 1 - float(density ** (1 / rounds))


def _remove(
    mask: Mask, scores: Mapping[str, Tensor], counts: Mapping[tuple[str, ...], int], min_kept: int
) -> Mask:
    """Take the given number of weights out of each group of tensors, ranking each group by itself."""
    if min_kept < 0:
        raise ValueError(f"min_kept={min_kept} was given; expected 0 or more.")
    smaller: dict[str, Tensor] = {}
    for names, count in counts.items():
        sizes = [mask[n].numel() for n in names]
        kept = torch.cat([mask[n].flatten() for n in names])
        flat = _sortable(torch.cat([scores[n].detach().flatten().to(kept.device) for n in names]))
        after = kept.clone()
        after[_lowest(flat, kept, count)] = False
        if any(int(layer.sum()) < min_kept for layer in after.split(sizes)):
            movable = _unprotected(flat, kept, sizes, min_kept)
            if count > int(movable.sum()):
                raise LayerCollapse(
                    f"{count:,} weights should go from {', '.join(names)}, but only {int(movable.sum()):,} may: each "
                    f"layer keeps at least min_kept={min_kept}. Use a smaller fraction, or min_kept=0 to let layers die."
                )
            after = kept.clone()
            after[_lowest(flat, movable, count)] = False
        smaller |= {n: piece.view(mask[n].shape) for n, piece in zip(names, after.split(sizes), strict=True)}
    result = Mask({name: smaller[name] for name in mask})
    if not result.issubset(mask):
        raise AssertionError("a pruned weight came back: this is a bug in lthkit, please report it")
    return result


def _lowest(flat: Tensor, movable: Tensor, count: int) -> Tensor:
    """Flat indices of the `count` lowest movable scores; ties go by index. Exact, by one k-th value and no full sort."""
    index = movable.nonzero().squeeze(1)
    if count == 0:
        return index[:0]
    values = flat[index]
    threshold = values.kthvalue(count).values
    below = index[values < threshold]
    ties = index[values == threshold]  # nonzero() is ascending, so ties are in index order
    return torch.cat([below, ties[: count - len(below)]])


def _unprotected(flat: Tensor, kept: Tensor, sizes: list[int], min_kept: int) -> Tensor:
    """The kept entries that may go: all but the `min_kept` best of each layer (of equal ones, the later are better)."""
    movable = torch.zeros_like(kept)
    start = 0
    for size in sizes:
        layer = slice(start, start + size)
        alive = kept[layer]
        going = max(0, int(alive.sum()) - min_kept)
        movable[_lowest(flat[layer], alive, going) + start] = True
        start += size
    return movable


def _sortable(flat: Tensor) -> Tensor:
    """16-bit scores as float32, which keeps their order: not every device ranks 16-bit numbers."""
    return flat.float() if flat.dtype in (torch.float16, torch.bfloat16) else flat


def _check_fraction(value: float, name: str) -> None:
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{name}={value!r} was given; expected a number from 0 to 1, such as 0.2 for 20 %.")


def _check_scores(mask: Mask, scores: Mapping[str, Tensor]) -> None:
    for name in mask:
        if name not in scores:
            raise ValueError(f"scores has no entry for {name!r}; it has {list(scores)}.")
        if scores[name].shape != mask[name].shape:
            raise ValueError(
                f"scores[{name!r}] is {tuple(scores[name].shape)}, the mask {tuple(mask[name].shape)}."
            )
        if not scores[name].is_floating_point():
            raise ValueError(f"scores[{name!r}] has dtype {scores[name].dtype}; expected floating point.")
        bad = ~torch.isfinite(scores[name]) & mask[name].to(scores[name].device)
        if bool(bad.any()):
            raise ValueError(
                f"scores[{name!r}] has {int(bad.sum())} NaN or infinite values among the kept weights."
            )
