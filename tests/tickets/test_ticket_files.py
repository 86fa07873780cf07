"""A ticket as one file: plain torch opens it, and what is damaged, foreign or of another network is refused."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import lthkit as lth
from lthkit.storage.files import DamagedFile
from lthkit.tickets import Ticket
from tests.conftest import small_conv, small_net

RECIPE = lth.Recipe(steps=12, batch_size=20, evaluate_every=6)


def ticket(**about: Any) -> Ticket:
    net = small_conv(seed=0)
    mask = lth.prune_to(lth.Mask.ones(net), lth.magnitude(net), 0.5)
    return Ticket(mask, lth.Checkpoint.of(net, step=3), about)


def same(a: Ticket, b: Ticket) -> bool:
    return (a.mask, a.start.fingerprint, dict(a.about)) == (b.mask, b.start.fingerprint, dict(b.about))


def test_a_round_goes_to_a_file_and_back_and_is_trained_alike(tiny: lth.Dataset, tmp_path: Path) -> None:
    rounds = list(lth.imp(small_conv, tiny, rounds=1, rewind_step=4, recipe=RECIPE))
    one = Ticket(
        rounds[1].mask, rounds[1].rewind, {"seed": 0, "recipe": asdict(RECIPE), "best": np.float64(0.5)}
    )
    found = Ticket.load(one.save(tmp_path / "ticket.pt"))
    assert same(found, one) and found.start.step == 4 and found.start.optimizer is not None
    assert len(repr(found)) < 2000 and "0.5" in repr(found)
    assert found.about["recipe"]["lr"] == RECIPE.lr and type(found.about["best"]) is float
    again = lth.retrain(small_conv, tiny, mask=found.mask, weights_from=found.start, recipe=RECIPE)
    assert again.history == rounds[1].result.history


def test_plain_torch_reads_it_without_lthkit(tmp_path: Path) -> None:
    """The lines of the docstring, in a process that cannot import lthkit."""
    one = ticket(note="ü", parts=[1, 2.5, None, True, {"a": "b"}])
    one.save(tmp_path / "ticket.pt")
    text = inspect.getdoc(Ticket) or ""
    begin = text.index('    ticket = torch.load("ticket.pt"')
    code = textwrap.dedent(text[begin : text.index("\nand writes")])
    script = (
        "import sys, json, torch\nfrom torch import nn\nsys.modules['lthkit'] = None\n"
        "model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), "
        "nn.Flatten(), nn.Linear(8, 3))\n" + code
        + "\nprint(json.dumps([ticket['step'], ticket['about'], model(torch.ones(2, 1, 8, 8)).tolist(), sorted(ticket)]))"
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    step, about, outputs, keys = json.loads(done.stdout)
    model = small_conv(seed=1)
    one.apply_(model)
    assert step == 3 and about == one.about and outputs == model(torch.ones(2, 1, 8, 8)).tolist()
    assert keys == ["about", "kind", "mask", "optimizer", "sha256", "step", "version", "weights"]


def test_a_file_that_plain_torch_has_written_is_read(tmp_path: Path) -> None:
    """A colleague's: with masks of numbers, and nothing but the two."""
    one, path = ticket(), tmp_path / "plain.pt"
    for kind in (torch.bool, torch.float32, torch.uint8):
        torch.save({"mask": {n: t.to(kind) for n, t in one.mask.items()}, "weights": one.start.model}, path)
        found = Ticket.load(path)
        assert found.mask == one.mask and found.start.step == 0 and found.about == {}
        assert all(torch.equal(t, one.start.model[n]) for n, t in found.start.model.items())
    torch.save({"mask": {n: t * 0.5 for n, t in one.mask.items()}, "weights": one.start.model}, path)
    with pytest.raises(ValueError, match=r"mask of 0\.weight has values other than 0 and 1"):
        Ticket.load(path)


def test_the_weights_are_whole_and_applied_they_are_masked() -> None:
    one, net = ticket(), small_conv(seed=1)
    before = {n: t.clone() for n, t in one.start.model.items()}
    one.apply_(net)
    for name, kept in one.mask.items():
        weight = net.get_parameter(name).detach()
        assert not weight[~kept].any() and torch.equal(weight[kept], before[name][kept])
    assert all(torch.equal(t, before[n]) for n, t in one.start.model.items())
    assert one.start.model["0.weight"][~one.mask["0.weight"]].all()


