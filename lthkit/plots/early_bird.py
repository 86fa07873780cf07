"""How masks settle: the distance of every pair of epochs, and what the stopping rule sees."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from lthkit import evidence
from lthkit.plots.style import (
    INK,
    SERIES,
    SMALL,
    STYLE,
    WIDTH,
    bands_in_words,
    below,
    few,
    finish,
    headed,
    legend,
    measured,
    new_figure,
    wrapped,
)
from lthkit.storage.records import Row


def mask_distances(
    matrices: Mapping[str, Tensor],
    nulls: Mapping[str, float],
    *,
    threshold: float = 0.1,
    stamp: str = "",
) -> Figure:
    """The distance of the masks of every two epochs, one panel for each entry of `matrices` [n, n].

    Each panel's colours reach from 0 to the null, the distance of random masks, or to the largest distance if that is
    more; signs above the colour bar mark the null (triangle) and the threshold (diamond).
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.9 + 5.4 / max(2, len(matrices))), layout="constrained")
        axes = figure.subplots(1, len(matrices), squeeze=False)[0]
        for ax, (label, matrix) in zip(axes, matrices.items(), strict=True):
            n, null = len(matrix), nulls[label]
            top = max(null, float(matrix.max()), threshold) * 1.04
            picture = ax.imshow(
                matrix.numpy(),
                cmap="cividis",
                vmin=0,
                vmax=top,
                interpolation="nearest",
                extent=(0.5, n + 0.5, n + 0.5, 0.5),
            )
            ax.set_title(wrapped(label, 24), fontsize=11)
            ax.set_xlabel("epoch")
            ax.set_ylabel("epoch")
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_major_locator(MaxNLocator(6, integer=True))
            ax.grid(False)
            bar = figure.colorbar(picture, ax=ax, location="bottom", aspect=14)
            bar.set_label("mask distance", fontsize=SMALL)
            for value, sign in ((null, "v"), (threshold, "D")):  # above the bar, so that they show on white
                bar.ax.plot([value], [1.45], sign, color=INK, markersize=6, clip_on=False)
            bar.ax.set_ylim(0, 1)
        small = f"above the colours: triangle, distance of random masks; diamond, threshold {threshold:g}"
        below(figure, small, stamp)
    return figure


def describe_distances(matrices: Mapping[str, Tensor], nulls: Mapping[str, float]) -> str:
    """The text alternative of `mask_distances`: neighbours, first against last, and random masks."""
    parts = []
    for label, matrix in matrices.items():
        near = matrix.diagonal(-1)
        parts.append(
            f"{label}: neighbouring epochs differ by {float(near[0]):.3f} at the start and {float(near[-1]):.3f} at the end, "
            f"first and last epoch by {float(matrix[-1, 0]):.3f}, random masks by {nulls[label]:.3f}"
        )
    return (
        "Matrices of mask distances, epoch against epoch, dark near the diagonal. " + "; ".join(parts) + "."
    )


