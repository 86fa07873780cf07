"""Every figure of the project, drawn from tables and masks only, in one style that survives print and colour blindness.

Lines differ by marker and dash as well as colour (the palette is Okabe and Ito's). A figure leaves this module only
with a text alternative: `save` and `show` ask for it.
"""

from __future__ import annotations

import base64
import html
import io
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from lthkit import analysis, files
from lthkit.data import Dataset
from lthkit.masks import Mask
from lthkit.records import Row

STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.hashsalt": "lthkit",
    "svg.fonttype": "none",
}
WIDTH, HEIGHT, DPI = 7.2, 4.4, 150


class _Look(NamedTuple):
    color: str
    marker: str
    dash: str


LOOKS = {
    "ticket": _Look("#0072B2", "o", "-"),
    "re-initialised": _Look("#D55E00", "^", "--"),
    "shuffled": _Look("#009E73", "s", ":"),
    "dense": _Look("#555555", "", "-."),
}


def trade_off(
    rows: Sequence[Row], *, stamp: str = "", column: str = "test_accuracy", ylabel: str = "test accuracy (%)"
) -> Figure:
    """Accuracy against the weights that remain: a thin line a seed, the median, and the 95 % interval of the mean.

    Columns of `rows`: arm, seed, round, density, still_improving and `column` (0 to 1). An open marker says that some
    seed's best step lay in the last tenth of its budget. `stamp` is the small print: data, seeds, tier, device.
    """
    return _arms(rows, column, 100.0, ylabel, "Accuracy of tickets and their controls", stamp)


def early_stop(rows: Sequence[Row], *, stamp: str = "") -> Figure:
    """Step of least validation loss against the weights that remain; drawn as `trade_off`."""
    return _arms(rows, "best_step", 1.0, "early-stop step", "When the validation loss is least", stamp)


def layer_density(masks: Mapping[str, Mask], *, stamp: str = "") -> Figure:
    """Density of each layer, one group of bars a layer and one bar a mask; `masks` maps a label to a mask."""
    with matplotlib.rc_context(STYLE):
        figure, ax = _new()
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
        _finish(figure, ax, "Density of each layer", stamp)
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


def speed(rows: Sequence[Row], *, stamp: str = "") -> Figure:
    """How many times as fast as the textbook loop: a line a case, a marker a variant, whiskers from quartile to quartile.

    `rows` are those of a document of `lthkit bench`; rows without a ratio to "textbook" are left out.

    Raises:
        ValueError: no row has such a ratio, as where torchvision is missing.
    """
    shown = [row for row in rows if row["ratio"] and row["ratio_to"] == "textbook"]
    if not shown:
        raise ValueError(
            "No row has a ratio to the textbook loop; expected at least one, so there is nothing to draw."
        )
    cases = list(dict.fromkeys(row["case"] for row in shown))
    names = list(dict.fromkeys(row["name"] for row in shown))
    markers, colours = (
        "osD^vP*X<>",
        ["#555555", "#56B4E9", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"],
    )
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.9 + 0.52 * len(cases)), layout="constrained")
        ax = figure.subplots()
        for i, name in enumerate(names):
            points = [(cases.index(row["case"]), row) for row in shown if row["name"] == name]
            middle = [row["ratio"]["median"] for _, row in points]
            spread = [
                [m - row["ratio"]["low"] for m, (_, row) in zip(middle, points, strict=True)],
                [row["ratio"]["high"] - m for m, (_, row) in zip(middle, points, strict=True)],
            ]
            heights = [case + _shift(row, shown) for case, row in points]
            ax.errorbar(
                middle,
                heights,
                xerr=spread,
                fmt=markers[i % len(markers)],
                markersize=5,
                color=colours[i % len(colours)],
                elinewidth=1.1,
                label=name,
            )
        ax.axvline(
            1, color=LOOKS["dense"].color, linestyle=LOOKS["dense"].dash, linewidth=1.2, label="textbook"
        )
        low = min(0.8, *(0.9 * row["ratio"]["low"] for row in shown))
        high = max(2.0, *(1.1 * row["ratio"]["high"] for row in shown))
        ax.set_xscale("log")
        ax.set_xlim(low, high)
        ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if low <= t <= high]
        ax.xaxis.set_major_locator(FixedLocator(ticks))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.set_xlabel("times as fast as the textbook loop, logarithmic")
        ax.set_yticks(range(len(cases)), [textwrap.fill(case, 30) for case in cases], fontsize=8)
        ax.set_ylim(len(cases) - 0.5, -0.5)
        ax.grid(axis="y", visible=False)
        for edge in range(1, len(cases)):
            ax.axhline(edge - 0.5, color="#e4e4e4", linewidth=0.6, zorder=0)
        figure.legend(loc="outside lower center", ncols=3, fontsize=8)
        figure.suptitle("Speed against the textbook loop", x=0.01, ha="left", fontsize=11)
        if stamp:
            ax.set_title(textwrap.fill(stamp, 90), loc="right", fontsize=7.5, color="#555555")
    return figure