def test_a_ticket_of_another_network_is_refused_and_nothing_is_done() -> None:
    net = small_net(seed=0)
    before = {n: t.clone() for n, t in net.state_dict().items()}
    with pytest.raises(ValueError, match="another model"):
        ticket().apply_(net)
    lacking = small_conv(seed=0)
    lacking.register_buffer("more", torch.ones(2))
    with pytest.raises(ValueError, match=r"not in the checkpoint: \['more'\]"):
        ticket().apply_(lacking)
    bias = Ticket(lth.Mask({"5.bias": torch.ones(3, dtype=torch.bool)}), lth.Checkpoint.of(small_net(seed=1)))
    with pytest.raises(ValueError, match=r"not in the model: \['5\.bias'\]"):
        bias.apply_(net)
    assert all(torch.equal(t, before[n]) for n, t in net.state_dict().items())


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda c: c["weights"]["0.weight"].add_(1e-3), "does not match its checksum"),
        (lambda c: c["weights"]["0.weight"].neg_(), "does not match its checksum"),
        (lambda c: c["mask"]["0.weight"].logical_not_(), "does not match its checksum"),
        (lambda c: c.update(step=4), "does not match its checksum"),
        (lambda c: c["about"].update(seed=9), "does not match its checksum"),
        (lambda c: c["weights"].pop("5.bias"), "does not match its checksum"),
        (lambda c: c["weights"].update(more=torch.ones(1)), "does not match its checksum"),
        (lambda c: c.update(optimizer={}), "does not match its checksum"),
        (lambda c: c.update(kind="something"), "holds 'something', version 1, and this lthkit reads"),
        (lambda c: c.update(version=2), "version 2, and this lthkit reads"),
        (lambda c: c.pop("mask"), "no ticket; expected `mask` and `weights`"),
        (lambda c: c["weights"].update(text="x"), "no ticket"),
        (lambda c: c.update(mask=torch.ones(3)), "no ticket"),
    ],
)
def test_what_was_altered_is_refused(change: Any, text: str, tmp_path: Path) -> None:
    content = torch.load(ticket(seed=0).save(tmp_path / "t.pt"), weights_only=True)
    change(content)
    torch.save(content, tmp_path / "t.pt")
    with pytest.raises(DamagedFile, match=text):
        Ticket.load(tmp_path / "t.pt")


def test_a_mask_that_does_not_belong_to_the_weights_is_refused(tmp_path: Path) -> None:
    one = ticket()
    text = r"1\.weight is \(20, 64\) in the mask and \(8,\) in the weights; 3\.weight .* and not there in"
    with pytest.raises(ValueError, match=text):
        Ticket(lth.Mask.ones(small_net(seed=0)), one.start)
    torch.save(
        {"mask": dict(lth.Mask.ones(small_net(seed=0))), "weights": one.start.model}, tmp_path / "t.pt"
    )
    with pytest.raises(ValueError, match=text):
        Ticket.load(tmp_path / "t.pt")


def test_damaged_bytes_are_named_at_every_length(tmp_path: Path) -> None:
    path = ticket().save(tmp_path / "t.pt")
    content = path.read_bytes()
    for end in (0, 1, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:end])
        with pytest.raises(DamagedFile, match=r"t\.pt"):
            Ticket.load(path)
    flips = 0
    for place in range(0, len(content), len(content) // 60):
        damaged = bytearray(content)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        try:
            found = Ticket.load(path)
        except (DamagedFile, ValueError):
            flips += 1
        else:
            assert same(found, ticket()), "a flipped bit between the tensors changes nothing"
    assert flips > 20


class Evil:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("ran"),))


def test_no_code_in_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"mask": {}, "weights": {}, "about": Evil()}, "t.pt")
    with pytest.raises(DamagedFile, match="plain values only"):
        Ticket.load("t.pt")
    assert not Path("ran").exists()
    torch.save(small_net(seed=0), "model.pt")
    with pytest.raises(DamagedFile, match="plain values only"):
        Ticket.load("model.pt")
    torch.save([1, 2], "list.pt")
    with pytest.raises(DamagedFile, match="holds a list, no ticket"):
        Ticket.load("list.pt")
    torch.save(small_net(seed=0).state_dict(), "state.pt")
    with pytest.raises(DamagedFile, match=r"OrderedDict with 1\.weight.*Ticket\(lthkit\.Mask\("):
        Ticket.load("state.pt")
    with pytest.raises(FileNotFoundError, match="There is no file nothing.pt"):
        Ticket.load("nothing.pt")
    lth.Mask.ones(small_net(seed=0)).save("mask.npz")
    with pytest.raises(DamagedFile, match="no file of torch.save"):
        Ticket.load("mask.npz")


