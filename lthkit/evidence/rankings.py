"""Does a mask keep the weights with the highest scores, and if not: which other ranking would have given it?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from lthkit.evidence.findings import Finding, cannot_tell, fails, holds
from lthkit.evidence.states import State
from lthkit.pruning.masks import Mask

SCOPES = ("global", "layerwise")

Scores = Mapping[str, Tensor]


def ranking(
    masks: Sequence[Mask],
    scores: Sequence[Scores],
    *,
    scope: str | None,
    weights: bool,
    before: State | None = None,
) -> Finding:
    """Each cut kept, of what was there, the weights with the highest scores; equal scores may go either way.

    Args:
        masks: of all rounds; with one mask, it was cut from everything.
        scores: one for each cut; higher = keep.
        scope: "global", "layerwise", or None if it was not said: then either will do.
        weights: the scores are weights, whose absolute values rank.
        before: the state that the trainings began from, a candidate for what was ranked by mistake.
    """
    cuts = _cuts(masks)
    if len(cuts) != len(scores):
        raise ValueError(
            f"{len(scores)} sets of {'weights' if weights else 'scores'} were given for {len(cuts)} cuts; expected one for "
            "each cut, in order."
        )
    if not any(now.kept < was.kept for was, now in cuts):
        return cannot_tell("ranking", "No mask removes anything. Needs a cut.")
    scopes = (scope,) if scope else SCOPES
    ranked = [_magnitudes(s) if weights else dict(s) for s in scores]
    for (_, now), values in zip(cuts, ranked, strict=True):
        if bad := [n for n in now if bool(values[n].isnan().any())]:
            return fails("ranking", f"Scores of {', '.join(bad)} are NaN, and NaN has no rank.")
    fitting = [
        s for s in scopes if not any(misplaced(w, n, v, s) for (w, n), v in zip(cuts, ranked, strict=True))
    ]
    if fitting and not (said := _uneven(cuts, ranked) if scope == "layerwise" else ""):
        return holds(
            "ranking",
            f"{_cuts_said(len(cuts))} the highest scores, ranked {'over all layers' if fitting[0] == 'global' else 'layer by layer'}.",
        )
    if fitting:
        return fails("ranking", said)
    r, wrong = _first_wrong(cuts, ranked, scopes[0])
    text = f"Cut {r}: {wrong:,} of the {cuts[r - 1][1].kept:,} weights that stay have lower scores than others that went."
    named = _other_ranking(cuts, scores, r, scopes, weights, before)
    return fails("ranking", text + (f" It is the mask of another ranking: {named}." if named else ""))


def misplaced(was: Mask, now: Mask, scores: Scores, scope: str) -> int:
    """How many kept weights would have to give their places to removed ones, among those that `was` kept."""
    count = 0
    for names in [tuple(now)] if scope == "global" else [(name,) for name in now]:
        there = [was[n].cpu() for n in names]
        values = torch.cat([scores[n].cpu()[own].double() for n, own in zip(names, there, strict=True)])
        kept = torch.cat([now[n].cpu()[own] for n, own in zip(names, there, strict=True)])
        k = int(kept.sum())
        if 0 < k < len(values):
            place = len(values) - k
            least = float(np.partition(values.numpy(), place)[place])  # much faster than kthvalue
            count += max(int((kept & (values < least)).sum()), int((~kept & (values > least)).sum()))
    return count


def _even(was: Mask, now: Mask) -> bool:
    """True if every layer lost the same fraction, to the weight."""
    part = 1 - now.kept / was.kept if was.kept else 0.0
    lost = {n: (int(was[n].sum()), int(was[n].sum()) - int(now[n].sum())) for n in now}
    return all(abs(part * there - gone) <= 1 for there, gone in lost.values())


def _cuts(masks: Sequence[Mask]) -> list[tuple[Mask, Mask]]:
    if len(masks) > 1:
        return list(zip(masks, masks[1:], strict=False))
    return [(Mask({name: torch.ones_like(kept) for name, kept in mask.items()}), mask) for mask in masks]


def _magnitudes(weights: Scores) -> dict[str, Tensor]:
    return {name: weight.abs() for name, weight in weights.items()}


def _cuts_said(n: int) -> str:
    return "The cut kept" if n == 1 else f"Each of {n} cuts kept"


def _first_wrong(cuts: Sequence[tuple[Mask, Mask]], ranked: Sequence[Scores], scope: str) -> tuple[int, int]:
    for r, ((was, now), values) in enumerate(zip(cuts, ranked, strict=True), start=1):
        if wrong := misplaced(was, now, values, scope):
            return r, wrong
    raise AssertionError("nothing is misplaced")


def _uneven(cuts: Sequence[tuple[Mask, Mask]], ranked: Sequence[Scores]) -> str:
    """What is wrong with a cut that was said to be layerwise, and is the cut of a ranking over all layers."""
    for r, ((was, now), values) in enumerate(zip(cuts, ranked, strict=True), start=1):
        counts = {n: (int(was[n].sum()), int(now[n].sum())) for n in now}
        parts = {n: 1 - after / before for n, (before, after) in counts.items() if before}
        if len(parts) > 1 and not _even(was, now) and not misplaced(was, now, values, "global"):
            said = ", ".join(f"{name} {100 * part:.1f} %" for name, part in list(parts.items())[:4])
            return (
                f"Cut {r} is that of a ranking over all layers, which takes other fractions of each: {said}."
            )
    return ""


def _other_ranking(
    cuts: Sequence[tuple[Mask, Mask]],
    scores: Sequence[Scores],
    r: int,
    scopes: Sequence[str],
    weights: bool,
    before: State | None,
) -> str:
    """The words for a ranking that gives this cut exactly, or "" if none that is known here does."""
    was, now = cuts[r - 1]
    candidates = list(_candidates(scores, r, weights, before, now))
    for scope in sorted(SCOPES, key=lambda scope: scope not in scopes):
        for words, values in candidates:
            if scope == "layerwise" and not _even(was, now) and len(now) > 1:
                continue
            if set(now) <= set(values) and not misplaced(was, now, values, scope):
                return words + ("" if scope in scopes else _AND[scope])
    return ""


_AND = {"global": ", over all layers together", "layerwise": ", layer by layer"}


def _candidates(
    scores: Sequence[Scores], r: int, weights: bool, before: State | None, now: Mask
) -> Iterator[tuple[str, Scores]]:
    given, what = scores[r - 1], "weights" if weights else "scores"
    rank: Callable[[Scores], Scores] = _magnitudes if weights else dict
    yield f"the same {what}", rank(given)
    for other in range(r - 1):
        number = "first" if other == 0 else f"{other + 1}th"
        yield f"the {what} of the {number} training, not of the last", rank(scores[other])
    if weights:
        yield "the weights with their signs, so that large negative ones go first", given
    else:
        yield "the absolute values of the scores", _magnitudes(given)
    if before is not None and weights:
        own = {n: before.tensors[n] for n in now if n in before.tensors}
        yield "the weights before the training", _magnitudes(own)
    yield "the lowest stay, and the highest went", {n: -v for n, v in rank(given).items()}
