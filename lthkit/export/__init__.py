"""A ticket leaves the course: packed on disk, as CSR, as a smaller dense network, as ONNX. This file is the table of contents.

How fast each of them is, `lthkit.bench.break_even` measures.
"""

from __future__ import annotations

from lthkit.export.compaction import compact
from lthkit.export.csr import CSRLinear, to_csr
from lthkit.export.onnx import missing_for_onnx, run_onnx, to_onnx
from lthkit.export.packed import load_packed, mask_floor, save_packed, sizes
from lthkit.export.semi_structured import no_semi_structured, two_four

__all__ = [
    "CSRLinear",
    "compact",
    "load_packed",
    "mask_floor",
    "missing_for_onnx",
    "no_semi_structured",
    "run_onnx",
    "save_packed",
    "sizes",
    "to_csr",
    "to_onnx",
    "two_four",
]
