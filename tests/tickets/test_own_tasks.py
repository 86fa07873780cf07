"""The drivers on other tasks: a Transformer on characters and a regression on 20 numbers, killed and gone on with."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

import lthkit as lth
from lthkit.evidence.mode_connectivity import barrier, instability, interpolate
from lthkit.runs import Experiment, experiments, report, results
from lthkit.storage import RunMismatch
from lthkit.tickets import early_bird
from lthkit.training import Meeting, Quantity, meetings
from tests import killing
from tests.conftest import small_conv, small_net
from tests.drivers import bits
from tests.own_tasks import (
    ADAMW,
    CHARACTERS,
    HUBER,
    NESTEROV,
    NUMBERS,
    RMSPROP,
    characters,
    huber,
    numbers,
    regressor,
    transformer,
)

LONGER = replace(ADAMW, steps=60, evaluate_every=20)


def test_a_transformer_finds_tickets() -> None:
    """Catches a driver whose rounds have another loss, another metric, or weights that came back."""
    score = partial(lth.snip, batches=characters().draw(40, seed=0))
    found = [
        *lth.imp(transformer, characters(), rounds=2, rewind_step=5, recipe=LONGER, task=CHARACTERS),
        *lth.one_shot(transformer, characters(), densities=[0.5], recipe=LONGER, task=CHARACTERS),
        lth.prune_at_init(
            transformer, characters(), score=score, density=0.5, recipe=LONGER, task=CHARACTERS
        ),
    ]
    for this in found:
        assert this.result.quantity == Quantity("perplexity", "", "lower")
        assert this.test_metrics["token accuracy"] == this.test_accuracy > 0.95
        assert this.test_metric == this.test_metrics["perplexity"] < 3
        model = transformer(seed=1)
        this.trained.restore(model)
        assert all(bool((model.get_parameter(n)[~kept] == 0).all()) for n, kept in this.mask.items())


def test_a_regression_finds_tickets() -> None:
    dense, *pruned = lth.imp(regressor, numbers(), rounds=2, rewind_step=5, recipe=replace(NESTEROV, steps=100), task=NUMBERS)  # fmt: skip
    spread = float(numbers().test.targets.std())
    assert dense.test_metric < 0.8 * spread and all(this.test_metric < 0.9 * spread for this in pruned)
    with pytest.raises(AttributeError, match="no .test_accuracy, .* measured rmse, mae; use .test_metric"):
        _ = dense.test_accuracy
    assert dense.validation_metrics.keys() == {"rmse", "mae"}


def test_an_early_bird_goes_on_as_one_training() -> None:
    """Catches a search that trains for another loss than what follows, or a state of one's own optimizer that is lost."""
    for recipe, task, make, data in (
        (replace(RMSPROP, steps=60), HUBER, regressor, numbers()),
        (replace(ADAMW, steps=48), CHARACTERS, transformer, characters()),
    ):
        search = partial(early_bird, make, data, density=0.5, threshold=1.0, window=2, task=task)
        ticket = search(recipe=recipe)
        whole = lth.Mask.ones(make(seed=0))
        on = lth.retrain(make, data, mask=whole, weights_from=ticket.checkpoint, recipe=recipe, task=task)
        alone = lth.train(make(seed=0), data, mask=whole, recipe=recipe, task=task)
        assert on.history[-1].validation_loss == alone.history[-1].validation_loss
    with pytest.raises(ValueError, match="has no batch norm with gains"):
        early_bird(regressor, numbers(), density=0.5, kind="channels", recipe=RMSPROP, task=NUMBERS)


