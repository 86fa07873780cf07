"""The worker process: whatever a function does there, the notebook gets plain data or a reason, and goes on."""

from __future__ import annotations

import builtins
import functools
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lthkit.classroom import forking, process, values
from lthkit.classroom.exercises import Case, Exercise
from lthkit.classroom.judge import Outcome, judge
from lthkit.classroom.process import Worker, in_worker, time_limit
from lthkit.classroom.running import GLOBAL_SEED, Run, call, in_process, read
from lthkit.classroom.worker import Aside


def doubled(w: Tensor) -> Tensor:
    return 2 * w


DOUBLED = Exercise(
    "99.1", doubled, (Case((torch.tensor([1.0, -2.0]),), "Two."), Case((torch.ones(3),), "Three."))
)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A short time limit, for functions that do not come back."""
    monkeypatch.setenv("LTHKIT_CHECK_SECONDS", "1")
    yield


def run(function: Callable[..., Any]) -> Run:
    return in_worker(function, DOUBLED.cases)


def verdict(function: Callable[..., Any]) -> Outcome:
    return judge(DOUBLED, function)


def pid() -> int | None:
    return process._worker.pid


# What gets through

FACTOR = 2


def helper(w: Tensor) -> Tensor:
    return w * FACTOR


def uses_globals(w: Tensor) -> Tensor:
    return helper(w)


def imports_inside(w: Tensor) -> Tensor:
    from statistics import mean

    return w * mean([1, 3])


def makes_a_closure(factor: float) -> Callable[[Tensor], Tensor]:
    def inner(w: Tensor) -> Tensor:
        return factor * w

    return inner


def scaled(w: Tensor, *, by: float) -> Tensor:
    return w * by


@functools.lru_cache(maxsize=8)
def cached(w: Tensor) -> Tensor:
    return w * FACTOR


@functools.cache
def cached_power(n: int) -> int:
    return 1 if n == 0 else 2 * cached_power(n - 1)  # uses itself through its cache


def uses_a_cache(w: Tensor) -> Tensor:
    return w * cached_power(1)


class Doubler:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, w: Tensor) -> Tensor:
        return w * self.factor


RIGHT: dict[str, Callable[..., Any]] = {
    "function": doubled,
    "globals and helpers": uses_globals,
    "import inside": imports_inside,
    "lambda": lambda w: w + w,
    "closure": makes_a_closure(2.0),
    "partial": functools.partial(scaled, by=2),
    "object with __call__": Doubler(2.0),
    "bound method": Doubler(2.0).__call__,
    "cache": cached,
    "cache of a closure": functools.cache(makes_a_closure(2.0)),
    "cache of a partial": functools.lru_cache(functools.partial(scaled, by=2)),
    "cached helper that calls itself": uses_a_cache,
    "partial of a built-in": functools.partial(torch.mul, other=2),
}


@pytest.mark.parametrize("function", RIGHT.values(), ids=RIGHT.keys())
def test_functions_of_every_kind_arrive(function: Callable[..., Any]) -> None:
    """Catches a pickle that leaves out what the function uses, or refuses what is not a plain `def`."""
    outcome = verdict(function)
    assert outcome.state == "passed", outcome.lines


def test_a_function_is_sent_as_it_is_now() -> None:
    """Catches a worker that reads the module's file, or keeps the first version of a changed global."""
    global FACTOR
    assert verdict(uses_globals).state == "passed"
    FACTOR = 3
    try:
        assert verdict(uses_globals).state == "wrong"
    finally:
        FACTOR = 2


def test_a_cache_is_a_cache_in_the_worker_too() -> None:
    """Catches a decorator that is dropped on the way: in the notebook a list cannot be kept in a cache."""
    calls: list[int] = []

    @functools.lru_cache
    def total(values: Any) -> int:
        calls.append(1)
        return sum(values) + 100 * len(calls)

    lists = in_worker(total, (Case(([1, 2],)),)).calls
    assert lists[0].raised is not None and "unhashable" in lists[0].raised.message
    twice = in_worker(total, (Case(((1, 2),)), Case(((1, 2),)))).calls
    assert [c.value for c in twice] == [103, 103]

    @functools.cache
    def fails(w: Tensor) -> Any:
        return w[9]

    assert any("line 3 of the function, `return w[9]`" in line for line in verdict(fails).lines)


