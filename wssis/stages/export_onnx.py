"""Stage export-onnx: a trained segmentor's network as an ONNX file; no stage of a study."""

from pathlib import Path

import torch
from pydantic import Field

from wssis.config.section import Section
from wssis.engine.box_predictor import KINDS as BOX_KINDS
from wssis.engine.predictor import Segmentor, load_segmentor
from wssis.errors import InputError
from wssis.formats.atomic import refuse_overwriting
from wssis.formats.checkpoint import load_model
from wssis.formats.manifest import StageRun, digest_of
from wssis.predicting.onnx_file import Comparison, export


class ExportOnnxSettings(Section):
    """One ONNX file has one size of input."""

    height: int = Field(ge=32, description="Height of the network's input before padding, px.")
    width: int = Field(ge=32, description="Width of the network's input before padding, px.")
    batch: int = Field(1, ge=1, description="Images per pass.")
    tolerance: float = Field(1e-3, gt=0, description="Largest absolute difference from PyTorch, of any output.")


def run(settings: ExportOnnxSettings, model: Path, out: Path) -> Comparison:
    """Write `out` and its manifest beside it.

    Args:
        model: model.safetensors of a teacher or student.

    Raises:
        InputError: the checkpoint is no segmentor's, packages are missing, onnxruntime disagrees with PyTorch, or `out`
            is the checkpoint or not called .onnx.
    """
    if out.suffix != ".onnx":
        raise InputError(f"{out}: the file to write must end in .onnx")
    refuse_overwriting([model], [out])
    with StageRun("export_onnx", out.with_name(f"{out.name}.manifest.json"), settings, {"model": model}) as stage:
        segmentor = _solov2(model)
        notes = {"checkpoint_sha256": digest_of(model), "input": "RGB uint8 (batch, 3, height, width), resized"}
        size = settings.height, settings.width
        comparison = export(segmentor, out, settings.batch, size, settings.tolerance, notes)
        stage.output(out)
        stage.counts["max_abs_difference"] = comparison.worst[1]
    return comparison


def _solov2(model: Path) -> Segmentor:
    """The segmentor to export; the box networks choose as many regions as they find, which this export cannot say."""
    if (kind := load_model(model)[1].get("kind")) in BOX_KINDS:
        raise InputError(f"{model}: export-onnx knows SOLOv2, not {kind}; use predict, or give a SOLOv2 checkpoint")
    return load_segmentor(model, torch.device("cpu"))