def test_snip_takes_the_loss_of_the_task() -> None:
    """Catches cross-entropy in a score of a regression, and a loss of the caller's that is overridden."""
    batches = numbers().draw(40, seed=0)

    def mask(task: lth.Task, **given: Any) -> lth.Mask:
        score = partial(lth.snip, batches=batches, **given)
        return lth.prune_at_init(
            regressor, numbers(), score=score, density=0.3, recipe=NESTEROV, task=task
        ).mask

    def cut(loss: Any) -> lth.Mask:
        model = regressor(seed=0)
        return lth.prune_to(lth.Mask.ones(model), lth.snip(model, batches, loss=loss), 0.3)

    cubic = lth.Task(lambda o, t: ((o - t).abs() ** 3).mean(), metrics="rmse")
    assert (
        mask(NUMBERS) == cut(torch.nn.functional.mse_loss) == mask(cubic, loss=torch.nn.functional.mse_loss)
    )
    assert mask(cubic) == cut(cubic.mean_loss) != mask(NUMBERS)
    hybrid = next(iter(lth.snip_then_imp(
        regressor, numbers(), snip_density=0.3, density=0.1, rounds=1, images=40, recipe=NESTEROV, task=NUMBERS,
    )))  # fmt: skip
    assert hybrid.mask == mask(NUMBERS)
    grasp = partial(lth.grasp, batches=batches)
    with pytest.raises(ValueError, match="temperature=200 before the loss, which is meant for a softmax"):
        lth.imp(regressor, numbers(), rounds=1, score=grasp, recipe=NESTEROV, task=NUMBERS)
    rounds = lth.imp(regressor, numbers(), rounds=1, score=partial(grasp, temperature=1.0), recipe=NESTEROV, task=NUMBERS)  # fmt: skip
    assert [r.mask.density < 1 for r in rounds] == [False, True]


@pytest.mark.parametrize("driver", ["imp", "one_shot", "prune_at_init", "snip_then_imp", "early_bird"])
def test_a_task_that_does_not_fit_is_refused_at_the_call(driver: str, tiny: lth.Dataset) -> None:
    """Catches a search that begins, and is refused by the first training, or trains for something else."""
    call = {
        "imp": lambda *a, **k: lth.imp(*a, rounds=1, **k),
        "one_shot": lambda *a, **k: lth.one_shot(*a, densities=[0.5], **k),
        "prune_at_init": lambda *a, **k: lth.prune_at_init(*a, score=lth.magnitude, density=0.5, **k),
        "snip_then_imp": lambda *a, **k: lth.snip_then_imp(*a, snip_density=0.5, density=0.2, rounds=1, **k),
        "early_bird": lambda *a, **k: early_bird(*a, density=0.5, max_epochs=1, **k),
    }[driver]
    with pytest.raises(ValueError, match="the default task is classification"):
        call(regressor, numbers(), recipe=NESTEROV)
    with pytest.raises(ValueError, match="loss='mse' is for numbers"):
        call(small_net, tiny, recipe=NESTEROV, task=NUMBERS)
    with pytest.raises(TypeError, match="expected a lthkit.Task"):
        call(regressor, numbers(), recipe=NESTEROV, task="mse")


def test_a_folder_belongs_to_its_task(tmp_path: Path) -> None:
    """Catches rounds of one loss, metric, schedule or optimizer that are read as those of another."""
    common: dict[str, Any] = {"rounds": 1, "folder": tmp_path, "task": HUBER, "recipe": RMSPROP}
    first = bits(list(lth.imp(regressor, numbers(), **common)))
    assert bits(list(lth.imp(regressor, numbers(), **common))) == first
    other = partial(torch.optim.RMSprop, momentum=0.4, weight_decay=1e-2)
    for changed in (
        {"task": NUMBERS},
        {"task": replace(HUBER, metrics=HUBER.metrics[:1])},  # type: ignore[index]
        {"task": lth.Task(lambda o, t: huber(o, t), metrics=HUBER.metrics)},
        {"recipe": replace(RMSPROP, optimizer=other)},
        {"recipe": replace(RMSPROP, schedule=lambda step: 1.0)},
    ):
        with pytest.raises(RunMismatch):
            list(lth.imp(regressor, numbers(), **(common | changed)))


