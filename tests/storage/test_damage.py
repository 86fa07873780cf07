"""Ten thousand damaged files: none is taken for a whole one with other content, and none ends in another error."""

from __future__ import annotations

import os
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lthkit as lth
from lthkit import export
from lthkit.runs import results
from lthkit.storage import files, records
from lthkit.storage.files import DamagedFile
from lthkit.storage.snapshots import Snapshots
from lthkit.tickets.rounds import load_round
from tests.conftest import small_conv, small_net
from tests.drivers import ADAM, Stop, Stopper, bits, run_imp, run_train

TRIALS = 10_000


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory) -> Path:
    """A mask, a checkpoint, rounds, a snapshot and a packed ticket, all as small as they come."""
    place = tmp_path_factory.mktemp("whole")
    model = small_conv(seed=0)
    mask = lth.prune(lth.Mask.ones(model), lth.magnitude(model), 0.5)
    mask.save(place / "mask.npz")
    lth.train(model, tiny, mask=mask, recipe=ADAM)
    lth.Checkpoint.of(model, step=18).save(place / "checkpoint.npz")
    run_imp(tiny, place / "imp", Stopper())
    with pytest.raises(Stop):
        run_train(tiny, place / "train", Stopper(1))
    export.save_packed(place / "packed.npz", model, mask)
    return place


def read_mask(path: Path) -> Any:
    return bits(lth.Mask.load(path))


def read_checkpoint(path: Path) -> Any:
    return bits(lth.Checkpoint.load(path))


def read_round(path: Path) -> Any:
    return bits(load_round(path.parent, 1))


def read_snapshot(path: Path) -> Any:
    """A damaged one is passed over, so there is none."""
    found = Snapshots(path.parent).newest()
    if found is None:
        raise DamagedFile("passed over")
    return {name: (a.dtype.str, a.shape, a.tobytes()) for name, a in found[0].items()}, found[1]


def read_packed(path: Path) -> Any:
    model = small_conv(seed=1)
    mask = export.load_packed(path, model)
    return bits(mask), bits(lth.Checkpoint.of(model))


READERS: dict[str, Callable[[Path], Any]] = {
    "mask.npz": read_mask,
    "checkpoint.npz": read_checkpoint,
    "imp/round-01.npz": read_round,
    "train/snapshot-00000004.npz": read_snapshot,
    "packed.npz": read_packed,
}


