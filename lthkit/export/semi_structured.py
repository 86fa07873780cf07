"""2:4 sparsity: two of every four weights in a row. NVIDIA GPUs from compute capability 8.0 on can skip the other two."""

from __future__ import annotations

import torch
from torch import Tensor

from lthkit.machine.devices import device_explained


def two_four(scores: Tensor) -> Tensor:
    """The bool mask that keeps, in each group of four neighbours in a row, the two of highest score; ties: the first.

    Mishra et al. 2021 (arXiv 2104.08378), section 3. `scores`: [rows, columns], the columns a multiple of 4.

    Raises:
        ValueError: another shape, or NaN.
    """
    if scores.dim() != 2 or scores.shape[1] % 4:
        raise ValueError(
            f"scores of shape {tuple(scores.shape)} were given; expected [rows, columns], the columns a multiple of 4."
        )
    if bool(scores.isnan().any()):
        raise ValueError(
            f"scores has {int(scores.isnan().sum())} NaN values; expected numbers, which can be ranked."
        )
    order = scores.reshape(-1, 4).argsort(dim=1, descending=True, stable=True)
    kept = torch.zeros(order.shape, dtype=torch.bool, device=scores.device).scatter_(1, order[:, :2], True)
    return kept.reshape(scores.shape)


def no_semi_structured(device: torch.device | str) -> str:
    """Empty if `device` has hardware for 2:4; else a sentence that says why not. ValueError if there is no such device."""
    with device_explained(device):
        device = torch.device(device)
        if device.type != "cuda":
            return f"2:4 was not measured: it needs an NVIDIA GPU, and this is {device.type}."
        major, minor = torch.cuda.get_device_capability(device)
    if major < 8:
        return f"2:4 was not measured: it needs compute capability 8.0, and this GPU has {major}.{minor}."
    return ""
