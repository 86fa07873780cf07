"""Networks as people write them, tiny: what `test_networks.py` holds every operation of lthkit against.

Each takes images, [n, 1, 8, 8] or [n, 3, 32, 32], and most give three outputs. `weights` are the prunable parameters,
written down by hand. A network is added here in a few lines; the table then shows what works on it and what is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune

OPERATIONS = (
    "mask", "magnitude", "random", "snip", "grasp", "synflow", "prune", "select", "train", "held", "imp", "collapse", "costs",
    "packed", "csr", "compact", "onnx", "ticket", "torch prune",
)  # fmt: skip
SCORES = ("magnitude", "random", "snip", "grasp", "synflow")
EXPORTS = ("packed", "csr", "compact", "onnx")


@dataclass(frozen=True)
class Net:
    """One network of the table.

    Attributes:
        make: makes it from torch's global generator, which the test seeds.
        weights: names of the prunable parameters, in order; None for large networks: the linear and convolutional ones.
        refuses: operation (or a group: "scores", "exports", "all") -> a pattern in the text of the refusal, which names
            a module or the cause, and the remedy.
        size: of the images, "8x8" or "32x32".
        straight: the same network with activations that are lines and norms that only scale, for the literal SynFlow;
            None is `make`, where ReLU lets positive numbers pass.
        flops: forward operations of one image, counted by hand; None: torch's counter is right.
        first: of these, products with what comes in, for which no backward pass computes a gradient of the input; None:
            torch's counter is right of the backward pass too.
        include, exclude: of `Mask.ones` and of the scores.
        gated: paths through products of activations, or past a norm, may count on a bias (see `moved`).
        onnx: False leaves the export to ONNX, which takes seconds, to `pytest -m soak`.
    """

    make: Callable[[], nn.Module]
    weights: tuple[str, ...] | None
    refuses: Mapping[str, str] = field(default_factory=dict)
    size: str = "8x8"
    straight: Callable[[], nn.Module] | None = None
    flops: int | None = None
    first: int | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    gated: bool = False
    onnx: bool = False

    def __call__(self, *, seed: int) -> nn.Module:
        """The network of this seed; torch's generator is as before afterwards."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return self.make()

    @property
    def chosen(self) -> dict[str, tuple[str, ...]]:
        """Keywords that say which parameters are spoken about, where that is not the usual."""
        return {n: v for n, v in (("include", self.include), ("exclude", self.exclude)) if v}

    def refusal(self, operation: str) -> str | None:
        """What its refusal says, or None where it works."""
        groups = ("scores",) * (operation in SCORES) + ("exports",) * (operation in EXPORTS)
        return next((self.refuses[k] for k in (operation, *groups, "all") if k in self.refuses), None)


def rows(x: Tensor) -> Tensor:
    """Images [n, 1, 8, 8] as eight words of eight numbers."""
    return x.flatten(1).unflatten(1, (8, 8))


def words(x: Tensor) -> Tensor:
    """Images as text: 16 words of 10, int64 [n, 16]."""
    return (x.flatten(1)[:, ::4] * 3).long().clamp(-5, 4) + 5


class Rows(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return rows(x)


class Mean(nn.Module):
    """The mean over the words."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)


class Last(nn.Module):
    """The last word of what a recurrent layer gives."""

    def forward(self, x: tuple[Tensor, Any]) -> Tensor:
        return x[0][:, -1]


def head(channels: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 3)]


def plain() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 6), nn.ReLU(), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)
    )


def mlp(act: Callable[[], nn.Module], *norms: nn.Module) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 6), *norms, act(), nn.Linear(6, 4), act(), nn.Linear(4, 3)
    )


def conv(*between: nn.Module) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), *between, nn.MaxPool2d(4), nn.Flatten(), nn.Linear(16, 3)
    )


class Tied(nn.Module):
    """An encoder whose weight is its decoder's, turned over."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode, self.out = nn.Linear(8, 8), nn.Linear(8, 8, bias=False), nn.Linear(8, 3)
        self.decode.weight = self.encode.weight

    def forward(self, x: Tensor) -> Any:
        return self.out(self.decode(torch.relu(self.encode(rows(x)))).mean(1))


class TiedEmbedding(nn.Module):
    """A language model's: the last layer has the embedding's weight."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.mix, self.out = nn.Embedding(10, 6), nn.Linear(6, 6), nn.Linear(6, 10, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, x: Tensor) -> Any:
        return self.out(torch.relu(self.mix(self.embed(words(x)).mean(1))))


class Twice(nn.Module):
    """One layer, used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again, self.last = nn.Linear(64, 5), nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Any:
        x = torch.relu(self.first(x.flatten(1)))
        return self.last(torch.relu(self.again(torch.relu(self.again(x)))))


def tied_stack() -> nn.Module:
    net = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3)
    )
    net[3].weight = net[1].weight
    return net


