"""Every driver, stopped at every point where it reports and called again, ends with the bits of one never stopped."""

from __future__ import annotations

import logging
import os
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import lthkit as lth
from lthkit.runs import experiments
from lthkit.runs.run_cells import cells_of_seeds
from lthkit.storage import files, snapshots
from lthkit.storage.folders import RunMismatch
from lthkit.storage.snapshots import Interrupted, Snapshots, TimeUp
from lthkit.training.replicates import train_together
from tests.conftest import small_conv, small_net
from tests.drivers import ADAM, DRIVERS, SGD, Stop, Stopper, bits, half, run_imp, run_train


@pytest.mark.parametrize("driver", DRIVERS)
def test_stopped_anywhere_it_ends_with_the_same_bits(driver, tiny, tmp_path):
    """Catches whatever a snapshot forgets: momentum, buffers, best weights, the rewind point, the place in the data."""
    run = DRIVERS[driver]
    count = Stopper()
    whole = bits(run(tiny, None, count))
    for at in range(1, count.reports + 1):
        folder = tmp_path / str(at)
        with pytest.raises(Stop):
            run(tiny, folder, Stopper(at))
        again = Stopper()
        assert bits(run(tiny, folder, again)) == whole, f"stopped at report {at} of {count.reports}"
        assert again.steps == count.steps, "the progress bar ends elsewhere"


@pytest.mark.parametrize("driver", DRIVERS)
def test_stopped_at_every_report_it_still_ends_with_the_same_bits(driver, tiny, tmp_path):
    """Catches a state that is right after one continuation and drifts with the second (seconds, kept, patience)."""
    run = DRIVERS[driver]
    whole = bits(run(tiny, None, Stopper()))
    for _ in range(100):
        try:
            last = run(tiny, tmp_path, Stopper(2))
        except Stop:
            continue
        break
    else:
        last = run(tiny, tmp_path, Stopper())
    assert bits(last) == whole


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_finished_run_is_read_and_not_repeated(driver, tiny, tmp_path, monkeypatch):
    """Catches a driver that trains again, and a copy on disk that differs from what was returned."""
    first = DRIVERS[driver](tiny, tmp_path, Stopper())
    monkeypatch.setattr(lth.training.engine.Update, "__call__", None)
    monkeypatch.setattr(lth.training.history, "evaluate", None)
    assert bits(DRIVERS[driver](tiny, tmp_path, Stopper())) == bits(first)
    assert not list(tmp_path.glob("training-*")), "snapshots of finished rounds stay behind"


def test_stacked_trainings_go_on_together(tiny, tmp_path):
    """Catches replicates that go on from different steps, and one that stopped early and is trained on."""
    recipe = replace(ADAM, steps=40, lr=0.05, patience=8)

    def run(folders: list[Path] | None, progress: Stopper) -> list[Any]:
        models = [small_net(seed=s) for s in (0, 1, 2)]
        results = train_together(
            models, tiny, seeds=[0, 1, 2], recipe=recipe, keep=(4,), folders=folders, progress=progress
        )
        return [bits(r) for r in results] + [bits(lth.Checkpoint.of(m)) for m in models]

    count = Stopper()
    whole = run(None, count)
    assert len({r["steps"] for r in whole[:3]}) > 1, (
        "no replicate stops before the others; the test shows less"
    )
    for at in range(1, count.reports + 1):
        folders = [tmp_path / f"{at}-{s}" for s in range(3)]
        with pytest.raises(Stop):
            run(folders, Stopper(at))
        if at > 2:  # a kill between two writes: one replicate is a snapshot behind
            newest = sorted(folders[1].glob("snapshot-*"))[-1]
            newest.unlink()
        assert run(folders, Stopper()) == whole, at
        assert run(folders, Stopper()) == whole


def test_snapshots_are_taken_inside_a_training_and_only_two_are_kept(tiny, tmp_path, monkeypatch):
    """Catches a checkpoint at the end of a round only, and a disk that fills up."""
    monkeypatch.setattr(snapshots, "INTERVAL", 0)
    monkeypatch.setattr(snapshots, "SHARE", 1e9)
    seen: list[list[str]] = []
    lth.train(
        small_net(seed=0),
        tiny,
        recipe=ADAM,
        folder=tmp_path,
        progress=lambda _: seen.append(sorted(p.name[9:-4] for p in tmp_path.glob("snapshot-*"))),
    )
    assert seen == [["00000004"], ["00000004", "00000008"], ["00000008", "00000012"], ["00000012", "00000016"],
                    ["00000016", "00000018"]]  # fmt: skip


