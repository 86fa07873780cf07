"""What masks look like: densities of layers, first layers as pictures, weights that come back; and the images themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median

import matplotlib
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter
from torch import Tensor

from lthkit.data.datasets import Dataset
from lthkit.plots.letters import lettered
from lthkit.plots.style import PAPER, SERIES, SMALL, STYLE, WIDTH, below, finish, new_figure
from lthkit.pruning.masks import Mask
from lthkit.storage.records import Row


def layer_density(masks: Mapping[str, Mask], *, stamp: str = "") -> Figure:
    """Density of each layer, one group of bars a layer and one bar a mask; `masks` maps a label to a mask."""
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
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
                color=SERIES[i % 5].color,
                hatch=hatches[i % 5],
                edgecolor=PAPER,
                linewidth=0.5,
            )
            if len(masks) * len(names) <= 12:
                ax.bar_label(
                    bars, fmt="%.1f", fontsize=SMALL, padding=1, rotation=90 if len(masks) > 2 else 0
                )
        ax.set_xticks(
            range(len(names)),
            [n.removesuffix(".weight") for n in names],
            rotation=30 if len(names) > 6 else 0,
        )
        ax.set_ylabel("weights remaining (%)")
        ax.grid(axis="x", visible=False)
        ax.set_ylim(0, ax.get_ylim()[1] * 1.1)
        finish(figure, ax, "Density of each layer", stamp, lines=False)
    return figure


def first_layer(
    masks: Mapping[str, Sequence[Mask]],
    *,
    name: str = "fc1.weight",
    shape: tuple[int, int] = (28, 28),
    stamp: str = "",
) -> Figure:
    """Which pixels keep more connections than chance, and which fewer, over seeds; one panel for each entry of `masks`.

    A pixel's colour is what its surviving connections are above (red) or below (blue) chance, in standard deviations of
    chance: the same number of connections thrown at random into the layer, once for each seed. White is chance; one
    pixel in twenty lies beyond 2 of it by luck alone. `describe_first_layer` counts them.

    Args:
        masks: label -> one mask a seed, such as {"ticket": [...], "shuffled": [...]}. All panels share one scale.
        name: a linear layer whose inputs are the pixels, row by row.
        shape: height and width of a picture.

    Raises:
        ValueError: no masks for a label, or a layer that does not have a column for each pixel, or is full or empty.
    """
    found = {label: from_chance(group, name=name, shape=shape) for label, group in masks.items()}
    top = max(3.0, *(float(z.abs().max()) for z in found.values()))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(max(WIDTH, 2.2 * len(found) + 1.0), 2.9), layout="constrained")
        axes = figure.subplots(1, len(found), squeeze=False)[0]
        for ax, (label, z) in zip(axes, found.items(), strict=True):
            picture = ax.imshow(z.numpy(), cmap="RdBu_r", vmin=-top, vmax=top, interpolation="nearest")
            ax.set_title(f"{label}, n = {len(masks[label])}", fontsize=11)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.grid(False)
        bar = figure.colorbar(picture, ax=list(axes), shrink=0.85)
        bar.set_label("deviation from chance\n(its standard deviations)", fontsize=SMALL)
        below(figure, stamp)
    return figure


def describe_first_layer(
    masks: Mapping[str, Sequence[Mask]],
    *,
    name: str = "fc1.weight",
    shape: tuple[int, int] = (28, 28),
    edge: int = 6,
) -> str:
    """The text alternative of `first_layer`: how many pixels lie beyond chance, and what the corners have.

    A corner has `edge` by `edge` pixels."""
    parts = []
    for label, group in masks.items():
        z = from_chance(group, name=name, shape=shape)
        corners = torch.ones(shape, dtype=torch.bool)
        corners[edge:-edge] = False
        corners[:, edge:-edge] = False
        parts.append(
            f"{label}: {100 * float((z > 2).float().mean()):.0f} % of the pixels are above 2 standard deviations of chance "
            f"and {100 * float((z < -2).float().mean()):.0f} % below -2, on average {float(z[corners].mean()):+.1f} in the "
            f"corners and {float(z[~corners].mean()):+.1f} elsewhere ({_seeds(len(group))})"
        )
    return (
        "Pictures of the deviation from chance of each pixel's surviving connections, red above and blue below; by chance "
        "about 2 % lie on each side. " + "; ".join(parts) + "."
    )


def from_chance(
    masks: Sequence[Mask], *, name: str = "fc1.weight", shape: tuple[int, int] = (28, 28)
) -> Tensor:
    """Surviving connections of each pixel over all `masks`, one a seed, as standard deviations away from chance [h, w].

    Chance is hypergeometric: a layer's survivors fall on its places at random, in each mask anew. `first_layer` has the
    arguments and what is refused.
    """
    if isinstance(masks, Mask) or not masks:
        raise ValueError(f"{masks!r} was given; expected a list with one mask for each seed, at least one.")
    count, middle, variance = torch.zeros(shape[0] * shape[1], dtype=torch.float64), 0.0, 0.0
    for mask in masks:
        kept = mask[name].cpu()
        if kept.dim() != 2 or kept.shape[1] != shape[0] * shape[1]:
            raise ValueError(
                f"{name} has the shape {tuple(kept.shape)}; expected a column for each of {shape[0]} x {shape[1]} pixels."
            )
        units, places, survivors = kept.shape[0], kept.numel(), int(kept.sum())
        if not 0 < survivors < places:
            raise ValueError(
                f"{name} keeps {survivors:,} of {places:,} connections; expected some, and not all: else nothing is by chance."
            )
        share = survivors / places
        count += kept.sum(0)
        middle += units * share
        variance += units * share * (1 - share) * (places - units) / (places - 1)
    return ((count - middle) / math.sqrt(variance)).reshape(shape)


def _seeds(n: int) -> str:
    return f"{n} seed" if n == 1 else f"{n} seeds"


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
    """The first `each` training images of every class, one column a class.

    Raises:
        ValueError: data without images, or without one class for each; images that are neither grey nor colour.
    """
    if data.kind != "images" or not data.train.labelled or data.shape[0] not in (1, 3, 4):
        raise ValueError(
            f"{data.name} has {data.noun} {list(data.shape)} with targets {data.train.targets.dtype} "
            f"{list(data.train.targets.shape[1:])}; expected images of 1, 3 or 4 channels, each of one class. Draw others with "
            "matplotlib."
        )
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.56 * each + 0.5), layout="constrained")
        axes = figure.subplots(each, len(data.classes), squeeze=False)
        for column, name in enumerate(data.classes):
            images = data.train.images[data.train.labels == column][:each].cpu()
            for row in range(each):
                ax = axes[row, column]
                ax.axis("off")
                if row < len(images):
                    picture = images[row].permute(1, 2, 0)
                    ax.imshow(
                        (picture.squeeze(2) if picture.shape[2] == 1 else picture).numpy(),
                        cmap="gray_r",
                        interpolation="nearest",
                    )
            title = name.replace("/", "/\n").replace(" ", "\n")
            lettered(axes[0, column].set_title(title, fontsize=SMALL, rotation=90))
    return figure


def mask_leak(rows: Sequence[Row], *, stamp: str = "") -> Figure:
    """How large the removed weights are while a training goes on; a kept mask is a line at 0.

    Columns of `rows`: arm (at most seven), seed, step, share (of the removed weights that are not 0; the legend has it, at
    the last step) and size (their norm over the norm of all weights), both 0 to 1. A line is the median over seeds, the
    band reaches from the least to the greatest. The axis is logarithmic above 0.1 % and linear below.
    """
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
        for look, arm in zip(SERIES, dict.fromkeys(row["arm"] for row in rows), strict=False):
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
        ax.set_ylabel("norm of removed weights\n(% of that of all)")
        ax.set_xlabel("step after pruning")
        finish(figure, ax, "Removed weights that come back", stamp)
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
