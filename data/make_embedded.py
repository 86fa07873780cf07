"""Make `fashion-mnist-subset.npz` and its line in `SHA256SUMS` from the complete Fashion-MNIST.

Run once, by hand:  python data/make_embedded.py FOLDER FOLDER holds the four original files
(`train-images-idx3-ubyte.gz` and so on). The same files and zlib give the same bytes; the choice of images
depends on the labels and on SEED alone.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np

SEED = 0
CLASSES = 10
SIZES = {"train": 10_000, "validation": 2_000, "test": 5_000}
MD5 = {  # of the uncompressed originals
    "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}
HERE = Path(__file__).resolve().parent
TARGET = HERE / "fashion-mnist-subset.npz"


def read_original(folder: Path, name: str) -> np.ndarray:
    """The bytes of one original file without its header, checked against its published md5."""
    content = gzip.decompress((folder / f"{name}.gz").read_bytes())
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != MD5[name]:
        raise SystemExit(
            f"{folder / name}.gz is not the published file: its uncompressed md5 should be {MD5[name]}."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=16 if "images" in name else 8)


def choose(labels: np.ndarray, sizes: list[int], random: np.random.RandomState) -> list[np.ndarray]:
    """Disjoint rising row numbers, one array a size, with equally many rows of every class in each."""
    ends = np.cumsum([size // CLASSES for size in sizes])
    chosen = [random.permutation(np.flatnonzero(labels == c))[: ends[-1]] for c in range(CLASSES)]
    return [
        np.sort(np.concatenate(part)) for part in zip(*(np.split(c, ends[:-1]) for c in chosen), strict=True)
    ]


def main(folder: Path) -> None:
    """Choose, write the archive, record its checksum."""
    random = np.random.RandomState(SEED)  # this stream is frozen by numpy's policy
    arrays: dict[str, np.ndarray] = {}
    for prefix, parts in (("train", ["train", "validation"]), ("t10k", ["test"])):
        labels = read_original(folder, f"{prefix}-labels-idx1-ubyte")
        images = read_original(folder, f"{prefix}-images-idx3-ubyte").reshape(-1, 28, 28)
        rows = choose(labels, [SIZES[part] for part in parts], random)
        for part, index in zip(parts, rows, strict=True):
            arrays[f"{part}_images"] = images[index]
            arrays[f"{part}_labels"] = labels[index]
            arrays[f"{part}_index"] = index.astype(np.uint16)
    with zipfile.ZipFile(TARGET, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, buffer.getvalue())
    record_checksum(TARGET)


def record_checksum(path: Path) -> None:
    """Put `path`'s sha256 into SHA256SUMS, in place of its old line."""
    sums = HERE / "SHA256SUMS"
    lines = sums.read_text(encoding="ascii").splitlines() if sums.exists() else []
    lines = [line for line in lines if line.split()[1] != path.name]
    lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}")
    sums.write_text(
        "\n".join(sorted(lines, key=lambda line: line.split()[1])) + "\n", encoding="ascii", newline="\n"
    )
    print(f"{path.name}: {path.stat().st_size:,} bytes, {lines[-1].split()[0]}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
