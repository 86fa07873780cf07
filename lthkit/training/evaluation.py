"""Loss and accuracy of a network on a split."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from lthkit.data.datasets import Dataset
from lthkit.machine.checks import check_network, check_whole, first_line
from lthkit.machine.devices import autocast


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
    check_network(model)
    check_whole("batch_size", batch_size, 1)
    part = getattr(data, split)
    was_training = model.training
    model.eval()
    loss = torch.zeros((), device=data.device)
    correct = torch.zeros((), device=data.device, dtype=torch.int64)
    with autocast(data.device, precision):
        for images, labels in zip(part.images.split(batch_size), part.labels.split(batch_size), strict=True):
            inputs = data.normalise(images)
            if channels_last:
                inputs = inputs.contiguous(memory_format=torch.channels_last)
            try:
                logits = model(inputs).float()
                loss += F.cross_entropy(logits, labels, reduction="sum")
            except (IndexError, RuntimeError) as error:
                explain_misfit(model, data, error)
                raise
            correct += (logits.argmax(1) == labels).sum()
    model.train(was_training)
    return Metrics(float(loss) / len(part), int(correct) / len(part))


def explain_misfit(model: nn.Module, data: Dataset, error: Exception) -> None:
    """After an error in a pass: ValueError if `model` takes no image of `data`, or has no output for some class.

    Looked at only then, with one image, so a step that is in order costs nothing more.
    """
    if "memory" in str(error):
        return
    kind = f"{data.name} has {len(data.classes)} classes and images of {list(data.shape)}, float32 once normalised"
    remedy = "Make the network for this data: input_shape=data.shape, classes=len(data.classes)."
    model.eval()
    try:
        with torch.no_grad():
            outputs = model(data.normalise(data.train.images[:1]))
    except (IndexError, RuntimeError) as refused:
        raise ValueError(
            f"{type(model).__name__} does not take the images ({first_line(refused)}); {kind}. {remedy}"
        ) from error
    if outputs.ndim != 2 or outputs.shape[1] < len(data.classes):
        raise ValueError(
            f"{type(model).__name__} gives outputs of shape {list(outputs.shape)} for one image; {kind}. {remedy}"
        ) from error
