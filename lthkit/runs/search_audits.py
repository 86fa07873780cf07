"""An audit of one search in its run folder, as `imp` and `one_shot` leave it: rounds, rewind point, configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lthkit.evidence import checks, rankings
from lthkit.evidence.findings import FAILS, HOLDS, Finding, cannot_tell, fails, holds, together
from lthkit.evidence.states import State
from lthkit.pruning.counting import rows_of
from lthkit.pruning.masks import Mask
from lthkit.pruning.selection import LayerCollapse, prune, prune_to
from lthkit.runs import again
from lthkit.runs.remade import Given, Remade, begun_again, initial_state, measured_again, remake
from lthkit.storage import files
from lthkit.storage.owners import RunMismatch
from lthkit.tickets.rounds import Round, load_round
from lthkit.training.checkpoints import Checkpoint
from lthkit.training.results import MetricPoint, Point
from lthkit.training.tallies import Measured, Metrics

CONTROLS = "controls that were trained with this search's masks, in a folder beside it"
SEEDS = "the same search with other seeds, in folders beside this one"


@dataclass(frozen=True)
class Searched:
    """A search as its folder has it: the rounds that can be read, in order, and what is wrong with the files."""

    folder: Path
    config: Mapping[str, Any]
    rounds: tuple[Round, ...]
    problems: tuple[str, ...]

    @property
    def one_shot(self) -> bool:
        """True if every mask was cut from the dense network, False if each from the one before."""
        return "densities" in self.config

    @property
    def own_loop(self) -> str:
        """The name of the training loop, if it is none of lthkit's; else ""."""
        return str(self.config.get("train", ""))


def read_search(folder: Path, config: Mapping[str, Any]) -> Searched:
    """Read all rounds; a file that is damaged, or of another run, is a problem and no round."""
    rounds, problems = [], []
    numbers = sorted(
        int(path.stem.removeprefix("round-"))
        for path in folder.glob("round-*.npz")
        if path.stem.removeprefix("round-").isdigit()
    )
    start: Checkpoint | None = None
    for r in numbers:
        try:
            this = load_round(folder, r, start)
        except (files.DamagedFile, RunMismatch, OSError) as error:
            problems.append(" ".join(str(error).split()))
            continue
        if this is not None:
            rounds.append(this)
            start = this.rewind
    if numbers != list(range(len(numbers))):
        problems.append(f"Its rounds are {', '.join(map(str, numbers))}: some are missing.")
    return Searched(folder, config, tuple(rounds), tuple(problems))


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
    found["rewound"] = _rewound(search, remade, replay)
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
    under_way = [path.name for path in search.folder.glob("training-*") if path.is_dir()]
    done = len(search.rounds) - 1
    if rounds is not None and done < rounds:
        return fails("record", f"{done} of {rounds} rounds are there: the search is not finished.")
    if under_way:
        return cannot_tell("record", f"{under_way[0]} is under way. Needs the end of it.")
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


def _rewound(search: Searched, remade: Remade, replay: bool) -> Finding:
    config, first = search.config, search.rounds[0]
    rewind, k = first.rewind, config["rewind_step"]
    if rewind.step != k:
        return fails("rewound", f"rewind.npz is of step {rewind.step}, and the configuration says step {k}.")
    if k == 0 and (wrong := _no_initial_state(search, remade)):
        return fails("rewound", wrong)
    target = "the initial state" if k == 0 else f"a state of step {k}"
    if k == 0 and first.mask.kept < first.mask.total and remade.model_fn is None:
        target = "called the initial state, and could be that under the mask of round 0"
    if not any(this.round > 0 for this in search.rounds):
        return cannot_tell("rewound", f"rewind.npz is {target}, and no round began from it yet.")
    unsaid = f"rewind.npz is {target}; that the rounds began from it, their files do not say."
    if not replay and remade.trainable:
        return cannot_tell(
            "rewound", f"{unsaid} Needs replay=True (--replay), which trains its first steps again."
        )
    if not remade.trainable:
        return cannot_tell("rewound", f"{unsaid} {remade.why_not_trained}")
    return _replayed(search, remade, target)


