"""Claims: of all that claim a folder one has it; one that is silent for too long loses it, and can spoil nothing afterwards."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lthkit.storage import claims
from lthkit.storage.claims import Claim, Lost, Patience, Taken, claim_of, claimed
from lthkit.storage.files import CannotWrite

SHORT = Patience(beat=0.02, lost=10.0)  # beats often, and no busy machine is taken for a dead one
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def silent(folder: Path, seconds: float) -> None:
    """Let the newest claim look as if it had not been written for so long (or was dated in the future, if below 0)."""
    found = claim_of(folder)
    assert found is not None
    then = time.time() - seconds
    os.utime(folder / f".claim-{found.number:04d}.json", (then, then))


def until(condition: Any) -> None:
    """Wait for what comes in a moment. A minute is for ever."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


def test_one_has_it(tmp_path):
    """Catches: a second claim beside one that lives; a message that does not say who has it; a claim that stays."""
    folder = tmp_path / "new" / "cell"
    with claimed(folder) as mine:
        mine.check()
        with pytest.raises(Taken, match=f"process {os.getpid()} on .* s ago"), claimed(folder):
            pass
        mine.check()
        assert names(folder) == [".claim-0001.json"]
        found = claim_of(folder)
        assert found is not None and (found.number, found.holder) == (1, claims.HOLDER)
        assert found.age < 60
    assert names(folder) == [] and claim_of(folder) is None and claim_of(tmp_path / "none") is None
    with claimed(folder) as again:
        again.check()


def together(gate: Any) -> None:
    """From now on all of this process's claims are created when the others' are: all have looked, and seen the same."""
    create = claims.Holding._create

    def at_once(self: Any) -> None:
        gate.wait()
        create(self)

    claims.Holding._create = at_once  # type: ignore[method-assign]


def compete(folder: Path, rounds: int, gate: Any, won: Any, me: int) -> None:
    together(gate)
    for number in range(rounds):
        gate.wait()
        try:
            with claimed(folder / str(number), patience=Patience()) as mine:
                won.put((number, me))
                gate.wait()  # all have tried
                mine.check()
        except Taken:
            gate.wait()


def take_over(folder: Path, rounds: int, gate: Any, won: Any, me: int) -> None:
    together(gate)
    for number in range(rounds):
        place = folder / f"old-{number}"
        if me == 0:
            place.mkdir(parents=True)
            (place / ".claim-0007.json").write_text("{}")
            os.utime(place / ".claim-0007.json", (0, 0))
        gate.wait()
        try:
            with claimed(place) as mine:
                won.put((number, me))
                gate.wait()
                mine.check()
                assert mine.number == 8
        except Taken:
            gate.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork")
@pytest.mark.parametrize("how", [compete, take_over])
def test_of_many_processes_one(tmp_path, how):
    """Catches: two processes that claim the same folder at the same moment, free or lost, and both have it, or none."""
    context, processes, rounds = multiprocessing.get_context("fork"), 4, 40
    gate, won = context.Barrier(processes, timeout=30), context.SimpleQueue()
    children = [
        context.Process(target=how, args=(tmp_path, rounds, gate, won, me)) for me in range(processes)
    ]
    for child in children:
        child.start()
    found = []
    for _ in range(rounds):
        found.append(won.get())
    for child in children:
        child.join()
        assert child.exitcode == 0
    assert won.empty() and Counter(number for number, _ in found) == Counter(range(rounds))


