"""Plain values as bytes: what a student's function returned travels as JSON and raw tensor bytes, and never as a pickle.

`pack` makes bytes of a value, `unpack` a value of bytes. Reading runs no code of the sender. What is not plain data
(an object, a generator, a tensor without bytes of its own) arrives as a `Foreign`, which says what it was.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor, nn

LIMIT = 64 * 2**20  # bytes of all tensors in one value: the results of exercises are small
DEPTH = 50
FRAME = 4 * LIMIT  # bytes of one frame: a value, the arguments beside it, and what describes them
NAME = 80  # characters of the name of a type

_LENGTH = struct.Struct(">Q")
# By name. Asking torch for any other name may import what is behind it.
_DTYPES = {str(d).removeprefix("torch."): d for d in vars(torch).values() if isinstance(d, torch.dtype)}
_SCALARS: tuple[type, ...] = (bool, int, float, str)


class TooLarge(ValueError):
    """A value that is not sent, because of its size or its depth; the text says which."""


@dataclass(frozen=True)
class Foreign:
    """Stands for a value that is not plain data: the name of its type, and where known what keeps it from being sent.

    Two of them are equal when their types have the same name, so that an argument of such a type counts as unchanged.
    """

    kind: str


def pack(value: Any) -> bytes:
    """Write a value as bytes.

    Plain are None, bool, int, float, str, tensors with bytes on the CPU, numpy's numbers and arrays, and lists, tuples and
    mappings of these. Modules are sent as their state.

    Raises:
        TooLarge: more than `LIMIT` bytes of tensors or of all else, or nested more than `DEPTH` deep.
    """
    blobs: list[bytes] = []
    head = json.dumps(_encode(value, blobs, 0)).encode()
    if len(head) > LIMIT:
        raise TooLarge(f"its texts and numbers take more than {LIMIT // 2**20} MiB.")
    return b"".join([_LENGTH.pack(len(head)), head, *blobs])


def unpack(content: bytes) -> Any:
    """Read what `pack` wrote; tensors own their memory.

    Raises:
        ValueError, KeyError, TypeError, struct.error: `content` is not what `pack` writes.
    """
    (length,) = _LENGTH.unpack_from(content)
    begin = _LENGTH.size + length
    return _decode(json.loads(content[_LENGTH.size : begin]), memoryview(content)[begin:])


def read_frame(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """Read one frame, eight bytes of length, a line of JSON and bytes; None at the end of the pipe.

    Raises:
        TooLarge: it says that it has more than `FRAME` bytes; nothing of it was read.
    """
    begin = pipe.read(8)
    if len(begin) < 8:
        return None
    if (length := int.from_bytes(begin, "big")) > FRAME:
        raise TooLarge(f"a frame of {length:,} bytes.")
    content = pipe.read(length)
    head, found, rest = content.partition(b"\n")
    return (json.loads(head), rest) if found else None


def write_frame(pipe: IO[bytes], head: dict[str, Any], content: bytes = b"") -> None:
    """Write one frame for `read_frame`."""
    frame = json.dumps(head).encode() + b"\n" + content
    pipe.write(len(frame).to_bytes(8, "big") + frame)
    pipe.flush()


def _encode(value: Any, blobs: list[bytes], depth: int) -> Any:
    """A value as JSON: [kind, ...]. Types are compared with `is` or by base class, so no method of the value is asked."""
    if depth > DEPTH:
        raise TooLarge(f"it is nested more than {DEPTH} deep; does it contain itself?")
    kind = type(value)
    if value is None:
        return ["none"]
    if kind in _SCALARS:
        return [kind.__name__, value]
    if isinstance(value, Tensor):
        return _encode_tensor(value, blobs)
    if isinstance(value, np.generic) or kind is np.ndarray:
        return _encode_array(np.asarray(value), kind, blobs)
    if isinstance(value, list):
        return ["list", [_encode(item, blobs, depth + 1) for item in list.__iter__(value)]]
    if isinstance(value, tuple):
        return ["tuple", [_encode(item, blobs, depth + 1) for item in tuple.__iter__(value)]]
    if isinstance(value, Mapping):
        items = [
            [_encode(k, blobs, depth + 1), _encode(value[k], blobs, depth + 1)]
            for k in list(value)
            if type(k) in _SCALARS or isinstance(k, tuple)
        ]
        return ["dict", items] if len(items) == len(value) else ["foreign", kind.__name__[:NAME]]
    if isinstance(value, nn.Module):
        return ["dict", [[["str", "module"], _encode(dict(value.state_dict()), blobs, depth + 1)]]]
    return ["foreign", kind.__name__[:NAME]]


def _encode_tensor(value: Tensor, blobs: list[bytes]) -> Any:
    dtype = str(value.dtype).removeprefix("torch.")
    device, shape = str(value.device), list(value.shape)
    if value.layout is not torch.strided or value.is_quantized or device not in ("cpu", "meta"):
        return ["foreign", f"Tensor ({str(value.layout).removeprefix('torch.')}, {dtype}, {device})"]
    if device == "meta":
        return ["tensor", dtype, shape, "meta", 0]
    _room_for(value.numel() * value.element_size(), blobs)
    plain = torch.resolve_neg(torch.resolve_conj(value.detach()))
    # A copy, not `contiguous`: one entry counts as contiguous whatever its stride, and `view` is stricter.
    plain = plain.clone(memory_format=torch.contiguous_format).reshape(-1)
    return ["tensor", dtype, shape, "cpu", _add(plain.view(torch.uint8).numpy().tobytes(), blobs)]


def _encode_array(value: np.ndarray, kind: type, blobs: list[bytes]) -> Any:
    if value.dtype.kind not in "biufc":
        return ["foreign", kind.__name__[:NAME]]
    _room_for(value.nbytes, blobs)
    where = _add(np.ascontiguousarray(value).tobytes(), blobs)
    return ["array", value.dtype.str, list(value.shape), kind is not np.ndarray, where]


def _room_for(size: int, blobs: list[bytes]) -> None:
    if sum(map(len, blobs)) + size > LIMIT:
        raise TooLarge(f"its tensors take more than {LIMIT // 2**20} MiB.")


def _add(content: bytes, blobs: list[bytes]) -> int:
    """Append a piece and return where it begins."""
    blobs.append(content)
    return sum(map(len, blobs[:-1]))


def _decode(code: Any, blobs: memoryview) -> Any:
    kind, *rest = code
    if kind == "none":
        return None
    if kind in ("bool", "int", "float", "str"):
        return {"bool": bool, "int": int, "float": float, "str": str}[kind](rest[0])
    if kind in ("list", "tuple"):
        items = [_decode(item, blobs) for item in rest[0]]
        return items if kind == "list" else tuple(items)
    if kind == "dict":
        return {_decode(key, blobs): _decode(item, blobs) for key, item in rest[0]}
    if kind == "tensor":
        return _decode_tensor(*rest, blobs=blobs)
    if kind == "array":
        dtype, shape, scalar, begin = rest
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        array = np.frombuffer(blobs[begin : begin + size], dtype=np.dtype(dtype)).reshape(shape).copy()
        return array[()] if scalar else array
    if kind == "foreign":
        return Foreign(str(rest[0])[:NAME])
    raise ValueError(f"there is no value of kind {kind!r}")


def _decode_tensor(
    dtype_name: str, shape: list[int], device: str, begin: int, *, blobs: memoryview
) -> Tensor:
    dtype = _DTYPES[dtype_name]
    if device == "meta":
        return torch.empty(shape, dtype=dtype, device="meta")
    count = int(np.prod(shape, dtype=np.int64))
    if not count:
        return torch.empty(shape, dtype=dtype)
    content = bytearray(blobs[begin : begin + count * dtype.itemsize])
    return torch.frombuffer(content, dtype=dtype, count=count).reshape(shape)
