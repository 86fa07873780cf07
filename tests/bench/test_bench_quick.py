"""The whole of `lthkit bench --quick`, as one would run it. Apart from the other tests: `pytest tests/bench`."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from lthkit import bench
from lthkit.storage import files

TEXTBOOK = importlib.util.find_spec("torchvision") is not None


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    command = [sys.executable, "-m", "lthkit", "bench", "--quick", "--device", "cpu", "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 200  # the last lines name files
    assert (folder / "bench.png").exists() == TEXTBOOK
    return files.read_json(folder / "bench.json")


def test_every_work_has_rows(document):
    """Catches: a work that yields nothing and is not missed."""
    assert document["works"] == list(bench.WORKS) == list(dict.fromkeys(r["work"] for r in document["rows"]))
    assert document["quick"] is True and document["machine"]["copy_speed"] > 0


def test_every_row_is_measured_or_says_why_not(document):
    """Catches: a guess, a zero, or an empty cell without a reason."""
    for row in document["rows"]:
        if row["time"] is None:
            assert any("not measured" in note for note in row["notes"]), row
            continue
        time = row["time"]
        assert 0 < time["low"] <= time["median"] <= time["high"] and time["n"] >= 1
        if row["ratio"]:
            assert row["ratio_to"] and row["ratio"]["low"] <= row["ratio"]["median"] <= row["ratio"]["high"]


def test_accuracies_agree_and_are_above_chance(document):
    """Catches: a variant that trains otherwise than the textbook, or nobody who learns at all."""
    assert document["agreement"] is True
    for row in document["rows"]:
        if row["accuracy"] is not None:
            chance = 0.5 if row["work"] in ("smallcnn", "resnet20") else 0.1
            assert row["accuracy"] > 1.2 * chance, row


def test_nothing_heavy_is_loaded_before_the_first_update(document):
    """Catches: an import that makes everybody wait."""
    ours = [r for r in document["rows"] if r["work"] == "imports" and r["name"] == "lthkit"]
    assert ours and ours[0]["notes"] == ["heavy modules loaded: none"]
