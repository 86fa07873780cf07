"""The ways from a network to a sparse one that a cell can go, each with the settings that decide its numbers.

How far a cell goes (rounds, densities) is no setting: see `cells.Level`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

from lthkit.cells.criteria import CRITERIA, LOOKS_AT_IMAGES
from lthkit.machine.checks import check_whole, did_you_mean, is_number
from lthkit.tickets.mask_distances import check_threshold, check_window
from lthkit.training.loop import MOMENTUM_POLICIES
from lthkit.training.recipes import Recipe

SCOPES = ("global", "layerwise")


@dataclass(frozen=True)
class Dense:
    """The whole network, trained once."""

    name: ClassVar[str] = "dense"
    arms: ClassVar[tuple[str, ...]] = ()
    by: ClassVar[str] = ""  # what its levels are counted in: rounds or densities


@dataclass(frozen=True)
class IMP:
    """Iterative magnitude pruning with rewinding (Frankle & Carbin 2019, section 1), see `tickets.imp`.

    fraction: of what remains, to be removed a round. output_fraction: with scope "layerwise", that of the output layer.
    """

    name: ClassVar[str] = "imp"
    arms: ClassVar[tuple[str, ...]] = ("ticket", "re-initialised", "shuffled")
    by: ClassVar[str] = "round"

    fraction: float = 0.2
    output_fraction: float | None = None
    scope: str = "global"
    rewind_step: int = 0
    momentum: str = "restore"

    def __post_init__(self) -> None:
        _make_fraction(self, "fraction")
        if self.output_fraction is not None:
            _make_fraction(self, "output_fraction")
            if self.scope != "layerwise":
                raise ValueError(
                    f"output_fraction={self.output_fraction} was given with scope={self.scope!r}; expected it with 'layerwise' only."
                )
        _check_rewinding(self)


@dataclass(frozen=True)
class OneShot:
    """One dense training, one cut by magnitude to each density, and what is trained then (Renda et al. 2020, section 2).

    Its arms: "ticket" goes back to the weights and the rate of `rewind_step`; "lr-rewind" keeps the trained weights and
    goes back with the rate; "fine-tune" keeps them, for as many updates, at the last rate; "re-initialised" trains new
    weights from step 0 under the same mask; "shuffled" trains the rewound weights under a mask shuffled in each layer.
    """

    name: ClassVar[str] = "one-shot"
    arms: ClassVar[tuple[str, ...]] = ("ticket", "lr-rewind", "fine-tune", "re-initialised", "shuffled")
    by: ClassVar[str] = "density"

    scope: str = "global"
    rewind_step: int = 0
    momentum: str = "restore"

    def __post_init__(self) -> None:
        _check_rewinding(self)


@dataclass(frozen=True)
class PruneAtInit:
    """Score before any training, cut to each density, train once (Lee et al. 2019; Tanaka et al. 2020).

    score: one of `criteria.CRITERIA`. iterations: score and cut so often; None takes 100 for SynFlow, 1 for the others.
    images: how many training images the score sees; None takes 100 for SNIP and GraSP, and is all that the others take.
    """

    name: ClassVar[str] = "prune-at-init"
    arms: ClassVar[tuple[str, ...]] = ("ticket", "re-initialised", "shuffled")
    by: ClassVar[str] = "density"

    score: str = "snip"
    iterations: int | None = None
    images: int | None = None
    scope: str = "global"

    def __post_init__(self) -> None:
        _check_among("score", self.score, CRITERIA)
        if self.iterations is None:
            object.__setattr__(self, "iterations", 100 if self.score == "synflow" else 1)
        _make_whole(self, "iterations", 1)
        if self.score in LOOKS_AT_IMAGES:
            object.__setattr__(self, "images", 100 if self.images is None else self.images)
            _make_whole(self, "images", 1)
        elif self.images is not None:
            raise ValueError(
                f"images={self.images!r} was given with score={self.score!r}, which sees none; expected it with "
                f"{' or '.join(LOOKS_AT_IMAGES)} only."
            )
        _check_among("scope", self.scope, SCOPES)


@dataclass(frozen=True)
class EarlyBird:
    """Train until the mask of each density is stable, go on with it (You et al. 2020), see `tickets.early_bird`."""

    name: ClassVar[str] = "early-bird"
    arms: ClassVar[tuple[str, ...]] = ("ticket",)
    by: ClassVar[str] = "density"

    window: int = 5
    threshold: float = 0.1
    rule: str = "newest"
    scope: str = "global"

    def __post_init__(self) -> None:
        _make_whole(self, "window", 2)
        check_window(self.window, self.rule)
        if is_number(self.threshold):
            object.__setattr__(self, "threshold", float(self.threshold))
        check_threshold(self.threshold)
        _check_among("scope", self.scope, SCOPES)


@dataclass(frozen=True)
class Hybrid:
    """SNIP to `snip_density` before any training, then IMP in `rounds` rounds to each density, see `tickets.snip_then_imp`."""

    name: ClassVar[str] = "hybrid"
    arms: ClassVar[tuple[str, ...]] = ("ticket",)
    by: ClassVar[str] = "density"

    snip_density: float = 0.5
    rounds: int = 3
    images: int = 100
    scope: str = "global"
    rewind_step: int = 0
    momentum: str = "restore"

    def __post_init__(self) -> None:
        _make_fraction(self, "snip_density")
        _make_whole(self, "rounds", 1)
        _make_whole(self, "images", 1)
        _check_rewinding(self)


def at_last_rate(recipe: Recipe) -> Recipe:
    """The recipe with the learning rate that its last step has, at all steps (fine-tuning of Renda et al. 2020, section 2)."""
    return replace(
        recipe,
        schedule="constant",
        milestones=(),
        decay=Recipe.decay,
        warmup=0,
        lr=recipe.lr_at(recipe.steps - 1),
    )


Way = Dense | IMP | OneShot | PruneAtInit | EarlyBird | Hybrid
WAYS: dict[str, type[Way]] = {way.name: way for way in (Dense, IMP, OneShot, PruneAtInit, EarlyBird, Hybrid)}


def settings_of(way: Way) -> dict[str, Any]:
    """The settings of a way by name."""
    return {field.name: getattr(way, field.name) for field in fields(way)}


def _check_rewinding(way: IMP | OneShot | Hybrid) -> None:
    _check_among("scope", way.scope, SCOPES)
    _check_among("momentum", way.momentum, MOMENTUM_POLICIES)
    _make_whole(way, "rewind_step", 0)


def _make_whole(way: Way, name: str, least: int) -> None:
    """A setting as Python's whole number: numpy's has another hash and no JSON. ValueError if it is none."""
    object.__setattr__(way, name, check_whole(name, getattr(way, name), least))


def _make_fraction(way: Way, name: str) -> None:
    value = getattr(way, name)
    if not is_number(value) or not 0 < float(value) < 1:
        raise ValueError(f"{name}={value!r} was given; expected a number between 0 and 1, such as 0.2.")
    object.__setattr__(way, name, float(value))


def _check_among(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(
            f"{name}={value!r} was given; expected one of {', '.join(known)}.{did_you_mean(str(value), known)}"
        )
