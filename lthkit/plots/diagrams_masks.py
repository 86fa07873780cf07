"""Diagrams of what a mask does to weights. The docstring of each is its text alternative."""

from __future__ import annotations

from lthkit.plots.drawing import BLUE, FAINT, GREEN, ORANGE, PALE, Canvas


def ranking() -> Canvas:
    """Two layers with the sizes of their weights: a has six, from 0.3 to 0.9, and b has four, from 0.1 to 0.4. Half of
    all weights go. With one ranking of all weights, a keeps four and b keeps one. With a ranking in each layer, a
    keeps its three largest and b its two largest. Both ways keep five weights."""
    page = Canvas(28)
    layers = (("a", (".9", ".8", ".3", ".5", ".3", ".7")), ("b", (".2", ".1", ".3", ".4")))
    kept: tuple[tuple[str, dict[str, tuple[int, ...]]], ...] = (
        ("the sizes of the weights", {}),
        ("one ranking of all weights", {"a": (0, 1, 3, 5), "b": (3,)}),
        ("a ranking in each layer", {"a": (0, 1, 5), "b": (2, 3)}),
    )
    for row, (title, places) in enumerate(kept):
        y = 4 + 9 * row
        page.text(1, y - 2, title, side="left", bold=True)
        for x, (name, sizes) in zip((1, 22), layers, strict=True):
            if places:
                fills = [BLUE if i in places[name] else "" for i in range(len(sizes))]
            else:
                fills = [PALE] * len(sizes)
            page.cells(x, y, [fills], size=3, words=[sizes], letters=10)
            said = f"layer {name}" if not places else f"keeps {len(places[name])} of {len(sizes)}"
            alarm = bool(places) and len(places[name]) < len(sizes) / 2
            page.text(x, y + 4.2, said, side="left", color=ORANGE if alarm else FAINT)
    return page


def one_step() -> Canvas:
    """One step of training for one removed weight. The mask makes its gradient 0. Above, only the gradient is masked:
    the momentum of before, 0.5, is still there, so the weight moves from 0 to -0.045. Below, weight and momentum were
    set to 0 on entry: the momentum stays 0, and so does the weight."""
    page = Canvas(31.5)
    for x, words in ((6.5, "gradient"), (20, "momentum v"), (37, "weight w")):
        page.text(x, 1.6, words, bold=True)
    rows = (
        (3.6, "only the gradient is masked", "0.5", "0.45", "-0.045", ORANGE, "it moved"),
        (17.2, "weight and momentum are masked too", "0", "0", "0", BLUE, "it stays"),
    )
    for y, title, before, after, weight, color, said in rows:
        page.text(1, y + 0.8, title, side="left", color=color)
        page.box(1, y + 2.4, 11, 3.4, "0.3 × 0 = 0")
        page.box(15, y + 2.4, 10, 3.4, f"v = {before}")
        page.box(15, y + 7.6, 10, 3.4, f"v = {after}", edge=color)
        page.box(32, y + 2.4, 10, 3.4, "w = 0")
        page.box(32, y + 7.6, 10, 3.4, f"w = {weight}", edge=color)
        page.arrow((20, y + 5.8), (20, y + 7.6))
        page.arrow((6.5, y + 5.8), (15, y + 9.3), bend=0.2)
        page.arrow((25, y + 9.3), (32, y + 9.3), color=color)
        page.arrow((37, y + 5.8), (37, y + 7.6))
        page.text(28.5, y + 8, "× 0.1", size=9)
        page.text(37, y + 12.1, said, color=color)
    return page


