"""Works that need a fresh process: selection, for its peak memory, and imports, which a process does only once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lthkit.bench import machine
from lthkit.bench.rows import NO_TORCHVISION, TEXTBOOK, Row, Settings, timed
from lthkit.bench.timing import Timing, interleaved
from lthkit.pruning.masks import Mask
from lthkit.pruning.selection import prune

HEAVY = ("torchvision", "matplotlib", "IPython", "torch._dynamo")
FRACTION = 0.2
_TIME_LIMIT = 300

_IMPORT = "import sys, json, time; a = time.perf_counter(); import torch; b = time.perf_counter()\n"
_OURS = """
import lthkit
c = time.perf_counter()
from lthkit.training.choices import choose
from lthkit.training.engine import updater
data = lthkit.load_data().to(DEVICE)
model = lthkit.models.lenet_300_100(seed=0).to(DEVICE)
mask = lthkit.Mask.ones(model)
choice = choose(model, DEVICE)
update = updater(model, data, recipe=lthkit.Recipe(), masks=[mask], seeds=[0], choice=choice)
update(0)
update.mean_loss()
"""
# A textbook program knows nothing of lthkit. Its images are torchvision's random ones, so it reads no file.
_TEXTBOOK = """
from torchvision import datasets, transforms
c = time.perf_counter()
nn, F = torch.nn, torch.nn.functional
prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
images = datasets.FakeData(10_000, (1, 28, 28), 10, prepare)
loader = torch.utils.data.DataLoader(images, batch_size=60, shuffle=True, num_workers=2)
layers = nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)
model = nn.Sequential(*layers).to(DEVICE)
optimizer = torch.optim.Adam(model.parameters(), lr=1.2e-3)
for x, y in loader:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x.to(DEVICE)), y.to(DEVICE))
    loss.backward()
    optimizer.step()
    loss.item()
    break
