"""Exercises of lesson 08, pruning at initialisation: synaptic flow, connected weights, GraSP's sign, a real shuffle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from lthkit.classroom.exercises.exercise import Case, Exercise, Option, Question, pick, variants


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
    """GraSP's mask: the weights whose removal makes the squared gradient norm largest go first.

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
        seed: seeds one `torch.Generator`, once; for each tensor in turn, in the order of the dict, it draws
            `torch.randperm(n, generator=...)`, for a full or an empty tensor too.

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

_DIGITS = (2, 3, 4)  # to which an answer may be rounded


def _flow_by_gradient(first: Tensor, second: Tensor) -> Pair:
    a, b = first.abs().requires_grad_(), second.abs().requires_grad_()
    (b @ (a @ torch.ones(a.shape[1], dtype=a.dtype))).sum().backward()
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


def _flow_in_double(first: Tensor, second: Tensor) -> Pair:
    a, b = first.double().abs(), second.double().abs()
    one, two = torch.einsum("hi,oh->hi", a, b), torch.einsum("oh,hi->oh", b, a)
    return one.to(first.dtype), two.to(second.dtype)


def _flow(first: Tensor, second: Tensor, *, mistake: str) -> Pair:
    """The scores with one thing wrong: in the type, the size of a weight, what is summed, or in the end."""
    kind = pick(mistake, {"float32": torch.float32, "float16": torch.float16}, first.dtype)
    first, second, old = first.to(kind), second.to(kind), first.dtype
    sizes: dict[str, Callable[[Tensor], Tensor]] = {
        "signed": lambda w: w,
        "absolute last": lambda w: w,
        "negative is 0": torch.relu,
        "squared": torch.square,
    }
    size = pick(mistake, sizes, torch.abs)
    a, b = size(first), size(second)
    out, into, total = b.sum(0)[:, None], a.sum(1), (b @ a).sum()
    factors: dict[str, Callable[[], Pair]] = {
        "magnitude": lambda: (torch.ones_like(a), torch.ones_like(b)),
        "mean": lambda: (b.mean(0)[:, None], a.mean(1)),
        "mean of the outputs": lambda: (b.mean(0)[:, None], into),
        "largest": lambda: (b.max(0).values[:, None], a.max(1).values),
        "one path": lambda: (b[0][:, None], a[:, 0]),
        "along the inputs": lambda: (b.sum(0), into),
        "axis": lambda: (b.sum(1)[:, None], a.sum(0)),
        "axis of first": lambda: (out, a.sum(0)),
        "axis of second": lambda: (b.sum(1)[:, None], into),
        "whole network": lambda: (total, total),
        "whole layer": lambda: (b.sum(), a.sum()),
        "whole second": lambda: (b.sum(), into),
        "inflow cancels": lambda: (out, first.sum(1).abs()),
        "shares": lambda: (out / total, into / total),
        "twice": lambda: (out, (a * out).sum(1)),
    }
    behind, before = pick(mistake, factors, lambda: (out, into))()
    one, two = pick(
        mistake,
        {"no weight": (torch.ones_like(a), torch.ones_like(b)), "own sign": (first, second)},
        (a, b),
    )
    found = one * behind, two * before
    ends: dict[str, Callable[[Tensor], Tensor]] = {
        "absolute last": torch.abs,
        "always float32": lambda scores: scores.float(),
        **{f"to {n} digits": lambda scores, n=n: scores.round(decimals=n) for n in _DIGITS},  # type: ignore[misc]
    }
    end = pick(mistake, ends, lambda scores: scores.to(old))
    found = end(found[0]), end(found[1])
    return pick(mistake, {"exchanged": found[::-1], "first alone": found[0]}, found)  # type: ignore[return-value]


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


def _reached(masks: Sequence[Tensor], *, need: str = "any") -> list[Tensor]:
    """Which inputs of each layer can be reached; `need` says how many of a neuron's inputs must be for it to be."""
    found = [torch.ones(masks[0].shape[1], dtype=torch.bool)]
    for mask in masks[:-1]:
        kept = mask & found[-1]
        alive = kept.all(1) if need == "all" else kept.any(1)
        found.append(alive & ~(mask & ~found[-1]).any(1) if need == "all kept" else alive)
    return found


