"""Exercises of lesson 08, pruning at initialisation: synaptic flow, connected weights, GraSP's sign, a real shuffle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lthkit.classroom.exercises import Case, Exercise, Misconception, Option, Question


def flow_scores(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """SynFlow's scores of a network of two linear layers without biases: one input of ones, all outputs added up.

    The score of a weight is the sum, over all paths through it, of the product of the absolute weights on the path.

    Args:
        first: float32 [hidden, inputs], row i holds the weights into hidden neuron i.
        second: float32 [outputs, hidden].

    Returns:
        The scores of both, in the shapes of the weights.
    """
    a, b = first.abs(), second.abs()
    return a * b.sum(0)[:, None], b * a.sum(1)


def connected_weights(masks: Sequence[Tensor]) -> list[Tensor]:
    """What is kept and lies on a path of kept weights from some input to some output.

    Args:
        masks: bool tensors [outputs, inputs] of the linear layers, from the input to the output; left as they are.

    Returns:
        New bool tensors of the same shapes, in the same order.
    """
    ahead = [torch.ones(masks[0].shape[1], dtype=torch.bool)]
    for mask in masks:
        ahead.append((mask & ahead[-1]).any(1))
    behind, found = torch.ones(masks[-1].shape[0], dtype=torch.bool), []
    for mask, reached in zip(reversed(masks), reversed(ahead[:-1]), strict=True):
        found.append(mask & reached & behind[:, None])
        behind = (mask & behind[:, None]).any(0)
    return found[::-1]


def grasp_mask(weight: Tensor, hg: Tensor, remove: int) -> Tensor:
    """GraSP's mask: those weights go first whose removal makes the squared gradient norm largest.

    Args:
        weight: float32 [n].
        hg: the Hessian times the gradient, float32 [n]. To first order, removing weight i changes the squared norm of
            the gradient by -2 weight[i] hg[i].
        remove: how many go, 0 to n. Among equal ones the lower index goes first.

    Returns:
        A bool tensor [n], True = kept.
    """
    change = -2 * weight * hg
    keep = torch.ones(len(weight), dtype=torch.bool)
    keep[change.argsort(descending=True, stable=True)[:remove]] = False
    return keep


def shuffled_mask(mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """The shuffled control: the entries of each tensor in a random order, so that each layer keeps its count.

    Args:
        mask: parameter name -> bool tensor, True = kept; left as it is.
        seed: seeds one `torch.Generator`, once; for each tensor in turn it draws `torch.randperm(n, generator=...)`.

    Returns:
        A new dict with the same names and shapes. Entry i of a flattened new tensor is entry order[i] of the old one.
    """
    generator = torch.Generator().manual_seed(seed)
    return {
        name: t.flatten()[torch.randperm(t.numel(), generator=generator)].view(t.shape)
        for name, t in mask.items()
    }


# Other right answers, and mistakes that people make

Pair = tuple[Tensor, Tensor]


def _flow_by_gradient(first: Tensor, second: Tensor) -> Pair:
    a, b = first.abs().requires_grad_(), second.abs().requires_grad_()
    (b @ (a @ torch.ones(a.shape[1]))).sum().backward()
    assert a.grad is not None and b.grad is not None
    return (a * a.grad).detach(), (b * b.grad).detach()


def _flow_path_by_path(first: Tensor, second: Tensor) -> Pair:
    one, two = torch.zeros_like(first), torch.zeros_like(second)
    for h in range(first.shape[0]):
        for i in range(first.shape[1]):
            for o in range(second.shape[0]):
                path = abs(first[h, i]) * abs(second[o, h])
                one[h, i] += path
                two[o, h] += path
    return one, two


def _flow_signed(first: Tensor, second: Tensor) -> Pair:
    return first * second.sum(0)[:, None], second * first.sum(1)


def _flow_absolute_last(first: Tensor, second: Tensor) -> Pair:
    return (first * second.sum(0)[:, None]).abs(), (second * first.sum(1)).abs()


def _flow_without_weight(first: Tensor, second: Tensor) -> Pair:
    a, b = first.abs(), second.abs()
    return b.sum(0)[:, None].expand_as(a).clone(), a.sum(1).expand_as(b).clone()


def _flow_mean(first: Tensor, second: Tensor) -> Pair:
    a, b = first.abs(), second.abs()
    return a * b.mean(0)[:, None], b * a.mean(1)


def _flow_largest(first: Tensor, second: Tensor) -> Pair:
    a, b = first.abs(), second.abs()
    return a * b.max(0).values[:, None], b * a.max(1).values


def _flow_squared(first: Tensor, second: Tensor) -> Pair:
    a, b = first**2, second**2
    return a * b.sum(0)[:, None], b * a.sum(1)


def _flow_wrong_axis(first: Tensor, second: Tensor) -> Pair:
    a, b = first.abs(), second.abs()
    return a * b.sum(1)[:, None], b * a.sum(0)


def _magnitudes(first: Tensor, second: Tensor) -> Pair:
    return first.abs(), second.abs()


def _flow_total(first: Tensor, second: Tensor) -> Pair:
    a, b = first.abs(), second.abs()
    total = (b @ a).sum()
    return a * total, b * total


def _connected_by_products(masks: Sequence[Tensor]) -> list[Tensor]:
    found = []
    for i, mask in enumerate(masks):
        into, out = torch.ones(masks[0].shape[1]), torch.ones(masks[-1].shape[0])
        for m in masks[:i]:
            into = ((m.float() @ into) > 0).float()
        for m in list(masks[i + 1 :])[::-1]:
            out = ((out @ m.float()) > 0).float()
        found.append((mask.float() * into * out[:, None]) > 0)
    return found


def _connected_by_deleting(masks: Sequence[Tensor]) -> list[Tensor]:
    found = [m.clone() for m in masks]
    while True:
        before = [m.clone() for m in found]
        for i in range(len(found)):
            if i > 0:
                found[i][:, ~found[i - 1].any(1)] = False
            if i + 1 < len(found):
                found[i][~found[i + 1].any(0), :] = False
        if all(torch.equal(a, b) for a, b in zip(before, found, strict=True)):
            return found


def _connected_forward_only(masks: Sequence[Tensor]) -> list[Tensor]:
    reached, found = torch.ones(masks[0].shape[1], dtype=torch.bool), []
    for mask in masks:
        found.append(mask & reached)
        reached = found[-1].any(1)
    return found


def _connected_backward_only(masks: Sequence[Tensor]) -> list[Tensor]:
    reached, found = torch.ones(masks[-1].shape[0], dtype=torch.bool), []
    for mask in reversed(masks):
        found.append(mask & reached[:, None])
        reached = found[-1].any(0)
    return found[::-1]


def _connected_one_step(masks: Sequence[Tensor]) -> list[Tensor]:
    found = []
    for i, mask in enumerate(masks):
        into = masks[i - 1].any(1) if i > 0 else torch.ones(mask.shape[1], dtype=torch.bool)
        out = masks[i + 1].any(0) if i + 1 < len(masks) else torch.ones(mask.shape[0], dtype=torch.bool)
        found.append(mask & into & out[:, None])
    return found


def _connected_either(masks: Sequence[Tensor]) -> list[Tensor]:
    pairs = zip(_connected_forward_only(masks), _connected_backward_only(masks), strict=True)
    return [a | b for a, b in pairs]


def _connected_if_no_layer_is_empty(masks: Sequence[Tensor]) -> list[Tensor]:
    alive = all(bool(m.any()) for m in masks)
    return [m.clone() if alive else torch.zeros_like(m) for m in masks]


def _connected_all_inputs(masks: Sequence[Tensor]) -> list[Tensor]:
    """A neuron counts as reached only if everything into it is."""
    reached = torch.ones(masks[0].shape[1], dtype=torch.bool)
    ahead = [reached]
    for mask in masks:
        ahead.append((mask & ahead[-1]).all(1))
    behind, found = torch.ones(masks[-1].shape[0], dtype=torch.bool), []
    for mask, r in zip(reversed(masks), reversed(ahead[:-1]), strict=True):
        found.append(mask & r & behind[:, None])
        behind = (mask & behind[:, None]).any(0)
    return found[::-1]


def _connected_filled(masks: Sequence[Tensor]) -> list[Tensor]:
    """Marks whole connections between live neurons, removed ones too."""
    ahead = [torch.ones(masks[0].shape[1], dtype=torch.bool)]
    for mask in masks:
        ahead.append((mask & ahead[-1]).any(1))
    behind, found = torch.ones(masks[-1].shape[0], dtype=torch.bool), []
    for mask, r in zip(reversed(masks), reversed(ahead[:-1]), strict=True):
        found.append(r & behind[:, None])
        behind = (mask & behind[:, None]).any(0)
    return found[::-1]


def _grasp_by_sorting(weight: Tensor, hg: Tensor, remove: int) -> Tensor:
    order = sorted(range(len(weight)), key=lambda i: (float(weight[i] * hg[i]), i))
    return torch.tensor([i not in order[:remove] for i in range(len(weight))])


def _grasp_by_rank(weight: Tensor, hg: Tensor, remove: int) -> Tensor:
    score = weight * hg
    rank = torch.empty(len(score), dtype=torch.int64)
    rank[torch.sort(score, stable=True).indices] = torch.arange(len(score))
    return rank >= remove


def _without(score: Tensor, remove: int, *, descending: bool = False, last_first: bool = False) -> Tensor:
    """Remove the lowest (or highest) scores."""
    keep = torch.ones(len(score), dtype=torch.bool)
    if last_first:
        going = len(score) - 1 - score.flip(0).argsort(stable=True)
    else:
        going = score.argsort(descending=descending, stable=True)
    keep[going[:remove]] = False
    return keep


def _shuffled_in_a_loop(mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    generator, new = torch.Generator().manual_seed(seed), {}
    for name in mask:
        order = torch.randperm(mask[name].numel(), generator=generator)
        new[name] = torch.index_select(mask[name].reshape(-1), 0, order).reshape(mask[name].shape)
    return new


def _shuffled_into(mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    new = {name: torch.zeros_like(t) for name, t in mask.items()}
    generator = torch.Generator()
    generator.manual_seed(seed)
    for name, t in mask.items():
        flat, order = t.reshape(-1), torch.randperm(t.numel(), generator=generator)
        for i, j in enumerate(order.tolist()):
            new[name].view(-1)[i] = flat[j]
    return new


def _shuffled_nothing(mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """The bug of a public repository: the loop's own name is bound anew, and nothing is written back."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in mask.values():
        order = torch.randperm(tensor.numel(), generator=generator)
        tensor = tensor.reshape(-1)[order].reshape(tensor.shape)  # noqa: PLW2901
    return dict(mask)


