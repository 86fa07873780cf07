"""A `Round` is one training of a mask; rounds are saved as they end, and read again instead of repeated."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from lthkit.machine.bars import again
from lthkit.machine.work import near
from lthkit.pruning.masks import Mask
from lthkit.storage import files
from lthkit.storage.snapshots import Snapshots
from lthkit.training.checkpoints import Checkpoint, pack, unpack
from lthkit.training.results import TrainResult, read_again, written

log = logging.getLogger("lthkit")

RECOMPUTE = "compute what it has seen again, from the saved rounds: lthkit.tickets.load_round(folder, r)."


@dataclass(frozen=True)
class Round:
    """One training of a mask: round 0 is dense, round r has been pruned r times.

    `rewind` is the checkpoint that every round starts from, `trained` the weights at the end of this round; it has the
    state of the optimizer too if the score asks for it.
    """

    round: int
    mask: Mask
    result: TrainResult
    rewind: Checkpoint = field(repr=False)
    trained: Checkpoint = field(repr=False)

    @property
    def density(self) -> float:
        """Fraction of the weights that the mask keeps."""
        return self.mask.density

    @property
    def best_step(self) -> int:
        """Step of least validation loss."""
        return self.result.best_step

    @property
    def validation_metric(self) -> float:
        """The task's first metric at the best step, of the validation split; `result.quantity` says what it is."""
        return self.result.validation_metric

    @property
    def test_metric(self) -> float:
        """The task's first metric at the best step, of the test split; `result.quantity` says what it is."""
        return self.result.test_metric

    @property
    def validation_metrics(self) -> Mapping[str, float]:
        """All metrics of the task by name, of the validation split."""
        return self.result.validation_metrics

    @property
    def test_metrics(self) -> Mapping[str, float]:
        """All metrics of the task by name, of the test split."""
        return self.result.test_metrics

    @property
    def validation_accuracy(self) -> float:
        """Validation accuracy at the best step, from 0 to 1, where the task measures it."""
        return self.result.validation_accuracy

    @property
    def test_accuracy(self) -> float:
        """Test accuracy at the best step, from 0 to 1, where the task measures it."""
        return self.result.test_accuracy


def save_round(folder: Path | str | None, this: Round) -> None:
    """Rewind point once, then one file a round: mask, result, and the trained weights that the mask keeps."""
    if folder is None:
        return
    if this.round == 0:
        this.rewind.save(Path(folder) / "rewind.npz")
    meta = {
        "kind": "round",
        "round": this.round,
        "step": this.trained.step,
        "shapes": this.mask.shapes(),
        "result": written(this.result),
    }
    state = this.trained.model
    if bits := [name for name, tensor in state.items() if tensor.dtype == torch.bfloat16]:
        meta["bfloat16"] = bits  # which numpy does not have: kept as whole numbers
        state = state | {name: state[name].view(torch.int16) for name in bits}
    arrays = this.mask.pack(state)
    if this.trained.optimizer is not None:  # a score has asked for it
        own, meta["optimizer"] = pack({"trained": Checkpoint(this.trained.step, {}, this.trained.optimizer)})
        arrays |= own
    files.save_arrays(Path(folder) / f"round-{this.round:02d}.npz", arrays, meta)


def load_round(
    folder: Path | str | None, r: int, start: Checkpoint | None = None, device: torch.device | str = "cpu"
) -> Round | None:
    """Round r as `imp` or `one_shot` saved it in `folder`, or None if it has not been saved.

    `start` is the rewind point, if it is at hand already. `files.DamagedFile` if the file is not whole.
    """
    if folder is None or not (path := Path(folder) / f"round-{r:02d}.npz").exists():
        return None
    arrays, meta = files.load_arrays(path)
    if meta.get("kind") != "round" or meta.get("round") != r:
        raise files.DamagedFile(f"{path} is not round {r} of a run.")
    mask, state = Mask.unpack(arrays, meta["shapes"], device)
    state |= {name: state[name].view(torch.bfloat16) for name in meta.get("bfloat16", ())}
    try:
        rewind = start or Checkpoint.load(Path(folder) / "rewind.npz", device=device)
    except FileNotFoundError:
        raise files.DamagedFile(
            f"{folder} has rounds but no rewind.npz, from which they all start."
        ) from None
    trained = Checkpoint(meta["step"], state)
    if "optimizer" in meta:
        trained = replace(trained, optimizer=unpack(arrays, meta["optimizer"], device)["trained"].optimizer)
    return Round(r, mask, read_again(meta["result"]), rewind, trained)


def finished_round(
    folder: Path | None, r: int, start: Checkpoint | None = None, device: torch.device | str = "cpu"
) -> Round | None:
    """As `load_round`, for who can do the round again: of a damaged file the log says so, and there is no round."""
    try:
        return load_round(folder, r, start, device)
    except files.DamagedFile as error:
        log.warning("%s Round %d is done again.", error, r)
        return None


def training_of_round(folder: Path | None, r: int, mask: Mask | None = None) -> Snapshots | None:
    """Where the training of round r saves how far it is, until `save_round` has its result.

    `mask` is that with which it begins or goes on. ValueError if it has begun with another one.
    """
    if folder is None:
        return None
    place = folder / f"training-{r:02d}"
    if mask is not None and r > 0:  # that of round 0 is in the configuration
        _keep_to(mask, place, r)
    return Snapshots(place)


def _keep_to(mask: Mask, place: Path, r: int) -> None:
    """Note the mask in the folder of the training that begins with it; refuse another one that would go on there."""
    path = place / "mask.json"
    if not path.exists():
        files.write_sealed(path, {"mask": mask.fingerprint})
    elif files.read_sealed(path)["mask"] != mask.fingerprint:
        raise ValueError(
            f"The score gave another mask for round {r} than that with which its training in {place} began, so what is there "
            "cannot go on. Expected the same scores for the same model, mask=, round= and optimizer=. Does the score draw "
            f"numbers without a seed, or hold a state elsewhere, in a file say? Seed what it draws, or {RECOMPUTE} To begin "
            "anew, take another folder."
        )


def told_when_stopped(folder: Path, r: int, last: int) -> str:
    """What an interrupt in round r says, when all rounds before it are in the folder."""
    before = f"rounds 0 to {r - 1} are saved" if r > 1 else "round 0 is saved" if r else ""
    under_way = training_of_round(folder, r)
    steps = under_way.steps() if under_way else []
    reached = f"the first {steps[0]} steps of round {r} are saved" if steps else ""
    if not (saved := " and ".join(part for part in (before, reached) if part)):
        return f"Stopped in round {r} of {last}. Nothing is saved yet: {again()} to begin anew."
    return f"Stopped in round {r} of {last}: {saved}, in {near(folder)}. {again().capitalize()} to go on from there."