def test_the_worker_is_reused_and_both_runners_agree() -> None:
    """Catches a process for every check, which would take seconds, and a worker whose results differ from ours."""
    there = run(doubled)
    first = pid()
    assert first is not None and not there.stopped
    assert run(doubled) and pid() == first
    here = in_process(doubled, DOUBLED.cases)
    assert [c.value.tolist() for c in there.calls] == [c.value.tolist() for c in here.calls]


def test_random_numbers_without_a_seed_are_the_same_in_both_and_the_notebooks_stay() -> None:
    """Catches a diagnosis that fails for a function that forgets its seed, and a check that moves the notebook's."""
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index, union-attr]

    def draws(w: Tensor) -> Tensor:
        return torch.rand(2) + float(np.random.rand())

    assert torch.equal(run(draws).calls[0].value, in_process(draws, DOUBLED.cases).calls[0].value)
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()  # type: ignore[index]
    assert GLOBAL_SEED > 10_000  # not the seed of a case


# Hostile functions


class Always:
    """Says that it equals everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


class AlwaysTensor(Tensor):
    def __eq__(self, other: object) -> Any:
        return torch.tensor(True)


class Unreadable:
    def __reduce__(self) -> Any:
        raise SystemExit


def prints_a_lot(w: Tensor) -> Tensor:
    for _ in range(1000):
        print("x" * 1000)
    os.write(1, b"y" * 1_000_000)
    sys.stderr.write("z")
    os.system("echo from the shell")
    return w


def reads_input(w: Tensor) -> str:
    return input("your answer? ")


def leaves(w: Tensor) -> None:
    sys.exit("bye")


def interrupts(w: Tensor) -> None:
    raise KeyboardInterrupt


def quits(w: Tensor) -> None:
    os._exit(3)


def aborts(w: Tensor) -> None:
    os.abort()


def loops(w: Tensor) -> None:
    while True:
        pass


def sleeps_whatever_happens(w: Tensor) -> None:
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass


def waits_for_busy_threads(w: Tensor) -> None:
    threads = [threading.Thread(target=loops, args=(w,), daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def blocks_signals(w: Tensor) -> None:
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    loops(w)


def waits_for_itself(w: Tensor) -> None:
    lock = threading.Lock()
    with lock, lock:
        pass


def takes_memory_at_once(w: Tensor) -> Any:
    return torch.empty(10**12)


def takes_memory_of_python(w: Tensor) -> Any:
    return bytearray(2**40)


def recurses(w: Tensor) -> Any:
    return recurses(w)


def contains_itself(w: Tensor) -> Any:
    found: list[Any] = [w]
    found.append(found)
    return found


def enormous(w: Tensor) -> Tensor:
    return w[:1].expand(10**9)


def patches_torch(w: Tensor) -> Tensor:
    torch.equal = lambda *a: True  # type: ignore[assignment]
    torch.isclose = lambda *a, **b: torch.tensor(True)  # type: ignore[assignment]
    return w


def patches_print(w: Tensor) -> Tensor:
    builtins.print = lambda *a, **b: None  # type: ignore[assignment]
    sys.stdout = None  # type: ignore[assignment]
    json.dumps = lambda *a, **b: "[]"  # type: ignore[assignment]
    return w


def changes_the_precision(w: Tensor) -> Tensor:
    torch.set_default_dtype(torch.float64)
    return w


# The computing time of another process is known on these systems.
KNOWN = sys.platform in ("linux", "darwin")
LIMIT = "1 second of computing" if KNOWN else "1 second"
ASLEEP = "waited for 1 second and did nothing" if KNOWN else "did not finish within 1 second"

HOSTILE: dict[str, tuple[Callable[..., Any], str]] = {
    "prints": (prints_a_lot, "expected"),
    "input": (reads_input, "EOFError"),
    "SystemExit": (leaves, "SystemExit: bye"),
    "KeyboardInterrupt": (interrupts, "KeyboardInterrupt"),
    "_exit": (quits, "It ended Python itself (exit code 3)"),
    "abort": (aborts, "It crashed Python itself"),
    "loop": (loops, f"It did not finish within {LIMIT}: is there a loop that does not end?"),
    "busy threads": (waits_for_busy_threads, f"It did not finish within {LIMIT}"),
    "loop that a signal does not end": (blocks_signals, f"It did not finish within {LIMIT}"),
    "sleep that catches all": (sleeps_whatever_happens, f"It {ASLEEP}"),
    "deadlock": (waits_for_itself, f"It {ASLEEP}"),
    "memory of torch": (takes_memory_at_once, "It ran out of memory"),
    "memory of Python": (takes_memory_of_python, "It ran out of memory"),
    "recursion": (recurses, "It calls itself without an end (RecursionError)"),
    "contains itself": (contains_itself, "Its result cannot be read: it is nested"),
    "enormous": (enormous, "Its result cannot be read: its tensors take more than"),
    "patches torch": (patches_torch, "expected"),
    "patches print": (patches_print, ""),
    "always equal": (lambda w: Always(), "of type Always"),
    "always equal inside": (lambda w: [Always()], "of type list"),
    "always equal tensor": (lambda w: w.as_subclass(AlwaysTensor), "expected"),
    "unreadable": (lambda w: Unreadable(), "of type Unreadable"),
    "generator": (lambda w: (i for i in w), "It returns a generator"),
    "a class": (Doubler, "of type Doubler"),
}


@pytest.mark.parametrize("function, sentence", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_function_is_refused_with_a_reason_and_the_next_check_works(
    function: Callable[..., Any],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Catches a check that runs in the notebook: it would print, hang, end, or be fooled by what was exchanged."""
    if sys.platform != "linux" and "memory" in sentence:
        pytest.skip("this system has no limit on memory")
    with monkeypatch.context() as patch:
        patch.setenv("LTHKIT_CHECK_SECONDS", "1" if "1 second" in sentence else "10")
        outcome = verdict(function)
    assert outcome.state == "wrong" and any(sentence in line for line in outcome.lines), outcome.lines
    assert verdict(doubled).state == "passed"
    assert capfd.readouterr() == ("", "")
    assert torch.equal(torch.ones(1), torch.zeros(1)) is False


