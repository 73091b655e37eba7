"""What wssis export writes is read back by wssis convert, pixel by pixel."""

import csv
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from convert_fixtures import BAR, BAR_CORNERS, RING, H, W, converted, masks_of, picture, points_of, same, written
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools.coco import COCO
from test_convert_masks import BRUSHED, BRUSHED_MASK

from wssis.cli import main
from wssis.convert.exporting import Choice, export_labels
from wssis.errors import InputError
from wssis.formats.brush_rle import brush_mask, brush_rle
from wssis.formats.coco import encode_mask, read_coco
from wssis.formats.exporters.cvat import mask_attributes
from wssis.formats.points import UNMASKED_COLUMNS
from wssis.predicting.clicks import read_clicks

FLAT_BAR = [side for corner in BAR_CORNERS for side in corner]
FORMATS = {"coco": "out.json", "cvat": "out.xml", "label-studio": "out.json"}
DOCUMENTED_RLE = "3, 5, 7, 7, 5, 9, 3, 11, 2, 11, 2, 12, 1, 12, 1, 26, 1, 12, 1, 12, 2, 11, 3, 9, 5, 7, 7, 5, 3"
"""The mask of 13 x 15 px in CVAT's documentation of its XML format; it looks like this."""
DOCUMENTED = """
...#####.....
..#######....
.#########...
###########..
###########..
############.
############.
#############
#############
.############
.############
..###########
...#########.
....#######..
.....#####...
"""


def pseudo_set(folder: Path) -> Path:
    """A training set as the stage pseudo writes it: a full image, one with two pseudo masks and a point without."""
    images = [{"id": 4, "file_name": "a.png"}, {"id": 9, "file_name": "more/b c.png"}, {"id": 2, "file_name": "d.png"}]
    pseudo = {"image_id": 9, "iscrowd": 0, "source": "pseudo", "outcome": "refined"}
    ring, bar = encode_mask(RING), encode_mask(BAR)
    return written(folder / "pseudo/wssis.json", {
        "images": [{**image, "width": W, "height": H} for image in images],
        "categories": [{"id": 7, "name": "bar"}, {"id": 3, "name": "ring & <hole>"}],
        "annotations": [
            {"id": 12, "image_id": 4, "category_id": 7, "segmentation": [FLAT_BAR], "bbox": [6, 2, 3, 2], "area": 6,
             "iscrowd": 0, "source": "full"},
            {"id": 13, "image_id": 4, "category_id": 3, "segmentation": ring, "iscrowd": 1, "source": "full"},
            {"id": 31, **pseudo, "category_id": 3, "segmentation": ring, "score": 0.25, "point": [2.0, 2.0],
             "point_id": 1, "bbox": [1, 1, 3, 3], "area": 8},
            {"id": 30, **pseudo, "category_id": 7, "segmentation": bar, "score": 0.75, "point": [7.0, 3.0],
             "point_id": 2, "bbox": [6, 2, 3, 2], "area": 6, "uncertain": ring},
            {"id": 32, **pseudo, "category_id": 7, "segmentation": None, "outcome": "unmasked_refined_empty",
             "score": 0.5, "point": [4.5, 5.25], "point_id": 3},
        ],
    })  # fmt: skip


def exported(label_format: str, source: Path, choice: Choice | None = None, **options: Any) -> Path:
    out = source.parent / "made" / FORMATS[label_format]
    export_labels(label_format, source, out, choice or Choice(), options)
    return out


def by_name(coco: dict[str, Any]) -> dict[str, list[tuple[str, np.ndarray]]]:
    """File name -> class names and masks."""
    names = {image["id"]: image["file_name"] for image in coco["images"]}
    found: dict[str, list[tuple[str, np.ndarray]]] = {name: [] for name in names.values()}
    for annotation, label in zip(coco["annotations"], masks_of(coco), strict=True):
        found[names[annotation["image_id"]]].append(label)
    return found


