"""An audit of runs with a task, an optimizer, a schedule, data or a training loop of one's own: judged rightly, or not judged."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import lthkit as lth
from lthkit.__main__ import main
from lthkit.data.datasets import Dataset
from lthkit.runs import again, experiments
from lthkit.runs.again import same
from lthkit.storage.folders import read_config
from lthkit.tickets.rounds import load_round, save_round
from lthkit.training.results import MetricPoint
from lthkit.training.tallies import Measured
from tests import own_tasks as own
from tests.conftest import small_net

NUMBERS: dict[str, Any] = {"network": own.regressor, "data": own.numbers()}
CHARACTERS: dict[str, Any] = {"network": own.transformer, "data": own.characters()}
FEW = lth.Recipe(steps=12, batch_size=20, evaluate_every=4)


@pytest.fixture(autouse=True)
def nothing_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LTHKIT_RUNS", str(tmp_path / "runs"))
    yield
    lth.keep_no_runs()


def numbers_run(folder: Path, **more: Any) -> list[lth.Round]:
    given: dict[str, Any] = {
        "rounds": 2,
        "fraction": 0.5,
        "recipe": FEW,
        "task": own.NUMBERS,
        "folder": folder,
    }
    return list(lth.imp(own.regressor, own.numbers(), **given | more))


def resaved(folder: Path, r: int, **changed: Any) -> None:
    this = load_round(folder, r)
    assert this is not None
    (folder / f"round-{r:02d}.npz").unlink()
    save_round(folder, dataclasses.replace(this, **changed))


@pytest.mark.parametrize("driver", own.DRIVERS)
def test_no_driver_leaves_a_run_that_an_audit_falls_over(driver: str, tmp_path: Path) -> None:
    own.DRIVERS[driver](None, tmp_path / "a", None)
    given = NUMBERS if driver.endswith("numbers") else CHARACTERS
    for replay in (False, True):
        for more in ({}, given):
            found = lth.audit(tmp_path / "a", replay=replay, **more)
            assert set(found.failed) <= {"whole"}, driver  # SNIP on the Transformer leaves out its embedding
            assert found["measured"].verdict == "cannot be told" or more, "nothing was there to measure with"


def test_a_task_by_names_is_made_again_from_the_configuration(tmp_path: Path) -> None:
    own.run_imp_characters(None, tmp_path / "a", None)
    found = lth.audit(tmp_path / "a", replay=True, recipe=own.ADAMW, **CHARACTERS)
    assert found.failed == () and {"measured", "zeros", "test", "rewound"} <= set(found.held)
    assert "recorded validation perplexity of the last step again" in found["measured"].text
    assert "One test perplexity" in found["test"].text
    found = lth.audit(tmp_path / "a", replay=True, **CHARACTERS)
    assert "Needs the recipe with its functions (recipe=) of the run." in found["rewound"].text


def test_functions_of_ones_own_are_asked_for_and_then_used(tmp_path: Path) -> None:
    own.run_imp_numbers(None, tmp_path / "a", None)
    less = lth.audit(tmp_path / "a", replay=True, **NUMBERS)
    assert {"measured", "zeros", "rewound"} <= set(less.open)
    assert "(task=)" in less["measured"].text and "(recipe=)" in less["rewound"].text
    found = lth.audit(tmp_path / "a", replay=True, task=own.HUBER, recipe=own.RMSPROP, **NUMBERS)
    assert found.failed == () and {"measured", "zeros", "rewound", "ranking"} <= set(found.held)
    assert "validation r2" in found["measured"].text
    with pytest.raises(ValueError, match="run was made with .*huber"):
        lth.audit(tmp_path / "a", task=own.NUMBERS, **NUMBERS)
    with pytest.raises(ValueError, match="recipe has optimizer"):
        lth.audit(tmp_path / "a", recipe=own.NESTEROV, **NUMBERS)
    other = lth.Task(loss=own.huber, metrics=(lth.Metric("r2", lambda o, t: o.mean() - t.mean()), "rmse"))
    with pytest.raises(ValueError, match="the same code"):
        lth.audit(tmp_path / "a", task=other, **NUMBERS)
    with pytest.raises(ValueError, match="expected the same sequences and splits"):
        lth.audit(tmp_path / "a", network=own.regressor, data=own.characters())


def test_the_best_step_is_that_of_least_loss_whichever_way_the_metric_points(tmp_path: Path) -> None:
    away = lth.Metric("away", lambda outputs, targets: -(outputs - targets).square().mean(), unit="m")
    task = lth.Task(loss="mse", metrics=(away, "rmse"))
    rounds = numbers_run(tmp_path / "a", task=task)
    assert lth.audit(tmp_path / "a")["test"].verdict == "holds"
    worst = max(rounds[2].result.history, key=lambda point: point.validation_loss)
    chosen = replace(
        rounds[2].result,
        best_step=worst.step,
        validation_loss=worst.validation_loss,
        validation_metric=worst.validation_metric,
    )
    resaved(tmp_path / "a", 2, result=chosen)
    found = lth.audit(tmp_path / "a")["test"]
    assert found.verdict == "fails" and "test away is reported" in found.text


def test_a_metric_that_was_improved_afterwards_is_found(tmp_path: Path) -> None:
    rounds = numbers_run(tmp_path / "a")
    result = rounds[2].result
    point = result.history[-1]
    assert isinstance(point, MetricPoint)
    better = point._replace(validation_metrics={"rmse": point.validation_metrics["rmse"], "mae": 0.01})
    resaved(tmp_path / "a", 2, result=replace(result, history=(*result.history[:-1], better)))
    found = lth.audit(tmp_path / "a", **NUMBERS)
    assert {"measured", "zeros"} <= set(found.failed) and "mae 0.01 (loss" in found["measured"].text
    assert "on the validation split" in found["measured"].text and "images" not in found["measured"].text


def test_weights_that_are_not_those_measured_are_found(tmp_path: Path) -> None:
    rounds = numbers_run(tmp_path / "a")
    state = {n: t * 1.5 if n == "4.weight" else t for n, t in rounds[2].trained.model.items()}
    resaved(tmp_path / "a", 2, trained=lth.Checkpoint(12, state))
    assert lth.audit(tmp_path / "a", **NUMBERS)["measured"].verdict == "fails"
    assert lth.audit(tmp_path / "a")["measured"].verdict == "cannot be told"


POINT = MetricPoint(10, 0.5, 0.4, {"r2": 0.7, "error": 0.2})
UNITS = {"r2": "", "error": "%"}


@pytest.mark.parametrize(
    ("loss", "metrics", "verdict"),
    [
        (0.4, {"r2": 0.7, "error": 0.2}, "holds"),
        (0.4001, {"r2": 0.7001, "error": 0.203}, "holds"),
        (0.4001, {"r2": 0.6, "error": 0.2}, "cannot be told"),
        (0.4, {"r2": 0.6, "error": 0.2}, "fails"),
        (0.4001, {"r2": 0.7, "error": 0.3}, "fails"),
        (0.5, {"r2": 0.7, "error": 0.2}, "fails"),
        (math.nan, {"r2": 0.7, "error": 0.2}, "fails"),
        (0.4, {"error": 0.2}, "cannot be told"),
    ],
)
def test_a_measurement_is_the_recorded_one_by_its_loss_and_all_metrics(
    loss: float, metrics: dict[str, float], verdict: str
) -> None:
    assert same(Measured(loss, metrics), POINT, UNITS)[0] == verdict


def test_rows_layers_and_their_own_densities_are_counted(tiny: Dataset, tmp_path: Path) -> None:
    few = lth.Recipe(steps=10, batch_size=30, evaluate_every=5)
    given: dict[str, Any] = {"recipe": few, "seed": 0}
    list(lth.imp(small_net, tiny, rounds=2, fraction=0.3, scope="row", folder=tmp_path / "rows", **given))
    each = {"1.weight": 0.2, "3.weight": 0.5}
    list(lth.one_shot(small_net, tiny, densities=[each, 0.1], folder=tmp_path / "each", **given))
    for name in ("rows", "each"):
        found = lth.audit(tmp_path / name, network=small_net, data=tiny)
        assert found.failed == () and {"density", "ranking", "measured"} <= set(found.held), name
        this = load_round(tmp_path / name, 1)
        assert this is not None
        moved = {n: t.clone() for n, t in this.mask.items()}
        kept = moved["3.weight"]
        kept[tuple(kept.nonzero()[0])], kept[tuple((~kept).nonzero()[-1])] = False, True
        resaved(tmp_path / name, 1, mask=lth.Mask(moved))
        found = lth.audit(tmp_path / name)
        assert "ranking" in found.failed, name
        assert ("density" in found.failed) is (name == "rows"), (
            "in a layer the count is the same, in the rows not"
        )


def test_a_search_from_a_mask_is_held_against_it(tmp_path: Path) -> None:
    run = partial(own.run_hybrid_numbers, None)
    run(tmp_path / "a", None)
    found = lth.audit(tmp_path / "a", replay=True, recipe=own.RMSPROP, **NUMBERS)
    assert found.failed == () and "rewound" in found.held
    lth.Checkpoint.of(own.regressor(seed=4)).save(tmp_path / "a" / "rewind.npz")
    found = lth.audit(tmp_path / "a", **NUMBERS)
    assert "under the mask of round 0" in found["rewound"].text and "rewound" in found.failed
    first = load_round(tmp_path / "a", 0)
    assert first is not None
    resaved(tmp_path / "a", 0, mask=first.mask.shuffled(1))
    assert "another mask" in lth.audit(tmp_path / "a")["record"].text


def own_loop(
    model: nn.Module, data: Dataset, *, mask: lth.Mask, recipe: lth.Recipe, **more: Any
) -> lth.TrainResult:
    """Plain gradient descent, which measures once, at the end."""
    start, keep = more.get("start"), more.get("keep", ())
    if start:
        start.restore(model)
    first = start.step if start else 0
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    kept = {}
    with mask.held(model.train(), optimizer):
        for step in range(first, recipe.steps):
            if step in keep:
                kept[step] = lth.Checkpoint.of(model, step=step)
            inputs, targets = data.draw(20, seed=step, batch_size=20)[0]
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
    valid, test = (lth.evaluate(model, data, split=split) for split in ("validation", "test"))
    done = recipe.steps - first
    return lth.TrainResult((), recipe.steps, *valid, test.accuracy, done, recipe.steps, 0.0, kept=kept)


def test_a_loop_of_ones_own_is_not_judged_by_anothers_numbers(tiny: Dataset, tmp_path: Path) -> None:
    list(lth.imp(small_net, tiny, rounds=2, fraction=0.5, recipe=FEW, train=own_loop, folder=tmp_path / "a"))
    found = lth.audit(tmp_path / "a", network=small_net, data=tiny, replay=True)
    assert found.failed == () and {"measured", "zeros", "ranking"} <= set(found.held)
    assert "no evaluation was recorded" in found["test"].text and "rewound" in found.open

    def slower(model: nn.Module, data: Dataset, **given: Any) -> lth.TrainResult:
        return lth.train(model, data, **given | {"recipe": replace(given["recipe"], lr=1e-4)})

    list(lth.imp(small_net, tiny, rounds=1, fraction=0.5, recipe=FEW, train=slower, folder=tmp_path / "b"))
    found = lth.audit(tmp_path / "b", network=small_net, data=tiny, replay=True)["rewound"]
    assert found.verdict == "cannot be told" and "slower" in found.text and "is not the same" in found.text
    result = load_round(tmp_path / "b", 1)
    assert result is not None
    doubled = replace(result.result, best_step=999, history=())
    resaved(tmp_path / "b", 1, result=doubled)
    found = lth.audit(tmp_path / "b", network=small_net, data=tiny)["measured"]
    assert found.verdict == "cannot be told" and "no evaluation of the weights of the last step" in found.text


def test_a_control_of_another_task_or_recipe_is_none(tmp_path: Path) -> None:
    lth.keep_runs("runs")
    given: dict[str, Any] = {"rounds": 1, "fraction": 0.5, "recipe": FEW, "task": own.NUMBERS, "seed": 0}
    ticket = list(lth.imp(own.regressor, own.numbers(), **given))[1]
    mine = next(Path("runs/kept").glob("imp-*"))
    shuffled = partial(
        lth.retrain, own.regressor, own.numbers(), mask=ticket.mask.shuffled(1), weights_from=ticket.rewind
    )
    shuffled(recipe=FEW, task=lth.Task(loss="mse", metrics="mae"))
    shuffled(recipe=replace(FEW, steps=24), task=own.NUMBERS)
    assert lth.audit(mine, **NUMBERS)["controls"].verdict == "cannot be told"
    shuffled(recipe=FEW, task=own.NUMBERS)
    assert lth.audit(mine, **NUMBERS)["controls"].verdict == "holds"


def test_a_training_is_measured_with_its_own_task_and_network(tmp_path: Path) -> None:
    own.run_retrain_numbers(None, tmp_path / "a", None)
    found = lth.audit(tmp_path / "a", task=own.HUBER, **NUMBERS)
    assert found.failed == () and {"measured", "zeros", "optimizer", "test"} <= set(found.held)
    assert "momentum_buffer, square_avg of all removed weights are 0" in found["optimizer"].text
    with pytest.raises(ValueError, match="expected a network from the same"):
        lth.audit(tmp_path / "a", network=nn.Linear(20, 1), data=own.numbers())


@pytest.fixture(scope="module")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment judged by its error, of which a table with test_metric is left."""
    folder = tmp_path_factory.mktemp("regression") / "run"
    small = replace(
        experiments.winning_ticket("smoke"),
        recipe=lth.Recipe(steps=6, evaluate_every=3),
        rounds=1,
        control_rounds=(1,),
        task=lth.Task(metrics=("error", "accuracy")),
    )
    experiments.run(small, lth.load_data("fashion-mnist"), folder)
    return folder


