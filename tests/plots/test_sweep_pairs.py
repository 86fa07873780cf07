"""Every two lines of a sweep against one another, and its tables."""

from __future__ import annotations

import numpy as np
import pytest

from lthkit import evidence, plots
from lthkit.plots.sweep_panels import panels
from tests.plots import sweep_rows as made

ONE = ("lenet-300-100",)


def cells(figure) -> dict[tuple[int, int], str]:
    """What is written in each cell of the (first) matrix, by row and column."""
    return {
        (round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in figure.axes[0].texts
    }


def framed(figure) -> set[tuple[int, int]]:
    found = set()
    for line in figure.axes[0].lines:
        if len(line.get_xdata()) == 5:
            found.add(
                (round(float(np.mean(line.get_ydata()[:4]))), round(float(np.mean(line.get_xdata()[:4]))))
            )
    return found


def colour(figure, i: int, j: int):
    (image,) = figure.axes[0].images
    return image.cmap(image.norm(image.get_array()[i, j]))


def values_of(rows, name: str, asked: float) -> dict[int, float]:
    """Accuracies in percent by seed, without any help of what is tested."""
    method, _, score = name.partition(" ")
    return {
        row["seed"]: 100 * row["test_accuracy"]
        for row in rows
        if row["method"] == method and (row["score"] or "") == score and row["asked"] == asked
    }


def test_a_cell_is_the_paired_difference_over_common_seeds():
    """Catches: the difference of two means, in which seeds do not cancel; an interval of all seeds of each line."""
    rows = [row for row in made.sweep_rows(models=ONE) if row["score"] != "snip" or row["seed"] != 2]
    figure = plots.sweep_matrix(rows, density=0.055)
    names = [t.get_text().replace("\n", " ").split(" ", 1)[1] for t in figure.axes[0].get_yticklabels()]
    i, j = names.index("one-shot"), names.index("prune-at-init snip")
    a, b = values_of(rows, "one-shot", 0.055), values_of(rows, "prune-at-init snip", 0.055)
    band = evidence.interval([a[seed] - b[seed] for seed in (0, 1, 3, 4)])
    assert cells(figure)[i, j] == f"{band.mean:+.2f}\n±{band.half:.2f}\nn 4"
    assert cells(figure)[j, i] == f"{-band.mean:+.2f}\n±{band.half:.2f}\nn 4"
    assert (i, i) not in cells(figure)
    words = plots.describe_sweep_matrix(rows, density=0.055)
    assert f"one-shot - prune-at-init snip: {band.said('+.2f')}, n = 4" in words


def test_blue_is_better_also_where_lower_is():
    """Catches: the colours of an accuracy for an error, by which the worse line looks the better."""
    for rows in (made.sweep_rows(("imp", "prune-at-init snip"), models=ONE), made.error_rows()):
        figure = plots.sweep_matrix(rows, density=0.018)
        names = [t.get_text().replace("\n", " ") for t in figure.axes[0].get_yticklabels()]
        i = next(k for k, name in enumerate(names) if "imp" in name.split())
        j = next(k for k, name in enumerate(names) if "snip" in name)
        better, worse = colour(figure, i, j), colour(figure, j, i)
        assert i < j and better[2] > better[0] and worse[0] > worse[2]  # imp is better in both


def test_a_frame_says_that_the_interval_excludes_0():
    """Catches: frames by size instead of by the interval, or the other way round."""
    rows = made.holey_rows()
    figure = plots.sweep_matrix(rows, density=0.055)
    count = len(figure.axes[0].get_yticklabels())
    for (i, j), text in cells(figure).items():
        middle, half, _ = text.split("\n")
        assert ((i, j) in framed(figure)) == (abs(float(middle)) > float(half.lstrip("±")))
    assert len(cells(figure)) == count * (count - 1)


def test_without_two_common_seeds_a_cell_is_empty_and_says_why():
    """Catches: a difference of one seed beside those of five, and an exception where there is none in common."""
    rows = [
        row
        for row in made.sweep_rows(("imp", "one-shot"), models=ONE, dense=False)
        if (row["method"] == "imp") == (row["seed"] < 2)
    ]
    figure = plots.sweep_matrix(rows, density=0.107)
    assert set(cells(figure).values()) == {"no\nseed"}
    assert "imp has seeds 0, 1; one-shot has seeds 2 to 4" in plots.describe_sweep_matrix(rows, density=0.107)
    (table,) = plots.sweep_differences(rows, density=0.107)
    assert not table.rows and "no difference" in table.text()
    one = made.sweep_rows(("imp", "one-shot"), seeds=1, models=ONE)
    assert set(cells(plots.sweep_matrix(one)).values()) == {"one\nseed"}


def test_the_density_of_each_line_is_near_and_said():
    """Catches: a level of 5 % held against one of 2 %, and IMP's 10.7 % passed off as 10 %."""
    words = plots.describe_sweep_matrix(made.holey_rows(), density=0.018)
    assert "prune-at-init snip has no result at 1.8 %: it has 51.2 %, 21 %, 10.7 %, 5.5 %." in words
    assert "snip -" not in words and "- prune-at-init snip" not in words
    rows = made.sweep_rows(("imp", "one-shot"), densities=(0.1,), models=ONE)
    assert "imp has no result at 10 %: it has 10.7 %." in plots.describe_sweep_matrix(rows, density=0.1)
    words = plots.describe_sweep_matrix(rows, density=0.1, near=0.12)
    assert "Levels that are only near: imp (10.7 %)." in words and "imp - one-shot" in words
    figure = plots.sweep_matrix(rows, density=0.1, near=0.12)
    assert any("imp (10.7 %)" in t.get_text().replace("\n", " ") for t in figure.axes[0].get_yticklabels())
    rows = made.holey_rows()
    with pytest.raises(ValueError, match="a number from 0 to 1"):
        plots.sweep_matrix(rows, near=-1)
    for bad in (0.9, 0.001):
        with pytest.raises(ValueError, match="expected one of the densities"):
            plots.sweep_matrix(rows, density=bad)
    for bad in (0, 5, "0.1", True):
        with pytest.raises(ValueError, match="a fraction between 0 and 1"):
            plots.sweep_matrix(rows, density=bad)


def test_the_density_that_is_taken_by_itself_is_one_that_most_lines_have():
    """Catches: a default at which a line is missing, or at which most are only near."""
    assert "at 5.5 % of the weights" in plots.describe_sweep_matrix(made.holey_rows())
    assert "at 1.8 % of the weights" in plots.describe_sweep_matrix(made.sweep_rows())


def test_equal_differences_have_no_interval():
    """Catches: ±0.00, and a frame, where the difference is the same for all seeds."""
    figure = plots.sweep_matrix(made.arm_rows(), density=0.107)
    equal = {place for place, text in cells(figure).items() if text.endswith("equal")}
    assert len(equal) == 8 * 7 and not equal & framed(figure)
    assert "equal: the difference is the same for all seeds" in plots.describe_sweep_matrix(made.arm_rows())


@pytest.mark.parametrize("make", [made.sweep_rows, made.error_rows, made.holey_rows, made.arm_rows])
def test_tables_fit_a_terminal_and_have_every_number(make):
    """Catches: a column that is cut, a level that is in no row, two levels of one line in one cell."""
    rows = make()
    tables = plots.sweep_tables(rows)
    for table, panel in zip(tables, panels(rows), strict=True):
        assert max(map(len, table.text(80).splitlines())) <= 80
        assert panel.title in table._repr_html_()
        for k, curve in enumerate(panel.curves, start=1):
            own = [row[k].rstrip("*!") for row in table.rows if row[k] != "–"]
            assert own == [format(band, panel.form) for _, band in curve.drawn]
    for table in plots.sweep_differences(rows):
        assert max(map(len, table.text(80).splitlines())) <= 80


def test_a_table_says_what_it_cannot_show():
    """Catches: a mean of three seeds under a heading that says five, and a training that was still improving."""
    (table,) = plots.sweep_tables(made.holey_rows())
    text = " ".join(table.text(200).split())
    assert "imp (n=5)" in text and "± 0.6!" in text and "imp at 1.8 % (n = 4)" in text
    assert "± 0.5*" in text and "* still improving" in text
    assert "dense: 87.2 ± 0.4 (n = 5)." in text and "never stable at 1.8 % (seeds 1, 4)" in text
    assert "Mean ± half the 95 % interval over n seeds." in text


def test_a_star_of_the_dense_network_is_told_in_the_notes():
    """Catches: a dense training that was still improving told without its star, because it has no column."""
    rows = [row | {"still_improving": row["arm"] == "dense"} for row in made.sweep_rows(("imp",), models=ONE)]
    (table,) = plots.sweep_tables(rows)
    assert any("± 0.4* (n = 5)" in note for note in table.notes)
    assert any(note.startswith("* still improving") for note in table.notes)


def test_a_table_says_what_stands_beside_a_mean():
    """Catches: a number after ± that nothing explains, a reach of seeds taken for an interval, one seed for several."""
    several, reach, one = (
        [made.sweep_row("one-shot", seed, 0.1, value) for seed, value in enumerate(values)]
        for values in ((0.8, 0.81), (0.7, 0.99), (0.8,))
    )
    assert plots.sweep_tables(several)[0].notes == ["Mean ± half the 95 % interval over n = 2 seeds."]
    (table,) = plots.sweep_tables(reach)
    assert table.rows == [["10", "84.5 (seeds 70.0 to 99.0)"]] and table.notes[1].startswith(
        "(seeds ... to ...)"
    )
    assert plots.sweep_tables(one)[0].notes == ["One seed each (n = 1): no interval, no claim."]
    mixed = plots.sweep_tables([*several, made.sweep_row("early-bird", 0, 0.1, 0.8)])[0]
    assert mixed.headings[1:] == ["one-shot (n=2)", "early-bird (n=1)"]
    assert "Mean ± half the 95 % interval over n seeds. One seed has no interval." in mixed.notes


def test_a_table_has_more_lines_than_a_figure():
    """Catches: a sweep of many lines refused, or told in parts in which a line loses the setting that tells it from others."""
    rows = [
        row | {"rewind_step": step, "cell": f"{step}-{row['cell']}"}
        for step in range(14)
        for row in made.sweep_rows(("one-shot",), models=ONE, dense=step == 0)
    ]
    (table,) = plots.sweep_tables(rows)
    assert table.headings[1:] == [f"one-shot (rewind_step={step})" for step in range(14)]
    text = table.text(80)
    assert max(map(len, text.splitlines())) <= 80 and text.count("87.9 ± 0.5") == 14


def test_a_table_does_not_mix_densities_that_are_not_near():
    """Catches: IMP's round of 8.6 % in the row of 10 %, or two rounds of one line in one row."""
    rows = [
        made.sweep_row("imp", seed, 0.8**r, 0.8) | {"round": r, "density": 0.8**r}
        for r in range(1, 21)
        for seed in range(2)
    ]
    rows += [
        made.sweep_row("one-shot", seed, d, 0.7)
        for d in (0.512, 0.21, 0.1, 0.055, 0.018)
        for seed in range(2)
    ]
    (table,) = plots.sweep_tables(rows)
    by = {row[0]: row[1:] for row in table.rows}
    assert len([row for row in by.values() if row[0] != "–"]) == 20
    assert len([row for row in by.values() if row[1] != "–"]) == 5
    assert "–" in by["10"] and "–" in by["10.7"] and "–" not in by["51.2"]


def test_nearly_equal_densities_share_a_row_and_those_of_one_line_never():
    """Catches: 5.015 % told missing where it stands in the row of 5.02 %; two rows of one line under one density; one overwritten."""
    levels = {"one-shot": (0.8, 0.8004, 0.0502), "early-bird": (0.8, 0.05015)}
    rows = [
        made.sweep_row(kind, seed, d, d) for kind, own in levels.items() for d in own for seed in range(2)
    ]
    (table,) = plots.sweep_tables(rows)
    found = [[cell.partition(" ")[0] for cell in row] for row in table.rows]
    assert found == [["80.04", "80.0", "–"], ["80", "80.0", "80.0"], ["5.02-5.015", "5.0", "5.0"]]
    assert not any("no training" in note for note in table.notes)
