"""How the tests start their kernels: over sockets of their own, and again after a death at the start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest

# Found first, because a kernel begins in the folder of its notebook. It dies as one whose port is taken.
LAUNCHER = """
import sys
from pathlib import Path

starts = Path(__file__).with_name("starts")
with starts.open("a") as file:
    file.write("x")
if len(starts.read_text()) <= {deaths}:
    sys.exit("zmq.error.ZMQError: Address already in use (planted)")
sys.path.pop(0)
from ipykernel import kernelapp

kernelapp.launch_new_instance()
"""
CELL = """
import json
from ipykernel import get_connection_info
print("transport", json.loads(get_connection_info())["transport"])
"""


def run(folder: Path, *, deaths: int) -> tuple[subprocess.CompletedProcess[str], int, list[Path]]:
    """A notebook under nbval, alone in a folder as in `.ci/run`: the process, how many kernels began, sockets that are left."""
    shutil.copy(Path(__file__).with_name("kernels.py"), folder / "conftest.py")
    (folder / "ipykernel_launcher.py").write_text(LAUNCHER.format(deaths=deaths))
    expected = nbformat.v4.new_output("stream", name="stdout", text="transport ipc\n")
    cells = [nbformat.v4.new_code_cell(CELL, outputs=[expected], execution_count=1)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "one.ipynb")
    with tempfile.TemporaryDirectory() as temporary:  # not in `folder`, whose name is too long for a socket's
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-n", "1", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env", "."],
            cwd=folder,
            env={**os.environ, "TMPDIR": temporary},
            capture_output=True,
            text=True,
        )  # fmt: skip
        return done, len((folder / "starts").read_text()), list(Path(temporary).glob("kernels-*"))


@pytest.mark.skipif(os.name != "posix", reason="no Unix sockets there")
@pytest.mark.parametrize("deaths", [pytest.param(0, marks=pytest.mark.soak), 1])  # with 0 every lesson runs
def test_a_kernel_has_sockets_of_its_own_and_may_die_at_its_start(tmp_path, deaths):
    """Catches a kernel on TCP ports that another one takes, a death at the start that fails a lesson or that nobody hears
    of, and sockets that stay behind."""
    done, starts, left = run(tmp_path, deaths=deaths)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout
    assert starts == deaths + 1 and left == []
    assert done.stdout.count("A kernel died at its start, and another one is started.") == deaths
    assert ("It said: zmq.error.ZMQError: Address already in use (planted)" in done.stdout) == bool(deaths)


def test_a_kernel_that_always_dies_fails_its_notebook_with_the_reason(tmp_path):
    """Catches kernels that are started for ever, and a failure that hides why they died."""
    done, starts, _ = run(tmp_path, deaths=9)
    assert done.returncode == 1 and starts == 3
    assert "Kernel died before replying to kernel_info" in done.stdout
    assert (
        "zmq.error.ZMQError: Address already in use (planted)" in done.stdout.partition("warnings summary")[0]
    )
