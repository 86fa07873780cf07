"""The audit of one cell, of one level, and of a folder with many cells."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import lthkit as lth
from lthkit.__main__ import main
from lthkit.cells import IMP, Cell, Dense, EarlyBird, Hybrid, Level, OneShot, PruneAtInit, carry_out
from lthkit.evidence.findings import ITEMS
from lthkit.storage import files
from lthkit.storage.folders import read_config

RECIPE = lth.Recipe(steps=9, batch_size=20, evaluate_every=3)
LONG = lth.Recipe(steps=60, batch_size=20, evaluate_every=30)
IMP_LEVELS = [Level(round=2), *(Level(round=1, arm=arm) for arm in ("shuffled", "re-initialised"))]


@pytest.fixture(scope="module")
def data() -> lth.Dataset:
    return lth.load_data("fashion-mnist").head(train=120, validation=30, test=100)


@pytest.fixture(scope="module")
def sweep(data: lth.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cells of every way, in a folder as a sweep has it; of IMP three seeds."""
    folder = tmp_path_factory.mktemp("sweep")
    lower = [Level(density=0.4), Level(density=0.2)]
    cells = [(IMP(), RECIPE, IMP_LEVELS, seed) for seed in (0, 1, 2)] + [
        (Dense(), RECIPE, [], 0),
        (OneShot(rewind_step=3), RECIPE, [*lower, Level(density=0.2, arm="shuffled")], 0),
        (PruneAtInit(score="synflow", scope="layerwise"), RECIPE, lower, 0),
        (EarlyBird(), LONG, [Level(density=0.5)], 0),
        (Hybrid(), RECIPE, lower, 0),
    ]
    for way, recipe, levels, seed in cells:
        cell = Cell(way, "lenet-300-100", "fashion-mnist", recipe, seed)
        list(carry_out(cell, levels, data, folder / "cells" / cell.id(data)))
    return folder


def cell_of(sweep: Path, method: str, seed: int = 0) -> Path:
    found = [path.parent for path in sweep.glob(f"cells/{method}-*/config.json")]
    return next(path for path in found if read_config(path)["seed"] == seed)


def test_a_cell_of_imp_is_a_search(sweep: Path, data: lth.Dataset) -> None:
    """Catches: a cell whose rounds lie in several folders, and whose masks and rewinds are therefore not looked at."""
    found = lth.audit(cell_of(sweep, "imp", 1), data=data, replay=True)
    assert found.failed == () and found.open == ("optimizer", "controls")
    assert "dense, re-initialised-round-01, shuffled-round-01, ticket-round-01" in found["record"].text
    assert "Weights are kept of dense, ticket-round-01, ticket-round-02" in found["record"].text
    assert "3 seeds, each with initial weights of its own" in found["seeds"].text
    assert "their masks are what they are called" in found["controls"].text


@pytest.mark.parametrize("method", ["dense", "one-shot", "prune-at-init", "early-bird", "hybrid"])
def test_every_way_answers_every_item_and_none_fails(sweep: Path, data: lth.Dataset, method: str) -> None:
    """Catches: an audit that stops at a cell that keeps no weights, or fails it for that."""
    found = lth.audit(cell_of(sweep, method), data=data)
    assert [one.item for one in found.findings] == list(ITEMS)
    assert found.failed == () and {"record", "test"} <= set(found.held)
    if method not in ("dense", "early-bird"):
        assert {"density", "empty"} <= set(found.held)


def test_a_level_is_audited_as_its_cell_and_a_sweep_as_all_of_them(
    sweep: Path, data: lth.Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches: a level that fails because the rounds before it lie elsewhere, and a sweep that is called no run."""
    cell = cell_of(sweep, "imp")
    level, whole = (lth.audit(path, data=data) for path in (cell / "ticket-round-02", cell))
    assert [f.text for f in level.findings] == [f.text for f in whole.findings]
    together = lth.audit(sweep, data=data)
    assert together.failed == () and "8 runs" in str(together.table)
    assert main(["audit", str(sweep)]) == 0 and "imp-" in capsys.readouterr().out


def test_what_was_changed_in_a_cell_is_found(sweep: Path, data: lth.Dataset, tmp_path: Path) -> None:
    """Catches: a mask, a row or a round that was exchanged, and a cell that is half there, all passed off as whole."""
    right = cell_of(sweep, "imp")

    def copy(name: str) -> Path:
        return Path(shutil.copytree(right, tmp_path / name / right.name))

    cell = copy("mask")
    mask = lth.Mask.load(cell / "ticket-round-01" / "mask.npz")
    mask.save(cell / "shuffled-round-01" / "mask.npz")
    assert "another mask" in lth.audit(cell, data=data)["record"].text
    cell = copy("gone")
    shutil.rmtree(cell / "ticket-round-01")
    assert "some are missing" in lth.audit(cell, data=data)["record"].text
    cell = copy("row")
    path = cell / "ticket-round-02" / "row.json"
    files.write_sealed(path, files.read_sealed(path) | {"validation_loss": 0.1})
    assert "not that of its round" in lth.audit(cell, data=data)["record"].text
    cell = copy("ticket")
    path = cell / "re-initialised-round-01" / "row.json"
    ticket = files.read_sealed(cell / "ticket-round-01" / "row.json")
    measured = {key: ticket[key] for key in ("test_accuracy", "validation_loss", "best_step")}
    files.write_sealed(path, files.read_sealed(path) | measured)
    assert "digit for digit" in lth.audit(cell, data=data)["controls"].text
    for name in ("mask", "gone", "row", "ticket"):
        assert lth.audit(tmp_path / name / right.name, data=data).failed
