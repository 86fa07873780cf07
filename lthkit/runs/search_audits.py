"""An audit of one search in its run folder, as `imp` and `one_shot` leave it: rounds, rewind point, configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

import torch
from torch import Tensor

from lthkit.evidence import checks, rankings
from lthkit.evidence.findings import Finding, cannot_tell, fails, holds, together
from lthkit.evidence.states import State
from lthkit.pruning.counting import rows_of
from lthkit.pruning.masks import Mask
from lthkit.pruning.selection import LayerCollapse, prune, prune_to
from lthkit.runs import again
from lthkit.runs.remade import Given, Remade, measured_again, remake
from lthkit.runs.rewind_audits import rewound
from lthkit.runs.searched import Searched
from lthkit.tickets.rounds import Round

CONTROLS = "controls that were trained with this search's masks, in a folder beside it"
SEEDS = "the same search with other seeds, in folders beside this one"


def audit_search(
    search: Searched,
    *,
    given: Given = Given(),  # noqa: B008  (frozen)
    replay: bool = False,
    rounds: int | None = None,
) -> dict[str, Finding]:
    """Findings by item, but for seeds and controls, of which one search says nothing.

    Args:
        given: of the run, what is not the house's own.
        replay: begin one round again, and compare its first evaluation with the recorded one.
        rounds: how many were meant to be there, beside the dense one.
    """
    found = {"record": _record(search, rounds)}
    if not search.rounds:
        return found
    remade = remake(search.config, given)
    masks = [this.mask for this in search.rounds]
    last = search.rounds[-1]
    state = State(last.trained.model)
    found["nested"] = _nested(search, masks)
    found["empty"] = _worst("empty", ((f"round {r.round}", checks.empty(r.mask)) for r in search.rounds))
    found["whole"] = checks.whole(last.mask, state, remade.model)
    found["shared"] = checks.shared(last.mask, state, remade.model)
    found |= _cuts(search)
    found["rewound"] = rewound(search, remade, replay=replay)
    found["moved"] = _worst("moved", _moved(search))
    found["measured"] = _measured(search, remade)
    found["zeros"] = _zeros(search, found["measured"])
    found["test"] = _worst("test", ((f"round {r.round}", _reported(r)) for r in search.rounds))
    found["optimizer"] = cannot_tell(
        "optimizer",
        "A round's file has no optimizer state. Needs a checkpoint that has one, such as TrainResult.kept.",
    )
    return found


def _worst(item: str, parts: Iterable[tuple[str, Finding]]) -> Finding:
    return together(item, dict(parts))


def _record(search: Searched, rounds: int | None) -> Finding:
    if search.problems:
        return fails("record", search.problems[0])
    if not search.rounds:
        return cannot_tell("record", f"{search.folder.name} has no finished round yet.")
    if (said := search.config.get("mask")) not in (None, search.rounds[0].mask.fingerprint):
        return fails(
            "record",
            f"Round {search.rounds[0].round} has another mask than {said}, which the configuration names.",
        )
    done = len(search.rounds) - 1
    if rounds is not None and done < rounds:
        return fails("record", f"{done} of {rounds} rounds are there: the search is not finished.")
    if search.under_way:
        return cannot_tell("record", f"{search.under_way} is under way. Needs the end of it.")
    return holds(
        "record", f"Rounds 0 to {done} are whole, each with its checksum and the mark of this configuration."
    )


def _nested(search: Searched, masks: list[Mask]) -> Finding:
    if search.one_shot:  # each cut from the dense network: in the order of their densities
        masks = sorted(masks, key=lambda mask: -mask.kept)
    return checks.nested(masks)


def _cuts(search: Searched) -> dict[str, Finding]:
    """Counts and ranking: each mask is what lthkit's own selection makes of the weights that were trained before it."""
    if len(search.rounds) < 2:
        needs = "Needs a round after the dense one."
        return {"density": cannot_tell("density", needs), "ranking": cannot_tell("ranking", needs)}
    counts, ranks = {}, {}
    for r, (before, this) in enumerate(_pairs(search), start=1):
        label = f"round {this.round}"
        counts[label] = _count(search, r, before, this)
        ranks[label] = _rank(search, r, before, this)
    return {"density": together("density", counts), "ranking": together("ranking", ranks)}


def _pairs(search: Searched) -> list[tuple[Round, Round]]:
    if search.one_shot:
        return [(search.rounds[0], this) for this in search.rounds[1:]]
    return list(pairwise(search.rounds))


def _selected(search: Searched, r: int, before: Round, scores: Mapping[str, Tensor]) -> Mask | None:
    """What the configured cut makes of the mask before; None if it can make none."""
    config = search.config
    try:
        if search.one_shot:
            return prune_to(before.mask, scores, config["densities"][r - 1], scope=config["scope"])
        fraction = config["fraction"]
        part = fraction[r - 1] if isinstance(fraction, list) else fraction
        return prune(before.mask, scores, part, scope=config["scope"], overrides=config["overrides"] or None)
    except (ValueError, LayerCollapse, IndexError):
        return None


def _own_densities(search: Searched, r: int) -> bool:
    """True if a cut has a density for each layer."""
    return search.one_shot and isinstance(search.config["densities"][r - 1], Mapping)


