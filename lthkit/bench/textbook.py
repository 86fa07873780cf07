"""The training loop that most tutorials write, and what they build on it: what this package is compared with.

Nothing here is how `lthkit` trains. It is written as one finds it: torchvision transforms an image at a time, a
`DataLoader` collects them, a loop over the parameters multiplies gradients and weights by masks.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from time import perf_counter
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lthkit.data.datasets import Dataset, augment, batches
from lthkit.pruning.masks import Mask, prunable
from lthkit.training.recipes import Recipe

WORKERS = 2


class TextbookImages(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """Images as a torchvision data set holds them: an array, from which `[i]` makes a PIL image and transforms it.

    At the top of a module, because worker processes on Windows and macOS get it pickled.
    """

    def __init__(self, images: Tensor, labels: Tensor, transform: Any) -> None:
        pictures = images.cpu().permute(0, 2, 3, 1)  # [n, h, w, c]
        self.pictures = np.ascontiguousarray(pictures.squeeze(3) if images.shape[1] == 1 else pictures)
        self.targets = labels.tolist()
        self.transform = transform

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        from PIL import Image

        return self.transform(Image.fromarray(self.pictures[i])), self.targets[i]

    def __len__(self) -> int:
        return len(self.targets)


def textbook_loader(
    data: Dataset,
    *,
    batch_size: int,
    split: str = "train",
    augment: bool = False,
    workers: int = WORKERS,
    order: Iterable[list[int]] | None = None,
) -> torch.utils.data.DataLoader[Any]:
    """A `DataLoader` over one split: ToTensor and Normalize, after RandomCrop(h, 4) and a flip if `augment`.

    The training split is shuffled and its last, incomplete batch dropped. `order` gives the rows of every batch instead;
    the workers then stay from one pass over it to the next.

    Raises:
        ImportError: torchvision is not installed.
    """
    from torchvision import transforms

    cropped = [transforms.RandomCrop(data.shape[1:], 4), transforms.RandomHorizontalFlip()] if augment else []
    prepare = transforms.Compose([*cropped, transforms.ToTensor(), transforms.Normalize(data.mean, data.std)])
    part = getattr(data, split)
    images: torch.utils.data.Dataset[Any] = TextbookImages(part.images, part.labels, prepare)
    common: dict[str, Any] = {
        "num_workers": workers,
        "pin_memory": data.device.type == "cuda",
        "generator": torch.Generator().manual_seed(0),
    }
    if order is not None:
        common |= {"batch_sampler": order, "persistent_workers": workers > 0}
        return torch.utils.data.DataLoader(images, **common)
    training = split == "train"
    return torch.utils.data.DataLoader(images, batch_size, shuffle=training, drop_last=training, **common)


class TurnLoader:
    """Batches of a textbook loader without end, in `order`, whose workers load in their own turn only.

    `next` wakes them. `rest` waits until what they have begun is loaded and keeps it for the next turn: workers that
    read ahead would take that time from whoever comes next. No batch is lost or comes twice. `close` ends them.
    """

    def __init__(
        self,
        data: Dataset,
        *,
        batch_size: int,
        augment: bool,
        order: Iterable[list[int]],
        workers: int = WORKERS,
    ) -> None:
        self._order = _Order(
            order
        )  # an object of its own: a ring would keep the workers until it is collected
        self._loader: Any = textbook_loader(
            data, batch_size=batch_size, augment=augment, order=self._order, workers=workers
        )
        self._loading: Iterator[Any] = iter(())
        self._kept: deque[Any] = deque()

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return self

    def __next__(self) -> tuple[Tensor, Tensor]:
        if not self._order.awake:
            self._order.awake = True
            self._loading = iter(self._loader)
        batch: tuple[Tensor, Tensor] = self._kept.popleft() if self._kept else next(self._loading)
        return batch

    def rest(self) -> None:
        """The turn is over."""
        self._order.awake = False
        self._kept.extend(self._loading)

    def close(self) -> None:
        """End the workers."""
        self._order.awake, self._loading, self._loader = False, iter(()), ()


class _Order:
    """Rows of batch after batch, for a loader to take while it is awake."""

    def __init__(self, rows: Iterable[list[int]]) -> None:
        self.rows, self.awake = iter(rows), False

    def __iter__(self) -> Iterator[list[int]]:
        for rows in self.rows:
            yield rows
            if not self.awake:
                return


def textbook_loop(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    masks: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    device: torch.device | str = "cpu",
) -> float:
    """One update for each (images float32 [n, c, h, w], labels int64 [n]) in `batches`; returns the mean loss.

    masks: parameter name -> bool tensor; those weights and their gradients are multiplied at every step.
    """
    running, count = 0.0, 0
    model.train()
    for images, labels in batches:
        images, labels = images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        for name, p in model.named_parameters():
            if name in masks and p.grad is not None:
                p.grad *= masks[name].float()
        optimizer.step()
        with torch.no_grad():
            for name, p in model.named_parameters():
                if name in masks:
                    p.mul_(masks[name].float())
        running += loss.item()
        count += 1
    return running / max(1, count)


@torch.no_grad()
def textbook_accuracy(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], *, device: torch.device | str = "cpu"
) -> float:
    """Fraction of right answers, from 0 to 1."""
    right, total = 0, 0
    model.eval()
    for images, labels in batches:
        right += int((model(images.to(device)).argmax(1) == labels.to(device)).sum())
        total += len(labels)
    return right / total


def textbook_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """torch.optim's SGD or Adam with the rates of `recipe`."""
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(), lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
        )
    return torch.optim.Adam(model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)


