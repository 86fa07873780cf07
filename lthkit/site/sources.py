"""Pages with the code of the package, to which the reference links; they are not searched."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from lthkit.site.links import Links


def place(file: str, line: int = 0) -> str:
    """The page of a file of code, such as "lthkit/pruning/masks.py", at one of its lines."""
    return f"source/{file.removesuffix('.py')}.html" + (f"#line-{line}" if line else "")


def _pages(app: Any) -> Iterator[tuple[str, dict[str, Any], str]]:
    for file, path in app.config.lthkit_sources.items():
        page = place(file).removesuffix(".html")
        formatter = HtmlFormatter(lineanchors="line", cssclass="highlight", wrapcode=True)
        back = Links.from_page(place(file), "reference/index.html")
        code = highlight(Path(path).read_text(encoding="utf-8"), PythonLexer(), formatter)
        body = (
            f"<h1>{html.escape(file)}</h1>\n<p>The code of this file; "
            f'<a href="{back}">the reference</a> says what its functions do.</p>\n'
            f'<div class="highlight-python notranslate source-page">{code}</div>'
        )
        yield page, {"title": file, "body": body, "parents": []}, "page.html"


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx: pages are made of the files that the setting `lthkit_sources` names."""
    app.add_config_value("lthkit_sources", {}, "html")
    app.connect("html-collect-pages", _pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
