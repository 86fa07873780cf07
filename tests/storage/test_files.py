"""Files are whole or absent, and damage is noticed."""

from __future__ import annotations

import os
import pickle
import random

import numpy as np
import pytest

from lthkit.storage import files


def test_arrays_come_back_with_their_description(tmp_path):
    arrays = {
        "a/b": np.arange(6, dtype=np.float32).reshape(2, 3),
        "empty": np.zeros((0, 4)),
        "flag": np.array(True),
    }
    files.save_arrays(tmp_path / "x.npz", arrays, {"kind": "test", "n": 3})
    back, meta = files.load_arrays(tmp_path / "x.npz")
    assert meta == {"kind": "test", "n": 3}
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)


def test_equal_content_gives_equal_bytes(tmp_path):
    one = files.save_arrays(tmp_path / "1.npz", {"a": np.ones(3)}, {}).read_bytes()
    assert one == files.save_arrays(tmp_path / "2.npz", {"a": np.ones(3)}, {}).read_bytes()


def test_every_damage_is_noticed(tmp_path):
    """Catches: no checksum, or a reader that lets another exception through."""
    whole = files.save_arrays(tmp_path / "x.npz", {"a": np.arange(50.0)}, {"kind": "test"}).read_bytes()
    expected, _ = files.load_arrays(tmp_path / "x.npz")
    rng = random.Random(0)
    for trial in range(300):
        damaged = bytearray(whole)
        if trial % 3 == 0:
            damaged = damaged[: rng.randrange(len(whole))]
        else:
            damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        (tmp_path / "d.npz").write_bytes(damaged)
        try:
            arrays, meta = files.load_arrays(tmp_path / "d.npz")
        except files.DamagedFile as error:
            assert "d.npz" in str(error)
        else:  # a bit that says nothing, such as a date in the archive: the content must be the same
            np.testing.assert_array_equal(arrays["a"], expected["a"])
            assert meta == {"kind": "test"}


def test_a_pickle_is_refused_and_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    (tmp_path / "bomb.npz").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(files.DamagedFile):
        files.load_arrays(tmp_path / "bomb.npz")
    np.savez(tmp_path / "object.npz", __meta__=np.array([Bomb()], dtype=object))
    with pytest.raises(files.DamagedFile):
        files.load_arrays(tmp_path / "object.npz")
    assert not (tmp_path / "exploded").exists()


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    """Catches: writing in place, or a temporary file left behind."""
    files.write_text(tmp_path / "x.txt", "old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        files.write_text(tmp_path / "x.txt", "new")
    assert [p.name for p in tmp_path.iterdir()] == ["x.txt"]
    assert (tmp_path / "x.txt").read_text() == "old"


def test_json_refuses_nan_and_names_a_broken_file(tmp_path):
    with pytest.raises(ValueError):
        files.write_json(tmp_path / "x.json", {"a": float("nan")})
    (tmp_path / "y.json").write_text('{"a": 1')
    with pytest.raises(files.DamagedFile, match=r"y\.json"):
        files.read_json(tmp_path / "y.json")
