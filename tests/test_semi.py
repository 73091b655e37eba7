"""The arm semi: thresholds from out-of-fold detections, and labels that reach them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_masks import drawn

from wssis.config.segmentor_stages import ConfidentLabelsSettings, ScoreThresholdsSettings
from wssis.engine.confidence import score_thresholds
from wssis.errors import InputError
from wssis.formats.coco import encode_mask, mask_box, read_coco, write_coco
from wssis.formats.images_table import ImageRow, write_images_table
from wssis.formats.manifest import read_manifest
from wssis.formats.score_thresholds import ScoreThreshold, read_thresholds, write_thresholds
from wssis.formats.split import assign_folds, write_split
from wssis.stages import confident_labels
from wssis.stages import score_thresholds as thresholds_stage

CATEGORIES = [{"id": 3, "name": "ring"}, {"id": 5, "name": "star"}]


LEFT = drawn("""
    ###......
    ###......
    ###......
    .........
    .........
    .........
""")
RIGHT = drawn("""
    .........
    .........
    .........
    ......###
    ......###
    ......###
""")
MIDDLE = drawn("""
    .........
    .........
    ...##....
    ...##....
    .........
    .........
""")


def _image(number: int) -> dict[str, Any]:
    return {"id": number, "file_name": f"{number}.png", "height": 6, "width": 9}


def _object(number: int, image: int, category: int, mask: np.ndarray, crowd: int = 0) -> dict[str, Any]:
    return {"id": number, "image_id": image, "category_id": category, "segmentation": encode_mask(mask),
            "iscrowd": crowd, "area": int(mask.sum()), "bbox": mask_box(mask)}  # fmt: skip


def _detection(image: int, category: int, mask: np.ndarray, score: float) -> dict[str, Any]:
    one = _object(0, image, category, mask)
    return {key: one[key] for key in ("image_id", "category_id", "segmentation", "bbox")} | {"score": score}


def _truth(*annotations: dict[str, Any]) -> dict[str, Any]:
    return {"images": [_image(1), _image(2)], "categories": CATEGORIES, "annotations": list(annotations)}


def test_the_threshold_maximises_f1() -> None:
    """Right, wrong, right, wrong by falling score, of two objects: F1 is 2/3, 1/2, 4/5, 2/3."""
    truth = _truth(_object(1, 1, 3, LEFT), _object(2, 2, 3, RIGHT))
    found = [
        _detection(1, 3, LEFT, 0.9), _detection(1, 3, MIDDLE, 0.8), _detection(2, 3, RIGHT, 0.6),
        _detection(2, 3, MIDDLE, 0.3),
    ]  # fmt: skip
    ring, star = score_thresholds(truth, found)
    assert ring == ScoreThreshold(3, 0.6, 0.8, pytest.approx(2 / 3, abs=1e-6), 1.0, 2, 4)
    assert star == ScoreThreshold(5, None, 0.0, None, 0.0, 0, 0)


def test_equal_scores_are_taken_all_or_none() -> None:
    truth = _truth(_object(1, 1, 3, LEFT))
    found = [_detection(1, 3, LEFT, 0.5), _detection(1, 3, MIDDLE, 0.5), _detection(2, 3, MIDDLE, 0.5)]
    ring, _ = score_thresholds(truth, found)
    assert (ring.threshold, ring.f1, ring.precision) == (0.5, 0.5, pytest.approx(1 / 3, abs=1e-6))


def test_crowd_regions_are_no_mistakes_and_wrong_classes_are() -> None:
    truth = _truth(_object(1, 1, 3, LEFT), _object(2, 1, 3, RIGHT, crowd=1))
    ring, star = score_thresholds(truth, [_detection(1, 3, RIGHT, 0.9), _detection(1, 3, LEFT, 0.2),
                                          _detection(1, 5, LEFT, 0.9)])  # fmt: skip
    assert (ring.threshold, ring.f1, ring.objects, ring.detections) == (0.2, 1.0, 1, 1)
    assert star.threshold is None and star.detections == 1


def test_the_table_is_read_back(tmp_path: Path) -> None:
    rows = [ScoreThreshold(3, 0.1, 1, 1, 1, 1, 1), ScoreThreshold(5, None, 0, None, 0, 0, 0)]
    write_thresholds(tmp_path / "t.csv", rows)
    assert read_thresholds(tmp_path / "t.csv") == {3: 0.1, 5: None}


def test_sure_enough_for_its_class_and_with_a_mask() -> None:
    empty = np.zeros((6, 9), bool)
    found = [_detection(1, 3, LEFT, 0.5), _detection(1, 3, RIGHT, 0.49), _detection(1, 5, LEFT, 1.0),
             _detection(1, 3, empty, 0.9)]  # fmt: skip
    assert confident_labels.confident(found, {3: 0.5, 5: None}) == found[:1]


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """Images 1 to 4 are full, 5 and 6 have points, 7 is unlabelled; there is no checkpoint and no image file."""
    full = [_object(20 + n, n, 3, LEFT) for n in range(1, 5)]
    images = [_image(n) for n in range(1, 5)]
    write_coco(tmp_path / "full.json", {"images": images, "annotations": full, "categories": CATEGORIES})
    kinds = dict.fromkeys(range(1, 5), "full") | {5: "point", 6: "point", 7: "unlabelled"}
    write_split(tmp_path / "split.csv", kinds)
    write_images_table(tmp_path / "images.csv", [ImageRow("train", n, f"{n}.png", 9, 6, "0" * 64) for n in kinds])
    for name in ("fold0", "fold1", "teacher"):
        (tmp_path / name).write_text(name)
    return tmp_path


def test_each_fold_teacher_predicts_what_it_has_not_seen(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}

    def detect(checkpoint: Path, coco: dict[str, Any], *_: object) -> list[dict[str, Any]]:
        seen[checkpoint.name] = {image["id"] for image in coco["images"]}
        return [_detection(image["id"], 3, LEFT, 0.5) for image in coco["images"]]

    monkeypatch.setattr(thresholds_stage, "detect_images", detect)
    settings = ScoreThresholdsSettings(folds=2, fold_seed=4)
    folds = {f"fold{k}": run_folder / f"fold{k}" for k in (0, 1)}
    out = run_folder / "thresholds.csv"
    thresholds_stage.run(settings, run_folder / "full.json", folds, run_folder / "images.csv", run_folder, out)
    fold = assign_folds(range(1, 5), 2, 4)
    assert seen == {f"fold{k}": {image for image in fold if fold[image] == k} for k in (0, 1)}
    assert read_thresholds(out) == {3: 0.5, 5: None}
    assert read_manifest(run_folder / "thresholds.csv.manifest.json")["counts"]["classes_without_labels"] == 1
    with pytest.raises(InputError, match="needs --predictor fold0, fold1"):
        thresholds_stage.run(settings, run_folder / "full.json", {}, run_folder / "images.csv", run_folder, out)


def _label(folder: Path) -> Path:
    out = folder / "semi.json"
    paths = (folder / name for name in ("full.json", "split.csv", "thresholds.csv", "teacher", "images.csv"))
    confident_labels.run(ConfidentLabelsSettings(), *paths, folder, out)
    return out


def test_images_on_which_nothing_is_sure_are_left_out(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_thresholds(run_folder / "thresholds.csv", [ScoreThreshold(n, 0.5, 1, 1, 1, 1, 1) for n in (3, 5)])
    asked = []

    def detect(checkpoint: Path, coco: dict[str, Any], *_: object) -> list[tuple[int, list[dict[str, Any]]]]:
        asked.extend(image["id"] for image in coco["images"])
        return [(7, [_detection(7, 5, RIGHT, 0.7), _detection(7, 3, LEFT, 0.4)]), (5, [_detection(5, 3, LEFT, 0.6)]),
                (6, [_detection(6, 3, LEFT, 0.1)])]  # fmt: skip

    monkeypatch.setattr(confident_labels, "detections_by_image", detect)
    made = read_coco(_label(run_folder))
    assert asked == [5, 6, 7]
    assert [image["id"] for image in made["images"]] == [1, 2, 3, 4, 5, 7]
    labels = [one for one in made["annotations"] if one["source"] == "pseudo"]
    assert [(one["id"], one["image_id"], one["category_id"], one["area"]) for one in labels] == [
        (25, 5, 3, 9), (26, 7, 5, 9),
    ]  # fmt: skip
    assert not any("point" in one for one in made["annotations"])
    counts = read_manifest(run_folder / "semi.json.manifest.json")["counts"]
    assert (counts["labelled_images"], counts["images_left_out"], counts["pseudo_masks"]) == (2, 1, 2)


def test_thresholds_of_other_categories_are_refused(run_folder: Path) -> None:
    write_thresholds(run_folder / "thresholds.csv", [ScoreThreshold(3, 0.5, 1, 1, 1, 1, 1)])
    with pytest.raises(InputError, match=r"thresholds\.csv: its categories are not those of .*full\.json"):
        _label(run_folder)
