"""Loss and accuracy of a network on a split."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lthkit.data.datasets import Dataset
from lthkit.machine.checks import check_network, check_whole, first_line, one_tensor
from lthkit.machine.devices import autocast
from lthkit.machine.seeds import global_generators
from lthkit.training.draws import Draws, draws


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
    forward: Callable[[Tensor], Tensor] | None = None,
) -> Metrics:
    """Loss and accuracy on "train", "validation" or "test", in large batches; every module's mode is as before afterwards.

    Images come in float32; a network of another type casts them itself. What it draws itself, if it draws in evaluation
    mode too, is the same at each call.

    Args:
        channels_last: memory layout of the images, see `choices`; it changes rounding only.
        forward: what `model` computes in evaluation mode, done in another way (see `sparse`); None calls the model.

    Raises:
        ValueError: a network that does not fit the data, or that gives no single tensor [n, classes].
    """
    if split not in ("train", "validation", "test"):
        raise ValueError(f"split={split!r} was given; expected 'train', 'validation' or 'test'.")
    check_network(model)
    batch_size = check_whole("batch_size", batch_size, 1)
    part = getattr(data, split)
    channels_last = channels_last and takes_channels_last(model, data)
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    loss = torch.zeros((), device=data.device)
    correct = torch.zeros((), device=data.device, dtype=torch.int64)
    drawn = Draws(model, data.device, 0, training=False)
    batches = zip(part.images.split(batch_size), part.labels.split(batch_size), strict=True)
    try:
        for number, (images, labels) in enumerate(batches):
            inputs = data.normalise(images)
            if channels_last:
                inputs = inputs.contiguous(memory_format=torch.channels_last)
            try:
                with autocast(data.device, precision), drawn.at(number):
                    logits = forward(inputs) if forward else one_tensor(model, model(inputs))
                    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
                    loss = loss + F.cross_entropy(logits, labels, reduction="sum")
            except (IndexError, RuntimeError, TypeError, ValueError) as error:
                explain_misfit(model, data, error, images=len(images))
                raise
            correct += (logits.argmax(1) == labels).sum()
    finally:
        for module, training in modes:
            module.training = training
    return Metrics(float(loss) / len(part), int(correct) / len(part))


_taken: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()


def takes_channels_last(model: nn.Module, data: Dataset) -> bool:
    """False if `model` cannot work on images whose channels lie last in memory, as one with `x.view(n, -1)` in it cannot.

    torch's own layers can; a network with code of its own is asked once, with two images in evaluation mode.
    """
    if draws(model, training=False) is False:
        return True
    if model not in _taken:
        modes = [(module, module.training) for module in model.modules()]
        inputs = data.normalise(data.train.images[:2]).contiguous(memory_format=torch.channels_last)
        try:
            with torch.no_grad(), global_generators(data.device):
                model.eval()(inputs)
            _taken[model] = True
        except RuntimeError as error:
            _taken[model] = "view size is not compatible" not in str(error)
        except Exception:  # it will come again, where it is explained
            _taken[model] = True
        finally:
            for module, training in modes:
                module.training = training
    return _taken[model]


def explain_misfit(model: nn.Module, data: Dataset, error: Exception, *, images: int = 1) -> None:
    """After an error in a pass of so many images: ValueError if `model` takes no image of `data`, has no output for some
    class, or wants more than one image in a batch.

    Looked at only then, with one image, so a step that is in order costs nothing more.
    """
    if "memory" in str(error):
        return
    if "more than 1 value per channel" in str(error) or "more than 1 spatial element" in str(error):
        raise ValueError(
            f"{type(model).__name__} takes statistics from a batch (a norm layer does), and a batch of {images} has too few "
            f"values for it ({first_line(error)}). Take another batch_size, so that every batch, the last one too, has "
            "two images or more."
        ) from error
    if "use_reentrant" in str(error):
        raise ValueError(
            f"{type(model).__name__} calls torch.utils.checkpoint with use_reentrant=True, which works with .backward() "
            "only, and gradients are asked for here with torch.autograd.grad. Pass use_reentrant=False: same numbers."
        ) from error
    if isinstance(error, ValueError):
        return
    kind = f"{data.name} has {len(data.classes)} classes and images of {list(data.shape)}, float32 once normalised"
    remedy = "Make the network for this data: input_shape=data.shape, classes=len(data.classes)."
    if others := sorted(
        {str(p.dtype) for p in model.parameters() if p.is_floating_point()} - {"torch.float32"}
    ):
        remedy = (
            f"The network has parameters of {', '.join(others)}: take model.float(), or wrap it in a module whose forward "
            "casts the images, self.network(x.double()) say."
        )
    model.eval()
    try:
        with torch.no_grad():
            outputs = one_tensor(model, model(data.normalise(data.train.images[:1])))
    except (IndexError, RuntimeError, TypeError) as refused:
        raise ValueError(
            f"{type(model).__name__} does not take the images ({first_line(refused)}); {kind}. {remedy}"
        ) from error
    if outputs.ndim != 2 or outputs.shape[1] < len(data.classes):
        raise ValueError(
            f"{type(model).__name__} gives outputs of shape {list(outputs.shape)} for one image; {kind}. {remedy}"
        ) from error
