"""train-student with boxes and points: outputs, same bytes, refusals, and masks learnt from points alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from box_fixtures import box_points_set
from segmentor_fixtures import COMMON, HEIGHT, NETWORK, WIDTH, training_set, write_study
from test_box_learning import write_triangles
from test_mixed_data import first_two

from wssis.cli import main
from wssis.config.point_supervision import PointSupervision
from wssis.config.segmentor_stages import StudentSettings
from wssis.config.training import AugmentationSettings, InferenceSettings, OptimizerSettings, ScheduleSettings
from wssis.engine.mixed_task import MixedTask
from wssis.engine.predictor import load_segmentor
from wssis.engine.segmentor_task import SegmentorTask
from wssis.engine.segmentors import detect_rows
from wssis.errors import InputError
from wssis.formats.box_points import write_box_points
from wssis.formats.checkpoint import load_model
from wssis.formats.coco import decode_mask, write_coco
from wssis.formats.images_table import read_images_table
from wssis.formats.manifest import read_manifest
from wssis.stages import student

CPU = torch.device("cpu")
SETTINGS = StudentSettings(**COMMON)
POINTED = StudentSettings(**COMMON, supervision=PointSupervision())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def paths(folder: Path) -> dict[str, Any]:
    """Images, masks on two of them and boxes with points on the others; the arguments that a training takes."""
    found = write_study(folder)
    write_coco(folder / "masks.json", first_two())
    write_box_points(folder / "box_points.json", box_points_set())
    return found


@pytest.fixture(scope="module")
def trained(folder: Path, paths: dict[str, Any]) -> Path:
    """A student's outputs, trained through the command line."""
    options = {"training-set": folder / "masks.json", "box-points": folder / "box_points.json", "out": folder / "one"}
    options |= {name.replace("_", "-"): path for name, path in paths.items()}
    pairs = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    with pytest.raises(SystemExit) as ended:
        main(["train-student", *pairs, "--settings", SETTINGS.model_dump_json()])
    assert ended.value.code == 0
    return folder / "one"


def _run(folder: Path, name: str, paths: dict[str, Any], settings: StudentSettings = SETTINGS, **more: Any) -> Path:
    given = {"training_set": folder / "masks.json", "box_points": folder / "box_points.json"} | more
    student.run(settings, out=folder / name, **given, **paths)
    return folder / name


def test_outputs_and_counts(trained: Path) -> None:
    manifest = read_manifest(trained / "manifest.json")
    assert sorted(manifest["inputs"]) == ["box_points", "images_table", "training_set"]
    names = ("images", "objects", "unmasked", "boxes", "points")
    assert [manifest["counts"][name] for name in names] == [4, 8, 1, 4, 17]
    last = json.loads((trained / "metrics.jsonl").read_text().splitlines()[-1])
    assert {"dice", "points", "focal"} < last.keys() and last["step"] == 4
    assert load_model(trained / "model.safetensors")[1]["kind"] == "solov2"
    assert load_segmentor(trained / "model.safetensors", CPU).model.settings == NETWORK


def test_same_seed_same_bytes_others_otherwise(trained: Path, folder: Path, paths: dict[str, Any]) -> None:
    def weights(name: str, *arguments: Any, **more: Any) -> bytes:
        return (_run(folder, name, paths, *arguments, **more) / "model.safetensors").read_bytes()

    model = (trained / "model.safetensors").read_bytes()
    assert weights("again", workers=2) == model
    assert weights("masks", box_points=None) != model
    published = SETTINGS.model_copy(update={"supervision": PointSupervision(outside_points=0)})
    assert weights("published", published) != model


def test_students_begin_alike_whatever_their_labels(paths: dict[str, Any]) -> None:
    common = paths["images_table"], paths["image_dir"]
    plain = SegmentorTask(SETTINGS, training_set(), *common).model.state_dict()
    mixed = MixedTask(POINTED, first_two(), box_points_set(), *common).model.state_dict()
    assert all(torch.equal(plain[name], mixed[name]) for name in plain)


