"""Pruning criteria. Each gives every prunable weight a score, higher = keep, and knows nothing of thresholds.

Adding a criterion is one function here and one test: (model, ...) -> parameter name -> float tensor of its shape.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lthkit.masks import prunable

Scores = dict[str, Tensor]


@torch.no_grad()
def magnitude(model: nn.Module) -> Scores:
    """The absolute value of each weight (Han et al. 2015; Frankle & Carbin 2019, section 2)."""
    return {name: weight.detach().abs() for name, weight in prunable(model).items()}


@torch.no_grad()
def random(model: nn.Module, *, seed: int) -> Scores:
    """A uniform random score in [0, 1) for each weight: the baseline that every criterion must beat.

    The scores depend on `seed` and the shapes only, not on the device or the global random state.
    """
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(w.shape, generator=generator).to(w.device) for name, w in prunable(model).items()
    }
