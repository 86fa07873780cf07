"""A JupyterLab with nothing of the user's, a headless Chromium, and a notebook in it as a student handles it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
RUN_ALL = 300_000  # milliseconds for all cells at tier smoke, on a busy machine too

# Each kernel counts slowly while the file is there, so that what is seen of a long cell hangs on no machine's speed.
# The file holds the seconds that each step takes.
_BRAKE = """\
import os
import time

from lthkit.machine.work import Work

_count = Work.count


def count(self, updates=1):
    try:
        with open({brake!r}) as brake:
            time.sleep(float(brake.read()))
    except (OSError, ValueError):  # no brake, or one that is being written
        pass
    _count(self, updates)


Work.count = count
"""


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium: the system's, else playwright's own; without one the test is skipped."""
    api = pytest.importorskip(
        "playwright.sync_api", reason='playwright is not installed: pip install -e ".[dev]"'
    )
    with api.sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        path = next(filter(None, map(shutil.which, BROWSERS)), own if Path(own).is_file() else None)
        if path is None:
            pytest.skip("there is no Chromium: install it, or run `python -m playwright install chromium`")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Lab:
    """A running JupyterLab. `folder` has the lessons; `brake` is the file that makes trainings slow."""

    def __init__(self, home: Path) -> None:
        self.home, self.folder, self.brake = home, home / "course", home / "brake"
        self.address = ""

    def environment(self) -> dict[str, str]:
        private = {f"JUPYTER_{kind}_DIR": str(self.home / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
        return os.environ | private | {
            "LTHKIT_TIER": "smoke",
            "LTHKIT_RUNS": str(self.home / "runs"),
            "LTHKIT_CACHE": str(self.home / "cache"),
            "IPYTHONDIR": str(self.home / "ipython"),
            "PYTHONPATH": str(ROOT),
        }  # fmt: skip

    def lay_out(self, lessons: list[str]) -> None:
        """The student's lessons as they would be built now, the settings of a first start, and the brake."""
        nbformat = pytest.importorskip("nbformat", reason='nbformat is missing: pip install -e ".[dev]"')
        pytest.importorskip("jupytext", reason='jupytext is missing: pip install -e ".[dev]"')
        from lthkit.classroom.editions import editions

        folders = [self.folder / name for name in ("notebooks", "my", "seven")]
        for folder in folders:
            folder.mkdir(parents=True)
        for lesson in lessons:
            student, _ = editions(ROOT, ROOT / "solutions" / f"{lesson}.py")
            for folder in folders:
                nbformat.write(student, folder / f"{lesson}.ipynb")
        news = self.home / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
        news.parent.mkdir(parents=True)
        news.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}), encoding="utf-8")
        startup = self.home / "ipython/profile_default/startup/brake.py"
        startup.parent.mkdir(parents=True)
        startup.write_text(_BRAKE.format(brake=str(self.brake)), encoding="utf-8")

    @contextmanager
    def running(self) -> Iterator[Lab]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
        command += [f"--port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={self.folder}"]
        command += ["--IdentityProvider.token=", f"--LabApp.user_settings_dir={self.home / 'settings'}"]
        command += [
            f"--LabApp.workspaces_dir={self.home / 'workspaces'}",
            "--LabApp.expose_app_in_browser=True",
        ]
        self.address = f"http://127.0.0.1:{port}"
        log = self.home / "log"
        with log.open("w") as out:
            server = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment(),
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
            try:
                self._wait(server, log)
                yield self
            finally:
                server.send_signal(signal.SIGTERM)
                try:
                    server.wait(20)
                except subprocess.TimeoutExpired:
                    server.kill()

    def wait_for_kernel(self, page: Any, path: str) -> None:
        """Until the kernel of a notebook has its page and rests. For a page that does not show its application."""
        for _ in range(RUN_ALL // 250):
            for session in page.request.get(f"{self.address}/api/sessions").json():
                kernel = session["kernel"]
                if session["path"] == path and kernel["connections"] and kernel["execution_state"] == "idle":
                    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()
                    return
            page.wait_for_timeout(250)
        pytest.fail(f"the kernel of {path} did not start")

    def _wait(self, server: subprocess.Popen[bytes], log: Path) -> None:
        for _ in range(240):
            assert server.poll() is None, log.read_text()[-2000:]
            try:
                urllib.request.urlopen(f"{self.address}/api", timeout=5).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.25)
        pytest.fail(f"JupyterLab did not start: {log.read_text()[-2000:]}")


def until(page: Any, ask: Callable[[], Any], good: Callable[[Any], object]) -> Any:
    """What a page answers as soon as the answer is good; what it answered last, where it is not within 20 seconds."""
    for _ in range(200):
        if good(answer := ask()):
            break
        page.wait_for_timeout(100)
    return answer


