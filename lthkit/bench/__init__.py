"""How fast this package is here: beside the loop that most tutorials write, and beside the limits of the machine.

`lthkit bench` runs all of it. In a notebook: `interleaved` times functions in turns, `textbook_loop` is the tutorial's
loop, `run(["lenet"], quick=True)` measures one work, `WORKS` has the names.
"""

from __future__ import annotations

from lthkit.bench.breakeven import against, break_even, semi_structured
from lthkit.bench.report import WORKS, beside, describe, exit_status, has_ratios, run, stamp, summary, table
from lthkit.bench.rows import Row, Settings, agree
from lthkit.bench.textbook import (
    TextbookImages,
    resident_batches,
    textbook_accuracy,
    textbook_imp,
    textbook_loader,
    textbook_loop,
    textbook_optimizer,
    textbook_steps_per_second,
)
from lthkit.bench.timing import Spread, Timing, interleaved, times

__all__ = [
    "WORKS",
    "Row",
    "Settings",
    "Spread",
    "TextbookImages",
    "Timing",
    "against",
    "agree",
    "beside",
    "break_even",
    "describe",
    "exit_status",
    "has_ratios",
    "interleaved",
    "resident_batches",
    "run",
    "semi_structured",
    "stamp",
    "summary",
    "table",
    "textbook_accuracy",
    "textbook_imp",
    "textbook_loader",
    "textbook_loop",
    "textbook_optimizer",
    "textbook_steps_per_second",
    "times",
]
