"""What lies on disk is what git has and what pytest collects: a rule for a folder's name swallows no room and no test."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Collects as `pytest` does and stops at the files, which says in a second what a whole collection says in ten.
COLLECT = """
import sys, pytest

class Files:
    @pytest.hookimpl(wrapper=True)
    def pytest_collect_file(self, file_path):
        if (yield):
            print("collected:", file_path)
        return []

sys.exit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider"], plugins=[Files()]))
"""


def relative(paths: Iterable[Path]) -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in paths if ".ipynb_checkpoints" not in path.parts}


def test_git_has_every_module_and_every_test_on_disk() -> None:
    """Catches a room that a rule of .gitignore swallows: it works here and is missing in every clone."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")

    def listed(*options: str) -> set[str]:
        command = ["git", "ls-files", "-z", "--exclude-standard", *options, "--", "lthkit", "tests"]
        return set(
            subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
        )

    # What is new and not yet added counts as had; what was added by force, or before the rule, does not.
    had = listed("--cached", "--others") - listed("--cached", "--ignored")
    on_disk = relative(path for folder in ("lthkit", "tests") for path in (ROOT / folder).rglob("*.py"))
    assert len(on_disk) > 100 and on_disk <= had, f"ignored by git: {sorted(on_disk - had)}"


def test_pytest_collects_every_test_file_on_disk() -> None:
    """Catches tests that never run, as those in a folder `runs` would that a rule for results names."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV_"))}
    done = subprocess.run(
        [sys.executable, "-c", COLLECT], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    lines = [line.partition("collected: ") for line in done.stdout.splitlines()]
    collected = relative(Path(path) for _, mark, path in lines if mark)
    on_disk = relative((ROOT / "tests").rglob("test_*.py"))
    on_disk |= relative(
        path for edition in ("notebooks", "solutions") for path in (ROOT / edition).glob("*.ipynb")
    )
    wanted = {file for file in on_disk if not file.startswith("tests/bench/")}
    assert collected and collected <= on_disk, done.stdout + done.stderr
    assert sorted(wanted - collected) == [], "these are never run"
    assert sorted(collected - wanted) == [], "the benchmark is no test"


def test_the_longest_files_are_there() -> None:
    """Catches a name that was left behind when its file moved: the file would begin last."""
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"][
        "ini_options"
    ]
    assert not [file for file in options["longest_first"] if not (ROOT / file).is_file()]
