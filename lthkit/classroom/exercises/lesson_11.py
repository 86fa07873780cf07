"""Exercises of lesson 11, sparse is not fast: bytes of a ticket, CSR, break-even, dead units, a constant moved on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from lthkit.classroom.exercises import Case, Exercise, Misconception, Option, Question


def packed_bytes(mask: Mapping[str, Tensor], value_bytes: int) -> int:
    """Bytes of a ticket as packed bits and kept values.

    Args:
        mask: bool tensors by parameter name, True = kept.
        value_bytes: of one value: 4 for float32, 2 for float16.

    Returns:
        For each tensor, one bit for each entry, eight to a byte (each tensor begins with a byte of its own), and
        `value_bytes` for each kept entry; summed.
    """
    bits = sum(math.ceil(m.numel() / 8) for m in mask.values())
    return bits + value_bytes * sum(int(m.sum()) for m in mask.values())


def csr_arrays(weight: Tensor) -> tuple[list[int], list[int], list[float]]:
    """Compressed sparse rows of a matrix.

    Args:
        weight: [rows, columns]; entries other than 0 are stored.

    Returns:
        (begins, columns, values): row r has the entries begins[r] to begins[r + 1] - 1 of the other two lists. So
        `begins` has one number more than there are rows, and starts with 0.
    """
    begins, columns, values = [0], [], []
    for row in weight.tolist():
        columns += [c for c, value in enumerate(row) if value != 0]
        values += [value for value in row if value != 0]
        begins.append(len(values))
    return begins, columns, values


def break_even_density(densities: Sequence[float], ratios: Sequence[float]) -> float:
    """The density below which a sparse form is faster, by a straight line between the two measurements round it.

    Args:
        densities: fractions of weights kept, in falling order.
        ratios: time of the sparse form over time of the dense one, at each of them.

    Returns:
        Going up from the smallest density, the place where the ratio first reaches 1. 0.0 if it is 1 or more at the
        smallest density already; the largest density if it never reaches 1.
    """
    points = list(zip(densities, ratios, strict=True))[::-1]
    if points[0][1] >= 1:
        return 0.0
    for (d, r), (d_next, r_next) in zip(points, points[1:], strict=False):
        if r_next >= 1:
            return d + (1 - r) / (r_next - r) * (d_next - d)
    return densities[0]


def dead_units(incoming: Tensor, outgoing: Tensor) -> list[int]:
    """The hidden units between two layers that cannot matter.

    Args:
        incoming: bool [units, inputs], the mask of the layer before the units. outgoing: bool [outputs, units].

    Returns:
        Rising list of the units without any incoming weight or without any outgoing weight.
    """
    dead = ~incoming.any(dim=1) | ~outgoing.any(dim=0)
    return dead.nonzero().flatten().tolist()  # type: ignore[no-any-return]


def folded_bias(bias: Tensor, incoming: Tensor, next_weight: Tensor, next_bias: Tensor) -> Tensor:
    """The next layer's bias once the units without input are taken out.

    Args:
        bias: [units]. incoming: bool [units, inputs], the mask of the layer that makes them; ReLU follows it.
        next_weight: [outputs, units], 0 where it is pruned. next_bias: [outputs], left as it is.

    Returns:
        A new tensor [outputs].
    """
    empty = ~incoming.any(dim=1)
    return next_bias + next_weight[:, empty] @ torch.relu(bias[empty])


# Other right answers, and mistakes that people make

Masks = Mapping[str, Tensor]


def _bytes_by_numpy(mask: Masks, value_bytes: int) -> int:
    return sum(np.packbits(m.numpy().ravel()).nbytes + int(m.sum()) * value_bytes for m in mask.values())


def _bytes_in_a_loop(mask: Masks, value_bytes: int) -> int:
    total = 0
    for m in mask.values():
        total += (m.numel() + 7) // 8
        total += value_bytes * len(m.nonzero())
    return total


def _bytes(mask: Masks, value_bytes: int, bits_of: str = "each", values: str = "kept") -> int:
    numel, kept = sum(m.numel() for m in mask.values()), sum(int(m.sum()) for m in mask.values())
    bits = {
        "each": sum(-(-m.numel() // 8) for m in mask.values()),
        "down": sum(m.numel() // 8 for m in mask.values()),
        "together": -(-numel // 8),
        "bools": numel,
        "none": 0,
    }[bits_of]
    return bits + value_bytes * {"kept": kept, "all": numel, "removed": numel - kept, "none": 0}[values]


Arrays = tuple[list[int], list[int], list[float]]


def _csr_by_torch(weight: Tensor) -> Arrays:
    rows, columns = weight.nonzero(as_tuple=True)
    begins = [int((rows < r).sum()) for r in range(len(weight) + 1)]
    return begins, columns.tolist(), weight[rows, columns].tolist()


def _csr_by_numpy(weight: Tensor) -> Arrays:
    w = weight.numpy()
    begins = np.concatenate([[0], np.cumsum(np.count_nonzero(w, axis=1))])
    return begins.tolist(), np.nonzero(w)[1].tolist(), w[w != 0].tolist()


def _coo(weight: Tensor) -> Arrays:
    rows, columns = weight.nonzero(as_tuple=True)
    return rows.tolist(), columns.tolist(), weight[rows, columns].tolist()


def _counts(weight: Tensor) -> Arrays:
    _, columns, values = csr_arrays(weight)
    return (weight != 0).sum(1).tolist(), columns, values


def _no_first_zero(weight: Tensor) -> Arrays:
    begins, columns, values = csr_arrays(weight)
    return begins[1:], columns, values


def _no_last(weight: Tensor) -> Arrays:
    begins, columns, values = csr_arrays(weight)
    return begins[:-1], columns, values


def _flat_places(weight: Tensor) -> Arrays:
    begins, _, values = csr_arrays(weight)
    return begins, weight.flatten().nonzero().flatten().tolist(), values


def _by_columns(weight: Tensor) -> Arrays:
    return csr_arrays(weight.T)


def _positive_only(weight: Tensor) -> Arrays:
    return csr_arrays(weight.clamp(min=0))


def _without_empty_rows(weight: Tensor) -> Arrays:
    return csr_arrays(weight[(weight != 0).any(1)])


def _dead_by_sets(incoming: Tensor, outgoing: Tensor) -> list[int]:
    fed = {u for u, _ in incoming.nonzero().tolist()}
    read = {u for _, u in outgoing.nonzero().tolist()}
    return [u for u in range(len(incoming)) if u not in fed & read]


def _dead_by_sums(incoming: Tensor, outgoing: Tensor) -> list[int]:
    paths = incoming.sum(1) * outgoing.sum(0)
    return [u for u, count in enumerate(paths.tolist()) if count == 0]


def _where(condition: Tensor) -> list[int]:
    return condition.nonzero().flatten().tolist()  # type: ignore[no-any-return]


def _bias_by_loop(bias: Tensor, incoming: Tensor, next_weight: Tensor, next_bias: Tensor) -> Tensor:
    new = next_bias.clone()
    for unit in range(len(bias)):
        if not incoming[unit].any():
            new += next_weight[:, unit] * max(0.0, float(bias[unit]))
    return new


def _bias_by_masking(bias: Tensor, incoming: Tensor, next_weight: Tensor, next_bias: Tensor) -> Tensor:
    constants = bias.clamp(min=0) * (incoming.sum(1) == 0)
    return next_bias + (next_weight * constants).sum(1)


def _bias(
    bias: Tensor,
    incoming: Tensor,
    next_weight: Tensor,
    next_bias: Tensor,
    *,
    relu: bool = True,
    which: str = "empty",
    weighted: bool = True,
    sign: int = 1,
) -> Tensor:
    """The right answer with one thing wrong."""
    empty = ~incoming.any(dim=1)
    chosen = {"empty": empty, "all": torch.ones_like(empty), "fed": ~empty, "partly": ~incoming.all(dim=1)}[
        which
    ]
    handed_on = torch.relu(bias[chosen]) if relu else bias[chosen]
    return next_bias + sign * (next_weight[:, chosen] @ handed_on if weighted else handed_on.sum())


def _bias_in_place(bias: Tensor, incoming: Tensor, next_weight: Tensor, next_bias: Tensor) -> Tensor:
    next_bias += _bias(bias, incoming, next_weight, torch.zeros_like(next_bias))
    return next_bias


def _even_by_loop(densities: Sequence[float], ratios: Sequence[float]) -> float:
    i = len(densities) - 1
    if not ratios[i] < 1:
        return 0.0
    while i > 0 and ratios[i - 1] < 1:
        i -= 1
    if i == 0:
        return densities[0]
    slope = (ratios[i - 1] - ratios[i]) / (densities[i - 1] - densities[i])
    return densities[i] + (1 - ratios[i]) / slope


def _even_by_numpy(densities: Sequence[float], ratios: Sequence[float]) -> float:
    d, r = np.array(densities)[::-1], np.array(ratios)[::-1]
    slow = np.flatnonzero(r >= 1)
    if len(slow) == 0:
        return float(d[-1])
    i = int(slow[0])
    return 0.0 if i == 0 else float(np.interp(1.0, r[i - 1 : i + 1], d[i - 1 : i + 1]))


def _even_measured(densities: Sequence[float], ratios: Sequence[float], *, last_fast: bool) -> float:
    fast = 0
    for r in reversed(ratios):
        if r >= 1:
            break
        fast += 1
    place = len(densities) - fast - (0 if last_fast else 1)
    return 0.0 if fast == 0 else densities[max(0, place)]


def _even_from_above(densities: Sequence[float], ratios: Sequence[float]) -> float:
    if ratios[0] < 1:
        return densities[0]
    for i in range(1, len(densities)):
        if ratios[i] < 1:
            return _between(densities, ratios, i)
    return 0.0


def _between(densities: Sequence[float], ratios: Sequence[float], i: int) -> float:
    part = (1 - ratios[i]) / (ratios[i - 1] - ratios[i])
    return densities[i] + part * (densities[i - 1] - densities[i])


def _even_midpoint(densities: Sequence[float], ratios: Sequence[float]) -> float:
    exact, fast = break_even_density(densities, ratios), _even_measured(densities, ratios, last_fast=True)
    if exact in (0.0, densities[0]):
        return exact
    return (fast + densities[list(densities).index(fast) - 1]) / 2


def _even_upside_down(densities: Sequence[float], ratios: Sequence[float]) -> float:
    return break_even_density(densities, [1 / r for r in ratios])


def _even_as_sparsity(densities: Sequence[float], ratios: Sequence[float]) -> float:
    return 1 - break_even_density(densities, ratios)


def _normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _bits(*rows: Sequence[int]) -> Tensor:
    return torch.tensor(rows).bool()


EXERCISES = (
    Exercise(
        id="11.1",
        reference=packed_bytes,
        cases=(
            Case(({"w": torch.tensor([1, 0, 0, 0, 0, 0, 0, 1]).bool()}, 4), "Eight entries, two kept."),
            Case(({"w": torch.tensor([1, 0, 1]).bool()}, 4), "Three bits take a whole byte."),
            Case(({"w": torch.tensor([1, 0, 1, 1]).bool()}, 2), "Values of two bytes, as in float16."),
            Case(
                ({"a": torch.zeros(3, 3).bool(), "b": torch.tensor([True, False])}, 4),
                "Two tensors: each begins with a byte of its own. The first keeps nothing.",
            ),
            Case(({"w": _normal(20, 31, seed=1) > 1.5}, 4), "A larger matrix, about one in fifteen kept."),
        ),
        hints=(
            "The file holds two things for each tensor: a bit for every entry, and a value for every kept entry.",
            "n bits take n / 8 bytes, rounded up. m.numel() counts the entries, m.sum() those that are True.",
            "Sum math.ceil(m.numel() / 8) over the tensors, and add value_bytes * int(m.sum()) for each.",
        ),
        misconceptions=(
            Misconception(
                lambda mask, value_bytes: _bytes(mask, value_bytes, "down"),
                "The bytes of the mask are rounded down, so that the last bits have no place; round up.",
            ),
            Misconception(
                lambda mask, value_bytes: _bytes(mask, value_bytes, "together"),
                "The bits of all tensors are packed together; each tensor begins with a byte of its own, so round up for "
                "each tensor.",
            ),
            Misconception(
                lambda mask, value_bytes: _bytes(mask, value_bytes, "bools"),
                "This is a byte for each entry of the mask, as torch holds bools in memory; packed, eight entries share one.",
            ),
            Misconception(
                lambda mask, value_bytes: _bytes(mask, value_bytes, "none"),
                "Only the values are counted. Without the mask nobody knows where they belong.",
            ),
            Misconception(
                lambda mask, value_bytes: _bytes(mask, value_bytes, values="all"),
                "A value is counted for every entry; only kept entries have one in the file.",
            ),
            Misconception(
                lambda mask, value_bytes: _bytes(mask, value_bytes, values="removed"),
                "The values of the removed entries are counted; True means kept.",
            ),
            Misconception(
                lambda mask, value_bytes: _bytes(mask, 4),
                "You count 4 bytes for a value whatever value_bytes says.",
            ),
            Misconception(
                lambda mask, value_bytes: _bytes(mask, value_bytes, values="none"),
                "Only the bits of the mask are counted; the kept values are missing.",
            ),
        ),
        alternatives=(_bytes_by_numpy, _bytes_in_a_loop),
        difficulty="easy",
        lines=2,
        minutes=5,
    ),
    Exercise(
        id="11.2",
        reference=csr_arrays,
        cases=(
            Case((torch.tensor([[5.0, 0.0], [0.0, 7.0]]),), "Two rows with one entry each."),
            Case(
                (torch.tensor([[0.0, 2.0, 3.0], [1.0, 0.0, 0.0]]),),
                "The rows have different numbers of entries.",
            ),
            Case((torch.tensor([[-1.0, 0.0], [0.0, 0.5]]),), "A negative weight."),
            Case(
                (torch.tensor([[1.0, 2.0], [0.0, 0.0], [0.0, 3.0], [0.0, 0.0]]),),
                "Rows without any entry, in the middle and at the end.",
            ),
            Case((torch.zeros(2, 3),), "Nothing is kept."),
            Case((torch.ones(2, 2),), "Everything is kept."),
            Case((_normal(4, 6, seed=2).relu() - 0.5 * (_normal(4, 6, seed=3) > 1),), "A larger matrix."),
        ),
        hints=(
            "Go through the rows from top to bottom. Columns and values of all rows follow one another in two lists.",
            "begins starts as [0]. After each row, append how many values there are so far: there the next row begins.",
            "for row in weight.tolist(): add the c with row[c] != 0 to columns and the values to values; then "
            "begins.append(len(values)).",
        ),
        misconceptions=(
            Misconception(
                _coo,
                "Your first list has the row of each value. That is the COO format; CSR says only where each row begins.",
            ),
            Misconception(
                _counts,
                "Your first list counts the entries of each row. In CSR the counts are added up: where does each row begin?",
            ),
            Misconception(
                _no_first_zero,
                "The first row begins at 0, and that 0 belongs into the list.",
            ),
            Misconception(
                _no_last,
                "The end of the last row is missing: the first list has one number more than there are rows.",
            ),
            Misconception(
                _flat_places,
                "Your second list has places in the flattened matrix; in CSR it has columns, which start at 0 in each row.",
            ),
            Misconception(
                _by_columns,
                "You go through the matrix column by column. That is CSC, the same idea the other way round.",
            ),
            Misconception(
                _positive_only,
                "Negative weights are lost; what counts is that an entry is not 0.",
            ),
            Misconception(
                _without_empty_rows,
                "Rows without entries are left out; they need their place in the first list, or all later rows shift.",
            ),
        ),
        alternatives=(_csr_by_torch, _csr_by_numpy),
        difficulty="medium",
        lines=6,
        minutes=12,
    ),
    Exercise(
        id="11.3",
        reference=break_even_density,
        cases=(
            Case(([0.4, 0.2], [1.5, 0.5]), "The ratio is 1 halfway between the two measurements."),
            Case(
                ([0.5, 0.3, 0.1], [2.2, 1.2, 0.7]), "Three measurements; the ratio is 1 between the last two."
            ),
            Case(
                ([0.5, 0.2, 0.1, 0.05], [0.9, 1.1, 0.7, 0.4]),
                "The largest density happens to be below 1 again.",
            ),
            Case(([0.5, 0.1, 0.02], [3.0, 1.8, 1.2]), "Never faster."),
            Case(([0.5, 0.1, 0.02], [0.8, 0.4, 0.2]), "Always faster."),
            Case(([0.5, 0.25, 0.1], [2.0, 1.0, 0.4]), "The ratio is exactly 1 at a measurement."),
            Case(([0.5], [0.7]), "A single measurement."),
            Case(
                ([0.4, 0.2, 0.1], [1.6, 0.8, 1.1]),
                "Slower again at the smallest density: then nothing is shown.",
            ),
        ),
        hints=(
            "Turn the lists round, and go from the smallest density upwards until a ratio is 1 or more.",
            "Two ends first: at the smallest density 1 or more gives 0.0; if none is, the largest density is the answer.",
            "Between (d, r) with r < 1 and (d_next, r_next) with r_next >= 1: d + (1 - r) / (r_next - r) * (d_next - d).",
        ),
        misconceptions=(
            Misconception(
                lambda densities, ratios: _even_measured(densities, ratios, last_fast=True),
                "This is the largest measured density at which it is still faster; the line between the two measurements "
                "tells more exactly where it crosses 1.",
            ),
            Misconception(
                lambda densities, ratios: _even_measured(densities, ratios, last_fast=False),
                "This is the first measured density at which it is slower; look for the place between the two measurements.",
            ),
            Misconception(
                _even_midpoint,
                "You take the middle between the two measurements, whatever their ratios are.",
            ),
            Misconception(
                _even_from_above,
                "You come from the largest density, and stop at the first place that is faster; one odd measurement there "
                "decides. Start at the smallest density.",
            ),
            Misconception(
                _even_upside_down,
                "You take a ratio above 1 for faster; here it is sparse time over dense time, so below 1 is faster.",
            ),
            Misconception(
                _even_as_sparsity,
                "This is the sparsity, the fraction that is removed; the density is asked for.",
            ),
        ),
        alternatives=(_even_by_loop, _even_by_numpy),
        difficulty="hard",
        lines=7,
        minutes=15,
    ),
    Exercise(
        id="11.4",
        reference=dead_units,
        cases=(
            Case(
                (_bits([1, 0], [0, 0], [0, 1]), _bits([1, 1, 1])), "Three units; the middle one has no input."
            ),
            Case(
                (_bits([1, 0], [1, 0], [0, 1]), _bits([1, 0, 0], [0, 0, 1])), "The middle unit has no output."
            ),
            Case(
                (_bits([0, 0, 0], [1, 0, 0]), _bits([0, 1], [0, 1])),
                "The first unit has neither input nor output, and appears once.",
            ),
            Case(
                (_bits([0, 0], [1, 1], [1, 0], [1, 0]), _bits([1, 1, 0, 1], [0, 1, 0, 0])),
                "One unit without input, another without output.",
            ),
            Case(
                (_bits([1, 0], [0, 1]), _bits([1, 0], [0, 1])),
                "Nobody is dead: one weight each way is enough.",
            ),
            Case(
                (torch.zeros(3, 2).bool(), torch.ones(2, 3).bool()), "Everything before the units is removed."
            ),
        ),
        hints=(
            "A unit is a row of the first mask and a column of the second.",
            "incoming.any(dim=1) says for each row whether anything in it is kept. Which dim do you need for outgoing?",
            "dead = ~incoming.any(dim=1) | ~outgoing.any(dim=0), then dead.nonzero().flatten().tolist().",
        ),
        misconceptions=(
            Misconception(
                lambda incoming, outgoing: _where(~incoming.any(1)),
                "Units without output are missing: nobody reads them, so they cannot matter either.",
            ),
            Misconception(
                lambda incoming, outgoing: _where(~outgoing.any(0)),
                "Units without input are missing: what they hand on is a constant.",
            ),
            Misconception(
                lambda incoming, outgoing: _where(~incoming.any(1) & ~outgoing.any(0)),
                "These units have neither input nor output; one of the two is enough to be dead.",
            ),
            Misconception(
                lambda incoming, outgoing: _where(~incoming.all(1) | ~outgoing.all(0)),
                "These units have lost some weight. A unit is dead when it has lost all of one side.",
            ),
            Misconception(
                lambda incoming, outgoing: _where(incoming.any(1) & outgoing.any(0)),
                "This is the list of the units that live; the dead ones are asked for.",
            ),
            Misconception(
                lambda incoming, outgoing: sorted(_where(~incoming.any(1)) + _where(~outgoing.any(0))),
                "A unit without input and without output is listed twice.",
            ),
        ),
        alternatives=(_dead_by_sets, _dead_by_sums),
        difficulty="medium",
        lines=2,
        minutes=8,
    ),
    Exercise(
        id="11.5",
        reference=folded_bias,
        cases=(
            Case(
                (torch.tensor([2.0, 1.0]), _bits([0], [1]), torch.tensor([[3.0, 5.0]]), torch.tensor([10.0])),
                "The first of two units has no input.",
            ),
            Case(
                (
                    torch.tensor([-2.0, 1.0]),
                    _bits([0], [1]),
                    torch.tensor([[3.0, 5.0]]),
                    torch.tensor([10.0]),
                ),
                "The same with a negative bias.",
            ),
            Case(
                (
                    torch.tensor([0.5, 1.0, 2.0]),
                    _bits([0, 0], [1, 0], [0, 0]),
                    torch.tensor([[2.0, 1.0, 0.0], [-1.0, 3.0, 4.0]]),
                    torch.tensor([0.0, 1.0]),
                ),
                "Two of three units have no input; one more has lost a part of its input.",
            ),
            Case(
                (torch.tensor([1.0, 2.0]), _bits([1], [1]), torch.ones(2, 2), torch.tensor([0.5, -0.5])),
                "Every unit has input, so that nothing is to be moved.",
            ),
            Case(
                (
                    _normal(6, seed=4),
                    _normal(6, 5, seed=5) > 1,
                    _normal(3, 6, seed=6),
                    _normal(3, seed=7),
                ),
                "Six units, random masks and weights.",
            ),
        ),
        hints=(
            "A unit without input hands on the same number for every image. Which number?",
            "It is relu(bias). The next layer multiplies it by its weight for that unit and adds it up: a constant for "
            "each output.",
            "empty = ~incoming.any(dim=1); return next_bias + next_weight[:, empty] @ torch.relu(bias[empty]).",
        ),
        misconceptions=(
            Misconception(
                lambda bias, incoming, next_weight, next_bias: _bias(
                    bias, incoming, next_weight, next_bias, relu=False
                ),
                "The activation is missing: a unit hands on relu(bias), which is 0 for a negative bias.",
            ),
            Misconception(
                lambda bias, incoming, next_weight, next_bias: next_bias.clone(),
                "The bias is unchanged. A unit without input is not silent: it hands on relu of its bias.",
            ),
            Misconception(
                lambda bias, incoming, next_weight, next_bias: _bias(
                    bias, incoming, next_weight, next_bias, which="all"
                ),
                "The biases of all units are moved; those that have input hand on no constant.",
            ),
            Misconception(
                lambda bias, incoming, next_weight, next_bias: _bias(
                    bias, incoming, next_weight, next_bias, which="fed"
                ),
                "You move the biases of the units that have input; it is the others whose output is a constant.",
            ),
            Misconception(
                lambda bias, incoming, next_weight, next_bias: _bias(
                    bias, incoming, next_weight, next_bias, which="partly"
                ),
                "A unit that has lost only a part of its input is counted as empty: the whole row has to be removed.",
            ),
            Misconception(
                lambda bias, incoming, next_weight, next_bias: _bias(
                    bias, incoming, next_weight, next_bias, weighted=False
                ),
                "The constants are added without the weights of the next layer, which multiplies them first.",
            ),
            Misconception(
                lambda bias, incoming, next_weight, next_bias: _bias(
                    bias, incoming, next_weight, next_bias, sign=-1
                ),
                "The constants are subtracted. The units added them before; without the units, the bias has to add them.",
            ),
            Misconception(
                _bias_in_place,
                "You add to next_bias itself, so that the old network is changed too; make a new tensor.",
            ),
        ),
        alternatives=(_bias_by_loop, _bias_by_masking),
        difficulty="medium",
        lines=2,
        minutes=10,
        fresh=True,
    ),
)

QUESTIONS = (
    Question(
        "11.Q1",
        "A mask sets 98 % of the weights of a dense tensor to 0. How long does the matrix product take now?",
        (
            Option(
                "About 2 % of the time before, because 98 % of the products are 0.",
                False,
                "The processor is not told where the zeros are. It multiplies them like all other numbers.",
            ),
            Option(
                "As long as before.",
                True,
                "The same numbers of multiplications, the same bytes from memory. Only another way of storing changes that.",
            ),
            Option(
                "Less, since multiplying by 0 is quicker.",
                False,
                "A multiplication takes the same time for all ordinary numbers, 0 among them.",
            ),
        ),
    ),
    Question(
        "11.Q2",
        "One bit for each weight, or a column of 32 bits for each kept weight: at which density do the bits of the mask "
        "take less room than the columns?",
        (
            Option(
                "At every density.",
                False,
                "The bits cost the same at every density. If only one weight in a thousand is kept, one column is cheaper "
                "than a thousand bits.",
            ),
            Option(
                "Above 1/32, which is 3.1 %.",
                True,
                "Per weight, the mask costs 1 bit and the columns cost 32 times the density. They are equal at 1/32.",
            ),
            Option(
                "Above 1/2.",
                False,
                "At one half a column for each kept weight costs 16 bits a weight, and the mask only one.",
            ),
        ),
    ),
    Question(
        "11.Q3",
        "A paper reports 50 times fewer operations for its sparse network. What do you know about its time?",
        (
            Option(
                "It is 50 times as fast.",
                False,
                "That would need code that skips the zeros at no cost, and a network whose time is all arithmetic.",
            ),
            Option(
                "Nothing, until somebody says with which code, on which machine, at which batch size, and beside which "
                "dense code.",
                True,
                "Operations are counted, time is measured. The dense code that one compares with matters as much as the "
                "sparse one.",
            ),
            Option(
                "It is about half as fast as that, since indices double the memory.",
                False,
                "There is no such rule. At batch 1 the sparse form may even be the slower one.",
            ),
        ),
    ),
    Question(
        "11.Q4",
        "A ticket keeps 2 % of a layer of 300 units with 784 inputs each, at places spread evenly. How many units have no "
        "input?",
        (
            Option(
                "About 98 % of them.",
                False,
                "That would be so if whole units were removed. Here each unit keeps about 16 of its 784 weights.",
            ),
            Option(
                "Practically none.",
                True,
                "All 784 of a unit would have to be removed by chance: 0.98 to the power of 784 is about one in ten "
                "million.",
            ),
            Option(
                "About half of them.",
                False,
                "A unit is empty only if every one of its 784 weights is gone, and each is kept with probability 0.02.",
            ),
        ),
    ),
)
