"""A ticket in other forms: the same network, the size that was promised, and a clear word where a form does not fit."""

from __future__ import annotations

import importlib.util
import tomllib
import zlib
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn

import lthkit as lth
from lthkit import bench, export, plots
from lthkit.export import onnx as onnx_module
from lthkit.export import semi_structured
from lthkit.pruning.compressed import compressed_rows
from lthkit.storage import files

ROOT = Path(__file__).resolve().parents[2]
HAS_ONNX = not export.missing_for_onnx()


def biased(model: nn.Module, seed: int = 1) -> nn.Module:
    """Biases that are not 0, of both signs, as after training."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.data = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
    return model


def stack(*widths: int, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    for i, (before, after) in enumerate(zip(widths, widths[1:], strict=False)):
        if i:
            layers[f"relu{i}"] = nn.ReLU()
        layers[f"fc{i}"] = nn.Linear(before, after, dtype=dtype)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for layer in layers.values():
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
    return nn.Sequential(layers)


def random_mask(model: nn.Module, density: float, seed: int = 0) -> lth.Mask:
    generator = torch.Generator().manual_seed(seed)
    return lth.Mask(
        {n: torch.rand(w.shape, generator=generator) < density for n, w in lth.prunable(model).items()}
    )


def masked(model: nn.Module, mask: lth.Mask) -> nn.Module:
    import copy

    other = copy.deepcopy(model)
    mask.apply_(other)
    return other


def lenet() -> tuple[nn.Module, lth.Mask]:
    model = biased(lth.models.lenet_300_100(seed=0))
    return model, lth.prune_to(lth.Mask.ones(model), lth.magnitude(model), 0.05)


def normal(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(5), dtype=dtype)


# Packed


def test_a_packed_ticket_comes_back(tmp_path: Path) -> None:
    """Catches: values at other places than the mask's, biases left out, and removed weights that are not 0 afterwards."""
    model, mask = lenet()
    path = export.save_packed(tmp_path / "t.npz", model, mask)
    other = lth.models.lenet_300_100(seed=9)
    assert export.load_packed(path, other) == mask
    wanted = masked(model, mask).state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in other.state_dict().items())


