"""Attacks on the wall around a submission, one list for each line of the guide's table, and a program that tries them.

`python -m tests.attacks` tries all of them behind each part of the wall alone and behind the whole of it, as the user who
calls it, and prints what came of it.

An attack is the body of a function. What it returns says that a door is open; nothing, or an exception, says that it is
closed. `here` is what lies outside: a folder that everybody may read and write, a process, and sockets.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

from lthkit.classroom.exercises import Case
from lthkit.classroom.grading import wall
from lthkit.classroom.grading.course import Course
from lthkit.classroom.grading.judging import FromText
from lthkit.classroom.grading.workers import Runner, walled

ROOT = Path(__file__).resolve().parents[1]

# A library that is open already: opening one is refused by the fence, where that is all there is.
C = "import ctypes; libc = ctypes.pythonapi; "
# A system call by its number on x86-64 and, above 423, everywhere.
CALL = C + "call = lambda *a: libc.syscall(*(ctypes.c_long(x) if isinstance(x, int) else x for x in a)) + 1; "
IN_CHILD = "p = os.fork()\nif p == 0:\n    {}\n    os._exit(0)\nreturn os.waitpid(p, 0)[1] == 0"

ATTACKS: dict[str, list[str]] = {
    "read a file of the class, of your home folder or of another submission": [
        "return open(here['folder'] + '/class/course.json').read()",
        "return os.listdir(here['folder'] + '/class')",
        "os.symlink(here['folder'], 'way'); return open('way/class/course.json').read()",
        "return subprocess.run(['cat', here['folder'] + '/class/course.json'], capture_output=True, check=True).stdout",
        "return open(f\"/proc/{here['victim']}/cwd/class/course.json\").read()",
        "return open('/proc/self/root' + here['folder'] + '/class/course.json').read()",
        "os.link(here['folder'] + '/class/course.json', 'mine'); return open('mine').read()",
        C
        + "d = libc.open(here['folder'].encode() + b'/class/course.json', 0); return d >= 0 and os.read(d, 9)",
        "import numpy; return numpy.fromfile(here['folder'] + '/class/course.json', dtype='uint8').tolist()",
        "import torch; return torch.UntypedStorage.from_file(here['folder'] + '/class/course.json', False, 4).tolist()",
        "import threading; found = []\n"
        "t = threading.Thread(target=lambda: found.append(open(here['folder'] + '/class/course.json').read()))\n"
        "t.start(); t.join(); return found",
        "return open(here['others'] + '/answer').read()",
        "return open('/etc/shadow').read()",
    ],
    "write, make, rename or delete a file there": [
        "open(here['folder'] + '/written', 'w').write('x'); return True",
        "os.mkdir(here['folder'] + '/made'); return True",
        "os.rename(here['folder'] + '/renamed-from', here['folder'] + '/renamed-to'); return True",
        "os.remove(here['folder'] + '/deleted'); return True",
        "os.symlink('x', here['folder'] + '/link'); return True",
        "os.mkfifo(here['folder'] + '/pipe'); return True",
    ],
    "empty a file there that may be written (truncate)": [
        "os.truncate(here['folder'] + '/emptied', 0); return True"
    ],
    "ask whether a file is there, how large and how old it is": [
        "return os.stat(here['folder'] + '/class/course.json').st_mtime",
        "return os.path.exists(f\"/proc/{here['victim']}\")",
        "return os.access(here['folder'] + '/class', os.F_OK)",
    ],
    "change its mode, owner, times or attributes": [
        "os.chmod(here['folder'] + '/moded', 0o640); return True",
        "os.utime(here['folder'] + '/moded', (1, 1)); return True",
        "os.chown(here['folder'] + '/moded', os.getuid(), os.getgid()); return True",
        "os.setxattr(here['folder'] + '/moded', 'user.x', b'x'); return True",
        CALL + "return call(452, -100, here['folder'].encode() + b'/moded', 0o640, 0)",  # fchmodat2
    ],
    "connect by TCP": [
        "socket.create_connection(('127.0.0.1', here['tcp']), 5); return True",
    ],
    "send by UDP": [
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('127.0.0.1', here['udp'])); return True",
    ],
    "connect to a program's socket that has a path (a container's, a desktop's)": [
        "s = socket.socket(socket.AF_UNIX); s.connect(here['folder'] + '/socket'); return True",
        "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM); a.sendto(b'x', here['folder'] + '/letters'); return True",
    ],
    "connect to one that has none (an abstract socket)": [
        "s = socket.socket(socket.AF_UNIX); s.connect('\\0' + here['abstract']); return True",
    ],
    "send a signal to another process": [
        "os.kill(here['victim'], signal.SIGUSR1)",
        "os.kill(here['parent'], 0); return True",
        C + "libc.syscall(424, libc.syscall(434, here['victim'], 0), 10, None, 0)",  # by pidfd
        C + "libc.syscall(234, here['victim'], here['victim'], 10)",  # tgkill
        # The owner of a pipe gets a signal of our choice when something is written.
        "import fcntl; r, w = os.pipe(); fcntl.fcntl(r, 8, here['victim']); fcntl.fcntl(r, 10, 10)\n"
        "fcntl.fcntl(r, 4, 0o20000); os.write(w, b'x'); time.sleep(0.1)",
    ],
    "change the limits of another process": [
        "import resource; resource.prlimit(here['victim'], resource.RLIMIT_CORE, (0, 0)); return True",
        "import resource; resource.prlimit(here['parent'], resource.RLIMIT_CORE, resource.prlimit(here['parent'], resource.RLIMIT_CORE)); return True",
    ],
    "change its priority, its scheduling or its processors": [
        "os.setpriority(os.PRIO_PROCESS, here['victim'], 19); return True",
        "os.sched_setaffinity(here['victim'], {0}); return True",
        "os.sched_setscheduler(here['victim'], os.SCHED_BATCH, os.sched_param(0)); return True",
        CALL + "return call(251, 1, here['victim'], 3 << 13)",  # ioprio_set
    ],
    "read its memory or take its open files by a system call": [
        C + "return libc.ptrace(16, here['victim'], None, None) == 0",
        C + "b = ctypes.create_string_buffer(8); v = (ctypes.c_uint64 * 2)(ctypes.addressof(b), 8)\n"
        "r = (ctypes.c_uint64 * 2)(here['address'], 8); return libc.process_vm_readv(here['victim'], v, 1, r, 1, 0) == 8",
        C + "return libc.syscall(438, libc.syscall(434, here['victim'], 0), 0, 0) >= 0",  # pidfd_getfd
    ],
    "read its settings, folder and memory in /proc": [
        "return os.pread(os.open(f\"/proc/{here['victim']}/mem\", os.O_RDONLY), 8, here['address'])",
        "return open(f\"/proc/{here['victim']}/environ\").read()",
        "return open(f\"/proc/{here['parent']}/environ\").read()",
        "return open(f\"/proc/{here['victim']}/cmdline\").read()",
        "return os.readlink(f\"/proc/{here['victim']}/cwd\")",
    ],
    "start a program or another process": [
        IN_CHILD.format("pass"),
        "return subprocess.run(['true']).returncode == 0",
        "return os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)[1] == 0",
        CALL + "a = (ctypes.c_uint64 * 11)(); a[4] = 17; p = call(435, ctypes.byref(a), 88) - 1\n"
        "if p == 0:\n    os._exit(0)\nreturn p > 0 and os.waitpid(p, 0)[1] == 0",  # clone3
        "d = os.memfd_create('x'); os.write(d, open('/bin/true', 'rb').read())\n"
        + IN_CHILD.format("os.execve(d, ['true'], {})"),
    ],
    "go on after it was graded": [
        "p = os.fork()\nif p == 0:\n    os.setsid(); time.sleep(300); os._exit(0)\nreturn p",
    ],
    "take memory beyond the limit, in files that have no name": [
        "return os.memfd_create('x') >= 0",
        CALL + "return call(29, 0, 1 << 20, 0o1600)",  # shmget
        "d = os.open('.', os.O_TMPFILE | os.O_RDWR)\nfor i in range(300): os.write(d, bytes(2**20))\n"
        "return os.fstat(d).st_size > 270 * 2**20",
    ],
    "fill the disk": [
        "for i in range(300): open(f'f{i}', 'wb').write(bytes(2**20))\nreturn True",
    ],
    "use what only administrators of a system need (mounts, namespaces, keys, BPF, io_uring)": [
        CALL + "return call(272, 0x10000000)",  # unshare
        CALL + "return call(250, 0, -3, 1)",  # keyctl
        CALL + "return call(248, b'user', b'x', b'y', 1, -3)",  # add_key
        CALL + "return call(425, 1, ctypes.create_string_buffer(256))",  # io_uring_setup
        CALL + "return call(323, 1)",  # userfaultfd
        CALL
        + "b = ctypes.create_string_buffer(128); b[4] = 128; return call(298, b, 0, -1, -1, 0)",  # perf_event_open
    ],
    "be root, or gain a right by a program": [
        "t = open('/proc/self/status').read()\nreturn 'NoNewPrivs:\\t1' not in t or 'CapEff:\\t0000000000000000' not in t",
        "os.setuid(0); return os.geteuid() == 0 and here['uid'] != 0",
    ],
    "lift its limits on memory, file sizes and open files": [
        "import resource as r; r.setrlimit(r.RLIMIT_AS, (-1, -1)); return True",
        "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (-1, -1)); return True",
        "import resource as r; r.setrlimit(r.RLIMIT_CORE, (-1, -1)); return True",
        "return len(bytearray(3 * 2**30))",
        "f = open('large', 'wb')\nfor i in range(270): f.write(bytes(2**20))\nf.flush(); return True",
        "ends = [os.pipe() for i in range(600)]; return len(ends)",
    ],
    "find the wall's settings, the class's place or your environment in its own": [
        "return '/class' in open('/proc/self/environ').read()",
        f"return {wall.FOUND!r} in open('/proc/self/environ').read()",
        f"return {wall.FOUND!r} in os.environ",
        "return 'class' in open('/proc/self/cmdline').read().replace('lthkit/classroom', '').replace('lthkit.classroom', '')",
        "return sorted({'USER', 'SSH_AUTH_SOCK', 'SECRET', 'LTHKIT_WALL_HERE'} & set(os.environ))",
    ],
    "find an open file, folder or socket of yours": [
        "import stat\nfor d in range(512):\n    try:\n        m = os.fstat(d).st_mode\n    except OSError:\n        continue\n"
        "    if stat.S_ISREG(m) or stat.S_ISDIR(m) or stat.S_ISSOCK(m):\n        return d",
    ],
    "read Python and what is installed, and lock these files": [
        "return open(os.__file__).read(10)",
        "import fcntl, torch; fcntl.flock(os.open(torch.__file__, os.O_RDONLY), fcntl.LOCK_SH); return True",
    ],
}

HONESTY = "do honest work"

# What honest functions do, and the wall must let them.
HONEST = [
    "import torch\ntorch.set_num_threads(2)\ntry:\n    return (torch.ones(600, 600) @ torch.ones(600, 600)).sum().item() == 600**3\n"
    "finally:\n    torch.set_num_threads(1)",
    "import torch\np = torch.nn.Parameter(torch.ones(2))\no = torch.optim.Adam([p])\np.sum().backward()\no.step()\nreturn p.sum().item() < 2",
    "import torch; torch.save(torch.ones(3), 't.pt'); return torch.load('t.pt').sum().item() == 3",
    "import tempfile\nwith tempfile.TemporaryFile() as f:\n    return f.write(b'x') == 1",
    "from concurrent.futures import ThreadPoolExecutor as T\nwith T(8) as t:\n    return sum(t.map(abs, range(50))) == 1225",
    "import numpy as n; return float(n.linalg.norm(n.linalg.svd(n.eye(40))[1])) > 6",
    "import statistics, decimal, logging, zoneinfo, torchvision; return str(zoneinfo.ZoneInfo('UTC')) == 'UTC'",
    "import ctypes; return ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 3)() == 3",
    "import asyncio\nasync def g(): return 3\nreturn asyncio.run(g()) == 3",
    "return time.sleep(0.01) is None and os.path.expanduser('~') == os.getcwd()",
]

HEAD = "import os, signal, socket, subprocess, time\n"


def combinations(root: bool) -> dict[str, wall.Parts]:
    """The parts to try, each alone and all together, as far as this system has them."""
    found, tried = wall.here(), {}
    if found.landlock:
        tried = {
            f"Landlock {v}": wall.Parts(landlock=v) for v in range(1, found.landlock + 1) if v in (1, 3, 4, 6)
        }
    for name in ("seccomp", "namespaces", *(["user"] if root else [])):
        if getattr(found, name):
            tried[name] = wall.Parts(**{name: True})
    return {**tried, "all": found}


@contextmanager
def outside() -> Iterator[dict[str, Any]]:
    """What lies outside of the wall: files, a process and sockets that anybody may use."""
    with tempfile.TemporaryDirectory(prefix="lthkit-outside-") as folder:
        os.chmod(folder, 0o777)
        place = Path(folder)
        (place / "class").mkdir()
        (place / "class" / "course.json").write_text('{"seed": 1}', encoding="utf-8")
        (place / "others").mkdir()
        (place / "others" / "answer").write_text("x", encoding="utf-8")
        _new_files(place)
        code = (
            "import ctypes, signal, sys\nsignal.signal(signal.SIGUSR1, lambda *a: open('signalled', 'w'))\n"
            "b = ctypes.create_string_buffer(b'secret!!')\n"
            "print(ctypes.addressof(b), flush=True)\nsys.stdin.read()"
        )
        victim = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
            env={"SECRET": "x"},
        )
        assert victim.stdout is not None and victim.stdin is not None
        address = int(victim.stdout.readline())
        tcp, udp = socket.create_server(("127.0.0.1", 0)), socket.socket(type=socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        path, letters, abstract = (socket.socket(socket.AF_UNIX, kind) for kind in (1, 2, 1))
        name = f"lthkit-{os.getpid()}"
        for one, where in (
            (path, folder + "/socket"),
            (letters, folder + "/letters"),
            (abstract, "\0" + name),
        ):
            one.bind(where)
            if one is not letters:
                one.listen(64)
        for made in ("socket", "letters"):
            os.chmod(place / made, 0o777)
        try:
            yield {
                "folder": folder,
                "others": str(place / "others"),
                "victim": victim.pid,
                "address": address,
                "parent": os.getpid(),
                "uid": os.getuid(),
                "tcp": tcp.getsockname()[1],
                "udp": udp.getsockname()[1],
                "abstract": name,
            }
        finally:
            for one in (tcp, udp, path, letters, abstract):
                one.close()
            victim.stdin.close()
            victim.wait()
            victim.stdout.close()


def _new_files(place: Path) -> None:
    """What attacks may have taken away is there again, what they may have made is not."""
    for name in ("written", "renamed-to", "link", "pipe"):
        (place / name).unlink(missing_ok=True)
    if (place / "made").exists():
        (place / "made").rmdir()
    for name in ("renamed-from", "deleted", "emptied", "moded"):
        (place / name).write_text("x", encoding="utf-8")
        (place / name).chmod(0o666 if name == "emptied" else 0o644)


def attempt(runner: Runner, code: str, here: dict[str, Any]) -> Any:
    """What an attack returns; None if it is closed, and why it could not be tried as "untried: ..."."""
    body = "\n".join("    " + line for line in code.split("\n"))
    signalled = Path(here["folder"], "signalled")
    function = FromText(f"{HEAD}here = {here!r}\ndef f(x):\n{body}\n", "f", "<f>")
    done = runner(function, (Case((0,)),))
    if "SIGUSR1" in code or ", 10" in code:
        time.sleep(0.2)
    if signalled.exists():
        signalled.unlink()
        return "signalled"
    if not done.calls:
        return (
            None
            if done.stopped in ("ended", "memory", "time", "asleep")
            else f"untried: {done.stopped} {done.detail}"
        )
    call = done.calls[0]
    return None if call.raised or not call.value else str(call.value)[:80]


# What versions of Landlock between the first and the last one that is known add, and nothing else, is tried with them.
ADDED = {
    "Landlock 3": "empty a file there that may be written (truncate)",
    "Landlock 4": "connect by TCP",
}


def tried(here: dict[str, Any], name: str, parts: wall.Parts) -> dict[str, list[Any]]:
    """What came of the attacks behind these parts."""
    course = Course(Path(here["folder"], "class"), "x", 1, 3)
    found: dict[str, list[Any]] = {}
    if row := ADDED.get(name):
        with walled(course, parts=parts) as runner:
            _new_files(Path(here["folder"]))
            return {row: [attempt(runner, code, here) for code in ATTACKS[row]]}
    with walled(course, parts=parts) as runner:
        for row, attacks in ATTACKS.items():
            _new_files(Path(here["folder"]))
            found[row] = [attempt(runner, code, here) for code in attacks]
            if row == "go on after it was graded":
                left = found[row][0]
        found[HONESTY] = [attempt(runner, code, here) for code in HONEST]
    if left and not left.startswith("untried"):
        stopped = not _runs(int(left))
        if not stopped:
            os.kill(int(left), 9)
        found["go on after it was graded"] = [None if stopped else left]
    return found


def _runs(pid: int) -> bool:
    time.sleep(0.2)
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command(user: int, *names: str) -> list[str]:
    """What tries the attacks as a user, behind the combinations of these names or, without names, behind all of them.

    Called as root it also makes way to a Python that lies in root's home.

    Raises:
        FileNotFoundError: root cannot become another user, for want of util-linux.
    """
    own = [sys.executable, "-m", "tests.attacks", *names]
    if os.geteuid() != 0:
        return own
    steps, barred = ["mount --make-rprivate /"], {}
    for path in (sys.base_prefix, sys.prefix, str(ROOT)):
        parents = reversed(Path(path).resolve().parents)
        if closed := next((p for p in parents if not p.stat().st_mode & 1), None):
            barred[path] = str(closed)
    holds = {path: tempfile.mkdtemp(prefix="lthkit-hold-") for path in barred}
    steps += [f"mount --bind {quote(path)} {quote(hold)}" for path, hold in holds.items()]
    steps += [f"mount -t tmpfs -o mode=755 tmpfs {quote(place)}" for place in set(barred.values())]
    for path, hold in holds.items():
        steps.append(
            f"mkdir -p {quote(path)} && mount --move {quote(hold)} {quote(path)} && rmdir {quote(hold)}"
        )
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    if missing := [name for name in ("unshare", "mount", *become[:1]) if not shutil.which(name)]:
        raise FileNotFoundError(f"there is no {', '.join(missing)}")
    steps.append("exec " + shlex.join([*become, *own]))
    return ["unshare", "--mount", "sh", "-c", " && ".join(steps)]


def main(names: list[str]) -> None:
    every = combinations(os.geteuid() == 0)
    with outside() as here:
        found = {n: tried(here, n, parts) for n, parts in every.items() if not names or n in names}
    print(json.dumps({"attacks": found, "parts": list(every), "line": wall.line()}))


if __name__ == "__main__":
    main(sys.argv[1:])
