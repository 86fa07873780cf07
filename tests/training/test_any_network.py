"""Training on ordinary networks outside the course's own, against a plain loop of torch's: bit for bit, over three updates."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.prune import l1_unstructured, remove
from torch.utils.checkpoint import checkpoint

import lthkit as lth
from lthkit.data.datasets import Dataset, Split, batches
from lthkit.machine.seeds import derived_seed
from lthkit.pruning import scores
from lthkit.training.checkpoints import Checkpoint
from lthkit.training.choices import Choice
from lthkit.training.engine import RecordedUpdate, Update, updater
from lthkit.training.replicates import train_together
from tests.conftest import small_conv, small_net

ADAM = lth.Recipe(steps=3, batch_size=20, evaluate_every=3, weight_decay=0.01)
SGD = replace(ADAM, optimizer="sgd", lr=0.1, momentum=0.9)


class Net(nn.Module):
    """Layers by name and a forward function of one's own."""

    def __init__(self, forward, **layers):
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self._given = forward

    def forward(self, x):
        return self._given(self, x)


def _mlp(net, x):
    return net.b(torch.relu(net.a(x.flatten(1))))


def _tied():
    net = Net(
        lambda n, x: n.out(torch.relu(n.back(torch.tanh(n.a(x.flatten(1)))))),
        a=nn.Linear(64, 12),
        back=nn.Linear(12, 12),
        again=nn.Linear(12, 12),
        out=nn.Linear(12, 3),
    )
    net.again.weight = net.back.weight
    net._given = lambda n, x: n.out(torch.relu(n.again(torch.relu(n.back(torch.tanh(n.a(x.flatten(1))))))))
    return net


def _used_twice():
    layer = nn.Linear(16, 16)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), layer, nn.ReLU(), layer, nn.ReLU(), nn.Linear(16, 3)
    )


def _out_of_order():
    net = small_net(seed=0)
    l1_unstructured(net[1], "weight", 0.5)
    remove(net[1], "weight")
    nn.utils.parametrizations.weight_norm(net[3])
    nn.utils.parametrize.remove_parametrizations(net[3], "weight")
    return net


def _hooked(register):
    net = small_net(seed=0)
    register(net)
    return net


def _frozen():
    net = small_net(seed=0)
    net[3].weight.requires_grad_(False)
    return net


def _cast(dtype):
    return Net(lambda n, x: n.net(x.to(dtype)), net=small_conv(seed=0).to(dtype))


def _parted():
    half = nn.Sequential(nn.Linear(64, 8), nn.ReLU()).to(torch.float64)
    return Net(lambda n, x: n.b(n.a(x.flatten(1).double()).float()), a=half, b=nn.Linear(8, 3))


