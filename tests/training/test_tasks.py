"""A task: the loss that falls, the metrics that are measured, and what would be quietly wrong and is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import lthkit as lth
from lthkit.data import Split
from lthkit.storage import name_of
from lthkit.training import PLAIN, Choice, MetricPoint, Quantity, TrainResult, engine, train_together
from lthkit.training.gradients import gradients_of
from lthkit.training.history import training_config
from lthkit.training.results import read_again, written
from tests.conftest import small_net
from tests.own_tasks import (
    ALPHABET,
    CHARACTERS,
    HUBER,
    NUMBERS,
    PAD,
    Characters,
    characters,
    explained,
    numbers,
    regressor,
    transformer,
)

RECIPE = lth.Recipe(steps=12, batch_size=20, evaluate_every=4, optimizer="sgd", momentum=0.9, lr=0.02)


def squares(outputs: Tensor, targets: Tensor) -> Tensor:
    return ((outputs - targets) ** 2).mean()


def state_of(model: nn.Module) -> list[Tensor]:
    return [tensor.clone() for tensor in model.state_dict().values()]


def same(a: list[Tensor], b: list[Tensor]) -> bool:
    return all(map(torch.equal, a, b))


def by_hand(model: nn.Module, data: lth.Dataset, loss: Callable[[Tensor, Tensor], Tensor]) -> list[Tensor]:
    """A plain loop of torch with the batches and the recipe of `RECIPE`."""
    optimizer = torch.optim.SGD(model.parameters(), lr=RECIPE.lr, momentum=RECIPE.momentum)
    per_epoch, model = len(data.train) // RECIPE.batch_size, model.train()
    for step in range(RECIPE.steps):
        epoch, position = divmod(step, per_epoch)
        rows = lth.data.batches(len(data.train), seed=0, epoch=epoch, batch_size=RECIPE.batch_size)[position]
        optimizer.zero_grad()
        loss(model(data.inputs(data.train, rows)), data.train.targets[rows]).backward()
        optimizer.step()
    return state_of(model)


def undropped(*, seed: int) -> nn.Module:
    model = transformer(seed=seed)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
    return model


WITH_TORCH: dict[str, tuple[Any, Any, lth.Task, Callable[[Tensor, Tensor], Tensor]]] = {
    "mse": (regressor, numbers, NUMBERS, F.mse_loss),
    "of one's own": (regressor, numbers, HUBER, lambda o, t: F.huber_loss(o, t, delta=0.5)),
    "a class for each token": (undropped, characters, lth.Task(), lambda o, t: F.cross_entropy(o.transpose(1, 2), t)),
    "smoothed, without padding": (
        undropped, characters, CHARACTERS,
        lambda o, t: F.cross_entropy(o.transpose(1, 2), t, ignore_index=PAD, label_smoothing=0.1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WITH_TORCH)
def test_a_training_is_that_of_a_loop_of_torch(name: str) -> None:
    """Catches another loss than the one asked for, padding that counts, and a faster way taken for what it is not made for."""
    make, data, task, loss = WITH_TORCH[name]
    model, recipe = make(seed=0), replace(RECIPE)
    lth.train(model, data(), recipe=recipe, task=task)
    for a, b in zip(state_of(model), by_hand(make(seed=0), data(), loss), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_the_choice_of_another_task_is_the_plain_way(tiny: lth.Dataset) -> None:
    """Catches sparse or written-out cross-entropy, or a recording, of a training that has another loss; and tells of it."""
    asked = Choice(threads=1, written_out=True, sparse=True, capture=True)
    for task, recipe, ways in (
        (NUMBERS, RECIPE, (False, False, True)),
        (HUBER, RECIPE, (False, False, False)),
        (NUMBERS, replace(RECIPE, optimizer=torch.optim.SGD, momentum=0.0), (False, False, False)),
    ):
        choice = lth.train(regressor(seed=0), numbers(), recipe=recipe, task=task, choice=asked).choice
        assert choice and (choice.written_out, choice.sparse, choice.capture) == ways
    choice = lth.train(small_net(seed=0), tiny, recipe=RECIPE, choice=asked).choice
    assert choice and choice.written_out and choice.sparse


def test_no_gradients_of_another_loss_are_written_out(tiny: lth.Dataset) -> None:
    inputs, labels = tiny.draw(20, seed=0)[0]
    for task in (lth.Task(label_smoothing=0.3), lth.Task(nn.CrossEntropyLoss(label_smoothing=0.3))):
        (loss, by_hand), (expected, by_autograd) = (
            gradients_of(small_net(seed=0), written_out=way, task=task)(inputs, labels)
            for way in (True, False)
        )
        with torch.no_grad():
            assert float(loss) == float(expected) == float(task.mean_loss(small_net(seed=0)(inputs), labels))
        assert same(list(by_hand), list(by_autograd))  # type: ignore[arg-type]


def test_nothing_of_ones_own_is_recorded() -> None:
    """Catches a replay, which calls no function: a loss with a condition in it would be that of the first batch for ever."""
    for task, recipe in (
        (HUBER, RECIPE),
        (NUMBERS, replace(RECIPE, optimizer=torch.optim.SGD, momentum=0.0)),
    ):
        with pytest.raises(RuntimeError, match="of your own is called step by step"):
            engine.RecordedUpdate(regressor(seed=0), numbers(), recipe=recipe, task=task)


def test_smoothed_cross_entropy_is_not_written_out(tiny: lth.Dataset) -> None:
    models = [small_net(seed=0), small_net(seed=0)]
    for model, choice in zip(models, (PLAIN, Choice(written_out=True)), strict=True):
        lth.train(model, tiny, recipe=RECIPE, task=lth.Task(label_smoothing=0.3), choice=choice)
    assert same(*map(state_of, models))
    lth.train(usual := small_net(seed=0), tiny, recipe=RECIPE)
    assert not same(state_of(usual), state_of(models[0]))


# metrics


def outputs_of(model: nn.Module, data: lth.Dataset) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        return model.eval()(data.inputs(data.test)), data.test.targets


@pytest.mark.parametrize("batch_size", [1, 7, 50, 1000])
def test_metrics_are_those_of_the_whole_split(batch_size: int) -> None:
    """Catches means of batch means, which differ where batches have other sizes or other amounts of padding."""
    task = replace(CHARACTERS, metrics=("perplexity", "accuracy", "error", "token accuracy", "loss"))
    model = transformer(seed=0)
    outputs, targets = outputs_of(model, characters())
    rows, classes, there = outputs.flatten(0, 1), targets.flatten(), targets.flatten() != PAD
    right = (rows.argmax(1) == classes)[there].double().mean().item()
    nats = F.cross_entropy(rows[there].double(), classes[there]).item()
    smoothed = F.cross_entropy(rows[there].double(), classes[there], label_smoothing=0.1).item()
    found = lth.evaluate(model, characters(), split="test", batch_size=batch_size, task=task)
    expected = {"perplexity": math.exp(nats), "accuracy": right, "error": 1 - right, "token accuracy": right, "loss": smoothed}  # fmt: skip
    assert found.metrics == pytest.approx(expected, rel=1e-5) and list(found.metrics) == list(expected)
    assert found.loss == pytest.approx(smoothed, rel=1e-5) and found.metric == found.metrics["perplexity"]
    assert found.metrics["accuracy"] == right == found.accuracy

    model = regressor(seed=0)
    outputs, targets = outputs_of(model, numbers())
    gaps = (outputs - targets).double()
    found = lth.evaluate(model, numbers(), split="test", batch_size=batch_size, task=NUMBERS)
    assert found.loss == pytest.approx(gaps.square().mean().item(), rel=1e-5)
    expected = {"rmse": gaps.square().mean().sqrt().item(), "mae": gaps.abs().mean().item()}
    assert found.metrics == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_functions_of_ones_own_see_the_whole_split(tiny: lth.Dataset, batch_size: int) -> None:
    """Catches a weighted loss, which divides by its weights, and an R² that are averaged over batches."""
    model = regressor(seed=0)
    outputs, targets = outputs_of(model, numbers())
    found = lth.evaluate(model, numbers(), split="test", batch_size=batch_size, task=HUBER)
    assert found.metrics["r2"] == pytest.approx(float(explained(outputs, targets)), rel=1e-5)
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 0.1]))
    outputs, labels = outputs_of(small_net(seed=0), tiny)
    found = lth.evaluate(
        small_net(seed=0), tiny, split="test", batch_size=batch_size, task=lth.Task(weighted)
    )
    assert found.loss == pytest.approx(float(weighted(outputs, labels)), rel=1e-5)
    assert found.accuracy == (outputs.argmax(1) == labels).double().mean().item()


def test_the_default_task_measures_what_it_always_did(tiny: lth.Dataset) -> None:
    model = small_net(seed=0)
    loss, accuracy = found = lth.evaluate(model, tiny)
    assert (found.loss, found.accuracy, found.metric) == (loss, accuracy, accuracy)
    assert found.metrics == {"accuracy": accuracy}
    other = lth.evaluate(model, tiny, task=lth.Task(metrics=("error", "accuracy")))
    assert other.metrics == {"error": pytest.approx(1 - accuracy), "accuracy": accuracy}
    assert other.loss == pytest.approx(loss)


# results


def test_results_have_the_metric_and_say_what_to_use_instead_of_accuracy() -> None:
    result = lth.train(regressor(seed=0), numbers(), recipe=RECIPE, task=NUMBERS)
    assert result.quantity == Quantity("rmse", "", "lower")
    assert result.test_metric == result.test_metrics["rmse"] and list(result.test_metrics) == ["rmse", "mae"]
    best = min(result.history, key=lambda point: point.validation_loss)
    assert isinstance(best, MetricPoint) and result.best_step == best.step
    assert result.validation_metric == best.validation_metric == best.validation_metrics["rmse"]
    for holder, asked, instead in (
        (result, "test_accuracy", "test_metric"),
        (result, "validation_accuracy", "validation_metric"),
        (best, "validation_accuracy", "validation_metric"),
    ):
        with pytest.raises(AttributeError, match=f"no .{asked}, .* measured rmse, mae; use .{instead}"):
            getattr(holder, asked)
    with pytest.raises(AttributeError, match="measured rmse, mae; use .metric"):
        _ = lth.evaluate(regressor(seed=0), numbers(), task=NUMBERS).accuracy
    assert read_again(written(result)) == replace(result, kept={})


def test_the_best_step_is_that_of_least_loss_even_if_the_metric_is_best_elsewhere() -> None:
    """Catches a best step chosen by the metric, or as if more of it were always better."""
    data = numbers()
    worst = lth.Metric("size", lambda o, t: float(o.abs().mean()), direction="lower")  # least before any step
    for metric in (worst, replace(worst, direction="higher")):
        result = lth.train(regressor(seed=0), data, recipe=RECIPE, task=lth.Task("mse", metrics=metric))
        losses = {point.step: point.validation_loss for point in result.history}
        assert result.best_step == min(losses, key=losses.__getitem__) and result.best_step > 4


def test_accuracy_among_other_metrics_is_there(tiny: lth.Dataset) -> None:
    task = lth.Task(metrics=("perplexity", "accuracy"))
    result, usual = (lth.train(small_net(seed=0), tiny, recipe=RECIPE, task=t) for t in (task, lth.Task()))
    assert result.test_accuracy == usual.test_accuracy == usual.test_metric
    assert result.test_metric == result.test_metrics["perplexity"] != result.test_accuracy
    assert result.history[0].validation_accuracy == usual.history[0].validation_accuracy


def test_a_result_is_made_by_either_name() -> None:
    made: dict[str, Any] = {"history": (), "best_step": 3, "validation_loss": 0.5, "steps": 3, "budget": 9}
    old = TrainResult(**made, validation_accuracy=0.9, test_accuracy=0.8)
    assert (old.validation_metric, old.test_accuracy) == (0.9, 0.8) and old.test_metrics == {"accuracy": 0.8}
    assert TrainResult((), 3, 0.5, 0.9, 0.8, 3, 9, 0.0) == old
    own = TrainResult(**made, validation_metric=2.0, test_metric=3.0, quantity=Quantity("rmse", "m", "lower"))
    assert own.test_metrics == {"rmse": 3.0}
    with pytest.raises(TypeError, match="judged by rmse; give test_metric"):
        TrainResult(**made, validation_metric=2.0, test_accuracy=0.8, quantity=own.quantity)
    with pytest.raises(TypeError, match="validation_metric=, or for accuracy validation_accuracy="):
        TrainResult(**made, test_accuracy=0.8)


# in a configuration


def config(task: lth.Task, recipe: lth.Recipe = RECIPE) -> dict[str, Any]:
    return training_config(regressor(seed=0), numbers(), None, 0, recipe, dict, 0, set(), task)


def test_only_what_differs_from_the_default_stands_in_a_configuration() -> None:
    """Catches a run of before that is not found again, and two tasks that pass for one."""
    assert lth.Task().config() == {} and "task" not in config(lth.Task())
    assert lth.Task(metrics="accuracy", label_smoothing=0).default
    assert lth.Recipe().config().keys() == {
        "steps", "batch_size", "optimizer", "lr", "momentum", "weight_decay", "schedule", "milestones", "decay",
        "warmup", "evaluate_every", "patience", "augment", "precision",
    }  # fmt: skip

    def scaled(by: float) -> Callable[[Tensor, Tensor], Tensor]:
        return lambda outputs, targets: by * squares(outputs, targets)

    others = [
        lth.Task("mse"), lth.Task("mse", metrics=("rmse", "mae")), lth.Task("mse", metrics=("mae", "rmse")),
        lth.Task(label_smoothing=0.1), lth.Task(ignore_index=0), lth.Task(class_axis=1), lth.Task(squares),
        lth.Task(scaled(2.0)), lth.Task(scaled(3.0)), lth.Task(lambda o, t: squares(o, t)),
        lth.Task(metrics=lth.Metric("m", squares)), lth.Task(metrics=lth.Metric("m", explained)),
        lth.Task(metrics=lth.Metric("m", squares, direction="lower")), lth.Task(metrics="error"),
    ]  # fmt: skip
    texts = [repr(config(task)["task"]) for task in others]
    assert len(set(texts)) == len(others)
    assert [repr(config(task)["task"]) for task in others] == texts


def test_the_loss_of_a_task_has_one_name() -> None:
    """Catches a name that depends on what has been asked of the task before."""
    fresh, used = lth.Task("mse"), lth.Task("mse")
    assert used.default is used.usual is False
    assert name_of(fresh.mean_loss) == name_of(used.mean_loss) != name_of(NUMBERS.mean_loss)


# refusals


def flat() -> lth.Dataset:
    """The numbers, with targets [n] instead of [n, 1]."""
    data = numbers()
    parts = {p: Split(getattr(data, p).inputs, getattr(data, p).targets[:, 0]) for p in ("train", "validation", "test")}  # fmt: skip
    return lth.Dataset.of("flat", **parts)


def square_texts() -> lth.Dataset:
    """Eight tokens of eight classes."""
    data = characters()
    parts = {
        p: Split(getattr(data, p).inputs[:, :8], getattr(data, p).targets[:, :8])
        for p in ("train", "validation", "test")
    }
    return lth.Dataset.of("square", **parts, classes=tuple(ALPHABET))


def equal_outputs(*, seed: int) -> nn.Module:
    """Its outputs are equal for all rows, at first."""
    model: Any = regressor(seed=seed)
    nn.init.zeros_(model[4].weight)
    return model


class Shorter(Characters):
    def forward(self, tokens: Tensor) -> Any:
        return self.out(self.mix(self.embed(tokens) + self.place[:8]))


REFUSED: dict[str, tuple[Any, Any, lth.Task, str]] = {
    "the default task on numbers": (regressor, numbers, lth.Task(), "targets of numbers are numbers"),
    "mse, [n, 1] and [n]": (regressor, flat, lth.Task("mse"), r"Outputs float32 \[4, 1\] .*squeeze"),
    "a broadcast": (regressor, flat, lth.Task(squares, metrics="loss"), "held against each"),
    "a hidden one": (equal_outputs, flat, lth.Task(squares, metrics="loss"), "held against each"),
    "a broadcast in a metric": (
        equal_outputs, flat,
        lth.Task(lambda o, t: squares(o[:, 0], t), metrics=lth.Metric("r2", explained)), "metric 'r2', which does not",
    ),
    "a sum": (
        regressor, numbers, lth.Task(nn.MSELoss(reduction="sum"), metrics="rmse"), "MSELoss gives .* a sum over the batch",
    ),
    "a loss for each row": (
        regressor, numbers, lth.Task(nn.MSELoss(reduction="none"), metrics="rmse"), r"a tensor float32 \[4, 1\]",
    ),
    "a loss that is no tensor": (
        regressor, numbers, lth.Task(lambda o, t: float(squares(o, t)), metrics="rmse"), "gives a float",
    ),
    "a loss without a gradient": (
        regressor, numbers, lth.Task(lambda o, t: squares(o.detach(), t), metrics="rmse"), "have no gradient",
    ),
    "accuracy of numbers": (regressor, numbers, lth.Task("mse", metrics="accuracy"), "'accuracy' is for classes"),
    "length and classes equal": (Shorter, square_texts, lth.Task(), "the shape does not say where the classes are"),
    "the other axis": (transformer, characters, lth.Task(class_axis=1), "class_axis=1 was given"),
    "a class that there is not": (transformer, characters, lth.Task(ignore_index=8), "nothing would be ignored"),
    "a metric that is no number": (
        regressor, numbers, lth.Task("mse", metrics=lth.Metric("m", lambda o, t: o - t)), "'m' did not give one number",
    ),
    "a metric that is NaN": (
        regressor, numbers, lth.Task("mse", metrics=lth.Metric("m", lambda o, t: math.nan)), "'m' of the whole split is nan",
    ),
    "percent that are none": (
        regressor, numbers, lth.Task("mse", metrics=lth.Metric("m", lambda o, t: 87.3, "%")), "fractions from 0 to 1",
    ),
    "a metric that writes": (
        regressor, numbers, lth.Task("mse", metrics=lth.Metric("m", lambda o, t: o.clamp_(0).sum())), "leaves them as they are",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_quietly_wrong_is_refused(name: str) -> None:
    make, data, task, message = REFUSED[name]
    model = make(seed=0) if make is not Shorter else Shorter()
    with pytest.raises(ValueError, match=message):
        lth.train(model, data(), recipe=RECIPE, task=task)


def test_a_broadcast_is_refused_where_only_something_is_evaluated() -> None:
    for make in (regressor, equal_outputs):
        with pytest.raises(ValueError, match="held against each"):
            lth.evaluate(make(seed=0), flat(), task=lth.Task(squares, metrics="loss"))


def test_a_loss_that_looks_at_shapes_itself_is_taken() -> None:
    """Catches a check that refuses what is right: [n, 1] and [n], brought together by the loss and the metric themselves."""
    task = lth.Task(
        lambda o, t: squares(o.squeeze(1), t), metrics=lth.Metric("r2", lambda o, t: explained(o[:, 0], t))
    )
    a, b = regressor(seed=0), regressor(seed=0)
    found = lth.train(a, flat(), recipe=RECIPE, task=task)
    other = lth.train(b, numbers(), recipe=RECIPE, task=lth.Task("mse", metrics=lth.Metric("r2", explained)))
    assert found.test_metric == pytest.approx(other.test_metric, rel=1e-5)


def test_tokens_take_the_classes_in_either_place() -> None:
    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside = undropped(seed=0)

        def forward(self, tokens: Tensor) -> Any:
            return self.inside(tokens).transpose(1, 2)

    states, results = [], []
    for model in (undropped(seed=0), Turned()):
        results.append(lth.train(model, characters(), recipe=RECIPE, task=CHARACTERS))
        states.append(state_of(model))
    for a, b in zip(*states, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    assert results[0].test_metric == pytest.approx(results[1].test_metric, rel=1e-4)


def test_rows_of_padding_only_are_refused() -> None:
    data, targets = characters(), characters().train.targets.clone()
    targets[3] = PAD
    odd = lth.Dataset.of(
        "odd", train=Split(data.train.inputs, targets), validation=data.validation, test=data.test,
        classes=tuple(ALPHABET),
    )  # fmt: skip
    with pytest.raises(ValueError, match="Row 3 of train has no target but 7"):
        lth.train(transformer(seed=0), odd, recipe=RECIPE, task=CHARACTERS)


def test_types_are_brought_together() -> None:
    """Catches float64 targets that make a float64 loss, or a network that is told nothing of its own type."""
    data, parts = numbers(), ("train", "validation", "test")
    wide = lth.Dataset.of("wide", **{p: Split(getattr(data, p).inputs, getattr(data, p).targets.double()) for p in parts})  # fmt: skip
    models = [regressor(seed=0), regressor(seed=0)]
    for model, one in zip(models, (data, wide), strict=True):
        lth.train(model, one, recipe=RECIPE, task=NUMBERS)
    assert same(*map(state_of, models))
    inputs = lth.Dataset.of("inputs", **{p: Split(getattr(data, p).inputs.double(), getattr(data, p).targets) for p in parts})  # fmt: skip
    with pytest.raises(ValueError, match=r"parameters of torch.float32: give the data inputs.to\(torch.float32\)"):  # fmt: skip
        lth.train(regressor(seed=0), inputs, recipe=RECIPE, task=NUMBERS)
    assert lth.train(regressor(seed=0).double(), inputs, recipe=RECIPE, task=NUMBERS).test_metric > 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loss": "cross_entropy"}, "Did you mean 'cross-entropy'"),
        ({"loss": nn.MSELoss}, r"a class; .* MSELoss\(\)"),
        ({"metrics": ("acuracy",)}, "Did you mean 'accuracy'"),
        ({"metrics": ()}, "one or more"),
        ({"metrics": ("error", "error")}, "error twice"),
        ({"label_smoothing": 1.0}, "from 0 to below 1"),
        ({"label_smoothing": 0.1, "loss": "mse"}, "is for loss='cross-entropy'"),
        ({"ignore_index": -100}, "number of a class, from 0"),
        ({"class_axis": 2}, "1, -1 or None"),
    ],
)
def test_a_bad_task_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lth.Task(**given)


class Scaled(nn.Module):
    """A loss that learns a scale, or keeps a running mean."""

    def __init__(self, *, learns: bool) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()), requires_grad=learns)
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, outputs: Tensor, targets: Tensor) -> Any:
        loss = self.scale * squares(outputs, targets)
        self.mean = 0.9 * self.mean + 0.1 * loss.detach()
        return loss - self.mean


def test_a_loss_with_a_memory_or_parameters_of_its_own_is_refused() -> None:
    """Catches what no checkpoint has: it would be lost at a rewind, and a parameter would never be trained."""
    with pytest.raises(ValueError, match="Scaled has parameters of its own, scale, which nobody would train"):
        lth.Task(Scaled(learns=True))
    with pytest.raises(
        ValueError, match="when it is asked again; expected a function of outputs and targets"
    ):
        lth.train(
            regressor(seed=0), numbers(), recipe=RECIPE, task=lth.Task(Scaled(learns=False), metrics="rmse")
        )


def test_a_checkpoint_takes_no_optimizer_of_torch() -> None:
    model = regressor(seed=0)
    with pytest.raises(TypeError, match="optimizer is a SGD; .* keep optimizer.state_dict"):
        lth.Checkpoint.of(model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1))  # type: ignore[arg-type]


def test_a_bad_metric_is_named() -> None:
    with pytest.raises(ValueError, match="none of accuracy, error"):
        lth.Metric("accuracy", squares)
    with pytest.raises(ValueError, match="'higher' or 'lower'"):
        lth.Metric("m", squares, direction="up")
    with pytest.raises(TypeError, match="expected a function"):
        lth.Metric("m", 3)  # type: ignore[arg-type]


def test_what_is_no_task_is_refused(tiny: lth.Dataset) -> None:
    for given in ("mse", F.mse_loss):
        with pytest.raises(TypeError, match="expected a lthkit.Task"):
            lth.train(small_net(seed=0), tiny, recipe=RECIPE, task=given)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="crops and flips images, and numbers has values"):
        lth.train(regressor(seed=0), numbers(), recipe=replace(RECIPE, augment=True), task=NUMBERS)
    with pytest.raises(ValueError, match="does not take the sequences .* from 0 to 7"):
        lth.train(nn.Embedding(4, 8), characters(), recipe=RECIPE)


# several at once, chance, scores


@pytest.mark.parametrize("task", [NUMBERS, HUBER], ids=["mse", "own"])
def test_together_equals_separately(task: lth.Task) -> None:
    together, alone = [[regressor(seed=s) for s in (0, 1)] for _ in range(2)]
    found = train_together(together, numbers(), seeds=(0, 1), recipe=RECIPE, task=task)
    for seed, model in enumerate(alone):
        result = lth.train(model, numbers(), recipe=RECIPE, seed=seed, task=task)
        assert found[seed].test_metrics == pytest.approx(result.test_metrics, rel=1e-3)
        for a, b in zip(state_of(together[seed]), state_of(model), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def test_a_stack_refuses_what_it_would_do_otherwise() -> None:
    models = [regressor(seed=0), regressor(seed=1)]
    own = replace(RECIPE, optimizer=torch.optim.RMSprop, momentum=0.0)
    with pytest.raises(ValueError, match="would see the networks of a stack as one"):
        train_together(models, numbers(), seeds=(0, 1), recipe=own, task=NUMBERS)
    asking = lth.Task(lambda o, t: squares(o, t) * (1 if squares(o, t).item() > 0 else 2), metrics="rmse")
    with pytest.raises(ValueError, match="vmap cannot do"):
        train_together(models, numbers(), seeds=(0, 1), recipe=RECIPE, task=asking)


def test_a_loss_that_draws_is_seeded(tmp_path: Any) -> None:
    """Catches chance in a loss that is no function of seed and step, so that a training is never done twice."""
    task = lth.Task(lambda o, t: squares(o + 0.1 * torch.randn_like(o), t), metrics="rmse")
    states = []
    for start in (1, 2):
        torch.manual_seed(start)
        lth.train(model := regressor(seed=0), numbers(), recipe=RECIPE, task=task)
        states.append(state_of(model))
    whole, rest = regressor(seed=0), regressor(seed=0)
    kept = lth.train(whole, numbers(), recipe=RECIPE, task=task, keep=[5]).kept[5]
    lth.train(rest, numbers(), recipe=RECIPE, task=task, start=kept)
    assert same(*states) and same(state_of(whole), state_of(rest)) and same(states[0], state_of(whole))


def test_a_score_with_the_usual_loss_refuses_other_targets() -> None:
    """Catches torch's cross-entropy of floats, which takes them for probabilities of classes."""
    with pytest.raises(ValueError, match="expected the loss of the task: loss="):
        lth.snip(regressor(seed=0), numbers().draw(20, seed=0))
    with pytest.raises(ValueError, match="expected the loss of the task: loss="):
        lth.grasp(transformer(seed=0), characters().draw(20, seed=0))
    scores = lth.snip(regressor(seed=0), numbers().draw(20, seed=0), loss=NUMBERS.mean_loss)
    mean = lth.snip(regressor(seed=0), numbers().draw(20, seed=0), loss=F.mse_loss)
    assert all(torch.equal(scores[name], mean[name]) for name in mean)
