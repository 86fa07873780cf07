"""Did the rounds of a search begin from its rewind point? Trained again from there, the first steps say it."""

from __future__ import annotations

from lthkit.evidence.findings import FAILS, HOLDS, Finding, cannot_tell, fails, holds
from lthkit.runs import again
from lthkit.runs.remade import Remade, begun_again, initial_state
from lthkit.runs.searched import Searched
from lthkit.tickets.rounds import Round
from lthkit.training.checkpoints import Checkpoint


def rewound(search: Searched, remade: Remade, *, replay: bool) -> Finding:
    """The rewind point is the state that the configuration names; with `replay` the last round is begun again from it."""
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
