"""A sweep that decides claims: their texts are fixed in its folder before it begins, and it is recorded seed by seed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lthkit import ledger
from lthkit.runs import results
from lthkit.storage import files
from lthkit.storage.records import Row
from lthkit.sweeps import records, running
from lthkit.sweeps.grid_recipes import base_recipe
from lthkit.sweeps.grids import Grid, GridMistakes, grid_of, read_grid
from lthkit.sweeps.repeating import repeat
from tests.records import record_script

SWEEP = record_script("record_sweep")
RULE = """
name = "small"
{claims}
methods = [{{method = "one-shot", densities = [0.5]}}]
seeds = {seeds}

[recipes.short]
steps = 30
evaluate_every = 10
"""
LEDGER = """
[claims.small-ticket]
claim = "A ticket of half the weights is within 50 points of dense."
paper = "this course"
published = "nowhere"
checked = "not published"
registered = 2026-11-30
seeds = [4, 5, 6]
record = "small"
command = "lthkit sweep data/sweeps/small.toml --out FOLDER"
prediction = "reproduced"
why = "A wide bound."

[[claims.small-ticket.rule]]
compared = "one-shot - dense"
column = "test_accuracy"
scale = 100
of = {arm = "ticket", asked = 0.5}
minus = {arm = "dense"}
claim = "within"
bound = 50
"""


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a ledger of one claim, and the grid that decides it, in place of the course's own."""
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "claims.toml").write_text(LEDGER)
    write_grid(tmp_path)
    for module in ("lthkit.ledger.reading", "lthkit.ledger.judging", "lthkit.sweeps.repeating"):
        monkeypatch.setattr(f"{module}.data_folder", lambda: tmp_path)
    return tmp_path


def write_grid(course: Path, seeds: str = "[4, 5, 6]") -> Path:
    path = course / "sweeps" / "small.toml"
    path.write_text(RULE.format(claims='claims = ["small-ticket"]', seeds=seeds))
    return path


def with_digest(grid: Grid, digest: str) -> Grid:
    return replace(grid, claims=(("small-ticket", digest),))


@pytest.mark.parametrize(
    "given, says",
    [
        (["small-tickets"], r"claims\[0\]: .*Did you mean 'small-ticket'"),
        ([7], r"claims\[0\]: 7 was given; expected the id"),
        ([], "claims: an empty list"),
        (["small-ticket", "small-ticket"], r"claims\[1\]"),
    ],
)
def test_a_claim_that_is_none_is_a_mistake(course: Path, given: list[object], says: str) -> None:
    with pytest.raises(GridMistakes, match=says):
        grid_of("small", methods=["dense"], claims=given)


def test_the_folder_keeps_the_registered_text_from_its_beginning(course: Path) -> None:
    """Catches: a claim that is changed, or added, after the first training, and judged by it."""
    folder, grid = course / "run", read_grid(write_grid(course, "[4]"))
    digest = ledger.digests("small-ticket")["small-ticket"]
    running.run(grid, folder, on="serial")
    assert records.claims_of(folder) == {"small-ticket": digest}
    with pytest.raises(
        ValueError,
        match=f"begun with the registered text {digest}, and the ledger has small-ticket with 0123",
    ):
        running.run(with_digest(grid, "0123456789ab"), folder, on="serial")
    with pytest.raises(ValueError, match="begun without this claim"):
        running.run(replace(grid, claims=(("another-claim", digest),)), folder, on="serial")
    assert len(running.run(replace(grid, claims=()), folder, on="serial")) == 2


def test_a_sweep_begun_without_its_claims_cannot_get_them_later(course: Path) -> None:
    folder, grid = course / "run", read_grid(write_grid(course, "[4]"))
    running.run(replace(grid, claims=()), folder, on="serial")
    with pytest.raises(ValueError, match="was begun without this claim"):
        running.run(grid, folder, on="serial")
    with pytest.raises(SystemExit, match="expected a folder that was begun with these"):
        SWEEP.main("small", folder, target=course / "results", sweeps=course / "sweeps")


def test_a_sweep_is_recorded_seed_by_seed_and_judged_after_the_last(course: Path) -> None:
    """Catches: a seed half done in a record; rows of before that are lost; a verdict on some of the seeds."""
    where = {"target": course / "results", "sweeps": course / "sweeps"}
    whole = read_grid(write_grid(course))
    first = replace(whole, asked=whole.asked[:2])
    claim = ledger.load_ledger()["small-ticket"]
    running.run(first, course / "one", on="serial")
    place = SWEEP.main("small", course / "one", **where)
    _, summary, rows = results.load(place)
    assert [row["seed"] for row in rows] == [4, 4, 5, 5] and summary["trainings"] == 4
    assert not any(name.startswith("recipe_") for name in rows[0])
    assert files.read_sealed(place / "config.json")["recipe"]["steps"] == 30
    assert ledger.judge(claim).verdict == "not run"
    running.run(replace(whole, asked=whole.asked[2:]), course / "two", on="serial")
    SWEEP.main("small", course / "two", **where)
    assert [row["seed"] for row in results.load(place)[2]] == [4, 4, 5, 5, 6, 6]
    assert results.load(place)[2][:4] == rows
    assert ledger.judge(claim).verdict == "reproduced"


