"""crops -> train-refiner -> pseudo on four tiny images: pairs, digests, and one annotation for every point."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from wssis.config.mask_stages import CropAugmentationSettings, CropsSettings, PseudoSettings, RefinerSettings
from wssis.config.network import BackboneSettings, RefineNetSettings
from wssis.config.training import OptimizerSettings, ScheduleSettings
from wssis.engine.crop_data import CropDataset, collate
from wssis.engine.pseudo_set import NO_PROPOSAL, PseudoMask, TrainingSet, refined_mask
from wssis.errors import InputError
from wssis.formats.coco import decode_mask, encode_mask, mask_box, read_coco, write_coco
from wssis.formats.crop_store import CropStore
from wssis.formats.images_table import ImageRow, write_images_table
from wssis.formats.manifest import digest_of, read_manifest
from wssis.stages import crops, pseudo, refiner

CATEGORIES = [{"id": 5, "name": "b"}, {"id": 2, "name": "a"}]
H, W = 40, 48
TINY = RefineNetSettings(
    backbone=BackboneSettings(name="resnet18", norm="batch"), aspp_channels=8, decoder_channels=(8, 8, 8, 8)
)
REFINER = RefinerSettings(
    network=TINY,
    schedule=ScheduleSettings(iterations=3, warmup=1, decay="constant"),
    optimizer=OptimizerSettings(name="adamw", lr=1e-3, batch=4, ema=0.9, threads=1),
)


def _block(x: int, y: int, w: int, h: int) -> np.ndarray:
    mask = np.zeros((H, W), bool)
    mask[y : y + h, x : x + w] = True
    return mask


def _object(number: int, image: int, category: int, mask: np.ndarray) -> dict[str, Any]:
    x, y, w, h = mask_box(mask)
    return {
        "id": number, "image_id": image, "category_id": category, "segmentation": encode_mask(mask),
        "bbox": [x, y, w, h], "area": int(mask.sum()), "iscrowd": 0,
    }  # fmt: skip


def _proposal(number: int, of: dict[str, Any], mask: np.ndarray, predictor: str = "fold0") -> dict[str, Any]:
    x, y, w, h = of["bbox"]
    made = _object(number, of["image_id"], of["category_id"], mask)
    return {**made, "point_id": of["id"], "point": [x + w / 2, y + h / 2], "score": 0.5, "predictor": predictor}


def _images(ids: list[int]) -> list[dict[str, Any]]:
    return [{"id": i, "file_name": f"{i}.png", "height": H, "width": W} for i in ids]


def _coco(ids: list[int], annotations: list[dict[str, Any]]) -> dict[str, Any]:
    return {"images": _images(ids), "categories": CATEGORIES, "annotations": annotations}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Images 1, 2 with masks, 3, 4, 5 with points (5 is empty); the proposal of point 33 is empty."""
    rng = np.random.default_rng(1)
    (tmp_path / "images").mkdir()
    rows = []
    for i in range(1, 6):
        path = tmp_path / "images" / f"{i}.png"
        Image.fromarray(rng.integers(0, 256, (H, W, 3)).astype(np.uint8)).save(path)
        rows.append(ImageRow("train", i, path.name, W, H, hashlib.sha256(path.read_bytes()).hexdigest()))
    write_images_table(tmp_path / "images.csv", rows)
    full = [_object(11, 1, 5, _block(4, 5, 10, 12)), _object(12, 1, 2, _block(20, 8, 9, 9)),
            _object(13, 2, 2, _block(30, 20, 12, 15))]  # fmt: skip
    weak = [_object(31, 3, 2, _block(3, 3, 9, 9)), _object(32, 4, 5, _block(20, 20, 8, 8)),
            _object(33, 4, 2, _block(30, 4, 8, 8))]  # fmt: skip
    write_coco(tmp_path / "full.json", _coco([1, 2], full))
    points = [{"id": a["id"], "image_id": a["image_id"], "category_id": a["category_id"],
               "point": [a["bbox"][0] + 4, a["bbox"][1] + 4]} for a in weak]  # fmt: skip
    write_coco(tmp_path / "weak.json", _coco([3, 4, 5], points))
    pairs = [_proposal(n + 10 * k, a, np.roll(decode_mask(a, H, W), k + 1, axis=1), f"snapshot{k}")
             for k in (0, 1) for n, a in enumerate(full)]  # fmt: skip
    write_coco(tmp_path / "proposals_full.json", _coco([1, 2], pairs))
    rough = [_block(3, 4, 8, 9), _block(18, 20, 8, 8), np.zeros((H, W), bool)]
    proposed = [_proposal(n, a, mask, "teacher") for n, (a, mask) in enumerate(zip(weak, rough, strict=True))]
    write_coco(tmp_path / "proposals_weak.json", _coco([3, 4, 5], proposed))
    return tmp_path


