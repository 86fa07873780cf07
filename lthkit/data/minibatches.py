"""What a training sees step by step: the order of an epoch, and random crops and flips, as functions of a seed."""

from __future__ import annotations

import torch
from torch import Tensor

from lthkit.data.splits import generator_for
from lthkit.machine.checks import check_whole


def batches(n: int, *, seed: int, epoch: int, batch_size: int) -> Tensor:
    """The order of one epoch: row numbers, int64 [n // batch_size, batch_size], on the CPU.

    A random permutation of range(n), cut into batches; what does not fill a batch is left out. It depends on
    the four arguments and on nothing else, so a training that goes on at any epoch sees the same batches.

    Raises:
        ValueError: batch_size is not between 1 and n.
    """
    if not isinstance(batch_size, int) or not 1 <= batch_size <= n:
        raise ValueError(f"batch_size={batch_size} was given for {n} images; expected 1 to {n}.")
    order = torch.randperm(n, generator=generator_for("batches", seed, epoch), device="cpu")
    return order[: n - n % batch_size].view(-1, batch_size)


def augment(images: Tensor, *, seed: int, step: int, padding: int = 4) -> Tensor:
    """Random crop and left-right flip: [n, c, h, w] of any dtype -> the same shape, dtype and device.

    Each image is framed by `padding` pixels of 0, cut back to h×w at one of (2 padding + 1)² equally likely
    places, and mirrored with probability 1/2 (He et al. 2016, section 4.2). On uint8 images, before
    `normalise`, the frame is black. The draws depend on (seed, step) and the number of images, and are the
    same on every device.
    """
    if images.ndim != 4:
        raise ValueError(
            f"images of shape {list(images.shape)} were given; expected [n, channels, height, width]."
        )
    check_whole("padding", padding, 0)
    draws = augmentation(len(images), seed=seed, step=step, padding=padding)
    return crop_and_flip(images, draws.to(images.device), padding=padding)


def augmentation(n: int, *, seed: int, step: int, padding: int = 4) -> Tensor:
    """The draws of one step, int64 [3, n] on the CPU: top and left of each crop, 0 to 2 padding, and 1 for a flip."""
    generator = generator_for("augment", seed, step)
    corners = torch.randint(2 * padding + 1, (2, n), generator=generator, device="cpu")
    flips = torch.randint(2, (1, n), generator=generator, device="cpu")
    return torch.cat([corners, flips])


def crop_and_flip(images: Tensor, draws: Tensor, *, padding: int = 4) -> Tensor:
    """Images [n, c, h, w] cropped and flipped as the draws [3, n] say, which lie on the same device."""
    n, c, h, w = images.shape
    top, left, flip = draws.unsqueeze(2)  # each [n, 1]
    row, column = torch.arange(h, device=images.device), torch.arange(w, device=images.device)
    rows, columns = top + row, left + torch.where(flip == 1, w - 1 - column, column)  # [n, h], [n, w]
    framed = torch.nn.functional.pad(images, (padding,) * 4)
    places = rows[:, :, None] * framed.shape[3] + columns[:, None, :]  # [n, h, w]
    source = places.view(n, 1, h * w).expand(n, c, h * w)
    return framed.flatten(2).gather(2, source).view(n, c, h, w)
