"""ONNX: a file that other programs run. Needs the extra `export` (onnx, onnxscript, onnxruntime)."""

from __future__ import annotations

import copy
import importlib.util
import inspect
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from lthkit.machine.checks import check_whole, first_line
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
        shape: of one input, without the batch: (channels, height, width).

    Raises:
        ModuleNotFoundError: a package is missing, or torch is older than 2.5; the text has the line that installs it.
        ValueError: the model does not take inputs of this shape.
    """
    model = copy.deepcopy(model).cpu().eval()
    try:
        dtype = next((p.dtype for p in model.parameters()), torch.float32)
        example = torch.zeros(2, *shape, dtype=dtype)
        with torch.no_grad():
            model(example)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"The model does not take inputs of shape {shape}: {first_line(error)}. Expected the shape of one input "
            "without the batch, such as (1, 28, 28)."
        ) from error
    if missing := missing_for_onnx():
        raise ModuleNotFoundError(missing)
    with warnings.catch_warnings():  # about the exporter's own inside
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model,
            (example,),
            dynamo=True,
            verbose=False,
            opset_version=18,
            input_names=["images"],
            output_names=["outputs"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )
    assert program is not None
    return files.write_bytes(path, program.model_proto.SerializeToString())


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
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common public class
        raise files.DamagedFile(
            f"{path} is not an ONNX file that can be run ({type(error).__name__})."
        ) from error
    name = session.get_inputs()[0].name

    def run(images: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {name: images.numpy()})[0])

    return run
