"""What the site is made of, piece by piece, and that it is built whole or not at all."""

from __future__ import annotations

import base64
import importlib.util
import os
import re
import struct
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from lthkit.__main__ import main
from lthkit.classroom.cells import BuildError
from lthkit.site import building, course_map, glossary, reference, serve, server, sources, start_page
from lthkit.site.docstrings import as_markdown, escaped
from lthkit.site.figures import Figures
from lthkit.site.lessons import Lesson, page
from lthkit.site.links import Links

ROOT = Path(__file__).resolve().parents[2]
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 200, 100) + b"rest"


@pytest.fixture
def links(tmp_path: Path) -> Links:
    for name in ("solutions/01_a.ipynb", "data/x.csv", "data/x.png", "README.md", "../beside.txt"):
        path = tmp_path / "course" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    where = {
        "solutions/01_a.ipynb": "lessons/01_a.html",
        "notebooks/01_a.ipynb": "lessons/01_a.html",
        "README.md": "package.html",
    }
    named = {"lth.prune": "reference/pruning.html#pruning.prune"}
    return Links(tmp_path / "course", where, repository="", named=named, claims={"hill-mnist"})


def test_links_lead_to_pages_copies_and_the_reference(links: Links) -> None:
    text = (
        "[a](../notebooks/01_a.ipynb#Run) [b](../README.md#two) ![words](../data/x.png) [lth.prune](../lthkit/pruning/x.py) "
        "[rows](../data/x.csv) [out](https://example.org/(x) `[c](../no/such)` (`hill-mnist`, `hill`)\n```python\nx[0](../no)\n```"
    )
    made = links.in_text(text, file="solutions/01_a.ipynb")
    for part in (
        "[a](#Run)", "[b](../package.html#two)", '<img src="../files/data/x.png" alt="words"', "[rows](../files/data/x.csv)",
        "[lth.prune](../reference/pruning.html#pruning.prune)", "[out](https://example.org/(x)", "`[c](../no/such)`", "x[0](../no)",
        "([`hill-mnist`](../claims.html#hill-mnist), `hill`)",
    ):  # fmt: skip
        assert part in made, made
    assert links.copied == {"data/x.png", "data/x.csv"}


@pytest.mark.parametrize("target", ["../data/no.csv", "../../beside.txt", "../data"])
def test_a_link_to_nothing_stops_the_build(links: Links, target: str) -> None:
    with pytest.raises(
        BuildError, match=re.escape(f"solutions/01_a.ipynb: the link to {target} leads to no file")
    ):
        links.in_text(f"[x]({target})", file="solutions/01_a.ipynb")


def test_with_an_address_files_are_linked_there(links: Links) -> None:
    there = Links(links.root, links.pages, repository="https://github.com/n/c/", named={})
    assert (
        there.of("../data/x.csv", text="x", file="solutions/01_a.ipynb")
        == "https://github.com/n/c/blob/main/data/x.csv"
    )
    assert not there.copied


def test_a_link_keeps_its_title_its_place_and_a_blank_in_its_name(links: Links) -> None:
    """Catches a link that is not seen and stays as it was, and one that leads to the head of a file."""
    (links.root / "data/a b.csv").write_text("x")
    text = '[a](../README.md#two "more") [b](../data/a%20b.csv)'
    made = links.in_text(text, file="solutions/01_a.ipynb")
    assert made == '[a](../package.html#two "more") [b](../files/data/a%20b.csv)'
    assert links.copied == {"data/a b.csv"}
    there = Links(links.root, links.pages, repository="https://github.com/n/c", named={})
    made = there.of("../data/a%20b.csv#L3", text="x", file="solutions/01_a.ipynb")
    assert made == "https://github.com/n/c/blob/main/data/a%20b.csv#L3"


def output(html: str = "", **data: str) -> Any:
    nbformat = pytest.importorskip("nbformat")
    return nbformat.v4.new_output(
        "display_data", {**({"text/html": html} if html else {}), **data}, metadata={}
    )


