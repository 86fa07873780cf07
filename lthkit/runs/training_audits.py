"""An audit of a single training in its folder, as `train` and `retrain` leave it where runs are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from lthkit.evidence import checks, record_checks
from lthkit.evidence.findings import Finding, cannot_tell, fails, holds
from lthkit.evidence.states import State
from lthkit.pruning.masks import Mask
from lthkit.runs.again import compared
from lthkit.runs.remade import Given, measured_again, remake
from lthkit.storage import files
from lthkit.storage.owners import RunMismatch
from lthkit.training.checkpoints import Checkpoint, unpack
from lthkit.training.choices import Choice
from lthkit.training.results import MetricPoint, Point, point_again


@dataclass(frozen=True)
class Trained:
    """A training that has ended, as its newest snapshot has it; `mask` is what its zeros say, if the configuration agrees."""

    config: Mapping[str, Any]
    last: Checkpoint
    best: Checkpoint
    points: tuple[Point | MetricPoint, ...]
    ended: bool
    mask: Mask | None
    choice: Choice | None = None


def read_training(folder: Path, config: Mapping[str, Any]) -> Trained | str:
    """The training in a folder, or what is wrong with it."""
    paths = sorted(folder.glob("snapshot-*.npz"))
    if not paths:
        return "It has no snapshot yet."
    try:
        arrays, meta = files.load_arrays(paths[-1])
        states = unpack(arrays, meta)
        points = tuple(point_again(point) for point in meta["points"])
        last, best = states["last"], states["best"]
    except (files.DamagedFile, RunMismatch, KeyError, TypeError) as error:
        return " ".join(str(error).split())
    choice = Choice(**meta["choice"]) if meta.get("choice") else None
    mask = _mask_of(last.model, config["mask"])
    return Trained(config, last, best, points, meta["test"] is not None, mask, choice)


def _mask_of(state: Mapping[str, Tensor], fingerprint: str | None) -> Mask | None:
    """The mask that the zeros of a state make, if it is the one with this fingerprint.

    Which matrices a mask speaks about is not recorded; all those with a zero in them is tried, then all matrices.
    """
    matrices = {n: t for n, t in state.items() if t.ndim >= 2 and t.is_floating_point()}
    for chosen in (matrices, {n: t for n, t in matrices.items() if bool((t == 0).any())}):
        if fingerprint is not None and chosen:
            mask = Mask({name: tensor != 0 for name, tensor in chosen.items()})
            if mask.fingerprint == fingerprint:
                return mask
    return None


def audit_training(folder: Path, config: Mapping[str, Any], given: Given) -> dict[str, Finding]:
    """Findings by item of one training."""
    this, remade = read_training(folder, config), remake(config, given)
    model = remade.model
    if isinstance(this, str):
        damaged = any(folder.glob("snapshot-*.npz"))
        return {"record": (fails if damaged else cannot_tell)("record", this)}
    found = {
        "record": holds(
            "record", f"{this.last.step} steps, whole, with checksum and the mark of this configuration."
        )
        if this.ended
        else cannot_tell("record", f"Step {this.last.step}: it is under way. Needs its end.")
    }
    best = min(this.points, key=lambda point: point.validation_loss) if this.points else None
    if best is not None and this.ended:
        chosen = this.best.step == best.step
        found["test"] = (
            holds(
                "test",
                f"One test {next(iter(best.validation_metrics))}, at the step of least validation loss.",
            )
            if chosen
            else fails(
                "test",
                f"The weights kept as best are of step {this.best.step}, and the least validation loss is at {best.step}.",
            )
        )
    if not remade.complete:
        found["measured"] = cannot_tell("measured", remade.why)
    elif this.points:
        again = measured_again(this.last, remade, config["recipe"], this.choice)
        found["measured"] = compared(config, again, this.points[-1])
    if config["mask"] is None:
        return found
    if this.mask is None:
        needs = "The zeros of the weights are not the mask of the configuration: a kept weight may be 0, or a removed one is not. Needs the mask: lth.audit(mask=..., after=...)."
        return found | {item: cannot_tell(item, needs) for item in ("zeros", "empty", "whole", "optimizer")}
    state = State(this.last.model)
    found["zeros"] = checks.zeros(this.mask, state)
    found["empty"] = checks.empty(this.mask)
    found["whole"] = checks.whole(this.mask, state, model)
    if this.last.optimizer is not None:
        found["optimizer"] = record_checks.optimizer(this.mask, this.last.optimizer, model)
    return found