def damaged(whole: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """One of the ways in which a file goes wrong: cut, flipped, zeroed, blown up, swapped, grafted, emptied."""
    a, b = sorted(chance.randrange(len(whole) + 1) for _ in range(2))
    kind = chance.randrange(9)
    if kind == 0:
        return whole[:a]
    if kind in (1, 2):
        content = bytearray(whole)
        for _ in range(1 if kind == 1 else chance.randint(2, 40)):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        return bytes(content)
    if kind == 3:
        return whole[:a] + bytes(b - a) + whole[b:]
    if kind == 4:
        return whole[:a] + chance.randbytes(chance.randint(1, 64)) + whole[a:]
    if kind == 5:
        return whole[:a] + whole[b:]
    if kind == 6:
        other = chance.choice(others)
        return whole[:a] + other[min(a, len(other)) :]
    if kind == 7:
        return whole[:a] + chance.randbytes(b - a) + whole[b:]
    return chance.choice([b"", chance.randbytes(200), chance.choice(others), whole + whole])


@pytest.mark.parametrize("name", READERS)
def test_no_damage_passes_for_another_content(name, folder, tmp_path, caplog):
    """Catches: content that no checksum covers, and an exception of numpy's, zip's or JSON's that gets through."""
    caplog.set_level("CRITICAL", "lthkit")
    read, chance = READERS[name], random.Random(name)
    whole = (folder / name).read_bytes()
    others = [(folder / other).read_bytes() for other in READERS if other != name]
    place = tmp_path / Path(name).name
    if (rewind := (folder / name).parent / "rewind.npz").exists():
        (tmp_path / "rewind.npz").write_bytes(rewind.read_bytes())
    place.write_bytes(whole)
    expected, accepted = read(place), 0
    for trial in range(TRIALS // len(READERS)):
        content = damaged(whole, others, chance)
        place.write_bytes(content)
        try:
            got = read(place)
        except DamagedFile:
            continue
        accepted += 1  # what is not content, such as a date in the archive
        assert got == expected, f"trial {trial}"
    assert accepted < TRIALS // len(READERS) / 4


@pytest.mark.parametrize("part", ["value", "shape", "dtype", "description", "name"])
def test_a_whole_archive_with_another_content_is_refused(part, tmp_path):
    """Catches a checksum that leaves something out; the archive's own sums are right here, so only ours can tell."""
    files.save_arrays(tmp_path / "x.npz", {"a": np.arange(6, dtype=np.float32)}, {"step": 1})
    with np.load(tmp_path / "x.npz") as archive:
        held = dict(archive)
    array, header = held["a0"], held["__meta__"].tobytes().decode()
    held["a0"] = {
        "value": array + (array == 3),
        "shape": array.reshape(2, 3),
        "dtype": array.view(np.int32),
    }.get(part, array)
    header = header.replace('"step": 1', '"step": 2') if part == "description" else header
    header = header.replace('"a"', '"b"') if part == "name" else header
    held["__meta__"] = np.frombuffer(header.encode(), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", **held)
    with pytest.raises(DamagedFile, match="does not match its checksum"):
        files.load_arrays(tmp_path / "x.npz")


def test_damaged_records_are_named(tmp_path):
    """Catches a digit in a record that flips and stays unnoticed."""
    chance = random.Random(0)
    record = {"arm": "shuffled", "seed": 1, "test_accuracy": 0.8125, "steps": 900, "name": "é"}
    whole = files.write_sealed(tmp_path / "r.json", record).read_bytes()
    for _ in range(2000):
        content = bytearray(whole)
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        (tmp_path / "r.json").write_bytes(content)
        try:
            assert files.read_sealed(tmp_path / "r.json") == record
        except DamagedFile as error:
            assert "r.json" in str(error)


def test_recorded_results_of_the_course_are_whole():
    """Catches a table that was edited by hand, and a checkout that changed the ends of its lines."""
    for name in ("winning-ticket", "rewinding", "snip-mnist"):
        place = results.recorded(name)
        _, summary, rows = results.load(place)
        assert rows and set(summary["tables"]) == {path.name for path in place.glob("*.csv")}
        for table in summary["tables"]:
            assert results.read_results(place, table, summary)


class Bomb:
    """A pickle that makes a folder when it is read."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.place),)


def bombs(place: Path) -> dict[str, bytes]:
    """Files that run code in readers that allow it: a bare pickle, torch's format, numpy's with objects."""
    bomb = Bomb(place)
    made = {"pickle": pickle.dumps(bomb)}
    torch.save({"model": bomb}, place.with_name("t"))
    made["torch"] = place.with_name("t").read_bytes()
    np.savez(
        place.with_name("n.npz"), __meta__=np.array([bomb], dtype=object), a0=np.array([bomb], dtype=object)
    )
    made["numpy"] = place.with_name("n.npz").read_bytes()
    np.save(place.with_name("s.npy"), np.array([bomb], dtype=object), allow_pickle=True)
    made["array"] = place.with_name("s.npy").read_bytes()
    return made


@pytest.mark.parametrize("kind", ["pickle", "torch", "numpy", "array"])
def test_a_malicious_file_runs_nothing(kind, tiny, tmp_path):
    """Catches `torch.load`, `allow_pickle=True` and the like anywhere on the way of a file that somebody was sent."""
    exploded = tmp_path / "exploded"
    content = bombs(exploded)[kind]
    run_imp(tiny, tmp_path / "imp", Stopper())
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    calls: list[Callable[[], Any]] = [
        lambda: lth.Mask.load(path),
        lambda: lth.Checkpoint.load(path),
        lambda: export.load_packed(path, small_net(seed=0)),
        lambda: records.read_table(path),
        lambda: files.read_sealed(path),
    ]
    for name in ("round-01.npz", "rewind.npz", "config.json"):
        (tmp_path / "imp" / name).write_bytes(content)
        calls.append(lambda: load_round(tmp_path / "imp", 1))
        calls.append(lambda: run_imp(tiny, tmp_path / "imp", Stopper()))
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "snapshot-00000008.npz").write_bytes(content)
    calls.append(lambda: run_train(tiny, tmp_path / "train", Stopper()))
    for call in calls:
        try:
            call()
        except DamagedFile:
            pass
    assert not exploded.exists()
    pickle.loads(pickle.dumps(Bomb(exploded)))
    assert exploded.exists(), "the bomb itself is a dud, so this test would show nothing"