NETWORKS = {
    "plain": lambda: small_net(seed=0),
    "batch norm": lambda: small_conv(seed=0),
    "tied": _tied,
    "a layer used twice": _used_twice,
    "parameters in another order": _out_of_order,
    "a hook on a weight": lambda: _hooked(lambda n: n[1].weight.register_hook(lambda g: 2 * g)),
    "a forward hook": lambda: _hooked(lambda n: n[1].register_forward_hook(lambda m, i, o: 2 * o)),
    "a pre-hook": lambda: _hooked(lambda n: n[1].register_forward_pre_hook(lambda m, i: (2 * i[0],))),
    "a backward hook": lambda: _hooked(
        lambda n: n[3].register_full_backward_hook(lambda m, i, o: tuple(3 * g for g in i))
    ),
    "a backward pre-hook": lambda: _hooked(
        lambda n: n[3].register_full_backward_pre_hook(lambda m, o: (3 * o[0],))
    ),
    "a forward of its own": lambda: _hooked(
        lambda n: setattr(n[1], "forward", lambda x: 2 * F.linear(x, n[1].weight))
    ),
    "frozen": _frozen,
    "an unused layer": lambda: Net(_mlp, a=nn.Linear(64, 8), unused=nn.Linear(5, 5), b=nn.Linear(8, 3)),
    "flattened from dimension 2": lambda: nn.Sequential(
        nn.Flatten(2), nn.Linear(64, 8), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)
    ),
    "double": lambda: _cast(torch.float64),
    "bfloat16": lambda: _cast(torch.bfloat16),
    "two types": _parted,
    "compiled": lambda: torch.compile(small_net(seed=0), backend="eager"),
    "compiled in place": lambda: _hooked(lambda n: n.compile(backend="eager")),
    "lstm": lambda: Net(
        lambda n, x: n.out(n.lstm(x[:, 0])[0][:, -1]),
        lstm=nn.LSTM(8, 6, batch_first=True, bidirectional=True),
        out=nn.Linear(12, 3),
    ),
    "attention": lambda: Net(
        lambda n, x: n.out(n.att(x[:, 0], x[:, 0], x[:, 0], need_weights=False)[0].mean(1)),
        att=nn.MultiheadAttention(8, 2, batch_first=True),
        out=nn.Linear(8, 3),
    ),
    "sparse embedding": lambda: Net(
        lambda n, x: n.out(n.emb(x.mul(20).long().clamp(0, 99).flatten(1)).mean(1)),
        emb=nn.Embedding(100, 6, sparse=True),
        out=nn.Linear(6, 3),
    ),
    "dropout": lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Dropout(0.5), nn.Linear(8, 3)),
    "functional dropout": lambda: Net(
        lambda n, x: n.b(F.dropout(torch.relu(n.a(x.flatten(1))), 0.5, n.training)),
        a=nn.Linear(64, 8),
        b=nn.Linear(8, 3),
    ),
}


def made(name: str) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return NETWORKS[name]()


def foreign(model: nn.Module, data: Dataset, recipe: lth.Recipe, mask: lth.Mask, *, seed: int) -> None:
    """What any loop of torch's does, with the weights and gradients masked by hand."""
    removed = {id(dict(model.named_parameters())[name]): ~kept for name, kept in mask.items()}
    trained = [p for p in model.parameters() if p.requires_grad]
    if recipe.optimizer == "adam":
        optimizer = torch.optim.Adam(trained, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True)
    else:
        optimizer = torch.optim.SGD(
            trained, lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay, foreach=True
        )
    with torch.no_grad():
        for p in model.parameters():
            if id(p) in removed:
                p[removed[id(p)]] = 0
    order = batches(len(data.train), seed=seed, epoch=0, batch_size=recipe.batch_size)
    model.train()
    for step in range(recipe.steps):
        torch.manual_seed(derived_seed(seed, f"drawn in step {step}"))
        optimizer.zero_grad()
        outputs = model(data.normalise(data.train.images[order[step]]))
        F.cross_entropy(outputs, data.train.labels[order[step]]).backward()
        for p in trained:
            if p.grad is not None:
                p.grad = p.grad.to_dense()
                if id(p) in removed:
                    p.grad[removed[id(p)]] = 0
        optimizer.step()


def half(model: nn.Module) -> lth.Mask:
    ones = lth.Mask.ones(model)
    return lth.prune(ones, scores.random(model, seed=1), 0.5)


@pytest.mark.parametrize("recipe", [SGD, ADAM], ids=["sgd", "adam"])
@pytest.mark.parametrize("name", NETWORKS)
def test_training_has_the_bits_of_a_plain_loop(tiny, name, recipe):
    """Catches: a fast path that takes over too much, a tied weight masked or moved twice, gradients in another order, decay
    on an unused layer, hooks that do not run, a random state of another step."""
    ours, theirs = made(name), made(name)
    mask = half(ours)
    with torch.random.fork_rng():
        torch.manual_seed(99)
        before = torch.get_rng_state()
        lth.train(ours, tiny, mask=mask, recipe=recipe, seed=5, choice=Choice(written_out=True))
        assert torch.equal(torch.get_rng_state(), before), "the global generator is as it was"
        foreign(theirs, tiny, recipe, mask, seed=5)
    for (n, a), b in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        assert torch.equal(a, b), n
    weights = dict(ours.named_parameters())
    for n, kept in mask.items():
        assert (weights[n][~kept] == 0).all() and not torch.signbit(weights[n][~kept]).any()
    kept = sum(int(weights[n].count_nonzero()) for n in mask)
    assert kept <= mask.kept and mask.total == sum(weights[n].numel() for n in mask)


