"""What this machine can do at most, measured here and now: the floor under every time, and what memory was used."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lthkit.machine.devices import operator_threads

_SIZES = {"cpu": (768, 1536, 2048), "cuda": (4096, 8192)}
_SECONDS = 0.25  # for each size
# A float32 product of 512 x 512 that is this much less exact than usual was not done in float32.
_INEXACT = 8.0


def synchroniser(device: torch.device | str) -> Callable[[], None]:
    """The function that waits until a device has done all its work; on a CPU there is nothing to wait for."""
    device = torch.device(device)
    if device.type == "cuda":
        return partial(torch.cuda.synchronize, device)
    if device.type == "mps":
        return torch.mps.synchronize
    return lambda: None


@cache
def matrix_peak(device: str, *, threads: int, precision: str) -> float:
    """Floating-point operations a second of the fastest square matrix product; 2 n^3 operations each.

    precision: "float32", "medium" (`torch.set_float32_matmul_precision`) or "bfloat16". On a CPU another library
    serves "medium"; where its products are as exact as float32's they count as float32, whichever is faster.
    The best of many products counts, not their median: this is a limit. It is measured once a process.
    """
    settings = {"float32": ["highest"], "medium": ["highest", "medium"], "bfloat16": ["highest"]}[precision]
    if precision == "float32" and device == "cpu" and medium_is_exact():
        settings.append("medium")
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    best, wait = 0.0, synchroniser(device)
    with operator_threads(threads):
        for n in _SIZES.get(device.partition(":")[0], _SIZES["cpu"]):
            a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
            out = torch.empty_like(a)
            for setting in settings:
                with _matmul_setting(setting):
                    best = max(best, 2 * n**3 / _fastest(partial(torch.mm, a, b, out=out), wait))
    return best


@cache
def copy_speed(device: str) -> float:
    """Bytes a second that a copy of 256 MiB reads and writes together, at best; measured once a process."""
    source = torch.ones(1 << 26, device=device)
    target = torch.empty_like(source)
    return 2 * 4 * source.numel() / _fastest(partial(target.copy_, source), synchroniser(device))


@cache
def medium_is_exact() -> bool:
    """True if "medium" matrix products are about as exact as float32's on this CPU."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(512, 512, generator=generator) for _ in range(2))
    true = a.double() @ b.double()
    errors = {}
    for setting in ("highest", "medium"):
        with _matmul_setting(setting):
            errors[setting] = float((a @ b - true).abs().max())
    return errors["medium"] <= _INEXACT * errors["highest"]


def has_bfloat16(device: torch.device | str) -> bool:
    """True on a CUDA device that computes in bfloat16, and on a CPU with instructions for it."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # older versions of torch
    named = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")
    return any(capabilities.get(name) for name in named) or bool(asked and asked())


def step_flops(model: nn.Module, inputs: Tensor, labels: Tensor) -> int:
    """Floating-point operations of forward and backward, counted by torch operator by operator; a step's floor.

    The optimizer, activations and losses are not matrix products and are not counted.
    """
    from torch.utils.flop_counter import FlopCounterMode

    model = copy.deepcopy(model).train()
    with FlopCounterMode(display=False) as counter:
        F.cross_entropy(model(inputs), labels).backward()
    return int(counter.get_total_flops())


@torch.no_grad()
def forward_flops(model: nn.Module, inputs: Tensor) -> int:
    """Floating-point operations of one forward pass."""
    from torch.utils.flop_counter import FlopCounterMode

    model = copy.deepcopy(model).eval()
    with FlopCounterMode(display=False) as counter:
        model(inputs)
    return int(counter.get_total_flops())


def peak_memory(device: torch.device | str) -> int | None:
    """Most bytes in use so far: by this process, or by torch on a CUDA device. None where the system does not tell."""
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:  # Linux; its ru_maxrss would begin with what the parent process used
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return highest if sys.platform == "darwin" else highest * 1024


def _fastest(product: Callable[[], object], wait: Callable[[], None]) -> float:
    product()
    wait()
    best, until = float("inf"), perf_counter() + _SECONDS
    for repetition in range(1000):
        begun = perf_counter()
        product()
        wait()
        now = perf_counter()
        best = min(best, now - begun)
        if now > until and repetition >= 2:
            break
    return max(best, 1e-9)


@contextmanager
def _matmul_setting(name: str) -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
