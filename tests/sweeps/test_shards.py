"""Shards of a grid: the same on every machine, balanced, each cell in one of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lthkit.sweeps.grids import grid_of
from lthkit.sweeps.shards import parsed_shard, sharded
from lthkit.sweeps.trainings import cost_of

GRID = grid_of(
    "x",
    methods=["imp", "dense", "one-shot", {"method": "prune-at-init", "score": ["snip", "random"]}],
    seeds=range(9),
    rounds=[1, 4],
)


@settings(max_examples=60, deadline=None)
@given(of=st.integers(1, 60), cells=st.integers(0, len(GRID.asked)))
def test_shards_are_all_cells_each_once_and_balanced(of, cells):
    """Catches: a cell that no machine does or two do; one machine with all the long chains; another order than the grid's."""
    asked = GRID.asked[:cells]
    shards = [sharded(asked, part, of) for part in range(1, of + 1)]
    assert sorted((one for shard in shards for one in shard), key=asked.index) == list(asked)
    assert all(list(shard) == sorted(shard, key=asked.index) for shard in shards)
    loads = [sum(cost_of(one.cell, one.levels).updates for one in shard) for shard in shards]
    longest = max((cost_of(one.cell, one.levels).updates for one in asked), default=0)
    assert max(loads) - min(loads) <= longest
    assert shards == [sharded(asked, part, of) for part in range(1, of + 1)]


def test_a_long_chain_is_a_shard_of_its_own():
    """Catches: shards of equally many cells, of which one has all the work; short cells shared out before the long one."""
    short = grid_of("x", methods=["dense"], seeds=range(13)).asked
    long = grid_of("x", methods=["imp"], seeds=[0], rounds=[12]).asked
    assert [len(sharded((*short, *long), part, 2)) for part in (1, 2)] == [1, 13]


def test_shards_are_read_from_their_text():
    """Catches: part 0 for the first of people who count from 0, and a part that there is not, which would do nothing."""
    assert parsed_shard("2/8") == (2, 8) == parsed_shard(" 2 / 8 ")
    for text, remedy in (
        ("0/8", "1 or more"),
        ("9/8", "from 1 to 8"),
        ("2-8", "such as 2/8"),
        ("2/", "such as"),
        ("1/0", "1 or more"),
    ):
        with pytest.raises(ValueError, match=remedy):
            parsed_shard(text)
