"""`lthkit run`, `show` and `build` from outside: results, resuming, and one clear line for every slip."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lthkit import cells
from lthkit.__main__ import main
from lthkit.classroom import passport
from lthkit.runs import experiments, under_way
from lthkit.storage import files, records

FAST = ["--rounds", "2", "--seeds", "0,1", "--steps", "20", "--device", "cpu", "--tier", "smoke"]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LTHKIT_RUNS", raising=False)
    monkeypatch.setattr("lthkit.bench.textbook_steps_per_second", lambda *a, **k: 100.0)


def test_winning_ticket_writes_table_and_figures(tmp_path, capsys):
    assert main(["run", "winning-ticket", "--tier", "smoke"]) == 0
    out = capsys.readouterr().out
    assert "weights left" in out and "ticket - re-initialised" in out and "textbook loop" in out
    folder = next((tmp_path / "runs").iterdir())
    assert folder.name.startswith("winning-ticket-")
    for name in (
        "config.json",
        "summary.json",
        "table.csv",
        "trade_off.png",
        "trade_off.svg",
        "early_stop.png",
    ):
        assert (folder / name).stat().st_size > 0
    rows = records.read_table(folder / "table.csv")
    assert {row["arm"] for row in rows} == {"dense", "ticket", "re-initialised", "shuffled"}
    assert {row["seed"] for row in rows} == {0, 1, 2}
    first = (folder / "table.csv").read_bytes()

    assert main(["show", folder.name]) == 0
    assert "weights left" in capsys.readouterr().out
    assert main(["show"]) == 0
    assert folder.name in capsys.readouterr().out

    assert main(["run", "winning-ticket", "--tier", "smoke"]) == 0
    assert (folder / "table.csv").read_bytes() == first, "a finished run is read, not repeated"


def test_the_same_command_gives_the_same_numbers(tmp_path):
    """Catches: results that depend on which worker or which seed ends first."""
    tables = []
    for out in ("a", "b"):
        assert main(["run", "imp", *FAST, "--controls", "shuffled,re-initialised", "--out", out]) == 0
        rows = records.read_table(tmp_path / out / "table.csv")
        tables.append([{k: v for k, v in row.items() if k != "seconds"} for row in rows])
    assert tables[0] == tables[1] and len(tables[0]) == 2 * (1 + 2 + 2 * 2)


def test_an_interrupted_run_goes_on(tmp_path, monkeypatch, capsys):
    whole = ["run", "imp", *FAST, "--out", "whole"]
    assert main(whole) == 0
    original, calls = cells.rows.row_of, []

    def interrupt(*args):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(cells.rows, "row_of", interrupt)
    assert main([*whole[:-1], "part"]) == 130
    assert "Give the same command again to go on" in capsys.readouterr().err
    monkeypatch.setattr(cells.rows, "row_of", original)
    assert main([*whole[:-1], "part"]) == 0

    def numbers(name):
        rows = records.read_table(tmp_path / name / "table.csv")
        return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]

    assert numbers("part") == numbers("whole")


def test_one_shot_runs_and_its_ladder_is_that_of_imp(tmp_path):
    assert main(["run", "one-shot", *FAST, "--out", "shot"]) == 0
    rows = records.read_table(tmp_path / "shot" / "table.csv")
    assert sorted({round(row["density"], 2) for row in rows}) == [0.64, 0.8, 1.0]


def test_another_configuration_in_the_same_folder_is_refused(capsys):
    assert main(["run", "imp", *FAST, "--out", "x"]) == 0
    capsys.readouterr()
    assert main(["run", "imp", *FAST, "--fraction", "0.3", "--out", "x"]) == 2
    assert "fraction: 0.2 there, 0.3 now" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["run", "imp", "--model", "lenet-3000"], "lenet-300-100"),
        (["run", "imp", "--data", "fashion"], "fashion-mnist"),
        (["run", "imp", "--fraction", "1.5"], "fraction=1.5"),
        (["run", "imp", "--fraction", "0"], "fraction=0"),
        (["run", "imp", "--rounds", "0"], "rounds=0"),
        (["run", "imp", "--rewind-step", "99999"], "rewind_step=99999"),
        (["run", "imp", "--rewind-step", "-1"], "rewind_step=-1"),
        (["run", "imp", "--seeds", "1,1"], "different whole numbers"),
        (["run", "imp", "--steps", "0"], "steps=0"),
        (["run", "imp", "--lr", "-1"], "lr=-1"),
        (["run", "imp", "--device", "tpu"], "auto, cuda, mps, cpu"),
        (["run", "imp", "--device", "cuda:99"], "cuda"),
        (["run", "imp", "--controls", "random"], "re-initialised, shuffled"),
        (["run", "imp", "--controls", "shuffled", "--control-rounds", "9"], "rounds from 1 to 5"),
        (["run", "imp", "--model", "lenet-300-100", "--batch-size", "20000"], "20000"),
        (["show", "nothing"], "'nothing' is not a run folder"),
        (["build", "--root", "nowhere"], "nowhere"),
    ],
)
def test_a_bad_value_is_one_clear_line_and_exit_code_2(arguments, fragment, capsys):
    assert main([*arguments, *(["--tier", "smoke"] if arguments[0] == "run" else [])]) == 2
    err = capsys.readouterr().err.strip()
    lines = [line for line in err.splitlines() if "error" in line]
    assert len(lines) == 1 and fragment in lines[0] and "Traceback" not in err


@pytest.mark.parametrize(
    "arguments", [["run"], ["run", "imp", "--seeds", "a,b"], ["run", "imp", "--tier", "huge"], ["fly"]]
)
def test_a_bad_command_line_is_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2 and "error" in capsys.readouterr().err


def test_an_unwritable_folder_is_one_clear_line(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main(["run", "imp", *FAST, "--out", "file/run"]) == 2
    assert "Choose another folder" in capsys.readouterr().err


def test_a_console_that_is_not_utf8_shows_the_tables(tmp_path):
    """Catches: UnicodeEncodeError on ± where the console is ASCII."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    command = [sys.executable, "-m", "lthkit", "run", "winning-ticket", "--tier", "smoke", "--seeds", "0,1"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    assert b"+/-" in done.stdout and b"?" not in done.stdout
    done.stdout.decode("ascii")


