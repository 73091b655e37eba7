"""wssis predict with points: the masks of the stages propose, crops and pseudo, without their files."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from predict_fixtures import CATEGORIES, SIZES, predict, pseudo_masks, write_images, write_refiner, write_segmentor

from wssis.convert.export_sources import read_source
from wssis.formats.atomic import write_json
from wssis.formats.coco import encode_mask, read_coco
from wssis.formats.manifest import digest_of, read_manifest
from wssis.predicting import click_masks
from wssis.predicting.clicks import read_clicks
from wssis.predicting.recorded import point_mask_settings
from wssis.predicting.result_log import ResultLog


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with pseudo masks; not to be changed."""
    folder = write_images(tmp_path_factory.mktemp("made") / "study")
    pseudo_masks(folder, flip=True)
    return folder


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "study"))


def _models(study: Path) -> list[object]:
    return ["--teacher", study / "teacher/model.safetensors", "--refiner", study / "refiner/model.safetensors"]


def _unmasked(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((out / "unmasked.csv").open()))


def _check(pseudo: Path, out: Path) -> None:
    """Every weak point of a pseudo set has the same mask in masks.json, or is in unmasked.csv."""
    made = {one["point_id"]: one for one in read_coco(out / "masks.json")["annotations"]}
    wanted = [one for one in read_coco(pseudo)["annotations"] if one["source"] == "pseudo"]
    assert len(wanted) == 3 * len(SIZES) and made
    for one in wanted:
        if one["segmentation"] is None:
            assert one["point_id"] not in made
            continue
        got = made[one["point_id"]]
        assert got["segmentation"] == one["segmentation"] and got["bbox"] == one["bbox"] and got["area"] == one["area"]
        assert (got["score"], got["source"], got["point"]) == (one["score"], one["outcome"], one["point"])
    unmasked = {one["point_id"] for one in wanted if one["segmentation"] is None}
    assert {int(row["point_id"]) for row in _unmasked(out)} == unmasked


def test_masks_are_those_of_the_pseudo_set(study: Path) -> None:
    arguments = ["--points", study / "weak.json", *_models(study), "--median-boxes-from", study / "full.json"]
    assert predict(study / "images", *arguments, "--out", study / "out") == 0
    _check(study / "pseudo/one.json", study / "out")
    settings = read_manifest(study / "out/predict_points.manifest.json")["settings"]
    assert settings["flip"] is True, "the pseudo set's manifest tells"
    names = [one["file_name"] for one in read_coco(study / "out/masks.json")["images"]]
    assert names == sorted(f"{i}.png" for i in SIZES) and len(list((study / "out/overlays").iterdir())) == len(SIZES)


def test_csv_and_json_say_the_same(study: Path) -> None:
    """A CSV file's pixel corners are at integers, as tools write them and `wssis convert` reads them."""
    weak, names = read_coco(study / "weak.json"), {one["id"]: one["name"] for one in CATEGORIES}
    lines = ["category,image,note,x,y"]
    for k, one in enumerate(weak["annotations"]):
        category = names[one["category_id"]] if k % 2 else one["category_id"]
        lines.append(f"{category},{one['image_id']}.png,x,{one['point'][0] + 0.5},{one['point'][1] + 0.5}")
    (study / "points.csv").write_text("\n".join(lines) + "\n")
    for name in ("points.csv", "weak.json"):
        arguments = ["--points", study / name, *_models(study), "--out", study / f"out-{name}"]
        assert predict(study / "images", *arguments) == 0
    masks = [read_coco(study / f"out-{name}/masks.json")["annotations"] for name in ("points.csv", "weak.json")]
    bare = [[{**one, "point_id": 0} for one in part] for part in masks]
    assert bare[0] == bare[1] and [one["point_id"] for one in masks[0]] != [one["point_id"] for one in masks[1]]


