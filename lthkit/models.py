"""The course's networks for images, and one for text; their seeded initialisation, and counts of their weights.

A seed decides every weight: it feeds a private generator on the CPU, so a seed means the same network on
every device and the global random state stays as it was. `reinitialize` draws again what the constructor
drew.
"""

from __future__ import annotations

import difflib
import math
from collections import OrderedDict
from collections.abc import Callable
from numbers import Integral

import torch
from torch import Tensor, nn

from lthkit.attention import CausalBlock, Embedding
from lthkit.machine.checks import whole_seed

Shape = tuple[int, ...]  # as `data.shape` is; three numbers are asked for when a network is made
MNIST_SHAPE: Shape = (1, 28, 28)
CIFAR_SHAPE: Shape = (3, 32, 32)


class Network(nn.Sequential):
    """Named layers in a row. `init` is the rule that draws its weights, a key of `INITS`."""

    def __init__(self, layers: OrderedDict[str, nn.Module], init: str = "glorot") -> None:
        super().__init__(layers)
        self.init = init


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, added to their input (He et al. 2016, section 3.3).

    Where the block halves the image and widens it, the shortcut is a 1×1 convolution of stride 2 with batch
    norm.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        stride = 1 if before == after else 2
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.shortcut: nn.Module = nn.Identity()
        if before != after:
            layers = {"conv": nn.Conv2d(before, after, 1, stride=2, bias=False), "bn": nn.BatchNorm2d(after)}
            self.shortcut = nn.Sequential(OrderedDict(layers))

    def forward(self, x: Tensor) -> Tensor:
        """[n, before, h, w] -> [n, after, h, w], or half of h and w (rounded up) where the block halves."""
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


def lenet_300_100(*, seed: int, input_shape: Shape = MNIST_SHAPE, classes: int = 10) -> nn.Module:
    """LeNet-300-100: two hidden layers of 300 and 100 units; 266,200 weights for 28×28×1.

    The network of Frankle & Carbin 2019, section 2 (after LeCun et al. 1998).

    Args:
        seed: of the initialisation.
        input_shape: (channels, height, width) of the images, which the network flattens.
        classes: number of outputs.
    """
    c, h, w = _image_shape("lenet-300-100", input_shape, smallest=1)
    layers: dict[str, nn.Module] = {}
    with torch.device("meta"):
        layers["flatten"] = nn.Flatten()
        _add_head(layers, [c * h * w, 300, 100, classes])
    return _network(layers, seed, init="glorot")


def mlp_bn(*, seed: int, input_shape: Shape = MNIST_SHAPE, classes: int = 10, width: int = 100) -> nn.Module:
    """MLP with batch norm: five hidden layers of 100 units, and a linear one; 119,400 weights for 28×28×1.

    Not from a paper. It is small, and from step 0 its tickets are not stable when it is trained at a large learning rate
    (lesson 06). The hidden layers have no bias, because batch norm has one; He-normal weights.

    Args:
        seed: of the initialisation.
        input_shape: (channels, height, width) of the images, which the network flattens.
        classes: number of outputs.
        width: units of each hidden layer.
    """
    c, h, w = _image_shape("mlp-bn", input_shape, smallest=1)
    width = _positive("width", width)
    layers: dict[str, nn.Module] = {}
    with torch.device("meta"):
        layers["flatten"] = nn.Flatten()
        before = c * h * w
        for i in range(1, 6):
            layers[f"fc{i}"] = nn.Linear(before, width, bias=False)
            layers |= {f"bn{i}": nn.BatchNorm1d(width), f"relu{i}": nn.ReLU()}
            before = width
        layers["fc6"] = nn.Linear(before, _positive("classes", classes))
    return _network(layers, seed, init="kaiming")


