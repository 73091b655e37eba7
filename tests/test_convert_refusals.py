"""What cannot be taken is refused with file, id and remedy, and the summary counts it. The files: convert_fixtures."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from convert_fixtures import (
    BAR,
    BAR_CORNERS,
    FLAT_BAR,
    POINT,
    H,
    W,
    click,
    coco_points,
    converted,
    cvat,
    labelme,
    region,
    shape,
    tasks,
    written,
)

from wssis.errors import InputError
from wssis.formats.coco import encode_mask, read_coco

NAN = float("nan")
DOCTYPE = '<!DOCTYPE a [<!ENTITY b "b"><!ENTITY c "&b;&b;">]>'

WHOLE_FILES: list[tuple[str, str, object, str]] = [
    ("points", "cvat", "", "is empty; export it again"),
    ("points", "cvat", cvat(click("1,1"))[:-40], "not readable as XML"),
    ("points", "cvat", cvat(click("1,1"), head=DOCTYPE), "has a document type"),
    ("points", "cvat", "<frames/>", "begins with <frames>"),
    ("points", "cvat", "<annotations><track id='0'/></annotations>", "is 'CVAT for video'"),
    ("points", "label-studio", "[]", "no label is left to write; name the right file"),
    ("points", "label-studio", '[{"id": 1, "data": {"image": "a.png"', "not readable as JSON"),
    ("points", "label-studio", [{"image": "/data/upload/1/a.png", "id": 1, "label": []}], "not JSON-MIN"),
    ("masks", "coco", "", "is empty"),
    ("masks", "coco", '{"images": [', "not readable as JSON"),
    ("masks", "coco", 2000 * "[", "not readable as JSON (lists within one another, too deep); export"),
    ("points", "label-studio", 2000 * "[", "not readable as JSON (lists within one another, too deep); export"),
    ("masks", "coco", '{"images": ["\\ud800.png"]}', r"not readable as JSON (\ud800 is half a character: line 1 col"),
    ("masks", "coco", [1], 'no list "images"'),
    ("masks", "coco", {"images": [], "annotations": []}, 'no list "categories"'),
    ("masks", "coco", {**coco_points(), "categories": [{"id": "7", "name": "bar"}]}, "category '7', 'bar'"),
    ("masks", "coco", {**coco_points(), "categories": 2 * [{"id": 7, "name": "bar"}]}, "category 7, 'bar': id or name"),
    ("points", "csv", "", "missing: image, x, y, category; found: nothing"),
    ("points", "csv", "image;x;y;category\na.png;1;1;bar\n", "missing: image, x, y, category; found: image;x;y"),
    ("points", "csv", "image,x,y,category\na.png,1,1," + 200_000 * "b", "not readable as CSV after line 1 (field"),
    ("points", "csv", "image,x,x,y,category\na.png,1,1,1,bar\n", "each once; more than once: x; keep one of them"),
    ("points", "csv", "image,x,y,category\na.png,3,5,4,5,bar\n", "line 2: has 6 cells, its first line 4; write"),
    ("points", "csv", "image;x;y;category\na.png;3;5;bar\n", "its columns are separated by semicolons: save it"),
    ("points", "csv", "image\tx\ty\tcategory\n", "its columns are separated by tabs: save it with commas"),
    ("points", "csv", "image,x,y,category\nb.png\n\na.png,3,5\n", "line 4: has 3 cells, its first line 4"),
    ("masks", "bdd100k", {"images": []}, "is no list of frames"),
    ("masks", "voc", "", "has no SegmentationObject"),
    ("masks", "instance-png", "", "name it with --category"),
]


@pytest.mark.parametrize(("kind", "label_format", "content", "reason"), WHOLE_FILES)
def test_files_that_cannot_be_read(tmp_path: Path, kind: str, label_format: str, content: object, reason: str) -> None:
    source = written(tmp_path / "labels.txt", content)
    with pytest.raises(InputError, match=re.escape(reason)) as caught:
        converted(kind, label_format, source)
    assert str(source) in str(caught.value)
    assert not (tmp_path / "converted.json").exists()


@pytest.mark.parametrize("role", ["source", "categories", "without"])
def test_no_file_that_is_read_is_overwritten(tmp_path: Path, role: str) -> None:
    source = written(tmp_path / "labels.json", coco_points({"point": [7, 3]}))
    other = written(tmp_path / "converted.json", coco_points({"point": [7, 3]}))
    read = {"source": {}, "categories": {"categories": other}, "without": {"without": (other,)}}[role]
    with pytest.raises(InputError, match=r"converted\.json: is a file to read, which must not be lost"):
        converted("points", "coco-points", other if role == "source" else source, **read)
    assert read_coco(other) == coco_points({"point": [7, 3]})


@pytest.mark.parametrize("part", ["images", "annotations"])
def test_images_to_leave_out_are_objects(tmp_path: Path, part: str) -> None:
    source = written(tmp_path / "labels.json", coco_points({"point": [7, 3]}))
    others = written(tmp_path / "full.json", {**coco_points({"point": [7, 3]}), part: [1]})
    with pytest.raises(InputError, match=rf"full\.json: {part} must be a list of objects"):
        converted("points", "csv", source, without=(others,))


@pytest.mark.parametrize("label_format", ["cvat", "label-studio", "labelme", "csv", "coco-points"])
def test_no_such_file(tmp_path: Path, label_format: str) -> None:
    with pytest.raises(InputError, match=r"nowhere: not found; correct the path"):
        converted("points", label_format, tmp_path / "nowhere")


def test_files_of_a_folder_are_refused_one_by_one(tmp_path: Path) -> None:
    written(tmp_path / "labels/a.json", labelme(shape("point", "bar", [[7, 3]])))
    written(tmp_path / "labels/b.json", '{"shapes": [')
    written(tmp_path / "labels/c.json", "")
    _, done = converted("points", "labelme", tmp_path / "labels")
    assert [str(one).partition(" (")[0] for one in done.refusals] == [
        f"{tmp_path}/labels/b.json: whole file: not readable as JSON",
        f"{tmp_path}/labels/c.json: whole file: is empty; export it again",
    ]


def _cvat(points: str, label: str = "bar") -> Callable[[], str]:
    return lambda: cvat(click(points, label))


def _keypoints(**annotation: Any) -> Callable[[], dict[str, Any]]:
    return lambda: coco_points(annotation)


def _masks(**annotation: Any) -> Callable[[], dict[str, Any]]:
    return lambda: coco_points({"segmentation": [FLAT_BAR], **annotation})


def _labelme(*given: Any, **more: Any) -> Callable[[], dict[str, Any]]:
    return lambda: labelme(shape(*given, **more))


def _bdd(**label: Any) -> Callable[[], list[dict[str, Any]]]:
    frame = {"name": "a.png", "size": {"width": W, "height": H}, "labels": [{"id": "x9", "category": "car", **label}]}
    return lambda: [frame]


SINGLE_ITEMS: list[tuple[str, str, Callable[[], object], str]] = [
    # Points: not finite, outside, without or with an unknown label, not one click.
    ("points", "cvat", _cvat("nan,3"), r"image 0, shape 1: point \(nan, 2.5\) on a.png is not two finite numbers"),
    ("points", "cvat", _cvat("7"), "image 0, shape 1: point .* is not two finite numbers"),
    ("points", "cvat", _cvat("9.1,3"), r"shape 1: point \(8.6, 2.5\), in pixel indices, lies outside a.png of 9 x 6"),
    ("points", "cvat", _cvat("7,-0.1"), "lies outside a.png of 9 x 6; move it"),
    ("points", "cvat", _cvat("7,3", "car"), "unknown label 'car' on a.png: .*labels.txt has ring, bar; correct"),
    ("points", "cvat", _cvat("7,3;8,3"), "image 0, shape 1: on a.png: has 2 clicks in one shape; make it one shape"),
    ("points", "cvat", lambda: cvat("<box/>"), "image 0, shape 1: on a.png: is a box, no point; set a point"),
    ("points", "cvat", lambda: cvat("", 'id="3" name="a.png" width="0" height="6"'), "image 3: a.png: width 0, height"),
    ("points", "cvat", lambda: cvat("", 'id="3" name="a.png"'), "image 3: a.png: the labels do not say its size; give"),
    ("points", "cvat", lambda: cvat("", 'id="3" name="../a.png" width="9" height="6"'), "image 3: .* leaves the image"),
    (
        "points",
        "label-studio",
        lambda: tasks(region("keypointlabels", "bar", x=None, y=5)),
        "task 17, result Rz9oHDXIwG",
    ),
    ("points", "label-studio", lambda: tasks(region("keypointlabels", "bar", x=110, y=5)), r"result .*\(9.4, -0.2\)"),
    (
        "points",
        "label-studio",
        lambda: tasks({**region("keypointlabels", "bar", **POINT), "image_rotation": 90}),
        "drawn on the image turned by 90 degrees; turn it back",
    ),
    (
        "points",
        "label-studio",
        lambda: tasks({**region("keypointlabels", "bar", x=1, y=1), "value": {"x": 1, "y": 1, "keypointlabels": []}}),
        "label None on a.png is no name; give it one",
    ),
    (
        "points",
        "label-studio",
        lambda: tasks(region("keypointlabels", "bar", **POINT), annotations=[{"result": []}, {"result": []}]),
        "task 17: has 2 annotations; keep one of them",
    ),
    (
        "points",
        "label-studio",
        lambda: tasks(region("rectanglelabels", "bar")),
        "of type 'rectanglelabels', not keypoint",
    ),
    (
        "points",
        "label-studio",
        lambda: tasks(region("keypointlabels", "b", **POINT), image="x"),
        "task 17: has no file",
    ),
    ("points", "labelme", _labelme("point", "bar", []), "shape 1: point .* is not two finite numbers"),
    ("points", "labelme", _labelme("point", "bar", [["7", "3"]]), "shape 1: point .* is not two finite numbers"),
    (
        "points",
        "labelme",
        _labelme("rectangle", "bar", BAR_CORNERS),
        "shape 1: on a.png: is a rectangle, no point; draw",
    ),
    (
        "points",
        "labelme",
        lambda: labelme(width="9"),
        "imagePath: a.png: width '9', height 6 must be positive integers",
    ),
    ("points", "csv", lambda: "image,x,y,category\na.png,1,1,bar\n", "line 2: a.png: the labels do not say its size"),
    (
        "points",
        "coco-keypoints",
        _keypoints(),
        "annotation 1: on a.png: the annotation has no keypoints x, y, visibility",
    ),
    (
        "points",
        "coco-keypoints",
        _keypoints(keypoints=[0, 0, 0]),
        "annotation 1: .* has no labelled keypoint; label it",
    ),
    ("points", "coco-keypoints", _keypoints(keypoints=[1, 1, 2, 2, 2, 1]), "has 2 labelled keypoints; choose one with"),
    ("points", "coco-keypoints", _keypoints(keypoints=[NAN, 1, 2]), "annotation 1: point .* is not two finite numbers"),
    ("points", "coco-points", _keypoints(), "annotation 1: on a.png: the annotation has no point and no point_coords"),
    ("points", "coco-points", _keypoints(point_coords=[[1, 1]], point_labels=[0]), "that point_labels says is inside"),
    (
        "points",
        "coco-points",
        _keypoints(point_coords=[[1, 1]], point_labels=[]),
        "1 point_coords need as many point_l",
    ),
    ("points", "coco-points", _keypoints(point=[1]), "annotation 1: point .* is not two finite numbers"),
    # COCO: ids, images, classes.
    ("masks", "coco", _masks(id="1"), "annotation '1': the id '1' must be an integer; renumber"),
    ("masks", "coco", _masks(id=None), "annotation None: the id 'none' must be an integer; renumber"),
    ("masks", "coco", _masks(image_id="4"), "annotation 1: unknown image_id '4'; add the image or correct the id"),
    ("masks", "coco", _masks(category_id="7"), "annotation 1: unknown category_id '7'; add the category"),
    ("masks", "coco", _masks(category_id=8), "annotation 1: unknown category_id 8; add the category"),
    ("masks", "coco", _masks(iscrowd=2), "annotation 1: on a.png: iscrowd 2 must be 0 or 1"),
    ("masks", "coco", _masks(bbox=[1, 1, -1, 1]), "has a negative side; correct it or leave it out"),
    ("masks", "coco", _masks(segmentation=None), "annotation 1: on a.png: has no segmentation; draw the object"),
    ("masks", "coco", _masks(segmentation=[[1, 1, NAN, 1, 2, 2]]), "annotation 1: .* a coordinate that is NaN"),
    ("masks", "coco", _masks(segmentation=[[1, 1, 30, 1, 2, 2]]), "annotation 1: .* reaches out of its image of 9 x 6"),
    (
        "masks",
        "coco",
        _masks(segmentation=[[1, 1, 1, 1, 1, 1]]),
        "annotation 1: .* the mask has no pixel; draw it again",
    ),
    ("masks", "coco", _masks(segmentation=encode_mask(BAR.T)), r"annotation 1: .* RLE of size \[9, 6\] in an image of"),
    # Other masks.
    (
        "masks",
        "label-studio",
        lambda: tasks(region("brushlabels", "bar", format="rle", rle=[0, 0, 0, 9])),
        "task 17, result Rz9oHDXIwG: on a.png: its RLE holds 9 values, not 4 for each pixel of 9 x 6; export it again",
    ),
    ("masks", "label-studio", lambda: tasks(region("polygonlabels", "bar")), "result .* a polygon needs three corners"),
    (
        "masks",
        "labelme",
        _labelme("polygon", "bar", BAR_CORNERS[:2]),
        "shape 1: on a.png: a polygon needs three corners",
    ),
    (
        "masks",
        "labelme",
        _labelme("mask", "bar", [[0, 0]], mask="&"),
        "shape 1: on a.png: its mask is no PNG in base64",
    ),
    (
        "masks",
        "labelme",
        _labelme("circle", "bar", [[1, 1], [2, 2]]),
        "shape 1: on a.png: is a circle, no polygon or mask",
    ),
    ("masks", "bdd100k", _bdd(), "frame 'a.png', label 'x9': on a.png: has neither rle nor poly2d; correct or remove"),
    ("masks", "bdd100k", _bdd(rle=encode_mask(BAR.T)), "label 'x9': .* RLE of size"),
    ("points", "bdd100k", _bdd(), "frame 'a.png', label 'x9': on a.png: has no box2d; det_20's JSON is expected"),
    ("points", "bdd100k", _bdd(box2d={"x1": 1, "y1": 2, "x2": "3"}), "label 'x9': point .* is not two finite numbers"),
    ("masks", "bdd100k", _bdd(rle=7), "label 'x9': .* neither polygons nor RLE"),
]


@pytest.mark.parametrize(("kind", "label_format", "content", "reason"), SINGLE_ITEMS)
def test_items_that_are_refused(
    tmp_path: Path, kind: str, label_format: str, content: Callable[[], object], reason: str
) -> None:
    """One bad item alone: nothing is left to write, and the error names it."""
    source = written(tmp_path / "labels.txt", content())
    with pytest.raises(InputError) as caught:
        converted(kind, label_format, source)
    first, *items = str(caught.value).splitlines()
    assert first == f"{source}: no label is left to write:" and len(items) == 1
    assert items[0].startswith(f"{source}: ") and re.search(reason, items[0]), items[0]
