"""Pseudo masks against hidden truth, on two tiny images."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from drawn_masks import drawn
from pycocotools import mask as mask_api
from pycocotools.mask import frPyObjects
from scipy.ndimage import binary_erosion

from wssis.config.mask_stages import QualitySettings
from wssis.engine.pseudo_quality import (
    PointQuality,
    hidden_objects,
    hidden_truth,
    match_labels,
    point_qualities,
    precision_recall,
    touching_objects,
)
from wssis.engine.shown_images import choose_gallery, choose_images, shown_record
from wssis.errors import InputError
from wssis.formats.atomic import write_json
from wssis.formats.coco import decode_mask, encode_mask, read_coco
from wssis.formats.points import write_hidden_ids
from wssis.stages import quality

CATEGORIES = [{"id": 3, "name": "ring"}, {"id": 5, "name": "star"}]


LEFT = drawn("""
    ###......
    ###......
    .........
""")
NEXT = drawn("""
    ...##....
    ...##....
    .........
""")
FAR = drawn("""
    ........#
    ........#
    .........
""")


def _annotation(number: int, image: int, category: int, mask: np.ndarray, crowd: int = 0) -> dict:
    return {"id": number, "image_id": image, "category_id": category, "segmentation": encode_mask(mask),
            "iscrowd": crowd, "area": int(mask.sum())}  # fmt: skip


@pytest.mark.parametrize(("category", "touching"), [(3, {1, 2}), (5, set())])
def test_objects_touch_only_their_own_class(category: int, touching: set[int]) -> None:
    annotations = [_annotation(1, 1, 3, LEFT), _annotation(2, 1, category, NEXT), _annotation(3, 1, 3, FAR)]
    assert touching_objects(annotations, 3, 9) == touching


def test_diagonal_neighbours_touch_and_crowds_do_not() -> None:
    corner = drawn("......... ......... ...#.....")
    assert touching_objects([_annotation(1, 1, 3, LEFT), _annotation(2, 1, 3, corner)], 3, 9) == {1, 2}
    assert touching_objects([_annotation(1, 1, 3, LEFT), _annotation(2, 1, 3, corner, crowd=1)], 3, 9) == set()


def test_every_hidden_polygon_is_rasterised_once(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On real images; what comes out is what comes out of the polygons themselves."""
    train = read_coco(shared_data / "smoke-carparts" / "annotations" / "instances_train.json")
    weak = {"images": train["images"][4:], "categories": train["categories"]}
    ids = {image["id"] for image in weak["images"]}
    plain = {**weak, "annotations": [a for a in train["annotations"] if a["image_id"] in ids]}
    polygons = sum(len(a["segmentation"]) for a in plain["annotations"] if isinstance(a["segmentation"], list))
    weak["annotations"] = [{**a, "id": n, "point": [0, 0]} for n, a in enumerate(plain["annotations"], start=1)]
    hidden_ids = {n: one["id"] for n, one in enumerate(plain["annotations"], start=1)}
    images = {image["id"]: image for image in weak["images"]}
    labels = dict(zip(hidden_ids, _shrunk(plain["annotations"], images), strict=True))

    def outcome(truth: dict) -> tuple:
        rows = point_qualities(truth, weak, hidden_ids, labels, labels)
        shown = shown_record(rows, 4, 8, truth, weak, None, labels)
        fitting = match_labels(list(labels.values()), hidden_objects(truth, weak, hidden_ids), images)
        return rows, json.dumps(shown), fitting, precision_recall(truth, labels.values())

    expected = outcome(plain)
    drawn, counted = frPyObjects, []
    monkeypatch.setattr(mask_api, "frPyObjects", lambda r, *size: counted.append(len(r)) or drawn(r, *size))
    assert outcome(hidden_truth(train, weak)) == expected
    assert polygons > 100 and sum(counted) == polygons


