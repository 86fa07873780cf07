"""Any optimizer of torch's kind, made by a function of the user's: on the plain path, where it steps as in anybody's loop.

Its state goes into checkpoints and snapshots as tensors by name, like that of `optimizers`, and comes back to the same
bits: the `state_dict`, and what it holds as attributes of its own, tensors, numbers and texts, in dicts, lists and tuples.
What changes and cannot be saved so is refused when it would be saved.
"""

from __future__ import annotations

import inspect
import json
import pickle
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lthkit.machine.checks import first_line
from lthkit.training.optimizers import Optimizer

if TYPE_CHECKING:  # importing it costs about a second, which whoever makes one has paid
    from torch.optim import Optimizer as TorchsOwn

OptimizerFn = Callable[..., "TorchsOwn"]

_LAYOUT = "torch/layout"


class TorchOptimizer(Optimizer):
    """What `make(parameters, lr=lr)` made, with the interface of `Optimizer`.

    A removed weight is set to 0 again after each step: an optimizer may move one whose gradient is 0, by noise or by
    mixing the entries of a matrix. The rate of each group follows the schedule, in the proportion to `lr` that the
    function gave it.

    Args:
        make: the function. parameters: by name, all that are trained. lr: the base of the schedule.

    Raises:
        TypeError: a function that takes no (parameters, lr=...), or makes something else.
        ValueError: an optimizer of some of the parameters only, or of others; one without a learning rate; one whose step
            wants a closure (LBFGS).
    """

    def __init__(self, make: OptimizerFn, parameters: Mapping[str, Tensor], *, lr: float) -> None:
        super().__init__(parameters)
        self.inner = _made(make, self.parameters, lr)
        self.kind = type(self.inner).__qualname__
        self._check(lr)
        self._shares = [float(group["lr"]) / lr for group in self.inner.param_groups]
        self._removed: list[tuple[Tensor, Tensor]] = []
        self._at_first = {name: _digest(value) for name, value in self._of_its_own().items()}

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor | None], lr: float | Tensor) -> None:
        """One update as in a loop: gradients in their places, the rates, `step()`, removed weights 0."""
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        for group, share in zip(self.inner.param_groups, self._shares, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(float(lr) * share)
            else:
                group["lr"] = float(lr) * share
        self.inner.step()
        for parameter in self.parameters:
            parameter.grad = None
        for parameter, removed in self._removed:
            parameter.masked_fill_(removed, 0.0)
        self.updates += 1

    def state(self) -> dict[str, Tensor]:
        """A copy of all of it: `kind/parameter` -> tensor, such as exp_avg/fc1.weight, and the rest as text in bytes.

        Raises:
            ValueError: something in it can be no part of a checkpoint.
        """
        found: dict[str, Tensor] = {}
        of_dict = self._apart(self.inner.state_dict(), found)
        attributes = {"dict": list(self._attributes(found).items())}
        layout = {"kind": self.kind, "names": self.names, "state_dict": of_dict, "attributes": attributes}
        text = json.dumps(layout).encode()
        return {label: tensor.detach().clone() for label, tensor in found.items()} | {
            _LAYOUT: torch.frombuffer(bytearray(text), dtype=torch.uint8),
            "updates": torch.tensor(self.updates),
        }

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take up a copy of a state that `state()` gave.

        Raises:
            ValueError: it belongs to another optimizer or model; or `load_state_dict` does not give back what
                `state_dict` gave, so that a training could not go on with the same bits.
        """
        layout = json.loads(bytes(state[_LAYOUT].cpu().numpy())) if _LAYOUT in state else {}
        if (layout.get("kind"), layout.get("names")) != (self.kind, self.names):
            given = layout.get("kind", f"another optimizer ({', '.join(sorted(state)[:3])} ...)")
            raise ValueError(
                f"The optimizer state is of {given} for {layout.get('names', 'other parameters')}; expected one of {self.kind} "
                f"for {self.names}: it comes from another optimizer or another model. Rewind with momentum='fresh' to "
                "start without it."
            )
        saved, attributes = (self._together(layout[part], state) for part in ("state_dict", "attributes"))
        try:
            self.inner.load_state_dict(self._together(layout["state_dict"], state))
        except (KeyError, ValueError) as error:
            raise ValueError(
                f"The optimizer state does not fit this {self.kind} ({first_line(error)}); expected one with the same groups of "
                "parameters. Rewind with momentum='fresh' to start without it."
            ) from error
        for name, value in attributes.items():
            if isinstance(there := getattr(self.inner, name, None), MutableMapping):
                there.clear()
                there.update(value)
            else:
                setattr(self.inner, name, value)
        if not self._is(saved):
            self._put(self._together(layout["state_dict"], state))
        if not self._is(saved):
            raise ValueError(
                f"{self.kind}.load_state_dict does not give back what its state_dict gave, so a training would not go on with "
                "the same bits. Expected that it does; let state_dict hold all of the state, or work without a folder "
                "(folder=None) and rewind with momentum='fresh'."
            )
        self.updates = int(state["updates"])

    def tensors(self) -> list[Tensor]:
        """All tensors of the state themselves, not copies."""
        found: dict[str, Tensor] = {}
        self._apart(self.inner.state_dict(), found)
        return list(found.values())

    @torch.no_grad()
    def mask_(self, masks: Mapping[str, Tensor]) -> None:
        """Remember which weights are removed, and set their state to 0."""
        own = dict(zip(self.names, self.parameters, strict=True))
        self._removed = [(own[name], ~kept) for name, kept in masks.items() if name in own]
        for parameter, removed in self._removed:
            for value in self.inner.state.get(parameter, {}).values():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    value.masked_fill_(removed, 0)

    def hold_only(self, values: Mapping[str, Tensor], places: Mapping[str, Tensor]) -> None:
        """RuntimeError: such an optimizer has whole parameters; `choices.fitting` sees to it that nobody asks."""
        raise RuntimeError(f"{self.kind} cannot hold the kept weights only.")

    def _check(self, lr: float) -> None:
        names = {id(p): name for name, p in zip(self.names, self.parameters, strict=True)}
        held = [id(p) for group in self.inner.param_groups for p in group["params"]]
        if others := len([one for one in held if one not in names]):
            raise ValueError(
                f"{self.kind} holds {others} parameters that are not the network's, or not trained; expected those that the "
                "function was given, which are all that require a gradient."
            )
        if lacking := [name for one, name in names.items() if one not in held]:
            raise ValueError(
                f"{self.kind} leaves out {', '.join(lacking)}, which would quietly stay as they are; expected all parameters "
                "that the function was given. To freeze one, set requires_grad_(False) where the network is made."
            )
        if any("lr" not in group for group in self.inner.param_groups):
            raise ValueError(
                f"{self.kind} has a group of parameters without 'lr', which the schedule sets; expected one in each group."
            )
        needed = [
            p.name for p in inspect.signature(self.inner.step).parameters.values() if p.default is p.empty
        ]
        if needed and inspect.signature(self.inner.step).parameters[needed[0]].kind.name[:3] != "VAR":
            raise ValueError(
                f"{self.kind}.step() wants {needed[0]!r}: it computes the loss again, several times a step, and here the loss "
                "of a batch is computed once. Expected an optimizer whose step() needs no argument."
            )

    def _of_its_own(self) -> dict[str, Any]:
        """What the object holds itself, but for what every optimizer of torch's has."""
        return {n: value for n, value in vars(self.inner).items() if n not in _of_every_optimizer()}

    def _attributes(self, tensors: dict[str, Tensor]) -> dict[str, Any]:
        """What the object holds itself, `_apart`. What is no such value may stay out if it is as it was at the beginning.

        Raises:
            ValueError: it changes, and `state_dict`, which may be the optimizer's own, does not have it; or it is the same
                thing, or lies in the same memory, as another part of the state, which no copy would.
        """
        found: dict[str, Any] = {}
        taken = {_memory(tensor) for tensor in (*self.parameters, *tensors.values()) if tensor.numel()}
        for name, value in self._of_its_own().items():
            own: dict[str, Tensor] = {}
            try:
                apart = self._apart(value, own, ("own", name))
            except ValueError as error:
                same = name in self._at_first and _digest(value) == self._at_first[name]
                if same or self._has_own_state_dict:
                    continue
                raise ValueError(
                    f"{self.kind}.{name} changes from step to step, and cannot be saved ({first_line(error)}) Let the optimizer "
                    "hold it in self.state[parameter], or in its state_dict."
                ) from None
            memory = [_memory(tensor) for tensor in own.values() if tensor.numel()]
            if len({*memory, *taken}) < len(memory) + len(taken) or self._is_held(value):
                raise ValueError(
                    f"{self.kind}.{name} is a second name for a part of the optimizer's state or of the network's weights, and would "
                    "be a copy when a training goes on. Let the optimizer look it up in self.state and self.param_groups."
                )
            taken.update(memory)
            tensors |= own
            found[name] = apart
        return found

    @property
    def _has_own_state_dict(self) -> bool:
        from torch.optim import Optimizer as TorchsOwn

        return type(self.inner).state_dict is not TorchsOwn.state_dict

    def _is_held(self, value: Any) -> bool:
        """True if it is, or contains, a dict or list that torch's part of the optimizer holds too."""
        groups, state = self.inner.param_groups, self.inner.state
        held = {id(one) for one in (groups, state, *groups, *state.values())}

        def found(one: Any) -> bool:
            if id(one) in held:
                return True
            inner = one.values() if isinstance(one, Mapping) else one if isinstance(one, tuple | list) else ()
            return any(map(found, inner))

        return found(value)

    def _is(self, saved: Any) -> bool:
        """True if the state is this one, bit for bit."""
        now: dict[str, Tensor] = {}
        then: dict[str, Tensor] = {}
        same = self._apart(self.inner.state_dict(), now) == self._apart(saved, then)
        return same and all(
            a.dtype == b.dtype and a.shape == b.shape and _bytes(a) == _bytes(b)
            for a, b in zip(now.values(), then.values(), strict=True)
        )

    def _put(self, saved: Any) -> None:
        """The tensors as they were saved: `load_state_dict` casts them to the type of their parameter."""
        places = [p for group in self.inner.param_groups for p in group["params"]]
        for i, own in saved.get("state", {}).items():
            if isinstance(i, int) and i < len(places):
                self.inner.state[places[i]] = own

    def _apart(self, value: Any, tensors: dict[str, Tensor], path: tuple[Any, ...] = ()) -> Any:
        """A state as JSON has words for it; its tensors go into `tensors`, by name. ValueError for anything else in it."""
        if (name := self._parameter(value)) is not None:
            return {"parameter": name}
        if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
            label = self._label(path)
            tensors[label] = value
            return {"tensor": label, "host": value.device.type == "cpu"}
        if isinstance(value, Mapping):
            self._check_plain(value, path)
            keys = map(self._key, value)
            return {
                "dict": [
                    [k, self._apart(v, tensors, (*path, _way(k)))]
                    for k, v in zip(keys, value.values(), strict=True)
                ]
            }
        if isinstance(value, tuple | list):
            self._check_plain(value, path)
            kind = "tuple" if isinstance(value, tuple) else "list"
            return {kind: [self._apart(v, tensors, (*path, i)) for i, v in enumerate(value)]}
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise ValueError(
            f"The state of {self.kind} holds a {type(value).__name__}; expected tensors, numbers and texts, in dicts, lists and "
            "tuples: only these can be saved and restored."
        )

    def _check_plain(self, value: Any, path: tuple[Any, ...]) -> None:
        """ValueError for a container among the attributes that would come back as another: a dict of one's own kind is filled
        again, what lies in it is made anew."""
        filled = len(path) == 2 and isinstance(value, MutableMapping)
        if path[:1] == ("own",) and type(value) not in (dict, list, tuple) and not filled:
            raise ValueError(f"It holds a {type(value).__name__}; expected dicts, lists and tuples.")

    def _parameter(self, value: Any) -> str | None:
        """The name of a parameter that is trained."""
        if not isinstance(value, Tensor):
            return None
        return next((name for name, p in zip(self.names, self.parameters, strict=True) if p is value), None)

    def _key(self, key: Any) -> Any:
        if (name := self._parameter(key)) is not None:
            return {"parameter": name}
        if not isinstance(key, str | int) or any(key == id(p) for p in self.parameters):
            given = repr(key) if isinstance(key, str | int) else f"a {type(key).__name__}"
            raise ValueError(
                f"The state of the optimizer has the key {given}; expected texts, whole numbers and parameters themselves: an id() is "
                "another one when a training goes on."
            )
        return key

    def _label(self, path: tuple[Any, ...]) -> str:
        """The name of a tensor: by its parameter where it belongs to one, else by the way to it."""
        held = [id(p) for group in self.inner.param_groups for p in group["params"]]
        if len(path) == 3 and path[0] == "state" and isinstance(path[1], int) and path[1] < len(held):
            own = {id(p): name for name, p in zip(self.names, self.parameters, strict=True)}
            return f"{path[2]}/{own[held[path[1]]]}"
        return "torch/" + "/".join(map(str, path))

    def _together(self, value: Any, tensors: Mapping[str, Tensor]) -> Any:
        """Undo `_apart`, with copies; what lay on the CPU lies there again."""
        if not isinstance(value, dict):
            return value
        if "parameter" in value:
            return self.parameters[self.names.index(value["parameter"])]
        if "tensor" in value:
            tensor = tensors[value["tensor"]].detach().clone()
            return tensor.to("cpu" if value["host"] else self.parameters[0].device)
        if "dict" in value:
            return {self._together(k, tensors): self._together(v, tensors) for k, v in value["dict"]}
        if "tuple" in value:
            return tuple(self._together(v, tensors) for v in value["tuple"])
        return [self._together(v, tensors) for v in value["list"]]


def _made(make: OptimizerFn, parameters: list[Tensor], lr: float) -> TorchsOwn:
    from torch.optim import Optimizer as TorchsOwn

    try:
        inspect.signature(make).bind(list(parameters), lr=lr)
    except TypeError as error:
        name = getattr(make, "__qualname__", type(make).__qualname__)
        raise TypeError(
            f"The optimizer {name} cannot be called as (parameters, lr=...) ({first_line(error)}); expected torch.optim.RMSprop, "
            "say, functools.partial(torch.optim.RMSprop, alpha=0.9), or a function def make(parameters, lr): that returns "
            "an optimizer of these parameters."
        ) from None
    except ValueError:  # a function in C, which does not say what it takes
        pass
    made: Any = make(list(parameters), lr=lr)
    if not isinstance(made, TorchsOwn):
        raise TypeError(
            f"The function for the optimizer made a {type(made).__name__}; expected a torch.optim.Optimizer."
        )
    return made


@cache
def _of_every_optimizer() -> frozenset[str]:
    """Names of the attributes that torch gives every optimizer."""
    from torch.optim import SGD

    return frozenset(vars(SGD([torch.zeros(1)], lr=1.0)))


def _way(key: Any) -> Any:
    return key["parameter"] if isinstance(key, dict) else key


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr() if tensor.layout is torch.strided else id(tensor)


def _digest(value: Any) -> bytes | None:
    """What changes if the value does, as far as it can be seen; None for a function and for what cannot be looked into."""
    try:
        return None if callable(value) else pickle.dumps(value)
    except Exception:  # any object of the user's
        return None


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
