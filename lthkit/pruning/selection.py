"""Selection: a mask and scores give a smaller mask, with an exact count and no luck in it.

Selection does not ask where scores come from; every criterion, the student's own too, goes through `prune`. How weights
are counted out is in `counting`. Layers get densities of their own from `densities`, and `growing` is the way back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from numbers import Integral

from torch import Tensor, nn

from lthkit.machine.checks import check_whole, is_number
from lthkit.machine.work import waiting
from lthkit.pruning.counting import LayerCollapse as LayerCollapse
from lthkit.pruning.counting import (
    check_fraction,
    check_scope,
    check_scores,
    count_of,
    remove,
    remove_in_rows,
    rounded,
    rows_of,
)
from lthkit.pruning.masks import Mask
from lthkit.pruning.scores import for_mask
from lthkit.pruning.weights import copied


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
        scope: "global" ranks all layers together; "layerwise" removes the fraction from each layer by itself; "row" from
            each row `weight[i]`, what comes into one output neuron or channel (of a transposed convolution, what goes out
            of one input channel). A vector is one row.
        overrides: for "layerwise" and "row", another fraction for some layers, such as `{"fc3.weight": 0.1}`.
        min_kept: each layer keeps at least this many of its weights, its best ones; in global scope the next-worst
            weights elsewhere go instead, so that the count stays exact. In scope "row" each row does. 0 turns the guard off.

    Raises:
        ValueError: bad fraction, scope, overrides; scores that are missing, misshaped, NaN or infinite.
        LayerCollapse: the guard leaves too few weights to remove.
    """
    check_request(mask, fraction, scope=scope, overrides=overrides)
    fraction = float(fraction)  # numpy's float32 times a count would be rounded to float32
    overrides = {name: float(value) for name, value in (overrides or {}).items()}
    check_scores(mask, scores)

    if scope == "global":
        return remove(mask, scores, {tuple(mask): round(fraction * count_of(*mask.values()))}, min_kept)
    if scope == "row":
        kept = {name: rows_of(mask[name]).sum(1) for name in mask}
        rows = {name: rounded(overrides.get(name, fraction), kept[name]) for name in mask}
        return remove_in_rows(mask, scores, rows, min_kept)
    counts: dict[tuple[str, ...], int] = {
        (name,): round(overrides.get(name, fraction) * count_of(mask[name])) for name in mask
    }
    return remove(mask, scores, counts, min_kept)


def check_request(
    mask: Mask, fraction: float, *, scope: str = "global", overrides: Mapping[str, float] | None = None
) -> None:
    """ValueError if `prune` would refuse these arguments; for who trains first, and wants to hear of it before."""
    check_fraction(fraction, "fraction")
    check_scope(scope)
    if overrides and scope == "global":
        raise ValueError(
            "overrides need scope='layerwise' or 'row'; to leave a layer out, use Mask.ones(model, exclude=[...])."
        )
    for name, value in (overrides or {}).items():
        if name not in mask:
            raise ValueError(f"overrides names {name!r}; expected some of {list(mask)}, which the mask has.")
        check_fraction(value, f"overrides[{name!r}]")


def prune_to(
    mask: Mask,
    scores: Mapping[str, Tensor],
    density: float | Mapping[str, float],
    *,
    scope: str = "global",
    min_kept: int = 1,
) -> Mask:
    """One shot to a density: keep `round(density * mask.total)` weights (of each layer, or row, by its size in other scopes).

        mask = lth.prune_to(lth.Mask.ones(model), lth.magnitude(model), 0.1)
        mask = lth.prune_to(lth.Mask.ones(model), scores, {"fc1.weight": 0.02, "fc2.weight": 0.2})   # others stay whole
        mask = lth.prune_to(lth.Mask.ones(model), scores, lth.erk(model, 0.1))

    Args:
        mask, scores, scope, min_kept: as in `prune`; the same weights go first.
        density: from 0 to 1. `{name: density}` gives layers their own, such as `erk` makes them; each is ranked by itself
            then, or each of its rows in scope "row". A layer that it does not name stays as it is.

    Raises:
        ValueError: a density out of range, above what is left, or for a layer that the mask does not have; and what
            `prune` refuses. LayerCollapse: the guard leaves too few weights to remove.
    """
    own = _own_densities(mask, density)
    check_scope(scope)
    check_scores(mask, scores)
    if scope == "row":
        return remove_in_rows(mask, scores, _surplus_in_rows(mask, own), min_kept)
    together = scope == "global" and not isinstance(density, Mapping)
    groups: list[tuple[str, ...]] = [tuple(mask)] if together else [(name,) for name in mask]
    counts: dict[tuple[str, ...], int] = {}
    for names in groups:
        total, kept = sum(mask[n].numel() for n in names), count_of(*(mask[n] for n in names))
        wanted = own.get(names[0])
        counts[names] = 0 if wanted is None else kept - round(wanted * total)
        if counts[names] < 0:
            raise ValueError(
                f"density={wanted} was given, but {', '.join(names)} is already down to {kept / total:.4f}; expected "
                "no more than that: removed weights stay out."
            )
    return remove(mask, scores, counts, min_kept)


