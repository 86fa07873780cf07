"""Attacks and accidents while submissions are graded: one row each, and where the others are tried.

`ANSWERS` are answers to exercise 05.3, `RIGHT["05.3"]` being there as `right`. `ELSEWHERE` names what other tests try, so
that this is the whole list in one place. `class_of` makes a class in which every second student is one of these.
"""

from __future__ import annotations

import io
import json
import textwrap
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.submissions import RIGHT, WRONG, filled

HEAD = "def early_stop_step(steps, losses, patience):\n"
OWN = RIGHT["05.3"].replace("def early_stop_step", "def right")
HONEST = "return right(steps, losses, patience)"


@dataclass(frozen=True)
class Row:
    """What an answer does, beside or before what it returns, and what its student and the instructor read.

    `state` is that of the verdict, which has all points if it is "passed" and none otherwise; `said` a piece of its lines
    and remarks. `needs` is the part of the wall that makes it so. `slow` rows compute until a limit.
    """

    body: str
    said: str = ""
    state: str = "wrong"
    before: str = ""
    needs: str = ""
    slow: bool = False

    @property
    def code(self) -> str:
        return f"{self.before}\n{OWN}\n{HEAD}{textwrap.indent(self.body, '    ')}\n"


FRAME = """\
import json, os
def frame(head, content=b""):
    text = json.dumps(head).encode() + b"\\n" + content
    return len(text).to_bytes(8, "big") + text
def everywhere(content):
    for d in range(256):
        try:
            os.write(d, content)
        except OSError:
            pass
def piece(content):
    return len(content).to_bytes(8, "big") + content
def answer(value, arguments, **other):
    head = dict(raised=None, same=None, shares=False, unsendable="", random=False, tracked=False, printed=0)
    return frame({"what": "call"}, b"".join([piece(json.dumps(head | other).encode()), piece(value), arguments]))
def plain(code, content=b""):
    return piece(json.dumps(code).encode()) + content
def same(steps, losses, patience):
    lists = [["list", [[type(i).__name__, i] for i in x]] for x in (steps, losses)]
    return plain(["tuple", [*lists, ["int", patience]]])
"""
FORGED = "everywhere(answer({value}, same(steps, losses, patience){other}) * 30)\nos._exit(0)"
PIPE = "It wrote into a pipe that is not its own"
TIME, SLEEP = "It did not finish within", "and did nothing"
NO = "PermissionError"
ENDED = "It ended its own process (signal"


def forged(value: str, said: str = "", other: str = "", state: str = "wrong") -> Row:
    return Row(FORGED.format(value=value, other=other), said, state, FRAME)


def raises(before: str, body: str, said: str, state: str = "wrong") -> Row:
    return Row(body, said, state, before)


