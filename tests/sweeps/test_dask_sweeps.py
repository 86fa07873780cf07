"""Sweeps on a Dask cluster: workers, the scheduler and the sweep itself may be killed; the table is that of one quiet process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lthkit.sweeps import running
from tests import sweeping
from tests.sweeping import close, ended, inside, open_, started, until
from tests.sweeps.test_local_sweeps import check

pytest.importorskip("distributed", reason='Dask is not installed: pip install -e ".[dev]"')


class Cluster:
    """A scheduler and workers, each a process, as on several machines. more: variables of these processes."""

    def __init__(
        self,
        place: Path,
        gate: Path | None = None,
        *,
        threads: int = 1,
        workers: int = 2,
        more: dict[str, str] | None = None,
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self._log = open(place / "cluster.log", "wb")
        self._environment = sweeping.environment(gate) | (more or {})
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"
        )
        self.workers: list[subprocess.Popen[bytes]] = []
        for _ in range(workers):
            self.add_worker(threads)

    def add_worker(self, threads: int = 1) -> None:
        given = ("--nthreads", str(threads), "--no-nanny", "--no-dashboard", "--memory-limit", "0")
        self.workers.append(self._start("worker", self.address, *given))

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]]
        return subprocess.Popen(
            command, env=self._environment, cwd=sweeping.ROOT, stdout=self._log, stderr=self._log
        )

    def end(self) -> None:
        for process in (self.scheduler, *self.workers):
            process.kill()
            process.wait()
        self._log.close()


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    close(tmp_path / "gate", 8)
    return tmp_path / "gate"


@pytest.fixture
def cluster(tmp_path: Path, gate: Path) -> Iterator[Cluster]:
    this = Cluster(tmp_path, gate)
    yield this
    this.end()


def kill_a_worker(pictures: str, serial: Path, place: Path, cluster: Cluster, gate: Path) -> None:
    process = started(pictures, place / "s", on=f"dask={cluster.address}", gate=gate)
    victim = until(lambda: inside(gate))[0]
    os.kill(victim, signal.SIGKILL)
    cluster.add_worker()
    open_(gate)
    status, out = ended(process)
    assert status == 0, out
    check(place / "s", serial)


def kill_the_scheduler(pictures: str, serial: Path, place: Path, cluster: Cluster, gate: Path) -> None:
    process = started(pictures, place / "s", on=f"dask={cluster.address}", gate=gate)
    until(lambda: len(inside(gate)) == 2)
    cluster.scheduler.kill()
    open_(gate)
    status, out = ended(process)
    assert status != 0 and "is gone." in out and "of 16 trainings are finished and saved" in out, out
    status, out = ended(started(pictures, place / "s"))
    assert status == 0, out
    check(place / "s", serial)


def kill_the_parent(pictures: str, serial: Path, place: Path, cluster: Cluster, gate: Path) -> None:
    on = f"dask={cluster.address}"
    process = started(pictures, place / "s", on=on, gate=gate)
    until(lambda: len(inside(gate)) == 2)
    process.kill()
    open_(gate)
    process.communicate()
    status, out = ended(started(pictures, place / "s", on=on))
    assert status == 0, out
    check(place / "s", serial)


KILLS = (kill_a_worker, kill_the_scheduler, kill_the_parent)


@pytest.mark.parametrize("kill", KILLS, ids=lambda kill: kill.__name__)
def test_what_is_killed_costs_no_row(kill, pictures, serial, tmp_path, cluster, gate) -> None:
    """Catches: a cell that is lost with its Dask worker or counted twice, a sweep that hangs or gives a traceback when the
    scheduler is gone, one whose next call does what is finished again."""
    kill(pictures, serial, tmp_path, cluster, gate)


def test_a_cluster_of_this_machine_makes_the_table_of_one_process(
    pictures: str, serial: Path, tmp_path: Path
) -> None:
    """Catches: numbers that depend on a thread of Dask, a cluster that is left behind, logs of Dask on the screen."""
    status, out = ended(started(pictures, tmp_path / "s", on="dask"))
    assert status == 0, out
    assert "A Dask cluster of 2 workers" in out and "distributed." not in out, out
    check(tmp_path / "s", serial)


def test_workers_with_more_threads_are_refused(pictures: str, tmp_path: Path) -> None:
    """Catches: two trainings in threads of one process, which share torch's settings and random states."""
    cluster = Cluster(tmp_path, threads=2)
    try:
        with pytest.raises(ValueError, match="have more than one thread .*expected one each"):
            running.run(
                sweeping.grid(pictures),
                tmp_path / "s",
                on=f"dask={cluster.address}",
                tell=lambda text: None,
            )
    finally:
        cluster.end()