@pytest.mark.parametrize(
    ("about", "text"),
    [
        ({"a": torch.ones(1)}, r"about\['a'\] is a Tensor; expected plain values"),
        ({"a": {"b": object()}}, r"about\['a'\]\['b'\] is a object"),
        ({1: "a"}, "about has the key 1; expected names"),
        ({"a": {1, 2}}, r"about\['a'\] is a set"),
    ],
)
def test_notes_are_plain_values(about: Any, text: str) -> None:
    one = ticket()
    with pytest.raises(TypeError, match=text):
        Ticket(one.mask, one.start, about)
    with pytest.raises(TypeError, match="mask is a dict; expected a Mask"):
        Ticket(dict(one.mask), one.start)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="start is a Sequential; expected a Checkpoint"):
        Ticket(one.mask, small_conv(seed=0))  # type: ignore[arg-type]


def test_every_type_and_layout_comes_back(tmp_path: Path) -> None:
    """Catches: bits of bfloat16, complex, 0-dim, empty and transposed tensors that change, and a file with whole storages."""

    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            g = torch.Generator().manual_seed(0)
            self.w = nn.Parameter(torch.randn(6, 4, generator=g).t())
            self.halved = nn.Parameter(torch.randn(3, 2, generator=g).bfloat16())
            self.register_buffer("c", torch.tensor([1j, 2.0]).conj())
            self.register_buffer("zero", torch.tensor(7))
            self.register_buffer("none", torch.zeros(0, 3))
            self.register_buffer("flags", torch.tensor([True, False]))
            self.register_buffer("view", torch.arange(100_000)[3:5])
            self.register_buffer("nan", torch.tensor(float("nan")))

    net = Odd()
    mask = lth.Mask({"w": net.w.detach() > 0, "halved": net.halved.detach() > 0})
    one = Ticket(mask, lth.Checkpoint(0, net.state_dict()))
    path = one.save(tmp_path / "t.pt")
    assert path.stat().st_size < 20_000
    found = Ticket.load(path)
    assert found.mask == mask
    for name, tensor in net.state_dict().items():
        other = found.start.model[name]
        assert other.dtype == tensor.dtype and other.shape == tensor.shape
        assert (
            torch.equal(other.nan_to_num(), tensor.nan_to_num())
            if name != "flags"
            else torch.equal(other, tensor)
        )
    assert found.start.optimizer is None


def test_names_in_another_order_are_the_same_ticket(tmp_path: Path) -> None:
    content = torch.load(ticket(a=1, b=2).save(tmp_path / "t.pt"), weights_only=True)
    content["weights"] = dict(reversed(content["weights"].items()))
    content["about"] = dict(reversed(content["about"].items()))
    torch.save(content, tmp_path / "t.pt")
    assert Ticket.load(tmp_path / "t.pt").mask == ticket().mask


@pytest.mark.parametrize("name", ["0.weight", "0.bias"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_by_name(name: str, value: float, tmp_path: Path) -> None:
    one = ticket()
    weights = dict(one.start.model)
    weights[name] = weights[name].clone()
    weights[name].view(-1)[0] = value
    torch.save({"mask": dict(one.mask), "weights": weights}, tmp_path / "ticket.pt")
    with pytest.raises(ValueError, match=rf"^{name} in the weights to begin with: NaN or infinite values"):
        Ticket.load(tmp_path / "ticket.pt")


def test_a_buffer_may_hold_what_a_weight_may_not() -> None:
    one = ticket()
    start = lth.Checkpoint(0, {**one.start.model, "attention": torch.tensor([0.0, -float("inf")])})
    assert Ticket(one.mask, start).start is start


def test_the_text_for_a_state_dict_says_what_makes_a_ticket_of_it(tmp_path: Path) -> None:
    """The words of the text are run. Catches: a mask of all tensors, biases too."""
    model = small_conv(seed=0)
    lth.prune_to(lth.Mask.ones(model), lth.magnitude(model), 0.5).apply_(model)
    torch.save(model.state_dict(), tmp_path / "pruned.pt")
    with pytest.raises(DamagedFile) as refused:
        Ticket.load(tmp_path / "pruned.pt")
    text = str(refused.value)
    code = text[text.index("Ticket(lthkit") : text.index(", if the weights")]
    made = eval(code, {"lthkit": lth, "Ticket": Ticket, "model": model})
    assert set(made.mask) == {"0.weight", "5.weight"} and made.mask.density == pytest.approx(0.5, abs=0.01)
