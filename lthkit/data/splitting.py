"""One pool of rows becomes training, validation and test split; and what is told of splits that do not keep apart."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from itertools import combinations
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from lthkit.data.splits import NOUNS, Split, generator_for
from lthkit.machine.checks import is_number

log = logging.getLogger("lthkit")

VALIDATION, TEST = 0.1, 0.2  # shares of a pool, where nothing else is asked for


@torch.inference_mode(False)
def three_splits(
    pool: Split, *, validation: float | int | Split, test: float | int | Split, seed: int
) -> dict[str, Split]:
    """What is not given as a split is drawn out of the pool by `seed`: first the test split, then the validation split.

    Where a row has one class the draw is stratified, and each class that has enough rows is in every split. A share is of
    the whole pool. Rows keep their order.

    Raises:
        ValueError: a share or a number that the pool cannot give.
    """
    sizes = {
        part: _size(part, given, len(pool), pool.kind)
        for part, given in (("test", test), ("validation", validation))
        if not isinstance(given, Split)
    }
    if sum(sizes.values()) >= len(pool):
        asked = " and ".join(f"{n:,} for {part}" for part, n in sizes.items())
        raise ValueError(
            f"{len(pool):,} {NOUNS[pool.kind]} were given, of which {asked} shall be held out; expected that one or more are "
            "left to train on."
        )
    rest, taken = torch.arange(len(pool)), dict[str, Tensor]()
    for place, (part, n) in enumerate(sizes.items()):
        labels = pool.labels.cpu()[rest] if pool.labelled else torch.zeros(len(rest), dtype=torch.int64)
        generator = generator_for(f"{part} split", seed, n)
        chosen = _chosen(part, labels, n, generator, parts=len(sizes) - place + 1)
        taken[part], rest = rest[chosen], rest[~chosen]
    given = {
        part: split
        for part, split in (("validation", validation), ("test", test))
        if isinstance(split, Split)
    }
    return {"train": pool.at(rest), **given, **{part: pool.at(rows) for part, rows in taken.items()}}


def _size(part: str, given: Any, n: int, kind: str) -> int:
    """How many of n rows a share, or a number, comes to."""
    if isinstance(given, Integral) and not isinstance(given, bool) and int(given) >= 1:
        return int(given)
    if is_number(given) and not isinstance(given, Integral) and 0 < given < 1:
        return max(1, round(float(given) * n))
    raise ValueError(
        f"{part}={given!r} was given; expected a share of the {NOUNS[kind]} between 0 and 1, such as 0.2, a number of them, 1 "
        "or more, or the split itself."
    )


def _chosen(part: str, labels: Tensor, n: int, generator: torch.Generator, *, parts: int) -> Tensor:
    """Which of the rows to take, bool [rows]: n of them, stratified; `parts` splits are still to share them."""
    counts = torch.bincount(labels).tolist()
    shares = class_shares(counts, n, parts=parts)
    if shares is None:
        raise ValueError(
            f"{n:,} rows for {part} cannot be drawn and leave one of each class to train on: {len(labels):,} rows of "
            f"{sum(map(bool, counts)):,} classes are left. Hold out fewer, or give the splits yourself. Targets that are no classes but numbers "
            "are given as targets.float()."
        )
    order = torch.randperm(len(labels), generator=generator, device="cpu")
    chosen, ordered = torch.zeros(len(labels), dtype=torch.bool), labels[order]
    for label, share in enumerate(shares):
        if share:
            chosen[order[ordered == label][:share]] = True
    return chosen


def class_shares(counts: Sequence[int], n: int, *, parts: int) -> list[int] | None:
    """How many rows of each class to take, n in all, as near to its proportion as can be; None if that cannot be.

    A class keeps one row or more. A class with `parts` rows or more gives at least one, if n is enough for all of these.
    """
    total, room = sum(counts), [max(0, count - 1) for count in counts]
    if n > sum(room):
        return None
    large = [count >= parts for count in counts]
    least = [int(each and n >= sum(large)) for each in large]
    shares = [min(max(n * c // total, low), most) for c, low, most in zip(counts, least, room, strict=True)]
    while sum(shares) != n:
        step = 1 if sum(shares) < n else -1
        open_ = [k for k, s in enumerate(shares) if (s < room[k] if step > 0 else s > least[k])]
        nearest = max(open_, key=lambda k: (step * (n * counts[k] - shares[k] * total), -k))
        shares[nearest] += step
    return shares


# What is told


def tell(splits: Mapping[str, Split], classes: Sequence[str], name: str) -> None:
    """Say in the log which rows stand in two splits, and which classes a split lacks."""
    seen = {part: _digests(split.inputs) for part, split in splits.items()}
    for one, other in combinations(("train", "validation", "test"), 2):
        known = set(seen[one])
        if count := sum(digest in known for digest in seen[other]):
            log.warning(
                "%s: %s of %s %s of the %s split have the same inputs as one of the %s split, so what is measured on them was "
                "not held out. Leave repeated rows out before the split (torch.unique(inputs, dim=0)), or give splits that "
                "keep them together.",
                name, f"{count:,}", f"{len(splits[other]):,}", NOUNS[splits[other].kind], other,
                "training" if one == "train" else one,
            )  # fmt: skip
    for part, split in splits.items():
        if split.labelled:
            there = set(split.labels.unique().tolist())
            if lacking := [each for label, each in enumerate(classes) if label not in there]:
                log.warning(
                    "%s: the %s split has no %s of class %s: it says nothing about %s.",
                    name, "training" if part == "train" else part, NOUNS[split.kind].removesuffix("s"),
                    ", ".join(lacking[:5]) + (f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""),
                    "it" if len(lacking) == 1 else "them",
                )  # fmt: skip


def _digests(inputs: Tensor) -> list[bytes]:
    rows = inputs.cpu().contiguous().view(torch.uint8).reshape(len(inputs), -1).numpy()
    return [hashlib.blake2b(row.data, digest_size=16).digest() for row in rows]
