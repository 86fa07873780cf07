"""Data sets as tensors that stay where they are: finding, checking and reading them; splits and batches.

This file is the table of contents.
"""

from __future__ import annotations

from lthkit.data.datasets import (
    Dataset,
)
from lthkit.data.file_formats import (
    Copy,
    DataError,
)
from lthkit.data.minibatches import (
    augment,
    augmentation,
    batches,
    crop_and_flip,
)
from lthkit.data.named import (
    DATA_NAMES,
    load_data,
)
from lthkit.data.resizing import (
    halved,
)
from lthkit.data.sources import (
    cache_folder,
    data_folder,
    find_copy,
    read_embedded,
)
from lthkit.data.splits import (
    Split,
)

__all__ = [
    "Copy",
    "DATA_NAMES",
    "DataError",
    "Dataset",
    "Split",
    "augment",
    "augmentation",
    "batches",
    "cache_folder",
    "crop_and_flip",
    "data_folder",
    "find_copy",
    "halved",
    "load_data",
    "read_embedded",
]
