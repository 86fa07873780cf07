"""A network without its curves: inside `linearised`, an activation gives back what comes in, a norm only scales.

SynFlow counts paths by a derivative. It may do so with ReLU, which passes a positive number on as it is; a tanh or a
sigmoid that is saturated, a ReLU6 above 6, or a norm that takes the mean off would end paths that are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

# Curves, by the name of the function or method; in place with "_" behind.
_CURVES = {
    "tanh",
    "sigmoid",
    "hardtanh",
    "relu6",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "hardswish",
    "hardsigmoid",
}
_CURVES |= {"logsigmoid", "log_sigmoid", "softsign", "tanhshrink", "softshrink", "hardshrink", "erf", "atan"}
_CURVES |= {
    "clamp",
    "clip",
    "clamp_max",
    "_threshold",
    "threshold",
    "sigmoid_",
    "tanh_",
    "hardtanh_",
    "clamp_",
}
# Sines and such are like the identity near 0. Of numbers that no weight made, as in a code of positions, they stay.
_LIKE_IDENTITY = {"sin", "sinh", "asinh", "arcsinh", "tan", "arctan", "atanh", "arctanh", "expm1", "log1p"}
_LIKE_IDENTITY |= {f"{name}_" for name in _LIKE_IDENTITY}
_DROPOUTS = {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout"}
_DROPOUTS |= {"feature_alpha_dropout"}
_DROPOUTS |= {f"{name}_" for name in _DROPOUTS}
_INSIDE = {
    "scaled_dot_product_attention": 4,
    "multi_head_attention_forward": 10,
}  # where the place of dropout_p is
_NORMS = {"layer_norm", "group_norm", "rms_norm"}
# Products of activations under curves: no sum of products of weights along paths.
_REFUSED = {
    "softmax": "attention or softmax",
    "log_softmax": "attention or softmax",
    "_safe_softmax": "attention or softmax",
    "scaled_dot_product_attention": "attention",
    "multi_head_attention_forward": "attention",
    "_native_multi_head_attention": "attention",
    "_transformer_encoder_layer_fwd": "attention",
    "lstm": "a recurrent layer",
    "gru": "a recurrent layer",
    "rnn_tanh": "a recurrent layer",
    "rnn_relu": "a recurrent layer",
    "lstm_cell": "a recurrent layer",
    "gru_cell": "a recurrent layer",
    "rnn_tanh_cell": "a recurrent layer",
    "rnn_relu_cell": "a recurrent layer",
    "instance_norm": "normalisation by the input's own statistics",
    "local_response_norm": "normalisation by the input's own statistics",
    "normalize": "normalisation by the input's own statistics",
}


class WithoutDropout(TorchFunctionMode):
    """Inside, dropout gives back what comes in, also `F.dropout(x, 0.5)`, which does not ask for the mode of a network."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in _DROPOUTS:
            return args[0] if args else kwargs["input"]
        if (place := _INSIDE.get(name)) is not None:
            if len(args) > place:
                args = (*args[:place], 0.0, *args[place + 1 :])
            else:
                kwargs = {**kwargs, "dropout_p": 0.0}
        if name in ("rrelu", "rrelu_"):
            args, kwargs = args[:3], {**kwargs, "training": False}
        return func(*args, **kwargs)


@contextmanager
def linearised(model: nn.Module) -> Iterator[None]:
    """Inside, `model` runs without curves. Its weights should be positive, its hooks none.

    Raises:
        ValueError: attention, softmax or a recurrent layer, with its name: there the output is no sum over paths.
    """
    path = [f"the network ({type(model).__name__})"]
    handles = []

    def enter(name: str) -> Callable[..., None]:
        return lambda module, *_: path.append(f"{name} ({type(module).__name__})")

    for name, module in model.named_modules():
        if name:
            handles.append(module.register_forward_pre_hook(enter(name)))
            handles.append(module.register_forward_hook(lambda *_: path.pop() and None))
    try:
        with _WithoutCurves(path):
            yield
    finally:
        for handle in handles:
            handle.remove()


class _WithoutCurves(TorchFunctionMode):
    def __init__(self, path: list[str]) -> None:
        super().__init__()
        self._path = path

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if what := _REFUSED.get(name):
            raise ValueError(
                f"{self._path[-1]} is {what}, where the output is no sum over paths of products of weights, and SynFlow "
                "has no score; expected linear and convolutional layers with activations and norms between them. Take "
                "another criterion, such as magnitude or snip."
            )
        given = args[0] if args else kwargs.get("input")
        if (name in _CURVES or name in _DROPOUTS) and isinstance(given, Tensor):
            return given
        if name in _LIKE_IDENTITY and isinstance(given, Tensor) and given.requires_grad:
            return given
        if name in ("cos", "cos_") and isinstance(given, Tensor) and given.requires_grad:
            raise ValueError(
                f"{self._path[-1]} takes a cosine, whose slope at 0 is 0, so no flow of SynFlow goes through it; expected "
                "activations that are like the identity. Take another criterion, such as magnitude or snip."
            )
        if name in _NORMS:
            return _scaled(name, *args, **kwargs)
        return func(*args, **kwargs)


def _scaled(
    name: str,
    input: Tensor,
    _shape_or_groups: Any = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    *_: Any,
    **__: Any,
) -> Tensor:
    """What a norm does beside normalising: its gain, and its shift."""
    if name == "group_norm":
        places = (1, -1, *[1] * (input.ndim - 2))
        weight, bias = (None if t is None else t.view(places) for t in (weight, bias))
    if name == "rms_norm":
        bias = None  # there is none; its place is that of eps
    input = input if weight is None else input * weight
    return input if bias is None else input + bias
