"""Figures with sliders: a pure function draws the picture for given values, and a thin layer of widgets calls it.

`draw_pruned` and `draw_ticket` take a figure and values, and return the picture's facts in words: the text alternative.
Widgets are loaded when asked for; without them, or without a Jupyter kernel, the picture at the start values remains.
"""

from __future__ import annotations

import base64
import copy
import html
import importlib
import io
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from lthkit import evidence
from lthkit.data.datasets import Dataset, Split
from lthkit.data.named import DATA_NAMES
from lthkit.data.splits import fair_rows
from lthkit.plots import DPI, LOOKS, STYLE, density_axis, draw_first_layer, draw_seeds
from lthkit.plots.letters import lettered
from lthkit.plots.style import with_words
from lthkit.pruning.masks import Mask, prunable
from lthkit.pruning.scores import magnitude
from lthkit.pruning.selection import prune_to
from lthkit.runs import results
from lthkit.storage.records import Row
from lthkit.training.evaluation import evaluate

# Round numbers, ever closer: from all weights to one in a hundred.
DENSITIES = tuple(
    percent / 100
    for percent in (
        *(100, 90, 80, 70, 60, 50, 45, 40, 35, 30, 25, 20, 18, 16, 14, 12, 10),
        *(9, 8, 7, 6, 5, 4.5, 4, 3.5, 3, 2.5, 2, 1.8, 1.6, 1.4, 1.2, 1),
    )
)
SCOPES = ("global", "layerwise")
IMAGES = 1000  # of the validation split; more would make the slider wait
BINS = 60
MOST_LAYERS = 6  # rows of histograms that the figure has room for
SEEDS = (1, 2, 3, 4, 5, 7, 10, 15, 20)  # of a drawn experiment
EXPERIMENTS = 50  # that can be looked at one by one
SIZE = (8.4, 4.2)  # inches
KEPT, REMOVED = LOOKS["ticket"].color, "#b8b8b8"
SMALL, TINY = 8, 7.5  # points


@dataclass(frozen=True)
class Explorer:
    """What a notebook shows: sliders over a picture where there is a kernel with ipywidgets, else the picture.

    png, alt: the picture at the start values and its text alternative, which stay in a stored notebook.
    widget: the live part, or None.
    """

    png: bytes
    alt: str
    widget: Any = None

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        # One output with both: a live notebook takes the widget; what cannot show it (GitHub, a printout), the picture.
        data, about = with_words(base64.b64encode(self.png).decode("ascii"), _width(), self.alt)
        if self.widget is not None:
            data["application/vnd.jupyter.widget-view+json"] = {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self.widget.model_id,
            }
        return data, about


def prune_it_yourself(
    models: Mapping[Any, nn.Module], data: Dataset, *, density: float = 0.1, scope: str = "global"
) -> Explorer:
    """Choose a density and a scope, and see at once what a trained network loses; it is not trained again.

    Args:
        models: trained networks by name, such as their seeds; they stay as they are. With several, one can be chosen.
        data: classes with any inputs. The validation split is used, at most `IMAGES` of its rows; the test split is not read.
        density, scope: where the sliders start; `density` is one of `DENSITIES`.
    """
    if not isinstance(models, Mapping):
        raise TypeError(f"models is a {type(models).__name__}; expected a dict such as {{0: model}}.")
    if not models:
        raise ValueError("No network was given; expected a dict such as {0: model}.")
    if density not in DENSITIES:
        listed = ", ".join(f"{d:g}" for d in DENSITIES)
        raise ValueError(f"density={density!r} was given; expected one of {listed}.")
    if not data.classes:
        raise ValueError(
            f"{data.name} has numbers as targets, and the figure shows accuracy; expected data with classes."
        )
    for model in models.values():
        _check_room(model)
    dense = cache(lambda label: _accuracy(models[label], _few(data)))

    def draw(figure: Figure, *, label: Any, density: float, scope: str) -> str:
        return draw_pruned(
            figure,
            model=models[label],
            data=data,
            density=density,
            scope=scope,
            dense=dense(label),
            label=f"seed {label}" if isinstance(label, int) else str(label),
        )

    def controls(widgets: Any) -> dict[str, Any]:
        slider = widgets.SelectionSlider(
            options=[(f"{100 * d:g} %", d) for d in DENSITIES],
            value=density,
            description="weights kept",
            continuous_update=False,
            style={"description_width": "initial"},
            layout=widgets.Layout(width="420px"),
        )
        toggle = widgets.ToggleButtons(
            options=list(SCOPES), value=scope, style={"button_width": "90px"}, tooltips=_TOOLTIPS
        )
        chooser = widgets.Dropdown(
            options=[(str(label), label) for label in models],
            value=next(iter(models)),
            description="seed" if all(isinstance(label, int) for label in models) else "network",
            layout=widgets.Layout(width="180px"),
        )
        if len(models) == 1:
            chooser.layout.display = "none"
        return {"density": slider, "scope": toggle, "label": chooser}

    return _explorer(draw, controls, {"label": next(iter(models)), "density": density, "scope": scope})