def test_of_many_threads_one(tmp_path):
    """Catches: a claim that two threads of one process share."""
    gate, won = threading.Barrier(8), []

    def go() -> None:
        for number in range(30):
            gate.wait()
            try:
                with claimed(tmp_path / str(number)):
                    won.append(number)
                    gate.wait()
            except Taken:
                gate.wait()

    threads = [threading.Thread(target=go) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(won) == list(range(30))


def test_takeover(tmp_path):
    """Catches: a claim that is never lost; one that lost it and goes on, or removes the claim of the next one when it leaves."""
    with claimed(tmp_path) as first:
        silent(tmp_path, 121)
        with claimed(tmp_path) as second:
            second.check()
            assert second.number == 2
            with pytest.raises(Lost, match="taken over"):
                first.check()
            first._ended.set()
            claims._leave(first)
            assert names(tmp_path) == [".claim-0001.json", ".claim-0002.json"]
            second.check()
        assert names(tmp_path) == []
        first._file = os.open(os.devnull, os.O_WRONLY)  # was closed above


def test_a_later_claim_of_the_same_number(tmp_path):
    """Catches: a holder that sleeps while others come and go, and takes a later claim of its own number for its own: it would go
    on, write into that claim, and remove it."""
    with claimed(tmp_path, patience=SHORT) as first:
        silent(tmp_path, 3600)  # the heartbeat may repair that, so it is ended
        first._ended.set()
        silent(tmp_path, 3600)
        with claimed(tmp_path):
            pass
        with claimed(tmp_path) as third:
            assert third.number == first.number == 1 and first.is_lost
            with pytest.raises(Lost):
                first.check()
            before = (tmp_path / ".claim-0001.json").read_bytes()
            first._write()
            assert (tmp_path / ".claim-0001.json").read_bytes() == before and third.id.encode() in before
            claims._leave(first)
            third.check()
        first._file = os.open(os.devnull, os.O_WRONLY)


def stopped(folder: Path, ready: Any) -> None:
    try:
        with claimed(folder, patience=Patience(beat=0.05, lost=0.3)) as mine:
            ready.put("claimed")
            until(lambda: mine.is_lost)
            mine.check()
    except Lost as error:
        ready.put(str(error))


@pytest.mark.skipif(sys.platform != "linux", reason="needs SIGSTOP")
def test_a_process_that_sleeps(tmp_path):
    """Catches: a process that was stopped, wakes, and works on, or removes what the next one has claimed."""
    context = multiprocessing.get_context("fork")
    ready = context.SimpleQueue()
    child = context.Process(target=stopped, args=(tmp_path, ready))
    child.start()
    assert ready.get() == "claimed"
    os.kill(child.pid, signal.SIGSTOP)
    patience = Patience(beat=0.05, lost=0.3)
    try:
        while True:
            try:
                with claimed(tmp_path, patience=Patience(beat=0.05, lost=1000)):
                    pytest.fail("it was not lost yet")
            except Taken:
                pass
            found = claim_of(tmp_path)
            if found is not None and found.is_lost(patience):
                break
        with claimed(tmp_path, patience=patience) as mine:
            os.kill(child.pid, signal.SIGCONT)
            assert "taken over" in ready.get()
            child.join()
            mine.check()
            assert ".claim-0002.json" in names(tmp_path)
    finally:
        os.kill(child.pid, signal.SIGCONT) if child.is_alive() else None
        child.join()
    assert names(tmp_path) == []


def test_one_that_wakes_while_it_is_taken_over(tmp_path, monkeypatch):
    """Catches: a claim that is taken from a holder who has written again since it was looked at."""
    with claimed(tmp_path) as first:
        silent(tmp_path, 500)
        create = claims.Holding._create

        def late(self: Any) -> None:
            create(self)
            first._write()

        monkeypatch.setattr(claims.Holding, "_create", late)
        with pytest.raises(Taken, match="woken up"), claimed(tmp_path):
            pass
        first.check()


def test_the_dead_are_known(tmp_path):
    """Catches: a claim of a child that its parent has seen dead, for which everybody waits; and one of a living process taken."""
    with claimed(tmp_path) as first:
        with pytest.raises(Taken), claimed(tmp_path, dead={"another"}):
            pass
        with claimed(tmp_path, dead={claims.HOLDER}) as second:
            second.check()
            assert first.is_lost


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_is_another_holder(tmp_path):
    """Catches: a child that has its parent's name, so that its death would cost the parent its claims."""
    context = multiprocessing.get_context("fork")
    names_ = context.SimpleQueue()
    child = context.Process(target=lambda: names_.put(claims.HOLDER))
    child.start()
    assert names_.get() != claims.HOLDER
    child.join()


def test_heartbeat(tmp_path):
    """Catches: a claim that is not written again, or not with what was done; one that makes files of its own."""
    with claimed(tmp_path, patience=SHORT) as mine:
        silent(tmp_path, 500)
        mine.done = 123
        until(
            lambda: (
                (found := claim_of(tmp_path)) is not None
                and (found.done, abs(found.age) < 400) == (123, True)
            )
        )
        assert names(tmp_path) == [".claim-0001.json"]
    assert not [thread for thread in threading.enumerate() if thread.name == "heartbeat"]


def test_heartbeat_of_a_full_disk(tmp_path, monkeypatch):
    """Catches: a holder that is taken for dead because the disk is full."""
    write = os.write
    with claimed(tmp_path, patience=SHORT) as mine:

        def full(descriptor: int, content: bytes) -> int:
            if descriptor == mine._file:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(descriptor, content)

        monkeypatch.setattr(os, "write", full)
        silent(tmp_path, 500)
        until(lambda: (found := claim_of(tmp_path)) is not None and found.age < 400)
        mine.check()


def test_a_folder_that_vanishes(tmp_path):
    """Catches: a heartbeat that makes the folder again, ends in a traceback, or a holder that does not notice."""
    with claimed(tmp_path / "cell", patience=SHORT) as mine:
        shutil.rmtree(tmp_path / "cell")
        until(lambda: len([t for t in threading.enumerate() if t.name == "heartbeat"]) == 0)
        with pytest.raises(Lost, match="removed"):
            mine.check()
    assert names(tmp_path) == []


def test_another_clock(tmp_path, monkeypatch):
    """Catches: ages by the clock of this machine, which may be hours from that of the file server."""
    with claimed(tmp_path):
        monkeypatch.setattr(time, "time", lambda: 1e9)
        found = claim_of(tmp_path)
        assert found is not None and abs(found.age) < 60
        with pytest.raises(Taken), claimed(tmp_path):
            pass
        now = claims.time_in(tmp_path)
        later = claim_of(tmp_path, now=now + 1000)
        assert later is not None and later.age > 900 and later.is_lost(Patience())
        assert names(tmp_path) == [".claim-0001.json"]


def test_a_time_in_the_future(tmp_path):
    """Catches: a dead claim that nobody may take for years because the clock was wrong when it was written; and a living one
    taken because a clock is a second off."""
    (tmp_path / ".claim-0001.json").write_text("{}")
    silent(tmp_path, -30)
    with pytest.raises(Taken, match="just now"), claimed(tmp_path):
        pass
    silent(tmp_path, -5000)
    with claimed(tmp_path) as mine:
        assert mine.number == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"null",
        b"\xff\xfe\x00",
        b'{"who": 3, "done": null, "holder": []}',
        b"\0" * 512,
    ],
)
def test_content_that_is_none(tmp_path, content):
    """Catches: a claim that is empty, half written or no claim as a traceback, or as none."""
    (tmp_path / ".claim-0001.json").write_bytes(content)
    found = claim_of(tmp_path)
    assert found is not None and (found.number, found.done) == (1, 0)
    with pytest.raises(Taken), claimed(tmp_path):
        pass
    silent(tmp_path, 500)
    with claimed(tmp_path) as mine:
        assert mine.number == 2
    assert names(tmp_path) == []


