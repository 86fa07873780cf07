"""An audit of masks and weights, of whatever program made them: the checklist of lesson 12, item by item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from lthkit.data.datasets import Dataset
from lthkit.evidence import checks, rankings, record_checks
from lthkit.evidence.findings import Audit, Finding, cannot_tell, complete, fails
from lthkit.evidence.states import State, fitted, read_masks, read_state
from lthkit.machine.checks import check_whole, is_number
from lthkit.pruning.masks import Mask
from lthkit.training.tasks import Task

NEEDS = {
    "zeros": "a mask and the trained state (mask, after)",
    "nested": "the masks of two rounds or more, in order (mask=[...])",
    "ranking": "the masks, and for each cut the weights that were ranked (trained=[...]) or the scores (scores=[...])",
    "density": "a mask, and what was said: density= as a fraction kept, or kept= as a count",
    "empty": "a mask",
    "whole": "a mask and the network, or a state",
    "shared": "a mask and the network",
    "rewound": "the state that was meant (before) and a copy of the state that training began from (start)",
    "moved": "a mask, the state at the start (start or before) and the trained state (after)",
    "optimizer": "a mask, the optimizer (optimizer) and the network",
    "measured": "the network, the trained state, data= and the accuracy that was said (validation_accuracy=), or task= and "
    "validation_metric=",
    "test": "how often the test split was read (test_reads=), or a run folder",
    "seeds": "the initial state of each seed (seeds={0: ..., 1: ...}), or a run folder",
    "controls": "the controls' masks and starts (controls={'shuffled': {'mask': ..., 'start': ...}}), or a run folder",
    "record": "a run folder",
}


def audit_states(
    model: Any = None,
    mask: Any = None,
    before: Any = None,
    after: Any = None,
    *,
    start: Any = None,
    trained: Any = None,
    scores: Any = None,
    scope: str | None = None,
    density: float | None = None,
    kept: int | None = None,
    optimizer: Any = None,
    controls: Any = None,
    seeds: Any = None,
    test_reads: Any = None,
    data: Dataset | None = None,
    validation_accuracy: float | None = None,
    task: Task | None = None,
    validation_metric: float | None = None,
    subject: str = "the states given",
) -> Audit:
    """Look at masks and weights that any program made, and answer each item: holds, fails, or cannot be told.

    Long because each argument is a kind of evidence, with a line of its own.

    Args:
        model: the network. Its present weights are the trained ones, unless `after` is given. It tells which names are
            one weight, and computes what is computed (weight norm). A state dict in its place is taken for `after`.
        mask: parameter name -> True where a weight stays; for several rounds a list, the mask of `after` last.
        before: the state that the training under the mask should begin from: the initial one, or that of step k.
        after: the trained state.
        start: a *copy* of the state that the training really began from, taken right before its first step.
        trained: for each cut the trained state whose magnitudes were ranked (the same order as the masks).
        scores: for each cut the scores, if they are no magnitudes; name -> tensor, higher = keep.
        scope: what was ranked together, "global" or "layerwise"; None says nothing of it.
        density, kept: what was said of the last mask: a fraction kept, or a count.
        optimizer: of torch, its `state_dict()`, or a Checkpoint's state.
        controls: "re-initialised" and "shuffled" -> {"mask": ..., "start": ...}.
        seeds: seed -> initial state; or the seeds alone.
        test_reads: how often the test split was read, for one training or by name.
        data, validation_accuracy: the accuracy that was said of `after`, as a fraction, to be measured again.
        data, task, validation_metric: the same for another task, of which the first metric was said, in its own unit.

    Raises:
        TypeError, ValueError: what was given is not of its kind, or not of one network. Nothing is guessed.
    """
    given = (model, mask, before, after, start, trained, scores, optimizer, controls, seeds, test_reads)
    if all(value is None for value in given):
        raise TypeError(
            "Nothing was given; expected a run folder, lth.audit('runs/kept/imp-...'), or masks and states: "
            "lth.audit(model, mask, before, after)."
        )
    _check_claims(scope, density, kept)
    this = _Given.of(model, mask, before=before, start=start, after=after)
    findings = [
        *this.of_masks(density, kept),
        *this.of_weights(),
        *_ranked(this.masks, trained, scores, scope, this.before),
        *_recorded(this, optimizer, controls, seeds, test_reads),
    ]
    said = record_checks.said_metric(task, validation_accuracy, validation_metric)
    if this.model is not None and this.after is not None and data is not None and said is not None:
        findings.append(record_checks.measured(this.model, this.after, data, said, task or Task()))
    return complete(subject, findings, NEEDS)


def _check_claims(scope: str | None, density: float | None, kept: int | None) -> None:
    if scope is not None and scope not in rankings.SCOPES:
        raise ValueError(f"scope={scope!r} was given; expected one of {', '.join(rankings.SCOPES)}, or None.")
    if density is not None and kept is not None:
        raise ValueError("density and kept were both given; expected one of them.")
    if density is not None and not (is_number(density) and 0 <= density <= 1):
        raise ValueError(
            f"density={density!r} was given; expected the fraction kept, from 0 to 1, such as 0.2 for 20 %."
        )
    if kept is not None:
        check_whole("kept", kept, 0)


class _Given:
    """Masks and states that belong together, each state with a tensor for every name of the mask."""

    def __init__(
        self, model: nn.Module | None, masks: Sequence[Mask], states: Mapping[str, State | None]
    ) -> None:
        self.model, self.masks = model, masks
        self.mask = masks[-1] if masks else None
        self.lacking: dict[str, list[str]] = {}
        found: dict[str, State | None] = {}
        for name, state in states.items():
            found[name] = state
            if state is not None and self.mask is not None:
                found[name], self.lacking[name] = fitted(state, self.mask, model, name)
        self.before, self.start, self.after = found["before"], found["start"], found["after"]

    @classmethod
    def of(cls, model: Any, mask: Any, *, before: Any, start: Any, after: Any) -> _Given:
        """Read what was given. A state dict as `model` is the trained state; so is a network, where `after` is not given."""
        if model is not None and not isinstance(model, nn.Module):
            if after is not None:
                raise TypeError(
                    f"model is a {type(model).__name__}, and after was given too; expected the network (torch.nn.Module) as "
                    "model, or the trained state as after alone."
                )
            model, after = None, model
        states = {
            name: None if value is None else read_state(value, name)
            for name, value in (
                ("before", before),
                ("start", start),
                ("after", model if after is None else after),
            )
        }
        masks, trained = read_masks(mask), states["after"]
        if not masks and trained is not None and trained.carried:
            masks = (Mask(trained.carried),)
        return cls(model, masks, states)

    def complete(self, *names: str) -> bool:
        """True if these states are there, with all that the mask names."""
        return all(getattr(self, name) is not None and not self.lacking.get(name) for name in names)

    def of_masks(self, density: float | None, kept: int | None) -> list[Finding]:
        if self.mask is None:
            return []
        found = [checks.nested(self.masks), checks.empty(self.mask)]
        if density is not None or kept is not None:
            found.append(checks.density(self.mask, said=density, kept=kept))
        state = self.after or self.start or self.before
        if self.model is not None or state is not None:
            found.append(checks.whole(self.mask, state or State({}), self.model))
            found.append(checks.shared(self.mask, state, self.model))
        return found

    def of_weights(self) -> list[Finding]:
        found = []
        if self.mask is not None and self.after is not None:
            found.append(
                checks.zeros(self.mask, self.after) if self.complete("after") else self._computed("zeros")
            )
        if self.before is not None and self.start is not None:
            ready = self.mask is None or self.complete("before", "start")
            mask = self.mask if ready else None
            found.append(checks.rewound(self.before, self.start, self.after, mask))
        elif self.before is not None:
            early = checks.copied_before(self.before, self.after, self.mask)
            found.append(early or cannot_tell("rewound", f"Needs {NEEDS['rewound']}; start was not given."))
        first = self.start or self.before
        if self.mask is not None and first is not None and self.after is not None:
            ready = self.complete("after", "start" if self.start is not None else "before")
            found.append(checks.moved(self.mask, first, self.after) if ready else self._computed("moved"))
        return found

    def _computed(self, item: str) -> Finding:
        names = next(names for names in self.lacking.values() if names)
        return cannot_tell(
            item,
            f"{', '.join(names)} is computed from other parameters, which are not masked. Needs the network (model=), which "
            "computes it.",
        )


def _ranked(
    masks: Sequence[Mask], trained: Any, scores: Any, scope: str | None, before: State | None
) -> list[Finding]:
    if trained is not None and scores is not None:
        raise ValueError("trained and scores were both given; expected what was ranked, one of them.")
    given = trained if trained is not None else scores
    if given is None or not masks:
        return []
    what = "trained" if trained is not None else "scores"
    several = isinstance(given, Sequence) and not isinstance(given, str | bytes)
    ranked = []
    for i, one in enumerate(given if several else [given]):
        tensors = read_state(one, f"{what}[{i}]").tensors
        for name, own in masks[-1].items():
            if name not in tensors or tensors[name].shape != own.shape:
                raise ValueError(
                    f"{what}[{i}] has no {name!r} of shape {list(own.shape)}, which the mask has."
                )
        ranked.append(
            {
                name: tensors[name].float() if not tensors[name].is_floating_point() else tensors[name]
                for name in masks[-1]
            }
        )
    return [rankings.ranking(masks, ranked, scope=scope, weights=trained is not None, before=before)]


def _recorded(this: _Given, optimizer: Any, controls: Any, seeds: Any, test_reads: Any) -> list[Finding]:
    found = []
    if optimizer is not None and this.mask is not None:
        found.append(record_checks.optimizer(this.mask, optimizer, this.model))
    if controls is not None:
        arms = record_checks.read_controls(controls)
        if this.mask is not None:
            before = this.before if this.complete("before") else None
            found.append(record_checks.controls(this.mask, before, arms))
    if seeds is not None:
        numbers = seeds if isinstance(seeds, Mapping) else record_checks.known_numbers(list(seeds))
        found.append(record_checks.seeds(numbers) if numbers else fails("seeds", "There is none."))
    if test_reads is not None:
        found.append(record_checks.test_reads(test_reads))
    return found
