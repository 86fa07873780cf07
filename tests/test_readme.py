"""What the README prints is what the recorded run measured, and its links and commands lead somewhere."""

from __future__ import annotations

import re
import shlex
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import lthkit as lth
from lthkit import bench, plots, sweeps
from lthkit.__main__ import _parser
from lthkit.runs import report
from lthkit.storage import files, records
from lthkit.storage.claims import Patience

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RECORD = ROOT / "data" / "results" / "winning-ticket"
BENCH = ROOT / "data" / "results" / "bench"
CLUSTER = "solutions/from_a_laptop_to_a_cluster.md"


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
    """Catches: a recipe, or a number of rounds, seeds or controls, that changed after the record was made."""
    from dataclasses import asdict, replace

    from lthkit.runs.experiments import winning_ticket
    from lthkit.storage import files
    from lthkit.storage.records import canonical

    config = files.read_json(RECORD / "config.json")
    experiment = winning_ticket("laptop", tuple(config["seeds"]))
    own = experiment.config(lth.load_data(config["data"]), config["device"]) | asdict(experiment.asked)
    assert own.pop("kind") == "experiment"  # which records of before did not say
    assert canonical({**config, **own}) == canonical(config)
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


def test_what_the_recorded_run_took_is_in_its_record(rows):
    """Catches: the seconds or the updates of an older record, and a price of saving that the benchmark does not have."""
    document, told = files.read_json(BENCH / "bench.json"), README.replace("\n", " ")
    seconds = files.read_json(RECORD / "summary.json")["wall_seconds"]
    updates = sum(row["steps"] for row in rows) / seconds
    assert f"The recorded run took {seconds:.0f} seconds" in told
    assert f"That is {round(updates, -2):,.0f} updates a second" in told
    (textbook,) = [
        row["time"]["median"]
        for row in document["rows"]
        if (row["case"], row["name"]) == ("LeNet-300-100, batch 60, Adam", "textbook")
    ]
    assert f"makes {1000 / textbook:.0f} a second there" in told
    (saving,) = [row["cost"] for row in document["rows"] if row["work"] == "saving" and row["cost"]]
    median, low, high = (100 * (saving[x] - 1) for x in ("median", "low", "high"))
    said = f"saving costs {median:.0f} % of the time, with quartiles from {low:.0f} to {high:.0f} %"
    assert said in told


def test_links_inside_the_repository_resolve():
    pages = ("README.md", "CONTRIBUTING.md", "data/README.md", "solutions/README.md", CLUSTER)
    for page in (ROOT / name for name in pages):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


TOPICS = (
    "theory", "magnitude pruning", "masks", "one-shot", "iterative pruning", "rewinding to θ₀", "rewinding to θₖ",
    "learning-rate rewinding", "fine-tuning", "SNIP", "GraSP", "SynFlow", "Early-Bird", "from SNIP to IMP", "trade-off curves",
    "reproducibility", "seeds", "costs", "limits", "speed", "practical tips", "exercises", "solutions", "environment", "GPU",
    "Colab", "survey", "reading", "open questions", "supermasks", "RigL", "Transformers", "bugs", "audit",
)  # fmt: skip


def test_every_topic_has_a_lesson_that_there_is():
    """Catches: a topic without a lesson, a lesson that is not there or in no row, and a link past the table."""
    guide = (ROOT / "solutions" / "README.md").read_text(encoding="utf-8")
    heading = "Where each topic stands"
    section = guide.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| (.+?) \| (\d\d.*?) \|$", section, flags=re.MULTILINE))
    assert len(rows) == section.count("\n| ") - 1
    there = {path.name[:2] for path in (ROOT / "solutions").glob("[0-9][0-9]_*.py")}
    named = {number for lessons in rows.values() for number in re.findall(r"\d\d", lessons)}
    assert named == there
    missing = [topic for topic in TOPICS if not any(topic in row for row in rows)]
    assert missing == []
    assert f"(solutions/README.md#{heading.lower().replace(' ', '-')})" in README


