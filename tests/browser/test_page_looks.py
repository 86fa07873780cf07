"""What asks a page how it looks finds what is wrong with one, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.looks import broken_words, pale, sideways

FINE = "<div class='jp-Cell' style='width:300px'><div class='lth-table'><table><tr><td>a good re-initialised word</table></div></div>"
WIDE = FINE.replace("<table>", "<table style='width:400px'>")
BROKEN = FINE.replace("<td>a good", "<td style='max-width:40px;word-break:break-all'>considerable")
HYPHEN = FINE.replace("<td>", "<td style='width:60px'>")
PALE = FINE.replace("<td>", "<td style='color:#aaa'>")


@pytest.mark.parametrize(
    "content, wrong",
    [(FINE, []), (WIDE, [sideways]), (BROKEN, [broken_words]), (HYPHEN, [broken_words]), (PALE, [pale])],
    ids=["fine", "wide", "broken", "hyphen", "pale"],
)
def test_each_fault_is_found(new_page: Any, content: str, wrong: list[Any]) -> None:
    """Catches a look that finds nothing on any page."""
    page = new_page(600, 400)
    page.set_content(f"<body style='background:#fff;color:#111'>{content}")
    assert [look for look in (sideways, broken_words, pale) if look(page.locator("body"))] == wrong
    page.close()
