"""Twelve scenes, as a student sees them in JupyterLab at tier smoke. With `LTHKIT_SHOTS=FOLDER` each leaves pictures."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.lab import RUN_ALL, Lab, Notebook, until
from tests.browser.looks import broken_words, pale, sideways

NO_WORDS = "No description has been provided for this image"
MAIN = "experiments.run(experiment, data, folder)"
LOOPING = "mask = lth.prune(mask, lth.magnitude(model), 0.2)"
LAYERWISE = """\
def global_mask(scores, fraction):
    masks = {}
    for name, s in scores.items():
        keep = torch.ones(s.numel(), dtype=torch.bool)
        keep[s.flatten().argsort(stable=True)[: round(fraction * s.numel())]] = False
        masks[name] = keep.view(s.shape)
    return masks
"""
RIGHT = """\
def layerwise_masks(scores, fractions):
    return {
        name: global_mask_({name: s}, fractions.get(name, 0.0))[name]
        for name, s in scores.items()
    }
"""

Shoot = Callable[[Any, str], None]


@pytest.fixture(scope="module")
def first(new_page: Callable[..., Any], lab: Lab) -> Iterator[Notebook]:
    """Lesson 01, open, and run to its end as it is handed out."""
    page = new_page()
    notebook = Notebook(page, lab.address, "01_magnitude_pruning")
    notebook.menu("Run", "Run All Cells")
    notebook.wait()
    yield notebook
    page.close()


@pytest.fixture(scope="module")
def fifth(new_page: Callable[..., Any], lab: Lab) -> Iterator[Notebook]:
    """Lesson 05, open, and run up to its main cell."""
    page = new_page()
    notebook = Notebook(page, lab.address, "05_winning_tickets")
    notebook.run_to(MAIN)
    yield notebook
    page.close()


@pytest.fixture(scope="module")
def ended(fifth: Notebook) -> Notebook:
    """Lesson 05, run to its end."""
    fifth.show(MAIN)
    fifth.menu("Run", "Run Selected Cell and All Below")
    fifth.wait()
    return fifth


def clean(shown: Any) -> None:
    assert sideways(shown) == []
    assert broken_words(shown) == []
    tables = shown.locator("div.lth-table:visible")
    for k in range(tables.count()):
        assert not re.search(r"\d\[", tables.nth(k).inner_text())  # a blank before an interval


def in_view(box: Any) -> bool:
    return box is not None and 0 <= box["y"] <= 800


def state(shown: Any) -> str:
    """What the display of a cell begins with: sign, bold words, and what follows."""
    said = shown.locator(".jp-OutputArea div.lth-says").last
    return str(said.locator("p").first.inner_text())


@pytest.mark.parametrize("lesson", ["00_start_here", "05_winning_tickets"])
def test_1_the_first_screen(new_page: Any, lab: Lab, shoot: Shoot, lesson: str) -> None:
    """Catches installation code in a student's face, a contents line whose links lead nowhere."""
    page = new_page()
    notebook = Notebook(page, lab.address, lesson, folder="notebooks")
    shoot(page, f"01_first_screen_{lesson[:2]}")
    clean(page.locator(".jp-Notebook:visible"))
    first_cell = page.locator(".jp-MarkdownCell:visible").first
    assert re.search(r"Time: about \d+ minutes", first_cell.inner_text())
    assert page.locator("h2:visible").first.bounding_box()["y"] < 600
    setup = notebook.show("Set-up: run this cell first")
    setup.locator(".jp-InputPlaceholder").wait_for()
    setup.locator(".cm-content").wait_for(state="hidden")
    notebook.show(0)
    links = page.locator(".jp-Cell[data-at='0'] a[href^='#']")
    assert links.count() >= 6
    for link in (links.nth(2), links.last):
        heading = page.locator("h2:visible", has_text=link.inner_text())
        for _ in range(3):  # JupyterLab loses a click while it scrolls for another one
            notebook.show(0)
            link.click()
            page.wait_for_timeout(1500)
            top = until(page, heading.bounding_box, in_view)
            if in_view(top):
                break
        assert in_view(top), (link.inner_text(), top)
    shoot(page, f"01_after_a_link_{lesson[:2]}")
    notebook.show(0)
    if "05" in lesson:
        page.locator(".jp-Cell[data-at='0'] a", has_text="lesson 00").click()
        page.locator(".lm-TabBar-tabLabel", has_text="00_start_here.ipynb").wait_for()
    page.close()


