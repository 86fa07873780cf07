"""Looking at operations costs no import of torch's compiler."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from lthkit.machine.watching import Watching


@pytest.mark.skipif(not hasattr(TorchDispatchMode, "_should_skip_dynamo"), reason="this torch does not ask")
def test_a_look_imports_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches: a second and more at the first count of operations, the first audit, the first collapse."""
    seen = []

    class Names(Watching):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            seen.append(func._schema.name)
            return func(*args, **(kwargs or {}))

    monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # whoever imports it now fails
    layer, x = nn.Linear(2, 1), torch.ones(1, 2)
    with Names():
        layer(x)
    assert seen and all(name.startswith("aten::") for name in seen)