def test_the_map_of_the_course_has_every_lesson_and_nothing_planned():
    """Catches: a lesson that the map leaves out, and one that it only promises."""
    course = README.split("\n## The course\n")[1].split("\n## ")[0]
    assert "planned" not in course.lower()
    linked = re.findall(r"^\| (\d\d) \| \[[^]]+\]\(notebooks/(\w+)\.ipynb\)", course, flags=re.MULTILINE)
    sources = sorted(path.stem for path in (ROOT / "solutions").glob("[0-9][0-9]_*.py"))
    assert [name for _, name in linked] == sources
    assert all(name.startswith(number) for number, name in linked)


def test_every_command_of_the_readme_parses():
    """Catches: a renamed option."""
    commands = re.findall(r"^(?:pip install .* && )?lthkit (.+)$", README, flags=re.MULTILINE)
    assert len(commands) >= 3
    for command in commands:
        _parser().parse_args(shlex.split(command, comments=True))


def test_the_guide_from_a_laptop_to_a_cluster_has_a_grid_and_commands_that_there_are(tmp_path):
    """Catches: a key or an option of the guide that was renamed, in its file, its commands or its script for SLURM."""
    guide = (ROOT / CLUSTER).read_text(encoding="utf-8")
    (grid,) = re.findall(r"```toml\n(.+?)```", guide, flags=re.DOTALL)
    (tmp_path / "criteria.toml").write_text(grid, encoding="utf-8")
    asked = sweeps.read_grid(tmp_path / "criteria.toml").asked
    trainings = sum(sweeps.cost_of(one.cell, one.levels).trainings for one in asked)
    assert f"with {len(asked)} cells and {trainings} trainings" in guide
    commands = re.findall(r"^(?:exec )?lthkit (.+)$", guide, flags=re.MULTILINE)
    assert len(commands) >= 10 and sum("--worker " in command for command in commands) == 1
    for command in commands:
        _parser().parse_args(shlex.split(command))
    assert f"claims are written every {Patience().beat:g} s" in guide
    assert f"silent for {Patience().lost:g} s" in guide


def test_the_sums_of_the_guide_are_those_of_the_recorded_benchmark():
    """Catches: another number of calls to the file system in the record than in the guide; a sum of a thousand workers that
    does not follow from it."""
    guide = (ROOT / CLUSTER).read_text(encoding="utf-8")
    rows = [row for row in files.read_json(BENCH / "sweep.json")["rows"] if row["unit"] == "calls"]
    calls = {row["name"]: round(row["time"]["median"]) for row in rows}
    total = calls.pop("in all")
    assert total == sum(calls.values()) and len(calls) == 5
    assert f"{total} for a whole cell of one training (" in guide
    said = {"looked at": "looks at a file", "opened": "opens", "listed": "lists"}
    for name, number in calls.items():
        assert f"{number} {said.get(name, name)}" in guide
    (note,) = rows[-1]["notes"]
    beat = int(re.search(r"heartbeats of (\d+) calls", note)[1])
    seconds, beats = 600, 1000 / Patience().beat
    cells, heart = round(1000 * total / seconds), round(beats * beat)
    assert f"{cells:,} calls a second for cells, and {heart:,} for" in note
    assert f"and {beat} for a heartbeat" in " ".join(guide.split())
    assert f"1,000 × {total} / {seconds} s = {cells} calls a second" in guide
    assert (
        f"1,000 / {Patience().beat:g} s × {beat} = {heart} calls a second, of which {beats:.0f} are forced"
        in guide
    )
    assert f"about {round(cells + heart, -1)} small calls a second" in guide
    assert f"one minute would make it about {round(10 * 1000 * total / seconds + heart, -2):,.0f}," in guide


SMALLER = {  # what is written for a reader -> what a test has time for
    "steps=2000, seed=0": "steps=3, seed=0",
    "rounds=12, fraction=0.2, rewind_step=0": "rounds=1, steps=3, fraction=0.2, rewind_step=0",
    "steps=200, batch_size=40": "steps=24, batch_size=40",
}