def _leading_on(masks: Sequence[Tensor]) -> list[Tensor]:
    """From which outputs of each layer an output of the network can be reached."""
    return _reached([mask.T for mask in reversed(masks)])[::-1]


def _counted(masks: Sequence[Tensor]) -> list[Tensor]:
    """How many paths lead to each input of each layer, in a type that has no number above 255."""
    found = [torch.ones(masks[0].shape[1], dtype=torch.uint8)]
    for mask in masks[:-1]:
        found.append((mask * found[-1]).sum(1, dtype=torch.uint8))
    return found


def _neighbours(masks: Sequence[Tensor], sweeps: int) -> list[Tensor]:
    """Weights whose two neurons have a kept weight on the other side; what goes in one sweep counts in the next."""
    found = list(masks)
    for _ in range(sweeps):
        into = [torch.ones(found[0].shape[1], dtype=torch.bool), *(m.any(1) for m in found[:-1])]
        out = [*(m.any(0) for m in found[1:]), torch.ones(found[-1].shape[0], dtype=torch.bool)]
        found = [m & i & o[:, None] for m, i, o in zip(found, into, out, strict=True)]
    return found


def _connected(masks: Sequence[Tensor], *, mistake: str) -> list[Tensor]:
    """The connected weights with one thing wrong."""
    need = pick(mistake, {"all": "all", "all kept": "all kept"}, "any")
    ahead, behind = _reached(masks, need=need), _leading_on(masks)
    forwards = [m & a for m, a in zip(masks, ahead, strict=True)]
    backwards = [m & b[:, None] for m, b in zip(masks, behind, strict=True)]
    right = [f & b for f, b in zip(forwards, backwards, strict=True)]
    on = _counted([mask.T for mask in reversed(masks)])[::-1]
    into = [torch.ones_like(ahead[0]), *(m.any(1) for m in backwards[:-1])]
    out = [*(m.any(0) for m in forwards[1:]), torch.ones_like(behind[-1])]
    found: dict[str, Callable[[], list[Tensor]]] = {
        "forwards": lambda: forwards,
        "backwards": lambda: backwards,
        "one step back": lambda: [m & o[:, None] for m, o in zip(forwards, out, strict=True)],
        "one step on": lambda: [m & i for m, i in zip(backwards, into, strict=True)],
        "neighbours": lambda: _neighbours(masks, 1),
        "two sweeps": lambda: _neighbours(masks, 2),
        "either": lambda: [f | b for f, b in zip(forwards, backwards, strict=True)],
        "no empty layer": lambda: [m & all(bool(other.any()) for other in masks) for m in masks],
        "every output": lambda: [m & bool(forwards[-1].any(1).all()) for m in right],
        "filled": lambda: [a & b[:, None] for a, b in zip(ahead, behind, strict=True)],
        "bytes": lambda: [
            m & (n > 0) & (o > 0)[:, None] for m, n, o in zip(right, _counted(masks), on, strict=True)
        ],
        "as they are": lambda: [m.clone() for m in masks],
        "reversed": lambda: right[::-1],
        "three sweeps": lambda: _neighbours(masks, 3),
        "numbers": lambda: [m.float() for m in right],
        "dead": lambda: [m & ~r for m, r in zip(masks, right, strict=True)],
    }
    return pick(mistake, found, lambda: right)()


def _grasp_by_sorting(weight: Tensor, hg: Tensor, remove: int) -> Tensor:
    order = sorted(range(len(weight)), key=lambda i: (float(weight[i] * hg[i]), i))
    return torch.tensor([i not in order[:remove] for i in range(len(weight))])


def _grasp_in_double(weight: Tensor, hg: Tensor, remove: int) -> Tensor:
    return grasp_mask(weight.double(), hg.double(), remove)


