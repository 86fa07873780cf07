"""Diagrams of what trainings do, and in which order. The docstring of each is its text alternative."""

from __future__ import annotations

from lthkit.plots.drawing import BLUE, FAINT, GREEN, INK, ORANGE, PALE, Canvas


def waiting() -> Canvas:
    """A sketch, not a measurement: two time lines of the same length. The textbook loop fetches a batch, computes,
    and asks for the loss, three times; for more than half of the time nothing is computed. With the data on the
    device and no number asked for, the loop computes all the time, and makes seven steps."""
    page = Canvas(22)
    page.text(1, 2, "textbook loop: 3 steps", side="left", bold=True)
    page.text(1, 12, "data on the device, no number asked: 7 steps", side="left", bold=True)
    for step in range(3):
        x = 1 + 14.6 * step
        page.box(x, 4, 6, 3.4, "fetch", fill=PALE, color=FAINT)
        page.box(x + 6, 4, 5, 3.4, "step", fill=BLUE, edge=BLUE, color="white")
        page.box(x + 11, 4, 3.4, 3.4, "?", fill="#f6d9c2")
    for step in range(7):
        page.box(1 + 6.2 * step, 14, 6, 3.4, "step", fill=BLUE, edge=BLUE, color="white")
    page.arrow((1, 9.2), (45, 9.2), color=FAINT)
    page.text(45, 10.3, "time", side="right", size=9, color=FAINT)
    page.text(
        1,
        19.8,
        "? = wait until the loss can be printed   (a sketch)",
        side="left",
        size=9,
        color=FAINT,
    )
    return page


def loop() -> Canvas:
    """Iterative magnitude pruning as a loop of three boxes. Train from the initial weights to the trained weights.
    Prune: remove the smallest 20 percent of what remains, which makes a new mask. Rewind: what is left gets its
    initial values back, and the loop begins again. Below, the share of weights that is left: 100, 80, 64, 51, 41
    percent, where one cut would go from 100 to 41 at once."""
    page = Canvas(31)
    page.box(1, 4, 12, 4.4, "train", fill=BLUE, edge=BLUE, color="white")
    page.box(17, 4, 12, 4.4, "prune 20 %")
    page.box(33, 4, 12, 4.4, "rewind to θ₀")
    page.arrow((13, 6.2), (17, 6.2))
    page.arrow((29, 6.2), (33, 6.2))
    page.arrow((39, 8.4), (7, 8.4), bend=-0.16, color=BLUE)
    page.text(23, 12.6, "again, with the smaller network", color=BLUE)
    page.text(1, 1.8, "many small cuts, each after a training", side="left", bold=True)
    page.text(1, 16.4, "weights left", side="left", bold=True)
    for step, share in enumerate((100, 80, 64, 51, 41)):
        x = 1 + 6.4 * step
        page.box(x, 19 + 8 * (1 - share / 100), 4.6, 8 * share / 100, fill=BLUE, edge=BLUE)
        page.text(x + 2.3, 28.8, f"{share} %", size=9)
    for x, share in ((35.5, 100), (41.4, 41)):
        page.box(x, 19 + 8 * (1 - share / 100), 4.2, 8 * share / 100, fill=ORANGE, edge=ORANGE)
        page.text(x + 2.1, 28.8, f"{share} %", size=9)
    page.text(45.4, 16.4, "one cut", side="right", bold=True, color=ORANGE)
    return page


def rewinds() -> Canvas:
    """A training as a line from step 0 by an early step k to the last step T, where the network is pruned. Four
    arrows go out from T. Rewound to 0: weights and learning rate of step 0. Rewound to k: weights and learning rate
    of step k. Learning-rate rewinding: the weights stay those of T, and only the learning rate goes back to that of
    step k. Fine-tuning: the weights stay, and training goes on at the last, small learning rate."""
    page = Canvas(37)
    zero, early, last = 4.0, 14.0, 41.0
    page.text(1, 1.8, "where the weights come from", side="left", bold=True)
    page.arrow((zero, 13), (last, 13), color=INK)
    for x, name in ((zero, "0"), (early, "k"), (last, "T")):
        page.ax.plot(x, 13, "o", markersize=7, color=INK)
        page.text(x, 15, name)
    page.text(27.5, 14.8, "train", color=FAINT)
    page.arrow((last, 12), (zero, 12), bend=0.3, color=BLUE)
    page.text(22.5, 4.8, "rewound to 0", color=BLUE)
    page.arrow((last, 12.4), (early, 12.4), bend=0.08, color=GREEN)
    page.text(27.5, 9.3, "rewound to k", color=GREEN)
    page.text(44, 18, "stay at T: learning-rate rewinding, fine-tuning", color=ORANGE, side="right")
    page.text(1, 21.6, "where the learning rate goes on", side="left", bold=True)
    for x, wide, y in ((zero, 23, 24), (zero + 23, 9, 27.4), (zero + 32, 5, 30.4)):
        page.arrow((x, y), (x + wide, y), color=INK, head=False)
    page.arrow((27, 24), (27, 27.4), head=False)
    page.arrow((36, 27.4), (36, 30.4), head=False)
    page.arrow((zero, 27.8), (zero, 24.4), color=BLUE)
    page.text(zero - 1.5, 29.4, "rewound to 0", color=BLUE, size=9, side="left")
    page.arrow((early, 27.8), (early, 24.4), color=GREEN)
    page.text(early + 1, 26.6, "rewound to k", color=GREEN, size=9, side="left")
    page.text(early + 1, 31.4, "learning-rate rewinding", color=ORANGE, size=9, side="left")
    page.arrow((early, 31.4), (early, 28), color=ORANGE)
    page.arrow((38, 34.2), (38, 30.8), color=ORANGE)
    page.text(37, 34.6, "fine-tuning", color=ORANGE, size=9, side="right")
    return page


