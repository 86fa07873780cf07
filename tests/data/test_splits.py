"""Splits of every kind: what is taken, what is refused, and what a data set of each kind knows of itself."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lthkit.data.datasets import Dataset, Split
from lthkit.data.splits import fingerprint


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def values(n: int = 30, *shape: int) -> Tensor:
    return torch.randn(n, *(shape or (5,)), generator=generator())


def tokens(n: int = 30, length: int = 7) -> Tensor:
    return torch.randint(9, (n, length), generator=generator())


def images(n: int = 30) -> Tensor:
    return torch.randint(256, (n, 1, 4, 4), generator=generator(), dtype=torch.uint8)


def dataset(inputs: Tensor, targets: Tensor, classes: tuple[str, ...] = (), name: str = "own") -> Dataset:
    parts = [Split(x, y) for x, y in zip(inputs.chunk(3), targets.chunk(3), strict=True)]
    return Dataset.of(name, train=parts[0], validation=parts[1], test=parts[2], classes=classes)


THREE = ("a", "b", "c")
KINDS = {
    "images": (images(), torch.arange(30) % 3, THREE),
    "images, a number each": (images(), values(30, 1), ()),
    "values, a class each": (values(30, 5), torch.arange(30) % 3, THREE),
    "values, a number each": (values(30, 20), values(30, 1).flatten(), ()),
    "values, two numbers each": (values(30, 3, 4), values(30, 2), ()),
    "tokens, a class each": (tokens(), torch.arange(30) % 3, THREE),
    "tokens, a class for each": (tokens(), tokens(), tuple("abcdefghi")),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_gives_a_network_what_it_holds(name: str) -> None:
    """Catches inputs of one kind treated as another's: floats scaled by 255, tokens turned into floats."""
    inputs, targets, classes = KINDS[name]
    data = dataset(inputs, targets, classes)
    assert data.kind == name.split(",")[0] and data.classes == classes
    assert data.shape == tuple(inputs.shape[1:]) and data.label == f"own (tensors, 10 {data.noun})"
    given, rows = data.inputs(data.train), torch.tensor([3, 0])
    assert torch.equal(data.inputs(data.train, rows), given[rows])
    if data.kind == "images":
        assert torch.equal(given, data.normalise(inputs[:10])) and len(data.mean) == 1
    else:
        assert torch.equal(given, inputs[:10]) and given.dtype == inputs.dtype and data.mean == data.std == ()
    drawn = data.draw(7, seed=1, batch_size=4)
    assert [len(x) for x, _ in drawn] == [4, 3]
    for x, y in drawn:
        for one, target in zip(x, y, strict=True):
            assert any(torch.equal(one, a) and torch.equal(target, b)
                       for a, b in zip(given, data.train.targets, strict=True))  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_told_apart_by_its_fingerprint(name: str) -> None:
    """Catches a number, a type, a shape or the order of other data under the same fingerprint."""
    inputs, targets, classes = KINDS[name]
    data = dataset(inputs, targets, classes)
    other = inputs.clone()
    other.view(-1)[-1] = other.view(-1)[-1] / 2 if inputs.is_floating_point() else other.view(-1)[-1] ^ 1
    last = targets.clone()
    last[-1] = last[0] if bool((last[-1] != last[0]).any()) else last[1]
    seen = {data.fingerprint}
    seen |= {dataset(x, y, classes).fingerprint for x, y in ((other, targets), (inputs, last), (inputs.flip(0), targets.flip(0)))}  # fmt: skip
    assert len(seen) == 4
    assert dataset(inputs.clone(), targets.clone(), classes).fingerprint == data.fingerprint
    assert data.to("cpu").fingerprint == data.fingerprint


def test_a_fingerprint_sees_type_and_shape() -> None:
    """Catches two data sets of equal bytes under one fingerprint: another shape, another type."""
    x, y = values(12, 4), values(12, 1)
    alike = [
        Split(x, y),
        Split(x.view(12, 2, 2), y),
        Split(x, y.flatten()),
        Split(x.view(torch.bfloat16).abs().nan_to_num(0, 0), y),
        Split(torch.zeros(12, 4), torch.zeros(12, dtype=torch.int64)),
        Split(torch.zeros(12, 4), torch.zeros(12, 2)),
        Split(torch.zeros(12, 4, dtype=torch.int64), torch.zeros(12, 2)),
        Split(torch.zeros(12, 4, dtype=torch.float64), torch.zeros(12, 2)),
        Split(torch.zeros(12, 8), torch.zeros(12, 2)),
    ]
    assert len({fingerprint("tensors", [split]) for split in alike}) == len(alike)