def computed(tool: Callable[[nn.Module], nn.Module]) -> Callable[[], nn.Module]:
    """The plain network with one weight that `tool` makes a computed one."""

    def make() -> nn.Module:
        net = plain()
        tool(net[3])  # type: ignore[index]
        return net

    return make


class Half(nn.Module):
    def forward(self, w: Tensor) -> Tensor:
        return w / 2


def half(layer: nn.Module) -> nn.Module:
    parametrize.register_parametrization(layer, "weight", Half())
    return layer


def undone() -> nn.Module:
    """Pruned by torch, and made permanent: the weight is now behind the bias among the parameters."""
    net = plain()
    prune.l1_unstructured(net[1], "weight", 0.3)  # type: ignore[index]
    prune.remove(net[1], "weight")  # type: ignore[index]
    return net


def unparametrized() -> nn.Module:
    net = plain()
    half(net[3])  # type: ignore[index]
    parametrize.remove_parametrizations(net[3], "weight")  # type: ignore[index]
    return net


def recurrent(layer: nn.Module, out: int) -> nn.Module:
    return nn.Sequential(Rows(), layer, Last(), nn.Linear(out, 3))


class Cells(nn.Module):
    """A recurrent cell in a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = nn.GRUCell(8, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Any:
        h = x.new_zeros(len(x), 4)
        for word in rows(x).unbind(1):
            h = self.cell(word, h)
        return self.out(h)


class Attention(nn.Module):
    def __init__(self, **sizes: int) -> None:
        super().__init__()
        self.attention, self.out = nn.MultiheadAttention(8, 2, batch_first=True, **sizes), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Any:
        x = rows(x)
        n = self.attention.kdim
        return self.out(
            self.attention(x, x[..., :n], x[..., : self.attention.vdim], need_weights=False)[0].mean(1)
        )


class OwnAttention(nn.Module):
    """Written out, with torch's function for the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Any:
        q, k, v = self.qkv(rows(x)).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2).mean(1))


def transformer(norm_first: bool = False, dropout: float = 0.0) -> nn.Module:
    layer = nn.TransformerEncoderLayer(8, 2, 8, dropout, batch_first=True, norm_first=norm_first)
    encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
    return nn.Sequential(Rows(), encoder, Mean(), nn.Linear(8, 3))


def separable() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, padding=1, groups=4),
        nn.Conv2d(4, 6, 1),
        nn.ReLU(),
        *head(6),
    )


def grouped() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=2, dilation=2),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, stride=2, groups=2, padding_mode="circular", padding=1),
        nn.ReLU(),
        *head(6),
    )


def transposed() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, stride=2),
        nn.ReLU(),
        nn.ConvTranspose2d(3, 4, 3, stride=2, groups=1),
        nn.ReLU(),
        *head(4),
    )