def _shrunk(annotations: list[dict], images: dict) -> list[dict]:
    """The annotations with a score, and a pixel less on every side of their masks."""
    sizes = {key: (image["height"], image["width"]) for key, image in images.items()}
    masks = (binary_erosion(decode_mask(one, *sizes[one["image_id"]])) for one in annotations)
    pairs = zip(annotations, masks, strict=True)
    return [{**one, "score": 0.5, "segmentation": encode_mask(mask)} for one, mask in pairs]


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """Image 1: a good pseudo mask and one without a mask. Image 2: a mask that covers half. Image 9 is full."""
    images = [{"id": n, "file_name": f"{n}.png", "height": 3, "width": 9} for n in (1, 2, 9)]
    truth = [_annotation(11, 1, 3, LEFT), _annotation(12, 1, 3, NEXT), _annotation(13, 2, 5, LEFT),
             _annotation(14, 9, 5, FAR)]  # fmt: skip
    points = [{"id": 1, "image_id": 2, "category_id": 5, "point": [1, 0]},
              {"id": 2, "image_id": 1, "category_id": 3, "point": [3, 0]},
              {"id": 3, "image_id": 1, "category_id": 3, "point": [1, 1]}]  # fmt: skip
    half = LEFT & (np.arange(3) < 1)[:, None]
    rough = {1: half, 2: np.zeros((3, 9), bool), 3: LEFT | NEXT}
    final = {1: encode_mask(half), 2: None, 3: encode_mask(LEFT)}
    weak = {"images": images[:2], "categories": CATEGORIES, "annotations": points}
    write_json(tmp_path / "train.json", {"images": images, "categories": CATEGORIES, "annotations": truth})
    write_json(tmp_path / "weak.json", weak)
    write_hidden_ids(tmp_path / "hidden_ids.csv", {1: 13, 2: 12, 3: 11})
    proposals = [
        {**p, "id": 70 + p["id"], "point_id": p["id"], "segmentation": encode_mask(rough[p["id"]]), "score": 0.5,
         "status": "fallback" if p["id"] == 3 else "kept"}
        for p in points
    ]  # fmt: skip
    write_json(tmp_path / "proposals.json", {**weak, "annotations": proposals})
    labels = [
        {**p, "id": 90 + p["id"], "point_id": p["id"], "segmentation": final[p["id"]], "score": 0.5, "source": "pseudo"}
        for p in points
    ]
    full = [{**_annotation(14, 9, 5, FAR), "source": "full"}]
    write_json(tmp_path / "pseudo.json", {"images": images, "categories": CATEGORIES, "annotations": full + labels})
    return tmp_path


def _run(folder: Path, shown: int = 6, proposals: bool = True) -> dict:
    paths = {"hidden_ids": "hidden_ids.csv", "out": "q.csv", "shown": "q.shown.json"}
    paths |= {name: f"{name}.json" for name in ("train", "weak", "proposals", "pseudo")}
    given = {name: folder / path for name, path in paths.items()}
    quality.run(QualitySettings(shown=shown), **given | ({} if proposals else {"proposals": None}))
    return json.loads((folder / "q.csv.manifest.json").read_text())


def test_rows_follow_the_points(run_folder: Path) -> None:
    manifest = _run(run_folder)
    rows = list(csv.DictReader((run_folder / "q.csv").open()))
    assert [row["annotation_id"] for row in rows] == ["13", "12", "11"]
    assert [row["status"] for row in rows] == ["masked", "unmasked", "masked"]
    assert [float(row["iou_rough"]) for row in rows] == pytest.approx([0.5, 0, 0.6])
    assert [float(row["iou_pseudo"]) for row in rows] == pytest.approx([0.5, 0, 1])
    assert [row["touching"] for row in rows] == ["0", "1", "1"]
    counts = manifest["counts"]
    assert (counts["points"], counts["masked"], counts["unmasked"], counts["touching"]) == (3, 2, 1, 2)
    assert counts["mean_iou_pseudo"] == pytest.approx(0.5)
    shares = [counts[f"above_{bound}_{kind}"] for bound in ("half", "three_quarters") for kind in ("rough", "pseudo")]
    assert shares == pytest.approx([2 / 3, 2 / 3, 0, 1 / 3], abs=1e-6)
    assert counts["precision_50_pseudo"] == pytest.approx(1)
    assert counts["recall_50_pseudo"] == pytest.approx(2 / 3, abs=1e-6)
    assert set(manifest["outputs"]) == {"q.csv", "q.shown.json"}


def test_labels_without_points_are_held_against_the_objects_they_fit_best(run_folder: Path) -> None:
    """Image 1: two labels on the left object. Image 2: one, of another class. Image 7 is not weak."""
    half = LEFT & (np.arange(3) < 1)[:, None]
    content = json.loads((run_folder / "pseudo.json").read_text())
    made = [(1, 3, half, 0.9), (1, 3, LEFT, 0.4), (2, 3, LEFT, 0.8), (7, 3, LEFT, 0.8)]
    content["annotations"] = [
        {**_annotation(n, image, category, mask), "score": score, "source": "pseudo"}
        for n, (image, category, mask, score) in enumerate(made)
    ]
    content["images"] = [*content["images"], {"id": 7, "file_name": "7.png", "width": 9, "height": 3}]
    write_json(run_folder / "pseudo.json", content)
    counts = _run(run_folder, proposals=False)["counts"]
    rows = list(csv.DictReader((run_folder / "q.csv").open()))
    assert [(row["status"], row["score"], row["iou_rough"]) for row in rows] == [
        ("dropped", "", ""), ("dropped", "", ""), ("masked", "0.4", ""),
    ]  # fmt: skip
    assert (counts["precision_50_pseudo"], counts["recall_50_pseudo"]) == pytest.approx((1 / 3, 1 / 3), abs=1e-6)
    assert not any("rough" in key for key in counts)
    shown = json.loads((run_folder / "q.shown.json").read_text())
    objects = {o["weak_id"]: o for image in shown["images"] for o in image["objects"]}
    assert objects[3]["pseudo"] == encode_mask(LEFT) and objects[1]["pseudo"] is None is objects[3]["rough"]


