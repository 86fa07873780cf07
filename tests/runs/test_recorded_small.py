"""Four small records: their scripts on tiny settings, and the rows that their claims ask for."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import lthkit as lth
from lthkit import ledger
from lthkit.data.datasets import Dataset
from lthkit.evidence import mode_connectivity
from lthkit.ledger.measuring import tables_of, values_of
from lthkit.runs import recording
from lthkit.storage import files, records
from lthkit.storage.folders import RunMismatch, read_config
from lthkit.training import no_sparse
from tests.records import DATA, record_script

SEEDS = (1, 2)  # none that is registered
SHORT: dict[str, Any] = {"steps": 20, "evaluate_every": 10}


def little() -> Dataset:
    return lth.load_data("fashion-mnist").head(train=200, validation=100, test=100)


def supermasks(module: ModuleType) -> None:
    module.RECIPE = replace(module.RECIPE, patience=None, **SHORT)
    module.LEVELS, module.load = (2, 10), little


def layer_collapse(module: ModuleType) -> None:
    module.WIDTH, module.IMAGES, module.ROUNDS, module.load = 2, 20, 3, little
    module.EXPONENTS, module.ROUNDED = (0.5, 1.0, 2.0), (0.5, 1.0)


def connectivity(module: ModuleType) -> None:
    lenet, conv = module.CASES
    short, recipe = lth.Recipe(**SHORT), lth.Recipe(steps=100, evaluate_every=50)
    module.CASES = (replace(lenet, steps=(0, 10), recipe=short), replace(conv, recipe=recipe))
    module.Case.load = lambda case: little() if case.data == "mnist" else lth.data.halved(little())


def break_even(module: ModuleType) -> None:
    if why := no_sparse():
        pytest.skip(why)
    module.DENSITIES, module.TRAINED, module.REPETITIONS, module.BLOCK = (0.5, 0.1, 0.01), (0.05,), 2, 2
    module.load = SimpleNamespace(moment=lambda: None, others_between=lambda a, b: 0.1, NOTICED=0.2)


TINY: dict[str, Callable[[ModuleType], None]] = {
    "supermasks": supermasks,
    "layer_collapse": layer_collapse,
    "mode_connectivity": connectivity,
    "break_even": break_even,
}


class Recorded:
    """One script on its tiny settings, trained and collected."""

    def __init__(self, name: str, at: Path) -> None:
        self.script, self.folder = record_script(f"record_{name}"), at / "work"
        self.registered, self.claims = self.script.SEEDS, self.script.CLAIMS
        TINY[name](self.script)
        self.script.SEEDS, self.target = SEEDS, at / "record"
        self.train(list(SEEDS))
        self.script.collect(self.folder, self.target)

    def train(self, seeds: list[int]) -> None:
        workers = () if self.script.NAME == "break-even" else (2,)
        self.script.train_all(self.folder, seeds, *workers)

    def table(self, name: str = "table.csv") -> list[records.Row]:
        return tables_of(self.target, [name])[name]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Recorded]:
    made: dict[str, Recorded] = {}

    def of(name: str) -> Recorded:
        if name not in made:
            made[name] = Recorded(name, tmp_path_factory.mktemp(name))
        return made[name]

    return of


@pytest.mark.parametrize("name", TINY)
def test_the_rules_find_their_rows(recorded: Callable[[str], Recorded], name: str) -> None:
    """Catches an arm, a column or a table of a rule that the script does not write, and a claim of other seeds or another
    record than the script makes."""
    run, book = recorded(name), ledger.load_ledger()
    config = files.read_sealed(run.target / "config.json")
    assert config["claims"] == ledger.digests(*run.claims)
    assert [c.id for c in book.values() if c.record == run.script.NAME] == list(run.claims)
    for claim in map(book.__getitem__, run.claims):
        assert claim.seeds == run.registered and f"data/record_{name}.py" in claim.command
        tables = tables_of(run.target, [rule.table for rule in claim.rule])
        for rule in claim.rule:
            assert values_of(rule, SEEDS, tables[rule.table]).keys() == set(SEEDS)


@pytest.mark.parametrize("name", TINY)
def test_what_is_finished_is_not_made_again(
    recorded: Callable[[str], Recorded], name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Catches work that is done twice, a seed that counts before all of it is there, and numbers that differ when a part
    is made again (times do)."""
    run = recorded(name)
    capsys.readouterr()
    run.train(list(SEEDS))
    assert capsys.readouterr().out == ""
    gone = sorted(run.folder.rglob("*[0-9]*/*.json") if name != "break_even" else run.folder.glob("turn-*"))[
        0
    ]
    before = files.read_sealed(gone)
    gone.unlink()
    run.script.collect(run.folder, tmp_path)
    assert files.read_sealed(tmp_path / "config.json")["seeds"] == [2]
    assert {row["seed"] for row in tables_of(tmp_path, ["table.csv"])["table.csv"]} == {2}
    run.train(list(SEEDS))
    assert capsys.readouterr().out.count("\n") == 2  # of collect, and of what was missing
    assert timeless(files.read_sealed(gone)) == timeless(before)


