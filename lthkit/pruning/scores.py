"""Pruning criteria. Each gives every prunable weight a score, higher = keep, and knows nothing of thresholds.

Adding a criterion is one function here and one test: (model, ...) -> parameter name -> float tensor of its shape.

A score of one's own may ask for more by keyword, where something searches with it (`tickets.imp`, `one_shot`,
`prune_at_init`, `prune_iteratively`): for `mask=`, the `Mask` so far; for `round=`, the number of the cut that it is asked
for, from 1; for `optimizer=`, after a training, the state of its optimizer at the last step. Each is given only where the
signature names it, as a copy. Any `score=` takes such a function:

    def saliency(model, *, mask, round, optimizer):
        return {name: model.get_parameter(name).detach() ** 2 * optimizer[f"square/{name}"] for name in mask}

    rounds = list(lth.imp(model_fn, data, rounds=3, score=saliency))

The state is a dict of tensors, `kind/parameter name` -> [shape of the parameter]: of Adam and AdamW `mean/fc1.weight` and
`square/fc1.weight`, of SGD `momentum/fc1.weight`; of a torch optimizer by torch's names, `exp_avg/fc1.weight` say; and
`updates`, how many there were. It is 0 at removed weights. There is none before a training, so `prune_at_init` refuses such
a score. What a score remembers by itself from one cut to the next is in no run folder: a search that goes on without it
is refused. A score whose memory is to outlive a stop computes it again at each cut, from the rounds that are saved:
`lth.tickets.load_round(folder, r)` has mask, rewind point and trained weights of round r. And a score that draws numbers
seeds them, by `lth.derived_seed(seed, f"cut {round}")` say: the same cut made again must be the same one.

There is a score for what `prunable(model, exclude, include=include)` names. What is excluded gets none, need not have a
gradient, and changes no other weight's score. A search or a mask says by itself what is scored (see `for_mask`).

Criteria that look at a loss or at paths work on a copy of the model, so weights, buffers, gradients and mode stay as
they are. The copy of a network in float16 or bfloat16 is in float32: small gradients would be lost. In the copy batch
norm uses the statistics of the batch unless a criterion says otherwise, and dropout is off, modules and functions. Other
chance, such as a `torch.rand` in a forward, is left as it is: seed it. A weight that is 0 stays in the sums as 0: to
score a pruned network, apply its mask first.

Scores are sums of rounded numbers, and two correct programs add in different orders. Rankings agree but for near ties;
where a mask is the outcome of many rounds, as with SynFlow, such ties decide the next round. (At 0.1 % of the weights
after 100 rounds two correct programs shared 57 % of what either kept.) So never compare such masks bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from lthkit.machine.checks import first_line, one_tensor, shape_explained
from lthkit.machine.seeds import derived_seed
from lthkit.pruning.asked import asked_for
from lthkit.pruning.linearised import WithoutDropout, linearised
from lthkit.pruning.masks import Mask, prunable
from lthkit.pruning.paths import connected
from lthkit.pruning.weights import copied, survey

Scores = dict[str, Tensor]
Batches = Iterable[tuple[Tensor, Tensor]]
LossFn = Callable[[Tensor, Tensor], Tensor]
Names = str | Iterable[str]  # or patterns, as of `prunable`
_HALF = (torch.float16, torch.bfloat16)


@torch.no_grad()
def magnitude(model: nn.Module, *, exclude: Names = (), include: Names = ()) -> Scores:
    """The absolute value of each weight (Han et al. 2015; Frankle & Carbin 2019, section 2).

    Args:
        exclude, include: what gets no score, and what gets one besides (see `prunable`).

    Raises:
        ValueError: nothing prunable; what `prunable` refuses.
    """
    return {name: weight.detach().abs() for name, weight in _chosen(model, exclude, include).items()}


@torch.no_grad()
def random(model: nn.Module, *, seed: int, exclude: Names = (), include: Names = ()) -> Scores:
    """A uniform random score in [0, 1) for each weight: the baseline that every criterion must beat.

    The scores depend on `seed` and the shapes only, not on the device or the global random state. They have nothing to
    do with an initialisation of the same seed: drawn from one stream, |weight| and score would correlate.

    Args:
        exclude, include: as in `magnitude`.

    Raises:
        ValueError: nothing prunable; what `prunable` refuses.
    """
    chosen = _chosen(model, exclude, include)
    generator = torch.Generator().manual_seed(derived_seed(seed, "random score"))
    drawn = {
        name: torch.rand(w.shape, generator=generator).to(w.device)
        for name, w in _all_of(model, chosen).items()  # the excluded too: they do not shift the rest
    }
    return {name: drawn[name] for name in chosen}


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
        loss: (outputs, labels) -> the *mean* loss of the batch, a scalar. The default is for one class a row; for another
            task it is `task.mean_loss`, which the drivers give by themselves.
        statistics: what batch norm takes off and divides by: "batch", mean and variance of the batch that is scored, or
            "stored", the running ones, 0 and 1 before any training. Without batch norm they are the same; with it
            their masks share little at low densities. SNIP's authors' code and Synaptic-Flow's default take the stored
            ones; GraSP's authors, and `grasp` here, those of the batch.
        exclude, include: as in `magnitude`.

    Raises:
        ValueError: nothing prunable, no batch, a loss that is no finite scalar or that a weight has no part in; several
            outputs; other `statistics`; what `prunable` refuses.
    """
    if statistics not in ("batch", "stored"):
        raise ValueError(f"statistics={statistics!r} was given; expected 'batch' or 'stored'.")
    chosen = _chosen(model, exclude, include)
    _check_real(chosen)
    model, batches = _scored_copy(model, stored=statistics == "stored"), _checked(batches)
    weights = {name: p for name, p in _all_of(model, chosen).items() if name in chosen}
    sums = {name: torch.zeros_like(w) for name, w in weights.items()}
    images = 0
    for mean_loss, n in _losses(model, batches, _of_classes(loss)):
        with _checkpoint_explained(model):
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

    g is the gradient of the mean loss over all batches, H its Hessian, both in the prunable weights only, the
    excluded ones among them, which are trained too. To first order, removing a weight of positive score lowers |g|². Scores have both signs; they are not to be made absolute.

    Args:
        batches: as in `snip`; gone through twice, one graph at a time. The authors take ten images of each class.
        temperature: outputs are divided by it before the loss.
        exclude, include: as in `magnitude`.

    Raises:
        ValueError: as in `snip`; a temperature that is not above 0.
    """
    if not isinstance(temperature, int | float) or not temperature > 0:
        raise ValueError(f"temperature={temperature!r} was given; expected a number above 0, such as 200.")
    chosen = _chosen(model, exclude, include)
    _check_real(_all_of(model, chosen))
    model, batches = _scored_copy(model), list(_checked(batches))
    weights = _all_of(model, chosen)
    gradient = {name: torch.zeros_like(w) for name, w in weights.items()}
    product = {name: torch.zeros_like(w) for name, w in weights.items()}

    def cooled(outputs: Tensor, labels: Tensor) -> Tensor:
        return _of_classes(loss)(outputs / temperature, labels)

    images = 0
    with (
        sdpa_kernel(SDPBackend.MATH),
        _checkpoint_explained(model),
    ):  # fused attention has no second derivative
        for mean_loss, n in _losses(model, batches, cooled):
            grads = torch.autograd.grad(n * mean_loss, list(weights.values()), allow_unused=True)
            _add(gradient, grads, chosen)
            images += n
        for mean_loss, n in _losses(model, batches, cooled):
            parts = torch.autograd.grad(
                n * mean_loss, list(weights.values()), create_graph=True, materialize_grads=True
            )
            along = torch.stack(
                [(p * gradient[name]).sum() for name, p in zip(weights, parts, strict=True)]
            ).sum()
            _add(product, torch.autograd.grad(along, list(weights.values()), materialize_grads=True))
    return {name: (product[name] / images**2 * weights[name]).detach() for name in chosen}


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
        exclude, include: as in `magnitude`. All weights take part in the flow.

    Raises:
        ValueError: nothing prunable; another shape; a weight that the outputs do not depend on; several outputs; R not
            finite; attention or a recurrent layer, by name; a layer whose scores are all 0 though paths run through it,
            by name; what `prunable` refuses, and a computed weight even if it is excluded.
    """
    weights = _chosen(model, exclude, include)
    for name in survey(model).computed:
        raise ValueError(
            f"{name} is computed from other parameters, whose absolute values do not give its own, so SynFlow has no score "
            "even if it is excluded; expected weights that are parameters. Make it one again (prunable(model) says how), "
            "or take another criterion, such as magnitude or snip."
        )
    _check_real(dict(model.named_parameters()), chosen=weights)
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise ValueError(
                f"{name or 'the network'} is made by torch.jit, whose activations SynFlow cannot take for straight lines; "
                "expected a network of plain modules. Score the one that was scripted or traced, with the same weights."
            )
    flowing = copied(model)
    for module in flowing.modules():
        for name, buffer in module._buffers.items():
            if buffer is not None and buffer.is_complex():  # the cast would drop its imaginary part
                module._buffers[name] = buffer.abs()
    flowing = flowing.to(torch.float64).eval()
    for tensor in [*flowing.parameters(), *flowing.buffers()]:
        if tensor.is_floating_point():  # not the number of batches that batch norm has seen
            tensor.data = tensor.data.abs()
    with linearised(flowing):
        scores = _flow(flowing, shape, weights)
    if silent := [name for name, s in scores.items() if not bool(s.any())]:
        kept = Mask({name: w.detach() != 0 for name, w in weights.items()})
        through = connected(model, kept, shape)
        if wrong := [name for name in silent if bool(through[name].any())]:
            raise ValueError(
                f"The synaptic flow through {', '.join(wrong)} is 0 in all weights, though they lie on paths from input "
                "to output; expected a flow above 0. An activation or a norm on the way ends it, or the products of "
                "weights are too small for float64. Take another criterion, or other activations."
            )
    return scores


