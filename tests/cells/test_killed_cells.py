"""A worker that dies or sleeps in the middle of a cell loses nothing and spoils nothing: the next one ends with the same bits."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import lthkit as lth
from lthkit.cells import IMP, Cell, Level, carry_out, rows_of
from lthkit.storage import snapshots
from lthkit.storage.claims import Lost, Patience, Taken
from tests import killing

pytestmark = pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods() or sys.platform != "linux",
    reason="needs Linux",
)
LEVELS = [
    Level(round=1),
    Level(round=2),
    Level(round=1, arm="shuffled"),
    Level(round=2, arm="re-initialised"),
]
SHORT, LONG = Patience(beat=0.1, lost=0.6), Patience()
RENAMES = ("before a rename of a folder", "after a rename of a folder")


def cell() -> Cell:
    recipe = lth.Recipe(steps=60, batch_size=20, lr=0.01, evaluate_every=10)
    return Cell(IMP(rewind_step=3), "tests.conftest:small_net", "tiny", recipe)


def plain(rows: Any) -> list[dict[str, Any]]:
    found = [{name: value for name, value in row.items() if name != "seconds"} for row in rows]
    return sorted(found, key=lambda row: (row["round"], row["arm"]))


def work(folder: Path, kill: tuple[str, float] | None, *, patience: Patience = LONG, pace: float = 0) -> None:
    """Carry the cell out, a snapshot at each evaluation, and say how it ended in a file beside the folder."""
    torch.set_num_threads(1)
    snapshots.INTERVAL, snapshots.SHARE = 0.0, float("inf")
    if kill is not None and kill[0] == "at":
        threading.Thread(target=lambda: (time.sleep(kill[1]), killing.die()), daemon=True).start()
    elif kill is not None and kill[0] in RENAMES:
        _die_while_renaming(kill[0], int(kill[1]))
    elif kill is not None:
        killing._die_while_writing(kill[0], int(kill[1]))
    begun, told = time.perf_counter(), folder.parent / f"{folder.name}-{os.getpid()}.json"
    data = killing.tiny()
    while True:
        try:
            list(
                carry_out(
                    cell(), LEVELS, data, folder, patience=patience, progress=lambda _: time.sleep(pace)
                )
            )
            ended = "done"
        except Taken:
            time.sleep(0.05)
            continue
        except Lost:
            ended = "lost"
        break
    told.write_text(
        json.dumps({"ended": ended, "seconds": time.perf_counter() - begun, "files": killing._files})
    )


def _die_while_renaming(point: str, number: int) -> None:
    rename, done = os.rename, 0

    def renamed(source: Any, target: Any) -> None:
        nonlocal done
        done += 1
        if done == number and point == RENAMES[0]:
            killing.die()
        rename(source, target)
        if done == number:
            killing.die()

    os.rename = renamed  # type: ignore[assignment]


def start(context: Any, folder: Path, kill: tuple[str, float] | None = None, **named: Any) -> Any:
    process = context.Process(target=work, args=(folder, kill), kwargs=named)
    process.start()
    return process


def told(process: Any, folder: Path) -> dict[str, Any]:
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    path = folder.parent / f"{folder.name}-{process.pid}.json"
    return json.loads(path.read_text()) if process.exitcode == 0 else {"ended": "killed"}


def bury(folder: Path) -> None:
    """Let what a dead process left be as old as it would be after two minutes."""
    for path in (*folder.glob(".claim-*.json"), *folder.glob(".clock-*")):
        os.utime(path, (0, 0))


def check(folder: Path, expected: list[dict[str, Any]], data: Any) -> None:
    """Go on to the end, as the next worker would: the rows are those of one that was never killed, each level there once, and
    nothing else is left, though one that died after the last level had no time to remove its claim and its attempt.
    """
    bury(folder)
    assert plain(carry_out(cell(), LEVELS, data, folder)) == expected
    assert plain(rows_of(folder)) == expected
    names = {path.name for path in folder.iterdir()}
    assert names == {"config.json", "dense", *(level.name for level in LEVELS)}


@pytest.fixture(scope="module")
def context() -> Any:
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["tests.killing", "lthkit.cells"])
    return found


@pytest.fixture(scope="module")
def whole(context, tmp_path_factory) -> tuple[list[dict[str, Any]], float, int]:
    """The rows of a cell that nobody kills, the seconds that it takes, and how many files it writes."""
    folder = tmp_path_factory.mktemp("whole") / "cell"
    found = told(start(context, folder, ("counting", 0)), folder)
    return plain(rows_of(folder)), found["seconds"], found["files"]


def killed_at_random(
    context: Any, whole: Any, place: Path, data: Any, chance: random.Random, kills: int
) -> int:
    expected, seconds, files = whole
    died = 0
    for trial in range(4 * kills):
        folder = place / f"trial-{trial}"
        folder.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(chance.randint(1, 3)):
            kill = chance.choice(
                [
                    ("at", chance.uniform(0, seconds)),
                    (chance.choice(killing.POINTS), chance.randint(1, files)),
                    (chance.choice(RENAMES), chance.randint(1, 6)),
                ]
            )
            died += told(start(context, folder, kill), folder)["ended"] == "killed"
            bury(folder) if folder.exists() else None
        check(folder, expected, data)
        if died >= kills:
            break
    return died


def test_killed_at_random_moments(context, whole, tmp_path, tiny):
    """Catches: a level half published, a claim or an attempt that nobody can go on from, other numbers after a kill."""
    assert killed_at_random(context, whole, tmp_path, tiny, random.Random(0), 8) >= 8


@pytest.mark.parametrize("point", RENAMES)
def test_killed_while_publishing(context, whole, tmp_path, tiny, point):
    """Catches: a level that was published by a process which died before it could say so, and is trained or published again."""
    for number in (1, 3, 5, 6):
        folder = tmp_path / str(number)
        assert told(start(context, folder, (point, number)), folder)["ended"] == "killed"
        published = {
            path.name: path.stat().st_ino for path in folder.iterdir() if (path / "row.json").exists()
        }
        check(folder, whole[0], tiny)
        for name, inode in published.items():
            assert (folder / name).stat().st_ino == inode


def test_killed_over_the_configuration(context, whole, tmp_path, tiny):
    """Catches: half a configuration, or an empty file of a clock, that stays for ever, whether levels are missing or none is."""
    folder = tmp_path / "cell"
    assert told(start(context, folder, ("before the rename", 1)), folder)["ended"] == "killed"
    (half,) = [path for path in folder.iterdir() if path.name.startswith(".config.json.")]
    check(folder, whole[0], tiny)
    half.touch()
    clock = folder / f".clock-{'0' * 32}"
    clock.touch()
    assert plain(carry_out(cell(), LEVELS, tiny, folder)) == whole[0]
    assert clock.exists() and not half.exists()  # somebody may be about to read the time there
    check(folder, whole[0], tiny)


def test_one_that_sleeps_and_wakes(context, whole, tmp_path, tiny):
    """Catches: a worker that hangs longer than a claim lasts, wakes up, and writes into, publishes over, or removes what the next
    one does."""
    folder = tmp_path / "cell"
    first = start(context, folder, patience=SHORT, pace=0.05)
    try:
        while not (folder / "dense").exists():
            time.sleep(0.01)
        os.kill(first.pid, signal.SIGSTOP)
        second = start(context, folder, patience=SHORT, pace=0.05)
        while not (folder / "ticket-round-01").exists() and second.is_alive():
            time.sleep(0.01)  # the one that sleeps holds a lock meanwhile
        os.kill(first.pid, signal.SIGCONT)
        assert told(first, folder)["ended"] == "lost"
        assert told(second, folder)["ended"] == "done"
    finally:
        os.kill(first.pid, signal.SIGCONT) if first.is_alive() else None
    check(folder, whole[0], tiny)


def many(context: Any, whole: Any, folder: Path, data: Any, chance: random.Random) -> int:
    """Three workers on one cell, of which some are killed or put to sleep; how often."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    seconds, struck = max(whole[1], 0.5), 0
    workers = [start(context, folder, patience=SHORT) for _ in range(3)]
    for _ in range(4):
        time.sleep(chance.uniform(0, seconds / 2))
        number = chance.randrange(3)
        victim = workers[number]
        if not victim.is_alive():
            continue
        struck += 1
        if chance.random() < 0.5:
            victim.kill()
            victim.join()
            workers[number] = start(context, folder, patience=SHORT)
        else:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(victim.pid, signal.SIGSTOP)
                time.sleep(chance.uniform(0, 2 * SHORT.lost))
                os.kill(victim.pid, signal.SIGCONT)
    for worker in workers:
        assert told(worker, folder)["ended"] in ("done", "lost")
    check(folder, whole[0], data)
    return struck


def test_three_workers_on_one_cell(context, whole, tmp_path, tiny):
    """Catches: workers that share a cell and disturb each other when some of them die or sleep."""
    assert many(context, whole, tmp_path / "cell", tiny, random.Random(3)) > 0


@pytest.mark.soak
def test_soak(context, whole, tmp_path, tiny, capsys):
    """Kills, sleeps and takeovers at random for $LTHKIT_SOAK_MINUTES (30)."""
    end, chance = time.monotonic() + 60 * float(os.environ.get("LTHKIT_SOAK_MINUTES", "30")), random.Random()
    kills = struck = number = 0
    while time.monotonic() < end:
        kills += killed_at_random(context, whole, tmp_path / f"kills-{number}", tiny, chance, 5)
        struck += many(context, whole, tmp_path / f"many-{number}" / "cell", tiny, chance)
        number += 1
    with capsys.disabled():
        print(f"\nsoak: {kills} kills alone, {struck} kills and sleeps among three, nothing lost")
