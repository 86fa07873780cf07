"""One update, as fast as the device allows: gather a batch, gradients, mask, optimizer, all on the data's device.

The mask touches training here and only here. Removed weights and their optimizer state are set to 0 on entry; after
that their gradients are zeroed at every step before the optimizer sees them. So they stay exactly 0 under any
optimizer, and the forward pass, `state_dict` and `deepcopy` are those of an ordinary model. That they did is looked at
at each evaluation, because a network's own code may write into its weights. Layers that are sparse enough are handed to
`sparse`, where only kept weights have a value, a gradient and a state.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lthkit.data.datasets import Dataset, augmentation, batches, crop_and_flip
from lthkit.machine.checks import first_line
from lthkit.machine.seeds import global_generators
from lthkit.pruning.masks import Mask
from lthkit.training.choices import PLAIN, Choice, fitting
from lthkit.training.draws import Draws
from lthkit.training.evaluation import explain_misfit, takes_channels_last
from lthkit.training.gradients import Gradients, gradients_of
from lthkit.training.optimizers import SGD, Adam, AdamW, Optimizer
from lthkit.training.recipes import Recipe
from lthkit.training.sparse import SparseGradients, sparse_weights
from lthkit.training.stacks import Stack
from lthkit.training.tasks import Task
from lthkit.training.torch_optimizers import TorchOptimizer

log = logging.getLogger("lthkit")


class Update:
    """`update(step)` does one update of a network, or of every network of a stack, in place.

    Args:
        net: a network, or a `Stack` of R of them, whose task is this one.
        masks: for each network what it keeps; None masks nothing.
        seeds: for each network the seed of its data order and augmentation, both functions of (seed, step).
        optimizer: None makes the recipe's, with its state at 0.
        choice: how to execute (see `choices`).
        sparse: names of the weights that are multiplied in CSR; None asks the table, if `choice.sparse`.
        task: whose loss falls.
    """

    recorded = False

    def __init__(
        self,
        net: nn.Module | Stack,
        data: Dataset,
        *,
        recipe: Recipe,
        masks: Sequence[Mask | None] = (None,),
        seeds: Sequence[int] = (0,),
        optimizer: Optimizer | None = None,
        choice: Choice = PLAIN,
        sparse: Sequence[str] | None = None,
        task: Task = Task(),  # noqa: B008  (frozen)
    ) -> None:
        self.data, self.recipe, self.seeds, self.task = data, recipe, tuple(seeds), task
        choice = fitting(choice, recipe, task, data.train.targets)
        self.stacked = isinstance(net, Stack)
        self.optimizer = optimizer or optimizer_for(net, recipe)
        if sparse is None and isinstance(net, nn.Module):
            sparse = sparse_weights(net, masks[0], data, precision=recipe.precision, choice=choice)
        self.sparse = tuple(sparse or ())
        self._mask(net, masks)
        self._net, self._model = net, _models_of(net)[0]
        for model in _models_of(net):
            model.train()
        self._kept_only: SparseGradients | None = None
        if isinstance(net, Stack):
            self.gradients: Gradients = net.gradients
        elif self.sparse:
            assert masks[0] is not None
            self.gradients = self._kept_only = SparseGradients(net, masks[0], self.sparse)
            self.optimizer.hold_only(self._kept_only.values, self._kept_only.places)
        else:
            self.gradients = gradients_of(
                net, precision=recipe.precision, written_out=choice.written_out, task=task
            )
        self.channels_last = (
            choice.channels_last and not self.stacked and takes_channels_last(self._model, data)
        )
        own_code = callable(task.loss) or callable(recipe.optimizer)
        self.chance = Draws(self._model, data.device, self.seeds[0], own_code=own_code)
        self.per_epoch = len(data.train) // recipe.batch_size
        self._epoch = -1
        self._losses: list[Tensor] = []

    def __call__(self, step: int) -> None:
        """Do update number `step`; its number decides its data and its learning rate."""
        epoch, position = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._order_of(epoch).to(self.data.device)
        draws = self._draws_of(step).to(self.data.device) if self.recipe.augment else None
        try:
            with self.chance.at(step):
                self._losses.append(self._update(self._order[position], draws, self.recipe.lr_at(step)))
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            explain_misfit(self._model, self.data, error, task=self.task, images=self.recipe.batch_size)
            raise

    def mean_loss(self) -> list[float]:
        """Mean training loss of each replicate since this was last asked; the host waits for the device here."""
        mean = torch.stack(self._losses).to(torch.promote_types(self._losses[0].dtype, torch.float32)).mean(0)
        self._losses.clear()
        self.chance.look()
        return [float(x) for x in mean.reshape(-1)]

    @property
    def forward(self) -> Callable[[Tensor], Tensor] | None:
        """What the network computes, done faster than the network does it; None if there is no such way."""
        return self._kept_only.forward if self._kept_only else None

    def write_back(self) -> None:
        """Give the network the newest weights, where they are trained outside of it."""
        if self._kept_only:
            self._kept_only.write_back()

    def read(self) -> None:
        """Take the network's weights, which something else has set, where they are trained outside of it."""
        if self._kept_only:
            self._kept_only.read()

    def held_bytes(self) -> int:
        """What a training holds beside data and activations: weights, gradients, optimizer state, masks, patterns.

        A sparse weight counts twice, dense in its network and by its kept values.
        """
        updated = self.optimizer.parameters
        patterns = self._kept_only.tensors() if self._kept_only else []
        held = [*_tensors_of(self._net), *updated, *self.optimizer.tensors(), *self._factors, *patterns]
        once = {tensor.data_ptr(): tensor.nbytes for tensor in held if tensor.numel()}
        return sum(once.values()) + sum(tensor.nbytes for tensor in updated)

    @torch.no_grad()
    def check_removed(self) -> None:
        """ValueError, naming the parameter, if a removed weight is no longer 0 (NaN is a training that diverged)."""
        if not self._held:
            return
        # One answer for all tensors, so the host waits for the device once.
        counts = torch.stack([((p.abs() > 0) & ~kept).sum() for _, p, kept in self._held]).tolist()
        for (name, _, kept), count in zip(self._held, counts, strict=True):
            if count:
                raise ValueError(
                    f"{name} of {type(self._model).__name__}: {count:,} of {int((~kept).sum()):,} removed weights are not 0 "
                    "after training, so this is no pruned network. Only the mask's own updates were done to it; expected "
                    "that nothing else writes into a weight. Does it share memory with another tensor (.data), or does the "
                    "network write into it in its forward pass or a hook (clamp_, copy_, lerp_ of a running mean)? Compute "
                    f"a new tensor there instead, or leave the parameter out with exclude={name!r}."
                )

    def _update(self, rows: Tensor, draws: Tensor | None, lr: float | Tensor) -> Tensor:
        """The update itself: rows of the training split [n] or [R, n], draws [3, n] or [3, R n] -> loss [] or [R]."""
        data, flat = self.data, rows.flatten()
        if draws is None:
            inputs = data.inputs(data.train, flat)
        else:
            inputs = data.normalise(crop_and_flip(data.train.images.index_select(0, flat), draws))
        targets = data.train.targets.index_select(0, flat)
        if self.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        if self.stacked:
            inputs, targets = inputs.unflatten(0, rows.shape), targets.unflatten(0, rows.shape)
        loss, gradients = self.gradients(inputs, targets)
        if self.recorded and any(g is None for g in gradients):
            raise RuntimeError(
                "the loss does not depend on some parameter, and a replay cannot count its updates"
            )
        # Fused operators want a gradient to lie in memory as its parameter does; a convolution's may lie otherwise.
        gradients = [
            None if g is None else _laid_out_as(p, g)
            for p, g in zip(self.optimizer.parameters, gradients, strict=True)
        ]
        masked = [
            (g, f)
            for i, f in zip(self._masked, self._factors, strict=True)
            if (g := gradients[i]) is not None
        ]
        if masked:
            torch._foreach_mul_([g for g, _ in masked], [f for _, f in masked])
        self.optimizer.step(gradients, lr)
        return loss

    def _mask(self, net: nn.Module | Stack, masks: Sequence[Mask | None]) -> None:
        """Removed weights and their optimizer state become 0; remember which gradients to multiply by what."""
        self._masked: list[int] = []
        self._factors: list[Tensor] = []
        self._held: list[tuple[str, Tensor, Tensor]] = []  # all that has removed weights, frozen ones too
        given = [mask for mask in masks if mask is not None]
        if len(given) < len(masks):
            return
        for model, mask in zip(_models_of(net), given, strict=True):
            mask.apply_(model)
        if isinstance(net, Stack):
            net.read()
        # A tensor that keeps everything needs no multiplication, so a dense training costs what it always did.
        names = [name for name in given[0] if not all(bool(mask[name].all()) for mask in given)]
        tensors = {}
        for name in names:
            each = [mask[name].to(self.data.device) for mask in given]
            tensors[name] = torch.stack(each) if isinstance(net, Stack) else each[0]
        self.optimizer.mask_(tensors)
        own = net.parameters | net.buffers if isinstance(net, Stack) else dict(net.named_parameters())
        self._held = [(name, own[name], tensors[name]) for name in names]
        at = {name: i for i, name in enumerate(self.optimizer.names)}
        self._masked = [at[name] for name in names if name in at and name not in self.sparse]
        self._factors = [
            _laid_out_as(self.optimizer.parameters[i], tensors[self.optimizer.names[i]]) for i in self._masked
        ]

    def _order_of(self, epoch: int) -> Tensor:
        """Rows of every batch of an epoch: int64 [steps, n], or [steps, R, n] for a stack; on the CPU."""
        n, size = len(self.data.train), self.recipe.batch_size
        orders = [batches(n, seed=seed, epoch=epoch, batch_size=size) for seed in self.seeds]
        return torch.stack(orders, 1) if self.stacked else orders[0]

    def _draws_of(self, step: int) -> Tensor:
        return torch.cat([augmentation(self.recipe.batch_size, seed=s, step=step) for s in self.seeds], 1)


