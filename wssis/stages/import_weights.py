"""Stage import-weights: a released SOLOv2 or MaskRefineNet checkpoint as one of ours."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wssis.config.importing import ImportWeightsSettings
from wssis.config.section import Section
from wssis.errors import InputError
from wssis.formats.checkpoint import save_model
from wssis.formats.coco import read_coco
from wssis.formats.labels_file import check_labels
from wssis.formats.manifest import StageRun
from wssis.formats.weights_file import read_tensors
from wssis.models.import_weights import (
    check_names,
    kind_of,
    refiner_classes,
    refiner_settings,
    rename_refiner,
    rename_solov2,
    solov2_settings,
)
from wssis.models.refinenet.network import MaskRefineNet
from wssis.models.solov2.network import SOLOv2


def run(
    settings: ImportWeightsSettings,
    source: Path,
    out: Path,
    annotations: Path | None = None,
) -> None:
    """Write `out` (.safetensors) and its manifest beside it.

    Args:
        settings: what the tensors do not tell.
        source: released checkpoint: .pth or .pt (read without running code in it), .npz or .safetensors.
        annotations: COCO file whose sorted categories are the checkpoint's classes; without it they are numbered
            from 1 on and named by their number.

    Raises:
        InputError: the file is no such checkpoint, or some tensor has no place; every such tensor is named.
    """
    inputs = {"source": source} if annotations is None else {"source": source, "annotations": annotations}
    with StageRun("import_weights", out.with_name(f"{out.name}.manifest.json"), settings, inputs) as stage:
        state = read_released(source)
        kind = kind_of(state)
        renamed, network, model, classes = _imported(state, kind, settings, source)
        model.load_state_dict(renamed, strict=False)
        metadata = {
            "kind": kind,
            "network": network.model_dump_json(),
            "categories": json.dumps(_categories(annotations, classes)),
            "step": "0",
            "crop_size": str(settings.crop_size),
        }
        save_model(out, model.state_dict(), metadata)
        stage.counts.update(tensors=len(renamed), classes=classes, kind=kind)
        stage.output(out)
    about = f"grids {[*settings.grids]}" if kind == "solov2" else f"crops of {settings.crop_size} px"
    named = "numbered, unnamed: --annotations FILE names them" if annotations is None else f"as in {annotations}"
    print(f"{out}: {kind}, {about} (the tensors do not tell: --settings), {classes} classes, {named}")


def read_released(path: Path) -> dict[str, Tensor]:
    """Tensors of a .pth, .pt, .npz or .safetensors file, by name.

    Raises:
        InputError: the file is missing, damaged, or holds anything but arrays of numbers.
    """
    if path.suffix != ".npz":
        return read_tensors(path)
    if not path.is_file():
        raise InputError(f"weights file {path} does not exist")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    except Exception as error:  # Damaged files raise much, and the message may advise to run the code in a pickle.
        message = f"weights file {path} is not a whole .npz file of plain arrays of numbers"
        raise InputError(f"{message}; get it again, or save it anew with numpy.savez") from error


def _imported(
    state: Mapping[str, Tensor], kind: str, settings: ImportWeightsSettings, source: Path
) -> tuple[dict[str, Tensor], Section, nn.Module, int]:
    """Renamed weights, the network's settings, the empty network, and its number of classes."""
    if kind == "solov2":
        renamed = rename_solov2(state)
        solov2, classes = solov2_settings(renamed, settings.grids, settings.scale_ranges)
        model: nn.Module = SOLOv2(solov2, classes)
        check_names(renamed, model.state_dict(), str(source))
        return renamed, solov2, model, classes
    renamed, classes = rename_refiner(state), refiner_classes(state)
    refiner = refiner_settings(renamed)
    model = MaskRefineNet(refiner, classes)
    check_names(renamed, model.state_dict(), str(source))
    return renamed, refiner, model, classes


def _categories(annotations: Path | None, classes: int) -> list[dict[str, Any]]:
    """Categories in class-index order. Raises InputError where their number is not the checkpoint's."""
    if annotations is None:
        return [{"id": i, "name": str(i)} for i in range(1, classes + 1)]
    coco = read_coco(annotations)
    check_labels({**coco, "annotations": []}, annotations)
    categories = sorted(coco["categories"], key=lambda category: category["id"])
    if len(categories) != classes:
        raise InputError(f"{annotations}: has {len(categories)} categories, but the checkpoint has {classes} classes")
    return [{"id": category["id"], "name": category["name"]} for category in categories]