def test_a_seed_that_is_not_complete_is_not_recorded(course: Path) -> None:
    grid = read_grid(write_grid(course))
    running.run(replace(grid, asked=grid.asked[:1]), course / "one", on="serial")
    text = (course / "sweeps" / "small.toml").read_text().replace("[0.5]", "[0.5, 0.25]")
    (course / "sweeps" / "small.toml").write_text(text)
    with pytest.raises(SystemExit, match="has no complete seed yet"):
        SWEEP.main("small", course / "one", target=course / "results", sweeps=course / "sweeps")


def test_a_record_of_another_grid_is_not_added_to(course: Path) -> None:
    where = {"target": course / "results", "sweeps": course / "sweeps"}
    running.run(read_grid(write_grid(course, "[4]")), course / "one", on="serial")
    SWEEP.main("small", course / "one", **where)
    path = write_grid(course, "[5]")
    running.run(read_grid(path), course / "two", on="serial")
    with pytest.raises(SystemExit, match="is of another grid"):
        SWEEP.main("small", course / "two", **where)


def test_a_claim_is_repeated_small_and_as_registered(course: Path) -> None:
    """Catches: a small repetition that passes for the registered run; one that is judged by another rule."""
    claim = ledger.load_ledger()["small-ticket"]
    again = repeat(claim, course / "again", workers=1)
    assert (again.judged.verdict, again.judged.recorded, again.smaller) == ("reproduced", (4, 5, 6), "")
    assert records.claims_of(course / "again") == {"small-ticket": claim.digest}
    path = course / "sweeps" / "small.toml"
    path.write_text(path.read_text().replace("methods", "tier = 'smoke'\nmethods"))
    with pytest.raises(ValueError, match="expected one of recorded, laptop"):
        repeat(claim, course / "again", tier="smoke")


@pytest.mark.parametrize(("tier", "seeds"), [("recorded", (4, 5, 6, 7, 8)), ("laptop", (4, 5, 6))])
def test_the_record_of_a_repeated_script_is_the_one_that_is_judged(
    course: Path, monkeypatch: pytest.MonkeyPatch, tier: str, seeds: tuple[int, ...]
) -> None:
    """Catches: a record that is collected in one folder and looked for in another, so that all trainings end in
    "not run"; few seeds, asked for as such, that are judged as a run that is not complete, or as one of another registered text."""
    command = "python data/record_small.py train FOLDER"
    claim = replace(ledger.load_ledger()["small-ticket"], command=command, seeds=(4, 5, 6, 7, 8))
    rows = [
        {"arm": arm, "asked": asked, "seed": seed, "test_accuracy": 0.8 + seed / 1000 * (arm == "ticket")}
        for seed in seeds
        for arm, asked in (("dense", None), ("ticket", 0.5))
    ]

    def script(path: Path, folder: Path, target: Path, asked: object, workers: int) -> None:
        assert asked == seeds
        target.mkdir(parents=True)
        config = {"claims": {claim.id: claim.digest}, "seeds": list(seeds)}
        files.write_sealed(target / "config.json", config)
        results.write_results(target, {}, {"table.csv": rows})

    monkeypatch.setattr("lthkit.sweeps.repeating._scripted", script)
    again = repeat(claim, course / "again", tier=tier)
    assert (again.judged.verdict, again.judged.recorded) == ("reproduced", seeds)


FIVE = """
name = "small"
tier = "gpu"
claims = ["small-ticket"]
methods = [{method = "one-shot", densities = [0.5]}]
data = ["mnist", "fashion-mnist-full"]
recipe = ["short", "long"]
seeds = [4, 5, 6, 7, 8]

[recipes.short]
steps = 30
evaluate_every = 10

[recipes.long]
steps = 60
evaluate_every = 10
"""


