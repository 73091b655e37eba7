"""wssis show: every kind of artifact as text, and those that have a picture as one."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from audit_fixtures import copied
from PIL import Image

from wssis.audit.artifact import recognised
from wssis.audit.show import show
from wssis.audit.show_pictures import write_picture
from wssis.cli import main
from wssis.errors import InputError
from wssis.formats.coco import read_coco, write_coco

RUN = "shapes/50pct/s0/base"
KINDS = {
    "shapes/train.json": "coco",
    "shapes/images.csv": "images_table",
    f"{RUN}/split.csv": "split",
    f"{RUN}/weak.json": "coco",
    f"{RUN}/unlabelled.json": "coco",
    f"{RUN}/full_points.csv": "points",
    f"{RUN}/hidden_ids.csv": "hidden_ids",
    f"{RUN}/proposals/full.json": "coco",
    f"{RUN}/proposals/weak.csv": "ledger",
    f"{RUN}/crops/full.zarr": "store",
    f"{RUN}/pseudo/wssis.json": "coco",
    f"{RUN}/teacher/model.safetensors": "checkpoint",
    f"{RUN}/teacher/metrics.jsonl": "metrics",
    f"{RUN}/teacher/scores.json": "scores",
    f"{RUN}/teacher/detections.json": "detections",
    f"{RUN}/quality/rough.csv": "quality",
    f"{RUN}/quality/semi.csv": "quality",
    f"{RUN}/pseudo/semi.json": "coco",
    f"{RUN}/box_points.json": "coco",
    f"{RUN}/box_hidden_ids.csv": "hidden_ids",
    f"{RUN}/pseudo/points10-selftrain.json": "coco",
    f"{RUN}/quality/points10-selftrain.csv": "quality",
    f"{RUN}/arms/semi/thresholds.csv": "thresholds",
    f"{RUN}/arms/wssis-2/proposals/weak.csv": "ledger",
    "shapes/50pct/s0/corrupt/proposals/full.json": "coco",
    "shapes/50pct/s0/corrupt/proposals/full.csv": "ledger",
    "report/scores.csv": "score_table",
    "report/manifest.json": "manifest",
    "shapes/image_facts.csv": "image_facts",
    "shapes/data_warnings.json": "warnings",
    f"{RUN}/quality/semi.shown.json": "shown",
    "shapes/images/val/000001.png": "image",
    "report/curves.json": "curves",
    "report/index.html": "page",
}
DRAWN = (
    "coco", "ledger", "store", "metrics", "scores", "detections", "quality", "points", "split", "shown", "image",
    "curves",
)  # fmt: skip


@pytest.mark.parametrize(("path", "kind"), KINDS.items())
def test_every_artifact_shows_its_origin_and_content(sound_study: Path, path: str, kind: str) -> None:
    assert recognised(sound_study / path).kind == kind
    text = show(sound_study / path)
    assert "made by" in text and "settings" in text and "code " in text
    assert len(text.splitlines()) > 8


def test_counts_are_those_of_the_file(sound_study: Path) -> None:
    weak = read_coco(sound_study / RUN / "weak.json")
    text = show(sound_study / RUN / "weak.json")
    assert f"{len(weak['images'])} images, {len(weak['annotations'])} annotations, 3 categories" in text
    triangles = [one for one in weak["annotations"] if one["category_id"] == 1]
    images = len({one["image_id"] for one in triangles})
    (line,) = [line for line in text.splitlines() if line.startswith("triangle")]
    assert line.split() == ["triangle", str(len(triangles)), str(images)]
    assert "without a mask" in text and "with a mask " not in text


def test_boxes_tell_their_points_and_what_they_take(sound_study: Path) -> None:
    path = sound_study / RUN / "box_points.json"
    boxes = read_coco(path)["annotations"]
    text = show(path)
    assert f"{path.stat().st_size / len(boxes):,.0f} bytes of the file per annotation" in text
    (line,) = [line for line in text.splitlines() if line.startswith("points in a box")]
    assert line.split()[4:] == [str(len(boxes)), *["10"] * 5]


def test_points_in_a_drawn_box_are_green_on_the_object_and_red_beside_it(tmp_path: Path) -> None:
    image = {"id": 1, "file_name": "1.png", "width": 26, "height": 26}
    points = {"point_coords": [[7.5, 12.5], [17.5, 12.5]], "point_labels": [1, 0]}
    one = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 2, 20, 20], **points}
    content = {"images": [image], "annotations": [one], "categories": [{"id": 1, "name": "a"}]}
    write_coco(tmp_path / "box_points.json", content)
    write_picture(tmp_path / "box_points.json", tmp_path / "out.png")
    drawn = np.asarray(Image.open(tmp_path / "out.png"))
    inside = drawn[6 + 125, [6 + 75, 6 + 175]].astype(int)
    assert inside[0].argmax() == 1 and inside[1].argmax() == 0
    assert (drawn[6 + 20, 6 + 60 : 6 + 180] == drawn[6 + 20, 6 + 60]).all() and drawn[6 + 20, 6 + 60].std() > 20


def test_a_ledger_counts_its_statuses(sound_study: Path) -> None:
    path = sound_study / RUN / "proposals/weak.csv"
    with path.open() as stream:
        statuses = [row["status"] for row in csv.DictReader(stream)]
    lines = [line.split() for line in show(path).splitlines()]
    assert ["kept", str(statuses.count("kept")), f"{100 * statuses.count('kept') / len(statuses):.1f}"] in lines


def test_a_checkpoint_tells_its_network_and_tensors(sound_study: Path) -> None:
    text = show(sound_study / RUN / "teacher/model.safetensors")
    assert "2 tensors (F32), 8 numbers" in text
    assert "step\n  40" in text and "kind\n  solov2" in text and "backbone.name" in text and "1 triangle" in text


def test_metrics_show_the_way_of_the_losses(sound_study: Path) -> None:
    assert "dice  █▁▁  3.000 -> 0.075" in show(sound_study / RUN / "refiner/metrics.jsonl")


def test_a_scores_file_and_a_quality_file(sound_study: Path) -> None:
    scores = json.loads((sound_study / RUN / "teacher/scores.json").read_text())
    assert f"{scores['AP']:.1f}" in show(sound_study / RUN / "teacher/scores.json")
    with (sound_study / RUN / "quality/wssis.csv").open() as stream:
        ious = [float(row["iou_pseudo"]) for row in csv.DictReader(stream)]
    assert f"pseudo  {np.mean(ious):.3f}" in show(sound_study / RUN / "quality/wssis.csv")


def test_a_temporary_store_says_so(sound_study: Path) -> None:
    assert "temporary: its outputs may be gone" in show(sound_study / RUN / "crops/weak.zarr")


def test_without_a_manifest(sound_study: Path, tmp_path: Path) -> None:
    (tmp_path / "weak.json").write_bytes((sound_study / RUN / "weak.json").read_bytes())
    assert "no manifest lists it" in show(tmp_path / "weak.json")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.txt", "x", "no artifact that can be shown"),
        ("a.csv", "a,b\n1,2\n", "no artifact that can be shown"),
        ("a.json", "{", "not readable as JSON"),
        ("a.json", "7", "no artifact that can be shown"),
        ("a.json", '"max_detections"', "no artifact that can be shown"),
        ("gone.json", None, "not found"),
    ],
)
def test_what_cannot_be_shown(tmp_path: Path, name: str, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words):
        show(tmp_path / name)


@pytest.mark.parametrize(
    ("part", "values", "words"),
    [
        ("annotations", {"segmentation": [[1, 1, float("nan"), 1, 3, 3]]}, "annotation 5: a polygon has a coordinate"),
        ("annotations", {"segmentation": [[1, 1, 1e300, 1, 3, 3]]}, "annotation 5: a polygon .* reaches out"),
        ("annotations", {"segmentation": "x"}, "annotation 5: segmentation is neither polygons nor RLE"),
        ("annotations", {"segmentation": {"size": [9, 9], "counts": [81]}}, "annotation 5: RLE of size"),
        ("images", {"width": 0}, "image 1: its size is no size"),
        ("images", {"width": 10**9}, "image 1: its size is no size"),
    ],
)
def test_labels_that_cannot_be_drawn(tmp_path: Path, part: str, values: dict[str, object], words: str) -> None:
    content = {
        "images": [{"id": 1, "file_name": "1.png", "width": 26, "height": 26}],
        "annotations": [{"id": 5, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]]}],
        "categories": [{"id": 1, "name": "a"}],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    write_picture(tmp_path / "a.json", tmp_path / "a.png")
    content[part][0] |= values
    (tmp_path / "bad.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=rf"bad\.json: {words}"):
        write_picture(tmp_path / "bad.json", tmp_path / "b.png")
    assert not (tmp_path / "b.png").exists()


def _half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3].rstrip()[:-1].rstrip())


@pytest.mark.parametrize("kind", sorted(set(KINDS.values()) - {"store"}))
def test_a_file_cut_off_is_one_line(
    sound_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    source = sound_study / next(path for path, one in KINDS.items() if one == kind)
    path = tmp_path / source.name
    path.write_bytes(source.read_bytes())
    _half(path)
    for command in (["show", str(path)], ["show", str(path), "--picture", str(tmp_path / "a.png")]):
        with pytest.raises(SystemExit) as ended:
            main(command)
        told = capsys.readouterr()
        assert ended.value.code == 2 and told.out == ""
        assert told.err.startswith("error: ") and told.err.count("\n") == 1 and path.name in told.err
    assert list(tmp_path.iterdir()) == [path]


def test_damage_in_the_middle_is_one_line(sound_study: Path, tmp_path: Path) -> None:
    for name, old, new in (
        ("teacher/metrics.jsonl", b'"dice"', b'"step"'),
        ("teacher/scores.json", b'"name"', b'"nam"'),
        ("split.csv", b"\n1,", b"\n\xff\xfe,"),
        ("quality/wssis.csv", b"masked,", b"masked"),
    ):
        content = (sound_study / RUN / name).read_bytes()
        path = tmp_path / Path(name).name
        path.write_bytes(content.replace(old, new, 1))
        assert path.read_bytes() != content
        with pytest.raises(InputError, match=rf"{path.name}: .*again"):
            show(path)


def test_scores_without_ap(sound_study: Path, tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    scores = json.loads((sound_study / RUN / "teacher/scores.json").read_text())
    bare = [{**one, "AP": None, "AP50": None} for one in scores["per_class"]]
    path.write_text(json.dumps({**scores, "AP": None, "per_class": bare}))
    assert "AP, 0-100" in show(path)
    with pytest.raises(InputError, match=r"scores\.json: no class has an AP"):
        write_picture(path, tmp_path / "a.png")


@pytest.mark.parametrize(("path", "kind"), [(path, kind) for path, kind in KINDS.items() if kind in DRAWN])
def test_pictures(sound_study: Path, tmp_path: Path, path: str, kind: str) -> None:
    if path.endswith("unlabelled.json"):  # One image, and nothing on it.
        assert read_coco(sound_study / path)["annotations"] == []
    write_picture(sound_study / path, tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.width > 150 and picture.height > 150
        assert len(picture.convert("RGB").getcolors(2**24)) > 20


def test_masks_and_points_are_drawn_where_they_are(tmp_path: Path) -> None:
    """One object, a square, and one point, on an image that is not there: grey, the class's colour, the dot."""
    annotation = {
        "id": 1, "image_id": 1, "category_id": 2, "segmentation": [[26, 26, 52, 26, 52, 52, 26, 52]],
        "bbox": [26, 26, 26, 26], "area": 676, "iscrowd": 0, "point": [90.0, 100.0],
    }  # fmt: skip
    image = {"id": 1, "file_name": "a.png", "width": 130, "height": 130}
    coco = {"images": [image], "annotations": [annotation], "categories": [{"id": 2, "name": "two"}]}
    write_coco(tmp_path / "a.json", coco)
    write_picture(tmp_path / "a.json", tmp_path / "a.png")
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))[6:, 6:]  # 2 px of the sheet for one
    assert (pixels[20, 20] == 225).all()
    assert not (pixels[80, 80] == 225).all() and (pixels[80, 80] == pixels[90, 60]).all()
    assert (pixels[110, 80] == 225).all()
    assert not (pixels[201, 181] == 225).all() and (pixels[201, 195] == 225).all()


