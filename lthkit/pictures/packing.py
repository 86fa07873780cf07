"""Bytes as text for a page."""

from __future__ import annotations

import base64

import numpy as np


def packed(numbers: np.ndarray) -> str:
    """Base64 of numbers in 8 bits, row by row; of int8 the bits as they are."""
    if numbers.dtype not in (np.uint8, np.int8):
        raise TypeError(f"numbers are {numbers.dtype}; expected uint8 or int8.")
    return base64.b64encode(np.ascontiguousarray(numbers).tobytes()).decode("ascii")


def packed_runs(numbers: np.ndarray) -> str:
    """Base64 of uint8 numbers in which a run of zeros is a 0 and its length, 255 at most."""
    out, run = bytearray(), 0
    for value in (*numbers.ravel().tolist(), -1):  # the last one ends a run
        if run and (value or run == 255):
            out += bytes((0, run))
            run = 0
        if value > 0:
            out.append(value)
        run += value == 0
    return packed(np.frombuffer(bytes(out), np.uint8))