def _shuffled_rows(mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: t[torch.randperm(len(t), generator=generator)] for name, t in mask.items()}


def _shuffled_across(mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    flat = torch.cat([t.flatten() for t in mask.values()])
    flat = flat[torch.randperm(len(flat), generator=generator)]
    pieces = flat.split([t.numel() for t in mask.values()])
    return {name: piece.view(t.shape) for (name, t), piece in zip(mask.items(), pieces, strict=True)}


def _shuffled_reseeded(mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    return {
        name: t.flatten()[torch.randperm(t.numel(), generator=torch.Generator().manual_seed(seed))].view(
            t.shape
        )
        for name, t in mask.items()
    }


def _shuffled_by_chance(mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(t.shape, generator=generator) < t.float().mean() if t.numel() else t.clone()
        for name, t in mask.items()
    }


def _shuffled_in_place(mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    for tensor in mask.values():
        flat = tensor.flatten()[torch.randperm(tensor.numel(), generator=generator)]
        tensor.copy_(flat.view(tensor.shape))
    return dict(mask)


def _shuffled_unseeded(mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    return {name: t.flatten()[torch.randperm(t.numel())].view(t.shape) for name, t in mask.items()}


def _shuffled_flat(mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    return {name: t.flatten() for name, t in _shuffled_in_a_loop(mask, seed).items()}


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _bits(*rows: str) -> Tensor:
    """_bits("10", "01") is the identity of two rows."""
    return torch.tensor([[c == "1" for c in row] for row in rows])


EXERCISES = (
    Exercise(
        id="08.1",
        reference=flow_scores,
        cases=(
            Case((torch.tensor([[2.0]]), torch.tensor([[3.0]])), "One path: 2 times 3 for both weights."),
            Case((torch.tensor([[-2.0]]), torch.tensor([[3.0]])), "A negative weight counts as its size."),
            Case(
                (torch.tensor([[2.0, 1.0]]), torch.tensor([[3.0], [-3.0]])),
                "Two paths through each weight; one of the last weights is negative.",
            ),
            Case(
                (torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 5.0], [2.0, 3.0]])),
                "Two neurons everywhere, all weights positive.",
            ),
            Case(
                (torch.tensor([[1.0, -1.0], [2.0, 0.0]]), torch.tensor([[0.5, 0.0]])),
                "Hidden neuron 1 has no way out: all weights into it have the score 0.",
            ),
            Case(
                (torch.zeros(2, 3), torch.tensor([[1.0, 2.0]])),
                "The first layer has been pruned whole: nothing flows.",
            ),
            Case((_random(4, 5, seed=0), _random(3, 4, seed=1)), "Five inputs, four hidden, three outputs."),
        ),
        hints=(
            "A path goes from an input through one hidden neuron to an output. Which paths use the weight first[h, i]?",
            "They all begin with |first[h, i]| and end with one |second[o, h]|: add up over o. For second[o, h] add up "
            "|first[h, i]| over i.",
            "With a = first.abs() and b = second.abs(): b.sum(0) has one number for each hidden neuron, and so has "
            "a.sum(1). Rows of a are hidden neurons, so use b.sum(0)[:, None] there.",
        ),
        misconceptions=(
            Misconception(
                _flow_signed,
                "You keep the signs, so that a negative path cancels a positive one; SynFlow takes the absolute value "
                "of each weight first.",
            ),
            Misconception(
                _flow_absolute_last,
                "You take the absolute value at the end, after paths of both signs have cancelled; take it of each "
                "weight first.",
            ),
            Misconception(
                _flow_without_weight,
                "This is what flows around the weight, its gradient; the score also has the weight itself as a factor.",
            ),
            Misconception(_flow_mean, "You average over the paths; the score adds them up."),
            Misconception(_flow_largest, "You take the strongest path only; the score adds up all paths."),
            Misconception(_flow_squared, "You square the weights; SynFlow takes their absolute values."),
            Misconception(
                _flow_wrong_axis,
                "You add up along the wrong axis: columns of `second` and rows of `first` belong to a hidden neuron.",
            ),
            Misconception(
                _magnitudes,
                "This is the magnitude of each weight; its score also depends on the weights before or behind it.",
            ),
            Misconception(
                _flow_total,
                "You multiply by the flow of the whole network; only the paths through this weight count.",
            ),
        ),
        alternatives=(_flow_by_gradient, _flow_path_by_path),
        difficulty="easy",
        lines=2,
        minutes=10,
    ),
    Exercise(
        id="08.2",
        reference=grasp_mask,
        cases=(
            Case(
                (torch.tensor([1.0, 1.0]), torch.tensor([3.0, -3.0]), 1),
                "Removing weight 0 changes the squared norm by -6, removing weight 1 by +6.",
            ),
            Case((torch.tensor([-1.0, 1.0]), torch.tensor([3.0, 3.0]), 1), "The weights differ in sign."),
            Case(
                (torch.tensor([0.1, -4.0, 2.0]), torch.tensor([0.5, 1.0, 1.0]), 1),
                "The largest of the weights has a negative product with Hg.",
            ),
            Case(
                (torch.tensor([0.1, 4.0, 2.0]), torch.tensor([0.5, -0.01, -1.0]), 1),
                "A large weight with a small Hg.",
            ),
            Case((torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 1.0, 1.0]), 0), "None goes."),
            Case((torch.tensor([1.0, 2.0, 3.0]), torch.tensor([-1.0, 2.0, 0.0]), 3), "All go."),
            Case((torch.tensor([1.0, 1.0, 1.0, 1.0]), torch.full((4,), -2.0), 2), "All are equal."),
            Case(
                (torch.tensor([1.0, -1.0, 2.0, 0.0, 0.5]), torch.tensor([-1.0, 1.0, 0.0, -5.0, -2.0]), 4),
                "Three changes are equal and two are 0.",
            ),
            Case((_random(9, seed=2), _random(9, seed=3), 5), "Nine weights, five go."),
        ),
        hints=(
            "Compute the change -2 * weight * hg for each weight. Which of them do you want to happen?",
            "A large gradient is what GraSP wants. So those weights go whose removal makes it larger: the largest changes.",
            "order = change.argsort(descending=True, stable=True); start with a mask of True and set order[:remove] to False.",
        ),
        misconceptions=(
            Misconception(
                lambda weight, hg, remove: _without(weight * hg, remove, descending=True),
                "The order is upside down: you remove the weights that the gradient needs most. Those whose removal "
                "makes the gradient larger go first.",
            ),
            Misconception(
                lambda weight, hg, remove: _without((weight * hg).abs(), remove),
                "You took the absolute value, as SNIP does; for GraSP the sign says whether the removal helps or harms.",
            ),
            Misconception(
                lambda weight, hg, remove: _without(hg, remove),
                "You rank by Hg alone; removing a weight moves it by -weight, so the weight is a factor.",
            ),
            Misconception(
                lambda weight, hg, remove: _without(weight.abs(), remove),
                "This is magnitude pruning; Hg has no part in it.",
            ),
            Misconception(
                lambda weight, hg, remove: _without(weight.abs() * hg, remove),
                "You multiply Hg by the size of the weight; a negative weight turns the sign.",
            ),
            Misconception(
                lambda weight, hg, remove: _without(weight * hg.abs(), remove),
                "You take the size of Hg; its sign matters as well.",
            ),
            Misconception(
                lambda weight, hg, remove: _without(weight * hg, remove, last_first=True),
                "Among equal ones you remove the last first; the lower index goes first.",
            ),
            Misconception(
                lambda weight, hg, remove: _without(weight * hg, len(weight) - remove),
                "You keep `remove` weights; so many are to go.",
            ),
            Misconception(
                lambda weight, hg, remove: ~_without(weight * hg, remove),
                "Your mask is the other way round: True is a weight that stays.",
            ),
        ),
        alternatives=(_grasp_by_sorting, _grasp_by_rank),
        difficulty="easy",
        lines=4,
        minutes=10,
    ),
    Exercise(
        id="08.3",
        reference=connected_weights,
        cases=(
            Case(([_bits("11", "11"), _bits("11")],), "Everything is kept, everything is connected."),
            Case(
                ([_bits("11", "11"), _bits("10")],),
                "Hidden neuron 1 has no way out: the weights into it do nothing.",
            ),
            Case(
                ([_bits("11", "00"), _bits("11")],),
                "Hidden neuron 1 has no way in: the weight out of it does nothing.",
            ),
            Case(([_bits("00", "00"), _bits("11")],), "The first layer is empty."),
            Case(
                ([_bits("101", "010"), _bits("01", "10", "00")],),
                "Not square, and every kept weight is on a path.",
            ),
            Case(
                ([_bits("11", "00"), _bits("01", "00"), _bits("10")],),
                "No layer is empty, and no path goes all the way.",
            ),
            Case(
                ([_bits("10", "00"), _bits("11", "01"), _bits("10", "11"), _bits("11")],),
                "Four layers: what is dead in the first layer makes more dead behind it.",
            ),
            Case(
                ([_bits("11", "11"), _bits("11", "10"), _bits("10", "11"), _bits("10")],),
                "Four layers: what is dead in the last layer makes more dead before it.",
            ),
            Case(([_bits("1", "0")],), "One layer: every kept weight is a path."),
            Case(
                (
                    [
                        _random(5, 6, seed=4) > 0.9,
                        _random(4, 5, seed=5) > 0.4,
                        _random(4, 4, seed=6) > 0.4,
                        _random(3, 4, seed=7) > 0.6,
                    ],
                ),
                "Four layers with random masks.",
            ),
        ),
        hints=(
            "A kept weight is on a path if its input neuron can be reached from an input, and if an output can be reached "
            "from its output neuron.",
            "Go through the layers once forwards and note which neurons are reached: (mask & reached).any(1). Then go "
            "backwards in the same way: (mask & behind[:, None]).any(0).",
            "The weight [o, i] of layer k is connected where masks[k] & ahead[k] & behind[k][:, None]. Start both walks "
            "with all True.",
        ),
        misconceptions=(
            Misconception(
                _connected_forward_only,
                "You go forwards only; a weight into a neuron without a way out does nothing either.",
            ),
            Misconception(
                _connected_backward_only,
                "You go backwards only; a weight out of a neuron without a way in does nothing either.",
            ),
            Misconception(
                _connected_one_step,
                "You look at the neighbouring layers only; a neuron may have inputs that are themselves dead. Go through "
                "all layers.",
            ),
            Misconception(
                _connected_either,
                "You join both walks with `or`; a weight must be reached from the input and lead to the output.",
            ),
            Misconception(
                _connected_if_no_layer_is_empty,
                "You only ask whether a layer is empty; a network can be cut although no layer is.",
            ),
            Misconception(
                _connected_all_inputs,
                "For you a neuron is reached only if all its inputs are; one kept connection is enough.",
            ),
            Misconception(
                _connected_filled,
                "You mark every connection between living neurons; only those that the mask keeps count.",
            ),
            Misconception(
                lambda masks: [m.clone() for m in masks],
                "These are the masks themselves; kept weights that lie on no path must go.",
            ),
        ),
        alternatives=(_connected_by_products, _connected_by_deleting),
        difficulty="hard",
        lines=8,
        minutes=20,
        fresh=True,
    ),
    Exercise(
        id="08.4",
        reference=shuffled_mask,
        cases=(
            Case(({"w": torch.tensor([True, False, False, False])}, 0), "One kept weight of four."),
            Case(
                ({"w": torch.tensor([True, True, False, False])}, 3),
                "Two kept weights of four, another seed.",
            ),
            Case(
                ({"a": _bits("11", "00"), "b": _bits("10", "00")}, 1),
                "Two tensors of one shape: each keeps its count, and each has an order of its own.",
            ),
            Case(
                ({"a": _bits("1111", "0000", "0000"), "b": _bits("11", "11")}, 2),
                "One row is full and two are empty; the second tensor is full and stays so.",
            ),
            Case(({"a": _bits("00", "00")}, 0), "Nothing is kept."),
            Case(
                (
                    {
                        "c": _random(4, 2, 3, 3, seed=8) > 1,
                        "e": torch.zeros(0, 5, dtype=torch.bool),
                        "f": _random(3, 4, seed=9) > 0,
                    },
                    5,
                ),
                "The kernel of a convolution, a tensor without entries, and a matrix.",
            ),
        ),
        hints=(
            "For each tensor: make it flat, put its entries into a random order, give it its shape again.",
            "torch.randperm(n, generator=generator) is a random order of 0 to n - 1. Make the generator once, before the loop.",
            "t.flatten()[order].view(t.shape) is the new tensor. Put it into a new dict under its name, and return that dict.",
        ),
        misconceptions=(
            Misconception(
                _shuffled_nothing,
                "The mask comes back as it was. Giving the loop's variable a new value does not change the dict: write "
                "the new tensor into a dict, and return that.",
            ),
            Misconception(
                _shuffled_rows,
                "You put whole rows into another order; the entries inside a row stay together. Flatten the tensor first.",
            ),
            Misconception(
                _shuffled_across,
                "You shuffle all tensors together, so that layers exchange weights; each tensor keeps its own count.",
            ),
            Misconception(
                _shuffled_reseeded,
                "You seed anew for each tensor, so that tensors of one size get the same order; seed once, before the loop.",
            ),
            Misconception(
                _shuffled_by_chance,
                "You draw each entry by chance, so that the counts are right only on average; permute the entries.",
            ),
            Misconception(
                _shuffled_in_place,
                "You write into the old mask, so that the mask as it was is lost; return new tensors.",
            ),
            Misconception(
                _shuffled_unseeded,
                "The seed has no effect: pass generator=generator to torch.randperm, and seed that generator.",
            ),
            Misconception(_shuffled_flat, "The tensors have lost their shape; give each its own back."),
        ),
        alternatives=(_shuffled_in_a_loop, _shuffled_into),
        difficulty="medium",
        lines=5,
        minutes=10,
        fresh=True,
        leaves_random_state=True,
    ),
)

