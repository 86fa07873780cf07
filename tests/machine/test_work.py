"""Long work: the bar in a real kernel and a real terminal, and what an interrupt says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

import lthkit as lth
from lthkit.machine import bars, work
from lthkit.machine.work import Interrupted, Stopped, Work, waiting
from lthkit.storage.snapshots import Snapshots
from lthkit.training.pool import Pool, each
from tests.kernels import patient

AT_ONCE = "from lthkit.machine import work\nwork.SOON = work.LATER = work.LONG = work.EVERY = 0.0\n"
SETUP = AT_ONCE + "import lthkit as lth\ndata = lth.load_data()\nnet = lth.models.lenet_300_100"
TRAINS = "lth.train(net(seed=0), data, steps=60); lth.train(net(seed=1), data, steps=60); print('done')"


class Kernel:
    """A kernel, and its messages to one cell at a time."""

    def __init__(self, folder: Path) -> None:
        self.manager, self.client = patient(start_new_kernel)(
            cwd=str(folder), env={**os.environ, "LTHKIT_RUNS": str(folder)}
        )

    def run(self, code: str, *, interrupt_at: str = "", times: int = 1) -> list[tuple[str, dict[str, Any]]]:
        """All that a cell sent; it is interrupted once the text is in a message, which is waited for a minute."""
        asked, got = self.client.execute(code, allow_stdin=True), []
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=100)
            except Empty:
                pytest.fail("the kernel is silent")
            if message["parent_header"].get("msg_id") != asked:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return got
            got.append((kind, content))
            if interrupt_at and interrupt_at in str(content) and kind != "execute_input":
                interrupt_at = ""
                for _ in range(times):
                    self.manager.interrupt_kernel()


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    one = Kernel(tmp_path_factory.mktemp("kernel"))
    one.run(SETUP)
    yield one
    one.client.stop_channels()
    one.manager.shutdown_kernel(now=True)


def kinds(got: list[tuple[str, dict[str, Any]]], kind: str) -> list[dict[str, Any]]:
    return [content for name, content in got if name == kind]


def test_a_bar_comes_and_nothing_of_it_stays(kernel):
    """Catches: a bar on stderr, one for each training, a widget that is left open and so saved, an output that stays."""
    got = kernel.run(TRAINS)
    (shown,) = kinds(got, "display_data")
    assert (
        "step" in shown["data"]["text/plain"] and "application/vnd.jupyter.widget-view+json" in shown["data"]
    )
    assert [c["data"] for c in kinds(got, "update_display_data")] == [{}]
    opened, closed = kinds(got, "comm_open"), kinds(got, "comm_close")
    assert opened and {c["comm_id"] for c in opened} == {c["comm_id"] for c in closed}
    assert {c["name"] for c in kinds(got, "stream")} == {"stdout"}


def test_a_bar_without_ipywidgets_is_text(kernel):
    """Catches: no bar, or an error, where ipywidgets is missing."""
    kernel.run("import sys, tqdm.notebook as n; had = n.IProgress; n.IProgress = None")
    got = kernel.run(TRAINS)
    kernel.run("n.IProgress = had")
    assert re.search(r"%\s+\[#* *\] ", kinds(got, "display_data")[0]["data"]["text/plain"])
    assert kinds(got, "update_display_data")[-1]["data"] == {} and not kinds(got, "comm_open")


def test_nothing_is_drawn_where_no_person_runs_the_cell():
    """Catches: a bar, a widget or a line on stderr in stored outputs; nbgrader takes all points for stderr."""
    cells = [nbformat.v4.new_code_cell(text) for text in (SETUP, TRAINS)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    assert [(o.output_type, o.get("name"), o.get("text")) for o in notebook.cells[1].outputs] == [
        ("stream", "stdout", "done\n")
    ]
    assert not notebook.cells[0].outputs and "widgets" not in notebook.metadata


def test_an_interrupt_is_one_line_and_what_it_says_is_so(kernel):
    """Catches: fifty lines through threads; steps named that are not there; a cell that begins again."""
    cell = "[r.round for r in lth.imp(net, data, rounds=3, steps=3000, folder='one')]"
    (error,) = kinds(kernel.run(cell, interrupt_at="round 0 of 3"), "error")
    (line,) = error["traceback"]
    assert error["ename"] == "Interrupted" and max(map(len, line.split("\n"))) <= work.COLUMNS
    line = " ".join(line.split())
    said = re.search(
        r"the first (\d+) steps of round 0 are saved, in one\. Run this cell again to go on", line
    )
    found = kernel.run(
        "from lthkit.storage.snapshots import Snapshots; from pathlib import Path\n"
        "print(Snapshots(Path('one/training-00')).steps())"
    )
    assert said and said[1] in kinds(found, "stream")[0]["text"]
    (error,) = kinds(kernel.run("lth.train(net(seed=0), data, steps=9000)", interrupt_at="step"), "error")
    assert " ".join(error["traceback"][0].split()) == (
        "Stopped. This call has saved nothing: run this cell again to start anew."
    )


@pytest.mark.parametrize("folder", [None, "kept"])
def test_a_cell_that_is_run_again_after_an_interrupt_ends_as_if_it_had_not_been_stopped(kernel, folder):
    """Catches a second training that goes on from the half-trained weights of the first, and with `folder` a new one."""
    cell = f"[p.validation_loss for p in lth.train(model, data, steps=600, folder={folder!r}).history]"
    kernel.run("model = net(seed=3)")
    assert kinds(kernel.run(cell, interrupt_at="step"), "error")
    (again,) = kinds(kernel.run(cell), "execute_result")
    kernel.run("model = net(seed=3)")
    (whole,) = kinds(kernel.run(cell.replace("kept", "whole")), "execute_result")
    assert again["data"]["text/plain"] == whole["data"]["text/plain"]
    if folder:
        assert (
            kinds(kernel.run("import os; print(*sorted(os.listdir('.')))"), "stream")[0]["text"].count("kept")
            == 1
        )


def test_an_interrupt_in_the_middle_of_anything_is_a_sentence_too(kernel):
    kernel.run("from lthkit.classroom import ready; ready()")
    code = (
        "import time\ndef rest():\n    print('begun', flush=True)\n    time.sleep(60)\nrest()\nprint('never')"
    )
    got = kernel.run(code, interrupt_at="begun")
    (error,) = kinds(got, "error")
    assert error["ename"] == "KeyboardInterrupt" and not kinds(got, "stream")[1:]
    assert (
        " ".join(error["traceback"][0].split())
        == "Stopped in line 5 of this cell. Run this cell again before you go on."
    )


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_of_threads_is_one_line_too(kernel, times):
    cell = "lth.training.each(lambda seed: lth.train(net(seed=seed), data, steps=9000), [(0,), (1,), (2,)])"
    (error,) = kinds(kernel.run(cell, interrupt_at="0 of 3 done", times=times), "error")
    assert error["ename"] == "Interrupted" and len(error["traceback"]) == 1
    assert "has saved nothing" in " ".join(error["traceback"][0].split())


SCRIPT = (
    AT_ONCE + "import sys, time\nfor i in work.waiting(range(30), lambda i: f'seed {i}, ' + 'word ' * 30):\n"
    "    w = work.current()\n    for _ in range(4): w.count()\n    print('line', i)\n"
)


@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals there")
def test_lines_and_the_bar_share_a_terminal(tmp_path):
    """Catches: a bar wider than 80 columns or with no room left, lines broken by it, and a rest of it in the end."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    child = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=theirs, stderr=theirs, cwd=tmp_path)
    os.close(theirs)
    parts = []
    while True:
        try:
            if not (part := os.read(ours, 4096)):
                break
        except OSError:  # how Linux says that the other end is closed
            break
        parts.append(part)
    os.close(ours)
    assert child.wait() == 0
    text = b"".join(parts).decode()
    frames = [frame for frame in re.split(r"[\r\n]", text) if "|" in frame]
    assert frames and max(map(len, frames)) < 80
    assert all(re.match(r" *\d+%\|[# ]{14,}\| ", frame) for frame in frames)
    assert [line for line in on_screen(text) if line] == [f"line {i}" for i in range(30)]


