"""Explorers: every step of a slider draws what it says, nothing is cut, and without widgets a picture remains."""

from __future__ import annotations

import base64
import copy
import html
import math
import sys
from itertools import pairwise

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

import lthkit as lth
from lthkit import explore
from tests.conftest import small_net
from tests.plots.test_plots import ROWS

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def run_folder(tmp_path):
    """A folder with the masks of one seed, 64 inputs to the first layer, one for each round of ROWS."""
    model, scores = small_net(seed=0), lth.magnitude(small_net(seed=0))
    for level in range(21):
        mask = lth.prune_to(lth.Mask.ones(model), scores, 0.8**level, scope="layerwise", min_kept=0)
        mask.save(tmp_path / "seed-0" / f"mask-{level:02d}.npz")
    return tmp_path


@pytest.fixture
def with_kernel(monkeypatch):
    """As in a notebook whose kernel has ipywidgets."""
    pytest.importorskip("ipywidgets")
    monkeypatch.setattr(explore, "_no_widgets", lambda: "")


def texts(figure: Figure) -> list[Text]:
    """All texts that are drawn: titles, labels, small print, legends, and the tick labels inside their axes."""
    found = [*figure.texts, *(t for legend in figure.legends for t in legend.get_texts())]
    for ax in figure.axes:
        found += [*ax.texts, ax.title, ax._left_title, ax._right_title, ax.xaxis.label, ax.yaxis.label]
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [t for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
            found += [t.label1 for t in ticks if t.label1.get_visible()]
    return [t for t in found if t.get_visible() and t.get_text()]


def assert_readable(figure: Figure) -> None:
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in texts(figure)]
    assert len(boxes) > 10
    for text, box in boxes:
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        assert inside, f"{text!r} is cut: {box}"
    for i, (text, box) in enumerate(boxes):
        for other, another in boxes[i + 1 :]:
            assert not box.overlaps(another), f"{text!r} lies over {other!r}"


@pytest.mark.parametrize("scope", explore.SCOPES)
def test_every_step_of_the_slider_draws_the_mask_that_it_says(tiny, scope):
    """Catches a picture of another density or scope, a text that runs into its neighbour, and a threshold off view."""
    model = small_net(seed=0)
    scores = lth.magnitude(model)
    for density in explore.DENSITIES:
        figure = Figure(figsize=explore.SIZE)
        words = explore.draw_pruned(figure, model=model, data=tiny, density=density, scope=scope)
        mask = lth.prune_to(
            lth.Mask.ones(model), scores, density, scope=scope, min_kept=int(scope == "global")
        )
        assert f"{100 * mask.density:.3g} % of the weights kept, {scope}" in words
        assert figure.texts[0].get_text().startswith(f"{100 * mask.density:.3g} % of the weights kept")
        assert_readable(figure)
        *layers, bars, _ = figure.axes
        widths = [patch.get_width() for patch in bars.patches]
        assert widths == pytest.approx([100 * part for part in mask.per_layer().values()])
        for ax, name in zip(layers, mask, strict=True):
            lines = [line.get_xdata()[0] for line in ax.get_lines()]
            gone = scores[name][~mask[name]]
            assert len(lines) == bool(len(gone)) or scope == "global"
            assert all(0 <= x <= ax.get_xlim()[1] for x in lines)
            if lines and len(gone):
                # between what went and what stayed
                assert float(gone.max()) <= lines[0] + 1e-9
                assert scope == "global" or all(lines[0] <= scores[name][mask[name]] + 1e-9)


def test_the_largest_numbers_fit():
    """Catches bar labels that only fit for small networks: LeNet-300-100 has up to 235,200 weights in a layer."""
    data, model = lth.load_data("fashion-mnist"), lth.models.lenet_300_100(seed=0)
    for density, scope in ((1.0, "global"), (0.045, "layerwise"), (0.01, "global")):
        figure = Figure(figsize=explore.SIZE)
        words = explore.draw_pruned(
            figure, model=model, data=data, density=density, scope=scope, label="seed 2"
        )
        assert_readable(figure)
        assert "the first 1,000 validation images" in figure.texts[1].get_text()
        assert "on 1,000 validation images" in words