def _shift(row: Row, shown: Sequence[Row]) -> float:
    """Where in its case's line a variant stands: they lie below one another, so that equal ratios do not hide."""
    names = [other["name"] for other in shown if other["case"] == row["case"]]
    return 0.7 * ((names.index(row["name"]) + 0.5) / len(names) - 0.5)


def describe(
    rows: Sequence[Row], *, column: str = "test_accuracy", scale: float = 100.0, unit: str = " %"
) -> str:
    """A text alternative for `trade_off` or `early_stop`, made from the numbers themselves."""
    parts = []
    for arm in ("dense", "ticket", "re-initialised", "shuffled"):
        points = [
            f"{scale * analysis.interval(list(analysis.by_seed(rows, arm, r, column).values())).mean:.4g}{unit} at "
            f"{100 * analysis.density_of(rows, r):.3g} %"
            for r in _few(analysis.levels(rows, arm))
        ]
        if points:
            parts.append(f"{arm}: " + ", ".join(points))
    seeds = len({row["seed"] for row in rows})
    return (
        f"Line chart of {column.replace('_', ' ')} against weights remaining, means of {seeds} seeds. "
        + "; ".join(parts)
        + "."
    )


def paired_gap(rows: Sequence[Row], one: str, other: str, *, stamp: str = "") -> Figure:
    """Test accuracy of arm `one` minus arm `other`, in points, paired by seed, against the weights that remain.

    Columns of `rows`: arm, seed, round, density, test_accuracy (0 to 1). Small markers are seeds, side by side; the
    larger marker and its bar are the mean and its 95 % interval, which is not cut.
    """
    with matplotlib.rc_context(STYLE):
        figure, ax = _new()
        look, seeds = LOOKS["ticket"], sorted({row["seed"] for row in rows})
        at = [r for r in analysis.levels(rows, one) if r in analysis.levels(rows, other)]
        x = [100 * analysis.density_of(rows, r) for r in at]
        for i, seed in enumerate(seeds):
            pairs = [
                (d * 1.05 ** (i + 1), 100 * (a[seed] - b[seed]))
                for d, r in zip(x, at, strict=True)
                if seed in (a := analysis.by_seed(rows, one, r))
                and seed in (b := analysis.by_seed(rows, other, r))
            ]
            ax.plot(
                [d for d, _ in pairs],
                [gap for _, gap in pairs],
                "^",
                markersize=4,
                color="#777777",
                label="single seeds" if i == 0 else "_",
            )
        bands = [analysis.paired(rows, (one, r), (other, r)) for r in at]
        ax.errorbar(
            x,
            [100 * b.mean for b in bands],
            yerr=[100 * b.half for b in bands],
            fmt=look.marker,
            color=look.color,
            capsize=4,
            label=f"mean of {len(seeds)} seeds, 95 % interval",
        )
        ax.axhline(0, color="#333333", linewidth=1)
        density_axis(ax, x)
        ax.set_xlim(max(x) * 1.05 ** (len(seeds) + 2), min(x) / 1.25)
        ax.set_ylabel(f"{one} - {other} (points)")
        _finish(figure, ax, f"Test accuracy, {one} minus {other}", stamp)
    return figure


def describe_gap(rows: Sequence[Row], one: str, other: str) -> str:
    """The text alternative of `paired_gap`: mean difference and 95 % interval at each density, largest first."""
    both = [r for r in analysis.levels(rows, one) if r in analysis.levels(rows, other)]
    parts = []
    for r in sorted(both, key=lambda r: -analysis.density_of(rows, r)):
        band = analysis.paired(rows, (one, r), (other, r))
        parts.append(
            f"{100 * band.mean:+.2f} ({100 * band.low:+.2f} to {100 * band.high:+.2f}) "
            f"at {100 * analysis.density_of(rows, r):.3g} % of the weights"
        )
    return f"Test accuracy in points, {one} minus {other}, mean and 95 % interval: {'; '.join(parts)}."


