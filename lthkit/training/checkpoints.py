"""A `Checkpoint` is a past that a rewind loads: weights and buffers, optimizer state, and the step."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lthkit.machine.checks import check_network, check_whole
from lthkit.machine.devices import device_explained
from lthkit.storage import files
from lthkit.training.optimizers import Optimizer


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
        """Copy the state of a model (buffers included) and, if given, of its optimizer. ValueError for a step below 0."""
        check_network(model)
        check_whole("step", step, 0)
        state = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        return cls(step, state, optimizer.state() if optimizer else None)

    @torch.no_grad()
    def restore(self, model: nn.Module) -> None:
        """Copy weights and buffers into `model`, in place."""
        state = model.state_dict()
        extra = [name for name in self.model if name not in state]
        lacking = [name for name in state if name not in self.model]
        misshaped = [
            f"{name} {tuple(self.model[name].shape)} (model: {tuple(state[name].shape)})"
            for name in state
            if name in self.model and state[name].shape != self.model[name].shape
        ]
        if extra or lacking or misshaped:
            raise ValueError(
                "The checkpoint is for another model: "
                + "; ".join(
                    f"{what}: {names}"
                    for what, names in (
                        ("not in the model", extra),
                        ("not in the checkpoint", lacking),
                        ("other shape", misshaped),
                    )
                    if names
                )
                + ". Give a model made by the function that made the saved one."
            )
        for name, tensor in state.items():
            tensor.copy_(self.model[name])

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that tell the content from any other: of the step, the weights and the optimizer state."""
        digest = hashlib.sha256(str(self.step).encode())
        for name, array in pack({"": self})[0].items():
            digest.update(f"{name}{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    def save(self, path: Path | str) -> Path:
        """Write to an `.npz` file with a checksum, atomically."""
        arrays, steps = pack({"checkpoint": self})
        return files.save_arrays(path, arrays, {"kind": "checkpoint", **steps})

    @classmethod
    def load(cls, path: Path | str, *, device: torch.device | str = "cpu") -> Checkpoint:
        """Read what `save` wrote. `files.DamagedFile` if it is not whole; no code in it ever runs."""
        arrays, meta = files.load_arrays(path)
        if meta.get("kind") != "checkpoint":
            raise files.DamagedFile(f"{path} holds {meta.get('kind', 'something else')!r}, not a checkpoint.")
        with device_explained(device):
            return unpack(arrays, meta, device)["checkpoint"]


def pack(checkpoints: Mapping[str, Checkpoint]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Checkpoints by name as arrays for one file, `name|model|parameter`, and what is left of them to describe."""
    arrays = {
        f"{name}|{group}|{key}": tensor.detach().cpu().numpy()
        for name, one in checkpoints.items()
        for group, tensors in (("model", one.model), ("optimizer", one.optimizer or {}))
        for key, tensor in tensors.items()
    }
    steps = {name: one.step for name, one in checkpoints.items()}
    return arrays, {
        "steps": steps,
        "optimizers": [n for n, one in checkpoints.items() if one.optimizer is not None],
    }


def unpack(
    arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any], device: torch.device | str = "cpu"
) -> dict[str, Checkpoint]:
    """Undo `pack`; arrays that no checkpoint owns are left alone."""
    groups: dict[str, dict[str, dict[str, Tensor]]] = {
        n: {"model": {}, "optimizer": {}} for n in meta["steps"]
    }
    for label, array in arrays.items():
        name, _, rest = label.partition("|")
        group, _, key = rest.partition("|")
        if name in groups:
            groups[name][group][key] = torch.from_numpy(array).to(device)
    return {
        name: Checkpoint(
            meta["steps"][name], own["model"], own["optimizer"] if name in meta["optimizers"] else None
        )
        for name, own in groups.items()
    }