def test_without_a_refiner_masks_are_rough(study: Path) -> None:
    arguments = ["--points", study / "weak.json", "--teacher", study / "teacher/model.safetensors"]
    assert predict(study / "images", *arguments, "--overlays", "none", "--out", study / "out") == 0
    rough = {one["point_id"]: one for one in read_coco(study / "proposals/weak.json")["annotations"]}
    made = read_coco(study / "out/masks.json")["annotations"]
    assert made and all(one["segmentation"] == rough[one["point_id"]]["segmentation"] for one in made)
    assert {one["source"] for one in made} == {"rough"} and not (study / "out/overlays").exists()


def test_a_row_of_an_image_alone_says_that_it_was_looked_at(study: Path) -> None:
    (study / "points.csv").write_text("image,x,y,category\n11.png,4,4,bar\n12.png,,,\n13.png\n")
    arguments = ["--points", study / "points.csv", *_models(study), "--out", study / "out"]
    assert predict(study / "images", *arguments) == 0
    numbers = {one["point_id"] for one in read_coco(study / "out/masks.json")["annotations"]}
    assert numbers | {int(row["point_id"]) for row in _unmasked(study / "out")} == {1}


def test_selection_is_the_variants_or_as_one_says(study: Path, capsys: pytest.CaptureFixture) -> None:
    """A variant with base's teacher had proposals of its own; its refiner was trained on base's crops."""
    here, other = study / "refiner", study.parent / "base/refiner"
    write_refiner(other / "model.safetensors", crop_size=32)
    shutil.move(study / "teacher", other.parent)
    teacher = other.with_name("teacher") / "model.safetensors"
    for home, selection in ((study, "vote"), (other.parent, "published")):
        record = {"settings": {"selection": selection, "inference": {"short_side": 48}}, "outputs": {},
                  "inputs": {"teacher": {"sha256": digest_of(teacher)}}}  # fmt: skip
        write_json(home / "proposals/weak.json.manifest.json", record)
    assert point_mask_settings(teacher, None, {})[0].proposals.selection == "published"
    assert point_mask_settings(teacher, other / "model.safetensors", {})[0].proposals.selection == "published"
    assert point_mask_settings(teacher, here / "model.safetensors", {})[0].proposals.selection == "vote"
    crops = {"settings": {"scale": 3.0}, "inputs": {}, "outputs": {"full.zarr": "c"}}
    write_json(other.parent / "crops/full.zarr.manifest.json", crops)
    own = {"model.safetensors": digest_of(here / "model.safetensors")}
    write_json(here / "manifest.json", {"settings": {}, "inputs": {"crops": {"sha256": "c"}}, "outputs": own})
    assert point_mask_settings(teacher, here / "model.safetensors", {})[0].crops.scale == 3.0, "in base's folder"
    arguments = [study / "images", "--points", study / "weak.json", "--teacher", teacher, "--out", study / "out"]
    assert predict(*arguments, "--selection", "vote") == 0
    settings = read_manifest(study / "out/predict_points.manifest.json")["settings"]
    assert settings["proposals"]["selection"] == "vote"
    assert predict(*arguments, "--selection", "votes") == 2
    assert "published" in capsys.readouterr().err
    assert predict(teacher, study / "images", "--out", study / "out2", "--selection", "vote") == 2
    assert "--selection needs --points" in capsys.readouterr().err


def test_every_point_is_accounted_for(study: Path, capsys: pytest.CaptureFixture) -> None:
    (study / "images/12.png").unlink()
    (study / "images/13.png").write_bytes((study / "images/13.png").read_bytes()[:-900])
    assert predict(study / "images", "--points", study / "weak.json", *_models(study), "--out", study / "out") == 1
    rows = {int(row["point_id"]): row for row in _unmasked(study / "out")}
    masked = {one["point_id"] for one in read_coco(study / "out/masks.json")["annotations"]}
    ids = {one["id"] for one in read_coco(study / "weak.json")["annotations"]}
    assert masked | set(rows) == ids and not masked & set(rows)
    assert rows[1200]["reason"] == "its image is not among the images given" and rows[1200]["image"] == "12.png"
    assert (rows[1200]["file_name"], rows[1300]["file_name"]) == ("", "13.png")
    assert "truncated" in rows[1300]["reason"]
    assert "skipped: 13.png" in capsys.readouterr().err


