"""Every figure of the project, drawn from tables and masks only. This file is the table of contents."""

from __future__ import annotations

from lthkit.plots.curves import (
    describe,
    describe_gap,
    describe_pruned,
    early_stop,
    paired_gap,
    pruned_accuracy,
    trade_off,
)
from lthkit.plots.masks import describe_leak, draw_first_layer, first_layer, layer_density, mask_leak, samples
from lthkit.plots.predictions import Prediction, describe_predicted, predicted
from lthkit.plots.speed import describe_steps, speed, speed_steps
from lthkit.plots.style import DPI, HEIGHT, LOOKS, STYLE, WIDTH, Look, density_axis, save, show

__all__ = [
    "DPI",
    "HEIGHT",
    "LOOKS",
    "Look",
    "Prediction",
    "STYLE",
    "WIDTH",
    "density_axis",
    "describe",
    "describe_gap",
    "describe_leak",
    "describe_predicted",
    "describe_pruned",
    "describe_steps",
    "draw_first_layer",
    "early_stop",
    "first_layer",
    "layer_density",
    "mask_leak",
    "paired_gap",
    "predicted",
    "pruned_accuracy",
    "samples",
    "save",
    "show",
    "speed",
    "speed_steps",
    "trade_off",
]
