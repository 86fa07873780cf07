"""A claim of a process that was killed on this machine is free at once; of another machine's only its silence tells."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lthkit.storage import claims
from lthkit.storage.claims import Taken, claim_of, claimed

HOLD = """
import sys, time
from pathlib import Path
from lthkit.storage.claims import claimed
with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


@pytest.mark.skipif(sys.platform != "linux", reason="asks for processes as Linux does")
def test_a_killed_process_is_not_waited_for(tmp_path: Path) -> None:
    """Catches: a notebook kernel that is restarted and waits minutes for itself, and a living one that is taken over."""
    process = holder(tmp_path)
    with pytest.raises(Taken, match=f"process {process.pid}"), claimed(tmp_path):
        pass
    process.kill()
    while not claims._has_ended(process.pid):  # not waited for by its parent yet: its number is left
        time.sleep(0.01)
    assert process.returncode is None and (found := claim_of(tmp_path)) is not None and found.gone
    process.wait()
    assert (found := claim_of(tmp_path)) is not None and found.gone
    with claimed(tmp_path) as mine:
        mine.check()
        assert mine.number == 2
    assert not list(tmp_path.glob(".claim-*"))


@pytest.mark.skipif(sys.platform != "linux", reason="asks for processes as Linux does")
@pytest.mark.parametrize("among", ["", "another-boot pid:[1]", None])
def test_of_another_machine_only_silence_tells(tmp_path: Path, among: str | None) -> None:
    """Catches: a process of another machine, or of another container, that is called dead because its number is free here."""
    process = holder(tmp_path)
    process.kill()
    process.wait()
    path = tmp_path / ".claim-0001.json"
    content = json.loads(path.read_bytes()) | {"among": among}
    path.write_text(json.dumps(content))
    with pytest.raises(Taken), claimed(tmp_path):
        pass


def test_where_nobody_can_be_asked_nobody_is_called_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches: a system without names for its processes, on which every claim seems to be this machine's."""
    monkeypatch.setattr(claims, "_PROCESSES", "")
    with claimed(tmp_path), pytest.raises(Taken), claimed(tmp_path):
        pass
    path = tmp_path / ".claim-0001.json"
    path.write_text(json.dumps({"who": "process 1 on moon", "pid": 4_000_000, "among": ""}))
    found = claim_of(tmp_path)
    assert found is not None and not found.gone
    for pid in (None, "7", -1, 0, True):
        path.write_text(json.dumps({"pid": pid, "among": claims._processes()}))
        assert (found := claim_of(tmp_path)) is not None and not found.gone
