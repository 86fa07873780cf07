"""How long a function may take, on a machine of made-up times; and what becomes of a run that the machine stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from lthkit.classroom.exercises import Case, Exercise
from lthkit.classroom.grading.judging import verdict
from lthkit.classroom.judge import judge
from lthkit.classroom.limits import IMPORT_SECONDS, Limit, Over, Usage, from_ps, usage
from lthkit.classroom.running import Run, in_process
from tests.classroom.test_worker import DOUBLED, builds_an_optimizer


class Machine:
    """A wall clock, and a process on it that gets a share of the processor."""

    def __init__(self, *, known: bool = True) -> None:
        self.now, self.cpu, self.awake, self.known, self.looks = 1000.0, 50.0, True, known, 0

    def used(self) -> Usage | None:
        self.looks += 1
        return Usage(self.cpu, self.awake) if self.known else None

    def limit(self, seconds: float = 10) -> Limit:
        return Limit(seconds, self.used, clock=lambda: self.now)

    def goes_on(self, limit: Limit, seconds: float, *, share: float, awake: bool = True) -> Over | None:
        """What the limit says within so many seconds of the wall clock."""
        self.awake = awake
        for _ in range(round(seconds * 4)):
            self.now += 0.25
            self.cpu += 0.25 * share
            if (over := limit.over()) is not None:
                return over
        return None


def test_a_loop_alone_ends_after_the_seconds() -> None:
    """Catches a limit that never comes, and one that comes early."""
    machine = Machine()
    limit = machine.limit()
    assert machine.goes_on(limit, 10, share=1) is None
    assert machine.goes_on(limit, 0.5, share=1) == Over("time", "10 seconds of computing")
    one = machine.limit(1)
    assert machine.goes_on(one, 2, share=1) == Over("time", "1 second of computing")


def test_on_a_busy_machine_a_function_has_the_same_computing_time() -> None:
    """Catches a right answer that is refused because other programs run beside it, and a loop that is called starved."""
    machine = Machine()
    limit = machine.limit()
    assert machine.goes_on(limit, 49, share=0.2) is None
    over = machine.goes_on(limit, 2, share=0.2)
    assert over is not None and over.why == "time"


def test_threads_compute_together() -> None:
    """Catches a function with four busy threads that takes four times as much."""
    machine = Machine()
    limit = machine.limit()
    assert machine.goes_on(limit, 2.5, share=4) is None
    assert machine.goes_on(limit, 0.5, share=4) == Over("time", "10 seconds of computing")


@pytest.mark.parametrize("share", [0.0, 0.05], ids=["sleeps", "looks and sleeps again"])
def test_what_sleeps_ends_long_before_the_wall(share: float) -> None:
    """Catches a student who waits a minute for a deadlock, or is told that the machine was busy."""
    machine = Machine()
    assert machine.goes_on(machine.limit(), 11, share=share, awake=False) == Over("asleep", "10 seconds")


def test_a_sleep_in_each_case_adds_up() -> None:
    """Catches a limit on one sleep alone: nine seconds in each of twenty cases."""
    machine = Machine()
    limit = machine.limit()
    assert machine.goes_on(limit, 9, share=0, awake=False) is None
    assert machine.goes_on(limit, 2, share=1) is None
    assert machine.goes_on(limit, 9, share=0, awake=False) == Over("asleep", "10 seconds")


def test_a_machine_that_lets_nothing_run_is_named_and_not_the_function() -> None:
    """Catches a function that waits for the processor and is called asleep, or an endless loop."""
    machine = Machine()
    limit = machine.limit()
    assert machine.goes_on(limit, 59, share=0.02) is None
    assert machine.goes_on(limit, 2, share=0.02) == Over("starved", "1.2 seconds of computing in 60")
    assert machine.goes_on(machine.limit(20), 119, share=0.02) is None


def test_where_computing_is_unknown_the_wall_counts() -> None:
    """Catches a loop without an end on Windows."""
    machine = Machine(known=False)
    limit = machine.limit()
    assert machine.goes_on(limit, 9.5, share=1) is None
    assert machine.goes_on(limit, 1, share=1) == Over("time", "10 seconds")


@pytest.mark.parametrize("known", [True, False])
def test_imports_do_not_count(known: bool) -> None:
    """Catches a right answer that is refused because its first optimizer imports half of torch from a slow disk."""
    machine = Machine(known=known)
    limit = machine.limit()
    assert machine.goes_on(limit, 5, share=1) is None
    limit.importing()
    assert machine.goes_on(limit, 30, share=0.8) is None
    limit.imported(24)
    assert machine.goes_on(limit, 4.5, share=1) is None
    over = machine.goes_on(limit, 1, share=1)
    assert over is not None and over.why == "time"


def test_an_import_before_the_first_look_is_not_a_gift() -> None:
    """Catches computing that was never counted and is taken off."""
    machine = Machine()
    limit = machine.limit()
    limit.importing()
    machine.cpu += 100
    limit.imported(100)
    over = machine.goes_on(limit, 11, share=1)
    assert over is not None and over.why == "time"


@pytest.mark.parametrize("computed", [1e18, float("nan"), float("inf"), -1e18])
def test_an_import_that_a_function_makes_up_gives_it_no_time(computed: float) -> None:
    """Catches a function that says of its computing that it was an import's, once or again and again."""
    machine = Machine()
    limit = machine.limit()
    found = None
    for _ in range(60):
        found = found or machine.goes_on(limit, 0.2, share=1)
        limit.importing()
        found = found or machine.goes_on(limit, 0.001, share=1)
        limit.imported(computed)
    assert found == Over("time", "10 seconds of computing")


