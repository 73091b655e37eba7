"""What a refused label does to its image, images that do not fit their labels, and requests that make no sense."""

from pathlib import Path

import numpy as np
import pytest
from convert_fixtures import (
    BAR,
    FLAT_BAR,
    POINT,
    H,
    W,
    click,
    coco_points,
    converted,
    cvat,
    labelme,
    picture,
    region,
    shape,
    tasks,
    written,
)
from PIL import Image

from wssis.cli import main
from wssis.convert.summary import summary
from wssis.errors import InputError
from wssis.formats.importers.reader import Options


def test_an_image_with_a_refused_label_is_left_out(tmp_path: Path) -> None:
    """The refused object would otherwise be trained as background."""
    images = [{"id": n, "file_name": f"{n}.png", "width": W, "height": H} for n in (4, 5, 6)]
    good, bad = {"segmentation": [FLAT_BAR]}, {"segmentation": [[1, 1]]}
    given = {**coco_points(good, bad, {**good, "image_id": 5}), "images": images}
    source = written(tmp_path / "c.json", given)
    coco, done = converted("masks", "coco", source)
    assert [image["id"] for image in coco["images"]] == [5, 6] and [a["id"] for a in coco["annotations"]] == [3]
    assert (done.incomplete, done.lost, done.empty, len(done.refusals)) == (1, 1, 1, 1)
    assert summary(done).splitlines() == [
        f"{tmp_path}/converted.json: 1 masks on 2 images",
        "        1 bar",
        "        0 ring",
        "images without labels: 1, kept as verified empty, that is, trained as background;",
        "  where nobody looked at them, leave them out with --drop-empty",
        "images left out since a label of theirs was refused: 1, with 1 sound labels;",
        "  an object without label would be trained as background (--keep-incomplete keeps them)",
        "refused: 1",
        "        1 unsound mask",
        f"{source}: annotation 2: on 4.png: a polygon needs three corners or more, as x, y, x, y, ...; draw it again or"
        " remove it",
    ]
    coco, done = converted("masks", "coco", source, keep_incomplete=True)
    assert [a["id"] for a in coco["annotations"]] == [1, 3] and done.incomplete == 0


def test_an_image_whose_only_label_was_refused_is_never_empty(tmp_path: Path) -> None:
    images = [{"id": n, "file_name": f"{n}.png", "width": W, "height": H} for n in (4, 5)]
    given = {**coco_points({"segmentation": [FLAT_BAR]}, {"segmentation": None, "image_id": 5}), "images": images}
    coco, done = converted("masks", "coco", written(tmp_path / "c.json", given), keep_incomplete=True)
    assert [image["id"] for image in coco["images"]] == [4] and done.incomplete == 1


@pytest.mark.parametrize("image_id", ["5", 5.0, " 5", [5]])
def test_an_image_that_a_refused_id_means_is_never_empty(tmp_path: Path, image_id: object) -> None:
    images = [{"id": n, "file_name": f"{n}.png", "width": W, "height": H} for n in (4, 5, 6)]
    bar = {"segmentation": [FLAT_BAR]}
    given = {**coco_points(bar, {**bar, "image_id": image_id}), "images": images}
    coco, done = converted("masks", "coco", written(tmp_path / "c.json", given))
    assert [image["id"] for image in coco["images"]] == [4, 6] and (done.incomplete, done.empty) == (1, 1)
    assert [refusal.kind for refusal in done.refusals] == ["unknown image"]


def test_strict_refuses_all(tmp_path: Path) -> None:
    source = written(tmp_path / "a.xml", cvat(click("7,3") + click("7,30") + click("nan,1")))
    with pytest.raises(InputError, match=r"a.xml: 2 item\(s\) refused, so nothing is written \(--strict\)") as caught:
        converted("points", "cvat", source, strict=True)
    assert len(str(caught.value).splitlines()) == 3
    assert not (tmp_path / "converted.json").exists()
    converted("points", "cvat", source, keep_incomplete=True)


