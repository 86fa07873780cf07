"""The glossary: the words of the course, each with the lesson that introduces it. They stand in `glossary.toml`."""

from __future__ import annotations

import html
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lthkit.classroom.cells import BuildError
from lthkit.site.lessons import Lesson, marked

FILE = Path(__file__).with_name("assets") / "glossary.toml"


@dataclass(frozen=True)
class Term:
    """A word of the course. also: other words for it. lesson: two digits of the lesson that introduces it."""

    name: str
    says: str
    lesson: str
    also: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        return "term-" + re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")  # what an address may have


def terms() -> list[Term]:
    """All terms in alphabetical order."""
    found = tomllib.loads(FILE.read_text(encoding="utf-8"))["term"]
    made = [Term(**{**entry, "also": tuple(entry.get("also", ()))}) for entry in found]
    return sorted(made, key=lambda term: term.name.lower())


def page(lessons: Sequence[Lesson]) -> str:
    """The page as Markdown.

    Raises:
        BuildError: a term names a lesson that is not there.
    """
    known = {lesson.number: lesson for lesson in lessons if lesson.number}
    made = []
    for term in terms():
        if term.lesson not in known:
            raise BuildError(f"{FILE.name}: {term.name!r} names lesson {term.lesson!r}, which is not there.")
        also = f" <em>Also: {html.escape(', '.join(term.also))}.</em>" if term.also else ""
        made.append(
            f'<div id="{term.anchor}"><dt>{html.escape(term.name)}</dt> <dd>{marked(term.says)}{also} '
            f'<a href="{known[term.lesson].page}">Lesson&nbsp;{term.lesson}</a></dd></div>'
        )
    return (
        "# Glossary\n\nThe words of the course. Each entry ends with the lesson that introduces the word.\n\n"
        f'<dl class="glossary">{" ".join(made)}</dl>\n'
    )