def test_a_network_without_a_mistake_and_one_without_a_hit_fit_too(tiny):
    """Catches labels of the accuracy axis that leave it at 0 or 100 %."""
    for dense in (0.0, 0.02, 0.98, 1.0):
        figure = Figure(figsize=explore.SIZE)
        explore.draw_pruned(
            figure, model=small_net(seed=0), data=tiny, density=1.0, scope="global", dense=dense
        )
        assert_readable(figure)


def test_the_accuracy_is_that_of_the_pruned_network(tiny):
    """Catches a marker that shows the dense network, or a subset that is not the one in the words."""
    model = small_net(seed=0)
    lth.train(model, tiny, steps=40, seed=0)
    for density in (1.0, 0.1):
        figure = Figure(figsize=explore.SIZE)
        words = explore.draw_pruned(figure, model=model, data=tiny, density=density, scope="layerwise")
        pruned = copy.deepcopy(model)
        lth.prune_to(lth.Mask.ones(model), lth.magnitude(model), density, scope="layerwise").apply_(pruned)
        value = 100 * lth.evaluate(pruned, tiny).accuracy
        assert f"accuracy {value:.1f} % on 90 validation images" in words
        assert figure.axes[-1].get_lines()[-1].get_ydata()[0] == pytest.approx(value)


def test_drawing_leaves_the_network_and_the_threads_as_they_were(tiny):
    """Catches pruning in place, which would make the next step of the slider start from a pruned network."""
    model, threads = small_net(seed=0), torch.get_num_threads()
    before = copy.deepcopy(model.state_dict())
    explore.prune_it_yourself({0: model}, tiny, density=0.01)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert torch.get_num_threads() == threads


def test_only_the_validation_split_is_read_and_no_more_than_said(tiny):
    """Catches an explorer on the test split, and one that makes the reader wait for a large validation split."""
    seen = []

    class Watched(torch.nn.Sequential):
        def forward(self, images):
            seen.append(images.clone())
            return super().forward(images)

    many = lth.data.Split(tiny.validation.images.repeat(20, 1, 1, 1), torch.zeros(1800, dtype=torch.int64))
    data = lth.Dataset.of("x", train=tiny.train, validation=many, test=tiny.test, classes=("a", "b", "c"))
    explore.prune_it_yourself({0: Watched(*small_net(seed=0))}, data)
    assert sum(map(len, seen)) == 2 * explore.IMAGES  # dense, and pruned
    assert torch.equal(torch.cat(seen)[: explore.IMAGES], data.normalise(many.images[: explore.IMAGES]))


def test_every_round_of_the_scrubber_draws_its_own_mask(run_folder):
    """Catches a picture of another round, a mark at another density, and texts that overlap."""
    for level in range(21):
        mask = lth.runs.experiments.load_mask(run_folder, seed=0, level=level)
        figure = Figure(figsize=explore.SIZE)
        words = explore.draw_ticket(
            figure, rows=ROWS, mask=mask, level=level, seed=0, stamp="small print " * 20, shape=(8, 8)
        )
        assert_readable(figure)
        picture, _, curves = figure.axes
        assert (picture.images[0].get_array() == mask["1.weight"].sum(0).reshape(8, 8).numpy()).all()
        assert curves.get_lines()[0].get_xdata()[0] == pytest.approx(100 * 0.8**level)
        assert words.startswith(f"Round {level}, {100 * 0.8**level:.3g} % of the weights: ")
        assert ("re-initialised" in words) == (level in (7, 15))


def test_one_seed_has_no_interval():
    """Catches `nan` in the picture or its words where there is one seed only."""
    rows = [row for row in ROWS if row["seed"] == 0]
    mask = lth.Mask.ones(small_net(seed=0))
    words = explore.draw_ticket(Figure(figsize=explore.SIZE), rows=rows, mask=mask, level=7, shape=(8, 8))
    assert "nan" not in words and "±" not in words


