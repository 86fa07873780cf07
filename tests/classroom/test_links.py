"""Links of the lessons, as the build makes them from the sources: inner ones arrive, outer ones are well formed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest

from lthkit.classroom.cells import BuildError
from lthkit.classroom.editions import editions
from lthkit.classroom.pages import anchor, defined_in, with_contents, with_docstrings

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "solutions").glob("[0-9][0-9]_*.py"))
LINK = re.compile(r"(?<!!)\[((?:[^][]|\[[^]]*\])*)\]\(([^)\s]*(?:\([^)\s]*\)[^)\s]*)*)\)")
EDITIONS = ("notebooks", "solutions")
CODE = re.compile(r"```.*?```|(?<!\[)`[^`\n]*`(?!\])", re.DOTALL)


@pytest.fixture(scope="module")
def built() -> dict[str, tuple[Any, Any]]:
    return {source.stem: editions(ROOT, source) for source in SOURCES}


@pytest.fixture(
    params=[(s.stem, i) for s in SOURCES for i in (0, 1)], ids=lambda p: f"{EDITIONS[p[1]]}-{p[0][:2]}"
)
def lesson(request: pytest.FixtureRequest, built: dict[str, tuple[Any, Any]]) -> tuple[str, str, Any]:
    stem, edition = request.param
    return stem, EDITIONS[edition], built[stem][edition]


def texts(notebook: Any) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def links(notebook: Any) -> list[tuple[str, str]]:
    return [link for text in texts(notebook) for link in LINK.findall(text)]


def fault(words: str, target: str, stem: str, folder: str, sections: set[str]) -> str:
    """What is wrong with a link of a lesson, or nothing."""
    if target.startswith("#"):
        return "" if target[1:] in sections else "no such section"
    if target.startswith("../lthkit/"):
        name = words.strip("`").removeprefix("lth.")
        return (
            "" if target == f"../{defined_in(name)}" else f"{name} is not defined there, or has no docstring"
        )
    if target.startswith("../"):
        known = {f"../{folder}/{source.stem}.ipynb" for source in SOURCES}
        if target not in known:
            return "no such lesson in this edition"
        number = re.search(r"\d\d", words)
        named = number and target.startswith(f"../{folder}/{number[0]}_")
        return "" if named and stem not in target else "leads to another lesson than it says"
    if re.match(r"attachment:\S", target):
        return ""
    parts = urlsplit(target)
    if (
        parts.scheme != "https"
        or not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", parts.netloc)
        or " " in target
    ):
        return "not a well-formed https address"
    if parts.netloc == "arxiv.org":
        if not re.fullmatch(r"/abs/\d{4}\.\d{5}", parts.path):
            return "not the page of a paper on arXiv"
        said = re.search(r"\d{4}\.\d{5}", words)
        return "" if not said or said[0] in parts.path else "leads to another paper than it says"
    return ""


def test_every_link_leads_where_it_says(lesson: tuple[str, str, Any]) -> None:
    stem, folder, notebook = lesson
    sections = {
        name for text in texts(notebook) for name in re.findall(r'^## <a name="([^"]*)"></a>', text, re.M)
    }
    wrong = [(*link, why) for link in links(notebook) if (why := fault(*link, stem, folder, sections))]
    assert wrong == []


@pytest.mark.parametrize(
    "words, target",
    [
        ("Why", "#Wy"),
        ("lesson 04", "../notebooks/04_iterative.ipynb"),
        ("lesson 04", "../notebooks/06_rewinding.ipynb"),
        ("lesson 04", "../solutions/04_iterative_pruning.ipynb"),
        ("lesson 05", "../notebooks/05_winning_tickets.ipynb"),
        ("lesson 04", "04_iterative_pruning.ipynb"),
        ("`lth.imp`", "../lthkit/tickets/search.py"),
        ("`lth.impp`", "../lthkit/tickets/iterative_pruning.py"),
        ("arXiv 1803.03635", "https://arxiv.org/abs/1903.01611"),
        ("a paper", "https://arxiv.org/pdf/1803.03635"),
        ("a paper", "http://arxiv.org/abs/1803.03635"),
        ("a page", "https://nowhere"),
        ("a page", "https:/github.com/a/b"),
        ("a page", ""),
    ],
)
def test_a_wrong_link_is_seen(words: str, target: str) -> None:
    assert fault(words, target, "05_winning_tickets", "notebooks", {"Why"})


def test_each_section_has_the_anchor_that_notebook_programs_give_it(lesson: tuple[str, str, Any]) -> None:
    """nbconvert's own renderer says which id a heading gets; JupyterLab and Notebook 7 give the same."""
    filters = pytest.importorskip("nbconvert.filters")
    stem, _, notebook = lesson
    page = "".join(filters.markdown2html(text) for text in texts(notebook))
    ids = re.findall(r'<h2 id="([^"]*)"', page)
    named = re.findall(r'<h2[^>]*><a name="([^"]*)"', page)
    assert ids == named != []
    contents = [target[1:] for words, target in links(notebook) if target.startswith("#")]
    assert contents == ids, "the contents list every section, in order"