class Text(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.conv, self.out = nn.Embedding(10, 5), nn.Conv1d(5, 4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Any:
        return self.out(torch.relu(self.conv(self.embed(words(x)).transpose(1, 2))).amax(2))


class Bag(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bag, self.out = nn.EmbeddingBag(10, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Any:
        return self.out(torch.relu(self.bag(words(x))))


def volume() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(2, (2, 4)), nn.Conv3d(1, 3, (2, 3, 3)), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3)
    )


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = (
            nn.Conv2d(1, 4, 3, padding=1),
            *(nn.Conv2d(4, 4, 3, padding=1) for _ in "ab"),
        )
        self.bn1, self.bn2, self.out = nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Any:
        x = F.relu(self.conv1(x))
        y = self.bn2(self.conv3(F.relu(self.bn1(self.conv2(x)))))
        return self.out(F.relu(x + y).mean((2, 3)))


class Concatenated(nn.Module):
    """A skip by concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.out = nn.Linear(64, 5), nn.Linear(5, 4), nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Any:
        a = torch.relu(self.first(x.flatten(1)))
        return self.out(torch.cat([a, torch.relu(self.second(a))], 1))


class SqueezeExcite(nn.Module):
    def __init__(self, gate: Callable[[Tensor], Tensor] = torch.sigmoid) -> None:
        super().__init__()
        self.gate = gate
        self.conv, self.down, self.up, self.out = (
            nn.Conv2d(1, 4, 3),
            nn.Linear(4, 2),
            nn.Linear(2, 4),
            nn.Linear(4, 3),
        )

    def forward(self, x: Tensor) -> Any:
        x = torch.relu(self.conv(x))
        gate = self.gate(self.up(torch.relu(self.down(x.mean((2, 3))))))
        return self.out((x * gate[:, :, None, None]).mean((2, 3)))


class Softmaxed(nn.Module):
    """A mixture of two experts."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.one, self.two = nn.Linear(64, 2), nn.Linear(64, 3), nn.Linear(64, 3)

    def forward(self, x: Tensor) -> Any:
        x = x.flatten(1)
        share = self.gate(x).softmax(1)
        return share[:, :1] * self.one(x) + share[:, 1:] * self.two(x)


class Heads(nn.Module):
    """Two heads."""

    def __init__(self, kind: str, training_only: bool = False) -> None:
        super().__init__()
        self.body, self.main, self.aux = nn.Linear(64, 5), nn.Linear(5, 3), nn.Linear(5, 3)
        self.kind, self.training_only = kind, training_only

    def forward(self, x: Tensor) -> Any:
        x = torch.relu(self.body(x.flatten(1)))
        if self.training_only and not self.training:
            return self.main(x)
        both = {"out": self.main(x), "aux": self.aux(x)}
        return both if self.kind == "dict" else tuple(both.values())


class Summed(nn.Module):
    """Two heads of which the sum is judged."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = Heads("tuple")

    def forward(self, x: Tensor) -> Any:
        return sum(self.heads(x))


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.never, self.fc2 = nn.Linear(64, 5), nn.Linear(7, 7), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Any:
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


class Own(nn.Module):
    """Weights of one's own, in a list, and used by functions."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ParameterList(
            [nn.Parameter(torch.randn(5, 64) / 8), nn.Parameter(torch.randn(4, 5) / 2)]
        )
        self.out = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Any:
        x = x.flatten(1)
        for w in self.layers:
            x = torch.relu(F.linear(x, w))
        return self.out(x)


class Bilinear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.both, self.out = (
            nn.Linear(64, 3),
            nn.Linear(64, 2),
            nn.Bilinear(3, 2, 4),
            nn.Linear(4, 3),
        )

    def forward(self, x: Tensor) -> Any:
        x = x.flatten(1)
        return self.out(torch.relu(self.both(self.left(x), self.right(x))))


class Buffers(nn.Module):
    """Buffers of every kind that a state may hold."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(64, 5), nn.Linear(5, 3)
        self.register_buffer("counts", torch.arange(3))
        self.register_buffer("flags", torch.tensor([True, False]))
        self.register_buffer("phases", torch.tensor([1j, 2.0]))
        self.register_buffer("shift", torch.tensor(-0.5), persistent=False)

    def forward(self, x: Tensor) -> Any:
        return self.fc2(torch.relu(self.fc1(x.flatten(1)) + self.shift))


def frozen() -> nn.Module:
    net = plain()
    net[1].requires_grad_(False)  # type: ignore[index]
    return net


def lazy() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(5), nn.ReLU(), nn.LazyLinear(3))


def unlazy() -> nn.Module:
    net = lazy()
    net(torch.zeros(2, 1, 8, 8))
    return net


def compiled() -> nn.Module:
    return torch.compile(plain(), backend="eager")  # type: ignore[return-value]


def hooked() -> nn.Module:
    net = plain()
    net[3].register_forward_hook(_double)  # type: ignore[index]
    return net


def _double(module: nn.Module, given: Any, out: Tensor) -> Tensor:
    return out * 2


class Gain(nn.Module):
    """What a norm does beside normalising."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(shape[0])), nn.Parameter(torch.zeros(shape[0]))
        self.places = (1, -1, *[1] * (len(shape) - 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.view(self.places) + self.bias.view(self.places)


def without_curves(net: nn.Module) -> nn.Module:
    for m in net.modules():
        for name, child in m.named_children():
            if isinstance(child, nn.ReLU6):
                setattr(m, name, nn.Identity())
    return net


def resnet18() -> nn.Module:
    import torchvision

    return torchvision.models.resnet18(weights=None, num_classes=3)


def mobilenet_v2() -> nn.Module:
    import torchvision

    return torchvision.models.mobilenet_v2(weights=None, num_classes=3, width_mult=0.25)


PLAIN = ("1.weight", "3.weight", "5.weight")
ENCODER = tuple(
    f"1.layers.0.{n}.weight".replace("proj.weight", "proj_weight" if n.endswith("in_proj") else "proj.weight")
    for n in ("self_attn.in_proj", "self_attn.out_proj", "linear1", "linear2")
)

# Refusals. Each names the module or the cause, and what to do.


def is_computed(by: str, remedy: str) -> dict[str, str]:
    return {
        "all": rf"3\.weight of 3 \(\w*Linear\) is no parameter: .*{by}.*Make it one again with .*{remedy}"
    }


def no_stack(kind: str) -> dict[str, str]:
    return {"compact": rf"{kind} is no nn\.Sequential.*expected a plain stack of layers.*save_packed"}


def no_layer(name: str, kind: str, why: str = "it is not supported") -> dict[str, str]:
    return {
        "compact": rf"Layer '{name}' \({kind}\) cannot be compacted: {why}.*Supported are stacks of.*save_packed"
    }


def no_flow(name: str, why: str) -> dict[str, str]:
    return {"synflow": rf"{name} is {why}.*SynFlow has no score.*Take another criterion"}


def several(kind: str, *operations: str) -> dict[str, str]:
    return dict.fromkeys(operations, rf"Heads gives a {kind}.*expected one tensor.*Wrap it")


def not_by_torch(name: str, by: str) -> dict[str, str]:
    return {"torch prune": rf"{name} is used without that \({by}\).*exclude="}


RECURRENT, ATTENTION = "a recurrent layer", "attention"
READS = "MultiheadAttention reads it itself"
ROWS = no_layer("0", "Rows")
FLOAT = r"Sequential does not take the images.*parameters of torch\.\w+: take model\.float\(\)"

NETWORKS: dict[str, Net] = {
    "plain": Net(plain, PLAIN, onnx=True),
    "conv": Net(lambda: conv(nn.ReLU()), ("0.weight", "4.weight"), onnx=True),
    "batch norm": Net(
        lambda: conv(nn.BatchNorm2d(4), nn.ReLU()),
        ("0.weight", "5.weight"),
        no_layer("1", "BatchNorm2d"),
    ),
    "tied": Net(Tied, ("encode.weight", "out.weight"), no_stack("Tied")),
    "tied embedding": Net(TiedEmbedding, ("embed.weight", "mix.weight"), no_stack("TiedEmbedding")),
    "tied in a stack": Net(
        tied_stack, ("1.weight", "5.weight"), no_layer("3", "Linear", "its weight is tied")
    ),
    "used twice": Net(Twice, ("first.weight", "again.weight", "last.weight"), no_stack("Twice")),
    "parametrized": Net(computed(half), None, is_computed("Half", "remove_parametrizations")),
    "weight norm": Net(
        computed(parametrizations.weight_norm), None, is_computed("_WeightNorm", "remove_parametrizations")
    ),
    "old weight norm": Net(
        computed(nn.utils.weight_norm), None, is_computed("weight_norm", "remove_weight_norm")
    ),
    "spectral norm": Net(
        computed(parametrizations.spectral_norm),
        None,
        is_computed("_SpectralNorm", "remove_parametrizations"),
    ),
    "old spectral norm": Net(
        computed(nn.utils.spectral_norm), None, is_computed("spectral_norm", "remove_spectral_norm")
    ),
    "orthogonal": Net(
        computed(parametrizations.orthogonal), None, is_computed("_Orthogonal", "remove_parametrizations")
    ),
    "torch-pruned": Net(
        computed(lambda m: prune.l1_unstructured(m, "weight", 0.3)),
        None,
        is_computed("prune", "prune.remove"),
    ),
    "torch-pruned, removed": Net(undone, PLAIN),
    "parametrized, removed": Net(unparametrized, PLAIN),
    "LSTM": Net(
        lambda: recurrent(nn.LSTM(8, 4, batch_first=True), 4),
        ("1.weight_ih_l0", "1.weight_hh_l0", "3.weight"),
        ROWS | no_flow(r"1 \(LSTM\)", RECURRENT),
        flops=2 * (8 * 16 * (8 + 4) + 12),
        first=2 * 16 * (8 * 8 + 4),  # no gradient goes to the images, nor to the first hidden state
        onnx=True,
        gated=True,
    ),
    "GRU": Net(
        lambda: recurrent(nn.GRU(8, 3, batch_first=True, bidirectional=True), 6),
        ("1.weight_ih_l0", "1.weight_hh_l0", "1.weight_ih_l0_reverse", "1.weight_hh_l0_reverse", "3.weight"),
        ROWS | no_flow(r"1 \(GRU\)", RECURRENT),
        flops=2 * (2 * 8 * 9 * (8 + 3) + 18),
        first=2 * 2 * 9 * (8 * 8 + 3),
        gated=True,
    ),
    "RNN": Net(
        lambda: recurrent(nn.RNN(8, 4, 2, batch_first=True, nonlinearity="relu"), 4),
        ("1.weight_ih_l0", "1.weight_hh_l0", "1.weight_ih_l1", "1.weight_hh_l1", "3.weight"),
        ROWS | no_flow(r"1 \(RNN\)", RECURRENT),
        flops=2 * (8 * 4 * (8 + 4 + 4 + 4) + 12),
        first=2 * 4 * (8 * 8 + 4 + 4),
    ),
    "projected LSTM": Net(
        lambda: recurrent(nn.LSTM(8, 4, batch_first=True, proj_size=2), 2),
        ("1.weight_ih_l0", "1.weight_hh_l0", "1.weight_hr_l0", "3.weight"),
        ROWS
        | no_flow(r"1 \(LSTM\)", RECURRENT)
        | {"onnx": r"Sequential cannot be exported so that onnxruntime computes the same: .*save_packed"},
        flops=2 * (8 * 16 * (8 + 2) + 8 * 4 * 2 + 6),
        first=2 * 16 * (8 * 8 + 2),
        gated=True,
    ),
    "cells": Net(
        Cells,
        ("cell.weight_ih", "cell.weight_hh", "out.weight"),
        no_stack("Cells")
        | no_flow(r"cell \(GRUCell\)", RECURRENT)
        | {
            "onnx": r"Cells cannot be exported so that onnxruntime computes the same: .*other batch.*save_packed"
        },
        gated=True,
    ),
    "attention": Net(
        Attention,
        ("attention.in_proj_weight", "attention.out_proj.weight", "out.weight"),
        no_stack("Attention")
        | no_flow(r"attention \(MultiheadAttention\)", ATTENTION)
        | not_by_torch(r"attention\.out_proj\.weight", READS),
        flops=2 * (8 * 8 * 24 + 2 * 2 * 8 * 8 * 4 + 8 * 8 * 8 + 24),
        first=2 * 8 * 8 * 24,
        onnx=True,
        gated=True,
    ),
    "attention, other keys": Net(
        lambda: Attention(kdim=6, vdim=5),
        tuple(f"attention.{n}_proj_weight" for n in "qkv") + ("attention.out_proj.weight", "out.weight"),
        no_stack("Attention")
        | no_flow(r"attention \(MultiheadAttention\)", ATTENTION)
        | not_by_torch(r"attention\.out_proj\.weight", READS),
        flops=2 * (8 * 8 * (8 + 6 + 5) + 2 * 2 * 8 * 8 * 4 + 8 * 8 * 8 + 24),
        first=2 * 8 * 8 * (8 + 6 + 5),
        gated=True,
    ),
    "own attention": Net(
        OwnAttention,
        ("qkv.weight", "out.weight"),
        no_stack("OwnAttention") | no_flow(r"the network \(OwnAttention\)", ATTENTION),
        flops=2 * (8 * 8 * 24 + 2 * 2 * 8 * 8 * 4 + 24),
        first=2 * 8 * 8 * 24,
        gated=True,
    ),
    "Transformer": Net(
        transformer,
        (*ENCODER, "3.weight"),
        ROWS
        | no_flow(r"1\.layers\.0\.self_attn \(MultiheadAttention\)", ATTENTION)
        | not_by_torch(r"1\.layers\.0\.self_attn\.out_proj\.weight", READS),
        flops=2 * (8 * 8 * 24 + 2 * 2 * 8 * 8 * 4 + 8 * 8 * 8 + 2 * 8 * 8 * 8 + 24),
        first=2 * 8 * 8 * 24,
        onnx=True,
        gated=True,
    ),
    "Transformer with dropout": Net(
        lambda: transformer(norm_first=True, dropout=0.2),
        (*ENCODER, "3.weight"),
        ROWS
        | no_flow(r"1\.layers\.0\.self_attn \(MultiheadAttention\)", ATTENTION)
        | not_by_torch(r"1\.layers\.0\.self_attn\.out_proj\.weight", READS),
        gated=True,
    ),
    "separable": Net(
        separable,
        ("0.weight", "2.weight", "3.weight", "7.weight"),
        no_layer("2", "Conv2d", "it has 4 groups"),
        flops=2 * (64 * 36 + 64 * 36 + 64 * 24 + 18),
        first=2 * 64 * 36,
    ),
    "grouped, dilated": Net(
        grouped,
        ("0.weight", "2.weight", "6.weight"),
        no_layer("2", "Conv2d", "it has 2 groups"),
        flops=2 * (64 * 36 + 16 * 6 * 2 * 9 + 18),
        first=2 * 64 * 36,
    ),
    "transposed": Net(
        transposed, ("0.weight", "2.weight", "6.weight"), no_layer("2", "ConvTranspose2d"), onnx=True
    ),
    "text": Net(Text, ("conv.weight", "out.weight"), no_stack("Text")),
    "text, embedding named": Net(
        Text, ("embed.weight", "conv.weight", "out.weight"), no_stack("Text"), include=("embed*",)
    ),
    "bag of words": Net(
        Bag,
        ("out.weight",),
        no_stack("Bag")
        | {
            "collapse": r"bag \(EmbeddingBag\) uses aten\._embedding_bag, and no rule says.*Write this part",
            "costs": r"bag \(EmbeddingBag\) uses aten\._embedding_bag, and it is not known.*Write this part",
        },
    ),
    "volume": Net(volume, ("1.weight", "4.weight"), no_layer("0", "Unflatten")),
    "GroupNorm": Net(
        lambda: conv(nn.GroupNorm(2, 4), nn.ReLU()),
        ("0.weight", "5.weight"),
        no_layer("1", "GroupNorm"),
        straight=lambda: conv(Gain(4, 1, 1), nn.ReLU()),
        gated=True,
    ),
    "InstanceNorm": Net(
        lambda: conv(nn.InstanceNorm2d(4, affine=True), nn.ReLU()),
        ("0.weight", "5.weight"),
        no_layer("1", "InstanceNorm2d")
        | no_flow(r"1 \(InstanceNorm2d\)", "normalisation by the input's own statistics"),
        gated=True,
    ),
    "LayerNorm": Net(
        lambda: mlp(nn.GELU, nn.LayerNorm(6)),
        ("1.weight", "4.weight", "6.weight"),
        no_layer("2", "LayerNorm"),
        straight=lambda: mlp(nn.Identity, Gain(6)),
        gated=True,
    ),
    "BatchNorm1d": Net(
        lambda: mlp(nn.ReLU, nn.BatchNorm1d(6)),
        ("1.weight", "4.weight", "6.weight"),
        no_layer("2", "BatchNorm1d"),
    ),
    "tanh": Net(lambda: mlp(nn.Tanh), PLAIN, straight=lambda: mlp(nn.Identity)),
    "sigmoid": Net(lambda: mlp(nn.Sigmoid), PLAIN, straight=lambda: mlp(nn.Identity)),
    "ReLU6": Net(
        lambda: conv(nn.ReLU6()),
        ("0.weight", "4.weight"),
        no_layer("1", "ReLU6"),
        straight=lambda: conv(nn.Identity()),
    ),
    "PReLU": Net(lambda: mlp(nn.PReLU), PLAIN, no_layer("2", "PReLU")),
    "dropout": Net(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.ReLU(), nn.Dropout(0.4), nn.Linear(6, 3)),
        ("1.weight", "4.weight"),
    ),
    "residual": Net(
        Residual, ("conv1.weight", "conv2.weight", "conv3.weight", "out.weight"), no_stack("Residual")
    ),
    "concatenated": Net(
        Concatenated, ("first.weight", "second.weight", "out.weight"), no_stack("Concatenated")
    ),
    "squeeze and excite": Net(
        SqueezeExcite,
        ("conv.weight", "down.weight", "up.weight", "out.weight"),
        no_stack("SqueezeExcite"),
        straight=lambda: SqueezeExcite(gate=lambda x: x),
        gated=True,
    ),
    "softmax inside": Net(
        Softmaxed,
        ("gate.weight", "one.weight", "two.weight"),
        no_stack("Softmaxed") | no_flow(r"the network \(Softmaxed\)", "attention or softmax"),
    ),
    "two heads": Net(
        lambda: Heads("tuple"),
        ("body.weight", "main.weight", "aux.weight"),
        no_stack("Heads") | several("tuple", "snip", "grasp", "synflow", "train", "imp", "onnx"),
        onnx=True,
    ),
    "two heads, a dict": Net(
        lambda: Heads("dict"),
        ("body.weight", "main.weight", "aux.weight"),
        no_stack("Heads") | several("dict", "snip", "grasp", "synflow", "train", "imp", "onnx"),
    ),
    "aux head in training": Net(
        lambda: Heads("tuple", True),
        ("body.weight", "main.weight", "aux.weight"),
        no_stack("Heads")
        | several("tuple", "train", "imp")
        | dict.fromkeys(("snip", "grasp", "synflow"), r"aux\.weight.*no gradient.*exclude"),
        flops=2
        * (320 + 15),  # in evaluation mode; a training has the price of the head too, as torch's counter says
    ),
    "two heads, summed": Net(
        Summed, ("heads.body.weight", "heads.main.weight", "heads.aux.weight"), no_stack("Summed")
    ),
    "unused layer": Net(
        Unused,
        ("fc1.weight", "never.weight", "fc2.weight"),
        no_stack("Unused")
        | dict.fromkeys(("snip", "grasp", "synflow"), r"never\.weight.*no gradient.*exclude"),
    ),
    "unused layer, left out": Net(
        Unused, ("fc1.weight", "fc2.weight"), no_stack("Unused"), exclude=("never.*",)
    ),
    "own weights": Net(Own, ("out.weight",), no_stack("Own")),
    "own weights, named": Net(
        Own,
        ("layers.0", "layers.1", "out.weight"),
        no_stack("Own") | not_by_torch(r"layers\.0", "ParameterList has no forward"),
        include=("layers.*",),
    ),
    "bilinear": Net(
        Bilinear,
        ("left.weight", "right.weight", "both.weight", "out.weight"),
        no_stack("Bilinear"),
        flops=2 * (64 * 5 + 24 + 12),
        first=2 * 64 * 5 - 2 * 24,  # three factors, so three products on the way back
    ),
    "buffers": Net(Buffers, ("fc1.weight", "fc2.weight"), no_stack("Buffers")),
    "frozen layer": Net(frozen, PLAIN),
    "lazy": Net(lazy, None, {"all": r"1\.weight.*\(lazy layers\).*Run one batch through it first"}),
    "lazy, after a batch": Net(unlazy, ("1.weight", "3.weight")),
    "double": Net(lambda: plain().double(), PLAIN, {"train": FLOAT, "imp": FLOAT}),
    "bfloat16": Net(
        lambda: plain().bfloat16(),
        PLAIN,
        {
            "train": FLOAT,
            "imp": FLOAT,
            "packed": r"'1\.weight' is torch\.bfloat16.*save model\.float\(\)",
            "csr": r"1 \(Linear\) is torch\.bfloat16.*model\.float\(\)",
            "onnx": r"Sequential cannot be exported so that onnxruntime computes the same: .*model\.float\(\)",
        },
        onnx=True,
    ),
    "half": Net(
        lambda: plain().half(),
        PLAIN,
        {"train": FLOAT, "imp": FLOAT, "csr": r"1 \(Linear\) is torch\.float16.*model\.float\(\)"},
    ),
    "compiled": Net(compiled, tuple(f"_orig_mod.{n}" for n in PLAIN), no_stack("OptimizedModule"), onnx=True),
    "DataParallel": Net(
        lambda: nn.DataParallel(plain()),
        tuple(f"module.{n}" for n in PLAIN),
        no_stack("DataParallel"),
    ),
    "hooked": Net(
        hooked,
        PLAIN,
        no_layer("3", "Linear", "it has hooks") | {"csr": r"3 \(Linear\) has hooks.*Remove them first"},
    ),
    "resnet18": Net(resnet18, None, no_stack("ResNet"), size="32x32"),
    "mobilenet_v2": Net(
        mobilenet_v2,
        None,
        no_stack("MobileNetV2"),
        size="32x32",
        straight=lambda: without_curves(mobilenet_v2()),
        first=2 * 16 * 16 * 8 * 27,
    ),
}
