"""Exercises of lesson 04, iterative pruning: the schedule, the loop that is not iterative, nested masks, the rewind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from lthkit.classroom.exercises.exercise import Case, Exercise, Misconception, Option, Question


def density_schedule(target: float, rounds: int) -> list[float]:
    """The densities of iterative pruning that removes the same fraction of the rest in every round.

    Args:
        target: density after the last round, in (0, 1].
        rounds: how many times weights are removed, 1 or more.

    Returns:
        `rounds` + 1 densities: 1.0 for the dense network first, `target` last.
    """
    return [target ** (r / rounds) for r in range(rounds + 1)]


def remove_smallest(weight: Tensor, mask: Tensor, fraction: float) -> Tensor:
    """A new mask without the `fraction` of the kept weights that are smallest in absolute value.

    `round(fraction * kept)` weights go; among equal ones the one with the lowest flat index first. Weights that are out
    stay out.
    """
    return _without(weight.abs(), mask, round(fraction * mask.sum().item()))


def _without(score: Tensor, mask: Tensor, count: int) -> Tensor:
    """A new mask without the `count` kept weights of smallest score."""
    going = score.where(mask, torch.inf).flatten().argsort(stable=True)[: max(count, 0)]
    smaller = mask.flatten().clone()
    smaller[going] = False
    return smaller.view(mask.shape)


def iterative_masks(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    """The masks of iterative magnitude pruning, given the weights that each training ended with.

    Args:
        trained: one float tensor a training, all of one shape; `trained[r]` was trained under mask r. Removed weights
            need not be 0 in it.
        fraction: of what remains, removed in every round.

    Returns:
        len(trained) + 1 bool tensors: mask 0 keeps all; mask r + 1 is mask r pruned by `trained[r]`.
    """
    masks = [torch.ones_like(trained[0], dtype=torch.bool)]
    for weight in trained:
        masks.append(remove_smallest(weight, masks[-1], fraction))
    return masks


def reviving_rounds(masks: Sequence[Mapping[str, Tensor]]) -> list[int]:
    """The rounds whose mask keeps a weight that the mask of the round before had removed; empty if the masks nest.

    `masks[r]` is the mask of round r: parameter name -> bool tensor, the same names and shapes in every round.
    """
    return [
        r
        for r in range(1, len(masks))
        if any((masks[r][name] & ~masks[r - 1][name]).any() for name in masks[r])
    ]


def rewind(initial: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state that a ticket starts from: a copy of the initial state, with 0 where the mask removes.

    Args:
        initial: state at the rewind point by name: weights, biases, buffers. Left as it is.
        mask: bool tensors by name, True = kept; not every name has one.

    Returns:
        A new dict with the names of `initial`. No tensor of it shares memory with `initial`.
    """
    state = {name: value.clone() for name, value in initial.items()}
    for name, keep in mask.items():
        state[name][~keep] = 0
    return state


# Other right answers, and mistakes that people make


def _schedule_by_product(target: float, rounds: int) -> list[float]:
    fraction = 1 - target ** (1 / rounds)
    densities = [1.0]
    while len(densities) <= rounds:
        densities.append(densities[-1] - fraction * densities[-1])
    return densities


def _schedule_by_geomspace(target: float, rounds: int) -> list[float]:
    return list(np.geomspace(1, target, rounds + 1).tolist())


def _schedule_divided(target: float, rounds: int) -> list[float]:
    keep = 1 - (1 - target) / rounds
    return [keep**r for r in range(rounds + 1)]


def _rounding(digits: int, *, factor: bool) -> Callable[[float, int], list[float]]:
    """Each density rounded, or the factor of a round."""

    def schedule(target: float, rounds: int) -> list[float]:
        if factor:
            return [round(target ** (1 / rounds), digits) ** r for r in range(rounds + 1)]
        return [round(density, digits) for density in density_schedule(target, rounds)]

    return schedule


