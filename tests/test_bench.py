"""`lthkit bench`: the statistics on fake clocks, the textbook loop, the document and its table. No test reads a clock."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
import time
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from multiprocessing import active_children

import pytest
import torch

import lthkit as lth
from lthkit import bench, plots
from lthkit.__main__ import main
from lthkit.bench import (
    busy,
    children,
    kept_only,
    machine,
    products,
    report,
    rows,
    steps,
    textbook,
    whole,
)
from lthkit.machine import load
from lthkit.machine.devices import operator_threads
from lthkit.storage import files
from lthkit.training.choices import PLAIN, no_sparse
from tests.conftest import small_conv, small_net

CPU = torch.device("cpu")
TINY = replace(
    rows.Settings(CPU).quick(), short=2, long=1, block=0.001, seeds=2, pairs=3, trainings=2, epoch=240
)


@pytest.fixture(autouse=True)
def a_small_machine(monkeypatch):
    """Limits measured with tiny products, so that a test takes no second for them."""
    monkeypatch.setattr(machine, "_SIZES", {"cpu": (64,)})
    monkeypatch.setattr(machine, "_SECONDS", 0.0)
    yield
    for measured in (machine.matrix_peak, machine.copy_speed, machine.medium_is_exact):
        measured.cache_clear()


class Clock:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


# statistics


def test_spread_has_the_median_and_the_quartiles():
    """Catches: the mean instead of the median, or quartiles that extrapolate beyond the values."""
    spread = bench.Spread.of([1, 2, 3, 4, 100])
    assert (spread.median, spread.low, spread.high, spread.n) == (3, 2, 4, 5)
    assert bench.Spread.of([7.0]) == bench.Spread(7.0, 7.0, 7.0, 1)
    assert bench.Spread.of([1, 2, 3]).scaled(1e3) == bench.Spread(2000, 1500, 2500, 3)
    with pytest.raises(ValueError, match="No values"):
        bench.Spread.of([])


def test_callables_take_turns_and_everyone_is_first_in_turn():
    """Catches: all repetitions of one callable before the next, or one that always follows the same neighbour."""
    calls: list[str] = []
    works = {name: lambda name=name: calls.append(name) for name in "abc"}
    timings = bench.interleaved(works, repetitions=3, warmups=1)
    assert "".join(calls) == "abc" + "abc" + "bca" + "cab"
    assert [t.name for t in timings] == ["a", "b", "c"] and {t.time.n for t in timings} == {3}


def test_only_the_call_itself_is_timed_and_divided_by_its_units():
    """Catches: preparation inside the clock; seconds of a block passed off as seconds of a step."""
    clock = Clock()
    timings = bench.interleaved(
        {"slow": lambda: clock.move(6.0), "fast": lambda: clock.move(1.0)},
        repetitions=2,
        per={"slow": 3, "fast": 2},
        before={"fast": lambda: clock.move(100.0)},
        after={"slow": lambda: clock.move(100.0)},
        clock=clock,
    )
    assert [t.time.median for t in timings] == [2.0, 0.5]
    assert timings[1].ratio.median == 4.0 and timings[0].ratio.median == 1.0


def test_a_call_may_say_how_much_it_did():
    """Catches: a block that was cut short by a busy machine, taken for a whole one."""
    clock, did = Clock(), iter([2, 5, 1, 1])
    works = {name: lambda: (clock.move(10.0), next(did))[1] for name in "ab"}
    timings = bench.interleaved(works, repetitions=2, warmups=0, per=None, clock=clock)
    assert timings[0].seconds == (5.0, 10.0) and timings[1].seconds == (2.0, 10.0)


def test_the_device_is_waited_for_before_the_clock_is_read():
    """Catches: timing the launch of work on a GPU instead of the work."""
    clock, queued = Clock(), [0.0]

    def wait() -> None:
        clock.move(queued[0])
        queued[0] = 0.0

    timings = bench.interleaved(
        {"launch": lambda: queued.__setitem__(0, 5.0)}, repetitions=2, synchronise=wait, clock=clock
    )
    assert timings[0].seconds == (5.0, 5.0)


def test_ratios_are_taken_within_a_turn():
    """Catches: the ratio of the medians, in which seconds of different moments meet."""
    clock = Clock()
    seconds = {"a": iter([2.0, 40.0, 6.0]), "b": iter([1.0, 10.0, 6.0])}
    works = {name: lambda name=name: clock.move(next(seconds[name])) for name in "ab"}
    timings = bench.interleaved(works, repetitions=3, warmups=0, clock=clock)
    assert timings[1].ratios == (2.0, 4.0, 1.0) and timings[1].ratio.median == 2.0
    assert timings[0].time.median == timings[1].time.median == 6.0


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        ({"repetitions": 0}, "repetitions=0"),
        ({"warmups": -1}, "warmups=-1"),
        ({"before": {"b": print}}, "'b'"),
        ({"per": {"b": 2}}, "'b'"),
        ({"per": 0}, "per has no whole number"),
    ],
)
def test_bad_arguments_of_interleaved_are_named(arguments, fragment):
    """Catches: a misspelt name that silently leaves the preparation out."""
    with pytest.raises(ValueError, match=fragment):
        bench.interleaved({"a": lambda: None}, **arguments)
    with pytest.raises(ValueError, match="0 callables"):
        bench.interleaved({})


def test_threads_are_given_back():
    """Catches: a work on one thread that leaves the whole process on one."""
    before = torch.get_num_threads()
    with pytest.raises(KeyError), operator_threads(1):
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == before


# the machine


def test_operations_are_those_of_the_matrix_products():
    """Catches: forward only, or a gradient for the images that nobody needs."""
    model = lth.models.lenet_300_100(seed=0)
    images, labels = torch.rand(60, 1, 28, 28), torch.zeros(60, dtype=torch.int64)
    forward = 2 * 60 * 266_200
    assert machine.forward_flops(model, images) == forward
    assert machine.step_flops(model, images, labels) == 3 * forward - 2 * 60 * 784 * 300
    assert all(p.grad is None for p in model.parameters())


def test_limits_are_positive_and_settings_stay():
    """Catches: a measurement that leaves its precision behind."""
    before = torch.get_float32_matmul_precision()
    for precision in ("float32", "medium"):
        assert machine.matrix_peak("cpu", threads=1, precision=precision) > 0
    assert torch.get_float32_matmul_precision() == before
    assert machine.peak_memory("cpu") is None or machine.peak_memory("cpu") > 10**6


# the textbook


def loaded(data, **arguments):
    pytest.importorskip("torchvision")
    return bench.textbook_loader(data, workers=0, **arguments)


def test_the_textbook_loop_trains_and_masks_exactly(tiny):
    """Catches: either multiplication left out, of gradients or of weights; a loop that does not learn."""
    model, recipe = small_net(seed=0), lth.Recipe(optimizer="adam", lr=1e-2)
    mask = steps.random_mask(model, sparsity=0.5)
    before = [float(w.detach()[~mask[name]].abs().min()) for name, w in lth.prunable(model).items()]
    assert min(before) > 0, "the loop itself must make them 0"
    optimizer = bench.textbook_optimizer(model, recipe)
    loader = loaded(tiny, batch_size=30)
    losses = [bench.textbook_loop(model, loader, masks=mask, optimizer=optimizer) for _ in range(8)]
    assert losses[-1] < losses[0]
    for name, weight in lth.prunable(model).items():
        assert bool((weight[~mask[name]] == 0).all()) and bool((weight[mask[name]] != 0).all())
        assert bool((optimizer.state[weight]["exp_avg"][~mask[name]] == 0).all())


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_textbook_resident_textbook_and_lthkit_are_the_same_training(tiny, optimizer):
    """Catches: another order, normalisation, mask or rule in one of them: then their speeds are not comparable."""
    recipe = lth.Recipe(steps=100, batch_size=30, optimizer=optimizer, lr=0.01)
    mask = steps.random_mask(small_net(seed=1))
    order = textbook.rows_of_updates(len(tiny.train), batch_size=30, seed=steps.SEED)
    sources = [
        loaded(tiny, batch_size=30, order=[r.tolist() for r in islice(order, 15)]),
        bench.resident_batches(tiny, recipe=recipe, seed=steps.SEED),
    ]
    models = [small_net(seed=0) for _ in range(3)]
    for model, source in zip(models, sources, strict=False):
        steps.textbook_steps(model, source, recipe=recipe, mask=mask, device=CPU)(15)
    steps.our_steps(models[2], tiny, recipe=recipe, mask=mask, choice=PLAIN)(15)
    for other in models[1:]:
        for p, q in zip(models[0].parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-4, atol=1e-5)


def test_a_loader_at_rest_reads_nothing_ahead_and_loses_nothing(tiny):
    """Catches: workers that go on in the next turn, a batch lost or given twice between turns, workers without end."""
    pytest.importorskip("torchvision")
    before, taken, got = set(active_children()), [], []
    orders = list(torch.arange(240).view(24, 10).flip(0))

    def rows():
        for order in orders:
            taken.append(order)
            yield order.tolist()

    loader = textbook.TurnLoader(tiny, batch_size=10, augment=False, order=rows())
    for updates in (1, 4, 2):
        got += [labels for _, labels in islice(loader, updates)]
        loader.rest()
        assert len(taken) == len(got) + len(loader._kept), "something is still being loaded"
        assert len(loader._kept) <= 2 * steps._PREFETCHED, "it went on to the end"
    assert len(set(active_children()) - before) == textbook.WORKERS
    for labels, order in zip(got, orders, strict=False):
        assert torch.equal(labels, tiny.train.labels[order])
    loader.close()
    assert set(active_children()) <= before


def test_the_data_set_can_be_sent_to_a_worker(tiny):
    """Catches: a class inside a function, which Windows and macOS cannot pickle; channels in the wrong place."""
    data = steps.cifar_shaped(images=4, held_out=4)
    for images in (loaded(tiny, batch_size=30).dataset, loaded(data, batch_size=2, augment=True).dataset):
        again = pickle.loads(pickle.dumps(images))
        assert len(again) == len(images) and again[1][1] == images[1][1]
    image, label = loaded(data, batch_size=2).dataset[0]
    torch.testing.assert_close(image, data.normalise(data.train.images[0]))
    assert label == int(data.train.labels[0])


def test_textbook_imp_prunes_and_rewinds(tiny):
    """Catches: a percentile over all weights instead of those that remain; training on from the trained weights."""
    pytest.importorskip("torchvision")
    recipe = lth.Recipe(batch_size=30, lr=1e-2)
    model, first = small_net(seed=0), small_net(seed=0)
    mask, accuracy = bench.textbook_imp(model, tiny, trainings=3, recipe=recipe, workers=0)
    assert mask.density == pytest.approx(0.64, abs=0.003) and 0 <= accuracy <= 1
    for name, weight in lth.prunable(model).items():
        assert bool((weight[~mask[name]] == 0).all())
    mask.apply_(first)
    moves = zip(model.state_dict().values(), first.state_dict().values(), strict=True)
    moved = max(float((after - before).abs().max()) for after, before in moves)
    # Adam moves a weight by about lr a step: ten steps from the first weights, not thirty.
    assert moved < 0.15


def test_the_speed_of_the_textbook_is_a_number(tiny):
    """Catches: the function that `lthkit run` ends with, broken."""
    pytest.importorskip("torchvision")
    assert bench.textbook_steps_per_second(small_net(seed=0), tiny, batch_size=30, seconds=0.02) > 0


@pytest.mark.parametrize(
    "make", [lth.models.smallcnn, lambda **given: lth.models.resnet_20(width=4, **given)]
)
def test_random_images_are_learned_in_few_updates(make):
    """Catches: a mask drawn from the numbers that drew the weights, or running statistics that lag behind.

    With either the network is at chance after as many updates as a benchmark does, and any accuracies agree.
    """
    data = steps.cifar_shaped(images=64, held_out=40)
    recipe = lth.Recipe(steps=100, batch_size=16, lr=1e-3, augment=True)
    if make is not lth.models.smallcnn:
        recipe = replace(recipe, optimizer="sgd", lr=0.02, momentum=0.9)
    model = steps._model(make, data)
    mask = steps.random_mask(model)
    for name, weight in lth.prunable(model).items():
        kept = weight.detach()[mask[name]]
        assert abs(float(kept.mean() / kept.std())) < 4 / len(kept) ** 0.5
    steps.our_steps(model, data, recipe=recipe, mask=mask, choice=PLAIN)(12)
    assert lth.evaluate(model, data).accuracy > 0.9


# rows and agreement


def test_accuracies_agree_within_three_standard_errors():
    """Catches: too small an error near accuracy 1, where a binomial's own estimate of it goes to 0."""
    assert rows.agree(1.0, 1 - 10 / 300, images=300) and rows.agree(1.0, 1.0, images=300)
    assert rows.agree(0.8, 0.83, images=2000)
    assert not rows.agree(0.8, 0.85, images=2000) and not rows.agree(1.0, 0.5, images=300)


