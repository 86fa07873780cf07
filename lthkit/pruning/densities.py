"""How dense each layer is to be, when the layers are not to be ranked together."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from torch import nn

from lthkit.pruning.counting import check_fraction
from lthkit.pruning.masks import Mask


def erk(
    model: nn.Module | Mask,
    density: float,
    *,
    exclude: str | Iterable[str] = (),
    include: str | Iterable[str] = (),
) -> dict[str, float]:
    """Erdos-Renyi-Kernel densities, for `prune_to`, `prune_at_init` and `one_shot` (Evci et al. 2020, section 3, part 1).

    The density of a layer is proportional to (n_in + n_out + width + height) / (n_in * n_out * width * height), the sum of
    its shape over the product, which the paper writes as a sparsity: 1 minus that. So narrow layers stay denser. A layer
    that would have more than all of its weights keeps all of them, and the rest is scaled anew, until none has, as in the
    authors' code. For linear layers this is Erdos-Renyi (Mocanu et al. 2018). Shapes are taken as torch has them: of a
    grouped convolution [out, in / groups, height, width]; biases are not counted.

    The densities are whole numbers of weights over sizes, which add up to `round(density * all)` exactly: parts of a
    weight go to the largest remainders, of equal ones to the first. `prune_to(mask, scores, erk(model, 0.1))` keeps just
    that many.

    Args:
        model: a network, or a mask, of which the shapes count and what is kept does not.
        density: of all weights together, from 0 to 1.
        exclude, include: of a network, as in `Mask.ones`. What is excluded is not counted.

    Raises:
        ValueError: a density out of range; exclude or include for a mask, which speaks about what it does; and what
            `Mask.ones` refuses.
    """
    check_fraction(density, "density")
    if isinstance(model, Mask) and (exclude or include):
        raise ValueError(
            "exclude or include was given with a mask, which says itself what it speaks about; expected a network with them, "
            "or the mask alone."
        )
    mask = model if isinstance(model, Mask) else Mask.ones(model, exclude, include=include)
    shapes = mask.shapes()
    sizes = {name: prod(shape) for name, shape in shapes.items()}
    full: set[str] = {name for name, size in sizes.items() if size == 0}
    total = round(float(density) * sum(sizes.values()))
    while True:
        rest = {name: sum(shape) for name, shape in shapes.items() if name not in full}
        left, parts = total - sum(sizes[name] for name in full), sum(rest.values())
        over = {name for name, part in rest.items() if left * part > parts * sizes[name]}
        if not over:
            break
        full |= over
    counts = {name: left * part // parts for name, part in rest.items()}
    by_remainder = sorted(
        rest, key=lambda name: -(left * rest[name] % parts)
    )  # of equal ones the first: sorted is stable
    for name in by_remainder[: left - sum(counts.values())]:
        counts[name] += 1
    return {name: 1.0 if name in full else counts[name] / sizes[name] for name in shapes}