def test_a_point_hides_little_of_a_small_object(tmp_path: Path) -> None:
    """A cross of lines of one pixel: 25 pixels, where a dot was a disc of nearly 100."""
    image = {"id": 1, "file_name": "a.png", "width": 260, "height": 260}
    one = {"id": 1, "image_id": 1, "category_id": 1, "point": [100.0, 50.0]}
    write_coco(tmp_path / "a.json", {"images": [image], "annotations": [one], "categories": [{"id": 1, "name": "a"}]})
    write_picture(tmp_path / "a.json", tmp_path / "a.png")
    drawn = (np.asarray(Image.open(tmp_path / "a.png"))[6:266, 6:266] != 225).any(-1)
    assert drawn.sum() == 25 and drawn[50, 94:107].all() and drawn[44:57, 100].all()


def test_images_by_name(sound_study: Path, tmp_path: Path) -> None:
    path = sound_study / "shapes/train.json"
    images = read_coco(path)["images"]
    told = write_picture(path, tmp_path / "all.png")
    assert told == (f"all {len(images)} images" if len(images) <= 12 else f"12 of {len(images)} images, evenly from the"
                    " first to the last")  # fmt: skip
    names = [images[-1]["file_name"], Path(images[0]["file_name"]).stem]
    assert write_picture(path, tmp_path / "two.png", names=names) == f"2 of {len(images)} images, as named"
    assert (tmp_path / "two.png").read_bytes() != (tmp_path / "all.png").read_bytes()
    with pytest.raises(InputError, match=r"train\.json: has no image none\.png; give --image its file_name, such as"):
        write_picture(path, tmp_path / "none.png", names=["none.png"])
    for other in ("crops/full.zarr", "split.csv"):
        with pytest.raises(InputError, match="leave --image out"):
            write_picture(sound_study / RUN / other, tmp_path / "none.png", names=["a.png"])
    assert not (tmp_path / "none.png").exists()