def save(figure: Figure, path: Path | str, *, alt: str) -> list[Path]:
    """Write `path`.png and `path`.svg, with `alt` stored inside both as their description.

    Raises:
        ValueError: `alt` is empty; a reader who cannot see the figure would get nothing.
    """
    _require(alt)
    written = []
    for kind in ("png", "svg"):
        target = Path(f"{path}.{kind}")
        written.append(files.write_bytes(target, _render(figure, kind, alt)))
    return written


def show(figure: Figure, *, alt: str) -> None:
    """Display the figure, and folded under it the same in words: JupyterLab does not pass `alt` on to its readers.

    Raises:
        ValueError: `alt` is empty; a reader who cannot see the figure would get nothing.
    """
    from IPython.display import display

    _require(alt)
    picture = base64.b64encode(_render(figure, "png", alt)).decode("ascii")
    about = {"image/png": {"width": int(figure.get_figwidth() * 100), "alt": alt}}
    words = f"<details><summary>This figure in words</summary>{html.escape(alt)}</details>"
    display({"text/plain": alt, "image/png": picture}, metadata=about, raw=True)
    display({"text/html": words}, raw=True)


def _arms(rows: Sequence[Row], column: str, scale: float, ylabel: str, title: str, stamp: str) -> Figure:
    with matplotlib.rc_context(STYLE):
        figure, ax = _new()
        dense = [scale * v for v in analysis.by_seed(rows, "dense", 0, column).values()]
        if dense:
            band = analysis.interval(dense)
            look = LOOKS["dense"]
            ax.axhline(band.mean, color=look.color, linestyle=look.dash, linewidth=1.2, label="dense (mean)")
        open_seen = False
        for arm in ("shuffled", "re-initialised", "ticket"):
            at = analysis.levels(rows, arm)
            if not at:
                continue
            look, x = LOOKS[arm], [100 * analysis.density_of(rows, r) for r in at]
            table = [analysis.by_seed(rows, arm, r, column) for r in at]
            for seed in sorted({row["seed"] for row in rows}):
                line = [(d, scale * cell[seed]) for d, cell in zip(x, table, strict=True) if seed in cell]
                ax.plot(
                    *zip(*line, strict=True), color=look.color, linestyle=look.dash, linewidth=0.6, alpha=0.45
                )
            bands = [analysis.interval([scale * v for v in cell.values()]) for cell in table]
            middle = [median([scale * v for v in cell.values()]) for cell in table]
            ax.fill_between(
                x, [b.low for b in bands], [b.high for b in bands], color=look.color, alpha=0.13, linewidth=0
            )
            ax.plot(x, middle, color=look.color, linestyle=look.dash, linewidth=1.8, zorder=3)
            for closed in (True, False):
                spots = [
                    (d, m)
                    for d, m, r in zip(x, middle, at, strict=True)
                    if (not analysis.unfinished(rows, arm, r)) == closed
                ]
                open_seen |= bool(spots) and not closed
                if spots:
                    ax.plot(
                        *zip(*spots, strict=True),
                        linestyle="none",
                        marker=look.marker,
                        markersize=5,
                        color=look.color,
                        markerfacecolor=look.color if closed else "white",
                        zorder=4,
                    )
            ax.plot(
                [], [], color=look.color, linestyle=look.dash, marker=look.marker, markersize=5, label=arm
            )
        if open_seen:
            ax.plot(
                [],
                [],
                "o",
                color="#333333",
                markerfacecolor="white",
                markersize=5,
                label="some best step near the end",
            )
        density_axis(ax, sorted({100 * row["density"] for row in rows}))
        ax.set_ylabel(ylabel)
        _fit(ax, rows, column, scale)
        _finish(figure, ax, title, stamp)
    return figure


def _fit(ax: Axes, rows: Sequence[Row], column: str, scale: float) -> None:
    """Limits from the measured points: a 95 % interval of three seeds may be far wider, and is cut by the frame."""
    values = [scale * row[column] for row in rows]
    margin = 0.06 * (max(values) - min(values) or 1.0)
    ax.set_ylim(min(values) - margin, max(values) + margin)