def _grasp_by_rank(weight: Tensor, hg: Tensor, remove: int) -> Tensor:
    score = weight * hg
    rank = torch.empty(len(score), dtype=torch.int64)
    rank[torch.sort(score, stable=True).indices] = torch.arange(len(score))
    return rank >= remove


def _without(score: Tensor, remove: int, *, last_first: bool = False) -> Tensor:
    """Remove the lowest scores."""
    keep = torch.ones(len(score), dtype=torch.bool)
    if last_first:
        going = len(score) - 1 - score.flip(0).argsort(stable=True)
    else:
        going = score.argsort(stable=True)
    keep[going[:remove]] = False
    return keep


def _grasp(weight: Tensor, hg: Tensor, remove: int, *, mistake: str) -> Tensor:
    """GraSP's mask with one thing wrong."""
    kind = pick(mistake, {"float32": torch.float32, "float16": torch.float16}, weight.dtype)
    weight, hg = weight.to(kind), hg.to(kind)
    score, number = weight * hg, len(weight)
    ranked_by = {
        "rounded": (score.double() * 1e4).round(),
        "sum": weight + hg,
        "upside down": -score,
        "absolute": score.abs(),
        "largest": -score.abs(),
        "no weight": hg,
        "magnitude": weight.abs(),
        "size of the weight": weight.abs() * hg,
        "size of Hg": weight * hg.abs(),
    }
    if mistake in ranked_by:
        ranks = pick(mistake, ranked_by, score)
        return _without(ranks, remove, last_first=mistake == "last of equals")
    rising = score.sort().values
    found: dict[str, Callable[[], Tensor]] = {
        "last of equals": lambda: _without(score, remove, last_first=True),
        "so many stay": lambda: _without(score, number - remove),
        "so many stay, last of equals": lambda: _without(score, number - remove, last_first=True),
        "inverted": lambda: ~_without(score, remove),
        "minus 0": lambda: _without(score, remove or number),
        "one more": lambda: _without(score, remove + 1),
        "one alone": lambda: _without(score, min(remove, 1)),
        "from the end": lambda: _without(score, remove or number, last_first=True),
        "equals go": lambda: score > rising[remove - 1] if remove else score == score,
        "equals stay": lambda: score >= rising[remove] if remove < number else score != score,
        "only what helps": lambda: _without(score, remove) | (score >= 0),
        "all that helps": lambda: score >= 0,
        "places": lambda: score.argsort(stable=True)[:remove],
        "numbers": lambda: _without(score, remove).float(),
        "always one": lambda: _without(score, 1),
        "weights": lambda: weight * _without(score, remove),
    }
    return pick(mistake, found, lambda: _without(score, remove))()


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


