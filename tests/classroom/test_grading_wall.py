"""The wall around a submission, and functions that are judged from their text behind it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lthkit.classroom.exercises import Case, find
from lthkit.classroom.grading import course as courses
from lthkit.classroom.grading import wall
from lthkit.classroom.grading.course import Course
from lthkit.classroom.grading.judging import FromText, hidden_of, stand_in, verdict
from lthkit.classroom.grading.workers import Runner, walled
from tests.submissions import RIGHT

# The wall


def in_a_wall(course: Course, code: str) -> Any:
    """What a submission's function `f` returns, or the name of what it raised."""
    with walled(course) as runner:
        return with_runner(runner, code)


def with_runner(runner: Runner, code: str) -> Any:
    """The same in a process that is there already."""
    done = runner(FromText(code, "f", "<f>"), (Case((0,)),))
    assert done.calls, (done.stopped, done.detail)
    return done.calls[0].raised.kind if done.calls[0].raised else done.calls[0].value


LOOKS = {
    "the seed": "def f(x):\n    return open({course!r} + '/course.json').read()",
    "a neighbour": "import os\ndef f(x):\n    return os.listdir({course!r} + '/source')",
    "a program": "import subprocess\ndef f(x):\n    return subprocess.run(['cat', {course!r} + '/course.json'], capture_output=True, check=True).stdout.decode()",
    "a link": "import os\ndef f(x):\n    os.symlink({course!r}, 'l')\n    return open('l/course.json').read()",
}


@pytest.mark.parametrize("code", LOOKS.values(), ids=LOOKS.keys())
def test_a_submission_sees_nothing_of_the_class(course: Course, code: str) -> None:
    """Catches a wall with a door: an absolute path, a link, another program."""
    assert in_a_wall(course, code.format(course=str(course.folder))) in (
        "PermissionError",
        "CalledProcessError",
    )


@pytest.mark.skipif(wall.kind() != "kernel", reason="this system has no Landlock")
def test_the_kernels_wall_closes_the_rest_too(course: Course, tmp_path: Path) -> None:
    """Catches a home that can be read, a file outside that can be written, and a network."""
    (tmp_path / "secret").write_text("x", encoding="utf-8")
    with walled(course) as runner:
        assert (
            with_runner(runner, f"def f(x):\n    return open({str(tmp_path / 'secret')!r}).read()")
            == "PermissionError"
        )
        assert (
            with_runner(runner, f"def f(x):\n    open({str(tmp_path / 'new')!r}, 'w')") == "PermissionError"
        )
        assert with_runner(
            runner, "import socket\ndef f(x):\n    socket.create_connection(('127.0.0.1', 9), 2)"
        ) in (
            "PermissionError",
            "ConnectionRefusedError",
        )
    assert not (tmp_path / "new").exists()