def on_screen(text: str) -> list[str]:
    """What stands on a terminal in the end, which knows \\r and \\n."""
    lines, row, at = [], list[str](), 0
    for char in text.replace("\r\n", "\n"):
        if char == "\n":
            lines.append("".join(row).rstrip())
            row, at = [], 0
        elif char == "\r":
            at = 0
        else:
            row[at : at + 1] = [char]
            at += 1
    return [*lines, "".join(row).rstrip()]


def test_fractions_add_up():
    """Catches: updates counted twice or lost between a work, its parts, and those that pause."""
    with Work(total=100) as whole:
        piece = Work(total=40)
        for _ in range(2):
            with piece:
                piece.count(10)
                assert whole.updates == piece.updates
        assert whole.fraction == 0.2
        with Work(parts=4) as four:
            assert four.fraction is None or four.fraction == 0
            with Work() as part:
                part.count(30)
            assert four.fraction == 0.25
            with Work() as part:
                part.count(15)
                assert four.fraction == pytest.approx(0.25 + 0.5 / 4)
        assert whole.fraction == pytest.approx(0.65)
    assert work.current() is None


def test_the_label_says_what_is_done_and_nothing_twice():
    with Work(parts=3) as whole, Work("seed 0"), Work("seed 0, round 1 of 4"), Work(work.TRAINING, total=5):
        assert whole.label == "0 of 3 done, seed 0, round 1 of 4"
    with Work(work.TRAINING, total=2000) as alone:
        alone.count(1200)
        assert alone.label == "training, step 1,200 of 2,000"