def test_the_pair_with_the_highest_iou_is_taken_first() -> None:
    both = LEFT | NEXT
    labels = [_annotation(1, 1, 3, both), _annotation(2, 1, 3, LEFT)]
    hidden = {8: _annotation(11, 1, 3, LEFT), 9: _annotation(12, 1, 3, NEXT)}
    found = match_labels(labels, hidden, {1: {"height": 3, "width": 9}})
    assert {weak_id: label["id"] for weak_id, label in found.items()} == {8: 2, 9: 1}
    assert match_labels(labels, {9: _annotation(12, 1, 3, FAR)}, {1: {"height": 3, "width": 9}}) == {}


def test_shown_images_hold_all_masks(run_folder: Path) -> None:
    _run(run_folder)
    shown = json.loads((run_folder / "q.shown.json").read_text())
    assert {image["id"] for image in shown["images"]} == {1, 2}
    objects = {o["weak_id"]: o for image in shown["images"] for o in image["objects"]}
    assert objects[2]["pseudo"] is None and objects[2]["truth"] == encode_mask(NEXT)
    assert objects[3]["rough"] == encode_mask(LEFT | NEXT)
    assert objects[1]["point"] == [1, 0]
    assert [objects[n]["status"] for n in (1, 2, 3)] == ["masked", "unmasked", "masked"]
    assert [objects[n]["proposal"] for n in (1, 2, 3)] == ["kept", "kept", "fallback"]
    assert all(image["fair"] for image in shown["images"])


def test_gallery_adds_images_to_the_fair_ones(run_folder: Path) -> None:
    _run(run_folder, shown=0)
    images = json.loads((run_folder / "q.shown.json").read_text())["images"]
    assert [image["id"] for image in images] == [1, 2]
    assert images[0]["why"] == "a point without a mask" and not any(image["fair"] for image in images)


def test_gallery_looks_at_bare_points_then_fallen_then_worst_and_best() -> None:
    rows = [
        PointQuality(n, n, n, 1, 9, 0, "unmasked" if n < 3 else "masked", 1.0, 0.0, 0 if n < 3 else n / 100)
        for n in range(100)
    ]
    chosen = choose_gallery(rows, {40, 41, 42, 43, 44}, 9, without={3, 41})
    assert list(chosen) == [0, 1, 2, 40, 42, 43, 99, 4, 98]
    assert chosen[0] == "a point without a mask" and chosen[42].startswith("a point that fell back")
    assert chosen[99].endswith("IoU 0.99")
    assert len(choose_gallery(rows, set(), 9, without=set())) == 9
    assert choose_gallery(rows, {40}, 0, without=set()) == {}


def test_a_point_without_hidden_mask_is_named(run_folder: Path) -> None:
    write_hidden_ids(run_folder / "hidden_ids.csv", {1: 13, 3: 11})
    with pytest.raises(InputError, match="point 2 of image 1"):
        _run(run_folder)


def test_images_are_spread_over_quality_and_repeatable() -> None:
    rows = [PointQuality(n, n, n, 1, 9, 0, "masked", 1.0, 0.0, n / 100) for n in range(100)]
    chosen = choose_images(rows, 6)
    assert list(chosen)[:3] == [16, 50, 83]
    assert len(chosen) == 6 and chosen == choose_images(rows, 6)
    assert len(choose_images(rows[:2], 6)) == 2
    assert choose_images([], 6) == {} == choose_images(rows, 0)


def test_precision_and_recall_without_labels_or_objects() -> None:
    truth = {"images": [{"id": 1, "height": 3, "width": 9}], "categories": CATEGORIES, "annotations": []}
    assert precision_recall(truth, []) == (None, None)
    truth["annotations"] = [_annotation(1, 1, 3, LEFT)]
    assert precision_recall(truth, []) == (None, 0)
    assert precision_recall(truth, [{**_annotation(8, 1, 5, LEFT), "score": 1.0}]) == (0, 0)
    empty = {**_annotation(9, 1, 3, LEFT), "score": 1.0, "segmentation": encode_mask(np.zeros((3, 9), dtype=bool))}
    assert precision_recall(truth, [{**_annotation(8, 1, 3, LEFT), "score": 0.5}, empty]) == (1, 1), "no false alarm"
