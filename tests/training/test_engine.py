"""Every way of executing an update computes the same: plain, written out, channels last, recorded."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import torch

import lthkit as lth
from lthkit.training import choices, engine
from lthkit.training.choices import PLAIN, Choice
from tests.conftest import small_conv, small_net
from tests.training.test_loop import ADAM, SGD, half_mask, same, state_of

COSINE = replace(SGD, schedule="cosine", warmup=5, augment=True)


@pytest.fixture
def replayed_on_cpu(monkeypatch):
    """A recorded update whose recording is the function itself: all of it but CUDA's part runs without a GPU."""

    def record(body, reset):
        for _ in range(3):
            reset()
            body()
        reset()
        return body

    monkeypatch.setattr(engine, "record", record)


def after(update, steps=40):
    """Do these updates; the losses after each ten."""
    losses = []
    for step in range(steps):
        update(step)
        if step % 10 == 9:
            losses += update.mean_loss()
    return losses


@pytest.mark.parametrize("recipe", [SGD, ADAM, COSINE], ids=["sgd", "adam", "cosine, augmented"])
@pytest.mark.parametrize("net", [small_net, small_conv], ids=["linear", "conv"])
def test_a_recorded_update_equals_the_plain_one(tiny, recipe, net, replayed_on_cpu):
    """Catches: a recording that trains while it is made, a counter that starts late or is not reset at an epoch's end,
    a learning rate or crop frozen at its first value, an optimizer step count that recording has moved."""
    recipe = replace(recipe, steps=50)
    plain, recorded = net(seed=0), net(seed=0)
    mask = half_mask(plain)
    first = engine.Update(plain, tiny, recipe=recipe, masks=[mask], seeds=[3])
    second = engine.RecordedUpdate(recorded, tiny, recipe=recipe, masks=[mask], seeds=[3])
    assert same(state_of(plain), state_of(recorded)), "recording must leave the network as it was"
    assert after(first) == pytest.approx(after(second), rel=1e-4)
    for a, b in zip(plain.state_dict().values(), recorded.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)
    assert first.optimizer.updates == second.optimizer.updates == 40


def test_a_recorded_update_may_start_in_the_middle_of_an_epoch(tiny, replayed_on_cpu):
    """Catches: a rewind to step k that begins with the first batch of the epoch."""
    plain, recorded = small_net(seed=0), small_net(seed=0)
    first = engine.Update(plain, tiny, recipe=SGD)
    second = engine.RecordedUpdate(recorded, tiny, recipe=SGD)
    for step in range(7, 21):
        first(step)
        second(step)
    for a, b in zip(plain.parameters(), recorded.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_a_failed_recording_leaves_everything_as_it_was(tiny, monkeypatch, caplog):
    """Catches: a fallback that goes on from weights the attempt has trained, or that says nothing."""

    def record(body, reset):
        body()
        raise RuntimeError("operation not permitted when stream is capturing\nlong trace")

    monkeypatch.setattr(engine, "record", record)
    model = small_net(seed=0)
    before = state_of(model)
    with pytest.raises(RuntimeError, match="capturing"):
        engine.RecordedUpdate(model, tiny, recipe=ADAM)
    assert same(state_of(model), before)

    class OnCuda:  # what `updater` asks of the data before it decides
        device = torch.device("cuda")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "lthkit"):
        patch.setattr(engine, "RecordedUpdate", lambda *a, **k: record(lambda: None, None))
        patch.setattr(engine, "Update", lambda *a, **k: "plain")
        assert engine.updater(model, OnCuda(), choice=Choice(capture=True)) == "plain"
    assert [r.getMessage().count("\n") for r in caplog.records] == [0]
    assert "step by step" in caplog.text


def test_written_out_gradients_train_to_the_same_bits(tiny):
    """The linear networks' fast path on a CPU: a whole IMP round, bit by bit."""
    rounds = []
    for choice in (PLAIN, Choice(written_out=True)):

        def train(*arguments, choice=choice, **kwargs):
            return lth.train(*arguments, choice=choice, **kwargs)

        rounds.append(list(lth.imp(small_net, tiny, rounds=1, recipe=ADAM, train=train)))
    for plain, fast in zip(*rounds, strict=True):
        assert plain.mask == fast.mask and plain.result.history == fast.result.history
        assert same(plain.trained.model, fast.trained.model)


