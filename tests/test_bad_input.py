"""One table of slips over the whole public surface: what was given, what it raises, and what the message must say.

The rule: a message says what was given, what was expected and what to do. On the command line it is one line and exit
status 2. What is half done is not left behind.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import lthkit as lth
from lthkit import evidence, export, models
from lthkit.__main__ import main
from lthkit.classroom import check, drive, exercises, hint, quiz, use
from lthkit.classroom.build import build
from lthkit.classroom.start import course_folder, start
from lthkit.data.datasets import Dataset, Split
from lthkit.evidence import costs, mode_connectivity
from lthkit.machine.tiers import by_tier
from lthkit.pruning import channels
from lthkit.runs.experiments import Experiment, default_recipe, load_mask, recorded, run
from lthkit.storage import files, records
from lthkit.storage.files import DamagedFile
from lthkit.storage.folders import RunMismatch
from lthkit.tickets import early_bird, hybrid, largest_in_window, null_distance, stop_epoch
from lthkit.training.evaluation import explain_misfit
from lthkit.training.optimizers import learning_rate
from lthkit.training.replicates import train_together
from tests.conftest import small_conv, small_net

COURSE = Path(__file__).resolve().parents[1]
RECIPE = lth.Recipe(steps=4, batch_size=20, evaluate_every=2)
WILD = lth.Recipe(steps=20, batch_size=20, evaluate_every=2, optimizer="sgd", lr=1e30)
SHAPE = (1, 8, 8)
NAN = math.nan


class Refused(Exception):
    """A command ended with exit status 2; the text is what it wrote to stderr."""


@dataclass(frozen=True)
class Bench:
    """What a row may use: the tiny data, an empty folder that is the current one, and what pytest gives."""

    data: Dataset
    folder: Path
    patch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    @property
    def net(self) -> nn.Module:
        return small_net(seed=0)

    @property
    def conv(self) -> nn.Module:
        return small_conv(seed=0)

    @property
    def mask(self) -> lth.Mask:
        return lth.Mask.ones(self.net)

    @property
    def foreign(self) -> lth.Mask:
        return lth.Mask.ones(self.conv)

    @property
    def scores(self) -> dict[str, torch.Tensor]:
        return lth.magnitude(self.net)

    @property
    def batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.data.draw(10, seed=0)[0]

    def file(self, content: bytes, name: str = "file.npz") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def whole(self, thing: lth.Mask | lth.Checkpoint) -> bytes:
        return thing.save(self.folder / "whole.npz").read_bytes()

    def hide(self, *packages: str) -> None:
        for name in packages:
            self.patch.setitem(sys.modules, name, None)


class Row(NamedTuple):
    """One slip: a name, the call, the exception, and what the message must have in it."""

    name: str
    call: Callable[[Bench], object]
    error: type[BaseException]
    fragments: tuple[str, ...]


def row(name: str, call: Callable[[Bench], object], error: type[BaseException], *fragments: str) -> Row:
    return Row(name, call, error, fragments)


def command(name: str, line: str, *fragments: str, before: Callable[[Bench], object] | None = None) -> Row:
    """A row for the command line; `line` is cut at blanks. `before` prepares the current folder."""

    def call(b: Bench) -> None:
        if before:
            before(b)
        there = sorted(b.folder.rglob("*"))
        try:
            status = main(line.split())
        except SystemExit as stop:  # argparse's own
            status = int(stop.code or 0)
        err = b.capsys.readouterr().err
        assert status == 2, err
        assert sorted(b.folder.rglob("*")) == there, "a refused command leaves nothing behind"
        errors = [text for text in err.splitlines() if "error:" in text]
        assert len(errors) == 1 and errors[0].startswith("lthkit"), err
        usage = err.startswith("usage: lthkit")
        assert usage or (err.startswith("lthkit: error: ") and err.count("\n") == 1), err
        raise Refused(errors[0])

    return Row(name, call, Refused, fragments)


def other_scores(b: Bench, tensor: Any) -> dict[str, Any]:
    return {**b.scores, "3.weight": tensor}


def broken_weight(model: nn.Module) -> nn.Module:
    with torch.no_grad():
        model[1].weight[0] = NAN
    return model


def frozen(model: nn.Module) -> nn.Module:
    return model.requires_grad_(False)


def each_loss(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(outputs, labels, reduction="none")


def nan_loss(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(outputs, labels) * NAN


def cut_loss(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(outputs, labels).detach()


def trained(b: Bench, model: Any = None, **changes: Any) -> Any:
    return lth.train(b.net if model is None else model, b.data, **{"recipe": RECIPE, **changes})


def iterated(b: Bench, **changes: Any) -> Any:
    return list(lth.imp(small_net, b.data, **{"rounds": 1, "recipe": RECIPE, **changes}))


def mixed(b: Bench, **changes: Any) -> Any:
    arguments = {"snip_density": 0.5, "density": 0.2, "rounds": 2, "recipe": RECIPE}
    return list(lth.snip_then_imp(small_net, b.data, **{**arguments, **changes}))


def together(b: Bench, count: int = 2, **changes: Any) -> Any:
    nets = [small_net(seed=s) for s in range(count)]
    return train_together(nets, b.data, **{"seeds": range(count), "recipe": RECIPE, **changes})


def bird(b: Bench, **changes: Any) -> Any:
    recipe = lth.Recipe(steps=30, batch_size=60)
    return early_bird(small_net, b.data, **{"density": 0.5, "recipe": recipe, "max_epochs": 2, **changes})


def line_between(b: Bench, **changes: Any) -> Any:
    a, c = (lth.Checkpoint.of(small_net(seed=s)) for s in (0, 1))
    arguments = {"a": a, "b": c, "alphas": (0, 0.5, 1)}
    return mode_connectivity.interpolate(small_net, b.data, **{**arguments, **changes})


def unstable(b: Bench, **changes: Any) -> Any:
    start = lth.Checkpoint.of(b.net)
    return mode_connectivity.instability(small_net, b.data, **{"start": start, "recipe": RECIPE, **changes})


def dataset(b: Bench, **changes: Any) -> Dataset:
    parts = {part: getattr(b.data, part) for part in ("train", "validation", "test")}
    return Dataset.of("x", **{**parts, "classes": "abc", **changes})


def experiment(**changes: Any) -> Experiment:
    return Experiment(**{"name": "x", "model": "lenet-300-100", "recipe": RECIPE, **changes})


def table_of(b: Bench, content: bytes) -> Any:
    return records.read_table(b.file(content, "table.csv"))


def run_in(b: Bench, config: bytes) -> Any:
    """A training in a folder of which the config.json has this content."""
    b.file(config, "my runs/é/config.json")
    return trained(b, folder="my runs/é")


def setup_cell(b: Bench) -> None:
    """The first cell of a lesson that was copied out of the course, where lthkit is not installed."""
    b.patch.setattr("importlib.util.find_spec", lambda name: None)
    notebook = json.loads(next((COURSE / "notebooks").glob("00_*.ipynb")).read_text(encoding="utf-8"))
    exec("".join(next(cell["source"] for cell in notebook["cells"] if cell["id"] == "setup")), {})


ARMS: list[records.Row] = [
    {"arm": arm, "seed": seed, "round": r, "density": 1.0, "test_accuracy": 0.9, "still_improving": False}
    for arm, seed, r in (("dense", 0, 0), ("ticket", 1, 1))
]
MASK = b"A mask that was cut short: "

ROWS = [
    # Names: a typo must not become a KeyError, nor be taken for the default.
    row("model", lambda b: models.model_by_name("lenet300"), ValueError, "'lenet300'", "expected one of", "mean"),
    row("model, no text", lambda b: models.model_by_name(["conv-2"]), ValueError, "['conv-2']", "conv-4"),
    row("data set", lambda b: lth.load_data("fashion_mnst"), ValueError, "'fashion_mnst'", "Did you mean", "cifar10"),
    row("data set, no text", lambda b: lth.load_data(None), ValueError, "None", "expected one of"),
    row("optimizer", lambda b: lth.Recipe(optimizer="rmsprop"), ValueError, "'rmsprop'", "expected one of sgd, adam, adamw"),
    row("schedule", lambda b: lth.Recipe(schedule="linear"), ValueError, "'linear'", "constant, step, cosine"),
    row("schedule, called", lambda b: learning_rate(1, base=0.1, steps=3, schedule="x"), ValueError, "'x'", "cosine"),
    row("precision", lambda b: lth.Recipe(precision="float16"), ValueError, "'float16'", "bfloat16"),
    row("precision of a path", lambda b: line_between(b, precision="half"), ValueError, "'half'", "float32, medium"),
    row("tier", lambda b: lth.tier("huge"), ValueError, "'huge'", "smoke, laptop, gpu"),
    row("tier, no text", lambda b: lth.tier(3), ValueError, "'3'", "smoke, laptop, gpu"),
    row("tier of sizes", lambda b: by_tier(smoke=1, laptop=2, gpu=3, tier="x"), ValueError, "'x'", "set it to"),
    row("device", lambda b: lth.resolve_device("gpu"), ValueError, "'gpu'", "auto, cuda, mps, cpu"),
    row("device, none", lambda b: lth.resolve_device(None), ValueError, "None", "auto, cuda, mps, cpu"),
    row("device, number", lambda b: lth.resolve_device("cpu:9"), ValueError, "'cpu:9'", "expected 'cpu'"),
    row("scope", lambda b: lth.prune(b.mask, b.scores, 0.2, scope="local"), ValueError, "'local'", "'layerwise'"),
    row("scope, one shot", lambda b: lth.prune_to(b.mask, b.scores, 0.2, scope="x"), ValueError, "'x'", "'global'"),
    row("momentum policy", lambda b: trained(b, momentum="keep"), ValueError, "'keep'", "fresh, restore"),
    row("split", lambda b: lth.evaluate(b.net, b.data, split="valid"), ValueError, "'valid'", "'validation'"),
    row("split of a path", lambda b: line_between(b, split="test"), ValueError, "'test'", "read once a training"),
    row("train_from", lambda b: lth.prune_at_init(small_net, b.data, score=lth.magnitude, density=0.2, recipe=RECIPE,
        train_from="x"), ValueError, "'x'", "'scored' or 'fresh'"),
    row("kind of early_bird", lambda b: bird(b, kind="filters"), ValueError, "'filters'", "weights, channels"),
    row("rule of early_bird", lambda b: bird(b, rule="oldest"), ValueError, "'oldest'", "newest, neighbours"),
    row("method", lambda b: experiment(method="snip"), ValueError, "'snip'", "imp, one-shot"),
    row("scope of an experiment", lambda b: experiment(scope="local"), ValueError, "'local'", "layerwise"),
    row("momentum of an experiment", lambda b: experiment(momentum="keep"), ValueError, "'keep'", "fresh, restore"),
    row("tier of an experiment", lambda b: experiment(tier="huge"), ValueError, "'huge'", "smoke, laptop"),
    row("model of a recipe", lambda b: default_recipe("lenet", "laptop"), ValueError, "'lenet'", "expected one of"),
    row("rounds of controls", lambda b: experiment(control_rounds=(9,)), ValueError, "[9]", "from 1 to 5"),
    row("scope, before any training", lambda b: iterated(b, scope="local", progress=never), ValueError, "'local'"),
    row("control", lambda b: experiment(controls=("random",)), ValueError, "random", "re-initialised, shuffled"),
    row("recorded run", lambda b: recorded("winning-tikcet"), ValueError, "'winning-tikcet'", "winning-ticket"),
    row("recorded seed", lambda b: load_mask(recorded("winning-ticket"), seed=9, level=1), FileNotFoundError, "seed 9"),
    row("exercise", lambda b: exercises.find("05.99"), ValueError, "'05.99'", "05.1, 05.2"),
    row("exercise to use", lambda b: use("5.1", abs), ValueError, "'5.1'", "such as '05.1'"),
    row("question", lambda b: exercises.find_question("05.Q99"), ValueError, "'05.Q99'", "05.Q1, 05.Q2"),
    row("lesson", lambda b: start(COURSE, "77"), ValueError, "'77'", "00_start_here"),
    row("layer to leave out", lambda b: lth.Mask.ones(b.net, exclude=["fc9"]), ValueError, "fc9", "5.weight"),
    row("layer of a mask", lambda b: b.mask["fc1.weight"], KeyError, "fc1.weight", "it has 1.weight, 3.weight"),
    row("layer with a fraction of its own", lambda b: lth.prune(b.mask, b.scores, 0.2, scope="layerwise",
        overrides={"fc9": 0.1}), ValueError, "'fc9'", "expected some of", "5.weight"),
    row("a fraction of its own, ranked globally", lambda b: lth.prune(b.mask, b.scores, 0.2,
        overrides={"5.weight": 0.1}), ValueError, "overrides", "scope='layerwise'", "exclude"),
    row("column", lambda b: evidence.by_seed(ARMS, "dense", 0, "accuracy"), ValueError, "'accuracy'", "test_accuracy"),
    row("round of a table", lambda b: evidence.density_of(ARMS, 9), ValueError, "round 9", "[0, 1]"),

    # The thing itself: a function or a name where a network is wanted, a network where a mask is.
    row("a function for a network", lambda b: trained(b, small_net), TypeError, "small_net was given", "nn.Module"),
    row("a name for a network", lambda b: lth.magnitude("lenet"), TypeError, "'lenet' was given", "nn.Module"),
    row("a network for a mask", lambda b: lth.prune(b.net, b.scores, 0.2), TypeError, "Sequential", "Mask.ones"),
    row("a network for scores", lambda b: lth.prune(b.mask, b.net, 0.2), TypeError, "Sequential", "lthkit.magnitude"),
    row("a list for a mask", lambda b: lth.Mask([True]), TypeError, "list", "dict", "Mask.ones(model)"),
    row("a data set for batches", lambda b: lth.snip(b.net, b.data), TypeError, "Dataset", "data.draw(100, seed=0)"),
    row("a name for a data set", lambda b: lth.train(b.net, "fashion-mnist"), TypeError, "data is a str", "load_data()"),
    row("a dict for a recipe", lambda b: trained(b, recipe={"steps": 3}), TypeError, "recipe is a dict", "Recipe(steps"),
    row("a dict for a mask", lambda b: trained(b, mask=dict(b.mask)), TypeError, "mask is a dict", "Mask.ones(model)"),
    row("a path for a checkpoint", lambda b: trained(b, start="x.npz"), TypeError, "start is a str", "Checkpoint.load"),
    row("a network for a checkpoint", lambda b: lth.retrain(small_net, b.data, mask=b.mask, weights_from=b.net,
        recipe=RECIPE), TypeError, "weights_from is a Sequential", "Checkpoint.of(model)"),
    row("a network for a function", lambda b: iterated_on(b, b.net), TypeError, "model_fn is a Sequential", "seed="),
    row("scores for a criterion", lambda b: iterated(b, score=b.scores), TypeError, "score is a dict", "a function"),
    row("one batch for a list", lambda b: lth.snip(b.net, b.batch), ValueError, "Tensor", "pair", "a list of pairs"),
    row("a tuple for a split", lambda b: dataset(b, test=(1, 2)), TypeError, "test is a tuple", "Split(inputs, targets)"),
    row("a network for a dict of them", lambda b: lth.explore.prune_it_yourself(b.net, b.data), TypeError, "{0: model}"),
    row("a score that gives nothing", lambda b: lth.prune_iteratively(b.net, lambda model: None, 0.1, rounds=2),
        TypeError, "scores is a NoneType", "lthkit.magnitude"),
    row("cases that are no tuples", lambda b: lth.training.each(abs, [1, 2]), TypeError, "Case 0 is 1", "(1,)"),

    # Ranges: percent for a fraction, none or all where something must happen, half a round.
    row("fraction in percent", lambda b: lth.prune(b.mask, b.scores, 20), ValueError, "fraction=20", "0.2 for 20 %"),
    row("fraction NaN", lambda b: lth.prune(b.mask, b.scores, NAN), ValueError, "fraction=nan", "from 0 to 1"),
    row("fraction as text", lambda b: lth.prune(b.mask, b.scores, "0.2"), ValueError, "fraction='0.2'", "from 0 to 1"),
    row("fraction 1", lambda b: lth.prune(b.mask, b.scores, 1.0), lth.LayerCollapse, "1,510", "1,507", "min_kept"),
    row("density 0", lambda b: lth.prune_to(b.mask, b.scores, 0.0), lth.LayerCollapse, "min_kept=0 to let"),
    row("density above what is left", lambda b: lth.prune_to(lth.prune(b.mask, b.scores, 0.9), b.scores, 0.5),
        ValueError, "density=0.5", "down to 0.1000", "expected no more"),
    row("density above what is left, in rounds", lambda b: lth.prune_iteratively(b.net, lth.magnitude, 0.5, rounds=2,
        mask=lth.prune(b.mask, b.scores, 0.9)), ValueError, "density=0.5", "down to 0.1000", "expected less"),
    row("density 1 in rounds", lambda b: lth.prune_iteratively(b.net, lth.magnitude, 1.0, rounds=2), ValueError,
        "density=1.0", "between 0 and 1"),
    row("rounds 0", lambda b: lth.prune_iteratively(b.net, lth.magnitude, 0.1, rounds=0), ValueError, "rounds=0",
        "1 or more"),
    row("min_kept of a half", lambda b: lth.prune(b.mask, b.scores, 0.2, min_kept=0.5), ValueError, "min_kept=0.5"),
    row("ladder down", lambda b: lth.ladder(0.2, -1), ValueError, "rounds=-1", "0 or more"),
    row("ladder of half a round", lambda b: lth.ladder(0.2, 2.5), ValueError, "rounds=2.5", "whole number"),
    row("ladder in percent", lambda b: lth.ladder(20, 3), ValueError, "fraction=20", "0.2 for 20 %"),
    row("fraction_for nothing", lambda b: lth.fraction_for(0, 3), ValueError, "density=0", "0 < density <= 1"),
    row("fraction_for half a round", lambda b: lth.fraction_for(0.1, 2.5), ValueError, "rounds=2.5", "whole"),
    row("imp, rounds", lambda b: iterated(b, rounds=1.5), ValueError, "rounds=1.5", "whole number"),
    row("imp, a fraction too few", lambda b: iterated(b, rounds=2, fraction=[0.2]), ValueError, "[0.2]", "expected 2"),
    row("imp, rewind to the end", lambda b: iterated(b, rewind_step=4), ValueError, "rewind_step=4", "0 to 3"),
    row("imp, rewind before the start", lambda b: iterated(b, rewind_step=-1), ValueError, "rewind_step=-1", "0 to 3"),
    row("one shot in percent", lambda b: list(lth.one_shot(small_net, b.data, densities=[20], recipe=RECIPE)),
        ValueError, "density=20", "from 0 to 1"),
    row("imp, half a step back", lambda b: iterated(b, rewind_step=1.5), ValueError, "rewind_step=1.5", "0 to 3"),
    row("one shot, a number", lambda b: list(lth.one_shot(small_net, b.data, densities=0.2, recipe=RECIPE)), ValueError,
        "densities=0.2", "one or more"),
    row("retrain, rate of half a step", lambda b: lth.retrain(small_net, b.data, mask=b.mask, recipe=RECIPE,
        weights_from=lth.Checkpoint.of(b.net), lr_from=1.5), ValueError, "lr_from=1.5", "whole number"),
    row("evaluate, no batch", lambda b: lth.evaluate(b.net, b.data, batch_size=0), ValueError, "batch_size=0", "1 or"),
    row("keep, a number", lambda b: trained(b, keep=2), ValueError, "keep=2", "(0, 500)"),
    row("step of a checkpoint", lambda b: lth.Checkpoint.of(b.net, step=-3), ValueError, "step=-3", "0 or more"),
    row("density 1 of a bird", lambda b: bird(b, density=1.0), ValueError, "density=1.0", "between 0 and 1"),
    row("a bird without an epoch", lambda b: bird(b, recipe=RECIPE), ValueError, "4 steps", "15", "one epoch"),
    row("steps", lambda b: lth.Recipe(steps=0), ValueError, "steps=0", "1 or more"),
    row("steps of a training", lambda b: trained(b, steps=2.5), ValueError, "steps=2.5", "whole number"),
    row("batch_size", lambda b: lth.Recipe(batch_size=6.0), ValueError, "batch_size=6.0", "whole number"),
    row("batch larger than the split", lambda b: trained(b, recipe=replace(RECIPE, batch_size=301)), ValueError,
        "batch_size=301", "300 images"),
    row("lr 0", lambda b: lth.Recipe(lr=0), ValueError, "lr=0", "above 0", "1.2e-3"),
    row("lr as text", lambda b: lth.Recipe(lr="0.1"), ValueError, "lr='0.1'", "above 0"),
    row("lr in a tensor", lambda b: lth.Recipe(lr=torch.tensor(0.1)), ValueError, "lr=tensor", "above 0"),
    row("momentum above 1", lambda b: lth.Recipe(optimizer="sgd", momentum=1.5), ValueError, "1.5", "below 1"),
    row("momentum of Adam", lambda b: lth.Recipe(momentum=0.9), ValueError, "momentum=0.9", "optimizer='sgd'"),
    row("weight_decay", lambda b: lth.Recipe(weight_decay=-1), ValueError, "weight_decay=-1", "0 or more"),
    row("decay", lambda b: lth.Recipe(decay=0), ValueError, "decay=0", "above 0"),
    row("warmup", lambda b: lth.Recipe(warmup=-3), ValueError, "warmup=-3", "0 or more"),
    row("milestones", lambda b: lth.Recipe(schedule="step", milestones=30), ValueError, "milestones=30", "in a tuple"),
    row("augment as text", lambda b: lth.Recipe(augment="no"), ValueError, "augment='no'", "True or False"),
    row("patience", lambda b: lth.Recipe(patience=10), ValueError, "patience=10", "evaluate_every=100", "None"),
    row("patience as text", lambda b: lth.Recipe(patience="200"), ValueError, "patience='200'", "whole number"),
    row("keep", lambda b: trained(b, keep=(9,)), ValueError, "keep=[9]", "steps 0 to 4"),
    row("start behind the end", lambda b: trained(b, start=lth.Checkpoint.of(b.net, step=9)), ValueError, "step 9", "4"),
    row("threshold", lambda b: bird(b, threshold=NAN), ValueError, "threshold=nan", "from 0 to 1"),
    row("threshold, asked", lambda b: stop_epoch([b.mask], threshold=2), ValueError, "threshold=2", "from 0 to 1"),
    row("window", lambda b: bird(b, window=1), ValueError, "window=1", "2 or more"),
    row("window, asked", lambda b: largest_in_window([b.mask], window=2.5), ValueError, "window=2.5", "whole number"),
    row("max_epochs", lambda b: bird(b, max_epochs=99), ValueError, "max_epochs=99", "expected 1 to 6 epochs"),
    row("no stable mask", lambda b: bird(b, threshold=0.0).mask, RuntimeError, "After 2 epochs", "Train longer"),
    row("density of chance", lambda b: null_distance(1.5), ValueError, "density=1.5", "from 0 to 1", "Mask"),
    row("minutes", lambda b: run(experiment(), b.data, "x", minutes=0), ValueError, "minutes=0", "above 0, such as 20"),
    row("minutes NaN", lambda b: run(experiment(), b.data, "x", minutes=NAN), ValueError, "minutes=nan", "above 0"),
    row("fraction of an experiment", lambda b: experiment(fraction=1), ValueError, "fraction=1", "between 0 and 1"),
    row("temperature", lambda b: lth.grasp(b.net, [b.batch], temperature="hot"), ValueError, "'hot'", "above 0"),
    row("plan of nothing", lambda b: hybrid.plan(0, 2), ValueError, "total_steps=0", "1 or more"),
    row("plan of too little", lambda b: hybrid.plan(3, 9), ValueError, "total_steps=3", "9 trainings", "fewer rounds"),
    row("plan, all for the last", lambda b: hybrid.plan(100, 2, last_share=1), ValueError, "last_share=1", "between"),
    row("plan, share as text", lambda b: hybrid.plan(100, 2, last_share="half"), ValueError, "'half'", "between"),
    row("hybrid, wrong order", lambda b: mixed(b, density=0.6), ValueError, "density=0.6", "density < snip_density"),
    row("hybrid, a round too fine", lambda b: mixed(b, density=0.4999), ValueError, "0.4999", "Take fewer rounds"),
    row("hybrid, no image", lambda b: mixed(b, images=0), ValueError, "n=0", "1 to 300 images"),
    row("price of fewer than none", lambda b: hybrid.price([], b.net, SHAPE, batch_size=2, images=-3), ValueError,
        "images=-3", "0 or more"),
    row("cost of half a batch", lambda b: costs.of_training(b.net, SHAPE, steps=1, batch_size=2.5), ValueError,
        "batch_size=2.5", "whole number"),
    row("channels in percent", lambda b: channels.channel_mask(b.conv, 50), ValueError, "density=50", "0.2 for 20 %"),
    row("place off the line", lambda b: line_between(b, alphas=(0, 2)), ValueError, "alpha=2", "from 0 (the first)"),
    row("one place for a list", lambda b: line_between(b, alphas=0.5), ValueError, "alphas=0.5", "(0, 0.5, 1)"),
    row("no image for batch norm", lambda b: line_between(b, statistics=2.5), ValueError, "statistics=2.5", "1 or more"),
    row("barrier of half a path", lambda b: mode_connectivity.barrier(line_between(b, alphas=(0, 0.5))), ValueError,
        "[0.0, 0.5]", "rise from 0 to 1"),
    row("workers", lambda b: lth.training.Pool(workers=0), ValueError, "workers=0", "1 or more"),
    row("threads of onnxruntime", lambda b: export.run_onnx("x.onnx", threads=0), ValueError, "threads=0", "1 or more"),
    row("start of a slider", lambda b: lth.explore.prune_it_yourself({0: b.net}, b.data, density=0.33), ValueError,
        "density=0.33", "0.35, 0.3"),
    row("unit of an interval", lambda b: evidence.interval([0.1, 0.2]).times(-100), ValueError, "-100", "above 0"),

    # Seeds: 0.5 was once cut to 0, and two equal seeds are one seed counted twice.
    row("seed 0.5 of a network", lambda b: models.lenet_300_100(seed=0.5), ValueError, "seed=0.5", "whole number"),
    row("seed 0.5 of a training", lambda b: trained(b, seed=0.5), ValueError, "seed=0.5", "whole number"),
    row("seed 0.5 of a score", lambda b: lth.random(b.net, seed=0.5), ValueError, "seed=0.5", "whole number"),
    row("seed None of batches", lambda b: b.data.draw(10, seed=None), ValueError, "seed=None", "whole number"),
    row("seed as text of a shuffle", lambda b: b.mask.shuffled("a"), ValueError, "seed='a'", "whole number"),
    row("seeds for a seed", lambda b: lth.data.batches(9, seed=[0, 1], epoch=0, batch_size=3), ValueError, "[0, 1]",
        "call once for each"),
    row("a seed twice", lambda b: experiment(seeds=(1, 1)), ValueError, "(1, 1)", "different whole numbers"),
    row("a seed of a half", lambda b: experiment(seeds=(0, 0.5)), ValueError, "0.5", "whole numbers"),
    row("a number of seeds", lambda b: together(b, seeds=2), ValueError, "seeds=2", "(0, 1, 2)"),
    row("a network twice", lambda b: train_together([b.net] * 2, b.data, seeds=[0, 1], recipe=RECIPE), ValueError,
        "twice", "different ones"),
    row("a seed below 0", lambda b: experiment(seeds=(0, -1)), ValueError, "(0, -1)", "0 or more"),
    row("no seed", lambda b: experiment(seeds=()), ValueError, "seeds=()", "different whole numbers"),
    row("an order twice", lambda b: unstable(b, orders=(1, 1)), ValueError, "(1, 1)", "different seeds"),
    row("a number of orders", lambda b: unstable(b, orders=2), ValueError, "orders=2", "two or more"),

    # Types of tensors: truth for a number or the other way round, normalised images where bytes are expected.
    row("mask of floats", lambda b: lth.Mask({"w": torch.ones(3)}), TypeError, "'w'", "float32", "`scores > 0`"),
    row("scores of whole numbers", lambda b: lth.prune(b.mask, other_scores(b, torch.ones(10, 20).long()), 0.2),
        ValueError, "'3.weight'", "int64", "scores.float()"),
    row("scores of truth", lambda b: lth.prune(b.mask, b.mask, 0.2), ValueError, "'1.weight'", "bool", "float"),
    row("scores of numpy", lambda b: lth.prune(b.mask, other_scores(b, np.ones((10, 20))), 0.2), ValueError,
        "numpy array of float64", "floating-point torch tensor"),
    row("labels of floats", lambda b: dataset(b, train=Split(b.data.train.images, b.data.train.labels.float())),
        ValueError, "float32", "targets.long()"),
    row("images of floats", lambda b: dataset(b, train=Split(b.data.train.images / 255, b.data.train.labels)),
        ValueError, "train has torch.float32", "the same"),
    row("images of words", lambda b: Split(b.data.train.images.int(), b.data.train.labels), ValueError, "int32",
        "images uint8"),
    row("images normalised twice", lambda b: b.data.normalise(b.batch[0]), ValueError, "float32", "expected uint8"),
    row("raw images for a score", lambda b: lth.snip(b.net, [(b.data.train.images[:9], b.data.train.labels[:9])]),
        ValueError, "uint8", "data.inputs"),
    row("a network of doubles", lambda b: trained(b, b.net.double()), ValueError, "Double", "float32 once normalised"),
    row("bfloat16 in a file", lambda b: export.save_packed("x.npz", b.net.bfloat16(), b.mask), TypeError, "bfloat16",
        "model.float()"),

    # Shapes and sizes: torch's own words name no argument.
    row("scores of another shape", lambda b: lth.prune(b.mask, other_scores(b, torch.ones(2, 2)), 0.2), ValueError,
        "'3.weight'", "(2, 2)", "(10, 20)", "same network"),
    row("scores that lack a layer", lambda b: lth.prune(b.mask, {}, 0.2), ValueError, "'1.weight'", "same network"),
    row("images without channels", lambda b: Split(b.data.train.images[:, 0], b.data.train.labels), ValueError,
        "[300, 8, 8]", "[n, c, h, w]"),
    row("fewer labels than images", lambda b: Split(b.data.train.images, b.data.train.labels[:5]), ValueError,
        "300 inputs", "5 targets", "equally many"),
    row("an empty split", lambda b: Split(b.data.train.images[:0], b.data.train.labels[:0]), ValueError, "0 inputs",
        "at least one"),
    row("one image for a batch", lambda b: lth.data.augment(b.data.train.images[0], seed=0, step=0), ValueError,
        "[1, 8, 8]", "[n, channels, height, width]"),
    row("splits of other sizes", lambda b: dataset(b, test=Split(b.data.test.images[..., :4], b.data.test.labels)),
        ValueError, "test has images torch.uint8 [1, 8, 4]", "[1, 8, 8]"),
    row("images for a network", lambda b: models.lenet_5(seed=0, input_shape=SHAPE), ValueError, "8x8", "16x16"),
    row("no shape", lambda b: models.lenet_300_100(seed=0, input_shape=28), ValueError, "28", "(channels, height"),
    row("width", lambda b: models.resnet_20(seed=0, width=0), ValueError, "width=0", "1 or more"),
    row("a network for other images", lambda b: iterated_on(b, models.lenet_300_100), ValueError, "tiny", "[1, 8, 8]",
        "input_shape=data.shape"),
    row("a network with too few outputs", lambda b: trained(b, nn.Sequential(nn.Flatten(), nn.Linear(64, 2))),
        ValueError, "[1, 2]", "3 classes", "classes=len(data.classes)"),
    row("evaluate, other images", lambda b: lth.evaluate(nn.Sequential(nn.Flatten(), nn.Linear(9, 3)), b.data),
        ValueError, "tiny", "input_shape=data.shape"),
    row("synflow, shape", lambda b: lth.synflow(b.net, (1, 5, 5)), ValueError, "(1, 5, 5)", "without the batch"),
    row("synflow, a number", lambda b: lth.synflow(b.net, 64), ValueError, "shape=64", "such as (1, 28, 28)"),
    row("synflow, with the batch", lambda b: lth.synflow(b.conv, (9, 1, 8, 8)), ValueError, "without the batch"),
    row("connected, shape", lambda b: lth.pruning.connected(b.net, b.mask, (1, 5, 5)), ValueError, "(1, 5, 5)"),
    row("collapse, shape", lambda b: lth.evidence.collapse(b.net, b.mask, (1, 5, 5)), ValueError, "(1, 5, 5)"),
    row("costs, shape", lambda b: costs.forward_flops(b.net, (1, 5, 5)), ValueError, "(1, 5, 5)", "without the batch"),
    row("onnx, shape", lambda b: export.to_onnx(b.net, "x.onnx", shape=(1, 5, 5)), ValueError, "(1, 5, 5)", "batch"),
    row("2:4, shape", lambda b: export.two_four(torch.ones(3, 5)), ValueError, "(3, 5)", "a multiple of 4"),
    row("matrix of distances", lambda b: largest_in_window(torch.zeros(2, 3)), ValueError, "(2, 3)", "[n, n]"),

    # Devices: torch says that there is no driver, and not which argument asked for one.
    row("cuda without cuda", lambda b: without_cuda(b, lambda: lth.resolve_device("cuda")), ValueError, "'cuda'", "auto"),
    row("data to cuda", lambda b: without_cuda(b, lambda: b.data.to("cuda")), ValueError, "'cuda'", "device='auto'"),
    row("mask to cuda", lambda b: without_cuda(b, lambda: b.mask.to("cuda")), ValueError, "'cuda'", "device='auto'"),
    row("checkpoint to cuda", lambda b: without_cuda(b, lambda: lth.Checkpoint.load(lth.Checkpoint.of(b.net).save("c"),
        device="cuda")), ValueError, "'cuda'", "device='auto'"),
    row("a fresh start on cuda", lambda b: without_cuda(b, lambda: lth.fresh_start(small_net, seed=0, device="cuda")),
        ValueError, "'cuda'", "device='auto'"),
    row("data to nowhere", lambda b: b.data.to("tpu"), ValueError, "'tpu'", "auto, cuda, mps, cpu"),
    row("2:4 nowhere", lambda b: export.no_semi_structured("tpu"), ValueError, "'tpu'", "auto, cuda, mps, cpu"),

    # A mask or a checkpoint of another network: every entry that does not fit is named.
    row("mask with another layer", lambda b: lth.Mask({**b.mask, "9.weight": b.mask["5.weight"]}).check(b.net),
        ValueError, "not in the model: ['9.weight']", "Mask.ones(model)"),
    row("mask of another shape", lambda b: lth.Mask({**b.mask, "3.weight": torch.ones(2, 2) > 0}).check(b.net),
        ValueError, "other shape", "3.weight (2, 2) (model: (10, 20))", "Mask.ones(model)"),
    row("mask that lacks layers", lambda b: b.foreign.check(b.net), ValueError, "not in the mask: ['1.weight', '3.w",
        "not in the model: ['0.weight']", "5.weight (3, 8) (model: (3, 10))"),
    row("train, mask", lambda b: trained(b, mask=b.foreign), ValueError, "another model", "0.weight"),
    row("imp, mask", lambda b: iterated(b, mask=b.foreign), ValueError, "another model", "0.weight"),
    row("distance of masks", lambda b: b.mask.distance(b.foreign), ValueError, "0.weight", "of one network"),
    row("costs, mask", lambda b: costs.forward_flops(b.net, SHAPE, mask=b.foreign), ValueError, "another model"),
    row("compact, mask", lambda b: export.compact(b.net, b.foreign), ValueError, "another model", "0.weight"),
    row("csr, mask", lambda b: export.to_csr(b.net, b.foreign), ValueError, "another model", "0.weight"),
    row("packed, mask", lambda b: export.save_packed("x.npz", b.net, b.foreign), ValueError, "another model"),
    row("channels, mask", lambda b: channels.channel_weights(b.conv, b.foreign), ValueError, "0.weight", "channel_mask"),
    row("bits of another mask", lambda b: lth.Mask.from_arrays({"w": np.zeros(1, np.uint8)}, {"w": [20]}), ValueError,
        "'w'", "3 bytes", "1 were given", "Mask.arrays()"),
    row("checkpoint", lambda b: lth.Checkpoint.of(b.conv).restore(b.net), ValueError, "not in the model: ['0.weight'",
        "not in the checkpoint", "3.weight", "other shape", "5.weight (3, 8) (model: (3, 10))"),
    row("train, checkpoint", lambda b: trained(b, start=lth.Checkpoint.of(b.conv)), ValueError, "another model"),
    row("path to another network", lambda b: line_between(b, a=lth.Checkpoint.of(b.conv)), ValueError, "0.weight",
        "one architecture"),
    row("optimizer of another recipe", lambda b: trained(b, recipe=replace(RECIPE, optimizer="sgd"), start=trained(
        b, keep=(2,)).kept[2]), ValueError, "momentum/1.weight", "momentum='fresh'"),
    row("ticket of another network", lambda b: export.load_packed(export.save_packed("x.npz", b.net, b.mask), b.conv),
        ValueError, "x.npz", "0.weight", "Give a model"),

    # Networks that a method cannot serve: nothing to prune, nothing to train, another kind of layer.
    row("nothing to prune", lambda b: lth.magnitude(nn.ReLU()), ValueError, "ReLU", "linear or convolutional"),
    row("nothing to score", lambda b: lth.snip(nn.ReLU(), [b.batch]), ValueError, "ReLU", "linear or convolutional"),
    row("nothing to flow", lambda b: lth.synflow(nn.ReLU(), SHAPE), ValueError, "ReLU", "linear or convolutional"),
    row("nothing to cost", lambda b: costs.forward_flops(nn.ReLU(), SHAPE), ValueError, "ReLU", "linear or conv"),
    row("nothing to mask", lambda b: lth.Mask.ones(nn.ReLU()), ValueError, "nothing to prune", "ReLU"),
    row("nothing to train", lambda b: trained(b, frozen(b.net)), ValueError, "no parameter", "requires_grad_(True)"),
    row("no batch norm", lambda b: channels.channel_mask(b.net, 0.5), ValueError, "no batch norm", "masks of weights"),
    row("no batch norm for a bird", lambda b: bird(b, kind="channels"), ValueError, "no batch norm", "vgg_16"),
    row("no chain of layers", lambda b: export.compact(b.conv, b.foreign), ValueError, "'1'", "BatchNorm2d", "Linear"),
    row("no linear layer", lambda b: models.output_layer(nn.Flatten()), ValueError, "Flatten", "linear layer"),
    row("initialised who knows how", lambda b: models.reinitialize(b.net, seed=0), ValueError, "Sequential", "seed"),
    row("shortcuts", lambda b: channels.channel_weights(models.resnet_20(seed=0), b.mask), ValueError, "plain chain"),

    # Scores: what a loss or a loader may do wrong, and NaN that would rank anywhere.
    row("no batch", lambda b: lth.snip(b.net, []), ValueError, "No batch", "Is the loader used up?"),
    row("a loader used up", lambda b: lth.grasp(b.net, iter([])), ValueError, "No batch", "Is the loader used up?"),
    row("a loss of each image", lambda b: lth.snip(b.net, [b.batch], loss=each_loss), ValueError, "(10,)", "the mean"),
    row("a loss that is NaN", lambda b: lth.grasp(b.net, [b.batch], loss=nan_loss), ValueError, "nan", "finite"),
    row("a loss cut off", lambda b: lth.snip(b.net, [b.batch], loss=cut_loss), ValueError, "no gradient", "no_grad"),
    row("labels too high", lambda b: lth.snip(b.net, [(b.batch[0], b.batch[1] + 5)]), ValueError, "from 5 to 7",
        "labels from 0 to the number of outputs - 1"),
    row("labels below 0", lambda b: lth.grasp(b.net, [(b.batch[0], b.batch[1] - 5)]), ValueError, "from -5 to -3"),
    row("labels of a data set", lambda b: dataset(b, classes="ab"), ValueError, "labels from 0 to 2", "0 to 1"),
    row("no classes", lambda b: dataset(b, classes=3), ValueError, "classes=3", "names of the classes"),
    row("NaN among scores", lambda b: lth.prune(b.mask, other_scores(b, torch.full((10, 20), NAN)), 0.2), ValueError,
        "'3.weight'", "200 NaN", "finite"),
    row("infinite scores", lambda b: lth.prune_to(b.mask, other_scores(b, torch.full((10, 20), math.inf)), 0.2),
        ValueError, "'3.weight'", "200 NaN or infinite", "diverged"),
    row("NaN among weights", lambda b: lth.synflow(broken_weight(b.net), SHAPE), ValueError, "1.weight", "diverged"),
    row("NaN among gains", lambda b: channels.channel_mask(broken_weight(b.conv), 0.5), ValueError, "'1.weight'", "NaN"),
    row("NaN for 2:4", lambda b: export.two_four(torch.full((1, 4), NAN)), ValueError, "4 NaN", "ranked"),

    # A loss that is no longer finite: the training says when, and what to try, instead of going on with NaN.
    row("train diverges", lambda b: trained(b, recipe=WILD), lth.TrainingDiverged, "after step 2", "smaller", "1e+30"),
    row("one of two diverges", lambda b: together(b, recipe=WILD), lth.TrainingDiverged, "Replicate 0", "step 2"),
    row("imp diverges", lambda b: iterated(b, recipe=WILD), lth.TrainingDiverged, "after step 2", "warm-up"),
    row("early bird diverges", lambda b: bird(b, recipe=replace(WILD, steps=30)), lth.TrainingDiverged, "epoch 1",
        "warm-up"),

    # Lists of unequal lengths, which zip would cut to the shortest.
    row("a seed too few", lambda b: together(b, seeds=[0]), ValueError, "2 networks, 1 seeds", "as many of each"),
    row("a mask too few", lambda b: together(b, masks=[b.mask]), ValueError, "1 masks", "as many of each"),
    row("no networks", lambda b: together(b, count=0), ValueError, "0 networks", "at least one"),
    row("two architectures", lambda b: train_together([b.net, b.conv], b.data, seeds=[0, 1], recipe=RECIPE),
        ValueError, "Network 1", "0.weight", "Train it by itself"),
    row("starts at other steps", lambda b: together(b, starts=[lth.Checkpoint.of(b.net, step=s) for s in (1, 2)]),
        ValueError, "[1, 2]", "one step for all"),
    row("lengths for trainings", lambda b: iterated(b, steps=[4]), ValueError, "[4]", "expected 2"),
    row("rows of other columns", lambda b: records.write_table("x.csv", [{"a": 1, "b": 2}, {"a": 3}]), ValueError,
        "Row 1", "['a']", "['a', 'b']"),

    # Few or no numbers: a mean of none, a pair that no seed has, NaN that hides in a mean.
    row("interval of none", lambda b: evidence.interval([]), ValueError, "No values", "one for each seed"),
    row("interval of a number", lambda b: evidence.interval(0.5), TypeError, "0.5", "a list"),
    row("interval with NaN", lambda b: evidence.interval([0.5, NAN]), ValueError, "[nan]", "finite", "Leave out"),
    row("pair without a seed", lambda b: evidence.paired(ARMS, ("ticket", 1), ("dense", 0)), ValueError,
        "seeds [1]", "seeds [0]", "['dense', 'ticket']"),
    row("figure of no rows", lambda b: lth.plots.trade_off([]), ValueError, "rows is empty", "table of a run"),
    row("scrubber of no rows", lambda b: lth.explore.ticket_scrubber("x", []), ValueError, "table of a run"),
    row("too many images", lambda b: b.data.draw(301, seed=0), ValueError, "n=301", "1 to 300"),
    row("half an image", lambda b: b.data.head(train=9.5), ValueError, "train=9.5", "1 to 300"),
    row("a batch too large", lambda b: lth.data.batches(9, seed=0, epoch=0, batch_size=10), ValueError, "10", "1 to 9"),
    row("validation of a part", lambda b: lth.load_data(validation=0.1), ValueError, "validation=0.1", "1 to 11999"),

    # Files: missing, empty, cut short, altered, foreign; none of them may be taken for a mask, nor run as a pickle.
    row("no mask", lambda b: lth.Mask.load("nowhere.npz"), FileNotFoundError, "nowhere.npz"),
    row("empty mask", lambda b: lth.Mask.load(b.file(b"")), DamagedFile, "file.npz", "damaged"),
    row("mask cut short", lambda b: lth.Mask.load(b.file(b.whole(b.mask)[:300])), DamagedFile, "file.npz", "damaged"),
    row("mask altered", lambda b: lth.Mask.load(b.file(altered(b.whole(b.mask)))), DamagedFile, "file.npz", "damaged"),
    row("a text for a mask", lambda b: lth.Mask.load(b.file(MASK)), DamagedFile, "file.npz", "not written by lthkit"),
    row("a checkpoint for a mask", lambda b: lth.Mask.load(b.file(b.whole(lth.Checkpoint.of(b.net)))), DamagedFile,
        "'checkpoint', not a mask"),
    row("no checkpoint", lambda b: lth.Checkpoint.load("nowhere.npz"), FileNotFoundError, "nowhere.npz", "from which"),
    row("checkpoint cut short", lambda b: lth.Checkpoint.load(b.file(b.whole(lth.Checkpoint.of(b.net))[:999])),
        DamagedFile, "file.npz", "damaged"),
    row("a mask for a checkpoint", lambda b: lth.Checkpoint.load(b.file(b.whole(b.mask))), DamagedFile,
        "'mask', not a checkpoint"),
    row("torch.save for a checkpoint", lambda b: lth.Checkpoint.load(pickled(b)), DamagedFile, "file.npz", "lthkit"),
    row("a mask for a ticket", lambda b: export.load_packed(b.file(b.whole(b.mask)), b.net), DamagedFile, "'mask', not"),
    row("no onnx file", lambda b: export.run_onnx("nowhere.onnx"), FileNotFoundError, "nowhere.onnx", "to_onnx"),
    row("a text for onnx", lambda b: export.run_onnx(b.file(MASK)), DamagedFile, "file.npz", "not an ONNX file"),
    row("table with a short line", lambda b: table_of(b, b"a,b\n1\n"), DamagedFile, "table.csv", "as many cells"),
    row("table that is not UTF-8", lambda b: table_of(b, b"a,b\n\xff,2\n"), DamagedFile, "table.csv"),
    row("table of no bytes", lambda b: table_of(b, b""), DamagedFile, "table.csv", "is empty", "Run what made it"),
    row("a record without its seal", lambda b: files.read_sealed(b.file(b'{"a": 1}', "r.json")), DamagedFile, "r.json"),
    row("a record altered", lambda b: files.read_sealed(b.file(b'{"a": 1, "sha256": "0"}', "r.json")), DamagedFile,
        "r.json", "checksum"),
    row("no run", lambda b: lth.runs.experiments.load("nowhere"), FileNotFoundError, "nowhere", "lthkit show"),

    # Folders: a file in the way, another run, a config of bytes that are no text.
    row("keep_runs in a file", lambda b: lth.keep_runs(b.file(b"", "f")), files.CannotWrite, "f", "choose a folder"),
    row("a run in a file", lambda b: trained(b, folder=b.file(b"", "f")), files.CannotWrite, "f", "choose a folder"),
    row("a mask in a file", lambda b: b.mask.save(b.file(b"", "f") / "m.npz"), files.CannotWrite, "m.npz", "Make room"),
    row("a folder with another run", lambda b: [trained(b, folder="r", seed=s) for s in (0, 4)], RunMismatch,
        "seed: 0 there, 4 now", "Choose another folder"),
    row("a config that is not UTF-8", lambda b: run_in(b, b"\xff\xfe{}"), DamagedFile, "my runs/é", "config.json",
        "Choose another folder"),
    row("an empty config", lambda b: run_in(b, b""), DamagedFile, "my runs/é", "config.json", "another folder"),
    row("LTHKIT_DATA nowhere", lambda b: (b.patch.setenv("LTHKIT_DATA", "nowhere"), lth.load_data("mnist")),
        lth.data.DataError, "'nowhere'", "not a folder", "unset it"),
    row("LTHKIT_TIER", lambda b: (b.patch.setenv("LTHKIT_TIER", "big"), lth.tier()), ValueError, "LTHKIT_TIER", "'big'",
        "laptop"),
    row("no data set and no network", lambda b: lth.load_data("mnist", download=False), lth.data.DataError, "MNIST",
        "LTHKIT_DATA", "load_data('fashion-mnist')"),

    # A notebook that was moved: it works, or it says how to go on.
    row("set-up cell without lthkit", setup_cell, ModuleNotFoundError, "lthkit is not installed", "pip install"),
    row("outside the course", lambda b: course_folder(), FileNotFoundError, "not inside the course", "download"),
    row("build outside the course", lambda b: build("."), ValueError, "solutions", "give the folder of the course"),
    row("Drive without Colab", lambda b: drive.keep_on_drive(), ModuleNotFoundError, "Colab", "lthkit.keep_runs"),

    # Packages that are optional: the message has the line that installs them.
    row("no onnx", lambda b: (b.hide("onnx"), export.to_onnx(b.net, "x.onnx", shape=SHAPE)), ModuleNotFoundError,
        "pip install onnx"),
    row("no onnxruntime", lambda b: (b.hide("onnxruntime"), export.run_onnx("x.onnx")), ModuleNotFoundError,
        "pip install onnxruntime"),
    row("no jupytext", lambda b: (b.hide("jupytext"), build(COURSE, lessons=["00"], execute=False)),
        ModuleNotFoundError, "jupytext", 'pip install "lthkit[dev]"'),
    row("no torchvision", lambda b: (b.hide("torchvision", "torchvision.datasets"), lth.load_data("mnist")),
        lth.data.DataError, "pip install torchvision"),

    # The command line: one line, exit status 2, nothing written.
    command("no command", "", "required: command"),
    command("unknown command", "fly", "'fly' was given", "run"),
    command("no experiment", "run", "required: experiment"),
    command("unknown experiment", "run snip", "'snip'", "winning-ticket"),
    command("--model", "run imp --tier smoke --model lenet", "'lenet'", "expected one of", "Did you mean"),
    command("--data", "run imp --tier smoke --data mnst", "'mnst'", "expected one of", "Did you mean 'mnist'?"),
    command("--tier", "run imp --tier huge", "'huge'", "smoke"),
    command("--tier recorded", "run imp --tier recorded", "runs nothing", "lthkit show winning-ticket"),
    command("--device", "run imp --tier smoke --device tpu", "'tpu'", "auto, cuda, mps, cpu"),
    command("--device with a number", "run imp --tier smoke --device cpu:9", "'cpu:9'", "expected 'cpu'"),
    command("--scope", "run imp --scope local", "'local'", "layerwise"),
    command("--precision", "run imp --precision half", "'half'", "bfloat16"),
    command("--fraction NaN", "run imp --tier smoke --fraction nan", "fraction=nan", "between 0 and 1"),
    command("--fraction as text", "run imp --fraction a", "--fraction", "'a'"),
    command("--rounds", "run imp --tier smoke --rounds 0", "rounds=0", "1 or more"),
    command("--rounds of a half", "run imp --rounds 1.5", "--rounds", "'1.5'"),
    command("--steps", "run one-shot --tier smoke --steps 0", "steps=0", "1 or more"),
    command("--rewind-step", "run imp --tier smoke --rewind-step 40", "rewind_step=40", "0 to 39"),
    command("--lr", "run imp --tier smoke --lr nan", "lr=nan", "above 0"),
    command("--batch-size", "run imp --tier smoke --batch-size 0", "batch_size=0", "1 or more"),
    command("--batch-size above the split", "run imp --tier smoke --batch-size 20000 --device cpu", "20000", "10000"),
    command("--out of no name", "run imp --tier smoke --out=", "--out", "such as runs/mine"),
    command("--control-rounds without controls", "run imp --tier smoke --control-rounds 1", "--controls shuffled"),
    command("--patience", "run imp --tier smoke --patience 1", "patience=1", "evaluate_every=20"),
    command("--minutes", "run imp --tier smoke --minutes 0", "minutes=0", "above 0"),
    command("--seeds twice", "run imp --tier smoke --seeds 1,1", "(1, 1)", "different whole numbers"),
    command("--seeds below 0", "run imp --tier smoke --seeds=-1", "(-1,)", "0 or more"),
    command("--seeds of a half", "run imp --seeds 0.5", "'0.5'", "whole numbers such as 0,1,2"),
    command("--controls", "run imp --tier smoke --controls random", "random", "re-initialised, shuffled"),
    command("--control-rounds", "run imp --tier smoke --controls shuffled --control-rounds 9", "[9]", "from 1 to 5"),
    command("--out in a file", "run imp --tier smoke --out f", "f", "Choose another folder",
        before=lambda b: b.file(b"", "f")),
    command("show nothing", "show winning-tikcet", "'winning-tikcet'", "lthkit show", "winning-ticket"),
    command("show half a run", "show bad", "bad", "no checksum", before=lambda b: b.file(b"{}", "bad/config.json")),
    command("show bytes", "show bad", "bad", "config.json", before=lambda b: bytes_for_a_config(b)),
    command("start outside the course", "start 00", "not inside the course", "download"),
    command("build --root", "build --root nowhere", "nowhere", "the folder of the course"),
    command("bench, work", "bench lenett", "'lenett'", "lenet"),
    command("bench, device", "bench lenet --device tpu", "'tpu'", "auto, cuda, mps, cpu"),
]  # fmt: skip


def never(steps: int) -> None:
    raise AssertionError("a training has begun")


def iterated_on(b: Bench, model_fn: Any) -> Any:
    return list(lth.imp(model_fn, b.data, rounds=1, recipe=RECIPE))


def without_cuda(b: Bench, call: Callable[[], Any]) -> Any:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    return call()


def altered(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


def pickled(b: Bench) -> Path:
    path = b.folder / "file.npz"
    torch.save(b.net.state_dict(), path)
    return path


def bytes_for_a_config(b: Bench) -> None:
    """A run that is finished by its summary, with a config.json that is no text."""
    files.write_sealed("bad/summary.json", {"tables": {}})
    b.file(b"\xff\xfe", "bad/config.json")


@pytest.fixture
def bench(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("DATA", "TIER", "RUNS"):
        monkeypatch.delenv(f"LTHKIT_{name}", raising=False)
    monkeypatch.setenv("LTHKIT_CACHE", str(tmp_path.with_name("no cache")))
    monkeypatch.setenv("LTHKIT_PASSPORT", str(tmp_path.with_name("passport.json")))
    yield Bench(tiny, tmp_path, monkeypatch, capsys)
    lth.keep_no_runs()


@pytest.mark.parametrize("slip", ROWS, ids=[slip.name for slip in ROWS])
def test_a_slip_is_refused_in_plain_words(slip: Row, bench: Bench) -> None:
    with pytest.raises(slip.error) as caught:
        slip.call(bench)
    text = str(caught.value)
    assert [part for part in slip.fragments if part not in text] == [], text
    assert text.strip() and not any(raw in text for raw in ("<class '", "Traceback", "object at 0x")), text
    assert not list(bench.folder.rglob("*.tmp")), "something is half written"


def test_the_table_is_long_and_its_rows_are_told_apart() -> None:
    assert len(ROWS) >= 75
    assert len({slip.name for slip in ROWS}) == len(ROWS)
    assert all(slip.fragments for slip in ROWS)


# What looks like a slip and works


def test_a_network_that_does_not_train_can_be_scored(bench: Bench) -> None:
    """Catches: scores that need `requires_grad` of the model itself, or leave it switched on."""
    model = frozen(bench.net)
    for scores in (
        lth.snip(model, [bench.batch]),
        lth.grasp(model, [bench.batch]),
        lth.synflow(model, SHAPE),
        lth.random(model, seed=0),
    ):
        assert list(scores) == list(bench.mask)
    assert not any(p.requires_grad for p in model.parameters())


def test_one_seed_has_a_mean_and_no_interval() -> None:
    band = evidence.interval([0.5])
    assert band.mean == 0.5 and math.isnan(band.low) and math.isnan(band.high) and band.n == 1


def test_a_mask_may_leave_layers_out(bench: Bench) -> None:
    """Catches: a check that asks for every layer, which `exclude` leaves out."""
    trained(bench, mask=lth.Mask({"1.weight": bench.mask["1.weight"]}))


def test_a_run_folder_may_have_blanks_and_accents(bench: Bench) -> None:
    first = trained(bench, folder="my runs/é")
    assert trained(bench, folder="my runs/é").history == first.history
    assert main(["show", "my runs/é"]) == 2
    assert "my runs/é has one training" in bench.capsys.readouterr().err


def test_data_and_recorded_runs_are_found_from_any_folder(bench: Bench) -> None:
    """Catches: paths that hold only while the notebook was started in the course."""
    assert len(lth.load_data().train) == 10_000
    assert load_mask(recorded("winning-ticket"), seed=0, level=1).density < 1


def test_what_a_student_asks_for_wrongly_stops_no_notebook(bench: Bench) -> None:
    """Catches: an exception from `check`, `hint` or `quiz`, which would end *Run All*."""
    for ask, fragments in (
        (partial(check, "05.99", abs), ("'05.99'", "05.1")),
        (partial(check, "00.1", 3), ("without parentheses",)),
        (partial(hint, "05.99"), ("'05.99'", "05.1")),
        (partial(quiz, "05.Q99", "a"), ("'05.Q99'", "05.Q1")),
        (partial(quiz, "05.Q1", "z"), ("one letter in quotes",)),
    ):
        ask()
        out = bench.capsys.readouterr().out
        assert all(part in out for part in fragments) and "Traceback" not in out


def test_without_widgets_the_picture_remains(bench: Bench) -> None:
    bench.hide("ipywidgets")
    shown = lth.explore.prune_it_yourself({0: bench.net}, bench.data)
    assert shown.widget is None and shown.png.startswith(b"\x89PNG")
    assert "ipywidgets is not installed" in bench.capsys.readouterr().out


def test_an_error_that_is_no_misfit_is_not_called_one(bench: Bench) -> None:
    """Catches: a full device, or an error of the student's own, explained as a network for other images."""
    explain_misfit(bench.net, bench.data, RuntimeError("CUDA out of memory"))
    explain_misfit(bench.net, bench.data, RuntimeError("something of the student's own"))