def test_sizes_are_compared(tmp_path: Path) -> None:
    source = written(tmp_path / "a.xml", cvat(click("7,3")))
    images = picture(tmp_path / "images", size=(W, 7))
    with pytest.raises(
        InputError, match=r"image 0: .*a\.png: is 9 x 7 px, the labels say 9 x 6; correct the wrong one"
    ):
        converted("points", "cvat", source, image_dir=images)


@pytest.mark.parametrize(("content", "reason"), [(None, "missing; put it there"), ("GIF89a", "unreadable")])
def test_images_that_are_not_there(tmp_path: Path, content: str | None, reason: str) -> None:
    (tmp_path / "images").mkdir()
    if content is not None:
        written(tmp_path / "images/a.png", content)
    source = written(tmp_path / "a.xml", cvat(click("7,3")))
    with pytest.raises(InputError, match=rf"image 0: .*images/a\.png: {reason}"):
        converted("points", "cvat", source, image_dir=tmp_path / "images")


def test_images_that_the_tool_showed_turned(tmp_path: Path) -> None:
    """EXIF orientation 3 is upside down: the size does not betray it. COCO files are about stored pixels."""
    exif = Image.Exif()
    exif[0x0112] = 3
    images = picture(tmp_path / "images", exif=exif)
    with pytest.raises(InputError, match="has EXIF orientation 3, so the tool showed it turned"):
        converted("points", "cvat", written(tmp_path / "a.xml", cvat(click("7,3"))), image_dir=images)
    given = written(tmp_path / "c.json", coco_points({"segmentation": [FLAT_BAR]}))
    assert converted("masks", "coco", given, image_dir=images)[1].labels == {"bar": 1, "ring": 0}


def test_an_image_that_is_labelled_twice(tmp_path: Path) -> None:
    """Neither list of labels may be whole, so the image is left out."""
    point = region("keypointlabels", "bar", **POINT)
    export = [*tasks(point), *tasks({**point}), *tasks(point, image="/data/upload/1/0a1b2c3d-b.png")]
    coco, done = converted("points", "label-studio", written(tmp_path / "e.json", export))
    assert ["a.png is labelled a second time; keep or make one list of its labels"] == [r.reason for r in done.refusals]
    assert done.passed_over == {"labels on images that were refused or passed over": 1}
    assert [image["file_name"] for image in coco["images"]] == ["b.png"] and done.incomplete == 1


def test_ids_that_occur_twice(tmp_path: Path) -> None:
    """Labels of an image id that two images have are nobody's."""
    bar = {"segmentation": [FLAT_BAR]}
    given = coco_points(bar, {**bar, "image_id": 5}, {**bar, "image_id": 5, "id": 2})
    given["images"] += [{"id": n, "file_name": f"{n}.png", "width": W, "height": H} for n in (5, 4)]
    coco, done = converted("masks", "coco", written(tmp_path / "c.json", given), keep_incomplete=True)
    assert [(one.place.identity, one.reason) for one in done.refusals] == [
        ("image 4", "the id 4 occurs more than once; keep one of them or renumber"),
        ("annotation 2", "the id 2 occurs more than once; keep one of them or renumber"),
    ]
    assert [(a["id"], a["image_id"]) for a in coco["annotations"]] == [(2, 5)] and len(coco["images"]) == 1


def test_labels_beyond_the_given_categories(tmp_path: Path) -> None:
    categories = written(tmp_path / "train.json", coco_points())
    source = written(tmp_path / "labels/a.json", labelme(shape("point", "tree", [[7, 3]]))).parent
    with pytest.raises(
        InputError, match=r"a.json: shape 1: unknown label 'tree' on a.png: .*train.json has bar, ring;"
    ):
        converted("points", "labelme", source, categories=categories)