def _masks_by_numpy(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    mask = np.ones(tuple(trained[0].shape), dtype=bool)
    masks = [mask]
    for weight in trained:
        alive = np.flatnonzero(masks[-1])
        order = np.argsort(np.abs(weight.numpy().ravel()[alive]), kind="stable")
        new = masks[-1].copy()
        new.ravel()[alive[order[: round(fraction * len(alive))]]] = False
        masks.append(new)
    return [torch.from_numpy(m) for m in masks]


def _masks_by_loops(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    shape, alive = trained[0].shape, list(range(trained[0].numel()))
    masks = [torch.ones(shape).bool()]
    for weight in trained:
        values = [abs(v) for v in weight.flatten().tolist()]
        ranked = sorted(alive, key=lambda i: values[i])
        alive = sorted(ranked[round(fraction * len(alive)) :])
        masks.append(torch.tensor([i in alive for i in range(len(values))]).view(shape))
    return masks


def _full(weight: Tensor) -> Tensor:
    return torch.ones_like(weight, dtype=torch.bool)


def _round_of(fraction: float, kept: int, total: int, r: int) -> int:
    return round(fraction * kept)


def _ranking(
    score: Callable[[Sequence[Tensor], int], Tensor] = lambda trained, r: trained[r].abs(),
    going: Callable[[float, int, int, int], int] = _round_of,
) -> Callable[[Sequence[Tensor], float], list[Tensor]]:
    """The right loop with another score of round r, or another count of those that go in it."""

    def masks_of(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
        masks = [_full(trained[0])]
        for r in range(len(trained)):
            count = going(fraction, int(masks[-1].sum()), trained[0].numel(), r)
            masks.append(_without(score(trained, r), masks[-1], count))
        return masks

    return masks_of


def _from_full(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    full = _full(trained[0])
    return [full, *(remove_smallest(w, full, fraction) for w in trained)]


def _reviving(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    kept = [int(m.sum()) for m in iterative_masks(trained, fraction)[1:]]
    full = _full(trained[0])
    return [full, *(_without(w.abs(), full, w.numel() - n) for w, n in zip(trained, kept, strict=True))]


def _zeros_back(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    masks = [_full(trained[0])]
    for weight in trained:
        kept = int(masks[-1].sum())
        count = weight.numel() - kept + round(fraction * kept)
        masks.append(_without(weight.abs() * masks[-1], masks[0], count))
    return masks


def _removed_again(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    masks = [_full(trained[0])]
    for weight in trained:
        count = round(fraction * int(masks[-1].sum()))
        masks.append(masks[-1] & _without(weight.abs() * masks[-1], masks[0], count))
    return masks


def _all_ties(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    masks = [_full(trained[0])]
    for weight in trained:
        kept = weight.abs()[masks[-1]]
        count = round(fraction * len(kept))
        above = weight.abs() > kept.kthvalue(count).values if count else masks[0]
        masks.append(masks[-1] & above)
    return masks


def _last_first(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    def turned(tensors: Sequence[Tensor]) -> list[Tensor]:
        return [w.flatten().flip(0).view(w.shape) for w in tensors]

    return turned(iterative_masks(turned(trained), fraction))


def _by_rows(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    masks = [_full(trained[0])]
    for weight in trained:
        score = weight.abs().where(masks[-1], torch.inf)
        smaller = masks[-1].clone()
        smaller[score.argsort(stable=True)[: round(fraction * int(masks[-1].sum()))]] = False
        masks.append(smaller)
    return masks


def _one_mask(trained: Sequence[Tensor], fraction: float) -> list[Tensor]:
    return [iterative_masks(trained, fraction)[-1]] * (len(trained) + 1)


def _rounds_by_sets(masks: Sequence[Mapping[str, Tensor]]) -> list[int]:
    kept = [
        {(n, i) for n, m in mask.items() for i in m.flatten().nonzero().flatten().tolist()} for mask in masks
    ]
    return [r + 1 for r, (old, new) in enumerate(zip(kept, kept[1:], strict=False)) if not new <= old]


def _rounds_by_loop(masks: Sequence[Mapping[str, Tensor]]) -> list[int]:
    found: list[int] = []
    for r, mask in enumerate(masks[1:], start=1):
        back = 0
        for name, keep in mask.items():
            back += int(np.sum(keep.numpy() > masks[r - 1][name].numpy()))
        if back > 0:
            found.append(r)
    return found


def _kept(mask: Mapping[str, Tensor]) -> int:
    return sum(int(m.sum()) for m in mask.values())


def _back(masks: Sequence[Mapping[str, Tensor]], r: int, s: int) -> list[int]:
    """How many weights mask r keeps and mask s does not, layer by layer."""
    return [int((masks[r][n] & ~masks[s][n]).sum()) for n in masks[r]]


def _rounds(
    found: Callable[[Sequence[Mapping[str, Tensor]], int], bool], *, first: int = 1, left_out: int = 0
) -> Callable[[Sequence[Mapping[str, Tensor]]], list[int]]:
    """The rounds, without the last `left_out`, of which `found` is true."""
    return lambda masks: [r for r in range(first, len(masks) - left_out) if found(masks, r)]


def _revived(masks: Sequence[Mapping[str, Tensor]], r: int) -> bool:
    return any(_back(masks, r, r - 1))


def _just_cut(masks: Sequence[Mapping[str, Tensor]], r: int) -> bool:
    return any((masks[r][n] & ~masks[r - 1][n] & masks[r - 2][n]).any() for n in masks[r])


def _whole_layer(masks: Sequence[Mapping[str, Tensor]], r: int) -> bool:
    return any((masks[r][n] & ~masks[r - 1][n]).all() for n in masks[r])


def _by_place(masks: Sequence[Mapping[str, Tensor]], r: int) -> bool:
    pairs = zip(masks[r].values(), masks[r - 1].values(), strict=True)
    return any((new & ~old).any() for new, old in pairs)


def _rewind_by_where(initial: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: t.masked_fill(~mask[n], 0) if n in mask else t.detach().clone() for n, t in initial.items()}


def _rewind_by_numpy(initial: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    state = {}
    for name, tensor in initial.items():
        values = tensor.numpy().copy()
        if name in mask:
            values[~mask[name].numpy()] = 0
        state[name] = torch.from_numpy(values)
    return state


def _aliased_biases(initial: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: t * mask[n] if n in mask else t for n, t in initial.items()}


def _in_place(initial: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    state = dict(initial)
    for name, keep in mask.items():
        state[name][~keep] = 0
    return state


def _only_masked(initial: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: initial[n] * keep for n, keep in mask.items()}


def _inverted(initial: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return rewind(initial, {n: ~keep for n, keep in mask.items()})


def _zero_biases(initial: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: t * mask[n] if n in mask else torch.zeros_like(t) for n, t in initial.items()}


def _squeezed(initial: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: t[mask[n]] if n in mask else t.clone() for n, t in initial.items()}


def _copied(initial: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: t.clone() for n, t in initial.items()}


def _normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _bits(*values: int) -> Tensor:
    return torch.tensor(values).bool()


EXERCISES = (
    Exercise(
        id="04.1",
        reference=density_schedule,
        cases=(
            Case((0.5, 1), "One round: dense, then the target."),
            Case((0.25, 2), "Two rounds: half of what remains goes each time."),
            Case((0.512, 3), "Three rounds of 20 % of what remains."),
            Case((1.0, 2), "The target is the dense network: nothing goes."),
            Case((0.01, 20), "A small target in many rounds."),
        ),
        hints=(
            "In every round the density is multiplied by the same number, and after all rounds the product is the target.",
            "That number is target ** (1 / rounds). What is the density after r rounds?",
            "After r rounds it is target ** (r / rounds). Let r run from 0 to rounds, both ends included.",
        ),
        misconceptions=(
            Misconception(
                lambda target, rounds: [1 - (1 - target) * r / rounds for r in range(rounds + 1)],
                "These are equal steps: every round removes the same number of weights. Here every round removes the "
                "same fraction of what remains.",
            ),
            Misconception(
                _schedule_divided,
                "You divide what has to go by the number of rounds and take that as the fraction; since it is a fraction "
                "of what remains, the last density stays above the target.",
            ),
            Misconception(
                lambda target, rounds: density_schedule(target, rounds)[1:],
                "The dense network is missing: the list starts with 1.0 and has rounds + 1 entries.",
            ),
            Misconception(
                lambda target, rounds: (
                    density_schedule(1 - target, rounds) if target < 1 else [1.0, 0.0, 0.0]
                ),
                "You read the target as the fraction that is removed (the sparsity); it is the fraction that is kept.",
            ),
            Misconception(
                lambda target, rounds: [1 - d for d in density_schedule(target, rounds)],
                "These are sparsities, what is gone; densities are asked for, what stays.",
            ),
            Misconception(
                lambda target, rounds: [(1 - target) ** r for r in range(rounds + 1)],
                "You take 1 - target for the factor of a round; the factor of all rounds together is the target itself.",
            ),
            Misconception(
                lambda target, rounds: [target**r for r in range(rounds + 1)],
                "Here every single round prunes to the target fraction; only all rounds together should.",
            ),
            Misconception(
                lambda target, rounds: [(1 - target ** (1 / rounds)) ** r for r in range(rounds + 1)],
                "target ** (1 / rounds) is the fraction that stays in a round; you take it for the fraction that goes.",
            ),
            Misconception(
                lambda target, rounds: [target ** (r / (rounds + 1)) for r in range(rounds + 1)],
                "You divide by rounds + 1: there are rounds + 1 densities, but only `rounds` cuts between them.",
            ),
            Misconception(
                lambda target, rounds: density_schedule(target, rounds)[:-1],
                "The target is missing: range(rounds) ends one too early.",
            ),
            Misconception(
                lambda target, rounds: [target ** (r / rounds) for r in range(rounds + 2)],
                "There is one density too many: range(rounds + 1) already ends at `rounds`.",
            ),
            Misconception(
                lambda target, rounds: [target ** (r * (1 // rounds)) for r in range(rounds + 1)],
                "// gives a whole number, so 1 // rounds is 0 from two rounds on; write 1 / rounds.",
            ),
            Misconception(
                lambda target, rounds: [target ** (r // rounds) for r in range(rounds + 1)],
                "// gives a whole number, so r // rounds is 0 until the last round; write r / rounds.",
            ),
            *(
                Misconception(
                    _rounding(digits, factor=factor),
                    f"You round {what} to {digits} digits; return the densities as they are and round only to print.",
                )
                for factor, what in ((False, "the densities"), (True, "the factor of a round"))
                for digits in (2, 3, 4)
            ),
            Misconception(
                lambda target, rounds: density_schedule(target, rounds)[::-1],
                "The list is the wrong way round: 1.0, the dense network, comes first and the target last.",
            ),
            Misconception(
                lambda target, rounds: [0.8**r for r in range(rounds + 1)],
                "You remove 20 % in every round whatever the target is; the fraction follows from target and rounds.",
            ),
            Misconception(
                lambda target, rounds: [*(max(0.8**r, target) for r in range(rounds)), target],
                "You remove 20 % in every round and end at the target; the fraction is to be the same in all rounds.",
            ),
        ),
        alternatives=(_schedule_by_product, _schedule_by_geomspace),
        difficulty="easy",
        lines=2,
        minutes=5,
    ),
    Exercise(
        id="04.2",
        reference=iterative_masks,
        cases=(
            Case(
                ([torch.tensor([0.1, 0.2, 0.3, 0.4])], 0.5),
                "One training: mask 0 keeps all, mask 1 is cut by its weights.",
            ),
            Case(
                ([torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([0.0, 0.0, 5.0, 2.0])], 0.5),
                "The third weight is the smaller of the two that remain after the first training, the larger after the second.",
            ),
            Case(
                ([torch.tensor([-4.0, 3.0, -2.0, 1.0]), torch.tensor([-1.0, 2.0, 0.0, 0.0])], 0.5),
                "Negative weights count by their absolute value.",
            ),
            Case(
                (
                    [
                        torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
                        torch.tensor([9.0, 9.0, 1.0, 4.0, 3.0, 2.0]),
                        torch.tensor([9.0, 9.0, 9.0, 1.0, 2.0, 3.0]),
                    ],
                    1 / 3,
                ),
                "Removed weights are not 0 in the later trainings; they stay out all the same.",
            ),
            Case(([torch.ones(2, 3), torch.ones(2, 3)], 0.5), "All equal: the lowest flat index goes first."),
            Case(
                ([torch.tensor([2.0, 1.0, 3.0]), torch.tensor([2.0, 1.0, 3.0])], 0.2),
                "The second round removes nothing: 0.2 * 2 is nearer to 0 than to 1.",
            ),
            Case(
                ([torch.tensor([4.0, 3.0, 1.0, 2.0]), torch.tensor([0.0, 0.0, 9.0, 6.0])], 0.25),
                "After the second training two weights are exactly 0: one of them goes, and the third stays out.",
            ),
            Case(
                ([_normal(10, seed=i) for i in range(3)], 0.3),
                "Ten weights: 3, then 2, then round(1.5) = 2 go.",
            ),
            Case(([_normal(5, 4, seed=i) for i in range(4)], 0.2), "Four trainings of a 5 by 4 layer."),
        ),
        hints=(
            "The loop needs two things from the round before: its mask, and the weights that were trained under it.",
            "Walk over `trained` with a for loop. In each round prune the mask of the round before by the weights of this round.",
            'mask = lth.prune(mask, {"w": weight.abs()}, fraction), where `weight` is the one of this round; append mask["w"].',
        ),
        misconceptions=(
            Misconception(
                _ranking(lambda trained, r: trained[0].abs()),
                "This loop is not iterative: in every round you rank the weights of the first, dense training. Its masks "
                "are the one-shot masks; use the weights trained last.",
            ),
            Misconception(
                _ranking(lambda trained, r: trained[-1].abs()),
                "You rank the weights of the last training in every round; mask r + 1 is cut by trained[r].",
            ),
            Misconception(
                _from_full,
                "Every round starts again from all weights, so that the density never falls below that of the first "
                "round; start from the mask of the round before.",
            ),
            Misconception(
                _ranking(going=lambda fraction, kept, total, r: min(kept, round(fraction * total))),
                "You remove the fraction of all weights in every round; it is a fraction of those that remain.",
            ),
            Misconception(
                _reviving,
                "The number that stays is right, but you rank removed weights too and some come back; weights that "
                "are out stay out.",
            ),
            Misconception(
                _ranking(lambda trained, r: trained[r]),
                "You rank signed weights, and large negative ones go first; rank absolute values.",
            ),
            Misconception(
                lambda trained, fraction: iterative_masks(trained, fraction)[1:],
                "Mask 0, which keeps all, is missing at the front of the list.",
            ),
            Misconception(
                _ranking(going=lambda fraction, kept, total, r: int(fraction * kept)),
                "int() cuts the count off: of 1.5 weights it makes 1. Use round().",
            ),
            Misconception(
                _ranking(lambda trained, r: trained[max(r - 1, 0)].abs()),
                "You are one training late: mask r + 1 is cut by trained[r], the training that has just ended.",
            ),
            Misconception(
                _removed_again,
                "You rank the removed weights too, as zeros; so they are removed once more, and too few others go.",
            ),
            Misconception(
                _one_mask,
                "All masks in your list are one and the same tensor, which later rounds changed; make a new mask in "
                "each round.",
            ),
            Misconception(
                _ranking(lambda trained, r: trained[min(r + 1, len(trained) - 1)].abs()),
                "You are one training early: mask 1 is cut by trained[0], mask r + 1 by trained[r].",
            ),
            Misconception(
                lambda trained, fraction: iterative_masks(trained, fraction)[:-1],
                "The last mask is missing: the last entry of `trained` cuts a mask too.",
            ),
            Misconception(
                _ranking(lambda trained, r: (trained[r] - trained[0] if r else trained[0]).abs()),
                "You rank how far the weights have moved since trained[0]; rank their absolute values.",
            ),
            Misconception(
                _ranking(lambda trained, r: torch.stack([*trained[: r + 1]]).abs().mean(0)),
                "You rank the mean over the trainings so far; mask r + 1 is cut by trained[r] alone.",
            ),
            Misconception(
                _ranking(lambda trained, r: -trained[r].abs()),
                "You remove the largest weights; the smallest in absolute value go.",
            ),
            Misconception(
                _all_ties,
                "A threshold removes all weights that are equal to it, too many here; remove exactly "
                "round(fraction * remaining), among equal ones the first.",
            ),
            Misconception(
                _last_first,
                "Among equal weights you remove the last; the one with the lowest flat index goes first.",
            ),
            Misconception(
                _zeros_back,
                "You rank removed weights as zeros, and where a kept weight is 0 too one of them comes back; weights that "
                "are out stay out.",
            ),
            Misconception(
                _by_rows,
                "With a matrix, argsort and an index work row by row; flatten scores and mask first, and bring the new "
                "mask back to shape.",
            ),
            Misconception(
                _ranking(going=lambda fraction, kept, total, r: kept - round((1 - fraction) * kept)),
                "You round how many stay; round how many go, round(fraction * remaining).",
            ),
            Misconception(
                _ranking(
                    going=lambda fraction, kept, total, r: kept - round((1 - fraction) ** (r + 1) * total)
                ),
                "You take the count from a power of 1 - fraction; take round(fraction * remaining) in each round.",
            ),
            Misconception(
                _ranking(going=lambda fraction, kept, total, r: kept - round(fraction * kept)),
                "You keep the fraction; it is the part that goes.",
            ),
        ),
        alternatives=(_masks_by_numpy, _masks_by_loops),
        difficulty="easy",
        lines=6,
        minutes=8,
    ),
    Exercise(
        id="04.3",
        reference=reviving_rounds,
        cases=(
            Case(
                ([{"w": _bits(1, 1, 1)}, {"w": _bits(1, 1, 0)}, {"w": _bits(1, 0, 0)}],), "Nested: no round."
            ),
            Case(
                ([{"w": _bits(1, 1, 1)}, {"w": _bits(1, 0, 0)}, {"w": _bits(1, 1, 0)}],),
                "Round 2 keeps a weight that round 1 had removed.",
            ),
            Case(
                ([{"w": _bits(1, 1, 1)}, {"w": _bits(1, 1, 0)}, {"w": _bits(0, 1, 1)}],),
                "Round 2 keeps as many weights as round 1, but others.",
            ),
            Case(
                (
                    [
                        {"w": _bits(1, 1, 1, 1)},
                        {"w": _bits(1, 1, 0, 0)},
                        {"w": _bits(1, 1, 1, 0)},
                        {"w": _bits(0, 0, 1, 0)},
                    ],
                ),
                "The weight that came back in round 2 is still there in round 3; only round 2 revived it.",
            ),
            Case(
                (
                    [
                        {"a": _bits(1, 1), "b": _bits(1, 1, 1)},
                        {"a": _bits(1, 0), "b": _bits(1, 0, 1)},
                        {"a": _bits(1, 0), "b": _bits(0, 1, 0)},
                        {"a": _bits(0, 1), "b": _bits(0, 0, 1)},
                        {"a": _bits(1, 0), "b": _bits(0, 0, 1)},
                    ],
                ),
                "Two layers: one revived weight in any layer is enough.",
            ),
            Case(
                ([{"w": _bits(1, 1)}, {"w": _bits(1, 0)}, {"w": _bits(1, 0)}, {"w": _bits(1, 1)}],),
                "A weight is out for two rounds and comes back in round 3.",
            ),
            Case(([{"w": _bits(1, 1)}],), "One mask only: nothing can be revived."),
            Case(
                ([{"w": _bits(1, 0)}, {"w": _bits(1, 1)}],),
                "Mask 0 need not keep everything: here round 1 brings a weight back.",
            ),
            Case(
                (
                    [
                        {"a": _bits(1, 0), "b": _bits(1, 1)},
                        {"b": _bits(1, 1), "a": _bits(1, 0)},
                    ],
                ),
                "The second dict has the names in another order; a layer is known by its name.",
            ),
        ),
        hints=(
            "A weight is revived in round r if masks[r] has True and masks[r - 1] has False at its place.",
            "For one layer: (masks[r][name] & ~masks[r - 1][name]).any(). One such layer makes the round count.",
            "Let r run from 1 to len(masks) - 1 and collect r if any(... for name in masks[r]).",
        ),
        misconceptions=(
            Misconception(
                _rounds(lambda masks, r: _kept(masks[r]) > _kept(masks[r - 1])),
                "You compare how many weights are kept; a mask can keep fewer or as many and yet revive some. Compare "
                "place by place.",
            ),
            Misconception(
                _rounds(lambda masks, r: any(_back(masks, r - 1, r))),
                "These are the rounds that remove a weight; asked for are those that bring one back.",
            ),
            Misconception(
                _rounds(lambda masks, r: _revived(masks, r) or any(_back(masks, r - 1, r))),
                "You list every round that changes the mask; removing is no reviving. Look for True now and False before.",
            ),
            Misconception(
                _rounds(lambda masks, r: any(any(_back(masks, r, s)) for s in range(r))),
                "You compare with all earlier masks, so a round counts that only keeps what another round revived; "
                "compare with the round before.",
            ),
            Misconception(
                _rounds(lambda masks, r: any(_back(masks, r, 0))),
                "You compare with round 0, which keeps everything or nearly so; compare with the round before.",
            ),
            Misconception(
                _rounds(lambda masks, r: any(_back(masks, r, r + 1)), first=0, left_out=1),
                "You compare with the round after; compare with the round before, masks[r - 1].",
            ),
            Misconception(
                _rounds(_just_cut, first=2),
                "You look only for weights that were cut in the round just before; a weight may have been out for longer.",
            ),
            Misconception(
                lambda masks: [r for r in range(1, len(masks)) for back in _back(masks, r, r - 1) if back],
                "You list a round once for each layer that revives a weight; list it once.",
            ),
            Misconception(
                _rounds(
                    lambda masks, r: bool(_back([{n: m[n] for n in masks[0]} for m in masks], r, r - 1)[0])
                ),
                "You look at the first layer only; look at all of them.",
            ),
            Misconception(
                _rounds(lambda masks, r: bool(_back(masks, r, r - 1)[-1])),
                "Only the last layer decides here, because it overwrites what the others gave; one layer is enough.",
            ),
            Misconception(
                _rounds(lambda masks, r: all(_back(masks, r, r - 1))),
                "A round counts here only if every layer revives a weight; one layer is enough.",
            ),
            Misconception(
                _rounds(_whole_layer),
                ".all() asks whether every weight of a layer comes back; one is enough, .any().",
            ),
            Misconception(
                _rounds(lambda masks, r: sum(_back(masks, r, r - 1)) > 1),
                "You ask for more than one revived weight; one is enough.",
            ),
            Misconception(
                _rounds(_by_place),
                "You pair the layers by their place in the two dicts; take them by name.",
            ),
            Misconception(
                _rounds(_revived, first=0),
                "Round 0 has no round before it: masks[0 - 1] is the last mask. Start at round 1.",
            ),
            Misconception(
                _rounds(_revived, first=2),
                "You start at round 2; round 1 has a round before it, round 0.",
            ),
            Misconception(
                _rounds(_revived, left_out=1),
                "You leave out the last round: range(1, len(masks)) already ends at len(masks) - 1.",
            ),
            Misconception(
                lambda masks: [r - 1 for r in reviving_rounds(masks)],
                "Your numbers are one too small: name the round that brings the weight back, not the one before it.",
            ),
            Misconception(
                lambda masks: reviving_rounds(masks)[:1],
                "You stop at the first round that revives a weight; list all of them.",
            ),
        ),
        alternatives=(_rounds_by_sets, _rounds_by_loop),
        difficulty="medium",
        lines=5,
        minutes=8,
    ),
    Exercise(
        id="04.4",
        reference=rewind,
        cases=(
            Case(
                ({"w": torch.tensor([0.5, -0.3, 0.2])}, {"w": _bits(1, 0, 1)}),
                "One tensor, one weight removed.",
            ),
            Case(
                (
                    {"w": torch.tensor([[0.5, -0.3], [0.2, 0.1]]), "b": torch.tensor([0.1, 0.2])},
                    {"w": _bits(1, 0, 1, 1).view(2, 2)},
                ),
                "A bias has no mask: it is copied whole.",
            ),
            Case(
                (
                    {
                        "fc.weight": torch.tensor([[0.5, -0.3], [0.2, 0.1]]),
                        "fc.bias": torch.tensor([0.1, 0.2]),
                    },
                    {"fc.weight": _bits(0, 0, 1, 1).view(2, 2)},
                ),
                "The first unit loses all its weights; its bias stays.",
            ),
            Case(
                ({"w": torch.tensor([0.5, -0.3]), "b": torch.tensor([0.1])}, {"w": _bits(1, 1)}),
                "Nothing is removed, and it is still a copy.",
            ),
            Case(
                (
                    {
                        "conv.weight": _normal(2, 3, seed=1),
                        "bn.weight": torch.tensor([1.0, 1.0]),
                        "bn.running_mean": torch.tensor([0.0, 0.5]),
                        "bn.num_batches_tracked": torch.tensor(7),
                    },
                    {"conv.weight": _bits(0, 1, 1, 0, 1, 0).view(2, 3)},
                ),
                "A state with buffers; one of them is a whole number.",
            ),
        ),
        hints=(
            "Two things must hold: the values are those of `initial`, and no tensor of the result is a tensor of `initial`.",
            "Copy every tensor with .clone(), those without a mask too. A dict(...) around `initial` copies no tensor.",
            "On the copies, set state[name][~mask[name]] = 0 for each name in mask.",
        ),
        misconceptions=(
            Misconception(
                _aliased_biases,
                "Tensors without a mask, such as the biases, are not copied: the next training would change them in "
                "`initial` too.",
            ),
            Misconception(
                _in_place,
                "You write the zeros into `initial` itself: dict(...) copies the names, not the tensors. Clone first.",
            ),
            Misconception(
                _only_masked,
                "Tensors without a mask are missing: a rewind of half of the state leaves biases and buffers as trained.",
            ),
            Misconception(
                lambda initial, mask: initial,
                "This is `initial` itself, no copy and no mask: the next training would change it.",
            ),
            Misconception(_copied, "It is a good copy, but removed weights must be 0 in it."),
            Misconception(_inverted, "The mask is the wrong way round: True means that the weight is kept."),
            Misconception(
                _zero_biases, "Tensors without a mask, such as the biases, are 0; nothing of them is removed."
            ),
            Misconception(
                _squeezed,
                "Indexing with the mask takes the kept weights out into a shorter tensor; the shape must stay.",
            ),
        ),
        alternatives=(_rewind_by_where, _rewind_by_numpy),
        difficulty="medium",
        lines=4,
        minutes=8,
        fresh=True,
    ),
)

QUESTIONS = (
    Question(
        id="04.Q1",
        text="Every round removes 20 % of the weights that remain. How many of the weights are left after three rounds?",
        options=(
            Option(
                "40 %",
                False,
                "That is 20 % of all weights, three times. Each round takes 20 % of a smaller rest.",
            ),
            Option("51.2 %", True, "0.8 x 0.8 x 0.8 = 0.512: each round keeps 80 % of what it finds."),
            Option(
                "0.8 %",
                False,
                "0.2 x 0.2 x 0.2 is what is left if each round keeps 20 %; here each round removes 20 %.",
            ),
            Option("48.8 %", False, "48.8 % is what is gone, the sparsity. The density is 51.2 %."),
        ),
    ),
    Question(
        id="04.Q2",
        text="Which test finds a loop that ranks the dense network's weights in every round?",
        options=(
            Option(
                "The density falls by 20 % in each round.",
                False,
                "It does so in the broken loop too: the counting is right, the ranking is not.",
            ),
            Option(
                "Each mask lies inside the one before.",
                False,
                "The masks of the broken loop nest as well: it cuts one fixed ranking deeper and deeper.",
            ),
            Option(
                "The mask differs from the one-shot mask of the same density.",
                True,
                "The broken loop gives exactly the one-shot mask. If training has changed the ranking, a real "
                "loop gives another one.",
            ),
            Option(
                "The accuracy is well above chance.",
                False,
                "One-shot pruning reaches useful accuracies too, so the result looks plausible.",
            ),
        ),
    ),
    Question(
        id="04.Q3",
        text="A loop keeps `initial = model.state_dict()`, trains, and then calls `model.load_state_dict(initial)`. What "
        "does the model hold now?",
        options=(
            Option(
                "The initial weights.",
                False,
                "state_dict() hands out the model's own tensors, and training wrote into them.",
            ),
            Option(
                "The trained weights.",
                True,
                "`initial` names the same memory as the model. Training changed it, and loading copies it onto itself.",
            ),
            Option(
                "New random weights.",
                False,
                "Nothing draws random numbers here. The tensors in `initial` are the model's own.",
            ),
        ),
    ),
    Question(
        id="04.Q4",
        text="You want one trained ticket with about 10.7 % of the weights, at 20 % a round (ten rounds). How many "
        "trainings do the two ways take, that of the ticket itself included?",
        options=(
            Option("Both take two.", False, "One-shot does; the iterative way trains again after every cut."),
            Option(
                "One-shot two, iterative eleven.",
                True,
                "One-shot: dense, then the ticket. Iterative: dense, then one after each of ten cuts.",
            ),
            Option(
                "One-shot one, iterative ten.",
                False,
                "The dense network has to be trained first, because its weights are what is ranked. Count it too.",
            ),
        ),
    ),
)