@pytest.fixture(scope="module", params=["forked", "shared"] if forking.POSSIBLE else ["shared"])
def worker(request: pytest.FixtureRequest) -> Iterator[Worker]:
    """A worker that forks for each function, and one in which they share a process; each starts in seconds."""
    shared = {"LTHKIT_NO_FORK": "1"} if request.param == "shared" else {}
    one = Worker(environment=dict(os.environ) | shared)
    yield one
    one.stop()


def seen(w: Tensor) -> list[Any]:
    """What a function finds of what others may have changed."""
    from lthkit.classroom.exercises import find

    weight = torch.nn.Parameter(torch.ones(2))
    return [
        weight.add(1).dtype is torch.float32,
        torch.equal(w, w + 1),
        float(np.add(1, 2)),
        find("05.2").id,
        len(find("05.2").cases) > 2,
        float(torch.nn.Linear(1, 1, bias=False).weight.numel()),
        json.loads("[1]"),
        sys.getrecursionlimit() > 500,
        os.path.isdir(os.getcwd()),
    ]


def patches_what_was_inherited(w: Tensor) -> Tensor:
    torch.nn.Parameter.add = lambda *a: torch.ones(2).double()  # type: ignore[method-assign]
    return w


def patches_numpy(w: Tensor) -> Tensor:
    np.add = lambda *a: 7.0  # type: ignore[assignment]
    return w


def patches_lthkit(w: Tensor) -> Tensor:
    from lthkit.classroom import exercises

    exercises.find = lambda name: exercises.Exercise("00.0", abs, ())  # type: ignore[assignment]
    return w


def patches_an_initializer(w: Tensor) -> Tensor:
    torch.nn.Linear.reset_parameters = lambda self: setattr(self, "weight", w)  # type: ignore[method-assign]
    return w


def patches_code(w: Tensor) -> Tensor:
    json.loads.__code__ = (lambda s, **k: "patched").__code__
    return w


def puts_a_change_back(w: Tensor) -> Tensor:
    sys.setrecursionlimit(100)
    return w


CHANGES = [
    patches_what_was_inherited,
    patches_numpy,
    patches_lthkit,
    patches_an_initializer,
    patches_code,
    puts_a_change_back,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda f: f.__name__)
def test_what_a_function_changed_reaches_no_other(change: Callable[..., Any], worker: Worker) -> None:
    """Catches a right answer that fails, or a wrong one that passes, because of what the function before it did."""
    before = in_worker(seen, DOUBLED.cases, worker=worker)
    in_worker(change, DOUBLED.cases, worker=worker)
    after = in_worker(seen, DOUBLED.cases, worker=worker)
    assert [c.value for c in before.calls] == [c.value for c in after.calls]
    assert [c.raised for c in after.calls] == [None, None]


