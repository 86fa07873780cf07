"""The networks: their sizes, that a seed is all that decides their weights, and that re-initialising is complete."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch
from torch import nn

from lthkit.models import (
    CIFAR_SHAPE,
    MNIST_SHAPE,
    MODELS,
    conv_2,
    count_weights,
    lenet_5,
    lenet_300_100,
    mlp_bn,
    model_by_name,
    output_layer,
    reinitialize,
    resnet_20,
    tiny_transformer,
    vgg_16,
)
from lthkit.pruning.masks import Mask

WEIGHTS = {
    "lenet-300-100": 266_200,
    "mlp-bn": 119_400,
    "lenet-5": 430_500,
    "smallcnn": 1_070_432,
    "conv-2": 4_300_992,
    "conv-4": 2_425_024,
    "conv-6": 2_261_184,
    "resnet-20": 270_896,
    "vgg-16": 14_715_584,
}
NARROW = {"mlp-bn": 20, "conv-2": 4, "conv-4": 4, "conv-6": 4, "resnet-20": 4, "vgg-16": 4}


def small(name: str, seed: int, **arguments: object) -> nn.Module:
    """A network by name, narrow where it can be, so that tests are quick."""
    if name in NARROW:
        arguments.setdefault("width", NARROW[name])
    return MODELS[name](seed=seed, **arguments)


def same_state(a: nn.Module, b: nn.Module) -> bool:
    """Parameters and buffers bit for bit."""
    x, y = a.state_dict(), b.state_dict()
    return x.keys() == y.keys() and all(torch.equal(x[k], y[k]) for k in x)


def test_every_name_has_a_count() -> None:
    assert list(MODELS) == list(WEIGHTS)


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_are_those_of_the_papers(name: str) -> None:
    """Catches a missing padding (Conv-6 with 1.7 million), biases or batch norm in the count, a wrong head."""
    assert count_weights(MODELS[name](seed=0)) == WEIGHTS[name]


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("shape", [MNIST_SHAPE, CIFAR_SHAPE])
def test_both_image_sizes_give_ten_outputs(name: str, shape: tuple[int, int, int]) -> None:
    """Catches a flattened size computed for the other image, and a pool too many for 28×28."""
    assert small(name, 0, input_shape=shape)(torch.rand(2, *shape)).shape == (2, 10)


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_seed_decides_and_nothing_else(name: str) -> None:
    """Catches weights from the global generator, and a model that moves it (data order would follow the model)."""
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = small(name, 7)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert same_state(first, small(name, 7))
    assert all(
        not torch.equal(a, b)
        for a, b in zip(first.parameters(), small(name, 8).parameters(), strict=True)
        if a.ndim > 1
    )


@pytest.mark.parametrize("name", WEIGHTS)
def test_reinitialize_equals_a_fresh_model(name: str) -> None:
    """Catches a re-initialisation that leaves biases, batch-norm gains, running statistics or their counter as trained."""
    model = small(name, 0)
    torch.manual_seed(0)
    channels = next(m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear))
    shape = MNIST_SHAPE if isinstance(channels, nn.Linear) or channels.in_channels == 1 else CIFAR_SHAPE
    model.train()(torch.rand(4, *shape))  # moves running statistics
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    identities = [id(p) for p in model.parameters()]
    reinitialize(model, seed=3)
    assert same_state(model, small(name, 3))
    assert identities == [id(p) for p in model.parameters()]  # in place: an optimizer keeps its parameters


@pytest.mark.parametrize(
    ("name", "gain"), [("lenet-300-100", 1.0), ("mlp-bn", math.sqrt(2)), ("resnet-20", math.sqrt(2))]
)
def test_scale_of_the_weights(name: str, gain: float) -> None:
    """Catches PyTorch's default (uniform, about √3 times smaller) and one network's rule applied to another."""
    model = MODELS[name](seed=0)
    layers = [
        m.weight for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d) and m.weight.numel() > 2000
    ]
    assert layers
    for weight in layers:
        fan_in, fan_out = weight[0].numel(), weight[:, 0].numel()
        std = gain / math.sqrt(fan_in) if gain > 1 else math.sqrt(2 / (fan_in + fan_out))
        assert weight.std().item() == pytest.approx(std, rel=0.06)
        assert (
            weight.abs().max().item() > 2.5 * std
        )  # a normal distribution has tails, a uniform one stops at √3


@pytest.mark.parametrize("name", WEIGHTS)
def test_biases_are_zero_and_batch_norm_is_the_identity(name: str) -> None:
    """Catches the framework's random biases, and batch-norm gains that are not 1."""
    for module in small(name, 0).modules():
        if isinstance(module, nn.Linear | nn.Conv2d) and module.bias is not None:
            assert not module.bias.any()
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            assert (module.weight == 1).all() and not module.bias.any() and not module.running_mean.any()
            assert (module.running_var == 1).all() and int(module.num_batches_tracked) == 0


