"""Clicks of every tool come out in the pixel in which they were set. The files: see convert_fixtures."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from convert_fixtures import (
    BAR,
    H,
    W,
    click,
    coco_points,
    converted,
    cvat,
    labelme,
    picture,
    points_of,
    region,
    shape,
    tasks,
    written,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from wssis.errors import InputError
from wssis.formats.importers import coco as coco_importer
from wssis.formats.importers.reader import Options, read_json

PIXELS = [(int(x), int(y)) for y, x in zip(*BAR.nonzero(), strict=True)]


def test_cvat(tmp_path: Path) -> None:
    """A click in the middle of pixel (7, 3), and one in the corner of the image's first."""
    source = written(tmp_path / "annotations.xml", cvat(click("7.50,3.50") + click("0.00,0.00", "ring")))
    coco, done = converted("points", "cvat", source)
    assert coco == {
        "images": [{"id": 1, "file_name": "a.png", "width": W, "height": H}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 2, "point": [7.0, 3.0]},
            {"id": 2, "image_id": 1, "category_id": 1, "point": [-0.5, -0.5]},
        ],
        "categories": [{"id": 1, "name": "ring"}, {"id": 2, "name": "bar"}],
    }
    assert done.labels == {"ring": 1, "bar": 1} and not done.refusals


def test_label_studio(tmp_path: Path) -> None:
    """Percent of the image: (7.5, 3) of 9 x 6 px lies in column 7, between rows 2 and 3."""
    source = written(tmp_path / "export.json", tasks(region("keypointlabels", "bar", x=7.5 / 9 * 100, y=50, width=0.3)))
    coco, _ = converted("points", "label-studio", source)
    assert points_of(coco) == [("bar", [pytest.approx(7), 2.5])]
    assert coco["images"][0]["file_name"] == "a.png"


@pytest.mark.parametrize(
    ("address", "stored"),
    [
        ("/data/upload/1/0a1b2c3d-a.png", "a.png"),
        ("/data/upload/1/0a1b2c3d-a.png", "0a1b2c3d-a.png"),
        ("/data/local-files/?d=field%20one/a.png", "field one/a.png"),
        ("s3://bucket/field/a.png", "field/a.png"),
        ("https://example.org/field/a%20b.png?x=1", "a b.png"),
    ],
)
def test_label_studio_finds_the_image(tmp_path: Path, address: str, stored: str) -> None:
    folder = picture((tmp_path / "images" / stored).parent, Path(stored).name)
    assert (folder / Path(stored).name).is_file()
    export = tasks(region("keypointlabels", "bar", x=50, y=50, width=0.3), image=address)
    coco, _ = converted("points", "label-studio", written(tmp_path / "e.json", export), image_dir=tmp_path / "images")
    assert coco["images"][0]["file_name"] == stored


def test_a_caption_of_label_studio_is_no_address(tmp_path: Path) -> None:
    """It may hold anything, such as what urlsplit takes for a torn IPv6 address."""
    export = tasks(region("keypointlabels", "bar", x=50, y=50, width=0.3))
    export[0]["data"]["caption"] = "http://[bad/x.png"
    coco, _ = converted("points", "label-studio", written(tmp_path / "e.json", export))
    assert coco["images"][0]["file_name"] == "a.png"


def test_label_studio_tells_empty_from_unlabelled(tmp_path: Path) -> None:
    """A submitted empty annotation is a verified empty image; no annotation, or a skipped one, is nobody's work."""
    point = region("keypointlabels", "bar", x=50, y=50, width=0.3)
    skipped = [{"id": 5, "was_cancelled": True, "result": []}]
    export = [
        *tasks(point),
        *tasks(image="/data/upload/1/0a1b2c3d-empty.png"),
        *tasks(image="/data/upload/1/0a1b2c3d-none.png", annotations=[]),
        *tasks(image="/data/upload/1/0a1b2c3d-skipped.png", annotations=skipped),
    ]
    for name in ("a.png", "empty.png", "none.png", "skipped.png"):
        picture(tmp_path / "images", name)
    source = written(tmp_path / "e.json", export)
    coco, done = converted("points", "label-studio", source, image_dir=tmp_path / "images")
    assert [image["file_name"] for image in coco["images"]] == ["a.png", "empty.png"]
    assert (done.images, done.empty, sum(done.passed_over.values())) == (2, 1, 2)


def test_labelme(tmp_path: Path) -> None:
    """Images in the order of file names; Windows' paths; a class of its own for each label found."""
    written(tmp_path / "labels/b.json", labelme(shape("point", "ring", [[1.25, 1.5]]), path="..\\images\\b.png"))
    written(tmp_path / "labels/a.json", labelme(shape("point", "bar", [[8.5, 2.5]])))
    coco, _ = converted("points", "labelme", tmp_path / "labels")
    assert [image["file_name"] for image in coco["images"]] == ["a.png", "b.png"]
    assert points_of(coco) == [("bar", [8.0, 2.0]), ("ring", [0.75, 1.0])]
    assert coco["categories"] == [{"id": 1, "name": "bar"}, {"id": 2, "name": "ring"}]