def test_pictures_become_files_and_keep_their_words(tmp_path: Path) -> None:
    """Catches: an alt text that is lost or cut at a quote."""
    figures = Figures(tmp_path / "figures", "../figures/")
    coded = base64.b64encode(PNG).decode()
    words = "ticket &quot;a&quot; > dense &amp; more"
    made = figures.taken_out(
        output(f'<p>before</p><img src="data:image/png;base64,{coded}" width="100" alt="{words}"><p>after'),
        None,
    )
    (file,) = (tmp_path / "figures").iterdir()
    assert file.read_bytes() == PNG
    assert (
        f'src="../figures/{file.name}"' in made.data["text/html"]
        and 'width="100" height="50"' in made.data["text/html"]
    )
    assert 'alt="ticket &quot;a&quot; &gt; dense &amp; more"' in made.data["text/html"]
    assert made.data["text/html"].startswith("<p>before</p>") and made.data["text/html"].endswith("<p>after")
    plain = output(**{"image/png": coded})
    plain.metadata = {"image/png": {"alt": "words"}}
    assert 'alt="words"' in figures.taken_out(plain, None).data["text/html"]
    for wordless in (
        output(**{"image/png": coded}),
        output(f'<img src="data:image/png;base64,{coded}" alt=" ">'),
    ):
        with pytest.raises(ValueError, match="no text alternative"):
            figures.taken_out(wordless, None)


def test_a_frame_with_a_picture_is_replaced_by_the_picture(tmp_path: Path) -> None:
    frame = '<iframe srcdoc="&lt;p&gt;" data-picture="rounds" title="t"></iframe><p>rest'
    figures = Figures(tmp_path, "../")
    assert (
        figures.taken_out(output(frame), lambda name: f"<figure>{name}</figure>").data["text/html"]
        == "<figure>rounds</figure><p>rest"
    )
    assert figures.taken_out(output(frame), None).data["text/html"] == frame


def lesson() -> Lesson:
    nbformat = pytest.importorskip("nbformat")
    v4 = nbformat.v4

    def cells(solved: bool) -> list[Any]:
        code = "return 1" if solved else 'raise NotImplementedError("05.1: your code goes here")'
        checked = [v4.new_output("stream", text="passed")] if solved else []
        made = [
            v4.new_markdown_cell(
                "# 05 · A title\n\n**Time:** about 45 minutes.\n\n**Contents:** [Run](#Run)"
            ),
            v4.new_markdown_cell(
                'Before.\n\n## <a name="Run"></a>Run\n\nText.\n\n### What the numbers say\n\nThey say.'
            ),
            v4.new_code_cell(f"def f():\n    {code}", metadata={"exercise": "05.1"}),
            v4.new_code_cell('check("05.1", f)', outputs=checked),
            v4.new_code_cell(
                'quiz("05.Q1", "c")' if solved else 'quiz("05.Q1", None)',
                metadata={"question": "05.Q1"},
                outputs=checked,
            ),
            v4.new_code_cell("f()", outputs=checked),
            v4.new_markdown_cell("### Later"),
            v4.new_code_cell("lth.explore.look()"),
        ]
        for i, cell in enumerate(made):
            cell.id = f"c{i}"
        return made

    return Lesson("05_a", v4.new_notebook(cells=cells(True)), v4.new_notebook(cells=cells(False)))


def made_page(tmp_path: Path, **given: Any) -> str:
    own = lesson()
    where = {"solutions/05_a.ipynb": own.page, "notebooks/05_a.ipynb": own.page}
    links = Links(tmp_path, where, repository="", named={})
    made = page(
        own,
        links,
        Figures(tmp_path / "f", "../f/"),
        colab=given.pop("colab", ""),
        picture=given.pop("picture", None),
        **given,
    )
    return "\n=====\n".join(
        cell.source + "".join(f"\n>> {o.text}" for o in cell.get("outputs", [])) for cell in made.cells
    )


def test_a_lesson_shows_exercises_as_a_student_has_them_and_folds_the_rest(tmp_path: Path) -> None:
    """Catches: a solution in the open, an answer that is given away, a check that is passed above a stub."""
    text = made_page(tmp_path)
    stub, solution = text.index("your code goes here"), text.index("return 1")
    assert stub < text.index("<summary>Hint 1 of 3") < text.index('<details class="solution">') < solution
    assert text.count(">> passed") == 1 and text.index(">> passed") > text.index("f()")
    assert (
        "quiz(" not in text
        and text.count("<strong>Right.</strong>") == 1
        and text.count("<strong>Not right.</strong>") == 2
    )
    assert "**Contents:**" not in text and '<a id="Run"></a>\n\n## Run' in text
    for part in ("<li>45 minutes</li>", "files/notebooks/05_a.ipynb", "files/solutions/05_a.ipynb"):
        assert part in text
    assert "Colab" not in text and "Colab" in made_page(tmp_path, colab="https://colab.research.google.com/x")