def test_a_shared_process_that_a_function_changed_is_not_used_again() -> None:
    """Catches a process that goes on with another precision, or with a thread or a program beside it."""
    worker = Worker(environment=dict(os.environ) | {"LTHKIT_NO_FORK": "1"})
    leaves = [leaves_a_process] if hasattr(os, "fork") else []
    try:
        for changes in (changes_the_precision, starts_a_thread, starts_a_bare_thread, *leaves):
            assert len(in_worker(doubled, DOUBLED.cases, worker=worker).calls) == 2
            before = worker.pid
            in_worker(changes, DOUBLED.cases, worker=worker)
            assert before is not None and worker.pid != before, changes.__name__
        in_worker(doubled, DOUBLED.cases, worker=worker)
        before = worker.pid
        in_worker(doubled, DOUBLED.cases, worker=worker)
        assert worker.pid == before
    finally:
        worker.stop()


@pytest.mark.skipif(not forking.POSSIBLE, reason="no process for each function on this system")
def test_where_processes_are_forked_one_worker_serves_whatever_happens() -> None:
    """Catches a start of seconds after each function that ended or changed its own process."""
    assert verdict(doubled).state == "passed"
    before = pid()
    for function in (quits, aborts, changes_the_precision, starts_a_thread, leaves_a_process, kills_itself):
        verdict(function)
    for function in (loops, sleeps_whatever_happens, sleeps_in_a_process):
        assert in_worker(function, DOUBLED.cases, seconds=0.5).stopped in ("time", "asleep")
    assert verdict(doubled).state == "passed" and pid() == before is not None


@pytest.mark.skipif(not forking.POSSIBLE, reason="no process for each function on this system")
def test_a_function_that_is_taken_back_has_ended(tmp_path: Path) -> None:
    """Catches a loop that goes on beside the next function, and its answers among those of the next."""
    file = tmp_path / "pid"

    def hangs(w: Tensor) -> Tensor:
        file.write_text(str(os.getpid()))
        while True:
            pass

    assert in_worker(hangs, DOUBLED.cases, seconds=0.5).stopped == "time"
    assert not _alive(int(file.read_text()))
    assert [c.value.tolist() for c in run(doubled).calls] == [[2, -4], [2, 2, 2]]


@pytest.mark.skipif(not forking.POSSIBLE, reason="no process for each function on this system")
def test_after_many_functions_the_worker_is_the_same() -> None:
    """Catches: memory that is laid out anew for cheaper forks, and lost by it."""
    worker, pids = Worker(), set()
    try:
        for _ in range(forking._MANY + 5):
            done = in_worker(doubled, DOUBLED.cases, worker=worker)
            assert [c.value.tolist() for c in done.calls] == [[2, -4], [2, 2, 2]]
            pids.add(worker.pid)
        assert len(pids) == 1
    finally:
        worker.stop()


@pytest.mark.skipif(not forking.POSSIBLE, reason="no process for each function on this system")
def test_a_job_that_ended_meanwhile_is_taken_back_without_harm() -> None:
    """Catches a worker that takes what comes too late for its next job."""
    worker = Worker()
    try:
        assert len(in_worker(doubled, DOUBLED.cases, worker=worker).calls) == 2
        before, late = worker.pid, worker._process
        assert late is not None and late.stdin is not None
        values.write_frame(late.stdin, forking.BACK)
        assert len(in_worker(doubled, DOUBLED.cases, worker=worker).calls) == 2
        assert worker.pid == before is not None
    finally:
        worker.stop()


def sleeps_in_a_process(w: Tensor) -> Tensor:
    subprocess.run([sys.executable, "-c", "import time; time.sleep(3600)"])
    return w


def kills_itself(w: Tensor) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kills_its_group(w: Tensor) -> None:
    os.killpg(0, signal.SIGKILL)


