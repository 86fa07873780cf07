"""The wall around a submission, and functions that are judged from their text behind it."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from lthkit.classroom.exercises import Case, find
from lthkit.classroom.grading import course as courses
from lthkit.classroom.grading import run as grading
from lthkit.classroom.grading import wall
from lthkit.classroom.grading.course import Course
from lthkit.classroom.grading.judging import FromText, hidden_of, stand_in, verdict
from lthkit.classroom.grading.workers import Runner, walled
from lthkit.classroom.process import in_worker
from tests import attacks
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
        "FileNotFoundError",
        "CalledProcessError",
    )


TABLE = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (attacks.ROOT / "solutions" / "README.md").read_text(encoding="utf-8").splitlines()
    if re.search(r"\| (open|closed) \|$", line)
]
# Linux, and the version of Landlock that came with it.
LANDLOCK = {"closed": 1, "from 6.2": 3, "from 6.7": 4, "from 6.12": 6, "open": 99}
USERS = ([0, 1000] if os.geteuid() == 0 else [os.geteuid()]) if sys.platform == "linux" else []
# Where both can be tried, root has the part that is root's alone and the whole; behind each other part it is a soak.
AS = {user: ("user", "all") if user == 0 and shutil.which("setpriv") else () for user in USERS}


@functools.cache
def attacked(user: int, names: tuple[str, ...]) -> dict[str, Any]:
    """What came of all attacks as a user, by parts of the wall (those of these names, else all) and lines of the table."""
    environment = {
        **os.environ,
        "LTHKIT_CHECK_SECONDS": "20",
        "SSH_AUTH_SOCK": "x",
        "PYTHONPATH": str(attacks.ROOT),
    }
    environment.pop("LTHKIT_WALL_HERE", None)
    environment.pop("TMPDIR", None)
    try:
        command = attacks.command(user, *names)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    done = subprocess.run(command, env=environment, cwd=attacks.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_the_guides_table_has_a_line_for_each_attack() -> None:
    """Catches a door that is tried and not told, and one that is told and not tried."""
    assert [row[0] for row in TABLE] == list(attacks.ATTACKS)


@pytest.mark.parametrize(
    "user, names", [*AS.items()] + [pytest.param(0, (), marks=pytest.mark.soak)] * (len(AS) > 1)
)
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_what_the_guide_calls_closed_is_closed(row: list[str], user: int, names: tuple[str, ...]) -> None:
    """Catches a cell that promises too much, as root and as an ordinary user; attacks that Python ends are closed too."""
    came = attacked(user, names)
    found = {n: results[row[0]] for n, results in came["attacks"].items() if row[0] in results}
    told = dict(zip(("seccomp", "namespaces", "user"), row[2:], strict=True))
    told |= {f"Landlock {v}": "closed" if v >= LANDLOCK[row[1]] else "open" for v in range(1, 7)}
    told["all"] = "closed" if "closed" in [told[name] for name in came["parts"] if name != "all"] else "open"
    assert {name: found[name] for name in found if told[name] == "closed" and any(found[name])} == {}
    assert not [r for results in found.values() for r in results if str(r).startswith("untried")], found


@pytest.mark.skipif(not USERS, reason="this is not Linux")
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_what_the_guide_calls_open_is_open(row: list[str]) -> None:
    """Catches an attack that proves nothing, since it fails without a wall too, and a cell that promises too little."""
    told = dict(zip(("seccomp", "namespaces", "user"), row[2:], strict=True))
    told |= {f"Landlock {v}": "closed" if v >= LANDLOCK[row[1]] else "open" for v in range(1, 7)}
    found: dict[str, list[Any]] = {}
    for user, names in AS.items():
        for name, results in attacked(user, names)["attacks"].items():
            if row[0] in results:
                found.setdefault(name, []).extend(results[row[0]])
    assert {name for name in found if told.get(name) == "open" and not any(found[name])} == set()


@pytest.mark.parametrize("user", USERS)
def test_honest_work_is_done_behind_each_part_of_the_wall(user: int) -> None:
    """Catches a wall that is too narrow for threads, an optimizer, a file of one's own or an import."""
    for name, results in attacked(user, AS[user])["attacks"].items():
        if name in attacks.ADDED:
            continue
        assert results[attacks.HONESTY] == ["True"] * len(attacks.HONEST), name