def test_a_training_of_ones_own_is_told_the_task_only_where_there_is_one(tiny: lth.Dataset) -> None:
    """Catches a keyword that a `train` of before does not know."""
    told: list[dict[str, Any]] = []

    def mine(model: Any, data: Any, *, mask: Any, seed: int, recipe: Any, start: Any = None, momentum: str = "restore",
             keep: Any = (), progress: Any = None, **rest: Any) -> Any:  # fmt: skip
        told.append(rest)
        return lth.train(model, data, mask=mask, seed=seed, recipe=recipe, start=start, keep=keep, **rest)

    list(lth.imp(small_net, tiny, rounds=0, recipe=NESTEROV, train=mine))
    found = list(lth.imp(regressor, numbers(), rounds=0, recipe=NESTEROV, train=mine, task=NUMBERS))
    assert told == [{}, {"task": NUMBERS}] and found[0].test_metric > 0

    def deaf(model: Any, data: Any, *, mask: Any, seed: int, recipe: Any, keep: Any = (), **rest: Any) -> Any:
        return lth.train(model, data, mask=mask, seed=seed, recipe=recipe, keep=keep)

    smoothed = lth.Task(label_smoothing=0.2, metrics="perplexity")
    with pytest.raises(ValueError, match="judged by perplexity, and its result is judged by accuracy"):
        list(lth.imp(small_net, tiny, rounds=0, recipe=NESTEROV, train=deaf, task=smoothed))


def test_trainings_with_functions_of_ones_own_meet_and_are_done_one_by_one(monkeypatch: Any) -> None:
    """Catches a stack of networks under an optimizer that would see them as one."""
    monkeypatch.setattr(meetings, "train_together", None)
    meeting, found, both = Meeting(), {}, threading.Barrier(2)

    def chain(seed: int) -> None:
        with meeting.joined() as train:
            both.wait()
            given: dict[str, Any] = {"recipe": RMSPROP, "task": HUBER, "seed": seed}
            found[seed] = list(lth.imp(regressor, numbers(), rounds=1, train=train, **given))

    threads = [threading.Thread(target=chain, args=(seed,)) for seed in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in (0, 1):
        alone = list(lth.imp(regressor, numbers(), rounds=1, recipe=RMSPROP, task=HUBER, seed=seed))
        assert [r.test_metric for r in found[seed]] == [r.test_metric for r in alone]


# killed


needs_fork = pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods() or sys.platform != "linux",
    reason="needs Linux",
)


