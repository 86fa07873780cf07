"""An audit of one search in its run folder, as `imp` and `one_shot` leave it: rounds, rewind point, configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from torch import Tensor

from lthkit.data.datasets import Dataset
from lthkit.evidence import checks, rankings
from lthkit.evidence.findings import Finding, cannot_tell, fails, holds, together
from lthkit.evidence.states import State
from lthkit.pruning.masks import Mask
from lthkit.pruning.selection import LayerCollapse, prune, prune_to
from lthkit.runs.remade import Network, Remade, begun_again, initial_state, measured_again, remake
from lthkit.storage import files
from lthkit.storage.owners import RunMismatch
from lthkit.tickets.rounds import Round, load_round
from lthkit.training.checkpoints import Checkpoint
from lthkit.training.tallies import Metrics

EXACT, NEAR = 1e-6, 1e-3  # relative differences of a loss: the same bits and sums, another machine's rounding
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
    network: Network | None = None,
    data: Dataset | None = None,
    replay: bool = False,
    rounds: int | None = None,
) -> dict[str, Finding]:
    """Findings by item, but for seeds and controls, of which one search says nothing.

    Args:
        network, data: of the run, where they are not the house's own.
        replay: begin one round again, and compare its first evaluation with the recorded one.
        rounds: how many were meant to be there, beside the dense one.
    """
    found = {"record": _record(search, rounds)}
    if not search.rounds:
        return found
    remade = remake(search.config, network, data)
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
    config = search.config
    try:
        if search.one_shot:
            return prune_to(before.mask, scores, config["densities"][r - 1], scope=config["scope"])
        fraction = config["fraction"]
        part = fraction[r - 1] if isinstance(fraction, list) else fraction
        return prune(before.mask, scores, part, scope=config["scope"], overrides=config["overrides"] or None)
    except (ValueError, LayerCollapse, IndexError):
        return None


def _count(search: Searched, r: int, before: Round, this: Round) -> Finding:
    config = search.config
    if search.one_shot:
        parts = {n: (t.numel(), config["densities"][r - 1]) for n, t in before.mask.items()}
        wanted = {name: round(density * total) for name, (total, density) in parts.items()}
        total = round(config["densities"][r - 1] * before.mask.total)
    else:
        fraction = config["fraction"]
        part = fraction[r - 1] if isinstance(fraction, list) else fraction
        wanted = kept_by_layer(before.mask, part, config["overrides"])
        total = before.mask.kept - round(part * before.mask.kept)
    if config["scope"] == "layerwise":
        total = sum(wanted.values())
        wrong = [n for n, count in wanted.items() if count != int(this.mask[n].sum())]
    else:
        wrong = []
    if total != this.mask.kept or wrong:
        where = f" ({wrong[0]} keeps {int(this.mask[wrong[0]].sum()):,})" if wrong else ""
        return fails(
            "density", f"{this.mask.kept:,} weights stay{where}, and the configuration makes it {total:,}."
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
    if k == 0:
        if Checkpoint(0, rewind.model).fingerprint != config["start"]:
            return fails("rewound", "rewind.npz is not the initial state that the configuration names.")
        made = initial_state(remade, config["seed"])
        if made is not None and made.fingerprint != config["start"]:
            return fails(
                "rewound", f"The configuration's initial state is not that of seed {config['seed']}."
            )
    target = "the initial state" if k == 0 else f"a state of step {k}"
    later = [this for this in search.rounds if this.round > 0]
    if not later:
        return cannot_tell("rewound", f"rewind.npz is {target}, and no round began from it yet.")
    if not replay or not remade.complete:
        needs = (
            "replay=True (--replay), which trains its first steps again" if remade.complete else remade.why
        )
        return cannot_tell(
            "rewound",
            f"rewind.npz is {target}; that the rounds began from it, their files do not say. "
            + (f"Needs {needs}." if remade.complete else needs),
        )
    this = later[-1]
    point = this.result.history[0]
    found = begun_again(this, remade, config)
    said = (
        f"The first {point.step - rewind.step} steps of round {this.round}, again from rewind.npz, give the"
    )
    near = _alike(found, point.validation_loss, point.validation_accuracy)
    if not near:
        return fails(
            "rewound",
            f"{said} validation loss {found.loss:.4f}, and the record has {point.validation_loss:.4f}: it began elsewhere, or was "
            "trained otherwise.",
        )
    return holds("rewound", f"{said} recorded validation loss {near}. rewind.npz is {target}.")


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
    parts = {}
    for this in search.rounds:
        point = this.result.history[-1]
        found = measured_again(this, remade, search.config["recipe"])
        near = _alike(found, point.validation_loss, point.validation_accuracy)
        parts[f"round {this.round}"] = (
            holds(
                "measured",
                f"The trained weights give the recorded validation accuracy of the last step {near}.",
            )
            if near
            else fails(
                "measured",
                f"The trained weights give {100 * found.accuracy:.2f} % of the validation images (loss {found.loss:.4f}), and "
                f"the record has {100 * point.validation_accuracy:.2f} % (loss {point.validation_loss:.4f}).",
            )
        )
    return together("measured", parts)


def _alike(found: Metrics, loss: float, accuracy: float) -> str:
    """In which sense a measurement is the recorded one: "again", "but for rounding", or "" if it is not."""
    apart = abs(found.loss - loss) / max(abs(loss), 1e-12)
    if apart <= EXACT and found.accuracy == accuracy:
        return "again"
    return "but for rounding" if apart <= NEAR and abs(found.accuracy - accuracy) < 0.005 else ""


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
    best = min(result.history, key=lambda point: point.validation_loss)
    recorded = (result.best_step, result.validation_loss, result.validation_accuracy)
    if recorded != (best.step, best.validation_loss, best.validation_accuracy):
        return fails(
            "test",
            f"The test accuracy is reported at step {result.best_step}, and the least validation loss is at step {best.step}: the "
            "step was chosen in another way.",
        )
    return holds("test", "One test accuracy a training, at the step of least validation loss.")
