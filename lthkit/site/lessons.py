"""A lesson as a page: the solved and executed edition, with exercises as a student gets them, hints and solutions folded."""

from __future__ import annotations

import copy
import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lthkit.classroom.cells import BuildError
from lthkit.classroom.exercises import find, find_question
from lthkit.site.docstrings import joined
from lthkit.site.figures import Figures
from lthkit.site.links import Links

_ANCHOR = re.compile(r'^## <a name="([^"]*)"></a>', re.MULTILINE)
_EXERCISE = re.compile(r"^### Exercise (\d\d\.\d+).*", re.MULTILINE)
_TITLE = re.compile(r"# (.+)")
_TIME = re.compile(r"\*\*Time:\*\*\s+(?:about\s+)?(\d+)\s+(minutes|hours)")
# What an output has if its columns stand under one another: it is not to be wrapped.
_ALIGNED = re.compile(r"^[ \t]|\S[ \t]{2,}\S|\t", re.MULTILINE)
_CHECKED = re.compile(r"(?:check|hint)\([^\n]*\)|\w+ = use\([^\n]*\)")
# Pictures that answer on a page and not in its notebook: (name, lesson, the heading under which it stands).
PICTURES = (("painter", "02", "What a mask can tell"),)
_HEADING = re.compile(r"^#{2,4} +(?:<a [^>]*></a>)?(.+?) *$", re.MULTILINE)
_STILL = '<p class="lesson-note">On this page the figure stands still. In the notebook, with a kernel, its sliders move it.</p>'
_LATER = "The outputs on this page are those of the solved edition, which ran on two cores."


@dataclass(frozen=True)
class Lesson:
    """One lesson, or part of the capstone. name: "05_winning_tickets". solved, student: its notebooks as they are stored."""

    name: str
    solved: Any
    student: Any

    @property
    def number(self) -> str:
        """Two digits, or "" for a part of the capstone."""
        return self.name[:2] if self.name[:2].isdigit() else ""

    @property
    def title(self) -> str:
        found = _TITLE.match(self.solved.cells[0].source)
        if found is None:
            raise ValueError(
                f"solutions/{self.name}.ipynb does not begin with a title, such as '# 05 · Winning tickets'."
            )
        return found[1].strip()

    @property
    def minutes(self) -> int:
        """How long a student needs, by the lesson's own estimate."""
        found = _TIME.search(self.solved.cells[0].source)
        if found is None:
            raise ValueError(
                f"solutions/{self.name}.ipynb does not say '**Time:** about N minutes' in its first cell."
            )
        return int(found[1]) * (60 if found[2] == "hours" else 1)

    @property
    def exercises(self) -> list[str]:
        """The numbers of its exercises, such as ["05.1", "05.2"]."""
        return [cell.metadata["exercise"] for cell in self.solved.cells if "exercise" in cell.metadata]

    @property
    def page(self) -> str:
        return f"lessons/{self.name}.html"


def numbered(lesson: Lesson) -> dict[str, tuple[str, str]]:
    """The exercises and questions of a lesson by number, each with its heading and its place: what is asked for by a number."""
    found: dict[str, tuple[str, str]] = {}
    for cell in lesson.solved.cells:
        for heading in _EXERCISE.finditer(cell.source if cell.cell_type == "markdown" else ""):
            found[heading[1]] = (heading[0].removeprefix("### "), f"{lesson.page}#exercise-{heading[1]}")
        if number := cell.metadata.get("question"):
            found[number] = (f"Question {number}", f"{lesson.page}#question-{number}")
    return found


def duration(minutes: int) -> str:
    """Minutes in words."""
    return f"{minutes} minutes" if minutes < 180 else f"{minutes // 60} hours"


def page(
    lesson: Lesson,
    links: Links,
    figures: Figures,
    *,
    colab: str,
    picture: Callable[[str], str] | None,
    places: Sequence[tuple[str, str, str]] = PICTURES,
) -> Any:
    """The notebook from which the page of a lesson is made.

    Args:
        links: what turns links between notebooks into links between pages.
        figures: takes the pictures out of the outputs and gives them files of their own.
        colab: the address that opens the student's notebook on Colab, "" if there is none.
        picture: what stands on the site in place of the interactive picture of this name; None leaves it as it is.
        places: where such pictures stand that the notebook does not have: name, lesson, heading.

    Raises:
        BuildError: a link leads nowhere, or there is no heading under which a picture is to stand.
    """
    file = f"solutions/{lesson.name}.ipynb"
    stubs = {cell.id: cell for cell in lesson.student.cells}
    made = copy.deepcopy(lesson.solved)
    cells: list[Any] = []
    for cell in made.cells:
        if cell.cell_type == "markdown":
            cell.source = links.in_text(_anchored(_without_contents(cell.source)), file=file)
            cells.append(cell)
        elif cell.cell_type == "code":
            try:
                cells += _code(cell, stubs, figures, picture, made.nbformat)
            except ValueError as error:  # of a figure without words, or of an exercise that is not there
                raise BuildError(f"{file}: {error}") from error
    if picture is not None:
        for name, number, heading in places:
            if number == lesson.number:
                _put_under(cells, heading, picture(name), file)
    title, _, rest = cells[0].source.partition("\n")
    head = [title, "", _head(lesson, links, colab), rest]
    cells[0].source = "\n".join(head)
    made.cells = cells
    made.metadata.pop("lthkit", None)
    for i, cell in enumerate(cells):
        cell.id = f"cell-{i}"
    return made


