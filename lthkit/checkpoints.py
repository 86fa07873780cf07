"""A `Checkpoint` is a past that a rewind loads: weights and buffers, optimizer state, and the step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from lthkit import files
from lthkit.optimizers import Optimizer


@dataclass(frozen=True)
class Checkpoint:
    """Everything a training goes on from: weights and buffers, optimizer state, and the step.

    The step fixes the learning rate and the data, because both are functions of it. All tensors are copies: training
    on does not change a checkpoint, and restoring one does not tie the model to it.
    """

    step: int
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor] | None = None

    @classmethod
    def of(cls, model: nn.Module, *, step: int = 0, optimizer: Optimizer | None = None) -> Checkpoint:
        """Copy the state of a model (buffers included) and, if given, of its optimizer."""
        state = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        return cls(step, state, optimizer.state() if optimizer else None)

    @torch.no_grad()
    def restore(self, model: nn.Module) -> None:
        """Copy weights and buffers into `model`, in place."""
        state = model.state_dict()
        wrong = [
            n
            for n in state.keys() | self.model.keys()
            if n not in state or n not in self.model or state[n].shape != self.model[n].shape
        ]
        if wrong:
            raise ValueError(
                f"The checkpoint is for another model: {sorted(wrong)} are missing, extra or of another shape."
            )
        for name, tensor in state.items():
            tensor.copy_(self.model[name])

    def save(self, path: Path | str) -> Path:
        """Write to an `.npz` file with a checksum, atomically."""
        groups = {"model": self.model, "optimizer": self.optimizer or {}}
        arrays = {
            f"{g}:{name}": t.detach().cpu().numpy()
            for g, tensors in groups.items()
            for name, t in tensors.items()
        }
        meta = {"kind": "checkpoint", "step": self.step, "optimizer": self.optimizer is not None}
        return files.save_arrays(path, arrays, meta)

    @classmethod
    def load(cls, path: Path | str, *, device: torch.device | str = "cpu") -> Checkpoint:
        """Read what `save` wrote. `files.DamagedFile` if it is not whole; no code in it ever runs."""
        arrays, meta = files.load_arrays(path)
        if meta.get("kind") != "checkpoint":
            raise files.DamagedFile(f"{path} holds {meta.get('kind', 'something else')!r}, not a checkpoint.")
        groups: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}}
        for name, array in arrays.items():
            group, _, rest = name.partition(":")
            groups[group][rest] = torch.from_numpy(array).to(device)
        return cls(meta["step"], groups["model"], groups["optimizer"] if meta["optimizer"] else None)
