"""A segmentor's network as an ONNX file, compared with PyTorch before it gets its name."""

import importlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from wssis.engine.predictor import Segmentor
from wssis.errors import InputError
from wssis.formats.atomic import temporary_path
from wssis.models.solov2.dense import DenseSOLOv2, sample_images
from wssis.models.solov2.network import INSTANCE_STRIDES, MASK_STRIDE

INPUT = "images"
OPSET = 18


@dataclass(frozen=True)
class Comparison:
    """Output name -> largest absolute difference between onnxruntime and PyTorch, and largest absolute value."""

    difference: dict[str, float]
    magnitude: dict[str, float]

    @property
    def worst(self) -> tuple[str, float]:
        """The output that differs most, and by how much."""
        return max(self.difference.items(), key=lambda item: item[1])


def require_onnx() -> tuple[ModuleType, ModuleType]:
    """The modules onnx and onnxruntime.

    Raises:
        InputError: they, or the exporter's onnxscript, are not installed.
    """
    try:
        importlib.import_module("onnxscript")
        return importlib.import_module("onnx"), importlib.import_module("onnxruntime")
    except ImportError as error:
        raise InputError(f"export-onnx needs the package {error.name}; pip install 'wssis[onnx]'") from None


def export(
    segmentor: Segmentor, out: Path, batch: int, size: tuple[int, int], tolerance: float, notes: dict[str, Any]
) -> Comparison:
    """Write `out`, if onnxruntime gives what PyTorch gives.

    Args:
        segmentor: on the CPU.
        batch: images per pass.
        size: (height, width) of the images, px.
        tolerance: largest absolute difference of any output that is let through.
        notes: what the file says of itself, as JSON values by name, beside categories, grids and strides.

    Raises:
        InputError: the packages are missing, the exporter fails, or the outputs differ by more; `out` is not written.
    """
    onnx, runtime = require_onnx()
    network = DenseSOLOv2(segmentor.model.to(memory_format=torch.contiguous_format), *size).eval()
    images = sample_images(batch, *size)
    with torch.inference_mode():
        expected = network(images)
    with temporary_path(out) as temporary:
        _export(network, images, temporary)
        model = onnx.load(temporary)
        properties = {name: json.dumps(value) for name, value in _notes(segmentor, notes).items()}
        onnx.helper.set_model_props(model, properties)
        onnx.checker.check_model(model)
        onnx.save(model, temporary)
        session = runtime.InferenceSession(temporary, providers=["CPUExecutionProvider"])
        given = [torch.from_numpy(array) for array in session.run(None, {INPUT: images.numpy()})]
        comparison = _compared(network.names(), expected, given)
        name, difference = comparison.worst
        if not difference <= tolerance:  # NaN is refused, too
            raise InputError(
                f"{out}: not written: output {name} differs from PyTorch by {difference:.2g}, tolerance {tolerance:g};"
                " raise --tolerance if that is good enough for you"
            )
    return comparison


def _export(network: DenseSOLOv2, images: Tensor, path: Path) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network, (images,), path, dynamo=True, external_data=False, opset_version=OPSET, verbose=False,
                input_names=[INPUT], output_names=network.names(),
            )  # fmt: skip
    except torch.onnx.errors.OnnxExporterError as error:
        raise InputError(f"{path}: the exporter cannot translate this network ({error})") from error


def _notes(segmentor: Segmentor, notes: dict[str, Any]) -> dict[str, Any]:
    return {
        "categories": segmentor.categories,
        "grids": list(segmentor.model.settings.grids),
        "instance_strides": list(INSTANCE_STRIDES),
        "mask_stride": MASK_STRIDE,
        "mean": segmentor.model.backbone.mean.flatten().tolist(),
        **notes,
    }


def _compared(names: list[str], expected: tuple[Tensor, ...], given: list[Tensor]) -> Comparison:
    if [tuple(one.shape) for one in given] != [tuple(one.shape) for one in expected]:
        raise InputError("the exported network's outputs have other shapes than PyTorch's; this is a defect")
    return Comparison(
        {name: float((a - b).abs().max()) for name, a, b in zip(names, expected, given, strict=True)},
        {name: float(a.abs().max()) for name, a in zip(names, expected, strict=True)},
    )
