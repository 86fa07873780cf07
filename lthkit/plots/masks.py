"""What masks look like: densities of layers, first layers as pictures, weights that come back; and the images themselves."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from statistics import median

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter

from lthkit.data.datasets import Dataset
from lthkit.plots.style import LOOKS, STYLE, WIDTH, Look, finish, new_figure
from lthkit.pruning.masks import Mask
from lthkit.storage.records import Row


def layer_density(masks: Mapping[str, Mask], *, stamp: str = "") -> Figure:
    """Density of each layer, one group of bars a layer and one bar a mask; `masks` maps a label to a mask."""
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
        looks = [
            LOOKS["ticket"].color,
            LOOKS["re-initialised"].color,
            LOOKS["shuffled"].color,
            "#CC79A7",
            "#E69F00",
        ]
        hatches = ["", "///", "...", "xx", "--"]
        width = 0.8 / len(masks)
        names: list[str] = []
        for i, (label, mask) in enumerate(masks.items()):
            densities = mask.per_layer()
            names = list(densities)
            at = [x + (i - (len(masks) - 1) / 2) * width for x in range(len(names))]
            bars = ax.bar(
                at,
                [100 * d for d in densities.values()],
                width * 0.92,
                label=label,
                color=looks[i % 5],
                hatch=hatches[i % 5],
                edgecolor="white",
                linewidth=0.5,
            )
            if len(masks) * len(names) <= 12:
                ax.bar_label(bars, fmt="%.1f", fontsize=8, padding=1)
        ax.set_xticks(
            range(len(names)),
            [n.removesuffix(".weight") for n in names],
            rotation=30 if len(names) > 6 else 0,
        )
        ax.set_ylabel("weights remaining (%)")
        ax.grid(axis="x", visible=False)
        ax.set_ylim(0, ax.get_ylim()[1] * 1.06)
        finish(figure, ax, "Density of each layer", stamp)
    return figure


def first_layer(
    masks: Mapping[str, Mask], *, name: str = "fc1.weight", shape: tuple[int, int] = (28, 28), stamp: str = ""
) -> Figure:
    """For each mask, the number of surviving connections of every input pixel, as a picture; one panel a mask.

    `name` is a linear layer whose inputs are the pixels, row by row. All panels share one scale.
    """
    top = max(int(mask[name].sum(0).max()) for mask in masks.values())
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(2.5 * len(masks) + 1.0, 3.1), layout="constrained")
        axes = figure.subplots(1, len(masks), squeeze=False)[0]
        for ax, (label, mask) in zip(axes, masks.items(), strict=True):
            picture = draw_first_layer(ax, mask, label=label, name=name, shape=shape, top=top)
        figure.colorbar(picture, ax=list(axes), label="connections per pixel", shrink=0.8)
        if stamp:
            lines = textwrap.fill(stamp, round(16 * figure.get_figwidth()))
            figure.supxlabel(lines, fontsize=7, color="#555555")
    return figure


def draw_first_layer(
    ax: Axes,
    mask: Mask,
    *,
    label: str = "",
    name: str = "fc1.weight",
    shape: tuple[int, int] = (28, 28),
    top: int | None = None,
) -> AxesImage:
    """One panel of `first_layer`, on axes that are there; `top` is the count at the upper end of the colours."""
    count = mask[name].sum(0).reshape(shape).cpu().numpy()
    top = int(count.max()) if top is None else top
    picture = ax.imshow(count, cmap="cividis", vmin=0, vmax=top, interpolation="nearest")
    ax.set_title(label, fontsize=10)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
    return picture


def samples(data: Dataset, *, each: int = 6) -> Figure:
    """The first `each` training images of every class, one column a class."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.75 * each + 0.5), layout="constrained")
        axes = figure.subplots(each, len(data.classes), squeeze=False)
        for column, name in enumerate(data.classes):
            images = data.train.images[data.train.labels == column][:each].cpu()
            for row in range(each):
                ax = axes[row, column]
                ax.axis("off")
                if row < len(images):
                    picture = images[row].permute(1, 2, 0)
                    ax.imshow(
                        picture.squeeze(2) if picture.shape[2] == 1 else picture,
                        cmap="gray_r",
                        interpolation="nearest",
                    )
            axes[0, column].set_title(name.replace("/", "/\n").replace(" ", "\n"), fontsize=8)
    return figure


def mask_leak(rows: Sequence[Row], *, stamp: str = "") -> Figure:
    """How large the removed weights are while a training goes on; a kept mask is a line at 0.

    Columns of `rows`: arm (at most four), seed, step, share (of the removed weights that are not 0; the legend has it, at
    the last step) and size (their norm over the norm of all weights), both 0 to 1. A line is the median over seeds, the
    band reaches from the least to the greatest. The axis is logarithmic above 0.1 % and linear below.
    """
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
        looks = (*list(LOOKS.values())[:3], Look("#CC79A7", "D", "-."))
        for look, arm in zip(looks, dict.fromkeys(row["arm"] for row in rows), strict=False):
            own = [row for row in rows if row["arm"] == arm]
            steps = sorted({row["step"] for row in own})
            cells = [[100 * row["size"] for row in own if row["step"] == step] for step in steps]
            share = 100 * median(row["share"] for row in own if row["step"] == steps[-1])
            ax.plot(
                steps,
                [median(cell) for cell in cells],
                color=look.color,
                linestyle=look.dash,
                marker=look.marker,
                markersize=5,
                markevery=max(1, len(steps) // 6),
                label=f"{arm} ({share:.3g} % not 0)",
            )
            low, high = [min(cell) for cell in cells], [max(cell) for cell in cells]
            ax.fill_between(steps, low, high, color=look.color, alpha=0.13, linewidth=0)
        ax.set_yscale("symlog", linthresh=0.1)
        ax.set_ylim(bottom=-0.02)
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        ax.set_ylabel("norm of removed weights (% of that of all)")
        ax.set_xlabel("step after pruning")
        finish(figure, ax, "Removed weights that come back", stamp, columns=2)
    return figure


def describe_leak(rows: Sequence[Row]) -> str:
    """The text alternative of `mask_leak`: share and size at the last step, medians over seeds."""
    parts = []
    for arm in dict.fromkeys(row["arm"] for row in rows):
        own = [row for row in rows if row["arm"] == arm]
        end = [row for row in own if row["step"] == max(r["step"] for r in own)]
        share, size = (100 * median(row[column] for row in end) for column in ("share", "size"))
        parts.append(
            f"{arm}: {share:.3g} % of the removed weights are not 0, their norm is {size:.2g} % of all"
        )
    return "Line chart against the step after pruning; at the last step, medians: " + "; ".join(parts) + "."
