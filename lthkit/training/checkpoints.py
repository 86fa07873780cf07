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

from lthkit.machine.checks import check_network, check_whole, prefix_explained
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
        if optimizer is not None and not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"optimizer is a {type(optimizer).__name__}; expected one that lthkit.train steps with. In a loop of your own leave "
                "it out, and keep optimizer.state_dict() beside the checkpoint."
            )
        step = check_whole("step", step, 0)
        state = {name: tensor.detach().clone() for name, tensor in _state_of(model).items()}
        return cls(step, state, optimizer.state() if optimizer else None)

    @torch.no_grad()
    def restore(self, model: nn.Module) -> None:
        """Copy weights and buffers into `model`, in place; a tied weight once.

        Raises:
            ValueError: a checkpoint of another model: other names, shapes or types, or two values for one tied weight.
        """
        state = _state_of(model)
        extra = [name for name in self.model if name not in state]
        lacking = [name for name in state if name not in self.model]
        misshaped = [
            f"{name} {tuple(self.model[name].shape)} (model: {tuple(state[name].shape)})"
            for name in state
            if name in self.model and state[name].shape != self.model[name].shape
        ]
        mistyped = [
            f"{name} {self.model[name].dtype} (model: {state[name].dtype})"
            for name in state
            if name in self.model and state[name].dtype != self.model[name].dtype
        ]
        first = {id(tensor): name for name, tensor in reversed(state.items())}
        untied = [
            f"{name} and {one}"
            for name, tensor in state.items()
            if (one := first[id(tensor)]) != name
            and not (extra or lacking or misshaped or mistyped)
            and not torch.allclose(self.model[name], self.model[one], rtol=0, atol=0, equal_nan=True)
        ]
        if extra or lacking or misshaped or mistyped or untied:
            raise ValueError(
                "The checkpoint is for another model: "
                + "; ".join(
                    f"{what}: {names}"
                    for what, names in (
                        ("not in the model", extra),
                        ("not in the checkpoint", lacking),
                        ("other shape", misshaped),
                        ("other type", mistyped),
                        ("one Parameter in the model, two values in the checkpoint", untied),
                    )
                    if names
                )
                + "."
                + (
                    prefix_explained(self.model, state)
                    or " Give a model made by the function that made the saved one."
                )
            )
        for name in first.values():
            state[name].copy_(self.model[name])

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


def _state_of(model: nn.Module) -> dict[str, Tensor]:
    """Weights and buffers themselves, by every name they have. ValueError for state that is no tensor."""
    state: dict[str, Any] = model.state_dict(keep_vars=True)
    if odd := [name for name, value in state.items() if not isinstance(value, Tensor)]:
        raise ValueError(
            f"{odd[0]} of {type(model).__name__} is state that is no tensor (get_extra_state); expected weights and buffers "
            "only, because nothing else can be copied, saved and restored here."
        )
    return state


def pack(checkpoints: Mapping[str, Checkpoint]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Checkpoints by name as arrays for one file, `name|model|parameter`, and what is left of them to describe."""
    tensors = {
        f"{name}|{group}|{key}": tensor.detach().cpu()
        for name, one in checkpoints.items()
        for group, tensors in (("model", one.model), ("optimizer", one.optimizer or {}))
        for key, tensor in tensors.items()
    }
    meta = {
        "steps": {name: one.step for name, one in checkpoints.items()},
        "optimizers": [n for n, one in checkpoints.items() if one.optimizer is not None],
    }
    # numpy has no bfloat16: its bits are kept as whole numbers
    if bits := [label for label, tensor in tensors.items() if tensor.dtype == torch.bfloat16]:
        meta["bfloat16"] = bits
        tensors |= {label: tensors[label].view(torch.int16) for label in bits}
    return {label: tensor.numpy() for label, tensor in tensors.items()}, meta


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
            tensor = torch.from_numpy(array)
            bits = label in meta.get("bfloat16", ())
            groups[name][group][key] = (tensor.view(torch.bfloat16) if bits else tensor).to(device)
    return {
        name: Checkpoint(
            meta["steps"][name], own["model"], own["optimizer"] if name in meta["optimizers"] else None
        )
        for name, own in groups.items()
    }
