"""Run folders: one configuration, one process at a time; and runs that are kept without being asked for one by one."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import threading
import types
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import lthkit as lth
from lthkit.storage import files, folders, identity, records
from lthkit.storage.folders import RunBusy, RunMismatch
from tests.conftest import small_net

RECIPE = lth.Recipe(steps=12, batch_size=20, optimizer="sgd", lr=0.1, evaluate_every=4)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Runs are kept in a folder of the test's own."""
    monkeypatch.setenv("LTHKIT_RUNS", "elsewhere")
    yield folders.keep_runs(tmp_path / "kept runs")
    folders.keep_no_runs()


@pytest.mark.skipif(sys.platform != "linux", reason="an open file cannot be moved elsewhere")
def test_what_ended_the_work_is_told_though_its_folder_is_gone(tmp_path):
    """Catches: Ctrl-C that becomes a FileNotFoundError, where another process has taken the folder over meanwhile."""
    with (
        pytest.raises(KeyboardInterrupt),
        folders.working_in(tmp_path / "run", lambda: {"lr": 0.1}, name="run") as place,
    ):
        place.rename(tmp_path / "taken over")
        raise KeyboardInterrupt


def test_a_folder_belongs_to_one_configuration(tmp_path):
    folder = folders.open_run(tmp_path / "run", {"lr": 0.1, "seeds": (0, 1)})
    assert folders.open_run(folder, {"seeds": [0, 1], "lr": 0.1}) == folder
    with pytest.raises(RunMismatch, match=r"lr: 0\.1 there, 0\.2 now"):
        folders.open_run(folder, {"lr": 0.2, "seeds": (0, 1)})


def test_a_damaged_configuration_is_not_taken_for_another_run(tmp_path):
    """Catches a folder that anybody may go on with once its config.json is damaged, or a flipped digit read as a change."""
    folder = folders.open_run(tmp_path, {"lr": 0.1})
    path = folder / "config.json"
    path.write_text(path.read_text().replace("0.1", "0.2"))
    with pytest.raises(files.DamagedFile, match="not known which run"):
        folders.open_run(folder, {"lr": 0.2})