ANSWERS: dict[str, Row] = {
    # It ends, stops or holds up its process.
    "ends its process": Row("import os; os._exit(3)", "exit code 3", "stopped"),
    "ends it as if all were well": Row("import os; os._exit(0)", "crashed Python", "stopped"),
    "leaves Python": Row("raise SystemExit(0)", "SystemExit"),
    "is interrupted": Row("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "kills itself": Row("import os; os.kill(os.getpid(), 9)", ENDED, "stopped"),
    "crashes": Row("import os; os.kill(os.getpid(), 11)", "crashed Python", "stopped"),
    "writes to a wrong address": Row("import ctypes; ctypes.memset(0, 1, 100)", "crashed Python", "stopped"),
    "stops itself": Row("import os; os.kill(os.getpid(), 19)", SLEEP, "stopped"),
    "sleeps": Row("import time; time.sleep(999)", SLEEP, "stopped"),
    "loops": Row("while True: pass", TIME, "stopped"),
    "loops and hears no signal": Row("import signal\nsignal.pthread_sigmask(0, range(1, 65))\nwhile True: pass", TIME, "stopped", slow=True),
    "loops under another name": Row("import ctypes\nctypes.pythonapi.prctl(15, b'x) S 1 1 1', 0, 0, 0)\nwhile True: pass", TIME, "stopped", slow=True),
    "ends its first thread and goes on": Row("import ctypes, threading\nthreading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()\nctypes.pythonapi.syscall(60, 0)", SLEEP, "stopped", slow=True),
    "rings every millisecond": Row("import signal\nsignal.signal(14, lambda *a: 1 / 0); signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\nwhile True: pass", "", ""),
    "calls itself in C": Row("import sys; sys.setrecursionlimit(10**9)\nf = []\nfor i in range(10**6): f = [f]\nreturn repr(f)", "", ""),
    "is a generator that does not close": Row("try:\n    yield 1\nfinally:\n    while True: pass", "a generator"),
    # Its parent, its group, the grader and the others.
    "kills its parent": Row("import os; os.kill(os.getppid(), 9)", NO, needs="seccomp"),
    "stops its parent": Row("import os; os.kill(os.getppid(), 19)", NO, needs="seccomp"),
    "kills its group": Row("import os; os.killpg(0, 9)", "", "", needs="seccomp"),
    "kills all": Row("import os; os.kill(-1, 9)", NO, needs="seccomp"),
    "takes its parent's memory": Row("import os, resource; resource.prlimit(os.getppid(), resource.RLIMIT_AS, (1, 1))", "", needs="seccomp"),
    "slows its parent": Row("import os; os.setpriority(0, os.getppid(), 19)", NO, needs="seccomp"),
    "moves its parent": Row("import os; os.sched_setaffinity(os.getppid(), {0})", NO, needs="seccomp"),
    "traces its parent": Row("import ctypes, os\nif ctypes.pythonapi.ptrace(16, os.getppid(), 0, 0): raise PermissionError", NO, needs="seccomp"),
    "becomes another program": Row("import os; os.execv('/bin/sleep', ['sleep', '99'])", NO, needs="seccomp"),
    "forks and goes away": Row("import os\nif os.fork() == 0:\n    os.setsid()\n    while True: pass\n" + HONEST, NO, needs="seccomp"),
    "forks without an end": Row("import os\nwhile True: os.fork()", NO, needs="seccomp"),
    "starts threads without an end": Row("import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(99,)).start()", "thread"),
    # What it has: memory, files, descriptors, limits.
    # Memory that nobody writes into counts as well, and takes a busy machine no time.
    "fills memory": Row("import torch\nx = [bytearray(2**28)]\nwhile True: x.append(torch.empty(2**28, dtype=torch.uint8))", "out of memory", "stopped"),
    "fills memory by torch": Row("import torch\nreturn torch.ones(2**34)", "out of memory", "stopped"),
    "maps memory": Row("import mmap\nreturn [mmap.mmap(-1, 2**30) for i in range(99)]", "Cannot allocate memory"),
    "makes a file of a terabyte": Row("open('s', 'wb').truncate(2**40)", "OSError", needs="namespaces"),
    "fills the disk": Row("for i in range(400): open(f'f{i}', 'wb').write(bytes(2**20))", "No space left", needs="namespaces"),
    "makes files without an end": Row("i = 0\nwhile True:\n    open(f'f{i}', 'w').close(); i += 1", "", "", needs="namespaces", slow=True),
    "nests folders": Row("import os\nfor i in range(900):\n    os.mkdir('d'); os.chdir('d')\n" + HONEST, "", ""),
    "leaves links, pipes and closed folders": Row("import os, socket\nos.mkdir('a'); os.symlink('/', 'a/b'); os.mkfifo('a/c'); os.symlink('a', 'd'); os.chmod('a', 0)\nreturn 3"),
    "writes to shared memory": Row("open('/dev/shm/lthkit', 'wb').write(b'x')", "Error", needs="namespaces"),
    "takes all limits away from itself": Row("import resource\nfor k in range(16):\n    try: resource.setrlimit(k, (0, 0))\n    except (ValueError, OSError): pass\n" + HONEST, "", ""),
    "closes all that is open": Row("import os; os.closerange(0, 65536)\n" + HONEST, "", "stopped"),
    "puts another pipe in the place of all": Row("import os\nr, w = os.pipe()\nfor d in range(3, 60): os.dup2(w, d)\n" + HONEST, "", "stopped"),
    "makes its pipe small": Row("import fcntl\nfor d in range(3, 60):\n    try: fcntl.fcntl(d, 1031, 4096)\n    except OSError: pass\nreturn 'x' * 10**6", "", ""),
    # Answers that it has not given.
    "forges an answer of another kind": forged('plain(["array", "<M8[s]", [1], False, 0], bytes(8))'),
    "forges an answer without a type": forged('plain(["array", "V8", [1], True, 0], bytes(8))'),
    "forges a right one to itself": forged('plain(["int", 200])', other=", same=99, printed=10**30"),
    "forges more lines than have a number": forged('plain(["int", 3])', other=", printed=10**4299"),
    "forges a tensor of no size that is": forged('plain(["tensor", "float32", [2**40, 2**20], "meta", 0])'),
    "forges a tensor of a type that is none": forged('plain(["tensor", "_inductor", [1], "meta", 0])', PIPE, state="stopped"),
    "forges an answer with a key that is a list": forged('plain(["dict", [[["list", []], ["int", 1]]]])', PIPE, state="stopped"),
    "forges an exception of other bytes": forged("b''", "\\u202ex\\nab\\x1b[2J", ', unsendable="x", raised=dict(kind="\\u202ex\\nab\\x1b[2J", message="\\ud800", memory=False, frames=[])'),
    "forges that memory was short": forged("b''", "It stopped with x", ', unsendable="x", raised=dict(kind="x", message="", memory=True, frames=[])'),
    "says that it is done": Row("everywhere(frame({'what': 'done', 'key': '', 'code': 0, 'memory': False, 'clean': True}))\n" + HONEST, PIPE, "stopped", FRAME),
    "says that the machine failed": Row("everywhere(frame({'what': 'failed', 'detail': 'x'}))", PIPE, "stopped", FRAME),
    "says that it did not arrive": Row("everywhere(frame({'what': 'unsendable', 'detail': 'x'}))", PIPE, "stopped", FRAME),
    "says nothing": Row("everywhere(frame([1, 2]))", PIPE, "stopped", FRAME),
    "says what is nested without an end": Row("text = b'[' * 200_000 + b'\\n'\neverywhere(len(text).to_bytes(8, 'big') + text)", PIPE, "stopped", FRAME),
    "says that its frame is of 16 exabytes": Row("everywhere(b'\\xff' * 8)", PIPE, "stopped", FRAME),
    "says half of a frame": Row("everywhere((1000).to_bytes(8, 'big') + b'x')\n" + HONEST, PIPE, "stopped", FRAME),
    "says that its time was an import's": Row("while True:\n    everywhere(frame({'what': 'importing', 'name': 'x'}) + frame({'what': 'imported', 'computed': 1e18}))\n    sum(range(3 * 10**6))", TIME, "stopped", FRAME),
    "says that its time is no number": Row("while True:\n    everywhere(frame({'what': 'importing', 'name': 'x'}) + frame({'what': 'imported', 'computed': float('nan')}))\n    sum(range(3 * 10**6))", TIME, "stopped", FRAME),
    "talks without an end": Row("while True: everywhere(frame({'what': 'imported', 'computed': 0}))", "", "stopped", FRAME, slow=True),
    "talks 200 MiB at once": Row("while True: everywhere(frame({'what': 'imported', 'computed': 0}, bytes(200 * 2**20)))", "", "stopped", FRAME, slow=True),
    # What it changes in its own process, which is nobody else's.
    "patches torch": Row("import torch\ntorch.Tensor.__eq__ = torch.Tensor.sum = torch.ones = lambda *a, **k: True\n" + HONEST, "", ""),
    "patches what packs": Row("import lthkit.classroom.values as v\nv.pack = lambda x: b''\nreturn 3", "lthkit.classroom.values", "stopped"),
    "patches what compares": Row("import lthkit.classroom.compare as c\nc.difference = lambda *a, **k: ''\nreturn 3", "lthkit.classroom.compare"),
    "sets torch otherwise": Row("import torch\ntorch.set_default_dtype(torch.float16); torch.set_default_device('meta')\n" + HONEST, state="passed"),
    "takes all modules away": Row("import sys\nsys.meta_path.clear(); sys.path_hooks.clear(); sys.modules.clear()\n" + HONEST, "", ""),
    "hooks whatever it can": Row("import sys, threading, gc, atexit\nsys.excepthook = sys.unraisablehook = threading.excepthook = None\natexit.register(right); gc.callbacks.append(lambda *a: 1 / 0)\nsys.setprofile(lambda *a: None)\n" + HONEST, state="passed"),
    "traces what calls it": Row("import sys\ndef t(f, e, a):\n    f.f_locals.clear()\n    return t\nsys.settrace(t)\nf = sys._getframe()\nwhile f: f.f_trace = t; f = f.f_back\nreturn 3", "_getframe"),
    "leaves a thread that changes what it returned": Row("import threading\nx = [0]\ndef f():\n    while True: x.append(1)\nthreading.Thread(target=f, daemon=True).start()\nreturn x", "", ""),
    "leaves what loops when it is deleted": Row("class D:\n    def __del__(s):\n        while True: pass\nd = D(); d.d = d\ndel d\n" + HONEST, "", ""),
    "changes its arguments": Row("steps.clear(); losses.clear()\nreturn 3", "changes its argument"),
    # What it returns and raises.
    "returns what equals all": raises("class A:\n    def __eq__(s, o): return True\n    __class__ = property(lambda s: int)\n    __hash__ = None\n", "return A()", "An int is expected"),
    "returns a number that equals all": raises("class A(int):\n    def __eq__(s, o): return True\n", "return A(3)", "An int is expected"),
    "returns what ends Python when its name is asked": raises("class M(type):\n    def __getattribute__(s, n): import os; os._exit(0)\nclass A(metaclass=M): pass\n", "return A()", "", "stopped"),
    "returns a list that lies": raises("class L(list):\n    def __len__(s): return 10**9\n    def __iter__(s): raise SystemExit\n", "return L([1])", "cannot be read"),
    "returns a mapping without an end": raises("from collections.abc import Mapping\nclass D(Mapping):\n    def __len__(s): return 1\n    def __iter__(s):\n        while True: yield 1\n    def __getitem__(s, k): return 1\n", "return D()", TIME, "stopped"),
    "returns a mapping in itself": raises("from collections.abc import Mapping\nclass D(Mapping):\n    def __len__(s): return 1\n    def __iter__(s): return iter([1])\n    def __getitem__(s, k): return D()\n", "return D()", "does it contain itself?"),
    "returns a tensor that computes otherwise": raises("import torch\nclass T(torch.Tensor):\n    @classmethod\n    def __torch_function__(cls, f, t, a=(), k=None): return 200\n", "return torch.ones(1).as_subclass(T)", "cannot be read"),
    "returns a terabyte that takes four bytes": Row("import torch\nreturn torch.zeros(1).expand(2**40)", "more than 64 MiB."),
    "returns tensors of rare kinds": Row("import torch\nreturn [torch.eye(3).to_sparse(), torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8), torch.empty(3, device='meta')]", "An int is expected"),
    "returns an array of objects, backwards": Row("import numpy\nreturn numpy.array([object(), object()])[::-1]", "An int is expected"),
    "returns a number beyond every float": Row("return 10**400", "expected 100"),
    "returns a number beyond every text": Row("return 10**5000", "cannot be read"),
    "returns 60 MB of text": Row("return 'x' * (60 * 2**20)", "", "", slow=True),
    "returns half of a character": Row("return '\\ud800\\x1b[2J\\u202e'", "\\ud800\\x1b[2J\\u202e"),
    "raises half of a character": Row("raise ValueError('\\ud800\\x1b[2J\\u202e')", "ValueError: \\ud800\\x1b[2J\\u202e"),
    "raises a class whose name has 3 MB": Row("raise type('C' * 3_000_000, (Exception,), {})('m' * 3_000_000)", "It stopped with CCC"),
    "raises a class whose name has lines": Row("raise type('a\\n# b\\r\\x1b[31m', (Exception,), {})('y')", "a\\n# b\\r\\x1b[31m: y"),
    "raises a class without a name": raises("class M(type):\n    __name__ = property(lambda s: 7)\nclass E(Exception, metaclass=M): pass\n", "raise E()", "", "stopped"),
    "raises what cannot be said": raises("class E(Exception):\n    def __str__(s): raise SystemExit\n    __traceback__ = property(lambda s: 1 / 0)\n", "raise E()", "It stopped with E"),
    "raises a chain of 30,000": Row("e = None\nfor i in range(30_000):\n    n = ValueError(i); n.__cause__ = n.__context__ = e; n.add_note('n' * 99); e = n\nraise e", "ValueError: 29999"),
    "raises groups in groups": Row("e = ValueError(1)\nfor i in range(5000): e = ExceptionGroup('g', [e])\nraise e", "ExceptionGroup: g"),
    "raises a circle": Row("e, f = ValueError(1), ValueError(2)\ne.__context__, f.__context__ = f, e\nraise e", "ValueError: 1"),
    # What is only read of it.
    "is what keeps a compiler busy": Row("".join(" " * i + "try: pass\n" + " " * i + "finally:\n" for i in range(19)) + " " * 19 + "x = 1", "", "", slow=True),
    "reads frames for hidden cases": Row("import sys\nf, seen = sys._getframe(), []\nwhile f:\n    seen.append(repr(f.f_locals)); f = f.f_back\nraise ValueError(' '.join(seen)[-250:])", "_getframe"),
}  # fmt: skip


def right(release: dict[str, Any], **other: str) -> bytes:
    answers = RIGHT | {name[1:].replace("_", "."): text for name, text in other.items()}
    return json.dumps(filled(release, answers)).encode()


def zipped(name: str, content: bytes, *, damaged: bool = False) -> bytes:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, content)
        made = bytearray(file.getvalue())
    if damaged:
        made[60 + len(name)] ^= 0xFF
    return bytes(made)