@pytest.mark.skipif(not forking.POSSIBLE, reason="a kill cannot be told from a lack of memory there")
def test_a_kill_from_inside_is_told_apart_from_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches "it ran out of memory" for a function that killed itself."""
    for function in (kills_itself, kills_its_group):
        (line, _) = verdict(function).lines
        assert line.startswith("It ended its own process (signal 9)"), line


def test_a_notebook_whose_folder_was_removed_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a fault of the place that is called one of the function."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    outcome = verdict(doubled)
    assert "the folder that this Python runs in was removed" in outcome.lines[0]
    assert "This is not your mistake." in outcome.lines[0] and outcome.stopped == "start"


@pytest.mark.skipif(not forking.POSSIBLE, reason="no process for each function on this system")
def test_a_function_that_says_it_is_done_is_believed_nothing() -> None:
    """Catches a frame of a function's own that ends its job, after which the next function gets its answers."""

    def lies(w: Tensor) -> Tensor:
        for descriptor in range(3, 20):
            for what in ("done", "begun", "failed", "settled", "unsendable"):
                head = {"what": what, "key": "", "clean": True, "code": 0, "memory": False, "detail": "x"}
                frame = json.dumps(head).encode() + b"\n"
                try:
                    os.write(descriptor, len(frame).to_bytes(8, "big") + frame)
                except OSError:
                    pass
        return 2 * w

    for _ in range(3):
        assert run(lies).stopped in ("ended", "")
        after = run(doubled)
        assert [c.value.tolist() for c in after.calls] == [[2.0, -4.0], [2.0, 2.0, 2.0]]


def starts_a_thread(w: Tensor) -> Tensor:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    return w


def starts_a_bare_thread(w: Tensor) -> Tensor:
    import _thread

    begun = threading.Event()
    _thread.start_new_thread(lambda: (begun.set(), time.sleep(60)), ())
    begun.wait()
    return w


def leaves_a_process(w: Tensor) -> Tensor:
    subprocess.Popen([sys.executable, "-c", "while True: pass"])
    return w


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@linux
def test_what_a_function_starts_counts_and_ends_with_the_worker(quick: None) -> None:
    """Catches a loop in another process that is called asleep, or that takes the time of the next function."""

    def loops_elsewhere(w: Tensor) -> Tensor:
        subprocess.run([sys.executable, "-c", "while True: pass"])
        return w

    assert "It did not finish within 1 second of computing" in verdict(loops_elsewhere).lines[0]
    assert len(run(leaves_a_process).calls) == 2
    assert verdict(doubled).state == "passed"

    def number(w: Tensor) -> int:
        return subprocess.Popen([sys.executable, "-c", "while True: pass"]).pid

    left = [c.value for c in run(number).calls]
    assert len(left) == 2 and not any(map(_alive, left))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_copy_of_the_worker_answers_nobody() -> None:
    """Catches a fork that comes out of the function too: its answers would be taken for those of the next function."""

    def forks(w: Tensor) -> Tensor:
        if child := os.fork():
            os.waitpid(child, 0)
        return 2 * w if child else 3 * w

    assert verdict(forks).state == "passed"
    assert verdict(doubled).state == "passed"


# What a function imports


def builds_an_optimizer(w: Tensor) -> Tensor:
    torch.optim.SGD([torch.nn.Parameter(w.clone())], lr=0.1)
    return 2 * w


def test_the_imports_of_a_first_optimizer_cost_neither_time_nor_the_worker() -> None:
    """Catches a right answer called a loop because torch imports half of itself, and a new worker after each one."""
    worker = Worker()
    try:
        cases = DOUBLED.cases
        assert not in_worker(doubled, cases, worker=worker).stopped
        before = worker.pid
        done = in_worker(builds_an_optimizer, cases, worker=worker, seconds=0.5)
        assert (done.stopped, len(done.calls)) == ("", 2)
        again = in_worker(lambda w: "torch._dynamo" in sys.modules, cases, worker=worker)
        assert [c.value for c in again.calls] == [True, True]
        assert worker.pid == before is not None
    finally:
        worker.stop()


def test_an_import_hides_no_change() -> None:
    """Catches a worker in which a module keeps what a function exchanged, and what it did after the import."""

    def during(w: Tensor) -> Tensor:
        true, torch.equal = torch.equal, abs
        builds_an_optimizer(w)
        torch.equal = true
        return w

    def after(w: Tensor) -> Tensor:
        builds_an_optimizer(w)
        torch.manual_seed = abs
        return w

    def before(w: Tensor) -> Tensor:
        torch.equal = abs
        builds_an_optimizer(w)
        return w

    for function in (during, after, before):
        worker = Worker(environment=dict(os.environ) | {"LTHKIT_NO_FORK": "1"})
        try:
            assert not in_worker(function, DOUBLED.cases, worker=worker).stopped
            assert worker.pid is None, function.__name__
        finally:
            worker.stop()


