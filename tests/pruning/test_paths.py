"""Paths are found whatever the activations are, held against brute force: move a weight, and see what the outputs say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import lthkit as lth
from lthkit.pruning import connected


class Fn(nn.Module):
    """A network whose forward is a function of it and the input, its layers by name."""

    def __init__(self, forward: Callable[..., Tensor], **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.how = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.how(self, x)


def mlp(act: Callable[[], nn.Module]) -> nn.Module:
    return nn.Sequential(
        nn.Linear(5, 6, bias=False), act(), nn.Linear(6, 6, bias=False), act(), nn.Linear(6, 3, bias=False)
    )


def conv(act: Callable[[], nn.Module], pool: Callable[[], nn.Module] = lambda: nn.AvgPool2d(2)) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False),
        act(),
        nn.Conv2d(4, 4, 2, groups=2, dilation=2, bias=False),
        act(),
        pool(),
        nn.ConvTranspose2d(4, 3, 2, stride=2, bias=False),
        act(),
        nn.Flatten(),
        nn.Linear(48, 2, bias=False),
    )


def attention(**how: object) -> nn.Module:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        x = net.a(x)
        mask = torch.full((3, 3), -torch.inf).triu(1).to(x.dtype) if how.get("causal") else None
        x = net.attend(x, x, x, attn_mask=mask, need_weights=bool(how.get("weights")))[0]
        return net.b(x[:, 0] if how.get("first") else x.mean(1))

    return Fn(
        forward,
        a=nn.Linear(4, 4, bias=False),
        attend=nn.MultiheadAttention(4, 2, bias=False, batch_first=True),
        b=nn.Linear(4, 2, bias=False),
    )


def by_hand(net: nn.Module, x: Tensor) -> Tensor:
    q, k, v = net.qkv(x).chunk(3, -1)
    scores = torch.einsum("bid,bjd->bij", q, k) / 2
    scores = scores.masked_fill(torch.ones(3, 3).tril() == 0, -torch.inf)
    return net.out(torch.tanh(scores.softmax(-1) @ v).permute(0, 2, 1).reshape(len(x), -1))


def sdpa(net: nn.Module, x: Tensor) -> Tensor:
    q, k, v = (layer(x).unsqueeze(1) for layer in (net.q, net.k, net.v))
    return net.out(F.scaled_dot_product_attention(q, k, v, is_causal=True).squeeze(1)[:, 1])


def recurrent(kind: type, **how: object) -> nn.Module:
    return Fn(
        lambda net, x: net.out(net.rnn(x)[0][:, -1]),
        rnn=kind(3, 4, bias=False, batch_first=True, **how),
        out=nn.Linear(4 * (1 + bool(how.get("bidirectional"))), 2, bias=False),
    )


def shortcut(net: nn.Module, x: Tensor) -> Tensor:
    x = torch.tanh(net.a(x))
    y = torch.cat([x + net.b(x).tanh_(), net.c(x)[:, :2]], 1)
    buffer = torch.zeros(len(x), 8, dtype=x.dtype)
    buffer[:, 1:7] = y[:, torch.tensor([0, 2, 1, 5, 4, 3])]
    return net.d(buffer)


def linear(*shape: int) -> nn.Module:
    return nn.Linear(*shape, bias=False)


def encoder(act: Callable[[Tensor], Tensor], **how: object) -> nn.Module:
    layer = nn.TransformerEncoderLayer(4, 2, 6, batch_first=True, activation=act, bias=False, **how)
    return Fn(
        lambda net, x: net.out(net.layer(net.a(x))[:, 0]), a=linear(4, 4), layer=layer, out=linear(4, 2)
    )


def tied(net: nn.Module, x: Tensor) -> Tensor:
    return F.linear(F.linear(torch.tanh(net.a(x)), net.a.weight.t()), net.b.weight * 3)


def gated(net: nn.Module, x: Tensor) -> Tensor:
    return net.out(F.silu(net.a(x)) * net.b(x) + F.glu(net.c(x)))


# Name -> (network, the shape of one input, the same network with smooth curves, for the derivative).
NETS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], Callable[[], nn.Module] | None]] = {
    "tanh": (lambda: mlp(nn.Tanh), (5,), None),
    "gelu": (lambda: mlp(nn.GELU), (5,), None),
    "relu": (lambda: mlp(nn.ReLU), (5,), lambda: mlp(nn.Tanh)),
    "relu6": (lambda: mlp(nn.ReLU6), (5,), lambda: mlp(nn.Tanh)),
    "hardswish": (lambda: mlp(nn.Hardswish), (5,), lambda: mlp(nn.Tanh)),
    "layer norm": (
        lambda: nn.Sequential(linear(5, 6), nn.LayerNorm(6, bias=False), nn.Tanh(), linear(6, 3)),
        (5,),
        None,
    ),
    "convolutions": (lambda: conv(nn.Tanh), (2, 6, 6), None),
    "convolutions, max-pool": (
        lambda: conv(nn.ReLU, lambda: nn.MaxPool2d(2)),
        (2, 6, 6),
        lambda: conv(nn.Tanh),
    ),
    "group norm": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 4, 3, bias=False), nn.GroupNorm(2, 4, affine=False), nn.Flatten(), linear(16, 2)
        ),
        (2, 4, 4),
        None,
    ),
    "instance norm": (
        lambda: nn.Sequential(
            nn.Conv1d(2, 4, 2, bias=False), nn.InstanceNorm1d(4), nn.Flatten(), linear(16, 2)
        ),
        (2, 5),
        None,
    ),
    "attention": (attention, (3, 4), None),
    "attention with its weights": (lambda: attention(weights=True), (3, 4), None),
    "causal attention, first place": (lambda: attention(causal=True, first=True), (3, 4), None),
    "causal attention": (lambda: attention(causal=True, weights=True), (3, 4), None),
    "attention of one token": (attention, (1, 4), None),
    "attention by hand": (lambda: Fn(by_hand, qkv=linear(4, 12), out=linear(12, 2)), (3, 4), None),
    "causal scaled dot product": (
        lambda: Fn(sdpa, q=linear(4, 4), k=linear(4, 4), v=linear(4, 4), out=linear(4, 2)),
        (3, 4),
        None,
    ),
    "LSTM": (lambda: recurrent(nn.LSTM), (3, 3), None),
    "LSTM with two layers": (lambda: recurrent(nn.LSTM, num_layers=2), (3, 3), None),
    "GRU": (lambda: recurrent(nn.GRU, bidirectional=True), (3, 3), None),
    "RNN": (lambda: recurrent(nn.RNN), (3, 3), None),
    "residual, joined": (
        lambda: Fn(shortcut, a=linear(5, 4), b=linear(4, 4), c=linear(4, 4), d=linear(8, 2)),
        (5,),
        None,
    ),
    "encoder": (lambda: encoder(torch.relu), (3, 4), lambda: encoder(torch.tanh)),
    "encoder, norm first": (
        lambda: encoder(F.gelu, norm_first=True),
        (3, 4),
        None,
    ),
    "one weight twice": (lambda: Fn(tied, a=linear(5, 4), b=linear(5, 2)), (5,), None),
    "gates": (
        lambda: Fn(gated, a=linear(5, 4), b=linear(5, 4), c=linear(5, 8), out=linear(4, 2)),
        (5,),
        None,
    ),
    "bilinear": (
        lambda: Fn(
            lambda net, x: net.out(net.both(net.a(x), x)),
            a=linear(5, 4),
            both=nn.Bilinear(4, 5, 3, bias=False),
            out=linear(3, 2),
        ),
        (5,),
        None,
    ),
}


def generic(model: nn.Module, mask: lth.Mask) -> nn.Module:
    """Random weights in float64, on which no path cancels another by luck, and the mask applied."""
    generator = torch.Generator().manual_seed(11)
    model = model.double().eval()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64))
    mask.apply_(model)
    return model


def by_moving_weights(model: nn.Module, mask: lth.Mask, shape: tuple[int, ...]) -> dict[str, Tensor]:
    """Which kept weights the outputs follow. In a network without biases a path is the only way.

    The weight is moved by a derivative in float64; some outputs of some inputs must follow.
    """
    model = generic(model, mask)
    weights = {n: p for n, p in model.named_parameters() if n in mask}
    found = {n: torch.zeros(p.shape, dtype=torch.bool) for n, p in weights.items()}
    generator = torch.Generator().manual_seed(12)
    for _ in range(3):
        outputs = model(torch.randn(1, *shape, generator=generator, dtype=torch.float64)).flatten()
        for output in outputs:
            parts = torch.autograd.grad(output, list(weights.values()), retain_graph=True, allow_unused=True)
            for n, g in zip(weights, parts, strict=True):
                if g is not None:
                    found[n] |= g.abs() > 1e-13
    return {n: found[n] & kept for n, kept in mask.items()}


def random_mask(model: nn.Module, density: float, seed: int) -> lth.Mask:
    return lth.prune_to(lth.Mask.ones(model), lth.random(model, seed=seed), density, min_kept=0)


@pytest.mark.parametrize(("make", "shape", "smooth"), NETS.values(), ids=NETS)
def test_paths_are_those_along_which_the_outputs_follow(make, shape, smooth):
    """Catches: a rule of an operation that connects too much or too little, forwards or backwards."""
    torch.manual_seed(0)
    for density in (0.25, 0.4, 0.6):
        for seed in (0, 1):
            model = make()
            mask = random_mask(model, density, seed)
            expected = by_moving_weights((smooth or make)(), mask, shape)
            found = connected(model, mask, shape)
            for name in mask:
                assert torch.equal(found[name], expected[name]), (name, density, seed)


def test_the_paths_of_large_networks_are_there():
    """The networks that a derivative calls collapsed. Catches: paths ended by ReLU6, batch norm, depth."""
    torchvision = pytest.importorskip("torchvision")
    for make in (torchvision.models.mobilenet_v2, torchvision.models.resnet18):
        model = make(num_classes=10)
        found = connected(model, lth.Mask.ones(model), (3, 32, 32))
        assert all(bool(t.any()) for t in found.values())


SQUASHED = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softmax": lambda: nn.Softmax(1),
    "ReLU6": nn.ReLU6,
    "layer norm": lambda: nn.LayerNorm(6),
    "dropout": lambda: nn.Dropout(0.9),
}


@pytest.mark.parametrize("act", SQUASHED.values(), ids=SQUASHED)
def test_a_dense_network_is_connected_whole_whatever_its_values(act):
    """Catches: a saturated curve taken for a cut; dropout that drops a path; a bias that begins one."""
    model = nn.Sequential(nn.Linear(5, 6), act(), nn.Linear(6, 6), act(), nn.Linear(6, 3)).train()
    with torch.no_grad():
        for p in model.parameters():
            p.fill_(1e4)
    whole = lth.Mask.ones(model)
    assert connected(model, whole, (5,)) == whole
    cut = lth.Mask({**whole, "2.weight": torch.zeros(6, 6, dtype=torch.bool)})
    assert connected(model, cut, (5,)).kept == 0
    assert model.training and bool((model[0].weight == 1e4).all())


def test_a_unit_with_a_bias_and_no_input_is_no_beginning():
    """Sigmoid makes 0.5 of nothing. Catches: paths that begin at a bias, or at a curve that is not 0 at 0."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1))
    mask = lth.Mask(
        {"0.weight": torch.tensor([[True, True], [False, False]]), "2.weight": torch.tensor([[True, True]])}
    )
    found = connected(model, mask, (2,))
    assert found["2.weight"].tolist() == [[True, False]] and int(found["0.weight"].sum()) == 2


