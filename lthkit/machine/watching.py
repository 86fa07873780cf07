"""A look at each operation of torch, without the import of its compiler."""

from __future__ import annotations

from torch.utils._python_dispatch import TorchDispatchMode


class Watching(TorchDispatchMode):
    """A mode whose `__torch_dispatch__` sees each operation; it is called in Python alone.

    torch keeps its compiler away from the code of a mode, and imports the compiler for that at the first operation: a
    thousand modules, a second of computing. What is compiled (`torch.compile`) runs uncompiled in any mode, so there is
    nothing to be kept away.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:  # where torch does not ask, it imports the compiler as before
        return False