def test_2_a_blank_lesson_runs_to_its_end(first: Notebook, shoot: Shoot) -> None:
    """Catches a cell that stops Run All, words on stderr, a bar that stays, and an output that scrolls or breaks."""
    page = first.page
    shoot(page, "02_blank_run_top")
    outputs = first.outputs()
    flat = [output for cell in outputs for output in cell]
    assert [o for o in flat if o["output_type"] == "error" or o.get("name") == "stderr"] == []
    assert len([o for o in flat if "widget-view" in str(o.get("data", {}).keys())]) == 1  # the explorer
    clean(first.laid_out())
    for part in ("import copy", "lth.plots.diagram", "lth.plots.pruned_accuracy(rows", "losses: dict"):
        first.show(part)
        shoot(page, f"02_{first.find(part):03}")
    shown = first.show('check("01.2"')
    assert "not attempted" in state(shown).lower()


def test_3_a_wrong_answer(first: Notebook, shoot: Shoot) -> None:
    """Catches a diagnosis that looks like success, and expected and got that are not side by side."""
    first.run(first.write("def global_mask", LAYERWISE))
    shown = first.run('check("01.2"')
    shoot(first.page, "03_wrong")
    assert re.match(r"✗\s*not yet", state(shown), re.IGNORECASE)
    sides = shown.locator(".lth-apart > div")
    boxes = [sides.nth(i).bounding_box() for i in range(2)]
    assert boxes[0]["y"] == boxes[1]["y"] and boxes[0]["x"] < boxes[1]["x"]
    clean(shown)


def test_4_hints_to_the_last(first: Notebook, shoot: Shoot) -> None:
    """Catches a solution that is open before anybody asked for it, or that comes without its price."""
    cell, shown = first.append('hint("01.2")'), None
    for _ in range(12):
        shown = first.run(cell)
        if shown.locator("details").count():
            break
        assert re.match(r"→\s*01\.2 hint", state(shown))
        clean(shown)
    assert shown is not None
    shoot(first.page, "04_last_hint")
    code = shown.locator("details pre")
    assert "will count as assisted" in state(shown) and not code.is_visible()
    shown.locator("summary").click()
    code.wait_for()
    assert "argsort" in code.inner_text()
    shoot(first.page, "04_last_hint_open")
    clean(shown)


def test_5_the_right_answer_and_progress(first: Notebook, shoot: Shoot) -> None:
    """Catches a pass that is told by colour alone, and a passport that does not know of it."""
    first.run(first.write("def layerwise_masks", RIGHT))
    shown = first.run('check("01.3"')
    shoot(first.page, "05_right")
    assert re.match(r"✓\s*passed", state(shown), re.IGNORECASE)
    cell = first.append("from lthkit.classroom import progress\nprogress()")
    shown = first.run(cell)
    shoot(first.page, "05_progress")
    row = shown.locator("tbody tr", has_text="01.3")
    heads = shown.locator("thead th").all_inner_texts()
    assert [h for h in heads if re.match("[✓◐○] ", h)] == ["✓ passed", "◐ assisted", "○ open"]
    assert row.locator("td").nth(heads.index("✓ passed") - 1).inner_text().strip() == "01.3"
    clean(shown)


def test_6_right_stays_right(first: Notebook, shoot: Shoot) -> None:
    """Catches a right answer that a later letter takes away."""
    quiz = first.write('quiz("01.Q1"', 'quiz("01.Q1", "b")')
    shown = first.run(quiz)
    assert state(shown).startswith("✓")
    shoot(first.page, "06_quiz_right")
    shown = first.run(first.write(quiz, 'quiz("01.Q1", "a")'))
    shoot(first.page, "06_quiz_wrong_after")
    assert state(shown).startswith("✗")
    shown.get_by_text("You answered it right before, and that counts.").wait_for()
    shown.get_by_text("Not right.").wait_for()
    clean(shown)
    shown = first.run(first.find("\nprogress()"))
    shown.locator("tbody tr", has_text="01.3").get_by_text("1 of ").wait_for()


def test_7_a_slider_by_keyboard(first: Notebook, shoot: Shoot) -> None:
    """Catches an explorer that works without a browser only: no widget shown, a control that reaches no kernel."""
    cell = first.show("lth.explore.prune_it_yourself(")
    page = first.page
    picture = cell.locator(".jp-OutputArea img.widget-image")
    picture.wait_for()
    words = cell.locator(".jp-OutputArea .widget-html-content")
    words.get_by_text("10 % of the weights kept, global").wait_for()
    before = picture.get_attribute("src")
    shoot(page, "07_slider_before")
    handle = cell.locator(".noUi-handle")
    handle.focus()
    handle.press("ArrowRight")
    page.wait_for_function("([i, old]) => i.src !== old", arg=[picture.element_handle(), before])
    cell.get_by_text("9 % of the weights kept, global").wait_for()
    at_nine = picture.get_attribute("src")
    cell.get_by_role("button", name="layerwise").focus()
    page.keyboard.press("Enter")
    cell.get_by_text("9 % of the weights kept, layerwise").wait_for()
    shoot(page, "07_slider_after")
    assert picture.get_attribute("src") != at_nine
    assert until(page, lambda: picture.evaluate("i => i.complete && i.naturalWidth > 1000"), bool)
    pictures = cell.locator(".jp-OutputArea img")
    pictures.nth(1).wait_for(state="detached")  # the static picture gave way to the live one
    assert pictures.count() == 1
    clean(cell)


