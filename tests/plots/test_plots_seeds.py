"""Figures of lesson 13: what they draw is what their tables say, and their words say it too."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

from lthkit import evidence, plots
from tests.plots.figures import seed_differences, stop_curves

TICKET = seed_differences()["ticket - re-initialised"]


def histograms(figure: Figure) -> dict[str, np.ndarray]:
    patches = [p for p in figure.axes[2].patches if isinstance(p, StepPatch)]
    return {to_hex(p.get_facecolor()): p.get_data().values for p in patches}


def test_the_wrong_side_is_coloured_and_counted() -> None:
    """Catches: a bar across 0 in two colours, and a share that is not that of the picture."""
    figure = Figure()
    words = plots.draw_seeds(figure, label="ticket - re-initialised", differences=TICKET, seeds=3)
    found = evidence.sample_seeds(TICKET, 3)
    assert found.wrong is not None
    drawn = histograms(figure)
    blue, orange = drawn["#0072b2"], drawn["#d55e00"]
    assert blue.sum() == 2000 and orange.sum() == round(2000 * found.wrong)
    half = len(blue) // 2
    assert orange[half:].sum() == 0 and blue[:half].sum() == orange.sum()
    assert f"the wrong arm wins in {100 * found.wrong:.1f} %" in words
    assert f"right side in {100 * found.found:.1f} %" in words
    assert f"wrong side in {100 * found.misled:.1f} %" in words  # type: ignore[operator]


def test_the_shown_experiment_is_one_of_those_drawn() -> None:
    figure = Figure()
    words = plots.draw_seeds(figure, label="x", differences=TICKET, seeds=5, experiment=7)
    found = evidence.sample_seeds(TICKET, 5)
    band = found.experiment(7)
    assert band.mean == pytest.approx(found.means[6]) and band.n == 5
    assert f"Experiment 7: {band.said('+.2f')}" in words
    marks = figure.axes[1].get_lines()[0].get_xdata()
    assert sorted(marks) == sorted(band.values) and set(marks) <= set(TICKET)


def test_without_a_winner_no_arm_is_called_wrong() -> None:
    figure = Figure()
    words = plots.draw_seeds(
        figure, label="x", differences=seed_differences()["ticket - dense, other order"], seeds=5
    )
    assert "do not say who is better" in words and "wrong" not in words
    assert "#d55e00" not in histograms(figure)


@pytest.mark.parametrize("bad", [0, 2001, 1.5, True])
def test_an_experiment_that_was_not_drawn_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="from 1 to 2000"):
        plots.draw_seeds(Figure(), label="x", differences=TICKET, seeds=3, experiment=bad)  # type: ignore[arg-type]


def test_chances_are_those_of_the_draws() -> None:
    """Catches: shares of another comparison, and a line of the plan that is not that of its mean and spread."""
    differences = seed_differences()
    figure = plots.chances(differences, counts=(1, 3, 10))
    upper, lower = figure.axes
    assert [line.get_label() for line in upper.get_lines()] == ["ticket - dense", "ticket - re-initialised"]
    wrong = [100 * (evidence.sample_seeds(TICKET, n).wrong or 0) for n in (1, 3, 10)]
    assert upper.get_lines()[1].get_ydata() == pytest.approx(wrong)
    plan = [
        line for line in lower.get_lines() if to_hex(line.get_color()) == "#777777" and len(line.get_xdata())
    ]
    values = differences["ticket - re-initialised"]
    expected = evidence.power_of(evidence.interval(values).mean, sd=evidence.spread(values).sd, seeds=10)
    assert plan[1].get_ydata()[-1] == pytest.approx(100 * expected)
    words = plots.describe_chances(differences, counts=(1, 3, 10))
    assert f"{wrong[1]:.0f} % at 3" in words and "(no winner known)" in words


def test_looks_and_stops_say_their_numbers() -> None:
    words = plots.describe_looks({"after each seed": ([3, 4], [0.05, 0.081])})
    assert "after each seed: 5.0 % at 3 seeds, 8.1 % at 4" in words
    figure, words = plots.stopping(stop_curves()), plots.describe_stopping(stop_curves())
    assert "dense: least validation loss at steps 900, 1,000, 1,100, 1,200, 1,300, 1,300" in words
    dense, ticket = (
        [line.get_xdata()[0] for line in ax.get_lines() if len(line.get_xdata()) == 1] for ax in figure.axes
    )
    assert sorted(ticket)[:2] == [500, 600] and len(dense) == len(ticket) == 6
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["dense, 6 seeds", "ticket, 6 seeds"]


def test_an_interval_beyond_the_picture_has_an_arrow_and_its_numbers() -> None:
    """Catches an interval of a few seeds that ends at the edge of the picture as if it ended there."""

    def arrows(figure: Figure) -> list[str]:
        return [str(line.get_marker()) for line in figure.axes[1].get_lines() if line.get_marker() in "<>"]

    drawn, reach = evidence.sample_seeds(TICKET, 3, draws=2000), 1.08 * max(map(abs, TICKET))
    wide = next(e for e in range(1, 2001) if drawn.experiment(e).high > reach)
    one, figure = drawn.experiment(wide), Figure()
    plots.draw_seeds(figure, label="x", differences=TICKET, seeds=3, experiment=wide)
    expected = ["<"] * (one.low < -reach) + [">"] * (one.high > reach)
    assert expected and arrows(figure) == expected
    assert f"{one.low:+.2f} to {one.high:+.2f}" in figure.axes[1].get_title(loc="left")
    many = Figure()
    plots.draw_seeds(many, label="x", differences=TICKET, seeds=20)
    assert arrows(many) == []


def test_nothing_to_draw_is_refused() -> None:
    for draw in (plots.chances, plots.looks, plots.stopping):
        with pytest.raises(ValueError, match="0 "):
            draw({})  # type: ignore[operator]