class RecordedUpdate(Update):
    """The same update, recorded once and replayed: a CUDA graph, so a step costs the host one launch.

    A replay repeats the operators on the same memory. So all that differs from step to step (which batch, which
    crops, which learning rate) lies on the device, an epoch at a time, and is picked by a counter that lies there too.
    The host waits for nothing between two evaluations.
    """

    recorded = True

    def __init__(self, net: nn.Module | Stack, data: Dataset, **arguments: Any) -> None:
        super().__init__(net, data, **arguments)
        device, epoch, augment = data.device, self._order_of(0), self.recipe.augment
        draws = (self.per_epoch, 3, epoch[0].numel()) if augment else (0,)
        self._order = torch.zeros(epoch.shape, dtype=torch.int64, device=device)
        self._draws = torch.zeros(draws, dtype=torch.int64, device=device)
        self._rates = torch.zeros(self.per_epoch, device=device)
        self._position = torch.zeros(1, dtype=torch.int64, device=device)
        self._loss = torch.zeros(len(self.seeds), device=device)
        self._count, self._next = 0, -1
        state = [*_tensors_of(net), *self.optimizer.tensors()]
        before, updates = [tensor.detach().clone() for tensor in state], self.optimizer.updates
        try:
            self._refuse_own_code()
            self._refuse_draws()
            self._replay = record(self._one, self._position.zero_)
        finally:  # recording has trained a little
            with torch.no_grad():
                for tensor, old in zip(state, before, strict=True):
                    tensor.copy_(old)
            self.optimizer.updates = updates
            self._loss.zero_()

    def __call__(self, step: int) -> None:
        """Do update number `step`."""
        epoch, position = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._epoch = epoch
            steps = range(epoch * self.per_epoch, (epoch + 1) * self.per_epoch)
            _send(self._order_of(epoch), self._order)
            _send(torch.tensor([self.recipe.lr_at(s) for s in steps], dtype=torch.float32), self._rates)
            if self.recipe.augment:
                _send(torch.stack([self._draws_of(s) for s in steps]), self._draws)
        if position == 0 or step != self._next:
            self._position.fill_(position)
        done = self.optimizer.updates
        self._replay()  # on the device: no Python runs, so no Python counts
        self.optimizer.updates = done + 1
        self._next, self._count = step + 1, self._count + 1

    def mean_loss(self) -> list[float]:
        """As for `Update`."""
        mean = [float(x) / max(1, self._count) for x in self._loss.tolist()]
        self._loss.zero_()
        self._count = 0
        return mean

    def _refuse_own_code(self) -> None:
        """RuntimeError if a function of the user's is part of a step: a replay would not call it."""
        if callable(self.task.loss) or callable(self.recipe.optimizer):
            raise RuntimeError("a loss or an optimizer of your own is called step by step")

    def _refuse_draws(self) -> None:
        """RuntimeError if the network draws random numbers: a replay would not know with which seed."""
        drawing = self.chance.drawing
        if drawing is None:
            with global_generators(self.data.device) as drawn:
                self._one()
                drawing = drawn()
        if drawing:
            raise RuntimeError("the network draws random numbers, which are seeded step by step")

    def _one(self) -> None:
        draws = self._draws.index_select(0, self._position)[0] if self.recipe.augment else None
        rate = self._rates.index_select(0, self._position)[0]
        loss = self._update(self._order.index_select(0, self._position)[0], draws, rate)
        self._loss.add_(loss)
        self._position.add_(1)