def timeless(value: Any) -> Any:
    """`value` without what a clock said."""
    clocked = ("seconds", "others", "sha256", "microseconds", "dense_microseconds", "ratio")
    if isinstance(value, dict):
        return {key: timeless(part) for key, part in value.items() if key not in clocked}
    return [timeless(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", TINY)
def test_other_claims_and_other_seeds_are_refused(
    recorded: Callable[[str], Recorded], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a rule that is changed between the first training and the last, and a seed that nobody registered."""
    run = recorded(name)
    with pytest.raises(SystemExit, match=r"\[7\] were given; registered are \[1, 2\]"):
        run.train([1, 7])
    monkeypatch.setattr(run.script, "CLAIMS", run.claims[:1])
    with pytest.raises(RunMismatch, match="claims"):
        run.train(list(SEEDS))


def test_a_supermask_is_chosen_on_validation(recorded: Callable[[str], Recorded]) -> None:
    """Catches a density that is chosen by the test split, masks that are no masks of the untrained network, and scores
    that do not know the sign."""
    run = recorded("supermasks")
    ladder, best = run.table("ladder.csv"), run.table()
    assert len(ladder) == 3 * 2 * 2 * len(SEEDS) and len(best) == 3 * 2 * len(SEEDS)
    for row in best:
        own = [r for r in ladder if all(r[key] == row[key] for key in ("arm", "start", "seed"))]
        assert row["validation_accuracy"] == max(r["validation_accuracy"] for r in own)
        assert row["test_accuracy"] != row["validation_accuracy"]
    seed = run.script.Seed(little(), 1, run.folder / "seed-1")
    scores, first = seed.scores(), seed.start.model
    kept = seed.mask(scores[run.script.SAME], 10)
    last = seed.trained()
    for name, mask in kept.items():
        assert (last[name] * first[name] > 0)[mask].all()
        assert scores[run.script.FINAL][name].equal(last[name].abs())
    network = seed.network(seed.start, kept)
    assert all((p == first[n] * kept[n]).all() for n, p in network.named_parameters() if n in kept)


def test_signs_and_sizes_of_the_starts(recorded: Callable[[str], Recorded]) -> None:
    """Catches a control whose sizes differ too, and one that keeps the signs."""
    seed = recorded("supermasks").script.Seed(little(), 1, Path())
    starts = {name: start.model for name, start in seed.starts(seed.everything).items()}
    for name in seed.everything:
        first, own, new = (starts[arm][name] for arm in ("ticket", "its signs, new sizes", "new weights"))
        assert own.abs().equal(new.abs()) and own.sign().equal(first.sign())
        assert 0.4 < (new.sign() == first.sign()).float().mean() < 0.6
        constant = starts["its signs, one size a layer"][name]
        assert constant.sign().equal(first.sign()) and constant.abs().unique().numel() == 1


def test_how_far_a_criterion_goes(recorded: Callable[[str], Recorded]) -> None:
    """Catches a guard that keeps a weight of each layer, a reach behind a gap, and one that counts what is on no path."""
    script = recorded("layer_collapse").script
    rows = [
        {"arm": "a", "seed": 0, "exponent": x, "smallest_kept": k, "connected": c}
        for x, k, c in ((1.0, 5, 9), (0.5, 7, 30), (1.5, 1, 0), (2.0, 0, 4))
    ]
    assert script.reach(rows) == [{"arm": "a", "seed": 0, "full_to": 1.5, "path_to": 1.0, "of": 2.0}]
    assert script.reach(rows[2:3])[0]["path_to"] == 0
    table = recorded("layer_collapse").table()
    assert any(row["smallest_kept"] == 0 and row["emptied"] > 0 for row in table)
    assert {row["exponent"] for row in table if row["arm"] == "SynFlow"} == set(script.ROUNDED)
    for row in table:
        assert row["density"] == pytest.approx(10 ** -row["exponent"], abs=1e-3)


def test_the_recipe_of_both_twins_is_the_registered_one(recorded: Callable[[str], Recorded]) -> None:
    """Catches twins with one data order, a start that is not that of step k, and a barrier that is not that of the path."""
    run = recorded("mode_connectivity")
    paths = run.table("paths.csv")
    for row in run.table():
        own = [p for p in paths if all(p[key] == row[key] for key in ("model", "seed", "k"))]
        points = [mode_connectivity.PathPoint(p["alpha"], p["loss"], p["error"]) for p in own]
        assert row["barrier"] == pytest.approx(mode_connectivity.barrier(points)) and len(points) == 11
        assert points[0].loss != points[-1].loss
    starts = {(p["model"], p["seed"], p["k"]): p["loss"] for p in paths if p["alpha"] == 0}
    assert len(set(starts.values())) == len(starts)


def test_where_a_line_comes_to_1(recorded: Callable[[str], Recorded]) -> None:
    """Catches an interpolation from the wrong end, and a form that never pays told as one that always does."""
    crossing = recorded("break_even").script.crossing
    assert crossing([(0.1, 0.5), (0.2, 1.5), (0.3, 0.9)]) == pytest.approx(0.15)
    assert crossing([(0.1, 1.0), (0.2, 0.5)]) == 0 and crossing([(0.1, 0.5), (0.2, 0.9)]) == 0.2


def test_a_turn_beside_other_programs_is_not_kept(
    recorded: Callable[[str], Recorded], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a time that another program had a part in, and a turn that is given up at once."""
    script = recorded("break_even").script
    turns = iter([0.9, 0.1, 0.9, 0.8, 0.7])
    monkeypatch.setattr(script, "one_turn", lambda data, seed: [{"ratio": 1}])
    monkeypatch.setattr(script.load, "others_between", lambda a, b: next(turns))
    assert script.quiet_turn(little(), 1)["others"] == 0.1
    assert capsys.readouterr().out.count("not kept") == 1
    with pytest.raises(SystemExit, match="in each of 3 tries"):
        script.quiet_turn(little(), 1)


@pytest.mark.parametrize("name", [*TINY, "rewinding_fails"])
def test_each_script_gives_its_own_work_to_the_shared_command_line(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a script that does nothing when it is run, that takes other seeds than it registered, or writes into the record of
    another; none of this is seen by who calls its functions."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(recording, "command", lambda *given: calls.append(given))
    made = runpy.run_path(str(DATA / f"record_{name}.py"), run_name="__main__")
    target = DATA / "results" / name.replace("_", "-")
    own = (made["__doc__"], made["SEEDS"], target, made["train_all"], made["collect"])
    assert calls == [own] and f"data/record_{name}.py train FOLDER" in made["__doc__"]
    assert made["NAME"] == target.name


Calls = list[tuple[Any, ...]]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Calls]:
    """Gives words to the shared command line of a script with three seeds; returned is what the script was asked to do."""

    def given(words: str) -> Calls:
        calls: Calls = []
        monkeypatch.setattr("sys.argv", ["data/record_small.py", *words.split()])
        recording.command(
            "Record it.\n\n    by hand",
            (1, 2, 3),
            tmp_path / "own",
            lambda *asked: calls.append(("train", *asked)),
            lambda *asked: calls.append(("collect", *asked)),
        )
        return calls

    return given


def test_the_words_of_a_command_reach_the_script(command: Callable[[str], Calls], tmp_path: Path) -> None:
    """Catches training where collecting was asked for, seeds or workers that get lost, and a record in another folder."""
    assert command("train there") == [("train", Path("there"), [1, 2, 3], 2)]
    assert command("train there --seeds 3 1 --workers 5") == [("train", Path("there"), [3, 1], 5)]
    assert command("collect there") == [("collect", Path("there"), tmp_path / "own")]
    assert command("collect there --to other") == [("collect", Path("there"), Path("other"))]


def test_a_word_that_a_script_does_not_know_is_refused(
    command: Callable[[str], Calls], capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ("learn there", "train", "train there --seeds one"):
        with pytest.raises(SystemExit):
            command(words)
    assert "invalid choice: 'learn'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command("--help")
    assert "Record it.\n\n    by hand" in capsys.readouterr().out, (
        "the script's own words, as they stand there"
    )


def test_a_record_says_where_and_how_it_was_made(recorded: Callable[[str], Recorded]) -> None:
    """Catches a record without the machine and the versions, one that calls itself by another name, and one whose
    configuration is not that of the run but for the seeds that are complete."""
    run = recorded("supermasks")
    summary = files.read_sealed(run.target / "summary.json")
    assert (summary["name"], summary["device"], summary["execution"]) == ("supermasks", "cpu", {"threads": 1})
    assert summary["environment"] == records.environment() | {"date": summary["environment"]["date"]}
    assert summary["data"] == little().label and summary["minutes"] >= 0
    assert summary["tables"].keys() == {"table.csv", "ladder.csv", "signs.csv"}
    assert files.read_sealed(run.target / "config.json") == read_config(run.folder) | {"seeds": list(SEEDS)}


@pytest.mark.parametrize("error", [ValueError, OSError, FileNotFoundError])
def test_a_slip_on_the_command_line_is_told_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """Catches: a page of Python for a folder that another run has, for data that are not there, for a full disk."""

    def train(folder: Path, seeds: list[int], workers: int) -> None:
        raise error(f"{folder} holds another run. Choose another folder.")

    monkeypatch.setattr("sys.argv", ["data/record_small.py", "train", str(tmp_path)])
    with pytest.raises(
        SystemExit, match=r"^record_small\.py: .* holds another run\. Choose another folder\.$"
    ):
        recording.command("", (1, 2, 3), tmp_path, train, lambda folder, target: None)
