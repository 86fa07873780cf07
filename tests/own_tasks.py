"""Other tasks than images and classes, tiny: characters for a Transformer, and a regression on 20 numbers; and each driver
on one of them, as a test subject beside those of `drivers`."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn

import lthkit as lth
from lthkit.data import Split
from lthkit.tickets import early_bird

ALPHABET = "abcdefgh"
LENGTH, PAD = 12, 7  # h is the padding


@cache
def characters() -> lth.Dataset:
    """Texts of 12 of 8 characters, padded at the end; the target of each is the next one of its cycle a, c, e or b, d, f."""
    g = torch.Generator().manual_seed(0)

    def part(n: int) -> Split:
        tokens = torch.randint(6, (n, LENGTH), generator=g)
        targets = (tokens + 2) % 6
        there = torch.arange(LENGTH) < torch.randint(4, LENGTH + 1, (n, 1), generator=g)
        return Split(tokens.where(there, PAD), targets.where(there, PAD))

    parts = {name: part(n) for name, n in (("train", 120), ("validation", 50), ("test", 50))}
    return lth.Dataset.of("characters", **parts, classes=tuple(ALPHABET))


@cache
def numbers() -> lth.Dataset:
    """20 numbers a row, and one number that follows from six of them, with noise."""
    g = torch.Generator().manual_seed(1)

    def part(n: int) -> Split:
        inputs = torch.randn(n, 20, generator=g)
        wave = inputs[:, :3].sum(1) + inputs[:, 3] * inputs[:, 4] + inputs[:, 5].sin()
        return Split(inputs, (wave + 0.1 * torch.randn(n, generator=g))[:, None])

    parts = {name: part(n) for name, n in (("train", 200), ("validation", 70), ("test", 70))}
    return lth.Dataset.of("numbers", **parts)


class Characters(nn.Module):
    """A Transformer of one layer: tokens [n, 12] -> a class for each, [n, 12, 8]."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(len(ALPHABET), 16)
        self.place = nn.Parameter(0.1 * torch.randn(LENGTH, 16))
        self.mix = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)
        self.out = nn.Linear(16, len(ALPHABET))

    def forward(self, tokens: Tensor) -> Any:
        return self.out(self.mix(self.embed(tokens) + self.place))


def transformer(*, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return Characters()


def regressor(*, seed: int) -> nn.Module:
    """20-24-16-1 with ReLU: a plain stack of linear layers, for which classification has faster ways."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return nn.Sequential(nn.Linear(20, 24), nn.ReLU(), nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, 1))


def falling(step: int) -> float:
    """A schedule: the factor of the learning rate."""
    return 1 / (1 + step / 10)


def huber(outputs: Tensor, targets: Tensor) -> Tensor:
    return torch.nn.functional.huber_loss(outputs, targets, delta=0.5)


def explained(outputs: Tensor, targets: Tensor) -> Tensor:
    """The part of the variance that is explained, R²: no mean over batches has its value."""
    return 1 - (outputs - targets).square().sum() / (targets - targets.mean()).square().sum()


CHARACTERS = lth.Task(
    label_smoothing=0.1, ignore_index=PAD, metrics=("perplexity", "token accuracy", "accuracy")
)
NUMBERS = lth.Task(loss="mse", metrics=("rmse", "mae"))
HUBER = lth.Task(loss=huber, metrics=(lth.Metric("r2", explained), "rmse"))
ADAMW = lth.Recipe(
    steps=18, batch_size=20, evaluate_every=4, optimizer="adamw", weight_decay=0.1, lr=0.01, schedule=falling
)
NESTEROV = replace(ADAMW, optimizer="sgd", momentum=0.9, nesterov=True, weight_decay=1e-3, schedule="cosine")
RMSPROP = replace(
    ADAMW, optimizer=partial(torch.optim.RMSprop, momentum=0.5, weight_decay=1e-2), weight_decay=0.0
)


def run_imp_characters(tiny, folder, progress):
    return list(
        lth.imp(
            transformer, characters(), rounds=2, rewind_step=3, recipe=ADAMW, task=CHARACTERS,
            include="embed.weight", folder=folder, progress=progress,
        )
    )  # fmt: skip


def run_imp_numbers(tiny, folder, progress):
    """An optimizer, a loss and a metric that lthkit does not have, with a rewind to their state."""
    return list(
        lth.imp(
            regressor, numbers(), rounds=2, fraction=0.5, rewind_step=5, recipe=RMSPROP, task=HUBER,
            folder=folder, progress=progress,
        )
    )  # fmt: skip


def run_one_shot_numbers(tiny, folder, progress):
    return list(
        lth.one_shot(
            regressor, numbers(), densities=[0.5, 0.2], rewind_step=4, recipe=NESTEROV, task=NUMBERS,
            folder=folder, progress=progress,
        )
    )  # fmt: skip


def run_at_init_characters(tiny, folder, progress):
    score = partial(lth.snip, batches=characters().draw(40, seed=0))
    return lth.prune_at_init(
        transformer, characters(), score=score, density=0.4, recipe=ADAMW, task=CHARACTERS,
        folder=folder, progress=progress,
    )  # fmt: skip


def run_hybrid_numbers(tiny, folder, progress):
    return list(
        lth.snip_then_imp(
            regressor, numbers(), snip_density=0.6, density=0.2, rounds=1, recipe=RMSPROP, task=NUMBERS,
            folder=folder, progress=progress,
        )
    )  # fmt: skip


def run_early_bird_characters(tiny, folder, progress):
    recipe = replace(ADAMW, steps=48)
    return early_bird(
        transformer, characters(), density=0.3, window=3, threshold=0.2, watch=True, recipe=recipe,
        task=CHARACTERS, folder=folder, progress=progress,
    )  # fmt: skip


def run_early_bird_numbers(tiny, folder, progress):
    return early_bird(
        regressor, numbers(), density=0.3, window=3, threshold=0.2, recipe=replace(RMSPROP, steps=60),
        task=NUMBERS, folder=folder, progress=progress,
    )  # fmt: skip


def run_retrain_numbers(tiny, folder, progress):
    start = lth.fresh_start(regressor, seed=0)
    model = regressor(seed=0)
    mask = lth.prune(lth.Mask.ones(model), lth.magnitude(model), 0.5)
    return lth.retrain(
        regressor, numbers(), mask=mask, weights_from=start, recipe=RMSPROP, task=HUBER, folder=folder,
        progress=progress,
    )  # fmt: skip


DRIVERS = {
    "imp, characters": run_imp_characters,
    "imp, numbers": run_imp_numbers,
    "one_shot, numbers": run_one_shot_numbers,
    "prune_at_init, characters": run_at_init_characters,
    "snip_then_imp, numbers": run_hybrid_numbers,
    "early_bird, characters": run_early_bird_characters,
    "early_bird, numbers": run_early_bird_numbers,
    "retrain, numbers": run_retrain_numbers,
}
