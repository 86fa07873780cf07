"""Shows the built site in a browser: a server for this machine only."""

from __future__ import annotations

import os
import webbrowser
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from lthkit.site.building import SITE

HERE = "127.0.0.1"  # nobody else can reach it


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing of each."""

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def list_directory(self, path: Any) -> None:
        """A folder is no page."""
        self.send_error(404, "There is no such page")


class _Server(ThreadingHTTPServer):
    allow_reuse_address = os.name != "nt"  # there it would share a port that somebody has
    daemon_threads = True  # a browser that keeps a connection open does not keep us

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is no error."""


def server(root: Path | str, *, port: int = 0) -> ThreadingHTTPServer:
    """A server of the built site of a course, which listens and does not serve yet. port: 0 is any that is free.

    Raises:
        FileNotFoundError: the site is not built; the text has the line that builds it.
        OSError: the port is taken; the text says which.
    """
    folder = Path(root).resolve() / SITE
    if not (folder / "index.html").is_file():
        raise FileNotFoundError(f"there is no built site in {folder}; make it first: lthkit build --site")
    if not 0 <= port < 65536:
        raise ValueError(f"--port {port} was given; expected 0, which is any free port, to 65535.")
    try:
        return _Server((HERE, port), partial(_Quiet, directory=str(folder)))
    except OSError as error:
        raise OSError(
            f"port {port} cannot be used ({error.strerror}); leave --port away, and a free one is taken."
        ) from error


def serve(
    root: Path | str, *, port: int = 0, browser: bool = True, report: Callable[[str], None] = print
) -> None:
    """Serve the built site of a course until Ctrl-C, and open it in a browser.

    Args:
        root: the folder of the course.
        port: of this machine; 0 is any that is free.
        browser: False only says the address.
        report: called with the lines that say where the site is, and that it is served no longer.

    Raises:
        FileNotFoundError: the site is not built; the text has the line that builds it.
        OSError: the port is taken; the text says which.
    """
    with server(root, port=port) as found:
        address = f"http://{HERE}:{found.server_address[1]}/"
        report(f"The course is at {address}, for this machine only. Ctrl-C ends it.")
        try:
            if browser and not webbrowser.open(address):
                report("No browser could be opened here; open the address in one.")
            found.serve_forever()
        except KeyboardInterrupt:
            report("\nNo longer served.")