def test_a_table_of_another_metric_is_held_against_the_rounds(regression: Path, tmp_path: Path) -> None:
    import shutil

    from lthkit.runs.results import load, write_results

    found = lth.audit(regression, replay=True)
    assert found.failed == () and found.open == ("optimizer", "controls")
    for column, value in (("test_metric", 0.01), ("direction", "higher"), ("test_accuracy", 0.99)):
        folder = tmp_path / column
        shutil.copytree(regression, folder)
        _, summary, rows = load(folder)
        summary.pop("tables")
        rows = [row | {column: value} if row["arm"] == "ticket" and row["seed"] == 1 else row for row in rows]
        write_results(folder, summary, {"table.csv": rows})
        assert column in lth.audit(folder)["record"].text and "record" in lth.audit(folder).failed
    shutil.copytree(regression, tmp_path / "twin")
    _, summary, rows = load(tmp_path / "twin")
    summary.pop("tables")
    first = {(row["arm"], row["round"]): row for row in rows if row["seed"] == 0}
    twin = [first[row["arm"], row["round"]] | {"seed": row["seed"]} for row in rows]
    write_results(tmp_path / "twin", summary, {"table.csv": twin})
    shutil.rmtree(tmp_path / "twin" / "cells")
    found = lth.audit(tmp_path / "twin")
    assert "are one run" in found["seeds"].text and "One test error" in found["test"].text


