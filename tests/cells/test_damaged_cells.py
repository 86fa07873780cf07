"""Folders of cells that were copied, renamed, edited, emptied, or lie on a disk that is full or cannot be written."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import lthkit as lth
from lthkit.cells import IMP, Cell, Dense, Level, OneShot, carry_out, folders, load_mask, missing_of, rows_of
from lthkit.cells.attempts import attempts_in
from lthkit.storage import files, owners
from lthkit.storage.owners import RunMismatch

RECIPE = lth.Recipe(steps=20, batch_size=20, lr=0.01, evaluate_every=10)
LEVELS = [Level(round=1), Level(round=2), Level(round=2, arm="shuffled")]


def cell_of(way: Any = IMP(), **changed: Any) -> Cell:  # noqa: B008  (frozen)
    return Cell(
        **{"way": way, "model": "tests.conftest:small_net", "data": "tiny", "recipe": RECIPE} | changed
    )


def rows(cell: Cell, data: Any, folder: Path, levels: list[Level] = LEVELS) -> list[dict[str, Any]]:
    found = list(carry_out(cell, levels, data, folder))
    found.sort(key=lambda row: (row["round"], row["arm"]))  # those that had ended come first
    return [{name: value for name, value in row.items() if name != "seconds"} for row in found]


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory) -> tuple[Path, list[dict[str, Any]], Path]:
    """A finished cell and its rows, and one of another seed."""
    folder = tmp_path_factory.mktemp("cells")
    other, cell = cell_of(seed=1), cell_of()
    rows(other, tiny, folder / other.id(tiny))
    return folder / cell.id(tiny), rows(cell, tiny, folder / cell.id(tiny)), folder / other.id(tiny)


@pytest.fixture
def copy(whole, tmp_path) -> Path:
    shutil.copytree(whole[0], tmp_path / whole[0].name)
    return tmp_path / whole[0].name


def edited(path: Path, **changes: Any) -> None:
    """Change a sealed file and leave its checksum as it was."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def foreign(name: str) -> Any:
    return lambda folder, other: (shutil.rmtree(folder / name), shutil.copytree(other / name, folder / name))


def renamed(source: str, target: str) -> Any:
    return lambda folder, other: (
        shutil.rmtree(folder / target),
        shutil.copytree(folder / source, folder / target),
    )