HOLD = """
import sys, time
from lthkit.storage import folders
with folders.hold(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_process_is_told_and_the_lock_ends_with_the_first(tmp_path, tiny):
    """Catches two processes that write into one folder, and a lock that outlives a killed process."""
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert first.stdout.readline().strip() == "held"
    with pytest.raises(RunBusy, match=rf"in use by process {first.pid} on .*another folder"):
        lth.train(small_net(seed=0), tiny, recipe=RECIPE, folder=tmp_path)
    first.kill()
    first.wait()
    lth.train(small_net(seed=0), tiny, recipe=RECIPE, folder=tmp_path)


def test_threads_of_one_process_may_share_a_folder(tmp_path):
    """Catches an abandoned generator in a notebook that locks its own kernel out, and a lock let go too early."""
    with folders.hold(tmp_path):
        inside: list[bool] = []

        def work() -> None:
            with folders.hold(tmp_path):
                inside.append(True)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert inside == [True]
        done = subprocess.run(
            [sys.executable, "-c", HOLD, str(tmp_path)], input="", capture_output=True, text=True
        )
        assert "RunBusy" in done.stderr
    done = subprocess.run(
        [sys.executable, "-c", HOLD, str(tmp_path)], input="", capture_output=True, text=True
    )
    assert done.stdout.strip() == "held", "the last thread has gone and the folder is still held"


def test_kept_runs_are_read_and_not_repeated(kept, tiny, monkeypatch):
    """Catches a driver that forgets `keep_runs`, a second training, and results that change on the way."""
    assert records.runs_folder() == kept
    model = small_net(seed=0)
    first = lth.train(model, tiny, recipe=RECIPE, keep=(4,))
    rounds = list(lth.imp(small_net, tiny, rounds=1, recipe=RECIPE))
    monkeypatch.setattr(lth.training.engine.Update, "__call__", None)  # training again would fail
    again = small_net(seed=0)
    second = lth.train(again, tiny, recipe=RECIPE, keep=(4,))
    assert replace(second, kept={}) == replace(first, kept={})
    assert second.kept[4].fingerprint == first.kept[4].fingerprint
    assert lth.Checkpoint.of(again).fingerprint == lth.Checkpoint.of(model).fingerprint
    assert [r.mask for r in lth.imp(small_net, tiny, rounds=1, recipe=RECIPE)] == [r.mask for r in rounds]


def test_every_change_begins_a_new_run(kept, tiny):
    """Catches an argument that is left out of the configuration: its change would get the old result."""
    mask = lth.Mask.ones(small_net(seed=0))
    half = lth.prune(mask, lth.magnitude(small_net(seed=0)), 0.5)
    later = lth.Checkpoint.of(small_net(seed=0), step=2)
    calls = [
        functools.partial(
            lth.train, small_net(seed=seed), tiny if images else tiny.head(train=200), **arguments
        )
        for seed, images, arguments in (
            (0, True, {"recipe": RECIPE}),
            (1, True, {"recipe": RECIPE}),
            (0, False, {"recipe": RECIPE}),
            (0, True, {"recipe": RECIPE, "seed": 1}),
            (0, True, {"recipe": RECIPE, "keep": (3,)}),
            (0, True, {"recipe": RECIPE, "mask": mask}),
            (0, True, {"recipe": RECIPE, "mask": half}),
            (0, True, {"recipe": RECIPE, "start": later}),
            (0, True, {"recipe": replace(RECIPE, lr=0.05)}),
        )
    ]
    for call in calls:
        call()
    assert len(list((kept / "kept").iterdir())) == len(calls)
    nets = [
        nn.Sequential(nn.Flatten(), nn.Linear(64, 3), act)
        for act in (nn.ReLU(), nn.Tanh(), nn.LeakyReLU(0.2))
    ]
    assert len({identity.network_name(net) for net in nets}) == 3, "equal weights, other activations"


def test_a_function_of_ones_own_counts_with_its_code():
    """Catches a changed criterion of the same name that gets the results of the old one; and an address in a name."""

    def make(power: int, *, other: bool = False):
        if other:

            def score(model):
                return {n: w.abs() ** power + 1 for n, w in lth.prunable(model).items()}
        else:

            def score(model):
                return {n: w.abs() ** power for n, w in lth.prunable(model).items()}

        return score

    names = [identity.name_of(f) for f in (make(1), make(2), make(1, other=True))]
    assert len(set(names)) == 3 and names[0] == identity.name_of(make(1))
    assert identity.name_of(lth.magnitude) == "magnitude"
    assert identity.name_of(functools.partial(lth.random, seed=3)) == "random[('seed', 3)]"
    batches = [
        [(torch.zeros(200, 1, 30, 30) + (torch.arange(200 * 900) == at).view(200, 1, 30, 30), None)]
        for at in (7, 8)
    ]
    snips = [identity.name_of(functools.partial(lth.snip, batches=b)) for b in batches]
    assert snips[0] != snips[1] and len(snips[0]) < 120, (
        "what is printed of a large tensor is the same for both"
    )

    class Net:
        def forward(self, x):
            return x

    before = identity.name_of(Net)
    Net.forward = lambda self, x: x + 1
    assert identity.name_of(Net) != before


def test_names_are_the_same_in_another_process(tmp_path):
    """Catches a digest that depends on the process (hash seeds, addresses): nothing would ever be found again."""
    code = "from lthkit.storage.identity import name_of\nimport torch\nk={'b','a'}\ndef f(x, y=(1, 2.5)):\n  return [torch.relu(z) for z in x]\nprint(name_of(f))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
        ).stdout
        for seed in (1, 2)
    }
    assert len(found) == 1 and "-" in found.pop()


def test_a_folder_that_cannot_be_made_is_said(tmp_path, tiny):
    """Catches a bare FileExistsError, and `keep_runs` that is believed although nothing can be kept."""
    (tmp_path / "file").write_text("")
    for call in (
        lambda: folders.keep_runs(tmp_path / "file"),
        lambda: lth.train(small_net(seed=0), tiny, recipe=RECIPE, folder=tmp_path / "file" / "x"),
    ):
        with pytest.raises(files.CannotWrite, match="could not be written"):
            call()
    assert folders._kept is None


def test_a_call_that_failed_at_once_leaves_the_folder_to_the_corrected_one(tiny, tmp_path):
    """Catches a slip that occupies the folder, and a folder with saved steps that is given away."""
    wild = replace(RECIPE, lr=1e30)
    with pytest.raises(lth.TrainingDiverged):
        lth.train(small_net(seed=0), tiny, recipe=wild, folder=tmp_path)
    rounds = lth.imp(small_net, tiny, rounds=2, recipe=RECIPE, folder=tmp_path)
    next(rounds)
    rounds.close()
    with pytest.raises(RunMismatch):
        lth.train(small_net(seed=0), tiny, recipe=RECIPE, folder=tmp_path)


def test_run_folders_with_spaces_and_other_letters(tmp_path, tiny):
    """Catches a path that is pieced together as bytes or by a shell."""
    place = tmp_path / "my runs é 한글"
    lth.train(small_net(seed=0), tiny, recipe=RECIPE, folder=place)
    assert json.loads((place / "config.json").read_text(encoding="utf-8"))["seed"] == 0


def test_on_colab_one_line_keeps_runs_and_progress_on_the_drive(tmp_path, monkeypatch, capsys):
    """Catches a passport or a run that stays on the runtime's own disk, and a Drive that is used before it is mounted."""
    from lthkit.classroom import drive as on_colab
    from lthkit.classroom import keep_on_drive, passport

    with pytest.raises(ModuleNotFoundError, match="on Colab only.*keep_runs"):
        keep_on_drive()
    monkeypatch.setenv("LTHKIT_RUNS", "elsewhere")
    monkeypatch.delenv("LTHKIT_PASSPORT", raising=False)
    monkeypatch.setattr(on_colab, "MOUNTED", tmp_path)
    colab = types.ModuleType("google.colab")
    colab.drive = types.SimpleNamespace(mount=lambda place: (Path(place) / "MyDrive").mkdir())
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    try:
        chosen = keep_on_drive()
        assert chosen == tmp_path / "MyDrive" / "winning-tickets"
        assert passport.path().is_relative_to(chosen) and records.runs_folder() == chosen
        assert str(chosen) in capsys.readouterr().out
    finally:
        folders.keep_no_runs()
