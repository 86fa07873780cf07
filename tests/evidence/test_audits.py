"""An audit of states never passes in silence: each planted bug fails at its item, and what is not known is said."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune
from torch.nn.utils.parametrizations import weight_norm

import lthkit as lth
from lthkit.evidence.audits import NEEDS, audit_states
from lthkit.evidence.findings import ITEMS, Audit, Finding, complete, together
from tests.conftest import small_conv, small_net


def taken(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


class Ticket:
    """A network that was trained, pruned to a fifth, rewound and trained again, with all states on the way."""

    def __init__(self, data: lth.Dataset, make: Any = small_net, density: float = 0.2) -> None:
        self.data, self.model = data, make(seed=0)
        self.before = taken(self.model)
        lth.train(self.model, data, steps=60, recipe=lth.Recipe(batch_size=30))
        self.dense = taken(self.model)
        everything = lth.Mask.ones(self.model)
        self.mask = lth.prune_to(everything, lth.magnitude(self.model), density)
        self.model.load_state_dict(self.before)
        self.mask.apply_(self.model)
        self.start = taken(self.model)
        result = lth.train(self.model, data, mask=self.mask, steps=60, recipe=lth.Recipe(batch_size=30))
        self.after, self.accuracy = taken(self.model), result.history[-1].validation_accuracy

    def audit(self, **changed: Any) -> Audit:
        given: dict[str, Any] = {
            "model": self.model,
            "mask": self.mask,
            "before": self.before,
            "after": self.after,
            "start": self.start,
            "trained": self.dense,
            "scope": "global",
            "density": 0.2,
            "data": self.data,
            "validation_accuracy": self.accuracy,
        }
        return audit_states(**given | changed)


@pytest.fixture(scope="module")
def ticket(tiny: lth.Dataset) -> Ticket:
    return Ticket(tiny)


def changed(state: Mapping[str, Tensor], name: str, change: Any) -> dict[str, Tensor]:
    copied = {n: t.clone() for n, t in state.items()}
    change(copied[name])
    return copied


def test_a_ticket_in_order_holds_wherever_it_can_be_told(ticket: Ticket) -> None:
    found = ticket.audit()
    assert found.failed == ()
    assert found.held == (
        "zeros",
        "ranking",
        "density",
        "empty",
        "whole",
        "shared",
        "rewound",
        "moved",
        "measured",
    )
    assert found.open == ("nested", "optimizer", "test", "seeds", "controls", "record")
    for item in found.open:
        assert found[item].text.startswith("Needs ")


def test_every_item_is_answered_and_shown_in_both_faces(ticket: Ticket) -> None:
    found = ticket.audit()
    assert [finding.item for finding in found.findings] == list(ITEMS) == list(NEEDS)
    for face in (str(found), found._repr_html_()):
        for item in ITEMS:
            assert f"{item}:" in face
        assert "9 hold, 0 fail, 6 cannot be told" in face
    assert max(map(len, found.table.text(60).splitlines())) <= 60


def test_one_weight_alive_is_found_and_named(ticket: Ticket) -> None:
    where = (~ticket.mask["3.weight"]).nonzero()[7]

    def revive(tensor: Tensor) -> None:
        tensor[tuple(where)] = 1e-30

    found = ticket.audit(after=changed(ticket.after, "3.weight", revive))
    assert "zeros" in found.failed
    assert "1 of 1,208 removed weights are not 0 (3.weight 1)" in found["zeros"].text
    nan = ticket.audit(after=changed(ticket.after, "3.weight", lambda t: t[tuple(where)].fill_(torch.nan)))
    assert "zeros" in nan.failed, "NaN passes for 0"


def test_a_mask_that_removes_nothing_is_no_ticket(ticket: Ticket) -> None:
    found = audit_states(mask=lth.Mask.ones(ticket.model), after=ticket.dense)
    assert found["zeros"].verdict == "cannot be told" and "removes nothing" in found["zeros"].text


def test_revived_weights_are_found_between_rounds(ticket: Ticket) -> None:
    smaller = lth.prune(ticket.mask, {n: t.abs() for n, t in ticket.after.items() if n in ticket.mask}, 0.5)
    assert "nested" in ticket.audit(mask=[ticket.mask, smaller], density=0.1, trained=ticket.after).held
    back = {n: t.clone() for n, t in smaller.items()}
    place = (~ticket.mask["1.weight"]).nonzero()[3]
    back["1.weight"][tuple(place)] = True
    found = ticket.audit(mask=[ticket.mask, back], density=None, trained=None)
    assert "Mask 1 keeps 1 weights that mask 0 had removed (1.weight 1)." in found["nested"].text
    turned = ticket.audit(mask=[smaller, ticket.mask], trained=None)
    assert "In the other order they would nest" in turned["nested"].text


def test_the_rewind_is_compared_number_by_number(ticket: Ticket) -> None:
    kept = ticket.mask["1.weight"].nonzero()[0]
    moved = ticket.audit(start=changed(ticket.start, "1.weight", lambda t: t[tuple(kept)].add_(1e-7)))
    assert "1 of 335 numbers differ (1.weight 1)" in moved["rewound"].text and "rewound" in moved.failed
    nothing = ticket.audit(start=copy.deepcopy(ticket.dense), after=ticket.dense, validation_accuracy=None)
    assert "The start is the trained state: the rewind did nothing." in nothing["rewound"].text
    biases = {n: (t if n.endswith("weight") else ticket.dense[n]) for n, t in ticket.start.items()}
    assert "what has no mask was not taken back" in ticket.audit(start=biases)["rewound"].text
    other = taken(small_net(seed=1))
    assert "another state, not a part of one" in ticket.audit(start=other)["rewound"].text
    lacking = {n: t for n, t in ticket.start.items() if n != "5.bias"}
    assert "Only one of before and start has 5.bias" in ticket.audit(start=lacking)["rewound"].text
    half = {n: t.half() for n, t in ticket.start.items()}
    assert "float16" in ticket.audit(start=half)["rewound"].text
    unmasked = ticket.audit(start=copy.deepcopy(ticket.before))
    assert "rewound" in unmasked.held, "a start whose removed weights are masked later is in order"


def test_statistics_of_batch_norm_belong_to_the_state(tiny: lth.Dataset) -> None:
    ticket = Ticket(tiny, small_conv, density=0.5)
    assert "rewound" in ticket.audit(density=0.5).held
    names = [n for n in ticket.start if "running" in n or "num_batches" in n]
    half_way = {n: (ticket.dense[n] if n in names else t) for n, t in ticket.start.items()}
    found = ticket.audit(density=0.5, start=half_way)
    assert "the statistics of batch norm were not taken back" in found["rewound"].text


def test_a_reference_is_no_copy(tiny: lth.Dataset) -> None:
    model = small_net(seed=0)
    reference = model.state_dict()
    mask = lth.Mask.ones(model)
    lth.train(model, tiny, steps=20, recipe=lth.Recipe(batch_size=30))
    found = audit_states(model, mask, reference)
    assert "before is no copy" in found["rewound"].text and "moved" in found.failed
    values = audit_states(model, mask, copy.deepcopy(reference))
    assert "equal to the trained state, number for number" in values["rewound"].text
    with_start = audit_states(model, mask, taken(small_net(seed=0)), start=model.state_dict())
    assert (
        with_start["rewound"].verdict == "cannot be told" and "start is no copy" in with_start["rewound"].text
    )
    same = taken(small_net(seed=0))
    equal = audit_states(None, mask, same, taken(model), start=same)
    assert equal["rewound"].verdict == "cannot be told" and "same memory" in equal["rewound"].text


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"density": 0.2}, ""),
        ({"kept": 302}, ""),
        ({"kept": 301}, "1 too many"),
        ({"density": 0.202}, "3 too few"),
        ({"density": 0.8}, "the fraction removed, taken for the fraction kept"),
    ],
)
def test_the_count_is_exact(ticket: Ticket, said: dict[str, Any], words: str) -> None:
    found = ticket.audit(**{"density": None} | said)["density"]
    assert (found.verdict == "fails") == bool(words) and words in found.text


def test_a_layer_without_weights_is_found() -> None:
    mask = {"1.weight": torch.ones(2, 2), "2.weight": torch.zeros(2, 2)}
    assert "Nothing is kept of 2.weight" in audit_states(mask=mask)["empty"].text
    assert "keeps nothing at all" in audit_states(mask={"w": torch.zeros(3)})["empty"].text


def ranked(mask: Mapping[str, Tensor], **more: Any) -> Finding:
    return audit_states(mask=mask, **more)["ranking"]


WEIGHTS = {"a": torch.tensor([[3.0, -9.0, 1.0, 2.0]]), "b": torch.tensor([[0.1, -0.4, 0.2, 0.3]])}


def bits(**rows: str) -> dict[str, Tensor]:
    return {name: torch.tensor([[digit == "1" for digit in row]]) for name, row in rows.items()}


@pytest.mark.parametrize(
    ("mask", "scope", "words"),
    [
        (bits(a="1111", b="0000"), "global", ""),
        (bits(a="1100", b="0101"), "layerwise", ""),
        (bits(a="1100", b="0101"), "global", "the same weights, layer by layer"),
        (bits(a="1111", b="0000"), "layerwise", "other fractions of each"),
        (bits(a="1011", b="0001"), "global", "with their signs, so that large negative ones go first"),
        (bits(a="0000", b="1111"), "global", "the lowest stay"),
        (bits(a="1010", b="0101"), "layerwise", "1 of the 4 weights"),
    ],
)
def test_a_ranking_is_told_from_its_mistakes(mask: dict[str, Tensor], scope: str, words: str) -> None:
    found = ranked(mask, trained=WEIGHTS, scope=scope)
    assert (found.verdict == "fails") == bool(words), found.text
    assert words in found.text


def test_equal_scores_may_go_either_way_and_nan_has_no_rank() -> None:
    ties = {"a": torch.tensor([[1.0, 1.0, 1.0, 2.0]])}
    for row in ("1001", "0101", "0011"):
        assert ranked(bits(a=row), trained=ties).verdict == "holds"
    assert ranked(bits(a="1100"), trained=ties).verdict == "fails"
    assert (
        ranked(bits(a="1001"), trained={"a": torch.tensor([[1.0, torch.nan, 1.0, 2.0]])}).verdict == "fails"
    )


def test_a_loop_that_ranks_the_first_weights_again_is_named() -> None:
    later = {"a": torch.tensor([[0.1, 5.0, 4.0, 0.0]])}
    first = {"a": torch.tensor([[4.0, 3.0, 2.0, 1.0]])}
    masks = [bits(a="1111"), bits(a="1110"), bits(a="1000")]
    found = ranked(masks, trained=[first, later])
    assert "Cut 2" in found.text and "of the first training, not of the last" in found.text
    good = [bits(a="1111"), bits(a="1110"), bits(a="0100")]
    assert ranked(good, trained=[first, later]).verdict == "holds"
    with pytest.raises(ValueError, match="1 sets of weights were given for 2 cuts"):
        ranked(good, trained=[first])


def test_scores_of_initial_weights_are_named() -> None:
    before = {"a": torch.tensor([[1.0, 2.0, 3.0, 4.0]])}
    found = ranked(bits(a="0011"), trained={"a": torch.tensor([[4.0, 3.0, 2.0, 1.0]])}, before=before)
    assert "the lowest stay" in found.text or "before the training" in found.text
    found = ranked(
        bits(a="0101"),
        trained=WEIGHTS | {"a": torch.tensor([[4.0, 3.0, 2.0, 1.0]])},
        before={"a": torch.tensor([[1.0, 5.0, 3.0, 4.0]])},
    )
    assert "the weights before the training" in found.text


def test_frozen_weights_are_found_by_their_sign(ticket: Ticket) -> None:
    frozen = {
        name: torch.where(ticket.start[name] < 0, ticket.start[name], tensor)
        if name in ticket.mask
        else tensor
        for name, tensor in ticket.after.items()
    }
    found = ticket.audit(after=frozen, validation_accuracy=None)["moved"]
    assert found.verdict == "fails" and "100 % of the negative ones" in found.text
    layer = ticket.after | {"3.weight": ticket.start["3.weight"]}
    assert (
        "3.weight stands still as a whole"
        in ticket.audit(after=layer, validation_accuracy=None)["moved"].text
    )
    some = ticket.after["1.weight"].clone()
    kept = ticket.mask["1.weight"].nonzero()[::3]
    some[tuple(kept.T)] = ticket.start["1.weight"][tuple(kept.T)]
    found = ticket.audit(after=ticket.after | {"1.weight": some}, validation_accuracy=None)["moved"]
    assert found.verdict == "fails" and "though other weights of the same unit" in found.text


def test_a_dead_input_and_a_dead_unit_are_no_frozen_weights() -> None:
    before = {"w": torch.ones(4, 5)}
    after = {"w": torch.full((4, 5), 2.0)}
    after["w"][1] = 1.0
    after["w"][:, 3] = 1.0
    assert audit_states(None, {"w": torch.ones(4, 5)}, before, after)["moved"].verdict == "holds"


def test_a_mask_of_a_part_says_so(ticket: Ticket) -> None:
    part = {"3.weight": ticket.mask["3.weight"]}
    found = ticket.audit(mask=part, density=None, trained=None)["whole"]
    assert found.verdict == "fails" and "13.2 % of the weights in matrices" in found.text
    alone = audit_states(mask=part, after={k: v for k, v in ticket.after.items()})["whole"]
    assert alone.verdict == "fails", "without the network the state tells"
    flat = audit_states(mask={"1.weight": torch.ones(2, 2), "1.bias": torch.ones(2)})
    assert flat["whole"].verdict == "cannot be told"
    flat = audit_states(
        mask={"1.weight": torch.ones(2, 2), "1.bias": torch.ones(2)},
        after={"1.weight": torch.ones(2, 2), "1.bias": torch.ones(2)},
    )
    assert "1.bias, with one dimension" in flat["whole"].text


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(4, 4, bias=False)
        self.two = nn.Linear(4, 4, bias=False)
        self.two.weight = self.one.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x))


def test_a_tied_weight_has_one_mask_and_one_value() -> None:
    model, kept = Tied(), torch.arange(16).view(4, 4) % 3 == 0
    state = taken(model)
    state = {name: tensor * kept for name, tensor in state.items()}
    both = audit_states(model, {"one.weight": kept}, after=state)
    assert both["shared"].verdict == "holds" and "one.weight = two.weight" in both["shared"].text
    lost = audit_states(model, {"one.weight": kept}, after=state | {"two.weight": torch.ones(4, 4)})
    assert "the tie was lost" in lost["shared"].text
    two = audit_states(model, {"one.weight": kept, "two.weight": ~kept}, after=state)
    assert "have different masks" in two["shared"].text
    assert audit_states(mask={"one.weight": kept}, after=state)["shared"].verdict == "cannot be told"
    assert audit_states(mask={"one.weight": kept}, after=model.state_dict())["shared"].verdict == "holds"


def test_momentum_of_removed_weights_is_found(tiny: lth.Dataset) -> None:
    model = small_net(seed=0)
    mask = lth.prune(lth.Mask.ones(model), lth.magnitude(model), 0.5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.randn(4, 64)).sum().backward()
    optimizer.step()
    for given in (optimizer, optimizer.state_dict()):
        found = audit_states(model, mask, optimizer=given)["optimizer"]
        assert found.verdict == "fails" and "have a moment that is not 0" in found.text
    assert audit_states(mask=mask, optimizer=optimizer.state_dict())["optimizer"].verdict == "cannot be told"
    for name, parameter in model.named_parameters():
        if name in mask:
            optimizer.state[parameter]["momentum_buffer"][~mask[name]] = 0
    assert audit_states(model, mask, optimizer=optimizer)["optimizer"].verdict == "holds"
    house = {f"momentum/{n}": torch.ones(t.shape) for n, t in mask.items()}
    assert audit_states(mask=mask, optimizer=house)["optimizer"].verdict == "fails"
    part = {"momentum/1.weight": torch.zeros(mask["1.weight"].shape), "momentum/2.weight": torch.zeros(3, 3)}
    found = audit_states(mask=mask, optimizer=part)["optimizer"]
    assert found.verdict == "cannot be told" and "3.weight, 5.weight" in found.text
    groups = [
        {"params": [p for p in model.parameters() if (p.ndim > 1) == matrix]} for matrix in (True, False)
    ]
    with pytest.raises(ValueError, match="in 2 groups"):
        audit_states(model, mask, optimizer=torch.optim.SGD(groups, lr=0.1).state_dict())


def test_an_accuracy_is_measured_again(ticket: Ticket) -> None:
    wrong = ticket.audit(validation_accuracy=ticket.accuracy - 1 / 90)
    assert "measured" in wrong.failed
    assert "measured" in ticket.audit(after=ticket.start).failed
    with pytest.raises(ValueError, match="a fraction from 0 to 1"):
        ticket.audit(validation_accuracy=85.2)


def test_an_accuracy_of_the_wrong_mode_is_named(tiny: lth.Dataset) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(30):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(tiny.inputs(tiny.train)), tiny.train.labels).backward()
        optimizer.step()
    model[2].running_mean += 3.0  # statistics that do not fit the weights
    state = taken(model)
    with torch.no_grad():
        said = float(
            (model.train()(tiny.inputs(tiny.validation)).argmax(1) == tiny.validation.labels).float().mean()
        )
    mask = lth.Mask.ones(model)
    found = audit_states(model, mask, after=state, data=tiny, validation_accuracy=round(said * 90) / 90)[
        "measured"
    ]
    assert found.verdict == "fails" and "In training mode it gives about the number" in found.text


@pytest.mark.parametrize(
    ("reads", "verdict"),
    [
        (1, "holds"),
        (40, "fails"),
        (0, "cannot be told"),
        ({"dense": 1, "ticket": 2}, "fails"),
        ({"a": 1, "b": 1}, "holds"),
    ],
)
def test_the_test_split_is_read_once(reads: Any, verdict: str) -> None:
    assert audit_states(mask={"w": torch.ones(2, 2)}, test_reads=reads)["test"].verdict == verdict


def test_seeds_are_several_and_reach_the_weights() -> None:
    def finding(seeds: Any) -> Finding:
        return audit_states(seeds=seeds, mask={"1.weight": torch.ones(20, 64)})["seeds"]

    states = {seed: taken(small_net(seed=seed)) for seed in range(3)}
    assert finding(states).verdict == "holds" and "rests on 5" in finding(states).text
    assert finding({0: states[0]}).verdict == "fails"
    assert "fewer than 3" in finding({0: states[0], 1: states[1]}).text
    assert "Seeds 1 and 2 begin with the same weights" in finding(states | {2: copy.deepcopy(states[1])}).text
    assert finding((0, 1, 2)).verdict == "cannot be told"
    assert "twice" in finding((0, 1, 1)).text
    with pytest.raises(ValueError, match="whole numbers"):
        finding((0, 1, "two"))
    partly = finding(states | {2: states[2] | {"3.weight": states[1]["3.weight"].clone()}})
    assert partly.verdict == "cannot be told" and "the same 3.weight, and differ elsewhere" in partly.text


def test_what_moved_and_what_stood_still_is_told_apart() -> None:
    """Catches a kept weight that is 0 and stays so, counted as one that moved, and an input that is always 0, as frozen."""
    before = {"w": torch.ones(4, 5)}
    before["w"][1, 1] = 0.0
    after = {"w": before["w"] + 1}

    def text() -> str:
        return audit_states(None, {"w": torch.ones(4, 5)}, before, after)["moved"].text

    assert text() == "All 20 kept weights moved."
    after["w"][1, 1] = 0.0
    assert text() == "19 of 20 kept weights moved. 1 stood still alone, too few to count as frozen."
    after["w"][:, 3] = before["w"][:, 3]
    assert text() == (
        "15 of 20 kept weights moved. 4 stood still with all others of their unit or their input, which never played a part; "
        "1 stood still alone, too few to count as frozen."
    )


def test_controls_are_what_their_names_say(ticket: Ticket) -> None:
    fresh, shuffled = taken(small_net(seed=9)), ticket.mask.shuffled(1)

    def finding(**controls: Any) -> Finding:
        return ticket.audit(controls={k.replace("_", "-"): v for k, v in controls.items()})["controls"]

    good = finding(
        re_initialised={"mask": ticket.mask, "start": fresh},
        shuffled={"mask": shuffled, "start": ticket.before},
    )
    assert good.verdict == "holds"
    searched = lth.prune_to(
        lth.Mask.ones(ticket.model), {n: t.abs() for n, t in fresh.items() if n in ticket.mask}, 0.2
    )
    assert "A search of its own" in finding(re_initialised={"mask": searched, "start": fresh}).text
    assert (
        "the ticket's own weights"
        in finding(re_initialised={"mask": ticket.mask, "start": ticket.before}).text
    )
    assert "nothing was shuffled" in finding(shuffled={"mask": ticket.mask, "start": ticket.before}).text
    across = ticket.mask.shuffled(1, across=True)
    assert "another number of weights" in finding(shuffled={"mask": across, "start": ticket.before}).text
    assert "not those that the ticket began from" in finding(shuffled={"mask": shuffled, "start": fresh}).text
    assert finding(shuffled={"mask": shuffled}).verdict == "cannot be told"
    assert finding().verdict == "fails"
    partly = {n: (ticket.mask if n == "3.weight" else shuffled)[n] for n in ticket.mask}
    assert "its mask of 3.weight differs" in finding(shuffled={"mask": partly, "start": ticket.before}).text
    with pytest.raises(ValueError, match="Did you mean 're-initialised'"):
        ticket.audit(controls={"reinitialised": {"mask": shuffled}})


def test_a_control_that_is_hardly_another_start_is_found(ticket: Ticket) -> None:
    """Catches: initial weights that were scaled, blurred or exchanged in part, and a start of which little was given."""

    def finding(start: Mapping[str, Tensor], name: str = "re-initialised") -> Finding:
        own = ticket.mask if name == "re-initialised" else ticket.mask.shuffled(1)
        return ticket.audit(controls={name: {"mask": own, "start": start}})["controls"]

    fresh = taken(small_net(seed=9))
    for change in (
        lambda t: 0.9 * t,
        lambda t: -t,
        lambda t: t + 0.1 * t.std() * torch.randn_like(t),
        lambda t: t.half().float(),
    ):
        assert finding(fresh | {"1.weight": change(ticket.before["1.weight"])}).verdict == "fails"
    half = fresh["1.weight"].clone()
    half[:10] = ticket.before["1.weight"][:10]
    assert "correlation" in finding(fresh | {"1.weight": half}).text
    for name in ("re-initialised", "shuffled"):
        with pytest.raises(ValueError, match="which the start of"):
            finding({"1.bias": ticket.before["1.bias"]}, name)
    only = {n: t for n, t in ticket.before.items() if n in ticket.mask}
    assert "has no 1.bias" in finding(only, "shuffled").text
    assert finding(only, "shuffled").verdict == "cannot be told"


def test_foreign_forms_of_a_mask_and_of_a_state_are_read(ticket: Ticket) -> None:
    wrapped = {"epoch": 3, "state_dict": {f"module._orig_mod.{n}": t for n, t in ticket.after.items()}}
    floats = {f"module.{n}_mask": t.float() for n, t in ticket.mask.items()}
    arrays = {n: t.numpy() for n, t in ticket.start.items()}
    assert ticket.audit(after=wrapped, mask=floats, start=arrays).failed == ()
    checkpoint = lth.Checkpoint(0, dict(ticket.before))
    assert ticket.audit(before=checkpoint).failed == ()


def test_what_torch_prunes_is_read_as_its_forward_pass_does(tiny: lth.Dataset) -> None:
    model = small_net(seed=0)
    before = taken(model)
    for module in (model[1], model[3], model[5]):
        torch_prune.l1_unstructured(module, "weight", amount=0.5)
    found = audit_states(
        after=model.state_dict(), before=before, start=copy.deepcopy(model.state_dict()), density=0.5
    )
    assert found["zeros"].verdict == "holds" and found["density"].verdict == "holds"
    assert found["rewound"].verdict == "holds"
    other = {n: ~t.bool() for n, t in (("1.weight", model[1].weight_mask),)}
    assert audit_states(mask=other, after=model.state_dict())["zeros"].verdict == "fails"


def test_a_computed_weight_needs_the_network() -> None:
    model = nn.Sequential(weight_norm(nn.Linear(6, 4)))
    kept = torch.rand(4, 6, generator=torch.Generator().manual_seed(0)) > 0.5
    with torch.no_grad():
        model[0].parametrizations.weight.original1.mul_(kept)
    state = taken(model)
    assert audit_states(mask={"0.weight": kept}, after=state)["zeros"].verdict == "cannot be told"
    assert audit_states(model, {"0.weight": kept}, after=state)["zeros"].verdict == "holds"
    with torch.no_grad():
        model[0].parametrizations.weight.original1.add_(0.1)
    assert audit_states(model, {"0.weight": kept})["zeros"].verdict == "fails"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "Nothing was given"),
        ({"mask": torch.ones(3)}, "parameter names"),
        ({"mask": [torch.ones(3)]}, "mask\\[0\\]"),
        ({"mask": {"w": torch.tensor([0.5])}}, "values other than 0 and 1"),
        ({"mask": []}, "empty list"),
        (
            {"mask": {"w": torch.ones(2)}, "after": {"v": torch.ones(2)}},
            "names 'w', which after does not have",
        ),
        ({"mask": {"w": torch.ones(2)}, "after": {"w": torch.ones(3)}}, "has the shape \\[2\\]"),
        ({"mask": {"w": torch.ones(2)}, "after": 3}, "after is a int"),
        ({"mask": {"w": torch.ones(2)}, "after": {}}, "after is empty"),
        ({"mask": {"w": torch.ones(2)}, "density": 20}, "fraction kept, from 0 to 1"),
        ({"mask": {"w": torch.ones(2)}, "density": 0.2, "kept": 3}, "both given"),
        ({"mask": {"w": torch.ones(2)}, "scope": "globally"}, "global, layerwise"),
        ({"mask": [{"w": torch.ones(2)}, {"v": torch.ones(2)}]}, "other tensors than mask\\[0\\]"),
        ({"model": {"w": torch.ones(2)}, "after": {"w": torch.ones(2)}}, "as model"),
        ({"mask": {"w": torch.ones(2)}, "test_reads": -1}, "how often"),
        ({"mask": {"w": np.array([True, False])}, "trained": {"w": torch.ones(3)}}, "no 'w' of shape"),
        ({"mask": {"w": torch.ones(2)}, "controls": [1]}, "expected a dict"),
        ({"mask": {"w": torch.ones(2)}, "optimizer": 3}, "expected an optimizer"),
    ],
)
def test_what_is_not_of_its_kind_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        audit_states(**given)


def test_a_finding_has_words_and_a_known_item() -> None:
    with pytest.raises(ValueError, match="no finding"):
        Finding("zeros", "passes", "fine")
    with pytest.raises(ValueError, match="no finding"):
        Finding("zeros", "holds", "")
    with pytest.raises(KeyError):
        complete("x", [], NEEDS)["nonsense"]


def test_the_worst_part_decides() -> None:
    good, bad = Finding("zeros", "holds", "Good."), Finding("zeros", "fails", "Bad.")
    open_ = Finding("zeros", "cannot be told", "Open.")
    assert together("zeros", {"a": good, "b": open_, "c": bad}).verdict == "fails"
    assert together("zeros", {"a": good, "b": open_}).verdict == "cannot be told"
    assert together("zeros", {"a": good, "b": good}).verdict == "holds"
    assert "1 of 3: c" in together("zeros", {"a": good, "b": open_, "c": bad}).text
