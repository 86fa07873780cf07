"""Removed weights are held at 0 in a training loop that is not ours, whatever torch optimizer moves the rest."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from functools import partial
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

log = logging.getLogger("lthkit")

# State that belongs to one weight each, by the names that torch's optimizers and the usual others give it. Not
# `step_size`, of Rprop: a weight that is grown later would begin with none.
_OF_EACH_WEIGHT = frozenset(
    "momentum_buffer exp_avg exp_avg_sq max_exp_avg_sq exp_inf square_avg grad_avg acc_delta sum prev ax "
    "exp_avg_diff neg_pre_grad previous_grad hessian momentum velocity z slow_buffer lookahead_slow_buff".split()
)


class Held:
    """What `Mask.held` gives: within `with`, removed weights are 0. What it does is said there.

    weights: those that the mask speaks about, by name. kept: True where a weight stays.
    """

    def __init__(
        self,
        model: nn.Module,
        weights: Mapping[str, nn.Parameter],
        kept: Mapping[str, Tensor],
        optimizers: tuple[torch.optim.Optimizer, ...],
    ) -> None:
        _check_optimizers(model, optimizers)
        self._model, self._optimizers = model, optimizers
        self._weights = {name: p for name, p in weights.items() if not bool(kept[name].all())}
        self._removed = {name: ~kept[name] for name in self._weights}
        self._names = {id(p): name for name, p in self._weights.items()}
        self._handles: list[Any] = []
        self._versions: dict[str, int] = {}
        self._begun = False

    def __enter__(self) -> None:
        if self._handles:
            raise RuntimeError(
                "This mask.held(...) is entered already; expected one `with` for each. To hold twice, call held twice."
            )
        self._begun = True
        self._aliases = [
            (name, self._names[id(p)])
            for name, p in self._model.named_parameters(remove_duplicate=False)
            if id(p) in self._names
        ]
        self._check_places()
        for optimizer in self._optimizers:
            self._clear_state(optimizer)
        try:
            for name, p in self._weights.items():
                self._handles.append(_after_gradient(p, partial(self._clear_gradient, name)))
            for optimizer in self._optimizers:
                self._handles.append(optimizer.register_step_pre_hook(self._before_step))
                self._handles.append(optimizer.register_step_post_hook(self._after_step))
                self._handles.append(optimizer.register_load_state_dict_post_hook(self._clear_state))
        except BaseException:
            self._let_go()
            raise
        for name, p in self._weights.items():
            self._clear_gradient(name, p)
        self._clear_weights(self._weights)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go()
        written = self._weights
        try:
            if kind is None:
                self._check_places()
                self._check_zeros("at the end of the block")
                for optimizer in self._optimizers:
                    self._clear_state(optimizer)
                written = (
                    self._written()
                )  # no others: a loss of this block may still have its backward pass before it
        finally:
            self._clear_weights(written)

    def __del__(self) -> None:
        if not getattr(self, "_begun", True):
            log.warning(
                "mask.held(...) was called and nothing is held: write `with mask.held(model, optimizer):`."
            )

    def _let_go(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    # Around a step

    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self._check_places()
        if self._written():
            self._check_zeros("before a step")
        for name, p in self._moved_by(optimizer).items():
            self._clear_gradient(name, p)

    def _after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self._clear_weights(self._moved_by(optimizer))

    def _written(self) -> dict[str, nn.Parameter]:
        """The weights that something has written into since they were set to 0, as far as torch counts that."""
        return {name: p for name, p in self._weights.items() if p._version != self._versions[name]}

    def _moved_by(self, optimizer: torch.optim.Optimizer) -> dict[str, nn.Parameter]:
        """The weights of this optimizer, and no others: a backward pass that steps on its way still needs those."""
        own = {id(p) for group in optimizer.param_groups for p in group["params"]}
        return {name: p for name, p in self._weights.items() if id(p) in own}

    @torch.no_grad()
    def _clear_weights(self, weights: Mapping[str, nn.Parameter]) -> None:
        """Exactly 0, and no -0; NaN too, which 0 / 0 in an optimizer with eps=0 makes."""
        for name, p in weights.items():
            if p.shape == self._removed[name].shape:
                p.masked_fill_(self._removed_on(name, p.device), 0.0)
            self._versions[name] = p._version

    @torch.no_grad()
    def _clear_gradient(self, name: str, p: nn.Parameter) -> None:
        """After a gradient has been added to `p.grad`: no removed weight has one, so a norm over all sees none of them."""
        gradient = p.grad
        if gradient is None:
            return
        removed = self._removed_on(name, gradient.device)
        if gradient.shape != removed.shape:
            self._check_places()
        if gradient.layout == torch.sparse_coo:
            p.grad = _sparse_without(gradient, removed)
        elif gradient.requires_grad or 0 in gradient.stride():
            with torch.set_grad_enabled(
                gradient.requires_grad
            ):  # create_graph: the graph goes through the mask
                p.grad = gradient.masked_fill(removed, 0.0)
        else:
            gradient.masked_fill_(removed, 0.0)

    @torch.no_grad()
    def _clear_state(self, optimizer: torch.optim.Optimizer) -> None:
        """The state of removed weights is 0: a momentum from before would move them."""
        if isinstance(optimizer, torch.optim.LBFGS):
            self._check_history(optimizer)
        for p, state in optimizer.state.items():
            if (name := self._names.get(id(p))) is None:
                continue
            for key, value in state.items():
                if key in _OF_EACH_WEIGHT and isinstance(value, Tensor) and value.shape == p.shape:
                    value.masked_fill_(self._removed_on(name, value.device), 0.0)

    def _removed_on(self, name: str, device: torch.device) -> Tensor:
        if self._removed[name].device != device:  # the network was moved
            self._removed[name] = self._removed[name].to(device)
        return self._removed[name]

    # Refusals

    def _check_places(self) -> None:
        """ValueError if the network no longer has the parameters that are held, or one has another shape."""
        for path, name in self._aliases:
            found = _parameter_at(self._model, path)
            if found is not self._weights[name]:
                what = "no parameter any more" if found is None else "another Parameter"
                raise ValueError(
                    f"{path} of {type(self._model).__name__} is {what} than the one that is held, so nothing holds it; "
                    "expected the network as it was when the block began. Change it before `with mask.held(...)`, make the "
                    "optimizer after that, or copy values into it, weight.data.copy_(values)."
                )
            if found.shape != self._removed[name].shape:
                raise ValueError(
                    f"{path} is {tuple(found.shape)} now, and the mask {tuple(self._removed[name].shape)}; expected the "
                    "shape that it had when the block began."
                )

    @torch.no_grad()
    def _check_zeros(self, when: str) -> None:
        """ValueError, naming the parameter, if a removed weight is not 0. -0 is 0."""
        if not self._weights:
            return
        each = [((p != 0) & self._removed_on(n, p.device)).sum().to("cpu") for n, p in self._weights.items()]
        for name, count in zip(self._weights, torch.stack(each).tolist(), strict=True):
            if count:
                raise ValueError(
                    f"{name} of {type(self._model).__name__}: {count:,} of {int(self._removed[name].sum()):,} removed weights "
                    f"are not 0 {when}, and no step of the given optimizers moved them; expected that nothing else writes into "
                    "a weight. Was it load_state_dict, an average of weights, the network's own forward, or an optimizer that "
                    "was not given? After such a write call mask.apply_(model); give every optimizer, "
                    "mask.held(model, one, other)."
                )

    def _check_history(self, optimizer: torch.optim.LBFGS) -> None:
        """ValueError if the history of L-BFGS would move removed weights: no part of it is of one weight alone."""
        parts = []
        for p in (p for group in optimizer.param_groups for p in group["params"]):
            held = id(p) in self._names
            gone = (
                self._removed_on(self._names[id(p)], p.device)
                if held
                else torch.zeros_like(p, dtype=torch.bool)
            )
            parts.append(gone.flatten())
        removed = torch.cat(parts)
        vectors = _vectors(list(optimizer.state.values()))
        if any(vector.shape != removed.shape or bool((vector[removed] != 0).any()) for vector in vectors):
            raise ValueError(
                "The LBFGS optimizer has a history of steps that moved removed weights; expected one without. Make a new "
                "one: torch.optim.LBFGS(model.parameters())."
            )


def _after_gradient(p: nn.Parameter, hook: Any) -> Any:
    """Register a hook; on a frozen parameter too, which may be thawed later."""
    frozen = not p.requires_grad
    if frozen and not (p.is_floating_point() or p.is_complex()):
        return _Nothing()
    p.requires_grad_(True)
    try:
        return p.register_post_accumulate_grad_hook(hook)
    finally:
        p.requires_grad_(not frozen)


class _Nothing:
    def remove(self) -> None: ...


def _sparse_without(gradient: Tensor, removed: Tensor) -> Tensor:
    """A sparse gradient, of an embedding say, with 0 at removed places."""
    gradient = gradient.coalesce()
    gone = removed[tuple(gradient.indices())]
    values = gradient.values().masked_fill(gone, 0.0)
    return torch.sparse_coo_tensor(
        gradient.indices(), values, gradient.shape, check_invariants=True
    ).coalesce()


def _parameter_at(model: nn.Module, path: str) -> nn.Parameter | None:
    *modules, last = path.split(".")
    module: nn.Module | None = model
    for part in modules:
        module = module._modules.get(part) if module is not None else None
    return None if module is None else module._parameters.get(last)


def _vectors(value: Any) -> Iterator[Tensor]:
    """The tensors of one dimension in an optimizer's state, in lists too."""
    if isinstance(value, Tensor):
        if value.ndim == 1:
            yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _vectors(part)