def row(name: str, accuracy: float | None = None, **fields) -> rows.Row:
    return rows.Row(
        "lenet", "a case", name, "ms per step", accuracy=accuracy, images=2000, threads=2, **fields
    )


def document(these: list[rows.Row]) -> dict:
    plain = [r.plain() for r in rows.with_agreement(these)]
    compared = [r["agrees"] for r in plain if r["agrees"] is not None]
    return {
        "rows": plain,
        "agreement": all(compared) if compared else None,
        "peak_memory": {"lenet": None},
        "seconds": 1.0,
    }


def test_a_disagreement_is_loud():
    """Catches: a faster variant that computes something else, reported as if it were the same."""
    wrong = document([row("textbook", 0.8), row("lthkit", 0.81), row("lthkit, medium", 0.6), row("other")])
    assert [r["agrees"] for r in wrong["rows"]] == [None, True, False, None]
    assert bench.exit_status(wrong) == 1 and "DISAGREE" in report.ending(wrong)
    assert "60.0 !!" in bench.table(wrong["rows"])
    assert "accuracy DISAGREES with textbook" in bench.table(wrong["rows"])
    right = document([row("textbook", 0.8), row("lthkit", 0.81)])
    assert bench.exit_status(right) == 0 and "agree within" in report.ending(right)
    assert bench.exit_status(document([row("lthkit", 0.8)])) == 0


