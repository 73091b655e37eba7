"""train-teacher, train-fold, train-student on four small images."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from segmentor_fixtures import COMMON, NETWORK, training_set, write_study

from wssis.config.segmentor_stages import FoldSettings, StudentSettings, TeacherSettings
from wssis.config.training import InferenceSettings
from wssis.engine.predictor import load_segmentor, predict, refuse_imported_snapshot
from wssis.engine.segmentor_task import SegmentorTask, groups_by_truth
from wssis.engine.state import state_folder
from wssis.errors import InputError
from wssis.formats.checkpoint import load_model, save_model
from wssis.formats.coco import write_coco
from wssis.formats.images_table import read_images_table
from wssis.formats.manifest import digest_of, read_manifest
from wssis.formats.split import assign_folds
from wssis.models.backbones import build_backbone
from wssis.stages import fold, student, teacher

TEACHER = TeacherSettings(**COMMON, snapshots=(2, 4))
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def paths(folder: Path) -> dict[str, Any]:
    return write_study(folder)


@pytest.fixture(scope="module")
def trained(folder: Path, paths: dict[str, Any]) -> Path:
    """A teacher's outputs."""
    teacher.run(TEACHER, folder / "full.json", out=folder / "teacher", **paths)
    return folder / "teacher"


def test_teacher_writes_model_snapshots_and_manifest(trained: Path, folder: Path) -> None:
    manifest = read_manifest(trained / "manifest.json")
    names = ["metrics.jsonl", "model.safetensors", "snapshot1.safetensors", "snapshot2.safetensors"]
    assert sorted(manifest["outputs"]) == names
    assert manifest["counts"]["images"] == 4 and manifest["counts"]["steps"] == 4
    assert all(digest_of(trained / name) == digest for name, digest in manifest["outputs"].items())
    metadata = load_model(trained / "snapshot1.safetensors")[1]
    assert metadata["step"] == "2" and metadata["kind"] == "solov2"
    assert json.loads(metadata["categories"]) == [{"id": 3, "name": "early"}, {"id": 7, "name": "late"}]
    assert not any((folder / ".state").rglob("state.pt"))


def test_same_seed_same_bytes_another_seed_others(trained: Path, folder: Path, paths: dict[str, Any]) -> None:
    teacher.run(TEACHER, folder / "full.json", out=folder / "again", workers=2, **paths)
    other = TEACHER.model_copy(update={"seed": 1})
    teacher.run(other, folder / "full.json", out=folder / "other", **paths)
    for name in ("model.safetensors", "snapshot1.safetensors", "snapshot2.safetensors"):
        assert (folder / "again" / name).read_bytes() == (trained / name).read_bytes()
        assert (folder / "other" / name).read_bytes() != (trained / name).read_bytes()


def test_students_of_a_seed_begin_alike(paths: dict[str, Any]) -> None:
    torch.rand(3)
    tasks = []
    for annotations in (training_set()["annotations"], training_set()["annotations"][:1]):
        coco = training_set() | {"annotations": annotations}
        tasks.append(SegmentorTask(StudentSettings(**COMMON), coco, paths["images_table"], paths["image_dir"]))
    first, second = (task.model.state_dict() for task in tasks)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_student_counts_what_has_no_mask(folder: Path, paths: dict[str, Any]) -> None:
    student.run(StudentSettings(**COMMON), folder / "full.json", out=folder / "student", **paths)
    counts = read_manifest(folder / "student" / "manifest.json")["counts"]
    assert (counts["images"], counts["objects"], counts["unmasked"]) == (4, 5, 1)


