"""The checks of an audit that look at masks and weights: each takes tensors by name, and answers with a finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from lthkit.evidence.findings import Finding, cannot_tell, fails, holds
from lthkit.evidence.states import State
from lthkit.pruning.masks import LITTLE, Mask
from lthkit.pruning.weights import survey

STILL = 0.1  # share of the kept weights that may stand still: in a sparse network a unit may sleep whenever an input wakes


def zeros(mask: Mask, after: State) -> Finding:
    """Removed weights are exactly 0 in the trained state; NaN is not 0."""
    removed = mask.total - mask.kept
    if not removed:
        return cannot_tell("zeros", "The mask removes nothing. Needs a mask that does.")
    alive: dict[str, int] = {}
    largest = 0.0
    for name, kept in mask.items():
        values = after.tensors[name][~kept.to(after.tensors[name].device)]
        if count := int((values != 0).sum()):
            alive[name] = count
            largest = max(largest, float(values.abs().nan_to_num(nan=torch.inf).max()))
    if not alive:
        return holds(
            "zeros",
            f"{removed:,} of {mask.total:,} weights are removed, and each is 0 in this state. Whether each was 0 while the "
            "accuracy was measured, only a measurement of this state tells.",
        )
    share = 1 - (removed - sum(alive.values())) / mask.total
    return fails(
        "zeros",
        f"{sum(alive.values()):,} of {removed:,} removed weights are not 0 ({_places(alive)}), the largest is {largest:.2g}. "
        f"The mask keeps {100 * mask.density:.2f} %, and {100 * share:.2f} % of the weights are at work.",
    )


def nested(masks: Sequence[Mask]) -> Finding:
    """Every mask lies inside the one before."""
    if len(masks) < 2:
        return cannot_tell("nested", "Needs the masks of two rounds or more, in order.")
    for r, (before, now) in enumerate(pairwise(masks), start=1):
        back = {name: n for name in now if (n := int((now[name].cpu() & ~before[name].cpu()).sum()))}
        if back:
            turned = all(a.issubset(b) for a, b in pairwise([m.to("cpu") for m in masks]))
            return fails(
                "nested",
                f"Mask {r} keeps {sum(back.values()):,} weights that mask {r - 1} had removed ({_places(back)})."
                + (" In the other order they would nest: is the last one first?" if turned else ""),
            )
    return holds("nested", f"Each of {len(masks)} masks lies inside the one before it.")


def empty(mask: Mask) -> Finding:
    """No tensor of the mask is without a kept weight, and not all of them are."""
    if not mask.kept:
        return fails("empty", "The mask keeps nothing at all: the network gives the same for every input.")
    gone = [name for name, kept in mask.items() if kept.numel() and not bool(kept.any())]
    if gone:
        return fails("empty", f"Nothing is kept of {', '.join(gone)}: what goes through it is cut off.")
    least = min(mask.per_layer().items(), key=lambda pair: pair[1])
    return holds("empty", f"The sparsest layer is {least[0]}, with {100 * least[1]:.2f} % of its weights.")


def density(
    mask: Mask, *, said: float | None = None, kept: int | None = None, rule: str = "", item: str = "density"
) -> Finding:
    """The mask keeps the number of weights that was said: a count, or a fraction of all, rounded either way."""
    if kept is None:
        assert said is not None
        exact = said * mask.total
        fitting = {int(exact), int(exact) + (exact > int(exact))}
        if abs(exact - round(exact)) < 1e-6 * max(1.0, exact):
            fitting = {round(exact)}
        words = f"{100 * said:g} % of {mask.total:,} are {exact:,.1f}".removesuffix(".0")
    else:
        fitting, words = {kept}, f"{kept:,} were said" + (f" ({rule})" if rule else "")
    if mask.kept in fitting:
        return holds(
            item, f"{mask.kept:,} of {mask.total:,} weights stay ({100 * mask.density:.2f} %); {words}."
        )
    wanted = min(fitting, key=lambda n: abs(n - mask.kept))
    more = mask.kept - wanted
    why = ""
    if abs((mask.total - mask.kept) - wanted) <= 1 and mask.total != 2 * wanted:
        why = " That is the fraction removed, taken for the fraction kept."
    elif not mask.kept:
        why = " Nothing stays: did all scores tie with the threshold?"
    return fails(
        item,
        f"{mask.kept:,} of {mask.total:,} weights stay ({100 * mask.density:.2f} %), and {words}: "
        f"{abs(more):,} too {'many' if more > 0 else 'few'}.{why}",
    )


def rewound(before: State, start: State, after: State | None, mask: Mask | None) -> Finding:
    """The training began from `before`: bit for bit at kept places, and in all that has no mask, buffers too."""
    if aliased := start.shares_memory(before):
        return cannot_tell(
            "rewound",
            f"start and before are the same memory ({', '.join(_few(aliased))}), so they are equal whatever happened. Needs "
            "a copy of one of them, made at its time: {n: t.clone() for n, t in model.state_dict().items()}.",
        )
    if after is not None and (aliased := start.shares_memory(after)):
        return cannot_tell(
            "rewound",
            f"start is no copy: it shares memory with the trained state ({', '.join(_few(aliased))}), so it has changed since. "
            "Needs a copy, made right before the first step.",
        )
    lacking = sorted(set(before.tensors) ^ set(start.tensors))
    if lacking:
        return fails("rewound", f"Only one of before and start has {', '.join(_few(lacking))}.")
    other: dict[str, int] = {}
    total = 0
    for name, was in before.tensors.items():
        unequal = _unequal(
            was, start.tensors[name], mask[name] if mask is not None and name in mask else None
        )
        if unequal is None:
            return fails(
                "rewound",
                f"{name} is {_kind(start.tensors[name])} at the start, and {_kind(was)} in the state that was meant.",
            )
        total += unequal[1]
        if unequal[0]:
            other[name] = unequal[0]
    if not other:
        return holds(
            "rewound", f"All {total:,} numbers of weights and buffers that count are those of before."
        )
    why = _why_not_rewound(other, before, start, after, mask)
    return fails("rewound", f"{sum(other.values()):,} of {total:,} numbers differ ({_places(other)}).{why}")


def _only_zeroed(before: State, start: State, names: Mapping[str, int]) -> bool:
    return all(
        not bool(start.tensors[n].cpu()[before.tensors[n].cpu() != start.tensors[n].cpu()].any())
        for n in names
    )


def _why_not_rewound(
    other: Mapping[str, int], before: State, start: State, after: State | None, mask: Mask | None
) -> str:
    if after is not None and _same(start, after, mask):
        return " The start is the trained state: the rewind did nothing."
    buffers = [name for name in other if name.rpartition(".")[2] in _BUFFERS]
    if len(buffers) == len(other):
        return " Weights and biases are right; the statistics of batch norm were not taken back."
    if mask is not None and not set(other) & set(mask):
        return " The masked weights are right; what has no mask was not taken back."
    if mask is not None and set(mask) <= set(other):
        n = sum(other[name] for name in mask)
        if n > 0.9 * mask.kept:
            return " Nearly all kept weights differ: it is another state, not a part of one."
    return ""


_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def copied_before(before: State, after: State | None, mask: Mask | None) -> Finding | None:
    """Without a start, what can be said all the same: fails if `before` is the trained state; else None."""
    if after is None:
        return None
    if shared := before.shares_memory(after):
        return fails(
            "rewound",
            f"before is no copy: it shares memory with the trained state ({', '.join(_few(shared))}), so going back to it does "
            "nothing.",
        )
    if _same(before, after, mask):
        return fails(
            "rewound",
            "before is equal to the trained state, number for number: it was overwritten, or nothing was trained.",
        )
    return None


def _same(one: State, other: State, mask: Mask | None) -> bool:
    """True if both have the same numbers wherever both have a tensor, and have some in common."""
    shared = [name for name in one.tensors if name in other.tensors]
    counts = [
        _unequal(one.tensors[n], other.tensors[n], mask[n] if mask is not None and n in mask else None)
        for n in shared
    ]
    return bool(shared) and all(count is not None and not count[0] for count in counts)


def _unequal(one: Tensor, other: Tensor, kept: Tensor | None) -> tuple[int, int] | None:
    """How many numbers differ, of how many; at kept places only. None for other shapes or types. NaN equals NaN."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return None
    one, other = one.cpu(), other.cpu()
    differs = (one != other) & ~((one != one) & (other != other))
    if kept is not None:
        differs = differs[kept.cpu()]
    return int(differs.sum()), differs.numel()


