"""Packaging: one truth on dependencies, a wheel that holds the data, commands in the README that exist."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}

# What hosted Colab has: a bound above would make pip exchange what the notebook has imported.
COLAB = {
    "torch": "2.11",
    "torchvision": "0.26",
    "numpy": "2.1",
    "matplotlib": "3.10",
    "ipywidgets": "7.7.1",
    "python": "3.13",
}

# The torchvision that belongs to a torch; an older floor would allow a pair that does not fit.
TORCHVISION_OF = {"2.4": "0.19", "2.5": "0.20", "2.6": "0.21", "2.7": "0.22"}


def runtime() -> list[Requirement]:
    return [Requirement(text) for text in PROJECT["project"]["dependencies"]]


def extra(name: str) -> list[Requirement]:
    return [Requirement(text) for text in PROJECT["project"]["optional-dependencies"][name]]


def lower_bounds(requirements: list[Requirement]) -> dict[str, str]:
    return {r.name: str(r.specifier).removeprefix(">=") for r in requirements}


def conda() -> list[str]:
    """The entries of environment.yml, read by hand: it is a flat list, and YAML is no dependency of ours."""
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    return re.findall(r"^  - (.+?)\s*$", text.partition("\ndependencies:\n")[2], re.MULTILINE)


def test_there_are_lower_bounds_only_and_each_has_one() -> None:
    for requirement in [*runtime(), *extra("dev"), *extra("classroom"), *extra("scale"), *extra("site")]:
        operators = [s.operator for s in requirement.specifier]
        assert operators == [">="], f"{requirement}: one lower bound, no upper bound, no pin"


def test_dev_has_what_the_other_extras_have() -> None:
    """Catches: an extra whose tests are skipped for everybody who develops."""
    for name in set(PROJECT["project"]["optional-dependencies"]) - {"dev"}:
        assert set(extra(name)) <= set(extra("dev")), name


def test_no_lower_bound_is_above_what_colab_has() -> None:
    bounds = lower_bounds(runtime()) | {"python": PROJECT["project"]["requires-python"].removeprefix(">=")}
    for name, has in COLAB.items():
        assert Version(bounds[name]) <= Version(has), name


def test_torch_and_torchvision_have_floors_that_belong_together() -> None:
    bounds = lower_bounds(runtime())
    assert TORCHVISION_OF[bounds["torch"]] == bounds["torchvision"]


def test_a_plain_install_is_the_whole_course_and_no_more() -> None:
    assert sorted(r.name for r in runtime()) == sorted(
        [
            "torch",
            "torchvision",
            "numpy",
            "matplotlib",
            "tqdm",
            "cloudpickle",
            "filelock",
            "ipywidgets",
            "jupyterlab",
        ]
    )


def test_environment_yml_agrees_with_pyproject() -> None:
    wanted = {CONDA_NAMES.get(name, name): bound for name, bound in lower_bounds(runtime()).items()}
    wanted["python"] = PROJECT["project"]["requires-python"].removeprefix(">=")
    found = dict(entry.split(" >=") for entry in conda() if entry != "pip")
    assert found == wanted


def test_environment_yml_is_in_condas_own_syntax() -> None:
    rattler = pytest.importorskip("rattler", reason='py-rattler is not installed: pip install -e ".[dev]"')
    assert len(conda()) >= 8
    for entry in conda():
        assert rattler.MatchSpec(entry, strict=True).name is not None
    with pytest.raises(Exception, match="parse"):  # the check can fail
        rattler.MatchSpec("pytorch >>2.4", strict=True)


def test_every_import_of_the_package_and_its_tests_is_declared() -> None:
    declared = {r.name.replace("-", "_") for r in [*runtime(), *extra("dev")]}
    # come with what is declared: docutils and pygments with sphinx, rattler is py-rattler's module, PIL comes with torchvision, the rest with jupyterlab
    declared |= {
        "lthkit",
        "rattler",
        "docutils",
        "pygments",
        "PIL",
        "IPython",
        "ipykernel",
        "jupyter_client",
        "zmq",
        "packaging",
        "conftest",
        "tests",
    }
    for path in [*ROOT.glob("lthkit/**/*.py"), *ROOT.glob("tests/**/*.py"), *ROOT.glob("solutions/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            tops = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)
            assert tops <= declared, (
                f"{path.relative_to(ROOT)}: {tops - declared} is in neither dependencies nor dev"
            )


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str]]:
    """The names in a wheel and in a source archive, built here without a network; the latter without its top folder."""
    hatchling = pytest.importorskip("hatchling.build", reason='hatchling is missing: pip install -e ".[dev]"')
    folder = tmp_path_factory.mktemp("dist")
    before = os.getcwd()
    os.chdir(ROOT)
    try:
        wheel = zipfile.ZipFile(folder / hatchling.build_wheel(str(folder)))
        source = tarfile.open(folder / hatchling.build_sdist(str(folder)))
    finally:
        os.chdir(before)
    with wheel, source:
        return wheel.namelist(), [name.partition("/")[2] for name in source.getnames()]


def data_files() -> set[str]:
    """The data that belong to the repository, by git where there is one."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "data"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        listed = []
    return set(listed) or {p.relative_to(ROOT).as_posix() for p in (ROOT / "data").rglob("*") if p.is_file()}


