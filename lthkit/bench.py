"""How long a training step takes, beside the loop that most tutorials write."""

from __future__ import annotations

from time import perf_counter

import torch
import torch.nn.functional as F
from torch import nn

from lthkit.data import Dataset
from lthkit.masks import Mask, prunable


def textbook_steps_per_second(
    model: nn.Module, data: Dataset, *, batch_size: int, seconds: float = 2.0
) -> float:
    """Speed of the textbook loop on this machine, in updates per second, measured for about `seconds`.

    torchvision transforms an image at a time, a DataLoader (no worker processes) collects them, a loop over the
    parameters multiplies gradient and weight by the mask. `model` is trained on; pass one to throw away.

    Raises:
        ImportError: torchvision is not installed.
    """
    from torchvision import transforms

    prepare = transforms.Compose(
        [transforms.ToPILImage(), transforms.ToTensor(), transforms.Normalize(data.mean, data.std)]
    )

    class Images(torch.utils.data.Dataset[tuple[torch.Tensor, int]]):
        def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
            return prepare(data.train.images[i]), int(data.train.labels[i])

        def __len__(self) -> int:
            return len(data.train)

    generator = torch.Generator().manual_seed(0)
    loader = torch.utils.data.DataLoader(
        Images(), batch_size, shuffle=True, drop_last=True, generator=generator
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1.2e-3)
    masks, weights = Mask.ones(model), prunable(model)
    begun = None
    steps = 0
    while begun is None or perf_counter() - begun < seconds:
        for images, labels in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            for name, weight in weights.items():
                if weight.grad is not None:
                    weight.grad *= masks[name].float()
            optimizer.step()
            with torch.no_grad():
                for name, weight in weights.items():
                    weight.mul_(masks[name].float())
            if begun is None:  # the first step warms up
                begun = perf_counter()
                continue
            steps += 1
            if perf_counter() - begun >= seconds:
                break
    return steps / (perf_counter() - begun)