def test_the_table_is_narrow_plain_text():
    """Catches: lines over 80 columns, characters that an ASCII console cannot show, a missing median."""
    slow = bench.Timing("textbook", (0.0123456, 0.0234567), (1.0, 1.0))
    fast = bench.Timing("lthkit", (4.312e-8, 5.123e-8), (0.001234, 0.002345))
    one = rows.timed(row("textbook", 0.8, floor=1e-3), slow, first=slow, scale=1e3)
    long = "a note that goes on and on " * 8
    two = row("lthkit, a way with a long name", 0.8, floor=1e-3, choice=PLAIN, notes=(long,))
    two = rows.timed(replace(two, memory_copies=1.25), fast, first=slow, scale=1e3)
    three = row("lthkit, bfloat16", notes=("not measured: why",))
    text = bench.table([r.plain() for r in (one, two, three)])
    text.encode("ascii")
    assert max(map(len, text.splitlines())) <= 80
    assert "not measured: why" in text and "80.0" in text and re.search(r"copies.*\n.*\n.*\n.* 1\.2 ", text)
    assert one.ratio is None and two.ratio_to == "textbook" and two.floor_multiple is not None


def test_a_benchmark_that_was_not_alone_says_so(monkeypatch):
    """Catches: figures of a busy evening that nobody can tell from those of a quiet one; an alarm about a quiet one."""
    ticks = iter([(0, 0, 0), (1000, 850, 150), (1000, 850, 150), (2000, 950, 250), (2000, 950, 250), None])
    there = lambda: (t := next(ticks)) and load.Moment(2, *t)  # noqa: E731
    monkeypatch.setattr(report, "moment", there)
    for name in ("lenet", "imp", "mask"):
        monkeypatch.setitem(report.WORKS, name, ("fake", fake))
    told = bench.run(["lenet", "imp", "mask"], settings=TINY, say=lambda line: None)
    assert told["others_use"] == {"lenet": 1.4, "imp": 0.0, "mask": None}
    assert "not alone" in report.ending(told).lower() and "1.4 cores in lenet." in " ".join(
        report.ending(told).split()
    )
    assert "1.4 cores in lenet" in bench.stamp(told) and "imp" not in bench.stamp(told)
    alone = {**told, "others_use": {"lenet": 0.1, "imp": None}}
    assert "programs" not in report.ending(alone) + bench.stamp(alone)
    assert "programs" not in report.ending(document([row("lthkit", 0.8)])), (
        "a record of before has no such line"
    )