def test_an_image_by_name_has_its_own_size(tmp_path: Path) -> None:
    sides = (40, 700, 4000)
    images = [{"id": n, "file_name": f"in/{n}.png", "width": side, "height": side} for n, side in enumerate(sides)]
    content = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "a"}]}
    write_coco(tmp_path / "a.json", content)
    widths = []
    for name in ("0.png", "1", "in/2.png"):
        write_picture(tmp_path / "a.json", tmp_path / "a.png", names=[name])
        with Image.open(tmp_path / "a.png") as picture:
            widths.append(picture.width - 12)
    assert widths == [520, 700, 1000]


def test_settings_that_a_stage_does_not_read_are_not_shown_as_values(sound_study: Path) -> None:
    text = show(sound_study / RUN / "proposals/weak.csv")
    assert "candidates 500" not in text and "(not read by proposals: fold_seed, folds, inference.candidates, " in text
    full = show(sound_study / RUN / "proposals/full.csv")
    assert "pairs crossfit" in full and "pairs crossfit" not in text
    corrupt = show(sound_study / "shapes/50pct/s0/corrupt/proposals/full.csv")
    assert "pairs corrupt" in corrupt and "short_side 48" not in corrupt
    assert "(not read by proposals: filter, " in corrupt
    assert "inference.short_side" in text and "not read" not in show(sound_study / RUN / "teacher/scores.json")


