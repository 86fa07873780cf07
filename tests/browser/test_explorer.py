"""What a student does: open lesson 01 in JupyterLab, run all cells, move the slider, and see another picture."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LESSON = "01_magnitude_pruning"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
RUN_ALL = 300_000  # milliseconds for all cells at tier smoke, on a busy machine too


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of a headless Chromium: the system's, else playwright's own."""
    api = pytest.importorskip(
        "playwright.sync_api", reason='playwright is not installed: pip install -e ".[dev]"'
    )
    with api.sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        path = next(filter(None, map(shutil.which, BROWSERS)), own if Path(own).is_file() else None)
        if path is None:
            pytest.skip("there is no Chromium: install it, or run `python -m playwright install chromium`")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """The address of a JupyterLab with nothing of the user's, in a folder with the student's lesson."""
    pytest.importorskip("jupyterlab", reason="jupyterlab is not installed")
    nbformat = pytest.importorskip("nbformat", reason='nbformat is missing: pip install -e ".[dev]"')
    pytest.importorskip("jupytext", reason='jupytext is missing: pip install -e ".[dev]"')
    from lthkit.classroom.editions import editions

    student, _ = editions(ROOT, ROOT / "solutions" / f"{LESSON}.py")  # as it would be built now
    folder = tmp_path / "course"
    folder.mkdir()
    nbformat.write(student, folder / f"{LESSON}.ipynb")
    news = tmp_path / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    news.parent.mkdir(parents=True)
    news.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    private = {f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    environment = os.environ | private
    environment |= {
        "LTHKIT_TIER": "smoke",
        "LTHKIT_RUNS": str(tmp_path / "runs"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    command += [f"--port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}"]
    command += ["--IdentityProvider.token=", f"--LabApp.user_settings_dir={tmp_path / 'settings'}"]
    address = f"http://127.0.0.1:{port}"
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            for _ in range(240):
                if server.poll() is not None:
                    break
                try:
                    urllib.request.urlopen(f"{address}/api", timeout=5).close()
                    break
                except (urllib.error.URLError, OSError):
                    time.sleep(0.25)
            else:
                pytest.fail(f"JupyterLab did not start: {(tmp_path / 'log').read_text()[-2000:]}")
            assert server.poll() is None, (tmp_path / "log").read_text()[-2000:]
            yield address
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


def test_a_student_moves_the_slider_and_sees_another_picture(page: Any, lab: str) -> None:
    """Catches an explorer that works without a browser only: no widget shown, a control that reaches no kernel."""
    page.goto(f"{lab}/lab/tree/{LESSON}.ipynb")
    status = page.locator("#jp-main-statusbar")
    status.get_by_text("Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    cell = page.locator(".jp-CodeCell", has_text="lth.explore.prune_it_yourself(")
    picture = cell.locator(".jp-OutputArea img.widget-image")
    deadline = time.monotonic() + RUN_ALL / 1000
    while not picture.count() and time.monotonic() < deadline:
        # cells out of view may not be there; so look through the notebook until the widget has come
        page.evaluate(
            """() => { const panel = document.querySelector('.jp-WindowedPanel-outer');
                       const end = panel.scrollTop + panel.clientHeight >= panel.scrollHeight - 2;
                       panel.scrollTop = end ? 0 : panel.scrollTop + 500; }"""
        )
        page.wait_for_timeout(300)
    picture.wait_for(timeout=1000)
    status.get_by_text("Idle").wait_for(timeout=RUN_ALL)
    picture.scroll_into_view_if_needed()

    words = cell.locator(".jp-OutputArea .widget-html-content")
    words.get_by_text(
        "10 % of the weights kept, global"
    ).wait_for()  # the windowed notebook may still redraw it
    before = picture.get_attribute("src")
    handle = cell.locator(".noUi-handle")
    handle.focus()
    handle.press("ArrowRight")
    page.wait_for_function("([i, old]) => i.src !== old", arg=[picture.element_handle(), before])
    cell.get_by_text("9 % of the weights kept, global").wait_for()
    at_nine = picture.get_attribute("src")

    cell.get_by_role("button", name="layerwise").click()
    cell.get_by_text("9 % of the weights kept, layerwise").wait_for()
    assert picture.get_attribute("src") != at_nine
    assert picture.evaluate("i => i.complete && i.naturalWidth > 1000")
    assert cell.locator(".jp-OutputArea img").count() == 1  # the static picture gave way to the live one
