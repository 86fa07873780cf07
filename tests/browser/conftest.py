"""One JupyterLab and one Chromium for all scenes; a picture of each, if `LTHKIT_SHOTS` names a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.lab import Lab, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def lab(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    pytest.importorskip("jupyterlab", reason="jupyterlab is not installed")
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.lay_out(["00_start_here", "01_magnitude_pruning", "05_winning_tickets"])
    with lab.running():
        yield lab


@pytest.fixture(scope="module")
def new_page(browser: Any) -> Callable[..., Any]:
    def make(width: int = 1280, height: int = 900) -> Any:
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(60_000)
        page.route(
            lambda url: "://127.0.0.1" not in url and url.startswith("http"), lambda route: route.abort()
        )
        return page

    return make


@pytest.fixture(scope="session")
def shoot() -> Callable[[Any, str], None]:
    """Save what a page shows as NAME.png, for a person to look at."""
    folder = os.environ.get("LTHKIT_SHOTS", "")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)

    def take(page: Any, name: str) -> None:
        if folder:
            page.wait_for_timeout(400)
            page.screenshot(path=str(Path(folder) / f"{name}.png"))

    return take