def _crops(study: Path, side: str, size: int = 32, **more: Any) -> Path:
    out = study / "crops" / f"{side}.zarr"
    targets = study / "full.json" if side == "full" else None
    settings = CropsSettings(size=size, shard_megabytes=1)
    crops.run(settings, study / f"proposals_{side}.json", study / "full.json", study / "images", study / "images.csv",
              more.get("out", out), targets, more.get("workers", 0))  # fmt: skip
    return more.get("out", out)


def _refined(study: Path, out: str = "wssis.json", flip: bool = False) -> dict[str, Any]:
    pseudo.run(PseudoSettings(batch=2, flip=flip, threads=1), study / "full.json", study / "weak.json",
               study / "proposals_weak.json", study / out, study / "crops/weak.zarr",
               study / "refiner/model.safetensors")  # fmt: skip
    return read_coco(study / out)


def test_pairs_keep_to_their_own_object(study: Path) -> None:
    store = CropStore(_crops(study, "full"))
    objects = {a["id"]: a for a in read_coco(study / "full.json")["annotations"]}
    assert len(store) == 6 and store.table.point_id.tolist() == [11, 12, 11, 12, 13, 13]
    assert store.table.label.tolist() == [1, 0, 1, 0, 0, 0]  # class indices follow the sorted category ids
    for i in range(6):
        x1, y1, x2, y2 = store.table.window[i]
        share = decode_mask(objects[store.table.point_id[i]], H, W)[y1:y2, x1:x2].mean()
        assert store.record(i)["target"].mean() == pytest.approx(share, abs=0.04)
    manifest = read_manifest(study / "crops/full.zarr.manifest.json")
    assert manifest["counts"]["crops"] == 6 and manifest["counts"]["objects"] == 3


@pytest.mark.parametrize(
    ("name", "wrong", "said"),
    [("proposals_full.json", "full.json", "annotation 11 has no point; .* of points is"),
     ("proposals_full.json", "weak.json", "annotation 31 has no segmentation; .* of masks is"),
     ("full.json", "weak.json", "annotation 31 has no segmentation; .* of masks is")],
)  # fmt: skip
def test_another_file_in_the_place_of_proposals_or_masks(study: Path, name: str, wrong: str, said: str) -> None:
    shutil.copy(study / wrong, study / name)
    with pytest.raises(InputError, match=rf"{name}: {said} expected"):
        _crops(study, "full")


@pytest.mark.parametrize(
    ("name", "wrong", "said"),
    [("weak.json", "full.json", "annotation 11 has no point;"),
     ("proposals_weak.json", "weak.json", "annotation 31 has no segmentation;")],
)  # fmt: skip
def test_another_file_in_the_place_of_points(study: Path, name: str, wrong: str, said: str) -> None:
    shutil.copy(study / wrong, study / name)
    write_coco(study / "full.json", _coco([8], []))
    with pytest.raises(InputError, match=rf"{name}: {said}"):
        pseudo.run(PseudoSettings(masks="rough"), study / "full.json", study / "weak.json",
                   study / "proposals_weak.json", study / "out.json")  # fmt: skip


