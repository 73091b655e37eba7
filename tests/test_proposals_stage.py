"""The stage proposals on three tiny images with a random segmentor."""

import hashlib
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from wssis.config.mask_stages import ProposalsSettings
from wssis.config.network import BackboneSettings, SOLOv2Settings
from wssis.config.training import InferenceSettings
from wssis.errors import InputError
from wssis.formats.checkpoint import save_model
from wssis.formats.coco import decode_mask, encode_mask, read_coco, write_coco
from wssis.formats.images_table import ImageRow, write_images_table
from wssis.formats.ledger_stream import ledger_parts
from wssis.formats.manifest import read_manifest
from wssis.formats.points import write_full_points
from wssis.formats.split import assign_folds
from wssis.models.solov2.network import SOLOv2
from wssis.stages.proposals import run

NETWORK = SOLOv2Settings(
    backbone=BackboneSettings(name="resnet18", norm="batch"),
    fpn_channels=8,
    instance_channels=8,
    instance_convs=1,
    mask_channels=8,
    kernel_channels=8,
    grids=(8, 6, 4, 3, 2),
)
CATEGORIES = [{"id": 7, "name": "ring"}, {"id": 3, "name": "bar"}]
SIZES = {11: (40, 60), 12: (64, 64), 13: (50, 33), 14: (30, 30)}
INFERENCE = InferenceSettings(short_side=48, long_side=80, batch=2, threads=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """images/, images.csv, weak.json, full.json, full_points.csv; image 14 has no objects."""
    (tmp_path / "images").mkdir()
    rng, rows, weak, full, points = np.random.default_rng(0), [], [], [], {}
    for image_id, (height, width) in SIZES.items():
        path = tmp_path / "images" / f"{image_id}.png"
        Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8)).save(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        rows.append(ImageRow("train", image_id, path.name, width, height, sha256))
        for number, category in enumerate([3, 7, 7] if image_id != 14 else []):
            annotation = {"id": 100 * image_id + number, "image_id": image_id, "category_id": category}
            point = (5.5 + 4 * number, 8.25)
            points[annotation["id"]] = point
            weak.append({**annotation, "point": list(point)})
            mask = np.zeros((height, width), bool)
            mask[4:12, 2:9] = True
            full.append(
                {**annotation, "iscrowd": 0, "segmentation": encode_mask(mask), "bbox": [2, 4, 7, 8], "area": 56}
            )
    images = [{"id": r.image_id, "file_name": r.file_name, "width": r.width, "height": r.height} for r in rows]
    for name, annotations in (("weak", weak), ("full", full)):
        write_coco(tmp_path / f"{name}.json", {"images": images, "annotations": annotations, "categories": CATEGORIES})
    write_full_points(tmp_path / "full_points.csv", points)
    write_images_table(tmp_path / "images.csv", rows)
    return tmp_path


@pytest.fixture
def checkpoint(tmp_path: Path) -> Callable[[str, list[dict[str, Any]]], Path]:
    def make(name: str, categories: list[dict[str, Any]]) -> Path:
        torch.manual_seed(len(name))
        model = SOLOv2(NETWORK, len(categories))
        torch.nn.init.normal_(model.instance_head.kernel.weight, std=1.0)
        metadata = {"kind": "solov2", "network": NETWORK.model_dump_json(), "categories": json.dumps(categories)}
        path = tmp_path / f"{name}.safetensors"
        save_model(path, model.state_dict(), {**metadata, "step": "0"})
        return path

    return make


def _run(folder: Path, side: str, predictors: dict[str, Path], **settings: Any) -> tuple[dict[str, Any], Any]:
    out, ledger = folder / "out" / f"{side}.json", folder / "out" / f"{side}.csv"
    run(
        ProposalsSettings(inference=INFERENCE, **settings),
        side,  # type: ignore[arg-type]
        folder / f"{side}.json",
        predictors,
        folder / "images.csv",
        folder / "images",
        out,
        ledger,
        folder / "full_points.csv" if side == "full" else None,
    )
    return read_coco(out), next(ledger_parts(ledger))


SORTED = sorted(CATEGORIES, key=lambda category: category["id"])


def test_weak_side_keeps_every_point(folder: Path, checkpoint: Callable[..., Path]) -> None:
    coco, ledger = _run(folder, "weak", {"teacher": checkpoint("teacher", SORTED)})
    weak = read_coco(folder / "weak.json")
    assert [a["point_id"] for a in coco["annotations"]] == [a["id"] for a in weak["annotations"]]
    assert [a["id"] for a in coco["annotations"]] == list(range(1, 10)) == ledger.proposal_id.tolist()
    assert set(ledger.predictor) == {"teacher"} and set(ledger.status) <= {"kept", "fallback", "empty"}
    for annotation, row in zip(coco["annotations"], ledger.itertuples(), strict=True):
        mask = decode_mask(annotation, *SIZES[annotation["image_id"]])
        assert mask.sum() == annotation["area"] == row.area
        x, y = annotation["point"]
        assert row.own_point_inside == mask[int(y + 0.5), int(x + 0.5)]
        assert annotation["score"] == pytest.approx(annotation["maskness"] * annotation["category_score"], abs=2e-6)
    counts = read_manifest(folder / "out" / "weak.json.manifest.json")["counts"]
    assert counts["points"] == counts["records"] == 9 and counts["images_without_objects"] == 1


def test_weak_side_is_the_same_again(folder: Path, checkpoint: Callable[..., Path]) -> None:
    teacher = checkpoint("teacher", SORTED)
    _run(folder, "weak", {"teacher": teacher})
    first = [(folder / "out" / name).read_bytes() for name in ("weak.json", "weak.csv")]
    _run(folder, "weak", {"teacher": teacher})
    assert first == [(folder / "out" / name).read_bytes() for name in ("weak.json", "weak.csv")]


def test_crossfit_predicts_each_image_by_the_teacher_that_did_not_see_it(
    folder: Path, checkpoint: Callable[..., Path]
) -> None:
    folds = {"fold0": checkpoint("fold0", SORTED), "fold1": checkpoint("fold1+", SORTED)}
    coco, _ = _run(folder, "full", folds, folds=2, fold_seed=5)
    fold = assign_folds(SIZES, 2, 5)
    assert len(coco["annotations"]) == 9
    assert all(a["predictor"] == f"fold{fold[a['image_id']]}" for a in coco["annotations"])


def test_snapshots_both_predict_every_image(folder: Path, checkpoint: Callable[..., Path]) -> None:
    both = {"snapshot1": checkpoint("snapshot1", SORTED), "snapshot2": checkpoint("snapshot2+", SORTED)}
    coco, ledger = _run(folder, "full", both, pairs="snapshots")
    assert len(coco["annotations"]) == 18
    assert ledger.groupby(["point_id", "predictor"]).size().eq(1).all()


@pytest.mark.parametrize(
    "named", [{"selection": "consistent"}, {"selection": "vote"}, {"overlap": "exclusive"}, {"flip": True}]
)
def test_improvements_lose_no_point(folder: Path, checkpoint: Callable[..., Path], named: dict[str, Any]) -> None:
    teacher = {"teacher": checkpoint("teacher", SORTED)}
    plain, _ = _run(folder, "weak", teacher)
    coco, ledger = _run(folder, "weak", teacher, **named)
    assert [a["point_id"] for a in coco["annotations"]] == [a["point_id"] for a in plain["annotations"]]
    assert (coco == plain) == ("overlap" in named), "the random masks of a class here share no pixel, or all"
    voted = named.get("selection") == "vote"
    most = ledger.maskness if voted else ledger.maskness * ledger.category_score
    assert (ledger.score <= most + 2e-6).all()


def test_soft_proposals_keep_their_masks_and_say_how_likely_each_pixel_is(
    folder: Path, checkpoint: Callable[..., Path]
) -> None:
    teacher = {"teacher": checkpoint("teacher", SORTED)}
    plain, _ = _run(folder, "weak", teacher)
    coco, _ = _run(folder, "weak", teacher, rough="soft")
    bare = [{key: value for key, value in one.items() if key != "soft"} for one in coco["annotations"]]
    assert bare == plain["annotations"]
    for one in coco["annotations"]:
        sets = [decode_mask({"id": 0, "segmentation": rle}, *SIZES[one["image_id"]]) for rle in one["soft"]]
        assert len(sets) == 5 and all((inner <= outer).all() for outer, inner in pairwise(sets))
        assert one["soft"][2] == one["segmentation"], "the third is the mask: above one half"


def test_a_second_rounds_student_predicts_every_full_image(folder: Path, checkpoint: Callable[..., Path]) -> None:
    coco, _ = _run(folder, "full", {"student": checkpoint("student", SORTED)}, pairs="student")
    assert len(coco["annotations"]) == 9 and {a["predictor"] for a in coco["annotations"]} == {"student"}


def test_corrupt_pairs_need_no_predictor(folder: Path, checkpoint: Callable[..., Path]) -> None:
    coco, ledger = _run(folder, "full", {}, pairs="corrupt", corrupt_seed=3)
    full = read_coco(folder / "full.json")
    assert [a["point_id"] for a in coco["annotations"]] == [a["id"] for a in full["annotations"]]
    assert set(ledger.status) == {"corrupted"} and set(ledger.predictor) == {"corrupt"}
    assert ledger[["level", "score", "maskness", "fallback"]].isna().all(axis=None)
    for annotation, row in zip(coco["annotations"], ledger.itertuples(), strict=True):
        mask = decode_mask(annotation, *SIZES[annotation["image_id"]])
        assert mask.sum() == annotation["area"] == row.area > 0
    assert len({a["segmentation"]["counts"] for a in coco["annotations"]}) > 6
    assert _run(folder, "full", {}, pairs="corrupt", corrupt_seed=3)[0] == coco
    assert _run(folder, "full", {}, pairs="corrupt", corrupt_seed=4)[0] != coco
    with pytest.raises(InputError, match="needs no --predictor"):
        _run(folder, "full", {"teacher": checkpoint("teacher", SORTED)}, pairs="corrupt")


def test_a_corrupt_mask_follows_from_its_annotation_id(folder: Path) -> None:
    before = {a["point_id"]: a["segmentation"] for a in _run(folder, "full", {}, pairs="corrupt")[0]["annotations"]}
    full = read_coco(folder / "full.json")
    full["images"].pop(0)
    full["annotations"] = [a for a in reversed(full["annotations"]) if a["image_id"] != 11]
    write_coco(folder / "full.json", full)
    after = {a["point_id"]: a["segmentation"] for a in _run(folder, "full", {}, pairs="corrupt")[0]["annotations"]}
    assert len(after) == 6 and all(before[number] == mask for number, mask in after.items())


def test_ids_may_be_negative(folder: Path) -> None:
    full = read_coco(folder / "full.json")
    for one in full["annotations"]:
        one["id"] = -one["id"]
    write_coco(folder / "full.json", full)
    write_full_points(folder / "full_points.csv", {one["id"]: (5.5, 8.25) for one in full["annotations"]})
    made = _run(folder, "full", {}, pairs="corrupt")[0]["annotations"]
    assert [one["point_id"] for one in made] == [one["id"] for one in full["annotations"]]


def test_published_filter_says_what_became_of_every_point(folder: Path, checkpoint: Callable[..., Path]) -> None:
    coco, ledger = _run(folder, "weak", {"teacher": checkpoint("teacher", SORTED)}, filter="published")
    assert len(ledger) == 9
    assert (ledger.status == "kept").sum() == len(coco["annotations"]) == ledger.proposal_id.notna().sum()
    assert set(ledger.status) <= {"kept", "cell_taken", "small", "suppressed", "beyond_top"}


def test_wrong_predictors_and_categories_are_refused(folder: Path, checkpoint: Callable[..., Path]) -> None:
    teacher = checkpoint("teacher", SORTED)
    with pytest.raises(InputError, match="fold0, fold1"):
        _run(folder, "full", {"teacher": teacher})
    with pytest.raises(InputError, match=r"category ids .* are not those of"):
        _run(folder, "weak", {"teacher": checkpoint("other", [{"id": 1, "name": "x"}])})


def test_an_object_without_point_is_refused(folder: Path, checkpoint: Callable[..., Path]) -> None:
    write_full_points(folder / "full_points.csv", {1100: (1.0, 2.0)})
    both = {name: checkpoint(name, SORTED) for name in ("fold0", "fold1")}
    with pytest.raises(InputError, match="annotation 1101 has no point"):
        _run(folder, "full", both)
