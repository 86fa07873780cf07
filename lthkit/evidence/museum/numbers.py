"""Exhibits 13 to 17: a control that is none, a number that was chosen, a seed that reaches nobody, a file that grew.

As in `masks`: broken, mended, and a trial that shows the symptom.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import prune

from lthkit.evidence.museum.trials import Bench, State, Trial, apply, state_of, train
from lthkit.machine.tables import Table
from lthkit.pruning.masks import Mask
from lthkit.pruning.scores import magnitude
from lthkit.pruning.selection import prune_to

# 13


def shuffled(masks, seed):  # type: ignore[no-untyped-def]
    """The same number of weights in each layer, at random places."""
    generator = torch.Generator().manual_seed(seed)
    for mask in masks.values():
        order = torch.randperm(mask.numel(), generator=generator)
        mask = mask.flatten()[order].view(mask.shape)
    return masks


def shuffled_mended(masks, seed):  # type: ignore[no-untyped-def]
    """The same number of weights in each layer, at random places."""
    generator = torch.Generator().manual_seed(seed)
    new = {}
    for name, mask in masks.items():
        order = torch.randperm(mask.numel(), generator=generator)
        new[name] = mask.flatten()[order].view(mask.shape)
    return new


def try_shuffled(function: Callable[..., Any], bench: Bench) -> Trial:
    """A ticket beside its shuffled control."""
    mask = bench.mask(0.02)
    lent = {name: kept.clone() for name, kept in mask.items()}
    tensors = dict(lent)
    other = Mask(function(lent, 1))
    changed = lent.keys() != tensors.keys() or any(
        lent[name] is not tensors[name] or not torch.equal(kept, mask[name]) for name, kept in tensors.items()
    )
    also = (
        "The dict that was given has changed: the ticket's mask is now the shuffled one." if changed else ""
    )
    table = Table(
        {"arm": "", "weights left (%)": ".1f", "accuracy (%)": ".2f"},
        [
            ("ticket", 100 * mask.density, bench.trained(mask)),
            ("shuffled", 100 * other.density, bench.trained(other)),
        ],
    )
    control = {"shuffled": {"mask": other, "start": bench.initial}}
    given = {"mask": mask, "before": dict(bench.initial), "controls": control}
    return Trial(table, other == mask, given, also=also)


# 14


def reinitialised(make, mask, batches, train, prune):  # type: ignore[no-untyped-def]
    """The re-initialised control: its mask, and the weights that it is trained from."""
    model = make(seed=6)
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    train(model, batches, None)
    density = sum(m.sum() for m in mask.values()) / sum(m.numel() for m in mask.values())
    return prune(model, float(density)), start


def reinitialised_mended(make, mask, batches, train, prune):  # type: ignore[no-untyped-def]
    """The re-initialised control: its mask, and the weights that it is trained from."""
    model = make(seed=6)
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    return mask, start


def try_reinitialised(function: Callable[..., Any], bench: Bench) -> Trial:
    """A ticket beside its re-initialised control."""
    mask = bench.mask(0.02)

    def cut(model: nn.Module, density: float) -> Mask:
        return prune_to(Mask.ones(model), magnitude(model), density)

    made: list[State] = []

    def make(seed: int = 0) -> nn.Module:
        model = bench.network(seed)
        made.append(state_of(model))
        return model

    other, start = function(make, mask, bench.batches, train, cut)
    other = other if isinstance(other, Mask) else Mask(other)
    table = Table(
        {"arm": "", "weights left (%)": ".1f", "accuracy (%)": ".1f"},
        [
            ("ticket", 100 * mask.density, bench.trained(mask)),
            ("re-initialised", 100 * other.density, bench.trained(other, start)),
        ],
    )
    control = {"re-initialised": {"mask": other, "start": start}}
    fresh = any(
        all(torch.equal(start[n][other[n]], own[n][other[n]]) for n in other)
        and all(torch.equal(start[n], own[n]) for n in own if n not in other)
        for own in made
    )
    also = (
        ""
        if fresh
        else "The start is not that of a new network: it was trained, or it is no copy and has changed."
    )
    given = {"mask": mask, "before": bench.initial, "controls": control}
    return Trial(table, other != mask, given, also=also)


# 15


def reported(history):  # type: ignore[no-untyped-def]
    """The test accuracy of a training, from (validation loss, test accuracy)."""
    best = 0.0
    for _, test_accuracy in history:
        if test_accuracy > best:
            best = test_accuracy
    return best


def reported_mended(history):  # type: ignore[no-untyped-def]
    """The test accuracy of a training, from (validation loss, test accuracy)."""
    lowest, found = float("inf"), 0.0
    for validation_loss, test_accuracy in history:
        if validation_loss < lowest:
            lowest, found = validation_loss, test_accuracy
    return found


def try_reported(function: Callable[..., Any], bench: Bench) -> Trial:
    """Five networks that learn labels drawn at random, each evaluated 40 times on 200 test images."""
    histories = [list(_of_noise(bench, seed)) for seed in range(5)]
    found = [float(function(points)) for points in histories]
    chosen = [min(points)[1] for points in histories]
    highest = [max(right for _, right in points) for points in histories]
    table = Table(
        {"labels": "", "test accuracy, mean of 5 seeds (%)": ".1f"},
        [("drawn at random, so that nothing can be learned", sum(found) / len(found))],
        notes=["One of ten is right by chance: 10 %."],
    )
    readings = [right for _, right in histories[0]]
    honest = chosen, [points[-1][1] for points in histories]
    reads = 1 if found in honest else len(readings)
    shown = {"values": readings, "reported": found[0]}
    return Trial(table, found == highest and found != chosen, {"test_reads": reads}, shown)


@lru_cache(maxsize=20)
def _of_noise(bench: Bench, seed: int) -> tuple[tuple[float, float], ...]:
    """(validation loss, test accuracy in percent) of a network after each of 40 steps on labels that mean nothing."""
    generator = torch.Generator().manual_seed(seed)
    places = slice(200 * seed, 200 * (seed + 1))
    split = {name: getattr(bench.data, name) for name in ("validation", "test")}
    images = {name: bench.data.normalise(part.images[places]) for name, part in split.items()}
    labels = {name: torch.randint(0, 10, (200,), generator=generator) for name in split}
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 50), nn.ReLU(), nn.Linear(50, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    points = []
    for step in range(40):
        inputs, own = bench.batches[step % len(bench.batches)]
        optimizer.zero_grad()
        noise = torch.randint(0, 10, own.shape, generator=generator)
        F.cross_entropy(model(inputs), noise).backward()
        optimizer.step()
        with torch.no_grad():
            loss = float(F.cross_entropy(model(images["validation"]), labels["validation"]))
            right = float((model(images["test"]).argmax(1) == labels["test"]).float().mean())
        points.append((loss, 100 * right))
    return tuple(points)


# 16


def set_seed(seed):  # type: ignore[no-untyped-def]
    """From here on, everything that is drawn is drawn again."""
    random.seed(seed)
    np.random.seed(seed)


def set_seed_mended(seed):  # type: ignore[no-untyped-def]
    """From here on, everything that is drawn is drawn again."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def try_set_seed(function: Callable[..., Any], bench: Bench) -> Trial:
    """Tickets that get their own initial weights again, by the seed, beside re-initialised ones; three seeds."""
    states = random.getstate(), np.random.get_state()
    rows: dict[str, list[float]] = {"ticket, its own initial weights": [], "re-initialised": []}
    pairs = []
    for seed in range(3):
        function(seed)
        model = _drawn()
        before = state_of(model)
        train(model, bench.batches)
        mask = prune_to(Mask.ones(model), magnitude(model), 0.05)
        function(seed)
        again = _drawn()
        pairs.append((mask, before, state_of(again)))
        function(100 + seed)
        for arm, started in zip(rows, (again, _drawn()), strict=True):
            train(started, bench.batches, mask)
            rows[arm].append(bench.accuracy(started))
    table = Table(
        {"arm": "", "accuracy, mean of 3 seeds (%)": ".1f"},
        [(arm, sum(found) / len(found)) for arm, found in rows.items()],
    )
    also = _not_seeded(function, [before for _, before, _ in pairs])
    random.setstate(states[0])
    np.random.set_state(states[1])
    mask, before, start = pairs[-1]
    wrong = any(not torch.equal(b[name], s[name]) for _, b, s in pairs for name in b)
    return Trial(table, wrong, {"mask": mask, "before": before, "start": start}, also=also)