def density_axis(ax: Axes, densities: Sequence[float]) -> None:
    """Make x the axis of every curve here: weights remaining in percent, logarithmic, falling from left to right."""
    ax.set_xscale("log")
    ax.set_xlim(max(densities) * 1.08, min(densities) / 1.25)
    candidates = [100, 50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05]
    ticks = [t for t in candidates if min(densities) / 1.25 <= t <= max(densities) * 1.08]
    if len(ticks) < 3:
        ticks = list(densities)
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    ax.set_xlabel("weights remaining (%), logarithmic")


def _new() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    return figure, figure.subplots()


def _finish(figure: Figure, ax: Axes, title: str, stamp: str, *, columns: int = 3) -> None:
    ax.set_title(title, loc="left", fontsize=11)
    if ax.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower center", ncols=columns, fontsize=9, handlelength=3.2)
    if stamp:
        ax.set_title(title, loc="left", fontsize=11, pad=18)
        ax.text(0, 1.02, stamp, transform=ax.transAxes, fontsize=7.5, color="#555555", va="bottom")


def _render(figure: Figure, kind: str, alt: str) -> bytes:
    out = io.BytesIO()
    metadata = {"Description": alt} | ({"Date": None} if kind == "svg" else {"Software": None})
    with matplotlib.rc_context(STYLE):
        figure.savefig(out, format=kind, dpi=DPI, metadata=metadata)
    return out.getvalue()


def _few(items: Sequence[int], most: int = 5) -> list[int]:
    """At most `most` items, evenly spread, first and last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def _require(alt: str) -> None:
    if not alt.strip():
        raise ValueError(
            "alt is empty; say in a sentence what the figure shows, for readers who cannot see it."
        )


def pruned_accuracy(
    rows: Sequence[Row],
    *,
    dense: Sequence[float],
    title: str = "Pruned once, not trained again",
    stamp: str = "",
) -> Figure:
    """Validation accuracy of pruned networks against the weights that remain: a thin line a seed, the median thick.

    Columns of `rows`: arm (at most four), seed, density, accuracy (0 to 1). `dense` has the dense networks' accuracies.
    """
    with matplotlib.rc_context(STYLE):
        figure, ax = _new()
        look = LOOKS["dense"]
        mean = analysis.interval([100 * v for v in dense]).mean
        ax.axhline(mean, color=look.color, linestyle=look.dash, linewidth=1.2, label="dense (mean)")
        looks = (*list(LOOKS.values())[:3], _Look("#CC79A7", "D", "-."))
        for look, arm in zip(looks, dict.fromkeys(row["arm"] for row in rows), strict=False):
            own = [row for row in rows if row["arm"] == arm]
            at = sorted({row["density"] for row in own}, reverse=True)
            x = [100 * d for d in at]
            for seed in sorted({row["seed"] for row in own}):
                cell = {row["density"]: 100 * row["accuracy"] for row in own if row["seed"] == seed}
                y = [cell[d] for d in at]
                ax.plot(x, y, color=look.color, linestyle=look.dash, linewidth=0.6, alpha=0.5)
            middle = [median(100 * row["accuracy"] for row in own if row["density"] == d) for d in at]
            ax.plot(
                x, middle, color=look.color, linestyle=look.dash, marker=look.marker, markersize=5, label=arm
            )
        density_axis(ax, sorted({100 * row["density"] for row in rows}))
        ax.set_ylabel("validation accuracy (%)")
        _finish(figure, ax, title, stamp)
    return figure


def describe_pruned(rows: Sequence[Row]) -> str:
    """The text alternative of `pruned_accuracy`: mean accuracy of each arm at a few densities."""
    parts = []
    for arm in dict.fromkeys(row["arm"] for row in rows):
        own = [row for row in rows if row["arm"] == arm]
        at = sorted({row["density"] for row in own}, reverse=True)
        few = [at[i] for i in _few(range(len(at)))]
        means = {d: analysis.interval([r["accuracy"] for r in own if r["density"] == d]).mean for d in few}
        parts.append(f"{arm}: " + ", ".join(f"{100 * m:.3g} % at {100 * d:.3g} %" for d, m in means.items()))
    return "Line chart of validation accuracy against weights remaining, means. " + "; ".join(parts) + "."


Prediction = tuple[str, float | None, analysis.Interval]


def predicted(
    points: Sequence[Prediction],
    *,
    unit: str,
    title: str = "Your predictions beside the measurement",
    stamp: str = "",
) -> Figure:
    """Predictions (diamonds) beside measurements (dots with their 95 % interval), one line for each of `points`.

    `points` are (label, prediction or None, interval), all in `unit`. Without a prediction only the measurement is drawn.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.7 + 0.55 * len(points)), layout="constrained")
        ax = figure.subplots()
        look, place = LOOKS["ticket"], list(range(len(points)))[::-1]
        bands = [band for _, _, band in points]
        ax.errorbar(
            [b.mean for b in bands],
            place,
            xerr=[b.half if b.n > 1 else 0.0 for b in bands],
            fmt=look.marker,
            color=look.color,
            capsize=4,
            label="measured: mean, 95 % interval",
        )
        mine = [(value, y) for (_, value, _), y in zip(points, place, strict=True) if value is not None]
        if mine:
            ax.plot(
                [value for value, _ in mine],
                [y for _, y in mine],
                "D",
                color=LOOKS["re-initialised"].color,
                markersize=8,
                markerfacecolor="none",
                markeredgewidth=1.8,
                label="your prediction",
            )
        ax.set_yticks(place, [label for label, _, _ in points])
        ax.set_ylim(-0.6, len(points) - 0.4)
        left, right = ax.get_xlim()
        if (room := 0.04 * max(abs(left), abs(right))) > right - left:  # a very narrow interval
            left, right = (left + right - room) / 2, (left + right + room) / 2
            ax.set_xlim(left, right)
        ax.ticklabel_format(axis="x", useOffset=False)
        if left < 0 < right:
            ax.axvline(0, color="#333333", linewidth=1)
        ax.set_xlabel(unit)
        _finish(figure, ax, title, stamp)
    return figure


