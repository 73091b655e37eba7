"""box-pseudo: every box has its mask or a reason for none, at its place, beside the full masks."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from box_fixtures import NETWORK, box_points_set
from segmentor_fixtures import training_set, write_study

from wssis.config.box_points import BoxPseudoSettings
from wssis.config.training import InferenceSettings
from wssis.errors import InputError
from wssis.formats.box_points import write_box_points
from wssis.formats.checkpoint import save_model
from wssis.formats.coco import decode_mask, read_coco, write_coco
from wssis.models.maskrcnn.network import MaskRCNN
from wssis.stages import box_pseudo


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Full masks on images 1 and 2, boxes on 3 and 4, and a network of random weights."""
    write_study(tmp_path)
    coco = training_set()
    full = {**coco, "images": coco["images"][:2]}
    full["annotations"] = [one for one in coco["annotations"] if one["image_id"] < 3 and one["segmentation"]]
    write_coco(tmp_path / "full.json", full)
    write_box_points(tmp_path / "box_points.json", box_points_set())
    _save(tmp_path / "model.safetensors", sorted(coco["categories"], key=lambda one: one["id"]))
    return tmp_path


def _save(path: Path, categories: list[dict[str, Any]]) -> None:
    torch.manual_seed(0)
    model = MaskRCNN(NETWORK, 2)
    network = {"network": NETWORK.model_dump_json(), "categories": json.dumps(categories)}
    save_model(path, model.state_dict(), {"kind": "mask-rcnn", "step": "1", **network})


def _made(run: Path, threshold: float) -> dict[str, Any]:
    inference = InferenceSettings(short_side=48, long_side=64, mask_threshold=threshold, threads=1, batch=2)
    box_pseudo.run(
        BoxPseudoSettings(inference=inference), run / "full.json", run / "box_points.json", run / "model.safetensors",
        run / "images.csv", run / "images", run / "pseudo/points10-selftrain.json",
    )  # fmt: skip
    return read_coco(run / "pseudo/points10-selftrain.json")


def _counts(run: Path) -> dict[str, int]:
    return json.loads((run / "pseudo/points10-selftrain.json.manifest.json").read_text())["counts"]


def test_masks_of_the_boxes_beside_the_full_ones(run: Path) -> None:
    made, boxes = _made(run, 0.01), box_points_set()["annotations"]
    pseudo = [one for one in made["annotations"] if one["source"] == "pseudo"]
    assert [one["point_id"] for one in pseudo] == [21, 22, 23, 24]
    assert [one["id"] for one in made["annotations"] if one["source"] == "full"] == [11, 12, 14]
    for one, box in zip(pseudo, boxes, strict=True):
        assert (one["image_id"], one["category_id"], one["outcome"]) == (box["image_id"], box["category_id"], "boxed")
        mask = decode_mask(one, 48, 64)
        x, y, width, height = box["bbox"]
        # A cell of the 28 x 28 grid fades out half a cell beyond the box, and a pixel is taken as a whole.
        assert mask.any() and mask[: max(0, int(y - height / 28)), :].sum() == mask[:, : max(0, int(x - 2))].sum() == 0
        assert mask[int(y + height / 2), int(min(63, x + width / 2))]
        assert 0 < one["score"] <= 1
    found = _counts(run)
    assert (found["full_images"], found["weak_images"], found["weak_points"]) == (2, 2, 4)
    assert (found["pseudo_masks"], found["unmasked"], found["boxed"], found["unmasked_box_empty"]) == (4, 0, 4, 0)
    assert "rough" not in found


def test_an_empty_box_stays_an_object_at_the_place_of_its_label(run: Path) -> None:
    made = _made(run, 0.999)
    pseudo = [one for one in made["annotations"] if one["source"] == "pseudo"]
    assert all(one["segmentation"] is None and one["outcome"] == "unmasked_box_empty" for one in pseudo)
    alone = pseudo[2]
    assert alone["point"] == [39.5, 19.5], "the middle of a box without points, in pixel indices"
    box = box_points_set()["annotations"][0]
    x, y = box["point_coords"][box["point_labels"].index(1)]
    assert pseudo[0]["point"] == [x - 0.5, y - 0.5]
    assert _counts(run)["unmasked"] == _counts(run)["unmasked_box_empty"] == 4


def test_a_network_of_other_categories_is_refused(run: Path) -> None:
    _save(run / "model.safetensors", [{"id": 3, "name": "early"}, {"id": 8, "name": "other"}])
    with pytest.raises(InputError, match=r"box_points\.json: category ids \[3, 7\] are not those of"):
        _made(run, 0.5)


def test_no_other_checkpoint_predicts_in_boxes(run: Path) -> None:
    save_model(run / "model.safetensors", {"a": torch.zeros(1)}, {"kind": "solov2"})
    with pytest.raises(InputError, match="not a box network's checkpoint"):
        _made(run, 0.5)