@dataclass(frozen=True)
class Handed:
    """What one student of a class hands in, the points of the four exercises, and what is told of it."""

    file: str
    content: Callable[[dict[str, Any]], bytes]
    points: tuple[float, ...] | None
    said: str = ""


def answering(points: tuple[float, ...], said: str = "", **other: str) -> Handed:
    return Handed("x.ipynb", lambda release: right(release, **other), points, said)


def honest(number: int) -> Handed:
    """Right and wrong answers, another choice for each number."""
    points = tuple(float(number >> i & 1) for i in range(4))
    wrong = {f"e{e.replace('.', '_')}": WRONG[e] for e, p in zip(RIGHT, points, strict=True) if not p}
    return answering(points, **wrong)


def attacking(name: str) -> str:
    return ANSWERS[name].code


_KILL = """\
def matching_density(densities, ticket, dense):
    import os, signal
    for ask in (lambda: os.kill(os.getppid(), 9), lambda: os.killpg(0, 9), lambda: os.kill(-1, 9)):
        try:
            ask()
        except OSError:
            pass
    return "still here"
"""
_PATCH = """\
def reinitialised_weights(theta_0, mask, seed):
    torch.Tensor.__eq__ = torch.equal = torch.allclose = torch.isclose = lambda *a, **k: True
    return {name: w * 0 for name, w in theta_0.items()}
"""
_LONG = "def matching_density(densities, ticket, dense):\n    raise type('C' * 3_000_000, (Exception,), {})('m' * 3_000_000)\n"
_EXIT = "def reinitialised_weights(theta_0, mask, seed):\n    import os\n    os._exit(3)\n"

