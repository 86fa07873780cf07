"""Training a masked network: `train`, `evaluate`, and the `Checkpoint` that a rewind loads.

The mask touches training in one place. Removed weights and their optimizer state are set to 0 on entry; after that
their gradients are zeroed at every step before the optimizer sees them. So they stay exactly 0 under any optimizer,
and the forward pass, `state_dict` and `deepcopy` are those of an ordinary model.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lthkit import files
from lthkit.data import Dataset, augment, batches
from lthkit.devices import PRECISIONS, autocast
from lthkit.masks import Mask
from lthkit.optimizers import OPTIMIZERS, SCHEDULES, SGD, Adam, Optimizer, learning_rate

MOMENTUM_POLICIES = ("fresh", "restore")


class TrainingDiverged(FloatingPointError):
    """The loss became NaN or infinite."""


@dataclass(frozen=True)
class Recipe:
    """How to train, apart from the model, the data, the mask and the seeds.

    The defaults are those of Frankle & Carbin 2019 for LeNet-300-100 (Adam, 1.2e-3, batches of 60, validation loss
    every 100 steps) with a budget for 10,000 images.

    steps: length of the training in updates, counted from initialisation: a training that starts at step k ends here too.
    batch_size: images an update; the last, incomplete batch of an epoch is dropped.
    optimizer: "adam" or "sgd"; momentum is SGD's; weight_decay is the L2 term of either.
    lr, schedule, milestones, decay, warmup: see `optimizers.learning_rate`.
    evaluate_every: validation is measured after every this many updates, and at the end.
    patience: stop once the validation loss has not fallen for this many updates; None never stops early.
    augment: random crop and flip of the training images, on the device.
    precision: "float32"; "bfloat16" for autocast; "auto" takes bfloat16 on a CUDA device that has it.
    """

    steps: int = 2000
    batch_size: int = 60
    optimizer: str = "adam"
    lr: float = 1.2e-3
    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: str = "constant"
    milestones: tuple[int, ...] = ()
    decay: float = 0.1
    warmup: int = 0
    evaluate_every: int = 100
    patience: int | None = None
    augment: bool = False
    precision: str = "float32"

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("schedule", self.schedule, SCHEDULES),
            ("precision", self.precision, PRECISIONS),
        ):
            if value not in choices:
                raise ValueError(f"{name}={value!r} was given; expected one of {', '.join(choices)}.")
        for name in ("steps", "batch_size", "evaluate_every"):
            if not isinstance(number := getattr(self, name), int) or number < 1:
                raise ValueError(f"{name}={number!r} was given; expected a whole number, 1 or more.")
        if not (math.isfinite(self.lr) and self.lr > 0):
            raise ValueError(f"lr={self.lr!r} was given; expected a learning rate above 0, such as 1.2e-3.")
        if self.momentum and self.optimizer != "sgd":
            raise ValueError("momentum is for optimizer='sgd'; Adam has its own two averages.")
        if self.patience is not None and self.patience < self.evaluate_every:
            raise ValueError(
                f"patience={self.patience} is shorter than evaluate_every={self.evaluate_every} steps."
            )

    def lr_at(self, step: int) -> float:
        """Learning rate of update number `step`."""
        return learning_rate(
            step,
            base=self.lr,
            steps=self.steps,
            schedule=self.schedule,
            milestones=self.milestones,
            decay=self.decay,
            warmup=self.warmup,
        )


@dataclass(frozen=True)
class Checkpoint:
    """Everything a training goes on from: weights and buffers, optimizer state, and the step.

    The step fixes the learning rate and the data, because both are functions of it. All tensors are copies: training
    on does not change a checkpoint, and restoring one does not tie the model to it.
    """

    step: int
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor] | None = None

    @classmethod
    def of(cls, model: nn.Module, *, step: int = 0, optimizer: Optimizer | None = None) -> Checkpoint:
        """Copy the state of a model (buffers included) and, if given, of its optimizer."""
        state = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        return cls(step, state, optimizer.state() if optimizer else None)

    @torch.no_grad()
    def restore(self, model: nn.Module) -> None:
        """Copy weights and buffers into `model`, in place."""
        state = model.state_dict()
        wrong = [
            n
            for n in state.keys() | self.model.keys()
            if n not in state or n not in self.model or state[n].shape != self.model[n].shape
        ]
        if wrong:
            raise ValueError(
                f"The checkpoint is for another model: {sorted(wrong)} are missing, extra or of another shape."
            )
        for name, tensor in state.items():
            tensor.copy_(self.model[name])

    def save(self, path: Path | str) -> Path:
        """Write to an `.npz` file with a checksum, atomically."""
        groups = {"model": self.model, "optimizer": self.optimizer or {}}
        arrays = {
            f"{g}:{name}": t.detach().cpu().numpy()
            for g, tensors in groups.items()
            for name, t in tensors.items()
        }
        meta = {"kind": "checkpoint", "step": self.step, "optimizer": self.optimizer is not None}
        return files.save_arrays(path, arrays, meta)

    @classmethod
    def load(cls, path: Path | str, *, device: torch.device | str = "cpu") -> Checkpoint:
        """Read what `save` wrote. `files.DamagedFile` if it is not whole; no code in it ever runs."""
        arrays, meta = files.load_arrays(path)
        if meta.get("kind") != "checkpoint":
            raise files.DamagedFile(f"{path} holds {meta.get('kind', 'something else')!r}, not a checkpoint.")
        groups: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}}
        for name, array in arrays.items():
            group, _, rest = name.partition(":")
            groups[group][rest] = torch.from_numpy(array).to(device)
        return cls(meta["step"], groups["model"], groups["optimizer"] if meta["optimizer"] else None)


class Point(NamedTuple):
    """One evaluation: after `step` updates; the training loss is the mean since the last point."""

    step: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float


class Metrics(NamedTuple):
    """Mean cross-entropy in nats, and accuracy from 0 to 1."""

    loss: float
    accuracy: float


@dataclass(frozen=True)
class TrainResult:
    """What a training measured. Accuracies are at `best_step`, the step of least validation loss.

    The test split was read once, with the weights of that step. The model itself keeps the weights of the last step;
    `kept` has the checkpoints asked for, by step.
    """

    history: tuple[Point, ...]
    best_step: int
    validation_loss: float
    validation_accuracy: float
    test_accuracy: float
    steps: int
    budget: int
    seconds: float
    kept: Mapping[int, Checkpoint] = field(repr=False, default_factory=dict)

    @property
    def still_improving(self) -> bool:
        """True if the best step lies in the last tenth of the budget, so that more steps might still help."""
        return self.best_step > 0.9 * self.budget


def train(
    model: nn.Module,
    data: Dataset,
    *,
    mask: Mask | None = None,
    seed: int = 0,
    steps: int | None = None,
    recipe: Recipe = Recipe(),  # noqa: B008  (frozen)
    start: Checkpoint | None = None,
    momentum: str = "restore",
    keep: Iterable[int] = (),
    progress: Callable[[int], object] | None = None,
) -> TrainResult:
    """Train `model` in place under `mask` and leave it with the weights of the last step.

    Args:
        seed: of the data order and augmentation; the order is a function of (seed, epoch), so of the step.
        steps: shorthand for `recipe.steps`.
        start: begin from this checkpoint and its step instead of from the model as it is at step 0.
        momentum: "restore" takes the optimizer state of `start`, if it has one; "fresh" starts it at 0.
        keep: steps at which to copy a `Checkpoint` into `result.kept`; 0 is before the first update.
        progress: called with the number of updates done since the last call.

    Raises:
        TrainingDiverged: the loss is not finite.
        ValueError: the mask or the checkpoint belongs to another model; a step out of range.
    """
    recipe = recipe if steps is None else replace(recipe, steps=steps)
    first, keep = start.step if start else 0, set(keep)
    _check_steps(first, keep, recipe, momentum, len(data.train))
    if data.device.type == "cpu":
        torch.set_flush_denormal(True)  # per thread; tiny Adam averages are slow otherwise
    begun = time.perf_counter()
    if start:
        start.restore(model)
    optimizer = _optimizer(model, recipe)
    if start and start.optimizer is not None and momentum == "restore":
        optimizer.load_state(start.optimizer)
    update = _masked_update(model, data, mask, optimizer, recipe, seed, first)

    history: list[Point] = []
    best, best_state = Point(first, math.inf, math.inf, 0.0), Checkpoint.of(model, step=first)
    kept: dict[int, Checkpoint] = {}
    losses: list[Tensor] = []
    for step in range(first, recipe.steps):
        if step in keep:
            kept[step] = Checkpoint.of(model, step=step, optimizer=optimizer)
        losses.append(update(step))
        done = step + 1
        if done % recipe.evaluate_every and done < recipe.steps:
            continue
        point = Point(
            done, float(torch.stack(losses).mean()), *evaluate(model, data, precision=recipe.precision)
        )
        if not (math.isfinite(point.train_loss) and math.isfinite(point.validation_loss)):
            raise TrainingDiverged(
                f"The loss is no longer finite after step {done} (training {point.train_loss}, validation "
                f"{point.validation_loss}). Try a smaller learning rate than {recipe.lr:g}, or a warm-up."
            )
        history.append(point)
        if point.validation_loss < best.validation_loss:
            best, best_state = point, Checkpoint.of(model, step=done)
        if progress:
            progress(len(losses))
        losses.clear()
        if recipe.patience and done - best.step >= recipe.patience:
            break
    if recipe.steps in keep and done == recipe.steps:
        kept[done] = Checkpoint.of(model, step=done, optimizer=optimizer)
    if progress and done < recipe.steps:
        progress(recipe.steps - done)  # stopped early: the rest of the budget is not needed

    final = Checkpoint.of(model, step=done)
    best_state.restore(model)
    test = evaluate(model, data, split="test", precision=recipe.precision)
    final.restore(model)
    return TrainResult(
        history=tuple(history),
        best_step=best.step,
        validation_loss=best.validation_loss,
        validation_accuracy=best.validation_accuracy,
        test_accuracy=test.accuracy,
        steps=done - first,
        budget=recipe.steps,
        seconds=time.perf_counter() - begun,
        kept=kept,
    )


@torch.no_grad()
def evaluate(
    model: nn.Module,
    data: Dataset,
    *,
    split: str = "validation",
    batch_size: int = 1000,
    precision: str = "float32",
) -> Metrics:
    """Loss and accuracy on "train", "validation" or "test", in large batches; the model's mode is as before afterwards."""
    if split not in ("train", "validation", "test"):
        raise ValueError(f"split={split!r} was given; expected 'train', 'validation' or 'test'.")
    part = getattr(data, split)
    if len(part) == 0:
        raise ValueError(f"The {split} split of {data.name} is empty.")
    was_training = model.training
    model.eval()
    loss = torch.zeros((), device=data.device)
    correct = torch.zeros((), device=data.device, dtype=torch.int64)
    with autocast(data.device, precision):
        for images, labels in zip(part.images.split(batch_size), part.labels.split(batch_size), strict=True):
            logits = model(data.normalise(images)).float()
            loss += F.cross_entropy(logits, labels, reduction="sum")
            correct += (logits.argmax(1) == labels).sum()
    model.train(was_training)
    return Metrics(float(loss) / len(part), int(correct) / len(part))