def _now_and_then():
    """Uses its second branch in some passes only."""
    net = Net(_mlp, a=nn.Linear(64, 8), b=nn.Linear(8, 3), other=nn.Linear(8, 3))
    net.passes = 0

    def forward(n, x):
        n.passes += n.training
        h = torch.relu(n.a(x.flatten(1)))
        return n.b(h) + (n.other(h) if n.passes in (2, 3, 5) else 0)

    net._given = forward
    return net


@pytest.mark.parametrize("recipe", [SGD, ADAM], ids=["sgd", "adam"])
def test_a_parameter_that_is_used_now_and_then_counts_its_own_updates(tiny, recipe):
    """Catches: decay or momentum while there is no gradient, Adam's bias corrected by the updates of others; so too after
    its state was loaded."""
    recipe = replace(recipe, steps=6, evaluate_every=6)
    nets = []
    for _ in range(3):
        with torch.random.fork_rng():
            torch.manual_seed(3)
            nets.append(_now_and_then())
    ours, theirs, stopped = nets
    mask = half(ours)
    result = lth.train(ours, tiny, mask=mask, recipe=recipe, seed=5, keep=(4,))
    foreign(theirs, tiny, recipe, mask, seed=5)
    stopped.passes = 4
    lth.train(stopped, tiny, mask=mask, recipe=recipe, seed=5, start=result.kept[4])
    for a, b, c in zip(ours.parameters(), theirs.parameters(), stopped.parameters(), strict=True):
        assert torch.equal(a, b) and torch.equal(a, c)


DRAWING = ["dropout", "functional dropout"]


@pytest.mark.parametrize("name", DRAWING)
def test_what_a_network_draws_follows_from_seed_and_step(tiny, name, tmp_path):
    """Catches: draws that depend on what was drawn before, or that begin anew after a stop."""
    recipe = replace(ADAM, steps=8, evaluate_every=4)

    def state(seed, noise, **arguments):
        model = made(name)
        with torch.random.fork_rng():
            torch.manual_seed(noise)
            lth.train(model, tiny, recipe=recipe, seed=seed, **arguments)
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    first = state(5, 1)
    assert torch.equal(first, state(5, 2)) and not torch.equal(first, state(6, 1))

    class Stop(Exception):
        pass

    def stop(_updates):
        raise Stop

    with pytest.raises(Stop):
        state(5, 3, folder=tmp_path, progress=stop)
    assert torch.equal(first, state(5, 4, folder=tmp_path))


@pytest.mark.parametrize("name", DRAWING)
def test_drawing_networks_train_side_by_side_as_alone(tiny, name):
    """Catches: threads that draw from one another's sequence."""
    recipe = replace(ADAM, steps=30, evaluate_every=10)

    models = [made(name) for _ in range(6)]  # here, because making one draws too

    def trained(seed):
        model = models.pop()
        lth.train(model, tiny, recipe=recipe, seed=seed, choice=Choice())
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    def makes_networks():
        for seed in range(200):
            lth.tickets.new_network(lambda seed: torch.manual_seed(seed) and nn.Linear(9, 9), seed, "cpu")

    alone = [trained(seed) for seed in range(3)]
    other = threading.Thread(target=makes_networks)
    other.start()
    beside = lth.training.each(trained, [(seed,) for seed in range(3)])
    other.join()
    assert all(map(torch.equal, alone, beside))