def test_removed_values_are_not_in_the_file(tmp_path: Path) -> None:
    """Catches: all values written beside the bits, which would make the file as large as a dense one."""
    model, mask = lenet()
    path = export.save_packed(tmp_path / "t.npz", model, mask)
    payload = sum(-(-m.numel() // 8) + 4 * int(m.sum()) for m in mask.values()) + 4 * 410
    assert payload < path.stat().st_size < payload + 6000  # names, shapes, checksum, headers


def test_batch_norm_state_and_excluded_layers_survive(tmp_path: Path) -> None:
    """Catches: only parameters written, integer buffers turned into floats, layers without a mask lost."""
    model = biased(lth.models.resnet_20(seed=0, width=4))
    model.train()(normal(8, 3, 32, 32))
    mask = lth.Mask.ones(model, exclude=["conv1.weight"])
    mask = lth.prune_to(mask, lth.magnitude(model), 0.3)
    path = export.save_packed(tmp_path / "t.npz", model, mask)
    other = lth.models.resnet_20(seed=1, width=4)
    export.load_packed(path, other)
    wanted = masked(model, mask).state_dict()
    assert all(
        torch.equal(v, wanted[n]) and v.dtype == wanted[n].dtype for n, v in other.state_dict().items()
    )


@pytest.mark.parametrize("where", [0.3, 0.6, 0.9])
def test_a_damaged_packed_file_is_refused(tmp_path: Path, where: float) -> None:
    """Catches: a flipped bit in mask or values that is read as if nothing had happened."""
    model, mask = lenet()
    path = export.save_packed(tmp_path / "t.npz", model, mask)
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= 0x10
    path.write_bytes(content)
    before = {n: v.clone() for n, v in model.state_dict().items()}
    with pytest.raises(files.DamagedFile):
        export.load_packed(path, model)
    assert all(torch.equal(v, before[n]) for n, v in model.state_dict().items())


def test_another_kind_of_file_and_another_network_are_refused(tmp_path: Path) -> None:
    """Catches: a mask file read as a ticket, and a model that is half overwritten before the mismatch is seen."""
    model, mask = lenet()
    with pytest.raises(files.DamagedFile, match="'mask', not a packed ticket"):
        export.load_packed(mask.save(tmp_path / "m.npz"), model)
    with pytest.raises(FileNotFoundError):
        export.load_packed(tmp_path / "none.npz", model)
    path = export.save_packed(tmp_path / "t.npz", model, mask)
    other = lth.models.lenet_300_100(seed=3, classes=7)
    before = {n: v.clone() for n, v in other.state_dict().items()}
    with pytest.raises(ValueError, match="fc3.bias, fc3.weight"):
        export.load_packed(path, other)
    assert all(torch.equal(v, before[n]) for n, v in other.state_dict().items())


def test_a_ticket_of_another_type_or_with_two_values_for_a_tied_weight_is_refused(tmp_path: Path) -> None:
    """Catches: values rounded on the way, and a tied weight that gets the second of two values in silence."""
    model, mask = lenet()
    path = export.save_packed(tmp_path / "t.npz", model, mask)
    with pytest.raises(ValueError, match="differ in name, shape or type: fc1.bias, fc1.weight"):
        export.load_packed(path, lth.models.lenet_300_100(seed=0).double())
    free = stack(4, 4, 4, 4)
    path = export.save_packed(tmp_path / "f.npz", free, lth.Mask.ones(free))
    tied = stack(4, 4, 4, 4)
    tied.fc1.weight = tied.fc0.weight
    before = tied.fc0.weight.clone()
    with pytest.raises(ValueError, match="fc1.weight and fc0.weight are one tied weight"):
        export.load_packed(path, tied)
    assert torch.equal(tied.fc0.weight, before)


def test_sizes_are_those_of_the_files(tmp_path: Path) -> None:
    """Catches: sizes computed by a formula that forgets headers or biases, and a CSR count from the dense tensor."""
    model, mask = lenet()
    found = export.sizes(model, mask)
    path = export.save_packed(tmp_path / "t.npz", model, mask)
    assert abs(found["bits + values"] - path.stat().st_size) < 100  # only the description differs
    assert abs(found["bits + values, zlib"] - len(zlib.compress(path.read_bytes(), 9))) < 200
    kept, total, rows = mask.kept, mask.total, 410
    assert 0 < found["dense"] - 4 * (total + rows) < 4000
    assert 0 < found["CSR"] - (8 * kept + 4 * (rows + 3) + 4 * rows) < 6000
    assert all(found[f"{name}, zlib"] < found[name] for name in ("dense", "bits + values", "CSR"))
    assert model.state_dict()["fc1.weight"][~mask["fc1.weight"]].any()  # left as it was


def test_the_dense_file_has_the_zeros_of_the_mask() -> None:
    """Catches: the unmasked weights written, which no compressor makes smaller."""
    model, mask = lenet()
    assert (
        export.sizes(model, mask)["dense, zlib"]
        < 0.25 * export.sizes(model, lth.Mask.ones(model))["dense, zlib"]
    )


def test_the_entropy_of_a_mask() -> None:
    """Catches: bits for bytes, and 0 * log 0 of a full or empty layer."""
    half = lth.Mask(
        {"w": torch.tensor([True, False] * 40), "full": torch.ones(7).bool(), "none": torch.zeros(7).bool()}
    )
    assert export.mask_floor(half) == 10.0
    assert export.mask_floor(lth.Mask({"w": torch.arange(100) < 11})) == pytest.approx(
        100 * 0.49992 / 8, rel=1e-3
    )


# CSR


@pytest.mark.parametrize("density", [0.0, 0.02, 0.4, 1.0])
@pytest.mark.parametrize("batch", [1, 7])
def test_csr_computes_what_the_masked_model_computes(density: float, batch: int) -> None:
    """Catches: transposed weights, a missing bias, an empty row that shifts the rest, a batch of one."""
    model = biased(stack(12, 9, 8, 5))
    mask = random_mask(model, density)
    x = normal(batch, 12, dtype=torch.float64)
    sparse = export.to_csr(model, mask)
    torch.testing.assert_close(sparse(x), masked(model, mask)(x), rtol=1e-12, atol=1e-12)
    assert (
        isinstance(sparse.fc0, export.CSRLinear)
        and sparse.fc0.weight.values().numel() == mask["fc0.weight"].sum()
    )
    assert isinstance(model.fc0, nn.Linear)  # a copy was changed, not the model


def test_csr_leaves_convolutions_and_excluded_layers_dense() -> None:
    """Catches: an unmasked convolution, and a layer without a mask that is taken for an empty one."""
    model = biased(lth.models.lenet_5(seed=0))
    mask = lth.prune_to(lth.Mask.ones(model, exclude=["fc2.weight"]), lth.magnitude(model), 0.1)
    sparse = export.to_csr(model, mask)
    x = normal(3, 1, 28, 28)
    torch.testing.assert_close(sparse(x), masked(model, mask)(x), rtol=1e-4, atol=1e-4)
    assert isinstance(sparse.fc1, export.CSRLinear) and isinstance(sparse.fc2, nn.Linear)
    assert isinstance(sparse.conv1, nn.Conv2d)


def test_a_single_layer_and_a_nested_one_become_csr() -> None:
    """Catches: a model that is itself the layer, and a layer whose name has a dot."""
    single = nn.Linear(4, 3, bias=False)
    mask = random_mask(single, 0.5)
    x = normal(2, 4)
    assert isinstance(export.to_csr(single, mask), export.CSRLinear)
    torch.testing.assert_close(export.to_csr(single, mask)(x), masked(single, mask)(x))
    nested = nn.Sequential(nn.Sequential(nn.Linear(4, 3)), nn.ReLU())
    mask = random_mask(nested, 0.5)
    assert isinstance(export.to_csr(nested, mask).get_submodule("0.0"), export.CSRLinear)
    torch.testing.assert_close(export.to_csr(nested, mask)(x), masked(nested, mask)(x))


def test_a_kept_zero_is_stored() -> None:
    """Catches: entries taken from the values instead of the mask; a ticket at its start may hold zeros."""
    begins, columns, values = compressed_rows(
        torch.tensor([[0.0, 2.0], [3.0, 0.0]]), torch.tensor([[1, 0], [0, 1]]).bool()
    )
    assert (begins.tolist(), columns.tolist(), values.tolist()) == ([0, 1, 2], [0, 1], [0.0, 0.0])
    assert begins.dtype == columns.dtype == torch.int32


# Compaction


@pytest.mark.parametrize("seed", range(8))
def test_compaction_is_exact_on_random_masks_with_dead_units(seed: int) -> None:
    """Catches: a constant that is not folded or folded twice, folded before the activation, columns that do not match."""
    model = biased(stack(6, 12, 11, 10, 4), seed)
    mask = random_mask(model, 0.13, seed)
    small = export.compact(model, mask)
    x = normal(50, 6, dtype=torch.float64)
    torch.testing.assert_close(small(x), masked(model, mask)(x), rtol=0, atol=1e-12)
    assert lth.models.count_weights(small) < lth.models.count_weights(model)


@pytest.mark.parametrize("seed", range(4))
def test_compaction_goes_on_until_no_unit_is_dead(seed: int) -> None:
    """Catches: one pass only; a unit that goes leaves another without input or output. Counted by a slow, literal search."""
    model = biased(stack(6, 12, 11, 10, 4), seed)
    mask = random_mask(model, 0.13, seed)
    kept = [mask[f"fc{i}.weight"].clone() for i in range(4)]
    for _ in range(50):
        for i in range(3):
            dead = ~kept[i].any(1) | ~kept[i + 1].any(0)
            kept[i][dead] = False
            kept[i + 1][:, dead] = False
    alive = [max(1, int((kept[i].any(1) & kept[i + 1].any(0)).sum())) for i in range(3)]
    small = export.compact(model, mask)
    assert [layer.out_features for layer in small if isinstance(layer, nn.Linear)] == [*alive, 4]


def test_nothing_dead_nothing_changes() -> None:
    """Catches: outputs that move although there was nothing to do, and a result that shares weights with the model."""
    model = biased(lth.models.lenet_300_100(seed=0))
    small = export.compact(model, lth.Mask.ones(model))
    x = normal(3, 1, 28, 28)
    assert torch.equal(small(x), model(x))
    small.get_parameter("fc1.weight").data.zero_()
    assert model.get_parameter("fc1.weight").any()


def test_a_chain_of_constants_and_a_network_cut_through() -> None:
    """Catches: an endless loop or an empty layer where a whole layer is removed, and constants lost on the way."""
    model = biased(stack(5, 4, 4, 3))
    x = normal(6, 5, dtype=torch.float64)
    for cut in ("fc0.weight", "fc1.weight", "fc2.weight"):
        tensors = {n: torch.ones_like(w, dtype=torch.bool) for n, w in lth.prunable(model).items()}
        tensors[cut] = torch.zeros_like(tensors[cut])
        mask = lth.Mask(tensors)
        small = export.compact(model, mask)
        torch.testing.assert_close(small(x), masked(model, mask)(x), rtol=0, atol=1e-12)
        assert min(layer.out_features for layer in small if isinstance(layer, nn.Linear)) >= 1


def test_a_layer_without_bias_gets_one_only_if_a_constant_moves_in() -> None:
    """Catches: a constant that is dropped because the next layer had no place for it."""
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2, bias=False)).double()
    model[0].bias.data = torch.tensor([1.5, -1.0], dtype=torch.float64)
    x = normal(4, 2, dtype=torch.float64)
    for row, wanted in ((0, True), (1, False)):  # relu(1.5) moves, relu(-1) is 0
        tensors = {"0.weight": torch.ones(2, 2).bool(), "2.weight": torch.ones(2, 2).bool()}
        tensors["0.weight"][row] = False
        mask = lth.Mask(tensors)
        small = export.compact(model, mask)
        assert (small[2].bias is not None) == wanted and small[0].out_features == 1
        torch.testing.assert_close(small(x), masked(model, mask)(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("make, shape", [(lth.models.lenet_5, (1, 28, 28)), (lth.models.conv_4, (3, 8, 8))])
def test_compaction_of_convolutions_is_exact(make, shape) -> None:  # type: ignore[no-untyped-def]
    """Catches: a constant moved through padding, channels that lose their columns after a flatten, a pool forgotten."""
    model = biased(make(seed=0, input_shape=shape)).double()
    mask = lth.Mask.ones(model)
    tensors = {name: kept.clone() for name, kept in mask.items()}
    for i, kept in enumerate(tensors.values()):
        kept[: 2 + i] = False  # some units without input
        if i:
            kept[:, -(kept.shape[1] // 5) :] = False  # some without output
    if "fc1.weight" in tensors:
        tensors["fc1.weight"][:, : tensors["fc1.weight"].shape[1] // 3] = False
    mask = lth.Mask(tensors)
    small = export.compact(model, mask)
    x = normal(5, *shape, dtype=torch.float64)
    torch.testing.assert_close(small(x), masked(model, mask)(x), rtol=1e-12, atol=1e-11)
    assert lth.models.count_weights(small) < 0.8 * lth.models.count_weights(model)


def test_a_constant_stays_before_padding_and_goes_without_it() -> None:
    """Catches: folding a constant into a padded convolution, which is wrong at the border, or never folding it."""
    for padding, channels in ((1, 2), (0, 1)):
        model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 1, 3, padding=padding)).double()
        model[0].bias.data = torch.tensor([0.7, 0.1], dtype=torch.float64)
        tensors = {n: torch.ones_like(w, dtype=torch.bool) for n, w in lth.prunable(model).items()}
        tensors["0.weight"][0] = False
        mask, x = lth.Mask(tensors), normal(2, 1, 9, 9, dtype=torch.float64)
        small = export.compact(model, mask)
        assert small[0].out_channels == channels
        torch.testing.assert_close(small(x), masked(model, mask)(x), rtol=0, atol=1e-12)


def test_compaction_draws_no_random_numbers_and_keeps_dtype_and_mode() -> None:
    """Catches: layers that are initialised on the way and move the global generator."""
    model = biased(stack(6, 5, 3)).eval()
    before = torch.get_rng_state()
    small = export.compact(model, random_mask(model, 0.3))
    assert torch.equal(before, torch.get_rng_state())
    assert not small.training and all(p.dtype == torch.float64 for p in small.parameters())


@pytest.mark.parametrize(
    "model, words",
    [
        (
            lth.models.resnet_20(seed=0, width=4),
            "'bn1' .BatchNorm2d. cannot be compacted: it is not supported",
        ),
        (nn.Linear(3, 2), "Linear is no nn.Sequential"),
        (nn.Sequential(nn.Conv2d(4, 4, 3, groups=2), nn.Flatten(), nn.Linear(4, 2)), "2 groups"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(4, 2)), "is a flatten missing"),
        (nn.Sequential(nn.Linear(4, 4), nn.Softmax(1), nn.Linear(4, 2)), "Softmax"),
        (nn.Sequential(nn.Flatten(2), nn.Linear(4, 2)), "flatten everything but the batch"),
    ],
)
def test_what_cannot_be_compacted_is_named(model: nn.Module, words: str) -> None:
    """Catches: a wrong network returned for a structure that the rule does not hold for."""
    with pytest.raises(ValueError, match=words):
        export.compact(model, lth.Mask.ones(model))


@pytest.mark.parametrize("form", [export.sizes, export.to_csr, export.compact])
def test_a_mask_of_another_model_is_refused(form) -> None:  # type: ignore[no-untyped-def]
    """Catches: a form made with a mask that does not belong, or an error from deep inside torch."""
    model, _ = lenet()
    with pytest.raises(ValueError, match="The mask is for another model"):
        form(model, random_mask(stack(3, 2), 0.5))


# ONNX


@pytest.mark.skipif(not HAS_ONNX, reason='pip install -e ".[export]"')
def test_onnx_computes_what_torch_computes_for_every_batch_size(tmp_path: Path) -> None:
    """Catches: a batch size that is fixed at export, a mode left in training, and weights in a second file."""
    model, mask = lenet()
    mask.apply_(model)
    path = export.to_onnx(model, tmp_path / "t.onnx", shape=(1, 28, 28))
    run = export.run_onnx(path)
    for batch in (1, 2, 33):
        x = normal(batch, 1, 28, 28)
        torch.testing.assert_close(run(x), model(x).detach(), rtol=1e-4, atol=1e-4)
    assert [p.name for p in tmp_path.iterdir()] == ["t.onnx"]
    assert path.stat().st_size > 4 * mask.total  # the zeros are in it
    with pytest.raises(ValueError, match=r"does not take inputs of shape \(1, 5, 5\)"):
        export.to_onnx(model, tmp_path / "u.onnx", shape=(1, 5, 5))
    with pytest.raises(FileNotFoundError):
        export.run_onnx(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(files.DamagedFile, match="not an ONNX file"):
        export.run_onnx(tmp_path / "bad.onnx")


@pytest.mark.skipif(not HAS_ONNX, reason='pip install -e ".[export]"')
def test_onnx_of_a_network_that_reads_tokens(tmp_path: Path) -> None:
    """Catches an example of floating numbers, which an embedding does not take, and token numbers beyond its table."""

    class Words(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.out = torch.nn.Embedding(9, 8), torch.nn.Linear(8, 9)
            self.read = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.out(self.read(self.words(x)))
            return logits.transpose(1, 2)

    torch.manual_seed(0)
    model = Words().eval()
    run = export.run_onnx(export.to_onnx(model, tmp_path / "a.onnx", shape=(5,)))
    for n in (1, 4):
        x = torch.randint(9, (n, 5), generator=torch.Generator().manual_seed(n))
        torch.testing.assert_close(run(x), model(x).detach(), rtol=1e-4, atol=1e-5)


def test_missing_packages_are_named_with_the_line_that_installs_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Catches: an ImportError from deep inside torch, and a list of packages that are there already."""
    real = importlib.util.find_spec
    with monkeypatch.context() as older:
        older.setattr(onnx_module.importlib.util, "find_spec", lambda name: real("json"))
        older.setattr(torch.onnx, "export", lambda model, args, f: None)  # as before torch 2.5
        assert "needs torch 2.5 or newer" in export.missing_for_onnx()
    monkeypatch.setattr(
        onnx_module.importlib.util, "find_spec", lambda name: None if name == "onnxscript" else real("json")
    )
    assert export.missing_for_onnx() == "ONNX needs onnxscript. Install: pip install onnxscript"
    for call in (
        lambda: export.to_onnx(stack(2, 1), tmp_path / "x", shape=(2,)),
        lambda: export.run_onnx(tmp_path / "x"),
    ):
        with pytest.raises(ModuleNotFoundError, match="pip install onnxscript"):
            call()


def test_the_extra_is_declared_and_tests_have_it() -> None:
    """Catches: an extra that lacks a package, and a dev install that cannot test what the extra promises."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    assert {r.partition(">=")[0] for r in extras["export"]} == set(onnx_module._PACKAGES)
    assert set(extras["export"]) <= set(extras["dev"])


# 2:4


def test_two_of_four_are_kept() -> None:
    """Catches: groups down the columns, ties that keep three, and the smaller half."""
    scores = torch.tensor(
        [[4.0, 1.0, 3.0, 2.0, 5.0, 5.0, 5.0, 5.0], [0.0, 0.0, 0.0, 9.0, -1.0, -2.0, -3.0, -4.0]]
    )
    assert export.two_four(scores).int().tolist() == [[1, 0, 1, 0, 1, 1, 0, 0], [1, 0, 0, 1, 1, 1, 0, 0]]
    for shape in ((2, 6), (8,)):
        with pytest.raises(ValueError, match="multiple of 4"):
            export.two_four(torch.zeros(shape))


def test_devices_without_two_four_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches: a measurement tried on an older GPU, or reported where there was none."""
    assert "this is cpu" in export.no_semi_structured("cpu")
    for capability, wanted in (((7, 5), True), ((8, 0), False), ((9, 0), False)):
        monkeypatch.setattr(
            semi_structured.torch.cuda, "get_device_capability", lambda device, c=capability: c
        )
        assert bool(export.no_semi_structured("cuda")) == wanted
    with pytest.raises(ValueError, match="was not measured"):
        bench.semi_structured(8, 8, device="cpu")


# Time


def test_break_even_has_a_row_for_each_case_and_leaves_the_model_alone() -> None:
    """Catches: rows that are lost or doubled, a ratio that is not the variant's over dense, threads left changed."""
    model = biased(stack(16, 12, 4, dtype=torch.float32))
    masks = [random_mask(model, d) for d in (0.5, 0.1)]
    before, threads = {n: v.clone() for n, v in model.state_dict().items()}, torch.get_num_threads()
    forms = {"CSR": export.to_csr, "compacted": export.compact}
    rows = bench.break_even(model, masks, shape=(16,), batches=(1, 4), variants=forms, repetitions=3)
    assert [(r["batch"], r["density"], r["name"]) for r in rows] == [
        (b, m.density, name) for m in masks for b in (1, 4) for name in forms
    ]
    assert all(0 < r["low"] <= r["ratio"] <= r["high"] and r["n"] == 3 for r in rows)
    assert all(torch.equal(v, before[n]) for n, v in model.state_dict().items())
    assert torch.get_num_threads() == threads


def test_the_ratio_is_the_variants_time_over_the_dense_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches: the ratio upside down. The clock is ours: a sparse call takes 2 s, a dense one 8 s."""
    import lthkit.bench.breakeven as module

    now = [0.0]

    def forward(seconds: float):  # type: ignore[no-untyped-def]
        def call(x: torch.Tensor) -> torch.Tensor:
            now[0] += seconds
            return x

        return call

    original = bench.interleaved
    monkeypatch.setattr("lthkit.bench.timing.perf_counter", lambda: now[0])
    monkeypatch.setattr(module, "interleaved", lambda *a, **k: original(*a, **k, clock=lambda: now[0]))
    found = bench.against(forward(2.0), forward(8.0), torch.zeros(1), repetitions=3)
    assert found == {"seconds": 2.0, "dense_seconds": 8.0, "ratio": 0.25, "low": 0.25, "high": 0.25, "n": 3}


def test_a_variant_that_computes_something_else_is_not_timed() -> None:
    """Catches: a fast wrong answer in the table."""
    model = biased(stack(16, 12, 4, dtype=torch.float32))
    mask = random_mask(model, 0.2)
    with pytest.raises(ValueError, match="'half' does not compute"):
        bench.break_even(model, [mask], shape=(16,), variants={"half": lambda m, k: lambda x: m(x) / 2})
    for wrong in ({"repetitions": 0}, {"threads": 0}, {"batches": (0,)}, {"batches": ()}, {"variants": {}}):
        with pytest.raises(ValueError, match="expected"):
            bench.break_even(model, [mask], shape=(16,), **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="0 masks"):
        bench.break_even(model, [], shape=(16,))


# Figures

ROWS = [
    {
        "batch": b,
        "density": d,
        "name": "CSR",
        "ratio": d * 5 + s / 100,
        "low": d * 4,
        "high": d * 6,
        "seed": s,
    }
    for b in (1, 256)
    for d in (0.5, 0.1, 0.02)
    for s in range(3)
]


def test_the_break_even_figure_and_its_words_agree() -> None:
    """Catches: a mean where the median is promised, a lost curve, an axis that cuts a point off."""
    figure = plots.break_even(ROWS, stamp="x")
    ax = figure.axes[0]
    assert {"CSR, batch 1", "CSR, batch 256"} <= set(ax.get_legend_handles_labels()[1])
    assert ax.get_ylim()[0] < 0.08 and ax.get_ylim()[1] > 3.0
    dots = [x for line in ax.lines if line.get_marker() == "." for x in line.get_xdata()]
    assert len(dots) == len(ROWS) and not set(dots) & {
        50.0,
        10.0,
        2.0,
    }  # seeds beside the marker, not under it
    assert "CSR, batch 256: 2.51 at 50 %, 0.51 at 10 %, 0.11 at 2 %" in plots.describe_break_even(ROWS)
    with pytest.raises(ValueError, match="No rows"):
        plots.break_even([])


def test_the_figure_of_sizes_and_its_words_agree() -> None:
    """Catches: bytes called kilobytes, and densities in the order in which they happened to come."""
    sizes = {0.1: {"dense": 4000, "CSR": 800}, 1.0: {"dense": 4000, "CSR": 8000}}
    lines = {line.get_label(): list(line.get_ydata()) for line in plots.file_sizes(sizes).axes[0].lines}
    assert lines == {"dense": [4.0, 4.0], "CSR": [8.0, 0.8]}
    assert "CSR: 8 kB at 100 %, 1 kB at 10 %" in plots.describe_file_sizes(sizes)
    with pytest.raises(ValueError, match="No sizes"):
        plots.file_sizes({})


class Reading(nn.Module):
    """A forward that reads attributes of its layers, and one number with a history that it keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.acts = nn.Linear(6, 5), nn.Linear(5, 3), list[torch.Tensor]()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = nn.functional.linear(x[:, : self.a.in_features], self.a.weight, self.a.bias).relu()
        self.acts, self.last = [h], h
        return self.b(h[:, : self.b.in_features])


def test_a_layer_whose_weight_is_read_stays_dense_and_kept_activations_do_no_harm(tmp_path: Path) -> None:
    """Catches: errors about layouts, a missing `in_features`, and deepcopy of a tensor with a history."""
    model = Reading()
    again = Reading()
    again.load_state_dict(model.state_dict())
    mask = random_mask(model, 0.5)
    x = normal(4, 6)
    model(x)
    assert model.last.grad_fn is not None
    sparse = export.to_csr(model, mask)
    assert isinstance(sparse.a, nn.Linear) and isinstance(sparse.b, export.CSRLinear)
    assert (sparse.b.in_features, sparse.b.out_features) == (5, 3)
    torch.testing.assert_close(sparse(x), masked(again, mask)(x))
    if HAS_ONNX:
        export.to_onnx(nn.Sequential(Keeping(), nn.Linear(6, 3)), tmp_path / "kept.onnx", shape=(6,))


class Keeping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.kept = [torch.ones(2, requires_grad=True) * 2]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1


def test_csr_of_one_input_has_one_output() -> None:
    """Catches: a bias spread over [out, out]."""
    layer = biased(nn.Linear(4, 3))
    mask = random_mask(layer, 0.5)
    torch.testing.assert_close(export.to_csr(layer, mask)(normal(4)), masked(layer, mask)(normal(4)))


def test_csr_of_a_scripted_network_is_refused() -> None:
    part = torch.jit.script(nn.Sequential(nn.Linear(4, 3), nn.ReLU()))
    for model, name in ((part, "the network"), (nn.Sequential(part, nn.Linear(3, 2)), "0")):
        mask = lth.Mask({n: torch.ones_like(p).bool() for n, p in model.named_parameters() if p.ndim == 2})
        with pytest.raises(ValueError, match=f"{name} .*torch.jit"):
            export.to_csr(model, mask)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Flatten(), nn.Linear(48, 3)),
            "'3'.*48 numbers.*gives 6",
        ),
        (
            nn.Sequential(nn.Linear(8, 6), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 3)),
            "'3'.*max-pool",
        ),
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(37, 3)), "no multiple of the 4 channels"),
    ],
)
def test_columns_of_no_known_unit_are_not_cut(model: nn.Module, words: str) -> None:
    """Catches: after a linear layer on the last dimension, a flatten makes the unit the fast index, not the slow one."""
    with pytest.raises(ValueError, match=words):
        export.compact(model, lth.Mask.ones(model))


class Noted(nn.Linear):
    def get_extra_state(self) -> dict[str, int]:
        return {"seen": 3}

    def set_extra_state(self, state: object) -> None:
        pass


def test_state_that_is_no_tensor_is_named(tmp_path: Path) -> None:
    model, plain = Noted(4, 3), nn.Linear(4, 3)
    export.save_packed(tmp_path / "plain.npz", plain, lth.Mask.ones(plain))
    for act in (
        lambda: export.save_packed(tmp_path / "t.npz", model, lth.Mask.ones(model)),
        lambda: export.sizes(model, lth.Mask.ones(model)),
        lambda: export.load_packed(tmp_path / "plain.npz", model),
    ):
        with pytest.raises(ValueError, match="_extra_state .*is a dict"):
            act()
