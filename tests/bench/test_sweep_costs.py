"""`lthkit bench sweep` in its smallest form, with real processes. Apart from the other tests: `pytest tests/bench`."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lthkit import bench
from lthkit.bench.rows import Settings

SMALLEST = replace(
    Settings(torch.device("cpu")).quick(),
    grids=1,
    grid_seeds=1,
    grid_steps=20,
    pairs=2,
    starts=1,
    finished=5,
    planned=20,
)


@pytest.fixture(scope="module")
def measured():
    lines: list[str] = []
    return bench.run(["sweep"], settings=SMALLEST, say=lambda line: lines.append(str(line))), "\n".join(lines)


def test_a_sweep_and_plain_programs_come_to_the_same_numbers(measured):
    """Catches: plain programs that train something else, so that the ratio compares nothing."""
    document, _ = measured
    plain, swept = document["rows"][:2]
    assert swept["agrees"] is True and document["agreement"] is True
    assert swept["ratio_to"] == plain["name"] and swept["ratio"]["median"] > 0


def test_every_row_is_measured_and_printed(measured):
    """Catches: a process that fails in silence, a row that the report leaves out."""
    document, text = measured
    for row in document["rows"]:
        assert row["time"] is not None, row
        assert row["name"] in text and row["case"].split(",")[0] in text
    cases = {row["case"]: row for row in document["rows"]}
    assert len(cases) == 6
    (listed,) = [row for row in document["rows"] if row["name"] == "lth.results"]
    assert listed["notes"][0].startswith("5 rows, 5 of a run that is finished")
    (planned,) = [row for row in document["rows"] if row["name"] == "grid and plan"]
    assert planned["notes"][0].startswith("20 cells, ")


def test_calls_to_the_file_system_are_counted(measured):
    """Catches: a count that hears nothing; a total that is not the sum of its kinds."""
    document, _ = measured
    *kinds, total = [row for row in document["rows"] if row["unit"] == "calls"]
    numbers = [row["time"]["median"] for row in kinds]
    assert len(kinds) == 5 and min(numbers) > 0 and sum(numbers) == total["time"]["median"]
    assert "1,000 workers" in total["notes"][0]
