"""The kept weights of a matrix and nothing else: compressed sparse rows (CSR)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor


def compressed_rows(weight: Tensor, kept: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where each row begins (int32, rows + 1), column of each kept value (int32), and the kept values, row by row.

    `weight` is taken as a matrix with a row for each output. What counts is the mask: a kept weight of 0 is stored.
    """
    matrix, kept = weight.detach().flatten(1), kept.to(weight.device).flatten(1)
    begins = torch.zeros(len(matrix) + 1, dtype=torch.int32, device=matrix.device)
    begins[1:] = kept.sum(1).cumsum(0)
    return begins, kept.nonzero()[:, 1].to(torch.int32), matrix[kept]


def csr(begins: Tensor, columns: Tensor, values: Tensor, shape: Sequence[int]) -> Tensor:
    """The three of `compressed_rows` as torch's CSR matrix, which holds these tensors themselves, no copies."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(begins, columns, values, size=tuple(shape), check_invariants=True)