def test_a_cluster_without_workers_waits_for_one_and_says_so(
    pictures: str, serial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches: a sweep that waits in silence, or ends, while a batch system has not yet given the workers that it was asked for."""
    monkeypatch.setattr("lthkit.sweeps.dask_engine.SILENCE", 0.1)
    cluster, told = Cluster(tmp_path, workers=0), []

    def say(text: str) -> None:
        told.append(text)
        cluster.add_worker()

    try:
        running.run(sweeping.grid(pictures), tmp_path / "s", on=f"dask={cluster.address}", tell=say)
    finally:
        cluster.end()
    assert len(told) == 1 and "has no workers now; waiting for one. `dask worker tcp://" in told[0], told
    check(tmp_path / "s", serial)


def test_workers_that_do_not_see_the_folder_are_refused(pictures: str, tmp_path: Path) -> None:
    """Catches: cells that are done in a folder of the same name on another machine's own disk, and are never seen again."""
    start = tmp_path / "start"
    start.mkdir()
    (start / "sitecustomize.py").write_text(  # such a disk: what is written here is not there
        "import io\nreal = io.open\n\n\ndef other(path, *args, **given):\n    if '.seen-' in str(path):\n"
        "        raise FileNotFoundError(2, 'No such file or directory')\n    return real(path, *args, **given)\n\n\nio.open = other\n"
    )
    python = os.pathsep.join((str(start), sweeping.environment()["PYTHONPATH"]))
    cluster, folder = Cluster(tmp_path, workers=1, more={"PYTHONPATH": python}), tmp_path / "s"
    try:
        with pytest.raises(
            ValueError,
            match="1 of 1 Dask workers cannot read what is written into .*No such file.*that all machines share",
        ):
            running.run(sweeping.grid(pictures), folder, on=f"dask={cluster.address}", tell=lambda text: None)
    finally:
        cluster.end()
    assert not list(folder.glob(".seen-*")) and not (folder / "cells").exists()


def test_no_scheduler_is_said(pictures: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches: a traceback of Dask, or a wait of a minute, for an address that is wrong."""
    monkeypatch.setattr("lthkit.sweeps.dask_engine.CONNECT", 1.0)
    with pytest.raises(ValueError, match="no Dask scheduler answers there .*dask scheduler"):
        running.run(sweeping.grid(pictures), tmp_path / "s", on="dask=tcp://127.0.0.1:9")


def test_a_script_without_a_guard_is_told(pictures: str, tmp_path: Path) -> None:
    """Catches: processes of Dask that import the script and start a sweep each, without end."""
    script = tmp_path / "script.py"
    script.write_text(
        "from tests import sweeping\nfrom lthkit.sweeps import running\n"
        f"running.run(sweeping.grid({pictures!r}, seeds=(0,)), {str(tmp_path / 's')!r}, on='dask', workers=1)\n"
    )
    done = subprocess.run(
        [sys.executable, script], env=sweeping.environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode != 0 and 'if __name__ == "__main__":' in done.stderr, done.stderr


@pytest.mark.soak
@pytest.mark.parametrize("number", range(20))
@pytest.mark.parametrize("kill", KILLS, ids=lambda kill: kill.__name__)
def test_soak(kill, number, pictures, serial, tmp_path) -> None:
    """Catches: a place in a cell at which such a kill costs a row; twenty of each."""
    gate = tmp_path / "gate"
    close(gate, 8 + 3 * number)
    cluster = Cluster(tmp_path, gate)
    try:
        kill(pictures, serial, tmp_path, cluster, gate)
    finally:
        cluster.end()