def slope() -> Canvas:
    """The loss as a curve over a factor c that fades one connection, from 1, where it is whole, to 0, where it is
    gone. SNIP takes the slope of the curve at c = 1 and follows the straight line to c = 0: a small change. The curve
    itself bends, and at c = 0 it is much higher: removal is a leap, and the slope does not see it."""
    page = Canvas(30)
    left, right, floor = 7.0, 38.0, 24.0
    page.arrow((left, floor), (right + 4, floor))
    page.arrow((left, floor), (left, 2.5))
    page.text(left + 1, 2.6, "loss", side="left")
    along = [i / 60 for i in range(61)]
    place = [left + c * (right - left) for c in along]
    heights = [19 - 3.4 * (1 - c) - 9 * (1 - c) ** 3 for c in along]
    page.ax.plot(place, heights, color=BLUE, linewidth=2.4)
    page.ax.plot([left, right], [19 - 3.4, 19], color=ORANGE, linewidth=1.8, linestyle="--")
    page.ax.plot(right, 19, "o", color=INK, markersize=7)
    page.ax.plot(left, heights[0], "o", color=BLUE, markersize=7)
    page.ax.plot(left, 15.6, "s", color=ORANGE, markersize=7)
    page.text(right, 16.6, "the network as it is")
    page.text(left + 2.5, 6.4, "what removal does: a leap", side="left", color=BLUE)
    page.text(left + 5, 19.8, "what the slope says", side="left", color=ORANGE)
    page.text(left, 26, "c = 0")
    page.text(left, 28.2, "removed", size=9, color=FAINT)
    page.text(right, 26, "c = 1")
    page.text(right, 28.2, "whole", size=9, color=FAINT)
    return page


def budgets() -> Canvas:
    """Three ways to spend the same number of training steps. SNIP alone: one look at the untrained network, one large
    cut, one long training of the small network. Iterative magnitude pruning: six short trainings with a small cut
    between each two. The hybrid: one look and a large cut, then three trainings of middle length with a small cut
    between each two. Paler bars are smaller networks."""
    page = Canvas(31)
    shades = (BLUE, "#3b8fc4", "#66a9d3", "#92c3e1", "#b5d6eb", "#d3e6f3")
    rows = (
        ("SNIP alone", True, (5,)),
        ("IMP", False, (0, 1, 2, 3, 4, 5)),
        ("hybrid", True, (3, 4, 5)),
    )
    for row, (name, look, sizes) in enumerate(rows):
        y = 3.6 + 8 * row
        page.text(1, y - 1.8, name, side="left", bold=True)
        if look:
            page.ax.plot(2, y + 1.8, "D", color=ORANGE, markersize=8)
        wide = 41 / len(sizes)
        for i, shade in enumerate(sizes):
            page.box(4 + wide * i, y, wide - 0.4, 3.6, fill=shades[shade], edge=BLUE)
    page.arrow((4, 26.4), (45, 26.4), color=FAINT)
    page.text(45, 25, "training steps", side="right", size=9, color=FAINT)
    page.ax.plot(2, 29, "D", color=ORANGE, markersize=7)
    page.text(3.6, 29, "a look: one batch", side="left", size=9)
    page.text(45, 29, "paler = a smaller network", side="right", size=9)
    return page


def rooms() -> Canvas:
    """The way of an experiment with tickets, from top to bottom, and the exhibits that stand at each step. Draw the
    initial weights: 16. Train, and score the weights: 10, 11, 12. Cut, a new mask: 4, 5, 6, 7. Go back to the initial
    weights: 8, 9. Train under the mask: 1, 2, 3. From there an arrow leads back to the scores, for the next round. Train the
    controls: 13, 14. Report numbers: 15, 17."""
    page = Canvas(45)
    page.text(1, 1.8, "where a ticket breaks", side="left", bold=True)
    page.text(45, 1.8, "exhibits", side="right", bold=True, color=ORANGE)
    steps = (
        ("draw initial weights", "16"),
        ("train and score", "10  11  12"),
        ("cut: a new mask", "4  5  6  7"),
        ("go back", "8  9"),
        ("train under the mask", "1  2  3"),
        ("train the controls", "13  14"),
        ("report", "15  17"),
    )
    for place, (words, exhibits) in enumerate(steps):
        y = 4 + 5.9 * place
        inside = 1 <= place <= 4
        page.box(
            10, y, 20, 4, words, fill=BLUE if inside else PALE, edge=BLUE, color="white" if inside else INK
        )
        page.text(45, y + 2, exhibits, side="right", color=ORANGE)
        if place:
            page.arrow((20, y - 1.9), (20, y))
    page.arrow((10, 29.6), (10, 11.9), bend=-0.24, color=BLUE)
    page.text(1, 19.6, "next", side="left", size=9, color=BLUE)
    page.text(1, 21.6, "round", side="left", size=9, color=BLUE)
    return page
