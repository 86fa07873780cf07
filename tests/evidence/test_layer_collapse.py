"""What a mask leaves of each layer, and whether the network still conducts."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from torch import Tensor, nn

import lthkit as lth
from lthkit import plots
from lthkit.evidence.layer_collapse import collapse
from lthkit.plots.collapse import CONTROLS
from tests.conftest import small_conv, small_net


def chain(*widths: int) -> nn.Module:
    """Linear layers in a row, ReLU between them; parameters are 0.weight, 2.weight, ..."""
    layers: list[nn.Module] = []
    for before, after in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def mask_of(**tensors: list) -> lth.Mask:
    """mask_of(_0=[[1, 0]]) is the mask of 0.weight."""
    return lth.Mask({f"{n[1:]}.weight": torch.tensor(t, dtype=torch.bool) for n, t in tensors.items()})


def test_a_whole_network_is_connected_whole():
    """Catches: padding, batch norm or a pool that makes a path out of none, or none out of one."""
    for model, shape in (
        (small_net(seed=0), (1, 8, 8)),
        (small_conv(seed=0), (1, 8, 8)),
        (lth.models.conv_4(seed=0, width=4), (3, 32, 32)),
        (lth.models.resnet_20(seed=0, width=2), (3, 32, 32)),
        (lth.models.vgg_16(seed=0, width=2), (3, 32, 32)),
    ):
        found = collapse(model, lth.Mask.ones(model), shape)
        assert found.connected == found.kept == found.total
        assert found.collapsed == found.emptied == [] and not found.disconnected
        assert found.connected_share == found.density == 1.0


def test_counts_of_a_mask_that_keeps_weights_on_no_path():
    """Catches: kept weights into or out of a dead neuron counted as connected; kept and connected exchanged."""
    mask = mask_of(
        _0=[[1, 0], [1, 1], [0, 0]],  # neuron 0: in and out; neuron 1: in only; neuron 2: out only
        _2=[[1, 0, 1]],
    )
    found = collapse(chain(2, 3, 1), mask, (2,))
    assert found.total == {"0.weight": 6, "2.weight": 3}
    assert found.kept == {"0.weight": 3, "2.weight": 2}
    assert found.connected == {"0.weight": 1, "2.weight": 1}
    assert found.connected_share == 2 / 5 and found.density == 5 / 9
    assert found.collapsed == [] and not found.disconnected


def test_an_emptied_layer_collapses_all():
    """Catches: only the emptied layer reported, when nothing before and after it conducts any more."""
    mask = mask_of(_0=[[1, 1], [1, 1]], _2=[[0, 0], [0, 0]], _4=[[1, 1]])
    found = collapse(chain(2, 2, 2, 1), mask, (2,))
    assert found.emptied == ["2.weight"]
    assert found.collapsed == ["0.weight", "2.weight", "4.weight"] and found.disconnected
    assert found.connected_share == 0.0


def test_a_layer_that_keeps_weights_may_lie_on_no_path():
    """No layer is empty, and yet nothing conducts. Catches: collapse taken for an empty layer; a one-step look."""
    # input -> a; only b goes on to c; c -> output
    mask = mask_of(_0=[[1, 1], [0, 0]], _2=[[0, 1], [0, 0]], _4=[[1, 0]])
    found = collapse(chain(2, 2, 2, 1), mask, (2,))
    assert found.emptied == [] and found.disconnected
    assert list(found.kept.values()) == [2, 1, 1] and list(found.connected.values()) == [0, 0, 0]


def test_values_do_not_matter():
    """Catches: paths lost because a weight is negative, tiny or exactly 0, or found because a bias is not."""
    model, mask = chain(2, 2, 1), mask_of(_0=[[1, 0], [0, 1]], _2=[[1, 0]])
    expected = {"0.weight": 1, "2.weight": 1}
    for weight, bias in ((-1.0, 5.0), (1e-30, -5.0), (0.0, 1.0)):
        with torch.no_grad():
            for name, p in model.named_parameters():
                p.fill_(bias if name.endswith("bias") else weight)
        before = {n: p.clone() for n, p in model.named_parameters()}
        assert collapse(model, mask, (2,)).connected == expected
        assert all(torch.equal(p, before[n]) for n, p in model.named_parameters())


def test_batch_norm_neither_makes_nor_breaks_a_path():
    """Catches: a shift of batch norm that starts a path, and a stored mean or gain that ends one."""
    model = small_conv(seed=0)
    with torch.no_grad():
        model[1].bias.fill_(3.0)
        model[1].weight.fill_(-1.0)
        model[1].running_mean.fill_(100.0)
    model.train()
    thin = torch.zeros(8, 1, 3, 3, dtype=torch.bool)
    thin[:, :, 1, 1] = True  # one path into each channel: a mean of 1 that is taken off would end it
    whole = lth.Mask.ones(model)
    mask = lth.Mask({**whole, "0.weight": thin})
    assert collapse(model, mask, (1, 8, 8)).connected == mask_counts(mask)
    silent = lth.Mask({**whole, "0.weight": torch.zeros_like(thin)})
    assert collapse(model, silent, (1, 8, 8)).disconnected


def mask_counts(mask: lth.Mask) -> dict[str, int]:
    return {name: int(t.sum()) for name, t in mask.items()}


def test_a_dead_channel_of_a_convolution():
    """Channel 1 has no input, channel 2 no output. Catches: axes of a kernel confused."""
    model = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 2, 3), nn.Flatten())
    first, second = torch.ones(3, 1, 3, 3, dtype=torch.bool), torch.ones(2, 3, 3, 3, dtype=torch.bool)
    first[1] = False
    second[:, 2] = False
    found = collapse(model, lth.Mask({"0.weight": first, "2.weight": second}), (1, 8, 8))
    assert list(found.kept.values()) == [18, 36] and list(found.connected.values()) == [9, 18]


def test_a_weight_of_which_only_the_padding_is_seen_is_not_connected():
    """A 3x3 kernel on a 1x1 image multiplies zeros with eight of its nine weights."""
    model = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.Flatten(), nn.Linear(1, 1))
    assert collapse(model, lth.Mask.ones(model), (1, 1, 1)).connected == {"0.weight": 1, "2.weight": 1}


def test_a_path_may_run_through_any_place_under_a_max_pool():
    """Catches: the largest place alone taken for connected, which is what the gradient of a max-pool does."""
    model = nn.Sequential(
        nn.Conv2d(2, 1, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1, 1)
    )
    kernel = torch.zeros(1, 2, 3, 3, dtype=torch.bool)
    kernel[0, :, 1, 1] = True  # both channels where they are ...
    kernel[0, 0, 1, 2] = (
        True  # ... and one from its right neighbour: the left places of the 2x2 image see more
    )
    kernel[0, 1, 1, 0] = True
    kernel[0, 1, 0, 1] = True
    mask = lth.Mask({"0.weight": kernel, "4.weight": torch.ones(1, 1, dtype=torch.bool)})
    assert collapse(model, mask, (2, 2, 2)).connected == {"0.weight": 5, "4.weight": 1}


def test_a_shortcut_bypasses_a_collapsed_layer():
    """Catches: a residual network called disconnected because one of its layers is empty."""
    model = lth.models.resnet_20(seed=0, width=2)
    mask = lth.Mask.ones(model)
    inner = "block2.conv1.weight"
    found = collapse(model, lth.Mask({**mask, inner: torch.zeros_like(mask[inner])}), (3, 32, 32))
    assert found.emptied == [inner]
    assert found.collapsed == [inner, "block2.conv2.weight"] and not found.disconnected
    assert "collapsed, but bypassed: block2.conv1.weight, block2.conv2.weight" in str(found)


def test_a_layer_left_out_of_the_mask_is_whole_and_not_counted():
    model = chain(2, 3, 1)
    mask = lth.Mask.ones(model, exclude=["2.weight"])
    assert collapse(model, mask, (2,)).connected == {"0.weight": 6}


def test_the_report_is_a_table():
    """Catches: columns exchanged, and a last line that contradicts them."""
    mask = mask_of(_0=[[1, 0], [1, 1], [0, 0]], _2=[[1, 0, 1]])
    assert str(collapse(chain(2, 3, 1), mask, (2,))).split("\n") == [
        "layer     weights  kept  connected",
        "--------  -------  ----  ---------",
        "0.weight        6     3          1",
        "2.weight        3     2          1",
        "40.0 % of the kept weights are connected",
    ]
    nothing = mask_of(_0=[[0, 0]] * 3, _2=[[0, 0, 0]])
    found = collapse(chain(2, 3, 1), nothing, (2,))
    assert str(found).endswith("no path leads from input to output") and found.connected_share == 0.0


def test_bad_input_is_named():
    model = small_net(seed=0)
    mask = lth.Mask.ones(model)
    with pytest.raises(ValueError, match=r"shape=\(3, 9, 9\).*one input without the batch"):
        collapse(model, mask, (3, 9, 9))
    with pytest.raises(ValueError, match="shape=28"):
        collapse(model, mask, 28)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="another model"):
        collapse(small_conv(seed=0), mask, (1, 8, 8))


# What the criteria do to it


def narrow(*, seed: int) -> nn.Module:
    """Wide and narrow layers in turn, Kaiming-like: in 1-shot global ranking the wide layers go first."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), *chain(64, 300, 8, 300, 8, 3))