def lenet_5(*, seed: int, input_shape: Shape = MNIST_SHAPE, classes: int = 10) -> nn.Module:
    """LeNet-5, Caffe variant: 20 and 50 5×5 convolutions, 500 hidden units; 430,500 weights for 28×28×1.

    The network that Lee et al. 2019 (SNIP) prune in their table 1. Convolutions are unpadded and each is
    followed by ReLU and a 2×2 max-pool. Arguments as in `lenet_300_100`.
    """
    c, h, w = _image_shape("lenet-5", input_shape, smallest=16)
    layers: dict[str, nn.Module] = {}
    with torch.device("meta"):
        for i, (before, after) in enumerate([(c, 20), (20, 50)], start=1):
            layers |= {
                f"conv{i}": nn.Conv2d(before, after, 5),
                f"relu{i}": nn.ReLU(),
                f"pool{i}": nn.MaxPool2d(2),
            }
        layers["flatten"] = nn.Flatten()
        _add_head(layers, [50 * ((h - 12) // 4) * ((w - 12) // 4), 500, classes])
    return _network(layers, seed, init="glorot")


def smallcnn(*, seed: int, input_shape: Shape = CIFAR_SHAPE, classes: int = 10) -> nn.Module:
    """SmallCNN: two 3×3 convolutions of 32 and 64 channels, 256 hidden units; 1,070,432 weights for 32×32×3.

    Both convolutions (padding 1, ReLU) work at full resolution; two 2×2 max-pools follow. No batch norm.
    Arguments as in `lenet_300_100`.
    """
    c, h, w = _image_shape("smallcnn", input_shape, smallest=4)
    layers: dict[str, nn.Module] = {}
    with torch.device("meta"):
        for i, (before, after) in enumerate([(c, 32), (32, 64)], start=1):
            layers |= {f"conv{i}": nn.Conv2d(before, after, 3, padding=1), f"relu{i}": nn.ReLU()}
        layers |= {"pool1": nn.MaxPool2d(2), "pool2": nn.MaxPool2d(2), "flatten": nn.Flatten()}
        _add_head(layers, [64 * (h // 4) * (w // 4), 256, classes])
    return _network(layers, seed, init="glorot")


def conv_2(*, seed: int, input_shape: Shape = CIFAR_SHAPE, classes: int = 10, width: int = 64) -> nn.Module:
    """Conv-2: two 3×3 convolutions of 64 channels, a pool, then 256, 256; 4,300,992 weights for 32×32×3.

    Frankle & Carbin 2019, figure 2: VGG scaled down. Each pair of convolutions (padding 1) ends in a 2×2
    max-pool.

    Args:
        seed: of the initialisation.
        input_shape: (channels, height, width) of the images.
        classes: number of outputs.
        width: channels of the first pair; the hidden layers have four times as many units.
    """
    return _conv_net("conv-2", 1, seed, input_shape, classes, width)


def conv_4(*, seed: int, input_shape: Shape = CIFAR_SHAPE, classes: int = 10, width: int = 64) -> nn.Module:
    """Conv-4: as `conv_2` with a second pair of 128 channels; 2,425,024 weights for 32×32×3."""
    return _conv_net("conv-4", 2, seed, input_shape, classes, width)


def conv_6(*, seed: int, input_shape: Shape = CIFAR_SHAPE, classes: int = 10, width: int = 64) -> nn.Module:
    """Conv-6: as `conv_4` with a third pair of 256 channels; 2,261,184 weights for 32×32×3.

    The figure of the paper prints 1.7 million, its appendix H.1 the number above.
    """
    return _conv_net("conv-6", 3, seed, input_shape, classes, width)


def resnet_20(
    *, seed: int, input_shape: Shape = CIFAR_SHAPE, classes: int = 10, width: int = 16
) -> nn.Module:
    """ResNet-20 for CIFAR: nine residual blocks of 16, 32 and 64 channels; 270,896 weights for 32×32×3.

    He et al. 2016, section 4.2, with 1×1 projections as the two shortcuts that widen (their option B), as in
    the 270K-weight network that Frankle & Carbin 2019 call ResNet-18.

    Args:
        seed: of the initialisation.
        input_shape: (channels, height, width) of the images.
        classes: number of outputs.
        width: channels of the first three blocks; the later ones have two and four times as many.
    """
    c, _, _ = _image_shape("resnet-20", input_shape, smallest=4)
    width = _positive("width", width)
    layers: dict[str, nn.Module] = {}
    with torch.device("meta"):
        layers["conv1"] = nn.Conv2d(c, width, 3, padding=1, bias=False)
        layers |= {"bn1": nn.BatchNorm2d(width), "relu1": nn.ReLU()}
        before = width
        for i, after in enumerate([width] * 3 + [2 * width] * 3 + [4 * width] * 3, start=1):
            layers[f"block{i}"] = ResidualBlock(before, after)
            before = after
        layers |= {"average": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten()}
        layers["fc"] = nn.Linear(before, _positive("classes", classes))
    return _network(layers, seed, init="kaiming")


def vgg_16(*, seed: int, input_shape: Shape = CIFAR_SHAPE, classes: int = 10, width: int = 64) -> nn.Module:
    """VGG-16 for CIFAR: thirteen 3×3 convolutions with batch norm; 14,715,584 weights for 32×32×3.

    Simonyan & Zisserman 2015, configuration D, in the form of Frankle & Carbin 2019, figure 2: max-pools
    between the five stages, a global average pool and one linear layer at the end.

    Args:
        seed: of the initialisation.
        input_shape: (channels, height, width) of the images.
        classes: number of outputs.
        width: channels of the first stage; the later ones have 2, 4, 8 and 8 times as many.
    """
    before, _, _ = _image_shape("vgg-16", input_shape, smallest=16)
    width = _positive("width", width)
    layers: dict[str, nn.Module] = {}
    with torch.device("meta"):
        for stage, (factor, count) in enumerate([(1, 2), (2, 2), (4, 3), (8, 3), (8, 3)]):
            if stage > 0:
                layers[f"pool{stage}"] = nn.MaxPool2d(2)
            for _ in range(count):
                i, after = sum(name.startswith("conv") for name in layers) + 1, factor * width
                layers[f"conv{i}"] = nn.Conv2d(before, after, 3, padding=1, bias=False)
                layers |= {f"bn{i}": nn.BatchNorm2d(after), f"relu{i}": nn.ReLU()}
                before = after
        layers |= {"average": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten()}
        layers["fc"] = nn.Linear(before, _positive("classes", classes))
    return _network(layers, seed, init="kaiming")


def tiny_transformer(
    *, seed: int, tokens: int, length: int = 64, width: int = 64, layers: int = 2, heads: int = 2
) -> nn.Module:
    """A Transformer that tells each token from those before it; 103,424 weights for 80 tokens and the sizes below.

    Vaswani et al. 2017, as a language model: token and position embedded, blocks of causal attention (`attention`), a
    last norm, and a linear layer of its own to the scores of the next token. No dropout. A mask speaks about the linear
    layers, not about the embeddings.

        data = lth.load_data("lesson-text")
        model = lth.models.tiny_transformer(seed=0, tokens=len(data.classes), length=data.shape[0])

    Args:
        seed: of the initialisation: Gaussian Glorot, embeddings with a standard deviation of 0.02, biases 0.
        tokens: how many different ones there are.
        length: the longest row.
        width: numbers that stand for a token; a multiple of `heads`.
        layers: how many blocks. heads: in each.
    """
    sizes = {"tokens": tokens, "length": length, "width": width, "layers": layers, "heads": heads}
    sizes = {name: _positive(name, value) for name, value in sizes.items()}
    width, heads = sizes["width"], sizes["heads"]
    if width % heads:
        raise ValueError(f"width={width} was given for {heads} heads; expected a multiple of their number.")
    with torch.device("meta"):
        parts: dict[str, nn.Module] = {"embedding": Embedding(sizes["tokens"], sizes["length"], width)}
        for i in range(1, sizes["layers"] + 1):
            parts[f"block{i}"] = CausalBlock(width, heads)
        parts |= {"norm": nn.LayerNorm(width), "head": nn.Linear(width, sizes["tokens"])}
    return _network(parts, seed, init="glorot")


MODELS: dict[str, Callable[..., nn.Module]] = {
    "lenet-300-100": lenet_300_100,
    "mlp-bn": mlp_bn,
    "lenet-5": lenet_5,
    "smallcnn": smallcnn,
    "conv-2": conv_2,
    "conv-4": conv_4,
    "conv-6": conv_6,
    "resnet-20": resnet_20,
    "vgg-16": vgg_16,
}


def model_by_name(name: str) -> Callable[..., nn.Module]:
    """The function behind a name in `MODELS`. ValueError lists the names and guesses which was meant."""
    if not isinstance(name, str) or name not in MODELS:
        close = difflib.get_close_matches(str(name).lower().replace("_", "-"), MODELS, n=1)
        guess = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"Unknown model {name!r}; expected one of {', '.join(MODELS)}.{guess}")
    return MODELS[name]


def count_weights(model: nn.Module) -> int:
    """Weights in linear and convolutional layers of one of these networks, the course's "100 %": no biases, no batch norm."""
    weights = {
        id(m.weight): m.weight.numel() for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv2d))
    }
    return sum(weights.values())


def output_layer(model: nn.Module) -> str:
    """Parameter name of the last linear layer's weight, such as "fc3.weight"; of a tied one the first name, as in a mask.

    ValueError if there is none.
    """
    layers = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    if not layers:
        raise ValueError(f"{type(model).__name__} has no linear layer; expected a network that ends in one.")
    name, last = layers[-1]
    first = (n for n, parameter in model.named_parameters() if parameter is last.weight)
    return next(first, f"{name}.weight".removeprefix("."))


def _glorot_std(weight: Tensor) -> float:
    """Glorot & Bengio 2010, equation 12, for a normal distribution: sqrt(2 / (fan in + fan out))."""
    area = weight[0, 0].numel()
    return math.sqrt(2 / (area * (weight.shape[1] + weight.shape[0])))


def _kaiming_std(weight: Tensor) -> float:
    """He et al. 2015, equation 10, for ReLU: sqrt(2 / fan in)."""
    return math.sqrt(2 / weight[0].numel())


INITS: dict[str, Callable[[Tensor], float]] = {"glorot": _glorot_std, "kaiming": _kaiming_std}


EMBEDDING_STD = 0.02


@torch.no_grad()
def reinitialize(model: nn.Module, *, seed: int) -> None:
    """Draw all of `model` again, in place: afterwards it equals what its constructor makes with `seed`.

    Weights come from the network's own distribution (Gaussian Glorot for the LeNets, SmallCNN and Conv nets,
    as in Frankle & Carbin 2019, section 2; Kaiming normal for ResNet, VGG and the MLP), biases are 0, and batch and layer norm
    start anew: gain 1, bias 0, running statistics forgotten. The values do not depend on the model's device.

    Raises:
        ValueError: the model was not made by this module, so its distribution is not known.
    """
    std = INITS.get(getattr(model, "init", ""))
    if std is None:
        raise ValueError(
            f"How {type(model).__name__} was initialised is not known; expected a network made by "
            "lthkit.models. For a network of your own, call the function that makes it with another seed."
        )
    generator = torch.Generator().manual_seed(whole_seed(seed))
    for name, module in model.named_modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            drawn = torch.empty(module.weight.shape, dtype=torch.float32, device="cpu")
            module.weight.copy_(drawn.normal_(0.0, std(module.weight), generator=generator))
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, nn.Embedding):
            drawn = torch.empty(module.weight.shape, dtype=torch.float32, device="cpu")
            module.weight.copy_(drawn.normal_(0.0, EMBEDDING_STD, generator=generator))
        elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm)):
            module.reset_parameters()
        elif any(True for _ in module.parameters(recurse=False)) or any(
            True for _ in module.buffers(recurse=False)
        ):
            raise ValueError(
                f"Layer {name!r} ({type(module).__name__}) has state that no rule here initialises."
            )


