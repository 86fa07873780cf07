"""Loss and metrics of a network on a split, and whether the two fit at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from lthkit.data.datasets import Dataset
from lthkit.machine.checks import check_network, check_whole, first_line, one_tensor
from lthkit.machine.devices import autocast
from lthkit.machine.seeds import global_generators
from lthkit.training.draws import Draws, draws
from lthkit.training.shapes import few
from lthkit.training.tallies import Measured, Metrics, tally_of
from lthkit.training.tasks import Task, check_task


@torch.no_grad()
def evaluate(
    model: nn.Module,
    data: Dataset,
    *,
    split: str = "validation",
    batch_size: int = 1000,
    precision: str = "float32",
    channels_last: bool = False,
    forward: Callable[[Tensor], Tensor] | None = None,
    task: Task = Task(),  # noqa: B008  (frozen)
) -> Metrics | Measured:
    """Loss and metrics on "train", "validation" or "test", in large batches; every module's mode is as before afterwards.

    `loss, accuracy = evaluate(...)` for the default task; for any task the result has `.loss`, `.metric` (the first one)
    and `.metrics` (all, by name). They are of all rows together and do not depend on `batch_size`.

    Inputs come as `data.inputs` has them, images in float32; a network of another type casts them itself. What it draws
    itself, if it draws in evaluation mode too, is the same at each call.

    Args:
        split: which one. batch_size: rows at a time. precision: as of a `Recipe`.
        channels_last: memory layout of the images, see `choices`; it changes rounding only.
        forward: what `model` computes in evaluation mode, done in another way (see `sparse`); None calls the model.
        task: the loss and the metrics.

    Raises:
        ValueError: a network that does not fit the data, or that gives no single tensor; a task for other targets; a loss
            or a metric that is no finite number, of one's own a loss that is a sum.
    """
    if split not in ("train", "validation", "test"):
        raise ValueError(f"split={split!r} was given; expected 'train', 'validation' or 'test'.")
    check_network(model)
    check_task(task).check_data(data)
    batch_size = check_whole("batch_size", batch_size, 1)
    part = getattr(data, split)
    channels_last = channels_last and takes_channels_last(model, data)
    tally = tally_of(task, data)
    drawn = Draws(model, data.device, 0, training=False)
    batches = zip(part.inputs.split(batch_size), part.targets.split(batch_size), strict=True)
    with _in_evaluation_mode(model):
        for number, (rows, targets) in enumerate(batches):
            inputs = data.normalise(rows) if data.kind == "images" else rows
            if channels_last:
                inputs = inputs.contiguous(memory_format=torch.channels_last)
            try:
                with autocast(data.device, precision), drawn.at(number):
                    tally.add(forward(inputs) if forward else one_tensor(model, model(inputs)), targets)
            except (IndexError, RuntimeError, TypeError, ValueError) as error:
                explain_misfit(model, data, error, task=task, images=len(rows))
                raise
    return tally.result()


@contextmanager
def _in_evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Within it the model is in evaluation mode; every module's mode is as before afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def check_fit(model: nn.Module, data: Dataset, task: Task) -> None:
    """ValueError if the task is not for these targets, or the outputs for a few rows do not fit them.

    The usual task on one class a row is taken at its word: what does not fit is explained when it fails.
    """
    task.check_data(data)
    if task.default and data.train.labelled:
        return
    rows = few(data.train.targets)
    targets = data.train.targets[rows]
    try:
        with torch.no_grad(), global_generators(data.device, seed=0), _in_evaluation_mode(model):
            outputs = one_tensor(model, model(data.inputs(data.train, rows)))
            task.check_outputs(outputs, targets, len(data.classes))
    except (IndexError, RuntimeError, TypeError) as error:
        explain_misfit(model, data, error, task=task, images=len(targets))
        raise


_taken: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()


def takes_channels_last(model: nn.Module, data: Dataset) -> bool:
    """False if `model` cannot work on images whose channels lie last in memory, as one with `x.view(n, -1)` in it cannot.

    torch's own layers can; a network with code of its own is asked once, with two images in evaluation mode.
    """
    if data.kind != "images":
        return False
    if draws(model, training=False) is False:
        return True
    if model not in _taken:
        inputs = data.normalise(data.train.images[:2]).contiguous(memory_format=torch.channels_last)
        try:
            with torch.no_grad(), global_generators(data.device), _in_evaluation_mode(model):
                model(inputs)
            _taken[model] = True
        except RuntimeError as error:
            _taken[model] = "view size is not compatible" not in str(error)
        except Exception:  # it will come again, where it is explained
            _taken[model] = True
    return _taken[model]


def explain_misfit(
    model: nn.Module,
    data: Dataset,
    error: Exception,
    *,
    task: Task = Task(),  # noqa: B008  (frozen)
    images: int = 1,
) -> None:
    """After an error in a pass of so many rows: ValueError if `model` takes no row of `data`, has outputs that do not fit
    the targets, or wants more than one row in a batch.

    Looked at only then, with one row, so a step that is in order costs nothing more.
    """
    if "memory" in str(error):
        return
    if "more than 1 value per channel" in str(error) or "more than 1 spatial element" in str(error):
        raise ValueError(
            f"{type(model).__name__} takes statistics from a batch (a norm layer does), and a batch of {images} has too few "
            f"values for it ({first_line(error)}). Take another batch_size, so that every batch, the last one too, has "
            f"two {data.noun} or more."
        ) from error
    if "use_reentrant" in str(error):
        raise ValueError(
            f"{type(model).__name__} calls torch.utils.checkpoint with use_reentrant=True, which works with .backward() "
            "only, and gradients are asked for here with torch.autograd.grad. Pass use_reentrant=False: same numbers."
        ) from error
    if isinstance(error, ValueError):
        return
    kind, remedy = _described(data), _remedy(model, data)
    model.eval()
    try:
        with torch.no_grad():
            rows = torch.zeros(1, dtype=torch.int64, device=data.device)
            outputs = one_tensor(model, model(data.inputs(data.train, rows)))
    except (IndexError, RuntimeError, TypeError) as refused:
        raise ValueError(
            f"{type(model).__name__} does not take the {data.noun} ({first_line(refused)}); {kind}. {remedy}"
        ) from error
    if not data.train.labelled:
        task.check_outputs(outputs, data.train.targets[:1], len(data.classes))
    elif isinstance(task.loss, str) and (outputs.ndim != 2 or outputs.shape[1] < len(data.classes)):
        raise ValueError(
            f"{type(model).__name__} gives outputs of shape {list(outputs.shape)} for one {data.noun[:-1]}; {kind}. {remedy}"
        ) from error


def _described(data: Dataset) -> str:
    """What the data set holds, for a network that does not take it."""
    inputs = data.train.inputs
    what = {
        "images": f"images of {list(data.shape)}, float32 once normalised",
        "values": f"rows {inputs.dtype} of {list(data.shape)}",
        "tokens": f"sequences of {list(data.shape)} tokens, int64 from {int(inputs.min())} to {int(inputs.max())}",
    }[data.kind]
    return (
        f"{data.name} has {len(data.classes)} classes and {what}"
        if data.classes
        else f"{data.name} has {what}"
    )


def _remedy(model: nn.Module, data: Dataset) -> str:
    """What to do where a network and the inputs do not go together."""
    kinds = {p.dtype for p in model.parameters() if p.is_floating_point()}
    given = data.train.inputs.dtype if data.kind == "values" else torch.float32
    if data.kind == "values" and kinds and given not in kinds:
        own = ", ".join(sorted(map(str, kinds)))
        return (
            f"The network has parameters of {own}: give the data inputs.to({own}), or take model.to({given})."
        )
    if others := sorted({str(kind) for kind in kinds} - {str(given)}):
        return (
            f"The network has parameters of {', '.join(others)}: take model.float(), or wrap it in a module whose forward "
            f"casts the {data.noun}, self.network(x.double()) say."
        )
    if data.kind == "images":
        return "Make the network for this data: input_shape=data.shape, classes=len(data.classes)."
    return f"Make the network for this data: data.shape is {data.shape}" + (
        f", and there are {len(data.classes)} classes." if data.classes else "."
    )
