"""What a process leaves in a cell when it ends between the last publication and the clearing, or wakes up too late."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import lthkit as lth
from lthkit.cells import Cell, Dense, carry_out
from lthkit.cells.attempts import attempt_of, attempts_in
from lthkit.cells.carrying import held
from lthkit.storage import claims
from lthkit.storage.claims import Lost, claimed

CELL = Cell(Dense(), "tests.conftest:small_net", "tiny", lth.Recipe(steps=4, batch_size=20, evaluate_every=4))


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in ("config.json", "dense"))


def end_before_clearing(folder: Path, *, silent: bool, snapshot: str = "") -> None:
    """Leave an attempt and a claim, as a process does that ends now; or one that lives, if it was heard of just now."""
    with claimed(folder) as claim:
        kept = attempt_of(claim) / (snapshot or "chain/round-00.npz")
        kept.parent.mkdir()
        kept.write_text("work")
        content = claim.path.read_bytes()
    claim.path.write_bytes(content.replace(b'"pid": ', b'"was": '))
    if silent:
        os.utime(claim.path, (0, 0))


@pytest.mark.parametrize("kind", [".claim-", "attempt-", ".removed-", ""])
def test_who_finds_a_cell_finished_clears_it(tiny, tmp_path, kind):
    """Catches: a claim or an attempt, or both, that stay for ever in a cell in which nothing is to be done any more."""
    rows = list(carry_out(CELL, [], tiny, tmp_path))
    end_before_clearing(tmp_path, silent=True)
    (tmp_path / ".removed-halfway").mkdir()
    for path in [tmp_path / name for name in left_in(tmp_path) if not name.startswith(kind)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert len(left_in(tmp_path)) == (1 if kind else 3)
    assert list(carry_out(CELL, [], tiny, tmp_path)) == rows and left_in(tmp_path) == []


def test_a_living_claim_is_not_touched(tiny, tmp_path):
    """Catches: an attempt that is cleared under a process which goes on to further levels."""
    rows = list(carry_out(CELL, [], tiny, tmp_path))
    end_before_clearing(tmp_path, silent=False)
    before = left_in(tmp_path)
    assert list(carry_out(CELL, [], tiny, tmp_path)) == rows and left_in(tmp_path) == before != []


@pytest.mark.parametrize(
    ("snapshot", "stays"),
    [
        ("chain/snapshot-00000002.npz", True),
        ("dense/snapshot-00000004.npz", False),
        ("search-dense/snapshot-00000004.npz", False),
        ("shuffled-round-01/snapshot-00000002.npz", True),
    ],
)
def test_a_training_under_way_stays(tiny, tmp_path, snapshot, stays):
    """Catches: half a training, saved by a call that asked for more, which is lost when one that asks for less passes by."""
    list(carry_out(CELL, [], tiny, tmp_path))
    end_before_clearing(tmp_path, silent=True, snapshot=snapshot)
    list(carry_out(CELL, [], tiny, tmp_path))
    assert [(path / snapshot).read_text() for path in attempts_in(tmp_path)] == ["work"] * stays
    assert len(left_in(tmp_path)) == stays, "the claim goes in any case"


def test_a_cell_that_cannot_be_cleared_is_read(tiny, tmp_path, monkeypatch):
    """Catches: a finished cell on a drive that is read-only, which is refused because of its litter."""
    rows = list(carry_out(CELL, [], tiny, tmp_path))
    end_before_clearing(tmp_path, silent=True)

    def refuse(*_: object) -> None:
        raise claims.CannotWrite(30, "Read-only file system", str(tmp_path))

    monkeypatch.setattr(claims, "_claim", refuse)
    assert list(carry_out(CELL, [], tiny, tmp_path)) == rows


def test_who_wakes_up_too_late_removes_what_it_wrote(tiny, tmp_path):
    """Catches: an attempt that its holder makes again after another has taken it over, and leaves there."""
    with pytest.raises(Lost), held(CELL, tiny, tmp_path) as late:
        with held(CELL, tiny, tmp_path, dead={claims.HOLDER}) as next_:
            assert attempts_in(tmp_path) == [next_.place.folder]
            late.place.folder.mkdir()
            (late.place.folder / "snapshot-00000002.npz").write_text("late")
            with pytest.raises(Lost):
                late.clear()
            assert next_.place.folder in attempts_in(tmp_path)
            next_.clear()
        raise OSError("what it worked in is gone")
    assert attempts_in(tmp_path) == [] == left_in(tmp_path)