def test_a_recorded_run_is_shown_and_left_as_it_is(tmp_path, capsys):
    """Catches: drawing into the installed package."""
    folder = experiments.recorded("winning-ticket")
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    assert main(["show", "winning-ticket"]) == 0
    out = capsys.readouterr().out
    assert "re-initialised" in out and "a recorded run" in out
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before
    assert main(["show", "no-such-run"]) == 2
    assert "winning-ticket" in capsys.readouterr().err


def test_the_recorded_masks_have_the_recorded_densities():
    """Catches: masks of another run laid beside the table."""
    folder = experiments.recorded("winning-ticket")
    rows = experiments.load(folder)[2]
    for row in rows:
        if row["seed"] == 0 and row["arm"] in ("dense", "ticket"):
            mask = experiments.load_mask(folder, seed=0, level=row["round"])
            assert mask.density == pytest.approx(row["density"], abs=1e-12)


def test_tier_recorded_runs_nothing(tmp_path, capsys):
    assert main(["run", "winning-ticket", "--tier", "recorded"]) == 2
    assert "lthkit show winning-ticket" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="a closed pipe looks otherwise on Windows")
def test_a_reader_who_goes_away_is_no_error(tmp_path):
    """Catches: `lthkit show | head` that ends with "Broken pipe" on the screen."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "lthkit", "doctor"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert done.returncode == 1 and done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["rum"], "did you mean run?"),
        (["--hlp"], "unrecognized arguments: --hlp; did you mean --help?"),
        (["grade", "--hepl"], "unrecognized arguments: --hepl; did you mean --help?"),
        (["run", "winning-tickets"], "did you mean winning-ticket?"),
        (["run", "imp", "--rouns", "3"], "did you mean --rounds?"),
        (["run", "imp", "--tier", "laptp"], "did you mean laptop?"),
        (["run", "imp", "--zzz"], "lthkit run imp --help lists the options"),
        (["grade", "reprt"], "did you mean report?"),
    ],
)
def test_what_may_have_been_meant_is_said(arguments, fragment, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert fragment in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["run", "imp", "--tier", "smoke", "--device", "cdua"], "'cuda'"),
        (["run", "imp", "--tier", "smoke", "--controls", "shufled"], "'shuffled'"),
        (["show", "wining-ticket"], "'winning-ticket'"),
        (["bench", "lenett"], "'lenet'"),
    ],
)
def test_what_may_have_been_meant_by_a_value_is_said(arguments, fragment, capsys):
    assert main(arguments) == 2
    assert f"Did you mean {fragment}?" in capsys.readouterr().err


def test_the_help_of_run_has_the_common_options_with_examples(capsys):
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    out = capsys.readouterr().out
    assert all(
        f"--{name} " in out for name in ("seeds", "tier", "device", "out", "minutes", "model", "rounds")
    )
    assert "\n  lthkit run winning-ticket --tier smoke --seeds 0,1\n" in out


def test_the_closing_figures_cover_all_calls(tmp_path, monkeypatch, capsys):
    """Catches: the time of the last call passed off as that of the run."""
    command = ["run", "imp", *FAST, "--out", "x"]
    with monkeypatch.context() as patch:
        patch.setattr(under_way, "write_results", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
        assert main(command) == 130
    before = files.read_sealed(tmp_path / "x" / "sessions.json")
    assert len(before["seconds"]) == 1 and before["known"]
    files.write_sealed(tmp_path / "x" / "sessions.json", {"seconds": [1000.0], "known": True})
    capsys.readouterr()
    assert main(command) == 0
    said = re.search(r"; (\d+) s in all, over 2 calls", capsys.readouterr().out)
    assert said and int(said[1]) >= 1000


def test_a_time_that_is_not_known_is_not_made_up(tmp_path, monkeypatch, capsys):
    """Catches: a run begun by an older lthkit, or with a damaged file, whose last call is called the whole."""
    command = ["run", "imp", *FAST, "--out", "x"]
    with monkeypatch.context() as patch:
        patch.setattr(under_way, "write_results", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
        assert main(command) == 130
    (tmp_path / "x" / "sessions.json").unlink()
    assert main(command) == 0
    assert "time in all is not known" in capsys.readouterr().out


def test_start_alone_lists_what_is_passed(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LTHKIT_PASSPORT", str(tmp_path / "passport.json"))
    passport.note_passed("01.2", False, print)
    monkeypatch.chdir(Path(__file__).parents[2])
    assert main(["start"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["copy", "passed", "lesson"]
    assert "1 of 4" in lines[2] and "0 of 4" in lines[3]
