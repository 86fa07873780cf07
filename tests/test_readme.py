"""What the README prints is what the recorded run measured, and its links and commands lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lthkit import bench, plots
from lthkit.__main__ import _parser
from lthkit.runs import report
from lthkit.storage import files, records

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RECORD = ROOT / "data" / "results" / "winning-ticket"
BENCH = ROOT / "data" / "results" / "bench"


@pytest.fixture(scope="module")
def rows() -> list[records.Row]:
    return records.read_table(RECORD / "table.csv")


def test_the_picture_is_that_of_the_recorded_table(rows):
    """Catches: a new table with an old picture. The picture carries the description made from its numbers."""
    description = plots.describe(rows)
    assert description.encode() in (RECORD / "trade_off.png").read_bytes()
    assert f"![{description}](data/results/winning-ticket/trade_off.png)" in README


def test_the_sentence_under_the_picture_is_that_of_the_recorded_table(rows):
    for line in report.conclusions(rows):
        assert line in README.replace("\n", " ")


def test_the_record_is_that_of_the_command():
    """Catches: a recipe that changed after the record was made."""
    from dataclasses import asdict, replace

    from lthkit.runs.experiments import winning_ticket
    from lthkit.storage import files
    from lthkit.storage.records import canonical

    config = files.read_json(RECORD / "config.json")
    assert canonical({**config, **asdict(winning_ticket("laptop", tuple(config["seeds"])))}) == canonical(
        config
    )
    assert replace(winning_ticket("laptop")).seeds == (0, 1, 2) == tuple(config["seeds"])


def test_the_speeds_are_those_of_the_recorded_benchmark():
    """Catches: a figure in the README that no benchmark measured, a picture or a sentence of another run."""
    document = files.read_json(BENCH / "bench.json")
    assert bench.summary(document) in README
    description = bench.describe(document)
    assert f"![{description}](data/results/bench/bench.png)" in README
    assert description.encode() in (BENCH / "bench.png").read_bytes()
    told = README.replace("\n", " ")
    median = {
        (row["work"], row["case"], row["name"]): row["time"]["median"]
        for row in document["rows"]
        if row["time"]
    }
    selection = median["selection", "mask of 100,000,000 scores, 20 % removed", "lthkit"] / 1e3
    first = median["imports", "to the first update, LeNet-300-100, over import torch", "lthkit"]
    costs = {
        (row["work"], row["case"], row["name"]): row["cost"]["median"]
        for row in document["rows"]
        if row["cost"]
    }
    cost = [value for (work, case, _), value in costs.items() if work == "mask" and case.startswith("lthkit")]
    assert f"takes {selection:.2f} s" in told and f"it is {first:.2f} s" in told
    assert f"A mask costs {min(cost):.2f} to {max(cost):.2f} times" in told
    assert f"{document['machine']['matrix_peaks']['float32'] / 1e9:.0f} GFLOP/s" in told
    assert document["machine"]["environment"]["processor"] in told and document["agreement"]
    assert (bench.beside(document) or "No other program used the machine") in told
    lenet = "LeNet-300-100, batch 60, Adam: "
    beside = [
        costs["busy", f"{lenet}{threads}", "beside 2 busy processes"] for threads in ("1 thread", "2 threads")
    ]
    assert f"{beside[0]:.1f} times its quiet time on one thread and {beside[1]:.1f} times on two" in told
    ratio = {
        (row["case"], row["name"]): row["ratio"]["median"]
        for row in document["rows"]
        if row["work"] == "sparse" and row["ratio"]
    }
    step = ratio["LeNet-300-100, batch 60, Adam, 3.6 % kept, one thread", "kept weights only"]
    whole = next(v for (case, _), v in ratio.items() if case.startswith("IMP"))
    below = next(v for (case, _), v in ratio.items() if case.startswith("of these"))
    assert f"{step:.1f} times as fast with 3.6 % of the weights" in told
    assert f"{whole:.1f} times as fast, its trainings below 15 % {below:.1f} times" in told


def test_links_inside_the_repository_resolve():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "data" / "README.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_command_of_the_readme_parses():
    """Catches: a renamed option."""
    commands = re.findall(r"^(?:pip install .* && )?lthkit (.+)$", README, flags=re.MULTILINE)
    assert len(commands) >= 3
    for command in commands:
        _parser().parse_args(command.split())