def layer_sums(scores: dict[str, Tensor]) -> list[float]:
    return [float(s.sum()) for s in scores.values()]


def test_synflow_is_conserved_under_a_mask_and_through_convolutions():
    """Tanaka et al. 2020, theorem 2: each layer of the *pruned* network has the same sum; one that is cut has 0 everywhere.

    Catches: scores of the unpruned weights, and a padded border or a pool that loses part of the flow.
    """
    model = lth.models.conv_4(seed=0, width=4)
    shape = (3, 32, 32)
    mask = lth.prune_to(lth.Mask.ones(model), lth.random(model, seed=0), 0.2)
    mask.apply_(model)
    sums = layer_sums(lth.synflow(model, shape))
    assert sums[0] > 0 and sums == pytest.approx([sums[0]] * len(sums), rel=1e-9)
    cut = lth.Mask({**mask, "fc2.weight": torch.zeros_like(mask["fc2.weight"])})
    cut.apply_(model)
    assert layer_sums(lth.synflow(model, shape)) == [0.0] * len(sums)


def test_only_the_guard_keeps_a_one_shot_ranking_from_collapse():
    """Catches: a guard of one weight a layer that is not one, and one that is always on."""
    model, shape = narrow(seed=0), (1, 8, 8)
    everything, scores = lth.Mask.ones(model), lth.synflow(model, shape)
    free = lth.prune_to(everything, scores, 0.01, min_kept=0)
    guarded = lth.prune_to(everything, scores, 0.01, min_kept=1)
    assert free.kept == guarded.kept
    assert collapse(model, free, shape).emptied != []
    assert collapse(model, guarded, shape).emptied == []


