"""Weights and masks in files that other programs wrote, read without running anything that is in them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lthkit.pruning.masks import Mask
from lthkit.storage import files
from lthkit.training.checkpoints import Checkpoint

TORCH = (".pt", ".pth", ".bin", ".ckpt", ".tar")


def read_file(path: Path | str) -> Any:
    """What a file holds: tensors by name, a `Mask` or a `Checkpoint`.

    Files of torch are read with `weights_only=True`, so that no code in them runs; arrays of numpy without pickles.

    Raises:
        FileNotFoundError: no such file. ValueError: another kind of file, or one that holds more than tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no file {path}; expected one with tensors, such as ticket.pt or mask.npz."
        )
    if path.suffix == ".npz":
        return _arrays(path)
    if path.suffix not in TORCH:
        raise ValueError(
            f"{path} was given; expected a file of torch ({', '.join(TORCH)}) or of numpy (.npz). Read what it holds with the "
            "program that wrote it, and save its state_dict() with torch.save."
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, AttributeError, ModuleNotFoundError) as error:
        raise ValueError(
            f"{path} holds more than tensors ({' '.join(str(error).split())[:160]}), and was not read: to load it would run code "
            "that is in it. Let the program that wrote it save model.state_dict()."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"{path} is no whole file of torch ({' '.join(str(error).split())[:160]})."
        ) from error


def _arrays(path: Path) -> Any:
    try:
        _, meta = files.load_arrays(path)
    except files.DamagedFile:
        return _plain_arrays(path)
    if meta.get("kind") == "mask":
        return Mask.load(path)
    if meta.get("kind") == "checkpoint":
        return Checkpoint.load(path)
    raise ValueError(
        f"{path} is a file of lthkit that holds {meta.get('kind', 'something else')!r}; expected a mask or a checkpoint. A "
        "round belongs to its run: lthkit audit RUN, with the folder."
    )


def _plain_arrays(path: Path) -> dict[str, torch.Tensor]:
    try:
        with np.load(path, allow_pickle=False) as file:
            if "__meta__" in file.files:
                raise ValueError("it begins as a file of lthkit, and is damaged")
            return {name: torch.from_numpy(np.asarray(file[name])) for name in file.files}
    except Exception as error:  # what readers of archives raise on damaged bytes has no end
        raise ValueError(f"{path} cannot be read ({' '.join(str(error).split())[:160]}).") from error
