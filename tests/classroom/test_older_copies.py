"""Names of lthkit 0.1: an import says the new one, and a student's older notebook is rewritten and runs."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

import lthkit as lth
from lthkit import moved
from lthkit.__main__ import main
from lthkit.classroom.older_copies import lines_to_rewrite, rewritten
from tests.classroom.test_start import course  # noqa: F401  (a fixture)


@pytest.mark.parametrize("old", moved.MOVED)
def test_an_old_name_says_the_new_one(old: str) -> None:
    """Catches an alias that lives on, a new name that does not exist, and advice that does not run."""
    said = pytest.raises(ImportError, importlib.import_module, f"lthkit.{old}").value
    assert f"lthkit.{old} is lthkit.{moved.MOVED[old]} since lthkit 0.2" in str(said)
    advice = str(said).split("`")[1]
    space: dict[str, object] = {}
    exec(advice, space)
    assert space[old] is importlib.import_module(f"lthkit.{moved.MOVED[old]}")
    for code in (f"from lthkit import {old}", f"from lthkit.{old} import x", f"import lthkit.{old} as y"):
        if code == "from lthkit import costs":
            continue  # the table of contents has it
        with pytest.raises(ImportError, match=f"lthkit.{old} is lthkit"):
            exec(code, {})


def test_the_table_of_contents_says_it_too() -> None:
    with pytest.raises(AttributeError, match="lthkit.sweep is lthkit.training since"):
        _ = lth.sweep
    with pytest.raises(AttributeError, match="no attribute 'trainn'"):
        _ = lth.trainn
    with pytest.raises(ModuleNotFoundError, match="No module named 'lthkit.nothing'"):
        importlib.import_module("lthkit.nothing")


# What the notebooks of 0.1 had, line by line, and more of the kind.
OLD = """\
import lthkit as lth
checkout = [p for p in [] if (p / "lthkit" / "tiers.py").is_file()]
from lthkit import analysis
from lthkit import experiments, report  # both
from lthkit import mode_connectivity as lmc
from lthkit import bench, export, files
from lthkit.hybrid import plan, price, snip_then_imp
from lthkit.early_bird import distances, early_bird, largest_in_window, null_distance, stop_epoch
from lthkit.collapse import collapse
from lthkit.channels import (
    channel_mask,
    gains,
)
from lthkit.sources import data_folder
from lthkit.scores import Scores, magnitude
from lthkit.export.csr import compressed_rows
from lthkit.training import train
from lthkit.classroom import check, hint, quiz, use
import lthkit.costs as c
    from lthkit.costs import of_training
%matplotlib inline
cases = lth.sweep.each(abs, [(1,)])
lth.records.runs_folder(), lth.costs.total([]), lth.files.read_json, lth.experiments.load
"from lthkit import nothing, in a text", analysis.interval([1.0, 2.0])
"""
NEW = """\
import lthkit as lth
checkout = [p for p in [] if (p / "lthkit" / "py.typed").is_file()]
from lthkit import evidence as analysis
from lthkit.runs import experiments
from lthkit.runs import report  # both
from lthkit.evidence import mode_connectivity as lmc
from lthkit import bench, export
from lthkit.storage import files
from lthkit.tickets import plan, price, snip_then_imp
from lthkit.tickets import distances, early_bird, largest_in_window, null_distance, stop_epoch
from lthkit.evidence import collapse
from lthkit.pruning import channel_mask, gains
from lthkit.data import data_folder
from lthkit.pruning.scores import Scores
from lthkit.pruning import magnitude
from lthkit.export.csr import compressed_rows
from lthkit.training import train
from lthkit.classroom import check, hint, quiz, use
import lthkit.evidence.costs as c
    from lthkit.evidence.costs import of_training
%matplotlib inline
cases = lth.training.each(abs, [(1,)])
lth.storage.runs_folder(), lth.costs.total([]), lth.storage.read_json, lth.runs.experiments.load
"from lthkit import nothing, in a text", analysis.interval([1.0, 2.0])
"""


def test_imports_of_before_are_rewritten_and_the_rest_stays() -> None:
    assert rewritten(OLD) == NEW and rewritten(NEW) == NEW
    runs = "\n".join(line for line in NEW.splitlines() if not line.startswith(("%", "lth.", "    ")))
    exec(runs, {})


def test_start_offers_the_update_and_keeps_the_old_file(
    course: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Catches: a copy rewritten without being asked, outputs or other cells lost, an old file overwritten."""
    own = course / "my" / "03_training_loops.ipynb"
    cells = [
        {
            "cell_type": "markdown",
            "metadata": {},
            "source": ["from lthkit import analysis\n", "is prose here: ö"],
        },
        {
            "cell_type": "code",
            "metadata": {"x": 1},
            "source": OLD.splitlines(keepends=True),
            "outputs": [{"n": 1}],
        },
        {"cell_type": "code", "metadata": {}, "source": "from lthkit import analysis", "outputs": []},
    ]
    before = json.dumps({"cells": cells, "nbformat": 4}, ensure_ascii=False)
    assert main(["start", "03"]) == 0
    own.write_text(before, encoding="utf-8")
    capsys.readouterr()
    assert main(["start", "03"]) == 0 and own.read_text(encoding="utf-8") == before
    assert (
        "use module names of lthkit 0.1; to rewrite them: lthkit start 03 --update" in capsys.readouterr().out
    )
    assert main(["start", "03", "--update"]) == 0
    kept = course / "my" / "03_training_loops-before.ipynb"
    assert kept.read_text(encoding="utf-8") == before and kept.name in capsys.readouterr().out
    after = json.loads(own.read_text(encoding="utf-8"))
    assert after["cells"][0] == cells[0] and after["cells"][1]["outputs"] == [{"n": 1}]
    assert "".join(after["cells"][1]["source"]) == NEW
    assert after["cells"][2]["source"] == ["from lthkit import evidence as analysis"]
    assert main(["start", "03", "--update"]) == 0 and "nothing to update" in capsys.readouterr().out
    assert sorted(p.name for p in own.parent.iterdir()) == [kept.name, own.name]
    own.write_text(before, encoding="utf-8")
    assert main(["start", "03", "--update"]) == 0
    assert (course / "my" / "03_training_loops-before-2.ipynb").read_text(encoding="utf-8") == before


@pytest.mark.parametrize("text", ["no notebook", "[]", '{"cells": 3}', '{"cells": [{"cell_type": "code"}]}'])
def test_what_is_no_notebook_stays(course: Path, text: str) -> None:  # noqa: F811
    own = course / "my" / "03_training_loops.ipynb"
    own.parent.mkdir()
    own.write_text(text, encoding="utf-8")
    assert lines_to_rewrite(own) == 0 and main(["start", "03", "--update"]) == 0
    assert own.read_text(encoding="utf-8") == text