class Ran:
    """Stands in for a sweep that takes an hour: what it was asked, and rows that one would come to."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows, self.grids, self.given = rows, list[Grid](), list[dict[str, Any]]()

    def __call__(self, grid: Grid, folder: Path, **given: Any) -> list[Row]:
        self.grids.append(grid)
        self.given.append(given | {"folder": folder})
        return self.rows


def on_mnist(course: Path, **changed: Any) -> ledger.Claim:
    """The claim of five seeds, on MNIST, of a grid that has more besides."""
    (course / "sweeps" / "small.toml").write_text(FIVE)
    claim = ledger.load_ledger()["small-ticket"]
    (rule,) = claim.rule
    rule = replace(rule, of={**rule.of, "data": "mnist"}, minus={**rule.minus, "data": "mnist"})
    return replace(claim, seeds=(4, 5, 6, 7, 8), rule=(rule,), **changed)


def pairs(data: str, gain: float, seeds: range) -> list[Row]:
    """A ticket that is better than dense by so many points, and a little more for each further seed."""
    dense = {"mnist": 0.1, "fashion-mnist": 0.4}[data]
    return [
        {"arm": arm, "asked": asked, "data": data, "seed": seed, "test_accuracy": dense + points / 100}
        for seed in seeds
        for arm, asked, points in (("dense", None, 0.0), ("ticket", 0.5, gain + seed / 10))
    ]


def test_the_small_form_of_a_grid(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches: all seeds, the recorded recipe or its tier, data that nobody has, a registered text, in what a laptop is given; a
    rule that looks for the rows of other data; and a small repetition that is told as the registered one."""
    ran = Ran(pairs("fashion-mnist", 2, range(4, 7)) + pairs("mnist", 60, range(4, 9)))
    monkeypatch.setattr("lthkit.sweeps.repeating.run", ran)
    claim = on_mnist(course)
    heard: list[Row] = []
    again = repeat(claim, course / "again", tier="laptop", workers=3, announce=heard.append)
    (grid,) = ran.grids
    assert {(one.cell.data, one.cell.seed) for one in grid.asked} == {("fashion-mnist", s) for s in (4, 5, 6)}
    assert {one.cell.recipe for one in grid.asked} == {base_recipe("lenet-300-100", "laptop")}
    assert grid.claims == () and len(grid.asked) == 3
    assert ran.given == [{"folder": course / "again", "on": "local", "workers": 3, "announce": heard.append}]
    (part,) = again.judged.parts
    assert part.values == pytest.approx({4: 2.4, 5: 2.5, 6: 2.6}) and again.judged.recorded == (4, 5, 6)
    assert again.says == "reproduced, over 3 seeds of fashion-mnist, with the usual recipe."


def test_the_registered_form_of_a_grid(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches: a repetition "as registered" of fewer seeds, other data or another recipe, or without the registered text."""
    ran = Ran(pairs("mnist", 60, range(4, 9)))
    monkeypatch.setattr("lthkit.sweeps.repeating.run", ran)
    again = repeat(on_mnist(course), course / "again")
    assert ran.grids == [read_grid(course / "sweeps" / "small.toml")]
    assert again.says == "not reproduced, over 5 seeds."


SCRIPT = """
import json, sys
from pathlib import Path

what, folder, *rest = sys.argv[1:]
with Path(__file__).with_suffix(".log").open("a") as file:
    file.write(json.dumps([what, folder, *rest]) + chr(10))
sys.exit(Path(__file__).with_suffix(".ends").read_text() == what)
"""


def test_a_script_is_called_as_its_registered_command_says(course: Path) -> None:
    """Catches: seeds or workers that do not reach the script; a record collected from a training that failed."""
    claim = on_mnist(course, command="python data/record_small.py train FOLDER")
    script, again = course / "record_small.py", course / "again"
    script.write_text(SCRIPT)
    target = str(again / "recorded" / "small")
    train = ["train", str(again), "--workers", "3", "--seeds"]
    collect = ["collect", str(again), "--to", target]
    failed = "{} ended with 1; what is finished is kept"
    calls = []
    for ends, tier, seeds, left, says in (
        ("nowhere", "laptop", ["4", "5", "6"], [collect], "expected a folder of records"),
        ("train", "recorded", ["4", "5", "6", "7", "8"], [], failed.format("train")),
        ("collect", "recorded", ["4", "5", "6", "7", "8"], [collect], failed.format("collect")),
    ):
        script.with_suffix(".ends").write_text(ends)
        with pytest.raises((FileNotFoundError, RuntimeError), match=says):
            repeat(claim, again, tier=tier, workers=3)
        calls += [[*train, *seeds], *left]
        assert [json.loads(line) for line in script.with_suffix(".log").read_text().splitlines()] == calls


def test_a_command_that_is_neither_is_refused(course: Path) -> None:
    with pytest.raises(ValueError, match="is not repeated from here; give it by hand"):
        repeat(on_mnist(course, command="make tickets"), course / "again")
