"""Tensors and arrays of one's own: what becomes of them, what is refused, and what is told."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lthkit.data.datasets import Dataset
from lthkit.data.splitting import class_shares

X = np.random.RandomState(0).randn(100, 5)
Y = np.arange(100) % 3
make = Dataset.of_tensors


def houses(inputs: Any = X, targets: Any = X[:, 0], **more: Any) -> Dataset:
    return make(inputs, targets, name="houses", **more)


# What is taken


def backwards() -> np.ndarray[Any, Any]:
    return X[::-1].copy()[::-1]


def read_only() -> np.ndarray[Any, Any]:
    x = X.copy()
    x.setflags(write=False)
    return x


@pytest.mark.parametrize(
    "same",
    [
        X, backwards(), read_only(), np.asfortranarray(X), X.astype(">f8"), X.astype(np.longdouble),
        np.ma.masked_array(X), torch.from_numpy(X), torch.from_numpy(X).float(), torch.from_numpy(X.T.copy()).T,
        torch.from_numpy(X).requires_grad_(), torch.nn.Parameter(torch.from_numpy(X)),
    ],
    ids=["float64", "negative strides", "read-only", "columns first", "big-endian", "long", "no mask", "torch", "single",
         "transposed", "with a gradient", "parameter"],
)  # fmt: skip
def test_one_array_in_any_memory_is_one_data_set(same: Any, recwarn: pytest.WarningsRecorder) -> None:
    """Catches rows read in another order than they stand in, bytes swapped, and a gradient that goes on into data."""
    data = houses(same)
    assert data.fingerprint == houses().fingerprint and data.train.inputs.dtype == torch.float32
    assert not data.train.inputs.requires_grad and not recwarn.list
    whole = torch.cat([data.train.inputs, data.validation.inputs, data.test.inputs])
    expected = torch.from_numpy(X).float()
    assert {row.numpy().tobytes() for row in whole} == {row.numpy().tobytes() for row in expected}


def test_half_precision_is_taken_exactly() -> None:
    half = torch.from_numpy(X).half()
    assert houses(half).fingerprint == houses(half.float()).fingerprint
    assert houses(half.bfloat16()).train.inputs.dtype == torch.float32


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64"])
def test_whole_numbers_of_any_width_are_classes_and_tokens(kind: str) -> None:
    """Catches a label cut to another type's range, and tokens that a network's embedding does not take."""
    data = houses(X, Y.astype(kind))
    assert data.train.targets.dtype == torch.int64 and data.classes == ("0", "1", "2")
    assert data.fingerprint == houses(X, torch.from_numpy(Y)).fingerprint
    if kind != "uint8":  # bytes may be anything, and are refused
        words = np.arange(700).reshape(100, 7) % 120
        data = make(words.astype(kind), words.astype(kind), name="words", classes=120)
        assert data.kind == "tokens" and int(data.train.inputs.max()) == 119 == int(data.train.targets.max())


def test_what_is_given_is_copied() -> None:
    """Catches data that changes after its fingerprint was taken."""
    for x, y in (
        (X.copy(), X[:, 0].copy()),
        (torch.from_numpy(X.copy()).float(), torch.from_numpy(X[:, 0].copy())),
    ):
        data = make(x, y, name="own", validation=(x, y), test=(x, y))
        before = data.fingerprint
        x[:], y[:] = 7, 7
        again = Dataset.of("own", train=data.train, validation=data.validation, test=data.test)
        assert again.fingerprint == before


def test_what_is_made_within_inference_mode_can_be_trained_on() -> None:
    """Catches tensors that autograd does not take, which are an error far from here."""
    with torch.inference_mode():
        given = (torch.randn(4, 3), torch.arange(4) % 2)
        data = make(torch.randn(20, 3), torch.arange(20) % 2, name="own", test=given)
    assert not any(t.is_inference() for s in (data.train, data.test) for t in (s.inputs, s.targets))


def test_splits_may_be_given() -> None:
    parts = [(X[a:b], Y[a:b]) for a, b in ((0, 60), (60, 80), (80, 100))]
    data = make(*parts[0], name="own", validation=parts[1], test=parts[2])
    for split, (x, y) in zip((data.train, data.validation, data.test), parts, strict=True):
        assert torch.equal(split.inputs, torch.from_numpy(x).float()) and split.targets.tolist() == y.tolist()
    drawn = make(*parts[0], name="own", test=parts[2], validation=12)
    assert (len(drawn.train), len(drawn.validation), len(drawn.test)) == (48, 12, 20)


# The draw


def test_a_pool_is_split_by_its_seed() -> None:
    """Catches a draw from the global generator, one that loses or repeats a row, and a seed that does nothing."""
    numbers = np.arange(200.0)[:, None]
    torch.manual_seed(1)
    before = torch.get_rng_state()
    data = make(numbers, numbers, name="own", validation=0.1, test=30, seed=4)
    assert torch.equal(torch.get_rng_state(), before)
    assert (len(data.train), len(data.validation), len(data.test)) == (150, 20, 30)
    parts = [split.targets.flatten().tolist() for split in (data.train, data.validation, data.test)]
    assert sorted(sum(parts, [])) == numbers.flatten().tolist() and all(p == sorted(p) for p in parts)
    assert all(torch.equal(s.inputs, s.targets) for s in (data.train, data.validation, data.test))
    assert max(parts[2]) > 150 and min(parts[2]) < 50  # no block from the end
    same, other = (make(numbers, numbers, name="own", test=30, seed=seed) for seed in (4, 5))
    assert same.fingerprint == data.fingerprint != other.fingerprint


def test_unbalanced_classes_are_in_every_split() -> None:
    """Catches a test split without the small classes, and a small class that is all held out."""
    labels = np.repeat([0, 1, 2, 3, 4], [400, 60, 20, 3, 1])
    rows = np.arange(len(labels), dtype=np.float32)[:, None]
    data = make(rows, labels, name="own", validation=0.1, test=0.2)
    counts = [s.labels.bincount(minlength=5).tolist() for s in (data.train, data.validation, data.test)]
    assert counts == [[281, 42, 14, 1, 1], [39, 6, 2, 1, 0], [80, 12, 4, 1, 0]]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=12), st.integers(1, 200), st.integers(2, 3))
def test_shares_add_up_and_leave_each_class_a_row(counts: list[int], n: int, parts: int) -> None:
    shares = class_shares(counts, n, parts=parts)
    if shares is None:
        assert n > sum(max(0, c - 1) for c in counts)
        return
    large = [c >= parts for c in counts]
    assert sum(shares) == n and all(0 <= s <= max(0, c - 1) for s, c in zip(shares, counts, strict=True))
    if n >= sum(large):
        assert all(s >= 1 for s, big in zip(shares, large, strict=True) if big)
    if all(c >= 2 * len(counts) for c in counts) and n <= sum(counts) // 2:
        assert all(abs(s - n * c / sum(counts)) <= 1 for s, c in zip(shares, counts, strict=True))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"validation": 0}, "validation=0 was given; expected a share of the rows"),
        ({"validation": True}, "validation=True"),
        ({"test": 1.0}, "test=1.0"),
        ({"test": -0.1}, "test=-0.1"),
        ({"test": float("nan")}, "test=nan"),
        (
            {"validation": 80, "test": 20},
            "80 for validation shall be held out; expected that one or more are left",
        ),
        ({"seed": 0.5}, "seed=0.5"),
        ({"name": " "}, "expected a name for figures"),
        ({"validation": (X[:5, :3], X[:5, 0])}, r"validation has values torch.float32 \[3\]"),
        ({"validation": (X[:5], Y[:5])}, "validation has targets torch.int64"),
    ],
)
def test_a_split_that_cannot_be_is_refused(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make(X, X[:, 0], **({"name": "own"} | asked))


@pytest.mark.parametrize("asked", [None, X, "0.1", (X,), {"inputs": X}])
def test_what_is_no_split_is_refused_by_type(asked: Any) -> None:
    with pytest.raises(TypeError, match="validation is a .*expected a share such as 0.2"):
        houses(validation=asked)


def test_one_class_a_row_is_no_pool_of_classes() -> None:
    """Catches row numbers taken for classes, none of which a held-out row could have been trained on."""
    with pytest.raises(ValueError, match=r"100 classes are left.*targets\.float\(\)"):
        houses(X, np.arange(100))
    with pytest.raises(ValueError, match="2 rows were given, of which 1 for test and 1 for validation"):
        houses(X[:2], X[:2, 0])
    assert len(houses(X[:3], X[:3, 0]).train) == 1


# What is refused


@pytest.mark.parametrize(
    ("inputs", "targets", "says"),
    [
        (np.where(X > 2, np.nan, X), Y, "rows of the inputs have a number that is NaN or infinite"),
        (
            X,
            np.where(Y == 1, np.inf, 0.0),
            "rows of the targets have a number that is NaN or infinite, row 1 first",
        ),
        (X + 1.7e9, Y, "lose their differences as float32: number 0 of a row varies by .* around 1.7e.09"),
        (X, X[:, 0] + 1e9, "targets would lose their differences"),
        (X * 1e60, Y, "numbers above 3.4e.38"),
        (X * 1e-60, Y, "lose their differences"),
        (X + 1j, Y, "view_as_real"),
        (X > 0, Y, r"x\.float\(\)"),
        (X, Y == 1, r"targets\.long\(\) for two classes"),
        (X.astype(object), Y, "numpy array of object"),
        (X, np.array(["cat", "dog"] * 50), r"numpy.unique\(targets, return_inverse=True\)"),
        (X.astype("datetime64[s]"), Y, "numpy array of datetime64"),
        (np.ma.masked_greater(X, 2), Y, "masked numbers, which a tensor would show again"),
        (np.zeros(100, dtype=[("a", "f4")]), Y, "expected numbers"),
        (X, np.full(100, 2**64 - 1, dtype=np.uint64), "up to 18446744073709551615"),
        (torch.from_numpy(X).to_sparse(), Y, r"\.to_dense\(\)"),
        (torch.from_numpy(X).to("meta"), Y, "on meta"),
        ((X * 10).astype(np.uint8), Y, r"bytes as tokens as x.long\(\)"),
        (np.zeros((100, 32, 32, 3), np.uint8), Y, r"channels last.*transpose\(0, 3, 1, 2\)"),
        (np.zeros((100, 28, 28), np.uint8), Y, r"x\[:, None\]"),
        (np.zeros((100, 3, 4), np.int64), Y, r"inputs torch.int64 \[100, 3, 4\]"),
        (X[:, 0], Y, r"single number a row as x\[:, None\]"),
        (X[:, :0], Y, "nothing in a row"),
        (X[:0], Y[:0], "at least one"),
        (X, Y[:50], "100 inputs on cpu and 50 targets"),
        (X, Y[:, None], r"a column of classes; expected \[n\]. Give targets\[:, 0\]"),
        (X, np.eye(3, dtype=int)[Y], r"targets.argmax\(1\)"),
        (X, Y + 1, "from 1 to 3 were given as targets; expected classes, numbered from 0 without a gap"),
        (X, 2 * (Y % 2) - 1, "from -1 to 1"),
        (X, 5 * Y, "3 different whole numbers from 0 to 10"),
    ],
)
def test_what_would_be_quietly_wrong_is_refused(inputs: Any, targets: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        houses(inputs, targets)


def test_a_constant_column_loses_nothing() -> None:
    """Catches refusing 0.1, which no type of floating numbers holds exactly."""
    houses(np.hstack([X, np.full((100, 1), 0.1), np.full((100, 1), 1.7e9)]))


def test_lists_are_refused_by_type() -> None:
    with pytest.raises(TypeError, match=r"inputs is a list.*torch.tensor\(rows\)"):
        houses(X.tolist())
    with pytest.raises(TypeError, match="targets is a NoneType"):
        houses(X, None)


def test_classes_have_names_or_a_number() -> None:
    assert houses(X, Y, classes=("개", "고양이", "새")).classes == ("개", "고양이", "새")
    assert houses(X, Y, classes=5).classes == ("0", "1", "2", "3", "4")
    for wrong in ("abc", 0, True, [], [1, 2, 3], ["a", "a", "b"], 2.5):
        with pytest.raises(ValueError, match="expected how many there are, or the name of each"):
            houses(X, Y, classes=wrong)
    with pytest.raises(ValueError, match="classes from 0 to 2, and 2 classes were given"):
        houses(X, Y, classes=("a", "b"))
    with pytest.raises(ValueError, match="targets are numbers"):
        houses(X, X[:, 0], classes=3)
    padded = np.where(np.arange(700).reshape(100, 7) % 7 == 6, -100, 1)
    with pytest.raises(ValueError, match="from -100 to 1.*as padding, needs a number"):
        make(np.abs(padded) % 9, padded, name="words", classes=9)


def test_classes_for_tokens_may_be_none_or_one_alike_in_a_row() -> None:
    """Catches a class for each token taken for one-hot rows."""
    words = np.arange(700).reshape(100, 7) % 9
    assert make(words, np.eye(7, dtype=int)[np.arange(100) % 7], name="spans").classes == ("0", "1")


# What is told


def test_rows_in_two_splits_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """Catches a score on rows that were trained on: duplicates that a draw puts on both sides, or given so."""
    with caplog.at_level(logging.WARNING, "lthkit"):
        houses()
        assert caplog.text == ""
        make(X, Y, name="own", validation=(X[:5] + 1, Y[:5]), test=(X[:4], Y[:4]))
    assert caplog.text.count("\n") == 1
    assert (
        "own: 4 of 4 rows of the test split have the same inputs as one of the training split" in caplog.text
    )
    caplog.clear()
    with caplog.at_level(logging.WARNING, "lthkit"):
        houses(np.repeat(X[:50], 2, 0), np.repeat(X[:50, 0], 2))
    assert "of the validation split have the same inputs as one of the training split" in caplog.text
    assert "torch.unique(inputs, dim=0)" in caplog.text


def test_a_class_that_a_split_lacks_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "lthkit"):
        make(X, Y, name="own", classes=4, test=(X[:6] + 1, np.zeros(6, int)))
    assert "own: the test split has no row of class 1, 2, 3: it says nothing about them." in caplog.text
    assert "own: the training split has no row of class 3: it says nothing about it." in caplog.text
