"""What the README prints is what the recorded run measured, and its links and commands lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lthkit import plots, records, report
from lthkit.__main__ import _parser

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RECORD = ROOT / "data" / "results" / "winning-ticket"


@pytest.fixture(scope="module")
def rows() -> list[records.Row]:
    return records.read_table(RECORD / "table.csv")


def test_the_picture_is_that_of_the_recorded_table(rows):
    """Catches: a new table with an old picture. The picture carries the description made from its numbers."""
    description = plots.describe(rows)
    assert description.encode() in (RECORD / "trade_off.png").read_bytes()
    assert f"![{description}](data/results/winning-ticket/trade_off.png)" in README


def test_the_sentence_under_the_picture_is_that_of_the_recorded_table(rows):
    for line in report.conclusions(rows):
        assert line in README.replace("\n", " ")


def test_the_record_is_that_of_the_command():
    """Catches: a recipe that changed after the record was made."""
    from dataclasses import asdict, replace

    from lthkit import files
    from lthkit.experiments import winning_ticket
    from lthkit.records import canonical

    config = files.read_json(RECORD / "config.json")
    assert canonical({**config, **asdict(winning_ticket("laptop", tuple(config["seeds"])))}) == canonical(
        config
    )
    assert replace(winning_ticket("laptop")).seeds == (0, 1, 2) == tuple(config["seeds"])


def test_links_inside_the_repository_resolve():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "data" / "README.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_command_of_the_readme_parses():
    """Catches: a renamed option."""
    commands = re.findall(r"^(?:pip install .* && )?lthkit (.+)$", README, flags=re.MULTILINE)
    assert len(commands) >= 3
    for command in commands:
        _parser().parse_args(command.split())