@pytest.mark.parametrize("user", USERS)
def test_the_first_line_names_the_parts_that_were_tried(user: int) -> None:
    """Catches a line that promises a part which is not there, or is silent on one that is missing."""
    found = attacked(user, AS[user])
    line, tried = found["line"], found["parts"]
    holds, _, missing = line.partition("; not here: ")
    for name, word in {"seccomp": "seccomp", "namespaces": "namespaces", "user": "another user"}.items():
        assert (word in holds) == (name in tried)
        if name != "user" or user == 0:
            assert (name in missing) == (name not in tried)
    assert line.isascii() and len(line.splitlines()) == 1


def test_a_system_without_parts_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a wall of nothing that is called one."""
    why = dict.fromkeys(("landlock", "seccomp", "namespaces", "user"), "a reason")
    monkeypatch.setenv("LTHKIT_WALL_HERE", json.dumps({"parts": {}, "why": why}))
    if sys.platform == "linux":
        assert ": nothing; not here: landlock (a reason), seccomp (a reason)" in wall.line()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "none on this system (darwin)" in wall.line() and wall.kind() == "python"


@pytest.mark.skipif(not wall.here().namespaces, reason="this system lets nobody make namespaces")
def test_a_part_that_was_found_and_fails_later_lets_nothing_run(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a function that runs behind less than the first line said."""
    real = wall.order

    def elsewhere(own: Path, closed: Any, parts: wall.Parts) -> dict[str, Any]:
        return real(own, closed, parts) | {"own": str(own / "missing")}

    monkeypatch.setattr(wall, "order", elsewhere)
    with walled(course) as runner:
        done = runner(FromText("def f(x):\n    return x", "f", "<f>"), (Case((0,)),))
    assert (done.stopped, done.calls) == ("start", ()) and "mount" in done.detail


@pytest.mark.skipif(sys.platform != "linux", reason="Linux ends it")
def test_a_submission_ends_with_its_grader_even_while_it_holds_python(course: Course, tmp_path: Path) -> None:
    """Catches a process that no thread of its own can end any more, after the grader was killed."""
    code = (
        "from pathlib import Path\nfrom lthkit.classroom.exercises import Case\n"
        "from lthkit.classroom.grading import course as courses, workers\n"
        "from lthkit.classroom.grading.judging import FromText\n"
        "f = FromText('import ctypes\\ndef f(x):\\n    ctypes.pythonapi.sleep(3600)', 'f', '<f>')\n"
        f"with workers.walled(courses.load({str(course.folder)!r})) as runner:\n"
        "    runner(FromText('def f(x):\\n    return x', 'f', '<f>'), (Case((0,)),))\n"
        "    print(flush=True)\n    runner(f, (Case((0,)),))\n"
    )
    grader = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert grader.stdout is not None
    grader.stdout.readline()
    (warm,) = children(grader.pid)
    while not (function := children(warm)):
        time.sleep(0.1)
    time.sleep(1)  # it sleeps by now, most likely; where it does not, the test is easier to pass
    grader.kill()
    grader.wait()
    grader.stdout.close()
    begun = time.monotonic()
    while runs(warm) or any(map(runs, function)):
        assert time.monotonic() < begun + 900
        time.sleep(0.1)


def children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1] == str(
                parent
            ):
                found.append(int(stat.parent.name))
        except OSError:
            continue
    return found


def runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(wall.here().landlock == 0, reason="this system has no Landlock")
def test_what_a_function_leaves_is_not_taken_for_pythons_own(course: Course) -> None:
    """Catches a module in its folder, or among its user's packages, that the next process imports before the wall is up."""
    spy = "open('seen', 'a').write('x')\n"
    leave = (
        "import os, sys\ndef f(x):\n"
        "    for name in ('json', 'ctypes', 'importlib', 'sitecustomize', 'usercustomize', 'torch', 'lthkit'):\n"
        f"        open(name + '.py', 'w').write({spy!r})\n"
        "    site = f'.local/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages'\n"
        "    os.makedirs(site)\n"
        f"    open(site + '/x.pth', 'w').write('import os; ' + {spy!r})\n"
        "    os._exit(3)"
    )
    with walled(course, parts=wall.Parts(landlock=1)) as runner:
        assert runner(FromText(leave, "f", "<f>"), (Case((0,)),)).stopped == "ended"
        assert with_runner(
            runner, "import os\ndef f(x):\n    return ['json.py' in os.listdir('.'), os.path.exists('seen')]"
        ) == [False, False]