def test_group_norm_connects_its_group_alone():
    """Catches: groups taken for one. Channel 1 gets the mean of channels 0 and 1; channels 2 and 3 get nothing."""
    model = nn.Sequential(
        nn.Conv1d(1, 4, 1, bias=False), nn.GroupNorm(2, 4, affine=False), nn.Flatten(), linear(8, 1)
    )
    only_first = torch.tensor([True, False, False, False]).view(4, 1, 1)
    found = connected(model, lth.Mask({**lth.Mask.ones(model), "0.weight": only_first}), (1, 2))
    assert found["3.weight"].tolist() == [[True] * 4 + [False] * 4]


def test_a_gate_that_is_always_shut_ends_a_path():
    """A factor without support. Catches: the sum of what reaches two factors, taken for their product."""
    model = Fn(lambda net, x: net.c(net.a(x) * net.b(x)), a=linear(3, 2), b=linear(3, 2), c=linear(2, 1))
    whole = lth.Mask.ones(model)
    shut = torch.ones(2, 3, dtype=torch.bool)
    shut[1] = False
    found = connected(model, lth.Mask({**whole, "b.weight": shut}), (3,))
    assert found["a.weight"].tolist() == [[True] * 3, [False] * 3] and found["c.weight"].tolist() == [
        [True, False]
    ]


