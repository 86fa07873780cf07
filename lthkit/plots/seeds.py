"""What a number of seeds can tell: drawn experiments, the chance to find a difference, repeated looks, noisy early stops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from lthkit import evidence
from lthkit.plots.style import (
    INK,
    LOOKS,
    QUIET,
    SERIES,
    STYLE,
    WIDTH,
    finish,
    headed,
    legend,
    new_figure,
    wrapped,
)
from lthkit.storage.records import Row

RIGHT, WRONG = LOOKS["ticket"], LOOKS["re-initialised"]
_BINS = 40  # even, so that no bar lies across 0


def draw_seeds(
    figure: Figure,
    *,
    label: str,
    differences: Sequence[float],
    seeds: int,
    experiment: int = 1,
    draws: int = 2000,
    unit: str = "points",
    stamp: str = "",
) -> str:
    """Fill an empty figure: the recorded differences, one drawn experiment, and the means of `draws` of them.

    Returns the facts in words. `experiment` says which of the drawn ones is shown, from 1.

    Raises:
        ValueError: as `evidence.sample_seeds`; an experiment that was not drawn.
    """
    if isinstance(experiment, bool) or not isinstance(experiment, int) or not 1 <= experiment <= draws:
        raise ValueError(f"experiment={experiment!r} was given; expected a whole number from 1 to {draws}.")
    found = evidence.sample_seeds(differences, seeds, draws=draws)
    one, reach = found.experiment(experiment), 1.08 * max(map(abs, found.whole.values)) or 1.0
    bad = np.array([m * found.winner < 0 for m in found.means]) if found.winner else None
    with matplotlib.rc_context(STYLE):
        axes = figure.subplots(3, 1, sharex=True, height_ratios=(1, 1, 2.1))
        figure.subplots_adjust(left=0.02, right=0.66, top=0.78, bottom=0.14, hspace=0.5)
        for ax, values, band, what in (
            (axes[0], found.whole.values, found.whole, f"all {found.whole.n} recorded seeds"),
            (axes[1], one.values, one, _drawn_title(experiment, one)),
        ):
            ax.plot(values, [0.0] * len(values), "|", color="#777777", markersize=11, markeredgewidth=1.3)
            half = [band.half] if band.shown else None
            ax.errorbar([band.mean], [0.9], xerr=half, fmt=RIGHT.marker, color=INK, capsize=4, markersize=6)
            _goes_on(ax, band, reach)
            ax.set_ylim(-0.8, 1.7)
            ax.set_title(what, loc="left", fontsize=9, pad=3)
        ax = axes[2]
        edges = np.linspace(-reach, reach, _BINS + 1)
        means = np.clip(found.means, -reach, reach)
        ax.stairs(np.histogram(means, edges)[0], edges, fill=True, color=RIGHT.color)
        if bad is not None and bad.any():
            counts = np.histogram(means[bad], edges)[0]
            ax.stairs(counts, edges, fill=True, color=WRONG.color, hatch="////", edgecolor="white")
        ax.set_title(
            f"means of {draws:,} experiments with {seeds} {_seeds(seeds)}", loc="left", fontsize=9, pad=3
        )
        ax.set_xlabel(f"{label} ({unit})", fontsize=9)
        for ax in axes:
            ax.axvline(0, color=INK, linewidth=1)
            ax.set_yticks([])
            ax.grid(axis="y", visible=False)
            ax.spines["left"].set_visible(False)
            ax.tick_params(labelsize=8)
            ax.set_xlim(-reach, reach)
        lines = _facts(found)
        _written(figure, f"{label}, {seeds} {_seeds(seeds)}: {lines[0]}", stamp, lines)
    return (
        f"{label}, in {unit}. All {found.whole.n} recorded seeds: {found.whole.said('+.2f')}. "
        f"Drawn experiments with {seeds} {_seeds(seeds)}, {draws:,} of them: {'; '.join(lines)}. "
        f"Experiment {experiment}: {one.said('+.2f')}."
    )


def _written(figure: Figure, title: str, stamp: str, lines: Sequence[str]) -> None:
    """The title, the small print, and the facts beside the panels."""
    figure.text(0.015, 0.965, title, fontsize=10.5, va="top")
    if stamp:
        figure.text(0.015, 0.9, wrapped(stamp, 140), fontsize=7.5, color=QUIET, va="top")
    figure.text(0.69, 0.74, "\n\n".join(wrapped(line, 32) for line in lines), fontsize=9, va="top")


def _drawn_title(experiment: int, one: evidence.Interval) -> str:
    ends = f", interval {one.low:+.2f} to {one.high:+.2f}" if one.shown else ""
    return f"experiment {experiment}: {one.n} of them{ends}"


def _goes_on(ax: Axes, band: evidence.Interval, reach: float) -> None:
    """An arrow at each edge of the picture beyond which the interval goes on."""
    for at, marker, beyond in ((-reach, "<", band.low < -reach), (reach, ">", band.high > reach)):
        if band.shown and beyond:
            ax.plot([at], [0.9], marker, color=INK, markersize=8, clip_on=False, zorder=5)


def _seeds(count: int) -> str:
    return "seed" if count == 1 else "seeds"


def _facts(found: evidence.Sampled) -> list[str]:
    if found.wrong is None or found.misled is None:
        lines = ["all seeds together do not say who is better"]
        alarm = f"the interval excludes 0 in {100 * found.found:.1f} % of the experiments, to either side"
        return [*lines, alarm if found.seeds > 1 else "one seed has no interval"]
    lines = [f"the wrong arm wins in {100 * found.wrong:.1f} % of the experiments"]
    if found.seeds == 1:
        return [*lines, "one seed has no interval"]
    return [
        *lines,
        f"the interval excludes 0 on the right side in {100 * found.found:.1f} %",
        f"and on the wrong side in {100 * found.misled:.1f} %",
    ]


def chances(
    differences: Mapping[str, Sequence[float]],
    *,
    counts: Sequence[int] = (1, 2, 3, 5, 7, 10, 15, 20),
    stamp: str = "",
) -> Figure:
    """For each comparison and number of seeds: how often the wrong arm has the better mean, and how often the interval sees it.

    Both are shares of experiments drawn from the recorded `differences` (`evidence.sample_seeds`). The thin grey lines in the
    lower panel are the power that planning gives for the recorded mean and standard deviation. Comparisons without a
    winner (their interval over all seeds contains 0) stand in the lower panel only, where they are false alarms.
    """
    drawn = _drawn(differences, counts)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 5.6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.5))
        for (name, found), look in zip(drawn.items(), SERIES, strict=False):
            style = {"color": look.color, "marker": look.marker, "linestyle": look.dash, "markersize": 5}
            if found[0].winner:
                upper.plot(counts, [100 * (s.wrong or 0.0) for s in found], label=name, **style)  # type: ignore[arg-type]
            several = [s for s in found if s.seeds > 1]
            own = "_" if found[0].winner else f"{name} (no winner known)"
            lower.plot([s.seeds for s in several], [100 * s.found for s in several], label=own, **style)  # type: ignore[arg-type]
            if found[0].winner:
                at = np.unique(np.geomspace(2, max(counts), 30).round().astype(int)).tolist()
                sd = evidence.spread(found[0].whole.values).sd
                power = [100 * evidence.power_of(found[0].whole.mean, sd=sd, seeds=n) for n in at]
                lower.plot(at, power, color="#777777", linewidth=1)
        upper.set_ylabel("wrong arm ahead (%)")
        lower.set_ylabel("interval excludes 0 (%)")
        lower.set_xlabel("seeds in an experiment, logarithmic")
        highest = max((100 * (s.wrong or 0.0) for found in drawn.values() for s in found), default=0.0)
        upper.set_ylim(0, max(5.0, 1.15 * highest))
        lower.set_ylim(0, 103)
        lower.set_xscale("log")
        lower.xaxis.set_major_locator(FixedLocator(list(counts)))
        lower.xaxis.set_minor_locator(NullLocator())
        lower.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
        lower.plot([], [], color="#777777", linewidth=1, label="as planned beforehand")
        legend(figure, upper, lower)
        headed(figure, "What a number of seeds can tell", stamp)
    return figure


def describe_chances(
    differences: Mapping[str, Sequence[float]], *, counts: Sequence[int] = (1, 2, 3, 5, 7, 10, 15, 20)
) -> str:
    """The text alternative of `chances`."""
    parts = []
    for name, found in _drawn(differences, counts).items():
        wrong = ", ".join(f"{100 * s.wrong:.0f} % at {s.seeds}" for s in found if s.wrong is not None)
        seen = ", ".join(f"{100 * s.found:.0f} % at {s.seeds}" for s in found if s.seeds > 1)
        parts.append(f"{name}: wrong arm ahead {wrong or '(no winner known)'}; interval excludes 0 {seen}")
    return "Experiments drawn from recorded seeds, by number of seeds. " + ". ".join(parts) + "."


def _drawn(
    differences: Mapping[str, Sequence[float]], counts: Sequence[int]
) -> dict[str, list[evidence.Sampled]]:
    if not differences or len(differences) > len(SERIES):
        raise ValueError(f"{len(differences)} comparisons were given; expected 1 to {len(SERIES)}.")
    return {name: [evidence.sample_seeds(d, n) for n in counts] for name, d in differences.items()}


def looks(alarms: Mapping[str, tuple[Sequence[int], Sequence[float]]], *, stamp: str = "") -> Figure:
    """How often somebody has stopped at a difference that is not there, by the number of seeds at the latest look.

    `alarms` has for each way of looking the numbers of seeds and the shares (0 to 1), as `evidence.false_alarms` gives them.
    """
    if not alarms or len(alarms) > len(SERIES):
        raise ValueError(f"{len(alarms)} ways of looking were given; expected 1 to {len(SERIES)}.")
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
        for (name, (at, shares)), look in zip(alarms.items(), SERIES, strict=False):
            ax.plot(
                at,
                [100 * share for share in shares],
                color=look.color,
                marker=look.marker,
                linestyle=look.dash,
                markersize=4,
                label=name,
            )
        ax.axhline(5, color=INK, linewidth=1, label="5 %")
        ax.set_ylim(0, None)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlabel("seeds at the latest look")
        ax.set_ylabel("false alarms so far (%)")
        finish(figure, ax, "Looking again and again, where there is no difference", stamp)
    return figure


def describe_looks(alarms: Mapping[str, tuple[Sequence[int], Sequence[float]]]) -> str:
    """The text alternative of `looks`."""
    parts = [
        f"{name}: {100 * shares[0]:.1f} % at {at[0]} seeds, {100 * shares[-1]:.1f} % at {at[-1]}"
        for name, (at, shares) in alarms.items()
    ]
    return (
        "Share of experiments that have stopped at a difference that is not there. " + "; ".join(parts) + "."
    )


def stopping(curves: Mapping[str, Sequence[Row]], *, stamp: str = "") -> Figure:
    """Validation loss of single trainings over the steps, one panel an arm and one thin line a seed; a ring at its least value.

    Columns of the rows: seed, step, validation_loss.
    """
    if not curves or len(curves) > len(SERIES):
        raise ValueError(f"{len(curves)} arms were given; expected 1 to {len(SERIES)}.")
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.4 + 2.0 * len(curves)), layout="constrained")
        panels = figure.subplots(len(curves), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        least, last = [], 0
        for ax, (name, rows), other in zip(panels, curves.items(), SERIES, strict=False):
            color, found = LOOKS.get(name, other).color, _by_seed(rows)
            for steps, losses in found.values():
                best = losses.index(min(losses))
                ax.plot(steps, losses, color=color, linewidth=0.7)
                ax.plot(
                    steps[best], losses[best], "o", color=INK, markerfacecolor="none", markersize=7, zorder=4
                )
                least += [min(losses)]
                last = max(last, steps[-1])
            ax.set_title(f"{name}, {len(found)} {_seeds(len(found))}", loc="left")
            ax.set_ylabel("validation loss")
        room = max(least) - min(least) or 0.01
        panels[0].set_ylim(min(least) - 0.5 * room, max(least) + 3 * room)
        panels[0].set_xlim(0, last)
        panels[-1].set_xlabel("step; a ring at the least loss of each seed")
        panels[-1].xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        headed(figure, "Where the validation loss is least, seed by seed", stamp)
    return figure


def describe_stopping(curves: Mapping[str, Sequence[Row]]) -> str:
    """The text alternative of `stopping`."""
    parts = []
    for name, rows in curves.items():
        steps = [at[losses.index(min(losses))] for at, losses in _by_seed(rows).values()]
        parts.append(f"{name}: least validation loss at steps {', '.join(f'{s:,}' for s in sorted(steps))}")
    return "Validation loss over the steps, one line a seed. " + "; ".join(parts) + "."


def _by_seed(rows: Sequence[Row]) -> dict[int, tuple[list[int], list[float]]]:
    found: dict[int, tuple[list[int], list[float]]] = {}
    for row in sorted(rows, key=lambda row: (row["seed"], row["step"])):
        steps, losses = found.setdefault(row["seed"], ([], []))
        steps.append(row["step"])
        losses.append(row["validation_loss"])
    return found