def test_an_import_that_does_not_end_is_ended() -> None:
    """Catches an import that waits for ever, or computes for ever."""
    machine = Machine()
    limit = machine.limit()
    limit.importing()
    assert machine.goes_on(limit, 11, share=0, awake=False) == Over("asleep", "10 seconds")
    limit = machine.limit()
    limit.importing()
    assert machine.goes_on(limit, IMPORT_SECONDS - 1, share=1) is None
    over = machine.goes_on(limit, 2, share=1)
    assert over is not None and over.why == "time"
    unknown = Machine(known=False)
    limit = unknown.limit()
    limit.importing()
    assert unknown.goes_on(limit, IMPORT_SECONDS + 9, share=1) is None
    assert unknown.goes_on(limit, 2, share=1) == Over("time", "10 seconds")


@pytest.mark.parametrize("known", [True, False])
def test_a_computer_that_was_put_to_sleep_takes_no_time_from_the_function(known: bool) -> None:
    """Catches a right answer that is refused when the lid is opened again."""
    machine = Machine(known=known)
    limit = machine.limit()
    assert machine.goes_on(limit, 1, share=0.1, awake=False) is None
    machine.now += 3600
    assert limit.over() is None


def test_a_child_that_is_gone_gives_no_time_back() -> None:
    """Catches a loop that goes on because the sum over its processes fell."""
    machine = Machine()
    limit = machine.limit()
    assert machine.goes_on(limit, 9, share=1) is None
    machine.cpu -= 40
    assert machine.goes_on(limit, 3, share=1) == Over("time", "10 seconds of computing")


def test_it_looks_now_and_then_only() -> None:
    """Catches a look at all processes of the machine for each answer of the worker."""
    machine = Machine()
    limit = machine.limit()
    for _ in range(1000):
        limit.over()
    assert machine.looks == 0
    machine.goes_on(limit, 2, share=1)
    assert machine.looks == 8


# What the system says


@pytest.mark.parametrize(
    "said, expected",
    [
        ("  501 Ss     0:01.25\n   77 R+  123:45.67\n", [Usage(7425.67, True)]),  # macOS
        (
            "   77 S 1-02:00:03\n   77 U 00:00:01\n",
            [Usage(93603, False), Usage(1, True)],
        ),  # Linux, and a disk
        ("", []),
    ],
)
def test_what_ps_prints_is_read(said: str, expected: list[Usage]) -> None:
    """Catches hours that are read as minutes, and another group's time."""
    found = list(from_ps(said, 77))
    assert [(round(p.cpu, 2), p.awake) for p in found] == [(p.cpu, p.awake) for p in expected]