def textbook_imp(
    model: nn.Module,
    data: Dataset,
    *,
    trainings: int,
    recipe: Recipe,
    fraction: float = 0.2,
    workers: int = WORKERS,
) -> tuple[Mask, float]:
    """Iterative magnitude pruning in the same style: train an epoch, evaluate, prune, go back to the first weights.

    `trainings` of one epoch each, with `fraction` of the remaining weights removed between them over all layers
    together. The threshold is numpy's percentile of the weights that remain. Returns the last mask and its accuracy.

    Raises:
        ImportError: torchvision is not installed.
    """
    initial = copy.deepcopy(model.state_dict())
    masks = {name: torch.ones_like(w, dtype=torch.bool) for name, w in prunable(model).items()}
    train_loader = textbook_loader(
        data, batch_size=recipe.batch_size, augment=recipe.augment, workers=workers
    )
    validation_loader = textbook_loader(data, batch_size=1000, split="validation", workers=workers)
    accuracy = 0.0
    for training in range(trainings):
        if training:
            weights = {n: p.detach().cpu().numpy() for n, p in model.named_parameters() if n in masks}
            alive = np.concatenate([np.abs(w[masks[n].cpu().numpy()]) for n, w in weights.items()])
            threshold = np.percentile(alive, 100 * fraction)
            masks = {
                n: masks[n] & torch.from_numpy(np.abs(w) >= threshold).to(data.device)
                for n, w in weights.items()
            }
            model.load_state_dict(initial)
            with torch.no_grad():
                for name, p in model.named_parameters():
                    if name in masks:
                        p.mul_(masks[name].float())
        optimizer = textbook_optimizer(model, recipe)
        textbook_loop(model, train_loader, masks=masks, optimizer=optimizer, device=data.device)
        accuracy = textbook_accuracy(model, validation_loader, device=data.device)
    return Mask(masks), accuracy


def textbook_steps_per_second(
    model: nn.Module, data: Dataset, *, batch_size: int, seconds: float = 2.0
) -> float:
    """Speed of the textbook loop with Adam on this machine, in updates per second, measured for about `seconds`.

    No worker processes, which take longer to start than this takes. `model` is trained on; pass one to throw away.

    Raises:
        ImportError: torchvision is not installed.
    """
    loader = textbook_loader(data, batch_size=batch_size, workers=0)
    arguments: dict[str, Any] = {
        "masks": Mask.ones(model),
        "optimizer": textbook_optimizer(model, Recipe()),
        "device": data.device,
    }
    images = endless(loader)
    textbook_loop(model, [next(images)], **arguments)  # the first step warms up
    begun, steps = perf_counter(), 0
    while perf_counter() - begun < seconds:
        textbook_loop(model, [next(images)], **arguments)
        steps += 1
    return steps / (perf_counter() - begun)


def endless(loader: Iterable[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """Epoch after epoch."""
    while True:
        yield from loader


def rows_of_updates(images: int, *, batch_size: int, seed: int) -> Iterator[Tensor]:
    """Rows of update after update without end, int64 [batch_size]: the order in which `lthkit` trains."""
    epoch = 0
    while True:
        yield from batches(images, seed=seed, epoch=epoch, batch_size=batch_size)
        epoch += 1


def resident_batches(data: Dataset, *, recipe: Recipe, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches without end from tensors that lie on the device, in `lthkit`'s order; for `textbook_loop`."""
    orders = rows_of_updates(len(data.train), batch_size=recipe.batch_size, seed=seed)
    for step, rows in enumerate(orders):
        rows = rows.to(data.device)
        images = data.train.images[rows]
        if recipe.augment:
            images = augment(images, seed=seed, step=step)
        yield data.normalise(images), data.train.labels[rows]