_TOOLTIPS = ["one ranking over all layers", "the same fraction of each layer"]


def ticket_scrubber(
    folder: Path | str,
    rows: Sequence[Row],
    *,
    seed: int = 0,
    level: int | None = None,
    stamp: str = "",
    shape: tuple[int, int] = (28, 28),
) -> Explorer:
    """Go through the rounds of a run: the first layer's mask of one seed, beside the accuracies of all arms.

    Args:
        folder: the run folder, finished here or recorded; it has the masks.
        rows: the run's table, with arms "dense" and "ticket", and the controls if there are any.
        level: the round to start at; by default the one in the middle.
        stamp: the small print. shape: of the images, row by row the inputs of the first layer.

    Raises:
        FileNotFoundError: `folder` has no mask of that seed at the start round.
    """
    levels = sorted({*evidence.levels(rows, "dense"), *evidence.levels(rows, "ticket")})
    if not levels:
        raise ValueError("rows have neither a dense network nor a ticket; expected the table of a run.")
    level = levels[len(levels) // 2] if level is None else level
    if level not in levels:
        raise ValueError(f"level={level} was given; the run has the rounds {levels}.")
    mask_of = cache(lambda level: results.load_mask(folder, seed=seed, level=level))

    def draw(figure: Figure, *, level: int) -> str:
        return draw_ticket(
            figure, rows=rows, mask=mask_of(level), level=level, seed=seed, stamp=stamp, shape=shape
        )

    def controls(widgets: Any) -> dict[str, Any]:
        slider = widgets.SelectionSlider(
            options=[(f"{r}, {100 * evidence.density_of(rows, r):.3g} % kept", r) for r in levels],
            value=level,
            description="round",
            continuous_update=False,
            layout=widgets.Layout(width="460px"),
        )
        return {"level": slider}

    return _explorer(draw, controls, {"level": level})


def seed_sampler(
    differences: Mapping[str, Sequence[float]],
    *,
    seeds: int = 3,
    unit: str = "points",
    stamp: str = "",
) -> Explorer:
    """Draw experiments of a few seeds from recorded differences, and see how often the wrong arm wins.

    Args:
        differences: for each comparison, such as "ticket - dense", one paired difference for each recorded seed, ten or
            more. With several, one can be chosen.
        seeds: of one experiment, where the slider starts; one of `SEEDS`.
        unit: of the differences. stamp: the small print.

    Raises:
        ValueError: no comparison, another number of seeds, or differences that cannot be drawn from.
    """
    if not isinstance(differences, Mapping) or not differences:
        raise ValueError("No comparison was given; expected a dict such as {'ticket - dense': [0.4, ...]}.")
    if seeds not in SEEDS:
        raise ValueError(f"seeds={seeds!r} was given; expected one of {', '.join(map(str, SEEDS))}.")
    for values in differences.values():
        evidence.sample_seeds(values, seeds, draws=1)

    def draw(figure: Figure, *, label: str, seeds: int, experiment: int) -> str:
        return draw_seeds(
            figure,
            label=label,
            differences=differences[label],
            seeds=seeds,
            experiment=experiment,
            unit=unit,
            stamp=stamp,
        )

    def controls(widgets: Any) -> dict[str, Any]:
        wide = {"style": {"description_width": "130px"}, "layout": widgets.Layout(width="460px")}
        chooser = widgets.Dropdown(
            options=list(differences), value=next(iter(differences)), description="comparison", **wide
        )
        if len(differences) == 1:
            chooser.layout.display = "none"
        slider = widgets.SelectionSlider(
            options=list(SEEDS), value=seeds, description="seeds", continuous_update=False, **wide
        )
        number = widgets.IntSlider(
            value=1, min=1, max=EXPERIMENTS, description="experiment", continuous_update=False, **wide
        )
        return {"label": chooser, "seeds": slider, "experiment": number}

    return _explorer(draw, controls, {"label": next(iter(differences)), "seeds": seeds, "experiment": 1})


def draw_pruned(
    figure: Figure,
    *,
    model: nn.Module,
    data: Dataset,
    density: float,
    scope: str,
    dense: float | None = None,
    label: str = "",
) -> str:
    """Fill an empty figure: |w| in each layer with the threshold, the density of each layer, the accuracy now.

    The network is pruned by magnitude in one shot, on a copy, and not trained again. Accuracy is that of at most
    `IMAGES` validation images; `dense` is the whole network's on them, measured here if it is None. Returns the facts
    in words.

    Raises:
        ValueError: a bad density or scope, or more than `MOST_LAYERS` prunable layers.
    """
    scores, some = magnitude(model), _few(data)
    _check_room(model)
    with _one_thread():
        # Layerwise, a layer of thirty weights has none left at 1 %: that is to be seen, and no reason to stop.
        mask = prune_to(Mask.ones(model), scores, density, scope=scope, min_kept=int(scope == "global"))
        pruned = copy.deepcopy(model)
        mask.apply_(pruned)
        accuracy = _accuracy(pruned, some)
        dense = _accuracy(model, some) if dense is None else dense
    sizes = {name: s.detach().float().cpu().numpy().ravel() for name, s in scores.items()}
    kept = {name: mask[name].cpu().numpy().ravel() for name in mask}
    thresholds = _thresholds(sizes, kept, scope)
    short = {name: name.removesuffix(".weight") for name in mask}

    with matplotlib.rc_context(STYLE):
        grid = figure.add_gridspec(len(sizes), 3, width_ratios=(2.5, 2.2, 1.1), hspace=0.25, wspace=0.3)
        figure.subplots_adjust(left=0.075, right=0.985, top=0.76, bottom=0.14)
        # All thresholds of all steps lie in view: no more than the last weight in a thousand is cut off.
        right = max(float(np.quantile(values, 0.999)) for values in sizes.values()) * 1.02 or 1.0
        edges = np.linspace(0.0, right, BINS + 1)
        for row, (name, values) in enumerate(sizes.items()):
            ax = figure.add_subplot(grid[row, 0])
            inside = np.minimum(values, right)
            all_of_them = np.histogram(inside, BINS, (0.0, right))[0]
            stay = np.histogram(inside[kept[name]], BINS, (0.0, right))[0]
            ax.stairs(all_of_them, edges, fill=True, color=REMOVED)
            ax.stairs(stay, edges, fill=True, color=KEPT)
            if (threshold := thresholds[name]) is not None:
                ax.axvline(threshold, color=LOOKS["re-initialised"].color, linestyle="--", linewidth=1.4)
            ax.set_xlim(0, right)
            ax.set_yticks([])
            ax.grid(axis="y", visible=False)
            ax.spines["left"].set_visible(False)
            ax.set_ylabel(short[name], rotation=0, ha="right", va="center", fontsize=9)
            ax.tick_params(labelsize=SMALL, labelbottom=row == len(sizes) - 1)
            if row == 0:
                ax.set_title("how many weights of each size", loc="left", fontsize=9)
            if row == len(sizes) - 1:
                ax.set_xlabel("|w|; grey is removed, dashed the threshold", fontsize=SMALL)

        ax = figure.add_subplot(grid[:, 1])
        for y, (name, part) in enumerate(mask.per_layer().items()):
            ax.barh(y, 100 * part, 0.5, color=KEPT)
            count = int(kept[name].sum())
            ax.text(
                1,
                y - 0.3,
                f"{100 * part:.3g} %: {count:,} of {kept[name].size:,}",
                va="bottom",
                fontsize=SMALL,
            )
        ax.set_xlim(0, 100)
        ax.set_ylim(len(sizes) - 0.5, -0.5)
        ax.set_yticks([])
        ax.grid(axis="y", visible=False)
        ax.tick_params(labelsize=SMALL)
        ax.set_title("kept in each layer", loc="left", fontsize=9)
        ax.set_xlabel("weights remaining (%)", fontsize=SMALL)

        ax = figure.add_subplot(grid[:, 2])
        look = LOOKS["dense"]
        ax.axhline(100 * dense, color=look.color, linestyle=look.dash, linewidth=1.2)
        ax.text(
            0.03,
            100 * dense + 1.5,
            f"dense\n{100 * dense:.1f}",
            color=look.color,
            fontsize=SMALL,
            va="bottom",
        )
        ax.plot([0.55], [100 * accuracy], LOOKS["ticket"].marker, color=KEPT, markersize=8)
        ax.text(0.66, 100 * accuracy, f"{100 * accuracy:.1f}", fontsize=9, weight="bold", va="center")
        ax.set_xlim(0, 1)
        ax.set_ylim(0, 115)  # room for the words over a dense network that is always right
        ax.set_yticks(range(0, 101, 20))
        ax.set_xticks([])
        ax.tick_params(labelsize=SMALL)
        ax.set_title("accuracy (%)", loc="left", fontsize=9)
        ax.set_xlabel("validation, now", fontsize=SMALL)

        figure.text(
            0.015,
            0.965,
            f"{100 * mask.density:.3g} % of the weights kept, {scope}: accuracy {100 * accuracy:.1f} % "
            f"(dense {100 * dense:.1f} %)",
            fontsize=11,
            va="top",
        )
        of = (
            "all"
            if len(some.validation) == len(data.validation)
            else "the first"
            if data.name in DATA_NAMES
            else "some"
        )
        small_print = (
            f"{label + ', ' if label else ''}pruned once, not trained again; {data.label}; accuracy on "
            f"{of} {len(some.validation):,} validation {data.noun}"
        )
        lettered(
            figure.text(
                0.015, 0.895, textwrap.fill(small_print, 150), fontsize=TINY, color="#555555", va="top"
            )
        )

    layers = ", ".join(
        f"{short[name]} {100 * part:.3g} % ({int(kept[name].sum()):,} of {kept[name].size:,})"
        for name, part in mask.per_layer().items()
    )
    return (
        f"{100 * mask.density:.3g} % of the weights kept, {scope}{', ' + label if label else ''}: accuracy {100 * accuracy:.1f} % on "
        f"{len(some.validation):,} validation {data.noun}, dense {100 * dense:.1f} %. Kept in each layer: {layers}. "
        + _in_words(thresholds, short, scope)
    )


def draw_ticket(
    figure: Figure,
    *,
    rows: Sequence[Row],
    mask: Mask,
    level: int,
    seed: int | None = None,
    stamp: str = "",
    shape: tuple[int, int] = (28, 28),
) -> str:
    """Fill an empty figure: the first layer of `mask` as a picture, and all arms with round `level` marked.

    Columns of `rows`: arm, seed, round, density, test_accuracy or what the rows are judged by. Thin lines are seeds, thick
    ones means; at the marked round a bar is the 95 % interval, from four seeds on. Returns the facts in words.
    """
    name, by = next(iter(mask)), evidence.judged(rows)
    counts = mask[name].sum(0)
    units, left = mask[name].shape[0], 100 * mask.per_layer()[name]
    density = 100 * evidence.density_of(rows, level)
    whose = "" if seed is None else f", seed {seed}"
    seeds = sorted({row["seed"] for row in rows})
    facts = []
    with matplotlib.rc_context(STYLE):
        picture_ax = figure.add_axes((0.015, 0.19, 0.31, 0.56))
        # The colours follow the round: on one scale for all rounds the late ones would be black.
        picture = draw_first_layer(picture_ax, mask, name=name, shape=shape)
        picture_ax.set_title(
            f"{name.removesuffix('.weight')}{whose}: {left:.3g} % kept", loc="left", fontsize=9
        )
        bar = figure.colorbar(picture, cax=figure.add_axes((0.345, 0.19, 0.015, 0.56)))
        bar.ax.tick_params(labelsize=SMALL)
        picture_ax.text(
            0.5,
            -0.05,
            f"connections left of each pixel's {units:,}",
            transform=picture_ax.transAxes,
            ha="center",
            va="top",
            fontsize=SMALL,
        )

        ax = figure.add_axes((0.485, 0.27, 0.5, 0.48))
        ax.axvline(density, color="#333333", linewidth=0.8)
        for arm in ("dense", "shuffled", "re-initialised", "ticket"):
            at = evidence.levels(rows, arm)
            if not at:
                continue
            look = LOOKS[arm]
            x = [100 * evidence.density_of(rows, r) for r in at]
            table = [evidence.by_seed(rows, arm, r) for r in at]
            bands = [
                evidence.interval([by.scale * v for v in cell.values()], within=by.within) for cell in table
            ]
            if arm == "dense":
                ax.axhline(bands[0].mean, color=look.color, linestyle=look.dash, linewidth=1.2, label="dense")
            else:
                for one in seeds:
                    line = [
                        (d, by.scale * cell[one]) for d, cell in zip(x, table, strict=True) if one in cell
                    ]
                    ax.plot(*zip(*line, strict=True), color=look.color, linewidth=0.6, alpha=0.4)
                ax.plot(
                    x, [b.mean for b in bands], color=look.color, linestyle=look.dash, linewidth=1.6,
                    marker=look.marker, markersize=3.5, label=arm,
                )  # fmt: skip
            if level in at:
                band = bands[at.index(level)]
                ax.errorbar(
                    [density], [band.mean], yerr=[band.half] if band.shown else None, fmt=look.marker,
                    color=look.color, markersize=9, capsize=4, markeredgecolor="white", zorder=5,
                )  # fmt: skip
                mean, half = (format(value, by.form) for value in (band.mean, band.half))
                unit = f" {by.quantity.unit}".rstrip()
                facts.append(f"{arm} {mean}" + (f" ± {half}{unit}" if band.shown else unit))
        density_axis(ax, sorted({100 * row["density"] for row in rows}))
        values = [by.scale * row[by.column] for row in rows]
        margin = 0.06 * (max(values) - min(values) or 1.0)
        ax.set_ylim(min(values) - margin, max(values) + margin)
        ax.tick_params(labelsize=SMALL)
        ax.xaxis.label.set_fontsize(SMALL)
        ax.set_title(f"{by.heading}, means of {len(seeds)} seeds", loc="left", fontsize=9)
        figure.legend(
            loc="lower right",
            bbox_to_anchor=(0.985, 0.005),
            ncols=4,
            fontsize=SMALL,
            handlelength=2.6,
            columnspacing=1.2,
        )
        facts.reverse()
        title = f"Round {level}, {density:.3g} % of the weights: {', '.join(facts)}"
        figure.text(0.015, 0.965, title, fontsize=10, va="top")
        if stamp:
            lettered(
                figure.text(0.015, 0.895, textwrap.fill(stamp, 140), fontsize=TINY, color="#555555", va="top")
            )
    return (
        f"{title} ({by.name}, means of {len(seeds)} seeds{', 95 % intervals' if '±' in title else ''}). "
        f"First layer{whose}: {left:.3g} % kept; of each pixel's {units:,} connections {int(counts.min())} to "
        f"{int(counts.max())} are left, {float(counts.float().mean()):.1f} on average, standard deviation "
        f"{float(counts.float().std()):.1f}."
    )


def _explorer(
    draw: Callable[..., str], controls: Callable[[Any], dict[str, Any]], start: Mapping[str, Any]
) -> Explorer:
    """The picture at the start values, and over it the controls, where they can work."""

    def render(values: Mapping[str, Any]) -> tuple[bytes, str]:
        figure = Figure(figsize=SIZE)
        alt = draw(figure, **values)
        out = io.BytesIO()
        with matplotlib.rc_context(STYLE):
            figure.savefig(out, format="png", dpi=DPI, metadata={"Description": alt, "Software": None})
        return out.getvalue(), alt

    png, alt = render(start)
    if why := _no_widgets():
        print(f"The picture stands still, because {why}; the sliders need a notebook with ipywidgets.")
        return Explorer(png, alt)
    widgets = importlib.import_module("ipywidgets")
    by_name = controls(widgets)
    image = widgets.Image(
        value=png, format="png", layout=widgets.Layout(width=f"{_width()}px", max_width="100%")
    )
    text = widgets.HTML(_paragraph(alt))

    def redraw(_: Any) -> None:
        image.value, words = render({name: control.value for name, control in by_name.items()})
        text.value = _paragraph(words)

    for control in by_name.values():
        control.observe(redraw, names="value")
    return Explorer(png, alt, widgets.VBox([*by_name.values(), image, text]))


def _no_widgets() -> str:
    """Why there can be no sliders here, or an empty text."""
    try:
        importlib.import_module("ipywidgets")
        shell = importlib.import_module("IPython").get_ipython()
    except ImportError:
        return "ipywidgets is not installed here"
    return "" if getattr(shell, "kernel", None) is not None else "there is no Jupyter kernel here"


def _paragraph(text: str) -> str:
    """Plain words for the line under the picture; a screen reader says them when they change."""
    return (
        f'<div aria-live="polite" style="line-height: 1.4; max-width: {_width()}px">{html.escape(text)}</div>'
    )


def _width() -> int:
    """Of the picture on the screen, in pixels: 100 an inch, as `plots.show` has it."""
    return round(100 * SIZE[0])


def _few(data: Dataset) -> Dataset:
    """The same data with at most `IMAGES` validation images: of a published set, whose order is random, the first."""
    whole = data.validation
    if len(whole) <= IMAGES:
        return data
    if data.name not in DATA_NAMES:
        return replace(data, validation=whole.at(fair_rows(whole, IMAGES)))
    return replace(data, validation=Split(whole.inputs[:IMAGES], whole.targets[:IMAGES]))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Work this small gains nothing from more threads, and on busy cores waits for the last of them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _accuracy(model: nn.Module, data: Dataset) -> float:
    return evaluate(model, data, split="validation").accuracy


def _check_room(model: nn.Module) -> None:
    if (layers := len(prunable(model))) > MOST_LAYERS:
        raise ValueError(
            f"The model has {layers} prunable layers; the picture has room for {MOST_LAYERS}. Choose a smaller network."
        )


def _thresholds(
    sizes: Mapping[str, np.ndarray], kept: Mapping[str, np.ndarray], scope: str
) -> dict[str, float | None]:
    """The largest |w| that was removed, of all layers or of each; None where nothing was."""
    largest = {
        name: float(values[~kept[name]].max()) if not kept[name].all() else None
        for name, values in sizes.items()
    }
    if scope == "layerwise":
        return largest
    found = [value for value in largest.values() if value is not None]
    return dict.fromkeys(sizes, max(found) if found else None)


def _in_words(thresholds: Mapping[str, float | None], short: Mapping[str, str], scope: str) -> str:
    if not any(value is not None for value in thresholds.values()):
        return "Nothing is removed, so there is no threshold."
    if scope == "global":
        return f"Largest |w| removed, in any layer: {next(iter(thresholds.values())):.3g}."
    each = ", ".join(
        f"{short[name]} {'none' if value is None else format(value, '.3g')}"
        for name, value in thresholds.items()
    )
    return f"Largest |w| removed: {each}."