def test_a_click_on_an_unreadable_image_says_so(study: Path, capsys: pytest.CaptureFixture) -> None:
    """Also where the file of points names the image otherwise than the folder does."""
    (study / "images/12.png").write_bytes(b"no image")
    (study / "points.csv").write_text("image,x,y,category\nimages/12.png,4,4,bar\n11.png,4,4,bar\nother.png,4,4,bar\n")
    arguments = ["--points", study / "points.csv", *_models(study), "--out", study / "out"]
    assert predict(study / "images", *arguments) == 1
    reasons = {row["image"]: row["reason"] for row in _unmasked(study / "out")}
    assert "its image is unreadable" in reasons["images/12.png"]
    assert reasons["other.png"] == "its image is not among the images given"
    assert "1 of the unmasked points are on images that were not given" in capsys.readouterr().out
    (study / "images/more").mkdir()
    shutil.copy(study / "images/11.png", study / "images/more/12.png")
    (study / "points.csv").write_text("image,x,y,category\nstudy/images/12.png,4,4,bar\n")
    assert predict(study, *arguments) == 1
    assert "its image is unreadable" in _unmasked(study / "out")[0]["reason"], "not the readable one of this name"


def _named_points(coco: dict[str, Any]) -> list[tuple[str, int, tuple[float, float]]]:
    """File name, category and point of every annotation."""
    names = {one["id"]: one["file_name"] for one in coco["images"]}
    return [(names[one["image_id"]], one["category_id"], tuple(one["point"])) for one in coco["annotations"]]


