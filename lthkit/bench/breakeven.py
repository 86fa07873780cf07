"""Where a sparse form begins to pay: its time over that of the masked dense network, density by density."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from lthkit.bench.machine import synchroniser
from lthkit.bench.timing import Work, calls_for, interleaved, repeat
from lthkit.export import no_semi_structured, to_csr, two_four
from lthkit.machine.devices import operator_threads
from lthkit.machine.work import waiting
from lthkit.pruning.masks import Mask

Forward = Callable[[Tensor], Any]
Variant = Callable[[nn.Module, Mask], Forward]
Row = dict[str, Any]

CSR: Mapping[str, Variant] = {"CSR": to_csr}


def break_even(
    model: nn.Module,
    masks: Sequence[Mask],
    *,
    shape: Sequence[int],
    batches: Sequence[int] = (1, 256),
    variants: Mapping[str, Variant] = CSR,
    repetitions: int = 9,
    threads: int = 1,
    seed: int = 0,
) -> list[Row]:
    """Time every variant of the masked `model` against its dense form, in turns, at each mask and batch size.

    First right, then fast: a variant whose outputs differ from the dense ones is refused.

    Args:
        model: left as it is; a copy of it is masked. Everything runs on its device.
        masks: tickets of this model, one for each density.
        shape: of one input, without the batch; inputs are random numbers from `seed`.
        variants: name -> a function of (masked model, mask) that makes what is timed; `export.to_csr`, say.
        repetitions: turns, each of at least 2 ms. threads: torch's operator threads (a CPU).

    Returns:
        A row for each batch, mask and variant: batch, density, name, n turns; `seconds` and `dense_seconds` for one
        forward pass (medians); `ratio`, `low`, `high`: median and quartiles over the turns of the variant's time over
        the dense time. Below 1 the variant is faster.

    Raises:
        ValueError: nothing to time; a number below 1; a mask of another model; a variant with other outputs.
    """
    if not masks or not variants or not batches:
        raise ValueError(
            f"{len(masks)} masks, {len(variants)} variants and {len(batches)} batch sizes were given; expected at least "
            "one of each."
        )
    numbers = {"repetitions": repetitions, "threads": threads, "batches": min(batches)}
    if bad := {name: value for name, value in numbers.items() if value < 1}:
        raise ValueError(f"{bad} was given; expected whole numbers of 1 or more.")
    first = next(model.parameters())
    rows: list[Row] = []
    with operator_threads(threads), torch.inference_mode():
        with closing(waiting(masks, lambda mask: f"{100 * mask.density:.3g} % of the weights")) as levels:
            for mask in levels:
                dense = copy.deepcopy(model).eval()
                mask.apply_(dense)
                made = {name: make(dense, mask) for name, make in variants.items()}
                for batch in batches:
                    generator = torch.Generator().manual_seed(seed)
                    x = torch.randn(batch, *shape, generator=generator).to(first)
                    _same_outputs(dense, made, x)
                    for name, forward in made.items():
                        found = against(forward, dense, x, repetitions=repetitions)
                        rows.append({"batch": batch, "density": mask.density, "name": name} | found)
    return rows


def against(forward: Forward, dense: Forward, x: Tensor, *, repetitions: int = 9) -> Row:
    """Time `forward(x)` and `dense(x)` in turns: seconds, dense_seconds, n, and the ratio with its quartiles."""
    wait = synchroniser(x.device)
    each: dict[str, Work] = {"it": partial(forward, x), "dense": partial(dense, x)}
    calls = {name: calls_for(work, synchronise=wait) for name, work in each.items()}
    work = {name: partial(repeat, one, calls[name]) for name, one in each.items()}
    it, other = interleaved(work, repetitions=repetitions, per=calls, synchronise=wait)
    return {
        "seconds": median(it.seconds),
        "dense_seconds": median(other.seconds),
        "ratio": other.ratio.median,
        "low": other.ratio.low,
        "high": other.ratio.high,
        "n": repetitions,
    }


def semi_structured(
    rows: int,
    columns: int,
    *,
    device: torch.device | str,
    batches: Sequence[int] = (1, 256),
    repetitions: int = 9,
) -> list[Row]:
    """Time one linear layer [rows, columns] in half precision with 2:4 weights against its dense form; rows as above.

    Raises:
        ValueError: the device has no hardware for 2:4; `export.no_semi_structured` says it beforehand.
    """
    if why := no_semi_structured(device):
        raise ValueError(why)
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(rows, columns, generator=generator).to(device).half()
    weight = weight.masked_fill(~two_four(weight.abs()), 0)
    packed, found = torch.sparse.to_sparse_semi_structured(weight), []
    with torch.inference_mode():
        for batch in batches:
            x = torch.randn(batch, columns, generator=generator).to(device).half()
            sparse, dense = (partial(_linear, w) for w in (packed, weight))
            timed = against(sparse, dense, x, repetitions=repetitions)
            found.append({"batch": batch, "density": 0.5, "name": "2:4"} | timed)
    return found


def _linear(weight: Tensor, x: Tensor) -> Tensor:
    return nn.functional.linear(x, weight)


def _same_outputs(dense: nn.Module, made: Mapping[str, Forward], x: Tensor) -> None:
    expected = dense(x)
    for name, forward in made.items():
        got = forward(x)
        if got.shape != expected.shape or not torch.allclose(got, expected, rtol=1e-3, atol=1e-4):
            raise ValueError(
                f"Variant {name!r} does not compute what the masked model computes; there is no use in timing it."
            )
