"""A ticket trained in its own size is the ticket trained dense under its mask, to rounding, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

import lthkit as lth
from lthkit.machine.seeds import derived_seed
from lthkit.storage import files
from lthkit.training import PLAIN, Choice, choices
from lthkit.training.engine import Update
from lthkit.training.evaluation import evaluate
from lthkit.training.gradients import gradients_of
from lthkit.training.sparse import SparseGradients, sparse_weights
from tests.conftest import small_conv, small_net

pytestmark = pytest.mark.skipif(
    bool(choices.no_sparse()), reason=f"no sparse training here: {choices.no_sparse()}"
)
SPARSE, DENSE = Choice(threads=1, sparse=True), Choice(threads=1, written_out=True)
ADAM = lth.Recipe(steps=30, batch_size=20, lr=1e-2, evaluate_every=10)
SGD = replace(ADAM, optimizer="sgd", lr=0.1, momentum=0.9, weight_decay=1e-3, schedule="cosine", warmup=5)


@pytest.fixture
def everything(monkeypatch):
    """Every layer is sparse, whatever its size and its density."""
    monkeypatch.setattr(choices, "SPARSE_BELOW", {choices.here(): ((0, 2.0),)})


def state_of(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def random_mask(model: nn.Module, density: float = 0.2) -> lth.Mask:
    whole = lth.Mask.ones(model)
    return lth.prune_to(whole, lth.random(model, seed=derived_seed(0, "mask")), density)


class Double(lth.data.Dataset):
    """A data set whose images come in float64, for networks of that type."""

    def normalise(self, images):
        return super().normalise(images).double()


# one step


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("density", [1.0, 0.3, 0.05])
@pytest.mark.parametrize("n", [1, 7, 60])
def test_gradients_are_those_of_autograd_at_the_kept_places(n, density, dtype):
    """Catches: a transposed pattern in another order, a missing ReLU derivative, a bias gradient of the wrong axis."""
    model = lth.models.lenet_300_100(seed=1).to(dtype)
    mask = random_mask(model, density) if density < 1 else lth.Mask.ones(model)
    mask.apply_(model)
    g = torch.Generator().manual_seed(n)
    inputs = torch.randn(n, 1, 28, 28, generator=g, dtype=dtype)
    labels = torch.randint(10, (n,), generator=g)
    expected_loss, expected = gradients_of(model, written_out=False)(inputs, labels)
    tight = {"rtol": 1e-4, "atol": 1e-6} if dtype == torch.float32 else {"rtol": 1e-10, "atol": 1e-14}
    for names in (tuple(mask), tuple(mask)[:1], tuple(mask)[1:2]):  # beside dense layers too
        sparse = SparseGradients(model, mask, names)
        loss, gradients = sparse(inputs, labels)
        torch.testing.assert_close(loss, expected_loss, **tight)
        for (name, _), ours, theirs in zip(model.named_parameters(), gradients, expected, strict=True):
            theirs = theirs.flatten()[sparse.places[name]] if name in names else theirs
            torch.testing.assert_close(ours, theirs, **tight)
        torch.testing.assert_close(sparse.forward(inputs), model(inputs).detach(), **tight)


def test_a_layer_that_keeps_nothing_has_no_gradient_and_no_value():
    """Catches: an empty pattern that torch refuses, or that turns the outputs into anything but the biases."""
    model = small_net(seed=0)
    mask = lth.Mask.ones(model)
    mask = lth.Mask({n: (t if i else torch.zeros_like(t)) for i, (n, t) in enumerate(mask.items())})
    mask.apply_(model)
    sparse = SparseGradients(model, mask, tuple(mask))
    inputs, labels = torch.randn(4, 1, 8, 8), torch.tensor([0, 1, 2, 0])
    _, gradients = sparse(inputs, labels)
    assert gradients[0].numel() == 0 and all(torch.isfinite(g).all() for g in gradients)
    torch.testing.assert_close(sparse.forward(inputs), model(inputs).detach())


# whole trainings


@pytest.mark.parametrize("recipe", [ADAM, SGD], ids=["adam", "sgd"])
def test_a_training_ends_where_the_masked_dense_one_ends(tiny, everything, recipe):
    """Catches: weights that are not written back, decay or momentum of other places, evaluation of old weights."""
    results, models = [], []
    for choice in (DENSE, SPARSE):
        model = small_net(seed=0)
        mask = random_mask(model)
        results.append(lth.train(model, tiny, mask=mask, recipe=recipe, keep=[0, 11, 30], choice=choice))
        models.append(model)
    dense, sparse = results
    assert dense.sparse == () and sparse.sparse == tuple(mask) and sparse.choice == SPARSE
    for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert all(bool((p[~mask[n]] == 0).all()) for n, p in models[1].named_parameters() if n in mask)
    for a, b in zip(dense.history, sparse.history, strict=True):
        assert a == pytest.approx(b, rel=1e-4, abs=1e-5)
    for step in (0, 11, 30):
        ours, theirs = sparse.kept[step], dense.kept[step]
        assert ours.optimizer.keys() == theirs.optimizer.keys()
        for part in ("model", "optimizer"):
            for name, tensor in getattr(ours, part).items():
                torch.testing.assert_close(tensor, getattr(theirs, part)[name], rtol=1e-3, atol=1e-5)
    # what was measured belongs to the weights that were kept
    assert evaluate(models[1], tiny).accuracy == sparse.history[-1].validation_accuracy


@pytest.mark.parametrize("recipe", [ADAM, SGD], ids=["adam", "sgd"])
def test_a_rewind_restores_the_state_of_kept_weights(tiny, everything, recipe):
    """Catches: an optimizer that begins a sparse round at 0 although its checkpoint has a state."""
    model = small_net(seed=0)
    start = lth.train(model, tiny, recipe=recipe, keep=[7], choice=DENSE).kept[7]
    mask, models = random_mask(model), [small_net(seed=0), small_net(seed=0)]
    for model, choice in zip(models, (DENSE, SPARSE), strict=True):
        lth.train(model, tiny, mask=mask, recipe=recipe, start=start, choice=choice)
    for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_three_rounds_in_float64_agree_to_nine_digits(monkeypatch, everything):
    """Three rounds that begin under a mask of 10 %: masks equal, weights to 1e-9. Catches all that rounding might hide."""
    data = lth.load_data()
    data = Double(**{name: getattr(data, name) for name in data.__dataclass_fields__ if name in vars(data)})

    def network(*, seed: int) -> nn.Module:
        return lth.models.lenet_300_100(seed=seed).double()

    mask = random_mask(network(seed=0), 0.1)
    recipe = lth.Recipe(steps=500, evaluate_every=250)
    runs = []
    for choice in (replace(DENSE, written_out=False), SPARSE):

        def trained(*args, choice=choice, **kwargs):
            return lth.train(*args, choice=choice, **kwargs)

        runs.append(list(lth.imp(network, data, rounds=2, mask=mask, recipe=recipe, train=trained)))
    for dense, sparse in zip(*runs, strict=True):
        assert dense.result.sparse == () and sparse.result.sparse == tuple(mask)
        assert all(torch.equal(dense.mask[name], sparse.mask[name]) for name in mask)
        for name, weight in dense.trained.model.items():
            assert weight.dtype == torch.float64
            assert (weight - sparse.trained.model[name]).abs().max() < 1e-9, name


def test_equal_calls_give_equal_bits(tiny, everything):
    def once() -> dict[str, torch.Tensor]:
        model = small_net(seed=0)
        lth.train(model, tiny, mask=random_mask(model), recipe=ADAM, choice=SPARSE)
        return state_of(model)

    assert same(once(), once())


def test_early_stopping_and_crops_work_alike(tiny, everything):
    """Catches: columns that are not the cropped images, and a stop that looks at old weights."""
    recipe = replace(ADAM, augment=True, steps=200, patience=20)
    results = []
    for choice in (DENSE, SPARSE):
        model = small_net(seed=0)
        results.append(lth.train(model, tiny, mask=random_mask(model), recipe=recipe, choice=choice))
    assert results[0].steps == results[1].steps and results[0].best_step == results[1].best_step


# which layers


def test_the_table_decides_by_density_and_size():
    """Catches: a small layer, for which the dense product is faster, and a density at the edge taken for below it."""
    model, data = lth.models.lenet_300_100(seed=0), lth.load_data()
    first, second = list(lth.Mask.ones(model))[:2]
    for density, expected in ((0.2, ()), (0.14, (first,)), (0.07, (first, second))):
        mask = lth.prune_to(lth.Mask.ones(model), lth.random(model, seed=0), density, scope="layerwise")
        assert sparse_weights(model, mask, data, precision="float32", choice=SPARSE) == expected
        assert sparse_weights(model, mask, data, precision="bfloat16", choice=SPARSE) == ()
        assert sparse_weights(model, mask, data, precision="float32", choice=DENSE) == ()
    assert sparse_weights(model, None, data, precision="float32", choice=SPARSE) == ()
    kept = torch.zeros(300, 784, dtype=torch.bool)
    kept.view(-1)[: int(0.15 * kept.numel())] = True
    edge = lth.Mask({**lth.Mask.ones(model), first: kept})
    assert sparse_weights(model, edge, data, precision="float32", choice=SPARSE) == ()


def test_a_network_that_is_no_plain_stack_stays_dense(tiny, everything):
    """Catches: a hook, a norm layer or a convolution that a sparse training would pass over."""
    hooked, odd = small_net(seed=0), nn.Sequential(*small_net(seed=0), nn.Tanh())
    hooked[1].register_forward_hook(lambda *_: None)
    for model in (hooked, odd, small_conv(seed=0)):
        mask = random_mask(model)
        assert sparse_weights(model, mask, tiny, precision="float32", choice=SPARSE) == ()
        assert lth.train(model, tiny, mask=mask, recipe=ADAM, choice=SPARSE).sparse == ()


def test_where_it_cannot_be_done_it_is_off_by_itself_and_refused_when_asked_for(tiny, monkeypatch):
    """Catches: a choice that asks for what is not there and is quietly executed in another way."""
    model = small_net(seed=0)
    mask = random_mask(model)
    assert choices.choose(model, "cpu").sparse
    monkeypatch.setattr(choices, "SPARSE_BELOW", {})
    assert not choices.choose(model, "cpu").sparse
    assert lth.train(model, tiny, mask=mask, recipe=ADAM).sparse == ()
    with pytest.raises(ValueError, match=r"Choice\(sparse=True\).*nothing was measured on.*another folder"):
        lth.train(model, tiny, mask=mask, recipe=ADAM, choice=SPARSE)
    monkeypatch.undo()
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: False)
    assert not choices.choose(model, "cpu").sparse and "no MKL" in choices.no_sparse()
    assert "cuda" in choices.no_sparse("cuda")


# going on


class Stop(Exception):
    pass


def stopped(folder, data, model, mask, **arguments):
    """A training stopped after its second report, of which everything is saved."""
    reports = []

    def progress(updates: int) -> None:
        reports.append(updates)
        if len(reports) == 2:
            raise Stop

    with pytest.raises(Stop):
        lth.train(model, data, mask=mask, recipe=ADAM, folder=folder, progress=progress, **arguments)


def test_a_stopped_training_goes_on_to_the_same_bits(tiny, everything, tmp_path):
    """Catches: values that are not read again from the weights that were restored, or an optimizer that is not."""
    model = small_net(seed=0)
    mask = random_mask(model)
    whole = lth.train(model, tiny, mask=mask, recipe=ADAM, choice=SPARSE)
    expected = state_of(model)
    stopped(tmp_path / "t", tiny, small_net(seed=0), mask, choice=SPARSE)
    again = small_net(seed=0)
    result = lth.train(again, tiny, mask=mask, recipe=ADAM, folder=tmp_path / "t", choice=SPARSE)
    assert same(state_of(again), expected) and result.history == whole.history
    assert result.sparse == tuple(mask)


def test_it_goes_on_as_it_began(tiny, tmp_path, monkeypatch):
    """Catches: a dense beginning with a sparse end, or the other way round, when the table or the call has changed."""
    model = small_net(seed=0)
    mask = random_mask(model)
    for begun, now in ((DENSE, SPARSE), (SPARSE, PLAIN)):
        monkeypatch.setattr(choices, "SPARSE_BELOW", {choices.here(): ((0, 2.0),)})
        folder = tmp_path / str(begun.sparse)
        stopped(folder, tiny, small_net(seed=0), mask, choice=begun)
        monkeypatch.setattr(choices, "SPARSE_BELOW", {choices.here(): ()})
        result = lth.train(small_net(seed=0), tiny, mask=mask, recipe=ADAM, folder=folder, choice=now)
        assert result.choice == begun and result.sparse == (tuple(mask) if begun.sparse else ())


def test_where_it_cannot_go_on_it_is_refused_by_name(tiny, everything, tmp_path, monkeypatch):
    """Catches: a run begun sparse that ends dense on another machine, without a word."""
    model = small_net(seed=0)
    mask = random_mask(model)
    stopped(tmp_path / "half", tiny, small_net(seed=0), mask)
    lth.train(small_net(seed=0), tiny, mask=mask, recipe=ADAM, folder=tmp_path / "done")
    monkeypatch.setattr(choices, "SPARSE_BELOW", {})
    with pytest.raises(ValueError, match=r"half \(of 1.weight, 3.weight, 5.weight\).*nothing was measured"):
        lth.train(small_net(seed=0), tiny, mask=mask, recipe=ADAM, folder=tmp_path / "half")
    read = lth.train(small_net(seed=0), tiny, mask=mask, recipe=ADAM, folder=tmp_path / "done")
    assert read.sparse == tuple(mask)  # what is finished is only read


def test_the_choice_of_each_round_is_stored_and_kept_to(tiny, everything, tmp_path, monkeypatch):
    """Catches: rounds whose execution nobody can tell, and a search that goes on in another way."""
    told = {"fraction": 0.5, "recipe": ADAM, "folder": tmp_path / "run"}
    rounds = list(lth.imp(small_net, tiny, rounds=2, **told))
    read = [lth.tickets.load_round(tmp_path / "run", r) for r in range(3)]
    for a, b in zip(rounds, read, strict=True):
        assert a.result.choice == b.result.choice and a.result.choice.sparse
        assert a.result.sparse == b.result.sparse == tuple(a.mask)
    (tmp_path / "run" / "round-02.npz").unlink()
    monkeypatch.setattr(choices, "SPARSE_BELOW", {})
    with pytest.raises(ValueError, match="nothing was measured"):
        list(lth.imp(small_net, tiny, rounds=2, **told))


def test_a_search_begun_dense_stays_dense(tiny, tmp_path, monkeypatch):
    told = {"fraction": 0.5, "recipe": ADAM, "folder": tmp_path / "run"}
    monkeypatch.setattr(choices, "SPARSE_BELOW", {})
    list(lth.imp(small_net, tiny, rounds=2, **told))
    (tmp_path / "run" / "round-02.npz").unlink()
    monkeypatch.setattr(choices, "SPARSE_BELOW", {choices.here(): ((0, 2.0),)})
    last = list(lth.imp(small_net, tiny, rounds=2, **told))[-1]
    assert last.result.sparse == () and not last.result.choice.sparse


def test_what_was_begun_before_goes_on_as_it_was(tiny, everything, tmp_path):
    """Catches: a snapshot or a round that does not say how it was made, and that goes on in another way."""
    model = small_net(seed=0)
    mask = random_mask(model)
    stopped(tmp_path / "old", tiny, small_net(seed=0), mask)
    for path in (tmp_path / "old").glob("snapshot-*.npz"):
        arrays, meta = files.load_arrays(path)
        files.save_arrays(path, arrays, {k: v for k, v in meta.items() if k not in ("choice", "sparse")})
    result = lth.train(small_net(seed=0), tiny, mask=mask, recipe=ADAM, folder=tmp_path / "old")
    assert result.sparse == () and result.choice.threads is None
    told = {"fraction": 0.5, "recipe": ADAM, "folder": tmp_path / "run"}
    list(lth.imp(small_net, tiny, rounds=2, **told))
    for path in (tmp_path / "run").glob("round-*.npz"):
        arrays, meta = files.load_arrays(path)
        result = {k: v for k, v in meta["result"].items() if k not in ("choice", "sparse")}
        files.save_arrays(path, arrays, {**meta, "result": result})
    (tmp_path / "run" / "round-02.npz").unlink()
    last = list(lth.imp(small_net, tiny, rounds=2, **told))[-1]
    assert last.result.sparse == () and last.result.choice.threads is None


# what nobody may do


def test_who_writes_into_a_sparse_weight_meanwhile_is_told(tiny, everything):
    """Catches: a change of the weights by a progress function that the next write-back takes away."""
    model = small_net(seed=0)

    def progress(_: int) -> None:
        with torch.no_grad():
            model[1].weight.mul_(2)

    with pytest.raises(ValueError, match=r"written to 1.weight.*choice=training.PLAIN"):
        lth.train(model, tiny, mask=random_mask(model), recipe=ADAM, progress=progress, choice=SPARSE)


def test_memory_is_that_of_the_kept_weights(tiny, everything):
    """Catches: dense optimizer state or dense gradients beside the sparse ones."""
    model = small_net(seed=0)
    mask = random_mask(model)
    held = {}
    for choice in (DENSE, SPARSE):
        update = Update(small_net(seed=0), tiny, recipe=ADAM, masks=[mask], choice=choice)
        held[choice.sparse] = update.held_bytes()
    weights, kept = sum(t.numel() for t in mask.values()), mask.kept
    biases = sum(p.numel() for n, p in model.named_parameters() if n not in mask)
    turned = kept - int(mask["1.weight"].sum())  # the first layer needs no transposed weight
    rows = sum(len(t) + 1 for t in mask.values())
    columns = sum(t.shape[1] + 1 for n, t in mask.items() if n != "1.weight")
    network, one_update, count = 4 * (weights + biases), 4 * (1 + 2), 4
    assert held[False] == network + one_update * (weights + biases) + 4 * weights + count
    patterns = 8 * kept + 4 * (rows + kept) + 4 * (columns + turned) + (4 + 8) * turned
    assert held[True] == network + 4 * kept + one_update * (kept + biases) + patterns + count


def test_images_that_are_not_flattened_are_no_columns(tiny, everything):
    """Catches: a network that works along the last axis of an image, trained as if it took the whole image."""
    unflattened = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3))
    mask = random_mask(unflattened, 0.5)
    assert sparse_weights(unflattened, mask, tiny, precision="float32", choice=SPARSE) == ()


def test_evaluation_takes_the_faster_way_where_it_is_given_one(tiny):
    """Catches: a forward function that is handed on and never called."""
    seen = []

    def forward(inputs: torch.Tensor) -> torch.Tensor:
        seen.append(len(inputs))
        return nn.functional.one_hot(torch.zeros(len(inputs), dtype=torch.int64), 3).float()

    assert evaluate(small_net(seed=0), tiny, forward=forward).accuracy == pytest.approx(1 / 3)
    assert sum(seen) == len(tiny.validation)


def test_a_run_begun_sparse_is_refused_where_it_cannot_go_on(tiny, tmp_path, monkeypatch):
    """Catches: `lthkit run` that goes on densely on another machine."""
    experiment = lth.runs.Experiment("trial", "lenet-300-100", ADAM, "smoke", (0,), rounds=1)
    place = tmp_path / "trial"
    place.mkdir()
    assert lth.runs.experiments.execution(experiment, tiny, place).sparse
    monkeypatch.setattr(choices, "SPARSE_BELOW", {})
    with pytest.raises(
        ValueError, match=r"the run in .*trial is Choice\(sparse=True\).*nothing was measured"
    ):
        lth.runs.experiments.execution(experiment, tiny, place)