def test_8_and_9_a_long_cell_is_watched_stopped_and_gone_on_with(
    fifth: Notebook, lab: Lab, shoot: Shoot
) -> None:
    """Catches an empty output for minutes, fifty lines of traceback, a bar that stays, work that is done again."""
    page = fifth.page
    lab.brake.write_text("0.05")
    shown = fifth.start(MAIN)
    bar = shown.locator(".jupyter-widgets .progress, .jupyter-widgets progress, .widget-hprogress")
    page.wait_for_timeout(10_000)
    shoot(page, "08_tenth_second")
    bar.first.wait_for()
    going = re.compile(r"\d+\s%\s+(about|at least) .* left, (.*, )?ticket, seed \d, round \d of 3")
    text = until(page, shown.locator(".widget-hbox").inner_text, going.search)
    assert going.search(text), text
    clean(shown)

    page.locator(".jp-NotebookPanel-toolbar:visible [data-command='notebook:interrupt-kernel'], "
                 ".jp-NotebookPanel-toolbar:visible [data-jp-item-name='interrupt']").first.click()  # fmt: skip
    fifth.wait()
    shoot(page, "09_interrupted")
    area = shown.locator(".jp-OutputArea")
    said = until(page, area.inner_text, lambda text: text.strip().startswith("Stopped.")).strip()
    assert said.startswith("Stopped.") and len(said.split("\n")) <= 4 and "again" in said, said
    bar.first.wait_for(state="detached")
    clean(shown)

    shown = fifth.start(MAIN)
    bar.first.wait_for()
    shoot(page, "09_going_on")
    lab.brake.unlink()
    fifth.wait()
    shoot(page, "09_ended")
    bar.first.wait_for(state="detached")
    stored = fifth.outputs()[fifth.find(MAIN)]
    assert [o for o in stored if o["output_type"] == "error" or o.get("name") == "stderr"] == []
    assert "widget-view" not in str(stored), [sorted(o.get("data", {})) for o in stored]
    assert not re.search(
        r" s left| so far|seed \d", " ".join(str(o["data"].get("text/plain")) for o in stored)
    )


def test_10_table_and_figure_beside_the_file_browser(ended: Notebook, shoot: Shoot) -> None:
    """Catches a table that scrolls or breaks a word, and a figure wider than its place."""
    page = ended.page
    for width in (1280, 1000):
        page.set_viewport_size({"width": width, "height": 900})
        page.locator(".jp-FileBrowser").wait_for()
        for name, cell in (("table", MAIN), ("figure", "lth.plots.trade_off(")):
            shown = ended.show(cell)
            output = shown.locator(".jp-OutputArea-output").last
            output.scroll_into_view_if_needed()
            shoot(page, f"10_{name}_{width}")
            clean(shown)
        picture = shown.locator(".jp-OutputArea img")
        assert picture.evaluate("i => i.complete && i.naturalWidth > 0 && i.alt.length > 40")
        assert picture.bounding_box()["x"] + picture.bounding_box()["width"] <= width
        clean(ended.laid_out())


def test_11_both_themes(first: Notebook, ended: Notebook, shoot: Shoot) -> None:
    """Catches words that are readable on white alone, or on black."""
    views = {
        first: ('check("01.2"', "lth.plots.diagram", "evidence.differences(", "prune_it_yourself("),
        ended: (MAIN, "lth.plots.diagram", "lth.plots.trade_off(", "lth.plots.first_layer("),
    }
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        for notebook, cells in views.items():
            notebook.page.set_viewport_size({"width": 1280, "height": 900})
            notebook.theme(theme)
            said = notebook.laid_out().locator("div.lth-says, div.lth-table")
            assert said.count() > 15
            assert [found for k in range(said.count()) for found in pale(said.nth(k))] == [], theme
            for part in cells:
                shown = notebook.show(part)
                shown.locator(".jp-OutputArea").last.scroll_into_view_if_needed()
                shoot(notebook.page, f"11_{theme.split()[1]}_{notebook.find(part):03}".lower())