def test_given_weights_are_on_record(folder: Path, paths: dict[str, Any]) -> None:
    body = build_backbone(NETWORK.backbone).body
    save_file(body.state_dict(), folder / "backbone.safetensors")
    backbone = NETWORK.backbone.model_copy(update={"weights": str(folder / "backbone.safetensors")})
    network = NETWORK.model_copy(update={"backbone": backbone})
    settings = StudentSettings(**COMMON | {"network": network})
    student.run(settings, folder / "full.json", out=folder / "given", **paths)
    recorded = read_manifest(folder / "given" / "manifest.json")["inputs"]["weights"]
    assert recorded["sha256"] == digest_of(folder / "backbone.safetensors")
    (folder / "backbone.safetensors").unlink()
    with pytest.raises(InputError, match=r"backbone\.safetensors"):
        student.run(settings, folder / "full.json", out=folder / "given", **paths)


def test_trainings_that_differ_in_their_folder_alone_share_no_state(folder: Path) -> None:
    """Two studies side by side, or two variants whose training sets came out equal."""
    inputs, root = {"full": folder / "full.json"}, folder / ".state"
    keys = [state_folder(root, "teacher", TEACHER, inputs, "code", folder / name) for name in ("a", "b", "a")]
    assert keys[0] == keys[2] != keys[1]
    moved = [Path(f"{folder}/../{folder.name}/{name}") for name in (".state", "a")]
    assert state_folder(moved[0], "teacher", TEACHER, inputs, "code", moved[1]).name == keys[0].name


def test_folds_leave_their_images_out() -> None:
    coco = training_set()
    kept = [{image["id"] for image in fold.without_fold(coco, 2, k, 0)["images"]} for k in (0, 1)]
    assert kept[0] | kept[1] == {1, 2, 3, 4} and not kept[0] & kept[1]
    assert kept[0] == {image for image, its_fold in assign_folds([1, 2, 3, 4], 2, 0).items() if its_fold == 1}
    annotations = fold.without_fold(coco, 2, 0, 0)["annotations"]
    assert {one["image_id"] for one in annotations} <= kept[0]
    with pytest.raises(InputError, match=r"folds are numbered 0 \.\.\. 1"):
        fold.without_fold(coco, 2, 2, 0)


def test_fold_trains(folder: Path, paths: dict[str, Any]) -> None:
    fold.run(FoldSettings(**COMMON, folds=2, fold=1), folder / "full.json", out=folder / "folds" / "1", **paths)
    assert read_manifest(folder / "folds" / "1" / "manifest.json")["counts"]["images"] == 2


def test_imported_teacher_is_marked(trained: Path, folder: Path, paths: dict[str, Any]) -> None:
    settings = TEACHER.model_copy(update={"checkpoint": str(trained / "model.safetensors")})
    teacher.run(settings, folder / "full.json", out=folder / "imported", **paths)
    manifest = read_manifest(folder / "imported" / "manifest.json")
    assert manifest["counts"]["imported"] == digest_of(trained / "model.safetensors")
    assert manifest["inputs"]["checkpoint"]["sha256"] == digest_of(trained / "model.safetensors")
    snapshot = folder / "imported" / "snapshot1.safetensors"
    weights, expected = load_model(snapshot)[0], load_model(trained / "model.safetensors")[0]
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    segmentor = load_segmentor(snapshot, CPU)
    refuse_imported_snapshot(segmentor, "teacher", snapshot)
    with pytest.raises(InputError, match="crossfit"):
        refuse_imported_snapshot(segmentor, "snapshot1", snapshot)


def test_import_of_something_else_is_refused(trained: Path, folder: Path, paths: dict[str, Any]) -> None:
    weights, metadata = load_model(trained / "model.safetensors")
    cases = {
        "not a segmentor": metadata | {"kind": "maskrefinenet"},
        "categories": metadata | {"categories": json.dumps([{"id": 3, "name": "early"}, {"id": 7, "name": "cat"}])},
    }
    for message, changed in cases.items():
        save_model(folder / "odd.safetensors", weights, changed)
        settings = TEACHER.model_copy(update={"checkpoint": str(folder / "odd.safetensors")})
        with pytest.raises(InputError, match=message):
            teacher.run(settings, folder / "full.json", out=folder / "refused", **paths)
    assert not (folder / "refused" / "manifest.json").exists()


