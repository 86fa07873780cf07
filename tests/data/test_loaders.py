"""Loaders: what all their batches come to, and the loaders whose one draw would stand for many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Subset, TensorDataset

from lthkit.data.datasets import Dataset

X = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(50) % 3
ROWS = TensorDataset(X, Y)


def birds(loader: Any, **more: Any) -> Dataset:
    return Dataset.from_loader(loader, name="birds", **more)


class Drawn(torch.utils.data.Dataset[Any]):
    """Rows of which a few differ each time they are asked for."""

    def __init__(self, draw: Callable[[], Any]) -> None:
        self.draw = draw

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, i: int) -> tuple[Any, int]:
        return X[i] + (self.draw() if i == 20 else 0), i % 3


def test_a_loader_gives_all_its_rows() -> None:
    """Catches a lost last batch, and rows in another order than the loader's."""
    data = birds(
        DataLoader(ROWS, 16), validation=DataLoader(Subset(ROWS, range(30, 50)), 7), test=[(X[:5] + 1, Y[:5])]
    )
    assert torch.equal(data.train.inputs, X) and torch.equal(data.train.targets, Y)
    assert torch.equal(data.validation.inputs, X[30:]) and torch.equal(data.test.inputs, X[:5] + 1)
    assert data.label == "birds (loader, 50 rows)" and data.classes == ("0", "1", "2")
    pool = birds(DataLoader(ROWS, 16), validation=0.2, test=5)
    assert (len(pool.train), len(pool.validation), len(pool.test)) == (35, 10, 5)
    assert birds([(X.numpy(), Y.numpy())], validation=0.2, test=5).fingerprint == pool.fingerprint


def test_reading_leaves_the_random_state_alone() -> None:
    """Catches a network that comes out otherwise because data was read before it."""
    before = torch.get_rng_state()
    birds(DataLoader(ROWS, 16))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "loader",
    [
        DataLoader(ROWS, 16, shuffle=True),
        DataLoader(ROWS, 16, shuffle=True, generator=torch.Generator().manual_seed(0)),
        DataLoader(Drawn(lambda: torch.randn(())), 16),
        DataLoader(Drawn(lambda: np.random.rand()), 16),
        DataLoader(Drawn(lambda: torch.randn(())), 16, num_workers=1),
    ],
    ids=["shuffled", "shuffled by a generator", "torch", "numpy", "worker"],
)
def test_a_loader_that_draws_is_refused(loader: Any) -> None:
    """Catches one random draw, of augmentation or of the order, that stands for all without anybody saying so."""
    for loaders in ({"loader": loader}, {"loader": DataLoader(ROWS, 16), "test": loader}):
        with pytest.raises(
            ValueError, match="read twice, gave something else the second time.*shuffle=False"
        ):
            birds(**loaders)


@pytest.mark.parametrize(("first", "then"), [(1, 0), (0, 1), (1, 2), (2, 1)])
def test_a_loader_of_another_length_the_second_time_is_refused(first: int, then: int) -> None:
    class Twice:
        lengths = [first, then]

        def __len__(self) -> int:
            return 1

        def __iter__(self) -> Iterator[Any]:
            return iter([(X, Y)] * self.lengths.pop(0))

    with pytest.raises(ValueError, match="gave no batch" if first == 0 else "something else the second time"):
        birds(Twice())


@pytest.mark.parametrize("once", [iter([(X, Y)]), zip([X], [Y], strict=True), ((x, Y) for x in [X])])
def test_what_can_be_read_only_once_is_refused(once: Any) -> None:
    with pytest.raises(TypeError, match="can be read only once.*a list of its batches"):
        birds(once)


def test_a_loader_that_leaves_rows_out_is_refused() -> None:
    """Catches a data set that lacks the rows which do not fill a batch."""
    sampler = torch.utils.data.BatchSampler(range(50), 16, drop_last=True)
    for loader in (DataLoader(ROWS, 16, drop_last=True), DataLoader(ROWS, batch_sampler=sampler)):
        with pytest.raises(ValueError, match="drop_last=False"):
            birds(loader)


@pytest.mark.parametrize(
    ("loader", "says"),
    [
        (X, "is a Tensor; .*of_tensors"),
        (X.numpy(), "is a ndarray"),
        ({"train": [(X, Y)]}, "is a dict"),
        (5 + 0j, "is a complex"),
        ([(X, Y, Y)], "is a tuple of 3; expected a pair"),
        ([{"x": X, "y": Y}], "is a dict of 2; .*collate_fn"),
        ([(X.tolist(), Y)], "inputs in batch 0 of the training loader are a list"),
        ([(X, 3)], "targets in batch 0 of the training loader are a int"),
        (ROWS, "is a TensorDataset"),
    ],
)
def test_what_gives_no_batches_is_refused_by_type(loader: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        birds(loader)


@pytest.mark.parametrize(
    ("loader", "says"),
    [
        ([], "gave no batch"),
        (DataLoader(ROWS, batch_size=None), "single number; .*batch_size=None"),
        ([(X, Y), (X[:, :2], Y)], r"differ from batch to batch: torch.float32 \[2\], torch.float32 \[4\]"),
        ([(X, Y), (X.double(), Y)], "differ from batch to batch: torch.float32"),
        ([(X, Y[:7])], "50 inputs and 7 targets"),
        ([(X.to_sparse(), Y)], "to_dense"),
        ([(np.ma.masked_greater(X.numpy(), 1), Y)], "masked numbers"),
        ([(X.masked_fill(X > 2, float("nan")), Y)], "rows of the inputs have a number that is NaN"),
    ],
)
def test_batches_that_make_no_data_set_are_refused(loader: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        birds(loader)