def test_without_the_kernel_python_holds_a_fence(course: Course, tmp_path: Path) -> None:
    """Catches a hook that lets through what it should not, or stops what every program needs."""
    (tmp_path / "own").mkdir()
    code = (
        "import sys, os, json\nfrom pathlib import Path\nfrom lthkit.classroom.grading import wall\n"
        f"course = Path({str(course.folder)!r})\nwall._by_python([course])\nimport statistics, torch\n"
        "open('here', 'w').write('x')\ntorch.ones(3).sum()\n"
        "def refused(f):\n    try:\n        f()\n    except PermissionError:\n        return True\n"
        "assert refused(lambda: open(course / 'course.json'))\nassert refused(lambda: os.listdir(course))\n"
        "assert refused(lambda: os.listdir(course.parent))\nassert refused(lambda: os.system('true'))\n"
        "os.listdir('.')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "own", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_submission_starts_in_an_empty_folder_that_is_gone_after(course: Course) -> None:
    """Catches a folder that the next submission finds, and an environment that names the instructor."""
    code = (
        "import os\ndef f(x):\n    open('note', 'w').write('for my friend')\n"
        "    return [os.getcwd(), sorted(os.listdir('.')), os.path.expanduser('~'), sorted(os.environ)]"
    )
    folder, files, home, names = in_a_wall(course, code)
    assert files == ["note"] and home == folder and not Path(folder).exists()
    assert not {"USER", "LOGNAME", courses.VARIABLE, wall.VARIABLE, "SSH_AUTH_SOCK", "VIRTUAL_ENV"} & set(
        names
    )
    assert in_a_wall(course, code)[0] != folder


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_what_a_submission_started_ends_with_it(course: Course) -> None:
    """Catches a program that goes on after the submission was graded, and one that holds the grading up."""
    code = "import os, time\ndef f(x):\n    child = os.fork()\n    if child == 0:\n        {}time.sleep(3600)\n        os._exit(0)\n    return child"
    begun = time.monotonic()
    child = in_a_wall(course, code.format(""))
    stat = Path(f"/proc/{child}/stat")
    while stat.exists() and stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < begun + 900
        time.sleep(0.1)
    begun = time.monotonic()
    in_a_wall(course, code.format("os.setsid(); "))  # out of the group
    assert time.monotonic() < begun + 900


# Judging a text


def test_a_function_from_text_is_judged_like_the_function(course: Course) -> None:
    """Catches parameters, a blank or a line number that get lost on the way."""
    exercise = find("05.3")

    # One process for all texts, as for all exercises of a submission; one that a text leaves unclean is replaced.
    with walled(course) as runner:

        def judged(code: str) -> Any:
            answer = FromText(code, exercise.name, "<answer 05.3>")
            look = stand_in(code, exercise.name, "<answer 05.3>")
            return verdict(
                exercise,
                look,
                hidden_of(course, exercise),
                2.0,
                runner=lambda _, cases: runner(answer, cases),
            )

        assert judged(RIGHT["05.3"]).points == 2.0
        assert "It should take the parameters" in judged("def early_stop_step(steps):\n    return 1").lines[0]
        assert (
            judged(
                "def early_stop_step(steps, losses, patience=3, *, f=None):\n    raise NotImplementedError"
            ).state
            == "blank"
        )
        failing = judged(
            "import math\n\ndef early_stop_step(steps, losses, patience):\n    a = 1\n    return a / 0"
        )
        assert "(line 3 of the function, `return a / 0`)" in " ".join(failing.lines)
        assert "No module named 'nowhere'" in " ".join(judged("import nowhere\n" + RIGHT["05.3"]).lines)
        more = (
            RIGHT["05.3"]
            .replace("patience)", "patience, *, loud=False)")
            .replace("losses, patience", "losses, patience=9")
        )
        assert (
            judged(more).points == 2.0
            and judged(RIGHT["05.3"].replace("patience)", "patience, loud=False)", 1)).points == 2.0
        )
        assert judged("early_stop_step = 5").state == "wrong"
        assert judged("import functools\n@functools.cache\ndef g(): return 1\n" + RIGHT["05.3"]).points == 2.0
        assert (
            judged("import random, torch\nrandom.seed(1)\nX = torch.rand(3)\n" + RIGHT["05.3"]).points == 2.0
        )
        lying = (
            "class Yes:\n    def __eq__(self, other): return True\ndef early_stop_step(s, l, p): return Yes()"
        )
        assert judged(lying).points == 0.0


def test_what_a_definition_draws_changes_no_later_number() -> None:
    """Catches a constant drawn beside the function, after which the function itself draws other numbers than its neighbour's."""
    from lthkit.classroom import running

    code = "import random, torch\ndef f(x):\n    return [torch.rand(1).item(), random.random()]"
    drawn = code.replace("\n", "\nX = torch.rand(3), random.random()\n", 1)
    one, two = (running.read(running.call(FromText(c, "f", "<f>"), (0,))) for c in (code, drawn))
    assert one.value == two.value
