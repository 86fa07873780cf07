"""Gathers the pages of a site, as Sphinx reads them: lessons, texts of the repository, ledger, reference, glossary."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from lthkit.classroom.cells import BuildError
from lthkit.classroom.editions import repository_of, tool
from lthkit.site.figures import FOLDER, Figures
from lthkit.site.lessons import Lesson, page
from lthkit.site.links import Links
from lthkit.site.settings import CHAPTERS, conf

ASSETS = Path(__file__).with_name("assets")
# Texts of the repository that are pages: file -> page and title.
TEXTS = {
    "README.md": ("package", "The package: installing it, and research with it"),
    "CONTRIBUTING.md": ("contributing", "Contributing"),
    "data/README.md": ("records", "Data and records"),
    "solutions/README.md": ("instructors", "For instructors"),
    "solutions/from_a_laptop_to_a_cluster.md": ("cluster", "From a laptop to a cluster"),
}


def gather(root: Path, pages: Path) -> None:
    """Write all that Sphinx needs into `pages`, a folder that is made.

    Raises:
        BuildError: a link leads nowhere, or a file of the course is missing.
    """
    lessons = read_lessons(root)
    repository = repository_of(root)
    where = {file: f"{name}.html" for file, (name, _) in TEXTS.items()}
    for lesson in lessons:
        for folder in ("solutions", "notebooks"):
            where[f"{folder}/{lesson.name}.ipynb"] = lesson.page
    where["data/claims.toml"] = "claims.html"
    links = Links(root, where, repository=repository, named={})
    pages.mkdir(parents=True)
    figures = Figures(pages / "_extra" / FOLDER, f"../{FOLDER}/")
    nbformat = tool("nbformat")
    (pages / "lessons").mkdir()
    for lesson in lessons:
        made = page(lesson, links, figures, colab=_colab(repository, lesson.name), picture=_picture())
        nbformat.write(made, pages / "lessons" / f"{lesson.name}.ipynb")
    for file, (name, title) in TEXTS.items():
        text = links.in_text((root / file).read_text(encoding="utf-8"), file=file)
        (pages / f"{name}.md").write_text(re.sub(r"\A# .*", f"# {title}", text), encoding="utf-8")
    for path in sorted(links.copied):
        copy = pages / "_extra" / "files" / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, copy)
    (pages / "index.md").write_text(_index(lessons), encoding="utf-8")
    (pages / "conf.py").write_text(conf({}), encoding="utf-8")
    (pages / "_static").mkdir()
    (pages / "_templates").mkdir()
    for asset in sorted(ASSETS.iterdir()):
        kind = {".css": "_static", ".js": "_static", ".html": "_templates"}.get(asset.suffix)
        if kind:
            shutil.copyfile(asset, pages / kind / asset.name)


def read_lessons(root: Path) -> list[Lesson]:
    """The lessons of a course in their order, the parts of the capstone last."""
    nbformat = tool("nbformat")
    found = []
    for path in sorted((root / "solutions").glob("*.ipynb")):
        student = root / "notebooks" / path.name
        if not student.is_file():
            raise BuildError(f"notebooks/{path.name} is missing; run `lthkit build`.")
        found.append(
            Lesson(path.stem, nbformat.read(path, as_version=4), nbformat.read(student, as_version=4))
        )
    return found


def _picture() -> Any:
    """What makes an interactive picture for the site."""
    return None


def _colab(repository: str, name: str) -> str:
    found = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?", repository)
    return (
        f"https://colab.research.google.com/github/{found[1]}/blob/main/notebooks/{name}.ipynb"
        if found
        else ""
    )


def _index(lessons: list[Lesson]) -> str:
    parts = ["# Winning Tickets"]
    for chapter, names in CHAPTERS.items():
        listed = []
        for name in names:
            listed += [f"lessons/{lesson.name}" for lesson in lessons] if name == "*" else [name]
        parts.append("```{toctree}\n:hidden:\n:caption: " + chapter + "\n\n" + "\n".join(listed) + "\n```")
    return "\n\n".join(parts) + "\n"