def test_installed_modules_alone_are_beside_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a loop in a module of the student's that may take minutes."""
    told: list[str] = []
    finder = Aside(lambda head, content=b"": told.append(head["what"]))
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    (tmp_path / "my_own_module.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert importlib.import_module("my_own_module").x == 1 and told == []
    monkeypatch.delitem(sys.modules, "my_own_module")
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    assert importlib.import_module("colorsys").rgb_to_hsv and told == ["importing", "imported"]


def test_what_cannot_be_imported_raises_as_anywhere() -> None:
    """Catches a finder that makes another error of a missing module."""

    def imports_nothing(w: Tensor) -> None:
        importlib.import_module("no_such_module")

    assert any("No module named 'no_such_module'" in line for line in verdict(imports_nothing).lines)


def test_what_cannot_be_pickled_is_named() -> None:
    """Catches a traceback of pickle's instead of the name of the variable that is to blame."""
    lock = threading.Lock()

    def locked(w: Tensor) -> Tensor:
        with lock:
            return 2 * w

    (line,) = verdict(locked).lines
    assert "cannot be sent" in line and "`lock`, of type lock" in line


def test_what_does_not_arrive_is_told() -> None:
    """Catches a worker that dies of what it reads."""

    class Fails:
        def __call__(self, w: Tensor) -> Tensor:
            return 2 * w

        def __reduce__(self) -> Any:
            return _fail, ()

    (line,) = verdict(Fails()).lines
    assert "cannot be sent" in line and "no such thing there" in line


def _fail() -> None:
    raise RuntimeError("no such thing there")


def test_a_case_that_hangs_is_shown_and_those_before_it_count(quick: None) -> None:
    """Catches a time limit that forgets which call it was, or what was wrong before it."""

    def hangs_at_three(w: Tensor) -> Tensor:
        while len(w) == 3:
            pass
        return 2 * w

    outcome = verdict(hangs_at_three)
    assert outcome.lines[-1] == "doubled(w=tensor([1.0, 1.0, 1.0]))"

    def wrong_and_hangs_at_three(w: Tensor) -> Tensor:
        return hangs_at_three(w) + 1

    assert verdict(wrong_and_hangs_at_three).lines[-1].startswith("expected tensor([2.0, -4.0])")


def test_the_time_limit_can_be_set_and_nonsense_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a limit of 0 or of text, with which every check would fail."""
    for text, seconds in (
        ("2.5", 2.5),
        ("", 10),
        ("soon", 10),
        ("0", 10),
        ("-1", 10),
        ("nan", 10),
        ("inf", 10),
    ):
        monkeypatch.setenv("LTHKIT_CHECK_SECONDS", text)
        assert time_limit() == seconds, text


def test_a_worker_that_cannot_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a check that hangs or raises where no process can be started."""
    worker = Worker()
    monkeypatch.setattr(process, "_worker", worker)
    monkeypatch.setattr(sys, "executable", str(Path(sys.executable).parent / "no-such-python"))
    (line,) = verdict(doubled).lines
    assert "could not be started" in line and "not your mistake" in line


def test_the_stop_button_stops_and_leaves_no_worker_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a worker that still computes the old job when the next one comes."""
    worker = Worker()

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(process, "_worker", worker)
    assert verdict(doubled).state == "passed"
    monkeypatch.setattr(worker, "_answer", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(doubled)
    assert worker.pid is None


def test_a_function_runs_with_the_search_for_garbage_on() -> None:
    """Catches a worker that starts without it, which is quicker, and stays so: its memory would fill with dead cycles."""

    def is_on(w: Tensor) -> bool:
        import gc

        return gc.isenabled()

    assert [call.value for call in run(is_on).calls] == [True, True]


def test_a_case_begins_with_the_numbers_of_the_seed_and_seeds_no_other_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Catches other numbers than `torch.manual_seed` gives, and a check that seeds the GPU of a notebook anew."""

    def drawn(w: Tensor) -> Tensor:
        return torch.rand(3)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(GLOBAL_SEED)
        expected = torch.rand(3).tolist()
    seeded: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    for done in (in_process(drawn, DOUBLED.cases), run(drawn)):
        assert [call.value.tolist() for call in done.calls] == [expected, expected]
    assert seeded == []


@pytest.mark.parametrize("how", ["ends", "is killed in a loop"])
def test_the_worker_ends_with_the_notebook(how: str) -> None:
    """Catches workers that stay behind: after a normal end, and after a kill while a function loops."""
    code = (
        "import os, sys, threading, time\n"
        "from lthkit.classroom.process import in_worker, _worker\n"
        "from lthkit.classroom.exercises import Case\n"
        "in_worker(abs, (Case((1,)),)); print(_worker.pid, flush=True)\n"
    )
    if how != "ends":
        code += (
            "def loop(w):\n    while True: pass\n"
            "threading.Thread(target=in_worker, args=(loop, (Case((1,)),)), daemon=True).start()\n"
            "time.sleep(1); os._exit(0)\n"
        )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    worker = int(done.stdout)
    until = time.monotonic() + 30
    while _alive(worker) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _alive(worker)


def _alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not collected does not."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False
    if sys.platform == "win32":
        listed = subprocess.run(["tasklist", "/FI", f"PID eq {pid}"], capture_output=True, text=True).stdout
        return str(pid) in listed
    return subprocess.run(["kill", "-0", str(pid)], capture_output=True).returncode == 0


# Values on their way


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -(10**30),
        0.1,
        float("inf"),
        "\u03b8",
        [1, (2.5, [])],
        {"w": torch.eye(2).bool(), 3: "x", (1, 2): None},
        torch.tensor(2.5),
        torch.zeros(0, 3),
        torch.arange(6).reshape(2, 3).T,
        torch.ones(2, dtype=torch.bfloat16),
        torch.ones(2, dtype=torch.float16, requires_grad=True),
        torch.tensor([1 + 2j]).conj(),
        torch.tensor(2.0).expand(1).clone(),  # one entry of stride 0
        torch.empty_strided((0,), (0,)),  # as np.average makes one
        np.arange(3.0),
        np.float32(0.1),
    ],
    ids=str,
)
def test_plain_values_come_back_as_they_went(value: Any) -> None:
    """Catches a dtype, a shape, a digit or the difference of list and tuple that is lost on the way."""
    back = values.unpack(values.pack(value))
    assert type(back) is type(value)
    if isinstance(value, Tensor):
        assert back.dtype == value.dtype and torch.equal(back, value)
    elif isinstance(value, np.ndarray):
        assert back.dtype == value.dtype and (back == value).all()
    else:
        assert str(back) == str(value)


