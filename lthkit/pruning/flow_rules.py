"""How paths run through each operation of torch. One that has no rule here is refused by name.

Adding one is a function here, a line in the table at the end, and a network in the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lthkit.pruning.flows import (
    SEALED,
    Flow,
    Given,
    Rule,
    any_of,
    anyway,
    each_of,
    looked_at,
    plus,
    product,
    sum_of,
)
from lthkit.pruning.traces import Operation, Seen

aten = torch.ops.aten


def rule_of(operation: Operation) -> Rule:
    """How paths run through it. ValueError that names the operation and the module if no rule says so."""
    if (rule := find_rule(operation)) is not None:
        return rule
    raise ValueError(
        f"{operation.where} uses {_called(operation)}, and no rule says how paths run through it; expected linear and "
        "convolutional layers, attention, recurrent layers, pooling, normalisation, activations, and what moves entries. "
        "Write this part with such operations, or count without it."
    )


def find_rule(operation: Operation) -> Rule | None:
    """The rule of an operation, or None."""
    name = operation.name
    if operation.func._overloadname.endswith("out") or any(t.dtype.is_complex for t in operation.out):
        return None
    base = name[:-1] if name.endswith("_") and not name.startswith("__") else name
    if name in _RULES or base in _RULES:
        return _RULES.get(name, _RULES.get(base))
    if torch.Tag.pointwise in operation.func.tags or base in _CURVES:
        return _pointwise
    return None


def _called(operation: Operation) -> str:
    return operation.name if "::" in operation.name else f"aten.{operation.name}"


# Products


def _mm(given: Given) -> Flow:
    names = {
        "mm": ("self", "mat2"),
        "bmm": ("self", "mat2"),
        "mv": ("self", "vec"),
        "dot": ("self", "tensor"),
        "vdot": ("self", "other"),
    }
    one, other = names[given.operation.name]
    return product(torch.matmul, given[one], given[other])


def _added(*names: str) -> Rule:
    """beta * self + alpha * the product of the two named."""

    def rule(given: Given) -> Flow:
        start = given["self"]
        one, other = (given[n] for n in names)
        made = product(torch.matmul, one, other)
        if len(given.size) < made.support.ndim:  # addbmm sums over the batch
            made = each_of(made, lambda t: t.sum(0))
        if given.plain("beta", 1) == 0:
            return made
        return plus(made, _spread(start, given.size))

    return rule


def _addr(given: Given) -> Flow:
    made = product(torch.outer, given["vec1"], given["vec2"])
    return plus(made, _spread(given["self"], given.size))


def _spread(flow: Flow, size: tuple[int, ...]) -> Flow:
    return looked_at(flow, lambda part: part.expand(size))


def _convolution(given: Given) -> Flow:
    settings = [given[n] for n in ("stride", "padding", "dilation", "transposed", "output_padding", "groups")]
    made = product(lambda x, w: aten.convolution(x, w, None, *settings), given["input"], given["weight"])
    if given["bias"] is None:
        return made
    return Flow(made.reach, anyway(made.support))


def _trilinear(given: Given) -> Flow:
    settings = [given[n] for n in ("expand1", "expand2", "expand3", "sumdim")]
    return product(lambda *t: aten._trilinear(*t, *settings), *(given[n] for n in ("i1", "i2", "i3")))


def _embedding(given: Given) -> Flow:
    table, indices = given["weight"], given["indices"]
    if indices.reach is None:
        return _moved(given)
    rows = any_of(table.support.sum(0)).expand(given.size)  # any row may be asked for
    return Flow(rows * indices.reach.unsqueeze(-1), rows)


# Entry by entry

# Activations that torch does not call pointwise (in some versions).
_CURVES = {"hardswish", "softplus", "log_sigmoid_forward", "threshold", "mish", "gelu", "native_dropout"}
_CURVES |= {"leaky_relu", "elu", "silu", "softshrink", "hardshrink", "rrelu_with_noise", "floor_divide"}
# 0 stays 0.
_ZERO_AT_ZERO = {
    "relu",
    "tanh",
    "gelu",
    "silu",
    "abs",
    "neg",
    "sqrt",
    "square",
    "sign",
    "sgn",
    "leaky_relu",
    "elu",
}
_ZERO_AT_ZERO |= {
    "celu",
    "selu",
    "mish",
    "hardswish",
    "sin",
    "tan",
    "asin",
    "atan",
    "sinh",
    "asinh",
    "atanh",
    "erf",
}
_ZERO_AT_ZERO |= {"expm1", "log1p", "floor", "ceil", "round", "trunc", "softshrink", "hardshrink", "positive"}
_ZERO_AT_ZERO |= {"native_dropout", "rrelu_with_noise", "nan_to_num"}


def _pointwise(given: Given) -> Flow:
    """Whatever is done entry by entry: what reaches an argument goes on."""
    flows = given.flows()
    reach = sum_of([None if f.reach is None else f.reach.expand(given.size) for f in flows])
    base = given.operation.name.rstrip("_")
    if len(flows) == 1 and base in _ZERO_AT_ZERO:
        return Flow(reach, flows[0].support)
    ones = torch.ones(given.size, dtype=torch.float64)
    if reach is not None:
        return Flow(reach, ones)
    return Flow(None, any_of(sum((f.support for f in flows), ones)))


def _clamp(given: Given) -> Flow:
    low, high = (given.plain(n, given.plain(f"{n}_val", None)) for n in ("min", "max"))
    one = given["self"]
    if isinstance(low, Seen | Flow) or isinstance(high, Seen | Flow) or "hardsigmoid" in given.operation.name:
        return _pointwise(given)
    if given.operation.name.startswith("hardtanh"):
        low, high = (-1 if low is None else low), (1 if high is None else high)
    keeps_zero = (low is None or low <= 0) and (high is None or high >= 0)
    return Flow(one.reach, one.support if keeps_zero else anyway(one.support))


def _mul(given: Given) -> Flow:
    one, other = given["self"], given["other"]
    if not isinstance(other, Flow):
        return Flow(one.reach, one.support, one.sealed) if other != 0 else product(lambda t: 0 * t, one)
    made = product(torch.mul, one, other)
    sealed = one.sealed if other.reach is None else None
    return Flow(made.reach, made.support, None if sealed is None else sealed.expand(given.size))


def _div(given: Given) -> Flow:
    one, other = given["self"], given["other"]
    if not isinstance(other, Flow):
        return one
    made = product(torch.mul, one, Flow(other.reach, anyway(other.support)))
    sealed = one.sealed if other.reach is None else None
    return Flow(made.reach, made.support, None if sealed is None else sealed.expand(given.size))


def _add(given: Given) -> Flow:
    one, other = given["self"], given["other"]
    if not isinstance(other, Flow):
        return Flow(one.reach, one.support if other == 0 else anyway(one.support), one.sealed)
    return plus(_spread(one, given.size), _spread(other, given.size))


def _pow(given: Given) -> Flow:
    power = given["exponent"]
    if isinstance(power, int | float) and power > 0 and isinstance(given["self"], Flow):
        return Flow(given["self"].reach, given["self"].support)
    return _pointwise(given)


def _addcmul(given: Given) -> Flow:
    one = given["tensor1"]
    other = given["tensor2"]
    if given.operation.name.startswith("addcdiv"):
        other = Flow(other.reach, anyway(other.support))
    return plus(_spread(given["self"], given.size), _spread(product(torch.mul, one, other), given.size))


def _where(given: Given) -> Flow:
    chosen = given["condition"]
    one, other = (_spread(given[n], given.size) for n in ("self", "other"))
    if chosen.reach is not None or given.operation.given["condition"].origin == "weight":
        return Flow(_pointwise(given).reach, any_of(one.support + other.support))
    first = chosen.support.expand(given.size)
    return plus(looked_at(one, lambda t: t * first), looked_at(other, lambda t: t * (1 - first)))


def _masked_fill(given: Given) -> Flow:
    chosen, one, value = given["mask"], _spread(given["self"], given.size), given["value"]
    if chosen.reach is not None:
        return _pointwise(given)
    there = chosen.support.expand(given.size)
    if isinstance(value, Flow):
        far, support = value.sealed is not None, value.support.expand(given.size) * there
    else:
        far, support = value <= SEALED, there * float(value != 0)
    kept = looked_at(one, lambda t: t * (1 - there))
    sealed = there if far else None
    if kept.sealed is not None:
        sealed = kept.sealed if sealed is None else any_of(kept.sealed + sealed)
    return Flow(kept.reach, any_of(kept.support + support), sealed)


def _filled(given: Given) -> Flow:
    value = given["value"]
    if isinstance(value, Flow):
        return _spread(value, given.size)
    zero = torch.zeros(given.size, dtype=torch.float64)
    return Flow(None, zero + float(value is not None and value != 0))


def _copied(given: Given) -> Flow:
    return _spread(given["src"], given.size)


def _glu(given: Given) -> Flow:
    dim = given.plain("dim", -1)
    value = looked_at(given["self"], lambda t: t.chunk(2, dim)[0])
    gate = looked_at(given["self"], lambda t: t.chunk(2, dim)[1])
    return product(torch.mul, value, Flow(gate.reach, anyway(gate.support)))


def _prelu(given: Given) -> Flow:
    return Flow(given["self"].reach, given["self"].support)


# What moves entries, and sums of some

_INDICES = {"index", "indices", "mask"}


def _moved(given: Given) -> Flow:
    """The operation itself, on what is known. It moves entries, or adds some up with no negative factor."""
    operation = given.operation
    for name in _INDICES & set(operation.given):
        if changing := [t for t in _seen(operation.given[name]) if t.origin != "constant" or t.drawn]:
            origin = {"input": "the input", "weight": "a parameter"}.get(changing[0].origin, "chance")
            raise ValueError(
                f"{operation.where} takes entries by numbers that come from {origin} ({_called(operation)}), so which "
                "path there is depends on values; expected places that are the same for every input and every call, and held by a buffer."
            )
    func = operation.func
    if operation.name.endswith("_"):
        func = getattr(getattr(aten, operation.name[:-1]), operation.func._overloadname or "default")
    flows = {id(t): given._flow(t) for t in operation.tensors()}

    def run(part: int) -> Tensor | None:
        def changed(name: str, value: Any) -> Any:
            if isinstance(value, list):
                return [changed(name, v) for v in value]
            if not isinstance(value, Seen):
                return value
            if name in _INDICES:
                assert value.values is not None
                return value.values.as_strided(value.size, value.stride, value.offset)
            known = flows[id(value)][part]
            return torch.zeros(value.size, dtype=torch.float64) if known is None else known

        if all(f[part] is None for f in flows.values()):
            return None
        arguments = {
            n: changed(n, v) for n, v in operation.given.items() if n not in ("dtype", "layout", "device")
        }
        if "value" in arguments and not isinstance(arguments["value"], Tensor):  # of a border
            arguments["value"] = float(part == 1 and arguments["value"] != 0)
        for name in ("pin_memory", "non_blocking", "memory_format"):
            arguments.pop(name, None)
        result = func(**arguments)
        return result[0] if isinstance(result, tuple) else result

    reach, support, sealed = run(0), run(1), run(2)
    assert support is not None
    return Flow(
        None if reach is None else any_of(reach),
        any_of(support),
        None if sealed is None else (sealed > 0).double().detach(),
    )


def _seen(value: Any) -> list[Seen]:
    if isinstance(value, Seen):
        return [value]
    return [t for v in value for t in _seen(v)] if isinstance(value, list) else []


def _same(given: Given) -> Flow:
    return given["self"]  # type: ignore[no-any-return]


def _reduced(given: Given) -> Flow:
    """Anything over some dimensions that looks at all entries there: largest, norm, variance, product."""
    if "other" in given.operation.given:  # the larger of two tensors
        return _pointwise(given)
    one = given["self"]
    dims = given.plain("dim", None)
    dims = list(range(one.support.ndim)) if dims in (None, []) else dims
    keep = bool(given.plain("keepdim", False))
    made = each_of(Flow(one.reach, one.support), lambda t: t.sum(dims, keepdim=keep) if t.ndim else t)
    if given.operation.name == "prod":
        cut = any_of(each_of(Flow(None, 1 - one.support), lambda t: t.sum(dims, keepdim=keep)).support)
        made = Flow(
            made.reach, made.support * (1 - cut).detach()
        )  # 0 where one factor is; each factor matters
    return made


def _along(given: Given) -> Flow:
    """Sorting and the like: an entry may come from any place along the dimension."""
    one, dim = given["self"], given.plain("dim", -1)
    keep = given.operation.name != "kthvalue" or bool(given.plain("keepdim", False))
    if not one.support.ndim:
        return Flow(one.reach, one.support)
    return each_of(Flow(one.reach, one.support), lambda t: t.sum(dim, keepdim=keep).expand(given.size))


def _cumulative(given: Given) -> Flow:
    return each_of(Flow(*given["self"][:2]), lambda t: t.cumsum(given["dim"]))


def _softmax(given: Given) -> Flow:
    """Every open place along the dimension looks at every other one; a single open place has 1, whatever comes in."""
    one, dim = given["self"], given["dim"]
    open_ = torch.ones_like(one.support) if one.sealed is None else 1 - one.sealed
    several = (open_.sum(dim, keepdim=True) > 1).double() * open_
    reach = None if one.reach is None else any_of((one.reach * open_).sum(dim, keepdim=True)) * several
    support = open_ if one.reach is not None else any_of(open_ * (1 + one.support.sum(dim, keepdim=True)))
    return Flow(reach, support)


# Normalisation: all entries that share a mean or a norm are connected; a group of one loses what it had.


def _normed(one: Flow, shared: Callable[[Tensor], Tensor], gain: Flow | None, bias: Flow | None) -> Flow:
    several = (shared(torch.ones_like(one.support)) > 1).double()
    made = each_of(one, lambda t: shared(t) * several)
    if gain is not None:
        made = product(torch.mul, made, gain)
    return made if bias is None else plus(made, bias)


def _on_channels(flow: Flow | None, ndim: int) -> Flow | None:
    if flow is None:
        return None
    return Flow(None, flow.support.view(1, -1, *[1] * (ndim - 2)))


def _layer_norm(given: Given) -> Flow:
    dims = list(range(-len(given["normalized_shape"]), 0))
    return _normed(
        given["input"],
        lambda t: t.sum(dims, keepdim=True).expand(t.shape),
        given["weight"],
        given["bias"],
    )


def _group_norm(given: Given) -> Flow:
    one, groups = given["input"], given["group"]
    ndim = one.support.ndim

    def shared(t: Tensor) -> Tensor:
        parts = t.reshape(t.shape[0], groups, -1)
        return parts.sum(2, keepdim=True).expand(parts.shape).reshape(t.shape)

    return _normed(one, shared, _on_channels(given["weight"], ndim), _on_channels(given["bias"], ndim))


def _batch_norm(given: Given) -> Flow:
    one = given["input"]
    ndim = one.support.ndim
    gain, bias = (_on_channels(given[n], ndim) for n in ("weight", "bias"))
    if given.plain("training", False):
        dims = [0, *range(2, ndim)]
        return _normed(one, lambda t: t.sum(dims, keepdim=True).expand(t.shape), gain, bias)
    made = one if gain is None else product(torch.mul, one, gain)
    return Flow(made.reach, anyway(made.support))  # the stored mean is taken off


# Pooling


def _max_pool(given: Given) -> Flow:
    """A path may run through any place under the pool, not the largest only."""
    size = given["kernel_size"]
    n = len(size)

    def full(name: str, default: int) -> list[int]:
        value = given.plain(name, []) or [default] * n
        return list(value) * n if len(value) == 1 else list(value)

    kernel, padding, dilation = full("kernel_size", 1), full("padding", 0), full("dilation", 1)
    stride = list(given.plain("stride", []) or kernel)
    stride = stride * n if len(stride) == 1 else stride

    def summed(t: Tensor) -> Tensor:
        lead, places = t.shape[:-n], t.shape[-n:]
        flat = t.reshape(-1, 1, *places)
        border = [
            (p, max(p, (o - 1) * s + d * (k - 1) + 1 - length - p))
            for p, o, s, d, k, length in zip(
                padding, given.size[-n:], stride, dilation, kernel, places, strict=True
            )
        ]
        flat = F.pad(flat, [side for pair in reversed(border) for side in pair])
        ones = torch.ones(1, 1, *kernel, dtype=t.dtype)
        pooled = aten.convolution(flat, ones, None, stride, [0] * n, dilation, False, [0] * n, 1)
        for axis, length in enumerate(given.size[-n:], start=2):
            pooled = pooled.narrow(axis, 0, length)
        return pooled.reshape(*lead, *given.size[-n:])

    return each_of(Flow(*given["self"][:2]), summed)


def _adaptive(given: Given) -> Flow:
    size = given["output_size"]
    pool = F.adaptive_avg_pool3d if len(size) == 3 else F.adaptive_avg_pool2d
    return each_of(Flow(*given["self"][:2]), lambda t: pool(t, size))


_RULES: dict[str, Rule] = {
    **dict.fromkeys(("mm", "bmm", "mv", "dot", "vdot"), _mm),
    "addmm": _added("mat1", "mat2"),
    "addmv": _added("mat", "vec"),
    "baddbmm": _added("batch1", "batch2"),
    "addbmm": _added("batch1", "batch2"),
    "addr": _addr,
    "convolution": _convolution,
    "_trilinear": _trilinear,
    "embedding": _embedding,
    **dict.fromkeys(("mul",), _mul),
    **dict.fromkeys(("div", "true_divide"), _div),
    **dict.fromkeys(("add", "sub"), _add),
    **dict.fromkeys(("clamp", "clamp_min", "clamp_max", "hardtanh"), _clamp),
    **dict.fromkeys(("addcmul", "addcdiv"), _addcmul),
    "pow": _pow,
    "where": _where,
    "masked_fill": _masked_fill,
    **dict.fromkeys(("fill", "zero"), _filled),
    **dict.fromkeys(("copy",), _copied),
    "glu": _glu,
    "_prelu_kernel": _prelu,
    **dict.fromkeys(("clone", "_to_copy", "contiguous"), _same),
    **dict.fromkeys(
        ("cat", "stack", "repeat", "flip", "roll", "rot90", "gather", "index", "index_select"), _moved
    ),
    **dict.fromkeys(("sum", "mean", "nansum", "constant_pad_nd", "pixel_shuffle", "pixel_unshuffle"), _moved),
    **dict.fromkeys(("channel_shuffle", "im2col", "col2im", "tril", "triu", "trace", "diag_embed"), _moved),
    **dict.fromkeys(
        ("scatter", "scatter_add", "index_copy", "index_add", "index_put", "slice_scatter"), _moved
    ),
    **dict.fromkeys(
        ("select_scatter", "diagonal_scatter", "as_strided_scatter", "block_diag", "unfold_copy"), _moved
    ),
    **dict.fromkeys([f"{kind}_pad{n}d" for kind in ("reflection", "replication") for n in (1, 2, 3)], _moved),
    **dict.fromkeys([f"{kind}_copy" for kind in ("expand", "permute", "view", "transpose", "slice")], _moved),
    **dict.fromkeys([f"upsample_nearest{n}d" for n in (1, 2, 3)], _moved),
    **dict.fromkeys([f"_upsample_nearest_exact{n}d" for n in (1, 2, 3)], _moved),
    **dict.fromkeys(("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"), _moved),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d", "avg_pool3d"), _moved),
    **dict.fromkeys(("_adaptive_avg_pool2d", "_adaptive_avg_pool3d"), _adaptive),
    **dict.fromkeys(("adaptive_max_pool2d", "adaptive_max_pool3d"), _adaptive),
    **dict.fromkeys(("max_pool2d_with_indices", "max_pool3d_with_indices"), _max_pool),
    **dict.fromkeys(("max", "min", "amax", "amin", "aminmax", "argmax", "argmin", "prod", "norm"), _reduced),
    **dict.fromkeys(("linalg_vector_norm", "logsumexp", "var", "std", "var_mean", "std_mean"), _reduced),
    **dict.fromkeys(("all", "any", "median", "mode", "count_nonzero"), _reduced),
    **dict.fromkeys(("sort", "topk", "kthvalue"), _along),
    **dict.fromkeys(("cumsum", "cumprod", "cummax", "logcumsumexp"), _cumulative),
    **dict.fromkeys(("_softmax", "_log_softmax", "_safe_softmax"), _softmax),
    "native_layer_norm": _layer_norm,
    "native_group_norm": _group_norm,
    **dict.fromkeys(("native_batch_norm", "cudnn_batch_norm", "_native_batch_norm_legit"), _batch_norm),
    **dict.fromkeys(("_native_batch_norm_legit_no_training", "_batch_norm_no_update"), _batch_norm),
}