def test_a_page_says_that_a_figure_with_sliders_stands_still_there(tmp_path: Path) -> None:
    """Catches: a reader who looks for the slider of which the text speaks."""
    text = made_page(tmp_path)
    assert text.count("On this page the figure stands still.") == 1
    assert text.index("lth.explore.look()") < text.index("On this page the figure stands still.")


def test_a_picture_stands_at_the_end_of_its_part(tmp_path: Path) -> None:
    places = [("rounds", "05", "What the numbers say"), ("seeds", "13", "The noise floor")]
    text = made_page(tmp_path, picture=lambda name: f"<figure>{name}\n\n</figure>", places=places)
    assert (
        text.index("They say.") < text.index("f()") < text.index("<figure>rounds") < text.index("### Later")
    )
    assert "seeds" not in text
    assert "<figure>" not in made_page(tmp_path, picture=lambda name: "<figure>", places=())


def test_a_picture_without_its_heading_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no heading 'No such part'"):
        made_page(tmp_path, picture=str, places=[("rounds", "05", "No such part")])


def test_a_picture_without_words_is_told_with_its_lesson(tmp_path: Path) -> None:
    own = lesson()
    own.solved.cells[5].outputs = [output(**{"image/png": base64.b64encode(PNG).decode()})]
    links = Links(tmp_path, {"solutions/05_a.ipynb": own.page}, repository="", named={})
    with pytest.raises(BuildError, match=r"solutions/05_a\.ipynb: .*no text alternative"):
        page(own, links, Figures(tmp_path / "f", "../f/"), colab="", picture=None)