def describe_predicted(points: Sequence[Prediction], *, unit: str) -> str:
    """The text alternative of `predicted`."""
    parts = []
    for label, value, band in points:
        said = "no prediction" if value is None else f"predicted {value:.3g}"
        spread = f" (95 % interval {band.low:.3g} to {band.high:.3g})" if band.n > 1 else ""
        parts.append(f"{label}: {said}, measured {band.mean:.3g}{spread} {unit}")
    return "Predictions beside measurements. " + "; ".join(parts) + "."


def mask_leak(rows: Sequence[Row], *, stamp: str = "") -> Figure:
    """How large the removed weights are while a training goes on; a kept mask is a line at 0.

    Columns of `rows`: arm (at most four), seed, step, share (of the removed weights that are not 0; the legend has it, at
    the last step) and size (their norm over the norm of all weights), both 0 to 1. A line is the median over seeds, the
    band reaches from the least to the greatest. The axis is logarithmic above 0.1 % and linear below.
    """
    with matplotlib.rc_context(STYLE):
        figure, ax = _new()
        looks = (*list(LOOKS.values())[:3], _Look("#CC79A7", "D", "-."))
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
        _finish(figure, ax, "Removed weights that come back", stamp, columns=2)
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


def speed_steps(timings: Sequence[Any], *, stamp: str = "") -> Figure:
    """Updates per second of several loops, one below the other: median, and a bar from quartile to quartile.

    `timings` are those of `bench.interleaved`, timed per update; each has `name`, `time` and `ratio`.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.6 + 0.5 * len(timings)), layout="constrained")
        ax = figure.subplots()
        look, place = LOOKS["ticket"], list(range(len(timings)))[::-1]
        for y, timing in zip(place, timings, strict=True):
            low, middle, high = 1 / timing.time.high, 1 / timing.time.median, 1 / timing.time.low
            ax.plot([0, middle], [y, y], color="#bbbbbb", linewidth=1)
            ax.errorbar(
                [middle],
                [y],
                xerr=[[middle - low], [high - middle]],
                fmt=look.marker,
                color=look.color,
                capsize=4,
            )
            ax.annotate(
                f"{middle:,.0f} ({timing.ratio.median:.1f} times)",
                (high, y),
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                fontsize=9,
            )
        ax.set_yticks(place, [timing.name for timing in timings])
        ax.set_ylim(-0.6, len(timings) - 0.4)
        ax.set_xlim(0, 1.45 * max(1 / timing.time.low for timing in timings))
        ax.set_xlabel("updates per second (in brackets: beside the first)")
        _finish(figure, ax, "From the textbook loop to a fast one", stamp)
    return figure


def describe_steps(timings: Sequence[Any]) -> str:
    """The text alternative of `speed_steps`."""
    parts = [f"{t.name} {1 / t.time.median:,.0f} ({t.ratio.median:.1f} times the first)" for t in timings]
    return "Updates per second, medians: " + "; ".join(parts) + "."