def test_a_gate_that_biases_alone_hold_open_lies_on_no_path():
    """It scales what passes, always alike. Catches: a path through what the other factor's support rests on."""
    model = Fn(
        lambda net, x: net.out(net.value(x) * net.gate(net.cut(x).sigmoid())),
        cut=nn.Linear(2, 2),
        gate=linear(2, 2),
        value=linear(2, 2),
        out=linear(2, 1),
    )
    mask = lth.Mask({**lth.Mask.ones(model), "cut.weight": torch.zeros(2, 2, dtype=torch.bool)})
    found = connected(model, mask, (2,))
    assert {name: int(t.sum()) for name, t in found.items()} == {
        "cut.weight": 0,
        "gate.weight": 0,
        "value.weight": 4,
        "out.weight": 2,
    }


def test_tied_weights_unused_layers_two_heads_and_other_numbers():
    """Catches: one use of a weight that hides another; a layer without a part in the outputs as an error."""
    model = Fn(lambda net, x: net.a(net.a(x)), a=linear(3, 3))
    corner = torch.zeros(3, 3, dtype=torch.bool)
    corner[1, 0] = corner[2, 1] = True
    found = connected(model, lth.Mask({"a.weight": corner}), (3,))
    assert found["a.weight"].tolist() == corner.tolist()
    heads = Fn(
        lambda net, x: {"one": net.one(x.relu()), "more": (net.two(x), None)},
        one=nn.Linear(3, 2),
        two=nn.Linear(3, 4),
        unused=nn.Linear(3, 5),
    )
    for model in (heads, heads.double(), heads.bfloat16()):
        found = connected(model, lth.Mask.ones(model), (3,))
        assert [int(t.sum()) for t in found.values()] == [6, 12, 0]


