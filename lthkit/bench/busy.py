"""What a step costs beside programs that keep the cores busy: in quiet, beside one, beside two, in turns."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from time import perf_counter

import torch
from torch import nn

from lthkit.bench import machine
from lthkit.bench.rows import Row, Settings, timed, with_cost
from lthkit.bench.steps import SEED, Steps, cifar_shaped, our_steps, random_mask
from lthkit.bench.timing import interleaved
from lthkit.data.datasets import Dataset
from lthkit.data.named import load_data
from lthkit.models import lenet_300_100, smallcnn
from lthkit.training.choices import Choice, choose
from lthkit.training.pool import Pool
from lthkit.training.recipes import Recipe

LOADS = {"quiet": 0, "beside 1 busy process": 1, "beside 2 busy processes": 2}
_CHUNK = 5  # updates between two looks at the clock, at most

# A process that spins after "1" and rests after "0", says so, and ends when nobody can tell it anything any more.
_SPIN = """
import os, threading
told = threading.Event()
def spin():
    while told.wait():
        while told.is_set():
            pass
threading.Thread(target=spin, daemon=True).start()
for word in iter(lambda: os.read(0, 1), b""):
    told.set() if word == b"1" else told.clear()
    os.write(1, word)
os._exit(0)
"""


def busy(settings: Settings) -> Iterator[Row]:
    """Steps beside 0, 1 and 2 processes that spin: one training as the table chooses, on 1 and on 2 threads; two at a time.

    A block ends after `settings.beside` seconds, because threads that wait for one another may be many times slower then.
    """
    with spinners(max(LOADS.values())) as spin:
        for row, block, repetitions in _blocks(settings):
            timings = interleaved(
                dict.fromkeys(LOADS, block),
                repetitions=repetitions,
                warmups=0,
                per=None,
                before={name: partial(spin, count) for name, count in LOADS.items()},
                synchronise=machine.synchroniser(settings.device),
            )
            spin(0)
            for timing in timings:
                this = with_cost(replace(row, name=timing.name), timing, first=timings[0])
                yield timed(this, timing, first=timings[0], scale=1e3)
                row = replace(row, choice=None)  # said once


@contextmanager
def spinners(count: int) -> Iterator[Callable[[int], None]]:
    """So many processes at rest; the function tells how many of them shall spin. They end here, or with this process."""
    command = [sys.executable, "-I", "-S", "-c", _SPIN]

    def start() -> subprocess.Popen[bytes]:
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere, bufsize=0)

    with ExitStack() as stack:  # which closes the pipes: then they end, and are waited for
        children = [stack.enter_context(start()) for _ in range(count)]

        def spin(how_many: int) -> None:
            for number, child in enumerate(children):
                assert child.stdin and child.stdout
                child.stdin.write(b"1" if number < how_many else b"0")
                child.stdout.read(1)  # it does so now

        yield spin


def _blocks(settings: Settings) -> Iterator[tuple[Row, Callable[[], int], int]]:
    """Each case, the function that does its next updates for a while and returns how many it did, and repetitions."""
    row, on_cpu = Row("busy", "", "", "ms per step"), settings.device.type == "cpu"
    for case, (model_fn, data, recipe, repetitions) in _trainings(settings).items():
        training = partial(_training, model_fn, data, recipe)
        table = choose(model_fn(seed=SEED), settings.device)
        ways = {"as the table chooses": table}
        if on_cpu:
            ways |= {f"{n} {'thread' if n == 1 else 'threads'}": replace(table, threads=n) for n in (1, 2)}
        for name, choice in ways.items():
            this = replace(row, case=f"{case}: {name}", threads=choice.threads or torch.get_num_threads())
            block = partial(_a_while, training(choice), settings.beside)
            yield replace(this, choice=choice), block, repetitions
        if on_cpu and model_fn is lenet_300_100:
            choice = replace(table, threads=1)
            both = [training(choice) for _ in range(2)]
            this = replace(row, case=f"{case}: two side by side, 1 thread each", threads=1, workers=2)
            block = partial(_side_by_side, both, settings.beside)
            yield replace(this, choice=choice), block, repetitions


def _trainings(settings: Settings) -> dict[str, tuple[Callable[..., nn.Module], Dataset, Recipe, int]]:
    """By name what is trained on what, how, and the repetitions."""
    fashion, pictures = load_data(), cifar_shaped(images=512, held_out=2)
    adam = Recipe(steps=10**6, batch_size=60, lr=1.2e-3)
    augmented = Recipe(steps=10**6, batch_size=128, lr=1e-3, augment=True)
    return {
        "LeNet-300-100, batch 60, Adam": (lenet_300_100, fashion.to(settings.device), adam, settings.short),
        "SmallCNN, batch 128, Adam, crop and flip": (
            smallcnn,
            pictures.to(settings.device),
            augmented,
            settings.long,
        ),
    }


def _training(model_fn: Callable[..., nn.Module], data: Dataset, recipe: Recipe, choice: Choice) -> Steps:
    """A training under an 80 % mask that has begun."""
    model = model_fn(seed=SEED, input_shape=data.shape, classes=len(data.classes)).to(data.device)
    do = our_steps(model, data, recipe=recipe, mask=random_mask(model), choice=choice)
    do(1)
    return do


def _a_while(do: Steps, seconds: float) -> int:
    """Do updates until so many seconds have passed, few at a time; how many."""
    done, until = 0, perf_counter() + seconds
    while not done or perf_counter() < until:
        chunk = min(done or 1, _CHUNK)
        do(chunk)
        done += chunk
    return done


def _side_by_side(trainings: Sequence[Steps], seconds: float) -> int:
    """The same for several trainings in a thread each, as lessons do it; updates of all of them."""
    pool, done = Pool(workers=len(trainings), threads=1), list[int]()
    for do in trainings:
        pool.submit(lambda do=do: done.append(_a_while(do, seconds)))
    pool.run()
    return sum(done)
