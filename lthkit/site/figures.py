"""Pictures of the outputs as files of their own, with their text alternatives, so that a page is small and loads them late."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import struct
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

KINDS = {"image/png": "png", "image/svg+xml": "svg"}
FOLDER = "figures"
WIDE = 700  # pixels; a wider picture has words that nobody can read when it is as narrow as a telephone

# A tag as a whole: a > between quotes does not end it.
_IMG = re.compile(r"<img\b(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")
_FRAME = re.compile(r"(<iframe\b(?:[^>\"']|\"[^\"]*\"|'[^']*')*>)\s*</iframe>")
_DATA = re.compile(r"data:(image/[\w+.-]+);base64,")


class Figures:
    """Writes pictures into a folder of the site. folder: where; prefix: how a page that shows them names that folder."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self.folder, self.prefix = folder, prefix

    def taken_out(self, output: Any, picture: Callable[[str], str] | None) -> Any:
        """An output with one face, the best one, whose pictures are files.

        Raises:
            ValueError: a picture has no text alternative.
        """
        data = output.get("data")
        if data is None:
            return output
        if "text/html" in data:
            data = {"text/html": self._html("".join(data["text/html"]), picture)}
        elif kind := next((kind for kind in KINDS if kind in data), None):
            alt = output.get("metadata", {}).get(kind, {}).get("alt", "")
            content = "".join(data[kind])
            raw = content.encode() if kind.endswith("xml") else base64.b64decode(content)
            data = {"text/html": self._img(raw, kind, {"alt": alt})}
        output.data, output.metadata = data, {}
        return output

    def _html(self, text: str, picture: Callable[[str], str] | None) -> str:
        def shown(found: re.Match[str]) -> str:
            name = _attributes(found[1]).get("data-picture")
            return picture(name) if name and picture is not None else found[0]

        def file(found: re.Match[str]) -> str:
            given = _attributes(found[0])
            kind = _DATA.match(given.get("src", ""))
            if kind is None:
                return found[0]
            return self._img(base64.b64decode(given["src"][kind.end() :]), kind[1], given)

        return _FRAME.sub(shown, _IMG.sub(file, text))

    def _img(self, raw: bytes, kind: str, given: dict[str, str]) -> str:
        alt = given.get("alt", "")
        if not alt.strip():
            raise ValueError(
                "a picture in an output has no text alternative; plots.show(..., alt=...) gives it one."
            )
        name = f"{hashlib.sha256(raw).hexdigest()[:16]}.{KINDS[kind]}"
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(raw)
        width, height = _size(raw, kind)
        if width and (shown := given.get("width", "")).isdigit():
            width, height = int(shown), round(height * int(shown) / width)
        size = f' width="{width}" height="{height}"' if width else ""
        made = f'<img src="{self.prefix}{name}" alt="{html.escape(alt)}"{size} loading="lazy" class="figure">'
        return made if width <= WIDE else wide(made)


def wide(picture: str) -> str:
    """A picture in a box that scrolls sideways, by keyboard too, where it would be too small to read."""
    return f'<div class="figure-wide" tabindex="0" role="group" aria-label="a wide picture">{picture}</div>'


def _size(raw: bytes, kind: str) -> tuple[int, int]:
    """Width and height in pixels, so that a page does not jump when the picture comes; (0, 0) if they are not said."""
    if kind == "image/png":
        width, height = struct.unpack(">II", raw[16:24])
        return int(width), int(height)
    found = re.search(rb"viewBox=\"0 0 ([\d.]+) ([\d.]+)\"", raw)
    return (round(float(found[1]) * 4 / 3), round(float(found[2]) * 4 / 3)) if found else (0, 0)


def _attributes(tag: str) -> dict[str, str]:
    """The attributes of one tag, with its entities read."""

    class Reader(HTMLParser):
        found: dict[str, str] = {}

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found = {name: value or "" for name, value in attrs}

    reader = Reader()
    reader.feed(tag)
    return reader.found