# Every second student of a class of twenty, the first three of whom are those of a class of six.
UNLUCKY: dict[str, Handed] = {
    "killer": answering((1.0, 0.0, 1.0, 1.0), "still here", e05_2=_KILL),
    "forger": answering((1.0, 1.0, 0.0, 1.0), PIPE, e05_3=attacking("says that it is done")),
    "mallory": Handed("work.zip", lambda r: zipped("honesta_100_900_x.ipynb", filled_wrong(r)), (0.0,) * 4, "work.zip"),
    "leaver": answering((0.0, 1.0, 1.0, 1.0), "exit code 3", e05_1=_EXIT),
    "patcher": answering((0.0, 0.0, 1.0, 1.0), "CCCCCC", e05_1=_PATCH, e05_2=_LONG),
    "filler": answering((1.0, 1.0, 0.0, 1.0), "out of memory", e05_3=attacking("fills memory")),
    "forker": answering((1.0, 1.0, 0.0, 1.0), NO, e05_3=attacking("forks and goes away")),
    "damaged": Handed("work.zip", lambda r: zipped("x.ipynb", right(r), damaged=True), None, "cannot be unpacked"),
    "deep": Handed("x.ipynb", lambda r: b'{"cells": ' + b"[" * 100_000, None, "damaged"),
    "reader": answering((1.0, 1.0, 0.0, 1.0), "_getframe", e05_3=attacking("reads frames for hidden cases")),
}  # fmt: skip


