"""The drivers as test subjects: each as one small call, with all that it returns in a form that `==` compares bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import nn

import lthkit as lth
from lthkit.tickets import EarlyBird, early_bird
from lthkit.tickets.rounds import Round
from lthkit.training import TrainResult
from tests import own_tasks
from tests.conftest import small_conv, small_net

ADAM = lth.Recipe(steps=18, batch_size=20, evaluate_every=4, schedule="cosine", augment=True)
SGD = replace(ADAM, optimizer="sgd", momentum=0.9, weight_decay=1e-3, lr=0.05)


class Stop(Exception):
    """Raised by a progress report, where a user might press the stop button."""


class Stopper:
    """A progress report that stops the work at report number `at`."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.reports, self.steps = at, 0, 0

    def __call__(self, steps: int) -> None:
        self.reports, self.steps = self.reports + 1, self.steps + steps
        if self.reports == self.at:
            raise Stop


def half(model_fn: Callable[..., nn.Module]) -> lth.Mask:
    model = model_fn(seed=0)
    return lth.prune(lth.Mask.ones(model), lth.magnitude(model), 0.5)


def run_train(tiny, folder, progress):
    model = small_conv(seed=0)
    result = lth.train(
        model, tiny, mask=half(small_conv), recipe=SGD, keep=(0, 8, 18), folder=folder, progress=progress
    )
    return result, lth.Checkpoint.of(model)


def run_patient(tiny, folder, progress):
    """Stops early, in the middle of its budget."""
    model = small_conv(seed=0)
    recipe = replace(ADAM, steps=60, lr=0.05, patience=8)
    return lth.train(model, tiny, recipe=recipe, folder=folder, progress=progress), lth.Checkpoint.of(model)


def run_imp(tiny, folder, progress):
    return list(
        lth.imp(small_conv, tiny, rounds=2, rewind_step=3, recipe=ADAM, folder=folder, progress=progress)
    )


def run_one_shot(tiny, folder, progress):
    return list(
        lth.one_shot(
            small_net, tiny, densities=[0.5, 0.2], rewind_step=4, recipe=SGD, folder=folder, progress=progress
        )
    )


def run_retrain(tiny, folder, progress):
    return lth.retrain(
        small_net,
        tiny,
        mask=half(small_net),
        weights_from=lth.fresh_start(small_net, seed=0),
        lr_from=5,
        recipe=ADAM,
        folder=folder,
        progress=progress,
    )


def run_at_init(tiny, folder, progress):
    return lth.prune_at_init(
        small_net, tiny, score=lth.magnitude, density=0.3, recipe=SGD, folder=folder, progress=progress
    )


def run_hybrid(tiny, folder, progress):
    return list(
        lth.snip_then_imp(
            small_net,
            tiny,
            snip_density=0.6,
            density=0.2,
            rounds=2,
            recipe=ADAM,
            folder=folder,
            progress=progress,
        )
    )


def run_early_bird(tiny, folder, progress):
    recipe = replace(ADAM, steps=90)
    return early_bird(
        small_net, tiny, density=0.3, window=3, threshold=0.2, watch=True, recipe=recipe, folder=folder,
        progress=progress,
    )  # fmt: skip


DRIVERS = {
    "train": run_train,
    "train with patience": run_patient,
    "imp": run_imp,
    "one_shot": run_one_shot,
    "retrain": run_retrain,
    "prune_at_init": run_at_init,
    "snip_then_imp": run_hybrid,
    "early_bird": run_early_bird,
    **own_tasks.DRIVERS,
}


def bits(value: Any) -> Any:
    """Everything that a driver returned, but for the time that it took, in a form that `==` compares bit for bit."""
    if isinstance(value, list | tuple):
        return [bits(v) for v in value]
    if isinstance(value, lth.Mask):
        return value.fingerprint
    if isinstance(value, lth.Checkpoint):
        return value.fingerprint
    if isinstance(value, TrainResult):
        plain = {k: v for k, v in vars(value).items() if k not in ("seconds", "kept")}
        plain["choice"] = value.choice and vars(value.choice)
        return plain | {step: bits(one) for step, one in sorted(value.kept.items())}
    if isinstance(value, Round):
        # a round read again has no `kept` and the mask of its weights; both are in other fields
        return [
            value.round,
            bits(value.mask),
            bits(replace(value.result, kept={})),
            bits(value.rewind),
            bits(value.trained),
        ]
    if isinstance(value, EarlyBird):
        return {k: bits(v) if k in ("masks", "drawn", "last") and v else v for k, v in vars(value).items()}
    return value