def test_the_first_screen_says_what_for_how_long_and_what_is_needed(lesson: tuple[str, str, Any]) -> None:
    _, _, notebook = lesson
    first = notebook.cells[0].source
    assert all(part in first for part in ("**You will**", "**Time:**", "**Contents:** [")), first
    assert len(re.sub(r"\]\([^)]*\)", "]", first).split()) < 200
    following = [cell.id for cell in notebook.cells[1:3]]
    assert "setup" in following


def test_lessons_lead_to_the_next_one_and_to_docstrings(lesson: tuple[str, str, Any]) -> None:
    stem, folder, notebook = lesson
    targets = [target for _, target in links(notebook)]
    after = [source.stem for source in SOURCES if source.stem > stem][:1]
    assert all(f"../{folder}/{name}.ipynb" in targets for name in after)
    assert sum(target.startswith("../lthkit/") for target in targets) >= 3
    assert not re.search(r"^\[(contents|docstrings)\]", "\n".join(texts(notebook)), re.M)


def test_every_arxiv_number_is_a_link(lesson: tuple[str, str, Any]) -> None:
    _, _, notebook = lesson
    bare = [
        number
        for text in texts(notebook)
        for number in re.findall(r"\b\d{4}\.\d{5}\b", LINK.sub("", CODE.sub("", text)))
    ]
    assert bare == []


# The parts


def cells_of(*sources: str, kind: str = "markdown") -> list[Any]:
    make = getattr(nbformat.v4, f"new_{kind}_cell")
    return [make(source) for source in sources]


def test_contents_name_sections_and_nothing_else() -> None:
    """Catches: a comment in a block of code taken for a section; a link that Markdown ends at a parenthesis."""
    cells = cells_of(
        "# T\n\n[contents]", "## Why (not)?\n\n```\n## no section\n```\n### deeper\n## `a.b`: *c*"
    )
    with_contents(cells, "here")
    assert cells[0].source.endswith("**Contents:** [Why (not)?](#Why-%28not%29?) · [`a.b`: *c*](#a.b:-c)")
    assert cells[1].source.count("<a name=") == 2 and "\n## no section\n" in cells[1].source
    with pytest.raises(BuildError, match="two sections are called 'Run'"):
        with_contents(cells_of("## Run", "## Run"), "here")


def test_docstrings_follow_every_way_of_importing() -> None:
    code = cells_of(
        "import lthkit as lth\nfrom lthkit.evidence import interval as between\nx = lth.prune(lth.nothing())",
        "%magic",
        "from lthkit import evidence\nevidence.paired(between([1.0]))\nlth.by_tier()\nprint(lth)",
        kind="code",
    )
    (text,) = cells_of("[docstrings]")
    with_docstrings([*code, text])
    names = [words for words, _ in LINK.findall(text.source)]
    assert names == ["lth.prune", "lth.evidence.paired", "lth.evidence.interval"]


def test_an_anchor_is_the_text_of_the_heading() -> None:
    assert anchor("Beside it: `torch.nn.utils.prune`") == "Beside-it:-torch.nn.utils.prune"
    assert anchor("What hardware wants: 2:4") == "What-hardware-wants:-2:4"