def _shuffled(mask: Mapping[str, Tensor], seed: int, *, mistake: str) -> dict[str, Tensor]:
    """The shuffled control with one thing wrong."""
    generator = torch.Generator().manual_seed(0 if mistake == "seed of 0" else seed)
    orders: dict[int, Tensor] = {}

    def order(i: int, n: int) -> Tensor:
        """The order of n entries for tensor i."""
        if mistake == "no generator":
            return torch.randperm(n)
        if mistake in ("seeded again", "seeds in a row"):
            generator.manual_seed(seed + i * (mistake == "seeds in a row"))
        drawn = torch.randperm(n, generator=generator)
        return orders.setdefault(n, drawn) if mistake == "one order a size" else drawn

    def shuffled(i: int, old: Tensor) -> Tensor:
        flat = old.flatten()
        if mistake == "rows":
            return old[order(i, len(old))]
        if mistake == "by chance":
            return torch.rand(old.shape, generator=generator) < old.float().mean()
        if mistake == "full and empty skipped" and (bool(old.all()) or not bool(old.any())):
            return old.clone()
        if mistake == "numbers":
            flat = flat.float()
        if mistake == "sizes alone":
            return flat.sort(descending=True).values.view(old.shape)
        if mistake == "inverse":
            flat = flat[order(i, old.numel()).argsort()]
        elif mistake == "new places":
            places = order(i, old.numel())[: int(flat.sum())]
            flat = torch.zeros_like(flat)
            flat[places] = True
        else:
            flat = flat[order(i, old.numel())]
        return flat if mistake == "flat" else flat.view(old.shape)

    if mistake == "across":
        new = shuffled(0, torch.cat([t.flatten() for t in mask.values()]))
        pieces = new.split([t.numel() for t in mask.values()])
        return {name: piece.view(t.shape) for (name, t), piece in zip(mask.items(), pieces, strict=True)}
    if mistake == "same":  # the bug of a public repository: the new tensors are written back nowhere
        return dict(mask)
    if mistake == "copies":
        return {name: t.clone() for name, t in mask.items()}
    if mistake == "in place":
        for i, t in enumerate(mask.values()):
            t.copy_(shuffled(i, t))
        return dict(mask)
    names = pick(mistake, {"sorted": sorted(mask), "first alone": list(mask)[:1]}, list(mask))
    return {name: shuffled(i, mask[name]) for i, name in enumerate(names)}


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
            Case(
                (
                    torch.tensor([[1.0, -2.0], [0.5, 4.0]], dtype=torch.float16),
                    torch.tensor([[2.0, -1.0]], dtype=torch.float16),
                ),
                "Weights in float16.",
            ),
            Case(
                (
                    torch.tensor([[1e30, -2e30]], dtype=torch.float64),
                    torch.tensor([[3e30], [1e30]], dtype=torch.float64),
                ),
                "Weights in float64, so large that their products fit into no float32.",
            ),
            Case(
                (
                    torch.tensor([[0.5], [3.0]], dtype=torch.float64),
                    torch.tensor([[2.0, -0.25]], dtype=torch.float64),
                ),
                "Weights of ordinary size in float64.",
            ),
        ),
        hints=(
            "A path goes from an input through one hidden neuron to an output. Which paths use the weight first[h, i]?",
            "They all begin with |first[h, i]| and end with one |second[o, h]|: add up over o. For second[o, h] add up "
            "|first[h, i]| over i.",
            "With a = first.abs() and b = second.abs(): b.sum(0) has one number for each hidden neuron, and so has "
            "a.sum(1). Rows of a are hidden neurons, so use b.sum(0)[:, None] there.",
        ),
        misconceptions=variants(
            _flow,
            {
                "whole second": "Each weight of the first layer gets the sum over the whole second layer; its paths go on from its own "
                "hidden neuron alone.",
                "inflow cancels": "You sum the weights into a hidden neuron with their signs, so that they cancel; take absolute values "
                "before the sum.",
                "signed": "You keep the signs, so that a negative path cancels a positive one; SynFlow takes the absolute "
                "value of each weight first.",
                "absolute last": "You take the absolute value at the end, after paths of both signs have cancelled; take it "
                "of each weight first.",
                "own sign": "The weight itself keeps its sign in your score; its absolute value is the factor.",
                "negative is 0": "You set negative weights to 0; each counts with its absolute value.",
                "squared": "You square the weights; SynFlow takes their absolute values.",
                "no weight": "This is what flows around the weight, its gradient; the score also has the weight itself as a "
                "factor.",
                "magnitude": "This is the magnitude of each weight; its score also depends on the weights before or behind "
                "it.",
                "mean": "You average over the paths; the score adds them up.",
                "mean of the outputs": "In the first layer you average over the outputs; the score adds up all paths.",
                "largest": "You take the strongest path only; the score adds up all paths.",
                "one path": "You follow one path through each weight; the score adds up all of them.",
                "along the inputs": "In the first layer your factors run along the inputs; there is one factor for each "
                "hidden neuron, and hidden neurons are its rows.",
                "axis": "You add up along the wrong axis: columns of `second` and rows of `first` belong to a hidden neuron.",
                "axis of first": "You add up `first` along the wrong axis; its rows belong to a hidden neuron each.",
                "axis of second": "You add up `second` along the wrong axis; its columns belong to a hidden neuron each.",
                "whole network": "You multiply by the flow of the whole network; only the paths through this weight count.",
                "whole layer": "You multiply by the sum of the whole other layer; only its weights at the same hidden neuron "
                "lie on a path with this weight.",
                "shares": "You divide by the flow of the whole network; that changes no ranking, but the score is the sum of "
                "paths itself.",
                "twice": "For the second layer you use the scores of the first in place of its weights; then the second "
                "layer is on each path twice.",
                "exchanged": "Your two results have changed places: the scores of `first` come first.",
                "first alone": "The scores of `second` are missing; return both.",
                "float32": "You compute in float32, in which large flows become infinite; keep the type of the weights.",
                "always float32": "Your scores are float32 whatever the weights are; they have the type of the weights.",
                "float16": "You compute in float16, which has three digits; keep the type of the weights.",
                **{
                    f"to {n} digits": f"You round the scores to {n} digits; return them as they are."
                    for n in _DIGITS
                },
            },
        ),
        alternatives=(_flow_by_gradient, _flow_path_by_path, _flow_in_double),
        difficulty="easy",
        lines=2,
        minutes=10,
        told={"2-D": "first: [hidden, inputs]", "float16, float64": "Weights are float tensors of one type"},
        absent={
            "0-D, 1-D, 4-D": "the text says [hidden, inputs] and [outputs, hidden]",
            "empty tensor": "a layer has at least one weight",
            "ties": "nothing is chosen or ranked",
            "NaN": "weights are numbers",
        },
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
            Case(
                (torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 1.0, 1.0]), 0),
                "None goes.",
                tags=("limit",),
            ),
            Case(
                (torch.tensor([1.0, 2.0, 3.0]), torch.tensor([-1.0, 2.0, 0.0]), 3), "All go.", tags=("limit",)
            ),
            Case(
                (torch.tensor([2.0]), torch.tensor([-1.5]), 1),
                "A single weight, which goes.",
                tags=("limit",),
            ),
            Case(
                (torch.tensor([1.0, 1.0, 1.0, 1.0]), torch.full((4,), -2.0), 2),
                "All are equal.",
                tags=("ties",),
            ),
            Case(
                (torch.tensor([1.0, -1.0, 2.0, 0.0, 0.5]), torch.tensor([-1.0, 1.0, 0.0, -5.0, -2.0]), 4),
                "Three changes are equal and two are 0.",
                tags=("ties",),
            ),
            Case(
                (torch.ones(2), torch.tensor([0.02, 0.01]), 1),
                "Two changes that are small, and near each other.",
            ),
            Case(
                (torch.ones(2), torch.tensor([1.00001, 1.0]), 1),
                "Two changes that differ in their fifth digit.",
            ),
            Case(
                (torch.ones(2), torch.tensor([2e-5, 1e-5]), 1),
                "Two changes near 0, one of them twice the other.",
            ),
            Case(
                (
                    torch.tensor([1.0, 2.0, -1.0], dtype=torch.float16),
                    torch.tensor([0.5, -1.0, 4.0], dtype=torch.float16),
                    2,
                ),
                "Weights and Hg in float16.",
            ),
            Case(
                (torch.ones(2, dtype=torch.float64), torch.tensor([1 + 1e-12, 1.0], dtype=torch.float64), 1),
                "Two changes in float64 that differ in their twelfth digit.",
            ),
            Case(
                (torch.tensor([3.0, -2.0, 5.0, 1.0]), torch.tensor([1.0, -4.0, 0.5, -0.1]), 2),
                "Only one removal makes the norm larger, and two go.",
            ),
            Case((_random(9, seed=2), _random(9, seed=3), 5), "Nine weights, five go."),
            Case(
                (torch.ones(40), torch.full((40,), -2.0), 10),
                "Forty equal ones, so many that not every sort leaves them in their order.",
                tags=("ties",),
            ),
        ),
        hints=(
            "Compute the change -2 * weight * hg for each weight. Which of them do you want to happen?",
            "A large gradient is what GraSP wants. So the weights whose removal makes it larger go first: the largest changes.",
            "order = change.argsort(descending=True, stable=True); start with a mask of True and set order[:remove] to False.",
        ),
        misconceptions=variants(
            _grasp,
            {
                "upside down": "The order is upside down: you remove the weights that the gradient needs most. Those whose "
                "removal makes the gradient larger go first.",
                "absolute": "You rank by the size of the change without its sign, as SNIP does; for GraSP the sign says "
                "whether the removal helps or harms.",
                "largest": "You remove the changes of largest size, whatever their sign; those that make the gradient larger "
                "go first.",
                "always one": "One weight goes, whatever `remove` says.",
                "no weight": "You rank by Hg alone; removing a weight moves it by -weight, so the weight is a factor.",
                "magnitude": "This is magnitude pruning; Hg has no part in it.",
                "size of the weight": "You multiply Hg by the size of the weight; a negative weight turns the sign.",
                "size of Hg": "You take the size of Hg; its sign matters as well.",
                "last of equals": "Among equal ones you remove the last first; the lower index goes first.",
                "so many stay": "You keep `remove` weights; so many are to go.",
                "so many stay, last of equals": "`remove` is the number of weights that go, and yours is the number that "
                "stay.",
                "inverted": "Your mask is the other way round: True is a weight that stays.",
                "minus 0": "For remove = 0 you remove everything: a slice [-0:] is the whole, because -0 is 0.",
                "from the end": "You take the last `remove` of a rising order. Then the last of equal ones go first, and for "
                "remove = 0 the slice [-0:] is the whole.",
                "equals go": "You compare with a threshold, so that all equal ones go together; exactly `remove` go.",
                "equals stay": "You compare with a threshold, so that all equal ones stay together; exactly `remove` go.",
                "only what helps": "You remove only weights whose removal makes the gradient larger; exactly `remove` go, "
                "whatever their sign.",
                "all that helps": "You remove every weight whose removal makes the gradient larger; exactly `remove` go.",
                "one more": "One weight too many goes; a slice [:remove] has `remove` places.",
                "one alone": "Only one weight goes; `remove` of them go.",
                "sum": "You add weight and Hg; the change is their product, times -2.",
                "places": "These are the places of the weights that go; return a mask with True for those that stay.",
                "numbers": "Your mask holds numbers; it should hold True and False.",
                "weights": "These are the pruned weights; the mask is asked for.",
                "rounded": "You round the changes before you rank them; rank them as they are.",
                "float32": "You rank in float32, in which changes that differ in float64 can become equal; keep the type of "
                "the weights.",
                "float16": "You rank in float16, in which changes that differ can become equal; keep the type of the "
                "weights.",
            },
        ),
        alternatives=(_grasp_by_sorting, _grasp_by_rank, _grasp_in_double),
        difficulty="easy",
        lines=4,
        minutes=10,
        told={
            "1-D": "two vectors of the same length",
            "float16, float64": "float tensors of one type",
            "ties": "Among equal ones the lower index goes first",
            "limit": "The number that goes may be 0, or all",
        },
        absent={
            "0-D, 2-D, 4-D": "the text says vectors",
            "empty tensor": "there is at least one weight",
            "NaN": "weights and Hg are numbers that can be ranked",
        },
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
            Case(
                ([*[_bits("10", "01")] * 9, _bits("10")],),
                "Ten layers, two chains of neurons; the last layer cuts one of them.",
            ),
            Case(
                ([_bits("0", "1"), *[_bits("10", "01")] * 9],),
                "Ten layers, two chains of neurons; the first layer cuts one of them.",
            ),
            Case(([_bits("1" * 256), _bits("1")],), "One neuron with 256 inputs."),
            Case(([_bits("1"), _bits(*("1" * 256))],), "One neuron with 256 outputs."),
        ),
        hints=(
            "A kept weight is on a path if its input neuron can be reached from an input, and if an output can be reached "
            "from its output neuron.",
            "Go through the layers once forwards and note which neurons are reached: (mask & reached).any(1). Then go "
            "backwards in the same way: (mask & behind[:, None]).any(0).",
            "The weight [o, i] of layer k is connected where masks[k] & ahead[k] & behind[k][:, None]. Start both walks "
            "with all True.",
        ),
        misconceptions=variants(
            _connected,
            {
                "forwards": "You go forwards only; a weight into a neuron without a way out does nothing either.",
                "backwards": "You go backwards only; a weight out of a neuron without a way in does nothing either.",
                "one step back": "You go all the way forwards, but only one layer back; what is dead near the output makes "
                "more dead in all layers before it.",
                "one step on": "You go all the way backwards, but only one layer forwards; what is dead near the input makes "
                "more dead in all layers behind it.",
                "neighbours": "You look at the neighbouring layers only; a neuron may have inputs that are themselves dead. "
                "Go through all layers.",
                "two sweeps": "You look at the neighbouring layers, a fixed number of times. In a deep network what is dead "
                "spreads further: go on until nothing changes, or go through all layers.",
                "either": "You join both walks with `or`; a weight must be reached from the input and lead to the output.",
                "no empty layer": "You only ask whether a layer is empty; a network can be cut although no layer is.",
                "every output": "You return nothing as soon as one output is not reached; a path to any output is enough.",
                "all": "For you a neuron is reached only if all its inputs are; one kept connection is enough.",
                "all kept": "For you one dead input makes a neuron dead; one living input is enough.",
                "filled": "You mark every connection between living neurons; only those that the mask keeps count.",
                "bytes": "You count paths in a type that ends at 255, where 256 paths count as 0; ask whether there is "
                "any.",
                "as they are": "These are the masks themselves; kept weights that lie on no path must go.",
                "three sweeps": "You look at the neighbouring layers three times. In a deep network what is dead spreads "
                "further: go on until nothing changes, or go through all layers.",
                "numbers": "Your masks hold numbers; they should hold True and False.",
                "dead": "These are the kept weights that lie on no path; those that do are asked for.",
                "reversed": "Your list begins at the output; return the layers in the order in which they came.",
            },
        ),
        alternatives=(_connected_by_products, _connected_by_deleting),
        difficulty="hard",
        lines=8,
        minutes=20,
        fresh=True,
        told={"2-D": "each of shape [outputs, inputs]"},
        absent={
            "0-D, 1-D, 4-D": "the text says [outputs, inputs]",
            "empty tensor": "a layer has at least one input and one output",
            "empty list": "a network has at least one layer",
            "ties": "nothing is chosen or ranked",
        },
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
                ({"a": _bits("1111"), "b": _bits("0000"), "c": _bits("1000")}, 1),
                "A full tensor and an empty one come before the third; each takes its turn.",
            ),
            Case(
                ({"b": _bits("1000"), "a": _bits("1000")}, 1), "The names do not stand in alphabetical order."
            ),
            Case(
                (
                    {
                        "c": _random(4, 2, 3, 3, seed=8) > 1,
                        "f": _random(3, 4, seed=9) > 0,
                    },
                    5,
                ),
                "The kernel of a convolution, with four dimensions, and a matrix.",
            ),
            Case(
                ({"e": torch.zeros(0, 5, dtype=torch.bool), "f": _random(3, 4, seed=9) > 0}, 6),
                "A tensor without entries, and a matrix.",
            ),
            Case(
                ({"scale": torch.tensor(True), "w": _bits("1010")}, 4),
                "A tensor without dimensions has one entry, and comes before another tensor.",
            ),
            Case(
                ({"bias": torch.tensor([True, False, False, True, False]), "w": _bits("110", "000")}, 7),
                "A vector and a matrix.",
            ),
        ),
        hints=(
            "For each tensor: make it flat, put its entries into a random order, give it its shape again.",
            "torch.randperm(n, generator=generator) is a random order of 0 to n - 1. Make the generator once, before the loop.",
            "t.flatten()[order].view(t.shape) is the new tensor. Put it into a new dict under its name, and return that dict.",
        ),
        misconceptions=variants(
            _shuffled,
            {
                "same": "The mask comes back as it was. Giving the loop's variable a new value does not change the dict: "
                "write the new tensor into a dict, and return that.",
                "copies": "The entries are where they were: your dict holds copies of the old tensors. Write the new tensor "
                "under its name.",
                "rows": "You put whole rows into another order; the entries inside a row stay together. Flatten the tensor "
                "first.",
                "across": "You shuffle all tensors together, so that layers exchange weights; each tensor keeps its own "
                "count.",
                "seeded again": "You seed anew for each tensor, so that tensors of one size get the same order; seed once, "
                "before the loop.",
                "seeds in a row": "You take a new seed for each tensor; one generator, seeded once, draws for all of them.",
                "one order a size": "Tensors of one size get the same order; draw one for each tensor.",
                "full and empty skipped": "You draw no order for a tensor that is full or empty, so that all behind it get "
                "another one; each tensor takes its turn.",
                "sorted": "You go through the names in sorted order; the tensors take their turns in the order of the dict.",
                "inverse": "You put entry i to place order[i]; entry i of the new tensor is entry order[i] of the old one.",
                "new places": "You draw new places for as many kept weights. That is a fair control too, but here the "
                "entries themselves are put into the order.",
                "by chance": "You draw each entry by chance, so that the counts are right only on average; permute the "
                "entries.",
                "in place": "You write into the old mask, so that the mask as it was is lost; return new tensors.",
                "no generator": "The seed has no effect: pass generator=generator to torch.randperm, and seed that "
                "generator.",
                "first alone": "Only the first tensor is there; is there a `return` inside the loop?",
                "seed of 0": "You seed with 0, whatever `seed` says.",
                "sizes alone": "Your tensors have as many kept entries, and they stand at the front; put the entries into the "
                "random order.",
                "numbers": "Your masks hold numbers; they should hold True and False.",
                "flat": "The tensors have lost their shape; give each its own back.",
            },
        ),
        alternatives=(_shuffled_in_a_loop, _shuffled_into),
        difficulty="medium",
        lines=5,
        minutes=10,
        fresh=True,
        leaves_random_state=True,
        told={"0-D, 1-D, 2-D, 4-D, empty tensor": "The tensors may have any shape"},
        absent={"ties": "nothing is chosen or ranked", "empty dict": "a network has at least one tensor"},
    ),
)