def test_between_snapshots_nothing_is_written(tiny, tmp_path):
    """Catches a run that spends its time on writing: within the interval only the end is saved."""
    written: list[int] = []
    lth.train(
        small_net(seed=0), tiny, recipe=ADAM, folder=tmp_path,
        progress=lambda _: written.append(len(list(tmp_path.glob("snapshot-*")))),
    )  # fmt: skip
    assert written == [0] * len(written)
    assert [p.name for p in tmp_path.glob("snapshot-*")] == ["snapshot-00000018.npz"]


def test_a_slow_disk_is_written_to_less_often(monkeypatch, tmp_path):
    """Catches a fixed interval: on a slow disk, saving could take half of the time."""
    now = 0.0
    monkeypatch.setattr(snapshots.time, "perf_counter", lambda: now)
    saved = Snapshots(tmp_path)

    def slow(path: Path, *_: Any) -> Path:
        nonlocal now
        now += 10.0
        return path

    monkeypatch.setattr(files, "save_arrays", slow)
    due = []
    for _ in range(400):
        now += 10.0
        if saved.due:
            due.append(now)
            saved.save(0, {}, {})
    assert due[0] == 30.0 and 10.0 * (len(due) - 1) <= snapshots.SHARE * now


def test_a_damaged_snapshot_is_passed_over_for_the_one_before(tiny, tmp_path, caplog, monkeypatch):
    """Catches a run that ends because of a half-written file, and one that goes on without a word."""
    monkeypatch.setattr(snapshots, "INTERVAL", 0)
    monkeypatch.setattr(snapshots, "SHARE", 1e9)
    whole = bits(run_train(tiny, None, Stopper()))
    with pytest.raises(Stop):
        run_train(tiny, tmp_path, Stopper(3))
    newest = max(tmp_path.glob("snapshot-*"))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 4
    newest.write_bytes(content)
    steps: list[int] = []
    with caplog.at_level(logging.WARNING, "lthkit"):
        model = small_conv(seed=0)
        lth.train(
            model,
            tiny,
            mask=half(small_conv),
            recipe=SGD,
            keep=(0, 8, 18),
            folder=tmp_path,
            progress=steps.append,
        )
    assert newest.name in caplog.text and "passed over" in caplog.text
    assert steps[0] == 8, "from the snapshot before"
    assert lth.Checkpoint.of(model).fingerprint == whole[1]


def test_damaged_rounds_and_rewind_points_are_done_again(tiny, tmp_path, caplog):
    """Catches a search that cannot go on after damage, or that goes on to other bits."""
    whole = bits(run_imp(tiny, tmp_path, Stopper()))
    for name in ("round-00.npz", "round-01.npz", "round-02.npz", "rewind.npz"):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-100])
        caplog.clear()
        assert bits(run_imp(tiny, tmp_path, Stopper())) == whole, name
        assert name in caplog.text and "done again" in caplog.text
    (tmp_path / "rewind.npz").unlink()
    assert bits(run_imp(tiny, tmp_path, Stopper())) == whole


def test_a_changed_call_is_refused_and_says_what_changed(tiny, tmp_path):
    """Catches a folder in which another training would go on."""
    with pytest.raises(Stop):
        run_train(tiny, tmp_path, Stopper(2))
    for change, words in (
        ({"recipe": replace(SGD, lr=0.01)}, "recipe"),
        ({"seed": 3}, "seed: 0 there, 3 now"),
        ({"mask": None}, "mask"),
        ({"keep": (0,)}, r"keep: \[0, 8, 18\] there, \[0\] now"),
    ):
        arguments: dict[str, Any] = {"mask": half(small_conv), "recipe": SGD, "keep": (0, 8, 18)} | change
        with pytest.raises(RunMismatch, match=words):
            lth.train(small_conv(seed=0), tiny, folder=tmp_path, **arguments)
    with pytest.raises(RunMismatch, match="start"):
        lth.train(
            small_conv(seed=1), tiny, mask=half(small_conv), recipe=SGD, keep=(0, 8, 18), folder=tmp_path
        )


