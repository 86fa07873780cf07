"""Gathers the pages of a site, as Sphinx reads them: lessons, texts of the repository, ledger, reference, glossary."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from lthkit import ledger, pictures
from lthkit.classroom.cells import BuildError
from lthkit.classroom.editions import repository_of, tool
from lthkit.site import course_map, glossary, ledger_pages, reference, sources, start_page
from lthkit.site.figures import FOLDER, Figures
from lthkit.site.lessons import Lesson, numbered, page
from lthkit.site.links import FILES, Links
from lthkit.site.settings import CHAPTERS, conf

ASSETS = Path(__file__).with_name("assets")
PLACES = {".css": "_static", ".js": "_static", ".svg": "_static", ".html": "_templates"}
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
    found = reference.entries()
    where = {file: f"{name}.html" for file, (name, _) in TEXTS.items()} | {"data/claims.toml": "claims.html"}
    for lesson in lessons:
        where |= {f"{folder}/{lesson.name}.ipynb": lesson.page for folder in ("solutions", "notebooks")}
    links = Links(
        root, where, repository=repository, named=reference.named(found), claims=ledger.load_ledger()
    )
    pages.mkdir(parents=True)
    _write_lessons(lessons, links, repository, pages)
    readme = (root / "README.md").read_text(encoding="utf-8")
    made = reference.pages(found) | {
        "index": start_page.page(start_page.numbers()) + _all_pages(lessons),
        "course": course_map.page(lessons, readme),
        "claims": ledger_pages.page(),
        "glossary": glossary.page(lessons),
    }
    for file, (name, title) in TEXTS.items():
        text = links.in_text((root / file).read_text(encoding="utf-8"), file=file)
        made[name] = re.sub(r"\A# .*", f"# {title}", text)
    for name, text in made.items():
        _write(pages / f"{name}.md", text)
    for file, path in reference.source_files(found).items():
        _write(pages / "_extra" / sources.place(file), sources.page(file, path.read_text(encoding="utf-8")))
    for file in sorted(links.copied):
        _copy(root / file, pages / "_extra" / FILES / file)
    (pages / "conf.py").write_text(conf(), encoding="utf-8")
    known = {number: place for lesson in lessons for number, place in numbered(lesson).items()}
    known |= {
        term.name: (f"Glossary: {term.name}", f"glossary.html#{term.anchor}") for term in glossary.terms()
    }
    _write(pages / "_static" / "known.js", f"window.KNOWN = {json.dumps(known)};\n")
    for asset in sorted(ASSETS.iterdir()):
        if kind := PLACES.get(asset.suffix):
            (pages / kind).mkdir(exist_ok=True)
            shutil.copyfile(asset, pages / kind / asset.name)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _copy(path: Path, copy: Path) -> None:
    """Copy a file of the course; in a notebook a picture that an output has twice is there once."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix != ".ipynb":
        shutil.copyfile(path, copy)
        return
    nbformat = tool("nbformat")
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            for kind in [kind for kind in data if kind.startswith("image/")]:
                if f"data:{kind}" in "".join(data.get("text/html", "")):
                    del data[kind]
                    output.metadata.pop(kind, None)
    nbformat.write(notebook, copy)


def _write_lessons(lessons: list[Lesson], links: Links, repository: str, pages: Path) -> None:
    figures = Figures(pages / "_extra" / FOLDER, f"../{FOLDER}/")
    nbformat = tool("nbformat")
    (pages / "lessons").mkdir()
    for lesson in lessons:
        made = page(
            lesson,
            links,
            figures,
            colab=_colab(repository, lesson.name),
            picture=pictures.site,
        )
        nbformat.write(made, pages / "lessons" / f"{lesson.name}.ipynb")


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


def _colab(repository: str, name: str) -> str:
    found = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?", repository)
    return (
        f"https://colab.research.google.com/github/{found[1]}/blob/main/notebooks/{name}.ipynb"
        if found
        else ""
    )


def _all_pages(lessons: list[Lesson]) -> str:
    """The list of all pages, from which the one beside each page is made."""
    parts = []
    for chapter, names in CHAPTERS.items():
        listed = []
        for name in names:
            listed += [f"lessons/{lesson.name}" for lesson in lessons] if name == "*" else [name]
        parts.append("```{toctree}\n:hidden:\n:caption: " + chapter + "\n\n" + "\n".join(listed) + "\n```")
    return "\n" + "\n\n".join(parts) + "\n"