COMPUTES = """
import os, subprocess, sys, time
loop = "import time\\nwhile time.process_time() < 0.3: pass"
exec(loop)
subprocess.run([sys.executable, "-c", loop])
print(sum(os.times()[:4]), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_linux_tells_what_a_session_used_and_whether_it_sleeps() -> None:
    """Catches fields of /proc that are counted wrongly, and a process that waits and is called busy."""
    command = [sys.executable, "-c", COMPUTES]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, start_new_session=True, text=True, **pipes) as process:  # type: ignore[call-overload]
        said = float(process.stdout.readline())
        looks = (usage(process.pid) for _ in range(1000) if not time.sleep(0.01))  # type: ignore[func-returns-value]
        found = next(u for u in looks if u is not None and not u.awake)
        process.communicate("")
    assert said > 0.5 and abs(found.cpu - said) < 0.1
    ours = usage(os.getsid(0))
    assert ours is not None and ours.awake
    assert usage(2**30) is None


# What becomes of a run


def halved(w: Tensor) -> Tensor:
    return w / 2


HALVED = Exercise("99.8", halved, (Case((torch.ones(2),), "One."), Case((torch.ones(3),), "Three.")))
HIDDEN = (Case((torch.zeros(2),), "None."), Case((torch.ones(1),), "One."))


def stopped(why: str, detail: str, after: int) -> Callable[..., Run]:
    """A runner that is stopped after so many cases, those of earlier calls included."""
    left = after

    def run(function: Callable[..., object], cases: tuple[Case, ...]) -> Run:
        nonlocal left
        if left >= len(cases):
            left -= len(cases)
            return in_process(function, cases)
        return Run(in_process(function, cases[:left]).calls, why, detail)

    return run


@pytest.mark.parametrize(
    "why, detail, sentence",
    [
        (
            "time",
            "10 seconds of computing",
            "within 10 seconds of computing: is there a loop that does not end?",
        ),
        ("asleep", "10 seconds", "waited for 10 seconds and did nothing: does it sleep, or wait for input"),
        (
            "starved",
            "1.2 seconds of computing in 60",
            "only 1.2 seconds of computing in 60. Close other programs",
        ),
    ],
)
def test_the_message_says_which_limit_ended_it(why: str, detail: str, sentence: str) -> None:
    """Catches a sleep that is called a loop, and a busy machine that is called a mistake."""
    outcome = judge(HALVED, halved, runner=stopped(why, detail, 1))
    assert outcome.state == "wrong" and sentence in outcome.lines[0]
    case = ["halved(w=tensor([1.0, 1.0, 1.0]))"]
    assert list(outcome.lines[1:]) == ([] if why == "starved" else case)
    assert ("not your mistake" in outcome.lines[0]) == (why == "starved")


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_busy_machine_costs_no_points(after: int) -> None:
    """Catches 0 points for a right answer on a busy machine: it is a fault, and graded again by the next run."""
    with pytest.raises(RuntimeError, match="too busy"):
        verdict(HALVED, halved, HIDDEN, 2.0, runner=stopped("starved", "1 second", after))


@pytest.mark.parametrize("after, state", [(1, "stopped"), (3, "hidden")])
def test_a_sleep_costs_the_points(after: int, state: str) -> None:
    """Catches an answer that sleeps for ever and is graded again for ever."""
    found = verdict(HALVED, halved, HIDDEN, 2.0, runner=stopped("asleep", "10 seconds", after))
    assert (found.state, found.points) == (state, 0.0)
    told = "waited for 10 seconds and did nothing"
    assert (told in found.lines[0]) == (state == "stopped") and (told in "".join(found.remarks)) == (
        state == "hidden"
    )


def test_a_wrong_answer_is_wrong_on_a_busy_machine_too() -> None:
    """Catches a wrong answer that is tried again for ever."""
    found = verdict(HALVED, lambda w: w, HIDDEN, 2.0, runner=stopped("starved", "1 second", 1))
    assert (found.state, found.points) == ("wrong", 0.0)


# With four busy processes beside it


@pytest.fixture
def busy() -> Iterator[None]:
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


@pytest.mark.soak
def test_beside_busy_processes_all_right_answers_pass(busy: None) -> None:
    """Catches a right answer that is refused because the machine has other things to do."""
    from lthkit.classroom.exercises import every

    answers = [(e, f) for e in every() for f in (e.reference, *e.alternatives)]
    answers += [(DOUBLED, builds_an_optimizer)]
    found = [(e.id, f.__name__, judge(e, f)) for e, f in answers]
    assert [(i, name, o.lines) for i, name, o in found if o.state != "passed"] == []
    assert len(found) > 50
