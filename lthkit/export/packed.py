"""A ticket on disk: the mask as packed bits and the values that it keeps; and what other ways of writing it cost."""

from __future__ import annotations

import math
import tempfile
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lthkit.machine.checks import prefix_explained
from lthkit.pruning.compressed import compressed_rows
from lthkit.pruning.masks import Mask
from lthkit.storage import files

_KIND = "packed ticket"


def save_packed(path: Path | str, model: nn.Module, mask: Mask) -> Path:
    """Write the masked `model` to one `.npz` file: mask bits, kept values, all other state whole, and a checksum.

    Values keep their dtype. What `model` has at removed places is not written; `load_packed` puts 0 there. A tied weight is
    written once.

    Raises:
        ValueError: the mask belongs to another model; state that is no tensor, by name.
    """
    mask.check(model)
    state, same = _once(model)
    meta = {"kind": _KIND, "shapes": mask.shapes()} | ({"same": same} if same else {})
    return files.save_arrays(path, mask.pack(state), meta)


def load_packed(path: Path | str, model: nn.Module) -> Mask:
    """Read what `save_packed` wrote: the values go into `model`, in place, and the mask is returned.

    If anything is wrong, `model` stays as it was.

    Raises:
        FileNotFoundError: there is no such file.
        files.DamagedFile: it is truncated, altered, or holds something else.
        ValueError: it holds a ticket of another network; names, shapes and types are compared, and tied weights.
    """
    arrays, meta = files.load_arrays(path)
    if meta.get("kind") != _KIND:
        raise files.DamagedFile(f"{path} holds {meta.get('kind', 'something else')!r}, not a {_KIND}.")
    mask, state = Mask.unpack(arrays, meta["shapes"])
    tied = _once(model)[1]
    state |= {name: state[first] for name, first in meta.get("same", {}).items()}
    wanted = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in model.state_dict().items()}
    found = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in state.items()}
    if wanted != found:
        odd = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        raise ValueError(
            f"{Path(path).name} holds a ticket of another network; these differ in name, shape or type: "
            f"{', '.join(odd)}."
            + (
                prefix_explained(found, wanted)
                or " Give a model made by the function that made the saved one."
            )
        )
    for name, first in tied.items():
        if not torch.equal(state[name], state[first]):
            raise ValueError(
                f"{name} and {first} are one tied weight in this model, and {Path(path).name} has two values for it. Give a "
                "model made by the function that made the saved one."
            )
    model.load_state_dict(state)
    return mask


def sizes(model: nn.Module, mask: Mask) -> dict[str, int]:
    """Bytes of the file that each way of writing the ticket makes; each file is really written, and measured.

    "dense": every value, zeros too. "bits + values": `save_packed`. "CSR": kept values, their columns and where each
    row begins (int32); a convolution's weight counts as a matrix with a row for each output channel. "..., zlib": the
    same file compressed (level 9). All of them hold the rest of the state (biases, buffers) whole.

    Raises:
        ValueError: the mask belongs to another model.
    """
    mask.check(model)
    state, _ = _once(model)
    packed = mask.pack(state)
    whole = {n: np.asarray(t.detach().cpu().numpy()) for n, t in state.items()}
    dense, csr = dict(whole), {name: a for name, a in whole.items() if name not in mask}
    for name, kept in mask.items():
        weight = model.get_parameter(name)
        dense[name] = whole[name] * kept.cpu().numpy()
        parts = zip(("rows", "columns", "values"), compressed_rows(weight, kept), strict=True)
        csr |= {f"{part}:{name}": tensor.detach().cpu().numpy() for part, tensor in parts}
    bytes_of: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, arrays in (("dense", dense), ("bits + values", packed), ("CSR", csr)):
            path = files.save_arrays(Path(folder) / "size.npz", arrays, {"shapes": mask.shapes()})
            content = path.read_bytes()
            bytes_of |= {name: len(content), f"{name}, zlib": len(zlib.compress(content, 9))}
    return bytes_of


def _once(model: nn.Module) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The state with each tensor once, and the first name of what has several (a tied weight): name -> first name."""
    state, same, first = {}, {}, dict[int, str]()
    for name, tensor in model.state_dict(keep_vars=True).items():
        if not isinstance(tensor, Tensor):
            raise ValueError(
                f"{name} in the state of {type(model).__name__} is a {type(tensor).__name__}, which this form does not "
                "hold; expected tensors only. Make it a buffer (a tensor), or leave out get_extra_state; of a quantised "
                "network, pack the one before."
            )
        if first.setdefault(id(tensor), name) == name:
            state[name] = tensor.detach()
        else:
            same[name] = first[id(tensor)]
    return state, same


def mask_floor(mask: Mask) -> float:
    """Bytes below which no code can write a mask of these layer densities on average: its entropy.

    It holds if the places in each layer are independent of one another. A mask with structure can be written shorter.
    """
    bits = 0.0
    for kept in mask.values():
        d = float(kept.float().mean())
        if 0 < d < 1:
            bits -= kept.numel() * (d * math.log2(d) + (1 - d) * math.log2(1 - d))
    return bits / 8