def test_words_with_signs_of_html_are_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a title, a time or a term that ends a tag, and an anchor that an address cannot have."""
    own = lesson()
    own.solved.cells[0].source = own.solved.cells[0].source.replace("A title", "Masks & <b> zeros")
    readme = "| 05 | [x](notebooks/05_a.ipynb) | one <i> & two | < 1 minute |"
    made = course_map.page([own], readme)
    assert ">Masks &amp; &lt;b&gt; zeros</a>" in made and "one &lt;i&gt; &amp; two" in made
    assert "computer: &lt; 1 minute" in made
    term = glossary.Term("2 % <a> & b", "a word", "05", ("c & d",))
    with monkeypatch.context() as given:
        given.setattr(glossary, "terms", lambda: [term])
        made = glossary.page([own])
    assert '<div id="term-2-a-b"><dt>2 % &lt;a&gt; &amp; b</dt>' in made and "Also: c &amp; d." in made
    anchors = [one.anchor for one in glossary.terms()]
    assert len(set(anchors)) == len(anchors) and all(re.fullmatch(r"[a-z0-9-]+", one) for one in anchors)
    assert "[[START]]" in sources.page("lthkit/x.py", "x = '[[START]]'\n").partition("<main")[2]


def test_a_docstring_is_shown_as_it_stands() -> None:
    text = "Keeps `a*b`, a_b and <x>.\n\n        lth.f()\n\n        lth.g()\n\n    steps: of a run,\n        and more. \n    Not an item: this.\n\n    Args:\n        x: one\n            two.\n        y, z: three"
    made = as_markdown(text, names={"steps"})
    assert r"Keeps `a*b`, a\_b and \<x\>." in made
    assert "```python\nlth.f()\n\nlth.g()\n```" in made
    assert "- `steps`: of a run, and more." in made and "**Args**\n\n- `x`: one two.\n- `y, z`: three" in made


def test_each_name_of_a_docstring_is_an_item_of_its_own() -> None:
    """Catches what stands second in a line, and is read as a part of the first; and a word that is no name of an item."""
    text = "What.\n\n    a: one; b, c: two, d: no. e: `x. b: y`. So: it\n    goes on. d: last"
    items = ["- `a`: one.", "- `b, c`: two, d: no. e: `x. b: y`. So: it goes on.", "- `d`: last"]
    assert as_markdown(text, names=set("abcd")) == "What.\n\n" + "\n".join(items)
    raises = "What.\n\nRaises:\n    ValueError: of a. claims.Taken: by None: no. OSError: that"
    assert as_markdown(raises).endswith(
        "- `ValueError`: of a.\n- `claims.Taken`: by None: no.\n- `OSError`: that"
    )
    args = "What.\n\nArgs:\n    a: one. b: two.\n\nRaises:\n    ValueError: of a. b: no."
    assert "- `a`: one.\n- `b`: two.\n" in as_markdown(args, names={"a", "b"})


def test_the_reference_shows_texts_of_ours_and_no_helper() -> None:
    """Catches the docstring that Python makes up for a class without one, and a default that a private function makes."""
    found = reference.entries()
    made_up = [name for name, one in found.items() if (one.what.__doc__ or "").startswith(f"{one.own}(")]
    assert made_up == []
    made = reference.pages(found)
    settings = made["reference/bench"]
    assert "    short: int = 7\n" in settings and "_full" not in settings
    own = [line for page in made.values() for line in page.split("\n") if re.search(r"field\(|= _", line)]
    assert own == []


def test_an_argument_is_no_link_to_a_function_of_its_name() -> None:
    """Catches "`tier`" of `by_tier`, which is what was given, as a link to `lth.tier`; and words about a file on a page."""
    made = reference.pages(reference.entries())
    said = made["reference/machine"].partition("## by_tier\n")[2].partition("\n## ")[0]
    assert "`tier`" in said and "[`tier`]" not in said and "](#machine.tier)" not in said
    assert [name for name, text in made.items() if "table of contents." in text.replace("\n", " ")] == []


def test_the_reference_has_every_name_of_the_package_and_where_it_is(tmp_path: Path) -> None:
    import lthkit as lth

    found = reference.entries()
    named = reference.named(found)
    for name in lth.__all__:
        what = getattr(lth, name)
        if callable(what) and getattr(what, "__doc__", None):
            assert f"lth.{name}" in named, name
    made = reference.pages(found)
    assert (
        "def prune(\n    mask: Mask,\n    scores: Mapping[str, Tensor],\n    fraction: float,\n    *,\n"
        in made["reference/pruning"]
    )
    file, line = found["pruning.prune"].code
    code = (ROOT / file).read_text(encoding="utf-8").splitlines()
    assert code[line - 1].startswith("def prune(")
    shown = sources.page(file, "\n".join(code))
    at_line = re.search(rf'<span id="line-{line}">(.*)', shown)
    assert at_line and re.sub("<[^>]*>", "", at_line[1]).startswith("def prune(")
    assert "[[" not in shown.split("<main", 1)[0]


def test_each_term_is_a_word_of_the_lesson_that_it_names_and_no_earlier_one_introduces_it() -> None:
    """Catches: a lesson that was named from memory."""
    texts: dict[str, str] = {}
    for source in sorted((ROOT / "solutions").glob("[0-9]*.py")):
        lines = source.read_text(encoding="utf-8").splitlines()
        texts[source.stem[:2]] = "\n".join(line[2:] for line in lines if line.startswith("#"))
    # Bold elsewhere first: in brackets, for one of the museum's exhibits; explained in full after a first use.
    passing = {"supermask": "12", "95 % interval": "13", "paired difference": "13"}
    terms = glossary.terms()
    assert len({term.name for term in terms}) == len(terms) > 70
    for term in terms:
        flags = 0 if term.name.isupper() else re.IGNORECASE
        words = re.escape(term.name).replace(r"\ ", r"\s+")
        assert re.search(rf"(?<!\w){words}", texts[term.lesson], flags), (
            f"{term.name}: not in lesson {term.lesson}"
        )
        introduces = re.compile(rf"\*+(?:The |A )?{words}s?[.,:;]?\*+", flags)
        first = next((number for number, text in texts.items() if introduces.search(text)), term.lesson)
        assert first == passing.get(term.name, term.lesson), f"{term.name}: lesson {first} introduces it"


def test_the_drawn_ticket_leads_from_inputs_to_each_output() -> None:
    stay = start_page.kept(start_page._weights())
    first = [weight for weight in stay if weight.start[0] == 20]
    second = [weight for weight in stay if weight not in first]
    assert {weight.end for weight in first} == {weight.start for weight in second}
    assert len({weight.end for weight in second}) == start_page.LAYERS[-1]
    assert any(weight.first * weight.last < 0 for weight in stay)  # to go back is seen


def test_formulas_are_mathml_or_refused() -> None:
    pytest.importorskip("sphinx", reason='pip install -e ".[dev]"')
    from lthkit.site.formulas import mathml

    assert mathml(r"\frac1B\sum_b g_b", block=True).startswith("<math") and "\\" not in mathml(
        r"\Big| x \Big|", block=False
    )
    with pytest.raises(Exception, match="nosuch"):
        mathml(r"\nosuch x", block=False)


# Whole or not at all


def stage(folder: Path, text: str) -> Path:
    pytest.importorskip("sphinx", reason='pip install -e ".[dev]"')
    (folder / "pages").mkdir(parents=True)
    (folder / "pages/conf.py").write_text(
        "extensions = ['myst_nb']\nnb_execution_mode = 'off'\nhtml_theme = 'basic'\n"
    )
    (folder / "pages/index.md").write_text(text)
    return folder


def test_a_warning_is_an_error_that_names_the_page(tmp_path: Path) -> None:
    building._run_sphinx(stage(tmp_path / "good", "# Title\n\nText.\n"))
    assert (tmp_path / "good/html/index.html").is_file()
    with pytest.raises(BuildError, match=r"index\.md:3.*nosuch"):
        building._run_sphinx(stage(tmp_path / "bad", "# Title\n\n{nosuch}`x`\n"))


def test_what_sphinx_says_in_other_letters_is_told(tmp_path: Path) -> None:
    """Catches an error of reading in place of the warning, as on a machine whose console is not in UTF-8."""
    folder = stage(tmp_path / "bad", "# Title\n\n{nosuch}`x`\n")
    with open(folder / "pages/conf.py", "a") as conf:
        conf.write("import sys\nsys.stderr.buffer.write(b'caf\\xe9\\n')\n")
    with pytest.raises(BuildError, match="nosuch"):
        building._run_sphinx(folder)


@pytest.fixture
def two_sites(tmp_path: Path) -> Path:
    """A folder with a site and one that is made and not yet in its place."""
    for name in ("made", "site"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(name)
    return tmp_path


@pytest.mark.parametrize("error", [KeyboardInterrupt, PermissionError])
def test_a_build_that_is_stopped_at_the_last_step_leaves_the_site_of_before(
    two_sites: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """Ctrl-C, or a folder that is in use, when the old site is away and the new one is not there yet."""
    rename = os.rename

    def stopped(source: Path, target: Path) -> None:
        if source == two_sites / "made":
            raise error
        rename(source, target)

    monkeypatch.setattr("os.rename", stopped)
    with pytest.raises(error):
        building.replace(two_sites / "made", two_sites / "site")
    assert (two_sites / "site/index.html").read_text() == "site"
    assert sorted(path.name for path in two_sites.iterdir()) == ["made", "site"]


def test_of_two_builds_at_once_one_is_the_site_and_nothing_is_left(
    two_sites: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one is done between the two steps of this one."""
    rename = os.rename

    def late(source: Path, target: Path) -> None:
        if source == two_sites / "made":
            target.mkdir()
            (target / "index.html").write_text("the other")
        rename(source, target)

    monkeypatch.setattr("os.rename", late)
    with pytest.raises(OSError):
        building.replace(two_sites / "made", two_sites / "site")
    assert (two_sites / "site/index.html").read_text() == "the other"
    assert sorted(path.name for path in two_sites.iterdir()) == ["made", "site"]