def test_crop_without_rough_mask_is_around_the_point(study: Path) -> None:
    store = CropStore(_crops(study, "weak"))
    x1, y1, x2, y2 = store.table.window[2]
    assert not store.record(2)["rough"].any() and x1 < 34 < x2 and y1 < 8 < y2
    assert "target" not in store.record(0)
    assert read_manifest(study / "crops/weak.zarr.manifest.json")["counts"]["rough_empty"] == 1


def test_workers_do_not_change_the_store(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crops, "records_per_shard", lambda size, megabytes: 2)
    alone, together = _crops(study, "full"), _crops(study, "full", out=study / "other.zarr", workers=2)
    assert digest_of(alone) == digest_of(together)


def test_changed_image_is_refused(study: Path) -> None:
    Image.new("RGB", (W, H)).save(study / "images" / "2.png")
    with pytest.raises(InputError, match=r"2\.png: image 2 has changed"):
        _crops(study, "full")
    assert not (study / "crops" / "full.zarr").exists()


def test_unknown_object_is_refused(study: Path) -> None:
    full = read_coco(study / "full.json")
    full["annotations"].pop()
    write_coco(study / "full.json", full)
    with pytest.raises(InputError, match="no annotation 13"):
        _crops(study, "full")


def test_every_point_ends_as_one_annotation(study: Path) -> None:
    _crops(study, "full"), _crops(study, "weak")
    refiner.run(REFINER, study / "crops/full.zarr", study / "state", study / "refiner")
    made = _refined(study)
    assert [a["point_id"] for a in made["annotations"] if a["source"] == "pseudo"] == [31, 32, 33]
    assert [a["id"] for a in made["annotations"] if a["source"] == "full"] == [11, 12, 13]
    assert len({a["id"] for a in made["annotations"]}) == 6 and [i["id"] for i in made["images"]] == [1, 2, 3, 4, 5]
    found = read_manifest(study / "wssis.json.manifest.json")["counts"]
    assert found["pseudo_masks"] + found["unmasked"] == found["weak_points"] == 3
    assert found["rough"] == 0 and found["weak_images_verified_empty"] == 1
    again = _refined(study, "again.json")
    assert again == made


def test_pixels_the_refiner_is_not_sure_of_are_kept_apart(study: Path) -> None:
    _crops(study, "full"), _crops(study, "weak")
    leaning = REFINER.model_copy(update={"network": TINY.model_copy(update={"rough_prior": 0.5})})
    refiner.run(leaning, study / "crops/full.zarr", study / "state", study / "refiner")
    plain = _refined(study)
    pseudo.run(PseudoSettings(batch=2, threads=1, ignore_band=0.2), study / "full.json", study / "weak.json",
               study / "proposals_weak.json", study / "banded.json", study / "crops/weak.zarr",
               study / "refiner/model.safetensors")  # fmt: skip
    banded = read_coco(study / "banded.json")
    made = [one for one in banded["annotations"] if "uncertain" in one]
    assert made, "it follows the rough masks, with probabilities near .5"
    for one in made:
        assert one["source"] == "pseudo" and decode_mask(one | {"segmentation": one["uncertain"]}, H, W).any()
    bare = [{key: value for key, value in one.items() if key != "uncertain"} for one in banded["annotations"]]
    assert bare == plain["annotations"], "the masks themselves are the same"