def test_a_network_that_begins_to_draw_later_is_told_of(tiny, caplog):
    model = made("functional dropout")
    model.p = 0.0
    model._given = lambda n, x: n.b(F.dropout(torch.relu(n.a(x.flatten(1))), n.p, n.training))

    def later(_updates):
        model.p = 0.5

    with caplog.at_level(logging.WARNING, "lthkit"):
        lth.train(model, tiny, recipe=replace(ADAM, steps=12, evaluate_every=3), progress=later)
    assert [r.getMessage() for r in caplog.records if "draws random numbers" in r.getMessage()]


@pytest.mark.parametrize("name", [*DRAWING, "an unused layer"])
def test_what_cannot_be_replayed_is_launched_step_by_step(tiny, monkeypatch, caplog, name):
    """Catches: a recording that repeats one draw, or that counts the updates of an unused layer."""

    def record(body, reset):
        for _ in range(3):
            reset()
            body()
        return body

    monkeypatch.setattr("lthkit.training.engine.record", record)
    monkeypatch.setattr("lthkit.machine.seeds._generators", lambda device: [torch.default_generator])
    ours, plain = made(name), made(name)
    with pytest.raises(RuntimeError, match="replay|step by step"):
        RecordedUpdate(ours, tiny, recipe=ADAM)
    first, second = Update(ours, tiny, recipe=ADAM), Update(plain, tiny, recipe=ADAM)
    for step in range(3):
        first(step)
        second(step)
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), plain.parameters(), strict=True))
    assert type(updater(ours, tiny, recipe=ADAM, choice=Choice(capture=True))) is Update


@pytest.mark.parametrize("name", ["tied", "a layer used twice", "an unused layer"])
def test_a_stack_trains_what_separate_trainings_do(tiny, name):
    """Catches: the second name of a tied weight standing still in the stack, or written over the trained one."""
    alone, together = [made(name) for _ in range(2)], [made(name) for _ in range(2)]
    mask = half(alone[0])
    for seed, model in enumerate(alone):
        lth.train(model, tiny, mask=mask, recipe=SGD, seed=seed)
    train_together(together, tiny, masks=[mask, mask], seeds=[0, 1], recipe=SGD)
    for one, other in zip(alone, together, strict=True):
        for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_a_stack_refuses_what_it_would_do_otherwise(tiny):
    """Catches: the first network's code or hooks standing for all."""

    def stacked(*models):
        train_together(list(models), tiny, seeds=range(len(models)), recipe=SGD)

    tanh = small_net(seed=1)
    tanh[2] = nn.Tanh()
    for odd in (tanh, _frozen(), small_net(seed=1).double()):
        with pytest.raises(ValueError, match="another architecture"):
            stacked(small_net(seed=0), odd)
    leaky = [nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.LeakyReLU(slope)) for slope in (0.1, 0.5)]
    scaled = [Net(lambda n, x: n.scale * n.a(x.flatten(1)), a=nn.Linear(64, 3)) for _ in range(2)]
    scaled[0].scale, scaled[1].scale = 1.0, 2.0
    for pair in (leaky, scaled):
        with pytest.raises(ValueError, match="another architecture"):
            stacked(*pair)
    with pytest.raises(ValueError, match=r"1\.weight.*register_hook"):
        stacked(made("plain"), made("a hook on a weight"))
    with pytest.raises(ValueError, match="draws random numbers.*lthkit.train"):
        stacked(made("dropout"), made("dropout"))


def test_hooks_that_would_never_run_are_refused(tiny):
    model = small_net(seed=0)
    model[1].weight.register_post_accumulate_grad_hook(lambda p: None)
    with pytest.raises(ValueError, match=r"1\.weight.*register_hook"):
        lth.train(model, tiny, recipe=SGD)


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        (lambda a, b: (a, b), r"tuple of 2 in training mode.*\[0\]"),
        (lambda a, b: {"out": a, "aux": b}, r"dict of 2 in training mode.*\['out'\]"),
    ],
)
def test_several_outputs_are_refused_with_the_remedy(tiny, outputs, said):
    model = Net(
        lambda n, x: outputs(n.a(x.flatten(1)), n.b(x.flatten(1))), a=nn.Linear(64, 3), b=nn.Linear(64, 3)
    )
    with pytest.raises(ValueError, match=said):
        lth.train(model, tiny, recipe=SGD)
    with pytest.raises(ValueError, match="evaluation mode"):
        lth.evaluate(model, tiny)