class Notebook:
    """A notebook that is open in a page. A cell is named by a part of its source."""

    def __init__(self, page: Any, address: str, lesson: str, *, folder: str = "my") -> None:
        self.page = page
        page.goto(f"{address}/lab/tree/{folder}/{lesson}.ipynb?reset")
        page.wait_for_function(
            """name => { const app = window.jupyterapp, now = app && app.shell.currentWidget;
                         return now && now.context && now.context.path.endsWith(name) && now.context.isReady
                             && now.sessionContext.session?.kernel?.status === 'idle'; }""",
            arg=f"{lesson}.ipynb",
        )
        page.locator(".jp-MarkdownOutput h1").first.wait_for()

    def script(self, code: str, argument: Any = None) -> Any:
        """The value of a function of the notebook `n` and an argument `a`."""
        return self.page.evaluate(
            f"a => {{ const w = window.jupyterapp.shell.currentWidget, n = w.content; {code} }}", argument
        )

    def find(self, part: str) -> int:
        found = self.script(
            "return n.widgets.findIndex(c => c.model.type === 'code' && c.model.sharedModel.source.includes(a))",
            part,
        )
        assert found >= 0, f"no code cell has {part!r}"
        return int(found)

    def show(self, cell: str | int, *, at: str = "start") -> Any:
        """Bring a cell into view, and give it as a locator."""
        i = self.find(cell) if isinstance(cell, str) else cell
        self.script("n.activeCellIndex = a[0]; return n.scrollToItem(a[0], a[1])", [i, at])
        self.script("n.widgets[a].node.dataset.at = a", i)
        shown = self.page.locator(f'.jp-Cell[data-at="{i}"]:visible')
        shown.wait_for()
        return shown

    def laid_out(self) -> Any:
        """The whole notebook, with cells out of view laid out as well, so that they can be measured."""
        self.page.add_style_tag(content=".jp-Notebook .jp-Cell { content-visibility: visible !important; }")
        self.page.wait_for_function(
            "window.jupyterapp.shell.currentWidget.content.widgets.every(c => c.isAttached && !c.isPlaceholder())"
        )
        self.page.wait_for_timeout(500)
        return self.page.locator(".jp-Notebook:visible")

    def write(self, cell: str | int, source: str) -> int:
        """Put another source into a cell."""
        i = self.find(cell) if isinstance(cell, str) else cell
        self.script("n.widgets[a[0]].model.sharedModel.setSource(a[1])", [i, source])
        return i

    def append(self, source: str) -> int:
        """A new cell below the last one."""
        self.script(
            "n.model.sharedModel.insertCell(n.widgets.length, {cell_type: 'code', source: a})", source
        )
        return int(self.script("return n.widgets.length - 1"))

    def start(self, cell: str | int) -> Any:
        """Run a cell with Ctrl and Enter, and do not wait for it."""
        shown = self.show(cell)
        self.script("n.mode = 'command'; n.node.focus()")
        self.page.keyboard.press("Control+Enter")
        shown.locator(".jp-InputPrompt", has_text="*").or_(
            shown.locator(".jp-InputPrompt", has_text=re.compile(r"\d"))
        ).first.wait_for()
        return shown

    def run(self, cell: str | int) -> Any:
        shown = self.start(cell)
        self.wait()
        return shown

    def run_to(self, cell: str) -> None:
        """Run all cells above one."""
        self.show(cell)
        self.menu("Run", "Run All Above Selected Cell")
        self.wait()

    def wait(self) -> None:
        """Until no cell runs and none waits."""
        self.page.wait_for_timeout(300)
        self.page.wait_for_function(
            """() => { const w = window.jupyterapp.shell.currentWidget;
                       return w.sessionContext.session?.kernel?.status === 'idle'
                           && !w.content.widgets.some(c => c.model.executionState === 'running'
                               || c.inputArea?.promptNode?.textContent.includes('*')); }""",
            timeout=RUN_ALL,
        )
        self.page.wait_for_timeout(200)

    def menu(self, *names: str) -> None:
        for name in names:
            item = self.page.locator(
                ".lm-MenuBar-item, .lm-Menu-item", has_text=re.compile(f"^{re.escape(name)}")
            )
            item.locator("visible=true").first.click()

    def outputs(self) -> list[list[dict[str, Any]]]:
        """The outputs of each cell as they would be stored."""
        found = self.script("return n.widgets.map(c => c.model.outputs ? c.model.outputs.toJSON() : [])")
        return list(found)

    def save(self) -> None:
        self.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
        self.page.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")

    def theme(self, name: str) -> None:
        self.page.evaluate(
            "a => window.jupyterapp.commands.execute('apputils:change-theme', {theme: a})", name
        )
        self.page.wait_for_function(
            "a => document.body.dataset.jpThemeName === a && !document.querySelector('#jupyterlab-splash')",
            arg=name,
        )
        self.page.wait_for_timeout(500)
