"""wssis export-onnx: the file gives what PyTorch gives, says what it is, and is not written where it does not."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from dag_runs import REPOSITORY
from doc_blocks import blocks, run_block
from predict_fixtures import (
    CATEGORIES,
    INFERENCE,
    SETTINGS,
    SIZES,
    evaluated,
    predict,
    write_images,
    write_segmentor,
)

from wssis.cli import main
from wssis.engine.predictor import load_segmentor
from wssis.formats.coco import decode_mask, read_coco
from wssis.formats.manifest import digest_of, read_manifest
from wssis.models.solov2.dense import dense_outputs
from wssis.models.solov2.inference import detect

onnx = pytest.importorskip("onnx", reason="needs the extra onnx: pip install 'wssis[onnx]'")
runtime = pytest.importorskip("onnxruntime", reason="needs the extra onnx: pip install 'wssis[onnx]'")
pytest.importorskip("onnxscript", reason="needs the extra onnx: pip install 'wssis[onnx]'")

HEIGHT, WIDTH = 48, 72


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_segmentor(tmp_path_factory.mktemp("model") / "model.safetensors")


@pytest.fixture(scope="module")
def exported(model: Path) -> Path:
    out = model.with_name("model.onnx")
    assert _export(model, out, "--height", HEIGHT, "--width", WIDTH, "--batch", 2) == 0
    return out


def _export(*arguments: object) -> int:
    try:
        main(["export-onnx", *map(str, arguments)])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_detections_from_onnx_are_those_of_pytorch(model: Path, exported: Path) -> None:
    images = torch.randint(0, 256, (2, 3, HEIGHT, WIDTH), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    session = runtime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    outputs = dense_outputs([torch.from_numpy(one) for one in session.run(None, {"images": images.numpy()})])
    segmentor = load_segmentor(model, torch.device("cpu"))
    with torch.inference_mode():
        expected = segmentor.model(segmentor.model.batch(list(images)))
    sizes = [(HEIGHT, WIDTH)] * 2
    for got, wanted in zip(*(detect(one, sizes, sizes, INFERENCE, 10) for one in (outputs, expected)), strict=True):
        assert len(wanted.scores) and torch.allclose(got.scores, wanted.scores, atol=1e-4)
        assert torch.equal(got.labels, wanted.labels)
        assert (got.masks != wanted.masks).float().mean() < 1e-3


def test_the_file_says_what_it_is(model: Path, exported: Path) -> None:
    file = onnx.load(exported)
    notes = {one.key: json.loads(one.value) for one in file.metadata_props if one.key in (
        "categories", "grids", "instance_strides", "mask_stride", "mean", "checkpoint_sha256")}  # fmt: skip
    assert notes.pop("mean") == pytest.approx([123.675, 116.28, 103.53])
    assert notes == {"categories": CATEGORIES, "grids": [8, 6, 4, 3, 2], "instance_strides": [8, 8, 16, 32, 32],
                     "mask_stride": 4, "checkpoint_sha256": digest_of(model)}  # fmt: skip
    shape = [side.dim_value for side in file.graph.input[0].type.tensor_type.shape.dim]
    assert shape == [2, 3, HEIGHT, WIDTH]
    assert file.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [one.name for one in file.graph.output][-2:] == ["kernel_4", "mask_features"]
    counts = read_manifest(exported.with_name("model.onnx.manifest.json"))["counts"]
    assert 0 <= counts["max_abs_difference"] <= 1e-3
    assert not list(exported.parent.glob(".tmp-*"))


@pytest.mark.slow
def test_the_recipe_of_the_docs_runs_as_written(tmp_path: Path) -> None:
    """On images of several sizes it finds what `wssis predict` finds, with the settings of the student's evaluation."""
    (recipe,) = blocks(REPOSITORY / "docs/predict.md", "python")
    study = write_images(tmp_path / "study")
    images = tmp_path / "data/mine/new"
    images.parent.mkdir(parents=True)
    (study / "images").rename(images)
    (study / "images").symlink_to(images)
    student = evaluated(study)
    own = tmp_path / "results/mine/mine/given/s0/base/students/wssis"
    own.parent.mkdir(parents=True)
    student.parent.rename(own)
    run_block(f"python - <<'RECIPE'\n{recipe}RECIPE", tmp_path)
    assert predict(own / student.name, images, "--out", tmp_path / "found") == 0
    found = json.loads((tmp_path / "detections.json").read_text())
    expected = json.loads((tmp_path / "found/detections.json").read_text())
    assert len(found) == len(expected) == len(SIZES) * SETTINGS.max_detections
    sizes = {one["id"]: (one["height"], one["width"]) for one in read_coco(study / "val.json")["images"]}
    apart: list[float] = []
    assert len(list((tmp_path / "onnx").glob("*.onnx"))) > 1, "images of several padded sizes"
    for one in found:
        size = list(sizes.values())[one["image_id"] - 1]
        like = [o for o in expected if (o["image_id"], o["category_id"]) == (one["image_id"], one["category_id"])
                and o["score"] == pytest.approx(one["score"], abs=5e-3)]  # fmt: skip
        apart.append(min([1.0] + [(decode_mask(one, *size) != decode_mask(o, *size)).mean() for o in like]))
    # A random network has near-equal scores, of which some change places as the rounded mean changes them a little.
    assert np.mean(np.array(apart) < 5e-3) > 0.8 and np.median(apart) < 3e-3


def test_a_file_that_differs_is_not_written(model: Path, capsys: pytest.CaptureFixture) -> None:
    out = model.with_name("other.onnx")
    assert _export(model, out, "--height", HEIGHT, "--width", WIDTH, "--tolerance", 1e-12) == 2
    assert "differs from PyTorch by" in capsys.readouterr().err
    assert not out.exists() and not list(out.parent.glob("*other*"))


@pytest.mark.parametrize(("name", "told"), [("model.safetensors", "end in .onnx"), ("it.onnx", "must not be lost")])
def test_the_model_is_not_written_over(model: Path, name: str, told: str, capsys: pytest.CaptureFixture) -> None:
    if name != model.name:
        model.with_name(name).symlink_to(model)
    before = model.read_bytes()
    assert _export(model, model.with_name(name), "--height", HEIGHT, "--width", WIDTH) == 2
    assert told in capsys.readouterr().err and model.read_bytes() == before


def test_a_bad_size_is_refused(model: Path, capsys: pytest.CaptureFixture) -> None:
    assert _export(model, model.with_name("other.onnx"), "--height", 3, "--width", WIDTH) == 2
    assert "height: 3 is not legal" in capsys.readouterr().err