@pytest.mark.parametrize("recipe", [SGD, ADAM], ids=["sgd", "adam"])
def test_channels_last_changes_rounding_only(tiny, recipe):
    """Catches: a gradient whose memory is read in another order than its parameter's by a fused operator.

    In float32 the losses agree to 1e-3 relative; the masks of the next round differ in at most 2 % of the weights.
    """
    models, results, masks = [], [], []
    for choice in (PLAIN, Choice(channels_last=True)):
        model = small_conv(seed=0)
        mask = half_mask(model)
        results.append(lth.train(model, tiny, mask=mask, recipe=recipe, choice=choice))
        masks.append(lth.prune(mask, lth.magnitude(model), 0.2))
        models.append(model)
        for name, kept in mask.items():
            assert (lth.prunable(model)[name][~kept] == 0).all()
    for a, b in zip(*(r.history for r in results), strict=True):
        assert a.train_loss == pytest.approx(b.train_loss, rel=1e-3)
        assert a.validation_loss == pytest.approx(b.validation_loss, rel=1e-3)
    assert masks[0].distance(masks[1]) <= 0.02
    assert models[1][0].weight.is_contiguous(), "the user's network keeps its own layout"


def test_in_float64_channels_last_gives_equal_masks(tiny):
    """Rounding apart, the fast path and the plain path prune the same weights."""
    masks = []
    for choice in (PLAIN, Choice(channels_last=True)):
        model = DoubleInput(small_conv(seed=0))
        mask = lth.Mask.ones(model)
        lth.train(model, tiny, mask=mask, recipe=SGD, choice=choice)
        masks.append(lth.prune(mask, lth.magnitude(model), 0.3))
    assert masks[0] == masks[1]


class DoubleInput(torch.nn.Module):
    """A network in float64 for data that are normalised to float32."""

    def __init__(self, net):
        super().__init__()
        self.net = net.double()

    def forward(self, x):
        return self.net(x.double())


def test_a_mask_in_another_layout_hits_the_right_weights(tiny):
    """Catches: a mask multiplied onto the gradients of a channels-last network in memory order."""
    model = small_conv(seed=0).to(memory_format=torch.channels_last)
    mask = half_mask(model)
    lth.train(model, tiny, mask=mask, recipe=SGD)
    for name, kept in mask.items():
        assert (lth.prunable(model)[name][~kept] == 0).all() and (lth.prunable(model)[name][kept] != 0).all()


@pytest.mark.parametrize("precision", ["medium", "bfloat16"])
def test_reduced_precision_learns_as_well(tiny, precision):
    """Over seeds the accuracy is that of float32, within the noise of so many test images."""
    accuracy = {}
    for name in ("float32", precision):
        recipe = replace(ADAM, steps=60, precision=name)
        results = [lth.train(small_net(seed=s), tiny, recipe=recipe, seed=s) for s in range(4)]
        accuracy[name] = sum(r.test_accuracy for r in results) / len(results)
    assert accuracy[precision] == pytest.approx(accuracy["float32"], abs=0.05)


def test_medium_is_undone_at_the_end_and_reaches_the_products(tiny):
    """Catches: a global setting that stays behind, after an error too."""
    seen = []
    model = small_net(seed=0)
    model.register_forward_hook(lambda *_: seen.append(torch.get_float32_matmul_precision()))
    lth.train(model, tiny, recipe=replace(SGD, precision="medium"))
    assert set(seen) == {"medium"} and torch.get_float32_matmul_precision() == "highest"
    with pytest.raises(lth.TrainingDiverged):
        lth.train(model, tiny, recipe=replace(SGD, precision="medium", lr=1e30))
    assert torch.get_float32_matmul_precision() == "highest"


def test_out_of_memory_gives_the_sizes(tiny):
    """Catches: a bare traceback from the allocator."""

    class Greedy(torch.nn.Sequential):
        def forward(self, x):
            return super().forward(x) + torch.empty(1 << 50).sum()

    with pytest.raises(
        lth.machine.OutOfMemory, match=r"1,543 weights.*batches of 20 images of 1x8x8.*smaller batch"
    ):
        lth.train(Greedy(*small_net(seed=0)), tiny, recipe=SGD)


def test_other_runtime_errors_are_left_alone(tiny):
    class Broken(torch.nn.Sequential):
        def forward(self, x):
            if self.training:  # a network that does not fit the images at all has a message of its own
                raise RuntimeError("shapes cannot be multiplied")
            return super().forward(x)

    with pytest.raises(RuntimeError, match="^shapes cannot be multiplied$"):
        lth.train(Broken(*small_net(seed=0)), tiny, recipe=SGD)


def test_the_table_is_asked_by_device_and_family():
    linear, conv = small_net(seed=0), small_conv(seed=0)
    assert choices.choose(linear, "cpu").written_out and not choices.choose(linear, "cpu").channels_last
    assert choices.choose(conv, "cpu").channels_last and not choices.choose(conv, "cpu").capture
    assert choices.choose(linear, "cuda", trainings=5) == Choice(workers=5, stacked=True, capture=True)
    assert choices.choose(linear, "mps") == PLAIN


