"""Loss and accuracy of a network on a split."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from lthkit.data import Dataset
from lthkit.devices import autocast


class Metrics(NamedTuple):
    """Mean cross-entropy in nats, and accuracy from 0 to 1."""

    loss: float
    accuracy: float


@torch.no_grad()
def evaluate(
    model: nn.Module,
    data: Dataset,
    *,
    split: str = "validation",
    batch_size: int = 1000,
    precision: str = "float32",
    channels_last: bool = False,
) -> Metrics:
    """Loss and accuracy on "train", "validation" or "test", in large batches; the model's mode is as before afterwards.

    channels_last: memory layout of the images, see `choices`; it changes rounding only.
    """
    if split not in ("train", "validation", "test"):
        raise ValueError(f"split={split!r} was given; expected 'train', 'validation' or 'test'.")
    part = getattr(data, split)
    if len(part) == 0:
        raise ValueError(f"The {split} split of {data.name} is empty.")
    was_training = model.training
    model.eval()
    loss = torch.zeros((), device=data.device)
    correct = torch.zeros((), device=data.device, dtype=torch.int64)
    with autocast(data.device, precision):
        for images, labels in zip(part.images.split(batch_size), part.labels.split(batch_size), strict=True):
            inputs = data.normalise(images)
            if channels_last:
                inputs = inputs.contiguous(memory_format=torch.channels_last)
            logits = model(inputs).float()
            loss += F.cross_entropy(logits, labels, reduction="sum")
            correct += (logits.argmax(1) == labels).sum()
    model.train(was_training)
    return Metrics(float(loss) / len(part), int(correct) / len(part))