# works, with next to no repetitions


def test_a_work_from_end_to_end(tiny, tmp_path, monkeypatch):
    """Catches: variants with unequal numbers of updates; a document that JSON cannot hold or does not give back."""
    pytest.importorskip("torchvision")
    recipe = lth.Recipe(steps=10**6, batch_size=30, lr=1e-2)

    def make(*, seed: int, input_shape=None, classes=None):
        return small_net(seed=seed)

    def work(settings):
        yield from steps._compare(
            "lenet", "tiny", make, tiny, recipe, ("float32", "bfloat16"), settings, settings.short
        )

    done: list[list[int]] = []

    def counted(make_steps):
        def made(*given, **named):
            do, mine = make_steps(*given, **named), []
            done.append(mine)
            return lambda n: (mine.append(n), do(n))

        return made

    for name in ("our_steps", "textbook_steps"):
        monkeypatch.setattr(steps, name, counted(getattr(steps, name)))
    monkeypatch.setattr(machine, "has_bfloat16", lambda device: False)
    monkeypatch.setitem(report.WORKS, "lenet", ("tiny", work))
    lines: list[str] = []
    result = bench.run(["lenet"], settings=TINY, say=lines.append)
    path = files.write_json(tmp_path / "bench.json", result)
    again = files.read_json(path)
    assert again == json.loads(json.dumps(result)) and bench.table(again["rows"]) in "\n".join(lines)
    names = [r["name"] for r in again["rows"]]
    assert names == ["textbook", steps.RESIDENT, "lthkit, plain path", "lthkit", "lthkit, bfloat16"]
    measured, absent = again["rows"][:-1], again["rows"][-1]
    assert absent["time"] is None and absent["notes"] == ["not measured: this processor has no bfloat16"]
    assert {r["updates"] for r in measured} == {sum(mine) for mine in done} and len(done) == 4
    assert again["agreement"] is True
    assert all(r["floor_multiple"] > 0 and r["time"]["n"] == 2 for r in measured)
    assert all(r["ratio_to"] == "textbook" for r in measured[1:])
    assert again["machine"]["matrix_peaks"]["float32"] > 0 and again["machine"]["environment"]["torch"]
    png, svg = plots.save(
        plots.speed(again["rows"], stamp=bench.stamp(again)), tmp_path / "c", alt=bench.describe(again)
    )
    assert png.stat().st_size > 0 and "lthkit" in svg.read_text(encoding="utf-8")