def test_the_slider_and_the_toggle_change_the_picture_and_the_words(tiny, with_kernel):
    """Catches a control that is not connected, and words that stay behind the picture."""
    found = explore.prune_it_yourself({0: small_net(seed=0), 1: small_net(seed=1)}, tiny)
    slider, toggle, chooser, image, text = found.widget.children
    assert image.value == found.png and found.alt in text.value
    seen = [(bytes(image.value), text.value)]
    for control, value in ((slider, 0.01), (toggle, "layerwise"), (chooser, 1)):
        control.value = value
        seen.append((bytes(image.value), text.value))
    for (png, words), (next_png, next_words) in pairwise(seen):
        assert png != next_png and words != next_words
    assert all(png.startswith(b"\x89PNG") for png, _ in seen)
    assert "layerwise, seed 1" in text.value and [v for _, v in slider.options] == list(explore.DENSITIES)


def test_the_scrubber_goes_through_all_rounds(run_folder, with_kernel):
    """Catches a slider with other rounds than the run has, and one that does not redraw."""
    found = explore.ticket_scrubber(run_folder, ROWS, shape=(8, 8))
    slider, image, text = found.widget.children
    assert [value for _, value in slider.options] == list(range(21))
    pictures = set()
    for level in (0, 7, 20):
        slider.value = level
        pictures.add(bytes(image.value))
        assert f"Round {level}," in text.value
    assert len(pictures) == 3


def test_a_stored_notebook_keeps_a_picture_and_its_words(tiny, with_kernel):
    """Catches an explorer of which nothing is left on GitHub: the build drops live widgets."""
    nbformat = pytest.importorskip("nbformat")
    from lthkit.classroom import build

    found = explore.prune_it_yourself({0: small_net(seed=0)}, tiny)
    data, metadata = found._repr_mimebundle_()
    assert data[VIEW]["model_id"] == found.widget.model_id
    output = nbformat.v4.new_output("execute_result", data, metadata=metadata)
    bare = nbformat.v4.new_output("display_data", {VIEW: {"model_id": "1"}, "text/plain": "IntSlider()"})
    (kept,) = build._clean_outputs("here", [output, bare], [])
    assert base64.b64decode(kept.data["image/png"]) == found.png
    assert VIEW not in kept.data and kept.data["text/plain"] == found.alt == kept.metadata["image/png"]["alt"]
    assert f'alt="{html.escape(found.alt)}"' in kept.data["text/html"], (
        "no reader of HTML takes words from the metadata"
    )


@pytest.mark.parametrize("missing", ["ipywidgets", "kernel"])
def test_without_widgets_the_picture_stands_still_and_says_why(
    tiny, run_folder, monkeypatch, capsys, missing
):
    """Catches a lesson that ends in an ImportError, or a picture that silently has no sliders."""
    if missing == "ipywidgets":
        monkeypatch.setitem(sys.modules, "ipywidgets", None)
    for explorer in (
        lambda: explore.prune_it_yourself({0: small_net(seed=0)}, tiny),
        lambda: explore.ticket_scrubber(run_folder, ROWS, shape=(8, 8)),
    ):
        found = explorer()
        (line,) = capsys.readouterr().out.splitlines()
        assert missing in line.partition(";")[0]
        assert found.widget is None and found.png.startswith(b"\x89PNG") and found.alt
        assert VIEW not in found._repr_mimebundle_()[0]


def test_what_cannot_be_drawn_is_refused_with_a_reason(tiny, run_folder):
    """Catches a slider that would start between two of its steps, and a run without the masks."""
    model = small_net(seed=0)
    with pytest.raises(ValueError, match="No network"):
        explore.prune_it_yourself({}, tiny)
    with pytest.raises(ValueError, match=r"density=0\.123"):
        explore.prune_it_yourself({0: model}, tiny, density=0.123)
    with pytest.raises(ValueError, match="scope='both'"):
        explore.prune_it_yourself({0: model}, tiny, scope="both")
    with pytest.raises(ValueError, match="22 prunable layers; the picture has room for 6"):
        explore.prune_it_yourself({0: lth.models.resnet_20(seed=0)}, tiny)
    with pytest.raises(ValueError, match="level=99"):
        explore.ticket_scrubber(run_folder, ROWS, level=99)
    with pytest.raises(FileNotFoundError, match="no round 10 of seed 1"):
        explore.ticket_scrubber(run_folder, ROWS, seed=1)