def test_what_is_not_plain_arrives_as_a_name() -> None:
    """Catches a reader that would build objects of the sender's choice."""
    for value, kind in ((Always(), "Always"), (iter([1]), "list_iterator"), ({Always}, "set")):
        assert values.unpack(values.pack(value)) == values.Foreign(kind)
    assert isinstance(values.unpack(values.pack(torch.eye(2).to_sparse())), values.Foreign)
    assert values.unpack(values.pack(torch.ones(2, device="meta"))).device.type == "meta"


def test_nan_comes_back() -> None:
    """Catches JSON without NaN."""
    assert np.isnan(values.unpack(values.pack([float("nan")]))[0])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 8,
        b"\0" * 7 + b"\x06" + b'["os"]',
        b"\0" * 7 + b"\x0d" + b'["exec", "1"]',
        values.pack(1)[:-1],
    ],
    ids=range(5),
)
def test_damaged_bytes_are_refused(content: bytes) -> None:
    """Catches a reader that takes anything."""
    with pytest.raises((ValueError, KeyError, TypeError, IndexError, Exception)):
        values.unpack(content)


def test_a_call_tells_what_happened_beside_the_value() -> None:
    """Catches a call that forgets what it printed, shared, returned of its arguments or did to them."""

    def busy(w: Tensor, names: list[str]) -> Tensor:
        print("one\ntwo")
        print("three", end="")
        names.append("x")
        return w[:1]

    done = read(call(busy, (torch.ones(2), ["a"])))
    assert (done.printed, done.shares, done.same, done.raised) == (3, True, None, None)
    assert done.arguments[1] == ["a", "x"]
    done = read(call(lambda w: w, ([1],)))
    assert done.same == 0 and not done.shares
    assert read(call(lambda n: n, (1,))).same is None  # small numbers are one object everywhere
