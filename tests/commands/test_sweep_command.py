"""`lthkit sweep`, `list`, `show` and `compare`, from a file to what is concluded from it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lthkit import plots
from lthkit.__main__ import main
from lthkit.storage import files, records
from lthkit.sweeps.results import results
from lthkit.sweeps.states import state_of

GRID = """
methods = ["imp", {method = "prune-at-init", score = ["snip", "magnitude"]}]
seeds = [0, 1]
densities = [0.8, 0.64]
tier = "smoke"
[recipes.short]
steps = 20
"""
FRAGILE = """
import torch
from torch import nn

def small(*, seed, input_shape, classes):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, classes))
    if seed == 2:
        raise RuntimeError("no such luck")
    return network
"""
ONE = ["--device", "cpu", "--workers", "1"]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LTHKIT_RUNS", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))


def grid(text: str = GRID, name: str = "criteria.toml") -> str:
    Path(name).write_text(text)
    return name


def test_a_sweep_from_its_file_to_a_comparison(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches: a sweep that does not grow, a table without a method, files that are not named, figures that are not drawn."""
    assert main(["sweep", grid(), *ONE]) == 0
    told = capsys.readouterr()
    assert "to do: 6 cells, 14 trainings" in told.out and told.err.count("% left") == 14
    assert all(
        name in told.out for name in ("imp", "prune-at-init snip", "weights left (%)", "n = 2", "table.csv")
    )
    folder = tmp_path / "runs" / "criteria"
    rows = results(folder)
    for table in plots.sweep_tables(rows):
        assert str(table) in told.out
        assert [row[0] for row in table.rows] == ["80", "64"]
    assert len(rows) == 14 == len(records.read_table(folder / "table.csv"))
    assert main(["sweep", grid(GRID.replace("[0, 1]", "[0, 1, 2]")), *ONE]) == 0
    assert capsys.readouterr().err.count("% left") == 7, "only what is missing"

    assert main(["list"]) == 0
    assert "finished, 3 of 3 seeds, 64 % left: test accuracy" in " ".join(capsys.readouterr().out.split())
    assert main(["show", "criteria"]) == 0
    out = capsys.readouterr().out
    assert "criteria: finished" in out
    assert all(str(table) in out for table in plots.sweep_tables(results(folder)))
    for name in ("densities.png", "costs.png", "differences.png", "table.csv"):
        assert f"runs/criteria/{name}" in out.replace(os.sep, "/") and (folder / name).stat().st_size > 0
    assert main(["compare", "criteria"]) == 0
    assert "prune-at-init snip" in capsys.readouterr().out
    assert main(["compare", "criteria", "--lines", "imp", "prune-at-init snip"]) == 0
    out = capsys.readouterr().out
    assert "imp - prune-at-init snip: points of test accuracy" in out and "95 % interval" in out
    assert all(len(line) <= 80 for line in out.splitlines())
    assert main(["compare", "criteria", "--lines", "imp", "snip"]) == 2
    assert "There is no line 'snip'" in capsys.readouterr().err


def test_a_sweep_prints_what_was_asked_and_show_all_that_there_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches: rounds of IMP between two densities in the table of a sweep; rounds that no table has; lines that are too long."""
    text = GRID.replace("[0.8, 0.64]", "[0.64]").replace("[0, 1]", "[0]")
    assert main(["sweep", grid(text), *ONE]) == 0
    out = capsys.readouterr().out
    assert _densities(out) == ["64"] and "One seed each (n = 1): no interval, no claim." in out
    assert main(["show", "criteria"]) == 0
    shown = capsys.readouterr().out
    assert _densities(shown) == ["80", "64"]
    assert all(len(line) <= 80 or "runs/" in line for line in (out + shown).splitlines())


def _densities(out: str) -> list[str]:
    """The densities in the table, without its headings."""
    cells = [line.split() for line in out.splitlines()]
    return [cell[0] for cell in cells if len(cell) == 4 and cell[0].isdigit()]


def test_all_mistakes_of_a_file_are_listed_and_nothing_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches: one mistake a try; a folder left behind; exit status 1, which is for cells that failed."""
    text = 'methods = ["impp", {method = "prune-at-init", score = "snop"}]\nseedz = [0]\nseeds = [-1]\ndensities = [2]\n'
    assert main(["sweep", grid(text), *ONE]) == 2
    err = capsys.readouterr().err
    assert (
        all(part in err for part in ("impp", "snop", "seedz", "-1", "densities")) and "Traceback" not in err
    )
    assert len([line for line in err.splitlines() if "error:" in line]) == 1 and not Path("runs").exists()
    for slip, says in (
        ([grid(), "--worker", "--workers", "2"], "--worker was given with --on or --workers"),
        ([grid(), "--on", "clod"], "on='clod' was given"),
        (["nowhere.toml"], "nowhere.toml"),
        ([grid("methods = [", "broken.toml")], "broken.toml"),
    ):
        assert main(["sweep", *slip, "--device", "cpu"]) == 2
        assert says in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["sweep", grid(), "--shard", "9/8"])
    assert stop.value.code == 2 and "9" in capsys.readouterr().err