@needs_fork
@pytest.mark.parametrize("driver", ["imp, characters", "imp, numbers"])
def test_killed_it_goes_on_to_the_same_bits(driver: str, tmp_path: Path) -> None:
    """Catches state of one's own optimizer, or of the schedule, that only the process knew: killed twice, then ended."""
    context = killing.server()
    expected, _, files = killing.uninterrupted(context, driver, tmp_path / "whole" / "run")
    folder = tmp_path / "killed" / "run"
    assert killing.run(context, driver, folder, ("after the rename", files // 3))
    assert killing.run(context, driver, folder, ("before the rename", files // 3))
    assert killing.finished(context, driver, folder) == expected


# between two networks


def test_paths_have_the_loss_and_the_metric_of_the_task() -> None:
    """Catches a path of cross-entropy, and an error that falls where the network gets worse."""
    recipe = replace(NESTEROV, steps=30)
    start = lth.train(regressor(seed=0), numbers(), recipe=recipe, task=NUMBERS, keep=[5]).kept[5]
    found = instability(regressor, numbers(), start=start, recipe=recipe, task=NUMBERS, alphas=(0, 0.5, 1))
    (path,) = found.paths
    for point, child in zip((path[0], path[2]), found.children, strict=True):
        last = child.history[-1]
        assert (point.loss, point.error) == (last.validation_loss, last.validation_metric)
    assert found.barrier == barrier(path) == max(p.error for p in path) - (path[0].error + path[2].error) / 2
    r2 = replace(HUBER, metrics=HUBER.metrics[:1])  # type: ignore[index]
    ends = {"a": start, "b": lth.fresh_start(regressor, seed=1)}
    (point,) = interpolate(regressor, numbers(), alphas=(0,), task=r2, **ends)
    start.restore(model := regressor(seed=0))
    assert point.error == -lth.evaluate(model, numbers(), task=r2).metric
    with pytest.raises(ValueError, match="the default task is classification"):
        interpolate(regressor, numbers(), **ends)


# tables and figures


SMOOTHED = lth.Task(label_smoothing=0.1, metrics=("perplexity", "accuracy"))


def small_experiment(task: lth.Task = SMOOTHED) -> Experiment:
    recipe = lth.Recipe(steps=30, batch_size=20, evaluate_every=10, optimizer="adamw", weight_decay=0.01)
    return Experiment(
        "own", "lenet-300-100", recipe, "smoke", (0, 1), rounds=1, controls=("shuffled",), control_rounds=(1,), task=task
    )  # fmt: skip


def test_an_experiment_has_the_columns_of_its_metric(tiny: lth.Dataset, tmp_path: Path) -> None:
    """Catches a table, a text or an axis that says accuracy, percent or points where something else was measured."""
    from lthkit import evidence, plots

    experiment = small_experiment()
    assert experiment.config(tiny, "cpu")["task"] == SMOOTHED.config()
    assert "task" not in small_experiment(lth.Task()).config(tiny, "cpu")
    experiments.run(experiment, tiny, tmp_path / "run")
    config, summary, rows = results.load(tmp_path / "run")
    assert {row["metric"] for row in rows} == {"perplexity"} and all(row["test_metric"] > 1 for row in rows)
    assert 0 <= rows[0]["test_accuracy"] <= 1 and rows[0]["unit"] is None and rows[0]["direction"] == "lower"
    text = str(report.table(rows))
    assert "Test perplexity of each arm" in text and "test perplexity: lower is better" in text
    assert "accuracy" not in text.lower() and text.count("(%)") == 1, "of the weights left"
    said = " ".join(report.conclusions(rows)) + str(report.differences(rows))
    assert "in test perplexity, lower is better" in said and "points" not in said
    (axes,) = plots.trade_off(rows, stamp=report.stamp(config, summary)).axes
    assert axes.get_ylabel() == "test perplexity, lower is better"
    assert axes.get_title(loc="left").startswith("Perplexity of tickets")
    drawn = [y for line in axes.get_lines() for y in line.get_ydata()]
    assert max(drawn) < 2 * max(row["test_metric"] for row in rows), "times 100 is for percent"
    assert plots.describe(rows).startswith("Line chart of test perplexity against")
    band = evidence.paired(rows, ("ticket", 1), ("shuffled", 1))
    table = {(row["arm"], row["round"], row["seed"]): row["test_metric"] for row in rows}
    assert band.mean == pytest.approx(
        sum(table["ticket", 1, s] - table["shuffled", 1, s] for s in (0, 1)) / 2
    )


def test_rows_of_ones_own_rounds_make_a_table_and_a_figure() -> None:
    from lthkit import plots

    rows = []
    for seed in (0, 1):
        for this in lth.imp(regressor, numbers(), rounds=1, seed=seed, recipe=NESTEROV, task=NUMBERS):
            arm = "dense" if this.round == 0 else "ticket"
            rows.append(results.row_of(arm, seed, this.round, this.density, this.result))
    assert rows[0]["test_mae"] > 0 and "Test rmse of each arm" in str(report.table(rows))
    (axes,) = plots.paired_gap(rows + [r | {"arm": "other", "round": 1} for r in rows if r["arm"] == "dense"], "ticket", "other").axes  # fmt: skip
    assert axes.get_ylabel() == "ticket - other (test rmse, lower is better)"
    with pytest.raises(ValueError, match="measure different things: mae, rmse"):
        report.table([rows[0], rows[1] | {"metric": "mae"}])


def test_values_are_told_with_their_unit() -> None:
    assert Quantity("rmse", "m", "lower").told(0.12345) == "0.1235 m"
    assert Quantity("accuracy", "%", "higher").told(0.12345) == "12.35 %"
    assert Quantity("accuracy", "%", "higher").heading("test") == "test accuracy (%)"


def test_channels_of_a_classification_are_smoothed_too(tiny: lth.Dataset) -> None:
    """Catches a search for channels that knows the default task only."""
    recipe = replace(LONGER, batch_size=20, steps=60)
    plain, smoothed = (
        early_bird(small_conv, tiny, density=0.5, kind="channels", recipe=recipe, task=task, max_epochs=2)
        for task in (lth.Task(), SMOOTHED)
    )
    assert plain.last.fingerprint != smoothed.last.fingerprint
