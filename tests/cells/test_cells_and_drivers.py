"""What a cell measures is, bit for bit, what the driver of its way measures when it is called by hand."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

import lthkit as lth
from lthkit.cells import (
    IMP,
    STABLE_TOO_LATE,
    Cell,
    Dense,
    EarlyBird,
    Hybrid,
    Level,
    OneShot,
    PruneAtInit,
    carry_out,
    load_mask,
    row_of,
)
from lthkit.cells.rows import NEVER_STABLE
from lthkit.machine.seeds import derived_seed
from lthkit.pruning.scores import random
from lthkit.tickets import early_bird, load_round, snip_then_imp
from tests.conftest import small_conv, small_net

NET, SEED = "tests.conftest:small_net", 3
ORDER = derived_seed(SEED, "order")
RECIPE = lth.Recipe(
    steps=40,
    batch_size=20,
    optimizer="sgd",
    momentum=0.9,
    lr=0.05,
    schedule="step",
    milestones=(20, 30),
    evaluate_every=10,
)
COMMON: dict[str, Any] = {"seed": SEED, "order_seed": ORDER, "recipe": RECIPE}
MEASURED = (
    "test_accuracy",
    "validation_accuracy",
    "validation_loss",
    "best_step",
    "still_improving",
    "steps",
)


def cell_of(way: Any, **changed: Any) -> Cell:
    return Cell(**{"way": way, "model": NET, "data": "tiny", "recipe": RECIPE, "seed": SEED} | changed)


def rows_by_level(cell: Cell, levels: list[Level], data: Any, folder: Path) -> dict[str, Any]:
    rows = list(carry_out(cell, levels, data, folder))
    return {level.name: row for level, row in zip(cell.levels(levels), rows, strict=True)}


def same(row: dict[str, Any], result: Any, density: float | None = None) -> None:
    """The measured columns of a row are those of a result; floats are compared exactly."""
    expected = row_of("", 0, 0, 0.0, result)
    assert {name: row[name] for name in MEASURED} == {name: expected[name] for name in MEASURED}
    if density is not None:
        assert row["density"] == density


def same_mask(one: Any, other: Any) -> None:
    assert one.fingerprint == other.fingerprint


def test_dense_is_train(tiny, tmp_path):
    """Catches: a dense cell with another seed of the data order, other initial weights, or another recipe than `train`."""
    row = rows_by_level(cell_of(Dense()), [], tiny, tmp_path)["dense"]
    model = small_net(seed=SEED)
    same(row, lth.train(model, tiny, recipe=RECIPE, seed=ORDER), 1.0)
    trained = load_round(tmp_path / "dense", 0).trained.model
    assert all(torch.equal(trained[name], value) for name, value in model.state_dict().items())
    assert row["search_steps"] == 0 and row["arm"] == "dense"


@pytest.mark.parametrize("net", ["small_net", "small_conv"])
@pytest.mark.parametrize(
    "way",
    [
        IMP(fraction=0.3, rewind_step=4),
        IMP(fraction=0.3, rewind_step=4, momentum="fresh", scope="layerwise", output_fraction=0.1),
    ],
    ids=["global", "layerwise"],
)
def test_imp_and_its_controls(tiny, tmp_path, net, way):
    """Catches: rounds, masks, weights or controls of a cell that differ from `imp` and `retrain` by hand; and updates before a
    level that are counted wrongly."""
    model_fn = {"small_net": small_net, "small_conv": small_conv}[net]
    levels = [Level(round=r, arm=arm) for r in (1, 3) for arm in IMP.arms]
    cell = cell_of(way, model=f"tests.conftest:{net}")
    rows = rows_by_level(cell, levels, tiny, tmp_path)
    overrides = {} if way.output_fraction is None else {lth.models.output_layer(model_fn(seed=0)): 0.1}
    settings = {"scope": way.scope, "momentum": way.momentum}
    before = 0
    for this in lth.imp(
        model_fn, tiny, rounds=3, fraction=0.3, rewind_step=4, overrides=overrides, **settings, **COMMON
    ):
        name = f"ticket-round-{this.round:02d}" if this.round else "dense"
        kept = load_round(tmp_path / name, this.round)
        same_mask(kept.mask, this.mask)
        same_mask(
            load_mask(tmp_path, Level(round=this.round) if this.round else cell.levels([])[0]), this.mask
        )
        assert kept.trained.fingerprint == this.trained.fingerprint
        assert kept.rewind.fingerprint == this.rewind.fingerprint
        if name in rows:
            same(rows[name], this.result, this.density)
            assert rows[name]["search_steps"] == before
        if this.round in (1, 3):
            again = partial(lth.retrain, model_fn, tiny, seed=ORDER, recipe=RECIPE, momentum=way.momentum)
            new = lth.fresh_start(model_fn, seed=SEED)
            row = rows[f"re-initialised-round-{this.round:02d}"]
            same(row, again(mask=this.mask, weights_from=new), this.density)
            assert row["search_steps"] == before and row["steps"] == RECIPE.steps
            shuffled = this.mask.shuffled(derived_seed(SEED, f"shuffled round {this.round}"))
            row = rows[f"shuffled-round-{this.round:02d}"]
            same(row, again(mask=shuffled, weights_from=this.rewind), this.density)
            same_mask(load_mask(tmp_path, Level(round=this.round, arm="shuffled")), shuffled)
        before += this.result.steps
    assert before == RECIPE.steps + 3 * (RECIPE.steps - 4)


def test_one_shot_and_its_arms(tiny, tmp_path):
    """Catches: a ticket that `one_shot` does not make; an arm that loads other weights, another rate or another state of the
    optimizer than lesson 06 does by hand."""
    densities, k = (0.4, 0.1), 4
    levels = [Level(density=d, arm=arm) for d in densities for arm in OneShot.arms]
    rows = rows_by_level(cell_of(OneShot(rewind_step=k)), levels, tiny, tmp_path)
    dense, *tickets = lth.one_shot(small_net, tiny, densities=densities, rewind_step=k, **COMMON)
    same(rows["dense"], dense.result, 1.0)
    model = small_net(seed=SEED)
    by_hand = lth.train(model, tiny, recipe=RECIPE, seed=ORDER, keep=(0, k, RECIPE.steps))
    trained = by_hand.kept[RECIPE.steps]
    last = replace(RECIPE, schedule="constant", milestones=(), lr=RECIPE.lr_at(RECIPE.steps - 1))
    for density, ticket in zip(densities, tickets, strict=True):
        mask = ticket.mask
        again = partial(lth.retrain, small_net, tiny, seed=ORDER)
        same(rows[f"ticket-density-{density}"], ticket.result, ticket.density)
        same_mask(load_mask(tmp_path, Level(density=density)), mask)
        arms = {
            "lr-rewind": again(mask=mask, weights_from=trained, lr_from=k, recipe=RECIPE),
            "fine-tune": again(mask=mask, weights_from=trained, lr_from=k, recipe=last),
            "re-initialised": again(
                mask=mask, weights_from=lth.fresh_start(small_net, seed=SEED), recipe=RECIPE
            ),
            "shuffled": again(
                mask=mask.shuffled(derived_seed(SEED, f"shuffled density {density}")),
                weights_from=by_hand.kept[k],
                recipe=RECIPE,
            ),
        }
        for arm, result in arms.items():
            row = rows[f"{arm}-density-{density}"]
            same(row, result, ticket.density)
            assert (row["search_steps"], row["asked"]) == (RECIPE.steps, density)
        assert rows[f"lr-rewind-density-{density}"] != rows[f"fine-tune-density-{density}"]


@pytest.mark.parametrize("score", lth.cells.CRITERIA)
def test_pruning_at_initialisation(tiny, tmp_path, score):
    """Catches: a criterion with other images, another seed or other rounds than `prune_at_init` by hand; a control of it that
    trains the weights that were scored, or the mask that was found."""
    levels = [Level(density=0.2, arm=arm) for arm in PruneAtInit.arms]
    way = PruneAtInit(score=score, images=50) if score in ("snip", "grasp") else PruneAtInit(score=score)
    rows = rows_by_level(cell_of(way), levels, tiny, tmp_path)
    by_hand = {
        "snip": partial(lth.snip, batches=tiny.draw(50, seed=SEED)),
        "grasp": partial(lth.grasp, batches=tiny.draw(50, seed=SEED)),
        "synflow": partial(lth.synflow, shape=tiny.shape),
        "magnitude": lth.magnitude,
        "random": partial(random, seed=SEED),
    }
    made = partial(
        lth.prune_at_init,
        small_net,
        tiny,
        score=by_hand[score],
        density=0.2,
        rounds=100 if score == "synflow" else 1,
        **COMMON,
    )
    ticket, fresh = made(), made(train_from="fresh")
    same(rows["ticket-density-0.2"], ticket.result, ticket.density)
    same(rows["re-initialised-density-0.2"], fresh.result, fresh.density)
    shuffled = ticket.mask.shuffled(derived_seed(SEED, "shuffled density 0.2"))
    again = lth.retrain(small_net, tiny, mask=shuffled, weights_from=ticket.rewind, seed=ORDER, recipe=RECIPE)
    same(rows["shuffled-density-0.2"], again, ticket.density)
    for arm, mask in (("ticket", ticket.mask), ("re-initialised", ticket.mask), ("shuffled", shuffled)):
        same_mask(load_mask(tmp_path, Level(density=0.2, arm=arm)), mask)
    assert {row["search_steps"] for row in rows.values()} == {0}


def test_early_bird(tiny, tmp_path):
    """Catches: a ticket that does not go on where the search drew it; updates of the search that are not counted; a rule that
    never fires, or fires when no step is left, taken for a ticket or for a failure."""
    way = EarlyBird(window=2, threshold=0.3)
    recipe = replace(RECIPE, steps=90)
    cell = cell_of(way, recipe=recipe)
    row = rows_by_level(cell, [Level(density=0.3)], tiny, tmp_path / "fires")["ticket-density-0.3"]
    found = early_bird(small_net, tiny, density=0.3, window=2, threshold=0.3, **(COMMON | {"recipe": recipe}))
    assert found.epoch is not None and found.epoch * 15 < 90
    again = lth.retrain(
        small_net, tiny, mask=found.mask, weights_from=found.checkpoint, seed=ORDER, recipe=recipe
    )
    same(row, again, found.mask.density)
    assert row["search_steps"] == found.epoch * 15 and row["search_steps"] + row["steps"] == 90
    never = rows_by_level(
        cell_of(EarlyBird(window=2, threshold=0.0), recipe=recipe), [Level(density=0.3)], tiny, tmp_path / "n"
    )["ticket-density-0.3"]
    assert (never["outcome"], never["test_accuracy"], never["search_steps"]) == (NEVER_STABLE, None, 90)
    short = replace(RECIPE, steps=found.epoch * 15)
    late = rows_by_level(cell_of(way, recipe=short), [Level(density=0.3)], tiny, tmp_path / "late")
    assert late["ticket-density-0.3"]["outcome"] == STABLE_TOO_LATE
    assert never.keys() == row.keys()


def test_hybrid(tiny, tmp_path):
    """Catches: a hybrid that is not `snip_then_imp`, or that gives another round than the last one, or forgets what the rounds
    before it cost."""
    way = Hybrid(snip_density=0.6, rounds=2, images=50, rewind_step=2)
    rows = rows_by_level(cell_of(way), [Level(density=0.2), Level(density=0.1)], tiny, tmp_path)
    for density in (0.2, 0.1):
        *earlier, this = snip_then_imp(
            small_net, tiny, snip_density=0.6, density=density, rounds=2, images=50, rewind_step=2, **COMMON
        )
        row = rows[f"ticket-density-{density}"]
        same(row, this.result, this.density)
        same_mask(load_mask(tmp_path, Level(density=density)), this.mask)
        assert row["search_steps"] == sum(each.result.steps for each in earlier)


def test_a_task(tiny, tmp_path):
    """Catches: two tasks that are one cell; a task that the training, its controls or a criterion does not see."""
    smooth = lth.Task(label_smoothing=0.2, metrics=("error", "accuracy"))
    way, levels = PruneAtInit(score="snip", images=50), [Level(density=0.2)]
    plain, other = cell_of(way), cell_of(way, task=smooth)
    assert plain != other and plain.id(tiny) != other.id(tiny)
    row = rows_by_level(other, levels, tiny, tmp_path)["ticket-density-0.2"]
    score = partial(lth.snip, batches=tiny.draw(50, seed=SEED))
    this = lth.prune_at_init(small_net, tiny, score=score, density=0.2, task=smooth, **COMMON)
    assert (row["test_metric"], row["metric"], row["direction"]) == (this.test_metric, "error", "lower")
    assert row["validation_loss"] == this.result.validation_loss and "test_accuracy" in row
    assert row["task"] is not None and "label_smoothing" in row["task"]
    levels = [Level(round=1, arm=arm) for arm in IMP.arms]
    rows = rows_by_level(cell_of(IMP(), task=smooth), levels, tiny, tmp_path / "imp")
    _, first = lth.imp(small_net, tiny, rounds=1, task=smooth, **COMMON)
    assert rows["ticket-round-01"]["validation_loss"] == first.result.validation_loss
    assert all(row["metric"] == "error" for row in rows.values())


def test_early_stopping_counts_what_was_done(tiny, tmp_path):
    """Catches: updates before a level counted as if no training had stopped early."""
    recipe = replace(RECIPE, steps=400, patience=20, lr=0.3)
    rows = rows_by_level(cell_of(IMP(), recipe=recipe), [Level(round=r) for r in (1, 2)], tiny, tmp_path)
    *_, last = lth.imp(small_net, tiny, rounds=2, **(COMMON | {"recipe": recipe}))
    assert rows["dense"]["steps"] < 400
    assert (
        rows["ticket-round-02"]["search_steps"] == rows["dense"]["steps"] + rows["ticket-round-01"]["steps"]
    )
    same(rows["ticket-round-02"], last.result, last.density)