@torch.no_grad()
def wanda(model: nn.Module, batches: Batches, *, exclude: Names = (), include: Names = ()) -> Scores:
    """|w_ij| · ‖x_j‖, x_j all values that input j of the layer takes over the batches (Sun et al. 2024, section 3, equation 1).

    For a *trained* network whose weights then stay as they are. The paper ranks the inputs of each output among
    themselves, and no layer against another: `prune_to(mask, scores, 0.5, scope="row")`, or `n_of_m(mask, scores)`. The
    norm is over batches and positions. A copy of the network sees the batches once, in evaluation mode, from its first layer to its last
    with nothing cut. (The authors go through a language model block by block, and give each the outputs of pruned ones.)

    For linear layers, as in the paper. What their inputs are is seen as the layer is called; a weight that something else
    reads, as attention reads that of its `out_proj`, is refused.

    Args:
        batches: pairs of inputs and targets, on the model's device; the targets are not looked at.
        exclude, include: as in `magnitude`; convolutions have to be excluded.

    Raises:
        ValueError: nothing prunable, no batch; a weight that is no linear layer's, or whose layer was not called; inputs
            that are not finite; what `prunable` refuses.
    """
    chosen = _chosen(model, exclude, include)
    model, batches = _scored_copy(model, stored=True), _checked(batches)
    weights = {name: p for name, p in _all_of(model, chosen).items() if name in chosen}
    names = {id(weight): name for name, weight in weights.items()}
    layers = [m for m in model.modules() if isinstance(m, nn.Linear) and id(m.weight) in names]
    if others := sorted(set(names.values()) - {names[id(layer.weight)] for layer in layers}):
        raise ValueError(
            f"{', '.join(others)}: no linear layer has this weight, and Wanda's score is one of linear layers; expected "
            f"exclude={others!r}, in a search too."
        )
    squares: Scores = {}

    def seen(layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        squared = given[0].detach().double().flatten(0, -2).square().sum(0)
        name = names[id(layer.weight)]
        squares[name] = squares[name] + squared if name in squares else squared

    for layer in layers:
        layer.register_forward_pre_hook(seen)
    _only_inputs(model, batches)
    if silent := [name for name in weights if name not in squares]:
        raise ValueError(
            f"The layer of {', '.join(silent)} was not called, so the inputs that this weight meets are not known; expected "
            f"a network that calls it: self.fc(x), not F.linear(x, self.fc.weight). Or leave it out with exclude={silent!r}."
        )
    if odd := [name for name, squared in squares.items() if not bool(squared.isfinite().all())]:
        raise ValueError(f"The inputs of {', '.join(odd)} are not finite; expected numbers. Has it diverged?")
    return {name: w.abs() * squares[name].sqrt().to(w.dtype) for name, w in weights.items()}


def _only_inputs(model: nn.Module, batches: Batches) -> None:
    """Call the network with the inputs of each batch. ValueError for none, or one that is no pair or that it does not take."""
    number = -1
    for number, batch in enumerate(batches):  # noqa: B007
        if not (isinstance(batch, tuple | list) and len(batch) == 2 and torch.is_tensor(batch[0])):
            raise ValueError(
                f"Batch {number} is {type(batch).__name__}; expected a pair (inputs, targets) of tensors, and a list of "
                "pairs, such as data.draw(100, seed=0)."
            )
        inputs = batch[0].float() if batch[0].dtype in _HALF else batch[0]
        try:
            with WithoutDropout():
                model(inputs)
        except (IndexError, RuntimeError) as error:
            if "memory" in str(error):
                raise
            raise ValueError(
                f"Batch {number} has inputs {inputs.dtype} {list(inputs.shape)} on {inputs.device}, which the network does not "
                f"take ({first_line(error)}); expected inputs as data.inputs makes them, on its device."
            ) from error
    if number < 0:
        raise ValueError(
            "No batch was given; expected at least one pair (inputs, targets). Is the loader used up?"
        )


@torch.enable_grad()
def _flow(model: nn.Module, shape: Sequence[int], chosen: Iterable[str]) -> Scores:
    for parameter in model.parameters():
        parameter.requires_grad_(parameter.is_floating_point())
    weights = {name: p for name, p in model.named_parameters() if name in set(chosen)}
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
    with _checkpoint_explained(model):
        _add(sums, torch.autograd.grad(total, list(weights.values()), allow_unused=True))
    return {name: (sums[name] * w).abs().detach() for name, w in weights.items()}


def for_mask(
    score: Callable[..., Mapping[str, Tensor]], mask: Mapping[str, Tensor], **offered: Any
) -> Callable[[nn.Module], Mapping[str, Tensor]]:
    """A criterion of this file, or a `functools.partial` of one, that scores what `mask` speaks about, and no more.

    Any other function is called as it is, and so is a partial that has its own `exclude` or `include`. It is given the
    mask, and what is `offered`, where its signature asks for them (see `asked.asked_for`); what is None is not there.
    """
    own = score.func if isinstance(score, partial) else score
    named = score.keywords if isinstance(score, partial) else {}
    if own in (magnitude, random, snip, grasp, synflow, wanda):
        asked_for(score)
        if named.keys() & {"exclude", "include"}:
            return score

        def scored(model: nn.Module) -> Mapping[str, Tensor]:
            rest = sorted(name for name in survey(model).usual if name not in mask)
            return score(model, exclude=rest, include=list(mask))

        return scored
    there = {name: value for name, value in offered.items() if value is not None} | {"mask": Mask(mask)}
    asked = asked_for(score, there)
    return partial(score, **{name: there[name] for name in asked}) if asked else score


def _scored_copy(model: nn.Module, *, stored: bool = False) -> nn.Module:
    """Without chance, every parameter with a gradient, in float32 at least."""
    model = copied(model).eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and not stored:
            module.train()
    for tensor in [*model.parameters(), *model.buffers()]:
        if tensor.dtype in _HALF:
            tensor.data = tensor.data.float()
    for parameter in model.parameters():
        parameter.requires_grad_(parameter.is_floating_point() or parameter.is_complex())
    return model


def _check_real(tensors: Mapping[str, Tensor], *, chosen: Iterable[str] | None = None) -> None:
    """ValueError if a tensor is complex, or a chosen one (all, unless it is said) holds whole numbers."""
    chosen = set(tensors if chosen is None else chosen)
    for name, tensor in tensors.items():
        if tensor.is_complex() or (name in chosen and not tensor.is_floating_point()):
            raise ValueError(
                f"{name} is {tensor.dtype}, and this score is defined for real numbers, which have a gradient; expected a "
                "floating-point type. Take magnitude, or hold real and imaginary part in two real weights."
            )


@contextmanager
def _checkpoint_explained(model: nn.Module) -> Iterator[None]:
    """ValueError instead of torch's own error for a checkpoint that has no gradient of single weights."""
    try:
        yield
    except RuntimeError as error:
        if "heckpoint" not in str(error):
            raise
        raise ValueError(
            f"{type(model).__name__} has a torch.utils.checkpoint.checkpoint with use_reentrant=True, which gives no "
            "gradient of single weights; expected use_reentrant=False, which computes the same. Change it in the forward."
        ) from error


def _chosen(model: nn.Module, exclude: Names, include: Names) -> dict[str, nn.Parameter]:
    weights = prunable(model, exclude, include=include)
    if not weights:
        raise ValueError(
            f"{type(model).__name__} has nothing prunable; expected linear or convolutional layers."
        )
    return weights


def _all_of(model: nn.Module, chosen: Iterable[str]) -> dict[str, nn.Parameter]:
    """The chosen weights, and those that are prunable but excluded."""
    found = survey(model)
    wanted = found.usual | set(chosen)
    return {name: p for name, p in found.matrices.items() if name in wanted}


def _of_classes(loss: LossFn) -> LossFn:
    """The loss; the default one refuses targets that are not one class a row, of which torch would make something else."""

    def of_labels(outputs: Tensor, labels: Tensor) -> Tensor:
        if labels.ndim != 1 or labels.is_floating_point():
            raise ValueError(
                f"The targets are {labels.dtype} {list(labels.shape)}, and the loss is cross-entropy of one class a row, int64 "
                "[n]; expected the loss of the task: loss=lthkit.Task(...).mean_loss."
            )
        return F.cross_entropy(outputs, labels)

    return of_labels if loss is F.cross_entropy else loss


def _checked(batches: Batches) -> Batches:
    if not isinstance(batches, Iterable):
        raise TypeError(
            f"batches is a {type(batches).__name__}; expected pairs (inputs, labels), such as data.draw(100, seed=0)."
        )
    return batches


def _losses(model: nn.Module, batches: Batches, loss: LossFn) -> Iterator[tuple[Tensor, int]]:
    """The mean loss of each batch, with its graph, and the number of images in it."""
    device, number = next(model.parameters()).device, -1
    for number, batch in enumerate(batches):  # noqa: B007
        if not (isinstance(batch, tuple | list) and len(batch) == 2 and all(map(torch.is_tensor, batch))):
            raise ValueError(
                f"Batch {number} is {type(batch).__name__}; expected a pair (inputs, labels) of tensors, and a list of "
                "pairs, such as data.draw(100, seed=0)."
            )
        inputs, labels = batch
        inputs = inputs.float() if inputs.dtype in _HALF else inputs  # as the copy of the model
        if len(inputs) != len(labels) or len(inputs) == 0 or {inputs.device, labels.device} != {device}:
            raise ValueError(
                f"Batch {number} has {len(inputs)} inputs on {inputs.device} and {len(labels)} labels on "
                f"{labels.device}; expected equally many, at least one, on {device} as the model."
            )
        try:
            with WithoutDropout():
                outputs = model(inputs)
            value = loss(one_tensor(model, outputs), labels)
        except (IndexError, RuntimeError) as error:
            if "memory" in str(error):
                raise
            raise ValueError(
                f"Batch {number} has inputs {inputs.dtype} {list(inputs.shape)} and labels {labels.dtype} from "
                f"{labels.min()} to {labels.max()}, and the network or the loss does not take them ({first_line(error)}). "
                "Expected inputs as data.inputs makes them, and labels from 0 to the number of outputs - 1. A network in "
                "float16 or bfloat16 is scored in float32; if its forward casts, let it cast to the type of its weights."
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


def _add(sums: Scores, gradients: Sequence[Tensor | None], needed: Iterable[str] | None = None) -> None:
    """Add to each sum. ValueError if there is no gradient where one is needed, everywhere unless it is said."""
    needed = set(sums if needed is None else needed)
    lost = [name for name, g in zip(sums, gradients, strict=True) if g is None and name in needed]
    if lost:
        raise ValueError(
            f"The outputs do not depend on {', '.join(lost)}: these weights have no gradient, and so no score. Leave them "
            f"out with exclude={lost!r}; in a search, give it to the search."
        )
    for total, gradient in zip(sums.values(), gradients, strict=True):
        if gradient is not None:
            total += gradient.detach()