def test_pictures_in_a_folder_are_given_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    drawn = np.random.default_rng(0)
    for kind in ("round", "square"):
        Path("shapes", kind).mkdir(parents=True)
        for i in range(20):
            Image.fromarray(drawn.integers(0, 255, (8, 8), np.uint8)).save(Path("shapes", kind, f"{i}.png"))
    made = "imp --data shapes --size 8 --steps 4 --batch-size 8 --rounds 1 --seeds 0 --tier smoke --device cpu --out run"
    assert main(["run", *made.split()]) == 0
    capsys.readouterr()
    assert main(["audit", "run"]) == 1, "one seed"
    assert "Needs the data (data=)" in capsys.readouterr().out
    main(["audit", "run", "--data", "shapes", "--size", "8", "--replay"])
    assert "12 hold, 2 fail, 1 cannot be told" in capsys.readouterr().out, "seeds and controls"
    assert main(["audit", "run", "--data", "fashion-mnist"]) == 2
    assert "expected the same images and splits" in capsys.readouterr().err
    for given in (["run", "--size", "8"], ["--data", "shapes"], ["--size", "8", "--density", "0.2"]):
        assert main(["audit", *given]) == 2, given
    assert "Traceback" not in capsys.readouterr().err


def trained_regressor() -> tuple[nn.Module, float]:
    model = own.regressor(seed=0)
    lth.train(model, own.numbers(), recipe=FEW, task=own.NUMBERS)
    return model, lth.evaluate(model, own.numbers(), task=own.NUMBERS).metric