def _no_initial_state(search: Searched, remade: Remade) -> str:
    """What is wrong with a rewind point that should be the initial state; "" if nothing can be seen to be."""
    config, first = search.config, search.rounds[0]
    made = initial_state(remade, config["seed"])
    if made is not None and made.fingerprint != config["start"]:
        return f"The configuration's initial state is not that of seed {config['seed']}."
    if first.mask.kept == first.mask.total:
        right = Checkpoint(0, first.rewind.model).fingerprint == config["start"]
        return "" if right else "rewind.npz is not the initial state that the configuration names."
    if (
        made is None
    ):  # under a mask from the first step on, it is that state with zeros, of which the name is not known
        return ""
    state = {
        n: t.masked_fill(~first.mask[n].cpu(), 0) if n in first.mask else t for n, t in made.model.items()
    }
    if Checkpoint(0, state).fingerprint != Checkpoint(0, first.rewind.model).fingerprint:
        return f"rewind.npz is not the initial state of seed {config['seed']} under the mask of round 0."
    return ""


def _replayed(search: Searched, remade: Remade, target: str) -> Finding:
    """The first steps of the last round, trained again from rewind.npz. Of a loop of one's own, whether lthkit's training is
    the same is tried with the dense round."""
    this = [r for r in search.rounds if r.round > 0][-1]
    rewind = this.rewind
    verdict, step, words = _begun(search, remade, this, rewind)
    said = f"The first {step - rewind.step} steps of round {this.round}, again from rewind.npz, give the"
    if verdict == HOLDS:
        return holds("rewound", f"{said} recorded validation loss {words}. rewind.npz is {target}.")
    if verdict != FAILS:
        return cannot_tell("rewound", f"rewind.npz is {target}. Its rounds were not judged, because {words}.")
    if search.own_loop:
        dense, start = search.rounds[0], rewind if rewind.step == 0 else None
        start = start or initial_state(remade, search.config["seed"])
        alike = start is not None and _begun(search, remade, dense, start)[0] == HOLDS
        if dense.round > 0 or not alike:
            return cannot_tell(
                "rewound",
                f"rewind.npz is {target}. Its rounds were not judged, because {search.own_loop} trained them, and lthkit's training, "
                "which gives other numbers, is not the same. Needs a copy of the state that a round began from: "
                "lth.audit(model, mask, before, after, start=...).",
            )
    return fails("rewound", f"{said} {words}: it began elsewhere, or was trained otherwise.")


def _begun(search: Searched, remade: Remade, this: Round, start: Checkpoint) -> tuple[str, int, str]:
    """Verdict, step and words for the first evaluation of a round that begins again from `start`."""
    if not this.result.history:
        return "", start.step, f"{search.own_loop or 'its training'} has recorded no evaluation"
    point = this.result.history[0]
    step, found = begun_again(this, remade, search.config, start)
    if step != point.step:
        return "", step, f"its first evaluation is at step {point.step}, and that of the recipe at {step}"
    verdict, words = again.same(found, point, again.units_of(search.config))
    if verdict == FAILS:
        words = f"validation loss {found.loss:.4f}, and the record has {point.validation_loss:.4f}"
    return verdict, step, words


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
    return compared(search.config, found, point, own_loop=bool(search.own_loop))


def compared(
    config: Mapping[str, Any],
    found: Metrics | Measured,
    point: Point | MetricPoint,
    *,
    own_loop: bool = False,
) -> Finding:
    """What was measured of trained weights, beside what the record has of the last step."""
    verdict, words = again.same(found, point, again.units_of(config), own_loop=own_loop)
    recorded = point.validation_metrics
    if verdict == HOLDS:
        return holds(
            "measured",
            f"The trained weights give the recorded validation {next(iter(recorded))} of the last step {words}.",
        )
    if verdict == FAILS:
        where = "on the validation split" if "task" in config else "of the validation images"
        return fails(
            "measured",
            f"The trained weights give {again.told(config, found.metrics)} {where} (loss {found.loss:.4f}), and the record has "
            f"{again.told(config, recorded)} (loss {point.validation_loss:.4f}).",
        )
    return cannot_tell("measured", f"Not judged, because {words}.")


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
