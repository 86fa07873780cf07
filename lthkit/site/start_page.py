"""The start page: one figure that moves once and says what a winning ticket is, with numbers of a recorded run."""

from __future__ import annotations

import html
import random
from dataclasses import dataclass

from lthkit import evidence
from lthkit.evidence import Interval
from lthkit.runs import experiments

RECORD = "winning-ticket"
ROUND = 15  # of the record: 3.6 % of the weights
LAYERS = (4, 5, 3)  # units of the drawn network
KEPT = 10  # of its weights
SEED = 226  # of the drawn weights; with it the drawn ticket leads from the inputs to each output


@dataclass(frozen=True)
class Numbers:
    """What the page says of the record: test accuracies in percent, means over the seeds, and paired differences in points."""

    data: str
    seeds: int
    left: float
    means: dict[str, float]
    single: dict[str, list[float]]
    to_dense: Interval
    to_fresh: Interval


ARMS = {
    "large network": ("dense", 0),
    "ticket": ("ticket", ROUND),
    "new values": ("re-initialised", ROUND),
    "other places": ("shuffled", ROUND),
}


def numbers() -> Numbers:
    """Read from the record, whose seal is checked."""
    config, summary, rows = experiments.load(experiments.recorded(RECORD))
    single = {
        name: [100 * value for _, value in sorted(evidence.by_seed(rows, *arm, "test_accuracy").items())]
        for name, arm in ARMS.items()
    }
    return Numbers(
        data=summary["data"],
        seeds=len(config["seeds"]),
        left=100 * evidence.density_of(rows, ROUND),
        means={name: sum(values) / len(values) for name, values in single.items()},
        single=single,
        to_dense=evidence.paired(rows, ARMS["ticket"], ARMS["large network"], "test_accuracy").times(100),
        to_fresh=evidence.paired(rows, ARMS["ticket"], ARMS["new values"], "test_accuracy").times(100),
    )


def page(said: Numbers) -> str:
    """The page as Markdown, without the list of all pages."""
    means = {name: f"{value:.1f}" for name, value in said.means.items()}
    left = f"{said.left:.1f}"
    steps = [
        (
            "Train",
            "A large network. Its weights begin at random, and training changes them.",
            _network("trained"),
        ),
        (
            "Remove",
            f"Weights that end small go, round after round, until {left}&nbsp;% are left.",
            _network("pruned"),
        ),
        (
            "Go back",
            "What stays gets its first values again. This is the <strong>ticket</strong>.",
            _network("ticket"),
        ),
        (
            "Train alone",
            f"The ticket reaches {means['ticket']}&nbsp;%, the large network {means['large network']}&nbsp;%. "
            f"With new random values it is {means['new values']}&nbsp;%, with as many weights in each layer, but in other places, {means['other places']}&nbsp;%.",
            _chart(said),
        ),
    ]
    panels = "".join(
        f'<li><div class="story-picture">{drawn}</div><p><strong>{i}. {name}.</strong> {text}</p></li>'
        for i, (name, text, drawn) in enumerate(steps, start=1)
    )
    return f"""\
# Winning Tickets

<p class="lead">A large network contains small ones that can learn alone: <em>winning tickets</em>. This course finds them, holds
them against controls, and says where the idea fails.</p>

<figure class="story plays"><ol>{panels}</ol>
<figcaption>A line is a weight: thicker is larger, its colour is its sign. (More are drawn than would be left.) Measured: LeNet-300-100, {said.data}, trained from {said.seeds} random
starts (seeds). A ring is a mean, a dot a seed. Ticket minus new values: {_signed(said.to_fresh)} points, with the 95&nbsp;% interval in brackets; minus the large
network: {_signed(said.to_dense)}, so it may be better, equal or a little worse.</figcaption></figure>

<p class="story-end"><a class="begin" href="lessons/00_start_here.html">Begin with lesson 00</a>
<a href="course.html">All lessons</a>
<button type="button" class="story-again needs-script">Play again</button></p>
"""


def _signed(band: Interval) -> str:
    three = [f"{value:+.1f}".replace("-", "\u2212") for value in (band.mean, band.low, band.high)]
    return f"{three[0]}&nbsp;[{three[1]},&nbsp;{three[2]}]"


