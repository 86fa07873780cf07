"""ONNX: a file that other programs run. Needs the extra `export` (onnx, onnxscript, onnxruntime)."""

from __future__ import annotations

import importlib.util
import inspect
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from lthkit.machine.checks import check_network, check_whole, first_line
from lthkit.pruning.weights import copied
from lthkit.storage import files

_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def missing_for_onnx() -> str:
    """Empty if `to_onnx` and `run_onnx` can work here; else a sentence with the line that installs what is missing."""
    if absent := _absent_packages():
        return absent
    if "dynamic_shapes" not in inspect.signature(torch.onnx.export).parameters:
        return f"ONNX needs torch 2.5 or newer, and this is {torch.__version__}: pip install --upgrade torch torchvision"
    return ""


def _absent_packages() -> str:
    absent = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    return f"ONNX needs {', '.join(absent)}. Install: pip install {' '.join(absent)}" if absent else ""


def to_onnx(model: nn.Module, path: Path | str, *, shape: Sequence[int]) -> Path:
    """Write `model`, in evaluation mode, to an `.onnx` file of opset 18; the batch may have any size.

    ONNX has no pruned weights: a 0 is written and multiplied like any other number. Apply the mask first, or compact.

    Args:
        shape: of one input, without the batch: (channels, height, width), or (length,) of tokens: a network that begins
            with an embedding gets whole numbers.

    The file is run once before it is kept, with batches of one and of three, and must give what the model gives.

    Raises:
        ModuleNotFoundError: a package is missing, or torch is older than 2.5; the text has the line that installs it.
        ValueError: the model does not take inputs of this shape, gives other than one tensor, or cannot be exported so that
            onnxruntime computes the same.
    """
    check_network(model)
    network = copied(_unwrapped(model)).cpu().eval()
    name = type(network).__name__
    dtype = next((p.dtype for p in network.parameters()), torch.float32)
    example = torch.zeros(2, *shape, dtype=dtype)
    try:
        example, outputs = _tried(network, example)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise ValueError(
            f"The model does not take inputs of shape {shape}: {first_line(error)}. Expected the shape of one input "
            "without the batch, such as (1, 28, 28)."
        ) from error
    if not isinstance(outputs, Tensor):
        raise ValueError(
            f"{name} gives a {type(outputs).__name__}; expected one tensor [n, ...]. Wrap it in a module whose forward "
            "returns the output that is wanted."
        )
    if missing := missing_for_onnx():
        raise ModuleNotFoundError(missing)
    try:
        with warnings.catch_warnings():  # about the exporter's own inside
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network,
                (example,),
                dynamo=True,
                verbose=False,
                opset_version=18,
                input_names=["images" if example.is_floating_point() else "tokens"],
                output_names=["outputs"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
            )
    except torch.onnx.errors.OnnxExporterError as error:
        why = str(error.__cause__ or error).strip().splitlines()[0]
        raise ValueError(
            f"{name} cannot be exported: {why}. torch.export must be able to follow its forward: expected operations on "
            "tensors, and no decision by values. Change that part, or save the ticket with lthkit.export.save_packed."
        ) from error
    assert program is not None
    content = program.model_proto.SerializeToString()
    _check(content, network, example)
    return files.write_bytes(path, content)


@torch.no_grad()
def _tried(network: nn.Module, example: Tensor) -> tuple[Tensor, Tensor]:
    """The example, as whole numbers where the network takes no others, and what it gives for it."""
    try:
        return example, network(example)
    except RuntimeError as error:
        if "ndices" not in str(error) or "Long" not in str(error):
            raise
        return example.long(), network(example.long())


def _unwrapped(model: nn.Module) -> nn.Module:
    """The network inside `torch.compile` and DataParallel, which is what is to be exported."""
    while isinstance(inside := getattr(model, "_orig_mod", getattr(model, "module", None)), nn.Module):
        if not isinstance(model, nn.DataParallel) and not hasattr(model, "_orig_mod"):
            break
        model = inside
    return model


@torch.no_grad()
def _check(content: bytes, model: nn.Module, example: Tensor) -> None:
    """ValueError unless the file computes what the model does, for batches of other sizes than the exported one too."""
    dtype = next((p.dtype for p in model.parameters()), torch.float32)
    generator, name = torch.Generator().manual_seed(0), type(model).__name__
    refusal = f"{name} cannot be exported so that onnxruntime computes the same: "
    remedy = (
        ". Look for layers that take no other batch than the exported one, or that ONNX does not have; expected float32 "
        "layers (model.float()). Or save the ticket with lthkit.export.save_packed."
    )
    tables = [module.num_embeddings for module in model.modules() if isinstance(module, nn.Embedding)]
    for n in (1, 3):
        size = (n, *example.shape[1:])
        if example.is_floating_point():
            inputs = torch.randn(size, generator=generator).to(dtype)
        else:
            inputs = torch.randint(min(tables, default=2), size, generator=generator)
        expected = model(inputs)
        try:
            outputs = _session(content)(inputs)
        except Exception as error:  # its errors have no common public class
            raise ValueError(f"{refusal}{first_line(error)}{remedy}") from error
        wide = expected.double()
        scale = {torch.float32: 1e-3, torch.float64: 1e-6}.get(dtype, 0.1)
        if outputs.shape != expected.shape or not bool(
            ((outputs.double() - wide).abs() <= scale * (wide.abs().max() + 1e-6)).all()
        ):
            raise ValueError(f"{refusal}for a batch of {n} its outputs are others{remedy}")


def run_onnx(path: Path | str, *, threads: int = 1) -> Callable[[Tensor], Tensor]:
    """A function [n, ...] -> outputs, both on the CPU, that runs the file in onnxruntime on so many threads.

    Raises:
        ModuleNotFoundError: a package is missing; the text has the line that installs it.
        FileNotFoundError: there is no such file.
        files.DamagedFile: onnxruntime cannot read it.
    """
    if absent := _absent_packages():  # an old torch may run what a newer one wrote
        raise ModuleNotFoundError(absent)
    check_whole("threads", threads, 1)
    if not Path(path).exists():
        raise FileNotFoundError(f"There is no file {path}; expected one that to_onnx wrote.")
    try:
        return _session(Path(path).read_bytes(), threads=threads)
    except Exception as error:  # its errors have no common public class
        raise files.DamagedFile(
            f"{path} is not an ONNX file that can be run ({type(error).__name__})."
        ) from error


def _session(content: bytes, *, threads: int = 1) -> Callable[[Tensor], Tensor]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4  # what goes wrong is raised
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(images: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {name: images.numpy()})[0])

    return run