QUESTIONS = (
    Question(
        "08.Q1",
        "What does magnitude pruning know about a network that has not been trained?",
        (
            Option(
                "Which weights training will make large.",
                False,
                "That is known after training. Before it, nobody has looked at the data.",
            ),
            Option(
                "The random numbers that were drawn, and how widely each layer was drawn.",
                True,
                "So in a global ranking the layers with the smallest standard deviation, the wide ones, lose most.",
            ),
            Option(
                "Nothing at all: it is the same as random pruning.",
                False,
                "Inside one layer it is close to that, but between layers it is not: they were drawn with different widths.",
            ),
        ),
    ),
    Question(
        "08.Q2",
        "In every layer SynFlow's scores add up to the same number. One layer has 100 weights, another 10,000, and all are "
        "ranked together, once. Where do the lowest scores lie?",
        (
            Option(
                "Mostly in the large layer.",
                True,
                "The same sum is shared by a hundred times as many weights. One cut with one threshold takes nearly "
                "everything there.",
            ),
            Option(
                "Mostly in the small layer.",
                False,
                "Its average score is a hundred times higher; it is the last to be cut.",
            ),
            Option(
                "Equally in both, since the sums are equal.",
                False,
                "The sums are equal, the averages are not. A threshold sees single scores.",
            ),
        ),
    ),
    Question(
        "08.Q3",
        "A mask keeps some weights in every layer. Does the network conduct?",
        (
            Option(
                "Yes: layer collapse means that a layer is empty.",
                False,
                "An empty layer is one way to cut it; "
                "two layers whose living neurons do not meet are another.",
            ),
            Option(
                "Not necessarily: the kept weights of two layers may meet in no neuron.",
                True,
                "Count paths, not weights. This is what the column `connected` is for.",
            ),
            Option(
                "Only if every neuron keeps a weight.",
                False,
                "Dead neurons are no harm as long as one path goes round them.",
            ),
        ),
    ),
    Question(
        "08.Q4",
        "A mask from before training does as well after a shuffle inside its layers. What was it that the criterion found?",
        (
            Option(
                "Nothing: a random mask would have done.",
                False,
                "The shuffled mask still has the criterion's number of weights in each layer. A uniformly random mask has "
                "other numbers.",
            ),
            Option(
                "How many weights each layer should keep, not which ones.",
                True,
                "That is what the shuffle leaves alone. It is one number a layer, and far less than a mask.",
            ),
            Option(
                "The right weights, by more than one way.",
                False,
                "The shuffle does not look at the weights. If any place does, the places held no information.",
            ),
        ),
    ),
)
