"""Is this machine ready for the course? One line a finding: fine, worth knowing, or to be mended, and then how.

Each check is a function that is given what it looks at and returns findings, so that a test can give it a broken thing.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

OLDEST_PYTHON = (3, 11)
LITTLE_MEMORY = 2.0  # GiB; a lesson needs about one
IMPORTED = ("torchvision", "matplotlib", "ipywidgets", "jupyterlab", "cloudpickle", "filelock")


@dataclass(frozen=True)
class Finding:
    """What was found: `kind` is "ok", "note" (works, worth knowing) or "fix"; a fix has its `remedy`."""

    kind: str
    text: str
    remedy: str = ""

    def line(self) -> str:
        return f"[{self.kind}]".ljust(7) + self.text + (f" -> {self.remedy}" if self.remedy else "")


def examine() -> Iterator[Finding]:
    """All findings about this machine, each as soon as it is made. A check that fails itself is one too; nothing is raised."""
    from lthkit.classroom import passport
    from lthkit.data.sources import cache_folder
    from lthkit.machine.load import others_use, usable
    from lthkit.storage.records import runs_folder

    checks: list[Callable[[], Iterable[Finding]]] = [
        lambda: python_version(sys.version_info[:3]),
        lambda: packages(requires("lthkit") or (), _version),
        lambda: imports(IMPORTED),
        device,
        lambda: memory(_free_memory()),
        lambda: busy(others_use(), cores=len(usable())),
        embedded_data,
        lambda: own_data(os.environ.get("LTHKIT_DATA")),
        lambda: tier_name(os.environ.get("LTHKIT_TIER")),
        lambda: writable("runs", runs_folder(), "LTHKIT_RUNS"),
        lambda: writable("cache", cache_folder(), "LTHKIT_CACHE"),
        lambda: writable("passport", passport.path().parent, "LTHKIT_PASSPORT"),
        kernel,
    ]
    for check in checks:
        try:
            yield from check()
        except Exception as error:  # the doctor does not fall ill
            yield Finding("fix", f"a check failed ({type(error).__name__}: {error})", "report this line")


def python_version(running: Sequence[int]) -> list[Finding]:
    name = ".".join(map(str, running))
    if tuple(running[:2]) >= OLDEST_PYTHON:
        return [Finding("ok", f"Python {name}")]
    wanted = ".".join(map(str, OLDEST_PYTHON))
    return [Finding("fix", f"Python {name} is too old", f"make an environment with Python {wanted} or newer")]


def packages(required: Iterable[str], version_of: Callable[[str], str | None]) -> list[Finding]:
    """Installed versions against the lower bounds that lthkit's own metadata has, such as "torch>=2.4"."""
    found = []
    for line in required:
        match = re.match(r"([\w.-]+)\s*>=\s*([\d.]+)", line)
        if match is None or "extra ==" in line:
            continue
        name, least = match[1], match[2]
        have = version_of(name)
        if have is None:
            found.append(Finding("fix", f"{name} is not installed", f'pip install "{name}>={least}"'))
        elif _numbers(have) < _numbers(least):
            found.append(
                Finding("fix", f"{name} {have} is older than {least}", f'pip install "{name}>={least}"')
            )
        else:
            found.append(Finding("ok", f"{name} {have}"))
    return found