def _check_optimizers(model: nn.Module, optimizers: tuple[Any, ...]) -> None:
    if not optimizers:
        raise TypeError(
            "held was given no optimizer; expected those that move the weights: mask.held(model, optimizer)."
        )
    own = {id(p) for p in model.parameters()}
    for optimizer in optimizers:
        kind = type(optimizer).__name__
        if isinstance(optimizer, list | tuple):
            raise TypeError(
                f"A {kind} of optimizers was given; expected them one by one: mask.held(model, *optimizers)."
            )
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise TypeError(
                f"The optimizer is a {kind}; expected a torch.optim.Optimizer. If it wraps one, give the one inside. If your "
                "loop moves weights without one, multiply gradients by the mask and call mask.apply_(model) after each step."
            )
        if not hasattr(optimizer, "_optimizer_step_post_hooks"):
            raise TypeError(
                f"The {kind} has no hooks, because it never called Optimizer.__init__; expected a torch.optim.Optimizer whose "
                "step can be watched. If it wraps one, give the one inside."
            )
        if not any(id(p) in own for group in optimizer.param_groups for p in group["params"]):
            raise ValueError(
                f"The {kind} holds no parameter of this {type(model).__name__}; expected one made for it: "
                f"{kind}(model.parameters(), ...). Was it made for another network, or before the network was made anew?"
            )
