"""Run folders of before runs were made of cells: read where they are finished, refused by name where they are not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import lthkit as lth
from lthkit.__main__ import main
from lthkit.runs import experiments
from lthkit.storage.folders import RunMismatch
from tests.older_runs import older_run

SMALL = replace(
    experiments.winning_ticket("smoke", (0, 1)),
    recipe=lth.Recipe(steps=6, evaluate_every=3, batch_size=20),
    rounds=2,
    control_rounds=(2,),
)


def numbers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.fixture(scope="module")
def data() -> lth.Dataset:
    return lth.load_data("fashion-mnist").head(train=300, validation=100, test=200)


@pytest.fixture(scope="module")
def older(data: lth.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("older") / "run"
    older_run(SMALL, data, folder)
    return folder


def test_a_finished_one_is_read(
    older: Path, data: lth.Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches: a run of before that show, load, load_mask or the audit no longer read, or that is trained again."""
    folder = tmp_path / "run"
    shutil.copytree(older, folder)
    config, _, rows = experiments.load(folder)
    assert config["seeds"] == [0, 1] and config["control_rounds"] == [2]
    assert experiments.load_mask(folder, seed=1, level=2).density == rows[-1]["density"]
    assert main(["show", str(folder)]) == 0 and "weights left" in capsys.readouterr().out
    found = lth.audit(folder, data=data, replay=True)
    assert found.failed == ("seeds",) and found.open == ("optimizer", "controls"), "two seeds are few"
    told: list[Any] = []
    assert experiments.run(SMALL, data, folder, announce=told.append) == rows == told
    assert not (folder / "cells").exists() and not (folder / "asked.json").exists()


@pytest.mark.parametrize(
    "experiment",
    [
        SMALL,
        replace(SMALL, output_fraction=None, scope="global", rewind_step=2),
        replace(SMALL, method="one-shot", output_fraction=None, rounds=8, control_rounds=(2, 8)),
        replace(SMALL, task=lth.Task(metrics=("error", "accuracy")), seeds=(3,), controls=("shuffled",)),
    ],
    ids=["layerwise", "rewound", "one-shot", "task"],
)
def test_the_numbers_of_before_and_the_verdicts_are_the_same(
    data: lth.Dataset, tmp_path: Path, experiment: experiments.Experiment
) -> None:
    """Catches: a chain, a control or a shuffle that a cell makes otherwise than `lthkit run` did, and another audit."""
    then = older_run(experiment, data, tmp_path / "older")
    assert numbers(experiments.run(experiment, data, tmp_path / "run")) == numbers(then)
    both = [tmp_path / "older", tmp_path / "run"]
    told = [
        [(f.item, f.verdict, f.text) for f in lth.audit(folder, data=data, replay=True).findings]
        for folder in both
    ]
    assert told[0] == told[1]
    seed, level = experiment.seeds[-1], experiment.rounds
    masks = [experiments.load_mask(folder, seed=seed, level=level) for folder in both]
    assert masks[0] == masks[1]


def test_an_unfinished_one_is_refused_by_name(data: lth.Dataset, tmp_path: Path) -> None:
    """Catches: a folder with rounds of two layouts, and an error that does not say what to do."""
    folder = tmp_path / "run"
    older_run(SMALL, data, folder, finished=False)
    before = sorted(path.name for path in folder.rglob("*"))
    with pytest.raises(
        RunMismatch, match=r"run is not finished.*earlier lthkit.*seed-0.*move the folder away"
    ):
        experiments.run(SMALL, data, folder)
    assert sorted(path.name for path in folder.rglob("*")) == before
    assert lth.audit(folder, data=data)["record"].verdict != "holds"


def test_a_finished_one_does_not_grow(older: Path, data: lth.Dataset, tmp_path: Path) -> None:
    """Catches: more seeds that are passed off as done, or are added in another layout."""
    folder = tmp_path / "run"
    shutil.copytree(older, folder)
    with pytest.raises(
        RunMismatch, match=r"seeds: \[0, 1\] there, \[0, 1, 2\] now.*do not grow.*another folder"
    ):
        experiments.run(replace(SMALL, seeds=(0, 1, 2)), data, folder)
    path = folder / "table.csv"
    path.write_bytes(path.read_bytes().replace(b"0.", b"1.", 1))
    with pytest.raises(
        RunMismatch, match=r"table.csv is missing or damaged.*Finish it with the lthkit that began"
    ):
        experiments.run(SMALL, data, folder)
    config = json.loads((folder / "config.json").read_text())
    assert config["seeds"] == [0, 1] and not (folder / "cells").exists()