SAMPLED = {
    "ticket (12 %) - re-initialised (12 %)": [0.3 + 0.5 * math.sin(2.7 * s) for s in range(40)],
    "dense, other order - dense": [0.5 * math.sin(2.7 * s) for s in range(40)],
}


@pytest.mark.parametrize("label", SAMPLED)
def test_every_number_of_seeds_is_drawn_and_readable(label):
    """Catches a text that runs into its neighbour, and a picture of another number of seeds."""
    for seeds in explore.SEEDS:
        figure = Figure(figsize=explore.SIZE)
        words = explore.draw_seeds(
            figure,
            label=label,
            differences=SAMPLED[label],
            seeds=seeds,
            experiment=50,
            stamp="small print " * 9,
        )
        assert f"experiments with {seeds} seed" in words
        assert_readable(figure)


def test_the_sampler_without_a_kernel_is_a_picture(capsys):
    shown = explore.seed_sampler(SAMPLED, seeds=5)
    assert shown.widget is None and "experiments with 5 seeds" in shown.alt
    assert "stands still" in capsys.readouterr().out
    data, about = shown._repr_mimebundle_()
    assert VIEW not in data and about["image/png"]["alt"] == data["text/plain"] == shown.alt


def test_the_sampler_answers_to_its_controls(with_kernel):
    """Catches a control that changes nothing, and one that a keyboard cannot reach: all are ipywidgets' own."""
    shown = explore.seed_sampler(SAMPLED)
    chooser, slider, number, image, text = shown.widget.children
    assert [c.description for c in (chooser, slider, number)] == ["comparison", "seeds", "experiment"]
    before = image.value
    slider.value = 10
    assert image.value != before and "experiments with 10 seeds" in text.value
    number.value = 2
    assert "Experiment 2" in text.value
    chooser.value = "dense, other order - dense"
    assert "do not say who is better" in text.value


@pytest.mark.parametrize(
    "given, words",
    [({}, "No comparison"), ({"a": [0.1] * 9}, "ten seeds or more"), ([0.1] * 20, "No comparison")],
)
def test_the_sampler_refuses_what_it_cannot_draw(given, words):
    with pytest.raises(ValueError, match=words):
        explore.seed_sampler(given)
    with pytest.raises(ValueError, match="expected one of 1, 2, 3"):
        explore.seed_sampler(SAMPLED, seeds=6)


def test_data_of_ones_own_is_sampled_fairly():
    """Catches an accuracy of the first classes alone: pictures in a folder come class by class."""
    rows = torch.randint(256, (4000, 1, 2, 2), dtype=torch.uint8)
    labels = torch.arange(4).repeat_interleave(1000)
    whole = lth.data.Split(rows, labels)
    data = lth.Dataset.of("own", train=whole, validation=whole, test=whole, classes="abcd")
    some = explore._few(data).validation
    assert len(some) == explore.IMAGES and some.labels.bincount().tolist() == [explore.IMAGES // 4] * 4
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 4))
    with torch.no_grad():
        model[1].weight.zero_(), model[1].bias.copy_(torch.tensor([1.0, 0, 0, 0]))
    words = explore.draw_pruned(Figure(), model=model, data=data, density=1.0, scope="global")
    assert "accuracy 25.0 % on 1,000 validation images" in words
    numbers = lth.Dataset.of_tensors(rows, labels.float(), name="own")
    with pytest.raises(ValueError, match="own has numbers as targets.*expected data with classes"):
        explore.prune_it_yourself({0: model}, numbers)
