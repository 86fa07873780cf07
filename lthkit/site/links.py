"""Where a file of the repository is found on the site: as a page, as a file beside the pages, or at the repository's address."""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from urllib.parse import quote, unquote

from lthkit.classroom.cells import BuildError
from lthkit.site.docstrings import joined
from lthkit.site.figures import wide

FILES = "files"  # the folder of the site that holds what is no page

_FENCE = re.compile(r"^ {0,3}(```|~~~)")
_CODE = re.compile(r"(`+)(?:.+?)\1", re.DOTALL)
_IMAGE = re.compile(r"!\[(?P<alt>[^]]*)\]\((?P<to>[^)\s]+)\)")
_LINK = re.compile(r"\[(?P<text>(?:[^][]|\[[^][]*\])*)\]\((?P<to>[^)\s]+)(?P<title>\s+\"[^\"]*\")?\)")
_OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


class Links:
    """Turns links between files of the repository into links between pages of the site.

    Args:
        root: the folder of the course.
        pages: file of the repository -> page, both as paths with slashes: "solutions/README.md" -> "instructors.html".
        repository: the address of the repository; without one, a file that is no page is copied to the site (`copied`).
        named: the place on the site of a function of `lthkit`, "lth.prune" -> "reference/pruning.html#...".
        claims: the claims of the ledger, whose names in prose lead to it: "hill-mnist".
    """

    def __init__(
        self,
        root: Path,
        pages: Mapping[str, str],
        *,
        repository: str,
        named: Mapping[str, str],
        claims: Collection[str] = (),
    ) -> None:
        self.root, self.pages, self.repository, self.named = root, pages, repository.rstrip("/"), named
        self.claims = claims
        self.copied: set[str] = set()

    def of(self, target: str, *, text: str, file: str) -> str:
        """The link that stands on the page of `file` in place of `target`, which is relative to the file.

        Raises:
            BuildError: no such file is in the repository.
        """
        if _OUTSIDE.match(target) or target.startswith("#"):
            return target
        path, _, fragment = target.partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file), unquote(path)))
        if text.startswith("lth.") and text in self.named:
            place = self.named[text]
        elif path in self.pages:
            place = self.pages[path] + (f"#{fragment}" if fragment else "")
        elif path.startswith("..") or not (self.root / path).is_file():
            raise BuildError(f"{file}: the link to {target} leads to no file of the repository.")
        elif self.repository:
            return f"{self.repository}/blob/main/{quote(path)}" + (f"#{fragment}" if fragment else "")
        else:
            place = self.file(path)
        return self.from_page(self.pages[file], place)

    def file(self, path: str) -> str:
        """The place on the site of a copy of a file, which is made with it."""
        self.copied.add(path)
        return f"{FILES}/{quote(path)}"

    @staticmethod
    def from_page(page: str, place: str) -> str:
        """A place of the site as seen from a page."""
        path, mark, fragment = place.partition("#")
        here = posixpath.dirname(page)
        if path == page and mark:
            return f"#{fragment}"
        return posixpath.relpath(path, here or ".") + mark + fragment

    def in_text(self, text: str, *, file: str) -> str:
        """A text in Markdown with its links turned; pictures become copies of their own files, with their alt texts."""

        def picture(found: re.Match[str]) -> str:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(file), found["to"]))
            if not (self.root / path).is_file():
                raise BuildError(f"{file}: the picture {found['to']} is no file of the repository.")
            source = self.from_page(self.pages[file], self.file(path))
            alt = html.escape(found["alt"])
            return wide(f'<img src="{html.escape(source)}" alt="{alt}" loading="lazy" class="figure">')

        def link(found: re.Match[str]) -> str:
            return f"[{found['text']}]({self.of(found['to'], text=found['text'].strip('`'), file=file)}{found['title'] or ''})"

        def code(found: str) -> str:
            name = found.strip("`")
            if name not in self.claims:
                return found
            return f"[{found}]({self.from_page(self.pages[file], f'claims.html#{name}')})"

        return outside_code(text, lambda part: _LINK.sub(link, _IMAGE.sub(picture, joined(part))), code=code)


def outside_code(text: str, changed: Callable[[str], str], *, code: Callable[[str], str] = str) -> str:
    """A text in Markdown with `changed` done to what is not code, and `code` to code within a line."""
    done: list[str] = []
    open_lines: list[str] = []
    fenced = False

    def flush() -> None:
        part, last = "\n".join(open_lines), 0
        # A link may have code in its text: only code outside of links is set aside.
        spans = [m.span() for m in _LINK.finditer(part)]
        pieces = []
        for span in _CODE.finditer(part):
            if any(start <= span.start() and span.end() <= end for start, end in spans):
                continue
            pieces += [changed(part[last : span.start()]), code(span[0])]
            last = span.end()
        done.append("".join([*pieces, changed(part[last:])]))
        open_lines.clear()

    for line in text.split("\n"):
        if _FENCE.match(line):
            if not fenced and open_lines:
                flush()
            fenced = not fenced
            done.append(line)
        elif fenced:
            done.append(line)
        else:
            open_lines.append(line)
    if open_lines:
        flush()
    return "\n".join(done)