def test_coco_is_plain_and_keeps_ids(tmp_path: Path) -> None:
    out = exported("coco", pseudo_set(tmp_path))
    coco = read_coco(out)
    assert {tuple(one) for one in coco["annotations"]} == {
        ("id", "image_id", "category_id", "segmentation", "bbox", "area", "iscrowd")
    }
    assert [(one["id"], one["image_id"], one["category_id"], one["iscrowd"]) for one in coco["annotations"]] == [
        (12, 4, 7, 0), (13, 4, 3, 1), (31, 9, 3, 0), (30, 9, 7, 0)
    ]  # fmt: skip
    assert coco["annotations"][1]["bbox"] == [1, 1, 3, 3] and coco["annotations"][1]["area"] == 8
    read = COCO(str(out))
    assert np.array_equal(read.annToMask(read.anns[31]), RING)
    rows = list(csv.DictReader(out.with_suffix(".unmasked.csv").open()))
    assert rows == [{"id": "32", "image": "more/b c.png", "x": "5.0", "y": "5.75", "category": "bar",
                     "reason": "unmasked_refined_empty"}]  # fmt: skip
    (click,) = read_clicks(out.with_suffix(".unmasked.csv"), coco["categories"])
    assert (click.image, click.category_id, click.point) == ("more/b c.png", 7, (4.5, 5.25)), "as predict reads it"
    images = picture(tmp_path / "images/more", "b c.png").parent
    again, _ = converted("points", "csv", out.with_suffix(".unmasked.csv"), image_dir=images)
    assert points_of(again) == [("bar", [4.5, 5.25])]
    assert exported("coco", pseudo_set(tmp_path), Choice(lowest=0.1)) == out
    assert not out.with_suffix(".unmasked.csv").exists(), "an old table"


def test_cvat_round_trip(tmp_path: Path) -> None:
    out = exported("cvat", pseudo_set(tmp_path))
    coco, done = converted("masks", "cvat", out, keep_incomplete=True)
    found = by_name(coco)
    assert same(found["a.png"], [("bar", BAR)]), "the crowd has no place"
    assert same(found["more/b c.png"], [("ring & <hole>", RING), ("bar", BAR)])
    assert found["d.png"] == []
    assert [refusal.kind for refusal in done.refusals] == ["a points"], "an object that still lacks its mask"
    root = ElementTree.parse(out).getroot()
    assert [(one.get("id"), one.get("name")) for one in root.iter("image")] == [
        ("0", "a.png"), ("1", "d.png"), ("2", "more/b c.png")
    ]  # fmt: skip
    assert [one.text for one in root.iterfind("image/mask/attribute[@name='score']")] == ["0.2500", "0.7500"]
    labels = json.loads(out.with_suffix(".labels.json").read_text())
    assert [label["name"] for label in labels] == ["bar", "ring & <hole>"]
    assert {label["attributes"][0]["name"] for label in labels} == {"score"}


def test_the_points_of_cvat_are_read_as_points(tmp_path: Path) -> None:
    out = exported("cvat", pseudo_set(tmp_path))
    root = ElementTree.parse(out)
    for image in root.iter("image"):
        for shape in [one for one in image if one.tag != "points"]:
            image.remove(shape)
    root.write(out)
    coco, _ = converted("points", "cvat", out)
    assert points_of(coco) == [("bar", [4.5, 5.25])]


def test_cvat_mask_of_the_documentation() -> None:
    mask = np.array([[sign == "#" for sign in line] for line in DOCUMENTED.split()])
    around = np.zeros((40, 30), bool)
    around[8:23, 7:20] = mask
    assert mask_attributes(around) == {"rle": DOCUMENTED_RLE, "left": "7", "top": "8", "width": "13", "height": "15"}
    assert mask_attributes(np.ones((2, 3), bool))["rle"] == "0, 6", "begins outside"


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ('rle="1, 2" left="0" top="0" width="2" height="2"', "counts 3 pixels, its box of 2 x 2 has 4"),
        ('rle="0, 4" left="8" top="0" width="2" height="2"', "its box ends at (10, 2), out of 9 x 6"),
        ('rle="0, -4" left="0" top="0" width="2" height="2"', "must be whole numbers, not '-4'"),
    ],
)
def test_broken_cvat_masks_are_refused(tmp_path: Path, mask: str, message: str) -> None:
    out = exported("cvat", pseudo_set(tmp_path))
    text = out.read_text().replace("<mask ", f'<mask label="bar" {mask} /><mask ', 1)
    _, done = converted("masks", "cvat", written(out, text), keep_incomplete=True)
    assert message in str(done.refusals[0])