def _not_seeded(function: Callable[..., Any], drawn: list[Any]) -> str:
    """What is wrong with a seed beyond the weights: one for all, or a generator that it does not reach."""
    if any(torch.equal(one["1.weight"], other["1.weight"]) for one, other in combinations(drawn, 2)):
        return "Seeds 0, 1 and 2 draw the same weights, so the re-initialised arm is the ticket: the number has to count."
    generators: dict[str, Callable[[], float]] = {"Python's random": random.random, "numpy": np.random.random}
    for name, draw in generators.items():
        found = []
        for seed in (5, 5, 6):
            function(seed)
            found.append(draw())
        if found[0] != found[1] or found[0] == found[2]:
            return f"The seed does not reach {name} any more."
    return ""


def _drawn() -> nn.Module:
    """A network whose weights torch's global generator draws, as torch's layers do by themselves."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 10)
    )


# 17


def save_ticket(model, mask, file):  # type: ignore[no-untyped-def]
    """Prune the network and save what is left of it."""
    for name, layer in model.named_modules():
        if f"{name}.weight" in mask:
            prune.custom_from_mask(layer, "weight", mask[f"{name}.weight"])
    torch.save(model.state_dict(), file)


def save_ticket_mended(model, mask, file):  # type: ignore[no-untyped-def]
    """Prune the network and save what is left of it."""
    small = {}
    for name, tensor in model.state_dict().items():
        if name in mask:
            small[name + " values"] = tensor[mask[name]]
            small[name + " bits"] = np.packbits(mask[name].numpy()).tobytes()
        else:
            small[name] = tensor
    torch.save(small, file)


def try_save_ticket(function: Callable[..., Any], bench: Bench) -> Trial:
    """Bytes of the dense network's file and of the ticket's."""
    mask = bench.mask(0.1)
    model = bench.with_state(bench.dense)
    apply(model, mask)
    files = {"dense": io.BytesIO(), "ticket": io.BytesIO()}
    torch.save(bench.dense, files["dense"])
    function(model, dict(mask.items()), files["ticket"])
    sizes = {name: len(file.getvalue()) for name, file in files.items()}
    table = Table(
        {"network": "", "weights left (%)": ".1f", "file (kB)": ",.0f"},
        [("dense", 100, sizes["dense"] / 1000), ("ticket", 100 * mask.density, sizes["ticket"] / 1000)],
    )
    whole = sizes["ticket"] >= mask.kept
    if not whole:
        table.note(f"The file has fewer bytes than weights are left ({mask.kept:,}).")
    wrong = sizes["ticket"] > sizes["dense"] or not whole
    also = _not_in_file(files["ticket"].getvalue(), bench, mask, sizes["dense"])
    return Trial(table, wrong, {"mask": mask, "after": state_of(model), "density": 0.1}, also=also)


def _not_in_file(content: bytes, bench: Bench, mask: Mask, dense: int) -> str:
    """What a file of a ticket lacks, or has too much of: kept values, biases, and which places are kept."""
    arrays = _arrays(content)
    stored = {value for array in arrays or () for value in array.tolist()}
    size = 0
    for name, tensor in bench.dense.items():
        values = tensor[mask[name]] if name in mask else tensor.flatten()
        size += 4 * len(values)
        if arrays is not None and not stored.issuperset(values.tolist()):
            what = "kept values" if name in mask else "values"
            return f"The file lacks {what} of {name}, or has them with fewer digits; nobody can make the ticket from it."
    share = mask.density
    bits = -mask.total * (share * np.log2(share) + (1 - share) * np.log2(1 - share))
    if len(content) < 0.93 * size + 0.85 * bits / 8:  # float32 weights can hardly be packed closer
        return "The file is too small for the kept values and the places that they belong to: nobody can make the ticket from it."
    if len(content) > 0.75 * dense:
        return "The file is nearly as large as that of the dense network: it has a number for each removed place, too."
    return ""


def _arrays(content: bytes) -> list[Any] | None:
    """The numbers with a point in a file of torch or of numpy, by array; None of a file in another format."""
    try:
        found = torch.load(io.BytesIO(content), weights_only=True)
    except Exception:  # another format, or objects of a class
        try:
            with np.load(io.BytesIO(content)) as arrays:
                found = {name: arrays[name] for name in arrays.files}
        except Exception:
            return None
    return list(_numbers(found))


def _numbers(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, torch.Tensor) and value.is_floating_point():
        inner = value.coalesce() if value.layout == torch.sparse_coo else value
        yield (inner if value.layout == torch.strided else inner.values()).detach().flatten().double().numpy()
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
        yield value.ravel()
    elif isinstance(value, bytes) and len(value) % 4 == 0:
        yield np.frombuffer(value, np.float32)