def test_what_was_said_of_states_may_be_of_any_task() -> None:
    model, rmse = trained_regressor()
    said = partial(lth.audit, model, data=own.numbers(), task=own.NUMBERS)
    assert said(validation_metric=rmse)["measured"].verdict == "holds"
    assert said(validation_metric=round(rmse, 4))["measured"].verdict == "holds"
    found = said(validation_metric=0.9 * rmse)["measured"]
    assert found.verdict == "fails" and "rmse" in found.text and "70 validation rows" in found.text
    with pytest.raises(TypeError, match="first metric of the task is rmse"):
        said(validation_accuracy=0.9)
    with pytest.raises(TypeError, match="without a task"):
        lth.audit(model, data=own.numbers(), validation_metric=rmse)
    with pytest.raises(ValueError, match="default task is classification"):
        lth.audit(model, data=own.numbers(), validation_accuracy=0.9)
    tokens = own.transformer(seed=0)
    accuracy = lth.evaluate(tokens, own.characters()).accuracy
    measured = partial(lth.audit, tokens, data=own.characters())
    assert measured(validation_accuracy=accuracy)["measured"].verdict == "holds"
    one_token = 1 / own.characters().validation.targets.numel()
    assert measured(validation_accuracy=accuracy + one_token)["measured"].verdict == "fails"


def test_a_networks_weights_are_those_of_before_after_an_audit(tmp_path: Path) -> None:
    numbers_run(tmp_path / "a")
    model = own.regressor(seed=7)
    before = lth.Checkpoint.of(model).fingerprint
    lth.audit(tmp_path / "a", network=model, data=own.numbers(), replay=True)
    assert lth.Checkpoint.of(model).fingerprint == before


def test_quantities_are_read_from_a_configuration(tmp_path: Path) -> None:
    own.run_imp_numbers(None, tmp_path / "a", None)
    found = again.quantities_of(read_config(tmp_path / "a"))
    assert [tuple(one) for one in found] == [tuple(one) for one in own.HUBER.quantities]
    assert again.quantities_of({"task": {"loss": "mse"}})[0].name == "rmse"
    assert again.quantities_of({})[0] == lth.training.metrics.ACCURACY
