"""Every figure of the project, drawn from tables and masks only. This file is the table of contents."""

from __future__ import annotations

from lthkit.plots.benchmark import describe_steps, speed, speed_steps
from lthkit.plots.breakeven import break_even, describe_break_even, describe_file_sizes, file_sizes
from lthkit.plots.budget import budget_curve, describe_budget, describe_differences, paired_differences
from lthkit.plots.collapse import collapse_curve, describe_collapse, describe_sanity, sanity_checks
from lthkit.plots.criteria import by_criterion, class_masks, describe_by_criterion
from lthkit.plots.curves import (
    describe,
    describe_gap,
    describe_pruned,
    early_stop,
    paired_gap,
    pruned_accuracy,
    trade_off,
)
from lthkit.plots.diagrams import describe_diagram, diagram, draw_diagram
from lthkit.plots.early_bird import (
    arm_gaps,
    describe_distances,
    describe_gaps,
    describe_window,
    mask_distances,
    window_curves,
)
from lthkit.plots.masks import (
    describe_first_layer,
    describe_leak,
    draw_first_layer,
    first_layer,
    from_chance,
    layer_density,
    mask_leak,
    samples,
)
from lthkit.plots.museum import (
    before_and_after,
    describe_before_and_after,
    describe_readings,
    describe_restarted,
    readings,
    restarted,
)
from lthkit.plots.predictions import Prediction, describe_predicted, predicted
from lthkit.plots.rewinding import (
    between_networks,
    describe_between,
    describe_instability,
    describe_retrained,
    describe_rewound,
    instability,
    retrained,
    rewound,
)
from lthkit.plots.style import DPI, HEIGHT, LOOKS, SERIES, STYLE, WIDTH, Look, density_axis, save, show

__all__ = [
    "DPI",
    "HEIGHT",
    "LOOKS",
    "Look",
    "Prediction",
    "SERIES",
    "STYLE",
    "WIDTH",
    "arm_gaps",
    "before_and_after",
    "by_criterion",
    "class_masks",
    "budget_curve",
    "collapse_curve",
    "between_networks",
    "break_even",
    "density_axis",
    "describe",
    "describe_before_and_after",
    "describe_between",
    "describe_by_criterion",
    "describe_budget",
    "describe_differences",
    "describe_collapse",
    "describe_break_even",
    "describe_diagram",
    "describe_distances",
    "describe_file_sizes",
    "describe_first_layer",
    "describe_gap",
    "describe_gaps",
    "describe_instability",
    "describe_leak",
    "describe_predicted",
    "describe_pruned",
    "describe_readings",
    "describe_restarted",
    "describe_retrained",
    "describe_rewound",
    "describe_sanity",
    "describe_steps",
    "describe_window",
    "diagram",
    "draw_diagram",
    "draw_first_layer",
    "early_stop",
    "file_sizes",
    "first_layer",
    "from_chance",
    "instability",
    "layer_density",
    "mask_distances",
    "mask_leak",
    "paired_differences",
    "paired_gap",
    "predicted",
    "pruned_accuracy",
    "readings",
    "restarted",
    "retrained",
    "rewound",
    "samples",
    "sanity_checks",
    "save",
    "show",
    "speed",
    "speed_steps",
    "trade_off",
    "window_curves",
]