def _soften(study: Path, side: str) -> None:
    """Give every proposal five level sets: its mask four times, and the right half of it."""
    path = study / f"proposals_{side}.json"
    coco = read_coco(path)
    for one in coco["annotations"]:
        mask = decode_mask(one, H, W)
        x, _, width, _ = mask_box(mask)
        half = mask & (np.arange(W) >= x + width // 2)
        one["soft"] = [encode_mask(mask)] * 4 + [encode_mask(half)]
    write_coco(path, coco)


def _soft_crops(study: Path, side: str) -> Path:
    out = study / "soft" / f"{side}.zarr"
    crops.run(CropsSettings(size=32, shard_megabytes=1, rough="soft"), study / f"proposals_{side}.json",
              study / "full.json", study / "images", study / "images.csv", out,
              study / "full.json" if side == "full" else None)  # fmt: skip
    return out


def test_soft_rough_masks_from_proposals_to_pseudo_masks(study: Path) -> None:
    with pytest.raises(InputError, match="has no soft mask; run propose with rough: soft"):
        _soft_crops(study, "full")
    for side in ("full", "weak"):
        _soften(study, side)
    stores = {side: CropStore(_soft_crops(study, side)) for side in ("full", "weak")}
    assert set(np.unique(stores["full"].record(0)["rough"])) == {0, 204, 255}
    binary = CropStore(_crops(study, "full"))
    assert not binary.layout.soft and (binary.record(0)["rough"] == (stores["full"].record(0)["rough"] > 0)).all()
    batch = collate([CropDataset(stores["full"], None)[index, 0] for index in range(2)])
    assert batch.rough.dtype == torch.float32 and sorted(batch.rough.unique().tolist()) == pytest.approx([0, 0.8, 1])
    moving = REFINER.model_copy(update={"augmentation": CropAugmentationSettings(rough_noise=0.5)})
    refiner.run(moving, stores["full"].path, study / "state", study / "refiner")
    paths = (study / "full.json", study / "weak.json", study / "proposals_weak.json", study / "soft.json")
    model = study / "refiner/model.safetensors"
    pseudo.run(PseudoSettings(batch=2, threads=1, flip=True), *paths, stores["weak"].path, model)
    assert read_manifest(study / "soft.json.manifest.json")["counts"]["weak_points"] == 3
    with pytest.raises(InputError, match=r"trained with rough masks soft, but .* has binary"):
        pseudo.run(PseudoSettings(batch=2, threads=1), *paths, _crops(study, "weak"), model)


def test_flip_averaging_runs(study: Path) -> None:
    _crops(study, "full"), _crops(study, "weak")
    refiner.run(REFINER, study / "crops/full.zarr", study / "state", study / "refiner")
    assert len(_refined(study, flip=True)["annotations"]) == 6


def test_training_twice_gives_the_same_bytes(study: Path) -> None:
    _crops(study, "full")
    for name in ("refiner", "refiner2"):
        refiner.run(REFINER, study / "crops/full.zarr", study / "state", study / name)
    assert digest_of(study / "refiner/model.safetensors") == digest_of(study / "refiner2/model.safetensors")


def test_trained_refiner_can_be_imported(study: Path) -> None:
    _crops(study, "full"), _crops(study, "weak")
    refiner.run(REFINER, study / "crops/full.zarr", study / "state", study / "first")
    settings = REFINER.model_copy(update={"checkpoint": str(study / "first/model.safetensors")})
    refiner.run(settings, study / "crops/full.zarr", study / "state", study / "refiner")
    assert read_manifest(study / "refiner/manifest.json")["counts"]["training_images"] == "unknown"
    assert len(_refined(study)["annotations"]) == 6


def test_rough_masks_stay_as_they_are(study: Path) -> None:
    pseudo.run(PseudoSettings(masks="rough"), study / "full.json", study / "weak.json",
               study / "proposals_weak.json", study / "rough.json")  # fmt: skip
    proposals = {a["point_id"]: a for a in read_coco(study / "proposals_weak.json")["annotations"]}
    made = {a["point_id"]: a for a in read_coco(study / "rough.json")["annotations"] if a["source"] == "pseudo"}
    assert made[31]["segmentation"] == proposals[31]["segmentation"] and made[31]["area"] == 72
    assert made[33]["segmentation"] is None and "bbox" not in made[33]
    found = read_manifest(study / "rough.json.manifest.json")["counts"]
    assert (found["rough"], found["unmasked"], found["unmasked_rough_empty"]) == (2, 1, 1)


def test_dropped_proposal_is_counted(study: Path) -> None:
    proposals = read_coco(study / "proposals_weak.json")
    proposals["annotations"].pop(0)
    write_coco(study / "proposals_weak.json", proposals)
    pseudo.run(PseudoSettings(masks="rough"), study / "full.json", study / "weak.json",
               study / "proposals_weak.json", study / "rough.json")  # fmt: skip
    assert read_manifest(study / "rough.json.manifest.json")["counts"]["unmasked_no_proposal"] == 1


def test_crops_of_other_proposals_are_refused(study: Path) -> None:
    _crops(study, "full"), _crops(study, "weak")
    refiner.run(REFINER, study / "crops/full.zarr", study / "state", study / "refiner")
    proposals = read_coco(study / "proposals_weak.json")
    proposals["annotations"].pop(0)
    write_coco(study / "proposals_weak.json", proposals)
    with pytest.raises(InputError, match="not those of the proposals"):
        _refined(study)


def test_weak_store_is_no_training_set(study: Path) -> None:
    with pytest.raises(InputError, match="no pairs to train on"):
        refiner.run(REFINER, _crops(study, "weak"), study / "state", study / "refiner")


def test_other_heat_map_is_refused(study: Path) -> None:
    settings = REFINER.model_copy(update={"network": TINY.model_copy(update={"heatmap_sigma": 3.0})})
    with pytest.raises(InputError, match="heat maps"):
        refiner.run(settings, _crops(study, "full"), study / "state", study / "refiner")


def test_empty_refined_mask_is_unmasked_never_rough() -> None:
    empty, some = np.zeros((4, 4), bool), np.eye(4, dtype=bool)
    rough = PseudoMask(encode_mask(some), "rough", 0.7)
    rough_empty = PseudoMask(None, "unmasked_rough_empty", 0.7)
    assert refined_mask(empty, rough) == PseudoMask(None, "unmasked_refined_empty", 0.7)
    assert refined_mask(empty, rough_empty).outcome == "unmasked_both_empty"
    assert refined_mask(some, rough_empty).outcome == "refined_from_empty"


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=12))
def test_counts_balance(outcomes: list[tuple[bool, bool]]) -> None:
    rough = {False: PseudoMask(encode_mask(np.ones((2, 2))), "rough"), True: PseudoMask(None, "unmasked_rough_empty")}
    masks = {
        number: refined_mask(np.full((2, 2), filled), rough[rough_was_empty]) for number, (filled, rough_was_empty)
        in enumerate(outcomes, start=100)
    }  # fmt: skip
    points = [{"id": number, "image_id": 1, "category_id": 2, "point": [0, 0]} for number in [*masks, 99]]
    weak = {"images": [{"id": 1}, {"id": 2}], "categories": CATEGORIES}
    training_set = TrainingSet({"images": [], "categories": CATEGORIES}, [], weak, points, masks)
    made = list(training_set.coco()["annotations"])
    found = training_set.counts()
    assert len(made) == found["weak_points"] == found["pseudo_masks"] + found["unmasked"]
    assert sum(1 for a in made if a["segmentation"] is None) == found["unmasked"]
    assert found[NO_PROPOSAL.outcome] == found["weak_images_verified_empty"] == 1
    assert json.dumps(made)


def test_a_temporary_store_is_said_to_be_one(study: Path) -> None:
    out = study / "temporary.zarr"
    crops.run(CropsSettings(size=32), study / "proposals_weak.json", study / "full.json", study / "images",
              study / "images.csv", out, temporary=True)  # fmt: skip
    assert read_manifest(study / "temporary.zarr.manifest.json")["retained"] is False
    assert "retained" not in read_manifest(_crops(study, "weak").with_name("weak.zarr.manifest.json"))