def test_12_exported_html_on_a_phone(ended: Notebook, new_page: Any, lab: Lab, shoot: Shoot) -> None:
    """Catches an export that scrolls sideways at 390 px, that has lost a figure, or the words in its place."""
    import nbformat
    from nbconvert import HTMLExporter

    ended.save()
    source = lab.folder / "my/05_winning_tickets.ipynb"
    notebook = nbformat.read(source, as_version=4)
    assert "widgets" not in notebook.metadata
    page_file = lab.home / "05.html"
    page_file.write_text(HTMLExporter().from_notebook_node(notebook)[0], encoding="utf-8")
    page = new_page(390, 844)
    page.goto(page_file.as_uri())
    page.wait_for_timeout(1000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    clean(page.locator("body"))
    assert page.locator("img").count() >= 6
    assert page.evaluate("[...document.images].every(i => i.alt && i.naturalWidth && i.width <= 390)")
    assert NO_WORDS not in page.content(), "nbconvert puts this sentence into each picture that has no words"
    outputs = page.locator(".jp-OutputArea-output")
    shoot(page, "12_phone_top")
    for k in range(4, outputs.count(), 4):
        outputs.nth(k).scroll_into_view_if_needed()
        shoot(page, f"12_phone_{k:03}")
    page.close()


def test_12_a_terminal_of_80_columns(new_page: Any, lab: Lab, shoot: Shoot) -> None:
    """Catches a line that is wider than the terminal, a table that breaks a word, a bar that stays."""
    brief = [sys.executable, "-m", "lthkit"]
    run = [*brief, "run", "winning-ticket", "--tier", "smoke"]
    shown = {name: in_terminal(command, lab) for name, command in
             (("help", [*brief, "run", "--help"]), ("start", [*brief, "start"]), ("run", run))}  # fmt: skip
    page = new_page(760, 900)
    for name, text in shown.items():
        assert text.strip(), name
        assert [line for line in text.split("\n") if len(line) > 80] == [], name
        page.set_content("<body style='background:#111;color:#ddd'><pre style='font:14px monospace'></pre>")
        page.locator("pre").evaluate("(e, text) => { e.textContent = text; }", text)
        shoot(page, f"12_terminal_{name}")
    assert "ticket (%)" in shown["run"] and re.search(r"^again: lthkit show runs", shown["run"], re.M)
    assert not re.search(r"\d %\|| left, ", shown["run"])
    page.close()


def in_terminal(command: list[str], lab: Lab) -> str:
    """What stands in a terminal of 80 columns when a command has ended."""
    pty = pytest.importorskip("pty", reason="there are no terminals of this kind here")
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {name: value for name, value in lab.environment().items() if name != "LTHKIT_RUNS"}
    process = subprocess.Popen(command, cwd=lab.folder, env=environment, stdout=theirs, stderr=theirs)
    os.close(theirs)
    raw = b""
    try:
        while block := os.read(ours, 65536):
            raw += block
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait() == 0, raw.decode()
    lines = []
    for line in raw.decode().replace("\r\n", "\n").split("\n"):
        seen = ""
        for part in line.split("\r"):
            part = re.sub(r"\x1b\[[\d;]*[A-Za-z]", "", part)
            seen = part + seen[len(part) :]
        lines.append(seen.rstrip())
    return "\n".join(lines)


def test_8_in_notebook_7(lab: Lab, new_page: Any, shoot: Shoot) -> None:
    """Catches a bar, a folded cell or a table that JupyterLab alone shows."""
    pytest.importorskip("notebook", reason="Notebook 7 is not installed")
    page = new_page()
    page.goto(f"{lab.address}/notebooks/seven/05_winning_tickets.ipynb")
    page.locator(".jp-MarkdownOutput h1").first.wait_for()
    page.locator(".jp-InputPlaceholder").first.wait_for()
    shoot(page, "01_first_screen_notebook_7")
    lab.wait_for_kernel(page, "seven/05_winning_tickets.ipynb")
    lab.brake.write_text("1")  # the long cell has its results from scene 8, and the short ones show a bar too
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(
        """() => { const bar = [...document.querySelectorAll('.widget-hbox')]
                      .find(e => /\\d\\s%\\s*(about|at least) .* left/.test(e.textContent));
                  if (bar) bar.scrollIntoView({block: 'center'});
                  return Boolean(bar); }""",
        timeout=RUN_ALL,
    )
    shoot(page, "08_notebook_7")
    lab.brake.unlink()
    table = page.locator(".jp-CodeCell", has_text=LOOPING).locator("div.lth-table")
    table.wait_for(timeout=RUN_ALL)
    clean(table)
    assert table.locator("tbody tr").count() == 4
    page.close()
