"""The course map: every lesson with what one learns there, its minutes and its exercises, and the ways through it."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from lthkit.classroom.cells import BuildError
from lthkit.site.lessons import Lesson, duration

_ROW = re.compile(r"^\| (\d\d) \| \[[^]]*\]\([^)]*\) \| (.*?) \| (.*?) \|$", re.MULTILINE)

WAYS = """\
Lessons build on one another from 00 to 06; 07 to 12 may be read in another order, and 13 can come right after 06 for whoever plans a
run of their own. A short way: 00, 01, 02, 04, 05. Which lesson has which topic, and how a term or two days can be
filled, stands [for instructors](instructors.html#where-each-topic-stands); words are in the [glossary](glossary.html).

A page shows a lesson as it was executed. To work through it, take the notebook at its top, or install the
[package](package.html) and say `lthkit start 00`."""


def page(lessons: Sequence[Lesson], readme: str) -> str:
    """The page as Markdown. readme: the text whose table says what each lesson is about.

    Raises:
        BuildError: a lesson is not in that table.
    """
    told = {number: (about, computer) for number, about, computer in _ROW.findall(readme)}
    items, ends = [], []
    for lesson in lessons:
        name = lesson.title.partition(" · ")[2] or lesson.title
        link = f'<a href="{lesson.page}">{html.escape(name)}</a>'
        facts = [duration(lesson.minutes)]
        if not lesson.number:
            ends.append(f'<li><h3>{link}</h3><p class="facts-line">{facts[0]}</p></li>')
            continue
        if lesson.number not in told:
            raise BuildError(f"README.md: the table of lessons has no row for lesson {lesson.number}.")
        about, computer = told[lesson.number]
        if count := len(lesson.exercises):
            facts.append(f"{count} exercise{'s' if count > 1 else ''}")
        facts.append(f"computer: {computer}")
        items.append(
            f'<li><span class="number" aria-hidden="true">{lesson.number}</span><h3>{link}</h3>'
            f'<p>{html.escape(about)}</p><p class="facts-line">{html.escape(" · ".join(facts))}</p></li>'
        )
    minutes = sum(lesson.minutes for lesson in lessons if lesson.number)
    return (
        f"# The course\n\n{len(items)} lessons, about {round(minutes / 60)} hours with their exercises, and a capstone. Minutes are the "
        f"lessons' own estimates for a student; the computer's are of two cores.\n\n{WAYS}\n\n## Lessons\n\n"
        f'<ol class="course-map">{"".join(items)}</ol>\n\n## Capstone\n\n<ul class="course-map">{"".join(ends)}</ul>\n'
    )