def test_points_without_mask_are_points_for_the_next_run_and_for_export(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """unmasked.csv has pixel corners at integers, as every CSV file of clicks; x and y may lie between 0 and 0.5."""
    (study / "images/12.png").unlink()
    (study / "images/13.png").write_bytes(b"no image")
    weak = read_coco(study / "weak.json")
    weak["annotations"][0]["point"] = [-0.25, -0.5]
    (study / "points.json").write_text(json.dumps(weak))
    _empty_proposals(monkeypatch)
    assert predict(study / "images", "--points", study / "points.json", *_models(study), "--out", study / "out") == 1
    given = dict(zip((one["id"] for one in weak["annotations"]), _named_points(weak), strict=True))
    rows = _unmasked(study / "out")
    clicks = read_clicks(study / "out/unmasked.csv", CATEGORIES)
    found = [(click.image, click.category_id, click.point) for click in clicks]
    assert found == [given[int(row["point_id"])] for row in rows] and given[1100] in found
    assert {one[0] for one in found} >= {"11.png", "12.png", "13.png"}
    assert {row["category"] for row in rows} == {"bar", "ring"}
    coco = read_source(study / "out/masks.json")
    bare = [one for one in coco["annotations"] if one["segmentation"] is None]
    assert _named_points({**coco, "annotations": bare}) == [one for one in found if one[0] not in ("12.png", "13.png")]


def test_a_point_of_another_folder_is_not_exported_to_this_one(study: Path) -> None:
    (study / "images").rename(study / "cam2")
    (study / "points.csv").write_text("image,x,y,category\ncam1/11.png,9,9,bar\ncam2/11.png,5,5,bar\n")
    arguments = ["--points", study / "points.csv", *_models(study), "--out", study / "out"]
    assert predict(study / "cam2", *arguments) == 1
    points = [one["point"] for one in read_source(study / "out/masks.json")["annotations"]]
    assert points == [[4.5, 4.5]]


def test_every_record_is_read_once(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = ResultLog.record
    monkeypatch.setattr(ResultLog, "record", lambda log, name: read.append(name) or real(log, name))
    (study / "images/13.png").write_bytes((study / "images/13.png").read_bytes()[:-900])
    arguments = ["--points", study / "weak.json", *_models(study), "--out", study / "out"]
    assert predict(study / "images", *arguments) == 1
    assert sorted(read) == ["11.png", "12.png", "14.png", "15.png"]


def _empty_proposals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first proposal of every image be empty."""
    real = click_masks.propose_batch

    def emptied(batch, *rest):
        for image_id, proposals in real(batch, *rest):
            annotation = proposals[0].annotation
            height, width = annotation["segmentation"]["size"]
            nothing = encode_mask([[0] * width for _ in range(height)])
            proposals[0].annotation.update(segmentation=nothing, area=0)
            yield image_id, proposals

    monkeypatch.setattr(click_masks, "propose_batch", emptied)


def test_an_empty_proposal_needs_the_median_boxes(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _empty_proposals(monkeypatch)
    arguments = ["--points", study / "weak.json", *_models(study)]
    assert predict(study / "images", *arguments, "--out", study / "out") == 0
    reasons = {row["point_id"]: row["reason"] for row in _unmasked(study / "out")}
    assert all("--median-boxes-from" in reasons[f"{i}00"] for i in SIZES)
    with_medians = [*arguments, "--median-boxes-from", study / "full.json", "--out", study / "with"]
    assert predict(study / "images", *with_medians) == 0
    assert not any("--median-boxes-from" in row["reason"] for row in _unmasked(study / "with"))
    masks = [one for one in read_coco(study / "with/masks.json")["annotations"] if one["point_id"] % 100 == 0]
    assert masks and {one["source"] for one in masks} == {"refined_from_empty"}


def test_bad_points_are_refused_all_at_once(study: Path, capsys: pytest.CaptureFixture) -> None:
    arguments = [study / "images", "--points", study / "points.csv", *_models(study)[:2], "--out", study / "out"]
    groups = {
        ("11.png,5,5,sofa", "11.png,5,east,bar"): (
            "2 problem(s)", "row 2: unknown category 'sofa'; known: 3, 7, bar, ring", "row 3: x and y must be numbers",
        ),
        ("11.png,60.5,5,bar", "11.png,nan,5,bar"): (
            "2 problem(s)", "point 2: [60.0, 4.5], in pixel indices, is outside 11.png, which has 60 x 40 px",
            "point 3: [nan, 4.5], in pixel indices, is",
        ),
        ("11.png,5,5,5,5,bar", "11.png,5,5"): ("line 3: has 6 cells, its first line 4", "line 4: has 3 cells"),
    }  # fmt: skip
    for lines, messages in groups.items():
        (study / "points.csv").write_text("\n".join(["image,x,y,category", "11.png,4,4,bar", *lines]) + "\n")
        assert predict(*arguments) == 2
        error = capsys.readouterr().err
        assert [one for one in messages if one not in error] == []
    assert not (study / "out/masks.json").exists()


def _bad(study: Path, what: str) -> tuple[list[Any], str]:
    """Arguments of a run that is refused, and what the refusal says."""
    weak = read_coco(study / "weak.json")
    points, models = study / "weak.json", _models(study)
    if what == "header":
        points = study / "points.csv"
        points.write_text("file,x,y\n")
        return [study / "images", "--points", points, *models], "image, x, y, category"
    if what == "categories":
        points = study / "other.json"
        points.write_text(json.dumps({**weak, "categories": [{"id": 3, "name": "rod"}, {"id": 7, "name": "ring"}]}))
        return [study / "images", "--points", points, *models], "are not the teacher's"
    if what == "twice":
        points = study / "twice.json"
        points.write_text(json.dumps({**weak, "annotations": weak["annotations"][:1] * 2}))
        return [study / "images", "--points", points, *models], "point 1100: this id occurs more than once"
    if what == "image twice":
        points = study / "twice.json"
        points.write_text(json.dumps({**weak, "images": [*weak["images"], {"id": 11, "file_name": "12b.png"}]}))
        return [study / "images", "--points", points, *models], "image 11: this id occurs more than once; keep one"
    if what == "refiner":
        write_refiner(study / "refiner/model.safetensors", [{"id": 1, "name": "bar"}])
        return [study / "images", "--points", points, *models], "trained with category ids [1]"
    return [study / "images", "--points", points], "--points needs --teacher"


@pytest.mark.parametrize(
    ("part", "values", "message"),
    [
        ("annotations", {"category_id": [3]}, "point 1100: unknown category_id [3]; add the category or correct"),
        ("annotations", {"category_id": 5}, "point 1100: unknown category_id 5"),
        ("annotations", {"id": [1]}, "point [1]: the id must be an integer"),
        ("annotations", {"id": None}, "point None: the id must be an integer"),
        ("annotations", {"id": "x"}, "point 'x': the id must be an integer"),
        ("annotations", {"point": ["1", "2"]}, "point 1100: point ['1', '2'] is not two finite numbers"),
        ("annotations", {"image_id": [11]}, "not a file of points (KeyError: '[11]')"),
        ("images", {"file_name": 3}, "image 11: has no file_name; name its file"),
        ("images", {"width": 30, "height": 20}, "11.png: is 60 x 40 px, the labels say 30 x 20; correct the wrong one"),
        ("images", {"width": "60"}, "image 11: width '60', height 40 must be positive integers; take them from"),
        ("images", {"height": None}, "image 11: width 60, height None must be positive integers; take them from"),
        ("images", {"file_name": "./12.png"}, "image 11: file_name '12.png' belongs to more than one image (11, 12);"),
        ("annotations", None, "has no points; set some, or leave --points out"),
    ],
)
def test_unsound_points_are_refused(
    study: Path, capsys: pytest.CaptureFixture, part: str, values: dict[str, Any] | None, message: str
) -> None:
    weak = read_coco(study / "weak.json")
    weak[part] = [] if values is None else [{**weak[part][0], **values}, *weak[part][1:]]
    (study / "bad.json").write_text(json.dumps(weak))
    assert predict(study / "images", "--points", study / "bad.json", *_models(study), "--out", study / "out") == 2
    assert message in capsys.readouterr().err and not (study / "out/masks.json").exists()


def test_sizes_are_compared_where_the_file_has_them(study: Path, capsys: pytest.CaptureFixture) -> None:
    """Points of images that were clicked at half their size lie on other objects."""
    weak = read_coco(study / "weak.json")
    bare = [{key: one[key] for key in ("id", "file_name")} for one in weak["images"]]
    half = [{**one, "width": one["width"] // 2, "height": one["height"] // 2} for one in weak["images"]]
    half[2:] = weak["images"][2:]
    arguments = ["--points", study / "points.json", *_models(study)[:2], "--overlays", "none", "--out", study / "out"]
    (study / "points.json").write_text(json.dumps({**weak, "images": half}))
    assert predict(study / "images", *arguments) == 2
    error = capsys.readouterr().err
    assert "points.json: 2 problem(s):\nimage 11: " in error and "images/12.png: is 64 x 64 px, the labels" in error
    (study / "points.json").write_text(json.dumps({**weak, "images": bare}))
    assert predict(study / "images", *arguments) == 0


@pytest.mark.parametrize("name", ["turned.jpg", "turned.png"])
def test_clicks_on_a_picture_that_the_tool_showed_turned(study: Path, name: str, capsys: pytest.CaptureFixture) -> None:
    """A JSON file's points are of the stored pixels."""
    exif = Image.Exif()
    exif[0x0112] = 3
    with Image.open(study / "images/11.png") as image:
        image.save(study / "images" / name, exif=exif)
    (study / "points.csv").write_text(f"image,x,y,category\n12.png,4,4,bar\n{name},4,4,bar\n{name},9,9,bar\n")
    arguments = [study / "images", *_models(study)[:2], "--overlays", "none", "--out", study / "out"]
    assert predict(*arguments, "--points", study / "points.csv") == 2
    error = capsys.readouterr().err
    assert f"points.csv: 1 problem(s):\npoint 2: {study}/images/{name}: has EXIF orientation 3, so the tool" in error
    weak = read_coco(study / "weak.json")
    weak["images"][0]["file_name"] = name
    (study / "points.json").write_text(json.dumps(weak))
    assert predict(*arguments, "--points", study / "points.json") == 0
    assert f"1 image(s) have an EXIF orientation, {name} for one. It is ignored" in capsys.readouterr().err


def test_options_of_the_refiner_need_one(study: Path, capsys: pytest.CaptureFixture) -> None:
    arguments = [study / "images", "--points", study / "weak.json", *_models(study)[:2], "--out", study / "out"]
    assert predict(*arguments, "--crop-scale", -1) == 2
    assert "--crop-scale needs --refiner" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["header", "categories", "twice", "image twice", "refiner", "teacher"])
def test_what_does_not_fit_is_refused(study: Path, what: str, capsys: pytest.CaptureFixture) -> None:
    arguments, message = _bad(study, what)
    assert predict(*arguments, "--out", study / "out") == 2
    assert message in capsys.readouterr().err


def test_an_ambiguous_image_name_is_refused(study: Path, capsys: pytest.CaptureFixture) -> None:
    (study / "images/copy").mkdir()
    (study / "images/copy/11.png").write_bytes((study / "images/11.png").read_bytes())
    (study / "images/11.png").rename(study / "images/copy/../11b.png")
    (study / "images/again").mkdir()
    (study / "images/again/11.png").write_bytes((study / "images/copy/11.png").read_bytes())
    assert predict(study / "images", "--points", study / "weak.json", *_models(study), "--out", study / "out") == 2
    assert "11.png may be again/11.png or copy/11.png" in capsys.readouterr().err


def test_points_of_another_folder_are_not_put_onto_this_one(study: Path, capsys: pytest.CaptureFixture) -> None:
    """Neither alone nor together with points of this one; and two names for one picture may be two pictures."""
    (study / "images").rename(study / "cam2")
    arguments = ["--points", study / "points.csv", *_models(study), "--out", study / "out"]
    rows = "image,x,y,category\ncam1/11.png,9,9,bar\ncam2/11.png,5,5,bar\n"
    (study / "points.csv").write_text(rows)
    assert predict(study / "cam2", *arguments) == 1
    found = [one["point_id"] for one in read_coco(study / "out/masks.json")["annotations"]]
    reasons = {row["point_id"]: (row["image"], row["reason"]) for row in _unmasked(study / "out")}
    assert reasons["1"] == ("cam1/11.png", "its image is not among the images given") and 1 not in found
    (study / "points.csv").write_text(f"{rows}11.png,6,6,bar\n11.png,7,7,bar\n12.png,1,1,bar\n")
    assert predict(study / "cam2", *arguments) == 2
    error = capsys.readouterr().err
    assert "points.csv: 1 problem(s):\ncam2/11.png (point 2) and 11.png (point 3) would both be 11.png; call" in error


def test_settings_of_other_weights_do_not_count(study: Path, capsys: pytest.CaptureFixture) -> None:
    teacher, refiner = study / "teacher/model.safetensors", study / "refiner/model.safetensors"
    settings, _ = point_mask_settings(teacher, refiner, {})
    assert settings.flip
    before = digest_of(refiner)
    write_refiner(refiner, crop_size=32)
    assert digest_of(refiner) != before
    settings, sources = point_mask_settings(teacher, refiner, {})
    assert not settings.flip and settings.crops.size == 32 and "defaults" in " ".join(sources)
    write_segmentor(teacher, [{"id": 3, "name": "bar"}])
    assert predict(study / "images", "--points", study / "weak.json", *_models(study), "--out", study / "out") == 2
    assert "--short-side" in capsys.readouterr().err