@pytest.mark.parametrize("fails", [False, True])
def test_the_textbooks_workers_rest_in_the_turns_of_others(tiny, monkeypatch, fails):
    """Catches: workers that take time from the next variant, in its turn or its warm-up, or are left after an error."""
    pytest.importorskip("torchvision")
    loaders, awake, before = [], [], set(active_children())

    class Watched(textbook.TurnLoader):
        def __init__(self, *given, **named):
            loaders.append(self)
            super().__init__(*given, **named)

    def watched(make_steps):
        def made(*given, **named):
            do = make_steps(*given, **named)
            if isinstance(named.get("batches"), chain):  # the textbook itself
                return do
            return lambda n: (awake.append(loaders[0]._order.awake), do(n))

        return made

    for name in ("our_steps", "textbook_steps"):
        monkeypatch.setattr(steps, name, watched(getattr(steps, name)))
    monkeypatch.setattr(steps, "TurnLoader", Watched)
    if fails:
        monkeypatch.setattr(steps, "interleaved", lambda *given, **named: 1 / 0)
    with pytest.raises(ZeroDivisionError) if fails else nullcontext():
        recipe = lth.Recipe(steps=10**6, batch_size=30)
        steps._compare("lenet", "tiny", lambda **_: small_net(seed=0), tiny, recipe, ("float32",), TINY, 2)
    assert len(loaders) == 1 and len(awake) >= 6 and not any(awake)
    assert set(active_children()) <= before


def test_without_torchvision_the_rest_runs(tiny, monkeypatch):
    """Catches: no numbers at all, or a guess, where the textbook cannot run."""
    recipe = lth.Recipe(steps=10**6, batch_size=30, lr=1e-2)

    def work(settings):
        make = lambda *, seed, input_shape, classes: small_conv(seed=seed)  # noqa: E731
        yield from steps._compare("lenet", "tiny", make, tiny, recipe, ("float32",), settings, 1)

    monkeypatch.setitem(report.WORKS, "lenet", ("tiny", work))
    monkeypatch.setattr(textbook, "textbook_loader", None)
    lines: list[str] = []
    result = bench.run(["lenet"], settings=replace(TINY, textbook=False), say=lines.append)
    first, *others = result["rows"]
    assert first["name"] == "textbook" and first["time"] is None and first["notes"] == (rows.NO_TORCHVISION,)
    assert all(r["time"] and r["ratio_to"] != "textbook" for r in others)
    assert "torchvision is not installed" in lines[0] and not bench.has_ratios(result)
    with pytest.raises(ValueError, match="nothing to draw"):
        plots.speed(result["rows"])


def test_whole_experiments_compare_like_with_like():
    """Catches: seconds of all seeds passed off as seconds per seed; a variant that was not run."""
    pytest.importorskip("torchvision")
    imp = list(whole.imp_whole(TINY))
    assert [r.name for r in imp] == ["textbook", "lthkit", "lthkit, medium"]
    several = list(whole.replicates(TINY))
    assert [r.name for r in several] == [
        "textbook",
        "lthkit, in turn",
        "lthkit, side by side",
        "lthkit, stacked",
    ]
    for r in imp + several:
        assert r.time and r.accuracy is not None and r.floor_multiple and r.updates == 4
    assert several[0].flops == several[1].flops and imp[0].flops == 2 * several[0].flops


def test_the_mask_is_timed_in_pairs():
    """Catches: a cost that is the ratio upside down."""
    result = list(steps.mask_cost(TINY))
    assert [r.name for r in result] == ["no mask", "mask"] * 4 and {r.threads for r in result} == {1}
    for r in result[1::2]:
        assert r.cost and r.ratio and r.cost.n == TINY.pairs and r.ratio_to == "no mask"
        assert r.cost.median == pytest.approx(1 / r.ratio.median)


def test_saving_is_timed_beside_not_saving(monkeypatch):
    """Catches: two runs of which neither saves, a cost upside down, and a saved run with other numbers."""
    folders = []

    def watched(*args, folder, **kwargs):
        folders.append(folder)
        return lth.imp(*args, folder=folder, **kwargs)

    monkeypatch.setattr(whole, "imp", watched)
    plain, saved = whole.saving(replace(TINY, saved_steps=4))
    assert (plain.name, saved.name) == ("not saved", "saved") and plain.accuracy == saved.accuracy
    assert saved.cost and saved.ratio and saved.cost.median == pytest.approx(1 / saved.ratio.median)
    assert folders[0] is None and folders[1] is not None and len(folders) == 2