def window_curves(rows: Sequence[Row], *, threshold: float = 0.1, stamp: str = "") -> Figure:
    """What the stopping rule looks at after each epoch: the largest distance in the window, beside null and threshold.

    Columns of `rows`: arm (at most seven), seed, epoch, worst (NaN until the window is full), null. Left as it is; right
    as a fraction of the arm's null, so that 1 is what random masks have. Lines are means over seeds, bands reach from
    the least to the greatest.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 4.0), layout="constrained")
        plain, relative = figure.subplots(1, 2)
        for look, arm in zip(SERIES, dict.fromkeys(row["arm"] for row in rows), strict=False):
            own = [row for row in rows if row["arm"] == arm and not math.isnan(row["worst"])]
            epochs, null = sorted({row["epoch"] for row in own}), median(row["null"] for row in own)
            style = {"color": look.color, "linestyle": look.dash, "marker": look.marker, "markersize": 4}
            for ax, unit in ((plain, 1.0), (relative, null)):
                cells = [[row["worst"] / unit for row in own if row["epoch"] == e] for e in epochs]
                means = [evidence.interval(cell).mean for cell in cells]
                ax.plot(epochs, means, label=arm if ax is plain else "_", **style)
                low, high = [min(cell) for cell in cells], [max(cell) for cell in cells]
                ax.fill_between(epochs, low, high, color=look.color, alpha=0.15, linewidth=0)
            ends = [epochs[0], epochs[-1]]
            share = threshold / null
            relative.plot(ends, [share] * 2, color=look.color, linestyle=look.dash, linewidth=0.8)
        plain.axhline(threshold, color="#333333", linewidth=1.2, label=f"threshold {threshold:g}")
        relative.axhline(1, color="#333333", linewidth=1.2, linestyle=(0, (1, 1)), label="random masks")
        relative.plot([], [], " ", label="thin lines on the right: the threshold in that unit")
        plain.set_title("largest distance\nin the window", loc="left", fontsize=11)
        plain.set_ylabel("mask distance")
        relative.set_ylabel("in units of the null")
        relative.set_title("the same,\nrandom masks = 1", loc="left", fontsize=11)
        for ax in (plain, relative):
            ax.set_xlabel("epoch")
            ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
            ax.set_ylim(bottom=0)
        legend(figure, plain, relative)
        headed(figure, "", stamp)
    return figure


def describe_window(rows: Sequence[Row], *, threshold: float = 0.1) -> str:
    """The text alternative of `window_curves`: means over seeds at a few epochs, and the null of each arm."""
    parts = []
    for arm in dict.fromkeys(row["arm"] for row in rows):
        own = [row for row in rows if row["arm"] == arm and not math.isnan(row["worst"])]
        epochs, null = sorted({row["epoch"] for row in own}), median(row["null"] for row in own)
        points = [
            f"{evidence.interval([r['worst'] for r in own if r['epoch'] == e]).mean:.3f} at epoch {e}"
            for e in few(epochs, 4)
        ]
        parts.append(
            f"{arm}: {', '.join(points)}; random masks {null:.3f}, so the threshold is {threshold / null:.2f} of that"
        )
    return f"Line chart of the largest distance in the window, threshold {threshold:g}. {'; '.join(parts)}."


def arm_gaps(
    gaps: Mapping[str, Mapping[str, evidence.Interval]],
    *,
    stamp: str = "",
    unit: str = "difference of test accuracy (points)",
) -> Figure:
    """Paired differences in points with their 95 % interval: one line for each comparison, one marker for each group.

    Two seeds have an interval too wide to be drawn: small dots are then the seeds.

    `gaps` maps a group, such as a density, to comparisons, such as "early-bird - shuffled", and their intervals in `unit`.
    """
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
        names = list(dict.fromkeys(name for group in gaps.values() for name in group))
        for i, (look, (group, bands)) in enumerate(zip(SERIES, gaps.items(), strict=False)):
            at = [len(names) - 1 - names.index(n) + 0.18 * ((len(gaps) - 1) / 2 - i) for n in bands]
            measured(ax, at, list(bands.values()), look, across=True, label=group)
        words = bands_in_words(band for bands in gaps.values() for band in bands.values())
        ax.plot([], [], " ", label=words)
        ax.axvline(0, color="#333333", linewidth=1)
        ax.set_yticks(range(len(names)), [wrapped(name, 22) for name in names[::-1]])
        ax.set_ylim(-0.6, len(names) - 0.4)
        ax.set_xlabel(unit)
        ax.grid(axis="y", visible=False)
        finish(figure, ax, "Paired differences", stamp, lines=False)
    return figure


def describe_gaps(
    gaps: Mapping[str, Mapping[str, evidence.Interval]],
    *,
    unit: str = "Differences of test accuracy in points",
) -> str:
    """The text alternative of `arm_gaps`: every mean difference with its interval."""
    parts = [
        f"{group}, {name}: {b.said('+.2f')}" for group, bands in gaps.items() for name, b in bands.items()
    ]
    return f"{unit}, mean and 95 % interval. {'; '.join(parts)}."