def _put_under(cells: list[Any], heading: str, fragment: str, file: str) -> None:
    """Put a fragment of HTML at the end of the part of a lesson that has this heading, in place."""
    for i, cell in enumerate(cells):
        if cell.cell_type != "markdown":
            continue
        found = next((m for m in _HEADING.finditer(cell.source) if m[1] == heading), None)
        if found is None:
            continue
        for j in range(i, len(cells)):
            if cells[j].cell_type != "markdown":
                continue
            if after := _HEADING.search(cells[j].source, found.end() if i == j else 0):
                before, rest = cells[j].source[: after.start()], cells[j].source[after.start() :]
                cells[j : j + 1] = [_text(before, cell), _raw(fragment, cell), _text(rest, cell)]
                return
        cells.append(_raw(fragment, cell))
        return
    raise BuildError(
        f"{file}: there is no heading {heading!r}, under which an interactive picture is to stand."
    )


def _raw(fragment: str, like: Any) -> Any:
    ticks = "`" * 8
    return _text(f"{ticks}{{raw}} html\n{fragment}\n{ticks}", like)


def _anchored(text: str) -> str:
    """Sections that are found under the names that notebooks give them."""
    text = _ANCHOR.sub(lambda m: f'<a id="{m[1]}"></a>\n\n## ', text)
    return _EXERCISE.sub(lambda m: f'<a id="exercise-{m[1]}"></a>\n\n{m[0]}', text)


def _without_contents(text: str) -> str:
    """A page has its list of contents beside it."""
    return "\n".join(line for line in text.split("\n") if not line.startswith("**Contents:** "))


def _head(lesson: Lesson, links: Links, colab: str) -> str:
    """What stands below the title: minutes, the two notebooks, Colab."""
    items = [f"<li>{duration(lesson.minutes)}</li>"]
    if count := len(lesson.exercises):
        items.append(f"<li>{count} exercise{'s' if count > 1 else ''}</li>")
    for edition, folder in (("to fill in", "notebooks"), ("solved", "solutions")):
        place = links.from_page(lesson.page, links.file(f"{folder}/{lesson.name}.ipynb"))
        items.append(f'<li><a href="{place}" download>Notebook {edition}</a></li>')
    items.append(f'<li><a href="{links.from_page(lesson.page, "glossary.html")}">Glossary</a></li>')
    if colab:
        items.append(f'<li><a href="{html.escape(colab)}">Open in Colab</a></li>')
    return f'<ul class="lesson-head">{" ".join(items)}</ul>\n\n<p class="lesson-note">{_LATER}</p>\n'


def _code(
    cell: Any, stubs: dict[str, Any], figures: Figures, picture: Callable[[str], str] | None, form: int
) -> list[Any]:
    """The cells that stand in place of one code cell."""
    tags = cell.metadata.get("tags", [])
    own = cell.id
    outputs = [figures.taken_out(output, picture) for output in cell.outputs]
    cell.outputs, cell.metadata = outputs, {}
    if "exercise" in stubs.get(own, {}).get("metadata", {}):
        number = stubs[own].metadata["exercise"]
        solution = cell.source
        cell.source, cell.outputs = stubs[own].source, []
        return [cell, _text(_folded_help(number, solution), cell)]
    if "question" in stubs.get(own, {}).get("metadata", {}):
        return [_text(_question(stubs[own].metadata["question"]), cell)]
    if _CHECKED.fullmatch(cell.source.strip()):
        cell.outputs = []  # of the solved edition; here stands a stub
        return [cell]
    if "setup" in tags:
        cell.metadata = {
            "tags": ["hide-input"],
            "mystnb": {"code_prompt_show": "Set-up", "code_prompt_hide": "Set-up"},
        }
        return [cell]
    if _in_sentences(outputs):
        cell.metadata = {"tags": ["sentences"]}  # a class of the cell, for the style sheet
    if "solution-only" in tags:
        before = '<details class="solution"><summary>What the solution shows</summary>'
        return [_text(before, cell), cell, _text("</details>", cell)]
    return [cell, _text(_STILL, cell)] if "lth.explore." in cell.source else [cell]


def _in_sentences(outputs: list[Any]) -> bool:
    """Whether a cell prints something whose lines may be wrapped: no columns in it stand under one another."""
    printed = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return any(printed) and not any(_ALIGNED.search("".join(text)) for text in printed)


def _text(source: str, like: Any) -> Any:
    """A text cell; `like` is a cell of the same notebook format."""
    made = copy.deepcopy(like)
    for key in ("outputs", "execution_count"):
        made.pop(key, None)
    made.cell_type, made.metadata, made.source = "markdown", {}, source
    return made


def _folded_help(number: str, solution: str) -> str:
    """Hints, one in the other's shadow, and the solution."""
    hints = find(number).hints
    folded = [
        f'<details class="hint"><summary>Hint {i} of {len(hints)}</summary>\n<p>{marked(text)}</p>\n</details>'
        for i, text in enumerate(hints, start=1)
    ]
    ticks = "`" * 4
    folded.append(
        f'<details class="solution"><summary>Solution of {number}</summary>\n\n{ticks}python\n{solution}\n{ticks}\n\n</details>'
    )
    return "\n\n".join(folded)


def _question(number: str) -> str:
    """A question whose options open and say whether they are right, and why."""
    question = find_question(number)
    options = []
    for letter, option in zip("abcdefgh", question.options, strict=False):
        verdict = "Right." if option.right else "Not right."
        options.append(
            f"<li><details><summary>{letter}) {marked(option.text)}</summary>"
            f"<p><strong>{verdict}</strong> {marked(option.because)}</p></details></li>"
        )
    head = f"<p><strong>Question {number}</strong> {marked(question.text)}</p>"
    return f'<div class="question" id="question-{number}">{head}<ul>{"".join(options)}</ul></div>'


def marked(text: str) -> str:
    """Text as HTML of one line, in which names between backquotes stand as code."""
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html.escape(joined(text), quote=False)).replace(
        "\n", "<br>"
    )
