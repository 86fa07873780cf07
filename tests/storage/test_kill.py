"""SIGKILL at any moment loses nothing: the run goes on and ends with the bits of one that was never killed."""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests import killing
from tests.drivers import DRIVERS

pytestmark = pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods() or sys.platform != "linux",
    reason="needs Linux",
)


@pytest.fixture(scope="module")
def context() -> Any:
    return killing.server()


@pytest.fixture(scope="module")
def whole(context, tmp_path_factory) -> tuple[Any, float, int]:
    """An IMP run that nobody kills: what it returns, its seconds, the number of files that it writes."""
    return killing.uninterrupted(context, "imp", tmp_path_factory.mktemp("whole") / "run")


def test_killed_at_random_moments(context, whole, tmp_path):
    """Catches whatever is half-written or out of step when a process dies: ten kills, each gone on with to the end."""
    expected, seconds, _ = whole
    chance, kills = random.Random(0), 0
    for trial in range(100):
        folder = tmp_path / str(trial)
        if killing.run(context, "imp", folder, ("at", chance.uniform(0, seconds))):
            kills += 1
            assert killing.finished(context, "imp", folder) == expected, f"trial {trial}"
        else:
            seconds *= 0.8  # it was measured while the machine had other work
        if kills == 10:
            return
    pytest.fail(f"only {kills} of 100 processes were killed before they ended")


def test_killed_again_and_again(context, whole, tmp_path):
    """Catches damage that only a kill during a continuation does."""
    expected, _, _ = whole
    chance, kills = random.Random(1), 0
    while killing.run(
        context, "imp", tmp_path / "run", (chance.choice(killing.POINTS), chance.randint(2, 4))
    ):
        kills += 1
    assert kills >= 5
    assert killing.finished(context, "imp", tmp_path / "run") == expected


@pytest.mark.parametrize("point", killing.POINTS)
def test_killed_while_a_file_is_written(context, whole, tmp_path, point):
    """Catches writing in place, a rename before the bytes are on disk, and an old snapshot deleted too early."""
    expected, _, files = whole
    for number in (2, files // 2, files - 1):
        folder = tmp_path / str(number)
        assert killing.run(context, "imp", folder, (point, number)), (
            f"{files} files, none was number {number}"
        )
        assert killing.finished(context, "imp", folder) == expected, f"{point} of file {number}"
        assert not [p for p in folder.rglob("*") if p.name.endswith(".npz") and p.name.startswith("snapshot")]


@pytest.mark.soak
def test_soak(context, tmp_path, capsys):
    """Random kills over all drivers for $LTHKIT_SOAK_MINUTES (30): each run is killed one to four times, then ended."""
    end = time.monotonic() + 60 * float(os.environ.get("LTHKIT_SOAK_MINUTES", "30"))
    chance = random.Random(time.time())
    expected = {d: killing.uninterrupted(context, d, tmp_path / f"whole {d}" / "run") for d in DRIVERS}
    kills = runs = losses = 0
    while time.monotonic() < end:
        driver = chance.choice(list(DRIVERS))
        bits, seconds, files = expected[driver]
        folder = Path(tmp_path / f"run {runs}" / "run")
        for _ in range(chance.randint(1, 4)):
            at = ("at", chance.uniform(0, seconds))
            while_writing = (chance.choice(killing.POINTS), chance.randint(1, files))
            kills += killing.run(context, driver, folder, chance.choice([at, while_writing]))
        losses += killing.finished(context, driver, folder) != bits
        runs += 1
    with capsys.disabled():
        print(f"\nsoak: {kills} kills in {runs} runs of {len(DRIVERS)} drivers, {losses} losses")
    assert losses == 0