def _cameras(folder: Path) -> Path:
    """Images of two cameras, of one name, with labelme's files beside them; above them a third of that name."""
    for label in ("bar", "ring"):
        picture(folder / f"of {label}", "1.png")
        written(folder / f"of {label}/1.json", labelme(shape("point", label, [[7, 3]]), path="1.png"))
    return picture(folder, "1.png")


CAMERAS = {"of bar/1.png": "bar", "of ring/1.png": "ring"}


def _by_image(coco: dict[str, Any]) -> dict[str, str]:
    names = {image["id"]: image["file_name"] for image in coco["images"]}
    classes = [name for name, _ in points_of(coco)]
    return {names[one["image_id"]]: name for one, name in zip(coco["annotations"], classes, strict=True)}


def test_labelme_keeps_subfolders(tmp_path: Path) -> None:
    """As labelme saves, beside the images: relative to the image folder, or to that of the labels."""
    labels = _cameras(tmp_path / "lmx")
    for image_dir, wanted in (
        (None, CAMERAS), (labels, CAMERAS), (tmp_path, {f"lmx/{name}": label for name, label in CAMERAS.items()})
    ):  # fmt: skip
        coco, done = converted("points", "labelme", labels, image_dir=image_dir)
        assert _by_image(coco) == wanted and not done.refusals
    coco, _ = converted("points", "labelme", labels / "of bar/1.json", image_dir=labels)
    assert _by_image(coco) == {"of bar/1.png": "bar"}


def test_labelme_finds_images_that_were_moved(tmp_path: Path) -> None:
    """Into the same subfolders, or labelled from elsewhere: the longest ending whose folder is there."""
    labels = _cameras(tmp_path / "lmx")
    images = labels.rename(tmp_path / "images")
    for name, said in (("of bar", "1.png"), ("of ring", "D:\\data\\of ring\\1.png")):
        content = labelme(shape("point", name[3:], [[7, 3]]), path=said)
        written(labels / name / "1.json", content)
    coco, _ = converted("points", "labelme", labels, image_dir=images)
    assert _by_image(coco) == CAMERAS
    (images / "of ring/1.png").unlink()
    coco, done = converted("points", "labelme", labels, image_dir=images, keep_incomplete=True)
    assert _by_image(coco) == {"of bar/1.png": "bar"} and f"{images}/of ring/1.png: missing" in str(done.refusals[0])


def test_labelme_does_not_guess_among_images_of_one_name(tmp_path: Path) -> None:
    """1.png in the root, and two below; what the path said is not there, and none of its folders."""
    images = _cameras(tmp_path / "images")
    written(tmp_path / "lmx/of tree/1.json", labelme(shape("point", "tree", [[7, 3]]), path="1.png"))
    with pytest.raises(InputError, match=r"1\.json: imagePath: '1\.png' does not lead into .*: 1\.png, of bar/1\.png,"):
        converted("points", "labelme", tmp_path / "lmx", image_dir=images)
    coco, _ = converted("points", "labelme", tmp_path / "lmx", image_dir=images / "of bar")
    assert _by_image(coco) == {"1.png": "tree"}, "one image has the name"


@pytest.mark.parametrize(("coordinates", "point"), [(None, [7, 3]), ("corners", [7, 3]), ("centres", [7.5, 3.5])])
def test_csv(tmp_path: Path, coordinates: str | None, point: list[float]) -> None:
    """Columns in any order, others are ignored; an image alone is verified empty."""
    rows = "image, y, x, category, who\na.png, 3.5, 7.5, bar, me\n\nb.png,,,,\nc.png\n"
    images = picture(picture(picture(tmp_path / "images"), "b.png", (5, 4)), "c.png")
    source = written(tmp_path / "clicks.csv", "\ufeff" + rows)
    coco, done = converted("points", "csv", source, image_dir=images, coordinates=coordinates)
    assert points_of(coco) == [("bar", point)]
    assert [(image["width"], image["height"]) for image in coco["images"]] == [(9, 6), (5, 4), (9, 6)]
    assert done.empty == 2


@pytest.mark.parametrize(("click", "x", "y"), [("9,6", 8.499, 5.499), ("0,0", -0.5, -0.5), ("8.99,6", 8.49, 5.499)])
def test_a_click_on_the_edge_counts_to_its_last_pixel(tmp_path: Path, click: str, x: float, y: float) -> None:
    """CVAT and others put a click beyond an image of 9 x 6 px onto its edge."""
    source = written(tmp_path / "clicks.csv", f"image,x,y,category\na.png,{click},bar\n")
    coco, _ = converted("points", "csv", source, image_dir=picture(tmp_path / "images"))
    assert points_of(coco) == [("bar", pytest.approx([x, y]))]