def test_a_class_where_every_submission_can_read_is_refused(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a class below a path that Python must read, by its own name and by that of a link, and temporary files there."""
    (tmp_path / "way").symlink_to(course.folder)
    by_link = dataclasses.replace(course, folder=tmp_path / "way")
    for place in (course.folder, course.folder.parent):
        monkeypatch.setenv("LTHKIT_DATA", str(place))
        for one in (course, by_link):
            with pytest.raises(
                ValueError, match="every submission could read the class too. Move the folder"
            ):
                grading.run(one)
            with pytest.raises(ValueError, match="Move the folder of the class"), walled(one):
                pass
    monkeypatch.delenv("LTHKIT_DATA")
    wall.require_outside(by_link.folder)
    with pytest.raises(ValueError, match=re.escape(f"part of {sys.prefix}")):
        wall.require_outside(Path(sys.prefix) / "share" / "class")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: sys.prefix)
    with pytest.raises(ValueError, match="Set TMPDIR"):
        wall.require_outside(course.folder)


@pytest.mark.skipif(not wall.here().reaches_no_process, reason="a function could reach the warm process")
def test_submissions_share_a_warm_process_and_nothing_else(course: Course) -> None:
    """Catches a start of seconds for each submission, and a warm process that one of them can end or change."""
    pids = []
    for code in ("os.kill(os.getppid(), 9)", "os.kill(os.getppid(), 19)", "torch.ones = 5", "os._exit(3)"):
        with walled(course) as runner:
            pids.append(with_runner(runner, "import os\ndef f(x):\n    return os.getppid()"))
            runner(FromText(f"import os, torch\ndef f(x):\n    {code}", "f", "<f>"), (Case((0,)),))
            assert with_runner(runner, "import torch\ndef f(x):\n    return torch.ones(2).tolist()") == [1, 1]
    assert len(set(pids)) == 1
    if not wall.here().seccomp:
        return
    with walled(course, parts=wall.Parts(landlock=1)) as runner:
        one = with_runner(runner, "import os\ndef f(x):\n    return os.getppid()")
    assert one not in pids and not runs(one)


@pytest.mark.skipif(not hasattr(os, "O_PATH"), reason="the modes of folders are Unix's")
def test_a_folder_that_bars_its_owner_is_removed_too(course: Course) -> None:
    """Catches what is left in the folder for temporary files."""
    parts = wall.Parts(landlock=wall.here().landlock)
    with walled(course, parts=parts) as runner:
        own = with_runner(
            runner,
            "import os\ndef f(x):\n    os.makedirs('a/b')\n    os.chmod('a', 0)\n    return os.getcwd()",
        )
    assert not Path(own).exists()


def test_without_the_kernel_python_holds_a_fence(course: Course, tmp_path: Path) -> None:
    """Catches a hook that lets through what it should not, or stops what every program needs."""
    (tmp_path / "own").mkdir()
    code = (
        "import sys, os, json\nfrom pathlib import Path\nfrom lthkit.classroom.grading.wall import fence\n"
        f"course = Path({str(course.folder)!r})\nfence.put_up([course])\nimport statistics, torch\n"
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
    assert not {"USER", "LOGNAME", courses.VARIABLE, wall.FOUND, "SSH_AUTH_SOCK", "VIRTUAL_ENV"} & set(names)
    assert in_a_wall(course, code)[0] != folder


@pytest.mark.skipif(not wall.here().landlock, reason="this system has no Landlock")
def test_what_a_submission_started_ends_with_it(course: Course) -> None:
    """Catches a program that goes on after the submission was graded, and one that holds the grading up.

    Where seccomp is missing: with it nothing can be started.
    """
    code = "import os, time\ndef f(x):\n    child = os.fork()\n    if child == 0:\n        {}time.sleep(3600)\n        os._exit(0)\n    return child"
    with walled(course, parts=wall.Parts(landlock=1)) as runner:
        for leaves in ("", "os.setsid(); ", "os.setsid(); os.fork() and os._exit(0); "):
            assert not runs(with_runner(runner, code.format(leaves)))
            assert [p for p in children(os.getpid()) if children(p)] == []


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
    code = "import random, torch\ndef f(x):\n    return [torch.rand(1).item(), random.random()]"
    drawn = code.replace("\n", "\nX = torch.rand(3), random.random()\n", 1)
    one, two = (in_worker(FromText(c, "f", "<f>"), (Case((0,)),)).calls[0] for c in (code, drawn))
    assert one.value == two.value