def test_cores_are_shared_out(monkeypatch):
    """Catches: more threads than cores, a lone convolutional training that takes them all, and idle workers."""
    for cores in (1, 2, 3, 8):
        monkeypatch.setattr(choices, "cores", lambda cores=cores: cores)
        for trainings in (1, 2, 3, 9):
            choice = choices.choose(small_conv(seed=0), "cpu", trainings=trainings)
            assert choice.workers == min(cores, trainings)
            assert choice.threads == max(1, cores // max(2, choice.workers))


def test_a_fully_connected_network_has_one_thread_on_any_number_of_cores(monkeypatch, tiny):
    """Catches: numbers that hang on the number of cores, and a choice of threads that nobody applies."""
    for cores in (1, 2, 8):
        monkeypatch.setattr(choices, "cores", lambda cores=cores: cores)
        assert {choices.choose(small_net(seed=0), "cpu", trainings=n).threads for n in (1, 2, 9)} == {1}
    seen, before = set(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        lth.train(small_net(seed=0), tiny, recipe=SGD, progress=lambda _: seen.add(torch.get_num_threads()))
        assert torch.get_num_threads() == 2 and seen == {1}
        choice, seen = Choice(threads=3), set()
        models = [small_net(seed=0), small_net(seed=1)]
        told = {"recipe": SGD, "choice": choice, "progress": lambda _: seen.add(torch.get_num_threads())}
        lth.train(models[0], tiny, **told)
        lth.training.train_together(models, tiny, seeds=[0, 1], **told)
        assert seen == {3}
        seen = set()
        told = {"recipe": SGD, "progress": lambda _: seen.add(torch.get_num_threads())}
        lth.tickets.early_bird(small_net, tiny, density=0.3, **told)
        assert seen == {1}
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    "choice",
    [
        PLAIN,
        Choice(threads=1, written_out=True),
        Choice(threads=2, written_out=True),
        Choice(threads=1, channels_last=True),
        Choice(threads=2, channels_last=True),
        Choice(threads=1, sparse=True),
        Choice(threads=2, sparse=True),
    ],
    ids=lambda choice: ", ".join(f"{k}={v}" for k, v in vars(choice).items() if v),
)
def test_equal_seeds_give_equal_bits_whatever_the_choice(choice, tiny, monkeypatch):
    """Catches: a way of executing that leaves something behind, or sums in an order that chance decides."""
    if choice.sparse and choices.no_sparse():
        pytest.skip(choices.no_sparse())
    monkeypatch.setattr(choices, "SPARSE_BELOW", {choices.here(): ((0, 2.0),)})
    few = replace(ADAM, steps=6, evaluate_every=3)  # two threads are slow beside other work
    for net in (small_net, small_conv):
        states = []
        for _ in range(2):
            model = net(seed=0)
            mask = lth.prune_to(lth.Mask.ones(model), lth.random(model, seed=0), 0.3)
            result = lth.train(model, tiny, mask=mask, recipe=few, choice=choice)
            states.append([*model.state_dict().values(), torch.tensor(result.history)])
        assert all(torch.equal(a, b) for a, b in zip(*states, strict=True))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
class TestOnCuda:
    """On a GPU recording must succeed: a silent fallback would be a defect."""

    @pytest.mark.parametrize("recipe", [SGD, ADAM, COSINE], ids=["sgd", "adam", "cosine, augmented"])
    @pytest.mark.parametrize("net", [small_net, small_conv], ids=["linear", "conv"])
    def test_recorded_equals_plain(self, tiny, recipe, net):
        data, states = tiny.to("cuda"), []
        for choice in (PLAIN, Choice(capture=True)):
            model = net(seed=0).to("cuda")
            update = engine.updater(model, data, recipe=recipe, masks=[half_mask(model)], choice=choice)
            assert isinstance(update, engine.RecordedUpdate) is choice.capture
            after(update, 30)
            states.append(model.state_dict())
        for a, b in zip(*(s.values() for s in states), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-2, atol=1e-4)

    def test_bfloat16_and_channels_last_are_recorded(self, tiny, caplog):
        model = small_conv(seed=0).to("cuda")
        result = lth.train(model, tiny.to("cuda"), recipe=replace(ADAM, steps=100, precision="bfloat16"))
        assert result.test_accuracy > 0.9 and not caplog.records

    def test_no_host_synchronisation_between_evaluations(self, tiny):
        model = small_net(seed=0).to("cuda")
        update = engine.updater(model, tiny.to("cuda"), recipe=SGD, choice=Choice(capture=True))
        update(0)
        torch.cuda.set_sync_debug_mode("error")
        try:
            for step in range(1, 29):
                update(step)
        finally:
            torch.cuda.set_sync_debug_mode("default")