def imports(names: Iterable[str]) -> Iterator[Finding]:
    """Whether packages that are installed import too, unlike a torchvision made for another torch. Each may take a second."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            continue  # `packages` has said it
        try:
            importlib.import_module(name)
        except Exception as error:
            remedy = f"install {name} again"
            if name == "torchvision":
                remedy = "install torch and torchvision again, both from one index: see the README"
            yield Finding("fix", f"{name} does not import ({_first_line(error)})", remedy)
        else:
            yield Finding("ok", f"{name} imports")


def device() -> list[Finding]:
    import torch

    from lthkit.machine.devices import resolve_device
    from lthkit.training.choices import cores

    chosen = resolve_device("auto")
    if chosen.type == "cuda":
        total = torch.cuda.get_device_properties(0).total_memory / 2**30
        return [Finding("ok", f"device: {torch.cuda.get_device_name(0)}, {total:.0f} GiB")]
    if chosen.type == "mps":
        return [Finding("ok", "device: Apple GPU (mps)")]
    return [
        Finding("note", f"device: cpu with {cores()} cores; tier laptop is made for it, tier gpu takes hours")
    ]


def memory(free: float | None) -> list[Finding]:
    """`free` is in GiB, or None where the system does not say."""
    if free is None:
        return [Finding("note", "memory: this system does not say how much is free")]
    if free < LITTLE_MEMORY:
        return [
            Finding(
                "fix",
                f"memory: {free:.1f} GiB free",
                f"close other programs; {LITTLE_MEMORY:.0f} GiB are enough",
            )
        ]
    return [Finding("ok", f"memory: {free:.1f} GiB free")]


def busy(others: float | None, *, cores: int) -> list[Finding]:
    """`others`: how many of the `cores` that we may use other programs use now, or None where the system does not say."""
    from lthkit.machine.load import NOTICED
    from lthkit.training.choices import cores as at_most

    if others is None:
        return [Finding("note", "load: this system does not say what other programs use")]
    used = f"other programs use {others:.1f} of {cores} cores"
    if others <= NOTICED or cores - others >= at_most():  # of many cores enough are free
        return [Finding("ok", f"load: {used}")]
    return [
        Finding(
            "note",
            f"busy: {used}; lessons take longer, results stay the same",
            "close what you do not need: browser tabs, notebooks that still run",
        )
    ]


def embedded_data() -> list[Finding]:
    from lthkit.data.named import load_data

    try:
        data = load_data("fashion-mnist", device="cpu")
    except Exception as error:
        return [Finding("fix", f"embedded data: {_first_line(error)}", "install lthkit again")]
    return [Finding("ok", f"embedded data: {data.label}, checksum right")]


def own_data(folder: str | None) -> list[Finding]:
    """What $LTHKIT_DATA leads to."""
    if not folder:
        return []
    if not Path(folder).expanduser().is_dir():
        return [
            Finding(
                "fix",
                f"LTHKIT_DATA is {folder}, which is no folder",
                "set it to the folder that holds mnist/ or cifar10/, or unset it",
            )
        ]
    inside = sorted(p.name for p in Path(folder).expanduser().iterdir() if p.is_dir())
    return [Finding("ok", f"LTHKIT_DATA: {', '.join(inside[:6]) or 'empty'}")]


def tier_name(chosen: str | None) -> list[Finding]:
    from lthkit.machine.tiers import tier

    try:
        return [Finding("ok", f"tier {tier(chosen or 'laptop')}")]
    except ValueError as error:
        return [Finding("fix", f"LTHKIT_TIER: {_first_line(error)}", "set or unset LTHKIT_TIER")]


def writable(what: str, folder: Path, variable: str) -> list[Finding]:
    """Whether a file can be made where `folder` is or would be; nothing is left behind."""
    place = folder.expanduser().absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return [
            Finding(
                "fix",
                f"{what}: {folder} cannot be written ({error.strerror})",
                f"set {variable} to a place where you may write",
            )
        ]
    return [Finding("ok", f"{what}: {folder} can be written")]


def kernel() -> list[Finding]:
    """Whether Jupyter's kernel "python3" is this Python; notebooks would otherwise miss lthkit."""
    try:
        specs: Any = importlib.import_module("jupyter_client.kernelspec")
    except ImportError:
        return [Finding("fix", "Jupyter is not installed", "pip install jupyterlab")]
    try:
        argv = specs.KernelSpecManager().get_kernel_spec("python3").argv
    except specs.NoSuchKernel:
        return [Finding("fix", "Jupyter has no kernel python3", "pip install ipykernel")]
    return kernel_of(argv, sys.executable)


def kernel_of(argv: Sequence[str], python: str) -> list[Finding]:
    if os.path.basename(argv[0]) == argv[0] or os.path.realpath(argv[0]) == os.path.realpath(python):
        return [Finding("ok", "Jupyter's kernel python3 is this Python")]
    remedy = f'"{python}" -m ipykernel install --sys-prefix --name python3'
    return [Finding("fix", f"Jupyter's kernel python3 is another Python ({argv[0]})", remedy)]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("+")[0])[:3])


def _free_memory() -> float | None:
    """GiB that programs may still take, where the system tells without another package."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        table: Mapping[str, str] = dict(line.split(":", 1) for line in lines)
        return int(table["MemAvailable"].split()[0]) / 2**20
    except (OSError, KeyError, ValueError):
        return None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