def test_equal_snapshots_are_refused() -> None:
    with pytest.raises(ValueError, match="two different steps"):
        TeacherSettings(**COMMON, snapshots=(3, 3))


def test_predictor_groups_by_size_and_checks_weights(trained: Path, folder: Path, paths: dict[str, Any]) -> None:
    segmentor = load_segmentor(trained / "model.safetensors", CPU)
    rows = list(read_images_table(paths["images_table"], "train").values())
    settings = InferenceSettings(short_side=32, long_side=64, batch=3, threads=1)
    batches = list(predict(segmentor, rows, paths["image_dir"], settings, "test"))
    assert [[row.image_id for row in batch.rows] for batch in batches] == [[1, 2, 3], [4]]
    assert batches[0].image_sizes == [(32, 43)] * 3 and batches[0].padded_size == (32, 64)
    assert batches[0].original_sizes == [(48, 64)] * 3
    weights, metadata = load_model(trained / "model.safetensors")
    metadata["network"] = NETWORK.model_copy(update={"kernel_channels": 16}).model_dump_json()
    save_model(folder / "unfit.safetensors", weights, metadata)
    with pytest.raises(InputError, match="do not fit"):
        load_segmentor(folder / "unfit.safetensors", CPU)


def test_pseudo_masks_weigh_by_their_score() -> None:
    coco = training_set()
    kinds = [{"source": "full"}, {"source": "pseudo", "score": 0.25}, {"source": "pseudo", "score": 0.5}]
    coco["annotations"] = [one | kind for one, kind in zip(coco["annotations"], kinds, strict=False)]
    assert student.weighted(coco, "none") is coco
    weights = [one.get("weight") for one in student.weighted(coco, "quality")["annotations"]]
    assert weights == [0.5, 0.25, None], "the third has no mask, so there is nothing to weigh"
    assert coco["annotations"][1].get("weight") is None


def test_images_with_true_masks_get_their_share_of_every_batch(paths: dict[str, Any]) -> None:
    coco = training_set()
    sources = ("full", "full", "pseudo", "pseudo", "pseudo")
    coco["annotations"] = [one | {"source": source} for one, source in zip(coco["annotations"], sources, strict=True)]
    assert groups_by_truth(coco) == ([0, 2], [1, 3]), "nothing is guessed of the empty image"
    arguments = (StudentSettings(**COMMON), coco, paths["images_table"], paths["image_dir"])
    shared = SegmentorTask(*arguments, full_share=0.5).order(2, 0)
    assert {shared.index(number) for number in range(0, 8, 2)} == {0, 2}
    assert {shared.index(number) for number in range(1, 8, 2)} == {1, 3}
    plain = SegmentorTask(*arguments).order(2, 0)
    assert sorted(plain.index(number) for number in range(4)) == [0, 1, 2, 3]
    alone = SegmentorTask(arguments[0], training_set(), *arguments[2:], full_share=0.5).order(2, 0)
    assert groups_by_truth(training_set()) == ([0, 1, 2, 3], [])
    assert sorted(alone.index(number) for number in range(4)) == [0, 1, 2, 3], "one kind alone: as they come"


def test_a_student_trains_with_weights_and_share(folder: Path, paths: dict[str, Any]) -> None:
    coco = training_set()
    coco["annotations"] = [one | {"source": "pseudo", "score": 0.5} for one in coco["annotations"][:3]]
    write_coco(folder / "pseudo.json", coco)
    settings = StudentSettings(**COMMON, mask_weight="quality", full_share=0.5)
    student.run(settings, folder / "pseudo.json", out=folder / "weighed", **paths)
    assert read_manifest(folder / "weighed" / "manifest.json")["settings"]["mask_weight"] == "quality"
