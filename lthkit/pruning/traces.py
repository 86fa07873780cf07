"""What a network really does with an input: the operations of one forward pass, functional calls included, in order.

A module's name says what it is for, the operations say what it does: `F.relu` and `torch.bmm` in a forward are seen like
layers, a loop is seen as often as it runs. Counting (`evidence.costs`) and paths (`pruning.paths`) both read such a list.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from lthkit.machine.checks import shape_explained
from lthkit.machine.seeds import global_generators
from lthkit.machine.watching import Watching
from lthkit.pruning.weights import copied

# Same memory, another look at it; nothing is computed. Views are found by their schema.
# These change a tensor's shape in place.
_LOOKS = {"detach_", "t_", "transpose_", "squeeze_", "unsqueeze_", "as_strided_"}
# New tensors that take no more than a shape from their argument.
_SHAPED_LIKE = {
    "zeros_like",
    "ones_like",
    "full_like",
    "empty_like",
    "rand_like",
    "randn_like",
    "randint_like",
}
_SHAPED_LIKE |= {"new_empty", "new_zeros", "new_ones", "new_full", "new_empty_strided"}
# What Python learns of a tensor's values: the next operation may depend on it.
_DECISIONS = {"_local_scalar_dense", "equal", "is_nonzero", "nonzero", "masked_select", "_is_all_true"}
_DECISIONS |= {"_is_any_true", "_unique2", "unique_dim", "unique_consecutive"}


@dataclass(frozen=True)
class Seen:
    """A tensor as an operation met it: where in which memory, and what that depends on.

    Attributes:
        memory: one number for each piece of memory. Tensors with the same one share values.
        extent: numbers in that memory.
        origin: "input", "weight" (parameters, and what is computed of them alone) or "constant".
        values: all of the memory, flat, of a constant; None otherwise.
        nonzero: how many entries are not 0, of a "weight".
        requires_grad: whether a backward pass goes on to it.
        drawn: whether it was drawn at random, or made of what was.
    """

    memory: int
    extent: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    dtype: torch.dtype
    origin: str
    values: Tensor | None
    nonzero: int | None
    requires_grad: bool
    drawn: bool = False

    @property
    def numel(self) -> int:
        """Number of entries."""
        n = 1
        for length in self.size:
            n *= length
        return n


@dataclass(frozen=True)
class Operation:
    """One operation on tensors. `given` has its arguments by their names in torch's schema, tensors as `Seen`.

    Attributes:
        name: torch's, without namespace: "addmm"; in place it ends in "_".
        where: the innermost module that was running, with its class: "encoder.fc1 (Linear)".
        backward: whether a backward pass from the network's outputs comes through here.
    """

    func: Any
    name: str
    given: Mapping[str, Any]
    out: tuple[Seen, ...]
    where: str
    sequence: int
    backward: bool = False

    def tensors(self) -> list[Seen]:
        """The tensors among the arguments."""
        return list(_tensors(self.given))


@dataclass(frozen=True)
class Trace:
    """The operations that have to do with the input or with parameters, and what to know of both ends.

    Attributes:
        parameters: of the traced copy, by name. memory: of each of them, as in `Seen`.
        custom: classes of torch.autograd.Function that a backward pass meets; what they compute is not seen.
    """

    operations: tuple[Operation, ...]
    source: Seen
    outputs: tuple[Seen, ...]
    parameters: Mapping[str, Tensor]
    memory: Mapping[str, int]
    custom: tuple[str, ...]


@torch.inference_mode(False)  # there composed operations would not be taken apart
@global_generators("cpu", seed=0)  # what is drawn is the same at each call, and nobody else's
def trace(
    model: nn.Module,
    shape: Sequence[int],
    *,
    examples: int = 1,
    training: bool = False,
    prepare: Callable[[nn.Module], object] | None = None,
) -> Trace:
    """Run a copy of `model` on the CPU and write down what it does.

    Fused attention and recurrent layers are taken apart, so that their products are seen. An input is zeros; a network
    that begins with an embedding gets whole numbers.

    Args:
        shape: of one input, without the batch. examples: how many inputs go in together.
        training: in training mode, not in evaluation mode.
        prepare: called with the copy before it runs, to give its weights other values.

    Raises:
        ValueError: another shape; a forward that takes a decision by the values, or by what is not torch's.
    """
    network = copied(model).cpu().train(training)
    if prepare is not None:
        prepare(network)
    parameters = dict(network.named_parameters())
    network = _uncompiled(network)
    _not_scripted(network)
    held = {name: p.untyped_storage() for name, p in parameters.items()}  # kept alive: its number is its name
    elsewhere = _other_generators()
    dtype = next((p.dtype for p in parameters.values() if p.is_floating_point()), torch.float32)
    with shape_explained(model, shape):
        x = torch.zeros(examples, *shape, dtype=dtype)
        try:
            recorder, outputs = _run(network, x)
        except RuntimeError as error:
            if "ndices" not in str(error) or "Long" not in str(error):
                raise
            x = x.long()  # token numbers
            recorder, outputs = _run(network, x)
    _unchanged(network, held)
    if _other_generators() != elsewhere:
        raise ValueError(
            f"{type(model).__name__} draws numbers from Python's random or from NumPy in its forward, so what it does may "
            "differ from call to call; expected torch's random numbers, and no decision by them."
        )
    ends = list(_tensors(outputs, Tensor))
    if not any(recorder.origin(t) == "input" for t in ends):
        raise ValueError(
            f"No output of {type(model).__name__} depends on its input by operations that torch sees; expected a "
            "network whose forward stays with tensors (no numpy, no .data, no saved results)."
        )
    reached, custom = _backward_nodes(ends)
    done = tuple(
        Operation(o.func, o.name, o.given, o.out, o.where, o.sequence, o.sequence in reached)
        for o in recorder.operations
    )
    seen = tuple(recorder.seen(t) for t in ends if recorder.origin(t) != "constant")
    memory = {name: recorder.key(p) for name, p in parameters.items()}
    return Trace(done, recorder.seen(x), seen, parameters, memory, custom)


def _not_scripted(network: nn.Module) -> None:
    for name, module in network.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise ValueError(
                f"{name or 'the network'} ({type(module).__name__}) was scripted or traced by torch.jit, which shows no "
                "operations; expected a network in Python. Give it as it was before torch.jit."
            )


def _other_generators() -> tuple[object, ...]:
    """Where Python's and NumPy's global generators stand."""
    return random.getstate(), str(np.random.get_state(legacy=False))


def _unchanged(network: nn.Module, held: Mapping[str, Any]) -> None:
    """ValueError if a forward has put other parameters or other memory in the place of those it began with."""
    after = {p.untyped_storage()._cdata for p in network.parameters()}
    for name, storage in held.items():
        if storage._cdata not in after:
            raise ValueError(
                f"{name} is replaced in the forward of {type(network).__name__} (weight.data = ..., or a new Parameter), "
                "so what comes of the weight cannot be followed; expected a forward that leaves its parameters where they "
                "are. Compute with a tensor of another name, or write into it by copy_."
            )
    if len(after) > len({storage._cdata for storage in held.values()}):
        raise ValueError(
            f"{type(network).__name__} makes new parameters in its forward; expected all of them from the beginning. "
            "Make them in __init__, or run the network once and give it again."
        )


def _run(network: nn.Module, x: Tensor) -> tuple[_Recorder, object]:
    recorder = _Recorder(network, x)
    readings = _Readings(recorder)
    with _taken_apart(network), recorder.watching(network), torch.enable_grad(), recorder, readings:
        outputs = network(x)
    if any(recorder.origin(t) == "input" for t in _tensors(outputs, Tensor)):
        for name, tensor in readings.numpy.items():
            recorder.decides(f"Tensor.{name}", [tensor])
    return recorder, outputs


@contextmanager
def _taken_apart(network: nn.Module) -> Iterator[None]:
    """Products of attention and recurrent layers run one by one, not in one fused operation."""
    with ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        if any(isinstance(m, nn.RNNBase) for m in network.modules()):
            stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
        fast = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        stack.callback(torch.backends.mha.set_fastpath_enabled, fast)
        yield


def _uncompiled(network: nn.Module) -> nn.Module:
    """The network as it was before torch.compile: compiled code shows no operations."""

    def plain(module: nn.Module) -> nn.Module:
        while isinstance(inner := getattr(module, "_orig_mod", None), nn.Module):
            module = inner
        return module

    network = plain(network)
    for module in list(network.modules()):
        module._compiled_call_impl = None
        for name, child in list(module.named_children()):
            if plain(child) is not child:
                setattr(module, name, plain(child))
    return network


class _Recorder(Watching):
    """Sees each operation below autograd, where composed ones are taken apart and functional calls look like layers."""

    def __init__(self, network: nn.Module, x: Tensor) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self._alive: list[Any] = []  # memory must not be given away again: its number is its name
        self._origin: dict[int, str] = {}
        self._random: set[int] = set()
        self._path = [f"the network ({type(network).__name__})"]
        for parameter in network.parameters():
            self._origin[self.key(parameter)] = "weight"
        self._origin[self.key(x)] = "input"

    @contextmanager
    def watching(self, network: nn.Module) -> Iterator[None]:
        """Know which module is running, by hooks that stay on no module."""
        path, handles = self._path, []

        def enter(name: str) -> Callable[..., None]:
            return lambda module, *_: path.append(f"{name} ({type(module).__name__})")

        def leave(*_: object) -> None:
            path.pop()

        for name, module in network.named_modules():
            if name:
                handles.append(module.register_forward_pre_hook(enter(name)))
                handles.append(module.register_forward_hook(leave))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def key(self, tensor: Tensor) -> int:
        storage = tensor.untyped_storage()
        self._alive.append(storage)
        return int(storage._cdata)

    def origin(self, tensor: Tensor) -> str:
        return self._origin.get(self.key(tensor), "constant")

    def seen(self, tensor: Tensor) -> Seen:
        key = self.key(tensor)
        origin = self._origin.get(key, "constant")
        extent = tensor.untyped_storage().nbytes() // tensor.element_size()
        flat = None
        if origin == "constant":
            flat = tensor.detach().as_strided((extent,), (1,), 0).clone()
            if key in self._random:  # a number that is drawn may be any
                flat = torch.ones_like(flat)
        return Seen(
            memory=key,
            extent=extent,
            size=tuple(tensor.shape),
            stride=tuple(tensor.stride()),
            offset=int(tensor.storage_offset()),
            dtype=tensor.dtype,
            origin=origin,
            values=flat,
            nonzero=int(torch.count_nonzero(tensor)) if origin == "weight" else None,
            requires_grad=tensor.requires_grad,
            drawn=key in self._random,
        )

    def decides(self, called: str, tensors: Sequence[Tensor]) -> None:
        """ValueError unless these values, which Python now learns, are the same for every input and every call."""
        origins = {self.origin(t) for t in tensors}
        if origins <= {"constant"} and not any(self.key(t) in self._random for t in tensors):
            return
        origin = "the input" if "input" in origins else "the weight" if "weight" in origins else "chance"
        raise ValueError(
            f"{self._path[-1]} takes a decision by values that come from {origin} ({called}), so what it does is not "
            "the same for every input or every call; expected a forward that does the same for all. Give the network "
            "without this branch."
        )

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        schema, name = func._schema, func._schema.name.partition("::")[2]
        sequence = -1  # of the node that autograd has just made for it; none under no_grad
        if torch.is_grad_enabled():
            sequence = torch.autograd._get_sequence_nr() - 1  # type: ignore[attr-defined]
        if not func._schema.name.startswith("aten::"):
            name = func._schema.name  # an operation of somebody's own: no rule has its name
        bound = {a.name: v for a, v in zip(schema.arguments, args, strict=False)} | dict(kwargs)
        tensors = list(_tensors(bound, Tensor))
        origins = {self.origin(t) for t in tensors}
        touched = "input" if "input" in origins else "weight" if "weight" in origins else ""
        view = any(a.alias_info is not None and not a.alias_info.is_write for a in schema.arguments)
        drawn = torch.Tag.nondeterministic_seeded in func.tags or any(
            self.key(t) in self._random for t in tensors
        )
        if name in _DECISIONS or (name == "index" and any(map(_selects, _tensors(bound["indices"], Tensor)))):
            self.decides(f"aten.{name}", tensors)
        if not touched or name in _SHAPED_LIKE or view or name in _LOOKS:
            out = func(*args, **kwargs)
            if drawn and not touched and (name not in _SHAPED_LIKE or "rand" in name):
                self._random |= {self.key(t) for t in _tensors(out, Tensor)}
            return out
        written = [a.name for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write]
        given = _mapped(bound, self.seen)
        out = func(*args, **kwargs)
        memory = {self.key(t) for t in tensors}
        if not written and all(self.key(t) in memory for t in _tensors(out, Tensor)):
            return out  # a view that does not say so, such as unsafe_split
        for tensor in [*_tensors(out, Tensor), *_tensors([bound.get(n) for n in written], Tensor)]:
            before = self._origin.get(self.key(tensor))
            self._origin[self.key(tensor)] = "input" if before == "input" else touched
        if (
            name == "_pack_padded_sequence"
        ):  # how many sequences there are at each step comes of the lengths alone
            self._origin[self.key(out[1])] = self.origin(bound["lengths"])
        outs = tuple(self.seen(t) for t in _tensors(out, Tensor))
        self.operations.append(Operation(func, name, given, outs, self._path[-1], sequence))
        return out


def _selects(index: Tensor) -> bool:
    return index.dtype in (torch.bool, torch.uint8)  # how many entries there are depends on the values


class _Readings(TorchFunctionMode):
    """Sees the calls that hand values to Python without an operation."""

    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()
        self.recorder = recorder
        self.numpy: dict[str, Tensor] = {}  # refused after the rest, where "no output depends" says more

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name in ("numpy", "__array__"):
            self.numpy.setdefault(name, args[0])
        elif name in ("tolist", "tensor_split"):
            self.recorder.decides(
                f"Tensor.{name}", list(_tensors(args if name == "tolist" else [*args[1:], kwargs], Tensor))
            )
        return func(*args, **(kwargs or {}))


def _backward_nodes(outputs: Sequence[Tensor]) -> tuple[set[int], tuple[str, ...]]:
    """The numbers of the operations that a backward pass from `outputs` goes through, and classes that are not torch's."""
    custom: dict[str, None] = {}
    todo, reached, known = [t.grad_fn for t in outputs], set[int](), set[Any]()
    while todo:
        node = todo.pop()
        if node is None or node in known:
            continue
        known.add(node)
        reached.add(node._sequence_nr())
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            custom[node.name()] = None
        todo += [following for following, _ in node.next_functions]
    return reached, tuple(custom)


def _tensors(value: Any, kind: type = Seen) -> Iterator[Any]:
    """All tensors in lists, tuples and dicts."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item, kind)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item, kind)


def _mapped(value: Any, change: Callable[[Any], Any], kind: type = Tensor) -> Any:
    """The same lists, tuples and dicts with every tensor changed."""
    if isinstance(value, kind):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _mapped(item, change, kind) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(item, change, kind) for item in value]
    return value
