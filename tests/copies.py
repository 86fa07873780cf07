"""Small copies of published data sets, in every layout that lthkit reads: a handful of images each."""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
from PIL import Image

CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def pixels(n: int, *shape: int) -> np.ndarray:
    return np.random.RandomState(0).randint(0, 256, (n, *shape)).astype(np.uint8)


def write_idx(
    folder: Path, *, train: int = 60, test: int = 20, zipped: bool = False
) -> dict[str, np.ndarray]:
    """A small copy of MNIST in torchvision's layout; returns what was written, by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for prefix, n in (("train", train), ("t10k", test)):
        written[f"{prefix}-images-idx3-ubyte"] = pixels(n, 28, 28)
        written[f"{prefix}-labels-idx1-ubyte"] = (np.arange(n) % 10).astype(np.uint8)
    for name, array in written.items():
        content = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape) + array.tobytes()
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return written


def write_cifar(folder: Path, n: int = 20) -> np.ndarray:
    """A small cifar-10-batches-py; returns the pixels of one batch (all are alike)."""
    folder.mkdir(parents=True, exist_ok=True)
    flat = pixels(n, 3072)
    batch = {"data": flat, "labels": [i % 10 for i in range(n)], "batch_label": "a few"}
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    return flat.reshape(n, 3, 32, 32)


def write_images(
    folder: Path, classes: tuple[str, ...] = CIFAR_CLASSES, *, each: int = 3, suffix: str = "png"
) -> dict[str, np.ndarray]:
    """A small image folder of 32×32 colour images; returns them by their path in it."""
    written = {}
    values = pixels(2 * each * len(classes), 32, 32, 3)
    for part in ("train", "test"):
        for name in classes:
            (folder / part / name).mkdir(parents=True, exist_ok=True)
            for i in range(each):
                image, values = values[0], values[1:]
                path = folder / part / name / f"{i:04d}.{suffix}"
                Image.fromarray(image).save(path)
                written[f"{part}/{name}/{path.name}"] = image
    return written