def research() -> str:
    """The section on research, its code made smaller."""
    text = README.split("## Research with `lthkit`")[1].split("\n## ")[0]
    for written, small in SMALLER.items():
        assert text.count(written) == 1, written
        text = text.replace(written, small)
    return text


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The names that the blocks of the section leave behind, run one after the other in a folder that has pictures."""
    folder = tmp_path_factory.mktemp("research")
    for i in range(20):
        for name in ("gull", "wren"):
            (folder / "birds" / name).mkdir(parents=True, exist_ok=True)
            shade = (12 * i, 90, 200 if name == "gull" else 20)
            Image.new("RGB", (40, 36), shade).save(folder / "birds" / name / f"{i}.jpg")
    names: dict[str, Any] = {"folder": folder}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        torch.manual_seed(0)
        for block in re.findall(r"```python\n(.*?)```", research(), flags=re.DOTALL):
            exec(compile(block, "README.md", "exec"), names)  # noqa: S102
    return names


def test_data_and_task_of_ones_own(found):
    """Catches: a renamed argument; a loader that is split otherwise than its tensors; a metric that is not the one asked for."""
    same, data = found["same"], found["data"]
    assert torch.equal(same.train.inputs, data.train.inputs) and torch.equal(
        same.test.targets, data.test.targets
    )
    assert len(data.train) == 360 and found["birds"].classes == ("gull", "wren")
    assert found["birds"].shape == (3, 32, 32)
    last = found["found"][3]
    assert (
        last.density == pytest.approx(0.125, abs=1e-3) and last.result.quantity.name == "explained variance"
    )
    assert set(last.test_metrics) == {"explained variance", "rmse"}
    recipe, other = found["recipe"], found["other"]
    assert recipe.lr_at(20) == recipe.lr / 1.2 and other.optimizer.func is torch.optim.RMSprop


def test_selections_of_ones_own(found):
    """Catches: a count that is not the one that was asked for."""
    by_layer, narrow, by_row, two_four = (found[n] for n in ("by_layer", "narrow", "by_row", "two_four"))
    assert by_layer.per_layer() == {
        "0.weight": 0.1,
        "2.weight": pytest.approx(0.3, abs=1e-3),
        "4.weight": 1.0,
    }
    assert narrow.kept == round(0.2 * narrow.total)
    assert {int(n) for n in by_row["2.weight"].sum(1)} == {16} and two_four.density == 0.5
    assert found["both"].issubset(by_layer) and two_four.issubset(found["either"])
    assert found["grown"].kept == by_layer.kept + 40
    assert found["tickets"][1].mask.density == pytest.approx(0.8, abs=1e-3)


def test_a_loop_of_ones_own_and_the_ways_of_a_mask(found):
    """Catches: a ticket file that plain torch reads otherwise than lthkit; a removed weight that has moved."""
    held, folder = found["by_layer"], found["folder"]
    assert held.kept < held.total and (folder / "ticket.pt").exists()
    assert found["theirs"].mask == found["found"][3].mask
    for name, kept in found["theirs"].mask.items():
        assert not found["theirs"].start.model[name][~kept].any()


def test_a_table_and_a_figure_of_two_runs(found):
    rows, folder = found["rows"], found["folder"]
    assert len(rows) == 18 and found["gap"].n == 3
    assert lth.storage.read_table(folder / "runs.csv")[0]["metric"] == "explained variance"
    assert all((folder / f"runs.{kind}").stat().st_size for kind in ("png", "svg"))


def test_every_name_of_the_package_in_the_readme_is_there_and_explained():
    """Catches: a renamed function; one that a reader is sent to and that says nothing."""
    named = set(re.findall(r"\blth\.([A-Za-z_][\w.]*\w)", README))
    assert {"Task", "Dataset.from_folder", "tickets.TrainFn", "tickets.Ticket.load"} <= named
    for name in named:
        there = attrgetter(name)(lth)
        assert there.__doc__ or not callable(there), name