def test_a_batch_of_one_image_is_explained_where_statistics_need_more(tiny):
    norm = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    with pytest.raises(ValueError, match="batch of 1 .*batch_size"):
        lth.train(norm, tiny, recipe=replace(SGD, batch_size=1))
    stored = lth.evaluate(norm, tiny, batch_size=89)
    assert stored.loss == pytest.approx(lth.evaluate(norm, tiny).loss, rel=1e-5)
    norm[2] = nn.BatchNorm1d(4, track_running_stats=False)
    with pytest.raises(ValueError, match="batch of 1 .*the last one too"):
        lth.evaluate(norm, tiny, batch_size=89)


def test_evaluation_leaves_every_module_in_its_mode(tiny):
    """Catches: a batch norm that its owner has set to evaluation, and that trains afterwards."""
    model = small_conv(seed=0)
    model[1].eval()
    lth.evaluate(model, tiny)
    assert [m.training for m in model] == [True, False, True, True, True, True] and model.training


def test_a_network_that_views_its_images_trains(tiny):
    """Catches: a memory layout that `x.view(n, -1)` behind a convolution does not take."""

    def colour(split):
        return Split(split.images.expand(-1, 3, -1, -1).contiguous(), split.labels)

    data = Dataset.of(
        "colour",
        train=colour(tiny.train),
        validation=colour(tiny.validation),
        test=colour(tiny.test),
        classes=tiny.classes,
    )
    model = Net(
        lambda n, x: n.out(n.two(torch.relu(n.one(x))).view(len(x), -1)),
        one=nn.Conv2d(3, 8, 3, padding=1),
        two=nn.Conv2d(8, 8, 3, padding=1),
        out=nn.Linear(512, 3),
    )
    assert lth.train(model, data, recipe=replace(ADAM, steps=6)).steps == 6