REFUSED = {
    "an unknown operation": (
        lambda net, x: torch.cdist(net.a(x), x),
        r"the network .Fn. uses aten._(cdist|euclid)",
    ),
    "a decision": (lambda net, x: net.a(x) if x.sum() > 0 else x, "takes a decision by values"),
    "places by chance": (lambda net, x: net.a(x)[:, torch.randperm(4)], "numbers that come from chance"),
    "places by a parameter": (lambda net, x: net.a(x)[:, net.a.places], "numbers that come from a parameter"),
    "another weight": (
        lambda net, x: (setattr(net.a.weight, "data", net.a.weight * 2), net.a(x))[1],
        "a.weight is replaced in the forward",
    ),
    "places by value": (lambda net, x: x.gather(1, net.a(x).argsort(1)), "numbers that come from the input"),
    "numpy": (lambda net, x: torch.from_numpy(net.a(x).detach().numpy().copy()), "No output of Fn depends"),
    "Fourier": (lambda net, x: torch.fft.fft(net.a(x)).real, "aten._fft_r2c"),
}


@pytest.mark.parametrize(("forward", "message"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_rule_is_refused_by_name(forward, message):
    """Catches: an operation that is passed over in silence."""
    model = Fn(forward, a=linear(4, 4))
    model.a.places = nn.Parameter(torch.arange(4), requires_grad=False)
    with pytest.raises(ValueError, match=message):
        connected(model, lth.Mask.ones(model), (4,))


def test_compiled_networks_and_token_numbers():
    model = torch.compile(nn.Sequential(linear(3, 3), nn.Tanh(), linear(3, 2)), backend="eager")
    whole = lth.Mask.ones(model)
    assert connected(model, whole, (3,)) == whole
    words = nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), linear(12, 2))
    mask = random_mask(words, 0.5, 0)
    assert connected(words, mask, (3,)) == mask