def test_cells_that_fail_are_named_and_the_others_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches: a sweep that ends with its first failure, or one that hides it behind exit status 0."""
    Path("fragile.py").write_text(FRAGILE)
    text = 'methods = ["dense"]\nmodels = ["fragile:small"]\nseeds = [0, 2, 1]\ntier = "smoke"\n[recipes.short]\nsteps = 20\n'
    assert main(["sweep", grid(text), *ONE]) == 1
    told = capsys.readouterr()
    assert "1 of 3 cells failed" in told.err and "no such luck" in told.err and "n = 2" in told.out
    assert main(["list"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "criteria failed, 2 of 3 seeds" in out and "no such luck" in out
    assert main(["show", "criteria"]) == 0
    assert "failed: dense-" in (out := capsys.readouterr().out) and "seed 2" in out


def test_time_that_is_up_is_exit_status_3_and_the_rest_is_done_next_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches: minutes that are not looked at; a sweep that begins anew."""
    assert main(["sweep", grid(), *ONE, "--minutes", "0.0001"]) == 3
    assert "Give the same command again" in capsys.readouterr().out
    assert state_of(Path("runs/criteria")).status == "stopped"
    assert main(["show", "criteria"]) == 0
    assert "missing: " in capsys.readouterr().out
    assert main(["sweep", grid(), *ONE]) == 0
    assert state_of(Path("runs/criteria")).status == "finished"


def test_shards_and_workers_share_a_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches: a part that does the cells of another; a worker that leaves some, or does some twice."""
    assert main(["sweep", grid(), *ONE, "--shard", "1/2"]) == 0
    first = {row["cell"] for row in results("runs/criteria")}
    assert 0 < len(first) < 6
    assert main(["sweep", grid(), "--device", "cpu", "--worker"]) == 0
    assert capsys.readouterr().err.count("% left") == 14
    rows = results("runs/criteria")
    assert len({row["cell"] for row in rows}) == 6 and len(rows) == 14
    assert main(["sweep", grid(), *ONE, "--out", "serial"]) == 0
    assert Path("serial/table.csv").read_bytes() == Path("runs/criteria/table.csv").read_bytes()


def test_a_dry_run_of_a_sweep_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches: a plan that is a begin; one of a shard that counts all."""
    assert main(["sweep", grid(), "--device", "cpu", "--dry-run"]) == 0
    assert (
        "6 cells, 14 trainings, at most 280 updates" in capsys.readouterr().out and not Path("runs").exists()
    )
    assert main(["sweep", grid(), "--device", "cpu", "--dry-run", "--shard", "1/2"]) == 0
    assert "3 cells" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to a process there")
def test_ctrl_c_is_exit_status_130_and_says_what_is_saved(tmp_path: Path) -> None:
    """Catches: a traceback after Ctrl-C, or work that is lost."""
    text = GRID.replace("steps = 20", "steps = 200000")
    heard = (  # what a shell starts in the background ignores SIGINT, and so do its children
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from lthkit.__main__ import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", heard, "sweep", grid(text), *ONE]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    assert any(line.startswith("on cpu") for line in lines)
    for _ in range(600):  # a claim: the first training is under way
        if list(tmp_path.glob("runs/criteria/cells/*/.claim-*")):
            break
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
    process.send_signal(signal.SIGINT)
    try:
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, (process.returncode, err)
    assert "Stopped" in err and "to go on from there" in err and "Traceback" not in err


def test_two_runs_are_compared_and_what_differs_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches: runs of other seeds, recipes or data put side by side as if they were alike."""
    base = ["run", "prune-at-init", *ONE, "--tier", "smoke", "--steps", "20", "--densities", "0.2"]
    assert main([*base, "--seeds", "0,1", "--out", "one"]) == 0
    assert main([*base, "--seeds", "1,2", "--lr", "0.01", "--out", "two"]) == 0
    capsys.readouterr()
    assert main(["compare", "one", "two"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for part in (
        "prune-at-init snip of one - prune-at-init snip of two",
        "one seed: no claim",
        "They also differ in lr (0.0012 and 0.01).",
        "Of prune-at-init snip of one alone: seed 0.",
        "Of prune-at-init snip of two alone: seed 2.",
    ):
        assert part in out
    for slip, says in (
        (["one", "nowhere"], "'nowhere' is not a run folder"),
        (["one", "winning-ticket"], "expected one that both have, within 0.5 %"),
        (["one", "one"], "given twice"),
    ):
        assert main(["compare", *slip]) == 2
        assert says in capsys.readouterr().err


def test_lists_of_nothing_and_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches: an error where there is just nothing yet, and none for a folder that is not there."""
    for command in (["list"], ["show"]):
        assert main(command) == 0
        assert "There are no runs in runs/ yet" in capsys.readouterr().out
    assert main(["list", "nowhere"]) == 2
    assert "there is no folder nowhere" in capsys.readouterr().err
    Path("runs/bad").mkdir(parents=True)
    files.write_text(Path("runs/bad/config.json"), "{}")
    assert main(["list", "runs"]) == 0
    assert "damaged" in capsys.readouterr().out