def _masked_update(
    model: nn.Module,
    data: Dataset,
    mask: Mask | None,
    optimizer: Optimizer,
    recipe: Recipe,
    seed: int,
    first: int,
) -> Callable[[int], Tensor]:
    """Apply the mask to weights and optimizer state; return the function that does update number `step`."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    masked_at: list[int] = []
    factors: list[Tensor] = []
    if mask is not None:
        mask = mask.to(data.device)
        mask.apply_(model)
        optimizer.mask_(mask)
        # A tensor that keeps everything needs no multiplication, so a dense training costs what it always did.
        needed = {name for name in mask if not bool(mask[name].all())}
        masked_at = [i for i, name in enumerate(optimizer.names) if name in needed]
        factors = [mask[optimizer.names[i]].to(parameters[i].dtype) for i in masked_at]
    model.train()
    per_epoch = len(data.train) // recipe.batch_size
    order: dict[int, Tensor] = {}

    def update(step: int) -> Tensor:
        epoch, position = divmod(step, per_epoch)
        if epoch not in order:
            order.clear()
            order[epoch] = batches(len(data.train), seed=seed, epoch=epoch, batch_size=recipe.batch_size).to(
                data.device
            )
        index = order[epoch][position]
        images = data.train.images.index_select(0, index)
        if recipe.augment:
            images = augment(images, seed=seed, step=step)
        with autocast(data.device, recipe.precision):
            loss = F.cross_entropy(model(data.normalise(images)), data.train.labels.index_select(0, index))
        gradients = list(torch.autograd.grad(loss, parameters))
        if factors:
            torch._foreach_mul_([gradients[i] for i in masked_at], factors)
        optimizer.step(gradients, recipe.lr_at(step))
        return loss.detach()

    return update


def _optimizer(model: nn.Module, recipe: Recipe) -> Optimizer:
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if recipe.optimizer == "sgd":
        return SGD(parameters, momentum=recipe.momentum, weight_decay=recipe.weight_decay)
    return Adam(parameters, weight_decay=recipe.weight_decay)


def _check_steps(first: int, keep: set[int], recipe: Recipe, momentum: str, images: int) -> None:
    if momentum not in MOMENTUM_POLICIES:
        raise ValueError(f"momentum={momentum!r} was given; expected one of {', '.join(MOMENTUM_POLICIES)}.")
    if not 0 <= first < recipe.steps:
        raise ValueError(
            f"The training starts at step {first} but ends at step {recipe.steps}: nothing is left to do."
        )
    if late := [step for step in keep if not first <= step <= recipe.steps]:
        raise ValueError(f"keep={sorted(late)} lies outside the training, steps {first} to {recipe.steps}.")
    if images < recipe.batch_size:
        raise ValueError(
            f"batch_size={recipe.batch_size} is larger than the training split ({images} images)."
        )