def _instance_png(folder: Path, values: np.ndarray, name: str = "a.png") -> Path:
    folder.mkdir()
    Image.fromarray(values).save(folder / name)
    return folder


@pytest.mark.parametrize(
    ("values", "name", "reason"),
    [
        (BAR * np.uint8(255), "a.png", "has the one value 255, as a foreground mask has; write one number for each"),
        (np.zeros((H, W, 3), np.uint8), "a.png", "is in colour; write one number for each instance"),
        (np.zeros((H, W, 4), np.uint8), "a.png", "is of mode RGBA; save it as a PNG of one channel"),
        (BAR.T * np.uint8(1), "a.png", "is 9 x 6 px, the labels say 6 x 9"),
        (BAR * np.uint8(1), "other.png", "no image of its name in"),
    ],
)
def test_instance_pngs_that_are_refused(tmp_path: Path, values: np.ndarray, name: str, reason: str) -> None:
    images = picture(tmp_path / "images")
    source = _instance_png(tmp_path / "masks", values, name)
    with pytest.raises(InputError, match=rf"{name}: whole file: .*{reason}"):
        converted("masks", "instance-png", source, Options(category="thing"), image_dir=images)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (BAR * np.uint8(15), None),
        (None, "SegmentationClass/a.png: whole file: missing"),
        (BAR * np.uint8(77), "object 1: on a.png: needs one class of VOC's twenty, SegmentationClass says 77"),
        (BAR * np.arange(W, dtype=np.uint8), "SegmentationClass says bus, car, cat; correct it"),
        (BAR * np.uint8(255), "SegmentationClass says none"),
        (BAR[:, :4] * np.uint8(1), "SegmentationClass has 4 x 6 px and numbers; export it again with 9 x 6 px"),
        (np.stack(3 * [BAR * np.uint8(1)], axis=2), "px and colours; export it again with 9 x 6 px and numbers"),
    ],
)
def test_voc_that_is_refused(tmp_path: Path, kind: np.ndarray | None, reason: str | None) -> None:
    images, source = picture(tmp_path / "images"), tmp_path / "voc"
    source.mkdir()
    _instance_png(source / "SegmentationObject", BAR * np.uint8(1))
    if kind is not None:
        _instance_png(source / "SegmentationClass", kind)
    if reason is None:
        assert converted("masks", "voc", source, image_dir=images)[1].labels == {"person": 1}
    else:
        with pytest.raises(InputError, match=reason):
            converted("masks", "voc", source, image_dir=images)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["boxes", "coco"], "'boxes' is no kind of label; legal are points, masks"),
        (
            ["points", "coco"],
            "'coco' is no format of points; legal are coco-keypoints, coco-points, cvat, label-studio",
        ),
        (["points", "cvat", "--keypoint", "nose"], "--keypoint means nothing to points of cvat"),
        (["masks", "coco", "--first-id", "9"], "--first-id means nothing to masks of coco"),
        (["points", "csv", "--coordinates", "mm"], "--coordinates 'mm': legal are corners, centres"),
        (["points", "csv", "--image-dir", "nowhere"], "nowhere: is no folder; correct --image-dir"),
    ],
)
def test_requests_that_make_no_sense(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    source = written(tmp_path / "a.xml", cvat(click("7,3")))
    with pytest.raises(SystemExit) as stopped:
        main(["convert", *arguments, str(source), "--out", str(tmp_path / "o.json")])
    assert stopped.value.code == 2 and reason in capsys.readouterr().err


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = written(tmp_path / "a.xml", cvat(click("7,3"))), tmp_path / "new/weak.json"
    with pytest.raises(SystemExit) as stopped:
        main(["convert", "points", "cvat", str(source), "--out", str(out)])
    assert stopped.value.code == 0 and out.is_file()
    assert capsys.readouterr().out.splitlines() == [f"{out}: 1 points on 1 images", "        0 ring", "        1 bar"]