def test_label_studio_round_trip(tmp_path: Path) -> None:
    out = exported("label-studio", pseudo_set(tmp_path), accepted=True)
    images = picture(picture(tmp_path / "images"), "d.png")
    picture(images / "more", "b c.png")
    coco, done = converted("masks", "label-studio", out, keep_incomplete=True, image_dir=images)
    found = by_name(coco)
    assert same(found["a.png"], [("bar", BAR)])
    assert same(found["more/b c.png"], [("ring & <hole>", RING), ("bar", BAR)])
    assert found["d.png"] == [], "an accepted image without objects is empty"
    assert [refusal.kind for refusal in done.refusals] == ["of type 'keypointlabels'"]


@pytest.mark.parametrize(
    "url", ["/data/local-files/?d=field/", "/data/local-files/?d=my/upload/field/", "https://host/one/two/", "s3://bucket/"]
)
def test_label_studio_keeps_subfolders(tmp_path: Path, url: str) -> None:
    """Whatever folder the images are served from; an image of the same name in the root is another one."""
    out = exported("label-studio", pseudo_set(tmp_path), accepted=True, image_url=url)
    images = picture(picture(picture(tmp_path / "images"), "d.png"), "b c.png")
    picture(images / "more", "b c.png")
    coco, _ = converted("masks", "label-studio", out, keep_incomplete=True, image_dir=images)
    assert {name: len(masks) for name, masks in by_name(coco).items()} == {"a.png": 1, "more/b c.png": 2, "d.png": 0}
    (images / "more/b c.png").unlink()
    _, done = converted("masks", "label-studio", out, keep_incomplete=True, image_dir=images)
    assert f"{images}/more/b c.png: missing" in str(done.refusals[0]), "the root's image is not taken in its place"


def test_label_studio_predictions(tmp_path: Path) -> None:
    """Drawn masks are annotations, predicted ones predictions with their score; the names fit the interface."""
    out = exported("label-studio", pseudo_set(tmp_path), image_url="https://host/x/")
    full, weak, empty = json.loads(out.read_text())
    assert [region["type"] for region in full["annotations"][0]["result"]] == ["polygonlabels"]
    assert "predictions" not in full and "annotations" not in weak and set(empty) == {"data"}
    (prediction,) = weak["predictions"]
    assert prediction["score"] == 0.0, "a point without mask comes first"
    assert [region.get("score") for region in prediction["result"]] == [0.25, 0.75, None]
    point = prediction["result"][2]
    assert (point["type"], point["value"]["x"], point["value"]["y"]) == (
        "keypointlabels", pytest.approx(5 / W * 100), pytest.approx(5.75 / H * 100)
    )  # fmt: skip
    assert weak["data"] == {"image": "https://host/x/more/b%20c.png", "image_id": 9}
    interface = ElementTree.parse(out.with_suffix(".config.xml")).getroot()
    controls = {one.get("name"): one.tag.lower() for one in interface}
    for task in (full, weak):
        for part in task.get("annotations", []) + task.get("predictions", []):
            for region in part["result"]:
                assert controls[region["from_name"]] == region["type"] and controls[region["to_name"]] == "image"
                labels = interface.iterfind(f"*[@name='{region['from_name']}']/Label")
                assert region["value"][region["type"]][0] in [label.get("value") for label in labels]


def test_brush_rle_of_other_encoders() -> None:
    """The bytes that Label Studio's own encoder and another one write."""
    assert brush_rle(BRUSHED_MASK) == BRUSHED


