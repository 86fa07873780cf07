"""Somebody who knows torch and has only README and docstrings: the examples run, and errors, arguments and sources are told."""

from __future__ import annotations

import inspect
import textwrap
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import lthkit as lth

# Those with examples, each with the part that only a reader has time for. `Mask.held`, `Mask.save`, `grow`, `Ticket` and
# `TrainFn` have their own tests, which look at what their lines come to.
SMALLER = {"rounds=3": "rounds=1, steps=4", "rounds=12, recipe=lth.Recipe(steps=2000)": "rounds=1, steps=4"}
EXAMPLES = [
    "Dataset.of_tensors",
    "Dataset.from_loader",
    "Dataset.from_folder",
    "Metric",
    "Recipe",
    "Task",
    "imp",
    "prune_to",
    "pruning.scores",
]
TOLD = [  # what a researcher calls; for each the arguments, and what is refused, are in the docstring
    *("Dataset.of_tensors", "Dataset.from_loader", "Dataset.from_folder", "Task", "Metric", "Recipe"),
    *(
        "Mask.held",
        "Mask.from_torch_prune",
        "Mask.to_torch_prune_",
        "prune",
        "prune_to",
        "grow",
        "n_of_m",
        "erk",
    ),
    *("train", "imp", "evaluate", "snip", "grasp", "synflow", "tickets.Ticket", "prune_at_init"),
]


def code_of(docstring: str) -> str:
    """The examples of a docstring: what is indented after an empty line."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    return textwrap.dedent("\n\n".join(each for each in paragraphs if each.startswith("    ")))


def regressor(seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1))


def r2_score(outputs: Tensor, targets: Tensor) -> Tensor:
    return 1 - (outputs - targets).square().sum() / (targets - targets.mean()).square().sum()


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: lth.Dataset) -> dict[str, Any]:
    """What a reader has at hand: tensors, loaders, a folder of pictures, a network and its data."""
    monkeypatch.chdir(tmp_path)
    for i in range(20):
        for name in ("gull", "wren"):
            (tmp_path / "birds" / name).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 36), (12 * i, 90, len(name))).save(tmp_path / "birds" / name / f"{i}.jpg")
    g = torch.Generator().manual_seed(0)
    x, x2, x3 = (torch.randn(n, 6, generator=g) for n in (400, 80, 80))
    parts = [(rows, rows[:, :2].prod(1, keepdim=True)) for rows in (x, x2, x3)]
    loaders = [
        torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*part), batch_size=50) for part in parts
    ]
    given: dict[str, Any] = {"lth": lth, "torch": torch, "model_fn": regressor, "r2_score": r2_score}
    given |= dict(zip(("x", "y", "x2", "y2", "x3", "y3"), (t for part in parts for t in part), strict=True))
    given |= dict(zip(("train_loader", "validation_loader", "test_loader"), loaders, strict=True))
    given["data"] = lth.Dataset.of_tensors(*parts[0], name="products")
    given["model"] = lth.models.lenet_300_100(seed=0)
    given["scores"] = lth.magnitude(given["model"])
    return given


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_a_docstring_run(name: str, names: dict[str, Any]) -> None:
    """Catches: an argument that was renamed, and a line that never ran."""
    code = code_of(attrgetter(name)(lth).__doc__)
    assert code.count("\n") >= (0 if "from_" in name else 1)
    for written, small in SMALLER.items():
        code = code.replace(written, small)
    if name == "imp":
        names["data"] = lth.load_data("fashion-mnist").head(train=300, validation=60, test=60)
    if name == "pruning.scores":
        code = code.replace("score=saliency", "score=saliency, task=lth.Task(loss='mse')")
    exec(compile(code, name, "exec"), names)
    if name == "prune_to":
        assert names["mask"].kept == round(0.1 * names["mask"].total)
    if name == "pruning.scores":
        assert names["rounds"][1].density == pytest.approx(0.8, abs=0.01)


def arguments_of(there: Any) -> list[str]:
    skipped = ("self", "cls", "shared")
    return [name for name in inspect.signature(there).parameters if name not in skipped]


@pytest.mark.parametrize("name", TOLD)
def test_a_docstring_says_what_is_given_and_what_is_refused(name: str) -> None:
    """Catches: an argument that nobody explains, an error that only the source knows."""
    there = attrgetter(name)(lth)
    text = inspect.cleandoc(there.__doc__)
    assert "Raises:" in text or "Error" in text
    obvious = {"model", "data", "mask", "optimizers"}  # a network, a data set, a mask
    told = [argument for argument in arguments_of(there) if argument not in obvious and argument not in text]
    assert told == []


def test_code_is_found_in_a_docstring() -> None:
    text = """First line.

        def f():

            return 1

    Args:
        c: no code.
    """
    assert code_of(text) == "def f():\n\n    return 1"