def test_given_images(sound_study: Path, tmp_path: Path) -> None:
    study = copied(sound_study, tmp_path)
    (study / "shapes/images").rename(tmp_path / "elsewhere")
    weak = study / RUN / "weak.json"
    write_picture(weak, tmp_path / "grey.png")
    write_picture(weak, tmp_path / "given.png", tmp_path / "elsewhere/train")
    write_picture(sound_study / RUN / "weak.json", tmp_path / "found.png")
    grey, given, found = ((tmp_path / f"{name}.png").read_bytes() for name in ("grey", "given", "found"))
    assert given == found and given != grey
    with pytest.raises(InputError, match="correct --image-dir"):
        write_picture(weak, tmp_path / "wrong.png", tmp_path)


def test_no_picture(sound_study: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it has no picture"):
        write_picture(sound_study / RUN / "teacher/model.safetensors", tmp_path / "a.png")
    with pytest.raises(InputError, match=r"ends in \.png"):
        write_picture(sound_study / RUN / "weak.json", tmp_path / "a.pdf")
    assert list(tmp_path.iterdir()) == []


def test_the_command(sound_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(sound_study / RUN / "split.csv")
    with pytest.raises(SystemExit):
        main(["show", path])
    assert "split: the label kind of every image" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["show", path, "--picture", str(tmp_path / "split.png")])
    assert (tmp_path / "split.png").stat().st_size > 1000
    assert capsys.readouterr().out == f"{tmp_path / 'split.png'}: split: the label kind of every image\n"
    with pytest.raises(SystemExit) as ended:
        main(["show", path, "--image", "a.png"])
    assert ended.value.code == 2 and "go with --picture" in capsys.readouterr().err