def test_csv_without_the_empty_images(tmp_path: Path) -> None:
    images = picture(picture(tmp_path / "images"), "b.png")
    source = written(tmp_path / "clicks.csv", "image,x,y,category\nb.png,,,\na.png,1,1,bar\n")
    coco, done = converted("points", "csv", source, image_dir=images, drop_empty=True, first_id=50)
    assert [image["id"] for image in coco["images"]] == [50] and coco["annotations"][0]["id"] == 50
    assert (done.empty, done.dropped) == (0, 1)


def test_coco_keypoints_are_pixel_indices(tmp_path: Path) -> None:
    """The only labelled keypoint (visibility 1 or 2); ids and categories are kept."""
    given = coco_points({"keypoints": [0, 0, 0, 7, 3, 2], "num_keypoints": 1}, keypoints=["head", "tail"])
    coco, _ = converted("points", "coco-keypoints", written(tmp_path / "k.json", given))
    assert coco["annotations"] == [{"id": 1, "image_id": 4, "category_id": 7, "point": [7.0, 3.0]}]
    assert coco["categories"] == [{"id": 7, "name": "bar"}, {"id": 3, "name": "ring"}]
    coco, _ = converted("points", "coco-keypoints", tmp_path / "k.json", coordinates="corners")
    assert points_of(coco) == [("bar", [6.5, 2.5])]


def test_coco_keypoint_by_name(tmp_path: Path) -> None:
    given = coco_points({"keypoints": [6, 2, 2, 7, 3, 2]}, keypoints=["head", "tail"])
    source = written(tmp_path / "k.json", given)
    coco, _ = converted("points", "coco-keypoints", source, Options(keypoint="tail"))
    assert points_of(coco) == [("bar", [7.0, 3.0])]


def test_coco_keypoints_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    monkeypatch.setattr(coco_importer, "read_json", lambda path: read.append(path) or read_json(path))
    given = coco_points({"keypoints": [6, 2, 2, 7, 3, 2]}, keypoints=["head", "tail"])
    converted("points", "coco-keypoints", written(tmp_path / "k.json", given), Options(keypoint="tail"))
    assert read == [tmp_path / "k.json"]
    with pytest.raises(InputError, match='has no list "images"'):
        converted("points", "coco-keypoints", written(tmp_path / "list.json", [given]), Options(keypoint="tail"))


def test_coco_points(tmp_path: Path) -> None:
    """`point` is our own form; of `point_coords` (corners at integers) the first inside the object counts."""
    given = coco_points(
        {"point": [7, 3]}, {"point_coords": [[0.5, 0.5], [7.5, 3.5], [6.5, 2.5]], "point_labels": [0, 1, 1]}
    )
    coco, done = converted("points", "coco-points", written(tmp_path / "p.json", given))
    assert points_of(coco) == [("bar", [7.0, 3.0]), ("bar", [7.0, 3.0])]
    assert done.passed_over == {"further points of an object": 1}


def box(category: str, x1: float, y1: float, x2: float, y2: float, **more: Any) -> dict[str, Any]:
    """A label of BDD100K's det_20."""
    sides = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    return {"id": f"{x1}", "category": category, "attributes": {"occluded": False, **more}, "box2d": sides}


def test_the_centres_of_boxes_of_bdd100k(tmp_path: Path) -> None:
    """A box of the pixels 6 to 8 and 2 to 3 has its centre in pixel 7, between 2 and 3; crowds have no point."""
    frames = [
        {"name": "a.png", "labels": [box("bar", 6, 2, 8, 3), box("sign", 0, 0, 1, 1), box("bar", 0, 0, 8, 5, crowd=1)]},
        {"name": "b.png", "labels": None},
        {"name": "c.png", "labels": [box("bar", 0, 0, 1, 1)]},
    ]
    source, images = written(tmp_path / "det.json", frames), tmp_path / "images"
    for name in ("a.png", "b.png", "c.png"):
        picture(images, name)
    full = {"images": [{"id": 7, "file_name": "c.png"}], "annotations": [{"id": 31}], "categories": []}
    others = written(tmp_path / "full.json", full)
    coco, done = converted("points", "bdd100k", source, image_dir=images, ignore=("sign",), without=(others,))
    assert points_of(coco) == [("bar", [7.0, 2.5])]
    assert [(image["id"], image["file_name"]) for image in coco["images"]] == [(32, "a.png"), (33, "b.png")], "no clash"
    coco, _ = converted("points", "bdd100k", source, image_dir=images, ignore=("sign",), without=(others,), first_id=5)
    assert [image["id"] for image in coco["images"]] == [5, 6]
    assert not done.refusals and done.passed_over == {
        "labels of class 'sign' (--ignore)": 1,
        "crowd regions, which have no point": 1,
        "images that --without names": 1,
        "labels on images that were refused or passed over": 1,
    }


