"""What every figure of the package has to be: readable on white, on a telephone and without colour, and told in words."""

from __future__ import annotations

import inspect
import io
import math

import matplotlib
import matplotlib.style
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection, QuadMesh
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from lthkit import plots
from lthkit.plots import style
from tests.plots.figures import FIGURES

PHONE = 344  # pixels that a picture has on a telephone of 390, in nbconvert's page
BARS = (LineCollection,)


def luminance(color) -> float:
    """Relative luminance, as in WCAG 2.2."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(color, alpha: float | None = None, ground="white") -> float:
    """Contrast of a colour, with what it lets through, on its ground."""
    *seen, own = to_rgba(color)
    share = own if alpha is None else own * alpha
    blended = [share * c + (1 - share) * g for c, g in zip(seen, to_rgb(ground), strict=True)]
    dark, light = sorted((luminance(blended), luminance(to_rgb(ground))))
    return (light + 0.05) / (dark + 0.05)


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    return {name: make() for name, make in FIGURES.items()}


def laid_out(figure: Figure) -> Figure:
    figure.set_dpi(style.DPI)  # as it is saved: text does not scale exactly
    FigureCanvasAgg(figure).draw()
    return figure


def test_contrast_is_that_of_wcag():
    assert contrast("black") == pytest.approx(21) and contrast("white") == pytest.approx(1)
    assert contrast("#767676") == pytest.approx(4.54, abs=0.01)
    assert contrast("#0072B2", 0.4) < 3 < contrast("#0072B2")


def test_the_list_of_figures_is_whole():
    """Catches: a figure that is added to the package and looked at by no test."""
    made = {
        name
        for name in plots.__all__
        if inspect.isfunction(function := getattr(plots, name))
        and inspect.signature(function).return_annotation == "Figure"
    }
    assert made == {name.split(" of ")[0] for name in FIGURES}


@pytest.mark.parametrize("name", FIGURES)
def test_lines_marks_and_letters_have_contrast_enough(name, drawn):
    """Catches: sky blue and orange on white, and thin lines that let the ground through."""
    figure, weak = drawn[name], []
    for artist in figure.findobj(Line2D):
        ax = artist.axes
        if ax is not None and artist in (
            *ax.get_xgridlines(),
            *ax.get_ygridlines(),
            *ax.xaxis.get_minorticklines(),
        ):
            continue
        if artist.get_color() == style.PALE:  # a line between groups, as faint as the grid
            continue
        if contrast(artist.get_color(), artist.get_alpha()) < 3:
            weak.append((artist, artist.get_color(), artist.get_alpha()))
    for bars in figure.findobj(LineCollection):
        weak += [(bars, c) for c in bars.get_colors() if contrast(c, bars.get_alpha()) < 3]
    for text in figure.findobj(Text):
        if text.get_text() and contrast(text.get_color(), text.get_alpha()) < 4.5 - 1.5 * (
            text.get_fontsize() >= 14
        ):
            weak.append((text, text.get_color()))
    for bars in figure.findobj(matplotlib.patches.Rectangle):
        if bars.axes is not None and bars in bars.axes.patches and contrast(bars.get_facecolor()) < 3:
            weak.append((bars, bars.get_facecolor()))
    assert not weak


def test_looks_differ_without_colour_too():
    for looks in (plots.SERIES, tuple(plots.LOOKS.values())):
        for part in zip(*looks, strict=True):
            assert len(set(map(str, part))) == len(looks)
    grey = sorted(luminance(to_rgb(look.color)) for look in plots.SERIES)
    assert grey[-1] < 0.3  # none is pale


@pytest.mark.parametrize("name", FIGURES)
def test_letters_can_be_read_on_a_telephone_and_none_is_cut(name, drawn):
    """Catches: a wide figure whose letters shrink below 8 pixels, and text beyond the edge of the picture."""
    figure = laid_out(drawn[name])
    ticks = [
        label
        for ax in figure.axes
        for axis in (ax.xaxis, ax.yaxis)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
        for label in (tick.label1, tick.label2)
    ]
    scale = min(1.0, PHONE / (100 * figure.get_figwidth()))
    for text in figure.findobj(Text):
        if not text.get_text() or not text.get_visible():
            continue
        assert text.get_fontsize() * style.PIXELS / 72 * scale >= 8, text
        box = text.get_window_extent()
        inside = figure.bbox.padded(1)
        if text in ticks:
            continue  # a tick beyond the limits of its axis is not drawn
        assert inside.x0 <= box.x0 and box.x1 <= inside.x1, text
        assert inside.y0 <= box.y0 and box.y1 <= inside.y1, text


@pytest.mark.parametrize(
    "name", ["trade_off", "early_stop", "pruned_accuracy", "collapse_curve", "budget_curve", "break_even"]
)
def test_the_legend_has_the_order_of_the_lines_at_their_right_end(name, drawn):
    """Catches: the order of drawing, and an axis that falls to the right taken for one that rises."""
    figure = laid_out(drawn[name])
    (ax,) = figure.axes
    (legend,) = figure.legends
    handles, labels = ax.get_legend_handles_labels()
    lines = {
        label: handle if isinstance(handle, Line2D) else handle.lines[0]
        for handle, label in zip(handles, labels, strict=True)
    }
    ends = []
    for text in legend.get_texts():
        line = lines.get(text.get_text())
        if line is not None and len(line.get_xdata()):
            points = line.get_transform().transform(line.get_xydata())
            ends.append(max(map(tuple, points))[1])
    assert len(ends) > 2 and ends == sorted(ends, reverse=True)
    assert legend._ncols == 1


@pytest.mark.parametrize("theme", ["default", "dark_background"])
def test_a_figure_brings_its_ground_whatever_the_theme(theme):
    """Catches: white letters on white in the notebook of someone whose theme is dark."""
    with matplotlib.style.context(theme):
        figure = FIGURES["trade_off"]()
        png = style._render(figure, "png", "alt")
    pixels = matplotlib.image.imread(io.BytesIO(png))[..., :3]
    assert pixels[:3].min() == 1.0
    assert pixels[..., :3].mean() > 0.9
    for text in figure.findobj(Text):
        assert not text.get_text() or contrast(text.get_color()) >= 4.5, text


def test_the_picture_of_a_notebook_has_its_words_in_the_page_and_in_the_metadata(monkeypatch):
    """Catches: words in the metadata only, which neither JupyterLab nor nbconvert puts into `alt`, and words as markup."""
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **more: shown.append((data, more)))
    plots.show(FIGURES["trade_off"](), alt='Accuracy < 5 % & "falling".')
    ((bundle, more),) = shown
    words = "Accuracy &lt; 5 % &amp; &quot;falling&quot;."
    assert f'alt="{words}"' in bundle["text/html"] and f"{words}</details>" in bundle["text/html"]
    assert f'src="data:image/png;base64,{bundle["image/png"]}"' in bundle["text/html"]
    assert more["metadata"]["image/png"] == {"width": 540, "alt": 'Accuracy < 5 % & "falling".'}
    assert bundle["text/plain"] == 'Accuracy < 5 % & "falling".'


def test_a_picture_with_fewer_colours_is_the_same_picture():
    png = style._render(FIGURES["trade_off"](), "png", "Words.")
    small = style._few_colours(png, "Words.")
    one, other = (matplotlib.image.imread(io.BytesIO(p))[..., :3] for p in (png, small))
    assert one.shape == other.shape and abs(one - other).max() < 0.25 and abs(one - other).mean() < 0.002
    assert len(small) < 0.6 * len(png) and b"Words." in small


def shades(figure: Figure) -> list[PolyCollection]:
    return [
        c for c in figure.axes[0].collections if isinstance(c, PolyCollection) and not isinstance(c, QuadMesh)
    ]


def test_three_seeds_get_no_band_and_the_legend_says_so(drawn):
    words = {
        name: [t.get_text() for t in drawn[name].legends[0].get_texts()]
        for name in FIGURES
        if drawn[name].legends
    }
    areas = {name: sum(len(p.vertices) for c in shades(drawn[name]) for p in c.get_paths()) for name in words}
    assert areas["trade_off"] > 0 and areas["trade_off of three"] == 0
    assert "mean, band: 95 % interval" in words["trade_off"]
    (said,) = [w.replace("\n", " ") for w in words["trade_off of three"] if "seeds" in w]
    assert said == "mean; thin lines: single seeds (too few for an interval)"


def test_an_impossible_interval_is_drawn_as_its_seeds(drawn):
    """Catches: 93 % [65, 122] on an axis of percentages, and a legend that still speaks of an interval alone."""
    figure = drawn["predicted of percent"]
    (ax,) = figure.axes
    assert not [b for b in ax.collections if isinstance(b, BARS)]
    dots = next(line for line in ax.lines if line.get_marker() == ".")
    assert sorted(dots.get_xdata()) == [80, 99, 100, 100]
    assert ax.get_xlim()[1] < 110
    assert any("beyond what can be" in t.get_text() for t in figure.legends[0].get_texts())


def test_zero_is_on_the_axis_of_every_prediction():
    for values in ([80.0, 81.0, 79.0, 80.5], [-5.0, -5.1, -4.9]):
        band = plots.predictions.evidence.interval(values)
        for guess in (None, values[0] * 1.1):
            low, high = plots.predicted([("x", guess, band)], unit="u").axes[0].get_xlim()
            assert low < 0 < high
            assert guess is None or low < guess < high


@pytest.mark.parametrize("guess", [math.nan, math.inf, "75 %"])
def test_a_prediction_that_is_no_number_is_refused(guess):
    band = plots.predictions.evidence.interval([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="expected a number"):
        plots.predicted([("x", guess, band)], unit="u")


@pytest.mark.parametrize("long", ["fine-tuning - rewound to step k", "x"])
def test_title_and_label_stay_inside_the_figure(long: str) -> None:
    """Catches: a title or a label under a narrow axes whose ends are cut off at the edge of the picture."""
    label = "test accuracy minus that of rewound to an early step (points)"
    with matplotlib.rc_context(style.STYLE):
        figure = Figure(figsize=(style.WIDTH, 3), layout="constrained")
        ax = figure.subplots()
        ax.plot([0.0, 1.0], [0.0, 1.0])
        ax.set_yticks([0.0, 1.0], [long, long])
        ax.set_xlabel(label)
        before = figure.get_figheight()
        style.finish(
            figure, ax, "Your predictions beside the whole measurement", "LeNet, 3 seeds", lines=False
        )
        figure.draw_without_rendering()
    paper = figure.bbox
    for text in (ax.title, ax._left_title, ax.xaxis.label):
        box = text.get_window_extent()
        assert text.get_text() == "" or (paper.x0 <= box.x0 and box.x1 <= paper.x1), text.get_text()
        assert paper.y0 <= box.y0 and box.y1 <= paper.y1 + 1
    assert " ".join(ax.get_xlabel().split()) == label, "no word is lost"
    assert figure.get_figheight() >= before