def test_long_runs_are_parted() -> None:
    mask = np.ones((200, 300), bool)
    mask[0, 0] = False
    assert np.array_equal(brush_mask(brush_rle(mask), 200, 300), mask)


@settings(max_examples=60, deadline=None)
@given(mask=arrays(bool, st.tuples(st.integers(1, 30), st.integers(1, 30))))
def test_every_mask_comes_back(mask: np.ndarray) -> None:
    assert np.array_equal(brush_mask(brush_rle(mask), *mask.shape), mask)
    if mask.any():
        values = mask_attributes(mask)
        runs = [int(run) for run in values["rle"].split(",")]
        left, top, width, height = (int(values[key]) for key in ("left", "top", "width", "height"))
        inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
        assert np.array_equal(mask[top : top + height, left : left + width], inside)
        assert inside.sum() == mask.sum()


@pytest.mark.parametrize(
    ("choice", "ids", "unmasked"),
    [
        (Choice(highest=0.5), [31], 1),
        (Choice(lowest=0.5), [30], 0),
        (Choice(lowest=0.25, highest=0.25), [31], 0),
        (Choice(lowest=0.5, whole_images=True), [31, 30], 1),
    ],
)
def test_masks_are_chosen_by_score(tmp_path: Path, choice: Choice, ids: list[int], unmasked: int) -> None:
    """A drawn mask has no score; a point without mask counts as 0."""
    out = exported("coco", pseudo_set(tmp_path), choice)
    coco = read_coco(out)
    assert [one["id"] for one in coco["annotations"]] == ids
    assert [image["id"] for image in coco["images"]] == [9]
    assert out.with_suffix(".unmasked.csv").exists() == bool(unmasked)


def many_scores(folder: Path) -> Path:
    """Images 1 to 5 with masks of these scores (None: a point without mask), and image 6 with a drawn mask."""
    scores = {1: (0.9, 0.3), 2: (0.3, 0.2), 3: (0.8,), 4: (None, 0.9), 5: (0.5, None, None)}
    bar = {"category_id": 7, "iscrowd": 0, "segmentation": encode_mask(BAR)}
    given = [(image, score) for image, own in scores.items() for score in own]
    pointed = {**bar, "segmentation": None, "point": [1.0, 1.0]}
    annotations = [
        {**pointed, "image_id": image} if score is None else {**bar, "image_id": image, "score": score}
        for image, score in given
    ]
    annotations.append({**bar, "image_id": 6})
    return written(folder / "many.json", {
        "images": [{"id": i, "file_name": f"{i}.png", "width": W, "height": H} for i in (*scores, 6)],
        "categories": [{"id": 7, "name": "bar"}],
        "annotations": [{"id": number, **one} for number, one in enumerate(annotations, 1)],
    })  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "images"),
    [
        (Choice(worst=1), [5]),
        (Choice(worst=4), [5, 4, 2, 1]),
        (Choice(worst=9), [5, 4, 2, 1, 3]),
        (Choice(highest=0.3), [5, 4, 2, 1]),
        (Choice(highest=0.25, whole_images=True), [5, 4, 2]),
        (Choice(lowest=0.25, worst=3), [1, 2, 5]),
        (Choice(lowest=0.25), [1, 2, 3, 4, 5]),
        (Choice(), [1, 2, 3, 4, 5, 6]),
    ],
)
def test_the_worst_images_come_first(tmp_path: Path, choice: Choice, images: list[int]) -> None:
    """The image with two points without mask before that with one; equal lowest scores: the next score decides."""
    coco = read_coco(exported("coco", many_scores(tmp_path), choice))
    assert [image["id"] for image in coco["images"]] == images
    tasks = json.loads(exported("label-studio", many_scores(tmp_path), choice).read_text())
    assert [task["data"]["image_id"] for task in tasks] == images
    tree = ElementTree.parse(exported("cvat", many_scores(tmp_path), choice))
    # As CVAT sorts the images of a task.
    assert [image.get("name") for image in tree.iter("image")] == [f"{image}.png" for image in sorted(images)]