def test_what_fails_leaves_the_site_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches: a site that is half new."""
    monkeypatch.setattr(building, "check_build", lambda root: [])
    monkeypatch.setattr(building, "_require_tools", lambda: None)
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("before")

    def gather(root: Path, pages: Path) -> None:
        pages.mkdir(parents=True)
        raise BuildError("a link leads nowhere")

    monkeypatch.setattr(building, "gather", gather)
    with pytest.raises(BuildError, match="nowhere"):
        building.build_site(tmp_path)
    assert (site / "index.html").read_text() == "before" and [p.name for p in tmp_path.iterdir()] == ["site"]

    def sphinx(stage: Path) -> None:
        (stage / "html").mkdir(parents=True)
        (stage / "html/index.html").write_text("after")

    monkeypatch.setattr(building, "gather", lambda root, pages: None)
    monkeypatch.setattr(building, "_run_sphinx", sphinx)
    told: list[str] = []
    assert building.build_site(tmp_path, report=told.append) == site
    assert (site / "index.html").read_text() == "after" and [p.name for p in tmp_path.iterdir()] == ["site"]
    assert told[0].startswith("site/: 1 pages")

    def half(stage: Path) -> None:
        sphinx(stage)
        (stage / "html/index.html").write_text("half")
        raise BuildError("Sphinx did not make the site")

    monkeypatch.setattr(building, "_run_sphinx", half)
    with pytest.raises(BuildError, match="did not make"):
        building.build_site(tmp_path)
    assert (site / "index.html").read_text() == "after" and [p.name for p in tmp_path.iterdir()] == ["site"]
    (site / "index.html").unlink()
    with pytest.raises(BuildError, match="is no built site; move it away"):
        building.build_site(tmp_path)


def test_stale_lessons_and_missing_tools_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_require_tools", lambda: None)
    monkeypatch.setattr(
        building, "check_build", lambda root: ["solutions/05_x.ipynb is stale; run `lthkit build 05`."]
    )
    with pytest.raises(BuildError, match="solutions/05_x.ipynb is stale; run `lthkit build 05`"):
        building.build_site(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "myst_nb" else object())
    with pytest.raises(
        ModuleNotFoundError, match=r'needs MyST-NB, which is not installed here: pip install "lthkit\[site\]"'
    ):
        building.build_site(tmp_path)


# Serving


def test_the_site_is_served_here_and_ends_politely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site/sub").mkdir(parents=True)
    (tmp_path / "site/index.html").write_text("the start")
    (tmp_path / "secret.txt").write_text("not for others")
    with server(tmp_path) as serving:
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        host, port = serving.server_address[:2]
        assert host == "127.0.0.1"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert answer.read() == b"the start"
        for bad in ("sub/", "nothing.html", "../secret.txt", "%2e%2e/secret.txt"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/{bad}")
        with pytest.raises(OSError, match=f"port {port} cannot be used"):
            server(tmp_path, port=int(port))
        serving.shutdown()

    def interrupted(self: Any, *given: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lthkit.site.serving._Server.serve_forever", interrupted)
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    told: list[str] = []
    serve(tmp_path, browser=False, report=told.append)
    assert (
        re.match(r"The course is at http://127\.0\.0\.1:\d+/", told[0])
        and "No longer" in told[-1]
        and not opened
    )
    serve(tmp_path, report=told.append)
    assert len(opened) == 1
    monkeypatch.setattr("webbrowser.open", interrupted)  # a browser of the console, which is left with Ctrl-C
    try:
        serve(tmp_path, report=told.append)
    except KeyboardInterrupt:
        pytest.fail("Ctrl-C while the browser opens is not told")
    assert "No longer" in told[-1] and len(told) == 6


def test_the_commands_say_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["site", "--root", str(tmp_path)]) == 2
    assert "make it first: lthkit build --site" in capsys.readouterr().err
    assert main(["build", "--site", "05"]) == 2
    assert "expected --site alone" in capsys.readouterr().err
    (tmp_path / "site").mkdir()
    (tmp_path / "site/index.html").write_text("x")
    assert main(["site", "--root", str(tmp_path), "--port", "70000"]) == 2
    assert "--port 70000 was given; expected 0" in capsys.readouterr().err


def test_a_docstring_keeps_its_stress_and_its_percent_signs() -> None:
    """Catches: *which* shown with its stars, a line that ends between 95 and %, and a star of arithmetic or arguments that is lost."""
    assert escaped("matters *which* weights") == "matters *which* weights"
    assert escaped("a * b * c, 2*3*4, *args and **more") == r"a \* b \* c, 2\*3\*4, \*args and \*\*more"
    assert escaped("the 95 % interval") == "the 95\N{NO-BREAK SPACE}% interval"


def test_the_first_sentence_of_a_docstring_does_not_end_within_a_source() -> None:
    """Catches: "(Evci et al." as the end of what the reference says of a function."""
    first = {name: reference._first(entry) for name, entry in reference._contents(reference.entries())}
    assert not [
        text for text in first.values() if "al." in text[-5:] or text.count("(") > text.count(")") + 1
    ]
    assert first["erk"].endswith("(Evci et al. 2020, section 3, part 1).") and first["ladder"].endswith("...")