def _count(search: Searched, r: int, before: Round, this: Round) -> Finding:
    alike = {name: torch.zeros(kept.shape) for name, kept in before.mask.to("cpu").items()}
    wanted = _selected(search, r, before, alike)  # how many go does not depend on the scores
    if wanted is None:
        return fails(
            "density", f"{this.mask.kept:,} weights stay, and the configured cut cannot be made there."
        )
    wrong: list[str] = []
    if search.config["scope"] != "global" or _own_densities(search, r):  # else their total alone is fixed
        rows = search.config["scope"] == "row"
        for name, kept in this.mask.to("cpu").items():
            counts = [rows_of(m).sum(1) if rows else m.sum() for m in (kept, wanted[name].cpu())]
            wrong += [] if torch.equal(*counts) else [name]
    if wanted.kept != this.mask.kept or wrong:
        each = " in each row" if search.config["scope"] == "row" else ""
        where = f" ({wrong[0]} keeps {int(this.mask[wrong[0]].sum()):,})" if wrong else ""
        there = f" of {wrong[0]} {int(wanted[wrong[0]].sum()):,}{each}" if wrong else f" {wanted.kept:,}"
        return fails(
            "density", f"{this.mask.kept:,} weights stay{where}, and the configuration makes it{there}."
        )
    return holds("density", f"{this.mask.kept:,} of {this.mask.total:,} weights stay, as configured.")


def kept_by_layer(mask: Mask, fraction: float, overrides: Mapping[str, float] | None) -> dict[str, int]:
    """How many weights of each tensor stay when this fraction of what remains goes, layer by layer."""
    counts = {name: int(kept.sum()) for name, kept in mask.items()}
    return {name: n - round((overrides or {}).get(name, fraction) * n) for name, n in counts.items()}


def _rank(search: Searched, r: int, before: Round, this: Round) -> Finding:
    score = search.config["score"]
    if score != "magnitude":
        return cannot_tell(
            "ranking", f"Scores by {score} are not kept. Needs them: lth.audit(mask=[...], scores=[...])."
        )
    weights = {name: before.trained.model[name] for name in before.mask}
    wanted = _selected(search, r, before, {name: weight.abs() for name, weight in weights.items()})
    if wanted == this.mask:
        return holds("ranking", "The mask is what the weights just trained make of it, place for place.")
    scope, state = search.config["scope"], State(before.rewind.model)
    if scope not in rankings.SCOPES or _own_densities(search, r):
        if wanted is None:
            return cannot_tell(
                "ranking", "Not judged, because the configured cut cannot be made of this mask."
            )
        wrong = sum(int((wanted[n].cpu() & ~kept.cpu()).sum()) for n, kept in this.mask.items())
        extra = sum(int((kept.cpu() & ~wanted[n].cpu()).sum()) for n, kept in this.mask.items())
        return fails(
            "ranking",
            f"By the magnitudes of the weights just trained, {wrong:,} weights should stay that went, and {extra:,} go that stay.",
        )
    masks = [before.mask, this.mask]
    known: list[Mapping[str, Tensor]] = [weights]
    found = rankings.ranking(masks, known, scope=scope, weights=True, before=state)
    if found.verdict == "fails" and before.round > 0 and not search.one_shot:
        dense = search.rounds[0].trained.model
        if not rankings.misplaced(before.mask, this.mask, {n: dense[n].abs() for n in this.mask}, scope):
            return fails(
                "ranking",
                f"{found.text} It is the ranking of the dense network's weights: the loop is not iterative.",
            )
    return found


def _moved(search: Searched) -> Iterable[tuple[str, Finding]]:
    for this in search.rounds:
        if any(name not in this.rewind.model for name in this.mask):
            yield f"round {this.round}", fails("moved", "rewind.npz is of another network.")
        else:
            yield (
                f"round {this.round}",
                checks.moved(this.mask, State(this.rewind.model), State(this.trained.model)),
            )


def _measured(search: Searched, remade: Remade) -> Finding:
    if not remade.complete:
        return cannot_tell("measured", remade.why)
    return together(
        "measured", {f"round {this.round}": _measured_round(search, remade, this) for this in search.rounds}
    )


def _measured_round(search: Searched, remade: Remade, this: Round) -> Finding:
    begun = this.rewind.step if this.round > 0 else 0
    point = again.last_point(this.result, begun + this.result.steps)
    if point is None:
        return cannot_tell(
            "measured",
            f"Not judged, because {search.own_loop or 'its training'} has recorded no evaluation of the weights of the last step.",
        )
    found = measured_again(this.trained, remade, search.config["recipe"], this.result.choice)
    return again.compared(search.config, found, point, own_loop=bool(search.own_loop))


def _zeros(search: Searched, measured: Finding) -> Finding:
    """A round's file has room for kept weights only; that these alone were at work, the measurement says."""
    if not any(this.mask.kept < this.mask.total for this in search.rounds):
        return cannot_tell("zeros", "No mask removes anything yet. Needs a round after the dense one.")
    if measured.verdict == "holds":
        return holds(
            "zeros",
            "The files have kept weights only, and with 0 elsewhere the network gives the recorded accuracy.",
        )
    if measured.verdict == "fails":
        return fails(
            "zeros",
            "The files have kept weights only, and with 0 elsewhere the network does not give the recorded accuracy: other "
            "weights were at work.",
        )
    return cannot_tell(
        "zeros",
        f"The files have kept weights only; whether the removed ones were 0 when it was measured, a measurement tells. {measured.text}",
    )


def _reported(this: Round) -> Finding:
    result = this.result
    if not result.history:
        return cannot_tell(
            "test", "Not judged, because no evaluation was recorded: at which step, and why there?"
        )
    best = min(result.history, key=lambda point: point.validation_loss)
    recorded = (result.best_step, result.validation_loss, result.validation_metric)
    name = result.quantity.name
    if recorded != (best.step, best.validation_loss, best.validation_metric):
        return fails(
            "test",
            f"The test {name} is reported at step {result.best_step}, and the least validation loss is at step {best.step}: the "
            "step was chosen in another way.",
        )
    return holds("test", f"One test {name} a training, at the step of least validation loss.")