def test_what_was_found_says_nothing_of_the_time_left():
    """Catches: "1 s left" after half of a run was read from disk in a moment."""
    with Work(total=100) as whole:
        whole.skip(50)
        whole._base = (10.0, 0.5, 50)
        whole.count(10)
        assert whole._left(20.0, whole.fraction) == pytest.approx(40.0)


def test_a_failing_job_stops_its_neighbours_where_they_count():
    """Catches: an error that is seen only when every other training has come to its end."""
    begun = threading.Event()

    def job(fails: bool) -> None:
        if fails:
            begun.wait()
            raise OSError("broken")
        with Work(total=1) as endless:
            begun.set()
            while True:
                endless.count()

    pool = Pool(workers=2)
    with Work(parts=2), pytest.raises(OSError, match="broken"):
        pool.submit(job, False)
        pool.submit(job, True)
        pool.run()


def test_a_halted_training_with_a_folder_is_saved_first(tmp_path):
    saved, done = Snapshots(tmp_path), []
    with Work() as outer, Work() as inner:
        inner.saves = True
        outer.halt()
        inner._next = 0.0
        inner.count()
        with pytest.raises(Stopped):
            saved.report(None, 1, save=lambda: done.append("saved"))
    assert done == ["saved"]


def test_an_interrupt_names_what_was_saved(tmp_path):
    with pytest.raises(Interrupted, match="has saved nothing"), Work():
        raise KeyboardInterrupt
    with (
        pytest.raises(Interrupted, match=f"saved so far is in {re.escape(str(tmp_path))}. Give the same"),
        Work(),
    ):
        work.saved_in(tmp_path / "a")
        work.saved_in(tmp_path / "b")
        raise KeyboardInterrupt
    with pytest.raises(Interrupted, match="saved nothing"):
        for _ in waiting([1, 2]):
            with Work():
                raise KeyboardInterrupt
    assert Interrupted("one line")._render_traceback_() == ["one line"]


def test_cases_are_described_by_the_names_of_their_arguments():
    seen = []

    def job(seed: int, kind: str, model: object = None) -> None:
        current = work.current()
        assert current is not None
        seen.append(current.doing)

    each(job, [(3, "SNIP", object())])
    assert seen == ["seed 3, kind SNIP"]


def test_nothing_is_drawn_while_code_is_judged(monkeypatch):
    """Catches: a bar inside `check`, `use`, `grade_cell` or a timing."""
    drawn = []
    monkeypatch.setattr(bars, "place", lambda: bars.Place("terminal"))
    monkeypatch.setattr(bars, "draw", lambda *a: drawn.append(a))
    for name in ("SOON", "LATER", "LONG", "EVERY"):
        monkeypatch.setattr(work, name, 0.0)
    with work.hidden(), Work(total=2) as one:
        one.count()
        one.look()
    assert not drawn
    with Work(total=2) as one:
        one.count()
    assert drawn
    assert (
        lth.classroom.check.__wrapped__
        and lth.classroom.use.__wrapped__
        and lth.classroom.grade_cell.__wrapped__
    )


def test_a_loop_that_is_closed_late_disturbs_no_other_work():
    """Catches: other work that is taken for a part of what has ended, and stopped with it, after a traceback is forgotten."""
    forgotten = waiting(range(3), "one")
    next(forgotten)
    with Work() as other:
        forgotten.close()
        assert work.current() is other
        with Work() as inner:
            assert inner.root is other.root
    assert work.current() is None
    forgotten = waiting(range(3), "one")
    next(forgotten)
    late = threading.Thread(target=forgotten.close)
    late.start()
    late.join()
    assert work.current() is None
