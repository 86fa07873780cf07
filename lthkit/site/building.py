"""Builds the site of a course: its pages are gathered as Markdown and notebooks, and Sphinx makes HTML of them."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from lthkit.classroom.build import check_build
from lthkit.classroom.cells import BuildError
from lthkit.site.gathering import gather

SITE = "site"  # the folder of the course that holds the built site
NEEDED = {
    "sphinx": "Sphinx",
    "myst_nb": "MyST-NB",
    "pydata_sphinx_theme": "pydata-sphinx-theme",
    "latex2mathml": "latex2mathml",
    "jupytext": "jupytext",
    "nbformat": "nbformat",
}
UNUSED = (  # nothing on a page asks for them
    *("objects.inv", ".buildinfo", "_static/**/*.map", "_static/webpack-macros.html"),
    *("_static/scripts", "_static/vendor", "_static/styles/theme.css"),
)


def build_site(
    root: Path | str, *, target: Path | str | None = None, report: Callable[[str], None] = print
) -> Path:
    """Build the site of a course from its executed lessons, and return its folder. Nothing is executed.

    The folder is replaced as a whole once all of it is there; if anything fails, the site of before stays.

    Args:
        root: the folder of the course, with `solutions/`, `notebooks/` and `data/` in it.
        target: the folder that becomes the site; None is `site/` of the course.
        report: called with one line when it is done.

    Raises:
        BuildError: a lesson is stale, a link leads nowhere, or Sphinx warns; the text says of which page.
        ModuleNotFoundError: something of the extra `site` is missing; the text has the line that installs it.
    """
    root = Path(root).resolve()
    _require_tools()
    if problems := check_build(root):
        raise BuildError(
            f"the site shows the lessons as they were executed, and {len(problems)} are not in order: {problems[0]}"
        )
    started = time.perf_counter()
    target = root / SITE if target is None else Path(target).resolve()
    if target.exists() and not (target / "index.html").is_file():
        raise BuildError(f"{target} is there and is no built site; move it away.")
    stage = target.parent / f".{SITE}-{uuid4().hex[:8]}.tmp"
    try:
        gather(root, stage / "pages")
        _run_sphinx(stage)
        for pattern in UNUSED:
            for path in sorted((stage / "html").glob(pattern)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        replace(stage / "html", target)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    pages = sum(1 for _ in target.rglob("*.html"))
    report(
        f"{target.name}/: {pages} pages, {size / 1e6:.1f} MB, in {time.perf_counter() - started:.0f} s. lthkit site shows it."
    )
    return target


def _require_tools() -> None:
    missing = [name for module, name in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise ModuleNotFoundError(
            f'building the site needs {", ".join(missing)}, which is not installed here: pip install "lthkit[site]"'
        )


def _run_sphinx(stage: Path) -> None:
    """Make `html` of `pages`, in a process of its own; a warning is an error."""
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-b",
        "html",
        "-W",
        "--keep-going",
        "-q",
        "-j",
        str(_workers()),
    ]
    command += ["-d", "doctrees", "pages", "html"]
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH", "")]))
    private = {"PYTHONWARNINGS", "SPHINXOPTS"}
    environment = {key: value for key, value in os.environ.items() if key not in private} | {
        "PYTHONPATH": path
    }
    done = subprocess.run(
        command,
        cwd=stage,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        said = re.sub(re.escape(str(stage)) + r"/?(pages/)?", "", done.stderr + done.stdout)
        lines = [
            line for line in said.splitlines() if "WARNING" in line or "ERROR" in line
        ] or said.splitlines()[-12:]
        raise BuildError("Sphinx did not make the site:\n" + "\n".join(lines[:20]))


def _workers() -> int:
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 4)


def replace(made: Path, target: Path) -> None:
    """Put a folder in the place of another one, which is removed when the new one is there."""
    before = target.with_name(f".{target.name}-before-{uuid4().hex[:8]}.tmp")
    try:
        if target.exists():
            os.rename(target, before)
        os.rename(made, target)
    except BaseException:  # Ctrl-C, too
        if target.exists():  # somebody else's, made at the same time
            shutil.rmtree(before, ignore_errors=True)
        elif before.exists():
            os.rename(before, target)
        raise
    shutil.rmtree(before, ignore_errors=True)