def test_an_interrupt_says_how_to_go_on(tiny, tmp_path, monkeypatch):
    """Catches a bare KeyboardInterrupt, after which a student begins again; and one that is swallowed."""
    whole = bits(run_train(tiny, None, Stopper()))

    def interrupt(at: int, folder: Path | None) -> None:
        original = lth.training.engine.Update.__call__

        def call(self: Any, step: int) -> None:
            if step == at:
                raise KeyboardInterrupt
            original(self, step)

        with monkeypatch.context() as patch:
            patch.setattr(lth.training.engine.Update, "__call__", call)
            run_train(tiny, folder, Stopper())

    with pytest.raises(Interrupted, match="Nothing of this training is saved"):
        interrupt(2, tmp_path)
    monkeypatch.setattr(snapshots, "INTERVAL", 0)
    monkeypatch.setattr(snapshots, "SHARE", 1e9)
    reached = (
        f"first 8 steps of this training are saved, in {re.escape(str(tmp_path))}.*the same command again"
    )
    with pytest.raises(Interrupted, match=reached):
        interrupt(10, tmp_path)
    with pytest.raises(Interrupted, match="has saved nothing: .* to start anew"):
        interrupt(2, None)
    assert bits(run_train(tiny, tmp_path, Stopper())) == whole


def dropping(*, seed: int) -> nn.Module:
    """Draws from torch's global generator while it trains."""
    net = small_net(seed=seed)
    assert isinstance(net, nn.Sequential)
    net.insert(3, nn.Dropout(0.3))
    return net


def test_random_states_are_part_of_a_snapshot(tiny, tmp_path):
    """Catches dropout that goes on with other numbers, and numpy's or Python's generator left where it was."""

    def run(folder: Path | None, progress: Callable[[int], object]) -> list[Any]:
        torch.manual_seed(5)
        np.random.seed(5)  # noqa: NPY002
        random.seed(5)

        def report(steps: int) -> None:
            progress(steps)
            np.random.rand()  # noqa: NPY002
            random.gauss(0, 1)

        model = dropping(seed=0)
        lth.train(model, tiny, recipe=ADAM, folder=folder, progress=report)
        return [bits(lth.Checkpoint.of(model)), torch.rand(3).tolist(), np.random.rand(), random.gauss(0, 1)]  # noqa: NPY002

    whole = run(None, Stopper())
    with pytest.raises(Stop):
        run(tmp_path, Stopper(3))
    states = Snapshots(tmp_path)
    torch.manual_seed(99)
    again = run(tmp_path, Stopper())
    assert again[:2] == whole[:2]
    assert states.newest() is not None
    random.seed(0)
    before = random.getstate()
    states.newest()
    assert random.getstate() != before


