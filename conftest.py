"""What holds for every test: the smoke tier, one thread a process, files side by side, and property tests without a clock."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent

pytest_plugins = ["tests.kernels"]

# Folders of the checkout that hold no tests of ours; a room or its tests may bear such a name further down.
collect_ignore = ["build", "class", "dist", "my", "runs", "site", "venv"]

# The kernels that nbval starts inherit these.
os.environ.setdefault("LTHKIT_TIER", "smoke")
# Our networks gain nothing from a second thread, and beside another process that computes they lose much.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A lesson goes on with a run that it finds; a test must compute its own. Each process has a folder of its own.
_runs = tempfile.TemporaryDirectory(prefix="lthkit-runs-", ignore_cleanup_errors=True)
os.environ["LTHKIT_RUNS"] = _runs.name
# pytest itself has read this by now. A kernel must not: somebody else's warning would end it before the first cell.
os.environ.pop("PYTHONWARNINGS", None)

# On two busy cores the time of a single example says nothing.
settings.register_profile("lthkit", deadline=None)
settings.load_profile("lthkit")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One process for each core that we may use, at most 8; 0, which is this one, for a single core or a single file."""
    files = {argument.partition("::")[0] for argument in config.args}
    if len(files) == 1 and Path(*files).is_file():
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, 8) if cores > 1 else 0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "longest_first", "files that take long: begun first, so that the processes end together", "linelist"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest files first, then the lessons, then the rest; inside a file nothing moves."""
    # What is added for this run is not for a pytest that a test starts. Only where tests run: until then the processes of
    # pytest-xdist read it, which get nothing else of it.
    os.environ.pop("PYTEST_ADDOPTS", None)
    first = [ROOT / file for file in config.getini("longest_first")]

    def place(item: pytest.Item) -> int:
        if item.path in first:
            return first.index(item.path)
        return len(first) + (item.path.suffix != ".ipynb")

    items.sort(key=place)
    # Of what a cell shows, its text is compared: the look of the page may change.
    for notebook in {item.parent for item in items if item.path.suffix == ".ipynb"}:
        notebook.skip_compare += ("text/html",)  # type: ignore[union-attr]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What a test has to report, by `record_property("reported", ...)`: numbers to look at, on which no test hangs."""
    for report in terminalreporter.stats.get("passed", []):
        for name, text in report.user_properties:
            if name == "reported":
                terminalreporter.write_line(str(text))


def pytest_unconfigure() -> None:
    """A process of pytest-xdist does not end in the way that would delete the folder by itself."""
    _runs.cleanup()