def filled_wrong(release: dict[str, Any]) -> bytes:
    return json.dumps(filled(release, WRONG)).encode()


def class_of(number: int) -> dict[str, Handed]:
    """Students by name, every second one unlucky or hostile."""
    names = (f"honest{letter}" for letter in "abcdefghij")
    pairs = zip(names, UNLUCKY.items(), strict=True)
    found: dict[str, Handed] = {}
    for i, (name, (other, handed)) in enumerate(pairs):
        found |= {name: honest(15 - i), other: handed}
    return dict(list(found.items())[:number])


# What other tests try: the attack or accident, and the test.
ELSEWHERE: dict[str, str] = {
    "a student's zip with a file named after another": "tests/classroom/test_grading_accidents.py::test_an_archive_is_its_uploaders_and_ends_nothing",
    "a flat zip with another student's folder": "tests/classroom/test_grading_accidents.py::test_only_the_instructors_files_name_students",
    "two files for one exercise": "tests/classroom/test_grading_accidents.py::test_two_sources_are_told",
    "damaged entries, bombs, nests, locks, wrong sums, impossible dates in a zip": "tests/classroom/test_grading_accidents.py::test_a_class_of_such_archives_is_collected",
    "a bomb in many files": "tests/classroom/test_grading_accidents.py::test_the_files_of_one_archive_are_bounded_together",
    "260 elif, 340 plus, worksheets of numbers, thousands of digits, half characters": "tests/classroom/test_grading_accidents.py::test_no_notebook_ends_the_collection",
    "a folder in latin-1, pipes, sockets, circles of links, barred files": "tests/classroom/test_grading_accidents.py::test_what_lies_on_the_disk_ends_nothing",
    "a record or a result that is damaged at the report": "tests/classroom/test_grading_accidents.py::test_no_file_of_the_class_ends_the_report",
    "a timestamp.txt of the student's own": "tests/classroom/test_grading_accidents.py::test_only_the_platforms_time_counts",
    "dates in a student's zip": "tests/classroom/test_grading_accidents.py::test_dates_in_a_students_archive_say_nothing",
    "a late zip in Canvas": "tests/classroom/test_grading_accidents.py::test_an_archive_is_its_uploaders_and_ends_nothing",
    "20,000 statements": "tests/classroom/test_grading_accidents.py::test_many_statements_are_looked_at_once",
    "files, sockets, UDP, chmod, signals, limits, /proc, keys, mounts, io_uring outside": "tests/classroom/test_grading_wall.py::test_what_the_guide_calls_closed_is_closed",
    "the class below a path that Python reads": "tests/classroom/test_grading_wall.py::test_a_class_where_every_submission_can_read_is_refused",
    "a part of the wall that fails later": "tests/classroom/test_grading_wall.py::test_a_part_that_was_found_and_fails_later_lets_nothing_run",
    "a program that goes on": "tests/classroom/test_grading_wall.py::test_what_a_submission_started_ends_with_it",
    "a system without a wall": "tests/classroom/test_grading_wall.py::test_a_system_without_parts_says_so",
    "hidden cases raised onto a page": "tests/classroom/test_grading_hidden.py::test_the_pages_show_nothing_of_hidden_cases",
    "a patch in one exercise for another": "tests/classroom/test_grading_hidden.py::test_a_patch_made_in_one_exercise_does_not_pass_another",
    "a seed that can be tried out": "tests/classroom/test_grading_hidden.py::test_a_new_class_has_a_seed_of_128_bits_that_is_kept_to_the_digit",
    "use of nothing, find, imports of the reference": "tests/classroom/test_grading_hidden.py::test_a_way_to_the_reference_is_to_be_looked_at",
    "a frame that claims 3 GB": "tests/classroom/test_bounds.py::test_a_frame_that_claims_too_much_is_not_read",
    "long names of frames and exceptions": "tests/classroom/test_bounds.py::test_what_a_hostile_worker_writes_is_cut_on_this_side_too",
    "control characters on the terminal": "tests/classroom/test_bounds.py::test_control_characters_are_shown",
    "a patched class of torch, numpy or lthkit in check": "tests/classroom/test_worker.py::test_what_a_function_changed_reaches_no_other",
    "a removed folder in check": "tests/classroom/test_worker.py::test_a_notebook_whose_folder_was_removed_is_told_so",
    "a kill from inside, and a lack of memory": "tests/classroom/test_worker.py::test_a_kill_from_inside_is_told_apart_from_a_lack_of_memory",
    "config.json deleted, another seed": "tests/storage/test_owners.py::test_a_lost_configuration_gives_nobody_the_numbers_of_another_seed",
    "a damaged config.json": "tests/storage/test_owners.py::test_a_damaged_configuration_is_written_again_by_its_own_run_alone",
    "a run folder deleted while it runs": "tests/storage/test_owners.py::test_a_folder_that_goes_while_a_run_works_leaves_no_mixture",
    "a foreign file in a run folder": "tests/storage/test_owners.py::test_a_file_of_another_run_is_named",
    "a run in a run": "tests/storage/test_owners.py::test_a_run_inside_of_a_run_keeps_its_own_mark",
    "a finished run on a read-only place": "tests/storage/test_owners.py::test_a_finished_run_on_a_read_only_place_is_read",
    "another version goes on with a run": "tests/storage/test_owners.py::test_another_version_is_told_once_and_recorded",
    "no alembic on PATH": "tests/classroom/test_grading_end_to_end.py::test_staging_works_without_the_environments_programs_on_the_path",
    "a half-made database": "tests/classroom/test_grading_end_to_end.py::test_a_half_made_database_is_not_taken_for_whole",
    "names that are formulas": "tests/classroom/test_grading_lists.py::test_names_that_look_like_a_sum_or_a_number_stay",
}  # fmt: skip