MADE_OF_WEIGHTS = {
    "plus": lambda w: w + 1e-3,
    "minus": lambda w: w - 0.5,
    "clamped": lambda w: w.clamp(min=1e-3),
    "hardtanh": lambda w: F.hardtanh(w, 1e-3, 9.0),
    "batch norm": lambda w: F.batch_norm(w, torch.ones(5), torch.ones(5)),
    "divides": lambda w: torch.addcdiv(torch.zeros(()), torch.ones(()), w),
    "a gate": lambda w: F.glu(torch.cat([torch.ones(4, 5), w])[None], 1)[0],
    "a product": lambda w: w.prod(0, keepdim=True),
}


@pytest.mark.parametrize("made", MADE_OF_WEIGHTS.values(), ids=MADE_OF_WEIGHTS)
def test_a_weight_made_of_another_rests_on_it(made):
    """Catches: 1 + w, which is other than 0 in any case, taken for a number that does not follow w."""
    model = Fn(lambda net, x: F.linear(x, made(net.a.weight)), a=linear(5, 4))
    whole = lth.Mask.ones(model)
    assert connected(model, whole, (5,)) == whole
    by_conv = Fn(lambda net, x: x * net.conv(net.conv.z).flatten(), conv=nn.Conv1d(1, 1, 3, padding=1))
    by_conv.conv.z = nn.Parameter(torch.rand(1, 1, 5))
    assert connected(by_conv, lth.Mask.ones(by_conv), (5,))["conv.weight"].all()


def test_what_is_written_into_a_constant_leaves_the_rest_of_it():
    """Catches: ones that count as zeros as soon as another part of them is overwritten, and the other way round."""

    def gate(fill: float) -> nn.Module:
        def forward(net, x):
            g = torch.full((len(x), 6), fill)
            g[:, :3] = net.g(x)
            return net.o(net.a(x) * g)

        return Fn(forward, g=linear(4, 3), a=linear(4, 6), o=linear(6, 2))

    whole = lth.Mask.ones(gate(1.0))
    assert connected(gate(1.0), whole, (4,)) == whole
    assert [int(t.sum()) for t in connected(gate(0.0), whole, (4,)).values()] == [12, 12, 6]


def test_the_kth_value_is_a_path_from_each_place():
    model = Fn(
        lambda net, x: net.b(net.a(x).view(-1, 2, 3).kthvalue(2, 1).values), a=linear(4, 6), b=linear(3, 2)
    )
    whole = lth.Mask.ones(model)
    assert connected(model, whole, (4,)) == whole


def test_scripted_parts_are_refused_by_name():
    """Catches: the shape blamed for what torch.jit hides."""
    model = nn.Sequential(torch.jit.script(nn.Sequential(linear(4, 4), nn.ReLU())), linear(4, 2))
    with pytest.raises(ValueError, match=r"^0 .RecursiveScriptModule. was scripted"):
        connected(model, lth.Mask({"1.weight": torch.ones(2, 4, dtype=torch.bool)}), (4,))


def test_a_packed_sequence_of_constant_lengths_is_no_decision():
    """Catches: the number of sequences at each step, which the lengths say, taken for values of the input."""

    def forward(net, x):
        packed = nn.utils.rnn.pack_padded_sequence(x, torch.full((len(x),), 3), batch_first=True)
        return net.out(net.rnn(packed)[1][-1])

    model = Fn(forward, rnn=nn.GRU(4, 4, batch_first=True), out=linear(4, 2))
    with pytest.raises(ValueError, match="uses aten._pack_padded_sequence, and no rule"):
        connected(model, lth.Mask.ones(model), (5, 4))
