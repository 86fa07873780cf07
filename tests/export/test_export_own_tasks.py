"""Tickets that were found on other tasks leave by the same doors: packed, CSR, compact and ONNX."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import lthkit as lth
from lthkit import export
from tests.own_tasks import ADAMW, CHARACTERS, NUMBERS, characters, numbers, regressor, transformer

FOUND: dict[str, Any] = {
    "characters": (transformer, characters, CHARACTERS),
    "numbers": (regressor, numbers, NUMBERS),
}


@pytest.mark.parametrize("what", FOUND)
def test_a_ticket_of_another_task_is_exported(what: str, tmp_path: Path) -> None:
    """Catches a form that knows images and classes alone: inputs that become floats, outputs of one axis too few."""
    make, data, task = FOUND[what]
    data = data()
    recipe = replace(ADAMW, weight_decay=0.0)
    *_, last = lth.imp(make, data, rounds=2, rewind_step=3, recipe=recipe, task=task)
    model = make(seed=0).eval()
    last.trained.restore(model)
    rows = data.inputs(data.test)
    with torch.no_grad():
        expected = model(rows)
    assert torch.count_nonzero(expected) and expected.shape[0] == len(data.test)

    export.save_packed(tmp_path / "t", model, last.mask)
    other = make(seed=5).eval()
    assert export.load_packed(tmp_path / "t", other) == last.mask
    with torch.no_grad():
        torch.testing.assert_close(other(rows), expected, rtol=0, atol=0)
        torch.testing.assert_close(export.to_csr(copy.deepcopy(model), last.mask)(rows), expected)
        if what == "numbers":
            torch.testing.assert_close(export.compact(copy.deepcopy(model), last.mask)(rows), expected)
    assert lth.evaluate(other, data, split="test", task=task) == lth.evaluate(
        model, data, split="test", task=task
    )
    if not export.missing_for_onnx():
        run = export.run_onnx(export.to_onnx(model, tmp_path / "t.onnx", shape=data.shape))
        torch.testing.assert_close(run(rows), expected, rtol=1e-4, atol=1e-4)
