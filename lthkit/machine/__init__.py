"""What this computer is and how it is spoken to: devices, tiers, seeds, and refusals in the same words everywhere.

This file is the table of contents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lthkit.machine.contents import on_first_use

if TYPE_CHECKING:
    from lthkit.machine.checks import (
        check_network,
        check_whole,
        first_line,
        shape_explained,
        whole_seed,
    )
    from lthkit.machine.devices import (
        DEVICES,
        PRECISIONS,
        OutOfMemory,
        autocast,
        device_explained,
        matrix_products,
        memory_explained,
        resolve_device,
        resolve_precision,
        tiny_numbers_flushed,
    )
    from lthkit.machine.faces import (
        filled,
        harmless,
        in_notebook,
        show,
        spelled,
        terminal_width,
    )
    from lthkit.machine.load import (
        others_use,
    )
    from lthkit.machine.seeds import (
        derived_seed,
    )
    from lthkit.machine.tables import (
        Table,
    )
    from lthkit.machine.tiers import (
        TIERS,
        by_tier,
        tier,
    )
    from lthkit.machine.work import (
        Interrupted,
        Stopped,
        Work,
        waiting,
    )
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = [
    "DEVICES",
    "Interrupted",
    "OutOfMemory",
    "Table",
    "PRECISIONS",
    "Stopped",
    "TIERS",
    "Work",
    "autocast",
    "by_tier",
    "check_network",
    "check_whole",
    "derived_seed",
    "device_explained",
    "filled",
    "first_line",
    "harmless",
    "in_notebook",
    "matrix_products",
    "memory_explained",
    "others_use",
    "resolve_device",
    "resolve_precision",
    "shape_explained",
    "show",
    "spelled",
    "terminal_width",
    "tier",
    "tiny_numbers_flushed",
    "waiting",
    "whole_seed",
]