def test_losses_weigh_what_the_settings_say(paths: dict[str, Any]) -> None:
    """Three times the Dice weight, twice that of the points: so many times that loss, and nothing else."""
    common = first_two(), box_points_set(), paths["images_table"], paths["image_dir"]
    found = []
    for dice, points in ((1.0, 0.25), (3.0, 0.25), (1.0, 0.5)):
        supervision = PointSupervision(point_weight=points)
        task = MixedTask(SETTINGS.model_copy(update={"dice_weight": dice, "supervision": supervision}), *common)
        batch = task.collate([task.dataset[index, 0] for index in range(4)])
        found.append({name: loss.item() for name, loss in task.losses(task.model.eval(), batch).items()})
    first, heavy, pointed = found
    assert min(first.values()) > 0
    assert heavy == pytest.approx(first | {"dice": 3 * first["dice"]})
    assert pointed == pytest.approx(first | {"points": 2 * first["points"]})
    plain = []
    for dice in (1.0, 3.0):
        settings = SETTINGS.model_copy(update={"dice_weight": dice})
        alone = SegmentorTask(settings, training_set(), paths["images_table"], paths["image_dir"])
        batch = alone.collate([alone.dataset[index, 0] for index in range(2)])
        plain.append({name: loss.item() for name, loss in alone.losses(alone.model.eval(), batch).items()})
    assert plain[1] == pytest.approx(plain[0] | {"dice": 3 * plain[0]["dice"]})


def test_the_manifest_spells_out_how_points_are_learnt(trained: Path) -> None:
    settings = json.loads((trained / "manifest.json").read_text())["settings"]
    assert settings["supervision"] == PointSupervision().model_dump()


def test_images_with_masks_get_their_share_of_every_batch(paths: dict[str, Any]) -> None:
    common = first_two(), box_points_set(), paths["images_table"], paths["image_dir"]
    shared = MixedTask(POINTED.model_copy(update={"full_share": 0.5}), *common).order(2, 0)
    assert {shared.index(number) for number in range(0, 8, 2)} == {0, 1}
    assert {shared.index(number) for number in range(1, 8, 2)} == {2, 3}
    assert sorted(MixedTask(POINTED, *common).order(2, 0).index(number) for number in range(4)) == [0, 1, 2, 3]


def test_refusals(folder: Path, paths: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"box_points\.json: image 3 is in .*full\.json, too; keep one of them"):
        _run(folder, "refused", paths, training_set=folder / "full.json")
    odd = first_two() | {"categories": [{"id": 3, "name": "early"}, {"id": 9, "name": "late"}], "annotations": []}
    write_coco(folder / "odd.json", odd)
    with pytest.raises(InputError, match=r"category ids \[3, 7\] are not those of .*odd\.json: \[3, 9\]"):
        _run(folder, "refused", paths, training_set=folder / "odd.json")
    masked = box_points_set()
    masked["annotations"][0]["segmentation"] = [[4, 4, 24, 4, 24, 20]]
    write_coco(folder / "masked.json", masked)
    with pytest.raises(InputError, match=r"masked\.json: annotation 21: has segmentation"):
        _run(folder, "refused", paths, box_points=folder / "masked.json")
    assert not (folder / "refused" / "manifest.json").exists()


def _ious(folder: Path, model: Path, paths: dict[str, Any]) -> list[float]:
    """IoU of each triangle with the best detection of its class on its image."""
    inference = InferenceSettings(short_side=48, long_side=64, threads=1)
    truth = json.loads((folder / "full.json").read_text())["annotations"]
    rows = list(read_images_table(paths["images_table"], "train").values())
    segmentor = load_segmentor(model, CPU)
    found = []
    for row, detected in detect_rows(segmentor, rows, paths["image_dir"], inference, 10, "test"):
        for one in (one for one in truth if one["image_id"] == row.image_id):
            wanted = decode_mask(one, HEIGHT, WIDTH)
            own = [mask.numpy() for mask, label in zip(detected.masks, detected.labels.tolist(), strict=True)
                   if segmentor.categories[label]["id"] == one["category_id"]]  # fmt: skip
            found.append(max((float((m & wanted).sum() / (m | wanted).sum()) for m in own), default=0.0))
    return found


@pytest.mark.slow
def test_triangles_are_learnt_from_points_alone(tmp_path: Path) -> None:
    """No image has a mask; a full box would have IoU .5 with its triangle, and a mask that reaches out of it less.

    A side is six cells of the network's masks, which round its corners: .8 is what longer training reaches, too.
    """
    paths = write_triangles(tmp_path)
    pointed = json.loads((tmp_path / "points.json").read_text())
    write_coco(tmp_path / "none.json", pointed | {"images": [], "annotations": []})
    settings = StudentSettings(
        network=NETWORK, schedule=ScheduleSettings(iterations=80, warmup=5, decay="cosine", steps=()),
        optimizer=OptimizerSettings(name="adamw", lr=0.004, batch=2, threads=1, clip=5.0),
        augmentation=AugmentationSettings(short_sides=(48,), long_side=64),
    )  # fmt: skip
    student.run(
        settings, tmp_path / "none.json", out=tmp_path / "out", box_points=tmp_path / "points.json", **paths
    )
    ious = _ious(tmp_path, tmp_path / "out" / "model.safetensors", paths)
    assert len(ious) == 4 and np.mean(ious) > 0.75, ious