def test_the_wheel_holds_the_package_its_types_and_all_data(
    distributions: tuple[list[str], list[str]],
) -> None:
    wheel = set(distributions[0])
    assert {"lthkit/__init__.py", "lthkit/py.typed", "lthkit/classroom/exercises/lesson_05.py"} <= wheel
    assert {f"lthkit/_data/{name.removeprefix('data/')}" for name in data_files()} <= wheel
    assert any(name.endswith(".npz") for name in wheel)
    modules = {p.relative_to(ROOT).as_posix() for p in (ROOT / "lthkit").rglob("*.py")}
    assert modules <= wheel


def test_the_wheel_holds_nothing_else(distributions: tuple[list[str], list[str]]) -> None:
    assert {name.partition("/")[0] for name in distributions[0]} == {"lthkit", "lthkit-0.2.0.dist-info"}
    foreign = ("__pycache__", ".ipynb", "runs/", ".cache", ".tmp")
    assert not [
        name for name in distributions[0] if any(word in name.replace("lthkit/runs/", "") for word in foreign)
    ]
    for licence in ("LICENSE", "LICENSE-TEXT"):
        assert f"lthkit-0.2.0.dist-info/licenses/{licence}" in distributions[0]


def test_the_source_archive_can_build_the_wheel(distributions: tuple[list[str], list[str]]) -> None:
    source = set(distributions[1])
    assert {"pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXT", "lthkit/__init__.py"} <= source
    assert data_files() <= source
    assert {p.relative_to(ROOT).as_posix() for p in (ROOT / "solutions").glob("*.py")} <= source


def test_the_script_starts_a_function_that_exists() -> None:
    module, _, function = PROJECT["project"]["scripts"]["lthkit"].partition(":")
    assert callable(getattr(import_module(module), function))


def test_version_is_the_same_everywhere() -> None:
    version = PROJECT["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert getattr(import_module("lthkit"), "__version__", version) == version


def test_the_readme_gives_the_two_commands_that_ci_runs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert "pip install -e . && lthkit run winning-ticket" in lines
    assert 'pip install -e ".[dev]" && pytest' in lines


def test_a_students_own_work_and_results_are_ignored_by_git() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    for path in ("my/03_training_loops.ipynb", "runs/winning-ticket-3f9c1a/table.csv"):
        assert subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT).returncode == 0, path
    for path in ("data/fashion-mnist-subset.npz", "solutions/05_winning_tickets.ipynb"):
        assert subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT).returncode == 1, path