@pytest.mark.skipif(bool(no_sparse()), reason="no sparse training here")
def test_a_ticket_of_kept_weights_is_timed_beside_the_same_one_dense(monkeypatch):
    """Catches: two dense trainings, other tickets or other accuracies on the two sides, and memory that is not less."""
    monkeypatch.setattr(kept_only, "_ROUNDS", 10)
    result = list(kept_only.sparse(replace(TINY, ticket_steps=2)))
    assert [r.name for r in result] == [kept_only.DENSE, kept_only.KEPT] * 10
    for dense, kept in zip(result[::2], result[1::2], strict=True):
        assert dense.case == kept.case and kept.ratio and kept.ratio_to == kept_only.DENSE
        assert not dense.choice.sparse and kept.choice.sparse and dense.threads == kept.threads == 1
        assert kept.agrees in (None, True)
    for dense, kept in zip(result[:16:2], result[1:16:2], strict=True):
        assert "no layer is sparse" in dense.notes and "fc1.weight" in kept.notes[0]
        assert float(kept.notes[1].split()[0]) < float(dense.notes[1].split()[0])


def test_where_there_is_no_sparse_training_it_is_not_measured(monkeypatch):
    """Catches: a crash, or a time of something else under this name."""
    monkeypatch.setattr(kept_only, "no_sparse", lambda device: "this build of torch has no MKL")
    (row,) = kept_only.sparse(TINY)
    assert row.time is None and row.notes == ("not measured: this build of torch has no MKL",)


def test_steps_are_timed_beside_busy_processes(tiny, monkeypatch):
    """Catches: "quiet" with processes that spin, forced threads that are not in force, a cost upside down."""
    spinning, seen = [0], []

    @contextmanager
    def spinners(count):
        assert count == 2
        yield spinning.append

    def updater(model, data, *, choice, **others):
        return lambda step: seen.append((choice.threads, torch.get_num_threads(), spinning[-1]))

    recipe = lth.Recipe(steps=10**6, batch_size=30)
    make = lambda *, seed, **_: small_net(seed=seed)  # noqa: E731
    monkeypatch.setattr(busy, "lenet_300_100", make)
    monkeypatch.setattr(busy, "_trainings", lambda settings: {"tiny": (make, tiny, recipe, settings.short)})
    monkeypatch.setattr(busy, "spinners", spinners)
    monkeypatch.setattr(steps, "updater", updater)
    clock = lambda: sum(1.0 + beside for _, _, beside in seen)  # noqa: E731
    monkeypatch.setattr(busy, "interleaved", partial(bench.interleaved, clock=clock))
    result = list(busy.busy(replace(TINY, beside=0.0)))
    assert [r.name for r in result] == list(busy.LOADS) * 4 and len({r.case for r in result}) == 4
    assert [r.threads for r in result[3::3]] == [1, 2, 1] and result[-1].workers == 2
    for r in result:
        times = 1.0 + busy.LOADS[r.name]
        assert r.time.median == 1e3 * times and (r.cost.median == times if r.cost else times == 1)
    assert all(wanted == threads for wanted, threads, _ in seen) and {t for t, _, _ in seen} >= {1, 2}
    assert spinning == [0] + [0, 1, 2, 1, 2, 0, 0] * 4  # two turns, and at rest before the next case


def test_a_block_ends_when_its_time_is_up(monkeypatch):
    """Catches: a number of steps fixed in quiet, which takes minutes where a step is fifty times slower."""
    clock, chunks = Clock(), []
    monkeypatch.setattr(busy, "perf_counter", clock)

    def do(n, *, each):
        chunks.append(n)
        clock.move(n * each)

    assert busy._a_while(partial(do, each=0.3), 0.25) == 1 and chunks == [1]
    chunks.clear()
    assert busy._a_while(partial(do, each=0.01), 0.25) == sum(chunks) and 25 <= sum(chunks) <= 30


def test_products_alone_are_those_of_a_step_and_no_others():
    """Catches: a layer or a gradient left out, or a product of other shapes, which makes a step look slow or fast."""
    model = lth.models.lenet_300_100(seed=0)
    images, labels = torch.rand(60, 1, 28, 28), torch.zeros(60, dtype=torch.int64)
    done = {}
    for backward in (False, True):
        works = products._products(model, 60, backward=backward)
        sizes = [(work(), work.args[0].shape, work.args[1].shape) for work in works.values()]
        done[backward] = sum(2 * a[0] * a[1] * b[1] for _, a, b in sizes)
    assert done[False] == machine.forward_flops(model, images)
    not_needed = 2 * 60 * 784 * 300  # the gradient of the images
    assert done[True] == machine.step_flops(model, images, labels) + not_needed