def updater(net: nn.Module | Stack, data: Dataset, *, choice: Choice, **arguments: Any) -> Update:
    """The update that `choice` asks for. If recording fails, one line in the log says so and the plain one serves."""
    if choice.capture and data.device.type == "cuda":
        try:
            return RecordedUpdate(net, data, choice=choice, **arguments)
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            log.warning(
                "The update could not be recorded and is launched step by step: %s", first_line(error)
            )
    return Update(net, data, choice=choice, **arguments)


def record(body: Callable[[], None], reset: Callable[[], object]) -> Callable[[], None]:
    """Run `body` three times on the side, as libraries choose their algorithms then, and record the fourth.

    `reset` is called before each run. Returns the function that replays it.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            reset()
            body()
    torch.cuda.current_stream().wait_stream(stream)
    reset()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        body()
    replay: Callable[[], None] = graph.replay
    return replay


def optimizer_for(net: nn.Module | Stack, recipe: Recipe) -> Optimizer:
    """The recipe's optimizer for all parameters that require a gradient, state at 0.

    Raises:
        ValueError: no parameter does; what `TorchOptimizer` refuses; one of one's own for a stack, where it would see the
            networks as one.
    """
    named = net.parameters.items() if isinstance(net, Stack) else net.named_parameters()
    parameters = {name: p for name, p in named if p.requires_grad}
    if not parameters:
        raise ValueError(
            "The network has no parameter that requires a gradient, so there is nothing to train; expected one or more. "
            "Are they frozen? parameter.requires_grad_(True) undoes it."
        )
    if callable(recipe.optimizer):
        if isinstance(net, Stack):
            raise ValueError(
                "An optimizer of your own would see the networks of a stack as one; expected one of the recipe's by name. "
                "Train each network by itself, with lthkit.train."
            )
        return TorchOptimizer(recipe.optimizer, parameters, lr=recipe.lr)
    if recipe.optimizer == "sgd":
        momentum, decay = recipe.momentum, recipe.weight_decay
        return SGD(parameters, momentum=momentum, weight_decay=decay, nesterov=recipe.nesterov)
    kind = AdamW if recipe.optimizer == "adamw" else Adam
    return kind(parameters, weight_decay=recipe.weight_decay)


def _models_of(net: nn.Module | Stack) -> list[nn.Module]:
    return net.models if isinstance(net, Stack) else [net]


def _tensors_of(net: nn.Module | Stack) -> list[Tensor]:
    if isinstance(net, Stack):
        return [*net.parameters.values(), *net.buffers.values()]
    return list(net.state_dict(keep_vars=True).values())


def _laid_out_as(parameter: Tensor, tensor: Tensor) -> Tensor:
    """The tensor itself, or a copy with the type and the memory layout of the parameter; a sparse gradient dense."""
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    if tensor.stride() == parameter.stride() and tensor.dtype == parameter.dtype:
        return tensor
    return torch.empty_like(parameter, requires_grad=False).copy_(tensor)


def _send(host: Tensor, there: Tensor) -> None:
    """Copy to the device behind the work that is queued there, without waiting for it."""
    there.copy_(host.pin_memory() if there.device.type == "cuda" else host, non_blocking=True)