def test_names_that_are_none(tmp_path):
    """Catches: somebody's own file taken for a claim, or removed as one."""
    for name in (".claim-x.json", "claim-0001.json", ".claim-0001.json.bak", ".claim--1.json"):
        (tmp_path / name).write_text("{}")
    with claimed(tmp_path) as mine:
        assert mine.number == 1
    assert len(names(tmp_path)) == 4


@pytest.mark.parametrize("call", ["open", "write", "mkdir"])
def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch, call):
    """Catches: a full disk as a traceback, or as a claim that nobody has and everybody waits for."""
    real = getattr(os, call)

    def full(first: Any, *args: Any, **named: Any) -> Any:
        if call == "open" and not (args[0] & os.O_CREAT):
            return real(first, *args, **named)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(CannotWrite, match="No space left"), claimed(tmp_path / "cell"):
        pass
    monkeypatch.undo()
    if (tmp_path / "cell").exists():
        assert names(tmp_path / "cell") == []
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite), claimed(tmp_path / "file"):
        pass


def test_patience():
    """Catches: times with which a holder that lives is taken for dead."""
    for beat, lost in ((0, 1), (1, 2), (-1, 5), ("1", 10), (True, 10), (float("nan"), 10), (1, float("inf"))):
        with pytest.raises(ValueError, match="three times"):
            Patience(beat=beat, lost=lost)
    assert Claim(1, "", 121, 0).is_lost(Patience()) and not Claim(1, "", 119, 0).is_lost(Patience())


def test_file_system_calls(tmp_path):
    """Catches: needless calls: on a network drive each takes a millisecond or more, and a thousand workers do them."""
    calls: list[str] = []
    watched = ("open", "os.scandir", "os.mkdir", "os.remove", "os.rename", "os.utime", "os.listdir")
    on = False

    def hook(event: str, args: Any) -> None:
        if on and event in watched:
            calls.append(event)

    sys.addaudithook(hook)
    (tmp_path / "warm").mkdir()
    with claimed(tmp_path / "warm"):
        pass
    (tmp_path / "cell").mkdir()
    on = True
    with claimed(tmp_path / "cell") as mine:
        claiming = Counter(calls)
        calls.clear()
        mine.check()
        checking = Counter(calls)
        calls.clear()
    leaving = Counter(calls)
    on = False
    assert claiming == {"os.scandir": 1, "open": 1}
    assert checking == {"os.scandir": 1}
    assert leaving == {"os.scandir": 2, "os.remove": 1}