@dataclass(frozen=True)
class _Weight:
    """One line of the drawing. first, last: its value before and after the training."""

    start: tuple[float, float]
    end: tuple[float, float]
    first: float
    last: float


def _weights() -> list[_Weight]:
    draw = random.Random(SEED)
    made = []
    for layer in range(len(LAYERS) - 1):
        for a in range(LAYERS[layer]):
            for b in range(LAYERS[layer + 1]):
                first = draw.gauss(0, 0.5)
                made.append(
                    _Weight(
                        _at(layer, a),
                        _at(layer + 1, b),
                        first,
                        first * draw.uniform(0.1, 1.6) + draw.gauss(0, 0.5),
                    )
                )
    return made


def _at(layer: int, unit: int) -> tuple[float, float]:
    return 20.0 + 80 * layer, 75 + 28 * (unit - (LAYERS[layer] - 1) / 2)


def kept(weights: list[_Weight]) -> list[_Weight]:
    """The weights of the drawing that end largest."""
    return sorted(weights, key=lambda weight: -abs(weight.last))[:KEPT]


WORDS = {
    "trained": "A network of three layers, in which every unit is joined to every unit of the next layer by a line.",
    "pruned": f"The same network with its {KEPT} thickest lines only.",
    "ticket": f"The same {KEPT} lines, each as thick and in the colour that it had before the training.",
}


def _network(state: str) -> str:
    weights = _weights()
    stay = kept(weights)
    lines = []
    for weight in weights:
        if state == "ticket" and weight not in stay:
            continue
        gone = state == "pruned" and weight not in stay
        now, before = (weight.first, weight.last) if state == "ticket" else (weight.last, weight.first)
        classes = (
            ("minus" if now < 0 else "plus")
            + (" gone" if gone else "")
            + (" was-minus" if before < 0 else " was-plus")
        )
        (x1, y1), (x2, y2) = weight.start, weight.end
        lines.append(
            f'<line class="{classes}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" '
            f'style="--now:{_thick(now)}px;--before:{_thick(before)}px"/>'
        )
    units = [
        f'<circle cx="{x:g}" cy="{y:g}" r="7"/>'
        for layer, count in enumerate(LAYERS)
        for x, y in (_at(layer, u) for u in range(count))
    ]
    return (
        f'<svg class="story-{state}" viewBox="0 0 200 150" role="img" aria-label="{html.escape(WORDS[state])}">'
        f"{''.join(lines)}{''.join(units)}</svg>"
    )


def _thick(value: float) -> str:
    return f"{min(0.5 + 3.2 * abs(value), 5.5):.2f}"


def _chart(said: Numbers) -> str:
    """On a scale: a dot for a seed, a ring for the mean."""
    every = [value for values in said.single.values() for value in values]
    low, high = int(min(every)) - 0.5, int(max(every)) + 1.5

    def x(value: float) -> float:
        return 8 + 184 * (value - low) / (high - low)

    parts = []
    for mark in (m for m in range(int(low) + 1, int(high) + 1) if m % 2 == 0):
        parts.append(f'<line class="scale" x1="{x(mark):.1f}" y1="6" x2="{x(mark):.1f}" y2="132"/>')
        parts.append(f'<text x="{x(mark):.1f}" y="146" text-anchor="middle">{mark}&#160;%</text>')
    for row, (name, values) in enumerate(said.single.items()):
        y = 28 + 30 * row
        mean = x(said.means[name])
        seeds = "".join(f'<circle class="seed" cx="{x(value):.1f}" cy="{y}" r="2.6"/>' for value in values)
        marked = " of-ticket" if name == "ticket" else ""
        parts.append(
            f'<text x="8" y="{y - 9}">{name}</text><g class="row row-{row}{marked}"><circle class="mean" cx="{mean:.1f}" cy="{y}" r="5.5"/>{seeds}</g>'
        )
    words = (
        "Test accuracy, mean and single seeds. "
        + "; ".join(f"{name}: {value:.1f} %" for name, value in said.means.items())
        + "."
    )
    return f'<svg class="story-chart" viewBox="0 0 200 150" role="img" aria-label="{html.escape(words)}">{"".join(parts)}</svg>'
