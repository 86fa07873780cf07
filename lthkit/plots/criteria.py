"""Criteria side by side: what each one's networks reach, and what the masks look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.figure import Figure
from torch import Tensor

from lthkit import evidence
from lthkit.plots.letters import lettered
from lthkit.plots.masks import draw_first_layer
from lthkit.plots.style import (
    LEGEND,
    LOOKS,
    PAPER,
    SERIES,
    SMALL,
    STYLE,
    WIDTH,
    bands_in_words,
    below,
    headed,
    measured,
    wrapped,
)
from lthkit.pruning.masks import Mask
from lthkit.storage.records import Row


def by_criterion(
    rows: Sequence[Row],
    *,
    title: str = "Criteria side by side",
    stamp: str = "",
    column: str | None = None,
) -> Figure:
    """Accuracy of each arm, one panel a density: small markers are seeds, the larger one and its bar mean and 95 % interval.

    Columns of `rows`: arm, seed, round, density, still_improving and `column` (0 to 1); None is what the rows are judged by,
    test_accuracy or test_metric (see `evidence.judged`). Arm "dense" at round 0 is a
    line in all panels. An open marker says that some seed's best step lay in the last tenth of its budget. Each panel has
    an axis of its own, wide enough for its seeds and its intervals. No bar is drawn from three seeds or fewer, nor beyond
    0 to 100 % (`Interval.shown`); the legend says so.

    Raises:
        ValueError: no arm but "dense".
    """
    arms, by = _arms(rows), evidence.judged(rows, column)
    at = sorted({row["round"] for row in rows if row["arm"] != "dense"})
    if not arms or not at:
        raise ValueError("rows has no arm but 'dense'; expected at least one criterion at a round above 0.")
    dense = [by.scale * v for v in evidence.by_seed(rows, "dense", 0, by.column).values()]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.9 + 0.36 * len(arms)), layout="constrained")
        panels = figure.subplots(1, len(at), sharey=True, squeeze=False)[0]
        bands: list[evidence.Interval] = []
        for ax, level in zip(panels, at, strict=True):
            if dense:
                look = LOOKS["dense"]
                ax.axvline(
                    evidence.interval(dense).mean, color=look.color, linestyle=look.dash, linewidth=1.2
                )
            values = dense + [by.scale * row[by.column] for row in rows if row["round"] == level]
            for place, arm in enumerate(reversed(arms)):
                cell = [by.scale * v for v in evidence.by_seed(rows, arm, level, by.column).values()]
                if not cell:
                    continue
                look = SERIES[arms.index(arm) % len(SERIES)]
                band = evidence.interval(cell, within=by.within)
                bands.append(band)
                ax.plot(cell, [place - 0.26] * len(cell), "|", color=look.color, markersize=7)
                if band.shown:
                    values += [band.low, band.high]
                measured(
                    ax,
                    [place],
                    [band],
                    look,
                    across=True,
                    seeds=False,
                    markersize=9
                    if look.marker in "PX"
                    else 6,  # else their inside is too thin to be seen open
                    markerfacecolor=PAPER if evidence.unfinished(rows, arm, level) else look.color,
                )
            ax.set_title(f"{100 * evidence.density_of(rows, level):.1f} % left", fontsize=11)
            ax.set_ylim(-0.6, len(arms) - 0.4)
            margin = 0.06 * (max(values) - min(values) or 1.0)
            ax.set_xlim(min(values) - margin, max(values) + margin)
            plain = by.column not in ("test_accuracy", "test_metric", "validation_metric")
            ax.set_xlabel(by.column.replace("_", " ") if plain else by.heading)
        panels[0].set_yticks(range(len(arms)), [wrapped(arm, 18) for arm in reversed(arms)])
        lines = ["dense (mean)"] if dense else []
        handles = [
            panels[0].plot([], [], color=LOOKS["dense"].color, linestyle=LOOKS["dense"].dash)[0]
            for _ in lines
        ]
        handles.append(panels[0].plot([], [], "|", color="#333333", markersize=7)[0])
        lines.append("single seeds")
        if any(row["still_improving"] for row in rows if row["arm"] != "dense"):
            handles.append(panels[0].plot([], [], "o", color="#333333", markerfacecolor="white")[0])
            lines.append("open: some seed's best step is near the end")
        handles.append(panels[0].plot([], [], " ")[0])
        lines.append(bands_in_words(bands, seeds="strokes: single seeds"))
        labels = [wrapped(line, 52) for line in lines]
        figure.legend(handles, labels, loc="outside lower left", fontsize=LEGEND, handlelength=3.2)
        rows_below = sum(label.count("\n") + 1 for label in labels)
        figure.set_figheight(figure.get_figheight() + 0.2 * rows_below)
        headed(figure, title, stamp)
    return figure


def describe_by_criterion(rows: Sequence[Row], *, column: str | None = None) -> str:
    """The text alternative of `by_criterion`: mean and 95 % interval of each arm at each density, an accuracy in percent."""
    parts, by = [], evidence.judged(rows, column)
    told = by.name if column is None else column.replace("_", " ")
    unit = "" if not by.quantity.unit else " in percent" if by.scale == 100 else f" ({by.quantity.unit})"
    for level in sorted({row["round"] for row in rows}):
        here = []
        for arm in ["dense"] if level == 0 else _arms(rows):
            cell = [by.scale * v for v in evidence.by_seed(rows, arm, level, by.column).values()]
            if cell:
                here.append(f"{arm} {evidence.interval(cell, within=by.within).said(by.form)}")
        parts.append(f"{100 * evidence.density_of(rows, level):.3g} % of the weights: " + ", ".join(here))
    seeds = len({row["seed"] for row in rows})
    return (
        f"Dot plot of {told}{unit} by criterion, mean and 95 % interval or single seeds, of {seeds} seeds. "
        + "; ".join(parts)
        + "."
    )


def class_masks(
    images: Mapping[str, Tensor],
    masks: Mapping[str, Mapping[str, Mask]],
    *,
    name: str = "fc1.weight",
    stamp: str = "",
) -> Figure:
    """One column a class: its image above, and below, a row for each entry of `masks`, its surviving connections.

    Args:
        images: class -> a picture [height, width], such as the mean of its images.
        masks: label of the row -> class -> mask; the same classes as `images`.
        name: a linear layer whose inputs are the pixels, row by row. The panels of one row share one scale.

    Raises:
        ValueError: a row has other classes than `images`.
    """
    for label, row in masks.items():
        if list(row) != list(images):
            raise ValueError(f"masks[{label!r}] has the classes {list(row)}; expected {list(images)}.")
    with matplotlib.rc_context(STYLE):
        figure = Figure(
            figsize=(WIDTH, 0.5 + WIDTH / (len(images) + 0.7) * (1 + len(masks))), layout="constrained"
        )
        axes = figure.subplots(1 + len(masks), len(images), squeeze=False)
        for ax, (title, image) in zip(axes[0], images.items(), strict=True):
            ax.imshow(image.cpu().numpy(), cmap="gray_r", interpolation="nearest")
            lettered(ax.set_title(title.replace("/", "/\n").replace(" ", "\n"), fontsize=SMALL))
            ax.set_xticks([])
            ax.set_yticks([])
        axes[0][0].set_ylabel("mean image\n(dark: large)", fontsize=SMALL)
        for line, (label, row) in zip(axes[1:], masks.items(), strict=True):
            top = max(int(mask[name].sum(0).max()) for mask in row.values())
            for ax, (title, mask) in zip(line, row.items(), strict=True):
                height, width = images[title].shape[-2:]
                picture = draw_first_layer(ax, mask, name=name, shape=(height, width), top=top)
            line[0].set_ylabel(label, fontsize=SMALL)
            figure.colorbar(picture, ax=list(line), shrink=0.8).set_label("connections", fontsize=SMALL)
        below(figure, stamp)
    return figure


def _arms(rows: Sequence[Row]) -> list[str]:
    return [arm for arm in dict.fromkeys(row["arm"] for row in rows) if arm != "dense"]
