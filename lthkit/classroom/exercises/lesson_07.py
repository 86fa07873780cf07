"""Exercises of lesson 07, SNIP: sensitivity by differences, scores from batches, unequal batches, overlap of masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce

import torch
from torch import Tensor

from lthkit.classroom.exercises.exercise import Case, Exercise, Option, Question, pick, variants


def sensitivity_by_difference(w: Tensor, x: Tensor, y: Tensor, h: float) -> Tensor:
    """Connection sensitivity without a gradient: each weight in turn is multiplied by 1 + h and by 1 - h.

    Args:
        w: weights [d] of a linear model. x: inputs [n, d]. y: targets [n]. h: how far a factor is moved, above 0.

    Returns:
        [d], the absolute value of (L(1 + h) - L(1 - h)) / 2h for each weight, all other factors at 1; L is the mean
        squared error.
    """

    def loss(c: Tensor) -> Tensor:
        return ((x @ (c * w) - y) ** 2).mean()

    score = torch.zeros_like(w)
    for i in range(len(w)):
        step = torch.zeros_like(w)
        step[i] = h
        score[i] = (loss(1 + step) - loss(1 - step)).abs() / (2 * h)
    return score


def score_of_batches(w: Tensor, gradients: Sequence[Tensor]) -> Tensor:
    """The SNIP score of a weight tensor from the gradients of several batches of equal size.

    Args:
        w: weights. gradients: dL/dw of each batch's mean loss, each of w's shape; at least one.

    Returns:
        The absolute value of w times the mean gradient: the absolute value comes after the sum.
    """
    return (w * torch.stack(list(gradients)).mean(0)).abs()


def whole_gradient(gradients: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
    """The gradient of the mean loss over all images, from the gradients of batches of different sizes.

    Args:
        gradients: of each batch's mean loss. sizes: images in each batch, at least 1.
    """
    total = sum(n * g for n, g in zip(sizes, gradients, strict=True))
    assert isinstance(total, Tensor)
    return total / sum(sizes)


def overlap(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """Intersection over union of two masks, over all layers together; 1.0 if neither keeps anything.

    Args:
        one, other: parameter name -> bool tensor, True = kept; the same names and shapes, in any order.
    """
    both = sum((one[name] & other[name]).sum().item() for name in one)
    either = sum((one[name] | other[name]).sum().item() for name in one)
    return both / either if either else 1.0


# Other right answers, and mistakes that people make


def _by_rows(w: Tensor, x: Tensor, y: Tensor, h: float) -> Tensor:
    def loss(c: Tensor) -> Tensor:
        return (x @ (c * w)).sub(y).square().mean()

    steps = h * torch.eye(len(w), dtype=w.dtype)
    return torch.stack([((loss(1 + s) - loss(1 - s)) / (2 * h)).abs() for s in steps])


def _all_at_once(w: Tensor, x: Tensor, y: Tensor, h: float) -> Tensor:
    steps = h * torch.eye(len(w), dtype=w.dtype)
    up, down = (((x @ ((1 + side * steps) * w).T - y[:, None]) ** 2).mean(0) for side in (1, -1))
    return (up - down).abs() / (2 * h)


def _by_slope(w: Tensor, x: Tensor, y: Tensor, h: float) -> Tensor:
    """The loss is a quadratic function of each factor, so that the central difference is the slope itself."""
    return (w * (2 * x.T @ (x @ w - y) / len(y))).abs()


DIGITS = {"2 digits": 2, "3 digits": 3, "4 digits": 4}


def _moved(w: Tensor, x: Tensor, y: Tensor, h: float, *, mistake: str) -> Tensor:
    """The right answer with one thing wrong."""

    def loss(c: Tensor) -> Tensor:
        weights = w + (c - 1) if mistake == "weight" else c * w
        errors = x @ weights - y
        losses = {
            "summed": (errors**2).sum(),
            "root": (errors**2).mean().sqrt(),
            "distance": errors.abs().mean(),
        }
        return pick(mistake, losses, (errors**2).mean())

    ends = {  # the two factors, and what the difference of the losses is divided by
        "forward": (1 + h, 1.0, h),
        "backward": (1.0, 1 - h, h),
        "only back to 1": (1 + h, 1.0, 2 * h),
        "one after the other": (1 + h, (1 + h) * (1 - h), 2 * h),
        "factors h": (h, -h, 2 * h),
        "by h": (1 + h, 1 - h, h),
        "not divided": (1 + h, 1 - h, 1.0),
        "no brackets": (1 + h, 1 - h, 2 / h),
        "removed": (1.0, 0.0, 1.0),
    }
    high, low, width = pick(mistake, ends, (1 + h, 1 - h, 2 * h))
    score, c = torch.zeros_like(w), torch.ones_like(w)
    for i in range(len(w)):
        if mistake != "left":
            c = torch.full_like(w, 0.0 if mistake in ("others 0", "factors h") else 1.0)
        moved = slice(None) if mistake == "at once" else i
        c[moved] = high
        up = loss(c)
        c[moved] = low
        score[i] = (up - loss(c)) / width
        if mistake == "first only":
            break
    results = {
        "signed": score,
        "positive part": score.clamp(min=0),
        "negative": -score,
        "squared": score**2,
        "shares": score.abs() / score.abs().sum(),
        "one number": score.abs().sum(),
        "single": score.abs().float(),
    }
    result = pick(mistake, results, score.abs())
    digits = pick(mistake, DIGITS, None)
    return result if digits is None else result.round(decimals=digits)


def _summed_in_a_loop(w: Tensor, gradients: Sequence[Tensor]) -> Tensor:
    total = torch.zeros_like(w)
    for g in gradients:
        total = total + g / len(gradients)
    return torch.abs(total) * torch.abs(w)


def _products_first(w: Tensor, gradients: Sequence[Tensor]) -> Tensor:
    return sum((w * g for g in gradients), torch.zeros_like(w)).div(len(gradients)).abs()


def _scored_in_double(w: Tensor, gradients: Sequence[Tensor]) -> Tensor:
    total = reduce(torch.add, [g.double() for g in gradients])
    return (total * w.double() / len(gradients)).abs().to(w.dtype)


def _scored_by_numbers(w: Tensor, gradients: Sequence[Tensor]) -> Tensor:
    columns = zip(*(g.flatten().tolist() for g in gradients), strict=True)
    scores = [
        abs(v * sum(column)) / len(column) for v, column in zip(w.flatten().tolist(), columns, strict=False)
    ]
    return torch.tensor(scores, dtype=w.dtype).reshape(w.shape)


def _by_multiplying_back(gradients: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
    total = torch.zeros_like(gradients[0])
    for g, n in zip(gradients, sizes, strict=True):
        total = total + g * (n / sum(sizes))
    return total


def _by_tensordot(gradients: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
    share = torch.tensor(sizes, dtype=gradients[0].dtype) / sum(sizes)
    return torch.tensordot(share, torch.stack(list(gradients)), dims=1)


def _by_images(gradients: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
    images = [g.double() for g, n in zip(gradients, sizes, strict=True) for _ in range(n)]
    return (sum(images[1:], images[0]) / len(images)).to(gradients[0].dtype)


def _by_running_mean(gradients: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
    mean, seen = torch.zeros_like(gradients[0]), 0
    for g, n in zip(gradients, sizes, strict=True):
        seen += n
        mean = mean + (g - mean) * (n / seen)
    return mean


def _weighted(gradients: Sequence[Tensor], weights: Sequence[float], divisor: float) -> Tensor:
    total = torch.zeros_like(gradients[0])
    for g, n in zip(gradients, weights, strict=True):
        total = total + n * g
    return total / divisor


def _scored(w: Tensor, gradients: Sequence[Tensor], *, mistake: str) -> Tensor:
    """The score of several batches with one thing wrong."""
    if mistake == "single":
        w, gradients = w.float(), [g.float() for g in gradients]
    elif mistake == "single between":
        gradients = [g.float() for g in gradients]
    g = torch.stack(list(gradients))
    joined: dict[str, Callable[[], Tensor]] = {
        "last batch": lambda: g[-1],
        "first batch": lambda: g[0],
        "first share": lambda: g[0] / len(gradients),
        "sum": lambda: g.sum(0),
        "by 2": lambda: g.sum(0) / 2,
        "by entries": lambda: g.sum(0) / len(w),
        "halves": lambda: reduce(lambda mean, new: (mean + new) / 2, gradients),
        "median": lambda: g.median(0).values,
        "largest": lambda: g.gather(0, g.abs().argmax(0, keepdim=True))[0],
        "one mean": lambda: g.mean().expand_as(w),
    }
    mean = pick(mistake, joined, lambda: g.mean(0))()
    products: dict[str, Callable[[], Tensor]] = {
        "each batch": lambda: (w * g).abs().mean(0),
        "each batch summed": lambda: (w * g).abs().sum(0),
        "no weight": lambda: mean.abs(),
        "signed": lambda: w * mean,
        "signed weight": lambda: w * mean.abs(),
        "signed gradient": lambda: w.abs() * mean,
        "positive part": lambda: (w * mean).clamp(min=0),
        "squared": lambda: (w * mean) ** 2,
        "magnitude": lambda: w.abs(),
        "negative": lambda: -(w * mean),
    }
    score = pick(mistake, products, lambda: (w * mean).abs())()
    if mistake == "one number":
        return score.sum()
    score = score / score.sum() if mistake == "shares" else score
    digits = pick(mistake, DIGITS, None)
    score = score if digits is None else score.double().round(decimals=digits).to(score.dtype)
    return score.to(w.dtype)


def _combined(gradients: Sequence[Tensor], sizes: Sequence[int], *, mistake: str) -> Tensor:
    """The gradient over unequal batches with one thing wrong."""
    number, total, first, largest = len(sizes), sum(sizes), sizes[0], max(sizes)
    shares: dict[str, tuple[Sequence[float], float | None]] = {  # weights, and what their sum is divided by
        "plain": ([1] * number, number),
        "sum": (list(sizes), 1),
        "by batches": (list(sizes), number),
        "sums": ([1] * number, total),
        "added": ([1] * number, 1),
        "inverse": ([1 / n for n in sizes], None),
        "as the first": (list(sizes), first * number),
        "all but the last": ([first] * (number - 1) + [sizes[-1]], None),
        "smaller left out": ([n * (n == first) for n in sizes], None),
        "largest only": ([n * (n == largest) for n in sizes], None),
        "root": ([n**0.5 for n in sizes], None),
        "squares": ([n**2 for n in sizes], None),
        "first batch": ([1] + [0] * (number - 1), None),
        "first share": ([first] + [0] * (number - 1), total),
        "last batch": ([0] * (number - 1) + [1], None),
        "next size": ([*sizes[1:], sizes[0]], None),
        "two only": ((list(sizes) + [0])[:2] + [0] * (number - 2), None),
    }
    if mistake == "single":
        gradients = [g.float() for g in gradients]
    elif mistake == "single between":
        return _combined([g.float() for g in gradients], sizes, mistake="").to(gradients[0].dtype)
    elif mistake == "absolute parts":
        gradients = [g.abs() for g in gradients]
    if mistake == "axis":
        return (torch.stack(list(gradients)) * (torch.tensor(sizes) / total)).sum(0)
    if mistake == "in pairs":
        mean = gradients[0]
        for g, old, new in zip(gradients[1:], sizes, sizes[1:], strict=False):
            mean = (old * mean + new * g) / (old + new)
        return mean.clone()
    weights, divisor = pick(mistake, shares, (list(sizes), None))
    result = _weighted(gradients, weights, sum(weights) if divisor is None else divisor)
    if mistake == "absolute":
        return result.abs()
    if mistake == "one number":
        return result.sum()
    digits = pick(mistake, DIGITS, None)
    return result if digits is None else result.double().round(decimals=digits).to(result.dtype)


Masks = Mapping[str, Tensor]


def _overlap_flat(one: Masks, other: Masks) -> float:
    a, b = (torch.cat([m[name].flatten() for name in one]) for m in (one, other))
    union = (a | b).sum().item()
    return 1.0 if union == 0 else (a & b).sum().item() / union


def _overlap_by_counts(one: Masks, other: Masks) -> float:
    counts = [0, 0, 0]
    for name in one:
        pairs = zip(one[name].flatten().tolist(), other[name].flatten().tolist(), strict=True)
        for a, b in pairs:
            counts[a + b] += 1
    return counts[2] / (counts[1] + counts[2]) if counts[1] + counts[2] else 1.0


def _overlap_by_sets(one: Masks, other: Masks) -> float:
    a, b = (
        {(name, i) for name, keep in mask.items() for i in keep.flatten().nonzero().flatten().tolist()}
        for mask in (one, other)
    )
    return len(a & b) / len(a | b) if a | b else 1.0


def _ratio(one: Masks, other: Masks, *, mistake: str) -> float:
    """The overlap with one thing wrong."""
    if mistake == "first layer":
        name = next(iter(one))
        return overlap({name: one[name]}, {name: other[name]})
    if mistake == "mean of layers":
        return sum(overlap({n: one[n]}, {n: other[n]}) for n in one) / len(one)
    if mistake == "by position":
        return overlap(one, dict(zip(one, other.values(), strict=True)))
    names = list(one)[-1:] if mistake == "last layer" else list(one)
    both, either = (
        sum(int(join(one[n], other[n]).sum()) for n in names)
        for join in (torch.logical_and, torch.logical_or)
    )
    first, second = (sum(int(mask[n].sum()) for n in names) for mask in (one, other))
    total = sum(one[n].numel() for n in names)
    parts = {
        "agreement": (total - either + both, total),
        "first": (both, first),
        "second": (both, second),
        "smaller": (both, min(first, second)),
        "larger": (both, max(first, second)),
        "dice": (2 * both, first + second),
        "all": (both, total),
        "added": (both, first + second),
        "only one": (both, either - both),
        "plus one": (both + 1, either + 1),
        "removed": (total - either, total - both),
        "number": (both, 1),
        "upside down": (either, both or either),
    }
    above, below = pick(mistake, parts, (both, either))
    if mistake == "unguarded":
        return above / below
    if (mistake == "one is empty" and not (first and second)) or (mistake == "none shared" and not both):
        return 1.0
    result = above / below if below else pick(mistake, {"nan": float("nan"), "zero": 0.0}, 1.0)
    if mistake == "distance":
        return 1 - result
    if mistake == "percent":
        return 100 * result
    digits = pick(mistake, DIGITS, None)
    return result if digits is None else round(result, digits)


def _bits(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.bool)


def _random_bits(*shape: int, share: float, seed: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < share


def _normal(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def _doubles(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


EXERCISES = (
    Exercise(
        id="07.1",
        reference=sensitivity_by_difference,
        cases=(
            Case(
                (_doubles(2.0), torch.tensor([[1.0]], dtype=torch.float64), _doubles(3.0), 0.1),
                "One weight, one example: L(c) = (2c - 3)^2, whose slope at c = 1 is -4.",
            ),
            Case(
                (
                    _doubles(1.0, 0.5),
                    torch.tensor([[1.0, 0.0], [0.0, 2.0]], dtype=torch.float64),
                    _doubles(2.0, 0.0),
                    0.1,
                ),
                "Two weights, each with an example of its own.",
            ),
            Case(
                (
                    _doubles(1.0, 0.0),
                    torch.tensor([[1.0, 1.0], [2.0, -1.0]], dtype=torch.float64),
                    _doubles(2.0, 0.0),
                    0.1,
                ),
                "A weight that is 0: multiplying it changes nothing, so its score is 0.",
                tags=("zero weight",),
            ),
            Case(
                (
                    _doubles(-0.5, 1.5, -1.0),
                    torch.tensor([[1.0, 2.0, 0.5], [0.5, -1.0, 1.0]], dtype=torch.float64),
                    _doubles(1.0, -1.0),
                    0.2,
                ),
                "Negative weights, and a large step of 0.2.",
            ),
            Case(
                (_doubles(1.0, 1.0), torch.tensor([[1.0, 1.0]], dtype=torch.float64), _doubles(2.0), 0.1),
                "The model is exactly right: all slopes are 0.",
            ),
            Case(
                (
                    _doubles(0.0004, 1.0),
                    torch.tensor([[900.0, 1.0], [-500.0, 2.0]], dtype=torch.float64),
                    _doubles(2.0, 0.0),
                    0.1,
                ),
                "A small weight on a large input.",
            ),
            Case((_normal(6, seed=1), _normal(20, 6, seed=2), _normal(20, seed=3), 0.001), "Six weights."),
            Case(
                (
                    _normal(4, seed=4, dtype=torch.float32),
                    _normal(9, 4, seed=5, dtype=torch.float32),
                    _normal(9, seed=6, dtype=torch.float32),
                    0.1,
                ),
                "float32, as networks have it.",
            ),
        ),
        hints=(
            "Go through the weights one by one. All factors are 1 but that of weight i.",
            "step = torch.zeros_like(w); step[i] = h. Then 1 + step and 1 - step are the two lists of factors.",
            "score[i] = (loss(1 + step) - loss(1 - step)).abs() / (2 * h)",
        ),
        misconceptions=variants(
            _moved,
            {
                "weight": "This is |dL/dw|, the slope in the weight itself, as if h were added to it. Here the factor moves: the "
                "weight is multiplied by 1 + h, which gives |w * dL/dw|.",
                "summed": "You sum the squared errors; the loss is their mean.",
                "root": "You take the root of the mean squared error; the loss is the mean itself.",
                "distance": "You take the mean absolute error; the loss is the mean squared error.",
                "signed": "The slopes are right, but they have a sign; the score is their absolute value.",
                "forward": "You compare 1 + h with 1. That is the slope at 1 + h/2; compare 1 + h with 1 - h, which is the "
                "slope at 1.",
                "backward": "You compare 1 with 1 - h. That is the slope at 1 - h/2; compare 1 + h with 1 - h, which is the "
                "slope at 1.",
                "factors h": "Your factors are h and -h, and 0 for all other weights; they are 1 + h and 1 - h, and 1.",
                "single": "The result is float32 where `w` is float64; a result has the type of what came in, as with "
                "torch.zeros_like(w).",
                "not divided": "You do not divide; the difference of the losses is divided by 2h.",
                "positive part": "Negative slopes give 0 here; the score is the absolute value.",
                "negative": "You turn the sign of the slope round; the score is its absolute value.",
                "squared": "You square the slope; the score is its absolute value.",
                "first only": "Only the first weight gets a score: is a `return` or `break` inside the loop? Go through all "
                "weights.",
                "one number": "This is one number for all weights, the sum of their scores; return one for each.",
                "2 digits": "You round to 2 digits; return the scores as they are.",
                "3 digits": "You round to 3 digits; return the scores as they are.",
                "4 digits": "You round to 4 digits; return the scores as they are.",
                "only back to 1": "You divide by 2h, and your second factor is 1: what was moved by h and then by -h is back "
                "where it was. The second factor is 1 - h.",
                "one after the other": "Your second factor is applied on top of the first, (1 + h)(1 - h); each of the two "
                "starts from the weight as it was.",
                "by h": "You divide by h; the two factors lie 2h apart.",
                "no brackets": "You divide by 2 and then multiply by h: Python reads a / 2 * h from left to right. All of 2h "
                "stands below the line.",
                "at once": "You move all factors at once, so that every weight gets the same number; move one, the others "
                "stay at 1.",
                "others 0": "You set all other factors to 0, which removes these weights; they stay at 1.",
                "left": "A factor that was moved does not go back to 1 before the next one is moved.",
                "removed": "You set the factor to 0, which gives the true change when the weight is removed; the score is "
                "the slope at 1.",
                "shares": "You divide by the sum of all scores, as public code of SNIP does. It changes no ranking, but here "
                "the slope itself is asked for.",
            },
        ),
        alternatives=(_by_rows, _all_at_once, _by_slope),
        difficulty="medium",
        lines=6,
        minutes=10,
        rtol=1e-4,
        atol=1e-6,
        told={
            "1-D, 2-D": "x: inputs [n, d]",
            "float64": "float32 or float64",
            "zero weight": "A weight may be 0",
        },
        absent={
            "ties": "no numbers are ranked here",
            "0-D, 4-D": "the text gives the shapes",
            "empty tensor": "there is a weight and an image",
            "float16": "differences of losses drown in its rounding",
            "NaN": "the text says numbers only",
        },
    ),
    Exercise(
        id="07.2",
        reference=score_of_batches,
        cases=(
            Case((torch.tensor([2.0]), [torch.tensor([0.5])]), "One weight, one batch."),
            Case((torch.tensor([2.0, -1.0]), [torch.tensor([-0.5, 0.25])]), "One batch; signs differ."),
            Case(
                (
                    torch.tensor([1.0, 1.0, 2.0]),
                    [torch.tensor([0.4, 0.4, -0.1]), torch.tensor([-0.4, 0.2, -0.3])],
                ),
                "Two batches. At the first weight they cancel: the whole loss does not depend on it.",
            ),
            Case(
                (
                    torch.tensor([0.0, -3.0]),
                    [torch.tensor([5.0, 0.1]), torch.tensor([4.0, -0.3]), torch.tensor([6.0, -0.4])],
                ),
                "Three batches; a weight of 0 has score 0 whatever its gradient.",
            ),
            Case(
                (
                    torch.tensor([1.5, -0.7, 0.3]),
                    [torch.tensor([0.123, -0.4, 2.0]), torch.tensor([-0.031, 0.9, 0.7])] * 2,
                ),
                "Four batches, two of them twice.",
            ),
            Case((torch.tensor(-2.0), [torch.tensor(0.5), torch.tensor(0.25)]), "A single number."),
            Case(
                (
                    _normal(2, 3, 1, 2, seed=11),
                    [
                        _normal(2, 3, 1, 2, seed=12),
                        _normal(2, 3, 1, 2, seed=13),
                        _normal(2, 3, 1, 2, seed=14),
                    ],
                ),
                "A convolution has four dimensions; float64.",
            ),
            Case(
                (_doubles(2.0, 4.0), [_doubles(1e6 + 2**-10, -3.0), _doubles(-1e6, 1.0)]),
                "Large float64 gradients that nearly cancel.",
            ),
            Case(
                (
                    torch.tensor([[1.0, -1.0], [0.5, 2.0]]),
                    [torch.tensor([[0.1, 0.2], [0.3, 0.4]]), torch.tensor([[0.3, -0.2], [-0.5, 0.4]])],
                ),
                "A matrix of weights.",
            ),
            Case(
                (
                    torch.tensor([0.5, -2.0], dtype=torch.float16),
                    [
                        torch.tensor([1.0, 0.5], dtype=torch.float16),
                        torch.tensor([-0.5, 0.25], dtype=torch.float16),
                    ],
                ),
                "float16.",
            ),
            Case((torch.zeros(0), [torch.zeros(0), torch.zeros(0)]), "No weights at all."),
        ),
        hints=(
            "Three things happen: the batches are put together, the weight comes in, the absolute value is taken. In which order?",
            "torch.stack(gradients).mean(0) is the gradient over all batches.",
            "Multiply that by w, and take .abs() last.",
        ),
        misconceptions=variants(
            _scored,
            {
                "each batch": "You take the absolute value batch by batch, before the sum. Then batches that pull in "
                "opposite directions cannot cancel, and the score depends on how you split the images.",
                "each batch summed": "You add the absolute values of all batches. Take the mean over the batches first, and the "
                "absolute value once, at the end.",
                "no weight": "This is the absolute gradient; the sensitivity is the gradient times the weight.",
                "signed": "The products have a sign; the score is their absolute value.",
                "signed weight": "You take the absolute value of the gradient only, so that negative weights get negative "
                "scores.",
                "signed gradient": "You take the absolute value of the weight only, so that negative gradients give "
                "negative scores.",
                "last batch": "This is the score of the last batch alone; put all batches together.",
                "first batch": "This is the score of the first batch alone; put all batches together.",
                "first share": "Only the first batch counts, divided by the number of batches: is a `return` inside the loop?",
                "median": "You take the median over the batches; the gradient of the whole loss is their mean.",
                "largest": "You take the batch of the largest gradient; the gradient of the whole loss is the mean over all.",
                "single": "You compute in float32, whatever the type of w; a result has the type of what came in.",
                "single between": "The type of the result is right, but you compute in float32 on the way; large float64 "
                "gradients that nearly cancel lose their difference.",
                "positive part": "Negative products give 0 here; the score is the absolute value.",
                "negative": "You turn the sign of the product round; the score is its absolute value.",
                "one number": "This is one number, the sum over all weights; return a score for each weight.",
                "2 digits": "You round to 2 digits; return the scores as they are.",
                "3 digits": "You round to 3 digits; return the scores as they are.",
                "4 digits": "You round to 4 digits; return the scores as they are.",
                "sum": "This is the sum over batches; the loss over all images is a mean, so divide by the number of "
                "batches.",
                "by 2": "You always divide by 2; divide by the number of batches.",
                "by entries": "You divide by the length of w; divide by the number of batches.",
                "halves": "You average the mean so far with the next batch, half and half. Then the last batch counts as "
                "much as all before it.",
                "one mean": "You take one mean over all entries, so that every weight gets the same gradient; the mean is "
                "over batches, for each weight by itself.",
                "squared": "You square the product; the score is its absolute value.",
                "shares": "You divide by the sum of all scores, as public code of SNIP does. It changes no ranking, but here "
                "the score itself is asked for.",
                "magnitude": "This is the magnitude score; SNIP needs the gradients as well.",
            },
        ),
        alternatives=(_summed_in_a_loop, _products_first, _scored_in_double, _scored_by_numbers),
        difficulty="easy",
        lines=2,
        minutes=5,
        told={"0-D, 1-D, 2-D, 4-D, empty tensor": "of any shape", "float16, float64": "float tensors"},
        absent={
            "ties": "no numbers are ranked here",
            "NaN": "the text says numbers only",
            "empty list": "there is at least one batch",
        },
    ),
    Exercise(
        id="07.3",
        reference=whole_gradient,
        cases=(
            Case(
                ([torch.tensor([1.0]), torch.tensor([5.0])], [3, 1]),
                "Three images pull by 1, one pulls by 5.",
            ),
            Case(([torch.tensor([0.5, -0.5])], [7]), "One batch is the whole."),
            Case(
                ([torch.tensor([1.0, 2.0]), torch.tensor([3.0, -2.0])], [10, 10]),
                "Two batches of equal size.",
            ),
            Case(
                (
                    [torch.tensor([0.2, 1.0]), torch.tensor([0.4, -1.0]), torch.tensor([1.0, 3.0])],
                    [100, 100, 50],
                ),
                "250 images in batches of 100: the last batch is smaller.",
            ),
            Case(([torch.tensor([[1.0, 0.0], [2.0, -1.0]])] * 2, [1, 9]), "Equal gradients, a matrix."),
            Case(
                ([torch.tensor([-1.0]), torch.tensor([2.0]), torch.tensor([4.0])], [1, 5, 2]),
                "The first batch is the smallest.",
            ),
            Case(([torch.zeros(0), torch.zeros(0)], [2, 3]), "No weights at all."),
            Case(([torch.tensor(3.0), torch.tensor(-1.0), torch.tensor(0.5)], [2, 4, 1]), "Single numbers."),
            Case(
                ([_normal(2, 1, 3, 2, seed=i) for i in (21, 22, 23)], [7, 11, 3]),
                "A convolution has four dimensions; float64.",
            ),
            Case(
                ([_doubles(1e6 + 2**-8, 1.0), _doubles(-1e6, 2.0)], [4, 4]),
                "Large float64 gradients that nearly cancel.",
            ),
            Case(([torch.tensor([1.0, -2.0]).half(), torch.tensor([5.0, 0.5]).half()], [1, 3]), "float16."),
        ),
        hints=(
            "The gradient of a mean loss is the sum over its images, divided by their number. Undo the division.",
            "n * g is the sum over the images of one batch. Add these sums.",
            "Divide by sum(sizes), the number of all images.",
        ),
        misconceptions=variants(
            _combined,
            {
                "plain": "This is the plain mean over batches, in which an image of a small batch counts more than others.",
                "sum": "This is the sum over all images; divide by their number to get the mean.",
                "added": "You add the gradients up; weigh each by its images, and divide by the number of all images.",
                "squares": "You weigh by the square of the size: each gradient is multiplied by its size once.",
                "first batch": "This is the gradient of the first batch alone; every image counts the same.",
                "first share": "Only the first batch is in the sum, divided by all images: is a `return` inside the loop?",
                "last batch": "This is the gradient of the last batch alone; every image counts the same.",
                "next size": "Your sizes belong to other batches: size i goes with gradient i.",
                "two only": "You use two batches only; there may be any number.",
                "single": "You compute in float32, whatever the type of the gradients; a result has the type of what came in.",
                "single between": "The type of the result is right, but you compute in float32 on the way; large float64 "
                "gradients that nearly cancel lose their difference.",
                "one number": "This is one number, the sum over all weights; return an entry for each weight.",
                "2 digits": "You round to 2 digits; return the gradient as it is.",
                "3 digits": "You round to 3 digits; return the gradient as it is.",
                "4 digits": "You round to 4 digits; return the gradient as it is.",
                "by batches": "You divide by the number of batches; divide by the number of images.",
                "sums": "You add the gradients as if each were a sum over its images; each belongs to a mean.",
                "inverse": "Your weights are upside down: a large batch must count more, not less.",
                "as the first": "You take all batches to be as large as the first when you count the images.",
                "all but the last": "You take all batches but the last to be as large as the first; each has a size of its "
                "own.",
                "smaller left out": "You leave out the batches whose size is not that of the first; their images belong to "
                "the loss too.",
                "largest only": "You use the largest batches only; the images of the others belong to the loss too.",
                "root": "You weigh by the square root of the size; every image counts the same, so weigh by the size itself.",
                "in pairs": "You weigh the mean so far by the size of one batch; it stands for all images before it.",
                "axis": "Your shares run along the entries of the gradients; there is one share for each batch.",
                "absolute": "You take the absolute value at the end; a gradient keeps its signs.",
                "absolute parts": "You take the absolute value of each gradient; then batches cannot cancel, and the signs "
                "are lost.",
            },
        ),
        alternatives=(_by_multiplying_back, _by_tensordot, _by_images, _by_running_mean),
        difficulty="medium",
        lines=2,
        minutes=8,
        told={"0-D, 1-D, 2-D, 4-D, empty tensor": "of any shape", "float16, float64": "float tensors"},
        absent={
            "ties": "no numbers are ranked here",
            "NaN": "the text says numbers only",
            "empty list": "there is at least one batch",
        },
    ),
    Exercise(
        id="07.4",
        reference=overlap,
        cases=(
            Case(({"w": _bits(1, 1, 0, 0)}, {"w": _bits(1, 0, 1, 0)}), "One in both, three in at least one."),
            Case(({"w": _bits(1, 0, 1)}, {"w": _bits(1, 0, 1)}), "Equal masks."),
            Case(({"w": _bits(1, 0, 0)}, {"w": _bits(0, 0, 1)}), "Nothing in common."),
            Case(({"w": _bits(1, 1, 1, 0)}, {"w": _bits(1, 0, 0, 0)}), "One mask lies inside the other."),
            Case(({"w": _bits(1, 0, 0, 0)}, {"w": _bits(1, 1, 1, 0)}), "The same, the other way round."),
            Case(
                (
                    {"a": _bits(1, 1, 1, 1, 1, 1), "b": _bits(1, 0)},
                    {"a": _bits(1, 1, 1, 1, 1, 1), "b": _bits(0, 1)},
                ),
                "Two layers of different sizes: count over all entries.",
            ),
            Case(
                ({"a": _bits(0, 0), "b": _bits(1, 1)}, {"a": _bits(0, 0), "b": _bits(0, 1)}),
                "A layer without any kept weight.",
            ),
            Case(
                ({"w": _bits(0, 0, 0)}, {"w": _bits(0, 0, 0)}),
                "Neither mask keeps anything: 1.0 by agreement.",
                tags=("nothing kept",),
            ),
            Case(
                ({"w": _bits(1, 0, 0)}, {"w": _bits(0, 0, 0)}),
                "One mask keeps nothing, the other one weight.",
            ),
            Case(
                ({"a": _bits(1, 0), "b": _bits(0, 1)}, {"b": _bits(0, 1), "a": _bits(1, 0)}),
                "Equal masks whose names stand in another order.",
                tags=("order of names",),
            ),
            Case(
                (
                    {"conv": _random_bits(2, 3, 2, 2, share=0.5, seed=4), "scale": torch.tensor(True)},
                    {"conv": _random_bits(2, 3, 2, 2, share=0.5, seed=5), "scale": torch.tensor(True)},
                ),
                "A convolution has four dimensions, a single number none.",
            ),
            Case(
                (
                    {"none": torch.zeros(0, 2).bool(), "w": _bits(1, 1, 1)},
                    {"none": torch.zeros(0, 2).bool(), "w": _bits(0, 1, 1)},
                ),
                "A layer without weights.",
            ),
            Case(
                (
                    {"a": _random_bits(5, 6, share=0.3, seed=0), "b": _random_bits(3, 5, share=0.6, seed=1)},
                    {"a": _random_bits(5, 6, share=0.3, seed=2), "b": _random_bits(3, 5, share=0.6, seed=3)},
                ),
                "Two random masks of two layers.",
            ),
        ),
        hints=(
            "Two numbers: how many entries are True in both masks, and how many in at least one of them.",
            "For bool tensors & is and, | is or. .sum().item() counts. Add up over all names.",
            "both / either; and 1.0 if either is 0.",
        ),
        misconceptions=variants(
            _ratio,
            {
                "agreement": "You count places where the masks agree, those that both remove too. Of two sparse masks that "
                "share nothing, most places agree.",
                "mean of layers": "This is the mean over layers, in which a small layer counts as much as a large one; add "
                "up the counts first.",
                "first layer": "You return after the first layer; count all layers, and divide once after the loop.",
                "last layer": "Only the last layer counts here; add up the counts of all layers.",
                "by position": "You pair the layers by their place in the two dicts; pair them by name.",
                "first": "You divide by the weights that the first mask keeps; divide by those in at least one mask.",
                "second": "You divide by the weights that the second mask keeps; divide by those in at least one mask.",
                "smaller": "You divide by the smaller of the two counts; then a mask inside another gets 1. Divide by the "
                "weights in at least one mask.",
                "larger": "You divide by the larger of the two counts; divide by the weights in at least one mask.",
                "dice": "This is 2 x both / (first + second), another measure (Dice); the task is both / at least one.",
                "all": "You divide by the number of all entries; divide by those kept in at least one mask.",
                "added": "You add the two counts; then a weight that both keep is counted twice below the line, and equal "
                "masks get 0.5.",
                "only one": "You divide by the weights that exactly one mask keeps; those that both keep belong below the "
                "line too.",
                "number": "This is the number of weights that both keep; divide it by the number that at least one keeps.",
                "upside down": "This is upside down: the weights that both keep stand above the line.",
                "distance": "This is 1 minus the overlap, a distance; the overlap of equal masks is 1.",
                "percent": "This is in percent; the overlap is a fraction from 0 to 1.",
                "2 digits": "You round to 2 digits; return the fraction as it is, and round only to print.",
                "3 digits": "You round to 3 digits; return the fraction as it is, and round only to print.",
                "4 digits": "You round to 4 digits; return the fraction as it is, and round only to print.",
                "removed": "This is the overlap of the removed weights; count the kept ones.",
                "plus one": "You add 1 above and below the line. That avoids 0 / 0, but it changes every value below 1.",
                "unguarded": "If neither mask keeps anything you divide by 0; the answer is 1.0 by agreement.",
                "nan": "If neither mask keeps anything, yours is 0 / 0, which is nan; the answer is 1.0 by agreement.",
                "zero": "Two masks that keep nothing are equal; their overlap is 1.0, not 0.",
                "one is empty": "You answer 1.0 as soon as one mask keeps nothing; that holds only if both keep nothing.",
                "none shared": "You answer 1.0 when the masks share nothing; that holds only if neither keeps anything.",
            },
        ),
        alternatives=(_overlap_flat, _overlap_by_counts, _overlap_by_sets),
        difficulty="easy",
        lines=3,
        minutes=6,
        told={
            "0-D, 1-D, 2-D, 4-D, empty tensor": "of any shape",
            "nothing kept": "If neither mask keeps anything",
            "order of names": "may stand in another order",
        },
        absent={"ties": "no numbers are ranked here", "empty dict": "a network has at least one layer"},
    ),
)

QUESTIONS = (
    Question(
        "07.Q1",
        "A weight has the largest absolute value of its layer. Its input is 0 in every image of the batch. Its SNIP score?",
        (
            Option(
                "0, because the loss does not move when the connection is weakened.",
                True,
                "The gradient of a weight is a product with its input. Where the input is 0, so is the score.",
            ),
            Option(
                "Large, because the weight is large.", False, "That is the magnitude score; it sees no data."
            ),
            Option(
                "It depends on the labels.",
                False,
                "Labels change the error that comes back; multiplied by an input of 0 it stays 0.",
            ),
        ),
    ),
    Question(
        "07.Q2",
        "Why does the absolute value come after the sum over batches?",
        (
            Option(
                "It is faster.",
                False,
                "Either way costs the same; the reason is what the number means.",
            ),
            Option(
                "Otherwise all scores would be too large by one factor.",
                False,
                "One common factor would change no ranking. The wrong order changes the ranking.",
            ),
            Option(
                "The score is the slope of one loss, over all images. Slopes of parts add up with their signs.",
                True,
                "So the split into batches cannot matter. With the absolute value first, it does.",
            ),
        ),
    ),
    Question(
        "07.Q3",
        "The first layer's mask looks like a trouser when SNIP sees only trousers. What does this show?",
        (
            Option(
                "That SNIP knows what a trouser is before training.",
                False,
                "The network is untrained. With wrong labels the picture stays, as the cell above shows.",
            ),
            Option(
                "That a first-layer score is a product with the input pixel, so pixels far from 0 keep their connections.",
                True,
                "It shows that the score depends on the data, and it is worth a look: but the shape is that of the input.",
            ),
            Option(
                "That a network pruned in this way will recognise trousers best.",
                False,
                "That is another question, about accuracy after training; the picture does not answer it.",
            ),
        ),
    ),
    Question(
        "07.Q4",
        "A paper says: we prune at initialisation and then train. Its code draws new weights after pruning. What is affected?",
        (
            Option(
                "Nothing, because both initialisations come from the same distribution.",
                False,
                "They do, but whether the values matter is then a result to be measured, and not a premise.",
            ),
            Option(
                "All of it: the numbers are worthless.",
                False,
                "They are the numbers of another, clear procedure: score one initialisation, train another.",
            ),
            Option(
                "What its numbers are about: the mask alone, not the mask together with the weights that were scored.",
                True,
                "It may make little difference to the accuracy. It does change what was tested, so it must be said.",
            ),
        ),
    ),
)