def controls() -> Canvas:
    """Three layers of sixteen weights, six of them kept; a colour stands for an initial value. The ticket has the
    places that pruning found and their own values. The re-initialised control has the same places and other values:
    it takes the values away. The shuffled control has other places, each with its own value, and as many: it takes
    the places away."""
    page = Canvas(25)
    values = [BLUE, "#56B4E9", "#0b4f75", "#8fc7e8", BLUE, "#56B4E9", "#8fc7e8", "#0b4f75"] * 2
    others = [ORANGE, "#E9A15B", "#8f3f00", "#f3c79d"] * 4
    found, moved = {1, 4, 6, 9, 10, 15}, {0, 3, 5, 8, 14, 13}
    arms = (
        ("ticket", found, values, "takes away", "nothing"),
        ("re-initialised", found, others, "takes away", "the values"),
        ("shuffled", moved, values, "takes away", "the places"),
    )
    for column, (name, places, inks, line, what) in enumerate(arms):
        x = 1.5 + 15.5 * column
        fills = [[inks[4 * i + j] if 4 * i + j in places else "" for j in range(4)] for i in range(4)]
        page.text(x + 6, 2, name, bold=True)
        page.cells(x, 4, fills, size=3)
        page.text(x + 6, 18.6, line, color=FAINT)
        page.text(
            x + 6, 21.2, what, color=(GREEN, ORANGE, GREEN)[column] if column else FAINT, bold=column > 0
        )
    return page


def starving() -> Canvas:
    """Two networks with three layers of weights between four columns of units, the same number of weights kept in
    each. Left, the narrow middle layer lost all of its weights: nothing can get from the input to the output, and
    what the other layers keep is of no use. Right, each layer keeps some, and a path leads from the input to the
    output."""
    page = Canvas(30)
    sizes = (4, 3, 3, 4)
    left = [(0, 0, 0), (0, 1, 0), (0, 2, 1), (0, 3, 2), (2, 0, 0), (2, 0, 1), (2, 1, 2), (2, 2, 3)]
    right = [(0, 0, 0), (0, 1, 0), (0, 2, 1), (1, 0, 0), (1, 1, 2), (2, 0, 0), (2, 2, 2), (2, 2, 3)]
    for x, title, lines, said, color in (
        (3, "the middle layer starved", left, "nothing gets through", ORANGE),
        (26, "a path is left", right, "it conducts", BLUE),
    ):
        place = {
            (c, i): (x + 5.6 * c, 5.5 + (4 - n) * 2.4 + 4.8 * i)
            for c, n in enumerate(sizes)
            for i in range(n)
        }
        page.text(x + 8.4, 2, title, bold=True)
        for layer, start, end in lines:
            page.arrow(place[layer, start], place[layer + 1, end], color=color, head=False)
        for px, py in place.values():
            page.ax.plot(px, py, "o", markersize=9, color="white", markeredgecolor="#222222")
        page.text(x + 8.4, 24, "8 weights kept", color=FAINT)
        page.text(x + 8.4, 27, said, color=color)
    return page


def settling() -> Canvas:
    """The masks of six epochs, of twelve weights each, with the entries that changed since the epoch before in
    orange. First four entries change, then two, then two, then none and none. The masks have settled, and the search
    stops; the rest of the training is not needed to find the mask."""
    page = Canvas(25)
    masks = ("111000110010", "101100100110", "101100110010", "101100010110", "101100010110", "101100010110")
    page.text(1, 2, "the mask that pruning would draw after each epoch", side="left", bold=True)
    for epoch, mask in enumerate(masks):
        x = 1 + 7.6 * epoch
        before = masks[epoch - 1] if epoch else mask
        inks = [
            (ORANGE if a != b else BLUE) if a == "1" else ("#f6d9c2" if a != b else "")
            for a, b in zip(mask, before, strict=True)
        ]
        page.text(x + 3, 5, f"{epoch + 1}")
        page.cells(x, 6.6, [inks[i : i + 3] for i in range(0, 12, 3)], size=2)
        changed = sum(a != b for a, b in zip(mask, before, strict=True))
        page.text(x + 3, 16.6, f"{changed} of 12" if epoch else "–", size=9)
    page.text(1, 19.4, "entries that differ from the epoch before", side="left", color=FAINT, size=9)
    page.arrow((46 - 4, 22.6), (46 - 4, 18), color=BLUE)
    page.text(40.5, 22.6, "settled: stop here", side="right", color=BLUE)
    return page


