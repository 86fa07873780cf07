"""The doctor finds what is planted, names the remedy, and does not fall ill itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lthkit.__main__ import main
from lthkit.commands import doctor
from lthkit.training import choices


def kinds(found: list[doctor.Finding]) -> list[str]:
    return [f.kind for f in found]


def test_this_machine_is_ready(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches: a remedy for what is not ill. The tests run where everything is installed."""
    assert main(["doctor"]) == 0, capsys.readouterr().out
    out = capsys.readouterr().out
    assert out.splitlines()[0].startswith("[ok]   Python") and "ready: lthkit start 00" in out


def test_a_fix_is_exit_code_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LTHKIT_TIER", "huge")
    assert main(["doctor"]) == 1
    assert "[fix]  LTHKIT_TIER" in capsys.readouterr().out


def test_an_old_python_is_told() -> None:
    """Catches: versions compared as text, where 3.9 is newer than 3.11."""
    assert kinds(doctor.python_version((3, 9, 1))) == ["fix"]
    assert kinds(doctor.python_version((3, 11, 0))) == kinds(doctor.python_version((4, 0, 0))) == ["ok"]


def test_missing_and_old_packages_are_told_with_the_command() -> None:
    """Catches: 2.10 taken for older than 2.4, a local version such as 2.4+cpu, an extra taken for a requirement."""
    have = {"torch": "2.10.1+cpu", "numpy": "1.25.9", "tqdm": "4.66"}
    lines = ["torch>=2.4", "numpy>=1.26", "tqdm>=4.66", "absent>=1.0", 'ruff>=0.8; extra == "dev"']
    found = doctor.packages(lines, have.get)
    assert kinds(found) == ["ok", "fix", "ok", "fix"]
    assert found[1].remedy == 'pip install "numpy>=1.26"' and found[3].remedy == 'pip install "absent>=1.0"'


def test_a_package_that_does_not_import_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brokenpackage.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    finding, other = doctor.imports(["brokenpackage", "json"])
    assert finding.kind == "fix" and "nms" in finding.text and other.kind == "ok"


def test_memory_folders_and_data(tmp_path: Path) -> None:
    assert kinds(doctor.memory(None)) == ["note"] and kinds(doctor.memory(0.5)) == ["fix"]
    assert kinds(doctor.memory(8.0)) == ["ok"]
    assert kinds(doctor.own_data(str(tmp_path / "nowhere"))) == ["fix"] and doctor.own_data(None) == []
    (tmp_path / "mnist").mkdir()
    assert "mnist" in doctor.own_data(str(tmp_path))[0].text
    (tmp_path / "file").write_text("in the way")
    assert kinds(doctor.writable("runs", tmp_path / "file" / "runs", "LTHKIT_RUNS")) == ["fix"]
    assert kinds(doctor.writable("runs", tmp_path / "new" / "runs", "LTHKIT_RUNS")) == ["ok"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "mnist"]  # nothing is left behind


def test_a_busy_machine_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches: a slow evening without an explanation, and alarm where enough cores are free."""
    monkeypatch.setattr(choices, "cores", lambda: 2)
    assert kinds(doctor.busy(None, cores=2)) == ["note"] and kinds(doctor.busy(0.1, cores=2)) == ["ok"]
    (finding,) = doctor.busy(1.42, cores=2)
    assert finding.kind == "note" and finding.remedy
    assert "use 1.4 of 2 cores; lessons take longer, results stay the same" in finding.text
    assert kinds(doctor.busy(14.0, cores=16)) == ["ok"] and kinds(doctor.busy(14.5, cores=16)) == ["note"]


def test_each_finding_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches: a doctor that is silent until everything has been imported, seconds on a busy machine."""
    begun: list[str] = []

    def slow() -> Iterator[doctor.Finding]:
        begun.append("imports")
        yield doctor.Finding("ok", "torchvision imports")
        begun.append("the next import")

    monkeypatch.setattr(doctor, "imports", lambda names: slow())
    found = doctor.examine()
    assert next(found).text.startswith("Python") and begun == []
    assert any(finding.text == "torchvision imports" for finding in found) and begun == ["imports"]


def test_another_python_behind_the_kernel_is_told() -> None:
    """Catches: notebooks that run in an environment without lthkit."""
    assert kinds(doctor.kernel_of([sys.executable, "-m", "ipykernel_launcher"], sys.executable)) == ["ok"]
    (finding,) = doctor.kernel_of(["/opt/other/bin/python", "-m", "ipykernel_launcher"], sys.executable)
    assert finding.kind == "fix" and "ipykernel install" in finding.remedy


def test_a_failing_check_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def ill() -> list[doctor.Finding]:
        raise ZeroDivisionError("ill")

    monkeypatch.setattr(doctor, "device", ill)
    assert any("ZeroDivisionError" in f.text for f in doctor.examine() if f.kind == "fix")
