"""`lthkit run` of every method: what it leaves, how it grows, and one clear line for each slip."""

from __future__ import annotations

from pathlib import Path

import pytest

from lthkit.__main__ import main
from lthkit.storage import records
from lthkit.sweeps.results import results

FAST = ["--steps", "20", "--device", "cpu", "--tier", "smoke", "--workers", "1"]
OWN = """
import torch
from torch import nn

def small(*, seed, input_shape, classes):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, classes))
"""


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LTHKIT_RUNS", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))


def only_run(tmp_path: Path) -> Path:
    (folder,) = (tmp_path / "runs").iterdir()
    return folder


@pytest.mark.parametrize(
    ("arguments", "name", "lines"),
    [
        (["dense"], "dense", {("dense", "dense", 1.0)}),
        (["imp", "--densities", "0.64"], "imp", {("imp", "ticket", 0.64)}),
        (["one-shot", "--densities", "0.3", "--controls", "shuffled"], "one-shot", {("one-shot", "shuffled", 0.3)}),
        (["one-shot", "--rounds", "2"], "one-shot", {("one-shot", "ticket", 0.64)}),
        (["retrain", "--arm", "fine-tune,lr-rewind", "--densities", "0.3"], "one-shot",
         {("one-shot", "fine-tune", 0.3), ("one-shot", "lr-rewind", 0.3)}),
        (["prune-at-init", "--score", "synflow", "--iterations", "3", "--densities", "0.1"], "prune-at-init",
         {("prune-at-init", "ticket", 0.1)}),
        (["early-bird", "--densities", "0.5", "--window", "2", "--threshold", "0.9", "--steps", "340"], "early-bird",
         {("early-bird", "ticket", 0.5)}),
        (["hybrid", "--densities", "0.2", "--rounds", "1"], "hybrid", {("hybrid", "ticket", 0.2)}),
    ],
)  # fmt: skip
def test_every_method_is_a_run(
    arguments: list[str],
    name: str,
    lines: set[tuple[str, str, float]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Catches: a method that the command line does not reach, an option that is not passed on, lines wider than a terminal."""
    method, *rest = arguments
    assert main(["run", method, *FAST, "--seeds", "0", *rest]) == 0
    out = capsys.readouterr().out
    folder = only_run(tmp_path)
    assert folder.name.startswith(f"{name}-lenet-300-100-fashion-mnist-") and len(folder.name[-7:]) == 7
    rows = results(folder)
    assert lines <= {(row["method"], row["arm"], round(row["density"], 2)) for row in rows}
    assert records.read_table(folder / "table.csv") and "One seed each (n = 1)" in out
    assert all(len(line) <= 80 or "runs/" in line for line in out.splitlines())
    for row in rows:
        for option, column in (
            ("--score", "score"),
            ("--iterations", "iterations"),
            ("--threshold", "threshold"),
        ):
            if option in rest:
                assert str(row[column]) == rest[rest.index(option) + 1]


def test_a_run_grows_by_a_seed_and_a_density(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches: a folder that has the seeds or the densities in its name, so that nothing is found; trainings done twice."""
    base = ["run", "prune-at-init", *FAST]
    assert main([*base, "--seeds", "0", "--densities", "0.2"]) == 0
    assert capsys.readouterr().err.count("seed 0") == 1
    assert main([*base, "--seeds", "0,1", "--densities", "0.2,0.1"]) == 0
    told = capsys.readouterr()
    assert told.err.count("% left") == 3 and "to do: 2 cells, 3 trainings" in told.out
    assert {(r["seed"], r["asked"]) for r in results(only_run(tmp_path))} == {
        (0, 0.2),
        (0, 0.1),
        (1, 0.2),
        (1, 0.1),
    }
    assert main([*base, "--seeds", "1", "--densities", "0.2"]) == 0
    assert "% left" not in (told := capsys.readouterr()).err and "to do: 0 cells" in told.out
    assert main([*base, "--seeds", "0", "--densities", "0.2", "--lr", "0.01"]) == 0
    assert len(list((tmp_path / "runs").iterdir())) == 2, "another recipe is another run"


def test_arms_of_retraining_share_their_dense_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches: the dense network trained again for each arm."""
    base = ["run", "retrain", *FAST, "--seeds", "0", "--densities", "0.3"]
    assert main([*base, "--arm", "rewind"]) == 0
    assert capsys.readouterr().err.count("% left") == 2
    assert main([*base, "--arm", "fine-tune"]) == 0
    assert capsys.readouterr().err.count("% left") == 1 and only_run(tmp_path)


def test_a_dry_run_does_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches: a plan that begins the work, or leaves a folder; one that counts finished trainings."""
    for method in (["dense"], ["imp", "--rounds", "2"], ["imp", "--densities", "0.8"], ["winning-ticket"]):
        fast = FAST if method != ["winning-ticket"] else ["--tier", "smoke"]
        fast = fast[:-2] if method == ["imp", "--rounds", "2"] else fast
        assert main(["run", *method, *fast, "--seeds", "0,1", "--dry-run"]) == 0
        out = capsys.readouterr().out
        assert all(word in out for word in ("to do", "trainings", "updates", "time", "disk"))
        assert all(len(line) <= 80 or "runs/" in line for line in out.splitlines())
    assert not list(tmp_path.iterdir())
    assert main(["run", "dense", *FAST, "--seeds", "0"]) == 0
    capsys.readouterr()
    assert main(["run", "dense", *FAST, "--seeds", "0,1", "--dry-run"]) == 0
    assert "to do      1 cell, 1 training, at most 20 updates" in capsys.readouterr().out


def test_a_network_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches: a function of one's own that only some methods take, or whose code is not in the run's name."""
    (tmp_path / "mine.py").write_text(OWN)
    for method in (["imp", "--rounds", "1"], ["prune-at-init", "--densities", "0.5"]):
        assert main(["run", *method, *FAST, "--seeds", "0", "--model", "mine:small"]) == 0
    names = sorted(p.name for p in (tmp_path / "runs").iterdir())
    assert [name.rpartition("-")[0] for name in names] == [
        "imp-small-fashion-mnist",
        "prune-at-init-small-fashion-mnist",
    ]
    assert main(["run", "dense", *FAST, "--model", "mine:smal"]) == 2
    assert "Did you mean 'small'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["dense", "--model", "lenet-3000"], "lenet-300-100"),
        (["dense", "--model", "nowhere.at_all:net"], "cannot be imported"),
        (["dense", "--data", "fashion"], "fashion-mnist"),
        (["dense", "--seeds", "1,1"], "--seeds: 1 stands at [0] too"),
        (["dense", "--seeds", "-1"], "--seeds: -1 was given"),
        (["dense", "--steps", "0"], "steps=0"),
        (["dense", "--batch-size", "20000"], "20000"),
        (["dense", "--device", "tpu"], "auto, cuda, mps, cpu"),
        (["dense", "--on", "cloud"], "expected local, serial, dask"),
        (["dense", "--workers", "0"], "workers=0"),
        (["dense", "--minutes", "0"], "minutes=0"),
        (["dense", "--size", "32"], "fashion-mnist has a size of its own"),
        (["prune-at-init", "--densities", "0"], "--densities: 0.0 was given"),
        (["prune-at-init", "--densities", "1.5"], "1.5 % are 0.015"),
        (["prune-at-init", "--densities", "0.2,0.2"], "--densities: 0.2 is the density"),
        (["prune-at-init", "--score", "magnitude", "--images", "10"], "images"),
        (["prune-at-init", "--iterations", "0"], "iterations=0"),
        (["prune-at-init", "--controls", "fresh"], "re-initialised, shuffled"),
        (["retrain", "--arm", "lr-rewinding"], "Did you mean 'lr-rewind'?"),
        (["retrain", "--rewind-step", "99999"], "rewind_step=99999"),
        (["early-bird", "--window", "1"], "window=1"),
        (["early-bird", "--threshold", "-1"], "threshold=-1"),
        (["hybrid", "--snip-density", "2"], "snip_density=2"),
        (["hybrid", "--rounds", "0"], "rounds=0"),
        (["imp", "--densities", "0.8", "--rounds", "3"], "--rounds and --densities were given"),
        (["imp", "--densities", "0.8", "--fraction", "2"], "fraction=2"),
        (["imp", "--densities", "0.37"], "0.37"),
        (["imp", "--workers", "1", "--control-rounds", "1"], "--control-rounds was given"),
        (["one-shot", "--densities", "0.8", "--fraction", "0.3"], "--fraction and --densities were given"),
        (["dense", "--tier", "recorded"], "lthkit show winning-ticket"),
    ],
)
def test_a_slip_is_one_clear_line(
    arguments: list[str], fragment: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches: a traceback for a slip, one that begins the work, one that says nothing of what was given."""
    assert main(["run", arguments[0], "--tier", "smoke", *arguments[1:]]) == 2
    err = capsys.readouterr().err.strip()
    lines = [line for line in err.splitlines() if "error" in line]
    assert len(lines) == 1 and fragment in lines[0] and "Traceback" not in err, err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["dense", "--densities", "0.2"], "unrecognized arguments: --densities"),
        (["prune-at-init", "--score", "snp"], "did you mean snip?"),
        (["prune-at-init", "--densities", "a"], "expected fractions such as 0.2,0.05"),
        (["early-bird", "--rule", "new"], "did you mean newest?"),
        (["prun-at-init"], "did you mean prune-at-init?"),
        (["hybrid", "--snip-densty", "0.5"], "did you mean --snip-density?"),
    ],
)
def test_what_the_parser_refuses_says_what_was_meant(
    arguments: list[str], fragment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches: an option of another method taken in silence."""
    with pytest.raises(SystemExit) as stop:
        main(["run", *arguments])
    assert stop.value.code == 2 and fragment in capsys.readouterr().err


def test_every_option_of_every_method_has_an_example_or_its_values(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Catches: an option whose help does not show how to write it; help wider than a terminal."""
    for method in (
        "dense",
        "imp",
        "one-shot",
        "retrain",
        "prune-at-init",
        "early-bird",
        "hybrid",
        "winning-ticket",
    ):
        with pytest.raises(SystemExit):
            main(["run", method, "--help"])
        out = capsys.readouterr().out
        assert f"example: lthkit run {method}" in " ".join(out.split())
        entries = out.split("\n  --")[1:]
        for entry in entries:
            words = " ".join(entry.split())
            shown = any(part in words for part in ("such as", "default", "{", "(", "say what it would take"))
            assert shown, entry
    for command in (["run", "--help"], ["sweep", "--help"], ["compare", "--help"], ["list", "--help"]):
        with pytest.raises(SystemExit):
            main(command)
        assert all(len(line) <= 80 for line in capsys.readouterr().out.splitlines())