def storing() -> Canvas:
    """A layer of four units and three inputs, five of its twelve weights kept. As a dense tensor it has twelve
    numbers, zeros included, and each is multiplied. In compressed rows (CSR) it has the five values, their five
    columns, and five numbers that say where each row begins: fewer multiplications, but more to look up. Only where a
    whole row or column is empty can a smaller dense layer do the same."""
    page = Canvas(30)
    weights = ((".7", "0", "0"), ("0", "-.4", "0"), ("0", "0", "0"), (".2", ".5", "-.9"))
    fills = [[BLUE if w != "0" else "" for w in row] for row in weights]
    page.text(1, 2, "dense", side="left", bold=True)
    page.cells(1, 4, fills, size=3, words=weights)
    page.text(1, 18.4, "12 numbers,", side="left", color=FAINT, size=9)
    page.text(1, 20.6, "12 products", side="left", color=FAINT, size=9)
    page.text(14.5, 2, "compressed rows (CSR)", side="left", bold=True)
    rows = (
        ("values", (".7", "-.4", ".2", ".5", "-.9"), BLUE),
        ("columns", ("0", "1", "0", "1", "2"), PALE),
        ("begins", ("0", "1", "2", "2", "5"), PALE),
    )
    for i, (name, numbers, fill) in enumerate(rows):
        page.text(14.5, 5.6 + 4.6 * i, name, side="left", color=FAINT, size=9)
        page.cells(21, 4 + 4.6 * i, [[fill] * 5], size=2.8, words=[numbers])
    page.text(14.5, 18.4, "15 numbers,", side="left", color=FAINT, size=9)
    page.text(14.5, 20.6, "5 products", side="left", color=FAINT, size=9)
    page.text(37, 2, "cut out", side="left", bold=True)
    page.cells(37, 4, [fills[0], fills[1], fills[3]], size=2.8, words=[weights[0], weights[1], weights[3]])
    page.text(37, 18.4, "9 numbers,", side="left", color=FAINT, size=9)
    page.text(37, 20.6, "9 products", side="left", color=FAINT, size=9)
    page.text(1, 24.6, "Row 3 is empty: its unit can be cut out.", side="left", color=ORANGE)
    page.text(1, 27.4, "A 0 that stays costs what any other number costs.", side="left", color=ORANGE)
    return page


def moving() -> Canvas:
    """Three ways to end with a sparse network, each with sixteen places before a training and after it; a colour stands for a
    value. A ticket keeps its five places, and its values change. A supermask keeps all its values as they were drawn, and other
    places are kept in the end. Sparse training changes both: some places are given up, others come, and all values change."""
    page = Canvas(36)
    drawn = ["#56B4E9", BLUE, "#8fc7e8", "#0b4f75", BLUE, "#8fc7e8", "#0b4f75", "#56B4E9"] * 2
    learned = ["#E9A15B", ORANGE, "#f3c79d", "#8f3f00", ORANGE, "#f3c79d", "#8f3f00", "#E9A15B"] * 2
    first, found, half = {1, 4, 6, 11, 13}, {0, 4, 7, 10, 13}, {1, 4, 7, 10, 13}
    arms = (
        ("ticket", first, learned, "places stay", "values move"),
        ("supermask", found, drawn, "places move", "values stay"),
        ("sparse training", half, learned, "places move", "values move"),
    )
    for column, (name, places, inks, line, other) in enumerate(arms):
        x = 2.5 + 15.5 * column
        page.text(x + 5, 1.8, name, bold=True)
        for y, kept, colours in ((3.6, first, drawn), (18.4, places, inks)):
            fills = [[colours[4 * i + j] if 4 * i + j in kept else "" for j in range(4)] for i in range(4)]
            page.cells(x, y, fills, size=2.5)
        page.arrow((x + 5, 14.2), (x + 5, 17.8))
        for y, words in ((31, line), (33.8, other)):
            page.text(x + 5, y, words, color=FAINT if "stay" in words else ORANGE)
    page.text(1, 16, "training", side="left", color=FAINT, size=9)
    return page
