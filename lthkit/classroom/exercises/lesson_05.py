"""Exercises of lesson 05, winning tickets: draw a control, and read the matching density off a curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile

import torch
from torch import Tensor

from lthkit.classroom.exercises import Case, Exercise, Misconception


def matching_density(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    """The smallest density down to which the ticket matches the dense network without a gap.

    A ticket *matches* where its accuracy is at least `dense` - 0.005, half a percentage point below the dense network.

    Args:
        densities: fractions of weights kept, in falling order.
        ticket: the ticket's accuracy at each of them, in [0, 1].
        dense: accuracy of the dense network, in [0, 1].

    Returns:
        The smallest of `densities` such that the ticket matches there and at every larger one; 1.0 if it does not
        match even at the largest.
    """
    smallest = 1.0
    for density, accuracy in zip(densities, ticket, strict=True):
        if accuracy < dense - 0.005:
            break
        smallest = density
    return smallest


def reinitialised_weights(
    theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int
) -> dict[str, Tensor]:
    """The ticket's mask on new random weights: the control that takes the initialisation away and keeps the structure.

    Args:
        theta_0: initial weights by parameter name (float32), left as they are.
        mask: bool tensors by parameter name, True = kept; a parameter without a mask is kept whole.
        seed: seeds one `torch.Generator`, once.

    Returns:
        A new dict with the names of `theta_0`, in that order. Each tensor is drawn afresh from a Gaussian with mean 0
        and the standard deviation of that tensor in `theta_0`: `torch.randn(shape, generator=generator) * std`.
        Entries that the mask removes are exactly 0.
    """
    generator = torch.Generator().manual_seed(seed)
    fresh = {name: torch.randn(w.shape, generator=generator) * w.std() for name, w in theta_0.items()}
    return {name: w * mask[name] if name in mask else w for name, w in fresh.items()}


def _normal(*shape: int, std: float, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * std


def _network() -> dict[str, Tensor]:
    return {
        "fc1.weight": _normal(4, 5, std=0.5, seed=1),
        "fc1.bias": torch.tensor([0.1, -0.2, 0.3, 0.0]),
        "fc2.weight": _normal(2, 4, std=0.05, seed=2),
    }


def _masks() -> dict[str, Tensor]:
    return {
        "fc1.weight": _normal(4, 5, std=1, seed=3) > 0.3,
        "fc2.weight": _normal(2, 4, std=1, seed=4) > -0.5,
    }


# Other right answers, and mistakes that people make


def _drawn_by_normal(
    theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int
) -> dict[str, Tensor]:
    generator = torch.Generator()
    generator.manual_seed(seed)
    new = {}
    for name in theta_0:
        new[name] = torch.empty_like(theta_0[name]).normal_(generator=generator).mul_(theta_0[name].std())
        if name in mask:
            new[name][~mask[name]] = 0
    return new


def _drawn_with_where(
    theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int
) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    draws = [torch.std(w) * torch.randn(*w.shape, generator=generator) for w in theta_0.values()]
    keep = [mask.get(name, torch.ones(w.shape).bool()) for name, w in theta_0.items()]
    return {n: torch.where(k, d, torch.tensor(0.0)) for n, k, d in zip(theta_0, keep, draws, strict=True)}


def _redrawn(
    theta_0: Mapping[str, Tensor],
    mask: Mapping[str, Tensor],
    seed: int,
    *,
    reseed: bool = False,
    scale: str = "own",
    masked: bool = True,
) -> dict[str, Tensor]:
    """The right answer with one thing wrong."""
    generator = torch.Generator().manual_seed(seed)
    pooled = torch.cat([w.flatten() for w in theta_0.values()]).std()
    new = {}
    for name, w in theta_0.items():
        if reseed:
            generator.manual_seed(seed)
        std = {"own": w.std(), "pooled": pooled, "one": torch.tensor(1.0)}[scale]
        new[name] = torch.randn(w.shape, generator=generator) * std
        if masked and name in mask:
            new[name] = new[name] * mask[name]
    return new


def _old_weights(theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    return {name: w * mask[name] if name in mask else w.clone() for name, w in theta_0.items()}


def _global_seed(theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    fresh = {name: torch.randn_like(w) * w.std() for name, w in theta_0.items()}
    return {name: w * mask[name] if name in mask else w for name, w in fresh.items()}


def _by_takewhile(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    pairs = takewhile(lambda p: p[1] >= dense - 0.005, zip(densities, ticket, strict=True))
    return min((d for d, _ in pairs), default=1.0)


def _from_the_end(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    for i in range(len(densities), 0, -1):
        if all(a >= dense - 0.005 for a in ticket[:i]):
            return densities[i - 1]
    return 1.0


def _any_match(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    return min(
        (d for d, a in zip(densities, ticket, strict=True) if a >= dense - 0.005),
        default=1.0,
    )


def _first_failing(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    for density, accuracy in zip(densities, ticket, strict=True):
        if accuracy < dense - 0.005:
            return density
    return densities[-1]


def _one_before(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    for i, accuracy in enumerate(ticket):
        if accuracy < dense - 0.005:
            return densities[i - 1]
    return densities[-1]


EXERCISES = (
    Exercise(
        id="05.1",
        reference=reinitialised_weights,
        cases=(
            Case(
                (
                    {"w": torch.tensor([0.5, -0.5, 1.0, -1.0])},
                    {"w": torch.tensor([True, False, True, False])},
                    0,
                ),
                "One tensor, half of it kept.",
            ),
            Case(
                (
                    {"w": torch.tensor([0.5, -0.5, 1.0, -1.0])},
                    {"w": torch.tensor([True, False, True, False])},
                    7,
                ),
                "The same with another seed.",
            ),
            Case(
                (
                    {"w": torch.tensor([2.0, 2.2, 1.8, 2.4])},
                    {"w": torch.tensor([True, True, True, False])},
                    1,
                ),
                "The mean of the new weights is 0 whatever the old mean was.",
            ),
            Case(
                (
                    {"a": torch.tensor([[0.3, -0.3], [0.1, 0.2]]), "b": torch.tensor([3.0, -3.0])},
                    {"a": torch.ones(2, 2, dtype=torch.bool), "b": torch.tensor([True, True])},
                    0,
                ),
                "Two tensors: one generator for both, and each has a standard deviation of its own.",
            ),
            Case(
                (
                    {"b": torch.tensor([3.0, -3.0]), "a": torch.tensor([0.3, -0.3])},
                    {"a": torch.tensor([True, False]), "b": torch.tensor([False, False])},
                    0,
                ),
                "Numbers are drawn in the order of theta_0, and for removed entries too.",
            ),
            Case((_network(), _masks(), 3), "A small network; the bias has no mask and is kept whole."),
        ),
        hints=(
            "Nothing of theta_0 is used but its shapes and the standard deviation of each tensor.",
            "Make one torch.Generator().manual_seed(seed) before the loop, then torch.randn(w.shape, generator=generator) * w.std().",
            "Multiply by mask[name] where there is one: True is 1 and False is 0. Put the results into a new dict.",
        ),
        misconceptions=(
            Misconception(
                lambda theta_0, mask, seed: _redrawn(theta_0, mask, seed, reseed=True),
                "You seed again for each tensor, so that all tensors start with the same random numbers; seed one "
                "generator once, before the loop.",
            ),
            Misconception(
                lambda theta_0, mask, seed: _redrawn(theta_0, mask, seed, scale="one"),
                "These numbers have standard deviation 1; multiply each tensor by the standard deviation of its old one.",
            ),
            Misconception(
                lambda theta_0, mask, seed: _redrawn(theta_0, mask, seed, scale="pooled"),
                "You use one standard deviation for all tensors; each tensor has its own.",
            ),
            Misconception(
                lambda theta_0, mask, seed: _redrawn(theta_0, mask, seed, masked=False),
                "The numbers are right, but the mask is not applied: removed entries must be exactly 0.",
            ),
            Misconception(
                _old_weights,
                "This is the ticket itself, with its original weights; the control needs new random numbers.",
            ),
            Misconception(
                _global_seed,
                "The seed has no effect: the numbers do not come from a generator that was seeded with it.",
            ),
        ),
        alternatives=(_drawn_by_normal, _drawn_with_where),
        difficulty="medium",
        lines=4,
        minutes=10,
        atol=0.0,
        fresh=True,
    ),
    Exercise(
        id="05.2",
        reference=matching_density,
        cases=(
            Case(([1.0, 0.5], [0.85, 0.80], 0.85), "It matches at 1.0 and falls short at 0.5."),
            Case(
                ([1.0, 0.5, 0.2], [0.85, 0.847, 0.80], 0.85),
                "0.847 is below 0.85, but by less than 0.005: that still matches.",
            ),
            Case(
                ([1.0, 0.5], [0.85, 0.844], 0.85),
                "0.844 is below 0.85 by more than 0.005: that does not match.",
            ),
            Case(
                ([0.8, 0.4], [0.70, 0.60], 0.85),
                "It does not match even at the largest density: the answer is 1.0.",
            ),
            Case(
                ([1.0, 0.5, 0.2, 0.1], [0.85, 0.87, 0.846, 0.80], 0.85),
                "Compare with the dense network, not with the ticket's best.",
            ),
            Case(([1.0, 0.5, 0.2], [0.85, 0.86, 0.87], 0.85), "It matches everywhere."),
            Case(
                ([1.0, 0.5, 0.2, 0.1], [0.85, 0.82, 0.86, 0.80], 0.85),
                "It falls short at 0.5 and recovers at 0.2: a gap ends it.",
            ),
            Case(
                ([0.8, 0.4, 0.1], [0.70, 0.86, 0.86], 0.85),
                "It falls short at the largest density: whatever comes after, the answer is 1.0.",
            ),
            Case(
                ([1.0, 0.51, 0.21, 0.087, 0.036, 0.015], [0.885, 0.889, 0.891, 0.890, 0.884, 0.869], 0.886),
                "A hill, then the cliff.",
            ),
        ),
        hints=(
            "Walk along the curve from the largest density to smaller ones. When do you stop?",
            "Stop at the first accuracy below dense - 0.005. The answer is the density before it.",
            "What do you return when you stop at the very first point? Start with that value, 1.0, before the loop.",
        ),
        misconceptions=(
            Misconception(
                _any_match,
                "This is the smallest density that matches anywhere, beyond gaps too; stop at the first that does not match.",
            ),
            Misconception(
                lambda densities, ticket, dense: _by_takewhile(densities, ticket, dense + 0.005),
                "You compare with the dense accuracy itself; a ticket matches down to 0.005 below it.",
            ),
            Misconception(
                lambda densities, ticket, dense: _by_takewhile(densities, ticket, dense - 0.495),
                "Your tolerance is 0.5, which is fifty points; accuracies are fractions, and half a point is 0.005.",
            ),
            Misconception(
                _first_failing,
                "This is the density at which the ticket fails to match for the first time; the answer is the one before.",
            ),
            Misconception(
                _one_before,
                "When the very first density fails there is none before it, and index -1 takes the last; the answer is 1.0.",
            ),
            Misconception(
                lambda densities, ticket, dense: _by_takewhile(densities, ticket, max(*ticket, dense)),
                "You compare with the best accuracy of the ticket; the ticket is to match the dense network.",
            ),
        ),
        alternatives=(_by_takewhile, _from_the_end),
        difficulty="medium",
        lines=6,
        minutes=10,
    ),
)
