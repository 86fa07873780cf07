"""A ticket as one value and one file: the mask, and the weights that its training begins with. Plain torch reads the file."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lthkit.machine.checks import check_whole, plain
from lthkit.machine.devices import device_explained
from lthkit.pruning.masks import Mask
from lthkit.storage import files
from lthkit.training.checkpoints import Checkpoint

KIND, VERSION = "lthkit ticket", 1


@dataclass(frozen=True)
class Ticket:
    """A mask and the state that its training begins with: `Ticket(this.mask, this.rewind)` of a `Round`.

    mask: what is kept. start: weights and buffers, the step that they are of (0 is initialisation), and the optimizer's
    state or None. The weights are whole, removed ones too, for a control under another mask; `apply_` sets those to 0.
    about: what a reader should know, plain values by name: {"seed": 0, "recipe": asdict(recipe)}.

    `lth.retrain(model_fn, data, mask=ticket.mask, weights_from=ticket.start)` trains it. In a file:

        ticket.save("ticket.pt")
        same = lth.tickets.Ticket.load("ticket.pt")

    Whoever has torch and no lthkit reads the file so:

        ticket = torch.load("ticket.pt", weights_only=True)
        model.load_state_dict(ticket["weights"])
        with torch.no_grad():
            for name, kept in ticket["mask"].items():
                model.get_parameter(name).mul_(kept)

    and writes one that `load` takes with `torch.save({"mask": ..., "weights": model.state_dict()}, path)`.

    Raises:
        TypeError: no Mask, no Checkpoint, or notes that are no plain values.
        ValueError: the mask names a weight that `start` does not have, or has in another shape; one that is NaN or infinite.
    """

    mask: Mask
    start: Checkpoint = field(repr=False)
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, kind, example in (
            ("mask", Mask, "round.mask"),
            ("start", Checkpoint, "Checkpoint.of(model)"),
        ):
            if not isinstance(given := getattr(self, name), kind):
                raise TypeError(
                    f"{name} is a {type(given).__name__}; expected a {kind.__name__}, such as {example}."
                )
        object.__setattr__(self, "about", _plain(self.about, "about"))
        weights = self.start.model
        odd = [
            f"{name} is {tuple(kept.shape)} in the mask and "
            f"{tuple(weights[name].shape) if name in weights else 'not there'} in the weights"
            for name, kept in self.mask.items()
            if name not in weights or weights[name].shape != kept.shape
        ]
        if odd:
            raise ValueError(
                f"Mask and weights do not belong together: {'; '.join(odd)}. Expected both of one network."
            )
        biases = [name.removesuffix("weight") + "bias" for name in self.mask if name.endswith("weight")]
        if bad := [name for name in [*self.mask, *biases] if name in weights and not _finite(weights[name])]:
            raise ValueError(
                f"{', '.join(bad)} in the weights to begin with: NaN or infinite values; expected finite numbers. Has the training "
                "that they are of diverged?"
            )

    def apply_(self, model: nn.Module) -> None:
        """Give `model` the weights of the ticket, in place, removed ones 0.

        Raises:
            ValueError: a ticket of another network: names, shapes or types differ. `model` is as it was then.
        """
        self.mask.check(model)
        self.start.restore(model)
        self.mask.apply_(model)

    def save(self, path: Path | str) -> Path:
        """Write the ticket to one file, atomically, with a checksum, its tensors on the CPU.

        It is what `torch.save` makes of a dict of plain values: `kind`, `version`, `mask` (bool tensors by name), `weights`
        (what `load_state_dict` takes), `step`, `optimizer` (tensors by name, or None), `about` and `sha256`.
        """
        state = self.start.optimizer
        content: dict[str, Any] = {
            "kind": KIND,
            "version": VERSION,
            "mask": _on_cpu(self.mask),
            "weights": _on_cpu(self.start.model),
            "step": self.start.step,
            "optimizer": None if state is None else _on_cpu(state),
            "about": dict(self.about),
        }
        buffer = io.BytesIO()
        torch.save(content | {"sha256": _digest(content)}, buffer)
        return files.write_bytes(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path | str, *, device: torch.device | str = "cpu") -> Ticket:
        """Read what `save` wrote, or a file of plain torch with `mask` and `weights`; no code in it ever runs.

        What else `save` writes may be absent. A mask of numbers is taken if they are 0 and 1.

        Raises:
            FileNotFoundError: there is no such file.
            files.DamagedFile: it is truncated, altered, or holds something else.
            ValueError: mask and weights do not belong together; a weight is NaN or infinite.
        """
        content = _content(path)
        if "sha256" in content and content["sha256"] != _digest(content):
            raise files.DamagedFile(f"{path} is damaged: its content does not match its checksum.")
        with device_explained(device):
            weights, state = (
                {n: t.to(device) for n, t in (content[g] or {}).items()} for g in ("weights", "optimizer")
            )
            mask = Mask({n: _bits(t, f"{path}: mask of {n}").to(device) for n, t in content["mask"].items()})
        start = Checkpoint(content["step"], weights, None if content["optimizer"] is None else state)
        return cls(mask, start, content["about"])


def _content(path: Path | str) -> dict[str, Any]:
    """What is in the file, each part there and of its kind."""
    try:
        content = torch.load(io.BytesIO(files.read_bytes(path)), map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # what readers of archives raise on damaged bytes has no end
        raise files.DamagedFile(
            f"{path} is damaged, or is no file of torch.save with tensors and plain values only ({type(error).__name__})."
        ) from error
    whole = content if isinstance(content, dict) else {}
    groups = [whole.get("mask"), whole.get("weights"), whole.get("optimizer") or {}]
    if not all(isinstance(group, dict) and all(map(torch.is_tensor, group.values())) for group in groups):
        inside = f"a {type(content).__name__}" + (f" with {', '.join(map(str, whole))}" if whole else "")
        raise files.DamagedFile(
            f"{path} holds {inside}, no ticket; expected `mask` and `weights`, tensors by parameter name. Make a "
            "ticket of a state dict in a network: model.load_state_dict(state_dict), then Ticket(lthkit.Mask({n: w != 0 for n, w "
            "in lthkit.prunable(model).items()}), lthkit.Checkpoint.of(model)), if the weights that are 0 are the removed ones."
        )
    kind, version = whole.setdefault("kind", KIND), whole.setdefault("version", VERSION)
    if (kind, version) != (KIND, VERSION):
        raise files.DamagedFile(
            f"{path} holds {kind!r}, version {version!r}, and this lthkit reads {KIND!r}, version {VERSION}."
        )
    whole.setdefault("optimizer", None)
    whole["step"] = check_whole("step", whole.get("step", 0), 0)
    whole["about"] = _plain(whole.get("about", {}), "about")
    return whole


def _finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def _bits(tensor: Tensor, what: str) -> Tensor:
    if tensor.dtype != torch.bool and not bool(((tensor == 0) | (tensor == 1)).all()):
        raise ValueError(
            f"{what} has values other than 0 and 1; expected a weight to be kept or not, in bool."
        )
    return tensor != 0


def _on_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies that hold their own memory and nothing more."""
    return {
        name: t.detach().cpu().clone(memory_format=torch.contiguous_format) for name, t in tensors.items()
    }


def _plain(value: Any, name: str) -> Any:
    """The value as plain torch reads it back; TypeError for what is none."""
    value = plain(value)
    if isinstance(value, Mapping):
        return {_key(key, name): _plain(part, f"{name}[{key!r}]") for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, name) for part in value]
    if value is not None and type(value) not in (str, int, float, bool):
        raise TypeError(
            f"{name} is a {type(value).__name__}; expected plain values: text, numbers, True, False, None, and lists and dicts "
            "of these, which any torch reads."
        )
    return value


def _key(key: Any, name: str) -> str:
    if type(key) is not str:
        raise TypeError(f"{name} has the key {key!r}; expected names, which are text.")
    return key


def _digest(content: Mapping[str, Any]) -> str:
    """Of all but the checksum itself; the order of names does not count."""
    told = json.dumps([content[key] for key in ("kind", "version", "step", "about")], sort_keys=True)
    digest = hashlib.sha256(told.encode())
    for group in ("mask", "weights", "optimizer"):
        digest.update(f"{group} {content[group] is None}".encode())
        for name, tensor in sorted((content[group] or {}).items()):
            digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}".encode())
            flat = tensor.resolve_conj().resolve_neg().contiguous().flatten()
            digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