def test_two_values_for_one_tied_weight_are_refused(tmp_path):
    """Catches: a checkpoint of untied weights of which the second is quietly dropped; other types quietly rounded."""
    tied, untied = made("tied"), made("tied")
    untied.again.weight = nn.Parameter(untied.back.weight.detach().clone())
    Checkpoint.of(untied).restore(tied)
    with torch.no_grad():
        untied.again.weight.add_(1)
    with pytest.raises(ValueError, match=r"one Parameter.*again\.weight and back\.weight"):
        Checkpoint.of(untied).restore(tied)
    with pytest.raises(ValueError, match=r"torch\.float64 \(model: torch\.float32\)"):
        Checkpoint.of(made("plain").double()).restore(made("plain"))
    compiled = made("compiled")
    with pytest.raises(ValueError, match=r"'_orig_mod\.'.*model\.compile\(\)"):
        Checkpoint.of(compiled).restore(made("plain"))
    half_net = made("bfloat16")
    again = Checkpoint.load(Checkpoint.of(half_net, step=3).save(tmp_path / "half.npz"))
    assert again.fingerprint == Checkpoint.of(half_net, step=3).fingerprint
    assert all(
        torch.equal(a, b) for a, b in zip(again.model.values(), half_net.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("name", ["bfloat16", "tied", "lstm", "attention", "dropout", "an unused layer"])
def test_a_search_in_a_folder_is_read_again(tiny, tmp_path, name):
    """Catches: a round whose weights come back otherwise, or a type that a file cannot hold and that is found out late."""

    def make(seed):
        torch.manual_seed(seed)
        return NETWORKS[name]()

    if name == "bfloat16":

        def make(seed):
            return Net(lambda n, x: n.net(x.bfloat16()), net=small_net(seed=seed).bfloat16())

    once = list(lth.imp(make, tiny, rounds=1, fraction=0.5, recipe=ADAM, folder=tmp_path))
    again = list(lth.imp(make, tiny, rounds=1, fraction=0.5, recipe=ADAM, folder=tmp_path))
    for a, b in zip(once, again, strict=True):
        assert a.mask == b.mask and a.trained.fingerprint == b.trained.fingerprint
    for name_, kept in once[1].mask.items():
        assert (once[1].trained.model[name_][~kept] == 0).all()


def test_numbers_of_numpy_are_taken_at_their_value(tiny, tmp_path):
    """Catches: a run that cannot be written down, or another id for an equal run."""
    recipe = replace(ADAM, steps=np.int64(3), batch_size=np.int32(20), lr=np.float64(1.2e-3))
    assert recipe == ADAM and all(
        type(v) in (int, float, str, tuple, bool, type(None)) for v in vars(recipe).values()
    )
    numbers = {
        "rounds": np.int64(1),
        "fraction": np.float64(0.2),
        "rewind_step": np.int16(1),
        "seed": np.uint8(4),
    }
    plain = {"rounds": 1, "fraction": 0.2, "rewind_step": 1, "seed": 4}
    first = list(lth.imp(small_net, tiny, recipe=recipe, folder=tmp_path, **numbers))
    second = list(lth.imp(small_net, tiny, recipe=ADAM, folder=tmp_path, **plain))
    assert first[1].trained.fingerprint == second[1].trained.fingerprint
    lists = list(
        lth.imp(small_net, tiny, recipe=ADAM, rounds=2, fraction=np.array([0.2, 0.5]), steps=[3, 3, 3])
    )
    assert [r.mask.kept for r in lists] == [1510, 1208, 604]


def test_a_seed_that_does_nothing_is_told_once(tiny, caplog):
    def ignores(seed):
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))

    def heeds(seed):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))

    with torch.random.fork_rng(), caplog.at_level(logging.WARNING, "lthkit"):
        torch.manual_seed(0)
        expected = [ignores(0)[1].weight, ignores(0)[1].weight]
        torch.manual_seed(0)
        for _ in range(2):
            first = next(iter(lth.imp(ignores, tiny, rounds=0, recipe=ADAM)))
            assert torch.equal(first.rewind.model["1.weight"], expected.pop(0)), "the look draws nothing"
        for make in (heeds, small_net, lth.models.lenet_5):
            next(
                iter(
                    lth.prune_at_init(
                        make, _shaped(tiny, make), score=lth.magnitude, density=0.5, recipe=ADAM
                    ).mask
                )
            )
    told = [r.getMessage() for r in caplog.records if "ignore its seed" in r.getMessage()]
    assert len(told) == 1 and "ignores" in told[0] and "\n" not in told[0]


def _shaped(tiny, make):
    if make is not lth.models.lenet_5:
        return tiny

    def large(split):
        return Split(F.pad(split.images, (10, 10, 10, 10)), split.labels)

    return Dataset.of(
        "large",
        train=large(tiny.train),
        validation=large(tiny.validation),
        test=large(tiny.test),
        classes=tuple("abcdefghij"),
    )


def test_a_lazy_network_is_refused_with_the_remedy(tiny):
    for call in (lth.prunable, lth.Mask.ones, Checkpoint.of, lambda m: lth.train(m, tiny, recipe=ADAM)):
        with pytest.raises(ValueError, match="1.weight.*lazy.*Run one batch"):
            call(nn.Sequential(nn.Flatten(), nn.LazyLinear(3)))


def _shares_data():
    net = Net(
        lambda n, x: n.o(torch.relu(n.d(torch.relu(n.embed(x.flatten(1)))))),
        embed=nn.Linear(64, 64),
        d=nn.Linear(64, 64),
        o=nn.Linear(64, 3),
    )
    net.d.weight.data = net.embed.weight.data
    return net