def moved(mask: Mask, first: State, after: State) -> Finding:
    """Every kept weight was trained; one may stand still whose unit or whose input never plays a part.

    A weight has no gradient where its input is always 0 (an empty corner of the images) or its unit is dead. Then the
    whole column of the input, or the whole row of the unit, stands still, and these are not counted.
    """
    still: dict[str, int] = {}
    signs, kept_signs, stood = [0, 0], [0, 0], 0
    whole = []
    for name, kept in mask.items():
        one, other = first.tensors[name].cpu(), after.tensors[name].cpu()
        stays = (one == other) & kept.cpu()
        keeps = kept.cpu()
        stood += int(stays.sum())
        for i, side in enumerate((one < 0, one > 0)):
            signs[i] += int((stays & side).sum())
            kept_signs[i] += int((keeps & side).sum())
        if int(keeps.sum()) and int(stays.sum()) == int(keeps.sum()):
            whole.append(name)
            continue
        if count := int(_unexcused(stays, keeps).sum()):
            still[name] = count
    if len(whole) == sum(bool(kept.any()) for kept in mask.values()):
        return fails(
            "moved",
            "No kept weight differs from its value before: nothing was trained, or before is no copy.",
        )
    if whole:
        return fails(
            "moved", f"{', '.join(whole)} stands still as a whole: is it in the optimizer, and not frozen?"
        )
    shares = [n / max(1, k) for n, k in zip(signs, kept_signs, strict=True)]
    if max(shares) > 0.9 and min(shares) < 0.5:
        which = "negative" if shares[0] > shares[1] else "positive"
        return fails(
            "moved",
            f"{max(signs):,} kept weights stand still, and they are {100 * max(shares):.0f} % of the {which} ones, but "
            f"{100 * min(shares):.0f} % of the others: what freezes the removed weights freezes these too.",
        )
    count = sum(still.values())
    if count > STILL * mask.kept:
        return fails(
            "moved",
            f"{count:,} of {mask.kept:,} kept weights stand still ({_places(still)}) though other weights of the same unit "
            "and of the same input move.",
        )
    return holds("moved", _moved(mask.kept - stood, mask.kept, count))