def _conv_net(name: str, pairs: int, seed: int, input_shape: Shape, classes: int, width: int) -> nn.Module:
    before, h, w = _image_shape(name, input_shape, smallest=2**pairs)
    width = _positive("width", width)
    layers: dict[str, nn.Module] = {}
    with torch.device("meta"):
        for pair in range(pairs):
            after = width * 2**pair
            for i in (2 * pair + 1, 2 * pair + 2):
                layers |= {f"conv{i}": nn.Conv2d(before, after, 3, padding=1), f"relu{i}": nn.ReLU()}
                before = after
            layers[f"pool{pair + 1}"] = nn.MaxPool2d(2)
        layers["flatten"] = nn.Flatten()
        _add_head(layers, [before * (h // 2**pairs) * (w // 2**pairs), 4 * width, 4 * width, classes])
    return _network(layers, seed, init="glorot")


def _add_head(layers: dict[str, nn.Module], units: list[int]) -> None:
    """Append linear layers fc1, fc2, ... with ReLU between them."""
    _positive("classes", units[-1])
    for i, (before, after) in enumerate(zip(units, units[1:], strict=False), start=1):
        layers[f"fc{i}"] = nn.Linear(before, after)
        if i < len(units) - 1:
            layers[f"fc{i}_relu"] = nn.ReLU()


def _network(layers: dict[str, nn.Module], seed: int, *, init: str) -> nn.Module:
    """Layers built on the meta device, which draws nothing, become a network on the CPU drawn from `seed`."""
    model = Network(OrderedDict(layers), init)
    # as `to_empty` does, which imports a computer algebra system for it, a third of a second in each process
    there = {
        name: torch.empty(t.shape, dtype=t.dtype, device="cpu") for name, t in model.state_dict().items()
    }
    model.load_state_dict(there, assign=True)
    reinitialize(model, seed=seed)
    return model


def _image_shape(name: str, shape: Shape, *, smallest: int) -> tuple[int, int, int]:
    try:
        c, h, w = shape
    except (TypeError, ValueError):
        c = h = w = 0
    if not all(isinstance(n, Integral) and n > 0 for n in (c, h, w)):
        raise ValueError(
            f"input_shape={shape!r} was given; expected (channels, height, width), such as (3, 32, 32)."
        )
    if min(h, w) < smallest:
        raise ValueError(
            f"{name} cannot take images of {h}x{w} (input_shape={shape!r}): its pooling needs at least "
            f"{smallest}x{smallest}. Enlarge the images or take lenet-300-100, which takes any size."
        )
    return int(c), int(h), int(w)


def _positive(what: str, value: int) -> int:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{what}={value!r} was given; expected a whole number of 1 or more.")
    return int(value)