def test_masks_come_with_their_images(tmp_path: Path) -> None:
    coco = read_coco(exported("coco", many_scores(tmp_path), Choice(worst=3)))
    assert [(one["image_id"], one["id"]) for one in coco["annotations"]] == [(5, 8), (4, 7), (2, 3), (2, 4)]


def test_what_a_threshold_chooses_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = many_scores(tmp_path), tmp_path / "out.json"
    for more, chosen in {
        ("--max-score", "0.3", "--whole-images"): ("4 of 5", "6 of 10", "0.300"),
        ("--worst", "3"): ("3 of 5", "7 of 10", "0.200"),
    }.items():
        images, labels, highest = chosen
        line = (f"chosen: {images} images with scores, for {labels} masks and points; lowest score of an image:"
                f" 0.000 to {highest}")  # fmt: skip
        with pytest.raises(SystemExit) as ended:
            main(["export", "coco", str(source), "--out", str(out), *more])
        said = capsys.readouterr().out.splitlines()
        assert not ended.value.code and line in said
        assert any(one.startswith("the worst: 5.png (0.000), 4.png (0.000), 2.png (0.200)") for one in said)
        assert "lowest scores of the images: least 0.000, 10 % 0.000, 25 % 0.000, 50 % 0.200, 75 % 0.300, 90 % 0.600," \
            " greatest 0.800" in said  # fmt: skip


def test_results_of_predict(tmp_path: Path) -> None:
    """COCO results, with images.json beside them; numbered from 1."""
    source = pseudo_set(tmp_path)
    coco = read_coco(source)
    result = {"image_id": 9, "category_id": 3, "segmentation": encode_mask(RING), "bbox": [1, 1, 3, 3], "score": 0.5}
    written(tmp_path / "found/images.json", {key: coco[key] for key in ("images", "categories")})
    out = exported("coco", written(tmp_path / "found/detections.json", [result]))
    assert [(one["id"], one["image_id"]) for one in read_coco(out)["annotations"]] == [(1, 9)]
    (tmp_path / "found/images.json").unlink()
    with pytest.raises(InputError, match=r"found/images\.json, which is not there"):
        exported("coco", tmp_path / "found/detections.json")


def test_points_without_mask_of_predict(tmp_path: Path) -> None:
    """unmasked.csv lies beside masks.json; points on images that are not in it were never looked at."""
    coco = read_coco(pseudo_set(tmp_path))
    masks = [one for one in coco["annotations"] if one["segmentation"] is not None]
    source = written(tmp_path / "masks/masks.json", {**coco, "annotations": masks})
    rows = ["8,x/more/b c.png,more/b c.png,5,5.75,bar,the refiner emptied it", "9,else/a.png,,1,1,bar,it is not given"]
    written(tmp_path / "masks/unmasked.csv", "\n".join([",".join(UNMASKED_COLUMNS), *rows, ""]))
    out = exported("coco", source)
    found = list(csv.DictReader(out.with_suffix(".unmasked.csv").open()))
    assert found == [{"id": "32", "image": "more/b c.png", "x": "5.0", "y": "5.75", "category": "bar",
                      "reason": "the refiner emptied it"}]  # fmt: skip
    written(tmp_path / "masks/unmasked.csv", "point_id,image,x,y,category_id,reason\n8,more/b c.png,4.5,5.25,7,none\n")
    with pytest.raises(InputError, match="its first line must be point_id,image,file_name,x,y,category,reason; run"):
        exported("coco", source)  # An older version's, whose points were pixel indices.


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("8,i/a.png,a.png,4.5,5.25,sofa,none", "unmasked.csv: point 8: unknown category_id 'sofa'; add the"),
        ("8,i/a.png,a.png,nan,5.25,bar,none", "unmasked.csv: point 8: point [nan, 4.75] is not two finite numbers"),
        ("8,i/a.png,a.png,5,6,bar,none", "unmasked.csv: point 8: point [4.5, 5.5], in pixel indices, lies outside"),
        ("8,i/a.png,a.png,5,east,bar,none", "unmasked.csv: point 8: '5', 'east' are no point; run wssis predict again"),
    ],
)
def test_unsound_points_without_mask_are_refused(tmp_path: Path, row: str, problem: str) -> None:
    source = pseudo_set(tmp_path).rename(tmp_path / "masks.json")
    written(tmp_path / "unmasked.csv", f"{','.join(UNMASKED_COLUMNS)}\n{row}\n")
    with pytest.raises(InputError, match=re.escape(problem)):
        exported("cvat", source)