def prune_iteratively(
    model: nn.Module,
    score: Callable[[nn.Module], Mapping[str, Tensor]],
    density: float | Mapping[str, float],
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
        score: of this package's own criteria, it scores what the mask speaks about (see `pruning.scores.for_mask`). One of
            your own may ask for `mask=` and `round=` (see `pruning.scores`).
        density: of the mask's weights, to be reached exactly at the last round; or `{name: density}`, as in `prune_to`.
        mask: where to begin; None is everything. scope, min_kept: as in `prune`; min_kept=0 lets layers collapse.

    Raises:
        ValueError: density not between 0 and 1, rounds below 1, and what `prune_to` refuses.
    """
    rounds = check_whole("rounds", rounds, 1)
    mask = mask or Mask.ones(model)
    own = _own_densities(mask, density)
    each = isinstance(density, Mapping)
    if odd := [d for d in own.values() if not 0 < d < 1 and not (each and d == 1)]:
        raise ValueError(f"density={odd[0]} was given; expected a number between 0 and 1, such as 0.05.")
    masked = copied(model)
    begin = mask.per_layer() if each else dict.fromkeys(mask, mask.density)
    if above := [name for name in own if own[name] > begin[name]]:
        raise ValueError(
            f"density={own[above[0]]} was given{f' for {above[0]}' if each else ''}, but the mask to begin with is already "
            f"down to {begin[above[0]]:.4f}; expected less."
        )
    with closing(waiting(range(1, rounds + 1), lambda r: f"scoring, round {r} of {rounds}")) as counted:
        for r in counted:
            mask.apply_(masked)
            levels = {
                n: begin[n] * (own[n] / begin[n]) ** (r / rounds) if r < rounds else own[n] for n in own
            }
            level = levels if each else levels[next(iter(own))]
            mask = prune_to(
                mask, for_mask(score, mask, round=r)(masked), level, scope=scope, min_kept=min_kept
            )
    return mask


def ladder(fraction: float, rounds: int) -> list[float]:
    """Densities of iterative pruning when each round removes `fraction` of the rest: 1, 1-f, (1-f)², ...

    Raises:
        ValueError: a fraction that is not from 0 to 1, rounds below 0.
    """
    check_fraction(fraction, "fraction")
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


def _own_densities(mask: Mask, density: float | Mapping[str, float]) -> dict[str, float]:
    """The density of each tensor that is spoken about; one number is that of all."""
    if not isinstance(mask, Mapping):
        check_scores(mask, {})  # says what was given
    if not isinstance(density, Mapping):
        check_fraction(density, "density")
        return dict.fromkeys(mask, float(density))
    if not density:
        raise ValueError(
            "density is an empty dict; expected a density for some layers, such as lthkit.erk(model, 0.1) gives."
        )
    for name, value in density.items():
        if name not in mask:
            raise ValueError(f"density names {name!r}; expected some of {list(mask)}, which the mask has.")
        check_fraction(value, f"density[{name!r}]")
    return {name: float(value) for name, value in density.items()}


def _surplus_in_rows(mask: Mask, own: Mapping[str, float]) -> dict[str, Tensor]:
    """How many weights each row has above its density."""
    surplus = {}
    for name, kept in mask.items():
        rows = rows_of(kept)
        there = rows.sum(1)
        wanted = round(own[name] * rows.shape[1]) if name in own else None
        surplus[name] = there * 0 if wanted is None else there - wanted
        if bool((surplus[name] < 0).any()):
            raise ValueError(
                f"density={own[name]} was given, but a row of {name} is already down to {int(there.min()):,} of "
                f"{rows.shape[1]:,} weights; expected no more than that: removed weights stay out."
            )
    return surplus