def test_a_nameless_image_of_another_file_is_told(tmp_path: Path) -> None:
    source = written(tmp_path / "p.json", coco_points({"point": [7, 3]}))
    others = written(tmp_path / "full.json", {"images": [{"id": 7}], "annotations": [], "categories": []})
    with pytest.raises(InputError, match=r"full\.json: image 7: has no file_name; name its file"):
        converted("points", "coco-points", source, without=(others,))


def test_ignored_classes_are_no_categories(tmp_path: Path) -> None:
    """Whether the file lists them or not."""
    source = written(tmp_path / "p.json", coco_points({"point": [7, 3]}, {"point": [2, 2], "category_id": 3}))
    coco, _ = converted("points", "coco-points", source, ignore=("ring",))
    assert points_of(coco) == [("bar", [7.0, 3.0])]
    assert coco["categories"] == [{"id": 7, "name": "bar"}]


def test_a_misspelt_class_to_ignore_is_told(tmp_path: Path) -> None:
    """Refused where the source lists its classes; else it may be a class of which there happens to be no label."""
    source = written(tmp_path / "p.json", coco_points({"point": [7, 3]}))
    with pytest.raises(InputError, match=r"p\.json: has no class 'rong'; correct --ignore; its classes are bar, ring$"):
        converted("points", "coco-points", source, ignore=("ring", "rong"))
    source = written(tmp_path / "clicks.csv", "image,x,y,category\na.png,1,1,bar\n")
    _, done = converted("points", "csv", source, image_dir=picture(tmp_path / "images"), ignore=("rong",))
    assert done.passed_over == {"labels of class 'rong' (--ignore)": 0}


def test_categories_of_another_file(tmp_path: Path) -> None:
    """Points and masks of one study share their category ids."""
    mine = {"images": [], "annotations": [], "categories": [{"id": 30, "name": "bar"}, {"id": 10, "name": "ring"}]}
    categories = written(tmp_path / "train.json", mine)
    source = written(tmp_path / "annotations.xml", cvat(click("7.5,3.5")))
    coco, _ = converted("points", "cvat", source, categories=categories)
    assert coco["annotations"][0]["category_id"] == 30 and coco["categories"] == mine["categories"]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(PIXELS), st.tuples(st.floats(0.01, 0.98), st.floats(0.01, 0.98)))
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, pixel: tuple[int, int], within: tuple[float, float]
) -> None:
    """Wherever one clicks within a pixel, every tool's export comes out in that pixel."""
    folder = tmp_path_factory.mktemp("clicks")
    x, y = pixel[0] + within[0], pixel[1] + within[1]
    point = region("keypointlabels", "bar", x=x / W * 100, y=y / H * 100, width=0.3)
    images = picture(folder / "images")
    exports = {
        "cvat": cvat(click(f"{x!r},{y!r}")),
        "label-studio": json.dumps(tasks(point)),
        "labelme": json.dumps(labelme(shape("point", "bar", [[x, y]]))),
        "csv": f"image,x,y,category\na.png,{x!r},{y!r},bar\n",
        "coco-points": json.dumps(coco_points({"point_coords": [[x, y]], "point_labels": [1]})),
    }
    for label_format, text in exports.items():
        coco, _ = converted("points", label_format, written(folder / f"{label_format}.json", text), image_dir=images)
        ((_, (column, row)),) = points_of(coco)
        assert (round(column), round(row)) == pixel, label_format


def test_the_same_bytes(tmp_path: Path) -> None:
    source = written(tmp_path / "annotations.xml", cvat(click("7.5,3.5") + click("1,1", "ring")))
    converted("points", "cvat", source)
    first = (tmp_path / "converted.json").read_bytes()
    converted("points", "cvat", source)
    assert (tmp_path / "converted.json").read_bytes() == first


def test_a_name_with_other_accents_is_told(tmp_path: Path) -> None:
    """A Mac decomposes accents in names of files; what a person types is composed."""
    composed, decomposed = (unicodedata.normalize(form, "größe.png") for form in ("NFC", "NFD"))
    images = picture(tmp_path / "images", decomposed)
    source = written(tmp_path / "clicks.csv", f"image,x,y,category\n{composed},3,4,cell\n")
    with pytest.raises(InputError, match=r"missing, but there is .*form of its accents; rename one of them"):
        converted("points", "csv", source, image_dir=images)