"""
_TELL = """
d = time.perf_counter()
heavy = [m for m in HEAVY if m in sys.modules]
print(json.dumps({"torch": b - a, "package": c - b, "step": d - b, "modules": heavy}))
"""


def imports(settings: Settings) -> Iterator[Row]:
    """From a fresh process to the first update: `import torch`, and what comes on top of it."""
    programs = {"lthkit": _OURS}
    if settings.textbook:
        programs = {TEXTBOOK: _TEXTBOOK} | programs
    told: dict[str, list[dict[str, Any]]] = {name: [] for name in programs}
    head = f"DEVICE, HEAVY = {str(settings.device)!r}, {HEAVY!r}\n"
    problem = ""
    for turn in range(settings.starts + 1):
        for name, program in programs.items():
            try:
                answer = run_child(head + _IMPORT + program + _TELL)
            except RuntimeError as error:
                problem = f"not measured: {error}"
            else:
                if turn:  # the first start fills the system's file cache
                    told[name].append(answer)
    row = Row("imports", "a fresh process", "", "s", threads=torch.get_num_threads())
    if problem or not told["lthkit"]:
        yield replace(row, name="import torch", notes=(problem,))
        return
    loading = tuple(answer["torch"] for answers in told.values() for answer in answers)
    yield timed(
        replace(row, name="import torch"), Timing("torch", loading, loading), first=_only("torch"), scale=1
    )
    ours = tuple(answer["package"] for answer in told["lthkit"])
    yield timed(
        replace(row, name="import lthkit, over torch"),
        Timing("package", ours, ours),
        first=_only("package"),
        scale=1,
    )
    row = replace(row, case="to the first update, LeNet-300-100, over import torch")
    if not settings.textbook:
        yield replace(row, name=TEXTBOOK, notes=(NO_TORCHVISION,))
    first = Timing(
        next(iter(told)),
        tuple(a["step"] for a in next(iter(told.values()))),
        (1.0,) * settings.starts,
    )
    for name, answers in told.items():
        seconds = tuple(answer["step"] for answer in answers)
        heavy = sorted({module for answer in answers for module in answer["modules"]})
        note = "heavy modules loaded: " + (", ".join(heavy) if heavy else "none")
        ratios = tuple(a / b for a, b in zip(first.seconds, seconds, strict=True))
        yield timed(
            replace(row, name=name, notes=(note,)), Timing(name, seconds, ratios), first=first, scale=1
        )


def selection(settings: Settings) -> Iterator[Row]:
    """An exact mask that removes 20 % of so many scores: time, and peak memory in copies of the scores."""
    for n in settings.scores:
        row = Row(
            "selection", f"mask of {n:,} scores, 20 % removed", "", "ms", threads=torch.get_num_threads()
        )
        row = replace(row, floor_is="one copy of the scores")
        repetitions = max(1, settings.short if n < 10**8 else settings.whole)
        try:
            told = run_child(
                f"from lthkit.bench import children; children.tell_selection({n}, {repetitions})"
            )
        except RuntimeError as error:
            yield replace(row, name="lthkit", notes=(f"not measured: {error}",))
            continue
        timings = [
            Timing(name, tuple(t["seconds"]), tuple(t["ratios"])) for name, t in told["timings"].items()
        ]
        copying = next(t for t in timings if t.name == "copy")
        for timing in timings:
            if timing is copying:
                continue
            this = replace(
                row,
                name=timing.name,
                floor=1e3 * copying.time.median,
                memory_copies=told["memory"][timing.name],
                notes=()
                if told["exact"] or timing.name == TEXTBOOK
                else ("NOT EXACT: another count was removed",),
            )
            yield timed(this, timing, first=timings[0], scale=1e3)


def tell_selection(n: int, repetitions: int) -> None:
    """In a child process: measure selection from n scores and print the result as JSON.

    Memory is how far the process's high-water mark rises above the scores and the mask. It never falls: so lthkit goes
    first, a hungrier one after it shows too, and a more modest one cannot and is given as None.
    """
    mask = Mask({"w": torch.ones(n, dtype=torch.bool)})
    scores = torch.empty(n).normal_(generator=torch.Generator().manual_seed(0)).abs_()
    kept = mask["w"].numpy()
    elsewhere = torch.empty(0)
    works: dict[str, Callable[[], Any]] = {
        TEXTBOOK: lambda: textbook_selection(scores.numpy(), kept, FRACTION),
        "lthkit": lambda: prune(mask, {"w": scores}, FRACTION),
        "copy": lambda: elsewhere.copy_(scores),
    }
    memory: dict[str, float | None] = {}
    left: dict[str, int] = {}
    base = highest = machine.peak_memory("cpu") or 0
    for name in ("lthkit", TEXTBOOK):
        result = works[name]()
        before, highest = highest, machine.peak_memory("cpu") or 0
        memory[name] = (highest - base) / (4 * n) if highest > before else None
        left[name] = result.kept if isinstance(result, Mask) else int(result.sum())
        del result
    exact = n - left["lthkit"] == round(FRACTION * n)
    elsewhere = torch.ones_like(scores)  # memory that is there already: the copy alone counts
    timings = interleaved(works, repetitions=repetitions, warmups=0)
    told = {t.name: {"seconds": t.seconds, "ratios": t.ratios} for t in timings}
    print(json.dumps({"timings": told, "memory": memory, "exact": exact}))


def textbook_selection(scores: np.ndarray, kept: np.ndarray, fraction: float) -> np.ndarray:
    """The percentile that many implementations take: of the scores that remain; below it goes. bool [n]."""
    alive = scores[np.nonzero(kept)]
    threshold = np.percentile(alive, 100 * fraction)
    return np.where(scores < threshold, False, kept)


def run_child(program: str, *, limit: float = _TIME_LIMIT) -> dict[str, Any]:
    """Run a Python program in a fresh process and return what it printed last, which is JSON. Raises as `run_python`."""
    answer: dict[str, Any] = json.loads(run_python(["-c", program], limit=limit).strip().splitlines()[-1])
    return answer


def run_python(arguments: Sequence[str], *, limit: float = _TIME_LIMIT) -> str:
    """Run a fresh Python with these arguments, which has this lthkit, and return what it printed.

    Raises:
        RuntimeError: it failed, was killed, or took more than `limit` seconds; the last line of its errors is given.
    """
    home = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH", "")]))
    environment: Mapping[str, str] = {**os.environ, "PYTHONPATH": path}
    try:
        done = subprocess.run(
            [sys.executable, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=limit,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"a process took more than {limit:g} s") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"killed with status {done.returncode}"]
        raise RuntimeError(f"a process failed: {lines[-1]}")
    return done.stdout


def _only(name: str) -> Timing:
    return Timing(name, (1.0,), (1.0,))
