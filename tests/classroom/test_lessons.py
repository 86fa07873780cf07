"""What a reader of the built lessons meets: pictures with words, links that lead somewhere, no path of another machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
STUDENTS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
SOLVED = sorted((ROOT / "solutions").glob("[0-9][0-9]_*.ipynb"))
PICTURE = re.compile(r"!\[([^]]*)\]\(([^)]*)\)")
LINK = re.compile(r"(?<!!)\[[^]]+\]\(([^)#\s]+)[^)]*\)")
# A folder above, a home, a root, a drive: none of them is on the reader's machine.
OUTSIDE = re.compile(r"""["'](?:\.\./|~|/(?!["'])|[A-Za-z]:[\\/])|\bfile://|/(?:home|tmp|Users|root)/""")


def names(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


@pytest.fixture(params=STUDENTS + SOLVED, ids=names)
def path(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture
def notebook(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def test_there_are_lessons() -> None:
    assert [p.name for p in STUDENTS] == [p.name for p in SOLVED] != []


def test_the_file_is_a_valid_notebook(notebook: Any) -> None:
    """Catches what GitHub calls "Invalid Notebook"; a widget without its state is one of the reasons."""
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    views = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if any("widget-view" in kind for kind in output.get("data", {}))
    ]
    assert not views


def test_each_picture_has_words(notebook: Any) -> None:
    """Catches a picture without words, and one that has them in its metadata alone, where no reader of a page finds them."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert all(words.strip() for words, _ in PICTURE.findall(cell.source)), cell.source
        for output in cell.get("outputs", []):
            kinds = set(output.get("data", {}))
            for kind in kinds & {"image/png", "image/jpeg", "image/svg+xml"}:
                words = output.metadata.get(kind, {}).get("alt", "")
                assert len(words) > 40 and output.data["text/plain"] == words, cell.source
            pictures = re.findall("<img[^>]*>", "".join(output.get("data", {}).get("text/html", "")))
            if any(kind.startswith("image/") for kind in kinds):
                assert pictures, (
                    f"neither JupyterLab nor nbconvert says the words of this picture: {cell.source}"
                )
            assert all(re.search(r'alt="[^"]{41,}"', picture) for picture in pictures), cell.source


def test_links_lead_somewhere(path: Path, notebook: Any) -> None:
    """A copy in `my/` lies beside `notebooks/`, so that a link to a file goes one folder up; test_links.py follows it."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            targets = [*LINK.findall(cell.source), *(target for _, target in PICTURE.findall(cell.source))]
            assert all(
                re.match(r"https://\S+$|attachment:|\.\./(notebooks|solutions|lthkit)/\w", target)
                for target in targets
            ), targets


def test_no_path_of_another_machine(path: Path, notebook: Any) -> None:
    for cell in notebook.cells:
        for text in (cell.source, *(str(output) for output in cell.get("outputs", []))):
            found = OUTSIDE.search(re.sub(r"'image/png': '[^']*'", "", text).replace('"/>', '">'))
            assert not found, f"{path.name}: {text[max(0, found.start() - 40) : found.end() + 40]}"


COLUMNS = 80  # a page breaks a longer line inside of words and numbers
NO_PROSE = {  # lesson -> how lines begin that may be longer: code, tensors, what torch says, a line under a figure
    "02_masks": ("it cannot be copied: Only Tensors created explicitly",),
    "03_training_loops": (
        '    """One update',
        "    masks: parameter name",
        "        images, labels = images.to(",
    ),
    "06_rewinding": ("resnet-20 of width 8, CIFAR-10 at 16x16",),
    "08_pruning_at_init": ("        [0.14, 0.12]], dtype=torch.float64)",),
    "11_sparse_is_not_fast": ("3,675 gradients instead of 235,200",),
}
EXECUTED = sorted((ROOT / "solutions").glob("*.ipynb"))


def printed(notebook: Any) -> list[str]:
    """The lines of what was printed."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [line for output in outputs if output.output_type == "stream" for line in output.text.splitlines()]


@pytest.mark.parametrize("solved", EXECUTED, ids=names)
def test_printed_lines_fit(solved: Path) -> None:
    """Catches a sentence that a narrow page would break inside of words and numbers; print it with `lth.filled`."""
    allowed = NO_PROSE.get(solved.stem, ())
    long = [line for line in printed(nbformat.read(solved, as_version=4)) if len(line) > COLUMNS]
    assert [line for line in long if not line.startswith(allowed)] == []
    assert all(any(line.startswith(start) for line in long) for start in allowed), (
        "one exception is not needed"
    )