def test_a_default_device_or_dtype_does_not_change_a_network() -> None:
    """Catches draws made on whatever device the caller has set as the default."""
    with torch.device("meta"):
        model = lenet_300_100(seed=0)
    assert same_state(model, lenet_300_100(seed=0))


@pytest.mark.parametrize("name", ["resnet-20", "vgg-16", "conv-4"])
def test_width_scales_the_channels(name: str) -> None:
    """Catches a width that only reaches some of the layers."""
    wide, narrow = (
        [m.weight.shape[0] for m in MODELS[name](seed=0, width=w).modules() if isinstance(m, nn.Conv2d)]
        for w in (16, 8)
    )
    assert wide == [2 * n for n in narrow]


def test_resnet_20_has_twenty_layers_and_two_projections() -> None:
    """Catches a block too few, and a shortcut that is no projection where the width changes."""
    convolutions = {n: m for n, m in resnet_20(seed=0).named_modules() if isinstance(m, nn.Conv2d)}
    shortcuts = [n for n in convolutions if "shortcut" in n]
    assert shortcuts == ["block4.shortcut.conv", "block7.shortcut.conv"]
    assert len(convolutions) - len(shortcuts) + 1 == 20
    assert all(m.bias is None for m in convolutions.values())


def test_the_mlp_has_five_hidden_layers_without_bias() -> None:
    """Catches a layer too few or too many, batch norm after ReLU, and a bias that batch norm takes away again."""
    kinds = [type(m) for m in mlp_bn(seed=0).children()]
    assert kinds == [nn.Flatten, *5 * [nn.Linear, nn.BatchNorm1d, nn.ReLU], nn.Linear]
    layers = [m for m in mlp_bn(seed=0, input_shape=(1, 14, 14)).modules() if isinstance(m, nn.Linear)]
    assert [tuple(m.weight.shape) for m in layers] == [(100, 196), *4 * [(100, 100)], (10, 100)]
    assert [m.bias is None for m in layers] == [*5 * [True], False]


def test_a_network_needs_no_computer_algebra() -> None:
    """Catches: `to_empty` from the meta device, for which torch imports sympy: 0.3 s in each process that makes a network."""
    code = "import sys, lthkit; before = {*sys.modules}; lthkit.models.resnet_20(seed=0); print(*{*sys.modules} - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "sympy" not in done.stdout.split()


def test_output_layer_is_the_last_linear_weight() -> None:
    """Catches a hard-coded name: the output layer, pruned at half rate, is called differently in each network."""
    assert output_layer(lenet_300_100(seed=0)) == "fc3.weight"
    assert output_layer(lenet_5(seed=0)) == "fc2.weight"
    assert output_layer(resnet_20(seed=0, width=2)) == "fc.weight"
    for name in MODELS:
        model = small(name, 0)
        assert model.get_parameter(output_layer(model)).shape[0] == 10
    assert output_layer(nn.Linear(2, 3)) == "weight"
    with pytest.raises(ValueError, match="no linear layer"):
        output_layer(nn.Conv2d(1, 1, 1))