@pytest.mark.parametrize(
    ("inputs", "targets", "says"),
    [
        (values(4).fill_(float("nan")), torch.arange(4), "4 of 4 rows of the inputs have .* row 0 first"),
        (values(4), torch.tensor([0.0, 1, float("inf"), 2]), "1 of 4 rows of the targets .* row 2 first"),
        (values(4) > 0, torch.arange(4), r"inputs torch.bool .*x\.float\(\)"),
        (tokens(4).int(), torch.arange(4), r"inputs torch.int32 .*x\.long\(\)"),
        (tokens(4) - 5, torch.arange(4), "none below 0"),
        (images(4)[:, 0], torch.arange(4), r"pictures without a channel as x\[:, None\]"),
        (values(4).cfloat(), torch.arange(4), "view_as_real"),
        (values(4)[:, 0], torch.arange(4), r"single number a row as x\[:, None\]"),
        (values(4).to_sparse(), torch.arange(4), "to_dense"),
        (values(4).requires_grad_(), torch.arange(4), "inputs.detach"),
        (values(4), values(4).requires_grad_(), "targets.detach"),
        (values(4), torch.arange(4, dtype=torch.int32), "targets torch.int32 .*int64 for classes"),
        (values(4), torch.tensor(1), "single number"),
        (values(4), torch.arange(4) > 1, "targets torch.bool"),
        (values(4), values(4).cfloat(), "targets torch.complex64"),
        (torch.empty(4, 0), torch.arange(4), "nothing in a row"),
        (values(4), torch.empty(4, 0), "nothing in a row"),
        (torch.empty(4, 3, device="meta"), torch.arange(4), "no plain tensor"),
        (values(4), torch.arange(3), "4 inputs on cpu and 3 targets"),
        (values(4)[:0], torch.arange(0), "at least one"),
    ],
)  # fmt: skip
def test_what_no_kind_takes_is_refused(inputs: Tensor, targets: Tensor, says: str) -> None:
    """Catches what a loss would turn into a NaN, an error nobody reads, or a wrong number without any."""
    with pytest.raises(ValueError, match=says):
        Split(inputs, targets)


def test_what_is_no_tensor_is_refused_by_type() -> None:
    with pytest.raises(TypeError, match="targets of a split is a list.*of_tensors"):
        Split(values(2), [0, 1])  # type: ignore[arg-type]


def test_names_of_images_are_answered_with_those_of_every_kind() -> None:
    """Catches `.images` of a table or `.labels` of numbers, which code written for pictures would take for such."""
    with pytest.raises(AttributeError, match=r"no images but values; use `\.inputs`"):
        _ = Split(values(4), torch.arange(4)).images
    for targets in (values(4), tokens(4)):
        with pytest.raises(AttributeError, match=r"no labels.*use `\.targets`"):
            _ = Split(tokens(4), targets).labels
    split = Split(images(4), torch.arange(4))
    assert split.images is split.inputs and split.labels is split.targets


def test_what_only_images_have_is_refused_for_the_rest() -> None:
    """Catches scaling a byte tensor as pixels of a data set that has none, and strata where there are no classes."""
    data = dataset(values(30), values(30, 1))
    with pytest.raises(ValueError, match="no images but values.*data.inputs"):
        data.normalise(images(2))
    with pytest.raises(ValueError, match="no class of its own.*stratified=False"):
        data.draw(3, seed=0, stratified=True)
    assert len(dataset(values(30), torch.arange(30) % 3, THREE).draw(3, seed=0, stratified=True)) == 1


def test_splits_of_different_kinds_are_refused() -> None:
    """Catches a validation split of another type, whose loss would be computed, or not, by other rules."""
    train, classes = Split(values(4), torch.arange(4)), "abcd"
    for other in (
        Split(values(4).double(), torch.arange(4)),
        Split(values(4, 6), torch.arange(4)),
        Split(values(4), values(4)),
        Split(values(4), torch.arange(8).view(4, 2)),
        Split(tokens(4, 5), torch.arange(4)),
    ):
        with pytest.raises(ValueError, match="validation has .*expected the same"):
            Dataset.of("own", train=train, validation=other, test=train, classes=classes)


def test_classes_belong_to_classes() -> None:
    """Catches a network with class outputs for a regression, and classes without a name."""
    with pytest.raises(ValueError, match=r"targets are numbers .*targets\.long\(\)"):
        dataset(values(30), torch.arange(30).float(), THREE)
    with pytest.raises(ValueError, match="expected the names of the classes"):
        dataset(values(30), torch.arange(30) % 3)
    with pytest.raises(ValueError, match="labels from 0 to 8; expected 0 to 2"):
        dataset(tokens(), tokens(), THREE)
    with pytest.raises(ValueError, match="labels from -100"):
        dataset(tokens(), tokens().index_fill(1, torch.tensor([2]), -100), tuple("abcdefghi"))


def test_head_of_a_sorted_table_is_a_fair_sample() -> None:
    """Catches the smallest targets alone in a smaller set: a table is often sorted."""
    numbers = torch.arange(300.0)[:, None]
    data = dataset(numbers, numbers)
    smaller = data.head(train=20, test=5)
    kept = smaller.train.targets.flatten()
    assert len(kept) == 20 and bool((kept.diff() > 0).all()) and kept.max() > 50
    assert torch.equal(smaller.train.inputs, smaller.train.targets) and len(smaller.validation) == 100
    assert data.head(train=20, test=5).fingerprint == smaller.fingerprint != data.fingerprint
    classes = dataset(values(30), (torch.arange(30) % 10).sort().values, tuple("abcdefghij"))
    assert classes.head(train=4).train.labels.tolist() == [0, 1, 2, 3]
