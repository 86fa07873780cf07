"""Every figure of the project, drawn from tables and masks only. This file is the table of contents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lthkit.machine.contents import on_first_use

if TYPE_CHECKING:
    from lthkit.plots.benchmark import describe_steps, speed, speed_steps
    from lthkit.plots.beyond import describe_subset_errors, subset_errors
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
    from lthkit.plots.dashes import LOOKS, SERIES, Look
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
        describe_rescue,
        describe_retrained,
        describe_rewound,
        instability,
        rescue,
        retrained,
        rewound,
    )
    from lthkit.plots.seeds import (
        chances,
        describe_chances,
        describe_looks,
        describe_stopping,
        draw_seeds,
        looks,
        stopping,
    )
    from lthkit.plots.style import DPI, HEIGHT, STYLE, WIDTH, density_axis, save, show
    from lthkit.plots.sweep_pairs import describe_sweep_matrix, sweep_differences, sweep_matrix
    from lthkit.plots.sweep_panels import sweep_parts
    from lthkit.plots.sweep_prices import describe_sweep_costs, sweep_costs
    from lthkit.plots.sweep_texts import sweep_tables
    from lthkit.plots.sweeps import describe_sweep, sweep
else:
    __getattr__, __dir__ = on_first_use(__name__)

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
    "chances",
    "collapse_curve",
    "between_networks",
    "break_even",
    "density_axis",
    "subset_errors",
    "describe",
    "describe_before_and_after",
    "describe_between",
    "describe_by_criterion",
    "describe_chances",
    "describe_budget",
    "describe_differences",
    "describe_collapse",
    "describe_break_even",
    "describe_diagram",
    "describe_distances",
    "describe_file_sizes",
    "describe_first_layer",
    "describe_subset_errors",
    "describe_gap",
    "describe_gaps",
    "describe_instability",
    "describe_leak",
    "describe_looks",
    "describe_predicted",
    "describe_pruned",
    "describe_readings",
    "describe_restarted",
    "describe_rescue",
    "describe_retrained",
    "describe_rewound",
    "describe_sanity",
    "describe_steps",
    "describe_stopping",
    "describe_sweep",
    "describe_sweep_costs",
    "describe_sweep_matrix",
    "describe_window",
    "diagram",
    "draw_diagram",
    "draw_first_layer",
    "draw_seeds",
    "early_stop",
    "file_sizes",
    "first_layer",
    "from_chance",
    "instability",
    "layer_density",
    "looks",
    "mask_distances",
    "mask_leak",
    "paired_differences",
    "paired_gap",
    "predicted",
    "pruned_accuracy",
    "readings",
    "restarted",
    "rescue",
    "retrained",
    "rewound",
    "samples",
    "sanity_checks",
    "save",
    "show",
    "speed",
    "speed_steps",
    "stopping",
    "sweep",
    "sweep_costs",
    "sweep_differences",
    "sweep_matrix",
    "sweep_parts",
    "sweep_tables",
    "trade_off",
    "window_curves",
]
