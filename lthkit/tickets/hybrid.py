"""A hybrid search: SNIP makes the first cut before any training, a short IMP makes the rest. And how to share out steps.

SNIP costs next to nothing and looks at an untrained network; IMP looks at trained weights and costs a training for each
cut. Whether the mixture is worth more than its parts at the same price is to be measured: lesson 10 does so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Unpack

from torch import nn

from lthkit.data.datasets import Dataset
from lthkit.evidence import costs
from lthkit.machine.checks import check_whole, plain
from lthkit.pruning.masks import Mask
from lthkit.pruning.scores import for_mask, snip
from lthkit.pruning.selection import fraction_for, ladder, prune_to
from lthkit.tickets.iterative_pruning import imp
from lthkit.tickets.own_score import for_task
from lthkit.tickets.rounds import Round
from lthkit.tickets.search import ModelFn, Search, Shared


def snip_then_imp(
    model_fn: ModelFn,
    data: Dataset,
    *,
    snip_density: float,
    density: float,
    rounds: int,
    images: int = 100,
    rewind_step: int = 0,
    momentum: str = "restore",
    **shared: Unpack[Shared],
) -> Iterator[Round]:
    """Cut to `snip_density` by SNIP at initialisation, then by IMP to `density` in `rounds` rounds.

    Yields round 0, the SNIP mask trained, then `rounds` more, as `tickets.imp` does; each removes the same fraction of
    what remains, and the last keeps exactly `round(density * all)` weights in scope "global"; in the others each layer or
    row rounds by itself. The two parts are Lee et al. 2019
    (algorithm 1) and Frankle & Carbin 2019 (section 1); the mixture has no paper that we follow.

    Args:
        snip_density: of all prunable weights; 1 makes no SNIP cut, and what follows is `imp` alone.
        density: of all prunable weights, after the last round; below `snip_density`.
        images: how many training images the score sees: `data.draw(images, seed=seed)`.
        rewind_step, momentum: as for `imp`.
        shared: seed, order_seed, steps, recipe, scope, exclude, include, folder, progress, train, task (see `Search`). A list of
            steps, such as `plan` makes, gives each of the `rounds + 1` trainings its own. The SNIP mask is not read
            from the folder but scored again; a folder made with another mask is refused.

    Raises:
        ValueError: not 0 < density < snip_density <= 1; rounds below 1; and what `imp`, `snip` and `draw` refuse.
    """
    search = Search.of(snip_then_imp, model_fn, data, shared)
    snip_density, density = plain(snip_density), plain(density)
    numbers = all(isinstance(value, int | float) for value in (snip_density, density))
    if not numbers or not 0 < density < snip_density <= 1:
        raise ValueError(
            f"snip_density={snip_density!r}, density={density!r} were given; expected 0 < density < snip_density <= 1."
        )
    rounds = check_whole("rounds", rounds, 1)
    model = search.network()
    mask = search.mask(model)
    if snip_density < 1:
        score = partial(snip, batches=data.draw(images, seed=search.seed))
        scores = for_mask(for_task(score, search.task, data), mask)(model)
        mask = prune_to(mask, scores, snip_density, scope=search.scope)
    fractions = _fractions(mask, density, rounds)
    shared["exclude"] = shared["include"] = ()  # the mask says what it speaks about
    return imp(
        model_fn,
        data,
        rounds=rounds,
        fraction=fractions,
        rewind_step=rewind_step,
        mask=mask,
        momentum=momentum,
        **shared,
    )


def plan(
    total_steps: int, trainings: int, *, last_share: float | None = None, rewind_step: int = 0
) -> list[int]:
    """Share `total_steps` updates out among the trainings of a ladder: their lengths, for `imp(..., steps=...)`.

    The lengths are equal, and the last training takes what does not divide. A length counts from initialisation: every
    training but the first begins at `rewind_step` and so does `rewind_step` updates less. These updates add up to
    `total_steps` exactly.

    Args:
        trainings: `rounds + 1`, because the first mask is trained too.
        last_share: the part of all updates, between 0 and 1, that the last training gets; the trainings before it,
            which only search, share the rest.

    Raises:
        ValueError: a number out of range; a budget in which some training would do no update.
    """
    check_whole("total_steps", total_steps, 1)
    check_whole("trainings", trainings, 1)
    check_whole("rewind_step", rewind_step, 0)
    if last_share is not None and not (isinstance(last_share, int | float) and 0 < last_share < 1):
        raise ValueError(f"last_share={last_share!r} was given; expected a number between 0 and 1.")
    from_start = total_steps + rewind_step * (trainings - 1)  # if no training skipped its first steps
    if last_share is None or trainings == 1:
        length = from_start // trainings
    else:
        length = (from_start - rewind_step - round(last_share * total_steps)) // (trainings - 1)
    lengths = [length] * (trainings - 1) + [from_start - length * (trainings - 1)]
    if min(lengths) <= rewind_step:
        raise ValueError(
            f"total_steps={total_steps} is too little for {trainings} trainings"
            + (f" that begin at step {rewind_step}" if rewind_step else "")
            + (f" with last_share={last_share}" if last_share else "")
            + ": one of them would do no update. Give more steps, or plan fewer rounds."
        )
    return lengths


def price(
    rounds: Iterable[Round], model: nn.Module, shape: Sequence[int], *, batch_size: int, images: int = 0
) -> costs.Cost:
    """What rounds have cost together: the updates that each did, under the mask that it had. Evaluations are not counted.

    Args:
        model: any network of the architecture. shape: of one image: (channels, height, width).
        images: how many images a score such as SNIP saw before the first training. They are examples that went forward
            and backward through the whole network, but no update.
    """
    check_whole("images", images, 0)
    looked = costs.of_training(model, shape, steps=1, batch_size=images)
    trained = (
        costs.of_training(model, shape, steps=r.result.steps, batch_size=batch_size, mask=r.mask)
        for r in rounds
    )
    return costs.total([replace(looked, steps=0), *trained])


def _fractions(mask: Mask, density: float, rounds: int) -> list[float]:
    """The part to remove in each round, so that whole numbers of weights end exactly at `density` of all."""
    last = round(density * mask.total)
    steady = ladder(fraction_for(last / mask.kept, rounds), rounds) if last else []
    kept = [round(mask.kept * level) for level in steady[:-1]] + [last]
    if last < 1 or any(after >= before for before, after in zip(kept, kept[1:], strict=False)):
        raise ValueError(
            f"density={density} of {mask.total:,} weights, from {mask.kept:,} in {rounds} rounds: some round would "
            "remove nothing, or the last one all. Take fewer rounds, or another density."
        )
    return [(before - after) / before for before, after in zip(kept, kept[1:], strict=False)]