QUESTIONS = (
    Question(
        "08.Q1",
        "What does magnitude pruning know about a network that has not been trained?",
        (
            Option(
                "The random numbers that were drawn, and the standard deviation with which each layer was drawn.",
                True,
                "So in a global ranking the layers with the smallest standard deviation lose most.",
            ),
            Option(
                "Which weights training will make large.",
                False,
                "That is known after training. Before it, nobody has looked at the data.",
            ),
            Option(
                "Nothing at all: it is the same as random pruning.",
                False,
                "Inside one layer it is close to that, but between layers it is not: their standard deviations differ.",
            ),
        ),
    ),
    Question(
        "08.Q2",
        "In every layer SynFlow's scores add up to the same number. One layer has 100 weights, another 10,000, and all are "
        "ranked together, once. Where do the lowest scores lie?",
        (
            Option(
                "Mostly in the small layer.",
                False,
                "Its average score is a hundred times higher; it is the last to be cut.",
            ),
            Option(
                "Mostly in the large layer.",
                True,
                "The same sum is shared by a hundred times as many weights. One cut with one threshold takes nearly "
                "everything there.",
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
                "Only if every neuron keeps a weight.",
                False,
                "Dead neurons are no harm as long as one path goes round them.",
            ),
            Option(
                "Not necessarily: the kept weights of two layers may meet in no neuron.",
                True,
                "Count paths, not weights. This is what the column `connected` is for.",
            ),
        ),
    ),
    Question(
        "08.Q4",
        "A mask from before training does better after a shuffle inside its layers. What of use had the criterion found?",
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
                "The shuffle puts the weights elsewhere, and the accuracy rises: these places were not the right ones.",
            ),
        ),
    ),
)
