"""Mask and box AP: equal to pycocotools' own summary where it has one, and right where it has none."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from wssis.engine import coco_metrics
from wssis.engine.bootstrap import class_matches, draw_weights, resampled_ap
from wssis.engine.coco_metrics import average_precision, fast_match, match, require, summarise
from wssis.errors import InputError
from wssis.formats.coco import decode_mask, encode_mask, mask_box, read_coco


def noisy_detections(coco: dict, seed: int, misses: float = 0.3, false_alarms: int = 3) -> list[dict]:
    """Shifted and misclassified copies of the truth, and rectangles of nothing; scores rounded, so that some tie."""
    rng = np.random.default_rng(seed)
    categories = [category["id"] for category in coco["categories"]]
    images = {image["id"]: image for image in coco["images"]}
    masks = [
        (a["image_id"], a["category_id"] if rng.random() > 0.1 else int(rng.choice(categories)),
         np.roll(decode_mask(a, images[a["image_id"]]["height"], images[a["image_id"]]["width"]),
                 tuple(rng.integers(-4, 5, 2)), (0, 1)))
        for a in coco["annotations"] if rng.random() > misses
    ]  # fmt: skip
    for image in coco["images"]:
        for _ in range(false_alarms):
            mask = np.zeros((image["height"], image["width"]), bool)
            y, x = rng.integers(0, image["height"] - 20), rng.integers(0, image["width"] - 20)
            mask[y : y + 20, x : x + 20] = True
            masks.append((image["id"], int(rng.choice(categories)), mask))
    return [
        {"image_id": image, "category_id": category, "score": round(float(rng.random()), 2),
         "segmentation": encode_mask(mask), "bbox": mask_box(mask)}
        for image, category, mask in masks if mask.any()
    ]  # fmt: skip


def own_summary(path: Path, detections: list[dict], kind: str) -> np.ndarray:
    """The twelve numbers of pycocotools, -1 where undefined."""
    keys = ("image_id", "category_id", "score", "segmentation" if kind == "segm" else "bbox")
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(path))
        evaluator = COCOeval(truth, truth.loadRes([{k: d[k] for k in keys} for d in detections]), kind)
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator.stats


@pytest.fixture(params=["smoke-carparts", "coco-mini"])
def truth_path(request: pytest.FixtureRequest, shared_data: Path) -> Path:
    """coco-mini has crowd regions and images without objects."""
    return shared_data / request.param / "annotations" / "instances_val.json"


def test_summary_at_100_equals_pycocotools(truth_path: Path) -> None:
    coco = read_coco(truth_path)
    detections = noisy_detections(coco, seed=1)
    scores = summarise(coco, detections, max_detections=100)
    names = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large")
    ours = [-1 if scores[name] is None else scores[name] / 100 for name in names]
    np.testing.assert_allclose(ours, own_summary(truth_path, detections, "segm")[:6], atol=1e-12)
    assert scores["bbox_AP"] / 100 == pytest.approx(own_summary(truth_path, detections, "bbox")[0], abs=1e-12)


@pytest.mark.parametrize("max_detections", [3, 100, 300])
@pytest.mark.parametrize("kind", ["segm", "bbox"])
def test_hotcoco_gives_pycocotools_precisions(truth_path: Path, kind: str, max_detections: int) -> None:
    """All classes, areas, recalls and thresholds; scores tie, the truth has crowd, an annotation may have id 0."""
    coco = read_coco(truth_path)
    coco["annotations"][0]["id"] = 0
    for seed in (4, 5):
        given = coco, noisy_detections(coco, seed), max_detections, kind
        theirs, fast = match(*given), fast_match(*given)
        np.testing.assert_allclose(fast.eval["precision"], theirs.eval["precision"], rtol=0, atol=1e-12)
        assert list(fast.params.catIds) == list(theirs.params.catIds)


def test_hotcoco_gives_the_same_scores(truth_path: Path) -> None:
    coco = read_coco(truth_path)
    for detections in (noisy_detections(coco, seed=6), []):
        ours, fast = summarise(coco, detections, 100), summarise(coco, detections, 100, "hotcoco")
        assert fast.pop("per_class") == [
            {**row, **{key: pytest.approx(row[key], abs=1e-10) for key in ("AP", "AP50") if row[key] is not None}}
            for row in ours.pop("per_class")
        ]
        assert fast == {key: value if value is None else pytest.approx(value, abs=1e-10) for key, value in ours.items()}


def test_an_evaluator_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coco_metrics, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"evaluate\.evaluator is hotcoco.*pip install 'wssis\[hotcoco\]'"):
        require("hotcoco")


def test_weights_of_one_give_cocoevals_ap(truth_path: Path) -> None:
    coco = read_coco(truth_path)
    evaluator = match(coco, noisy_detections(coco, seed=2), max_detections=100)
    once = np.ones((1, len(coco["images"])), np.int32)
    ap = resampled_ap(class_matches(evaluator), once, evaluator.params.recThrs)
    assert ap[0] == pytest.approx(average_precision(evaluator), abs=1e-10)


def _drawn(coco: dict, detections: list[dict], weights: np.ndarray) -> tuple[dict, list[dict]]:
    """The data set of a resample, written out: an image drawn twice is there twice, under two ids."""
    images, annotations, results = [], [], []
    for image, weight in zip(sorted(coco["images"], key=lambda i: i["id"]), weights, strict=True):
        for _ in range(weight):
            new = len(images) + 1
            images.append({**image, "id": new})
            annotations += [{**a, "image_id": new} for a in coco["annotations"] if a["image_id"] == image["id"]]
            results += [{**d, "image_id": new} for d in detections if d["image_id"] == image["id"]]
    return {**coco, "images": images, "annotations": annotations}, results


def test_a_resample_equals_evaluating_the_images_drawn(shared_data: Path) -> None:
    coco = read_coco(shared_data / "smoke-carparts" / "annotations" / "instances_val.json")
    detections = noisy_detections(coco, seed=3)
    for number, detection in enumerate(detections):
        detection["score"] += number * 1e-6  # ties across images have no defined order
    evaluator = match(coco, detections, max_detections=100)
    weights = draw_weights(len(coco["images"]), resamples=5, seed=0)
    ours = resampled_ap(class_matches(evaluator), weights, evaluator.params.recThrs)
    theirs = [average_precision(match(*_drawn(coco, detections, row), max_detections=100)) for row in weights]
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def _tiny(annotations: list[dict], images: int = 2) -> dict:
    return {
        "images": [{"id": n, "height": 6, "width": 9} for n in range(images)],
        "annotations": annotations,
        "categories": [{"id": 3, "name": "ring"}, {"id": 5, "name": "star"}],
    }


def _object(number: int, image: int, category: int, rows: slice, columns: slice, crowd: int = 0) -> dict:
    mask = np.zeros((6, 9), bool)
    mask[rows, columns] = True
    return {"id": number, "image_id": image, "category_id": category, "segmentation": encode_mask(mask),
            "bbox": mask_box(mask), "area": int(mask.sum()), "iscrowd": crowd}  # fmt: skip


def test_no_detections_and_no_truth() -> None:
    ring = _object(0, 0, 3, slice(0, 3), slice(0, 3))
    assert summarise(_tiny([ring]), [], 100)["AP"] == 0
    empty = summarise(_tiny([]), [], 100)
    assert empty["AP"] is None and empty["bbox_AP"] is None
    assert [row["AP"] for row in empty["per_class"]] == [None, None]


def test_annotation_id_zero_is_matched() -> None:
    ring = _object(0, 0, 3, slice(0, 3), slice(0, 3))
    scores = summarise(_tiny([ring]), [{**ring, "score": 0.9}], 100)
    assert scores["AP"] == pytest.approx(100)
    assert scores["per_class"][0] == {"category_id": 3, "name": "ring", "objects": 1, "AP": pytest.approx(100),
                                      "AP50": pytest.approx(100)}  # fmt: skip


def test_detections_on_a_crowd_are_not_false_alarms() -> None:
    ring = _object(1, 0, 3, slice(0, 3), slice(0, 3))
    crowd = _object(2, 0, 3, slice(3, 6), slice(0, 9), crowd=1)
    inside = _object(3, 0, 3, slice(4, 6), slice(2, 4))
    detections = [{**inside, "score": 0.9}, {**ring, "score": 0.8}]
    assert summarise(_tiny([ring, crowd]), detections, 100)["AP"] == pytest.approx(100)
    assert summarise(_tiny([ring]), detections, 100)["AP"] == pytest.approx(50)


def test_limit_of_detections_above_100() -> None:
    """120 objects in a row: with 100 detections per image recall ends at 100 / 120."""
    coco = {"images": [{"id": 1, "height": 2, "width": 240}], "categories": [{"id": 1, "name": "dot"}],
            "annotations": []}  # fmt: skip
    for number in range(120):
        mask = np.zeros((2, 240), bool)
        mask[:, 2 * number] = True
        coco["annotations"].append({"id": number, "image_id": 1, "category_id": 1, "segmentation": encode_mask(mask),
                                    "bbox": mask_box(mask), "area": 2, "iscrowd": 0})  # fmt: skip
    detections = [{**a, "score": 1 - a["id"] / 1000} for a in coco["annotations"]]
    assert summarise(coco, detections, 200)["AP"] == pytest.approx(100)
    assert summarise(coco, detections, 100)["AP"] == pytest.approx(100 * 84 / 101)
    assert summarise(coco, detections, 200)["max_detections"] == 200


def test_a_class_without_truth_among_the_drawn_images_is_left_out() -> None:
    ring, star = _object(1, 0, 3, slice(0, 3), slice(0, 3)), _object(2, 1, 5, slice(0, 3), slice(0, 3))
    evaluator = match(_tiny([ring, star]), [{**ring, "score": 0.5}], 100)
    weights = np.array([[1, 1], [2, 0], [0, 2]], np.int32)
    ap = resampled_ap(class_matches(evaluator), weights, evaluator.params.recThrs)
    np.testing.assert_allclose(ap, [50, 100, 0])
    nothing = match(_tiny([ring]), [], 100)
    assert np.isnan(resampled_ap(class_matches(nothing), np.array([[0, 2]], np.int32), nothing.params.recThrs)[0])


def test_draws_are_repeatable_and_complete() -> None:
    weights = draw_weights(7, 11, seed=4)
    assert weights.shape == (11, 7) and (weights.sum(axis=1) == 7).all()
    np.testing.assert_array_equal(weights, draw_weights(7, 11, seed=4))