def test_layers_have_readable_names() -> None:
    """Catches names such as "1.weight", which a figure would show."""
    names = [n for n, p in conv_2(seed=0, width=2).named_parameters() if p.ndim > 1]
    assert names == ["conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight", "fc3.weight"]


def test_names_lead_to_functions() -> None:
    """Catches an error that leaves the user guessing."""
    assert model_by_name("vgg-16") is vgg_16
    with pytest.raises(ValueError, match=r"lenet-300-100, mlp-bn, lenet-5.*Did you mean 'resnet-20'"):
        model_by_name("ResNet_20")
    with pytest.raises(ValueError, match="expected one of"):
        model_by_name("transformer")


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("vgg-16", {"input_shape": (3, 8, 8)}, "at least 16x16"),
        ("lenet-5", {"input_shape": (1, 15, 28)}, "at least 16x16"),
        ("conv-6", {"input_shape": (3, 4, 4)}, "at least 8x8"),
        ("smallcnn", {"input_shape": (32, 32)}, r"expected \(channels, height, width\)"),
        ("lenet-300-100", {"input_shape": (1, 28.0, 28)}, r"expected \(channels, height, width\)"),
        ("lenet-300-100", {"classes": 0}, "classes=0"),
        ("resnet-20", {"width": 0}, "width=0"),
        ("vgg-16", {"width": 1.5}, "width=1.5"),
    ],
)
def test_impossible_networks_are_refused_in_words(name: str, arguments: dict[str, object], says: str) -> None:
    """Catches a shape error from deep inside a layer, or a network with a layer of no units."""
    with pytest.raises(ValueError, match=says):
        MODELS[name](seed=0, **arguments)


def test_a_foreign_model_is_not_drawn_by_guesswork() -> None:
    """Catches a control that is drawn from another distribution than the network it is a control for."""
    with pytest.raises(ValueError, match="another seed"):
        reinitialize(nn.Linear(2, 2), seed=0)
    model = lenet_300_100(seed=0)
    model.add_module("norm", nn.GroupNorm(2, 10))
    with pytest.raises(ValueError, match="norm"):
        reinitialize(model, seed=0)


def text_model(**given):
    return tiny_transformer(**{"seed": 0, "tokens": 11, "length": 12, "width": 8} | given)


def test_a_later_token_changes_no_earlier_output() -> None:
    """Catches attention that looks ahead, in each block and at each place."""
    model, tokens = text_model(layers=3), torch.randint(0, 11, (4, 12), generator=torch.manual_seed(0))
    with torch.no_grad():
        before = model(tokens)
        assert before.shape == (4, 12, 11)
        for place in range(12):
            other = tokens.clone()
            other[:, place] = (other[:, place] + 1) % 11
            moved = (model(other) - before).abs().amax((0, 2)) > 0
            assert not moved[:place].any() and moved[place:].all()


def test_a_transformer_of_a_seed_and_its_count() -> None:
    """Catches weights that no seed draws, and a count in the docstring that is another network's."""
    first, again, other = text_model(), text_model(), text_model(seed=1)
    state, same, differing = (m.state_dict() for m in (first, again, other))
    assert all(torch.equal(state[name], same[name]) for name in state)
    assert all(name in state for name in ("embedding.token.weight", "block1.query.weight", "head.bias"))
    drawn = [name for name in state if name.endswith("weight") and "norm" not in name]
    assert not any(torch.equal(state[name], differing[name]) for name in drawn)
    whole = tiny_transformer(seed=0, tokens=80)
    assert count_weights(whole) == 103_424 == Mask.ones(whole).total
    reinitialize(other, seed=0)
    assert all(torch.equal(state[name], tensor) for name, tensor in other.state_dict().items())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"width": 9, "heads": 2}, "width=9 was given for 2 heads; expected a multiple"),
        ({"tokens": 0}, "tokens=0 was given"),
    ],
)
def test_a_transformer_that_cannot_be(given, said) -> None:
    with pytest.raises(ValueError, match=said):
        text_model(**given)
    with pytest.raises(ValueError, match="A row of 13 tokens was given; expected 12 or fewer"):
        text_model()(torch.zeros(1, 13, dtype=torch.int64))