def _writes(net, x):
    with torch.no_grad():
        net.a.weight.clamp_(min=1e-3)
    return _mlp(net, x)


def _averages(net, x):
    if net.training:
        with torch.no_grad():
            net.a.weight.lerp_(net.c.weight, 0.1)
    return _mlp(net, x) + net.b(torch.relu(net.c(x.flatten(1))))


WRITERS = {
    "written in a forward pass": lambda: Net(_writes, a=nn.Linear(64, 6), b=nn.Linear(6, 3)),
    "a running mean that is not trained": lambda: Net(
        _averages, a=nn.Linear(64, 6).requires_grad_(False), b=nn.Linear(6, 3), c=nn.Linear(64, 6)
    ),
    "written in evaluation only": lambda: Net(
        lambda n, x: _mlp(n, x) if n.training else _writes(n, x), a=nn.Linear(64, 6), b=nn.Linear(6, 3)
    ),
}


@pytest.mark.parametrize("make", WRITERS.values(), ids=WRITERS)
def test_a_removed_weight_that_something_writes_to_is_told_of(tiny, make):
    """Catches: a training that calls itself one of a pruned network whose removed weights are not 0."""
    torch.manual_seed(0)
    net = make()
    mask = lth.prune(lth.Mask.ones(net), lth.magnitude(net), 0.5)
    with pytest.raises(
        ValueError, match=r"a\.weight of Net: .* removed weights are not 0 .*exclude='a.weight'"
    ):
        lth.train(net, tiny, mask=mask, recipe=ADAM)


def test_a_stack_tells_of_such_a_weight_too(tiny, monkeypatch):
    nets = [small_net(seed=s) for s in (0, 1)]
    masks = [lth.prune(lth.Mask.ones(n), lth.magnitude(n), 0.5) for n in nets]
    step = lth.training.engine.Adam.step

    def moved(self, gradients, lr):
        step(self, gradients, lr)
        with torch.no_grad():
            self.parameters[0].add_(1)

    monkeypatch.setattr(lth.training.engine.Adam, "step", moved)
    with pytest.raises(ValueError, match="removed weights are not 0"):
        train_together(nets, tiny, seeds=(0, 1), masks=masks, recipe=ADAM)


def test_memory_shared_with_a_weight_outside_the_mask_is_refused_at_the_door(tiny):
    """Catches: a look at the mask's own weights only."""
    with pytest.raises(
        ValueError, match=r"d\.weight and embed\.weight are two parameters in the same memory"
    ):
        lth.Mask.ones(_shares_data(), exclude="embed.weight")
    net = _shares_data()
    mask = lth.Mask({"d.weight": torch.ones(64, 64, dtype=torch.bool), "o.weight": torch.rand(3, 64) > 0.5})
    with pytest.raises(ValueError, match="in the same memory"):
        lth.train(net, tiny, mask=mask, recipe=ADAM)


def _checkpointed(net, x):
    hidden = torch.relu(net.a(x.flatten(1)).requires_grad_())
    return checkpoint(net.b, hidden, use_reentrant=True)


REFUSED = {
    "complex weights": (
        lambda n, x: n.b(n.a(x.flatten(1).to(torch.complex64)).abs()),
        {"dtype": torch.complex64},
        r"Net has complex weights: a\.weight \(torch\.complex64\)",
    ),
    "whole numbers": (
        lambda n, x: _mlp(n, x).round().long(),
        {},
        "Net gives outputs of torch.int64; expected float",
    ),
    "a reentrant checkpoint": (_checkpointed, {}, "Net calls torch.utils.checkpoint with use_reentrant=True"),
}


@pytest.mark.parametrize("forward, kind, message", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_trained_is_refused_by_name(tiny, forward, kind, message):
    """Catches: an error of a kernel of torch's, which names neither the network nor a remedy."""
    net = Net(forward, a=nn.Linear(64, 6, **kind), b=nn.Linear(6, 3))
    with pytest.raises(ValueError, match=message):
        lth.train(net, tiny, recipe=ADAM)