def test_a_step_costs_its_time_over_the_sum_of_its_products(monkeypatch):
    """Catches: the cost upside down, sums over turns instead of within one, one batch for the whole split."""

    def timings(blocks, small, settings, *, per):
        seconds = {name: (1.0, 2.0, 3.0) for name in small} | {name: (18.0, 9.0, 27.0) for name in blocks}
        return {name: bench.Timing(name, mine, (1.0,) * 3) for name, mine in seconds.items()}

    monkeypatch.setattr(products, "_in_turns", timings)
    result = list(products.products(TINY))
    alone, step = result[:2]
    assert [r.name for r in result[2:5]] == ["gather and normalise", "mask the gradients", "optimizer"]
    assert alone.time.median == 18e3 and step.ratio_to == alone.name  # nine of them: 9, 18, 27 s
    assert (step.cost.median, step.cost.low, step.cost.high) == (1.0, 0.75, 1.5) and alone.cost is None
    alone, evaluation = result[-2:]
    assert (
        alone.time.median == 12e3 and evaluation.cost.median == 1.5
    )  # three, for each of two batches: 6, 12, 18 s


def test_short_works_are_repeated_and_timed_one_by_one(monkeypatch):
    """Catches: the time of a thousand products passed off as that of one, or of twenty steps as that of one."""
    clock = Clock()
    monkeypatch.setattr(products, "interleaved", partial(bench.interleaved, clock=clock))
    works = {"step": lambda: clock.move(5.0)}, {"product": lambda: clock.move(0.125)}
    timings = products._in_turns(*works, TINY, per=20)
    assert timings["step"].time.median == 0.25 and timings["product"].time.median == 0.125


def test_products_and_parts_run():
    """Catches: a part that cannot be done alone, threads that are not given back."""
    before, result = torch.get_num_threads(), list(products.products(TINY))
    assert len(result) == 4 * 5 + 2 and all(r.time and r.time.n == TINY.pairs for r in result)
    assert torch.get_num_threads() == before


# works in child processes


def ticks_of(pid: int) -> int:
    return next(ticks for number, _, ticks in load._processes(load.PROC) if number == pid)


def children_here() -> list[int]:
    return [pid for pid, parent, _ in load._processes(load.PROC) if parent == os.getpid()]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_busy_process_spins_only_while_it_is_told_to():
    """Catches: "beside a busy process" that sleeps, and "quiet" beside one that goes on."""
    before = set(children_here())
    with busy.spinners(2) as spin:
        first, second = sorted(set(children_here()) - before)
        spin(1)
        for _ in range(1000):  # until it has worked, on a busy machine too
            if max(ticks_of(first), ticks_of(second)) >= 20:
                break
            time.sleep(0.01)
        assert max(ticks_of(first), ticks_of(second)) >= 20 > min(ticks_of(first), ticks_of(second))
        spin(0)
        used = ticks_of(first) + ticks_of(second)
        time.sleep(0.2)
        assert ticks_of(first) + ticks_of(second) <= used + 2
    assert set(children_here()) <= before


def test_a_busy_process_ends_with_its_parent_and_after_an_error(monkeypatch):
    """Catches: a process that keeps a student's core busy for ever after the benchmark was killed."""
    child = subprocess.Popen(
        [sys.executable, "-c", busy._SPIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    child.stdin.write(b"1")
    child.stdin.flush()
    assert child.stdout.read(1) == b"1"
    child.stdin.close()  # as the system does for a process that was killed
    assert child.wait(timeout=120) == 0
    child.stdout.close()
    popen, started = subprocess.Popen, []
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1])
    with pytest.raises(KeyError), busy.spinners(1) as spin:
        spin(1)
        raise KeyError
    assert started[0].returncode is not None


def test_a_child_says_what_went_wrong():
    """Catches: a failure in a child that looks like a measurement."""
    assert children.run_child("print('noise'); print('{\"a\": 1}')") == {"a": 1}
    with pytest.raises(RuntimeError, match="ValueError: so it is"):
        children.run_child("raise ValueError('so it is')")
    told = children.run_child(
        "import sys, json, time; a = b = c = 0.0; HEAVY = ('json', 'nothing')" + children._TELL
    )
    assert told["modules"] == ["json"]


def test_the_child_that_imports_lthkit_runs():
    """Catches: a name in the child's program that has moved, so that the row says "not measured" and nobody looks."""
    head = f"DEVICE, HEAVY = 'cpu', {children.HEAVY!r}\n"
    told = children.run_child(head + children._IMPORT + children._OURS + children._TELL)
    assert set(told) == {"torch", "package", "step", "modules"} and told["modules"] == []