DAMAGE: dict[str, Any] = {
    "a row edited": lambda folder, other: edited(folder / "ticket-round-02" / "row.json", test_accuracy=0.99),
    "a row cut off": lambda folder, other: (folder / "dense" / "row.json").write_text('{"arm": "den'),
    "a row lost": lambda folder, other: (folder / "ticket-round-01" / "row.json").unlink(),
    "a mask lost": lambda folder, other: (folder / "shuffled-round-02" / "mask.npz").unlink(),
    "a round lost": lambda folder, other: (folder / "ticket-round-01" / "round-01.npz").unlink(),
    "a level of another cell": foreign("ticket-round-02"),
    "a control of another cell": foreign("shuffled-round-02"),
    "the dense level of another cell": foreign("dense"),
    "a level under another's name": renamed("ticket-round-01", "ticket-round-02"),
    "a row of another level": lambda folder, other: shutil.copy(
        folder / "ticket-round-01" / "row.json", folder / "ticket-round-02" / "row.json"
    ),
    "the rounds of another cell": lambda folder, other: [
        shutil.copy(other / "dense" / name, folder / "dense" / name)
        for name in ("config.json", "rewind.npz", "round-00.npz")
    ],
    "an empty folder": lambda folder, other: (shutil.rmtree(folder / "dense"), (folder / "dense").mkdir()),
    "a file for a folder": lambda folder, other: (
        shutil.rmtree(folder / "ticket-round-02"),
        (folder / "ticket-round-02").write_text("mine"),
    ),
    "config.json lost": lambda folder, other: (folder / "config.json").unlink(),
    "config.json cut off": lambda folder, other: (folder / "config.json").write_text("{"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_mended(tiny, whole, copy, name):
    """Catches: numbers of another level or cell that pass for this one's; a level that is damaged, and stops the cell for ever;
    what is thrown away instead of put aside."""
    DAMAGE[name](copy, whole[2])
    before = {path.name for path in copy.iterdir()}
    assert rows(cell_of(), tiny, copy) == whole[1]
    unseen = {
        "config.json lost",
        "a mask lost",
        "a round lost",
        "the rounds of another cell",
    }  # the rows are right
    assert any(path.name.startswith("damaged-") for path in copy.iterdir()) == (name not in unseen)
    assert before - {path.name for path in copy.iterdir()} == set() and attempts_in(copy) == []
    assert rows(cell_of(), tiny, copy, [*LEVELS, Level(round=3)])[: len(whole[1])] == whole[1]  # and it grows
    assert folders.level_names(copy) == [
        "dense", "shuffled-round-02", "ticket-round-01", "ticket-round-02", "ticket-round-03",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["a round lost", "the rounds of another cell", "the dense level of another cell"]
)
def test_damage_below_what_is_asked(tiny, whole, copy, name):
    """Catches: a file that is missing in a level that the chain goes on from, as a traceback or as other numbers."""
    DAMAGE[name](copy, whole[2])
    grown = rows(cell_of(), tiny, copy, [Level(round=4)])
    fresh = rows(cell_of(), tiny, copy.parent / "fresh", [Level(round=4)])
    assert grown[-1] == fresh[-1]


def test_a_mask_of_another_level(whole, copy):
    """Catches: `load_mask` that gives a mask which was not trained."""
    shutil.copy(whole[2] / "shuffled-round-02" / "mask.npz", copy / "shuffled-round-02" / "mask.npz")
    with pytest.raises((files.DamagedFile, RunMismatch)):
        load_mask(copy, LEVELS[2])
    shutil.copy(copy / "ticket-round-01" / "mask.npz", copy / "ticket-round-02" / "mask.npz")
    with pytest.raises(files.DamagedFile, match="another mask"):
        load_mask(copy, LEVELS[1])
    with pytest.raises(FileNotFoundError):
        load_mask(copy, Level(round=7))


def test_damage_is_refused_by_readers(whole, copy):
    """Catches: a reader that takes a damaged level, or puts something aside."""
    edited(copy / "ticket-round-02" / "row.json", test_accuracy=0.99)
    with pytest.raises(files.DamagedFile, match="ticket-round-02"):
        list(rows_of(copy))
    shutil.rmtree(copy / "ticket-round-02")
    assert len(list(rows_of(copy))) == 3
    assert not [path for path in copy.iterdir() if path.name.startswith("damaged-")]


def test_a_folder_under_another_name(tiny, whole, copy):
    """Catches: a copy that is counted as a cell of its own, or one under the name of another cell that is counted for that."""
    elsewhere = copy.rename(copy.parent / "my copy")
    assert {row["cell"] for row in rows_of(elsewhere)} == {whole[0].name}
    assert rows(cell_of(), tiny, elsewhere) == whole[1]
    wrong = elsewhere.rename(copy.parent / whole[2].name)
    with pytest.raises(RunMismatch, match=whole[0].name):
        list(rows_of(wrong))
    with pytest.raises(RunMismatch, match="seed: 0 there, 1 now"):
        rows(cell_of(seed=1), tiny, wrong)
    (wrong / "config.json").unlink()
    names = sorted(path.name for path in wrong.iterdir())
    with pytest.raises(RunMismatch, match="is of another cell"):
        rows(cell_of(seed=1), tiny, wrong)
    assert sorted(path.name for path in wrong.iterdir()) == names


def test_other_data_of_the_same_name(tiny, copy):
    """Catches: numbers of a folder of pictures that has changed since, taken for those of what lies there now."""
    changed = tiny.head(train=200)
    assert cell_of().id(tiny) != cell_of().id(changed)
    with pytest.raises(RunMismatch, match="data_fingerprint"):
        rows(cell_of(), changed, copy)


def test_foreign_folders_are_no_levels(tiny, whole, copy):
    """Catches: notes of one's own, or what was put aside, taken for levels."""
    for name in (
        "my-round-notes",
        "damaged-1-ticket-round-02",
        "ticket-round-x",
        "old-density-0.1",
        ".removed-1",
    ):
        (copy / name).mkdir()
    assert folders.level_names(copy) == folders.level_names(whole[0])
    assert len(list(rows_of(copy))) == 4 and missing_of(copy, LEVELS) == []
    assert rows(cell_of(), tiny, copy) == whole[1]


def refuse(monkeypatch: Any, allowed: int, code: int = errno.ENOSPC) -> list[str]:
    """After so many more files, folders and links nothing can be made any more; what is written is listed."""
    made: list[str] = []

    def limited(name: str) -> None:
        real = getattr(os, name)

        def call(path: Any, *args: Any, **named: Any) -> Any:
            writes = name != "open" or args[0] & (os.O_WRONLY | os.O_RDWR)
            if writes:
                made.append(f"{name} {path}")
                if len(made) > allowed:
                    raise OSError(code, os.strerror(code), str(path))
            return real(path, *args, **named)

        monkeypatch.setattr(os, name, call)

    for name in ("open", "mkdir", "link", "rename", "replace"):
        limited(name)
    return made


def test_reading_writes_nothing(tiny, whole, copy, monkeypatch):
    """Catches: a finished cell that needs to write something to be read."""
    made = refuse(monkeypatch, 0, errno.EROFS)
    assert rows(cell_of(), tiny, copy) == whole[1] and len(list(rows_of(copy))) == 4
    with pytest.raises(files.CannotWrite):
        rows(cell_of(), tiny, copy, [Level(round=3)])
    assert len(made) == 1
    edited(copy / "dense" / "row.json", test_accuracy=0.99)
    with pytest.raises(files.DamagedFile, match="dense"):  # and not that nothing can be written
        rows(cell_of(), tiny, copy)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_full_at_each_write(tiny, tmp_path, code):
    """Catches: a full disk, wherever it strikes, that is a traceback, leaves half a level or a claim, or leads to other numbers."""
    cell, levels = cell_of(OneShot()), [Level(density=0.2), Level(density=0.2, arm="shuffled")]
    expected = rows(cell, tiny, tmp_path / "whole", levels)
    allowed, failed = 0, 0
    while True:
        folder = tmp_path / f"full-{allowed}"
        with pytest.MonkeyPatch.context() as patched:
            refuse(patched, allowed, code)
            try:
                found = rows(cell, tiny, folder, levels)
            except files.CannotWrite as error:
                failed += 1
                assert "could not be written" in str(error)
                found = None
        if folder.is_dir():
            assert not list(folder.glob(".claim-*"))
            for row in rows_of(folder) if (folder / "config.json").exists() else ():
                assert {**row, "seconds": 0} in [{**one, "seconds": 0} for one in expected]
        if found is not None:
            break
        assert rows(cell, tiny, folder, levels) == expected, f"after {allowed} writes"
        allowed += 3 if allowed > 3 else 1
    assert found == expected and failed > 5


def test_an_unfinished_stage(tiny, whole, copy):
    """Catches: what one that was killed has left in its stage, mixed into the next level, or counted as one."""
    shutil.rmtree(copy / "ticket-round-02")
    stage = copy / "attempt-0001-abc" / "stage" / "ticket-round-02"
    stage.mkdir(parents=True)
    (stage / "row.json").write_text("half")
    (stage / "round-01.npz").write_text("foreign")
    assert rows(cell_of(), tiny, copy) == whole[1]
    assert sorted(path.name for path in (copy / "ticket-round-02").iterdir()) == [
        "config.json", "mask.npz", "rewind.npz", "round-02.npz", "row.json",
    ]  # fmt: skip


def test_another_version_of_lthkit(tiny, whole, copy, caplog):
    """Catches: a cell of another version that is gone on with in silence, or a row of one that is a traceback."""
    config = files.read_sealed(copy / "config.json") | {owners.MADE_WITH: [{"lthkit": "9.0", "torch": "9.0"}]}
    files.write_sealed(copy / "config.json", config)
    assert rows(cell_of(), tiny, copy) == whole[1] and not caplog.records
    rows(cell_of(), tiny, copy, [Level(round=3)])
    assert "was begun with lthkit 9.0" in caplog.text
    row = files.read_sealed(copy / "dense" / "row.json")
    files.write_sealed(copy / "dense" / "row.json", {key: row[key] for key in row if key != "files"})
    with pytest.raises(files.DamagedFile, match="another version"):
        list(rows_of(copy))


def test_another_kind_of_run(tiny, tmp_path):
    """Catches: a folder of `lth.imp` that is taken for a cell, or begun in."""
    from tests.conftest import small_net

    list(lth.imp(small_net, tiny, rounds=1, recipe=RECIPE, folder=tmp_path))
    with pytest.raises(FileNotFoundError, match="not the folder of a cell"):
        list(rows_of(tmp_path))
    with pytest.raises(RunMismatch):
        rows(cell_of(Dense()), tiny, tmp_path, [])
    assert not list(tmp_path.glob(".claim-*"))