def _moved(moved: int, kept: int, still: int) -> str:
    """How many kept weights moved, and of the rest how many have an excuse."""
    if moved == kept:
        return f"All {kept:,} kept weights moved."
    asleep = kept - moved - still
    parts = [
        f"{asleep:,} stood still with all others of their unit or their input, which never played a part"
        if asleep
        else "",
        f"{still:,} stood still alone, too few to count as frozen" if still else "",
    ]
    return f"{moved:,} of {kept:,} kept weights moved. {'; '.join(filter(None, parts))}."


def _unexcused(stays: Tensor, kept: Tensor) -> Tensor:
    """Where a kept weight stands still, and neither all of its row nor all of its column does."""
    if stays.ndim < 2:
        return stays
    rows, kept_rows = stays.reshape(len(stays), -1), kept.reshape(len(kept), -1)
    row = (rows.sum(1) == kept_rows.sum(1)).unsqueeze(1)
    column = (rows.sum(0) == kept_rows.sum(0)).unsqueeze(0)
    return rows & ~row & ~column


def whole(mask: Mask, state: State, model: nn.Module | None) -> Finding:
    """The mask speaks about weights only, and about nearly all matrices of the network, so that its density is the network's."""
    flat = [name for name, kept in mask.items() if kept.ndim < 2]
    if flat:
        return fails(
            "whole",
            f"The mask has {', '.join(_few(flat))}, with one dimension: biases, or gains of a norm, count as weights.",
        )
    if model is not None:
        found = survey(model)
        sizes = {name: weight.numel() for name, weight in found.matrices.items()}
        first = {other: name for name, others in found.others.items() for other in others}
        named = {first.get(name, name) for name in mask}
    else:
        sizes = {n: t.numel() for n, t in state.tensors.items() if t.ndim >= 2 and t.is_floating_point()}
        named = set(mask)
    others = {name: n for name, n in sizes.items() if name not in named}
    total = mask.total + sum(others.values())
    share = mask.total / total if total else 1.0
    said = f"{100 * share:.1f} % of the weights in matrices are in tensors that the mask has"
    if share < LITTLE:
        return fails(
            "whole",
            f"Only {said}, and its density is of these only. Not in it: {', '.join(_few(list(others)))}.",
        )
    return holds("whole", said + (f"; not in it: {', '.join(_few(list(others)))}." if others else "."))


def shared(mask: Mask, state: State | None, model: nn.Module | None) -> Finding:
    """Names of one parameter have one mask, and in the state one value."""
    if model is not None:
        groups: dict[int, list[str]] = {}
        for name, parameter in model.named_parameters(remove_duplicate=False):
            groups.setdefault(id(parameter), []).append(name)
        together = [names for names in groups.values() if len(names) > 1]
    elif state is not None and (together := state.names_together()):
        pass
    else:
        return cannot_tell(
            "shared", "Needs the network: a state dict does not say which names are one weight."
        )
    together = [names for names in together if set(names) & set(mask)]
    for names in together:
        masks = [mask[name] for name in names if name in mask]
        if any(not torch.equal(masks[0].cpu(), other.cpu()) for other in masks[1:]):
            return fails("shared", f"{' and '.join(names)} are one weight, and have different masks.")
        values = [state.tensors[n].cpu() for n in names if n in state.tensors] if state is not None else []
        if any(_unequal(values[0], other, None) not in ((0, other.numel()),) for other in values[1:]):
            return fails(
                "shared",
                f"{' and '.join(names)} are one weight of the network, and have different values in the state: the tie was "
                "lost, and so was the mask for one of them.",
            )
    if not together:
        return holds("shared", "No weight of the mask has a second name.")
    return holds(
        "shared", f"One mask and one value for {'; '.join(' = '.join(names) for names in together)}."
    )


def _places(counts: Mapping[str, int]) -> str:
    parts = [f"{name} {n:,}" for name, n in sorted(counts.items(), key=lambda pair: -pair[1])]
    return ", ".join(_few(parts))


def _few(names: Sequence[str], most: int = 4) -> list[str]:
    return [*names[:most], f"{len(names) - most} more"] if len(names) > most + 1 else list(names)


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
