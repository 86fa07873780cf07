"""Pruning criteria. Each gives every prunable weight a score, higher = keep, and knows nothing of thresholds.

Adding a criterion is one function here and one test: (model, ...) -> parameter name -> float tensor of its shape. Which
parameters are scored, `exclude` and `include` say as in `prunable`; a mask made with them takes scores made with them.

Criteria that look at a loss or at paths work on a copy of the model, so weights, buffers, gradients and mode stay as
they are. In the copy batch norm uses the statistics of the batch unless a criterion says otherwise, and nothing is random
(dropout is off). A weight that is 0 stays in the sums as 0: to score a pruned network, apply its mask first.

Scores are sums of rounded numbers, and two correct programs add in different orders. Rankings agree but for near ties;
where a mask is the outcome of many rounds, as with SynFlow, such ties decide the next round. (At 0.1 % of the weights
after 100 rounds two correct programs shared 57 % of what either kept.) So never compare such masks bit for bit.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from lthkit.machine.checks import first_line, one_tensor, shape_explained
from lthkit.machine.seeds import derived_seed
from lthkit.pruning.linearised import linearised
from lthkit.pruning.masks import Mask, prunable
from lthkit.pruning.paths import connected

Scores = dict[str, Tensor]
Names = str | Iterable[str]  # or patterns
Batches = Iterable[tuple[Tensor, Tensor]]
LossFn = Callable[[Tensor, Tensor], Tensor]


@torch.no_grad()
def magnitude(model: nn.Module, *, exclude: Names = (), include: Names = ()) -> Scores:
    """The absolute value of each weight (Han et al. 2015; Frankle & Carbin 2019, section 2).

    Raises:
        ValueError: nothing prunable.
    """
    return {name: weight.detach().abs() for name, weight in _prunable(model, exclude, include).items()}


@torch.no_grad()
def random(model: nn.Module, *, seed: int, exclude: Names = (), include: Names = ()) -> Scores:
    """A uniform random score in [0, 1) for each weight: the baseline that every criterion must beat.

    The scores depend on `seed` and the shapes only, not on the device or the global random state. They have nothing to
    do with an initialisation of the same seed: drawn from one stream, |weight| and score would correlate.

    Raises:
        ValueError: nothing prunable.
    """
    generator = torch.Generator().manual_seed(derived_seed(seed, "random score"))
    return {
        name: torch.rand(w.shape, generator=generator).to(w.device)
        for name, w in _prunable(model, exclude, include).items()
    }


@torch.enable_grad()
def snip(
    model: nn.Module,
    batches: Batches,
    *,
    loss: LossFn = F.cross_entropy,
    statistics: str = "batch",
    exclude: Names = (),
    include: Names = (),
) -> Scores:
    """Connection sensitivity |∂L/∂w · w|, L the mean loss over all batches (Lee et al. 2019, equations 4 to 6).

    By the chain rule this is |∂L/∂c| at c = 1, when each weight is multiplied by an own factor c: how fast the loss
    moves as the connection is switched off. The absolute value is taken after the sum over batches, so that the split
    into batches does not matter (but for batch norm). The paper also divides by the sum of all scores, which changes no
    ranking.

    Weights only: the authors' published code scores and prunes biases too. It also draws new weights after pruning and
    trains those; for that variant see `tickets.prune_at_init(..., train_from="fresh")`.

    Args:
        batches: pairs of inputs [n, ...] and labels [n], on the model's device; the paper takes one, of 100 images.
        loss: (outputs, labels) -> the *mean* loss of the batch, a scalar.
        statistics: what batch norm takes off and divides by: "batch", mean and variance of the batch that is scored, or
            "stored", the running ones, 0 and 1 before any training. Without batch norm they are the same; with it
            their masks share little at low densities. SNIP's authors' code and Synaptic-Flow's default take the stored
            ones; GraSP's authors, and `grasp` here, those of the batch.

    Raises:
        ValueError: nothing prunable, no batch, a loss that is no finite scalar or that a weight has no part in; other
            `statistics`.
    """
    if statistics not in ("batch", "stored"):
        raise ValueError(f"statistics={statistics!r} was given; expected 'batch' or 'stored'.")
    batches = _checked(batches)
    model, weights = _scored_copy(model, exclude, include, stored=statistics == "stored")
    sums = {name: torch.zeros_like(w) for name, w in weights.items()}
    images = 0
    for mean_loss, n in _losses(model, batches, loss):
        _add(sums, torch.autograd.grad(n * mean_loss, list(weights.values()), allow_unused=True))
        images += n
    return {name: (sums[name] / images * w).abs().detach() for name, w in weights.items()}


@torch.enable_grad()
def grasp(
    model: nn.Module,
    batches: Batches,
    *,
    loss: LossFn = F.cross_entropy,
    temperature: float = 200.0,
    exclude: Names = (),
    include: Names = (),
) -> Scores:
    """Gradient signal preservation, w · Hg (Wang et al. 2020, equation 8, with the sign turned: higher = keep).

    g is the gradient of the mean loss over all batches, H its Hessian, both in the prunable weights only. To first
    order, removing a weight of positive score lowers |g|². Scores have both signs; they are not to be made absolute.

    Args:
        batches: as in `snip`; gone through twice, one graph at a time. The authors take ten images of each class.
        temperature: outputs are divided by it before the loss.

    Raises:
        ValueError: as in `snip`; a temperature that is not above 0.
    """
    if not isinstance(temperature, int | float) or not temperature > 0:
        raise ValueError(f"temperature={temperature!r} was given; expected a number above 0, such as 200.")
    batches = list(_checked(batches))
    model, weights = _scored_copy(model, exclude, include)
    gradient = {name: torch.zeros_like(w) for name, w in weights.items()}
    product = {name: torch.zeros_like(w) for name, w in weights.items()}

    def cooled(outputs: Tensor, labels: Tensor) -> Tensor:
        return loss(outputs / temperature, labels)

    images = 0
    with sdpa_kernel(SDPBackend.MATH):  # the other kernels of attention have no second derivative
        for mean_loss, n in _losses(model, batches, cooled):
            _add(gradient, torch.autograd.grad(n * mean_loss, list(weights.values()), allow_unused=True))
            images += n
        for mean_loss, n in _losses(model, batches, cooled):
            parts = torch.autograd.grad(n * mean_loss, list(weights.values()), create_graph=True)
            along = torch.stack(
                [(p * gradient[name]).sum() for name, p in zip(weights, parts, strict=True)]
            ).sum()
            _add(product, torch.autograd.grad(along, list(weights.values()), materialize_grads=True))
    return {name: (product[name] / images**2 * w).detach() for name, w in weights.items()}


def synflow(model: nn.Module, shape: Sequence[int], *, exclude: Names = (), include: Names = ()) -> Scores:
    """Synaptic flow |∂R/∂w · w|, R the sum of outputs of the network with absolute weights, for an input of ones.

    No data (Tanaka et al. 2020, equation 3 and algorithm 1). The score of a weight is the sum, over all paths through
    it, of the product of absolute weights on the path, so a layer's scores add up to the same R for every layer. Made
    for many small rounds: see `pruning.prune_iteratively`, 100 in the paper. Batch norm takes its stored statistics,
    absolute too, as in the authors' code. Float64 inside and out: the products leave the range of float32 in deep nets.

    The formula is that of a linear network, which one of ReLUs is for positive numbers. Other activations (tanh, GELU,
    ReLU6 ...) are taken for the identity, and layer and group norm for their gain and shift.

    Args:
        shape: of one input, without the batch: (channels, height, width).

    Raises:
        ValueError: nothing prunable; another shape; a weight that the outputs do not depend on; R not finite; attention
            or a recurrent layer, by name; a layer whose scores are all 0 though paths run through it, by name.
    """
    _prunable(model, exclude, include)
    flowing = copy.deepcopy(model).to(torch.float64).eval()
    with torch.no_grad():
        for tensor in [*flowing.parameters(), *flowing.buffers()]:  # those that are not saved too
            if tensor.is_floating_point():  # not the number of batches that batch norm has seen
                tensor.abs_()
    with linearised(flowing):
        scores = _flow(flowing, shape, _weights_of(flowing, exclude, include))
    if silent := [name for name, s in scores.items() if not bool(s.any())]:
        weights = _prunable(model, exclude, include)
        kept = Mask({name: w.detach() != 0 for name, w in weights.items()})
        through = connected(model, kept, shape)
        if wrong := [name for name in silent if bool(through[name].any())]:
            raise ValueError(
                f"The synaptic flow through {', '.join(wrong)} is 0 in all weights, though they lie on paths from input "
                "to output; expected a flow above 0. An activation or a norm on the way ends it, or the products of "
                "weights are too small for float64. Take another criterion, or other activations."
            )
    return scores


@torch.enable_grad()
def _flow(model: nn.Module, shape: Sequence[int], weights: dict[str, nn.Parameter]) -> Scores:
    device = next(iter(weights.values())).device
    with shape_explained(model, shape):
        outputs = model(torch.ones(1, *shape, dtype=torch.float64, device=device))
    total = one_tensor(model, outputs).sum()
    if not bool(torch.isfinite(total)):
        bad = [name for name, p in model.named_parameters() if not bool(torch.isfinite(p).all())]
        raise ValueError(
            f"The synaptic flow is not finite: {', '.join(bad) or 'no weight'} has NaN or infinite values; expected "
            "finite numbers. Look at the weights"
            + (": has the training diverged?" if bad else ", which are too large for so many layers.")
        )
    sums = {name: torch.zeros_like(w) for name, w in weights.items()}
    _add(sums, torch.autograd.grad(total, list(weights.values()), allow_unused=True))
    return {name: (sums[name] * w).abs().detach() for name, w in weights.items()}


def _scored_copy(
    model: nn.Module, exclude: Names, include: Names, *, stored: bool = False
) -> tuple[nn.Module, dict[str, nn.Parameter]]:
    _prunable(model, exclude, include)  # what is refused is refused before it is copied
    model = copy.deepcopy(model).eval()
    for tensor in [*model.parameters(), *model.buffers()]:
        tensor.data = tensor.data.to(_wide(tensor.dtype))
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and not stored:
            module.train()
    return model, _weights_of(model, exclude, include)


def _wide(dtype: torch.dtype) -> torch.dtype:
    """float32 for types of 16 bits, in which gradients underflow; else the type itself."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype


def _weights_of(model: nn.Module, exclude: Names, include: Names) -> dict[str, nn.Parameter]:
    weights = _prunable(model, exclude, include)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    return weights


def _prunable(model: nn.Module, exclude: Names, include: Names) -> dict[str, nn.Parameter]:
    weights = prunable(model, exclude, include=include)
    if not weights:
        raise ValueError(
            f"{type(model).__name__} has nothing prunable; expected linear or convolutional layers."
        )
    return weights


def _checked(batches: Batches) -> Batches:
    if not isinstance(batches, Iterable):
        raise TypeError(
            f"batches is a {type(batches).__name__}; expected pairs (inputs, labels), such as data.draw(100, seed=0)."
        )
    return batches


def _losses(model: nn.Module, batches: Batches, loss: LossFn) -> Iterator[tuple[Tensor, int]]:
    """The mean loss of each batch, with its graph, and the number of images in it."""
    device, number, outputs = next(model.parameters()).device, -1, torch.empty(0)
    for number, batch in enumerate(batches):  # noqa: B007
        if not (isinstance(batch, tuple | list) and len(batch) == 2 and all(map(torch.is_tensor, batch))):
            raise ValueError(
                f"Batch {number} is {type(batch).__name__}; expected a pair (inputs, labels) of tensors, and a list of "
                "pairs, such as data.draw(100, seed=0)."
            )
        inputs, labels = batch
        if len(inputs) != len(labels) or len(inputs) == 0 or {inputs.device, labels.device} != {device}:
            raise ValueError(
                f"Batch {number} has {len(inputs)} inputs on {inputs.device} and {len(labels)} labels on "
                f"{labels.device}; expected equally many, at least one, on {device} as the model."
            )
        try:
            outputs = model(inputs.to(_wide(inputs.dtype)))
            value = loss(outputs, labels)
        except (IndexError, RuntimeError, TypeError, AttributeError) as error:
            if "memory" in str(error):
                raise
            one_tensor(model, outputs)  # a loss of one's own may take several; this one does not
            raise ValueError(
                f"Batch {number} has inputs {inputs.dtype} {list(inputs.shape)} and labels {labels.dtype} from "
                f"{labels.min()} to {labels.max()}, and the network or the loss does not take them ({first_line(error)}). "
                "Expected inputs as data.inputs makes them, and labels from 0 to the number of outputs - 1."
            ) from error
        if not torch.is_tensor(value) or value.ndim > 0:
            given = f"shape {tuple(value.shape)}" if torch.is_tensor(value) else type(value).__name__
            raise ValueError(
                f"The loss is no scalar but {given}; expected the mean over the batch, one number."
            )
        if not bool(torch.isfinite(value)):
            raise ValueError(f"The loss of batch {number} is {value.item()}; expected a finite number.")
        if not value.requires_grad:
            raise ValueError(
                "The loss has no gradient; expected one that depends on the weights. Does the model's forward or the "
                "loss detach, or run under no_grad?"
            )
        yield value, len(inputs)
    if number < 0:
        raise ValueError(
            "No batch was given; expected at least one pair (inputs, labels). Is the loader used up?"
        )


def _add(sums: Scores, gradients: Sequence[Tensor | None]) -> None:
    if lost := [name for name, g in zip(sums, gradients, strict=True) if g is None]:
        raise ValueError(
            f"The outputs do not depend on {', '.join(lost)}: these weights have no gradient, so no score. Leave them out, "
            f"here and in Mask.ones: exclude={lost}."
        )
    for total, gradient in zip(sums.values(), gradients, strict=True):
        assert gradient is not None
        total += gradient.detach()