@pytest.mark.parametrize("driver", ["train", "imp", "early_bird"])
def test_a_full_disk_ends_the_run_with_the_reason_and_leaves_the_last_snapshot(
    driver, tiny, tmp_path, monkeypatch
):
    """Catches a snapshot that is deleted before the next is whole, half a file, and an error without a word on what to do."""
    monkeypatch.setattr(snapshots, "INTERVAL", 0)
    monkeypatch.setattr(snapshots, "SHARE", 1e9)
    whole = bits(DRIVERS[driver](tiny, None, Stopper()))
    writes = 0
    original = os.fsync

    def full(descriptor: int) -> None:
        nonlocal writes
        writes += 1
        if writes > 9:
            raise OSError(28, "No space left on device")
        original(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(
            files.CannotWrite, match="No space left on device.*saved before is whole.*Make room"
        ):
            DRIVERS[driver](tiny, tmp_path, Stopper())
    left = list(tmp_path.rglob("*.npz"))
    assert left and not list(tmp_path.rglob("*.tmp"))
    for path in left:
        files.load_arrays(path)
    assert bits(DRIVERS[driver](tiny, tmp_path, Stopper())) == whole


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX")
def test_a_quota_is_met_like_a_full_disk(tmp_path):
    """Catches what a made-up error would not show: a real limit of the system on the size of a file."""
    import resource
    import signal

    old, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    files.save_arrays(tmp_path / "x.npz", {"a": np.zeros(10)}, {})
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))
        with pytest.raises(files.CannotWrite, match="File too large"):
            files.save_arrays(tmp_path / "x.npz", {"a": np.zeros(10_000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert files.load_arrays(tmp_path / "x.npz")[0]["a"].size == 10
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]


EXPERIMENT = experiments.Experiment(
    "stopped",
    "lenet-300-100",
    lth.Recipe(steps=9, batch_size=20, evaluate_every=3),
    seeds=(0, 1),
    rounds=2,
    controls=experiments.CONTROLS,
    control_rounds=(1, 2),
)


@pytest.fixture(scope="module")
def pictures() -> lth.Dataset:
    return lth.load_data("fashion-mnist").head(train=60, validation=30)


def table(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def test_an_experiment_goes_on_after_any_stop_and_after_damage(pictures, tmp_path, caplog):
    """Catches a control that begins again, a seed that is lost, and a table that differs from the uninterrupted one."""
    whole = table(experiments.run(EXPERIMENT, pictures, tmp_path / "whole"))
    for at in (2, 6, 9, 12):  # reports of what is finished count too
        with pytest.raises(Stop):
            experiments.run(EXPERIMENT, pictures, tmp_path / "run", progress=Stopper(at))
    assert table(experiments.run(EXPERIMENT, pictures, tmp_path / "run")) == whole
    first, second = cells_of_seeds(tmp_path / "run").values()
    for path in (
        first / "shuffled-round-01" / "row.json",
        second / "ticket-round-01" / "round-01.npz",
        second / "dense" / "rewind.npz",
        tmp_path / "run" / "execution.json",
    ):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(bytes(content))
        assert table(experiments.run(EXPERIMENT, pictures, tmp_path / "run")) == whole, path
        assert path.name in caplog.text
    path = tmp_path / "run" / "table.csv"
    path.write_bytes(path.read_bytes().replace(b"0.", b"1.", 1))
    with pytest.raises(files.DamagedFile, match="table.csv is missing or damaged"):
        experiments.load(tmp_path / "run")
    experiments.run(EXPERIMENT, pictures, tmp_path / "run")
    assert table(experiments.load(tmp_path / "run")[2]) == whole


def test_a_time_budget_ends_at_a_snapshot(pictures, tmp_path):
    """Catches a budget that loses the trainings under way, or that is an error like any other."""
    whole = table(experiments.run(EXPERIMENT, pictures, tmp_path / "whole"))
    with pytest.raises(TimeUp, match="minutes are over"):
        experiments.run(EXPERIMENT, pictures, tmp_path / "run", minutes=1e-6)
    assert (
        list((tmp_path / "run").rglob("snapshot-*.npz")) and not (tmp_path / "run" / "summary.json").exists()
    )
    assert table(experiments.run(EXPERIMENT, pictures, tmp_path / "run", minutes=60)) == whole
    assert not list((tmp_path / "run").rglob("snapshot-*.npz"))
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(ValueError, match="minutes=0 were given; expected a number above 0"):
        experiments.run(EXPERIMENT, pictures, tmp_path / "run", minutes=0)
    assert asdict(EXPERIMENT)["rounds"] == 2


def test_a_folder_of_one_search_says_how_its_rounds_are_read(tiny, tmp_path):
    """Catches: "is not finished" of a search that is."""
    recipe = lth.Recipe(steps=2, batch_size=20, evaluate_every=2)
    list(lth.imp(small_net, tiny, rounds=1, recipe=recipe, folder=tmp_path / "imp"))
    with pytest.raises(
        FileNotFoundError, match=r"rounds of one search.*lthkit\.tickets\.load_round\(folder, r\)"
    ):
        lth.runs.results.load(tmp_path / "imp")
    lth.train(small_net(seed=0), tiny, recipe=recipe, folder=tmp_path / "one")
    with pytest.raises(FileNotFoundError, match=r"has one training, of lthkit\.train\(folder=\)"):
        lth.runs.results.load(tmp_path / "one")