def test_selection_is_measured_in_a_child_and_is_exact():
    """Catches: memory that began with the parent's, so that no call ever exceeds it."""
    result = list(children.selection(replace(TINY, scores=(2_000_000,))))
    assert [r.name for r in result] == ["textbook", "lthkit"]
    for r in result:
        assert r.time and r.floor_multiple and r.notes == ()
    copies = result[1].memory_copies
    assert copies is None or 0 < copies < 10


def test_what_a_child_could_not_do_is_not_measured(monkeypatch):
    """Catches: one size that does not fit into memory, which ends the whole benchmark."""

    def fail(program: str):
        raise RuntimeError("a process failed: MemoryError")

    monkeypatch.setattr(children, "run_child", fail)
    for work in (children.selection, children.imports):
        for r in work(TINY):
            assert r.time is None and "not measured: a process failed: MemoryError" in r.notes


def test_imports_are_compared_over_torch(monkeypatch):
    """Catches: `import torch` counted against one of them; a heavy module that goes unnoticed."""

    def answer(program: str):
        ours = "lthkit" in program
        modules = [] if ours else ["torchvision"]
        return {"torch": 2.0, "package": 0.5, "step": 1.0 if ours else 3.0, "modules": modules}

    monkeypatch.setattr(children, "run_child", answer)
    result = {r.name: r for r in children.imports(TINY)}
    assert result["import torch"].time.median == 2.0 and result["lthkit"].ratio.median == 3.0
    assert result["import lthkit, over torch"].time.median == 0.5
    assert result["textbook"].notes == ("heavy modules loaded: torchvision",)
    assert result["lthkit"].notes == ("heavy modules loaded: none",)


def test_importing_the_benchmark_loads_nothing_heavy():
    """Catches: torchvision at the top of a module, which everybody then waits for."""
    told = children.run_child(
        "import sys, json, lthkit.bench\n"
        f"print(json.dumps({{'modules': [m for m in {children.HEAVY!r} if m in sys.modules]}}))"
    )
    assert told == {"modules": []}


# the command line


def fake(settings):
    timings = bench.interleaved({"textbook": lambda: None, "lthkit": lambda: None}, repetitions=2)
    for t in timings:
        yield rows.timed(row(t.name), t, first=timings[0], scale=1e3)


def test_the_command_writes_numbers_and_a_chart(tmp_path, monkeypatch, capsys):
    """Catches: a document or a chart that only a notebook can make."""
    monkeypatch.setitem(report.WORKS, "lenet", ("fake", fake))
    numbers = tmp_path / "deep" / "numbers.json"
    assert (
        main(["bench", "lenet", "--quick", "--device", "cpu", "--json", str(numbers), "--out", str(tmp_path)])
        == 0
    )
    assert files.read_json(numbers) == files.read_json(tmp_path / "bench.json")
    assert {p.suffix for p in tmp_path.glob("bench.*")} == {".json", ".png", ".svg"}
    assert "a case" in capsys.readouterr().out


def test_ctrl_c_writes_nothing(tmp_path, monkeypatch, capsys):
    """Catches: half a document, or the promise that the same command goes on."""

    def stop(settings):
        yield row("textbook")
        raise KeyboardInterrupt

    monkeypatch.setitem(report.WORKS, "lenet", ("fake", stop))
    assert main(["bench", "lenet", "--device", "cpu", "--out", str(tmp_path)]) == 130
    assert list(tmp_path.iterdir()) == [] and "Nothing was written" in capsys.readouterr().err


def test_disagreement_is_exit_code_1(monkeypatch, capsys):
    """Catches: a check that nobody hears of, because the status is 0."""

    def differ(settings):
        yield from rows.with_agreement([row("textbook", 0.9), row("lthkit", 0.1)])

    monkeypatch.setitem(report.WORKS, "lenet", ("fake", differ))
    assert main(["bench", "lenet", "--device", "cpu"]) == 1
    assert "ACCURACIES DISAGREE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["lenet", "lennet"], "'lennet'"),
        (
            ["vgg"],
            "lenet, smallcnn, resnet20, imp, replicates, selection, imports, mask, sparse, saving, busy, products, sweep",
        ),
        (["--device", "tpu"], "auto, cuda, mps, cpu"),
    ],
)
def test_a_bad_work_or_device_is_one_clear_line(arguments, fragment, capsys):
    """Catches: minutes of measuring before the misspelt name is found."""
    assert main(["bench", *arguments]) == 2
    err = capsys.readouterr().err.strip()
    assert len(err.splitlines()) == 1 and fragment in err


def test_the_help_names_every_work():
    """Catches: a work that the command line does not tell of."""
    from lthkit.__main__ import _parser

    actions = _parser()._subparsers._group_actions[0].choices["bench"]._actions  # type: ignore[union-attr]
    told = next(a.help for a in actions if a.dest == "works")
    assert told.split(";")[0] == ", ".join(bench.WORKS)