@pytest.mark.parametrize("score", ["0.5", [0.5], True, float("nan"), float("inf")])
def test_scores_are_finite_numbers(tmp_path: Path, score: object) -> None:
    source = pseudo_set(tmp_path)
    broken = read_coco(source)
    broken["annotations"][3]["score"] = score
    with pytest.raises(InputError, match=re.escape(f"annotation 30: score {score!r} is no finite number; correct it")):
        exported("coco", written(source, broken))


def test_bad_requests_are_one_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = pseudo_set(tmp_path)
    broken = read_coco(source)
    broken["annotations"][0]["image_id"] = 77
    broken["annotations"][4]["point"] = [1.0]
    wrong = written(tmp_path / "wrong.json", broken)
    out = tmp_path / "out.json"
    for arguments, message in {
        ("yolo", source, "--out", out): "'yolo' is no format; legal are coco, cvat, label-studio",
        ("cvat", source, "--out", out): "--out must end with .xml",
        ("coco", source, "--out", out, "--accepted"): "--accepted is for label-studio alone",
        ("coco", source, "--out", out, "--whole-images"): "--whole-images needs --worst, --min-score or --max-score",
        ("coco", source, "--out", out, "--min-score", "0.9"): "no mask and no point is within the bounds",
        ("coco", source, "--out", out, "--min-score", "0.8"): "its scores: least 0.000",
        ("coco", source, "--out", out, "--worst", "0"): "--worst",
        ("coco", tmp_path / "none.json", "--out", out): "none.json: not found",
        ("coco", tmp_path, "--out", out): "is a folder",
        ("coco", source, "--out", source): "is a file to read, which must not be lost",
        ("coco", wrong, "--out", out): "annotation 12: unknown image_id 77",
    }.items():
        with pytest.raises(SystemExit) as ended:
            main(["export", *map(str, arguments)])
        error = capsys.readouterr().err
        assert ended.value.code == 2 and message in error
    assert "annotation 32: point [1.0] is not two finite numbers x, y; set it again" in error
    assert not out.exists()


def test_the_command_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["export", "cvat", str(pseudo_set(tmp_path)), "--out", str(tmp_path / "a.xml")])
    said = capsys.readouterr().out
    assert not ended.value.code and "3 masks on 3 images, and 1 points without mask" in said
    assert "a.labels.json" in said and "left out: 1 crowd regions" in said


@pytest.mark.parametrize("name", ["pennfudan", "nuclei", "coco-mini"])
@pytest.mark.parametrize("label_format", FORMATS)
def test_real_data_come_back(shared_data: Path, tmp_path: Path, name: str, label_format: str) -> None:
    source = shared_data / name / "annotations/instances_val.json"
    out = tmp_path / FORMATS[label_format]
    options = {"accepted": True} if label_format == "label-studio" else {}
    export_labels(label_format, source, out, Choice(), options)
    coco, done = converted("masks", label_format, out, image_dir=shared_data / name / "images/val")
    given = read_coco(source)
    if label_format != "coco":
        given["annotations"] = [one for one in given["annotations"] if not one.get("iscrowd")]
    assert not done.refusals
    found, wanted = by_name(coco), by_name(given)
    assert found.keys() == wanted.keys()
    assert all(same(found[name], masks) for name, masks in wanted.items())