def test_synflow_in_many_rounds_conducts_where_one_round_does_not():
    """Tanaka et al. 2020, figure 1 in small. Catches: rounds that score the unpruned network again and again."""
    model, shape = narrow(seed=0), (1, 8, 8)
    flow = partial(lth.synflow, shape=shape)
    once, often = (
        collapse(model, lth.prune_iteratively(model, flow, 0.01, rounds=rounds, min_kept=0), shape)
        for rounds in (1, 100)
    )
    assert once.disconnected and not often.disconnected
    assert often.connected_share > 0.95


# The figures


CURVE = [
    {"arm": arm, "seed": seed, "density": d, "smallest": round(top * d**power) if d > dies else 0}
    for arm, top, power, dies in (("magnitude", 60, 0.2, 0.02), ("SynFlow, 100 rounds", 72, 0.3, 0.0))
    for seed in (0, 1, 2)
    for d in (0.3, 0.1, 0.01, 0.001)
]
CHECKS = [
    {
        "criterion": criterion,
        "arm": arm,
        "seed": seed,
        "test_accuracy": 0.8 + 0.01 * seed + gap * (seed + 1) / 2,
    }
    for criterion, gaps in (("IMP", (0.0, -0.02, -0.01)), ("SNIP", (0.0, 0.01, 0.0)))
    for arm, gap in zip(("as is", *CONTROLS), gaps, strict=True)
    for seed in (0, 1, 2)
]


def test_figures_have_every_arm_and_no_cut_text():
    """Catches: an arm without a label, a tick or a legend that leaves the frame, a zero that is off the axis."""
    for figure, labels in (
        (plots.collapse_curve(CURVE, stamp="vgg-16, 3 seeds"), {"magnitude", "SynFlow, 100 rounds"}),
        (
            plots.sanity_checks(CHECKS, stamp="lenet, 3 seeds"),
            {f"{c} - as is: mean, 95 % interval" for c in CONTROLS},
        ),
    ):
        FigureCanvasAgg(figure).draw()
        ax, renderer = figure.axes[0], figure.canvas.get_renderer()
        assert set(ax.get_legend_handles_labels()[1]) == labels
        shown = [*ax.get_yticklabels(), *figure.legends[0].get_texts()]
        boxes = [t.get_window_extent(renderer) for t in (*shown, ax.yaxis.label) if t.get_text()]
        assert all(0 <= b.x0 and b.x1 <= figure.bbox.x1 and 0 <= b.y0 for b in boxes)
    low, high = plots.collapse_curve(CURVE).axes[0].get_ylim()
    assert low < 0 < 72 < high


def test_criteria_that_are_cut_at_one_density_can_all_be_seen():
    """Catches: markers at 0 on top of each other, and the outermost cut off by the frame."""
    rows = [row | {"arm": arm, "smallest": 0} for arm in "abcdef" for row in CURVE if row["seed"] == 0]
    ax = plots.collapse_curve(rows).axes[0]
    left, right = ax.get_xlim()
    at = [x for line in ax.get_lines() if line.get_label() in "abcdef" for x in line.get_xdata()]
    last = sorted(at)[:6]
    assert len(set(at)) == len(at) and all(1.02 < b / a < 1.04 for a, b in zip(last, last[1:], strict=False))
    assert left > max(at) * 1.05 and right < min(at) / 1.05


def test_figures_in_words_give_the_numbers():
    """Catches: differences with the sign turned, seeds paired wrongly, fractions called points."""
    assert "magnitude: 47 at 30 %, 38 at 10 %, 0 at 1 %, 0 at 0.1 %" in plots.describe_collapse(CURVE)
    words = plots.describe_sanity(list(reversed(CHECKS)))
    assert "IMP, shuffled: -2.00 (-4.48 to +0.48)" in words and "SNIP, shuffled: +1.00" in words
    assert "SNIP, re-initialised: +0.00 (+0.00 to +0.00)" in words


def test_tables_that_cannot_be_drawn_are_named():
    with pytest.raises(ValueError, match="0 criteria"):
        plots.collapse_curve([])
    with pytest.raises(ValueError, match="'SNIP' has both 're-initialised' and 'as is'"):
        plots.sanity_checks(
            [row for row in CHECKS if row["arm"] != "re-initialised" or row["criterion"] == "IMP"]
        )
